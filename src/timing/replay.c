/* SPDX-License-Identifier: MIT */
#include "timing/replay.h"

#include "cpu/decode.h"
#include "emu.h"
#include "state/effect_list.h"
#include "timing/accesses.h"
#include "timing/tlb.h"

#include "x64emu/x64emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_LINEAR   0x100000010000ull /* a PML4 entry of its own: 0x20 */
#define CODE_ENTRY    0x20u
#define CODE_PAGES    16u
#define ROOT          0x10000ull /* physical addresses of the tables */
#define ALL_TABLES    0x11000ull /* one table per level, every entry alike */
#define CODE_TABLES   0x14000ull
#define DATA_PAGE     0x17000ull
#define CODE_PHYSICAL 0x20000ull
#define PAGE          4096u
#define ENTRIES       512u
#define PRESENT       0x67ull /* present, writable, user, accessed, dirty */
#define CODE_PRESENT  0x65ull

#define DATA_FILL   0x2324400ull
#define BASE        0x2324040ull
#define FLOAT_ONES  0x3f8000003f800000ull
#define MXCSR       0x9fc0u
#define FPU_CONTROL 0x37fu
#define RAM_SIZE    (1u << 20)
#define BLOCK_MAX   1024u /* instructions */

struct block_instruction {
    ZydisDecodedInstruction decoded;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    struct x64i_plan plan;
    uint16_t offset;
    bool executable;
};

struct x64i_replay {
    struct x64_machine *machine;
    struct x64i_cpu *cpu;
    struct x64i_effect_list *effects;
    struct x64i_planner planner;
    struct x64i_core core;
    ZydisDecoder decoder;
    uint64_t data[PAGE / 8];
    struct x64i_tlb_level pages; /* the first-level TLB for data */
    uint64_t misses;
    struct block_instruction *block;
    unsigned count;
    bool relative; /* some instruction's address depends on where it stands */
};

static bool write_table(struct x64_machine *machine, uint64_t table, uint64_t entry)
{
    uint64_t entries[ENTRIES];
    for (unsigned i = 0; i < ENTRIES; i++)
        entries[i] = entry;
    return x64_memory_write_phys(machine, table, entries, sizeof entries) == X64_OK;
}

/* Every page is the data page, but for the code's. */
static bool build_tables(struct x64_machine *machine)
{
    bool good = write_table(machine, ROOT, ALL_TABLES | PRESENT) &&
                write_table(machine, ALL_TABLES, (ALL_TABLES + PAGE) | PRESENT) &&
                write_table(machine, ALL_TABLES + PAGE, (ALL_TABLES + 2ull * PAGE) | PRESENT) &&
                write_table(machine, ALL_TABLES + 2ull * PAGE, DATA_PAGE | PRESENT);
    uint64_t entry = CODE_TABLES | PRESENT;
    good &= x64_memory_write_phys(machine, ROOT + CODE_ENTRY * 8ull, &entry, 8) == X64_OK;
    for (unsigned level = 0; level < 2; level++) {
        entry = (CODE_TABLES + (level + 1ull) * PAGE) | PRESENT;
        good &= write_table(machine, CODE_TABLES + level * (uint64_t)PAGE, entry);
    }
    for (uint64_t i = 0; i < ENTRIES; i++) {
        entry = (CODE_PHYSICAL + i % CODE_PAGES * PAGE) | CODE_PRESENT;
        good &=
            x64_memory_write_phys(machine, CODE_TABLES + 2ull * PAGE + i * 8, &entry, 8) == X64_OK;
    }
    return good;
}

