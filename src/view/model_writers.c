/* SPDX-License-Identifier: MIT */
/*
 * Who wrote which word of a stack, and when: for every word its writes in the order of the steps,
 * found by a hash of the word's address.
 */
#include "view/view_private.h"

#include "ascending.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WRITES 4000000u
#define MAX_WORDS  1048576u /* a power of two */
#define FIRST_ROOM 1024u    /* likewise */

/* Writes this near RSP are a stack's. */
#define BELOW 1024u
#define ABOVE 8192u

/* Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4. */
static size_t place_of(const struct x64i_view_writers *writers, uint64_t linear)
{
    size_t at = (size_t)((linear >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (;; at++) {
        const struct x64i_view_word *word = &writers->words[at & (writers->room - 1)];
        if (!word->write || word->linear == linear)
            return at & (writers->room - 1);
    }
}

static const struct x64i_view_word *find(const struct x64i_view_writers *writers, uint64_t linear)
{
    if (!writers->room)
        return NULL;
    const struct x64i_view_word *word = &writers->words[place_of(writers, linear)];
    return word->write ? word : NULL;
}

/* Twice the room; false when there may be no more, or is none. */
static bool grow(struct x64i_view_writers *writers)
{
    struct x64i_view_writers larger = *writers;
    larger.room = writers->room ? 2 * writers->room : FIRST_ROOM;
    if (larger.room > 2 * MAX_WORDS)
        return false;
    larger.words = calloc(larger.room, sizeof *larger.words);
    if (!larger.words)
        return false;
    for (size_t i = 0; i < writers->room; i++)
        if (writers->words[i].write)
            larger.words[place_of(&larger, writers->words[i].linear)] = writers->words[i];
    free(writers->words);
    *writers = larger;
    return true;
}

static bool append(struct x64i_view_word *word, const struct x64i_view_write *write)
{
    if (!word->write || word->count == word->room) {
        uint32_t room = word->room ? word->room + word->room / 2 + 1 : 2;
        struct x64i_view_write *grown = realloc(word->write, room * sizeof *grown);
        if (!grown)
            return false;
        word->write = grown;
        word->room = room;
    }
    word->write[word->count++] = *write;
    return true;
}

/* A step that writes a word twice is its writer once. */
static bool keep(struct x64i_view_writers *writers, uint64_t linear,
                 const struct x64i_view_write *write)
{
    if (writers->write_count == MAX_WRITES ||
        (2 * writers->word_count >= writers->room && !grow(writers)))
        return false;
    struct x64i_view_word *word = &writers->words[place_of(writers, linear)];
    bool first = !word->write;
    if (!first && word->write[word->count - 1].n == write->n)
        return true;
    if (!append(word, write))
        return false;
    word->linear = linear;
    writers->word_count += first;
    writers->write_count++;
    return true;
}

static bool is_near(const struct x64i_view_track *track, uint64_t linear)
{
    for (unsigned kind = X64_STACK_USER; kind < X64I_STACK_KINDS; kind++) {
        uint64_t rsp = track->last_rsp[kind];
        if (rsp && linear - (rsp - BELOW) < BELOW + ABOVE)
            return true;
    }
    return false;
}

void x64i_writers_keep(struct x64i_view_writers *writers, const struct x64i_view_track *track,
                       const struct x64_step *step)
{
    const struct x64i_view_write write = {.n = step->number, .rip = step->rip};
    for (size_t i = 0; i < step->effect_count && !writers->full; i++) {
        const struct x64_effect *effect = &step->effects[i];
        if (effect->kind != X64_EFFECT_MEMORY_WRITE || !is_near(track, effect->linear))
            continue;
        uint64_t end = effect->linear + effect->size;
        for (uint64_t word = effect->linear & ~UINT64_C(7); word < end && !writers->full; word += 8)
            if (!keep(writers, word, &write)) {
                writers->full = true;
                writers->full_n = step->number;
            }
    }
}

void x64i_writers_fill(const struct x64i_view_writers *writers, uint64_t n,
                       struct x64i_view_stack *stack)
{
    for (unsigned i = 0; i < stack->count && n > 0; i++) {
        struct x64i_view_slot *slot = &stack->slot[i];
        const struct x64i_view_word *word = find(writers, slot->linear);
        size_t count = word ? X64I_COUNT_UNTIL(word->write, word->count, n, n - 1) : 0;
        if (!count || !x64i_writers_know(writers, n))
            continue;
        slot->has_writer = true;
        slot->writer_n = word->write[count - 1].n;
        slot->writer_rip = word->write[count - 1].rip;
    }
}

bool x64i_writers_know(const struct x64i_view_writers *writers, uint64_t n)
{
    return !writers->full || n <= writers->full_n;
}

void x64i_writers_free(struct x64i_view_writers *writers)
{
    for (size_t i = 0; i < writers->room; i++)
        free(writers->words[i].write);
    free(writers->words);
    *writers = (struct x64i_view_writers){0};
}
