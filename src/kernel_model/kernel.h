/* SPDX-License-Identifier: MIT */
/*
 * A kernel model inside: what stands behind x64_kernel_attach. The parts, bottom to top:
 *
 *     image.h               an ELF image with its symbols, built in or stock
 *     frames.c page_table.c physical pages and page tables
 *     address_space.c       the kernel's address space: direct map, image, per-CPU area, entry area
 *     mm.c                  the user's: areas, demand paging, stack growth
 *     elf.c exec.c          the user's program
 *     usercopy.c fault.c    user memory from C; exceptions
 *     syscall.c sys_*.c     the system calls; custom.c the host's own
 *     native.c              which C function answers at which address of the image
 *     names.c               symbols, stacks and slots for traces
 *
 * All that changes while the guest runs is in the regions kernel.*, and in the guest's own memory;
 * the rest follows from the image.
 */
#ifndef X64I_KERNEL_MODEL_KERNEL_H
#define X64I_KERNEL_MODEL_KERNEL_H

#include "emu.h"
#include "kernel_model/image.h"
#include "kernel_model/layout.h"
#include "kernel_model/mm.h"
#include "kernel_model/task.h"

#include "x64emu/kernel_model.h"

struct x64i_era {
    struct x64_era public;
    const uint8_t *image; /* ELF */
    const uint8_t *image_end;
    const char *release; /* for uname */
    const char *prefix;  /* of the names of the system call table's functions */
    bool pt_regs;        /* those functions take struct pt_regs, not six arguments */
    bool compat;         /* the 32-bit table */
    bool vsyscall;       /* AT_SYSINFO tells of __kernel_vsyscall, in a page of the image */
    bool entry_area;     /* there is a cpu_entry_area, and TSS.sp0 points into it */
    bool shared_global;  /* PTI: what both page tables map is global (from 4.17 on) */
    uint16_t tss_limit;
};

/* An image shared by forks, which may run in different threads. */
struct x64i_shared_image;

/* System calls that the host gave it (custom.h). */
struct x64i_custom;

/* A symbol of the program; its name lies in the program's file. */
struct x64i_user_symbol {
    uint64_t linear;
    const char *name;
};

/* A place with a name (slots.c): bytes from the per-CPU area's or the task's beginning. */
struct x64i_named_place {
    uint64_t offset;
    uint64_t size; /* 0: this kernel has none such */
};

#define X64I_NAMED_PLACES 24

struct x64i_host_view;

struct x64i_kernel {
    struct x64_machine *machine;
    struct x64i_cpu *cpu;
    struct x64i_physical *memory;
    const struct x64i_era *era; /* of a stock kernel: x64i_stock_era */
    struct x64i_shared_image *shared;
    const struct x64_kernel_image *image;
    const struct x64_kernel_image *stock; /* what is added to a stock kernel, else null */
    unsigned mitigations;
    const uint8_t *program; /* blob "kernel.program" */
    size_t program_size;
    struct x64i_user_symbol *symbols; /* of the program, by address; derived */
    size_t symbol_count;
    bool symbols_loaded;        /* of this program; when they are first asked for */
    struct x64i_custom *custom; /* null when there are none */
    struct x64i_named_place slots[X64I_NAMED_PLACES]; /* of a stock kernel; derived */
    struct x64i_layout layout;                        /* region "kernel.layout" */
    struct x64i_mm mm;                                /* region "kernel.mm" */
    struct x64i_schedule schedule;                    /* region "kernel.schedule" */
    struct x64i_pages *tasks, *processes, *signal_pages, *mms, *frames; /* regions kernel.* */
    struct x64i_pages *files, *pipes, *overlay, *overlay_data;
    struct x64i_task *task; /* that runs; derived, as the next two */
    struct x64i_process *process;
    struct x64i_signals *signals;
    struct x64i_host_view *host; /* what of the host's files the guest may see; may be null */
    uint8_t *scratch;            /* a page in place of those that the host had no memory for */
    uint64_t identity;           /* region named after the kernel: others cannot be restored */
};

/* The built-in era of that name, or null. */
const struct x64i_era *x64i_era_find(const char *name);

/* Writes a sentence into `error`, which may be null, and answers `status`. */
__attribute__((format(printf, 3, 4))) enum x64_status
x64i_refuse(struct x64_error_text *error, enum x64_status status, const char *format, ...);

/*
 * attach.c: makes the kernel model of a machine: regions, image, natives, hooks; loads nothing. The
 * machine owns it afterwards. `shared` is taken over, also on failure.
 */
enum x64_status x64i_kernel_create(struct x64_machine *machine, const struct x64i_era *era,
                                   struct x64i_shared_image *shared, unsigned mitigations,
                                   struct x64i_kernel **out);

/* What says which kernel a saved state belongs to: blob "kernel.identity". */
struct x64i_kernel_identity {
    char era[16]; /* zero-filled; "stock": the image is blob "kernel.image" */
    uint32_t mitigations;
    uint32_t reserved;
};

