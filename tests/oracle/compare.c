/* SPDX-License-Identifier: MIT */
#include "oracle/compare.h"

#include "oracle/states.h"
#include "oracle/x87_state.h"

#include "cpu/cpu_state.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    char letter;
    uint32_t mask;
    const char *name;
} flag_names[] = {
    {'C', X64I_CF, "CF"}, {'P', X64I_PF, "PF"},   {'A', X64I_AF, "AF"}, {'Z', X64I_ZF, "ZF"},
    {'S', X64I_SF, "SF"}, {'T', X64I_TF, "TF"},   {'I', X64I_IF, "IF"}, {'D', X64I_DF, "DF"},
    {'O', X64I_OF, "OF"}, {0, X64I_NT, "NT"},     {0, X64I_RF, "RF"},   {0, X64I_AC, "AC"},
    {0, X64I_ID, "ID"},   {0, X64I_IOPL, "IOPL"},
};

#define MXCSR_OE    (1u << 3)
#define MXCSR_UE    (1u << 4)
#define MXCSR_PE    (1u << 5)
#define USER_CS_32  0x23u
#define PROCESS_END UINT64_C(0x7ffffffff000) /* Linux: TASK_SIZE_MAX */
#define FLAG_NAMES  (sizeof flag_names / sizeof flag_names[0])

/* Shifts and rotates, whose flags depend on the count (SDM vol. 2, their pages). */
enum count_rule { NO_COUNT, SHIFT, SHIFT_BEYOND, ROTATE, DOUBLE_SHIFT };

static enum count_rule count_rule(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
        return SHIFT_BEYOND; /* CF is undefined, too, when the count reaches the width */
    case ZYDIS_MNEMONIC_SAR:
        return SHIFT;
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
        return ROTATE;
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        return DOUBLE_SHIFT;
    default:
        return NO_COUNT;
    }
}

static unsigned shift_count(const struct oracle_instruction *instruction,
                            const struct oracle_case *c)
{
    const ZydisDecodedOperand *count =
        &instruction->operands[instruction->decoded.operand_count_visible - 1];
    uint64_t value =
        count->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? count->imm.value.u : c->before.gpr[X64_RCX];
    return value & (instruction->operands[0].size == 64 ? 63 : 31);
}

static uint64_t letters_mask(const char *letters)
{
    uint64_t mask = 0;
    for (; *letters; letters++)
        for (size_t i = 0; i < FLAG_NAMES; i++)
            if (flag_names[i].letter == *letters)
                mask |= flag_names[i].mask;
    return mask;
}

/* The flags that this case leaves undefined: the row's, but for what the SDM says of a count. */
static uint64_t undefined_flags(const struct oracle_instruction *instruction,
                                const struct x64i_isa_row *row, const struct oracle_case *c)
{
    enum count_rule rule = count_rule(instruction->decoded.mnemonic);
    if (rule == NO_COUNT)
        return letters_mask(row->undefined);
    unsigned count = shift_count(instruction, c);
    if (count == 0)
        return 0;
    uint64_t mask = rule == ROTATE ? 0 : X64I_AF;
    if (count != 1)
        mask |= X64I_OF;
    if (rule == SHIFT_BEYOND && count >= instruction->operands[0].size)
        mask |= X64I_CF;
    return mask;
}

static bool is_interrupt_return(const ZydisDecodedInstruction *decoded)
{
    return decoded->mnemonic == ZYDIS_MNEMONIC_IRET || decoded->mnemonic == ZYDIS_MNEMONIC_IRETD ||
           decoded->mnemonic == ZYDIS_MNEMONIC_IRETQ;
}

static bool is_state_area(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        return true;
    default:
        return false;
    }
}

