/* SPDX-License-Identifier: MIT */
/*
 * BTF, the types that a kernel carries for BPF: a header, records of types numbered from 1,
 * strings. Kernel: Documentation/bpf/btf.rst.
 */
#include "kernel_model/image.h"

#include <stdlib.h>
#include <string.h>

#define BTF_MAGIC       0xeb9f
#define BTF_HEADER_SIZE 24
#define TYPE_SIZE       12 /* struct btf_type: name_off, info, size or type */
#define MEMBER_SIZE     12 /* struct btf_member: name_off, type, offset */
#define CHAIN_MAX       64 /* typedefs and qualifiers behind each other */
#define NESTING_MAX     16 /* anonymous structs within each other */
#define SEARCH_BUDGET   (1u << 20)

enum btf_kind {
    BTF_INT = 1,
    BTF_PTR,
    BTF_ARRAY,
    BTF_STRUCT,
    BTF_UNION,
    BTF_ENUM,
    BTF_FWD,
    BTF_TYPEDEF,
    BTF_VOLATILE,
    BTF_CONST,
    BTF_RESTRICT,
    BTF_FUNC,
    BTF_FUNC_PROTO,
    BTF_VAR,
    BTF_DATASEC,
    BTF_FLOAT,
    BTF_DECL_TAG,
    BTF_TYPE_TAG,
    BTF_ENUM64,
    BTF_KIND_COUNT
};

/* What follows struct btf_type: `fixed` bytes, and `each` for every one of its vlen elements. */
static const struct kind_size {
    uint8_t fixed;
    uint8_t each;
} kind_sizes[BTF_KIND_COUNT] = {
    [BTF_INT] = {4, 0},     [BTF_ARRAY] = {12, 0},   [BTF_STRUCT] = {0, 12},
    [BTF_UNION] = {0, 12},  [BTF_ENUM] = {0, 8},     [BTF_FUNC_PROTO] = {0, 8},
    [BTF_VAR] = {4, 0},     [BTF_DATASEC] = {0, 12}, [BTF_DECL_TAG] = {4, 0},
    [BTF_ENUM64] = {0, 12},
};

/* A type's record, read. `rest` are the elements that follow it. */
struct type {
    const char *name;
    enum btf_kind kind;
    bool kind_flag;
    uint32_t count;
    uint32_t size_or_type;
    const uint8_t *rest;
};

/* A search for a member, and what it may still cost: anonymous members can be nested absurdly. */
struct search {
    const struct x64i_btf *btf;
    const char *name;
    size_t name_length;
    uint32_t budget;
    uint64_t bits;     /* found: the offset in the struct searched */
    uint32_t bit_size; /* found: of a bit field, else 0 */
    uint32_t type;     /* found: the member's type */
};

static const char *string_at(const struct x64i_btf *btf, uint32_t offset)
{
    return offset < btf->strings.size ? (const char *)btf->strings.data + offset : "";
}

/* The size of the record at `offset`, 0 if it does not fit or is of no known kind. */
static size_t record_size(struct x64i_bytes types, size_t offset)
{
    if (!x64i_range_ok(offset, TYPE_SIZE, types.size))
        return 0;
    uint32_t info = x64i_le32(types.data + offset + 4);
    unsigned kind = info >> 24 & 0x1f;
    if (kind == 0 || kind >= BTF_KIND_COUNT)
        return 0;
    size_t size =
        TYPE_SIZE + kind_sizes[kind].fixed + (size_t)kind_sizes[kind].each * (info & 0xffff);
    return x64i_range_ok(offset, size, types.size) ? size : 0;
}

/* Read type `id`; false for void and for numbers beyond the last. */
static bool read_type(const struct x64i_btf *btf, uint32_t id, struct type *type)
{
    if (id == 0 || id >= btf->count)
        return false;
    const uint8_t *p = btf->types.data + btf->offsets[id];
    uint32_t info = x64i_le32(p + 4);
    type->name = string_at(btf, x64i_le32(p));
    type->kind = (enum btf_kind)(info >> 24 & 0x1f);
    type->kind_flag = info >> 31 != 0;
    type->count = info & 0xffff;
    type->size_or_type = x64i_le32(p + 8);
    type->rest = p + TYPE_SIZE;
    return true;
}

/* Follow typedefs and qualifiers to the type behind them. */
static bool resolve(const struct x64i_btf *btf, uint32_t id, struct type *type)
{
    for (int i = 0; i < CHAIN_MAX; i++) {
        if (!read_type(btf, id, type))
            return false;
        switch (type->kind) {
        case BTF_TYPEDEF:
        case BTF_VOLATILE:
        case BTF_CONST:
        case BTF_RESTRICT:
        case BTF_TYPE_TAG:
            id = type->size_or_type;
            break;
        default:
            return true;
        }
    }
    return false;
}

