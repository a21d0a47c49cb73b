/* SPDX-License-Identifier: MIT */
#include "platform/keyboard.h"

#include <stddef.h>

enum status {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_TIMEOUT = 0x40
};

enum command_byte {
    COMMAND_BYTE_INTERRUPT = 0x01,
    COMMAND_BYTE_SYSTEM = 0x04,
    COMMAND_BYTE_NO_KEYBOARD = 0x10,
    COMMAND_BYTE_NO_AUXILIARY = 0x20
};

enum command {
    COMMAND_READ_BYTE = 0x20,
    COMMAND_WRITE_BYTE = 0x60,
    COMMAND_DISABLE_AUXILIARY = 0xa7,
    COMMAND_ENABLE_AUXILIARY = 0xa8,
    COMMAND_TEST_AUXILIARY = 0xa9,
    COMMAND_SELF_TEST = 0xaa,
    COMMAND_TEST_KEYBOARD = 0xab,
    COMMAND_DISABLE_KEYBOARD = 0xad,
    COMMAND_ENABLE_KEYBOARD = 0xae,
    COMMAND_READ_OUTPUT_PORT = 0xd0,
    COMMAND_WRITE_OUTPUT_PORT = 0xd1,
    COMMAND_ECHO = 0xd2,
    COMMAND_ECHO_AUXILIARY = 0xd3,
    COMMAND_WRITE_AUXILIARY = 0xd4,
    COMMAND_PULSE = 0xf0 /* low half: output port bits that are not pulsed */
};

#define SELF_TEST_PASSED 0x55
#define TEST_PASSED      0x00
#define CLOCK_STUCK_LOW  0x01 /* the test's answer when no device is there */
#define RESEND           0xfe /* what the controller makes up for a device that does not answer */
#define PORT_RUNNING     0x01 /* the CPU's reset line, inactive */
#define PORT_A20         0x02

/* Commands that answer with a fixed byte, or change bits of the command byte. */
static const struct simple_command {
    uint8_t command;
    bool answers;
    uint8_t answer;
    uint8_t set, clear;
} simple_commands[] = {
    {COMMAND_SELF_TEST, true, SELF_TEST_PASSED, COMMAND_BYTE_SYSTEM, 0},
    {COMMAND_TEST_KEYBOARD, true, TEST_PASSED, 0, 0},
    {COMMAND_TEST_AUXILIARY, true, CLOCK_STUCK_LOW, 0, 0},
    {COMMAND_DISABLE_KEYBOARD, false, 0, COMMAND_BYTE_NO_KEYBOARD, 0},
    {COMMAND_ENABLE_KEYBOARD, false, 0, 0, COMMAND_BYTE_NO_KEYBOARD},
    {COMMAND_DISABLE_AUXILIARY, false, 0, COMMAND_BYTE_NO_AUXILIARY, 0},
    {COMMAND_ENABLE_AUXILIARY, false, 0, 0, COMMAND_BYTE_NO_AUXILIARY},
};

void x64i_keyboard_reset(struct x64i_keyboard *keyboard)
{
    *keyboard = (struct x64i_keyboard){
        .status = STATUS_SYSTEM | STATUS_UNLOCKED,
        .command_byte = COMMAND_BYTE_SYSTEM | COMMAND_BYTE_INTERRUPT,
        .output_port = PORT_RUNNING | PORT_A20,
    };
}

static void answer(struct x64i_keyboard *keyboard, uint8_t byte, uint8_t flags)
{
    keyboard->output = byte;
    keyboard->status &= (uint8_t)~STATUS_TIMEOUT;
    keyboard->status |= (uint8_t)(STATUS_OUTPUT_FULL | flags);
}

static void write_output_port(struct x64i_keyboard *keyboard, uint8_t value)
{
    keyboard->output_port = value;
    if (!(value & PORT_RUNNING))
        keyboard->reset_requested = true;
}

static void run_simple_command(struct x64i_keyboard *keyboard, uint8_t command)
{
    for (size_t i = 0; i < sizeof simple_commands / sizeof simple_commands[0]; i++) {
        const struct simple_command *row = &simple_commands[i];
        if (row->command != command)
            continue;
        keyboard->command_byte |= row->set;
        keyboard->command_byte &= (uint8_t)~row->clear;
        if (row->answers)
            answer(keyboard, row->answer, 0);
    }
}

static void run_command(struct x64i_keyboard *keyboard, uint8_t command)
{
    keyboard->pending = 0;
    switch (command) {
    case COMMAND_READ_BYTE:
        answer(keyboard, keyboard->command_byte, 0);
        break;
    case COMMAND_READ_OUTPUT_PORT:
        answer(keyboard, keyboard->output_port, 0);
        break;
    case COMMAND_WRITE_BYTE:
    case COMMAND_WRITE_OUTPUT_PORT:
    case COMMAND_ECHO:
    case COMMAND_ECHO_AUXILIARY:
    case COMMAND_WRITE_AUXILIARY:
        keyboard->pending = command;
        break;
    default:
        if (command < COMMAND_PULSE)
            run_simple_command(keyboard, command);
        else if (!(command & PORT_RUNNING))
            keyboard->reset_requested = true;
        break;
    }
}

/* A byte on port 0x60: a command's parameter, or meant for the keyboard that is not there. */
static void write_data(struct x64i_keyboard *keyboard, uint8_t value)
{
    uint8_t command = keyboard->pending;
    keyboard->pending = 0;
    switch (command) {
    case COMMAND_WRITE_BYTE:
        keyboard->command_byte = value;
        break;
    case COMMAND_WRITE_OUTPUT_PORT:
        write_output_port(keyboard, value);
        break;
    case COMMAND_ECHO:
    case COMMAND_ECHO_AUXILIARY: /* a controller without the auxiliary port sends it from here */
        answer(keyboard, value, 0);
        break;
    default:
        answer(keyboard, RESEND, STATUS_TIMEOUT);
        break;
    }
}

uint8_t x64i_keyboard_read(struct x64i_keyboard *keyboard, unsigned register_index)
{
    if (register_index == 1)
        return keyboard->status;
    keyboard->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
    return keyboard->output;
}

void x64i_keyboard_write(struct x64i_keyboard *keyboard, unsigned register_index, uint8_t value)
{
    if (register_index == 1) {
        keyboard->status |= STATUS_COMMAND;
        run_command(keyboard, value);
    } else {
        keyboard->status &= (uint8_t)~STATUS_COMMAND;
        write_data(keyboard, value);
    }
}

bool x64i_keyboard_interrupt(const struct x64i_keyboard *keyboard)
{
    return (keyboard->status & STATUS_OUTPUT_FULL) &&
           (keyboard->command_byte & COMMAND_BYTE_INTERRUPT);
}
