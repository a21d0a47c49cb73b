/* SPDX-License-Identifier: MIT */
/*
 * Random page tables, control bits and accesses, compared with a second model of SDM vol. 3A,
 * chapter 4, that shares nothing with the first: it names the fields of entries instead of masking
 * them, follows the manual's prose of 4.6.1 case by case, and keeps a table pool of its own.
 */
#include "paging_fixture.h"

#include "support/suite.h"

#define ROUNDS      5000
#define TOUCHES     20 /* per round: page tables */
#define POOL_TABLES 6
#define POOL        UINT64_C(0x200000)

union entry {
    uint64_t raw;
    struct {
        uint64_t p : 1, rw : 1, us : 1, pwt : 1, pcd : 1, a : 1, d : 1, ps : 1, g : 1, avl : 3;
        uint64_t frame : 40;
        uint64_t ignored : 11, xd : 1;
    };
};

union address {
    uint64_t raw;
    struct {
        uint64_t offset : 12, table : 9, directory : 9, pointer : 9, pml4 : 9, sign : 16;
    };
};

struct expectation {
    bool fault;
    uint32_t error_code;
    uint64_t physical;
    unsigned used; /* entries on the way */
    union entry *path[4];
};

static union entry pool[POOL_TABLES][512];
static uint64_t seed;

