/* SPDX-License-Identifier: MIT
 * Stage pick: reads the scored candidates, and their analysis if the strategy needs it; chooses by the module `pick`;
 * writes the picks and their reasons to the catalog. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "model/scorer.h"
#include "pick/bounds.h"
#include "pick/difficulty.h"
#include "pick/rank.h"
#include "pick/strategy.h"
#include "stage/encoder_row.h"
#include "stage/fuse_stage.h"
#include "stage/passed.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

typedef struct pick_run {
    gp_catalog *cat;
    const gp_pick_options *o;
    char *scorer;
    gp_cat_matrix m;               /* also contains rows without a prompt or score; the first filter rejects them */
    gp_pick_candidate *candidates; /* [n] */
    char **category_names;         /* [categories] owned */
    size_t categories;
    gp_pick_slice *slices; /* [slice_count]; rows and titles are owned */
    size_t slice_count, slice_capacity;
    struct image_at *index;      /* [n] by image id */
    gp_pick_decision *decisions; /* [n] */
    gp_bound *where;             /* [where_count] parsed limits */
    char **unmet;                /* [n] owned: why a candidate does not meet the limits; or NULL */
    double *preferred;           /* [n] probability that people prefer the image among those of its prompt; or NULL */
    int64_t *asked;              /* [explain_count] images to explain; NULL: explain the picks */
    gp_dominated dominated;      /* the images that options->pareto leaves out */
    size_t picked;
    gp_error error; /* error of a callback */
    gp_status status;
} pick_run;

typedef struct image_at {
    int64_t image;
    uint32_t row;
} image_at;

static int by_image(const void *a, const void *b)
{
    int64_t p = ((const image_at *)a)->image, q = ((const image_at *)b)->image;
    return (p > q) - (p < q);
}

