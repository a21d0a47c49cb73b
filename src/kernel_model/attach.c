/* SPDX-License-Identifier: MIT */
/* x64_kernel_attach: a kernel model for a machine. */
#include "kernel_model/custom.h"
#include "kernel_model/elf.h"
#include "kernel_model/exec.h"
#include "kernel_model/host_view.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mitigations.h"
#include "kernel_model/open_file.h"
#include "kernel_model/vfs.h"
#include "state/heap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REGION_VERSION 4
#define DEFAULT_ERA    "6.1"
#define PROGRAM_BLOB   "kernel.program"
#define IMAGE_BLOB     "kernel.image"
#define IDENTITY_BLOB  "kernel.identity"
#define MOUNTS_BLOB    "kernel.mounts"
#define IMAGE_SIZE_MAX (512u << 20)

extern const uint8_t x64i_demo_64[], x64i_demo_64_end[];
extern const uint8_t x64i_demo_32[], x64i_demo_32_end[];
extern const uint8_t x64i_demo_sysenter[], x64i_demo_sysenter_end[];

enum x64_status x64i_refuse(struct x64_error_text *error, enum x64_status status,
                            const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

uint64_t x64i_kernel_symbol(const struct x64i_kernel *kernel, const char *name)
{
    struct x64_image_symbol symbol;
    if (kernel->stock && x64_kernel_image_symbol(kernel->stock, name, &symbol, NULL) == X64_OK)
        return symbol.address;
    bool found = x64_kernel_image_symbol(kernel->image, name, &symbol, NULL) == X64_OK;
    return found ? symbol.address : 0;
}

bool x64i_kernel_per_cpu(const struct x64i_kernel *kernel, const char *name, uint64_t *offset)
{
    return x64_kernel_image_per_cpu_offset(kernel->image, name, NULL, NULL, offset, NULL) == X64_OK;
}

const char *x64i_kernel_release(const struct x64i_kernel *kernel)
{
    struct x64_image_info info;
    x64_kernel_image_info(kernel->image, &info);
    return kernel->stock ? info.release : kernel->era->release;
}

/* The physical address of a linear one and how many of `size` bytes lie on its page. The kernel's
 * mappings are those of the page table in force, or, for the direct map, of the one to come. */
static bool locate(struct x64i_kernel *kernel, uint64_t linear, size_t size, uint64_t *physical,
                   size_t *piece)
{
    uint32_t code;
    size_t left = X64I_PAGE_SIZE - (linear & (X64I_PAGE_SIZE - 1));
    *piece = left < size ? left : size;
    if (linear - X64I_DIRECT_MAP < kernel->memory->ram_size) {
        *physical = linear - X64I_DIRECT_MAP;
        return true;
    }
    return x64i_mmu_translate(&kernel->cpu->mmu, linear, X64I_ACCESS_PEEK, physical, &code);
}

bool x64i_kernel_read(struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size)
{
    uint64_t physical;
    size_t piece;
    for (size_t at = 0; at < size; at += piece)
        if (!locate(kernel, linear + at, size - at, &physical, &piece) ||
            !x64i_physical_peek(kernel->memory, physical, (uint8_t *)buffer + at, piece))
            return false;
    return true;
}

bool x64i_kernel_write(struct x64i_kernel *kernel, uint64_t linear, const void *bytes, size_t size)
{
    uint64_t physical;
    size_t piece;
    for (size_t at = 0; at < size; at += piece)
        if (!locate(kernel, linear + at, size - at, &physical, &piece) ||
            !x64i_physical_poke(kernel->memory, physical, (const uint8_t *)bytes + at, piece))
            return false;
    return true;
}

/* What comes from a file may be anything: indices and strings are bounded before use. The layout's
 * addresses need no bounds: whatever is read or written there is checked against RAM each time. */
static void restored(void *user)
{
    struct x64i_kernel *kernel = user;
    const uint8_t *program = kernel->program;
    struct x64i_state *state = x64i_machine_state(kernel->machine);
    kernel->program_size = 0;
    kernel->program = x64i_state_get_blob(state, PROGRAM_BLOB, &kernel->program_size);
    x64i_mm_restored(&kernel->mm);
    size_t size = 0;
    const char *mounts = x64i_state_get_blob(state, MOUNTS_BLOB, &size);
    if (!kernel->host && mounts)
        kernel->host = x64i_host_view_recorded(mounts, size);
    x64i_tasks_repair(kernel);
    if (kernel->program != program)
        x64i_user_symbols_forget(kernel);
}

static void destroy(void *user)
{
    struct x64i_kernel *kernel = user;
    x64i_cpu_set_natives(kernel->cpu, NULL, 0);
    x64i_shared_image_release(kernel->shared);
    x64i_user_symbols_forget(kernel);
    x64i_custom_free(kernel);
    x64i_host_view_destroy(kernel->host);
    x64i_heap_free(kernel->cpu->heap, kernel->scratch, X64I_PAGE_SIZE);
    x64i_heap_free(kernel->cpu->heap, kernel, sizeof *kernel);
}

struct x64i_kernel *x64i_kernel_of(struct x64_machine *machine)
{
    const struct x64i_kernel_hooks *hooks = x64i_machine_kernel(machine);
    return hooks->native == x64i_native_run ? hooks->user : NULL;
}

static enum x64_status add_paged(struct x64i_kernel *kernel)
{
    const uint64_t page = X64I_PAGE_SIZE;
    uint64_t frames = kernel->memory->ram_size / page * sizeof(uint16_t);
    const struct {
        const char *name;
        uint64_t size;
        struct x64i_pages **pages;
    } regions[] = {
        {"kernel.tasks", X64I_TASKS_MAX * page, &kernel->tasks},
        {"kernel.processes", X64I_TASKS_MAX * page, &kernel->processes},
        {"kernel.signals", X64I_TASKS_MAX * page, &kernel->signal_pages},
        {"kernel.mms", X64I_TASKS_MAX * 8 * page, &kernel->mms},
        {"kernel.frames", (frames + page - 1) & ~(page - 1), &kernel->frames},
        {"kernel.files", X64I_OPEN_FILES_MAX * page, &kernel->files},
        {"kernel.pipes", X64I_PIPES_MAX * X64I_PIPE_PAGES * page, &kernel->pipes},
        {"kernel.overlay", X64I_OVERLAY_MAX * page, &kernel->overlay},
        {"kernel.overlay_data", X64I_OVERLAY_MAX * X64I_OVERLAY_FILE, &kernel->overlay_data},
    };
    enum x64_status status = X64_OK;
    for (size_t i = 0; status == X64_OK && i < sizeof regions / sizeof regions[0]; i++)
        status = x64i_state_add_paged(x64i_machine_state(kernel->machine), regions[i].name,
                                      REGION_VERSION, regions[i].size, 0, regions[i].pages);
    return status;
}

static enum x64_status add_regions(struct x64i_kernel *kernel)
{
    struct x64i_state *state = x64i_machine_state(kernel->machine);
    enum x64_status status = x64i_state_add_fixed(state, "kernel.layout", REGION_VERSION,
                                                  &kernel->layout, sizeof kernel->layout, 0);
    if (status == X64_OK)
        status = x64i_state_add_fixed(state, "kernel.mm", REGION_VERSION, &kernel->mm,
                                      sizeof kernel->mm, 0);
    if (status == X64_OK)
        status = x64i_state_add_fixed(state, "kernel.schedule", REGION_VERSION, &kernel->schedule,
                                      sizeof kernel->schedule, 0);
    if (status == X64_OK)
        status = add_paged(kernel);
    /* A state fits only the kernel that it was taken of: the region's name makes sure. */
    char name[X64I_STATE_NAME_SIZE];
    (void)snprintf(name, sizeof name, "kernel=%.17s,%x",
                   kernel->stock ? x64i_kernel_release(kernel) : kernel->era->public.name,
                   kernel->mitigations);
    kernel->identity = kernel->mitigations;
    if (status == X64_OK)
        status = x64i_state_add_fixed(state, name, REGION_VERSION, &kernel->identity,
                                      sizeof kernel->identity, 0);
    return status;
}

static enum x64_status fork_kernel(void *user, struct x64_machine *fork);

/* All but what follows from the state, which is not there yet. */
static enum x64_status make(struct x64_machine *machine, const struct x64i_era *era,
                            struct x64i_shared_image *shared, unsigned mitigations,
                            struct x64i_kernel **out)
{
    struct x64i_cpu *cpu = x64i_machine_cpu(machine);
    struct x64i_kernel *kernel = x64i_heap_allocate_zeroed(cpu->heap, sizeof *kernel);
    if (!kernel) {
        x64i_shared_image_release(shared);
        return X64_ERROR_MEMORY;
    }
    kernel->scratch = x64i_heap_allocate_zeroed(cpu->heap, X64I_PAGE_SIZE);
    kernel->machine = machine;
    kernel->cpu = cpu;
    kernel->memory = &cpu->mmu.physical;
    kernel->era = era;
    kernel->shared = shared;
    kernel->image = x64i_shared_image_get(shared);
    kernel->stock = x64i_shared_image_stock(shared);
    kernel->mitigations = mitigations;
    const struct x64i_kernel_hooks hooks = {.user = kernel,
                                            .native = x64i_native_run,
                                            .restored = restored,
                                            .fork = fork_kernel,
                                            .destroy = destroy};
    enum x64_status status = x64i_machine_set_kernel(machine, &hooks);
    if (status != X64_OK) {
        destroy(kernel);
        return status;
    }
    status = kernel->scratch ? add_regions(kernel) : X64_ERROR_MEMORY;
    if (status == X64_OK)
        status = x64i_natives_build(kernel);
    if (status == X64_OK)
        *out = kernel;
    return status;
}

static enum x64_status fork_kernel(void *user, struct x64_machine *fork)
{
    const struct x64i_kernel *kernel = user;
    struct x64i_kernel *copied;
    enum x64_status status = make(fork, kernel->era, x64i_shared_image_retain(kernel->shared),
                                  kernel->mitigations, &copied);
    if (status == X64_OK)
        memcpy(copied->slots, kernel->slots, sizeof copied->slots);
    if (status == X64_OK && kernel->host) {
        copied->host = x64i_host_view_copy(kernel->host);
        status = copied->host ? X64_OK : X64_ERROR_MEMORY;
    }
    return status == X64_OK ? x64i_custom_copy(kernel, copied) : status;
}

enum x64_status x64i_kernel_create(struct x64_machine *machine, const struct x64i_era *era,
                                   struct x64i_shared_image *shared, unsigned mitigations,
                                   struct x64i_kernel **out)
{
    enum x64_status status = make(machine, era, shared, mitigations, out);
    if (status != X64_OK)
        return status;
    x64i_tasks_refresh(*out);
    x64i_slots_build(*out);
    return X64_OK;
}

static enum x64_status read_file(const char *path, uint64_t limit, uint8_t **bytes, size_t *size,
                                 struct x64_error_text *error)
{
    enum x64_status status = X64_OK;
    struct stat stat;
    uint8_t *buffer = NULL;
    size_t length = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return x64i_refuse(error, X64_ERROR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(file), &stat) != 0 || !S_ISREG(stat.st_mode))
        status = x64i_refuse(error, X64_ERROR_IO, "%s: not a regular file", path);
    else if ((uint64_t)stat.st_size > limit)
        status = x64i_refuse(error, X64_ERROR_LIMIT, "%s: %llu MiB at most can be read", path,
                             (unsigned long long)(limit >> 20));
    if (status == X64_OK) {
        length = (size_t)stat.st_size;
        buffer = malloc(length + 1);
        status = buffer ? X64_OK : X64_ERROR_MEMORY;
    }
    if (status == X64_OK && fread(buffer, 1, length, file) != length)
        status =
            x64i_refuse(error, X64_ERROR_IO, "%s: the file could not be read to its end", path);
    (void)fclose(file);
    if (status != X64_OK) {
        free(buffer);
        return status;
    }
    *bytes = buffer;
    *size = length;
    return X64_OK;
}

