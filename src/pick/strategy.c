/* SPDX-License-Identifier: MIT
 * The filters, in the order given in strategy.h.  rank.c ranks the candidates within each prompt, slice and category,
 * and over all.  The rank over all is the order in which candidates are processed. */
#include "pick/strategy.h"
#include "base/mem.h"
#include "pick/calibrate.h"
#include "pick/diversify.h"
#include "pick/rank.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
/* factor of the required lift, so that rounding errors do not reject a slice */
#define LIFT_ROUNDING (1 - 1e-12)

/* ------------------------------------------------------------------ options */

static bool of_slices(const gp_pick_options *o)
{
    return o->strategy == GP_PICK_SLICES || o->strategy == GP_PICK_CATEGORY_SLICES;
}

gp_status gp_strategy_check(const gp_pick_options *o, gp_error *err)
{
    if ((unsigned)o->strategy > GP_PICK_CATEGORY)
        return gp_fail(err, GP_ERR_USAGE, "unknown pick strategy %d", (int)o->strategy);
    if ((unsigned)o->by > GP_BY_DIFFICULTY)
        return gp_fail(err, GP_ERR_USAGE, "unknown scale %d to pick by", (int)o->by);
    if ((unsigned)o->diversity > GP_DIVERSITY_FACILITY)
        return gp_fail(err, GP_ERR_USAGE, "unknown diversity method %d", (int)o->diversity);
    if (o->per_slice && !of_slices(o))
        return gp_fail(err, GP_ERR_USAGE, "per_slice needs the strategy slices or category-slices");
    if (o->has_min_lift && !(of_slices(o) && isfinite(o->min_lift)))
        return gp_fail(err, GP_ERR_USAGE,
                       "min_lift must be a number, and needs the strategy slices or category-slices");
    if (o->strategy == GP_PICK_CATEGORY_SLICES && !o->has_min_lift && !isfinite(o->lift_factor))
        return gp_fail(err, GP_ERR_USAGE, "lift_factor must be a finite number, not %g", o->lift_factor);
    if (o->has_min_score && isnan(o->min_score)) return gp_fail(err, GP_ERR_USAGE, "min_score must be a number");
    if (o->diversity && !(o->balance >= 0 && o->balance <= 1))
        return gp_fail(err, GP_ERR_USAGE, "balance must be between 0 and 1, not %g", o->balance);
    if (o->diversity && !o->top && !o->per_slice && !o->per_category && o->strategy != GP_PICK_CATEGORY)
        return gp_fail(err, GP_ERR_USAGE, "diversity needs a number of picks: set top, per_category or per_slice");
    return GP_OK;
}

bool gp_strategy_needs_analysis(const gp_pick_options *o)
{
    bool of_analysis = o->by != GP_BY_SCORE && o->by != GP_BY_DIFFICULTY;
    return o->strategy != GP_PICK_PROMPT || of_analysis || o->per_category || o->one_per_duplicate;
}

bool gp_strategy_needs_vectors(const gp_pick_options *o)
{
    return o->diversity != GP_DIVERSITY_NONE;
}

/* ------------------------------------------------------------------ setup */

/* Picks so far of one prompt, slice, category or group of near-duplicates, or in total. */
typedef struct tally {
    uint64_t count;
    uint32_t last; /* the latest pick; candidates are picked from best to worst, so it is the worst pick */
} tally;

typedef enum grouping { BY_PROMPT, BY_SLICE, BY_CATEGORY, OVER_ALL, GROUPINGS } grouping;

typedef struct run {
    const gp_strategy_input *in;
    const gp_pick_options *o;
    gp_pick_decision *decisions; /* [n] */
    double *value;               /* [n] value by which candidates are compared; NaN: none */
    /* [n] slice of the candidate; NONE: it is in no slice, or the strategy has no slices */
    uint32_t *slice;
    double *slice_mean;     /* [slices] */
    uint32_t *slice_scored; /* [slices] number of scored rows */
    /* [categories + 1] mean score of each category; the last number is the mean of all candidates */
    double *mean;
    /* [categories + 1] minimum mean that a slice needs to qualify, if it is compared with this category */
    double *limit;
    uint32_t *key[GROUPINGS];  /* [n] number of the candidate's prompt, slice, category; NONE: the candidate has none */
    uint32_t *rank[GROUPINGS]; /* [n] rank among the candidates with the same key; 0: no value */
    uint32_t *of[GROUPINGS];   /* [n] number of candidates that have the same key and a value */
    tally *tallies[GROUPINGS]; /* picks so far for each key: each prompt, slice, category */
    uint32_t *order;           /* [scored] candidates with a value, best first */
    size_t scored;
    uint64_t most[GROUPINGS]; /* maximum number of picks with the same key; 0: no limit */
} run;

