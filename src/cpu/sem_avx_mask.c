/* SPDX-License-Identifier: MIT */
/* Memory accesses by mask: VMASKMOVPS and its kin, gathers (SDM vol. 2). Elements whose mask is
 * clear are not touched and raise nothing. */
#include "cpu/vector.h"

#define ELEMENTS_MAX 8u

/* None of them raises #AC, for any mask (SDM vol. 2A, exceptions of types 6 and 12). */
#define UNALIGNED(call)                        \
    __extension__({                            \
        const bool checks_ = cpu->align_check; \
        cpu->align_check = false;              \
        enum x64i_result result_ = (call);     \
        cpu->align_check = checks_;            \
        result_;                               \
    })

/* The element `at` of `size` bytes. */
static uint64_t element(const struct x64i_wide *value, unsigned size, unsigned at)
{
    if (size == 4)
        return value->lane[at / 4].d[at % 4];
    return value->lane[at / 2].q[at % 2];
}

static void set_element(struct x64i_wide *value, unsigned size, unsigned at, uint64_t to)
{
    if (size == 4)
        value->lane[at / 4].d[at % 4] = (uint32_t)to;
    else
        value->lane[at / 2].q[at % 2] = to;
}

static bool is_chosen(const struct x64i_wide *mask, unsigned size, unsigned at)
{
    return element(mask, size, at) >> (8 * size - 1) & 1;
}

static enum x64i_result load_masked(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned lanes,
                                    unsigned size)
{
    struct x64i_wide mask, d = {.lane = {{.q = {0, 0}}}};
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_wide(cpu, op->source, &mask, lanes);
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < 16 * lanes / size; i++) {
        uint64_t value;
        if (!is_chosen(&mask, size, i))
            continue;
        if (x64i_load(cpu, op->segment, offset + (uint64_t)i * size, size, &value) != X64I_DONE)
            return X64I_FAULT;
        set_element(&d, size, i, value);
    }
    x64i_set_wide(cpu, op->destination, &d, lanes);
    return X64I_DONE;
}

static enum x64i_result store_masked(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned lanes,
                                     unsigned size)
{
    struct x64i_wide mask, data;
    struct x64i_target targets[ELEMENTS_MAX];
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_wide(cpu, op->source, &mask, lanes);
    x64i_get_wide(cpu, op->third, &data, lanes);
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < 16 * lanes / size; i++)
        if (is_chosen(&mask, size, i) && x64i_probe(cpu, op->segment, offset + (uint64_t)i * size,
                                                    size, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    for (unsigned i = 0; i < 16 * lanes / size; i++)
        if (is_chosen(&mask, size, i))
            x64i_commit(cpu, &targets[i], element(&data, size, i));
    return X64I_DONE;
}

#define MASKED(name, size)                                \
    X64I_HANDLER(v##name##_xxm)                           \
    {                                                     \
        return UNALIGNED(load_masked(cpu, op, 1, size));  \
    }                                                     \
    X64I_HANDLER(v##name##_yym)                           \
    {                                                     \
        return UNALIGNED(load_masked(cpu, op, 2, size));  \
    }                                                     \
    X64I_HANDLER(v##name##_mxx)                           \
    {                                                     \
        return UNALIGNED(store_masked(cpu, op, 1, size)); \
    }                                                     \
    X64I_HANDLER(v##name##_myy)                           \
    {                                                     \
        return UNALIGNED(store_masked(cpu, op, 2, size)); \
    }

MASKED(maskmov32, 4)
MASKED(maskmov64, 8)

/* The offset of one gathered element: base, displacement and a scaled index, which is signed. */
static uint64_t gather_offset(const struct x64i_cpu *cpu, const struct x64i_op *op,
                              const struct x64i_wide *index, unsigned index_size, unsigned at)
{
    uint64_t scaled = element(index, index_size, at);
    if (index_size == 4)
        scaled = (uint64_t)(int64_t)(int32_t)scaled;
    uint64_t offset = (uint64_t)(int64_t)op->displacement + (scaled << op->scale);
    if (op->base != X64I_NO_REGISTER)
        offset += cpu->s.gpr[op->base];
    return offset & x64i_mask(x64i_address_width(op));
}

/* What a gather has done before it faults. It does not show as a vector write that clears upper
 * lanes: the instruction is not complete. */
static void keep_progress(struct x64i_cpu *cpu, const struct x64i_op *op, const struct x64i_wide *d,
                          const struct x64i_wide *mask)
{
    const struct x64i_wide *values[] = {d, mask};
    const unsigned registers[] = {op->destination, op->third};
    for (unsigned r = 0; r < 2; r++) {
        uint64_t *lane = cpu->s.vector[registers[r]].lane;
        x64i_note_vector(cpu, registers[r], 32, values[r]->lane[0].q[0]);
        for (unsigned i = 0; i < 4; i++)
            lane[i] = values[r]->lane[i / 2].q[i % 2];
    }
}

/* Elements come in one after the other, from the lowest on; each clears its mask. A fault leaves
 * those before it done, so that the instruction goes on from there (SDM vol. 2C, VGATHERDPS). */
static enum x64i_result gather(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                               unsigned index_size)
{
    struct x64i_wide d, mask, index;
    unsigned lanes = op->flags & X64I_OP_VEX_L ? 2 : 1;
    unsigned count = 16 * lanes / (size > index_size ? size : index_size);
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_wide(cpu, op->destination, &d, 2);
    x64i_get_wide(cpu, op->third, &mask, 2);
    x64i_get_wide(cpu, op->index, &index, 2);
    unsigned done = 0;
    enum x64i_result result = X64I_DONE;
    for (; done < count; done++) {
        uint64_t value;
        if (is_chosen(&mask, size, done)) {
            result = x64i_load(cpu, op->segment, gather_offset(cpu, op, &index, index_size, done),
                               size, &value);
            if (result != X64I_DONE)
                break;
            set_element(&d, size, done, value);
        }
        set_element(&mask, size, done, 0);
    }
    unsigned written = count * size > 16 ? 2 : 1;
    if (result != X64I_DONE) {
        keep_progress(cpu, op, &d, &mask);
        return result;
    }
    for (unsigned i = count; i < 16 * written / size; i++)
        set_element(&d, size, i, 0);
    x64i_set_wide(cpu, op->destination, &d, written);
    x64i_set_wide(cpu, op->third, &(struct x64i_wide){.lane = {{.q = {0, 0}}}}, written);
    return X64I_DONE;
}

#define GATHER(name, size, index_size)                       \
    X64I_HANDLER(v##name)                                    \
    {                                                        \
        return UNALIGNED(gather(cpu, op, size, index_size)); \
    }

GATHER(gather32_by32, 4, 4)
GATHER(gather32_by64, 4, 8)
GATHER(gather64_by32, 8, 4)
GATHER(gather64_by64, 8, 8)
