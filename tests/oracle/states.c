/* SPDX-License-Identifier: MIT */
#include "oracle/states.h"

#include "oracle/extended_state.h"
#include "oracle/kinds.h"
#include "oracle/x87_state.h"

#include <string.h>

#define FLAGS_FIXED (X64I_FLAG_ONE | X64I_IF)

struct maker {
    const struct oracle_form *form;
    const ZydisDecoder *decoder;
    struct oracle_random *random;
    struct oracle_instruction *instruction;
    struct oracle_case *out;
    uint32_t pinned; /* registers whose value is decided */
    unsigned patches;
    bool must_decode; /* bytes of the instruction were changed */
    bool tame;        /* oracle_shared.tame */
    const struct oracle_shared *host;
};

uint64_t oracle_slot_address(uint64_t number)
{
    return ORACLE_ARENA_CODE + number % ORACLE_SLOTS * ORACLE_SLOT_SIZE + ORACLE_SLOT_CODE;
}

/* The last slot of each page holds instructions that cross its end. */
static uint64_t code_address(uint64_t number, unsigned length)
{
    uint64_t slot = number % ORACLE_SLOTS;
    if (slot % (ORACLE_PAGE / ORACLE_SLOT_SIZE) != ORACLE_PAGE / ORACLE_SLOT_SIZE - 1 || length < 2)
        return oracle_slot_address(number);
    return ORACLE_ARENA_CODE + (slot + 1) * ORACLE_SLOT_SIZE - 1 -
           number / ORACLE_SLOTS % (length - 1);
}

void oracle_fill_pristine(uint8_t data[ORACLE_DATA_SIZE])
{
    struct oracle_random random = oracle_random_for(0, "arena", 0);
    oracle_random_bytes(&random, data, ORACLE_DATA_SIZE);
}

static uint64_t pad_address(struct oracle_random *random)
{
    uint32_t slot = oracle_random_below(random, ORACLE_SLOTS);
    return ORACLE_ARENA_CODE + slot * ORACLE_SLOT_SIZE + ORACLE_SLOT_PAD;
}

/* Where an operand of `size` bytes stands. */
static uint64_t target_address(struct oracle_random *random, uint32_t size, bool within_line,
                               bool tame)
{
    uint32_t inside = oracle_random_below(random, 2 * ORACLE_PAGE - 576);
    uint32_t before = size > 1 ? oracle_random_below(random, size - 1) + 1 : 1;
    uint32_t kind = oracle_random_below(random, 32);
    if (within_line) {
        inside = (inside & ~(ORACLE_LINE - 1)) +
                 (size >= ORACLE_LINE ? 0 : oracle_random_below(random, ORACLE_LINE - size + 1));
        kind |= 16;
        if (kind == 16 && size < ORACLE_LINE)
            return ORACLE_ARENA_DATA + 2 * ORACLE_PAGE + inside % ORACLE_PAGE;
    }
    switch (kind) {
    case 0:
    case 1:
        return ORACLE_ARENA_DATA + ORACLE_PAGE - before; /* across two writable pages */
    case 2:
        return ORACLE_ARENA_DATA + 2 * ORACLE_PAGE - before; /* from writable to read-only */
    case 3:
        return ORACLE_ARENA_DATA + 2 * ORACLE_PAGE + inside % (ORACLE_PAGE - 64); /* read-only */
    case 4:
        return ORACLE_ARENA_DATA + 3 * ORACLE_PAGE - before; /* from read-only to nothing */
    case 5:
        return ORACLE_ARENA_DATA - before; /* from nothing to writable */
    case 6:
        return ORACLE_ARENA_DATA + 3 * ORACLE_PAGE + inside % (2 * ORACLE_PAGE); /* nothing */
    case 7:
        return UINT64_C(0x8000000000000000) | oracle_random_next(random) >> 2; /* not canonical */
    case 8:
    case 9:
        return ORACLE_ARENA_HIGH + inside % (ORACLE_PAGE - 576);
    case 10:
        return ORACLE_ARENA_HIGH + ORACLE_PAGE - size; /* the last bytes of a page */
    case 11:
        if (tame)
            break;
        return UINT64_C(0xffff800000000000) + inside; /* the kernel's half */
    default:
        break;
    }
    if (size > 1 && kind & 1)
        inside &= ~(size >= 64 ? 63u : size >= 32 ? 31u : size >= 16 ? 15u : size - 1);
    return ORACLE_ARENA_DATA + inside;
}

