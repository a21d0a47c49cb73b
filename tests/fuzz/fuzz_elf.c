/* SPDX-License-Identifier: MIT */
/* Programs from an enemy: the headers of an ELF file are read, or refused with a sentence. */
#include "kernel_model/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x64i_elf elf;
    struct x64_error_text error;
    (void)x64i_elf_parse(data, size, "fuzz", &elf, &error);
    return 0;
}
