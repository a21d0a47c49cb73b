/* SPDX-License-Identifier: MIT */
/*
 * The task's FPU (arch/x86/kernel/fpu/): what a task that does not run keeps of it, what a new
 * program or a signal handler begins with, and the XSAVE area in a signal frame.
 */
#ifndef X64I_KERNEL_MODEL_FPU_H
#define X64I_KERNEL_MODEL_FPU_H

#include "kernel_model/kernel.h"

#include "cpu/fxsave.h"
#include "msr/xstate.h"

#define X64I_FPU_REGISTERS 8

/* All of it, as plain data. */
struct x64i_fpu {
    struct x64i_vector vector[32];
    uint64_t opmask[8];
    uint32_t mxcsr;
    uint16_t control, status, tag, opcode;
    uint16_t code_segment, data_segment;
    uint64_t instruction, data;
    uint64_t st[X64I_FPU_REGISTERS][2];
};

void x64i_fpu_save(const struct x64i_cpu_state *s, struct x64i_fpu *fpu);
/* What comes from a file may be anything: an impossible MXCSR becomes the initial one. */
void x64i_fpu_load(struct x64i_cpu *cpu, const struct x64i_fpu *fpu);

/* fpstate_reset: as FNINIT and VZEROALL leave it, MXCSR 1F80H. */
void x64i_fpu_reset(struct x64i_cpu *cpu);

/* The frame's area in the standard form (SDM vol. 1, 13.4), with the components that the image's
 * boot enabled: x87, SSE, AVX, and AVX-512 where the CPU has it. Behind the last of them lies
 * FP_XSTATE_MAGIC2, four bytes. */
struct x64i_fpu_frame {
    struct x64i_fxsave legacy;
    uint64_t in_use; /* XSTATE_BV */
    uint64_t compaction;
    uint64_t zero[6];
    uint8_t components[X64I_XSAVE_MAX - X64I_XSAVE_BASE + 8];
};

/* Whether frames hold more than the FXSAVE image: UC_FP_XSTATE. */
bool x64i_fpu_frame_is_extended(const struct x64i_kernel *kernel);

/* Bytes of the area that frames get, the second magic number included. */
size_t x64i_fpu_frame_size(const struct x64i_kernel *kernel);

void x64i_fpu_frame_fill(struct x64i_kernel *kernel, struct x64i_fpu_frame *frame);

/* Loads what the frame has; as in the kernel, without the extended part when that is not marked as
 * one. -EFAULT when XRSTOR would not take it. */
int64_t x64i_fpu_frame_take(struct x64i_kernel *kernel, struct x64i_fpu_frame *frame);

#endif