static void run_clear(run *r)
{
    for (size_t g = 0; g < GROUPINGS; g++) {
        gp_mem_free(r->key[g]);
        gp_mem_free(r->rank[g]);
        gp_mem_free(r->of[g]);
        gp_mem_free(r->tallies[g]);
    }
    gp_mem_free(r->order);
    gp_mem_free(r->mean);
    gp_mem_free(r->limit);
    gp_mem_free(r->slice_scored);
    gp_mem_free(r->slice_mean);
    gp_mem_free(r->slice);
    gp_mem_free(r->value);
}

static gp_status check_input(const gp_strategy_input *in, const gp_pick_options *o, gp_error *err)
{
    if (in->n >= NONE || in->slice_count >= NONE || in->categories >= NONE)
        return gp_fail(err, GP_ERR_LIMIT, "there can be at most %u candidates, slices or categories", NONE - 1);
    if (gp_strategy_needs_vectors(o) && !in->vectors && in->n)
        return gp_fail(err, GP_ERR_USAGE, "diversity needs the images' embeddings");
    for (size_t i = 0; i < in->n; i++) {
        const gp_pick_candidate *c = &in->candidates[i];
        if (c->category >= 0 && (size_t)c->category >= in->categories)
            return gp_fail(err, GP_ERR_USAGE, "candidate %zu has category %d, but there are %zu categories", i,
                           c->category, in->categories);
        if (c->group >= 0 && (size_t)c->group >= in->n)
            return gp_fail(err, GP_ERR_USAGE, "candidate %zu has group %d, but groups are numbered below %zu", i,
                           c->group, in->n);
    }
    for (size_t s = 0; s < in->slice_count; s++) {
        const gp_pick_slice *slice = &in->slices[s];
        if (slice->category >= 0 && (size_t)slice->category >= in->categories)
            return gp_fail(err, GP_ERR_USAGE, "slice %zu has category %d, but there are %zu categories", s,
                           slice->category, in->categories);
        for (uint32_t k = 0; k < slice->support; k++)
            if (slice->rows[k] >= in->n)
                return gp_fail(err, GP_ERR_USAGE, "slice %zu has row %u, but there are %zu candidates", s,
                               slice->rows[k], in->n);
    }
    return GP_OK;
}

/* Sets the mean of category c, and the minimum mean of slices that are compared with category c. */
static void set_limit(run *r, size_t c, const gp_moments *m)
{
    double sd = m->n > 1 ? sqrt(m->squares / (double)(m->n - 1)) : (double)NAN;
    double lift = r->o->has_min_lift                          ? r->o->min_lift
                  : r->o->strategy == GP_PICK_CATEGORY_SLICES ? r->o->lift_factor * sd
                                                              : (double)-INFINITY;
    r->mean[c] = m->n ? m->mean : (double)NAN;
    r->limit[c] = r->mean[c] + (lift > 0 ? lift * LIFT_ROUNDING : lift);
}

/* Computes mean and limit of each category.  The last element has the mean and the limit of all candidates.  All are
 * computed from raw scores. */
