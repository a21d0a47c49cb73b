/* SPDX-License-Identifier: MIT */
/* The keyboard controller against IBM's PS/2 technical reference, controller commands. */
#include "platform/keyboard.h"

#include "support/suite.h"

#define DATA    0
#define COMMAND 1
#define FULL    0x01

static struct x64i_keyboard keyboard;

static void setup(void)
{
    x64i_keyboard_reset(&keyboard);
}

static void command(uint8_t byte)
{
    x64i_keyboard_write(&keyboard, COMMAND, byte);
}

static void data(uint8_t byte)
{
    x64i_keyboard_write(&keyboard, DATA, byte);
}

static bool is_full(void)
{
    return x64i_keyboard_read(&keyboard, COMMAND) & FULL;
}

static void expect_answer(uint8_t byte)
{
    ck_assert(is_full());
    ck_assert_uint_eq(x64i_keyboard_read(&keyboard, DATA), byte);
    ck_assert(!is_full());
}

START_TEST(test_keyboard_answers_its_commands)
{
    static const struct {
        uint8_t command, answer;
    } rows[] = {{0xaa, 0x55}, {0xab, 0x00}, {0xa9, 0x01}, {0xd0, 0x03}, {0x20, 0x05}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert(!is_full());
        command(rows[i].command);
        expect_answer(rows[i].answer);
    }
    command(0x33); /* unknown */
    ck_assert(!is_full());
}
END_TEST

START_TEST(test_keyboard_command_byte)
{
    command(0x60);
    data(0x65);
    command(0x20);
    expect_answer(0x65);
    command(0xad); /* disable keyboard */
    command(0xae); /* enable keyboard */
    command(0xad);
    command(0xa8); /* enable auxiliary */
    command(0x20);
    expect_answer(0x55);
}
END_TEST

START_TEST(test_keyboard_echoes)
{
    command(0xd2);
    data(0x5a);
    expect_answer(0x5a);
    command(0xd3);
    data(0xa5);
    ck_assert_uint_eq(x64i_keyboard_read(&keyboard, COMMAND) & 0x20, 0); /* no auxiliary data */
    expect_answer(0xa5);
}
END_TEST

/* Nothing is plugged in: the controller times out and answers "resend" itself. */
START_TEST(test_keyboard_is_not_there)
{
    data(0xff);
    ck_assert_uint_eq(x64i_keyboard_read(&keyboard, COMMAND) & 0x41, 0x41);
    ck_assert(x64i_keyboard_interrupt(&keyboard));
    expect_answer(0xfe);
    ck_assert(!x64i_keyboard_interrupt(&keyboard));
    command(0xd4);
    data(0xf2);
    expect_answer(0xfe);
    command(0x60);
    data(0x44);
    data(0xff);
    ck_assert(is_full());
    ck_assert(!x64i_keyboard_interrupt(&keyboard)); /* the command byte says so */
}
END_TEST

START_TEST(test_keyboard_resets_the_machine)
{
    static const uint8_t harmless[] = {0xff, 0xf1, 0xfd};
    for (size_t i = 0; i < sizeof harmless; i++)
        command(harmless[i]);
    command(0xd1);
    data(0xdf);
    ck_assert(!keyboard.reset_requested);
    command(0xfe);
    ck_assert(keyboard.reset_requested);
    setup();
    command(0xd1);
    data(0x02);
    ck_assert(keyboard.reset_requested);
}
END_TEST

static Suite *keyboard_suite(void)
{
    Suite *suite = suite_create("platform/keyboard");
    TCase *tests = tcase_create("keyboard");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_keyboard_answers_its_commands);
    tcase_add_test(tests, test_keyboard_command_byte);
    tcase_add_test(tests, test_keyboard_echoes);
    tcase_add_test(tests, test_keyboard_is_not_there);
    tcase_add_test(tests, test_keyboard_resets_the_machine);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(keyboard_suite())
