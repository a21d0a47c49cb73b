/* SPDX-License-Identifier: MIT */
#include "emu/random_code.h"

#include "emu/lockstep.h"

#include <stdbool.h>
#include <string.h>

enum shape {
    BYTE = 1, /* the operand is a byte */
    IMM8 = 2, /* an immediate byte follows */
    IMMZ = 4, /* an immediate of the operand's size, 32 bits at most */
    NO_MODRM = 8,
    PLUS_REG = 16,  /* a register in the opcode's low bits */
    MEMORY = 32,    /* no register form */
    VEX = 64,       /* map 2 or 3, `prefix` is pp, a random vvvv */
    REGISTER = 128, /* no memory form */
    IMMV = 256,     /* an immediate of the operand's size, 64 bits at most */
};

/* digit: what the reg field has to be, or -1 for a random register; map: 0 for opcodes of one byte,
 * 1 for those behind 0f, 2 for 0f38, 3 for 0f3a; prefix: one that belongs to the opcode. */
struct row {
    uint8_t map, opcode, opcodes; /* so many from that one on, in steps of `step` */
    uint8_t step;
    int8_t digit;
    uint8_t digits; /* so many from that one on */
    uint8_t prefix;
    uint16_t shape;
};

static const struct row rows[] = {
    {0, 0x00, 8, 8, -1, 1, 0, BYTE},                              /* add ... cmp r/m, r */
    {0, 0x01, 8, 8, -1, 1, 0, 0},                                 /* */
    {0, 0x02, 8, 8, -1, 1, 0, BYTE},                              /* add ... cmp r, r/m */
    {0, 0x03, 8, 8, -1, 1, 0, 0},                                 /* */
    {0, 0x04, 8, 8, -1, 1, 0, NO_MODRM | BYTE | IMM8},            /* add ... cmp al, imm */
    {0, 0x05, 8, 8, -1, 1, 0, NO_MODRM | IMMZ},                   /* */
    {0, 0x80, 1, 1, 0, 8, 0, BYTE | IMM8},                        /* add ... cmp r/m, imm */
    {0, 0x81, 1, 1, 0, 8, 0, IMMZ},                               /* */
    {0, 0x83, 1, 1, 0, 8, 0, IMM8},                               /* */
    {0, 0x84, 1, 1, -1, 1, 0, BYTE},                              /* test */
    {0, 0x85, 1, 1, -1, 1, 0, 0},                                 /* */
    {0, 0xa8, 1, 1, -1, 1, 0, NO_MODRM | BYTE | IMM8},            /* */
    {0, 0xf6, 1, 1, 0, 1, 0, BYTE | IMM8},                        /* */
    {0, 0xf7, 1, 1, 0, 1, 0, IMMZ},                               /* */
    {0, 0xf6, 1, 1, 2, 6, 0, BYTE},                               /* not neg mul imul div idiv */
    {0, 0xf7, 1, 1, 2, 6, 0, 0},                                  /* */
    {0, 0xfe, 1, 1, 0, 2, 0, BYTE},                               /* inc dec */
    {0, 0xff, 1, 1, 0, 2, 0, 0},                                  /* */
    {0, 0x88, 1, 1, -1, 1, 0, BYTE},                              /* mov */
    {0, 0x89, 1, 1, -1, 1, 0, 0},                                 /* */
    {0, 0x8a, 1, 1, -1, 1, 0, BYTE},                              /* */
    {0, 0x8b, 1, 1, -1, 1, 0, 0},                                 /* */
    {0, 0xc6, 1, 1, 0, 1, 0, BYTE | IMM8},                        /* */
    {0, 0xc7, 1, 1, 0, 1, 0, IMMZ},                               /* */
    {0, 0xb0, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG | BYTE | IMM8}, /* */
    {0, 0xb8, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG | IMMV},        /* */
    {0, 0x86, 1, 1, -1, 1, 0, BYTE},                              /* xchg */
    {0, 0x87, 1, 1, -1, 1, 0, 0},                                 /* */
    {0, 0x90, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG},               /* xchg rax, nop */
    {0, 0x63, 1, 1, -1, 1, 0, 0},                                 /* movsxd */
    {0, 0x8d, 1, 1, -1, 1, 0, MEMORY},                            /* lea */
    {0, 0x69, 1, 1, -1, 1, 0, IMMZ},                              /* imul */
    {0, 0x6b, 1, 1, -1, 1, 0, IMM8},                              /* */
    {1, 0xaf, 1, 1, -1, 1, 0, 0},                                 /* */
    {0, 0xc0, 1, 1, 0, 8, 0, BYTE | IMM8},                        /* shifts */
    {0, 0xc1, 1, 1, 0, 8, 0, IMM8},                               /* */
    {0, 0xd0, 1, 1, 0, 8, 0, BYTE},                               /* by 1 */
    {0, 0xd1, 1, 1, 0, 8, 0, 0},                                  /* */
    {0, 0xd2, 1, 1, 0, 8, 0, BYTE},                               /* by cl */
    {0, 0xd3, 1, 1, 0, 8, 0, 0},                                  /* */
    {1, 0xa4, 2, 8, -1, 1, 0, IMM8},                              /* shld shrd */
    {1, 0xa5, 2, 8, -1, 1, 0, 0},                                 /* */
    {1, 0x40, 16, 1, -1, 1, 0, 0},                                /* cmovcc */
    {1, 0x90, 16, 1, 0, 1, 0, BYTE},                              /* setcc */
    {1, 0xb6, 2, 8, -1, 1, 0, 0},                                 /* movzx movsx */
    {1, 0xb7, 2, 8, -1, 1, 0, 0},                                 /* */
    {1, 0xa3, 4, 8, -1, 1, 0, REGISTER},                          /* bt bts btr btc */
    {1, 0xba, 1, 1, 4, 4, 0, IMM8},                               /* */
    {1, 0xbc, 2, 1, -1, 1, 0, 0},                                 /* bsf bsr */
    {1, 0xbc, 2, 1, -1, 1, 0xf3, 0},                              /* tzcnt lzcnt */
    {1, 0xb8, 1, 1, -1, 1, 0xf3, 0},                              /* popcnt */
    {1, 0xb0, 2, 16, -1, 1, 0, BYTE},                             /* cmpxchg xadd */
    {1, 0xb1, 2, 16, -1, 1, 0, 0},                                /* */
    {1, 0xc8, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG},               /* bswap */
    {2, 0xf0, 2, 1, -1, 1, 0, MEMORY},                            /* movbe */
    {2, 0xf6, 1, 1, -1, 1, 0x66, 0},                              /* adcx */
    {2, 0xf6, 1, 1, -1, 1, 0xf3, 0},                              /* adox */
    {2, 0xf2, 1, 1, -1, 1, 0, VEX},                               /* andn */
    {2, 0xf3, 1, 1, 1, 3, 0, VEX},                                /* blsr blsmsk blsi */
    {2, 0xf5, 1, 1, -1, 1, 0, VEX},                               /* bzhi */
    {2, 0xf5, 1, 1, -1, 1, 2, VEX},                               /* pext */
    {2, 0xf5, 1, 1, -1, 1, 3, VEX},                               /* pdep */
    {2, 0xf6, 1, 1, -1, 1, 3, VEX},                               /* mulx */
    {2, 0xf7, 1, 1, -1, 1, 0, VEX},                               /* bextr */
    {2, 0xf7, 1, 1, -1, 1, 1, VEX},                               /* shlx */
    {2, 0xf7, 1, 1, -1, 1, 2, VEX},                               /* sarx */
    {2, 0xf7, 1, 1, -1, 1, 3, VEX},                               /* shrx */
    {3, 0xf0, 1, 1, -1, 1, 3, VEX | IMM8},                        /* rorx */
    {0, 0x98, 2, 1, -1, 1, 0, NO_MODRM},                          /* cbw cwd */
    {0, 0x9e, 2, 1, -1, 1, 0, NO_MODRM | BYTE},                   /* sahf lahf */
    {0, 0xf5, 1, 1, -1, 1, 0, NO_MODRM | BYTE},                   /* cmc */
    {0, 0xf8, 2, 1, -1, 1, 0, NO_MODRM | BYTE},                   /* clc stc */
    {0, 0xfc, 2, 1, -1, 1, 0, NO_MODRM | BYTE},                   /* cld std */
    {0, 0x50, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG},               /* push */
    {0, 0x58, 1, 1, -1, 1, 0, NO_MODRM | PLUS_REG},               /* pop */
    {0, 0xff, 1, 1, 6, 1, 0, 0},                                  /* push r/m */
    {0, 0x8f, 1, 1, 0, 1, 0, 0},                                  /* pop r/m */
    {0, 0x6a, 1, 1, -1, 1, 0, NO_MODRM | BYTE | IMM8},            /* push imm */
    {0, 0x68, 1, 1, -1, 1, 0, NO_MODRM | IMMZ},                   /* */
    {0, 0x9c, 1, 1, -1, 1, 0, NO_MODRM},                          /* pushf */
    {1, 0xc7, 1, 1, 1, 1, 0, MEMORY},                             /* cmpxchg8b, cmpxchg16b */
};

