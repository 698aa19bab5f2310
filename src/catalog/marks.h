/* SPDX-License-Identifier: MIT
 * Private to the catalog room: the journal of marks, a second home for what cannot be computed again.
 *
 * Flags, stars, saved views, picks and generation plans are also appended to a file of JSON lines beside the catalog:
 * catalog.db -> catalog.marks.jsonl.  Images are named by content, so a catalog that is damaged, lost or older than the
 * journal gets them back.  The order of a change:
 *   1. the catalog's write transaction is open (only one process has one, so only one appends);
 *   2. the rows are changed, their lines collected in `pending`;
 *   3. at commit the lines are appended and synced to the disk;
 *   4. the row of table `journal` is set to the journal's id and size, and the transaction is committed.
 * A kill between 3 and 4 leaves a journal longer than that row says: the next opening for writing takes the lines in.
 * A failure in 3 or 4 undoes both: the journal is cut back, the transaction rolled back, and the caller is told.
 *
 * A line is one JSON object whose last member "sum" is the hash of the bytes before it.  Lines that do not match (a
 * torn last line) are passed over.  Of several lines for one thing the last counts.  At opening, a journal of more than
 * GP_MARKS_GROWTH times its size when it was last written whole, and GP_MARKS_FREE bytes, is written anew. */
#ifndef GP_CATALOG_MARKS_H
#define GP_CATALOG_MARKS_H

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "catalog/catalog.h"

enum { GP_MARKS_VERSION = 1, GP_MARKS_GROWTH = 4, GP_MARKS_FREE = 256 << 10 };
#define GP_MARKS_LIMIT ((uint64_t)2 << 30) /* a larger journal is not read */

typedef struct gp_marks {
    char *path;     /* of the journal; NULL for a catalog in memory, or one that was opened for reading */
    gp_str pending; /* lines of the open transaction */
    int fd;         /* open and locked from the append to the end of the transaction, else -1 */
    int64_t before; /* its size then */
    gp_cat_brought brought;
} gp_marks;

/* ---- collecting (marks_write.c): what the open transaction has changed, to be appended at its commit */
gp_status gp_marks_note_rating(gp_catalog *cat, const gp_hash *image, gp_error *err);
gp_status gp_marks_note_view(gp_catalog *cat, const char *name, gp_error *err);
gp_status gp_marks_note_picks(gp_catalog *cat, gp_error *err);
gp_status gp_marks_note_plan(gp_catalog *cat, int64_t generation, gp_error *err);
/* Everything in the catalog that belongs into a journal, as lines. */
gp_status gp_marks_whole(gp_catalog *cat, gp_str *out, gp_error *err);
/* Is there anything of that kind? */
gp_status gp_marks_any(gp_catalog *cat, bool *any, gp_error *err);

/* ---- the file (marks_file.c) */
typedef enum gp_marks_kind { GP_MARKS_RATING, GP_MARKS_VIEW, GP_MARKS_PICKS, GP_MARKS_PLAN } gp_marks_kind;
typedef struct gp_marks_entry {
    gp_marks_kind kind;
    gp_hash key;               /* of kind and thing */
    size_t begin, size, order; /* its line in `bytes`, without the newline */
    bool waits;                /* its image is not in the catalog */
} gp_marks_entry;
typedef struct gp_marks_file {
    gp_bytes bytes;
    char id[33];                 /* "" when there is no valid header */
    bool absent, foreign, newer; /* foreign: not one line of it is ours; newer: of a later version */
    uint64_t lines, bad;         /* bad: lines that are damaged, without a torn last one */
    bool torn;
    gp_marks_entry *entries; /* the last for each thing, in order */
    size_t count;
} gp_marks_file;

/* catalog.db -> catalog.marks.jsonl; another name -> NAME-marks.jsonl.  Owned; NULL: no memory. */
char *gp_marks_path(const char *catalog);
/* A file that is not there gives `absent`. */
gp_status gp_marks_read(const char *path, gp_marks_file *out, gp_error *err);
/* The same of text in memory, which is copied. */
gp_status gp_marks_parse(const char *text, size_t size, gp_marks_file *out, gp_error *err);
/* Entries in order of their keys, to be searched. */
void gp_marks_sort(gp_marks_file *file);
void gp_marks_file_clear(gp_marks_file *file);
/* The object of an entry.  Owned: gp_json_free. */
gp_status gp_marks_entry_json(const gp_marks_file *file, const gp_marks_entry *entry, gp_json **out, gp_error *err);
/* Close `body` (an object without its '}') with its sum and a newline, into out. */
void gp_marks_line(gp_str *out, const gp_str *body);
/* The first line of a journal. */
void gp_marks_header(gp_str *out, const char *id);
/* Its id and size without reading the rest; id "" when there is no header, size 0 when there is no file. */
void gp_marks_peek(const char *path, char id[33], int64_t *size);

/* ---- the two together (marks.c) */
/* At opening for writing: make catalog and journal agree.  Only MEMORY fails; other trouble is left to the next change.
 */
gp_status gp_marks_attach(gp_catalog *cat, gp_error *err);
/* Make them agree even if they seem to; the failure is told. */
gp_status gp_marks_again(gp_catalog *cat, gp_error *err);
/* Before COMMIT: append what is pending. */
gp_status gp_marks_flush(gp_catalog *cat, gp_error *err);
/* After COMMIT or ROLLBACK. */
void gp_marks_settle(gp_catalog *cat, bool committed);
void gp_marks_close(gp_catalog *cat);

/* ---- taking in (marks_merge.c): each entry newer than the catalog's row replaces it; sets `waits`.  Inside a
 * transaction. */
/* Would merging add this entry, of a thing that the catalog says nothing of? */
gp_status gp_marks_lacking(gp_catalog *cat, gp_marks_kind kind, const gp_json *entry, bool *lacking, gp_error *err);
gp_status gp_marks_merge(gp_catalog *cat, gp_marks_file *file, gp_cat_brought *brought, gp_error *err);

#endif