static gp_status measure_categories(run *r, gp_error *err)
{
    const gp_strategy_input *in = r->in;
    size_t all = in->categories;
    double *score = NULL;                           /* [n] */
    int32_t *category = NULL, *one = NULL;          /* [n] */
    gp_moments *of_category = NULL, *of_all = NULL; /* [categories], [1] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&r->mean, all + 1, sizeof *r->mean, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&r->limit, all + 1, sizeof *r->limit, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&score, in->n, sizeof *score, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&category, in->n, sizeof *category, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&one, in->n, sizeof *one, "the categories", err));
    for (size_t i = 0; i < in->n; i++)
        score[i] = in->candidates[i].score, category[i] = in->candidates[i].category, one[i] = 0;
    GP_TRY_GOTO(gp_moments_of(score, category, in->n, all, &of_category, err));
    GP_TRY_GOTO(gp_moments_of(score, one, in->n, 1, &of_all, err));
    for (size_t c = 0; c < all; c++) set_limit(r, c, &of_category[c]);
    set_limit(r, all, of_all);
out:
    gp_mem_free(of_all);
    gp_mem_free(of_category);
    gp_mem_free(one);
    gp_mem_free(category);
    gp_mem_free(score);
    return st;
}

/* Returns the index of the mean (in r->mean) with which a slice is compared: a category, or `categories` for the mean
 * of all candidates. */
static size_t reference_category(const run *r, uint32_t slice)
{
    int32_t category = r->in->slices[slice].category;
    return category < 0 ? r->in->categories : (size_t)category;
}

static bool qualifies(const run *r, uint32_t slice)
{
    return r->slice_scored[slice] >= r->o->min_support &&
           r->slice_mean[slice] >= r->limit[reference_category(r, slice)];
}

/* Returns whether a candidate that is in slices a and b belongs to a. The criteria, in this order: only a qualifies; a
 * is smaller; a has the higher mean. */
static bool precedes(const run *r, uint32_t a, uint32_t b)
{
    bool a_qualifies = qualifies(r, a), b_qualifies = qualifies(r, b);
    if (a_qualifies != b_qualifies) return a_qualifies;
    if (r->slice_scored[a] != r->slice_scored[b]) return r->slice_scored[a] < r->slice_scored[b];
    /* if everything is equal, the slice that comes first in the list is kept */
    return r->slice_mean[a] > r->slice_mean[b];
}

/* Finds the slice of each candidate: of all slices that contain it, the first in the order of `precedes`.  The slice
 * may not qualify. */
static gp_status find_slices(run *r, gp_error *err)
{
    const gp_strategy_input *in = r->in;
    GP_TRY(gp_alloc((void **)&r->slice, in->n, sizeof *r->slice, "the slices", err));
    GP_TRY(gp_alloc((void **)&r->slice_mean, in->slice_count, sizeof *r->slice_mean, "the slices", err));
    GP_TRY(gp_alloc((void **)&r->slice_scored, in->slice_count, sizeof *r->slice_scored, "the slices", err));
    for (size_t i = 0; i < in->n; i++) r->slice[i] = NONE;
    for (uint32_t s = 0; s < in->slice_count && of_slices(r->o); s++) {
        const gp_pick_slice *slice = &in->slices[s];
        if ((slice->category >= 0) != (r->o->strategy == GP_PICK_CATEGORY_SLICES)) continue;
        double sum = 0;
        r->slice_scored[s] = 0;
        for (uint32_t k = 0; k < slice->support; k++) {
            double score = in->candidates[slice->rows[k]].score;
            if (!isnan(score)) sum += score, r->slice_scored[s]++;
        }
        r->slice_mean[s] = sum / r->slice_scored[s];
        for (uint32_t k = 0; k < slice->support; k++) {
            uint32_t *own = &r->slice[slice->rows[k]];
            if (*own == NONE || precedes(r, s, *own)) *own = s;
        }
    }
    return GP_OK;
}

static int by_prompt(const void *a, const void *b, void *user)
{
    const gp_pick_candidate *c = user;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (c[i].prompt != c[j].prompt) return c[i].prompt < c[j].prompt ? -1 : 1;
    return (i > j) - (i < j);
}

/* key [n]: a number for each candidate's prompt, from 0 on, in the order of prompt ids. */
static gp_status number_prompts(const gp_strategy_input *in, uint32_t *key, gp_error *err)
{
    uint32_t *index = NULL, number = 0;
    GP_TRY(gp_alloc((void **)&index, in->n, sizeof *index, "the prompts", err));
    for (uint32_t i = 0; i < in->n; i++) index[i] = i;
    if (in->n) qsort_r(index, in->n, sizeof *index, by_prompt, (void *)in->candidates);
    for (size_t k = 0; k < in->n; k++) {
        if (k && in->candidates[index[k]].prompt != in->candidates[index[k - 1]].prompt) number++;
        key[index[k]] = number;
    }
    gp_mem_free(index);
    return GP_OK;
}

static gp_status fill_keys(run *r, gp_error *err)
{
    const gp_strategy_input *in = r->in;
    for (size_t g = 0; g < GROUPINGS; g++)
        GP_TRY(gp_alloc((void **)&r->key[g], in->n, sizeof *r->key[g], "the candidates", err));
    GP_TRY(number_prompts(in, r->key[BY_PROMPT], err));
    for (size_t i = 0; i < in->n; i++) {
        r->key[BY_SLICE][i] = r->slice[i] != NONE && qualifies(r, r->slice[i]) ? r->slice[i] : NONE;
        int32_t category = in->candidates[i].category;
        r->key[BY_CATEGORY][i] = category < 0 ? (uint32_t)in->categories : (uint32_t)category;
        r->key[OVER_ALL][i] = 0;
    }
    return GP_OK;
}

/* Computes `rank` and `of` in grouping g.  candidates [n] is scratch. */
static gp_status rank_in(run *r, grouping g, gp_rank_item *candidates, gp_error *err)
{
    const gp_strategy_input *in = r->in;
    size_t keys = in->n + in->categories + in->slice_count + 1;
    uint32_t *size = NULL;
    GP_TRY(gp_alloc((void **)&r->rank[g], in->n, sizeof *r->rank[g], "the candidates", err));
    GP_TRY(gp_alloc((void **)&r->of[g], in->n, sizeof *r->of[g], "the candidates", err));
    r->tallies[g] = gp_mem_zero(keys, sizeof *r->tallies[g]);
    if (!r->tallies[g]) return gp_fail_memory(err, "the candidates");
    for (size_t i = 0; i < in->n; i++) {
        uint32_t key = r->key[g][i];
        candidates[i] = (gp_rank_item){.group = key == NONE ? -1 : (int64_t)key,
                                       .score = key == NONE ? (double)NAN : r->value[i],
                                       .tie = in->candidates[i].tie};
    }
    GP_TRY(gp_rank_groups(candidates, in->n, r->rank[g], err));
    size = gp_mem_zero(keys, sizeof *size);
    if (!size) return gp_fail_memory(err, "the candidates");
    for (size_t i = 0; i < in->n; i++)
        if (r->rank[g][i]) size[r->key[g][i]]++;
    for (size_t i = 0; i < in->n; i++) r->of[g][i] = r->key[g][i] == NONE ? 0 : size[r->key[g][i]];
    gp_mem_free(size);
    return GP_OK;
}

static gp_status set_up(run *r, gp_error *err)
{
    const gp_strategy_input *in = r->in;
    gp_rank_item *candidates = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&r->value, in->n, sizeof *r->value, "the candidates", err));
    for (size_t i = 0; i < in->n; i++) {
        const gp_pick_candidate *c = &in->candidates[i];
        r->value[i] = isnan(c->score) ? (double)NAN : r->o->by == GP_BY_SCORE ? c->score : c->corrected;
    }
    GP_TRY_GOTO(measure_categories(r, err));
    GP_TRY_GOTO(find_slices(r, err));
    GP_TRY_GOTO(fill_keys(r, err));
    GP_TRY_GOTO(gp_alloc((void **)&candidates, in->n, sizeof *candidates, "the candidates", err));
    for (grouping g = 0; g < GROUPINGS; g++) GP_TRY_GOTO(rank_in(r, g, candidates, err));
    GP_TRY_GOTO(gp_alloc((void **)&r->order, in->n, sizeof *r->order, "the candidates", err));
    for (uint32_t i = 0; i < in->n; i++) {
        if (!r->rank[OVER_ALL][i]) continue;
        r->order[r->rank[OVER_ALL][i] - 1] = i;
        r->scored++;
    }
    r->most[BY_PROMPT] = r->o->per_prompt;
    r->most[BY_SLICE] = of_slices(r->o) ? r->o->per_slice : 0;
    r->most[BY_CATEGORY] = r->o->per_category                   ? r->o->per_category
                           : r->o->strategy == GP_PICK_CATEGORY ? GP_STRATEGY_PER_CATEGORY
                                                                : 0;
    r->most[OVER_ALL] = r->o->top;
