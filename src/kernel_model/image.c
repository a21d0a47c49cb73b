/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "kernel_model/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum x64_status x64i_image_fail(struct x64_image_error *error, enum x64_status status,
                                const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

/* Read the whole of an open file; *file is the caller's to free. */
static enum x64_status read_stream(FILE *stream, const char *path, struct x64i_bytes *file,
                                   struct x64_image_error *error)
{
    size_t room = (size_t)1 << 20;
    size_t size = 0;
    uint8_t *data = NULL;

    for (;;) {
        uint8_t *grown = realloc(data, room);
        if (grown == NULL) {
            free(data);
            return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory to read %.150s", path);
        }
        data = grown;
        size_t got = fread(data + size, 1, room - size, stream);
        size += got;
        if (size < room)
            break;
        if (room > X64I_IMAGE_SIZE_MAX) {
            free(data);
            return x64i_image_fail(error, X64_ERROR_LIMIT, "%.150s is larger than %zu bytes", path,
                                   X64I_IMAGE_SIZE_MAX);
        }
        room *= 2;
    }
    if (ferror(stream)) {
        int cause = errno;
        free(data);
        return x64i_image_fail(error, X64_ERROR_IO, "cannot read %.150s: %s", path,
                               strerror(cause));
    }
    *file = (struct x64i_bytes){data, size};
    return X64_OK;
}

/* Find "Linux version 6..." in the read-only data: linux_banner, which needs no symbol to be found.
 */
static enum x64_status find_banner(struct x64_kernel_image *image, struct x64_image_error *error)
{
    static const char start[] = "Linux version ";
    const char *text = "";
    size_t length = 0;

    for (size_t i = 0; i < image->segment_count && length == 0; i++) {
        const struct x64_image_segment *s = &image->segments[i];
        const uint8_t *at = s->data;
        const uint8_t *end = s->data + s->file_size;
        while (length == 0 &&
               (at = memmem(at, (size_t)(end - at), start, sizeof start - 1)) != NULL) {
            const uint8_t *digit = at + sizeof start - 1;
            if (digit < end && *digit >= '0' && *digit <= '9') {
                text = (const char *)at;
                length = strnlen(text, (size_t)(end - at));
            }
            at++;
        }
    }
    length = length > 1024 ? 1024 : length;
    image->banner = strndup(text, length);
    if (image->banner == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for the version");
    image->banner[strcspn(image->banner, "\n")] = 0;
    const char *release = length == 0 ? "" : image->banner + sizeof start - 1;
    image->release = strndup(release, strcspn(release, " "));
    return image->release != NULL
               ? X64_OK
               : x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for the version");
}

/* Symbols, types and alternatives may be missing, memory may not. */
static enum x64_status load_names(struct x64_kernel_image *image, struct x64_image_error *error)
{
    enum x64_status status = x64i_symbols_load(image, &image->symbols, &image->symbols_error);

    if (status == X64_ERROR_MEMORY)
        return x64i_image_fail(error, status, "%s", image->symbols_error.text);
    status = x64i_btf_load(image, &image->btf, &image->types_error);
    if (status == X64_ERROR_MEMORY)
        return x64i_image_fail(error, status, "%s", image->types_error.text);
    status = x64i_alternatives_load(image, &image->alternatives, &image->alternatives_error);
    if (status == X64_ERROR_MEMORY)
        return x64i_image_fail(error, status, "%s", image->alternatives_error.text);
    return x64i_features_load(image, &image->features, error);
}

enum x64_status x64i_image_null(struct x64_image_error *error)
{
    return x64i_image_fail(error, X64_ERROR_ARGUMENT, "a null pointer was given");
}

enum x64_status x64_kernel_image_open_memory(const void *data, size_t size,
                                             struct x64_kernel_image **image,
                                             struct x64_image_error *error)
{
    struct x64i_bytes file = {data, size};

    if (image == NULL || data == NULL)
        return x64i_image_fail(error, X64_ERROR_ARGUMENT, "no image to open");
    struct x64_kernel_image *made = calloc(1, sizeof *made);
    if (made == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for a kernel image");
    enum x64_status status = x64i_image_unpack(made, file, error);
    if (status == X64_OK)
        status = x64i_image_parse_elf(made, error);
    if (status == X64_OK)
        status = find_banner(made, error);
    if (status == X64_OK)
        status = load_names(made, error);
    if (status != X64_OK) {
        x64_kernel_image_close(made);
        return status;
    }
    *image = made;
    return X64_OK;
}

enum x64_status x64_kernel_image_open(const char *path, struct x64_kernel_image **image,
                                      struct x64_image_error *error)
{
    struct x64i_bytes file = {NULL, 0};

