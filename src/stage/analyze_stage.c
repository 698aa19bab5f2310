/* SPDX-License-Identifier: MIT
 * Stage analyze: scored images -> hierarchy -> categories -> per-image statistics -> slices -> near-duplicates -> map.
 *
 * A model scores some kinds of images higher, such as portraits and famous faces. Categories compensate for this. Each
 * image gets its z-score and percentile within its prompt and category. The corrected score adjusts for the mean, the
 * spread and most of the shape of the score distribution of each category (pick/calibrate.h). */
#include "stage/analyze_stage.h"

#include "analyze/analyze.h"
#include "analyze/slice/reasons.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "encode/embed.h"
#include "pick/calibrate.h"
#include "stage/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ categories */

void gp_analysis_note(gp_analysis_run *r, const char *text)
{
    size_t used = strlen(r->report->note), room = sizeof r->report->note - used;
    snprintf(r->report->note + used, room, "%s%s", used ? "; " : "", text);
}

static gp_status build_tree(gp_analysis_run *r, gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    double start = gp_clock_now();
    o.metric = r->slicing->metric;
    o.threads = r->options->threads;
    o.progress = r->options->progress, o.user = r->options->user;
    gp_error why = {0};
    gp_status st = gp_an_hierarchy(r->m.vectors, r->m.n, r->m.dims, &o, &r->tree, &why);
    r->report->hierarchy_seconds = gp_clock_now() - start;
    if (st == GP_ERR_NOT_FOUND) {
        char text[200];
        snprintf(text, sizeof text, "%zu %s too few for a hierarchy", r->m.n,
                 gp_plural(r->m.n, "image is", "images are"));
        gp_analysis_note(r, text);
        return GP_OK;
    }
    if (st != GP_OK && err) *err = why;
    return st;
}

/* Makes categories from the levels of the tree. */
static gp_status categories_from_tree(gp_analysis_run *r, gp_error *err)
{
    const gp_hierarchy *t = &r->tree;
    uint32_t *labels = NULL, *sizes = NULL; /* [levels, n], [levels] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&labels, t->levels * t->n, sizeof *labels, "categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&sizes, t->levels, sizeof *sizes, "categories", err));
    for (size_t l = 0; l < t->levels; l++) {
        size_t from = t->levels - 1 - l;
        memcpy(labels + l * t->n, t->labels + from * t->n, t->n * sizeof *labels);
        sizes[l] = t->sizes[from];
    }
    /* the profile "article" uses the clusters of one level as categories; goldpan's own method merges clusters */
    bool article = r->slicing->profile == GP_SLICE_ARTICLE;
    GP_TRY_GOTO((article ? gp_categories_from_levels : gp_categories_from_clusters)(
        labels, sizes, t->levels, t->n, r->m.vectors, r->m.dims, r->options->min_categories, r->options->max_categories,
        &r->categories, err));
out:
    gp_mem_free(sizes);
    gp_mem_free(labels);
    return st;
}

static gp_status categories_from_column(gp_analysis_run *r, gp_error *err)
{
    const char *name = r->options->category_column;
    size_t column = gp_setting_columns_find(&r->settings, name);
    if (column == SIZE_MAX) {
        gp_str s = GP_STR_INIT;
        for (size_t c = 0; c < r->settings.count; c++) gp_str_printf(&s, "%s%s", c ? ", " : "", r->settings.names[c]);
        gp_fail(err, GP_ERR_NOT_FOUND,
                "no image has a generation setting or table column '%s'; the existing names are: %.700s", name,
                s.data ? s.data : "none");
        gp_str_clear(&s);
        return GP_ERR_NOT_FOUND;
    }
    return gp_categories_from_column((const char *const *)r->settings.words[column], r->m.n, r->settings.names[column],
                                     &r->categories, err);
}

/* Without a hierarchy all images form one category. */
static gp_status one_category(gp_analysis_run *r, gp_error *err)
{
    const char **words;
    GP_TRY(gp_alloc((void **)&words, r->m.n, sizeof *words, "categories", err));
    for (size_t i = 0; i < r->m.n; i++) words[i] = "all images";
    gp_status st = gp_categories_from_words(words, r->m.n, "all images", &r->categories, err);
    gp_mem_free(words);
    return st;
}

