/* SPDX-License-Identifier: MIT */
/* Ports against the plainest ports that there can be: a flag for every port and cycle. */
#include "support/suite.h"
#include "timing/ports.h"

#include <string.h>

#define CYCLES     40000u /* some rounds of the ring */
#define OPERATIONS 30000u

struct plain {
    bool busy[X64I_PORT_MAX][CYCLES];
    unsigned waiting[X64I_PORT_MAX], used[X64I_PORT_MAX];
    uint64_t swept;
};

static uint32_t seed;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void plain_advance(struct plain *plain, uint64_t cycle)
{
    for (; plain->swept < cycle; plain->swept++)
        for (unsigned port = 0; port < X64I_PORT_MAX; port++)
            plain->waiting[port] -= plain->busy[port][plain->swept];
}

static unsigned plain_bind(struct plain *plain, unsigned mask)
{
    unsigned best = X64I_PORT_MAX;
    for (unsigned port = 0; port < X64I_PORT_MAX; port++)
        if ((mask >> port & 1) &&
            (best == X64I_PORT_MAX || plain->waiting[port] < plain->waiting[best] ||
             (plain->waiting[port] == plain->waiting[best] &&
              plain->used[port] < plain->used[best])))
            best = port;
    plain->waiting[best]++;
    plain->used[best]++;
    return best;
}

static uint64_t plain_book(struct plain *plain, unsigned port, uint64_t ready)
{
    ready = ready < plain->swept ? plain->swept : ready;
    while (plain->busy[port][ready])
        ready++;
    plain->busy[port][ready] = true;
    return ready;
}

START_TEST(test_ports_are_as_plain_ones)
{
    static struct x64i_ports ports;
    static struct plain plain;
    memset(&ports, 0, sizeof ports);
    memset(&plain, 0, sizeof plain);
    seed = 1;
    uint64_t now = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        now += next_random(6) ? 0 : next_random(100) ? next_random(6) : next_random(300);
        ck_assert_uint_lt(now, CYCLES - 1000);
        x64i_ports_advance(&ports, now);
        plain_advance(&plain, now);
        const uint16_t mask = (uint16_t)(1u << next_random(X64I_PORT_MAX) | next_random(0x1000));
        const unsigned port = x64i_ports_bind(&ports, mask);
        ck_assert_msg(port == plain_bind(&plain, mask), "operation %u, mask %#x", i, mask);
        const uint64_t ready = now + next_random(next_random(50) ? 8 : 500);
        ck_assert_uint_eq(x64i_ports_book(&ports, port, ready), plain_book(&plain, port, ready));
        ck_assert_uint_eq(x64i_ports_used(&ports, port), plain.used[port]);
    }
    ck_assert_uint_gt(now, 2 * X64I_RING_CYCLES);
    x64i_ports_advance(&ports, now + X64I_RING_CYCLES);
    ck_assert_uint_eq(ports.total_waiting, 0);
}
END_TEST

/* A gap longer than the ring leaves nothing behind that could be taken for busy. */
START_TEST(test_ports_are_free_after_a_long_gap)
{
    static struct x64i_ports ports;
    memset(&ports, 0, sizeof ports);
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(x64i_ports_book(&ports, x64i_ports_bind(&ports, 1), 7), 7 + i);
    for (unsigned rounds = 1; rounds < 5; rounds++) {
        const uint64_t later = 7 + rounds * 3ull * X64I_RING_CYCLES;
        x64i_ports_advance(&ports, later);
        ck_assert_uint_eq(ports.total_waiting, 0);
        ck_assert_uint_eq(x64i_ports_book(&ports, x64i_ports_bind(&ports, 1), later), later);
    }
}
END_TEST

static Suite *ports_suite(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = tcase_create("ports");
    tcase_add_test(tcase, test_ports_are_as_plain_ones);
    tcase_add_test(tcase, test_ports_are_free_after_a_long_gap);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(ports_suite())
