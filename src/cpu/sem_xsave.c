/* SPDX-License-Identifier: MIT */
/*
 * XSAVE and XRSTOR in their standard form (SDM vol. 1, 13.4, 13.7 and 13.8). Components are always
 * "in use": the manual lets a processor track them as coarsely as that.
 */
#include "cpu/fxsave.h"
#include "cpu/system.h"

#include <stddef.h>
#include <string.h>

#define COMPONENT_X87 1ull
#define COMPONENT_SSE 2ull
#define PIECE_BYTES   64u
#define AREA_BYTES    576u
#define PIECES        (AREA_BYTES / PIECE_BYTES)

/* The area: legacy region and header. */
struct xsave_area {
    struct x64i_fxsave legacy;
    uint64_t in_use;     /* XSTATE_BV */
    uint64_t compaction; /* XCOMP_BV: 0 in the standard form */
    uint64_t zero;       /* XRSTOR wants it so */
    uint64_t unused[5];
};
_Static_assert(sizeof(struct xsave_area) == AREA_BYTES, "the area's size is architectural");

/* What belongs to which component, in bytes of the area. MXCSR goes with SSE. */
static const struct {
    uint64_t components;
    uint16_t offset;
    uint16_t size;
} parts[] = {
    {COMPONENT_X87, 0, 24},
    {COMPONENT_SSE, offsetof(struct x64i_fxsave, mxcsr), 8},
    {COMPONENT_X87, offsetof(struct x64i_fxsave, st), 128},
    {COMPONENT_SSE, offsetof(struct x64i_fxsave, xmm), 256},
    {~0ull, offsetof(struct xsave_area, in_use), 8},
};

/* Instructions of this kind need OSXSAVE, a clear TS and an area at a multiple of 64. */
static enum x64i_result check_area(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned access)
{
    uint64_t linear;
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cr0 & X64I_CR0_TS)
        return x64i_raise(cpu, X64_FAULT_NM);
    if (x64i_linear(cpu, op->segment, x64i_effective(cpu, op), AREA_BYTES, access, &linear) !=
        X64I_DONE)
        return X64I_FAULT;
    return linear % PIECE_BYTES == 0 ? X64I_DONE : x64i_raise_gp0(cpu);
}

/* The components asked for: EDX:EAX, of those that XCR0 enables. */
static uint64_t requested(const struct x64i_cpu *cpu)
{
    uint64_t mask = x64i_gpr(cpu, X64_RDX, 32) << 32 | x64i_gpr(cpu, X64_RAX, 32);
    return mask & cpu->s.xcr0;
}

/* Writes one part piece by piece; an aligned piece lies within a page. */
static void commit_part(struct x64i_cpu *cpu, const struct x64i_target *targets, const void *area,
                        unsigned offset, unsigned size)
{
    for (unsigned end = offset + size; offset < end;) {
        struct x64i_target target = targets[offset / PIECE_BYTES];
        unsigned skip = offset % PIECE_BYTES;
        unsigned count = end - offset < PIECE_BYTES - skip ? end - offset : PIECE_BYTES - skip;
        target.linear += skip;
        target.physical[0] += skip;
        target.size = (uint8_t)count;
        target.first = (uint8_t)count;
        x64i_commit_bytes(cpu, &target, (const uint8_t *)area + offset);
        offset += count;
    }
}

/* Memory := the components asked for; the others' bytes and bits in XSTATE_BV stay. */
X64I_HANDLER(xsave)
{
    struct xsave_area area;
    struct x64i_target targets[PIECES];
    if (check_area(cpu, op, X64I_ACCESS_WRITE) != X64I_DONE)
        return X64I_FAULT;
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < PIECES; i++)
        if (x64i_probe(cpu, op->segment, offset + (uint64_t)i * PIECE_BYTES, PIECE_BYTES,
                       &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    if (x64i_load(cpu, op->segment, offset + offsetof(struct xsave_area, in_use), 8,
                  &area.in_use) != X64I_DONE)
        return X64I_FAULT;
    uint64_t components = requested(cpu);
    area.in_use |= components;
    x64i_fxsave_fill(cpu, op, &area.legacy);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        unsigned size = parts[i].size;
        if (parts[i].offset == offsetof(struct x64i_fxsave, xmm))
            size = 16 * x64i_fxsave_xmm_count(cpu);
        if (parts[i].components == ~0ull || (parts[i].components & components))
            commit_part(cpu, targets, &area, parts[i].offset, size);
    }
    return X64I_DONE;
}

static void restore_x87(struct x64i_cpu *cpu, const struct x64i_op *op, struct xsave_area *area)
{
    if (!(area->in_use & COMPONENT_X87)) {
        memset(&area->legacy, 0, offsetof(struct x64i_fxsave, mxcsr));
        memset(area->legacy.st, 0, sizeof area->legacy.st);
        area->legacy.control = 0x37f;
    }
    x64i_fxsave_take_fpu(cpu, op, &area->legacy);
}

static void restore_sse(struct x64i_cpu *cpu, struct xsave_area *area)
{
    if (!(area->in_use & COMPONENT_SSE))
        memset(area->legacy.xmm, 0, sizeof area->legacy.xmm);
    x64i_set_mxcsr(cpu, area->legacy.mxcsr);
    x64i_fxsave_take_xmm(cpu, &area->legacy);
}

/* The components asked for := memory, or their initial state where XSTATE_BV is clear. MXCSR comes
 * from memory whenever SSE is asked for (13.8.1). */
X64I_HANDLER(xrstor)
{
    struct xsave_area area;
    if (check_area(cpu, op, X64I_ACCESS_READ) != X64I_DONE)
        return X64I_FAULT;
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned at = 0; at < AREA_BYTES; at += PIECE_BYTES)
        if (x64i_load_bytes(cpu, op->segment, offset + at, PIECE_BYTES, (uint8_t *)&area + at) !=
            X64I_DONE)
            return X64I_FAULT;
    uint64_t components = requested(cpu);
    bool sse = components & COMPONENT_SSE;
    if ((area.in_use & ~cpu->s.xcr0) || area.compaction != 0 || area.zero != 0 ||
        (sse && !x64i_mxcsr_is_valid(cpu, area.legacy.mxcsr)))
        return x64i_raise_gp0(cpu);
    if (components & COMPONENT_X87)
        restore_x87(cpu, op, &area);
    if (sse)
        restore_sse(cpu, &area);
    return X64I_DONE;
}
