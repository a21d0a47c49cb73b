/* SPDX-License-Identifier: MIT */
#include "timing/plan.h"

#include "timing/form.h"
#include "timing/idioms.h"

#include <string.h>

/* What the operands say: values read for addresses, values read as data, values written. */
struct reading {
    uint8_t address[4], data[X64I_UOP_SOURCES], written[X64I_UOP_RESULTS + 4];
    uint8_t address_count, data_count, written_count;
    uint8_t loads, stores;
    bool indexed, vector, high;
    uint16_t memory_bits;
    const ZydisDecodedOperand *memory;
};

static void append(uint8_t *list, uint8_t *count, size_t room, unsigned value)
{
    for (unsigned i = 0; i < *count; i++)
        if (list[i] == value)
            return;
    if (*count < room)
        list[(*count)++] = (uint8_t)value;
}

/* X64I_VALUE_COUNT for what nothing waits for: RIP, segments, control registers. */
static unsigned value_of(ZydisRegister reg)
{
    unsigned id = (unsigned)ZydisRegisterGetId(reg);
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8: /* AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B ... */
        return id < 4 ? id : id < 8 ? X64I_VALUE_HIGH + id - 4 : id - 4;
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return id;
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM:
        return id < 16 ? X64I_VALUE_VECTOR + id : X64I_VALUE_COUNT;
    case ZYDIS_REGCLASS_X87:
        return X64I_VALUE_FPU + id;
    case ZYDIS_REGCLASS_MMX:
        return X64I_VALUE_MMX + id;
    case ZYDIS_REGCLASS_MASK:
        return X64I_VALUE_MASK + id;
    default:
        return reg == ZYDIS_REGISTER_MXCSR       ? X64I_VALUE_MXCSR
               : reg == ZYDIS_REGISTER_X87STATUS ? X64I_VALUE_FPU_STATUS
                                                 : X64I_VALUE_COUNT;
    }
}

/* A register written in part keeps the rest: it is read too. */
static bool merges(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand)
{
    ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
    if (class == ZYDIS_REGCLASS_GPR16)
        return true;
    if (class == ZYDIS_REGCLASS_GPR8)
        return value_of(operand->reg.value) < X64I_VALUE_HIGH;
    return (operand->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) ||
           instruction->mnemonic == ZYDIS_MNEMONIC_BSF ||
           instruction->mnemonic == ZYDIS_MNEMONIC_BSR;
}

static void read_register(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operand, bool stack, struct x64i_plan *plan,
                          struct reading *reading)
{
    unsigned value = value_of(operand->reg.value);
    if (value == X64I_VALUE_COUNT)
        return;
    if (stack && value == ZYDIS_REGISTER_RSP - ZYDIS_REGISTER_RAX &&
        operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
        return;
    plan->uses_rsp |= value == 4;
    reading->high |= value >= X64I_VALUE_HIGH && value < X64I_VALUE_VECTOR;
    reading->vector |= value >= X64I_VALUE_VECTOR && value < X64I_VALUE_MASK;
    if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) || merges(instruction, operand))
        append(reading->data, &reading->data_count, X64I_UOP_SOURCES, value);
    if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
        append(reading->written, &reading->written_count, sizeof reading->written, value);
    plan->writes_rsp |= value == 4 && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
}

