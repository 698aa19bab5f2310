/* SPDX-License-Identifier: MIT
 * Finds slices in three spaces and describes each in words:
 *   images    clusters of image embeddings, over all images
 *   prompts   clusters of prompt embeddings. A prompt's metric is the mean of its images, because images of
 *             one prompt are not independent.
 *   category  clusters within a category, compared with the category's own mean. This is the article's adaptive
 *             selection: support of at least 2, lift of at least 0.9 standard deviations. Finer slices take rows from
 *             coarser ones. */
#include "stage/analyze_stage.h"

#include "analyze/analyze.h"
#include "analyze/slice/reasons.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS_EACH = 5, MIN_IN_CATEGORY = 4 };
static const uint32_t category_support = 2;
static const double category_drop = 0.9; /* standard deviations */

const char *const gp_probe_words[GP_PROBES] = {"a portrait",
                                               "a face",
                                               "a woman",
                                               "a man",
                                               "a child",
                                               "a crowd of people",
                                               "an animal",
                                               "a cat",
                                               "a dog",
                                               "a bird",
                                               "a horse",
                                               "a fish",
                                               "an insect",
                                               "a monster",
                                               "a robot",
                                               "a car",
                                               "a train",
                                               "a boat",
                                               "an aeroplane",
                                               "a spaceship",
                                               "a house",
                                               "a castle",
                                               "a city",
                                               "a street",
                                               "an interior",
                                               "furniture",
                                               "food",
                                               "fruit",
                                               "a drink",
                                               "a flower",
                                               "a tree",
                                               "a forest",
                                               "mountains",
                                               "the sea",
                                               "a beach",
                                               "the sky",
                                               "night",
                                               "sunset",
                                               "snow",
                                               "rain",
                                               "fire",
                                               "water",
                                               "text and letters",
                                               "a logo",
                                               "a pattern",
                                               "a diagram",
                                               "a photograph",
                                               "an oil painting",
                                               "a watercolour",
                                               "a pencil drawing",
                                               "a cartoon",
                                               "pixel art",
                                               "a 3d render",
                                               "black and white",
                                               "bright colours",
                                               "a close-up"};

/* ------------------------------------------------------------------ descriptions */

static void put_reasons(gp_str *s, const gp_reasons *reasons)
{
    gp_str_putc(s, '[');
    for (size_t i = 0; i < reasons->count; i++) {
        const gp_reason *x = &reasons->reason[i];
        gp_str_puts(s, i ? ",{\"kind\":" : "{\"kind\":");
        gp_json_put_string(s, x->kind);
        gp_str_puts(s, ",\"text\":");
        gp_json_put_string(s, x->text);
        gp_str_puts(s, ",\"strength\":");
        gp_json_put_real(s, x->strength);
        gp_str_puts(s, ",\"inside\":");
        gp_json_put_real(s, x->inside);
        gp_str_puts(s, ",\"outside\":");
        gp_json_put_real(s, x->outside);
        gp_str_putc(s, '}');
    }
    gp_str_putc(s, ']');
}

gp_status gp_analysis_title(const gp_analysis_run *r, const bool *inside, bool brief, char **title, char **reasons_json,
                            gp_error *err)
{
    gp_reasons_input in = {.n = r->m.n,
                           .texts = (const char *const *)r->m.texts,
                           .features = r->settings.features,
                           .feature_count = r->settings.feature_count,
                           .vectors = r->probes ? r->m.vectors : NULL,
                           .d = r->m.dims,
                           .probes = r->probes,
                           .probe_names = gp_probe_words,
                           .probe_count = r->probes ? GP_PROBES : 0};
    if (brief) in.feature_count = in.probe_count = 0, in.vectors = NULL;
    gp_reasons reasons = {0};
    gp_str json = GP_STR_INIT;
    char *name = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_an_reasons_by(&in, r->ngrams, inside, REASONS_EACH, NULL, &reasons, err));
    name = gp_str_dup(reasons.title);
    if (reasons_json) put_reasons(&json, &reasons);
    if (!name || json.failed) GP_TRY_GOTO(gp_fail_memory(err, "the descriptions of slices"));
    if (reasons_json) *reasons_json = gp_str_take(&json);
    *title = name;
    name = NULL;
