/* SPDX-License-Identifier: MIT
 * The pick strategy: compared with rank.h where both must agree, with a slow version that has all filters, by hand, and
 * with the article's collection if the shared golden values exist. */
#include "support.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "npy.h"
#include "pick/diversify.h"
#include "pick/rank.h"
#include "pick/strategy.h"
#include <math.h>

enum { N = 200, CATEGORIES = 6, SLICES = 12, D = 5 };

typedef struct scene {
    gp_pick_candidate c[N];
    gp_pick_slice slices[SLICES];
    uint32_t rows[SLICES][N];
    float vectors[N * D];
    gp_strategy_input in;
} scene;

static gp_hash hash_of(uint64_t i)
{
    return gp_hash_of(&i, sizeof i);
}

static void fill(scene *s, uint64_t seed)
{
    for (size_t i = 0; i < N; i++) {
        uint64_t r = gp_rng_at(seed, i);
        s->c[i] = (gp_pick_candidate){.prompt = (int64_t)(r % 41) - 20,
                                      .category = (int32_t)(r >> 8 & 7) - 1,
                                      .group = (int32_t)(r >> 16 & 63) - 30,
                                      .score = 20 + (double)(r >> 24 & 15),
                                      .corrected = (double)(r >> 30 & 7) - 3,
                                      .tie = hash_of(seed * 1000 + i)};
        if (s->c[i].category >= CATEGORIES) s->c[i].category = -1;
        if (s->c[i].group < 0) s->c[i].group = -1;
        if ((r >> 40 & 31) == 0) s->c[i].score = (double)NAN;
        if ((r >> 45 & 31) == 0) s->c[i].corrected = (double)NAN;
        double length = 0;
        for (size_t k = 0; k < D; k++) {
            s->vectors[i * D + k] = (float)(gp_rng_at(seed * 9, i * D + k) >> 48) - 30000;
            length += (double)s->vectors[i * D + k] * (double)s->vectors[i * D + k];
        }
        for (size_t k = 0; k < D; k++) s->vectors[i * D + k] /= (float)sqrt(length);
    }
    for (size_t k = 0; k < SLICES; k++) {
        /* half of the slices are slices of all images, the other half are slices within a category */
        int32_t category = (int32_t)k - CATEGORIES;
        uint32_t count = 0, part = 3 + (uint32_t)(gp_rng_at(seed * 5, k) % 9);
        for (uint32_t i = 0; i < N; i++) {
            if (category >= 0 && s->c[i].category != category) continue;
            double lift = s->c[i].score > 27 ? 2 : 1;
            if ((double)(gp_rng_at(seed * 7 + k, i) % 100) < lift * 100.0 / part) s->rows[k][count++] = i;
        }
        s->slices[k] = (gp_pick_slice){category < 0 ? -1 : category, count, s->rows[k], NULL};
    }
    s->in = (gp_strategy_input){.n = N,
                                .categories = CATEGORIES,
                                .slice_count = SLICES,
                                .d = D,
                                .candidates = s->c,
                                .slices = s->slices,
                                .vectors = s->vectors};
}

/* ------------------------------------------------------------------ compared with rank.h */

/* Chooses the images whose rank is at most `per` (0: no limit) and whose score is at least `min`. Of these images,
 * chooses the best `top` (0: no limit). Returns the number of chosen images. */
static size_t choose_by_counting(const gp_rank_item *c, const uint32_t *rank, uint32_t per, uint64_t top, bool has_min,
                                 double min, bool *chosen)
{
    static bool in[N];
    size_t count = 0;
    for (size_t i = 0; i < N; i++)
        in[i] = rank[i] > 0 && (per == 0 || rank[i] <= per) && (!has_min || c[i].score >= min);
    for (size_t i = 0; i < N; i++) {
        uint64_t better = 0;
        for (size_t j = 0; j < N; j++)
            better += in[j] && (c[j].score > c[i].score ||
                                (c[j].score == c[i].score && memcmp(c[j].tie.bytes, c[i].tie.bytes, 16) < 0));
        chosen[i] = in[i] && (top == 0 || better < top);
        count += chosen[i];
    }
    return count;
}

