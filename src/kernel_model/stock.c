/* SPDX-License-Identifier: MIT */
/*
 * A stock kernel on the mini-kernel: its image is patched as it would patch itself, placed as its
 * boot loader and early boot would place it, and then its own functions program the CPU: IDT, TSS
 * and the system call MSRs. A copy of init_task is the task that runs. The rest of the boot (memory
 * management, scheduler, devices) does not happen; the mini-kernel answers at the functions of the
 * system call table and at the page fault's handler.
 */
#include "kernel_model/boot.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mitigations.h"

#include <string.h>

extern const uint8_t x64i_stock[], x64i_stock_end[];

#define ALL_MITIGATIONS                                                                          \
    (X64_MITIGATION_PTI | X64_MITIGATION_PCID | X64_MITIGATION_IBRS | X64_MITIGATION_RETPOLINE | \
     X64_MITIGATION_VERW | X64_MITIGATION_BHB)

#define TSS_SELECTOR   0x40
#define TSS_AVAILABLE  9
#define SPEC_CTRL_IBRS 1

/* What the entry code writes to IA32_SPEC_CTRL. */
#define SPEC_CTRL_VARIABLE "x86_spec_ctrl_current"

#define PF_KTHREAD UINT32_C(0x00200000)
#define TASK_PAGES 8 /* for task_struct and, from 6.16 on, struct fpu behind it */

const struct x64i_era x64i_stock_era = {
    .public = {.name = "stock", .mitigations = ALL_MITIGATIONS},
    .prefix = "__x64_",
    .pt_regs = true,
    .entry_area = true,
    .shared_global = true,
};

/* Without these nothing can be done; each comes with what it is needed for. */
static const struct {
    const char *name;
    const char *purpose;
} needed_symbols[] = {
    {"entry_SYSCALL_64", "the entry itself"},
    {"do_syscall_64", "the system call's C part"},
    {"swapgs_restore_regs_and_return_to_usermode", "the first return to user mode"},
    {"syscall_init", "writing the system call MSRs"},
    {"idt_table", "the interrupt descriptor table"},
    {"idt_setup_traps", "filling the interrupt descriptor table"},
    {"init_task", "the task that runs"},
    {"__x64_sys_write", "answering system calls by struct pt_regs, as kernels do since 4.17"},
    {"asm_exc_page_fault", "bringing in the program's pages (exceptions' names since 5.8)"},
    {"__entry_text_start", "the text that the user's page table maps"},
    {"__entry_text_end", "the text that the user's page table maps"},
};

static const struct {
    const char *variable;
    const char *purpose;
    enum x64_mitigation mitigation; /* needed with that one only; 0: always */
} needed_per_cpu[] = {
    {"gdt_page", "the global descriptor table", 0},
    {"cpu_tss_rw", "the task state segment", 0},
    {"entry_stack_storage", "the entry stack", 0},
    {"exception_stacks", "the exception stacks", 0},
    {"this_cpu_off", "addressing per-CPU variables", 0},
    {SPEC_CTRL_VARIABLE, "the mitigation ibrs", X64_MITIGATION_IBRS},
    {"cpu_tlbstate", "the mitigation pcid", X64_MITIGATION_PCID},
};

/* The types that the address space is laid out by. */
static const struct {
    const char *type, *member;
} needed_members[] = {
    {"cpu_entry_area", "gdt"},        {"cpu_entry_area", "entry_stack_page"},
    {"cpu_entry_area", "tss"},        {"cpu_entry_area", "estacks"},
    {"exception_stacks", "DF_stack"}, {"cea_exception_stacks", "DF_stack"},
    {"task_struct", "flags"},
};

static bool has_symbol(const struct x64_kernel_image *image, const char *name)
{
    struct x64_image_symbol symbol;
    return x64_kernel_image_symbol(image, name, &symbol, NULL) == X64_OK;
}

static enum x64_status check_symbols(const struct x64_kernel_image *image, const char *path,
                                     struct x64_error_text *error)
{
    struct x64_image_info info;
    x64_kernel_image_info(image, &info);
    if (info.symbols_missing)
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED, "%s: no symbols: %s", path,
                           info.symbols_missing);
    for (size_t i = 0; i < sizeof needed_symbols / sizeof needed_symbols[0]; i++)
        if (!has_symbol(image, needed_symbols[i].name))
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                               "%s: the kernel has no symbol %s, which is needed for %s", path,
                               needed_symbols[i].name, needed_symbols[i].purpose);
    return X64_OK;
}