static bool is_xsave_area(const ZydisDecodedInstruction *decoded)
{
    switch (decoded->meta.isa_set) {
    case ZYDIS_ISA_SET_XSAVE:
    case ZYDIS_ISA_SET_XSAVEOPT:
    case ZYDIS_ISA_SET_XSAVEC:
    case ZYDIS_ISA_SET_XSAVES:
        return decoded->operand_count_visible == 1;
    default:
        return false;
    }
}

/* AMD's processors with AltMovCr8 take LOCK MOV of CR0 for MOV of CR8 (APM vol. 3, MOV CRn), which
 * is for CPL 0 only; the models have no such feature, nor do Intel's processors. */
static bool is_other_move_of_cr8(const struct x64i_isa_row *row, const struct oracle_result *host)
{
    return row->mnemonic == ZYDIS_MNEMONIC_MOV && host->vector == X64_FAULT_GP;
}

/* Where all of the outcome is left to the processor: AMD's XRSTOR reads what it does not need, and
 * its XSAVE, XSAVEC and XSAVEOPT look at parts of the area that they do not write, its first byte
 * where they save no legacy component (seen on Zen 5). */
static bool is_open(const ZydisDecodedInstruction *decoded, const struct oracle_result *host,
                    const struct oracle_result *guest)
{
    return is_xsave_area(decoded) && host->vector == X64_FAULT_PF &&
           guest->vector == ORACLE_NO_VECTOR;
}

/* A count beyond the operand leaves SHLD and SHRD no result (SDM vol. 2B, their pages). */
static void tolerate_double_shift(const struct oracle_instruction *instruction,
                                  const struct oracle_case *c, struct oracle_tolerance *tolerance)
{
    const ZydisDecodedOperand *destination = &instruction->operands[0];
    if (count_rule(instruction->decoded.mnemonic) != DOUBLE_SHIFT ||
        shift_count(instruction, c) <= destination->size)
        return;
    tolerance->flags = X64I_OSZAPC;
    if (destination->type == ZYDIS_OPERAND_TYPE_REGISTER)
        tolerance->words = (uint16_t)(1u << ZydisRegisterGetId(destination->reg.value));
    else
        tolerance->memory = true;
}

/* Behind an instruction that was executed. */
static void tolerate_result(const struct oracle_instruction *instruction,
                            const struct x64i_isa_row *row, const struct oracle_case *c,
                            struct oracle_tolerance *tolerance)
{
    tolerance->flags = undefined_flags(instruction, row, c);
    /* What IRET loads into RF, the next instruction, which traps, has cleared (SDM vol. 3B,
     * 17.3.1.1). */
    if (is_interrupt_return(&instruction->decoded))
        tolerance->flags |= X64I_RF;
    tolerate_double_shift(instruction, c, tolerance);
}

/* Behind a fault. */
static void tolerate_fault(const ZydisDecodedInstruction *decoded, const struct oracle_result *host,
                           const struct oracle_result *guest, struct oracle_tolerance *tolerance)
{
    bool area = is_state_area(decoded->mnemonic) || is_xsave_area(decoded);
    /* AMD's CALL has pushed when its target turns out not to be canonical (seen on Zen 5), where
     * SDM vol. 2A checks first. */
    tolerance->memory = decoded->mnemonic == ZYDIS_MNEMONIC_CALL && guest->vector == X64_FAULT_GP;
    /* Misaligned, with alignment checks on: "signaling of #AC is not guaranteed and may vary with
     * implementation" (SDM vol. 2A, FXSAVE). */
    tolerance->vector = area && host->vector == X64_FAULT_AC;
    /* Which page of an area is missed first, and at which byte, is the processor's own: AMD's look
     * at the last byte first, and XSAVE at what it writes, not at XSTATE_BV (seen on Zen 5). */
    if (area && host->vector == X64_FAULT_PF) {
        tolerance->cr2 = UINT64_MAX;
        tolerance->error = X64_PF_PRESENT | X64_PF_WRITE;
    }
    /* Behind an unmasked overflow or underflow, PE tells of the result with an unbounded exponent,
     * which the handler may make of the operands (SDM vol. 1, 4.9.1.4-5); the emulator tells of the
     * masked response. */
    uint32_t mxcsr;
    memcpy(&mxcsr, host->after.extended + 24, sizeof mxcsr);
    if (host->vector == X64_FAULT_XM && (mxcsr & ~(mxcsr >> 7) & (MXCSR_OE | MXCSR_UE)))
        tolerance->mxcsr = MXCSR_PE;
}

