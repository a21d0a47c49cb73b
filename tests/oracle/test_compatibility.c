/* SPDX-License-Identifier: MIT */
/*
 * What only 32-bit code can execute, in compatibility mode, against QEMU's CPU (peer_32_main.c):
 * many hosts run no 32-bit code, so they cannot be asked. LDS, LES and far branches are not here:
 * the peer has no descriptor tables.
 */
#include "oracle/peer_32.h"

#include "cpu/support/machine.h"
#include "oracle/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATES_DEFAULT 500
#define ARITHMETIC     (X64I_CF | X64I_PF | X64I_AF | X64I_ZF | X64I_SF | X64I_OF)
#define VECTOR_OF      4u

_Static_assert(PEER_CODE == MACHINE_USER_CODE && PEER_DATA == MACHINE_USER_DATA, "one memory");

/* An encoding: hexadecimal digits, and
 *     ii  a random byte      jj  a small displacement of a branch
 *     rr  ModRM of two registers       mm  ModRM of a register and [EBX]
 *     ww  four bytes: an address in the window */
struct form {
    const char *text;
    const char *bytes;
    uint32_t undefined; /* flags (SDM vol. 2) */
};

#define AFTER_AAA (X64I_OF | X64I_SF | X64I_ZF | X64I_PF)
#define AFTER_AAM (X64I_OF | X64I_AF | X64I_CF)

static const struct form forms[] = {
    {"daa", "27", X64I_OF},
    {"das", "2f", X64I_OF},
    {"aaa", "37", AFTER_AAA},
    {"aas", "3f", AFTER_AAA},
    {"aam imm8", "d4ii", AFTER_AAM},
    {"aam 0", "d400", AFTER_AAM},
    {"aad imm8", "d5ii", AFTER_AAM},
    {"pushad", "60", 0},
    {"pusha", "6660", 0},
    {"popad", "61", 0},
    {"popa", "6661", 0},
    {"bound r32, m", "62mm", 0},
    {"bound r16, m", "6662mm", 0},
    {"arpl r16, r16", "63rr", 0},
    {"arpl m16, r16", "63mm", 0},
    {"into", "ce", 0},
    {"inc eax", "40", 0},
    {"inc ecx", "41", 0},
    {"inc bp", "6645", 0},
    {"inc edi", "47", 0},
    {"dec eax", "48", 0},
    {"dec edx", "4a", 0},
    {"dec si", "664e", 0},
    {"dec esp", "4c", 0},
    {"add r8, imm8 (82)", "82c1ii", 0},
    {"or r8, imm8 (82)", "82ccii", X64I_AF},
    {"adc r8, imm8 (82)", "82d2ii", 0},
    {"sbb m8, imm8 (82)", "821bii", 0},
    {"and m8, imm8 (82)", "8223ii", X64I_AF},
    {"sub r8, imm8 (82)", "82e9ii", 0},
    {"xor r8, imm8 (82)", "82f7ii", X64I_AF},
    {"cmp m8, imm8 (82)", "823bii", 0},
    {"mov al, moffs", "a0ww", 0},
    {"mov eax, moffs", "a1ww", 0},
    {"mov moffs, al", "a2ww", 0},
    {"mov moffs, ax", "66a3ww", 0},
    {"mov ecx, [disp32]", "8b0dww", 0},
    {"xchg [disp32], edx", "8715ww", 0},
    {"jecxz", "e3jj", 0},
    {"jcxz", "67e3jj", 0},
    {"loop by ecx", "e2jj", 0},
    {"loope by cx", "67e1jj", 0},
    {"loopne by ecx", "e0jj", 0},
    {"push edx", "52", 0},
    {"push bx", "6653", 0},
    {"push esp", "54", 0},
    {"pop esi", "5e", 0},
    {"pop bp", "665d", 0},
    {"pop esp", "5c", 0},
    {"pop [ebx]", "8f03", 0},
    {"push [ebx]", "ff33", 0},
    {"push imm8", "6aii", 0},
    {"pushfd", "9c", 0},
    {"pushf", "669c", 0},
    {"call rel32", "e8jj000000", 0},
    {"jmp rel8", "ebjj", 0},
    {"leave", "c9", 0},
    {"enter imm8, 0", "c8ii0000", 0},
    {"enter 8, 1", "c8080001", 0},
    {"enter 8, 3", "c8080003", 0},
    {"cwde", "98", 0},
    {"cdq", "99", 0},
    {"sahf", "9e", 0},
    {"lahf", "9f", 0},
    {"imul r32, [ebx], imm8", "6bmmii", X64I_SF | X64I_ZF | X64I_AF | X64I_PF},
    {"mul [ebx]", "f723", X64I_SF | X64I_ZF | X64I_AF | X64I_PF},
    {"adc r32, [ebx]", "13mm", 0},
    {"sbb [ebx], r32", "19mm", 0},
    {"lodsd", "ad", 0},
    {"stosw", "66ab", 0},
    {"movsd", "a5", 0},
    {"cmpsb", "a6", 0},
    {"scasd", "af", 0},
};

