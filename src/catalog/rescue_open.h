/* SPDX-License-Identifier: MIT
 * Private to the catalog room: opens a damaged catalog for reading.  The file itself is never changed: what must be
 * mended before SQLite reads it is mended in a private copy. */
#ifndef GP_CATALOG_RESCUE_OPEN_H
#define GP_CATALOG_RESCUE_OPEN_H

#include "catalog/db.h"

typedef struct gp_rescue_source {
    const char *path; /* borrowed: the damaged catalog */
    const char *copy; /* borrowed: the name for the private copy */
    sqlite3 *db;      /* NULL: it cannot be opened */
    int64_t version;  /* of its schema; 0: not known */
    bool foreign;     /* another program's file, or empty */
    bool copied;      /* the private copy exists */
} gp_rescue_source;

/* Opens the catalog, or a copy with its header mended.  The caller closes it in any case.  Errors: IO, MEMORY. */
gp_status gp_rescue_open(const char *path, const char *copy, gp_rescue_source *out, gp_error *err);
/* If tables of the empty catalog `to` are missing because the first page is damaged, and the other pages fit it, opens
 * a copy with the first page of `to`.  Errors: IO, MEMORY. */
gp_status gp_rescue_first_page(gp_rescue_source *source, gp_catalog *to, gp_error *err);
/* Returns `path` followed by `end`; owned, NULL when out of memory. */
char *gp_rescue_name(const char *path, const char *end);
/* Deletes a file, its log and the index of the log, if they exist. */
void gp_rescue_remove(const char *path);
/* Closes the catalog and deletes the copy. */
void gp_rescue_close(gp_rescue_source *source);

#endif