struct oracle_tolerance oracle_tolerance(const struct oracle_instruction *instruction,
                                         const struct x64i_isa_row *row,
                                         const struct oracle_case *c,
                                         const struct oracle_result *host,
                                         const struct oracle_result *guest)
{
    struct oracle_tolerance tolerance = {0};
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    if (instruction->undefined) {
        tolerance.nothing = is_other_move_of_cr8(row, host);
        return tolerance;
    }
    tolerance.nothing = is_open(decoded, host, guest);
    /* Without an operand in memory FDP is undefined (SDM vol. 1, 8.1.8). */
    tolerance.fpu_data =
        !(decoded->attributes & ZYDIS_ATTRIB_HAS_MODRM) || decoded->raw.modrm.mod == 3;
    if (host->vector == ORACLE_NO_VECTOR)
        tolerate_result(instruction, row, c, &tolerance);
    else
        tolerate_fault(decoded, host, guest, &tolerance);
    return tolerance;
}

static void print_flags(FILE *out, uint64_t flags)
{
    for (size_t i = 0; i < FLAG_NAMES; i++)
        if (flags & flag_names[i].mask)
            fprintf(out, " %s", flag_names[i].name);
}

struct difference {
    FILE *out;
    bool found;
};

static void check(struct difference *d, const char *what, uint64_t host, uint64_t guest)
{
    if (host == guest)
        return;
    d->found = true;
    if (d->out)
        fprintf(d->out, "    %-8s host 0x%016" PRIx64 "  emulated 0x%016" PRIx64 "\n", what, host,
                guest);
}

static void check_flags(struct difference *d, uint64_t host, uint64_t guest)
{
    if (host == guest)
        return;
    d->found = true;
    if (!d->out)
        return;
    fprintf(d->out, "    rflags   host");
    print_flags(d->out, host);
    fprintf(d->out, "  emulated");
    print_flags(d->out, guest);
    fprintf(d->out, "\n");
}

static void check_vectors(struct difference *d, const uint8_t *host, const uint8_t *guest,
                          unsigned at, const char *kind)
{
    for (unsigned i = 0; i < 32; i++) {
        uint64_t h, g;
        char name[24];
        memcpy(&h, host + at + 8 * i, 8);
        memcpy(&g, guest + at + 8 * i, 8);
        if (h == g)
            continue;
        snprintf(name, sizeof name, "%s%u.%u", kind, i / 2, i % 2);
        check(d, name, h, g);
    }
}

static const uint8_t *line_of(const struct oracle_result *result, uint16_t line)
{
    uint32_t kept =
        result->changed_count < ORACLE_CHANGED_LINES ? result->changed_count : ORACLE_CHANGED_LINES;
    for (uint32_t i = 0; i < kept; i++)
        if (result->changed[i] == line)
            return result->line[i];
    return NULL;
}

/* The lines that `one` changed, against those of `other`. */
static void check_lines(struct difference *d, const struct oracle_result *one,
                        const struct oracle_result *other, const char *who)
{
    for (uint32_t i = 0; i < one->changed_count && i < ORACLE_CHANGED_LINES; i++) {
        const uint8_t *theirs = line_of(other, one->changed[i]);
        uint64_t linear = oracle_data_address(one->changed[i] * ORACLE_LINE);
        if (theirs && memcmp(theirs, one->line[i], ORACLE_LINE) == 0)
            continue;
        d->found = true;
        if (!d->out)
            continue;
        fprintf(d->out, "    memory   %s at 0x%" PRIx64 ":", who, linear);
        for (unsigned b = 0; b < ORACLE_LINE; b++)
            fprintf(d->out, "%s%02x", b % 8 ? "" : " ", one->line[i][b]);
        fprintf(d->out, "\n");
    }
}