    if (path == NULL || image == NULL)
        return x64i_image_fail(error, X64_ERROR_ARGUMENT, "no image to open");
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return x64i_image_fail(error, X64_ERROR_IO, "cannot open %.150s: %s", path,
                               strerror(errno));
    enum x64_status status = read_stream(stream, path, &file, error);
    fclose(stream);
    if (status != X64_OK)
        return status;
    struct x64_image_error cause = {""};
    status = x64_kernel_image_open_memory(file.data, file.size, image, &cause);
    free((void *)file.data);
    if (status != X64_OK)
        x64i_image_fail(error, status, "%.90s: %.160s", path, cause.text);
    return status;
}

void x64_kernel_image_close(struct x64_kernel_image *image)
{
    if (image == NULL)
        return;
    x64i_symbols_free(&image->symbols);
    x64i_btf_free(&image->btf);
    x64i_alternatives_free(&image->alternatives);
    x64i_features_free(&image->features);
    free(image->sections);
    free(image->section_names);
    free(image->segments);
    free(image->banner);
    free(image->release);
    free(image->elf);
    free(image);
}

enum x64_status x64_kernel_image_info(const struct x64_kernel_image *image,
                                      struct x64_image_info *info)
{
    if (image == NULL || info == NULL)
        return X64_ERROR_ARGUMENT;
    *info = (struct x64_image_info){
        .release = image->release,
        .banner = image->banner,
        .compression = image->compression,
        .boot_protocol = image->boot_protocol,
        .entry = image->entry,
        .symbols = image->symbols.source,
        .symbols_missing = image->symbols.count == 0 ? image->symbols_error.text : NULL,
        .types_missing = image->btf.count == 0 ? image->types_error.text : NULL,
    };
    return X64_OK;
}

size_t x64_kernel_image_section_count(const struct x64_kernel_image *image)
{
    return image ? image->section_count : 0;
}

const struct x64_image_section *
x64_kernel_image_section_at_index(const struct x64_kernel_image *image, size_t index)
{
    return image && index < image->section_count ? &image->sections[index] : NULL;
}

size_t x64_kernel_image_segment_count(const struct x64_kernel_image *image)
{
    return image ? image->segment_count : 0;
}

const struct x64_image_segment *
x64_kernel_image_segment_at_index(const struct x64_kernel_image *image, size_t index)
{
    return image && index < image->segment_count ? &image->segments[index] : NULL;
}

const struct x64_image_section *x64_kernel_image_section(const struct x64_kernel_image *image,
                                                         const char *name)
{
    if (image == NULL || name == NULL)
        return NULL;
    for (size_t i = 0; i < image->section_count; i++)
        if (strcmp(image->sections[i].name, name) == 0)
            return &image->sections[i];
    return NULL;
}

const struct x64_image_segment *x64i_image_segment_of(const struct x64_kernel_image *image,
                                                      uint64_t linear)
{
    for (size_t i = 0; i < image->segment_count; i++)
        if (linear - image->segments[i].linear < image->segments[i].memory_size)
            return &image->segments[i];
    return NULL;
}

uint8_t *x64i_image_bytes(const struct x64_kernel_image *image, uint64_t linear, size_t size)
{
    const struct x64_image_segment *s = x64i_image_segment_of(image, linear);

    if (s == NULL || !x64i_range_ok(linear - s->linear, size, s->file_size))
        return NULL;
    return image->elf + (s->data - image->elf) + (linear - s->linear);
}

enum x64_status x64_kernel_image_read(const struct x64_kernel_image *image, uint64_t linear,
                                      void *buffer, size_t size)
{
    if (image == NULL || buffer == NULL)
        return X64_ERROR_ARGUMENT;
    const struct x64_image_segment *s = x64i_image_segment_of(image, linear);

    if (s == NULL || !x64i_range_ok(linear - s->linear, size, s->memory_size))
        return X64_ERROR_UNMAPPED;
    uint64_t offset = linear - s->linear;
    uint64_t in_file = offset < s->file_size ? s->file_size - offset : 0;
    size_t copied = size < in_file ? size : (size_t)in_file;
    if (copied > 0)
        memcpy(buffer, s->data + offset, copied);
    memset((uint8_t *)buffer + copied, 0, size - copied);
    return X64_OK;
}
