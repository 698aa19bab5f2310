/* SPDX-License-Identifier: MIT
 * Private to the catalog room: the handle, statements and their errors.  A gp_q is a statement being bound and stepped;
 * the first SQLite error in it is remembered, so that a chain of binds is checked once, at the step.  Statements are
 * cached in the handle by their text and finalised when it is closed. */
#ifndef GP_CATALOG_DB_H
#define GP_CATALOG_DB_H

#include "catalog/catalog.h"
#include "catalog/marks.h"
#include <sqlite3.h>

/* "GPAN": what `file` and SQLite's header call a goldpan catalog. */
#define GP_DB_APPLICATION_ID 0x4750414e
#define GP_DB_VERSION        8

/* The end of a message about a damaged catalog: what to do. */
#define GP_DB_RESCUE "; bring back what it holds with `goldpan rescue`"

enum { GP_DB_LONGEST = 256 << 20 /* bytes: the size limit of a text, a vector, a row */ };
enum { GP_DB_STATEMENTS = 192, GP_DB_BUSY_MS = 10000 /* milliseconds to wait for another process's lock */ };
struct gp_catalog {
    sqlite3 *db;
    char *path;
    bool readonly, memory;
    bool copy;                 /* an up-to-date temporary copy of an older catalog that was opened for reading */
    bool older;                /* opened for reading and the schema is older */
    bool (*go_on)(void *user); /* set by gp_cat_watch */
    void *go_on_user;
    gp_marks marks; /* the journal of marks beside the file */
    struct {
        const char *sql; /* a literal: compared by address, then by text */
        sqlite3_stmt *stmt;
    } cache[GP_DB_STATEMENTS];
    size_t cached;
};

/* ------------------------------------------------------------------ statements */

/* Those that are run for every file are plain INSERT and UPDATE: RETURNING and ON CONFLICT DO UPDATE make SQLite copy
 * each page that they touch, 16 KiB, into a journal of the statement's own first. */
typedef struct gp_q {
    gp_catalog *cat;
    sqlite3_stmt *stmt; /* borrowed from the cache; NULL if it could not be had */
    int rc;             /* SQLITE_OK, or the first failure */
    bool busy;          /* the same statement is already under way: a call from inside its own callback */
} gp_q;
gp_q gp_q_open(gp_catalog *cat, const char *literal_sql);
void gp_q_int(gp_q *q, int i, int64_t value);
void gp_q_u64(gp_q *q, int i, uint64_t value);    /* beyond 2^63-1 is an error */
void gp_q_real(gp_q *q, int i, double value);     /* NaN becomes NULL */
void gp_q_text(gp_q *q, int i, const char *text); /* NULL allowed; bytes as they are; borrowed until gp_q_end */
void gp_q_blob(gp_q *q, int i, const void *bytes, size_t size);
void gp_q_hash(gp_q *q, int i, const gp_hash *hash); /* NULL allowed; borrowed until gp_q_end */
/* Next row in *row; ends the query itself on failure and after the last row. */
gp_status gp_q_step(gp_q *q, bool *row, gp_error *err);
/* A statement without rows: step once and end. */
gp_status gp_q_run(gp_q *q, gp_error *err);
/* A query of one integer: its first column, `fallback` when there is no row. */
gp_status gp_q_one(gp_q *q, int64_t fallback, int64_t *value, gp_error *err);
void gp_q_end(gp_q *q); /* idempotent */

/* Columns of the present row. */
int64_t gp_q_col_int(const gp_q *q, int i);
const char *gp_q_col_text(const gp_q *q, int i); /* NULL when NULL; borrowed until the next step */
/* Returns false, and leaves `hash` as it is, if the column is NULL or has another length. */
bool gp_q_col_hash(const gp_q *q, int i, gp_hash *hash);
/* Reads the hash of an image; CATALOG if the column does not have one. */
gp_status gp_q_image_hash(const gp_q *q, int i, gp_hash *hash, gp_error *err);

