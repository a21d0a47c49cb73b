/* SPDX-License-Identifier: MIT */
#include "cpu/support/machine.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Check writes down every assertion that holds: too slow for what each step of a test needs. */
#define REQUIRE(condition)                  \
    do {                                    \
        if (!(condition))                   \
            ck_abort_msg("%s", #condition); \
    } while (0)

uint64_t machine_read(struct machine *m, uint64_t address, unsigned size)
{
    uint64_t value = 0;
    REQUIRE(x64i_physical_peek(&m->cpu.mmu.physical, address, &value, size));
    return value;
}

void machine_write(struct machine *m, uint64_t address, unsigned size, uint64_t value)
{
    REQUIRE(x64i_physical_poke(&m->cpu.mmu.physical, address, &value, size));
}

static void build_pages(struct machine *m)
{
    const uint64_t table = X64_PF_PRESENT | X64_PF_WRITE | X64_PF_USER;
    machine_write(m, MACHINE_ROOT, 8, (MACHINE_ROOT + 0x1000u) | table);
    machine_write(m, MACHINE_ROOT + 0x1000u, 8, (MACHINE_ROOT + 0x2000u) | table);
    machine_write(m, MACHINE_ROOT + 0x2000u, 8, MACHINE_PAGE_TABLE | table);
    for (uint64_t page = 0; page < MACHINE_RAM; page += 0x1000) {
        uint64_t user = page >= MACHINE_USER ? 4 : 0;
        machine_write(m, MACHINE_PAGE_TABLE + page / 0x1000 * 8, 8, page | 3 | user);
    }
}

uint64_t machine_descriptor(struct machine *m, uint16_t selector)
{
    uint64_t table = selector & 4 ? MACHINE_LDT : MACHINE_GDT;
    return machine_read(m, table + (selector & 0xfff8u), 8);
}

void machine_set_descriptor(struct machine *m, uint16_t selector, uint64_t raw)
{
    uint64_t table = selector & 4 ? MACHINE_LDT : MACHINE_GDT;
    machine_write(m, table + (selector & 0xfff8u), 8, raw);
}

static void build_gdt(struct machine *m)
{
    static const struct {
        uint16_t selector;
        uint64_t raw;
    } rows[] = {
        {SELECTOR_KERNEL_CODE, 0x00af9b000000ffff},
        {SELECTOR_KERNEL_DATA, 0x00cf93000000ffff},
        {SELECTOR_USER_CODE_32, 0x00cffb000000ffff},
        {SELECTOR_USER_DATA, 0x00cff3000000ffff},
        {SELECTOR_USER_CODE, 0x00affb000000ffff},
        {SELECTOR_KERNEL_CODE_32, 0x00cf9b000000ffff},
        {SELECTOR_USER_CODE_16, 0x0000fb000000ffff},
        {SELECTOR_TSS, 0x00008b0000000067 | (uint64_t)MACHINE_TSS << 16},
        {SELECTOR_LDT, 0x000082000000000f | (uint64_t)MACHINE_LDT << 16},
        {SELECTOR_CONFORMING, 0x00af9f000000ffff},
        {SELECTOR_RING1_CODE, 0x00afbb000000ffff},
        {SELECTOR_RING1_DATA, 0x00cfb3000000ffff},
        {SELECTOR_RING2_CODE, 0x00afdb000000ffff},
        {SELECTOR_RING2_DATA, 0x00cfd3000000ffff},
        {SELECTOR_ABSENT_CODE, 0x00af1b000000ffff},
        {SELECTOR_ABSENT_DATA, 0x00cf73000000ffff},
        {SELECTOR_EXECUTE_ONLY, 0x00aff9000000ffff},
        {SELECTOR_READ_ONLY, 0x00cff1000000ffff},
        {SELECTOR_LONG_AND_BIG, 0x00ef9b000000ffff},
        {SELECTOR_CALL_GATE, 0x0002ec0000080000},
        {SELECTOR_CALL_GATE + 8, 0},
        {SELECTOR_SPARE_TSS, 0x0000890000000067 | (uint64_t)MACHINE_TSS << 16},
        {SELECTOR_USER_DATA_16, 0x0000f3000000ffff},
        {SELECTOR_CONFORMING_3, 0x00afff000000ffff},
        {SELECTOR_KERNEL_DATA_32, 0x0040930700000fff},
        {SELECTOR_IN_LDT, 0x00cff2000000ffff},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        machine_set_descriptor(m, rows[i].selector, rows[i].raw);
}

static void build_tss(struct machine *m)
{
    machine_write(m, MACHINE_TSS + 4, 8, MACHINE_RSP0);
    machine_write(m, MACHINE_TSS + 12, 8, MACHINE_RSP1);
    machine_write(m, MACHINE_TSS + 20, 8, MACHINE_RSP2);
    for (unsigned i = 1; i <= 7; i++)
        machine_write(m, MACHINE_TSS + 28 + 8 * i, 8, MACHINE_IST(i));
    machine_write(m, MACHINE_TSS + 102, 2, 0x68);
}

uint64_t machine_handler(unsigned vector)
{
    return MACHINE_HANDLERS + 16 * vector;
}

struct machine_gate machine_default_gate(unsigned vector)
{
    return (struct machine_gate){.offset = machine_handler(vector),
                                 .selector = SELECTOR_KERNEL_CODE,
                                 .type = X64I_SYSTEM_INTERRUPT_GATE,
                                 .present = true};
}

void machine_set_gate(struct machine *m, unsigned vector, struct machine_gate gate)
{
    uint64_t type = (uint64_t)(gate.type | gate.dpl << 5 | gate.present << 7);
    uint64_t low = (gate.offset & 0xffff) | (uint64_t)gate.selector << 16 |
                   (uint64_t)gate.ist << 32 | type << 40 | (gate.offset >> 16 & 0xffff) << 48;
    machine_write(m, MACHINE_IDT + 16 * vector, 8, low);
    machine_write(m, MACHINE_IDT + 16 * vector + 8, 8, gate.offset >> 32);
}

static void build_idt(struct machine *m)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        machine_set_gate(m, vector, machine_default_gate(vector));
        machine_write(m, machine_handler(vector), 8, 0x9090909090909090);
    }
}

