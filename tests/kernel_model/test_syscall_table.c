/* SPDX-License-Identifier: MIT */
/* The system call tables: numbers, holes, metadata, and the guest's copy of them. */
#include "kernel_model/guest.h"
#include "kernel_model/syscall.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>

START_TEST(test_syscall_rows_are_in_order)
{
    for (int compat = 0; compat < 2; compat++) {
        const struct x64i_syscall_row *row;
        uint32_t number = 0;
        for (; (row = x64i_syscall_row(compat, number)) != NULL; number++) {
            ck_assert_uint_eq(row->number, number);
            ck_assert(strncmp(row->entry, "sys_", 4) == 0);
            if (row->name[0] == '\0') {
                ck_assert_str_eq(row->entry, "sys_ni_syscall");
                ck_assert_ptr_null(row->definition);
            }
        }
        ck_assert_uint_gt(number, 440);
        ck_assert_ptr_null(x64i_syscall_row(compat, UINT64_MAX));
    }
}
END_TEST

START_TEST(test_syscall_known_numbers)
{
    static const struct {
        bool compat;
        uint32_t number;
        const char *name;
        const char *entry;
    } rows[] = {
        {false, 0, "read", "sys_read"},
        {false, 2, "open", "sys_open"},
        {false, 5, "fstat", "sys_newfstat"},
        {false, 39, "getpid", "sys_getpid"},
        {false, 134, "uselib", "sys_ni_syscall"},
        {false, 231, "exit_group", "sys_exit_group"},
        {false, 318, "getrandom", "sys_getrandom"},
        {false, 335, "", "sys_ni_syscall"},
        {false, 423, "", "sys_ni_syscall"},
        {false, 424, "pidfd_send_signal", "sys_pidfd_send_signal"},
        {true, 1, "exit", "sys_exit"},
        {true, 4, "write", "sys_write"},
        {true, 17, "break", "sys_ni_syscall"},
        {true, 192, "mmap2", "sys_mmap_pgoff"},
        {true, 252, "exit_group", "sys_exit_group"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct x64i_syscall_row *row = x64i_syscall_row(rows[i].compat, rows[i].number);
        ck_assert_ptr_nonnull(row);
        ck_assert_str_eq(row->name, rows[i].name);
        ck_assert_str_eq(row->entry, rows[i].entry);
    }
}
END_TEST

START_TEST(test_syscall_definitions_carry_their_arguments)
{
    const struct x64i_syscall *write = x64i_syscall_row(false, 1)->definition;
    ck_assert_str_eq(write->name, "write");
    ck_assert_uint_eq(write->count, 3);
    ck_assert_str_eq(write->parameter[0].type, "unsigned int");
    ck_assert_str_eq(write->parameter[0].name, "fd");
    ck_assert_str_eq(write->parameter[1].type, "const char *");
    ck_assert_str_eq(write->parameter[1].name, "buf");
    ck_assert_str_eq(write->parameter[2].type, "size_t");
    ck_assert_str_eq(write->parameter[2].name, "count");
    const struct x64i_syscall_row *row;
    for (uint32_t number = 0; (row = x64i_syscall_row(false, number)) != NULL; number++) {
        if (!row->definition)
            continue;
        ck_assert_uint_le(row->definition->count, 6);
        ck_assert(row->definition->body != NULL);
        for (unsigned i = 0; i < row->definition->count; i++)
            ck_assert_ptr_nonnull(row->definition->parameter[i].name);
    }
    /* Structures that differ between 32 and 64 bits have bodies of their own. */
    ck_assert_ptr_ne(x64i_syscall_row(true, 146)->definition,
                     x64i_syscall_row(false, 20)->definition);
}
END_TEST

/* The table in the guest's memory points to the functions that the rows name. */
static void check_table(const char *entry, const char *table, const char *prefix, bool compat)
{
    struct guest guest;
    const struct x64i_syscall_row *row;
    guest_start(&guest, &(struct guest_config){.entry = entry});
    uint64_t base = guest_symbol(&guest, table);
    for (uint32_t number = 0; (row = x64i_syscall_row(compat, number)) != NULL; number++) {
        char name[96];
        char slot[96];
        (void)snprintf(name, sizeof name, "%s%s", prefix, row->entry);
        uint64_t function = guest_word(&guest, base + 8 * (uint64_t)number);
        ck_assert_msg(function == guest_symbol(&guest, name), "%s: %s[%u] is not %s", entry, table,
                      number, name);
        (void)snprintf(name, sizeof name, "%s[%#x]", table, number);
        ck_assert_uint_gt(
            x64_slot_name(guest.machine, base + 8 * (uint64_t)number, slot, sizeof slot), 0);
        if (number > 0)
            ck_assert_str_eq(slot, name);
    }
    guest_end(&guest);
}

START_TEST(test_syscall_tables_in_guest_memory)
{
    check_table("6.1", "sys_call_table", "__x64_", false);
    check_table("4.16", "sys_call_table", "", false);
    check_table("int80", "ia32_sys_call_table", "", true);
}
END_TEST

static Suite *syscall_suite(void)
{
    Suite *suite = suite_create("syscall");
    TCase *tests = tcase_create("syscall");
    tcase_add_test(tests, test_syscall_rows_are_in_order);
    tcase_add_test(tests, test_syscall_known_numbers);
    tcase_add_test(tests, test_syscall_definitions_carry_their_arguments);
    tcase_add_test(tests, test_syscall_tables_in_guest_memory);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(syscall_suite())
