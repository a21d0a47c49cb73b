/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers, descriptor-table registers, LMSW, SMSW, CLAC, STAC. Sections are
 * those of the SDM: vol. 3A 2.5 (control registers), 4.10.1 (PCIDs), 9.8.5 (IA-32e activation),
 * vol. 3B 17.2 (debug registers), vol. 2 (the instructions' pages).
 */
#include "cpu/isa_handlers.h"
#include "cpu/support/machine.h"
#include "support/suite.h"

#define CR0_RESET 0x80010033ull
#define CR4_RESET 0x620ull
#define LME_LMA   (X64I_EFER_LME | X64I_EFER_LMA)

static const char *const write_code[9] = {
    [0] = "0f 22 c0", [2] = "0f 22 d0", [3] = "0f 22 d8", [4] = "0f 22 e0", [8] = "44 0f 22 c0"};
static const char *const read_code[9] = {
    [0] = "0f 20 c0", [2] = "0f 20 d0", [3] = "0f 20 d8", [4] = "0f 20 e0", [8] = "44 0f 20 c0"};

static uint64_t *control(struct machine *m, unsigned index)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    uint64_t *const fields[] = {
        [0] = &s->cr0, [2] = &s->cr2, [3] = &s->cr3, [4] = &s->cr4, [8] = &s->cr8};
    return fields[index];
}

/* MOV to a control register from RAX. Zero in cr0, cr3, cr4 leaves the fixture's value. */
struct control_vector {
    const char *section;
    const char *model;
    enum machine_mode mode;
    unsigned index;
    uint64_t cr3, cr4;
    uint64_t value;
    enum x64_fault fault;
    uint64_t after;
};

#define GP X64_FAULT_GP
#define OK X64_FAULT_NONE

