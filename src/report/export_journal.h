/* SPDX-License-Identifier: MIT
 * Private to the report module: the journals of exports, by which `goldpan undo` works.
 *
 * The journals of catalog.db lie in the folder catalog.exports beside it: NUMBER.jsonl for each export.  Each line is
 * one JSON object with a checksum, as in the journal of marks.  A line is written before the file or folder that it
 * names is made.  So a line says what may exist; `undo` compares it with what does exist.  A journal is locked (flock)
 * while its export or an `undo` of it runs.  A journal without an "end" is that of a killed export. */
#ifndef GP_REPORT_EXPORT_JOURNAL_H
#define GP_REPORT_EXPORT_JOURNAL_H

#include "base/hash.h"
#include "base/status.h"
#include "base/str.h"

#include <sys/stat.h>

/* Returns the folder of a catalog's journals.  Owned; NULL when out of memory. */
char *gp_exports_folder(const char *catalog);

/* ------------------------------------------------------------------ writing */

typedef struct gp_export_journal gp_export_journal;

/* Creates and locks the next journal.  Owned: *out, gp_export_journal_close.  Errors: IO (the folder cannot be
 * written), MEMORY. */
gp_status gp_export_journal_new(const char *catalog, const gp_export_options *options, gp_export_journal **out,
                                gp_error *err);
/* Opens and locks an existing journal, to append to it.  *out NULL: another process has locked it.  NOT_FOUND. */
gp_status gp_export_journal_open(const char *catalog, uint64_t number, gp_export_journal **out, gp_error *err);
/* Returns the number of the export; 0: nothing is recorded that can be undone, or journal is NULL. */
uint64_t gp_export_journal_number(const gp_export_journal *journal);
/* Returns true after a line could not be written. */
bool gp_export_journal_broken(const gp_export_journal *journal);

/* The functions below append a line.  `journal` may be NULL: they then do nothing. */

/* The file at `to` is about to appear.  from: the original.  hash: of the content at `to`.  original: hash of the
 * original, if it differs from `hash`; else NULL.  source: the file whose
 * content this is; its device and inode identify a moved file.  sync: wait until the line is on the disk. */
gp_status gp_export_journal_file(gp_export_journal *journal, const char *to, const char *from, const gp_hash *hash,
                                 const gp_hash *original, const struct stat *source, bool sync, gp_error *err);
/* The last file of this path was not made after all. */
gp_status gp_export_journal_void(gp_export_journal *journal, const char *to, gp_error *err);
gp_status gp_export_journal_folder(gp_export_journal *journal, const char *path, gp_error *err);
/* A table, or another file of a data set, with this content is about to appear at `path`. */
gp_status gp_export_journal_table(gp_export_journal *journal, const char *path, const gp_hash *hash, gp_error *err);
/* `undo` has undone what the line about this path says. */
gp_status gp_export_journal_undone(gp_export_journal *journal, const char *path, gp_error *err);
/* An `undo` has ended.  left: number of things that it left alone. */
gp_status gp_export_journal_undo(gp_export_journal *journal, uint64_t left, gp_error *err);
/* The export has ended, and the catalog knows all moved files. */
gp_status gp_export_journal_end(gp_export_journal *journal, gp_error *err);
/* Keeps the journal although nothing is recorded in it: the export found everything in its place. */
void gp_export_journal_keep(gp_export_journal *journal);
/* Closes and unlocks the journal.  Deletes a new journal in which nothing is recorded.  NULL allowed. */
void gp_export_journal_close(gp_export_journal *journal);

/* Creates the folder and its parents, and records those that it creates. */
gp_status gp_export_journal_make_folder(gp_export_journal *journal, const char *path, gp_error *err);

/* ------------------------------------------------------------------ reading */

typedef enum gp_made_kind { GP_MADE_FILE, GP_MADE_FOLDER, GP_MADE_TABLE } gp_made_kind;
typedef struct gp_made {
    gp_made_kind kind;
    char *path, *from; /* owned; from: NULL for folders and tables */
    gp_hash hash;      /* files and tables */
    gp_hash original;  /* files: hash of the original; equal to `hash` except for copies with other metadata */
    uint64_t device, inode;
    bool undone, is_void; /* is_void: it was not made after all; then `undone` is true too */
} gp_made;
typedef struct gp_export_record {
    uint64_t number;
    int64_t at, undone_at; /* Unix time; 0: not undone */
    char *folder, *name;   /* owned; name: NULL without a pattern */
    gp_export_mode mode;
    gp_made *made; /* owned [count], in the order of the journal */
    size_t count;
    uint64_t files, left; /* files: without those that are void */
    bool ended;
    size_t hint; /* private: where the next line "undone" probably belongs */
} gp_export_record;

/* Lists the numbers of the journals in ascending order.  Owned: *numbers, gp_mem_free. */
gp_status gp_exports_list(const char *catalog, uint64_t **numbers, size_t *count, gp_error *err);
/* Reads a journal.  Skips damaged lines.  NOT_FOUND (no such journal), FORMAT (not a journal).  Owned: *out,
 * gp_export_record_clear. */
gp_status gp_export_record_read(const char *catalog, uint64_t number, gp_export_record *out, gp_error *err);
/* Returns true if the last line of the journal says that the export, or an undo of it, has ended.  Reads only the end
 * of the file.  `folder`: the open folder of the journals. */
bool gp_export_has_ended(int folder, uint64_t number);
void gp_export_record_clear(gp_export_record *record);

#endif
