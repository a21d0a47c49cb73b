/* SPDX-License-Identifier: MIT */
#include "oracle/random.h"

#include <string.h>

uint64_t oracle_random_next(struct oracle_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct oracle_random oracle_random_for(uint64_t seed, const char *form, uint64_t number)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *form; form++)
        hash = (hash ^ (uint8_t)*form) * UINT64_C(0x100000001b3);
    struct oracle_random random = {.state = seed ^ hash};
    random.state = oracle_random_next(&random) + number;
    random.state = oracle_random_next(&random);
    return random;
}

uint32_t oracle_random_below(struct oracle_random *random, uint32_t limit)
{
    return (uint32_t)((oracle_random_next(random) >> 32) * limit >> 32);
}

bool oracle_random_once_in(struct oracle_random *random, uint32_t times)
{
    return oracle_random_below(random, times) == 0;
}

uint64_t oracle_random_value(struct oracle_random *random)
{
    static const uint64_t pool[] = {
        0,
        1,
        UINT64_MAX,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        UINT64_C(0x7fffffffffffffff),
        UINT64_C(0x8000000000000000),
        UINT64_C(0x5555555555555555),
        UINT64_C(0xaaaaaaaaaaaaaaaa),
    };
    uint64_t bits = oracle_random_next(random);
    switch (oracle_random_below(random, 8)) {
    case 0:
        return pool[bits % (sizeof pool / sizeof pool[0])];
    case 1:
        return UINT64_C(1) << (bits & 63);
    case 2:
        return (UINT64_C(1) << (bits & 63)) - 1;
    case 3:
        return ~(UINT64_C(1) << (bits & 63));
    case 4:
        return bits & 0xff;
    case 5:
        return UINT64_C(0) - (bits & 0xff);
    case 6:
        return bits >> (bits & 63);
    default:
        return bits;
    }
}

static uint32_t float32(struct oracle_random *random)
{
    static const uint32_t pool[] = {
        0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
        0xffc00000, 0x7fa00000, 0x7f7fffff, 0xff7fffff, 0x00800000, 0x00000001, 0x807fffff,
        0x40490fdb, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000, 0x4effffff, 0x4f000000,
        0xcf000000, 0x5f000000, 0xdf000000, 0x42c80000, 0x4b800001,
    };
    uint32_t bits = (uint32_t)oracle_random_next(random);
    if (oracle_random_once_in(random, 2))
        return pool[bits % (sizeof pool / sizeof pool[0])];
    /* Exponents near each other, so that sums and products are neither zero nor infinite. */
    return oracle_random_once_in(random, 3) ? bits : (bits & 0x81ffffff) | 0x3e000000;
}

static uint64_t float64(struct oracle_random *random)
{
    static const uint64_t pool[] = {
        0,
        UINT64_C(0x8000000000000000),
        UINT64_C(0x3ff0000000000000),
        UINT64_C(0xbff0000000000000),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0x7ff4000000000000),
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0x0010000000000000),
        UINT64_C(0x0000000000000001),
        UINT64_C(0x800fffffffffffff),
        UINT64_C(0x400921fb54442d18),
        UINT64_C(0x3fe0000000000000),
        UINT64_C(0x3ff8000000000000),
        UINT64_C(0x41dfffffffc00000),
        UINT64_C(0x41e0000000000000),
        UINT64_C(0xc1e0000000000000),
        UINT64_C(0x43e0000000000000),
        UINT64_C(0xc3e0000000000000),
        UINT64_C(0x47efffffe0000000),
        UINT64_C(0x36a0000000000000),
        UINT64_C(0x380fffffffffffff),
    };
    uint64_t bits = oracle_random_next(random);
    if (oracle_random_once_in(random, 2))
        return pool[bits % (sizeof pool / sizeof pool[0])];
    return oracle_random_once_in(random, 3)
               ? bits
               : (bits & UINT64_C(0x803fffffffffffff)) | UINT64_C(0x3fc0000000000000);
}

void oracle_random_bytes(struct oracle_random *random, uint8_t *bytes, size_t size)
{
    uint32_t kind = oracle_random_below(random, 4);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t value = oracle_random_value(random);
        if (kind == 2)
            value = (uint64_t)float32(random) << 32 | float32(random);
        else if (kind == 3)
            value = float64(random);
        memcpy(bytes + at, &value, size - at < 8 ? size - at : 8);
    }
}
