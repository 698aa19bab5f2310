/* SPDX-License-Identifier: MIT
 * Slices: clusters whose mean metric is higher (or lower) than the reference.
 *
 *   features -> nested clusters (features.c) -> mean, support, lift of each cluster -> candidates -> slices
 *
 * Lift: mean of the cluster less mean of all rows (or of the parent cluster).  The profile determines the slices:
 *
 * - FINAL and ARTICLE follow find_issues of sliceguard 0.0.35 and 0.0.8.  Thresholds are inclusive.  Clusters are
 * joined
 *   with their metrics by label; sliceguard joins HDBSCAN's clusters by position, so each gets the metrics of another.
 * - GOLDPAN takes significant clusters (significance.h) of at most a quarter of the rows; larger ones are too general.
 *   Of nested significant clusters it keeps the coarse one, unless the mean of a part exceeds it by two standard
 * errors;
 *   then it keeps the parts.  No row is in two slices.
 *
 * Rows of one group (images of one prompt) are exchanged and resampled together.  Searches of rows and of items
 * (prompts) share one permutation test. */
#include "analyze/analyze.h"

#include "analyze/slice/features.h"
#include "analyze/slice/significance.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* MAX_SHARE: a tested cluster has at most 1 / MAX_SHARE of the scored rows.  MIN_GROUPS: a tested cluster has scored
 * rows of at least this many groups. */
enum { MAX_SHARE = 4, MIN_GROUPS = 3 };
/* A part of a cluster is a smaller marked cluster inside it.  A part is better than the cluster if its mean exceeds the
 * mean of the cluster by this many standard errors. */
static const double part_errors = 2;

typedef struct finder {
    const gp_slices_options *o;
    const uint32_t *item; /* [rows] item of each row, if items are searched; NULL: rows are searched */
    double share;         /* share of alpha for this search, at most 1 */
    gp_levels levels;
    gp_scores scores;       /* scores of the rows; negated in mode LOW, so that slices always have high scores */
    double *score;          /* [n] owned memory of scores.score */
    double *value;          /* [clusters] mean of the scored rows, negated in mode LOW; NaN without scored rows */
    double *lift;           /* [clusters] */
    double *used_lift;      /* [clusters] lift for the thresholds: without outliers if o->remove_outliers */
    uint32_t *support;      /* [clusters] scored rows */
    uint32_t *used_support; /* [clusters] support for the thresholds: without outliers if o->remove_outliers */
    double *p, *corrected;  /* [clusters] */
    double *spread;         /* [clusters] standard deviation of the mean; see gp_permute_space */
    gp_blocks blocks;       /* groups of rows that are not independent */
    bool *marked;           /* [clusters] whether the cluster is still a candidate; at the end: whether it is a slice */
    double min_lift;        /* threshold; NaN: none */
    uint32_t min_support;   /* threshold; 0: none */
    uint32_t n_slices;      /* maximum number of slices; 0: no limit */
} finder;

static uint32_t level_of(const gp_levels *l, size_t c)
{
    uint32_t level = 0;
    while (c >= l->first[level + 1]) level++;
    return level;
}

/* ------------------------------------------------------------------ means and lifts */

static void take_means(finder *f)
{
    const gp_levels *l = &f->levels;
    for (size_t c = 0; c < l->clusters; c++) f->value[c] = 0, f->support[c] = 0;
    for (size_t level = 0; level < l->count; level++)
        for (size_t i = 0; i < l->n; i++) {
            if (isnan(f->score[i])) continue;
            size_t c = l->first[level] + l->labels[level * l->n + i];
            f->value[c] += f->score[i];
            f->support[c]++;
        }
    for (size_t c = 0; c < l->clusters; c++) f->value[c] = f->support[c] ? f->value[c] / f->support[c] : NAN;
    for (size_t c = 0; c < l->clusters; c++) {
        bool above = f->o->parent_reference && l->parent[c] >= 0;
        f->lift[c] = f->value[c] - (above ? f->value[l->parent[c]] : f->scores.mean);
        f->used_lift[c] = f->lift[c];
        f->used_support[c] = f->support[c];
    }
}

