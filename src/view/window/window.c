/* SPDX-License-Identifier: MIT */
#include "view/window/window.h"

#include "view/window/app.h"
#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MS     16u
#define INDEX_STRIDE 500u
#define INDEX_MS     8u
#define MOVE_MS      160u /* an animation */
#define FRAMES       4096u

struct loop {
    struct x64i_app *app;
    SDL_Window *window;
    bool dirty;
    uint64_t titled;   /* the step in the title */
    uint32_t moved_at; /* when the animation began */
    uint32_t played_at;
    uint32_t *frame; /* microseconds, of the last FRAMES frames */
    size_t frames;
};

static void key(struct loop *loop, const char *name)
{
    struct x64i_app *app = loop->app;
    const char *command = x64i_app_key(app, name);
    if (app->help && strcmp(name, "Escape") == 0)
        app->help = false;
    else if (command)
        (void)x64i_app_do(app, command, "");
    loop->moved_at = SDL_GetTicks();
}

/* A search is being typed. */
static void type(struct x64i_app *app, const char *text)
{
    size_t length = strlen(app->text);
    if (strcmp(text, "Return") == 0) {
        app->typing = false;
        (void)x64i_app_do(app, "find", app->text + strlen("find: "));
    } else if (strcmp(text, "Escape") == 0) {
        app->typing = false;
    } else if (strcmp(text, "Backspace") == 0) {
        if (length > strlen("find: "))
            app->text[length - 1] = '\0';
    } else if (strlen(text) == 1 && length + 2 < sizeof app->text) {
        (void)snprintf(app->text + length, sizeof app->text - length, "%s", text);
    }
}

/* Keys that make no text come by their names, others as the text that they make. */
static void on_key(struct loop *loop, const SDL_Event *event)
{
    SDL_Keycode code = event->key.keysym.sym;
    bool named = code & SDLK_SCANCODE_MASK || code == SDLK_BACKSPACE || code == SDLK_RETURN ||
                 code == SDLK_ESCAPE || code == SDLK_TAB;
    if (!named)
        return;
    if (loop->app->typing)
        type(loop->app, SDL_GetKeyName(code));
    else
        key(loop, SDL_GetKeyName(code));
}

static void on_text(struct loop *loop, const char *text)
{
    if (loop->app->typing)
        type(loop->app, text);
    else
        key(loop, strcmp(text, " ") == 0 ? "Space" : text);
}

static void on_motion(struct loop *loop, const SDL_Event *event)
{
    struct x64i_app *app = loop->app;
    const struct x64i_hit *was = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    app->mouse_x = event->motion.x;
    app->mouse_y = event->motion.y;
    const struct x64i_hit *is = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    if (event->motion.state & SDL_BUTTON_LMASK)
        x64i_app_drag(app, app->mouse_x, app->mouse_y);
    else if (was != is)
        x64i_app_go(app, app->n, app->effect); /* another address to translate */
}

static void handle(struct loop *loop, const SDL_Event *event)
{
    struct x64i_app *app = loop->app;
    loop->dirty = true;
    switch (event->type) {
    case SDL_QUIT:
        app->quit = true;
        break;
    case SDL_KEYDOWN:
        on_key(loop, event);
        break;
    case SDL_TEXTINPUT:
        on_text(loop, event->text.text);
        break;
    case SDL_MOUSEBUTTONDOWN:
        if (event->button.button == SDL_BUTTON_LEFT)
            x64i_app_click(app, event->button.x, event->button.y,
                           (SDL_GetModState() & KMOD_SHIFT) != 0);
        loop->moved_at = SDL_GetTicks();
        break;
    case SDL_MOUSEMOTION:
        on_motion(loop, event);
        break;
    case SDL_MOUSEWHEEL:
        x64i_app_wheel(app, app->mouse_x, app->mouse_y, event->wheel.y);
        break;
    case SDL_WINDOWEVENT:
        if (event->window.event == SDL_WINDOWEVENT_SIZE_CHANGED &&
            x64i_canvas_resize(&app->canvas, event->window.data1, event->window.data2))
            x64i_app_go(app, app->n, app->effect);
        break;
    default:
        break;
    }
}