static void read_memory(const ZydisDecodedOperand *operand, bool stack, struct x64i_plan *plan,
                        struct reading *reading)
{
    const ZydisRegister parts[2] = {operand->mem.base, operand->mem.index};
    bool hidden_stack = stack && operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    bool address_only =
        operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN || plan->elimination == X64I_ELIMINATED_NOP;
    for (unsigned i = 0; i < 2; i++) {
        unsigned value = parts[i] ? value_of(parts[i]) : X64I_VALUE_COUNT;
        if (value == X64I_VALUE_COUNT)
            continue;
        plan->uses_rsp |= value == 4 && !hidden_stack;
        if (address_only)
            append(reading->data, &reading->data_count, X64I_UOP_SOURCES, value);
        else
            append(reading->address, &reading->address_count, sizeof reading->address, value);
    }
    if (address_only)
        return;
    reading->indexed |= operand->mem.index != ZYDIS_REGISTER_NONE;
    reading->loads += (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
    reading->stores += (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    plan->wide_load |= operand->size > 64;
    reading->memory_bits = operand->size;
    if (!hidden_stack)
        reading->memory = operand;
}

static void read_flags(const ZydisDecodedInstruction *instruction, struct reading *reading)
{
    const ZydisAccessedFlags *flags = instruction->cpu_flags;
    if (!flags)
        return;
    const ZyanU32 others = ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF |
                           ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
    ZyanU32 written = flags->modified | flags->set_0 | flags->set_1 | flags->undefined;
    if (flags->tested & ZYDIS_CPUFLAG_CF)
        append(reading->data, &reading->data_count, X64I_UOP_SOURCES, X64I_VALUE_CARRY);
    if (flags->tested & others)
        append(reading->data, &reading->data_count, X64I_UOP_SOURCES, X64I_VALUE_FLAGS);
    if (written & ZYDIS_CPUFLAG_CF)
        append(reading->written, &reading->written_count, sizeof reading->written,
               X64I_VALUE_CARRY);
    if (written & others)
        append(reading->written, &reading->written_count, sizeof reading->written,
               X64I_VALUE_FLAGS);
}

static bool moves_stack(const ZydisDecodedInstruction *instruction)
{
    switch (instruction->meta.category) {
    case ZYDIS_CATEGORY_PUSH:
    case ZYDIS_CATEGORY_POP:
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
        return true;
    default:
        return false;
    }
}

static void read_operands(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands, struct x64i_plan *plan,
                          struct reading *reading)
{
    for (unsigned i = 0; i < instruction->operand_count; i++) {
        const ZydisDecodedOperand *operand = &operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
            read_register(instruction, operand, plan->stack, plan, reading);
        else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
            read_memory(operand, plan->stack, plan, reading);
    }
    read_flags(instruction, reading);
}

static struct x64i_uop *add_uop(struct x64i_plan *plan, enum x64i_uop_kind kind, uint16_t ports)
{
    if (plan->uop_count == X64I_PLAN_UOPS) {
        plan->microcode++;
        return NULL;
    }
    struct x64i_uop *uop = &plan->uops[plan->uop_count++];
    *uop = (struct x64i_uop){.kind = (uint8_t)kind, .ports = ports};
    return uop;
}

static void add_sources(struct x64i_uop *uop, const uint8_t *values, unsigned count)
{
    for (unsigned i = 0; i < count && uop->source_count < X64I_UOP_SOURCES; i++)
        uop->sources[uop->source_count++] = values[i];
}

static void add_result(struct x64i_uop *uop, unsigned value)
{
    if (uop->result_count < X64I_UOP_RESULTS)
        uop->results[uop->result_count++] = (uint8_t)value;
}

static void add_loads(const struct x64i_planner *planner, struct x64i_plan *plan,
                      const struct reading *reading)
{
    for (unsigned i = 0; i < reading->loads; i++) {
        struct x64i_uop *uop = add_uop(plan, X64I_UOP_LOAD, planner->core->load_ports);
        if (!uop)
            return;
        uop->access = (uint8_t)i;
        uop->latency = reading->vector || plan->wide_load ? planner->core->vector_load_latency
                                                          : planner->core->load_latency;
        add_sources(uop, reading->address, reading->address_count);
        add_result(uop, X64I_VALUE_LOADED);
    }
}

static void add_stores(const struct x64i_planner *planner, struct x64i_plan *plan,
                       const struct reading *reading, bool computed)
{
    for (unsigned i = 0; i < reading->stores; i++) {
        struct x64i_uop *address =
            add_uop(plan, X64I_UOP_STORE_ADDRESS, planner->core->store_address_ports);
        struct x64i_uop *data = add_uop(plan, X64I_UOP_STORE_DATA, planner->core->store_data_ports);
        plan->stores += address != NULL;
        if (!address || !data)
            return;
        address->access = data->access = (uint8_t)i;
        address->latency = data->latency = 1;
        data->fused = true;
        add_sources(address, reading->address, reading->address_count);
        const uint8_t result = X64I_VALUE_RESULT;
        const uint8_t loaded = X64I_VALUE_LOADED;
        if (computed)
            add_sources(data, &result, 1);
        else if (reading->loads)
            add_sources(data, &loaded, 1);
        else
            add_sources(data, reading->data, reading->data_count);
    }
}

/* Load and operation share a slot, but not where the address is indexed and the destination is not
 * one of the sources (Optimization Reference Manual 2.3.5 on micro-fusion). */
static bool unlaminates(const struct reading *reading)
{
    if (!reading->indexed || reading->stores)
        return false;
    for (unsigned i = 0; i < reading->written_count; i++)
        for (unsigned k = 0; k < reading->data_count; k++)
            if (reading->written[i] == reading->data[k])
                return false;
    return true;
}

/* The micro-ops that compute: each waits for everything; the first one makes the results. */
static unsigned add_computation(struct x64i_plan *plan, const struct x64i_form_row *row,
                                const struct reading *reading, const uint16_t *ports,
                                unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct x64i_uop *uop = add_uop(plan, X64I_UOP_COMPUTE, ports[i]);
        if (!uop)
            return i;
        add_sources(uop, reading->data, reading->data_count);
        const uint8_t loaded = X64I_VALUE_LOADED;
        if (reading->loads)
            add_sources(uop, &loaded, 1);
        uop->latency = i == 0 ? (uint16_t)(row->latency + (reading->high ? 2 : 0)) : 1;
        if (i)
            continue;
        uop->held = row->held;
        uop->fused = reading->loads == 1 && !unlaminates(reading);
        plan->unlaminated = reading->loads == 1 && !uop->fused;
        for (unsigned r = 0; r < reading->written_count; r++)
            add_result(uop, reading->written[r]);
        if (reading->stores)
            add_result(uop, X64I_VALUE_RESULT);
    }
    return count;
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* "0156A+2*23B": the computing micro-ops' ports, one entry each; those of loads and stores are the
 * operands' matter. */
static unsigned parse_ports(const struct x64i_core_model *core, const char *text, uint16_t *ports,
                            unsigned room)
{
    unsigned count = 0;
    while (*text) {
        unsigned times = 1;
        const char *star = strchr(text, '*');
        const char *plus = strchr(text, '+');
        if (star && (!plus || star < plus)) {
            for (times = 0; text < star; text++)
                times = times * 10 + hex_digit(*text);
            text++;
        }
        uint16_t mask = 0;
        for (; *text && *text != '+'; text++)
            mask |= (uint16_t)(1u << hex_digit(*text));
        if (*text)
            text++;
        if (mask == core->load_ports || mask == core->store_address_ports ||
            mask == core->store_data_ports)
            continue;
        for (; times && count < room; times--)
            ports[count++] = mask;
    }
    return count;
}

/* Loads whose result no micro-op works on: it is the destination's. */
static void give_load(struct x64i_plan *plan, const struct reading *reading)
{
    struct x64i_uop *load = &plan->uops[plan->uop_count - 1];
    load->result_count = 0;
    for (unsigned i = 0; i < reading->written_count; i++)
        add_result(load, reading->written[i]);
    if (reading->stores)
        add_result(load, X64I_VALUE_LOADED);
    add_sources(load, reading->data, reading->data_count);
}

static unsigned count_slots(const struct x64i_plan *plan)
{
    unsigned slots = 0;
    for (unsigned i = 0; i < plan->uop_count; i++)
        slots += !plan->uops[i].fused;
    return slots ? slots : 1;
}

static void fill_attributes(const ZydisDecodedInstruction *instruction,
                            const ZydisDecodedOperand *operands, struct x64i_plan *plan)
{
    ZydisInstructionCategory category = instruction->meta.category;
    plan->length = instruction->length;
    plan->stack = moves_stack(instruction);
    plan->lock = instruction->attributes & ZYDIS_ATTRIB_HAS_LOCK;
    plan->call = category == ZYDIS_CATEGORY_CALL;
    plan->ret = category == ZYDIS_CATEGORY_RET;
    plan->conditional = category == ZYDIS_CATEGORY_COND_BR;
    plan->branch =
        plan->call || plan->ret || plan->conditional || category == ZYDIS_CATEGORY_UNCOND_BR;
    plan->indirect = (plan->call || category == ZYDIS_CATEGORY_UNCOND_BR) &&
                     !(instruction->attributes & ZYDIS_ATTRIB_IS_RELATIVE);
    if (category == ZYDIS_CATEGORY_STRINGOP)
        plan->string = x64i_idiom_string(instruction);
    plan->length_change = x64i_idiom_length_change(instruction);
    plan->fusion = x64i_idiom_fusion(instruction, operands);
    plan->fpu_push = x64i_idiom_fpu_push(instruction);
}

static void add_system(const struct x64i_planner *planner, const char *form, struct x64i_plan *plan)
{
    const struct x64i_system_row *row =
        x64i_system_find(planner->core->system, planner->core->system_count, form);
    if (!row)
        return;
    plan->system = row->kind;
    plan->cycles = row->cycles;
    plan->source = row->source;
}

void x64i_plan_make(const struct x64i_planner *planner, const ZydisDecodedInstruction *instruction,
                    const ZydisDecodedOperand *operands, struct x64i_plan *plan)
{
    static const struct x64i_form_row unknown = {"", 1, 1, 0, X64I_SOURCE_ESTIMATED, "0156"};
    struct reading reading = {0};
    char form[X64I_FORM_SIZE];
    uint16_t ports[X64I_PLAN_UOPS];
    memset(plan, 0, sizeof *plan);
    fill_attributes(instruction, operands, plan);
    plan->elimination = x64i_idiom_elimination(planner->core, instruction, operands);
    read_operands(instruction, operands, plan, &reading);
    x64i_form_name(instruction, operands, form);
    const struct x64i_form_row *row = x64i_form_find(planner->table, form);
    if (!row)
        row = &unknown;
    plan->source = (uint8_t)row->source;
    add_system(planner, form, plan);
    unsigned count = parse_ports(planner->core, row->ports, ports, X64I_PLAN_UOPS);
    if (plan->elimination == X64I_ELIMINATED_NOP)
        count = 0;
    else if (plan->elimination)
        ports[(count = 1) - 1] = planner->core->simple_ports;
    if (plan->string && (instruction->attributes &
                         (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)))
        count = 0; /* x64i_core_repeat has the cycles */
    plan->shift = instruction->meta.category == ZYDIS_CATEGORY_SHIFT;
    plan->offset =
        plan->elimination == X64I_ELIMINATED_ADD ? x64i_idiom_offset(instruction, operands) : 0;
    if (plan->elimination == X64I_ELIMINATED_ZERO)
        reading.data_count = 0;
    /* Measured: TEST AH runs once a cycle, AND BH takes three. */
    if (reading.high && count == 1)
        ports[count++] = planner->core->simple_ports;
    add_loads(planner, plan, &reading);
    unsigned made = add_computation(plan, row, &reading, ports, count);
    if (!made && reading.loads)
        give_load(plan, &reading);
    add_stores(planner, plan, &reading, made > 0);
    plan->slow_forward = reading.vector || (made && reading.stores);
    plan->lock_extra = (uint8_t)(row->latency > 1 && row->latency < 64 ? row->latency - 1 : 0);
    /* XCHG with memory locks without a prefix (SDM vol. 3A, 9.1.2.1). */
    plan->lock |= instruction->mnemonic == ZYDIS_MNEMONIC_XCHG && reading.loads;
    plan->renamable = planner->core->renames_memory && reading.loads && !reading.vector &&
                      reading.memory_bits != 16 &&
                      instruction->meta.category != ZYDIS_CATEGORY_SSE &&
                      !(made && reading.stores && operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                        instruction->operand_count_visible > 1);
    plan->slots = (uint8_t)count_slots(plan);
}
