/* SPDX-License-Identifier: MIT */
/*
 * What takes longer than a frame: a search along the run, a range of steps as an animated picture.
 * It is done in slices, so that the window stays alive; any command ends it.
 */
#ifndef X64I_VIEW_JOB_H
#define X64I_VIEW_JOB_H

#include "view/model.h"
#include "view/window/png.h"

enum x64i_job_kind { X64I_JOB_NONE, X64I_JOB_SEARCH, X64I_JOB_ANIMATION };

struct x64i_job {
    enum x64i_job_kind kind;
    struct x64i_view_search search;
    uint64_t fallback; /* step to go to where nothing is found; UINT64_MAX: stay */
    struct x64i_png png;
    uint64_t next, from, to; /* steps of the animation */
    char path[160];
};

struct x64i_app;

/* Begins to search from the step that is shown; ends what was going on. */
void x64i_job_search(struct x64i_app *app, const struct x64i_view_search *search,
                     uint64_t fallback);

/* Begins to write the steps from `from` to `to` as APNG; says in the message what is wrong. False
 * then. */
bool x64i_job_animate(struct x64i_app *app, const char *path, uint64_t from, uint64_t to);

/* Does a slice of a few milliseconds; false when there is nothing left to do. */
bool x64i_job_go_on(struct x64i_app *app);

/* Does all of it. False when it went wrong, as the message says; a search that finds nothing has
 * not. */
bool x64i_job_finish(struct x64i_app *app);

/* Gives it up; an unfinished picture does not appear. */
void x64i_job_stop(struct x64i_app *app);

#endif
