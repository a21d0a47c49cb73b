/* SPDX-License-Identifier: MIT */
/* x64emu cycles --code: a block's cycles, and what they go to. */
#include "cli/cycles.h"

#include "cli/cli.h"
#include "timing/timing.h"

#include <Zydis/Zydis.h>

#include <stdlib.h>
#include <string.h>

#define FIRST          100u
#define LAST           300u
#define TIMELINE_MAX   512u
#define TIMELINE_WIDTH 100u

/* What the report gathers while the block runs. */
struct gathering {
    unsigned first;
    unsigned long waits[X64I_WAIT_COUNT]; /* cycles by what they waited for */
    uint64_t retired;                     /* of the instruction before */
    unsigned timeline;                    /* copies to keep */
    unsigned kept;
    struct x64i_instruction_times times[TIMELINE_MAX];
    uint16_t index[TIMELINE_MAX];
    uint8_t sources[X64I_SOURCE_ESTIMATED + 1];
};

static void watch(void *user, unsigned copy, unsigned index, const struct x64i_plan *plan,
                  const struct x64i_instruction_times *times)
{
    struct gathering *gathering = user;
    if (copy >= gathering->first && times->wait < X64I_WAIT_COUNT)
        gathering->waits[times->wait] += (unsigned long)(times->retired - gathering->retired);
    gathering->retired = times->retired;
    if (plan->source <= X64I_SOURCE_ESTIMATED)
        gathering->sources[plan->source] = 1;
    if (copy >= gathering->first && copy - gathering->first < gathering->timeline &&
        gathering->kept < TIMELINE_MAX) {
        gathering->index[gathering->kept] = (uint16_t)index;
        gathering->times[gathering->kept++] = *times;
    }
}

static void print_ports(const struct x64i_core_model *core, const struct x64i_replay_result *result,
                        unsigned copies)
{
    unsigned used =
        core->load_ports | core->store_address_ports | core->store_data_ports | core->simple_ports;
    (void)printf("\nmicro-ops a copy on each port\n");
    for (unsigned pass = 0; pass < 2; pass++, (void)printf("\n"))
        for (unsigned port = 0; port < X64I_PORT_MAX; port++)
            if (used & 1u << port || result->ports[port])
                (void)(pass ? printf(" %6.2f", (double)result->ports[port] / copies)
                            : printf(" %6u", port));
}

static void print_waits(const struct gathering *gathering, double cycles, unsigned copies)
{
    (void)printf("\ncycles a copy, by what the instructions waited for\n");
    for (unsigned wait = 0; wait < X64I_WAIT_COUNT; wait++)
        if (gathering->waits[wait])
            (void)printf("  %-14s %8.2f  %3.0f %%\n", x64i_wait_name(wait),
                         (double)gathering->waits[wait] / copies,
                         cycles > 0 ? 100.0 * (double)gathering->waits[wait] / copies / cycles
                                    : 0.0);
}

/* One line: D decoded, R renamed, = waiting, E executing, - done and waiting, T retired. */
static void print_timeline_row(const struct x64i_instruction_times *times, uint64_t origin,
                               const char *text)
{
    char line[TIMELINE_WIDTH + 1];
    memset(line, ' ', TIMELINE_WIDTH);
    line[TIMELINE_WIDTH] = '\0';
    uint64_t done = 0;
    for (unsigned i = 0; i < times->uop_count; i++)
        done = times->uops[i].done > done ? times->uops[i].done : done;
    for (uint64_t cycle = 0; cycle < TIMELINE_WIDTH; cycle++) {
        uint64_t now = origin + cycle;
        if (!times->uop_count || now < times->uops[0].decoded || now > times->retired)
            continue;
        line[cycle] = now < done ? '=' : '-';
        for (unsigned i = 0; i < times->uop_count; i++)
            if (now >= times->uops[i].started && now < times->uops[i].done)
                line[cycle] = 'E';
        line[cycle] = now == times->retired           ? 'T'
                      : now == times->uops[0].renamed ? 'R'
                      : now == times->uops[0].decoded ? 'D'
                      : now < times->uops[0].renamed  ? '.'
                                                      : line[cycle];
    }
    for (size_t end = TIMELINE_WIDTH; end > 0 && line[end - 1] == ' '; end--)
        line[end - 1] = '\0';
    (void)printf("  %-38.38s |%s\n", text, line);
}

