/* SPDX-License-Identifier: MIT */
/* What each effect looks like in both formats; folding; hostile names. */
#include "support/suite.h"
#include "trace/synthetic.h"
#include "trace/writer.h"

#include <string.h>

static struct synthetic s;
static struct x64i_buffer buffer;

static void set_up(void)
{
    synthetic_begin(&s);
    buffer = (struct x64i_buffer){0};
}

static void tear_down(void)
{
    x64i_buffer_free(&buffer);
    synthetic_end(&s);
}

static const char *show(const struct x64i_trace_writer *writer, const struct x64i_trace_line *line)
{
    static const struct x64i_trace_style plain = {0};
    buffer.size = 0;
    writer->line(&buffer, &plain, line);
    x64i_buffer_char(&buffer, '\0');
    ck_assert(!buffer.failed);
    return buffer.bytes;
}

static const struct {
    struct x64_effect effect;
    const char *json;
    const char *text;
} effects[] = {
    {{.kind = X64_EFFECT_REGISTER, .index = X64_RAX, .old = 1, .value = 0x2b},
     "\"regs\":{\"rax\":[\"0x1\",\"0x2b\"]}",
     "rax 0x1 -> 0x2b"},
    {{.kind = X64_EFFECT_REGISTER, .index = X64_RFLAGS, .old = 0x42, .value = 0x3},
     "\"rflags\":[\"0x42\",\"0x3\"]",
     "+CF -ZF"},
    {{.kind = X64_EFFECT_MEMORY_WRITE,
      .size = 8,
      .linear = SYNTHETIC_SP2,
      .physical = 0x8014,
      .old = 5,
      .value = 6},
     "\"mem\":[{\"op\":\"w\",\"va\":\"0xffff888000008014\",\"pa\":\"0x8014\",\"size\":8,\"old\":"
     "\"0x5\",\"new\":\"0x6\",\"what\":\"cpu_tss_rw.sp2\"}]",
     "cpu_tss_rw.sp2 0x5 -> 0x6"},
    {{.kind = X64_EFFECT_MEMORY_READ, .size = 4, .linear = 0x500, .physical = 0x600, .value = 7},
     "\"mem\":[{\"op\":\"r\",\"va\":\"0x500\",\"pa\":\"0x600\",\"size\":4,\"old\":\"0x7\"}]",
     "[0x500] = 0x7"},
    {{.kind = X64_EFFECT_SEGMENT, .index = X64_CS, .old = 0x33, .value = 0x10},
     "\"seg\":{\"cs\":[\"0x33\",\"0x10\"]}",
     "cs 0x33 -> 0x10"},
    {{.kind = X64_EFFECT_SEGMENT_BASE, .index = X64_GS, .old = 0, .value = 0x1000},
     "\"seg\":{\"gs.base\":[\"0x0\",\"0x1000\"]}",
     "gs.base 0x0 -> 0x1000"},
    {{.kind = X64_EFFECT_TABLE, .index = 1, .old = 0, .value = 0x1000},
     "\"seg\":{\"idtr\":[\"0x0\",\"0x1000\"]}",
     "idtr 0x0 -> 0x1000"},
    {{.kind = X64_EFFECT_CONTROL, .index = 4, .old = 0x20, .value = 0x30},
     "\"cr\":{\"cr4\":[\"0x20\",\"0x30\"]}",
     "cr4 0x20 -> 0x30"},
    {{.kind = X64_EFFECT_CONTROL, .index = X64_CONTROL_XCR0, .old = 1, .value = 3},
     "\"cr\":{\"xcr0\":[\"0x1\",\"0x3\"]}",
     "xcr0 0x1 -> 0x3"},
    {{.kind = X64_EFFECT_DEBUG, .index = 7, .old = 0x400, .value = 0x401},
     "\"regs\":{\"dr7\":[\"0x400\",\"0x401\"]}",
     "dr7 0x400 -> 0x401"},
    {{.kind = X64_EFFECT_VECTOR, .index = 3, .size = 16, .old = 1, .value = 2},
     "\"regs\":{\"xmm3\":[\"0x1\",\"0x2\"]}",
     "xmm3 0x1 -> 0x2"},
    {{.kind = X64_EFFECT_VECTOR, .index = 3, .size = 32, .old = 1, .value = 2},
     "\"regs\":{\"ymm3\":[\"0x1\",\"0x2\"]}",
     "ymm3 0x1 -> 0x2"},
    {{.kind = X64_EFFECT_VECTOR, .index = 31, .size = 64, .old = 1, .value = 2},
     "\"regs\":{\"zmm31\":[\"0x1\",\"0x2\"]}",
     "zmm31 0x1 -> 0x2"},
    {{.kind = X64_EFFECT_REGISTER, .index = X64_K0 + 7, .size = 8, .old = 1, .value = 2},
     "\"regs\":{\"k7\":[\"0x1\",\"0x2\"]}",
     "k7 0x1 -> 0x2"},
    {{.kind = X64_EFFECT_MSR_WRITE, .index = 0xc0000082, .old = 0, .value = 0x1000},
     "\"msr\":[{\"op\":\"w\",\"name\":\"LSTAR\",\"old\":\"0x0\",\"new\":\"0x1000\"}]",
     "LSTAR 0x0 -> 0x1000"},
    {{.kind = X64_EFFECT_MSR_READ, .index = 0x12345, .value = 9},
     "\"msr\":[{\"op\":\"r\",\"name\":\"0x12345\",\"old\":\"0x9\"}]",
     "0x12345 = 0x9"},
    {{.kind = X64_EFFECT_PORT_WRITE, .index = 0x3f8, .size = 1, .value = 0x41},
     "\"io\":[{\"op\":\"w\",\"port\":\"0x3f8\",\"size\":1,\"value\":\"0x41\"}]",
     "port 0x3f8 <- 0x41"},
    {{.kind = X64_EFFECT_PORT_READ, .index = 0x60, .size = 1, .value = 1},
     "\"io\":[{\"op\":\"r\",\"port\":\"0x60\",\"size\":1,\"value\":\"0x1\"}]",
     "port 0x60 -> 0x1"},
    {{.kind = X64_EFFECT_PAGE_WALK, .index = 4, .linear = 0x401000, .physical = 0x2000, .value = 7},
     "\"walk\":[{\"op\":\"r\",\"va\":\"0x401000\",\"level\":4,\"pa\":\"0x2000\",\"old\":\"0x7\"}]",
     "TLB miss 0x401000"},
    {{.kind = X64_EFFECT_PAGE_UPDATE,
      .index = 1,
      .linear = 0x401000,
      .physical = 0x2000,
      .old = 7,
      .value = 0x27},
     "\"walk\":[{\"op\":\"w\",\"va\":\"0x401000\",\"level\":1,\"pa\":\"0x2000\",\"old\":\"0x7\","
     "\"new\":\"0x27\"}]",
     "nop"},
    {{.kind = X64_EFFECT_EXCEPTION, .index = X64_FAULT_GP, .value = 0x10},
     "\"fault\":{\"vector\":13,\"name\":\"#GP\",\"error\":\"0x10\"}",
     "#GP"},
    {{.kind = X64_EFFECT_EXCEPTION, .index = X64_FAULT_PF, .value = 4, .linear = 0x123},
     "\"fault\":{\"vector\":14,\"name\":\"#PF\",\"error\":\"0x4\",\"cr2\":\"0x123\"}",
     "#PF"},
    {{.kind = X64_EFFECT_INTERRUPT, .index = 0x80, .value = 1},
     "\"note\":\"INT 0x80, call 0 (no such call): ",
     "; INT 0x80, call 0 (no such call): "},
    {{.kind = X64_EFFECT_INTERRUPT, .index = 0x20},
     "\"note\":\"external interrupt 0x20: ",
     "; external interrupt 0x20: "},
};

