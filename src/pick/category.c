/* SPDX-License-Identifier: MIT
 * Categories of images from words, a hierarchy, or labels (category.h describes the rules). */
#include "pick/category.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Largest number of clusters that gp_categories_from_levels and gp_categories_from_clusters merge. */
enum { MAX_MERGED_BY_LEVEL = 4096, MAX_MERGED = 1024 };

void gp_categories_clear(gp_categories *c)
{
    for (size_t i = 0; c->names && i < c->count; i++) gp_mem_free(c->names[i]);
    gp_mem_free(c->names);
    gp_mem_free(c->category);
    gp_mem_free(c->source);
    gp_mem_free(c->note);
    *c = (gp_categories){0};
}

/* Starts *out with n rows without a category. */
static gp_status set_up(gp_categories *out, size_t n, gp_error *err)
{
    *out = (gp_categories){.n = n};
    GP_TRY(gp_alloc((void **)&out->category, n, sizeof *out->category, "the categories", err));
    for (size_t i = 0; i < n; i++) out->category[i] = -1;
    return GP_OK;
}

static gp_status set_count(gp_categories *out, size_t count, gp_error *err)
{
    out->names = gp_mem_zero(count, sizeof *out->names);
    if (!out->names) return gp_fail_memory(err, "the categories");
    out->count = count;
    return GP_OK;
}

static gp_status set_text(char **to, gp_str *s, gp_error *err)
{
    *to = gp_str_take(s);
    return *to ? GP_OK : gp_fail_memory(err, "the categories");
}

/* ------------------------------------------------------------------ from words */

static int by_word(const void *a, const void *b, void *user)
{
    const char *const *words = user;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = strcmp(words[i], words[j]);
    return order ? order : (i > j) - (i < j);
}

/* One word or cluster.  Its rows are index[at] .. index[at + size - 1]. */
typedef struct block {
    size_t at, size;
} block;

