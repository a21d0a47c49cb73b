/* SPDX-License-Identifier: MIT */
/*
 * One line for what an instruction means on the way between user mode and the kernel. A row says
 * which function explains which mnemonic; steps that are no instruction have theirs by kind.
 */
#include "trace/model.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE  120
#define FLAGS_SIZE 96

#define CR3_NOFLUSH   (1ull << 63)
#define CR3_PCID      0xfffull
#define CR3_ROOT      UINT64_C(0x000ffffffffff000)
#define CR4_PCIDE     (1ull << 17)
#define SPEC_CTRL_MSR 0x48u
#define PRED_CMD_MSR  0x49u
#define VECTOR_INT80  0x80u

typedef unsigned long long ull;

const char *x64i_flags_text(uint64_t old, uint64_t value, char *text, size_t size)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } flags[] = {
        {1u << 0, "CF"},   {1u << 2, "PF"},  {1u << 4, "AF"},  {1u << 6, "ZF"},  {1u << 7, "SF"},
        {1u << 8, "TF"},   {1u << 9, "IF"},  {1u << 10, "DF"}, {1u << 11, "OF"}, {3u << 12, "IOPL"},
        {1u << 14, "NT"},  {1u << 16, "RF"}, {1u << 17, "VM"}, {1u << 18, "AC"}, {1u << 19, "VIF"},
        {1u << 20, "VIP"}, {1u << 21, "ID"},
    };
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!((old ^ value) & flags[i].bit) || length + 8 > size)
            continue;
        length += (size_t)snprintf(text + length, size - length, "%s%c%s", length ? " " : "",
                                   value & flags[i].bit ? '+' : '-', flags[i].name);
    }
    return text;
}

static const char *name_of(const struct x64i_trace_model *model, uint64_t linear,
                           char text[NAME_SIZE])
{
    return x64i_symbol_text(model->view, linear, text, NAME_SIZE);
}

/* The system call that a way in asks for: "1 (write)". */
static const char *call_of(const struct x64i_trace_model *model,
                           const struct x64i_trace_moment *moment, char text[NAME_SIZE])
{
    uint32_t number = (uint32_t)moment->before->gpr[X64_RAX];
    const char *call =
        model->view->system_call_name(model->view->user, model->compat_entry, number);
    (void)snprintf(text, NAME_SIZE, "%u (%s)", number, call ? call : "no such call");
    return text;
}

static void explain_syscall(const struct x64i_trace_model *model,
                            const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    char call[NAME_SIZE];
    char target[NAME_SIZE];
    char flags[FLAGS_SIZE];
    const struct x64_registers *before = moment->before;
    const struct x64_registers *after = moment->after;
    x64i_flags_text(before->rflags, after->rflags, flags, sizeof flags);
    x64i_line_note(line, X64I_NOTE_EXPLAIN,
                   "SYSCALL %s: rcx = return rip 0x%llx, r11 = rflags 0x%llx, rip = LSTAR "
                   "(%s), rflags &= ~FMASK (%s), cs 0x%x -> 0x%x, ss 0x%x -> 0x%x, CPL 3 -> 0; RSP "
                   "and CR3 stay the user's",
                   call_of(model, moment, call), (ull)after->gpr[X64_RCX], (ull)after->gpr[X64_R11],
                   name_of(model, after->rip, target), flags[0] ? flags : "no change",
                   before->segment[X64_CS].selector, after->segment[X64_CS].selector,
                   before->segment[X64_SS].selector, after->segment[X64_SS].selector);
}

static void explain_sysret(const struct x64i_trace_model *model,
                           const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    (void)model;
    const struct x64_registers *before = moment->before;
    const struct x64_registers *after = moment->after;
    x64i_line_note(line, X64I_NOTE_EXPLAIN,
                   "SYSRET: rip = rcx 0x%llx, rflags = r11 0x%llx, cs 0x%x -> 0x%x, ss 0x%x -> "
                   "0x%x from STAR, CPL 0 -> 3; rax = 0x%llx is the call's result",
                   (ull)after->rip, (ull)after->rflags, before->segment[X64_CS].selector,
                   after->segment[X64_CS].selector, before->segment[X64_SS].selector,
                   after->segment[X64_SS].selector, (ull)after->gpr[X64_RAX]);
}

