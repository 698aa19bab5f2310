/* SPDX-License-Identifier: MIT
 * Limits of quality measures, such as "noise<5" or "sharpness >= 100". */
#ifndef GP_PICK_BOUNDS_H
#define GP_PICK_BOUNDS_H

#include "base/status.h"

typedef struct gp_bound {
    unsigned measure;  /* index of the measure; gp_bound_name returns its name */
    bool above, equal; /* above: the sign is > or >=, else < or <=; equal: the limit itself is allowed */
    double limit;
} gp_bound;

/* Parses a limit such as "noise<5". Error: USAGE; the message lists the measures. */
gp_status gp_bound_parse(const char *text, gp_bound *out, gp_error *err);
/* Returns whether the measures meet the limit.  *value: the measure that was compared with the limit. */
bool gp_bound_passes(const gp_bound *where, const gp_quality *quality, double *value);
const char *gp_bound_name(const gp_bound *where);

#endif
