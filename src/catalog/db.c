/* SPDX-License-Identifier: MIT
 * SQLite helpers for this module: cached statements, error messages that name the catalog, transactions.
 *
 * Every SQLite failure passes through gp_db_fail. It distinguishes errors by what the user can do: wait (locked), free
 * space (full), rescue the catalog (damaged), or check the folder (cannot be opened or written). */
#include "catalog/db.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ errors */

static gp_status no_space(const gp_catalog *cat, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_IO, "no space left for catalog '%s'", cat->path);
}

/* Reports a failed read or write. `os` is the errno of the failure, or 0 if SQLite recorded none. */
static gp_status io_fail(const gp_catalog *cat, int rc, int os, gp_error *err)
{
    /* SQLite reports ENOSPC on a write to the file as SQLITE_FULL; gp_db_fail handles that. An exceeded quota, the
     * limit of `ulimit -f`, and a failure to enlarge the index of the log (-shm) arrive here. */
    if (os == ENOSPC || os == EDQUOT || rc == SQLITE_IOERR_SHMSIZE) return no_space(cat, err);
    if (os == EFBIG)
        return gp_fail_path(err, GP_ERR_IO,
                            "no space left for catalog '%s': it reached the limit on file sizes (ulimit -f)",
                            cat->path);
    if (os == EROFS || os == EACCES || os == EPERM)
        return gp_fail_path_errno(err, GP_ERR_IO, os, "catalog '%s' cannot be written", cat->path);
    if (os) return gp_fail_path_errno(err, GP_ERR_IO, os, "cannot read or write catalog '%s'", cat->path);
    return gp_fail_path(err, GP_ERR_IO, "cannot read or write catalog '%s': %s", cat->path, sqlite3_errstr(rc));
}

/* Returns the errno of the last failure, or 0 if SQLite recorded none. If a statement fails at its end, only the file
 * object of the catalog or of its log still holds the errno. */
static int system_errno(const gp_catalog *cat, int rc)
{
    int os = cat->db ? sqlite3_system_errno(cat->db) : 0;
    sqlite3_file *log = NULL;
    if (os || !cat->db || (rc & 0xff) != SQLITE_IOERR) return os;
    if (sqlite3_file_control(cat->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &os);
    if (!os) (void)sqlite3_file_control(cat->db, "main", SQLITE_FCNTL_LAST_ERRNO, &os);
    return os;
}

static gp_status readonly_fail(const gp_catalog *cat, int rc, gp_error *err)
{
    if (rc == SQLITE_READONLY_DBMOVED)
        return gp_fail_path(err, GP_ERR_IO, "catalog '%s' was moved or deleted while it was open", cat->path);
    if (cat->readonly)
        return gp_fail_path(err, GP_ERR_IO, "catalog '%s' cannot be written: it was opened read-only", cat->path);
    return gp_fail_path(
        err, GP_ERR_IO,
        "catalog '%s' cannot be written: it or its folder is read-only; copy it and name the copy with --catalog FILE",
        cat->path);
}

static bool folder_unwritable(const char *path)
{
    char *folder = gp_path_folder(path);
    bool cannot = folder && access(folder, W_OK) != 0 && (errno == EROFS || errno == EACCES);
    gp_mem_free(folder);
    return cannot;
}

gp_status gp_db_fail(const gp_catalog *cat, int rc, gp_error *err)
{
    const char *path = cat->path;
    int os = system_errno(cat, rc);
    /* report lack of memory, not a disk error: SQLite had no memory for a file's pages */
    if (rc == SQLITE_IOERR_NOMEM) rc = SQLITE_NOMEM;
    switch (rc & 0xff) {
    case SQLITE_NOMEM: return gp_fail_memory_path(err, "catalog '%s'", path);
    case SQLITE_NOTADB:
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is not a goldpan catalog: it is not an SQLite file" GP_DB_RESCUE,
                            path);
    case SQLITE_CORRUPT:
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged; SQLite says: %s" GP_DB_RESCUE, path,
                            cat->db ? sqlite3_errmsg(cat->db) : "no details");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' is locked: another process is writing to it, so try again later", path);
    case SQLITE_FULL: return no_space(cat, err);
    case SQLITE_READONLY: return readonly_fail(cat, rc, err);
    case SQLITE_CANTOPEN:
        if (os == ENOSPC || os == EDQUOT) return no_space(cat, err);
        /* The file that cannot be opened may be the log. Then `os` is the errno of SQLite's second attempt to open the
         * log, and may not show that the folder is read-only. */
        if (!cat->readonly && !cat->memory && (os == EROFS || os == EACCES || folder_unwritable(path)))
            return gp_db_fail(cat, SQLITE_READONLY, err);
        if (os) return gp_fail_path_errno(err, GP_ERR_IO, os, "cannot open catalog '%s'", path);
        return gp_fail_path(err, GP_ERR_IO, "cannot open catalog '%s'", path);
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS: return io_fail(cat, rc, os, err);
    case SQLITE_TOOBIG:
    case SQLITE_RANGE: return gp_fail_path(err, GP_ERR_LIMIT, "a value is too large for catalog '%s'", path);
    case SQLITE_INTERRUPT: return gp_fail_path(err, GP_ERR_STOPPED, "stopped while working on catalog '%s'", path);
    default:
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s': %s", path,
                            cat->db ? sqlite3_errmsg(cat->db) : sqlite3_errstr(rc));
    }
}