/* As many steps as belong to the time that passed. */
static void play(struct loop *loop)
{
    struct x64i_app *app = loop->app;
    uint32_t now = SDL_GetTicks();
    if (!app->playing) {
        loop->played_at = now;
        return;
    }
    uint64_t steps = (uint64_t)(now - loop->played_at) * app->play_rate / 1000;
    if (!steps)
        return;
    char text[24];
    uint64_t before = app->n;
    loop->played_at = now;
    loop->dirty = true;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)steps);
    if (app->by_effect)
        (void)x64i_app_do(app, app->play_back ? "effect-back" : "effect", "");
    else
        (void)x64i_app_do(app, app->play_back ? "back" : "step", text);
    loop->moved_at = now;
    if (!app->by_effect && app->n == before)
        app->playing = false;
}

static void animate(struct loop *loop)
{
    struct x64i_app *app = loop->app;
    uint32_t passed = SDL_GetTicks() - loop->moved_at;
    if (app->phase >= 256)
        return;
    uint32_t part = passed >= MOVE_MS ? 256 : passed * 256 / MOVE_MS;
    app->phase = (int)(256 - (256 - part) * (256 - part) / 256); /* fast, then slower */
    loop->dirty = true;
}

static void note_frame(struct loop *loop, uint64_t ticks)
{
    if (loop->frame)
        loop->frame[loop->frames++ % FRAMES] =
            (uint32_t)(ticks * 1000000 / SDL_GetPerformanceFrequency());
}

static void present(struct loop *loop)
{
    char title[160];
    SDL_Surface *screen = SDL_GetWindowSurface(loop->window);
    x64i_app_draw(loop->app);
    if (screen && SDL_BlitSurface(loop->app->canvas.surface, NULL, screen, NULL) == 0)
        (void)SDL_UpdateWindowSurface(loop->window);
    loop->dirty = false;
    if (loop->app->n == loop->titled)
        return;
    (void)snprintf(title, sizeof title, "%.100s   step %llu", loop->app->title,
                   (unsigned long long)loop->app->n);
    SDL_SetWindowTitle(loop->window, title);
    loop->titled = loop->app->n;
}

static void index_for_a_while(struct loop *loop)
{
    uint32_t end = SDL_GetTicks() + INDEX_MS;
    struct x64i_view *view = loop->app->view;
    const struct x64i_view_moment *moment = x64i_view_moment(view);
    if (x64i_view_indexed(view) >= moment->last)
        return;
    while (!x64i_view_index(view, INDEX_STRIDE) && SDL_GetTicks() < end) {
    }
    if (!moment->exact && x64i_view_indexed(view) > moment->n)
        x64i_app_go(loop->app, loop->app->n, loop->app->effect);
    loop->dirty = true;
}

