/* SPDX-License-Identifier: MIT */
#include "oracle/extended_state.h"

#include "oracle/x87_state.h"

#include <string.h>

#define MXCSR_DEFAULT 0x1f80u
#define HEADER        512u /* XSTATE_BV */
#define SSE_AVX       0x06u

uint64_t oracle_random_components(struct oracle_random *random, const struct oracle_shared *host)
{
    return oracle_random_next(random) & host->extended_mask & (SSE_AVX | ORACLE_AVX512);
}

/* Masks that let nothing, everything or anything through. */
static uint64_t opmask_value(struct oracle_random *random)
{
    uint32_t kind = oracle_random_below(random, 8);
    return kind == 0 ? 0 : kind == 1 ? UINT64_MAX : oracle_random_next(random);
}

/* Instructions that do not look at it have it the same in every register. */
static void fill_avx512(struct oracle_random *random, const struct oracle_layout *layout,
                        bool looked_at, uint8_t *extended)
{
    uint64_t value = oracle_random_next(random);
    for (unsigned reg = 0; reg < 32; reg++)
        for (unsigned at = reg < 16 ? 32 : 0; at < 64; at += 16) {
            uint8_t *bytes = extended + oracle_vector_offset(layout, reg, at);
            if (looked_at)
                oracle_random_bytes(random, bytes, 16);
            else
                memcpy(bytes, &value, sizeof value);
        }
    for (unsigned i = 0; i < 8; i++) {
        if (looked_at)
            value = opmask_value(random);
        memcpy(extended + layout->opmask + (size_t)8 * i, &value, sizeof value);
    }
}

/* Puts components into their initial state, in which XRSTOR does not read them (13.8.1): XINUSE is
 * then clear on the host, too. */
static void initialize(const struct oracle_layout *layout, uint64_t components, uint8_t *extended)
{
    const struct {
        uint32_t offset;
        uint32_t size;
    } part[] = {[1] = {ORACLE_XMM_OFFSET, 256},
                [2] = {ORACLE_YMM_OFFSET, 256},
                [5] = {layout->opmask, 64},
                [6] = {layout->zmm_high, 512},
                [7] = {layout->zmm_more, 1024}};
    uint64_t present;
    memcpy(&present, extended + HEADER, sizeof present);
    present &= ~components;
    memcpy(extended + HEADER, &present, sizeof present);
    for (unsigned i = 0; i < sizeof part / sizeof part[0]; i++)
        if (components >> i & 1)
            memset(extended + part[i].offset, 0, part[i].size);
}

static uint32_t random_mxcsr(struct oracle_random *random)
{
    uint32_t mxcsr = MXCSR_DEFAULT;
    if (oracle_random_once_in(random, 2))
        mxcsr = (uint32_t)oracle_random_next(random) & 0xe07f;
    if (!oracle_random_once_in(random, 4))
        mxcsr |= MXCSR_DEFAULT;
    else
        mxcsr |= (uint32_t)oracle_random_next(random) & MXCSR_DEFAULT;
    return mxcsr;
}

void oracle_fill_extended(struct oracle_random *random, const struct oracle_shared *host,
                          enum oracle_use use, uint8_t extended[ORACLE_EXTENDED_SIZE])
{
    memset(extended, 0, ORACLE_EXTENDED_SIZE);
    uint32_t mxcsr = random_mxcsr(random);
    oracle_fill_x87(random, extended);
    memcpy(extended + 24, &mxcsr, sizeof mxcsr);
    for (unsigned i = 0; i < 16; i++)
        oracle_random_bytes(random, extended + ORACLE_XMM_OFFSET + 16 * i, 16);
    uint64_t present = host->extended_mask;
    memcpy(extended + HEADER, &present, sizeof present);
    if (host->extended_mask & 4)
        for (unsigned i = 0; i < 16; i++)
            oracle_random_bytes(random, extended + ORACLE_YMM_OFFSET + 16 * i, 16);
    if (host->extended_mask & ORACLE_AVX512)
        fill_avx512(random, &host->layout, use != ORACLE_CLEARS_AVX512, extended);
    if (use == ORACLE_SAVES_STATE && oracle_random_once_in(random, 2))
        initialize(&host->layout, oracle_random_components(random, host), extended);
}
