/* SPDX-License-Identifier: MIT */
/*
 * execve: areas from the program's segments, heap, stack with argv, envp and auxiliary vector as
 * the ABI wants them (System V ABI, 3.4.1; fs/binfmt_elf.c for the order of the entries).
 */
#include "kernel_model/exec.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/task_switch.h"
#include "kernel_model/vfs.h"

#include <errno.h>

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define STACK_FIRST     (UINT64_C(132) << 10) /* mapped at once */
#define ARGUMENTS_MAX   X64I_ARGUMENTS_MAX
#define STATIC_PIE_BASE UINT64_C(0x555555554000)
#define STATIC_PIE_32   UINT64_C(0x56555000)
#define RANDOM_BYTES    16
#define CLOCK_TICKS     100
#define BOOT_PROGRAM    "kernel.program"

/* The stack while it is being built: bytes at the end of a buffer, growing downwards. */
struct builder {
    struct x64i_kernel *kernel;
    uint8_t *bytes;
    uint64_t top;  /* linear address of the buffer's end */
    uint64_t used; /* bytes */
    uint64_t interpreter_base;
    bool full;
};

static uint64_t push_bytes(struct builder *builder, const void *bytes, uint64_t size)
{
    if (size > ARGUMENTS_MAX - builder->used) {
        builder->full = true;
        return 0;
    }
    builder->used += size;
    memcpy(builder->bytes + ARGUMENTS_MAX - builder->used, bytes, size);
    return builder->top - builder->used;
}

static uint64_t push_string(struct builder *builder, const char *string)
{
    return push_bytes(builder, string, strlen(string) + 1);
}

static void push_word(struct builder *builder, uint64_t value, bool compat)
{
    push_bytes(builder, &value, compat ? 4 : 8);
}

static uint64_t count_strings(const char *const *strings)
{
    uint64_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

/* The last string is pushed first; Linux puts them in order, so that they ascend in memory. Stores
 * the address of each, which `addresses` has room for, and answers the first one's. */
static void push_strings(struct builder *builder, const char *const *strings, uint64_t count,
                         uint64_t *addresses)
{
    for (uint64_t i = count; i > 0 && !builder->full; i--)
        addresses[i - 1] = push_string(builder, strings[i - 1]);
}

static void push_addresses(struct builder *builder, const uint64_t *addresses, uint64_t count,
                           bool compat)
{
    push_word(builder, 0, compat);
    for (uint64_t i = count; i > 0; i--)
        push_word(builder, addresses[i - 1], compat);
}

/* What the program learns about itself and its machine. Strings are below by now. */
struct auxiliary {
    uint64_t random;
    uint64_t platform;
    uint64_t filename;
    uint64_t base; /* of the interpreter, or 0 */
    bool vsyscall;
};

static void push_auxiliary(struct builder *builder, const struct x64i_elf *elf,
                           const struct auxiliary *place)
{
    uint32_t leaf[4];
    const struct x64i_cpu *cpu = builder->kernel->cpu;
    x64i_cpuid(cpu->model, 1, 0, cpu->s.cr4, cpu->s.xcr0, leaf);
    const uint64_t entries[][2] = {
        {AT_SYSINFO, X64I_VDSO_32},
        {AT_HWCAP, leaf[3]},
        {AT_PAGESZ, X64I_PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS},
        {AT_PHDR, elf->phdr},
        {AT_PHENT, elf->phent},
        {AT_PHNUM, elf->phnum},
        {AT_BASE, place->base},
        {AT_FLAGS, 0},
        {AT_ENTRY, elf->entry},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_RANDOM, place->random},
        {AT_HWCAP2, 0},
        {AT_EXECFN, place->filename},
        {AT_PLATFORM, place->platform},
        {AT_NULL, 0},
    };
    size_t first = place->vsyscall ? 0 : 1;
    for (size_t i = sizeof entries / sizeof entries[0]; i > first; i--) {
        push_word(builder, entries[i - 1][1], elf->compat);
        push_word(builder, entries[i - 1][0], elf->compat);
    }
}

/* RSP is a multiple of 16 when the vectors below the strings are pushed. */
static void align_for(struct builder *builder, uint64_t words, bool compat)
{
    static const uint8_t zeroes[32];
    uint64_t size = words * (compat ? 4 : 8);
    uint64_t end = (builder->top - builder->used - size) & ~UINT64_C(15);
    push_bytes(builder, zeroes, builder->top - builder->used - size - end);
}

#define AUXILIARY_WORDS 38

static bool has_vsyscall(const struct x64i_kernel *kernel)
{
    return kernel->era->vsyscall && kernel->task->compat;
}

