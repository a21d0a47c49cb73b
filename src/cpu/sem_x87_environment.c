/* SPDX-License-Identifier: MIT */
/* FNSTENV, FLDENV, FNSAVE and FRSTOR: SDM vol. 1, 8.1.10, figures 8-9 and 8-11 (the formats of
 * protected mode, of 32 and of 16 bits; there is no real mode here). */
#include "cpu/x87.h"

#include <string.h>

#define ENVIRONMENT_16 14u
#define ENVIRONMENT_32 28u
#define REGISTER_BYTES 10u
#define REGISTERS      (8 * REGISTER_BYTES)
#define IMAGE_MAX      (ENVIRONMENT_32 + REGISTERS)
#define FIELDS         7u
#define PIECE_BYTES    54u /* half the longest image; a target has 64 bytes at the most */
#define PIECES         2u

/* In the order of the image. FIP's selector has the opcode beside it in the 32-bit format. */
enum field { CONTROL, STATUS, TAG, INSTRUCTION, CODE_SEGMENT, DATA, DATA_SEGMENT };

/* The tags as the contents say them: 0 valid, 1 zero, 2 special, 3 empty. */
static uint16_t full_tags(const struct x64i_cpu_state *s)
{
    unsigned tags = s->fpu_tag;
    for (unsigned i = 0; i < 8; i++) {
        unsigned exponent = s->fpu[i].exponent_sign & 0x7fff;
        uint64_t significand = s->fpu[i].significand;
        if ((tags >> 2 * i & 3) == 3)
            continue;
        tags &= ~(3u << 2 * i);
        if (exponent == 0 && significand == 0)
            tags |= 1u << 2 * i;
        else if (exponent == 0 || exponent == 0x7fff || !(significand >> 63))
            tags |= 2u << 2 * i;
    }
    return (uint16_t)tags;
}

static unsigned environment_bytes(bool wide)
{
    return wide ? ENVIRONMENT_32 : ENVIRONMENT_16;
}

static void put_environment(const struct x64i_cpu *cpu, bool wide, uint8_t *image)
{
    const struct x64i_cpu_state *s = &cpu->s;
    const uint32_t fields[FIELDS] = {
        [CONTROL] = 0xffff0000u | s->fpu_control,
        [STATUS] = 0xffff0000u | s->fpu_status,
        [TAG] = 0xffff0000u | full_tags(s),
        [INSTRUCTION] = (uint32_t)s->fpu_instruction,
        [CODE_SEGMENT] = (uint32_t)s->fpu_opcode << 16 | s->fpu_code_segment,
        [DATA] = (uint32_t)s->fpu_data,
        [DATA_SEGMENT] = 0xffff0000u | s->fpu_data_segment,
    };
    for (unsigned i = 0; i < FIELDS; i++)
        memcpy(image + i * (wide ? 4 : 2), &fields[i], wide ? 4 : 2);
}

static void take_environment(struct x64i_cpu *cpu, bool wide, const uint8_t *image)
{
    struct x64i_cpu_state *s = &cpu->s;
    uint32_t fields[FIELDS] = {0};
    for (unsigned i = 0; i < FIELDS; i++)
        memcpy(&fields[i], image + i * (wide ? 4 : 2), wide ? 4 : 2);
    s->fpu_control =
        (uint16_t)((fields[CONTROL] & X64I_X87_CONTROL_DEFINED) | X64I_X87_CONTROL_ONE);
    s->fpu_status = (uint16_t)fields[STATUS];
    s->fpu_tag = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((fields[TAG] >> 2 * i & 3) == 3)
            s->fpu_tag |= (uint16_t)(3u << 2 * i);
    s->fpu_instruction = fields[INSTRUCTION];
    s->fpu_data = fields[DATA];
    s->fpu_opcode = wide ? fields[CODE_SEGMENT] >> 16 & 0x7ff : 0;
    bool selectors = !x64i_cpu_has(cpu, X64I_FEATURE_NO_FPU_SELECTORS);
    s->fpu_code_segment = selectors ? (uint16_t)fields[CODE_SEGMENT] : 0;
    s->fpu_data_segment = selectors ? (uint16_t)fields[DATA_SEGMENT] : 0;
    x64i_x87_update_summary(cpu);
}

