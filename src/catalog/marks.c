/* SPDX-License-Identifier: MIT
 * Keeps the catalog and the journal of marks in agreement. It appends lines at commit, compares both when a catalog is
 * opened, and merges the journal into the catalog if they differ. */
#include "base/mem.h"
#include "catalog/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the row of table `journal` */

/* The state in which catalog and journal last agreed. */

typedef struct state {
    bool there;
    char id[33];
    int64_t size, live, waiting;
} state;

static gp_status row_read(gp_catalog *cat, state *s, gp_error *err)
{
    *s = (state){0};
    gp_q q = gp_q_open(cat, "SELECT file, size, live, waiting FROM journal WHERE id = 1");
    GP_TRY(gp_q_step(&q, &s->there, err));
    if (!s->there) return GP_OK;
    const char *id = gp_q_col_text(&q, 0);
    if (id) snprintf(s->id, sizeof s->id, "%s", id);
    s->size = gp_q_col_int(&q, 1), s->live = gp_q_col_int(&q, 2), s->waiting = gp_q_col_int(&q, 3);
    gp_q_end(&q);
    return id ? GP_OK : gp_db_fail(cat, SQLITE_NOMEM, err);
}

static gp_status row_write(gp_catalog *cat, const state *s, gp_error *err)
{
    gp_q q = gp_q_open(cat, "INSERT OR REPLACE INTO journal(id, file, size, live, waiting) VALUES(1, ?, ?, ?, ?)");
    gp_q_text(&q, 1, s->id);
    gp_q_int(&q, 2, s->size);
    gp_q_int(&q, 3, s->live);
    gp_q_int(&q, 4, s->waiting);
    return gp_q_run(&q, err);
}

static void new_id(char id[33])
{
    gp_hash random;
    sqlite3_randomness((int)sizeof random.bytes, random.bytes);
    gp_hash_hex(random, id);
}

/* ------------------------------------------------------------------ the file, open and locked */

static gp_status file_failed(const char *path, int number, gp_error *err)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return gp_fail_path(err, GP_ERR_IO, "no space left for the journal of marks '%s'; nothing was changed", path);
    return gp_fail_path_errno(err, GP_ERR_IO, number, "cannot write the journal of marks '%s', so nothing was changed",
                              path);
}

/* Opens and locks the journal. If another process replaces the file while this one waits for the lock, opens the new
 * file. */
static gp_status open_locked(const char *path, int *out, int64_t *size, gp_error *err)
{
    struct stat mine, there;
    for (int tries = 0; tries < 100; tries++) {
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
        if (fd < 0) return file_failed(path, errno, err);
        while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
        }
        if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev) {
            *out = fd;
            *size = mine.st_size;
            if (S_ISREG(mine.st_mode)) return GP_OK;
            close(fd);
            return gp_fail_path(err, GP_ERR_IO, "the journal of marks '%s' is not a regular file", path);
        }
        close(fd);
    }
    return gp_fail_path(err, GP_ERR_IO, "another process keeps replacing the journal of marks '%s'", path);
}

static gp_status append(int fd, const char *path, const gp_str *text, gp_error *err)
{
    if (!gp_fd_write(fd, -1, text->data, text->size)) return file_failed(path, errno, err);
    return fsync(fd) == 0 || errno == EINVAL ? GP_OK : file_failed(path, errno, err);
}

static gp_status check_owner(const char *path, const gp_marks_file *file, gp_error *err)
{
    if (file->foreign)
        return gp_fail_path(
            err, GP_ERR_CATALOG,
            "'%s' is another program's file, but the journal of marks needs this name: move the file away", path);
    if (file->newer)
        return gp_fail_path(err, GP_ERR_CATALOG, "the journal of marks '%s' was written by a newer goldpan", path);
    return GP_OK;
}

/* ------------------------------------------------------------------ at commit */

/* Writes the lines to append to `text`. A new file gets all marks. An existing file gets the pending lines, after a
 * newline if its last line is incomplete. */
static gp_status lines_to_append(gp_catalog *cat, state *now, const char *id, bool incomplete, gp_str *text,
                                 gp_error *err)
{
    gp_marks *m = &cat->marks;
    if (m->before == 0) {
        *now = (state){0};
        new_id(now->id);
        gp_marks_header(text, now->id);
        return gp_marks_whole(cat, text, err);
    }
    if (!*id) {
        gp_marks_file file;
        GP_TRY(gp_marks_read(m->path, &file, err));
        gp_status st = check_owner(m->path, &file, err);
        gp_marks_file_clear(&file);
        GP_TRY(st);
    }
    if (incomplete) gp_str_putc(text, '\n');
    gp_str_add(text, m->pending.data, m->pending.size);
    return GP_OK;
}

