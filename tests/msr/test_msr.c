/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR against the rules of SDM vol. 4, table 2-2, and vol. 2, WRMSR. */
#include "msr/msr.h"

#include "support/suite.h"

#include <string.h>

/* Stands in for the CPU behind the callbacks. */
struct fake_cpu {
    uint64_t base[X64_SEGMENT_COUNT];
    uint64_t tsc;
    unsigned efer_changes;
    bool paging;
};

static uint64_t fake_read_base(void *user, enum x64_segment_register segment)
{
    return ((struct fake_cpu *)user)->base[segment];
}

static void fake_write_base(void *user, enum x64_segment_register segment, uint64_t base)
{
    ((struct fake_cpu *)user)->base[segment] = base;
}

static uint64_t fake_read_tsc(void *user)
{
    return ((struct fake_cpu *)user)->tsc;
}

static void fake_write_tsc(void *user, uint64_t value)
{
    ((struct fake_cpu *)user)->tsc = value;
}

static void fake_efer_changed(void *user)
{
    ((struct fake_cpu *)user)->efer_changes++;
}

static bool fake_paging(void *user)
{
    return ((struct fake_cpu *)user)->paging;
}

static const struct x64i_msr_callbacks callbacks = {
    .read_segment_base = fake_read_base,
    .write_segment_base = fake_write_base,
    .read_tsc = fake_read_tsc,
    .write_tsc = fake_write_tsc,
    .efer_changed = fake_efer_changed,
    .paging_enabled = fake_paging,
};

static struct fake_cpu fake;
static struct x64i_msr_file file;
static struct x64i_state *state;

static void set_up(const char *model)
{
    memset(&fake, 0, sizeof fake);
    memset(&file, 0, sizeof file);
    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    ck_assert_int_eq(x64i_msr_init(&file, state, x64i_cpu_model_find(model), &callbacks, &fake),
                     X64_OK);
}

static void tear_down(void)
{
    x64i_state_destroy(state);
}

/* One WRMSR: whether it is accepted, and what RDMSR answers then. */
struct vector {
    const char *model;
    uint64_t write;
    uint64_t read;
    uint32_t index;
    bool accepted;
};

#define NEW_TYPES 0x0006060606060606ull

static const struct vector vectors[] = {
    /* Linear addresses must be canonical. */
    {"skylake", 0xffffffff81c00000, 0xffffffff81c00000, 0xc0000082, true},
    {"skylake", 0x0000800000000000, 0, 0xc0000082, false},
    {"zen3", 0x00007fffffffffff, 0x00007fffffffffff, 0xc0000083, true},
    {"zen3", 0xffff7fffffffffff, 0, 0xc0000083, false},
    {"skylake", 0xffff888000000000, 0xffff888000000000, 0xc0000102, true},
    {"skylake", 0x1000000000000000, 0, 0xc0000102, false},
    {"skylake", 0x0000800000000000, 0, 0x175, false},
    {"skylake", 0xfffe7e0000000000, 0, 0x176, false},
    {"skylake", 0xffff900000000000, 0xffff900000000000, 0x176, true},
    {"skylake", 0x0000800000000000, 0, 0xc0000100, false},
    {"skylake", 0xffff888000000000, 0xffff888000000000, 0xc0000101, true},
    /* Reserved bits. */
    {"skylake", 0x47700, 0x47700, 0xc0000084, true},
    {"skylake", 0x100000000, 0, 0xc0000084, false},
    {"skylake", 0x100000000, 0, 0xc0000103, false},
    {"skylake", 0x0023001000000000, 0x0023001000000000, 0xc0000081, true},
    {"skylake", 0x10, 0x10, 0x174, true},
    {"skylake", 0x0407050600070106, 0x0407050600070106, 0x277, true},
    {"skylake", 0x0207050600070106, 0x0007040600070406, 0x277, false},
    {"skylake", 0x0807050600070106, 0x0007040600070406, 0x277, false},
    /* EFER: SVME, FFXSR and unknown bits are not there; LMA cannot be written. */
    {"skylake", 0x901, 0x901, 0xc0000080, true},
    {"skylake", 0xd01, 0x901, 0xc0000080, true},
    {"skylake", 0x1001, 0, 0xc0000080, false},
    {"zen3", 0x4001, 0, 0xc0000080, false},
    {"zen3", 0x2, 0, 0xc0000080, false},
    /* SPEC_CTRL: by what CPUID says. */
    {"skylake", 0x7, 0x7, 0x48, true},
    {"skylake", 0x400, 0, 0x48, false},
    {"skylake", 0x80, 0, 0x48, false},
    {"golden_cove", 0x4ff, 0x4ff, 0x48, true},
    {"golden_cove", 0x800, 0, 0x48, false},
    {"zen3", 0x87, 0x87, 0x48, true},
    {"zen3", 0x400, 0, 0x48, false},
    /* Memory types and physical addresses. */
    {"skylake", 0xc06, 0xc06, 0x2ff, true},
    {"skylake", 0xc02, 0xc06, 0x2ff, false},
    {"skylake", 0x1c06, 0xc06, 0x2ff, false},
    {"skylake", NEW_TYPES, NEW_TYPES, 0x250, true},
    {"skylake", 0x0706060606060606, 0x0606060606060606, 0x250, false},
    {"skylake", 0x7f80000006, 0x7f80000006, 0x200, true},
    {"skylake", 0x8000000006, 0, 0x200, false},
    {"golden_cove", 0x8000000006, 0x8000000006, 0x200, true},
    {"skylake", 0x80000003, 0, 0x200, false},
    {"skylake", 0x7f80000800, 0x7f80000800, 0x201, true},
    {"skylake", 0x7f80000400, 0, 0x201, false},
    /* Constants. */
    {"skylake", 0x508, 0x508, 0xfe, false},
    {"golden_cove", 0, 0, 0x10a, false},
    {"skylake", 0, 34u << 8, 0xce, false},
    /* Bits that describe the CPU stay. */
    {"skylake", 0x41800, 0x41800, 0x1a0, true},
    {"skylake", 0x1, 0x41801, 0x1a0, true},
    {"skylake", 0x400001, 0x41801, 0x1a0, false},
    /* The microcode's revision is loaded into BIOS_SIGN_ID whatever was written. */
    {"skylake", 0, 0xf000000000, 0x8b, true},
    {"zen3", 0, 0x0a201210, 0x8b, true},
};

