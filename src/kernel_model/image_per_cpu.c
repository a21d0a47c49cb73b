/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

enum x64_status x64_kernel_image_per_cpu_section(const struct x64_kernel_image *image,
                                                 const struct x64_image_section **section,
                                                 struct x64_image_error *error)
{
    if (image == NULL || section == NULL)
        return x64i_image_null(error);
    const struct x64_image_section *s = x64_kernel_image_section(image, ".data..percpu");
    struct x64_image_symbol start;
    struct x64_image_symbol end;

    if (s == NULL || s->data == NULL || s->size == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                               "kernel %.60s has no section .data..percpu", image->release);
    if (x64_kernel_image_symbol(image, "__per_cpu_start", &start, NULL) == X64_OK &&
        x64_kernel_image_symbol(image, "__per_cpu_end", &end, NULL) == X64_OK &&
        (start.address != s->linear || end.address < start.address ||
         end.address - start.address > s->size))
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "__per_cpu_start..__per_cpu_end is 0x%llx..0x%llx, but the section "
                               ".data..percpu is 0x%llx..+0x%llx",
                               (unsigned long long)start.address, (unsigned long long)end.address,
                               (unsigned long long)s->linear, (unsigned long long)s->size);
    *section = s;
    return X64_OK;
}

enum x64_status x64_kernel_image_per_cpu_offset(const struct x64_kernel_image *image,
                                                const char *variable, const char *type,
                                                const char *path, uint64_t *offset,
                                                struct x64_image_error *error)
{
    if (image == NULL || variable == NULL || offset == NULL)
        return x64i_image_null(error);
    struct x64_image_symbol symbol;
    struct x64_image_member member = {.offset = 0, .size = 0};
    const struct x64_image_section *section = NULL;
    enum x64_status status = x64_kernel_image_per_cpu_section(image, &section, error);

    if (status != X64_OK || section == NULL)
        return status;
    status = x64_kernel_image_symbol(image, variable, &symbol, error);
    if (status == X64_OK && path != NULL)
        status = x64_kernel_image_member(image, type, path, &member, error);
    if (status != X64_OK)
        return status;
    if (!symbol.per_cpu ||
        !x64i_range_ok(symbol.address - section->linear, member.offset, section->size))
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                               "%.60s at 0x%llx is no per-CPU variable of kernel %.60s", variable,
                               (unsigned long long)symbol.address, image->release);
    *offset = symbol.address + member.offset;
    return X64_OK;
}
