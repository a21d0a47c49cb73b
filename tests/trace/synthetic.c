/* SPDX-License-Identifier: MIT */
#include "trace/synthetic.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const struct {
    uint64_t start;
    uint64_t end;
    const char *name;
} symbols[] = {
    {SYNTHETIC_ENTRY, SYNTHETIC_ENTRY + 0x200, "entry_SYSCALL_64"},
    {SYNTHETIC_IRET, SYNTHETIC_IRET + 0x100, "restore_and_iret"},
    {SYNTHETIC_USER, SYNTHETIC_USER + 0x100, "main"},
};

static enum x64_status symbol(void *user, uint64_t linear, const char **name, uint64_t *offset)
{
    (void)user;
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        if (linear >= symbols[i].start && linear < symbols[i].end) {
            *name = symbols[i].name;
            *offset = linear - symbols[i].start;
            return X64_OK;
        }
    return X64_ERROR_NOT_FOUND;
}

static enum x64_stack stack(void *user, uint64_t rsp)
{
    (void)user;
    return rsp < UINT64_C(0x800000000000) ? X64_STACK_USER : X64_STACK_KERNEL;
}

static size_t slot(void *user, uint64_t linear, char *name, size_t size)
{
    static const char *const words[X64I_SLOT_COUNT] = {
        "r15", "r14", "r13", "r12", "bp",      "bx", "r11", "r10",   "r9", "r8", "ax",
        "cx",  "dx",  "si",  "di",  "orig_ax", "ip", "cs",  "flags", "sp", "ss",
    };
    (void)user;
    uint64_t offset = linear - SYNTHETIC_FRAME;
    if (linear == SYNTHETIC_SP2)
        return (size_t)snprintf(name, size, "cpu_tss_rw.sp2");
    if (offset < 8 * X64I_SLOT_COUNT)
        return (size_t)snprintf(name, size, "pt_regs.%s", words[offset / 8]);
    return 0;
}

static size_t system_call(void *user, char *text, size_t size)
{
    const struct synthetic *s = user;
    return s->call ? (size_t)snprintf(text, size, "%s", s->call) : 0;
}

static const char *system_call_name(void *user, bool compat, uint64_t number)
{
    (void)user;
    return number == (compat ? 4 : 1) ? "write" : NULL;
}

static enum x64_status read_memory(void *user, uint64_t linear, void *buffer, size_t size)
{
    const struct synthetic *s = user;
    if (linear != SYNTHETIC_FRAME || size != sizeof s->frame)
        return X64_ERROR_UNMAPPED;
    memcpy(buffer, s->frame, size);
    return X64_OK;
}

static enum x64_status msr(void *user, uint32_t index, uint64_t *value)
{
    (void)user;
    if (index != 0xc0000081)
        return X64_ERROR_NOT_FOUND;
    *value = UINT64_C(0x0023001000000000);
    return X64_OK;
}

static void begin_step(struct synthetic *s)
{
    s->step = (struct x64_step){.number = s->step.number + 1,
                                .rip = s->after.rip,
                                .kind = X64_STEP_INSTRUCTION,
                                .cpl = s->after.cpl,
                                .code_bits = 64,
                                .effects = s->effects};
    s->call = NULL;
}

void synthetic_begin(struct synthetic *s)
{
    memset(s, 0, sizeof *s);
    s->view = (struct x64i_trace_view){.user = s,
                                       .symbol = symbol,
                                       .stack = stack,
                                       .slot = slot,
                                       .system_call = system_call,
                                       .system_call_name = system_call_name,
                                       .read = read_memory,
                                       .msr = msr};
    ck_assert_int_eq(x64i_disassembler_create(symbol, s, &s->disassembler), X64_OK);
    s->after.cpl = 3;
    s->after.rip = SYNTHETIC_USER;
    s->after.gpr[X64_RSP] = SYNTHETIC_USER_RSP;
    s->after.cr3 = 0x2000;
    s->after.rflags = 0x202;
    s->after.segment[X64_CS].selector = 0x33;
    s->after.segment[X64_SS].selector = 0x2b;
    x64i_model_init(&s->model, &s->view, s->disassembler);
    x64i_model_start(&s->model, &s->after);
    begin_step(s);
}

void synthetic_end(struct synthetic *s)
{
    x64i_disassembler_destroy(s->disassembler);
}

void synthetic_effect(struct synthetic *s, struct x64_effect effect)
{
    ck_assert_uint_lt(s->step.effect_count, SYNTHETIC_EFFECTS);
    s->effects[s->step.effect_count++] = effect;
}

const struct x64i_trace_line *synthetic_step(struct synthetic *s, const char *bytes,
                                             unsigned length)
{
    s->step.length = (uint8_t)length;
    memcpy(s->step.bytes, bytes, length);
    if (s->after.rip == s->step.rip)
        s->after.rip += length;
    x64i_model_line(&s->model, &s->step, &s->after, ++s->cycle, &s->line);
    begin_step(s);
    return &s->line;
}

const char *note_of(const struct x64i_trace_line *line, const char *words)
{
    for (unsigned i = 0; i < line->note_count; i++)
        if (strncmp(line->notes[i].text, words, strlen(words)) == 0)
            return line->notes[i].text;
    return NULL;
}