static void set_msrs(struct machine *m)
{
    uint64_t *value = m->cpu.msr.values.value;
    value[X64I_MSR_EFER] |= X64I_EFER_SCE;
    value[X64I_MSR_STAR] = (uint64_t)SELECTOR_USER_CODE_32 << 48 | (uint64_t)SELECTOR_KERNEL_CODE
                                                                       << 32;
    value[X64I_MSR_LSTAR] = MACHINE_KERNEL_CODE + 0x100;
    value[X64I_MSR_CSTAR] = MACHINE_KERNEL_CODE + 0x200;
    value[X64I_MSR_FMASK] = X64I_TF | X64I_IF | X64I_DF | X64I_NT | X64I_AC;
}

struct machine *machine_create(const char *model)
{
    struct machine *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    const struct x64i_cpu_model *row = x64i_cpu_model_find(model);
    ck_assert_ptr_nonnull(row);
    ck_assert_int_eq(x64i_state_create(&m->state), X64_OK);
    ck_assert_int_eq(x64i_cpu_init(&m->cpu, m->state, row, MACHINE_RAM), X64_OK);
    build_pages(m);
    build_gdt(m);
    build_tss(m);
    build_idt(m);
    x64i_cpu_reset_long_mode(&m->cpu, MACHINE_ROOT);
    set_msrs(m);
    m->cpu.s.gdtr = (struct x64i_table){.base = MACHINE_GDT, .limit = MACHINE_GDT_LIMIT};
    m->cpu.s.idtr = (struct x64i_table){.base = MACHINE_IDT, .limit = 0xfff};
    machine_load_segment(m, X64_TR, SELECTOR_TSS);
    machine_load_segment(m, X64_LDTR, SELECTOR_LDT);
    machine_enter(m, MACHINE_KERNEL_64);
    m->cpu.effects = &m->effects;
    m->cpu.mmu.effects = &m->effects;
    return m;
}

void machine_destroy(struct machine *m)
{
    x64i_cpu_destroy(&m->cpu);
    x64i_state_destroy(m->state);
    free(m);
}

void machine_load_segment(struct machine *m, enum x64_segment_register index, uint16_t selector)
{
    struct x64i_descriptor descriptor = {.segment = {.selector = selector}};
    if (!x64i_selector_is_null(selector))
        REQUIRE(x64i_descriptor_load(&m->cpu, selector, false, &descriptor) == X64I_DONE);
    x64i_set_segment(&m->cpu, index, &descriptor.segment);
}

