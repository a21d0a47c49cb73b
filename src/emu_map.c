/* SPDX-License-Identifier: MIT */
/* Page tables built from outside, and what an access would meet in them (SDM vol. 3A, 4.5). */
#include "machine.h"

#include "cpu/access.h"
#include "mmu/walk.h"

#include "x64emu/memory.h"

#define ENTRY_ADDRESS  UINT64_C(0x000ffffffffff000)
#define ENTRY_OWN      (UINT64_C(1) << 9) /* ignored by the CPU: the frame is x64_map_virt's */
#define TABLE_ENTRIES  512u
#define TABLE_RIGHTS   (X64I_PTE_PRESENT | X64I_PTE_WRITABLE | X64I_PTE_USER)
#define ALL_PROTECTION (X64_PROTECT_WRITE | X64_PROTECT_EXECUTE | X64_PROTECT_USER)

/* An entry of the tables: where it lies and what it is. */
struct place {
    uint64_t physical;
    uint64_t entry;
    unsigned level;
};

static uint64_t span(unsigned level)
{
    return UINT64_C(1) << (12 + 9 * (level - 1));
}

static bool read_entry(const struct x64_machine *machine, uint64_t physical, uint64_t *entry)
{
    return x64i_physical_peek(&machine->cpu.mmu.physical, physical, entry, sizeof *entry);
}

static bool write_entry(struct x64_machine *machine, uint64_t physical, uint64_t entry)
{
    return x64i_physical_poke(&machine->cpu.mmu.physical, physical, &entry, sizeof entry);
}

static bool is_leaf(const struct place *place)
{
    return place->level == 1 || (place->level < 4 && (place->entry & X64I_PTE_LARGE));
}

/* The entry at which the walk for `linear` ends: a page's, or one that is not present. False when a
 * table does not lie in RAM. */
static bool find_place(const struct x64_machine *machine, uint64_t linear, struct place *place)
{
    uint64_t table = machine->cpu.mmu.paging.root & ENTRY_ADDRESS;
    for (unsigned level = 4; level > 0; level--) {
        place->level = level;
        place->physical = table + (linear / span(level) % TABLE_ENTRIES) * 8;
        if (!read_entry(machine, place->physical, &place->entry))
            return false;
        if (!(place->entry & X64I_PTE_PRESENT) || is_leaf(place))
            return true;
        table = place->entry & ENTRY_ADDRESS;
    }
    return true;
}

static uint64_t new_frame(struct x64_machine *machine)
{
    uint64_t frame = x64i_map_frames_take(&machine->frames);
    if (frame == UINT64_MAX)
        return UINT64_MAX;
    x64i_physical_discard(&machine->cpu.mmu.physical, frame * X64I_PAGE_SIZE);
    return frame * X64I_PAGE_SIZE;
}

/* Puts a table below `place`: empty, or the large page in smaller ones. */
static bool add_table(struct x64_machine *machine, const struct place *place)
{
    uint64_t table = new_frame(machine);
    if (table == UINT64_MAX)
        return false;
    if (place->entry & X64I_PTE_PRESENT) {
        uint64_t entry = place->entry;
        if (place->level == 2) /* PAT is elsewhere in a small page's entry */
            entry =
                (entry & ~(X64I_PTE_LARGE | (UINT64_C(1) << 12))) | (entry >> 5 & X64I_PTE_LARGE);
        for (unsigned i = 0; i < TABLE_ENTRIES; i++)
            if (!write_entry(machine, table + 8u * i, entry + i * span(place->level - 1)))
                return false;
    }
    return write_entry(machine, place->physical, table | TABLE_RIGHTS);
}

/* The entry of the 4-KByte page at `linear`, with the tables above it made. */
static bool make_place(struct x64_machine *machine, uint64_t linear, struct place *place)
{
    while (find_place(machine, linear, place)) {
        if (place->level == 1)
            return true;
        if (!add_table(machine, place))
            return false;
    }
    return false;
}

static uint64_t rights(const struct x64_machine *machine, unsigned protection)
{
    uint64_t entry = X64I_PTE_PRESENT;
    if (protection & X64_PROTECT_WRITE)
        entry |= X64I_PTE_WRITABLE;
    if (protection & X64_PROTECT_USER)
        entry |= X64I_PTE_USER;
    if (!(protection & X64_PROTECT_EXECUTE) && machine->cpu.mmu.paging.no_execute)
        entry |= X64I_PTE_NO_EXECUTE;
    return entry;
}