/* The size in bytes of type `id`; false if it has none or it does not fit. */
static bool size_of_type(const struct x64i_btf *btf, uint32_t id, uint64_t *size)
{
    uint64_t elements = 1;
    struct type type;

    for (int i = 0; i < CHAIN_MAX && resolve(btf, id, &type); i++) {
        uint64_t unit;
        switch (type.kind) {
        case BTF_ARRAY:
            if (__builtin_mul_overflow(elements, (uint64_t)x64i_le32(type.rest + 8), &elements))
                return false;
            id = x64i_le32(type.rest);
            continue;
        case BTF_PTR:
            unit = 8;
            break;
        case BTF_INT:
        case BTF_STRUCT:
        case BTF_UNION:
        case BTF_ENUM:
        case BTF_ENUM64:
        case BTF_FLOAT:
            unit = type.size_or_type;
            break;
        default:
            return false;
        }
        return !__builtin_mul_overflow(elements, unit, size);
    }
    return false;
}

static enum x64_status read_header(struct x64i_bytes section, struct x64i_btf *btf,
                                   struct x64_image_error *error)
{
    if (section.size < BTF_HEADER_SIZE || x64i_le16(section.data) != BTF_MAGIC)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the section .BTF does not start with the BTF magic");
    if (section.data[2] != 1)
        return x64i_image_fail(error, X64_ERROR_UNSUPPORTED, "BTF version %u, of which 1 is known",
                               section.data[2]);
    uint64_t header = x64i_le32(section.data + 4);
    uint64_t types = header + x64i_le32(section.data + 8);
    uint64_t types_size = x64i_le32(section.data + 12);
    uint64_t strings = header + x64i_le32(section.data + 16);
    uint64_t strings_size = x64i_le32(section.data + 20);
    if (!x64i_range_ok(types, types_size, section.size) ||
        !x64i_range_ok(strings, strings_size, section.size) || strings_size == 0 ||
        section.data[strings + strings_size - 1] != 0)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the BTF types at +0x%llx or strings at +0x%llx do not fit in .BTF",
                               (unsigned long long)types, (unsigned long long)strings);
    btf->types = (struct x64i_bytes){section.data + types, (size_t)types_size};
    btf->strings = (struct x64i_bytes){section.data + strings, (size_t)strings_size};
    return X64_OK;
}

static enum x64_status index_types(struct x64i_btf *btf, struct x64_image_error *error)
{
    size_t most = btf->types.size / TYPE_SIZE + 1;
    uint32_t count = 1;

    btf->offsets = calloc(most, sizeof *btf->offsets);
    if (btf->offsets == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu types", most);
    for (size_t at = 0; at < btf->types.size;) {
        size_t size = record_size(btf->types, at);
        if (size == 0)
            return x64i_image_fail(error, X64_ERROR_FORMAT,
                                   "BTF type %u at +0x%zx is cut off or of an unknown kind", count,
                                   at);
        btf->offsets[count++] = (uint32_t)at;
        at += size;
    }
    btf->count = count;
    return X64_OK;
}

enum x64_status x64i_btf_load(const struct x64_kernel_image *image, struct x64i_btf *btf,
                              struct x64_image_error *error)
{
    const struct x64_image_section *section = x64_kernel_image_section(image, ".BTF");

    if (section == NULL || section->data == NULL)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND, "the image has no section .BTF");
    struct x64i_bytes bytes = {section->data, (size_t)section->size};
    btf->copy = malloc(bytes.size == 0 ? 1 : bytes.size);
    if (btf->copy == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu bytes of BTF",
                               bytes.size);
    memcpy(btf->copy, bytes.data, bytes.size);
    bytes.data = btf->copy;
    enum x64_status status = read_header(bytes, btf, error);
    if (status == X64_OK)
        status = index_types(btf, error);
    if (status != X64_OK)
        x64i_btf_free(btf);
    return status;
}

void x64i_btf_free(struct x64i_btf *btf)
{
    free(btf->offsets);
    free(btf->copy);
    *btf = (struct x64i_btf){.count = 0};
}

/* The id of the struct, union or (second choice) typedef called `name`; 0 if there is none. */
static uint32_t find_struct(const struct x64i_btf *btf, const char *name)
{
    uint32_t alias = 0;
    struct type type;

    for (uint32_t id = 1; read_type(btf, id, &type); id++) {
        bool is_struct = type.kind == BTF_STRUCT || type.kind == BTF_UNION;
        if ((!is_struct && (type.kind != BTF_TYPEDEF || alias != 0)) ||
            strcmp(type.name, name) != 0)
            continue;
        if (is_struct)
            return id;
        alias = id;
    }
    return alias;
}