static void put(struct random_code *code, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size && code->size < RANDOM_CODE_SIZE; i++, value >>= 8)
        code->bytes[code->size++] = (uint8_t)value;
}

void random_code_bytes(struct random_code *code, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(code, bytes[i], 1);
}

/* A number below `end`. */
static unsigned choose(struct random_code *code, unsigned end)
{
    return (unsigned)(lockstep_random(&code->seed) % end);
}

/* Registers that may change; with a byte operand and no REX 4 - 6 are AH, CH and DH. */
static unsigned choose_register(struct random_code *code, bool legacy_byte)
{
    static const uint8_t free_registers[] = {0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 15};
    if (legacy_byte)
        return choose(code, 7) == 3 ? 0 : (unsigned)choose(code, 3) + (choose(code, 2) ? 4 : 0);
    return free_registers[choose(code, sizeof free_registers)];
}

/* How a memory operand is addressed; register numbers, or NONE, or RIP. */
enum { NONE = 16, RIP = 17 };
struct address {
    uint8_t prefix, base, index;
    uint64_t sum; /* of the registers at scale 1, without the index */
    uint64_t index_value;
};

static const struct address addresses[] = {
    {0, 3, NONE, RANDOM_CODE_RBX, 0},
    {0, 12, NONE, RANDOM_CODE_R12, 0},
    {0, 3, 13, RANDOM_CODE_RBX, RANDOM_CODE_R13},
    {0, 3, 14, RANDOM_CODE_RBX, RANDOM_CODE_R14},
    {0, 13, 14, RANDOM_CODE_R13, RANDOM_CODE_R14},
    {0, NONE, 13, 0, RANDOM_CODE_R13},
    {0, NONE, NONE, 0, 0},
    {0, RIP, NONE, 0, 0},
    {0, RIP, NONE, 0, 0},
    {0x64, 3, NONE, RANDOM_CODE_RBX, 0},
    {0x64, NONE, 13, 0, RANDOM_CODE_R13},
    {0x64, 3, 13, RANDOM_CODE_RBX, RANDOM_CODE_R13},
    {0x64, RIP, NONE, 0, 0},
    {0x65, NONE, NONE, 0, 0},
    {0x65, 12, NONE, RANDOM_CODE_R12, 0},
    {0x67, 3, NONE, RANDOM_CODE_RBX, 0},
    {0x3e, 3, 14, RANDOM_CODE_RBX, RANDOM_CODE_R14},
};

