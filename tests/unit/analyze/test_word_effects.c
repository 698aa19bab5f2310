/* SPDX-License-Identifier: MIT
 * Words of prompts and their scores: compared with plain computations, with planted effects, and with random scores. */
#include "plain.h"

#include "analyze/slice/significance.h"
#include "analyze/slice/word_effects.h"
#include "base/mem.h"

enum { MOST = 400, VOCABULARY = 24, LONGEST = 400 };

/* Prompts such as "no. 5, w3, w7", in which each word has its own probability. Each prompt has two to four images with
 * scores. */
typedef struct sample {
    size_t prompts, n;
    char text[MOST][LONGEST];
    bool has[MOST][VOCABULARY];
    const char *texts[4 * MOST];
    double scores[4 * MOST];
} sample;

static void write_prompts(sample *s, uint64_t seed, size_t prompts)
{
    s->prompts = prompts, s->n = 0;
    for (size_t p = 0; p < prompts; p++) {
        size_t at = (size_t)snprintf(s->text[p], LONGEST, "no. %zu", p); /* every prompt is unique */
        for (size_t k = 0; k < VOCABULARY; k++) {
            s->has[p][k] = uniform(seed + 1, p * VOCABULARY + k) < 0.05 + 0.4 * (double)k / (double)VOCABULARY;
            if (s->has[p][k]) at += (size_t)snprintf(s->text[p] + at, LONGEST - at, ", w%zu", k);
        }
        for (size_t i = 0; i < 2 + p % 3; i++) s->texts[s->n++] = s->text[p];
    }
}

/* Writes random scores. Each score is 30, plus an effect of the prompt, plus an effect of the image. */
static void write_scores(sample *s, uint64_t seed, double of_prompt, double of_image)
{
    for (size_t i = 0, p = 0; i < s->n; i++) {
        if (i && s->texts[i] != s->texts[i - 1]) p++;
        s->scores[i] = 30 + of_prompt * (double)normal(seed, p) + of_image * (double)normal(seed + 1, i);
    }
}

static void add_effect(sample *s, size_t word, double effect)
{
    for (size_t i = 0, p = 0; i < s->n; i++) {
        if (i && s->texts[i] != s->texts[i - 1]) p++;
        if (s->has[p][word]) s->scores[i] += effect;
    }
}

static gp_word_effects effects_of(const sample *s, int threads)
{
    gp_word_effects e = {0};
    gp_error err = {0};
    assert_ok(gp_an_word_effects(s->texts, s->scores, s->n, 3, 42, threads, &e, &err));
    return e;
}

static const gp_word *find(const gp_word_effects *e, const char *text)
{
    for (size_t i = 0; i < e->count; i++)
        if (!strcmp(e->words[i].text, text)) return &e->words[i];
    return NULL;
}

static bool near(double a, double b, double gap)
{
    return fabs(a - b) <= gap;
}

/* ------------------------------------------------------------------ compared with plain computations */

static void prompt_means(const sample *s, double *mean, size_t *images)
{
    for (size_t p = 0, i = 0; p < s->prompts; p++) {
        double sum = 0;
        size_t k = 0;
        for (; i < s->n && s->texts[i] == s->text[p]; i++) sum += s->scores[i], k++;
        mean[p] = sum / (double)k, images[p] = k;
    }
}

static void test_means_and_differences(void **state)
{
    (void)state;
    static sample s;
    double mean[MOST];
    size_t images[MOST];
    write_prompts(&s, 1, 80), write_scores(&s, 2, 3, 1);
    prompt_means(&s, mean, images);
    gp_word_effects e = effects_of(&s, 0);
    assert_int_equal(e.prompts, 80);
    size_t looked = 0;
    for (size_t k = 0; k < VOCABULARY; k++) {
        double in = 0, out = 0;
        size_t m = 0, with = 0;
        char name[16];
        for (size_t p = 0; p < s.prompts; p++) {
            if (s.has[p][k])
                in += mean[p], m++, with += images[p];
            else
                out += mean[p];
        }
        snprintf(name, sizeof name, "w%zu", k);
        const gp_word *w = find(&e, name);
        if (m < 3 || s.prompts - m < 3) {
            assert_null(w);
            continue;
        }
        looked++;
        assert_non_null(w);
        assert_true(w->prompts == m && w->images == with);
        assert_true(near(w->mean, in / (double)m, 1e-10));
        assert_true(near(w->difference, in / (double)m - out / (double)(s.prompts - m), 1e-10));
        assert_true(w->low < w->difference && w->difference < w->high);
    }
    assert_true(looked > 20 && e.count == looked); /* "no" is in all prompts, and each number and pair is in one
                                                    * prompt */
    for (size_t i = 1; i < e.count; i++) assert_true(strcmp(e.words[i - 1].text, e.words[i].text) < 0);
    gp_an_word_effects_clear(&e);
}

