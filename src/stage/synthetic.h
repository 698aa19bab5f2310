/* SPDX-License-Identifier: MIT
 * Synthetic images in memory, for benchmarks. They are as large in pixels and bytes as the images that generators
 * make. */
#ifndef GP_STAGE_SYNTHETIC_H
#define GP_STAGE_SYNTHETIC_H

#include "base/str.h"

enum { GP_SYNTHETIC_SIDE = 1024 };
/* Appends image `seed` as a PNG file of about 1.5 MB to out. The same seed gives the same image. */
gp_status gp_synthetic_png(uint64_t seed, gp_str *out, gp_error *err);
/* Writes prompt `i`: a subject, a style and details, at most about 20 tokens. The prompts repeat after 385. */
void gp_synthetic_prompt(uint64_t i, char *out, size_t size);

#endif
