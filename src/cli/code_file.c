/* SPDX-License-Identifier: MIT */
#include "cli/code_file.h"

#include "cli/cli.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (UINT64_C(1) << 30)

struct image {
    uint8_t *bytes;
    uint64_t size;
    Elf64_Ehdr header;
};

/* A copy of `size` bytes at `offset`; false when the file does not have them. */
static bool fetch(const struct image *image, uint64_t offset, void *out, uint64_t size)
{
    if (offset > image->size || size > image->size - offset)
        return false;
    memcpy(out, image->bytes + offset, size);
    return true;
}

static int load(struct image *image, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return cli_fail(CLI_INPUT, "%s: cannot be read", path);
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    bool good = length >= 0 && (uint64_t)length <= FILE_MAX && fseek(file, 0, SEEK_SET) == 0;
    image->size = good ? (uint64_t)length : 0;
    image->bytes = good ? malloc(image->size + 1) : NULL;
    good = image->bytes && fread(image->bytes, 1, image->size, file) == image->size;
    (void)fclose(file);
    if (!good)
        return cli_fail(CLI_INPUT, "%s: cannot be read as a file of at most 1 GiB", path);
    if (!fetch(image, 0, &image->header, sizeof image->header) ||
        memcmp(image->header.e_ident, ELFMAG, SELFMAG) != 0 ||
        image->header.e_ident[EI_CLASS] != ELFCLASS64 ||
        image->header.e_ident[EI_DATA] != ELFDATA2LSB || image->header.e_machine != EM_X86_64 ||
        image->header.e_shentsize != sizeof(Elf64_Shdr))
        return cli_fail(CLI_INPUT, "%s: not a 64-bit x86-64 ELF file with sections", path);
    return CLI_DONE;
}

static bool section_at(const struct image *image, unsigned index, Elf64_Shdr *section)
{
    return index < image->header.e_shnum &&
           fetch(image, image->header.e_shoff + (uint64_t)index * sizeof *section, section,
                 sizeof *section);
}

static bool named(const struct image *image, const Elf64_Shdr *strings, uint32_t offset,
                  const char *name)
{
    uint64_t length = strlen(name) + 1;
    return offset < strings->sh_size && length <= strings->sh_size - offset &&
           strings->sh_offset <= image->size && offset <= image->size - strings->sh_offset &&
           length <= image->size - strings->sh_offset - offset &&
           memcmp(image->bytes + strings->sh_offset + offset, name, length) == 0;
}

static bool search_table(const struct image *image, const Elf64_Shdr *table, const char *name,
                         Elf64_Sym *symbol)
{
    Elf64_Shdr strings;
    if (!section_at(image, table->sh_link, &strings))
        return false;
    for (uint64_t at = 0; at + sizeof *symbol <= table->sh_size; at += sizeof *symbol) {
        if (!fetch(image, table->sh_offset + at, symbol, sizeof *symbol))
            return false;
        if (symbol->st_shndx != SHN_UNDEF && named(image, &strings, symbol->st_name, name))
            return true;
    }
    return false;
}

static bool find_symbol(const struct image *image, const char *name, Elf64_Sym *symbol)
{
    for (unsigned i = 0; i < image->header.e_shnum; i++) {
        Elf64_Shdr section;
        if (section_at(image, i, &section) &&
            (section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM) &&
            search_table(image, &section, name, symbol))
            return true;
    }
    return false;
}

/* The section with code that has the address. */
static bool find_section(const struct image *image, uint64_t linear, Elf64_Shdr *section)
{
    for (unsigned i = 0; i < image->header.e_shnum; i++)
        if (section_at(image, i, section) && section->sh_type == SHT_PROGBITS &&
            (section->sh_flags & SHF_EXECINSTR) && linear >= section->sh_addr &&
            linear - section->sh_addr < section->sh_size)
            return true;
    return false;
}

static int read_range(const struct image *image, struct cli_code_range *range, uint8_t *code,
                      size_t room, size_t *size)
{
    Elf64_Sym symbol;
    Elf64_Shdr section;
    uint64_t from = range->from;
    uint64_t to = range->to;
    if (range->symbol) {
        if (!find_symbol(image, range->symbol, &symbol))
            return cli_fail(CLI_INPUT, "%s: no symbol %s", range->path, range->symbol);
        from = from ? from : symbol.st_value;
        to = to ? to : symbol.st_value + symbol.st_size;
    }
    if (to <= from || to - from > room)
        return cli_fail(CLI_USAGE, "%s: from 0x%llx to 0x%llx is no piece of 1 to %zu bytes",
                        range->path, (unsigned long long)from, (unsigned long long)to, room);
    if (!find_section(image, from, &section) || to - section.sh_addr > section.sh_size ||
        section.sh_offset > image->size ||
        !fetch(image, section.sh_offset + (from - section.sh_addr), code, to - from))
        return cli_fail(CLI_INPUT, "%s: no code from 0x%llx to 0x%llx", range->path,
                        (unsigned long long)from, (unsigned long long)to);
    range->loaded_at = from;
    *size = to - from;
    return CLI_DONE;
}

int cli_code_read(struct cli_code_range *range, uint8_t *code, size_t room, size_t *size)
{
    struct image image = {0};
    int status = load(&image, range->path);
    if (status == CLI_DONE)
        status = read_range(&image, range, code, room, size);
    free(image.bytes);
    return status;
}
