/* SPDX-License-Identifier: MIT
 * Tables that programs write into the folder of their images, and that goldpan reads without being asked:
 *   metadata.csv, metadata.jsonl, metadata.parquet   Hugging Face's imagefolder; also for images in folders below
 *   part-000001.json ...                             DiffusionDB
 *   log.csv                                          AUTOMATIC1111
 *   log.html                                         Fooocus
 *
 * A row belongs to the image at its path relative to the table's folder. If no row has this path, case and %XX are
 * ignored, and then a row with the path of another machine belongs to the image of the same name in the table's folder;
 * in both cases only if the row is unique. The tables of the last few folders stay in memory; a table has at most 256
 * MiB.  Not for several threads. */
#ifndef GP_INGEST_BESIDE_H
#define GP_INGEST_BESIDE_H

#include "table/table.h"

typedef struct gp_beside gp_beside;
typedef struct gp_beside_row {
    const gp_table *table; /* NULL: there is no row. Borrowed until the next call of gp_beside_find */
    size_t row, image_column, prompt_column;
} gp_beside_row;

/* `but`: path of a table that is left out, because the user named it; or NULL. */
gp_status gp_beside_new(const char *but, gp_beside **out, gp_error *err);
/* Finds the row of an image, given its absolute path. A table that cannot be read is left out and counted.
 * Errors: MEMORY only. */
gp_status gp_beside_find(gp_beside *beside, const char *path, gp_beside_row *out, gp_error *err);
/* Reports the tables that were left out, and what was left out of the others. images: number of images that got a prompt
 * from a table; 0: the tables that were read are not reported. `note` may be NULL. */
void gp_beside_notes(const gp_beside *beside, uint64_t images, gp_note_fn note, void *user);
void gp_beside_free(gp_beside *beside); /* NULL allowed */

#endif
