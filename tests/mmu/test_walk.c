/* SPDX-License-Identifier: MIT */
/*
 * The page walk against vectors written from Intel SDM vol. 3A, chapter 4; each names its section.
 */
#include "paging_fixture.h"

#include "support/suite.h"

#define LINEAR UINT64_C(0x00007f1234567000)
#define FRAME  UINT64_C(0x40000000)

#define READ  X64I_ACCESS_READ
#define WRITE X64I_ACCESS_WRITE
#define FETCH X64I_ACCESS_EXECUTE
#define USER  X64I_ACCESS_USER
#define AC    X64I_ACCESS_SMAP_OFF

#define P_ERROR X64_PF_PRESENT
#define W_ERROR X64_PF_WRITE
#define U_ERROR X64_PF_USER
#define R_ERROR X64_PF_RESERVED
#define I_ERROR X64_PF_INSTRUCTION

/* Control bits of a vector. */
enum control { WP = 1, NXE = 2, SMEP = 4, SMAP = 8 };

/* Bits of an entry, short for tables: the page entry's are the flags' own. */
#define RW X64I_PTE_WRITABLE
#define US X64I_PTE_USER
#define NX X64I_PTE_NO_EXECUTE

static struct paging_fixture *f;

static void setup(void)
{
    f = paging_fixture_create();
}

static void teardown(void)
{
    paging_fixture_destroy(f);
}

static void control(unsigned bits)
{
    f->mmu.paging.write_protect = bits & WP;
    f->mmu.paging.no_execute = bits & NXE;
    f->mmu.paging.smep = bits & SMEP;
    f->mmu.paging.smap = bits & SMAP;
}

#define GRANTED UINT32_MAX

struct rights_vector {
    const char *section;
    unsigned control;
    uint64_t page; /* bits of the leaf */
    unsigned access;
    uint32_t error; /* or GRANTED */
};