START_TEST(test_msr_write_keeps_the_rules)
{
    const struct vector *v = &vectors[_i];
    set_up(v->model);
    ck_assert_msg(x64i_msr_write(&file, v->index, v->write) == v->accepted,
                  "%s: WRMSR %#x := %#llx should %s", v->model, v->index,
                  (unsigned long long)v->write, v->accepted ? "be accepted" : "raise #GP");
    uint64_t value = 0;
    ck_assert(x64i_msr_read(&file, v->index, &value));
    uint64_t expected =
        v->index == 0x10a ? x64i_cpu_model_find(v->model)->arch_capabilities : v->read;
    ck_assert_msg(value == expected, "%s: RDMSR %#x is %#llx, not %#llx", v->model, v->index,
                  (unsigned long long)value, (unsigned long long)expected);
    tear_down();
}
END_TEST

/* Registers of the other vendor or of a feature that the model lacks raise #GP. */
static const struct {
    const char *model;
    uint32_t index;
    bool readable;
} presence[] = {
    {"skylake", 0x10a, false},      {"golden_cove", 0x10a, true}, {"zen3", 0x10a, false},
    {"skylake", 0xc0010015, false}, {"zen3", 0xc0010015, true},   {"zen3", 0x1a0, false},
    {"zen3", 0xc0011029, true},     {"skylake", 0x3b, true},      {"zen3", 0x3b, false},
    {"skylake", 0x49, false},       {"skylake", 0x10b, false},    {"zen3", 0x49, false},
    {"skylake", 0x12345678, false}, {"skylake", 0x179, false},    {"skylake", 0x6e0, false},
    {"skylake", 0x1b, true},        {"zen3", 0xce, false},        {"zen3", 0x8b, true},
};

START_TEST(test_msr_read_depends_on_the_model)
{
    set_up(presence[_i].model);
    uint64_t value;
    ck_assert_msg(x64i_msr_read(&file, presence[_i].index, &value) == presence[_i].readable,
                  "%s: RDMSR %#x", presence[_i].model, presence[_i].index);
    tear_down();
}
END_TEST

START_TEST(test_msr_commands_are_write_only)
{
    set_up("zen3");
    ck_assert(x64i_msr_write(&file, 0x49, 0x81));
    ck_assert(!x64i_msr_write(&file, 0x49, 0x2));
    ck_assert(!x64i_msr_write(&file, 0x10b, 1));
    tear_down();
    set_up("skylake");
    ck_assert(x64i_msr_write(&file, 0x49, 1));
    ck_assert(!x64i_msr_write(&file, 0x49, 0x80));
    ck_assert(x64i_msr_write(&file, 0x10b, 1));
    tear_down();
}
END_TEST

/* SDM vol. 3A, 9.8.5 and 2.2.1: LME is locked while paging is on; LMA is read-only. */
START_TEST(test_msr_efer_guards_long_mode)
{
    set_up("skylake");
    file.values.value[X64I_MSR_EFER] = 0xd00;
    fake.paging = true;
    ck_assert(!x64i_msr_write(&file, 0xc0000080, 0xc00));
    ck_assert_uint_eq(fake.efer_changes, 0);
    ck_assert(x64i_msr_write(&file, 0xc0000080, 0x101));
    ck_assert_uint_eq(fake.efer_changes, 1);
    ck_assert_uint_eq(file.values.value[X64I_MSR_EFER], 0x501);
    fake.paging = false;
    ck_assert(x64i_msr_write(&file, 0xc0000080, 0));
    tear_down();
}
END_TEST

