/* SPDX-License-Identifier: MIT */
/*
 * Linux kernel images: what a vmlinuz, as a distribution ships it, says about itself. A bzImage is
 * unpacked (gzip, xz, lzma, lz4, zstd), a plain vmlinux is taken as it is; out come sections and
 * segments, the symbols of the image's own kallsyms, the types of its .BTF and the layout of its
 * per-CPU area. No machine is needed, and nothing in the file is trusted. kernel_patch.h does to
 * the image what a booting kernel does to itself. The symbols of a vmlinuz in five lines:
 *
 *     struct x64_kernel_image *image;
 *     struct x64_image_error error;
 *     if (x64_kernel_image_open("/boot/vmlinuz", &image, &error) != X64_OK)
 *         return fprintf(stderr, "%s\n", error.text), 1;
 *     for (size_t i = 0; i < x64_kernel_image_symbol_count(image); i++)
 *         puts(x64_kernel_image_symbol_at_index(image, i)->name);
 *
 * Every pointer that these functions hand out lives as long as the image. An image is read-only
 * once it is open (patching aside), so any number of threads may ask it. Parameters named `error`
 * may be null; they are written only when the answer is not X64_OK.
 */
#ifndef X64EMU_KERNEL_IMAGE_H
#define X64EMU_KERNEL_IMAGE_H

#include "x64emu/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct x64_kernel_image;

/* One sentence: what was looked for or is wrong, and where. Without a full stop. */
struct x64_image_error {
    char text[256];
};

/* Where the symbols came from. */
enum x64_symbol_source {
    X64_SYMBOLS_NONE,     /* neither source was usable */
    X64_SYMBOLS_KALLSYMS, /* the table that the running kernel itself uses */
    X64_SYMBOLS_ELF       /* .symtab of an unstripped vmlinux */
};

/* What the image is, as a whole. */
struct x64_image_info {
    const char *release;     /* what `uname -r` prints: "6.1.0-56-cloud-amd64"; "" if not found */
    const char *banner;      /* linux_banner without its newline; "" if not found */
    const char *compression; /* "none", "gzip", "xz", "lzma", "lz4", "zstd" */
    uint16_t boot_protocol;  /* of the bzImage's header, 0x020f for 2.15; 0 for a plain vmlinux */
    uint64_t entry;          /* e_entry: the physical address of startup_64 */
    enum x64_symbol_source symbols;
    const char *symbols_missing; /* why there are no symbols; null if there are */
    const char *types_missing;   /* why there are no BTF types; null if there are */
};

/* A section of the ELF file. */
struct x64_image_section {
    const char *name;
    uint64_t linear;   /* sh_addr; 0 for .data..percpu, whose addresses are offsets */
    uint64_t physical; /* where the boot loader puts it; 0 for sections that are not loaded */
    uint64_t size;
    const uint8_t *data; /* size bytes; null for .bss and its like */
    bool executable;
    bool writable;
    bool loaded;
};

/* A PT_LOAD segment of the ELF file. */
struct x64_image_segment {
    uint64_t linear;
    uint64_t physical;
    uint64_t file_size;   /* bytes of data; the rest up to memory_size is zero */
    uint64_t memory_size; /* never smaller than file_size */
    const uint8_t *data;
    bool executable;
    bool writable;
};

/* A symbol. */
struct x64_image_symbol {
    const char *name;
    uint64_t address; /* linear; for a per-CPU symbol the offset from the CPU's GS base */
    char type;    /* nm's letter: T/t text, D/d data, R/r read-only, B/b bss, A/a absolute ... */
    bool per_cpu; /* lies in .data..percpu */
};

/* A member found in the types, nested members and anonymous unions resolved. */
struct x64_image_member {
    uint64_t offset; /* bytes from the start of the outermost struct */
    uint64_t size;   /* bytes; of a bit field, the bytes of its storage unit's declared type */
    uint32_t bit_offset;
    uint32_t bit_size; /* 0 unless it is a bit field */
};

/*
 * Open the image in the file `path`: a bzImage or a vmlinux. On success *image is the caller's, to
 * be closed with x64_kernel_image_close. X64_ERROR_IO if the file cannot be read, X64_ERROR_FORMAT
 * if it is damaged or no kernel, X64_ERROR_UNSUPPORTED if it is a kernel of another architecture,
 * width or compression, X64_ERROR_LIMIT if it unpacks to more than 512 MiB, X64_ERROR_MEMORY.
 * Missing symbols or types are no error here: x64_kernel_image_info tells.
 * Kernel: Documentation/arch/x86/boot.rst.
 */
X64_API enum x64_status x64_kernel_image_open(const char *path, struct x64_kernel_image **image,
                                              struct x64_image_error *error);

/* The same for `size` bytes of memory, which are copied and may go away afterwards. */
X64_API enum x64_status x64_kernel_image_open_memory(const void *data, size_t size,
                                                     struct x64_kernel_image **image,
                                                     struct x64_image_error *error);

