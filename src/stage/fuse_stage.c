/* SPDX-License-Identifier: MIT
 * Fused scores: one score of an image from the scores of several scorers (pick/fuse.h), stored as the scores of a
 * scorer of its own.
 *
 * The members are the scorers of the catalog with different names, for each name the one used last.  Scorers of
 * one quality (gp_scorer_is_special) are members only if a weight names them.  The fused scorer has the encoder of the member
 * used last.  Its id is the id of this member with the form in place of the name, and with the hash of all members and
 * weights:
 *     fused-z/WEIGHT HASH+MEMBERS HASH/PRECISION/PREPROCESSING/TEXT RULE
 * A fused score compares the images of one prompt only: the mean over a prompt is 0.  So the fused scorer never counts
 * as the scorer used last, and slices, categories and the map use the scores of a member. */
#include "stage/fuse_stage.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "catalog/read_all.h"
#include "model/scorer.h"
#include "pick/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { MEMBERS = 16 };

typedef struct member {
    char *id, *name; /* owned */
    int64_t encoder;
    bool lower_better;
    double weight;
} member;

typedef struct candidate {
    int64_t image, prompt;
} candidate;

typedef struct fusing {
    gp_catalog *cat;
    gp_fuse_form form;
    const char *weights; /* NULL: 1, and 0 for special scorers */
    member members[MEMBERS];
    size_t count;
    candidate *list;        /* [n] by prompt and image */
    struct at_image *index; /* [n] by image */
    size_t n, room;
    double *scores; /* [n, count] */
    size_t column;  /* the member whose scores are being read */
    bool no_memory;
} fusing;

typedef struct at_image {
    int64_t image;
    size_t place;
} at_image;

/* ------------------------------------------------------------------ the members */

/* Reads the weight of a scorer from "NAME=NUMBER,...".  Returns false if the text does not name it. */
static bool weight_of(const char *weights, const char *name, double *weight)
{
    const size_t length = strlen(name);
    for (const char *at = weights; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, name, length) && at[length] == '=') {
            *weight = strtod(at + length + 1, NULL);
            return true;
        }
    return false;
}

gp_status gp_fuse_check_weights(const char *weights, gp_error *err)
{
    for (const char *at = weights; at && *at;) {
        const size_t length = strcspn(at, ",");
        const char *equal = memchr(at, '=', length);
        char *end = NULL;
        const double value = equal ? strtod(equal + 1, &end) : NAN;
        if (!equal || equal == at || end == equal + 1 || end != at + length || !(value >= 0) || isinf(value))
            return gp_fail(err, GP_ERR_USAGE,
                           "the weight '%.*s' is not NAME=NUMBER with a number of at least 0, such as NAME=0.5",
                           (int)(length < 100 ? length : 100), at);
        at += length + (at[length] == ',');
    }
    return GP_OK;
}

static bool take_member(void *user, const gp_cat_scorer_name *s)
{
    fusing *f = user;
    double weight = 1;
    if (gp_cat_scorer_is_fused(s->id)) return true;
    if (!weight_of(f->weights, s->name, &weight) && gp_scorer_is_special(s->id)) return true;
    if (!(weight > 0)) return true;
    for (size_t i = 0; i < f->count; i++)
        if (!strcmp(f->members[i].name, s->name)) return true;
    member *m = &f->members[f->count++];
    *m = (member){gp_str_dup(s->id), gp_str_dup(s->name), s->encoder, !s->higher_better, weight};
    f->no_memory = !m->id || !m->name;
    return !f->no_memory && f->count < MEMBERS;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const member *)a)->name, ((const member *)b)->name);
}