/* A script and its interpreter are files of the guest's, as a program is. */
static enum x64_status show_script(struct x64i_kernel *kernel, const char *path,
                                   const uint8_t *bytes, size_t size, struct x64_error_text *error)
{
    struct x64i_script script;
    if (!x64i_script_read(&script, bytes, size))
        return X64_OK;
    enum x64_status status = x64i_host_view_show_program(kernel->host, path, error);
    return status == X64_OK && script.interpreter[0] == '/'
               ? x64i_host_view_show(kernel->host, script.interpreter, error)
               : status;
}

static enum x64_status load_program(struct x64i_kernel *kernel,
                                    const struct x64_kernel_config *config,
                                    struct x64_error_text *error)
{
    bool compat = kernel->era->compat;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!config->program) {
        const uint8_t *demo = compat ? x64i_demo_32 : x64i_demo_64;
        const uint8_t *end = compat ? x64i_demo_32_end : x64i_demo_64_end;
        if (kernel->era->vsyscall) {
            demo = x64i_demo_sysenter;
            end = x64i_demo_sysenter_end;
        }
        return x64i_exec(kernel, demo, (size_t)(end - demo), "demo", config->argv, config->envp,
                         error);
    }
    enum x64_status status = read_file(config->program, X64I_ELF_SIZE_MAX, &bytes, &size, error);
    if (status == X64_OK)
        status = show_script(kernel, config->program, bytes, size, error);
    if (status == X64_OK)
        status = x64i_exec(kernel, bytes, size, config->program, config->argv, config->envp, error);
    free(bytes);
    if (status == X64_ERROR_NOT_FOUND) /* that is for eras */
        status = X64_ERROR_IO;
    if (status == X64_OK && kernel->task->compat && !compat)
        status = x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                             "%s: a 32-bit program; run it with the entry int80 or sysenter",
                             config->program);
    return status;
}