void machine_enter(struct machine *m, enum machine_mode mode)
{
    static const struct {
        uint16_t code, data;
        uint64_t rip, rsp;
    } modes[] = {
        [MACHINE_KERNEL_64] = {SELECTOR_KERNEL_CODE, SELECTOR_KERNEL_DATA, MACHINE_KERNEL_CODE,
                               MACHINE_KERNEL_STACK},
        [MACHINE_USER_64] = {SELECTOR_USER_CODE | 3, SELECTOR_USER_DATA | 3, MACHINE_USER_CODE,
                             MACHINE_USER_STACK},
        [MACHINE_KERNEL_32] = {SELECTOR_KERNEL_CODE_32, SELECTOR_KERNEL_DATA, MACHINE_KERNEL_CODE,
                               MACHINE_KERNEL_STACK},
        [MACHINE_USER_32] = {SELECTOR_USER_CODE_32 | 3, SELECTOR_USER_DATA | 3, MACHINE_USER_CODE,
                             MACHINE_USER_STACK},
    };
    static const uint8_t data[] = {X64_SS, X64_DS, X64_ES, X64_FS, X64_GS};
    machine_load_segment(m, X64_CS, modes[mode].code);
    for (size_t i = 0; i < sizeof data; i++)
        machine_load_segment(m, data[i], modes[mode].data);
    x64i_set_cpl(&m->cpu, modes[mode].code & 3);
    m->cpu.s.rip = modes[mode].rip;
    m->cpu.s.gpr[X64_RSP] = modes[mode].rsp;
}

void machine_code(struct machine *m, const char *hex)
{
    uint64_t at = m->cpu.s.rip;
    for (const char *p = hex; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        const char pair[3] = {p[0], p[1], 0};
        machine_write(m, at++, 1, strtoul(pair, NULL, 16));
        p += 2;
    }
}

void machine_step(struct machine *m)
{
    REQUIRE(x64i_cpu_step(&m->cpu));
}

static uint64_t page_entry(uint64_t linear)
{
    return MACHINE_PAGE_TABLE + linear / 0x1000 * 8;
}

static void change_page(struct machine *m, uint64_t linear, uint64_t cleared)
{
    uint64_t entry = page_entry(linear);
    machine_write(m, entry, 8, machine_read(m, entry, 8) & ~cleared);
    x64i_mmu_flush(&m->cpu.mmu, X64_FLUSH_ALL, 0);
}

void machine_unmap(struct machine *m, uint64_t linear)
{
    change_page(m, linear, X64_PF_PRESENT);
}

void machine_protect(struct machine *m, uint64_t linear)
{
    change_page(m, linear, X64_PF_WRITE);
}

static bool is_effect(const struct x64_effect *effect, enum x64_effect_kind kind, int index)
{
    return effect->kind == kind && (index < 0 || effect->index == (uint32_t)index);
}

unsigned machine_count(const struct machine *m, enum x64_effect_kind kind, int index)
{
    unsigned count = 0;
    for (size_t i = 0; i < m->effects.count; i++)
        count += is_effect(&m->effects.items[i], kind, index);
    return count;
}

const struct x64_effect *machine_effect(const struct machine *m, enum x64_effect_kind kind,
                                        int index)
{
    for (size_t i = 0; i < m->effects.count; i++)
        if (is_effect(&m->effects.items[i], kind, index))
            return &m->effects.items[i];
    ck_abort_msg("no effect of kind %d, index %d", kind, index);
}

void machine_expect_fault(struct machine *m, enum x64_fault fault, int64_t error_code, uint64_t rip)
{
    machine_step(m);
    const struct x64i_cpu_state *s = &m->cpu.s;
    ck_assert_msg(s->rip == machine_handler(fault), "%s: at 0x%llx instead, in step kind %u",
                  x64_fault_name(fault), (unsigned long long)s->rip, m->cpu.step.kind);
    uint64_t frame = s->gpr[X64_RSP];
    if (error_code >= 0) {
        ck_assert_uint_eq(machine_read(m, frame, 8), (uint64_t)error_code);
        frame += 8;
    }
    ck_assert_uint_eq(machine_read(m, frame, 8), rip);
    ck_assert_uint_eq((frame + 40) % 16, 0);
}
