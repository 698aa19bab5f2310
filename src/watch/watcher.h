/* SPDX-License-Identifier: MIT
 * Reports images that are new or have changed in folders, and prompts that arrive in sidecar files later than their
 * image.
 *
 * Local folders are watched with inotify. Network folders are searched every few seconds instead, because the kernel
 * does not report what other machines write. A folder is also searched if inotify is missing or its limit is reached.
 * Both ways report the same files (tests/unit/watch/test_watcher.c).
 *
 * A file is reported when its writer has closed it or renamed it into place. If that is not known, the file is reported
 * after its size and time have stayed the same for a while. Times are compared only for equality, and delays use the
 * monotonic clock, so jumps of the system's clock have no effect.
 *
 * Memory: the paths of at most GP_WATCHER_FILES files that were not taken yet; 24 bytes for each file of a folder that
 * is searched. If more files arrive, `rescan` is reported instead. */
#ifndef GP_WATCH_WATCHER_H
#define GP_WATCH_WATCHER_H

#include "base/status.h"
#include "ingest/walk.h"

enum { GP_WATCHER_FILES = 1 << 16 };

typedef struct gp_watcher_options {
    const char *const *roots; /* [root_count] folders; must exist */
    size_t root_count;
    double poll;   /* above 0: search all folders every `poll` seconds, without inotify */
    double settle; /* seconds for which an unfinished file must stay the same; 0: the usual time */
    bool remember; /* keep which files existed at the start, for gp_watcher_had */
    /* For tests: the errno of a failing inotify_init1, and of the inotify_add_watch calls after the first `adds`; 0:
     * no failure. */
    int fail_init, fail_add;
    size_t adds;
} gp_watcher_options;

typedef struct gp_watcher gp_watcher;
/* Starts the thread that watches. roots must stay unchanged until gp_watcher_close. Errors: MEMORY, NOT_FOUND, IO. */
gp_status gp_watcher_open(const gp_watcher_options *options, gp_watcher **out, gp_error *err);
void gp_watcher_close(gp_watcher *watcher); /* NULL allowed */

typedef struct gp_watcher_note {
    char *message;    /* owned */
    const char *code; /* a static string */
} gp_watcher_note;
enum { GP_WATCHER_NOTES = 8 };
typedef struct gp_watcher_news {
    bool started; /* the folders are being watched: later changes are not missed */
    char **paths; /* [count] owned: images to read, in the order in which they were finished */
    size_t count;
    size_t left; /* number of files that were found but are not reported yet, without those that wait */
    bool gone;   /* a file or folder disappeared */
    bool rescan; /* files may have been missed: search the folders */
    gp_watcher_note notes[GP_WATCHER_NOTES];
    size_t note_count;
} gp_watcher_news;
/* Waits at most `seconds` until there are news. A file is reported a moment after it was finished, together with the
 * files that are finished in that moment; the wait is shorter if `most` files are ready. Reports at most `most` files.
 * The caller frees *out with gp_watcher_news_clear, also after an error. */
gp_status gp_watcher_take(gp_watcher *watcher, size_t most, double seconds, gp_watcher_news *out, gp_error *err);
void gp_watcher_news_clear(gp_watcher_news *news);
/* Reports the file again when its size or time differ from those of `file`, and once after `seconds` (INFINITY: not).
 * Threads: the one that takes. */
void gp_watcher_wait_for(gp_watcher *watcher, const gp_walk_entry *file, double seconds);
/* Returns whether the file existed with this size and time at the start, and was not reported since. For
 * options.remember, after `started`. */
bool gp_watcher_had(gp_watcher *watcher, const gp_walk_entry *file);
/* Returns whether the folder root `index` exists. */
bool gp_watcher_has_root(gp_watcher *watcher, size_t index);
/* Returns whether the folder root `index` is searched instead of watched with inotify. */
bool gp_watcher_polls(gp_watcher *watcher, size_t index);

#endif
