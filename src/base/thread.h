/* SPDX-License-Identifier: MIT
 * Threads and a bounded queue between them.  No globals. */
#ifndef GP_BASE_THREAD_H
#define GP_BASE_THREAD_H

#include "base/status.h"

/* Returns the number of processors that this process may use (affinity and cgroup quota), at least 1. */
int gp_thread_processors(void);

typedef struct gp_threads gp_threads;
/* Runs body(user, i) for i in 0..n-1, each on its own thread.  gp_threads_join waits for the threads and frees them. */
gp_status gp_threads_start(int n, void (*body)(void *user, int index), void *user, gp_threads **out, gp_error *err);
void gp_threads_join(gp_threads *threads); /* NULL allowed */

/* A bounded queue of pointers for many producers and many consumers. */
typedef struct gp_queue gp_queue;
gp_status gp_queue_new(size_t capacity, gp_queue **out, gp_error *err);
void gp_queue_free(gp_queue *queue);
/* Adds an item; blocks while the queue is full.  Returns false, and adds nothing, if the queue is closed. */
bool gp_queue_put(gp_queue *queue, void *item);
/* Takes an item; blocks while the queue is empty.  Returns false if the queue is closed and empty. */
bool gp_queue_get(gp_queue *queue, void **item);
/* Like gp_queue_get, but waits at most `milliseconds`.  Returns 1: an item, 0: timed out, -1: closed and empty. */
int gp_queue_get_within(gp_queue *queue, void **item, int milliseconds);
void gp_queue_close(gp_queue *queue);

#endif