static const struct control_vector control_vectors[] = {
    /* CR0. */
    {"2.5 CR0: upper half reserved", "skylake", MACHINE_KERNEL_64, 0, 0, 0, CR0_RESET | 1ull << 32,
     GP, 0},
    {"2.5 CR0: reserved bits ignored", "skylake", MACHINE_KERNEL_64, 0, 0, 0, 0x8001ff73, OK,
     CR0_RESET},
    {"2.5 CR0: ET is one", "skylake", MACHINE_KERNEL_64, 0, 0, 0, CR0_RESET & ~0x10ull, OK,
     CR0_RESET},
    {"2.5 CR0: NW without CD", "skylake", MACHINE_KERNEL_64, 0, 0, 0, CR0_RESET | X64I_CR0_NW, GP,
     0},
    {"2.5 CR0: NW with CD", "skylake", MACHINE_KERNEL_64, 0, 0, 0,
     CR0_RESET | X64I_CR0_NW | X64I_CR0_CD, OK, CR0_RESET | X64I_CR0_NW | X64I_CR0_CD},
    {"2.5 CR0: PG without PE", "skylake", MACHINE_KERNEL_64, 0, 0, 0, CR0_RESET & ~1ull, GP, 0},
    {"vol. 2 MOV: PG cleared in 64-bit mode", "skylake", MACHINE_KERNEL_64, 0, 0, 0,
     CR0_RESET & ~X64I_CR0_PG, GP, 0},
    {"4.10.1: PG cleared with PCIDE", "skylake", MACHINE_KERNEL_32, 0, 0,
     CR4_RESET | X64I_CR4_PCIDE, CR0_RESET & ~X64I_CR0_PG, GP, 0},
    {"2.5 CR0: WP, AM, TS, EM", "zen3", MACHINE_KERNEL_64, 0, 0, 0, 0x8004003f, OK, 0x8004003f},
    {"5.9: CPL 3", "skylake", MACHINE_USER_64, 0, 0, 0, CR0_RESET, GP, 0},
    {"vol. 2 MOV: 32-bit operand outside 64-bit mode", "skylake", MACHINE_KERNEL_32, 0, 0, 0,
     CR0_RESET | 1ull << 40, OK, CR0_RESET},
    /* CR2. */
    {"2.5 CR2: any value", "skylake", MACHINE_KERNEL_64, 2, 0, 0, 0x8000000000000001, OK,
     0x8000000000000001},
    {"5.9: CPL 3", "skylake", MACHINE_USER_64, 2, 0, 0, 0, GP, 0},
    /* CR3. */
    {"4.10.1: NOFLUSH needs PCIDE", "skylake", MACHINE_KERNEL_64, 3, 0, 0,
     1ull << 63 | MACHINE_ROOT, GP, 0},
    {"4.10.1: bit 63 is not stored", "skylake", MACHINE_KERNEL_64, 3, 0, CR4_RESET | X64I_CR4_PCIDE,
     1ull << 63 | MACHINE_ROOT | 5, OK, MACHINE_ROOT | 5},
    {"2.5 CR3: bits from MAXPHYADDR on", "skylake", MACHINE_KERNEL_64, 3, 0, 0,
     1ull << 39 | MACHINE_ROOT, GP, 0},
    {"2.5 CR3: bits from MAXPHYADDR on, PCIDE", "skylake", MACHINE_KERNEL_64, 3, 0,
     CR4_RESET | X64I_CR4_PCIDE, 1ull << 62 | MACHINE_ROOT, GP, 0},
    {"2.5 CR3: bits above 52", "zen3", MACHINE_KERNEL_64, 3, 0, 0, 1ull << 52 | MACHINE_ROOT, GP,
     0},
    {"2.5 CR3: PWT and PCD", "skylake", MACHINE_KERNEL_64, 3, 0, 0, MACHINE_ROOT | 0x18, OK,
     MACHINE_ROOT | 0x18},
    {"5.9: CPL 3", "skylake", MACHINE_USER_64, 3, 0, 0, MACHINE_ROOT, GP, 0},
    /* CR4. */
    {"2.5 CR4: upper half reserved", "skylake", MACHINE_KERNEL_64, 4, 0, 0, CR4_RESET | 1ull << 32,
     GP, 0},
    {"2.5 CR4: no VMX here", "skylake", MACHINE_KERNEL_64, 4, 0, 0, CR4_RESET | 1 << 13, GP, 0},
    {"2.5 CR4: no 5-level paging here", "golden_cove", MACHINE_KERNEL_64, 4, 0, 0,
     CR4_RESET | X64I_CR4_LA57, GP, 0},
    {"2.5 CR4: UMIP by CPUID", "skylake", MACHINE_KERNEL_64, 4, 0, 0, CR4_RESET | X64I_CR4_UMIP, GP,
     0},
    {"2.5 CR4: UMIP by CPUID", "golden_cove", MACHINE_KERNEL_64, 4, 0, 0, CR4_RESET | X64I_CR4_UMIP,
     OK, CR4_RESET | X64I_CR4_UMIP},
    {"2.5 CR4: what Linux sets", "skylake", MACHINE_KERNEL_64, 4, 0, 0,
     CR4_RESET | X64I_CR4_PGE | X64I_CR4_SMEP | X64I_CR4_SMAP | X64I_CR4_FSGSBASE | X64I_CR4_PCIDE |
         X64I_CR4_OSXSAVE | X64I_CR4_DE | X64I_CR4_TSD,
     OK,
     CR4_RESET | X64I_CR4_PGE | X64I_CR4_SMEP | X64I_CR4_SMAP | X64I_CR4_FSGSBASE | X64I_CR4_PCIDE |
         X64I_CR4_OSXSAVE | X64I_CR4_DE | X64I_CR4_TSD},
    {"2.5 CR4: PAE cleared in long mode", "skylake", MACHINE_KERNEL_64, 4, 0, 0,
     CR4_RESET & ~X64I_CR4_PAE, GP, 0},
    {"2.5 CR4: PAE cleared in long mode", "skylake", MACHINE_KERNEL_32, 4, 0, 0,
     CR4_RESET & ~X64I_CR4_PAE, GP, 0},
    {"4.10.1: PCIDE set with CR3[11:0] not 0", "skylake", MACHINE_KERNEL_64, 4, MACHINE_ROOT | 0x18,
     0, CR4_RESET | X64I_CR4_PCIDE, GP, 0},
    {"4.10.1: PCIDE kept with a PCID", "skylake", MACHINE_KERNEL_64, 4, MACHINE_ROOT | 7,
     CR4_RESET | X64I_CR4_PCIDE, CR4_RESET | X64I_CR4_PCIDE | X64I_CR4_DE, OK,
     CR4_RESET | X64I_CR4_PCIDE | X64I_CR4_DE},
    {"5.9: CPL 3", "skylake", MACHINE_USER_64, 4, 0, 0, CR4_RESET, GP, 0},
    /* CR8. */
    {"10.8.6: four bits", "skylake", MACHINE_KERNEL_64, 8, 0, 0, 15, OK, 15},
    {"10.8.6: reserved bits", "skylake", MACHINE_KERNEL_64, 8, 0, 0, 16, GP, 0},
    {"5.9: CPL 3", "skylake", MACHINE_USER_64, 8, 0, 0, 0, GP, 0},
};

