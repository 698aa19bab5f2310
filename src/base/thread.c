/* SPDX-License-Identifier: MIT
 * Threads that start together or not at all, and a bounded queue.  The queue is a ring with one mutex.  An item is an
 * image or a batch, so the time for locking is small beside the work. */
#include "base/thread.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef struct worker {
    struct gp_threads *all;
    pthread_t thread;
    int index;
} worker;

struct gp_threads {
    void (*body)(void *user, int index);
    void *user;
    pthread_mutex_t mutex;
    pthread_cond_t decided;
    enum { WAIT, GO, NEVER } gate;
    int count;
    worker workers[];
};

static void *run(void *argument)
{
    worker *w = argument;
    gp_threads *all = w->all;
    pthread_mutex_lock(&all->mutex);
    while (all->gate == WAIT) pthread_cond_wait(&all->decided, &all->mutex);
    bool go = all->gate == GO;
    pthread_mutex_unlock(&all->mutex);
    if (go) all->body(all->user, w->index);
    return NULL;
}

/* Blocks signals such as Ctrl-C for the threads that are created next: new threads inherit the mask.  The thread that
 * starts them handles these signals.  Signals of faults stay unblocked. */
static void mask_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    sigset_t mask;
    sigfillset(&mask);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&mask, faults[i]);
    pthread_sigmask(SIG_SETMASK, &mask, before);
}

gp_status gp_threads_start(int n, void (*body)(void *user, int index), void *user, gp_threads **out, gp_error *err)
{
    if (n < 1) return gp_fail(err, GP_ERR_USAGE, "the number of threads must be at least 1, not %d", n);
    size_t bytes = sizeof(gp_threads);
    if (!gp_size_mul((size_t)n, sizeof(worker), &bytes) || !gp_size_add(bytes, sizeof(gp_threads), &bytes))
        return gp_fail(err, GP_ERR_USAGE, "the number of threads must be at least 1, not %d", n);
    void *memory;
    GP_TRY(gp_alloc(&memory, bytes, 1, "threads", err));
    gp_threads *all = memory;
    all->body = body, all->user = user, all->gate = WAIT, all->count = 0;
    pthread_mutex_init(&all->mutex, NULL);
    pthread_cond_init(&all->decided, NULL);

    sigset_t before;
    mask_signals(&before);
    int failure = 0;
    for (; all->count < n; all->count++) {
        worker *w = &all->workers[all->count];
        w->all = all, w->index = all->count;
        failure = pthread_create(&w->thread, NULL, run, w);
        if (failure) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    pthread_mutex_lock(&all->mutex);
    all->gate = failure ? NEVER : GO;
    pthread_cond_broadcast(&all->decided);
    pthread_mutex_unlock(&all->mutex);
    if (failure) {
        int started = all->count;
        gp_threads_join(all);
        return gp_fail_errno(err, GP_ERR_MEMORY, failure, "cannot start thread %d of %d", started + 1, n);
    }
    *out = all;
    return GP_OK;
}

void gp_threads_join(gp_threads *threads)
{
    if (!threads) return;
    for (int i = 0; i < threads->count; i++) pthread_join(threads->workers[i].thread, NULL);
    pthread_cond_destroy(&threads->decided);
    pthread_mutex_destroy(&threads->mutex);
    gp_mem_free(threads);
}

struct gp_queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    size_t capacity, first, count;
    bool closed;
    void *items[];
};

gp_status gp_queue_new(size_t capacity, gp_queue **out, gp_error *err)
{
    size_t bytes;
    if (capacity < 1) return gp_fail(err, GP_ERR_USAGE, "a queue must hold at least 1 item");
    if (!gp_size_mul(capacity, sizeof(void *), &bytes) || !gp_size_add(bytes, sizeof(gp_queue), &bytes))
        return gp_fail_memory(err, "a queue of %zu items (more bytes than a program can address)", capacity);
    void *memory;
    GP_TRY(gp_alloc(&memory, bytes, 1, "a queue", err));
    gp_queue *queue = memory;
    queue->capacity = capacity, queue->first = 0, queue->count = 0, queue->closed = false;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    /* wait by the monotonic clock, because the system's clock may be set to another time */
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->not_empty, &attr);
    pthread_cond_init(&queue->not_full, &attr);
    pthread_condattr_destroy(&attr);
    *out = queue;
    return GP_OK;
}

void gp_queue_free(gp_queue *queue)
{
    if (!queue) return;
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->mutex);
    gp_mem_free(queue);
}

bool gp_queue_put(gp_queue *queue, void *item)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->closed && queue->count == queue->capacity) pthread_cond_wait(&queue->not_full, &queue->mutex);
    bool taken = !queue->closed;
    if (taken) {
        size_t to_end = queue->capacity - queue->first;
        queue->items[queue->count < to_end ? queue->first + queue->count : queue->count - to_end] = item;
        queue->count++;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

/* Takes the first item.  The mutex is held and the queue is not empty. */
static void *take_first(gp_queue *queue)
{
    void *item = queue->items[queue->first];
    queue->first = queue->first + 1 < queue->capacity ? queue->first + 1 : 0;
    queue->count--;
    pthread_cond_signal(&queue->not_full);
    return item;
}

bool gp_queue_get(gp_queue *queue, void **item)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->closed) pthread_cond_wait(&queue->not_empty, &queue->mutex);
    bool got = queue->count > 0;
    if (got) *item = take_first(queue);
    pthread_mutex_unlock(&queue->mutex);
    return got;
}

int gp_queue_get_within(gp_queue *queue, void **item, int milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (milliseconds < 0) milliseconds = 0;
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->closed)
        if (pthread_cond_timedwait(&queue->not_empty, &queue->mutex, &until) == ETIMEDOUT) break;
    int result = queue->count > 0 ? 1 : queue->closed ? -1 : 0;
    if (result == 1) *item = take_first(queue);
    pthread_mutex_unlock(&queue->mutex);
    return result;
}

void gp_queue_close(gp_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_cond_broadcast(&queue->not_full);
    pthread_mutex_unlock(&queue->mutex);
}