static const struct rights_vector rights_vectors[] = {
    /* Supervisor data reads. */
    {"4.6.1 supervisor read, supervisor page", WP | NXE | SMAP, 0, READ, GRANTED},
    {"4.6.1 supervisor read, user page, SMAP=0", WP | NXE, US, READ, GRANTED},
    {"4.6.1 explicit read, user page, SMAP=1 AC=1", WP | NXE | SMAP, US, READ | AC, GRANTED},
    {"4.6.1 explicit read, user page, SMAP=1 AC=0", WP | NXE | SMAP, US, READ, P_ERROR},
    {"4.6.1 implicit read, user page, SMAP=1", WP | NXE | SMAP, US, READ, P_ERROR},
    {"4.6.1 data reads ignore NX", WP | NXE, NX, READ, GRANTED},
    /* Supervisor data writes. */
    {"4.6.1 supervisor write, WP=0, read-only page", NXE, 0, WRITE, GRANTED},
    {"4.6.1 supervisor write, WP=1, read-only page", WP | NXE, 0, WRITE, P_ERROR | W_ERROR},
    {"4.6.1 supervisor write, WP=1, writable page", WP | NXE, RW, WRITE, GRANTED},
    {"4.6.1 write, WP=0, user page, SMAP=1 AC=1", NXE | SMAP, US, WRITE | AC, GRANTED},
    {"4.6.1 write, WP=0, user page, SMAP=1 AC=0", NXE | SMAP, US, WRITE, P_ERROR | W_ERROR},
    {"4.6.1 write, WP=1, user page RW, SMAP=1 AC=1", WP | SMAP, US | RW, WRITE | AC, GRANTED},
    {"4.6.1 write, WP=1, user page RO, SMAP=1 AC=1", WP | SMAP, US, WRITE | AC, P_ERROR | W_ERROR},
    {"4.6.1 write, WP=1, user page RW, SMAP=0", WP, US | RW, WRITE, GRANTED},
    {"4.6.1 write, WP=1, user page RO, SMAP=0", WP, US, WRITE, P_ERROR | W_ERROR},
    {"4.6.1 SMAP does not guard supervisor pages", WP | SMAP, RW, WRITE, GRANTED},
    /* Supervisor fetches. */
    {"4.6.1 supervisor fetch, supervisor page", WP | NXE | SMEP, 0, FETCH, GRANTED},
    {"4.6.1 supervisor fetch, XD=1", WP | NXE, NX, FETCH, P_ERROR | I_ERROR},
    {"4.6.1 supervisor fetch, user page, SMEP=0", WP | NXE, US, FETCH, GRANTED},
    {"4.6.1 supervisor fetch, user page, XD=1, SMEP=0", NXE, US | NX, FETCH, P_ERROR | I_ERROR},
    {"4.6.1 supervisor fetch, user page, SMEP=1", WP | NXE | SMEP, US, FETCH, P_ERROR | I_ERROR},
    {"4.6.1 SMEP without NXE", WP | SMEP, US, FETCH, P_ERROR | I_ERROR},
    {"4.6.1 SMAP does not guard fetches", WP | SMAP, US, FETCH, GRANTED},
    {"4.6.1 AC does not lift SMEP", SMEP | SMAP, US, FETCH | AC, P_ERROR | I_ERROR},
    /* User accesses. */
    {"4.6.1 user read, user page", WP | NXE | SMAP | SMEP, US, READ | USER, GRANTED},
    {"4.6.1 user read, supervisor page", WP | NXE, RW, READ | USER, P_ERROR | U_ERROR},
    {"4.6.1 user write, user page RW", WP, US | RW, WRITE | USER, GRANTED},
    {"4.6.1 user write, user page RO", WP, US, WRITE | USER, P_ERROR | W_ERROR | U_ERROR},
    {"4.6.1 user write, user page RO, WP=0", 0, US, WRITE | USER, P_ERROR | W_ERROR | U_ERROR},
    {"4.6.1 user write, supervisor page", 0, RW, WRITE | USER, P_ERROR | W_ERROR | U_ERROR},
    {"4.6.1 user fetch, user page", NXE | SMEP, US, FETCH | USER, GRANTED},
    {"4.6.1 user fetch, XD=1", NXE, US | NX, FETCH | USER, P_ERROR | U_ERROR | I_ERROR},
    {"4.6.1 user fetch, supervisor page", NXE, 0, FETCH | USER, P_ERROR | U_ERROR | I_ERROR},
    /* The I/D flag of the error code. */
    {"4.7 I/D=0 when NXE=0 and SMEP=0", WP, 0, FETCH | USER, P_ERROR | U_ERROR},
    {"4.7 I/D=1 when NXE=0 and SMEP=1", SMEP, 0, FETCH | USER, P_ERROR | U_ERROR | I_ERROR},
};

START_TEST(test_walk_rights)
{
    const struct rights_vector *v = &rights_vectors[_i];
    static const unsigned sizes[] = {12, 21, 30};
    for (size_t s = 0; s < 3; s++) {
        control(v->control);
        map_page(f, LINEAR + (s << 39), FRAME, sizes[s], v->page);
        bool granted = touches(f, LINEAR + (s << 39) + 0x123, v->access);
        ck_assert_msg(granted == (v->error == GRANTED), "%s: %s", v->section,
                      granted ? "granted" : "refused");
        if (!granted)
            ck_assert_msg(f->error_code == v->error, "%s: error code %#x, not %#x", v->section,
                          f->error_code, v->error);
    }
}
END_TEST

/* 4.6: R/W and U/S must be 1 and XD 0 in every entry that controls the translation. */
START_TEST(test_walk_combines_the_rights_of_all_levels)
{
    map_page(f, LINEAR, FRAME, 12, RW | US);
    unsigned level = (unsigned)_i;
    uint64_t full = get_entry(f, LINEAR, level);
    set_entry(f, LINEAR, level, full & ~RW);
    ck_assert_uint_eq(must_fault(f, LINEAR, WRITE | USER), P_ERROR | W_ERROR | U_ERROR);
    must_touch(f, LINEAR, READ | USER);
    set_entry(f, LINEAR, level, full & ~US);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 0);
    ck_assert_uint_eq(must_fault(f, LINEAR, READ | USER), P_ERROR | U_ERROR);
    f->mmu.paging.smap = f->mmu.paging.smep = true;
    must_touch(f, LINEAR, WRITE);
    must_touch(f, LINEAR, FETCH);
    set_entry(f, LINEAR, level, full | NX);
    ck_assert_uint_eq(must_fault(f, LINEAR, FETCH | USER), P_ERROR | U_ERROR | I_ERROR);
    must_touch(f, LINEAR, WRITE | USER);
}
END_TEST

