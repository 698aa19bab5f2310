/* SPDX-License-Identifier: MIT
 * A NumPy array of float32 rows as a file of a data set (set_file.h). */
#ifndef GP_DATASET_NPY_SET_H
#define GP_DATASET_NPY_SET_H

#include "dataset/set_file.h"

typedef struct gp_npy_set gp_npy_set;
gp_status gp_npy_set_open(gp_set_files *files, const char *name, size_t width, gp_npy_set **out, gp_error *err);
gp_status gp_npy_set_add(gp_npy_set *set, const float *row, gp_error *err);
gp_status gp_npy_set_commit(gp_npy_set *set, gp_error *err); /* frees in both outcomes */
void gp_npy_set_abort(gp_npy_set *set);                      /* NULL allowed */

#endif
