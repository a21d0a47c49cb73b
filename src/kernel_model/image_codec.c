/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* The decoder may ask for this much besides the output: the kernel's xz dictionary is 32 MiB. */
#define XZ_MEMORY_MAX ((uint64_t)256 << 20)

/* Documentation/lz4_Frame_format: a legacy frame's blocks hold 8 MiB each, the last one less. */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

static enum x64_status unpack_gzip(struct x64i_bytes packed, uint8_t *out, size_t size,
                                   struct x64_image_error *error)
{
    z_stream stream = {.next_in = (Bytef *)packed.data,
                       .avail_in = (uInt)packed.size,
                       .next_out = out,
                       .avail_out = (uInt)size};

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory to unpack gzip");
    int code = inflate(&stream, Z_FINISH);
    size_t got = size - stream.avail_out;
    inflateEnd(&stream);
    if (code != Z_STREAM_END || got != size)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the gzip payload is damaged after %zu of %zu unpacked bytes", got,
                               size);
    return X64_OK;
}

static enum x64_status run_lzma(lzma_stream *stream, lzma_ret code, const char *name,
                                struct x64i_bytes packed, uint8_t *out, size_t size,
                                struct x64_image_error *error)
{
    if (code != LZMA_OK)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory to unpack %s", name);
    stream->next_in = packed.data;
    stream->avail_in = packed.size;
    stream->next_out = out;
    stream->avail_out = size;
    code = lzma_code(stream, LZMA_FINISH);
    size_t got = size - stream->avail_out;
    /* A .lzma file need not carry an end marker: then the last byte is the end. */
    bool ended = code == LZMA_STREAM_END || (code == LZMA_OK && got == size);
    lzma_end(stream);
    if (!ended || got != size)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the %s payload is damaged after %zu of %zu unpacked bytes", name,
                               got, size);
    return X64_OK;
}

static enum x64_status unpack_xz(struct x64i_bytes packed, uint8_t *out, size_t size,
                                 struct x64_image_error *error)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret code = lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0);

    return run_lzma(&stream, code, "xz", packed, out, size, error);
}

static enum x64_status unpack_lzma(struct x64i_bytes packed, uint8_t *out, size_t size,
                                   struct x64_image_error *error)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret code = lzma_alone_decoder(&stream, XZ_MEMORY_MAX);

    return run_lzma(&stream, code, "lzma", packed, out, size, error);
}

static enum x64_status unpack_lz4(struct x64i_bytes packed, uint8_t *out, size_t size,
                                  struct x64_image_error *error)
{
    size_t in = 0;
    size_t got = 0;

    while (x64i_range_ok(in, 4, packed.size)) {
        uint32_t length = x64i_le32(packed.data + in);
        in += 4;
        if (length == LZ4_LEGACY_MAGIC)
            continue;
        if (length == 0 || length > INT32_MAX || !x64i_range_ok(in, length, packed.size))
            return x64i_image_fail(error, X64_ERROR_FORMAT,
                                   "the lz4 block at payload offset %zu claims %u bytes, of %zu",
                                   in - 4, length, packed.size - in);
        size_t room = size - got < LZ4_LEGACY_BLOCK ? size - got : LZ4_LEGACY_BLOCK;
        int n = LZ4_decompress_safe((const char *)packed.data + in, (char *)out + got, (int)length,
                                    (int)room);
        if (n <= 0)
            return x64i_image_fail(error, X64_ERROR_FORMAT,
                                   "the lz4 block at payload offset %zu is damaged", in - 4);
        in += length;
        got += (size_t)n;
    }
    if (got != size)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the lz4 payload ends after %zu of %zu unpacked bytes", got, size);
    return X64_OK;
}

static enum x64_status unpack_zstd(struct x64i_bytes packed, uint8_t *out, size_t size,
                                   struct x64_image_error *error)
{
    size_t got = ZSTD_decompress(out, size, packed.data, packed.size);

    if (ZSTD_isError(got))
        return x64i_image_fail(error, X64_ERROR_FORMAT, "the zstd payload is damaged: %s",
                               ZSTD_getErrorName(got));
    if (got != size)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the zstd payload ends after %zu of %zu unpacked bytes", got, size);
    return X64_OK;
}

/* lib/decompress.c of the kernel knows the same magics. Those without a function are refused. */
static const struct codec {
    const char *name;
    uint8_t magic[6];
    uint8_t magic_size;
    uint8_t
        trailer; /* bytes of the unpacked size after the stream; gzip's own trailer ends with it */
    enum x64_status (*unpack)(struct x64i_bytes packed, uint8_t *out, size_t size,
                              struct x64_image_error *error);
} codecs[] = {
    {"gzip", {0x1f, 0x8b}, 2, 0, unpack_gzip},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, 4, unpack_xz},
    {"lzma", {0x5d, 0, 0}, 3, 4, unpack_lzma},
    {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, 4, unpack_lz4},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, 4, unpack_zstd},
    {"bzip2", {'B', 'Z', 'h'}, 3, 4, NULL},
    {"lzo", {0x89, 'L', 'Z', 'O'}, 4, 4, NULL},
};

enum x64_status x64i_image_decompress(struct x64i_bytes packed, uint8_t *out, size_t size,
                                      const char **name, struct x64_image_error *error)
{
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        const struct codec *codec = &codecs[i];
        if (packed.size < (size_t)codec->magic_size + codec->trailer ||
            memcmp(packed.data, codec->magic, codec->magic_size) != 0)
            continue;
        if (codec->unpack == NULL)
            return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                                   "the payload is packed with %s; gzip, xz, lzma, lz4 and zstd "
                                   "can be unpacked",
                                   codec->name);
        packed.size -= codec->trailer;
        enum x64_status status = codec->unpack(packed, out, size, error);
        if (status == X64_OK)
            *name = codec->name;
        return status;
    }
    uint8_t start[4] = {0};
    memcpy(start, packed.data, packed.size < 4 ? packed.size : 4);
    return x64i_image_fail(
        error, X64_ERROR_UNSUPPORTED,
        "the payload starts with %02x %02x %02x %02x, which is none of gzip, xz, "
        "lzma, lz4, zstd",
        start[0], start[1], start[2], start[3]);
}
