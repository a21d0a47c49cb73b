/* SPDX-License-Identifier: MIT */
#include "msr/msr.h"

enum msr_kind {
    KIND_PLAIN,
    KIND_CANONICAL,
    KIND_PHYSICAL,
    KIND_CONSTANT,
    KIND_COMMAND,
    KIND_EFER,
    KIND_FS_BASE,
    KIND_GS_BASE,
    KIND_TSC,
    KIND_TSC_ADJUST,
    KIND_SPEC_CTRL,
    KIND_ARCH_CAPABILITIES,
    KIND_PLATFORM_INFO,
    KIND_MICROCODE,
    KIND_MISC_ENABLE,
    KIND_PAT,
    KIND_MTRR_DEF_TYPE,
    KIND_MTRR_BASE,
    KIND_MTRR_FIXED
};

static const struct x64i_msr_row rows[] = {
#define X64I_MSR(id_, index_, name_, feature_, vendor_, reset_, writable_, kind_) \
    {.name = (name_),                                                             \
     .kind_name = #kind_,                                                         \
     .index = (index_),                                                           \
     .feature = X64I_FEATURE_##feature_,                                          \
     .vendor = X64I_MSR_VENDOR_##vendor_,                                         \
     .kind = KIND_##kind_,                                                        \
     .reset = (reset_),                                                           \
     .writable = (writable_)},
#include "msr/msr.def"
#undef X64I_MSR
};

/* EFER's bits (SDM vol. 4, table 2-2, C000_0080H). */
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

/* Which feature lets which bits of SPEC_CTRL be set (SDM vol. 4, 48H; APM vol. 2, 3.2.9). */
static const struct {
    uint8_t feature;
    uint16_t bits;
} spec_ctrl_bits[] = {
    {X64I_FEATURE_IBRS, 1 << 0},       {X64I_FEATURE_AMD_IBRS, 1 << 0},
    {X64I_FEATURE_STIBP, 1 << 1},      {X64I_FEATURE_AMD_STIBP, 1 << 1},
    {X64I_FEATURE_SSBD, 1 << 2},       {X64I_FEATURE_AMD_SSBD, 1 << 2},
    {X64I_FEATURE_IPRED_CTRL, 3 << 3}, {X64I_FEATURE_RRSBA_CTRL, 3 << 5},
    {X64I_FEATURE_PSFD, 1 << 7},       {X64I_FEATURE_AMD_PSFD, 1 << 7},
    {X64I_FEATURE_BHI_CTRL, 1 << 10},
};