/* The host's kernel hides whether its own half is mapped. */
static uint32_t visible_error(const struct oracle_result *result)
{
    bool hidden = result->vector == X64_FAULT_PF && result->cr2 >= PROCESS_END;
    return hidden ? result->error_code | X64_PF_PRESENT : result->error_code;
}

/* ZMM registers beyond what XMM and YMM show, and masks. */
static void check_avx512(struct difference *d, const uint8_t *host, const uint8_t *guest,
                         const struct oracle_layout *layout)
{
    char name[24];
    uint64_t h, g;
    for (unsigned reg = 0; reg < 32; reg++)
        for (unsigned at = reg < 16 ? 32 : 0; at < 64; at += 8) {
            uint32_t offset = oracle_vector_offset(layout, reg, at & ~15u) + at % 16;
            memcpy(&h, host + offset, 8);
            memcpy(&g, guest + offset, 8);
            snprintf(name, sizeof name, "zmm%u.%u", reg, at / 8);
            check(d, name, h, g);
        }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&h, host + layout->opmask + (size_t)8 * i, 8);
        memcpy(&g, guest + layout->opmask + (size_t)8 * i, 8);
        snprintf(name, sizeof name, "k%u", i);
        check(d, name, h, g);
    }
}

static bool same_avx512(const uint8_t *host, const uint8_t *guest,
                        const struct oracle_layout *layout)
{
    return memcmp(host + layout->zmm_high, guest + layout->zmm_high, 512) == 0 &&
           memcmp(host + layout->zmm_more, guest + layout->zmm_more, 1024) == 0 &&
           memcmp(host + layout->opmask, guest + layout->opmask, 64) == 0;
}

static void check_extended(struct difference *d, const uint8_t *host, const uint8_t *guest,
                           const struct oracle_shared *shared,
                           const struct oracle_tolerance *tolerance)
{
    uint32_t mask = shared->extended_mask;
    uint32_t host_mxcsr, guest_mxcsr;
    memcpy(&host_mxcsr, host + 24, sizeof host_mxcsr);
    memcpy(&guest_mxcsr, guest + 24, sizeof guest_mxcsr);
    check(d, "mxcsr", host_mxcsr & ~tolerance->mxcsr, guest_mxcsr & ~tolerance->mxcsr);
    struct oracle_x87_field fields[ORACLE_X87_FIELDS];
    unsigned count = oracle_x87_fields(host, guest, !tolerance->fpu_data, fields);
    for (unsigned i = 0; i < count; i++)
        check(d, fields[i].name, fields[i].host, fields[i].guest);
    check_vectors(d, host, guest, 160, "xmm");
    if (mask & 4)
        check_vectors(d, host, guest, ORACLE_YMM_OFFSET, "ymmh");
    if ((mask & ORACLE_AVX512) && !same_avx512(host, guest, &shared->layout))
        check_avx512(d, host, guest, &shared->layout);
}

