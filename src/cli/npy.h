/* SPDX-License-Identifier: MIT
 * A NumPy array file, version 1.0, float32 or int32, C order, written row by row under a temporary name and put in
 * place whole. Shape: [rows, width]; the number of rows is written last. */
#ifndef GP_CLI_NPY_H
#define GP_CLI_NPY_H

#include "base/status.h"

/* Reads an array whose numbers must be finite.  Owns: *rows [n, d], gp_free. */
gp_status gp_npy_read_finite(const char *path, float **rows, size_t *n, size_t *d, gp_error *err);

typedef struct gp_npy gp_npy;
/* kind 'f': float32, 'i': int32. */
gp_status gp_npy_open(const char *path, char kind, size_t width, gp_npy **out, gp_error *err);
/* Shape: row [width] of its kind. */
gp_status gp_npy_add(gp_npy *file, const void *row, gp_error *err);
size_t gp_npy_rows(const gp_npy *file);
gp_status gp_npy_commit(gp_npy *file, gp_error *err); /* frees in both outcomes */
void gp_npy_abort(gp_npy *file);                      /* NULL allowed */
/* All at once: rows [n, width]. */
gp_status gp_npy_write(const char *path, char kind, const void *rows, size_t n, size_t width, gp_error *err);

#endif
