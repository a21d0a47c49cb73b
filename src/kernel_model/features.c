/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "kernel_model/image.h"

#include "ascending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX          64
#define NAME_LENGTH_MAX    40
#define FEATURE(word, bit) ((word)*32 + (bit))

/* enum cpuid_leafs: the words of x86_capability that are CPUID registers. */
static const struct x64_feature_cpuid cpuid_words[] = {
    [0] = {1, 0, 3, 1},           [1] = {0x80000001, 0, 3, 1},  [4] = {1, 0, 2, 1},
    [6] = {0x80000001, 0, 2, 1},  [9] = {7, 0, 1, 1},           [10] = {0xd, 1, 0, 1},
    [12] = {7, 1, 0, 1},          [13] = {0x80000008, 0, 1, 1}, [14] = {6, 0, 0, 1},
    [15] = {0x8000000a, 0, 3, 1}, [16] = {7, 0, 2, 1},          [17] = {0x80000007, 0, 1, 1},
    [18] = {7, 0, 3, 1},          [19] = {0x8000001f, 0, 0, 1}, [20] = {0x80000021, 0, 0, 1},
};

/*
 * Linux's own features that its tables do not name. Those on the entry paths moved between words as
 * they were backported, so they are known by an alternative that depends on them: one that calls
 * `calls`, or that puts in or jumps over the bytes `pattern`, in the function `inside`; whichever
 * of the three are given. A number that is given must be the one found. Rows without any of the
 * three have had their numbers since before 6.1 (arch/x86/include/asm/cpufeatures.h).
 */
static const struct rule {
    const char *name;
    const char *calls;
    const char *inside;
    const char *pattern;
    uint16_t number; /* 0: any */
    uint8_t pattern_size;
    bool negated;
} rules[] = {
    {.name = "always", .number = FEATURE(3, 21)},
    {.name = "kernel_ibrs", .pattern = "\xb9\x48\0\0\0", .pattern_size = 5},
    {.name = "clear_cpu_buf", .pattern = "\x0f\x00\x2d", .pattern_size = 3},
    {.name = "entry_ibpb", .calls = "entry_ibpb"},
    {.name = "entry_ibpb", .calls = "write_ibpb"},
    {.name = "unret", .calls = "entry_untrain_ret"},
    {.name = "unret", .calls = "retbleed_untrain_ret"},
    {.name = "unret", .calls = "zen_untrain_ret"},
    {.name = "srso_alias", .calls = "srso_alias_untrain_ret"},
    {.name = "srso_alias", .calls = "srso_untrain_ret_alias"},
    {.name = "srso", .number = FEATURE(11, 24), .inside = "error_entry"},
    {.name = "srso", .calls = "srso_untrain_ret"},
    {.name = "clear_bhb_loop", .calls = "clear_bhb_loop"},
    {.name = "xenpv", .calls = "xen_error_entry"},
    {.name = "retpoline_lfence",
     .inside = "__x86_indirect_thunk_rax",
     .pattern = "\x0f\xae\xe8\xff\xe0",
     .pattern_size = 5},
    {.name = "retpoline",
     .inside = "__x86_indirect_thunk_rax",
     .pattern = "\xff\xe0",
     .pattern_size = 2,
     .negated = true},
    {.name = "fence_swapgs_user",
     .number = FEATURE(11, 4),
     .inside = "error_entry",
     .pattern = "\x0f\xae\xe8",
     .pattern_size = 3},
    {.name = "fence_swapgs_kernel",
     .number = FEATURE(11, 5),
     .inside = "paranoid_entry",
     .pattern = "\x0f\xae\xe8",
     .pattern_size = 3},
    {.name = "call_depth", .pattern = "\x31\xc0\x48\x0f\xba\xe8\x3f", .pattern_size = 7},
    {.name = "rsb_ctxsw",
     .inside = "__switch_to_asm",
     .pattern = "\x49\xc7\xc4\x10",
     .pattern_size = 4},
    {.name = "lfence_rdtsc", .pattern = "\x0f\xae\xe8\x0f\x31", .pattern_size = 5},
    {.name = "rethunk", .number = FEATURE(11, 14), .inside = "cpu_wants_rethunk"},
    {.name = "rethunk", .number = FEATURE(11, 14), .inside = "apply_returns"},
    {.name = "indirect_thunk_its", .inside = "its_init_mod"},
    {.name = "syscall32", .number = FEATURE(3, 14)},
    {.name = "sysenter32", .number = FEATURE(3, 15)},
    {.name = "xcompacted", .number = FEATURE(7, 10)},
    {.name = "msr_spec_ctrl", .number = FEATURE(7, 16)},
    {.name = "use_ibpb", .number = FEATURE(7, 21)},
    {.name = "use_ibrs_fw", .number = FEATURE(7, 22)},
    {.name = "xenpv", .number = FEATURE(8, 16)},
    {.name = "vmcall", .number = FEATURE(8, 18)},
    {.name = "vmw_vmmcall", .number = FEATURE(8, 19)},
    {.name = "pvunlock", .number = FEATURE(8, 20)},
    {.name = "vcpupreempt", .number = FEATURE(8, 21)},
};