bool oracle_equal(const struct oracle_result *host, const struct oracle_result *guest,
                  const struct oracle_tolerance *tolerance, const struct oracle_shared *shared,
                  FILE *out)
{
    struct difference d = {.out = out};
    check(&d, "outcome", host->outcome, guest->outcome);
    if (d.found || tolerance->nothing)
        return !d.found;
    if (!tolerance->vector) {
        check(&d, "vector", host->vector, guest->vector);
        check(&d, "error", visible_error(host) & ~tolerance->error,
              visible_error(guest) & ~tolerance->error);
        check(&d, "cr2", host->cr2 & ~tolerance->cr2, guest->cr2 & ~tolerance->cr2);
    }
    check(&d, "rip", host->after.rip, guest->after.rip);
    check_flags(&d, host->after.rflags & ~tolerance->flags,
                guest->after.rflags & ~tolerance->flags);
    /* Behind a branch into compatibility mode the host shows ESP, which its trap has pushed. */
    bool compatible = host->after.selector[X64_CS] == USER_CS_32;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t mask = compatible && i == X64_RSP ? UINT32_MAX : UINT64_MAX;
        if (tolerance->words >> i & 1)
            mask &= ~(uint64_t)UINT16_MAX;
        check(&d, x64_register_name((enum x64_register)i), host->after.gpr[i] & mask,
              guest->after.gpr[i] & mask);
    }
    check(&d, "fs.base", host->after.fs_base, guest->after.fs_base);
    check(&d, "gs.base", host->after.gs_base, guest->after.gs_base);
    for (unsigned i = X64_ES; i <= X64_GS; i++)
        check(&d, x64_segment_name((enum x64_segment_register)i), host->after.selector[i],
              guest->after.selector[i]);
    check_extended(&d, host->after.extended, guest->after.extended, shared, tolerance);
    if (!tolerance->memory) {
        check(&d, "lines", host->changed_count, guest->changed_count);
        check_lines(&d, host, guest, "host    ");
        check_lines(&d, guest, host, "emulated");
    }
    return !d.found;
}

/* Control and status words, tags and pointers as they lie in the image, then the registers. */
static void print_x87(const struct oracle_case *c, FILE *out)
{
    fprintf(out, "\n   ");
    for (unsigned i = 0; i < 32; i++)
        fprintf(out, "%s%02x", i % 8 ? "" : " ", c->before.extended[i]);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t significand;
        uint16_t sign_exponent;
        memcpy(&significand, c->before.extended + 32 + 16 * i, 8);
        memcpy(&sign_exponent, c->before.extended + 40 + 16 * i, 2);
        fprintf(out, "%sst%u=%04x:%016" PRIx64, i % 3 ? " " : "\n    ", i, sign_exponent,
                significand);
    }
}

static void print_registers(const struct oracle_case *c, FILE *out)
{
    const uint64_t *r = c->before.gpr;
    for (unsigned i = 0; i < 16; i++)
        fprintf(out, "%s%3s=%016" PRIx64,
                i % 4 ? " "
                : i   ? "\n    "
                      : "    ",
                x64_register_name((enum x64_register)i), r[i]);
    print_x87(c, out);
    fprintf(out, "\n    rip=%016" PRIx64 " fs=%016" PRIx64 " gs=%016" PRIx64 " flags",
            c->before.rip, c->before.fs_base, c->before.gs_base);
    print_flags(out, c->before.rflags);
    fprintf(out, "\n");
}

void oracle_print_case(const struct oracle_instruction *instruction, const struct oracle_case *c,
                       FILE *out)
{
    char text[96] = "(undefined)";
    if (!instruction->undefined) {
        ZydisFormatter formatter;
        (void)ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
        (void)ZydisFormatterFormatInstruction(&formatter, &instruction->decoded,
                                              instruction->operands,
                                              instruction->decoded.operand_count_visible, text,
                                              sizeof text, c->before.rip, ZYAN_NULL);
    }
    fprintf(out, "    ");
    for (unsigned i = 0; i < c->length; i++)
        fprintf(out, "%02x", c->bytes[i]);
    fprintf(out, "  %s\n", text);
    print_registers(c, out);
    for (unsigned i = 0; i < ORACLE_PATCHES && c->patch[i].size; i++) {
        fprintf(out, "    [0x%" PRIx64 "] =", oracle_data_address(c->patch[i].offset));
        for (uint32_t b = 0; b < c->patch[i].size; b++)
            fprintf(out, "%s%02x", b % 8 ? "" : " ", c->patch[i].bytes[b]);
        fprintf(out, "\n");
    }
}
