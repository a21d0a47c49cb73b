/* SPDX-License-Identifier: MIT */
/* #AC: which operand must stand on a multiple of what, at CPL 3 with CR0.AM and RFLAGS.AC (SDM vol.
 * 3A, 6.15, interrupt 17 and table 6-7). Where the makers differ the AMD side was seen on Zen 5,
 * and the Intel side is what the instructions' exception types name (vol. 2A, 2.5). */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define INTEL    "golden_cove"
#define AMD      "zen3"
#define OFFSETS  64u
#define OPERANDS (MACHINE_USER_DATA + 0x400u)

/* #AC unless the address is a multiple of `check`, else #GP(0) unless it is one of `protect`. */
struct rule {
    uint8_t check, protect;
};

#define FREE \
    {        \
        1, 1 \
    }
#define CHECKS(n) \
    {             \
        n, 1      \
    }
#define ALIGNED \
    {           \
        1, 16   \
    }

/* The operand is [rdi]; XMM1 is a mask of ones, XMM2 zero. */
static const struct {
    const char *text;
    const char *bytes;
    struct rule intel, amd;
} rows[] = {
    {"mov al, [rdi]", "8a 07", FREE, FREE},
    {"mov ax, [rdi]", "66 8b 07", CHECKS(2), CHECKS(2)},
    {"mov [rdi], eax", "89 07", CHECKS(4), CHECKS(4)},
    {"mov rax, [rdi]", "48 8b 07", CHECKS(8), CHECKS(8)},
    {"cmpxchg8b [rdi]", "0f c7 0f", CHECKS(8), CHECKS(8)},
    {"cmpxchg16b [rdi]", "48 0f c7 0f", ALIGNED, ALIGNED},
    {"stmxcsr [rdi]", "0f ae 1f", CHECKS(4), CHECKS(4)},

    {"fld dword [rdi]", "d9 07", CHECKS(4), CHECKS(4)},
    {"fld qword [rdi]", "dd 07", CHECKS(8), CHECKS(8)},
    {"fld tbyte [rdi]", "db 2f", CHECKS(8), CHECKS(8)},
    {"fbld [rdi]", "df 27", CHECKS(8), CHECKS(8)},
    {"fnstcw [rdi]", "d9 3f", CHECKS(2), CHECKS(2)},
    {"fnstenv [rdi]", "d9 37", CHECKS(4), CHECKS(4)},
    {"data16 fnstenv [rdi]", "66 d9 37", CHECKS(2), CHECKS(2)},
    {"fldenv [rdi]", "d9 27", CHECKS(4), CHECKS(4)},
    {"fnsave [rdi]", "dd 37", CHECKS(4), CHECKS(4)},
    {"data16 fnsave [rdi]", "66 dd 37", CHECKS(2), CHECKS(2)},
    {"frstor [rdi]", "dd 27", CHECKS(4), CHECKS(4)},
    {"fxsave [rdi]", "0f ae 07", ALIGNED, {4, 16}},
    {"fxrstor [rdi]", "0f ae 0f", ALIGNED, {4, 16}},

    {"movq mm0, [rdi]", "0f 6f 07", CHECKS(8), CHECKS(8)},
    {"addss xmm0, [rdi]", "f3 0f 58 07", CHECKS(4), CHECKS(4)},
    {"addsd xmm0, [rdi]", "f2 0f 58 07", CHECKS(8), CHECKS(8)},
    {"movhps xmm0, [rdi]", "0f 16 07", CHECKS(8), CHECKS(8)},
    {"pmovzxbw xmm0, [rdi]", "66 0f 38 30 07", CHECKS(8), CHECKS(8)},
    {"pextrw [rdi], xmm0, 0", "66 0f 3a 15 07 00", CHECKS(2), CHECKS(2)},
    {"vbroadcastsd ymm0, [rdi]", "c4 e2 7d 19 07", CHECKS(8), CHECKS(8)},
    {"vcvtps2ph [rdi], xmm0, 0", "c4 e3 79 1d 07 00", CHECKS(8), CHECKS(8)},

    {"addps xmm0, [rdi]", "0f 58 07", ALIGNED, ALIGNED},
    {"movaps [rdi], xmm0", "0f 29 07", ALIGNED, ALIGNED},
    {"vmovaps ymm0, [rdi]", "c5 fc 28 07", {1, 32}, {1, 32}},
    {"movups xmm0, [rdi]", "0f 10 07", FREE, CHECKS(16)},
    {"movups [rdi], xmm0", "0f 11 07", FREE, CHECKS(16)},
    {"movdqu xmm0, [rdi]", "f3 0f 6f 07", FREE, CHECKS(16)},
    {"lddqu xmm0, [rdi]", "f2 0f f0 07", FREE, CHECKS(16)},
    {"pcmpistri xmm0, [rdi], 0", "66 0f 3a 63 07 00", FREE, CHECKS(16)},
    {"sha1msg1 xmm0, [rdi]", "0f 38 c9 07", ALIGNED, CHECKS(16)},
    {"vmovups ymm0, [rdi]", "c5 fc 10 07", FREE, CHECKS(16)},
    {"vmovups [rdi], ymm0", "c5 fc 11 07", FREE, CHECKS(16)},
    {"vaddps xmm0, xmm0, [rdi]", "c5 f8 58 07", FREE, CHECKS(16)},
    {"vaddps ymm0, ymm0, [rdi]", "c5 fc 58 07", FREE, CHECKS(16)},
    {"vcvtps2ph [rdi], ymm0, 0", "c4 e3 7d 1d 07 00", FREE, CHECKS(16)},
    {"vbroadcastf128 ymm0, [rdi]", "c4 e2 7d 1a 07", FREE, CHECKS(16)},
    {"vextractf128 [rdi], ymm0, 1", "c4 e3 7d 19 07 01", FREE, CHECKS(16)},

    {"maskmovq mm0, mm1", "0f f7 c1", FREE, CHECKS(8)},
    {"maskmovdqu xmm0, xmm1", "66 0f f7 c1", FREE, CHECKS(8)},
    {"maskmovdqu xmm0, xmm2, none", "66 0f f7 c2", FREE, CHECKS(8)},
    {"vmaskmovps ymm0, ymm1, [rdi]", "c4 e2 75 2c 07", FREE, FREE},
    {"vmaskmovps [rdi], ymm1, ymm0", "c4 e2 75 2e 07", FREE, FREE},
    {"vpmaskmovq ymm0, ymm1, [rdi]", "c4 e2 f5 8c 07", FREE, FREE},
    {"vpgatherdd xmm0, [rdi+xmm2], xmm1", "c4 e2 71 90 04 17", FREE, FREE},
};

