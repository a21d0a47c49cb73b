/* SPDX-License-Identifier: MIT */
#include "platform/pic.h"

#define MASTER       0
#define SLAVE        1
#define CASCADE      2 /* the master's input that the slave drives */
#define NO_INPUT     8
#define SPURIOUS     7 /* "default IR7" */
#define LAST_PC_LINE 15

/* Inputs that ELCR may not make level triggered: timer, keyboard, cascade; clock, coprocessor. */
static const uint8_t level_writable[2] = {0xf8, 0xde};

enum icw1 { ICW1_NEEDS_ICW4 = 0x01, ICW1_SINGLE = 0x02, ICW1_LEVEL = 0x08, ICW1_SELECT = 0x10 };
enum icw4 { ICW4_AUTO_EOI = 0x02, ICW4_SPECIAL_FULLY_NESTED = 0x10 };
enum ocw3 {
    OCW3_READ_ISR = 0x01,
    OCW3_READ = 0x02,
    OCW3_POLL = 0x04,
    OCW3_SELECT = 0x08,
    OCW3_SPECIAL_MASK = 0x20,
    OCW3_SPECIAL_MASK_ENABLE = 0x40
};

/* OCW2's bits R, SL and EOI. */
enum ocw2 {
    OCW2_STOP_ROTATING = 0,
    OCW2_EOI = 1,
    OCW2_NOTHING = 2,
    OCW2_SPECIFIC_EOI = 3,
    OCW2_ROTATE_ON_ACK = 4,
    OCW2_ROTATE_EOI = 5,
    OCW2_SET_PRIORITY = 6,
    OCW2_ROTATE_SPECIFIC_EOI = 7
};

void x64i_pic_reset(struct x64i_pic *pic, uint16_t lines)
{
    static const uint8_t bases[] = {0x08, 0x70};
    for (unsigned i = 0; i < 2; i++)
        pic->chip[i] = (struct x64i_pic_chip){
            .mask = 0xff,
            .lines = (uint8_t)(lines >> 8 * i),
            .base = bases[i],
            .lowest = 7,
            .icw1 = ICW1_SELECT,
        };
}

/* The input of `bits` that comes first in the chip's order of priority, or NO_INPUT. */
static unsigned first_input(const struct x64i_pic_chip *chip, uint8_t bits)
{
    for (unsigned i = 1; i <= 8; i++) {
        unsigned input = (chip->lowest + i) & 7;
        if (bits & (1u << input))
            return input;
    }
    return NO_INPUT;
}

static unsigned rank(const struct x64i_pic_chip *chip, unsigned input)
{
    return input == NO_INPUT ? NO_INPUT : (input - chip->lowest - 1) & 7;
}

/* "Fully nested mode": the request that wins over everything in service, or NO_INPUT. */
static unsigned winning_input(const struct x64i_pic_chip *chip, unsigned which)
{
    uint8_t serviced = chip->in_service;
    if (chip->special_mask)
        serviced &= (uint8_t)~chip->mask;
    if (which == MASTER && (chip->icw4 & ICW4_SPECIAL_FULLY_NESTED))
        serviced &= (uint8_t) ~(1u << CASCADE);
    unsigned input = first_input(chip, chip->request & (uint8_t)~chip->mask);
    unsigned busy = first_input(chip, serviced);
    return rank(chip, input) < rank(chip, busy) ? input : NO_INPUT;
}

static bool is_level(const struct x64i_pic_chip *chip, unsigned input)
{
    return (chip->icw1 & ICW1_LEVEL) || (chip->level & (1u << input));
}

/* An edge stays latched until it is acknowledged, also when the line falls meanwhile. */
static void drive_input(struct x64i_pic_chip *chip, unsigned input, bool high)
{
    uint8_t bit = (uint8_t)(1u << input);
    bool rises = high && !(chip->lines & bit);
    chip->lines = (uint8_t)(high ? chip->lines | bit : chip->lines & ~bit);
    if (is_level(chip, input))
        chip->request = (uint8_t)(high ? chip->request | bit : chip->request & ~bit);
    else if (rises)
        chip->request |= bit;
}

