/* SPDX-License-Identifier: MIT
 * Compare a model folder with golden embeddings, for one precision and engine.  Bounds, with what was measured beside:
 *   fp32: cosine >= 0.99999, elements within 1e-4 (measured 2e-6), pooled within 1e-4 of their largest (1e-5)
 *   bf16: cosine >= 0.9995, scores within 1.0, 0.3 on average (measured 0.8 and 0.2; rounding itself moves them so)
 *   int8: cosine >= 0.995, scores within 3.5, 1.0 on average (measured 0.9973, 2.5 and 0.77, the same on every
 * machine): these are models of 64 columns and random weights, in which what 8 bits lose is some eight times what bf16
 * does */
#ifndef GP_TESTS_GOLDEN_TOWERS_H
#define GP_TESTS_GOLDEN_TOWERS_H

#include "../npy.h"
#include "../recipe.h"
#include "model/clip.h"
#include "tensor/linear.h"

#include <math.h>

typedef struct towers_case {
    /* the folder of the model, and the folder of its golden values (ids.npy, image_embeds.npy ...) */
    const char *label, *folder, *golden;
    const float *planes; /* [images, 3, s, s] */
    size_t images;
} towers_case;

typedef struct towers_worst {
    double cosine, element, pooled, score, mean_score; /* worst values so far */
} towers_worst;

static const struct {
    double cosine, score, mean_score;
} towers_bounds[] = {[GP_PRECISION_FP32] = {0.99999, 0.01, 0.01},
                     [GP_PRECISION_BF16] = {0.9995, 1.0, 0.3},
                     [GP_PRECISION_INT8] = {0.995, 3.5, 1.0}};

static inline double cosine_of(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

static inline double largest_difference(const float *a, const float *b, size_t n, double *scale)
{
    double most = 0;
    *scale = 1;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - b[i]);
        if (!(d <= most)) most = d; /* the condition is negated so that NaN fails too */
        if (fabs((double)b[i]) > *scale) *scale = fabs((double)b[i]);
    }
    return most;
}

static inline npy towers_golden(const towers_case *c, const char *name)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s.npy", c->golden, name);
    return npy_load(path);
}

/* Runs one tower with and without projection, and compares both results with the golden values.  Returns the embeddings
 * [n,e], which the caller frees. */
static inline float *towers_compare(const towers_case *c, gp_encoder_worker *w, bool image, gp_precision precision,
                                    const npy *ids, towers_worst *worst)
{
    gp_error err = {0};
    npy pooled = towers_golden(c, image ? "image_pooled" : "text_pooled");
    npy embeds = towers_golden(c, image ? "image_embeds" : "text_embeds");
    size_t n = embeds.shape[0], e = embeds.shape[1], d = pooled.shape[1], *counts = calloc(n, sizeof *counts);
    float *out = calloc(n * e, sizeof *out), *before = calloc(n * d, sizeof *before);
    if (image) {
        assert_int_equal(n, c->images);
        assert_ok(gp_clip_pooled_images(w, c->planes, n, before, &err));
        assert_ok(gp_encoder_run_images(w, c->planes, n, out, &err));
    } else {
        for (size_t i = 0; i < n; i++) counts[i] = ids->shape[1];
        assert_ok(gp_clip_pooled_texts(w, ids->data, counts, n, before, &err));
        assert_ok(gp_encoder_run_texts(w, ids->data, counts, n, out, &err));
    }
    double scale, most = largest_difference(out, embeds.data, n * e, &scale);
    bool exact = precision == GP_PRECISION_FP32;
    if (exact && !(most <= 1e-4)) fail_msg("%s: %s embeddings differ by %g", c->label, image ? "image" : "text", most);
    if (most > worst->element) worst->element = most;
    most = largest_difference(before, pooled.data, n * d, &scale) / scale;
    if (exact && !(most <= 1e-4))
        fail_msg("%s: pooled %s outputs differ by %g", c->label, image ? "image" : "text", most);
    if (most > worst->pooled) worst->pooled = most;
    for (size_t i = 0; i < n; i++) {
        double cosine = cosine_of(out + i * e, (float *)embeds.data + i * e, e);
        if (!(cosine >= towers_bounds[precision].cosine))
            fail_msg("%s: cosine of %s %zu is %.7f", c->label, image ? "image" : "text", i, cosine);
        if (cosine < worst->cosine) worst->cosine = cosine;
    }
    free(counts), free(before), npy_free(&pooled), npy_free(&embeds);
    return out;
}

