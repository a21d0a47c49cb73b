/* SPDX-License-Identifier: MIT */
/*
 * The XSAVE family (SDM vol. 1, chapter 13). A component is "in use" when its registers are not in
 * their initial state; the "modified optimization" is never taken, which the manual leaves open.
 */
#include "cpu/fxsave.h"
#include "cpu/opmask.h"
#include "cpu/system.h"
#include "msr/xstate.h"

#include <stddef.h>
#include <string.h>

#define LINE_BYTES    64u /* the area's alignment: a line lies within a page */
#define LINES         ((X64I_XSAVE_MAX + LINE_BYTES - 1) / LINE_BYTES)
#define AREA_BYTES    (LINES * LINE_BYTES)
#define PARTS_MAX     10u          /* five of the legacy region and header, five components */
#define COMPACT       (1ull << 63) /* in XCOMP_BV */
#define MXCSR_INITIAL 0x1f80u

/* Legacy region and header; components follow. */
struct xsave_area {
    struct x64i_fxsave legacy;
    uint64_t in_use;     /* XSTATE_BV */
    uint64_t compaction; /* XCOMP_BV: 0 in the standard form */
    uint64_t zero[6];    /* reserved */
    uint8_t components[AREA_BYTES - X64I_XSAVE_BASE];
};
_Static_assert(offsetof(struct xsave_area, components) == X64I_XSAVE_BASE,
               "the area's layout is architectural");

/* The instructions differ by these. */
enum form {
    STANDARD = 0,
    OPTIMIZED = 1 << 0, /* components in their initial state are not written */
    COMPACTED = 1 << 1,
    SUPERVISOR = 1 << 2 /* CPL 0; components of IA32_XSS, of which there are none */
};

/* What is written, in ascending order. */
struct parts {
    unsigned count;
    struct {
        uint16_t offset;
        uint16_t size;
    } item[PARTS_MAX];
};

static void add_part(struct parts *parts, size_t offset, size_t size)
{
    parts->item[parts->count].offset = (uint16_t)offset;
    parts->item[parts->count].size = (uint16_t)size;
    parts->count++;
}

/* The components asked for: EDX:EAX, of those that XCR0 enables. */
static uint64_t requested(const struct x64i_cpu *cpu)
{
    uint64_t mask = x64i_gpr(cpu, X64_RDX, 32) << 32 | x64i_gpr(cpu, X64_RAX, 32);
    return mask & cpu->s.xcr0;
}

/* OSXSAVE, a clear TS and an area at a multiple of 64. */
static enum x64i_result check_area(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned form,
                                   unsigned size, unsigned access)
{
    uint64_t linear;
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cr0 & X64I_CR0_TS)
        return x64i_raise(cpu, X64_FAULT_NM);
    if ((form & SUPERVISOR) && x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    /* As with aligned vectors: a misaligned area is #GP(0) even where there is no address. */
    linear = x64i_effective(cpu, op);
    bool flat = cpu->code_bits == 64 && op->segment < X64_FS;
    if ((linear + (flat ? 0 : cpu->s.segment[op->segment].base)) % LINE_BYTES != 0)
        return x64i_raise_gp0(cpu);
    return x64i_linear(cpu, op->segment, linear, size, access, &linear);
}

static bool x87_is_initial(const struct x64i_cpu_state *s)
{
    bool initial = s->fpu_control == 0x37f && s->fpu_status == 0 && s->fpu_tag == 0xffff &&
                   s->fpu_opcode == 0 && s->fpu_instruction == 0 && s->fpu_data == 0 &&
                   s->fpu_code_segment == 0 && s->fpu_data_segment == 0;
    for (unsigned i = 0; i < 8; i++)
        initial = initial && s->fpu[i].significand == 0 && s->fpu[i].exponent_sign == 0;
    return initial;
}

/* ZMM16-ZMM31 exist in 64-bit mode only (13.5.5). */
static unsigned more_count(const struct x64i_cpu *cpu)
{
    return cpu->code_bits == 64 ? 16 : 0;
}

static uint64_t any_of(const uint64_t *values, unsigned count)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < count; i++)
        any |= values[i];
    return any;
}

/* Components that are not in their initial state: the manual's XINUSE (13.6). MXCSR does not count.
 */
