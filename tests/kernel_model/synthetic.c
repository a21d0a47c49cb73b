/* SPDX-License-Identifier: MIT */
#include "kernel_model/synthetic.h"

#include <check.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define TEXT_SIZE   0x1000u
#define TOKEN_SPACE 1 /* the token that stands for "symbol_" */
#define LONG_NAME   200u

/* A file that grows. */
struct buffer {
    uint8_t *data;
    size_t size;
};

/* The sections, in file order. */
enum section {
    SECTION_NULL,
    SECTION_TEXT,
    SECTION_RODATA,
    SECTION_BTF,
    SECTION_PER_CPU,
    SECTION_ALTERNATIVES,
    SECTION_REPLACEMENTS,
    SECTION_NAMES,
    SECTION_COUNT
};

static void put(struct buffer *buffer, const void *data, size_t size)
{
    buffer->data = realloc(buffer->data, buffer->size + size + 1);
    ck_assert_ptr_nonnull(buffer->data);
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

static void put_number(struct buffer *buffer, uint64_t value, size_t width)
{
    put(buffer, &value, width);
}

static void align(struct buffer *buffer, size_t alignment)
{
    while (buffer->size % alignment != 0)
        put_number(buffer, 0, 1);
}

/* A name in the compressed form: the type and every character is a token of its own, "symbol_" one.
 */
static void put_name(struct buffer *names, const char *name)
{
    struct buffer tokens = {NULL, 0};
    const char *prefix = "symbol_";

    put(&tokens, name, 1);
    name++;
    if (strncmp(name, prefix, strlen(prefix)) == 0) {
        put_number(&tokens, TOKEN_SPACE, 1);
        name += strlen(prefix);
    }
    put(&tokens, name, strlen(name));
    if (tokens.size >= 0x80)
        put_number(names, (tokens.size & 0x7f) | 0x80, 1);
    put_number(names, tokens.size >= 0x80 ? tokens.size >> 7 : tokens.size, 1);
    put(names, tokens.data, tokens.size);
    free(tokens.data);
}

/* token_table and token_index. */
static void put_tokens(struct buffer *out)
{
    struct buffer index = {NULL, 0};

    align(out, 8);
    size_t start = out->size;
    for (unsigned i = 0; i < 256; i++) {
        char text[16] = {(char)i, 0};
        bool single =
            (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z') || i == '_';
        if (!single)
            snprintf(text, sizeof text, "%s", i == TOKEN_SPACE ? "symbol_" : "in");
        put_number(&index, out->size - start, 2);
        put(out, text, strlen(text) + 1);
    }
    align(out, 8);
    put(out, index.data, index.size);
    align(out, 8);
    free(index.data);
}

/* The symbols' names, addresses and markers. */
struct table {
    struct buffer names;
    struct buffer markers;
    struct buffer offsets;
    unsigned count;
    enum synthetic_kallsyms layout;
};

static void put_symbol(struct table *table, const char *name, uint64_t address, bool absolute)
{
    if (table->count % 256 == 0)
        put_number(&table->markers, table->names.size, table->layout == KALLSYMS_64_BIT ? 8 : 4);
    put_name(&table->names, name);
    uint64_t offset = address - SYNTHETIC_TEXT;
    if (table->layout == KALLSYMS_64_BIT)
        put_number(&table->offsets, address, 8);
    else if (table->layout == KALLSYMS_PLAIN || table->layout == KALLSYMS_7_0)
        put_number(&table->offsets, offset, 4);
    else
        put_number(&table->offsets, absolute ? address : UINT64_C(0xffffffff) - offset, 4);
    table->count++;
}

static void put_symbols(struct table *table)
{
    char name[LONG_NAME + 2];

    if (table->layout != KALLSYMS_PLAIN && table->layout != KALLSYMS_7_0) {
        put_symbol(table, "A__per_cpu_start", 0, true);
        put_symbol(table, "Aa_variable", SYNTHETIC_VARIABLE, true);
        put_symbol(table, "A__per_cpu_end", SYNTHETIC_PER_CPU, true);
    }
    for (unsigned i = 0; i < SYNTHETIC_SYMBOLS; i++) {
        snprintf(name, sizeof name, "Tsymbol_%u", i);
        put_symbol(table, name, SYNTHETIC_TEXT + i, false);
    }
    memset(name, 'x', sizeof name);
    name[0] = 't';
    name[LONG_NAME + 1] = 0;
    put_symbol(table, name, SYNTHETIC_TEXT + SYNTHETIC_SYMBOLS, false);
}

/* The offsets as distances from themselves: the file starts 4 KiB before .text. */
static void put_distances(struct buffer *out, const struct table *table)
{
    for (unsigned i = 0; i < table->count; i++) {
        uint32_t offset;
        memcpy(&offset, table->offsets.data + (size_t)i * 4, 4);
        put_number(out, offset - (out->size - 0x1000), 4);
    }
}

static void put_kallsyms(struct buffer *out, enum synthetic_kallsyms layout)
{
    struct table table = {.layout = layout};
    bool offsets_first = layout == KALLSYMS_6_1 || layout == KALLSYMS_6_2;

    put_symbols(&table);
    align(&table.offsets, 8);
    align(out, 8);
    if (offsets_first || layout == KALLSYMS_64_BIT)
        put(out, table.offsets.data, table.offsets.size);
    if (offsets_first)
        put_number(out, SYNTHETIC_TEXT, 8);
    put_number(out, table.count, 8);
    put(out, table.names.data, table.names.size);
    align(out, 8);
    put(out, table.markers.data, table.markers.size);
    align(out, 8);
    for (unsigned i = 0; layout == KALLSYMS_6_2 && i < table.count; i++)
        put(out, "\x11\x22\x33", 3);
    put_tokens(out);
    if (layout == KALLSYMS_7_0)
        put_distances(out, &table);
    else if (!offsets_first && layout != KALLSYMS_64_BIT) {
        put(out, table.offsets.data, table.offsets.size);
        put_number(out, SYNTHETIC_TEXT, 8);
    }
    free(table.names.data);
    free(table.markers.data);
    free(table.offsets.data);
}

/*
 * BTF for: struct thing { int a; struct { long b; union { char c[10]; int d; }; }; struct inner i;
 * }; struct inner { int x : 3; int y : 5; }; enum { RED = -1, BLUE = 7 }.
 */
static void put_btf(struct buffer *out)
{
    static const char strings[] = "\0int\0long\0char\0thing\0a\0b\0c\0d\0i\0inner\0x\0y\0RED\0BLUE";
    enum { INT = 1, LONG = 5, CHAR = 10, THING = 15, A = 21, B = 23, C = 25, D = 27, I = 29 };
    enum { INNER = 31, X = 37, Y = 39, RED = 41, BLUE = 45 };
    const uint32_t flag = 1u << 31;
    const uint32_t types[] = {
        INT,
        1u << 24,
        4,
        32, /* 1: int */
        LONG,
        1u << 24,
        8,
        64, /* 2: long */
        CHAR,
        1u << 24,
        1,
        8, /* 3: char */
        0,
        3u << 24,
        0,
        3,
        1,
        10, /* 4: char[10] */
        0,
        5u << 24 | 2,
        12,
        C,
        4,
        0,
        D,
        1,
        0, /* 5: the union */
        0,
        4u << 24 | 2,
        24,
        B,
        2,
        0,
        0,
        5,
        64, /* 6: its struct */
        INNER,
        4u << 24 | 2 | flag,
        4,
        X,
        1,
        3u << 24,
        Y,
        1,
        5u << 24 | 3, /* 7: struct inner */
        THING,
        4u << 24 | 3,
        40,
        A,
        1,
        0,
        0,
        6,
        64,
        I,
        7,
        256, /* 8: struct thing */
        0,
        6u << 24 | 2 | flag,
        4,
        RED,
        UINT32_MAX,
        BLUE,
        7, /* 9: the enum */
    };
    uint32_t header[] = {0x0001eb9f, 24, 0, sizeof types, sizeof types, sizeof strings};

    put(out, header, sizeof header);
    put(out, types, sizeof types);
    put(out, strings, sizeof strings);
}

/* One record of 14 bytes: five NOPs at the start of .text become a call, if feature 9*32+20 is
 * there. */
static void put_alternative(struct buffer *out, uint64_t record, uint64_t replacement)
{
    put_number(out, SYNTHETIC_TEXT - record, 4);
    put_number(out, replacement - (record + 4), 4);
    put_number(out, 9 * 32 + 20, 2);
    put_number(out, 0, 2);
    put_number(out, 5, 1);
    put_number(out, 5, 1);
}

static void put_text(struct buffer *out)
{
    size_t end = out->size + TEXT_SIZE;

    put(out, "\x90\x90\x90\x90\x90\xc3", 6);
    while (out->size < end)
        put_number(out, 0xcc, 1);
}

/* A section header whose address follows from its place in the file, like all of this image's. */
static Elf64_Shdr section_at(size_t offset, size_t size, uint64_t flags, uint32_t name)
{
    return (Elf64_Shdr){.sh_name = name,
                        .sh_type = SHT_PROGBITS,
                        .sh_flags = flags,
                        .sh_addr = flags == 0 ? 0 : SYNTHETIC_TEXT + offset - 0x1000,
                        .sh_offset = offset,
                        .sh_size = size};
}

static void put_headers(struct buffer *file, const Elf64_Shdr *sections)
{
    const Elf64_Shdr *per_cpu = &sections[SECTION_PER_CPU];
    size_t loaded = sections[SECTION_NAMES].sh_offset - 0x1000;
    Elf64_Phdr segments[2] = {
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_offset = 0x1000,
         .p_vaddr = SYNTHETIC_TEXT,
         .p_paddr = 0x1000000,
         .p_filesz = loaded,
         .p_memsz = loaded + 0x2000},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_offset = per_cpu->sh_offset,
         .p_vaddr = 0,
         .p_paddr = 0x2000000,
         .p_filesz = per_cpu->sh_size,
         .p_memsz = per_cpu->sh_size},
    };
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_entry = 0x1000000,
                         .e_phoff = sizeof header,
                         .e_shoff = file->size,
                         .e_ehsize = sizeof header,
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = SECTION_COUNT,
                         .e_shstrndx = SECTION_NAMES};

    put(file, sections, sizeof *sections * SECTION_COUNT);
    memcpy(file->data, &header, sizeof header);
    memcpy(file->data + sizeof header, segments, sizeof segments);
}

