/* SPDX-License-Identifier: MIT
 * Walks folders with a stack of frames on the heap instead of recursion. A frame holds the sorted names of one folder.
 * The folder is read and closed before any folder inside it is opened. So only one descriptor is open at a time, depth
 * costs only memory, and no name is visited twice even if a folder changes during the walk.
 *
 * Order: byte order of complete paths. A folder is therefore compared as "name/": "a-b/x" < "a.png" < "a/x". Roots are
 * sorted in the same way. A root inside another root is dropped if the walk of the outer root reaches it. */
#include "base/image_names.h"
#include "ingest/walk.h"
#include "base/file.h"
#include "base/own.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The entries of one folder, in one block. For each entry: a kind byte ('d' folder, 'f' file, 'x' exported file), the
 * name, a NUL. */
typedef struct frame {
    char *names;  /* owned */
    char **order; /* owned; [count] pointers to the kind bytes, sorted */
    size_t count, next;
    size_t path_size; /* bytes of the folder's path in walker.path */
} frame;

typedef struct walker {
    gp_str path;
    frame *frames; /* [capacity] */
    size_t depth, capacity;
    const gp_walk_calls *calls;
    char **real; /* [real_count] resolved paths of the roots; an entry is NULL if unknown; freed with free() */
    size_t real_count;
    gp_error *err;
} walker;

/* Compares two entries in byte order. The name of a folder is compared as if it ended in '/'. Files of an export come
 * last. */
static int compare_entries(const void *a, const void *b)
{
    const unsigned char *x = *(unsigned char *const *)a, *y = *(unsigned char *const *)b;
    if ((*x == 'x') != (*y == 'x')) return *x == 'x' ? 1 : -1;
    int end_x = *x++ == 'd' ? '/' : 0, end_y = *y++ == 'd' ? '/' : 0;
    while (*x && *x == *y) x++, y++;
    int cx = *x ? *x : end_x, cy = *y ? *y : end_y;
    return cx - cy;
}

static void set_path(walker *w, size_t folder_size, const char *name)
{
    w->path.size = folder_size;
    if (folder_size && w->path.data[folder_size - 1] != '/') gp_str_putc(&w->path, '/');
    gp_str_puts(&w->path, name);
}

static void report_errno(walker *w, const char *what, int number)
{
    if (!w->calls->problem) return;
    gp_error text = {0};
    gp_fail_errno(&text, GP_ERR_IO, number, "%s",
                  what); /* the message omits the path, because the caller gets it separately */
    w->calls->problem(w->calls->user, &(gp_walk_problem){w->path.data, text.message, number});
}

static void report_skipped(walker *w, gp_passed_kind kind, const char *word)
{
    if (w->calls->passed && !w->path.failed)
        w->calls->passed(w->calls->user, &(gp_walk_passed){w->path.data, kind, word});
}

/* Returns true if the walk of folder `root` reaches `target`. Both paths must be resolved. Hidden folders are not
 * walked. */
static bool walk_reaches(const char *root, const char *target)
{
    size_t size = strlen(root);
    while (size && root[size - 1] == '/') size--;
    if (strncmp(target, root, size) != 0 || (target[size] != '/' && target[size] != 0)) return false;
    return !strstr(target + size, "/.");
}

/* Reports the link at w->path, which leads to a folder, as skipped. GP_PASSED_INSIDE: the walk also reads that folder
 * by its own path. */
static void skip_folder_link(walker *w)
{
    char *target = realpath(w->path.data, NULL);
    bool inside = false;
    for (size_t i = 0; target && i < w->real_count && !inside; i++)
        inside = w->real[i] && walk_reaches(w->real[i], target);
    free(target); /* free, not gp_mem_free: realpath allocated the path */
    report_skipped(w, inside ? GP_PASSED_INSIDE : GP_PASSED_LINK, NULL);
}

/* Reports a regular file that is not an image that goldpan reads. */
static void skip_file(walker *w, const char *name)
{
    static const char *const archives[] = {".zip", ".7z", ".rar"};
    const char *unbuilt = gp_name_unbuilt_format(name), *other = gp_name_other_format(name);
    gp_passed_kind kind = unbuilt ? GP_PASSED_UNBUILT : other ? GP_PASSED_FORMAT : GP_PASSED_OTHER;
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
        if (gp_name_ends(name, strlen(name), archives[i])) kind = GP_PASSED_ARCHIVE;
    if (gp_name_is_set(name) && strcmp(name, "metadata.parquet") != 0) kind = GP_PASSED_SET;
    report_skipped(w, kind, unbuilt ? unbuilt : other);
}

