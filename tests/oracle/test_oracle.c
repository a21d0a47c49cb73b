/* SPDX-License-Identifier: MIT */
/*
 * Every user-mode row of isa.def against the host CPU. Without arguments a Check program; with
 * arguments a command line:
 *
 *     test_oracle --form ADD32.R32,M32.03 --seed 1 --case 17     one case again
 *     test_oracle --row ADD --states 10000                       a row, or all, with more states
 *     test_oracle --list                                         the forms
 *
 * X64_ORACLE_STATES and X64_ORACLE_SEED set the number of states and the seed of the Check program,
 * X64_ORACLE_PARTS and X64_ORACLE_PART cut it up: ctest runs its parts beside one another.
 */
#include "oracle/oracle.h"
#include "support/suite.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define STATES_DEFAULT 500
#define STATES_LONG    100000

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static struct oracle_options default_options(void)
{
    return (struct oracle_options){.seed = setting("X64_ORACLE_SEED", 1),
                                   .states = setting("X64_ORACLE_STATES", STATES_DEFAULT),
                                   .part = setting("X64_ORACLE_PART", 0),
                                   .parts = setting("X64_ORACLE_PARTS", 0)};
}

START_TEST(test_oracle_agrees_with_host)
{
    struct oracle oracle;
    struct oracle_options options = default_options();
    ck_assert_msg(oracle_open(&oracle, &options), "the host CPU cannot be asked");
    oracle_run_all(&oracle, "");
    oracle_print_report(&oracle);
    fflush(stdout);
    ck_assert_uint_gt(oracle.report.forms_run, 0);
    ck_assert_uint_eq(oracle.report.mismatches, 0);
    ck_assert_uint_eq(oracle.report.rows_without_test, 0);
    ck_assert_uint_eq(oracle.report.forms_without_encoding, 0);
    oracle_close(&oracle);
}
END_TEST

static Suite *oracle_suite(void)
{
    Suite *suite = suite_create("oracle");
    TCase *tcase = tcase_create("host");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, test_oracle_agrees_with_host);
    suite_add_tcase(suite, tcase);
    return suite;
}

static void list_forms(const struct oracle *oracle)
{
    for (size_t i = 0; i < oracle->forms.count; i++) {
        const struct oracle_form *form = &oracle->forms.items[i];
        const char *note = form->excluded     ? form->excluded
                           : !form->host_can  ? "the host lacks it"
                           : !form->model_can ? "the model lacks it"
                                              : "";
        printf("%-40s %4zu variants  %s\n", form->id, form->variant_count, note);
    }
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno == 0 && *text && !*end;
}

struct command {
    struct oracle_options options;
    const char *form;
    char row[40];
    bool list;
};

static bool read_command(int argc, char **argv, struct command *command)
{
    static const struct option known[] = {
        {"form", required_argument, NULL, 'f'},
        {"row", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},
        {"case", required_argument, NULL, 'c'},
        {"states", required_argument, NULL, 'n'},
        {"long", no_argument, NULL, 'L'},
        {"verbose", no_argument, NULL, 'v'},
        {"list", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'f')
            command->form = optarg;
        else if (option == 'r')
            snprintf(command->row, sizeof command->row, "%s", optarg);
        else if (option == 's')
            good = read_number(optarg, &command->options.seed) && good;
        else if (option == 'n')
            good = read_number(optarg, &command->options.states) && good;
        else if (option == 'L')
            command->options.states = STATES_LONG;
        else if (option == 'v')
            command->options.verbose = true;
        else if (option == 'l')
            command->list = true;
        else if (option == 'c') {
            good = read_number(optarg, &command->options.first) && good;
            command->options.states = 1;
            command->options.verbose = true;
        } else
            return false;
    }
    return good && optind == argc;
}

/* A row's forms: the mnemonic is followed by the width. */
static void run_row(struct oracle *oracle, const char *row)
{
    for (size_t i = 0; i < oracle->forms.count; i++) {
        const struct oracle_form *form = &oracle->forms.items[i];
        if (strcmp(x64i_isa_rows[form->row].name, row) == 0)
            oracle_run_form(oracle, form);
    }
}

static int command_main(int argc, char **argv)
{
    struct command command = {.options = default_options()};
    if (!read_command(argc, argv, &command)) {
        fprintf(stderr,
                "usage: %s [--list] [--row MNEMONIC | --form FORM] [--seed N] "
                "[--case N | --states N | --long] [--verbose]\n",
                argv[0]);
        return 2;
    }
    struct oracle oracle;
    if (!oracle_open(&oracle, &command.options)) {
        fprintf(stderr, "%s: the host CPU cannot be asked\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (command.list)
        list_forms(&oracle);
    else if (command.row[0])
        run_row(&oracle, command.row);
    else
        oracle_run_all(&oracle, command.form ? command.form : "");
    if (!command.list)
        oracle_print_report(&oracle);
    bool equal = oracle.report.mismatches == 0;
    oracle_close(&oracle);
    return equal ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    return argc > 1 ? command_main(argc, argv) : x64_test_run(oracle_suite());
}