static uint64_t in_use(const struct x64i_cpu *cpu)
{
    const struct x64i_cpu_state *s = &cpu->s;
    uint64_t sse = 0, avx = 0, high = 0, more = 0;
    for (unsigned i = 0; i < x64i_fxsave_xmm_count(cpu); i++) {
        sse |= s->vector[i].lane[0] | s->vector[i].lane[1];
        avx |= s->vector[i].lane[2] | s->vector[i].lane[3];
        high |= any_of(&s->vector[i].lane[4], 4);
    }
    for (unsigned i = 16; i < 16 + more_count(cpu); i++)
        more |= any_of(s->vector[i].lane, 8);
    uint64_t opmask = any_of(s->opmask, 8);
    return (x87_is_initial(s) ? 0 : X64I_XSTATE_X87) | (sse ? X64I_XSTATE_SSE : 0) |
           (avx ? X64I_XSTATE_AVX : 0) | (opmask ? X64I_XSTATE_OPMASK : 0) |
           (high ? X64I_XSTATE_ZMM_HIGH : 0) | (more ? X64I_XSTATE_ZMM_MORE : 0) |
           (s->pkru ? X64I_XSTATE_PKRU : 0);
}

uint64_t x64i_xsave_in_use(const struct x64i_cpu *cpu)
{
    return in_use(cpu);
}

/* The vector registers that a component holds, and which of their quadwords. */
struct piece {
    unsigned first, count;
    unsigned lane, lanes;
};

static struct piece vector_piece(const struct x64i_cpu *cpu, uint64_t component)
{
    unsigned low = x64i_fxsave_xmm_count(cpu);
    if (component == X64I_XSTATE_AVX)
        return (struct piece){.first = 0, .count = low, .lane = 2, .lanes = 2};
    if (component == X64I_XSTATE_ZMM_HIGH)
        return (struct piece){.first = 0, .count = low, .lane = 4, .lanes = 4};
    return (struct piece){.first = 16, .count = more_count(cpu), .lane = 0, .lanes = 8};
}

unsigned x64i_xsave_fill(const struct x64i_cpu *cpu, unsigned number, uint8_t *bytes)
{
    uint64_t component = UINT64_C(1) << number;
    if (component == X64I_XSTATE_PKRU) {
        memcpy(bytes, &cpu->s.pkru, sizeof cpu->s.pkru);
        return sizeof cpu->s.pkru;
    }
    if (component == X64I_XSTATE_OPMASK) {
        memcpy(bytes, cpu->s.opmask, sizeof cpu->s.opmask);
        return sizeof cpu->s.opmask;
    }
    struct piece piece = vector_piece(cpu, component);
    size_t size = piece.lanes * sizeof(uint64_t);
    for (unsigned i = 0; i < piece.count; i++)
        memcpy(bytes + size * i, &cpu->s.vector[piece.first + i].lane[piece.lane], size);
    return (unsigned)size * piece.count;
}

static void take_opmasks(struct x64i_cpu *cpu, const uint8_t *bytes)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t value;
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        x64i_set_opmask(cpu, i, value);
    }
}

void x64i_xsave_take(struct x64i_cpu *cpu, unsigned number, const uint8_t *bytes)
{
    uint64_t component = UINT64_C(1) << number;
    if (component == X64I_XSTATE_PKRU) {
        uint32_t pkru;
        memcpy(&pkru, bytes, sizeof pkru);
        x64i_set_pkru(cpu, pkru);
        return;
    }
    if (component == X64I_XSTATE_OPMASK) {
        take_opmasks(cpu, bytes);
        return;
    }
    struct piece piece = vector_piece(cpu, component);
    size_t size = piece.lanes * sizeof(uint64_t);
    unsigned end = (piece.lane + piece.lanes) * (unsigned)sizeof(uint64_t);
    for (unsigned i = piece.first; i < piece.first + piece.count; i++) {
        struct x64i_vector value = cpu->s.vector[i];
        memcpy(&value.lane[piece.lane], bytes + size * (i - piece.first), size);
        x64i_note_vector(cpu, i, end, value.lane[0]);
        cpu->s.vector[i] = value;
    }
}

/* Where a component stands; `end` runs through the compacted form. */
static unsigned place(const struct x64i_xstate *row, bool compact, unsigned *end)
{
    unsigned offset = compact ? *end : row->offset;
    *end = offset + row->size;
    return offset;
}

/* The legacy region's parts. MXCSR goes with SSE, in the standard form with AVX as well. */
static void add_legacy(const struct x64i_cpu *cpu, struct parts *parts, uint64_t components,
                       bool mxcsr)
{
    if (components & X64I_XSTATE_X87)
        add_part(parts, 0, offsetof(struct x64i_fxsave, mxcsr));
    if (mxcsr)
        add_part(parts, offsetof(struct x64i_fxsave, mxcsr), 8);
    if (components & X64I_XSTATE_X87)
        add_part(parts, offsetof(struct x64i_fxsave, st), 128);
    if (components & X64I_XSTATE_SSE)
        add_part(parts, offsetof(struct x64i_fxsave, xmm), 16 * x64i_fxsave_xmm_count(cpu));
}

/* Fills the area's image and says which parts of it are to be written. `asked` are the components
 * asked for, in_use those of the header. */
