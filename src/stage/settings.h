/* SPDX-License-Identifier: MIT
 * The settings of many images (JSON objects, as the catalog keeps them) as columns: "steps" a number, "sampler" a
 * category, with the columns of the prompt table among them. */
#ifndef GP_STAGE_SETTINGS_H
#define GP_STAGE_SETTINGS_H

#include "base/status.h"

typedef struct gp_setting_columns {
    size_t n, count;
    char **names;         /* [count] in order of name */
    char ***words;        /* [count][n] the value as text; NULL: absent */
    double **numbers;     /* [count][n] NULL where some value is no number; absent NaN */
    gp_feature *features; /* [feature_count] those that can tell images apart: neither constant nor nearly unique */
    size_t feature_count;
} gp_setting_columns;
/* json [n], entries may be NULL.  More than 256 different keys: the rest is left out.  Owns: *out,
 * gp_setting_columns_clear.
 */
gp_status gp_setting_columns_read(char *const *json, size_t n, gp_setting_columns *out, gp_error *err);
void gp_setting_columns_clear(gp_setting_columns *settings);
/* Column by name, else ignoring case; SIZE_MAX. */
size_t gp_setting_columns_find(const gp_setting_columns *settings, const char *name);

#endif
