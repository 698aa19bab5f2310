/* SPDX-License-Identifier: MIT
 * Fused scores equal the golden values of a NumPy program (tests/golden/score/fusion.json), also for the ratings of
 * TIFA where the data are there.  Missing scores, weights, directions, shares of the first place, Pareto set. */
#include "picks_golden.h"
#include "pick/fuse.h"

enum { MOST = 17, SCORERS = 4 };

static gp_error err;

static void copy_scores(const gp_json *rows, double *out, size_t scorers)
{
    for (size_t i = 0; i < gp_json_count(rows); i++)
        for (size_t s = 0; s < scorers; s++)
            assert_true(gp_json_real(gp_json_at(gp_json_at(rows, i), s), &out[i * scorers + s]));
}

static void check_form(const gp_fuse_prompt *p, gp_fuse_form form, const gp_json *want)
{
    gp_fused out[MOST];
    double shares = 0, value;
    assert_ok(gp_fuse(p, form, out, &err));
    assert_int_equal(gp_json_count(want), p->candidates);
    for (size_t i = 0; i < p->candidates; i++) {
        assert_true(gp_json_real(gp_json_at(want, i), &value));
        assert_near(out[i].score * SCORERS, value, 1e-9); /* measured: 1e-10; the golden variance has 1e-12 added */
        assert_int_equal(out[i].scores, SCORERS);
        assert_false(out[i].partial);
        shares += out[i].agree;
    }
    assert_near(shares, 1, 1e-12);
}

static void test_golden(void **state)
{
    (void)state;
    gp_json *root = golden_file("tests/golden/score/fusion.json");
    const gp_json *cases = gp_json_get(root, "cases");
    assert_int_equal(gp_json_count(cases), 6);
    for (size_t c = 0; c < gp_json_count(cases); c++) {
        const gp_json *one = gp_json_at(cases, c), *rows = gp_json_get(one, "scores");
        double scores[MOST * SCORERS], sd[SCORERS];
        copy_scores(rows, scores, SCORERS);
        assert_int_equal(golden_reals(one, "pooled_sd", sd, SCORERS), SCORERS);
        for (size_t s = 0; s < SCORERS; s++) sd[s] *= sd[s];
        const gp_fuse_prompt p = {
            .candidates = gp_json_count(rows), .scorers = SCORERS, .scores = scores, .variances = sd};
        check_form(&p, GP_FUSE_Z, gp_json_get(one, "z"));
        check_form(&p, GP_FUSE_RANK, gp_json_get(one, "rank-normal"));
    }
    gp_json_free(root);
}

/* ------------------------------------------------------------------ TIFA's ratings */

enum { PROMPTS = 160, EACH = 5, NINE = 9 };

static const char *const columns[NINE] = {"clipscore_vitb32",
                                          "tifa_mplug-large",
                                          "tifa_blip2-flant5xl",
                                          "tifa_ofa-large",
                                          "tifa_git-large",
                                          "tifa_vilt",
                                          "meteor",
                                          "rouge",
                                          "spice"};

typedef struct image {
    const char *prompt, *path;
    double rating, scores[NINE];
} image;

typedef struct images {
    image at[PROMPTS * EACH];
    size_t n;
} images;

static bool add_image(void *user, const char *key, const gp_json *value)
{
    (void)key;
    images *all = user;
    image *one = &all->at[all->n];
    one->prompt = gp_json_text(gp_json_get(value, "text_id"), NULL);
    one->path = gp_json_text(gp_json_get(value, "image_path"), NULL);
    one->rating = golden_real(value, "human_avg");
    for (size_t s = 0; s < NINE; s++) one->scores[s] = golden_real(value, columns[s]);
    return ++all->n < PROMPTS * EACH;
}

static int by_prompt(const void *a, const void *b)
{
    const image *x = a, *y = b;
    const int order = strcmp(x->prompt, y->prompt);
    return order ? order : strcmp(x->path, y->path);
}

typedef struct result {
    double regret, best, pairs;
    size_t with_pairs;
} result;

/* Compares the fused scores of one prompt with people's ratings: how far the ratings of the first lie below the best
 * rating, whether the first has the best rating, and the share of pairs in the order of the ratings. */