/* Appends a number to a category name that is already used, so that names are unique. */
static gp_status make_name_unique(gp_categories *c, size_t at, gp_error *err)
{
    unsigned same = 1;
    for (size_t i = 0; i < at; i++) {
        size_t length = strlen(c->names[at]);
        if (!strncmp(c->names[i], c->names[at], length) && (!c->names[i][length] || c->names[i][length] == ' ')) same++;
    }
    if (same == 1) return GP_OK;
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%s %u", c->names[at], same);
    char *name = gp_str_take(&s);
    if (!name) return gp_fail_memory(err, "the categories");
    gp_mem_free(c->names[at]);
    c->names[at] = name;
    return GP_OK;
}

static gp_status name_categories(gp_analysis_run *r, gp_error *err)
{
    gp_categories *c = &r->categories;
    bool *inside;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&inside, r->m.n, sizeof *inside, "categories", err));
    for (size_t k = 0; st == GP_OK && k < c->count; k++) {
        if (c->names[k]) continue;
        for (size_t i = 0; i < r->m.n; i++) inside[i] = c->category[i] == (int32_t)k;
        st = gp_analysis_title(r, inside, false, &c->names[k], NULL, err);
        if (st == GP_OK) st = make_name_unique(c, k, err);
    }
    gp_mem_free(inside);
    return st;
}

static gp_status find_categories(gp_analysis_run *r, gp_error *err)
{
    if (r->options->category_column)
        GP_TRY(categories_from_column(r, err));
    else if (r->options->category_label_count)
        GP_TRY(gp_analysis_label(r, err));
    else if (r->tree.levels)
        GP_TRY(categories_from_tree(r, err));
    else
        GP_TRY(one_category(r, err));
    if (r->categories.note) gp_analysis_note(r, r->categories.note);
    snprintf(r->report->category_source, sizeof r->report->category_source, "%s", r->categories.source);
    r->report->categories = r->categories.count;
    return name_categories(r, err);
}

/* ------------------------------------------------------------------ per-image statistics */

typedef struct prompt_at {
    int64_t prompt;
    size_t row;
} prompt_at;

static int by_prompt(const void *a, const void *b)
{
    const prompt_at *p = a, *q = b;
    return p->prompt != q->prompt ? (p->prompt > q->prompt) - (p->prompt < q->prompt)
                                  : (p->row > q->row) - (p->row < q->row);
}

static gp_status number_prompts(gp_analysis_run *r, gp_error *err)
{
    const gp_cat_matrix *m = &r->m;
    prompt_at *all;
    GP_TRY(gp_alloc((void **)&r->prompt, m->n, sizeof *r->prompt, "standings", err));
    GP_TRY(gp_alloc((void **)&r->by_prompt, m->n, sizeof *r->by_prompt, "standings", err));
    GP_TRY(gp_alloc((void **)&all, m->n, sizeof *all, "standings", err));
    for (size_t i = 0; i < m->n; i++) all[i] = (prompt_at){m->prompts[i], i};
    qsort(all, m->n, sizeof *all, by_prompt);
    int32_t last = -1;
    for (size_t i = 0; i < m->n; i++) {
        if (all[i].prompt && (i == 0 || all[i].prompt != all[i - 1].prompt)) last++;
        r->prompt[all[i].row] = all[i].prompt ? last : -1;
        r->by_prompt[i] = all[i].row;
    }
    r->prompts = (size_t)(last + 1);
    gp_mem_free(all);
    return GP_OK;
}

