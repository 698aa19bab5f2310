/* SPDX-License-Identifier: MIT
 * Images by content, the paths that hold them, and the failures on record.
 *
 * Identity is the hash of the bytes.  A path is only where a content was seen: it moves to another image when the file
 * is replaced, several may hold the same image, and a moved file is a new path of an old image, which keeps all work.
 */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

gp_status gp_cat_path_known(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t *image,
                            gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT image, missing FROM paths WHERE path = ? AND size = ? AND mtime_ns = ?");
    gp_q_text(&q, 1, path);
    gp_q_u64(&q, 2, size);
    gp_q_int(&q, 3, mtime_ns);
    bool row;
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) {
        *image = 0;
        return GP_OK;
    }
    int64_t found = gp_q_col_int(&q, 0);
    bool missing = gp_q_col_int(&q, 1) != 0;
    gp_q_end(&q);
    if (missing) { /* it was away, and is back with the same size and time */
        gp_q back = gp_q_open(cat, "UPDATE paths SET missing = 0 WHERE path = ?");
        gp_q_text(&back, 1, path);
        GP_TRY(gp_q_run(&back, err));
    }
    *image = found;
    return GP_OK;
}

static gp_status image_find(gp_catalog *cat, const gp_hash *hash, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT id FROM images WHERE hash = ?");
    gp_q_blob(&q, 1, hash->bytes, sizeof hash->bytes);
    return gp_q_one(&q, 0, id, err);
}

static gp_status image_insert(gp_catalog *cat, const gp_cat_image *image, int64_t *id, gp_error *err)
{
    gp_q q =
        gp_q_open(cat, "INSERT INTO images(hash, bytes, format, width, height, orientation) VALUES(?, ?, ?, ?, ?, ?)");
    gp_q_blob(&q, 1, image->hash.bytes, sizeof image->hash.bytes);
    gp_q_u64(&q, 2, image->bytes);
    gp_q_text(&q, 3, image->format);
    gp_q_int(&q, 4, image->width);
    gp_q_int(&q, 5, image->height);
    gp_q_int(&q, 6, image->orientation);
    GP_TRY(gp_q_run(&q, err));
    *id = sqlite3_last_insert_rowid(cat->db);
    return GP_OK;
}

static gp_status path_attach(gp_catalog *cat, const char *path, int64_t image, uint64_t size, int64_t mtime_ns,
                             gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE paths SET image = ?2, size = ?3, mtime_ns = ?4, missing = 0 WHERE path = ?1");
    gp_q_text(&q, 1, path);
    gp_q_int(&q, 2, image);
    gp_q_u64(&q, 3, size);
    gp_q_int(&q, 4, mtime_ns);
    GP_TRY(gp_q_run(&q, err));
    if (sqlite3_changes(cat->db) == 0) {
        gp_q add = gp_q_open(cat, "INSERT INTO paths(path, image, size, mtime_ns) VALUES(?, ?, ?, ?)");
        gp_q_text(&add, 1, path);
        gp_q_int(&add, 2, image);
        gp_q_u64(&add, 3, size);
        gp_q_int(&add, 4, mtime_ns);
        GP_TRY(gp_q_run(&add, err));
    }
    /* The path was read now, and the image has a place to be read from: both deserve another try. */
    gp_q f = gp_q_open(cat, "DELETE FROM failures WHERE path = ?1 OR (image = ?2 AND stage = 'score')");
    gp_q_text(&f, 1, path);
    gp_q_int(&f, 2, image);
    return gp_q_run(&f, err);
}

gp_status gp_cat_image_put(gp_catalog *cat, const gp_cat_image *image, const char *path, uint64_t size,
                           int64_t mtime_ns, int64_t *id, bool *fresh, gp_error *err)
{
    gp_status st;
    bool own;
    int64_t found = 0;
    bool is_new = false;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_GO(image_find(cat, &image->hash, &found, err));
    if (found == 0) {
        is_new = true;
        GP_GO(image_insert(cat, image, &found, err));
    }
    GP_GO(path_attach(cat, path, found, size, mtime_ns, err));
out:
    st = gp_db_scope_end(cat, own, st, err);
    if (st == GP_OK) {
        *id = found;
        *fresh = is_new;
    }
    return st;
}

/* ---- failures */