static void build_stack(struct builder *builder, const struct x64i_elf *elf, const char *path,
                        const char *const *argv, const char *const *envp, uint64_t *addresses)
{
    struct auxiliary place = {.base = builder->interpreter_base};
    uint8_t random[RANDOM_BYTES] = {0};
    uint64_t argc = count_strings(argv);
    uint64_t envc = count_strings(envp);
    push_word(builder, 0, elf->compat);
    place.filename = push_string(builder, path);
    push_strings(builder, envp, envc, addresses + argc);
    push_strings(builder, argv, argc, addresses);
    place.platform = push_string(builder, elf->compat ? "i686" : "x86_64");
    x64i_machine_input(builder->kernel->machine, X64_INPUT_RANDOM, random, sizeof random);
    place.random = push_bytes(builder, random, sizeof random);
    place.vsyscall = has_vsyscall(builder->kernel);
    align_for(builder, AUXILIARY_WORDS + (place.vsyscall ? 2 : 0) + argc + envc + 3, elf->compat);
    push_auxiliary(builder, elf, &place);
    push_addresses(builder, addresses + argc, envc, elf->compat);
    push_addresses(builder, addresses, argc, elf->compat);
    push_word(builder, argc, elf->compat);
}

static uint64_t page_down(uint64_t value)
{
    return value & ~(uint64_t)(X64I_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + X64I_PAGE_SIZE - 1);
}

static void relocate(struct x64i_elf *elf, uint64_t base)
{
    for (unsigned i = 0; i < elf->segment_count; i++)
        elf->segment[i].linear += base;
    elf->entry += base;
    elf->end += base;
    if (elf->phdr)
        elf->phdr += base;
}

static bool map_segment(struct x64i_kernel *kernel, const struct x64i_elf_segment *segment,
                        uint32_t file)
{
    uint64_t inset = segment->linear % X64I_PAGE_SIZE;
    struct x64i_area area = {.start = segment->linear - inset,
                             .end = page_up(segment->linear + segment->memory_size),
                             .file_offset = segment->file_offset - inset,
                             .file_size = segment->file_size ? segment->file_size + inset : 0,
                             .protection = segment->protection,
                             .kind = X64I_AREA_FILE,
                             .file = file};
    uint64_t file_end = page_up(area.start + area.file_size);
    if (file_end == area.end)
        return x64i_mm_map(kernel, &area) == 0;
    /* Pages without a byte of the file are like any others. */
    struct x64i_area rest = {.start = file_end,
                             .end = area.end,
                             .protection = area.protection,
                             .kind = X64I_AREA_ANONYMOUS};
    area.end = file_end;
    return (area.start == area.end || x64i_mm_map(kernel, &area) == 0) &&
           x64i_mm_map(kernel, &rest) == 0;
}

/* Writes the built bytes to the stack's pages, which become present. */
static bool write_stack(struct x64i_kernel *kernel, const struct builder *builder)
{
    uint64_t linear = builder->top - builder->used;
    const uint8_t *from = builder->bytes + ARGUMENTS_MAX - builder->used;
    for (uint64_t left = builder->used; left > 0;) {
        uint64_t piece = X64I_PAGE_SIZE - linear % X64I_PAGE_SIZE;
        piece = piece < left ? piece : left;
        if (x64i_mm_touch(kernel, linear, X64_PF_WRITE) != X64I_MM_DONE)
            return false;
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, linear, NULL);
        x64i_physical_poke(kernel->memory, (entry & X64I_PTE_ADDRESS) + linear % X64I_PAGE_SIZE,
                           from, piece);
        linear += piece;
        from += piece;
        left -= piece;
    }
    return true;
}

static void place_user(struct x64i_kernel *kernel, struct x64i_elf *elf)
{
    struct x64i_mm *mm = &kernel->mm;
    *mm = (struct x64i_mm){.root = kernel->layout.root,
                           .limit = elf->compat ? X64I_TASK_SIZE_32 : X64I_TASK_SIZE};
    if (elf->position_independent)
        relocate(elf, elf->compat ? STATIC_PIE_32 : STATIC_PIE_BASE);
    mm->brk_start = mm->brk = elf->end;
    mm->entry = elf->entry;
    mm->stack_low = mm->limit - X64I_PAGE_SIZE - x64i_stack_limit(kernel);
    mm->mmap_top = mm->stack_low - X64I_STACK_GUARD;
    kernel->task->compat = elf->compat;
}

static uint64_t digest_of(const uint8_t *bytes, size_t size)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    return digest;
}