static enum x64_status set_up(struct x64i_replay *replay, const char *core)
{
    replay->planner.core = x64i_core_model_find(core);
    if (!replay->planner.core)
        return X64_ERROR_NOT_FOUND;
    const struct x64i_core_model *model = replay->planner.core;
    enum x64_status status =
        x64i_form_table_create(model->rows, model->row_counts, 2, &replay->planner.table);
    if (status != X64_OK)
        return status;
    struct x64_config config = {.struct_size = sizeof config,
                                .cpu_model = core,
                                .memory_size = RAM_SIZE,
                                .engine = X64_ENGINE_REFERENCE};
    status = x64_machine_create(&config, &replay->machine);
    if (status == X64_OK)
        status = x64_machine_start(replay->machine, 0, 0);
    if (status != X64_OK)
        return status;
    replay->cpu = x64i_machine_cpu(replay->machine);
    replay->effects = calloc(1, sizeof *replay->effects);
    replay->block = calloc(BLOCK_MAX, sizeof *replay->block);
    for (unsigned i = 0; i < PAGE / 8; i++)
        replay->data[i] = DATA_FILL;
    if (!replay->effects || !replay->block || !build_tables(replay->machine) ||
        !ZYAN_SUCCESS(
            ZydisDecoderInit(&replay->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return X64_ERROR_MEMORY;
    return X64_OK;
}

enum x64_status x64i_replay_create(const char *core, struct x64i_replay **out)
{
    struct x64i_replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return X64_ERROR_MEMORY;
    enum x64_status status = set_up(replay, core);
    if (status != X64_OK) {
        x64i_replay_destroy(replay);
        return status;
    }
    *out = replay;
    return X64_OK;
}

void x64i_replay_destroy(struct x64i_replay *replay)
{
    if (!replay)
        return;
    x64_machine_destroy(replay->machine);
    x64i_form_table_destroy(replay->planner.table);
    free(replay->effects);
    free(replay->block);
    free(replay);
}

/* Branches and what only the kernel may do are timed, not executed. */
static bool may_execute(struct x64i_replay *replay, const ZydisDecodedInstruction *decoded,
                        const uint8_t *bytes)
{
    switch (decoded->meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_IO:
    case ZYDIS_CATEGORY_IOSTRINGOP:
    case ZYDIS_CATEGORY_SYSTEM:
        return false;
    default:
        break;
    }
    struct x64i_op op;
    return !(decoded->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) &&
           x64i_decode(replay->cpu, bytes, decoded->length, &op) == X64I_DECODED;
}

static bool decode_block(struct x64i_replay *replay, const uint8_t *code, size_t size,
                         struct x64i_replay_result *result)
{
    replay->count = 0;
    replay->relative = false;
    for (size_t at = 0; at < size;) {
        struct block_instruction *next = &replay->block[replay->count];
        if (replay->count == BLOCK_MAX) {
            (void)snprintf(result->problem, sizeof result->problem, "more than %u instructions",
                           BLOCK_MAX);
            return false;
        }
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&replay->decoder, code + at, size - at,
                                                 &next->decoded, next->operands))) {
            (void)snprintf(result->problem, sizeof result->problem, "no instruction at byte %zu",
                           at);
            return false;
        }
        next->offset = (uint16_t)at;
        next->executable = may_execute(replay, &next->decoded, code + at);
        x64i_plan_make(&replay->planner, &next->decoded, next->operands, &next->plan);
        replay->relative |= (next->decoded.attributes & ZYDIS_ATTRIB_IS_RELATIVE) != 0;
        result->not_executed += !next->executable;
        result->slots += next->plan.slots + next->plan.microcode;
        at += next->decoded.length;
        replay->count++;
    }
    result->instructions = replay->count;
    return replay->count > 0;
}

static void reset_machine(struct x64i_replay *replay)
{
    struct x64i_cpu_state *s = &replay->cpu->s;
    (void)x64_memory_write_phys(replay->machine, DATA_PAGE, replay->data, PAGE);
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = BASE + i * 0xc0ull;
    s->gpr[X64_RSP] = 0x2424800;
    s->gpr[X64_RBP] = 0x2424a00;
    s->rip = CODE_LINEAR;
    s->rflags = X64I_FLAG_ONE;
    s->cr0 &= ~(X64I_CR0_EM | X64I_CR0_TS);
    s->cr3 = ROOT;
    s->cr4 |= X64I_CR4_OSFXSR | X64I_CR4_OSXMMEXCPT | X64I_CR4_OSXSAVE | X64I_CR4_FSGSBASE;
    s->xcr0 = 7;
    s->activity = X64I_ACTIVE;
    s->shadow = 0;
    s->pending_debug = 0;
    memset(s->vector, 0, sizeof s->vector);
    for (unsigned i = 0; i < 16; i++)
        s->vector[i].lane[0] = s->vector[i].lane[1] = FLOAT_ONES;
    s->mxcsr = MXCSR;
    s->fpu_control = FPU_CONTROL;
    s->fpu_status = 0;
    s->fpu_tag = 0xffff;
    x64i_cpu_refresh(replay->cpu);
}

