/* SPDX-License-Identifier: MIT */
/* Looking for instructions and for values along the run, both ways. */
#include "view/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A search backwards looks at so many steps forwards, then at those before them. */
#define STRETCH 4096u

/* RIP is left out: it says where, and addresses are looked for as such. Page walks and ports too.
 */
static bool shows_value(const struct x64_effect *effect)
{
    switch (effect->kind) {
    case X64_EFFECT_REGISTER:
        return effect->index != X64_RIP;
    case X64_EFFECT_MEMORY_READ:
    case X64_EFFECT_MEMORY_WRITE:
    case X64_EFFECT_SEGMENT:
    case X64_EFFECT_SEGMENT_BASE:
    case X64_EFFECT_CONTROL:
    case X64_EFFECT_MSR_READ:
    case X64_EFFECT_MSR_WRITE:
    case X64_EFFECT_VECTOR:
        return true;
    default:
        return false;
    }
}

const struct x64_effect *x64i_view_effect_with(const struct x64_effect *effects, size_t count,
                                               uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (effects[i].value == value && shows_value(&effects[i]))
            return &effects[i];
    return NULL;
}

static bool is_target(const struct x64i_view_search *search, uint64_t rip)
{
    for (size_t i = 0; i < search->linear_count; i++)
        if (search->linear[i] == rip)
            return true;
    return false;
}

/* Makes the next step and looks at it; X64_ERROR_STATE at the end of the run. */
static enum x64_status look(struct x64_machine *machine, const struct x64i_view_search *search,
                            bool *match)
{
    struct x64_registers registers;
    struct x64_step step;
    uint64_t n = x64_steps(machine);
    enum x64_status status = X64_OK;
    if (search->for_value) {
        status = x64_step_observed(machine, &step, NULL);
        *match = status == X64_OK &&
                 (is_target(search, step.rip) ||
                  x64i_view_effect_with(step.effects, step.effect_count, search->value));
    } else {
        (void)x64_registers_read(machine, &registers);
        *match = is_target(search, registers.rip);
        status = x64_run(machine, 1, NULL);
    }
    return status == X64_OK && x64_steps(machine) == n ? X64_ERROR_STATE : status;
}

/* The stretch before the one that begins at `high`. */
static void stretch_before(const struct x64i_view *view, struct x64i_view_search *search,
                           uint64_t high)
{
    search->high = high;
    search->low = high - view->first > STRETCH ? high - STRETCH : view->first;
    search->at = search->low;
    search->any = false;
}

void x64i_view_search_begin(const struct x64i_view *view, struct x64i_view_search *search)
{
    uint64_t n = search->n < view->first ? view->first : search->n;
    n = n > view->last ? view->last : n;
    if (search->back) {
        stretch_before(view, search, n);
        return;
    }
    search->low = search->at = n;
    search->high = view->last;
    search->any = false;
}

/* Looks at the steps up to `high`; false when there is nothing more to look at. */
static bool scan(struct x64_machine *machine, struct x64i_view_search *search, uint64_t *steps)
{
    while (search->at<search->high && * steps> 0 && (search->back || !search->any)) {
        bool match = false;
        if (look(machine, search, &match) != X64_OK)
            return false;
        if (match) {
            search->any = true;
            search->found = search->at;
        }
        search->at++;
        --*steps;
    }
    return true;
}

enum x64i_search_state x64i_view_search(struct x64i_view *view, struct x64i_view_search *search,
                                        uint64_t steps)
{
    struct x64_machine *machine = view->walker.machine;
    while (steps > 0) {
        if (x64_steps(machine) != search->at && x64_goto(machine, search->at) != X64_OK)
            return X64I_SEARCH_ENDED;
        bool more = scan(machine, search, &steps);
        bool through = search->at >= search->high || !more;
        if (search->any && (through || !search->back))
            return X64I_SEARCH_FOUND;
        if (through && (!search->back || search->low == view->first))
            return X64I_SEARCH_ENDED;
        if (through)
            stretch_before(view, search, search->low);
    }
    return X64I_SEARCH_GOES_ON;
}

bool x64i_view_is_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 16);
    if (end == text || *end || errno)
        return false;
    *number = value;
    return true;
}

bool x64i_view_parse(struct x64i_view *view, const char *text, uint64_t *linear)
{
    char name[160];
    size_t length = strcspn(text, "+");
    if (!length || length >= sizeof name)
        return false;
    memcpy(name, text, length);
    name[length] = '\0';
    if (x64_symbol_find(view->walker.machine, name, linear) != X64_OK)
        return x64i_view_is_number(text, linear);
    *linear += text[length] ? strtoull(text + length + 1, NULL, 0) : 0;
    return true;
}