static void test_prompts_alone(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_rank_item c[N];
    static uint32_t rank[N];
    static bool chosen[N];
    static gp_pick_decision v[N];
    size_t count, expected;
    for (uint64_t seed = 1; seed < 12; seed++) {
        fill(&s, seed);
        for (size_t i = 0; i < N; i++) c[i] = (gp_rank_item){s.c[i].prompt, s.c[i].score, s.c[i].tie};
        assert_ok(gp_rank_groups(c, N, rank, &err));
        for (uint32_t per = 0; per < 4; per++)
            for (uint64_t top = 0; top < 40; top += 13)
                for (int min = 0; min < 3; min++) {
                    gp_pick_options o = GP_PICK_DEFAULTS;
                    o.per_prompt = per, o.top = top, o.has_min_score = min, o.min_score = 20 + 6 * min;
                    expected = choose_by_counting(c, rank, per, top, min, 20 + 6 * min, chosen);
                    assert_ok(gp_strategy_choose(&s.in, &o, v, &count, &err));
                    assert_int_equal(count, expected);
                    for (size_t i = 0; i < N; i++) {
                        assert_int_equal(v[i].filter == GP_FILTERED_NOT, chosen[i]);
                        assert_int_equal(v[i].prompt_rank, rank[i]);
                    }
                }
    }
}

/* ------------------------------------------------------------------ the slow version */

static double value_of(const scene *s, const gp_pick_options *o, size_t i)
{
    return isnan(s->c[i].score) ? (double)NAN : o->by ? s->c[i].corrected : s->c[i].score;
}

static double mean_of(const scene *s, int32_t category, const gp_pick_slice *slice, double *sd, uint32_t *scored)
{
    double sum = 0, square = 0, n = 0;
    for (int turn = 0; turn < 2; turn++)
        for (uint32_t k = 0; k < (slice ? slice->support : N); k++) {
            uint32_t i = slice ? slice->rows[k] : k;
            if (isnan(s->c[i].score) || (!slice && category >= 0 && s->c[i].category != category)) continue;
            if (turn == 0) sum += s->c[i].score, n++;
            if (turn == 1) square += pow(s->c[i].score - sum / n, 2);
        }
    if (sd) *sd = sqrt(square / (n - 1));
    if (scored) *scored = (uint32_t)n;
    return sum / n;
}

/* Returns the smallest significant slice that contains image i; -1: no such slice contains it. */
static int slice_of(const scene *s, const gp_pick_options *o, uint32_t i)
{
    int best = -1;
    uint32_t least = UINT32_MAX;
    double high = 0;
    for (int k = 0; k < SLICES; k++) {
        const gp_pick_slice *slice = &s->slices[k];
        bool member = false, kind = (slice->category >= 0) == (o->strategy == GP_PICK_CATEGORY_SLICES);
        uint32_t scored;
        double sd, base = mean_of(s, slice->category, NULL, &sd, NULL), mean = mean_of(s, -1, slice, NULL, &scored);
        for (uint32_t m = 0; m < slice->support; m++) member |= slice->rows[m] == i;
        double lift = o->has_min_lift ? o->min_lift : slice->category >= 0 ? o->lift_factor * sd : -1000;
        if (!member || !kind || scored < o->min_support || mean - base < lift - 1e-9) continue;
        if (scored < least || (scored == least && mean > high)) best = k, least = scored, high = mean;
    }
    return best;
}

static bool goes_before(const scene *s, const gp_pick_options *o, uint32_t i, uint32_t j)
{
    double a = value_of(s, o, i), b = value_of(s, o, j);
    return a != b ? a > b : memcmp(s->c[i].tie.bytes, s->c[j].tie.bytes, 16) < 0;
}

/* Returns the filter that rejects image i if the images `chosen` are already picked; GP_FILTERED_NOT if no filter
 * rejects it. */
