/* SPDX-License-Identifier: MIT */
/*
 * Operand shapes of isa.def. A shape lists the patterns of visible operands that its rows accept
 * and names one handler, or one per width, for each pattern:
 *
 *     R general register   M memory   I immediate   J relative branch target   P far pointer
 *     S segment register   C control register   D debug register   X XMM   Y YMM   Q MMX
 *     F x87 register   K mask register   Z ZMM   V a vector register of the instruction's length
 *     a number behind a letter: that operand's size in bits, else any size
 *     -  no visible operand at all     *  any operands, for handlers that look at the op themselves
 *     ^  before a pattern: EVEX-encoded, without its mask; others are not
 *     >  before a pattern: a far branch, with the far pointer in memory for M; others are near
 *
 * Each slot is written for a macro argument: W4(h) stands for h_8 h_16 h_32 h_64, W3(h) for h_16
 * h_32 h_64, W2(h) for h_32 h_64, W1(h) for one handler whatever the width. The width is that of
 * operand `X64I_WIDTH_OF_shape`, or the effective operand size where that is X64I_WIDTH_EFFECTIVE.
 * The same list declares the handlers, fills the dispatch table and drives the tests.
 */
#ifndef X64I_CPU_SHAPES_H
#define X64I_CPU_SHAPES_H

#include "cpu/shapes_vector.h"
#include "cpu/shapes_x87.h"

#define X64I_WIDTH_EFFECTIVE 0xff /* the instruction's operand size, not an operand's */

/* ADD and its kin: destination := f(destination, source). */
#define X64I_PATTERNS_alu2                 "RR RI RM MR MI"
#define X64I_WIDTH_OF_alu2                 0
#define X64I_SLOTS_alu2(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_ri) W4(b##_rm) W4(b##_mr) W4(b##_mi)

/* CMP, TEST: as alu2, nothing is written. */
#define X64I_PATTERNS_cmp2                 "RR RI RM MR MI"
#define X64I_WIDTH_OF_cmp2                 0
#define X64I_SLOTS_cmp2(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_ri) W4(b##_rm) W4(b##_mr) W4(b##_mi)

/* MOV between registers, memory and immediates. */
#define X64I_PATTERNS_mov2                 "RR RI RM MR MI"
#define X64I_WIDTH_OF_mov2                 0
#define X64I_SLOTS_mov2(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_ri) W4(b##_rm) W4(b##_mr) W4(b##_mi)

/* INC, DEC, NEG, NOT: destination := f(destination). */
#define X64I_PATTERNS_unary                 "R M"
#define X64I_WIDTH_OF_unary                 0
#define X64I_SLOTS_unary(b, W4, W3, W2, W1) W4(b##_r) W4(b##_m)

/* One operand that is only read, of any width: MUL, DIV ... */
#define X64I_PATTERNS_read1                 "R M"
#define X64I_WIDTH_OF_read1                 0
#define X64I_SLOTS_read1(b, W4, W3, W2, W1) W4(b##_r) W4(b##_m)

/* SETcc: one byte that is only written. */
#define X64I_PATTERNS_set1                 "R M"
#define X64I_WIDTH_OF_set1                 0
#define X64I_SLOTS_set1(b, W4, W3, W2, W1) W1(b##_r) W1(b##_m)

/* destination register := f(source), 16 bits and wider: BSF, POPCNT, CMOVcc ... */
#define X64I_PATTERNS_r_rm                 "RR RM"
#define X64I_WIDTH_OF_r_rm                 0
#define X64I_SLOTS_r_rm(b, W4, W3, W2, W1) W3(b##_rr) W3(b##_rm)

/* MOVZX, MOVSX: a wider destination; the source's size is in the handler's name. */
#define X64I_PATTERNS_widen                 "RR8 RM8 RR16 RM16"
#define X64I_WIDTH_OF_widen                 0
#define X64I_SLOTS_widen(b, W4, W3, W2, W1) W3(b##_r8) W3(b##_m8) W3(b##_r16) W3(b##_m16)

