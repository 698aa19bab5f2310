/* SPDX-License-Identifier: MIT
 * Measures the peak arithmetic rate of this machine: runs the loops of kernel/peak.h on several threads. */
#ifndef GP_TENSOR_PEAK_RATE_H
#define GP_TENSOR_PEAK_RATE_H

#include "base/status.h"
#include "kernel/peak.h"

/* *rate: operations per second of all threads together; a multiplication and its addition count as two operations.  It
 * is the best of `tries` measurements of `seconds` each. threads < 1: all processors.  Do not run two measurements at
 * the same time: they disturb each other. */
gp_status gp_peak_measure(const gp_peak_loop *loop, int threads, double seconds, int tries, double *rate,
                          gp_error *err);

#endif