START_TEST(test_control_mov_to_control_register)
{
    const struct control_vector *v = &control_vectors[_i];
    struct machine *m = machine_create(v->model);
    machine_enter(m, v->mode);
    if (v->cr3)
        m->cpu.s.cr3 = v->cr3;
    if (v->cr4)
        m->cpu.s.cr4 = v->cr4;
    x64i_cpu_refresh(&m->cpu);
    uint64_t old = *control(m, v->index);
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.gpr[X64_RAX] = v->value;
    machine_code(m, write_code[v->index]);
    if (v->fault == GP) {
        machine_expect_fault(m, GP, 0, rip);
        ck_assert_msg(*control(m, v->index) == old, "%s: CR%u changed", v->section, v->index);
    } else {
        machine_step(m);
        ck_assert_msg(m->cpu.s.rip == rip + (v->index == 8 ? 4 : 3), "%s: CR%u := %#llx faulted",
                      v->section, v->index, (unsigned long long)v->value);
        ck_assert_msg(*control(m, v->index) == v->after, "%s: CR%u is %#llx", v->section, v->index,
                      (unsigned long long)*control(m, v->index));
        const struct x64_effect *effect = machine_effect(m, X64_EFFECT_CONTROL, (int)v->index);
        ck_assert_uint_eq(effect->old, old);
        ck_assert_uint_eq(effect->value, v->after);
    }
    machine_destroy(m);
}
END_TEST

/* Which translations a MOV to CR3 or CR4 leaves: 4.10.4.1. Page 0x70000 is translated under PCID 0
 * or 1 before, as a global page where `global` says so. */
static const struct {
    const char *section;
    uint64_t cr3, cr4;
    uint64_t value;
    unsigned index;
    uint16_t pcid; /* of the translation */
    bool global, stays;
} flush_vectors[] = {
    {"CR3 without PCIDs", MACHINE_ROOT, CR4_RESET, MACHINE_ROOT, 3, 0, false, false},
    {"CR3 without PCIDs, global page", MACHINE_ROOT, CR4_RESET | X64I_CR4_PGE, MACHINE_ROOT, 3, 0,
     true, true},
    {"CR3 with another PCID", MACHINE_ROOT | 1, CR4_RESET | X64I_CR4_PCIDE, MACHINE_ROOT | 2, 3, 1,
     false, true},
    {"CR3 with that PCID", MACHINE_ROOT | 1, CR4_RESET | X64I_CR4_PCIDE, MACHINE_ROOT | 1, 3, 1,
     false, false},
    {"CR3 with that PCID and NOFLUSH", MACHINE_ROOT | 1, CR4_RESET | X64I_CR4_PCIDE,
     1ull << 63 | MACHINE_ROOT | 1, 3, 1, false, true},
    {"CR4.PGE cleared", MACHINE_ROOT, CR4_RESET | X64I_CR4_PGE, CR4_RESET, 4, 0, true, false},
    {"CR4.PGE set", MACHINE_ROOT, CR4_RESET, CR4_RESET | X64I_CR4_PGE, 4, 0, false, false},
    {"CR4.PCIDE cleared", MACHINE_ROOT, CR4_RESET | X64I_CR4_PCIDE | X64I_CR4_PGE,
     CR4_RESET | X64I_CR4_PGE, 4, 0, true, false},
    {"CR4.PCIDE set", MACHINE_ROOT, CR4_RESET, CR4_RESET | X64I_CR4_PCIDE, 4, 0, false, true},
    {"CR4.SMEP set", MACHINE_ROOT, CR4_RESET, CR4_RESET | X64I_CR4_SMEP, 4, 0, false, false},
    {"CR4.SMEP cleared", MACHINE_ROOT, CR4_RESET | X64I_CR4_SMEP, CR4_RESET, 4, 0, false, true},
    {"CR4.SMAP set", MACHINE_ROOT, CR4_RESET, CR4_RESET | X64I_CR4_SMAP, 4, 0, false, true},
};