static bool ends_incomplete(int fd, int64_t size)
{
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, (off_t)size - 1) == 1 && last != '\n';
}

gp_status gp_marks_flush(gp_catalog *cat, gp_error *err)
{
    gp_marks *m = &cat->marks;
    gp_str text = GP_STR_INIT;
    state now;
    char id[33];
    int64_t size = 0;
    gp_status st = GP_OK;
    GP_TRY(gp_marks_put_picks(cat, err));
    if (m->pending.failed) return gp_db_fail(cat, SQLITE_NOMEM, err);
    if (!m->path || m->pending.size == 0) return GP_OK;
    GP_TRY(row_read(cat, &now, err));
    GP_TRY(open_locked(m->path, &m->fd, &m->before, err));
    gp_marks_peek(m->path, id, &size);
    /* If catalog and journal did not agree before, do not record the new state of the journal. The next opening of the
     * catalog then merges the whole journal. */
    bool agreed = m->before == 0 || (now.there && strcmp(now.id, id) == 0 && now.size == m->before);
    GP_TRY_GOTO(lines_to_append(cat, &now, id, ends_incomplete(m->fd, m->before), &text, err));
    if (text.failed) GP_TRY_GOTO(gp_db_fail(cat, SQLITE_NOMEM, err));
    GP_TRY_GOTO(append(m->fd, m->path, &text, err));
    if (m->before == 0) GP_TRY_GOTO(gp_folder_sync_of(m->path, err));
    now.size = m->before + (int64_t)text.size;
    if (m->before == 0) now.live = now.size;
    if (agreed) st = row_write(cat, &now, err);
out:
    gp_str_clear(&text);
    return st;
}

void gp_marks_settle(gp_catalog *cat, bool committed)
{
    gp_marks *m = &cat->marks;
    gp_str_reset(&m->pending);
    m->pending.failed = m->picks = false;
    if (m->fd < 0) return;
    if (!committed && m->before == 0) (void)unlink(m->path);
    if (!committed && ftruncate(m->fd, (off_t)m->before) == 0) (void)fsync(m->fd);
    close(m->fd);
    m->fd = -1;
}

/* ------------------------------------------------------------------ at opening */

static int64_t max_journal_size(int64_t live)
{
    return live < INT64_MAX / GP_MARKS_GROWTH - GP_MARKS_FREE ? live * GP_MARKS_GROWTH + GP_MARKS_FREE : INT64_MAX;
}

static gp_status agree(gp_catalog *cat, state *now, bool *yes, gp_error *err)
{
    char id[33];
    int64_t size;
    bool any = false;
    GP_TRY(row_read(cat, now, err));
    gp_marks_peek(cat->marks.path, id, &size);
    *yes = now->there && strcmp(now->id, id) == 0 && now->size == size && size <= max_journal_size(now->live);
    if (now->there || size || access(cat->marks.path, F_OK) == 0) return GP_OK;
    GP_TRY(gp_marks_any(cat, &any, err));
    *yes = !any; /* there are no marks to write and there is no journal to read */
    return GP_OK;
}

/* Keeps a journal that has damaged lines under a second name (NAME.damaged-1, a hard link) before the journal is
 * rewritten. */
static void keep_damaged(const char *path)
{
    gp_str kept = GP_STR_INIT;
    int linked = -1;
    for (int n = 1; n < 100 && linked != 0; n++) {
        gp_str_reset(&kept);
        gp_str_printf(&kept, "%s.damaged-%d", path, n);
        if (kept.failed) break;
        linked = link(path, kept.data);
        if (linked != 0 && errno != EEXIST) break;
    }
    gp_str_clear(&kept);
}

