/* SPDX-License-Identifier: MIT
 * Pictures drawn in memory, for measuring: as large in pixels and bytes as what generators make. */
#ifndef GP_STAGE_SYNTHETIC_H
#define GP_STAGE_SYNTHETIC_H

#include "base/str.h"

enum { GP_DRAWN_SIDE = 1024 };
/* Picture `seed` as the bytes of a PNG, some 1.5 MB, added to out.  The same seed gives the same picture. */
gp_status gp_synthetic_png(uint64_t seed, gp_str *out, gp_error *err);
/* Prompt `i`: subject, style and details, some 20 tokens; they repeat after a few thousand. */
void gp_drawn_prompt(uint64_t i, char *out, size_t size);

#endif
