/* SPDX-License-Identifier: MIT
 * Scorers that stay open, for scoring a part of the images at a time. The stage score uses them for all images at once,
 * and `goldpan watch` for the images of each batch. */
#ifndef GP_STAGE_SCORING_H
#define GP_STAGE_SCORING_H

#include "catalog/catalog.h"
#include "model/encoder.h"

typedef struct gp_scoring gp_scoring;

/* Records the scorers in the catalog and allocates the memory for encoding. encoder and options must live as long as the
 * gp_scoring. */
gp_status gp_scoring_open(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                          const gp_score_options *options, gp_scoring **out, gp_error *err);
void gp_scoring_close(gp_scoring *scoring);           /* NULL allowed */
const char *gp_scoring_id(const gp_scoring *scoring); /* id of the first scorer; borrowed */
/* Returns the number of images that all threads encode at once. */
int gp_scoring_batch(const gp_scoring *scoring);

/* Returns the id of the last image that gp_scoring_run took up; 0: none. */
int64_t gp_scoring_last(const gp_scoring *scoring);

/* Which images gp_scoring_run scores. */
typedef struct gp_score_part {
    int64_t after, upto;                       /* images with after < id <= upto */
    uint64_t most;                             /* at most this number of images is encoded */
    bool measure;                              /* also measure images that were encoded without measures (frames.h) */
    void (*scored)(void *user, int64_t image); /* called for each new score of the first scorer; may be NULL */
    void *user;
} gp_score_part;
/* Encodes the images of the part that have no embedding, and scores the pairs of the part that have no score. todo: the
 * total for the progress; 0: unknown. Adds to *report. After a stop, scores the images that have been encoded. */
gp_status gp_scoring_run(gp_scoring *scoring, const gp_score_part *part, uint64_t todo, gp_report *report,
                         gp_error *err);
/* Sends the notes about truncated prompts and about black and noise images. */
gp_status gp_scoring_tell(const gp_scoring *scoring, gp_error *err);

#endif
