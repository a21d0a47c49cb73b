/* SPDX-License-Identifier: MIT */
/* What one step did, as far as it tells what the step was for. */
#include "trace/model.h"
#include "trace/phases.h"

#include <string.h>

/* Functions of the kernel that say where a trip is; the part behind a prefix may be anything. */
static const struct {
    const char *prefix;
    bool whole;    /* the name ends there */
    bool anywhere; /* else only the function's first instruction counts */
    uint32_t fact;
} landmarks[] = {
    {"do_syscall_64", true, false, X64I_FACT_IN_C},
    {"do_int80_syscall_32", true, false, X64I_FACT_IN_C},
    {"do_fast_syscall_32", true, false, X64I_FACT_IN_C},
    {"do_SYSENTER_32", true, false, X64I_FACT_IN_C},
    {"int80_emulation", true, false, X64I_FACT_IN_C},
    {"__x64_sys_", false, false, X64I_FACT_IN_C | X64I_FACT_CALLED},
    {"__ia32_sys_", false, false, X64I_FACT_IN_C | X64I_FACT_CALLED},
    {"__ia32_compat_sys_", false, false, X64I_FACT_IN_C | X64I_FACT_CALLED},
    {"sys_", false, false, X64I_FACT_IN_C | X64I_FACT_CALLED},
    {"SyS_", false, false, X64I_FACT_IN_C | X64I_FACT_CALLED},
    {"clear_bhb_loop", true, true, X64I_FACT_MITIGATES},
};

static uint32_t facts_of_place(const struct x64i_phase_look *look)
{
    const char *name;
    uint64_t offset;
    const struct x64i_trace_view *view = look->view;
    if (look->step->cpl == 3 || view->symbol(view->user, look->step->rip, &name, &offset) != X64_OK)
        return 0;
    for (size_t i = 0; i < sizeof landmarks / sizeof landmarks[0]; i++) {
        size_t length = strlen(landmarks[i].prefix);
        if (strncmp(name, landmarks[i].prefix, length) != 0 || (landmarks[i].whole && name[length]))
            continue;
        return offset == 0 || landmarks[i].anywhere ? landmarks[i].fact : 0;
    }
    return 0;
}

static uint32_t facts_of_instruction(const struct x64i_phase_look *look)
{
    const struct x64i_instruction *instruction = look->instruction;
    const struct x64i_operand *operand = instruction->operand;
    if (look->step->kind != X64_STEP_INSTRUCTION)
        return 0;
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_SWAPGS:
        return X64I_FACT_SWAPS_GS;
    case ZYDIS_MNEMONIC_VERW:
        return X64I_FACT_MITIGATES;
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        return look->step->cpl == 0 && look->after->cpl == 0 ? X64I_FACT_UNNESTS : 0;
    case ZYDIS_MNEMONIC_XOR:
        return operand[0].kind == X64I_OPERAND_REGISTER &&
                       operand[1].kind == X64I_OPERAND_REGISTER &&
                       operand[0].index == operand[1].index
                   ? X64I_FACT_CLEARS
                   : 0;
    case ZYDIS_MNEMONIC_MOV:
        /* 0F 20 /3: MOV from CR3 leaves no effect but the register's. */
        return look->step->length == 3 && look->step->bytes[1] == 0x20 &&
                       (look->step->bytes[2] & 0x38) == 0x18
                   ? X64I_FACT_READS_CR3
                   : 0;
    default:
        return instruction->conditional_branch ? X64I_FACT_BRANCHES : 0;
    }
}

/* The register that a word of pt_regs belongs to, or 16. */
static unsigned register_of_slot(unsigned slot)
{
    static const uint8_t registers[X64I_SLOT_COUNT] = {
        [X64I_SLOT_R15] = X64_R15, [X64I_SLOT_R14] = X64_R14, [X64I_SLOT_R13] = X64_R13,
        [X64I_SLOT_R12] = X64_R12, [X64I_SLOT_BP] = X64_RBP,  [X64I_SLOT_BX] = X64_RBX,
        [X64I_SLOT_R11] = X64_R11, [X64I_SLOT_R10] = X64_R10, [X64I_SLOT_R9] = X64_R9,
        [X64I_SLOT_R8] = X64_R8,   [X64I_SLOT_AX] = X64_RAX,  [X64I_SLOT_CX] = X64_RCX,
        [X64I_SLOT_DX] = X64_RDX,  [X64I_SLOT_SI] = X64_RSI,  [X64I_SLOT_DI] = X64_RDI,
        [X64I_SLOT_ORIG_AX] = 16,  [X64I_SLOT_IP] = 16,       [X64I_SLOT_CS] = 16,
        [X64I_SLOT_FLAGS] = 16,    [X64I_SLOT_SP] = 16,       [X64I_SLOT_SS] = 16,
    };
    return slot < X64I_SLOT_COUNT ? registers[slot] : 16;
}

static bool is_checked(unsigned slot)
{
    return slot == X64I_SLOT_R11 || slot == X64I_SLOT_CX || slot == X64I_SLOT_IP ||
           slot == X64I_SLOT_CS || slot == X64I_SLOT_FLAGS || slot == X64I_SLOT_SS;
}