static int by_number(const void *a, const void *b)
{
    int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

/* Returns the row of an image, or UINT32_MAX. */
static uint32_t row_of(const pick_run *c, int64_t image)
{
    image_at key = {.image = image}, *found = bsearch(&key, c->index, c->m.n, sizeof key, by_image);
    return found ? found->row : UINT32_MAX;
}

/* ------------------------------------------------------------------ reading */

static gp_status read_candidates(pick_run *c, gp_error *err)
{
    GP_TRY(gp_cat_matrix_columns(
        c->cat, c->scorer, GP_MATRIX_TEXTS | (gp_strategy_needs_vectors(c->o) ? GP_MATRIX_VECTORS : 0), &c->m, err));
    size_t n = c->m.n;
    GP_TRY(gp_alloc((void **)&c->candidates, n, sizeof *c->candidates, "candidates", err));
    GP_TRY(gp_alloc((void **)&c->index, n, sizeof *c->index, "candidates", err));
    GP_TRY(gp_alloc((void **)&c->decisions, n, sizeof *c->decisions, "candidates", err));
    for (uint32_t i = 0; i < n; i++) {
        c->index[i] = (image_at){c->m.images[i], i};
        c->candidates[i] = (gp_pick_candidate){.prompt = c->m.prompts[i],
                                               .category = -1,
                                               .group = -1,
                                               .score = c->m.prompts[i] ? c->m.scores[i] : NAN,
                                               .corrected = NAN,
                                               .tie = c->m.hashes[i],
                                               .prompt_text = c->m.texts[i],
                                               .path = c->m.paths[i]};
    }
    qsort(c->index, n, sizeof *c->index, by_image);
    return GP_OK;
}

static double compared_value(const gp_cat_image_stats *s, gp_pick_by by)
{
    switch (by) {
    case GP_BY_CORRECTED: return s->corrected;
    case GP_BY_Z_CATEGORY: return s->z_category;
    case GP_BY_Z_PROMPT: return s->z_prompt;
    case GP_BY_PERCENTILE: return s->percentile;
    default: return NAN;
    }
}

static bool take_category(void *user, const gp_analysis_category *category)
{
    pick_run *c = user;
    char **grown = gp_mem_resize(c->category_names, c->categories + 1, sizeof *grown),
         *name = gp_str_dup(category->name);
    if (grown) c->category_names = grown;
    if (!grown || !name) {
        gp_mem_free(name);
        c->status = gp_fail_memory(&c->error, "the categories");
        return false;
    }
    c->category_names[c->categories++] = name;
    return true;
}

static bool take_slice(void *user, const gp_analysis_slice *s)
{
    pick_run *c = user;
    gp_pick_slice slice = {.category = -1};
    if (c->slice_count == c->slice_capacity) {
        size_t capacity = c->slice_capacity ? c->slice_capacity * 2 : 32;
        gp_pick_slice *grown = gp_mem_resize(c->slices, capacity, sizeof *grown);
        if (!grown) goto no_memory;
        c->slices = grown, c->slice_capacity = capacity;
    }
    uint32_t *rows = gp_mem_new(s->support, sizeof *rows);
    slice.title = gp_str_dup(s->title);
    slice.rows = rows;
    if (!rows || !slice.title) {
        gp_mem_free(rows);
        gp_mem_free((void *)(uintptr_t)slice.title);
        goto no_memory;
    }
    for (size_t k = 0; s->category && k < c->categories; k++)
        if (!strcmp(s->category, c->category_names[k])) slice.category = (int32_t)k;
    for (uint32_t i = 0; i < s->support; i++) {
        uint32_t row = row_of(c, s->images[i]);
        /* skip an image without a row: its file went missing after the analysis */
        if (row != UINT32_MAX) rows[slice.support++] = row;
    }
    c->slices[c->slice_count++] = slice;
    return true;
no_memory:
    c->status = gp_fail_memory(&c->error, "the slices");
    return false;
}

/* Reads categories, groups, corrected scores and slices of the last analysis. Images that were added after the analysis
 * have none of these. */
static gp_status read_analysis(pick_run *c, gp_error *err)
{
    gp_cat_image_stats *statistics = NULL;
    size_t count = 0;
    GP_TRY(gp_cat_image_stats_all(c->cat, c->scorer, &statistics, &count, err));
    for (size_t i = 0; i < count; i++) {
        uint32_t row = row_of(c, statistics[i].image);
        if (row == UINT32_MAX) continue;
        c->candidates[row].category = statistics[i].category;
        c->candidates[row].group = statistics[i].group;
        c->candidates[row].corrected = compared_value(&statistics[i], c->o->by);
    }
    gp_mem_free(statistics);
    GP_TRY(gp_cat_categories_visit(c->cat, c->scorer, take_category, c, err));
    if (c->status == GP_OK) GP_TRY(gp_cat_slices_visit(c->cat, c->scorer, take_slice, c, err));
    if (c->status != GP_OK && err) *err = c->error;
    return c->status;
}

/* ------------------------------------------------------------------ limits on measures */

static gp_status read_where(pick_run *c, gp_error *err)
{
    const gp_pick_options *o = c->o;
    GP_TRY(gp_alloc((void **)&c->where, o->where_count, sizeof *c->where, "limits", err));
    for (size_t i = 0; i < o->where_count; i++) GP_TRY(gp_bound_parse(o->where[i], &c->where[i], err));
    return GP_OK;
}

/* Formats the reason why a candidate does not meet the limits. */
static void set_unmet(pick_run *c, uint32_t row, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void set_unmet(pick_run *c, uint32_t row, const char *format, ...)
{
    gp_str s = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    gp_str_vprintf(&s, format, args);
    va_end(args);
    c->candidates[row].unmet = c->unmet[row] = gp_str_take(&s);
    if (!c->unmet[row]) c->status = gp_fail_memory(&c->error, "the limits of quality measures");
}

static void take_quality(void *user, int64_t image, const gp_quality *quality)
{
    pick_run *c = user;
    uint32_t row = row_of(c, image);
    if (row == UINT32_MAX) return;
    c->candidates[row].unmet = NULL;
    for (size_t i = 0; i < c->o->where_count; i++) {
        double value;
        if (gp_bound_passes(&c->where[i], quality, &value)) continue;
        set_unmet(c, row, "its %s %.4g does not pass '%s'", gp_bound_name(&c->where[i]), value, c->o->where[i]);
        return;
    }
}

/* Sets `unmet` of the candidates that do not meet the limits of options->where. An image has at most one row of
 * measures. */
static gp_status read_unmet(pick_run *c, gp_error *err)
{
    if (!c->o->where_count) return GP_OK;
    c->unmet = gp_mem_zero(c->m.n, sizeof *c->unmet);
    if (!c->unmet) return gp_fail_memory(err, "the limits of quality measures");
    for (uint32_t i = 0; i < c->m.n; i++)
        c->candidates[i].unmet = "the image has no quality measures yet (goldpan score measures it)";
    GP_TRY(gp_cat_quality_visit(c->cat, take_quality, c, err));
    if (c->status != GP_OK) return gp_fail_as(err, c->status, &c->error);
    return GP_OK;
}

/* Sets `unmet` of the candidates that are not in the Pareto set of their prompt. */
static void leave_out_dominated(pick_run *c)
{
    for (uint32_t i = 0; i < c->m.n; i++)
        if (!c->candidates[i].unmet &&
            bsearch(&c->m.images[i], c->dominated.images, c->dominated.count, sizeof(int64_t), by_number))
            c->candidates[i].unmet =
                "another image of the prompt is at least as good by every scorer, and better by one";
}

/* ------------------------------------------------------------------ the scorer */

/* Returns whether the options compare only images of the same prompt, as a fused score does. */
static bool within_prompts(const gp_pick_options *o)
{
    return o->strategy == GP_PICK_PROMPT && o->by == GP_BY_SCORE && !o->top && !o->per_category &&
           !o->one_per_duplicate && o->diversity == GP_DIVERSITY_NONE;
}

/* Finds the scorer whose scores are compared, and fuses scores if the options ask for it. */
static gp_status choose_scorer(pick_run *c, const char *wanted, gp_error *err)
{
    const gp_pick_options *o = c->o;
    const bool asked = o->fuse == GP_PICK_FUSE_Z || o->fuse == GP_PICK_FUSE_RANK || o->weights || o->pareto;
    if (asked && (wanted || o->fuse == GP_PICK_FUSE_OFF))
        return gp_fail(err, GP_ERR_USAGE,
                       "--weights and --pareto need the scores of several scorers: leave out --fuse off and --scorer");
    if (asked && !within_prompts(o))
        return gp_fail(
            err, GP_ERR_USAGE,
            "a fused score compares only images of the same prompt: use --strategy prompt, and leave out --by, "
            "--top, --top-per-category, --one-per-duplicate and --diversity");
    if (asked || (!wanted && o->fuse == GP_PICK_FUSE_AUTO && within_prompts(o) && !o->has_min_score))
        GP_TRY(gp_stage_fuse(c->cat, o->fuse == GP_PICK_FUSE_RANK ? GP_FUSE_RANK : GP_FUSE_Z, o->weights, &c->scorer,
                             o->pareto ? &c->dominated : NULL, err));
    if (asked && !c->scorer)
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "there is nothing to fuse: fewer than two scorers have scores, or no prompt has two images "
                       "(goldpan score --scorer NAME,NAME)");
    if (c->scorer) {
        char *known = NULL; /* a read-only catalog may lack the fused scores */
        const gp_status st = gp_cat_scorer_find(c->cat, c->scorer, &known, err);
        gp_mem_free(known);
        if (st == GP_ERR_NOT_FOUND && asked)
            return gp_fail(err, st, "the catalog is read-only and does not have these fused scores");
        if (st != GP_ERR_NOT_FOUND) return st;
        gp_mem_free(c->scorer);
        c->scorer = NULL;
    }
    return gp_stage_scorer_wanted(c->cat, wanted, &c->scorer, err);
}

/* ------------------------------------------------------------------ the difficulty of prompts */

/* Writes to corrected [n] each image's score, corrected for the difficulty of its prompt. *without: number of scored
 * images whose prompt has no embedding. */
static gp_status subtract_difficulty(const pick_run *c, double *corrected, gp_difficulty *facts, size_t *without,
                                     gp_error *err)
{
    const gp_difficulty_options options = GP_DIFFICULTY_DEFAULTS;
    int64_t *ids = NULL; /* [count] ascending */
    float *vectors = NULL;
    double *score = NULL;
    int32_t *prompt = NULL;
    size_t count = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_prompt_vectors(c->cat, c->m.encoder, c->m.prompts, c->m.n, &ids, &vectors, &count, err));
    GP_TRY_GOTO(gp_alloc((void **)&score, c->m.n, sizeof *score, "candidates", err));
    GP_TRY_GOTO(gp_alloc((void **)&prompt, c->m.n, sizeof *prompt, "candidates", err));
    for (size_t i = 0; i < c->m.n; i++) {
        const int64_t *at = bsearch(&c->m.prompts[i], ids, count, sizeof *ids, by_number);
        prompt[i] = at ? (int32_t)(at - ids) : -1;
        score[i] = c->candidates[i].score;
        *without += !at && !isnan(score[i]);
    }
    GP_TRY_GOTO(
        gp_calibrate_difficulty(score, prompt, c->m.n, vectors, count, c->m.dims, &options, corrected, facts, err));
out:
    gp_mem_free(prompt);
    gp_mem_free(score);
    gp_mem_free(vectors);
    gp_mem_free(ids);
    return st;
}