static enum x64_status map_segments(struct x64i_kernel *kernel, const struct x64i_loaded *loaded,
                                    const char *path, struct x64_error_text *error)
{
    for (unsigned i = 0; i < loaded->elf.segment_count; i++)
        if (!map_segment(kernel, &loaded->elf.segment[i], loaded->file))
            return x64i_refuse(error, X64_ERROR_FORMAT, "%s: segment %u cannot be mapped", path, i);
    return X64_OK;
}

static enum x64_status map_program(struct x64i_kernel *kernel, const struct x64i_loaded *loaded,
                                   const char *path, struct x64_error_text *error)
{
    struct x64i_mm *mm = &kernel->mm;
    enum x64_status status = map_segments(kernel, loaded, path, error);
    if (status != X64_OK)
        return status;
    if (loaded->elf.end > mm->mmap_top)
        return x64i_refuse(error, X64_ERROR_FORMAT, "%s: segments reach into the stack", path);
    uint64_t top = mm->limit - X64I_PAGE_SIZE;
    struct x64i_area stack = {.start = top - STACK_FIRST,
                              .end = top,
                              .protection = X64I_PROT_READ | X64I_PROT_WRITE |
                                            (loaded->elf.executable_stack ? X64I_PROT_EXEC : 0u),
                              .kind = X64I_AREA_STACK};
    return x64i_mm_map(kernel, &stack) == 0 ? X64_OK : X64_ERROR_LIMIT;
}

/* The interpreter goes where the first mapping would; it is begun in place of the program. */
static enum x64_status map_interpreter(struct x64i_kernel *kernel, struct x64i_loaded *loaded,
                                       uint64_t *base, const char *path,
                                       struct x64_error_text *error)
{
    *base = loaded->elf.position_independent ? x64i_mm_find_gap(kernel, loaded->elf.end) : 0;
    if (loaded->elf.position_independent && !*base)
        return x64i_refuse(error, X64_ERROR_LIMIT, "%s: no room for its interpreter", path);
    relocate(&loaded->elf, *base);
    kernel->mm.entry = loaded->elf.entry;
    return map_segments(kernel, loaded, path, error);
}

/* The image's page with __kernel_vsyscall, for the user to execute (entry/vdso32.inc). */
static bool map_vdso(struct x64i_kernel *kernel)
{
    uint64_t page = x64i_kernel_symbol(kernel, "__kernel_vsyscall");
    return page > X64I_IMAGE_MAP &&
           x64i_page_map(kernel, kernel->layout.root, X64I_VDSO_32, page - X64I_IMAGE_MAP,
                         X64I_PTE_PRESENT | X64I_PTE_USER | X64I_PTE_ACCESSED | X64I_PTE_DIRTY);
}

static enum x64_status fill_stack(struct x64i_kernel *kernel, const struct x64i_elf *elf,
                                  uint64_t interpreter_base, const char *path,
                                  const char *const *argv, const char *const *envp,
                                  struct x64_error_text *error)
{
    uint64_t count = count_strings(argv) + count_strings(envp);
    struct builder builder = {.kernel = kernel,
                              .top = kernel->mm.limit - X64I_PAGE_SIZE,
                              .interpreter_base = interpreter_base};
    uint64_t *addresses = count < ARGUMENTS_MAX ? calloc(count + 1, sizeof *addresses) : NULL;
    builder.bytes = malloc(ARGUMENTS_MAX);
    enum x64_status status = X64_OK;
    if (count >= ARGUMENTS_MAX)
        builder.full = true;
    else if (!addresses || !builder.bytes)
        status = X64_ERROR_MEMORY;
    else
        build_stack(&builder, elf, path, argv, envp, addresses);
    if (builder.full)
        status = x64i_refuse(error, X64_ERROR_LIMIT,
                             "%s: arguments and environment take more than %llu bytes", path,
                             (unsigned long long)ARGUMENTS_MAX);
    if (status == X64_OK && !write_stack(kernel, &builder))
        status = x64i_refuse(error, X64_ERROR_LIMIT, "%s: no memory for the stack", path);
    kernel->mm.stack = builder.top - builder.used;
    free(addresses);
    free(builder.bytes);
    return status;
}

