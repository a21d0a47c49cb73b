/* SPDX-License-Identifier: MIT */
#include "cpu/cpu.h"

#include "cpu/decode.h"
#include "cpu/engine.h"
#include "cpu/fast_forms.h"
#include "cpu/fxsave.h"
#include "cpu/msr_glue.h"

#include <string.h>

#define CPU_VERSION 2
#define MXCSR_RESET 0x1f80

/* Centuries: a run that is as long never ends, and sums with such numbers do not wrap. */
#define STEPS_MAX (UINT64_C(1) << 58)
#define CLOCK_MAX (UINT64_C(1) << 62)

static enum x64_status init(struct x64i_cpu *cpu, struct x64i_state *state,
                            const struct x64i_cpu_model *model, uint64_t ram_size,
                            const struct x64i_cpu *original)
{
    cpu->model = model;
    cpu->heap = x64i_state_heap(state);
    enum x64_status status =
        x64i_state_add_fixed(state, "cpu", CPU_VERSION, &cpu->s, sizeof cpu->s, 0);
    if (status == X64_OK)
        status = x64i_msr_init(&cpu->msr, state, model, &x64i_cpu_msr_callbacks, cpu);
    if (status == X64_OK)
        status = x64i_mmu_init(&cpu->mmu, state, ram_size);
    if (status == X64_OK)
        status = x64i_decoder_create(cpu, original);
    return status;
}

enum x64_status x64i_cpu_init(struct x64i_cpu *cpu, struct x64i_state *state,
                              const struct x64i_cpu_model *model, uint64_t ram_size)
{
    return init(cpu, state, model, ram_size, NULL);
}

enum x64_status x64i_cpu_init_like(struct x64i_cpu *cpu, struct x64i_state *state,
                                   const struct x64i_cpu *original)
{
    cpu->forms = x64i_fast_forms_retain(original->forms);
    return init(cpu, state, original->model, original->mmu.physical.ram_size, original);
}

void x64i_cpu_destroy(struct x64i_cpu *cpu)
{
    x64i_engine_destroy(cpu);
    x64i_fast_forms_release(cpu->forms);
    x64i_decoder_destroy(cpu);
}

static struct x64i_segment flat_segment(uint16_t selector, uint16_t attributes)
{
    return (struct x64i_segment){
        .selector = selector, .attributes = attributes, .limit = 0xffffffffu};
}

void x64i_cpu_reset_long_mode(struct x64i_cpu *cpu, uint64_t root)
{
    struct x64i_cpu_state *s = &cpu->s;
    memset(s, 0, sizeof *s);
    s->rflags = X64I_FLAG_ONE;
    s->dr[6] = 0xffff0ff0u;
    s->dr[7] = 0x400;
    s->cr0 = X64I_CR0_PE | X64I_CR0_MP | X64I_CR0_ET | X64I_CR0_NE | X64I_CR0_WP | X64I_CR0_PG;
    s->cr4 = X64I_CR4_PAE | X64I_CR4_OSFXSR | X64I_CR4_OSXMMEXCPT;
    s->cr3 = root;
    s->xcr0 = 1;
    s->mxcsr = MXCSR_RESET;
    s->fpu_control = 0x37f;
    s->fpu_tag = 0xffff;
    const uint16_t data = X64I_SEGMENT_PRESENT | X64I_SEGMENT_S | X64I_SEGMENT_WRITABLE |
                          X64I_SEGMENT_ACCESSED | X64I_SEGMENT_BIG | X64I_SEGMENT_GRANULAR;
    const uint16_t code = X64I_SEGMENT_PRESENT | X64I_SEGMENT_S | X64I_SEGMENT_CODE |
                          X64I_SEGMENT_WRITABLE | X64I_SEGMENT_ACCESSED | X64I_SEGMENT_LONG |
                          X64I_SEGMENT_GRANULAR;
    for (unsigned i = X64_ES; i <= X64_GS; i++)
        s->segment[i] = flat_segment(0x18, data);
    s->segment[X64_CS] = flat_segment(0x10, code);
    s->segment[X64_LDTR] = (struct x64i_segment){0};
    s->segment[X64_TR] =
        (struct x64i_segment){.attributes = X64I_SEGMENT_PRESENT | 0xb, .limit = 0xffff};
    cpu->msr.values.value[X64I_MSR_EFER] = X64I_EFER_LME | X64I_EFER_LMA | X64I_EFER_NXE;
    x64i_cpu_refresh(cpu);
}