#define ROWS ((int)(sizeof rows / sizeof rows[0]))

static void prepare(struct machine *m, enum machine_mode mode, bool checked, const char *bytes)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    machine_enter(m, mode);
    s->cr0 |= X64I_CR0_AM;
    s->cr4 |= X64I_CR4_OSXSAVE;
    s->xcr0 = 7;
    s->rflags = checked ? s->rflags | X64I_AC : s->rflags & ~(uint64_t)X64I_AC;
    s->fpu_tag = 0xffff;
    for (unsigned i = 0; i < 4; i++) {
        s->vector[1].lane[i] = UINT64_MAX;
        s->vector[2].lane[i] = 0;
    }
    x64i_cpu_refresh(&m->cpu);
    machine_code(m, bytes);
}

/* The vector of the exception at the operand that stands `offset` bytes behind a boundary; 0 for
 * none. */
static unsigned exception_at(struct machine *m, unsigned offset)
{
    m->cpu.s.gpr[X64_RDI] = OPERANDS + offset;
    machine_step(m);
    for (unsigned vector = 1; vector < 32; vector++)
        if (m->cpu.s.rip == machine_handler(vector))
            return vector;
    return 0;
}

static unsigned expected(struct rule rule, unsigned offset)
{
    return offset % rule.check ? X64_FAULT_AC : offset % rule.protect ? X64_FAULT_GP : 0;
}

static void check_model(const char *model, int row, struct rule rule)
{
    struct machine *m = machine_create(model);
    for (unsigned offset = 0; offset < OFFSETS; offset++) {
        prepare(m, MACHINE_USER_64, true, rows[row].bytes);
        unsigned vector = exception_at(m, offset);
        ck_assert_msg(vector == expected(rule, offset), "%s: %s at +%u: vector %u, not %u", model,
                      rows[row].text, offset, vector, expected(rule, offset));
    }
    machine_destroy(m);
}

START_TEST(test_alignment_of_operands)
{
    check_model(INTEL, _i, rows[_i].intel);
    check_model(AMD, _i, rows[_i].amd);
}
END_TEST

/* Nothing is checked without RFLAGS.AC, and nothing above CPL 3, where AC has another meaning. */
START_TEST(test_alignment_unchecked)
{
    const struct rule rule = {1, rows[_i].amd.protect};
    struct machine *m = machine_create(AMD);
    for (unsigned offset = 0; offset < OFFSETS; offset++) {
        prepare(m, MACHINE_USER_64, false, rows[_i].bytes);
        ck_assert_uint_eq(exception_at(m, offset), expected(rule, offset));
        prepare(m, MACHINE_KERNEL_64, true, rows[_i].bytes);
        ck_assert_uint_eq(exception_at(m, offset), expected(rule, offset));
    }
    machine_destroy(m);
}
END_TEST

static Suite *alignment_suite(void)
{
    Suite *suite = suite_create("alignment");
    TCase *tests = tcase_create("alignment");
    tcase_add_loop_test(tests, test_alignment_of_operands, 0, ROWS);
    tcase_add_loop_test(tests, test_alignment_unchecked, 0, ROWS);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(alignment_suite())
