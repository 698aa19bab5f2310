/* SPDX-License-Identifier: MIT
 * The stage generate: images from all prompts of a catalog, or from one image of the catalog (the same image again, or
 * more images like it). */
#ifndef GP_GENERATION_GENERATION_H
#define GP_GENERATION_GENERATION_H

#include "base/hash.h"
#include "stage/stage.h"

/* Checks the options. Errors: those of gp_generate. */
gp_status gp_stage_generate_check(const gp_generate_options *options, gp_error *err);
/* See gp_generate. encoder NULL: nothing is scored. */
gp_status gp_stage_generate(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                            const gp_generate_options *options, gp_generate_report *report, gp_error *err);

/* Generates images with the prompt and the settings of `image`. count 0: one image with the seed of `image`. count > 0:
 * `count` images whose seeds are the numbers after the largest seed of the prompt's images. The same call after an
 * interruption again generates `count` images, with the seeds after those of the images in the catalog. The generator
 * at options->backend, which must be set, makes the images, and goldpan writes them to options->folder. The other
 * options apply as in gp_generate. Nothing is scored.
 * Errors: NOT_FOUND (no such image, or its prompt is unknown), USAGE (its seed is unknown), and those of gp_generate. */
gp_status gp_stage_regenerate(gp_catalog *cat, const gp_hash *image, uint32_t count, const gp_generate_options *options,
                              gp_generate_report *report, gp_error *err);

#endif