/* The slave's INT is wired to an input of the master. It is re-raised for every new request, so the
 * master takes it as a level. */
static void cascade(struct x64i_pic *pic)
{
    struct x64i_pic_chip *master = &pic->chip[MASTER];
    uint8_t bit = 1u << CASCADE;
    bool high = winning_input(&pic->chip[SLAVE], SLAVE) != NO_INPUT;
    master->lines = (uint8_t)(high ? master->lines | bit : master->lines & ~bit);
    master->request = (uint8_t)(high ? master->request | bit : master->request & ~bit);
}

void x64i_pic_set_line(struct x64i_pic *pic, unsigned irq, bool high)
{
    if (irq > LAST_PC_LINE || irq == CASCADE)
        return;
    drive_input(&pic->chip[irq / 8], irq % 8, high);
    cascade(pic);
}

bool x64i_pic_output(const struct x64i_pic *pic)
{
    return winning_input(&pic->chip[MASTER], MASTER) != NO_INPUT;
}

bool x64i_pic_would_request(const struct x64i_pic *pic, unsigned irq)
{
    const struct x64i_pic_chip *chip = &pic->chip[irq / 8 ? SLAVE : MASTER];
    if (irq / 8 && (pic->chip[MASTER].mask & (1u << CASCADE)))
        return false;
    return !((chip->mask | chip->request) & (1u << irq % 8));
}

/* One INTA cycle pair on one chip: request to service. Answers the input, SPURIOUS for none. */
static unsigned acknowledge_chip(struct x64i_pic_chip *chip, unsigned which)
{
    unsigned input = winning_input(chip, which);
    if (input == NO_INPUT)
        return SPURIOUS;
    uint8_t bit = (uint8_t)(1u << input);
    if (!is_level(chip, input))
        chip->request &= (uint8_t)~bit;
    if (!(chip->icw4 & ICW4_AUTO_EOI))
        chip->in_service |= bit;
    else if (chip->rotates_on_ack)
        chip->lowest = (uint8_t)input;
    return input;
}

uint8_t x64i_pic_acknowledge(struct x64i_pic *pic)
{
    struct x64i_pic_chip *master = &pic->chip[MASTER];
    struct x64i_pic_chip *slave = &pic->chip[SLAVE];
    bool spurious = !x64i_pic_output(pic);
    unsigned input = acknowledge_chip(master, MASTER);
    uint8_t vector = (uint8_t)(master->base + input);
    if (input == CASCADE && !spurious)
        vector = (uint8_t)(slave->base + acknowledge_chip(slave, SLAVE));
    cascade(pic);
    return vector;
}

/* ICW1: "the edge sense circuit is reset, IMR is cleared, IR7 is assigned priority 7, special mask
 * mode is cleared and status read is set to IRR". */
static void start_initialization(struct x64i_pic_chip *chip, uint8_t icw1)
{
    *chip = (struct x64i_pic_chip){
        .lines = chip->lines,
        .level = chip->level,
        .base = chip->base,
        .lowest = 7,
        .expects = 2,
        .icw1 = icw1,
    };
    for (unsigned input = 0; input < 8; input++)
        if (is_level(chip, input) && (chip->lines & (1u << input)))
            chip->request |= (uint8_t)(1u << input);
}

static void write_initialization(struct x64i_pic_chip *chip, uint8_t value)
{
    switch (chip->expects) {
    case 2:
        chip->base = value & 0xf8;
        chip->expects = chip->icw1 & ICW1_SINGLE ? 0 : 3;
        if (chip->expects == 0 && (chip->icw1 & ICW1_NEEDS_ICW4))
            chip->expects = 4;
        break;
    case 3: /* the wiring of the cascade is fixed */
        chip->expects = chip->icw1 & ICW1_NEEDS_ICW4 ? 4 : 0;
        break;
    default:
        chip->icw4 = value;
        chip->expects = 0;
        break;
    }
}

