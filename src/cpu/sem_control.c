/* SPDX-License-Identifier: MIT */
/*
 * Control registers (SDM vol. 2B, MOV to and from control registers; vol. 3A, 2.5 and 4.10.4.1),
 * the machine status word, descriptor-table registers, and CLAC and STAC.
 */
#include "cpu/system.h"

#define CR0_DEFINED                                                                      \
    (X64I_CR0_PE | X64I_CR0_MP | X64I_CR0_EM | X64I_CR0_TS | X64I_CR0_ET | X64I_CR0_NE | \
     X64I_CR0_WP | X64I_CR0_AM | X64I_CR0_NW | X64I_CR0_CD | X64I_CR0_PG)
#define CR3_NOFLUSH (1ull << 63)
#define CR3_PCID    0xfffull

/* The bits of CR4 that a CPU has, by feature: the others are reserved. */
static const struct {
    uint64_t bits;
    uint8_t feature;
} cr4_bits[] = {
    {X64I_CR4_TSD, X64I_FEATURE_TSC},     {X64I_CR4_DE, X64I_FEATURE_DE},
    {X64I_CR4_PSE, X64I_FEATURE_PSE},     {X64I_CR4_PAE, X64I_FEATURE_PAE},
    {X64I_CR4_PGE, X64I_FEATURE_PGE},     {X64I_CR4_PCE, X64I_FEATURE_BASE},
    {X64I_CR4_OSFXSR, X64I_FEATURE_FXSR}, {X64I_CR4_OSXMMEXCPT, X64I_FEATURE_SSE},
    {X64I_CR4_UMIP, X64I_FEATURE_UMIP},   {X64I_CR4_FSGSBASE, X64I_FEATURE_FSGSBASE},
    {X64I_CR4_PCIDE, X64I_FEATURE_PCID},  {X64I_CR4_OSXSAVE, X64I_FEATURE_XSAVE},
    {X64I_CR4_SMEP, X64I_FEATURE_SMEP},   {X64I_CR4_SMAP, X64I_FEATURE_SMAP},
    {X64I_CR4_PKE, X64I_FEATURE_PKU},
};

static uint64_t cr4_defined(const struct x64i_cpu *cpu)
{
    uint64_t defined = 0;
    for (size_t i = 0; i < sizeof cr4_bits / sizeof cr4_bits[0]; i++)
        if (x64i_cpu_has(cpu, cr4_bits[i].feature))
            defined |= cr4_bits[i].bits;
    return defined;
}

static void set_efer(struct x64i_cpu *cpu, uint64_t efer)
{
    uint64_t *value = &cpu->msr.values.value[X64I_MSR_EFER];
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_MSR_WRITE,
                                                       .index = x64i_msr_row(X64I_MSR_EFER)->index,
                                                       .size = 8,
                                                       .old = *value,
                                                       .value = efer});
    *value = efer;
}

/* Whether CR0.PG may go from its value to the new one. Paging goes on only into long mode: the
 * older modes of paging are not modelled, and turning them on is refused. */
static bool may_change_paging(const struct x64i_cpu *cpu, uint64_t cr0)
{
    bool was = cpu->s.cr0 & X64I_CR0_PG;
    bool is = cr0 & X64I_CR0_PG;
    if (was && !is)
        return cpu->code_bits != 64 && !(cpu->s.cr4 & X64I_CR4_PCIDE);
    if (!was && is)
        return (x64i_efer(cpu) & X64I_EFER_LME) && (cpu->s.cr4 & X64I_CR4_PAE) &&
               !(cpu->s.segment[X64_CS].attributes & X64I_SEGMENT_LONG);
    return true;
}

/* MOV to CR0. Reserved bits below 32 are ignored. Real mode is not modelled, so that PE may not be
 * cleared. */
static enum x64i_result write_cr0(struct x64i_cpu *cpu, uint64_t value)
{
    uint64_t old = cpu->s.cr0;
    bool cache_rule = !(value & X64I_CR0_NW) || (value & X64I_CR0_CD);
    if (value >> 32 || !(value & X64I_CR0_PE) || !cache_rule || !may_change_paging(cpu, value))
        return x64i_raise_gp0(cpu);
    x64i_set_control(cpu, 0, &cpu->s.cr0, (value & CR0_DEFINED) | X64I_CR0_ET);
    if (!((old ^ value) & X64I_CR0_PG))
        return X64I_DONE;
    uint64_t efer = x64i_efer(cpu) & ~(uint64_t)X64I_EFER_LMA;
    set_efer(cpu, (value & X64I_CR0_PG) ? efer | X64I_EFER_LMA : efer);
    x64i_mmu_flush(&cpu->mmu, X64_FLUSH_ALL, 0);
    x64i_cpu_refresh(cpu);
    return X64I_DONE;
}

