/* SPDX-License-Identifier: MIT */
/* The devices together: ports, lines, time, and that nobody can tell how often they were asked. */
#include "platform/platform.h"

#include "support/suite.h"

#include <string.h>

#define HZ UINT64_C(2904000000) /* not a multiple of anything here */

struct machine {
    struct x64i_platform platform;
    struct x64i_state *state;
    uint64_t typed; /* bytes the console gave */
};

/* A byte for every third look, the look's number being all it depends on. */
static size_t type(void *user, uint8_t *bytes, size_t size)
{
    struct machine *m = user;
    m->typed++;
    for (size_t i = 0; i < size && i < m->typed % 3; i++)
        bytes[i] = (uint8_t)(m->typed + i);
    return m->typed % 3 < size ? (size_t)(m->typed % 3) : size;
}

static struct x64i_platform_config config_of(struct machine *m)
{
    return (struct x64i_platform_config){
        .tsc_hz = HZ,
        .time = 1700000000,
        .memory_size = UINT64_C(128) << 20,
        .console = {.user = m, .read = type},
    };
}

static void start(struct machine *m)
{
    memset(m, 0, sizeof *m);
    struct x64i_platform_config config = config_of(m);
    ck_assert_int_eq(x64i_state_create(&m->state), X64_OK);
    ck_assert_int_eq(x64i_platform_init(&m->platform, m->state, &config), X64_OK);
}

static struct machine machine;
static struct x64i_platform *const p = &machine.platform;

static void setup(void)
{
    start(&machine);
}

static void teardown(void)
{
    x64i_state_destroy(machine.state);
}

/* Vectors 0x30-0x3f, all unmasked but what `masks` says. */
static void program_pic(struct x64i_platform *platform, uint16_t masks, uint64_t now)
{
    static const uint8_t words[][3] = {{0x20, 0x21, 0x30}, {0xa0, 0xa1, 0x38}};
    for (unsigned chip = 0; chip < 2; chip++) {
        x64i_platform_write(platform, words[chip][0], 1, 0x11, now);
        x64i_platform_write(platform, words[chip][1], 1, words[chip][2], now);
        x64i_platform_write(platform, words[chip][1], 1, chip ? 2 : 4, now);
        x64i_platform_write(platform, words[chip][1], 1, 1, now);
        x64i_platform_write(platform, words[chip][1], 1, masks >> 8 * chip & 0xff, now);
    }
}

/* Counter 0 in mode 2, as Linux's periodic tick. */
static void program_timer(struct x64i_platform *platform, unsigned count, uint64_t now)
{
    x64i_platform_write(platform, 0x43, 1, 0x34, now);
    x64i_platform_write(platform, 0x40, 1, count & 0xff, now);
    x64i_platform_write(platform, 0x40, 1, count >> 8, now);
}

START_TEST(test_platform_init_checks_the_clock)
{
    struct machine other = {0};
    struct x64i_platform_config config = config_of(&other);
    config.tsc_hz = 0;
    ck_assert_int_eq(x64i_platform_init(&other.platform, machine.state, &config),
                     X64_ERROR_ARGUMENT);
    config.tsc_hz = X64I_CLOCK_HZ_MAX + 1;
    ck_assert_int_eq(x64i_platform_init(&other.platform, machine.state, &config),
                     X64_ERROR_ARGUMENT);
    config.tsc_hz = HZ;
    ck_assert_int_eq(x64i_platform_init(&other.platform, machine.state, &config), X64_ERROR_EXISTS);
}
END_TEST

START_TEST(test_platform_is_quiet_at_first)
{
    ck_assert(x64i_platform_next_deadline(p) == X64I_NEVER);
    ck_assert(x64i_platform_next_wakeup(p) == X64I_NEVER);
    ck_assert(!x64i_platform_interrupt_pending(p, UINT64_MAX / 2));
    ck_assert(!x64i_platform_reset_requested(p));
}
END_TEST

/* Every port without a device answers all ones in every size and swallows writes. */
START_TEST(test_platform_ports_of_nobody)
{
    static const uint16_t nobody[] = {0x00,  0x22,  0x65,  0x81,  0xed,  0x1f0, 0x2f8,
                                      0x3d4, 0x400, 0x4d2, 0xcf8, 0xcfc, 0xfffc};
    uint64_t hash = x64i_state_hash(machine.state);
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        ck_assert_uint_eq(x64i_platform_read(p, nobody[i], 1, 0), 0xff);
        ck_assert_uint_eq(x64i_platform_read(p, nobody[i], 2, 0), 0xffff);
        ck_assert_uint_eq(x64i_platform_read(p, nobody[i], 4, 0), 0xffffffff);
        x64i_platform_write(p, nobody[i], 4, 0, 0);
    }
    ck_assert_uint_eq(x64i_platform_read(p, 0xffff, 4, 0), 0xffffffff);
    ck_assert(x64i_state_hash(machine.state) == hash);
}
END_TEST

