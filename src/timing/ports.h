/* SPDX-License-Identifier: MIT */
/*
 * Execution ports. A micro-op is bound to a port when it is renamed, to the one with the fewest
 * micro-ops waiting; it takes that port's first free cycle after its operands are there. As
 * micro-ops come in program order, older ones have taken theirs already, which is what "oldest
 * first" means.
 */
#ifndef X64I_TIMING_PORTS_H
#define X64I_TIMING_PORTS_H

#include "timing/cores.h"

#define X64I_RING_CYCLES 8192u /* how far ahead of rename a port can be booked */
#define X64I_RING_WORDS  (X64I_RING_CYCLES / 64)
#define X64I_PORT_USED   40 /* bits of `load` that count what a port was given so far */

struct x64i_ports {
    uint64_t busy[X64I_PORT_MAX][X64I_RING_WORDS]; /* a bit per cycle, modulo the ring; those of
                                                    * cycles before `swept` mean nothing */
    uint64_t booked[X64I_RING_WORDS];              /* cycles in which some port is busy */
    uint16_t which[X64I_RING_CYCLES];              /* those ports, a bit each */
    uint64_t swept;                                /* what is booked before has executed */
    uint64_t load[X64I_PORT_MAX]; /* micro-ops bound and not yet executed, above all bound so far */
    uint32_t total_waiting;
};

/* x64i_ports_advance when there is something to do. */
void x64i_ports_sweep(struct x64i_ports *ports, uint64_t cycle);

/* Rename has come to `cycle`: what is booked before it has executed. */
static inline void x64i_ports_advance(struct x64i_ports *ports, uint64_t cycle)
{
    if (ports->swept < cycle)
        x64i_ports_sweep(ports, cycle);
}

/* The port for a micro-op that may go to any of `mask`; it counts as waiting from now on. */
unsigned x64i_ports_bind(struct x64i_ports *ports, uint16_t mask);

/* The first cycle, not before `ready`, in which the port is free; it is free no more. */
uint64_t x64i_ports_book(struct x64i_ports *ports, unsigned port, uint64_t ready);

/* Micro-ops that the port was given so far. */
static inline uint64_t x64i_ports_used(const struct x64i_ports *ports, unsigned port)
{
    return ports->load[port] & ((1ull << X64I_PORT_USED) - 1);
}

#endif