static bool is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* Memory types of MTRRs and PAT: UC, WC, WT, WP, WB (SDM vol. 3A, table 11-2). */
static bool is_memory_type(uint64_t type)
{
    return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

/* A row stands where its value does. */
static uint64_t *value_of(struct x64i_msr_file *file, const struct x64i_msr_row *row)
{
    return &file->values.value[row - rows];
}

static uint64_t stored(const struct x64i_msr_file *file, const struct x64i_msr_row *row)
{
    return file->values.value[row - rows];
}

static bool has(const struct x64i_msr_file *file, enum x64i_feature feature)
{
    return x64i_cpu_model_has(file->model, feature);
}

/* Reading. */

typedef bool msr_read(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                      uint64_t *value);

static bool read_stored(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                        uint64_t *value)
{
    *value = stored(file, row);
    return true;
}

static bool read_nothing(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                         uint64_t *value)
{
    (void)file;
    (void)row;
    (void)value;
    return false;
}

static bool read_fs_base(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                         uint64_t *value)
{
    (void)row;
    *value = file->callbacks->read_segment_base(file->user, X64_FS);
    return true;
}

static bool read_gs_base(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                         uint64_t *value)
{
    (void)row;
    *value = file->callbacks->read_segment_base(file->user, X64_GS);
    return true;
}

static bool read_tsc(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                     uint64_t *value)
{
    (void)row;
    *value = file->callbacks->read_tsc(file->user);
    return true;
}

static bool read_arch_capabilities(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                                   uint64_t *value)
{
    (void)row;
    *value = file->model->arch_capabilities;
    return true;
}

/* Bits 15:8: the TSC's frequency in units of 100 MHz (SDM vol. 3B, 18.7.3). */
static bool read_platform_info(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                               uint64_t *value)
{
    (void)row;
    *value = (file->model->tsc_hz / 100000000 & 0xff) << 8;
    return true;
}

/* The revision stands in the upper half (Intel) or in the lower one (AMD, PATCH_LEVEL). */
static bool read_microcode(const struct x64i_msr_file *file, const struct x64i_msr_row *row,
                           uint64_t *value)
{
    (void)row;
    uint64_t revision = file->model->microcode;
    *value = file->model->vendor == X64I_VENDOR_INTEL ? revision << 32 : revision;
    return true;
}

/* Writing: reserved bits were checked against the row. */

typedef bool msr_write(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value);

static bool write_stored(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value)
{
    *value_of(file, row) = value;
    return true;
}

static bool write_never(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value)
{
    (void)file;
    (void)row;
    (void)value;
    return false;
}

static bool write_ignored(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                          uint64_t value)
{
    (void)file;
    (void)row;
    (void)value;
    return true;
}

static bool write_canonical(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                            uint64_t value)
{
    return is_canonical(value) && write_stored(file, row, value);
}

static bool write_physical(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                           uint64_t value)
{
    return value >> file->model->physical_bits == 0 && write_stored(file, row, value);
}

/* LME may not change while paging is on, LMA follows LME and CR0.PG and ignores what is written,
 * SCE and NXE need their features (SDM vol. 3A, 2.2.1 and 9.8.5). */
static bool write_efer(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value)
{
    uint64_t old = stored(file, row);
    if (((value ^ old) & EFER_LME) && file->callbacks->paging_enabled(file->user))
        return false;
    if ((value & EFER_NXE) && !has(file, X64I_FEATURE_NX))
        return false;
    *value_of(file, row) = (value & ~EFER_LMA) | (old & EFER_LMA);
    file->callbacks->efer_changed(file->user);
    return true;
}

static bool write_base(struct x64i_msr_file *file, enum x64_segment_register segment,
                       uint64_t value)
{
    if (!is_canonical(value))
        return false;
    file->callbacks->write_segment_base(file->user, segment, value);
    return true;
}

static bool write_fs_base(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                          uint64_t value)
{
    (void)row;
    return write_base(file, X64_FS, value);
}

static bool write_gs_base(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                          uint64_t value)
{
    (void)row;
    return write_base(file, X64_GS, value);
}

/* What is added to the TSC is added to TSC_ADJUST too, and the other way round (SDM vol. 3B,
 * 17.17.3). */
static bool write_tsc(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value)
{
    (void)row;
    file->values.value[X64I_MSR_TSC_ADJUST] += value - file->callbacks->read_tsc(file->user);
    file->callbacks->write_tsc(file->user, value);
    return true;
}

static bool write_tsc_adjust(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                             uint64_t value)
{
    uint64_t tsc = file->callbacks->read_tsc(file->user);
    file->callbacks->write_tsc(file->user, tsc + (value - stored(file, row)));
    *value_of(file, row) = value;
    return true;
}

static bool write_spec_ctrl(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                            uint64_t value)
{
    uint64_t allowed = 0;
    for (size_t i = 0; i < sizeof spec_ctrl_bits / sizeof spec_ctrl_bits[0]; i++)
        if (has(file, spec_ctrl_bits[i].feature))
            allowed |= spec_ctrl_bits[i].bits;
    return (value & ~allowed) == 0 && write_stored(file, row, value);
}

/* Only the fast-strings enable (bit 0) changes; the others describe the CPU. */
static bool write_misc_enable(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                              uint64_t value)
{
    return write_stored(file, row, (stored(file, row) & ~1ull) | (value & 1));
}

/* Eight memory types; PAT also knows UC- (7). */
static bool are_memory_types(uint64_t value, bool uc_minus)
{
    for (unsigned i = 0; i < 8; i++, value >>= 8)
        if (!is_memory_type(value & 0xff) && !(uc_minus && (value & 0xff) == 7))
            return false;
    return true;
}

static bool write_pat(struct x64i_msr_file *file, const struct x64i_msr_row *row, uint64_t value)
{
    return are_memory_types(value, true) && write_stored(file, row, value);
}

static bool write_mtrr_fixed(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                             uint64_t value)
{
    return are_memory_types(value, false) && write_stored(file, row, value);
}

static bool write_mtrr_def_type(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                                uint64_t value)
{
    return is_memory_type(value & 0xff) && write_stored(file, row, value);
}

static bool write_mtrr_base(struct x64i_msr_file *file, const struct x64i_msr_row *row,
                            uint64_t value)
{
    return is_memory_type(value & 0xff) && write_physical(file, row, value);
}

static const struct {
    msr_read *read;
    msr_write *write;
} kinds[] = {
    [KIND_PLAIN] = {read_stored, write_stored},
    [KIND_CANONICAL] = {read_stored, write_canonical},
    [KIND_PHYSICAL] = {read_stored, write_physical},
    [KIND_CONSTANT] = {read_stored, write_never},
    [KIND_COMMAND] = {read_nothing, write_ignored},
    [KIND_EFER] = {read_stored, write_efer},
    [KIND_FS_BASE] = {read_fs_base, write_fs_base},
    [KIND_GS_BASE] = {read_gs_base, write_gs_base},
    [KIND_TSC] = {read_tsc, write_tsc},
    [KIND_TSC_ADJUST] = {read_stored, write_tsc_adjust},
    [KIND_SPEC_CTRL] = {read_stored, write_spec_ctrl},
    [KIND_ARCH_CAPABILITIES] = {read_arch_capabilities, write_never},
    [KIND_PLATFORM_INFO] = {read_platform_info, write_never},
    [KIND_MICROCODE] = {read_microcode, write_ignored},
    [KIND_MISC_ENABLE] = {read_stored, write_misc_enable},
    [KIND_PAT] = {read_stored, write_pat},
    [KIND_MTRR_DEF_TYPE] = {read_stored, write_mtrr_def_type},
    [KIND_MTRR_BASE] = {read_stored, write_mtrr_base},
    [KIND_MTRR_FIXED] = {read_stored, write_mtrr_fixed},
};

enum x64_status x64i_msr_init(struct x64i_msr_file *file, struct x64i_state *state,
                              const struct x64i_cpu_model *model,
                              const struct x64i_msr_callbacks *callbacks, void *user)
{
    file->model = model;
    file->callbacks = callbacks;
    file->user = user;
    x64i_msr_reset(file);
    return x64i_state_add_fixed(state, "msr", 1, &file->values, sizeof file->values, 0);
}

void x64i_msr_reset(struct x64i_msr_file *file)
{
    for (size_t i = 0; i < X64I_MSR_COUNT; i++)
        file->values.value[i] = rows[i].reset;
}

const struct x64i_msr_row *x64i_msr_row(enum x64i_msr msr)
{
    return (unsigned)msr < X64I_MSR_COUNT ? &rows[msr] : NULL;
}

bool x64i_msr_exists(const struct x64i_msr_row *row, const struct x64i_cpu_model *model)
{
    if (row->vendor == X64I_MSR_VENDOR_INTEL && model->vendor != X64I_VENDOR_INTEL)
        return false;
    if (row->vendor == X64I_MSR_VENDOR_AMD && model->vendor != X64I_VENDOR_AMD)
        return false;
    return x64i_cpu_model_has(model, row->feature);
}

static const struct x64i_msr_row *find_row(const struct x64i_msr_file *file, uint32_t index)
{
    for (size_t i = 0; i < X64I_MSR_COUNT; i++)
        if (rows[i].index == index && x64i_msr_exists(&rows[i], file->model))
            return &rows[i];
    return NULL;
}

bool x64i_msr_read(const struct x64i_msr_file *file, uint32_t index, uint64_t *value)
{
    const struct x64i_msr_row *row = find_row(file, index);
    return row && kinds[row->kind].read(file, row, value);
}

bool x64i_msr_write(struct x64i_msr_file *file, uint32_t index, uint64_t value)
{
    const struct x64i_msr_row *row = find_row(file, index);
    return row && (value & ~row->writable) == 0 && kinds[row->kind].write(file, row, value);
}

const char *x64i_msr_name(uint32_t index)
{
    for (size_t i = 0; i < X64I_MSR_COUNT; i++)
        if (rows[i].index == index)
            return rows[i].name;
    return NULL;
}