START_TEST(test_msr_bases_live_in_the_segments)
{
    set_up("skylake");
    ck_assert(x64i_msr_write(&file, 0xc0000100, 0x7f0000001000));
    ck_assert(x64i_msr_write(&file, 0xc0000101, 0xffff888000000000));
    ck_assert_uint_eq(fake.base[X64_FS], 0x7f0000001000);
    ck_assert_uint_eq(fake.base[X64_GS], 0xffff888000000000);
    fake.base[X64_GS] = 42;
    uint64_t value;
    ck_assert(x64i_msr_read(&file, 0xc0000101, &value));
    ck_assert_uint_eq(value, 42);
    tear_down();
}
END_TEST

/* SDM vol. 3B, 17.17.3: TSC and TSC_ADJUST move together. */
START_TEST(test_msr_tsc_adjust_follows_the_tsc)
{
    set_up("skylake");
    uint64_t value;
    fake.tsc = 1000;
    ck_assert(x64i_msr_write(&file, 0x10, 5000));
    ck_assert(x64i_msr_read(&file, 0x3b, &value));
    ck_assert_uint_eq(value, 4000);
    ck_assert(x64i_msr_write(&file, 0x3b, 1000));
    ck_assert_uint_eq(fake.tsc, 2000);
    ck_assert(x64i_msr_read(&file, 0x10, &value));
    ck_assert_uint_eq(value, 2000);
    tear_down();
}
END_TEST

START_TEST(test_msr_values_are_a_region_of_the_state)
{
    set_up("skylake");
    struct x64i_snapshot *snapshot;
    ck_assert(x64i_msr_write(&file, 0xc0000082, 0x1000));
    uint64_t before = x64i_state_hash(state);
    ck_assert_int_eq(x64i_state_snapshot(state, &snapshot), X64_OK);
    ck_assert(x64i_msr_write(&file, 0xc0000082, 0x2000));
    ck_assert_uint_ne(x64i_state_hash(state), before);
    ck_assert_int_eq(x64i_state_restore(state, snapshot), X64_OK);
    uint64_t value;
    ck_assert(x64i_msr_read(&file, 0xc0000082, &value));
    ck_assert_uint_eq(value, 0x1000);
    x64i_snapshot_release(snapshot);
    tear_down();
}
END_TEST

START_TEST(test_msr_names_are_the_manuals)
{
    ck_assert_str_eq(x64i_msr_name(0xc0000082), "LSTAR");
    ck_assert_str_eq(x64i_msr_name(0x48), "SPEC_CTRL");
    ck_assert_ptr_null(x64i_msr_name(0xdead));
}
END_TEST

/* No two rows of one index exist on the same model, reset values obey the rows' own rules. */
START_TEST(test_msr_rows_are_consistent)
{
    const struct x64i_cpu_model *model;
    for (size_t m = 0; (model = x64i_cpu_model_at(m)); m++) {
        set_up(model->name);
        for (unsigned i = 0; i < X64I_MSR_COUNT; i++) {
            const struct x64i_msr_row *row = x64i_msr_row(i);
            if (!x64i_msr_exists(row, model))
                continue;
            for (unsigned k = 0; k < i; k++)
                ck_assert_msg(x64i_msr_row(k)->index != row->index ||
                                  !x64i_msr_exists(x64i_msr_row(k), model),
                              "%s: two rows for %#x", model->name, row->index);
            if (strcmp(row->kind_name, "CONSTANT") != 0 && row->writable)
                ck_assert_msg(x64i_msr_write(&file, row->index, row->reset),
                              "%s: %s refuses its reset value", model->name, row->name);
        }
        tear_down();
    }
}
END_TEST

static Suite *msr_suite(void)
{
    Suite *suite = suite_create("msr");
    TCase *tcase = tcase_create("msr");
    tcase_add_loop_test(tcase, test_msr_write_keeps_the_rules, 0,
                        sizeof vectors / sizeof vectors[0]);
    tcase_add_loop_test(tcase, test_msr_read_depends_on_the_model, 0,
                        sizeof presence / sizeof presence[0]);
    tcase_add_test(tcase, test_msr_commands_are_write_only);
    tcase_add_test(tcase, test_msr_efer_guards_long_mode);
    tcase_add_test(tcase, test_msr_bases_live_in_the_segments);
    tcase_add_test(tcase, test_msr_tsc_adjust_follows_the_tsc);
    tcase_add_test(tcase, test_msr_values_are_a_region_of_the_state);
    tcase_add_test(tcase, test_msr_names_are_the_manuals);
    tcase_add_test(tcase, test_msr_rows_are_consistent);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(msr_suite())
