/* SPDX-License-Identifier: MIT */
#include "guests.h"

#include <stddef.h>
#include <string.h>

#define GUEST(name) extern const uint8_t bench_##name##_begin[], bench_##name##_end[];
#include "guests.def"
#undef GUEST

static const struct bench_guest guests[] = {
#define GUEST(name) {#name, bench_##name##_begin, bench_##name##_end},
#include "guests.def"
#undef GUEST
};

const struct bench_guest *bench_guest_find(const char *name)
{
    for (size_t i = 0; i < sizeof guests / sizeof guests[0]; i++)
        if (strcmp(guests[i].name, name) == 0)
            return &guests[i];
    return NULL;
}
