/* SPDX-License-Identifier: MIT */
/* String instructions: REP, direction, address size, segments, and faults in the middle. */
#include "cpu/support/vector.h"

/* SDM vol. 2B, MOVS, REP; vol. 2A, LODS; vol. 2B, STOS. */
static const struct vector copies[] = {
    {"movsb", "a4", "rsi=0x20000 rdi=0x20100 byte[0x20000]=0x5a",
     "rsi=0x20001 rdi=0x20101 byte[0x20100]=0x5a"},
    {"std; movsq", "48a5", "rsi=0x20000 rdi=0x20100 qword[0x20000]=0x1122334455667788 df=1",
     "rsi=0x1fff8 rdi=0x200f8 qword[0x20100]=0x1122334455667788"},
    {"rep movsd", "f3a5", "rsi=0x20000 rdi=0x20100 rcx=3 dword[0x20008]=0x99",
     "rsi=0x2000c rdi=0x2010c rcx=0 dword[0x20108]=0x99 steps=3"},
    {"rep movsb of nothing", "f3a4", "rsi=0x900000 rdi=0x900000", ""},
    {"repne movsb is rep movsb", "f2a4", "rsi=0x20000 rdi=0x20100 rcx=2",
     "rsi=0x20002 rdi=0x20102 rcx=0 steps=2"},
    {"overlapping rep movsb spreads the first byte", "f3a4",
     "rsi=0x20000 rdi=0x20001 rcx=4 byte[0x20000]=7",
     "rsi=0x20004 rdi=0x20005 rcx=0 dword[0x20001]=0x07070707 steps=4"},
    {"rep movsb into read-only memory: at the faulting iteration", "f3a4",
     "rsi=0x20000 rdi=0x1ffffe rcx=5", "rsi=0x20002 rdi=0x200000 rcx=3 fault=14 error=3"},
    {"fs rep movsb: the source only", "f364a4",
     "fs=0x20000 rsi=0x10 rdi=0x20100 rcx=1 byte[0x20010]=9",
     "rsi=0x11 rdi=0x20101 rcx=0 byte[0x20100]=9"},
    {"addr32 rep stosb", "67f3aa", "rdi=0xffffffff00020000 rcx=0xffffffff00000002 rax=0xee",
     "rdi=0x20002 rcx=0 word[0x20000]=0xeeee steps=2"},
    {"addr32 rep stosb of nothing writes RCX and RDI back", "67f3aa",
     "rdi=0xffffffff00020000 rcx=0xffffffff00000000", "rdi=0x20000 rcx=0"},
    {"addr32 rep lodsb that faults", "67f3ac", "rsi=0xffffffff00900000 rcx=0xffffffff00000001",
     "rcx=1 fault=14"},
    {"stosd", "ab", "rdi=0x20000 rax=0x1122334455667788", "rdi=0x20004 qword[0x20000]=0x55667788"},
    {"lodsd clears the upper half", "ad", "rsi=0x20000 rax=0xffffffffffffffff dword[0x20000]=1",
     "rsi=0x20004 rax=1"},
    {"rep lodsb", "f3ac", "rsi=0x20000 rcx=2 byte[0x20001]=3 rax=0x100",
     "rsi=0x20002 rcx=0 rax=0x103 steps=2"},
    {"lodsb fs", "64ac", "fs=0x20000 rsi=5 byte[0x20005]=1", "rsi=6 rax=1"},
    {"movsb in 16-bit code: SI and DI wrap", "a4",
     "bits=16 rsi=0x1ffff rdi=0x2ffff byte[0xffff]=4 byte[0x10000]=0xa4 df=0",
     "rsi=0x10000 rdi=0x20000 byte[0xffff]=4"},
};

/* SDM vol. 2A, CMPS; vol. 2B, SCAS. */
static const struct vector comparisons[] = {
    {"cmpsb: [rsi] - [rdi]", "a6", "rsi=0x20000 rdi=0x20100 byte[0x20000]=1 byte[0x20100]=2",
     "rsi=0x20001 rdi=0x20101 cf=1 sf=1 af=1 pf=1"},
    {"repe cmpsb ends at a difference", "f3a6",
     "rsi=0x20000 rdi=0x20100 rcx=9 word[0x20000]=0x0101 word[0x20100]=0x0201",
     "rsi=0x20002 rdi=0x20102 rcx=7 cf=1 sf=1 af=1 pf=1 steps=2"},
    {"repe cmpsb ends at the count", "f3a6", "rsi=0x20000 rdi=0x20100 rcx=3",
     "rsi=0x20003 rdi=0x20103 rcx=0 zf=1 pf=1 steps=3"},
    {"repne scasb finds", "f2ae", "rdi=0x20000 rcx=0xffffffffffffffff rax=0 word[0x20000]=0x0101",
     "rdi=0x20003 rcx=0xfffffffffffffffc zf=1 pf=1 steps=3"},
    {"repne scasb of nothing leaves the flags", "f2ae", "rdi=0x20000 cf=1 of=1", ""},
    {"repne scasb that faults in the middle: the flags from before", "f2ae",
     "rdi=0x3fffff rcx=5 rax=1 cf=1 of=1", "rdi=0x400000 rcx=4 fault=14"},
    {"repe cmpsb: the destination is read first", "f3a6",
     "rsi=0x900000 rdi=0x8000000000000000 rcx=1", "fault=13"},
    {"scasw", "66af", "rdi=0x20000 rax=0x8000 word[0x20000]=1", "rdi=0x20002 of=1 af=1 pf=1"},
};

X64_TEST_VECTORS(test_string_copies, copies)
X64_TEST_VECTORS(test_string_comparisons, comparisons)

static Suite *string_suite(void)
{
    Suite *suite = suite_create("string");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_string_copies, copies);
    X64_ADD_VECTORS(tcase, test_string_comparisons, comparisons);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(string_suite())
