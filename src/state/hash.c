/* SPDX-License-Identifier: MIT */
#include "state/hash.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)

static inline uint64_t rotate_left(uint64_t value, unsigned count)
{
    return value << count | value >> (64 - count);
}

static inline uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t load_le32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

/* Specification, step 2: one 8-byte word into one lane. */
static inline uint64_t mix_word(uint64_t lane, uint64_t word)
{
    return rotate_left(lane + word * PRIME_2, 31) * PRIME_1;
}

static inline void mix_stripe(uint64_t lanes[4], const uint8_t *stripe)
{
    lanes[0] = mix_word(lanes[0], load_le64(stripe));
    lanes[1] = mix_word(lanes[1], load_le64(stripe + 8));
    lanes[2] = mix_word(lanes[2], load_le64(stripe + 16));
    lanes[3] = mix_word(lanes[3], load_le64(stripe + 24));
}

/* Step 1: the lanes of an empty input. */
static void start_lanes(uint64_t lanes[4], uint64_t seed)
{
    lanes[0] = seed + PRIME_1 + PRIME_2;
    lanes[1] = seed + PRIME_2;
    lanes[2] = seed;
    lanes[3] = seed - PRIME_1;
}

/* Step 3: the four lanes into one. */
static uint64_t converge(const uint64_t lanes[4])
{
    uint64_t hash = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) +
                    rotate_left(lanes[2], 12) + rotate_left(lanes[3], 18);
    for (int i = 0; i < 4; i++)
        hash = (hash ^ mix_word(0, lanes[i])) * PRIME_1 + PRIME_4;
    return hash;
}

/* Steps 5 and 6: the fewer than 32 bytes left over, then the avalanche. */
static uint64_t finish(uint64_t hash, const uint8_t *tail, size_t size)
{
    for (; size >= 8; tail += 8, size -= 8)
        hash = rotate_left(hash ^ mix_word(0, load_le64(tail)), 27) * PRIME_1 + PRIME_4;
    if (size >= 4) {
        hash = rotate_left(hash ^ load_le32(tail) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        tail += 4;
        size -= 4;
    }
    for (; size > 0; tail++, size--)
        hash = rotate_left(hash ^ *tail * PRIME_5, 11) * PRIME_1;

    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

uint64_t x64i_hash(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *bytes = data;
    size_t left = size;
    uint64_t hash = seed + PRIME_5;

    if (size >= X64I_HASH_STRIPE) {
        uint64_t lanes[4];
        start_lanes(lanes, seed);
        for (; left >= X64I_HASH_STRIPE; bytes += X64I_HASH_STRIPE, left -= X64I_HASH_STRIPE)
            mix_stripe(lanes, bytes);
        hash = converge(lanes);
    }
    return finish(hash + size, bytes, left);
}

void x64i_hasher_start(struct x64i_hasher *hasher, uint64_t seed)
{
    *hasher = (struct x64i_hasher){.seed = seed};
    start_lanes(hasher->lanes, seed);
}

void x64i_hasher_add(struct x64i_hasher *hasher, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t held = hasher->length % X64I_HASH_STRIPE;

    hasher->length += size;
    if (held + size < X64I_HASH_STRIPE) {
        if (size > 0)
            memcpy(hasher->pending + held, bytes, size);
        return;
    }
    if (held > 0) {
        size_t wanted = X64I_HASH_STRIPE - held;
        memcpy(hasher->pending + held, bytes, wanted);
        mix_stripe(hasher->lanes, hasher->pending);
        bytes += wanted;
        size -= wanted;
    }
    for (; size >= X64I_HASH_STRIPE; bytes += X64I_HASH_STRIPE, size -= X64I_HASH_STRIPE)
        mix_stripe(hasher->lanes, bytes);
    if (size > 0)
        memcpy(hasher->pending, bytes, size);
}

uint64_t x64i_hasher_value(const struct x64i_hasher *hasher)
{
    uint64_t hash =
        hasher->length >= X64I_HASH_STRIPE ? converge(hasher->lanes) : hasher->seed + PRIME_5;
    return finish(hash + hasher->length, hasher->pending, hasher->length % X64I_HASH_STRIPE);
}
