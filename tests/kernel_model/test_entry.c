/* SPDX-License-Identifier: MIT */
/* What the entry code of each era must do: MSRs, pt_regs, CR3, stacks, the way back. */
#include "kernel_model/guest.h"
#include "kernel_model/marked.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LSTAR          0xc0000082u
#define STAR           0xc0000081u
#define FMASK          0xc0000084u
#define EFER           0xc0000080u
#define GS_BASE        0xc0000101u
#define KERNEL_GS_BASE 0xc0000102u
#define SPEC_CTRL      0x48u

static uint64_t msr(struct guest *guest, uint32_t index)
{
    uint64_t value = 0;
    ck_assert_int_eq(x64_msr_read(guest->machine, index, &value), X64_OK);
    return value;
}

/* do_syscall_64(regs) to 4.16, (nr, regs) to 5.4, (regs, nr) since. */
static bool takes_number(const char *entry)
{
    return strcmp(entry, "4.16") != 0;
}

static uint64_t frame_of(struct guest *guest, const char *entry)
{
    bool second = strcmp(entry, "4.18") == 0 || strcmp(entry, "5.4") == 0;
    return guest_registers(guest).gpr[second ? X64_RSI : X64_RDI];
}

/* The 21 words that do_syscall_64 finds, ascending. */
static void check_pt_regs(struct guest *guest, uint64_t frame, uint64_t user_rsp, uint64_t flags)
{
    static const char *const names[] = {"r15", "r14",     "r13", "r12", "bp",    "bx", "r11",
                                        "r10", "r9",      "r8",  "ax",  "cx",    "dx", "si",
                                        "di",  "orig_ax", "ip",  "cs",  "flags", "sp", "ss"};
    const uint64_t expected[] = {0xf0f, 0xe0e,    0xd0d, 0xc0c, 0x505,           0x303,
                                 flags, 0xa0a,    0x909, 0x808, UINT64_MAX - 37, MARKED_RIP,
                                 0x202, 0x606,    0x707, 39,    MARKED_RIP,      0x33,
                                 flags, user_rsp, 0x2b};
    for (unsigned i = 0; i < 21; i++) {
        char name[64];
        char wanted[64];
        ck_assert_msg(guest_word(guest, frame + 8 * i) == expected[i], "pt_regs.%s is %#llx",
                      names[i], (unsigned long long)guest_word(guest, frame + 8 * i));
        (void)snprintf(wanted, sizeof wanted, "pt_regs.%s", names[i]);
        ck_assert_uint_eq(x64_slot_name(guest->machine, frame + 8 * i, name, sizeof name),
                          strlen(wanted));
        ck_assert_str_eq(name, wanted);
    }
}

