/* SPDX-License-Identifier: MIT
 * Expected gain of one more image of a prompt.
 *
 * If k images differ by chance alone, the next image beats the best of them with probability 1 / (k + 1), whatever the
 * distribution of scores (each of k + 1 images is equally likely to be the best; Renyi 1962).  The size of the gain, if
 * there is one, is estimated from all prompts: the mean distance above this best of all scores that exceed it.  The
 * product of the two is the expected gain.  A prompt with a low best score has the largest expected gain.  A prompt
 * whose best score is the best of all prompts has none.  The gain also falls with k, so prompts that do not improve get
 * no more images. */
#include "pick/adaptive.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static double mean_of(const double *x, uint32_t n)
{
    double sum = 0;
    uint32_t counted = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!isnan(x[i])) sum += x[i], counted++;
    return counted ? sum / counted : (double)NAN;
}

/* All scores in descending order, and their standard deviation within prompts. */
typedef struct pool {
    double *scores; /* owned */
    size_t count;
    double deviation;
} pool;

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static gp_status pool_scores(const double *const *values, const uint32_t *counts, size_t prompts, pool *out,
                             gp_error *err)
{
    double squares = 0, free = 0;
    size_t all = 0;
    for (size_t p = 0; p < prompts; p++) all += counts[p];
    GP_TRY(gp_alloc((void **)&out->scores, all, sizeof *out->scores, "the plan of the next images", err));
    for (size_t p = 0; p < prompts; p++) {
        double m = mean_of(values[p], counts[p]);
        free -= !isnan(m);
        for (uint32_t i = 0; i < counts[p]; i++) {
            if (isnan(values[p][i])) continue;
            out->scores[out->count++] = values[p][i];
            squares += (values[p][i] - m) * (values[p][i] - m), free += 1;
        }
    }
    out->deviation = free > 0 ? sqrt(squares / free) : 0;
    if (out->count) qsort(out->scores, out->count, sizeof *out->scores, falling);
    return GP_OK;
}

/* Returns the expected gain of one more image, in standard deviations. */
static double gain(const pool *all, const double *x, uint32_t n)
{
    double best = -INFINITY, above = 0;
    uint32_t known = 0;
    size_t higher = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!isnan(x[i])) best = fmax(best, x[i]), known++;
    if (!known || !(all->deviation > 0)) return 0;
    for (; higher < all->count && all->scores[higher] > best; higher++) above += all->scores[higher] - best;
    return higher ? above / (double)higher / (known + 1) / all->deviation : 0;
}

typedef struct gain_of {
    double gain;
    size_t prompt;
} gain_of;

static int by_gain(const void *a, const void *b)
{
    const gain_of *x = a, *y = b;
    if (x->gain != y->gain) return x->gain > y->gain ? -1 : 1;
    return (x->prompt > y->prompt) - (x->prompt < y->prompt);
}

gp_status gp_adaptive_choose(const gp_adaptive *a, const double *const *values, const uint32_t *counts, size_t prompts,
                             uint64_t budget, uint32_t *wanted, gp_error *err)
{
    size_t listed = 0;
    gain_of *list = NULL;
    pool all = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&list, prompts, sizeof *list, "the plan of the next images", err));
    GP_TRY_GOTO(pool_scores(values, counts, prompts, &all, err));
    for (size_t p = 0; p < prompts; p++) {
        wanted[p] = 0;
        if (counts[p] >= a->most) continue;
        double g = counts[p] < a->least ? INFINITY : gain(&all, values[p], counts[p]);
        if (g >= a->min_gain) list[listed++] = (gain_of){g, p};
    }
    qsort(list, listed, sizeof *list, by_gain);
    for (size_t i = 0; i < listed && budget; i++) {
        size_t p = list[i].prompt;
        uint64_t more = counts[p] < a->least ? a->least - counts[p] : 1;
        if (more > budget) more = budget;
        wanted[p] = (uint32_t)more;
        budget -= more;
    }
out:
    gp_mem_free(all.scores);
    gp_mem_free(list);
    return st;
}