static gp_pick_filter slow_filter(const scene *s, const gp_pick_options *o, const int *slice, uint32_t i,
                                  const uint32_t *chosen, size_t count, const bool *holds)
{
    size_t prompt = 0, copies = 0, same_slice = 0, category = 0;
    size_t per_category = o->per_category ? o->per_category : o->strategy == GP_PICK_CATEGORY ? 5 : SIZE_MAX;
    bool slices = o->strategy == GP_PICK_SLICES || o->strategy == GP_PICK_CATEGORY_SLICES;
    for (size_t k = 0; k < count; k++) {
        const gp_pick_candidate *c = &s->c[chosen[k]];
        prompt += c->prompt == s->c[i].prompt;
        copies += s->c[i].group >= 0 && c->group == s->c[i].group;
        same_slice += slice[chosen[k]] == slice[i];
        category += c->category == s->c[i].category;
    }
    for (size_t k = 0; k < N; k++) prompt += holds[k] && s->c[k].prompt == s->c[i].prompt;
    if (isnan(value_of(s, o, i))) return GP_FILTERED_NO_SCORE;
    if (o->has_min_score && s->c[i].score < o->min_score) return GP_FILTERED_MIN_SCORE;
    if (s->c[i].unmet) return GP_FILTERED_MEASURE;
    if (slices && slice[i] < 0) return GP_FILTERED_NOT_IN_SLICE;
    if (o->per_prompt && prompt >= o->per_prompt) return GP_FILTERED_PER_PROMPT;
    if (o->one_per_duplicate && copies) return GP_FILTERED_DUPLICATE;
    if (slices && o->per_slice && same_slice >= o->per_slice) return GP_FILTERED_PER_SLICE;
    if (category >= per_category) return GP_FILTERED_PER_CATEGORY;
    if (o->top && count >= o->top) return GP_FILTERED_TOP;
    return GP_FILTERED_NOT;
}

static size_t slow_choose(const scene *s, const gp_pick_options *o, gp_pick_filter *filters)
{
    uint32_t order[N], chosen[N];
    int slice[N];
    bool holds[N] = {false};
    size_t n = 0, count = 0;
    for (uint32_t i = 0; i < N; i++) {
        slice[i] = slice_of(s, o, i);
        filters[i] = GP_FILTERED_NO_SCORE;
        if (isnan(value_of(s, o, i))) continue;
        size_t at = n++;
        for (; at > 0 && goes_before(s, o, i, order[at - 1]); at--) order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t k = 0; k < n; k++) {
        uint32_t i = order[k];
        filters[i] = slow_filter(s, o, slice, i, chosen, count, holds);
        if (filters[i] == GP_FILTERED_NOT) chosen[count++] = i;
        if (filters[i] != GP_FILTERED_NOT_IN_SLICE) continue;
        bool copy = false;
        for (size_t c = 0; c < count; c++)
            copy = copy || (s->c[i].group >= 0 && s->c[chosen[c]].group == s->c[i].group);
        /* this image is in no slice, but counts for the limit of its prompt, unless it is a near-duplicate of a pick */
        holds[i] = !(copy && o->one_per_duplicate);
    }
    return count;
}

/* Makes options of all kinds from a random number. */
static gp_pick_options options_of(uint64_t r)
{
    gp_pick_options o = GP_PICK_DEFAULTS;
    o.strategy = (gp_pick_strategy)(r & 3);
    o.by = r >> 2 & 1 ? GP_BY_CORRECTED : GP_BY_SCORE;
    o.per_prompt = (uint32_t)(r >> 3 & 3);
    o.top = (r >> 5 & 1) ? (r >> 6 & 31) + 1 : 0;
    o.has_min_score = r >> 11 & 1, o.min_score = 20 + (double)(r >> 12 & 7);
    o.per_category = (uint32_t)(r >> 15 & 3) * (uint32_t)(r >> 17 & 3);
    o.one_per_duplicate = r >> 19 & 1;
    o.min_support = (uint32_t)(r >> 20 & 31);
    o.lift_factor = (double)(r >> 25 & 7) / 10 - 0.1;
    if (o.strategy == GP_PICK_SLICES || o.strategy == GP_PICK_CATEGORY_SLICES) {
        o.per_slice = (uint32_t)(r >> 28 & 3);
        o.has_min_lift = r >> 30 & 1;
        o.min_lift = (double)(r >> 31 & 7) / 4 - 0.5;
    }
    return o;
}

