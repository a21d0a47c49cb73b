/* SPDX-License-Identifier: MIT */
/* What MSRs with a life of their own ask of the CPU (msr/msr.h); `user` is the struct x64i_cpu. */
#ifndef X64I_CPU_MSR_GLUE_H
#define X64I_CPU_MSR_GLUE_H

#include "msr/msr.h"

extern const struct x64i_msr_callbacks x64i_cpu_msr_callbacks;

#endif
