/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
/*
 * The symbol table that a kernel carries for itself. Nothing in the image points to it, so it is
 * recognised by what it must look like (kernel: scripts/kallsyms.c writes it, kernel/kallsyms.c
 * reads it):
 *
 *     6.1    offsets[n] base n names markers token_table token_index
 *     6.2    offsets[n] base n names markers seqs[n] token_table token_index
 *     6.4                    n names markers token_table token_index offsets[n] base seqs[n]
 *     7.0                    n names markers token_table token_index offsets[n] seqs[n]
 *     without a base: addresses[n] n names ...
 *
 * A name is a length byte (two bytes from 128 on) and that many token numbers; the first character
 * of the expansion is the type. A token that is a single character stands at that character's
 * number, and the digits are in use in every kernel: their run is found first. The token index
 * confirms it, the markers (the offset of every 256th name) confirm the names, and the addresses
 * must fall into the image's segments.
 */
#include "kernel_model/image.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_COUNT       256
#define TOKEN_LENGTH_MAX  128 /* kernel: KSYM_NAME_LEN, the old value */
#define TOKEN_0_SEARCH    512 /* how far token 0 may start before its end */
#define SYMBOLS_MIN       16
#define SYMBOLS_MAX       (1u << 22)
#define NAME_LENGTH_MAX   1024
#define NAMES_PER_MARKER  256
#define PARSE_BUDGET      ((size_t)256 << 20) /* bytes of wrong candidates looked at, at most */
#define ADDRESS_SHARE_MIN 90 /* percent of the symbols that must lie in the image */

/* The tokens, and where their two tables lie within the segment. */
struct tokens {
    const uint8_t *text[TOKEN_COUNT];
    uint8_t length[TOKEN_COUNT];
    size_t table;     /* offset of token_table */
    size_t index_end; /* offset of the first byte after token_index */
};

/* Where the names lie within the segment. */
struct names {
    size_t count_offset; /* of the word with the number of symbols */
    size_t start;        /* of the first name */
    size_t end;          /* behind the last one */
    uint32_t count;
};

/* How the numbers beside the names mean addresses. */
enum address_mode {
    ADDRESS_PLAIN,            /* 64-bit addresses */
    ADDRESS_BASE,             /* base + unsigned 32-bit offset */
    ADDRESS_ABSOLUTE_PER_CPU, /* 32-bit: absolute if not negative, else base - 1 - offset */
    ADDRESS_SELF              /* signed 32-bit distance from itself, which is at base */
};

struct addresses {
    size_t start;
    uint64_t base;
    enum address_mode mode;
};

static size_t align_up(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) & ~(alignment - 1);
}

/* Parse token_table at `offset` and check it against the index that must follow. */
static bool parse_tokens(struct x64i_bytes segment, size_t offset, struct tokens *tokens)
{
    size_t at = offset;

    for (unsigned i = 0; i < TOKEN_COUNT; i++) {
        size_t left = segment.size - at;
        if (left == 0)
            return false;
        const uint8_t *end =
            memchr(segment.data + at, 0, left < TOKEN_LENGTH_MAX ? left : TOKEN_LENGTH_MAX);
        if (end == NULL)
            return false;
        tokens->text[i] = segment.data + at;
        tokens->length[i] = (uint8_t)(end - tokens->text[i]);
        at = (size_t)(end - segment.data) + 1;
    }
    for (size_t alignment = 8; alignment >= 2; alignment /= 2) {
        size_t index = align_up(at, alignment);
        unsigned i = 0;
        if (!x64i_range_ok(index, TOKEN_COUNT * 2, segment.size))
            continue;
        while (i < TOKEN_COUNT && x64i_le16(segment.data + index + (size_t)i * 2) ==
                                      (size_t)(tokens->text[i] - segment.data) - offset)
            i++;
        if (i == TOKEN_COUNT) {
            tokens->table = offset;
            tokens->index_end = index + TOKEN_COUNT * 2;
            return true;
        }
    }
    return false;
}

