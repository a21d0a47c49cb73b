/* SPDX-License-Identifier: MIT */
/*
 * String instructions (SDM vol. 1, 7.3.9). One iteration is one step: under a REP prefix the
 * instruction answers X64I_REPEAT while more iterations remain, so that interrupts come in between
 * and a fault leaves the registers at the iteration that faulted.
 */
#include "cpu/sem.h"
#include "cpu/string.h"

X64I_INLINE enum x64i_result movs(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t value;
    x64i_string_cut(cpu, op, X64_RSI);
    x64i_string_cut(cpu, op, X64_RDI);
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_load(cpu, op->segment, x64i_string_offset(cpu, op, X64_RSI), width / 8, &value) !=
            X64I_DONE ||
        x64i_store(cpu, X64_ES, x64i_string_offset(cpu, op, X64_RDI), width / 8, value) !=
            X64I_DONE)
        return X64I_FAULT;
    x64i_string_advance(cpu, op, X64_RSI, width);
    x64i_string_advance(cpu, op, X64_RDI, width);
    return x64i_string_count(cpu, op);
}

X64I_INLINE enum x64i_result stos(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    x64i_string_cut(cpu, op, X64_RDI);
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_store(cpu, X64_ES, x64i_string_offset(cpu, op, X64_RDI), width / 8,
                   x64i_gpr(cpu, X64_RAX, width)) != X64I_DONE)
        return X64I_FAULT;
    x64i_string_advance(cpu, op, X64_RDI, width);
    return x64i_string_count(cpu, op);
}

X64I_INLINE enum x64i_result lods(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t value;
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_load(cpu, op->segment, x64i_string_offset(cpu, op, X64_RSI), width / 8, &value) !=
        X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RAX, value, width);
    x64i_string_advance(cpu, op, X64_RSI, width);
    return x64i_string_count(cpu, op);
}

/* Counts an iteration of CMPS or SCAS: REPE ends at a difference, REPNE at a match. On Intel's
 * processors only the last iteration writes the flags: a page fault in the middle finds those from
 * before the instruction (SDM vol. 2B, REP). */
X64I_INLINE enum x64i_result finish_comparison(struct x64i_cpu *cpu, const struct x64i_op *op,
                                               uint64_t a, uint64_t b, unsigned width)
{
    enum x64i_result result = x64i_string_count(cpu, op);
    if (op->flags & X64I_OP_REPNE ? a == b : a != b)
        result = X64I_DONE;
    if (result == X64I_DONE || cpu->model->behaviour.string_flags_each_time)
        x64i_set_flags_sub(cpu, X64I_OSZAPC, a, b, a - b, width);
    return result;
}

X64I_INLINE enum x64i_result scas(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t value;
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_load(cpu, X64_ES, x64i_string_offset(cpu, op, X64_RDI), width / 8, &value) !=
        X64I_DONE)
        return X64I_FAULT;
    x64i_string_advance(cpu, op, X64_RDI, width);
    return finish_comparison(cpu, op, x64i_gpr(cpu, X64_RAX, width), value, width);
}

/* Loads both elements of CMPS in the vendor's order, which decides between two faults. */
X64I_INLINE enum x64i_result load_pair(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       unsigned size, uint64_t *source, uint64_t *destination)
{
    const uint64_t from = x64i_string_offset(cpu, op, X64_RSI);
    const uint64_t to = x64i_string_offset(cpu, op, X64_RDI);
    if (cpu->model->behaviour.cmps_reads_source_first)
        return x64i_load(cpu, op->segment, from, size, source) == X64I_DONE
                   ? x64i_load(cpu, X64_ES, to, size, destination)
                   : X64I_FAULT;
    return x64i_load(cpu, X64_ES, to, size, destination) == X64I_DONE
               ? x64i_load(cpu, op->segment, from, size, source)
               : X64I_FAULT;
}

/* Compares the source with the destination. */
X64I_INLINE enum x64i_result cmps(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t a, b;
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (load_pair(cpu, op, width / 8, &a, &b) != X64I_DONE)
        return X64I_FAULT;
    x64i_string_advance(cpu, op, X64_RSI, width);
    x64i_string_advance(cpu, op, X64_RDI, width);
    return finish_comparison(cpu, op, a, b, width);
}

#define STRING_AT(name, W)       \
    X64I_HANDLER(name##_##W)     \
    {                            \
        return name(cpu, op, W); \
    }
X64I_FOR_8_16_32_64(STRING_AT, movs)
X64I_FOR_8_16_32_64(STRING_AT, stos)
X64I_FOR_8_16_32_64(STRING_AT, lods)
X64I_FOR_8_16_32_64(STRING_AT, scas)
X64I_FOR_8_16_32_64(STRING_AT, cmps)
