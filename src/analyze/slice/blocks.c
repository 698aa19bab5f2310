/* SPDX-License-Identifier: MIT
 * Exchangeability blocks (Winkler et al. 2014): groups of rows, strata of groups, and one random exchange. */
#include "analyze/slice/significance.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* number of groups of one size that suffices for a stratum; with fewer groups, the stratum also gets smaller groups;
 * see gp_blocks */
enum { ENOUGH_GROUPS = 20 };

/* ------------------------------------------------------------------ groups */

typedef struct member {
    int64_t group;
    uint32_t row;
} member;

static int by_group(const void *x, const void *y)
{
    const member *a = x, *b = y;
    return a->group != b->group ? (a->group > b->group) - (a->group < b->group) : (a->row > b->row) - (a->row < b->row);
}

typedef struct span {
    uint32_t at, size; /* first member and number of members */
    uint32_t row;      /* row of the first member */
} span;

static int by_size(const void *x, const void *y)
{
    const span *a = x, *b = y;
    return a->size != b->size ? (a->size < b->size) - (a->size > b->size) : (a->row > b->row) - (a->row < b->row);
}

/* Lists the scored rows with their groups.  A row without a group gets a group of its own, with a negative number. */
static size_t collect(const gp_scores *s, const int32_t *group, member *members)
{
    size_t m = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (isnan(s->score[i])) continue;
        bool alone = !group || group[i] < 0;
        members[m++] = (member){alone ? -1 - (int64_t)i : group[i], i};
    }
    return m;
}

static size_t find_spans(const member *members, size_t m, span *spans)
{
    size_t count = 0;
    for (size_t i = 0; i < m; i++) {
        if (i == 0 || members[i].group != members[i - 1].group) spans[count++] = (span){(uint32_t)i, 0, members[i].row};
        spans[count - 1].size++;
    }
    return count;
}

/* Divides the groups, sorted by descending size, into strata; see gp_blocks. */
static void find_strata(gp_blocks *b, const span *spans)
{
    b->strata = 0;
    for (size_t g = 0; g < b->count; g++) {
        const span *opens = b->strata ? &spans[b->first[b->strata - 1]] : NULL;
        bool same = opens && spans[g].size == spans[g - 1].size;
        bool joins = opens && g - b->first[b->strata - 1] < ENOUGH_GROUPS && spans[g].size * 2 >= opens->size;
        if (!same && !joins) b->first[b->strata++] = (uint32_t)g;
    }
    b->first[b->strata] = (uint32_t)b->count;
}

gp_status gp_an_blocks(const gp_scores *scores, const int32_t *group, gp_blocks *out, gp_error *err)
{
    gp_blocks b = {.rows = scores->scored};
    member *members = NULL;
    span *spans = NULL;
    uint32_t at = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&members, b.rows, sizeof *members, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&spans, b.rows, sizeof *spans, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.row, b.rows, sizeof *b.row, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.value, b.rows, sizeof *b.value, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.start, b.rows + 1, sizeof *b.start, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.first, b.rows + 1, sizeof *b.first, "the groups", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.of, scores->n, sizeof *b.of, "the groups", err));
    size_t m = collect(scores, group, members);
    if (m) qsort(members, m, sizeof *members, by_group);
    b.count = find_spans(members, m, spans);
    if (b.count) qsort(spans, b.count, sizeof *spans, by_size);
    b.largest = b.count ? spans[0].size : 0;
    for (size_t i = 0; i < scores->n; i++) b.of[i] = UINT32_MAX;
    for (size_t g = 0; g < b.count; g++) {
        b.start[g] = at;
        for (uint32_t k = 0; k < spans[g].size; k++, at++) {
            b.row[at] = members[spans[g].at + k].row;
            b.value[at] = scores->score[b.row[at]] - scores->mean;
            b.of[b.row[at]] = (uint32_t)g;
        }
    }
    b.start[b.count] = at;
    find_strata(&b, spans);
    *out = b;
    b = (gp_blocks){0};
out:
    gp_mem_free(spans);
    gp_mem_free(members);
    gp_an_blocks_clear(&b);
    return st;
}

void gp_an_blocks_clear(gp_blocks *b)
{
    gp_mem_free(b->row);
    gp_mem_free(b->value);
    gp_mem_free(b->start);
    gp_mem_free(b->first);
    gp_mem_free(b->of);
    *b = (gp_blocks){0};
}

/* ------------------------------------------------------------------ one exchange */

/* Returns a random number in 0 .. end - 1: number `at` of the stream `seed`. */
static size_t below(uint64_t seed, uint64_t at, size_t end)
{
    return (size_t)(((unsigned __int128)gp_rng_at(seed, at) * end) >> 64);
}

/* Writes a random order of the groups first .. end - 1 to the same places of `order`. */
static void shuffle_groups(uint64_t seed, uint32_t first, uint32_t end, uint32_t *order)
{
    for (uint32_t g = first; g < end; g++) order[g] = g;
    for (uint32_t g = end; g-- > first + 1;) {
        size_t other = first + below(seed, g, g - first + 1);
        uint32_t keep = order[g];
        order[g] = order[other], order[other] = keep;
    }
}

void gp_an_exchange(const gp_blocks *b, uint64_t seed, uint32_t *order, double *pool, double *drawn)
{
    uint64_t within = gp_rng_mix(seed ^ 0x9e3779b97f4a7c15U);
    for (size_t s = 0; s < b->strata; s++) shuffle_groups(seed, b->first[s], b->first[s + 1], order);
    for (size_t g = 0; g < b->count; g++) {
        const double *gives = b->value + b->start[order[g]];
        size_t has = b->start[order[g] + 1] - b->start[order[g]], wants = b->start[g + 1] - b->start[g];
        double *takes = drawn + b->start[g];
        if (has == 1 && wants == 1) {
            *takes = *gives;
            continue;
        }
        size_t count = has > wants ? has : wants;
        memcpy(pool, gives, has * sizeof *pool);
        for (size_t i = has; i < wants; i++) pool[i] = gives[below(within, b->rows + b->start[g] + i, has)];
        for (size_t i = 0; i < wants; i++) {
            size_t other = i + below(within, b->start[g] + i, count - i);
            takes[i] = pool[other], pool[other] = pool[i];
        }
    }
}
