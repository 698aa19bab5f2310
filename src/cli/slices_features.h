/* SPDX-License-Identifier: MIT
 * The values of --feature and --embedding: "COLUMN:KIND" and "NAME=X.npy:weight=W". */
#ifndef GP_CLI_SLICES_FEATURES_H
#define GP_CLI_SLICES_FEATURES_H

#include "base/status.h"

/* One --feature or --embedding, read from the table or the file. */
typedef struct gp_cli_feature {
    gp_feature feature; /* points into `text`, `order` and `rows` */
    char *text;         /* the option's value, cut into words */
    const char **order; /* [feature.order_count] */
    void *rows;         /* words, numbers or vectors, by kind */
} gp_cli_feature;

/* Finds a column by its name.  `path` names the table in the error, which lists the columns. */
gp_status gp_cli_feature_column(const gp_columns *table, const char *path, const char *name, size_t *column,
                                gp_error *err);
/* Reads a column as vectors, numbers or words: the first that its cells allow. */
gp_status gp_cli_feature_guess(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err);
/* "COLUMN" or "COLUMN:KIND".  KIND: number, category, vector or ordinal=LOW|...|HIGH, or sliceguard's numerical,
 * nominal, embedding; and after a comma `unscaled` for numbers, `weight=W` for vectors.  A column's name may have
 * colons.  Owns: *out, also after an error. */
gp_status gp_cli_feature_read(const gp_columns *table, const char *path, const char *value, gp_cli_feature *out,
                              gp_error *err);
/* "X.npy", "NAME=X.npy", each also with ":weight=W" behind.  Owns: *out, also after an error. */
gp_status gp_cli_feature_load(const char *value, size_t rows, gp_cli_feature *out, gp_error *err);
void gp_cli_feature_clear(gp_cli_feature *feature);

#endif