static enum x64_status open_era(const struct x64i_era *era, struct x64i_shared_image **shared,
                                struct x64_error_text *error)
{
    struct x64_kernel_image *image;
    struct x64_image_error why;
    enum x64_status status = x64_kernel_image_open_memory(
        era->image, (size_t)(era->image_end - era->image), &image, &why);
    if (status != X64_OK)
        return x64i_refuse(error, status, "built-in image %s: %s", era->public.name, why.text);
    *shared = x64i_shared_image_create(image, NULL);
    return *shared ? X64_OK : X64_ERROR_MEMORY;
}

static enum x64_status keep_identity(const struct x64i_kernel *kernel)
{
    struct x64i_kernel_identity identity = {.mitigations = kernel->mitigations};
    (void)snprintf(identity.era, sizeof identity.era, "%s", kernel->era->public.name);
    return x64i_state_set_blob(x64i_machine_state(kernel->machine), IDENTITY_BLOB, &identity,
                               sizeof identity);
}

/* A replay has no view of the host; it must know what the guest could ask. */
static enum x64_status keep_mounts(const struct x64i_kernel *kernel)
{
    size_t size = 0;
    char *mounts = x64i_host_view_describe(kernel->host, &size);
    if (!mounts)
        return X64_ERROR_MEMORY;
    enum x64_status status =
        x64i_state_set_blob(x64i_machine_state(kernel->machine), MOUNTS_BLOB, mounts, size);
    free(mounts);
    return status;
}

