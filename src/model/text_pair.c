/* SPDX-License-Identifier: MIT
 * Scorers that compare an image with fixed texts, the same for every image.
 *
 *   clip-iqa        CLIP-IQA's pairs of texts, such as "Good photo." and "Bad photo.": the softmax of 100 * cosine, for
 *                   the first text.  100 is fixed: the model's logit_scale is not used.
 *   probe:A|B       the same for the user's own pair
 *   probe:A         the cosine with one text
 *   probe:-A        minus the cosine with a text that names what the image should not show
 *
 * The texts are encoded when the scorer is opened.  Their hash is part of the scorer's id. */
#include "model/scorer_type.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct text_pair {
    gp_scorer base; /* first */
    bool pair, minus;
    float *texts; /* [2, dims]; the second row only if `pair` is set */
} text_pair;

/* The pairs of CLIP-IQA; the default is the first. */
static const struct {
    const char *name, *good, *bad;
} iqa_pairs[] = {{"quality", "Good photo.", "Bad photo."},
                 {"brightness", "Bright photo.", "Dark photo."},
                 {"noisiness", "Clean photo.", "Noisy photo."},
                 {"colorfullness", "Colorful photo.", "Dull photo."},
                 {"sharpness", "Sharp photo.", "Blurry photo."},
                 {"contrast", "High contrast photo.", "Low contrast photo."},
                 {"complexity", "Complex photo.", "Simple photo."},
                 {"natural", "Natural photo.", "Synthetic photo."},
                 {"happy", "Happy photo.", "Sad photo."},
                 {"scary", "Scary photo.", "Peaceful photo."},
                 {"new", "New photo.", "Old photo."},
                 {"warm", "Warm photo.", "Cold photo."},
                 {"real", "Real photo.", "Abstract photo."},
                 {"beautiful", "Beautiful photo.", "Ugly photo."},
                 {"lonely", "Lonely photo.", "Sociable photo."},
                 {"relaxing", "Relaxing photo.", "Stressful photo."}};
enum { IQA_PAIRS = sizeof iqa_pairs / sizeof *iqa_pairs };

/* ------------------------------------------------------------------ encoding the texts */

static gp_status encode_ids(const gp_encoder *encoder, const int32_t *ids, size_t count, float *out, gp_error *err)
{
    gp_encoder_worker *worker = NULL;
    GP_TRY(gp_encoder_worker_new(encoder, 1, count, &worker, err));
    gp_status st = gp_encoder_run_texts(worker, ids, &count, 1, out, err);
    gp_encoder_worker_free(worker);
    return st;
}

static gp_status encode_text(const gp_scorer_source *source, const char *text, float *out, gp_error *err)
{
    const gp_tokenizer *tokenizer = gp_encoder_tokenizer(source->encoder);
    int32_t *ids = NULL;
    size_t count = 0;
    GP_TRY(gp_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, err));
    gp_status st = GP_OK;
    if (count > source->facts.context)
        st = gp_fail(err, GP_ERR_USAGE, "the text '%.60s...' of a scorer has %zu tokens, but '%s' reads at most %u",
                     text, count, source->model, source->facts.context);
    else
        st = encode_ids(source->encoder, ids, count, out, err);
    gp_mem_free(ids);
    return st;
}

/* Encodes one text, or two if `bad` is not NULL, and hashes them with the kind of formula. */
static gp_status take_texts(text_pair *p, const gp_scorer_source *source, const char *good, const char *bad,
                            gp_error *err)
{
    const size_t d = p->base.dims;
    if (!source->facts.has_text_tower || !gp_encoder_tokenizer(source->encoder))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "model '%s' has no %s: scorer '%s' needs one", source->model,
                       source->facts.has_text_tower ? "tokenizer" : "text tower", p->base.type->name);
    GP_TRY(gp_alloc_aligned((void **)&p->texts, 2 * d, sizeof *p->texts, "the texts of a scorer", err));
    GP_TRY(encode_text(source, good, p->texts, err));
    if (bad) GP_TRY(encode_text(source, bad, p->texts + d, err));
    p->pair = bad != NULL;
    gp_str all = GP_STR_INIT;
    gp_str_printf(&all, "%s%s%s%s", p->minus ? "-" : "+", good, bad ? "|" : "", bad ? bad : "");
    if (!all.failed) gp_hash_hex(gp_hash_of(all.data, all.size), p->base.parameters);
    gp_status st = all.failed ? gp_fail_memory(err, "the texts of a scorer") : GP_OK;
    gp_str_clear(&all);
    return st;
}

/* ------------------------------------------------------------------ the types */

