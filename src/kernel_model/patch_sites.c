/* SPDX-License-Identifier: MIT */
/*
 * The tables of single places: each entry is a 32-bit distance from itself to an instruction.
 * Kernel: apply_retpolines(), apply_returns(), apply_seal_endbr(), alternatives_smp_unlock() in
 * arch/x86/kernel/alternative.c.
 */
#include "kernel_model/patch.h"

#include <string.h>

#define THUNK_SIZE                                                                \
    32 /* RETPOLINE_THUNK_SIZE: the thunks of the 16 registers are this far apart \
        */
#define CALL_REL32       0xe8
#define JMP_REL32        0xe9
#define INT3             0xcc
#define RET              0xc3
#define LOCK             0xf0
#define DS               0x3e
#define RUNTIME_CONSTANT UINT64_C(0x0123456789abcdef) /* until the kernel knows the value */

/* Do `each` for the linear address of every entry in the section `name`; none is no error. */
static enum x64_status for_each_site(struct x64i_patch *patch, const char *name,
                                     enum x64_status (*each)(struct x64i_patch *patch,
                                                             uint64_t linear))
{
    const struct x64_image_section *s = x64_kernel_image_section(patch->image, name);
    enum x64_status status = X64_OK;

    for (uint64_t at = 0; s != NULL && s->data != NULL && at + 4 <= s->size && status == X64_OK;
         at += 4)
        status = each(patch, s->linear + at + (uint64_t)(int64_t)(int32_t)x64i_le32(s->data + at));
    return status;
}

static enum x64_status fail_site(struct x64i_patch *patch, uint64_t linear, const char *what)
{
    return x64i_image_fail(patch->error, X64_ERROR_FORMAT,
                           "at 0x%llx there should be %s, but there is not",
                           (unsigned long long)linear, what);
}

/* A direct branch: its prefixes and opcode, its size, and where it goes. */
struct branch {
    uint8_t opcode; /* CALL_REL32, JMP_REL32, or 0x80..0x8f for Jcc */
    size_t size;
    uint64_t target;
};

/* Read CALL, JMP or Jcc with a 32-bit distance, with the CS prefix that compilers put in for room.
 */
static bool read_branch(const struct x64i_patch *patch, uint64_t linear, struct branch *branch)
{
    const uint8_t *p = x64i_image_bytes(patch->image, linear, 7);
    size_t at = 0;

    if (p == NULL)
        return false;
    while (at < 2 && p[at] == 0x2e)
        at++;
    if (p[at] == 0x0f && at == 0)
        at++;
    branch->opcode = p[at];
    bool conditional = at > 0 && p[at - 1] == 0x0f && (p[at] & 0xf0) == 0x80;
    if (p[at] != CALL_REL32 && p[at] != JMP_REL32 && !conditional)
        return false;
    branch->size = at + 5;
    if (branch->size > 7)
        return false;
    branch->target = linear + branch->size + (uint64_t)(int64_t)(int32_t)x64i_le32(p + at + 1);
    return true;
}

/* CALL or JMP through register `number`, into `out`; its size. */
static size_t put_indirect(uint8_t *out, uint8_t opcode, unsigned number)
{
    size_t at = 0;

    if (number >= 8)
        out[at++] = 0x41;
    out[at++] = 0xff;
    out[at++] = (uint8_t)((opcode == CALL_REL32 ? 0xd0 : 0xe0) + (number & 7));
    return at;
}

/* A branch to a retpoline thunk becomes a branch through the register. */
static enum x64_status patch_retpoline(struct x64i_patch *patch, uint64_t linear)
{
    struct x64_image_symbol thunks;
    struct branch branch;
    uint8_t code[16];
    size_t at = 0;

    if (!read_branch(patch, linear, &branch))
        return fail_site(patch, linear, "a branch to a retpoline thunk");
    if (x64_kernel_image_symbol(patch->image, "__x86_indirect_thunk_rax", &thunks, NULL) !=
            X64_OK ||
        branch.target - thunks.address >= (uint64_t)16 * THUNK_SIZE ||
        (branch.target - thunks.address) % THUNK_SIZE != 0)
        return fail_site(patch, linear, "a branch to one of the retpoline thunks of 16 registers");
    unsigned number = (unsigned)((branch.target - thunks.address) / THUNK_SIZE);
    if (branch.opcode != CALL_REL32 && branch.opcode != JMP_REL32) {
        code[at++] = (uint8_t)(0x70 + ((branch.opcode & 0xf) ^ 1));
        code[at++] = (uint8_t)(branch.size - 2);
    }
    if (patch->lfence) {
        code[at++] = 0x0f;
        code[at++] = 0xae;
        code[at++] = 0xe8;
    }
    at += put_indirect(code + at, branch.opcode, number);
    if (at > branch.size)
        return fail_site(patch, linear, "room for LFENCE and an indirect branch");
    if (branch.opcode != CALL_REL32 && at < branch.size)
        code[at++] = INT3;
    x64i_fill_nops(code + at, branch.size - at, 8);
    memcpy(x64i_image_bytes(patch->image, linear, branch.size), code, branch.size);
    patch->counts.retpolines++;
    return X64_OK;
}

enum x64_status x64i_patch_retpolines(struct x64i_patch *patch)
{
    patch->lfence = x64i_patch_has_name(patch, "retpoline_lfence");
    if (x64i_patch_has_name(patch, "retpoline") && !patch->lfence)
        return X64_OK;
    return for_each_site(patch, ".retpoline_sites", patch_retpoline);
}

/* Which return thunk a CPU with rethunk uses; the first row that the CPU has and the image too. */
static const struct thunk {
    const char *feature;
    const char *symbol;
} return_thunks[] = {
    {"srso_alias", "srso_alias_return_thunk"},
    {"srso_alias", "srso_return_thunk"},
    {"srso", "srso_return_thunk"},
    {"unret", "retbleed_return_thunk"},
    {"unret", "zen_return_thunk"},
};