static enum x64_status finish_attach(struct x64i_kernel *kernel,
                                     const struct x64_kernel_config *config,
                                     struct x64_error_text *error)
{
    uint64_t boot_time = 0;
    enum x64_status status = x64i_host_view_create(config, &kernel->host, error);
    kernel->schedule.terminals = config->terminals & 7;
    kernel->schedule.task_limit = config->task_limit;
    kernel->schedule.output_limit = config->output_limit;
    if (status == X64_OK)
        status = load_program(kernel, config, error);
    if (status == X64_OK)
        status = keep_mounts(kernel);
    if (status == X64_OK)
        status = keep_identity(kernel);
    if (status != X64_OK)
        return status;
    x64i_machine_input(kernel->machine, X64_INPUT_TIME, &boot_time, sizeof boot_time);
    kernel->schedule.boot_time = boot_time;
    x64i_machine_changed(kernel->machine);
    return X64_OK;
}

static enum x64_status refuse_era(const char *name, struct x64_error_text *error)
{
    char names[120] = "";
    const struct x64_era *era;
    for (size_t i = 0; (era = x64_era_at(i)) != NULL; i++) {
        size_t length = strlen(names);
        (void)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "", era->name);
    }
    return x64i_refuse(error, X64_ERROR_NOT_FOUND,
                       "there is no entry image '%.40s': choose one of %s", name, names);
}

