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

struct x64i_ports {
    uint64_t busy[X64I_PORT_MAX][X64I_RING_WORDS]; /* a bit per cycle, modulo the ring */
    uint64_t swept;                                /* cycles before this one are cleared */
    uint32_t waiting[X64I_PORT_MAX];               /* micro-ops bound, not yet executed */
    uint32_t total_waiting;
    uint64_t used[X64I_PORT_MAX]; /* micro-ops so far, for pressure */
    uint8_t rotate;
};

/* Rename has come to `cycle`: what is booked before it has executed. */
void x64i_ports_advance(struct x64i_ports *ports, uint64_t cycle);

/* The port for a micro-op that may go to any of `mask`; it counts as waiting from now on. */
unsigned x64i_ports_bind(struct x64i_ports *ports, uint16_t mask);

/* The first cycle, not before `ready`, in which the port is free; it is free no more. */
uint64_t x64i_ports_book(struct x64i_ports *ports, unsigned port, uint64_t ready, unsigned held);

#endif