static void judge(const image *of, const gp_fused *fused, result *r)
{
    double most = -9, rating = -9, sum = 0, best = 0, right = 0;
    size_t firsts = 0, pairs = 0;
    for (size_t i = 0; i < EACH; i++) most = fmax(most, fused[i].score), rating = fmax(rating, of[i].rating);
    for (size_t i = 0; i < EACH; i++) {
        if (fused[i].score >= most - 1e-9) firsts++, sum += of[i].rating, best += of[i].rating == rating;
        for (size_t j = 0; j < i; j++) {
            const double order = (fused[i].score - fused[j].score) * (of[i].rating - of[j].rating);
            if (of[i].rating == of[j].rating) continue;
            pairs++;
            right += fused[i].score == fused[j].score ? 0.5 : order > 0;
        }
    }
    r->regret += (rating - sum / (double)firsts) / PROMPTS;
    r->best += best / (double)firsts / PROMPTS;
    if (pairs) r->pairs += right / (double)pairs, r->with_pairs++;
}

/* Judges the scorers whose bits are set in `set`. */
static void check_set(const images *all, const gp_json *row, unsigned set, gp_fuse_form form)
{
    result r = {0};
    double weights[NINE], variances[NINE];
    for (size_t s = 0; s < NINE; s++) {
        gp_fuse_pool pool = {0};
        for (size_t i = 0; i < all->n; i += EACH)
            gp_fuse_pool_add(&pool, &all->at[i].scores[s], sizeof(image) / sizeof(double), EACH);
        variances[s] = gp_fuse_pool_variance(&pool);
        weights[s] = set >> s & 1;
    }
    for (size_t i = 0; i < all->n; i += EACH) {
        double scores[EACH * NINE];
        gp_fused fused[EACH];
        for (size_t k = 0; k < EACH; k++) memcpy(scores + k * NINE, all->at[i + k].scores, sizeof all->at->scores);
        const gp_fuse_prompt p = {
            .candidates = EACH, .scorers = NINE, .scores = scores, .weights = weights, .variances = variances};
        assert_ok(gp_fuse(&p, form, fused, &err));
        judge(&all->at[i], fused, &r);
    }
    assert_near(r.regret, golden_real(row, "regret"), 1e-9);
    assert_near(r.best, golden_real(row, "best"), 1e-9);
    /* Rounding decides whether two sums of equal terms in another order are a tie, which counts half a pair: at most
     * 1/12 of a prompt here. */
    assert_near(r.pairs / (double)r.with_pairs, golden_real(row, "pairs"), 1. / 12 / PROMPTS);
}

static void check_row(const images *all, const gp_json *row)
{
    static const struct {
        const char *name;
        unsigned set;
    } sets[] = {{"clipscore_vitb32", 1},
                {"spice", 0x100},
                {"CLIP + one good", 3},
                {"CLIP + four good", 0x1F},
                {"CLIP + one good + three poor", 0x1C3},
                {"all", 0x1FF}};
    const char *who = gp_json_text(gp_json_get(row, "who"), NULL), *colon = strchr(who, ':');
    const size_t length = colon ? (size_t)(colon - who) : strlen(who);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strlen(sets[i].name) == length && strncmp(sets[i].name, who, length) == 0) {
            check_set(all, row, sets[i].set, colon && strstr(colon, "rank") ? GP_FUSE_RANK : GP_FUSE_Z);
            return;
        }
    fail_msg("unknown row '%s'", who);
}

static void test_tifa(void **state)
{
    (void)state;
    const char *path =
        shared_path("data/prompts/tifa_human_annotations_with_scores.json", "fusion of the scores of TIFA's images");
    if (!path) return;
    static images all;
    gp_bytes text;
    gp_json *data = NULL, *root = golden_file("tests/golden/score/fusion.json");
    assert_ok(gp_file_read(path, 1 << 20, &text, &err));
    assert_ok(gp_json_parse((const char *)text.data, text.size, true, 64, &data, &err));
    gp_json_each(data, add_image, &all);
    assert_int_equal(all.n, PROMPTS * EACH);
    qsort(all.at, all.n, sizeof *all.at, by_prompt);
    const gp_json *rows = gp_json_get(root, "tifa");
    assert_int_equal(gp_json_count(rows), 10);
    for (size_t i = 0; i < gp_json_count(rows); i++) check_row(&all, gp_json_at(rows, i));
    gp_json_free(data);
    gp_json_free(root);
    gp_bytes_clear(&text);
}

/* ------------------------------------------------------------------ rules */

#define NONE ((double)NAN)

