/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "kernel_model/kernels.h"
#include "kernel_model/synthetic.h"
#include "support/suite.h"
#include "x64emu/kernel_patch.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#define WALK_STEPS 400

/* A CPU that has the features of a comma-separated list, with a comma at either end. */
static bool has_listed(void *user, unsigned number, const char *name)
{
    char item[64];

    (void)number;
    if (name == NULL)
        return false;
    snprintf(item, sizeof item, ",%s,", name);
    return strstr(user, item) != NULL;
}

static bool has_everything(void *user, unsigned number, const char *name)
{
    (void)user;
    (void)number;
    return name == NULL || strcmp(name, "xenpv") != 0;
}

static bool has_nothing(void *user, unsigned number, const char *name)
{
    (void)user;
    (void)number;
    (void)name;
    return false;
}

static struct x64_kernel_image *open_patched(const char *kernel, const char *features,
                                             struct x64_patch_counts *counts)
{
    struct x64_kernel_image *image = x64_test_kernel(kernel);
    struct x64_image_error error = {""};
    struct x64_patch_options options = {
        .struct_size = sizeof options, .has_feature = has_listed, .user = (void *)features};

    ck_assert_msg(x64_kernel_image_patch(image, &options, counts, &error) == X64_OK, "%s",
                  error.text);
    return image;
}

static size_t decode(const struct x64_kernel_image *image, uint64_t linear,
                     ZydisDecodedInstruction *instruction, ZydisDecodedOperand *operands)
{
    ZydisDecoder decoder;
    uint8_t code[15];

    ck_assert_int_eq(x64_kernel_image_read(image, linear, code, sizeof code), X64_OK);
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    ck_assert_msg(
        ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, sizeof code, instruction, operands)),
        "no instruction at 0x%llx", (unsigned long long)linear);
    return instruction->length;
}

/*
 * What runs from `linear` on, up to the first instruction called `last`: mnemonics with a space on
 * either side, "cr3" for a move to or from CR3, the symbols that are called. Jumps are followed,
 * conditional ones not taken.
 */
static void walk(const struct x64_kernel_image *image, uint64_t linear, const char *last,
                 char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, " ");
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction instruction;
    struct x64_image_symbol symbol;

    for (int i = 0; i < WALK_STEPS && length < size - 64; i++) {
        size_t step = decode(image, linear, &instruction, operands);
        const char *word = ZydisMnemonicGetString(instruction.mnemonic);
        uint64_t target = linear + step + (uint64_t)instruction.raw.imm[0].value.s;
        if (instruction.mnemonic == ZYDIS_MNEMONIC_MOV &&
            (operands[0].reg.value == ZYDIS_REGISTER_CR3 ||
             operands[1].reg.value == ZYDIS_REGISTER_CR3))
            word = "cr3";
        if (instruction.mnemonic == ZYDIS_MNEMONIC_CALL && instruction.raw.imm[0].is_relative &&
            x64_kernel_image_symbol_near(image, target, &symbol, NULL) == X64_OK)
            word = symbol.name;
        length += (size_t)snprintf(text + length, size - length, "%s ", word);
        if (strcmp(word, last) == 0)
            return;
        linear = instruction.mnemonic == ZYDIS_MNEMONIC_JMP ? target : linear + step;
    }
    ck_abort_msg("no %s within %d instructions: %s", last, WALK_STEPS, text);
}

static void walk_symbol(const struct x64_kernel_image *image, const char *symbol, const char *last,
                        char *text, size_t size)
{
    walk(image, x64_test_symbol(image, symbol), last, text, size);
}

#define assert_runs(text, word)     ck_assert_msg(strstr(text, word) != NULL, "no%sin%s", word, text)
#define assert_runs_not(text, word) ck_assert_msg(strstr(text, word) == NULL, "%sin%s", word, text)

