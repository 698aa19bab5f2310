/* SPDX-License-Identifier: MIT
 * The peak of this machine, measured: the loops of kernel/peak.h on one thread and on several. */
#ifndef GP_TENSOR_PEAK_RATE_H
#define GP_TENSOR_PEAK_RATE_H

#include "base/status.h"
#include "kernel/peak.h"

/* Operations a second of all threads together, a product and its addition being two; the best of `tries`, each of
 * `seconds`.  Threads: any, but two at once disturb each other. */
gp_status gp_peak_measure(const gp_peak_loop *loop, int threads, double seconds, int tries, double *rate,
                          gp_error *err);

#endif