START_TEST(test_control_flushes_the_tlb)
{
    struct machine *m = machine_create("skylake");
    m->cpu.s.cr3 = flush_vectors[_i].cr3;
    m->cpu.s.cr4 = flush_vectors[_i].cr4;
    x64i_cpu_refresh(&m->cpu);
    if (flush_vectors[_i].global) {
        uint64_t entry = MACHINE_PAGE_TABLE + MACHINE_SCRATCH / 0x1000 * 8;
        machine_write(m, entry, 8, machine_read(m, entry, 8) | 0x100);
    }
    uint64_t physical;
    uint32_t error;
    ck_assert(
        x64i_mmu_translate(&m->cpu.mmu, MACHINE_SCRATCH, X64I_ACCESS_READ, &physical, &error));
    m->cpu.s.gpr[X64_RAX] = flush_vectors[_i].value;
    machine_code(m, write_code[flush_vectors[_i].index]);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 3);
    bool stays = x64i_tlb_find(&m->cpu.mmu.tlb, MACHINE_SCRATCH, flush_vectors[_i].pcid) != NULL;
    ck_assert_msg(stays == flush_vectors[_i].stays, "4.10.4.1, %s", flush_vectors[_i].section);
    machine_destroy(m);
}
END_TEST

/* 9.8.5 and 9.8.5.4: paging turned off in compatibility mode leaves long mode, turned on with
 * EFER.LME enters it again; not without LME or PAE. */
START_TEST(test_control_long_mode_follows_paging)
{
    struct machine *m = machine_create("skylake");
    machine_enter(m, MACHINE_KERNEL_32);
    m->cpu.s.gpr[X64_RAX] = CR0_RESET & ~X64I_CR0_PG;
    m->cpu.s.gpr[X64_RCX] = CR0_RESET;
    machine_code(m, "0f 22 c0 0f 22 c1");
    machine_step(m);
    ck_assert_uint_eq(x64i_efer(&m->cpu) & LME_LMA, X64I_EFER_LME);
    ck_assert_uint_eq(m->cpu.mmu.paging.mode, X64I_PAGING_NONE);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_TLB_FLUSH, -1)->value, X64_FLUSH_ALL);
    machine_step(m);
    ck_assert_uint_eq(x64i_efer(&m->cpu) & LME_LMA, LME_LMA);
    ck_assert_uint_eq(m->cpu.mmu.paging.mode, X64I_PAGING_4_LEVEL);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 6);
    machine_destroy(m);
}
END_TEST

START_TEST(test_control_paging_needs_lme_and_pae)
{
    static const uint64_t efer[] = {X64I_EFER_LME, 0};
    static const uint64_t cr4[] = {CR4_RESET & ~X64I_CR4_PAE, CR4_RESET};
    struct machine *m = machine_create("skylake");
    machine_enter(m, MACHINE_KERNEL_32);
    m->cpu.s.cr0 = CR0_RESET & ~X64I_CR0_PG;
    m->cpu.s.cr4 = cr4[_i];
    m->cpu.msr.values.value[X64I_MSR_EFER] = efer[_i];
    x64i_cpu_refresh(&m->cpu);
    m->cpu.s.gpr[X64_RAX] = CR0_RESET;
    machine_code(m, "0f 22 c0");
    struct x64i_op op = {.destination = 0, .source = X64_RAX};
    ck_assert_int_eq(x64i_mov_to_control(&m->cpu, &op), X64I_FAULT);
    ck_assert_int_eq(m->cpu.exception.vector, GP);
    ck_assert_uint_eq(m->cpu.s.cr0, CR0_RESET & ~X64I_CR0_PG);
    machine_destroy(m);
}
END_TEST