static void disassemble(const uint8_t *code, size_t size, char (*texts)[64], unsigned count)
{
    ZydisDecoder decoder;
    ZydisFormatter formatter;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    size_t at = 0;
    (void)ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    (void)ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "?");
        if (at < size && ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, size - at,
                                                             &instruction, operands))) {
            (void)ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                                  instruction.operand_count_visible, texts[i],
                                                  sizeof texts[i], at, NULL);
            at += instruction.length;
        }
    }
}

static int print_timeline(const struct gathering *gathering, const uint8_t *code, size_t size,
                          unsigned instructions)
{
    char(*texts)[64] = calloc(instructions, sizeof *texts);
    if (!texts)
        return cli_fail(CLI_USAGE, "cycles: out of memory");
    disassemble(code, size, texts, instructions);
    (void)printf("\ntimeline: D decoded, R renamed, = waits, E executes, - done, T retired\n");
    for (unsigned i = 0; i < gathering->kept; i++)
        print_timeline_row(&gathering->times[i], gathering->times[0].uops[0].decoded,
                           texts[gathering->index[i]]);
    free(texts);
    return CLI_DONE;
}

/* So many copies that a long block does not take long, and has room. */
static void choose_copies(struct x64i_replay_request *request, size_t size)
{
    unsigned most = (unsigned)(X64I_REPLAY_ROOM / size);
    request->last = most < LAST ? most : LAST;
    request->first = most < LAST ? most / 3 : FIRST;
}

static int print_report(struct x64i_replay *replay, const char *core, const uint8_t *code,
                        size_t size, struct gathering *gathering)
{
    struct x64i_replay_request request = {.loop = true};
    struct x64i_replay_result loop, result;
    choose_copies(&request, size);
    if (x64i_replay_run(replay, code, size, &request, &loop) != X64_OK)
        return cli_fail(CLI_USAGE, "cycles: %s", loop.problem);
    gathering->first = request.first;
    request.loop = false;
    request.watch = watch;
    request.user = gathering;
    if (x64i_replay_run(replay, code, size, &request, &result) != X64_OK)
        return cli_fail(CLI_USAGE, "cycles: %s", result.problem);
    unsigned copies = request.last - request.first;
    unsigned worst = 0;
    for (unsigned wait = 0; wait < X64I_WAIT_COUNT; wait++)
        worst = gathering->waits[wait] > gathering->waits[worst] ? wait : worst;
    (void)printf("core %s, %u instructions, %u slots of rename\n", core, result.instructions,
                 result.slots);
    (void)printf("cycles: %.2f unrolled, %.2f as a loop\nbottleneck: %s\n", result.cycles,
                 loop.cycles, x64i_wait_name(worst));
    if (result.not_executed)
        (void)printf("note: %u of the instructions were timed without being executed\n",
                     result.not_executed);
    if (gathering->sources[X64I_SOURCE_ESTIMATED])
        (void)printf("note: some instructions' figures are estimates\n");
    print_waits(gathering, result.cycles, copies);
    print_ports(x64i_core_model_find(core), &result, copies);
    return gathering->kept ? print_timeline(gathering, code, size, result.instructions) : CLI_DONE;
}

int cli_cycles_report(const char *core, const uint8_t *code, size_t size, unsigned timeline)
{
    struct x64i_replay *replay;
    struct gathering *gathering = calloc(1, sizeof *gathering);
    if (!gathering)
        return cli_fail(CLI_USAGE, "cycles: out of memory");
    gathering->timeline = timeline;
    int status = CLI_USAGE;
    enum x64_status created = x64i_replay_create(core, &replay);
    if (created == X64_OK) {
        status = print_report(replay, core, code, size, gathering);
        x64i_replay_destroy(replay);
    } else {
        (void)cli_fail(CLI_USAGE, "--core %s: %s; golden_cove and skylake are known", core,
                       x64_status_string(created));
    }
    free(gathering);
    return status;
}
