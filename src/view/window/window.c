/* SPDX-License-Identifier: MIT */
#include "view/window/window.h"

#include "view/window/app.h"
#include "view/window/display.h"

#include <stdio.h>
#include <string.h>

#define FRAME_MS     16u
#define INDEX_STRIDE 500u
#define WORK_MS      10u
#define MOVE_MS      160u /* an animation */

struct loop {
    struct x64i_app *app;
    SDL_Window *window;
    bool dirty;
    bool ended;        /* by a signal */
    uint64_t titled;   /* the step in the title */
    int scale;         /* that was asked for */
    double points;     /* in one of the units that the mouse's position comes in */
    uint32_t moved_at; /* when the animation began */
    uint32_t played_at;
};

static void press(struct loop *loop, const char *name)
{
    (void)x64i_app_press(loop->app, name);
    loop->moved_at = SDL_GetTicks();
}

/* Keys that make no text come by their names, others as the text that they make. */
static void on_key(struct loop *loop, const SDL_Event *event)
{
    SDL_Keycode code = event->key.keysym.sym;
    bool named = code & SDLK_SCANCODE_MASK || code == SDLK_BACKSPACE || code == SDLK_RETURN ||
                 code == SDLK_ESCAPE || code == SDLK_TAB;
    if (named)
        press(loop, SDL_GetKeyName(code));
}

static void on_button(struct loop *loop, const SDL_Event *event)
{
    struct x64i_app *app = loop->app;
    bool shift = (SDL_GetModState() & KMOD_SHIFT) != 0;
    app->mouse_x = (int)(event->button.x * loop->points);
    app->mouse_y = (int)(event->button.y * loop->points);
    if (event->type == SDL_MOUSEBUTTONUP)
        x64i_app_release(app);
    else if (event->button.button == SDL_BUTTON_LEFT)
        x64i_app_click(app, app->mouse_x, app->mouse_y, shift);
    else if (event->button.button == SDL_BUTTON_RIGHT)
        x64i_app_search_under(app, app->mouse_x, app->mouse_y, shift);
    loop->moved_at = SDL_GetTicks();
}

/* Of moves that came since the last frame only the last one counts. */
static void on_motion(struct loop *loop, const SDL_Event *event)
{
    SDL_Event next;
    struct x64i_app *app = loop->app;
    if (SDL_PeepEvents(&next, 1, SDL_PEEKEVENT, SDL_FIRSTEVENT, SDL_LASTEVENT) == 1 &&
        next.type == SDL_MOUSEMOTION)
        return;
    const struct x64i_hit *was = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    app->mouse_x = (int)(event->motion.x * loop->points);
    app->mouse_y = (int)(event->motion.y * loop->points);
    const struct x64i_hit *is = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    if (event->motion.state & SDL_BUTTON_LMASK)
        x64i_app_drag(app, app->mouse_x, app->mouse_y);
    else if (was != is)
        x64i_app_go(app, app->n, app->effect); /* another address to translate */
}

/* As many pixels as the window has now. Where one of its units is several of them, the display is
 * dense, and everything is drawn that much finer. */
static void fit(struct loop *loop)
{
    int width;
    int height;
    struct x64i_app *app = loop->app;
    const SDL_Surface *screen = SDL_GetWindowSurface(loop->window);
    SDL_GetWindowSize(loop->window, &width, &height);
    if (!screen || width < 1 || !x64i_canvas_resize(&app->canvas, screen->w, screen->h))
        return;
    (void)x64i_canvas_rescale(&app->canvas, loop->scale * screen->w / width);
    loop->points = (double)screen->w / width * 100 / app->canvas.scale;
    x64i_app_go(app, app->n, app->effect);
}