/* 4.7: P is 0 when an entry is not present, whatever the rights above it or its other bits. */
START_TEST(test_walk_not_present)
{
    unsigned level = (unsigned)_i;
    map_page(f, LINEAR, FRAME, 12, 0);
    set_entry(f, LINEAR, level, ~UINT64_C(1));
    ck_assert_uint_eq(must_fault(f, LINEAR, READ), 0);
    ck_assert_uint_eq(must_fault(f, LINEAR, WRITE), W_ERROR);
    ck_assert_uint_eq(must_fault(f, LINEAR, WRITE | USER), W_ERROR | U_ERROR);
    ck_assert_uint_eq(must_fault(f, LINEAR, FETCH), I_ERROR);
    f->mmu.paging.no_execute = false;
    ck_assert_uint_eq(must_fault(f, LINEAR, FETCH | USER), U_ERROR);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_WALK), 5 - level);
}
END_TEST

/* Figures 4-8 to 4-10: where the offset and the frame come from. */
static const struct size_vector {
    unsigned page_bits;
    uint64_t linear, frame, offset;
} size_vectors[] = {
    {12, UINT64_C(0x00007fffffffe000), UINT64_C(0x00000abcde000000), 0xfff},
    {12, UINT64_C(0xffffffff81000000), UINT64_C(0x00003ffffffff000), 0x008},
    {21, UINT64_C(0xffffffff81000000), UINT64_C(0x0000000001000000), 0x1fffff},
    {21, UINT64_C(0x0000000000000000), UINT64_C(0x00003fffffe00000), 0x1234},
    {30, UINT64_C(0xffff888000000000), UINT64_C(0x0000000000000000), 0x3fffffff},
    {30, UINT64_C(0xffff888140000000), UINT64_C(0x00003fffc0000000), 0x2345678},
};

START_TEST(test_walk_page_sizes)
{
    const struct size_vector *v = &size_vectors[_i];
    map_page(f, v->linear, v->frame, v->page_bits, RW);
    ck_assert_uint_eq(must_touch(f, v->linear + v->offset, READ), v->frame + v->offset);
    ck_assert_uint_eq(must_touch(f, v->linear + v->offset, READ), v->frame + v->offset);
    const struct x64i_tlb_entry *entry = x64i_tlb_find(&f->mmu.tlb, v->linear + v->offset, 0);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->page_bits, v->page_bits);
    ck_assert_uint_eq(entry->linear, v->linear);
    ck_assert_uint_eq(entry->physical, v->frame);
}
END_TEST

struct reserved_vector {
    const char *section;
    unsigned page_bits;
    unsigned level; /* the entry that gets the bits */
    uint64_t bits;
    bool no_execute, gigabyte_pages, reserved;
};

#define BIT(n) (UINT64_C(1) << (n))

