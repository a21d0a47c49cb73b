/* SPDX-License-Identifier: MIT */
/* A piece of code from an ELF file, by symbol or by addresses. */
#ifndef X64I_CLI_CODE_FILE_H
#define X64I_CLI_CODE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct cli_code_range {
    const char *path;
    const char *symbol; /* null: by addresses */
    uint64_t from, to;  /* linear; with a symbol, `to` 0 stands for its end */
    uint64_t loaded_at; /* out: the first byte's address */
};

/* Reads the code into `code`, which has room for `room` bytes. Answers a cli_status after saying
 * what is wrong. */
int cli_code_read(struct cli_code_range *range, uint8_t *code, size_t room, size_t *size);

#endif
