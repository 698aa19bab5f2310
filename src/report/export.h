/* SPDX-License-Identifier: MIT
 * Private to the report room: putting a file into a folder (place.c) and the tables beside the files (tables_out.c). */
#ifndef GP_REPORT_EXPORT_H
#define GP_REPORT_EXPORT_H

#include "base/hash.h"
#include "base/status.h"
#include "base/str.h"

/* ---- place.c: one image into a folder; nothing there is overwritten */
typedef struct gp_place {
    const char *folder;
    gp_export_mode mode;
    uint64_t *hints; /* [hint_room] pairs (hash of a base name, number to try next): speeds up many equal names */
    size_t hint_count, hint_room;
} gp_place;
typedef enum gp_placed { GP_PLACED_NEW, GP_PLACED_SAME, GP_PLACED_FAILED } gp_placed;
/* Bring `source`, whose content must have this hash, under its base name, or with -2, -3 ... before the extension if
 * other content has that name.  *name (owned) on NEW and SAME (that content is there already).  FAILED: the source
 * is gone or changed; err has the message, the status is GP_OK.  Otherwise the folder is at fault. */
gp_status gp_place_file(gp_place *place, const char *source, gp_hash hash, gp_placed *placed, char **name,
                        gp_error *err);
void gp_place_clear(gp_place *place);
/* "name.ext" for 1, "name-2.ext" for 2 ...; owned, NULL without memory. */
char *gp_place_name(const char *base, uint32_t number);
/* Hash of a file's content, read as a stream. */
gp_status gp_place_hash(const char *path, gp_hash *hash, gp_error *err);

/* ---- tables_out.c */
/* Names of settings found in the exported rows, in order of first appearance: they become columns of the CSV tables. */
typedef struct gp_keys {
    char **names; /* owned, at most GP_KEYS_MAX */
    size_t count;
} gp_keys;
enum { GP_KEYS_MAX = 256 };
gp_status gp_keys_add(gp_keys *keys, const char *settings_json, gp_error *err);
void gp_keys_clear(gp_keys *keys);

typedef enum gp_table_kind { GP_TABLE_CSV, GP_TABLE_JSONL, GP_TABLE_METADATA } gp_table_kind;
typedef struct gp_table_out gp_table_out;
/* keys: borrowed until commit or abort. */
gp_status gp_table_out_open(const char *path, gp_table_kind kind, const gp_keys *keys, gp_table_out **out,
                            gp_error *err);
/* file_name NULL: no file was exported. */
gp_status gp_table_out_row(gp_table_out *table, const gp_row *row, const char *file_name, gp_error *err);
gp_hash gp_table_out_hash(gp_table_out *table);                    /* of all that was written so far */
gp_status gp_table_out_commit(gp_table_out *table, gp_error *err); /* frees in both outcomes */
void gp_table_out_abort(gp_table_out *table);                      /* NULL allowed */

#endif
