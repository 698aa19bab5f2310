/* SPDX-License-Identifier: MIT
 * Images inside a Parquet file: the paths, and all bytes of all images. */
#include "table/parquet_images.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct sums {
    gp_parquet_images *images;
    size_t next;
    uint64_t bytes;
} sums;

static gp_status visit(void *user, size_t row, const void *image, size_t size, gp_error *err)
{
    sums *s = user;
    (void)err;
    if (row != s->next++ || row >= gp_parquet_images_rows(s->images) || (image != NULL) != (size > 0)) abort();
    const char *path = gp_parquet_images_path(s->images, row);
    s->bytes += path ? strlen(path) : 0;
    for (size_t i = 0; i < size; i++) s->bytes += ((const uint8_t *)image)[i];
    return s->next < 100000 ? GP_OK : GP_ERR_STOPPED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sums s = {0};
    gp_error err = {0};
    if (gp_parquet_images_open("fuzz", data, size, NULL, NULL, &s.images, &err) != GP_OK) {
        if (!err.message[0]) abort();
        return 0;
    }
    gp_status st = gp_parquet_images_each(s.images, visit, &s, &err);
    if (st != GP_OK && st != GP_ERR_STOPPED && !err.message[0]) abort();
    gp_parquet_images_close(s.images);
    return s.bytes == UINT64_MAX; /* never true; it keeps the compiler from removing the reads */
}