/* The address that returns shall jump to; 0 for __x86_return_thunk, where they already do. */
static uint64_t choose_thunk(const struct x64i_patch *patch)
{
    struct x64_image_symbol symbol;

    for (size_t i = 0; i < sizeof return_thunks / sizeof return_thunks[0]; i++)
        if (x64i_patch_has_name(patch, return_thunks[i].feature) &&
            x64_kernel_image_symbol(patch->image, return_thunks[i].symbol, &symbol, NULL) == X64_OK)
            return symbol.address;
    return 0;
}

/* "jmp __x86_return_thunk" becomes RET, or goes to the thunk in use. */
static enum x64_status patch_return(struct x64i_patch *patch, uint64_t linear)
{
    uint8_t *code = x64i_image_bytes(patch->image, linear, 5);

    if (code == NULL)
        return fail_site(patch, linear, "a jump to the return thunk");
    /* The return of the thunk itself is listed, too. */
    if (code[0] != JMP_REL32)
        return X64_OK;
    if (patch->rethunk) {
        x64i_put_le32(code + 1, (uint32_t)(patch->return_thunk - (linear + 5)));
    } else {
        memset(code, INT3, 5);
        code[0] = RET;
    }
    patch->counts.returns++;
    return X64_OK;
}

enum x64_status x64i_patch_returns(struct x64i_patch *patch)
{
    patch->rethunk = x64i_patch_has_name(patch, "rethunk");
    patch->return_thunk = patch->rethunk ? choose_thunk(patch) : 0;
    if (patch->rethunk && patch->return_thunk == 0)
        return X64_OK;
    return for_each_site(patch, ".return_sites", patch_return);
}

/* Functions that nobody calls indirectly lose their ENDBR64, for a NOP of the same size. */
static enum x64_status patch_endbr(struct x64i_patch *patch, uint64_t linear)
{
    uint8_t *code = x64i_image_bytes(patch->image, linear, 4);

    if (code == NULL)
        return fail_site(patch, linear, "ENDBR64");
    if (memcmp(code, "\xf3\x0f\x1e\xfa", 4) != 0)
        return X64_OK;
    memcpy(code, "\x66\x0f\x1f\x00", 4);
    patch->counts.endbrs++;
    return X64_OK;
}

enum x64_status x64i_patch_endbrs(struct x64i_patch *patch)
{
    return patch->options->keep_endbr ? X64_OK
                                      : for_each_site(patch, ".ibt_endbr_seal", patch_endbr);
}

static enum x64_status patch_lock(struct x64i_patch *patch, uint64_t linear)
{
    uint8_t *code = x64i_image_bytes(patch->image, linear, 1);

    if (code == NULL)
        return fail_site(patch, linear, "a LOCK prefix");
    if (code[0] == LOCK) {
        code[0] = DS;
        patch->counts.locks++;
    }
    return X64_OK;
}

enum x64_status x64i_patch_locks(struct x64i_patch *patch)
{
    return patch->options->uniprocessor ? for_each_site(patch, ".smp_locks", patch_lock) : X64_OK;
}

/*
 * Functions begin with "call __fentry__" for tracing; without a tracer that is a NOP.
 * __start_mcount_loc lists the places, by address. Kernel: ftrace_init().
 */
enum x64_status x64i_patch_fentries(struct x64i_patch *patch)
{
    struct x64_image_symbol start;
    struct x64_image_symbol stop;
    struct x64_image_symbol fentry;

    if (x64_kernel_image_symbol(patch->image, "__start_mcount_loc", &start, NULL) != X64_OK ||
        x64_kernel_image_symbol(patch->image, "__stop_mcount_loc", &stop, NULL) != X64_OK ||
        x64_kernel_image_symbol(patch->image, "__fentry__", &fentry, NULL) != X64_OK)
        return X64_OK;
    for (uint64_t at = start.address; at < stop.address; at += 8) {
        const uint8_t *entry = x64i_image_bytes(patch->image, at, 8);
        if (entry != NULL && x64i_le64(entry) == 0)
            continue; /* the place was in a weak function that another one replaced */
        uint8_t *code = entry == NULL ? NULL : x64i_image_bytes(patch->image, x64i_le64(entry), 5);
        if (code == NULL)
            return fail_site(patch, at, "the address of a call of __fentry__");
        uint64_t next = x64i_le64(entry) + 5;
        if (code[0] == CALL_REL32 &&
            next + (uint64_t)(int64_t)(int32_t)x64i_le32(code + 1) == fentry.address) {
            x64i_fill_nops(code, 5, 8);
            patch->counts.fentries++;
        }
    }
    return X64_OK;
}

/* The end of user space as an immediate operand: 6.12's access checks. Kernel:
 * runtime_const_init(). */
static enum x64_status patch_user_end(struct x64i_patch *patch, uint64_t linear)
{
    uint64_t end = x64i_patch_has_name(patch, "la57") ? UINT64_C(0x00fffffffffff000)
                                                      : UINT64_C(0x00007ffffffff000);
    uint8_t *code = x64i_image_bytes(patch->image, linear, 8);

    if (code == NULL || x64i_le64(code) != RUNTIME_CONSTANT)
        return fail_site(patch, linear, "the place holder of the end of user space");
    x64i_put_le32(code, (uint32_t)end);
    x64i_put_le32(code + 4, (uint32_t)(end >> 32));
    return X64_OK;
}

enum x64_status x64i_patch_constants(struct x64i_patch *patch)
{
    return for_each_site(patch, "runtime_ptr_USER_PTR_MAX", patch_user_end);
}
