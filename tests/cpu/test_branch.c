/* SPDX-License-Identifier: MIT */
/* Near branches: targets, conditions, and that a branch which faults changes nothing. */
#include "cpu/support/vector.h"

/* SDM vol. 2A, CALL, JMP, Jcc, LOOP; vol. 2B, RET. */
static const struct vector branches[] = {
    {"jmp -2", "ebfe", "", "rip=0"},
    {"jmp rel32", "e900010000", "", "rip=0x105"},
    {"jmp rax: not canonical", "ffe0", "rax=0x800000000000", "fault=13"},
    {"jmp [rip+2]", "ff2502000000", "qword[0x10008]=0x12345", "rip=0x2345"},
    {"jmp ax in compatibility mode", "66ffe0", "bits=32 rax=0x12345", "rip=0xffffffffffff2345"},
    {"jz, not taken", "7410", "", ""},
    {"jz, taken", "7410", "zf=1", "rip=0x12"},
    {"jnle: ZF clear and SF equal to OF", "7f10", "sf=1 of=1", "rip=0x12"},
    {"jl", "7c10", "sf=1 of=1", ""},
    {"jbe", "7610", "cf=1", "rip=0x12"},
    {"jnp", "7b10", "pf=1", ""},
    {"call rel32", "e800010000", "", "rip=0x105 rsp=0x2fff8 qword[0x2fff8]=0x10005"},
    {"call [rsp]: the address before the push", "ff1424", "qword[0x30000]=0x10400",
     "rip=0x400 rsp=0x2fff8 qword[0x2fff8]=0x10003"},
    {"call rax: not canonical, nothing is pushed", "ffd0",
     "rax=0x8000000000000000 qword[0x2fff8]=7", "fault=13 qword[0x2fff8]=7"},
    {"call rax: no stack", "ffd0", "rax=0x10000 rsp=0x900000", "fault=14 error=2"},
    {"call rax: the stack comes before the target", "ffd0", "rax=0x8000000000000000 rsp=0x900000",
     "fault=14 error=2"},
    {"ret", "c3", "qword[0x30000]=0x10010", "rip=0x10 rsp=0x30008"},
    {"ret 0xfff0", "c2f0ff", "qword[0x30000]=0x10010", "rip=0x10 rsp=0x3fff8"},
    {"ret: not canonical, RSP stays", "c3", "qword[0x30000]=0x8000000000000000", "fault=13"},
    {"ret in compatibility mode", "c3", "bits=32 qword[0x30000]=0xffffffff00010020",
     "rip=0x20 rsp=0x30004"},
    {"loop", "e2fe", "rcx=2", "rip=0 rcx=1"},
    {"loop to its end", "e2fe", "rcx=1", "rcx=0"},
    {"loop from zero", "e2fe", "", "rip=0 rcx=0xffffffffffffffff"},
    {"addr32 loop", "67e2fd", "rcx=0xffffffff00000001", "rcx=0"},
    {"loope, not equal", "e1fe", "rcx=5", "rcx=4"},
    {"loopne", "e0fe", "rcx=5", "rip=0 rcx=4"},
    {"jrcxz", "e310", "", "rip=0x12"},
    {"jecxz looks at ECX only", "67e310", "rcx=0x100000000", "rip=0x13"},
    {"jrcxz, not taken", "e310", "rcx=0x100000000", ""},
};

X64_TEST_VECTORS(test_branch_branches, branches)

static Suite *branch_suite(void)
{
    Suite *suite = suite_create("branch");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_branch_branches, branches);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(branch_suite())