/* Fails if a weight names a scorer that the catalog does not have. */
static gp_status check_named(const fusing *f, gp_error *err)
{
    for (const char *at = f->weights; at && *at;) {
        const size_t length = strcspn(at, ","), name = strcspn(at, "=");
        bool known = strtod(at + name + 1, NULL) == 0;
        for (size_t i = 0; i < f->count; i++)
            known = known || (strlen(f->members[i].name) == name && !strncmp(f->members[i].name, at, name));
        if (!known)
            return gp_fail(err, GP_ERR_NOT_FOUND, "the catalog has no scores by '%.*s', which a weight names",
                           (int)(name < 100 ? name : 100), at);
        at += length + (at[length] == ',');
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the scores */

static void take_candidate(void *user, int64_t image, int64_t prompt)
{
    fusing *f = user;
    if (f->no_memory) return;
    if (f->n == f->room) {
        const size_t room = f->room ? f->room * 2 : 1024;
        candidate *grown = gp_mem_resize(f->list, room, sizeof *grown);
        f->no_memory = !grown;
        if (!grown) return;
        f->list = grown, f->room = room;
    }
    f->list[f->n++] = (candidate){image, prompt};
}

static int by_image(const void *a, const void *b)
{
    const int64_t p = ((const at_image *)a)->image, q = ((const at_image *)b)->image;
    return (p > q) - (p < q);
}

static void take_score(void *user, int64_t image, double score)
{
    fusing *f = user;
    const at_image key = {.image = image}, *at = bsearch(&key, f->index, f->n, sizeof key, by_image);
    if (at) f->scores[at->place * f->count + f->column] = score;
}

static gp_status read_scores(fusing *f, int64_t encoder, gp_error *err)
{
    GP_TRY(gp_cat_candidates_visit(f->cat, encoder, take_candidate, f, err));
    if (f->no_memory) return gp_fail_memory(err, "the candidates");
    GP_TRY(gp_alloc((void **)&f->index, f->n, sizeof *f->index, "the candidates", err));
    GP_TRY(gp_alloc((void **)&f->scores, f->n * f->count, sizeof *f->scores, "the scores", err));
    for (size_t i = 0; i < f->n; i++) f->index[i] = (at_image){f->list[i].image, i};
    qsort(f->index, f->n, sizeof *f->index, by_image);
    for (size_t i = 0; i < f->n * f->count; i++) f->scores[i] = NAN;
    for (f->column = 0; f->column < f->count; f->column++)
        GP_TRY(gp_cat_score_column(f->cat, f->members[f->column].id, take_score, f, err));
    return GP_OK;
}

static bool has_score(const fusing *f, size_t i)
{
    for (size_t s = 0; s < f->count; s++)
        if (!isnan(f->scores[i * f->count + s])) return true;
    return false;
}

/* Returns whether a prompt has two images with scores. */
static bool is_contested(const fusing *f)
{
    size_t last = SIZE_MAX; /* the last image with a score */
    for (size_t i = 0; i < f->n; i++) {
        if (!has_score(f, i)) continue;
        if (last != SIZE_MAX && f->list[last].prompt == f->list[i].prompt) return true;
        last = i;
    }
    return false;
}

static size_t prompt_end(const fusing *f, size_t from)
{
    size_t to = from;
    while (to < f->n && f->list[to].prompt == f->list[from].prompt) to++;
    return to;
}

/* Writes the fused scores to out [n]; `pareto` of them only if it is asked for. */
static gp_status compute(const fusing *f, bool pareto, gp_fused *out, gp_error *err)
{
    double weights[MEMBERS], variances[MEMBERS];
    bool lower[MEMBERS];
    gp_fuse_pool pools[MEMBERS] = {{0, 0}};
    for (size_t from = 0, to; from < f->n; from = to) {
        to = prompt_end(f, from);
        for (size_t s = 0; s < f->count; s++)
            gp_fuse_pool_add(&pools[s], f->scores + from * f->count + s, f->count, to - from);
    }
    for (size_t s = 0; s < f->count; s++) {
        weights[s] = f->members[s].weight, lower[s] = f->members[s].lower_better;
        variances[s] = gp_fuse_pool_variance(&pools[s]);
    }
    for (size_t from = 0, to; from < f->n; from = to) {
        to = prompt_end(f, from);
        const gp_fuse_prompt prompt = {.candidates = to - from,
                                       .scorers = f->count,
                                       .scores = f->scores + from * f->count,
                                       .weights = weights,
                                       .lower_better = lower,
                                       .variances = variances,
                                       .no_pareto = !pareto};
        GP_TRY(gp_fuse(&prompt, f->form, out + from, err));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the fused scorer */

static const char *form_name(gp_fuse_form form)
{
    return form == GP_FUSE_Z ? "fused-z" : "fused-rank";
}

/* Writes the id of the fused scorer; `base` is the id of the member whose encoder it has. */
static char *write_id(const fusing *f, const char *base)
{
    gp_str all = GP_STR_INIT, id = GP_STR_INIT;
    char hash[33] = "";
    for (size_t i = 0; i < f->count; i++) gp_str_printf(&all, "%s %.17g\n", f->members[i].id, f->members[i].weight);
    if (!all.failed) gp_hash_hex(gp_hash_of(all.data, all.size), hash);
    const char *rest = strchr(base, '/') ? strchr(base, '/') + 1 : base;
    const size_t weights = strcspn(rest, "+/");
    const char *after = rest + strcspn(rest, "/");
    gp_str_printf(&id, "%s/%.*s+%s%s", form_name(f->form), (int)weights, rest, hash, after);
    id.failed = id.failed || all.failed;
    gp_str_clear(&all);
    return gp_str_take(&id);
}

static char *write_scale(const fusing *f)
{
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, f->form == GP_FUSE_Z ? "mean z within its prompt: " : "mean normal rank within its prompt: ");
    for (size_t i = 0; i < f->count; i++) {
        gp_str_puts(&s, i ? " + " : "");
        if (f->members[i].weight < 1 || f->members[i].weight > 1) gp_str_printf(&s, "%g ", f->members[i].weight);
        gp_str_puts(&s, f->members[i].name);
    }
    return gp_str_take(&s);
}

static int by_number(const void *a, const void *b)
{
    const int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

static gp_status list_dominated(const fusing *f, const gp_fused *fused, gp_dominated *out, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&out->images, f->n, sizeof *out->images, "the candidates", err));
    for (size_t i = 0; i < f->n; i++)
        if (fused[i].scores && !fused[i].pareto) out->images[out->count++] = f->list[i].image;
    qsort(out->images, out->count, sizeof *out->images, by_number);
    return GP_OK;
}

static gp_status store(fusing *f, const char *id, const char *scale, int64_t encoder, gp_dominated *dominated,
                       gp_error *err)
{
    const char *plus = strchr(id, '+');
    char parameters[33];
    snprintf(parameters, sizeof parameters, "%.32s", plus ? plus + 1 : "");
    const gp_cat_scorer row = {id, form_name(f->form), scale, encoder, true, parameters, "image"};
    gp_fused *fused = NULL;
    int64_t *images = NULL, *prompts = NULL;
    double *scores = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&fused, f->n, sizeof *fused, "the fused scores", err));
    GP_TRY_GOTO(gp_alloc((void **)&images, f->n, sizeof *images, "the fused scores", err));
    GP_TRY_GOTO(gp_alloc((void **)&prompts, f->n, sizeof *prompts, "the fused scores", err));
    GP_TRY_GOTO(gp_alloc((void **)&scores, f->n, sizeof *scores, "the fused scores", err));
    GP_TRY_GOTO(compute(f, dominated != NULL, fused, err));
    if (dominated) GP_TRY_GOTO(list_dominated(f, fused, dominated, err));
    for (size_t i = 0; i < f->n; i++)
        images[i] = f->list[i].image, prompts[i] = f->list[i].prompt, scores[i] = fused[i].score;
    if (gp_cat_readonly(f->cat)) goto out;
    GP_TRY_GOTO(gp_cat_begin(f->cat, err));
    GP_TRY_GOTO(gp_cat_scorer_put_alone(f->cat, &row, err));
    GP_TRY_GOTO(gp_cat_scores_replace(f->cat, id, images, prompts, scores, f->n, err));
    GP_TRY_GOTO(gp_cat_commit(f->cat, err));
out:
    if (st != GP_OK && !gp_cat_readonly(f->cat)) gp_cat_rollback(f->cat);
    gp_mem_free(scores);
    gp_mem_free(prompts);
    gp_mem_free(images);
    gp_mem_free(fused);
    return st;
}

