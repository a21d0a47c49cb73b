/* SPDX-License-Identifier: MIT */
/*
 * The forms under test. The whole opcode space is decoded once: every opcode of every map with
 * every ModRM byte, mandatory prefix, REX.W, VEX.L and EVEX.b. What a row of isa.def accepts
 * becomes a form: one row, one operand pattern, one width, one opcode; with EVEX of all vector
 * lengths. The encodings that decode to the same form (ignored prefixes, free register fields) are
 * its variants.
 */
#ifndef X64_TESTS_ORACLE_FORMS_H
#define X64_TESTS_ORACLE_FORMS_H

#include "cpu/isa.h"

/* Opcode maps (SDM vol. 2, appendix A): legacy ones, then those reached through VEX and EVEX. */
enum oracle_space {
    ORACLE_SPACE_1_BYTE,
    ORACLE_SPACE_0F,
    ORACLE_SPACE_0F38,
    ORACLE_SPACE_0F3A,
    ORACLE_SPACE_VEX_0F,
    ORACLE_SPACE_VEX_0F38,
    ORACLE_SPACE_VEX_0F3A,
    ORACLE_SPACE_EVEX_0F,
    ORACLE_SPACE_EVEX_0F38,
    ORACLE_SPACE_EVEX_0F3A,
    ORACLE_SPACE_COUNT
};

struct oracle_variant {
    uint8_t prefix; /* 0, 0x66, 0xf3, 0xf2; in VEX encodings the meaning of pp */
    uint8_t opcode;
    uint8_t modrm; /* mod 3, or mod 0 with rm 0 for memory */
    uint8_t w;
    uint8_t l;
    uint8_t b;         /* EVEX.b: one element for all, or a rounding mode */
    uint8_t address32; /* 67h belongs to the mnemonic */
};

struct oracle_form {
    char id[72]; /* "ADD32.R32,M32.03": what the command line takes */
    uint16_t row;
    uint8_t slot;        /* the row's pattern */
    uint8_t width_index; /* 8, 16, 32, 64 bits: 0-3 */
    uint8_t space;       /* enum oracle_space */
    bool has_modrm;
    bool memory; /* ModRM names memory */
    struct oracle_variant *variants;
    size_t variant_count;
    size_t variant_room;
    bool host_can;        /* the host CPU has the row's feature */
    bool model_can;       /* the emulated model has it */
    const char *excluded; /* why the form is not run, or null */
};

struct oracle_forms {
    struct oracle_form *items;
    size_t count;
    size_t room;
};

/* Fills `decoder` as the emulated CPU sets up its own. `code_bits`: 64, or 32 for compatibility
 * mode. */
void oracle_decoder_init(ZydisDecoder *decoder, const struct x64i_cpu_model *model,
                         unsigned code_bits);

/* The slot of `row` that a decoded instruction belongs to, and its width. */
bool oracle_find_slot(const ZydisDecodedInstruction *instruction,
                      const ZydisDecodedOperand *operands, uint16_t *row, uint8_t *slot,
                      uint8_t *width_index);

/* VEX.pp and EVEX.pp. */
static inline unsigned oracle_pp(const struct oracle_variant *variant)
{
    return variant->prefix == 0x66 ? 1 : variant->prefix == 0xf3 ? 2 : variant->prefix ? 3 : 0;
}

/* Gathers and scatters: their memory operand has a SIB byte whose index is a vector register, and
 * no two of their registers are the same. */
static inline bool oracle_is_gather(unsigned space, unsigned opcode)
{
    bool gather = opcode >= 0x90 && opcode <= 0x93;
    bool scatter = opcode >= 0xa0 && opcode <= 0xa3;
    return (space == ORACLE_SPACE_VEX_0F38 && gather) ||
           (space == ORACLE_SPACE_EVEX_0F38 && (gather || scatter));
}

/* Whether an instruction looks at AVX-512's state. */
static inline bool oracle_is_avx512(const struct oracle_form *form)
{
    return form->space >= ORACLE_SPACE_EVEX_0F || x64i_isa_rows[form->row].name[0] == 'K';
}

/* Enumerates all forms, in the order of the opcode space. */
struct oracle_forms oracle_forms_create(const struct x64i_cpu_model *model, unsigned code_bits);
void oracle_forms_destroy(struct oracle_forms *forms);

/* Why a row's instructions are not run on the host, or null. */
const char *oracle_excluded(const char *mnemonic);

/* Whether the host CPU has a feature. */
bool oracle_host_has(enum x64i_feature feature);

#endif
