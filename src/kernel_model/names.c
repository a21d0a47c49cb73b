/* SPDX-License-Identifier: MIT */
/* Names of what a trace shows: symbols, stacks, slots. */
#include "kernel_model/boot.h"
#include "kernel_model/kernel.h"

#include <stdio.h>
#include <string.h>

static const char *const pt_regs_names[X64I_PT_COUNT] = {
    "r15", "r14", "r13", "r12", "bp",      "bx", "r11", "r10",   "r9", "r8", "ax",
    "cx",  "dx",  "si",  "di",  "orig_ax", "ip", "cs",  "flags", "sp", "ss",
};

#define TSS_SP1 12u

/* struct x86_hw_tss (SDM vol. 3A, figure 7-11), but for its three reserved words. */
static const struct {
    uint8_t offset;
    uint8_t size;
    char name[16];
} tss_fields[] = {
    {4, 8, "sp0"},
    {TSS_SP1, 8, "sp1"},
    {20, 8, "sp2"},
    {36, 8, "ist1"},
    {44, 8, "ist2"},
    {52, 8, "ist3"},
    {60, 8, "ist4"},
    {68, 8, "ist5"},
    {76, 8, "ist6"},
    {84, 8, "ist7"},
    {102, 2, "io_bitmap_base"},
};

static const char *const ist_names[4] = {"DF", "NMI", "DB", "MCE"};

static bool inside(const struct x64i_range *range, uint64_t linear)
{
    return linear - range->start < range->end - range->start;
}

/* As inside, and the empty top, which a stack pointer may show. */
static bool on_stack(const struct x64i_range *range, uint64_t rsp)
{
    return range->start && rsp - range->start <= range->end - range->start;
}

/* Calls without arguments are one function for both tables; 64-bit ones are what runs here. */
static const char *name_for_64(const struct x64i_kernel *kernel,
                               const struct x64_image_symbol *symbol)
{
    static const char other[] = "__ia32_sys_";
    struct x64_image_symbol found;
    char name[96];
    if (kernel->era->compat || strncmp(symbol->name, other, sizeof other - 1) != 0)
        return symbol->name;
    (void)snprintf(name, sizeof name, "__x64_sys_%s", symbol->name + sizeof other - 1);
    bool same = x64_kernel_image_symbol(kernel->image, name, &found, NULL) == X64_OK &&
                found.address == symbol->address;
    return same ? found.name : symbol->name;
}

/* The image's page that 32-bit programs have at X64I_VDSO_32, or 0. */
static uint64_t vdso_page(const struct x64i_kernel *kernel)
{
    bool present = kernel->era->vsyscall && kernel->task->compat;
    return present ? x64i_kernel_symbol(kernel, "__kernel_vsyscall") : 0;
}

enum x64_status x64_symbol_at(struct x64_machine *machine, uint64_t linear, const char **name,
                              uint64_t *offset)
{
    struct x64_image_symbol symbol;
    if (!machine || !name || !offset)
        return X64_ERROR_ARGUMENT;
    struct x64i_kernel *kernel = x64i_kernel_of(machine);
    if (!kernel)
        return X64_ERROR_NOT_FOUND;
    uint64_t trampoline = kernel->layout.trampoline;
    if (linear < kernel->mm.limit)
        return x64i_user_symbol_at(kernel, linear, name, offset);
    if (trampoline && linear - trampoline < X64I_PAGE_SIZE)
        linear += x64i_kernel_symbol(kernel, "entry_SYSCALL_64_trampoline") - trampoline;
    if (vdso_page(kernel) && linear - X64I_VDSO_32 < X64I_PAGE_SIZE)
        linear += vdso_page(kernel) - X64I_VDSO_32;
    bool added = kernel->stock && inside(&kernel->layout.stock, linear);
    const struct x64_kernel_image *image = added ? kernel->stock : kernel->image;
    return x64_kernel_image_symbol_near(image, linear, &symbol, offset) == X64_OK
               ? (*name = name_for_64(kernel, &symbol), X64_OK)
               : X64_ERROR_NOT_FOUND;
}

