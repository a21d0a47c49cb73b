/* SPDX-License-Identifier: MIT */
#include "cpu/decode.h"

#include "cpu/evex_op.h"
#include "cpu/isa.h"
#include "state/heap.h"

#include <stdatomic.h>
#include <string.h>

struct x64i_decoder {
    atomic_uint holders;
    struct x64i_heap *heap;
    ZydisDecoder by_mode[3];                          /* 64, 32 and 16 bits */
    uint16_t first_row[ZYDIS_MNEMONIC_MAX_VALUE + 1]; /* of isa.def, or the number of rows */
};

static const ZydisDecoder *decoder_for(const struct x64i_cpu *cpu)
{
    return &cpu->decoder->by_mode[cpu->code_bits == 64 ? 0 : cpu->code_bits == 32 ? 1 : 2];
}

/* What a model lacks keeps its older meaning: LZCNT is BSR, TZCNT is BSF, WBNOINVD is WBINVD. */
static void set_modes(const struct x64i_cpu *cpu, ZydisDecoder *decoder)
{
    bool amd = cpu->model->vendor == X64I_VENDOR_AMD;
    const struct {
        ZydisDecoderMode mode;
        bool on;
    } modes[] = {
        {ZYDIS_DECODER_MODE_MPX, false},
        {ZYDIS_DECODER_MODE_CET, true},
        {ZYDIS_DECODER_MODE_CLDEMOTE, false},
        {ZYDIS_DECODER_MODE_LZCNT, x64i_cpu_has(cpu, X64I_FEATURE_LZCNT)},
        {ZYDIS_DECODER_MODE_TZCNT, x64i_cpu_has(cpu, X64I_FEATURE_BMI1)},
        {ZYDIS_DECODER_MODE_WBNOINVD, x64i_cpu_has(cpu, X64I_FEATURE_WBNOINVD)},
        {ZYDIS_DECODER_MODE_AMD_BRANCHES, amd},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        (void)ZydisDecoderEnableMode(decoder, modes[i].mode, modes[i].on);
}

static struct x64i_decoder *make_decoder(const struct x64i_cpu *cpu)
{
    static const struct {
        ZydisMachineMode mode;
        ZydisStackWidth stack;
    } setups[3] = {
        {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
        {ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32},
        {ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16},
    };
    struct x64i_decoder *decoder = x64i_heap_allocate(cpu->heap, sizeof *decoder);
    if (!decoder)
        return NULL;
    atomic_init(&decoder->holders, 1);
    decoder->heap = cpu->heap;
    for (size_t i = 0; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++)
        decoder->first_row[i] = (uint16_t)x64i_isa_row_count;
    for (size_t i = x64i_isa_row_count; i-- > 0;)
        decoder->first_row[x64i_isa_rows[i].mnemonic] = (uint16_t)i;
    for (size_t i = 0; i < 3; i++) {
        (void)ZydisDecoderInit(&decoder->by_mode[i], setups[i].mode, setups[i].stack);
        set_modes(cpu, &decoder->by_mode[i]);
    }
    return decoder;
}

enum x64_status x64i_decoder_create(struct x64i_cpu *cpu, const struct x64i_cpu *original)
{
    if (original) {
        atomic_fetch_add_explicit(&original->decoder->holders, 1, memory_order_relaxed);
        cpu->decoder = original->decoder;
    } else {
        cpu->decoder = make_decoder(cpu);
    }
    cpu->cache = x64i_decode_cache_create(cpu->heap);
    if (cpu->decoder && cpu->cache)
        return X64_OK;
    x64i_decoder_destroy(cpu);
    return X64_ERROR_MEMORY;
}

static void release_decoder(struct x64i_decoder *decoder)
{
    if (decoder && atomic_fetch_sub_explicit(&decoder->holders, 1, memory_order_acq_rel) == 1)
        x64i_heap_free(decoder->heap, decoder, sizeof *decoder);
}

void x64i_decoder_destroy(struct x64i_cpu *cpu)
{
    release_decoder(cpu->decoder);
    x64i_decode_cache_destroy(cpu->heap, cpu->cache);
    cpu->decoder = NULL;
    cpu->cache = NULL;
}

/* Zydis numbers 8-bit registers AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B ... */
static uint8_t register_number(ZydisRegister reg)
{
    ZyanI8 id = ZydisRegisterGetId(reg);
    if (ZydisRegisterGetClass(reg) != ZYDIS_REGCLASS_GPR8)
        return (uint8_t)id;
    if (id < 4)
        return (uint8_t)id;
    return (uint8_t)(id < 8 ? X64I_REGISTER_AH + id - 4 : id - 4);
}

static uint8_t segment_number(ZydisRegister segment)
{
    return segment == ZYDIS_REGISTER_NONE ? X64_DS : (uint8_t)ZydisRegisterGetId(segment);
}

static uint8_t log2_of(unsigned scale)
{
    return (uint8_t)(scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0);
}

static void fill_memory(struct x64i_op *op, const ZydisDecodedOperandMem *memory)
{
    op->flags |= X64I_OP_MEMORY;
    op->segment = segment_number(memory->segment);
    op->scale = log2_of(memory->scale);
    op->displacement = (int32_t)memory->disp.value;
    if (memory->base == ZYDIS_REGISTER_RIP || memory->base == ZYDIS_REGISTER_EIP)
        op->flags |= X64I_OP_RIP_RELATIVE;
    else if (memory->base != ZYDIS_REGISTER_NONE)
        op->base = register_number(memory->base);
    if (memory->index != ZYDIS_REGISTER_NONE)
        op->index = register_number(memory->index);
    if (op->base == X64I_NO_REGISTER && op->index == X64I_NO_REGISTER &&
        !(op->flags & X64I_OP_RIP_RELATIVE) && memory->disp.value != op->displacement) {
        op->flags |= X64I_OP_MOFFS;
        op->immediate = (uint64_t)memory->disp.value;
    }
}

static void fill_operands(struct x64i_op *op, const ZydisDecodedOperand *operands, unsigned count)
{
    uint8_t *const registers[] = {&op->destination, &op->source, &op->third};
    bool has_immediate = false;
    for (unsigned i = 0; i < count; i++) {
        const ZydisDecodedOperand *operand = &operands[i];
        switch (operand->type) {
        case ZYDIS_OPERAND_TYPE_REGISTER:
            if (i < 3)
                *registers[i] = register_number(operand->reg.value);
            else
                op->immediate = register_number(operand->reg.value);
            break;
        case ZYDIS_OPERAND_TYPE_MEMORY:
            fill_memory(op, &operand->mem);
            break;
        case ZYDIS_OPERAND_TYPE_POINTER:
            op->immediate = (uint64_t)operand->ptr.segment << 32 | operand->ptr.offset;
            break;
        default:
            if (has_immediate)
                op->displacement = (int32_t)operand->imm.value.s;
            else
                op->immediate = operand->imm.value.u;
            has_immediate = true;
            break;
        }
    }
}

/* x87 instructions have no immediate: in its place stands what the unit keeps as the opcode, the
 * low bits of the first byte and ModRM (SDM vol. 1, 8.1.9). */
static void fill_x87_opcode(struct x64i_op *op, const ZydisDecodedInstruction *instruction)
{
    if (instruction->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (instruction->opcode & 0xf8) == 0xd8)
        op->immediate = (instruction->opcode & 7u) << 8 | instruction->raw.modrm.mod << 6 |
                        instruction->raw.modrm.reg << 3 | instruction->raw.modrm.rm;
}

static bool is_implicit_base(ZydisRegister base)
{
    return base == ZYDIS_REGISTER_RSI || base == ZYDIS_REGISTER_ESI || base == ZYDIS_REGISTER_SI ||
           base == ZYDIS_REGISTER_RBX || base == ZYDIS_REGISTER_EBX || base == ZYDIS_REGISTER_BX;
}

/* String instructions and XLAT hide their memory operands. The segment of the one at rSI or rBX can
 * be overridden; that at rDI is always in ES. */
static void fill_implicit_segment(struct x64i_op *op, const ZydisDecodedOperand *operands,
                                  unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY && is_implicit_base(operands[i].mem.base))
            op->segment = segment_number(operands[i].mem.segment);
}

/* The destination of MASKMOVDQU and MASKMOVQ is DS:RDI, not written out, and DS can be overridden.
 */
static void fill_hidden_segment(struct x64i_op *op, const ZydisDecodedInstruction *instruction,
                                const ZydisDecodedOperand *operands)
{
    if (instruction->mnemonic != ZYDIS_MNEMONIC_MASKMOVDQU &&
        instruction->mnemonic != ZYDIS_MNEMONIC_VMASKMOVDQU &&
        instruction->mnemonic != ZYDIS_MNEMONIC_MASKMOVQ)
        return;
    for (unsigned i = instruction->operand_count_visible; i < instruction->operand_count; i++)
        if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            op->segment = segment_number(operands[i].mem.segment);
}

static bool is_loop(ZydisMnemonic mnemonic)
{
    return mnemonic == ZYDIS_MNEMONIC_LOOPE || mnemonic == ZYDIS_MNEMONIC_LOOPNE;
}

/* A prefix that the instruction does not take, as the bytes have it; the last one counts. */
static uint16_t repeat_prefix(const ZydisDecodedInstruction *instruction)
{
    uint16_t flags = 0;
    for (unsigned i = 0; i < instruction->raw.prefix_count; i++)
        if (instruction->raw.prefixes[i].value == 0xf3)
            flags = X64I_OP_REP;
        else if (instruction->raw.prefixes[i].value == 0xf2)
            flags = X64I_OP_REPNE;
    return flags;
}

/* FMA runs on the host's unit (host_float.h), and not every host has it; AVX-512 has FMA, too. */
static bool host_can(uint16_t feature)
{
    return (feature != X64I_FEATURE_FMA && feature != X64I_FEATURE_AVX512F) ||
           __builtin_cpu_supports("fma");
}

static bool model_can(const struct x64i_cpu *cpu, const ZydisDecodedInstruction *instruction,
                      uint16_t feature)
{
    return x64i_cpu_has(cpu, feature) && host_can(feature) &&
           (!x64i_evex_needs_vl(instruction) || x64i_cpu_has(cpu, X64I_FEATURE_AVX512VL));
}

static uint16_t prefix_flags(const ZydisDecodedInstruction *instruction)
{
    uint16_t flags = 0;
    if (instruction->attributes & ZYDIS_ATTRIB_HAS_LOCK)
        flags |= X64I_OP_LOCK;
    if (instruction->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE))
        flags |= X64I_OP_REP;
    if (instruction->attributes & ZYDIS_ATTRIB_HAS_REPNE)
        flags |= X64I_OP_REPNE;
    if (is_loop(instruction->mnemonic))
        flags |= repeat_prefix(instruction);
    if (instruction->address_width == 32)
        flags |= X64I_OP_ADDRESS_32;
    if (instruction->address_width == 16)
        flags |= X64I_OP_ADDRESS_16;
    bool vex = instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    if (vex ? instruction->raw.vex.W : instruction->raw.rex.W)
        flags |= X64I_OP_REX_W;
    if (vex && instruction->raw.vex.L)
        flags |= X64I_OP_VEX_L;
    return flags;
}