/* MOV to CR3. Bit 63 exists only with PCIDs; it keeps the TLB and is not stored. */
static enum x64i_result write_cr3(struct x64i_cpu *cpu, uint64_t value)
{
    bool pcide = cpu->s.cr4 & X64I_CR4_PCIDE;
    bool keep = pcide && (value & CR3_NOFLUSH);
    if (pcide)
        value &= ~CR3_NOFLUSH;
    if (value >> cpu->model->physical_bits)
        return x64i_raise_gp0(cpu);
    x64i_set_control(cpu, 3, &cpu->s.cr3, value);
    if (!keep)
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_PCID, cpu->mmu.paging.pcid);
    return X64I_DONE;
}

/* The part of SDM vol. 3A, 4.10.4.1 about MOV to CR4. */
static void flush_for_cr4(struct x64i_cpu *cpu, uint64_t old, uint64_t value)
{
    uint64_t set = value & ~old;
    uint64_t cleared = old & ~value;
    if (((set | cleared) & X64I_CR4_PGE) || (cleared & X64I_CR4_PCIDE))
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_ALL, 0);
    else if (((set | cleared) & X64I_CR4_PAE) || (set & X64I_CR4_SMEP))
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_PCID, cpu->mmu.paging.pcid);
}

/* MOV to CR4. PCIDE goes on only in long mode with PCID 0; PAE stays on there. */
static enum x64i_result write_cr4(struct x64i_cpu *cpu, uint64_t value)
{
    uint64_t old = cpu->s.cr4;
    bool long_mode = x64i_efer(cpu) & X64I_EFER_LMA;
    if (value & ~cr4_defined(cpu))
        return x64i_raise_gp0(cpu);
    if (long_mode && !(value & X64I_CR4_PAE))
        return x64i_raise_gp0(cpu);
    if ((value & ~old & X64I_CR4_PCIDE) && (!long_mode || (cpu->s.cr3 & CR3_PCID)))
        return x64i_raise_gp0(cpu);
    x64i_set_control(cpu, 4, &cpu->s.cr4, value);
    flush_for_cr4(cpu, old, value);
    return X64I_DONE;
}

static enum x64i_result write_cr8(struct x64i_cpu *cpu, uint64_t value)
{
    if (value > 15)
        return x64i_raise_gp0(cpu);
    x64i_set_control(cpu, 8, &cpu->s.cr8, value);
    return X64I_DONE;
}

X64I_HANDLER(mov_to_control)
{
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    uint64_t value = x64i_gpr(cpu, op->source, x64i_mode_width(cpu));
    switch (op->destination) {
    case 0:
        return write_cr0(cpu, value);
    case 2:
        x64i_set_control(cpu, 2, &cpu->s.cr2, value);
        return X64I_DONE;
    case 3:
        return write_cr3(cpu, value);
    case 4:
        return write_cr4(cpu, value);
    case 8:
        return write_cr8(cpu, value);
    default:
        return x64i_raise(cpu, X64_FAULT_UD);
    }
}

X64I_HANDLER(mov_from_control)
{
    const struct x64i_cpu_state *s = &cpu->s;
    const uint64_t *const registers[] = {
        [0] = &s->cr0, [2] = &s->cr2, [3] = &s->cr3, [4] = &s->cr4, [8] = &s->cr8};
    if (op->source > 8 || !registers[op->source])
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, *registers[op->source], x64i_mode_width(cpu));
    return X64I_DONE;
}

/* CR0.TS := 0 */
X64I_HANDLER(clts)
{
    (void)op;
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_control(cpu, 0, &cpu->s.cr0, cpu->s.cr0 & ~X64I_CR0_TS);
    return X64I_DONE;
}

/* CR0[3:0] := SRC[3:0], except that PE cannot be cleared. */
X64I_HANDLER(lmsw)
{
    const uint64_t loaded = X64I_CR0_MP | X64I_CR0_EM | X64I_CR0_TS;
    uint64_t value;
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (!(op->flags & X64I_OP_MEMORY))
        value = x64i_gpr(cpu, op->destination, 16);
    else if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &value) != X64I_DONE)
        return X64I_FAULT;
    uint64_t cr0 = (cpu->s.cr0 & ~loaded) | (value & (loaded | X64I_CR0_PE));
    x64i_set_control(cpu, 0, &cpu->s.cr0, cr0);
    return X64I_DONE;
}

