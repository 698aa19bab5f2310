/* SPDX-License-Identifier: MIT
 * Effects of the words of the prompts on the scores of their images.  Images of one prompt are not independent, so each
 * prompt counts once, with the mean score of its images.  Computed for each word:
 *
 * - the difference: mean of the prompts with the word less mean of the prompts without it;
 * - a 95 % interval of the difference, by a Bayesian bootstrap over prompts (Rubin 1981).  Each round weights every
 *   prompt by a random number with exponential distribution.  The weights are never 0, so even a rare word keeps its
 *   prompts in every round.  Percentile intervals of small samples are too narrow.  So the deviations of each side,
 * with
 *   and without the word, are widened by sqrt((m + 1) / (m - 1)) * t / z for its m prompts.  The root makes the
 * variance
 *   unbiased, and t / z allows for the error of the variance.  Hesterberg (2015) expands the percentiles instead;
 * - p, by Pitman's approximation of the permutation test, corrected for the number of words (significance.h);
 * - the adjusted effect, by ridge regression (Hoerl and Kennard 1970) of the prompts' means on all words at once:
 *   min |y - Xb|^2 + penalty |b|^2, columns of X centred.  The solver is conjugate gradients (Hestenes and Stiefel
 * 1952)
 *   on the normal equations, preconditioned by their diagonal.  Words that occur in exactly the same prompts share a
 *   column, and each of them gets the effect of the column.
 *
 * Prompts are numbered in byte order, and each random number is computed from prompt and round.  So the result does not
 * depend on the order of the rows or the number of threads. */
#include "analyze/slice/word_effects.h"

#include "analyze/slice/reasons.h"
#include "analyze/slice/significance.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_WORDS = 2,   /* words of a phrase */
    MIN_WITHOUT = 3, /* prompts without the word */
    AT_ONCE = 5,     /* number of rounds whose weights come from one random number of 64 bits: 12 bits for each round */
    ROUNDS = 2000,   /* rounds of the bootstrap */
    LEVELS = 4096,   /* distinct weights: quantiles of the exponential distribution */
    MAX_STEPS = 2000 /* maximum steps of conjugate gradients */
};
/* ridge_penalty must equal the value in goldpan/analysis.h, in the help of the command and in docs/method.md */
static const double ridge_penalty = 4;
static const double z_95 = 1.9599639845400545;

/* ------------------------------------------------------------------ prompts and their words */

typedef struct table {
    size_t prompts, words;
    double *mean;      /* [prompts] mean score of the prompt's images - `overall` */
    uint32_t *images;  /* [prompts] number of scored images */
    double overall;    /* mean over all prompts of their mean scores */
    size_t *first;     /* [words + 1] */
    uint32_t *rows;    /* the prompts of word w, in ascending order, are rows[first[w]] .. rows[first[w + 1] - 1] */
    uint32_t *number;  /* [words] number of each word in the n-gram index */
    double *sum;       /* [words] sum of `mean` over the word's prompts */
    uint32_t *column;  /* [words] column of the regression; words in exactly the same prompts share a column */
    uint32_t *word_of; /* [columns] one of the column's words */
    size_t columns;
    gp_ngram_index *ngrams;
} table;

static void table_clear(table *t)
{
    gp_ngram_index_free(t->ngrams);
    gp_mem_free(t->word_of);
    gp_mem_free(t->column);
    gp_mem_free(t->sum);
    gp_mem_free(t->number);
    gp_mem_free(t->rows);
    gp_mem_free(t->first);
    gp_mem_free(t->images);
    gp_mem_free(t->mean);
}

static uint32_t support_of(const table *t, size_t word)
{
    return (uint32_t)(t->first[word + 1] - t->first[word]);
}

typedef struct scored {
    uint32_t prompt;
    double score;
} scored;

static int by_prompt(const void *a, const void *b)
{
    const scored *p = a, *q = b;
    return p->prompt != q->prompt ? (p->prompt > q->prompt) - (p->prompt < q->prompt)
                                  : (p->score > q->score) - (p->score < q->score);
}

/* Computes the means of the prompts.  Scores are summed in ascending order, so that the order of the rows does not
 * change the rounding. */