/* Near branches of AMD's processors obey a prefix 66 in 64-bit mode, those with a short target too
 * (APM vol. 3, 1.2.2): RIP is cut to 16 bits. */
static void correct_branch(const struct x64i_cpu *cpu, ZydisDecodedInstruction *instruction)
{
    bool near = instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR ||
                instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_SHORT;
    if (near && cpu->model->behaviour.near_branches_take_66 &&
        instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 && !instruction->raw.rex.W &&
        (instruction->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE))
        instruction->operand_width = 16;
}

static bool is_undefined(const struct x64i_cpu *cpu, const ZydisDecodedInstruction *instruction)
{
    bool prefetch = instruction->opcode_map == ZYDIS_OPCODE_MAP_0F && instruction->opcode == 0x0d;
    return prefetch && instruction->raw.modrm.mod == 3 &&
           cpu->model->behaviour.prefetch_takes_no_register;
}

static bool is_prefix(uint8_t byte)
{
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                       0x66, 0x67, 0xf0, 0xf2, 0xf3};
    return byte >> 4 == 4 || memchr(prefixes, byte, sizeof prefixes);
}

/* Whether the bytes, of which there are too few for Zydis, have the opcode of UD0 or UD1. */
static bool has_ud1(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && is_prefix(bytes[at]))
        at++;
    return size - at >= 2 && bytes[at] == 0x0f && (bytes[at + 1] == 0xb9 || bytes[at + 1] == 0xff);
}