static gp_status find_statistics(gp_analysis_run *r, gp_error *err)
{
    const gp_cat_matrix *m = &r->m;
    const gp_categories *c = &r->categories;
    double *weight = NULL;      /* [categories] */
    gp_moments *moments = NULL; /* [categories] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&r->z_prompt, m->n, sizeof(double), "standings", err));
    GP_TRY_GOTO(gp_alloc((void **)&r->z_category, m->n, sizeof(double), "standings", err));
    GP_TRY_GOTO(gp_alloc((void **)&r->percentile, m->n, sizeof(double), "standings", err));
    GP_TRY_GOTO(gp_alloc((void **)&r->corrected, m->n, sizeof(double), "standings", err));
    GP_TRY_GOTO(gp_alloc((void **)&weight, c->count, sizeof *weight, "standings", err));
    GP_TRY_GOTO(gp_alloc((void **)&r->about, c->count, sizeof *r->about, "standings", err));
    GP_TRY_GOTO(gp_calibrate_z(m->scores, r->prompt, m->n, r->prompts, r->z_prompt, err));
    GP_TRY_GOTO(gp_calibrate_z(m->scores, c->category, m->n, c->count, r->z_category, err));
    GP_TRY_GOTO(gp_calibrate_percentile(m->scores, c->category, m->n, c->count, r->percentile, err));
    GP_TRY_GOTO(
        gp_calibrate_corrected(m->scores, c->category, m->n, c->count, r->percentile, r->corrected, weight, err));
    GP_TRY_GOTO(gp_moments_of(m->scores, c->category, m->n, c->count, &moments, err));
    for (size_t k = 0; k < c->count; k++) {
        const gp_moments *of = &moments[k];
        size_t members = 0;
        for (size_t i = 0; i < m->n; i++) members += c->category[i] == (int32_t)k;
        r->about[k] = (gp_cat_category){.name = c->names[k],
                                        .source = c->source,
                                        .support = (uint32_t)members,
                                        .mean = of->n ? of->mean : (double)NAN,
                                        .sd = of->n > 1 ? sqrt(of->squares / (double)(of->n - 1)) : (double)NAN,
                                        .weight = weight[k]};
    }
out:
    gp_mem_free(moments);
    gp_mem_free(weight);
    return st;
}

/* ------------------------------------------------------------------ how good the categories are */

/* Number of pairs among n. */
static double pair_count(double n)
{
    return n * (n - 1) / 2;
}

/* Returns Cohen's kappa: how much more often than by chance two images of one prompt are in the same category (1:
 * always; 0: as often as by chance). Chance is the share of all pairs that are in the same category. together
 * [categories] is scratch. */
static double agreement_of(const gp_analysis_run *r, double *together)
{
    const int32_t *category = r->categories.category;
    const size_t *order = r->by_prompt;
    double same = 0, of = 0, chance = 0, all = 0, placed = 0;
    for (size_t i = 0, end; i < r->m.n; i = end) {
        size_t in = 0;
        for (end = i; end < r->m.n && r->prompt[order[end]] == r->prompt[order[i]]; end++)
            if (category[order[end]] >= 0) together[category[order[end]]] = 0;
        for (size_t k = i; k < end && r->prompt[order[i]] >= 0; k++)
            if (category[order[k]] >= 0) same += together[category[order[k]]]++, in++;
        of += pair_count((double)in);
    }
    memset(together, 0, r->categories.count * sizeof *together);
    for (size_t i = 0; i < r->m.n; i++)
        if (category[i] >= 0) together[category[i]]++, placed++;
    for (size_t k = 0; k < r->categories.count; k++) all += pair_count(together[k]);
    chance = all / pair_count(placed);
    return of > 0 && chance < 1 ? (same / of - chance) / (1 - chance) : NAN;
}

static gp_status find_quality(gp_analysis_run *r, gp_error *err)
{
    gp_analyze_report *quality = r->report;
    double *together;
    GP_TRY(gp_alloc((void **)&together, r->categories.count, sizeof *together, "the categories", err));
    quality->cohesion = r->categories.merged ? r->categories.silhouette : (double)NAN;
    quality->agreement = agreement_of(r, together);
    gp_mem_free(together);
    bool given = r->options->category_column || r->options->category_label_count;
    if (quality->agreement < GP_AGREEMENT_MIN)
        gp_analysis_note(
            r, given ? "your categories often separate images of the same prompt"
                     : "the categories often separate images of the same prompt: name categories with --categories");
    return GP_OK;
}

/* ------------------------------------------------------------------ writing to the catalog */

static void put_settings(const gp_analysis_run *r, gp_str *s)
{
    const gp_slices_options *o = r->slicing;
    static const char *const profiles[] = {"goldpan", "final", "article"};
    gp_str_printf(s, "{\"profile\":\"%s\",\"mode\":\"%s\",\"min_support\":%u,\"min_drop\":", profiles[o->profile],
                  o->mode == GP_SLICE_HIGH ? "high" : "low", o->min_support);
    gp_json_put_real(s, o->has_min_lift ? o->min_lift : NAN);
    gp_str_puts(s, ",\"alpha\":");
    gp_json_put_real(s, o->alpha);
    gp_str_printf(s, ",\"seed\":%llu,\"categories\":", (unsigned long long)o->seed);
    gp_json_put_string(s, r->categories.source);
    gp_str_puts(s, ",\"cohesion\":");
    gp_json_put_real(s, r->report->cohesion);
    gp_str_puts(s, ",\"agreement\":");
    gp_json_put_real(s, r->report->agreement);
    gp_str_puts(s, ",\"min_cosine\":");
    gp_json_put_real(s, r->copies->min_cosine);
    gp_str_puts(s, ",\"remark\":");
    gp_json_put_string(s, r->report->note);
    gp_str_putc(s, '}');
}

static gp_status write_all(gp_analysis_run *r, gp_error *err)
{
    const gp_hierarchy *t = &r->tree;
    gp_str settings = GP_STR_INIT;
    gp_cat_level *levels = NULL;
    gp_cat_group *groups = NULL;
    size_t group_count = r->has_duplicates ? r->duplicates.groups : 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&levels, t->levels, sizeof *levels, "the analysis", err));
    GP_TRY_GOTO(gp_alloc((void **)&groups, group_count, sizeof *groups, "the analysis", err));
    for (size_t l = 0; l < t->levels; l++) {
        size_t from = t->levels - 1 - l;
        levels[l] = (gp_cat_level){
            .count = t->sizes[from], .cluster = t->labels + from * t->n, .parent = l ? t->parents[from] : NULL};
    }
    for (size_t g = 0; g < group_count; g++)
        groups[g] = (gp_cat_group){r->duplicates.representative[g], r->duplicates.keeper[g], r->keeper_reasons[g]};
    put_settings(r, &settings);
    if (settings.failed) GP_TRY_GOTO(gp_fail_memory(err, "the analysis"));
    gp_cat_analysis a = {.scorer = r->scorer,
                         .settings_json = settings.data,
                         .n = r->m.n,
                         .images = r->m.images,
                         .levels = levels,
                         .level_count = t->levels,
                         .categories = r->about,
                         .category_count = r->categories.count,
                         .category = r->categories.category,
                         .slices = r->found.slices,
                         .slice_count = r->found.count,
                         .groups = groups,
                         .group_count = group_count,
                         .group = r->has_duplicates ? r->duplicates.group : NULL,
                         .likeness = r->has_duplicates ? r->duplicates.likeness : NULL,
                         .z_prompt = r->z_prompt,
                         .z_category = r->z_category,
                         .percentile = r->percentile,
                         .corrected = r->corrected};
    GP_TRY_GOTO(gp_cat_analysis_put(r->cat, &a, err));
