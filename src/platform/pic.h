/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8259A interrupt controllers of a PC: the slave's output is the master's input 2.
 * Section names are those of Intel's 8259A data sheet (order number 231468).
 *
 *     x64i_pic_set_line(&pic, 4, true);          a device raises IRQ 4
 *     if (x64i_pic_output(&pic))                 INTR
 *         vector = x64i_pic_acknowledge(&pic);   INTA
 */
#ifndef X64I_PLATFORM_PIC_H
#define X64I_PLATFORM_PIC_H

#include <stdbool.h>
#include <stdint.h>

struct x64i_pic_chip {
    uint8_t request;    /* IRR */
    uint8_t in_service; /* ISR */
    uint8_t mask;       /* IMR */
    uint8_t lines;      /* levels of the inputs */
    uint8_t level;      /* ELCR: inputs that are level triggered */
    uint8_t base;       /* vector of input 0 */
    uint8_t lowest;     /* input with the lowest priority */
    uint8_t expects;    /* next initialization word, 2-4; 0: operating */
    uint8_t icw1;
    uint8_t icw4;
    uint8_t reads_in_service; /* OCW3: reads answer ISR instead of IRR */
    uint8_t polled;           /* OCW3: the next read is an acknowledge */
    uint8_t special_mask;     /* OCW3 */
    uint8_t rotates_on_ack;   /* OCW2: rotate in automatic EOI mode */
    uint8_t reserved[2];
};

/* Region "pic". */
struct x64i_pic {
    struct x64i_pic_chip chip[2]; /* master, slave */
};

/* As firmware leaves it: vectors 8 and 0x70, everything masked. Bit i of `lines` says that IRQ i is
 * high already, so that it is no edge when its device says so next. */
void x64i_pic_reset(struct x64i_pic *pic, uint16_t lines);

/* Ports 0x20, 0x21 (master: `which` is 0) and 0xa0, 0xa1 (slave: 1); `register_index` is address
 * line A0. */
uint8_t x64i_pic_read(struct x64i_pic *pic, unsigned which, unsigned register_index);
void x64i_pic_write(struct x64i_pic *pic, unsigned which, unsigned register_index, uint8_t value);

/* Ports 0x4d0 and 0x4d1, the chip sets' edge/level control. */
uint8_t x64i_pic_read_level(const struct x64i_pic *pic, unsigned which);
void x64i_pic_write_level(struct x64i_pic *pic, unsigned which, uint8_t value);

/* A device drives IRQ 0-15 high or low. */
void x64i_pic_set_line(struct x64i_pic *pic, unsigned irq, bool high);

/* Whether INTR is raised. */
bool x64i_pic_output(const struct x64i_pic *pic);

/* The two INTA cycles: answers the vector; a spurious one when there is no request any more. */
uint8_t x64i_pic_acknowledge(struct x64i_pic *pic);

/* Whether a rising edge of the IRQ now would be a new, unmasked request. */
bool x64i_pic_would_request(const struct x64i_pic *pic, unsigned irq);

#endif