static void check_call(const char *entry, const char *mitigations)
{
    struct guest guest;
    bool pti = strstr(mitigations, "pti");
    bool pcid = strstr(mitigations, "pcid");
    guest_start(&guest, &(struct guest_config){
                            .entry = entry,
                            .mitigations = mitigations,
                            .program = guest_program(0, marked_call, sizeof marked_call)});
    struct x64_registers user;
    do {
        ck_assert_int_eq(x64_run(guest.machine, 1, NULL), X64_OK);
        user = guest_registers(&guest);
    } while (user.rip != MARKED_RIP - 2);
    uint64_t kernel_gs = msr(&guest, KERNEL_GS_BASE);
    guest_run_to(&guest, "do_syscall_64");
    struct x64_registers inside = guest_registers(&guest);
    uint64_t frame = frame_of(&guest, entry);
    ck_assert_int_eq(inside.cpl, 0);
    ck_assert_int_eq(x64_stack_of(guest.machine, inside.gpr[X64_RSP]), X64_STACK_KERNEL);
    ck_assert_uint_eq(msr(&guest, GS_BASE), kernel_gs);
    ck_assert_uint_eq(guest_word(&guest, guest_symbol(&guest, "cpu_current_top_of_stack")),
                      frame + 168);
    check_pt_regs(&guest, frame, user.gpr[X64_RSP], user.rflags);
    /* PTI: the user's table is the next page, and its PCID has bit 11. */
    uint64_t difference = (pti ? 0x1000u : 0u) | (pti && pcid ? 0x800u : 0u);
    ck_assert_uint_eq(user.cr3, inside.cr3 + difference);
    ck_assert_uint_eq(inside.cr3 & 0xfff, pcid ? 1 : 0);
    if (takes_number(entry))
        ck_assert_uint_eq(inside.gpr[frame == inside.gpr[X64_RDI] ? X64_RSI : X64_RDI], 39);
    if (strstr(mitigations, "ibrs"))
        ck_assert_uint_eq(msr(&guest, SPEC_CTRL), 1);
    guest_run_to(&guest, "syscall_return_via_sysret");
    struct x64_registers back;
    do {
        ck_assert_int_eq(x64_run(guest.machine, 1, NULL), X64_OK);
        back = guest_registers(&guest);
    } while (back.cpl == 0);
    ck_assert_uint_eq(back.rip, MARKED_RIP);
    ck_assert_uint_eq(back.gpr[X64_RAX], 1);
    ck_assert_uint_eq(back.gpr[X64_RSP], user.gpr[X64_RSP]);
    ck_assert_uint_eq(back.gpr[X64_RCX], MARKED_RIP);
    ck_assert_uint_eq(back.gpr[X64_R11], user.rflags);
    ck_assert_uint_eq(back.cr3, user.cr3);
    ck_assert_uint_eq(msr(&guest, KERNEL_GS_BASE), kernel_gs);
    for (unsigned i = 0; i < 16; i++)
        if (i != X64_RAX && i != X64_RCX && i != X64_R11)
            ck_assert_uint_eq(back.gpr[i], user.gpr[i]);
    if (strstr(mitigations, "ibrs"))
        ck_assert_uint_eq(msr(&guest, SPEC_CTRL), 0);
    guest_end(&guest);
}

START_TEST(test_entry_saves_and_restores)
{
    check_call("6.1", "none");
    check_call("6.1", "pti");
    check_call("6.1", "pti,pcid,ibrs,retpoline,verw,bhb");
    check_call("5.4", "none");
    check_call("5.4", "pti");
    check_call("5.4", "pti,pcid,retpoline,verw");
    check_call("4.18", "none");
    check_call("4.18", "pti");
    check_call("4.18", "pti,pcid,retpoline");
    check_call("4.16", "none");
    check_call("4.16", "pti");
    check_call("4.16", "pti,pcid,retpoline");
}
END_TEST

/* What do_syscall_64 finds in the registers that hold no argument: zero, but for RDX and RCX before
 * 4.17, which are the user's still. */
START_TEST(test_entry_clears_registers)
{
    static const struct {
        const char *entry;
        uint64_t rdx, rcx;
    } rows[] = {{"6.1", 0, 0}, {"5.4", 0, 0}, {"4.18", 0, 0}, {"4.16", 0x202, MARKED_RIP}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){
                                .entry = rows[i].entry,
                                .program = guest_program(0, marked_call, sizeof marked_call)});
        guest_run_to(&guest, "do_syscall_64");
        struct x64_registers inside = guest_registers(&guest);
        for (unsigned j = 0; j < 16; j++) {
            if (j == X64_RAX || j == X64_RSP || j == X64_RDI || j == X64_RSI)
                continue;
            uint64_t wanted = j == X64_RDX ? rows[i].rdx : j == X64_RCX ? rows[i].rcx : 0;
            ck_assert_msg(inside.gpr[j] == wanted, "--entry %s: register %u is %#llx",
                          rows[i].entry, j, (unsigned long long)inside.gpr[j]);
        }
        guest_end(&guest);
    }
}
END_TEST

