/* SPDX-License-Identifier: MIT */
/* Declarations of every handler that isa.def names. */
#ifndef X64I_CPU_ISA_HANDLERS_H
#define X64I_CPU_ISA_HANDLERS_H

#include "cpu/op.h"
#include "cpu/shapes.h"

#define X64I_DECLARE_W1(h) x64i_handler x64i_##h;
#define X64I_DECLARE_W2(h) x64i_handler x64i_##h##_32, x64i_##h##_64;
#define X64I_DECLARE_W3(h) x64i_handler x64i_##h##_16, x64i_##h##_32, x64i_##h##_64;
#define X64I_DECLARE_W4(h) x64i_handler x64i_##h##_8, x64i_##h##_16, x64i_##h##_32, x64i_##h##_64;
#define X64I_ISA(mnemonic, shape, body, feature, written, read, undefined) \
    X64I_SLOTS_##shape(body, X64I_DECLARE_W4, X64I_DECLARE_W3, X64I_DECLARE_W2, X64I_DECLARE_W1)
#include "cpu/isa.def"
#undef X64I_ISA
#undef X64I_DECLARE_W1
#undef X64I_DECLARE_W2
#undef X64I_DECLARE_W3
#undef X64I_DECLARE_W4

#endif
