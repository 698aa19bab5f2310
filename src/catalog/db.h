/* SPDX-License-Identifier: MIT
 * Private to the catalog module: the handle, statements and their errors. A gp_q is a statement whose parameters are
 * bound and which is then stepped. It remembers its first SQLite error, so a series of binds is checked once, at the
 * step. The handle caches statements by their text and finalises them when it is closed. */
#ifndef GP_CATALOG_DB_H
#define GP_CATALOG_DB_H

#include "catalog/catalog.h"
#include "catalog/marks.h"
#include "schema/schema.h"

#include <sqlite3.h>

/* "GPAN": the application id in SQLite's header. The command `file` recognises a catalog by this id. */
#define GP_DB_APPLICATION_ID 0x4750414e

/* The end of a message about a damaged catalog, which says what the user can do. */
#define GP_DB_RESCUE "; recover its readable contents with `goldpan rescue`"

enum { GP_DB_MAX_BYTES = 256 << 20 /* bytes: the size limit of a text, a vector, a row */ };
enum { GP_DB_STATEMENTS = 192, GP_DB_BUSY_MS = 10000 /* milliseconds to wait for another process's lock */ };
struct gp_catalog {
    sqlite3 *db;
    char *path;
    bool readonly, memory;
    bool copy;                 /* the handle is an up-to-date temporary copy of an older catalog that was opened for
                                  reading */
    bool older;                /* the catalog was opened for reading and its schema is older */
    bool (*go_on)(void *user); /* set by gp_cat_watch */
    void *go_on_user;
    gp_marks marks; /* the journal of marks beside the file */
    struct {
        const char *sql; /* a string literal: compared by address first, then by text */
        sqlite3_stmt *stmt;
    } cache[GP_DB_STATEMENTS];
    size_t cached;
};

/* ------------------------------------------------------------------ statements */

/* Statements that run for every file are plain INSERT and UPDATE. For RETURNING and ON CONFLICT DO UPDATE, SQLite would
 * first copy each page that they touch (16 KiB) into a journal of the statement. */
typedef struct gp_q {
    gp_catalog *cat;
    sqlite3_stmt *stmt; /* borrowed from the cache; NULL if it could not be prepared */
    int rc;             /* SQLITE_OK, or the first failure */
    bool busy;          /* this statement is already running, because its visitor called the same function again */
} gp_q;
gp_q gp_q_open(gp_catalog *cat, const char *literal_sql);
void gp_q_int(gp_q *q, int i, int64_t value);
void gp_q_u64(gp_q *q, int i, uint64_t value);    /* values over 2^63-1 are an error */
void gp_q_real(gp_q *q, int i, double value);     /* NaN is stored as NULL */
void gp_q_text(gp_q *q, int i, const char *text); /* may be NULL; the bytes are not converted; borrowed until
                                                     gp_q_end */
void gp_q_blob(gp_q *q, int i, const void *bytes, size_t size);
void gp_q_hash(gp_q *q, int i, const gp_hash *hash); /* may be NULL; borrowed until gp_q_end */
/* Sets *row if there is a next row. Ends the query after the last row and on failure. */
gp_status gp_q_step(gp_q *q, bool *row, gp_error *err);
/* Runs a statement that returns no rows. */
gp_status gp_q_run(gp_q *q, gp_error *err);
/* Runs a query and returns the integer in its first column, or `fallback` if there is no row. */
gp_status gp_q_one(gp_q *q, int64_t fallback, int64_t *value, gp_error *err);
void gp_q_end(gp_q *q); /* may be called repeatedly */

/* Columns of the current row. */
int64_t gp_q_col_int(const gp_q *q, int i);
const char *gp_q_col_text(const gp_q *q, int i); /* NULL if the column is NULL; borrowed until the next step */
/* Returns false and leaves `hash` unchanged if the column is NULL or has another length. */
bool gp_q_col_hash(const gp_q *q, int i, gp_hash *hash);
/* Reads the hash of an image. CATALOG if the column does not hold a hash. */
gp_status gp_q_image_hash(const gp_q *q, int i, gp_hash *hash, gp_error *err);