START_TEST(test_entry_msrs_are_programmed)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = "6.1"});
    ck_assert_uint_eq(msr(&guest, LSTAR), 0);
    guest_run_to(&guest, "ret_from_fork");
    ck_assert_uint_eq(msr(&guest, LSTAR), guest_symbol(&guest, "entry_SYSCALL_64"));
    ck_assert_uint_eq(msr(&guest, STAR), 0x0023001000000000u);
    ck_assert_uint_eq(msr(&guest, FMASK), 0x257fd5u);
    ck_assert_uint_eq(msr(&guest, EFER) & 1, 1);
    guest_end(&guest);
    guest_start(&guest, &(struct guest_config){.entry = "4.16", .mitigations = "pti"});
    guest_run_to(&guest, "ret_from_fork");
    ck_assert_uint_eq(msr(&guest, LSTAR), 0xfffffe0000006000u);
    ck_assert_uint_eq(msr(&guest, FMASK), 0x47700u);
    guest_end(&guest);
    guest_start(&guest, &(struct guest_config){.entry = "4.16"});
    guest_run_to(&guest, "ret_from_fork");
    ck_assert_uint_eq(msr(&guest, LSTAR), guest_symbol(&guest, "entry_SYSCALL_64"));
    guest_end(&guest);
    guest_start(&guest, &(struct guest_config){.entry = "int80"});
    guest_run_to(&guest, "ret_from_fork");
    ck_assert_uint_eq(msr(&guest, EFER) & 1, 0);
    guest_end(&guest);
}
END_TEST

/* Under PTI the trampoline parks RSP in the entry stack's top word, switches CR3 with RSP as
 * scratch, takes the task's stack from TSS.sp1 and jumps to the second stage after five pushes. */
static void check_trampoline(const char *entry)
{
    struct guest guest;
    char name[64];
    guest_start(&guest, &(struct guest_config){.entry = entry, .mitigations = "pti"});
    guest_run_to(&guest, "entry_SYSCALL_64_trampoline");
    struct x64_registers before = guest_registers(&guest);
    const char *symbol;
    uint64_t offset;
    ck_assert_uint_eq(before.rip, 0xfffffe0000006000u);
    ck_assert_int_eq(x64_symbol_at(guest.machine, before.rip, &symbol, &offset), X64_OK);
    ck_assert_str_eq(symbol, "entry_SYSCALL_64_trampoline");
    ck_assert_uint_eq(offset, 0);
    ck_assert_int_eq(x64_run(guest.machine, 2, NULL), X64_OK);
    ck_assert_uint_eq(guest_word(&guest, 0xfffffe0000002ff8u), before.gpr[X64_RSP]);
    ck_assert_uint_gt(x64_slot_name(guest.machine, 0xfffffe0000002ff8u, name, sizeof name), 0);
    ck_assert_str_eq(name, "entry_stack_top[-1]");
    while (guest_registers(&guest).cr3 == before.cr3)
        ck_assert_int_eq(x64_run(guest.machine, 1, NULL), X64_OK);
    ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RSP], guest_registers(&guest).cr3);
    guest_run_to(&guest, "entry_SYSCALL_64_stage2");
    uint64_t top = guest_word(&guest, guest_symbol(&guest, "cpu_tss_rw") + 12);
    ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RSP], top - 6 * 8);
    guest_run_to(&guest, "entry_SYSCALL_64_after_hwframe");
    ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RSP], top - 5 * 8);
    ck_assert_int_eq(x64_stack_of(guest.machine, guest_registers(&guest).gpr[X64_RSP]),
                     X64_STACK_KERNEL);
    guest_end(&guest);
}

START_TEST(test_entry_trampoline_parks_rsp)
{
    check_trampoline("4.15");
    check_trampoline("4.16");
    check_trampoline("4.18");
}
END_TEST

