/* SPDX-License-Identifier: MIT */
/* The 8259 pair against Intel's 8259A data sheet (231468); each test names the section it is from.
 */
#include "platform/pic.h"

#include "support/suite.h"

#define MASTER 0
#define SLAVE  1

static struct x64i_pic pic;

static void command(unsigned chip, uint8_t value)
{
    x64i_pic_write(&pic, chip, 0, value);
}

static void data(unsigned chip, uint8_t value)
{
    x64i_pic_write(&pic, chip, 1, value);
}

/* "Initialization sequence", as Linux does it: vectors 0x30 and 0x38, cascade on input 2. */
static void initialize(uint8_t icw4)
{
    command(MASTER, 0x11);
    data(MASTER, 0x30);
    data(MASTER, 0x04);
    data(MASTER, icw4);
    command(SLAVE, 0x11);
    data(SLAVE, 0x38);
    data(SLAVE, 0x02);
    data(SLAVE, 0x01);
}

static void setup(void)
{
    x64i_pic_reset(&pic, 0);
    initialize(0x01);
}

static void pulse(unsigned irq)
{
    x64i_pic_set_line(&pic, irq, true);
    x64i_pic_set_line(&pic, irq, false);
}

static void expect_vector(uint8_t vector)
{
    ck_assert(x64i_pic_output(&pic));
    ck_assert_uint_eq(x64i_pic_acknowledge(&pic), vector);
}

static uint8_t read_isr(unsigned chip)
{
    command(chip, 0x0b);
    return x64i_pic_read(&pic, chip, 0);
}

static uint8_t read_irr(unsigned chip)
{
    command(chip, 0x0a);
    return x64i_pic_read(&pic, chip, 0);
}

START_TEST(test_pic_powers_up_masked)
{
    x64i_pic_reset(&pic, 0);
    for (unsigned irq = 0; irq < 16; irq++)
        pulse(irq);
    ck_assert(!x64i_pic_output(&pic));
    ck_assert_uint_eq(x64i_pic_read(&pic, MASTER, 1), 0xff);
    ck_assert_uint_eq(x64i_pic_read(&pic, SLAVE, 1), 0xff);
}
END_TEST

/* "Initialization command words": ICW1 clears IMR; the vector's low bits are the input's number. */
START_TEST(test_pic_vectors)
{
    static const struct {
        unsigned irq;
        uint8_t vector;
    } rows[] = {{0, 0x30}, {1, 0x31}, {4, 0x34}, {7, 0x37}, {8, 0x38}, {12, 0x3c}, {15, 0x3f}};
    ck_assert_uint_eq(x64i_pic_read(&pic, MASTER, 1), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup();
        pulse(rows[i].irq);
        expect_vector(rows[i].vector);
        ck_assert(!x64i_pic_output(&pic));
    }
}
END_TEST

/* "Edge and level triggered modes": an edge is one request; a level asks until it falls. */
START_TEST(test_pic_edge_is_one_request)
{
    x64i_pic_set_line(&pic, 4, true);
    expect_vector(0x34);
    command(MASTER, 0x64); /* specific EOI 4 */
    ck_assert(!x64i_pic_output(&pic));
    x64i_pic_set_line(&pic, 4, false);
    x64i_pic_set_line(&pic, 4, true);
    expect_vector(0x34);
}
END_TEST

START_TEST(test_pic_level_asks_again)
{
    x64i_pic_write_level(&pic, MASTER, 0xff);
    x64i_pic_write_level(&pic, SLAVE, 0xff);
    ck_assert_uint_eq(x64i_pic_read_level(&pic, MASTER), 0xf8); /* not timer, keyboard, cascade */
    ck_assert_uint_eq(x64i_pic_read_level(&pic, SLAVE), 0xde);  /* not clock, coprocessor */
    x64i_pic_set_line(&pic, 5, true);
    expect_vector(0x35);
    command(MASTER, 0x65);
    expect_vector(0x35);
    command(MASTER, 0x65);
    x64i_pic_set_line(&pic, 5, false);
    ck_assert(!x64i_pic_output(&pic));
}
END_TEST

