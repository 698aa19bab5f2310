/* SPDX-License-Identifier: MIT
 * Watches folders with inotify. Each folder has its own watch descriptor. A folder is watched before it is read, so no
 * file is missed: a file that is written before that is found by reading, and a file that is written later is reported.
 * When a folder moves, its descriptors are given up, and the folder is read again under its new name. */
#include "base/file.h"
#include "base/image_names.h"
#include "base/mem.h"
#include "watch/watcher_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASK                                                                                                           \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
static const double retry_seconds = 2; /* pause before a folder that could not be read is tried again */

bool gp_inotify_open(gp_watcher *w)
{
    w->inotify = w->options.fail_init ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->options.fail_init) errno = w->options.fail_init;
    return w->inotify >= 0;
}

/* ------------------------------------------------------------------ the table of descriptors */

/* Returns the position of the first folder whose descriptor is at least `wd`. */
static size_t position_of(const gp_watcher *w, int wd)
{
    size_t low = 0, high = w->folder_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->folders[middle].wd < wd)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static gp_watch_folder *folder_of(gp_watcher *w, int wd)
{
    size_t at = position_of(w, wd);
    return at < w->folder_count && w->folders[at].wd == wd ? &w->folders[at] : NULL;
}

static bool keep_folder(gp_watcher *w, int wd, const char *path)
{
    char *copy = gp_str_dup(path);
    gp_watch_folder *f = copy ? folder_of(w, wd) : NULL;
    if (f) {
        gp_mem_free(f->path);
        f->path = copy;
        return true;
    }
    if (copy && w->folder_count == w->folder_capacity) {
        size_t capacity = w->folder_capacity ? 2 * w->folder_capacity : 64;
        void *grown = gp_mem_resize(w->folders, capacity, sizeof *w->folders);
        if (grown) w->folders = grown, w->folder_capacity = capacity;
    }
    if (!copy || w->folder_count == w->folder_capacity) {
        gp_mem_free(copy);
        gp_watcher_no_memory(w);
        return false;
    }
    size_t at = position_of(w, wd);
    memmove(w->folders + at + 1, w->folders + at, (w->folder_count - at) * sizeof *w->folders);
    w->folders[at] = (gp_watch_folder){wd, copy};
    w->folder_count++;
    return true;
}

static void forget_folder(gp_watcher *w, gp_watch_folder *f)
{
    size_t at = (size_t)(f - w->folders);
    gp_mem_free(f->path);
    memmove(f, f + 1, (--w->folder_count - at) * sizeof *f);
}

static bool is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    while (size && folder[size - 1] == '/') size--;
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || !path[size]);
}

void gp_inotify_detach(gp_watcher *w, const char *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->folder_count; i++) {
        gp_watch_folder *f = &w->folders[i];
        if (!is_below(f->path, folder)) {
            w->folders[kept++] = *f;
            continue;
        }
        (void)inotify_rm_watch(w->inotify, f->wd); /* fails if the folder was deleted */
        gp_mem_free(f->path);
    }
    w->folder_count = kept;
}

/* ------------------------------------------------------------------ watching a tree of folders */

typedef struct attaching {
    gp_watcher *w;
    gp_watch_root *root;
    bool quiet, unable;
} attaching;

static void remember_denied(gp_watcher *w, const char *path)
{
    for (size_t i = 0; i < w->denied_count; i++)
        if (w->denied[i] && strcmp(w->denied[i], path) == 0) return; /* NULL: gp_inotify_retry_denied removed it */
    if (w->denied_count == sizeof w->denied / sizeof *w->denied) return;
    char *copy = gp_str_dup(path);
    if (!copy) return;
    w->denied[w->denied_count++] = copy;
    gp_watcher_say(w, "watch-denied", "cannot read folder '%s': new images in it are found when it is readable", path);
}

static int add_watch(gp_watcher *w, const char *path)
{
    if (w->options.fail_add && w->adds >= w->options.adds) {
        errno = w->options.fail_add;
        return -1;
    }
    w->adds++;
    return inotify_add_watch(w->inotify, path, MASK);
}

static void watch_folder(void *user, const char *path)
{
    attaching *a = user;
    gp_watcher *w = a->w;
    struct stat info;
    const char *kind = NULL;
    if (a->unable) return;
    if (stat(path, &info) == 0 && info.st_dev != a->root->device && gp_poll_is_network(path, &kind)) {
        gp_watcher_say(w, "watch-polls", "'%s' is on a network file system (%s): '%s' is searched every %g s", path,
                       kind, a->root->path, a->root->poll_pause);
        a->unable = true;
        return;
    }
    int wd = add_watch(w, path);
    if (wd >= 0) {
        a->unable = !keep_folder(w, wd, path);
        return;
    }
    if (errno == EACCES) {
        remember_denied(w, path);
    } else if (errno == ENOSPC || errno == ENOMEM) {
        gp_watcher_say(w, "watch-limit",
                       "the limit of watched folders is reached (sysctl fs.inotify.max_user_watches): '%s' is searched "
                       "every %g s instead",
                       a->root->path, a->root->poll_pause);
        a->unable = true;
    } /* other errors: the folder was deleted in the meantime */
}