static double median(double *sorted, size_t n)
{
    qsort(sorted, n, sizeof *sorted, gp_an_by_number);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Computes used_lift and used_support of cluster c. Uses only the rows within two median absolute deviations of the
 * cluster's median.  The reference of the lift is the mean of all rows, as in sliceguard. lifts, scratch [n] are
 * scratch. */
static void without_outliers(finder *f, size_t c, double *lifts, double *scratch)
{
    const gp_levels *l = &f->levels;
    uint32_t level = level_of(l, c), label = (uint32_t)c - l->first[level];
    size_t m = 0, kept = 0;
    double sum = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->labels[level * l->n + i] == label && !isnan(f->score[i])) lifts[m++] = f->score[i] - f->scores.mean;
    if (m == 0) return;
    memcpy(scratch, lifts, m * sizeof *lifts);
    double middle = median(scratch, m);
    for (size_t i = 0; i < m; i++) scratch[i] = fabs(lifts[i] - middle);
    double spread = median(scratch, m);
    for (size_t i = 0; i < m; i++)
        if (lifts[i] >= middle - 2 * spread && lifts[i] <= middle + 2 * spread) sum += lifts[i], kept++;
    f->used_support[c] = (uint32_t)kept;
    f->used_lift[c] = kept ? sum / (double)kept : -INFINITY;
}

static gp_status drop_outliers(finder *f, gp_error *err)
{
    double *lifts = NULL, *scratch = NULL;
    gp_status st = GP_OK;
    if (!f->o->remove_outliers) return GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&lifts, f->levels.n, sizeof *lifts, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&scratch, f->levels.n, sizeof *scratch, "slices", err));
    for (size_t c = 0; c < f->levels.clusters; c++) without_outliers(f, c, lifts, scratch);
out:
    gp_mem_free(scratch);
    gp_mem_free(lifts);
    return st;
}

/* ------------------------------------------------------------------ candidates */

static bool passes_thresholds(const finder *f, size_t c)
{
    if (f->support[c] == 0 || isnan(f->used_lift[c])) return false;
    return f->used_support[c] >= f->min_support && (isnan(f->min_lift) || f->used_lift[c] >= f->min_lift);
}

/* Rounds to the nearest integer.  If two integers are equally near, takes the even one, like Python's round(). */
static uint32_t round_half_even(double x)
{
    double down = floor(x), rest = x - down;
    if (rest > 0.5 || (rest == 0.5 && fmod(down, 2) != 0)) down++;
    return (uint32_t)down;
}

static void set_thresholds(finder *f)
{
    const gp_slices_options *o = f->o;
    double n = (double)f->levels.n;
    f->min_lift = o->has_min_lift ? o->min_lift : NAN;
    f->min_support = o->min_support;
    f->n_slices = o->n_slices;
    if (o->profile == GP_SLICE_ARTICLE) {
        double overall = o->mode == GP_SLICE_LOW ? -f->scores.mean : f->scores.mean;
        if (!o->has_min_lift) f->min_lift = 0.1 * overall;
        if (!o->min_support) f->min_support = round_half_even(fmax(0.0025 * n, 5));
        f->n_slices = 0;
    } else if (o->profile == GP_SLICE_FINAL) {
        if (!o->has_min_lift && !o->min_support && !o->n_slices) f->n_slices = 20;
    } else if (!o->min_support) {
        f->min_support = round_half_even(fmax(0.0025 * n, 3));
    }
}

/* Marks clusters by the rule of sliceguard 0.0.8, from coarse to fine.  If a cluster with a parent is strictly above
 * both thresholds, it is marked instead of its direct parent; otherwise it is not marked.  A cluster without a parent
 * is marked if it passes the thresholds. */
static void mark_by_article(finder *f)
{
    const gp_levels *l = &f->levels;
    for (size_t c = 0; c < l->clusters; c++) {
        f->marked[c] = passes_thresholds(f, c);
        if (l->parent[c] < 0) continue;
        if (f->used_support[c] > f->min_support && f->used_lift[c] > f->min_lift)
            f->marked[l->parent[c]] = false;
        else
            f->marked[c] = false;
    }
}

