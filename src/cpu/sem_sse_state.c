/* SPDX-License-Identifier: MIT */
/* MXCSR, and saving and restoring the x87 and SSE state (SDM vol. 1, 10.5 and 10.2.3). */
#include "cpu/fxsave.h"
#include "cpu/x87.h"

#include <string.h>

#define PIECE_BYTES 64u

bool x64i_mxcsr_is_valid(const struct x64i_cpu *cpu, uint32_t value)
{
    return (value & ~cpu->model->behaviour.mxcsr_mask) == 0;
}

void x64i_set_mxcsr(struct x64i_cpu *cpu, uint32_t value)
{
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                       .size = 4,
                                                       .index = X64_MXCSR,
                                                       .old = cpu->s.mxcsr,
                                                       .value = value});
    cpu->s.mxcsr = value;
}

static enum x64i_result load_mxcsr(struct x64i_cpu *cpu, uint32_t value)
{
    if (!x64i_mxcsr_is_valid(cpu, value))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    x64i_set_mxcsr(cpu, value);
    return X64I_DONE;
}

X64I_HANDLER(ldmxcsr)
{
    uint64_t value;
    if (x64i_check_sse(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), 4, &value) != X64I_DONE)
        return X64I_FAULT;
    return load_mxcsr(cpu, (uint32_t)value);
}

X64I_HANDLER(stmxcsr)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 4, cpu->s.mxcsr);
}

X64I_HANDLER(vldmxcsr)
{
    uint64_t value;
    if (x64i_check_avx(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), 4, &value) != X64I_DONE)
        return X64I_FAULT;
    return load_mxcsr(cpu, (uint32_t)value);
}

X64I_HANDLER(vstmxcsr)
{
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 4, cpu->s.mxcsr);
}

static uint8_t abridged_tag(uint16_t tag)
{
    uint8_t abridged = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((tag >> 2 * i & 3) != 3)
            abridged |= (uint8_t)(1u << i);
    return abridged;
}

/* Without REX.W 32 bits of offset and the selector, with it 64 bits of offset. */
static uint64_t pointer(uint64_t offset, uint16_t selector, bool wide)
{
    return wide ? offset : (offset & 0xffffffffu) | (uint64_t)selector << 32;
}

/* AMD's processors store them only for an exception that waits (APM vol. 2, 11.4.4, FXSAVE and
 * FXRSTOR instructions). */
static void fill_pointers(const struct x64i_cpu *cpu, bool wide, struct x64i_fxsave *image)
{
    const struct x64i_cpu_state *s = &cpu->s;
    bool hidden =
        cpu->model->behaviour.fxsave_hides_pointers && !(s->fpu_status & X64I_X87_SUMMARY);
    image->opcode = hidden ? 0 : s->fpu_opcode;
    image->instruction = hidden ? 0 : pointer(s->fpu_instruction, s->fpu_code_segment, wide);
    image->data = hidden ? 0 : pointer(s->fpu_data, s->fpu_data_segment, wide);
}

void x64i_fxsave_fill(const struct x64i_cpu *cpu, const struct x64i_op *op,
                      struct x64i_fxsave *image)
{
    const struct x64i_cpu_state *s = &cpu->s;
    bool wide = op->flags & X64I_OP_REX_W;
    image->control = s->fpu_control;
    image->status = s->fpu_status;
    image->tag = abridged_tag(s->fpu_tag);
    image->reserved = 0;
    fill_pointers(cpu, wide, image);
    image->mxcsr = s->mxcsr;
    image->mxcsr_mask = cpu->model->behaviour.mxcsr_mask;
    for (unsigned i = 0; i < 8; i++) {
        struct x64i_extended bits = x64i_x87_bits(cpu, i);
        memset(image->st[i], 0, sizeof image->st[i]);
        memcpy(image->st[i], &bits.significand, sizeof bits.significand);
        memcpy(image->st[i] + 8, &bits.sign_exponent, sizeof bits.sign_exponent);
    }
    for (unsigned i = 0; i < x64i_fxsave_xmm_count(cpu); i++)
        memcpy(image->xmm[i], s->vector[i].lane, sizeof image->xmm[i]);
}

/* #NM and #UD as for SSE but without OSFXSR; the operand must lie at a multiple of 16. */
static enum x64i_result check_image(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned access)
{
    uint64_t linear;
    if (cpu->s.cr0 & (X64I_CR0_EM | X64I_CR0_TS))
        return x64i_raise(cpu, X64_FAULT_NM);
    if (x64i_linear(cpu, op->segment, x64i_effective(cpu, op), X64I_FXSAVE_BYTES, access,
                    &linear) != X64I_DONE)
        return X64I_FAULT;
    /* "#AC is not guaranteed and may vary with implementation" (vol. 2A, FXSAVE). */
    if (cpu->model->behaviour.wide_operands_align &&
        x64i_check_alignment(cpu, op->segment, x64i_effective(cpu, op), 4) != X64I_DONE)
        return X64I_FAULT;
    return linear & 15 ? x64i_raise_error(cpu, X64_FAULT_GP, 0) : X64I_DONE;
}