gp_status gp_db_exec(gp_catalog *cat, const char *sql, gp_error *err)
{
    int rc = sqlite3_exec(cat->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}

/* ------------------------------------------------------------------ statements */

gp_q gp_q_open(gp_catalog *cat, const char *literal_sql)
{
    gp_q q = {cat, NULL, SQLITE_OK, false};
    for (size_t i = 0; i < cat->cached && !q.stmt; i++)
        if (cat->cache[i].sql == literal_sql || strcmp(cat->cache[i].sql, literal_sql) == 0)
            q.stmt = cat->cache[i].stmt;
    if (q.stmt) {
        q.busy = sqlite3_stmt_busy(q.stmt) != 0;
        return q;
    }
    assert(cat->cached < GP_DB_STATEMENTS);
    q.rc = sqlite3_prepare_v3(cat->db, literal_sql, -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL);
    if (q.rc == SQLITE_OK) {
        cat->cache[cat->cached].sql = literal_sql;
        cat->cache[cat->cached++].stmt = q.stmt;
    }
    return q;
}

static void keep_first_error(gp_q *q, int rc)
{
    if (q->rc == SQLITE_OK) q->rc = rc;
}

static bool bindable(const gp_q *q)
{
    return q->stmt && !q->busy && q->rc == SQLITE_OK;
}

void gp_q_int(gp_q *q, int i, int64_t value)
{
    if (bindable(q)) keep_first_error(q, sqlite3_bind_int64(q->stmt, i, value));
}

void gp_q_u64(gp_q *q, int i, uint64_t value)
{
    if (value > INT64_MAX) keep_first_error(q, SQLITE_TOOBIG);
    if (bindable(q)) keep_first_error(q, sqlite3_bind_int64(q->stmt, i, (int64_t)value));
}

void gp_q_real(gp_q *q, int i, double value)
{
    if (bindable(q)) keep_first_error(q, sqlite3_bind_double(q->stmt, i, value));
}

void gp_q_text(gp_q *q, int i, const char *text)
{
    if (bindable(q))
        keep_first_error(q,
                         text ? sqlite3_bind_text(q->stmt, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(q->stmt, i));
}

void gp_q_blob(gp_q *q, int i, const void *bytes, size_t size)
{
    if (bindable(q)) keep_first_error(q, sqlite3_bind_blob64(q->stmt, i, bytes, size, SQLITE_STATIC));
}

void gp_q_hash(gp_q *q, int i, const gp_hash *hash)
{
    gp_q_blob(q, i, hash ? hash->bytes : NULL, sizeof hash->bytes); /* a NULL pointer binds NULL */
}

gp_status gp_q_step(gp_q *q, bool *row, gp_error *err)
{
    gp_status st = GP_OK;
    *row = false;
    if (q->busy)
        return gp_fail_path(
            err, GP_ERR_USAGE,
            "catalog '%s': this function is still running, so its callback cannot call the function again",
            q->cat->path);
    int rc = q->rc == SQLITE_OK ? sqlite3_step(q->stmt) : q->rc;
    if (rc == SQLITE_ROW) {
        *row = true;
        return GP_OK;
    }
    if (rc != SQLITE_DONE) st = gp_db_fail(q->cat, rc, err);
    gp_q_end(q);
    return st;
}

/* Ends a statement and returns SQLite's result code. A statement that has returned a row (INSERT ... RETURNING) writes
 * to the disk only now, so an error such as a full disk may appear only here. */
static int end_statement(gp_q *q)
{
    if (!q->stmt || q->busy) return SQLITE_OK;
    int rc = sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    return rc;
}

void gp_q_end(gp_q *q)
{
    (void)end_statement(q);
}

/* Like gp_q_end, for a statement that has returned a row and may have written: also reports a failed write. */
static gp_status end_checked(gp_q *q, gp_error *err)
{
    int rc = end_statement(q);
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(q->cat, rc, err);
}

gp_status gp_q_run(gp_q *q, gp_error *err)
{
    bool row;
    gp_status st = gp_q_step(q, &row, err);
    return row ? end_checked(q, err) : st;
}

gp_status gp_q_one(gp_q *q, int64_t fallback, int64_t *value, gp_error *err)
{
    bool row;
    GP_TRY(gp_q_step(q, &row, err));
    *value = row ? gp_q_col_int(q, 0) : fallback;
    return row ? end_checked(q, err) : GP_OK;
}

int64_t gp_q_col_int(const gp_q *q, int i)
{
    return sqlite3_column_int64(q->stmt, i);
}
const char *gp_q_col_text(const gp_q *q, int i)
{
    return (const char *)sqlite3_column_text(q->stmt, i);
}

bool gp_q_col_hash(const gp_q *q, int i, gp_hash *hash)
{
    const void *bytes = sqlite3_column_blob(q->stmt, i);
    if (!bytes || sqlite3_column_bytes(q->stmt, i) != (int)sizeof hash->bytes) return false;
    memcpy(hash->bytes, bytes, sizeof hash->bytes);
    return true;
}

gp_status gp_q_image_hash(const gp_q *q, int i, gp_hash *hash, gp_error *err)
{
    if (gp_q_col_hash(q, i, hash)) return GP_OK;
    return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: the hash of an image has the wrong length",
                        q->cat->path);
}

/* ------------------------------------------------------------------ transactions */

gp_status gp_cat_begin(gp_catalog *cat, gp_error *err)
{
    if (!sqlite3_get_autocommit(cat->db))
        return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s': a transaction is already open", cat->path);
    gp_marks_settle(cat, false); /* closes the journal after a transaction that SQLite rolled back by itself */
    gp_q q = gp_q_open(cat, "BEGIN IMMEDIATE");
    return gp_q_run(&q, err);
}

gp_status gp_cat_commit(gp_catalog *cat, gp_error *err)
{
    gp_status st = gp_marks_flush(cat, err);
    if (st == GP_OK) {
        gp_q q = gp_q_open(cat, "COMMIT");
        st = gp_q_run(&q, err);
    }
    /* A failed commit (full disk) leaves the transaction open, unless SQLite has already rolled it back. End the
     * transaction here, so that the next batch starts with what is on disk. */
    if (st != GP_OK)
        gp_cat_rollback(cat);
    else
        gp_marks_settle(cat, true);
    return st;
}

void gp_cat_rollback(gp_catalog *cat)
{
    gp_marks_settle(cat, false); /* before ROLLBACK: the write lock is still held, so no other process appends to the
                                    journal */
    if (sqlite3_get_autocommit(cat->db)) return;
    (void)sqlite3_exec(cat->db, "ROLLBACK", NULL, NULL, NULL);
}

gp_status gp_cat_data_version(gp_catalog *cat, int64_t *version, gp_error *err)
{
    gp_q q = gp_q_open(cat, "PRAGMA data_version");
    return gp_q_one(&q, 0, version, err);
}

gp_status gp_db_scope_begin(gp_catalog *cat, bool *own, gp_error *err)
{
    *own = sqlite3_get_autocommit(cat->db) != 0;
    return *own ? gp_cat_begin(cat, err) : GP_OK;
}

gp_status gp_db_scope_end(gp_catalog *cat, bool own, gp_status st, gp_error *err)
{
    if (!own) return st;
    if (st == GP_OK) return gp_cat_commit(cat, err);
    gp_cat_rollback(cat);
    return st;
}

/* ------------------------------------------------------------------ vectors */

void gp_db_floats_to_le(const float *in, uint8_t *out, size_t dims)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(out, in, dims * sizeof *in);
#else
    for (size_t i = 0; i < dims; i++) {
        uint32_t u;
        memcpy(&u, in + i, 4);
        for (int b = 0; b < 4; b++) out[4 * i + (size_t)b] = (uint8_t)(u >> (8 * b));
    }
#endif
}

void gp_db_floats_from_le(const uint8_t *in, float *out, size_t dims)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(out, in, dims * sizeof *out);
#else
    for (size_t i = 0; i < dims; i++) {
        uint32_t u = 0;
        for (int b = 0; b < 4; b++) u |= (uint32_t)in[4 * i + (size_t)b] << (8 * b);
        memcpy(out + i, &u, 4);
    }
#endif
}
