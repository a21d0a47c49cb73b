/* SPDX-License-Identifier: MIT */
#include "oracle/guest.h"

#include "oracle/states.h"
#include "oracle/x87_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_SIZE UINT64_C(0x200000)

/* Physical addresses; page tables are allocated from TABLES on. */
#define SYSTEM_PHYSICAL 0x10000u /* GDT, TSS, IDT, kernel stack: mapped at SYSTEM_LINEAR */
#define DATA_PHYSICAL   0x20000u
#define CODE_PHYSICAL   0x30000u
#define RETURN_PHYSICAL 0x38000u /* as the host's trampoline */
#define TABLES          0x100000u

/* What the process cannot see: addresses of the kernel's half. */
#define SYSTEM_LINEAR       UINT64_C(0xfffffe0000000000)
#define SYSTEM_PAGES        4u
#define GDT_OFFSET          0x0000u
#define TSS_OFFSET          0x0800u
#define IDT_OFFSET          0x1000u
#define STACK_END           0x3000u
#define HANDLERS            0x3000u /* one byte of address for each vector */
#define TSS_LIMIT           0x67u
#define MAX_REPEATS         4096u
#define NO_PROGRESS         0xfffffffeu /* not a vector: the machine stopped or never ended */
#define PAGE_PRESENT        1u
#define PAGE_WRITABLE       2u
#define PAGE_USER           4u
#define PAGE_SUPERVISOR_ALL (PAGE_PRESENT | PAGE_WRITABLE | 0x60u)

/* Linux's selectors (arch/x86/include/asm/segment.h). */
#define KERNEL_CS    0x10u
#define USER_DS      0x2bu
#define USER_CS      0x33u
#define TSS_SELECTOR 0x40u

struct oracle_guest {
    struct x64i_state *state;
    struct x64i_cpu cpu;
    struct x64i_cpu_state start; /* before every case; registers are filled in */
    uint64_t next_table;
    uint8_t pristine[ORACLE_DATA_SIZE];
    uint8_t data[ORACLE_DATA_SIZE];
    uint32_t extended_mask;
    struct oracle_layout layout;
};

static uint64_t read_physical(struct oracle_guest *guest, uint64_t address)
{
    return x64i_physical_read(&guest->cpu.mmu.physical, address, 8);
}

static void write_physical(struct oracle_guest *guest, uint64_t address, uint64_t value)
{
    x64i_physical_write(&guest->cpu.mmu.physical, address, 8, value);
}

/* Maps one page; accessed and dirty bits are set already, so that no case differs by them. */
static void map_page(struct oracle_guest *guest, uint64_t linear, uint64_t physical, uint64_t flags)
{
    uint64_t table = TABLES;
    for (unsigned level = 3; level > 0; level--) {
        uint64_t slot = table + (linear >> (12 + 9 * level) & 511) * 8;
        uint64_t entry = read_physical(guest, slot);
        if (!(entry & PAGE_PRESENT)) {
            entry = guest->next_table | PAGE_SUPERVISOR_ALL | PAGE_USER;
            guest->next_table += ORACLE_PAGE;
            write_physical(guest, slot, entry);
        }
        table = entry & UINT64_C(0xffffffffff000);
    }
    write_physical(guest, table + (linear >> 12 & 511) * 8, physical | flags | 0x60);
}

static void map_arena(struct oracle_guest *guest)
{
    const uint64_t no_execute = UINT64_C(1) << 63;
    const uint64_t data = PAGE_PRESENT | PAGE_USER | no_execute;
    for (uint32_t page = 0; page < ORACLE_DATA_PAGES; page++)
        map_page(guest, oracle_data_address(page * ORACLE_PAGE), DATA_PHYSICAL + page * ORACLE_PAGE,
                 data | (page == 2 ? 0 : PAGE_WRITABLE));
    for (uint32_t page = 0; page < ORACLE_CODE_PAGES; page++)
        map_page(guest, ORACLE_ARENA_CODE + page * ORACLE_PAGE, CODE_PHYSICAL + page * ORACLE_PAGE,
                 PAGE_PRESENT | PAGE_USER);
    map_page(guest, ORACLE_ARENA_RETURN, RETURN_PHYSICAL, PAGE_PRESENT | PAGE_USER);
    for (uint32_t page = 0; page < SYSTEM_PAGES; page++)
        map_page(guest, SYSTEM_LINEAR + page * ORACLE_PAGE, SYSTEM_PHYSICAL + page * ORACLE_PAGE,
                 PAGE_PRESENT | PAGE_WRITABLE);
}