static void test_filters_by_a_slow_reference(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_pick_decision v[N];
    static gp_pick_filter filters[N];
    size_t count, met[GP_FILTERED_TOP + 1] = {0};
    for (uint64_t seed = 1; seed < 12; seed++) {
        fill(&s, seed);
        for (size_t i = seed % 32; i < N; i += 32) s.c[i].unmet = "its noise is too high";
        for (uint64_t k = 0; k < 60; k++) {
            gp_pick_options o = options_of(gp_rng_at(seed, k));
            size_t expected = slow_choose(&s, &o, filters);
            assert_ok(gp_strategy_choose(&s.in, &o, v, &count, &err));
            assert_int_equal(count, expected);
            for (size_t i = 0; i < N; i++) {
                if (v[i].filter != filters[i]) fail_msg("seed %d, options %d, row %zu", (int)seed, (int)k, i);
                met[filters[i]]++;
                if (filters[i] >= GP_FILTERED_PER_PROMPT) assert_in_range(v[i].rank, 1, v[i].of);
                if (filters[i] >= GP_FILTERED_PER_PROMPT) assert_true(v[i].corrected <= v[i].limit);
            }
        }
    }
    for (gp_pick_filter g = 0; g <= GP_FILTERED_TOP; g++) assert_true(g == GP_FILTERED_DIVERSITY || met[g] > 100);
}

/* ------------------------------------------------------------------ diversity */

/* Without other filters, the picks are those of diversify.h, for all images together and for each category. */
static void test_diversity(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_pick_decision v[N];
    double worth[N];
    uint32_t chosen[N];
    size_t count, expected, by_likeness = 0;
    for (uint64_t seed = 1; seed < 8; seed++)
        for (int kind = GP_DIVERSITY_MMR; kind <= GP_DIVERSITY_FACILITY; kind++)
            for (int in_categories = 0; in_categories < 2; in_categories++) {
                gp_pick_options o = GP_PICK_DEFAULTS;
                bool want[N] = {false};
                size_t total = 0;
                fill(&s, seed);
                o.per_prompt = 0, o.diversity = (gp_pick_diversity)kind, o.balance = 0.4;
                if (in_categories)
                    o.strategy = GP_PICK_CATEGORY, o.per_category = 4;
                else
                    o.top = 25;
                for (int32_t c = -1; c < (in_categories ? CATEGORIES : 0); c++) {
                    for (size_t i = 0; i < N; i++)
                        worth[i] = in_categories && s.c[i].category != c ? (double)NAN : s.c[i].score;
                    assert_ok((kind == GP_DIVERSITY_MMR ? gp_diversify_mmr : gp_diversify_facility)(
                        s.vectors, N, D, worth, NULL, in_categories ? 4 : 25, 0.4, chosen, &expected, &err));
                    for (size_t k = 0; k < expected; k++) want[chosen[k]] = true;
                    total += expected;
                }
                assert_ok(gp_strategy_choose(&s.in, &o, v, &count, &err));
                assert_int_equal(count, total);
                for (size_t i = 0; i < N; i++) {
                    assert_int_equal(v[i].filter == GP_FILTERED_NOT, want[i]);
                    if (v[i].filter == GP_FILTERED_DIVERSITY)
                        assert_true(v[i].likeness >= -1.001 && v[i].likeness <= 1.001);
                    by_likeness += v[i].filter == GP_FILTERED_DIVERSITY;
                }
            }
    assert_true(by_likeness > 100);
}

/* If all filters are set together, each limit holds. */
static void test_diversity_keeps_the_limits(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_pick_decision v[N];
    for (uint64_t seed = 1; seed < 40; seed++) {
        gp_pick_options o = options_of(gp_rng_at(seed, 99));
        size_t count, prompt[64] = {0}, category[CATEGORIES + 1] = {0}, group[64] = {0};
        fill(&s, seed);
        o.diversity = seed & 1 ? GP_DIVERSITY_MMR : GP_DIVERSITY_FACILITY;
        o.top = 9, o.per_category = 3, o.per_prompt = 2, o.one_per_duplicate = true;
        assert_ok(gp_strategy_choose(&s.in, &o, v, &count, &err));
        assert_true(count <= 9);
        for (size_t i = 0; i < N; i++) {
            if (v[i].filter != GP_FILTERED_NOT) continue;
            assert_true(++prompt[s.c[i].prompt + 20] <= 2);
            assert_true(++category[s.c[i].category + 1] <= 3);
            if (s.c[i].group >= 0) assert_true(++group[s.c[i].group] <= 1);
        }
    }
}