/* Compares 100 * cosine of all pairs with the golden scores. */
static inline void towers_scores(const towers_case *c, const float *images, const float *texts, gp_precision precision,
                                 towers_worst *worst)
{
    npy gi = towers_golden(c, "image_embeds"), gt = towers_golden(c, "text_embeds");
    size_t n = gi.shape[0], m = gt.shape[0], e = gi.shape[1];
    double sum = 0, most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++) {
            double d = fabs(100 * cosine_of(images + i * e, texts + k * e, e) -
                            100 * cosine_of((float *)gi.data + i * e, (float *)gt.data + k * e, e));
            sum += d;
            if (d > most) most = d;
        }
    sum /= (double)(n * m);
    if (!(most <= towers_bounds[precision].score) || !(sum <= towers_bounds[precision].mean_score))
        fail_msg("%s: scores differ by %g, %g on average", c->label, most, sum);
    if (most > worst->score) worst->score = most;
    if (sum > worst->mean_score) worst->mean_score = sum;
    npy_free(&gi), npy_free(&gt);
}

static inline void towers_check(const towers_case *c, gp_precision precision, gp_engine engine, towers_worst *worst)
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    gp_encoder_worker *w = NULL;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    npy ids = {0};
    assert_ok(gp_encoder_open(c->folder, precision, engine, &clip, &err));
    gp_encoder_facts(clip, &facts);
    if (facts.has_text_tower) ids = towers_golden(c, "ids");
    assert_ok(gp_encoder_worker_new(clip, facts.has_image_tower ? c->images : 0, ids.count, &w, &err));
    float *images = facts.has_image_tower ? towers_compare(c, w, true, precision, NULL, worst) : NULL;
    float *texts = facts.has_text_tower ? towers_compare(c, w, false, precision, &ids, worst) : NULL;
    if (images && texts) towers_scores(c, images, texts, precision, worst);
    free(images), free(texts);
    if (ids.data) npy_free(&ids);
    gp_encoder_worker_free(w);
    gp_encoder_close(clip);
}

/* Tests every precision with every engine of this build, and prints the worst values of each combination. */
static const struct {
    const char *name;
    gp_precision precision;
    gp_engine engine;
} towers_ways[] = {
    {"fp32, plain C", GP_PRECISION_FP32, GP_ENGINE_PLAIN}, {"bf16, plain C", GP_PRECISION_BF16, GP_ENGINE_PLAIN},
#ifdef GP_HAVE_ONEDNN
    {"fp32, oneDNN", GP_PRECISION_FP32, GP_ENGINE_ONEDNN}, {"bf16, oneDNN", GP_PRECISION_BF16, GP_ENGINE_ONEDNN},
#endif
    {"int8", GP_PRECISION_INT8, GP_ENGINE_AUTO},
};
enum { TOWERS_WAYS = sizeof towers_ways / sizeof *towers_ways };

static inline void towers_print(const towers_worst *worst)
{
    for (size_t i = 0; i < TOWERS_WAYS; i++)
        printf("%s: cosine >= %.8f, elements %.1e, pooled %.1e, scores %.1e (mean of a model %.1e)\n",
               towers_ways[i].name, worst[i].cosine, worst[i].element, worst[i].pooled, worst[i].score,
               worst[i].mean_score);
}

#endif