static void note_difficulty(const gp_pick_options *o, const gp_difficulty *facts, size_t without)
{
    bool alone = o->strategy == GP_PICK_PROMPT && !o->top && !o->per_category && !o->one_per_duplicate;
    const char *use = alone
                          ? "; the order within a prompt stays, so the picks are the same as by the raw score (--top K "
                            "compares all prompts)"
                          : "";
    if (!o->note) return;
    if (without && !isnan(facts->penalty))
        gp_note_say(o->note, o->note_user, "difficulty-without", without,
                    "%zu %s the raw score, because the prompt has no embedding", without,
                    gp_plural(without, "image keeps", "images keep"));
    if (facts->prompts < GP_DIFFICULTY_MIN)
        gp_note_say(o->note, o->note_user, "no-difficulty", facts->prompts,
                    "compared by the raw score: --by difficulty needs %d scored prompts with an embedding, and there %s"
                    " %zu",
                    GP_DIFFICULTY_MIN, gp_plural(facts->prompts, "is", "are"), facts->prompts);
    else if (isnan(facts->penalty))
        gp_note_say(o->note, o->note_user, "no-difficulty", facts->prompts,
                    "compared by the raw score: the embeddings of all %zu prompts are the same", facts->prompts);
    else if (!(facts->explained > 0.005))
        gp_note_say(o->note, o->note_user, "difficulty", facts->prompts,
                    "the texts of %zu prompts do not predict their scores, so the correction changes almost nothing%s",
                    facts->prompts, use);
    else
        gp_note_say(o->note, o->note_user, "difficulty", facts->prompts,
                    "the texts of %zu prompts predict %.0f %% of the variance of their mean scores; the prediction is "
                    "subtracted%s",
                    facts->prompts, 100 * facts->explained, use);
}

