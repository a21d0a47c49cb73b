/* SPDX-License-Identifier: MIT */
#include "timing/ports.h"

static uint64_t *word_of(struct x64i_ports *ports, unsigned port, uint64_t cycle)
{
    return &ports->busy[port][cycle / 64 % X64I_RING_WORDS];
}

static void sweep(struct x64i_ports *ports, uint64_t mask)
{
    for (unsigned port = 0; port < X64I_PORT_MAX; port++) {
        uint64_t *word = word_of(ports, port, ports->swept);
        uint32_t done = (uint32_t)__builtin_popcountll(*word & mask);
        *word &= ~mask;
        done = done < ports->waiting[port] ? done : ports->waiting[port];
        ports->waiting[port] -= done;
        ports->total_waiting -= done;
    }
}

void x64i_ports_advance(struct x64i_ports *ports, uint64_t cycle)
{
    if (cycle - ports->swept > 2 * X64I_RING_CYCLES && cycle > ports->swept)
        ports->swept = cycle - 2 * X64I_RING_CYCLES; /* everything booked lies before */
    while (ports->swept < cycle) {
        uint64_t end = (ports->swept | 63) + 1;
        unsigned first = ports->swept % 64;
        unsigned bits = (unsigned)((end < cycle ? end : cycle) - ports->swept);
        sweep(ports, (bits == 64 ? ~0ull : (1ull << bits) - 1) << first);
        ports->swept += bits;
    }
}

unsigned x64i_ports_bind(struct x64i_ports *ports, uint16_t mask)
{
    unsigned best = X64I_PORT_MAX;
    for (unsigned port = 0; port < X64I_PORT_MAX; port++)
        if ((mask & 1u << port) &&
            (best == X64I_PORT_MAX || ports->waiting[port] < ports->waiting[best] ||
             (ports->waiting[port] == ports->waiting[best] &&
              ports->used[port] < ports->used[best])))
            best = port;
    if (best == X64I_PORT_MAX)
        best = 0;
    ports->waiting[best]++;
    ports->total_waiting++;
    ports->used[best]++;
    return best;
}

uint64_t x64i_ports_book(struct x64i_ports *ports, unsigned port, uint64_t ready, unsigned held)
{
    if (ready < ports->swept)
        ready = ports->swept;
    uint64_t limit = ports->swept + X64I_RING_CYCLES - 64;
    while (ready < limit) {
        uint64_t word = *word_of(ports, port, ready) | ((1ull << ready % 64) - 1);
        if (~word) {
            ready = (ready & ~63ull) + (unsigned)__builtin_ctzll(~word);
            break;
        }
        ready = (ready | 63) + 1;
    }
    if (ready >= limit) { /* too far away to matter: taken as free, and as executed */
        ports->waiting[port] -= ports->waiting[port] != 0;
        ports->total_waiting -= ports->total_waiting != 0;
        return ready;
    }
    for (uint64_t cycle = ready; cycle < ready + (held ? held : 1) && cycle < limit; cycle++)
        *word_of(ports, port, cycle) |= 1ull << cycle % 64;
    return ready;
}