/* The members of struct or union `id`, those of anonymous members included. */
static bool find_member(struct search *search, uint32_t id, int nesting)
{
    struct type type;

    if (nesting > NESTING_MAX || !resolve(search->btf, id, &type) ||
        (type.kind != BTF_STRUCT && type.kind != BTF_UNION))
        return false;
    for (uint32_t i = 0; i < type.count && search->budget > 0; i++, search->budget--) {
        const uint8_t *member = type.rest + (size_t)i * MEMBER_SIZE;
        const char *name = string_at(search->btf, x64i_le32(member));
        uint32_t offset = x64i_le32(member + 8);
        uint32_t bits = type.kind_flag ? offset & 0xffffff : offset;
        if (*name == 0) {
            if (!find_member(search, x64i_le32(member + 4), nesting + 1))
                continue;
            search->bits += bits;
            return true;
        }
        if (strncmp(name, search->name, search->name_length) == 0 &&
            name[search->name_length] == 0) {
            search->bits = bits;
            search->bit_size = type.kind_flag ? offset >> 24 : 0;
            search->type = x64i_le32(member + 4);
            return true;
        }
    }
    return false;
}

/* The type called `name`, or the sentence that there is none. */
static enum x64_status require_struct(const struct x64_kernel_image *image, const char *name,
                                      uint32_t *id, struct x64_image_error *error)
{
    if (image->btf.count == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND, "no type %.60s: %.150s", name,
                               image->types_error.text);
    *id = find_struct(&image->btf, name);
    if (*id == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                               "no struct %.60s among the BTF types of kernel %.60s", name,
                               image->release);
    return X64_OK;
}

enum x64_status x64_kernel_image_type_size(const struct x64_kernel_image *image, const char *type,
                                           uint64_t *size, struct x64_image_error *error)
{
    if (image == NULL || type == NULL || size == NULL)
        return x64i_image_null(error);
    uint32_t id = 0;
    uint64_t found;
    enum x64_status status = require_struct(image, type, &id, error);

    if (status != X64_OK)
        return status;
    if (!size_of_type(&image->btf, id, &found))
        return x64i_image_fail(error, X64_ERROR_FORMAT, "BTF type %.60s has no size", type);
    *size = found;
    return X64_OK;
}

enum x64_status x64_kernel_image_member(const struct x64_kernel_image *image, const char *type,
                                        const char *path, struct x64_image_member *member,
                                        struct x64_image_error *error)
{
    if (image == NULL || type == NULL || path == NULL || member == NULL)
        return x64i_image_null(error);
    struct search search = {.btf = &image->btf, .budget = SEARCH_BUDGET};
    struct x64_image_member found = {.offset = 0};
    uint64_t bits = 0;
    uint32_t id = 0;
    enum x64_status status = require_struct(image, type, &id, error);

    if (status != X64_OK)
        return status;
    for (const char *name = path;; name += search.name_length + 1) {
        search.name = name;
        search.name_length = strcspn(name, ".");
        if (!find_member(&search, id, 0))
            return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                                   "no member %.60s (at \"%.40s\") in struct %.60s of kernel %.60s",
                                   path, name, type, image->release);
        bits += search.bits;
        id = search.type;
        if (name[search.name_length] == 0)
            break;
    }
    if (!size_of_type(&image->btf, id, &found.size))
        return x64i_image_fail(error, X64_ERROR_FORMAT, "member %.60s of %.60s has no size", path,
                               type);
    found.offset = bits / 8;
    found.bit_offset = (uint32_t)(bits % 8);
    found.bit_size = search.bit_size;
    *member = found;
    return X64_OK;
}

enum x64_status x64_kernel_image_enumerator(const struct x64_kernel_image *image, const char *name,
                                            int64_t *value, struct x64_image_error *error)
{
    if (image == NULL || name == NULL || value == NULL)
        return x64i_image_null(error);
    const struct x64i_btf *btf = &image->btf;
    struct type type;

    if (btf->count == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND, "no enumerator %.60s: %.150s", name,
                               image->types_error.text);
    for (uint32_t id = 1; read_type(btf, id, &type); id++) {
        if (type.kind != BTF_ENUM && type.kind != BTF_ENUM64)
            continue;
        for (uint32_t i = 0; i < type.count; i++) {
            const uint8_t *e = type.rest + (size_t)i * kind_sizes[type.kind].each;
            if (strcmp(string_at(btf, x64i_le32(e)), name) != 0)
                continue;
            uint32_t low = x64i_le32(e + 4);
            if (type.kind == BTF_ENUM64)
                *value = (int64_t)x64i_le64(e + 4);
            else /* the kind flag says that the values are signed */
                *value = type.kind_flag ? (int64_t)(int32_t)low : (int64_t)low;
            return X64_OK;
        }
    }
    return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                           "no enumerator %.60s among the BTF types of kernel %.60s", name,
                           image->release);
}