uint8_t *synthetic_elf(enum synthetic_kallsyms kallsyms, size_t *size)
{
    static const char names[] = "\0.text\0.rodata\0.BTF\0.data..percpu\0.altinstructions\0"
                                ".altinstr_replacement\0.shstrtab";
    static const char banner[] = "Linux version 1.2.3-synthetic (nobody@nowhere) #1 SMP\n";
    struct buffer file = {NULL, 0};
    Elf64_Shdr sections[SECTION_COUNT] = {{0}};
    size_t start;

    align(&file, 1);
    while (file.size < 0x1000)
        put_number(&file, 0, 8);
    put_text(&file);
    sections[SECTION_TEXT] = section_at(0x1000, TEXT_SIZE, SHF_ALLOC | SHF_EXECINSTR, 1);
    put(&file, banner, sizeof banner);
    put_kallsyms(&file, kallsyms);
    sections[SECTION_RODATA] = section_at(0x2000, file.size - 0x2000, SHF_ALLOC, 7);
    start = file.size;
    put_btf(&file);
    sections[SECTION_BTF] = section_at(start, file.size - start, SHF_ALLOC, 15);
    start = file.size;
    for (unsigned i = 0; i < SYNTHETIC_PER_CPU; i++)
        put_number(&file, i, 1);
    sections[SECTION_PER_CPU] = section_at(start, SYNTHETIC_PER_CPU, SHF_ALLOC | SHF_WRITE, 20);
    sections[SECTION_PER_CPU].sh_addr = 0;
    start = file.size;
    uint64_t record = SYNTHETIC_TEXT + start - 0x1000;
    put_alternative(&file, record, record + 14);
    sections[SECTION_ALTERNATIVES] = section_at(start, 14, SHF_ALLOC, 34);
    put(&file, "\xe8", 1); /* call symbol_256, from where the replacement lies */
    put_number(&file, SYNTHETIC_TEXT + 256 - (record + 14 + 5), 4);
    sections[SECTION_REPLACEMENTS] = section_at(start + 14, 5, SHF_ALLOC | SHF_EXECINSTR, 51);
    sections[SECTION_NAMES] = section_at(file.size, sizeof names, 0, 73);
    put(&file, names, sizeof names);
    align(&file, 8);
    put_headers(&file, sections);
    *size = file.size;
    return file.data;
}