static enum x64i_result load_image(struct x64i_cpu *cpu, const struct x64i_op *op,
                                   struct x64i_fxsave *image)
{
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned at = 0; at < X64I_FXSAVE_BYTES; at += PIECE_BYTES)
        if (x64i_load_bytes(cpu, op->segment, offset + at, PIECE_BYTES, (uint8_t *)image + at) !=
            X64I_DONE)
            return X64I_FAULT;
    return X64I_DONE;
}

X64I_HANDLER(fxsave)
{
    struct x64i_fxsave image;
    struct x64i_target targets[X64I_FXSAVE_BYTES / PIECE_BYTES];
    if (check_image(cpu, op, X64I_ACCESS_WRITE) != X64I_DONE)
        return X64I_FAULT;
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < X64I_FXSAVE_BYTES / PIECE_BYTES; i++)
        if (x64i_probe(cpu, op->segment, offset + i * PIECE_BYTES, PIECE_BYTES, &targets[i]) !=
            X64I_DONE)
            return X64I_FAULT;
    x64i_fxsave_fill(cpu, op, &image);
    /* Bytes 416 to 511, and the upper XMM registers outside 64-bit mode, are left alone. */
    unsigned used = 160 + 16 * x64i_fxsave_xmm_count(cpu);
    for (unsigned at = 0; at < used; at += PIECE_BYTES) {
        struct x64i_target target = targets[at / PIECE_BYTES];
        if (used - at < PIECE_BYTES) {
            target.size = (uint8_t)(used - at);
            if (target.first > target.size)
                target.first = target.size;
        }
        x64i_commit_bytes(cpu, &target, (const uint8_t *)&image + at);
    }
    return X64I_DONE;
}

void x64i_fxsave_take_fpu(struct x64i_cpu *cpu, const struct x64i_op *op,
                          const struct x64i_fxsave *image)
{
    struct x64i_cpu_state *s = &cpu->s;
    bool wide = op->flags & X64I_OP_REX_W;
    bool selectors = !wide && !x64i_cpu_has(cpu, X64I_FEATURE_NO_FPU_SELECTORS);
    s->fpu_control = (image->control & X64I_X87_CONTROL_DEFINED) | X64I_X87_CONTROL_ONE;
    s->fpu_status = image->status;
    s->fpu_opcode = image->opcode & 0x7ff;
    s->fpu_instruction = wide ? image->instruction : image->instruction & 0xffffffffu;
    s->fpu_data = wide ? image->data : image->data & 0xffffffffu;
    s->fpu_code_segment = selectors ? (uint16_t)(image->instruction >> 32) : 0;
    s->fpu_data_segment = selectors ? (uint16_t)(image->data >> 32) : 0;
    for (unsigned i = 0; i < 8; i++) {
        struct x64i_extended bits;
        memcpy(&bits.significand, image->st[i], sizeof bits.significand);
        memcpy(&bits.sign_exponent, image->st[i] + 8, sizeof bits.sign_exponent);
        x64i_x87_set_bits(cpu, i, bits);
    }
    s->fpu_tag = 0;
    for (unsigned i = 0; i < 8; i++)
        if (!(image->tag >> i & 1))
            s->fpu_tag |= (uint16_t)(3u << 2 * i);
    x64i_x87_update_summary(cpu);
}

void x64i_fxsave_take_xmm(struct x64i_cpu *cpu, const struct x64i_fxsave *image)
{
    for (unsigned i = 0; i < x64i_fxsave_xmm_count(cpu); i++) {
        union x64i_xmm value = {.q = {image->xmm[i][0], image->xmm[i][1]}};
        x64i_set_xmm(cpu, i, &value);
    }
}

X64I_HANDLER(fxrstor)
{
    struct x64i_fxsave image;
    if (check_image(cpu, op, X64I_ACCESS_READ) != X64I_DONE ||
        load_image(cpu, op, &image) != X64I_DONE || load_mxcsr(cpu, image.mxcsr) != X64I_DONE)
        return X64I_FAULT;
    x64i_fxsave_take_fpu(cpu, op, &image);
    x64i_fxsave_take_xmm(cpu, &image);
    return X64I_DONE;
}