static gp_status no_pair(const char *wanted, gp_error *err)
{
    gp_str names = GP_STR_INIT;
    for (size_t i = 0; i < IQA_PAIRS; i++) gp_str_printf(&names, "%s%s", i ? ", " : "", iqa_pairs[i].name);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "scorer clip-iqa has no pair '%.60s': it must be one of %s", wanted,
                           names.failed ? "?" : names.data);
    gp_str_clear(&names);
    return st;
}

static gp_status iqa_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    size_t i = 0;
    while (source->argument && i < IQA_PAIRS && strcmp(iqa_pairs[i].name, source->argument) != 0) i++;
    if (i == IQA_PAIRS) return no_pair(source->argument, err);
    if (i) snprintf(scorer->name, sizeof scorer->name, "%s:%s", scorer->type->name, iqa_pairs[i].name);
    return take_texts((text_pair *)(void *)scorer, source, iqa_pairs[i].good, iqa_pairs[i].bad, err);
}

/* Copies a part of a probe, without blanks at its ends.  Fails if nothing is left. */
static gp_status copy_part(const char *probe, const char *from, const char *end, char **out, gp_error *err)
{
    while (from < end && (*from == ' ' || *from == '\t')) from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t')) end--;
    if (from == end)
        return gp_fail(err, GP_ERR_USAGE,
                       "the probe '%.100s' has an empty text: write \"TEXT|OPPOSITE\", \"TEXT\" or "
                       "\"-TEXT\"",
                       probe);
    *out = gp_mem_new((size_t)(end - from) + 1, 1);
    if (!*out) return gp_fail_memory(err, "a probe");
    memcpy(*out, from, (size_t)(end - from));
    (*out)[end - from] = '\0';
    return GP_OK;
}

static gp_status probe_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    text_pair *p = (text_pair *)(void *)scorer;
    const char *probe = source->argument, *bar = strchr(probe, '|');
    char *good = NULL, *bad = NULL;
    gp_status st;
    if (bar && strchr(bar + 1, '|'))
        return gp_fail(err, GP_ERR_USAGE, "the probe '%.100s' has more than two texts", probe);
    if (strlen(probe) >= sizeof scorer->name)
        return gp_fail(err, GP_ERR_USAGE, "the probe '%.60s...' has %zu bytes, but at most %zu are allowed", probe,
                       strlen(probe), sizeof scorer->name - 1);
    p->minus = !bar && *probe == '-';
    GP_TRY_GOTO(copy_part(probe, probe + p->minus, bar ? bar : probe + strlen(probe), &good, err));
    if (bar) GP_TRY_GOTO(copy_part(probe, bar + 1, probe + strlen(probe), &bad, err));
    GP_TRY_GOTO(take_texts(p, source, good, bad, err));
    snprintf(scorer->name, sizeof scorer->name, "%s", probe);
    if (!bar) snprintf(scorer->scale, sizeof scorer->scale, "%s", p->minus ? "-cos" : "cos");
out:
    gp_mem_free(bad);
    gp_mem_free(good);
    return st;
}

static void pair_clear(gp_scorer *scorer)
{
    gp_mem_free(((text_pair *)(void *)scorer)->texts);
}

static void pair_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    const text_pair *p = (const text_pair *)(const void *)scorer;
    const gp_kernels *kernels = gp_kernel_table();
    const size_t d = scorer->dims;
    for (size_t i = 0; i < batch->n; i++) {
        const double good = kernels->dot(batch->images + i * d, p->texts, d);
        if (p->pair)
            scores[i] = 1 / (1 + exp(100 * (kernels->dot(batch->images + i * d, p->texts + d, d) - good)));
        else
            scores[i] = p->minus ? -good : good;
    }
}

#define SOFTMAX "softmax(100*cos) of the first text"

const gp_scorer_type gp_clip_iqa_type = {.name = "clip-iqa",
                                         .scale = SOFTMAX,
                                         .argument = "PAIR",
                                         .optional = true,
                                         .licence = "that of the model",
                                         .looks_at = "technical quality, or what another pair of texts names",
                                         .needs = GP_SCORER_NEEDS_IMAGE,
                                         .size = sizeof(text_pair),
                                         .open = iqa_open,
                                         .clear = pair_clear,
                                         .run = pair_run};

const gp_scorer_type gp_probe_type = {.name = "probe",
                                      .scale = SOFTMAX,
                                      .argument = "TEXT",
                                      .licence = "that of the model",
                                      .looks_at = "what your own text, or pair of texts, names",
                                      .needs = GP_SCORER_NEEDS_IMAGE,
                                      .size = sizeof(text_pair),
                                      .open = probe_open,
                                      .clear = pair_clear,
                                      .run = pair_run};
