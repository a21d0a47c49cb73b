/* SPDX-License-Identifier: MIT */
/* Processes and threads that wait for one another, with the same output in every run. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 3
#define ROUNDS  50

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int total;
static long turn;
static __thread int own;

static void *work(void *argument)
{
    long id = (long)argument;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        total++;
        own++;
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    while (turn != id)
        pthread_cond_wait(&changed, &mutex);
    printf("thread %ld: %d of its own\n", id, own);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return (void *)(id * 10);
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    long sum = 0;
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
            exit(1);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("%d altogether, results %ld\n", total, sum);
}

/* Copy on write: what the child writes stays its own, but for a shared page. */
static void run_child(void)
{
    static int private = 1;
    int pipes[2];
    char text[32] = "";
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pipe(pipes) != 0 || shared == MAP_FAILED)
        exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        private = 2;
        *shared = 3;
        close(pipes[0]);
        if (write(pipes[1], "from the child", 14) != 14)
            _exit(1);
        _exit(17);
    }
    close(pipes[1]);
    long size = read(pipes[0], text, sizeof text - 1);
    long end = read(pipes[0], text + 20, 1);
    int status = 0;
    int same = waitpid(child, &status, 0) == child;
    printf("%ld bytes '%s', then %ld; child %d, status %d; private %d, shared %d\n", size, text,
           end, same, WEXITSTATUS(status), private, *shared);
}

int main(int argc, char **argv)
{
    run_threads();
    run_child();
    if (argc > 1) {
        fflush(stdout);
        execl(argv[1], argv[1], (char *)NULL);
    }
    return 5;
}