static enum x64_status check_per_cpu(const struct x64_kernel_image *image, const char *path,
                                     unsigned mitigations, struct x64_error_text *error)
{
    const struct x64_image_section *section;
    struct x64_image_error why;
    uint64_t offset;
    if (x64_kernel_image_per_cpu_section(image, &section, &why) != X64_OK)
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED, "%s: %s", path, why.text);
    for (size_t i = 0; i < sizeof needed_per_cpu / sizeof needed_per_cpu[0]; i++) {
        if (needed_per_cpu[i].mitigation && !(mitigations & needed_per_cpu[i].mitigation))
            continue;
        if (x64_kernel_image_per_cpu_offset(image, needed_per_cpu[i].variable, NULL, NULL, &offset,
                                            NULL) != X64_OK)
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                               "%s: the kernel has no per-CPU variable %s, which is needed for %s",
                               path, needed_per_cpu[i].variable, needed_per_cpu[i].purpose);
    }
    return X64_OK;
}

static enum x64_status check_types(const struct x64_kernel_image *image, const char *path,
                                   struct x64_error_text *error)
{
    struct x64_image_info info;
    struct x64_image_member member;
    struct x64_image_error why;
    x64_kernel_image_info(image, &info);
    if (info.types_missing)
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED, "%s: no types: %s", path,
                           info.types_missing);
    for (size_t i = 0; i < sizeof needed_members / sizeof needed_members[0]; i++)
        if (x64_kernel_image_member(image, needed_members[i].type, needed_members[i].member,
                                    &member, &why) != X64_OK)
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED, "%s: %s", path, why.text);
    return X64_OK;
}

/* ENDBR64 or not, then SWAPGS: whatever the names and types say, this is what must be there. */
static enum x64_status check_entry(const struct x64_kernel_image *image, const char *path,
                                   struct x64_error_text *error)
{
    static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
    static const uint8_t swapgs[] = {0x0f, 0x01, 0xf8};
    uint8_t bytes[sizeof endbr + sizeof swapgs];
    struct x64_image_symbol entry;
    if (x64_kernel_image_symbol(image, "entry_SYSCALL_64", &entry, NULL) == X64_OK &&
        x64_kernel_image_read(image, entry.address, bytes, sizeof bytes) == X64_OK) {
        size_t at = memcmp(bytes, endbr, sizeof endbr) == 0 ? sizeof endbr : 0;
        if (memcmp(bytes + at, swapgs, sizeof swapgs) == 0)
            return X64_OK;
    }
    return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                       "%s: entry_SYSCALL_64 does not begin with SWAPGS: this is no entry that "
                       "can be run",
                       path);
}

static enum x64_status check_image(const struct x64_kernel_image *image, const char *path,
                                   unsigned mitigations, struct x64_error_text *error)
{
    enum x64_status status = check_symbols(image, path, error);
    if (status == X64_OK)
        status = check_per_cpu(image, path, mitigations, error);
    if (status == X64_OK)
        status = check_types(image, path, error);
    return status == X64_OK ? check_entry(image, path, error) : status;
}

enum x64_status x64i_stock_open(const void *bytes, size_t size, const char *path,
                                const struct x64i_cpu_model *model, unsigned mitigations,
                                struct x64i_shared_image **shared, struct x64_error_text *error)
{
    struct x64_kernel_image *image = NULL;
    struct x64_kernel_image *stock = NULL;
    struct x64_image_error why;
    enum x64_status status =
        x64i_mitigations_check(mitigations, ALL_MITIGATIONS, path, model, error);
    if (status != X64_OK)
        return status;
    status = x64_kernel_image_open_memory(bytes, size, &image, &why);
    if (status != X64_OK)
        return x64i_refuse(error, status, "%s: %s", path, why.text);
    status = check_image(image, path, mitigations, error);
    if (status == X64_OK)
        status = x64i_stock_patch(image, path, model, mitigations, error);
    if (status == X64_OK)
        status = x64_kernel_image_open_memory(x64i_stock, (size_t)(x64i_stock_end - x64i_stock),
                                              &stock, NULL);
    if (status != X64_OK) {
        x64_kernel_image_close(image);
        return status;
    }
    *shared = x64i_shared_image_create(image, stock);
    return *shared ? X64_OK : X64_ERROR_MEMORY;
}

static bool write_word(struct x64i_kernel *kernel, uint64_t linear, uint64_t value)
{
    return x64i_kernel_write(kernel, linear, &value, sizeof value);
}

/* Writes a per-CPU variable, or a member of one; kernels without it have no use for it. */
static bool set_per_cpu(struct x64i_kernel *kernel, const char *variable, uint64_t value)
{
    uint64_t offset;
    if (!x64i_kernel_per_cpu(kernel, variable, &offset))
        return true;
    return write_word(kernel, kernel->layout.per_cpu + offset, value);
}

/* Where the top of the running task's stack is kept: before 5.13 in the TSS, from 6.2 to 6.14 in
 * struct pcpu_hot. */