/* Reports a link whose name is not that of an image. */
static void skip_link(walker *w, const char *name)
{
    struct stat st;
    if (stat(w->path.data, &st) != 0)
        report_skipped(w, errno == ENOENT || errno == ELOOP ? GP_PASSED_BROKEN_LINK : GP_PASSED_OTHER, NULL);
    else if (S_ISDIR(st.st_mode))
        skip_folder_link(w);
    else if (S_ISREG(st.st_mode))
        skip_file(w, name);
}

static void skip_hidden(walker *w, const char *name, bool folder)
{
    if (strncmp(name, ".goldpan", 8) == 0) return;
    report_skipped(w, folder || gp_name_is_image(name) ? GP_PASSED_HIDDEN : GP_PASSED_OTHER, NULL);
}

/* Returns the kind of the entry at w->path: 'd' folder, 'f' file, 0 skipped. Symbolic links are followed only to
 * files. */
static char kind_of(walker *w, const char *name, unsigned char type)
{
    struct stat st;
    const bool image = gp_name_is_image(name);
    if (type == DT_UNKNOWN) { /* the file system does not provide the type */
        if (lstat(w->path.data, &st) != 0) return 0;
        type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : S_ISREG(st.st_mode) ? DT_REG : DT_FIFO;
    }
    if (name[0] == '.') return skip_hidden(w, name, type == DT_DIR), (char)0;
    if (type == DT_DIR) return 'd';
    if (image && (type == DT_REG || type == DT_LNK)) return 'f';
    if (type == DT_LNK)
        skip_link(w, name);
    else if (type == DT_REG)
        skip_file(w, name);
    else
        report_skipped(w, image ? GP_PASSED_SPECIAL : GP_PASSED_OTHER, NULL);
    return 0;
}

/* Returns true for an entry that goldpan made: a part of a site, or a file of an export. */
static bool is_own(const char *name, char kind, bool site, const gp_own_names *exported)
{
    static const char *const parts[] = {"assets", "data", "thumb", "image"};
    for (size_t i = 0; site && kind == 'd' && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i]) == 0) return true;
    return kind == 'f' && gp_own_names_have(exported, name);
}

/* Reads goldpan's marks in the folder at w->path. A folder that the user named does not count as a site. A list of
 * exported files that cannot be read counts as empty. */
static gp_status read_marks(const walker *w, bool *site, gp_own_names *exported)
{
    struct stat st;
    *site = false;
    if (gp_own_names_read(w->path.data, exported, NULL) == GP_ERR_MEMORY)
        return gp_fail_memory(w->err, "the list of folders");
    if (w->depth == 0 && !w->calls->inner) return GP_OK;
    char *mark = gp_path_join(w->path.data, GP_MARK_SITE);
    if (!mark) return gp_fail_memory(w->err, "the list of folders");
    *site = lstat(mark, &st) == 0 && S_ISREG(st.st_mode);
    gp_mem_free(mark);
    return GP_OK;
}

/* Reads the names of the folder at w->path into *out. A folder that cannot be read is reported and left empty. */
static gp_status read_folder(walker *w, frame *out)
{
    gp_status st = GP_OK;
    gp_own_names exported = {0};
    bool site = false;
    gp_str names = GP_STR_INIT;
    size_t count = 0, folder_size = w->path.size;
    char **order = NULL;
    *out = (frame){.path_size = folder_size};
    if (w->calls->folder) w->calls->folder(w->calls->user, w->path.data);
    GP_TRY(read_marks(w, &site, &exported));
    DIR *folder = opendir(w->path.data);
    if (!folder) {
        report_errno(w, "cannot read folder", errno);
        gp_own_names_clear(&exported);
        return GP_OK;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        set_path(w, folder_size, entry->d_name);
        if (w->path.failed) break;
        char kind = kind_of(w, entry->d_name, entry->d_type);
        if (!kind) continue;
        bool own = is_own(entry->d_name, kind, site, &exported);
        if (own && (w->depth || w->calls->inner)) {
            report_skipped(w, GP_PASSED_OWN, NULL);
            continue;
        }
        /* the user named this folder as a root, so the folder's exported files are visited and get the kind 'x' */
        if (own) kind = 'x';
        gp_str_putc(&names, kind);
        gp_str_add(&names, entry->d_name, strlen(entry->d_name) + 1);
        count++;
    }
    int number = errno;
    closedir(folder);
    gp_own_names_clear(&exported);
    w->path.size = folder_size;
    if (!w->path.failed) w->path.data[folder_size] = 0;
    if (names.failed || w->path.failed) GP_TRY_GOTO(gp_fail_memory(w->err, "the list of folders"));
    if (number) report_errno(w, "cannot read all of folder", number);
    order = gp_mem_new(count, sizeof *order);
    if (!order) GP_TRY_GOTO(gp_fail_memory(w->err, "the list of folders"));
    char *at = names.data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1) order[i] = at;
    if (count) qsort(order, count, sizeof *order, compare_entries);
    out->names = names.data, out->order = order, out->count = count;
    return GP_OK;