/* ------------------------------------------------------------------ order of the input */

static void test_order_does_not_matter(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s, t;
    static gp_pick_decision v[N], w[N];
    uint32_t place[N];
    size_t count, other;
    for (uint64_t seed = 70; seed < 100; seed++) {
        gp_pick_options o = options_of(gp_rng_at(seed, 1));
        fill(&s, seed);
        t = s;
        for (uint32_t i = 0; i < N; i++) place[i] = i;
        for (size_t i = N - 1; i > 0; i--) {
            size_t j = (size_t)(gp_rng_at(seed * 77, i) % (i + 1));
            uint32_t x = place[i];
            place[i] = place[j], place[j] = x;
        }
        for (size_t i = 0; i < N; i++) t.c[place[i]] = s.c[i];
        for (size_t k = 0; k < SLICES; k++) {
            t.slices[k].rows = t.rows[k];
            for (size_t m = 0; m < s.slices[k].support; m++) t.rows[k][m] = place[s.rows[k][m]];
        }
        t.in.candidates = t.c, t.in.slices = t.slices, t.in.vectors = t.vectors;
        assert_ok(gp_strategy_choose(&s.in, &o, v, &count, &err));
        assert_ok(gp_strategy_choose(&t.in, &o, w, &other, &err));
        assert_int_equal(count, other);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(v[i].filter, w[place[i]].filter);
            assert_int_equal(v[i].rank, w[place[i]].rank);
        }
    }
}

/* ------------------------------------------------------------------ by hand */

static void says(const gp_pick_decision *v, const char *wanted)
{
    gp_error err = {0};
    char *text = NULL;
    assert_ok(gp_explain(v, &text, &err));
    assert_string_equal(text, wanted);
    gp_mem_free(text);
}

/* The scores are 34, 35, 28 and 27, and the tree is {0, 1} {2, 3}.  The mean is 31, the deviation 4.0825, and the lifts
 * are +3.5 and -3.5.  With a limit of 0.9 deviations (3.674) no cluster is a slice.  With a limit of 0.85 deviations
 * (3.470) the first pair is a slice. */
static void test_the_article_by_hand(void **state)
{
    (void)state;
    gp_error err = {0};
    const uint32_t rows[4] = {0, 1, 2, 3};
    const char *names[1] = {"people"};
    const double score[4] = {34, 35, 28, 27};
    gp_pick_candidate c[4];
    gp_pick_slice slices[2] = {{0, 2, rows, "old men"}, {0, 2, rows + 2, "hands"}};
    gp_strategy_input in = {
        .n = 4, .categories = 1, .slice_count = 2, .candidates = c, .category_name = names, .slices = slices};
    gp_pick_decision v[4];
    size_t count;
    gp_pick_options o = GP_PICK_DEFAULTS;
    o.strategy = GP_PICK_CATEGORY_SLICES;
    for (size_t i = 0; i < 4; i++) c[i] = (gp_pick_candidate){.prompt = (int64_t)i, .group = -1, .score = score[i]};
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 0);
    says(&v[1],
         "not picked: the slice 'old men' does not stand out, because its 2 images have mean 34.50, less than 34.67 "
         "(mean 31.00 of the category 'people'), score 35.00");
    o.lift_factor = 0.85;
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 2);
    says(&v[0], "picked from the slice 'old men', whose 2 images have mean 34.50 against 31.00 of the category "
                "'people': the 2nd best of 2, score 34.00");
    o.per_slice = 1;
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 1);
    says(&v[0], "not picked: 2nd of 2 in the slice 'old men', score 34.00; the last one taken has score 35.00");
    o.has_min_lift = true, o.min_lift = 3.5, o.per_slice = 0; /* exactly at the limit */
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 2);
    o.min_support = 3;
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 0);
    says(&v[3], "not picked: the slice 'hands' does not stand out, because its 2 images are too few (mean 31.00 of the "
                "category 'people'), score 27.00");
}