START_TEST(test_control_reads_control_registers)
{
    static const unsigned indices[] = {0, 2, 3, 4, 8};
    struct machine *m = machine_create("skylake");
    m->cpu.s.cr2 = 0xfffffe0000001234;
    m->cpu.s.cr8 = 9;
    for (size_t i = 0; i < 5; i++) {
        machine_enter(m, MACHINE_KERNEL_64);
        m->cpu.s.gpr[X64_RAX] = UINT64_MAX;
        machine_code(m, read_code[indices[i]]);
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], *control(m, indices[i]));
        machine_enter(m, MACHINE_USER_64);
        machine_code(m, read_code[indices[i]]);
        machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    }
    machine_enter(m, MACHINE_KERNEL_32);
    machine_code(m, "0f 20 d0");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0x1234);
    machine_enter(m, MACHINE_KERNEL_64);
    machine_code(m, "0f 20 c8");
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    machine_destroy(m);
}
END_TEST

/* Vol. 2: CLTS, LMSW (PE is never cleared), SMSW. */
START_TEST(test_control_machine_status_word)
{
    struct machine *m = machine_create("skylake");
    struct x64i_cpu_state *s = &m->cpu.s;
    s->cr0 |= X64I_CR0_TS;
    machine_code(m, "0f 06 0f 01 f0 48 0f 01 e1 66 0f 01 e2 0f 01 23");
    machine_step(m);
    ck_assert_uint_eq(s->cr0, CR0_RESET);
    s->gpr[X64_RAX] = 0xfffc;
    machine_step(m);
    ck_assert_uint_eq(s->cr0, 0x8001003d);
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RCX], 0x8001003d);
    s->gpr[X64_RDX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RDX], 0xffffffffffff003d);
    s->gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 8, UINT64_MAX);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH, 8), 0xffffffffffff003d);
    static const char *const privileged[] = {"0f 06", "0f 01 f0"};
    for (size_t i = 0; i < 2; i++) {
        machine_enter(m, MACHINE_USER_64);
        machine_code(m, privileged[i]);
        machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    }
    machine_destroy(m);
}
END_TEST

/* 2.5: CR4.UMIP keeps SMSW, SGDT and SIDT to CPL 0. */
START_TEST(test_control_umip)
{
    static const char *const code[] = {"0f 01 e0", "0f 01 03", "0f 01 0b"};
    struct machine *m = machine_create("golden_cove");
    m->cpu.s.gpr[X64_RBX] = MACHINE_USER_DATA;
    for (unsigned umip = 0; umip < 2; umip++) {
        m->cpu.s.cr4 = umip ? CR4_RESET | X64I_CR4_UMIP : CR4_RESET;
        machine_enter(m, MACHINE_KERNEL_64);
        machine_code(m, code[_i]);
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 3);
        machine_enter(m, MACHINE_USER_64);
        machine_code(m, code[_i]);
        if (umip) {
            machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
        } else {
            machine_step(m);
            ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + 3);
        }
    }
    machine_destroy(m);
}
END_TEST

/* Vol. 2, LGDT/LIDT and SGDT/SIDT. */
START_TEST(test_control_tables_are_loaded_and_stored)
{
    struct machine *m = machine_create("skylake");
    struct x64i_cpu_state *s = &m->cpu.s;
    s->gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 2, 0x1ff);
    machine_write(m, MACHINE_SCRATCH + 2, 8, 0xfffffe0000001000);
    machine_code(m, "0f 01 13 0f 01 43 20");
    machine_step(m);
    ck_assert_uint_eq(s->gdtr.base, 0xfffffe0000001000);
    ck_assert_uint_eq(s->gdtr.limit, 0x1ff);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_TABLE, 0)->old, MACHINE_GDT);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH + 0x20, 2), 0x1ff);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH + 0x22, 8), 0xfffffe0000001000);
    machine_destroy(m);

    m = machine_create("skylake");
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH + 2, 8, 0x0000800000000000);
    machine_code(m, "0f 01 1b");
    machine_expect_fault(m, GP, 0, MACHINE_KERNEL_CODE);
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "0f 01 13");
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    machine_destroy(m);
}
END_TEST

