/* SPDX-License-Identifier: MIT */
#include "mmu/walk.h"

#define ENTRY_BITS   9 /* of the linear address, per level */
#define ADDRESS_BITS 52
#define ADDRESS_MASK ((UINT64_C(1) << ADDRESS_BITS) - (UINT64_C(1) << X64I_PAGE_BITS))

/* A page's size in bits when the entry of this level maps it: 12, 21, 30, 39. */
static unsigned level_shift(unsigned level)
{
    return X64I_PAGE_BITS + ENTRY_BITS * (level - 1);
}

/* An entry of a paging structure. Little-endian hosts only, like the rest of the guest's memory. */
static uint64_t read_entry(const struct x64i_physical *physical, uint64_t address)
{
    uint64_t entry;
    if (!x64i_physical_peek(physical, address, &entry, sizeof entry))
        return ~UINT64_C(0);
    return entry;
}

static bool maps_page(unsigned level, uint64_t entry)
{
    return level == 1 || (level <= 3 && (entry & X64I_PTE_LARGE));
}

/* The bits that must be zero in a present entry (SDM vol. 3A, 4.5.4 and 4.7, RSVD). Bit 12 of a
 * large page's entry is PAT, not a part of the frame. */
static uint64_t reserved_bits(const struct x64i_paging *paging, unsigned level, uint64_t entry)
{
    uint64_t reserved = 0;
    if (paging->physical_bits < ADDRESS_BITS)
        reserved |= ADDRESS_MASK & ~((UINT64_C(1) << paging->physical_bits) - 1);
    if (!paging->no_execute)
        reserved |= X64I_PTE_NO_EXECUTE;
    if (level == 4 || (level == 3 && !paging->gigabyte_pages))
        reserved |= X64I_PTE_LARGE;
    if (level > 1 && maps_page(level, entry))
        reserved |= (UINT64_C(1) << level_shift(level)) - (UINT64_C(1) << (X64I_PAGE_BITS + 1));
    return reserved;
}

/* SDM vol. 3A, 4.7: `cause` is PRESENT, RESERVED or none; the rest says what the access was. */
static uint32_t error_code(const struct x64i_paging *paging, unsigned access, unsigned cause)
{
    if (access & X64I_ACCESS_WRITE)
        cause |= X64_PF_WRITE;
    if (access & X64I_ACCESS_USER)
        cause |= X64_PF_USER;
    if ((access & X64I_ACCESS_EXECUTE) && (paging->no_execute || paging->smep))
        cause |= X64_PF_INSTRUCTION;
    return cause;
}

/* Takes away from `rights` what this level withholds (SDM vol. 3A, 4.6.1). */
static unsigned narrow_rights(unsigned rights, uint64_t entry)
{
    if (!(entry & X64I_PTE_WRITABLE))
        rights &= ~(unsigned)X64I_TLB_WRITABLE;
    if (!(entry & X64I_PTE_USER))
        rights &= ~(unsigned)X64I_TLB_USER;
    if (entry & X64I_PTE_NO_EXECUTE)
        rights |= X64I_TLB_NO_EXECUTE;
    return rights;
}

static struct x64i_tlb_entry page_of(const struct x64i_paging *paging, uint64_t linear,
                                     const struct x64i_walk_step *leaf, unsigned rights,
                                     unsigned access)
{
    unsigned bits = level_shift(leaf->level);
    uint64_t offset_mask = (UINT64_C(1) << bits) - 1;
    if (paging->global && (leaf->entry & X64I_PTE_GLOBAL))
        rights |= X64I_TLB_GLOBAL;
    if ((leaf->entry & X64I_PTE_DIRTY) || (access & X64I_ACCESS_WRITE))
        rights |= X64I_TLB_DIRTY;
    return (struct x64i_tlb_entry){
        .linear = linear & ~offset_mask,
        .physical = leaf->entry & ADDRESS_MASK & ~offset_mask,
        .pcid = paging->pcid,
        .flags = rights | X64I_TLB_VALID,
        .page_bits = (uint8_t)bits,
    };
}

bool x64i_walk(const struct x64i_physical *physical, const struct x64i_paging *paging,
               uint64_t linear, unsigned access, struct x64i_walk *walk)
{
    uint64_t table = paging->root & ADDRESS_MASK;
    unsigned rights = X64I_TLB_WRITABLE | X64I_TLB_USER;
    const struct x64i_walk_step *leaf = NULL;
    walk->step_count = 0;
    for (unsigned level = X64I_WALK_LEVELS; !leaf; level--) {
        uint64_t index = (linear >> level_shift(level)) & ((1u << ENTRY_BITS) - 1);
        struct x64i_walk_step *step = &walk->steps[walk->step_count++];
        step->level = level;
        step->physical = table + index * sizeof step->entry;
        step->entry = read_entry(physical, step->physical);
        if (!(step->entry & X64I_PTE_PRESENT)) {
            walk->error_code = error_code(paging, access, 0);
            return false;
        }
        if (step->entry & reserved_bits(paging, level, step->entry)) {
            walk->error_code = error_code(paging, access, X64_PF_PRESENT | X64_PF_RESERVED);
            return false;
        }
        rights = narrow_rights(rights, step->entry);
        table = step->entry & ADDRESS_MASK;
        if (maps_page(level, step->entry))
            leaf = step;
    }
    rights |= (unsigned)(leaf->entry >> X64I_PTE_KEY_SHIFT & 15) << X64I_TLB_KEY_SHIFT;
    if (!x64i_paging_permits(paging, rights, access)) {
        bool key = !x64i_key_permits(paging, rights, access);
        walk->error_code = error_code(paging, access, X64_PF_PRESENT | (key ? X64_PF_KEY : 0u));
        return false;
    }
    walk->page = page_of(paging, linear, leaf, rights, access);
    return true;
}
