/* SPDX-License-Identifier: MIT */
#include "emu/random_block.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SEED  1000u
#define BEFORE_PAGE 0xf80u

/* Instructions that set up what random_code.h asks for come by registers, not by code. */
static void set_registers(struct x64_machine *machine, uint64_t seed, uint64_t rip)
{
    struct x64_registers r;
    ck_assert_int_eq(x64_registers_read(machine, &r), X64_OK);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t value = lockstep_random(&seed);
        r.gpr[i] = value & 1 ? value : value >> (value >> 58); /* small ones as well */
    }
    r.gpr[X64_RSP] = LOCKSTEP_STACK - (seed & 7);
    r.gpr[X64_RBX] = RANDOM_CODE_RBX;
    r.gpr[X64_R12] = RANDOM_CODE_R12;
    r.gpr[X64_R13] = RANDOM_CODE_R13;
    r.gpr[X64_R14] = RANDOM_CODE_R14;
    r.gpr[X64_RDI] = 0xf0000 + (seed & 0xfff);
    r.gpr[X64_RSI] = 0xe0ff8;
    r.rip = rip;
    ck_assert_int_eq(x64_registers_write(machine, &r), X64_OK);
}

/* What the operands' pages hold: divisors that are not always zero, and small numbers. */
static void fill_data(struct x64_machine *machine, uint64_t seed, unsigned operands)
{
    uint64_t words[1024];
    for (unsigned i = 0; i < 1024; i++) {
        words[i] = lockstep_random(&seed);
        words[i] = i % 3 ? words[i] : words[i] >> 50;
    }
    for (unsigned i = 0; i < operands; i++)
        ck_assert_int_eq(x64_memory_write_phys(machine, RANDOM_CODE_DATA + i * RANDOM_CODE_STRIDE,
                                               words, sizeof words),
                         X64_OK);
}

void random_block_make(struct random_block *block, const char *name, uint64_t seed,
                       const uint8_t *end, size_t end_size)
{
    uint64_t random = seed;
    const uint64_t offset = lockstep_random(&random) % 4 ? 0 : BEFORE_PAGE + random % 0x80;
    *block = (struct random_block){.code = {.linear = LOCKSTEP_CODE + offset,
                                            .seed = lockstep_random(&random),
                                            .fs = LOCKSTEP_FS,
                                            .gs = LOCKSTEP_GS}};
    random_code_add(&block->code, 5 + (unsigned)(lockstep_random(&random) % 36));
    random_code_bytes(&block->code, end, end_size);
    uint8_t image[LOCKSTEP_PAGE + RANDOM_CODE_SIZE];
    memset(image, 0x90, sizeof image);
    memcpy(image + offset, block->code.bytes, block->code.size);
    for (int engine = 0; engine < 2; engine++) {
        block->machines[engine] = lockstep_machine((enum x64_engine)engine, image, sizeof image);
        fill_data(block->machines[engine], seed, block->code.operands);
        set_registers(block->machines[engine], seed, LOCKSTEP_CODE + offset);
    }
    block->about = (struct lockstep_case){name, seed, block->code.bytes, block->code.size};
}

void random_block_destroy(struct random_block *block)
{
    x64_machine_destroy(block->machines[0]);
    x64_machine_destroy(block->machines[1]);
}

void random_block_change_page(struct random_block *block, unsigned operand, uint64_t set,
                              uint64_t clear)
{
    for (int engine = 0; engine < 2; engine++)
        lockstep_set_entry(block->machines[engine], RANDOM_CODE_DATA + operand * RANDOM_CODE_STRIDE,
                           set, clear);
}

uint64_t random_block_seed(int index, unsigned i)
{
    const char *only = getenv("LOCKSTEP_SEED");
    return only ? strtoull(only, NULL, 10) : FIRST_SEED * (unsigned)(index + 1) + i;
}
