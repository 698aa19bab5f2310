/* SPDX-License-Identifier: MIT
 * Writes a NumPy array file, version 1.0, float32 or int32, C order.  Rows are written one by one to a temporary file,
 * which is renamed at the end. Shape: [rows, width]; the number of rows is written last. */
#ifndef GP_BASE_NPY_WRITE_H
#define GP_BASE_NPY_WRITE_H

#include "base/status.h"

typedef struct gp_npy gp_npy;
/* kind 'f': float32, 'i': int32. */
gp_status gp_npy_open(const char *path, char kind, size_t width, gp_npy **out, gp_error *err);
/* Appends a row [width] of floats or int32. */
gp_status gp_npy_add(gp_npy *file, const void *row, gp_error *err);
size_t gp_npy_rows(const gp_npy *file);
/* Writes everything to the disk; no row may follow.  *fd: the open file, borrowed until the commit. */
gp_status gp_npy_end(gp_npy *file, int *fd, gp_error *err);
gp_status gp_npy_commit(gp_npy *file, gp_error *err); /* frees in both outcomes */
void gp_npy_abort(gp_npy *file);                      /* NULL allowed */
/* Writes a whole file: rows [n, width]. */
gp_status gp_npy_write(const char *path, char kind, const void *rows, size_t n, size_t width, gp_error *err);

#endif