out:
    gp_str_clear(&names);
    return st;
}

static void drop_frame(walker *w)
{
    frame *f = &w->frames[--w->depth];
    gp_mem_free(f->order);
    gp_mem_free(f->names);
}

static gp_status push_folder(walker *w)
{
    if (w->depth == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16;
        void *grown = gp_mem_resize(w->frames, capacity, sizeof *w->frames);
        if (!grown) return gp_fail_memory(w->err, "the list of folders");
        w->frames = grown, w->capacity = capacity;
    }
    GP_TRY(read_folder(w, &w->frames[w->depth]));
    w->depth++;
    return GP_OK;
}

/* Visits the file at w->path. kind: kind of the entry; 0: the user named the file, so skipping it is reported. */
static gp_status visit_file(walker *w, char kind)
{
    struct stat st;
    const bool named = !kind;
    if (stat(w->path.data, &st) != 0) {
        struct stat link;
        bool broken = errno == ENOENT && lstat(w->path.data, &link) == 0;
        if (broken || errno != ENOENT) report_errno(w, broken ? "broken link" : "cannot look at", errno);
        return GP_OK; /* the file was deleted after its folder was read */
    }
    if (!S_ISREG(st.st_mode)) { /* a link to a folder, or a pipe with the name of an image */
        if (named && w->calls->problem)
            w->calls->problem(w->calls->user, &(gp_walk_problem){w->path.data, "neither a file nor a folder", 0});
        else if (!named && !S_ISDIR(st.st_mode))
            report_skipped(w, GP_PASSED_SPECIAL, NULL);
        else if (!named)
            skip_folder_link(w);
        return GP_OK;
    }
    if (named && gp_name_is_set(w->path.data)) {
        report_skipped(w, GP_PASSED_SET, NULL);
        return GP_OK;
    }
    gp_walk_entry found = {w->path.data, (uint64_t)st.st_size,
                           (int64_t)st.st_mtim.tv_sec * 1000000000 + (int64_t)st.st_mtim.tv_nsec, kind == 'x'};
    if (!w->calls->visit(w->calls->user, &found)) return gp_fail(w->err, GP_ERR_STOPPED, "stopped");
    return GP_OK;
}

static gp_status walk_root(walker *w, const char *root)
{
    struct stat st;
    gp_str_reset(&w->path);
    gp_str_puts(&w->path, root);
    if (w->path.failed) return gp_fail_memory(w->err, "the list of folders");
    if (stat(root, &st) != 0 || !S_ISDIR(st.st_mode)) return visit_file(w, 0);
    GP_TRY(push_folder(w));
    while (w->depth) {
        frame *f = &w->frames[w->depth - 1];
        if (f->next == f->count) {
            drop_frame(w);
            continue;
        }
        const char *entry = f->order[f->next++];
        set_path(w, f->path_size, entry + 1);
        if (w->path.failed) return gp_fail_memory(w->err, "the list of folders");
        GP_TRY(*entry == 'd' ? push_folder(w) : visit_file(w, *entry));
    }
    return GP_OK;
}

/* A root as used for sorting: its absolute path, and whether it is a folder. */
typedef struct root {
    char *path; /* owned */
    size_t size;
    bool folder;
} root;

static int compare_roots(const void *a, const void *b)
{
    const root *x = a, *y = b;
    size_t common = x->size < y->size ? x->size : y->size;
    int order = memcmp(x->path, y->path, common);
    if (order) return order;
    int cx = x->size > common ? (unsigned char)x->path[common] : x->folder ? '/' : 0;
    int cy = y->size > common ? (unsigned char)y->path[common] : y->folder ? '/' : 0;
    return cx != cy ? cx - cy : (x->size > y->size) - (x->size < y->size);
}

static bool is_inside(const root *outer, const root *inner)
{
    if (!outer->folder || inner->size < outer->size || memcmp(outer->path, inner->path, outer->size) != 0) return false;
    return inner->size == outer->size || outer->path[outer->size - 1] == '/' || inner->path[outer->size] == '/';
}

/* Returns true if the walk of `outer` reaches `inner`. Between the two, no name may be hidden and no folder may be a
 * link. `inner` must be a folder or have the name of an image. */
