/* SPDX-License-Identifier: MIT */
#include "paging_fixture.h"

#include <check.h>
#include <stdlib.h>

struct paging_fixture *paging_fixture_create(void)
{
    struct paging_fixture *f = calloc(1, sizeof *f);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(x64i_state_create(&f->state), X64_OK);
    ck_assert_int_eq(x64i_mmu_init(&f->mmu, f->state, FIXTURE_RAM), X64_OK);
    f->mmu.paging = (struct x64i_paging){
        .root = FIXTURE_ROOT,
        .mode = X64I_PAGING_4_LEVEL,
        .physical_bits = 46,
        .write_protect = true,
        .no_execute = true,
        .global = true,
        .gigabyte_pages = true,
    };
    f->mmu.effects = &f->effects;
    f->next_table = FIXTURE_ROOT + X64I_PAGE_SIZE;
    return f;
}

void paging_fixture_destroy(struct paging_fixture *f)
{
    x64i_state_destroy(f->state);
    free(f);
}

static uint64_t read_word(const struct paging_fixture *f, uint64_t address)
{
    uint64_t word = 0;
    ck_assert(x64i_physical_peek(&f->mmu.physical, address, &word, sizeof word));
    return word;
}

static void write_word(struct paging_fixture *f, uint64_t address, uint64_t word)
{
    ck_assert(x64i_physical_poke(&f->mmu.physical, address, &word, sizeof word));
}

uint64_t entry_address(const struct paging_fixture *f, uint64_t linear, unsigned level)
{
    uint64_t table = f->mmu.paging.root;
    for (unsigned at = 4;; at--) {
        uint64_t address = table + 8 * ((linear >> (12 + 9 * (at - 1))) & 511);
        if (at == level)
            return address;
        uint64_t entry = read_word(f, address);
        ck_assert_msg(entry & 1, "level %u of %#llx is missing", at, (unsigned long long)linear);
        table = entry & UINT64_C(0x000ffffffffff000);
    }
}

uint64_t get_entry(const struct paging_fixture *f, uint64_t linear, unsigned level)
{
    return read_word(f, entry_address(f, linear, level));
}

void set_entry(struct paging_fixture *f, uint64_t linear, unsigned level, uint64_t entry)
{
    write_word(f, entry_address(f, linear, level), entry);
}

void map_page(struct paging_fixture *f, uint64_t linear, uint64_t physical, unsigned page_bits,
              uint64_t bits)
{
    unsigned leaf = (page_bits - 12) / 9 + 1;
    for (unsigned level = 4; level > leaf; level--) {
        if (get_entry(f, linear, level) & X64I_PTE_PRESENT)
            continue;
        set_entry(f, linear, level,
                  f->next_table | X64I_PTE_PRESENT | X64I_PTE_WRITABLE | X64I_PTE_USER);
        f->next_table += X64I_PAGE_SIZE;
    }
    if (leaf > 1)
        bits |= X64I_PTE_LARGE;
    set_entry(f, linear, leaf, physical | bits | X64I_PTE_PRESENT);
}

bool touches(struct paging_fixture *f, uint64_t linear, unsigned access)
{
    x64i_effects_clear(&f->effects);
    return x64i_mmu_translate(&f->mmu, linear, access, &f->physical, &f->error_code);
}

uint64_t must_touch(struct paging_fixture *f, uint64_t linear, unsigned access)
{
    ck_assert_msg(touches(f, linear, access), "%#llx, access %#x: page fault, error code %#x",
                  (unsigned long long)linear, access, f->error_code);
    return f->physical;
}

uint32_t must_fault(struct paging_fixture *f, uint64_t linear, unsigned access)
{
    ck_assert_msg(!touches(f, linear, access), "%#llx, access %#x: no page fault",
                  (unsigned long long)linear, access);
    return f->error_code;
}

size_t count_effects(const struct paging_fixture *f, enum x64_effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < f->effects.count; i++)
        count += f->effects.items[i].kind == kind;
    return count;
}
