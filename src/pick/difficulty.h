/* SPDX-License-Identifier: MIT
 * Corrects scores for the difficulty of their prompts.  gp_difficulty_correct in goldpan.h describes the method, the
 * parameters and the results. */
#ifndef GP_PICK_DIFFICULTY_H
#define GP_PICK_DIFFICULTY_H

#include "base/status.h"

gp_status gp_calibrate_difficulty(const double *score, const int32_t *prompt, size_t n, const float *embeddings,
                                  size_t prompts, size_t d, const gp_difficulty_options *options, double *corrected,
                                  gp_difficulty *facts, gp_error *err);

#endif