/* What is known of the instruction being made. */
struct instruction {
    const struct row *row;
    const struct address *address; /* null: a register */
    unsigned opcode, reg, rm, scale;
    unsigned size; /* of the operand: 1, 2, 4, 8 */
    bool rex;
    uint64_t target;
    unsigned immediate_size;
};

static uint64_t choose_target(struct random_code *code)
{
    uint64_t page = RANDOM_CODE_DATA + code->operands++ * RANDOM_CODE_STRIDE;
    /* One in four where it may cross into the page behind. */
    return page + (choose(code, 4) ? choose(code, 510) * 8 : 4081 + choose(code, 15));
}

static struct instruction choose_instruction(struct random_code *code)
{
    static const uint8_t sizes[] = {2, 4, 4, 8, 8};
    struct instruction one = {.row = &rows[choose(code, sizeof rows / sizeof rows[0])]};
    const unsigned shape = one.row->shape;
    one.size = shape & BYTE ? 1 : sizes[choose(code, sizeof sizes)];
    if ((shape & VEX) && one.size == 2)
        one.size = 4;
    one.rex = one.size == 8 || (!(shape & VEX) && choose(code, 2));
    one.opcode = one.row->opcode + choose(code, one.row->opcodes) * one.row->step;
    bool memory = !(shape & (NO_MODRM | REGISTER)) && ((shape & MEMORY) || choose(code, 2));
    one.reg = one.row->digit < 0 ? choose_register(code, !one.rex)
                                 : (unsigned)one.row->digit + choose(code, one.row->digits);
    one.rm = choose_register(code, !one.rex);
    if (memory) {
        one.address = &addresses[choose(code, sizeof addresses / sizeof addresses[0])];
        one.scale = choose(code, 4);
        one.target = choose_target(code);
        if (one.opcode == 0xc7 && one.row->map == 1)
            one.target &= ~UINT64_C(15);
        one.rex = true; /* whatever the registers are */
        if (one.row->digit < 0)
            one.reg = choose_register(code, false);
    }
    one.immediate_size = shape & IMM8            ? 1
                         : shape & (IMMZ | IMMV) ? (one.size == 8 && !(shape & IMMV) ? 4 : one.size)
                                                 : 0;
    return one;
}