static double criterion_value(const finder *f, size_t c)
{
    switch (f->o->criterion) {
    case GP_SLICE_SUPPORT: return f->support[c];
    /* used_lift and used_support are computed without outliers, as in sliceguard */
    case GP_SLICE_LIFT_SUPPORT: return f->used_lift[c] * f->used_support[c];
    default: return f->lift[c];
    }
}

/* Keeps the marks of the n_slices best clusters by the criterion.  Of equal clusters it keeps the first ones: the
 * coarser level, then the smaller label. */
static gp_status keep_best(finder *f, gp_error *err)
{
    size_t marks = 0, clusters = f->levels.clusters;
    double *all;
    for (size_t c = 0; c < clusters; c++) marks += f->marked[c];
    if (!f->n_slices || marks <= f->n_slices) return GP_OK;
    GP_TRY(gp_alloc((void **)&all, marks, sizeof *all, "slices", err));
    marks = 0;
    for (size_t c = 0; c < clusters; c++)
        if (f->marked[c]) all[marks++] = criterion_value(f, c);
    qsort(all, marks, sizeof *all, gp_an_by_number);
    double last = all[marks - f->n_slices];
    size_t above = 0;
    for (size_t i = 0; i < marks; i++) above += all[i] > last;
    for (size_t c = 0; c < clusters; c++) {
        if (!f->marked[c] || criterion_value(f, c) > last) continue;
        f->marked[c] = criterion_value(f, c) == last && above < f->n_slices;
        above += f->marked[c];
    }
    gp_mem_free(all);
    return GP_OK;
}

/* ------------------------------------------------------------------ significance */

/* Returns whether cluster a, the coarser one, contains cluster b. */
static bool contains(const gp_levels *l, size_t a, size_t b)
{
    while (b > a) { /* finer clusters have larger numbers */
        if (l->parent[b] < 0) return false;
        b = (size_t)l->parent[b];
    }
    return a == b;
}

/* Returns whether the mean of a marked part of c exceeds the mean of c by part_errors standard errors. */
static bool has_better_part(const finder *f, size_t c)
{
    for (size_t d = c + 1; d < f->levels.clusters; d++) {
        if (!f->marked[d] || f->support[d] == f->support[c] || !contains(&f->levels, c, d)) continue;
        double error = sqrt(fmax(f->spread[d] * f->spread[d] - f->spread[c] * f->spread[c], 0));
        if (f->value[d] - f->value[c] > part_errors * error) return true;
    }
    return false;
}

/* Chooses among nested clusters, from coarse to fine.  If a marked part of a marked cluster is better, unmarks the
 * cluster.  Otherwise unmarks all its parts. */
static void merge_nested(finder *f)
{
    const gp_levels *l = &f->levels;
    for (size_t c = 0; c < l->clusters; c++) {
        if (!f->marked[c]) continue;
        if (has_better_part(f, c)) {
            f->marked[c] = false;
            continue;
        }
        for (size_t d = c + 1; d < l->clusters; d++)
            if (f->marked[d] && contains(l, c, d)) f->marked[d] = false;
    }
}

/* Counts for each cluster the groups that have scored rows in it: groups [clusters].  last [clusters] is scratch. */
static void count_groups(const finder *f, uint32_t *groups, uint32_t *last)
{
    const gp_levels *l = &f->levels;
    const gp_blocks *b = &f->blocks;
    for (size_t c = 0; c < l->clusters; c++) groups[c] = 0, last[c] = UINT32_MAX;
    for (size_t level = 0; level < l->count; level++)
        for (uint32_t i = 0; i < b->rows; i++) {
            size_t c = l->first[level] + l->labels[level * l->n + b->row[i]];
            if (last[c] == b->of[b->row[i]]) continue;
            last[c] = b->of[b->row[i]]; /* the rows of a group are consecutive */
            groups[c]++;
        }
}

