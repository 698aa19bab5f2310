/* SPDX-License-Identifier: MIT
 * Reads what the rows of a cursor (gp_row) lack: the category, the reason of the pick, the corrected score, and the
 * embeddings. */
#ifndef GP_CATALOG_ROW_EXTRA_H
#define GP_CATALOG_ROW_EXTRA_H

#include "catalog/read_all.h"

typedef struct gp_cat_extra {
    char *category, *reason; /* owned; NULL: none */
    double corrected;        /* NaN: none */
    uint32_t dims;           /* length of each vector */
    float *image_vector;     /* [dims] owned, allocated once */
    float *text_vector;      /* [dims] of the image's prompt; owned, allocated once */
    bool has_image_vector, has_text_vector;
} gp_cat_extra;
/* Prepares for gp_cat_extra_read.  vectors: also read the embeddings by the encoder of the scorer.  NOT_FOUND: vectors
 * are wanted, but the catalog has no scorer with embeddings. */
gp_status gp_cat_extra_open(gp_catalog *cat, const gp_cat_summary *facts, bool vectors, gp_cat_extra *out,
                            gp_error *err);
/* Replaces the values by those of an image. */
gp_status gp_cat_extra_read(gp_catalog *cat, const gp_cat_summary *facts, int64_t image, gp_cat_extra *extra,
                            gp_error *err);
void gp_cat_extra_clear(gp_cat_extra *extra);

#endif
