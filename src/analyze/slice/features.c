/* SPDX-License-Identifier: MIT
 * Encodes features of mixed kinds as one matrix, and computes the nested clusters in which slices are searched.  Both
 * follow sliceguard 0.0.35, including its peculiarities where they affect the clusters. */
#include "analyze/slice/features.h"

#include "analyze/analyze.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ category codes */

typedef struct worded {
    const char *word;
    uint32_t row;
} worded;

static int by_word(const void *a, const void *b)
{
    const worded *p = a, *q = b;
    int order = strcmp(p->word, q->word);
    return order ? order : (p->row > q->row) - (p->row < q->row);
}

/* Codes the categories of a feature.  code[i]: index of row i's word in the sorted list of distinct words; -1 if the
 * row has no word.  *different: number of distinct words. */
static gp_status code_words(const gp_feature *f, size_t n, int32_t *code, uint32_t *different, gp_error *err)
{
    worded *list;
    size_t k = 0;
    GP_TRY(gp_alloc((void **)&list, n, sizeof *list, "categories", err));
    for (size_t i = 0; i < n; i++) {
        code[i] = -1;
        if (f->words[i]) list[k++] = (worded){f->words[i], (uint32_t)i};
    }
    qsort(list, k, sizeof *list, by_word);
    *different = 0;
    for (size_t i = 0; i < k; i++) {
        if (i == 0 || strcmp(list[i].word, list[i - 1].word) != 0) ++*different;
        code[list[i].row] = (int32_t)*different - 1;
    }
    gp_mem_free(list);
    return GP_OK;
}

/* ------------------------------------------------------------------ encoding */

int gp_an_by_number(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static gp_status encode_number(const gp_feature *f, size_t n, float *out, size_t width, gp_error *err)
{
    double *sorted;
    size_t k = 0;
    double centre = 0, scale = 1;
    GP_TRY(gp_alloc((void **)&sorted, n, sizeof *sorted, "numbers", err));
    for (size_t i = 0; i < n; i++)
        if (!isnan(f->numbers[i])) sorted[k++] = f->numbers[i];
    if (k && !f->unscaled) {
        qsort(sorted, k, sizeof *sorted, gp_an_by_number);
        centre = quantile(sorted, k, 0.5);
        scale = quantile(sorted, k, 0.975) - quantile(sorted, k, 0.025);
        if (!(scale > 0)) scale = 1;
    }
    for (size_t i = 0; i < n; i++)
        out[i * width] = (float)(isnan(f->numbers[i]) ? 0 : (f->numbers[i] - centre) / scale);
    gp_mem_free(sorted);
    return GP_OK;
}

static gp_status encode_ordinal(const gp_feature *f, size_t n, float *out, size_t width, gp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = 0;
        while (place < f->order_count && (!f->words[i] || strcmp(f->order[place], f->words[i]) != 0)) place++;
        if (place == f->order_count)
            return gp_fail(
                err, GP_ERR_USAGE,
                "row %zu of feature '%s' has the value '%s', which the feature's ordered values do not contain", i,
                f->name, f->words[i] ? f->words[i] : "nothing");
        out[i * width] = f->order_count > 1 ? (float)((double)place / (double)(f->order_count - 1)) : 0;
    }
    return GP_OK;
}

static gp_status encode_words(const gp_feature *f, size_t n, float *out, size_t width, uint32_t different,
                              gp_error *err)
{
    int32_t *code;
    GP_TRY(gp_alloc((void **)&code, n, sizeof *code, "categories", err));
    gp_status st = code_words(f, n, code, &different, err);
    for (size_t i = 0; st == GP_OK && i < n; i++)
        for (uint32_t w = 0; w < different; w++) out[i * width + w] = code[i] == (int32_t)w ? 1 : 0;
    gp_mem_free(code);
    return st;
}

/* Computes *out: the mean distance between the centroids of HDBSCAN*'s clusters, or 1 if this mean is 0.  A centroid is
 * the mean of its rows, weighted by their membership strength.  As in sliceguard, the mean distance includes the zero
 * distances of centroids to themselves. */