/* Solves the centred normal equations by Gauss-Jordan elimination. */
static void plain_ridge(const sample *s, const double *y, const size_t *words, size_t count, double *b)
{
    static double a[VOCABULARY][VOCABULARY + 1], x[MOST][VOCABULARY];
    double n = (double)s->prompts, y_mean = 0;
    for (size_t p = 0; p < s->prompts; p++) y_mean += y[p] / n;
    for (size_t j = 0; j < count; j++) {
        double mean = 0;
        for (size_t p = 0; p < s->prompts; p++) mean += s->has[p][words[j]] / n;
        for (size_t p = 0; p < s->prompts; p++) x[p][j] = s->has[p][words[j]] - mean;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= count; j++) {
            a[i][j] = i == j ? 4 : 0;
            for (size_t p = 0; p < s->prompts; p++) a[i][j] += x[p][i] * (j < count ? x[p][j] : y[p] - y_mean);
        }
    }
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < count; i++) {
            if (i == k) continue;
            double f = a[i][k] / a[k][k];
            for (size_t j = k; j <= count; j++) a[i][j] -= f * a[k][j];
        }
    for (size_t k = 0; k < count; k++) b[k] = a[k][count] / a[k][k];
}

static void test_ridge(void **state)
{
    (void)state;
    static sample s;
    double mean[MOST], b[VOCABULARY];
    size_t images[MOST], words[VOCABULARY], count = 0;
    char name[16];
    write_prompts(&s, 3, 120), write_scores(&s, 4, 2, 1);
    add_effect(&s, 10, 5);
    prompt_means(&s, mean, images);
    gp_word_effects e = effects_of(&s, 0);
    for (size_t k = 0; k < VOCABULARY; k++) {
        snprintf(name, sizeof name, "w%zu", k);
        if (find(&e, name)) words[count++] = k;
    }
    assert_int_equal(count, e.count);
    plain_ridge(&s, mean, words, count, b);
    for (size_t j = 0; j < count; j++) {
        snprintf(name, sizeof name, "w%zu", words[j]);
        assert_true(near(find(&e, name)->adjusted, b[j], 1e-8));
    }
    gp_an_word_effects_clear(&e);
}

static void test_p_values(void **state)
{
    (void)state;
    /* Each row has the degrees of freedom df and the two-sided 95 % quantile t of Student's distribution. For n =
     * df + 2 prompts, this t belongs to the correlation r = t / sqrt(df + t^2) and to z = r sqrt(n - 1), so p must be
     * 0.05. */
    static const double table[][2] = {{1, 12.7062}, {2, 4.30265}, {5, 2.57058}, {10, 2.22814}, {100, 1.98397}};
    for (size_t i = 0; i < 5; i++) {
        double df = table[i][0], t = table[i][1], r = t / sqrt(df + t * t);
        assert_true(near(gp_an_t_95(df), t, 1e-4));
        if (df > 2)
            assert_true(near(gp_an_permutation_p(r * sqrt(df + 1), (size_t)df / 2, (size_t)df + 2), 0.05, 1e-5));
    }
    assert_true(near(gp_an_permutation_p(0, 5, 20), 1, 1e-12) && gp_an_permutation_p(0.3, 0, 20) == 1);
    /* if 3 of 6 prompts have the word, p of a permutation test is at least 1 / C(6, 3), for any z */
    assert_true(near(gp_an_permutation_p(100, 3, 6), 1.0 / 20, 1e-12));
    static const double p[6] = {0.03, 0.001, 0.8, 0.02, 0.04, 0.2}, want[6] = {0.06, 0.006, 0.8, 0.06, 0.06, 0.24};
    double corrected[6];
    assert_int_equal(gp_an_adjust_bh(p, 6, corrected, NULL), GP_OK);
    for (size_t i = 0; i < 6; i++) assert_true(near(corrected[i], want[i], 1e-12));
}

/* The prompts' mean scores are shuffled many times. p must be the share of shuffles with at least as large a
 * difference. */