START_TEST(test_patch_applies_or_pads_a_record)
{
    for (int on = 0; on < 2; on++) {
        struct x64_patch_options options = {.struct_size = sizeof options,
                                            .has_feature = on ? has_everything : has_nothing};
        struct x64_patch_counts counts;
        struct x64_kernel_image *image = NULL;
        struct x64_image_error error = {""};
        size_t size;
        uint8_t code[6];
        uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);
        ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
        free(elf);
        ck_assert_msg(x64_kernel_image_patch(image, &options, &counts, &error) == X64_OK, "%s",
                      error.text);
        ck_assert_uint_eq(counts.alternatives, 1);
        ck_assert_uint_eq(counts.alternatives_taken, on);
        ck_assert_int_eq(x64_kernel_image_read(image, SYNTHETIC_TEXT, code, 6), X64_OK);
        ck_assert_mem_eq(code, on ? "\xe8\xfb\0\0\0\xc3" : "\x0f\x1f\x44\0\0\xc3", 6);
        ck_assert_int_eq(x64_kernel_image_patch(image, &options, NULL, &error), X64_ERROR_STATE);
        ck_assert_str_eq(error.text, "kernel 1.2.3-synthetic has been patched already");
        x64_kernel_image_close(image);
    }
}
END_TEST

START_TEST(test_patch_refuses_records_of_no_layout)
{
    struct x64_patch_options options = {.struct_size = sizeof options, .has_feature = has_nothing};
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);
    uint8_t *record = memmem(elf, size, "\x34\x01\0\0\5\5", 6);

    ck_assert_ptr_nonnull(record);
    record[5] = 6; /* a replacement longer than what it replaces */
    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
    ck_assert_int_eq(x64_kernel_image_patch(image, &options, NULL, &error), X64_ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.text, "the 14 bytes of .altinstructions are records of no known layout "
                                 "(12, 13 or 14 bytes): at most the first 0 make sense");
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_patch_with_no_mitigations_leaves_the_plain_entry)
{
    struct x64_kernel_image *image = open_patched(x64_test_kernel_name(_i), ",smap,", NULL);
    char text[8192];

    walk_symbol(image, "entry_SYSCALL_64", "do_syscall_64", text, sizeof text);
    assert_runs(text, " swapgs ");
    assert_runs_not(text, " cr3 ");
    assert_runs_not(text, " wrmsr ");
    assert_runs_not(text, " clear_bhb_loop ");
    assert_runs_not(text, " entry_untrain_ret ");
    walk_symbol(image, "syscall_return_via_sysret", "sysret", text, sizeof text);
    assert_runs(text, " swapgs ");
    assert_runs_not(text, " cr3 ");
    assert_runs_not(text, " wrmsr ");
    assert_runs_not(text, " verw ");
    x64_kernel_image_close(image);
}
END_TEST

/* Features, and what they bring to the way in and the way out. */
static const struct effect {
    const char *features;
    const char *in[3];
    const char *out[3];
} effects[] = {
    {",pti,",
     {" swapgs mov nop cr3 nop and cr3 mov ", " do_syscall_64 "},
     {" cr3 jmp or cr3 ", " swapgs ", " sysret "}},
    {",pti,pcid,kernel_ibrs,clear_bhb_loop,clear_cpu_buf,",
     {" swapgs mov nop cr3 bts and cr3 mov ", " mov mov mov shr wrmsr ",
      " clear_bhb_loop do_syscall_64 "},
     {" cr3 nop mov and bt ", " mov mov and mov shr wrmsr ", " verw sysret "}},
    {",entry_ibpb,unret,", {" entry_untrain_ret entry_ibpb "}, {" sysret "}},
    {",srso_alias,unret,", {" srso_alias_untrain_ret "}, {" sysret "}},
};

START_TEST(test_patch_brings_in_each_mitigation)
{
    const struct effect *effect = &effects[_i];

    for (int kernel = 0; kernel < X64_TEST_KERNEL_COUNT; kernel++) {
        struct x64_kernel_image *image =
            open_patched(x64_test_kernel_name(kernel), effect->features, NULL);
        char in[8192];
        char out[8192];
        walk_symbol(image, "entry_SYSCALL_64", "do_syscall_64", in, sizeof in);
        walk_symbol(image, "syscall_return_via_sysret", "sysret", out, sizeof out);
        for (int i = 0; i < 3; i++) {
            if (effect->in[i] != NULL)
                assert_runs(in, effect->in[i]);
            if (effect->out[i] != NULL)
                assert_runs(out, effect->out[i]);
        }
        x64_kernel_image_close(image);
    }
}
END_TEST

