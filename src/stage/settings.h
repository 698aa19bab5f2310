/* SPDX-License-Identifier: MIT
 * The settings of many images (one JSON object each) as columns: "steps" is a number, "sampler" a category. The columns
 * of the prompt table are included. */
#ifndef GP_STAGE_SETTINGS_H
#define GP_STAGE_SETTINGS_H

#include "base/status.h"

typedef struct gp_setting_columns {
    size_t n, count;
    char **names;         /* [count] sorted by name */
    char ***words;        /* [count][n] values as text; NULL: absent */
    double **numbers;     /* [count][n]; NULL if a value is not a number; absent values are NaN */
    gp_feature *features; /* [feature_count] columns that distinguish images: neither constant nor nearly unique */
    size_t feature_count;
} gp_setting_columns;
/* Reads the settings of n images. json [n]: one JSON object for each image; an entry may be NULL. Keys after the 256th
 * are ignored. The caller frees *out with gp_setting_columns_clear. */
gp_status gp_setting_columns_read(char *const *json, size_t n, gp_setting_columns *out, gp_error *err);
void gp_setting_columns_clear(gp_setting_columns *settings);
/* Finds a column by its exact name, else ignoring case. Returns SIZE_MAX if there is none. */
size_t gp_setting_columns_find(const gp_setting_columns *settings, const char *name);

#endif