/* XCHG, XADD, CMPXCHG. */
#define X64I_PATTERNS_exchange                 "RR MR"
#define X64I_WIDTH_OF_exchange                 0
#define X64I_SLOTS_exchange(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_mr)

/* BSWAP. */
#define X64I_PATTERNS_r                 "R"
#define X64I_WIDTH_OF_r                 0
#define X64I_SLOTS_r(b, W4, W3, W2, W1) W3(b##_r)

/* RDRAND, RDSEED: one register of 16 bits or more. */
#define X64I_PATTERNS_random                 "R"
#define X64I_WIDTH_OF_random                 0
#define X64I_SLOTS_random(b, W4, W3, W2, W1) W3(b##_r)

/* MOVBE. */
#define X64I_PATTERNS_rm_mr                 "RM MR"
#define X64I_WIDTH_OF_rm_mr                 0
#define X64I_SLOTS_rm_mr(b, W4, W3, W2, W1) W3(b##_rm) W3(b##_mr)

/* LEA: the memory operand stays untouched. */
#define X64I_PATTERNS_lea                 "RM"
#define X64I_WIDTH_OF_lea                 0
#define X64I_SLOTS_lea(b, W4, W3, W2, W1) W3(b)

/* PUSH and POP of what is not a segment register. */
#define X64I_PATTERNS_push                 "R M I"
#define X64I_WIDTH_OF_push                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_push(b, W4, W3, W2, W1) W3(b##_r) W3(b##_m) W3(b##_i)
#define X64I_PATTERNS_pop                  "R M"
#define X64I_WIDTH_OF_pop                  X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_pop(b, W4, W3, W2, W1)  W3(b##_r) W3(b##_m)

/* Shifts and rotates; the count is CL or an immediate. */
#define X64I_PATTERNS_shift                 "RR RI MR MI"
#define X64I_WIDTH_OF_shift                 0
#define X64I_SLOTS_shift(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_ri) W4(b##_mr) W4(b##_mi)

/* SHLD, SHRD; the count is CL or an immediate. */
#define X64I_PATTERNS_shift3                 "RRR RRI MRR MRI"
#define X64I_WIDTH_OF_shift3                 0
#define X64I_SLOTS_shift3(b, W4, W3, W2, W1) W3(b##_rrr) W3(b##_rri) W3(b##_mrr) W3(b##_mri)

/* BT and its kin: a bit offset in a register reaches beyond the memory operand. */
#define X64I_PATTERNS_bit                 "RR RI MR MI"
#define X64I_WIDTH_OF_bit                 0
#define X64I_SLOTS_bit(b, W4, W3, W2, W1) W3(b##_rr) W3(b##_ri) W3(b##_mr) W3(b##_mi)

/* IMUL by an immediate. */
#define X64I_PATTERNS_r_rm_i                 "RRI RMI"
#define X64I_WIDTH_OF_r_rm_i                 0
#define X64I_SLOTS_r_rm_i(b, W4, W3, W2, W1) W3(b##_rri) W3(b##_rmi)

/* VEX-encoded instructions on general registers, of 32 or 64 bits. */
#define X64I_PATTERNS_vex_r_r_rm                 "RRR RRM"
#define X64I_WIDTH_OF_vex_r_r_rm                 0
#define X64I_SLOTS_vex_r_r_rm(b, W4, W3, W2, W1) W2(b##_rrr) W2(b##_rrm)
#define X64I_PATTERNS_vex_r_rm_r                 "RRR RMR"
#define X64I_WIDTH_OF_vex_r_rm_r                 0
#define X64I_SLOTS_vex_r_rm_r(b, W4, W3, W2, W1) W2(b##_rrr) W2(b##_rmr)
#define X64I_PATTERNS_vex_r_rm_i                 "RRI RMI"
#define X64I_WIDTH_OF_vex_r_rm_i                 0
#define X64I_SLOTS_vex_r_rm_i(b, W4, W3, W2, W1) W2(b##_rri) W2(b##_rmi)

