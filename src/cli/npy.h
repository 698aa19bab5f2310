/* SPDX-License-Identifier: MIT
 * A NumPy array file, version 1.0, float32, C order, written row by row under a temporary name and put in place whole.
 * Shape: [rows, width]; the number of rows is written last. */
#ifndef GP_CLI_NPY_H
#define GP_CLI_NPY_H

#include "base/status.h"

typedef struct gp_npy gp_npy;
gp_status gp_npy_open(const char *path, size_t width, gp_npy **out, gp_error *err);
/* Shape: row [width]. */
gp_status gp_npy_add(gp_npy *file, const float *row, gp_error *err);
size_t gp_npy_rows(const gp_npy *file);
gp_status gp_npy_commit(gp_npy *file, gp_error *err); /* frees in both outcomes */
void gp_npy_abort(gp_npy *file);                      /* NULL allowed */

#endif