/* "Fully nested mode": 0 is highest; what is in service holds off its equals and inferiors. */
START_TEST(test_pic_priorities_nest)
{
    pulse(5);
    pulse(3);
    expect_vector(0x33);
    ck_assert(!x64i_pic_output(&pic)); /* 5 waits */
    pulse(3);
    ck_assert(!x64i_pic_output(&pic)); /* so does 3 itself */
    pulse(1);
    expect_vector(0x31);
    ck_assert_uint_eq(read_isr(MASTER), 1 << 1 | 1 << 3);
    ck_assert_uint_eq(read_irr(MASTER), 1 << 3 | 1 << 5);
    command(MASTER, 0x20); /* non-specific EOI ends 1 */
    ck_assert_uint_eq(read_isr(MASTER), 1 << 3);
    command(MASTER, 0x20);
    expect_vector(0x33);
    command(MASTER, 0x20);
    expect_vector(0x35);
}
END_TEST

/* "Cascading": the slave's inputs rank as the master's 2; both need an EOI. */
START_TEST(test_pic_slave_ranks_as_input_2)
{
    pulse(14);
    pulse(3);
    pulse(1);
    expect_vector(0x31);
    command(MASTER, 0x20);
    expect_vector(0x3e);
    ck_assert_uint_eq(read_isr(SLAVE), 1 << 6);
    ck_assert_uint_eq(read_isr(MASTER), 1 << 2);
    pulse(8);
    ck_assert(!x64i_pic_output(&pic)); /* the master's 2 is in service */
    command(SLAVE, 0x20);
    command(MASTER, 0x20);
    expect_vector(0x38);
    command(SLAVE, 0x20);
    command(MASTER, 0x20);
    expect_vector(0x33);
}
END_TEST

/* "Special fully nested mode": a higher input of the same slave is not locked out. */
START_TEST(test_pic_special_fully_nested)
{
    initialize(0x11);
    pulse(14);
    expect_vector(0x3e);
    pulse(8);
    expect_vector(0x38);
    pulse(15);
    ck_assert(!x64i_pic_output(&pic));
}
END_TEST

/* "Interrupt mask register": masking one input leaves the others; a masked request waits. */
START_TEST(test_pic_mask)
{
    data(MASTER, 1 << 4);
    pulse(4);
    pulse(6);
    expect_vector(0x36);
    data(MASTER, 0);
    expect_vector(0x34);
    setup();
    data(MASTER, 1 << 2);
    pulse(9);
    ck_assert(!x64i_pic_output(&pic));
    data(MASTER, 0);
    expect_vector(0x39);
}
END_TEST

/* "If the IR input goes low before this time a default IR7 will occur": no ISR bit is set. */
START_TEST(test_pic_spurious)
{
    x64i_pic_write_level(&pic, MASTER, 1 << 5);
    x64i_pic_set_line(&pic, 5, true);
    x64i_pic_set_line(&pic, 5, false);
    ck_assert_uint_eq(x64i_pic_acknowledge(&pic), 0x37);
    ck_assert_uint_eq(read_isr(MASTER), 0);
}
END_TEST

/* "Automatic end of interrupt mode". */
START_TEST(test_pic_automatic_eoi)
{
    initialize(0x03);
    pulse(4);
    expect_vector(0x34);
    ck_assert_uint_eq(read_isr(MASTER), 0);
    pulse(5);
    expect_vector(0x35);
}
END_TEST

/* "Automatic rotation (equal priority devices)" and "specific rotation (specific priority)". */
START_TEST(test_pic_rotation)
{
    pulse(4);
    pulse(5);
    expect_vector(0x34);
    command(MASTER, 0xa0); /* rotate on non-specific EOI: 4 becomes lowest */
    pulse(0);
    expect_vector(0x35);
    command(MASTER, 0x65);
    command(MASTER, 0xc5); /* set priority: 5 becomes lowest, 6 highest */
    pulse(6);
    expect_vector(0x36);
    command(MASTER, 0xe6); /* rotate on specific EOI: 6 becomes lowest, 7 highest */
    pulse(7);
    expect_vector(0x37);
}
END_TEST