static void explain_sysenter(const struct x64i_trace_model *model,
                             const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    char call[NAME_SIZE];
    char target[NAME_SIZE];
    const struct x64_registers *before = moment->before;
    const struct x64_registers *after = moment->after;
    x64i_line_note(
        line, X64I_NOTE_EXPLAIN,
        "SYSENTER %s: rip = SYSENTER_EIP (%s), rsp 0x%llx -> SYSENTER_ESP 0x%llx, cs 0x%x "
        "-> 0x%x, ss 0x%x -> 0x%x, CPL 3 -> 0, IF cleared, the other rflags stay the "
        "user's; neither rip nor rsp is kept",
        call_of(model, moment, call), name_of(model, after->rip, target), (ull)before->gpr[X64_RSP],
        (ull)after->gpr[X64_RSP], before->segment[X64_CS].selector, after->segment[X64_CS].selector,
        before->segment[X64_SS].selector, after->segment[X64_SS].selector);
}

static void explain_sysexit(const struct x64i_trace_model *model,
                            const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    (void)model;
    const struct x64_registers *before = moment->before;
    const struct x64_registers *after = moment->after;
    x64i_line_note(line, X64I_NOTE_EXPLAIN,
                   "SYSEXIT: rip = rdx 0x%llx, rsp = rcx 0x%llx, cs 0x%x -> 0x%x, ss 0x%x -> 0x%x, "
                   "CPL 0 -> 3; rflags stay as they are",
                   (ull)after->rip, (ull)after->gpr[X64_RSP], before->segment[X64_CS].selector,
                   after->segment[X64_CS].selector, before->segment[X64_SS].selector,
                   after->segment[X64_SS].selector);
}

static void explain_swapgs(const struct x64i_trace_model *model,
                           const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    bool to_kernel = model->window.gs_is_user;
    x64i_line_note(line, X64I_NOTE_EXPLAIN,
                   "SWAPGS: GS.base 0x%llx -> 0x%llx, %s per-CPU base from KERNEL_GS_BASE, which "
                   "keeps the %s",
                   (ull)moment->before->segment[X64_GS].base,
                   (ull)moment->after->segment[X64_GS].base,
                   to_kernel ? "the kernel's" : "the user's", to_kernel ? "user's" : "kernel's");
}

static void explain_iret(const struct x64i_trace_model *model,
                         const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    char target[NAME_SIZE];
    const struct x64_registers *after = moment->after;
    x64i_line_note(line, X64I_NOTE_EXPLAIN,
                   "IRET: from the stack rip %s, cs 0x%x, rflags 0x%llx, rsp 0x%llx, ss 0x%x; CPL "
                   "%u -> %u",
                   name_of(model, after->rip, target), after->segment[X64_CS].selector,
                   (ull)after->rflags, (ull)after->gpr[X64_RSP], after->segment[X64_SS].selector,
                   moment->before->cpl, after->cpl);
}

static const char *owner_of_root(const struct x64i_trace_model *model, uint64_t root)
{
    const struct x64i_window *window = &model->window;
    if (window->user_root && root == window->user_root)
        return window->kernel_root == 0 ? "the task's page table" : "the user's page table";
    if ((window->kernel_root && root == window->kernel_root) || window->user_root)
        return "the kernel's page table";
    return "page table";
}

static void explain_cr3(const struct x64i_trace_model *model,
                        const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    const struct x64_effect *flush = x64i_effect_find(moment->step, X64_EFFECT_TLB_FLUSH);
    uint64_t cr3 = moment->after->cr3;
    char pcid[40] = "";
    if (moment->after->cr4 & CR4_PCIDE)
        (void)snprintf(pcid, sizeof pcid, ", PCID %llu", (ull)(cr3 & CR3_PCID));
    x64i_line_note(line, X64I_NOTE_EXPLAIN, "CR3 write: 0x%llx -> 0x%llx, %s at 0x%llx%s, TLB %s",
                   (ull)moment->before->cr3, (ull)cr3, owner_of_root(model, cr3 & CR3_ROOT),
                   (ull)(cr3 & CR3_ROOT), pcid,
                   flush ? "flushed but for global pages" : "kept (NOFLUSH)");
}

