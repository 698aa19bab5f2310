/* SPDX-License-Identifier: MIT
 * Migrates a catalog to the newest schema version (schema/schema.h). */
#include "catalog/db.h"
#include <stdio.h>

static gp_status pragma_int(gp_catalog *cat, const char *sql, int64_t *value, gp_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(cat->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? GP_OK : gp_db_fail(cat, rc, err);
}

/* Reads which program and which version the file belongs to. *version 0: an empty database. One savepoint covers the
 * reads of application_id, of the version and of the number of schema objects. Otherwise, while another process creates
 * the catalog, this function could see its tables but no application_id, and would report another program's file. */
static gp_status read_version(gp_catalog *cat, int newest, int64_t *version, gp_error *err)
{
    gp_status st;
    int64_t application = 0, objects = 0;
    GP_TRY(gp_db_exec(cat, "SAVEPOINT version", err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA application_id", &application, err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA user_version", version, err));
    GP_TRY_GOTO(pragma_int(cat, "SELECT count(*) FROM sqlite_master", &objects, err));
out:;
    int rc = sqlite3_exec(cat->db, "RELEASE version", NULL, NULL, NULL);
    if (rc != SQLITE_OK) gp_cat_rollback(cat);
    GP_TRY(st);
    if (rc != SQLITE_OK) return gp_db_fail(cat, rc, err);
    if (application == 0 && *version == 0 && objects == 0) return GP_OK;
    if (application != GP_DB_APPLICATION_ID || *version < 1)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "'%s' is not a goldpan catalog: it is another program's SQLite file" GP_DB_RESCUE,
                            cat->path);
    if (*version > newest)
        return gp_fail_path(
            err, GP_ERR_CATALOG,
            "catalog '%s' was made by a newer goldpan (schema %lld; this goldpan supports schemas up to %d)", cat->path,
            (long long)*version, newest);
    return GP_OK;
}

static bool is_table(const char *name)
{
    for (const gp_db_table *t = gp_db_tables; t->name; t++)
        if (name && sqlite3_stricmp(name, t->name) == 0) return true;
    return false;
}

/* Fails if a view or a virtual table has the name of a goldpan table, because goldpan never writes such a file. */
static gp_status check_tables(gp_catalog *cat, gp_error *err)
{
    bool row, others = false;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT name FROM sqlite_master WHERE type <> 'table' OR rootpage = 0");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) others |= is_table(gp_q_col_text(&q, 0));
    gp_q_end(&q);
    GP_TRY(st);
    if (others)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "'%s' is not a goldpan catalog: a view or a virtual table has the name of a goldpan table",
                            cat->path);
    return GP_OK;
}

static gp_status apply_step(gp_catalog *cat, const gp_db_step *step, gp_error *err)
{
    char pragmas[128];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", GP_DB_APPLICATION_ID,
             step->version);
    GP_TRY(gp_db_exec(cat, step->sql, err));
    return gp_db_exec(cat, pragmas, err);
}

/* Switches to WAL mode. That needs exclusive access for a moment, and SQLite does not wait for it as it waits for a
 * lock. So processes that create one catalog at the same time would fail. This function retries until the busy
 * timeout. */
static gp_status use_wal(gp_catalog *cat, gp_error *err)
{
    enum { RETRY_MS = 5, RETRIES = GP_DB_BUSY_MS / RETRY_MS };
    int rc = SQLITE_BUSY;
    for (int i = 0; i < RETRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i) sqlite3_sleep(RETRY_MS);
        rc = sqlite3_exec(cat->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}

static gp_status apply_steps(gp_catalog *cat, const gp_db_step *list, size_t count, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t version = 0;
        GP_TRY(gp_db_exec(cat, "BEGIN IMMEDIATE", err));
        /* Read the version again under the lock, because another process may have applied this step. */
        gp_status st = read_version(cat, list[count - 1].version, &version, err);
        if (st == GP_OK && version < list[i].version) st = apply_step(cat, &list[i], err);
        GP_TRY(gp_db_scope_end(cat, true, st, err));
    }
    return GP_OK;
}

gp_status gp_db_migrate(gp_catalog *cat, const gp_db_step *list, size_t count, bool create, gp_error *err)
{
    int64_t version = 0;
    int newest = list[count - 1].version;
    GP_TRY(read_version(cat, newest, &version, err));
    if (version > 0) GP_TRY(check_tables(cat, err));
    if (version == newest) return GP_OK;
    if (version == 0 && !create)
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is empty, so it is not a goldpan catalog" GP_DB_RESCUE,
                            cat->path);
    if (cat->readonly && !cat->copy) {
        cat->older = true;
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' has an older schema (%lld), which goldpan cannot migrate because the "
                            "catalog is opened read-only",
                            cat->path, (long long)version);
    }
    if (version == 0) /* takes effect with the first table; harmless if another process has created it */
        GP_TRY(gp_db_exec(cat, "PRAGMA page_size = 16384", err));
    if (!cat->copy) GP_TRY(use_wal(cat, err));
    /* A step may replace a table that other tables refer to. The rows keep their ids, so foreign keys can be off
     * meanwhile. */
    GP_TRY(gp_db_exec(cat, "PRAGMA foreign_keys = OFF", err));
    gp_status st = apply_steps(cat, list, count, err);
    if (sqlite3_exec(cat->db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK && st == GP_OK)
        st = gp_db_fail(cat, sqlite3_errcode(cat->db), err);
    return st;
}
