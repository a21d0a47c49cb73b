/* SPDX-License-Identifier: MIT */
/*
 * The state components that XSAVE manages beyond x87 and SSE, as rows: CPUID.0DH, XCR0 and the
 * XSAVE area's layout follow from them (SDM vol. 1, chapter 13).
 */
#ifndef X64I_MSR_XSTATE_H
#define X64I_MSR_XSTATE_H

#include "msr/model.h"

#define X64I_XSTATE_X87  (1ull << 0)
#define X64I_XSTATE_SSE  (1ull << 1)
#define X64I_XSTATE_AVX  (1ull << 2)
#define X64I_XSTATE_PKRU (1ull << 9)

/* AVX-512's three: they are enabled together (SDM vol. 1, 13.3). */
#define X64I_XSTATE_OPMASK   (1ull << 5) /* k0-k7 */
#define X64I_XSTATE_ZMM_HIGH (1ull << 6) /* upper halves of ZMM0-ZMM15 */
#define X64I_XSTATE_ZMM_MORE (1ull << 7) /* ZMM16-ZMM31 */
#define X64I_XSTATE_AVX512   (X64I_XSTATE_OPMASK | X64I_XSTATE_ZMM_HIGH | X64I_XSTATE_ZMM_MORE)

#define X64I_XSAVE_LEGACY 512u  /* the FXSAVE image */
#define X64I_XSAVE_BASE   576u  /* with the header */
#define X64I_XSAVE_MAX    2696u /* bytes of the largest area there is */

#define X64I_XSTATE_PART_MAX 1024u /* bytes of the largest component: ZMM16-ZMM31 */

struct x64i_xstate {
    uint8_t number;  /* bit of XCR0 */
    uint16_t size;   /* bytes */
    uint16_t offset; /* in the standard form */
};

/* Row `index` of the components that the model has, or false behind the last. */
bool x64i_xstate_at(const struct x64i_cpu_model *model, unsigned index, struct x64i_xstate *row);

/* The bits that XCR0 may have. */
uint64_t x64i_xstate_supported(const struct x64i_cpu_model *model);

/* How large an area is that holds `components`, in either form. */
uint32_t x64i_xstate_area(const struct x64i_cpu_model *model, uint64_t components, bool compact);

#endif