/* Sets the corrected scores of the candidates. If no score can be corrected, sets options->by so that the picks are
 * compared by the raw score. */
static gp_status compare_by_difficulty(pick_run *c, gp_pick_options *options, gp_error *err)
{
    gp_difficulty facts = {0};
    double *corrected;
    size_t without = 0;
    GP_TRY(gp_alloc((void **)&corrected, c->m.n, sizeof *corrected, "candidates", err));
    gp_status st = subtract_difficulty(c, corrected, &facts, &without, err);
    for (size_t i = 0; st == GP_OK && i < c->m.n; i++) c->candidates[i].corrected = corrected[i];
    gp_mem_free(corrected);
    GP_TRY(st);
    note_difficulty(options, &facts, without);
    if (isnan(facts.penalty)) options->by = GP_BY_SCORE;
    return GP_OK;
}

/* ------------------------------------------------------------------ writing the picks */

/* Describes the options in words, as stored with the picks. */
static char *rule_text(const gp_pick_options *o)
{
    static const char *const strategies[] = {"prompt", "slices", "category-slices", "category"};
    static const char *const scales[] = {"score", "corrected", "z-category", "z-prompt", "percentile", "difficulty"};
    static const char *const diversities[] = {"none", "mmr", "facility"};
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "picks");
    if (o->strategy != GP_PICK_PROMPT) gp_str_printf(&s, " strategy=%s", strategies[o->strategy]);
    if (o->by != GP_BY_SCORE) gp_str_printf(&s, " by=%s", scales[o->by]);
    if (o->per_prompt) gp_str_printf(&s, " per-prompt=%u", o->per_prompt);
    if (o->per_category) gp_str_printf(&s, " per-category=%u", o->per_category);
    if (o->per_slice) gp_str_printf(&s, " per-slice=%u", o->per_slice);
    if (o->one_per_duplicate) gp_str_puts(&s, " one-per-duplicate");
    if (o->diversity != GP_DIVERSITY_NONE)
        gp_str_printf(&s, " diversity=%s balance=%g", diversities[o->diversity], o->balance);
    if (o->top) gp_str_printf(&s, " top=%llu", (unsigned long long)o->top);
    if (o->has_min_score) gp_str_printf(&s, " min-score=%g", o->min_score);
    for (size_t i = 0; i < o->where_count; i++) gp_str_printf(&s, " where=%s", o->where[i]);
    return gp_str_take(&s);
}