out:
    gp_mem_free(candidates);
    return st;
}

/* ------------------------------------------------------------------ decisions */

static void set_rank(const run *r, uint32_t i, grouping g)
{
    r->decisions[i].rank = r->rank[g][i];
    r->decisions[i].of = r->of[g][i];
}

/* Fills in the decision on candidate i as if it were picked; `reject` changes it later. */
static void describe(const run *r, uint32_t i)
{
    const gp_pick_candidate *c = &r->in->candidates[i];
    uint32_t s = r->slice[i];
    bool by_category = r->o->strategy == GP_PICK_CATEGORY_SLICES && c->category >= 0;
    size_t reference = s != NONE ? reference_category(r, s) : by_category ? (size_t)c->category : r->in->categories;
    r->decisions[i] = (gp_pick_decision){
        .filter = GP_FILTERED_NOT,
        .strategy = r->o->strategy,
        .by = r->o->by,
        .score = c->score,
        .corrected = r->o->by == GP_BY_SCORE ? c->score : c->corrected,
        .limit = NAN,
        .prompt = c->prompt_text,
        .category = c->category >= 0 && r->in->category_name ? r->in->category_name[c->category] : NULL,
        .slice = s != NONE ? r->in->slices[s].title : NULL,
        .slice_value = s != NONE ? r->slice_mean[s] : (double)NAN,
        .slice_support = s != NONE ? r->slice_scored[s] : 0,
        .overall = r->mean[reference],
        .no_category = c->category < 0,
        .likeness = NAN,
        .prompt_rank = r->rank[BY_PROMPT][i],
        .prompt_of = r->of[BY_PROMPT][i],
    };
    set_rank(r, i, r->o->strategy == GP_PICK_CATEGORY ? BY_CATEGORY : of_slices(r->o) ? BY_SLICE : BY_PROMPT);
}

