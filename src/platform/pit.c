/* SPDX-License-Identifier: MIT */
#include "platform/pit.h"

#define COUNTERS    3
#define CONTROL     3 /* register index of the control word */
#define READ_BACK   3 /* "counter" of a read-back command */
#define BINARY_SPAN 65536u
#define BCD_SPAN    10000u

enum access { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };

enum mode {
    MODE_TERMINAL_COUNT,
    MODE_ONE_SHOT,
    MODE_RATE,
    MODE_SQUARE,
    MODE_SOFTWARE_STROBE,
    MODE_HARDWARE_STROBE
};

void x64i_pit_reset(struct x64i_pit *pit)
{
    *pit = (struct x64i_pit){0};
    for (unsigned i = 0; i < COUNTERS; i++) {
        pit->counter[i].mode = MODE_SQUARE;
        pit->counter[i].access = ACCESS_BOTH;
        pit->counter[i].gate = i != 2;
    }
}

static bool is_possible(const struct x64i_pit_counter *c)
{
    return c->count > 0 && c->count <= BINARY_SPAN && c->next_count <= BINARY_SPAN &&
           c->mode <= MODE_HARDWARE_STROBE;
}

void x64i_pit_repair(struct x64i_pit *pit)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (pit->counter[i].counting && !is_possible(&pit->counter[i]))
            pit->counter[i].counting = false;
}

static bool is_periodic(const struct x64i_pit_counter *c)
{
    return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static bool is_triggered(const struct x64i_pit_counter *c)
{
    return c->mode == MODE_ONE_SHOT || c->mode == MODE_HARDWARE_STROBE;
}

/* The counter as it is at t: a count written during a period counts from the period's end on. */
static struct x64i_pit_counter settled(const struct x64i_pit_counter *counter, uint64_t t)
{
    struct x64i_pit_counter c = *counter;
    if (c.next_count && !c.stopped && t >= c.switch_time) {
        c.start = c.switch_time;
        c.count = c.next_count;
        c.next_count = 0;
    }
    return c;
}

/* Whether the clock pulse that loads the count is still to come. */
static bool is_loading(const struct x64i_pit_counter *c, uint64_t t)
{
    return c->counting && !c->stopped && t < c->start;
}

static uint64_t position(const struct x64i_pit_counter *c, uint64_t t)
{
    if (c->stopped)
        return c->elapsed;
    return t < c->start ? 0 : t - c->start;
}

/* "Mode definitions". */
static bool output_level(const struct x64i_pit_counter *c, uint64_t t)
{
    if (!c->counting || is_loading(c, t))
        return c->mode != MODE_TERMINAL_COUNT;
    uint64_t at = position(c, t);
    switch ((enum mode)c->mode) {
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
        return at >= c->count;
    case MODE_RATE:
        return c->stopped || at % c->count != c->count - 1;
    case MODE_SQUARE:
        return c->stopped || at % c->count < (c->count + 1) / 2;
    case MODE_SOFTWARE_STROBE:
    case MODE_HARDWARE_STROBE:
        return at != c->count;
    }
    return true;
}

static uint16_t to_bcd(uint32_t n)
{
    return (uint16_t)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

static uint32_t from_bcd(uint32_t n)
{
    return (n & 15) + (n >> 4 & 15) * 10 + (n >> 8 & 15) * 100 + (n >> 12 & 15) * 1000;
}

/* What the counting element holds. In mode 3 it counts down by two, twice a period. */
static uint16_t current_count(const struct x64i_pit_counter *c, uint64_t t)
{
    uint32_t span = c->bcd ? BCD_SPAN : BINARY_SPAN;
    uint32_t value = c->count;
    if (c->counting) {
        uint64_t at = position(c, t);
        if (c->mode == MODE_RATE) {
            value = c->count - (uint32_t)(at % c->count);
        } else if (c->mode == MODE_SQUARE) {
            uint32_t high = (c->count + 1) / 2;
            uint32_t phase = (uint32_t)(at % c->count);
            value = (c->count & ~1u) - 2 * (phase < high ? phase : phase - high);
        } else {
            value = c->count + span - (uint32_t)(at % span);
        }
    }
    value %= span;
    return c->bcd ? to_bcd(value) : (uint16_t)value;
}

static uint64_t next_rise(const struct x64i_pit_counter *c, uint64_t t)
{
    if (!c->counting || c->stopped)
        return X64I_NEVER;
    uint64_t rise = c->start + c->count;
    if (is_periodic(c))
        return t < rise ? rise : c->start + ((t - c->start) / c->count + 1) * c->count;
    if (c->mode == MODE_SOFTWARE_STROBE || c->mode == MODE_HARDWARE_STROBE)
        rise++;
    return rise > t ? rise : X64I_NEVER;
}

bool x64i_pit_output(const struct x64i_pit *pit, unsigned counter, uint64_t t)
{
    struct x64i_pit_counter c = settled(&pit->counter[counter], t);
    return output_level(&c, t);
}

uint64_t x64i_pit_next_rise(const struct x64i_pit *pit, unsigned counter, uint64_t t)
{
    struct x64i_pit_counter c = settled(&pit->counter[counter], t);
    return next_rise(&c, t);
}

/* "Status byte format". */
static uint8_t status_byte(const struct x64i_pit_counter *c, uint64_t t)
{
    bool null_count = !c->counting || c->next_count || is_loading(c, t);
    return (uint8_t)(output_level(c, t) << 7 | null_count << 6 | c->access << 4 | c->mode << 1 |
                     c->bcd);
}

static void latch_count(struct x64i_pit_counter *c, uint64_t t)
{
    if (c->count_is_latched)
        return;
    c->latched_count = current_count(c, t);
    c->count_is_latched = true;
}

static void latch_status(struct x64i_pit_counter *c, uint64_t t)
{
    if (c->status_is_latched)
        return;
    c->latched_status = status_byte(c, t);
    c->status_is_latched = true;
}

static uint8_t read_counter(struct x64i_pit_counter *c, uint64_t t)
{
    if (c->status_is_latched) {
        c->status_is_latched = false;
        return c->latched_status;
    }
    uint16_t count = c->count_is_latched ? c->latched_count : current_count(c, t);
    bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->reads_high);
    bool more = c->access == ACCESS_BOTH && !c->reads_high;
    c->reads_high = more;
    if (!more)
        c->count_is_latched = false;
    return (uint8_t)(high ? count >> 8 : count);
}

/* Begins to count `count`: the next clock pulse loads it. */
static void load_count(struct x64i_pit_counter *c, uint32_t count, uint64_t t)
{
    c->count = count;
    c->next_count = 0;
    c->elapsed = 0;
    c->counting = true;
    c->stopped = !c->gate;
    c->start = t + 1;
}

static void write_count(struct x64i_pit_counter *c, uint32_t count, uint64_t t)
{
    if (c->bcd)
        count = from_bcd(count);
    if (count == 0)
        count = c->bcd ? BCD_SPAN : BINARY_SPAN;
    if (is_periodic(c) && count == 1) /* "a count of 1 is illegal" */
        count = 2;
    if (is_triggered(c)) {
        if (c->counting)
            c->next_count = count;
        else
            c->count = count;
        c->switch_time = X64I_NEVER; /* the next trigger loads it */
    } else if (is_periodic(c) && c->counting && !c->stopped && !is_loading(c, t)) {
        c->next_count = count;
        c->switch_time = next_rise(c, t);
    } else {
        load_count(c, count, t);
    }
}

static void write_counter(struct x64i_pit_counter *c, uint8_t value, uint64_t t)
{
    switch ((enum access)c->access) {
    case ACCESS_LOW:
        write_count(c, value, t);
        break;
    case ACCESS_HIGH:
        write_count(c, (uint32_t)value << 8, t);
        break;
    default:
        if (c->writes_high) {
            write_count(c, c->first_byte | (uint32_t)value << 8, t);
        } else {
            c->first_byte = value;
            if (c->mode == MODE_TERMINAL_COUNT) /* "writing the first byte disables counting" */
                c->counting = false;
        }
        c->writes_high = !c->writes_high;
        break;
    }
}

/* "Control word format": a new mode sets OUT to its initial level and waits for a count. */
static void set_mode(struct x64i_pit_counter *c, uint8_t control)
{
    uint8_t mode = control >> 1 & 7;
    *c = (struct x64i_pit_counter){
        .count = c->count,
        .gate = c->gate,
        .mode = mode > MODE_HARDWARE_STROBE ? mode - 4 : mode,
        .access = control >> 4 & 3,
        .bcd = control & 1,
    };
}

/* "Read-back command": bits 5 and 4, inverted, choose what is latched, bits 3-1 the counters. */
static void read_back(struct x64i_pit *pit, uint8_t command, uint64_t t)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        if (!(command & (2u << i)))
            continue;
        if (!(command & 0x20))
            latch_count(&pit->counter[i], t);
        if (!(command & 0x10))
            latch_status(&pit->counter[i], t);
    }
}

