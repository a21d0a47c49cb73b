/* SPDX-License-Identifier: MIT */
/*
 * The oracle: runs forms on the host and in the emulated machine, compares and reports.
 */
#ifndef X64_TESTS_ORACLE_ORACLE_H
#define X64_TESTS_ORACLE_ORACLE_H

#include "oracle/forms.h"
#include "oracle/guest.h"
#include "oracle/native.h"

struct oracle_options {
    uint64_t seed;
    uint64_t states; /* cases of each form */
    uint64_t first;  /* the number of the first case */
    uint64_t part;   /* run every parts-th form from this one on */
    uint64_t parts;  /* 0: all */
    bool verbose;    /* print every case, equal or not */
};

struct oracle_report {
    uint64_t cases;
    uint64_t faults; /* cases that raised an exception on the host */
    uint64_t not_compared;
    uint64_t mismatches;
    uint64_t taken_back; /* host's results that disagreed once and not again */
    unsigned forms_run;
    unsigned forms_excluded;
    unsigned forms_host_lacks;
    unsigned forms_model_lacks;
    unsigned forms_mismatched;
    unsigned forms_without_encoding;
    unsigned rows_without_test;
    unsigned rows_compatibility; /* that only compatibility mode has */
};

struct oracle {
    struct oracle_options options;
    struct oracle_report report;
    struct oracle_forms forms;
    struct oracle_forms compatibility; /* in compatibility mode */
    struct oracle_native *native;
    struct oracle_guest *guest;
    ZydisDecoder decoder;
};

/* False, with a message on standard error, when the host cannot be asked. */
bool oracle_open(struct oracle *oracle, const struct oracle_options *options);
void oracle_close(struct oracle *oracle);

/* Runs a form's cases. Mismatches are printed with the command that runs them again. */
void oracle_run_form(struct oracle *oracle, const struct oracle_form *form);

/* Runs every form whose identifier starts with `prefix` ("" for all) and is not excluded. */
void oracle_run_all(struct oracle *oracle, const char *prefix);

/* Counts, prints the rows that no form of the run tested, and prints the report. */
void oracle_print_report(struct oracle *oracle);

#endif
