/* SPDX-License-Identifier: MIT */
#include "timing/ports.h"

#define WAITING (1ull << X64I_PORT_USED) /* one micro-op that waits, in `load` */

static void end_wait(struct x64i_ports *ports, unsigned port)
{
    if (ports->load[port] < WAITING)
        return;
    ports->load[port] -= WAITING;
    ports->total_waiting--;
}

/* Everything booked in the cycles of one word of the ring, from `base` on, has executed. */
static void execute(struct x64i_ports *ports, uint64_t base, uint64_t cycles)
{
    uint64_t *word = &ports->booked[base / 64 % X64I_RING_WORDS];
    uint64_t booked = *word & cycles;
    *word &= ~cycles;
    for (; booked; booked &= booked - 1) {
        uint16_t *which =
            &ports->which[base % X64I_RING_CYCLES + (unsigned)__builtin_ctzll(booked)];
        for (unsigned left = *which; left; left &= left - 1)
            end_wait(ports, (unsigned)__builtin_ctz(left));
        *which = 0;
    }
}

void x64i_ports_sweep(struct x64i_ports *ports, uint64_t cycle)
{
    if (cycle - ports->swept > 2ull * X64I_RING_CYCLES)
        ports->swept = cycle - 2ull * X64I_RING_CYCLES; /* everything booked lies before */
    while (ports->swept < cycle) {
        uint64_t base = ports->swept & ~63ull;
        uint64_t from = ~0ull << ports->swept % 64;
        if (cycle - base < 64) {
            execute(ports, base, from & ((1ull << (cycle - base)) - 1));
            ports->swept = cycle;
            return;
        }
        execute(ports, base, from);
        ports->swept = base + 64;
        for (unsigned port = 0; port < X64I_PORT_MAX; port++)
            ports->busy[port][base / 64 % X64I_RING_WORDS] = 0;
    }
}

unsigned x64i_ports_bind(struct x64i_ports *ports, uint16_t mask)
{
    unsigned best = 0;
    uint64_t least = UINT64_MAX;
    for (unsigned left = mask; left; left &= left - 1) {
        unsigned port = (unsigned)__builtin_ctz(left);
        if (ports->load[port] >= least)
            continue;
        least = ports->load[port];
        best = port;
    }
    ports->load[best] += WAITING + 1;
    ports->total_waiting++;
    return best;
}

uint64_t x64i_ports_book(struct x64i_ports *ports, unsigned port, uint64_t ready)
{
    if (ready < ports->swept)
        ready = ports->swept;
    uint64_t limit = ports->swept + X64I_RING_CYCLES - 64;
    while (ready < limit) {
        uint64_t *word = &ports->busy[port][ready / 64 % X64I_RING_WORDS];
        uint64_t taken = *word | ((1ull << ready % 64) - 1);
        if (~taken) {
            unsigned bit = (unsigned)__builtin_ctzll(~taken);
            ready = (ready & ~63ull) + bit;
            if (ready >= limit)
                break;
            *word |= 1ull << bit;
            ports->booked[ready / 64 % X64I_RING_WORDS] |= 1ull << bit;
            ports->which[ready % X64I_RING_CYCLES] |= (uint16_t)(1u << port);
            return ready;
        }
        ready = (ready | 63) + 1;
    }
    /* Too far away to matter: taken as free, and as executed. */
    end_wait(ports, port);
    return ready;
}
