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
/* Reads a column as vectors if its cells allow that, else as numbers, else as words. */
gp_status gp_cli_feature_guess(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err);
/* Reads the value of --feature, "COLUMN" or "COLUMN:KIND".  KIND: number, category, vector or ordinal=LOW|...|HIGH, or
 * sliceguard's names numerical, nominal, embedding.  A comma and `unscaled` may follow for numbers, a comma and
 * `weight=W` for vectors.  A column's name may contain colons.  The caller clears *out, also after an error. */
gp_status gp_cli_feature_read(const gp_columns *table, const char *path, const char *value, gp_cli_feature *out,
                              gp_error *err);
/* Reads the value of --embedding, "X.npy" or "NAME=X.npy", each with an optional ":weight=W" at its end.  The caller
 * clears *out, also after an error. */
gp_status gp_cli_feature_load(const char *value, size_t rows, gp_cli_feature *out, gp_error *err);
void gp_cli_feature_clear(gp_cli_feature *feature);

/* Reads a NumPy array and fails if a number is not finite.  The caller frees *rows [n, d] with gp_free. */
gp_status gp_npy_read_finite(const char *path, float **rows, size_t *n, size_t *d, gp_error *err);

#endif