/* Where an XSAVE area can be written as a whole. */
static uint64_t area_address(struct oracle_random *random)
{
    const uint32_t room = 2 * ORACLE_PAGE - ORACLE_EXTENDED_SIZE;
    return ORACLE_ARENA_DATA + oracle_random_below(random, room / ORACLE_LINE) * ORACLE_LINE;
}

static int gpr_of(ZydisRegister reg)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return -1;
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    return ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64 ? ZydisRegisterGetId(whole) : -1;
}

static uint64_t width_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* A register's value that later choices leave alone; -1 is no register. */
static void pin(struct maker *maker, int gpr, uint64_t value, unsigned width)
{
    if (gpr < 0)
        return;
    uint64_t mask = width_mask(width);
    uint64_t *reg = &maker->out->before.gpr[gpr];
    *reg = (*reg & ~mask) | (value & mask);
    maker->pinned |= 1u << gpr;
}

static bool is_pinned(const struct maker *maker, int gpr)
{
    return maker->pinned >> gpr & 1;
}

/* Changes the displacement's bytes, if it has `size` bits or more and the value fits. */
static bool set_displacement(struct maker *maker, uint64_t value)
{
    unsigned size = maker->instruction->decoded.raw.disp.size;
    if (size < 32 || (size == 32 && (uint64_t)(int64_t)(int32_t)value != value))
        return false;
    memcpy(maker->instruction->bytes + maker->instruction->decoded.raw.disp.offset, &value,
           size / 8);
    maker->must_decode = true;
    return true;
}

static uint64_t segment_base(const struct oracle_case *c, ZydisRegister segment)
{
    return segment == ZYDIS_REGISTER_FS   ? c->before.fs_base
           : segment == ZYDIS_REGISTER_GS ? c->before.gs_base
                                          : 0;
}

static bool is_locked(const struct maker *maker)
{
    const ZydisDecodedInstruction *decoded = &maker->instruction->decoded;
    return (decoded->attributes & ZYDIS_ATTRIB_HAS_LOCK) ||
           decoded->mnemonic == ZYDIS_MNEMONIC_XCHG;
}

/* Chooses registers or displacement so that the operand's offset is `offset`. */
static void solve(struct maker *maker, const ZydisDecodedOperandMem *memory, uint64_t offset)
{
    unsigned width = maker->instruction->decoded.address_width;
    int base = gpr_of(memory->base);
    int index = gpr_of(memory->index);
    uint64_t *gpr = maker->out->before.gpr;
    uint64_t displacement = (uint64_t)memory->disp.value;
    uint64_t scale = memory->scale ? memory->scale : 1;
    if (memory->base == ZYDIS_REGISTER_RIP || memory->base == ZYDIS_REGISTER_EIP) {
        /* Never into the code, which holds more on the host than in the guest. */
        uint64_t end = maker->out->before.rip + maker->instruction->decoded.length;
        if (!set_displacement(maker, offset - end))
            set_displacement(maker, ORACLE_ARENA_DATA + ORACLE_LINE - end);
    } else if (base < 0 && index < 0) {
        if (!set_displacement(maker, offset))
            set_displacement(maker, ORACLE_ARENA_DATA + ORACLE_LINE);
    } else if (base >= 0 && base != index && !is_pinned(maker, base)) {
        if (index >= 0 && !is_pinned(maker, index)) {
            if (!oracle_random_once_in(maker->random, 4))
                pin(maker, index, oracle_random_below(maker->random, 256), 64);
            maker->pinned |= 1u << index;
        }
        uint64_t part = 0;
        if (index >= 0)
            part = gpr[index] &
                   width_mask(ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, memory->index));
        pin(maker, base, offset - displacement - part * scale, width);
    } else if (index >= 0 && !is_pinned(maker, index)) {
        uint64_t factor = base == index ? scale + 1 : scale;
        uint64_t rest = base >= 0 && base != index ? gpr[base] : 0;
        uint64_t small = oracle_random_below(maker->random, 4096);
        if (set_displacement(maker, offset - rest - small * factor))
            pin(maker, index, small, width);
        else
            pin(maker, index, (offset - rest - displacement) / factor, width);
    }
}

