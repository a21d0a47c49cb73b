/* SPDX-License-Identifier: MIT */
#include "kernel_model/fpu.h"

#include "cpu/op.h"
#include "cpu/system.h"
#include "msr/xstate.h"

#include <errno.h>
#include <string.h>

#define MXCSR_RESET    0x1f80u
#define CONTROL_RESET  0x37fu
#define XSTATE_LEGACY  (X64I_XSTATE_X87 | X64I_XSTATE_SSE)
#define XSTATE_ALL     (XSTATE_LEGACY | X64I_XSTATE_AVX | X64I_XSTATE_AVX512)
#define XSTATE_MAGIC1  0x46505853u
#define XSTATE_MAGIC2  0x46505845u
#define SW_RESERVED_AT 464u

_Static_assert(offsetof(struct x64i_fpu_frame, components) == X64I_XSAVE_BASE,
               "the area's layout is architectural");

/* struct _fpx_sw_bytes (arch/x86/include/uapi/asm/sigcontext.h). */
struct software_bytes {
    uint32_t magic1;
    uint32_t extended_size;
    uint64_t features;
    uint32_t state_size;
    uint32_t padding[7];
};
_Static_assert(SW_RESERVED_AT + sizeof(struct software_bytes) == X64I_FXSAVE_BYTES,
               "they end the FXSAVE image");

void x64i_fpu_save(const struct x64i_cpu_state *s, struct x64i_fpu *fpu)
{
    memcpy(fpu->vector, s->vector, sizeof fpu->vector);
    memcpy(fpu->opmask, s->opmask, sizeof fpu->opmask);
    fpu->mxcsr = s->mxcsr;
    fpu->control = s->fpu_control;
    fpu->status = s->fpu_status;
    fpu->tag = s->fpu_tag;
    fpu->opcode = s->fpu_opcode;
    fpu->instruction = s->fpu_instruction;
    fpu->data = s->fpu_data;
    fpu->code_segment = s->fpu_code_segment;
    fpu->data_segment = s->fpu_data_segment;
    for (unsigned i = 0; i < X64I_FPU_REGISTERS; i++) {
        fpu->st[i][0] = s->fpu[i].significand;
        fpu->st[i][1] = s->fpu[i].exponent_sign;
    }
}

void x64i_fpu_load(struct x64i_cpu *cpu, const struct x64i_fpu *fpu)
{
    struct x64i_cpu_state *s = &cpu->s;
    memcpy(s->vector, fpu->vector, sizeof fpu->vector);
    memcpy(s->opmask, fpu->opmask, sizeof fpu->opmask);
    s->mxcsr = x64i_mxcsr_is_valid(cpu, fpu->mxcsr) ? fpu->mxcsr : MXCSR_RESET;
    s->fpu_control = fpu->control;
    s->fpu_status = fpu->status;
    s->fpu_tag = fpu->tag;
    s->fpu_opcode = fpu->opcode;
    s->fpu_instruction = fpu->instruction;
    s->fpu_data = fpu->data;
    s->fpu_code_segment = fpu->code_segment;
    s->fpu_data_segment = fpu->data_segment;
    for (unsigned i = 0; i < X64I_FPU_REGISTERS; i++) {
        s->fpu[i].significand = fpu->st[i][0];
        s->fpu[i].exponent_sign = fpu->st[i][1] & 0xffff;
    }
}

void x64i_fpu_reset(struct x64i_cpu *cpu)
{
    const struct x64i_fpu fpu = {.mxcsr = MXCSR_RESET, .control = CONTROL_RESET, .tag = UINT16_MAX};
    x64i_fpu_load(cpu, &fpu);
}

bool x64i_fpu_frame_is_extended(const struct x64i_kernel *kernel)
{
    return (kernel->cpu->s.cr4 & X64I_CR4_OSXSAVE) && (kernel->cpu->s.xcr0 & X64I_XSTATE_AVX);
}

/* The components that frames hold: fpu_user_cfg.default_features. */
static uint64_t features_of(const struct x64i_kernel *kernel)
{
    return kernel->cpu->s.xcr0 & XSTATE_ALL;
}

static uint32_t area_bytes(const struct x64i_kernel *kernel)
{
    return x64i_xstate_area(kernel->cpu->model, features_of(kernel), false);
}

size_t x64i_fpu_frame_size(const struct x64i_kernel *kernel)
{
    return x64i_fpu_frame_is_extended(kernel) ? area_bytes(kernel) + sizeof(uint32_t)
                                              : X64I_FXSAVE_BYTES;
}