static enum x64_status attach_era(struct x64_machine *machine,
                                  const struct x64_kernel_config *config,
                                  struct x64_error_text *error)
{
    const char *name = config->entry ? config->entry : DEFAULT_ERA;
    const struct x64i_era *era = x64i_era_find(name);
    const struct x64i_cpu *cpu = x64i_machine_cpu(machine);
    struct x64i_shared_image *shared = NULL;
    struct x64i_kernel *kernel = NULL;
    if (!era)
        return refuse_era(name, error);
    enum x64_status status = x64i_mitigations_check(config->mitigations, era->public.mitigations,
                                                    name, cpu->model, error);
    if (status == X64_OK)
        status = open_era(era, &shared, error);
    if (status == X64_OK)
        status = x64i_kernel_create(machine, era, shared, config->mitigations, &kernel);
    if (status == X64_OK)
        status = x64i_boot_image(kernel, error);
    return status == X64_OK ? finish_attach(kernel, config, error) : status;
}

static enum x64_status attach_stock(struct x64_machine *machine,
                                    const struct x64_kernel_config *config,
                                    struct x64_error_text *error)
{
    struct x64i_shared_image *shared = NULL;
    struct x64i_kernel *kernel = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum x64_status status = read_file(config->kernel, IMAGE_SIZE_MAX, &bytes, &size, error);
    if (status == X64_OK)
        status = x64i_stock_open(bytes, size, config->kernel, x64i_machine_cpu(machine)->model,
                                 config->mitigations, &shared, error);
    if (status == X64_OK)
        status = x64i_state_set_blob(x64i_machine_state(machine), IMAGE_BLOB, bytes, size);
    free(bytes);
    if (status == X64_OK)
        status = x64i_kernel_create(machine, &x64i_stock_era, shared, config->mitigations, &kernel);
    if (status == X64_OK)
        status = x64i_stock_boot(kernel, error);
    return status == X64_OK ? finish_attach(kernel, config, error) : status;
}

enum x64_status x64i_kernel_attach_saved(struct x64_machine *machine,
                                         const struct x64i_snapshot *snapshot,
                                         struct x64_error_text *error)
{
    struct x64i_shared_image *shared = NULL;
    struct x64i_kernel *kernel;
    struct x64i_kernel_identity identity;
    size_t size = 0;
    const void *found = x64i_snapshot_get_blob(snapshot, IDENTITY_BLOB, &size);
    if (!found || size != sizeof identity)
        return x64i_refuse(error, X64_ERROR_FORMAT, "it does not say which kernel it ran");
    memcpy(&identity, found, sizeof identity);
    identity.era[sizeof identity.era - 1] = '\0';
    bool stock = strcmp(identity.era, x64i_stock_era.public.name) == 0;
    const struct x64i_era *era = stock ? &x64i_stock_era : x64i_era_find(identity.era);
    if (!era)
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                           "it ran an entry image that this program does not have");
    const void *image = x64i_snapshot_get_blob(snapshot, IMAGE_BLOB, &size);
    enum x64_status status;
    if (!stock)
        status = open_era(era, &shared, error);
    else if (!image)
        status = x64i_refuse(error, X64_ERROR_FORMAT, "the kernel's image is not in it");
    else
        status =
            x64i_stock_open(image, size, "the kernel's image", x64i_machine_cpu(machine)->model,
                            identity.mitigations, &shared, error);
    if (status != X64_OK)
        return status;
    return x64i_kernel_create(machine, era, shared, identity.mitigations, &kernel);
}

enum x64_status x64_kernel_attach(struct x64_machine *machine,
                                  const struct x64_kernel_config *config,
                                  struct x64_error_text *error)
{
    struct x64_kernel_config complete = {0};
    struct x64_error_text text = {{0}};
    if (!machine || !config || config->struct_size < sizeof config->struct_size ||
        config->struct_size > sizeof complete)
        return X64_ERROR_ARGUMENT;
    if (x64i_machine_is_running(machine))
        return x64i_refuse(error, X64_ERROR_STATE, "a machine that runs cannot be given a kernel");
    memcpy(&complete, config, config->struct_size);
    if (complete.entry && complete.kernel)
        return x64i_refuse(error, X64_ERROR_ARGUMENT,
                           "an entry image and a kernel exclude one another: give one of them");
    enum x64_status status = complete.kernel ? attach_stock(machine, &complete, &text)
                                             : attach_era(machine, &complete, &text);
    if (status != X64_OK && error) {
        if (!text.text[0])
            x64i_refuse(&text, status, "%s", x64_status_string(status));
        *error = text;
    }
    return status;
}