out:
    gp_str_clear(&settings);
    gp_mem_free(groups);
    gp_mem_free(levels);
    return st;
}

/* ------------------------------------------------------------------ the stage */

static gp_status embed_probes(gp_analysis_run *r, gp_error *err)
{
    const gp_encode_options encode = {.threads = r->options->threads};
    if (!r->encoder) return GP_OK;
    GP_TRY(gp_alloc((void **)&r->probes, GP_PROBES * r->m.dims, sizeof(float), "probes", err));
    return gp_embed_run_texts(r->encoder, gp_probe_words, GP_PROBES, &encode, r->probes, NULL, NULL, err);
}

static void clear(gp_analysis_run *r)
{
    for (size_t i = 0; i < r->found.count; i++) {
        gp_mem_free((void *)(uintptr_t)r->found.slices[i].rows);
        gp_mem_free((void *)(uintptr_t)r->found.slices[i].title);
        gp_mem_free((void *)(uintptr_t)r->found.slices[i].reasons_json);
    }
    gp_mem_free(r->found.slices);
    for (size_t g = 0; r->keeper_reasons && g < r->duplicates.groups; g++) gp_mem_free(r->keeper_reasons[g]);
    gp_mem_free(r->keeper_reasons);
    gp_an_duplicates_clear(&r->duplicates);
    gp_mem_free(r->about);
    gp_mem_free(r->corrected);
    gp_mem_free(r->percentile);
    gp_mem_free(r->z_category);
    gp_mem_free(r->z_prompt);
    gp_mem_free(r->probes);
    gp_mem_free(r->by_prompt);
    gp_mem_free(r->prompt);
    gp_ngram_index_free(r->ngrams);
    gp_categories_clear(&r->categories);
    gp_an_hierarchy_clear(&r->tree);
    gp_setting_columns_clear(&r->settings);
    gp_cat_matrix_clear(&r->m);
    gp_mem_free(r->scorer);
}

