/* SPDX-License-Identifier: MIT */
/* Bit tests, scans, counts, BMI1, BMI2 and ADX. */
#include "cpu/support/vector.h"

/* SDM vol. 2A, BT, BTC, BTR, BTS. */
static const struct vector tests[] = {
    {"bt eax, ebx: modulo 32", "0fa3d8", "rax=2 rbx=33", "cf=1"},
    {"bt [rsi], rbx: far behind", "480fa31e", "rsi=0x20000 rbx=0x103 byte[0x20020]=8", "cf=1"},
    {"bt [rsi], ebx: negative", "0fa31e", "rsi=0x20010 rbx=0xffffffff dword[0x2000c]=0x80000000",
     "cf=1"},
    {"bts word ptr [rsi], bx: negative", "660fab1e", "rsi=0x20010 rbx=0xfff0 word[0x2000e]=0",
     "word[0x2000e]=1"},
    {"btr [rsi], 33: an immediate stays inside", "0fba3621",
     "rsi=0x20000 qword[0x20000]=0x3ffffffff", "qword[0x20000]=0x3fffffffd cf=1"},
    {"btc eax, 31", "0fbaf81f", "rax=0xffffffff00000000", "rax=0x80000000"},
    {"bts rax, rbx", "480fabd8", "rax=0 rbx=0x47 cf=1", "rax=0x80 cf=0"},
    {"lock bts [rsi], eax: not writable", "f00fab06", "rsi=0x220000", "fault=14 error=3"},
};

/* SDM vol. 2A, BSF, BSR, LZCNT; vol. 2B, POPCNT, TZCNT. */
static const struct vector counts[] = {
    {"bsf eax, ebx of zero", "0fbcc3", "rax=0x1122334455667788", "zf=1 cf=? of=? sf=? af=? pf=?"},
    {"bsf rax, rbx", "480fbcc3", "rbx=0x8000000000000000 zf=1",
     "rax=63 zf=0 cf=? of=? sf=? af=? pf=?"},
    {"bsr ax, bx", "660fbdc3", "rax=0x11112222 rbx=0x80000100",
     "rax=0x11110008 cf=? of=? sf=? af=? pf=?"},
    {"popcnt rax, rbx", "f3480fb8c3", "rbx=0xff00000000000001 cf=1 of=1 sf=1 pf=1 af=1",
     "rax=9 cf=0 of=0 sf=0 pf=0 af=0"},
    {"popcnt eax, ebx of zero", "f30fb8c3", "rax=5 rbx=0xff00000000", "rax=0 zf=1"},
    {"lzcnt ax, bx of zero", "f3660fbdc3", "rbx=0xf0000", "rax=16 cf=1 of=? sf=? af=? pf=?"},
    {"lzcnt eax, ebx", "f30fbdc3", "rbx=0x80000000", "rax=0 zf=1 of=? sf=? af=? pf=?"},
    {"tzcnt rax, [rsi]", "f3480fbc06", "rsi=0x20000 qword[0x20000]=0x100",
     "rax=8 of=? sf=? af=? pf=?"},
    {"tzcnt eax, ebx of zero", "f30fbcc3", "rax=0xffffffffffffffff",
     "rax=32 cf=1 of=? sf=? af=? pf=?"},
};

/* SDM vol. 2, the instructions' pages. */
static const struct vector bmi[] = {
    {"andn eax, ebx, ecx", "c4e260f2c1", "rbx=0x0f rcx=0x80000033",
     "rax=0x80000030 sf=1 af=? pf=?"},
    {"bextr eax, ebx, ecx", "c4e270f7c3", "rbx=0x12345678 rcx=0x0804", "rax=0x67 af=? pf=? sf=?"},
    {"bextr rax, rbx, rcx: start past the width", "c4e2f0f7c3", "rbx=0x12345678 rcx=0x0840",
     "rax=0 zf=1 af=? pf=? sf=?"},
    {"bextr eax, ebx, ecx: a long field", "c4e270f7c3", "rbx=0xffffffff80000001 rcx=0xff1f",
     "rax=1 af=? pf=? sf=?"},
    {"blsi rax, rbx", "c4e2f8f3db", "rbx=0x50", "rax=0x10 cf=1 af=? pf=?"},
    {"blsmsk eax, ebx of zero", "c4e278f3d3", "", "rax=0xffffffff cf=1 sf=1 af=? pf=?"},
    {"blsr eax, [rsi]", "c4e278f30e", "rsi=0x20000 dword[0x20000]=0x80000000",
     "rax=0 zf=1 af=? pf=?"},
    {"bzhi eax, ebx, ecx: all bits", "c4e270f5c3", "rbx=0xffffffff rcx=32",
     "rax=0xffffffff cf=1 sf=1 af=? pf=?"},
    {"bzhi rax, rbx, rcx", "c4e2f0f5c3", "rbx=0xffff rcx=0x104", "rax=0xf af=? pf=?"},
    {"mulx eax, ebx, ecx", "c4e263f6c1", "rdx=0x80000000 rcx=6", "rax=3 rbx=0"},
    {"mulx rax, rax, rcx: the upper half stays", "c4e2fbf6c1", "rdx=0x8000000000000000 rcx=6",
     "rax=3"},
    {"pdep rax, rbx, rcx", "c4e2e3f5c1", "rbx=0x5 rcx=0xf0f0", "rax=0x50"},
    {"pext eax, ebx, [rsi]", "c4e262f506", "rbx=0xabcd rsi=0x20000 dword[0x20000]=0xf0f0",
     "rax=0xac"},
    {"rorx rax, rbx, 4", "c4e3fbf0c304", "rbx=0x1f", "rax=0xf000000000000001"},
    {"sarx eax, ebx, ecx", "c4e272f7c3", "rbx=0x80000000 rcx=36", "rax=0xf8000000"},
    {"shlx rax, [rsi], rcx", "c4e2f1f706", "rsi=0x20000 qword[0x20000]=3 rcx=127",
     "rax=0x8000000000000000"},
    {"shrx eax, ebx, ecx", "c4e273f7c3", "rbx=0x1180000000 rcx=31", "rax=1"},
    {"adcx eax, ebx", "660f38f6c3", "rax=0xffffffff cf=1 of=1", "rax=0 cf=1"},
    {"adox rax, rbx", "f3480f38f6c3", "rax=1 rbx=1 cf=1 of=1", "rax=3 of=0"},
};

X64_TEST_VECTORS(test_bit_tests, tests)
X64_TEST_VECTORS(test_bit_counts, counts)
X64_TEST_VECTORS(test_bit_bmi, bmi)

/* A model without ABM and BMI executes the older instruction behind the ignored prefix. */
START_TEST(test_bit_zydis_prefix_meaning)
{
    const struct vector row = {"tzcnt ax, bx on any model", "f3660fbcc3", "rbx=4",
                               "rax=2 of=? sf=? af=? pf=? cf=?"};
    run_vector(&row, "skylake");
    run_vector(&row, "zen3");
}
END_TEST

static Suite *bit_suite(void)
{
    Suite *suite = suite_create("bit");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_bit_tests, tests);
    X64_ADD_VECTORS(tcase, test_bit_counts, counts);
    X64_ADD_VECTORS(tcase, test_bit_bmi, bmi);
    tcase_add_test(tcase, test_bit_zydis_prefix_meaning);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(bit_suite())