static bool is_for_user(uint64_t descriptor)
{
    return (descriptor >> 45 & 3) == 3; /* DPL */
}

/* Whether the host's GDT has a descriptor for user mode there: kernels without 32-bit programs lack
 * their code segment. */
static bool host_knows(uint16_t selector)
{
    uint32_t rights = 0;
    bool known;
    __asm__("lar %[selector], %[rights]"
            : [rights] "+r"(rights), "=@ccz"(known)
            : [selector] "r"((uint32_t)selector));
    return known;
}

static void write_descriptors(struct oracle_guest *guest)
{
    static const struct {
        unsigned selector;
        uint64_t descriptor;
    } gdt[] = {
        {0x08, UINT64_C(0x00cf9b000000ffff)}, {0x10, UINT64_C(0x00af9b000000ffff)},
        {0x18, UINT64_C(0x00cf93000000ffff)}, {0x20, UINT64_C(0x00cffb000000ffff)},
        {0x28, UINT64_C(0x00cff3000000ffff)}, {0x30, UINT64_C(0x00affb000000ffff)},
        {0x78, UINT64_C(0x0040f50000000000)},
    };
    for (size_t i = 0; i < sizeof gdt / sizeof gdt[0]; i++)
        if (!is_for_user(gdt[i].descriptor) || host_knows((uint16_t)(gdt[i].selector | 3)))
            write_physical(guest, SYSTEM_PHYSICAL + GDT_OFFSET + gdt[i].selector,
                           gdt[i].descriptor);
    write_physical(guest, SYSTEM_PHYSICAL + TSS_OFFSET + 4, SYSTEM_LINEAR + STACK_END);
    /* The I/O permission bitmap lies beyond the limit: no port is allowed. */
    write_physical(guest, SYSTEM_PHYSICAL + TSS_OFFSET + 0x60, (uint64_t)(TSS_LIMIT + 1) << 48);
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t handler = SYSTEM_LINEAR + HANDLERS + vector;
        bool for_user = vector == X64_FAULT_BP || vector == X64_FAULT_OF;
        uint64_t gate = (handler & 0xffff) | (uint64_t)KERNEL_CS << 16 |
                        (for_user ? UINT64_C(0xee00) : UINT64_C(0x8e00)) << 32 |
                        (handler >> 16 & 0xffff) << 48;
        write_physical(guest, SYSTEM_PHYSICAL + IDT_OFFSET + vector * 16, gate);
        write_physical(guest, SYSTEM_PHYSICAL + IDT_OFFSET + vector * 16 + 8, handler >> 32);
    }
}

static struct x64i_segment user_segment(uint16_t selector, uint16_t attributes)
{
    return (struct x64i_segment){
        .selector = selector, .attributes = attributes, .limit = 0xffffffffu};
}

/* The state of a process under Linux: CR0.AM set, null DS and ES, FSGSBASE. */
static void prepare_start(struct oracle_guest *guest)
{
    struct x64i_cpu_state *s = &guest->start;
    *s = guest->cpu.s;
    s->cr0 |= X64I_CR0_AM | X64I_CR0_NE;
    s->cr4 |= X64I_CR4_FSGSBASE | X64I_CR4_UMIP | X64I_CR4_OSXSAVE | X64I_CR4_PGE | X64I_CR4_SMEP |
              X64I_CR4_SMAP;
    s->xcr0 = guest->extended_mask;
    s->segment[X64_CS] = user_segment(USER_CS, 0xa0fb);
    s->segment[X64_SS] = user_segment(USER_DS, 0xc0f3);
    s->segment[X64_DS] = s->segment[X64_ES] = (struct x64i_segment){0};
    s->segment[X64_FS] = s->segment[X64_GS] = (struct x64i_segment){0};
    s->segment[X64_TR] = (struct x64i_segment){.selector = TSS_SELECTOR,
                                               .attributes = X64I_SEGMENT_PRESENT | 0xb,
                                               .limit = TSS_LIMIT,
                                               .base = SYSTEM_LINEAR + TSS_OFFSET};
    s->gdtr = (struct x64i_table){.base = SYSTEM_LINEAR + GDT_OFFSET, .limit = 0x7f};
    s->idtr = (struct x64i_table){.base = SYSTEM_LINEAR + IDT_OFFSET, .limit = 0xfff};
    s->cpl = 3;
}

