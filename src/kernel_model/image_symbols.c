/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

#include "ascending.h"

#include <ctype.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* nm's letter for an ELF symbol, by the section it is in. */
static char letter_of(const struct x64_kernel_image *image, const Elf64_Sym *s)
{
    char letter = 'a';

    for (size_t i = 0; i < image->section_count; i++) {
        const struct x64_image_section *section = &image->sections[i];
        if (!section->loaded || s->st_value < section->linear ||
            s->st_value - section->linear >= section->size)
            continue;
        if (section->executable)
            letter = 't';
        else if (section->data == NULL)
            letter = 'b';
        else
            letter = section->writable ? 'd' : 'r';
        break;
    }
    if (s->st_shndx == SHN_ABS)
        letter = 'a';
    if (ELF64_ST_BIND(s->st_info) == STB_WEAK)
        return 'W';
    return ELF64_ST_BIND(s->st_info) == STB_GLOBAL ? (char)toupper(letter) : letter;
}

static bool is_wanted(const Elf64_Sym *s, size_t names_size)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);

    return s->st_name != 0 && s->st_name < names_size && s->st_shndx != SHN_UNDEF &&
           type != STT_FILE && type != STT_SECTION;
}

/*
 * Fill the list from an ELF symbol table. The string table is copied: names point into the copy, as
 * those of kallsyms do.
 */
static enum x64_status read_symtab(const struct x64_kernel_image *image,
                                   struct x64i_symbols *symbols, struct x64_image_error *error)
{
    const struct x64_image_section *table = x64_kernel_image_section(image, ".symtab");
    const struct x64_image_section *strings = x64_kernel_image_section(image, ".strtab");
    const struct x64_image_section *per_cpu = x64_kernel_image_section(image, ".data..percpu");

    if (table == NULL || strings == NULL || table->data == NULL || strings->data == NULL ||
        strings->size == 0 || strings->data[strings->size - 1] != 0 ||
        table->size < sizeof(Elf64_Sym))
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                               "no .symtab with a .strtab in the image");
    size_t count = table->size / sizeof(Elf64_Sym);
    symbols->names = malloc(strings->size);
    symbols->list = calloc(count, sizeof *symbols->list);
    if (symbols->names == NULL || symbols->list == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu symbols", count);
    memcpy(symbols->names, strings->data, strings->size);
    symbols->count = 0;
    for (size_t i = 0; i < count && symbols->count < INT32_MAX; i++) {
        Elf64_Sym s;
        memcpy(&s, table->data + i * sizeof s, sizeof s);
        if (!is_wanted(&s, strings->size))
            continue;
        symbols->list[symbols->count++] = (struct x64_image_symbol){
            .name = symbols->names + s.st_name,
            .address = s.st_value,
            .type = letter_of(image, &s),
            .per_cpu = per_cpu != NULL && s.st_value - per_cpu->linear <= per_cpu->size,
        };
    }
    symbols->source = X64_SYMBOLS_ELF;
    return symbols->count > 0
               ? X64_OK
               : x64i_image_fail(error, X64_ERROR_NOT_FOUND, "the image's .symtab names nothing");
}

/* Names with underscores before them are mostly marks that linker scripts set: what they stand on
 * has a better one. */
static size_t leading_underscores(const char *name)
{
    return strspn(name, "_");
}

/* Per-CPU ones first, by address; at one address global before local, few underscores before many,
 * then by name. */
static int compare_symbols(const void *a, const void *b)
{
    const struct x64_image_symbol *x = a;
    const struct x64_image_symbol *y = b;
    bool x_global = isupper((unsigned char)x->type) != 0;
    bool y_global = isupper((unsigned char)y->type) != 0;

    if (x->per_cpu != y->per_cpu)
        return x->per_cpu ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if (x_global != y_global)
        return x_global ? -1 : 1;
    size_t x_underscores = leading_underscores(x->name);
    size_t y_underscores = leading_underscores(y->name);
    if (x_underscores != y_underscores)
        return x_underscores < y_underscores ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* FNV-1a. */
static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != 0; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static bool is_better(const struct x64_image_symbol *a, const struct x64_image_symbol *b)
{
    return isupper((unsigned char)a->type) && !isupper((unsigned char)b->type);
}

/* Each name once: the list is in address order, so the first of a kind stays unless a global comes.
 */
static enum x64_status hash_symbols(struct x64i_symbols *symbols, struct x64_image_error *error)
{
    size_t slots = 16;

    while (slots < symbols->count * 2)
        slots *= 2;
    symbols->slots = calloc(slots, sizeof *symbols->slots);
    if (symbols->slots == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu symbols",
                               symbols->count);
    symbols->slot_count = slots;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct x64_image_symbol *s = &symbols->list[i];
        size_t slot = hash_name(s->name) & (slots - 1);
        while (symbols->slots[slot] != 0 &&
               strcmp(symbols->list[symbols->slots[slot] - 1].name, s->name) != 0)
            slot = (slot + 1) & (slots - 1);
        if (symbols->slots[slot] == 0 || is_better(s, &symbols->list[symbols->slots[slot] - 1]))
            symbols->slots[slot] = (uint32_t)(i + 1);
    }
    return X64_OK;
}

