/* SPDX-License-Identifier: MIT
 * Reads NumPy arrays, format 1.0 to 3.0, with embeddings made by other programs. */
#ifndef GP_TABLE_NPY_READ_H
#define GP_TABLE_NPY_READ_H

#include "base/status.h"

/* Reads an array as rows [n, d] of float32 from f2, f4, f8, i1..i8, u1..u8 or bool, little endian, C order.  A 1-D
 * array becomes one column.  `name` is used in messages.  Owned: *rows (gp_mem_free). */
gp_status gp_npy_parse(const char *name, const void *bytes, size_t size, float **rows, size_t *n, size_t *d,
                       gp_error *err);
/* Reads an array from a file.  Memory: the rows and a small buffer.  IO if another program shortens the file
 * meanwhile. */
gp_status gp_npy_load(const char *path, float **rows, size_t *n, size_t *d, gp_error *err);

#endif
