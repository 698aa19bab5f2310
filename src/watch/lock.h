/* SPDX-License-Identifier: MIT
 * The lock that keeps two `goldpan watch` from one catalog: a file beside the catalog, locked with flock(2). The system
 * releases the lock when the process ends, however it ends. */
#ifndef GP_WATCH_LOCK_H
#define GP_WATCH_LOCK_H

#include "base/status.h"

typedef struct gp_watch_lock {
    int fd;     /* -1: no lock */
    char *path; /* owned */
} gp_watch_lock;
/* Locks the catalog at this path. CATALOG: another process holds the lock; the message has its number. Where the file
 * system has no locks, returns GP_OK without a lock. The caller calls gp_watch_unlock, also after an error. */
gp_status gp_watch_lock_take(gp_watch_lock *lock, const char *catalog, gp_error *err);
void gp_watch_unlock(gp_watch_lock *lock);

#endif