static void test_missing(void **state)
{
    (void)state;
    const double scores[] = {1, 10, 3, NONE, 2, 30, NONE, NONE}, variances[] = {1, 100};
    gp_fused out[4];
    const gp_fuse_prompt p = {.candidates = 4, .scorers = 2, .scores = scores, .variances = variances};
    assert_ok(gp_fuse(&p, GP_FUSE_Z, out, &err));
    /* scorer 0: mean 2, S 2, k 3, so the scale is sqrt((2 + 3) / 5) = 1; scorer 1: sqrt((200 + 300) / 4) */
    const double z = 10 / sqrt(125);
    assert_near(out[0].score, (-1 - z) / 2, 1e-12);
    assert_near(out[1].score, 1, 1e-12);
    assert_near(out[2].score, (0 + z) / 2, 1e-12);
    assert_true(isnan(out[3].score));
    assert_true(!out[0].partial && out[1].partial && !out[2].partial && out[3].partial);
    assert_int_equal(out[1].scores, 1);
    assert_int_equal(out[3].scores, 0);
    assert_near(out[1].agree, 0.5, 0);
    assert_near(out[2].agree, 0.5, 0);
    /* candidate 1 has no score of scorer 1, so it dominates none and none dominates it */
    assert_true(!out[0].pareto && out[1].pareto && out[2].pareto && !out[3].pareto);
}

static void test_weights(void **state)
{
    (void)state;
    const double scores[] = {1, 3, 7, 3, 2, 9}, variances[] = {1, 1, 1}, weights[] = {1, 3, 0};
    const bool lower[] = {false, true, false};
    gp_fused out[2];
    gp_fuse_prompt p = {.candidates = 2,
                        .scorers = 3,
                        .scores = scores,
                        .variances = variances,
                        .weights = weights,
                        .lower_better = lower};
    assert_ok(gp_fuse(&p, GP_FUSE_Z, out, &err));
    const double z0 = 1 / sqrt(5. / 4), z1 = 0.5 / sqrt(3.5 / 4);
    assert_near(out[0].score, (-z0 - 3 * z1) / 4, 1e-12);
    assert_near(out[1].score, (z0 + 3 * z1) / 4, 1e-12);
    assert_near(out[1].agree, 1, 0);
    assert_true(!out[0].pareto && out[1].pareto);
    p.lower_better = NULL;
    assert_ok(gp_fuse(&p, GP_FUSE_RANK, out, &err));
    assert_near(out[0].score, 0.5 * 0.5894557978497785, 1e-9); /* (3 - 1) / 4 of the quantile of two candidates */
    assert_true(out[0].pareto && out[1].pareto);
}

static void test_edges(void **state)
{
    (void)state;
    const double one[] = {5}, equal[] = {4, 4, 4}, variance[] = {0};
    gp_fused out[3];
    gp_fuse_prompt p = {.candidates = 1, .scorers = 1, .scores = one, .variances = variance};
    assert_ok(gp_fuse(&p, GP_FUSE_Z, out, &err));
    assert_true(out[0].score == 0 && out[0].agree == 1 && out[0].pareto && !out[0].partial);
    p.candidates = 3, p.scores = equal;
    assert_ok(gp_fuse(&p, GP_FUSE_Z, out, &err));
    for (size_t i = 0; i < 3; i++) {
        assert_true(out[i].score == 0 && out[i].pareto);
        assert_near(out[i].agree, 1. / 3, 1e-15);
    }
    p.candidates = 0;
    assert_ok(gp_fuse(&p, GP_FUSE_Z, NULL, &err));
    gp_fuse_pool pool = {0};
    gp_fuse_pool_add(&pool, one, 1, 1);
    assert_true(gp_fuse_pool_variance(&pool) == 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    const double scores[] = {1, 2}, variance[] = {1};
    gp_fused out[2];
    const gp_fuse_prompt p = {.candidates = 2, .scorers = 1, .scores = scores, .variances = variance};
    const int64_t live = gp_mem_live();
    for (uint64_t n = 1; n <= 3; n++) {
        gp_mem_fail_at(n);
        assert_int_equal(gp_fuse(&p, GP_FUSE_Z, out, &err), GP_ERR_MEMORY);
    }
    gp_mem_fail_at(0);
    assert_int_equal(gp_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_tifa),  cmocka_unit_test(test_missing),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_edges), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