static gp_status cluster_distance(const float *rows, size_t n, size_t d, int threads, double *out, gp_error *err)
{
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = {0};
    double *centre = NULL, sum = 0;
    double *members = NULL;
    gp_status st = GP_OK;
    o.min_cluster_size = 2, o.min_samples = 1, o.threads = threads;
    GP_TRY_GOTO(gp_an_hdbscan(rows, n, d, &o, &t, err));
    centre = gp_mem_zero(t.clusters * d, sizeof *centre);
    members = gp_mem_zero(t.clusters, sizeof *members);
    if (!centre || !members) GP_TRY_GOTO(gp_fail_memory(err, "the features"));
    for (size_t i = 0; i < n; i++) {
        if (t.labels[i] < 0) continue;
        members[t.labels[i]] += t.strength[i];
        for (size_t j = 0; j < d; j++) centre[(size_t)t.labels[i] * d + j] += t.strength[i] * (double)rows[i * d + j];
    }
    for (size_t c = 0; c < t.clusters; c++)
        for (size_t j = 0; j < d; j++) centre[c * d + j] /= members[c];
    for (size_t a = 0; a < t.clusters; a++)
        for (size_t b = 0; b < t.clusters; b++) {
            double gap = 0;
            for (size_t j = 0; j < d; j++)
                gap += (centre[a * d + j] - centre[b * d + j]) * (centre[a * d + j] - centre[b * d + j]);
            sum += sqrt(gap);
        }
    *out = sum > 0 ? sum / ((double)t.clusters * (double)t.clusters) : 1;
out:
    gp_mem_free(members);
    gp_mem_free(centre);
    gp_an_hdbscan_clear(&t);
    return st;
}

/* Returns the number of columns that an embedding has after the reduction.  If `reduce` is off, the embedding keeps all
 * its columns.  `all` is true if all features are embeddings. */
static size_t reduced_width(const gp_feature *f, size_t n, bool all, const gp_slices_options *o)
{
    if (!o->reduce) return f->d;
    size_t most = all && o->profile != GP_SLICE_ARTICLE ? 32 : 8, can = n > 2 ? n - 2 : 1;
    return can < most ? can : most;
}

static gp_status encode_embedding(const gp_feature *f, size_t n, bool all, const gp_slices_options *o, float *out,
                                  size_t width, gp_error *err)
{
    size_t d = reduced_width(f, n, all, o);
    float *reduced = NULL;
    const float *rows = f->vectors;
    double scale = f->weight != 0 ? f->weight : 1, distance = 1;
    gp_status st = GP_OK;
    if (o->reduce) {
        gp_umap_options u = GP_UMAP_DEFAULTS;
        uint32_t near = o->profile == GP_SLICE_ARTICLE ? 15 : 20;
        u.metric = GP_METRIC_EUCLIDEAN, u.dims = (uint32_t)d, u.seed = o->seed, u.threads = o->threads;
        u.neighbours = n - 1 < near ? (uint32_t)n - 1 : near;
        u.set_op_mix_ratio = o->profile == GP_SLICE_ARTICLE ? 1 : 0.8;
        u.progress = o->progress, u.user = o->user;
        GP_TRY_GOTO(gp_alloc((void **)&reduced, n * d, sizeof *reduced, "the features", err));
        GP_TRY_GOTO(gp_an_umap(f->vectors, n, f->d, &u, reduced, err));
        rows = reduced;
    }
    if (!all && o->profile != GP_SLICE_ARTICLE) GP_TRY_GOTO(cluster_distance(rows, n, d, o->threads, &distance, err));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) out[i * width + j] = (float)((double)rows[i * d + j] / distance * scale);
out:
    gp_mem_free(reduced);
    return st;
}

gp_status gp_an_encode(const gp_feature *features, size_t count, size_t n, const gp_slices_options *options,
                       float **out, size_t *width, gp_error *err)
{
    size_t columns = 0, at = 0;
    size_t *widths = NULL;
    int32_t *code = NULL;
    float *matrix = NULL;
    bool all = true;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&widths, count, sizeof *widths, "the features", err));
    GP_TRY_GOTO(gp_alloc((void **)&code, n, sizeof *code, "the features", err));
    for (size_t k = 0; k < count; k++) all = all && features[k].kind == GP_FEATURE_EMBEDDING;
    for (size_t k = 0; k < count; k++) {
        uint32_t different = 1;
        if (features[k].kind == GP_FEATURE_CATEGORY) GP_TRY_GOTO(code_words(&features[k], n, code, &different, err));
        widths[k] = features[k].kind == GP_FEATURE_EMBEDDING ? reduced_width(&features[k], n, all, options) : different;
        columns += widths[k];
    }
    GP_TRY_GOTO(gp_alloc_aligned((void **)&matrix, n * columns, sizeof *matrix, "the features", err));
    for (size_t k = 0; k < count; at += widths[k++]) {
        const gp_feature *f = &features[k];
        float *to = matrix + at;
        switch (f->kind) {
        case GP_FEATURE_EMBEDDING: GP_TRY_GOTO(encode_embedding(f, n, all, options, to, columns, err)); break;
        case GP_FEATURE_CATEGORY: GP_TRY_GOTO(encode_words(f, n, to, columns, (uint32_t)widths[k], err)); break;
        case GP_FEATURE_ORDINAL: GP_TRY_GOTO(encode_ordinal(f, n, to, columns, err)); break;
        default: GP_TRY_GOTO(encode_number(f, n, to, columns, err)); break;
        }
    }
    *out = matrix, *width = columns;
    matrix = NULL;
