/* SPDX-License-Identifier: MIT */
/* What a static C program does at least: stdio, malloc, arguments, environment, exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void at_end(void)
{
    puts("atexit");
}

int main(int argc, char **argv)
{
    int *numbers = malloc(50000 * sizeof *numbers);
    const char *name = getenv("NAME");
    struct timespec time;
    char line[64];
    const void *volatile nowhere = (const void *)8;
    atexit(at_end);
    printf("hello, %s: %d arguments\n", name ? name : "nobody", argc);
    for (int i = 1; i < argc; i++)
        printf("%2d: %-10s|\n", i, argv[i]);
    for (int i = 0; i < 50000; i++)
        numbers[i] = (i * 7919) % 50021;
    qsort(numbers, 50000, sizeof *numbers, compare);
    printf("%d %d %d\n", numbers[0], numbers[25000], numbers[49999]);
    numbers = realloc(numbers, 4000000);
    memset(numbers, 1, 4000000);
    printf("%d\n", numbers[999999]);
    free(numbers);
    if (clock_gettime(CLOCK_REALTIME, &time) != 0 || time.tv_sec < 1000000000)
        puts("no time");
    if (fgets(line, sizeof line, stdin))
        printf("read %s", line);
    if (write(1, nowhere, 16) != -1)
        puts("no EFAULT");
    perror("write");
    return argc + 40;
}
