/* SPDX-License-Identifier: MIT */
/* A snapshot fuzzer: every try is a fork of a machine that stands in front of the code under test;
 * an input that reaches a new block is kept and changed further. */
#include <x64emu/x64emu.h>

#include <stdio.h>
#include <string.h>

#define CODE  0x1000
#define INPUT 0x3000
#define SIZE  4

/* if (memcmp(rdi, "X64!", 4) == 0) a bug: ud2; otherwise hlt. One byte after the other. */
static const uint8_t target[] = {0x80, 0x3f, 'X',  0x75, 20, 0x80, 0x7f, 1,   '6',
                                 0x75, 14,   0x80, 0x7f, 2,  '4',  0x75, 8,   0x80,
                                 0x7f, 3,    '!',  0x75, 2,  0x0f, 0x0b, 0xf4};

struct coverage {
    bool seen[sizeof target];
    bool grown;
};

static void on_block(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct coverage *coverage = user;
    uint64_t offset = rip - CODE;
    (void)machine;
    if (offset < sizeof target && !coverage->seen[offset])
        coverage->seen[offset] = coverage->grown = true;
}

/* Whether the input crashes the code. */
static bool crashes(struct x64_machine *snapshot, const uint8_t *input, struct coverage *coverage)
{
    struct x64_machine *machine;
    struct x64_stop stop = {.reason = X64_STOP_HALT};
    if (x64_fork(snapshot, NULL, &machine) != X64_OK)
        return false;
    if (x64_memory_write_phys(machine, INPUT, input, SIZE) == X64_OK &&
        x64_hook_add_block(machine, NULL, on_block, coverage, NULL) == X64_OK)
        (void)x64_run(machine, 1000, &stop);
    x64_machine_destroy(machine);
    return stop.reason != X64_STOP_HALT;
}

int main(void)
{
    const struct x64_config config = {.struct_size = sizeof config, .memory_size = 1 << 20};
    struct x64_machine *snapshot;
    struct x64_registers registers;
    struct coverage coverage = {.grown = false};
    uint8_t best[SIZE] = {0}, input[SIZE];
    uint64_t random = 1;
    if (x64_machine_create(&config, &snapshot) != X64_OK ||
        x64_memory_write_phys(snapshot, CODE, target, sizeof target) != X64_OK ||
        x64_machine_start(snapshot, CODE, 0x8000) != X64_OK ||
        x64_registers_read(snapshot, &registers) != X64_OK)
        return 1;
    registers.gpr[X64_RDI] = INPUT;
    if (x64_registers_write(snapshot, &registers) != X64_OK)
        return 1;
    for (int tries = 1; tries <= 100000; tries++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(input, best, SIZE);
        input[random >> 40 & 3] = (uint8_t)(random >> 50);
        coverage.grown = false;
        if (crashes(snapshot, input, &coverage)) {
            printf("crash after %d tries: \"%.4s\"\n", tries, (const char *)input);
            x64_machine_destroy(snapshot);
            return 0;
        }
        if (coverage.grown)
            memcpy(best, input, SIZE);
    }
    return 1;
}
