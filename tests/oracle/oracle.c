/* SPDX-License-Identifier: MIT */
#include "oracle/oracle.h"

#include "oracle/compare.h"
#include "oracle/states.h"

#include <cpuid.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_PER_FORM   2u
#define SHOWN_IN_ALL     200u
#define ENCODING_RETRIES 64u
#define ASKED_AGAIN      3u

struct batch {
    unsigned count;
    uint64_t number[ORACLE_SLOTS];
    struct oracle_instruction instruction[ORACLE_SLOTS];
    struct oracle_result guest[ORACLE_SLOTS];
};

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "oracle: %s\n", why);
    exit(EXIT_FAILURE);
}

/* Vendors differ in a few things (near branches with a prefix 66, what PAUSE is with REX.B ...):
 * the model is one of the host's vendor. */
static const char *model_of_host(void)
{
    unsigned eax, ebx = 0, ecx, edx;
    const unsigned amd = 0x68747541; /* "Auth" of AuthenticAMD */
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == amd)
        return oracle_host_has(X64I_FEATURE_AVX512F) ? "zen4" : "zen3";
    return "golden_cove";
}

bool oracle_open(struct oracle *oracle, const struct oracle_options *options)
{
    *oracle = (struct oracle){.options = *options};
    const struct x64i_cpu_model *model = x64i_cpu_model_find(model_of_host());
    oracle->native = oracle_native_create(ORACLE_NATIVE_PROGRAM);
    if (!model || !oracle->native)
        return false;
    oracle->guest = oracle_guest_create(model, oracle->native->shared);
    oracle_decoder_init(&oracle->decoder, model, 64);
    oracle->forms = oracle_forms_create(model, 64);
    oracle->compatibility = oracle_forms_create(model, 32);
    return oracle->guest != NULL;
}

void oracle_close(struct oracle *oracle)
{
    oracle_forms_destroy(&oracle->forms);
    oracle_forms_destroy(&oracle->compatibility);
    oracle_guest_destroy(oracle->guest);
    oracle_native_destroy(oracle->native);
}

/* Cases are made in order; a number without an encoding is passed over. */
static void make_batch(struct oracle *oracle, const struct oracle_form *form, uint64_t *next,
                       uint64_t end, struct batch *batch)
{
    unsigned failures = 0;
    batch->count = 0;
    while (batch->count < ORACLE_SLOTS && *next < end && failures < ENCODING_RETRIES) {
        /* A slot is chosen by the case's number: a case that does not fit the run of slots waits
         * for the next batch. */
        if (batch->count && *next % ORACLE_SLOTS == 0)
            break;
        struct oracle_case *c = &oracle->native->shared->cases[batch->count];
        if (oracle_make_case(form, &oracle->decoder, oracle->options.seed, *next,
                             oracle->native->shared, &batch->instruction[batch->count], c))
            batch->number[batch->count++] = *next;
        else
            failures++;
        ++*next;
    }
}

static void print_mismatch(struct oracle *oracle, const struct oracle_form *form,
                           const struct batch *batch, unsigned i,
                           const struct oracle_tolerance *tolerance)
{
    const struct oracle_shared *shared = oracle->native->shared;
    printf("  MISMATCH test_oracle --form %s --seed %" PRIu64 " --case %" PRIu64 "\n", form->id,
           oracle->options.seed, batch->number[i]);
    oracle_print_case(&batch->instruction[i], &shared->cases[i], stdout);
    if (shared->results[i].outcome == ORACLE_CRASHED)
        printf("    the native runner died or hung\n");
    else
        oracle_equal(&shared->results[i], &batch->guest[i], tolerance, shared, stdout);
}

static bool agree(struct oracle *oracle, const struct oracle_form *form, const struct batch *batch,
                  unsigned i, struct oracle_tolerance *tolerance)
{
    const struct oracle_shared *shared = oracle->native->shared;
    *tolerance = oracle_tolerance(&batch->instruction[i], &x64i_isa_rows[form->row],
                                  &shared->cases[i], &shared->results[i], &batch->guest[i]);
    return oracle_equal(&shared->results[i], &batch->guest[i], tolerance, shared, NULL);
}

/* An interrupt in the middle of a case shows where the host's kernel is a guest itself: a base of
 * FS or GS that the instruction just wrote is lost, or #UD comes where RSP is not canonical. Hence
 * the host is asked again where it disagrees; a true difference comes every time. */
static bool agree_when_asked_again(struct oracle *oracle, const struct oracle_form *form,
                                   const struct batch *batch, unsigned i,
                                   struct oracle_tolerance *tolerance)
{
    for (unsigned asked = 0; asked < ASKED_AGAIN; asked++) {
        if (!oracle_native_repeat(oracle->native, i))
            give_up("the native runner cannot be started again");
        if (agree(oracle, form, batch, i, tolerance)) {
            oracle->report.taken_back++;
            return true;
        }
    }
    return false;
}