static void end_interrupt(struct x64i_pic_chip *chip, unsigned input, bool rotate)
{
    if (input == NO_INPUT)
        return;
    chip->in_service &= (uint8_t) ~(1u << input);
    if (rotate)
        chip->lowest = (uint8_t)input;
}

/* The service that a non-specific EOI ends: "the highest of those in service", but for those that
 * the special mask mode hides. */
static unsigned highest_service(const struct x64i_pic_chip *chip)
{
    uint8_t hidden = chip->special_mask ? chip->mask : 0;
    return first_input(chip, chip->in_service & (uint8_t)~hidden);
}

static void write_ocw2(struct x64i_pic_chip *chip, uint8_t value)
{
    unsigned level = value & 7;
    switch ((enum ocw2)(value >> 5)) {
    case OCW2_EOI:
        end_interrupt(chip, highest_service(chip), false);
        break;
    case OCW2_ROTATE_EOI:
        end_interrupt(chip, highest_service(chip), true);
        break;
    case OCW2_SPECIFIC_EOI:
        end_interrupt(chip, level, false);
        break;
    case OCW2_ROTATE_SPECIFIC_EOI:
        end_interrupt(chip, level, true);
        break;
    case OCW2_SET_PRIORITY:
        chip->lowest = (uint8_t)level;
        break;
    case OCW2_ROTATE_ON_ACK:
        chip->rotates_on_ack = true;
        break;
    case OCW2_STOP_ROTATING:
        chip->rotates_on_ack = false;
        break;
    case OCW2_NOTHING:
        break;
    }
}

static void write_ocw3(struct x64i_pic_chip *chip, uint8_t value)
{
    if (value & OCW3_POLL)
        chip->polled = true;
    if (value & OCW3_READ)
        chip->reads_in_service = value & OCW3_READ_ISR;
    if (value & OCW3_SPECIAL_MASK_ENABLE)
        chip->special_mask = (value & OCW3_SPECIAL_MASK) != 0;
}

void x64i_pic_write(struct x64i_pic *pic, unsigned which, unsigned register_index, uint8_t value)
{
    struct x64i_pic_chip *chip = &pic->chip[which];
    if (register_index == 0 && (value & ICW1_SELECT))
        start_initialization(chip, value);
    else if (register_index == 0 && (value & OCW3_SELECT))
        write_ocw3(chip, value);
    else if (register_index == 0)
        write_ocw2(chip, value);
    else if (chip->expects)
        write_initialization(chip, value);
    else
        chip->mask = value;
    cascade(pic);
}

/* "Poll command": a read in place of INTA; bit 7 says whether there was a request. */
static uint8_t poll_chip(struct x64i_pic *pic, unsigned which)
{
    struct x64i_pic_chip *chip = &pic->chip[which];
    chip->polled = false;
    bool requested = winning_input(chip, which) != NO_INPUT;
    unsigned input = acknowledge_chip(chip, which);
    cascade(pic);
    return (uint8_t)(requested ? 0x80 | input : 0);
}

uint8_t x64i_pic_read(struct x64i_pic *pic, unsigned which, unsigned register_index)
{
    const struct x64i_pic_chip *chip = &pic->chip[which];
    if (chip->polled)
        return poll_chip(pic, which);
    if (register_index == 1)
        return chip->mask;
    return chip->reads_in_service ? chip->in_service : chip->request;
}

uint8_t x64i_pic_read_level(const struct x64i_pic *pic, unsigned which)
{
    return pic->chip[which].level;
}

void x64i_pic_write_level(struct x64i_pic *pic, unsigned which, uint8_t value)
{
    pic->chip[which].level = value & level_writable[which];
}
