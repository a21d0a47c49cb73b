/* SPDX-License-Identifier: MIT */
#include "timing/accesses.h"

void x64i_accesses_add_read(struct x64i_access_list *list, const struct x64i_touch *access)
{
    if (list->reads < X64I_ACCESS_MAX)
        list->read[list->reads++] = *access;
}

void x64i_accesses_add_write(struct x64i_access_list *list, const struct x64i_touch *access)
{
    if (list->writes < X64I_ACCESS_MAX)
        list->write[list->writes++] = *access;
}

bool x64i_accesses_of_step(struct x64i_access_list *list, const struct x64_step *step)
{
    bool translations = false;
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *effect = &step->effects[i];
        const struct x64i_touch access = {
            .linear = effect->linear, .physical = effect->physical, .size = effect->size};
        switch (effect->kind) {
        case X64_EFFECT_MEMORY_READ:
            x64i_accesses_add_read(list, &access);
            break;
        case X64_EFFECT_MEMORY_WRITE:
            x64i_accesses_add_write(list, &access);
            break;
        case X64_EFFECT_CONTROL:
        case X64_EFFECT_PAGE_WALK:
        case X64_EFFECT_PAGE_UPDATE:
        case X64_EFFECT_TLB_FILL:
        case X64_EFFECT_TLB_FLUSH:
            translations = true;
            break;
        default:
            break;
        }
    }
    return translations;
}