/* Where the user's RSP is kept between SWAPGS and the task's stack. */
static void check_scratch(const char *entry, const char *mitigations, const char *variable,
                          uint64_t offset)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = entry, .mitigations = mitigations});
    guest_run_to(&guest, "entry_SYSCALL_64");
    struct x64_registers before = guest_registers(&guest);
    ck_assert_uint_eq(before.gpr[X64_RSP] >> 47, 0);
    ck_assert_int_eq(x64_run(guest.machine, 2, NULL), X64_OK);
    uint64_t kept = guest_word(&guest, guest_symbol(&guest, variable) + offset);
    ck_assert_msg(kept == before.gpr[X64_RSP], "--entry %s: %s+%#llx is %#llx", entry, variable,
                  (unsigned long long)offset, (unsigned long long)kept);
    guest_end(&guest);
}

START_TEST(test_entry_scratch)
{
    check_scratch("6.1", "pti", "cpu_tss_rw", 20);
    check_scratch("5.4", "pti", "cpu_tss_rw", 20);
    check_scratch("5.4", "none", "cpu_tss_rw", 20);
    check_scratch("4.18", "none", "rsp_scratch", 0);
    check_scratch("4.16", "none", "rsp_scratch", 0);
}
END_TEST

/* The user's table has no more of the kernel than entry text, entry area and TSS. */
START_TEST(test_entry_user_table_is_small)
{
    struct guest guest;
    uint64_t physical;
    guest_start(&guest, &(struct guest_config){.entry = "6.1", .mitigations = "pti"});
    guest_run_to(&guest, "entry_SYSCALL_64");
    uint64_t gone = guest_symbol(&guest, "do_syscall_64");
    uint64_t table = guest_symbol(&guest, "sys_call_table");
    uint64_t tss = guest_symbol(&guest, "cpu_tss_rw");
    uint64_t task = guest_symbol(&guest, "current_task");
    ck_assert_int_eq(x64_translate(guest.machine, gone, &physical), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_translate(guest.machine, table, &physical), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_translate(guest.machine, task, &physical), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_translate(guest.machine, tss, &physical), X64_OK);
    ck_assert_int_eq(x64_translate(guest.machine, 0xfffffe0000000000u, &physical), X64_OK);
    guest_run_to(&guest, "do_syscall_64");
    ck_assert_int_eq(x64_translate(guest.machine, gone, &physical), X64_OK);
    ck_assert_int_eq(x64_translate(guest.machine, task, &physical), X64_OK);
    guest_end(&guest);
}
END_TEST

static void count_global(void *user, const struct x64_tlb_translation *translation)
{
    unsigned *count = user;
    *count += translation->global;
}

/* Under PTI entry text and entry area are global from 4.17 on, and nothing was before. */
START_TEST(test_entry_shared_pages_are_global)
{
    static const struct {
        const char *entry;
        bool global;
    } rows[] = {{"6.1", true}, {"5.4", true}, {"4.18", true}, {"4.16", false}, {"4.15", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guest guest;
        unsigned count = 0;
        guest_start(&guest, &(struct guest_config){.entry = rows[i].entry, .mitigations = "pti"});
        guest_run_to(&guest, "native_irq_return_iret");
        ck_assert_int_eq(x64_tlb_visit(guest.machine, count_global, &count), X64_OK);
        ck_assert_msg((count > 0) == rows[i].global, "--entry %s: %u global translations",
                      rows[i].entry, count);
        guest_end(&guest);
    }
}
END_TEST

/* The words that the checks before SYSRET look at, and a bit that each of them minds. */
static const struct {
    unsigned word;
    uint64_t bit;
} checked[] = {
    {16, 1},       /* ip: not the user's RCX */
    {17, 0x10},    /* cs */
    {18, 0x40},    /* flags: not the user's R11 */
    {6, 0x40},     /* r11 */
    {20, 0x8},     /* ss */
    {11, 1u << 4}, /* cx */
};

/* A pt_regs that SYSRET cannot give back goes out by IRET. */
static void check_iret(const char *entry, const char *mitigations)
{
    for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){.entry = entry, .mitigations = mitigations});
        guest_run_to(&guest, "do_syscall_64");
        uint64_t slot = frame_of(&guest, entry) + 8 * checked[i].word;
        uint64_t value = guest_word(&guest, slot) ^ checked[i].bit;
        ck_assert_int_eq(x64_memory_write_virt(guest.machine, slot, &value, sizeof value), X64_OK);
        guest_run_to(&guest, "swapgs_restore_regs_and_return_to_usermode");
        guest_run_to(&guest, "native_irq_return_iret");
        ck_assert_int_eq(x64_stack_of(guest.machine, guest_registers(&guest).gpr[X64_RSP]),
                         X64_STACK_ENTRY);
        guest_end(&guest);
    }
}