out:
    gp_mem_free(name);
    gp_str_clear(&json);
    gp_an_reasons_clear(&reasons);
    return st;
}

/* ------------------------------------------------------------------ collecting */

/* Adds a slice. Takes ownership of `rows` (ascending row numbers), even on failure. */
static gp_status add_slice(gp_analysis_run *r, gp_cat_slice slice, uint32_t *rows, size_t count, gp_error *err)
{
    gp_analysis *f = &r->found;
    bool *inside = NULL;
    char *title = NULL, *reasons = NULL;
    gp_status st = GP_OK;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 64;
        gp_cat_slice *grown = gp_mem_resize(f->slices, capacity, sizeof *grown);
        if (!grown) GP_TRY_GOTO(gp_fail_memory(err, "%zu slices", capacity));
        f->slices = grown, f->capacity = capacity;
    }
    GP_TRY_GOTO(gp_alloc((void **)&inside, r->m.n, sizeof *inside, "slices", err));
    memset(inside, 0, r->m.n * sizeof *inside);
    for (size_t i = 0; i < count; i++) inside[rows[i]] = true;
    GP_TRY_GOTO(gp_analysis_title(r, inside, slice.category >= 0, &title, &reasons, err));
    slice.rows = rows, slice.support = (uint32_t)count, slice.title = title, slice.reasons_json = reasons;
    f->slices[f->count++] = slice;
    rows = NULL;
out:
    gp_mem_free(inside);
    gp_mem_free(rows);
    return st;
}

static gp_cat_slice facts_of(const gp_slice *s, const char *space, int32_t category, size_t first)
{
    return (gp_cat_slice){.space = space,
                          .category = category,
                          .level = s->level,
                          .cluster = s->cluster,
                          .value = s->value,
                          .lift = s->lift,
                          .low = s->low,
                          .high = s->high,
                          .effect = s->effect,
                          .p = s->p,
                          .p_corrected = s->p_corrected,
                          .parent = s->parent < 0 ? -1 : s->parent + (int32_t)first};
}

/* ------------------------------------------------------------------ the three spaces */

static void note_few_prompts(gp_analysis_run *r, size_t groups)
{
    char text[160];
    if (r->found.count || groups == r->m.n || groups >= GP_AN_FEW_GROUPS) return;
    snprintf(text, sizeof text, "%zu %s too few to find significant slices of images", groups,
             gp_plural(groups, "prompt is", "prompts are"));
    gp_analysis_note(r, text);
}

/* Distinct prompts with an embedding, the mean score of each prompt's images, and the prompt of each image. */
typedef struct prompt_space {
    int64_t *ids;   /* [count] ascending */
    float *vectors; /* [count, d] */
    double *metric; /* [count] */
    uint32_t *of;   /* [n] index of the image's prompt; UINT32_MAX: none */
    size_t count;
} prompt_space;

static uint32_t prompt_index(const prompt_space *p, int64_t id)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->count && p->ids[low] == id ? (uint32_t)low : UINT32_MAX;
}