/*
 * attach.c: attaches the kernel that a snapshot was taken with, reading no file; the snapshot is to
 * be restored next. X64_ERROR_FORMAT and X64_ERROR_UNSUPPORTED when there is none in it, or one
 * that cannot be had.
 */
enum x64_status x64i_kernel_attach_saved(struct x64_machine *machine,
                                         const struct x64i_snapshot *snapshot,
                                         struct x64_error_text *error);

/* The kernel model attached to a machine, or null. */
struct x64i_kernel *x64i_kernel_of(struct x64_machine *machine);

/* shared_image.c: takes over an open image, and what is added to it if it is a stock kernel's; one
 * holder more or less. */
struct x64i_shared_image *x64i_shared_image_create(struct x64_kernel_image *image,
                                                   struct x64_kernel_image *stock);
struct x64i_shared_image *x64i_shared_image_retain(struct x64i_shared_image *shared);
void x64i_shared_image_release(struct x64i_shared_image *shared);
const struct x64_kernel_image *x64i_shared_image_get(const struct x64i_shared_image *shared);
const struct x64_kernel_image *x64i_shared_image_stock(const struct x64i_shared_image *shared);

/* The list of natives, which the first machine makes before there are forks; taken over. */
struct x64i_natives {
    struct x64i_native *list;
    size_t count;
    size_t capacity;
};
struct x64i_natives *x64i_shared_image_natives(struct x64i_shared_image *shared);

/* boot_image.c: puts a built-in image into memory, patches it, and sets the CPU to startup_64. */
enum x64_status x64i_boot_image(struct x64i_kernel *kernel, struct x64_error_text *error);

/* Its steps, for stock kernels too. False when RAM is too small, or the image damaged. */
bool x64i_place_segments(struct x64i_kernel *kernel);
bool x64i_place_per_cpu(struct x64i_kernel *kernel);
bool x64i_apply_alternatives(struct x64i_kernel *kernel);

/* stock.c: the same for a stock kernel: opens the file that these bytes are, for sentences called
 * `path`; patches and places it. */
extern const struct x64i_era x64i_stock_era;
enum x64_status x64i_stock_open(const void *bytes, size_t size, const char *path,
                                const struct x64i_cpu_model *model, unsigned mitigations,
                                struct x64i_shared_image **shared, struct x64_error_text *error);
enum x64_status x64i_stock_boot(struct x64i_kernel *kernel, struct x64_error_text *error);

/* stock_features.c: patches the image as the kernel would on this CPU with these mitigations. */
enum x64_status x64i_stock_patch(struct x64_kernel_image *image, const char *path,
                                 const struct x64i_cpu_model *model, unsigned mitigations,
                                 struct x64_error_text *error);

#define X64I_PT_REGS 21 /* words of struct pt_regs */

/* exec.c: puts a program's areas, stack and first registers into place. `bytes` stay the caller's
 * and must outlive the call only; path is for sentences and /proc/self/exe. */
enum x64_status x64i_exec(struct x64i_kernel *kernel, const uint8_t *bytes, size_t size,
                          const char *path, const char *const *argv, const char *const *envp,
                          struct x64_error_text *error);

/* The kernel's release as uname tells it. */
const char *x64i_kernel_release(const struct x64i_kernel *kernel);

/* slots.c: finds the places that have names by the image's types; the name of one, or 0. */
void x64i_slots_build(struct x64i_kernel *kernel);
size_t x64i_slot_name(const struct x64i_kernel *kernel, uint64_t linear, char *name, size_t size);

/* native.c: builds the table of natives from the image's symbols, unless a machine that shares the
 * image has done so, and gives it to the CPU; runs one. */
enum x64_status x64i_natives_build(struct x64i_kernel *kernel);
enum x64i_result x64i_native_run(void *user, uint32_t number);

/* A symbol's linear address; 0 when the image has none of that name. Per-CPU ones by offset. */
uint64_t x64i_kernel_symbol(const struct x64i_kernel *kernel, const char *name);
bool x64i_kernel_per_cpu(const struct x64i_kernel *kernel, const char *name, uint64_t *offset);

/* user_symbols.c: the program's own, as x64_symbol_at and x64_symbol_find; forget them when it is
 * another program. */
void x64i_user_symbols_forget(struct x64i_kernel *kernel);
enum x64_status x64i_user_symbol_at(struct x64i_kernel *kernel, uint64_t linear, const char **name,
                                    uint64_t *offset);
enum x64_status x64i_user_symbol_find(struct x64i_kernel *kernel, const char *name,
                                      uint64_t *linear);

/* Memory through the kernel's mappings, without side effects. False when a byte is not mapped. */
bool x64i_kernel_read(struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size);
bool x64i_kernel_write(struct x64i_kernel *kernel, uint64_t linear, const void *bytes, size_t size);

#endif