/* The user's own way there: TF, which SYSCALL clears and R11 keeps. One step later it is #DB. */
static void check_single_step(const char *entry, const char *mitigations)
{
    static const uint8_t code[] = {
        0x9c,                               /* pushf */
        0x81, 0x0c, 0x24, 0x00, 0x01, 0, 0, /* orl $0x100, (%rsp) */
        0xb8, 39,   0,    0,    0,          /* mov $39, %eax */
        0x9d,                               /* popf */
        0x0f, 0x05,                         /* syscall */
        0x90, 0x90,                         /* nop, and one more */
    };
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = entry,
                                               .mitigations = mitigations,
                                               .program = guest_program(0, code, sizeof code)});
    guest_run_to(&guest, "do_syscall_64");
    ck_assert_uint_eq(guest_word(&guest, frame_of(&guest, entry) + 144) & 0x100, 0x100);
    ck_assert_uint_eq(guest_registers(&guest).rflags & 0x100, 0);
    guest_run_to(&guest, "native_irq_return_iret");
    ck_assert_int_eq(x64_run(guest.machine, 1, NULL), X64_OK);
    ck_assert_uint_eq(guest_registers(&guest).rip, 0x400000 + 16);
    ck_assert_uint_eq(guest_registers(&guest).rflags & 0x100, 0x100);
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.signal, 5);
    guest_end(&guest);
}

START_TEST(test_entry_iret_when_a_check_fails)
{
    static const char *const entries[] = {"6.1", "5.4", "4.18", "4.16"};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        check_iret(entries[i], "none");
        check_iret(entries[i], "pti,pcid");
        check_single_step(entries[i], "pti,pcid,retpoline");
    }
}
END_TEST

START_TEST(test_entry_int80_frame)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = "int80"});
    guest_run_to(&guest, "entry_INT80_compat");
    struct x64_registers entry = guest_registers(&guest);
    uint64_t top = guest_symbol(&guest, "cpu_tss");
    ck_assert_uint_eq(entry.gpr[X64_RSP] + 40, guest_word(&guest, top + 4));
    ck_assert_uint_eq(guest_word(&guest, entry.gpr[X64_RSP] + 8), 0x23);
    ck_assert_uint_eq(guest_word(&guest, entry.gpr[X64_RSP] + 32), 0x2b);
    ck_assert_uint_eq(entry.rflags & 0x200, 0);
    guest_run_to(&guest, "do_int80_syscall_32");
    uint64_t frame = guest_registers(&guest).gpr[X64_RDI];
    ck_assert_uint_eq(guest_word(&guest, frame + 120), 4);
    ck_assert_uint_eq(guest_word(&guest, frame + 40), 1);
    ck_assert_uint_eq(guest_word(&guest, frame + 80), UINT64_MAX - 37);
    guest_end(&guest);
}
END_TEST

