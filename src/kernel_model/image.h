/* SPDX-License-Identifier: MIT */
/*
 * What an open kernel image is made of, for the files that fill it in, in this order:
 * image_unpack.c turns the file into ELF bytes, image_elf.c finds sections and segments in them,
 * kallsyms.c and image_symbols.c the symbols, btf.c the types; image.c owns the whole. Readers of
 * the bytes go through a `struct x64i_bytes`, which knows its end. Strings are copied out of the
 * image: patching it must not be able to take away their ends.
 */
#ifndef X64I_KERNEL_MODEL_IMAGE_H
#define X64I_KERNEL_MODEL_IMAGE_H

#include "x64emu/kernel_patch.h"

/* Larger images are refused: a distribution's kernel is a tenth of it. */
#define X64I_IMAGE_SIZE_MAX ((size_t)512 << 20)

/* A run of bytes within the image; data may be null only if size is 0. */
struct x64i_bytes {
    const uint8_t *data;
    size_t size;
};

/* The symbols: by address in `list`, by name through the open-addressed table `slots`. */
struct x64i_symbols {
    enum x64_symbol_source source;
    struct x64_image_symbol *list;
    size_t count;
    size_t per_cpu_count; /* these come first in the list */
    char *names;          /* where the names are, each with its final zero */
    uint32_t *slots;      /* index + 1 into the list, 0 if free */
    size_t slot_count;    /* a power of two, or 0 */
};

/* The types of .BTF: where each one's record starts. Type 0 is void and has no record. */
struct x64i_btf {
    uint8_t *copy; /* of the section: what patching writes into the image cannot damage it */
    struct x64i_bytes types;
    struct x64i_bytes strings; /* ends with a zero byte, if there are any types */
    uint32_t *offsets;         /* of the record of each type id, from types.data */
    uint32_t count;            /* of type ids, void included; 0 when there is no BTF */
};

/* How the records of .altinstructions look, and how kernels of that time treat them. */
struct x64i_alternative_layout {
    uint8_t size;            /* of a record */
    bool reach_all;          /* relocates every instruction of a replacement, not only the first */
    bool shares_padding;     /* records of one address are padded alike */
    uint8_t nop_max;         /* the longest NOP it writes */
    uint8_t short_jump_fill; /* what follows a jump that was made shorter */
};

/* The records of .altinstructions, checked: code and replacement lie within the image. */
struct x64i_alternatives {
    const struct x64i_alternative_layout *layout; /* null if there are none */
    struct x64_image_alternative *list;
    size_t count;
};

/* The names of the features, by number; null for those without. */
struct x64i_features {
    char **names;
    size_t count;
};

struct x64_kernel_image {
    uint8_t *elf; /* the unpacked file, and what is patched */
    size_t elf_size;
    const char *compression;
    uint16_t boot_protocol;
    uint64_t entry;
    char *section_names; /* a copy, for the same reason as that of the BTF */
    struct x64_image_section *sections;
    size_t section_count;
    struct x64_image_segment *segments;
    size_t segment_count;
    char *banner;
    char *release;
    struct x64i_symbols symbols;
    struct x64i_btf btf;
    struct x64i_alternatives alternatives;
    struct x64i_features features;
    struct x64_image_error symbols_error;
    struct x64_image_error types_error;
    struct x64_image_error alternatives_error;
    bool patched;
};

/* X64_ERROR_ARGUMENT, for a null pointer where there must be none. */
enum x64_status x64i_image_null(struct x64_image_error *error);

/* Write the sentence into *error, if there is one, and answer with `status`. */
enum x64_status x64i_image_fail(struct x64_image_error *error, enum x64_status status,
                                const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * image_unpack.c: the ELF bytes of a bzImage, or a copy of them if `file` is an ELF file already.
 * Sets elf, elf_size, compression and boot_protocol.
 */
enum x64_status x64i_image_unpack(struct x64_kernel_image *image, struct x64i_bytes file,
                                  struct x64_image_error *error);

/* image_codec.c: unpack `packed` into exactly `size` bytes; *name is the format's, if known. */
enum x64_status x64i_image_decompress(struct x64i_bytes packed, uint8_t *out, size_t size,
                                      const char **name, struct x64_image_error *error);

/* image_elf.c: sections, segments and entry from the ELF bytes. */
enum x64_status x64i_image_parse_elf(struct x64_kernel_image *image, struct x64_image_error *error);

/* kallsyms.c: fills list, count and names, unordered. */
enum x64_status x64i_kallsyms_read(const struct x64_kernel_image *image,
                                   struct x64i_symbols *symbols, struct x64_image_error *error);

/* image_symbols.c: from kallsyms or .symtab, ordered and hashed. X64_OK means there are some. */
enum x64_status x64i_symbols_load(const struct x64_kernel_image *image,
                                  struct x64i_symbols *symbols, struct x64_image_error *error);
void x64i_symbols_free(struct x64i_symbols *symbols);

/* btf.c: index the section .BTF. */
enum x64_status x64i_btf_load(const struct x64_kernel_image *image, struct x64i_btf *btf,
                              struct x64_image_error *error);
void x64i_btf_free(struct x64i_btf *btf);

/* alternatives.c: read .altinstructions, whichever layout its records have. */
enum x64_status x64i_alternatives_load(const struct x64_kernel_image *image,
                                       struct x64i_alternatives *alternatives,
                                       struct x64_image_error *error);
void x64i_alternatives_free(struct x64i_alternatives *alternatives);

/* features.c: names from the image's tables and from the alternatives. Needs symbols. */
enum x64_status x64i_features_load(const struct x64_kernel_image *image,
                                   struct x64i_features *features, struct x64_image_error *error);
void x64i_features_free(struct x64i_features *features);

/*
 * The bytes at a linear address as the file holds them, for reading or patching: null unless all
 * `size` of them lie in one segment's file part.
 */
uint8_t *x64i_image_bytes(const struct x64_kernel_image *image, uint64_t linear, size_t size);

/* The segment that holds the linear address (in memory, not only in the file); null if none. */
const struct x64_image_segment *x64i_image_segment_of(const struct x64_kernel_image *image,
                                                      uint64_t linear);

/* True if [offset, offset + length) lies within `size` bytes. */
static inline bool x64i_range_ok(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

static inline uint16_t x64i_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t x64i_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t x64i_le64(const uint8_t *p)
{
    return x64i_le32(p) | (uint64_t)x64i_le32(p + 4) << 32;
}

static inline void x64i_put_le32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

#endif
