/* SPDX-License-Identifier: MIT */
/*
 * The block engine's form of an op, and how one op goes on to the next. A fast handler does its
 * work and continues with the op behind it; where that is a jump of the host (a tail call), a block
 * runs without returning, and where it is not, the handler returns the next op to the loop that
 * called it. Handlers of rare things always return it. Null leaves the engine: cpu->fast.leave says
 * why.
 *
 * A fast handler changes nothing before it knows that it can finish. When it cannot (a page without
 * a host pointer, a fault), it hands its op to x64i_fast_generic, which does the whole instruction
 * again by the reference path's handler.
 */
#ifndef X64I_CPU_FAST_OP_H
#define X64I_CPU_FAST_OP_H

#include <stdbool.h>
#include <stdint.h>

struct x64i_cpu;
struct x64i_fast_op;
struct x64i_block;

typedef const struct x64i_fast_op *x64i_fast_handler(struct x64i_cpu *cpu,
                                                     const struct x64i_fast_op *op);

/* 32 bytes. What else is known of the instruction is in the cold op of the same index. `base` and
 * `index` are offsets in struct x64i_cpu: of a register, of a segment's base, of the zero or of the
 * linear base of the code's page, whatever the address is made of. */
struct x64i_fast_op {
    x64i_fast_handler *run;
    uint64_t immediate;   /* as the reference op's */
    int32_t displacement; /* relative to the code's page for RIP-relative operands and branches */
    uint16_t base;
    uint16_t index;
    uint16_t offset; /* of the instruction in its page */
    uint8_t destination;
    uint8_t source;
    uint8_t third;
    uint8_t scale;
    uint8_t length;
    uint8_t position; /* in its block */
};

_Static_assert(sizeof(struct x64i_fast_op) == 32, "an op stays small");

/* Whether the compiler makes tail calls jumps: clang is told to, gcc does with optimisation;
 * neither does in builds with a sanitizer or without optimisation. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define X64I_TAIL_CALLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define X64I_TAIL_CALLS 0
#endif
#endif
#ifndef X64I_TAIL_CALLS
#ifdef __OPTIMIZE__
#define X64I_TAIL_CALLS 1
#else
#define X64I_TAIL_CALLS 0
#endif
#endif

#if X64I_TAIL_CALLS && defined(__clang__)
#define X64I_TAIL __attribute__((musttail)) return
#else
#define X64I_TAIL return
#endif

/* Goes on with `op`. */
#if X64I_TAIL_CALLS
#define X64I_GO(cpu, op) X64I_TAIL(op)->run(cpu, op)
#else
#define X64I_GO(cpu, op) return (op)
#endif

/* Goes on with the op behind this one. */
#define X64I_NEXT(cpu, op) X64I_GO(cpu, (op) + 1)

enum x64i_leave {
    X64I_LEAVE_TARGET,   /* rip is where no known block begins */
    X64I_LEAVE_BUDGET,   /* the block at rip is longer than the budget */
    X64I_LEAVE_SYSTEM,   /* the op at rip is not plain: fast.system */
    X64I_LEAVE_CHANGED,  /* something may have changed what comes next */
    X64I_LEAVE_REFERENCE /* the reference path must go on */
};

/* What the engine knows beyond the state. Flags are kept as the result that they follow from and
 * what the result does not say: see fast_flags.h. */
struct x64i_fast {
    uint64_t zero;      /* stands for an absent base or index register */
    uint64_t code_base; /* linear address of the running block's page */
    uint64_t flag_result;
    uint64_t flag_aux;
    int64_t budget; /* steps left when the running block will have ended */
    uint64_t limit; /* s.steps when the budget is used up */
    struct x64i_block *block;
    struct x64i_exit *pending; /* the exit to be linked to the block that is found next */
    const struct x64i_op *system;
    enum x64i_leave leave;
    bool filling; /* accesses of the reference path fill host slots */
    bool telling; /* whoever watches is told of each step by a handler of the reference path */
};

/* The whole instruction by the reference path's handler; then on with the next op. */
x64i_fast_handler x64i_fast_generic;

/* The same for one that neither reads nor writes flags (x64i_isa_is_flagless). */
x64i_fast_handler x64i_fast_flagless;

#endif