uint8_t x64i_pit_read(struct x64i_pit *pit, unsigned register_index, uint64_t t)
{
    if (register_index >= COUNTERS)
        return 0xff;
    struct x64i_pit_counter *c = &pit->counter[register_index];
    *c = settled(c, t);
    return read_counter(c, t);
}

void x64i_pit_write(struct x64i_pit *pit, unsigned register_index, uint8_t value, uint64_t t)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        pit->counter[i] = settled(&pit->counter[i], t);
    unsigned selected = value >> 6;
    if (register_index < COUNTERS)
        write_counter(&pit->counter[register_index], value, t);
    else if (register_index != CONTROL)
        return;
    else if (selected == READ_BACK)
        read_back(pit, value, t);
    else if ((value >> 4 & 3) == ACCESS_LATCH)
        latch_count(&pit->counter[selected], t);
    else
        set_mode(&pit->counter[selected], value);
}

/* "Gate pin operations summary". */
void x64i_pit_set_gate(struct x64i_pit *pit, unsigned counter, bool high, uint64_t t)
{
    struct x64i_pit_counter *c = &pit->counter[counter];
    *c = settled(c, t);
    if (c->gate == high)
        return;
    c->gate = high;
    if (is_triggered(c)) {
        if (high && (c->count || c->next_count))
            load_count(c, c->next_count ? c->next_count : c->count, t);
        return;
    }
    if (!c->counting)
        return;
    if (!high) {
        c->elapsed = position(c, t);
        c->stopped = true;
    } else if (is_periodic(c)) {
        load_count(c, c->next_count ? c->next_count : c->count, t);
    } else {
        c->start = t - c->elapsed;
        c->stopped = false;
    }
}
