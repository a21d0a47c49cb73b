/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* A segment's size in memory is limited like the file's: the sum is what a loader would allocate.
 */
#define MEMORY_MAX ((uint64_t)X64I_IMAGE_SIZE_MAX)

/* e_machine of the kernels that someone might offer. System V ABI, chapter 4. */
static const struct machine {
    uint16_t number;
    const char *name;
} machines[] = {
    {EM_386, "32-bit x86"}, {EM_PPC64, "ppc64"}, {EM_S390, "s390x"},   {EM_ARM, "32-bit ARM"},
    {EM_AARCH64, "arm64"},  {EM_MIPS, "MIPS"},   {EM_RISCV, "RISC-V"}, {258, "LoongArch"},
};

static enum x64_status refuse_machine(unsigned machine, struct x64_image_error *error)
{
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (machines[i].number == machine)
            return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                                   "the kernel is for %s, not for x86-64", machines[i].name);
    return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                           "the kernel is for ELF machine %u, not for x86-64", machine);
}

static enum x64_status read_header(struct x64_kernel_image *image, Elf64_Ehdr *header,
                                   struct x64_image_error *error)
{
    if (image->elf_size < EI_NIDENT + 4 || memcmp(image->elf, ELFMAG, SELFMAG) != 0)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "the unpacked payload is not an ELF file");
    /* e_machine is at the same place in both classes. */
    unsigned machine = x64i_le16(image->elf + offsetof(Elf64_Ehdr, e_machine));
    if (image->elf[EI_CLASS] == ELFCLASS32 && (machine == EM_386 || machine == EM_X86_64))
        return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                               "the kernel is a 32-bit x86 one, not for x86-64");
    if (image->elf[EI_DATA] != ELFDATA2LSB || image->elf[EI_CLASS] != ELFCLASS64)
        return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                               "the kernel is not a 64-bit little-endian ELF file");
    if (machine != EM_X86_64)
        return refuse_machine(machine, error);
    if (image->elf_size < sizeof *header)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "the ELF header is cut off after %zu bytes",
                               image->elf_size);
    memcpy(header, image->elf, sizeof *header);
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                               "the ELF file is not executable (e_type %u): a module or object?",
                               header->e_type);
    return X64_OK;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static enum x64_status check_segment(const struct x64_kernel_image *image, const Elf64_Phdr *p,
                                     unsigned index, struct x64_image_error *error)
{
    if (!x64i_range_ok(p->p_offset, p->p_filesz, image->elf_size))
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "segment %u lies at 0x%llx..+0x%llx of a file of 0x%zx bytes", index,
                               (unsigned long long)p->p_offset, (unsigned long long)p->p_filesz,
                               image->elf_size);
    if (p->p_memsz < p->p_filesz || p->p_memsz > MEMORY_MAX ||
        p->p_vaddr > UINT64_MAX - p->p_memsz || p->p_paddr > UINT64_MAX - p->p_memsz)
        return x64i_image_fail(
            error, X64_ERROR_FORMAT, "segment %u has 0x%llx bytes in memory for 0x%llx in the file",
            index, (unsigned long long)p->p_memsz, (unsigned long long)p->p_filesz);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct x64_image_segment *s = &image->segments[i];
        if (overlap(s->linear, s->memory_size, p->p_vaddr, p->p_memsz) ||
            overlap(s->physical, s->memory_size, p->p_paddr, p->p_memsz))
            return x64i_image_fail(error, X64_ERROR_FORMAT,
                                   "segment %u at 0x%llx overlaps the one at 0x%llx", index,
                                   (unsigned long long)p->p_vaddr, (unsigned long long)s->linear);
    }
    return X64_OK;
}

static enum x64_status read_segments(struct x64_kernel_image *image, const Elf64_Ehdr *header,
                                     struct x64_image_error *error)
{
    if (header->e_phnum == 0 || header->e_phentsize != sizeof(Elf64_Phdr) ||
        !x64i_range_ok(header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr),
                       image->elf_size))
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the ELF file's %u program headers at 0x%llx are not in the file",
                               header->e_phnum, (unsigned long long)header->e_phoff);
    image->segments = calloc(header->e_phnum, sizeof *image->segments);
    if (image->segments == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %u segments",
                               header->e_phnum);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, image->elf + header->e_phoff + i * sizeof p, sizeof p);
        if (p.p_type != PT_LOAD || p.p_memsz == 0)
            continue;
        enum x64_status status = check_segment(image, &p, i, error);
        if (status != X64_OK)
            return status;
        image->segments[image->segment_count++] =
            (struct x64_image_segment){.linear = p.p_vaddr,
                                       .physical = p.p_paddr,
                                       .file_size = p.p_filesz,
                                       .memory_size = p.p_memsz,
                                       .data = image->elf + p.p_offset,
                                       .executable = (p.p_flags & PF_X) != 0,
                                       .writable = (p.p_flags & PF_W) != 0};
    }
    if (image->segment_count == 0)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "the ELF file has no segment to load");
    return X64_OK;
}