/* Finds the image of a path that the user typed, as written or with links resolved. Error: NOT_FOUND. */
static gp_status asked_image(const pick_run *c, const char *path, int64_t *image, gp_error *err)
{
    gp_cat_content at = {0};
    char *absolute = gp_path_absolute(path), *target = NULL;
    if (!absolute) return gp_fail_memory_path(err, "'%s'", path);
    gp_status st = gp_cat_content_at(c->cat, absolute, &at, err);
    if (st == GP_OK && !at.image && (target = realpath(path, NULL)) != NULL)
        st = gp_cat_content_at(c->cat, target, &at, err);
    if (st == GP_OK && !at.image)
        st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' is not an image of the catalog '%s'", path, gp_cat_path(c->cat));
    free(target); /* free, not gp_mem_free: realpath allocated the path */
    gp_mem_free(absolute);
    *image = at.image;
    return st;
}

/* Finds the images to explain before the picks are written, so that a wrong name changes nothing. */
static gp_status find_asked(pick_run *c, gp_error *err)
{
    const gp_pick_options *o = c->o;
    if (!o->explain || !o->explain_paths) return GP_OK;
    GP_TRY(gp_alloc((void **)&c->asked, o->explain_count, sizeof *c->asked, "the images to explain", err));
    for (size_t i = 0; i < o->explain_count; i++) GP_TRY(asked_image(c, o->explain_paths[i], &c->asked[i], err));
    return GP_OK;
}

/* Computes the softmax of the scores within each prompt, if the scores are logits of a preference, as those of pickscore
 * are. */
static gp_status read_preferred(pick_run *c, gp_error *err)
{
    gp_rank_item *items = NULL;
    if (!c->o->explain || !gp_str_starts(c->scorer, "pickscore/")) return GP_OK;
    GP_TRY(gp_alloc((void **)&c->preferred, c->m.n, sizeof *c->preferred, "candidates", err));
    GP_TRY(gp_alloc((void **)&items, c->m.n, sizeof *items, "candidates", err));
    for (size_t i = 0; i < c->m.n; i++)
        items[i] = (gp_rank_item){c->candidates[i].prompt, c->candidates[i].score, c->candidates[i].tie};
    gp_status st = gp_rank_softmax(items, c->m.n, c->preferred, err);
    gp_mem_free(items);
    return st;
}