enum x64_status x64i_symbols_load(const struct x64_kernel_image *image,
                                  struct x64i_symbols *symbols, struct x64_image_error *error)
{
    enum x64_status status = x64i_kallsyms_read(image, symbols, error);

    if (status == X64_ERROR_NOT_FOUND)
        status = read_symtab(image, symbols, NULL) == X64_OK ? X64_OK : status;
    if (status == X64_OK) {
        qsort(symbols->list, symbols->count, sizeof *symbols->list, compare_symbols);
        while (symbols->per_cpu_count < symbols->count &&
               symbols->list[symbols->per_cpu_count].per_cpu)
            symbols->per_cpu_count++;
        status = hash_symbols(symbols, error);
    }
    if (status != X64_OK)
        x64i_symbols_free(symbols);
    return status;
}

void x64i_symbols_free(struct x64i_symbols *symbols)
{
    free(symbols->list);
    free(symbols->names);
    free(symbols->slots);
    *symbols = (struct x64i_symbols){.source = X64_SYMBOLS_NONE};
}

size_t x64_kernel_image_symbol_count(const struct x64_kernel_image *image)
{
    return image ? image->symbols.count : 0;
}

const struct x64_image_symbol *
x64_kernel_image_symbol_at_index(const struct x64_kernel_image *image, size_t index)
{
    return image && index < image->symbols.count ? &image->symbols.list[index] : NULL;
}

enum x64_status x64_kernel_image_symbol(const struct x64_kernel_image *image, const char *name,
                                        struct x64_image_symbol *symbol,
                                        struct x64_image_error *error)
{
    if (image == NULL || name == NULL || symbol == NULL)
        return x64i_image_null(error);
    const struct x64i_symbols *symbols = &image->symbols;

    if (symbols->slot_count == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND, "no symbol %.60s: %.150s", name,
                               image->symbols_error.text);
    size_t slot = hash_name(name) & (symbols->slot_count - 1);
    for (; symbols->slots[slot] != 0; slot = (slot + 1) & (symbols->slot_count - 1)) {
        const struct x64_image_symbol *s = &symbols->list[symbols->slots[slot] - 1];
        if (strcmp(s->name, name) == 0) {
            *symbol = *s;
            return X64_OK;
        }
    }
    return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                           "no symbol %.60s among the %zu of kernel %.60s", name, symbols->count,
                           image->release);
}

/* The first symbol with the greatest address not above `address`, within list[from, to). */
static enum x64_status find_near(const struct x64i_symbols *symbols, size_t from, size_t to,
                                 uint64_t address, struct x64_image_symbol *symbol,
                                 uint64_t *offset)
{
    size_t at = from + X64I_COUNT_UNTIL(symbols->list + from, to - from, address, address);
    if (at == from)
        return X64_ERROR_NOT_FOUND;
    at--;
    while (at > from && symbols->list[at - 1].address == symbols->list[at].address)
        at--;
    *symbol = symbols->list[at];
    if (offset != NULL)
        *offset = address - symbol->address;
    return X64_OK;
}

enum x64_status x64_kernel_image_symbol_near(const struct x64_kernel_image *image, uint64_t linear,
                                             struct x64_image_symbol *symbol, uint64_t *offset)
{
    if (image == NULL || symbol == NULL)
        return X64_ERROR_ARGUMENT;
    const struct x64i_symbols *symbols = &image->symbols;
    const struct x64_image_segment *segment = x64i_image_segment_of(image, linear);
    struct x64_image_symbol found;

    if (segment == NULL ||
        find_near(symbols, symbols->per_cpu_count, symbols->count, linear, &found, offset) !=
            X64_OK ||
        found.address < segment->linear)
        return X64_ERROR_NOT_FOUND;
    *symbol = found;
    return X64_OK;
}

enum x64_status x64_kernel_image_per_cpu_symbol(const struct x64_kernel_image *image,
                                                uint64_t per_cpu_offset,
                                                struct x64_image_symbol *symbol, uint64_t *offset)
{
    if (image == NULL || symbol == NULL)
        return X64_ERROR_ARGUMENT;
    const struct x64_image_section *per_cpu = x64_kernel_image_section(image, ".data..percpu");

    if (per_cpu == NULL || per_cpu_offset - per_cpu->linear >= per_cpu->size)
        return X64_ERROR_NOT_FOUND;
    return find_near(&image->symbols, 0, image->symbols.per_cpu_count, per_cpu_offset, symbol,
                     offset);
}
