/* SPDX-License-Identifier: MIT
 * The columns of a view for scorers other than the one of the column "score".
 *
 * A column is called "score.NAME". If several scorers of the catalog have the same name, the model and the precision
 * follow, as far as they are needed: "score.clip.clip-vit-base-patch32.int8". */
#include "base/mem.h"
#include "catalog/catalog.h"
#include "view/view_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct one_scorer {
    char *id, *name, *model, *precision, *scale; /* owned */
    bool higher_better;
} one_scorer;

typedef struct all_scorers {
    one_scorer list[GP_VIEW_SCORERS + 1]; /* one of them may be the scorer of the column "score" */
    size_t count;
    bool no_memory;
} all_scorers;

static bool take_scorer(void *user, const gp_cat_scorer_name *s)
{
    all_scorers *all = user;
    for (size_t i = 0; i < all->count; i++) /* of two fused scores with different weights, show the newer */
        if (gp_cat_scorer_is_fused(s->id) && !strcmp(all->list[i].name, s->name)) return true;
    const char *slash = strrchr(s->model, '/');
    one_scorer *one = &all->list[all->count++];
    *one = (one_scorer){gp_str_dup(s->id),        gp_str_dup(s->name),  gp_str_dup(slash ? slash + 1 : s->model),
                        gp_str_dup(s->precision), gp_str_dup(s->scale), s->higher_better};
    all->no_memory = !one->id || !one->name || !one->model || !one->precision || !one->scale;
    return !all->no_memory && all->count < GP_VIEW_SCORERS + 1;
}

static void clear(all_scorers *all)
{
    for (size_t i = 0; i < all->count; i++) {
        gp_mem_free(all->list[i].id);
        gp_mem_free(all->list[i].name);
        gp_mem_free(all->list[i].model);
        gp_mem_free(all->list[i].precision);
        gp_mem_free(all->list[i].scale);
    }
}

/* Returns how many scorers, with `one` itself, have the name of `one`; if `model` is true, also its model; if
 * `precision` is true, also its precision. */
static size_t alike(const all_scorers *all, const one_scorer *one, bool model, bool precision)
{
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++) {
        const one_scorer *other = &all->list[i];
        n += !strcmp(other->name, one->name) && (!model || !strcmp(other->model, one->model)) &&
             (!precision || !strcmp(other->precision, one->precision));
    }
    return n;
}

/* ------------------------------------------------------------------ one column */

/* Writes name, title and description of the column, one after the other, each with its NUL. */
static char *write_texts(const all_scorers *all, const one_scorer *one)
{
    gp_str s = GP_STR_INIT;
    const bool model = alike(all, one, false, false) > 1, precision = model && alike(all, one, true, false) > 1;
    gp_str_printf(&s, "score.%s", one->name);
    if (model) gp_str_printf(&s, ".%s", one->model);
    if (precision) gp_str_printf(&s, ".%s", one->precision);
    if (precision && alike(all, one, true, true) > 1) gp_str_printf(&s, ".%zu", (size_t)(one - all->list) + 1);
    gp_str_putc(&s, '\0');
    gp_str_printf(&s, "Score: %s", one->name);
    if (model) gp_str_printf(&s, ", %s", one->model);
    if (precision) gp_str_printf(&s, ", %s", one->precision);
    gp_str_putc(&s, '\0');
    gp_str_printf(&s, "score by the scorer %s", one->name);
    if (*one->model) gp_str_printf(&s, " with the model %s (%s)", one->model, one->precision);
    if (*one->scale) gp_str_printf(&s, ": %s", one->scale);
    return gp_str_take(&s);
}

typedef struct filling {
    const gp_view *view;
    float *scores; /* [n] */
} filling;

/* The rows of a view are in the order of the image ids. */
static void put_score(void *user, int64_t image, double score)
{
    filling *f = user;
    size_t low = 0, high = f->view->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->view->images[middle] < image)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < f->view->n && f->view->images[low] == image) f->scores[low] = (float)score;
}

