/* SPDX-License-Identifier: MIT */
#include "kernel_model/guest.h"

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE_LINEAR 0x400000u
#define CODE_OFFSET 0x1000u

static void keep_output(void *user, int stream, const void *bytes, size_t size)
{
    struct guest *guest = user;
    (void)stream;
    size_t room = sizeof guest->output - 1 - guest->output_size;
    size = size < room ? size : room;
    memcpy(guest->output + guest->output_size, bytes, size);
    guest->output_size += size;
    guest->output[guest->output_size] = '\0';
}

static void keep_log(void *user, enum x64_log_level level, const char *message)
{
    struct guest *guest = user;
    size_t length = strlen(guest->log);
    (void)level;
    (void)snprintf(guest->log + length, sizeof guest->log - length, "%s\n", message);
}

static size_t give_input(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    struct guest *guest = user;
    if (kind != X64_INPUT_CONSOLE) {
        memset(buffer, 0x5a, size);
        return size;
    }
    size_t length = strlen(guest->input);
    length = length < size ? length : size;
    memcpy(buffer, guest->input, length);
    guest->input += length;
    return length;
}

static enum x64_status start(struct guest *guest, const struct guest_config *config,
                             struct x64_error_text *error)
{
    const char *const binds[] = {config->bind, NULL};
    struct x64_config machine = {
        .struct_size = sizeof machine,
        .cpu_model = config->cpu ? config->cpu : "skylake",
        .memory_size = config->memory_size,
        .history_interval = config->history_interval,
        .host = {.user = guest, .output = keep_output, .log = keep_log},
    };
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .entry = config->entry,
                                       .kernel = config->kernel,
                                       .program = config->program,
                                       .argv = config->argv,
                                       .envp = config->envp,
                                       .root = config->root,
                                       .binds = config->bind ? binds : NULL,
                                       .task_limit = config->task_limit,
                                       .output_limit = config->output_limit};
    *guest = (struct guest){.input = config->input};
    if (config->input)
        machine.host.input = give_input;
    ck_assert_int_eq(x64_machine_create(&machine, &guest->machine), X64_OK);
    if (config->mitigations)
        ck_assert_int_eq(x64_mitigations_parse(config->mitigations, &kernel.mitigations, error),
                         X64_OK);
    return x64_kernel_attach(guest->machine, &kernel, error);
}

void guest_start(struct guest *guest, const struct guest_config *config)
{
    struct x64_error_text error = {{0}};
    enum x64_status status = start(guest, config, &error);
    ck_assert_msg(status == X64_OK, "entry %s, mitigations %s: %s",
                  config->kernel ? config->kernel : config->entry, config->mitigations, error.text);
}

enum x64_status guest_refused(const struct guest_config *config, struct x64_error_text *error)
{
    struct guest guest;
    enum x64_status status = start(&guest, config, error);
    guest_end(&guest);
    return status;
}

struct x64_stop guest_run(struct guest *guest)
{
    struct x64_stop stop = {0};
    ck_assert_int_eq(x64_run(guest->machine, GUEST_STEPS, &stop), X64_OK);
    return stop;
}

void guest_end(struct guest *guest)
{
    x64_machine_destroy(guest->machine);
    guest->machine = NULL;
}

struct x64_registers guest_registers(struct guest *guest)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(guest->machine, &registers), X64_OK);
    return registers;
}

uint64_t guest_symbol(struct guest *guest, const char *name)
{
    uint64_t linear = 0;
    ck_assert_msg(x64_symbol_find(guest->machine, name, &linear) == X64_OK, "no symbol %s", name);
    return linear;
}

uint64_t guest_word(struct guest *guest, uint64_t linear)
{
    uint64_t value = 0;
    ck_assert_msg(x64_memory_read_virt(guest->machine, linear, &value, sizeof value) == X64_OK,
                  "nothing at %#llx", (unsigned long long)linear);
    return value;
}

void guest_run_to(struct guest *guest, const char *symbol)
{
    uint64_t linear = guest_symbol(guest, symbol);
    struct x64_registers registers;
    for (unsigned i = 0; i < 1000000; i++) {
        struct x64_stop stop;
        ck_assert_int_eq(x64_run(guest->machine, 1, &stop), X64_OK);
        ck_assert_int_eq(x64_registers_read(guest->machine, &registers), X64_OK);
        if (registers.rip == linear)
            return;
        ck_assert_msg(stop.reason == X64_STOP_BUDGET, "the guest ended before %s: %s", symbol,
                      guest->log);
    }
    ck_abort_msg("never came to %s", symbol);
}

const char *guest_program(unsigned slot, const void *code, size_t size)
{
    static char paths[4][64];
    uint8_t headers[CODE_OFFSET] = {0};
    Elf64_Ehdr file = {.e_type = ET_EXEC,
                       .e_machine = EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_entry = CODE_LINEAR,
                       .e_phoff = sizeof file,
                       .e_ehsize = sizeof file,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 1};
    Elf64_Phdr segment = {.p_type = PT_LOAD,
                          .p_flags = PF_R | PF_W | PF_X,
                          .p_offset = CODE_OFFSET,
                          .p_vaddr = CODE_LINEAR,
                          .p_filesz = size,
                          .p_memsz = size + 0x3000};
    memcpy(file.e_ident, ELFMAG, SELFMAG);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_ident[EI_DATA] = ELFDATA2LSB;
    file.e_ident[EI_VERSION] = EV_CURRENT;
    memcpy(headers, &file, sizeof file);
    memcpy(headers + sizeof file, &segment, sizeof segment);
    (void)snprintf(paths[slot], sizeof paths[slot], "/tmp/x64emu-guest-%d-%u", (int)getpid(), slot);
    FILE *out = fopen(paths[slot], "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(headers, 1, sizeof headers, out), sizeof headers);
    ck_assert_uint_eq(fwrite(code, 1, size, out), size);
    ck_assert_int_eq(fclose(out), 0);
    return paths[slot];
}