void x64i_cpu_repair(struct x64i_cpu *cpu)
{
    struct x64i_cpu_state *s = &cpu->s;
    s->rflags = (s->rflags & X64I_FLAGS_DEFINED) | X64I_FLAG_ONE;
    if (!x64i_mxcsr_is_valid(cpu, s->mxcsr)) /* the host's own would not take it either */
        s->mxcsr = MXCSR_RESET;
    if (s->cpl > 3)
        s->cpl = 3;
    if (s->activity > X64I_SHUTDOWN)
        s->activity = X64I_SHUTDOWN;
    if (s->shadow > X64I_SHADOW_MOV_SS)
        s->shadow = X64I_SHADOW_NONE;
    if (s->steps > STEPS_MAX)
        s->steps = STEPS_MAX;
    if (s->clock_skipped > CLOCK_MAX)
        s->clock_skipped = CLOCK_MAX;
    x64i_tlb_repair(&cpu->mmu.tlb);
}

static void refresh_paging(struct x64i_cpu *cpu)
{
    const struct x64i_cpu_state *s = &cpu->s;
    bool pcide = s->cr4 & X64I_CR4_PCIDE;
    cpu->mmu.paging = (struct x64i_paging){
        .root = s->cr3 & 0x000ffffffffff000ull,
        .pcid = pcide ? (uint16_t)(s->cr3 & 0xfff) : 0,
        .mode = s->cr0 & X64I_CR0_PG ? X64I_PAGING_4_LEVEL : X64I_PAGING_NONE,
        .physical_bits = cpu->model->physical_bits,
        .write_protect = s->cr0 & X64I_CR0_WP,
        .no_execute = x64i_efer(cpu) & X64I_EFER_NXE,
        .global = s->cr4 & X64I_CR4_PGE,
        .smep = s->cr4 & X64I_CR4_SMEP,
        .smap = s->cr4 & X64I_CR4_SMAP,
        .keys = s->cr4 & X64I_CR4_PKE,
        .pkru = (uint32_t)s->pkru,
        .gigabyte_pages = x64i_cpu_has(cpu, X64I_FEATURE_PAGE1GB),
    };
    x64i_mmu_forget_recent(&cpu->mmu);
}

static void refresh_breakpoints(struct x64i_cpu *cpu)
{
    cpu->breakpoints = 0;
    cpu->data_breakpoints = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (!(cpu->s.dr[7] >> 2 * i & 3))
            continue;
        unsigned kind = cpu->s.dr[7] >> (16 + 4 * i) & 3;
        if (kind == 0)
            cpu->breakpoints |= (uint8_t)(1u << i);
        else if (kind != 2) /* I/O breakpoints are asked for by the port instructions */
            cpu->data_breakpoints |= (uint8_t)(1u << i);
    }
}

void x64i_cpu_refresh(struct x64i_cpu *cpu)
{
    const struct x64i_cpu_state *s = &cpu->s;
    const struct x64i_segment *cs = &s->segment[X64_CS];
    bool long_mode = x64i_efer(cpu) & X64I_EFER_LMA;
    bool big = cs->attributes & X64I_SEGMENT_BIG;
    cpu->code_bits = long_mode && (cs->attributes & X64I_SEGMENT_LONG) ? 64 : big ? 32 : 16;
    bool big_stack = s->segment[X64_SS].attributes & X64I_SEGMENT_BIG;
    cpu->stack_bits = cpu->code_bits == 64 ? 64 : big_stack ? 32 : 16;
    cpu->align_check = (s->cr0 & X64I_CR0_AM) && (s->rflags & X64I_AC) && s->cpl == 3;
    cpu->data_access =
        s->cpl == 3 ? X64I_ACCESS_USER : (s->rflags & X64I_AC ? X64I_ACCESS_SMAP_OFF : 0);
    refresh_paging(cpu);
    refresh_breakpoints(cpu);
    cpu->simple_access = cpu->code_bits == 64 && !cpu->align_check && !cpu->data_breakpoints;
    x64i_mmu_host_select(&cpu->mmu, cpu->data_access, !cpu->simple_access);
}

uint64_t x64i_cpu_clock(const struct x64i_cpu *cpu)
{
    uint64_t numerator = cpu->model->ticks_per_step_numerator;
    uint64_t denominator = cpu->model->ticks_per_step_denominator;
    uint64_t steps = cpu->s.steps;
    uint64_t ticks =
        steps / denominator * numerator + steps % denominator * numerator / denominator;
    return ticks + cpu->s.clock_skipped;
}

void x64i_cpu_set_natives(struct x64i_cpu *cpu, const struct x64i_native *natives, size_t count)
{
    cpu->natives = natives;
    cpu->native_count = count;
    x64i_engine_flush(cpu);
}
