/* SPDX-License-Identifier: MIT */
/* The stack: PUSH, POP, flags on the stack, ENTER and LEAVE. */
#include "cpu/support/vector.h"

/* SDM vol. 2B, PUSH and POP. */
static const struct vector pushes[] = {
    {"push rsp pushes the old value", "54", "", "rsp=0x2fff8 qword[0x2fff8]=0x30000"},
    {"push ax", "6650", "rax=0x11112222", "rsp=0x2fffe word[0x2fffe]=0x2222"},
    {"push -2", "6afe", "", "rsp=0x2fff8 qword[0x2fff8]=0xfffffffffffffffe"},
    {"push word 0x1234", "66683412", "", "rsp=0x2fffe word[0x2fffe]=0x1234"},
    {"push [rsp]", "ff3424", "qword[0x30000]=0x77", "rsp=0x2fff8 qword[0x2fff8]=0x77"},
    {"push rax: not writable", "50", "rsp=0x220000", "fault=14 error=3"},
    {"push rax: not canonical", "50", "rsp=0x8000000000000008", "fault=12"},
    {"push eax in compatibility mode", "50", "bits=32 rax=0x1111111122222222",
     "rsp=0x2fffc dword[0x2fffc]=0x22222222"},
    {"push ax on a 16-bit stack", "50", "bits=16 rax=0x4321 rsp=0x20000",
     "rsp=0x2fffe word[0xfffe]=0x4321"},
    {"pop rsp", "5c", "qword[0x30000]=0x1234", "rsp=0x1234"},
    {"pop sp", "665c", "word[0x30000]=0x1234", "rsp=0x31234"},
    {"pop [rsp+8]: the address after the increment", "8f442408",
     "qword[0x30000]=0x55 qword[0x30010]=0", "rsp=0x30008 qword[0x30010]=0x55"},
    {"pop word ptr [rsp]", "668f0424", "dword[0x30000]=0x55",
     "rsp=0x30002 dword[0x30000]=0x550055"},
    {"pop [rbx]: not writable, RSP stays", "8f03", "rbx=0x220000", "fault=14 error=3"},
};

/* SDM vol. 2B, PUSHF and POPF. */
static const struct vector flags[] = {
    {"pushfq: without RF and VM", "9c", "rf=1 cf=1 iopl=3", "rsp=0x2fff8 qword[0x2fff8]=0x3003"},
    {"popfq at CPL 0", "9d", "qword[0x30000]=0xffffffffffffffff",
     "rsp=0x30008 cf=1 pf=1 af=1 zf=1 sf=1 tf=1 if=1 df=1 of=1 iopl=3 nt=1 ac=1 id=1"},
    {"popfq at CPL 3 leaves IF and IOPL", "9d", "cpl=3 if=1 qword[0x30000]=0x3000",
     "rsp=0x30008 if=1"},
    {"popfq at CPL 3 with IOPL 3 changes IF", "9d", "cpl=3 if=1 iopl=3 qword[0x30000]=1",
     "rsp=0x30008 if=0 cf=1"},
    {"popf word leaves the upper half", "669d", "ac=1 id=1 word[0x30000]=0x8d5",
     "rsp=0x30002 cf=1 pf=1 af=1 zf=1 sf=1 of=1"},
    {"pushfd in compatibility mode", "9c", "bits=32 id=1 ac=1",
     "rsp=0x2fffc dword[0x2fffc]=0x240002"},
};

/* SDM vol. 2A, ENTER; vol. 2B, LEAVE, PUSHA, POPA. */
static const struct vector frames[] = {
    {"enter 16, 0", "c8100000", "rbp=0x1111", "rbp=0x2fff8 rsp=0x2ffe8 qword[0x2fff8]=0x1111"},
    {"enter 0, 1", "c8000001", "rbp=0x1111",
     "rbp=0x2fff8 rsp=0x2fff0 qword[0x2fff8]=0x1111 qword[0x2fff0]=0x2fff8"},
    {"enter 8, 3 copies the display", "c8080003",
     "rbp=0x20020 qword[0x20018]=0xaa qword[0x20010]=0xbb",
     "rbp=0x2fff8 rsp=0x2ffd8 qword[0x2fff8]=0x20020 qword[0x2fff0]=0xaa qword[0x2ffe8]=0xbb "
     "qword[0x2ffe0]=0x2fff8"},
    {"enter 0, 2: the display is the frame itself", "c8000002", "rbp=0x30000",
     "rbp=0x2fff8 rsp=0x2ffe8 qword[0x2fff8]=0x30000 qword[0x2fff0]=0x30000 "
     "qword[0x2ffe8]=0x2fff8"},
    {"enter 0x8000, 0: the size is unsigned", "c8008000", "", "rbp=0x2fff8 rsp=0x27ff8"},
    {"enter: the locals are not writable, nothing is pushed", "c8100000", "rsp=8 rbp=1",
     "fault=14 error=2 qword[0]=0"},
    {"leave", "c9", "rbp=0x20000 qword[0x20000]=0x1234", "rbp=0x1234 rsp=0x20008"},
    {"leave word", "66c9", "rbp=0x20000 word[0x20000]=0x1234", "rbp=0x21234 rsp=0x20002"},
    {"leave: the frame is not there", "c9", "rbp=0x900000", "fault=14"},
    {"pushad", "60", "bits=32 rax=1 rcx=2 rdx=3 rbx=4 rbp=5 rsi=6 rdi=7",
     "rsp=0x2ffe0 dword[0x2fffc]=1 dword[0x2fff8]=2 dword[0x2fff4]=3 dword[0x2fff0]=4 "
     "dword[0x2ffec]=0x30000 dword[0x2ffe8]=5 dword[0x2ffe4]=6 dword[0x2ffe0]=7"},
    {"popa", "6661", "bits=32 word[0x30000]=7 word[0x30004]=5 word[0x30006]=9 word[0x3000e]=1",
     "rsp=0x30010 rdi=7 rbp=5 rax=1"},
};

X64_TEST_VECTORS(test_stack_pushes, pushes)
X64_TEST_VECTORS(test_stack_flags, flags)
X64_TEST_VECTORS(test_stack_frames, frames)

static Suite *stack_suite(void)
{
    Suite *suite = suite_create("stack");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_stack_pushes, pushes);
    X64_ADD_VECTORS(tcase, test_stack_flags, flags);
    X64_ADD_VECTORS(tcase, test_stack_frames, frames);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(stack_suite())
