/* SPDX-License-Identifier: MIT */
/*
 * The form of an instruction, as the tables of src/timing/data name it: the mnemonic and the kinds
 * of its visible operands.
 *
 *     add r64,r64        add r64,m64        lock add m64,i        shl r32,cl        vaddps y,y,m256
 *
 *     r8 r16 r32 r64   general registers (cl where it is implied)    i   immediate (1 where
 * implied) mm x y z k st    MMX, XMM, YMM, ZMM, mask, x87 registers       rel branch displacement
 *     sr cr dr         segment, control, debug registers             a   address (LEA), or scaled
 *     m<bits>          memory
 */
#ifndef X64I_TIMING_FORM_H
#define X64I_TIMING_FORM_H

#include <Zydis/Zydis.h>

#define X64I_FORM_SIZE 64

void x64i_form_name(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operands,
                    char name[X64I_FORM_SIZE]);

#endif