/* Decodes with Zydis. AMD's processors see the exchange that REX.B makes of NOP before the F3 that
 * makes it PAUSE: another prefix in its place leaves XCHG. */
static ZyanStatus decode_bytes(struct x64i_cpu *cpu, const uint8_t *bytes, size_t size,
                               ZydisDecodedInstruction *instruction, ZydisDecodedOperand *operands)
{
    const uint8_t no_effect = 0x3e; /* a DS override, in 64-bit mode and without memory */
    uint8_t copy[X64I_INSTRUCTION_MAX];
    ZyanStatus status =
        ZydisDecoderDecodeFull(decoder_for(cpu), bytes, size, instruction, operands);
    if (!ZYAN_SUCCESS(status) || instruction->mnemonic != ZYDIS_MNEMONIC_PAUSE ||
        !instruction->raw.rex.B || !cpu->model->behaviour.pause_takes_rex_b)
        return status;
    for (size_t i = 0; i < instruction->length; i++)
        copy[i] = bytes[i] == 0xf3 ? no_effect : bytes[i];
    return ZydisDecoderDecodeFull(decoder_for(cpu), copy, instruction->length, instruction,
                                  operands);
}

enum x64i_decoded x64i_decode(struct x64i_cpu *cpu, const uint8_t *bytes, size_t size,
                              struct x64i_op *op)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZyanStatus status = decode_bytes(cpu, bytes, size, &instruction, operands);
    *op = (struct x64i_op){.destination = X64I_NO_REGISTER,
                           .source = X64I_NO_REGISTER,
                           .third = X64I_NO_REGISTER,
                           .base = X64I_NO_REGISTER,
                           .index = X64I_NO_REGISTER,
                           .segment = X64_DS};
    if (status == ZYDIS_STATUS_NO_MORE_DATA && cpu->model->behaviour.ud1_ends_at_opcode &&
        has_ud1(bytes, size))
        return X64I_DECODE_UNDEFINED;
    if (status == ZYDIS_STATUS_NO_MORE_DATA)
        return size < X64I_INSTRUCTION_MAX ? X64I_DECODE_MORE : X64I_DECODE_TOO_LONG;
    if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
        return X64I_DECODE_TOO_LONG;
    if (!ZYAN_SUCCESS(status) || is_undefined(cpu, &instruction))
        return X64I_DECODE_UNDEFINED;
    x64i_isa_correct(&instruction, operands);
    correct_branch(cpu, &instruction);
    op->length = instruction.length;
    op->flags = prefix_flags(&instruction);
    fill_operands(op, operands, instruction.operand_count_visible);
    fill_x87_opcode(op, &instruction);
    fill_hidden_segment(op, &instruction, operands);
    if (instruction.operand_count_visible == 0)
        fill_implicit_segment(op, operands, instruction.operand_count);
    size_t first = cpu->decoder->first_row[instruction.mnemonic];
    op->execute = x64i_isa_find_from(&instruction, operands, first, &op->row);
    if (!op->execute || !model_can(cpu, &instruction, x64i_isa_rows[op->row].feature))
        return X64I_DECODE_UNDEFINED;
    if (instruction.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
        x64i_evex_decode(&instruction, operands, op);
    return X64I_DECODED;
}