/* Marks the clusters to be tested: those with min_support to `most` rows from at least MIN_GROUPS groups.  A cluster of
 * one or two prompts shows only that these prompts are easy, not which kind of image scores well.  If there are fewer
 * than GP_AN_FEW_GROUPS groups in all, nearly every cluster has rows of only one or two groups, so the number of groups
 * is not checked. */
static gp_status mark_eligible(finder *f, size_t most, gp_error *err)
{
    uint32_t *groups = NULL, *last = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&groups, f->levels.clusters, sizeof *groups, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&last, f->levels.clusters, sizeof *last, "slices", err));
    count_groups(f, groups, last);
    for (size_t c = 0; c < f->levels.clusters; c++) {
        bool enough = f->blocks.largest == 1 || f->blocks.count < GP_AN_FEW_GROUPS || groups[c] >= MIN_GROUPS;
        f->marked[c] = enough && f->support[c] >= f->min_support && f->support[c] <= most;
    }
out:
    gp_mem_free(last);
    gp_mem_free(groups);
    return st;
}

static gp_status test_together(finder *f, size_t count, gp_error *err)
{
    const gp_slices_options *o = f->o;
    gp_permute_space *spaces;
    GP_TRY(gp_alloc((void **)&spaces, count, sizeof *spaces, "slices", err));
    for (size_t k = 0; k < count; k++)
        spaces[k] = (gp_permute_space){.levels = &f[k].levels,
                                       .item = f[k].item,
                                       .value = f[k].value,
                                       .support = f[k].support,
                                       .scored = f[k].scores.scored,
                                       .eligible = f[k].marked,
                                       .share = f[k].share,
                                       .p = f[k].p,
                                       .corrected = f[k].corrected,
                                       .spread = f[k].spread};
    gp_permute_input input = {.spaces = spaces,
                              .count = count,
                              .scores = &f->scores,
                              .blocks = &f->blocks,
                              .rounds = o->resamples,
                              .seed = o->seed,
                              .threads = o->threads,
                              .progress = o->progress,
                              .user = o->user};
    gp_status st = gp_an_permutation_test(&input, err);
    gp_mem_free(spaces);
    return st;
}

static gp_status mark_significant(finder *f, size_t count, gp_error *err)
{
    for (size_t k = 0; k < count; k++) {
        /* A single level is treated as a level of categories, unless it holds the clusters of HDBSCAN* (`fallback`).
         * Categories have no maximum size. */
        bool categories = f[k].levels.count == 1 && !f[k].levels.fallback;
        GP_TRY(mark_eligible(&f[k], categories ? f[k].scores.scored : f[k].scores.scored / MAX_SHARE, err));
    }
    GP_TRY(test_together(f, count, err));
    for (size_t k = 0; k < count; k++) {
        for (size_t c = 0; c < f[k].levels.clusters; c++)
            f[k].marked[c] = f[k].marked[c] && passes_thresholds(&f[k], c) && f[k].used_lift[c] > 0 &&
                             f[k].value[c] > f[k].scores.mean && f[k].corrected[c] < f[k].o->alpha;
        merge_nested(&f[k]);
    }
    return GP_OK;
}

