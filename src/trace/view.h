/* SPDX-License-Identifier: MIT */
/*
 * What a trace asks of the machine beyond the effects: names, and a look at memory and MSRs. Tests
 * put invented answers here; x64i_machine_view asks a machine with its kernel model.
 */
#ifndef X64I_TRACE_VIEW_H
#define X64I_TRACE_VIEW_H

#include "x64emu/kernel_model.h"

struct x64i_trace_view {
    void *user;
    enum x64_status (*symbol)(void *user, uint64_t linear, const char **name, uint64_t *offset);
    enum x64_stack (*stack)(void *user, uint64_t rsp);
    size_t (*slot)(void *user, uint64_t linear, char *name, size_t size);
    size_t (*system_call)(void *user, char *text, size_t size);
    /* The name of a system call, null in a hole. */
    const char *(*system_call_name)(void *user, bool compat, uint64_t number);
    enum x64_status (*read)(void *user, uint64_t linear, void *buffer, size_t size);
    enum x64_status (*msr)(void *user, uint32_t index, uint64_t *value);
    /* Null where there are no page tables to look at. */
    enum x64_status (*read_physical)(void *user, uint64_t physical, void *buffer, size_t size);
};

/* The view of a machine, which must outlive it. */
struct x64i_trace_view x64i_machine_view(struct x64_machine *machine);

#endif