static uint64_t register_value(const struct x64i_cpu_state *s, ZydisRegister reg, uint64_t next)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return 0;
    if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
        return next;
    ZydisRegisterClass class = ZydisRegisterGetClass(reg);
    uint64_t value = s->gpr[(unsigned)ZydisRegisterGetId(reg) % 16];
    return class == ZYDIS_REGCLASS_GPR64   ? value
           : class == ZYDIS_REGCLASS_GPR32 ? (uint32_t)value
                                           : 0;
}

/* The accesses of an instruction that is not executed, by its operands. */
static void guess_accesses(const struct x64i_replay *replay,
                           const struct block_instruction *instruction, uint64_t rip,
                           struct x64i_access_list *list)
{
    list->reads = list->writes = 0;
    for (unsigned i = 0; i < instruction->decoded.operand_count; i++) {
        const ZydisDecodedOperand *operand = &instruction->operands[i];
        if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY ||
            operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
            continue;
        const struct x64i_cpu_state *s = &replay->cpu->s;
        uint64_t next = rip + instruction->decoded.length;
        uint64_t linear = register_value(s, operand->mem.base, next) +
                          register_value(s, operand->mem.index, next) * operand->mem.scale +
                          (uint64_t)operand->mem.disp.value;
        struct x64i_touch access = {
            .linear = linear, .physical = DATA_PAGE + linear % PAGE, .size = operand->size / 8u};
        if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
            x64i_accesses_add_read(list, &access);
        if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
            x64i_accesses_add_write(list, &access);
    }
}

/* Executes or passes over one instruction at `rip`; false, and `problem`, on a fault. */
static bool step(struct x64i_replay *replay, const struct block_instruction *instruction,
                 uint64_t rip, struct x64i_access_list *list, uint64_t *repeated,
                 struct x64i_replay_result *result)
{
    struct x64i_cpu *cpu = replay->cpu;
    if (!instruction->executable) {
        guess_accesses(replay, instruction, rip, list);
        cpu->s.rip = rip + instruction->decoded.length;
        return true;
    }
    cpu->s.rip = rip;
    list->reads = list->writes = 0;
    for (unsigned repeats = 0;; repeats++) {
        if (!x64i_cpu_step(cpu) || cpu->step.kind == X64_STEP_FAULT) {
            const char *name = x64_fault_name((enum x64_fault)cpu->exception.vector);
            (void)snprintf(result->problem, sizeof result->problem, "%s at byte %u",
                           name ? name : "fault", instruction->offset);
            return false;
        }
        (void)x64i_accesses_of_step(list, &cpu->step);
        if (cpu->step.kind != X64_STEP_REPEAT)
            return true;
        if (repeats == X64I_REPLAY_REPEATS) {
            (void)snprintf(result->problem, sizeof result->problem,
                           "more than %u repetitions at byte %u", X64I_REPLAY_REPEATS,
                           instruction->offset);
            return false;
        }
        *repeated += list->writes ? list->write[0].size : 1;
    }
}

/* The second-level TLB has all pages; the first level has them only if there are few, since what
 * was measured ran over and over: then its first misses do not count. */
static void translate(struct x64i_replay *replay, const struct x64i_replay_request *request,
                      unsigned copy, struct x64i_access_list *list)
{
    const struct x64i_core_model *core = replay->planner.core;
    uint64_t room = (uint64_t)core->data_tlb.sets * core->data_tlb.ways;
    for (size_t i = 0; i < list->reads; i++) {
        if (x64i_tlb_touch(&replay->pages, &core->data_tlb, list->read[i].linear / PAGE))
            continue;
        replay->misses++;
        if (replay->misses * request->last <= room * (copy + 1))
            continue;
        list->read[i].extra = core->second_tlb_cycles;
        list->read[i].wait = X64I_WAIT_TLB;
    }
}

