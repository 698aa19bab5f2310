/* SPDX-License-Identifier: MIT
 * A score corrected by the difficulty of its prompt: what the prompt's text alone predicts is taken off.  The public
 * form is gp_difficulty_correct of goldpan.h, which says what goes in and what comes out. */
#ifndef GP_PICK_DIFFICULTY_H
#define GP_PICK_DIFFICULTY_H

#include "base/status.h"

gp_status gp_calibrate_difficulty(const double *score, const int32_t *prompt, size_t n, const float *embeddings,
                                  size_t prompts, size_t d, int threads, double *corrected, gp_difficulty *facts,
                                  gp_error *err);

#endif
