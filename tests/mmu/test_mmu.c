/* SPDX-License-Identifier: MIT */
/* The guest-visible TLB in front of the walk: what is stale, what is not, and what a flush leaves.
 */
#include "paging_fixture.h"

#include "support/suite.h"

#define LINEAR UINT64_C(0x0000000000401000)
#define OLD    UINT64_C(0x0000000000800000)
#define NEW    UINT64_C(0x0000000000c00000)

#define READ  X64I_ACCESS_READ
#define WRITE X64I_ACCESS_WRITE
#define FETCH X64I_ACCESS_EXECUTE
#define USER  X64I_ACCESS_USER

#define RW X64I_PTE_WRITABLE
#define US X64I_PTE_USER
#define G  X64I_PTE_GLOBAL
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

/* Maps LINEAR to OLD, has the TLB learn it, then maps it to NEW behind the TLB's back. */
static void make_stale(unsigned page_bits, uint64_t bits)
{
    map_page(f, LINEAR >> page_bits << page_bits, OLD, page_bits, bits);
    must_touch(f, LINEAR, READ);
    map_page(f, LINEAR >> page_bits << page_bits, NEW, page_bits, bits);
}

static bool is_stale(void)
{
    return must_touch(f, LINEAR, READ) < NEW;
}

/* SDM vol. 3A, 4.10.2.2: the processor may use a cached translation without looking at the paging
 * structures; this one always does. */
START_TEST(test_mmu_translation_stays_until_invlpg)
{
    static const unsigned sizes[] = {12, 21};
    make_stale(sizes[_i], RW);
    ck_assert(is_stale());
    ck_assert_uint_eq(f->effects.count, 0);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR + 0x1000, 0);
    ck_assert_int_eq(is_stale(), sizes[_i] == 12);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR + 0xfff, 0);
    ck_assert(!is_stale());
}
END_TEST

START_TEST(test_mmu_unmapped_page_stays_until_invlpg)
{
    map_page(f, LINEAR, OLD, 12, RW);
    must_touch(f, LINEAR, WRITE);
    set_entry(f, LINEAR, 1, 0);
    must_touch(f, LINEAR, WRITE);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 0);
    ck_assert_uint_eq(must_fault(f, LINEAR, WRITE), X64_PF_WRITE);
}
END_TEST

/* 4.10.2.3: no translation is cached for a page that is not present, so mapping needs no INVLPG. */
START_TEST(test_mmu_new_mapping_needs_no_invlpg)
{
    map_page(f, LINEAR, OLD, 12, RW);
    set_entry(f, LINEAR, 1, 0);
    must_fault(f, LINEAR, READ);
    map_page(f, LINEAR, OLD, 12, RW);
    ck_assert_uint_eq(must_touch(f, LINEAR + 1, READ), OLD + 1);
}
END_TEST

static const struct rights_change {
    const char *what;
    uint64_t strict, loose; /* bits of the leaf */
    unsigned weak, access;  /* allowed by both; allowed by the loose one only */
} rights_changes[] = {
    {"R/W", US, US | RW, READ | USER, WRITE | USER},
    {"U/S", RW, US | RW, READ, READ | USER},
    {"XD", US | NX, US, READ | USER, FETCH | USER},
};

/* 4.10.4.3: an entry that became laxer needs no invalidation; the permission violation by the stale
 * entry is checked against the tables. */
START_TEST(test_mmu_more_rights_need_no_invlpg)
{
    const struct rights_change *change = &rights_changes[_i];
    map_page(f, LINEAR, OLD, 12, change->strict);
    must_touch(f, LINEAR, change->weak);
    must_fault(f, LINEAR, change->access);
    must_touch(f, LINEAR, change->weak);
    map_page(f, LINEAR, OLD, 12, change->loose);
    ck_assert_msg(touches(f, LINEAR, change->access), "%s", change->what);
    ck_assert_msg(touches(f, LINEAR, change->access) && f->effects.count == 0,
                  "%s: the laxer entry was not kept", change->what);
}
END_TEST