/* The best images of two prompts are near-duplicates, so the pick for the second prompt is its second-best image. */
static void test_a_refused_place_stays_free(void **state)
{
    (void)state;
    gp_error err = {0};
    const float vectors[4 * 2] = {1, 0, 0.8F, 0.6F, 0.8F, 0.6F, 0, 1};
    gp_pick_candidate c[4] = {{.prompt = 7, .group = 0, .score = 33, .path = "a.png", .prompt_text = "a cat"},
                              {.prompt = 8, .group = 0, .score = 32, .path = "b.png", .prompt_text = "a kitten"},
                              {.prompt = 8, .group = -1, .score = 30, .path = "c.png", .prompt_text = "a kitten"},
                              {.prompt = 8, .group = -1, .score = 29, .path = "d.png", .prompt_text = "a kitten"}};
    gp_strategy_input in = {.n = 4, .categories = 1, .d = 2, .candidates = c, .vectors = vectors};
    gp_pick_decision v[4];
    size_t count;
    gp_pick_options o = GP_PICK_DEFAULTS;
    o.one_per_duplicate = true;
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 2);
    says(&v[0], "picked as the only candidate for the prompt 'a cat', score 33.00");
    says(&v[1], "not picked: a near copy of 'a.png' (cosine 0.800), which has score 33.00; its own is 32.00");
    says(&v[2], "picked as the 2nd best of 3 for the prompt 'a kitten', score 30.00");
    says(&v[3], "not picked: 3rd of 3 for the prompt 'a kitten', score 29.00; the last one taken, 'c.png', has score "
                "30.00");
}

/* The limit per category counts images without a category as one more category. */
static void test_no_category(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_pick_candidate c[3];
    gp_strategy_input in = {.n = 3, .candidates = c};
    gp_pick_decision v[3];
    size_t count;
    gp_pick_options o = GP_PICK_DEFAULTS;
    for (size_t i = 0; i < 3; i++)
        c[i] = (gp_pick_candidate){.prompt = (int64_t)i, .category = -1, .group = -1, .score = 30 - (double)i};
    o.strategy = GP_PICK_CATEGORY, o.per_category = 2;
    assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
    assert_int_equal(count, 2);
    says(&v[2], "not picked: 3rd of 3 in those of no category, score 28.00; the last one taken has score 29.00");
}

/* ------------------------------------------------------------------ invalid options */

static void refuses(gp_pick_options o, const char *message)
{
    gp_error err = {0};
    assert_int_equal(gp_strategy_check(&o, &err), GP_ERR_USAGE);
    assert_string_equal(err.message, message);
}

static void test_usage(void **state)
{
    (void)state;
    gp_error err = {0};
    const gp_pick_options plain = GP_PICK_DEFAULTS;
    gp_pick_options o = plain;
    assert_ok(gp_strategy_check(&o, &err));
    assert_false(gp_strategy_needs_analysis(&o));
    assert_false(gp_strategy_needs_vectors(&o));
    o.strategy = (gp_pick_strategy)4;
    refuses(o, "unknown pick strategy 4");
    o = plain, o.by = (gp_pick_by)6;
    refuses(o, "unknown scale 6 to pick by");
    o = plain, o.diversity = (gp_pick_diversity)3;
    refuses(o, "unknown diversity method 3");
    o = plain, o.per_slice = 1;
    refuses(o, "per_slice needs the strategy slices or category-slices");
    o = plain, o.has_min_lift = true;
    refuses(o, "min_lift must be a number, and needs the strategy slices or category-slices");
    o = plain, o.has_min_score = true, o.min_score = (double)NAN;
    refuses(o, "min_score must be a number");
    o = plain, o.strategy = GP_PICK_CATEGORY_SLICES, o.lift_factor = (double)NAN;
    refuses(o, "lift_factor must be a finite number, not nan");
    o = plain, o.diversity = GP_DIVERSITY_MMR;
    refuses(o, "diversity needs a number of picks: set top, per_category or per_slice");
    o.top = 3, o.balance = 1.5;
    refuses(o, "balance must be between 0 and 1, not 1.5");
    o.balance = 1;
    assert_ok(gp_strategy_check(&o, &err));
    assert_true(gp_strategy_needs_vectors(&o));
    o = plain, o.one_per_duplicate = true;
    assert_true(gp_strategy_needs_analysis(&o));
    o = plain, o.by = GP_BY_CORRECTED;
    assert_true(gp_strategy_needs_analysis(&o));
    o.by = GP_BY_DIFFICULTY;
    assert_ok(gp_strategy_check(&o, &err));
    assert_false(gp_strategy_needs_analysis(&o));
}