static void fill_area(const struct x64i_cpu *cpu, const struct x64i_op *op, unsigned form,
                      uint64_t asked, struct xsave_area *area, struct parts *parts)
{
    uint64_t used = in_use(cpu) & asked;
    bool compact = form & COMPACTED;
    if (compact && (asked & X64I_XSTATE_SSE) && cpu->s.mxcsr != MXCSR_INITIAL)
        used |= X64I_XSTATE_SSE;
    uint64_t written = form == STANDARD ? asked : used;
    x64i_fxsave_fill(cpu, op, &area->legacy);
    area->in_use = compact ? used : (area->in_use & ~asked) | used;
    area->compaction = asked | COMPACT;
    bool mxcsr = compact ? used & X64I_XSTATE_SSE : asked & X64I_XCR0_SSE_AVX;
    add_legacy(cpu, parts, written, mxcsr);
    add_part(parts, X64I_XSAVE_LEGACY, compact ? 16 : 8);
    struct x64i_xstate row;
    unsigned end = X64I_XSAVE_BASE;
    for (unsigned i = 0; x64i_xstate_at(cpu->model, i, &row); i++) {
        if (!(asked >> row.number & 1))
            continue;
        unsigned offset = place(&row, compact, &end);
        unsigned size = x64i_xsave_fill(cpu, row.number, (uint8_t *)area + offset);
        if ((written >> row.number & 1) && size)
            add_part(parts, offset, size);
    }
}

/* The piece of a part that lies in one line, from `at` on. */
static unsigned piece_size(unsigned at, unsigned end)
{
    unsigned rest = LINE_BYTES - at % LINE_BYTES;
    return end - at < rest ? end - at : rest;
}

/* Checks every line that a part lies in, then writes the parts. */
static enum x64i_result write_parts(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    const struct parts *parts, const struct xsave_area *area)
{
    struct x64i_target targets[LINES];
    uint64_t checked = 0;
    _Static_assert(LINES <= 64, "a bit for every line");
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < parts->count; i++) {
        unsigned end = (unsigned)parts->item[i].offset + parts->item[i].size;
        for (unsigned at = parts->item[i].offset; at < end; at += piece_size(at, end)) {
            unsigned line = at / LINE_BYTES;
            if (checked >> line & 1)
                continue;
            if (x64i_probe(cpu, op->segment, offset + (uint64_t)line * LINE_BYTES, LINE_BYTES,
                           &targets[line]) != X64I_DONE)
                return X64I_FAULT;
            checked |= UINT64_C(1) << line;
        }
    }
    for (unsigned i = 0; i < parts->count; i++) {
        unsigned end = (unsigned)parts->item[i].offset + parts->item[i].size;
        for (unsigned at = parts->item[i].offset; at < end;) {
            struct x64i_target target = targets[at / LINE_BYTES];
            unsigned size = piece_size(at, end);
            target.linear += at % LINE_BYTES;
            target.physical[0] += at % LINE_BYTES;
            target.size = target.first = (uint8_t)size;
            x64i_commit_bytes(cpu, &target, (const uint8_t *)area + at);
            at += size;
        }
    }
    return X64I_DONE;
}

static enum x64i_result save(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned form)
{
    struct xsave_area area;
    struct parts parts = {.count = 0};
    uint64_t asked = requested(cpu);
    uint64_t header = x64i_effective(cpu, op) + X64I_XSAVE_LEGACY;
    unsigned size = x64i_xstate_area(cpu->model, asked, form & COMPACTED);
    if (check_area(cpu, op, form, size, X64I_ACCESS_WRITE) != X64I_DONE)
        return X64I_FAULT;
    if (!(form & COMPACTED) && x64i_load(cpu, op->segment, header, 8, &area.in_use) != X64I_DONE)
        return X64I_FAULT;
    fill_area(cpu, op, form, asked, &area, &parts);
    return write_parts(cpu, op, &parts, &area);
}

#define SAVE(name, form)            \
    X64I_HANDLER(name)              \
    {                               \
        return save(cpu, op, form); \
    }

SAVE(xsave, STANDARD)
SAVE(xsaveopt, OPTIMIZED)
SAVE(xsavec, COMPACTED)
SAVE(xsaves, COMPACTED | SUPERVISOR)

/* Whether the header may stand so (13.8, 13.12). */
static bool header_is_valid(const struct x64i_cpu *cpu, const struct xsave_area *area,
                            unsigned form)
{
    uint64_t zero = 0;
    if (!(area->compaction & COMPACT))
        return !(form & SUPERVISOR) && area->compaction == 0 && area->zero[0] == 0 &&
               !(area->in_use & ~cpu->s.xcr0);
    for (unsigned i = 0; i < 6; i++)
        zero |= area->zero[i];
    uint64_t components = area->compaction & ~COMPACT;
    return zero == 0 && x64i_cpu_has(cpu, X64I_FEATURE_XSAVEC) && !(components & ~cpu->s.xcr0) &&
           !(area->in_use & ~components);
}