static void handle(struct loop *loop, const SDL_Event *event)
{
    struct x64i_app *app = loop->app;
    loop->dirty = true;
    switch (event->type) {
    case SDL_QUIT: /* a signal: the user cannot be asked, or is not there */
        loop->ended = app->quit = true;
        break;
    case SDL_KEYDOWN:
        on_key(loop, event);
        break;
    case SDL_TEXTINPUT:
        press(loop, strcmp(event->text.text, " ") == 0 ? "Space" : event->text.text);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        on_button(loop, event);
        break;
    case SDL_MOUSEMOTION:
        on_motion(loop, event);
        break;
    case SDL_MOUSEWHEEL:
        x64i_app_wheel(app, app->mouse_x, app->mouse_y, event->wheel.y);
        break;
    case SDL_WINDOWEVENT:
        if (event->window.event == SDL_WINDOWEVENT_SIZE_CHANGED)
            fit(loop);
        else if (event->window.event == SDL_WINDOWEVENT_CLOSE)
            (void)x64i_app_do(app, "quit", "");
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

/* What takes longer than a frame. */
static void work(struct loop *loop)
{
    uint32_t end = SDL_GetTicks() + WORK_MS;
    if (loop->app->job.kind == X64I_JOB_NONE)
        return;
    while (x64i_job_go_on(loop->app) && SDL_GetTicks() < end) {
    }
    loop->dirty = true;
}

/* For as long as the frame lasts that began at `begin`. */
static void index_until_next(struct loop *loop, uint32_t begin)
{
    struct x64i_view *view = loop->app->view;
    const struct x64i_view_moment *moment = x64i_view_moment(view);
    if (x64i_view_indexed(view) >= moment->last)
        return;
    while (!x64i_view_index(view, INDEX_STRIDE) && SDL_GetTicks() - begin < FRAME_MS - 1) {
    }
    if (!moment->exact && x64i_view_indexed(view) > moment->n)
        x64i_app_go(loop->app, loop->app->n, loop->app->effect);
    loop->dirty = true;
}

static void run_loop(void *user)
{
    struct loop *loop = user;
    SDL_Event event;
    while (!loop->app->quit) {
        uint32_t begin = SDL_GetTicks();
        x64i_frames_begin(&loop->app->frames);
        while (SDL_PollEvent(&event))
            handle(loop, &event);
        play(loop);
        work(loop);
        animate(loop);
        if (loop->dirty) {
            present(loop);
            x64i_frames_end(&loop->app->frames);
        }
        index_until_next(loop, begin);
        uint32_t passed = SDL_GetTicks() - begin;
        if (passed < FRAME_MS)
            SDL_Delay(FRAME_MS - passed);
    }
}

/* Nobody can be asked any more: the recording is saved. */
static enum x64_status lose(struct x64i_app *app, const char *why, struct x64_error_text *error)
{
    bool unsaved = app->keep.write && !app->saved;
    x64i_job_stop(app);
    app->message[0] = '\0';
    if (unsaved)
        (void)x64i_app_save(app, "");
    (void)snprintf(error->text, sizeof error->text, "%s, at step %llu%s%.150s", why,
                   (unsigned long long)app->n, unsaved ? "; the run's recording: " : "",
                   app->message);
    return X64_ERROR_IO;
}

/* SDL falls back on drivers that show nothing, where nobody could end the program. */
static bool has_display(struct x64_error_text *error)
{
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    const char *problem = SDL_Init(SDL_INIT_VIDEO) == 0 ? NULL : SDL_GetError();
    const char *driver = problem ? "" : SDL_GetCurrentVideoDriver();
    if (!SDL_GetHint(SDL_HINT_VIDEODRIVER) &&
        (strcmp(driver, "offscreen") == 0 || strcmp(driver, "dummy") == 0))
        problem = "neither X11 nor Wayland answers";
    /* Where OpenGL is drawn by the processor, what it does to a picture that is finished already
     * takes most of a frame. X11 can be given the picture as it is. */
    if (strcmp(driver, "x11") == 0)
        (void)SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    if (!problem)
        return true;
    (void)snprintf(error->text, sizeof error->text,
                   "no display (%.100s): use --headless --script FILE, or trace --format html",
                   problem);
    SDL_Quit();
    return false;
}

static enum x64_status show(struct x64i_app *app, const struct x64i_window_options *options,
                            struct x64_error_text *error)
{
    struct loop loop = {
        .app = app, .dirty = true, .titled = UINT64_MAX, .scale = app->canvas.scale, .points = 1};
    if (!has_display(error))
        return X64_ERROR_IO;
    loop.window = SDL_CreateWindow(options->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   options->width, options->height,
                                   SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!loop.window) {
        (void)snprintf(error->text, sizeof error->text, "no window: %.200s", SDL_GetError());
        SDL_Quit();
        return X64_ERROR_IO;
    }
    fit(&loop);
    SDL_StartTextInput();
    app->asks = true;
    if (!x64i_display_run(run_loop, &loop))
        return lose(app, "the display is gone", error);
    SDL_DestroyWindow(loop.window);
    SDL_Quit();
    return loop.ended ? lose(app, "ended by a signal", error) : X64_OK;
}

enum x64_status x64i_window_run(struct x64_machine *machine,
                                const struct x64i_window_options *options,
                                struct x64_error_text *error)
{
    struct x64i_app *app;
    enum x64_status status = x64i_app_open(machine, options, &app, error);
    if (status != X64_OK)
        return status;
    if (options->script && !x64i_script_run(app, options->script, error))
        status = X64_ERROR_FORMAT;
    else if (!options->headless && !app->quit)
        status = show(app, options, error);
    x64i_app_close(app);
    return status;
}
