/* SPDX-License-Identifier: MIT */
#include "trace/recording.h"

#include "emu.h"
#include "kernel_model/kernel.h"
#include "state/file.h"
#include "state/save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC_SIZE (sizeof X64I_RECORDING_MAGIC - 1)

enum x64_status x64i_recording_begin(struct x64i_recording *recording, struct x64_machine *machine)
{
    const struct x64_config *config = x64i_machine_config(machine);
    *recording = (struct x64i_recording){.memory_size = config->memory_size,
                                         .first_step = x64_steps(machine)};
    (void)snprintf(recording->cpu_model, sizeof recording->cpu_model, "%s", config->cpu_model);
    return x64i_state_snapshot(x64i_machine_state(machine), &recording->snapshot);
}

void x64i_recording_free(struct x64i_recording *recording)
{
    x64i_snapshot_release(recording->snapshot);
    x64i_input_log_free(&recording->input);
    *recording = (struct x64i_recording){0};
}

/* Whether a terminal could take it for a command. */
static bool is_control(char byte)
{
    return (unsigned char)byte < ' ' || byte == 0x7f;
}

static void write_text(struct x64i_writer *writer, const char text[X64I_RECORDING_TEXT])
{
    char field[X64I_RECORDING_TEXT] = {0};
    (void)snprintf(field, sizeof field, "%s", text);
    for (size_t i = 0; field[i]; i++)
        if (is_control(field[i]))
            field[i] = '?';
    x64i_write(writer, field, sizeof field);
}

static void write_header(const struct x64i_recording *recording, const struct x64i_sink *sink)
{
    struct x64i_writer writer;
    x64i_writer_start(&writer, sink);
    x64i_write(&writer, X64I_RECORDING_MAGIC, MAGIC_SIZE);
    x64i_write(&writer, "\r\n", 2); /* what a transfer as text would change */
    x64i_write_u32(&writer, X64I_RECORDING_VERSION);
    x64i_write_u32(&writer, 0);
    x64i_write_u64(&writer, recording->memory_size);
    x64i_write_u64(&writer, recording->first_step);
    x64i_write_u64(&writer, recording->steps);
    x64i_write_u64(&writer, recording->hash);
    write_text(&writer, recording->cpu_model);
    write_text(&writer, recording->kernel);
    write_text(&writer, recording->mitigations);
    write_text(&writer, recording->program);
    (void)x64i_writer_finish(&writer);
}

enum x64_status x64i_recording_write(struct x64i_recording *recording, struct x64_machine *machine,
                                     const char *path, struct x64_error_text *error)
{
    struct x64i_file *file;
    recording->steps = x64_steps(machine);
    enum x64_status status = x64_hash(machine, &recording->hash);
    if (status == X64_OK)
        status = x64i_file_create(path, &file, error->text, sizeof error->text);
    if (status != X64_OK)
        return status;
    struct x64i_sink sink = x64i_file_sink(file); /* a failure of the file stays with it */
    write_header(recording, &sink);
    (void)x64i_snapshot_save(recording->snapshot, &sink);
    (void)x64i_input_log_save(x64i_machine_input_log(machine), &sink);
    return x64i_file_commit(file, error->text, sizeof error->text);
}

bool x64i_recording_recognize(const char *path)
{
    char magic[MAGIC_SIZE];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* opening a pipe could wait for ever */
        return false;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    bool is = fread(magic, 1, sizeof magic, stream) == sizeof magic &&
              memcmp(magic, X64I_RECORDING_MAGIC, sizeof magic) == 0;
    (void)fclose(stream);
    return is;
}

static size_t read_stream(void *user, void *data, size_t size)
{
    return fread(data, 1, size, user);
}

/* A text that fills its field to the end, or would steer the reader's terminal, is none of ours. */
static bool read_text(struct x64i_reader *reader, char text[X64I_RECORDING_TEXT])
{
    if (!x64i_read(reader, text, X64I_RECORDING_TEXT) || text[X64I_RECORDING_TEXT - 1] != '\0')
        return false;
    for (size_t i = 0; text[i]; i++)
        if (is_control(text[i]))
            return false;
    return true;
}

