/* SPDX-License-Identifier: MIT */
/*
 * Linear to physical addresses: the page walk (SDM vol. 3A, chapter 4) and the guest-visible TLB,
 * which is part of the machine's state: a translation that the guest did not invalidate stays in
 * force, stale or not. Replacement never depends on hits, so that an engine with a faster cache of
 * its own fills the TLB exactly as the reference path does.
 */
#ifndef X64I_MMU_MMU_H
#define X64I_MMU_MMU_H

#include "mmu/host_tlb.h"
#include "mmu/physical.h"
#include "mmu/tlb.h"
#include "state/effect_list.h"

enum x64i_paging_mode {
    X64I_PAGING_NONE,   /* CR0.PG = 0: linear is physical */
    X64I_PAGING_4_LEVEL /* long mode; the other modes come with boot */
};

/* What the walk needs of the control registers. Derived: the CPU sets it anew after every change
 * and after every restore. */
struct x64i_paging {
    uint64_t root;         /* physical address of the top table: CR3 without PCID and flag bits */
    uint16_t pcid;         /* CR3[11:0] when CR4.PCIDE, else 0 */
    uint8_t mode;          /* enum x64i_paging_mode */
    uint8_t physical_bits; /* MAXPHYADDR of the CPU model */
    bool write_protect;    /* CR0.WP */
    bool no_execute;       /* EFER.NXE */
    bool global;           /* CR4.PGE */
    bool smep;             /* CR4.SMEP */
    bool smap;             /* CR4.SMAP */
    bool keys;             /* CR4.PKE */
    uint32_t pkru;         /* rights of protection keys */
    bool gigabyte_pages;   /* CPUID.80000001H:EDX[26] */
};

/* How memory is touched; a bit set. */
enum x64i_access {
    X64I_ACCESS_READ = 0,
    X64I_ACCESS_WRITE = 1 << 0,
    X64I_ACCESS_EXECUTE = 1 << 1,
    X64I_ACCESS_USER = 1 << 2,     /* CPL 3, and not an implicit supervisor access */
    X64I_ACCESS_SMAP_OFF = 1 << 3, /* explicit supervisor access with RFLAGS.AC = 1 */
    X64I_ACCESS_PEEK = 1 << 4      /* a debugger looks: no TLB fill, no A/D update, no effects */
};

#define X64I_MMU_RECENT 8u

/* What x64i_tlb_find found for a page; no entry: nothing. */
struct x64i_mmu_recent {
    uint64_t page; /* number of the 4-KByte page, whatever the entry's size */
    const struct x64i_tlb_entry *entry;
};

struct x64i_mmu {
    struct x64i_tlb tlb;       /* region "tlb" */
    struct x64i_paging paging; /* derived */
    /* By page number. An entry that still matches is what x64i_tlb_find would find again: see
     * x64i_mmu_forget_recent. */
    struct x64i_mmu_recent recent[X64I_MMU_RECENT];
    struct x64i_physical physical;
    struct x64i_effect_list *effects; /* null when nobody watches */
};

/* Registers the TLB and the RAM with `state`; the MMU then stays where it is. Paging is off and
 * nobody watches. Errors of x64i_physical_init. */
enum x64_status x64i_mmu_init(struct x64i_mmu *mmu, struct x64i_state *state, uint64_t ram_size);

/* Whether PKRU lets a data access to a user page pass (SDM vol. 3A, 4.6.2). Writes of the
 * supervisor are stopped with CR0.WP only. */
static inline bool x64i_key_permits(const struct x64i_paging *paging, unsigned flags,
                                    unsigned access)
{
    if (!paging->keys || !(flags & X64I_TLB_USER) || (access & X64I_ACCESS_EXECUTE))
        return true;
    unsigned denied = paging->pkru >> 2 * (flags >> X64I_TLB_KEY_SHIFT & 15) & 3;
    bool stops_writes = (access & X64I_ACCESS_USER) || paging->write_protect;
    return !(denied & 1) && !((denied & 2) && (access & X64I_ACCESS_WRITE) && stops_writes);
}

/*
 * Whether a page with these rights (enum x64i_tlb_flag) may be touched this way (SDM vol. 3A, 4.6).
 * A supervisor access to a user page needs SMAP off, RFLAGS.AC or no SMAP; implicit accesses never
 * carry X64I_ACCESS_SMAP_OFF, which is the manual's rule for them.
 */
static inline bool x64i_paging_permits(const struct x64i_paging *paging, unsigned flags,
                                       unsigned access)
{
    if ((access & X64I_ACCESS_EXECUTE) && (flags & X64I_TLB_NO_EXECUTE))
        return false;
    if (!x64i_key_permits(paging, flags, access))
        return false;
    bool writable = !(access & X64I_ACCESS_WRITE) || (flags & X64I_TLB_WRITABLE);
    if (access & X64I_ACCESS_USER)
        return (flags & X64I_TLB_USER) && writable;
    if (flags & X64I_TLB_USER) {
        if (access & X64I_ACCESS_EXECUTE)
            return !paging->smep;
        if (paging->smap && !(access & X64I_ACCESS_SMAP_OFF))
            return false;
    }
    return writable || !paging->write_protect;
}