START_TEST(test_pic_rotation_in_automatic_eoi)
{
    initialize(0x03);
    command(MASTER, 0x80);
    pulse(1);
    expect_vector(0x31);
    pulse(1);
    pulse(5);
    expect_vector(0x35);
    expect_vector(0x31);
    command(MASTER, 0x00);
    pulse(4);
    pulse(3);
    expect_vector(0x33); /* 1 is still lowest */
    expect_vector(0x34);
}
END_TEST

/* "Special mask mode": a masked input in service no longer holds others off. */
START_TEST(test_pic_special_mask)
{
    pulse(2 + 1);
    expect_vector(0x33);
    data(MASTER, 1 << 3);
    pulse(6);
    ck_assert(!x64i_pic_output(&pic));
    command(MASTER, 0x68);
    expect_vector(0x36);
    command(MASTER, 0x20); /* "a non-specific EOI will not clear a masked ISR bit" */
    ck_assert_uint_eq(read_isr(MASTER), 1 << 3);
    command(MASTER, 0x48);
    pulse(6);
    ck_assert(!x64i_pic_output(&pic));
}
END_TEST

/* "Poll command": the read is the acknowledge. */
START_TEST(test_pic_poll)
{
    command(MASTER, 0x0c);
    ck_assert_uint_eq(x64i_pic_read(&pic, MASTER, 0), 0);
    pulse(6);
    command(MASTER, 0x0c);
    ck_assert_uint_eq(x64i_pic_read(&pic, MASTER, 0), 0x86);
    ck_assert_uint_eq(read_isr(MASTER), 1 << 6);
    ck_assert(!x64i_pic_output(&pic));
}
END_TEST

/* "ICW1": requests by edges are forgotten, priorities and masks start anew. */
START_TEST(test_pic_reinitialization)
{
    pulse(4);
    data(MASTER, 0xff);
    command(MASTER, 0xc2);
    initialize(0x01);
    ck_assert(!x64i_pic_output(&pic));
    ck_assert_uint_eq(read_irr(MASTER), 0);
    ck_assert_uint_eq(x64i_pic_read(&pic, MASTER, 1), 0);
    pulse(7);
    pulse(0);
    expect_vector(0x30);
}
END_TEST

START_TEST(test_pic_knows_what_would_be_news)
{
    data(MASTER, 1 << 3);
    data(SLAVE, 1 << 1);
    ck_assert(x64i_pic_would_request(&pic, 0));
    ck_assert(!x64i_pic_would_request(&pic, 3));
    ck_assert(x64i_pic_would_request(&pic, 8));
    ck_assert(!x64i_pic_would_request(&pic, 9));
    pulse(0);
    ck_assert(!x64i_pic_would_request(&pic, 0));
    data(MASTER, 1 << 2);
    ck_assert(!x64i_pic_would_request(&pic, 8));
}
END_TEST

static Suite *pic_suite(void)
{
    Suite *suite = suite_create("platform/pic");
    TCase *tests = tcase_create("pic");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_pic_powers_up_masked);
    tcase_add_test(tests, test_pic_vectors);
    tcase_add_test(tests, test_pic_edge_is_one_request);
    tcase_add_test(tests, test_pic_level_asks_again);
    tcase_add_test(tests, test_pic_priorities_nest);
    tcase_add_test(tests, test_pic_slave_ranks_as_input_2);
    tcase_add_test(tests, test_pic_special_fully_nested);
    tcase_add_test(tests, test_pic_mask);
    tcase_add_test(tests, test_pic_spurious);
    tcase_add_test(tests, test_pic_automatic_eoi);
    tcase_add_test(tests, test_pic_rotation);
    tcase_add_test(tests, test_pic_rotation_in_automatic_eoi);
    tcase_add_test(tests, test_pic_special_mask);
    tcase_add_test(tests, test_pic_poll);
    tcase_add_test(tests, test_pic_reinitialization);
    tcase_add_test(tests, test_pic_knows_what_would_be_news);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(pic_suite())
