/* SPDX-License-Identifier: MIT */
#include "kernel_model/custom.h"

#include <stdlib.h>
#include <string.h>

/* Where `number` is, or would be put. */
static size_t position(const struct x64i_custom_table *table, uint64_t number)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table->calls[middle]->row.number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct x64i_custom_call *x64i_custom_find(const struct x64i_kernel *kernel, bool compat,
                                                uint64_t number)
{
    if (!kernel->custom)
        return NULL;
    const struct x64i_custom_table *table = &kernel->custom->table[compat];
    size_t at = position(table, number);
    bool found = at < table->count && table->calls[at]->row.number == number;
    return found ? table->calls[at] : NULL;
}

const struct x64i_syscall_row *x64i_custom_row(const struct x64i_kernel *kernel, bool compat,
                                               uint64_t number)
{
    const struct x64i_custom_call *call = x64i_custom_find(kernel, compat, number);
    if (call)
        return &call->row;
    bool hole = kernel->custom && kernel->custom->table[compat].whole;
    return hole ? NULL : x64i_syscall_row(compat, number);
}

int64_t x64i_custom_answer(struct x64i_kernel *kernel, const struct x64i_custom_call *call,
                           const uint64_t arguments[6])
{
    if (!call->body)
        return -ENOSYS;
    kernel->custom->in_body = true;
    x64i_machine_own_step(kernel->machine, true);
    int64_t result = call->body(kernel->machine, call->user, arguments);
    x64i_machine_own_step(kernel->machine, false);
    kernel->custom->in_body = false;
    /* Of the values with a meaning, a body can have only this one, from a copying function. */
    return result > X64I_FAULT_IN && result <= X64I_KEEP_RESULT ? -EINVAL : result;
}

static void free_table(struct x64i_custom_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->calls[i]);
    free(table->calls);
    *table = (struct x64i_custom_table){0};
}

void x64i_custom_free(struct x64i_kernel *kernel)
{
    if (!kernel->custom)
        return;
    free_table(&kernel->custom->table[X64_TABLE_64]);
    free_table(&kernel->custom->table[X64_TABLE_32]);
    free(kernel->custom);
    kernel->custom = NULL;
}

static enum x64_status need_custom(struct x64i_kernel *kernel)
{
    if (!kernel->custom)
        kernel->custom = calloc(1, sizeof *kernel->custom);
    return kernel->custom ? X64_OK : X64_ERROR_MEMORY;
}

/* Makes the pointers inside a call point into itself. */
static void tie(struct x64i_custom_call *call)
{
    call->row.name = call->name;
    call->row.entry = call->name;
    call->row.definition = &call->definition;
    call->definition.name = call->name;
    for (unsigned i = 0; i < call->definition.count; i++)
        call->definition.parameter[i] =
            (struct x64i_parameter){.type = call->types[i], .name = call->names[i]};
}

/* Puts a call into the table in place of one of the same number. Takes it over. */
static enum x64_status insert(struct x64i_custom_table *table, struct x64i_custom_call *call)
{
    size_t at = position(table, call->row.number);
    if (at < table->count && table->calls[at]->row.number == call->row.number) {
        free(table->calls[at]);
        table->calls[at] = call;
        return X64_OK;
    }
    struct x64i_custom_call **calls =
        realloc(table->calls, (table->count + 1) * sizeof(struct x64i_custom_call *));
    if (!calls) {
        free(call);
        return X64_ERROR_MEMORY;
    }
    memmove(calls + at + 1, calls + at, (table->count - at) * sizeof(struct x64i_custom_call *));
    calls[at] = call;
    table->calls = calls;
    table->count++;
    return X64_OK;
}

static void take_out(struct x64i_custom_table *table, uint32_t number)
{
    size_t at = position(table, number);
    if (at == table->count || table->calls[at]->row.number != number)
        return;
    free(table->calls[at]);
    table->count--;
    memmove(table->calls + at, table->calls + at + 1,
            (table->count - at) * sizeof(struct x64i_custom_call *));
}

enum x64_status x64i_custom_copy(const struct x64i_kernel *from, struct x64i_kernel *to)
{
    if (!from->custom)
        return X64_OK;
    enum x64_status status = need_custom(to);
    for (unsigned t = 0; status == X64_OK && t < 2; t++) {
        const struct x64i_custom_table *table = &from->custom->table[t];
        to->custom->table[t].whole = table->whole;
        for (size_t i = 0; status == X64_OK && i < table->count; i++) {
            struct x64i_custom_call *copy = malloc(sizeof *copy);
            if (!copy)
                return X64_ERROR_MEMORY;
            *copy = *table->calls[i];
            tie(copy);
            status = insert(&to->custom->table[t], copy);
        }
    }
    return status;
}

static bool copy_name(char *to, const char *from)
{
    size_t length = from ? strnlen(from, X64I_CUSTOM_NAME) : 0;
    if (length == 0 || length == X64I_CUSTOM_NAME)
        return false;
    memcpy(to, from, length + 1);
    return true;
}