enum x64_status x64i_exec_map(struct x64i_kernel *kernel, struct x64i_loaded *program,
                              struct x64i_loaded *interpreter, const char *path,
                              const char *const *argv, const char *const *envp,
                              struct x64_error_text *error)
{
    uint64_t base = 0;
    uint64_t linked = program->elf.entry;
    place_user(kernel, &program->elf);
    if (!program->file) {
        kernel->schedule.program_base = program->elf.entry - linked;
        x64i_user_symbols_forget(kernel);
    }
    enum x64_status status = map_program(kernel, program, path, error);
    if (status == X64_OK && interpreter)
        status = map_interpreter(kernel, interpreter, &base, path, error);
    if (status != X64_OK)
        return status;
    if (has_vsyscall(kernel) && !map_vdso(kernel))
        return x64i_refuse(error, X64_ERROR_LIMIT, "%s: no memory for the vDSO", path);
    return fill_stack(kernel, &program->elf, base, path, argv, envp, error);
}

/* Reads the headers of the interpreter that a program names. */
static enum x64_status open_interpreter(struct x64i_kernel *kernel, const char *name,
                                        const char *path, struct x64i_loaded *interpreter,
                                        struct x64_error_text *error)
{
    struct x64i_node node;
    int64_t index = x64i_vfs_walk(kernel, X64I_AT_FDCWD, name, true, &node);
    if (index == 0)
        index = x64i_vfs_open(kernel, &node, 0);
    if (index < 0)
        return x64i_refuse(error, X64_ERROR_NOT_FOUND,
                           "%s: its interpreter %.200s cannot be opened: %s", path, name,
                           strerror((int)-index));
    interpreter->file = (uint32_t)index + 1;
    x64i_file_hold(kernel, interpreter->file);
    return x64i_exec_read_head(kernel, interpreter, name, error);
}

enum x64_status x64i_exec_read_head(struct x64i_kernel *kernel, struct x64i_loaded *loaded,
                                    const char *path, struct x64_error_text *error)
{
    uint8_t head[X64I_ELF_HEAD];
    int64_t given = x64i_file_pread(kernel, loaded->file - 1, 0, head, sizeof head);
    if (given < 0)
        return x64i_refuse(error, X64_ERROR_IO, "%s: %s", path, strerror((int)-given));
    return x64i_elf_parse_head(head, (size_t)given, x64i_file_size(kernel, loaded->file - 1), path,
                               &loaded->elf, error);
}

enum x64_status x64i_exec_open_interpreter(struct x64i_kernel *kernel, const char *name,
                                           uint64_t size, const char *path, bool compat,
                                           struct x64i_loaded *interpreter,
                                           struct x64_error_text *error)
{
    if (memchr(name, '\0', size) != name + size - 1)
        return x64i_refuse(error, X64_ERROR_FORMAT, "%s: its interpreter's path is damaged", path);
    enum x64_status status = open_interpreter(kernel, name, path, interpreter, error);
    if (status == X64_OK && interpreter->elf.compat != compat)
        status =
            x64i_refuse(error, X64_ERROR_FORMAT, "%s: its interpreter has another width", path);
    if (status != X64_OK) {
        x64i_file_drop(kernel, interpreter->file);
        interpreter->file = 0;
    }
    return status;
}

enum x64_status x64i_exec(struct x64i_kernel *kernel, const uint8_t *bytes, size_t size,
                          const char *path, const char *const *argv, const char *const *envp,
                          struct x64_error_text *error)
{
    struct x64i_loaded program = {0};
    struct x64i_loaded interpreter = {0};
    struct x64i_state *state = x64i_machine_state(kernel->machine);
    const char *only_path[] = {path, NULL};
    struct x64i_script script;
    bool is_script = x64i_script_read(&script, bytes, size);
    enum x64_status status = X64_OK;
    if (!is_script)
        status = x64i_elf_parse(bytes, size, path, &program.elf, error);
    if (status == X64_OK)
        status = x64i_state_set_blob(state, BOOT_PROGRAM, bytes, size);
    if (status != X64_OK)
        return status;
    kernel->program = x64i_state_get_blob(state, BOOT_PROGRAM, &kernel->program_size);
    kernel->mm.root = kernel->layout.root;
    x64i_task_init(kernel, path);
    kernel->schedule.program_digest = digest_of(bytes, size);
    if (is_script) {
        kernel->process->program = 0;
        return x64i_exec_script(kernel, path, argv ? argv : only_path, envp, error);
    }
    bool dynamic = program.elf.interpreter_size != 0;
    if (dynamic)
        status = x64i_exec_open_interpreter(
            kernel, (const char *)bytes + program.elf.interpreter_offset,
            program.elf.interpreter_size, path, program.elf.compat, &interpreter, error);
    if (status == X64_OK)
        status = x64i_exec_map(kernel, &program, dynamic ? &interpreter : NULL, path,
                               argv ? argv : only_path, envp, error);
    x64i_file_drop(kernel, interpreter.file);
    return status;
}