static bool on_found(void *user, const gp_walk_entry *found)
{
    attaching *a = user;
    if (a->unable) return false;
    if (!a->quiet) gp_watcher_found(a->w, found->path, false);
    return true;
}

bool gp_inotify_attach(gp_watcher *w, gp_watch_root *root, const char *folder, bool quiet)
{
    attaching a = {.w = w, .root = root, .quiet = quiet};
    const char *const roots[] = {folder};
    gp_error err = {0};
    gp_walk_calls calls = {
        .visit = on_found, .folder = watch_folder, .inner = strcmp(folder, root->path) != 0, .user = &a};
    gp_status st = gp_walk_all(roots, 1, &calls, &err);
    if (st == GP_ERR_MEMORY) gp_watcher_no_memory(w);
    if (a.unable) gp_inotify_detach(w, root->path);
    return !a.unable;
}

void gp_inotify_retry_denied(gp_watcher *w, double now)
{
    size_t kept = 0;
    if (now < w->next_denied) return;
    w->next_denied = now + retry_seconds;
    for (size_t i = 0; i < w->denied_count; i++) {
        char *path = w->denied[i];
        gp_watch_root *root = gp_watcher_root_of(w, path);
        if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES) {
            w->denied[kept++] = path;
            continue;
        }
        if (root && !root->polls && root->present && access(path, F_OK) == 0) {
            if (!gp_inotify_attach(w, root, path, false)) gp_watcher_poll_instead(w, root);
        }
        w->denied[i] = NULL; /* after the call above, which compares other folders with the list */
        gp_mem_free(path);
    }
    w->denied_count = kept;
}

/* ------------------------------------------------------------------ events */

static void take_folder_event(gp_watcher *w, const struct inotify_event *e, const char *path)
{
    gp_watch_root *root = gp_watcher_root_of(w, path);
    if (e->mask & (IN_MOVED_FROM | IN_DELETE)) {
        gp_inotify_detach(w, path);
        gp_watcher_gone(w, NULL);
    } else if (root && e->mask & (IN_CREATE | IN_MOVED_TO)) {
        if (!gp_inotify_attach(w, root, path, false)) gp_watcher_poll_instead(w, root);
    }
}

static void take_file_event(gp_watcher *w, const struct inotify_event *e, const char *path)
{
    const bool finished = (e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
    if (gp_watcher_is_sidecar(e->name)) {
        if (finished) gp_watcher_sidecar(w, path);
    } else if (!gp_name_is_image(e->name)) {
        return;
    } else if (e->mask & (IN_MOVED_FROM | IN_DELETE)) {
        gp_watcher_gone(w, path);
    } else {
        gp_watcher_found(w, path, finished);
    }
}

static bool take_event(gp_watcher *w, const struct inotify_event *e)
{
    if (e->mask & IN_Q_OVERFLOW) return false;
    gp_watch_folder *f = folder_of(w, e->wd);
    if (!f) return true; /* a late event of a folder that was given up */
    if (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
        /* the event of the folder above it, or the check of the roots, does the rest */
        if (e->mask & IN_IGNORED) forget_folder(w, f);
        return true;
    }
    if (!e->len || e->name[0] == '.') return true;
    char *path = gp_path_join(f->path, e->name);
    if (!path) {
        gp_watcher_no_memory(w);
        return true;
    }
    if (e->mask & IN_ISDIR)
        take_folder_event(w, e, path);
    else
        take_file_event(w, e, path);
    gp_mem_free(path);
    return true;
}

bool gp_inotify_read(gp_watcher *w)
{
    _Alignas(struct inotify_event) char buffer[1 << 16];
    for (;;) {
        ssize_t size = read(w->inotify, buffer, sizeof buffer);
        if (size <= 0) return true;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *e = (const void *)(buffer + at);
            if (!take_event(w, e)) return false;
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
}

void gp_inotify_close(gp_watcher *w)
{
    if (w->inotify >= 0) close(w->inotify);
    w->inotify = -1;
    for (size_t i = 0; i < w->folder_count; i++) gp_mem_free(w->folders[i].path);
    gp_mem_free(w->folders);
    w->folders = NULL;
    w->folder_count = w->folder_capacity = 0;
}
