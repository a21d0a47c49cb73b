/* SPDX-License-Identifier: MIT */
#include "cpu/support/vector.h"

#include "cpu/access.h"
#include "cpu/decode.h"

#include <stdio.h>
#include <string.h>

#define RAM_SIZE  (UINT64_C(2) << 20)
#define ROOT      0x1000u
#define MAX_STEPS 1000
#define NAME_SIZE 32

struct bench {
    struct x64i_state *state;
    struct x64i_cpu *cpu;
    const struct vector *row;
};

static const struct {
    const char *name;
    uint64_t mask;
} flags[] = {
    {"cf", X64I_CF}, {"pf", X64I_PF}, {"af", X64I_AF}, {"zf", X64I_ZF},     {"sf", X64I_SF},
    {"tf", X64I_TF}, {"if", X64I_IF}, {"df", X64I_DF}, {"of", X64I_OF},     {"nt", X64I_NT},
    {"ac", X64I_AC}, {"id", X64I_ID}, {"rf", X64I_RF}, {"iopl", X64I_IOPL}, {"vif", X64I_VIF},
};

/* What may be named in a state, after which it is left open or compared. */
struct expectation {
    uint64_t gpr[16];
    bool gpr_open[16];
    uint64_t rflags;
    uint64_t flags_open;
    uint64_t rip;
    bool rip_open;
    int fault; /* vector, or -1 */
    uint64_t error;
    uint64_t steps;
};

static void put(struct bench *b, uint64_t physical, uint64_t value, unsigned size)
{
    ck_assert(x64i_physical_poke(&b->cpu->mmu.physical, physical, &value, size));
}

static uint64_t get(const struct bench *b, uint64_t physical, unsigned size)
{
    uint64_t value = 0;
    ck_assert(x64i_physical_peek(&b->cpu->mmu.physical, physical, &value, size));
    return value;
}

static void set_up(struct bench *b, const char *model)
{
    b->cpu = calloc(1, sizeof *b->cpu);
    ck_assert_ptr_nonnull(b->cpu);
    ck_assert_int_eq(x64i_state_create(&b->state), X64_OK);
    const struct x64i_cpu_model *found = x64i_cpu_model_find(model);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(x64i_cpu_init(b->cpu, b->state, found, RAM_SIZE), X64_OK);
    put(b, ROOT, 0x2007, 8);
    put(b, 0x2000, 0x3007, 8);
    put(b, 0x3000, 0x87, 8);
    put(b, 0x3008, 0x85, 8);
    x64i_cpu_reset_long_mode(b->cpu, ROOT);
    b->cpu->s.rip = VECTOR_CODE;
    b->cpu->s.gpr[X64_RSP] = VECTOR_STACK;
}

static void tear_down(struct bench *b)
{
    x64i_cpu_destroy(b->cpu);
    x64i_state_destroy(b->state);
    free(b->cpu);
}

static void put_code(struct bench *b)
{
    uint64_t at = VECTOR_CODE;
    for (const char *p = b->row->bytes; p[0] && p[1]; p += 2) {
        const char digits[3] = {p[0], p[1], 0};
        put(b, at++, strtoul(digits, NULL, 16), 1);
    }
}

static int register_named(const char *name)
{
    for (int i = 0; i < 16; i++)
        if (strcmp(x64_register_name((enum x64_register)i), name) == 0)
            return i;
    return -1;
}

static uint64_t flag_named(const char *name)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(flags[i].name, name) == 0)
            return flags[i].mask;
    return 0;
}

/* "dword[0x20000]": its size and address; 0 for another word. */
static unsigned memory_named(const char *name, uint64_t *address)
{
    static const char *const sizes[] = {"byte", "word", "dword", "qword"};
    const char *bracket = strchr(name, '[');
    if (!bracket)
        return 0;
    for (unsigned i = 0; i < 4; i++) {
        if (strncmp(name, sizes[i], (size_t)(bracket - name)) == 0) {
            *address = strtoull(bracket + 1, NULL, 0);
            return 1u << i;
        }
    }
    return 0;
}

static uint64_t flag_bits(uint64_t mask, uint64_t value)
{
    return (mask & (0 - mask)) * value;
}

/* Takes the next word of a state apart. False behind the last. */
static bool next_word(const char **state, char name[NAME_SIZE], bool *open, uint64_t *value)
{
    char text[NAME_SIZE];
    int length = 0;
    if (sscanf(*state, " %31[^= ]=%31s%n", name, text, &length) != 2)
        return false;
    *state += length;
    *open = text[0] == '?';
    *value = strtoull(text, NULL, 0);
    return true;
}

static void set_code_bits(struct x64i_cpu *cpu, uint64_t bits)
{
    cpu->s.segment[X64_CS].attributes &= (uint16_t)~X64I_SEGMENT_LONG;
    if (bits == 32)
        cpu->s.segment[X64_CS].attributes |= X64I_SEGMENT_BIG;
    else
        cpu->s.segment[X64_SS].attributes &= (uint16_t)~X64I_SEGMENT_BIG;
}