static bool run_copy(struct x64i_replay *replay, const struct x64i_replay_request *request,
                     unsigned copy, uint64_t size, struct x64i_replay_result *result)
{
    uint64_t shown = CODE_LINEAR + (request->loop ? 0 : copy * size);
    for (unsigned i = 0; i < replay->count; i++) {
        const struct block_instruction *instruction = &replay->block[i];
        struct x64i_access_list list;
        struct x64i_instruction_times times;
        uint64_t rip = (replay->relative ? shown : CODE_LINEAR) + instruction->offset;
        uint64_t repeated = 0;
        if (!step(replay, instruction, rip, &list, &repeated, result))
            return false;
        translate(replay, request, copy, &list);
        const struct x64i_accesses accesses = {.reads = list.read,
                                               .writes = list.write,
                                               .read_count = list.reads,
                                               .write_count = list.writes};
        (void)x64i_core_execute(&replay->core, &instruction->plan, shown + instruction->offset,
                                &accesses, &times);
        if (repeated)
            times.retired = x64i_core_repeat(&replay->core, &instruction->plan, repeated);
        if (request->watch)
            request->watch(request->user, copy, i, &instruction->plan, &times);
    }
    return true;
}

static bool place_code(struct x64i_replay *replay, const uint8_t *code, size_t size,
                       const struct x64i_replay_request *request, struct x64i_replay_result *result)
{
    unsigned copies = replay->relative && !request->loop ? request->last : 1;
    if (copies * (uint64_t)size > X64I_REPLAY_ROOM ||
        request->last * (uint64_t)replay->count > X64I_REPLAY_STEPS) {
        (void)snprintf(result->problem, sizeof result->problem, "too many copies");
        return false;
    }
    for (unsigned i = 0; i < copies; i++)
        if (x64_memory_write_phys(replay->machine,
                                  CODE_PHYSICAL + CODE_LINEAR % 0x10000 + i * (uint64_t)size, code,
                                  size) != X64_OK)
            return false;
    return true;
}

enum x64_status x64i_replay_run(struct x64i_replay *replay, const uint8_t *code, size_t size,
                                const struct x64i_replay_request *request,
                                struct x64i_replay_result *result)
{
    *result = (struct x64i_replay_result){0};
    if (size == 0 || size > X64I_REPLAY_BLOCK || request->first >= request->last) {
        (void)snprintf(result->problem, sizeof result->problem, "nothing to run");
        return X64_ERROR_ARGUMENT;
    }
    reset_machine(replay);
    if (!decode_block(replay, code, size, result) ||
        !place_code(replay, code, size, request, result))
        return X64_ERROR_ARGUMENT;
    x64i_core_init(&replay->core, replay->planner.core);
    memset(&replay->pages, 0, sizeof replay->pages);
    replay->misses = 0;
    struct x64i_cpu *cpu = replay->cpu;
    cpu->effects = cpu->mmu.effects = replay->effects;
    uint64_t started = 0;
    bool good = true;
    for (unsigned copy = 0; good && copy < request->last; copy++) {
        if (copy == request->first) {
            started = replay->core.retired;
            for (unsigned port = 0; port < X64I_PORT_MAX; port++)
                result->ports[port] = x64i_ports_used(&replay->core.ports, port);
        }
        good = run_copy(replay, request, copy, size, result);
    }
    cpu->effects = cpu->mmu.effects = NULL;
    if (!good)
        return X64_ERROR_ARGUMENT;
    for (unsigned i = 0; i < X64I_PORT_MAX; i++)
        result->ports[i] = x64i_ports_used(&replay->core.ports, i) - result->ports[i];
    result->cycles = (double)(replay->core.retired - started) / (request->last - request->first);
    return X64_OK;
}