static void explain_mov(const struct x64i_trace_model *model,
                        const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    for (size_t i = 0; i < moment->step->effect_count; i++)
        if (moment->step->effects[i].kind == X64_EFFECT_CONTROL &&
            moment->step->effects[i].index == 3)
            explain_cr3(model, moment, line);
}

static void explain_wrmsr(const struct x64i_trace_model *model,
                          const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    char target[NAME_SIZE];
    uint32_t index = (uint32_t)moment->before->gpr[X64_RCX];
    uint64_t value = moment->before->gpr[X64_RDX] << 32 | (uint32_t)moment->before->gpr[X64_RAX];
    const char *name;
    uint64_t offset;
    if (index == SPEC_CTRL_MSR)
        x64i_line_note(
            line, X64I_NOTE_EXPLAIN,
            "SPEC_CTRL: IBRS %s, indirect branches %s predicted from user mode's history",
            value & 1 ? "on" : "off", value & 1 ? "are not" : "may be");
    else if (index == PRED_CMD_MSR)
        x64i_line_note(line, X64I_NOTE_EXPLAIN, "PRED_CMD: indirect branch predictors emptied");
    else if (line->msr_count && value >> 47 &&
             model->view->symbol(model->view->user, value, &name, &offset) == X64_OK && offset == 0)
        x64i_line_note(line, X64I_NOTE_EXPLAIN, "WRMSR: %s = %s", line->msrs[0].name,
                       name_of(model, value, target));
}

static void explain_verw(const struct x64i_trace_model *model,
                         const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    (void)model;
    if (moment->step->cpl == 0)
        x64i_line_note(line, X64I_NOTE_EXPLAIN,
                       "VERW: microcode overwrites the CPU's buffers, nothing of the kernel's data "
                       "is left in them (MDS)");
}

static const struct {
    ZydisMnemonic mnemonic;
    void (*explain)(const struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                    struct x64i_trace_line *line);
} explainers[] = {
    {ZYDIS_MNEMONIC_MOV, explain_mov},         {ZYDIS_MNEMONIC_SYSCALL, explain_syscall},
    {ZYDIS_MNEMONIC_SYSRET, explain_sysret},   {ZYDIS_MNEMONIC_SYSENTER, explain_sysenter},
    {ZYDIS_MNEMONIC_SYSEXIT, explain_sysexit}, {ZYDIS_MNEMONIC_SWAPGS, explain_swapgs},
    {ZYDIS_MNEMONIC_IRET, explain_iret},       {ZYDIS_MNEMONIC_IRETD, explain_iret},
    {ZYDIS_MNEMONIC_IRETQ, explain_iret},      {ZYDIS_MNEMONIC_WRMSR, explain_wrmsr},
    {ZYDIS_MNEMONIC_VERW, explain_verw},
};

static void describe_page_fault(const struct x64_effect *effect, char *text, size_t size)
{
    uint64_t error = effect->value;
    const char *access = error & X64_PF_INSTRUCTION ? "fetch from"
                         : error & X64_PF_WRITE     ? "write to"
                                                    : "read of";
    const char *page = error & X64_PF_RESERVED  ? "a page with reserved bits set"
                       : error & X64_PF_PRESENT ? "a page that does not allow it"
                                                : "a page that is not present";
    (void)snprintf(text, size, ": %s %s 0x%llx, %s", error & X64_PF_USER ? "user" : "kernel",
                   access, (ull)effect->linear, page);
}