START_TEST(test_mmu_fewer_rights_need_invlpg)
{
    const struct rights_change *change = &rights_changes[_i];
    map_page(f, LINEAR, OLD, 12, change->loose);
    must_touch(f, LINEAR, change->access);
    set_entry(f, LINEAR, 1, OLD | X64I_PTE_PRESENT | change->strict);
    ck_assert_msg(touches(f, LINEAR, change->access), "%s", change->what);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 0);
    ck_assert_uint_ne(must_fault(f, LINEAR, change->access) & X64_PF_PRESENT, 0);
}
END_TEST

/* 4.10.4.1: a page fault invalidates the entries of its linear address. */
START_TEST(test_mmu_page_fault_drops_the_entry)
{
    map_page(f, LINEAR, OLD, 12, US);
    must_touch(f, LINEAR, READ | USER);
    map_page(f, LINEAR, NEW, 12, US);
    must_fault(f, LINEAR, WRITE | USER);
    ck_assert_uint_eq(count_effects(f, X64_EFFECT_TLB_FLUSH), 1);
    ck_assert_uint_eq(must_touch(f, LINEAR, READ | USER), NEW);
}
END_TEST

/* 4.8: a cached dirty flag spares the tables; one that software cleared returns after INVLPG only.
 */
START_TEST(test_mmu_cleared_dirty_bit_needs_invlpg)
{
    map_page(f, LINEAR, OLD, 12, RW);
    must_touch(f, LINEAR, WRITE);
    set_entry(f, LINEAR, 1, OLD | RW | X64I_PTE_PRESENT);
    must_touch(f, LINEAR, WRITE);
    ck_assert_uint_eq(get_entry(f, LINEAR, 1), OLD | RW | X64I_PTE_PRESENT);
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 0);
    must_touch(f, LINEAR, WRITE);
    ck_assert_uint_eq(get_entry(f, LINEAR, 1),
                      OLD | RW | X64I_PTE_PRESENT | X64I_PTE_ACCESSED | X64I_PTE_DIRTY);
}
END_TEST

/* A 2-MByte page in place of 4-KByte ones: the rewalk after a violation must not leave the smaller
 * entry in front. */
START_TEST(test_mmu_page_that_grew)
{
    map_page(f, LINEAR, OLD, 12, 0);
    must_touch(f, LINEAR, READ);
    map_page(f, LINEAR & ~UINT64_C(0x1fffff), NEW, 21, RW);
    must_touch(f, LINEAR, WRITE);
    ck_assert_uint_eq(must_touch(f, LINEAR, READ), NEW + (LINEAR & 0x1fffff));
    ck_assert_uint_eq(f->effects.count, 0);
}
END_TEST

/* The smallest page wins (SDM vol. 3A, 4.10.2.3), whatever was found just before. */
START_TEST(test_mmu_small_page_beside_a_large_one)
{
    const uint64_t near = LINEAR + 8 * (uint64_t)X64I_PAGE_SIZE; /* remembered in the same place */
    make_stale(12, RW);
    map_page(f, LINEAR & ~UINT64_C(0x1fffff), NEW, 21, RW);
    ck_assert_uint_eq(must_touch(f, near, READ), NEW | (near & 0x1fffff));
    ck_assert_uint_eq(must_touch(f, near, READ), NEW | (near & 0x1fffff));
    ck_assert(is_stale());
}
END_TEST

/* MOV to CR3 with bit 63 set keeps everything: the CPU then only changes the PCID. */
START_TEST(test_mmu_translations_belong_to_their_pcid)
{
    f->mmu.paging.pcid = 1;
    make_stale(12, RW);
    f->mmu.paging.pcid = 2;
    ck_assert(!is_stale());
    f->mmu.paging.pcid = 1;
    ck_assert(is_stale());
    f->mmu.paging.pcid = 2;
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 2);
    f->mmu.paging.pcid = 1;
    ck_assert(is_stale());
    x64i_mmu_flush(&f->mmu, X64_FLUSH_PCID, 2);
    ck_assert(is_stale());
    x64i_mmu_flush(&f->mmu, X64_FLUSH_PCID, 1);
    ck_assert(!is_stale());
}
END_TEST

