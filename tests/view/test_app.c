/* SPDX-License-Identifier: MIT */
/*
 * The window's content without a window: what the mouse reaches, what is asked before a recording
 * is lost, and any commands, keys and clicks in any order at any size.
 */
#include "kernel_model/guest.h"
#include "support/suite.h"
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct guest_config run = {.entry = "4.16", .mitigations = "pti,pcid"};

struct look {
    struct guest guest;
    struct x64i_app *app;
    unsigned saved; /* how often */
    bool fails;     /* saving does */
};

static enum x64_status save(void *user, const char *path, struct x64_error_text *error)
{
    struct look *look = user;
    (void)path;
    if (look->fails) {
        (void)snprintf(error->text, sizeof error->text, "the disk is full");
        return X64_ERROR_IO;
    }
    look->saved++;
    return X64_OK;
}

static void open_look(struct look *look)
{
    struct x64_error_text error = {{0}};
    *look = (struct look){0};
    struct x64i_window_options options = {.title = "test",
                                          .width = 1600,
                                          .height = 1000,
                                          .headless = true,
                                          .keep = {save, look, "kept.rec"}};
    guest_start(&look->guest, &run);
    (void)guest_run(&look->guest);
    ck_assert_msg(x64i_app_open(look->guest.machine, &options, &look->app, &error) == X64_OK, "%s",
                  error.text);
    while (!x64i_view_index(look->app->view, 10000))
        ;
}

static void close_look(struct look *look)
{
    x64i_app_close(look->app);
    guest_end(&look->guest);
}

static const struct x64i_view_moment *now(const struct look *look)
{
    return x64i_view_moment(look->app->view);
}

/* The middle of what is drawn for a command, or null. */
static bool find_command(const struct x64i_app *app, const char *command, SDL_Point *point)
{
    for (size_t i = app->hit_count; i-- > 0;) {
        const struct x64i_hit *hit = &app->hit[i];
        if (hit->kind != X64I_HIT_COMMAND || strcmp(hit->command, command) != 0)
            continue;
        *point = (SDL_Point){hit->rect.x + hit->rect.w / 2, hit->rect.y + hit->rect.h / 2};
        return x64i_app_hit(app, point->x, point->y) == hit;
    }
    return false;
}

/* Clicks on a command in the list that a click on "all ?" opens, turning the wheel to get there. */
static bool reach(struct look *look, const char *command)
{
    struct x64i_app *app = look->app;
    SDL_Point point;
    x64i_app_draw(app);
    if (!find_command(app, "help", &point))
        return false;
    x64i_app_click(app, point.x, point.y, false);
    ck_assert(app->help);
    app->help_row = 0;
    for (unsigned turn = 0; turn < 60; turn++) {
        x64i_app_draw(app);
        if (find_command(app, command, &point) && point.y >= 0 && point.y < app->canvas.height) {
            x64i_app_click(app, point.x, point.y, false);
            return true;
        }
        x64i_app_wheel(app, 100, 100, -1);
    }
    return false;
}

static const SDL_Point sizes[] = {{1600, 1000}, {1024, 700}, {640, 400}, {200, 100}};

START_TEST(test_app_every_command_is_in_reach_of_the_mouse)
{
    struct look look;
    const struct x64i_command *command;
    open_look(&look);
    ck_assert(x64i_canvas_resize(&look.app->canvas, sizes[_i].x, sizes[_i].y));
    x64i_app_go(look.app, look.app->n, X64I_VIEW_ALL);
    for (size_t i = 0; (command = x64i_command_at(i)); i++) {
        if (strcmp(command->name, "picture") == 0 || strcmp(command->name, "stack-picture") == 0)
            continue; /* they leave files */
        uint64_t n = look.app->n;
        ck_assert_msg(reach(&look, command->name), "%s at %d x %d", command->name, sizes[_i].x,
                      sizes[_i].y);
        if (strcmp(command->name, "step") == 0)
            ck_assert_uint_eq(look.app->n, n + 1);
        ck_assert_int_eq(look.app->asks_for != NULL, *command->prompt != '\0');
        (void)x64i_app_press(look.app, "Escape");
        look.app->quit = false;
    }
    close_look(&look);
}
END_TEST