struct oracle_guest *oracle_guest_create(const struct x64i_cpu_model *model,
                                         const struct oracle_shared *host)
{
    struct oracle_guest *guest = calloc(1, sizeof *guest);
    if (!guest)
        return NULL;
    guest->extended_mask = host->extended_mask;
    guest->layout = host->layout;
    guest->next_table = TABLES + ORACLE_PAGE;
    if (x64i_state_create(&guest->state) != X64_OK ||
        x64i_cpu_init(&guest->cpu, guest->state, model, RAM_SIZE) != X64_OK) {
        oracle_guest_destroy(guest);
        return NULL;
    }
    x64i_cpu_reset_long_mode(&guest->cpu, TABLES);
    guest->cpu.msr.values.value[X64I_MSR_EFER] |= X64I_EFER_SCE;
    map_arena(guest);
    write_descriptors(guest);
    prepare_start(guest);
    oracle_fill_pristine(guest->pristine);
    x64i_physical_poke(&guest->cpu.mmu.physical, DATA_PHYSICAL, guest->pristine, ORACLE_DATA_SIZE);
    return guest;
}

void oracle_guest_destroy(struct oracle_guest *guest)
{
    if (!guest)
        return;
    x64i_cpu_destroy(&guest->cpu);
    x64i_state_destroy(guest->state);
    free(guest);
}

/* How many vector registers there are, and of how many bytes. */
static unsigned vector_count(const struct oracle_guest *guest)
{
    return guest->extended_mask & ORACLE_AVX512 ? 32 : 16;
}

static unsigned vector_bytes(const struct oracle_guest *guest)
{
    return guest->extended_mask & ORACLE_AVX512 ? 64 : guest->extended_mask & 4 ? 32 : 16;
}

static void load_extended(struct oracle_guest *guest, const uint8_t *extended)
{
    struct x64i_cpu_state *s = &guest->cpu.s;
    oracle_load_x87(s, extended);
    memcpy(&s->mxcsr, extended + 24, sizeof s->mxcsr);
    for (unsigned i = 0; i < vector_count(guest); i++)
        for (unsigned at = 0; at < vector_bytes(guest); at += 16)
            memcpy(&s->vector[i].lane[at / 8],
                   extended + oracle_vector_offset(&guest->layout, i, at), 16);
    if (guest->extended_mask & ORACLE_AVX512)
        memcpy(s->opmask, extended + guest->layout.opmask, sizeof s->opmask);
}

static void store_extended(const struct oracle_guest *guest, uint8_t *extended)
{
    const struct x64i_cpu_state *s = &guest->cpu.s;
    oracle_store_x87(&guest->cpu, extended);
    memcpy(extended + 24, &s->mxcsr, sizeof s->mxcsr);
    for (unsigned i = 0; i < vector_count(guest); i++)
        for (unsigned at = 0; at < vector_bytes(guest); at += 16)
            memcpy(extended + oracle_vector_offset(&guest->layout, i, at),
                   &s->vector[i].lane[at / 8], 16);
    if (guest->extended_mask & ORACLE_AVX512)
        memcpy(extended + guest->layout.opmask, s->opmask, sizeof s->opmask);
}

void oracle_guest_load_code(struct oracle_guest *guest, const struct oracle_shared *shared)
{
    struct x64i_physical *physical = &guest->cpu.mmu.physical;
    x64i_physical_poke(physical, CODE_PHYSICAL, shared->code, sizeof shared->code);
    x64i_physical_poke(physical, RETURN_PHYSICAL, shared->trampoline, sizeof shared->trampoline);
}

