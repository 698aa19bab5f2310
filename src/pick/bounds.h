/* SPDX-License-Identifier: MIT
 * Limits of quality measures in words: "noise<5", "sharpness >= 100". */
#ifndef GP_PICK_BOUNDS_H
#define GP_PICK_BOUNDS_H

#include "base/status.h"

typedef struct gp_bound {
    unsigned measure;  /* index into gp_bound_name */
    bool above, equal; /* > or <; with = */
    double limit;
} gp_bound;

/* Error: USAGE, which names the measures. */
gp_status gp_bound_parse(const char *text, gp_bound *out, gp_error *err);
/* Whether the measures pass; *value: the measure that was compared. */
bool gp_bound_passes(const gp_bound *where, const gp_quality *quality, double *value);
const char *gp_bound_name(const gp_bound *where);

#endif
