/* SPDX-License-Identifier: MIT
 * The thread that watches, and what the caller takes from it. */
#include "watch/watcher.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/image_names.h"
#include "base/mem.h"
#include "watch/watcher_private.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double root_seconds = 0.5; /* pause between two checks whether the roots still exist */
static const double settle_seconds = 0.5;
static const double poll_seconds = 2; /* pause between two searches, unless options.poll is set */
/* A search that takes long is repeated after this multiple of its time, so that it uses a small part of the machine. */
static const double poll_rest = 5;

/* ------------------------------------------------------------------ reports (any thread) */

void gp_watcher_found(gp_watcher *w, const char *path, bool finished)
{
    pthread_mutex_lock(&w->lock);
    if (!gp_items_put(&w->items, path, finished, gp_clock_now())) w->rescan = true;
    gp_seen_forget(&w->before, path); /* written since the start, perhaps before gp_walk came to it */
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void gp_watcher_gone(gp_watcher *w, const char *path)
{
    pthread_mutex_lock(&w->lock);
    if (path) gp_items_remove(&w->items, path);
    w->gone = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void gp_watcher_missed(gp_watcher *w)
{
    pthread_mutex_lock(&w->lock);
    w->rescan = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void gp_watcher_no_memory(gp_watcher *w)
{
    pthread_mutex_lock(&w->lock);
    w->failed = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void gp_watcher_say(gp_watcher *w, const char *code, const char *format, ...)
{
    gp_str text = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    gp_str_vprintf(&text, format, args);
    va_end(args);
    char *message = gp_str_take(&text);
    pthread_mutex_lock(&w->lock);
    if (message && w->note_count < GP_WATCHER_NOTES)
        w->notes[w->note_count++] = (gp_watcher_note){message, code};
    else
        gp_mem_free(message);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

bool gp_watcher_is_sidecar(const char *name)
{
    return gp_str_ends(name, ".txt") || gp_str_ends(name, ".caption") || gp_str_ends(name, ".json");
}

/* Reports "STEM.png" and so on, in small and capital letters, if such a file exists. */
static void found_beside(gp_watcher *w, gp_str *path, size_t stem)
{
    for (size_t i = 0; gp_name_image_ending(i); i++)
        for (int capital = 0; capital < 2; capital++) {
            path->size = stem;
            for (const char *c = gp_name_image_ending(i); *c; c++)
                gp_str_putc(path, capital && *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c);
            if (!path->failed && access(path->data, F_OK) == 0) gp_watcher_found(w, path->data, true);
        }
}

void gp_watcher_sidecar(gp_watcher *w, const char *sidecar)
{
    gp_str path = GP_STR_INIT;
    gp_str_add(&path, sidecar, strlen(sidecar) - strlen(gp_path_extension(sidecar)));
    if (!path.failed && gp_name_is_image(path.data) && access(path.data, F_OK) == 0)
        gp_watcher_found(w, path.data, true);
    if (!path.failed) found_beside(w, &path, path.size);
    if (path.failed) gp_watcher_no_memory(w);
    gp_str_clear(&path);
}

gp_watch_root *gp_watcher_root_of(gp_watcher *w, const char *path)
{
    gp_watch_root *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < w->options.root_count; i++) {
        size_t size = strlen(w->roots[i].path);
        if (strncmp(path, w->roots[i].path, size) != 0 || size < longest) continue;
        if (path[size] == '/' || !path[size] || size == 1) best = &w->roots[i], longest = size;
    }
    return best;
}

/* ------------------------------------------------------------------ the roots (watching thread) */

static void set_state(gp_watcher *w, gp_watch_root *root, bool present, bool polls)
{
    pthread_mutex_lock(&w->lock);
    root->present = present, root->polls = polls;
    pthread_mutex_unlock(&w->lock);
}

void gp_watcher_poll_instead(gp_watcher *w, gp_watch_root *root)
{
    gp_seen_clear(&root->seen);
    gp_poll_search(w, root, true);
    root->next_poll = gp_clock_now() + root->poll_pause;
    set_state(w, root, root->present, true);
    gp_watcher_missed(w);
}

/* Begins to watch a root that exists, or exists again. Reports no file. */
static void attach_root(gp_watcher *w, gp_watch_root *root, const struct stat *info)
{
    const char *kind = NULL;
    bool polls = w->inotify < 0;
    root->device = info->st_dev, root->inode = info->st_ino;
    if (!polls && gp_poll_is_network(root->path, &kind)) {
        gp_watcher_say(w, "watch-polls", "'%s' is on a network file system (%s): it is searched every %g s", root->path,
                       kind, root->poll_pause);
        polls = true;
    }
    if (!polls) polls = !gp_inotify_attach(w, root, root->path, true);
    gp_seen_clear(&root->seen);
    if (polls) gp_poll_search(w, root, true);
    root->next_poll = gp_clock_now() + root->poll_pause;
    set_state(w, root, true, polls);
}

/* A root may be deleted, unmounted or renamed, and another folder may take its place. Then device or inode differ. */
static void check_root(gp_watcher *w, gp_watch_root *root)
{
    struct stat info;
    bool there = stat(root->path, &info) == 0 && S_ISDIR(info.st_mode);
    if (there && root->present && info.st_dev == root->device && info.st_ino == root->inode) return;
    if (!there && !root->present) return;
    if (root->present) {
        if (w->inotify >= 0) gp_inotify_detach(w, root->path);
        gp_seen_clear(&root->seen);
        set_state(w, root, false, root->polls);
        gp_watcher_gone(w, NULL);
        if (!there) gp_watcher_say(w, "folder-gone", "the folder '%s' is gone: waiting until it is back", root->path);
    }
    if (!there) return;
    attach_root(w, root, &info);
    gp_watcher_say(w, "folder-back", "the folder '%s' is back", root->path);
    gp_watcher_missed(w);
}

static void search_root(gp_watcher *w, gp_watch_root *root)
{
    double begun = gp_clock_now();
    if (!root->present || !root->polls || begun < root->next_poll) return;
    gp_poll_search(w, root, false);
    double spent = gp_clock_now() - begun, rest = poll_rest * spent;
    root->next_poll = begun + spent + (rest > root->poll_pause ? rest : root->poll_pause);
}

/* After an overflow, some events are lost. All folders are watched anew, and the caller searches them. */
static void start_over(gp_watcher *w)
{
    gp_inotify_close(w);
    (void)gp_inotify_open(w);
    for (size_t i = 0; i < w->options.root_count; i++) {
        struct stat info;
        gp_watch_root *root = &w->roots[i];
        if (!root->present || root->polls || stat(root->path, &info) != 0) continue;
        attach_root(w, root, &info);
    }
    gp_watcher_missed(w);
}

/* ------------------------------------------------------------------ the watching thread */

static bool remember_file(void *user, const gp_walk_entry *found)
{
    gp_watcher *w = user;
    if (gp_seen_put(&w->before, found) < 0) gp_watcher_no_memory(w);
    return true;
}

static void begin(gp_watcher *w)
{
    const gp_watcher_options *o = &w->options;
    if (o->poll <= 0 && !gp_inotify_open(w))
        gp_watcher_say(w, "watch-polls", "inotify does not work here (%s): the folders are searched every %g s",
                       strerror(errno), poll_seconds);
    for (size_t i = 0; i < o->root_count; i++) {
        struct stat info;
        if (stat(w->roots[i].path, &info) == 0) attach_root(w, &w->roots[i], &info);
    }
    /* after the folders are watched: a file that is written now is reported, and then forgotten here */
    gp_error err = {0};
    if (o->remember && gp_walk(o->roots, o->root_count, remember_file, NULL, w, &err) == GP_ERR_MEMORY)
        gp_watcher_no_memory(w);
    pthread_mutex_lock(&w->lock);
    w->started = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Looks at the files that settle. Returns when to look again. */
static double look(gp_watcher *w)
{
    double now = gp_clock_now();
    pthread_mutex_lock(&w->lock);
    double next = gp_items_look(&w->items, now);
    if (w->items.failed) w->failed = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return next;
}

static bool must_stop(gp_watcher *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void watch(void *user, int index)
{
    (void)index;
    gp_watcher *w = user;
    double next_check = 0, pause = root_seconds;
    if (w->options.poll > 0 && w->options.poll < pause) pause = w->options.poll;
    begin(w);
    while (!must_stop(w)) {
        double next = look(w), now = gp_clock_now();
        if (now >= next_check) {
            for (size_t i = 0; i < w->options.root_count; i++) check_root(w, &w->roots[i]);
            for (size_t i = 0; i < w->options.root_count; i++) search_root(w, &w->roots[i]);
            if (w->denied_count) gp_inotify_retry_denied(w, now);
            now = gp_clock_now(), next_check = now + pause;
        }
        if (next_check < next) next = next_check;
        double wait = next > now ? (next - now) * 1000 + 1 : 0;
        struct pollfd fds[2] = {{.fd = w->wake, .events = POLLIN}, {.fd = w->inotify, .events = POLLIN}};
        if (poll(fds, 2, (int)wait) < 0 && errno != EINTR) return; /* out of memory */
        if (w->inotify >= 0 && !gp_inotify_read(w)) start_over(w);
    }
}

/* ------------------------------------------------------------------ the caller's side */

static gp_status copy_roots(gp_watcher *w, gp_error *err)
{
    const gp_watcher_options *o = &w->options;
    w->roots = gp_mem_zero(o->root_count, sizeof *w->roots);
    if (!w->roots) return gp_fail_memory(err, "%zu folders", o->root_count);
    for (size_t i = 0; i < o->root_count; i++) {
        struct stat info;
        if (stat(o->roots[i], &info) != 0)
            return gp_fail_path_errno(err, GP_ERR_NOT_FOUND, errno, "cannot find '%s'", o->roots[i]);
        if (!S_ISDIR(info.st_mode))
            return gp_fail_path(err, GP_ERR_USAGE, "'%s' is not a folder: only folders can be watched", o->roots[i]);
        w->roots[i].path = gp_path_absolute(o->roots[i]);
        w->roots[i].poll_pause = o->poll > 0 ? o->poll : poll_seconds;
        if (!w->roots[i].path) return gp_fail_memory_path(err, "the path '%s'", o->roots[i]);
    }
    return GP_OK;
}

gp_status gp_watcher_open(const gp_watcher_options *options, gp_watcher **out, gp_error *err)
{
    gp_status st = GP_OK;
    pthread_condattr_t monotonic;
    gp_watcher *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "a watcher of folders");
    w->options = *options;
    w->inotify = w->wake = -1;
    w->items.settle = options->settle > 0 ? options->settle : settle_seconds;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    GP_TRY_GOTO(copy_roots(w, err));
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0) GP_TRY_GOTO(gp_fail_errno(err, GP_ERR_IO, errno, "cannot watch folders"));
    GP_TRY_GOTO(gp_threads_start(1, watch, w, &w->thread, err));
    *out = w;
    return GP_OK;
out:
    gp_watcher_close(w);
    return st;
}

void gp_watcher_close(gp_watcher *w)
{
    const uint64_t one = 1;
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    if (w->wake >= 0 && write(w->wake, &one, sizeof one) < 0) w->stop = true; /* the thread wakes within root_seconds */
    gp_threads_join(w->thread);
    gp_inotify_close(w);
    if (w->wake >= 0) close(w->wake);
    for (size_t i = 0; w->roots && i < w->options.root_count; i++) {
        gp_seen_clear(&w->roots[i].seen);
        gp_mem_free(w->roots[i].path);
    }
    for (size_t i = 0; i < w->denied_count; i++) gp_mem_free(w->denied[i]);
    for (size_t i = 0; i < w->note_count; i++) gp_mem_free(w->notes[i].message);
    gp_mem_free(w->roots);
    gp_seen_clear(&w->before);
    gp_items_clear(&w->items);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    gp_mem_free(w);
}

static struct timespec timespec_of(double seconds)
{
    double whole = floor(seconds);
    return (struct timespec){(time_t)whole, (long)((seconds - whole) * 1e9)};
}

/* Waits until there are news or `until`. The lock is held. */
static void wait_for_news(gp_watcher *w, size_t most, bool started, double until)
{
    for (;;) {
        double now = gp_clock_now(), due = gp_items_due(&w->items, most, now);
        bool other = w->gone || w->rescan || w->failed || w->note_count || w->started != started;
        if (other || due <= now || now >= until) return;
        struct timespec time = timespec_of(due < until ? due : until);
        (void)pthread_cond_timedwait(&w->changed, &w->lock, &time);
    }
}

gp_status gp_watcher_take(gp_watcher *w, size_t most, double seconds, gp_watcher_news *out, gp_error *err)
{
    gp_status st = GP_OK;
    *out = (gp_watcher_news){0};
    if (most > GP_WATCHER_FILES) most = GP_WATCHER_FILES;
    out->paths = gp_mem_new(most, sizeof *out->paths);
    if (!out->paths) return gp_fail_memory(err, "a list of files");
    double until = gp_clock_now() + seconds;
    pthread_mutex_lock(&w->lock);
    wait_for_news(w, most, w->started, until);
    if (gp_items_due(&w->items, most, gp_clock_now()) <= gp_clock_now())
        out->count = gp_items_take(&w->items, most, out->paths);
    out->left = gp_items_left(&w->items);
    out->gone = w->gone, out->rescan = w->rescan, out->started = w->started;
    w->gone = w->rescan = false;
    memcpy(out->notes, w->notes, sizeof out->notes);
    out->note_count = w->note_count, w->note_count = 0;
    if (w->failed || w->items.failed) st = gp_fail_memory(err, "the files of the watched folders");
    pthread_mutex_unlock(&w->lock);
    return st;
}

void gp_watcher_news_clear(gp_watcher_news *news)
{
    for (size_t i = 0; i < news->count; i++) gp_mem_free(news->paths[i]);
    for (size_t i = 0; i < news->note_count; i++) gp_mem_free(news->notes[i].message);
    gp_mem_free(news->paths);
    *news = (gp_watcher_news){0};
}

void gp_watcher_wait_for(gp_watcher *w, const gp_walk_entry *file, double seconds)
{
    pthread_mutex_lock(&w->lock);
    gp_items_wait_for(&w->items, file, gp_clock_now() + seconds);
    pthread_mutex_unlock(&w->lock);
}

bool gp_watcher_had(gp_watcher *w, const gp_walk_entry *file)
{
    pthread_mutex_lock(&w->lock);
    bool had = gp_seen_same(&w->before, file);
    pthread_mutex_unlock(&w->lock);
    return had;
}

bool gp_watcher_has_root(gp_watcher *w, size_t index)
{
    pthread_mutex_lock(&w->lock);
    bool present = w->roots[index].present;
    pthread_mutex_unlock(&w->lock);
    return present;
}

bool gp_watcher_polls(gp_watcher *w, size_t index)
{
    pthread_mutex_lock(&w->lock);
    bool polls = w->roots[index].polls;
    pthread_mutex_unlock(&w->lock);
    return polls;
}