/* The kernel loses its stack: page fault, double fault on a stack of its own, one line. */
START_TEST(test_entry_kernel_stack_lost)
{
    for (size_t i = 0; i < 4; i++) {
        struct guest guest;
        const char *const eras[] = {"6.1", "5.4", "4.18", "4.16"};
        guest_start(&guest, &(struct guest_config){.entry = eras[i], .mitigations = "pti,pcid"});
        guest_run_to(&guest, "do_syscall_64");
        struct x64_registers registers = guest_registers(&guest);
        registers.gpr[X64_RSP] = 0xffffc90000000000u;
        ck_assert_int_eq(x64_registers_write(guest.machine, &registers), X64_OK);
        struct x64_stop stop = guest_run(&guest);
        ck_assert_int_eq(stop.reason, X64_STOP_FAULT);
        ck_assert_int_eq(stop.fault, X64_FAULT_DF);
        ck_assert_msg(strstr(guest.log, "guest kernel fault at") != NULL, "%s", guest.log);
        ck_assert_msg(strstr(guest.log, "do_syscall_64") != NULL, "%s", guest.log);
        guest_end(&guest);
    }
}
END_TEST

/* While a system call waits for a page, the fault's own frame below the task's has names too. */
START_TEST(test_entry_nested_frame_has_names)
{
    struct guest guest;
    char name[64];
    guest_start(&guest, &(struct guest_config){.entry = "6.1"});
    guest_run_to(&guest, "fault_in_readable");
    guest_run_to(&guest, "asm_exc_page_fault");
    uint64_t rsp = guest_registers(&guest).gpr[X64_RSP];
    ck_assert_uint_gt(x64_slot_name(guest.machine, rsp, name, sizeof name), 0);
    ck_assert_str_eq(name, "pt_regs[1].orig_ax");
    ck_assert_uint_gt(x64_slot_name(guest.machine, rsp + 40, name, sizeof name), 0);
    ck_assert_str_eq(name, "pt_regs[1].ss");
    guest_run_to(&guest, "syscall_return_via_sysret");
    ck_assert_uint_eq(x64_slot_name(guest.machine, rsp, name, sizeof name), 0);
    guest_end(&guest);
}
END_TEST

START_TEST(test_entry_kernel_jumps_into_nothing)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = "6.1"});
    guest_run_to(&guest, "do_syscall_64");
    struct x64_registers registers = guest_registers(&guest);
    registers.rip = 0xffffc90000000000u;
    ck_assert_int_eq(x64_registers_write(guest.machine, &registers), X64_OK);
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_FAULT);
    ck_assert_int_eq(stop.fault, X64_FAULT_PF);
    ck_assert_uint_eq(stop.linear, 0xffffc90000000000u);
    guest_end(&guest);
}
END_TEST

