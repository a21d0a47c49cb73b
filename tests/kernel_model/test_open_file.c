/* SPDX-License-Identifier: MIT */
/* What a saved state may claim of open files and pipes is closed once, and no more. */
#include "kernel_model/guest.h"
#include "kernel_model/kernel.h"
#include "kernel_model/open_file.h"

#include "support/suite.h"

#define FILE_INDEX 40u
#define PIPE_INDEX 20u

static void begin(struct guest *guest)
{
    guest_start(guest, &(struct guest_config){.history_interval = UINT64_C(1) << 40});
}

/* A listener that waits to be accepted by itself. */
START_TEST(test_open_file_claims_itself)
{
    struct guest guest;
    begin(&guest);
    struct x64i_kernel *kernel = x64i_kernel_of(guest.machine);
    struct x64i_open_file *file = x64i_file_at(kernel, FILE_INDEX);
    *file = (struct x64i_open_file){.kind = X64I_FILE_SOCKET, .references = 1, .writer = 3};
    file->socket.waiting = X64I_SOCKET_BACKLOG;
    for (unsigned i = 0; i < X64I_SOCKET_BACKLOG; i++)
        file->socket.pending[i] = FILE_INDEX + 1;
    x64i_file_drop(kernel, FILE_INDEX + 1);
    ck_assert_uint_eq(x64i_file_at(kernel, FILE_INDEX)->kind, X64I_FILE_NONE);
    guest_end(&guest);
}
END_TEST

/* A pipe through which its own only end is on its way. */
START_TEST(test_open_file_claims_its_pipe)
{
    struct guest guest;
    begin(&guest);
    struct x64i_kernel *kernel = x64i_kernel_of(guest.machine);
    *x64i_file_at(kernel, FILE_INDEX) =
        (struct x64i_open_file){.kind = X64I_FILE_PIPE, .references = 1, .object = PIPE_INDEX};
    *x64i_pipe_at(kernel, PIPE_INDEX) = (struct x64i_pipe){
        .used = 1, .readers = 1, .rights = 1, .right = {{.file = FILE_INDEX + 1}}};
    x64i_pipe_close(kernel, PIPE_INDEX, false);
    ck_assert_uint_eq(x64i_file_at(kernel, FILE_INDEX)->kind, X64I_FILE_NONE);
    ck_assert_uint_eq(x64i_pipe_at(kernel, PIPE_INDEX)->used, 0);
    guest_end(&guest);
}
END_TEST

static Suite *open_file_suite(void)
{
    Suite *suite = suite_create("open_file");
    TCase *tcase = tcase_create("open_file");
    tcase_add_test(tcase, test_open_file_claims_itself);
    tcase_add_test(tcase, test_open_file_claims_its_pipe);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(open_file_suite())
