/* SPDX-License-Identifier: MIT */
/* Memory from outside, and the simplest address space to start in. */
#include "machine.h"

#include "cpu/operand.h"

#include <string.h>

#define PTE_PRESENT  0x1u
#define PTE_WRITABLE 0x2u
#define PTE_LARGE    0x80u
#define LARGE_PAGE   (UINT64_C(1) << 21)
#define TABLE_SPAN   (UINT64_C(1) << 30) /* what one page directory maps */

enum x64_status x64_memory_read_phys(const struct x64_machine *machine, uint64_t physical,
                                     void *buffer, size_t size)
{
    if (!machine || !buffer)
        return X64_ERROR_ARGUMENT;
    return x64i_physical_peek(&machine->cpu.mmu.physical, physical, buffer, size)
               ? X64_OK
               : X64_ERROR_UNMAPPED;
}

enum x64_status x64_memory_write_phys(struct x64_machine *machine, uint64_t physical,
                                      const void *bytes, size_t size)
{
    if (!machine || !bytes)
        return X64_ERROR_ARGUMENT;
    if (!x64i_physical_poke(&machine->cpu.mmu.physical, physical, bytes, size))
        return X64_ERROR_UNMAPPED;
    x64i_machine_changed(machine);
    return X64_OK;
}

enum x64_status x64_translate(struct x64_machine *machine, uint64_t linear, uint64_t *physical)
{
    uint32_t error;
    uint64_t found;
    if (!machine || !physical)
        return X64_ERROR_ARGUMENT;
    /* Who looks from outside is not held off the user's pages by SMAP. */
    const unsigned access = X64I_ACCESS_PEEK | X64I_ACCESS_SMAP_OFF;
    if (!x64i_is_canonical(linear) ||
        !x64i_mmu_translate(&machine->cpu.mmu, linear, access, &found, &error))
        return X64_ERROR_UNMAPPED;
    *physical = found;
    return X64_OK;
}

/* Visits a linear range page by page; every page is translated before the first is touched. */
static enum x64_status for_pages(struct x64_machine *machine, uint64_t linear, size_t size,
                                 uint8_t *buffer, const uint8_t *bytes)
{
    struct x64i_physical *memory = &machine->cpu.mmu.physical;
    for (size_t at = 0; at < size;) {
        uint64_t physical;
        size_t piece = X64I_PAGE_SIZE - ((linear + at) & (X64I_PAGE_SIZE - 1));
        if (piece > size - at)
            piece = size - at;
        if (x64_translate(machine, linear + at, &physical) != X64_OK)
            return X64_ERROR_UNMAPPED;
        bool there = true;
        if (buffer)
            there = x64i_physical_peek(memory, physical, buffer + at, piece);
        else if (bytes)
            there = x64i_physical_poke(memory, physical, bytes + at, piece);
        else
            there = physical < memory->ram_size && memory->ram_size - physical >= piece;
        if (!there)
            return X64_ERROR_UNMAPPED;
        at += piece;
    }
    return X64_OK;
}

enum x64_status x64_memory_read_virt(struct x64_machine *machine, uint64_t linear, void *buffer,
                                     size_t size)
{
    if (!machine || !buffer)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = for_pages(machine, linear, size, NULL, NULL);
    return status == X64_OK ? for_pages(machine, linear, size, buffer, NULL) : status;
}

enum x64_status x64_memory_write_virt(struct x64_machine *machine, uint64_t linear,
                                      const void *bytes, size_t size)
{
    if (!machine || !bytes)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = for_pages(machine, linear, size, NULL, NULL);
    if (status == X64_OK)
        status = for_pages(machine, linear, size, NULL, bytes);
    if (status == X64_OK)
        x64i_machine_changed(machine);
    return status;
}

static bool write_entry(struct x64_machine *machine, uint64_t table, uint64_t index, uint64_t entry)
{
    return x64i_physical_poke(&machine->cpu.mmu.physical, table + index * 8, &entry, sizeof entry);
}

/* Identity mapping in 2 MiB pages, its tables in the last pages of RAM. Answers CR3, or 0 when RAM
 * is too small to hold them. */
static uint64_t map_identity(struct x64_machine *machine)
{
    uint64_t size = machine->config.memory_size;
    uint64_t directories = (size + TABLE_SPAN - 1) / TABLE_SPAN;
    uint64_t bytes = (2 + directories) * X64I_PAGE_SIZE;
    if (bytes >= size)
        return 0;
    uint64_t root = size - bytes;
    uint64_t pointers = root + X64I_PAGE_SIZE;
    uint64_t directory = pointers + X64I_PAGE_SIZE;
    const uint64_t table_flags = PTE_PRESENT | PTE_WRITABLE;
    bool done = write_entry(machine, root, 0, pointers | table_flags);
    for (uint64_t i = 0; i < directories; i++)
        done &= write_entry(machine, pointers, i, (directory + i * X64I_PAGE_SIZE) | table_flags);
    for (uint64_t at = 0; at < size; at += LARGE_PAGE)
        done &= write_entry(machine, directory, at / LARGE_PAGE, at | table_flags | PTE_LARGE);
    done &= x64i_map_frames_reset(&machine->frames, root / X64I_PAGE_SIZE);
    return done ? root : 0;
}

enum x64_status x64_machine_start(struct x64_machine *machine, uint64_t rip, uint64_t rsp)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    uint64_t root = map_identity(machine);
    if (!root)
        return X64_ERROR_LIMIT;
    uint64_t steps = machine->cpu.s.steps;
    x64i_cpu_reset_long_mode(&machine->cpu, root);
    machine->cpu.s.steps = steps;
    machine->cpu.s.rip = rip;
    machine->cpu.s.gpr[X64_RSP] = rsp;
    x64i_machine_changed(machine);
    return X64_OK;
}

struct tlb_visit {
    void (*visit)(void *user, const struct x64_tlb_translation *translation);
    void *user;
};

static void visit_entry(void *user, const struct x64i_tlb_entry *entry)
{
    const struct tlb_visit *to = user;
    struct x64_tlb_translation translation = {
        .linear = entry->linear,
        .physical = entry->physical,
        .size = UINT64_C(1) << entry->page_bits,
        .pcid = entry->pcid,
        .global = entry->flags & X64I_TLB_GLOBAL,
        .writable = entry->flags & X64I_TLB_WRITABLE,
        .user = entry->flags & X64I_TLB_USER,
        .executable = !(entry->flags & X64I_TLB_NO_EXECUTE),
        .dirty = entry->flags & X64I_TLB_DIRTY,
    };
    to->visit(to->user, &translation);
}

enum x64_status
x64_tlb_visit(const struct x64_machine *machine,
              void (*visit)(void *user, const struct x64_tlb_translation *translation), void *user)
{
    if (!machine || !visit)
        return X64_ERROR_ARGUMENT;
    struct tlb_visit to = {.visit = visit, .user = user};
    x64i_tlb_visit(&machine->cpu.mmu.tlb, visit_entry, &to);
    return X64_OK;
}

bool x64i_native_return(struct x64_machine *machine, uint64_t rax)
{
    struct x64i_cpu *cpu = &machine->cpu;
    uint64_t address;
    if (x64i_pop(cpu, &address, 8) != X64I_DONE)
        return false;
    x64i_set_gpr64(cpu, X64_RAX, rax);
    cpu->next_rip = cpu->s.rip;
    if (x64i_branch(cpu, address) != X64I_DONE)
        return false;
    cpu->s.rip = cpu->next_rip;
    return true;
}
