/* SPDX-License-Identifier: MIT
 * What an export and an undo do at their end: paths of moved files in the catalog, lists of copies in folders.  A
 * killed export did not come to this: gp_report_exports_recover does it later. */
#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "catalog/catalog.h"
#include "report/export.h"
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct gp_export_moved {
    char *from, *to; /* owned */
    bool hashed;
    gp_hash hash;
};

gp_status gp_export_moves_add(gp_export_moves *m, const char *from, const char *to, const gp_hash *hash, gp_error *err)
{
    if (m->count == m->room) {
        size_t wider = m->room ? 2 * m->room : 64;
        struct gp_export_moved *more = gp_mem_resize(m->list, wider, sizeof *more);
        if (!more) return gp_fail_memory(err, "the moved files");
        m->list = more, m->room = wider;
    }
    struct gp_export_moved one = {.from = gp_str_dup(from), .to = gp_str_dup(to), .hashed = hash != NULL};
    if (hash) one.hash = *hash;
    m->list[m->count++] = one;
    return one.from && one.to ? GP_OK : gp_fail_memory(err, "the moved files");
}

gp_status gp_export_moves_record(const gp_export_moves *m, gp_catalog *cat, gp_error *err)
{
    gp_status st = GP_OK;
    if (!m->count) return GP_OK;
    GP_TRY(gp_cat_begin(cat, err));
    for (size_t i = 0; i < m->count; i++) {
        const struct gp_export_moved *one = &m->list[i];
        struct stat info;
        bool sure = one->hashed && stat(one->to, &info) == 0;
        int64_t time = sure ? (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec : 0;
        GP_TRY_GOTO(gp_cat_path_moved(cat, one->from, one->to, sure ? &one->hash : NULL,
                                      sure ? (uint64_t)info.st_size : 0, time, err));
    }
    GP_TRY_GOTO(gp_cat_commit(cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(cat);
    return st;
}

void gp_export_moves_clear(gp_export_moves *m)
{
    for (size_t i = 0; i < m->count; i++) {
        gp_mem_free(m->list[i].from);
        gp_mem_free(m->list[i].to);
    }
    gp_mem_free(m->list);
    *m = (gp_export_moves){0};
}

gp_status gp_export_lock(const char *folder, int *lock, gp_error *err)
{
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;
    while (*lock >= 0 && (rc = flock(*lock, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
    }
    if (rc == 0 || errno != EWOULDBLOCK) return GP_OK; /* also on file systems without locks */
    return gp_fail_path(err, GP_ERR_USAGE, "another export or undo works on folder '%s' now: wait until it has ended",
                        folder);
}

bool gp_export_can_record(const gp_catalog *cat)
{
    const char *path = gp_cat_path(cat);
    return path && *path && strcmp(path, ":memory:") != 0 && !gp_cat_readonly(cat);
}

/* ------------------------------------------------------------------ lists of copies */

static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* By folder, then by name. */
static int by_folder(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t m = folder_size(x), n = folder_size(y);
    int d = strncmp(x, y, m < n ? m : n);
    return d ? d : m != n ? (m > n) - (m < n) : strcmp(x, y);
}

/* Adds the names of the paths [count], all in one folder, to that folder's list of exported files. remove: removes the
 * names from the list instead. */
static gp_status list_group(const char *top, char *const *paths, size_t count, bool remove, gp_error *err)
{
    gp_str names = GP_STR_INIT;
    const char **bases = NULL;
    char *folder = gp_str_dup_n(paths[0], folder_size(paths[0]));
    char *path = folder ? *folder ? gp_path_join(top, folder) : gp_str_dup(top) : NULL;
    gp_status st = path ? gp_alloc((void **)&bases, count, sizeof *bases, "the list of exported files", err)
                        : gp_fail_memory(err, "the list of exported files");
    for (size_t i = 0; st == GP_OK && i < count; i++) {
        bases[i] = gp_path_base(paths[i]);
        if (!remove) gp_str_printf(&names, "%s\n", bases[i]);
    }
    if (st == GP_OK && names.failed) st = gp_fail_memory(err, "the list of exported files");
    if (st == GP_OK) st = remove ? gp_own_names_remove(path, bases, count, err) : gp_own_names_add(path, &names, err);
    gp_str_clear(&names);
    gp_mem_free(bases);
    gp_mem_free(path);
    gp_mem_free(folder);
    return st;
}

gp_status gp_export_list_names(const char *top, gp_str *paths, bool remove, gp_error *err)
{
    size_t lines = 0, count = 0;
    char **list = NULL;
    for (size_t i = 0; i < paths->size; i++) lines += paths->data[i] == '\n';
    char *text = gp_str_take(paths);
    if (!text) return gp_fail_memory(err, "the list of exported files");
    gp_status st = gp_alloc((void **)&list, lines + 1, sizeof *list, "the list of exported files", err);
    for (char *at = text, *end; st == GP_OK && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        if (*at) list[count++] = at;
    }
    if (count) qsort(list, count, sizeof *list, by_folder);
    for (size_t i = 0, next; st == GP_OK && i < count; i = next) {
        size_t size = folder_size(list[i]);
        for (next = i + 1; next < count; next++)
            if (folder_size(list[next]) != size || strncmp(list[i], list[next], size) != 0) break;
        st = list_group(top, list + i, next - i, remove, err);
    }
    gp_mem_free(list);
    gp_mem_free(text);
    return st;
}

/* ------------------------------------------------------------------ killed exports */

/* A move that was under way: if both files exist, the original is deleted now. */
static bool was_moved(const gp_made *made)
{
    struct stat info;
    if (!gp_export_has_hash(made->path, &made->hash)) return false;
    if (lstat(made->from, &info) != 0) return true;
    bool same = (uint64_t)info.st_dev == made->device && (uint64_t)info.st_ino == made->inode;
    return same && gp_export_has_hash(made->from, &made->hash) && unlink(made->from) == 0;
}

static gp_status recover_made(const gp_export_record *r, gp_export_moves *moves, gp_str *copies, gp_str *moved,
                              gp_error *err)
{
    struct stat info;
    for (size_t i = 0; i < r->count; i++) {
        const gp_made *made = &r->made[i];
        if (made->kind != GP_MADE_FILE || made->undone) continue;
        if (r->mode != GP_EXPORT_MOVE) {
            if (lstat(made->path, &info) == 0) gp_str_printf(copies, "%s\n", made->path);
        } else if (was_moved(made)) {
            GP_TRY(gp_export_moves_add(moves, made->from, made->path, &made->hash, err));
            gp_str_printf(moved, "%s\n", made->path);
        }
    }
    return copies->failed || moved->failed ? gp_fail_memory(err, "the record of an export") : GP_OK;
}

/* An undo that was killed: the catalog may still have the new paths of files that were moved back. */
static gp_status recover_undo(const gp_export_record *r, gp_export_moves *moves, gp_error *err)
{
    struct stat info;
    for (size_t i = 0; r->mode == GP_EXPORT_MOVE && i < r->count; i++) {
        const gp_made *made = &r->made[i];
        if (made->kind != GP_MADE_FILE || made->is_void || lstat(made->path, &info) == 0) continue;
        if (gp_export_has_hash(made->from, &made->hash))
            GP_TRY(gp_export_moves_add(moves, made->path, made->from, &made->hash, err));
    }
    return GP_OK;
}

static gp_status recover(gp_catalog *cat, uint64_t number, gp_error *err)
{
    gp_export_journal *journal = NULL;
    gp_export_record r = {0};
    gp_export_moves moves = {0};
    gp_str copies = GP_STR_INIT, moved = GP_STR_INIT;
    gp_error why = {0};
    gp_status st = gp_export_journal_open(gp_cat_path(cat), number, &journal, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK || !journal) return GP_OK; /* it runs, or is gone: nothing to complete */
    st = gp_export_record_read(gp_cat_path(cat), number, &r, &why);
    if (st == GP_ERR_MEMORY) GP_TRY_GOTO(gp_fail_as(err, st, &why));
    if (st != GP_OK) {
        st = GP_OK;
        goto out;
    }
    GP_TRY_GOTO(r.ended ? recover_undo(&r, &moves, err) : recover_made(&r, &moves, &copies, &moved, err));
    GP_TRY_GOTO(gp_export_moves_record(&moves, cat, err));
    if (copies.size) (void)gp_export_list_names("/", &copies, false, &why); /* a list does no harm if it is short */
    if (moved.size) (void)gp_export_list_names("/", &moved, true, &why);
    st = gp_export_journal_end(journal, err);
out:
    gp_str_clear(&copies);
    gp_str_clear(&moved);
    gp_export_moves_clear(&moves);
    gp_export_record_clear(&r);
    gp_export_journal_close(journal);
    return st;
}

gp_status gp_report_exports_recover(gp_catalog *cat, gp_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    gp_status st = GP_OK;
    if (!gp_export_can_record(cat)) return GP_OK;
    char *path = gp_exports_folder(gp_cat_path(cat));
    if (!path) return gp_fail_memory(err, "the journals of exports");
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gp_mem_free(path);
    if (folder < 0) return GP_OK; /* no export yet */
    st = gp_exports_list(gp_cat_path(cat), &numbers, &count, err);
    for (size_t i = 0; st == GP_OK && i < count; i++)
        if (!gp_export_has_ended(folder, numbers[i])) st = recover(cat, numbers[i], err);
    close(folder);
    gp_mem_free(numbers);
    return st;
}