START_TEST(test_writers_show_each_effect)
{
    synthetic_effect(&s, effects[_i].effect);
    const struct x64i_trace_line *line = synthetic_step(&s, "\x90", 1);
    const char *shown = show(&x64i_jsonl_writer, line);
    ck_assert_msg(strstr(shown, effects[_i].json) != NULL, "%s is not in %s", effects[_i].json,
                  shown);
    shown = show(&x64i_text_writer, line);
    ck_assert_msg(strstr(shown, effects[_i].text) != NULL, "%s is not in %s", effects[_i].text,
                  shown);
}
END_TEST

/* XRSTOR writes the parts of a register one after the other. */
START_TEST(test_writers_name_a_vector_by_its_widest_part)
{
    synthetic_effect(&s,
                     (struct x64_effect){
                         .kind = X64_EFFECT_VECTOR, .index = 5, .size = 16, .old = 1, .value = 2});
    synthetic_effect(&s,
                     (struct x64_effect){
                         .kind = X64_EFFECT_VECTOR, .index = 5, .size = 64, .old = 2, .value = 2});
    const char *shown = show(&x64i_jsonl_writer, synthetic_step(&s, "\x90", 1));
    ck_assert_ptr_nonnull(strstr(shown, "\"regs\":{\"zmm5\":[\"0x1\",\"0x2\"]}"));
}
END_TEST