/* The address that the state before a case gives a memory operand. */
static uint64_t linear_of(const struct oracle_instruction *instruction, const struct oracle_case *c,
                          const ZydisDecodedOperandMem *memory)
{
    const uint64_t *gpr = c->before.gpr;
    uint64_t offset = (uint64_t)memory->disp.value;
    int base = gpr_of(memory->base);
    int index = gpr_of(memory->index);
    if (memory->base == ZYDIS_REGISTER_RIP || memory->base == ZYDIS_REGISTER_EIP)
        offset += c->before.rip + instruction->decoded.length;
    if (base >= 0)
        offset += gpr[base];
    if (index >= 0)
        offset += gpr[index] * memory->scale;
    return (offset & width_mask(instruction->decoded.address_width)) +
           segment_base(c, memory->segment);
}

/* A locked access across two cache lines makes the host's kernel, and a hypervisor below it, punish
 * the process by sleeping: such cases are not made. */
static bool is_split_lock(const struct maker *maker)
{
    const ZydisDecodedOperand *operand = maker->instruction->operands;
    if (!is_locked(maker))
        return false;
    for (unsigned i = 0; i < maker->instruction->decoded.operand_count; i++, operand++) {
        uint64_t size = operand->size / 8u;
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            linear_of(maker->instruction, maker->out, &operand->mem) % ORACLE_LINE + size >
                ORACLE_LINE)
            return true;
    }
    return false;
}

/* Puts a value where the operand stands, as far as it lies in the arena. */
static void patch(struct maker *maker, uint64_t linear, const uint8_t *bytes, uint32_t size)
{
    uint64_t offset;
    if (linear - ORACLE_ARENA_DATA < 3 * ORACLE_PAGE)
        offset = linear - ORACLE_ARENA_DATA;
    else if (linear - ORACLE_ARENA_HIGH < ORACLE_PAGE)
        offset = linear - ORACLE_ARENA_HIGH + 3 * ORACLE_PAGE;
    else
        return;
    uint64_t end = offset < 3 * ORACLE_PAGE ? 3 * ORACLE_PAGE : ORACLE_DATA_SIZE;
    if (size > end - offset)
        size = (uint32_t)(end - offset);
    if (maker->patches == ORACLE_PATCHES)
        return;
    struct oracle_patch *p = &maker->out->patch[maker->patches++];
    p->offset = (uint32_t)offset;
    p->size = size;
    memcpy(p->bytes, bytes, size);
}

/* Selectors of Linux's GDT (arch/x86/include/asm/segment.h), null ones and those beyond its end. */
static uint16_t selector_value(struct oracle_random *random, bool tame)
{
    static const uint16_t pool[] = {0x00, 0x03, 0x23, 0x2b, 0x33, 0x2b, 0x23, 0x33,
                                    0x10, 0x18, 0x08, 0x20, 0x28, 0x29, 0x30, 0x32,
                                    0x40, 0x4b, 0x63, 0x73, 0x7b, 0x80, 0x87, 0x07};
    uint16_t selector = pool[oracle_random_below(random, sizeof pool / sizeof pool[0])];
    return tame && selector < 4 ? 0 : selector;
}

/* A far pointer or a frame: offset, selector, then flags, RSP and SS for IRET, which a far RET does
 * not read while the privilege stays. IRET that loads AC checks its own stack's alignment by it;
 * the host's kernel takes that #AC for a split lock's and runs the instruction again for ever.
 * Returns the size. */
static uint32_t far_frame(struct maker *maker, uint8_t bytes[ORACLE_PATCH_SIZE])
{
    uint32_t size = oracle_selector_offset(maker->instruction);
    ZydisMnemonic mnemonic = maker->instruction->decoded.mnemonic;
    if ((mnemonic == ZYDIS_MNEMONIC_CALL || mnemonic == ZYDIS_MNEMONIC_JMP) && size == 8 &&
        oracle_random_once_in(maker->random, 2))
        size = 4; /* what AMD's CPUs read whatever REX.W says */
    uint16_t code =
        oracle_random_once_in(maker->random, 3) ? selector_value(maker->random, maker->tame) : 0x33;
    if (oracle_random_once_in(maker->random, 4))
        code = 0x23;
    uint64_t slot[5] = {pad_address(maker->random), code,
                        oracle_random_value(maker->random) &
                            ~(uint64_t)(X64I_TF | X64I_AC | (maker->tame ? X64I_NT : 0)),
                        ORACLE_ARENA_DATA + oracle_random_below(maker->random, 2 * ORACLE_PAGE),
                        oracle_random_once_in(maker->random, 3)
                            ? selector_value(maker->random, maker->tame)
                            : 0x2b};
    if (oracle_random_once_in(maker->random, 8))
        slot[0] = oracle_random_value(maker->random);
    for (unsigned i = 0; i < 5; i++)
        memcpy(bytes + i * size, &slot[i], size);
    return 5 * size;
}