/* Free the image and all that it handed out. Null is allowed. */
X64_API void x64_kernel_image_close(struct x64_kernel_image *image);

/* What the image is. */
X64_API enum x64_status x64_kernel_image_info(const struct x64_kernel_image *image,
                                              struct x64_image_info *info);

/* The sections in file order, and the loaded segments; null when `index` is too large. */
X64_API size_t x64_kernel_image_section_count(const struct x64_kernel_image *image);
X64_API const struct x64_image_section *
x64_kernel_image_section_at_index(const struct x64_kernel_image *image, size_t index);
X64_API size_t x64_kernel_image_segment_count(const struct x64_kernel_image *image);
X64_API const struct x64_image_segment *
x64_kernel_image_segment_at_index(const struct x64_kernel_image *image, size_t index);

/* The section called `name`, such as ".altinstructions"; null if there is none. */
X64_API const struct x64_image_section *
x64_kernel_image_section(const struct x64_kernel_image *image, const char *name);

/*
 * Copy `size` bytes at the linear address `linear` into `buffer`, bss as zeros. X64_ERROR_UNMAPPED
 * if a byte of them is outside every segment; nothing is copied then.
 */
X64_API enum x64_status x64_kernel_image_read(const struct x64_kernel_image *image, uint64_t linear,
                                              void *buffer, size_t size);

/*
 * The number of symbols, and the symbol of that rank: ordered by address, per-CPU ones first. Null
 * when `index` is too large.
 */
X64_API size_t x64_kernel_image_symbol_count(const struct x64_kernel_image *image);
X64_API const struct x64_image_symbol *
x64_kernel_image_symbol_at_index(const struct x64_kernel_image *image, size_t index);

/*
 * The symbol called `name`. Of several with one name (static functions), a global one comes first,
 * then the lowest address. X64_ERROR_NOT_FOUND if there is none.
 */
X64_API enum x64_status x64_kernel_image_symbol(const struct x64_kernel_image *image,
                                                const char *name, struct x64_image_symbol *symbol,
                                                struct x64_image_error *error);

/*
 * The symbol that `linear` lies in or after, and how far (`offset` may be null): the nearest one at
 * or below it in the same segment, a global one if several start there. X64_ERROR_NOT_FOUND outside
 * of the image. Per-CPU symbols are found by x64_kernel_image_per_cpu_symbol only.
 */
X64_API enum x64_status x64_kernel_image_symbol_near(const struct x64_kernel_image *image,
                                                     uint64_t linear,
                                                     struct x64_image_symbol *symbol,
                                                     uint64_t *offset);

/* The same for an offset into the per-CPU area (what follows GS:). */
X64_API enum x64_status x64_kernel_image_per_cpu_symbol(const struct x64_kernel_image *image,
                                                        uint64_t per_cpu_offset,
                                                        struct x64_image_symbol *symbol,
                                                        uint64_t *offset);

/* The size in bytes of the struct, union or typedef of that name. */
X64_API enum x64_status x64_kernel_image_type_size(const struct x64_kernel_image *image,
                                                   const char *type, uint64_t *size,
                                                   struct x64_image_error *error);

/*
 * The member `path` of struct, union or typedef `type`: ("task_struct", "thread.sp"), ("pcpu_hot",
 * "top_of_stack"). Anonymous structs and unions on the way need no mention.
 */
X64_API enum x64_status x64_kernel_image_member(const struct x64_kernel_image *image,
                                                const char *type, const char *path,
                                                struct x64_image_member *member,
                                                struct x64_image_error *error);

/* The value of the enumerator `name`, of whichever enum declares it first: "PIDTYPE_TGID". */
X64_API enum x64_status x64_kernel_image_enumerator(const struct x64_kernel_image *image,
                                                    const char *name, int64_t *value,
                                                    struct x64_image_error *error);

/*
 * The per-CPU area's initial contents: the section .data..percpu (data never null). Each CPU has a
 * copy of it; GS.base is the copy's address minus section->linear. X64_ERROR_NOT_FOUND if the image
 * has none, X64_ERROR_FORMAT if __per_cpu_start and __per_cpu_end disagree with it.
 */
X64_API enum x64_status x64_kernel_image_per_cpu_section(const struct x64_kernel_image *image,
                                                         const struct x64_image_section **section,
                                                         struct x64_image_error *error);

/*
 * The offset from GS.base of the per-CPU variable `variable`, or of its member: ("current_task",
 * null), ("cpu_tss_rw", "x86_tss.sp2"). The types do not say which struct a variable is: a member
 * is looked up in the struct named in `type`, which is null when `path` is.
 */
X64_API enum x64_status x64_kernel_image_per_cpu_offset(const struct x64_kernel_image *image,
                                                        const char *variable, const char *type,
                                                        const char *path, uint64_t *offset,
                                                        struct x64_image_error *error);

#ifdef __cplusplus
}
#endif

#endif
