/* SPDX-License-Identifier: MIT */
/* The program's own symbols, from its file, by address: for traces and messages. */
#include "kernel_model/kernel.h"

#include "ascending.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* The symbol table and its strings, checked against the file's end. */
struct table {
    struct x64i_bytes symbols;
    struct x64i_bytes strings;
    bool compat;
    uint64_t base; /* where a position-independent program was put */
};

struct section {
    uint32_t type;
    uint32_t link;
    uint64_t offset;
    uint64_t size;
};

static bool read_section(const struct x64i_kernel *kernel, uint64_t headers, unsigned index,
                         bool compat, struct section *out)
{
    Elf64_Shdr wide;
    Elf32_Shdr narrow;
    size_t width = compat ? sizeof narrow : sizeof wide;
    if (!x64i_range_ok(headers, (uint64_t)(index + 1) * width, kernel->program_size))
        return false;
    const uint8_t *at = kernel->program + headers + (uint64_t)index * width;
    if (compat) {
        memcpy(&narrow, at, sizeof narrow);
        *out = (struct section){narrow.sh_type, narrow.sh_link, narrow.sh_offset, narrow.sh_size};
    } else {
        memcpy(&wide, at, sizeof wide);
        *out = (struct section){wide.sh_type, wide.sh_link, wide.sh_offset, wide.sh_size};
    }
    return out->type == SHT_NOBITS || x64i_range_ok(out->offset, out->size, kernel->program_size);
}

static bool find_table(const struct x64i_kernel *kernel, struct table *table)
{
    struct section section, strings;
    Elf64_Ehdr wide;
    Elf32_Ehdr narrow;
    if (!kernel->program || kernel->program_size < sizeof wide ||
        memcmp(kernel->program, ELFMAG, SELFMAG) != 0) /* a script */
        return false;
    memcpy(&wide, kernel->program, sizeof wide);
    memcpy(&narrow, kernel->program, sizeof narrow);
    bool compat = kernel->program[EI_CLASS] == ELFCLASS32;
    uint64_t headers = compat ? narrow.e_shoff : wide.e_shoff;
    unsigned count = compat ? narrow.e_shnum : wide.e_shnum;
    for (unsigned i = 0; headers && i < count; i++) {
        if (!read_section(kernel, headers, i, compat, &section) || section.type != SHT_SYMTAB)
            continue;
        if (section.link >= count ||
            !read_section(kernel, headers, section.link, compat, &strings) ||
            strings.type != SHT_STRTAB || strings.size == 0 ||
            kernel->program[strings.offset + strings.size - 1] != '\0')
            return false;
        *table = (struct table){{kernel->program + section.offset, section.size},
                                {kernel->program + strings.offset, strings.size},
                                compat,
                                kernel->schedule.program_base};
        return true;
    }
    return false;
}

/* The index-th symbol when it names code or data; false for others and behind the end. */
static bool symbol_at(const struct table *table, size_t index, const char **name, uint64_t *linear)
{
    Elf64_Sym wide;
    Elf32_Sym narrow;
    if (table->compat) {
        memcpy(&narrow, table->symbols.data + index * sizeof narrow, sizeof narrow);
        wide = (Elf64_Sym){.st_name = narrow.st_name,
                           .st_info = narrow.st_info,
                           .st_shndx = narrow.st_shndx,
                           .st_value = narrow.st_value};
    } else {
        memcpy(&wide, table->symbols.data + index * sizeof wide, sizeof wide);
    }
    unsigned type = ELF64_ST_TYPE(wide.st_info);
    if (wide.st_shndx == SHN_UNDEF || wide.st_shndx >= SHN_LORESERVE || type > STT_FUNC ||
        wide.st_name >= table->strings.size)
        return false;
    *name = (const char *)table->strings.data + wide.st_name;
    *linear = wide.st_value + table->base;
    return **name != '\0';
}

static size_t symbol_count(const struct table *table)
{
    return table->symbols.size / (table->compat ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym));
}

static int compare(const void *a, const void *b)
{
    const struct x64i_user_symbol *x = a;
    const struct x64i_user_symbol *y = b;
    if (x->linear != y->linear)
        return x->linear < y->linear ? -1 : 1;
    return strcmp(x->name, y->name);
}

void x64i_user_symbols_forget(struct x64i_kernel *kernel)
{
    free(kernel->symbols);
    kernel->symbols = NULL;
    kernel->symbol_count = 0;
    kernel->symbols_loaded = false;
}

static void load(struct x64i_kernel *kernel)
{
    struct table table;
    if (kernel->symbols_loaded)
        return;
    kernel->symbols_loaded = true;
    if (!find_table(kernel, &table))
        return;
    size_t count = symbol_count(&table);
    kernel->symbols = calloc(count + 1, sizeof *kernel->symbols);
    if (!kernel->symbols)
        return;
    for (size_t i = 0; i < count; i++) {
        struct x64i_user_symbol symbol;
        if (symbol_at(&table, i, &symbol.name, &symbol.linear))
            kernel->symbols[kernel->symbol_count++] = symbol;
    }
    qsort(kernel->symbols, kernel->symbol_count, sizeof *kernel->symbols, compare);
}

enum x64_status x64i_user_symbol_at(struct x64i_kernel *kernel, uint64_t linear, const char **name,
                                    uint64_t *offset)
{
    load(kernel);
    const struct x64i_area *area = x64i_mm_find(&kernel->mm, linear);
    size_t count = X64I_COUNT_UNTIL(kernel->symbols, kernel->symbol_count, linear, linear);
    if (!area || !kernel->process->program || count == 0 ||
        kernel->symbols[count - 1].linear < area->start)
        return X64_ERROR_NOT_FOUND;
    uint64_t found = kernel->symbols[count - 1].linear;
    while (count > 1 && kernel->symbols[count - 2].linear == found)
        count--;
    *name = kernel->symbols[count - 1].name;
    *offset = linear - found;
    return X64_OK;
}

enum x64_status x64i_user_symbol_find(struct x64i_kernel *kernel, const char *name,
                                      uint64_t *linear)
{
    load(kernel);
    for (size_t i = 0; i < kernel->symbol_count; i++)
        if (strcmp(kernel->symbols[i].name, name) == 0) {
            *linear = kernel->symbols[i].linear;
            return X64_OK;
        }
    return X64_ERROR_NOT_FOUND;
}