static gp_status add_column(gp_view *v, gp_catalog *cat, const all_scorers *all, const one_scorer *one, gp_error *err)
{
    char *texts = write_texts(all, one);
    if (!texts) return gp_fail_memory(err, "the view of the catalog");
    const char *title = texts + strlen(texts) + 1, *about = title + strlen(title) + 1;
    gp_column *c = gp_view_add(v, texts, title, GP_COL_F32, "score", about);
    if (!c) {
        gp_mem_free(texts);
        return gp_fail_memory(err, "the view of the catalog");
    }
    c->owned = texts, c->lower_better = !one->higher_better;
    filling f = {v, c->data};
    for (size_t i = 0; i < v->n; i++) f.scores[i] = NAN;
    return gp_cat_score_column(cat, one->id, put_score, &f, err);
}

/* ------------------------------------------------------------------ agreement */

typedef struct place {
    int64_t prompt;
    uint32_t row;
} place;

static int by_prompt(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->prompt != q->prompt) return p->prompt < q->prompt ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

/* Counts for the rows of one prompt how many scorers put them first. Returns the number of scorers that scored at least
 * two of these rows. */
static uint32_t count_first(const gp_column *const *scores, size_t scorers, const place *rows, size_t n, float *first)
{
    uint32_t asked = 0;
    for (size_t s = 0; s < scorers; s++) {
        const float *values = scores[s]->data, sign = scores[s]->lower_better ? -1 : 1;
        float best = -INFINITY;
        size_t scored = 0;
        for (size_t i = 0; i < n; i++) {
            const float value = sign * values[rows[i].row];
            if (isnan(value)) continue;
            scored++;
            if (value > best) best = value;
        }
        if (scored < 2) continue;
        asked++;
        for (size_t i = 0; i < n; i++)
            if (sign * values[rows[i].row] >= best) first[rows[i].row]++;
    }
    return asked;
}

/* Adds the column "agree": the share of the scorers that put an image first among the images of its prompt. */
static gp_status add_agreement(gp_view *v, const gp_column *const *scores, size_t scorers, gp_error *err)
{
    place *rows = NULL;
    size_t n = 0;
    const gp_column *c = gp_view_add(v, "agree", "Scorers agree", GP_COL_F32, "score",
                                     "share of the scorers that put the image first among the images of its prompt");
    if (!c) return gp_fail_memory(err, "the view of the catalog");
    float *share = c->data;
    GP_TRY(gp_alloc((void **)&rows, v->n, sizeof *rows, "the view of the catalog", err));
    for (uint32_t i = 0; i < v->n; i++)
        if (v->prompt_ids[i]) rows[n++] = (place){v->prompt_ids[i], i};
    qsort(rows, n, sizeof *rows, by_prompt);
    for (uint32_t i = 0; i < v->n; i++) share[i] = v->prompt_ids[i] ? 0 : NAN;
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && rows[to].prompt == rows[from].prompt; to++) {
        }
        const uint32_t asked = count_first(scores, scorers, rows + from, to - from, share);
        for (size_t i = from; i < to; i++) {
            float *one = &share[rows[i].row];
            *one = asked > 1 ? *one / (float)asked : NAN;
        }
    }
    gp_mem_free(rows);
    return GP_OK;
}

gp_status gp_view_add_scorers(gp_view *v, gp_catalog *cat, gp_error *err)
{
    all_scorers all = {.count = 0};
    const gp_column *scores[GP_VIEW_SCORERS + 1];
    gp_status st = GP_OK;
    if (!v->facts.scorer) return GP_OK;
    GP_TRY_GOTO(gp_cat_scorers_scored(cat, take_scorer, &all, err));
    if (all.no_memory) GP_TRY_GOTO(gp_fail_memory(err, "the view of the catalog"));
    size_t count = 0;
    v->columns[GP_VIEW_SCORE].lower_better = !v->facts.higher_better;
    /* Fused scores are made of the scores of other scorers, so they do not count as a scorer that agrees. */
    if (!gp_cat_scorer_is_fused(v->facts.scorer)) scores[count++] = &v->columns[GP_VIEW_SCORE];
    for (size_t i = 0, added = 0; i < all.count && added < GP_VIEW_SCORERS; i++) {
        if (!strcmp(all.list[i].id, v->facts.scorer)) continue;
        added++;
        GP_TRY_GOTO(add_column(v, cat, &all, &all.list[i], err));
        if (!gp_cat_scorer_is_fused(all.list[i].id)) scores[count++] = &v->columns[v->column_count - 1];
    }
    if (count > 1) GP_TRY_GOTO(add_agreement(v, scores, count, err));
out:
    clear(&all);
    return st;
}