static size_t pack(enum synthetic_codec codec, const uint8_t *in, size_t size, uint8_t *out,
                   size_t room)
{
    size_t used = 0;
    z_stream stream = {
        .next_in = (Bytef *)in, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)room};
    lzma_stream alone = LZMA_STREAM_INIT;
    lzma_options_lzma options;

    switch (codec) {
    case CODEC_GZIP:
        ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
        deflateEnd(&stream);
        return stream.total_out;
    case CODEC_XZ:
        ck_assert_int_eq(
            lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in, size, out, &used, room),
            LZMA_OK);
        return used;
    case CODEC_LZMA:
        ck_assert(!lzma_lzma_preset(&options, 1));
        ck_assert_int_eq(lzma_alone_encoder(&alone, &options), LZMA_OK);
        alone.next_in = in;
        alone.avail_in = size;
        alone.next_out = out;
        alone.avail_out = room;
        ck_assert_int_eq(lzma_code(&alone, LZMA_FINISH), LZMA_STREAM_END);
        used = (size_t)alone.total_out;
        lzma_end(&alone);
        return used;
    case CODEC_LZ4:
        memcpy(out, &(uint32_t){0x184c2102}, 4);
        used = (size_t)LZ4_compress_default((const char *)in, (char *)out + 8, (int)size,
                                            (int)room - 8);
        memcpy(out + 4, &(uint32_t){(uint32_t)used}, 4);
        return used + 8;
    case CODEC_ZSTD:
        used = ZSTD_compress(out, room, in, size, 3);
        ck_assert(!ZSTD_isError(used));
        return used;
    case CODEC_COUNT:
        break;
    }
    ck_abort_msg("no codec %d", (int)codec);
    return 0;
}

uint8_t *synthetic_bzimage(const uint8_t *elf, size_t elf_size, enum synthetic_codec codec,
                           size_t *size)
{
    size_t head = 2 * 512;
    size_t room = head + elf_size + 65536;
    uint8_t *file = calloc(1, room);

    ck_assert_ptr_nonnull(file);
    uint32_t length = (uint32_t)pack(codec, elf, elf_size, file + head, room - head - 4);
    if (codec != CODEC_GZIP) {
        memcpy(file + head + length, &(uint32_t){(uint32_t)elf_size}, 4);
        length += 4;
    }
    file[0x1f1] = 1; /* setup sectors */
    memcpy(file + 0x1fe, &(uint16_t){0xaa55}, 2);
    memcpy(file + 0x202, &(uint32_t){0x53726448}, 4); /* "HdrS" */
    memcpy(file + 0x206, &(uint16_t){0x020f}, 2);
    memcpy(file + 0x24c, &length, 4);
    *size = head + length;
    return file;
}
