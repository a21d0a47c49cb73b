/* SPDX-License-Identifier: MIT */
/* Multiplication and division: where results go, and what is a #DE. */
#include "cpu/support/vector.h"

/* SDM vol. 2B, MUL, and vol. 2A, IMUL. */
static const struct vector products[] = {
    {"mul bl", "f6e3", "rax=0x1110 rbx=0x10", "rax=0x0100 cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"mul bx", "66f7e3", "rax=0x8000 rbx=2 rdx=0x55555555",
     "rax=0 rdx=0x55550001 cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"mul ebx", "f7e3", "rax=0x1234567800000003 rbx=5 rdx=0xffffffffffffffff cf=1 of=1",
     "rax=15 rdx=0 cf=0 of=0 sf=? zf=? af=? pf=?"},
    {"mul rbx", "48f7e3", "rax=0xffffffffffffffff rbx=0xffffffffffffffff",
     "rax=1 rdx=0xfffffffffffffffe cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"imul bl", "f6eb", "rax=0xff rbx=0x80", "rax=0x80 cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"imul rbx", "48f7eb", "rax=0xfffffffffffffffe rbx=3",
     "rax=0xfffffffffffffffa rdx=0xffffffffffffffff sf=? zf=? af=? pf=?"},
    {"imul rbx", "48f7eb", "rax=0x8000000000000000 rbx=0x8000000000000000",
     "rax=0 rdx=0x4000000000000000 cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"imul eax, ebx", "0fafc3", "rax=0x10000 rbx=0x10000", "rax=0 cf=1 of=1 sf=? zf=? af=? pf=?"},
    {"imul ax, [rsi], -3", "666b06fd", "rsi=0x20000 word[0x20000]=5 rax=0xffff0000",
     "rax=0xfffffff1 cf=0 of=0 sf=? zf=? af=? pf=?"},
    {"imul rax, rbx, 0x80000000 (signed)", "4869c300000080", "rbx=2",
     "rax=0xffffffff00000000 sf=? zf=? af=? pf=?"},
};

/* SDM vol. 2A, DIV and IDIV. Flags are undefined: processors keep them. */
static const struct vector quotients[] = {
    {"div bl", "f6f3", "rax=0x0203 rbx=2", "fault=0"},
    {"div bl", "f6f3", "rax=0x0101 rbx=2", "rax=0x0180"},
    {"div ebx", "f7f3", "rdx=1 rax=1 rbx=2", "rax=0x80000000 rdx=1"},
    {"div rbx", "48f7f3", "rdx=2 rax=0 rbx=3", "rax=0xaaaaaaaaaaaaaaaa rdx=2"},
    {"div rbx: the quotient needs 65 bits", "48f7f3", "rdx=3 rbx=3", "fault=0"},
    {"div ecx by zero", "f7f1", "rax=1", "fault=0"},
    {"idiv bl", "f6fb", "rax=0xff80 rbx=0xff", "fault=0"},
    {"idiv bl", "f6fb", "rax=0xff80 rbx=1", "rax=0x0080"},
    {"idiv bl: the remainder has the dividend's sign", "f6fb", "rax=0xfff9 rbx=2", "rax=0xfffd"},
    {"idiv bl", "f6fb", "rax=0x0007 rbx=0xfe", "rax=0x01fd"},
    {"idiv ebx", "f7fb", "rdx=0xffffffff rax=0x80000000 rbx=0xffffffff", "fault=0"},
    {"idiv ebx", "f7fb", "rdx=0xffffffff rax=0x80000001 rbx=0xffffffff", "rax=0x7fffffff rdx=0"},
    {"idiv rbx", "48f7fb", "rdx=0xffffffffffffffff rax=0x8000000000000000 rbx=1",
     "rax=0x8000000000000000 rdx=0"},
    {"idiv rbx: the most negative dividend", "48f7fb",
     "rdx=0x8000000000000000 rbx=0xffffffffffffffff", "fault=0"},
    {"idiv qword ptr [rbx]", "48f73b", "rbx=0x20000 qword[0x20000]=0xfffffffffffffffb rax=17",
     "rax=0xfffffffffffffffd rdx=2"},
};

X64_TEST_VECTORS(test_multiply_products, products)
X64_TEST_VECTORS(test_multiply_quotients, quotients)

static Suite *multiply_suite(void)
{
    Suite *suite = suite_create("multiply");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_multiply_products, products);
    X64_ADD_VECTORS(tcase, test_multiply_quotients, quotients);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(multiply_suite())
