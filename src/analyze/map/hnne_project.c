/* SPDX-License-Identifier: MIT
 * The projection of h-NNE, version 1 (Sarfraz et al., CVPR 2022).
 *
 *   principal components of the standardised columns -> first positions of all rows
 *   coarsest level: the anchor of each cluster is the mean position of its rows
 *   each level, coarse to fine: the children of a cluster are placed in a circle around its anchor; their positions are
 *   the anchors of the next level
 *
 * The radius of a circle is a share of the distance to the nearest other anchor.  With a share below 0.5 (default 0.4)
 * circles of one level do not overlap. */
#include "analyze/analyze.h"

#include "analyze/map/pca.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* PAIR: estimated cost of one distance between two anchors, in units of work.  AT_ONCE: anchors that a thread takes at
 * a time. */
enum { PAIR = 4, AT_ONCE = 16 };
static const double pi = 3.14159265358979323846;

/* ------------------------------------------------------------------ inflation */

/* Standardises the coordinates of each parent's children to mean 0 and standard deviation 1. */
static void z_score(double *x, size_t n, size_t dims, const uint32_t *parent, size_t parents, double *mean,
                    double *spread, double *members)
{
    memset(mean, 0, parents * dims * sizeof *mean);
    memset(spread, 0, parents * dims * sizeof *spread);
    memset(members, 0, parents * sizeof *members);
    for (size_t i = 0; i < n; i++) {
        members[parent[i]]++;
        for (size_t k = 0; k < dims; k++) mean[parent[i] * dims + k] += x[i * dims + k];
    }
    for (size_t p = 0; p < parents; p++)
        for (size_t k = 0; k < dims; k++) mean[p * dims + k] /= members[p];
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < dims; k++) {
            double gap = x[i * dims + k] -= mean[parent[i] * dims + k];
            spread[parent[i] * dims + k] += gap * gap;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < dims; k++)
            x[i * dims + k] /= sqrt(spread[parent[i] * dims + k] / members[parent[i]]) + 1e-12;
}

/* Multiplies each row vector of x by the rotation matrix r [dims, dims].  back: multiplies by the transpose of r, which
 * is its inverse. */
static void rotate(double *x, size_t n, size_t dims, const double *r, bool back)
{
    for (size_t i = 0; i < n; i++) {
        double out[2] = {0};
        for (size_t a = 0; a < dims; a++)
            for (size_t b = 0; b < dims; b++) out[b] += x[i * dims + a] * (back ? r[b * dims + a] : r[a * dims + b]);
        memcpy(x + i * dims, out, dims * sizeof *out);
    }
}

/* The inflation step of h-NNE: standardises the children of each parent along axes rotated by 0, 18, ... 90 degrees,
 * one angle after another.  So the children fill their circle in all directions. */
static void inflate(double *x, size_t n, size_t dims, const uint32_t *parent, size_t parents, const gp_task *task,
                    double *scratch)
{
    double *mean = scratch, *spread = mean + parents * dims, *members = spread + parents * dims;
    for (int step = 0; step <= 5 && !gp_task_stopped(task); step++) {
        double angle = step * 18 * pi / 180;
        double r[4] = {cos(angle), sin(angle), -sin(angle), cos(angle)};
        z_score(x, n, dims, parent, parents, mean, spread, members);
        rotate(x, n, dims, r, false);
        z_score(x, n, dims, parent, parents, mean, spread, members);
        rotate(x, n, dims, r, true);
    }
}

/* ------------------------------------------------------------------ placing */

typedef struct radii {
    const double *anchor; /* [n, dims] */
    size_t n, dims;
    double share;
    double *radius; /* [n] `share` times the distance from each anchor to the nearest other anchor */
    gp_task *task;
    atomic_size_t next;
} radii;

static double nearest_distance(const radii *r, size_t i)
{
    size_t dims = r->dims;
    const double *anchor = r->anchor;
    double min = INFINITY;
    for (size_t j = 0; j < r->n; j++) {
        double gap = 0;
        for (size_t k = 0; k < dims; k++)
            gap += (anchor[i * dims + k] - anchor[j * dims + k]) * (anchor[i * dims + k] - anchor[j * dims + k]);
        if (i != j && gap < min) min = gap;
    }
    return sqrt(min);
}

static void find_some_radii(void *user, int index)
{
    radii *r = user;
    size_t block;
    (void)index;
    while ((block = atomic_fetch_add(&r->next, 1)) * AT_ONCE < r->n && !gp_task_stopped(r->task)) {
        size_t from = block * AT_ONCE, to = from + AT_ONCE < r->n ? from + AT_ONCE : r->n;
        for (size_t i = from; i < to; i++) r->radius[i] = r->share * nearest_distance(r, i);
        gp_task_add(r->task, (to - from) * r->n * PAIR);
    }
}

static gp_status find_radii(const double *anchor, size_t n, size_t dims, double share, gp_task *task, double *radius,
                            gp_error *err)
{
    radii r = {.anchor = anchor, .n = n, .dims = dims, .share = share, .radius = radius, .task = task};
    atomic_init(&r.next, 0);
    GP_TRY(gp_task_each(task, find_some_radii, &r, err));
    return gp_task_check(task, err);
}

/* Moves and scales the children x [n, dims], so that their mean is their parent's anchor and the farthest child is
 * `radius` away from it. */
