/* SPDX-License-Identifier: MIT */
#include "x64emu/effects.h"

static const char *const fault_names[] = {
    [X64_FAULT_DE] = "#DE",  [X64_FAULT_DB] = "#DB",
    [X64_FAULT_NMI] = "NMI", [X64_FAULT_BP] = "#BP",
    [X64_FAULT_OF] = "#OF",  [X64_FAULT_BR] = "#BR",
    [X64_FAULT_UD] = "#UD",  [X64_FAULT_NM] = "#NM",
    [X64_FAULT_DF] = "#DF",  [9] = "#9",
    [X64_FAULT_TS] = "#TS",  [X64_FAULT_NP] = "#NP",
    [X64_FAULT_SS] = "#SS",  [X64_FAULT_GP] = "#GP",
    [X64_FAULT_PF] = "#PF",  [15] = "#15",
    [X64_FAULT_MF] = "#MF",  [X64_FAULT_AC] = "#AC",
    [X64_FAULT_MC] = "#MC",  [X64_FAULT_XM] = "#XM",
    [X64_FAULT_VE] = "#VE",  [X64_FAULT_CP] = "#CP",
};

static const char *const register_names[X64_REGISTER_COUNT] = {
    "rax",   "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
    "r9",    "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags",
    "mxcsr", "k0",  "k1",  "k2",  "k3",  "k4",  "k5",  "k6",  "k7",
};

static const char *const segment_names[X64_SEGMENT_COUNT] = {
    "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr",
};

const char *x64_fault_name(enum x64_fault fault)
{
    if (fault < 0)
        return "none";
    if ((size_t)fault >= sizeof fault_names / sizeof fault_names[0])
        return "#reserved";
    return fault_names[fault];
}

bool x64_fault_has_error_code(enum x64_fault fault)
{
    switch (fault) {
    case X64_FAULT_DF:
    case X64_FAULT_TS:
    case X64_FAULT_NP:
    case X64_FAULT_SS:
    case X64_FAULT_GP:
    case X64_FAULT_PF:
    case X64_FAULT_AC:
    case X64_FAULT_CP:
        return true;
    default:
        return false;
    }
}

const char *x64_register_name(enum x64_register reg)
{
    return (unsigned)reg < X64_REGISTER_COUNT ? register_names[reg] : NULL;
}

const char *x64_segment_name(enum x64_segment_register segment)
{
    return (unsigned)segment < X64_SEGMENT_COUNT ? segment_names[segment] : NULL;
}