out:
    gp_mem_free(matrix);
    gp_mem_free(code);
    gp_mem_free(widths);
    return st;
}

/* ------------------------------------------------------------------ levels */

void gp_an_levels_clear(gp_levels *l)
{
    gp_mem_free(l->parent);
    gp_mem_free(l->first);
    gp_mem_free(l->labels);
    memset(l, 0, sizeof *l);
}

static gp_status levels_init(gp_levels *l, size_t n, size_t count, gp_error *err)
{
    *l = (gp_levels){.n = n, .count = count};
    GP_TRY(gp_alloc((void **)&l->labels, count * n, sizeof *l->labels, "the clusters", err));
    GP_TRY(gp_alloc((void **)&l->first, count + 1, sizeof *l->first, "the clusters", err));
    l->first[0] = 0;
    return GP_OK;
}

/* Sets each cluster's parent: the cluster that contains it on the next coarser level.  Clusters are nested, so any row
 * of the cluster determines its parent. */
static gp_status find_parents(gp_levels *l, gp_error *err)
{
    l->clusters = l->first[l->count];
    GP_TRY(gp_alloc((void **)&l->parent, l->clusters, sizeof *l->parent, "the clusters", err));
    for (size_t c = 0; c < l->clusters; c++) l->parent[c] = -1;
    for (size_t level = 1; level < l->count; level++)
        for (size_t i = 0; i < l->n; i++)
            l->parent[l->first[level] + l->labels[level * l->n + i]] =
                (int32_t)(l->first[level - 1] + l->labels[(level - 1) * l->n + i]);
    return GP_OK;
}

/* Makes one level from category codes.  Rows with code -1 (missing) form the last cluster. */
static gp_status level_of_codes(gp_levels *l, const int32_t *code, size_t n, uint32_t different, gp_error *err)
{
    bool missing = false;
    GP_TRY(levels_init(l, n, 1, err));
    for (size_t i = 0; i < n; i++) {
        missing = missing || code[i] < 0;
        l->labels[i] = code[i] < 0 ? different : (uint32_t)code[i];
    }
    l->first[1] = different + missing;
    return find_parents(l, err);
}

typedef struct pair {
    int64_t code;
    uint32_t row, support;
} pair;

static int by_code(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    return p->code != q->code ? (p->code > q->code) - (p->code < q->code) : (p->row > q->row) - (p->row < q->row);
}

/* Orders pairs by descending frequency, equal frequencies by their first row. */
static int by_support(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    return p->support != q->support ? (p->support < q->support) - (p->support > q->support)
                                    : (p->row > q->row) - (p->row < q->row);
}

/* Makes one level with a cluster for each pair of two categories that occurs in a row.  Clusters are numbered by
 * descending frequency of their pair.  Rows that lack a category form cluster 0. */
