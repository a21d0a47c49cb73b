/* SPDX-License-Identifier: MIT */
/*
 * A user's program or its interpreter: what an ELF file says about its segments. Nothing in the
 * file is trusted.
 */
#ifndef X64I_KERNEL_MODEL_ELF_H
#define X64I_KERNEL_MODEL_ELF_H

#include "x64emu/kernel_model.h"

#define X64I_ELF_SEGMENTS 64
#define X64I_ELF_SIZE_MAX (UINT64_C(512) << 20)

struct x64i_elf_segment {
    uint64_t linear;
    uint64_t file_offset;
    uint64_t file_size;
    uint64_t memory_size;
    uint32_t protection; /* enum x64i_protection */
};

struct x64i_elf {
    bool compat;               /* 32 bits */
    bool position_independent; /* static-pie: the loader chooses the base */
    uint64_t entry;
    uint64_t phdr; /* linear address of the program headers in memory, 0 when not loaded */
    uint16_t phent;
    uint16_t phnum;
    uint64_t end; /* behind the highest segment: where the heap begins */
    bool executable_stack;
    uint64_t interpreter_offset; /* of its path in the file; interpreter_size 0: static */
    uint64_t interpreter_size;   /* with the final zero */
    unsigned segment_count;
    struct x64i_elf_segment segment[X64I_ELF_SEGMENTS]; /* ascending, not overlapping by pages */
};

/* Reads the headers. `name` is for the sentences. X64_ERROR_FORMAT, X64_ERROR_UNSUPPORTED. */
enum x64_status x64i_elf_parse(const uint8_t *bytes, size_t size, const char *name,
                               struct x64i_elf *elf, struct x64_error_text *error);

/* The same of a file of which only the beginning is at hand; program headers must lie in it. */
enum x64_status x64i_elf_parse_head(const uint8_t *bytes, size_t available, uint64_t size,
                                    const char *name, struct x64i_elf *elf,
                                    struct x64_error_text *error);

#endif