static const struct {
    const char *variable;
    const char *type, *member;
} stack_tops[] = {
    {"cpu_current_top_of_stack", NULL, NULL},
    {"pcpu_hot", "pcpu_hot", "top_of_stack"},
    {"cpu_tss_rw", "tss_struct", "x86_tss.sp1"},
};

/* As the image initializes it: the top of init_task's stack. */
static bool top_of_stack(const struct x64i_kernel *kernel, uint64_t *top)
{
    uint64_t offset;
    uint64_t value = 0;
    const struct x64_image_section *section;
    if (x64_kernel_image_per_cpu_section(kernel->image, &section, NULL) != X64_OK)
        return false;
    for (size_t i = 0; i < sizeof stack_tops / sizeof stack_tops[0]; i++) {
        if (x64_kernel_image_per_cpu_offset(kernel->image, stack_tops[i].variable,
                                            stack_tops[i].type, stack_tops[i].member, &offset,
                                            NULL) != X64_OK)
            continue;
        offset -= section->linear;
        if (offset > section->size - sizeof value)
            return false;
        memcpy(&value, section->data + offset, sizeof value);
        *top = value;
        return value >= X64I_IMAGE_MAP + X64I_KERNEL_STACK && value % 8 == 0;
    }
    return false;
}

/* struct fpu is the end of struct thread_struct, from 6.16 on it follows task_struct. */
static bool offset_of_fpu(const struct x64i_kernel *kernel, uint64_t *offset)
{
    struct x64_image_member fpu;
    if (x64_kernel_image_member(kernel->image, "task_struct", "thread.fpu", &fpu, NULL) != X64_OK)
        return x64_kernel_image_type_size(kernel->image, "task_struct", offset, NULL) == X64_OK;
    *offset = fpu.offset;
    return true;
}

/* Where the per-CPU area points to the running task. */
static bool current_task(struct x64i_kernel *kernel, uint64_t *linear)
{
    uint64_t offset, task;
    if (!x64i_kernel_per_cpu(kernel, "current_task", &offset) &&
        x64_kernel_image_per_cpu_offset(kernel->image, "pcpu_hot", "pcpu_hot", "current_task",
                                        &offset, NULL) != X64_OK)
        return false;
    *linear = kernel->layout.per_cpu + offset;
    return x64i_kernel_read(kernel, *linear, &task, sizeof task) &&
           task == x64i_kernel_symbol(kernel, "init_task");
}

/* The task that runs is a copy of init_task, as dup_task_struct makes one: init_task itself has no
 * room for the vector state of a program. As begin_new_exec has it, it is no kernel thread. */
static bool set_up_task(struct x64i_kernel *kernel)
{
    struct x64_image_member member;
    uint64_t from = x64i_kernel_symbol(kernel, "init_task");
    uint64_t to = kernel->layout.task;
    uint64_t where, size, word;
    uint32_t flags;
    if (x64_kernel_image_type_size(kernel->image, "task_struct", &size, NULL) != X64_OK ||
        size > TASK_PAGES * X64I_PAGE_SIZE || !current_task(kernel, &where) ||
        x64_kernel_image_member(kernel->image, "task_struct", "flags", &member, NULL) != X64_OK)
        return false;
    for (uint64_t at = 0; at < size; at += sizeof word)
        if (!x64i_kernel_read(kernel, from + at, &word, sizeof word) ||
            !write_word(kernel, to + at, word))
            return false;
    if (!x64i_kernel_read(kernel, to + member.offset, &flags, sizeof flags))
        return false;
    flags &= ~PF_KTHREAD;
    return x64i_kernel_write(kernel, to + member.offset, &flags, sizeof flags) &&
           write_word(kernel, where, to);
}

/* What setup_per_cpu_areas and the boot CPU's early set-up leave in the per-CPU area. */
static bool set_up_per_cpu(struct x64i_kernel *kernel)
{
    const struct x64i_layout *layout = &kernel->layout;
    uint64_t offsets = x64i_kernel_symbol(kernel, "__per_cpu_offset");
    struct x64_image_member stacks;
    uint64_t fpu;
    bool done = set_per_cpu(kernel, "this_cpu_off", layout->per_cpu);
    if (offsets)
        done = done && write_word(kernel, offsets, layout->per_cpu);
    if (offset_of_fpu(kernel, &fpu))
        done = done && set_per_cpu(kernel, "fpu_fpregs_owner_ctx", layout->task + fpu);
    if (x64_kernel_image_member(kernel->image, "cpu_entry_area", "estacks", &stacks, NULL) ==
        X64_OK)
        done = done && set_per_cpu(kernel, "cea_exception_stacks",
                                   X64I_ENTRY_AREA + X64I_PAGE_SIZE + stacks.offset);
    if (kernel->mitigations & X64_MITIGATION_IBRS)
        done = done && set_per_cpu(kernel, SPEC_CTRL_VARIABLE, SPEC_CTRL_IBRS);
    return done;
}