/* 4.10.2.4: G counts only with CR4.PGE, and then translations serve every PCID. */
START_TEST(test_mmu_global_pages)
{
    bool enabled = _i;
    f->mmu.paging.global = enabled;
    f->mmu.paging.pcid = 1;
    make_stale(12, RW | G);
    f->mmu.paging.pcid = 2;
    ck_assert_int_eq(is_stale(), enabled);
    f->mmu.paging.pcid = 1;
    x64i_mmu_flush(&f->mmu, X64_FLUSH_PCID, 1);
    ck_assert_int_eq(is_stale(), enabled);
    f->mmu.paging.pcid = 2;
    x64i_mmu_invalidate_page(&f->mmu, LINEAR, 2);
    f->mmu.paging.pcid = 1;
    ck_assert(!is_stale());
}
END_TEST

enum operation { INVLPG, INVPCID_0, CR3_OR_INVPCID_1, INVPCID_2, INVPCID_3 };

static void operate(enum operation operation, uint64_t linear, uint16_t pcid)
{
    switch (operation) {
    case INVLPG:
        x64i_mmu_invalidate_page(&f->mmu, linear, pcid);
        break;
    case INVPCID_0:
        x64i_mmu_invalidate_page_of_pcid(&f->mmu, linear, pcid);
        break;
    case CR3_OR_INVPCID_1:
        x64i_mmu_flush(&f->mmu, X64_FLUSH_PCID, pcid);
        break;
    case INVPCID_2:
        x64i_mmu_flush(&f->mmu, X64_FLUSH_ALL, pcid);
        break;
    case INVPCID_3:
        x64i_mmu_flush(&f->mmu, X64_FLUSH_ALL_BUT_GLOBAL, pcid);
        break;
    }
}

/* 4.10.4.1: what each instruction, given LINEAR and PCID 3, does to five translations. */
static const struct invalidation {
    const char *name;
    enum operation operation;
    bool page, other_page, other_pcid, global_page, other_global_page; /* still there? */
    enum x64_tlb_flush effect;
} invalidations[] = {
    {"INVLPG", INVLPG, false, true, true, false, true, X64_FLUSH_PAGE},
    {"INVPCID 0", INVPCID_0, false, true, true, true, true, X64_FLUSH_PAGE},
    {"MOV CR3, INVPCID 1", CR3_OR_INVPCID_1, false, false, true, true, true, X64_FLUSH_PCID},
    {"INVPCID 2", INVPCID_2, false, false, false, false, false, X64_FLUSH_ALL},
    {"INVPCID 3", INVPCID_3, false, false, false, true, true, X64_FLUSH_ALL_BUT_GLOBAL},
};

static bool is_cached(uint64_t linear, uint16_t pcid)
{
    return x64i_tlb_find(&f->mmu.tlb, linear, pcid) != NULL;
}

static void cache(uint64_t linear, uint16_t pcid, uint64_t bits)
{
    map_page(f, linear, OLD, 12, bits);
    f->mmu.paging.pcid = pcid;
    must_touch(f, linear, READ);
}