static double cosine(const run *r, uint32_t i, uint32_t j)
{
    size_t d = r->in->d;
    return r->in->vectors ? gp_diversify_similarity(r->in->vectors + i * d, r->in->vectors + j * d, d) : (double)NAN;
}

/* Records that candidate i is rejected: in favour of candidate `other`, or, if `other` is NONE, because it does not
 * meet `limit`. */
static void reject(const run *r, uint32_t i, gp_pick_filter filter, double limit, uint32_t other)
{
    gp_pick_decision *v = &r->decisions[i];
    v->filter = filter;
    v->limit = other == NONE ? limit : r->value[other];
    if (other == NONE) return;
    v->other = r->in->candidates[other].path;
    if (filter == GP_FILTERED_DUPLICATE || filter == GP_FILTERED_DIVERSITY) v->likeness = cosine(r, i, other);
}

static const gp_pick_filter filter_of[GROUPINGS] = {GP_FILTERED_PER_PROMPT, GP_FILTERED_PER_SLICE,
                                                    GP_FILTERED_PER_CATEGORY, GP_FILTERED_TOP};

static tally *tally_of(const run *r, uint32_t i, grouping g)
{
    return r->key[g][i] == NONE ? NULL : &r->tallies[g][r->key[g][i]];
}

/* Rejects candidate i if its prompt, slice or category (grouping g) already has the maximum number of picks. */
static bool limit_reached(const run *r, uint32_t i, grouping g)
{
    tally *p = tally_of(r, i, g);
    if (!p || !r->most[g] || p->count < r->most[g]) return false;
    set_rank(r, i, g);
    reject(r, i, filter_of[g], 0, p->last);
    return true;
}

