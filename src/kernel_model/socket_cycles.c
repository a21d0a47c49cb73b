/* SPDX-License-Identifier: MIT */
/*
 * Sockets that nothing but messages on their way through each other refers to: no task can receive
 * those any more (net/unix/garbage.c). They are looked for when open files or pipes run out.
 */
#include "kernel_model/region_pages.h"
#include "kernel_model/socket.h"

struct survey {
    uint32_t inner[X64I_OPEN_FILES_MAX]; /* references that sockets hold */
    bool reached[X64I_OPEN_FILES_MAX];
    uint16_t todo[X64I_OPEN_FILES_MAX]; /* reached, and what they hold is not yet */
    uint32_t todo_count;
};

typedef void visit(struct survey *survey, uint32_t index);

static void count(struct survey *survey, uint32_t index)
{
    survey->inner[index]++;
}

static void reach(struct survey *survey, uint32_t index)
{
    if (survey->reached[index])
        return;
    survey->reached[index] = true;
    survey->todo[survey->todo_count++] = (uint16_t)index;
}

static void visit_number(struct survey *survey, uint32_t number, visit *see)
{
    if (number >= 1 && number <= X64I_OPEN_FILES_MAX)
        see(survey, number - 1);
}

/* Every open file that a socket holds: those that wait to be accepted, and to be received. */
static void visit_held(struct x64i_kernel *kernel, struct survey *survey, uint32_t index,
                       visit *see)
{
    const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, index);
    if (file->kind != X64I_FILE_SOCKET)
        return;
    for (uint32_t i = 0; i < file->socket.waiting && i < X64I_SOCKET_BACKLOG; i++)
        visit_number(survey, file->socket.pending[i], see);
    if (file->writer & X64I_SHUT_READ)
        return;
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, file->object);
    for (uint32_t i = 0; i < pipe->rights; i++)
        visit_number(survey, pipe->right[i].file, see);
}

/* What somebody else refers to, or is just being made, and all that can be received from there. */
static void reach_all(struct x64i_kernel *kernel, struct survey *survey)
{
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++)
        visit_held(kernel, survey, i, count);
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, i);
        if (file->references == 0 || file->references > survey->inner[i])
            reach(survey, i);
    }
    while (survey->todo_count)
        visit_held(kernel, survey, survey->todo[--survey->todo_count], reach);
}

bool x64i_sockets_collect(struct x64i_kernel *kernel)
{
    struct survey survey = {.todo_count = 0};
    uint16_t lost[X64I_OPEN_FILES_MAX] = {0};
    uint32_t lost_count = 0;
    reach_all(kernel, &survey);
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, i);
        if (file->kind == X64I_FILE_SOCKET && !survey.reached[i])
            lost[lost_count++] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < lost_count; i++)
        x64i_file_hold(kernel, lost[i] + 1u); /* until all have let go of each other */
    for (uint32_t i = 0; i < lost_count; i++)
        x64i_socket_release(kernel, x64i_file_at(kernel, lost[i]));
    for (uint32_t i = 0; i < lost_count; i++)
        x64i_file_drop(kernel, lost[i] + 1u);
    return lost_count > 0;
}
