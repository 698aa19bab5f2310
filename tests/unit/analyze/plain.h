/* SPDX-License-Identifier: MIT
 * For the tests of analysis: random rows, and a plain nearest-neighbour search. */
#ifndef GP_TESTS_ANALYZE_PLAIN_H
#define GP_TESTS_ANALYZE_PLAIN_H

#include "analyze/analyze.h"
#include "base/rng.h"
#include "support.h"
#include <math.h>

static inline double uniform(uint64_t seed, uint64_t i)
{
    return (double)(gp_rng_at(seed, i) >> 11) / 9007199254740992.0;
}

static inline float normal(uint64_t seed, uint64_t i)
{
    double u = uniform(seed, 2 * i), v = uniform(seed ^ 0x5bd1e995, 2 * i + 1);
    return (float)(sqrt(-2 * log(u + 1e-300)) * cos(6.283185307179586 * v));
}

/* Returns rows [n, d] in `blobs` clusters of spread 0.3; with blobs 0, all rows are in one cluster of spread 1.  With
 * `repeats`, some rows are copies of earlier rows.  Free with free. */
static inline float *random_rows(uint64_t seed, size_t n, size_t d, size_t blobs, bool repeats)
{
    float *x = malloc((n * d + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        size_t blob = blobs ? gp_rng_at(seed + 1, i) % blobs : 0, from = i;
        if (repeats && i && gp_rng_at(seed + 2, i) % 4 == 0) from = gp_rng_at(seed + 3, i) % i;
        for (size_t j = 0; j < d; j++)
            x[i * d + j] =
                from != i ? x[from * d + j]
                          : (blobs ? normal(seed + 4, blob * d + j) : 0) + (blobs ? 0.3f : 1) * normal(seed, i * d + j);
    }
    return x;
}

static inline double plain_distance(const float *x, const float *y, size_t d, gp_metric metric)
{
    double xy = 0, xx = 0, yy = 0, gap = 0;
    for (size_t j = 0; j < d; j++) {
        xy += (double)x[j] * y[j], xx += (double)x[j] * x[j], yy += (double)y[j] * y[j];
        gap += ((double)x[j] - y[j]) * ((double)x[j] - y[j]);
    }
    if (metric == GP_METRIC_EUCLIDEAN) return sqrt(gap);
    return xx > 0 && yy > 0 ? 1 - xy / (sqrt(xx) * sqrt(yy)) : 1;
}

/* Returns CLIP embeddings [*n, 512] of names of things. Reads `count` of four files, from file `first` (0 to 3) on. The
 * files have 1,203, 365, 500 and 80 rows. unit: scale each row to length 1. Only some machines have these files,
 * because the files may not be distributed. Returns NULL if a file is missing. Free with free. */
static inline float *words_by_clip(int first, int count, bool unit, size_t *n)
{
    static const char *const files[] = {"lvis_v1_clip_a+cname", "o365_clip_a+cnamefix", "oid_clip_a+cname",
                                        "coco_clip_a+cname"};
    float *all = malloc(2148 * 512 * sizeof *all);
    *n = 0;
    for (int f = first; f < first + count; f++) {
        char path[200];
        float *rows;
        size_t m, d;
        snprintf(path, sizeof path, "data/golden/detic/%s.npy", files[f]);
        const char *full = shared_path(path, "real vectors");
        if (!full) {
            free(all);
            return NULL;
        }
        assert_int_equal(gp_npy_read(full, &rows, &m, &d, NULL), GP_OK);
        assert_true(d == 512 && *n + m <= 2148);
        memcpy(all + *n * 512, rows, m * 512 * sizeof *all);
        *n += m;
        gp_free(rows);
    }
    for (size_t i = 0; unit && i < *n; i++) {
        double norm = 0;
        for (size_t j = 0; j < 512; j++) norm += (double)all[i * 512 + j] * (double)all[i * 512 + j];
        for (size_t j = 0; j < 512; j++) all[i * 512 + j] = (float)((double)all[i * 512 + j] / sqrt(norm));
    }
    return all;
}

#endif