START_TEST(test_mmu_invalidations)
{
    const struct invalidation *row = &invalidations[_i];
    uint64_t other = LINEAR + 0x1000;
    cache(LINEAR, 3, 0);
    cache(LINEAR, 4, 0);
    cache(other, 3, 0);
    cache(other + 0x1000, 3, G);
    x64i_effects_clear(&f->effects);
    operate(row->operation, LINEAR, 3);
    ck_assert_uint_eq(f->effects.count, 1);
    ck_assert_uint_eq(f->effects.items[0].kind, X64_EFFECT_TLB_FLUSH);
    ck_assert_uint_eq(f->effects.items[0].value, row->effect);
    ck_assert_uint_eq(f->effects.items[0].index, 3);
    ck_assert_uint_eq(f->effects.items[0].linear, row->effect == X64_FLUSH_PAGE ? LINEAR : 0);
    ck_assert_msg(is_cached(LINEAR, 3) == row->page, "%s: page", row->name);
    ck_assert_msg(is_cached(LINEAR, 4) == row->other_pcid, "%s: other PCID", row->name);
    ck_assert_msg(is_cached(other, 3) == row->other_page, "%s: other page", row->name);
    ck_assert_msg(is_cached(other + 0x1000, 3) == row->other_global_page, "%s: other global page",
                  row->name);
    cache(other + 0x2000, 9, G);
    operate(row->operation, other + 0x2000, 3);
    ck_assert_msg(is_cached(other + 0x2000, 3) == row->global_page, "%s: global page", row->name);
}
END_TEST

START_TEST(test_mmu_peek_changes_nothing)
{
    uint64_t physical = 0;
    uint32_t error_code = 0;
    map_page(f, LINEAR, OLD, 12, RW);
    x64i_effects_clear(&f->effects);
    uint64_t hash = x64i_state_hash(f->state);
    unsigned peek = X64I_ACCESS_PEEK;
    ck_assert(x64i_mmu_translate(&f->mmu, LINEAR + 7, peek | WRITE, &physical, &error_code));
    ck_assert_uint_eq(physical, OLD + 7);
    ck_assert(!x64i_mmu_translate(&f->mmu, LINEAR, peek | USER, &physical, &error_code));
    ck_assert_uint_eq(error_code, X64_PF_PRESENT | X64_PF_USER);
    ck_assert(!x64i_mmu_translate(&f->mmu, LINEAR + 0x1000, peek, &physical, &error_code));
    ck_assert_uint_eq(error_code, 0);
    ck_assert_uint_eq(f->effects.count, 0);
    ck_assert(x64i_state_hash(f->state) == hash);
}
END_TEST

/* A debugger sees what the guest would: the stale translation, and no drop of it by a failed look.
 */
START_TEST(test_mmu_peek_sees_the_tlb)
{
    make_stale(12, RW);
    uint64_t hash = x64i_state_hash(f->state);
    ck_assert_uint_eq(must_touch(f, LINEAR, READ | X64I_ACCESS_PEEK), OLD);
    must_fault(f, LINEAR, READ | USER | X64I_ACCESS_PEEK);
    ck_assert(x64i_state_hash(f->state) == hash);
    ck_assert(is_stale());
}
END_TEST

START_TEST(test_mmu_without_paging_linear_is_physical)
{
    make_stale(12, RW);
    f->mmu.paging.mode = X64I_PAGING_NONE;
    ck_assert_uint_eq(must_touch(f, LINEAR + 3, WRITE | USER), LINEAR + 3);
    ck_assert_uint_eq(f->effects.count, 0);
}
END_TEST

/* Without anybody watching, the same things happen. */
START_TEST(test_mmu_runs_unwatched)
{
    f->mmu.effects = NULL;
    map_page(f, LINEAR, OLD, 12, RW);
    ck_assert_uint_eq(must_touch(f, LINEAR, WRITE), OLD);
    must_fault(f, LINEAR, READ | USER);
    x64i_mmu_flush(&f->mmu, X64_FLUSH_ALL, 0);
    ck_assert_uint_eq(f->effects.count, 0);
    ck_assert_uint_ne(get_entry(f, LINEAR, 1) & X64I_PTE_DIRTY, 0);
}
END_TEST

