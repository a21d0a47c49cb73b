/* SPDX-License-Identifier: MIT */
/*
 * XXH64, the 64-bit hash behind state hashes and the checksums of files.
 *
 * The algorithm and its five prime constants are those of the published xxHash specification
 * (Yann Collet, "xxHash fast digest algorithm", doc/xxhash_spec.md, XXH64), so that a state hash or
 * a checksum can be recomputed with any other implementation of it. It is no defence against
 * somebody who wants two states to collide.
 *
 *     uint64_t whole = x64i_hash(bytes, size, 0);
 *
 *     struct x64i_hasher hasher;
 *     x64i_hasher_start(&hasher, 0);
 *     x64i_hasher_add(&hasher, first, first_size);
 *     x64i_hasher_add(&hasher, second, second_size);
 *     uint64_t same = x64i_hasher_value(&hasher);
 */
#ifndef X64I_STATE_HASH_H
#define X64I_STATE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that one round of the hash takes in. */
#define X64I_HASH_STRIPE 32

/* A hash in the making; plain data that may be copied to branch off. */
struct x64i_hasher {
    uint64_t lanes[4];
    uint64_t seed;
    uint64_t length;                   /* bytes added so far */
    uint8_t pending[X64I_HASH_STRIPE]; /* the last length % 32 of them */
};

/* The XXH64 of size bytes at data with a seed. data may be null when size is 0. */
uint64_t x64i_hash(const void *data, size_t size, uint64_t seed);

/* Begins an empty hash. */
void x64i_hasher_start(struct x64i_hasher *hasher, uint64_t seed);

/* Adds size bytes; how the bytes are split over calls does not matter. */
void x64i_hasher_add(struct x64i_hasher *hasher, const void *data, size_t size);

/* The hash of all bytes added so far; adding may go on afterwards. */
uint64_t x64i_hasher_value(const struct x64i_hasher *hasher);

#endif
