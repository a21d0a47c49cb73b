/* SPDX-License-Identifier: MIT */
#include "oracle/x87_state.h"

#include <string.h>

#define EXCEPTIONS 0x3fu
#define SUMMARY    0x8080u

/* Offsets in the image. */
#define CONTROL     0
#define STATUS      2
#define TAGS        4
#define OPCODE      6
#define INSTRUCTION 8
#define DATA        16
#define REGISTERS   32

static uint64_t random_significand(struct oracle_random *random)
{
    uint64_t bits = oracle_random_next(random);
    unsigned shift = (unsigned)(bits >> 8 & 63);
    switch (bits & 7) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << shift;
    case 2:
        return UINT64_MAX >> shift;
    case 3:
        return UINT64_MAX << shift;
    case 4:
        return oracle_random_next(random) & ~UINT64_C(0xffffffffff); /* 24 bits */
    case 5:
        return oracle_random_next(random) & ~UINT64_C(0x7ff); /* 53 bits */
    default:
        return oracle_random_next(random);
    }
}

void oracle_random_extended(struct oracle_random *random, uint8_t bytes[10])
{
    static const uint16_t pool[] = {0,      1,      2,      0x3fff, 0x3ffe, 0x4000, 0x400e,
                                    0x401e, 0x403e, 0x403d, 0x3f80, 0x407e, 0x3c00, 0x43fe,
                                    0x3bcd, 0x3f69, 0x7ffe, 0x7fff, 0x7ffd, 0x1fff, 0x5fff};
    uint64_t random_bits = oracle_random_next(random);
    uint64_t significand = random_significand(random);
    unsigned exponent = (unsigned)(random_bits >> 16) & 0x7fff;
    uint32_t kind = oracle_random_below(random, 4);
    if (kind == 0)
        exponent = pool[exponent % (sizeof pool / sizeof pool[0])];
    else if (kind <= 2)
        exponent = 0x3fff - 8 + exponent % 80;
    if (exponent != 0 && !oracle_random_once_in(random, 32))
        significand |= UINT64_C(1) << 63;
    uint16_t sign_exponent = (uint16_t)(exponent | (random_bits & 1) << 15);
    memcpy(bytes, &significand, 8);
    memcpy(bytes + 8, &sign_exponent, 2);
}

static uint16_t random_control(struct oracle_random *random)
{
    unsigned control = 0x37f;
    uint64_t bits = oracle_random_next(random);
    if (bits & 1)
        control = (control & ~0xc00u) | (bits & 0xc00);
    if ((bits & 6) == 0)
        control = (control & ~0x300u) | (bits & 0x300);
    if ((bits & 0x38) == 0)
        control &= ~EXCEPTIONS | (unsigned)(bits >> 16);
    return (uint16_t)control;
}

static uint16_t random_status(struct oracle_random *random, uint16_t control)
{
    uint64_t bits = oracle_random_next(random);
    unsigned status = (unsigned)bits & 0x7f00u;
    if (bits >> 16 & 1)
        status |= (unsigned)(bits >> 32) & 0x7f;
    unsigned unmasked = status & ~control & EXCEPTIONS;
    if (unmasked && (bits >> 17 & 3))
        status &= ~unmasked;
    else if (unmasked)
        status |= SUMMARY;
    return (uint16_t)status;
}

static uint8_t random_tags(struct oracle_random *random)
{
    uint8_t bits = (uint8_t)oracle_random_next(random);
    switch (oracle_random_below(random, 8)) {
    case 0:
        return 0;
    case 1:
        return 0xff;
    case 2:
        return bits;
    default:
        return bits | (uint8_t)oracle_random_next(random); /* most are not empty */
    }
}

void oracle_fill_x87(struct oracle_random *random, uint8_t *extended)
{
    uint16_t control = random_control(random);
    uint16_t status = random_status(random, control);
    uint16_t opcode = (uint16_t)oracle_random_next(random) & 0x7ff;
    uint64_t instruction = oracle_random_next(random) >> 17;
    uint64_t data = oracle_random_next(random) >> 17;
    /* AMD's processors lose the pointers in a switch of tasks while no exception waits. */
    if (!(status & SUMMARY))
        instruction = data = opcode = 0;
    memcpy(extended + CONTROL, &control, sizeof control);
    memcpy(extended + STATUS, &status, sizeof status);
    extended[TAGS] = random_tags(random);
    memcpy(extended + OPCODE, &opcode, sizeof opcode);
    memcpy(extended + INSTRUCTION, &instruction, sizeof instruction);
    memcpy(extended + DATA, &data, sizeof data);
    for (unsigned i = 0; i < 8; i++)
        oracle_random_extended(random, extended + REGISTERS + (size_t)16 * i);
}

