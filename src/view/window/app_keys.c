/* SPDX-License-Identifier: MIT */
/* Which key does what: the default bindings, and those of a file. */
#include "view/window/app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A key has one command: the last one given. */
static bool bind(struct x64i_app *app, const char *key, size_t length, const char *command)
{
    size_t at = 0;
    while (at < app->binding_count && (strlen(app->binding[at].key) != length ||
                                       memcmp(app->binding[at].key, key, length) != 0))
        at++;
    if (at == X64I_APP_BINDINGS || length >= sizeof app->binding[0].key)
        return false;
    memcpy(app->binding[at].key, key, length);
    app->binding[at].key[length] = '\0';
    app->binding[at].command = command;
    if (at == app->binding_count)
        app->binding_count++;
    return true;
}

void x64i_app_bind_defaults(struct x64i_app *app)
{
    const struct x64i_command *command;
    for (size_t i = 0; (command = x64i_command_at(i)); i++)
        for (const char *key = command->keys; *key;) {
            size_t length = strcspn(key, " ");
            (void)bind(app, key, length, command->name);
            key += length;
            key += strspn(key, " ");
        }
}

enum x64_status x64i_app_bind_file(struct x64i_app *app, const char *path,
                                   struct x64_error_text *error)
{
    char line[256];
    char key[128];
    char name[128];
    unsigned number = 0;
    enum x64_status status = X64_OK;
    FILE *file = fopen(path, "r");
    if (!file) {
        (void)snprintf(error->text, sizeof error->text, "%.150s: %s", path, strerror(errno));
        return X64_ERROR_IO;
    }
    while (status == X64_OK && fgets(line, sizeof line, file)) {
        number++;
        if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
            continue;
        const struct x64i_command *command =
            sscanf(line, "%127s %127s", key, name) == 2 ? x64i_command_find(name) : NULL;
        if (command && bind(app, key, strlen(key), command->name))
            continue;
        (void)snprintf(error->text, sizeof error->text,
                       "%.150s, line %u: write KEY COMMAND, with a command that ? lists", path,
                       number);
        status = X64_ERROR_FORMAT;
    }
    (void)fclose(file);
    return status;
}

const char *x64i_app_key(const struct x64i_app *app, const char *key)
{
    for (size_t i = 0; i < app->binding_count; i++)
        if (strcmp(app->binding[i].key, key) == 0)
            return app->binding[i].command;
    return NULL;
}

const char *x64i_app_key_of(const struct x64i_app *app, const char *command)
{
    for (size_t i = 0; i < app->binding_count; i++)
        if (strcmp(app->binding[i].command, command) == 0)
            return app->binding[i].key;
    return "";
}
