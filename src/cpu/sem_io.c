/* SPDX-License-Identifier: MIT */
/* Port instructions and their permission (SDM vol. 1, chapter 19; vol. 2, IN, INS, OUT, OUTS). */
#include "cpu/string.h"
#include "cpu/system.h"

#define TSS_IO_BASE 0x66u /* the bitmap's offset stands here in a 64-bit TSS */

/*
 * The I/O permission bitmap, asked when CPL is above IOPL. Two bytes are read whatever the port, so
 * that both must lie within the TSS's limit; all bits of the access must be clear.
 */
static enum x64i_result check_bitmap(struct x64i_cpu *cpu, uint16_t port, unsigned size)
{
    const struct x64i_segment *tr = &cpu->s.segment[X64_TR];
    uint64_t base;
    uint64_t bits;
    if (!(tr->attributes & X64I_SEGMENT_PRESENT) || tr->limit < TSS_IO_BASE + 1)
        return x64i_raise_gp0(cpu);
    if (x64i_load_system(cpu, tr->base + TSS_IO_BASE, 2, &base) != X64I_DONE)
        return X64I_FAULT;
    uint64_t at = base + port / 8;
    if (at + 1 > tr->limit)
        return x64i_raise_gp0(cpu);
    if (x64i_load_system(cpu, tr->base + at, 2, &bits) != X64I_DONE)
        return X64I_FAULT;
    if (bits >> port % 8 & ((1u << size) - 1))
        return x64i_raise_gp0(cpu);
    return X64I_DONE;
}

static enum x64i_result check_permission(struct x64i_cpu *cpu, uint16_t port, unsigned size)
{
    unsigned iopl = (unsigned)(cpu->s.rflags & X64I_IOPL) >> 12;
    return cpu->s.cpl <= iopl ? X64I_DONE : check_bitmap(cpu, port, size);
}

/* I/O breakpoints (SDM vol. 3B, 17.2.4): R/W 10, with CR4.DE. They are traps. */
static void note_breakpoints(struct x64i_cpu *cpu, uint16_t port, unsigned size)
{
    static const uint8_t lengths[4] = {1, 2, 8, 4};
    uint64_t dr7 = cpu->s.dr[7];
    if (!(cpu->s.cr4 & X64I_CR4_DE))
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (!(dr7 >> 2 * i & 3) || (dr7 >> (16 + 4 * i) & 3) != 2)
            continue;
        unsigned length = lengths[dr7 >> (18 + 4 * i) & 3];
        uint64_t first = cpu->s.dr[i] & ~(uint64_t)(length - 1);
        if (first < (uint64_t)port + size && port < first + length)
            cpu->debug_hits |= 1ull << i;
    }
}

/* Where no device listens, the bus reads as all ones. */
static uint64_t read_port(struct x64i_cpu *cpu, uint16_t port, unsigned size)
{
    uint64_t value = x64i_mask(8 * size);
    if (cpu->callbacks && cpu->callbacks->port_read)
        value &= cpu->callbacks->port_read(cpu->callback_user, port, size);
    note_breakpoints(cpu, port, size);
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_PORT_READ,
                                                       .size = (uint8_t)size,
                                                       .index = port,
                                                       .value = value});
    return value;
}

static void write_port(struct x64i_cpu *cpu, uint16_t port, unsigned size, uint64_t value)
{
    if (cpu->callbacks && cpu->callbacks->port_write)
        cpu->callbacks->port_write(cpu->callback_user, port, size, (uint32_t)value);
    note_breakpoints(cpu, port, size);
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_PORT_WRITE,
                                                       .size = (uint8_t)size,
                                                       .index = port,
                                                       .value = value});
}

static uint16_t port_dx(const struct x64i_cpu *cpu)
{
    return (uint16_t)cpu->s.gpr[X64_RDX];
}

/* AL, AX or EAX := port */
X64I_INLINE enum x64i_result in(struct x64i_cpu *cpu, uint16_t port, unsigned width)
{
    if (check_permission(cpu, port, width / 8) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RAX, read_port(cpu, port, width / 8), width);
    return X64I_DONE;
}

/* port := AL, AX or EAX */
X64I_INLINE enum x64i_result out(struct x64i_cpu *cpu, uint16_t port, unsigned width)
{
    if (check_permission(cpu, port, width / 8) != X64I_DONE)
        return X64I_FAULT;
    write_port(cpu, port, width / 8, x64i_gpr(cpu, X64_RAX, width));
    return X64I_DONE;
}

/* `W` is what the decoder asks for, `width` what ports have: 32 bits at the most. */
#define PORT_HANDLERS_AT(W, width)                      \
    X64I_HANDLER(in_immediate_##W)                      \
    {                                                   \
        return in(cpu, (uint8_t)op->immediate, width);  \
    }                                                   \
    X64I_HANDLER(in_dx_##W)                             \
    {                                                   \
        (void)op;                                       \
        return in(cpu, port_dx(cpu), width);            \
    }                                                   \
    X64I_HANDLER(out_immediate_##W)                     \
    {                                                   \
        return out(cpu, (uint8_t)op->immediate, width); \
    }                                                   \
    X64I_HANDLER(out_dx_##W)                            \
    {                                                   \
        (void)op;                                       \
        return out(cpu, port_dx(cpu), width);           \
    }
PORT_HANDLERS_AT(8, 8)
PORT_HANDLERS_AT(16, 16)
PORT_HANDLERS_AT(32, 32)
PORT_HANDLERS_AT(64, 32)

/* ES:RDI := port. Permission is checked even for a count of zero, as processors do it, and the
 * destination before the device is asked. */
X64I_INLINE enum x64i_result ins(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    struct x64i_target target;
    uint16_t port = port_dx(cpu);
    if (check_permission(cpu, port, width / 8) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_probe(cpu, X64_ES, x64i_string_offset(cpu, op, X64_RDI), width / 8, &target) !=
        X64I_DONE)
        return X64I_FAULT;
    x64i_commit(cpu, &target, read_port(cpu, port, width / 8));
    x64i_string_advance(cpu, op, X64_RDI, width);
    return x64i_string_count(cpu, op);
}

/* port := DS:RSI, or another segment's. */
X64I_INLINE enum x64i_result outs(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t value;
    uint16_t port = port_dx(cpu);
    if (check_permission(cpu, port, width / 8) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_string_is_done(cpu, op))
        return X64I_DONE;
    if (x64i_load(cpu, op->segment, x64i_string_offset(cpu, op, X64_RSI), width / 8, &value) !=
        X64I_DONE)
        return X64I_FAULT;
    write_port(cpu, port, width / 8, value);
    x64i_string_advance(cpu, op, X64_RSI, width);
    return x64i_string_count(cpu, op);
}

#define STRING_HANDLERS_AT(letter, W) \
    X64I_HANDLER(ins##letter)         \
    {                                 \
        return ins(cpu, op, W);       \
    }                                 \
    X64I_HANDLER(outs##letter)        \
    {                                 \
        return outs(cpu, op, W);      \
    }
STRING_HANDLERS_AT(b, 8)
STRING_HANDLERS_AT(w, 16)
STRING_HANDLERS_AT(d, 32)