/* Stale translations are state: going back brings them back. */
START_TEST(test_mmu_tlb_is_in_snapshots)
{
    struct x64i_snapshot *snapshot;
    make_stale(12, RW);
    ck_assert_int_eq(x64i_state_snapshot(f->state, &snapshot), X64_OK);
    x64i_mmu_flush(&f->mmu, X64_FLUSH_ALL, 0);
    ck_assert(!is_stale());
    ck_assert_int_eq(x64i_state_restore(f->state, snapshot), X64_OK);
    ck_assert(is_stale());
    x64i_snapshot_release(snapshot);
}
END_TEST

struct dump {
    unsigned counts[64]; /* by page bits */
    unsigned dirty, pcid_5, global;
};

static void tally(void *user, const struct x64i_tlb_entry *entry)
{
    struct dump *dump = user;
    dump->counts[entry->page_bits]++;
    dump->dirty += (entry->flags & X64I_TLB_DIRTY) != 0;
    dump->global += (entry->flags & X64I_TLB_GLOBAL) != 0;
    dump->pcid_5 += entry->pcid == 5;
}

START_TEST(test_mmu_tlb_can_be_listed)
{
    for (unsigned i = 0; i < 10; i++)
        map_page(f, LINEAR + 0x1000 * i, OLD, 12, RW | US);
    map_page(f, 0x40000000, NEW, 21, RW | G);
    map_page(f, UINT64_C(0xffff888000000000), 0, 30, RW | G);
    for (unsigned i = 0; i < 10; i++)
        must_touch(f, LINEAR + 0x1000 * i, i < 3 ? WRITE : READ);
    f->mmu.paging.pcid = 5;
    for (unsigned i = 0; i < 4; i++)
        must_touch(f, LINEAR + 0x1000 * i, READ | USER);
    must_touch(f, 0x40000000, READ);
    must_touch(f, UINT64_C(0xffff888000001000), READ);

    struct dump dump = {0};
    x64i_tlb_visit(&f->mmu.tlb, tally, &dump);
    ck_assert_uint_eq(dump.counts[12], 14);
    ck_assert_uint_eq(dump.counts[21], 1);
    ck_assert_uint_eq(dump.counts[30], 1);
    ck_assert_uint_eq(dump.dirty, 6); /* three written, and the same three as PCID 5 sees them */
    ck_assert_uint_eq(dump.global, 2);
    ck_assert_uint_eq(dump.pcid_5, 6);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *mmu_suite(void)
{
    Suite *suite = suite_create("mmu/mmu");
    TCase *tests = tcase_create("mmu");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_mmu_translation_stays_until_invlpg, 0, 2);
    tcase_add_test(tests, test_mmu_unmapped_page_stays_until_invlpg);
    tcase_add_test(tests, test_mmu_new_mapping_needs_no_invlpg);
    tcase_add_loop_test(tests, test_mmu_more_rights_need_no_invlpg, 0, COUNT(rights_changes));
    tcase_add_loop_test(tests, test_mmu_fewer_rights_need_invlpg, 0, COUNT(rights_changes));
    tcase_add_test(tests, test_mmu_page_fault_drops_the_entry);
    tcase_add_test(tests, test_mmu_cleared_dirty_bit_needs_invlpg);
    tcase_add_test(tests, test_mmu_page_that_grew);
    tcase_add_test(tests, test_mmu_small_page_beside_a_large_one);
    tcase_add_test(tests, test_mmu_translations_belong_to_their_pcid);
    tcase_add_loop_test(tests, test_mmu_global_pages, 0, 2);
    tcase_add_loop_test(tests, test_mmu_invalidations, 0, COUNT(invalidations));
    tcase_add_test(tests, test_mmu_peek_changes_nothing);
    tcase_add_test(tests, test_mmu_peek_sees_the_tlb);
    tcase_add_test(tests, test_mmu_without_paging_linear_is_physical);
    tcase_add_test(tests, test_mmu_runs_unwatched);
    tcase_add_test(tests, test_mmu_tlb_is_in_snapshots);
    tcase_add_test(tests, test_mmu_tlb_can_be_listed);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(mmu_suite())