static bool is_reached(const root *outer, root *inner)
{
    if (inner->size == outer->size) return true;
    if (!inner->folder && !gp_name_is_image(inner->path)) return false;
    size_t at = outer->size;
    while (at < inner->size) {
        if (inner->path[at] == '/') at++;
        if (inner->path[at] == '.') return false;
        while (at < inner->size && inner->path[at] != '/') at++;
        if (at == inner->size && !inner->folder) return true; /* linked files are accepted */
        struct stat st;
        char held = inner->path[at];
        inner->path[at] = 0;
        bool linked = lstat(inner->path, &st) != 0 || S_ISLNK(st.st_mode);
        inner->path[at] = held;
        if (linked) return false;
    }
    return true;
}

/* Returns true if root i is the same folder as another root, or lies inside one. If two roots name the same folder, the
 * first one is walked. */
static bool is_duplicate_root(const walker *w, const root *roots, size_t i)
{
    for (size_t k = 0; roots[i].folder && w->real[i] && k < w->real_count; k++) {
        if (k == i || !roots[k].folder || !w->real[k] || !walk_reaches(w->real[k], w->real[i])) continue;
        if (strcmp(w->real[k], w->real[i]) != 0 || k < i) return true;
    }
    return false;
}

/* Makes the roots absolute, checks that they exist, and sorts them. */
static gp_status prepare_roots(const char *const *paths, size_t count, root *roots, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        if (!paths[i] || !paths[i][0]) return gp_fail(err, GP_ERR_USAGE, "a path is empty");
        if (stat(paths[i], &st) != 0) {
            int number = errno;
            bool absent = number == ENOENT || number == ENOTDIR;
            return gp_fail_path_errno(err, absent ? GP_ERR_NOT_FOUND : GP_ERR_IO, number, "cannot find '%s'", paths[i]);
        }
        roots[i].path = gp_path_absolute(paths[i]);
        if (!roots[i].path) return gp_fail_memory_path(err, "the path '%s'", paths[i]);
        roots[i].size = strlen(roots[i].path), roots[i].folder = S_ISDIR(st.st_mode);
    }
    if (count) qsort(roots, count, sizeof *roots, compare_roots);
    return GP_OK;
}

gp_status gp_walk_all(const char *const *roots, size_t root_count, const gp_walk_calls *calls, gp_error *err)
{
    gp_status st = GP_OK;
    walker w = {.path = GP_STR_INIT, .calls = calls, .err = err};
    root *list = gp_mem_zero(root_count, sizeof *list);
    size_t *open = gp_mem_zero(root_count, sizeof *open); /* roots that contain the current root, outermost first */
    size_t open_count = 0;
    w.real = gp_mem_zero(root_count, sizeof *w.real), w.real_count = w.real ? root_count : 0;
    assert(calls->visit);
    if (!list || !open || !w.real) GP_TRY_GOTO(gp_fail_memory(err, "%zu paths", root_count));
    GP_TRY_GOTO(prepare_roots(roots, root_count, list, err));
    for (size_t i = 0; i < root_count; i++) w.real[i] = realpath(list[i].path, NULL);
    for (size_t i = 0; i < root_count; i++) {
        bool reached = false;
        while (open_count && !is_inside(&list[open[open_count - 1]], &list[i])) open_count--;
        for (size_t k = 0; k < open_count && !reached; k++) reached = is_reached(&list[open[k]], &list[i]);
        if (i && !reached && strcmp(list[i - 1].path, list[i].path) == 0) reached = true;
        if (reached) continue;
        if (is_duplicate_root(&w, list, i)) {
            gp_str_reset(&w.path);
            gp_str_puts(&w.path, list[i].path);
            report_skipped(&w, GP_PASSED_INSIDE, NULL);
            continue;
        }
        if (list[i].folder) open[open_count++] = i;
        GP_TRY_GOTO(walk_root(&w, list[i].path));
    }
out:
    while (w.depth) drop_frame(&w);
    gp_mem_free(w.frames);
    gp_str_clear(&w.path);
    gp_mem_free(open);
    for (size_t i = 0; i < w.real_count; i++) free(w.real[i]);
    gp_mem_free(w.real);
    if (list)
        for (size_t i = 0; i < root_count; i++) gp_mem_free(list[i].path);
    gp_mem_free(list);
    return st;
}

gp_status gp_walk(const char *const *roots, size_t root_count, bool (*visit)(void *user, const gp_walk_entry *found),
                  void (*problem)(void *user, const gp_walk_problem *problem), void *user, gp_error *err)
{
    assert(visit);
    return gp_walk_all(roots, root_count, &(gp_walk_calls){.visit = visit, .problem = problem, .user = user}, err);
}