/* Vol. 2, LGDT: outside 64-bit mode the base has 32 bits, 24 with 16-bit operands. */
START_TEST(test_control_tables_outside_64_bit_mode)
{
    struct machine *m = machine_create("skylake");
    struct x64i_cpu_state *s = &m->cpu.s;
    machine_enter(m, MACHINE_KERNEL_32);
    s->gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 2, 0xff);
    machine_write(m, MACHINE_SCRATCH + 2, 8, 0xffffffff87654321);
    machine_code(m, "0f 01 1b 66 0f 01 1b 66 0f 01 4b 20");
    machine_step(m);
    ck_assert_uint_eq(s->idtr.base, 0x87654321);
    machine_step(m);
    ck_assert_uint_eq(s->idtr.base, 0x654321);
    s->idtr.base = 0x87654321;
    machine_write(m, MACHINE_SCRATCH + 0x20, 8, UINT64_MAX);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH + 0x20, 8), 0xffff8765432100ff);
    machine_destroy(m);
}
END_TEST

/* SGDT that cannot store its second part stores nothing. */
START_TEST(test_control_sgdt_is_all_or_nothing)
{
    struct machine *m = machine_create("skylake");
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH + 0xffc;
    machine_unmap(m, MACHINE_SCRATCH + 0x1000);
    machine_write(m, MACHINE_SCRATCH + 0xffc, 4, 0x11223344);
    machine_code(m, "0f 01 03");
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH + 0xffc, 4), 0x11223344);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_SCRATCH + 0x1000);
    machine_destroy(m);
}
END_TEST

/* MOV to a debug register from RAX; 17.2. */
static const struct {
    const char *section;
    const char *code;
    uint64_t value;
    uint64_t cr4;
    enum x64_fault fault;
    unsigned index;
    uint64_t after;
} debug_vectors[] = {
    {"17.2.1: DR0", "0f 23 c0", 0xfffffe0000001000, 0, OK, 0, 0xfffffe0000001000},
    {"17.2.1: DR3", "0f 23 d8", 0x8000000000000000, 0, OK, 3, 0x8000000000000000},
    {"17.2.3: fixed bits of DR6", "0f 23 f0", 0, 0, OK, 6, 0xffff0ff0},
    {"17.2.3: fixed bits of DR6", "0f 23 f0", 0xffffffff, 0, OK, 6, 0xffffefff},
    {"17.2.6: DR6 above bit 31", "0f 23 f0", 1ull << 32, 0, GP, 6, 0},
    {"17.2.4: fixed bits of DR7", "0f 23 f8", 0, 0, OK, 7, 0x400},
    {"17.2.4: fixed bits of DR7", "0f 23 f8", 0xffffffff, 0, OK, 7, 0xffff27ff},
    {"17.2.6: DR7 above bit 31", "0f 23 f8", 1ull << 63, 0, GP, 7, 0},
    {"17.2.2: DR4 is DR6", "0f 23 e0", 1, 0, OK, 6, 0xffff0ff1},
    {"17.2.2: DR5 is DR7", "0f 23 e8", 1, 0, OK, 7, 0x401},
    {"17.2.2: DR4 with CR4.DE", "0f 23 e0", 1, X64I_CR4_DE, X64_FAULT_UD, 6, 0},
    {"17.2.2: DR5 with CR4.DE", "0f 23 e8", 1, X64I_CR4_DE, X64_FAULT_UD, 7, 0},
};

