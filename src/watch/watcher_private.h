/* SPDX-License-Identifier: MIT
 * Shared by the files of the module watch. */
#ifndef GP_WATCH_WATCHER_PRIVATE_H
#define GP_WATCH_WATCHER_PRIVATE_H

#include "base/str.h"
#include "base/thread.h"
#include "watch/watcher.h"

#include <pthread.h>
#include <sys/types.h>

/* ------------------------------------------------------------------ files that were seen (seen.c) */

/* A set of paths with the size and time of each file. Stores only 64-bit hashes. */
typedef struct gp_seen_file {
    uint64_t key, state; /* key 0: the place is free */
    uint32_t round;
} gp_seen_file;
typedef struct gp_seen {
    gp_seen_file *files; /* [capacity] */
    size_t capacity, count;
    uint32_t round; /* number of the present search */
} gp_seen;
/* Returns 1 if the file is new or differs from its former state, 0 if it is the same, -1 if memory ran out. */
int gp_seen_put(gp_seen *seen, const gp_walk_entry *file);
bool gp_seen_same(const gp_seen *seen, const gp_walk_entry *file);
/* From now on gp_seen_same is false for this path, until the file is put again. */
void gp_seen_forget(gp_seen *seen, const char *path);
/* Removes the files that were not put since `round` was increased. Returns whether there were any. */
bool gp_seen_drop_others(gp_seen *seen);
void gp_seen_clear(gp_seen *seen);

/* ------------------------------------------------------------------ files to report (items.c) */

typedef enum gp_item_state {
    GP_ITEM_READY,   /* reported from `due` on */
    GP_ITEM_SETTLES, /* becomes ready at `due` if the file has not changed by then */
    GP_ITEM_WAITS    /* becomes ready when the file has changed and settled, or at `due` */
} gp_item_state;
typedef struct gp_item {
    char *path; /* owned; NULL: removed */
    uint64_t key;
    gp_item_state state;
    uint64_t size;
    int64_t mtime_ns;
    double due;
} gp_item;
typedef struct gp_items {
    gp_item *list;   /* [used] in the order of arrival */
    uint32_t *index; /* [index_size] position in `list` + 1; 0: free */
    size_t used, capacity, index_size, count;
    double settle; /* seconds for which an unfinished file must stay the same */
    bool failed;   /* memory ran out */
} gp_items;
/* Adds a file, or changes the state of a file that is in the list. finished: its writer has closed it. Returns false if
 * the list is full. */
bool gp_items_put(gp_items *items, const char *path, bool finished, double now);
void gp_items_wait_for(gp_items *items, const gp_walk_entry *file, double due);
void gp_items_remove(gp_items *items, const char *path);
/* Looks at the files that settle or wait. Returns when to look again. */
double gp_items_look(gp_items *items, double now);
/* Returns when gp_items_take has files to report: `now` or later; INFINITY: never. */
double gp_items_due(const gp_items *items, size_t most, double now);
/* Moves at most `most` ready paths to paths [most]; returns their number. */
size_t gp_items_take(gp_items *items, size_t most, char **paths);
/* Returns the number of files in the state GP_ITEM_READY or GP_ITEM_SETTLES. */
size_t gp_items_left(const gp_items *items);
void gp_items_clear(gp_items *items);

/* ------------------------------------------------------------------ the watcher */

typedef struct gp_watch_root {
    char *path; /* owned, absolute */
    dev_t device;
    ino_t inode;
    bool present, polls;
    double next_poll, poll_pause;
    gp_seen seen; /* only if the folder is searched */
} gp_watch_root;

/* The folder of a watch descriptor. */
typedef struct gp_watch_folder {
    int wd;
    char *path; /* owned */
} gp_watch_folder;

struct gp_watcher {
    gp_watcher_options options;
    gp_watch_root *roots;     /* [options.root_count] */
    int inotify, wake;        /* descriptors; -1: none. `wake` is readable when the thread must end */
    gp_watch_folder *folders; /* [folder_count] sorted by wd */
    size_t folder_count, folder_capacity, adds;
    char *denied[16]; /* owned: folders that could not be watched for lack of permission */
    size_t denied_count;
    double next_denied;
    gp_seen before; /* the files at the start, if options.remember; after `started` the lock guards it */
    gp_threads *thread;

    pthread_mutex_t lock; /* guards all that follows, and `present` and `polls` of the roots */
    pthread_cond_t changed;
    gp_items items;
    gp_watcher_note notes[GP_WATCHER_NOTES];
    size_t note_count;
    bool started, stop, gone, rescan, failed;
};

/* Each takes the lock. */
void gp_watcher_found(gp_watcher *w, const char *path, bool finished);
void gp_watcher_gone(gp_watcher *w, const char *path); /* NULL: a folder */
void gp_watcher_missed(gp_watcher *w);                 /* files may have been missed */
void gp_watcher_no_memory(gp_watcher *w);
void gp_watcher_say(gp_watcher *w, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reports the images whose sidecar file has changed. */
void gp_watcher_sidecar(gp_watcher *w, const char *path);
bool gp_watcher_is_sidecar(const char *name);

/* inotify.c. gp_inotify_attach watches the root and all folders in it; unless `quiet`, reports the images there.
 * Returns false, and watches nothing, if the folder must be searched instead. */
bool gp_inotify_open(gp_watcher *w);
bool gp_inotify_attach(gp_watcher *w, gp_watch_root *root, const char *folder, bool quiet);
void gp_inotify_detach(gp_watcher *w, const char *folder); /* all folders at or below this one */
/* Reads the events. Returns false after an overflow. */
bool gp_inotify_read(gp_watcher *w);
void gp_inotify_retry_denied(gp_watcher *w, double now);
void gp_inotify_close(gp_watcher *w);

/* polling.c. gp_poll_search searches a root; unless `quiet`, reports what has changed since the last search. */
void gp_poll_search(gp_watcher *w, gp_watch_root *root, bool quiet);
bool gp_poll_is_network(const char *path, const char **kind);
/* Searches the root from now on, because inotify cannot watch it. */
void gp_watcher_poll_instead(gp_watcher *w, gp_watch_root *root);
/* Returns the root that holds this path, or NULL. */
gp_watch_root *gp_watcher_root_of(gp_watcher *w, const char *path);

#endif
