/* SPDX-License-Identifier: MIT */
/*
 * The checks before SYSRET. SYSRET restores less than IRET: it takes rip from rcx and rflags from
 * r11, loads fixed segments, and on Intel's CPUs faults in the kernel when rcx is not canonical. So
 * the entry code uses it only when the result would be the same (Linux: arch/x86/entry).
 *
 * Compares are recognized by what they read, not by where they stand: a word of pt_regs, or a
 * register that was loaded from one. That covers the assembly of old kernels and the C of new ones.
 * At the decision all six predicates are evaluated once more, from pt_regs itself.
 */
#include "trace/model.h"

#include <stdio.h>
#include <string.h>

#define RF_TF       0x10100u
#define STAR_MSR    0xc0000081u
#define SLOT_PREFIX "pt_regs."

typedef unsigned long long ull;

static const char *const slot_names[X64I_SLOT_COUNT] = {
    "r15", "r14", "r13", "r12", "bp",      "bx", "r11", "r10",   "r9", "r8", "ax",
    "cx",  "dx",  "si",  "di",  "orig_ax", "ip", "cs",  "flags", "sp", "ss",
};

const char *const x64i_check_names[X64I_CHECK_COUNT] = {
    [X64I_CHECK_CX_IP] = "rcx == rip",
    [X64I_CHECK_CANONICAL] = "rip is canonical",
    [X64I_CHECK_CS] = "cs",
    [X64I_CHECK_R11_FLAGS] = "r11 == rflags",
    [X64I_CHECK_NO_RF_TF] = "no RF or TF",
    [X64I_CHECK_SS] = "ss",
};

void x64i_checks_reset(struct x64i_checks *checks)
{
    *checks = (struct x64i_checks){0};
    memset(checks->slot, X64I_SLOT_COUNT, sizeof checks->slot);
}

unsigned x64i_slot_of_name(const char *name)
{
    if (strncmp(name, SLOT_PREFIX, sizeof SLOT_PREFIX - 1) != 0)
        return X64I_SLOT_COUNT;
    name += sizeof SLOT_PREFIX - 1;
    size_t length = strcspn(name, "+");
    for (unsigned i = 0; i < X64I_SLOT_COUNT; i++)
        if (strlen(slot_names[i]) == length && memcmp(slot_names[i], name, length) == 0)
            return i;
    return X64I_SLOT_COUNT;
}

/* Keeps up with what is written to the frame; the first one after an entry is the system call's,
 * later ones are those of exceptions on the way. */
static void follow_frame(struct x64i_checks *checks, const struct x64i_trace_line *line)
{
    for (unsigned i = 0; i < line->memory_count; i++) {
        const struct x64i_line_memory *memory = &line->memory[i];
        unsigned slot = x64i_slot_of_name(memory->what);
        if (slot == X64I_SLOT_COUNT || memory->size != 8 || strchr(memory->what, '+'))
            continue;
        uint64_t frame = memory->linear - 8 * slot;
        if (memory->write && checks->frame == 0)
            checks->frame = frame;
        if (memory->write && checks->frame == frame)
            checks->words[slot] = memory->value;
    }
}

/* The call was answered: reads the frame as it is now, then follows the writes. */
static void begin_way_back(struct x64i_trace_model *model)
{
    struct x64i_checks *checks = &model->checks;
    checks->answered = true;
    if (checks->frame)
        checks->words_known = model->view->read(model->view->user, checks->frame, checks->words,
                                                sizeof checks->words) == X64_OK;
}

static bool is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* Evaluates a predicate from pt_regs. `detail` says with which values when it fails. */
static bool holds(const struct x64i_checks *checks, enum x64i_check check, uint64_t star,
                  char *detail, size_t size)
{
    const uint64_t *words = checks->words;
    uint64_t left = 0;
    uint64_t right = 0;
    switch (check) {
    case X64I_CHECK_CX_IP:
        left = words[X64I_SLOT_CX];
        right = words[X64I_SLOT_IP];
        break;
    case X64I_CHECK_CANONICAL:
        (void)snprintf(detail, size, "0x%llx", (ull)words[X64I_SLOT_IP]);
        return is_canonical(words[X64I_SLOT_IP]);
    case X64I_CHECK_CS:
        left = words[X64I_SLOT_CS];
        right = ((star >> 48) + 16) | 3;
        break;
    case X64I_CHECK_R11_FLAGS:
        left = words[X64I_SLOT_R11];
        right = words[X64I_SLOT_FLAGS];
        break;
    case X64I_CHECK_NO_RF_TF:
        (void)snprintf(detail, size, "0x%llx", (ull)words[X64I_SLOT_FLAGS]);
        return (words[X64I_SLOT_FLAGS] & RF_TF) == 0;
    default:
        left = words[X64I_SLOT_SS];
        right = ((star >> 48) + 8) | 3;
        break;
    }
    if (left == right)
        (void)snprintf(detail, size, "0x%llx", (ull)left);
    else
        (void)snprintf(detail, size, "0x%llx != 0x%llx", (ull)left, (ull)right);
    return left == right;
}

