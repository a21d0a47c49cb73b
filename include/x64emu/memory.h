/* SPDX-License-Identifier: MIT */
/*
 * The address space of a machine without a kernel: real page tables in guest RAM, built from
 * outside; devices of your own; and why an address does not translate.
 *
 *     x64_map_virt(machine, 0x400000, 0x1000, X64_PROTECT_EXECUTE);
 *     x64_map_virt(machine, 0x600000, 0x2000, X64_PROTECT_WRITE);
 *     x64_memory_write_virt(machine, 0x400000, code, sizeof code);
 *     ...
 *     struct x64_translation t;
 *     if (x64_translate_for(machine, 0x400000, X64_ACCESS_WRITE, &t) == X64_OK && !t.permitted)
 *         printf("%s, error code %u\n", x64_fault_name(t.fault), t.error_code);
 *
 * Functions here change the tables that CR3 points to and flush the guest-visible TLB; where CR3 is
 * 0, they make an empty root first. Addresses and sizes are multiples of 4096. A call does all or
 * nothing, unless the host runs out of memory (X64_ERROR_MEMORY). They may be called from hooks. On
 * a machine with a kernel model, whose tables belong to that, and with paging off they answer
 * X64_ERROR_STATE.
 */
#ifndef X64EMU_MEMORY_H
#define X64EMU_MEMORY_H

#include "x64emu/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a page allows besides being read by the supervisor; a bit set. */
enum x64_protection {
    X64_PROTECT_READ = 0,
    X64_PROTECT_WRITE = 1 << 0,
    X64_PROTECT_EXECUTE = 1 << 1,
    X64_PROTECT_USER = 1 << 2 /* at CPL 3, too */
};

/*
 * Maps zeroed RAM at a linear range that is not mapped yet (X64_ERROR_EXISTS). The frames, and
 * those of new page tables, are taken from the top of RAM downwards, below the tables of
 * x64_machine_start: keep your own use of physical memory low. X64_ERROR_LIMIT when RAM may not
 * suffice, X64_ERROR_ARGUMENT for a range that is empty, unaligned or not canonical.
 */
X64_API enum x64_status x64_map_virt(struct x64_machine *machine, uint64_t linear, uint64_t size,
                                     unsigned protection);

/* The same with frames of your choice, RAM or a device's window: nothing of them is changed. */
X64_API enum x64_status x64_map_virt_to_phys(struct x64_machine *machine, uint64_t linear,
                                             uint64_t physical, uint64_t size, unsigned protection);

/* Takes pages out; frames that x64_map_virt took become free. Large pages that lie only partly in
 * the range are split. X64_ERROR_UNMAPPED when a page of the range is not mapped. */
X64_API enum x64_status x64_unmap_virt(struct x64_machine *machine, uint64_t linear, uint64_t size);

/* Changes what mapped pages allow; otherwise as x64_unmap_virt. */
X64_API enum x64_status x64_protect_virt(struct x64_machine *machine, uint64_t linear,
                                         uint64_t size, unsigned protection);

/* How memory would be touched; a bit set. Privilege: supervisor with EFLAGS.AC = 0 (so SMAP
 * counts), or user. */
enum x64_access {
    X64_ACCESS_READ = 0,
    X64_ACCESS_WRITE = 1 << 0,
    X64_ACCESS_EXECUTE = 1 << 1,
    X64_ACCESS_USER = 1 << 2
};

/* One paging-structure entry on the way (SDM vol. 3A, 4.5). */
struct x64_walk_entry {
    uint64_t physical; /* where it lies */
    uint64_t value;
    unsigned level; /* 4: PML4E ... 1: PTE */
};

/* What an access would meet. */
struct x64_translation {
    bool permitted;
    enum x64_fault fault; /* where not: X64_FAULT_PF, or _GP for an address that is not canonical */
    uint32_t error_code;  /* of that #PF: enum x64_page_fault_error */
    uint64_t physical;    /* where permitted, as are the next five */
    uint64_t page_size;   /* bytes; 0 with paging off */
    bool writable, user, executable; /* of the page, by all levels together */
    bool in_tlb;                     /* the TLB holds a translation that serves the access ... */
    uint64_t tlb_physical;           /* ... and leads here, stale or not */
    unsigned entry_count;            /* entries read, also of a walk that failed */
    struct x64_walk_entry entry[4];  /* the last one is where it ended */
};

/* Walks the page tables for such an access, changing nothing, and says what came of it. X64_OK also
 * for an access that faults. */
X64_API enum x64_status x64_translate_for(struct x64_machine *machine, uint64_t linear,
                                          unsigned access, struct x64_translation *translation);

/*
 * A device of yours at physical addresses, over RAM or nothing. Accesses are 1, 2, 4 or 8 bytes at
 * an offset inside the window. What `read` answers is recorded like other outside input, and
 * `write` is output: when the machine goes back and forth, neither is called again for what already
 * happened. So the device's own state stays where the furthest run has brought it; it is in no
 * snapshot, hash or file, and a fork has no such devices until you add them to it. The callbacks
 * must not call into the machine, but for x64_stop_request.
 */
struct x64_mmio {
    size_t struct_size;
    uint64_t physical; /* any address */
    uint64_t size;     /* bytes */
    void *user;
    uint64_t (*read)(void *user, uint64_t offset, unsigned size);
    void (*write)(void *user, uint64_t offset, unsigned size, uint64_t value);
};

/* At most 16 windows, for the machine's life. A new history begins here. X64_ERROR_EXISTS when it
 * overlaps another window, X64_ERROR_LIMIT. */
X64_API enum x64_status x64_mmio_add(struct x64_machine *machine, const struct x64_mmio *mmio);

#ifdef __cplusplus
}
#endif

#endif