static gp_status take_scores(table *t, const uint32_t *text_of, const double *scores, size_t n, gp_error *err)
{
    scored *list;
    size_t k = 0;
    GP_TRY(gp_alloc((void **)&list, n, sizeof *list, "the scores of the prompts", err));
    for (size_t i = 0; i < n; i++)
        if (text_of[i] != UINT32_MAX) list[k++] = (scored){text_of[i], scores[i]};
    qsort(list, k, sizeof *list, by_prompt);
    for (size_t i = 0; i < k; i++) t->mean[list[i].prompt] += list[i].score, t->images[list[i].prompt]++;
    gp_mem_free(list);
    for (size_t p = 0; p < t->prompts; p++) t->overall += t->mean[p] /= t->images[p];
    if (t->prompts) t->overall /= (double)t->prompts;
    for (size_t p = 0; p < t->prompts; p++) t->mean[p] -= t->overall;
    return GP_OK;
}

static gp_status read_prompts(table *t, const char *const *texts, const double *scores, size_t n, gp_error *err)
{
    const char **kept;
    GP_TRY(gp_alloc((void **)&kept, n, sizeof *kept, "the prompts", err));
    for (size_t i = 0; i < n; i++) kept[i] = isnan(scores[i]) ? NULL : texts[i];
    gp_status st = gp_ngram_index_new(kept, n, NULL, &t->ngrams, err);
    gp_mem_free(kept);
    GP_TRY(st);
    gp_ngram_uses l = gp_ngram_index_uses(t->ngrams);
    t->prompts = l.texts;
    t->mean = gp_mem_zero(l.texts, sizeof *t->mean);
    t->images = gp_mem_zero(l.texts, sizeof *t->images);
    if (!t->mean || !t->images) return gp_fail_memory(err, "the prompts");
    return take_scores(t, l.text_of, scores, n, err);
}

/* Orders phrases by their bytes; `user` is the table. */
static int by_spelling(const void *p, const void *q, void *user)
{
    const table *t = user;
    size_t a, b;
    unsigned words;
    const char *x = gp_ngram_index_phrase(t->ngrams, *(const uint32_t *)p, &a, &words);
    const char *y = gp_ngram_index_phrase(t->ngrams, *(const uint32_t *)q, &b, &words);
    int order = memcmp(x, y, a < b ? a : b);
    return order ? order : (a > b) - (a < b);
}

static gp_status choose_words(table *t, uint32_t min_support, gp_error *err)
{
    gp_ngram_uses l = gp_ngram_index_uses(t->ngrams);
    size_t length;
    unsigned words;
    GP_TRY(gp_alloc((void **)&t->number, l.phrases, sizeof *t->number, "the words of the prompts", err));
    for (uint32_t i = 0; i < l.phrases; i++) {
        gp_ngram_index_phrase(t->ngrams, i, &length, &words);
        if (words <= MAX_WORDS && l.total[i] >= min_support && l.texts - l.total[i] >= MIN_WITHOUT)
            t->number[t->words++] = i;
    }
    if (t->words) qsort_r(t->number, t->words, sizeof *t->number, by_spelling, t);
    return GP_OK;
}

/* Lists the prompts of each word: inverts the n-gram index, which lists the phrases of each text. */
static gp_status invert_index(table *t, gp_error *err)
{
    gp_ngram_uses l = gp_ngram_index_uses(t->ngrams);
    uint32_t *place;
    size_t *end = NULL;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&place, l.phrases, sizeof *place, "the words of the prompts", err));
    memset(place, 0xff, l.phrases * sizeof *place);
    GP_TRY_GOTO(gp_alloc((void **)&end, t->words, sizeof *end, "the words of the prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&t->first, t->words + 1, sizeof *t->first, "the words of the prompts", err));
    t->first[0] = 0;
    for (uint32_t w = 0; w < t->words; w++) {
        place[t->number[w]] = w, end[w] = t->first[w];
        t->first[w + 1] = t->first[w] + l.total[t->number[w]];
    }
    GP_TRY_GOTO(gp_alloc((void **)&t->rows, t->first[t->words], sizeof *t->rows, "the words of the prompts", err));
    for (uint32_t p = 0; p < t->prompts; p++)
        for (size_t u = l.first[p]; u < l.first[p + 1]; u++)
            if (place[l.used[u]] != UINT32_MAX) t->rows[end[place[l.used[u]]]++] = p;
    t->sum = gp_mem_zero(t->words, sizeof *t->sum);
    if (!t->sum) GP_TRY_GOTO(gp_fail_memory(err, "the words of the prompts"));
    for (size_t w = 0; w < t->words; w++)
        for (size_t i = t->first[w]; i < t->first[w + 1]; i++) t->sum[w] += t->mean[t->rows[i]];
out:
    gp_mem_free(end);
    gp_mem_free(place);
    return st;
}

/* ------------------------------------------------------------------ all words at once */

typedef struct hashed {
    gp_hash hash; /* hash of the list of the word's prompts */
    uint32_t word;
} hashed;

static int by_hash(const void *a, const void *b)
{
    const hashed *p = a, *q = b;
    int order = memcmp(&p->hash, &q->hash, sizeof p->hash);
    return order ? order : (p->word > q->word) - (p->word < q->word);
}

static gp_status find_columns(table *t, gp_error *err)
{
    hashed *list;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&list, t->words, sizeof *list, "the words of the prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&t->column, t->words, sizeof *t->column, "the words of the prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&t->word_of, t->words, sizeof *t->word_of, "the words of the prompts", err));
    for (uint32_t w = 0; w < t->words; w++)
        list[w] = (hashed){gp_hash_of(t->rows + t->first[w], support_of(t, w) * sizeof *t->rows), w};
    qsort(list, t->words, sizeof *list, by_hash);
    for (size_t i = 0; i < t->words; i++) {
        if (i == 0 || memcmp(&list[i].hash, &list[i - 1].hash, sizeof list->hash) != 0)
            t->word_of[t->columns++] = list[i].word;
        t->column[list[i].word] = (uint32_t)t->columns - 1;
    }
