/* SPDX-License-Identifier: MIT
 * Greedy selection of k relevant and diverse rows.
 *
 * In both objectives, a row's gain does not grow when other rows are selected.  (In MMR the first selection may raise
 * gains, so all gains are recomputed after it.)  So an old gain is an upper bound; also in floating point, because it
 * is the same sum of terms that did not grow.  A heap orders the rows by their last known gain, and only the top row is
 * recomputed.  If the row stays on top, it has the largest gain.  Of equal gains the smaller row is on top, as in a
 * plain scan. */
#include "pick/diversify.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    double value;
    uint32_t row;
    uint32_t seen; /* number of selected rows with which `value` was computed */
} entry;

static bool above(const entry *a, const entry *b)
{
    return a->value > b->value || (a->value == b->value && a->row < b->row);
}

static void sink(entry *heap, size_t m, size_t at)
{
    entry e = heap[at];
    for (size_t child; (child = 2 * at + 1) < m; at = child) {
        if (child + 1 < m && above(&heap[child + 1], &heap[child])) child++;
        if (!above(&heap[child], &e)) break;
        heap[at] = heap[child];
    }
    heap[at] = e;
}

static void make_heap(entry *heap, size_t m)
{
    for (size_t i = m / 2; i-- > 0;) sink(heap, m, i);
}

static void drop_top(entry *heap, size_t *m)
{
    heap[0] = heap[--*m];
    if (*m) sink(heap, *m, 0);
}

/* Sixteen partial sums: compilers can keep them in vector registers without changing the order of additions. */
double gp_diversify_similarity(const float *a, const float *b, size_t d)
{
    float s[16] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + 16 <= d; i += 16)
        for (size_t l = 0; l < 16; l++) s[l] += a[i + l] * b[i + l];
    for (; i < d; i++) sum += (double)a[i] * (double)b[i];
    for (size_t l = 0; l < 16; l++) sum += (double)s[l];
    return sum;
}

/* Scales finite relevances to 0..1; if all are equal, they become 0. Returns the number of rows with a finite
 * relevance. */
static size_t scaled(const double *relevance, size_t n, double *out)
{
    double low = INFINITY, high = -INFINITY;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(relevance[i])) continue;
        m++;
        if (relevance[i] < low) low = relevance[i];
        if (relevance[i] > high) high = relevance[i];
    }
    double range = high / 2 - low / 2; /* half of the range; the whole range, high - low, may overflow */
    for (size_t i = 0; i < n; i++) {
        out[i] = NAN;
        if (isfinite(relevance[i])) out[i] = range > 0 ? (relevance[i] / 2 - low / 2) / range : 0;
    }
    return m;
}

static bool is_taken(const bool *taken, const int32_t *group, uint32_t row)
{
    return taken && group[row] >= 0 && taken[group[row]];
}

static void take(bool *taken, const int32_t *group, uint32_t row)
{
    if (taken && group[row] >= 0) taken[group[row]] = true;
}

/* *taken [n]: for each group, whether one of its rows is selected; NULL if there are no groups.  The caller frees
 * *taken with gp_mem_free. */
static gp_status new_taken(const int32_t *group, size_t n, bool **taken, gp_error *err)
{
    if (!group) return GP_OK;
    GP_TRY(gp_alloc((void **)taken, n, sizeof **taken, "groups", err));
    memset(*taken, 0, n * sizeof **taken);
    return GP_OK;
}

/* ------------------------------------------------------------------ MMR */

typedef struct mmr {
    const float *vectors;
    size_t d;
    double balance;
    double *relevance; /* [n] 0..1; NaN: the row cannot be selected */
    double *near;      /* [n] largest cosine to the first `seen` selected rows (entry.seen) */
    const uint32_t *chosen;
} mmr;

static void update(const mmr *r, entry *e, size_t count)
{
    const float *own = r->vectors + e->row * r->d;
    for (; e->seen < count; e->seen++) {
        double s = gp_diversify_similarity(own, r->vectors + r->chosen[e->seen] * r->d, r->d);
        if (e->seen == 0 || s > r->near[e->row]) r->near[e->row] = s;
    }
    e->value = r->balance * r->relevance[e->row] - (1 - r->balance) * r->near[e->row];
}