/* Reports why an image is picked or not. */
static gp_status tell(const pick_run *c, const char *path, bool picked, const char *sentence, uint32_t row,
                      gp_error *err)
{
    gp_str longer = GP_STR_INIT;
    if (c->preferred && c->preferred[row] > 0)
        gp_str_printf(&longer,
                      "%s; the probability that people prefer it among the candidates of its prompt is %.0f %%",
                      sentence, 100 * c->preferred[row]);
    gp_status st = longer.failed ? gp_fail_memory(err, "a reason") : GP_OK;
    if (st == GP_OK) c->o->explain(c->o->explain_user, path, picked, longer.data ? longer.data : sentence);
    gp_str_clear(&longer);
    return st;
}

static gp_status explain_one(const pick_run *c, const char *path, int64_t image, gp_error *err)
{
    char *sentence = NULL;
    uint32_t row = 0;
    while (row < c->m.n && c->m.images[row] != image) row++;
    if (row == c->m.n) {
        c->o->explain(c->o->explain_user, path, false, "not picked: it has no embedding by this scorer");
        return GP_OK;
    }
    GP_TRY(gp_explain(&c->decisions[row], &sentence, err));
    gp_status st = tell(c, path, c->decisions[row].filter == GP_FILTERED_NOT, sentence, row, err);
    gp_mem_free(sentence);
    return st;
}

