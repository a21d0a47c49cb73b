/* SPDX-License-Identifier: MIT */
/* The rarer instructions on the stack: POP to memory, all registers, flags, ENTER (SDM vol. 1, 6.2,
 * 6.6 and 7.3.13). */
#include "cpu/sem.h"

#include <string.h>

/* POP m: an address made of RSP sees it incremented (SDM vol. 2B, POP). */
X64I_INLINE enum x64i_result pop_to_memory(struct x64i_cpu *cpu, const struct x64i_op *op,
                                           unsigned size)
{
    uint64_t offset = x64i_effective(cpu, op) + (op->base == X64_RSP ? size : 0);
    uint64_t value;
    struct x64i_target target;
    if (x64i_load(cpu, X64_SS, x64i_stack_pointer(cpu), size, &value) != X64I_DONE ||
        x64i_probe(cpu, op->segment, offset & x64i_mask(x64i_address_width(op)), size, &target) !=
            X64I_DONE)
        return X64I_FAULT;
    x64i_add_rsp(cpu, size);
    x64i_commit(cpu, &target, value);
    return X64I_DONE;
}

#define POP_TO_MEMORY_AT(name, W)             \
    X64I_HANDLER(name##_m_##W)                \
    {                                         \
        return pop_to_memory(cpu, op, W / 8); \
    }
X64I_FOR_16_32_64(POP_TO_MEMORY_AT, pop)

/* `count` values of `size` bytes are one block on the stack, the first at the highest address. It
 * is written whole or not at all. */
static enum x64i_result push_block(struct x64i_cpu *cpu, const uint64_t *values, unsigned count,
                                   unsigned size)
{
    struct x64i_target targets[8];
    uint64_t top = x64i_stack_pointer(cpu);
    for (unsigned i = 0; i < count; i++) {
        uint64_t offset = (top - (uint64_t)(i + 1) * size) & x64i_mask(cpu->stack_bits);
        if (x64i_probe(cpu, X64_SS, offset, size, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    }
    for (unsigned i = 0; i < count; i++)
        x64i_commit(cpu, &targets[i], values[i] & x64i_mask(size * 8));
    x64i_add_rsp(cpu, -(int64_t)(count * size));
    return X64I_DONE;
}

/* Pushes AX, CX, DX, BX, the old SP, BP, SI, DI. */
static enum x64i_result push_all(struct x64i_cpu *cpu, unsigned size)
{
    return push_block(cpu, cpu->s.gpr, 8, size);
}

/* Pops what PUSHA pushed; the stack pointer's word is skipped. */
static enum x64i_result pop_all(struct x64i_cpu *cpu, unsigned size)
{
    uint64_t values[8];
    uint64_t top = x64i_stack_pointer(cpu);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t offset = (top + (uint64_t)i * size) & x64i_mask(cpu->stack_bits);
        values[7 - i] = cpu->s.gpr[X64_RSP];
        if (7 - i != X64_RSP && x64i_load(cpu, X64_SS, offset, size, &values[7 - i]) != X64I_DONE)
            return X64I_FAULT;
    }
    for (unsigned i = 0; i < 8; i++)
        if (i != X64_RSP)
            x64i_set_gpr(cpu, i, values[i], size * 8);
    x64i_add_rsp(cpu, 8 * (int64_t)size);
    return X64I_DONE;
}

X64I_HANDLER(pusha)
{
    (void)op;
    return push_all(cpu, 2);
}

X64I_HANDLER(pushad)
{
    (void)op;
    return push_all(cpu, 4);
}

X64I_HANDLER(popa)
{
    (void)op;
    return pop_all(cpu, 2);
}

X64I_HANDLER(popad)
{
    (void)op;
    return pop_all(cpu, 4);
}

/* What POPF may change at this privilege level; RF is cleared as by any other instruction, VM, VIF
 * and VIP stay (SDM vol. 2B, POPF). */
static uint64_t flags_popf_changes(const struct x64i_cpu *cpu, unsigned width)
{
    uint64_t mask = X64I_OSZAPC | X64I_TF | X64I_DF | X64I_NT | X64I_AC | X64I_ID;
    if (cpu->s.cpl == 0)
        mask |= X64I_IOPL;
    if (cpu->s.cpl <= (cpu->s.rflags & X64I_IOPL) >> 12)
        mask |= X64I_IF;
    return mask & x64i_mask(width);
}

/* The alignment check and SMAP's override are derived from RFLAGS.AC. */
static void replace_rflags(struct x64i_cpu *cpu, uint64_t rflags)
{
    bool alignment_changes = (cpu->s.rflags ^ rflags) & X64I_AC;
    x64i_set_rflags(cpu, rflags);
    if (alignment_changes)
        x64i_cpu_refresh(cpu);
}

#define FLAGS_ON_STACK_AT(W)                                             \
    X64I_HANDLER(pushf_##W)                                              \
    {                                                                    \
        (void)op;                                                        \
        uint64_t image = cpu->s.rflags & ~(uint64_t)(X64I_RF | X64I_VM); \
        return x64i_push(cpu, image & x64i_mask(W), W / 8);              \
    }                                                                    \
    X64I_HANDLER(popf_##W)                                               \
    {                                                                    \
        (void)op;                                                        \
        uint64_t image;                                                  \
        uint64_t mask = flags_popf_changes(cpu, W);                      \
        if (x64i_pop(cpu, &image, W / 8) != X64I_DONE)                   \
            return X64I_FAULT;                                           \
        replace_rflags(cpu, (cpu->s.rflags & ~mask) | (image & mask));   \
        return X64I_DONE;                                                \
    }
FLAGS_ON_STACK_AT(16)
FLAGS_ON_STACK_AT(32)
FLAGS_ON_STACK_AT(64)

/* The frame that ENTER builds: rBP, copies of the outer frames' pointers, the own one. */
#define FRAME_WORDS_MAX 33

struct frame {
    struct x64i_target targets[FRAME_WORDS_MAX];
    uint64_t words[FRAME_WORDS_MAX];
    uint64_t top; /* offset behind the first word */
    unsigned count;
    unsigned size; /* of a word in bytes */
};

/* Another word; on AMD's processors it is in memory even if one of the next faults. */
static enum x64i_result frame_add(struct x64i_cpu *cpu, struct frame *frame, uint64_t word)
{
    unsigned at = frame->count;
    uint64_t offset = frame->top - (uint64_t)(at + 1) * frame->size;
    frame->words[at] = word & x64i_mask(frame->size * 8);
    frame->count++;
    if (x64i_probe(cpu, X64_SS, offset & x64i_mask(cpu->stack_bits), frame->size,
                   &frame->targets[at]) != X64I_DONE)
        return X64I_FAULT;
    if (cpu->model->behaviour.pushes_stay)
        x64i_commit(cpu, &frame->targets[at], frame->words[at]);
    return X64I_DONE;
}

/* Loads an outer frame's pointer, which may lie within the frame that is not in memory yet. */
static enum x64i_result frame_load(struct x64i_cpu *cpu, const struct frame *frame, uint64_t offset,
                                   uint64_t *word)
{
    uint8_t bytes[8] = {0};
    if (x64i_load(cpu, X64_SS, offset, frame->size, word) != X64I_DONE)
        return X64I_FAULT;
    memcpy(bytes, word, sizeof bytes);
    for (unsigned i = 0; i < frame->size; i++) {
        uint64_t below = frame->top - 1 - (offset + i); /* distance from the frame's last byte */
        if (below >= (uint64_t)frame->count * frame->size)
            continue;
        uint64_t source = frame->words[below / frame->size];
        bytes[i] = (uint8_t)(source >> 8 * (frame->size - 1 - below % frame->size));
    }
    memcpy(word, bytes, sizeof bytes);
    return X64I_DONE;
}

/* ENTER imm16, imm8 (SDM vol. 2A): also the word at the final stack pointer must be writable. */
static enum x64i_result enter(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    unsigned size = width / 8;
    unsigned level = (unsigned)op->displacement & 31;
    uint64_t stack_mask = x64i_mask(cpu->stack_bits);
    struct frame frame = {.top = x64i_stack_pointer(cpu), .size = size};
    uint64_t pointer = (frame.top - size) & stack_mask;
    uint64_t outer = cpu->s.gpr[X64_RBP] & stack_mask;
    if (frame_add(cpu, &frame, cpu->s.gpr[X64_RBP]) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 1; i < level; i++) {
        uint64_t word;
        outer = (outer - size) & stack_mask;
        if (frame_load(cpu, &frame, outer, &word) != X64I_DONE ||
            frame_add(cpu, &frame, word) != X64I_DONE)
            return X64I_FAULT;
    }
    if (level != 0 && frame_add(cpu, &frame, pointer) != X64I_DONE)
        return X64I_FAULT;
    uint64_t locals = op->immediate & 0xffff;
    uint64_t below = (uint64_t)frame.count * size + locals;
    struct x64i_target last;
    if (x64i_probe(cpu, X64_SS, (frame.top - below) & stack_mask, size, &last) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 0; i < frame.count && !cpu->model->behaviour.pushes_stay; i++)
        x64i_commit(cpu, &frame.targets[i], frame.words[i]);
    x64i_set_gpr(cpu, X64_RBP, pointer, width);
    x64i_add_rsp(cpu, -(int64_t)below);
    return X64I_DONE;
}

#define ENTER_AT(name, W)         \
    X64I_HANDLER(name##_##W)      \
    {                             \
        return enter(cpu, op, W); \
    }
X64I_FOR_16_32_64(ENTER_AT, enter)