/* What every function here asks of its range first. */
static enum x64_status check_range(const struct x64_machine *machine, uint64_t linear,
                                   uint64_t size, unsigned protection)
{
    if (!machine || size == 0 || (linear | size) % X64I_PAGE_SIZE ||
        size - 1 > UINT64_MAX - linear || (protection & ~(unsigned)ALL_PROTECTION))
        return X64_ERROR_ARGUMENT;
    uint64_t last = linear + (size - 1);
    if (!x64i_is_canonical(linear) || !x64i_is_canonical(last) || (linear ^ last) >> 63)
        return X64_ERROR_ARGUMENT;
    bool paging = machine->cpu.mmu.paging.mode != X64I_PAGING_NONE;
    return machine->kernel.native || !paging ? X64_ERROR_STATE : X64_OK;
}

/* The bytes from `linear` on that the entry covers, at most to `end`. */
static uint64_t covered(const struct place *place, uint64_t linear, uint64_t left)
{
    uint64_t rest = span(place->level) - linear % span(place->level);
    return rest < left ? rest : left;
}

/* Whether all of the range is mapped, or none of it. */
static bool is_all(const struct x64_machine *machine, uint64_t linear, uint64_t size, bool mapped)
{
    struct place place;
    for (uint64_t at = 0; at < size; at += covered(&place, linear + at, size - at)) {
        bool there = find_place(machine, linear + at, &place) && (place.entry & X64I_PTE_PRESENT);
        if (there != mapped)
            return false;
    }
    return true;
}

/* Whether the frames suffice for `own` pages and all tables that may be needed for `size` bytes. */
static bool has_room(const struct x64_machine *machine, uint64_t own, uint64_t size)
{
    uint64_t tables = 4 + size / span(2) + 2 + size / span(3) + 2 + size / span(4) + 2;
    return own + tables <= x64i_map_frames_free_count(&machine->frames);
}

static void tables_changed(struct x64_machine *machine)
{
    x64i_mmu_flush(&machine->cpu.mmu, X64_FLUSH_ALL, 0);
    x64i_machine_changed(machine);
}

static bool make_root(struct x64_machine *machine)
{
    if (machine->cpu.s.cr3)
        return true;
    uint64_t root = new_frame(machine);
    if (root == UINT64_MAX)
        return false;
    machine->cpu.s.cr3 = root;
    x64i_cpu_refresh(&machine->cpu);
    return true;
}

/* Maps to `physical` on, or to new frames where that is all ones. */
static enum x64_status map(struct x64_machine *machine, uint64_t linear, uint64_t physical,
                           uint64_t size, unsigned protection)
{
    bool own = physical == UINT64_MAX;
    enum x64_status status = check_range(machine, linear, size, protection);
    if (status != X64_OK)
        return status;
    if (!has_room(machine, own ? size / X64I_PAGE_SIZE : 0, size))
        return X64_ERROR_LIMIT;
    if (machine->cpu.s.cr3 && !is_all(machine, linear, size, false))
        return X64_ERROR_EXISTS;
    bool done = make_root(machine);
    for (uint64_t at = 0; done && at < size; at += X64I_PAGE_SIZE) {
        struct place place;
        uint64_t frame = own ? new_frame(machine) : physical + at;
        done = frame != UINT64_MAX && make_place(machine, linear + at, &place) &&
               write_entry(machine, place.physical,
                           frame | rights(machine, protection) | (own ? ENTRY_OWN : 0));
    }
    tables_changed(machine);
    return done ? X64_OK : X64_ERROR_MEMORY;
}

enum x64_status x64_map_virt(struct x64_machine *machine, uint64_t linear, uint64_t size,
                             unsigned protection)
{
    return map(machine, linear, UINT64_MAX, size, protection);
}

enum x64_status x64_map_virt_to_phys(struct x64_machine *machine, uint64_t linear,
                                     uint64_t physical, uint64_t size, unsigned protection)
{
    uint64_t limit = machine ? UINT64_C(1) << machine->cpu.mmu.paging.physical_bits : 0;
    if (physical % X64I_PAGE_SIZE || physical >= limit || size > limit - physical)
        return X64_ERROR_ARGUMENT;
    return map(machine, linear, physical, size, protection);
}