/* Rejects candidate i if it fails a filter that does not depend on other candidates. */
static bool fails_alone(const run *r, uint32_t i)
{
    const gp_pick_options *o = r->o;
    if (o->has_min_score && r->in->candidates[i].score < o->min_score) {
        reject(r, i, GP_FILTERED_MIN_SCORE, o->min_score, NONE);
        return true;
    }
    if (r->in->candidates[i].unmet) {
        reject(r, i, GP_FILTERED_MEASURE, NAN, NONE);
        r->decisions[i].unmet = r->in->candidates[i].unmet;
        return true;
    }
    if (of_slices(o) && r->key[BY_SLICE][i] == NONE) {
        uint32_t s = r->slice[i];
        bool small = s != NONE && r->slice_scored[s] < o->min_support;
        reject(r, i, GP_FILTERED_NOT_IN_SLICE, s == NONE || small ? (double)NAN : r->limit[reference_category(r, s)],
               NONE);
        return true;
    }
    return false;
}

/* Rejects candidate i if a near-duplicate of it is already picked. copies [n]: the pick of each group of
 * near-duplicates. */
static bool duplicate_picked(const run *r, uint32_t i, const tally *copies)
{
    int32_t group = r->in->candidates[i].group;
    if (!r->o->one_per_duplicate || group < 0 || !copies[group].count) return false;
    set_rank(r, i, BY_PROMPT);
    reject(r, i, GP_FILTERED_DUPLICATE, 0, copies[group].last);
    return true;
}

/* Counts the rejected candidate i towards the limit of its prompt if it was rejected because it is in no slice that
 * qualifies.  An image of a slice is then picked only if it is one of the best K images of its prompt, where images
 * outside of the slices count too. */
static void count_for_prompt(const run *r, uint32_t i, const tally *copies)
{
    int32_t group = r->in->candidates[i].group;
    tally *p = tally_of(r, i, BY_PROMPT);
    bool copy = r->o->one_per_duplicate && group >= 0 && copies[group].count;
    if (r->decisions[i].filter != GP_FILTERED_NOT_IN_SLICE || copy || p->count >= r->most[BY_PROMPT]) return;
    p->count++, p->last = i;
}

/* Processes the candidates from best to worst. to: the last grouping whose limit is applied in this pass. */
static gp_status run_filters(const run *r, grouping to, gp_error *err)
{
    tally *copies = gp_mem_zero(r->in->n, sizeof *copies);
    if (!copies) return gp_fail_memory(err, "the candidates");
    for (size_t k = 0; k < r->scored; k++) {
        uint32_t i = r->order[k];
        int32_t group = r->in->candidates[i].group;
        bool out = fails_alone(r, i), kept = !out && !limit_reached(r, i, BY_PROMPT) && !duplicate_picked(r, i, copies);
        if (out) count_for_prompt(r, i, copies);
        for (grouping g = BY_SLICE; kept && g <= to; g++) kept = !limit_reached(r, i, g);
        if (!kept) continue;
        for (grouping g = 0; g <= to; g++) {
            tally *p = tally_of(r, i, g);
            if (p) p->count++, p->last = i;
        }
        if (group >= 0) copies[group] = (tally){1, i};
    }
    gp_mem_free(copies);
    return GP_OK;
}

/* ------------------------------------------------------------------ diversity */

/* Returns the candidate in chosen [k] that is most similar to i. */
static uint32_t most_similar(const run *r, uint32_t i, const uint32_t *chosen, size_t k)
{
    uint32_t best = NONE;
    double most = -INFINITY;
    for (size_t c = 0; c < k; c++) {
        double s = cosine(r, i, chosen[c]);
        if (s > most) most = s, best = chosen[c];
    }
    return best;
}

/* Applies the limit of grouping g to pool [m], which has candidates with the same key, from best to worst.  Keeps the
 * candidates that the diversity method selects, and rejects the others. relevance [n] is scratch; all its numbers are
 * NaN before and after the call. */