/* From the token "0" at `digits` back to token 0, whose start only its alignment tells. */
static bool parse_tokens_around(struct x64i_bytes segment, size_t digits, struct tokens *tokens)
{
    size_t at = digits;

    for (unsigned i = '0'; i > 0; i--) {
        size_t floor = at > TOKEN_LENGTH_MAX ? at - TOKEN_LENGTH_MAX : 0;
        if (at == 0 || segment.data[at - 1] != 0)
            return false;
        at--;
        if (i == 1)
            break;
        while (at > floor && segment.data[at - 1] != 0)
            at--;
    }
    size_t floor = at > TOKEN_0_SEARCH ? at - TOKEN_0_SEARCH : 0;
    for (size_t start = at & ~(size_t)3; start + 4 > floor + 4; start -= 4)
        if (parse_tokens(segment, start, tokens))
            return true;
    return false;
}

static bool find_tokens(struct x64i_bytes segment, struct tokens *tokens)
{
    static const char digits[] = "0\0"
                                 "1\0"
                                 "2\0"
                                 "3\0"
                                 "4\0"
                                 "5\0"
                                 "6\0"
                                 "7\0"
                                 "8\0"
                                 "9";
    const uint8_t *from = segment.data;
    const uint8_t *end = segment.data + segment.size;

    while ((from = memmem(from, (size_t)(end - from), digits, sizeof digits)) != NULL) {
        if (parse_tokens_around(segment, (size_t)(from - segment.data), tokens))
            return true;
        from++;
    }
    return false;
}

/* The length of the name at `*at`, which moves behind the length; 0 if there is none. */
static size_t name_length(struct x64i_bytes segment, size_t *at)
{
    if (*at >= segment.size)
        return 0;
    size_t length = segment.data[(*at)++];
    if (length >= 0x80) {
        if (*at >= segment.size)
            return 0;
        length = (length & 0x7f) | (size_t)segment.data[(*at)++] << 7;
    }
    return length <= NAME_LENGTH_MAX && x64i_range_ok(*at, length, segment.size) ? length : 0;
}

/* Compare the markers at `markers`, each `width` bytes, with the offsets of the names. */
static bool check_markers(struct x64i_bytes segment, const struct names *names, size_t markers,
                          size_t limit, size_t width)
{
    size_t count = (names->count + NAMES_PER_MARKER - 1) / NAMES_PER_MARKER;
    size_t at = names->start;

    if (!x64i_range_ok(markers, count * width, limit))
        return false;
    for (uint32_t i = 0; i < names->count; i++) {
        const uint8_t *marker = segment.data + markers + i / NAMES_PER_MARKER * width;
        if (i % NAMES_PER_MARKER == 0 &&
            (x64i_le32(marker) != at - names->start || (width == 8 && x64i_le32(marker + 4) != 0)))
            return false;
        size_t length = name_length(segment, &at);
        at += length;
    }
    return true;
}

/* The markers follow the names, aligned, in 32 bits each or (before Linux 4.20) in 64. */
static bool find_markers(struct x64i_bytes segment, const struct names *names, size_t limit)
{
    return check_markers(segment, names, align_up(names->end, 8), limit, 4) ||
           check_markers(segment, names, align_up(names->end, 4), limit, 4) ||
           check_markers(segment, names, align_up(names->end, 8), limit, 8);
}

/* Walk `names->count` names from names->start; false, and what it cost, if they do not fit. */
static bool walk_names(struct x64i_bytes segment, struct names *names, size_t limit, size_t *cost)
{
    size_t at = names->start;
    uint32_t i = 0;

    while (i < names->count) {
        size_t length = name_length(segment, &at);
        at += length;
        if (length == 0 || at > limit)
            break;
        i++;
    }
    *cost += at - names->start;
    names->end = at;
    return i == names->count;
}