static const struct reserved_vector reserved_vectors[] = {
    {"4.5.4 PML4E bit MAXPHYADDR", 12, 4, BIT(46), true, true, true},
    {"4.5.4 PDPTE bit MAXPHYADDR", 12, 3, BIT(46), true, true, true},
    {"4.5.4 PDE bit MAXPHYADDR", 12, 2, BIT(46), true, true, true},
    {"4.5.4 PTE bit MAXPHYADDR", 12, 1, BIT(46), true, true, true},
    {"4.5.4 PTE bit 51", 12, 1, BIT(51), true, true, true},
    {"4.5.4 PTE bit below MAXPHYADDR", 12, 1, BIT(45), true, true, false},
    {"4.5.4 bits 62:52 of a PTE are ignored", 12, 1, BIT(63) - BIT(52), true, true, false},
    {"4.5.4 bits 62:52 of a PML4E are ignored", 12, 4, BIT(63) - BIT(52), true, true, false},
    {"4.5.4 2-MByte frame bit MAXPHYADDR", 21, 2, BIT(46), true, true, true},
    {"4.5.4 1-GByte frame bit MAXPHYADDR", 30, 3, BIT(46), true, true, true},
    {"table 4-15 PML4E bit 7", 12, 4, BIT(7), true, true, true},
    {"table 4-15 PML4E bit 8 is ignored", 12, 4, BIT(8), true, true, false},
    {"table 4-16 1-GByte PDPTE bit 12 is PAT", 30, 3, BIT(12), true, true, false},
    {"table 4-16 1-GByte PDPTE bit 13", 30, 3, BIT(13), true, true, true},
    {"table 4-16 1-GByte PDPTE bit 29", 30, 3, BIT(29), true, true, true},
    {"table 4-16 1-GByte PDPTE bit 30", 30, 3, BIT(30), true, true, false},
    {"table 4-18 2-MByte PDE bit 12 is PAT", 21, 2, BIT(12), true, true, false},
    {"table 4-18 2-MByte PDE bit 13", 21, 2, BIT(13), true, true, true},
    {"table 4-18 2-MByte PDE bit 20", 21, 2, BIT(20), true, true, true},
    {"table 4-18 2-MByte PDE bit 21", 21, 2, BIT(21), true, true, false},
    {"table 4-20 PTE bit 7 is PAT", 12, 1, BIT(7), true, true, false},
    {"4.5.4 PS of a PDPTE without 1-GByte pages", 30, 3, 0, true, false, true},
    {"4.5.4 XD of a PML4E with NXE=0", 12, 4, BIT(63), false, true, true},
    {"4.5.4 XD of a PDPTE with NXE=0", 12, 3, BIT(63), false, true, true},
    {"4.5.4 XD of a PDE with NXE=0", 12, 2, BIT(63), false, true, true},
    {"4.5.4 XD of a PTE with NXE=0", 12, 1, BIT(63), false, true, true},
    {"4.5.4 XD of a 2-MByte PDE with NXE=0", 21, 2, BIT(63), false, true, true},
    {"4.5.4 XD of a PTE with NXE=1", 12, 1, BIT(63), true, true, false},
};

START_TEST(test_walk_reserved_bits)
{
    const struct reserved_vector *v = &reserved_vectors[_i];
    f->mmu.paging.no_execute = v->no_execute;
    f->mmu.paging.gigabyte_pages = v->gigabyte_pages;
    map_page(f, LINEAR & ~(BIT(30) - 1), FRAME, v->page_bits, RW | US);
    uint64_t linear = LINEAR & ~(BIT(30) - 1);
    set_entry(f, linear, v->level, get_entry(f, linear, v->level) | v->bits);
    bool granted = touches(f, linear, WRITE | USER);
    ck_assert_msg(granted == !v->reserved, "%s: %s", v->section, granted ? "granted" : "refused");
    if (!granted)
        ck_assert_msg(f->error_code == (P_ERROR | R_ERROR | W_ERROR | U_ERROR),
                      "%s: error code %#x", v->section, f->error_code);
}
END_TEST

/* 4.7: reserved bits are not checked in what lies below an entry that is not present, and a
 * reserved bit above decides before a missing page below. */
START_TEST(test_walk_reports_the_first_level_that_fails)
{
    map_page(f, LINEAR, FRAME, 12, RW | US);
    uint64_t pde = get_entry(f, LINEAR, 2);
    set_entry(f, LINEAR, 1, BIT(50) | 1);
    ck_assert_uint_eq(must_fault(f, LINEAR, READ), P_ERROR | R_ERROR);
    set_entry(f, LINEAR, 2, pde & ~UINT64_C(1));
    ck_assert_uint_eq(must_fault(f, LINEAR, READ), 0);
    set_entry(f, LINEAR, 2, pde | BIT(50));
    ck_assert_uint_eq(must_fault(f, LINEAR, READ), P_ERROR | R_ERROR);
    set_entry(f, LINEAR, 2, pde & ~RW);
    set_entry(f, LINEAR, 1, 0);
    ck_assert_uint_eq(must_fault(f, LINEAR, WRITE), W_ERROR);
}
END_TEST