START_TEST(test_control_mov_to_debug_register)
{
    struct machine *m = machine_create("skylake");
    m->cpu.s.cr4 |= debug_vectors[_i].cr4;
    m->cpu.s.gpr[X64_RAX] = debug_vectors[_i].value;
    machine_code(m, debug_vectors[_i].code);
    if (debug_vectors[_i].fault == OK) {
        machine_step(m);
        ck_assert_msg(m->cpu.s.dr[debug_vectors[_i].index] == debug_vectors[_i].after,
                      "%s: DR%u is %#llx", debug_vectors[_i].section, debug_vectors[_i].index,
                      (unsigned long long)m->cpu.s.dr[debug_vectors[_i].index]);
        ck_assert_uint_eq(machine_effect(m, X64_EFFECT_DEBUG, (int)debug_vectors[_i].index)->value,
                          debug_vectors[_i].after);
    } else {
        machine_expect_fault(m, debug_vectors[_i].fault, debug_vectors[_i].fault == GP ? 0 : -1,
                             MACHINE_KERNEL_CODE);
    }
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.cr4 &= ~X64I_CR4_DE;
    machine_code(m, debug_vectors[_i].code);
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    machine_destroy(m);
}
END_TEST

START_TEST(test_control_reads_debug_registers)
{
    struct machine *m = machine_create("skylake");
    m->cpu.s.dr[2] = 0x123456789abcdef0;
    machine_code(m, "0f 21 d0 0f 21 f1 0f 21 ea");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0x123456789abcdef0);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], 0xffff0ff0);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RDX], 0x400);
    machine_destroy(m);
}
END_TEST

/* 17.2.4: with DR7.GD any MOV of a debug register is #DB with DR6.BD, a fault; GD is off then. */
START_TEST(test_control_general_detect)
{
    static const char *const code[] = {"0f 23 c0", "0f 21 c0"};
    struct machine *m = machine_create("skylake");
    m->cpu.s.dr[7] |= X64I_DR7_GD;
    x64i_cpu_refresh(&m->cpu);
    m->cpu.s.gpr[X64_RAX] = 0x5555;
    machine_code(m, code[_i]);
    machine_expect_fault(m, X64_FAULT_DB, -1, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.dr[0], 0);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0x5555);
    ck_assert_uint_eq(m->cpu.s.dr[6], 0xffff0ff0 | X64I_DR6_BD);
    ck_assert_uint_eq(m->cpu.s.dr[7] & X64I_DR7_GD, 0);
    machine_destroy(m);
}
END_TEST

/* Vol. 2, CLAC and STAC: #UD at CPL above 0. */
START_TEST(test_control_alignment_check_flag)
{
    struct machine *m = machine_create("skylake");
    m->cpu.s.cr4 |= X64I_CR4_SMAP;
    x64i_cpu_refresh(&m->cpu);
    machine_code(m, "0f 01 cb 8a 03 0f 01 ca 8a 03");
    m->cpu.s.gpr[X64_RBX] = MACHINE_USER_DATA;
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rflags & X64I_AC, X64I_AC);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 5);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rflags & X64I_AC, 0);
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT, MACHINE_KERNEL_CODE + 8);
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "0f 01 cb");
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    machine_destroy(m);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *control_suite(void)
{
    Suite *suite = suite_create("control");
    TCase *tests = tcase_create("control");
    tcase_add_loop_test(tests, test_control_mov_to_control_register, 0, COUNT(control_vectors));
    tcase_add_loop_test(tests, test_control_flushes_the_tlb, 0, COUNT(flush_vectors));
    tcase_add_test(tests, test_control_long_mode_follows_paging);
    tcase_add_loop_test(tests, test_control_paging_needs_lme_and_pae, 0, 2);
    tcase_add_test(tests, test_control_reads_control_registers);
    tcase_add_test(tests, test_control_machine_status_word);
    tcase_add_loop_test(tests, test_control_umip, 0, 3);
    tcase_add_test(tests, test_control_tables_are_loaded_and_stored);
    tcase_add_test(tests, test_control_tables_outside_64_bit_mode);
    tcase_add_test(tests, test_control_sgdt_is_all_or_nothing);
    tcase_add_loop_test(tests, test_control_mov_to_debug_register, 0, COUNT(debug_vectors));
    tcase_add_test(tests, test_control_reads_debug_registers);
    tcase_add_loop_test(tests, test_control_general_detect, 0, 2);
    tcase_add_test(tests, test_control_alignment_check_flag);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(control_suite())