/* XSAVE64, and what save_xstate_epilog adds. */
void x64i_fpu_frame_fill(struct x64i_kernel *kernel, struct x64i_fpu_frame *frame)
{
    const struct x64i_op op = {.flags = X64I_OP_REX_W};
    const uint32_t magic2 = XSTATE_MAGIC2, size = area_bytes(kernel);
    const uint64_t features = features_of(kernel);
    const struct software_bytes software = {.magic1 = XSTATE_MAGIC1,
                                            .extended_size = size + sizeof magic2,
                                            .features = features,
                                            .state_size = size};
    struct x64i_xstate row;
    memset(frame, 0, sizeof *frame);
    x64i_fxsave_fill(kernel->cpu, &op, &frame->legacy);
    if (!x64i_fpu_frame_is_extended(kernel))
        return;
    memcpy((uint8_t *)&frame->legacy + SW_RESERVED_AT, &software, sizeof software);
    frame->in_use =
        XSTATE_LEGACY | (x64i_xsave_in_use(kernel->cpu) & features & ~(uint64_t)XSTATE_LEGACY);
    for (unsigned i = 0; x64i_xstate_at(kernel->cpu->model, i, &row); i++)
        if (features >> row.number & 1)
            (void)x64i_xsave_fill(kernel->cpu, row.number, (uint8_t *)frame + row.offset);
    memcpy((uint8_t *)frame + size, &magic2, sizeof magic2);
}

/* check_xstate_in_sigframe: a frame of a program's own making may have the legacy part alone. */
static bool is_marked(const struct x64i_kernel *kernel, const struct x64i_fpu_frame *frame)
{
    struct software_bytes software;
    uint32_t magic2, size = area_bytes(kernel);
    memcpy(&software, (const uint8_t *)&frame->legacy + SW_RESERVED_AT, sizeof software);
    memcpy(&magic2, (const uint8_t *)frame + size, sizeof magic2);
    return software.magic1 == XSTATE_MAGIC1 && software.state_size == size &&
           software.extended_size == size + sizeof magic2 && magic2 == XSTATE_MAGIC2;
}

/* The legacy components that the frame's header leaves out are to be in their initial state. */
static void initialize_missing(struct x64i_fpu_frame *frame)
{
    if (!(frame->in_use & X64I_XSTATE_X87)) {
        memset(&frame->legacy, 0, offsetof(struct x64i_fxsave, mxcsr));
        memset(frame->legacy.st, 0, sizeof frame->legacy.st);
        frame->legacy.control = CONTROL_RESET;
    }
    if (!(frame->in_use & X64I_XSTATE_SSE))
        memset(frame->legacy.xmm, 0, sizeof frame->legacy.xmm);
}

/* The others: those that the header leaves out become zero. */
static void take_components(struct x64i_kernel *kernel, const struct x64i_fpu_frame *frame)
{
    static const uint8_t initial[X64I_XSTATE_PART_MAX];
    struct x64i_xstate row;
    for (unsigned i = 0; x64i_xstate_at(kernel->cpu->model, i, &row); i++) {
        if (!(features_of(kernel) >> row.number & 1))
            continue;
        bool there = frame->in_use >> row.number & 1;
        x64i_xsave_take(kernel->cpu, row.number,
                        there ? (const uint8_t *)frame + row.offset : initial);
    }
}

int64_t x64i_fpu_frame_take(struct x64i_kernel *kernel, struct x64i_fpu_frame *frame)
{
    const struct x64i_op op = {.flags = X64I_OP_REX_W};
    if (!x64i_fpu_frame_is_extended(kernel) || !is_marked(kernel, frame)) {
        frame->in_use = XSTATE_LEGACY;
        frame->compaction = 0;
    }
    if (!x64i_mxcsr_is_valid(kernel->cpu, frame->legacy.mxcsr) || frame->compaction ||
        (frame->in_use & ~(features_of(kernel) | XSTATE_LEGACY)))
        return -EFAULT;
    initialize_missing(frame);
    x64i_fxsave_take_fpu(kernel->cpu, &op, &frame->legacy);
    x64i_fxsave_take_xmm(kernel->cpu, &frame->legacy);
    x64i_set_mxcsr(kernel->cpu, frame->legacy.mxcsr);
    take_components(kernel, frame);
    return 0;
}