/* ------------------------------------------------------------------ errors, transactions, versions */
/* The gp_status for an SQLite result, with a message naming the catalog. */
gp_status gp_db_fail(const gp_catalog *cat, int rc, gp_error *err);
/* Run statements of text (schema, pragmas). */
gp_status gp_db_exec(gp_catalog *cat, const char *sql, gp_error *err);
/* Begin unless a transaction is open; *own says whether this call began it. */
gp_status gp_db_scope_begin(gp_catalog *cat, bool *own, gp_error *err);
/* End what scope_begin began: commit if st is GP_OK, else roll back.  Returns the final status. */
gp_status gp_db_scope_end(gp_catalog *cat, bool own, gp_status st, gp_error *err);

/* A step of the schema: the statements that lead to `version` from the one before. */
typedef struct gp_db_step {
    int version;
    const char *sql;
} gp_db_step;
typedef struct gp_db_steps {
    const gp_db_step *list;
    size_t count;
} gp_db_steps;
extern const gp_db_steps gp_db_all; /* all schema steps of this version */
/* schema.c, migrate_2.c ... */
extern const char gp_db_version_1[], gp_db_version_2[], gp_db_version_3[], gp_db_version_4[], gp_db_version_5[],
    gp_db_version_6[], gp_db_version_7[], gp_db_version_8[];
/* Bring an open database to the last of these steps, each in a transaction of its own.  An empty file is created
 * if `create`.  CATALOG: another program's file, or a version newer than the last step. */
gp_status gp_db_migrate(gp_catalog *cat, const gp_db_step *steps, size_t count, bool create, gp_error *err);
/* gp_cat_open with other steps than this version's (tests of migration). */
gp_status gp_db_open(const char *path, unsigned flags, const gp_db_step *steps, size_t count, gp_catalog **out,
                     gp_error *err);

/* All tables.  Those of one part are rescued together or not at all, except the core, whose rows are rescued one by
 * one, in this order: a table comes after those that it refers to. */
typedef enum gp_db_part { GP_DB_CORE, GP_DB_FOUND, GP_DB_MAP, GP_DB_STATE } gp_db_part; /* STATE: never copied */
typedef struct gp_db_table {
    const char *name;
    gp_db_part part;
} gp_db_table;
extern const gp_db_table gp_db_tables[]; /* the last has no name */

/* The invariants in schema.c that SQL can state, except foreign keys (row_rules.c). */
typedef struct gp_db_rule {
    const char *table;
    const char *column; /* of `scorers`, which the rule reads, or NULL */
    const char *count;  /* counts the rows that break the rule */
    const char *mend;   /* mends these rows after a rescue, or NULL */
    const char *what;   /* words after the number of these rows */
} gp_db_rule;
extern const gp_db_rule gp_db_rules[]; /* in the order of mending; the last has no table */
/* Whether the catalog, perhaps of an older schema, has what the rule reads. */
bool gp_db_rule_applies(const gp_catalog *cat, const gp_db_rule *rule);
/* Adds the function that the rules call to the open catalog. */
gp_status gp_db_rules_open(gp_catalog *cat, gp_error *err);

/* Removes the pick of an image that is set apart: only candidates can be picks. */
gp_status gp_db_unpick(gp_catalog *cat, int64_t image, gp_error *err);
/* Reads at most `limit` rows (id, path or text, hash if `hashed`) of the query, and ends the query. */
gp_status gp_cat_todo_collect(gp_q *q, size_t limit, bool hashed, gp_cat_todo *out, gp_error *err);
/* SQL: the columns of `image_quality q`.  gp_db_quality_at reads them from a row, where `at` is the first column. */
#define GP_DB_QUALITY "q.frame, q.sharpness, q.noise, q.exposure, q.saturation, q.entropy, q.spread"
void gp_db_quality_at(sqlite3_stmt *stmt, int at, gp_quality *out);
/* SQL: `images.apart` if it is black or noise, else NULL. */
#define GP_DB_APART_FRAME "CASE WHEN apart IN ('black', 'noise') THEN apart END"

/* ------------------------------------------------------------------ vectors */

/* [dims] float32, little endian in the file. */
void gp_db_floats_to_le(const float *in, uint8_t *out, size_t dims);
void gp_db_floats_from_le(const uint8_t *in, float *out, size_t dims);

#endif
