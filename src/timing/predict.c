/* SPDX-License-Identifier: MIT */
#include "timing/predict.h"

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

static void step_counter(int8_t *counter, bool up, int low, int high)
{
    if (up && *counter < high)
        ++*counter;
    else if (!up && *counter > low)
        --*counter;
}

/* The longest history that knows the branch; X64I_PREDICT_TABLES: none does. */
static unsigned provider(const struct x64i_predictor *predictor, uint64_t rip)
{
    for (unsigned table = X64I_PREDICT_TABLES; table-- > 0;) {
        uint64_t at = hash(predictor, table, rip);
        if (predictor->tagged[table][at % X64I_PREDICT_ENTRIES].tag == (uint16_t)(at >> 32 | 1))
            return table;
    }
    return X64I_PREDICT_TABLES;
}

/* A misprediction gives the branch an entry with a longer history. */
static void allocate(struct x64i_predictor *predictor, unsigned first, uint64_t rip, bool taken)
{
    for (unsigned table = first; table < X64I_PREDICT_TABLES; table++) {
        uint64_t at = hash(predictor, table, rip);
        unsigned index = at % X64I_PREDICT_ENTRIES;
        if (predictor->tagged[table][index].useful) {
            predictor->tagged[table][index].useful--;
            continue;
        }
        predictor->tagged[table][index].tag = (uint16_t)(at >> 32 | 1);
        predictor->tagged[table][index].counter = taken ? 0 : -1;
        return;
    }
}

static bool predict_direction(struct x64i_predictor *predictor, uint64_t rip, bool taken)
{
    unsigned table = provider(predictor, rip);
    bool predicted;
    if (table < X64I_PREDICT_TABLES) {
        unsigned index = hash(predictor, table, rip) % X64I_PREDICT_ENTRIES;
        int8_t *counter = &predictor->tagged[table][index].counter;
        predicted = *counter >= 0;
        step_counter(counter, taken, -4, 3);
        if (predicted == taken && predictor->tagged[table][index].useful < 3)
            predictor->tagged[table][index].useful++;
    } else {
        int8_t *counter = &predictor->base[mix(rip) % X64I_PREDICT_BASE];
        predicted = *counter >= 0;
        step_counter(counter, taken, -2, 1);
    }
    if (predicted != taken)
        allocate(predictor, table < X64I_PREDICT_TABLES ? table + 1 : 0, rip, taken);
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

bool x64i_predict(struct x64i_predictor *predictor, const struct x64i_plan *plan, uint64_t rip,
                  uint64_t target)
{
    uint64_t next = rip + plan->length;
    bool taken = target != next;
    bool right = true;
    if (plan->conditional)
        right = predict_direction(predictor, rip, taken);
    else if (plan->ret)
        right = predictor->stack[--predictor->depth % X64I_PREDICT_STACK] == target;
    else if (plan->indirect)
        right = predict_target(predictor, rip, rip ^ mix(predictor->history & 0xffff), target);
    if (plan->call)
        predictor->stack[predictor->depth++ % X64I_PREDICT_STACK] = next;
    predictor->history = predictor->history << 1 | taken;
    return right;
}