static void place_children(double *x, size_t n, size_t dims, const uint32_t *parent, const double *anchor,
                           const double *radius, size_t parents, double *scratch)
{
    double *mean = scratch, *most = mean + parents * dims, *members = most + parents;
    memset(scratch, 0, parents * (dims + 2) * sizeof *scratch);
    for (size_t i = 0; i < n; i++) {
        members[parent[i]]++;
        for (size_t k = 0; k < dims; k++) mean[parent[i] * dims + k] += x[i * dims + k];
    }
    for (size_t i = 0; i < n; i++) {
        double norm = 0;
        for (size_t k = 0; k < dims; k++) {
            x[i * dims + k] -= mean[parent[i] * dims + k] / members[parent[i]];
            norm += x[i * dims + k] * x[i * dims + k];
        }
        most[parent[i]] = fmax(most[parent[i]], sqrt(norm));
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t p = parent[i];
        for (size_t k = 0; k < dims; k++)
            x[i * dims + k] = anchor[p * dims + k] + radius[p] * x[i * dims + k] / (most[p] > 0 ? most[p] : 1);
    }
}

/* Computes mean [clusters, dims]: the mean position of the rows of each cluster of a level. */
static void level_means(const double *points, size_t n, size_t dims, const uint32_t *label, size_t clusters,
                        double *mean, double *members)
{
    memset(mean, 0, clusters * dims * sizeof *mean);
    memset(members, 0, clusters * sizeof *members);
    for (size_t i = 0; i < n; i++) {
        members[label[i]]++;
        for (size_t k = 0; k < dims; k++) mean[label[i] * dims + k] += points[i * dims + k];
    }
    for (size_t c = 0; c < clusters; c++)
        for (size_t k = 0; k < dims; k++) mean[c * dims + k] /= members[c];
}

static gp_status place_levels(const gp_hierarchy *h, size_t dims, double share, gp_task *task, double *points,
                              gp_error *err)
{
    size_t most = h->sizes[0];
    double *anchor = NULL, *child = NULL, *radius = NULL, *scratch = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&anchor, most * dims, sizeof(double), "the projection", err));
    GP_TRY_GOTO(gp_alloc((void **)&child, most * dims, sizeof(double), "the projection", err));
    GP_TRY_GOTO(gp_alloc((void **)&radius, most, sizeof(double), "the projection", err));
    GP_TRY_GOTO(gp_alloc((void **)&scratch, most * (2 * dims + 2), sizeof(double), "the projection", err));
    size_t top = h->levels - 1;
    level_means(points, h->n, dims, h->labels + top * h->n, h->sizes[top], anchor, scratch);
    for (size_t level = top + 1; level-- > 0;) { /* places the children of the clusters of `level` */
        size_t parents = h->sizes[level], n = level ? h->sizes[level - 1] : h->n;
        const uint32_t *parent = level ? h->parents[level - 1] : h->labels;
        double *x = level ? child : points;
        if (level) level_means(points, h->n, dims, h->labels + (level - 1) * h->n, n, child, scratch);
        GP_TRY_GOTO(find_radii(anchor, parents, dims, share, task, radius, err));
        inflate(x, n, dims, parent, parents, task, scratch);
        GP_TRY_GOTO(gp_task_check(task, err));
        place_children(x, n, dims, parent, anchor, radius, parents, scratch);
        if (level) memcpy(anchor, child, n * dims * sizeof *anchor);
    }
out:
    gp_mem_free(scratch);
    gp_mem_free(radius);
    gp_mem_free(child);
    gp_mem_free(anchor);
    return st;
}

typedef struct projecting {
    const gp_hierarchy *hierarchy;
    const float *rows;
    size_t d, dims;
    double radius;
    float *out;
} projecting;

static gp_status compute(void *user, gp_task *task, gp_error *err)
{
    const projecting *p = user;
    const gp_hierarchy *h = p->hierarchy;
    gp_pca_fit f = {0};
    double *points = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_an_pca_fit(p->rows, h->n, p->d, p->dims, true, task, &f, err));
    GP_TRY_GOTO(gp_alloc((void **)&points, h->n * p->dims, sizeof *points, "the projection", err));
    GP_TRY_GOTO(gp_an_pca_apply(&f, p->rows, h->n, task, points, err));
    GP_TRY_GOTO(place_levels(h, p->dims, p->radius, task, points, err));
    for (size_t i = 0; i < h->n * p->dims; i++) p->out[i] = (float)points[i];
out:
    gp_mem_free(points);
    gp_an_pca_clear(&f);
    return st;
}

gp_status gp_an_hierarchy_project(const gp_hierarchy *hierarchy, const float *rows, size_t d, size_t dims,
                                  const gp_project_options *options, float *out, gp_error *err)
{
    projecting p = {hierarchy, rows, d, dims, options->radius, out};
    if (dims != 2 || d < 2 || hierarchy->levels == 0)
        return gp_fail(err, GP_ERR_USAGE,
                       "h-NNE needs rows of at least 2 columns (here: %zu), 2 dimensions of the result (here: %zu), "
                       "and at least one level of clusters",
                       d, dims);
    if (!(options->radius > 0)) return gp_fail(err, GP_ERR_USAGE, "radius must be above 0, not %g", options->radius);
    gp_task_options o = {.stage = "project",
                         .items = hierarchy->n,
                         .units = gp_an_pca_units(hierarchy->n, d),
                         .threads = options->threads,
                         .progress = options->progress,
                         .user = options->user};
    for (size_t i = 0; i < hierarchy->levels; i++)
        o.units += PAIR * (double)hierarchy->sizes[i] * (double)hierarchy->sizes[i];
    return gp_task_run(&o, compute, &p, err);
}