/* The peer: one process for the whole suite. */
static struct {
    pid_t process;
    FILE *cases;
    FILE *results;
} peer;

static void start_peer(void)
{
    int to[2], from[2];
    ck_assert_int_eq(pipe(to), 0);
    ck_assert_int_eq(pipe(from), 0);
    peer.process = fork();
    ck_assert_int_ge(peer.process, 0);
    if (peer.process == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        (void)close(to[1]);
        (void)close(from[0]);
        (void)execl(COMPATIBILITY_PEER, COMPATIBILITY_PEER, (char *)NULL);
        _exit(127);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    peer.cases = fdopen(to[1], "wb");
    peer.results = fdopen(from[0], "rb");
    ck_assert(peer.cases && peer.results);
}

static void stop_peer(void)
{
    int status = 1;
    (void)fclose(peer.cases);
    (void)fclose(peer.results);
    ck_assert_int_eq(waitpid(peer.process, &status, 0), peer.process);
    ck_assert_int_eq(status, 0);
}

static void ask_peer(const struct peer_case *c, struct peer_result *r)
{
    bool answered = fwrite(c, sizeof *c, 1, peer.cases) == 1 && fflush(peer.cases) == 0 &&
                    fread(r, sizeof *r, 1, peer.results) == 1;
    if (!answered)
        ck_abort_msg("the peer is gone");
}

static uint8_t random_byte(struct oracle_random *random)
{
    return (uint8_t)oracle_random_value(random);
}

/* Appends what a pair of letters or digits stands for. */
static void append(struct peer_case *c, const char *pair, struct oracle_random *random)
{
    const char digits[3] = {pair[0], pair[1], '\0'};
    uint32_t address = PEER_DATA + oracle_random_below(random, PEER_WINDOW - 8);
    uint8_t registers = (uint8_t)oracle_random_below(random, 64);
    switch (pair[0]) {
    case 'i':
        c->bytes[c->length++] = random_byte(random);
        break;
    case 'j':
        c->bytes[c->length++] = (uint8_t)oracle_random_below(random, 0x70);
        break;
    case 'r':
        c->bytes[c->length++] = (uint8_t)(0xc0 | registers);
        break;
    case 'm':
        c->bytes[c->length++] = (uint8_t)((registers & 0x38) | PEER_EBX);
        break;
    case 'w':
        memcpy(c->bytes + c->length, &address, sizeof address);
        c->length += sizeof address;
        break;
    default:
        c->bytes[c->length++] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

/* Pointers are in the window, with room on both sides for what PUSHA and ENTER do. */
static struct peer_case make_case(const struct form *form, uint64_t number)
{
    static const uint8_t pointers[] = {PEER_EBX, PEER_ESP, PEER_EBP, PEER_ESI, PEER_EDI};
    struct oracle_random random = oracle_random_for(1, form->bytes, number);
    struct peer_case c = {0};
    for (const char *at = form->bytes; *at; at += 2)
        append(&c, at, &random);
    oracle_random_bytes(&random, c.memory, sizeof c.memory);
    for (unsigned i = 0; i < 8; i++)
        c.gpr[i] = (uint32_t)oracle_random_value(&random);
    if (oracle_random_once_in(&random, 3))
        c.gpr[PEER_ECX] &= 0xffff0000u;
    for (size_t i = 0; i < sizeof pointers; i++)
        c.gpr[pointers[i]] =
            PEER_DATA + PEER_WINDOW / 2 + oracle_random_below(&random, PEER_WINDOW / 8);
    c.eflags = 0x202u | ((uint32_t)oracle_random_next(&random) & (ARITHMETIC | X64I_DF));
    return c;
}

static void run_guest(struct machine *m, const struct peer_case *c, struct peer_result *r)
{
    machine_enter(m, MACHINE_USER_32);
    for (unsigned i = 0; i < PEER_BYTES; i++)
        machine_write(m, PEER_CODE + i, 1, c->bytes[i]);
    for (unsigned i = 0; i < PEER_WINDOW; i += 8) {
        uint64_t word;
        memcpy(&word, c->memory + i, sizeof word);
        machine_write(m, PEER_DATA + i, 8, word);
    }
    for (unsigned i = 0; i < 8; i++)
        m->cpu.s.gpr[i] = c->gpr[i];
    m->cpu.s.rflags = c->eflags;
    machine_step(m);
    r->vector = PEER_NO_VECTOR;
    for (unsigned vector = 0; vector < 32; vector++)
        if (m->cpu.s.rip == machine_handler(vector))
            r->vector = vector;
    for (unsigned i = 0; i < 8; i++)
        r->gpr[i] = (uint32_t)m->cpu.s.gpr[i];
    r->eflags = (uint32_t)m->cpu.s.rflags;
    r->eip = (uint32_t)m->cpu.s.rip;
    for (unsigned i = 0; i < PEER_WINDOW; i += 8) {
        uint64_t word = machine_read(m, PEER_DATA + i, 8);
        memcpy(r->memory + i, &word, sizeof word);
    }
}

static void check(const struct form *form, const struct peer_case *c, uint64_t number,
                  const char *what, uint32_t ours, uint32_t theirs)
{
    if (ours == theirs)
        return;
    char bytes[2 * PEER_BYTES + 1] = "";
    for (uint32_t i = 0; i < c->length; i++)
        (void)snprintf(bytes + 2 * (size_t)i, 3, "%02x", c->bytes[i]);
    ck_abort_msg("%s (%s), case %llu: %s is %#x, the peer's %#x\n"
                 "eax %#x ecx %#x edx %#x ebx %#x esp %#x ebp %#x esi %#x edi %#x eflags %#x",
                 form->text, bytes, (unsigned long long)number, what, ours, theirs, c->gpr[0],
                 c->gpr[1], c->gpr[2], c->gpr[3], c->gpr[4], c->gpr[5], c->gpr[6], c->gpr[7],
                 c->eflags);
}

static void compare(const struct form *form, const struct peer_case *c, uint64_t number,
                    const struct peer_result *ours, const struct peer_result *theirs)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    uint32_t flags = (ARITHMETIC | X64I_DF) & ~form->undefined;
    check(form, c, number, "vector", ours->vector, theirs->vector);
    if (ours->vector != PEER_NO_VECTOR)
        return;
    for (unsigned i = 0; i < 8; i++)
        check(form, c, number, names[i], ours->gpr[i], theirs->gpr[i]);
    check(form, c, number, "eflags", ours->eflags & flags, theirs->eflags & flags);
    check(form, c, number, "eip", ours->eip, theirs->eip);
    for (unsigned i = 0; i < PEER_WINDOW; i++)
        check(form, c, number, "a byte in memory", ours->memory[i], theirs->memory[i]);
}

START_TEST(test_compatibility_mode_agrees_with_the_peer)
{
    const struct form *form = &forms[_i];
    const char *states = getenv("X64_ORACLE_STATES");
    uint64_t count = states ? strtoull(states, NULL, 10) : STATES_DEFAULT;
    struct machine *m = machine_create("golden_cove");
    struct machine_gate gate = machine_default_gate(VECTOR_OF);
    gate.dpl = 3; /* INTO is a software interrupt: the gate must let it in */
    machine_set_gate(m, VECTOR_OF, gate);
    start_peer();
    ck_assert_uint_gt(count, 0);
    for (uint64_t number = 0; number < count; number++) {
        struct peer_case c = make_case(form, number);
        struct peer_result ours = {0}, theirs;
        ask_peer(&c, &theirs);
        run_guest(m, &c, &ours);
        compare(form, &c, number, &ours, &theirs);
    }
    stop_peer();
    machine_destroy(m);
}
END_TEST

static Suite *compatibility_suite(void)
{
    Suite *suite = suite_create("compatibility");
    TCase *tcase = tcase_create("peer");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_compatibility_mode_agrees_with_the_peer, 0,
                        (int)(sizeof forms / sizeof forms[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(compatibility_suite())
