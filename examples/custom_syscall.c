/* SPDX-License-Identifier: MIT */
/* A system call of your own, answered in C behind the kernel's real entry path: the demo's write(2)
 * becomes shout(text, length), and a trace would print it so. */
#include <x64emu/x64emu.h>

#include <ctype.h>
#include <stdio.h>

static int64_t shout(struct x64_machine *machine, void *user, const uint64_t arguments[6])
{
    char text[64];
    size_t length = arguments[2] < sizeof text ? (size_t)arguments[2] : sizeof text;
    int64_t bad = x64_copy_from_user(machine, text, arguments[1], length);
    (void)user;
    if (bad) /* -EFAULT, or "fault the page in and ask again": either way it goes back as it is */
        return bad;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    return x64_guest_output(machine, 1, text, length) == X64_OK ? (int64_t)length : -1;
}

static void on_output(void *user, int stream, const void *bytes, size_t size)
{
    (void)user;
    (void)stream;
    fwrite(bytes, 1, size, stdout);
}

/* The step that answered a call has its text. */
static void after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    char text[128];
    (void)user;
    if (step->kind == X64_STEP_NATIVE && x64_syscall_text(machine, text, sizeof text) > 0)
        printf("%s\n", text);
}

int main(void)
{
    const struct x64_config config = {.struct_size = sizeof config, .host.output = on_output};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = "6.1"};
    const struct x64_syscall call = {
        .struct_size = sizeof call,
        .name = "shout",
        .parameter_count = 3,
        .parameter = {{"int", "fd"}, {"const char *", "text"}, {"size_t", "length"}},
        .body = shout};
    struct x64_machine *machine;
    struct x64_stop stop;
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_kernel_attach(machine, &kernel, NULL) != X64_OK ||
        x64_kernel_set_syscall(machine, X64_TABLE_64, 1, &call) != X64_OK ||
        x64_hook_add_instruction_after(machine, NULL, after, NULL, NULL) != X64_OK ||
        x64_run(machine, 1000000, &stop) != X64_OK)
        return 1;
    x64_machine_destroy(machine);
    return stop.reason == X64_STOP_EXIT ? 0 : 1;
}