/* MAXPHYADDR of 52 leaves no address bit reserved. */
START_TEST(test_walk_with_52_physical_bits)
{
    f->mmu.paging.physical_bits = 52;
    map_page(f, LINEAR, UINT64_C(0x000ffffffffff000), 12, RW | US);
    ck_assert_uint_eq(must_touch(f, LINEAR + 0xabc, READ), UINT64_C(0x000ffffffffffabc));
}
END_TEST

/* A table where no memory is reads as all ones: reserved address bits, or PS of a PML4E. */
START_TEST(test_walk_tables_outside_ram)
{
    uint64_t root = f->mmu.paging.root;
    for (unsigned bits = 36; bits <= 52; bits += 8) {
        f->mmu.paging.physical_bits = (uint8_t)bits;
        f->mmu.paging.root = FIXTURE_RAM + 0x5000;
        ck_assert_uint_eq(must_fault(f, LINEAR, WRITE), P_ERROR | R_ERROR | W_ERROR);
        ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_WALK), 1);
        ck_assert_uint_eq(f->effects.items[0].value, UINT64_MAX);
        f->mmu.paging.root = root;
        map_page(f, LINEAR, FRAME, 12, RW);
        for (unsigned level = 4; level > 2; level--) {
            uint64_t good = get_entry(f, LINEAR, level);
            set_entry(f, LINEAR, level, (FIXTURE_RAM * 4) | 7);
            ck_assert_uint_eq(must_fault(f, LINEAR, READ | USER), P_ERROR | R_ERROR | U_ERROR);
            set_entry(f, LINEAR, level, good);
        }
    }
}
END_TEST

struct seen {
    unsigned reads;
};

static uint64_t count_read(void *user, uint64_t offset, unsigned size)
{
    struct seen *seen = user;
    (void)offset;
    (void)size;
    seen->reads++;
    return 0;
}

static void ignore_write(void *user, uint64_t offset, unsigned size, uint64_t value)
{
    (void)user;
    (void)offset;
    (void)size;
    (void)value;
}

/* A walk has no side effects on devices: their windows are as good as nothing. */
START_TEST(test_walk_tables_in_a_device)
{
    struct seen seen = {0};
    ck_assert_int_eq(x64i_physical_add_mmio(&f->mmu.physical,
                                            &(struct x64i_mmio){
                                                .physical = FIXTURE_ROOT,
                                                .size = X64I_PAGE_SIZE,
                                                .user = &seen,
                                                .read = count_read,
                                                .write = ignore_write,
                                            }),
                     X64_OK);
    ck_assert_uint_eq(must_fault(f, LINEAR, READ), P_ERROR | R_ERROR);
    ck_assert_uint_eq(seen.reads, 0);
}
END_TEST

#define A X64I_PTE_ACCESSED
#define D X64I_PTE_DIRTY

/* 4.8: accessed in every entry used, dirty in the one that maps the page, at a write. */
START_TEST(test_walk_sets_accessed_and_dirty)
{
    static const unsigned sizes[] = {12, 21, 30};
    unsigned page_bits = sizes[_i];
    unsigned leaf = (page_bits - 12) / 9 + 1;
    uint64_t linear = UINT64_C(0x0000400000000000);
    map_page(f, linear, FRAME, page_bits, RW | US);
    must_touch(f, linear, READ);
    for (unsigned level = 4; level >= leaf; level--)
        ck_assert_uint_eq(get_entry(f, linear, level) & (A | D), A);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_UPDATE), 5 - leaf);
    must_touch(f, linear, WRITE);
    for (unsigned level = 4; level >= leaf; level--)
        ck_assert_uint_eq(get_entry(f, linear, level) & (A | D), level == leaf ? A | D : A);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_UPDATE), 1);
    must_touch(f, linear, WRITE);
    ck_assert_uint_eq(f->effects.count, 0);
}
END_TEST