START_TEST(test_platform_wide_accesses_are_taken_apart)
{
    x64i_platform_write(p, 0x80, 1, 0x42, 0);
    ck_assert_uint_eq(x64i_platform_read(p, 0x80, 1, 0), 0x42);
    ck_assert_uint_eq(x64i_platform_read(p, 0x7f, 4, 0), 0xffff42ff);
    x64i_platform_write(p, 0x3ff, 2, 0x55aa, 0);
    ck_assert_uint_eq(x64i_platform_read(p, 0x3ff, 2, 0), 0xffaa);
    x64i_platform_write(p, 0x4d0, 2, 0xffff, 0);
    ck_assert_uint_eq(x64i_platform_read(p, 0x4d0, 2, 0), 0xdef8);
}
END_TEST

/* When the counter's N-th edge is over, in ticks of the TSC: rounded up, never early. */
static uint64_t edge_time(uint64_t pit_tick)
{
    return (pit_tick * HZ + X64I_PIT_HZ - 1) / X64I_PIT_HZ;
}

START_TEST(test_platform_timer_ticks_exactly)
{
    program_pic(p, 0xfffe, 0);
    program_timer(p, 1193, 0);
    for (uint64_t i = 1; i < 3000; i++) {
        uint64_t deadline = x64i_platform_next_deadline(p);
        ck_assert_uint_eq(deadline, edge_time(1 + i * 1193));
        ck_assert_uint_eq(deadline, x64i_platform_next_wakeup(p));
        ck_assert(!x64i_platform_interrupt_pending(p, deadline - 1));
        ck_assert(x64i_platform_interrupt_pending(p, deadline));
        ck_assert(x64i_platform_next_wakeup(p) == X64I_NEVER); /* it is awake already */
        ck_assert_uint_eq(x64i_platform_acknowledge(p, deadline), 0x30);
        x64i_platform_write(p, 0x20, 1, 0x20, deadline);
    }
}
END_TEST

START_TEST(test_platform_missed_ticks_are_one)
{
    program_pic(p, 0xfffe, 0);
    program_timer(p, 1193, 0);
    ck_assert(x64i_platform_interrupt_pending(p, HZ));
    ck_assert_uint_eq(x64i_platform_acknowledge(p, HZ), 0x30);
    x64i_platform_write(p, 0x20, 1, 0x20, HZ);
    ck_assert(!x64i_platform_interrupt_pending(p, HZ));
    ck_assert_uint_gt(x64i_platform_next_deadline(p), HZ);
    ck_assert_uint_le(x64i_platform_next_deadline(p), HZ + HZ / 1000 + 1000);
}
END_TEST

/* The one-shot: mode 0 interrupts once. */
START_TEST(test_platform_one_shot)
{
    program_pic(p, 0xfffe, 0);
    x64i_platform_write(p, 0x43, 1, 0x30, 0);
    x64i_platform_write(p, 0x40, 1, 100, 0);
    x64i_platform_write(p, 0x40, 1, 0, 0);
    uint64_t deadline = x64i_platform_next_deadline(p);
    ck_assert_uint_eq(deadline, edge_time(101));
    ck_assert(x64i_platform_interrupt_pending(p, deadline));
    ck_assert_uint_eq(x64i_platform_acknowledge(p, deadline), 0x30);
    ck_assert(x64i_platform_next_deadline(p) == X64I_NEVER);
}
END_TEST

/* Reading the count back agrees with the tick: what a kernel calibrates its clock with. */
START_TEST(test_platform_counter_2_through_port_61)
{
    uint64_t now = 12345678;
    x64i_platform_write(p, 0x61, 1, 0x01, now);
    x64i_platform_write(p, 0x43, 1, 0xb0, now);
    x64i_platform_write(p, 0x42, 1, 0x9b, now); /* 11931: 10 ms */
    x64i_platform_write(p, 0x42, 1, 0x2e, now);
    uint64_t begin = now;
    while (!(x64i_platform_read(p, 0x61, 1, now) & 0x20))
        now += HZ / 1000000;
    ck_assert_uint_ge(now - begin, HZ / 100);
    ck_assert_uint_le(now - begin, HZ / 100 + HZ / 100000);
    ck_assert_uint_eq(x64i_platform_read(p, 0x61, 1, now) & 0x0f, 0x01);
    x64i_platform_write(p, 0x61, 1, 0x02, now); /* gate low: the speaker's counter holds */
    ck_assert_uint_eq(x64i_platform_read(p, 0x61, 1, now) & 0x0f, 0x02);
}
END_TEST

