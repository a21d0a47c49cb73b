/* SPDX-License-Identifier: MIT */
/* Shifts and rotates: counts, carries and the flags that a count of one defines. */
#include "cpu/support/vector.h"

/* SDM vol. 2B, SAL/SAR/SHL/SHR. */
static const struct vector shifts[] = {
    {"shl al, 1", "d0e0", "rax=0x81", "rax=0x02 cf=1 of=1 af=?"},
    {"shl al, 1", "d0e0", "rax=0xc0", "rax=0x80 cf=1 of=0 sf=1 af=?"},
    {"shl eax, cl", "d3e0", "rax=0x1122334480000001 rcx=1", "rax=2 cf=1 of=1 af=?"},
    {"shl eax, cl: a count of 0 leaves the flags", "d3e0",
     "rax=0x1122334480000001 rcx=32 cf=1 of=1 zf=1", "rax=0x80000001"},
    {"shl rax, cl: 64-bit counts have six bits", "48d3e0", "rax=1 rcx=0x7f",
     "rax=0x8000000000000000 sf=1 pf=1 of=? af=?"},
    {"shl al, cl: the last bit out at a count of 8", "d2e0", "rax=1 rcx=8",
     "rax=0 cf=1 zf=1 pf=1 of=? af=?"},
    {"shl al, cl: beyond the width", "d2e0", "rax=0xff rcx=9", "rax=0 zf=1 pf=1 of=? af=?"},
    {"sal al, 1 (/6)", "d0f0", "rax=0x40", "rax=0x80 of=1 sf=1 af=?"},
    {"shr al, 1", "d0e8", "rax=0x81", "rax=0x40 cf=1 of=1 af=?"},
    {"shr ah, 4", "c0ec04", "rax=0xf800", "rax=0x0f00 cf=1 pf=1 of=? af=?"},
    {"shr dword ptr [rbx], 4", "c12b04", "rbx=0x20000 dword[0x20000]=0x80000018",
     "dword[0x20000]=0x08000001 cf=1 of=? af=?"},
    {"sar ax, 4", "66c1f804", "rax=0x12348008", "rax=0x1234f800 cf=1 sf=1 pf=1 of=? af=?"},
    {"sar al, cl: beyond the width", "d2f8", "rax=0x80 rcx=31",
     "rax=0xff cf=1 sf=1 pf=1 of=? af=?"},
    {"sar rax, 1: OF is 0", "48d1f8", "rax=0x8000000000000000 of=1",
     "rax=0xc000000000000000 sf=1 pf=1 of=0 af=?"},
    {"shl byte ptr [rbx], 1: no write access", "d023", "rbx=0x220000 byte[0x20000]=1",
     "fault=14 error=3 byte[0x20000]=1"},
};

/* SDM vol. 2B, RCL/RCR/ROL/ROR. */
static const struct vector rotates[] = {
    {"rol al, 1", "d0c0", "rax=0x80 zf=1 sf=1", "rax=1 cf=1 of=1"},
    {"rol al, 8: the value stays, CF is its lowest bit", "c0c008", "rax=0x81",
     "rax=0x81 cf=1 of=?"},
    {"rol ax, 16", "66c1c010", "rax=0x8000 cf=1", "rax=0x8000 cf=0 of=?"},
    {"rol eax, 32: no rotation at all", "c1c020", "rax=1 cf=1 of=1", "rax=1"},
    {"ror al, 1", "d0c8", "rax=1", "rax=0x80 cf=1 of=1"},
    {"ror rax, 63", "48c1c83f", "rax=1", "rax=2 of=?"},
    {"ror al, 8", "c0c808", "rax=0x7f cf=1", "rax=0x7f cf=0 of=?"},
    {"rcl al, 1", "d0d0", "rax=0x80 cf=1", "rax=1 cf=1 of=1"},
    {"rcl al, 9: as many bits as there are with CF", "c0d009", "rax=0xa5 cf=1 of=1", "rax=0xa5"},
    {"rcl al, 8", "c0d008", "rax=0x01 cf=1", "rax=0x80 cf=1 of=?"},
    {"rcl ax, 17", "66c1d011", "rax=0x1234", "rax=0x1234"},
    {"rcl rax, 1", "48d1d0", "rax=0x4000000000000000 cf=1", "rax=0x8000000000000001 cf=0 of=1"},
    {"rcl eax, 31", "c1d01f", "rax=0x00000003 cf=0", "rax=0x80000000 cf=1 of=?"},
    {"rcr al, 1", "d0d8", "rax=0x01", "rax=0 cf=1 of=0"},
    {"rcr al, 1", "d0d8", "rax=0x00 cf=1", "rax=0x80 cf=0 of=1"},
    {"rcr ax, cl", "66d3d8", "rax=0x0001 rcx=17 cf=1", "rax=0x0001"},
    {"rcr rax, 2", "48c1d802", "rax=0x5 cf=1", "rax=0xc000000000000001 cf=0 of=?"},
};

/* SDM vol. 2B, SHLD and SHRD. */
static const struct vector doubles[] = {
    {"shld eax, ebx, 4", "0fa4d804", "rax=0x12345678 rbx=0xf0000000",
     "rax=0x2345678f cf=1 of=? af=?"},
    {"shld eax, ebx, 1: OF when the sign changes", "0fa4d801", "rax=0x40000000 rbx=0x80000000",
     "rax=0x80000001 sf=1 of=1 af=?"},
    {"shld rax, rbx, cl", "480fa5d8", "rax=0x1 rbx=0x8000000000000000 rcx=65",
     "rax=0x3 pf=1 of=0 af=?"},
    {"shld eax, ebx, cl: a count of 0", "0fa5d8", "rax=0x1111111122222222 rbx=1 rcx=32 of=1",
     "rax=0x22222222"},
    {"shrd eax, ebx, 4", "0facd804", "rax=0x12345678 rbx=0xf",
     "rax=0xf1234567 cf=1 sf=1 of=? af=?"},
    {"shrd word ptr [rsi], bx, 1", "660fac1e01", "rsi=0x20000 word[0x20000]=1 rbx=1",
     "word[0x20000]=0x8000 cf=1 of=1 sf=1 pf=1 af=?"},
    {"shld ax, bx, 20: past 16, DEST again", "660fa4d814", "rax=0xabcd rbx=0x1234",
     "rax=0x234a cf=? of=? sf=? zf=? pf=? af=?"},
};

X64_TEST_VECTORS(test_shift_shifts, shifts)
X64_TEST_VECTORS(test_shift_rotates, rotates)
X64_TEST_VECTORS(test_shift_doubles, doubles)

static Suite *shift_suite(void)
{
    Suite *suite = suite_create("shift");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_shift_shifts, shifts);
    X64_ADD_VECTORS(tcase, test_shift_rotates, rotates);
    X64_ADD_VECTORS(tcase, test_shift_doubles, doubles);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(shift_suite())