static gp_status select_diverse(const run *r, grouping g, const uint32_t *pool, size_t m, double *relevance,
                                uint32_t *chosen, gp_error *err)
{
    size_t most = r->most[g] < m ? (size_t)r->most[g] : m, count = 0;
    if (most == m) return GP_OK;
    for (size_t k = 0; k < m; k++) relevance[pool[k]] = r->value[pool[k]];
    gp_status st = r->o->diversity == GP_DIVERSITY_MMR
                       ? gp_diversify_mmr(r->in->vectors, r->in->n, r->in->d, relevance, NULL, most, r->o->balance,
                                          chosen, &count, err)
                       : gp_diversify_facility(r->in->vectors, r->in->n, r->in->d, relevance, NULL, most, r->o->balance,
                                               chosen, &count, err);
    for (size_t k = 0; k < m; k++) relevance[pool[k]] = NAN;
    GP_TRY(st);
    uint32_t last = chosen[0];
    for (size_t k = 0; k < count; k++) {
        relevance[chosen[k]] = 0; /* marks selected candidates for the next loop */
        if (r->rank[OVER_ALL][chosen[k]] > r->rank[OVER_ALL][last]) last = chosen[k];
    }
    for (size_t k = 0; k < m; k++) {
        uint32_t i = pool[k];
        if (!isnan(relevance[i])) continue;
        set_rank(r, i, g);
        if (r->rank[OVER_ALL][i] > r->rank[OVER_ALL][last])
            reject(r, i, filter_of[g], 0, last);
        else
            reject(r, i, GP_FILTERED_DIVERSITY, 0, most_similar(r, i, chosen, count));
    }
    for (size_t k = 0; k < count; k++) relevance[chosen[k]] = NAN;
    return GP_OK;
}

static int by_key_and_rank(const void *a, const void *b, void *user)
{
    const uint32_t *const *key_rank = user;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (key_rank[0][i] != key_rank[0][j]) return key_rank[0][i] < key_rank[0][j] ? -1 : 1;
    return (key_rank[1][i] > key_rank[1][j]) - (key_rank[1][i] < key_rank[1][j]);
}

/* Applies the limits of slices, then of categories, then the total limit, each to the candidates that are left. */
static gp_status select_all_diverse(const run *r, gp_error *err)
{
    size_t n = r->in->n;
    uint32_t *pool = NULL, *chosen = NULL;
    double *relevance = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&pool, n, sizeof *pool, "the candidates", err));
    GP_TRY_GOTO(gp_alloc((void **)&chosen, n, sizeof *chosen, "the candidates", err));
    GP_TRY_GOTO(gp_alloc((void **)&relevance, n, sizeof *relevance, "the candidates", err));
    for (size_t i = 0; i < n; i++) relevance[i] = NAN;
    for (grouping g = BY_SLICE; g < GROUPINGS; g++) {
        const uint32_t *key_rank[2] = {r->key[g], r->rank[OVER_ALL]};
        size_t m = 0;
        if (!r->most[g]) continue;
        for (size_t k = 0; k < r->scored; k++) {
            uint32_t i = r->order[k];
            if (r->decisions[i].filter == GP_FILTERED_NOT && r->key[g][i] != NONE) pool[m++] = i;
        }
        if (m) qsort_r(pool, m, sizeof *pool, by_key_and_rank, key_rank);
        for (size_t a = 0, b; a < m; a = b) {
            for (b = a + 1; b < m && r->key[g][pool[b]] == r->key[g][pool[a]];) b++;
            GP_TRY_GOTO(select_diverse(r, g, pool + a, b - a, relevance, chosen, err));
        }
    }
out:
    gp_mem_free(relevance);
    gp_mem_free(chosen);
    gp_mem_free(pool);
    return st;
}

/* ------------------------------------------------------------------ entry point */

gp_status gp_strategy_choose(const gp_strategy_input *input, const gp_pick_options *options,
                             gp_pick_decision *decisions, size_t *count, gp_error *err)
{
    run r = {.in = input, .o = options, .decisions = decisions};
    size_t picked = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_strategy_check(options, err));
    GP_TRY_GOTO(check_input(input, options, err));
    GP_TRY_GOTO(set_up(&r, err));
    for (uint32_t i = 0; i < input->n; i++) {
        describe(&r, i);
        if (isnan(r.value[i])) reject(&r, i, GP_FILTERED_NO_SCORE, NAN, NONE);
    }
    GP_TRY_GOTO(run_filters(&r, options->diversity ? BY_PROMPT : OVER_ALL, err));
    if (options->diversity) GP_TRY_GOTO(select_all_diverse(&r, err));
    for (size_t i = 0; i < input->n; i++) picked += decisions[i].filter == GP_FILTERED_NOT;
    *count = picked;
out:
    run_clear(&r);
    return st;
}