/* Marks the slices of each search; f [count]. */
static gp_status choose(finder *f, size_t count, gp_error *err)
{
    if (f->o->profile == GP_SLICE_GOLDPAN) GP_TRY(mark_significant(f, count, err));
    for (size_t k = 0; k < count; k++) {
        if (f->o->profile == GP_SLICE_ARTICLE) {
            mark_by_article(&f[k]);
            continue;
        }
        for (size_t c = 0; f->o->profile == GP_SLICE_FINAL && c < f[k].levels.clusters; c++)
            f[k].marked[c] = passes_thresholds(&f[k], c);
        GP_TRY(keep_best(&f[k], err));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ result */

/* Sums the scores of a slice by group, and writes the sums to units [groups].  place [groups] is scratch.  Returns the
 * number of groups. */
static size_t units_of(const finder *f, const gp_slice *s, gp_unit *units, uint32_t *place)
{
    size_t m = 0;
    memset(place, 0xff, f->blocks.count * sizeof *place);
    for (uint32_t i = 0; i < s->support; i++) {
        uint32_t group = f->blocks.of[s->rows[i]];
        if (group == UINT32_MAX) continue;
        if (place[group] == UINT32_MAX) place[group] = (uint32_t)m, units[m++] = (gp_unit){0};
        units[place[group]].sum += f->score[s->rows[i]], units[place[group]].rows++;
    }
    return m;
}

typedef struct measuring {
    double *sample;  /* [n] */
    double *scratch; /* [resamples] */
    gp_unit *units;  /* [groups] */
    uint32_t *place; /* [groups] */
} measuring;

/* Computes interval and effect size of a slice.  The rows of the slice must be listed already. */
static void measure(const finder *f, size_t c, gp_slice *s, const measuring *room)
{
    const gp_slices_options *o = f->o;
    double in = 0, out = 0, var_in = 0, var_out = 0, mean_out, *sample = room->sample;
    size_t m = 0, k = f->scores.scored - f->support[c];
    for (uint32_t i = 0; i < s->support; i++)
        if (!isnan(f->score[s->rows[i]])) sample[m++] = f->score[s->rows[i]], in += sample[m - 1];
    mean_out = k ? (f->scores.mean * (double)f->scores.scored - in) / (double)k : NAN;
    for (size_t i = 0; i < m; i++) var_in += (sample[i] - f->value[c]) * (sample[i] - f->value[c]);
    /* total sum of squares = inside + outside + between the means */
    double total = f->scores.sd * f->scores.sd * (double)(f->scores.scored - 1);
    double between = (double)m * (f->value[c] - f->scores.mean) * (f->value[c] - f->scores.mean) +
                     (k ? (double)k * (mean_out - f->scores.mean) * (mean_out - f->scores.mean) : 0);
    out = fmax(total - between - var_in, 0);
    var_in = m > 1 ? var_in / (double)(m - 1) : 0;
    var_out = k > 1 ? out / (double)(k - 1) : 0;
    s->effect = gp_an_hedges_g(f->value[c], var_in, m, mean_out, var_out, k, f->blocks.count);
    s->low = s->high = NAN;
    if (o->profile != GP_SLICE_GOLDPAN) return;
    size_t units = units_of(f, s, room->units, room->place);
    if (units > 1 || f->blocks.largest == 1) /* a single group does not show how groups vary */
        gp_an_bootstrap(room->units, units, f->value[c] - f->lift[c], o->resamples, gp_rng_mix(o->seed ^ (c + 1)),
                        room->scratch, &s->low, &s->high);
}

static void fill_clusters(const finder *f, gp_slices *out)
{
    double sign = f->o->mode == GP_SLICE_LOW ? -1 : 1;
    const gp_levels *l = &f->levels;
    for (size_t c = 0; c < l->clusters; c++) {
        uint32_t level = level_of(l, c);
        int32_t parent = l->parent[c];
        out->clusters[c] = (gp_slice_cluster){.level = level,
                                              .cluster = (uint32_t)c - l->first[level],
                                              .support = f->support[c],
                                              .parent = parent < 0 ? -1 : parent - (int32_t)l->first[level - 1],
                                              .value = sign * f->value[c],
                                              .lift = f->lift[c]};
    }
}

/* Returns the slice of the nearest marked ancestor of cluster c, or -1. */
static int32_t parent_slice(const finder *f, size_t c, const int32_t *place)
{
    for (int32_t above = f->levels.parent[c]; above >= 0; above = f->levels.parent[above])
        if (f->marked[above]) return place[above];
    return -1;
}

static gp_status fill_slices(finder *f, gp_slices *out, gp_error *err)
{
    const gp_levels *l = &f->levels;
    measuring room = {0};
    double sign = f->o->mode == GP_SLICE_LOW ? -1 : 1;
    int32_t *place = NULL; /* [clusters] */
    uint32_t *next = out->row_block;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&room.sample, l->n, sizeof *room.sample, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&room.scratch, f->o->resamples, sizeof *room.scratch, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&room.units, f->blocks.count, sizeof *room.units, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&room.place, f->blocks.count, sizeof *room.place, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&place, l->clusters, sizeof *place, "slices", err));
    out->count = 0;
    for (size_t c = 0; c < l->clusters; c++) {
        if (!f->marked[c]) continue;
        uint32_t level = level_of(l, c), label = (uint32_t)c - l->first[level];
        gp_slice *s = &out->slices[out->count];
        *s = (gp_slice){.level = level, .cluster = label, .rows = next, .parent = parent_slice(f, c, place)};
        for (uint32_t i = 0; i < l->n; i++)
            if (l->labels[level * l->n + i] == label) next[s->support++] = i;
        next += s->support;
        s->value = sign * f->value[c];
        s->lift = f->lift[c];
        s->p = f->o->profile == GP_SLICE_GOLDPAN ? f->p[c] : NAN;
        s->p_corrected = f->o->profile == GP_SLICE_GOLDPAN ? f->corrected[c] : NAN;
        measure(f, c, s, &room);
        place[c] = (int32_t)out->count++;
    }
out:
    gp_mem_free(place);
    gp_mem_free(room.place);
    gp_mem_free(room.units);
    gp_mem_free(room.scratch);
    gp_mem_free(room.sample);
    return st;
}