enum x64_status x64_symbol_find(struct x64_machine *machine, const char *name, uint64_t *linear)
{
    struct x64_image_symbol symbol;
    if (!machine || !name || !linear)
        return X64_ERROR_ARGUMENT;
    struct x64i_kernel *kernel = x64i_kernel_of(machine);
    if (!kernel)
        return X64_ERROR_NOT_FOUND;
    if (x64_kernel_image_symbol(kernel->image, name, &symbol, NULL) != X64_OK)
        return x64i_user_symbol_find(kernel, name, linear);
    *linear = symbol.per_cpu ? kernel->layout.per_cpu + symbol.address : symbol.address;
    if (vdso_page(kernel) && *linear - vdso_page(kernel) < X64I_PAGE_SIZE)
        *linear += X64I_VDSO_32 - vdso_page(kernel);
    if (kernel->layout.trampoline && strcmp(name, "entry_SYSCALL_64_trampoline") == 0)
        *linear = kernel->layout.trampoline;
    return X64_OK;
}

enum x64_stack x64_stack_of(struct x64_machine *machine, uint64_t rsp)
{
    const struct x64i_kernel *kernel = machine ? x64i_kernel_of(machine) : NULL;
    if (!kernel)
        return X64_STACK_NONE;
    const struct x64i_layout *layout = &kernel->layout;
    if (rsp < kernel->mm.limit)
        return X64_STACK_USER;
    if (on_stack(&layout->entry_stack, rsp))
        return X64_STACK_ENTRY;
    if (on_stack(&layout->task_stack, rsp) || on_stack(&layout->irq_stack, rsp))
        return X64_STACK_KERNEL;
    for (unsigned i = 0; i < 4; i++)
        if (on_stack(&layout->ist[i], rsp))
            return X64_STACK_IST;
    return X64_STACK_NONE;
}

/* A stretch of memory that has slots, and what names one of them. */
struct place {
    const struct x64i_kernel *kernel;
    uint64_t linear;
    char *name;
    size_t size;
};

static size_t put(const struct place *place, const char *base, const char *member)
{
    int length = snprintf(place->name, place->size, "%s.%s", base, member);
    return length > 0 && (size_t)length < place->size ? (size_t)length : 0;
}

static size_t put_offset(const struct place *place, const char *base, uint64_t offset)
{
    int length =
        offset ? snprintf(place->name, place->size, "%s+%#llx", base, (unsigned long long)offset)
               : snprintf(place->name, place->size, "%s", base);
    return length > 0 && (size_t)length < place->size ? (size_t)length : 0;
}

static size_t put_index(const struct place *place, const char *base, uint64_t index)
{
    int length = snprintf(place->name, place->size, "%s[%#llx]", base, (unsigned long long)index);
    return length > 0 && (size_t)length < place->size ? (size_t)length : 0;
}

static size_t name_tss(const struct place *place, uint64_t offset)
{
    const char *base = place->kernel->era->entry_area ? "cpu_tss_rw" : "cpu_tss";
    for (size_t i = 0; i < sizeof tss_fields / sizeof tss_fields[0]; i++)
        if (offset == tss_fields[i].offset)
            return put(place, base, tss_fields[i].name);
    return put_offset(place, base, offset);
}

/* The struct pt_regs that ends at `end`, if the address lies in it. */
static size_t name_pt_regs(const struct place *place, uint64_t end, const char *base)
{
    uint64_t from_top = end - place->linear;
    if (from_top > 8 * X64I_PT_COUNT || from_top == 0)
        return 0;
    uint64_t offset = 8 * X64I_PT_COUNT - from_top;
    char member[32];
    if (offset % 8 == 0)
        return put(place, base, pt_regs_names[offset / 8]);
    (void)snprintf(member, sizeof member, "%s+%u", pt_regs_names[offset / 8],
                   (unsigned)(offset % 8));
    return put(place, base, member);
}