gp_status gp_cat_failure_put(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t image,
                             const char *stage, const char *message, gp_error *err)
{
    gp_status st;
    bool own;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q q = gp_q_open(cat, "INSERT INTO failures(path, size, mtime_ns, image, stage, message)"
                            " VALUES(?1, ?2, ?3, nullif(?4, 0), ?5, ?6) ON CONFLICT(path, stage) DO UPDATE SET"
                            " size = ?2, mtime_ns = ?3, image = nullif(?4, 0), message = ?6, at = unixepoch()");
    gp_q_text(&q, 1, path);
    gp_q_u64(&q, 2, size);
    gp_q_int(&q, 3, mtime_ns);
    gp_q_int(&q, 4, image);
    gp_q_text(&q, 5, stage);
    gp_q_text(&q, 6, message);
    GP_GO(gp_q_run(&q, err));
    if (image == 0) { /* what this path held before, it holds no more */
        gp_q away = gp_q_open(cat, "UPDATE paths SET missing = 1 WHERE path = ? AND (size <> ? OR mtime_ns <> ?)");
        gp_q_text(&away, 1, path);
        gp_q_u64(&away, 2, size);
        gp_q_int(&away, 3, mtime_ns);
        GP_GO(gp_q_run(&away, err));
    }
out:
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_failure_known(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, bool *known,
                               gp_error *err)
{
    int64_t n = 0;
    gp_q q =
        gp_q_open(cat, "SELECT count(*) FROM failures WHERE path = ? AND stage = 'add' AND size = ? AND mtime_ns = ?");
    gp_q_text(&q, 1, path);
    gp_q_u64(&q, 2, size);
    gp_q_int(&q, 3, mtime_ns);
    GP_TRY(gp_q_one(&q, 0, &n, err));
    *known = n > 0;
    return GP_OK;
}

gp_status gp_cat_failure_clear(gp_catalog *cat, int64_t image, const char *stage, gp_error *err)
{
    gp_q q = gp_q_open(cat, "DELETE FROM failures WHERE image = ? AND stage = ?");
    gp_q_int(&q, 1, image);
    gp_q_text(&q, 2, stage);
    return gp_q_run(&q, err);
}

gp_status gp_cat_failures(gp_catalog *cat, bool (*visit)(void *, const gp_failure *), void *user, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT path, stage, message FROM failures ORDER BY path, stage");
    for (;;) {
        bool row;
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) return GP_OK;
        gp_failure failure = {gp_q_col_text(&q, 0), gp_q_col_text(&q, 1), gp_q_col_text(&q, 2)};
        if (!failure.path || !failure.stage || !failure.message) {
            gp_q_end(&q);
            return gp_db_fail(cat, SQLITE_NOMEM, err);
        }
        if (!visit(user, &failure)) {
            gp_q_end(&q);
            return GP_OK;
        }
    }
}

/* ---- what has gone from the disk */

enum { SWEEP_PAGE = 512 };

/* Paths after `after`, at most a page; *last is the greatest (owned) or NULL at the end. */
static gp_status sweep_page(gp_catalog *cat, const char *after, bool (*exists)(void *, const char *), void *user,
                            int64_t *gone, size_t *gone_count, char **last, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT path, id, missing FROM paths WHERE path > ? ORDER BY path LIMIT ?");
    gp_q_text(&q, 1, after);
    gp_q_int(&q, 2, SWEEP_PAGE);
    *gone_count = 0;
    *last = NULL;
    for (;;) {
        bool row;
        gp_status st = gp_q_step(&q, &row, err);
        if (st != GP_OK) gp_mem_free(*last);
        if (st != GP_OK || !row) return st;
        const char *path = gp_q_col_text(&q, 0);
        gp_mem_free(*last);
        *last = path ? gp_str_dup(path) : NULL;
        if (!*last) {
            gp_q_end(&q);
            return gp_fail(err, GP_ERR_MEMORY, "out of memory for the paths of catalog '%s'", cat->path);
        }
        if (gp_q_col_int(&q, 2) == 0 && !exists(user, path)) gone[(*gone_count)++] = gp_q_col_int(&q, 1);
    }
}

gp_status gp_cat_paths_sweep(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user, gp_error *err)
{
    gp_status st;
    bool own;
    char *after = gp_str_dup(""), *last = NULL;
    if (!after) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the paths of catalog '%s'", cat->path);
    st = gp_db_scope_begin(cat, &own, err);
    if (st != GP_OK) {
        gp_mem_free(after);
        return st;
    }
    for (;;) {
        int64_t gone[SWEEP_PAGE];
        size_t count;
        GP_GO(sweep_page(cat, after, exists, user, gone, &count, &last, err));
        if (!last) break;
        for (size_t i = 0; i < count; i++) {
            gp_q q = gp_q_open(cat, "UPDATE paths SET missing = 1 WHERE id = ?");
            gp_q_int(&q, 1, gone[i]);
            GP_GO(gp_q_run(&q, err));
        }
        gp_mem_free(after);
        after = last;
        last = NULL;
    }
out:
    gp_mem_free(last);
    gp_mem_free(after);
    return gp_db_scope_end(cat, own, st, err);
}
