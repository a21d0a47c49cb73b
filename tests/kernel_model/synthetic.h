/* SPDX-License-Identifier: MIT */
/*
 * A kernel image of a few kilobytes, made in the test: an ELF file with .text, .rodata with a small
 * kallsyms table and a banner, .data..percpu, .BTF and alternatives, and the bzImage around it,
 * packed as asked. Small enough to be damaged thousands of times.
 */
#ifndef X64_TESTS_KERNEL_MODEL_SYNTHETIC_H
#define X64_TESTS_KERNEL_MODEL_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

/* Where the synthetic kernel's things are. */
#define SYNTHETIC_TEXT     UINT64_C(0xffffffff81000000)
#define SYNTHETIC_RODATA   UINT64_C(0xffffffff81001000)
#define SYNTHETIC_SYMBOLS  600u /* symbol_0 at SYNTHETIC_TEXT, symbol_1 one byte later ... */
#define SYNTHETIC_PER_CPU  0x100u
#define SYNTHETIC_VARIABLE 0x40u /* the per-CPU variable "a_variable" */

/* The layouts of kallsyms over time. */
enum synthetic_kallsyms {
    KALLSYMS_6_1,    /* offsets before the names, per-CPU symbols absolute */
    KALLSYMS_6_2,    /* the same, with the sequence numbers behind the markers */
    KALLSYMS_6_4,    /* offsets after the token index */
    KALLSYMS_PLAIN,  /* offsets after the token index, all relative to the base */
    KALLSYMS_64_BIT, /* addresses and markers of eight bytes */
    KALLSYMS_7_0,    /* distances from themselves after the token index, without a base */
    KALLSYMS_COUNT
};

enum synthetic_codec { CODEC_GZIP, CODEC_XZ, CODEC_LZMA, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

/* The ELF file; the caller frees it. */
uint8_t *synthetic_elf(enum synthetic_kallsyms kallsyms, size_t *size);

/* A bzImage around `elf`; the caller frees it. */
uint8_t *synthetic_bzimage(const uint8_t *elf, size_t elf_size, enum synthetic_codec codec,
                           size_t *size);

#endif
