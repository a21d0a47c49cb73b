/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "timing/timing.h"

#include "x64emu/x64emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE       0x10000u
#define STACK      0xf000u
#define BUFFER     0x20000u
#define NODES      UINT64_C(0x100000000000) /* the chain's first page */
#define FRAMES     UINT64_C(0x1000000)      /* and its frame */
#define RAM        UINT64_C(0x4000000)
#define PAGE       4096u
#define MOST_PAGES 8192u
#define CHUNK      4000u /* links that count */

#define CYCLES_ROW(w, n, f, m, l, e)               \
    extern const uint8_t cycles_row_##n##_begin[]; \
    extern const uint8_t cycles_row_##n##_end[];
#define CYCLES_CHAIN(w, n, s, l, e)
#include "rows.def"
#undef CYCLES_ROW
#undef CYCLES_CHAIN

extern const uint8_t cycles_row_init_begin[];
extern const uint8_t cycles_row_init_end[];
extern const uint8_t cycles_row_chain_begin[];
extern const uint8_t cycles_row_chain_end[];

static const struct cycles_row rows[] = {
#define CYCLES_ROW(w, n, f, m, l, e)  \
    {.what = (w),                     \
     .begin = cycles_row_##n##_begin, \
     .end = cycles_row_##n##_end,     \
     .few = (f),                      \
     .many = (m),                     \
     .least = (l),                    \
     .median = (e)},
#define CYCLES_CHAIN(w, n, s, l, e)   \
    {.what = (w),                     \
     .begin = cycles_row_chain_begin, \
     .end = cycles_row_chain_end,     \
     .few = CHUNK,                    \
     .many = 2 * CHUNK,               \
     .least = (l),                    \
     .median = (e),                   \
     .nodes = (n),                    \
     .spacing = (s)},
#include "rows.def"
#undef CYCLES_ROW
#undef CYCLES_CHAIN
};

struct run {
    struct x64_machine *machine;
    struct x64i_timing *timing;
    char *problem;
    size_t problem_size;
    uint64_t last; /* address of the code's NOP */
};

size_t cycles_row_count(void)
{
    return sizeof rows / sizeof rows[0];
}

const struct cycles_row *cycles_row_at(size_t index)
{
    return &rows[index];
}

/* Runs the code at CODE from its beginning to its NOP; answers the cycles, or 0. */
static uint64_t execute(struct run *run, uint64_t iterations)
{
    struct x64_registers registers;
    struct x64_step step = {.number = 0};
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    uint64_t before = x64i_timing_cycles(run->timing);
    enum x64_status status = x64_registers_read(run->machine, &registers);
    registers.rip = CODE;
    registers.gpr[X64_R15] = iterations;
    if (status == X64_OK)
        status = x64_registers_write(run->machine, &registers);
    while (status == X64_OK && stop.reason == X64_STOP_BUDGET && step.rip != run->last) {
        status = x64_step_observed(run->machine, &step, &stop);
        if (status == X64_OK)
            (void)x64i_timing_retire(run->timing, &step);
    }
    if (status == X64_OK && step.rip == run->last)
        return x64i_timing_cycles(run->timing) - before;
    (void)snprintf(run->problem, run->problem_size, "the end is not reached: %s at 0x%llx",
                   x64_status_string(status), (unsigned long long)step.rip);
    return 0;
}

static bool place(struct run *run, const uint8_t *begin, const uint8_t *end)
{
    run->last = CODE + (uint64_t)(end - begin) - 1;
    return x64_memory_write_phys(run->machine, CODE, begin, (size_t)(end - begin)) == X64_OK;
}

static uint64_t node_offset(const struct cycles_row *row, uint32_t node)
{
    uint64_t in_page = row->spacing >= PAGE ? node * 448u % PAGE : 0;
    return (uint64_t)node * row->spacing + in_page;
}

/* 0 .. count-1 in one random cycle (Sattolo's algorithm). Owned by the caller; null: no memory. */
static uint32_t *shuffled(uint32_t count)
{
    uint32_t *order = malloc(count * sizeof *order);
    uint64_t random = 1;
    if (!order)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t other = (uint32_t)(random >> 33) % i;
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return order;
}

/* Pages of 4 KiB in frames that lie anyhow, as an operating system hands them out. */
static bool place_pages(struct run *run, const uint8_t *bytes, uint64_t size)
{
    uint32_t *frames = shuffled(MOST_PAGES);
    bool good = frames != NULL;
    for (uint64_t page = 0; good && page < size / PAGE; page++) {
        uint64_t frame = FRAMES + (uint64_t)frames[page] * PAGE;
        good = x64_map_virt_to_phys(run->machine, NODES + page * PAGE, frame, PAGE,
                                    X64_PROTECT_WRITE) == X64_OK &&
               x64_memory_write_phys(run->machine, frame, bytes + page * PAGE, PAGE) == X64_OK;
    }
    free(frames);
    return good;
}

/* One cycle through all nodes in random order. */
static bool build_chain(struct run *run, const struct cycles_row *row)
{
    uint64_t size = ((uint64_t)row->nodes * row->spacing + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint32_t *order = shuffled(row->nodes);
    uint8_t *bytes = calloc(1, size);
    bool good = order && bytes;
    for (uint32_t i = 0; good && i < row->nodes; i++) {
        uint64_t next = NODES + node_offset(row, order[(i + 1) % row->nodes]);
        memcpy(bytes + node_offset(row, order[i]), &next, sizeof next);
    }
    good = good && place_pages(run, bytes, size);
    free(order);
    free(bytes);
    return good;
}

static bool prepare(struct run *run, const struct cycles_row *row)
{
    struct x64_registers registers;
    bool good = x64_machine_start(run->machine, CODE, STACK) == X64_OK &&
                (!row->nodes || build_chain(run, row)) &&
                x64_registers_read(run->machine, &registers) == X64_OK;
    if (!good)
        return false;
    registers.gpr[X64_R13] = BUFFER;
    registers.gpr[X64_RBX] = NODES;
    registers.gpr[X64_RSI] = BUFFER;
    registers.gpr[X64_RDI] = BUFFER + PAGE;
    return x64_registers_write(run->machine, &registers) == X64_OK &&
           place(run, cycles_row_init_begin, cycles_row_init_end) && execute(run, 1) &&
           place(run, row->begin, row->end);
}

/* Where a measured loop starts from, its pointers advance. */
static void measure(struct run *run, const struct cycles_row *row, double *cycles)
{
    uint64_t warm = row->nodes > row->many ? row->nodes : row->many;
    uint64_t few = execute(run, warm) ? execute(run, row->few) : 0;
    uint64_t many = few ? execute(run, row->many) : 0;
    *cycles = many ? (double)(many - few) / (row->many - row->few) : 0;
}

bool cycles_row_run(const struct cycles_row *row, const char *core, double *cycles, char *problem,
                    size_t problem_size)
{
    struct run run = {.problem = problem, .problem_size = problem_size};
    struct x64_config config = {.struct_size = sizeof config,
                                .cpu_model = core,
                                .memory_size = RAM,
                                .history_interval = UINT64_MAX,
                                .engine = X64_ENGINE_REFERENCE};
    (void)snprintf(problem, problem_size, "the machine cannot be made");
    *cycles = 0;
    if (x64_machine_create(&config, &run.machine) != X64_OK)
        return false;
    if (x64i_timing_create(core, &run.timing) == X64_OK) {
        if (prepare(&run, row))
            measure(&run, row, cycles);
        x64i_timing_destroy(run.timing);
    }
    x64_machine_destroy(run.machine);
    return *cycles > 0;
}
