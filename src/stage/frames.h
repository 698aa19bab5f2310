/* SPDX-License-Identifier: MIT
 * Stores quality measures. Sets an image apart (it is then no candidate) if its frame shows nothing, such as a black
 * image. `score` measures an image when it encodes it. gp_stage_measure measures images that were encoded without
 * measures, by an older goldpan or with --fast-decode. */
#ifndef GP_STAGE_FRAMES_H
#define GP_STAGE_FRAMES_H

#include "catalog/catalog.h"
#include "stage/passed.h"

typedef struct gp_frames_found {
    uint64_t counts[GP_FRAME_NOISE + 1]; /* [gp_frame] number of images that this call set apart, by frame */
    uint64_t kept;                       /* images that an earlier call set apart and that are candidates again */
} gp_frames_found;

/* Stores the measures of an image. Unless `keep` is set, sets the image apart if its frame shows nothing, and counts
 * it. */
gp_status gp_frames_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool keep, gp_frames_found *found,
                        gp_error *err);
/* Sends one note for each kind of frame that was set apart. */
void gp_frames_tell(const gp_frames_found *found, const gp_score_options *options);

/* Decodes and measures the images on disk that have no measures. Files that cannot be decoded are skipped, because
 * `score` reports them. */
gp_status gp_stage_measure(gp_catalog *cat, const gp_score_options *options, gp_frames_found *found, gp_error *err);

#endif