/* Returns whether host and guest disagree. */
static bool judge(struct oracle *oracle, const struct oracle_form *form, const struct batch *batch,
                  unsigned i, unsigned shown)
{
    const struct oracle_shared *shared = oracle->native->shared;
    const struct oracle_result *host = &shared->results[i];
    struct oracle_tolerance tolerance;
    bool equal = agree(oracle, form, batch, i, &tolerance) ||
                 agree_when_asked_again(oracle, form, batch, i, &tolerance);
    oracle->report.cases++;
    oracle->report.faults += host->vector != ORACLE_NO_VECTOR;
    oracle->report.not_compared += tolerance.nothing;
    bool show = shown < SHOWN_PER_FORM && oracle->report.mismatches < SHOWN_IN_ALL;
    if (!equal && (show || host->outcome == ORACLE_CRASHED))
        print_mismatch(oracle, form, batch, i, &tolerance);
    else if (oracle->options.verbose) {
        printf("  %s case %" PRIu64 ": %s\n", form->id, batch->number[i],
               equal ? "equal" : "different");
        oracle_print_case(&batch->instruction[i], &shared->cases[i], stdout);
    }
    oracle->report.mismatches += !equal;
    return !equal;
}

void oracle_run_form(struct oracle *oracle, const struct oracle_form *form)
{
    static struct batch batch;
    uint64_t next = oracle->options.first;
    uint64_t end = next + oracle->options.states;
    unsigned mismatches = 0;
    uint64_t before = oracle->report.cases;
    while (next < end) {
        make_batch(oracle, form, &next, end, &batch);
        if (batch.count == 0)
            break;
        if (!oracle_native_start(oracle->native, batch.count))
            give_up("the native runner is gone");
        oracle_guest_load_code(oracle->guest, oracle->native->shared);
        for (unsigned i = 0; i < batch.count; i++)
            oracle_guest_run(oracle->guest, &oracle->native->shared->cases[i], &batch.guest[i]);
        if (!oracle_native_wait(oracle->native))
            give_up("the native runner cannot be started again");
        for (unsigned i = 0; i < batch.count; i++)
            mismatches += judge(oracle, form, &batch, i, mismatches);
    }
    if (oracle->report.cases == before) {
        oracle->report.forms_without_encoding++;
        printf("  NO CASE of %s could be made\n", form->id);
        return;
    }
    oracle->report.forms_run++;
    if (mismatches) {
        oracle->report.forms_mismatched++;
        printf("  %s: %u mismatches\n", form->id, mismatches);
    }
}

void oracle_run_all(struct oracle *oracle, const char *prefix)
{
    for (size_t i = 0; i < oracle->forms.count; i++) {
        const struct oracle_form *form = &oracle->forms.items[i];
        if (strncmp(form->id, prefix, strlen(prefix)) != 0)
            continue;
        if (oracle->options.parts && i % oracle->options.parts != oracle->options.part)
            continue;
        if (form->excluded)
            oracle->report.forms_excluded++;
        else if (!form->host_can)
            oracle->report.forms_host_lacks++;
        else if (!form->model_can)
            oracle->report.forms_model_lacks++;
        else
            oracle_run_form(oracle, form);
    }
}

static bool has_row(const struct oracle_forms *forms, size_t row)
{
    for (size_t i = 0; i < forms->count; i++)
        if (forms->items[i].row == row)
            return true;
    return false;
}

/* A row is tested when one of its forms ran, or accounted for when none can. */
static void count_rows(struct oracle *oracle)
{
    for (size_t row = 0; row < x64i_isa_row_count; row++) {
        if (oracle_excluded(x64i_isa_rows[row].name) || has_row(&oracle->forms, row))
            continue;
        if (has_row(&oracle->compatibility, row)) {
            oracle->report.rows_compatibility++;
            continue;
        }
        oracle->report.rows_without_test++;
        printf("  NO TEST for row %s (%s)\n", x64i_isa_rows[row].name, x64i_isa_rows[row].shape);
    }
}

void oracle_print_report(struct oracle *oracle)
{
    struct oracle_report *r = &oracle->report;
    count_rows(oracle);
    printf("oracle: seed %" PRIu64 ", %" PRIu64 " states a form, %zu rows, %zu forms\n",
           oracle->options.seed, oracle->options.states, x64i_isa_row_count, oracle->forms.count);
    if (oracle->native->shared->tame)
        printf(
            "  the host's kernel hides FSGSBASE: no case has AC, NT or an address of its half\n");
    printf("  forms run %u, excluded %u, host lacks %u, model lacks %u\n", r->forms_run,
           r->forms_excluded, r->forms_host_lacks, r->forms_model_lacks);
    printf("  cases %" PRIu64 ", of them %" PRIu64 " faults, %" PRIu64
           " with undefined results, %u runner crashes\n",
           r->cases, r->faults, r->not_compared, oracle->native->crashes);
    if (r->taken_back)
        printf("  answers that the host took back when asked again: %" PRIu64 "\n", r->taken_back);
    printf("  mismatches %" PRIu64
           " in %u forms, rows without a test %u, forms without a case %u\n",
           r->mismatches, r->forms_mismatched, r->rows_without_test, r->forms_without_encoding);
}
