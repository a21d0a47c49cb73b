/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller (8042) behind ports 0x60 and 0x64, with nothing plugged in: what a kernel
 * asks of it before it gives up on a keyboard, and the pulse on output port bit 0 that resets the
 * machine. Commands are those of IBM's PS/2 technical reference, "Keyboard and auxiliary device
 * controller".
 */
#ifndef X64I_PLATFORM_KEYBOARD_H
#define X64I_PLATFORM_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Region "keyboard". */
struct x64i_keyboard {
    uint8_t status;          /* flags of port 0x64 */
    uint8_t output;          /* port 0x60: what the controller has to say */
    uint8_t command_byte;    /* controller RAM byte 0 */
    uint8_t pending;         /* command that waits for its parameter; 0 for none */
    uint8_t output_port;     /* bit 1: A20 */
    uint8_t reset_requested; /* the pulse was sent */
    uint8_t reserved[2];
};

void x64i_keyboard_reset(struct x64i_keyboard *keyboard);

/* Ports 0x60 (0) and 0x64 (1). */
uint8_t x64i_keyboard_read(struct x64i_keyboard *keyboard, unsigned register_index);
void x64i_keyboard_write(struct x64i_keyboard *keyboard, unsigned register_index, uint8_t value);

/* The line of IRQ 1: there is something to read and the command byte lets it interrupt. */
bool x64i_keyboard_interrupt(const struct x64i_keyboard *keyboard);

#endif