static void test_p_is_that_of_shuffles(void **state)
{
    (void)state;
    enum { SHUFFLES = 20000 };
    static sample s;
    double mean[MOST];
    size_t images[MOST];
    write_prompts(&s, 5, 60), write_scores(&s, 6, 3, 1);
    for (size_t i = 0; i < s.n; i++) s.scores[i] = exp(s.scores[i] / 8); /* a skewed distribution */
    prompt_means(&s, mean, images);
    gp_word_effects e = effects_of(&s, 0);
    for (size_t k = 4; k < VOCABULARY; k += 5) {
        char name[16];
        size_t beyond = 0;
        snprintf(name, sizeof name, "w%zu", k);
        const gp_word *w = find(&e, name);
        assert_non_null(w);
        for (uint64_t round = 0; round < SHUFFLES; round++) {
            double in = 0, all = 0;
            for (size_t i = s.prompts - 1; i > 0; i--) {
                size_t j = gp_rng_at(round * 1000003 + k, i) % (i + 1);
                double keep = mean[i];
                mean[i] = mean[j], mean[j] = keep;
            }
            for (size_t p = 0; p < s.prompts; p++) all += mean[p], in += s.has[p][k] ? mean[p] : 0;
            double m = (double)w->prompts, gap = in / m - (all - in) / ((double)s.prompts - m);
            beyond += fabs(gap) >= fabs(w->difference);
        }
        assert_true(near(w->p, (double)beyond / (double)SHUFFLES, 0.03));
    }
    gp_an_word_effects_clear(&e);
}

/* ------------------------------------------------------------------ planted effects */

static void test_planted_effects_are_found(void **state)
{
    (void)state;
    static sample s;
    write_prompts(&s, 7, 200), write_scores(&s, 8, 2, 1);
    add_effect(&s, 12, 3), add_effect(&s, 20, -2);
    gp_word_effects e = effects_of(&s, 0);
    const gp_word *good = find(&e, "w12"), *bad = find(&e, "w20");
    assert_true(good->p_corrected < 0.001 && good->low > 0 && good->low < 3 && good->high > 3);
    assert_true(bad->p_corrected < 0.001 && bad->high < 0 && bad->low < -2 && bad->high > -2);
    assert_true(near(good->adjusted, 3, 1) && near(bad->adjusted, -2, 1));
    for (size_t i = 0; i < e.count; i++) {
        const gp_word *w = &e.words[i];
        assert_true(w == good || w == bad || (w->adjusted < good->adjusted && w->adjusted > bad->adjusted));
    }
    gp_an_word_effects_clear(&e);
}

/* Only the words of "oil painting" and "gold leaf" raise the score.  "frame" occurs mostly in prompts with "oil
 * painting": its images score higher, but its adjusted effect is near 0.  "gold" and "leaf" always occur together, so
 * each has the adjusted effect of "gold leaf". */
static void test_company_is_not_praised(void **state)
{
    (void)state;
    enum { N = 120 };
    static char text[N][100];
    const char *texts[N];
    double scores[N];
    gp_word_effects e = {0};
    gp_error err = {0};
    for (size_t i = 0; i < N; i++) {
        bool oil = i % 3 == 0, frame = oil ? i % 2 == 0 : i % 40 == 1, gold = i % 5 == 0;
        snprintf(text[i], sizeof *text, "%zu%s%s%s", 1000 + i, oil ? ", Oil-Painting" : "", frame ? ", frame" : "",
                 gold ? ", gold leaf" : "");
        texts[i] = text[i], scores[i] = 25 + 4 * oil + 2 * gold + 0.5 * (double)normal(9, i);
    }
    assert_ok(gp_an_word_effects(texts, scores, N, 3, 42, 0, &e, &err));
    const gp_word *oil = find(&e, "oil painting"), *frame = find(&e, "frame"), *gold = find(&e, "gold leaf");
    assert_true(oil && frame && gold);
    assert_true(frame->difference > 2.5 && frame->p_corrected < 0.001 && fabs(frame->adjusted) < 0.5);
    assert_true(oil->adjusted > 3 && near(gold->adjusted, 2, 0.5));
    assert_true(find(&e, "gold")->adjusted == gold->adjusted && find(&e, "leaf")->adjusted == gold->adjusted);
    gp_an_word_effects_clear(&e);
}

/* ------------------------------------------------------------------ chance */

static void test_shuffled_scores_show_little(void **state)
{
    (void)state;
    enum { TIMES = 200 };
    static sample s;
    int false_ones = 0;
    write_prompts(&s, 11, 60);
    for (uint64_t time = 0; time < TIMES; time++) {
        bool any = false;
        write_scores(&s, 1000 + 2 * time, 3, 1);
        gp_word_effects e = effects_of(&s, 0);
        for (size_t i = 0; i < e.count; i++) any = any || e.words[i].p_corrected < 0.05;
        false_ones += any;
        gp_an_word_effects_clear(&e);
    }
    assert_true(false_ones <= 20); /* at most 10 are expected */
}