static void explain_exception(const struct x64i_trace_model *model,
                              const struct x64i_trace_moment *moment,
                              const struct x64_effect *effect, struct x64i_trace_line *line)
{
    char handler[NAME_SIZE];
    char detail[160] = "";
    char error[32] = "";
    enum x64_fault fault = (enum x64_fault)effect->index;
    if (fault == X64_FAULT_PF)
        describe_page_fault(effect, detail, sizeof detail);
    if (x64_fault_has_error_code(fault))
        (void)snprintf(error, sizeof error, ", error code 0x%llx", (ull)effect->value);
    x64i_line_note(line, X64I_NOTE_EXPLAIN, "exception %s%s%s; through the IDT to %s, CPL %u -> %u",
                   x64_fault_name(fault), detail, error,
                   name_of(model, moment->after->rip, handler), moment->before->cpl,
                   moment->after->cpl);
}

static void explain_interrupt(const struct x64i_trace_model *model,
                              const struct x64i_trace_moment *moment,
                              const struct x64_effect *effect, struct x64i_trace_line *line)
{
    char handler[NAME_SIZE];
    char asked[NAME_SIZE + 8] = "";
    if (effect->value && effect->index == VECTOR_INT80) {
        char call[NAME_SIZE];
        (void)snprintf(asked, sizeof asked, ", call %s", call_of(model, moment, call));
    }
    x64i_line_note(
        line, X64I_NOTE_EXPLAIN,
        "%s 0x%x%s: through the IDT to %s; ss, rsp, rflags, cs, rip pushed; CPL %u -> %u",
        effect->value ? "INT" : "external interrupt", effect->index, asked,
        name_of(model, moment->after->rip, handler), moment->before->cpl, moment->after->cpl);
}

static void explain_delivery(const struct x64i_trace_model *model,
                             const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    for (size_t i = 0; i < moment->step->effect_count; i++) {
        const struct x64_effect *effect = &moment->step->effects[i];
        if (effect->kind == X64_EFFECT_EXCEPTION)
            explain_exception(model, moment, effect, line);
        if (effect->kind == X64_EFFECT_INTERRUPT)
            explain_interrupt(model, moment, effect, line);
    }
}

static void explain_native(const struct x64i_trace_model *model, struct x64i_trace_line *line)
{
    char text[X64I_LINE_NOTE_SIZE];
    if (model->view->system_call(model->view->user, text, sizeof text))
        x64i_line_note(line, X64I_NOTE_SYSCALL, "%s", text);
    else
        x64i_line_note(line, X64I_NOTE_EXPLAIN, "the mini-kernel answers in place of %s",
                       line->symbol ? line->symbol : "this code");
}

/* By which way RSP came to another stack; SYSCALL and its like have said so themselves. */
static void explain_stack(const struct x64i_trace_model *model,
                          const struct x64i_trace_moment *moment, struct x64i_trace_line *line)
{
    const char *from = x64i_stack_name(model->stack_before);
    const char *to = x64i_stack_name(line->stack);
    const struct x64_effect *hardware = x64i_effect_find(moment->step, X64_EFFECT_STACK_SWITCH);
    char source[48] = "";
    if (hardware && hardware->index == 0)
        (void)snprintf(source, sizeof source, ", loaded from TSS.RSP0");
    else if (hardware && hardware->index < 8)
        (void)snprintf(source, sizeof source, ", loaded from TSS.IST%u", hardware->index);
    if (!hardware && (line->stack == model->stack_before || !to))
        return;
    x64i_line_note(line, X64I_NOTE_EXPLAIN, "stack switch: %s -> %s, rsp 0x%llx -> 0x%llx%s",
                   from ? from : "none", to ? to : "none", (ull)moment->before->gpr[X64_RSP],
                   (ull)(hardware ? hardware->value : moment->after->gpr[X64_RSP]), source);
}

void x64i_explain(const struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                  struct x64i_trace_line *line)
{
    const struct x64_step *step = moment->step;
    explain_delivery(model, moment, line);
    if (step->kind == X64_STEP_NATIVE)
        explain_native(model, line);
    if (step->kind == X64_STEP_INSTRUCTION)
        for (size_t i = 0; i < sizeof explainers / sizeof explainers[0]; i++)
            if (explainers[i].mnemonic == moment->instruction->mnemonic)
                explainers[i].explain(model, moment, line);
    explain_stack(model, moment, line);
}
