/* SPDX-License-Identifier: MIT */
/* Forks until that fails; says how often it went well. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    int count = 0;
    pid_t child;
    while ((child = fork()) > 0)
        count++;
    if (child == 0)
        for (;;)
            pause();
    printf("%d: %s\n", count, strerror(errno));
    return 0;
}