/* Whether the TLB's entry serves the access without a walk: a write also needs the dirty flag. */
static inline bool x64i_tlb_serves(const struct x64i_paging *paging, unsigned flags,
                                   unsigned access)
{
    if ((access & X64I_ACCESS_WRITE) && !(flags & X64I_TLB_DIRTY))
        return false;
    return x64i_paging_permits(paging, flags, access);
}

/* After the TLB was filled or replaced, or paging changed: another entry may be the one to find. */
static inline void x64i_mmu_forget_recent(struct x64i_mmu *mmu)
{
    for (unsigned i = 0; i < X64I_MMU_RECENT; i++)
        mmu->recent[i].entry = NULL;
}

/* Where a page's recently found entry is remembered. */
static inline struct x64i_mmu_recent *x64i_mmu_recent_slot(struct x64i_mmu *mmu, uint64_t linear)
{
    return &mmu->recent[(linear / X64I_PAGE_SIZE) % X64I_MMU_RECENT];
}

/* The part of x64i_mmu_translate behind its quick probe: the TLB's search, walks, paging off. */
bool x64i_mmu_translate_slowly(struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                               uint64_t *physical, uint32_t *error_code);

/* Whether x64i_mmu_translate would find a translation without a walk. */
bool x64i_mmu_holds(const struct x64i_mmu *mmu, uint64_t linear, unsigned access);

/* PKRU changed: what is derived from entries' rights goes. The TLB stays as it is. */
void x64i_mmu_rights_changed(struct x64i_mmu *mmu);

/*
 * Translates one address. Asks the TLB, walks on a miss, on a write to a page that is not yet dirty
 * and on a permission violation (so that a stale, stricter entry never faults; SDM vol. 3A,
 * 4.10.4.3), sets accessed and dirty bits and fills the TLB.
 *
 * On success stores the physical address and answers true. Otherwise answers false and stores the
 * page fault's error code (enum x64_page_fault_error); entries of this linear address in the
 * current PCID are then gone from the TLB (4.10.4.1).
 */
static inline bool x64i_mmu_translate(struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                                      uint64_t *physical, uint32_t *error_code)
{
    const struct x64i_mmu_recent *recent = x64i_mmu_recent_slot(mmu, linear);
    const struct x64i_tlb_entry *entry = recent->entry;
    if (entry && recent->page == linear / X64I_PAGE_SIZE &&
        x64i_tlb_matches(entry, linear, mmu->paging.pcid) &&
        x64i_tlb_serves(&mmu->paging, entry->flags, access)) {
        *physical = x64i_tlb_physical(entry, linear);
        return true;
    }
    return x64i_mmu_translate_slowly(mmu, linear, access, physical, error_code);
}

/* INVLPG: all translations of the page in the current PCID, and global ones of any PCID. */
void x64i_mmu_invalidate_page(struct x64i_mmu *mmu, uint64_t linear, uint16_t pcid);

/* INVPCID type 0: as INVLPG for the PCID given, but global translations stay. */
void x64i_mmu_invalidate_page_of_pcid(struct x64i_mmu *mmu, uint64_t linear, uint16_t pcid);

/*
 * The engine's pointers into RAM (host_tlb.h). x64i_mmu_host_select puts the context in force that
 * fits the control registers and the rights `access` of data accesses; `misses` makes every access
 * miss. x64i_mmu_host_fill remembers where the RAM behind an access is, when the TLB holds its
 * translation. Both do nothing while there is no engine.
 */
void x64i_mmu_host_select(struct x64i_mmu *mmu, unsigned access, bool misses);
void x64i_mmu_host_fill(struct x64i_mmu *mmu, uint64_t linear, unsigned access);

/*
 * What MOV to CR3, MOV to CR4 and INVPCID leave of the TLB (SDM vol. 3A, 4.10.4.1):
 * X64_FLUSH_PCID is MOV to CR3 (bit 63 clear) and INVPCID type 1, X64_FLUSH_ALL INVPCID type 2 and
 * changes of CR4.PGE, CR4.PCIDE (1 to 0) and CR0.PG, X64_FLUSH_ALL_BUT_GLOBAL INVPCID type 3.
 * X64_FLUSH_PAGE does nothing here. `pcid` counts for X64_FLUSH_PCID only.
 */
void x64i_mmu_flush(struct x64i_mmu *mmu, enum x64_tlb_flush what, uint16_t pcid);

#endif