gp_status gp_diversify_mmr(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                           size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err)
{
    mmr r = {.vectors = vectors, .d = d, .balance = balance, .chosen = chosen};
    entry *heap = NULL;
    bool *taken = NULL;
    size_t m = 0, done = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&r.relevance, n, sizeof *r.relevance, "the diverse picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&r.near, n, sizeof *r.near, "the diverse picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&heap, scaled(relevance, n, r.relevance), sizeof *heap, "the diverse picks", err));
    GP_TRY_GOTO(new_taken(group, n, &taken, err));
    for (size_t i = 0; i < n; i++)
        if (!isnan(r.relevance[i])) heap[m++] = (entry){balance * r.relevance[i], (uint32_t)i, 0};
    make_heap(heap, m);
    while (done < k && m) {
        if (is_taken(taken, group, heap[0].row)) {
            drop_top(heap, &m);
        } else if (heap[0].seen < done) {
            update(&r, &heap[0], done);
            sink(heap, m, 0);
        } else {
            chosen[done++] = heap[0].row;
            take(taken, group, heap[0].row);
            drop_top(heap, &m);
            if (done > 1) continue;
            /* the first selection may raise the values of other rows, because cosines may be negative; later selections
             * can only lower values */
            for (size_t i = 0; i < m; i++) update(&r, &heap[i], 1);
            make_heap(heap, m);
        }
    }
    *count = done;
out:
    gp_mem_free(taken);
    gp_mem_free(heap);
    gp_mem_free(r.near);
    gp_mem_free(r.relevance);
    return st;
}

/* ------------------------------------------------------------------ facility location */

/* Returns the gain of selecting row j.  likeness [n]: similarity of j to each row.  covered [n]: largest similarity of
 * each row to the selected rows so far; it begins at 0, so negative similarities never count. */
static double gain_of(const float *likeness, size_t n, const double *demand, double bonus, const float *covered)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (likeness[i] > covered[i]) sum += demand[i] * (double)(likeness[i] - covered[i]);
    return sum + bonus;
}

gp_status gp_diversify_facility_greedy(const float *likeness, size_t n, const double *demand, const double *bonus,
                                       const int32_t *group, size_t k, uint32_t *chosen, double *gains, size_t *count,
                                       gp_error *err)
{
    entry *heap = NULL;
    float *covered = NULL;
    bool *taken = NULL;
    size_t m = n, done = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&heap, n, sizeof *heap, "the diverse picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&covered, n, sizeof *covered, "the diverse picks", err));
    GP_TRY_GOTO(new_taken(group, n, &taken, err));
    memset(covered, 0, n * sizeof *covered);
    for (size_t j = 0; j < n; j++)
        heap[j] = (entry){gain_of(likeness + j * n, n, demand, bonus[j], covered), (uint32_t)j, 0};
    make_heap(heap, m);
    while (done < k && m) {
        entry *top = &heap[0];
        const float *row = likeness + top->row * n;
        if (is_taken(taken, group, top->row)) {
            drop_top(heap, &m);
        } else if (top->seen < done) {
            top->value = gain_of(row, n, demand, bonus[top->row], covered);
            top->seen = (uint32_t)done;
            sink(heap, m, 0);
        } else {
            for (size_t i = 0; i < n; i++)
                if (row[i] > covered[i]) covered[i] = row[i];
            if (gains) gains[done] = top->value;
            chosen[done++] = top->row;
            take(taken, group, top->row);
            drop_top(heap, &m);
        }
    }
    *count = done;
out:
    gp_mem_free(taken);
    gp_mem_free(covered);
    gp_mem_free(heap);
    return st;
}

static int by_value(const void *x, const void *y)
{
    return above(x, y) ? -1 : above(y, x) ? 1 : 0;
}

/* Computes the similarities likeness [m, m] of the rows pool[0] .. pool[m - 1], in tiles that stay in the cache. */
static void fill_likeness(const float *vectors, size_t d, const entry *pool, size_t m, float *likeness)
{
    enum { TILE = 32 };
    for (size_t a = 0; a < m; a += TILE)
        for (size_t b = a; b < m; b += TILE)
            for (size_t i = a; i < m && i < a + TILE; i++)
                for (size_t j = b > i ? b : i; j < m && j < b + TILE; j++) {
                    double s = gp_diversify_similarity(vectors + pool[i].row * d, vectors + pool[j].row * d, d);
                    likeness[i * m + j] = likeness[j * m + i] = (float)s;
                }
}

typedef struct facility {
    float *likeness; /* [m, m] */
    double *demand, *bonus;
    int32_t *group; /* numbers of groups, below m; NULL if there are no groups */
} facility;

