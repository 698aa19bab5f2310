/* SPDX-License-Identifier: MIT
 * Private to model: layers without activations between them, folded into one vector and one number. */
#ifndef GP_MODEL_LINEAR_LAYERS_H
#define GP_MODEL_LINEAR_LAYERS_H

#include "base/status.h"
#include "model/safetensors.h"

/* Returns whether there are at least two tensors PREFIX.N.weight, and no other tensor with this prefix has a name that
 * ends with "weight".  prefix NULL: all tensors must have the same prefix, or none. */
bool gp_linear_layers_are(const gp_tensors *tensors, const char *prefix);
/* Folds the layers in double: *out [dims + 2] gets `dims` weights, then the bias; the last number is not set.  file and
 * model: names for messages.  The caller frees *out with gp_mem_free.  Errors: FORMAT, UNSUPPORTED, USAGE: the first
 * layer has not `dims` columns. */
gp_status gp_linear_layers_fold(const gp_tensors *tensors, const char *file, const char *prefix, uint32_t dims,
                                const char *model, double **out, gp_error *err);

#endif