/* Gives every page of a mapped range its new entry: no longer present without rights. */
static enum x64_status change(struct x64_machine *machine, uint64_t linear, uint64_t size,
                              unsigned protection, bool unmap)
{
    enum x64_status status = check_range(machine, linear, size, protection);
    if (status != X64_OK)
        return status;
    if (!is_all(machine, linear, size, true))
        return X64_ERROR_UNMAPPED;
    if (!has_room(machine, 0, size))
        return X64_ERROR_LIMIT;
    const uint64_t mask = X64I_PTE_WRITABLE | X64I_PTE_USER | X64I_PTE_NO_EXECUTE;
    bool done = true;
    for (uint64_t at = 0; done && at < size; at += X64I_PAGE_SIZE) {
        struct place place;
        done = make_place(machine, linear + at, &place);
        uint64_t entry = (place.entry & ~mask) | rights(machine, protection);
        if (done && unmap && (place.entry & ENTRY_OWN))
            done = x64i_map_frames_mark(&machine->frames,
                                        (place.entry & ENTRY_ADDRESS) / X64I_PAGE_SIZE, false);
        done = done && write_entry(machine, place.physical, unmap ? 0 : entry);
    }
    tables_changed(machine);
    return done ? X64_OK : X64_ERROR_MEMORY;
}

enum x64_status x64_unmap_virt(struct x64_machine *machine, uint64_t linear, uint64_t size)
{
    return change(machine, linear, size, 0, true);
}

enum x64_status x64_protect_virt(struct x64_machine *machine, uint64_t linear, uint64_t size,
                                 unsigned protection)
{
    return change(machine, linear, size, protection, false);
}

/* The page that a walk found. */
static void fill_page(struct x64_translation *to, const struct x64i_tlb_entry *page,
                      uint64_t linear)
{
    to->permitted = true;
    to->page_size = UINT64_C(1) << (page->page_bits & 63);
    to->physical = page->physical | (linear & (to->page_size - 1));
    to->writable = page->flags & X64I_TLB_WRITABLE;
    to->user = page->flags & X64I_TLB_USER;
    to->executable = !(page->flags & X64I_TLB_NO_EXECUTE);
}

static void look_at_tlb(const struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                        struct x64_translation *to)
{
    const struct x64i_tlb_entry *entry = x64i_tlb_find(&mmu->tlb, linear, mmu->paging.pcid);
    if (!entry || !x64i_tlb_serves(&mmu->paging, entry->flags, access))
        return;
    to->in_tlb = true;
    to->tlb_physical = entry->physical | (linear & ((UINT64_C(1) << (entry->page_bits & 63)) - 1));
}

enum x64_status x64_translate_for(struct x64_machine *machine, uint64_t linear, unsigned access,
                                  struct x64_translation *translation)
{
    const unsigned known = X64_ACCESS_WRITE | X64_ACCESS_EXECUTE | X64_ACCESS_USER;
    if (!machine || !translation || (access & ~known))
        return X64_ERROR_ARGUMENT;
    const struct x64i_mmu *mmu = &machine->cpu.mmu;
    struct x64_translation to = {.fault = X64_FAULT_NONE};
    struct x64i_walk walk = {.step_count = 0};
    if (mmu->paging.mode == X64I_PAGING_NONE) {
        to = (struct x64_translation){.permitted = true,
                                      .fault = X64_FAULT_NONE,
                                      .physical = linear,
                                      .writable = true,
                                      .user = true,
                                      .executable = true};
    } else if (!x64i_is_canonical(linear)) {
        to.fault = X64_FAULT_GP;
    } else {
        look_at_tlb(mmu, linear, access, &to);
        if (x64i_walk(&mmu->physical, &mmu->paging, linear, access, &walk)) {
            fill_page(&to, &walk.page, linear);
        } else {
            to.fault = X64_FAULT_PF;
            to.error_code = walk.error_code;
        }
    }
    to.entry_count = walk.step_count;
    for (unsigned i = 0; i < walk.step_count; i++)
        to.entry[i] = (struct x64_walk_entry){.physical = walk.steps[i].physical,
                                              .value = walk.steps[i].entry,
                                              .level = walk.steps[i].level};
    *translation = to;
    return X64_OK;
}

_Static_assert((int)X64_ACCESS_WRITE == (int)X64I_ACCESS_WRITE &&
                   (int)X64_ACCESS_EXECUTE == (int)X64I_ACCESS_EXECUTE &&
                   (int)X64_ACCESS_USER == (int)X64I_ACCESS_USER,
               "the same bits inside and outside");
