/* SPDX-License-Identifier: MIT
 * Private to the files export_journal*.c. */
#ifndef GP_REPORT_EXPORT_JOURNAL_PRIVATE_H
#define GP_REPORT_EXPORT_JOURNAL_PRIVATE_H

#include "report/export_journal.h"

enum { GP_JOURNAL_VERSION = 1 };
/* The words for gp_export_mode in a journal; NULL ends the list. */
extern const char *const gp_export_modes[];
/* Returns the path of a journal.  Owned; NULL when out of memory. */
char *gp_export_journal_path(const char *catalog, uint64_t number);

/* ------------------------------------------------------------------ undo_tables.c */

typedef struct gp_other_table {
    char *path; /* owned */
    gp_hash hash;
    bool owned; /* the export is not undone */
} gp_other_table;
/* The tables, and the files of data sets, that the other exports to a folder have written. */
typedef struct gp_other_tables {
    gp_other_table *list; /* [count] */
    size_t count, room;
} gp_other_tables;
/* Reads the other journals if the export has written tables. */
gp_status gp_other_tables_read(const char *catalog, const gp_export_record *record, gp_other_tables *out,
                               gp_error *err);
/* Returns true if another export, which is not undone, wrote a file at `path`. */
bool gp_other_tables_own(const gp_other_tables *others, const char *path);
/* Returns true if another export wrote this content at `path`. */
bool gp_other_tables_wrote(const gp_other_tables *others, const char *path, const gp_hash *hash);
void gp_other_tables_clear(gp_other_tables *others);

#endif