/* The middle of a register's row, or of a stack's word that has a writer. */
static SDL_Point find_kind(const struct x64i_app *app, enum x64i_hit_kind kind, unsigned field)
{
    for (size_t i = 0; i < app->hit_count; i++) {
        const struct x64i_hit *hit = &app->hit[i];
        if (hit->kind == kind && hit->field == field &&
            (kind != X64I_HIT_SLOT || hit->writer_n != UINT64_MAX))
            return (SDL_Point){hit->rect.x + hit->rect.w / 2, hit->rect.y + hit->rect.h / 2};
    }
    ck_abort_msg("nothing of kind %d is drawn", (int)kind);
    return (SDL_Point){0};
}

/* With the right button on rcx, which SYSCALL set to the return address: forwards to the step that
 * pushes it, backwards to the SYSCALL again. */
START_TEST(test_app_right_button_searches_what_is_under_it)
{
    struct look look;
    open_look(&look);
    struct x64i_app *app = look.app;
    uint64_t entry = app->n;
    uint64_t rcx = now(&look)->now.value[X64I_FIELD_RCX];
    x64i_app_draw(app);
    SDL_Point point = find_kind(app, X64I_HIT_FIELD, X64I_FIELD_RCX);
    x64i_app_search_under(app, point.x, point.y, false);
    ck_assert(x64i_job_finish(app));
    ck_assert_uint_gt(app->n, entry);
    ck_assert(x64i_view_effect_with(now(&look)->effects, now(&look)->effect_count, rcx) != NULL);
    (void)x64i_app_do(app, "find-previous", "");
    ck_assert(x64i_job_finish(app));
    ck_assert_uint_eq(app->n, entry);
    close_look(&look);
}
END_TEST

/* From the return of a call to the call, and over it again. */
START_TEST(test_app_goes_over_calls_both_ways)
{
    struct look look;
    open_look(&look);
    (void)x64i_app_do(look.app, "run-to", "do_syscall_64");
    ck_assert(x64i_job_finish(look.app));
    uint64_t call = look.app->n - 1;
    x64i_app_go(look.app, call, X64I_VIEW_ALL);
    ck_assert_int_eq(strncmp(now(&look)->line.assembly, "call", 4), 0);
    uint64_t behind = now(&look)->line.rip + now(&look)->line.length;
    (void)x64i_app_do(look.app, "over", "");
    ck_assert(x64i_job_finish(look.app));
    ck_assert_uint_eq(now(&look)->line.rip, behind);
    ck_assert_uint_gt(look.app->n, call + 10);
    (void)x64i_app_do(look.app, "over-back", "");
    ck_assert(x64i_job_finish(look.app));
    ck_assert_uint_eq(look.app->n, call);
    close_look(&look);
}
END_TEST

START_TEST(test_app_timeline_is_dragged_and_has_a_range)
{
    struct look look;
    open_look(&look);
    struct x64i_app *app = look.app;
    x64i_app_draw(app);
    SDL_Point point = find_kind(app, X64I_HIT_TIME, 0);
    x64i_app_drag(app, 10, point.y);
    uint64_t before = app->n;
    x64i_app_click(app, point.x, point.y, true);
    uint64_t from = app->n;
    ck_assert_uint_ne(from, before);
    x64i_app_drag(app, point.x + 100, 3); /* beside it too */
    ck_assert_uint_gt(app->n, from);
    x64i_app_release(app);
    x64i_app_drag(app, point.x, point.y);
    ck_assert_uint_gt(app->n, from);
    ck_assert_uint_eq(app->anchor, from);
    x64i_app_draw(app);
    ck_assert(find_command(app, "animation", &point));
    (void)x64i_app_press(app, "Escape");
    ck_assert_uint_eq(app->anchor, UINT64_MAX);
    close_look(&look);
}
END_TEST

START_TEST(test_app_asks_before_a_recording_is_lost)
{
    struct look look;
    SDL_Point point;
    open_look(&look);
    struct x64i_app *app = look.app;
    app->asks = true; /* as in a window */
    (void)x64i_app_press(app, "q");
    ck_assert(app->leaving && !app->quit);
    (void)x64i_app_press(app, "q");
    (void)x64i_app_do(app, "quit", ""); /* the window's button, twice */
    (void)x64i_app_do(app, "quit", "");
    ck_assert(app->leaving && !app->quit);
    (void)x64i_app_press(app, "Escape");
    ck_assert(!app->leaving && !app->quit);
    (void)x64i_app_press(app, "q");
    look.fails = true;
    (void)x64i_app_press(app, "x");
    ck_assert(!app->quit);
    ck_assert_ptr_nonnull(strstr(app->message, "the disk is full"));
    look.fails = false;
    (void)x64i_app_press(app, "q");
    x64i_app_draw(app);
    ck_assert(find_command(app, "save-quit", &point));
    x64i_app_click(app, point.x, point.y, false);
    ck_assert(app->quit);
    ck_assert_uint_eq(look.saved, 1);
    app->quit = false;
    (void)x64i_app_press(app, "q"); /* saved: nothing to ask */
    ck_assert(app->quit);
    app->saved = app->quit = false;
    (void)x64i_app_press(app, "q");
    x64i_app_draw(app);
    ck_assert(find_command(app, "leave", &point));
    x64i_app_click(app, point.x, point.y, false);
    ck_assert(app->quit);
    ck_assert_uint_eq(look.saved, 1);
    close_look(&look);
}
END_TEST