bool x64_kernel_feature_cpuid(unsigned number, struct x64_feature_cpuid *cpuid)
{
    if (cpuid == NULL)
        return false;
    size_t word = number / 32;

    if (word >= sizeof cpuid_words / sizeof cpuid_words[0] || cpuid_words[word].leaf == 0)
        return false;
    *cpuid = cpuid_words[word];
    cpuid->bit = (uint8_t)(number % 32);
    return true;
}

/* Keep a copy of "prefix" "name" for feature `number`, which has none yet. */
static bool set_name(struct x64i_features *features, size_t number, const char *prefix,
                     const char *name, size_t length)
{
    char text[NAME_LENGTH_MAX + 8];

    snprintf(text, sizeof text, "%s%.*s", prefix, (int)length, name);
    features->names[number] = strdup(text);
    return features->names[number] != NULL;
}

/* The number of pointers in the table at `address`: up to the next symbol, in whole words of
 * features. */
static size_t table_length(const struct x64_kernel_image *image, uint64_t address)
{
    const struct x64i_symbols *symbols = &image->symbols;
    size_t first = symbols->per_cpu_count;
    size_t next =
        first + X64I_COUNT_UNTIL(symbols->list + first, symbols->count - first, address, address);
    uint64_t size = next < symbols->count ? symbols->list[next].address - address : 0;
    size_t length = size / 8 > WORDS_MAX * 32 ? WORDS_MAX * 32 : (size_t)(size / 8);
    return length / 32 * 32;
}

/* Take the names of the table `symbol`, an array of char pointers, for the features from `first`
 * on. */
static bool read_table(const struct x64_kernel_image *image, struct x64i_features *features,
                       const char *symbol, const char *prefix, size_t *first)
{
    struct x64_image_symbol table;

    if (x64_kernel_image_symbol(image, symbol, &table, NULL) != X64_OK)
        return true;
    size_t length = table_length(image, table.address);
    for (size_t i = 0; i < length && *first + i < features->count; i++) {
        uint8_t pointer[8];
        if (x64_kernel_image_read(image, table.address + i * 8, pointer, 8) != X64_OK)
            break;
        uint64_t at = x64i_le64(pointer);
        const uint8_t *text = at == 0 ? NULL : x64i_image_bytes(image, at, NAME_LENGTH_MAX);
        const uint8_t *end = text == NULL ? NULL : memchr(text, 0, NAME_LENGTH_MAX);
        if (end != NULL && end > text &&
            !set_name(features, *first + i, prefix, (const char *)text, (size_t)(end - text)))
            return false;
    }
    *first += length;
    return true;
}

/* Whether code at `linear` lies in the function that starts at `function`. */
static bool is_inside(const struct x64_kernel_image *image, uint64_t linear, uint64_t function)
{
    struct x64_image_symbol near;

    return linear >= function &&
           x64_kernel_image_symbol_near(image, linear, &near, NULL) == X64_OK &&
           near.address == function;
}

/* Whether the replacement starts with a call or jump to `target`. */
static bool does_call(const struct x64_kernel_image *image, const struct x64_image_alternative *a,
                      uint64_t target)
{
    const uint8_t *code =
        a->replacement_size < 5 ? NULL : x64i_image_bytes(image, a->replacement, 5);

    return code != NULL && (code[0] == 0xe8 || code[0] == 0xe9) &&
           a->replacement + 5 + (uint64_t)(int64_t)(int32_t)x64i_le32(code + 1) == target;
}

