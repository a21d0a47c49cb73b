/* SPDX-License-Identifier: MIT */
/*
 * What a kernel does to its own code while it boots, done to the image: alternatives chosen by CPU
 * feature, indirect calls and returns through thunks or plain, paravirtual calls made native. On
 * disk everything is in its default state; which bytes a syscall really runs depends on the
 * features.
 *
 *     static bool has(void *user, unsigned number, const char *name)
 *     {
 *         return name != NULL && (strcmp(name, "pti") == 0 || strcmp(name, "smap") == 0);
 *     }
 *     ...
 *     struct x64_patch_options options = {.struct_size = sizeof options, .has_feature = has};
 *     status = x64_kernel_image_patch(image, &options, NULL, &error);
 *
 * Features are Linux's numbers, word * 32 + bit, and differ from one kernel to the next where they
 * are not CPUID bits. Names come from the image's own tables (those of /proc/cpuinfo: "pti",
 * "pcid", "smap"; the bugs of the CPU as "bug:null_seg"). Features without a name there are
 * recognised by the code that they choose and get Linux's name in lower case: "kernel_ibrs" (the
 * IBRS writes of the entry), "retpoline", "retpoline_lfence", "rethunk", "unret", "srso",
 * "srso_alias", "entry_ibpb", "call_depth", "clear_cpu_buf" (VERW), "clear_bhb_loop",
 * "fence_swapgs_user", "fence_swapgs_kernel", "rsb_ctxsw", "xenpv", "lfence_rdtsc" and others.
 */
#ifndef X64EMU_KERNEL_PATCH_H
#define X64EMU_KERNEL_PATCH_H

#include "x64emu/kernel_image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A record of .altinstructions. Kernel: arch/x86/include/asm/alternative.h. */
struct x64_image_alternative {
    uint64_t linear;      /* of the original code */
    uint64_t replacement; /* linear, in .altinstr_replacement */
    uint8_t size;
    uint8_t replacement_size; /* not larger than size */
    uint16_t feature;
    bool negated;     /* ALT_NOT: applied if the feature is absent */
    bool direct_call; /* ALT_FLAG_DIRECT_CALL: an indirect call becomes a direct one */
};

/* Where a feature is found in CPUID. */
struct x64_feature_cpuid {
    uint32_t leaf;
    uint32_t subleaf;
    uint8_t reg; /* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
    uint8_t bit;
};

/* How to patch. A zeroed struct with struct_size and has_feature set is a good start. */
struct x64_patch_options {
    size_t struct_size; /* sizeof(struct x64_patch_options) as the caller was compiled */
    /*
     * Whether the kernel would find the feature on this CPU (boot_cpu_has): asked once for every
     * record. `name` may be null. "always" is not asked. What is unknown is best answered with
     * false, "xenpv" too. The callback must not use the image.
     */
    bool (*has_feature)(void *user, unsigned number, const char *name);
    void *user;
    bool uniprocessor; /* turn LOCK prefixes into DS, as on a machine of one CPU for ever */
    bool keep_endbr;   /* keep the ENDBR64 of functions that are never called indirectly */
};

/* What was patched. */
struct x64_patch_counts {
    size_t alternatives;       /* records */
    size_t alternatives_taken; /* records whose replacement was put in */
    size_t paravirt_calls;     /* of .parainstructions */
    size_t retpolines;         /* call sites turned into plain indirect branches */
    size_t returns;            /* jumps to the return thunk turned into RET or another thunk */
    size_t endbrs;
    size_t locks;
    size_t fentries; /* calls of __fentry__, for tracing, turned into NOPs */
};

/* The number of records of .altinstructions, and one of them; null when `index` is too large. */
X64_API size_t x64_kernel_image_alternative_count(const struct x64_kernel_image *image);
X64_API const struct x64_image_alternative *
x64_kernel_image_alternative_at_index(const struct x64_kernel_image *image, size_t index);

/* The number of the feature called `name`, in any case. X64_ERROR_NOT_FOUND if the image does not
 * say. */
X64_API enum x64_status x64_kernel_image_feature(const struct x64_kernel_image *image,
                                                 const char *name, unsigned *number,
                                                 struct x64_image_error *error);

/* The name of feature `number`; null if it has none. */
X64_API const char *x64_kernel_image_feature_name(const struct x64_kernel_image *image,
                                                  unsigned number);

/*
 * The CPUID bit behind feature `number`; false for Linux's own. The same in every kernel.
 * Kernel: enum cpuid_leafs in arch/x86/include/asm/cpufeature.h.
 */
X64_API bool x64_kernel_feature_cpuid(unsigned number, struct x64_feature_cpuid *cpuid);

/*
 * Patch the image in the order in which a booting kernel does: .parainstructions, .retpoline_sites,
 * .return_sites, .altinstructions, .ibt_endbr_seal, .smp_locks, then the calls of __fentry__ and
 * the run-time constant USER_PTR_MAX; those that the image has. Kernel: alternative_instructions()
 * in arch/x86/kernel/alternative.c, ftrace_init(), runtime_const_init(). Left as they are: static
 * keys
 * (__jump_table) and static calls, which the image holds in their default state; the call-depth
 * accounting of .call_sites; ITS thunks, which a kernel makes at run time.
 *
 * An image is patched once: the second time the answer is X64_ERROR_STATE. X64_ERROR_UNSUPPORTED or
 * X64_ERROR_FORMAT if a table is not understood; the image is then half patched and fit for closing
 * only. `counts` may be null.
 */
X64_API enum x64_status x64_kernel_image_patch(struct x64_kernel_image *image,
                                               const struct x64_patch_options *options,
                                               struct x64_patch_counts *counts,
                                               struct x64_image_error *error);

#ifdef __cplusplus
}
#endif

#endif
