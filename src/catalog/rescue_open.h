/* SPDX-License-Identifier: MIT
 * Private to the catalog module: opens a damaged catalog for reading. The file itself is never changed. Repairs that
 * SQLite needs before it can read are made in a private copy. */
#ifndef GP_CATALOG_RESCUE_OPEN_H
#define GP_CATALOG_RESCUE_OPEN_H

#include "catalog/db.h"

typedef struct gp_rescue_source {
    const char *path; /* borrowed: the damaged catalog */
    const char *copy; /* borrowed: the name for the private copy */
    sqlite3 *db;      /* NULL: the catalog cannot be opened */
    int64_t version;  /* schema version; 0: unknown */
    bool foreign;     /* the file is another program's, or empty */
    bool copied;      /* the private copy exists */
} gp_rescue_source;

/* Opens the catalog, or a copy with a repaired header. The caller must call gp_rescue_close even after an error.
 * Errors: IO, MEMORY. */
gp_status gp_rescue_open(const char *path, const char *copy, gp_rescue_source *out, gp_error *err);
/* If tables are missing because a page of the schema is damaged, opens a copy with the schema of the empty catalog `to`.
 * It does so only if the other pages fit that schema. Errors: IO, MEMORY. */
gp_status gp_rescue_schema(gp_rescue_source *source, gp_catalog *to, gp_error *err);
/* Returns `path` followed by `end`. The caller owns it; it is NULL if memory ran out. */
char *gp_rescue_name(const char *path, const char *end);
/* Deletes a catalog file, its log and the index of the log, if they exist. */
void gp_rescue_remove(const char *path);
/* Closes the catalog and deletes the copy. */
void gp_rescue_close(gp_rescue_source *source);

#endif