static gp_status rewrite_journal(gp_catalog *cat, const gp_marks_file *file, uint64_t waiting, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    state now = {.waiting = (int64_t)waiting};
    gp_status st;
    new_id(now.id);
    gp_marks_header(&text, now.id);
    GP_TRY_GOTO(gp_marks_whole(cat, &text, err));
    for (size_t i = 0; i < file->count; i++) {
        if (!file->entries[i].waits) continue;
        gp_str_add(&text, file->bytes.data + file->entries[i].begin, file->entries[i].size);
        gp_str_putc(&text, '\n');
    }
    if (text.failed) GP_TRY_GOTO(gp_db_fail(cat, SQLITE_NOMEM, err));
    if (file->bad) keep_damaged(cat->marks.path);
    GP_TRY_GOTO(gp_file_replace(cat->marks.path, text.data, text.size, err));
    now.size = now.live = (int64_t)text.size;
    st = row_write(cat, &now, err);
out:
    gp_str_clear(&text);
    return st;
}

typedef enum merge_when { IF_DIFFERENT, ALWAYS, FOR_WAITING } merge_when;

/* Returns whether the merge changed neither the catalog nor the number of waiting entries. */
static bool changed_nothing(const gp_cat_brought *b, const state *before)
{
    return b->marks + b->views + b->picks + b->plans == 0 && b->waiting == (uint64_t)before->waiting;
}

/* Reads the journal, merges it into the catalog and rewrites it, under the catalog's write lock and the journal's lock.
 * IF_DIFFERENT: does nothing if catalog and journal agree. FOR_WAITING: does not rewrite the journal if catalog and
 * journal agreed and the merge changed nothing. */
static gp_status merge_journal(gp_catalog *cat, merge_when when, gp_error *err)
{
    gp_marks_file file = {0};
    gp_cat_brought brought = {0};
    state before = {0};
    bool same = false;
    int fd = -1;
    int64_t size;
    gp_status st;
    GP_TRY(gp_cat_begin(cat, err));
    GP_TRY_GOTO(agree(cat, &before, &same, err));
    if (same && when == IF_DIFFERENT) goto out;
    GP_TRY_GOTO(open_locked(cat->marks.path, &fd, &size, err));
    GP_TRY_GOTO(gp_marks_read(cat->marks.path, &file, err));
    GP_TRY_GOTO(check_owner(cat->marks.path, &file, err));
    GP_TRY_GOTO(gp_marks_merge(cat, &file, &brought, err));
    if (same && when == FOR_WAITING && changed_nothing(&brought, &before)) goto out;
    GP_TRY_GOTO(rewrite_journal(cat, &file, brought.waiting, err));
out:
    st = gp_db_scope_end(cat, true, st, err);
    if (fd >= 0) close(fd);
    gp_marks_file_clear(&file);
    if (st != GP_OK) return st;
    cat->marks.merged |= fd >= 0;
    cat->marks.brought.marks += brought.marks, cat->marks.brought.views += brought.views;
    cat->marks.brought.picks += brought.picks, cat->marks.brought.plans += brought.plans;
    cat->marks.brought.waiting = brought.waiting;
    return GP_OK;
}

gp_status gp_marks_attach(gp_catalog *cat, gp_error *err)
{
    state now;
    bool same = false;
    cat->marks.path = gp_marks_path(cat->path);
    if (!cat->marks.path) return gp_db_fail(cat, SQLITE_NOMEM, err);
    gp_error why = {0};
    gp_status st = agree(cat, &now, &same, &why);
    if (st == GP_OK && !same) st = merge_journal(cat, IF_DIFFERENT, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    return GP_OK;
}

gp_status gp_marks_again(gp_catalog *cat, gp_cat_brought *brought, gp_error *err)
{
    bool any = false;
    *brought = (gp_cat_brought){0};
    if (!cat->marks.path) return GP_OK;
    GP_TRY(gp_marks_any(cat, &any, err));
    if (!cat->marks.merged && (any || access(cat->marks.path, F_OK) == 0)) GP_TRY(merge_journal(cat, ALWAYS, err));
    *brought = cat->marks.brought;
    return GP_OK;
}

gp_status gp_cat_marks_bring(gp_catalog *cat, gp_cat_brought *brought, gp_error *err)
{
    state now = {0};
    *brought = (gp_cat_brought){0};
    if (!cat->marks.path) return GP_OK;
    GP_TRY(row_read(cat, &now, err));
    if (now.waiting > 0) GP_TRY(merge_journal(cat, FOR_WAITING, err));
    *brought = cat->marks.brought;
    cat->marks.brought = (gp_cat_brought){0};
    return GP_OK;
}

void gp_marks_close(gp_catalog *cat)
{
    gp_marks_settle(cat, false);
    gp_str_clear(&cat->marks.pending);
    gp_mem_free(cat->marks.path);
}