static void leave_out(uint8_t *bytes, uint32_t size, uint64_t bits)
{
    for (uint32_t i = 0; i < size && i < sizeof bits; i++)
        bytes[i] &= (uint8_t) ~(bits >> 8 * i);
}

static void place_operand(struct maker *maker, const ZydisDecodedOperand *operand)
{
    const ZydisDecodedInstruction *decoded = &maker->instruction->decoded;
    uint32_t size = operand->size / 8u;
    uint64_t linear = target_address(maker->random, size ? size : 1, is_locked(maker), maker->tame);
    if (oracle_is_xsave(maker->instruction) && !oracle_random_once_in(maker->random, 4))
        linear = area_address(maker->random);
    if (decoded->address_width == 32 && linear >> 32 && !oracle_random_once_in(maker->random, 8))
        linear = ORACLE_ARENA_DATA + (linear & (ORACLE_PAGE - 1) & ~(uint64_t)(ORACLE_LINE - 1));
    solve(maker, &operand->mem, linear - segment_base(maker->out, operand->mem.segment));
    uint8_t bytes[ORACLE_PATCH_SIZE];
    uint32_t known = size > sizeof bytes ? (uint32_t)sizeof bytes : size;
    oracle_random_bytes(maker->random, bytes, known);
    if (maker->tame && oracle_is_popf(maker->instruction))
        leave_out(bytes, known, X64I_AC | X64I_NT);
    if (known == 10 && !oracle_random_once_in(maker->random, 4))
        oracle_random_extended(maker->random, bytes);
    if (oracle_is_near_branch(maker->instruction) && known == 8 &&
        !oracle_random_once_in(maker->random, 6)) {
        uint64_t to = pad_address(maker->random);
        memcpy(bytes, &to, sizeof to);
    }
    if (oracle_takes_selector(maker->instruction) && known >= 2) {
        uint16_t selector = selector_value(maker->random, maker->tame);
        memcpy(bytes, &selector, sizeof selector);
    }
    bool first = maker->patches == 0;
    if (oracle_selector_offset(maker->instruction) && first &&
        !oracle_random_once_in(maker->random, 8))
        known = far_frame(maker, bytes);
    patch(maker, linear, bytes, known);
}

/* Relative branches go to pads; with 8 bits, to one of the nearest. */
static void aim_branch(struct maker *maker, const ZydisDecodedOperand *operand)
{
    const ZydisDecodedInstruction *decoded = &maker->instruction->decoded;
    uint64_t end = maker->out->before.rip + decoded->length;
    uint64_t target = pad_address(maker->random);
    if (operand->size <= 8 || decoded->raw.imm[0].size == 8) {
        uint64_t slot = (maker->out->before.rip - ORACLE_ARENA_CODE) / ORACLE_SLOT_SIZE;
        bool forward = slot + 1 < ORACLE_SLOTS && oracle_random_once_in(maker->random, 2);
        target = ORACLE_ARENA_CODE + (slot + forward) * ORACLE_SLOT_SIZE + ORACLE_SLOT_PAD;
    }
    uint64_t distance = target - end;
    memcpy(maker->instruction->bytes + decoded->raw.imm[0].offset, &distance,
           decoded->raw.imm[0].size / 8u);
    maker->must_decode = true;
}

/* A gather's indices stay small, most of them, so that the elements lie about the place that the
 * base is solved for. */
static void tame_indices(struct maker *maker)
{
    const ZydisDecodedOperand *operands = maker->instruction->operands;
    unsigned size = maker->instruction->decoded.opcode & 1 ? 8 : 4;
    for (unsigned i = 0; i < maker->instruction->decoded.operand_count; i++) {
        if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        unsigned reg = (unsigned)ZydisRegisterGetId(operands[i].mem.index);
        unsigned bytes = maker->form->space >= ORACLE_SPACE_EVEX_0F ? 64 : 32;
        for (unsigned at = 0; at < bytes; at += size) {
            uint64_t index = oracle_random_below(maker->random, 64);
            if (oracle_random_once_in(maker->random, 4))
                index = 0 - index;
            uint8_t *part = maker->out->before.extended +
                            oracle_vector_offset(&maker->host->layout, reg, at & ~15u);
            if (!oracle_random_once_in(maker->random, 64))
                memcpy(part + at % 16, &index, size);
        }
    }
}

