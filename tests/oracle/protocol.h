/* SPDX-License-Identifier: MIT */
/*
 * What the oracle's two programs share. The test program makes cases (one instruction, one state
 * before it), the native runner executes them on the host CPU, and both meet in one shared memory
 * object: a batch of cases, a batch of results, and the arena, a few pages that stand at the same
 * linear addresses in the runner's process and in the emulated machine.
 *
 *     ARENA_DATA - 1 page   unmapped
 *     ARENA_DATA            page 0, writable            HIGH: page 3, writable,
 *                + 1 page   page 1, writable                  far above 4 GiB
 *                + 2 pages  page 2, read-only
 *                + 3 pages  unmapped
 *     ARENA_RETURN          where finished cases jump through
 *     ARENA_CODE            two pages of slots for code, then nothing
 *
 * The runner prepares and answers one batch for each byte it reads from standard input.
 */
#ifndef X64_TESTS_ORACLE_PROTOCOL_H
#define X64_TESTS_ORACLE_PROTOCOL_H

#include <stdint.h>

#define ORACLE_PAGE         4096u
#define ORACLE_LINE         64u
#define ORACLE_ARENA_DATA   UINT64_C(0x20000000)
#define ORACLE_ARENA_RETURN UINT64_C(0x2000f000)
#define ORACLE_ARENA_CODE   UINT64_C(0x20010000)
#define ORACLE_ARENA_HIGH   UINT64_C(0x600000000000)

/* Pages of the arena's data in shared memory: two writable, one read-only, the high one. */
#define ORACLE_DATA_PAGES 4u
#define ORACLE_DATA_SIZE  (ORACLE_DATA_PAGES * ORACLE_PAGE)
#define ORACLE_DATA_LINES (ORACLE_DATA_SIZE / ORACLE_LINE)
#define ORACLE_CODE_PAGES 2u
#define ORACLE_CODE_SIZE  (ORACLE_CODE_PAGES * ORACLE_PAGE)

/* Code stands in slots of 64 bytes, one for each case of a batch, INT3 everywhere else. A branch
 * that lands on a pad is caught there. */
#define ORACLE_SLOT_SIZE 64u
#define ORACLE_SLOTS     (ORACLE_CODE_SIZE / ORACLE_SLOT_SIZE)
#define ORACLE_SLOT_PAD  22u
#define ORACLE_SLOT_CODE 24u

/* The extended state, as XSAVE lays it out in its standard form up to AVX-512 (SDM vol. 1, 13.4),
 * whose parts every CPU puts where it likes: oracle_shared.layout. */
#define ORACLE_EXTENDED_SIZE 2688u
#define ORACLE_XMM_OFFSET    160u
#define ORACLE_YMM_OFFSET    576u
#define ORACLE_AVX512        0xe0u /* bits of XCR0 */

#define ORACLE_PATCHES       4u
#define ORACLE_PATCH_SIZE    64u
#define ORACLE_CHANGED_LINES 48u /* an XSAVE area has 42 */
#define ORACLE_NO_VECTOR     0xffffffffu

struct oracle_state {
    uint64_t gpr[16]; /* by the encoding's numbers */
    uint64_t rip;
    uint64_t rflags;
    uint64_t fs_base;
    uint64_t gs_base;
    uint16_t selector[6]; /* by the encoding's numbers: ES, CS, SS, DS, FS, GS */
    uint8_t extended[ORACLE_EXTENDED_SIZE] __attribute__((aligned(64)));
};

/* Where the extended state has AVX-512's parts. */
struct oracle_layout {
    uint32_t opmask;
    uint32_t zmm_high; /* upper halves of ZMM0-ZMM15 */
    uint32_t zmm_more; /* ZMM16-ZMM31 */
};

/* Bytes of the arena's data that differ from the pristine ones at the case's start. */
struct oracle_patch {
    uint32_t offset; /* into the data pages */
    uint32_t size;   /* 0: unused */
    uint8_t bytes[ORACLE_PATCH_SIZE];
};

struct oracle_case {
    struct oracle_state before;
    struct oracle_patch patch[ORACLE_PATCHES];
    uint8_t bytes[16]; /* the instruction */
    uint32_t length;
    uint32_t reserved[11];
};

enum oracle_outcome {
    ORACLE_NOT_RUN,
    ORACLE_RAN,    /* the instruction or its exception was seen through */
    ORACLE_CRASHED /* the runner died or hung; nothing else is valid */
};

/* The machine after one case. */
struct oracle_result {
    struct oracle_state after;
    uint32_t outcome; /* enum oracle_outcome */
    uint32_t vector;  /* of the exception, or ORACLE_NO_VECTOR */
    uint32_t error_code;
    uint32_t changed_count; /* lines; more than ORACLE_CHANGED_LINES are counted, not kept */
    uint64_t cr2;
    uint16_t changed[ORACLE_CHANGED_LINES];
    uint8_t line[ORACLE_CHANGED_LINES][ORACLE_LINE] __attribute__((aligned(64)));
};

struct oracle_shared {
    uint8_t data[ORACLE_DATA_SIZE] __attribute__((aligned(4096)));
    uint8_t code[ORACLE_CODE_SIZE] __attribute__((aligned(4096)));
    uint8_t trampoline[ORACLE_PAGE] __attribute__((aligned(4096))); /* at ARENA_RETURN */
    uint8_t pristine[ORACLE_DATA_SIZE] __attribute__((aligned(4096)));
    uint32_t first; /* the cases of the batch to run: first ... first + count - 1 */
    uint32_t count;
    volatile uint32_t current;
    uint32_t extended_mask; /* XCR0 bits that cases may use */
    struct oracle_layout layout;
    uint32_t tame; /* the host's kernel is itself a guest that takes RFLAGS.AC and NT, GS
                    * bases, RPLs of null selectors and addresses of its own half amiss */
    struct oracle_case cases[ORACLE_SLOTS] __attribute__((aligned(4096)));
    struct oracle_result results[ORACLE_SLOTS] __attribute__((aligned(4096)));
};

/* Where bytes at ... at + 15 of a vector register stand; `at` is a multiple of 16. */
static inline uint32_t oracle_vector_offset(const struct oracle_layout *layout, unsigned reg,
                                            unsigned at)
{
    if (reg >= 16)
        return layout->zmm_more + 64 * (reg - 16) + at;
    if (at >= 32)
        return layout->zmm_high + 32 * reg + at - 32;
    return (at ? ORACLE_YMM_OFFSET : ORACLE_XMM_OFFSET) + 16 * reg;
}

/* The linear address of a byte of the data pages. */
static inline uint64_t oracle_data_address(uint32_t offset)
{
    return offset < 3 * ORACLE_PAGE ? ORACLE_ARENA_DATA + offset
                                    : ORACLE_ARENA_HIGH + offset - 3 * ORACLE_PAGE;
}

#endif
