/* SPDX-License-Identifier: MIT
 * Private to the catalog module. The journal of marks is a second copy of all data that cannot be recomputed.
 *
 * Flags, stars, tags, saved views, picks and generation plans are also appended to a file of JSON lines beside the catalog:
 * catalog.db -> catalog.marks.jsonl. The lines identify images by content. So the marks can be restored to a catalog
 * that is damaged, lost or older than the journal. A change happens in this order:
 *   1. The catalog's write transaction is open. Only one process can have one, so only one process appends.
 *   2. The rows are changed, and their lines are collected in `pending`.
 *   3. At commit the lines are appended and synced to disk.
 *   4. The row of table `journal` is set to the journal's id and size, and the transaction is committed.
 * If the process is killed between 3 and 4, the journal is longer than that row says. The next opening for writing
 * merges the lines. After a failure in 3 or 4 the journal is truncated, the transaction is rolled back, and the error
 * is returned.
 *
 * A line is one JSON object. Its last member "sum" is the hash of the bytes before that member. Lines with a wrong
 * hash, such as an incomplete last line, are skipped. If several lines are about the same image, view or plan, or the
 * same tag of an image, the last one counts. When a catalog is opened, its journal is rewritten if it has grown too large. The limit is
 * GP_MARKS_GROWTH times its size at the last rewrite plus GP_MARKS_FREE bytes. */
#ifndef GP_CATALOG_MARKS_H
#define GP_CATALOG_MARKS_H

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/own.h"
#include "base/str.h"
#include "catalog/catalog.h"

/* SQL: derives from a scorer's key whether it needs a pair or only an image, for journal entries that do not record
 * this. schema/version_8.c keeps its own copy, because a migration must not change. */
#define GP_MARKS_NEEDS(key) "CASE WHEN " key " LIKE 'clip/%' THEN 'pair' ELSE 'image' END"

enum { GP_MARKS_VERSION = 1, GP_MARKS_GROWTH = 4, GP_MARKS_FREE = 256 << 10 };
#define GP_MARKS_LIMIT ((uint64_t)2 << 30) /* maximum size of a journal that is read */

typedef struct gp_marks {
    char *path;     /* path of the journal; NULL if the catalog is in memory or opened for reading */
    gp_str pending; /* lines of the open transaction */
    int fd;         /* descriptor of the journal, open and locked from the append until the transaction ends; else -1 */
    int64_t before; /* size of the journal before the append */
    bool picks;     /* the open transaction has changed the picks */
    bool merged;    /* the journal was merged since the catalog was opened */
    gp_cat_brought brought;
} gp_marks;

/* ------------------------------------------------------------------ collecting lines (marks_write.c) */

/* Collect the lines for a change in the open transaction. They are appended to the journal at its commit. */
gp_status gp_marks_note_rating(gp_catalog *cat, const gp_hash *image, gp_error *err);
gp_status gp_marks_note_tag(gp_catalog *cat, const gp_hash *image, const char *tag, gp_error *err);
gp_status gp_marks_note_view(gp_catalog *cat, const char *name, gp_error *err);
void gp_marks_note_picks(gp_catalog *cat); /* the picks are read at commit */
/* Appends the line of the picks to `pending` if the picks have changed. */
gp_status gp_marks_put_picks(gp_catalog *cat, gp_error *err);
gp_status gp_marks_note_plan(gp_catalog *cat, int64_t generation, gp_error *err);
/* Appends to `out` a line for every mark in the catalog. */
gp_status gp_marks_whole(gp_catalog *cat, gp_str *out, gp_error *err);
/* *any: the catalog has at least one mark. */
gp_status gp_marks_any(gp_catalog *cat, bool *any, gp_error *err);

/* ------------------------------------------------------------------ the file (marks_file.c) */
typedef enum gp_marks_kind {
    GP_MARKS_RATING,
    GP_MARKS_VIEW,
    GP_MARKS_PICKS,
    GP_MARKS_PLAN,
    GP_MARKS_TAG
} gp_marks_kind;
typedef struct gp_marks_entry {
    gp_marks_kind kind;
    gp_hash key; /* identifies the entry: hash of its kind, of its image, view or plan, and of its tag */
    /* begin, size: the entry's line in `bytes`, without the newline; order: number of the line in the file */
    size_t begin, size, order;
    bool waits; /* the entry's image is not in the catalog */
} gp_marks_entry;
typedef struct gp_marks_file {
    gp_bytes bytes;
    char id[33];                 /* id of the journal; "" if there is no valid header */
    bool absent, foreign, newer; /* foreign: no line is goldpan's; newer: written by a later goldpan */
    uint64_t lines, bad;         /* bad: damaged lines, not counting an incomplete last line */
    gp_marks_entry *entries;     /* the last entry of each key, in file order */
    size_t count;
} gp_marks_file;

/* Reads a journal; sets `absent` if the file does not exist. */
gp_status gp_marks_read(const char *path, gp_marks_file *out, gp_error *err);
/* Parses a journal in memory; copies the text. */
gp_status gp_marks_parse(const char *text, size_t size, gp_marks_file *out, gp_error *err);
/* Sorts the entries by key, so that they can be searched. */
void gp_marks_sort(gp_marks_file *file);
void gp_marks_file_clear(gp_marks_file *file);
/* Parses the line of an entry. The caller owns *out: gp_json_free. */
gp_status gp_marks_entry_json(const gp_marks_file *file, const gp_marks_entry *entry, gp_json **out, gp_error *err);
/* Completes `body`, a JSON object without its closing brace, with the checksum, the brace and a newline, and appends it
 * to `out`. */
void gp_marks_line(gp_str *out, const gp_str *body);
/* Returns true if the checksum of a line is right. `size`: bytes of the line without the newline. */
bool gp_marks_line_whole(const char *line, size_t size);
/* Appends the first line of a journal. */
void gp_marks_header(gp_str *out, const char *id);
/* Reads only the id and the size of a journal. id is "" if the journal has no valid header. size is 0 if the file does
 * not exist. */
void gp_marks_peek(const char *path, char id[33], int64_t *size);

/* ------------------------------------------------------------------ agreement of catalog and journal (marks.c) */
/* Called when a catalog is opened for writing: makes catalog and journal agree. Returns only MEMORY errors. The next
 * change of a mark reports other errors. */
gp_status gp_marks_attach(gp_catalog *cat, gp_error *err);
/* Merges the journal even if it seems to agree with the catalog, unless the journal was merged when the catalog was
 * opened. Returns all errors. *brought: everything merged since the catalog was opened. */
gp_status gp_marks_again(gp_catalog *cat, gp_cat_brought *brought, gp_error *err);
/* Called before COMMIT: appends the pending lines. */
gp_status gp_marks_flush(gp_catalog *cat, gp_error *err);
/* Called after COMMIT or ROLLBACK: removes the appended lines unless committed, and unlocks the journal. */
void gp_marks_settle(gp_catalog *cat, bool committed);
void gp_marks_close(gp_catalog *cat);

/* ------------------------------------------------------------------ merging (marks_merge.c) */

/* Sets *lacking if gp_marks_merge would add this entry. Call only for entries without a row in the catalog. */
gp_status gp_marks_lacking(gp_catalog *cat, gp_marks_kind kind, const gp_json *entry, bool *lacking, gp_error *err);
/* Merges the entries into the catalog, inside a transaction of the caller. An entry replaces the catalog's row unless
 * the row is newer. Sets `waits` of entries whose image is not in the catalog, and counts these entries. */
gp_status gp_marks_merge(gp_catalog *cat, gp_marks_file *file, gp_cat_brought *brought, gp_error *err);

#endif