static void run_loop(struct loop *loop)
{
    SDL_Event event;
    while (!loop->app->quit) {
        uint32_t begin = SDL_GetTicks();
        uint64_t start = SDL_GetPerformanceCounter();
        while (SDL_PollEvent(&event))
            handle(loop, &event);
        play(loop);
        animate(loop);
        if (loop->dirty) {
            present(loop);
            note_frame(loop, SDL_GetPerformanceCounter() - start);
        }
        index_for_a_while(loop);
        uint32_t passed = SDL_GetTicks() - begin;
        if (passed < FRAME_MS)
            SDL_Delay(FRAME_MS - passed);
    }
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void report_frames(struct loop *loop)
{
    size_t count = loop->frames < FRAMES ? loop->frames : FRAMES;
    if (!count)
        return;
    qsort(loop->frame, count, sizeof loop->frame[0], ascending);
    (void)fprintf(stderr, "frames: %zu, median %u us, 99 of 100 below %u us\n", loop->frames,
                  loop->frame[count / 2], loop->frame[count * 99 / 100]);
}

static enum x64_status show(struct x64i_app *app, const struct x64i_window_options *options,
                            struct x64_error_text *error)
{
    struct loop loop = {.app = app, .dirty = true, .titled = UINT64_MAX};
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        (void)snprintf(error->text, sizeof error->text,
                       "no display (%.100s): use --headless --script FILE, or trace --format html",
                       SDL_GetError());
        return X64_ERROR_IO;
    }
    loop.window = SDL_CreateWindow(options->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   options->width, options->height, SDL_WINDOW_RESIZABLE);
    if (!loop.window) {
        (void)snprintf(error->text, sizeof error->text, "no window: %.200s", SDL_GetError());
        SDL_Quit();
        return X64_ERROR_IO;
    }
    if (options->frame_times)
        loop.frame = calloc(FRAMES, sizeof *loop.frame);
    SDL_StartTextInput();
    run_loop(&loop);
    if (loop.frame)
        report_frames(&loop);
    free(loop.frame);
    SDL_DestroyWindow(loop.window);
    SDL_Quit();
    return X64_OK;
}

/* The first entry into the kernel is what one wants to see. */
static void begin(struct x64i_app *app)
{
    if (app->duo) {
        app->phase = 256;
        x64i_app_go(app, app->n, X64I_VIEW_ALL);
        x64i_app_draw(app);
        return;
    }
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    app->zoom_from = moment->first;
    app->zoom_to = moment->last > moment->first ? moment->last : moment->first + 1;
    (void)x64i_view_index(app->view, 20000);
    app->n = moment->first;
    app->phase = 256;
    x64i_app_go(app, app->n, X64I_VIEW_ALL);
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    for (size_t i = 0; i < count; i++)
        if (calls[i].kind == X64I_ENTRY_SYSCALL || calls[i].kind == X64I_ENTRY_SYSENTER ||
            calls[i].kind == X64I_ENTRY_INT) {
            x64i_app_go(app, calls[i].n, X64I_VIEW_ALL);
            break;
        }
    x64i_app_draw(app); /* what can be clicked is known from drawing */
}

static enum x64_status run(struct x64i_app *app, const struct x64i_window_options *options,
                           struct x64_error_text *error)
{
    enum x64_status status = X64_OK;
    app->title = options->title;
    app->play_rate = 8;
    app->motion = !options->still && !options->headless;
    app->mouse_x = app->mouse_y = -1;
    x64i_app_bind_defaults(app);
    if (options->keys)
        status = x64i_app_bind_file(app, options->keys, error);
    if (status != X64_OK)
        return status;
    begin(app);
    if (options->script && !x64i_script_run(app, options->script, error))
        return X64_ERROR_FORMAT;
    return options->headless || app->quit ? X64_OK : show(app, options, error);
}

enum x64_status x64i_window_run(struct x64_machine *machine,
                                const struct x64i_window_options *options,
                                struct x64_error_text *error)
{
    struct x64i_app *app = calloc(1, sizeof *app);
    struct x64i_canvas_options canvas = {.width = options->width,
                                         .height = options->height,
                                         .font = options->font,
                                         .dark = options->dark};
    if (!app)
        return X64_ERROR_MEMORY;
    enum x64_status status = x64i_canvas_open(&app->canvas, &canvas, error);
    if (status != X64_OK) {
        free(app);
        return status;
    }
    status = options->other ? x64i_duo_open(app, machine, options, error)
                            : x64i_view_open(machine, &app->view);
    if (status == X64_OK)
        status = run(app, options, error);
    else if (!error->text[0])
        (void)snprintf(error->text, sizeof error->text, "the run cannot be looked at: %s",
                       x64_status_string(status));
    x64i_duo_close(app);
    x64i_view_close(app->view);
    x64i_canvas_close(&app->canvas);
    free(app);
    return status;
}