/* Exception entries: CLAC if there is SMAP, and the call of the native error_entry. */
START_TEST(test_patch_makes_the_page_fault_entry_native)
{
    struct x64_kernel_image *image = open_patched(x64_test_kernel_name(_i), ",smap,", NULL);
    char text[8192];

    walk_symbol(image, "asm_exc_page_fault", "exc_page_fault", text, sizeof text);
    assert_runs(text, " clac ");
    assert_runs(text, " error_entry mov ");
    assert_runs_not(text, " xen_error_entry ");
    x64_kernel_image_close(image);
}
END_TEST

/* The linear address that entry `index` of a table of sites refers to. */
static uint64_t site_at(const struct x64_image_section *sites, size_t index)
{
    int32_t distance;

    memcpy(&distance, sites->data + index * 4, 4);
    return sites->linear + index * 4 + (uint64_t)(int64_t)distance;
}

START_TEST(test_patch_chooses_retpolines)
{
    struct x64_patch_counts counts;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction instruction;
    struct x64_kernel_image *image = open_patched(x64_test_kernel_name(_i), ",", &counts);
    const struct x64_image_section *sites = x64_kernel_image_section(image, ".retpoline_sites");
    uint64_t thunk = x64_test_symbol(image, "__x86_indirect_thunk_rax");
    size_t count = sites->size / 4;

    ck_assert_uint_eq(counts.retpolines, count);
    ck_assert_uint_gt(counts.retpolines, 5000);
    for (size_t i = 0; i < count; i++) {
        uint64_t linear = site_at(sites, i);
        decode(image, linear, &instruction, operands);
        if (instruction.meta.category == ZYDIS_CATEGORY_COND_BR)
            decode(image, linear + instruction.length, &instruction, operands);
        ck_assert_msg(operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER,
                      "a retpoline is left at 0x%llx", (unsigned long long)linear);
    }
    decode(image, thunk, &instruction, operands);
    ck_assert_int_eq(instruction.mnemonic, ZYDIS_MNEMONIC_JMP);
    x64_kernel_image_close(image);

    image = open_patched(x64_test_kernel_name(_i), ",retpoline,", &counts);
    ck_assert_uint_eq(counts.retpolines, 0);
    decode(image, thunk, &instruction, operands);
    ck_assert_int_eq(instruction.mnemonic, ZYDIS_MNEMONIC_CALL);
    x64_kernel_image_close(image);

    image = open_patched(x64_test_kernel_name(_i), ",retpoline,retpoline_lfence,", &counts);
    ck_assert_uint_eq(counts.retpolines, count);
    decode(image, thunk, &instruction, operands);
    ck_assert_int_eq(instruction.mnemonic, ZYDIS_MNEMONIC_LFENCE);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_patch_chooses_return_thunks)
{
    static const struct {
        const char *features;
        const char *thunk;
    } choices[] = {{",", NULL},
                   {",rethunk,", "__x86_return_thunk"},
                   {",rethunk,unret,", "retbleed_return_thunk"}};

    for (size_t c = 0; c < sizeof choices / sizeof choices[0]; c++) {
        struct x64_patch_counts counts;
        struct x64_kernel_image *image =
            open_patched(x64_test_kernel_name(_i), choices[c].features, &counts);
        const struct x64_image_section *sites = x64_kernel_image_section(image, ".return_sites");
        uint64_t thunk = choices[c].thunk == NULL ? 0 : x64_test_symbol(image, choices[c].thunk);
        size_t jumps = 0;
        size_t returns = 0;
        /* One in eight will do. */
        for (size_t i = 0; i < sites->size / 4; i += 8) {
            uint64_t linear = site_at(sites, i);
            uint8_t code[5];
            int32_t distance;
            ck_assert_int_eq(x64_kernel_image_read(image, linear, code, 5), X64_OK);
            memcpy(&distance, code + 1, 4);
            returns += memcmp(code, "\xc3\xcc\xcc\xcc\xcc", 5) == 0;
            jumps += code[0] == 0xe9 && linear + 5 + (uint64_t)(int64_t)distance == thunk;
        }
        ck_assert_uint_gt(choices[c].thunk == NULL ? returns : jumps, 5000);
        ck_assert_uint_eq(choices[c].thunk == NULL ? jumps : returns, 0);
        x64_kernel_image_close(image);
    }
}
END_TEST

/* How long the code at the place of record `index` is: records of one place share the longest room.
 */