/* The task's own at the top, and that of the page fault which a system call waits for. */
static size_t name_task_stack(const struct place *place)
{
    const struct x64i_fault_in *fault_in = &place->kernel->task->fault_in;
    size_t length = name_pt_regs(place, place->kernel->layout.task_stack.end, "pt_regs");
    if (length || !fault_in->active)
        return length;
    return name_pt_regs(place, fault_in->frame_end, "pt_regs[1]");
}

static size_t name_per_cpu(const struct place *place)
{
    struct x64_image_symbol symbol;
    uint64_t offset;
    uint64_t into = place->linear - place->kernel->layout.per_cpu;
    if (x64_kernel_image_per_cpu_symbol(place->kernel->image, into, &symbol, &offset) != X64_OK)
        return 0;
    if (strcmp(symbol.name, "gdt_page") == 0)
        return put_index(place, "gdt", offset / 8);
    if (strcmp(symbol.name, "cpu_tss_rw") == 0 || strcmp(symbol.name, "cpu_tss") == 0)
        return name_tss(place, offset);
    /* 4.15's alias of TSS.sp1 is a symbol within the TSS; sp2 and the rest lie behind it. */
    if (strcmp(symbol.name, "cpu_current_top_of_stack") == 0 && offset >= 8) {
        struct x64_image_symbol tss;
        bool alias =
            x64_kernel_image_symbol(place->kernel->image, "cpu_tss_rw", &tss, NULL) == X64_OK &&
            tss.address + TSS_SP1 == symbol.address;
        return alias ? name_tss(place, TSS_SP1 + offset) : 0;
    }
    return put_offset(place, symbol.name, offset);
}

static size_t name_image(const struct place *place)
{
    struct x64_image_symbol symbol;
    uint64_t offset;
    if (x64_kernel_image_symbol_near(place->kernel->image, place->linear, &symbol, &offset) !=
        X64_OK)
        return 0;
    if (strstr(symbol.name, "sys_call_table"))
        return put_index(place, symbol.name, offset / 8);
    if (strcmp(symbol.name, "idt_table") == 0)
        return put_index(place, "idt", offset / 16);
    return put_offset(place, symbol.name, offset);
}

/* Counted down from the top, where the entry code parks and pushes. */
static size_t name_entry_stack(const struct place *place)
{
    uint64_t below = (place->kernel->layout.entry_stack.end - place->linear + 7) / 8;
    int length = snprintf(place->name, place->size, "entry_stack_top[-%u]", (unsigned)below);
    return length > 0 && (size_t)length < place->size ? (size_t)length : 0;
}

static size_t name_entry_area(const struct place *place)
{
    const struct x64i_layout *layout = &place->kernel->layout;
    if (inside(&layout->idt, place->linear))
        return put_index(place, "idt", (place->linear - layout->idt.start) / 16);
    if (inside(&layout->gdt, place->linear))
        return put_index(place, "gdt", (place->linear - layout->gdt.start) / 8);
    if (inside(&layout->tss, place->linear))
        return name_tss(place, place->linear - layout->tss.start);
    if (inside(&layout->entry_stack, place->linear))
        return name_entry_stack(place);
    for (unsigned i = 0; i < 4; i++)
        if (inside(&layout->ist[i], place->linear))
            return put_offset(place, ist_names[i], place->linear - layout->ist[i].start);
    return 0;
}

size_t x64_slot_name(struct x64_machine *machine, uint64_t linear, char *name, size_t size)
{
    if (!machine || !name || size == 0)
        return 0;
    const struct x64i_kernel *kernel = x64i_kernel_of(machine);
    if (!kernel || linear < kernel->mm.limit)
        return 0;
    const struct x64i_layout *layout = &kernel->layout;
    const struct place place = {kernel, linear, name, size};
    if (inside(&layout->task_stack, linear))
        return name_task_stack(&place);
    size_t known = kernel->stock ? x64i_slot_name(kernel, linear, name, size) : 0;
    if (known)
        return known;
    if (linear == layout->task)
        return put(&place, "task_struct", "thread_info.flags");
    size_t length = name_per_cpu(&place);
    if (!length)
        length = name_entry_area(&place);
    return length ? length : name_image(&place);
}