START_TEST(test_walk_that_faults_changes_nothing)
{
    map_page(f, LINEAR, FRAME, 12, US);
    uint64_t before[5];
    for (unsigned level = 1; level <= 4; level++)
        before[level] = get_entry(f, LINEAR, level);
    must_fault(f, LINEAR, WRITE | USER);
    must_fault(f, LINEAR, WRITE);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_UPDATE), 0);
    for (unsigned level = 1; level <= 4; level++)
        ck_assert_uint_eq(get_entry(f, LINEAR, level), before[level]);
    ck_assert_ptr_null(x64i_tlb_find(&f->mmu.tlb, LINEAR, 0));
}
END_TEST

/* A top table that is its own page table: one entry serves four levels and gets both bits. */
START_TEST(test_walk_of_a_table_that_maps_itself)
{
    uint64_t self = FIXTURE_ROOT + 8 * 511;
    uint64_t entry = FIXTURE_ROOT | 3;
    ck_assert(x64i_physical_poke(&f->mmu.physical, self, &entry, sizeof entry));
    ck_assert_uint_eq(must_touch(f, UINT64_C(0xffffffffffffff18), WRITE), FIXTURE_ROOT + 0xf18);
    ck_assert(x64i_physical_peek(&f->mmu.physical, self, &entry, sizeof entry));
    ck_assert_uint_eq(entry, FIXTURE_ROOT | 3 | A | D);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_UPDATE), 2);
}
END_TEST

START_TEST(test_walk_effects_in_order)
{
    map_page(f, LINEAR, FRAME, 12, RW);
    f->mmu.paging.pcid = 9;
    must_touch(f, LINEAR + 5, WRITE);
    ck_assert_uint_eq(f->effects.count, 9);
    for (unsigned i = 0; i < 4; i++) {
        const struct x64_effect *walk = &f->effects.items[i];
        const struct x64_effect *update = &f->effects.items[4 + i];
        unsigned level = 4 - i;
        ck_assert_uint_eq(walk->kind, X64_EFFECT_PAGE_WALK);
        ck_assert_uint_eq(walk->index, level);
        ck_assert_uint_eq(walk->linear, LINEAR + 5);
        ck_assert_uint_eq(walk->physical, entry_address(f, LINEAR, level));
        ck_assert_uint_eq(update->kind, X64_EFFECT_PAGE_UPDATE);
        ck_assert_uint_eq(update->index, level);
        ck_assert_uint_eq(update->physical, walk->physical);
        ck_assert_uint_eq(update->old, walk->value);
        ck_assert_uint_eq(update->value, walk->value | A | (level == 1 ? D : 0));
        ck_assert_uint_eq(update->value, get_entry(f, LINEAR, level));
    }
    const struct x64_effect *fill = &f->effects.items[8];
    ck_assert_uint_eq(fill->kind, X64_EFFECT_TLB_FILL);
    ck_assert_uint_eq(fill->linear, LINEAR);
    ck_assert_uint_eq(fill->physical, FRAME);
    ck_assert_uint_eq(fill->size, 12);
    ck_assert_uint_eq(fill->index, 9);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *walk_suite(void)
{
    Suite *suite = suite_create("mmu/walk");
    TCase *tests = tcase_create("walk");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_walk_rights, 0, COUNT(rights_vectors));
    tcase_add_loop_test(tests, test_walk_combines_the_rights_of_all_levels, 1, 5);
    tcase_add_loop_test(tests, test_walk_not_present, 1, 5);
    tcase_add_loop_test(tests, test_walk_page_sizes, 0, COUNT(size_vectors));
    tcase_add_loop_test(tests, test_walk_reserved_bits, 0, COUNT(reserved_vectors));
    tcase_add_test(tests, test_walk_reports_the_first_level_that_fails);
    tcase_add_test(tests, test_walk_with_52_physical_bits);
    tcase_add_test(tests, test_walk_tables_outside_ram);
    tcase_add_test(tests, test_walk_tables_in_a_device);
    tcase_add_loop_test(tests, test_walk_sets_accessed_and_dirty, 0, 3);
    tcase_add_test(tests, test_walk_that_faults_changes_nothing);
    tcase_add_test(tests, test_walk_of_a_table_that_maps_itself);
    tcase_add_test(tests, test_walk_effects_in_order);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(walk_suite())
