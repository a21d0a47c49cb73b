/* SPDX-License-Identifier: MIT */
/*
 * Mitigations against what a kernel can do and the CPU can do.
 */
#ifndef X64I_KERNEL_MODEL_MITIGATIONS_H
#define X64I_KERNEL_MODEL_MITIGATIONS_H

#include "msr/model.h"

#include "x64emu/kernel_model.h"

/* Refuses a mitigation that is not among `known`, or that the CPU model lacks a feature for.
 * `kernel` is the name for the sentence. X64_ERROR_UNSUPPORTED. */
enum x64_status x64i_mitigations_check(unsigned chosen, unsigned known, const char *kernel,
                                       const struct x64i_cpu_model *model,
                                       struct x64_error_text *error);

#endif