static unsigned rex_bits(const struct instruction *one)
{
    unsigned bits = (one->size == 8 ? 8u : 0) | (one->reg >> 3 << 2);
    if (!one->address)
        return bits | one->rm >> 3;
    if (one->address->index < NONE)
        bits |= one->address->index >> 3 << 1u;
    return one->address->base < NONE ? bits | one->address->base >> 3 : bits;
}

static void put_opcode(struct random_code *code, const struct instruction *one)
{
    const struct row *row = one->row;
    unsigned bits = rex_bits(one);
    if (row->shape & VEX) {
        unsigned vvvv = row->map == 3 ? 0 : choose_register(code, false);
        put(code, 0xc4, 1);
        put(code, (~bits & 7) << 5 | row->map, 1);
        put(code, (bits & 8) << 4 | (~vvvv & 15) << 3 | row->prefix, 1);
        put(code, one->opcode, 1);
        return;
    }
    if (one->size == 2 && !(row->prefix == 0x66))
        put(code, 0x66, 1);
    if (row->prefix)
        put(code, row->prefix, 1);
    if (one->rex || bits)
        put(code, 0x40 | bits, 1);
    if (row->map)
        put(code, 0x0f, 1);
    if (row->map == 2)
        put(code, 0x38, 1);
    put(code, one->opcode | (row->shape & PLUS_REG ? one->rm & 7 : 0), 1);
}

static uint64_t segment_base(const struct random_code *code, uint8_t prefix)
{
    return prefix == 0x64 ? code->fs : prefix == 0x65 ? code->gs : 0;
}

static void put_operand(struct random_code *code, const struct instruction *one)
{
    const struct address *address = one->address;
    const unsigned reg = (one->reg & 7) << 3;
    if (!address) {
        put(code, 0xc0 | reg | (one->rm & 7), 1);
        return;
    }
    uint64_t displacement = one->target - segment_base(code, address->prefix);
    if (address->base == RIP) {
        put(code, 0x05 | reg, 1);
        put(code, displacement - (code->linear + code->size + 4 + one->immediate_size), 4);
        return;
    }
    displacement -= address->sum + (address->index_value << one->scale);
    put(code, (address->base == NONE ? 0x04 : 0x84) | reg, 1);
    put(code,
        one->scale << 6 | (address->index == NONE ? 4 : address->index & 7) << 3 |
            (address->base == NONE ? 5 : address->base & 7),
        1);
    put(code, displacement, 4);
}

static void add_instruction(struct random_code *code)
{
    struct instruction one = choose_instruction(code);
    if (one.row->shape & PLUS_REG)
        one.reg = 0;
    if (one.address && one.address->prefix)
        put(code, one.address->prefix, 1);
    put_opcode(code, &one);
    if (!(one.row->shape & NO_MODRM))
        put_operand(code, &one);
    put(code, lockstep_random(&code->seed), one.immediate_size);
}

/* A branch over the next instruction, or a call of code that returns at once. */
static void add_branch(struct random_code *code)
{
    static const uint8_t call_and_return[] = {0xe8, 2, 0, 0, 0, 0xeb, 1, 0xc3};
    static const uint8_t indirect[] = {0x4c, 0x8d, 0x3d, 3, 0, 0, 0, 0x41, 0xff, 0xe7};
    switch (choose(code, 4)) {
    case 0:
        random_code_bytes(code, call_and_return, sizeof call_and_return);
        break;
    case 1: /* lea r15, [rip + 3]; jmp r15 */
        random_code_bytes(code, indirect, sizeof indirect);
        break;
    default: {
        put(code, 0x70 | choose(code, 16), 1);
        put(code, 0, 1);
        size_t behind = code->size;
        add_instruction(code);
        code->bytes[behind - 1] = (uint8_t)(code->size - behind);
        break;
    }
    }
}

/* What is rare: a register of any value as the address, a string instruction, bytes of any kind. */
static void add_rare(struct random_code *code)
{
    static const uint8_t strings[] = {0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xa6, 0xae};
    switch (choose(code, 4)) {
    case 0:
        put(code, 0x8b, 1);
        put(code, 0x03 | choose(code, 8) << 3, 1);
        break;
    case 1:
        put(code, choose(code, 2) ? 0xf3 : 0xf2, 1);
        put(code, strings[choose(code, sizeof strings)], 1);
        break;
    case 2:
        put(code, 0x418b, 2);
        put(code, choose(code, 64), 1);
        break;
    default:
        put(code, strings[choose(code, sizeof strings)], 1);
        break;
    }
}

void random_code_add(struct random_code *code, unsigned count)
{
    while (count-- && code->size + 64 < RANDOM_CODE_SIZE) {
        unsigned kind = choose(code, 32);
        if (kind < 3)
            add_branch(code);
        else if (kind == 3)
            add_rare(code);
        else
            add_instruction(code);
    }
}