static enum x64i_result load_lines(struct x64i_cpu *cpu, const struct x64i_op *op,
                                   struct xsave_area *area, unsigned from, unsigned end)
{
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned at = from; at < end; at += LINE_BYTES - at % LINE_BYTES) {
        unsigned size = piece_size(at, end);
        if (x64i_load_bytes(cpu, op->segment, offset + at, size, (uint8_t *)area + at) != X64I_DONE)
            return X64I_FAULT;
    }
    return X64I_DONE;
}

static void restore_x87(struct x64i_cpu *cpu, const struct x64i_op *op, struct xsave_area *area)
{
    if (!(area->in_use & X64I_XSTATE_X87)) {
        memset(&area->legacy, 0, offsetof(struct x64i_fxsave, mxcsr));
        memset(area->legacy.st, 0, sizeof area->legacy.st);
        area->legacy.control = 0x37f;
    }
    x64i_fxsave_take_fpu(cpu, op, &area->legacy);
}

/* Components behind the header: loaded where they are needed, before anything is changed. */
static enum x64i_result load_components(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        uint64_t asked, bool compact, struct xsave_area *area)
{
    struct x64i_xstate row;
    unsigned end = X64I_XSAVE_BASE;
    for (unsigned i = 0; x64i_xstate_at(cpu->model, i, &row); i++) {
        if (compact && !(area->compaction >> row.number & 1))
            continue;
        unsigned offset = place(&row, compact, &end);
        if ((asked & area->in_use) >> row.number & 1) {
            if (load_lines(cpu, op, area, offset, offset + row.size) != X64I_DONE)
                return X64I_FAULT;
        } else {
            memset((uint8_t *)area + offset, 0, row.size);
        }
    }
    return X64I_DONE;
}

static void take_components(struct x64i_cpu *cpu, uint64_t asked, bool compact,
                            const struct xsave_area *area)
{
    static const uint8_t initial[X64I_XSTATE_PART_MAX];
    struct x64i_xstate row;
    unsigned end = X64I_XSAVE_BASE;
    for (unsigned i = 0; x64i_xstate_at(cpu->model, i, &row); i++) {
        bool there = !compact || (area->compaction >> row.number & 1);
        unsigned offset = there ? place(&row, compact, &end) : 0;
        if (asked >> row.number & 1)
            x64i_xsave_take(cpu, row.number, there ? (const uint8_t *)area + offset : initial);
    }
}

/* The components asked for := memory, or their initial state where XSTATE_BV is clear. In the
 * standard form MXCSR comes from memory whenever SSE or AVX is asked for (13.8.1), in the compacted
 * form it belongs to SSE (13.8.2). */
static enum x64i_result restore(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned form)
{
    struct xsave_area area;
    if (check_area(cpu, op, form, X64I_XSAVE_BASE, X64I_ACCESS_READ) != X64I_DONE ||
        load_lines(cpu, op, &area, 0, X64I_XSAVE_BASE) != X64I_DONE)
        return X64I_FAULT;
    uint64_t asked = requested(cpu);
    bool compact = area.compaction & COMPACT;
    bool sse = asked & X64I_XSTATE_SSE;
    bool mxcsr = compact ? sse : asked & X64I_XCR0_SSE_AVX;
    if (compact && !(area.in_use & X64I_XSTATE_SSE))
        area.legacy.mxcsr = MXCSR_INITIAL;
    if (!header_is_valid(cpu, &area, form) ||
        (mxcsr && !x64i_mxcsr_is_valid(cpu, area.legacy.mxcsr)))
        return x64i_raise_gp0(cpu);
    if (load_components(cpu, op, asked, compact, &area) != X64I_DONE)
        return X64I_FAULT;
    if (asked & X64I_XSTATE_X87)
        restore_x87(cpu, op, &area);
    if (mxcsr)
        x64i_set_mxcsr(cpu, area.legacy.mxcsr);
    if (sse && !(area.in_use & X64I_XSTATE_SSE))
        memset(area.legacy.xmm, 0, sizeof area.legacy.xmm);
    if (sse)
        x64i_fxsave_take_xmm(cpu, &area.legacy);
    take_components(cpu, asked, compact, &area);
    return X64I_DONE;
}

X64I_HANDLER(xrstor)
{
    return restore(cpu, op, STANDARD);
}

X64I_HANDLER(xrstors)
{
    return restore(cpu, op, SUPERVISOR);
}