static void apply_before(struct bench *b)
{
    const char *state = b->row->before;
    char name[NAME_SIZE];
    bool open;
    uint64_t value, address;
    while (next_word(&state, name, &open, &value)) {
        unsigned size = memory_named(name, &address);
        int reg = register_named(name);
        uint64_t mask = flag_named(name);
        if (size != 0)
            put(b, address, value, size);
        else if (reg >= 0)
            b->cpu->s.gpr[reg] = value;
        else if (mask != 0)
            b->cpu->s.rflags |= flag_bits(mask, value);
        else if (strcmp(name, "cpl") == 0)
            b->cpu->s.cpl = (uint8_t)value;
        else if (strcmp(name, "bits") == 0)
            set_code_bits(b->cpu, value);
        else if (strcmp(name, "fs") == 0)
            b->cpu->s.segment[X64_FS].base = value;
        else
            ck_abort_msg("%s: what is \"%s\"?", b->row->text, name);
    }
    x64i_cpu_refresh(b->cpu);
}

/* Applies a word of the state after to the expectation; memory is compared at once. */
static void expect_word(const struct bench *b, struct expectation *e, const char *name, bool open,
                        uint64_t value)
{
    uint64_t address;
    unsigned size = memory_named(name, &address);
    int reg = register_named(name);
    uint64_t mask = flag_named(name);
    if (size != 0) {
        uint64_t found = get(b, address, size);
        ck_assert_msg(found == value, "%s (%s) with %s: %s is %#llx, not %#llx", b->row->text,
                      b->row->bytes, b->row->before, name, (unsigned long long)found,
                      (unsigned long long)value);
    } else if (reg >= 0) {
        e->gpr[reg] = value;
        e->gpr_open[reg] = open;
    } else if (mask != 0) {
        e->rflags = (e->rflags & ~mask) | flag_bits(mask, value);
        e->flags_open |= open ? mask : 0;
    } else if (strcmp(name, "rip") == 0) {
        e->rip = VECTOR_CODE + value;
        e->rip_open = open;
    } else if (strcmp(name, "steps") == 0) {
        e->steps = value;
    } else if (strcmp(name, "fault") == 0) {
        e->fault = (int)value;
    } else if (strcmp(name, "error") == 0) {
        e->error = value;
    } else {
        ck_abort_msg("%s: what is \"%s\"?", b->row->text, name);
    }
}

static void compare(const struct bench *b, const char *what, uint64_t found, uint64_t expected)
{
    ck_assert_msg(found == expected, "%s (%s) with %s: %s is %#llx, not %#llx", b->row->text,
                  b->row->bytes, b->row->before, what, (unsigned long long)found,
                  (unsigned long long)expected);
}

/* Executes without retiring: a fault is not delivered, RIP is the CPU's next_rip. */
static enum x64i_result execute(struct bench *b, uint64_t *steps)
{
    struct x64i_cpu *cpu = b->cpu;
    const struct x64i_op *op;
    enum x64i_result result = x64i_fetch(cpu, &op);
    if (result == X64I_FAULT)
        return result;
    for (*steps = 1; *steps < MAX_STEPS; ++*steps) {
        cpu->next_rip = cpu->s.rip + op->length;
        result = op->execute(cpu, op);
        if (result != X64I_REPEAT)
            return result;
    }
    ck_abort_msg("%s (%s): no end", b->row->text, b->row->bytes);
    return result;
}

static void compare_registers(const struct bench *b, const struct expectation *e)
{
    const struct x64i_cpu_state *s = &b->cpu->s;
    for (unsigned i = 0; i < 16; i++)
        if (!e->gpr_open[i])
            compare(b, x64_register_name((enum x64_register)i), s->gpr[i], e->gpr[i]);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (!(e->flags_open & flags[i].mask))
            compare(b, flags[i].name, s->rflags & flags[i].mask, e->rflags & flags[i].mask);
}

void run_vector(const struct vector *row, const char *model)
{
    struct bench b = {.row = row};
    set_up(&b, model);
    put_code(&b);
    apply_before(&b);
    struct expectation e = {.rflags = b.cpu->s.rflags, .fault = -1, .steps = 1};
    memcpy(e.gpr, b.cpu->s.gpr, sizeof e.gpr);
    uint64_t steps = 0;
    enum x64i_result result = execute(&b, &steps);
    e.rip = VECTOR_CODE + strlen(row->bytes) / 2;
    const char *state = row->after;
    char name[NAME_SIZE];
    bool open;
    uint64_t value;
    while (next_word(&state, name, &open, &value))
        expect_word(&b, &e, name, open, value);
    compare(&b, "fault", result == X64I_FAULT ? b.cpu->exception.vector : (uint64_t)-1,
            (uint64_t)(int64_t)e.fault);
    compare_registers(&b, &e);
    if (result == X64I_FAULT) {
        compare(&b, "error", b.cpu->exception.error_code, e.error);
    } else {
        compare(&b, "steps", steps, e.steps);
        if (!e.rip_open)
            compare(&b, "rip", b.cpu->next_rip, e.rip);
    }
    tear_down(&b);
}
