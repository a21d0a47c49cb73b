/* SPDX-License-Identifier: MIT */
/*
 * The model behind the view: what is shown where at step n, as plain data. Drawing only reads it.
 *
 * A view looks at a run that is over, or at a recording: a machine whose history holds the steps
 * from `first` to `last`. A moment is step n with the first `effect` of its effects done: with none
 * it is the state before the step, with all of them the state after it; the step's own line,
 * explanations and changes belong to every moment of it.
 *
 *     x64i_view_open(machine, &view);
 *     while (!x64i_view_index(view, 10000)) {}        (in slices: a window draws meanwhile)
 *     x64i_view_seek(view, n, X64I_VIEW_ALL);
 *     draw(x64i_view_moment(view));
 *     x64i_view_close(view);
 *
 * The index is one pass over the run by a fork of the machine. It keeps the timeline's bands, the
 * system calls, who wrote which word of a stack, and checkpoints of what explanations depend on. A
 * moment that the index has not reached yet is explained from a little before it only, and says so
 * (`exact`).
 */
#ifndef X64I_VIEW_MODEL_H
#define X64I_VIEW_MODEL_H

#include "trace/fields.h"
#include "trace/model.h"
#include "trace/stacks.h"
#include "trace/tables.h"

#include <limits.h>

#define X64I_VIEW_ALL     UINT_MAX
#define X64I_VIEW_SLOTS   64
#define X64I_VIEW_CODE    96
#define X64I_VIEW_EFFECTS 192
#define X64I_VIEW_TARGETS 64

enum x64i_slot_state {
    X64I_SLOT_FREE,     /* below RSP: what is there is left over */
    X64I_SLOT_RESERVED, /* of the frame that entering the kernel makes, and not written since */
    X64I_SLOT_HELD
};

struct x64i_view_slot {
    uint64_t linear;
    uint64_t value;
    uint64_t old; /* before the step */
    uint8_t state;
    bool known;
    bool written; /* by what is done of this step */
    bool read;
    bool gap; /* words between this slot and the one before it are left out */
    bool has_writer;
    uint64_t writer_n;
    uint64_t writer_rip;
    char name[X64I_LINE_NAME_SIZE];
};

/* Slots by falling address, as stacks are drawn. */
struct x64i_view_stack {
    enum x64_stack kind;
    bool active;  /* RSP points here */
    uint64_t rsp; /* now, or when it last pointed here; 0: never did */
    uint64_t top; /* 0: not known */
    unsigned count;
    struct x64i_view_slot slot[X64I_VIEW_SLOTS];
};

struct x64i_view_code_line {
    uint64_t linear;
    uint64_t target; /* of a branch, else 0 */
    const char *symbol;
    uint64_t symbol_offset;
    uint8_t length;
    bool current; /* the step's instruction */
    bool next;    /* the one behind it, in time */
    char text[X64I_LINE_ASM_SIZE];
};

struct x64i_view_table {
    uint64_t root; /* 0: there is no such table */
    bool active;
    struct x64i_table_walk walk; /* of tables.linear */
};

struct x64i_view_tables {
    uint64_t cr3;
    uint16_t pcid;
    bool pcide;
    bool written; /* by what is done of this step */
    bool noflush;
    uint64_t linear;                 /* the address that is walked for */
    struct x64i_view_table table[2]; /* the user's, the kernel's; one where they share it */
};

struct x64i_view_moment {
    uint64_t n, first, last;
    unsigned effect, effect_count;
    bool at_end; /* n is last: nothing more was executed */
    bool exact;
    struct x64i_trace_line line;
    struct x64_effect effects[X64I_VIEW_EFFECTS];
    struct x64i_field_values before, now;
    uint64_t wrote; /* fields, by what is done of this step */
    unsigned stack_count;
    struct x64i_view_stack stack[4];
    unsigned code_count;
    struct x64i_view_code_line code[X64I_VIEW_CODE];
    struct x64i_view_tables tables;
    uint8_t check[X64I_CHECK_COUNT]; /* 0 not looked at, 1 holds, 2 fails */
    unsigned window;                 /* enum x64i_window_bit: what is the user's though CPL is 0 */
    uint64_t window_since;
    const char *call; /* the system call that runs, or null */
};