START_TEST(test_platform_refresh_toggles)
{
    unsigned changes = 0;
    uint32_t last = x64i_platform_read(p, 0x61, 1, 0) & 0x10;
    for (uint64_t now = 0; now < HZ / 1000; now += HZ / 1000000) {
        uint32_t bit = x64i_platform_read(p, 0x61, 1, now) & 0x10;
        changes += bit != last;
        last = bit;
    }
    ck_assert_uint_ge(changes, 65);
    ck_assert_uint_le(changes, 67);
}
END_TEST

START_TEST(test_platform_uart_is_irq_4)
{
    program_pic(p, 0, 0);
    x64i_platform_write(p, 0x3fc, 1, 0x08, 0);
    x64i_platform_write(p, 0x3f9, 1, 0x02, 0);
    ck_assert(x64i_platform_interrupt_pending(p, 0));
    ck_assert_uint_eq(x64i_platform_acknowledge(p, 0), 0x34);
    ck_assert_uint_eq(x64i_platform_read(p, 0x3fa, 1, 0), 0x02);
    x64i_platform_write(p, 0x20, 1, 0x20, 0);
    ck_assert(!x64i_platform_interrupt_pending(p, 0));
    machine.typed = 2; /* so that the first look finds nothing */
    x64i_platform_write(p, 0x3f9, 1, 0x01, 0);
    ck_assert_uint_eq(machine.typed, 3);
    ck_assert_uint_ne(x64i_platform_next_wakeup(p), X64I_NEVER);
    x64i_platform_write(p, 0x21, 1, 0x10, 0);
    ck_assert(x64i_platform_next_wakeup(p) == X64I_NEVER);
}
END_TEST

START_TEST(test_platform_keyboard_is_irq_1)
{
    program_pic(p, 0, 0);
    x64i_platform_write(p, 0x60, 1, 0xff, 0);
    ck_assert(x64i_platform_interrupt_pending(p, 0));
    ck_assert_uint_eq(x64i_platform_acknowledge(p, 0), 0x31);
    ck_assert_uint_eq(x64i_platform_read(p, 0x64, 1, 0) & 1, 1);
    ck_assert_uint_eq(x64i_platform_read(p, 0x60, 1, 0), 0xfe);
    ck_assert_uint_eq(x64i_platform_read(p, 0x64, 1, 0) & 1, 0);
}
END_TEST

START_TEST(test_platform_resets)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } resets[] = {{0x64, 0xfe}, {0x92, 0x03}};
    x64i_platform_write(p, resets[_i].port, 1, resets[_i].value & 0xfe ? 0x02 : 0, 0);
    ck_assert(!x64i_platform_reset_requested(p));
    x64i_platform_write(p, resets[_i].port, 1, resets[_i].value, 0);
    ck_assert(x64i_platform_reset_requested(p));
}
END_TEST

START_TEST(test_platform_clock_is_fixed)
{
    x64i_platform_write(p, 0x70, 1, 0x09, HZ);
    ck_assert_uint_eq(x64i_platform_read(p, 0x71, 1, HZ), 0x23);
    x64i_platform_write(p, 0x70, 1, 0x00, HZ);
    ck_assert_uint_eq(x64i_platform_read(p, 0x71, 1, HZ), 0x21);
    ck_assert_uint_eq(x64i_platform_read(p, 0x71, 1, 10 * HZ), 0x30);
}
END_TEST

START_TEST(test_platform_conversions_are_inverse)
{
    static const uint64_t rates[] = {1000000, 999999937, HZ, X64I_CLOCK_HZ_MAX};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (uint64_t tick = 1; tick < UINT64_C(1) << 40; tick = tick * 3 + 1) {
            uint64_t when = x64i_clock_when(tick, X64I_PIT_HZ, rates[i]);
            if (when == X64I_NEVER)
                continue;
            /* A clock slower than the timer's passes several of its ticks at once. */
            ck_assert_uint_ge(x64i_clock_convert(when, rates[i], X64I_PIT_HZ), tick);
            ck_assert_uint_lt(x64i_clock_convert(when - 1, rates[i], X64I_PIT_HZ), tick);
        }
    }
    ck_assert(x64i_clock_when(X64I_NEVER, X64I_PIT_HZ, HZ) == X64I_NEVER);
    ck_assert(x64i_clock_when(UINT64_MAX - 1, X64I_PIT_HZ, HZ) == X64I_NEVER);
}
END_TEST