/* One line with all six predicates. */
static void sum_up(struct x64i_trace_model *model, struct x64i_trace_line *line, bool by_sysret)
{
    struct x64i_checks *checks = &model->checks;
    char text[X64I_LINE_NOTE_SIZE];
    size_t length = 0;
    uint64_t star = 0;
    bool made = false; /* by the kernel; the fast path needs none */
    bool all = true;
    if (checks->summed_up || !checks->words_known ||
        model->view->msr(model->view->user, STAR_MSR, &star) != X64_OK)
        return;
    checks->summed_up = true;
    for (enum x64i_check check = X64I_CHECK_CX_IP; check < X64I_CHECK_COUNT; check++) {
        char detail[64];
        bool held = holds(checks, check, star, detail, sizeof detail);
        all &= held;
        made |= checks->result[check] != 0;
        checks->result[check] = held ? 1 : 2;
        int added =
            snprintf(text + length, sizeof text - length, "%s%s %s (%s)", length ? ", " : "",
                     x64i_check_names[check], held ? "holds" : "FAILS", detail);
        if (added > 0 && (size_t)added < sizeof text - length)
            length += (size_t)added;
    }
    const char *verdict = all && by_sysret ? "SYSRET gives back what IRET would"
                          : all            ? "SYSRET would do, but IRET it is"
                          : by_sysret      ? "SYSRET is taken all the same"
                                           : "only IRET can return";
    x64i_line_note(line, X64I_NOTE_CHECK, "checks before SYSRET: %s%s: %s",
                   made ? "" : "none was made here; ", text, verdict);
}

struct compared {
    unsigned slot; /* X64I_SLOT_COUNT: not of pt_regs */
    bool extended;
    bool immediate;
    uint64_t value;
};

static uint64_t truncate_to(uint64_t value, unsigned bytes)
{
    return bytes >= 8 || bytes == 0 ? value : value & ((1ull << 8 * bytes) - 1);
}

static struct compared look_at(const struct x64i_trace_model *model,
                               const struct x64i_trace_moment *moment,
                               const struct x64i_operand *operand,
                               const struct x64i_trace_line *line, unsigned bytes)
{
    struct compared compared = {.slot = X64I_SLOT_COUNT};
    const struct x64i_checks *checks = &model->checks;
    if (operand->kind == X64I_OPERAND_REGISTER && operand->index >= 0) {
        compared.slot = checks->slot[operand->index];
        compared.extended = checks->extended[operand->index];
        compared.value = moment->before->gpr[operand->index];
    } else if (operand->kind == X64I_OPERAND_MEMORY && line->memory_count) {
        compared.slot = x64i_slot_of_name(line->memory[0].what);
        compared.value = line->memory[0].value;
    } else if (operand->kind == X64I_OPERAND_IMMEDIATE) {
        compared.immediate = true;
        compared.value = operand->value;
    }
    compared.value = truncate_to(compared.value, bytes);
    return compared;
}

static enum x64i_check check_of_pair(const struct compared *a, const struct compared *b, bool test)
{
    bool ip = a->slot == X64I_SLOT_IP || b->slot == X64I_SLOT_IP;
    bool cx = a->slot == X64I_SLOT_CX || b->slot == X64I_SLOT_CX;
    bool r11 = a->slot == X64I_SLOT_R11 || b->slot == X64I_SLOT_R11;
    bool flags = a->slot == X64I_SLOT_FLAGS || b->slot == X64I_SLOT_FLAGS;
    if (test)
        return (r11 || flags) && b->immediate ? X64I_CHECK_NO_RF_TF : X64I_CHECK_NONE;
    if (cx && ip)
        return a->extended || b->extended ? X64I_CHECK_CANONICAL : X64I_CHECK_CX_IP;
    if (r11 && flags)
        return X64I_CHECK_R11_FLAGS;
    if (a->slot == X64I_SLOT_CS && b->immediate)
        return X64I_CHECK_CS;
    if (a->slot == X64I_SLOT_SS && b->immediate)
        return X64I_CHECK_SS;
    return ip ? X64I_CHECK_CANONICAL : X64I_CHECK_NONE;
}