static gp_status check(const gp_analysis_run *r, gp_error *err)
{
    const gp_analyze_options *o = r->options;
    if (o->category_label_count == 1) return gp_fail(err, GP_ERR_USAGE, "--categories needs at least two categories");
    if (o->min_categories < 2 || o->min_categories > o->max_categories)
        return gp_fail(err, GP_ERR_USAGE, "min_categories (%u) must be at least 2 and at most max_categories (%u)",
                       o->min_categories, o->max_categories);
    return GP_OK;
}

static bool any_score(const gp_cat_matrix *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!isnan(m->scores[i])) return true;
    return false;
}

gp_status gp_stage_analyze(gp_catalog *cat, const gp_encoder *encoder, const char *scorer,
                           const gp_analyze_parts *parts, gp_analyze_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_analyze_report counts = {0};
    gp_analysis_run r = {.cat = cat,
                         .encoder = encoder,
                         .options = &parts->find,
                         .slicing = &parts->slices,
                         .copies = &parts->duplicates,
                         .mapping = &parts->map,
                         .report = &counts};
    gp_status st = GP_OK;
    GP_TRY_GOTO(check(&r, err));
    GP_TRY_GOTO(gp_stage_scorer_wanted(cat, scorer, &r.scorer, err));
    GP_TRY_GOTO(gp_cat_matrix_read(cat, r.scorer, &r.m, err));
    if (r.m.n == 0)
        GP_TRY_GOTO(gp_fail_path(
            err, GP_ERR_NOT_FOUND,
            "catalog '%s' has nothing to analyse: every image is missing, set apart or without an embedding",
            gp_cat_path(cat)));
    counts.images = r.m.n;
    GP_TRY_GOTO(gp_setting_columns_read(r.m.settings, r.m.n, &r.settings, err));
    GP_TRY_GOTO(gp_ngram_index_new((const char *const *)r.m.texts, r.m.n, NULL, &r.ngrams, err));
    GP_TRY_GOTO(number_prompts(&r, err));
    GP_TRY_GOTO(embed_probes(&r, err));
    GP_TRY_GOTO(build_tree(&r, err));
    counts.levels = r.tree.levels;
    GP_TRY_GOTO(find_categories(&r, err));
    GP_TRY_GOTO(find_quality(&r, err));
    GP_TRY_GOTO(find_statistics(&r, err));
    if (any_score(&r.m))
        GP_TRY_GOTO(gp_analysis_slices(&r, err));
    else
        gp_analysis_note(&r, "no image has a score, so there are no slices");
    if (!r.options->no_duplicates) GP_TRY_GOTO(gp_analysis_duplicates(&r, err));
    GP_TRY_GOTO(write_all(&r, err));
    if (!r.options->no_map) GP_TRY_GOTO(gp_analysis_map(&r, err));
out:
    clear(&r);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}