/* Going back: devices, deadline and all. */
START_TEST(test_platform_restores)
{
    struct x64i_snapshot *snapshot;
    program_pic(p, 0xfffe, 0);
    program_timer(p, 5000, 0);
    uint64_t deadline = x64i_platform_next_deadline(p);
    ck_assert_int_eq(x64i_state_snapshot(machine.state, &snapshot), X64_OK);
    uint64_t hash = x64i_state_hash(machine.state);
    ck_assert(x64i_platform_interrupt_pending(p, deadline));
    program_timer(p, 77, deadline);
    x64i_platform_write(p, 0x64, 1, 0xfe, deadline);
    ck_assert_int_eq(x64i_state_restore(machine.state, snapshot), X64_OK);
    ck_assert(x64i_state_hash(machine.state) == hash);
    ck_assert_uint_eq(x64i_platform_next_deadline(p), deadline);
    ck_assert(!x64i_platform_reset_requested(p));
    ck_assert(!x64i_platform_interrupt_pending(p, deadline - 1));
    ck_assert(x64i_platform_interrupt_pending(p, deadline));
    x64i_snapshot_release(snapshot);
}
END_TEST

static uint64_t seed;

static uint64_t random_word(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* A guest that pokes at the devices at random, and takes interrupts when they come. */
static void random_access(struct machine *m, uint64_t now, uint64_t choice, uint64_t word)
{
    static const uint16_t ports[] = {0x20,  0x21,  0xa1,  0x40,  0x43,  0x42,  0x61,
                                     0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x60};
    uint16_t port = ports[choice % (sizeof ports / sizeof ports[0])];
    uint8_t value = (uint8_t)word;
    if (port == 0x20)
        value = 0x20;
    if (port == 0x3fb)
        value &= 0x7f;
    if (choice >> 32 & 1)
        x64i_platform_write(&m->platform, port, 1, value, now);
    else
        x64i_platform_read(&m->platform, port, 1, now);
}

static void take_interrupt(struct machine *m, uint64_t now)
{
    if (x64i_platform_interrupt_pending(&m->platform, now))
        x64i_platform_acknowledge(&m->platform, now);
}

/* One machine is asked at every step, the other only when its deadline has come. */
START_TEST(test_platform_does_not_care_how_often_it_is_asked)
{
    const uint64_t step = HZ / 3000000;
    struct machine *eager = &machine;
    struct machine *lazy = calloc(1, sizeof *lazy);
    ck_assert_ptr_nonnull(lazy);
    start(lazy);
    struct machine *both[] = {eager, lazy};
    for (size_t i = 0; i < 2; i++) {
        program_pic(&both[i]->platform, 0, 0);
        program_timer(&both[i]->platform, 300, 0);
    }
    seed = 88172645463325252u;
    uint64_t now = 0;
    uint64_t deadline = 0;
    bool pending = false;
    for (unsigned i = 0; i < 400000; i++) {
        now += step;
        take_interrupt(eager, now);
        if (pending || now >= deadline) {
            take_interrupt(lazy, now);
            pending = x64i_platform_interrupt_pending(&lazy->platform, now);
            deadline = x64i_platform_next_deadline(&lazy->platform);
        }
        uint64_t choice = random_word();
        if (choice % 37 == 0) {
            uint64_t word = random_word();
            random_access(eager, now, choice >> 8, word);
            random_access(lazy, now, choice >> 8, word);
            pending = x64i_platform_interrupt_pending(&lazy->platform, now);
            deadline = x64i_platform_next_deadline(&lazy->platform);
        }
        if (i % 997 == 0) {
            struct x64i_difference difference;
            char text[128] = "";
            int differs = x64i_state_compare(eager->state, lazy->state, &difference);
            if (differs)
                x64i_difference_format(&difference, text, sizeof text);
            ck_assert_msg(!differs, "step %u: %s", i, text);
        }
    }
    ck_assert_uint_eq(eager->typed, lazy->typed);
    ck_assert_uint_gt(eager->typed, 10);
    x64i_state_destroy(lazy->state);
    free(lazy);
}
END_TEST

static Suite *platform_suite(void)
{
    Suite *suite = suite_create("platform/platform");
    TCase *tests = tcase_create("platform");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_platform_init_checks_the_clock);
    tcase_add_test(tests, test_platform_is_quiet_at_first);
    tcase_add_test(tests, test_platform_ports_of_nobody);
    tcase_add_test(tests, test_platform_wide_accesses_are_taken_apart);
    tcase_add_test(tests, test_platform_timer_ticks_exactly);
    tcase_add_test(tests, test_platform_missed_ticks_are_one);
    tcase_add_test(tests, test_platform_one_shot);
    tcase_add_test(tests, test_platform_counter_2_through_port_61);
    tcase_add_test(tests, test_platform_refresh_toggles);
    tcase_add_test(tests, test_platform_uart_is_irq_4);
    tcase_add_test(tests, test_platform_keyboard_is_irq_1);
    tcase_add_loop_test(tests, test_platform_resets, 0, 2);
    tcase_add_test(tests, test_platform_clock_is_fixed);
    tcase_add_test(tests, test_platform_conversions_are_inverse);
    tcase_add_test(tests, test_platform_restores);
    tcase_add_test(tests, test_platform_does_not_care_how_often_it_is_asked);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(platform_suite())