static gp_status prompt_space_read(gp_analysis_run *r, prompt_space *p, gp_error *err)
{
    size_t *scored = NULL; /* [count] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(
        gp_cat_prompt_vectors(r->cat, r->m.encoder, r->m.prompts, r->m.n, &p->ids, &p->vectors, &p->count, err));
    GP_TRY_GOTO(gp_alloc((void **)&p->metric, p->count, sizeof *p->metric, "prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&p->of, r->m.n, sizeof *p->of, "prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&scored, p->count, sizeof *scored, "prompts", err));
    memset(scored, 0, p->count * sizeof *scored);
    for (size_t k = 0; k < p->count; k++) p->metric[k] = 0;
    for (size_t i = 0; i < r->m.n; i++) {
        uint32_t k = p->of[i] = r->m.prompts[i] ? prompt_index(p, r->m.prompts[i]) : UINT32_MAX;
        if (k == UINT32_MAX || isnan(r->m.scores[i])) continue;
        p->metric[k] += r->m.scores[i];
        scored[k]++;
    }
    for (size_t k = 0; k < p->count; k++) p->metric[k] = scored[k] ? p->metric[k] / (double)scored[k] : NAN;
out:
    gp_mem_free(scored);
    return st;
}

static void prompt_space_clear(prompt_space *p)
{
    gp_mem_free(p->of);
    gp_mem_free(p->metric);
    gp_mem_free(p->vectors);
    gp_mem_free(p->ids);
}

/* Lists the images of a slice of prompts. */
static gp_status images_of(const gp_analysis_run *r, const prompt_space *p, const gp_slice *s, uint32_t **rows,
                           size_t *count, gp_error *err)
{
    bool *wanted = gp_mem_zero(p->count, sizeof *wanted);
    gp_status st =
        wanted ? gp_alloc((void **)rows, r->m.n, sizeof **rows, "slices", err) : gp_fail_memory(err, "the slices");
    size_t k = 0;
    for (uint32_t i = 0; st == GP_OK && i < s->support; i++) wanted[s->rows[i]] = true;
    for (size_t i = 0; st == GP_OK && i < r->m.n; i++)
        if (p->of[i] != UINT32_MAX && wanted[p->of[i]]) (*rows)[k++] = (uint32_t)i;
    gp_mem_free(wanted);
    *count = k;
    return st;
}

static gp_status add_image_slices(gp_analysis_run *r, const gp_slices *s, gp_error *err)
{
    size_t first = r->found.count;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t *rows;
        GP_TRY(gp_alloc((void **)&rows, s->slices[i].support, sizeof *rows, "slices", err));
        memcpy(rows, s->slices[i].rows, s->slices[i].support * sizeof *rows);
        GP_TRY(add_slice(r, facts_of(&s->slices[i], "images", -1, first), rows, s->slices[i].support, err));
    }
    r->report->slices = r->found.count - first;
    if (r->slicing->profile == GP_SLICE_GOLDPAN) note_few_prompts(r, s->groups);
    return GP_OK;
}

static gp_status add_prompt_slices(gp_analysis_run *r, const prompt_space *p, const gp_slices *s, gp_error *err)
{
    size_t first = r->found.count;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t *rows;
        size_t count;
        GP_TRY(images_of(r, p, &s->slices[i], &rows, &count, err));
        GP_TRY(add_slice(r, facts_of(&s->slices[i], "prompts", -1, first), rows, count, err));
    }
    r->report->prompt_slices = r->found.count - first;
    return GP_OK;
}

/* Searches slices of images and of prompts. All slices are tested together, so that the family-wise error rate covers
 * both searches. The images get the larger share of alpha, because their clusters are more numerous and vary more. If
 * there are too few prompts for a hierarchy, only images are searched. */
static gp_status search_all(gp_analysis_run *r, const prompt_space *p, gp_error *err)
{
    gp_slices found[2] = {0};
    gp_hierarchy tree = {0};
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_slices_options o = *r->slicing;
    gp_feature images = {.size = sizeof(gp_feature),
                         .name = "embedding",
                         .kind = GP_FEATURE_EMBEDDING,
                         .vectors = r->m.vectors,
                         .d = r->m.dims};
    gp_feature prompts = {.size = sizeof(gp_feature),
                          .name = "embedding",
                          .kind = GP_FEATURE_EMBEDDING,
                          .vectors = p->vectors,
                          .d = r->m.dims};
    if (!r->tree.levels) return GP_OK; /* too few images for a hierarchy; so there are too few prompts as well */
    o.group = r->prompt;
    near.metric = r->slicing->metric, near.threads = r->options->threads;
    gp_status st = gp_an_hierarchy(p->vectors, p->count, r->m.dims, &near, &tree, err);
    if (st == GP_ERR_NOT_FOUND) st = GP_OK;
    if (st != GP_OK) goto out;
    gp_slices_search searches[2] = {
        {.features = &images, .count = 1, .metric = r->m.scores, .n = r->m.n, .tree = &r->tree, .share = 4},
        {.features = &prompts,
         .count = 1,
         .metric = p->metric,
         .n = p->count,
         .tree = &tree,
         .item = p->of,
         .share = 1}};
    GP_TRY_GOTO(gp_an_slices_together(searches, tree.levels ? 2 : 1, &o, found, err));
    GP_TRY_GOTO(add_image_slices(r, &found[0], err));
    GP_TRY_GOTO(add_prompt_slices(r, p, &found[1], err));
out:
    gp_an_slices_clear(&found[1]);
    gp_an_slices_clear(&found[0]);
    gp_an_hierarchy_clear(&tree);
    return st;
}

