/* SPDX-License-Identifier: MIT */
/*
 * From bytes to ops: Zydis decodes, the instruction table gives the handler. Ops are kept with the
 * bytes they were made of, and used again only while memory still holds the same bytes.
 */
#ifndef X64I_CPU_DECODE_H
#define X64I_CPU_DECODE_H

#include "cpu/cpu.h"

#define X64I_INSTRUCTION_MAX 15

enum x64i_decoded {
    X64I_DECODED,
    X64I_DECODE_MORE,     /* the bytes end within the instruction */
    X64I_DECODE_TOO_LONG, /* more than 15 bytes: #GP(0) */
    X64I_DECODE_UNDEFINED /* no such instruction on this CPU: #UD; op->length may be 0 */
};

struct x64i_decode_cache *x64i_decode_cache_create(struct x64i_heap *heap);
void x64i_decode_cache_destroy(struct x64i_heap *heap, struct x64i_decode_cache *cache);

/* Makes or shares what cpu->decoder points to, and allocates what cpu->cache does. The decoder of
 * `original`, null for none, was made for the same model; it never changes, so that CPUs in several
 * threads may share it. */
enum x64_status x64i_decoder_create(struct x64i_cpu *cpu, const struct x64i_cpu *original);
void x64i_decoder_destroy(struct x64i_cpu *cpu);

/* Decodes for the CPU's present mode (cpu->code_bits). */
enum x64i_decoded x64i_decode(struct x64i_cpu *cpu, const uint8_t *bytes, size_t size,
                              struct x64i_op *op);

/* Fetches and decodes the instruction at RIP; fills cpu->step's bytes. X64I_FAULT as from a
 * handler. The op is valid until the next call. */
enum x64i_result x64i_fetch(struct x64i_cpu *cpu, const struct x64i_op **op);

/* Notes an instruction's bytes in cpu->step. */
void x64i_remember_bytes(struct x64i_cpu *cpu, const uint8_t *bytes, size_t size);

#endif