/* Orders blocks by descending size.  Blocks of equal size keep their order, which is by name or by first row. */
static int by_size(const void *x, const void *y)
{
    const block *a = x, *b = y;
    if (a->size != b->size) return a->size > b->size ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static gp_status name_words(const char *const *words, const size_t *index, const block *blocks, size_t count,
                            gp_categories *c, gp_error *err)
{
    GP_TRY(set_count(c, count, err));
    for (size_t b = 0; b < count; b++) {
        c->names[b] = gp_str_dup(words[index[blocks[b].at]]);
        if (!c->names[b]) return gp_fail_memory(err, "the categories");
        for (size_t k = 0; k < blocks[b].size; k++) c->category[index[blocks[b].at + k]] = (int32_t)b;
    }
    return GP_OK;
}

gp_status gp_categories_from_words(const char *const *words, size_t n, const char *source, gp_categories *out,
                                   gp_error *err)
{
    gp_categories c = {0};
    size_t *index = NULL, m = 0, count = 0;
    block *blocks = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(set_up(&c, n, err));
    GP_TRY_GOTO(gp_alloc((void **)&index, n, sizeof *index, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&blocks, n, sizeof *blocks, "the categories", err));
    for (size_t i = 0; i < n; i++)
        if (words[i] && words[i][0]) index[m++] = i;
    if (m) qsort_r(index, m, sizeof *index, by_word, (void *)words);
    for (size_t k = 0; k < m; k++) {
        if (k == 0 || strcmp(words[index[k]], words[index[k - 1]]) != 0) blocks[count++] = (block){k, 0};
        blocks[count - 1].size++;
    }
    if (count) qsort(blocks, count, sizeof *blocks, by_size);
    GP_TRY_GOTO(name_words(words, index, blocks, count, &c, err));
    c.source = gp_str_dup(source);
    if (!c.source) GP_TRY_GOTO(gp_fail_memory(err, "the categories"));
    *out = c;
    c = (gp_categories){0};
out:
    gp_mem_free(blocks);
    gp_mem_free(index);
    gp_categories_clear(&c);
    return st;
}

gp_status gp_categories_from_column(const char *const *words, size_t n, const char *column, gp_categories *out,
                                    gp_error *err)
{
    gp_categories c = {0};
    gp_str source = GP_STR_INIT, note = GP_STR_INIT;
    size_t m = 0;
    gp_status st = GP_OK;
    gp_str_printf(&source, "column %s", column);
    if (source.failed) GP_TRY_GOTO(gp_fail_memory(err, "the categories"));
    GP_TRY_GOTO(gp_categories_from_words(words, n, source.data, &c, err));
    for (size_t i = 0; i < n; i++) m += c.category[i] >= 0;
    if (c.count > m / 2 && m > 2)
        gp_str_printf(&note,
                      "column '%s' has %zu different values in %zu rows: a category has fewer than 2 images on average",
                      column, c.count, m);
    else if (!m && n)
        gp_str_printf(&note, "column '%s' is empty for all %zu rows: there are no categories", column, n);
    if (note.size || note.failed) GP_TRY_GOTO(set_text(&c.note, &note, err));
    *out = c;
    c = (gp_categories){0};
out:
    gp_str_clear(&source);
    gp_str_clear(&note);
    gp_categories_clear(&c);
    return st;
}

/* ------------------------------------------------------------------ from a hierarchy */

typedef struct merging {
    size_t c, d;
    double *centroid; /* [c, d] */
    double *size;     /* [c] number of rows; 0: the cluster was merged into another one */
    uint32_t *near;   /* [c] each cluster's nearest other cluster */
    double *distance; /* [c] squared distance to the nearest other cluster */
    uint32_t *into;   /* [c] the cluster that now contains this one */
} merging;

static void merging_clear(merging *m)
{
    gp_mem_free(m->centroid);
    gp_mem_free(m->size);
    gp_mem_free(m->near);
    gp_mem_free(m->distance);
    gp_mem_free(m->into);
}

static gp_status merging_start(merging *m, const uint32_t *labels, size_t n, const float *vectors, gp_error *err)
{
    size_t cells = 0;
    if (!gp_size_mul(m->c, m->d, &cells)) return gp_fail_memory(err, "the categories");
    m->centroid = gp_mem_zero(cells, sizeof *m->centroid);
    m->size = gp_mem_zero(m->c, sizeof *m->size);
    if (!m->centroid || !m->size) return gp_fail_memory(err, "the categories");
    GP_TRY(gp_alloc((void **)&m->near, m->c, sizeof *m->near, "the categories", err));
    GP_TRY(gp_alloc((void **)&m->distance, m->c, sizeof *m->distance, "the categories", err));
    GP_TRY(gp_alloc((void **)&m->into, m->c, sizeof *m->into, "the categories", err));
    for (size_t i = 0; i < n; i++) {
        assert(labels[i] < m->c);
        m->size[labels[i]]++;
        for (size_t k = 0; k < m->d; k++) m->centroid[labels[i] * m->d + k] += (double)vectors[i * m->d + k];
    }
    for (size_t a = 0; a < m->c; a++) {
        m->into[a] = (uint32_t)a;
        for (size_t k = 0; k < m->d && m->size[a] > 0; k++) m->centroid[a * m->d + k] /= m->size[a];
    }
    return GP_OK;
}

static double squared_distance(const merging *m, size_t a, size_t b)
{
    double sum = 0;
    for (size_t k = 0; k < m->d; k++) {
        double x = m->centroid[a * m->d + k] - m->centroid[b * m->d + k];
        sum += x * x;
    }
    return sum;
}

static void find_near(merging *m, size_t a)
{
    m->distance[a] = INFINITY, m->near[a] = (uint32_t)a;
    for (size_t b = 0; b < m->c; b++) {
        if (b == a || m->size[b] <= 0) continue;
        double s = squared_distance(m, a, b);
        if (s < m->distance[a]) m->distance[a] = s, m->near[a] = (uint32_t)b;
    }
}

/* Merges cluster b into cluster a. */
static void merge(merging *m, size_t a, size_t b)
{
    double whole = m->size[a] + m->size[b];
    for (size_t k = 0; k < m->d; k++)
        m->centroid[a * m->d + k] =
            (m->size[a] * m->centroid[a * m->d + k] + m->size[b] * m->centroid[b * m->d + k]) / whole;
    m->size[a] = whole, m->size[b] = 0;
    for (size_t o = 0; o < m->c; o++)
        if (m->into[o] == b) m->into[o] = (uint32_t)a;
    find_near(m, a);
    for (size_t o = 0; o < m->c; o++) {
        if (o == a || m->size[o] <= 0) continue;
        if (m->near[o] == a || m->near[o] == b) {
            find_near(m, o);
        } else {
            double s = squared_distance(m, o, a);
            if (s < m->distance[o] || (s == m->distance[o] && a < m->near[o]))
                m->distance[o] = s, m->near[o] = (uint32_t)a;
        }
    }
}

static void merge_down(merging *m, size_t most)
{
    for (size_t a = 0; a < m->c; a++)
        if (m->size[a] > 0) find_near(m, a);
    for (size_t left = m->c; left > most; left--) {
        size_t best = SIZE_MAX;
        for (size_t a = 0; a < m->c; a++)
            if (m->size[a] > 0 && isfinite(m->distance[a]) && (best == SIZE_MAX || m->distance[a] < m->distance[best]))
                best = a;
        if (best == SIZE_MAX) return; /* all clusters with rows have been merged into one */
        size_t other = m->near[best];
        merge(m, best < other ? best : other, best < other ? other : best);
    }
}

/* Makes categories from labels [n] below c, in descending order of size.  A label without rows makes no category. */
static gp_status number(const uint32_t *labels, size_t n, size_t c, gp_categories *out, gp_error *err)
{
    block *blocks = NULL; /* at: smallest member */
    int32_t *place = NULL;
    size_t count = 0;
    gp_status st = GP_OK;
    blocks = gp_mem_zero(c, sizeof *blocks);
    if (!blocks) return gp_fail_memory(err, "the categories");
    GP_TRY_GOTO(gp_alloc((void **)&place, n, sizeof *place, "the categories", err));
    for (size_t i = 0; i < n; i++)
        if (blocks[labels[i]].size++ == 0) blocks[labels[i]].at = i;
    for (size_t a = 0; a < c; a++)
        if (blocks[a].size) blocks[count++] = blocks[a];
    if (count) qsort(blocks, count, sizeof *blocks, by_size);
    for (size_t a = 0; a < count; a++) place[blocks[a].at] = (int32_t)a;
    GP_TRY_GOTO(set_count(out, count, err));
    memset(blocks, 0, c * sizeof *blocks);
    for (size_t i = 0; i < n; i++) {
        block *b = &blocks[labels[i]];
        if (b->size++ == 0) b->at = i;
        out->category[i] = place[b->at];
    }
out:
    gp_mem_free(place);
    gp_mem_free(blocks);
    return st;
}

/* Returns the index of the level to use.  *merge_to: number of clusters left after merging; 0: no merging. */
static size_t choose_level(const uint32_t *sizes, size_t levels, size_t least, size_t most, size_t *merge_to)
{
    *merge_to = 0;
    for (size_t t = 0; t < levels; t++)
        if (sizes[t] >= least && sizes[t] <= most) return t;
    for (size_t t = 0; t < levels; t++) {
        if (sizes[t] <= most) continue;
        if (sizes[t] > MAX_MERGED_BY_LEVEL || most == 0) return t ? t - 1 : 0;
        *merge_to = most;
        return t;
    }
    return levels - 1;
}

static void put_note(gp_str *s, const uint32_t *sizes, size_t levels, size_t level, size_t least, size_t most,
                     size_t merge_to)
{
    gp_str_printf(s, "no level of the hierarchy has %zu to %zu clusters: ", least, most);
    if (merge_to)
        gp_str_printf(s, "the %u clusters of the nearest level were merged to %zu", sizes[level], merge_to);
    else
        gp_str_printf(s, "the %s level has %u", level + 1 == levels ? "finest" : "nearest", sizes[level]);
}

gp_status gp_categories_from_levels(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                    const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                    gp_error *err)
{
    gp_categories c = {0};
    merging m = {.d = d};
    uint32_t *merged = NULL;
    gp_str source = GP_STR_INIT, note = GP_STR_INIT;
    size_t merge_to = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(set_up(&c, n, err));
    if (levels == 0) {
        gp_str_puts(&note, "there are too few images for a hierarchy: no categories");
        GP_TRY_GOTO(set_count(&c, 0, err));
    } else {
        size_t level = choose_level(sizes, levels, least, most, &merge_to);
        const uint32_t *own = labels + level * n;
        if (merge_to) {
            m.c = sizes[level];
            GP_TRY_GOTO(merging_start(&m, own, n, vectors, err));
            merge_down(&m, merge_to);
            GP_TRY_GOTO(gp_alloc((void **)&merged, n, sizeof *merged, "the categories", err));
            for (size_t i = 0; i < n; i++) merged[i] = m.into[own[i]];
            own = merged;
        }
        GP_TRY_GOTO(number(own, n, sizes[level], &c, err));
        if (sizes[level] < least || sizes[level] > most) put_note(&note, sizes, levels, level, least, most, merge_to);
    }
    gp_str_printf(&source, "hierarchy: %zu %s", c.count, gp_plural(c.count, "cluster", "clusters"));
    GP_TRY_GOTO(set_text(&c.source, &source, err));
    if (note.size || note.failed) GP_TRY_GOTO(set_text(&c.note, &note, err));
    *out = c;
    c = (gp_categories){0};
out:
    gp_str_clear(&source);
    gp_str_clear(&note);
    gp_mem_free(merged);
    merging_clear(&m);
    gp_categories_clear(&c);
    return st;
}

/* Returns the finest level with at most MAX_MERGED clusters. */
static size_t level_to_merge(const uint32_t *sizes, size_t levels)
{
    size_t level = levels - 1;
    while (level > 0 && sizes[level] > MAX_MERGED) level--;
    return level;
}

gp_status gp_categories_from_clusters(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                      const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                      gp_error *err)
{
    gp_categories c = {0};
    gp_category_cut cut;
    uint32_t *merged = NULL;
    gp_str source = GP_STR_INIT, note = GP_STR_INIT;
    gp_status st = GP_OK;
    assert(levels > 0);
    size_t level = level_to_merge(sizes, levels);
    GP_TRY_GOTO(set_up(&c, n, err));
    GP_TRY_GOTO(gp_alloc((void **)&merged, n, sizeof *merged, "the categories", err));
    GP_TRY_GOTO(
        gp_categories_by_merging(labels + level * n, sizes[level], n, vectors, d, least, most, merged, &cut, err));
    GP_TRY_GOTO(number(merged, n, cut.count, &c, err));
    c.merged = true, c.silhouette = cut.silhouette;
    gp_str_printf(&source, "%u clusters of images, merged", sizes[level]);
    GP_TRY_GOTO(set_text(&c.source, &source, err));
    if (cut.largest > GP_CATEGORY_SHARE) {
        gp_str_printf(&note, "one category holds %.0f %% of the images, since they cannot be split evenly",
                      100 * cut.largest);
        GP_TRY_GOTO(set_text(&c.note, &note, err));
    }
    *out = c;
    c = (gp_categories){0};
out:
    gp_str_clear(&source);
    gp_str_clear(&note);
    gp_mem_free(merged);
    gp_categories_clear(&c);
    return st;
}

/* ------------------------------------------------------------------ from labels */

/* Returns the label with the largest dot product with the row; -1 for a row of zeros. */
static int32_t nearest_label(const float *row, size_t d, const float *labels, size_t count)
{
    int32_t best = -1;
    double most = -INFINITY, length = 0;
    for (size_t k = 0; k < d; k++) length += (double)row[k] * (double)row[k];
    for (size_t c = 0; c < count && length > 0; c++) {
        double s = 0;
        for (size_t k = 0; k < d; k++) s += (double)row[k] * (double)labels[c * d + k];
        if (s > most) most = s, best = (int32_t)c;
    }
    return best;
}

gp_status gp_categories_from_labels(const float *vectors, size_t n, size_t d, const float *labels,
                                    const char *const *names, size_t count, gp_categories *out, gp_error *err)
{
    gp_categories c = {0};
    gp_str source = GP_STR_INIT;
    gp_status st = GP_OK;
    GP_TRY_GOTO(set_up(&c, n, err));
    GP_TRY_GOTO(set_count(&c, count, err));
    for (size_t k = 0; k < count; k++) {
        c.names[k] = gp_str_dup(names[k]);
        if (!c.names[k]) GP_TRY_GOTO(gp_fail_memory(err, "the categories"));
    }
    for (size_t i = 0; i < n; i++) c.category[i] = nearest_label(vectors + i * d, d, labels, count);
    gp_str_puts(&source, "labels");
    GP_TRY_GOTO(set_text(&c.source, &source, err));
    *out = c;
    c = (gp_categories){0};
out:
    gp_str_clear(&source);
    gp_categories_clear(&c);
    return st;
}