/* In about 95 of 100 cases, the interval contains the true difference (here 0), also for rare words. */
static void test_intervals_cover(void **state)
{
    (void)state;
    enum { TIMES = 150 };
    static sample s;
    int rare = 0, rare_held = 0, often = 0, often_held = 0;
    for (uint64_t time = 0; time < TIMES; time++) {
        write_prompts(&s, 5000 + 10 * time, 60), write_scores(&s, 9000 + 2 * time, 3, 1);
        gp_word_effects e = effects_of(&s, 0);
        for (size_t i = 0; i < e.count; i++) {
            bool held = e.words[i].low <= 0 && e.words[i].high >= 0;
            if (e.words[i].prompts <= 6)
                rare++, rare_held += held;
            else
                often++, often_held += held;
        }
        gp_an_word_effects_clear(&e);
    }
    double a = (double)rare_held / rare, b = (double)often_held / often;
    print_message("intervals hold the truth: %.3f of %d rare, %.3f of %d others\n", a, rare, b, often);
    assert_true(a > 0.92 && a < 0.985 && b > 0.93 && b < 0.975);
}

/* ------------------------------------------------------------------ independent of order and threads; memory */

static void assert_equal(const gp_word_effects *a, const gp_word_effects *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        gp_word x = a->words[i], y = b->words[i];
        assert_string_equal(x.text, y.text);
        assert_true(x.prompts == y.prompts && x.images == y.images && x.mean == y.mean);
        assert_true(x.difference == y.difference && x.low == y.low && x.high == y.high);
        assert_true(x.adjusted == y.adjusted && x.p == y.p && x.p_corrected == y.p_corrected);
    }
}

static void test_order_and_threads_do_not_matter(void **state)
{
    (void)state;
    static sample s, t;
    write_prompts(&s, 13, 90), write_scores(&s, 14, 3, 1);
    gp_word_effects e = effects_of(&s, 1);
    for (int threads = 2; threads <= 5; threads += 3) {
        gp_word_effects f = effects_of(&s, threads);
        assert_equal(&e, &f);
        gp_an_word_effects_clear(&f);
    }
    t = s;
    for (size_t i = s.n - 1; i > 0; i--) {
        size_t j = gp_rng_at(15, i) % (i + 1);
        const char *text = t.texts[i];
        double score = t.scores[i];
        t.texts[i] = t.texts[j], t.scores[i] = t.scores[j];
        t.texts[j] = text, t.scores[j] = score;
    }
    gp_word_effects g = effects_of(&t, 2);
    assert_equal(&e, &g);
    gp_an_word_effects_clear(&g);
    gp_an_word_effects_clear(&e);
}

static void test_what_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[9] = {"red", "red fox", "red, cat", "dog", "bird", "fish", NULL, "red", "a cow"};
    double scores[9] = {1, 2, 3, 1, 1, 1, 50, NAN, NAN};
    gp_word_effects e = {0};
    gp_error err = {0};
    assert_ok(gp_an_word_effects(texts, scores, 9, 3, 42, 0, &e, &err));
    assert_int_equal(e.prompts, 6);
    assert_int_equal(e.count, 1);
    assert_true(e.words[0].prompts == 3 && e.words[0].images == 3 && near(e.words[0].difference, 1, 1e-12));
    gp_an_word_effects_clear(&e);
    assert_ok(gp_an_word_effects(texts, scores, 9, 4, 42, 0, &e, &err));
    assert_int_equal(e.count, 0);
    gp_an_word_effects_clear(&e);
    assert_ok(gp_an_word_effects(texts, scores, 0, 3, 42, 0, &e, &err));
    assert_int_equal(e.prompts, 0);
    gp_an_word_effects_clear(&e);
    for (int i = 0; i < 9; i++) scores[i] = 7; /* scores without any spread */
    assert_ok(gp_an_word_effects(texts, scores, 9, 3, 42, 0, &e, &err));
    assert_true(e.count == 1 && e.words[0].p == 1 && e.words[0].low == 0 && e.words[0].high == 0);
    gp_an_word_effects_clear(&e);
    assert_int_equal(gp_an_word_effects(texts, scores, 9, 1, 42, 0, &e, &err), GP_ERR_USAGE);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    static sample s;
    gp_word_effects e = {0};
    write_prompts(&s, 17, 30), write_scores(&s, 18, 3, 1);
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    uint64_t i = 1;
    for (; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_an_word_effects(s.texts, s.scores, s.n, 3, 42, 1, &e, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_an_word_effects_clear(&e);
        assert_int_equal(gp_mem_live(), before);
    }
    if (i <= 20) fail_msg("%d allocations", (int)i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_means_and_differences),
                                       cmocka_unit_test(test_ridge),
                                       cmocka_unit_test(test_p_values),
                                       cmocka_unit_test(test_p_is_that_of_shuffles),
                                       cmocka_unit_test(test_planted_effects_are_found),
                                       cmocka_unit_test(test_company_is_not_praised),
                                       cmocka_unit_test(test_shuffled_scores_show_little),
                                       cmocka_unit_test(test_intervals_cover),
                                       cmocka_unit_test(test_order_and_threads_do_not_matter),
                                       cmocka_unit_test(test_what_is_left_out),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
