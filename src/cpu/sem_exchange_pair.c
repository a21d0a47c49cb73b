/* SPDX-License-Identifier: MIT */
/* CMPXCHG8B and CMPXCHG16B (SDM vol. 2A). */
#include "cpu/sem.h"

#include <string.h>

/* The two halves of `width` bits are compared with rDX:rAX; rCX:rBX is stored when they are equal,
 * else they are stored back and loaded. Only ZF changes. */
X64I_INLINE enum x64i_result compare_pair(struct x64i_cpu *cpu, const struct x64i_op *op,
                                          unsigned width)
{
    unsigned size = width / 8;
    uint64_t offset = x64i_effective(cpu, op);
    struct x64i_target target;
    uint8_t bytes[16];
    if (x64i_probe(cpu, op->segment, offset, 2 * size, &target) != X64I_DONE ||
        x64i_load_bytes(cpu, op->segment, offset, 2 * size, bytes) != X64I_DONE)
        return X64I_FAULT;
    uint64_t low = 0, high = 0;
    memcpy(&low, bytes, size);
    memcpy(&high, bytes + size, size);
    bool equal = low == x64i_gpr(cpu, X64_RAX, width) && high == x64i_gpr(cpu, X64_RDX, width);
    if (equal) {
        memcpy(bytes, &cpu->s.gpr[X64_RBX], size);
        memcpy(bytes + size, &cpu->s.gpr[X64_RCX], size);
    }
    x64i_commit_bytes(cpu, &target, bytes);
    if (!equal) {
        x64i_set_gpr(cpu, X64_RAX, low, width);
        x64i_set_gpr(cpu, X64_RDX, high, width);
    }
    x64i_set_flags(cpu, X64I_ZF, equal ? X64I_ZF : 0);
    return X64I_DONE;
}

X64I_HANDLER(cmpxchg8b)
{
    return compare_pair(cpu, op, 32);
}

/* The operand must be aligned on 16 bytes: else #GP(0), whatever the segment. Only 64-bit mode has
 * this instruction. */
X64I_HANDLER(cmpxchg16b)
{
    bool has_base = op->segment == X64_FS || op->segment == X64_GS;
    uint64_t base = has_base ? cpu->s.segment[op->segment].base : 0;
    if ((x64i_effective(cpu, op) + base) & 15)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return compare_pair(cpu, op, 64);
}