static gp_status level_of_pairs(const gp_feature *f, size_t n, gp_levels *l, gp_error *err)
{
    int32_t *a = NULL, *b = NULL, *code = NULL;
    pair *list = NULL, *groups = NULL;
    uint32_t different_a, different_b, count = 0;
    bool missing = false;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&a, n, sizeof *a, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&b, n, sizeof *b, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&code, n, sizeof *code, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&list, n, sizeof *list, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&groups, n, sizeof *groups, "the clusters", err));
    GP_TRY_GOTO(code_words(&f[0], n, a, &different_a, err));
    GP_TRY_GOTO(code_words(&f[1], n, b, &different_b, err));
    for (uint32_t i = 0; i < n; i++) {
        bool none = a[i] < 0 || b[i] < 0;
        missing = missing || none;
        list[i] = (pair){none ? -1 : (int64_t)a[i] * different_b + b[i], i, 0};
    }
    qsort(list, n, sizeof *list, by_code);
    for (size_t i = 0; i < n; i++) {
        if (list[i].code < 0) continue;
        if (count == 0 || groups[count - 1].code != list[i].code) groups[count++] = list[i];
        groups[count - 1].support++;
    }
    qsort(groups, count, sizeof *groups, by_support);
    /* from here on, `support` holds the number of the pair's cluster */
    for (uint32_t g = 0; g < count; g++) groups[g].support = g + missing;
    qsort(groups, count, sizeof *groups, by_code);
    for (size_t i = 0, g = 0; i < n; i++) {
        while (list[i].code >= 0 && groups[g].code != list[i].code) g++;
        code[list[i].row] = list[i].code < 0 ? 0 : (int32_t)groups[g].support;
    }
    GP_TRY_GOTO(level_of_codes(l, code, n, count + missing, err));
out:
    gp_mem_free(groups);
    gp_mem_free(list);
    gp_mem_free(code);
    gp_mem_free(b);
    gp_mem_free(a);
    return st;
}

static gp_status levels_of_tree(const gp_hierarchy *t, gp_levels *l, gp_error *err)
{
    GP_TRY(levels_init(l, t->n, t->levels, err));
    for (size_t level = 0; level < t->levels; level++) {
        size_t from = t->levels - 1 - level;
        memcpy(l->labels + level * t->n, t->labels + from * t->n, t->n * sizeof *l->labels);
        l->first[level + 1] = l->first[level] + t->sizes[from];
    }
    return find_parents(l, err);
}

static gp_status levels_of_hdbscan(const float *rows, size_t n, size_t d, const gp_slices_options *o, gp_levels *l,
                                   gp_error *err)
{
    gp_hdbscan_options h = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = {0};
    h.min_cluster_size = 2, h.min_samples = 1, h.metric = o->metric, h.threads = o->threads;
    if (n < 2) return levels_init(l, n, 0, err) == GP_OK ? find_parents(l, err) : GP_ERR_MEMORY;
    GP_TRY(gp_an_hdbscan(rows, n, d, &h, &t, err));
    gp_status st = level_of_codes(l, t.labels, n, (uint32_t)t.clusters, err);
    l->fallback = true;
    gp_an_hdbscan_clear(&t);
    return st;
}

static gp_status levels_of_rows(const float *rows, size_t n, size_t d, const gp_slices_options *o, gp_levels *l,
                                gp_error *err)
{
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_hierarchy t = {0};
    near.metric = o->metric, near.threads = o->threads, near.progress = o->progress, near.user = o->user;
    gp_status st = gp_an_hierarchy(rows, n, d, &near, &t, err);
    if (st == GP_ERR_NOT_FOUND) return levels_of_hdbscan(rows, n, d, o, l, err);
    if (st == GP_OK) st = levels_of_tree(&t, l, err);
    gp_an_hierarchy_clear(&t);
    return st;
}

gp_status gp_an_levels(const gp_feature *features, size_t count, size_t n, const gp_hierarchy *tree,
                       const gp_slices_options *options, gp_levels *out, gp_error *err)
{
    size_t categories = 0, width;
    float *rows = NULL;
    int32_t *code = NULL;
    uint32_t different;
    gp_status st = GP_OK;
    if (tree) return levels_of_tree(tree, out, err);
    if (count == 0) return gp_fail(err, GP_ERR_USAGE, "slices need at least one feature");
    for (size_t k = 0; k < count; k++) categories += features[k].kind == GP_FEATURE_CATEGORY;
    if (categories == 2 && count == 2) return level_of_pairs(features, n, out, err);
    if (categories == 1 && count == 1) {
        GP_TRY(gp_alloc((void **)&code, n, sizeof *code, "the clusters", err));
        st = code_words(features, n, code, &different, err);
        if (st == GP_OK) st = level_of_codes(out, code, n, different, err);
        gp_mem_free(code);
        return st;
    }
    if (count == 1 && features->kind == GP_FEATURE_EMBEDDING && !options->reduce)
        return levels_of_rows(features->vectors, n, features->d, options, out, err);
    GP_TRY(gp_an_encode(features, count, n, options, &rows, &width, err));
    st = levels_of_rows(rows, n, width, options, out, err);
    gp_mem_free(rows);
    return st;
}