/* Computes the similarities of the pool, and the demand and bonus of each row in F (diversify.h). */
static gp_status set_up(facility *f, const float *vectors, size_t d, const entry *pool, size_t m, size_t k,
                        double balance, gp_error *err)
{
    double total = 0;
    GP_TRY(gp_alloc((void **)&f->demand, m, sizeof *f->demand, "the diverse picks", err));
    GP_TRY(gp_alloc((void **)&f->bonus, m, sizeof *f->bonus, "the diverse picks", err));
    size_t cells = 0;
    if (!gp_size_mul(m, m, &cells)) return gp_fail_memory(err, "the picks");
    GP_TRY(gp_alloc((void **)&f->likeness, cells, sizeof *f->likeness, "the diverse picks", err));
    fill_likeness(vectors, d, pool, m, f->likeness);
    for (size_t i = 0; i < m; i++) {
        f->demand[i] = 1 - balance + balance * pool[i].value;
        f->bonus[i] = balance * pool[i].value;
        total += f->demand[i];
    }
    for (size_t i = 0; i < m; i++) f->demand[i] *= total > 0 ? (1 - balance) * (double)k / total : 0;
    return GP_OK;
}

static int by_row(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    return (a->row > b->row) - (a->row < b->row);
}

/* Renumbers the groups of the pool: the new number of a group is the index of its first row in the pool. */
static gp_status number_groups(const int32_t *group, size_t n, const entry *pool, size_t m, int32_t **out,
                               gp_error *err)
{
    int32_t *first = NULL;
    if (!group) return GP_OK;
    GP_TRY(gp_alloc((void **)out, m, sizeof **out, "groups", err));
    GP_TRY(gp_alloc((void **)&first, n, sizeof *first, "groups", err));
    for (size_t i = 0; i < n; i++) first[i] = -1;
    for (size_t i = 0; i < m; i++) {
        int32_t g = group[pool[i].row];
        if (g >= 0 && first[g] < 0) first[g] = (int32_t)i;
        (*out)[i] = g < 0 ? -1 : first[g];
    }
    gp_mem_free(first);
    return GP_OK;
}

/* If k is larger than the pool, adds rows outside the pool by descending relevance. */
static gp_status add_rest(const entry *rest, size_t m, size_t n, const int32_t *group, size_t k, uint32_t *chosen,
                          size_t *count, gp_error *err)
{
    bool *taken = NULL;
    GP_TRY(new_taken(group, n, &taken, err));
    for (size_t i = 0; i < *count; i++) take(taken, group, chosen[i]);
    for (size_t i = 0; i < m && *count < k; i++) {
        if (is_taken(taken, group, rest[i].row)) continue;
        chosen[(*count)++] = rest[i].row;
        take(taken, group, rest[i].row);
    }
    gp_mem_free(taken);
    return GP_OK;
}

gp_status gp_diversify_facility(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                                size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err)
{
    facility f = {0};
    double *scale = NULL;
    entry *rows = NULL;
    size_t m = 0, done = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&scale, n, sizeof *scale, "the diverse picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&rows, scaled(relevance, n, scale), sizeof *rows, "the diverse picks", err));
    for (size_t i = 0; i < n; i++)
        if (!isnan(scale[i])) rows[m++] = (entry){scale[i], (uint32_t)i, 0};
    if (m) qsort(rows, m, sizeof *rows, by_value);
    size_t pool = m < GP_DIVERSIFY_POOL ? m : GP_DIVERSIFY_POOL;
    if (pool) qsort(rows, pool, sizeof *rows, by_row);
    GP_TRY_GOTO(set_up(&f, vectors, d, rows, pool, k < pool ? k : pool, balance, err));
    GP_TRY_GOTO(number_groups(group, n, rows, pool, &f.group, err));
    GP_TRY_GOTO(
        gp_diversify_facility_greedy(f.likeness, pool, f.demand, f.bonus, f.group, k, chosen, NULL, &done, err));
    for (size_t i = 0; i < done; i++) chosen[i] = rows[chosen[i]].row;
    if (done < k && m > pool) GP_TRY_GOTO(add_rest(rows + pool, m - pool, n, group, k, chosen, &done, err));
    *count = done;
out:
    gp_mem_free(f.group);
    gp_mem_free(f.likeness);
    gp_mem_free(f.bonus);
    gp_mem_free(f.demand);
    gp_mem_free(rows);
    gp_mem_free(scale);
    return st;
}