/* xorshift64* */
static uint64_t random_word(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static bool one_in(unsigned n)
{
    return (random_word() >> 33) % n == 0;
}

static union entry random_entry(unsigned physical_bits)
{
    union entry e = {.raw = random_word()};
    e.p = !one_in(40);
    e.rw = !one_in(6);
    e.us = !one_in(3);
    e.xd = one_in(6);
    e.ps = one_in(5);
    bool leaf_like = e.ps || one_in(2);
    if (leaf_like)
        e.frame &= (UINT64_C(1) << (physical_bits - 12)) - 1;
    else
        e.frame = (POOL >> 12) + (random_word() >> 40) % POOL_TABLES;
    if (e.ps && !one_in(8))
        e.frame &= one_in(2) ? ~UINT64_C(0x1fe) : ~UINT64_C(0x3fffe);
    if (one_in(30))
        e.frame |= UINT64_C(1) << (random_word() >> 40) % 40;
    return e;
}

/* A table of the pool, or null for a frame that is not: those are RAM of zeroes or nothing at all.
 */
static union entry *pool_table(uint64_t frame)
{
    uint64_t first = POOL >> 12;
    return frame >= first && frame < first + POOL_TABLES ? pool[frame - first] : NULL;
}

static union entry nothing = {.raw = UINT64_MAX};
static union entry zero;

static union entry *look(uint64_t frame, unsigned index)
{
    union entry *table = pool_table(frame);
    if (table)
        return &table[index];
    return frame < FIXTURE_RAM >> 12 ? &zero : &nothing;
}

/* "No reserved bit is set", level 4 downwards, the manual's tables 4-15 to 4-20. */
static bool is_well_formed(const struct x64i_paging *c, union entry e, unsigned level)
{
    if ((uint64_t)e.frame >> (c->physical_bits - 12))
        return false;
    if (e.xd && !c->no_execute)
        return false;
    if (!e.ps || level == 1)
        return true;
    if (level == 4)
        return false;
    if (level == 3)
        return c->gigabyte_pages && (e.frame & 0x3fffe) == 0;
    return (e.frame & 0x1fe) == 0;
}

/* 4.6.1, in the order of its bullets. */
static bool is_allowed(const struct x64i_paging *c, unsigned access, bool user_page, bool writable,
                       bool xd)
{
    bool fetch = access & X64I_ACCESS_EXECUTE;
    bool write = access & X64I_ACCESS_WRITE;
    if (access & X64I_ACCESS_USER) {
        if (!user_page)
            return false;
        if (fetch)
            return !xd;
        return write ? writable : true;
    }
    if (fetch) {
        if (user_page && c->smep)
            return false;
        return !xd;
    }
    bool may_touch_user = !c->smap || (access & X64I_ACCESS_SMAP_OFF);
    if (user_page && !may_touch_user)
        return false;
    if (write && c->write_protect)
        return writable;
    return true;
}

static struct expectation expect(const struct x64i_paging *c, uint64_t linear, unsigned access)
{
    union address a = {.raw = linear};
    const unsigned indices[4] = {a.pml4, a.pointer, a.directory, a.table};
    struct expectation x = {.error_code = 0};
    bool user_page = true;
    bool writable = true;
    bool xd = false;
    bool fetch = access & X64I_ACCESS_EXECUTE;
    uint32_t kind = (access & X64I_ACCESS_WRITE ? 2 : 0) | (access & X64I_ACCESS_USER ? 4 : 0) |
                    (fetch && (c->no_execute || c->smep) ? 16 : 0);
    uint64_t frame = c->root >> 12;
    for (unsigned level = 4; level >= 1; level--) {
        union entry *e = look(frame, indices[4 - level]);
        x.path[x.used++] = e;
        bool broken = e->p && !is_well_formed(c, *e, level);
        if (!e->p || broken) {
            x.fault = true;
            x.error_code = kind | (broken ? 9 : 0);
            return x;
        }
        user_page = user_page && e->us;
        writable = writable && e->rw;
        xd = xd || e->xd;
        frame = e->frame;
        if (level == 3 && e->ps)
            x.physical = (frame & ~UINT64_C(0x3ffff)) << 12 | (linear & 0x3fffffff);
        else if (level == 2 && e->ps)
            x.physical = (frame & ~UINT64_C(0x1ff)) << 12 | (linear & 0x1fffff);
        else if (level == 1)
            x.physical = frame << 12 | a.offset;
        else
            continue;
        break;
    }
    x.fault = !is_allowed(c, access, user_page, writable, xd);
    if (x.fault)
        x.error_code = kind | 1;
    return x;
}

/* 4.8 on the model's own tables. */
static void mark_used(const struct expectation *x, bool write)
{
    for (unsigned i = 0; i < x->used; i++)
        x->path[i]->a = 1;
    if (write)
        x->path[x->used - 1]->d = 1;
}

static unsigned random_access(void)
{
    static const unsigned kinds[] = {X64I_ACCESS_READ, X64I_ACCESS_WRITE, X64I_ACCESS_EXECUTE};
    unsigned access = kinds[(random_word() >> 40) % 3];
    if (one_in(2))
        access |= X64I_ACCESS_USER;
    else if (one_in(2))
        access |= X64I_ACCESS_SMAP_OFF;
    return access;
}

static void random_control(struct x64i_paging *c)
{
    uint64_t bits = random_word() >> 20;
    c->physical_bits = (uint8_t)(one_in(4) ? 52 : 36 + (random_word() >> 40) % 16);
    c->write_protect = bits & 1;
    c->no_execute = (bits & 6) != 0;
    c->smep = bits & 8;
    c->smap = bits & 16;
    c->gigabyte_pages = (bits & 96) != 0;
    c->root = POOL + ((random_word() >> 40) % POOL_TABLES) * X64I_PAGE_SIZE;
}

/* Addresses whose indices stay in the few entries that are not zero. */
static uint64_t random_linear(void)
{
    union address a = {.raw = random_word()};
    a.table &= 3;
    a.directory &= 3;
    a.pointer &= 3;
    a.pml4 &= 3;
    a.sign = 0;
    return a.raw;
}

static void check_tables(struct paging_fixture *f, unsigned round)
{
    union entry table[512];
    for (unsigned i = 0; i < POOL_TABLES; i++) {
        ck_assert(x64i_physical_peek(&f->mmu.physical, POOL + i * X64I_PAGE_SIZE, table,
                                     4 * sizeof table[0]));
        for (unsigned j = 0; j < 4; j++)
            ck_assert_msg(table[j].raw == pool[i][j].raw, "round %u: table %u[%u] %#llx, not %#llx",
                          round, i, j, (unsigned long long)table[j].raw,
                          (unsigned long long)pool[i][j].raw);
    }
}

START_TEST(test_walk_agrees_with_a_second_model)
{
    struct paging_fixture *f = paging_fixture_create();
    unsigned granted_count = 0;
    seed = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct x64i_paging *c = &f->mmu.paging;
        random_control(c);
        for (unsigned i = 0; i < POOL_TABLES; i++) {
            for (unsigned j = 0; j < 4; j++)
                pool[i][j] = random_entry(c->physical_bits);
            ck_assert(x64i_physical_poke(&f->mmu.physical, POOL + i * X64I_PAGE_SIZE, pool[i],
                                         4 * sizeof pool[i][0]));
        }
        for (unsigned i = 0; i < TOUCHES; i++) {
            uint64_t linear = random_linear();
            unsigned access = random_access();
            struct expectation x = expect(c, linear, access);
            x64i_tlb_drop(&f->mmu.tlb, linear, 0, true, NULL);
            bool granted = touches(f, linear, access);
            ck_assert_msg(granted != x.fault &&
                              (granted ? f->physical == x.physical : f->error_code == x.error_code),
                          "round %u, linear %#llx, access %#x: %s %#llx, not %s %#llx", round,
                          (unsigned long long)linear, access, granted ? "granted" : "fault",
                          (unsigned long long)(granted ? f->physical : f->error_code),
                          x.fault ? "fault" : "granted",
                          (unsigned long long)(x.fault ? x.error_code : x.physical));
            ck_assert_uint_eq(count_effects(f, X64_EFFECT_PAGE_WALK), x.used);
            granted_count += granted;
            if (granted)
                mark_used(&x, access & X64I_ACCESS_WRITE);
        }
        check_tables(f, round);
    }
    /* The generator must reach pages, not only faults. */
    ck_assert_uint_gt(granted_count, ROUNDS * TOUCHES / 20);
    paging_fixture_destroy(f);
}
END_TEST

static Suite *random_suite(void)
{
    Suite *suite = suite_create("mmu/walk_random");
    TCase *tests = tcase_create("random");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_walk_agrees_with_a_second_model);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(random_suite())