static enum x64_status read_header(const struct x64i_source *source,
                                   struct x64i_recording *recording, struct x64_error_text *error)
{
    struct x64i_reader reader;
    char magic[MAGIC_SIZE + 2];
    uint32_t version;
    uint32_t reserved;
    x64i_reader_start(&reader, source);
    if (!x64i_read(&reader, magic, sizeof magic) ||
        memcmp(magic, X64I_RECORDING_MAGIC "\r\n", sizeof magic) != 0)
        return x64i_refuse(error, X64_ERROR_FORMAT, "not a recording, or changed on its way");
    if (!x64i_read_u32(&reader, &version))
        return x64i_refuse(error, X64_ERROR_FORMAT, "the recording ends in its header");
    if (version != X64I_RECORDING_VERSION)
        return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                           "a recording of version %u, this program reads version %u: record it "
                           "again",
                           version, X64I_RECORDING_VERSION);
    bool whole =
        x64i_read_u32(&reader, &reserved) && x64i_read_u64(&reader, &recording->memory_size) &&
        x64i_read_u64(&reader, &recording->first_step) &&
        x64i_read_u64(&reader, &recording->steps) && x64i_read_u64(&reader, &recording->hash) &&
        read_text(&reader, recording->cpu_model) && read_text(&reader, recording->kernel) &&
        read_text(&reader, recording->mitigations) && read_text(&reader, recording->program);
    if (!whole || x64i_reader_finish(&reader) != X64_OK || recording->steps < recording->first_step)
        return x64i_refuse(error, X64_ERROR_FORMAT, "the recording's header is damaged");
    return X64_OK;
}

static enum x64_status read_sections(FILE *stream, struct x64i_recording *recording,
                                     struct x64_error_text *error)
{
    char message[200];
    const struct x64i_source source = {.read = read_stream, .user = stream};
    enum x64_status status = read_header(&source, recording, error);
    if (status != X64_OK)
        return status;
    status = x64i_snapshot_load(&source, &recording->snapshot, message, sizeof message);
    if (status != X64_OK)
        return x64i_refuse(error, status, "the recording's state: %s", message);
    status = x64i_input_log_load(&recording->input, &source);
    if (status != X64_OK)
        return x64i_refuse(error, status, "the recording's input log is damaged");
    if (fgetc(stream) != EOF)
        return x64i_refuse(error, X64_ERROR_FORMAT, "there is more behind the recording's end");
    return X64_OK;
}

enum x64_status x64i_recording_read(const char *path, struct x64i_recording *recording,
                                    struct x64_error_text *error)
{
    struct x64_error_text why = {{0}};
    struct x64i_recording read = {0};
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return x64i_refuse(error, X64_ERROR_IO, "%s: %s", path, strerror(errno));
    enum x64_status status = read_sections(stream, &read, &why);
    (void)fclose(stream);
    if (status != X64_OK) {
        x64i_recording_free(&read);
        return x64i_refuse(error, status, "%.100s: %.200s", path, why.text);
    }
    *recording = read;
    return X64_OK;
}

/* A snapshot's registers are as hostile as the rest of the file. */
static enum x64_status put_in(struct x64i_recording *recording, struct x64_machine *machine,
                              struct x64_error_text *error)
{
    enum x64_status status = x64i_kernel_attach_saved(machine, recording->snapshot, error);
    if (status != X64_OK)
        return status;
    if (x64i_snapshot_region_size(recording->snapshot, "ram") != recording->memory_size)
        return x64i_refuse(error, X64_ERROR_FORMAT, "its memory is not as large as it says");
    status = x64i_machine_restore(machine, recording->snapshot);
    if (status != X64_OK)
        return x64i_refuse(error, status,
                           "its state is not that of this version's machine: record it again");
    if (x64_steps(machine) != recording->first_step)
        return x64i_refuse(error, X64_ERROR_FORMAT, "its state is not that of its first step");
    if (x64i_machine_replay_input(machine, &recording->input) != X64_OK)
        return x64i_refuse(error, X64_ERROR_FORMAT, "its input log does not belong to its state");
    return X64_OK;
}

enum x64_status x64i_recording_open(struct x64i_recording *recording, const struct x64_host *host,
                                    uint64_t interval, struct x64_machine **out,
                                    struct x64_error_text *error)
{
    struct x64_machine *machine;
    struct x64_config config = {.struct_size = sizeof config,
                                .cpu_model = recording->cpu_model,
                                .memory_size = recording->memory_size,
                                .history_interval = interval,
                                .host = *host};
    if (recording->memory_size == 0)
        return x64i_refuse(error, X64_ERROR_FORMAT, "the recording is of a machine without memory");
    enum x64_status status = x64_machine_create(&config, &machine);
    if (status != X64_OK)
        return x64i_refuse(error, status, "the recorded machine (%.40s, %llu KiB) cannot be made",
                           recording->cpu_model, (unsigned long long)recording->memory_size / 1024);
    status = put_in(recording, machine, error);
    if (status != X64_OK) {
        x64_machine_destroy(machine);
        return status;
    }
    *out = machine;
    return X64_OK;
}
