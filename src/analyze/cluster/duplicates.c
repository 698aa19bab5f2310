/* SPDX-License-Identifier: MIT
 * Groups of near-duplicates.  Rows are processed from best to worst.  A row without a group becomes a representative,
 * and all rows without a group that are near-duplicates of it join its group.  So the representative is the image to
 * keep.  Each member is compared with the representative itself, so a chain of small differences never joins two rows
 * that differ much.
 *
 * The near-duplicates of a row are its nearest neighbours, so for nearly all rows a k-NN search with a small k finds
 * them all.  A row whose k neighbours are all near-duplicates is compared with every row. */
#include "analyze/analyze.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 12 }; /* number of neighbours that the k-NN search finds for each row */

typedef struct finder {
    const float *rows;
    size_t n, d, k;
    const uint64_t *phashes;
    const gp_duplicates_options *o;
    uint32_t *ids;    /* [n, k] */
    float *distances; /* [n, k] */
    double *norms;    /* [n] */
    uint32_t *order;  /* [n] best first */
} finder;

typedef struct ranked {
    double priority;
    uint64_t pixels;
    uint32_t row;
} ranked;

static int by_priority(const void *a, const void *b)
{
    const ranked *p = a, *q = b;
    if (isnan(p->priority) != isnan(q->priority)) return isnan(p->priority) ? 1 : -1;
    if (p->priority != q->priority && !isnan(p->priority)) return p->priority > q->priority ? -1 : 1;
    if (p->pixels != q->pixels) return p->pixels > q->pixels ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static gp_status sort_rows(finder *f, const double *priority, const uint64_t *pixels, gp_error *err)
{
    ranked *list;
    GP_TRY(gp_alloc((void **)&list, f->n, sizeof *list, "duplicates", err));
    for (uint32_t i = 0; i < f->n; i++) list[i] = (ranked){priority ? priority[i] : NAN, pixels ? pixels[i] : 0, i};
    qsort(list, f->n, sizeof *list, by_priority);
    for (size_t i = 0; i < f->n; i++) f->order[i] = list[i].row;
    gp_mem_free(list);
    return GP_OK;
}

static double cosine(const finder *f, size_t a, size_t b)
{
    double both = f->norms[a] * f->norms[b];
    return both > 0 ? gp_kernel_table()->dot(f->rows + a * f->d, f->rows + b * f->d, f->d) / both : 0;
}

static unsigned differing_bits(uint64_t a, uint64_t b)
{
    return (unsigned)__builtin_popcountll(a ^ b);
}

static bool is_near_duplicate(const finder *f, size_t a, size_t b, double *likeness)
{
    *likeness = cosine(f, a, b);
    return *likeness >= f->o->min_cosine &&
           (!f->phashes || differing_bits(f->phashes[a], f->phashes[b]) <= f->o->max_bits);
}

/* Adds to group g all rows without a group that are near-duplicates of `best`.  Returns their number. */
static size_t gather(const finder *f, uint32_t best, int32_t g, gp_duplicates *out)
{
    const uint32_t *ids = f->ids + best * f->k;
    size_t joined = 0;
    /* If even the k-th neighbour may be a near-duplicate, rows beyond the k neighbours may be near-duplicates too.  In
     * this case `best` is compared with all rows.  1e-6 allows for the rounding of float distances. */
    bool all = f->k < f->n - 1 && (double)f->distances[best * f->k + f->k - 1] <= 1 - f->o->min_cosine + 1e-6;
    for (size_t i = 0; i < (all ? f->n : f->k); i++) {
        uint32_t row = all ? (uint32_t)i : ids[i];
        double likeness;
        if (row == best || out->group[row] >= 0 || !is_near_duplicate(f, best, row, &likeness)) continue;
        out->group[row] = g;
        out->likeness[row] = (float)likeness;
        joined++;
    }
    return joined;
}

static void group_rows(const finder *f, gp_duplicates *out)
{
    for (size_t i = 0; i < f->n; i++) out->group[i] = -1, out->likeness[i] = 1;
    for (size_t i = 0; i < f->n; i++) {
        uint32_t best = f->order[i];
        if (out->group[best] >= 0 || gather(f, best, (int32_t)out->groups, out) == 0) continue;
        out->group[best] = (int32_t)out->groups;
        out->representative[out->groups] = out->keeper[out->groups] = best;
        out->groups++;
    }
}

static gp_status find_near(finder *f, gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.threads = f->o->threads, o.progress = f->o->progress, o.user = f->o->user;
    GP_TRY(gp_alloc((void **)&f->ids, f->n * f->k, sizeof *f->ids, "duplicates", err));
    GP_TRY(gp_alloc((void **)&f->distances, f->n * f->k, sizeof *f->distances, "duplicates", err));
    GP_TRY(gp_alloc((void **)&f->norms, f->n, sizeof *f->norms, "duplicates", err));
    GP_TRY(gp_alloc((void **)&f->order, f->n, sizeof *f->order, "duplicates", err));
    for (size_t i = 0; i < f->n; i++) {
        const float *x = f->rows + i * f->d;
        f->norms[i] = sqrt(gp_kernel_table()->dot(x, x, f->d));
    }
    return gp_an_neighbours(f->rows, f->n, f->d, NULL, 0, f->k, &o, f->ids, f->distances, err);
}

gp_status gp_an_duplicates(const float *rows, size_t n, size_t d, const double *priority, const uint64_t *pixels,
                           const uint64_t *phashes, const gp_duplicates_options *options, gp_duplicates *out,
                           gp_error *err)
{
    finder f = {.rows = rows, .n = n, .d = d, .k = n - 1 < NEAR ? n - 1 : NEAR, .phashes = phashes, .o = options};
    gp_duplicates g = {.n = n};
    gp_status st = GP_OK;
    if (n >= INT32_MAX)
        return gp_fail(err, GP_ERR_LIMIT, "the search for near-duplicates takes at most %d rows, not %zu",
                       INT32_MAX - 1, n);
    if (!(options->min_cosine > 0 && options->min_cosine <= 1))
        return gp_fail(err, GP_ERR_USAGE, "min_cosine must be above 0 and at most 1, not %g", options->min_cosine);
    GP_TRY_GOTO(gp_alloc((void **)&g.group, n, sizeof *g.group, "duplicates", err));
    GP_TRY_GOTO(gp_alloc((void **)&g.representative, n, sizeof *g.representative, "duplicates", err));
    GP_TRY_GOTO(gp_alloc((void **)&g.keeper, n, sizeof *g.keeper, "duplicates", err));
    GP_TRY_GOTO(gp_alloc((void **)&g.likeness, n, sizeof *g.likeness, "duplicates", err));
    for (size_t i = 0; i < n; i++) g.group[i] = -1, g.likeness[i] = 1;
    if (n >= 2) {
        GP_TRY_GOTO(find_near(&f, err));
        GP_TRY_GOTO(sort_rows(&f, priority, pixels, err));
        group_rows(&f, &g);
    }
    *out = g;
    memset(&g, 0, sizeof g);
out:
    gp_mem_free(f.order);
    gp_mem_free(f.norms);
    gp_mem_free(f.distances);
    gp_mem_free(f.ids);
    gp_an_duplicates_clear(&g);
    return st;
}

void gp_an_duplicates_clear(gp_duplicates *d)
{
    gp_mem_free(d->group);
    gp_mem_free(d->representative);
    gp_mem_free(d->keeper);
    gp_mem_free(d->likeness);
    memset(d, 0, sizeof *d);
}