static void test_wrong_input(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_pick_decision v[N];
    size_t count = 77;
    gp_pick_options o = GP_PICK_DEFAULTS;
    o.top = 3, o.diversity = GP_DIVERSITY_MMR;
    fill(&s, 3);
    s.in.vectors = NULL;
    assert_int_equal(gp_strategy_choose(&s.in, &o, v, &count, &err), GP_ERR_USAGE);
    o.diversity = GP_DIVERSITY_NONE;
    s.c[5].category = CATEGORIES;
    assert_int_equal(gp_strategy_choose(&s.in, &o, v, &count, &err), GP_ERR_USAGE);
    s.c[5].category = 0, s.c[5].group = N;
    assert_int_equal(gp_strategy_choose(&s.in, &o, v, &count, &err), GP_ERR_USAGE);
    s.c[5].group = -1, s.rows[3][0] = N;
    assert_int_equal(gp_strategy_choose(&s.in, &o, v, &count, &err), GP_ERR_USAGE);
    assert_int_equal(count, 77);
    gp_strategy_input none = {0};
    assert_ok(gp_strategy_choose(&none, &o, NULL, &count, &err));
    assert_int_equal(count, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    static scene s;
    static gp_pick_decision v[N];
    int64_t live = gp_mem_live();
    fill(&s, 3);
    for (int kind = 0; kind < 3; kind++) {
        gp_pick_options o = GP_PICK_DEFAULTS;
        gp_status st = GP_ERR_MEMORY;
        uint64_t n = 0;
        size_t count = 77;
        o.strategy = GP_PICK_CATEGORY_SLICES, o.lift_factor = 0, o.per_slice = 2, o.top = 5;
        o.diversity = (gp_pick_diversity)kind;
        while (st == GP_ERR_MEMORY) {
            assert_int_equal(count, 77);
            gp_mem_fail_at(++n);
            st = gp_strategy_choose(&s.in, &o, v, &count, &err);
            assert_int_equal(gp_mem_live(), live);
        }
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_OK);
        assert_true(n > 20);
    }
}

/* ------------------------------------------------------------------ the article's collection */

enum { ROWS = 1200, MOST_SLICES = 2048 };
typedef struct collection {
    npy scores, selection, planted;
    gp_pick_candidate c[ROWS];
    gp_pick_slice slices[MOST_SLICES];
    bool issue[MOST_SLICES]; /* slices that the reference reports */
    uint32_t block[ROWS * 64];
    size_t slice_count, block_used, categories;
} collection;

static void add_slice(collection *a, int32_t category, const uint32_t *rows, uint32_t support, bool issue)
{
    assert_true(a->slice_count < MOST_SLICES && a->block_used + support <= ROWS * 64);
    memcpy(a->block + a->block_used, rows, support * sizeof *rows);
    a->issue[a->slice_count] = issue;
    a->slices[a->slice_count++] = (gp_pick_slice){category, support, a->block + a->block_used, NULL};
    a->block_used += support;
}

/* Adds, as slices, the clusters of the category's own tree that have too few rows or too low a mean for a slice. The
 * strategy must use none of them. */
static void add_others(collection *a, const char *root, const char *profile, int32_t category, double limit)
{
    char path[1200];
    uint32_t rows[ROWS], members[ROWS], n = 0;
    snprintf(path, sizeof path, "%s/%s_cluster%d.partitions.npy", root, profile, category);
    npy p = npy_load(path);
    const int32_t *part = p.data;
    for (uint32_t i = 0; i < ROWS; i++)
        if (a->c[i].category == category) rows[n++] = i;
    assert_int_equal(p.shape[0], n);
    for (size_t t = 0; t < p.shape[1]; t++)
        for (int32_t label = 0; label < (int32_t)n; label++) {
            uint32_t support = 0;
            double sum = 0;
            for (uint32_t i = 0; i < n; i++)
                if (part[i * p.shape[1] + t] == label) members[support++] = rows[i], sum += a->c[rows[i]].score;
            if (support && (support < 2 || sum / support < limit - 1e-9))
                add_slice(a, category, members, support, false);
        }
    npy_free(&p);
}