static size_t room_of(const struct x64_kernel_image *image, size_t index)
{
    const struct x64_image_alternative *a = x64_kernel_image_alternative_at_index(image, index);
    size_t size = a->size;
    const struct x64_image_alternative *next;

    while ((next = x64_kernel_image_alternative_at_index(image, ++index)) != NULL &&
           next->linear == a->linear)
        size = next->size > size ? next->size : size;
    return size;
}

/* Whatever the CPU: at every patched place there are whole instructions, and the sum of them fits.
 */
START_TEST(test_patch_leaves_whole_instructions)
{
    bool (*const cpus[2])(void *, unsigned, const char *) = {has_nothing, has_everything};

    for (int cpu = 0; cpu < 2; cpu++) {
        struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
        struct x64_image_error error = {""};
        struct x64_patch_options options = {
            .struct_size = sizeof options, .has_feature = cpus[cpu], .uniprocessor = true};
        struct x64_patch_counts counts;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        ZydisDecodedInstruction instruction;
        ck_assert_msg(x64_kernel_image_patch(image, &options, &counts, &error) == X64_OK, "%s",
                      error.text);
        ck_assert_uint_gt(counts.locks, 1000);
        ck_assert_uint_gt(counts.fentries, 20000);
        for (size_t i = 0; i < counts.alternatives; i++) {
            const struct x64_image_alternative *a = x64_kernel_image_alternative_at_index(image, i);
            uint64_t at = a->linear;
            uint64_t end = at + room_of(image, i);
            while (at < end)
                at += decode(image, at, &instruction, operands);
            ck_assert_msg(at == end, "the alternative at 0x%llx ends at 0x%llx",
                          (unsigned long long)a->linear, (unsigned long long)at);
        }
        x64_kernel_image_close(image);
    }
}
END_TEST

/* Calls through pv_ops are gone: 6.1 lists them in .parainstructions, 6.12 as alternatives. */
START_TEST(test_patch_makes_paravirtual_calls_direct)
{
    struct x64_kernel_image *image = open_patched(x64_test_kernel_name(_i), ",", NULL);
    uint64_t operations = x64_test_symbol(image, "pv_ops");
    size_t sites = 0;

    for (size_t i = 0; i < x64_kernel_image_alternative_count(image); i++) {
        const struct x64_image_alternative *a = x64_kernel_image_alternative_at_index(image, i);
        const char *name = x64_kernel_image_feature_name(image, a->feature);
        uint8_t code[6];
        if (name == NULL || strcmp(name, "xenpv") != 0 || !a->negated)
            continue;
        sites++;
        ck_assert_int_eq(x64_kernel_image_read(image, a->linear, code, 6), X64_OK);
        int32_t distance;
        memcpy(&distance, code + 2, 4);
        uint64_t target = a->linear + 6 + (uint64_t)(int64_t)distance;
        ck_assert_msg(code[0] != 0xff || code[1] != 0x15 || target - operations > 0x400,
                      "a call through pv_ops is left at 0x%llx", (unsigned long long)a->linear);
    }
    ck_assert_uint_gt(sites, 1000);
    x64_kernel_image_close(image);
}
END_TEST

static Suite *patch_suite(void)
{
    Suite *suite = suite_create("kernel patching");
    TCase *synthetic = tcase_create("synthetic");
    TCase *debian = tcase_create("debian");

    tcase_add_test(synthetic, test_patch_applies_or_pads_a_record);
    tcase_add_test(synthetic, test_patch_refuses_records_of_no_layout);
    suite_add_tcase(suite, synthetic);
    tcase_set_timeout(debian, 300);
    tcase_add_loop_test(debian, test_patch_with_no_mitigations_leaves_the_plain_entry, 0,
                        X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_patch_brings_in_each_mitigation, 0,
                        sizeof effects / sizeof effects[0]);
    tcase_add_loop_test(debian, test_patch_makes_the_page_fault_entry_native, 0,
                        X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_patch_chooses_retpolines, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_patch_chooses_return_thunks, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_patch_leaves_whole_instructions, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_patch_makes_paravirtual_calls_direct, 0,
                        X64_TEST_KERNEL_COUNT);
    suite_add_tcase(suite, debian);
    return suite;
}

X64_TEST_MAIN(patch_suite())
