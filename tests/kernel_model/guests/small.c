/* SPDX-License-Identifier: MIT */
/* The least that still is a glibc program, in some 27,000 steps: start-up with its relocations and
 * CPU probing, malloc, stdio, an exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    char *copy = malloc(64);
    if (!copy)
        return 1;
    strncpy(copy, argv[1], 63);
    copy[63] = '\0';
    printf("%s, %d arguments\n", copy, argc);
    free(copy);
    return argc + 40;
}
