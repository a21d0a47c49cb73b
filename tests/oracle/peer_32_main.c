/* SPDX-License-Identifier: MIT */
/*
 * Executes single 32-bit instructions in Unicorn, which is QEMU's CPU: a program of its own, for
 * its licence is the GPL. Reads cases from standard input, writes their results to standard output.
 */
#include "oracle/peer_32.h"

#include <stdio.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define VECTOR_UD 6

static const int registers[8] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                                 UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

static void note_vector(uc_engine *engine, uint32_t vector, void *user)
{
    *(uint32_t *)user = vector;
    (void)uc_emu_stop(engine);
}

static uc_err prepare(uc_engine *engine, const struct peer_case *c)
{
    uc_err error = uc_mem_write(engine, PEER_CODE, c->bytes, sizeof c->bytes);
    if (error == UC_ERR_OK)
        error = uc_ctl_remove_cache(engine, PEER_CODE, PEER_CODE + PEER_BYTES);
    if (error == UC_ERR_OK)
        error = uc_mem_write(engine, PEER_DATA, c->memory, sizeof c->memory);
    for (unsigned i = 0; i < 8 && error == UC_ERR_OK; i++)
        error = uc_reg_write(engine, registers[i], &c->gpr[i]);
    return error == UC_ERR_OK ? uc_reg_write(engine, UC_X86_REG_EFLAGS, &c->eflags) : error;
}

static uc_err run(uc_engine *engine, const struct peer_case *c, uint32_t *vector,
                  struct peer_result *r)
{
    *vector = PEER_NO_VECTOR;
    uc_err error = prepare(engine, c);
    if (error != UC_ERR_OK)
        return error;
    error = uc_emu_start(engine, PEER_CODE, 0, 0, 1);
    if (error == UC_ERR_INSN_INVALID)
        *vector = VECTOR_UD;
    else if (error != UC_ERR_OK && *vector == PEER_NO_VECTOR)
        return error;
    r->vector = *vector;
    for (unsigned i = 0; i < 8; i++)
        (void)uc_reg_read(engine, registers[i], &r->gpr[i]);
    (void)uc_reg_read(engine, UC_X86_REG_EFLAGS, &r->eflags);
    (void)uc_reg_read(engine, UC_X86_REG_EIP, &r->eip);
    return uc_mem_read(engine, PEER_DATA, r->memory, sizeof r->memory);
}

static uc_err open_engine(uc_engine **engine, uint32_t *vector)
{
    uc_hook hook;
    uc_err error = uc_open(UC_ARCH_X86, UC_MODE_32, engine);
    if (error == UC_ERR_OK)
        error = uc_mem_map(*engine, PEER_CODE, PEER_PAGE, UC_PROT_READ | UC_PROT_EXEC);
    if (error == UC_ERR_OK)
        error = uc_mem_map(*engine, PEER_DATA, PEER_PAGE, UC_PROT_READ | UC_PROT_WRITE);
    if (error == UC_ERR_OK)
        error = uc_hook_add(*engine, &hook, UC_HOOK_INTR, (void *)note_vector, vector, (uint64_t)1,
                            (uint64_t)0);
    return error;
}

int main(void)
{
    uc_engine *engine;
    struct peer_case c;
    uint32_t vector;
    uc_err error = open_engine(&engine, &vector);
    while (error == UC_ERR_OK && fread(&c, sizeof c, 1, stdin) == 1) {
        struct peer_result r = {0};
        error = run(engine, &c, &vector, &r);
        if (error == UC_ERR_OK && (fwrite(&r, sizeof r, 1, stdout) != 1 || fflush(stdout) != 0))
            return 1;
        /* The engine believes that it is still delivering the exception: the next is a #DF. */
        if (error == UC_ERR_OK && vector != PEER_NO_VECTOR) {
            (void)uc_close(engine);
            error = open_engine(&engine, &vector);
        }
    }
    if (error != UC_ERR_OK)
        (void)fprintf(stderr, "peer_32: Unicorn: %s\n", uc_strerror(error));
    return error != UC_ERR_OK;
}