/* How much of stacks and code is wanted, and which address to translate (0: the step's). */
struct x64i_view_wish {
    unsigned slots;
    unsigned code_lines;
    uint64_t linear;
};

/* A stretch of the timeline that looks the same: from n on. */
struct x64i_view_band {
    uint64_t n;
    uint8_t cpl;
    uint8_t stack;   /* enum x64_stack */
    bool user_table; /* CR3 is user mode's own */
    uint8_t window;  /* enum x64i_window_bit */
};

struct x64i_view_call {
    uint64_t n;   /* of the instruction that entered the kernel */
    uint64_t end; /* of the one that left it; UINT64_MAX: not yet */
    const char *name;
    uint8_t kind; /* enum x64i_entry_kind */
};

struct x64i_view;

/* Goes to the beginning of the machine's history; the machine must outlive the view and be used
 * through it alone. X64_ERROR_MEMORY, X64_ERROR_UNSUPPORTED. */
enum x64_status x64i_view_open(struct x64_machine *machine, struct x64i_view **out);
void x64i_view_close(struct x64i_view *view);

/* Lets the index go on for some steps; true once it is complete. */
bool x64i_view_index(struct x64i_view *view, uint64_t steps);
uint64_t x64i_view_indexed(const struct x64i_view *view); /* n that it has reached */

void x64i_view_wish(struct x64i_view *view, const struct x64i_view_wish *wish);

/* Shows step n, kept within first and last, with `effect` effects done. */
enum x64_status x64i_view_seek(struct x64i_view *view, uint64_t n, unsigned effect);
const struct x64i_view_moment *x64i_view_moment(const struct x64i_view *view);

const struct x64i_view_band *x64i_view_bands(const struct x64i_view *view, size_t *count);
const struct x64i_view_call *x64i_view_calls(const struct x64i_view *view, size_t *count);

/* What is looked for: instructions at one of some addresses, steps in which a value appears (in a
 * register, CR, MSR or base that they set, in memory that they read or write), or either. */
struct x64i_view_search {
    uint64_t linear[X64I_VIEW_TARGETS];
    size_t linear_count;
    bool for_value;
    uint64_t value;
    bool back;
    uint64_t n;     /* forwards the first step to be looked at, backwards the one behind it */
    uint64_t found; /* of X64I_SEARCH_FOUND */
    /* the search's own */
    uint64_t low, at, high;
    bool any;
};

enum x64i_search_state { X64I_SEARCH_GOES_ON, X64I_SEARCH_FOUND, X64I_SEARCH_ENDED };

/* Fills in the rest of a search. It goes on in slices of about `steps` steps, between which the
 * view may show any moment; `at` says how far it is. */
void x64i_view_search_begin(const struct x64i_view *view, struct x64i_view_search *search);
enum x64i_search_state x64i_view_search(struct x64i_view *view, struct x64i_view_search *search,
                                        uint64_t steps);

/* The first effect in which the value appears, or null. */
const struct x64_effect *x64i_view_effect_with(const struct x64_effect *effects, size_t count,
                                               uint64_t value);

/* Answers an address for a symbol, "symbol+0x10", or a hexadecimal number. */
bool x64i_view_parse(struct x64i_view *view, const char *text, uint64_t *linear);

/* Whether a text is a number for x64i_view_parse, whatever symbols there are. */
bool x64i_view_is_number(const char *text, uint64_t *number);

/* One line for an effect: "rcx 0x0 -> 0x401018". Answers `text`. */
const char *x64i_view_effect_text(const struct x64i_view *view, const struct x64_effect *effect,
                                  char *text, size_t size);

/* "entry_SYSCALL_64+0x3", or the number. */
const char *x64i_view_symbol(const struct x64i_view *view, uint64_t linear, char *text,
                             size_t size);

/* The instruction that is in memory at an address now: "push r11", or "an instruction" where the
 * address is in neither table. Answers `text`. */
const char *x64i_view_instruction(struct x64i_view *view, uint64_t linear, char *text, size_t size);

#endif