START_TEST(test_writers_jsonl_leaves_out_what_has_no_value)
{
    const struct x64i_trace_line *line = synthetic_step(&s, "\x90", 1);
    ck_assert_str_eq(show(&x64i_jsonl_writer, line),
                     "{\"n\":1,\"cycle\":1,\"rip\":\"0x401000\",\"sym\":\"main\",\"cpl\":3,"
                     "\"bytes\":\"90\",\"asm\":\"nop\",\"stack\":\"user\"}\n");
}
END_TEST

START_TEST(test_writers_fold_iterations)
{
    struct x64i_trace_line folded;
    for (unsigned i = 0; i < 4; i++) {
        synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_MEMORY_WRITE,
                                                 .size = 2,
                                                 .linear = 0x1000 + 2 * i,
                                                 .physical = 0x5000 + 2 * i});
        synthetic_effect(
            &s, (struct x64_effect){
                    .kind = X64_EFFECT_REGISTER, .index = X64_RCX, .old = 4 - i, .value = 3 - i});
        s.step.rip = s.after.rip = SYNTHETIC_USER;
        const struct x64i_trace_line *line = synthetic_step(&s, "\xf3\x66\xab", 3);
        if (i == 0)
            folded = *line;
        else
            x64i_line_fold(&folded, line);
    }
    const char *shown = show(&x64i_jsonl_writer, &folded);
    ck_assert_ptr_nonnull(strstr(shown,
                                 "\"mem\":[{\"op\":\"w\",\"va\":\"0x1000\",\"pa\":\"0x5000\","
                                 "\"size\":8}]"));
    ck_assert_ptr_nonnull(strstr(shown, "\"rcx\":[\"0x4\",\"0x0\"]"));
    ck_assert_ptr_nonnull(strstr(shown, "\"repeat\":4"));
    ck_assert_ptr_nonnull(strstr(show(&x64i_text_writer, &folded), "4 times"));
}
END_TEST

START_TEST(test_writers_guest_text_cannot_escape)
{
    static const char hostile[] = "write(1, \"\033[2J\\\xff\n\", 3) = 3";
    s.step.kind = X64_STEP_NATIVE;
    s.call = hostile;
    const struct x64i_trace_line *line = synthetic_step(&s, "", 0);
    ck_assert_ptr_nonnull(strstr(show(&x64i_jsonl_writer, line),
                                 "write(1, \\\"\\u001b[2J\\\\\\u00ff\\u000a\\\", 3)"));
    const char *text = show(&x64i_text_writer, line);
    ck_assert_ptr_null(strchr(text, '\033'));
    ck_assert_ptr_nonnull(strstr(text, "= write(1, \"?[2J\\??\", 3) = 3\n"));
}
END_TEST

START_TEST(test_writers_plain_stack_moves_go_unsaid)
{
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_MEMORY_WRITE,
                                             .size = 8,
                                             .linear = SYNTHETIC_USER_RSP - 8,
                                             .value = 1});
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                             .index = X64_RSP,
                                             .old = SYNTHETIC_USER_RSP,
                                             .value = SYNTHETIC_USER_RSP - 8});
    const struct x64i_trace_line *line = synthetic_step(&s, "\x50", 1);
    ck_assert_ptr_null(strstr(show(&x64i_text_writer, line), "rsp"));
    ck_assert_ptr_nonnull(strstr(show(&x64i_jsonl_writer, line), "\"rsp\":"));
}
END_TEST

START_TEST(test_writers_flags_are_named)
{
    char text[96];
    ck_assert_str_eq(x64i_flags_text(0, 0, text, sizeof text), "");
    ck_assert_str_eq(x64i_flags_text(0, 0x3fffff, text, sizeof text),
                     "+CF +PF +AF +ZF +SF +TF +IF +DF +OF +IOPL +NT +RF +VM +AC +VIF +VIP +ID");
    ck_assert_str_eq(x64i_flags_text(0x202, 0x2, text, sizeof text), "-IF");
}
END_TEST

static Suite *writers_suite(void)
{
    Suite *suite = suite_create("trace writers");
    TCase *tcase = tcase_create("writers");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_writers_show_each_effect, 0,
                        sizeof effects / sizeof effects[0]);
    tcase_add_test(tcase, test_writers_name_a_vector_by_its_widest_part);
    tcase_add_test(tcase, test_writers_jsonl_leaves_out_what_has_no_value);
    tcase_add_test(tcase, test_writers_fold_iterations);
    tcase_add_test(tcase, test_writers_guest_text_cannot_escape);
    tcase_add_test(tcase, test_writers_plain_stack_moves_go_unsaid);
    tcase_add_test(tcase, test_writers_flags_are_named);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(writers_suite())
