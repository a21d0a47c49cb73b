/* SPDX-License-Identifier: MIT */
#include "timing/predict.h"

#include <stddef.h>

static const uint8_t lengths[X64I_PREDICT_TABLES] = {6, 14, 30, 62};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 29;
    value *= 0xbf58476d1ce4e5b9ull;
    return value ^ value >> 32;
}

static uint64_t hash(const struct x64i_predictor *predictor, unsigned table, uint64_t rip)
{
    uint64_t recent = predictor->history & ((1ull << lengths[table]) - 1);
    return mix(rip ^ mix(recent + table));
}

static struct x64i_predict_entry *entry_at(struct x64i_predictor *predictor, unsigned table,
                                           uint64_t hash)
{
    return &predictor->tagged[table][hash % X64I_PREDICT_ENTRIES];
}

static uint16_t tag_of(uint64_t hash)
{
    return (uint16_t)(hash >> 32 | 1);
}

static void step_counter(int8_t *counter, bool up, int low, int high)
{
    if (up && *counter < high)
        ++*counter;
    else if (!up && *counter > low)
        --*counter;
}

/* A misprediction gives the branch an entry with a longer history. */
static void allocate(struct x64i_predictor *predictor, unsigned first, uint64_t rip, bool taken)
{
    for (unsigned table = first; table < X64I_PREDICT_TABLES; table++) {
        uint64_t at = hash(predictor, table, rip);
        struct x64i_predict_entry *entry = entry_at(predictor, table, at);
        if (entry->useful) {
            entry->useful--;
            continue;
        }
        entry->tag = tag_of(at);
        entry->counter = taken ? 0 : -1;
        return;
    }
}

static bool predict_direction(struct x64i_predictor *predictor, uint64_t rip, bool taken)
{
    struct x64i_predict_entry *known = NULL;
    unsigned table = X64I_PREDICT_TABLES; /* the one with the longest history that knows it */
    while (!known && table-- > 0) {
        uint64_t at = hash(predictor, table, rip);
        struct x64i_predict_entry *entry = entry_at(predictor, table, at);
        known = entry->tag == tag_of(at) ? entry : NULL;
    }
    int8_t *counter = known ? &known->counter : &predictor->base[mix(rip) % X64I_PREDICT_BASE];
    bool predicted = *counter >= 0;
    step_counter(counter, taken, known ? -4 : -2, known ? 3 : 1);
    if (known && predicted == taken && known->useful < 3)
        known->useful++;
    if (predicted != taken)
        allocate(predictor, known ? table + 1 : 0, rip, taken);
    return predicted == taken;
}

static bool predict_target(struct x64i_predictor *predictor, uint64_t rip, uint64_t key,
                           uint64_t target)
{
    unsigned index = mix(key) % X64I_PREDICT_TARGETS;
    bool hit = predictor->targets[index].rip == rip && predictor->targets[index].target == target;
    predictor->targets[index].rip = rip;
    predictor->targets[index].target = target;
    return hit;
}

bool x64i_predict(struct x64i_predictor *predictor, const struct x64i_branch *branch,
                  uint64_t target)
{
    bool taken = target != branch->next;
    bool right = true;
    if (branch->conditional)
        right = predict_direction(predictor, branch->rip, taken);
    else if (branch->ret)
        right = predictor->stack[--predictor->depth % X64I_PREDICT_STACK] == target;
    else if (branch->indirect)
        right = predict_target(predictor, branch->rip,
                               branch->rip ^ mix(predictor->history & 0xffff), target);
    if (branch->call)
        predictor->stack[predictor->depth++ % X64I_PREDICT_STACK] = branch->next;
    predictor->history = predictor->history << 1 | taken;
    return right;
}
