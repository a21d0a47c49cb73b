/* SPDX-License-Identifier: MIT */
/*
 * One random instruction of a form: registers, addressing mode, optional prefixes (67h, segment
 * overrides, LOCK, REX without meaning), displacement and immediate. The bytes are decoded again,
 * so that they are known to be what was wanted.
 */
#ifndef X64_TESTS_ORACLE_ENCODE_H
#define X64_TESTS_ORACLE_ENCODE_H

#include "oracle/forms.h"
#include "oracle/random.h"

struct oracle_instruction {
    uint8_t bytes[16];
    bool undefined; /* an illegal LOCK: #UD is wanted, the decoded fields are not valid */
    ZydisDecodedInstruction decoded;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]; /* hidden ones too */
};

/* False when no encoding of the form could be made. */
bool oracle_encode(const struct oracle_form *form, const ZydisDecoder *decoder,
                   struct oracle_random *random, struct oracle_instruction *out);

/* Decodes again after displacement or immediate bytes were changed. */
bool oracle_decode_again(const ZydisDecoder *decoder, struct oracle_instruction *instruction);

#endif
