/* SPDX-License-Identifier: MIT */
/* ELF files of programs (System V ABI, chapters 4 and 5), for both widths. */
#include "kernel_model/elf.h"

#include "kernel_model/kernel.h"

#include <elf.h>
#include <string.h>

#define INTERPRETER_MAX 1024u

#define PAGE_MASK (~(uint64_t)(X64I_PAGE_SIZE - 1))

struct reader {
    const uint8_t *bytes;
    uint64_t size;    /* of the file */
    size_t available; /* of it in `bytes` */
    const char *name;
    struct x64_error_text *error;
};

/* A program header of either width. */
struct program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t linear;
    uint64_t file_size;
    uint64_t memory_size;
};

#define REFUSE(reader, status, ...) x64i_refuse((reader)->error, status, "%s: " __VA_ARGS__)

static enum x64_status check_ident(const struct reader *reader, bool *compat)
{
    const uint8_t *ident = reader->bytes;
    if (reader->available < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return REFUSE(reader, X64_ERROR_FORMAT, "not an ELF file", reader->name);
    if (ident[EI_DATA] != ELFDATA2LSB || ident[EI_VERSION] != EV_CURRENT)
        return REFUSE(reader, X64_ERROR_UNSUPPORTED, "not a little-endian ELF file of version 1",
                      reader->name);
    if (ident[EI_CLASS] != ELFCLASS64 && ident[EI_CLASS] != ELFCLASS32)
        return REFUSE(reader, X64_ERROR_FORMAT, "ELF class %u is neither 32 nor 64 bits",
                      reader->name, ident[EI_CLASS]);
    *compat = ident[EI_CLASS] == ELFCLASS32;
    return X64_OK;
}

/* The file header, widened. */
static enum x64_status read_header(const struct reader *reader, bool compat, Elf64_Ehdr *header)
{
    if (!compat) {
        if (reader->available < sizeof *header)
            return REFUSE(reader, X64_ERROR_FORMAT, "the file ends within its header",
                          reader->name);
        memcpy(header, reader->bytes, sizeof *header);
        return X64_OK;
    }
    Elf32_Ehdr narrow;
    if (reader->available < sizeof narrow)
        return REFUSE(reader, X64_ERROR_FORMAT, "the file ends within its header", reader->name);
    memcpy(&narrow, reader->bytes, sizeof narrow);
    *header = (Elf64_Ehdr){.e_type = narrow.e_type,
                           .e_machine = narrow.e_machine,
                           .e_entry = narrow.e_entry,
                           .e_phoff = narrow.e_phoff,
                           .e_phentsize = narrow.e_phentsize,
                           .e_phnum = narrow.e_phnum};
    return X64_OK;
}

static enum x64_status check_header(const struct reader *reader, bool compat,
                                    const Elf64_Ehdr *header)
{
    uint16_t machine = compat ? EM_386 : EM_X86_64;
    size_t entry_size = compat ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
    if (header->e_machine != machine)
        return REFUSE(reader, X64_ERROR_UNSUPPORTED, "ELF machine %u is not x86", reader->name,
                      header->e_machine);
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return REFUSE(reader, X64_ERROR_UNSUPPORTED, "ELF type %u is not a program", reader->name,
                      header->e_type);
    if (header->e_phentsize != entry_size || header->e_phnum == 0)
        return REFUSE(reader, X64_ERROR_FORMAT, "no program headers of %zu bytes", reader->name,
                      entry_size);
    if (!x64i_range_ok(header->e_phoff, (uint64_t)header->e_phnum * entry_size, reader->available))
        return REFUSE(reader, X64_ERROR_FORMAT,
                      "program headers at %#llx lie behind the file's end", reader->name,
                      (unsigned long long)header->e_phoff);
    return X64_OK;
}

static void read_program_header(const struct reader *reader, bool compat, const Elf64_Ehdr *header,
                                unsigned index, struct program_header *out)
{
    const uint8_t *at = reader->bytes + header->e_phoff + (size_t)index * header->e_phentsize;
    if (compat) {
        Elf32_Phdr narrow;
        memcpy(&narrow, at, sizeof narrow);
        *out = (struct program_header){narrow.p_type,  narrow.p_flags,  narrow.p_offset,
                                       narrow.p_vaddr, narrow.p_filesz, narrow.p_memsz};
        return;
    }
    Elf64_Phdr wide;
    memcpy(&wide, at, sizeof wide);
    *out = (struct program_header){wide.p_type,  wide.p_flags,  wide.p_offset,
                                   wide.p_vaddr, wide.p_filesz, wide.p_memsz};
}

static uint32_t protection_of(uint32_t flags)
{
    return (flags & PF_R ? X64I_PROT_READ : 0u) | (flags & PF_W ? X64I_PROT_WRITE : 0u) |
           (flags & PF_X ? X64I_PROT_EXEC : 0u);
}

static enum x64_status add_segment(const struct reader *reader, struct x64i_elf *elf,
                                   const struct program_header *header, unsigned index)
{
    uint64_t limit = elf->compat ? X64I_TASK_SIZE_32 : X64I_TASK_SIZE;
    if (header->memory_size == 0)
        return X64_OK;
    if (!x64i_range_ok(header->offset, header->file_size, reader->size))
        return REFUSE(reader, X64_ERROR_FORMAT, "segment %u lies behind the file's end",
                      reader->name, index);
    if (header->file_size > header->memory_size)
        return REFUSE(reader, X64_ERROR_FORMAT, "segment %u is larger in the file than in memory",
                      reader->name, index);
    if (header->linear >= limit || header->memory_size > limit - header->linear)
        return REFUSE(reader, X64_ERROR_FORMAT,
                      "segment %u at %#llx does not fit the user's half of the address space",
                      reader->name, index, (unsigned long long)header->linear);
    if ((header->linear ^ header->offset) % X64I_PAGE_SIZE)
        return REFUSE(reader, X64_ERROR_FORMAT,
                      "segment %u has different offsets within a page in file and memory",
                      reader->name, index);
    if (elf->segment_count == X64I_ELF_SEGMENTS)
        return REFUSE(reader, X64_ERROR_UNSUPPORTED, "more than %u segments", reader->name,
                      X64I_ELF_SEGMENTS);
    if ((header->linear & PAGE_MASK) < elf->end)
        return REFUSE(reader, X64_ERROR_FORMAT,
                      "segment %u at %#llx overlaps the one before, or they are not ascending",
                      reader->name, index, (unsigned long long)header->linear);
    elf->segment[elf->segment_count++] =
        (struct x64i_elf_segment){.linear = header->linear,
                                  .file_offset = header->offset,
                                  .file_size = header->file_size,
                                  .memory_size = header->memory_size,
                                  .protection = protection_of(header->flags)};
    elf->end = (header->linear + header->memory_size + X64I_PAGE_SIZE - 1) & PAGE_MASK;
    return X64_OK;
}

/* The headers' own address, when a segment holds them. */
static uint64_t headers_in_memory(const struct x64i_elf *elf, const Elf64_Ehdr *header)
{
    uint64_t size = (uint64_t)header->e_phnum * header->e_phentsize;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct x64i_elf_segment *segment = &elf->segment[i];
        if (header->e_phoff >= segment->file_offset &&
            x64i_range_ok(header->e_phoff - segment->file_offset, size, segment->file_size))
            return segment->linear + (header->e_phoff - segment->file_offset);
    }
    return 0;
}