/* Lengths of explicit strings about those of a register, of either sign. */
static void tame_lengths(struct maker *maker)
{
    static const unsigned registers[] = {X64_RAX, X64_RDX};
    for (unsigned i = 0; i < 2; i++)
        if (!oracle_random_once_in(maker->random, 4))
            pin(maker, (int)registers[i], (uint64_t)oracle_random_below(maker->random, 40) - 20,
                64);
}

static void ask_for_components(struct maker *maker)
{
    pin(maker, X64_RAX, oracle_random_components(maker->random, maker->host), 64);
    pin(maker, X64_RDX, 0, 64);
}

/* An area that XRSTOR takes, most of the time: its header and its MXCSR. */
static void make_area(struct maker *maker)
{
    struct oracle_random *random = maker->random;
    uint64_t linear =
        linear_of(maker->instruction, maker->out, &maker->instruction->operands[0].mem);
    uint64_t header[8] = {oracle_random_components(random, maker->host)};
    uint32_t mxcsr = (uint32_t)oracle_random_next(random) & 0xffff;
    if (oracle_random_once_in(random, 3))
        header[1] = UINT64_C(1) << 63 | header[0] | oracle_random_components(random, maker->host);
    if (oracle_random_once_in(random, 16))
        header[oracle_random_below(random, 8)] ^= UINT64_C(1) << oracle_random_below(random, 64);
    maker->patches = 0;
    patch(maker, linear + 512, (const uint8_t *)header, sizeof header);
    patch(maker, linear + 24, (const uint8_t *)&mxcsr, sizeof mxcsr);
}

/* REP counts stay small; bit offsets into memory stay near; a divisor usually suffices; the old
 * value of CMPXCHG often matches. */
static void tweak_before(struct maker *maker)
{
    const ZydisDecodedInstruction *decoded = &maker->instruction->decoded;
    struct oracle_random *random = maker->random;
    uint64_t *gpr = maker->out->before.gpr;
    const uint64_t repeats = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    if (oracle_is_gather(maker->form->space, decoded->opcode))
        tame_indices(maker);
    if (oracle_is_xsave(maker->instruction))
        ask_for_components(maker);
    if (oracle_has_explicit_lengths(maker->instruction))
        tame_lengths(maker);
    if (decoded->attributes & repeats)
        pin(maker, X64_RCX,
            oracle_random_below(random, oracle_random_once_in(random, 8) ? 300 : 12),
            decoded->address_width);
    bool bit_test =
        decoded->mnemonic == ZYDIS_MNEMONIC_BT || decoded->mnemonic == ZYDIS_MNEMONIC_BTS ||
        decoded->mnemonic == ZYDIS_MNEMONIC_BTR || decoded->mnemonic == ZYDIS_MNEMONIC_BTC;
    if (bit_test && maker->instruction->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        maker->instruction->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        uint64_t bit = oracle_random_below(random, 2048) - 1024u;
        if (decoded->attributes & ZYDIS_ATTRIB_HAS_LOCK)
            bit = oracle_random_below(random, 16);
        pin(maker, gpr_of(maker->instruction->operands[1].reg.value), bit, 64);
    }
    bool divide =
        decoded->mnemonic == ZYDIS_MNEMONIC_DIV || decoded->mnemonic == ZYDIS_MNEMONIC_IDIV;
    if (divide && !oracle_random_once_in(random, 4)) {
        bool extend = decoded->mnemonic == ZYDIS_MNEMONIC_IDIV && gpr[X64_RAX] >> 63;
        gpr[X64_RDX] = extend ? UINT64_MAX : oracle_random_below(random, 2);
        if (maker->form->width_index == 0)
            gpr[X64_RAX] &= ~UINT64_C(0xf000);
    }
}