/* ------------------------------------------------------------------ errors, transactions, versions */
/* Converts an SQLite result code to a gp_status, with a message that names the catalog. */
gp_status gp_db_fail(const gp_catalog *cat, int rc, gp_error *err);
/* Runs statements given as text (schema, pragmas). */
gp_status gp_db_exec(gp_catalog *cat, const char *sql, gp_error *err);
/* Begins a transaction unless one is open. *own: this call began the transaction. */
gp_status gp_db_scope_begin(gp_catalog *cat, bool *own, gp_error *err);
/* Ends a transaction that gp_db_scope_begin began: commits if st is GP_OK, else rolls back. Returns the final
 * status. */
gp_status gp_db_scope_end(gp_catalog *cat, bool own, gp_status st, gp_error *err);

/* Migrates an open database to the version of the last of these steps. Each step runs in its own transaction. Creates
 * the schema of an empty database only if `create` is set. CATALOG if the file belongs to another program, or if its
 * version is newer than the last step. */
gp_status gp_db_migrate(gp_catalog *cat, const gp_db_step *steps, size_t count, bool create, gp_error *err);
/* Like gp_cat_open, but with the given steps instead of the steps of this version. For tests of migration. */
gp_status gp_db_open(const char *path, unsigned flags, const gp_db_step *steps, size_t count, gp_catalog **out,
                     gp_error *err);

/* The invariants of schema/schema.c that SQL can express, except foreign keys (row_rules.c). */
typedef struct gp_db_rule {
    const char *table;
    const char *column; /* column of `scorers` that the rule needs, or NULL */
    const char *count;  /* query that counts the rows that break the rule */
    const char *repair; /* statement that repairs these rows after a rescue, or NULL */
    const char *what;   /* words that follow the number of these rows in a message */
} gp_db_rule;
extern const gp_db_rule gp_db_rules[]; /* in the order of repair; the last entry has no table */
/* Returns whether the catalog, whose schema may be older, has the table and column that the rule needs. */
bool gp_db_rule_applies(const gp_catalog *cat, const gp_db_rule *rule);
/* Registers the SQL function that the rules call. */
gp_status gp_db_rules_open(gp_catalog *cat, gp_error *err);

/* Removes the pick of an image that is set apart, because only candidates can be picks. */
gp_status gp_db_unpick(gp_catalog *cat, int64_t image, gp_error *err);
/* Adds a tag to an image, or removes it if tagging->removed is set. Writes in the open transaction. *changed: false if
 * the image already has (or lacks) the tag, or if the image is not in the catalog. */
gp_status gp_db_tag_put(gp_catalog *cat, const gp_cat_tagging *tagging, bool *changed, gp_error *err);
/* Cleans the tags and writes them as a JSON array. The caller owns *json: gp_mem_free. */
gp_status gp_db_tags_json(const char *const *tags, uint64_t count, char **json, gp_error *err);
/* SQL: the tags of an image, sorted, separated by ", "; NULL: none. */
#define GP_DB_TAGS_OF(image)                                                                                           \
    "(SELECT group_concat(t.tag, ', ') FROM (SELECT tag FROM tags WHERE image = " image                                \
    " AND removed = 0 ORDER BY tag) t)"
/* Reads at most `limit` rows (id; path or text; hash if `hashed`) of the query, then ends the query. */
gp_status gp_cat_todo_collect(gp_q *q, size_t limit, bool hashed, gp_cat_todo *out, gp_error *err);
/* SQL: the columns of `image_quality q`. gp_db_quality_at reads them from a row; `at` is the index of the first of
 * these columns. */
#define GP_DB_QUALITY "q.frame, q.sharpness, q.noise, q.exposure, q.saturation, q.entropy, q.spread"
void gp_db_quality_at(sqlite3_stmt *stmt, int at, gp_quality *out);
/* SQL: `images.apart` if it is 'black' or 'noise', else NULL. */
#define GP_DB_APART_FRAME "CASE WHEN apart IN ('black', 'noise') THEN apart END"

/* ------------------------------------------------------------------ vectors */

/* Convert [dims] float32 to and from the file's byte order, little endian. */
void gp_db_floats_to_le(const float *in, uint8_t *out, size_t dims);
void gp_db_floats_from_le(const uint8_t *in, float *out, size_t dims);

#endif