static int by_lift(const void *a, const void *b)
{
    const gp_slice *p = a, *q = b;
    if (p->lift != q->lift) return p->lift > q->lift ? -1 : 1;
    return p->level != q->level ? (p->level > q->level) - (p->level < q->level)
                                : (p->cluster > q->cluster) - (p->cluster < q->cluster);
}

static gp_status make_result(finder *f, gp_slices *out, gp_error *err)
{
    size_t marks = 0, rows = 0;
    gp_slices s = {.n = f->levels.n, .levels = f->levels.count, .cluster_count = f->levels.clusters};
    gp_status st = GP_OK;
    for (size_t c = 0; c < f->levels.clusters; c++) marks += f->marked[c];
    for (size_t level = 0; level < f->levels.count; level++)
        for (size_t i = 0; i < s.n; i++) rows += f->marked[f->levels.first[level] + f->levels.labels[level * s.n + i]];
    GP_TRY_GOTO(gp_alloc((void **)&s.slices, marks, sizeof *s.slices, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.clusters, s.cluster_count, sizeof *s.clusters, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.row_block, rows, sizeof *s.row_block, "slices", err));
    fill_clusters(f, &s);
    GP_TRY_GOTO(fill_slices(f, &s, err));
    /* the other profiles keep the order of sliceguard, by level and label */
    if (f->o->profile == GP_SLICE_GOLDPAN) qsort(s.slices, s.count, sizeof *s.slices, by_lift);
    s.labels = f->levels.labels;
    f->levels.labels = NULL;
    s.overall = f->o->mode == GP_SLICE_LOW ? -f->scores.mean : f->scores.mean;
    s.min_lift_used = f->min_lift, s.min_support_used = f->min_support;
    s.fallback = f->levels.fallback;
    s.groups = f->blocks.count;
    *out = s;
    return GP_OK;
out:
    gp_an_slices_clear(&s);
    return st;
}

/* ------------------------------------------------------------------ entry point */

static gp_status allocate(finder *f, gp_error *err)
{
    size_t k = f->levels.clusters;
    GP_TRY(gp_alloc((void **)&f->value, k, sizeof *f->value, "slices", err));
    GP_TRY(gp_alloc((void **)&f->lift, k, sizeof *f->lift, "slices", err));
    GP_TRY(gp_alloc((void **)&f->used_lift, k, sizeof *f->used_lift, "slices", err));
    GP_TRY(gp_alloc((void **)&f->support, k, sizeof *f->support, "slices", err));
    GP_TRY(gp_alloc((void **)&f->used_support, k, sizeof *f->used_support, "slices", err));
    GP_TRY(gp_alloc((void **)&f->p, k, sizeof *f->p, "slices", err));
    GP_TRY(gp_alloc((void **)&f->corrected, k, sizeof *f->corrected, "slices", err));
    GP_TRY(gp_alloc((void **)&f->spread, k, sizeof *f->spread, "slices", err));
    return gp_alloc((void **)&f->marked, k, sizeof *f->marked, "slices", err);
}

