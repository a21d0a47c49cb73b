/* SPDX-License-Identifier: MIT */
/* Writes for ever; with an argument, maps and touches memory for ever. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char bytes[4096];
    (void)argv;
    memset(bytes, 'y', sizeof bytes);
    for (;;) {
        char *more = bytes;
        if (argc > 1) {
            more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (more == MAP_FAILED)
                return 9;
            for (int i = 0; i < 1 << 20; i += 4096)
                *(volatile char *)&more[i] = 1;
        } else if (write(1, more, sizeof bytes) < 0) {
            return 8;
        }
    }
}