static uint64_t random_state;

static unsigned below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % limit;
}

/* Arguments of every kind, most of them wrong for most commands. */
static const char *const arguments[] = {"",
                                        "1",
                                        "0",
                                        "-1",
                                        "18446744073709551615",
                                        "0x7fffffffffffffff",
                                        "entry_SYSCALL_64",
                                        "=0",
                                        "=ffffffffffffffda",
                                        "no_such",
                                        "+",
                                        "=",
                                        "do_syscall_64+0x",
                                        "%s%n",
                                        "401000"};

/* Commands that leave files would fill the directory. */
static bool writes_file(const char *command)
{
    return strstr(command, "picture") || strstr(command, "animation");
}

static void do_something(struct x64i_app *app)
{
    const struct x64i_command *command = x64i_command_at(below(60));
    const char *argument = arguments[below(sizeof arguments / sizeof arguments[0])];
    int x = (int)below(1700) - 50;
    int y = (int)below(1100) - 50;
    app->mouse_x = below(4) ? app->mouse_x : x;
    app->mouse_y = below(4) ? app->mouse_y : y;
    switch (below(12)) {
    case 0:
        x64i_app_click(app, x, y, below(2));
        break;
    case 1:
        x64i_app_search_under(app, x, y, below(2));
        break;
    case 2:
        x64i_app_wheel(app, x, y, (int)below(9) - 4);
        break;
    case 3:
        x64i_app_drag(app, x, y);
        x64i_app_release(app);
        break;
    case 4:
        (void)x64i_canvas_resize(&app->canvas, 1 + (int)below(1700), 1 + (int)below(1100));
        x64i_app_go(app, app->n, app->effect);
        break;
    case 5:
        (void)x64i_app_press(app, (char[]){(char)(' ' + below(95)), '\0'});
        break;
    case 6:
        (void)x64i_app_press(app,
                             (const char *[]){"Return", "Escape", "Backspace", "Home"}[below(4)]);
        break;
    default:
        if (command && !writes_file(command->name))
            (void)x64i_app_do(app, command->name, argument);
        break;
    }
}

/* Whatever is done, the picture can be drawn, and the step is one of the run. */
START_TEST(test_app_survives_anything)
{
    struct look look;
    open_look(&look);
    random_state = (uint64_t)_i + 1;
    for (unsigned i = 0; i < 250; i++) {
        do_something(look.app);
        for (unsigned slice = 0; slice < below(3); slice++)
            (void)x64i_job_go_on(look.app);
        if (below(3) == 0)
            x64i_app_draw(look.app);
        look.app->phase = (int)below(257);
        ck_assert_uint_ge(look.app->n, now(&look)->first);
        ck_assert_uint_le(look.app->n, now(&look)->last);
        ck_assert_uint_eq(look.app->n, now(&look)->n);
        look.app->quit = false;
    }
    close_look(&look);
}
END_TEST

static Suite *app_suite(void)
{
    Suite *suite = suite_create("view app");
    TCase *all = tcase_create("keys and mouse");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_app_every_command_is_in_reach_of_the_mouse, 0,
                        (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(all, test_app_right_button_searches_what_is_under_it);
    tcase_add_test(all, test_app_goes_over_calls_both_ways);
    tcase_add_test(all, test_app_timeline_is_dragged_and_has_a_range);
    tcase_add_test(all, test_app_asks_before_a_recording_is_lost);
    suite_add_tcase(suite, all);
    TCase *anything = tcase_create("anything");
    tcase_set_timeout(anything, 120);
    tcase_add_loop_test(anything, test_app_survives_anything, 0, 4);
    suite_add_tcase(suite, anything);
    return suite;
}

X64_TEST_MAIN(app_suite())