static gp_status write_picks(pick_run *c, gp_error *err)
{
    int64_t *images = NULL;
    uint32_t *ranks = NULL;
    char **reasons = gp_mem_zero(c->picked, sizeof *reasons), *rule = rule_text(c->o);
    const char **categories = NULL;
    size_t k = 0;
    gp_status st = reasons && rule ? GP_OK : gp_fail_memory(err, "the picks");
    if (st != GP_OK) goto out;
    GP_TRY_GOTO(gp_alloc((void **)&images, c->picked, sizeof *images, "picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&ranks, c->picked, sizeof *ranks, "picks", err));
    GP_TRY_GOTO(gp_alloc((void **)&categories, c->picked, sizeof *categories, "picks", err));
    for (size_t i = 0; i < c->m.n; i++) {
        const gp_pick_decision *v = &c->decisions[i];
        if (v->filter != GP_FILTERED_NOT) continue;
        images[k] = c->m.images[i];
        ranks[k] = v->prompt_rank;
        categories[k] = v->category;
        GP_TRY_GOTO(gp_explain(v, &reasons[k], err));
        if (c->o->explain && !c->o->explain_paths)
            GP_TRY_GOTO(tell(c, c->m.paths[i], true, reasons[k], (uint32_t)i, err));
        k++;
    }
    if (c->o->explain && gp_cat_readonly(c->cat))
        goto out; /* if the catalog is read-only, the picks are explained but not stored */
    GP_TRY_GOTO(
        gp_cat_picks_replace(c->cat, c->scorer, images, ranks, k, rule, (const char *const *)reasons, categories, err));
out:
    for (size_t i = 0; reasons && i < c->picked; i++) gp_mem_free(reasons[i]);
    gp_mem_free(categories);
    gp_mem_free(ranks);
    gp_mem_free(images);
    gp_mem_free(rule);
    gp_mem_free(reasons);
    return st;
}

/* Sends a note if every prompt has only one candidate, because every image is then the best of its prompt. */
static void note_single(const pick_run *c)
{
    const gp_pick_options *o = c->o;
    size_t scored = 0, singles = 0;
    if (!o->note || o->strategy != GP_PICK_PROMPT || !o->per_prompt || o->top || o->has_min_score || o->where_count)
        return;
    for (size_t i = 0; i < c->m.n; i++) {
        const gp_pick_decision *v = &c->decisions[i];
        if (isnan(c->candidates[i].score)) continue;
        scored++;
        singles += v->filter == GP_FILTERED_NOT && v->prompt_of == 1;
    }
    if (scored < 2 || singles < scored) return;
    gp_note_say(o->note, o->note_user, "one-candidate", scored,
                "no prompt has two candidates, so all %zu images are picked: --top K picks the best K of all, "
                "--strategy category the best of each category",
                scored);
}

/* Sets *any if a prompt has two scored candidates. */
static gp_status has_contested_prompt(const pick_run *c, bool *any, gp_error *err)
{
    int64_t *prompts;
    size_t k = 0;
    GP_TRY(gp_alloc((void **)&prompts, c->m.n, sizeof *prompts, "candidates", err));
    for (size_t i = 0; i < c->m.n; i++)
        if (!isnan(c->candidates[i].score)) prompts[k++] = c->candidates[i].prompt;
    qsort(prompts, k, sizeof *prompts, by_number);
    *any = false;
    for (size_t i = 1; i < k; i++) *any = *any || prompts[i] == prompts[i - 1];
    gp_mem_free(prompts);
    return GP_OK;
}

/* Sets *any if a category has more than `most` scored images. */
static gp_status has_larger_category(const pick_run *c, uint32_t most, bool *any, gp_error *err)
{
    /* the last element is for images without a category */
    uint32_t *scored = gp_mem_zero(c->categories + 1, sizeof *scored);
    if (!scored) return gp_fail_memory(err, "the categories");
    *any = false;
    for (size_t i = 0; i < c->m.n; i++) {
        int32_t category = c->candidates[i].category;
        if (isnan(c->candidates[i].score)) continue;
        *any = ++scored[category < 0 ? c->categories : (size_t)category] > most || *any;
    }
    gp_mem_free(scored);
    return GP_OK;
}

/* If no prompt has two candidates, the strategy by prompt would pick every image. In that case, changes `fitted` to the
 * strategy by category, if a category has more images than that strategy picks. */
static gp_status fit_strategy(pick_run *c, gp_pick_options *fitted, gp_error *err)
{
    uint32_t most = fitted->per_category ? fitted->per_category : GP_STRATEGY_PER_CATEGORY;
    bool contested = true, larger = false;
    if (fitted->strategy != GP_PICK_PROMPT) return GP_OK;
    GP_TRY(has_contested_prompt(c, &contested, err));
    if (contested) return GP_OK;
    if (!gp_strategy_needs_analysis(fitted)) GP_TRY(read_analysis(c, err));
    GP_TRY(has_larger_category(c, most, &larger, err));
    if (!larger) return GP_OK;
    fitted->strategy = GP_PICK_CATEGORY;
    gp_note_say(fitted->note, fitted->note_user, "by-category", c->categories,
                "no prompt has two candidates, so the picks are the best %u of each of %zu %s; --strategy prompt picks"
                " all images",
                most, c->categories, gp_plural(c->categories, "category", "categories"));
    return GP_OK;
}

/* Sends a note about picks that are kept although their files are missing. */
static gp_status note_missing(const pick_run *c, gp_error *err)
{
    const gp_pick_options *o = c->o;
    gp_gone gone;
    if (!o->note) return GP_OK;
    GP_TRY(gp_gone_read(c->cat, &gone, err));
    if (gone.picks)
        gp_note_say(o->note, o->note_user, "picks-away", gone.picks, "%llu %s missing, in '%s'%s",
                    (unsigned long long)gone.picks,
                    gp_plural(gone.picks, "pick stays although its file is", "picks stay although their files are"),
                    gone.folder, gone.folders > 1 ? " and elsewhere" : "");
    return GP_OK;
}

static void pick_run_clear(pick_run *c)
{
    for (size_t i = 0; i < c->slice_count; i++) {
        gp_mem_free((void *)(uintptr_t)c->slices[i].rows);
        gp_mem_free((void *)(uintptr_t)c->slices[i].title);
    }
    for (size_t i = 0; i < c->categories; i++) gp_mem_free(c->category_names[i]);
    gp_mem_free(c->slices);
    gp_mem_free(c->category_names);
    for (size_t i = 0; c->unmet && i < c->m.n; i++) gp_mem_free(c->unmet[i]);
    gp_mem_free(c->unmet);
    gp_mem_free(c->dominated.images);
    gp_mem_free(c->where);
    gp_mem_free(c->decisions);
    gp_mem_free(c->asked);
    gp_mem_free(c->preferred);
    gp_mem_free(c->index);
    gp_mem_free(c->candidates);
    gp_cat_matrix_clear(&c->m);
    gp_mem_free(c->scorer);
}

gp_status gp_stage_scorer_wanted(gp_catalog *cat, const char *wanted, char **out, gp_error *err)
{
    return wanted ? gp_cat_scorer_find(cat, wanted, out, err) : gp_cat_scorer_last(cat, out, err);
}

gp_status gp_stage_scorer_of(gp_catalog *cat, const gp_encoder *encoder, char *out, size_t size, gp_error *err)
{
    char *last = NULL;
    gp_scorer_default_id(encoder, out, size);
    const gp_cat_encoder by = gp_stage_encoder_row(encoder, NULL);
    GP_TRY(gp_cat_scorer_of_encoder(cat, &by, out, &last, err));
    if (last) snprintf(out, size, "%s", last);
    gp_mem_free(last);
    return GP_OK;
}

/* With `fit`, fit_strategy may change `options` to a strategy that does not pick every image. */
static gp_status select_with(gp_catalog *cat, const char *wanted, gp_pick_options *options, bool fit, gp_report *report,
                             gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    pick_run c = {.cat = cat, .o = options};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_strategy_check(options, err));
    GP_TRY_GOTO(choose_scorer(&c, wanted, err));
    GP_TRY_GOTO(read_where(&c, err));
    GP_TRY_GOTO(find_asked(&c, err));
    GP_TRY_GOTO(read_candidates(&c, err));
    GP_TRY_GOTO(read_preferred(&c, err));
    GP_TRY_GOTO(read_unmet(&c, err));
    if (options->pareto) leave_out_dominated(&c);
    if (gp_strategy_needs_analysis(options)) GP_TRY_GOTO(read_analysis(&c, err));
    if (fit) GP_TRY_GOTO(fit_strategy(&c, options, err));
    if (options->by == GP_BY_DIFFICULTY) GP_TRY_GOTO(compare_by_difficulty(&c, options, err));
    gp_strategy_input in = {.n = c.m.n,
                            .categories = c.categories,
                            .slice_count = c.slice_count,
                            .d = c.m.dims,
                            .candidates = c.candidates,
                            .category_name = (const char *const *)c.category_names,
                            .slices = c.slices,
                            .vectors = c.m.vectors};
    GP_TRY_GOTO(gp_strategy_choose(&in, options, c.decisions, &c.picked, err));
    for (size_t i = 0; c.asked && i < options->explain_count; i++)
        GP_TRY_GOTO(explain_one(&c, options->explain_paths[i], c.asked[i], err));
    if (c.picked) GP_TRY_GOTO(write_picks(&c, err)); /* if nothing is picked, the earlier picks are kept */
    note_single(&c);
    GP_TRY_GOTO(note_missing(&c, err));
    counts.done = c.picked;
    for (size_t i = 0; i < c.m.n; i++)
        counts.skipped += c.decisions[i].filter != GP_FILTERED_NOT && !isnan(c.candidates[i].score);
out:
    pick_run_clear(&c);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}

gp_status gp_stage_pick(gp_catalog *cat, const char *wanted, const gp_pick_options *options, gp_report *report,
                        gp_error *err)
{
    gp_pick_options o = *options;
    return select_with(cat, wanted, &o, false, report, err);
}

gp_status gp_stage_pick_fit(gp_catalog *cat, const gp_pick_options *options, gp_pick_strategy *used, gp_report *report,
                            gp_error *err)
{
    gp_pick_options o = *options;
    gp_status st = select_with(cat, NULL, &o, true, report, err);
    *used = o.strategy;
    return st;
}