gp_status gp_stage_fuse(gp_catalog *cat, gp_fuse_form form, const char *weights, char **scorer, gp_dominated *dominated,
                        gp_error *err)
{
    fusing f = {.cat = cat, .form = form, .weights = weights};
    char *base = NULL, *id = NULL, *scale = NULL;
    int64_t encoder = 0;
    gp_status st = GP_OK;
    *scorer = NULL;
    GP_TRY_GOTO(gp_fuse_check_weights(weights, err));
    GP_TRY_GOTO(gp_cat_scorers_scored(cat, take_member, &f, err));
    GP_TRY_GOTO(f.no_memory ? gp_fail_memory(err, "the scorers") : GP_OK);
    GP_TRY_GOTO(check_named(&f, err));
    if (f.count < 2) goto out;
    for (size_t i = 0; i < f.count && !encoder; i++)
        if (f.members[i].encoder) encoder = f.members[i].encoder, base = gp_str_dup(f.members[i].id);
    if (!encoder) goto out;
    qsort(f.members, f.count, sizeof *f.members, by_name);
    id = base ? write_id(&f, base) : NULL, scale = write_scale(&f);
    GP_TRY_GOTO(id && scale ? GP_OK : gp_fail_memory(err, "the fused scorer"));
    GP_TRY_GOTO(read_scores(&f, encoder, err));
    if (!is_contested(&f)) goto out;
    GP_TRY_GOTO(store(&f, id, scale, encoder, dominated, err));
    *scorer = id, id = NULL;
out:
    for (size_t i = 0; i < f.count; i++) {
        gp_mem_free(f.members[i].id);
        gp_mem_free(f.members[i].name);
    }
    gp_mem_free(f.scores);
    gp_mem_free(f.index);
    gp_mem_free(f.list);
    gp_mem_free(scale);
    gp_mem_free(id);
    gp_mem_free(base);
    return st;
}