static void tweak_after(struct maker *maker)
{
    const ZydisDecodedInstruction *decoded = &maker->instruction->decoded;
    const struct oracle_patch *first = &maker->out->patch[0];
    uint64_t *gpr = maker->out->before.gpr;
    if (oracle_is_xsave(maker->instruction) && maker->patches)
        make_area(maker);
    bool pair = decoded->mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B ||
                decoded->mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B;
    if ((!pair && decoded->mnemonic != ZYDIS_MNEMONIC_CMPXCHG) ||
        oracle_random_once_in(maker->random, 2))
        return;
    uint64_t value[2] = {0};
    memcpy(value, first->bytes, first->size < 16 ? first->size : 16);
    if (decoded->mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B) {
        value[1] = value[0] >> 32;
        value[0] &= UINT32_MAX;
    }
    if (maker->patches && !is_pinned(maker, X64_RAX))
        gpr[X64_RAX] = value[0];
    if (maker->patches && pair && !is_pinned(maker, X64_RDX))
        gpr[X64_RDX] = value[1];
}

static enum oracle_use use_of(const struct oracle_form *form,
                              const struct oracle_instruction *instruction)
{
    if (!instruction->undefined && oracle_is_xsave(instruction))
        return ORACLE_SAVES_STATE;
    return oracle_is_avx512(form) ? ORACLE_USES_AVX512 : ORACLE_CLEARS_AVX512;
}

static void fill_registers(struct oracle_random *random, const struct oracle_shared *host,
                           enum oracle_use use, struct oracle_state *state)
{
    for (unsigned i = 0; i < 16; i++)
        state->gpr[i] = oracle_random_value(random);
    state->gpr[X64_RSP] = ORACLE_ARENA_DATA + oracle_random_below(random, 2 * ORACLE_PAGE);
    state->rflags = FLAGS_FIXED | (oracle_random_next(random) & (X64I_OSZAPC | X64I_DF));
    if (oracle_random_once_in(random, 16))
        state->rflags |= oracle_random_next(random) & (X64I_NT | X64I_AC | X64I_ID);
    state->fs_base = ORACLE_ARENA_DATA + oracle_random_below(random, ORACLE_PAGE);
    state->gs_base = oracle_random_once_in(random, 2)
                         ? ORACLE_ARENA_HIGH
                         : (uint64_t)((int64_t)oracle_random_next(random) >> 17);
    if (host->tame) {
        state->rflags &= ~(uint64_t)(X64I_AC | X64I_NT);
        state->gs_base &= UINT64_MAX >> 18;
    }
    oracle_fill_extended(random, host, use, state->extended);
}

/* A register that a branch or a load of a segment takes its target from. */
static void place_register(struct maker *maker, const ZydisDecodedOperand *operand)
{
    int gpr = gpr_of(operand->reg.value);
    if (gpr < 0 || operand->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT ||
        !(operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ))
        return;
    if (oracle_takes_selector(maker->instruction))
        pin(maker, gpr, selector_value(maker->random, maker->tame), 16);
    else if (oracle_is_near_branch(maker->instruction) && !oracle_random_once_in(maker->random, 6))
        pin(maker, gpr, pad_address(maker->random), 64);
}

static void place_operands(struct maker *maker)
{
    struct oracle_instruction *instruction = maker->instruction;
    for (unsigned i = 0; i < instruction->decoded.operand_count; i++) {
        const ZydisDecodedOperand *operand = &instruction->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
            place_operand(maker, operand);
        else if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand->imm.is_relative)
            aim_branch(maker, operand);
        else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
            place_register(maker, operand);
    }
}

bool oracle_make_case(const struct oracle_form *form, const ZydisDecoder *decoder, uint64_t seed,
                      uint64_t number, const struct oracle_shared *host,
                      struct oracle_instruction *instruction, struct oracle_case *out)
{
    struct oracle_random random = oracle_random_for(seed, form->id, number);
    struct maker maker = {.form = form,
                          .decoder = decoder,
                          .random = &random,
                          .instruction = instruction,
                          .out = out,
                          .tame = host->tame,
                          .host = host};
    memset(out, 0, sizeof *out);
    if (!oracle_encode(form, decoder, &random, instruction))
        return false;
    fill_registers(&random, host, use_of(form, instruction), &out->before);
    out->length = instruction->undefined ? 15 : instruction->decoded.length;
    out->before.rip = code_address(number, instruction->undefined ? 0 : out->length);
    if (!instruction->undefined) {
        tweak_before(&maker);
        place_operands(&maker);
        tweak_after(&maker);
        if (maker.must_decode && !oracle_decode_again(decoder, instruction))
            return false;
        if (is_split_lock(&maker))
            return false;
    }
    memcpy(out->bytes, instruction->bytes, sizeof out->bytes);
    return true;
}
