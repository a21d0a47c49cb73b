/* SPDX-License-Identifier: MIT */
/* Commands that stand in files of their own, for the table in app_commands.c. */
#ifndef X64I_VIEW_APP_PRIVATE_H
#define X64I_VIEW_APP_PRIVATE_H

#include "view/window/app.h"

/* app_search.c */
void x64i_do_over(struct x64i_app *app, const char *argument);
void x64i_do_over_back(struct x64i_app *app, const char *argument);
void x64i_do_continue(struct x64i_app *app, const char *argument);
void x64i_do_continue_back(struct x64i_app *app, const char *argument);
void x64i_do_run_to(struct x64i_app *app, const char *argument);
void x64i_do_find(struct x64i_app *app, const char *argument);
void x64i_do_find_back(struct x64i_app *app, const char *argument);
void x64i_do_find_next(struct x64i_app *app, const char *argument);
void x64i_do_find_previous(struct x64i_app *app, const char *argument);

/* app_files.c */
void x64i_do_range(struct x64i_app *app, const char *argument);
void x64i_do_animation(struct x64i_app *app, const char *argument);
void x64i_do_picture(struct x64i_app *app, const char *argument);
void x64i_do_stack_picture(struct x64i_app *app, const char *argument);
void x64i_do_save(struct x64i_app *app, const char *argument);
void x64i_do_quit(struct x64i_app *app, const char *argument);
void x64i_do_save_quit(struct x64i_app *app, const char *argument);
void x64i_do_leave(struct x64i_app *app, const char *argument);
void x64i_do_stay(struct x64i_app *app, const char *argument);

#endif
