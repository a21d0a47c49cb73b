/* SPDX-License-Identifier: MIT */
/* Integer addition, subtraction, comparison and logic (SDM vol. 2, each instruction's page). */
#include "cpu/sem.h"

/* DEST := DEST + SRC */
X64I_BODY2(add)
{
    uint64_t result = a + b;
    x64i_set_flags_add(cpu, X64I_OSZAPC, a, b, result, width);
    return result;
}
X64I_INSTANCES_ALU2(add)

/* DEST := DEST + SRC + CF */
X64I_BODY2(adc)
{
    uint64_t result = a + b + x64i_carry(cpu);
    x64i_set_flags_add(cpu, X64I_OSZAPC, a, b, result, width);
    return result;
}
X64I_INSTANCES_ALU2(adc)

/* DEST := DEST - SRC */
X64I_BODY2(sub)
{
    uint64_t result = a - b;
    x64i_set_flags_sub(cpu, X64I_OSZAPC, a, b, result, width);
    return result;
}
X64I_INSTANCES_ALU2(sub)

/* DEST := DEST - (SRC + CF) */
X64I_BODY2(sbb)
{
    uint64_t result = a - b - x64i_carry(cpu);
    x64i_set_flags_sub(cpu, X64I_OSZAPC, a, b, result, width);
    return result;
}
X64I_INSTANCES_ALU2(sbb)

/* As SUB, without the result. */
X64I_BODY2(cmp)
{
    return sub_body(cpu, a, b, width);
}
X64I_INSTANCES_CMP2(cmp)

/* DEST := DEST AND SRC */
X64I_BODY2(and)
{
    uint64_t result = a & b;
    x64i_set_flags_logic(cpu, result, width);
    return result;
}
X64I_INSTANCES_ALU2(and)

/* As AND, without the result. */
X64I_BODY2(test)
{
    return and_body(cpu, a, b, width);
}
X64I_INSTANCES_CMP2(test)

/* DEST := DEST OR SRC */
X64I_BODY2(or)
{
    uint64_t result = a | b;
    x64i_set_flags_logic(cpu, result, width);
    return result;
}
X64I_INSTANCES_ALU2(or)

/* DEST := DEST XOR SRC */
X64I_BODY2(xor)
{
    uint64_t result = a ^ b;
    x64i_set_flags_logic(cpu, result, width);
    return result;
}
X64I_INSTANCES_ALU2(xor)

/* DEST := DEST + 1; CF stays. */
X64I_BODY1(inc)
{
    uint64_t result = a + 1;
    x64i_set_flags_add(cpu, X64I_OSZAPC & ~X64I_CF, a, 1, result, width);
    return result;
}
X64I_INSTANCES_UNARY(inc)

/* DEST := DEST - 1; CF stays. */
X64I_BODY1(dec)
{
    uint64_t result = a - 1;
    x64i_set_flags_sub(cpu, X64I_OSZAPC & ~X64I_CF, a, 1, result, width);
    return result;
}
X64I_INSTANCES_UNARY(dec)

/* DEST := 0 - DEST */
X64I_BODY1(neg)
{
    uint64_t result = 0 - a;
    x64i_set_flags_sub(cpu, X64I_OSZAPC, 0, a, result, width);
    return result;
}
X64I_INSTANCES_UNARY(neg)

/* DEST := NOT DEST; no flags. */
X64I_BODY1(not )
{
    (void)cpu;
    (void)width;
    return ~a;
}
X64I_INSTANCES_UNARY(not )