/* The physical address of a section follows from the segment it is loaded with. */
static uint64_t section_physical(const struct x64_kernel_image *image, const Elf64_Shdr *s)
{
    const struct x64_image_segment *segment = x64i_image_segment_of(image, s->sh_addr);

    return segment == NULL ? 0 : segment->physical + (s->sh_addr - segment->linear);
}

static enum x64_status add_section(struct x64_kernel_image *image, const Elf64_Shdr *s,
                                   struct x64i_bytes names, unsigned index,
                                   struct x64_image_error *error)
{
    bool in_file = s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL;
    bool loaded = (s->sh_flags & SHF_ALLOC) != 0;

    if (s->sh_name >= names.size)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the name of section %u is outside of the string table", index);
    const char *name = (const char *)names.data + s->sh_name;
    if (in_file && !x64i_range_ok(s->sh_offset, s->sh_size, image->elf_size))
        return x64i_image_fail(
            error, X64_ERROR_FORMAT,
            "section %u (%.40s) lies at 0x%llx..+0x%llx of a file of 0x%zx bytes", index, name,
            (unsigned long long)s->sh_offset, (unsigned long long)s->sh_size, image->elf_size);
    if (s->sh_size > MEMORY_MAX || s->sh_addr > UINT64_MAX - s->sh_size)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "section %u (%.40s) has 0x%llx bytes",
                               index, name, (unsigned long long)s->sh_size);
    image->sections[image->section_count++] = (struct x64_image_section){
        .name = name,
        .linear = s->sh_addr,
        .physical = loaded ? section_physical(image, s) : 0,
        .size = s->sh_size,
        .data = in_file ? image->elf + s->sh_offset : NULL,
        .executable = (s->sh_flags & SHF_EXECINSTR) != 0,
        .writable = (s->sh_flags & SHF_WRITE) != 0,
        .loaded = loaded,
    };
    return X64_OK;
}

/* The section names' string table must end with a zero, so that every name in it does. */
static enum x64_status section_names(struct x64_kernel_image *image, const Elf64_Ehdr *header,
                                     struct x64i_bytes *names, struct x64_image_error *error)
{
    Elf64_Shdr s;

    if (header->e_shstrndx >= header->e_shnum)
        return x64i_image_fail(error, X64_ERROR_FORMAT, "section %u, for names, does not exist",
                               header->e_shstrndx);
    memcpy(&s, image->elf + header->e_shoff + header->e_shstrndx * sizeof s, sizeof s);
    if (s.sh_size == 0 || !x64i_range_ok(s.sh_offset, s.sh_size, image->elf_size) ||
        image->elf[s.sh_offset + s.sh_size - 1] != 0)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the section names at 0x%llx..+0x%llx are damaged",
                               (unsigned long long)s.sh_offset, (unsigned long long)s.sh_size);
    image->section_names = malloc(s.sh_size);
    if (image->section_names == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for the section names");
    memcpy(image->section_names, image->elf + s.sh_offset, s.sh_size);
    *names = (struct x64i_bytes){(const uint8_t *)image->section_names, s.sh_size};
    return X64_OK;
}

static enum x64_status read_sections(struct x64_kernel_image *image, const Elf64_Ehdr *header,
                                     struct x64_image_error *error)
{
    struct x64i_bytes names = {NULL, 0};

    if (header->e_shnum == 0)
        return X64_OK;
    if (header->e_shentsize != sizeof(Elf64_Shdr) ||
        !x64i_range_ok(header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr),
                       image->elf_size))
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the ELF file's %u section headers at 0x%llx are not in the file",
                               header->e_shnum, (unsigned long long)header->e_shoff);
    enum x64_status status = section_names(image, header, &names, error);
    if (status != X64_OK)
        return status;
    image->sections = calloc(header->e_shnum, sizeof *image->sections);
    if (image->sections == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %u sections",
                               header->e_shnum);
    for (unsigned i = 1; i < header->e_shnum && status == X64_OK; i++) {
        Elf64_Shdr s;
        memcpy(&s, image->elf + header->e_shoff + i * sizeof s, sizeof s);
        status = add_section(image, &s, names, i, error);
    }
    return status;
}

enum x64_status x64i_image_parse_elf(struct x64_kernel_image *image, struct x64_image_error *error)
{
    Elf64_Ehdr header = {0};
    enum x64_status status = read_header(image, &header, error);

    if (status == X64_OK)
        status = read_segments(image, &header, error);
    if (status == X64_OK)
        status = read_sections(image, &header, error);
    if (status == X64_OK)
        image->entry = header.e_entry;
    return status;
}