/* Look backwards from the token table for a count whose names and markers are consistent. */
static bool find_names(struct x64i_bytes segment, size_t limit, struct names *names)
{
    size_t cost = 0;

    for (size_t at = limit & ~(size_t)3; at >= 4 && cost < PARSE_BUDGET; at -= 4) {
        names->count_offset = at - 4;
        names->count = x64i_le32(segment.data + names->count_offset);
        if (names->count < SYMBOLS_MIN || names->count > SYMBOLS_MAX ||
            names->count > (limit - at) / 2)
            continue;
        for (size_t gap = 4; gap <= 8; gap += 4) {
            names->start = names->count_offset + gap;
            if (walk_names(segment, names, limit, &cost) && find_markers(segment, names, limit))
                return true;
        }
    }
    return false;
}

static uint64_t read_address(struct x64i_bytes segment, const struct addresses *addresses,
                             uint32_t i)
{
    if (addresses->mode == ADDRESS_PLAIN)
        return x64i_le64(segment.data + addresses->start + (size_t)i * 8);
    uint32_t offset = x64i_le32(segment.data + addresses->start + (size_t)i * 4);
    if (addresses->mode == ADDRESS_SELF)
        return addresses->base + (uint64_t)i * 4 + (uint64_t)(int64_t)(int32_t)offset;
    if (addresses->mode == ADDRESS_BASE)
        return addresses->base + offset;
    if (offset < 0x80000000u)
        return offset;
    /* base - 1 - (s32) offset, and -1 - x is ~x. */
    return addresses->base + (uint32_t)~offset;
}

/*
 * How many addresses make sense: lie in the image, as all but a few absolute symbols must, and are
 * not below the one before. A reading that is off by one symbol makes less sense by one.
 */
static uint32_t score_addresses(const struct x64_kernel_image *image, struct x64i_bytes segment,
                                const struct names *names, const struct addresses *addresses)
{
    uint32_t failures_max = names->count - names->count / 100 * ADDRESS_SHARE_MIN;
    uint32_t failures = 0;
    uint64_t last = 0;

    for (uint32_t i = 0; i < names->count && failures <= failures_max; i++) {
        uint64_t address = read_address(segment, addresses, i);
        if (address < last || x64i_image_segment_of(image, address) == NULL)
            failures++;
        last = address;
    }
    return failures > failures_max ? 0 : names->count - failures;
}

/* Keep the better of two readings. */
static void try_addresses(const struct x64_kernel_image *image, struct x64i_bytes segment,
                          const struct names *names, struct addresses candidate,
                          struct addresses *best, uint32_t *best_score)
{
    uint32_t score = score_addresses(image, segment, names, &candidate);

    if (score > *best_score) {
        *best_score = score;
        *best = candidate;
    }
}

/* Read the addresses at every place and in every way there has been, and take what fits best. */
static bool find_addresses(const struct x64_kernel_image *image,
                           const struct x64_image_segment *loaded, const struct names *names,
                           const struct tokens *tokens, struct addresses *best)
{
    struct x64i_bytes segment = {loaded->data, (size_t)loaded->file_size};
    size_t words = align_up((size_t)names->count * 4, 8);
    size_t before = names->count_offset;
    size_t after = align_up(tokens->index_end, 8);
    size_t closer = align_up(tokens->index_end, 4);
    uint32_t score = 0;

    for (int mode = ADDRESS_BASE; mode <= ADDRESS_ABSOLUTE_PER_CPU; mode++) {
        struct addresses a = {.mode = (enum address_mode)mode};
        if (before >= words + 8) {
            a.start = before - words - 8;
            a.base = x64i_le64(segment.data + before - 8);
            try_addresses(image, segment, names, a, best, &score);
        }
        if (x64i_range_ok(after, words + 8, segment.size)) {
            a.start = after;
            a.base = x64i_le64(segment.data + after + words);
            try_addresses(image, segment, names, a, best, &score);
        }
    }
    if (x64i_range_ok(after, words, segment.size)) {
        struct addresses a = {after, loaded->linear + after, ADDRESS_SELF};
        try_addresses(image, segment, names, a, best, &score);
        a = (struct addresses){closer, loaded->linear + closer, ADDRESS_SELF};
        try_addresses(image, segment, names, a, best, &score);
    }
    if (before >= (size_t)names->count * 8) {
        struct addresses a = {before - (size_t)names->count * 8, 0, ADDRESS_PLAIN};
        try_addresses(image, segment, names, a, best, &score);
    }
    return score > 0;
}