static enum x64_status note_interpreter(const struct reader *reader, struct x64i_elf *elf,
                                        const struct program_header *header)
{
    if (!x64i_range_ok(header->offset, header->file_size, reader->size) || header->file_size < 2 ||
        header->file_size > INTERPRETER_MAX)
        return REFUSE(reader, X64_ERROR_FORMAT, "its interpreter's path is damaged", reader->name);
    elf->interpreter_offset = header->offset;
    elf->interpreter_size = header->file_size;
    return X64_OK;
}

static enum x64_status read_segments(const struct reader *reader, const Elf64_Ehdr *header,
                                     struct x64i_elf *elf)
{
    elf->executable_stack = true;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        struct program_header program;
        enum x64_status status = X64_OK;
        read_program_header(reader, elf->compat, header, i, &program);
        if (program.type == PT_INTERP)
            status = note_interpreter(reader, elf, &program);
        if (program.type == PT_GNU_STACK)
            elf->executable_stack = program.flags & PF_X;
        else if (program.type == PT_LOAD)
            status = add_segment(reader, elf, &program, i);
        if (status != X64_OK)
            return status;
    }
    if (elf->segment_count == 0)
        return REFUSE(reader, X64_ERROR_FORMAT, "nothing to load", reader->name);
    return X64_OK;
}

enum x64_status x64i_elf_parse(const uint8_t *bytes, size_t size, const char *name,
                               struct x64i_elf *elf, struct x64_error_text *error)
{
    return x64i_elf_parse_head(bytes, size, size, name, elf, error);
}

enum x64_status x64i_elf_parse_head(const uint8_t *bytes, size_t available, uint64_t size,
                                    const char *name, struct x64i_elf *elf,
                                    struct x64_error_text *error)
{
    struct reader reader = {bytes, size, available, name, error};
    struct x64i_elf found = {0};
    Elf64_Ehdr header = {0};
    enum x64_status status = check_ident(&reader, &found.compat);
    if (status == X64_OK)
        status = read_header(&reader, found.compat, &header);
    if (status == X64_OK)
        status = check_header(&reader, found.compat, &header);
    if (status == X64_OK)
        status = read_segments(&reader, &header, &found);
    if (status != X64_OK)
        return status;
    found.position_independent = header.e_type == ET_DYN;
    found.entry = header.e_entry;
    found.phent = header.e_phentsize;
    found.phnum = header.e_phnum;
    found.phdr = headers_in_memory(&found, &header);
    if (found.entry >= (found.compat ? X64I_TASK_SIZE_32 : X64I_TASK_SIZE))
        return x64i_refuse(error, X64_ERROR_FORMAT, "%s: entry point %#llx is no user address",
                           name, (unsigned long long)found.entry);
    *elf = found;
    return X64_OK;
}