/* As r_rm, of 32 or 64 bits: the BMI1 instructions with two operands, ADCX, ADOX. */
#define X64I_PATTERNS_r_rm_32                 "RR RM"
#define X64I_WIDTH_OF_r_rm_32                 0
#define X64I_SLOTS_r_rm_32(b, W4, W3, W2, W1) W2(b##_rr) W2(b##_rm)

/* JMP and CALL through a register or memory; near. */
#define X64I_PATTERNS_near                 "R M"
#define X64I_WIDTH_OF_near                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_near(b, W4, W3, W2, W1) W3(b##_r) W3(b##_m)

/* String instructions: no visible operand, and an operand size of 8 to 64 bits. */
#define X64I_PATTERNS_string                 "-"
#define X64I_WIDTH_OF_string                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_string(b, W4, W3, W2, W1) W4(b)

/* A handler of its own that looks at the op; one for all widths. */
#define X64I_PATTERNS_any                 "*"
#define X64I_WIDTH_OF_any                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_any(b, W4, W3, W2, W1) W1(b)

/* The same with an instance for each effective operand size of 16, 32 and 64 bits. */
#define X64I_PATTERNS_any_w                 "*"
#define X64I_WIDTH_OF_any_w                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_any_w(b, W4, W3, W2, W1) W3(b)

/* Relative near branches: JMP, Jcc, CALL, LOOP. */
#define X64I_PATTERNS_rel                 "J"
#define X64I_WIDTH_OF_rel                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_rel(b, W4, W3, W2, W1) W3(b)

/* Far JMP and CALL: the pointer is in the instruction or in memory. */
#define X64I_PATTERNS_far                 ">P >M"
#define X64I_WIDTH_OF_far                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_far(b, W4, W3, W2, W1) W3(b##_p) W3(b##_m)

/* Far RET, without and with bytes to release. */
#define X64I_PATTERNS_far_ret                 ">- >I"
#define X64I_WIDTH_OF_far_ret                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_far_ret(b, W4, W3, W2, W1) W3(b) W3(b##_i)

/* MOV to and from segment registers. */
#define X64I_PATTERNS_mov_segment                 "RS MS SR SM"
#define X64I_WIDTH_OF_mov_segment                 0
#define X64I_SLOTS_mov_segment(b, W4, W3, W2, W1) W3(b##_rs) W1(b##_ms) W1(b##_sr) W1(b##_sm)

/* PUSH and POP of segment registers. */
#define X64I_PATTERNS_segment                 "S"
#define X64I_WIDTH_OF_segment                 X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_segment(b, W4, W3, W2, W1) W3(b)

/* One general register of 32 or 64 bits: RDFSBASE and its kin, RDPID. */
#define X64I_PATTERNS_reg                 "R"
#define X64I_WIDTH_OF_reg                 0
#define X64I_SLOTS_reg(b, W4, W3, W2, W1) W2(b)

/* MOV to and from control and debug registers. */
#define X64I_PATTERNS_mov_control "RC CR RD DR"
#define X64I_WIDTH_OF_mov_control 0
#define X64I_SLOTS_mov_control(b, W4, W3, W2, W1) \
    W1(b##_from_control) W1(b##_to_control) W1(b##_from_debug) W1(b##_to_debug)

/* IN and OUT: the port is an immediate or DX. */
#define X64I_PATTERNS_in                 "RI RR"
#define X64I_WIDTH_OF_in                 0
#define X64I_SLOTS_in(b, W4, W3, W2, W1) W4(b##_immediate) W4(b##_dx)

#define X64I_PATTERNS_out                 "IR RR"
#define X64I_WIDTH_OF_out                 1
#define X64I_SLOTS_out(b, W4, W3, W2, W1) W4(b##_immediate) W4(b##_dx)

#endif