/* ------------------------------------------------------------------ within categories */

/* Makes the slices disjoint. A row that is in several slices stays only in the last of them, which is the finest.
 * Slices without rows are dropped. */
static gp_status keep_disjoint(gp_analysis_run *r, int32_t category, const uint32_t *members, size_t count,
                               const gp_slices *s, gp_error *err)
{
    int32_t *owner = NULL; /* [count] */
    size_t first = r->found.count;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&owner, count, sizeof *owner, "slices", err));
    for (size_t i = 0; i < count; i++) owner[i] = -1;
    for (size_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < s->slices[i].support; k++) owner[s->slices[i].rows[k]] = (int32_t)i;
    for (size_t i = 0; i < s->count; i++) {
        size_t left = 0;
        uint32_t *rows;
        for (size_t k = 0; k < count; k++) left += owner[k] == (int32_t)i;
        if (left == 0) continue;
        GP_TRY_GOTO(gp_alloc((void **)&rows, left, sizeof *rows, "slices", err));
        for (size_t k = 0, at = 0; k < count; k++)
            if (owner[k] == (int32_t)i) rows[at++] = members[k];
        gp_cat_slice facts = facts_of(&s->slices[i], "images", category, first);
        facts.parent = -1;
        GP_TRY_GOTO(add_slice(r, facts, rows, left, err));
    }
out:
    gp_mem_free(owner);
    return st;
}

static gp_status search_category(gp_analysis_run *r, int32_t category, uint32_t *members, size_t count, gp_error *err)
{
    gp_slices s = {0};
    gp_slices_options o = *r->slicing;
    size_t d = r->m.dims;
    float *vectors = NULL;
    double *metric = NULL;
    gp_status st = GP_OK;
    o.profile = GP_SLICE_FINAL;
    o.min_support = category_support, o.n_slices = 0, o.parent_reference = false, o.group = NULL;
    o.has_min_lift = true, o.min_lift = category_drop * r->about[category].sd;
    o.progress = NULL;
    GP_TRY_GOTO(gp_alloc((void **)&vectors, count * d, sizeof *vectors, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&metric, count, sizeof *metric, "slices", err));
    for (size_t i = 0; i < count; i++) {
        memcpy(vectors + i * d, r->m.vectors + members[i] * d, d * sizeof *vectors);
        metric[i] = r->m.scores[members[i]];
    }
    gp_feature feature = {
        .size = sizeof(gp_feature), .name = "embedding", .kind = GP_FEATURE_EMBEDDING, .vectors = vectors, .d = d};
    GP_TRY_GOTO(gp_an_slices(&feature, 1, metric, count, NULL, &o, &s, err));
    GP_TRY_GOTO(keep_disjoint(r, category, members, count, &s, err));
out:
    gp_an_slices_clear(&s);
    gp_mem_free(metric);
    gp_mem_free(vectors);
    return st;
}

static gp_status search_categories(gp_analysis_run *r, gp_error *err)
{
    const gp_categories *c = &r->categories;
    uint32_t *members;
    size_t first = r->found.count;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&members, r->m.n, sizeof *members, "slices", err));
    for (size_t k = 0; k < c->count && st == GP_OK; k++) {
        size_t count = 0;
        for (size_t i = 0; i < r->m.n; i++)
            if (c->category[i] == (int32_t)k && !isnan(r->m.scores[i])) members[count++] = (uint32_t)i;
        if (count < MIN_IN_CATEGORY || !(r->about[k].sd > 0)) continue;
        st = search_category(r, (int32_t)k, members, count, err);
    }
    r->report->category_slices = r->found.count - first;
    gp_mem_free(members);
    return st;
}

gp_status gp_analysis_slices(gp_analysis_run *r, gp_error *err)
{
    double start = gp_clock_now();
    prompt_space p = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(prompt_space_read(r, &p, err));
    GP_TRY_GOTO(search_all(r, &p, err));
    GP_TRY_GOTO(search_categories(r, err));
    r->report->slices_seconds = gp_clock_now() - start;
out:
    prompt_space_clear(&p);
    return st;
}