static void load(collection *a, const char *root, const char *profile)
{
    static char text[1 << 16], path[1200];
    gp_error err = {0};
    gp_json *json = NULL;
    snprintf(path, sizeof path, "%s/scores.npy", root);
    a->scores = npy_load(path);
    snprintf(path, sizeof path, "%s/planted.npy", root);
    a->planted = npy_load(path);
    snprintf(path, sizeof path, "%s/%s_selection.npy", root, profile);
    a->selection = npy_load(path);
    for (size_t i = 0; i < ROWS; i++)
        a->c[i] = (gp_pick_candidate){.prompt = (int64_t)i / 4,
                                      .category = ((int32_t *)a->selection.data)[2 * i],
                                      .group = -1,
                                      .score = ((double *)a->scores.data)[i],
                                      .tie = hash_of(i)};
    snprintf(path, sizeof path, "%s/%s.json", root, profile);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_ok(gp_json_parse(text, size, false, 64, &json, &err));
    const gp_json *clusters = gp_json_get(json, "clusters");
    a->categories = gp_json_count(clusters);
    for (size_t k = 0; k < a->categories; k++) {
        const gp_json *cluster = gp_json_at(clusters, k), *issues = gp_json_get(cluster, "issues");
        double mean = 0, lift = 0;
        gp_json_real(gp_json_get(cluster, "mean"), &mean), gp_json_real(gp_json_get(cluster, "min_drop"), &lift);
        for (size_t q = 0; q < gp_json_count(issues); q++) {
            const gp_json *list = gp_json_get(gp_json_at(issues, q), "rows");
            uint32_t rows[ROWS], support = 0;
            uint64_t row;
            for (; support < gp_json_count(list); support++) {
                assert_true(gp_json_u64(gp_json_at(list, support), &row));
                rows[support] = (uint32_t)row;
            }
            add_slice(a, (int32_t)k, rows, support, true);
        }
        add_others(a, root, profile, (int32_t)k, mean + lift);
    }
    gp_json_free(json);
}

static void test_the_article(void **state)
{
    (void)state;
    gp_error err = {0};
    static collection a;
    static gp_pick_decision v[ROWS];
    const char *profiles[3] = {"article", "notebook", "final"};
    const char *root = shared_path("golden/analyze/article", "the article's selection");
    if (!root) skip();
    for (size_t p = 0; p < 3; p++) {
        gp_pick_options o = GP_PICK_DEFAULTS;
        size_t count, wanted = 0, good = 0;
        memset(&a, 0, sizeof a);
        load(&a, root, profiles[p]);
        gp_strategy_input in = {
            .n = ROWS, .categories = a.categories, .slice_count = a.slice_count, .candidates = a.c, .slices = a.slices};
        o.strategy = GP_PICK_CATEGORY_SLICES, o.per_prompt = 0;
        assert_ok(gp_strategy_choose(&in, &o, v, &count, &err));
        for (size_t i = 0; i < ROWS; i++) {
            bool selected = ((int32_t *)a.selection.data)[2 * i + 1] >= 0;
            assert_int_equal(v[i].filter == GP_FILTERED_NOT, selected);
            wanted += selected;
            good += selected && ((int32_t *)a.planted.data)[2 * i + 1];
        }
        assert_int_equal(count, wanted);
        print_message(
            "%s: %zu slices, of which the limits leave those of %zu images as the reference; precision %.3f\n",
            profiles[p], a.slice_count, count, (double)good / (double)wanted);
        npy_free(&a.scores), npy_free(&a.selection), npy_free(&a.planted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompts_alone),
        cmocka_unit_test(test_filters_by_a_slow_reference),
        cmocka_unit_test(test_diversity),
        cmocka_unit_test(test_diversity_keeps_the_limits),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_the_article_by_hand),
        cmocka_unit_test(test_a_refused_place_stays_free),
        cmocka_unit_test(test_no_category),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_the_article),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