void oracle_load_x87(struct x64i_cpu_state *s, const uint8_t *extended)
{
    memcpy(&s->fpu_control, extended + CONTROL, sizeof s->fpu_control);
    memcpy(&s->fpu_status, extended + STATUS, sizeof s->fpu_status);
    memcpy(&s->fpu_opcode, extended + OPCODE, sizeof s->fpu_opcode);
    memcpy(&s->fpu_instruction, extended + INSTRUCTION, sizeof s->fpu_instruction);
    memcpy(&s->fpu_data, extended + DATA, sizeof s->fpu_data);
    s->fpu_code_segment = s->fpu_data_segment = 0;
    s->fpu_tag = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned reg = (i + (s->fpu_status >> 11)) & 7;
        const uint8_t *bytes = extended + REGISTERS + (size_t)16 * i;
        uint16_t sign_exponent;
        memcpy(&s->fpu[reg].significand, bytes, 8);
        memcpy(&sign_exponent, bytes + 8, 2);
        s->fpu[reg].exponent_sign = sign_exponent;
        if (!(extended[TAGS] >> i & 1))
            s->fpu_tag |= (uint16_t)(3u << 2 * i);
    }
}

/* The pointers as XSAVE would store them. */
static void store_pointers(const struct x64i_cpu_state *s, bool hidden, uint8_t *extended)
{
    memset(extended + OPCODE, 0, DATA + sizeof s->fpu_data - OPCODE);
    if (hidden)
        return;
    memcpy(extended + OPCODE, &s->fpu_opcode, sizeof s->fpu_opcode);
    memcpy(extended + INSTRUCTION, &s->fpu_instruction, sizeof s->fpu_instruction);
    memcpy(extended + DATA, &s->fpu_data, sizeof s->fpu_data);
}

void oracle_store_x87(const struct x64i_cpu *cpu, uint8_t *extended)
{
    const struct x64i_cpu_state *s = &cpu->s;
    bool hides = cpu->model->behaviour.fxsave_hides_pointers;
    memcpy(extended + CONTROL, &s->fpu_control, sizeof s->fpu_control);
    memcpy(extended + STATUS, &s->fpu_status, sizeof s->fpu_status);
    store_pointers(s, hides && !(s->fpu_status & SUMMARY), extended);
    extended[TAGS] = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned reg = (i + (s->fpu_status >> 11)) & 7;
        uint8_t *bytes = extended + REGISTERS + (size_t)16 * i;
        uint16_t sign_exponent = (uint16_t)s->fpu[reg].exponent_sign;
        memcpy(bytes, &s->fpu[reg].significand, 8);
        memcpy(bytes + 8, &sign_exponent, 2);
        if ((s->fpu_tag >> 2 * i & 3) != 3)
            extended[TAGS] |= (uint8_t)(1u << i);
    }
}

static uint64_t field(const uint8_t *image, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, image + offset, size);
    return value;
}

unsigned oracle_x87_fields(const uint8_t *host, const uint8_t *guest, bool data,
                           struct oracle_x87_field fields[ORACLE_X87_FIELDS])
{
    static const struct {
        const char *name;
        uint8_t offset;
        uint8_t size;
    } words[] = {{"fcw", CONTROL, 2}, {"fsw", STATUS, 2},      {"ftw", TAGS, 1},
                 {"fop", OPCODE, 2},  {"fip", INSTRUCTION, 4}, {"fdp", DATA, 4}};
    static const char *const registers[] = {
        "st0.sig", "st0.exp", "st1.sig", "st1.exp", "st2.sig", "st2.exp", "st3.sig", "st3.exp",
        "st4.sig", "st4.exp", "st5.sig", "st5.exp", "st6.sig", "st6.exp", "st7.sig", "st7.exp"};
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].offset == DATA && !data)
            continue;
        fields[n].name = words[i].name;
        fields[n].host = field(host, words[i].offset, words[i].size);
        fields[n].guest = field(guest, words[i].offset, words[i].size);
        n++;
    }
    for (unsigned i = 0; i < 16; i++) {
        unsigned offset = REGISTERS + 16 * (i / 2) + i % 2 * 8;
        fields[n].name = registers[i];
        fields[n].host = field(host, offset, i % 2 ? 2 : 8);
        fields[n++].guest = field(guest, offset, i % 2 ? 2 : 8);
    }
    return n;
}
