/* SPDX-License-Identifier: MIT */
/* The bytes of a form (SDM vol. 2A, 2.1 and 2.3). */
#include "cpu/support/vector_float.h"

#define DESTINATION  1u
#define FIRST_SOURCE 2u
#define LAST_SOURCE  3u
#define RDI          7u

static unsigned legacy(const struct float_row *row, uint8_t *bytes)
{
    static const uint8_t escape[] = {[2] = 0x38, [3] = 0x3a};
    unsigned n = 0;
    if (row->prefix)
        bytes[n++] = row->prefix;
    if (row->wide)
        bytes[n++] = 0x48;
    bytes[n++] = 0x0f;
    if (row->map > 1)
        bytes[n++] = escape[row->map];
    return n;
}

static unsigned vex(const struct float_row *row, bool wide_vector, uint8_t *bytes)
{
    unsigned prefix = row->prefix == 0x66 ? 1u : row->prefix == 0xf3 ? 2u : row->prefix ? 3u : 0u;
    unsigned vvvv = ~(row->one ? 0u : FIRST_SOURCE) & 15;
    bytes[0] = 0xc4;
    bytes[1] = (uint8_t)(0xe0u | row->map);
    bytes[2] =
        (uint8_t)((unsigned)row->wide << 7 | vvvv << 3 | (unsigned)wide_vector << 2 | prefix);
    return 3;
}

unsigned float_encode(const struct float_form *form, uint8_t bytes[FLOAT_LENGTH_MAX])
{
    const struct float_row *row = form->row;
    bool store = row->destination == IN_STORE;
    unsigned reg = store ? LAST_SOURCE : DESTINATION;
    unsigned rm = form->memory ? RDI : store ? DESTINATION : LAST_SOURCE;
    unsigned n = form->encoding == FLOAT_LEGACY ? legacy(row, bytes)
                                                : vex(row, form->encoding == FLOAT_VEX_256, bytes);
    bytes[n++] = row->opcode;
    bytes[n++] = (uint8_t)((form->memory ? 0 : 0xc0u) | reg << 3 | rm);
    if (row->immediate)
        bytes[n++] = form->immediate;
    return n;
}
