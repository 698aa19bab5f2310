/* SPDX-License-Identifier: MIT
 * Quality measures in the catalog, and images set apart because their frame shows nothing.  `score` measures each image
 * where it decodes it; gp_stage_measure does the rest: images that were encoded before there were measures. */
#ifndef GP_STAGE_FRAMES_H
#define GP_STAGE_FRAMES_H

#include "catalog/catalog.h"
#include "stage/passed.h"

typedef struct gp_frames_found {
    uint64_t counts[GP_FRAME_NOISE + 1]; /* by gp_frame: images set apart in this call; NORMAL is not counted */
    uint64_t kept;                       /* set apart before, and candidates again */
} gp_frames_found;

/* Stores the measures of an image.  Unless `keep`, sets it apart if its frame shows nothing. */
gp_status gp_frames_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool keep, gp_frames_found *found,
                        gp_error *err);
/* Sends a note for each kind of frame that was set apart. */
void gp_frames_tell(const gp_frames_found *found, const gp_score_options *options);

/* Decodes and measures the images on disk that have no measures.  A file that cannot be decoded is left to `score`,
 * which reports it. */
gp_status gp_stage_measure(gp_catalog *cat, const gp_score_options *options, gp_frames_found *found, gp_error *err);

#endif