static void load_case(struct oracle_guest *guest, const struct oracle_case *c)
{
    struct x64i_cpu *cpu = &guest->cpu;
    cpu->s = guest->start;
    memcpy(cpu->s.gpr, c->before.gpr, sizeof cpu->s.gpr);
    cpu->s.rip = c->before.rip;
    cpu->s.rflags = c->before.rflags;
    cpu->s.segment[X64_FS].base = c->before.fs_base;
    cpu->s.segment[X64_GS].base = c->before.gs_base;
    load_extended(guest, c->before.extended);
    for (unsigned i = 0; i < ORACLE_PATCHES; i++)
        if (c->patch[i].size)
            x64i_physical_poke(&cpu->mmu.physical, DATA_PHYSICAL + c->patch[i].offset,
                               c->patch[i].bytes, c->patch[i].size);
    x64i_cpu_refresh(cpu);
}

/* An exception was delivered: the handler's address tells the vector, the frame the rest. */
static void note_delivery(struct oracle_guest *guest, struct oracle_result *result)
{
    const struct x64i_cpu_state *s = &guest->cpu.s;
    uint64_t frame = s->gpr[X64_RSP] - SYSTEM_LINEAR + SYSTEM_PHYSICAL;
    result->vector = (uint32_t)(s->rip - SYSTEM_LINEAR - HANDLERS);
    if (x64_fault_has_error_code((enum x64_fault)result->vector)) {
        result->error_code = (uint32_t)read_physical(guest, frame);
        frame += 8;
    }
    if (result->vector == X64_FAULT_PF)
        result->cr2 = s->cr2;
    result->after.rip = read_physical(guest, frame);
    result->after.selector[X64_CS] = (uint16_t)read_physical(guest, frame + 8);
    result->after.rflags = read_physical(guest, frame + 16);
    result->after.gpr[X64_RSP] = read_physical(guest, frame + 24);
    result->after.selector[X64_SS] = (uint16_t)read_physical(guest, frame + 32);
}

static void collect_changes(struct oracle_guest *guest, struct oracle_result *result)
{
    struct x64i_physical *physical = &guest->cpu.mmu.physical;
    x64i_physical_peek(physical, DATA_PHYSICAL, guest->data, ORACLE_DATA_SIZE);
    result->changed_count = 0;
    for (uint32_t page = 0; page < ORACLE_DATA_SIZE; page += ORACLE_PAGE) {
        if (memcmp(guest->data + page, guest->pristine + page, ORACLE_PAGE) == 0)
            continue;
        for (uint32_t at = page; at < page + ORACLE_PAGE; at += ORACLE_LINE) {
            if (memcmp(guest->data + at, guest->pristine + at, ORACLE_LINE) == 0)
                continue;
            if (result->changed_count < ORACLE_CHANGED_LINES) {
                result->changed[result->changed_count] = (uint16_t)(at / ORACLE_LINE);
                memcpy(result->line[result->changed_count], guest->data + at, ORACLE_LINE);
            }
            result->changed_count++;
            x64i_physical_poke(physical, DATA_PHYSICAL + at, guest->pristine + at, ORACLE_LINE);
        }
    }
}

void oracle_guest_run(struct oracle_guest *guest, const struct oracle_case *c,
                      struct oracle_result *result)
{
    struct x64i_cpu *cpu = &guest->cpu;
    load_case(guest, c);
    bool stepped = x64i_cpu_step(cpu);
    for (unsigned i = 0; stepped && cpu->step.kind == X64_STEP_REPEAT && i < MAX_REPEATS; i++)
        stepped = x64i_cpu_step(cpu);
    result->outcome = ORACLE_RAN;
    result->vector = ORACLE_NO_VECTOR;
    result->error_code = 0;
    result->cr2 = 0;
    memcpy(result->after.gpr, cpu->s.gpr, sizeof result->after.gpr);
    result->after.rip = cpu->s.rip;
    result->after.rflags = cpu->s.rflags;
    result->after.fs_base = cpu->s.segment[X64_FS].base;
    result->after.gs_base = cpu->s.segment[X64_GS].base;
    for (unsigned i = X64_ES; i <= X64_GS; i++)
        result->after.selector[i] = cpu->s.segment[i].selector;
    store_extended(guest, result->after.extended);
    if (!stepped || cpu->s.activity == X64I_SHUTDOWN || cpu->step.kind == X64_STEP_REPEAT)
        result->vector = NO_PROGRESS;
    else if (cpu->s.cpl == 0 && cpu->s.rip - SYSTEM_LINEAR - HANDLERS < 256)
        note_delivery(guest, result);
    collect_changes(guest, result);
}