/* CR4.UMIP keeps SMSW, SGDT, SIDT, SLDT and STR to CPL 0 (SDM vol. 3A, 2.5). */
static enum x64i_result require_umip(struct x64i_cpu *cpu)
{
    return (cpu->s.cr4 & X64I_CR4_UMIP) ? x64i_require_cpl0(cpu) : X64I_DONE;
}

/* DEST := CR0, as much as fits; memory operands have 16 bits. */
X64I_INLINE enum x64i_result smsw(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    if (require_umip(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (op->flags & X64I_OP_MEMORY)
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, cpu->s.cr0 & 0xffff);
    x64i_set_gpr(cpu, op->destination, cpu->s.cr0, width);
    return X64I_DONE;
}

#define SMSW_AT(name, W)         \
    X64I_HANDLER(name##_##W)     \
    {                            \
        return smsw(cpu, op, W); \
    }
X64I_FOR_16_32_64(SMSW_AT, smsw)

/* LGDT and LIDT: limit and base, a base of 24 bits with 16-bit operands. In 64-bit mode the base
 * must be canonical. */
X64I_INLINE enum x64i_result load_table(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        unsigned index, struct x64i_table *table, unsigned width)
{
    uint64_t offset = x64i_effective(cpu, op);
    bool wide = cpu->code_bits == 64;
    uint64_t limit;
    uint64_t base;
    if (x64i_require_cpl0(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, offset, 2, &limit) != X64I_DONE ||
        x64i_load(cpu, op->segment, (offset + 2) & x64i_mask(x64i_address_width(op)), wide ? 8 : 4,
                  &base) != X64I_DONE)
        return X64I_FAULT;
    if (!x64i_is_canonical(base))
        return x64i_raise_gp0(cpu);
    if (!wide && width == 16)
        base &= 0xffffff;
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_TABLE,
                                                       .index = index,
                                                       .old = table->base,
                                                       .value = base});
    table->limit = (uint32_t)limit;
    table->base = base;
    return X64I_DONE;
}

#define LGDT_AT(name, W)                                \
    X64I_HANDLER(name##_##W)                            \
    {                                                   \
        return load_table(cpu, op, 0, &cpu->s.gdtr, W); \
    }
X64I_FOR_16_32_64(LGDT_AT, lgdt)

#define LIDT_AT(name, W)                                \
    X64I_HANDLER(name##_##W)                            \
    {                                                   \
        return load_table(cpu, op, 1, &cpu->s.idtr, W); \
    }
X64I_FOR_16_32_64(LIDT_AT, lidt)

/* SGDT and SIDT: the limit, then the base whole whatever the operand size. */
static enum x64i_result store_table(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    const struct x64i_table *table)
{
    struct x64i_target limit;
    struct x64i_target base;
    uint64_t offset = x64i_effective(cpu, op);
    unsigned size = cpu->code_bits == 64 ? 8 : 4;
    if (require_umip(cpu) != X64I_DONE ||
        x64i_probe(cpu, op->segment, offset, 2, &limit) != X64I_DONE ||
        x64i_probe(cpu, op->segment, (offset + 2) & x64i_mask(x64i_address_width(op)), size,
                   &base) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit(cpu, &limit, table->limit & 0xffff);
    x64i_commit(cpu, &base, table->base);
    return X64I_DONE;
}

X64I_HANDLER(sgdt)
{
    return store_table(cpu, op, &cpu->s.gdtr);
}

X64I_HANDLER(sidt)
{
    return store_table(cpu, op, &cpu->s.idtr);
}

static enum x64i_result set_ac(struct x64i_cpu *cpu, bool set)
{
    if (cpu->s.cpl != 0)
        return x64i_raise(cpu, X64_FAULT_UD);
    uint64_t others = cpu->s.rflags & ~(uint64_t)X64I_AC;
    x64i_set_rflags(cpu, set ? others | X64I_AC : others);
    x64i_cpu_refresh(cpu);
    return X64I_DONE;
}

/* RFLAGS.AC := 0 */
X64I_HANDLER(clac)
{
    (void)op;
    return set_ac(cpu, false);
}

/* RFLAGS.AC := 1 */
X64I_HANDLER(stac)
{
    (void)op;
    return set_ac(cpu, true);
}