static uint32_t facts_of_access(const struct x64i_phase_look *look, const struct x64_effect *effect)
{
    char name[X64I_LINE_NAME_SIZE];
    const struct x64i_trace_view *view = look->view;
    uint32_t facts = 0;
    bool write = effect->kind == X64_EFFECT_MEMORY_WRITE;
    uint64_t rsp = look->before->gpr[X64_RSP];
    if (write && effect->size == 8 && effect->value == rsp && look->step->cpl == 0 &&
        view->stack(view->user, rsp) == X64_STACK_USER)
        facts |= X64I_FACT_KEEPS_RSP;
    if (view->slot(view->user, effect->linear, name, sizeof name) == 0)
        return facts;
    unsigned slot = x64i_slot_of_name(name);
    if (slot == X64I_SLOT_COUNT)
        return facts;
    unsigned reg = register_of_slot(slot);
    if (write)
        return facts | X64I_FACT_WRITES_FRAME;
    if (is_checked(slot))
        facts |= X64I_FACT_READS_CHECKED;
    if (reg < 16 && look->after->gpr[reg] == effect->value && effect->size >= 4)
        for (size_t i = 0; i < look->step->effect_count; i++)
            if (look->step->effects[i].kind == X64_EFFECT_REGISTER &&
                look->step->effects[i].index == reg)
                facts |= X64I_FACT_RESTORES;
    return facts;
}

/* The facts of all effects, and what they cost. */
static uint32_t facts_of_effects(const struct x64i_phase_look *look, struct x64i_phase_cost *cost)
{
    const uint32_t msr_registers = 1u << X64_RAX | 1u << X64_RCX | 1u << X64_RDX;
    bool wrmsr = look->instruction->mnemonic == ZYDIS_MNEMONIC_WRMSR;
    uint32_t facts = 0;
    uint32_t changed = 0;
    for (size_t i = 0; i < look->step->effect_count; i++) {
        const struct x64_effect *effect = &look->step->effects[i];
        bool read = effect->kind == X64_EFFECT_MEMORY_READ;
        bool write = effect->kind == X64_EFFECT_MEMORY_WRITE;
        cost->reads += read;
        cost->writes += write;
        cost->msr_writes += effect->kind == X64_EFFECT_MSR_WRITE && wrmsr;
        if (read || write)
            facts |= facts_of_access(look, effect);
        if (effect->kind == X64_EFFECT_REGISTER && effect->index < 16)
            changed |= 1u << effect->index;
        if (effect->kind == X64_EFFECT_CONTROL && effect->index == 3) {
            facts |= X64I_FACT_WRITES_CR3;
            cost->cr3_writes++;
        }
        if ((effect->kind == X64_EFFECT_EXCEPTION || effect->kind == X64_EFFECT_INTERRUPT) &&
            look->step->cpl == 0)
            facts |= X64I_FACT_NESTS;
    }
    if (wrmsr && cost->msr_writes)
        facts |= X64I_FACT_MITIGATES;
    if (changed && !(changed & ~msr_registers) && !cost->writes)
        facts |= X64I_FACT_PREPARES_MSR;
    if (changed == 1u << X64_RSP && !cost->reads && !cost->writes)
        facts |= X64I_FACT_MOVES_RSP;
    return facts;
}

/* Between the stacks that a kernel model tells apart; RSP as CR3's scratch is on none of them. */
static uint32_t facts_of_stack(const struct x64i_phase_look *look)
{
    const struct x64i_trace_view *view = look->view;
    uint64_t rsp = look->after->gpr[X64_RSP];
    enum x64_stack after = view->stack(view->user, rsp);
    uint32_t facts = after == X64_STACK_KERNEL ? X64I_FACT_ON_KERNEL_STACK : 0;
    if (rsp == look->before->gpr[X64_RSP] || look->step->cpl == 3 || look->after->cpl == 3)
        return facts;
    bool scratch = look->instruction->mnemonic == ZYDIS_MNEMONIC_MOV && after == X64_STACK_USER;
    enum x64_stack before = view->stack(view->user, look->before->gpr[X64_RSP]);
    if (after == before || after == X64_STACK_NONE)
        return facts;
    /* A page table's address looks like the user's: only what comes from memory is a stack. */
    for (size_t i = 0; scratch && i < look->step->effect_count; i++)
        scratch = look->step->effects[i].kind != X64_EFFECT_MEMORY_READ;
    bool computed = look->instruction->mnemonic == ZYDIS_MNEMONIC_AND ||
                    look->instruction->mnemonic == ZYDIS_MNEMONIC_BTS;
    return scratch || computed ? facts : facts | X64I_FACT_SWITCHES_STACK;
}

void x64i_phase_look(const struct x64i_phase_look *look, struct x64i_phase_step *out)
{
    const struct x64_step *step = look->step;
    *out = (struct x64i_phase_step){
        .n = step->number,
        .rip = step->rip,
        .rsp_before = look->before->gpr[X64_RSP],
        .rsp_after = look->after->gpr[X64_RSP],
        .cost = {.instructions = step->kind == X64_STEP_INSTRUCTION,
                 .cycles = look->cycles,
                 .estimated = look->estimated ? look->cycles : 0},
    };
    out->facts = facts_of_place(look) | facts_of_instruction(look) |
                 facts_of_effects(look, &out->cost) | facts_of_stack(look);
    if (step->cpl == 3 && look->after->cpl != 3)
        out->facts |= X64I_FACT_ENTERS;
    if (step->cpl != 3 && look->after->cpl == 3)
        out->facts |= X64I_FACT_LEAVES;
}
