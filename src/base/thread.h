/* SPDX-License-Identifier: MIT
 * Threads: start N, a bounded queue between them, a stop flag.  No globals. */
#ifndef GP_BASE_THREAD_H
#define GP_BASE_THREAD_H

#include "base/status.h"

/* Processors this process may use (affinity and cgroup quota considered), at least 1. */
int gp_thread_processors(void);

typedef struct gp_threads gp_threads;
/* Run body(user, i) for i in 0..n-1, each on a thread of its own; wait for and free them with gp_threads_join. */
gp_status gp_threads_start(int n, void (*body)(void *user, int index), void *user, gp_threads **out, gp_error *err);
void gp_threads_join(gp_threads *threads); /* NULL allowed */

/* A bounded queue of pointers, many producers, many consumers. */
typedef struct gp_queue gp_queue;
gp_status gp_queue_new(size_t capacity, gp_queue **out, gp_error *err);
void gp_queue_free(gp_queue *queue);
/* Blocks while full; false (item not taken) once the queue is closed. */
bool gp_queue_put(gp_queue *queue, void *item);
/* Blocks while empty; false once closed and empty. */
bool gp_queue_get(gp_queue *queue, void **item);
/* As get, but gives up after `milliseconds`: 1 got, 0 timed out, -1 closed and empty. */
int gp_queue_get_within(gp_queue *queue, void **item, int milliseconds);
void gp_queue_close(gp_queue *queue);

#endif