out:
    gp_mem_free(list);
    return st;
}

/* Computes out = (X'X + penalty) b, for X with centred columns. fit [prompts] is scratch. */
static void normal_product(const table *t, const double *b, double *fit, double *out)
{
    double mean = 0;
    memset(fit, 0, t->prompts * sizeof *fit);
    for (size_t c = 0; c < t->columns; c++) {
        size_t w = t->word_of[c];
        for (size_t i = t->first[w]; i < t->first[w + 1]; i++) fit[t->rows[i]] += b[c];
        mean += b[c] * support_of(t, w);
    }
    mean /= (double)t->prompts;
    for (size_t c = 0; c < t->columns; c++) {
        size_t w = t->word_of[c];
        double sum = 0;
        for (size_t i = t->first[w]; i < t->first[w + 1]; i++) sum += fit[t->rows[i]];
        out[c] = sum - support_of(t, w) * mean + ridge_penalty * b[c];
    }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Preconditioner: z = D^-1 r, where D is the diagonal of the normal equations. */
static void precondition(const table *t, const double *r, double *z)
{
    for (size_t c = 0; c < t->columns; c++) {
        double m = support_of(t, t->word_of[c]);
        z[c] = r[c] / (m - m * m / (double)t->prompts + ridge_penalty);
    }
}

/* Solves the ridge regression by preconditioned conjugate gradients.  effect [columns]. */
static gp_status fit_ridge(const table *t, double *effect, gp_error *err)
{
    size_t n = t->columns;
    double *space, *r, *z, *direction, *product, *fit;
    GP_TRY(gp_alloc((void **)&space, 4 * n + t->prompts, sizeof *space, "the regression of scores on words", err));
    r = space, z = r + n, direction = z + n, product = direction + n, fit = product + n;
    for (size_t c = 0; c < n; c++) effect[c] = 0, r[c] = t->sum[t->word_of[c]];
    precondition(t, r, z);
    memcpy(direction, z, n * sizeof *direction);
    double rz = dot(r, z, n), stop = rz * 1e-24;
    for (int step = 0; step < MAX_STEPS && rz > stop; step++) {
        normal_product(t, direction, fit, product);
        double a = rz / dot(direction, product, n);
        for (size_t c = 0; c < n; c++) effect[c] += a * direction[c], r[c] -= a * product[c];
        precondition(t, r, z);
        double next = dot(r, z, n);
        for (size_t c = 0; c < n; c++) direction[c] = z[c] + next / rz * direction[c];
        rz = next;
    }
    gp_mem_free(space);
    return GP_OK;
}

/* ------------------------------------------------------------------ the bootstrap */

typedef struct bootstrap {
    const table *table;
    gp_word *words;
    uint64_t seed;
    double weight[LEVELS];       /* equally likely quantiles of the exponential distribution */
    double total_sum[ROUNDS];    /* sum of weight * mean over all prompts, in each round */
    double total_weight[ROUNDS]; /* sum of the weights of all prompts, in each round */
    /* [prompts] A side of a word is the set of prompts with the word, or the set of prompts without it. widening[i]:
     * factor that widens the deviations of a side of i prompts; 0: no side has i prompts. */
    double *widening;
    atomic_size_t next;
    atomic_int status;
} bootstrap;

/* For rounds 5 k to 5 k + 4 of the bootstrap: sets sum[] to the sum of weight * mean over `count` prompts, and weight[]
 * to the sum of the weights.  `rows` lists the prompts; NULL: the first `count` prompts. */
static void weigh(const bootstrap *b, size_t k, const uint32_t *rows, size_t count, double sum[AT_ONCE],
                  double weight[AT_ONCE])
{
    uint64_t stream = gp_rng_mix(b->seed + k);
    for (int j = 0; j < AT_ONCE; j++) sum[j] = weight[j] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t p = rows ? rows[i] : i;
        uint64_t r = gp_rng_at(stream, p);
        for (int j = 0; j < AT_ONCE; j++, r >>= 12) {
            double w = b->weight[r & (LEVELS - 1)];
            sum[j] += w * b->table->mean[p], weight[j] += w;
        }
    }
}