/* The TSS and its descriptor, as cpu_init leaves them: sp0 is the entry stack (load_sp0), IST the
 * exception stacks (tss_setup_ist). Kernels with cpu_init_exception_handling write most of it
 * again. */
static bool set_up_tss(struct x64i_kernel *kernel)
{
    const struct x64i_layout *layout = &kernel->layout;
    uint64_t tss, gdt;
    if (!x64i_kernel_per_cpu(kernel, "cpu_tss_rw", &tss) ||
        !x64i_kernel_per_cpu(kernel, "gdt_page", &gdt))
        return false;
    tss += layout->per_cpu;
    bool done = write_word(kernel, tss + 4, layout->entry_stack.end);
    for (unsigned i = 0; i < 4; i++)
        done = done && write_word(kernel, tss + 36 + 8 * i, layout->ist[i].end);
    const uint16_t io_bitmap_base = 104;
    done = done && x64i_kernel_write(kernel, tss + 102, &io_bitmap_base, sizeof io_bitmap_base);
    uint64_t base = layout->tss.start;
    uint64_t limit = layout->tss.end - layout->tss.start - 1;
    const uint64_t descriptor[2] = {
        (limit & 0xffff) | (base & 0xffffff) << 16 |
            (uint64_t)(X64I_SEGMENT_PRESENT | TSS_AVAILABLE) << 40 | (limit >> 16 & 0xf) << 48 |
            (base >> 24 & 0xff) << 56,
        base >> 32,
    };
    return done && x64i_kernel_write(kernel, layout->per_cpu + gdt + TSS_SELECTOR, descriptor,
                                     sizeof descriptor);
}

/* The functions of the image that program the CPU, in the order in which its boot calls them. */
static const struct {
    const char *name;
    uint64_t argument;
} boot_calls[] = {
    {"idt_setup_early_traps", 0},       {"idt_setup_traps", 0}, {"idt_setup_early_pf", 0},
    {"cpu_init_exception_handling", 1}, {"syscall_init", 0},    {"load_fixmap_gdt", 0},
};

_Static_assert(sizeof boot_calls / sizeof boot_calls[0] <= X64I_STOCK_CALLS, "the list has room");

static bool place_params(struct x64i_kernel *kernel)
{
    const struct x64i_layout *layout = &kernel->layout;
    uint64_t gdt;
    if (!x64i_kernel_per_cpu(kernel, "gdt_page", &gdt))
        return false;
    struct x64i_stock_params params = {
        .boot = {.per_cpu = layout->per_cpu,
                 .stack_top = layout->task_stack.end,
                 .idt = layout->idt.start,
                 .cr3 = layout->root},
        .return_to_user = x64i_kernel_symbol(kernel, "swapgs_restore_regs_and_return_to_usermode"),
        .gdt_page = layout->per_cpu + gdt,
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof boot_calls / sizeof boot_calls[0]; i++) {
        uint64_t function = x64i_kernel_symbol(kernel, boot_calls[i].name);
        if (!function)
            continue;
        params.call[count].function = function;
        params.call[count++].argument = boot_calls[i].argument;
    }
    return x64i_kernel_write(kernel, layout->boot_params, &params, sizeof params);
}

enum x64_status x64i_stock_boot(struct x64i_kernel *kernel, struct x64_error_text *error)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t top;
    if (!top_of_stack(kernel, &top))
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                           "the kernel does not say where the top of the running task's stack is "
                           "(cpu_current_top_of_stack, pcpu_hot.top_of_stack or TSS.sp1)");
    layout->task_stack = (struct x64i_range){.start = top - X64I_KERNEL_STACK, .end = top};
    uint64_t task = 0;
    if (x64i_place_segments(kernel))
        task = x64i_frames_take(kernel, TASK_PAGES);
    layout->task = x64i_direct(task);
    if (!task || !x64i_stock_space_build(kernel))
        return x64i_refuse(error, X64_ERROR_LIMIT,
                           "%llu MiB of memory are too few for this kernel, or its types do not "
                           "describe cpu_entry_area: give the machine 256 MiB",
                           (unsigned long long)kernel->memory->ram_size >> 20);
    x64i_cpu_reset_long_mode(kernel->cpu, layout->root);
    if (!x64i_apply_alternatives(kernel) || !x64i_place_per_cpu(kernel) || !set_up_task(kernel) ||
        !set_up_per_cpu(kernel) || !set_up_tss(kernel) || !place_params(kernel))
        return x64i_refuse(error, X64_ERROR_FORMAT,
                           "the kernel's per-CPU area could not be set up");
    kernel->cpu->s.rip = x64i_kernel_symbol(kernel, "stock_boot");
    kernel->cpu->s.gpr[X64_RSI] = layout->boot_params;
    x64i_cpu_refresh(kernel->cpu);
    return X64_OK;
}