static gp_status prepare(finder *f, const gp_slices_search *search, const int32_t *group, gp_error *err)
{
    size_t n = search->n;
    const gp_hierarchy *tree = search->tree;
    if (n == 0 || n >= UINT32_MAX)
        return gp_fail(err, GP_ERR_USAGE, "slices need 1 to %u rows, not %zu", UINT32_MAX - 1, n);
    if (tree && tree->n != n)
        return gp_fail(err, GP_ERR_USAGE, "the hierarchy has %zu rows, but the features have %zu", tree->n, n);
    GP_TRY(gp_alloc((void **)&f->score, n, sizeof *f->score, "slices", err));
    for (size_t i = 0; i < n; i++) f->score[i] = f->o->mode == GP_SLICE_LOW ? -search->metric[i] : search->metric[i];
    gp_an_scores_init(&f->scores, f->score, n);
    if (f->scores.scored == 0)
        return gp_fail(err, GP_ERR_NOT_FOUND, "the metric is NaN in all %zu rows: at least one row must have a number",
                       n);
    GP_TRY(gp_an_blocks(&f->scores, group, &f->blocks, err));
    GP_TRY(gp_an_levels(search->features, search->count, n, tree, f->o, &f->levels, err));
    GP_TRY(allocate(f, err));
    take_means(f);
    GP_TRY(drop_outliers(f, err));
    set_thresholds(f);
    return GP_OK;
}

static void clear_finder(finder *f)
{
    gp_mem_free(f->marked);
    gp_mem_free(f->spread);
    gp_mem_free(f->corrected);
    gp_mem_free(f->p);
    gp_mem_free(f->used_support);
    gp_mem_free(f->support);
    gp_mem_free(f->used_lift);
    gp_mem_free(f->lift);
    gp_mem_free(f->value);
    gp_mem_free(f->score);
    gp_an_levels_clear(&f->levels);
    gp_an_blocks_clear(&f->blocks);
}

gp_status gp_an_slices_together(const gp_slices_search *searches, size_t count, const gp_slices_options *options,
                                gp_slices *out, gp_error *err)
{
    gp_status st = GP_OK;
    size_t done = 0;
    double shares = 0;
    finder *f = gp_mem_zero(count, sizeof *f);
    if (!f) return gp_fail_memory(err, "the slices");
    for (size_t k = 0; k < count; k++) shares += searches[k].share;
    for (size_t k = 0; k < count; k++) {
        f[k].o = options, f[k].item = searches[k].item, f[k].share = searches[k].share / shares;
        GP_TRY_GOTO(prepare(&f[k], &searches[k], k ? NULL : options->group, err));
    }
    GP_TRY_GOTO(choose(f, count, err));
    for (; done < count; done++) GP_TRY_GOTO(make_result(&f[done], &out[done], err));
out:
    while (st != GP_OK && done > 0) gp_an_slices_clear(&out[--done]);
    for (size_t k = 0; k < count; k++) clear_finder(&f[k]);
    gp_mem_free(f);
    return st;
}

gp_status gp_an_slices(const gp_feature *features, size_t count, const double *metric, size_t n,
                       const gp_hierarchy *tree, const gp_slices_options *options, gp_slices *out, gp_error *err)
{
    gp_slices_search search = {
        .features = features, .count = count, .metric = metric, .n = n, .tree = tree, .share = 1};
    return gp_an_slices_together(&search, 1, options, out, err);
}

void gp_an_slices_clear(gp_slices *s)
{
    gp_mem_free(s->row_block);
    gp_mem_free(s->labels);
    gp_mem_free(s->clusters);
    gp_mem_free(s->slices);
    memset(s, 0, sizeof *s);
}