static void weigh_all(void *user, int index)
{
    bootstrap *b = user;
    size_t k;
    (void)index;
    while ((k = atomic_fetch_add(&b->next, 1)) < ROUNDS / AT_ONCE)
        weigh(b, k, NULL, b->table->prompts, b->total_sum + k * AT_ONCE, b->total_weight + k * AT_ONCE);
}

/* Returns the k-th smallest number of x [n], counted from 0; reorders x (quickselect, Hoare 1961). */
static double select_value(double *x, size_t n, size_t k)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;
    while (low < high) {
        double middle = x[at];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (x[i] < middle) i++;
            while (x[j] > middle) j--;
            if (i > j) break;
            double keep = x[i];
            x[i++] = x[j], x[j--] = keep;
        }
        if (j < at) low = i;
        if (at < i) high = j;
    }
    return x[k];
}

static void find_widening(bootstrap *b)
{
    for (size_t w = 0; w < b->table->words; w++) {
        size_t sides[2] = {support_of(b->table, w), b->table->prompts - support_of(b->table, w)};
        for (int i = 0; i < 2; i++) {
            double m = (double)sides[i], *widening = &b->widening[sides[i]];
            if (*widening == 0) *widening = sqrt((m + 1) / (m - 1)) * gp_an_t_95(m - 1) / z_95;
        }
    }
}

/* Computes the interval of one word; deviation [ROUNDS] is scratch. */
static void one_interval(const bootstrap *b, size_t w, double *deviation)
{
    const table *t = b->table;
    double m = support_of(t, w), k = (double)t->prompts - m, in = t->sum[w] / m, out = -t->sum[w] / k;
    double widening_in = b->widening[(size_t)m], widening_out = b->widening[(size_t)k];
    for (size_t r = 0; r < ROUNDS; r += AT_ONCE) {
        double sum[AT_ONCE], weight[AT_ONCE];
        weigh(b, r / AT_ONCE, t->rows + t->first[w], support_of(t, w), sum, weight);
        for (size_t j = 0; j < AT_ONCE; j++)
            deviation[r + j] =
                widening_in * (sum[j] / weight[j] - in) -
                widening_out * ((b->total_sum[r + j] - sum[j]) / (b->total_weight[r + j] - weight[j]) - out);
    }
    b->words[w].low = b->words[w].difference + select_value(deviation, ROUNDS, (size_t)(0.025 * (ROUNDS - 1)));
    b->words[w].high = b->words[w].difference + select_value(deviation, ROUNDS, (size_t)(0.975 * (ROUNDS - 1) + 0.5));
}

static void intervals(void *user, int index)
{
    bootstrap *b = user;
    double *deviation = gp_mem_new(ROUNDS, sizeof *deviation);
    size_t w;
    (void)index;
    if (!deviation)
        atomic_store(&b->status, GP_ERR_MEMORY);
    else
        while ((w = atomic_fetch_add(&b->next, 1)) < b->table->words) one_interval(b, w, deviation);
    gp_mem_free(deviation);
}

static gp_status run_bootstrap(const table *t, uint64_t seed, int threads, gp_word *words, gp_error *err)
{
    bootstrap *b = gp_mem_zero(1, sizeof *b);
    gp_threads *running;
    gp_status st = GP_OK;
    if (!b) return gp_fail_memory(err, "the confidence intervals of word effects");
    if (threads <= 0) threads = gp_thread_processors();
    b->table = t, b->words = words, b->seed = gp_rng_mix(seed);
    for (int i = 0; i < LEVELS; i++) b->weight[i] = -log((i + 0.5) / (double)LEVELS);
    b->widening = gp_mem_zero(t->prompts, sizeof *b->widening);
    if (!b->widening) GP_TRY_GOTO(gp_fail_memory(err, "the confidence intervals of word effects"));
    find_widening(b);
    GP_TRY_GOTO(gp_threads_start(threads, weigh_all, b, &running, err));
    gp_threads_join(running);
    atomic_store(&b->next, 0);
    GP_TRY_GOTO(gp_threads_start(threads, intervals, b, &running, err));
    gp_threads_join(running);
    if (atomic_load(&b->status) != GP_OK) GP_TRY_GOTO(gp_fail_memory(err, "the confidence intervals of word effects"));
out:
    gp_mem_free(b->widening);
    gp_mem_free(b);
    return st;
}

