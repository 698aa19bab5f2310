/* SPDX-License-Identifier: MIT
 * Images inside a Parquet file: a column of structs {bytes, path}, as Hugging Face's datasets write it, or a column of
 * bytes.  Memory: the paths, one page with its dictionary, and one image. */
#ifndef GP_TABLE_PARQUET_IMAGES_H
#define GP_TABLE_PARQUET_IMAGES_H

#include "base/clock.h"
#include "base/status.h"

typedef struct gp_parquet_images gp_parquet_images;
/* bytes [size]: the whole file, borrowed until gp_parquet_images_close, as is `label`.  column: the column of the images,
 * or NULL: the first struct with bytes, else the first column of bytes.  NOT_FOUND if there is no such column. */
gp_status gp_parquet_images_open(const char *label, const void *bytes, size_t size, const char *column, gp_watch *watch,
                                 gp_parquet_images **out, gp_error *err);
const char *gp_parquet_images_column(const gp_parquet_images *images);
size_t gp_parquet_images_rows(const gp_parquet_images *images);
/* Returns the path that the row states for its image, or NULL. */
const char *gp_parquet_images_path(const gp_parquet_images *images, size_t row);
/* Visits all rows in order.  image [size]: borrowed until the callback returns; NULL: the row has no image. */
gp_status gp_parquet_images_each(gp_parquet_images *images,
                                 gp_status (*visit)(void *user, size_t row, const void *image, size_t size,
                                                    gp_error *err),
                                 void *user, gp_error *err);
void gp_parquet_images_close(gp_parquet_images *images); /* NULL allowed */

#endif