static enum x64_status make_call(uint32_t number, const struct x64_syscall *given,
                                 struct x64i_custom_call **out)
{
    if (given->struct_size != sizeof *given || given->parameter_count > 6)
        return X64_ERROR_ARGUMENT;
    struct x64i_custom_call *call = calloc(1, sizeof *call);
    if (!call)
        return X64_ERROR_MEMORY;
    bool good = copy_name(call->name, given->name);
    for (unsigned i = 0; i < given->parameter_count; i++)
        good = good && copy_name(call->types[i], given->parameter[i].type) &&
               copy_name(call->names[i], given->parameter[i].name);
    if (!good) {
        free(call);
        return X64_ERROR_ARGUMENT;
    }
    call->row.number = number;
    call->definition.count = (uint8_t)given->parameter_count;
    call->body = given->body;
    call->user = given->user;
    tie(call);
    *out = call;
    return X64_OK;
}

/* What both setters ask for first. */
static enum x64_status check(struct x64_machine *machine, enum x64_syscall_table table,
                             struct x64i_kernel **kernel)
{
    if (!machine || (unsigned)table > X64_TABLE_32)
        return X64_ERROR_ARGUMENT;
    *kernel = x64i_kernel_of(machine);
    if (!*kernel || ((*kernel)->custom && (*kernel)->custom->in_body))
        return X64_ERROR_STATE;
    return need_custom(*kernel);
}

enum x64_status x64_kernel_set_syscall(struct x64_machine *machine, enum x64_syscall_table table,
                                       uint32_t number, const struct x64_syscall *syscall)
{
    struct x64i_kernel *kernel;
    struct x64i_custom_call *call;
    enum x64_status status = check(machine, table, &kernel);
    if (status != X64_OK)
        return status;
    if (!x64i_syscall_row(table == X64_TABLE_32, number))
        return X64_ERROR_ARGUMENT;
    if (syscall) {
        status = make_call(number, syscall, &call);
        if (status == X64_OK)
            status = insert(&kernel->custom->table[table], call);
    } else {
        take_out(&kernel->custom->table[table], number);
    }
    if (status == X64_OK)
        x64i_machine_begin_history(machine);
    return status;
}

enum x64_status x64_kernel_set_table(struct x64_machine *machine, enum x64_syscall_table table,
                                     const struct x64_numbered_syscall *calls, size_t count)
{
    struct x64i_kernel *kernel;
    enum x64_status status = check(machine, table, &kernel);
    if (status != X64_OK)
        return status;
    struct x64i_custom_table made = {.whole = calls != NULL};
    if (!calls && count)
        return X64_ERROR_ARGUMENT;
    for (size_t i = 0; status == X64_OK && i < count; i++) {
        struct x64i_custom_call *call;
        size_t before = made.count;
        if (!x64i_syscall_row(table == X64_TABLE_32, calls[i].number))
            status = X64_ERROR_ARGUMENT;
        else
            status = make_call(calls[i].number, &calls[i].syscall, &call);
        if (status == X64_OK)
            status = insert(&made, call);
        if (status == X64_OK && made.count == before)
            status = X64_ERROR_ARGUMENT; /* the number was there before */
    }
    if (status != X64_OK) {
        free_table(&made);
        return status;
    }
    free_table(&kernel->custom->table[table]);
    kernel->custom->table[table] = made;
    x64i_machine_begin_history(machine);
    return X64_OK;
}

/* The kernel whose body runs, or null. */
static struct x64i_kernel *in_body(struct x64_machine *machine)
{
    struct x64i_kernel *kernel = machine ? x64i_kernel_of(machine) : NULL;
    return kernel && kernel->custom && kernel->custom->in_body ? kernel : NULL;
}

int64_t x64_copy_from_user(struct x64_machine *machine, void *buffer, uint64_t linear, size_t size)
{
    struct x64i_kernel *kernel = in_body(machine);
    if (!kernel || !buffer)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, linear, size);
    if (!bad)
        x64i_user_read(kernel, linear, buffer, size);
    return bad;
}

int64_t x64_copy_to_user(struct x64_machine *machine, uint64_t linear, const void *bytes,
                         size_t size)
{
    struct x64i_kernel *kernel = in_body(machine);
    if (!kernel || !bytes)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, linear, size);
    if (!bad)
        x64i_user_write(kernel, linear, bytes, size);
    return bad;
}

int64_t x64_string_from_user(struct x64_machine *machine, char *buffer, uint64_t linear,
                             size_t size)
{
    struct x64i_kernel *kernel = in_body(machine);
    if (!kernel || !buffer || size == 0)
        return -EINVAL;
    return x64i_user_string(kernel, linear, buffer, size);
}

enum x64_status x64_guest_input(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                                size_t size, size_t *given)
{
    if (!machine || !buffer || !given || (unsigned)kind > X64_INPUT_TIME)
        return X64_ERROR_ARGUMENT;
    if (!in_body(machine))
        return X64_ERROR_STATE;
    *given = x64i_machine_input(machine, kind, buffer, size);
    return X64_OK;
}

enum x64_status x64_guest_output(struct x64_machine *machine, int stream, const void *bytes,
                                 size_t size)
{
    if (!machine || !bytes || stream < 0 || stream > 2)
        return X64_ERROR_ARGUMENT;
    if (!in_body(machine))
        return X64_ERROR_STATE;
    x64i_machine_output(machine, stream, bytes, size);
    return X64_OK;
}