/* ------------------------------------------------------------------ entry point */

static gp_status spell(const table *t, gp_word_effects *out, gp_error *err)
{
    size_t bytes = 0, length;
    unsigned words;
    for (size_t w = 0; w < t->words; w++) {
        gp_ngram_index_phrase(t->ngrams, t->number[w], &length, &words);
        bytes += length + 1;
    }
    GP_TRY(gp_alloc((void **)&out->spelling, bytes, 1, "the words of the prompts", err));
    char *at = out->spelling;
    for (size_t w = 0; w < t->words; w++, at += length + 1) {
        const char *text = gp_ngram_index_phrase(t->ngrams, t->number[w], &length, &words);
        memcpy(at, text, length);
        at[length] = 0;
        out->words[w].text = at;
    }
    return GP_OK;
}

static void describe(const table *t, gp_word *words)
{
    gp_scores all;
    gp_an_scores_init(&all, t->mean, t->prompts);
    for (size_t w = 0; w < t->words; w++) {
        size_t m = support_of(t, w);
        double in = t->sum[w] / (double)m, out = -t->sum[w] / (double)(t->prompts - m);
        words[w].prompts = m;
        words[w].mean = t->overall + in;
        words[w].difference = in - out;
        words[w].p = gp_an_permutation_p(gp_an_mean_z(&all, in, m), m, t->prompts);
        for (size_t i = t->first[w]; i < t->first[w + 1]; i++) words[w].images += t->images[t->rows[i]];
    }
}

/* Sets the results that depend on all words: corrected p and adjusted effect. */
static gp_status adjust_words(const table *t, gp_word *words, gp_error *err)
{
    double *p, *corrected, *effect;
    GP_TRY(gp_alloc((void **)&p, 3 * t->words, sizeof *p, "the words of the prompts", err));
    corrected = p + t->words, effect = corrected + t->words;
    for (size_t w = 0; w < t->words; w++) p[w] = words[w].p;
    gp_status st = gp_an_adjust_bh(p, t->words, corrected, err);
    if (st == GP_OK) st = fit_ridge(t, effect, err);
    for (size_t w = 0; st == GP_OK && w < t->words; w++)
        words[w].p_corrected = corrected[w], words[w].adjusted = effect[t->column[w]];
    gp_mem_free(p);
    return st;
}

gp_status gp_an_word_effects(const char *const *texts, const double *scores, size_t n, uint32_t min_support,
                             uint64_t seed, int threads, gp_word_effects *out, gp_error *err)
{
    table t = {0};
    gp_word_effects made = {0};
    gp_status st = GP_OK;
    if (min_support < 2) return gp_fail(err, GP_ERR_USAGE, "min_support must be at least 2, not %u", min_support);
    GP_TRY_GOTO(read_prompts(&t, texts, scores, n, err));
    GP_TRY_GOTO(choose_words(&t, min_support, err));
    GP_TRY_GOTO(invert_index(&t, err));
    GP_TRY_GOTO(find_columns(&t, err));
    made.words = gp_mem_zero(t.words, sizeof *made.words);
    if (!made.words) GP_TRY_GOTO(gp_fail_memory(err, "the words of the prompts"));
    made.count = t.words, made.prompts = t.prompts;
    GP_TRY_GOTO(spell(&t, &made, err));
    describe(&t, made.words);
    GP_TRY_GOTO(adjust_words(&t, made.words, err));
    GP_TRY_GOTO(run_bootstrap(&t, seed, threads, made.words, err));
    made.column = t.column, t.column = NULL;
    *out = made;
    made = (gp_word_effects){0};
out:
    gp_an_word_effects_clear(&made);
    table_clear(&t);
    return st;
}

void gp_an_word_effects_clear(gp_word_effects *effects)
{
    gp_mem_free(effects->column);
    gp_mem_free(effects->spelling);
    gp_mem_free(effects->words);
    *effects = (gp_word_effects){0};
}
