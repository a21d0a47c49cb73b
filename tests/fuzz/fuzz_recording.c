/* SPDX-License-Identifier: MIT */
/*
 * Recordings from an enemy who computes the checksums: states of the built-in program in the middle
 * of a run, with contents of the fuzzer's choice. The input is the moment's number, then pieces of
 * fourteen bytes: which region (or the program's file), where in it, and the value written there.
 */
#include "emu/forger.h"

#include <stdlib.h>
#include <string.h>

#define STEPS      2000
#define TRACED     100
#define PIECES_MAX 32

struct piece {
    uint8_t region;
    uint8_t size; /* of the value: 1, 2, 4 or 8 bytes */
    uint8_t offset[4];
    uint8_t value[8];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *entry;
    uint64_t n;
} moments[] = {{"6.1", 900}, {"6.1", 1300}, {"4.16", 1200}, {"int80", 1100}};

#define MOMENTS (sizeof moments / sizeof moments[0])

static struct forger forgers[MOMENTS];

static struct forger *forger_of(uint8_t number)
{
    size_t index = number % MOMENTS;
    struct forger *forger = &forgers[index];
    if (!forger->machine && !forger_open(forger, moments[index].entry, moments[index].n))
        abort();
    return forger;
}

static void apply(struct forger *forger, const struct piece *piece)
{
    uint32_t offset;
    unsigned count = 0;
    while (forger_region_size(forger, count))
        count++;
    memcpy(&offset, piece->offset, sizeof offset);
    unsigned region = piece->region % (count + 1);
    size_t size = (size_t)1 << (piece->size & 3);
    if (region == count)
        forger_write_program(forger, offset & 0xffff, piece->value, size);
    else
        forger_write(forger, region, offset % forger_region_size(forger, region), piece->value,
                     size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + sizeof(struct piece))
        return 0;
    struct forger *forger = forger_of(data[0]);
    if (!forger_begin(forger))
        abort();
    const uint8_t *at = data + 1;
    for (unsigned i = 0; i < PIECES_MAX && (size_t)(data + size - at) >= sizeof(struct piece);
         i++) {
        struct piece piece;
        memcpy(&piece, at, sizeof piece);
        apply(forger, &piece);
        at += sizeof piece;
    }
    forger_use(forger, STEPS, TRACED);
    return 0;
}