/* A tick out of HLT in the kernel, and one in user mode, leave the program as it was. */
static void check_ticks(const char *entry, const char *handler)
{
    static const uint8_t code[] = {
        0x68, 0x40, 0x42, 0x0f, 0x00, /* push $1000000: nanoseconds */
        0x6a, 0x00,                   /* push $0: seconds */
        0x48, 0x89, 0xe7,             /* mov %rsp, %rdi */
        0x31, 0xf6,                   /* xor %esi, %esi */
        0xb8, 35,   0,    0,    0,    /* mov $35, %eax */
        0x0f, 0x05,                   /* nanosleep */
        0x89, 0xc7,                   /* mov %eax, %edi */
        0xb9, 0x00, 0x00, 0x00, 0x40, /* mov $0x40000000, %ecx */
        0xff, 0xc9,                   /* dec %ecx */
        0x75, 0xfc,                   /* jnz -4 */
    };
    struct guest guest;
    struct x64_registers before, after;
    struct x64_stop stop;
    guest_start(&guest,
                &(struct guest_config){.entry = entry,
                                       .mitigations = strcmp(entry, "4.9") ? "pti,pcid" : "none",
                                       .program = guest_program(0, code, sizeof code)});
    uint64_t jiffies = guest_symbol(&guest, "jiffies");
    guest_run_to(&guest, "default_idle");
    guest_run_to(&guest, handler);
    guest_run_to(&guest, "syscall_return_via_sysret");
    uint64_t ticks = guest_word(&guest, jiffies);
    ck_assert_uint_ge(ticks, 1);
    ck_assert_int_eq(x64_run(guest.machine, 2000, &stop), X64_OK);
    before = guest_registers(&guest);
    ck_assert_int_eq(before.cpl, 3);
    ck_assert_uint_eq(before.gpr[X64_RDI], 0);
    /* The tick comes after at most 4 ms of guest time; the loop goes on around it. */
    ck_assert_int_eq(x64_run(guest.machine, 13000000, &stop), X64_OK);
    after = guest_registers(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
    ck_assert_int_eq(after.cpl, 3);
    ck_assert_uint_lt(after.gpr[X64_RCX], before.gpr[X64_RCX] - 6000000);
    ck_assert_uint_eq(after.gpr[X64_RSP], before.gpr[X64_RSP]);
    ck_assert_uint_eq(after.cr3, before.cr3);
    guest_end(&guest);
}

START_TEST(test_entry_ticks)
{
    check_ticks("6.1", "asm_common_interrupt");
    check_ticks("5.4", "interrupt_entry");
    check_ticks("4.18", "interrupt_entry");
    check_ticks("4.16", "common_interrupt");
    check_ticks("4.15", "common_interrupt");
    check_ticks("4.9", "common_interrupt");
}
END_TEST

/* A saved state comes back into a machine with the same kernel, and into no other. */
START_TEST(test_entry_save_and_restore)
{
    struct guest guest, same, other;
    char path[64];
    uint64_t hash, restored;
    (void)snprintf(path, sizeof path, "/tmp/x64emu-save-%d", (int)getpid());
    guest_start(&guest, &(struct guest_config){.entry = "6.1", .mitigations = "pti"});
    guest_run_to(&guest, "do_syscall_64");
    ck_assert_int_eq(x64_save(guest.machine, path), X64_OK);
    guest_run(&guest);
    ck_assert_int_eq(x64_hash(guest.machine, &hash), X64_OK);
    guest_start(&same, &(struct guest_config){.entry = "6.1", .mitigations = "pti"});
    ck_assert_int_eq(x64_restore(same.machine, path), X64_OK);
    ck_assert_int_eq(guest_run(&same).code, 0);
    ck_assert_str_eq(same.output, "hello, world\n");
    ck_assert_int_eq(x64_hash(same.machine, &restored), X64_OK);
    ck_assert_uint_eq(hash, restored);
    guest_start(&other, &(struct guest_config){.entry = "6.1"});
    ck_assert_int_ne(x64_restore(other.machine, path), X64_OK);
    guest_end(&other);
    guest_start(&other, &(struct guest_config){.entry = "4.16", .mitigations = "pti"});
    ck_assert_int_ne(x64_restore(other.machine, path), X64_OK);
    guest_end(&other);
    guest_end(&same);
    guest_end(&guest);
    ck_assert_int_eq(remove(path), 0);
}
END_TEST

static Suite *entry_suite(void)
{
    Suite *suite = suite_create("entry");
    TCase *tests = tcase_create("entry");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_entry_saves_and_restores);
    tcase_add_test(tests, test_entry_clears_registers);
    tcase_add_test(tests, test_entry_msrs_are_programmed);
    tcase_add_test(tests, test_entry_trampoline_parks_rsp);
    tcase_add_test(tests, test_entry_scratch);
    tcase_add_test(tests, test_entry_user_table_is_small);
    tcase_add_test(tests, test_entry_shared_pages_are_global);
    tcase_add_test(tests, test_entry_iret_when_a_check_fails);
    tcase_add_test(tests, test_entry_int80_frame);
    tcase_add_test(tests, test_entry_nested_frame_has_names);
    tcase_add_test(tests, test_entry_kernel_stack_lost);
    tcase_add_test(tests, test_entry_kernel_jumps_into_nothing);
    tcase_add_test(tests, test_entry_ticks);
    tcase_add_test(tests, test_entry_save_and_restore);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(entry_suite())