/* CMP or TEST on words of pt_regs: says what is checked, and whether it holds. */
static void note_compare(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                         struct x64i_trace_line *line)
{
    const struct x64i_operand *operand = moment->instruction->operand;
    bool test = moment->instruction->mnemonic == ZYDIS_MNEMONIC_TEST;
    unsigned bytes = operand[0].bytes;
    struct compared a = look_at(model, moment, &operand[0], line, bytes);
    struct compared b = look_at(model, moment, &operand[1], line, bytes);
    enum x64i_check check = check_of_pair(&a, &b, test);
    model->checks.pending = check;
    if (check == X64I_CHECK_NONE)
        return;
    bool pair = a.slot != X64I_SLOT_COUNT && b.slot != X64I_SLOT_COUNT;
    bool held = test ? (a.value & b.value) == 0 : a.value == b.value;
    if (check == X64I_CHECK_CANONICAL && !pair)
        held = is_canonical(a.slot == X64I_SLOT_IP ? a.value : b.value);
    model->checks.pending_held = held;
    model->checks.result[check] = held ? 1 : 2;
    x64i_line_note(line, X64I_NOTE_CHECK, "check before SYSRET: %s: 0x%llx %s 0x%llx: %s",
                   x64i_check_names[check], (ull)a.value, test ? "&" : "and", (ull)b.value,
                   held ? "holds" : "FAILS");
}

/* The branch behind a check. */
static void note_branch(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                        struct x64i_trace_line *line)
{
    char target[120];
    struct x64i_checks *checks = &model->checks;
    enum x64i_check check = checks->pending;
    bool taken = moment->after->rip == moment->instruction->target;
    checks->pending = X64I_CHECK_NONE;
    if (check == X64I_CHECK_NONE)
        return;
    const char *name = x64i_check_names[check];
    if (checks->pending_held && !taken) {
        x64i_line_note(line, X64I_NOTE_CHECK, "not taken: %s holds, on towards SYSRET", name);
        return;
    }
    x64i_symbol_text(model->view, moment->after->rip, target, sizeof target);
    x64i_line_note(line, X64I_NOTE_CHECK, "%s: %s %s, on at %s", taken ? "taken" : "not taken",
                   name, checks->pending_held ? "holds" : "fails", target);
    if (!checks->pending_held && taken)
        sum_up(model, line, false);
}

/* Which registers hold a word of pt_regs after this step. */
static void follow_registers(struct x64i_checks *checks, const struct x64i_trace_moment *moment,
                             const struct x64i_trace_line *line)
{
    const struct x64i_instruction *instruction = moment->instruction;
    const struct x64i_operand *to = &instruction->operand[0];
    const struct x64i_operand *from = &instruction->operand[1];
    bool shift =
        instruction->mnemonic == ZYDIS_MNEMONIC_SHL || instruction->mnemonic == ZYDIS_MNEMONIC_SAR;
    if (shift && to->kind == X64I_OPERAND_REGISTER && to->index >= 0) {
        checks->extended[to->index] = true;
        return;
    }
    bool loads = instruction->mnemonic == ZYDIS_MNEMONIC_MOV && to->index >= 0 &&
                 to->kind == X64I_OPERAND_REGISTER && to->bytes >= 4;
    uint8_t slot = X64I_SLOT_COUNT;
    bool extended = false;
    if (loads && from->kind == X64I_OPERAND_MEMORY && line->memory_count)
        slot = (uint8_t)x64i_slot_of_name(line->memory[0].what);
    if (loads && from->kind == X64I_OPERAND_REGISTER && from->index >= 0) {
        slot = checks->slot[from->index];
        extended = checks->extended[from->index];
    }
    for (size_t i = 0; i < moment->step->effect_count; i++) {
        const struct x64_effect *effect = &moment->step->effects[i];
        if (effect->kind == X64_EFFECT_REGISTER && effect->index < 16)
            checks->slot[effect->index] = X64I_SLOT_COUNT;
    }
    if (loads) {
        checks->slot[to->index] = slot;
        checks->extended[to->index] = extended;
    }
}

void x64i_checks_step(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                      struct x64i_trace_line *line)
{
    struct x64i_checks *checks = &model->checks;
    const struct x64i_instruction *instruction = moment->instruction;
    follow_frame(checks, line);
    if (model->entry != X64I_ENTRY_SYSCALL || moment->step->cpl != 0)
        return;
    if (!checks->answered) {
        bool answer = false;
        for (unsigned i = 0; i < line->note_count; i++)
            answer |= line->notes[i].kind == X64I_NOTE_SYSCALL;
        if (answer)
            begin_way_back(model);
        return;
    }
    if (moment->step->kind != X64_STEP_INSTRUCTION)
        return;
    if (instruction->mnemonic == ZYDIS_MNEMONIC_CMP || instruction->mnemonic == ZYDIS_MNEMONIC_TEST)
        note_compare(model, moment, line);
    else if (instruction->conditional_branch)
        note_branch(model, moment, line);
    else if (model->leaves)
        sum_up(model, line, instruction->mnemonic == ZYDIS_MNEMONIC_SYSRET);
    follow_registers(checks, moment, line);
}
