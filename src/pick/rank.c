/* SPDX-License-Identifier: MIT
 * Ranks items within groups.
 *
 * Items are sorted by group, then by descending score, then by `tie`.  Ties are content hashes, which differ between
 * different images, so the result does not depend on the order of the input.  If two hashes are equal, the images are
 * equal too, and the order of the input decides. */
#include "pick/rank.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_score(const gp_rank_item *a, const gp_rank_item *b)
{
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return memcmp(a->tie.bytes, b->tie.bytes, sizeof a->tie.bytes);
}

static int by_index(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* Comparison for qsort_r: `user` is the array of items; a and b point to indices of items. */
static int compare_in_groups(const void *a, const void *b, void *user)
{
    const gp_rank_item *c = user;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (c[i].group != c[j].group) return c[i].group < c[j].group ? -1 : 1;
    int order = by_score(&c[i], &c[j]);
    return order ? order : by_index(i, j);
}

/* Allocates *order and writes to it the indices of the items that have a score, sorted.  *count: their number. */
static gp_status sort_items(const gp_rank_item *items, size_t n, size_t **order, size_t *count, gp_error *err)
{
    *count = 0;
    GP_TRY(gp_alloc((void **)order, n, sizeof **order, "the order of the candidates", err));
    for (size_t i = 0; i < n; i++)
        if (!isnan(items[i].score)) (*order)[(*count)++] = i;
    qsort_r(*order, *count, sizeof **order, compare_in_groups, (void *)(uintptr_t)items);
    return GP_OK;
}

gp_status gp_rank_groups(const gp_rank_item *candidates, size_t n, uint32_t *rank, gp_error *err)
{
    size_t *order = NULL, m = 0;
    GP_TRY(sort_items(candidates, n, &order, &m, err));
    for (size_t i = 0; i < n; i++) rank[i] = 0;
    for (size_t k = 0; k < m; k++) {
        bool first = k == 0 || candidates[order[k]].group != candidates[order[k - 1]].group;
        rank[order[k]] = first ? 1 : rank[order[k - 1]] + 1;
    }
    gp_mem_free(order);
    return GP_OK;
}

gp_status gp_rank_softmax(const gp_rank_item *items, size_t n, double *share, gp_error *err)
{
    size_t *order = NULL, m = 0;
    GP_TRY(sort_items(items, n, &order, &m, err));
    for (size_t i = 0; i < n; i++) share[i] = 0;
    for (size_t from = 0, to; from < m; from = to) {
        const gp_rank_item *best =
            &items[order[from]]; /* subtracting the best makes every exponent at most 0, so exp cannot overflow */
        double sum = 0;
        for (to = from; to < m && items[order[to]].group == best->group; to++)
            sum += share[order[to]] = exp(items[order[to]].score - best->score);
        for (size_t k = from; k < to; k++) share[order[k]] /= sum;
    }
    gp_mem_free(order);
    return GP_OK;
}