/* The image is aligned as one of its fields (SDM vol. 3A, table 6-7). */
static enum x64i_result check_alignment(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide)
{
    return x64i_check_alignment(cpu, op->segment, x64i_effective(cpu, op), wide ? 4 : 2);
}

/* Checks the whole image for writing, then writes it. */
static enum x64i_result store_image(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide,
                                    const uint8_t *image, unsigned size)
{
    struct x64i_target targets[PIECES];
    uint64_t offset = x64i_effective(cpu, op);
    unsigned count = 0;
    if (check_alignment(cpu, op, wide) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned at = 0; at < size; at += PIECE_BYTES) {
        unsigned bytes = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        if (x64i_probe(cpu, op->segment, offset + at, bytes, &targets[count++]) != X64I_DONE)
            return X64I_FAULT;
    }
    for (unsigned i = 0; i < count; i++)
        x64i_commit_bytes(cpu, &targets[i], image + i * PIECE_BYTES);
    return X64I_DONE;
}

static enum x64i_result load_image(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide,
                                   uint8_t *image, unsigned size)
{
    uint64_t offset = x64i_effective(cpu, op);
    if (check_alignment(cpu, op, wide) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned at = 0; at < size; at += PIECE_BYTES) {
        unsigned bytes = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        if (x64i_load_bytes(cpu, op->segment, offset + at, bytes, image + at) != X64I_DONE)
            return X64I_FAULT;
    }
    return X64I_DONE;
}

/* All exceptions are masked behind it. */
static enum x64i_result store_environment(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide)
{
    uint8_t image[IMAGE_MAX];
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    put_environment(cpu, wide, image);
    if (store_image(cpu, op, wide, image, environment_bytes(wide)) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_control |= X64I_X87_EXCEPTIONS;
    x64i_x87_update_summary(cpu);
    return X64I_DONE;
}

static enum x64i_result load_environment(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide)
{
    uint8_t image[IMAGE_MAX];
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        load_image(cpu, op, wide, image, environment_bytes(wide)) != X64I_DONE)
        return X64I_FAULT;
    take_environment(cpu, wide, image);
    return X64I_DONE;
}

static enum x64i_result save(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide)
{
    uint8_t image[IMAGE_MAX];
    unsigned at = environment_bytes(wide);
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    put_environment(cpu, wide, image);
    for (unsigned i = 0; i < 8; i++, at += REGISTER_BYTES) {
        struct x64i_extended bits = x64i_x87_bits(cpu, i);
        memcpy(image + at, &bits.significand, sizeof bits.significand);
        memcpy(image + at + 8, &bits.sign_exponent, sizeof bits.sign_exponent);
    }
    if (store_image(cpu, op, wide, image, at) != X64I_DONE)
        return X64I_FAULT;
    x64i_x87_reset(cpu);
    return X64I_DONE;
}

static enum x64i_result restore(struct x64i_cpu *cpu, const struct x64i_op *op, bool wide)
{
    uint8_t image[IMAGE_MAX];
    unsigned at = environment_bytes(wide);
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        load_image(cpu, op, wide, image, at + REGISTERS) != X64I_DONE)
        return X64I_FAULT;
    take_environment(cpu, wide, image);
    uint16_t tags = cpu->s.fpu_tag;
    for (unsigned i = 0; i < 8; i++, at += REGISTER_BYTES) {
        struct x64i_extended bits;
        memcpy(&bits.significand, image + at, sizeof bits.significand);
        memcpy(&bits.sign_exponent, image + at + 8, sizeof bits.sign_exponent);
        x64i_x87_set_bits(cpu, i, bits);
    }
    cpu->s.fpu_tag = tags;
    return X64I_DONE;
}

#define FORMATS(name, function)          \
    X64I_HANDLER(name##_16)              \
    {                                    \
        return function(cpu, op, false); \
    }                                    \
    X64I_HANDLER(name##_32)              \
    {                                    \
        return function(cpu, op, true);  \
    }

FORMATS(fnstenv, store_environment)
FORMATS(fldenv, load_environment)
FORMATS(fnsave, save)
FORMATS(frstor, restore)