/* The code that an alternative puts in, or, if that is nothing, the code that the original skips.
 */
static struct x64i_bytes guarded_code(const struct x64_kernel_image *image,
                                      const struct x64_image_alternative *a)
{
    if (a->replacement_size > 0)
        return (struct x64i_bytes){x64i_image_bytes(image, a->replacement, a->replacement_size),
                                   a->replacement_size};
    const uint8_t *code = x64i_image_bytes(image, a->linear, a->size);
    if (code == NULL || a->size < 2 || code[0] != 0xeb || code[1] >= 0x80)
        return (struct x64i_bytes){NULL, 0};
    return (struct x64i_bytes){x64i_image_bytes(image, a->linear + 2, code[1]), code[1]};
}

/* A rule with its symbols looked up. */
struct search {
    const struct rule *rule;
    struct x64_image_symbol calls;
    struct x64_image_symbol inside;
};

static bool matches(const struct x64_kernel_image *image, const struct search *search,
                    const struct x64_image_alternative *a)
{
    const struct rule *rule = search->rule;

    if (rule->number != 0 && rule->number != a->feature)
        return false;
    if (rule->negated && !a->negated)
        return false;
    if (rule->calls != NULL && !does_call(image, a, search->calls.address))
        return false;
    if (rule->pattern != NULL) {
        struct x64i_bytes code = guarded_code(image, a);
        if (code.data == NULL ||
            memmem(code.data, code.size, rule->pattern, rule->pattern_size) == NULL)
            return false;
    }
    return rule->inside == NULL || is_inside(image, a->linear, search->inside.address);
}

/* The nameless feature that a rule finds; false if no alternative shows it. */
static bool apply_rule(const struct x64_kernel_image *image, const struct x64i_features *features,
                       const struct rule *rule, uint16_t *number)
{
    struct search search = {.rule = rule};

    if ((rule->calls != NULL &&
         x64_kernel_image_symbol(image, rule->calls, &search.calls, NULL) != X64_OK) ||
        (rule->inside != NULL &&
         x64_kernel_image_symbol(image, rule->inside, &search.inside, NULL) != X64_OK))
        return false;
    for (size_t i = 0; i < image->alternatives.count; i++) {
        const struct x64_image_alternative *a = &image->alternatives.list[i];
        if (features->names[a->feature] == NULL && matches(image, &search, a)) {
            *number = a->feature;
            return true;
        }
    }
    return false;
}

enum x64_status x64i_features_load(const struct x64_kernel_image *image,
                                   struct x64i_features *features, struct x64_image_error *error)
{
    size_t first = 0;

    features->count = (size_t)WORDS_MAX * 32;
    features->names = calloc(features->count, sizeof *features->names);
    bool done = features->names != NULL &&
                read_table(image, features, "x86_cap_flags", "", &first) &&
                read_table(image, features, "x86_bug_flags", "bug:", &first);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && done; i++) {
        uint16_t number;
        if (apply_rule(image, features, &rules[i], &number))
            done = set_name(features, number, "", rules[i].name, strlen(rules[i].name));
    }
    return done ? X64_OK : x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for feature names");
}

void x64i_features_free(struct x64i_features *features)
{
    for (size_t i = 0; i < features->count && features->names != NULL; i++)
        free(features->names[i]);
    free(features->names);
    *features = (struct x64i_features){.count = 0};
}

enum x64_status x64_kernel_image_feature(const struct x64_kernel_image *image, const char *name,
                                         unsigned *number, struct x64_image_error *error)
{
    if (image == NULL || name == NULL || number == NULL)
        return x64i_image_null(error);
    for (size_t i = 0; i < image->features.count; i++) {
        if (image->features.names[i] != NULL && strcasecmp(image->features.names[i], name) == 0) {
            *number = (unsigned)i;
            return X64_OK;
        }
    }
    return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                           "kernel %.60s neither names the CPU feature %.40s nor shows it in its "
                           "alternatives",
                           image->release, name);
}

const char *x64_kernel_image_feature_name(const struct x64_kernel_image *image, unsigned number)
{
    return image && number < image->features.count ? image->features.names[number] : NULL;
}