/* Expand the name at `*at` into `out`, or only count if that is null; its size without a zero. */
static size_t expand_name(struct x64i_bytes segment, const struct tokens *tokens, size_t *at,
                          char *out)
{
    size_t length = name_length(segment, at);
    size_t size = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned token = segment.data[*at + i];
        if (out != NULL)
            memcpy(out + size, tokens->text[token], tokens->length[token]);
        size += tokens->length[token];
    }
    *at += length;
    return size;
}

/* Two passes over the names: one for the size of them all, one to write them. */
static enum x64_status expand(const struct x64_kernel_image *image, struct x64i_bytes segment,
                              const struct tokens *tokens, const struct names *names,
                              const struct addresses *addresses, struct x64i_symbols *symbols,
                              struct x64_image_error *error)
{
    size_t at = names->start;
    size_t total = 1;

    for (uint32_t i = 0; i < names->count; i++)
        total += expand_name(segment, tokens, &at, NULL) + 1;
    if (names->count == 0 || total > X64I_IMAGE_SIZE_MAX)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "kallsyms' names expand to %zu bytes",
                               total);
    symbols->names = malloc(total);
    symbols->list = calloc(names->count, sizeof *symbols->list);
    if (symbols->names == NULL || symbols->list == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %u symbols", names->count);
    const struct x64_image_section *per_cpu = x64_kernel_image_section(image, ".data..percpu");
    char *out = symbols->names;
    at = names->start;
    for (uint32_t i = 0; i < names->count; i++) {
        size_t size = expand_name(segment, tokens, &at, out);
        out[size] = 0;
        uint64_t address = read_address(segment, addresses, i);
        /* The expansion's first character is the type; an empty one leaves an empty name. */
        symbols->list[i] = (struct x64_image_symbol){
            .name = size > 0 ? out + 1 : out,
            .address = address,
            .type = size > 0 ? out[0] : '?',
            .per_cpu = per_cpu != NULL && address - per_cpu->linear <= per_cpu->size,
        };
        out += size + 1;
    }
    symbols->count = names->count;
    symbols->source = X64_SYMBOLS_KALLSYMS;
    return X64_OK;
}

enum x64_status x64i_kallsyms_read(const struct x64_kernel_image *image,
                                   struct x64i_symbols *symbols, struct x64_image_error *error)
{
    const char *missing = "its token table (the run of tokens \"0\" to \"9\")";

    for (size_t i = 0; i < image->segment_count; i++) {
        const struct x64_image_segment *s = &image->segments[i];
        struct x64i_bytes segment = {s->data, (size_t)s->file_size};
        struct tokens tokens;
        struct names names;
        struct addresses addresses = {0, 0, ADDRESS_PLAIN};
        if (!find_tokens(segment, &tokens))
            continue;
        if (!find_names(segment, tokens.table, &names)) {
            missing = "names and markers before its token table";
            continue;
        }
        if (!find_addresses(image, s, &names, &tokens, &addresses)) {
            missing = "addresses inside of the image beside its names";
            continue;
        }
        return expand(image, segment, &tokens, &names, &addresses, symbols, error);
    }
    return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                           "no kallsyms table in the image: did not find %s", missing);
}
