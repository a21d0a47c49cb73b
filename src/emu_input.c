/* SPDX-License-Identifier: MIT */
/* What a machine without a host's input answers: the same in every run. */
#include "machine.h"

#include <string.h>

/* 2022-12-11 22:15:18 UTC, when Linux 6.1 was released. */
#define DEFAULT_TIME_NANOSECONDS UINT64_C(1670796918000000000)

/* SplitMix64 (Vigna, public domain), seeded with the number of records so far. */
static uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static size_t fixed_random(const struct x64_machine *machine, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t word = mix(machine->run.input_records << 32 | i / 8);
        bytes[i] = (uint8_t)(word >> 8 * (i % 8));
    }
    return size;
}

size_t x64i_default_input(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                          size_t size)
{
    const struct x64_host *host = &machine->config.host;
    if (host->input) {
        size_t given = host->input(host->user, kind, buffer, size);
        if (given != X64_INPUT_DEFAULT)
            return given < size ? given : size;
    }
    uint64_t time = DEFAULT_TIME_NANOSECONDS;
    switch (kind) {
    case X64_INPUT_RANDOM:
        return fixed_random(machine, buffer, size);
    case X64_INPUT_TIME:
        if (size < sizeof time)
            return 0;
        memcpy(buffer, &time, sizeof time);
        return sizeof time;
    default:
        return 0;
    }
}

const struct x64i_input_log *x64i_machine_input_log(const struct x64_machine *machine)
{
    return &machine->input;
}

enum x64_status x64i_machine_replay_input(struct x64_machine *machine, struct x64i_input_log *log)
{
    uint64_t taken = machine->run.input_records;
    if (log->base > taken || taken - log->base > log->count)
        return X64_ERROR_ARGUMENT;
    x64i_input_log_free(&machine->input);
    machine->input = *log;
    *log = (struct x64i_input_log){0};
    return X64_OK;
}
