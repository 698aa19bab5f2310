/* SPDX-License-Identifier: MIT
 * Reads the catalog into a view in a few passes: rows, texts of prompts, ranks, settings, categories. */
#include "base/mem.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "view/view_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the columns that are always there */

static const struct {
    const char *name, *title;
    gp_column_type type;
    const char *group, *about;
} fixed[GP_VIEW_FOUND] = {
    [GP_VIEW_ID] = {"id", "Number", GP_COL_F64, "file", "the image's number in the catalog"},
    [GP_VIEW_HASH] = {"hash", "Hash", GP_COL_HASH, "file", "XXH3-128 of the file's content"},
    [GP_VIEW_PATH] = {"path", "File", GP_COL_TEXT, "file", "the first path at which the file exists"},
    [GP_VIEW_FORMAT] = {"format", "Format", GP_COL_CODE, "file", "png, jpeg or webp"},
    [GP_VIEW_WIDTH] = {"width", "Width", GP_COL_U32, "file", "width in pixels, after EXIF rotation"},
    [GP_VIEW_HEIGHT] = {"height", "Height", GP_COL_U32, "file", "height in pixels, after EXIF rotation"},
    [GP_VIEW_BYTES] = {"bytes", "File size", GP_COL_F64, "file", "size of the file in bytes"},
    [GP_VIEW_ADDED] = {"added", "Added", GP_COL_F64, "file", "when goldpan added the image to the catalog"},
    [GP_VIEW_PROMPT] = {"prompt", "Prompt", GP_COL_CODE, "prompt", "prompt after clean-up, as the model reads it"},
    [GP_VIEW_NEGATIVE] = {"negative", "Negative prompt", GP_COL_CODE, "prompt", "negative prompt; it is never scored"},
    [GP_VIEW_SOURCE] = {"source", "Prompt from", GP_COL_CODE, "prompt", "where goldpan found the prompt"},
    [GP_VIEW_EVIDENCE] = {"evidence", "Prompt evidence", GP_COL_CODE, "prompt",
                          "how certain the prompt is: stated, derived, guess or none"},
    [GP_VIEW_SCORE] = {"score", "Score", GP_COL_F32, "score",
                       "how well the image matches its prompt, on the scorer's scale"},
    [GP_VIEW_RANK] = {"rank", "Rank", GP_COL_U32, "score", "rank among the images of the same prompt; 1 is the best"},
    [GP_VIEW_CANDIDATES] = {"candidates", "Candidates", GP_COL_U32, "score",
                            "number of scored images of the same prompt"},
    [GP_VIEW_PICKED] = {"picked", "Picked", GP_COL_U8, "score", "whether goldpan picked the image"},
    [GP_VIEW_FLAG] = {"flag", "Your flag", GP_COL_I8, "hand", "your decision: 1 picked, -1 rejected, 0 neither"},
    [GP_VIEW_STARS] = {"stars", "Stars", GP_COL_U8, "hand", "your rating, 0 to 5 stars"},
    [GP_VIEW_CATEGORY] = {"category", "Category", GP_COL_CODE, "find",
                          "category of the image: from a table column, your words or clusters"},
    [GP_VIEW_CORRECTED] = {"corrected", "Corrected score", GP_COL_F32, "find",
                           "score corrected for the level and spread of its category's scores"},
    [GP_VIEW_PERCENTILE] = {"percentile", "Percentile", GP_COL_F32, "find",
                            "percentile of the score within its category, 0 to 100"},
    [GP_VIEW_Z_PROMPT] = {"z_prompt", "Above prompt", GP_COL_F32, "find",
                          "standard deviations above the mean score of the same prompt"},
    [GP_VIEW_Z_CATEGORY] = {"z_category", "Above category", GP_COL_F32, "find",
                            "standard deviations above the mean score of its category"},
    [GP_VIEW_DUPLICATE] = {"duplicate", "Near-duplicates", GP_COL_U32, "find", "number of the near-duplicate group"},
    [GP_VIEW_KEEPER] = {"keeper", "Best duplicate", GP_COL_U8, "find",
                        "whether this is the image to keep of its near-duplicate group"},
    [GP_VIEW_LIKENESS] = {"likeness", "Similarity", GP_COL_F32, "find",
                          "cosine to the representative image of its near-duplicate group"},
    [GP_VIEW_X] = {"x", "Map x", GP_COL_F32, "find", "horizontal position on the map"},
    [GP_VIEW_Y] = {"y", "Map y", GP_COL_F32, "find", "vertical position on the map"},
    [GP_VIEW_APART] = {"apart", "Set apart", GP_COL_CODE, "file",
                       "why the image is not scored and never picked, such as grid"},
    [GP_VIEW_SHARPNESS] = {"sharpness", "Sharpness", GP_COL_F32, "file", "variance of the Laplacian of luma"},
    [GP_VIEW_NOISE] = {"noise", "Noise", GP_COL_F32, "file",
                       "estimated standard deviation of white noise in luma, 0 to 255"},
    [GP_VIEW_EXPOSURE] = {"exposure", "Exposure", GP_COL_F32, "file", "mean luma: 0 black, 1 white"},
    [GP_VIEW_SATURATION] = {"saturation", "Saturation", GP_COL_F32, "file", "how colourful: 0 grey, 1 pure colours"},
    [GP_VIEW_ENTROPY] = {"entropy", "Entropy", GP_COL_F32, "file", "bits of the histogram of luma, 0 to 8"},
    [GP_VIEW_SPREAD] = {"spread", "Contrast", GP_COL_F32, "file", "standard deviation of luma, 0 to 0.5"},
};

static gp_status add_fixed(gp_view *v, gp_error *err)
{
    for (size_t i = 0; i < GP_VIEW_FOUND; i++)
        if (!gp_view_add(v, fixed[i].name, fixed[i].title, fixed[i].type, fixed[i].group, fixed[i].about))
            return gp_fail_memory(err, "the view of the catalog");
    return GP_OK;
}

/* ------------------------------------------------------------------ rows */

typedef struct reading {
    gp_view *view;
    gp_words groups; /* ids of near-duplicate groups, as texts */
    gp_status st;
    gp_error *err;
} reading;

static gp_status put_word(gp_view *v, size_t column, const char *text, gp_error *err)
{
    gp_column *c = &v->columns[column];
    return gp_words_put(c->words, text, (uint32_t *)c->data + v->n, err);
}

static void put_f32(gp_view *v, size_t column, double value)
{
    ((float *)v->columns[column].data)[v->n] = (float)value;
}

static void put_quality(gp_view *v, const gp_cat_full_row *r)
{
    const gp_quality *q = &r->quality;
    const double values[] = {q->sharpness, q->noise, q->exposure, q->saturation, q->entropy, q->spread};
    for (size_t i = 0; i < 6; i++) put_f32(v, GP_VIEW_SHARPNESS + i, r->measured ? values[i] : (double)NAN);
}

static void put_numbers(gp_view *v, const gp_cat_full_row *r)
{
    bool turned = r->orientation >= 5 && r->orientation <= 8;
    size_t i = v->n;
    ((double *)v->columns[GP_VIEW_ID].data)[i] = (double)r->image;
    memcpy((uint8_t *)v->columns[GP_VIEW_HASH].data + i * sizeof r->hash.bytes, r->hash.bytes, sizeof r->hash.bytes);
    ((uint32_t *)v->columns[GP_VIEW_WIDTH].data)[i] = turned ? r->height : r->width;
    ((uint32_t *)v->columns[GP_VIEW_HEIGHT].data)[i] = turned ? r->width : r->height;
    ((double *)v->columns[GP_VIEW_BYTES].data)[i] = (double)r->bytes;
    ((double *)v->columns[GP_VIEW_ADDED].data)[i] = (double)r->added;
    ((uint8_t *)v->columns[GP_VIEW_PICKED].data)[i] = r->picked;
    ((int8_t *)v->columns[GP_VIEW_FLAG].data)[i] = (int8_t)r->flag;
    ((uint8_t *)v->columns[GP_VIEW_STARS].data)[i] = (uint8_t)r->stars;
    ((uint8_t *)v->columns[GP_VIEW_KEEPER].data)[i] = r->keeper;
    put_f32(v, GP_VIEW_SCORE, r->score);
    put_f32(v, GP_VIEW_CORRECTED, r->corrected);
    put_f32(v, GP_VIEW_PERCENTILE, r->percentile);
    put_f32(v, GP_VIEW_Z_PROMPT, r->z_prompt);
    put_f32(v, GP_VIEW_Z_CATEGORY, r->z_category);
    put_f32(v, GP_VIEW_LIKENESS, r->likeness);
    put_f32(v, GP_VIEW_X, r->x);
    put_f32(v, GP_VIEW_Y, r->y);
    put_quality(v, r);
    v->images[i] = r->image, v->prompt_ids[i] = r->prompt, v->orientation[i] = r->orientation;
    ((uint32_t *)v->columns[GP_VIEW_CATEGORY].data)[i] = r->category < 0 ? GP_VIEW_NONE : (uint32_t)r->category;
}

static gp_status put_other(gp_view *v, const gp_cat_full_row *r, gp_error *err)
{
    if (!memcmp(r->hash.bytes, r->file_hash.bytes, sizeof r->hash.bytes)) return GP_OK;
    if (v->other_count == v->other_room) {
        size_t room = v->other_room ? v->other_room * 2 : 16;
        gp_view_other *grown = gp_mem_resize(v->others, room, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "the view of the catalog");
        v->others = grown, v->other_room = room;
    }
    v->others[v->other_count++] = (gp_view_other){v->n, r->file_hash};
    return GP_OK;
}

static gp_status put_row(reading *rd, const gp_cat_full_row *r, gp_error *err)
{
    gp_view *v = rd->view;
    char group[24];
    /* skip images that were added after the count: the next snapshot will have them */
    if (v->n == v->room) return GP_OK;
    put_numbers(v, r);
    GP_TRY(put_other(v, r, err));
    GP_TRY(gp_texts_add(&v->columns[GP_VIEW_PATH].words->texts, r->path, err));
    GP_TRY(put_word(v, GP_VIEW_FORMAT, r->format, err));
    GP_TRY(put_word(v, GP_VIEW_NEGATIVE, r->negative && *r->negative ? r->negative : NULL, err));
    GP_TRY(put_word(v, GP_VIEW_SOURCE, r->source, err));
    GP_TRY(put_word(v, GP_VIEW_APART, r->apart, err));
    GP_TRY(put_word(v, GP_VIEW_EVIDENCE, r->evidence, err));
    snprintf(group, sizeof group, "%lld", (long long)r->group);
    GP_TRY(gp_words_put(&rd->groups, r->group < 0 ? NULL : group, (uint32_t *)v->columns[GP_VIEW_DUPLICATE].data + v->n,
                        err));
    GP_TRY(gp_view_take_settings(v, v->n, r->settings, err));
    v->n++;
    return GP_OK;
}

static bool on_row(void *user, const gp_cat_full_row *row)
{
    reading *rd = user;
    rd->st = put_row(rd, row, rd->err);
    return rd->st == GP_OK;
}

/* ------------------------------------------------------------------ prompts */

typedef struct by_id {
    int64_t id;
    uint32_t row;
} by_id;

static int compare_ids(const void *a, const void *b)
{
    const by_id *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : (x->row > y->row) - (x->row < y->row);
}

typedef struct naming {
    gp_view *view;
    by_id *rows; /* [n] rows in order of their prompts */
    size_t at;
    gp_status st;
    gp_error *err;
} naming;

static bool on_prompt(void *user, int64_t id, const char *text)
{
    naming *w = user;
    gp_column *c = &w->view->columns[GP_VIEW_PROMPT];
    uint32_t code = GP_VIEW_NONE;
    while (w->at < w->view->n && w->rows[w->at].id < id) w->at++;
    for (; w->at < w->view->n && w->rows[w->at].id == id; w->at++) {
        if (code == GP_VIEW_NONE) w->st = gp_words_put(c->words, text, &code, w->err);
        if (w->st != GP_OK) return false;
        ((uint32_t *)c->data)[w->rows[w->at].row] = code;
    }
    return true;
}

static gp_status name_prompts(gp_view *v, gp_catalog *cat, gp_error *err)
{
    naming w = {.view = v, .err = err};
    uint32_t *codes = v->columns[GP_VIEW_PROMPT].data;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&w.rows, v->n, sizeof *w.rows, "the view of the catalog", err));
    for (size_t i = 0; i < v->n; i++) w.rows[i] = (by_id){v->prompt_ids[i], (uint32_t)i}, codes[i] = GP_VIEW_NONE;
    qsort(w.rows, v->n, sizeof *w.rows, compare_ids);
    GP_TRY_GOTO(gp_cat_prompts_visit(cat, on_prompt, &w, err));
    st = w.st;
out:
    gp_mem_free(w.rows);
    return st;
}

/* ------------------------------------------------------------------ ranks: best first, equal ones by content hash */

typedef struct ranked {
    int64_t prompt;
    double key;
    uint32_t row;
    const uint8_t *hash;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->prompt != y->prompt) return x->prompt < y->prompt ? -1 : 1;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return memcmp(x->hash, y->hash, 16);
}

static gp_status rank_rows(gp_view *v, gp_error *err)
{
    ranked *list = NULL;
    size_t n = 0;
    const float *score = v->columns[GP_VIEW_SCORE].data;
    uint32_t *rank = v->columns[GP_VIEW_RANK].data, *candidates = v->columns[GP_VIEW_CANDIDATES].data;
    GP_TRY(gp_alloc((void **)&list, v->n, sizeof *list, "the view of the catalog", err));
    for (size_t i = 0; i < v->n; i++) {
        rank[i] = candidates[i] = GP_VIEW_NONE;
        if (v->prompt_ids[i] == 0 || isnan(score[i])) continue;
        double key = v->facts.higher_better ? (double)score[i] : -(double)score[i];
        list[n++] = (ranked){v->prompt_ids[i], key, (uint32_t)i, (uint8_t *)v->columns[GP_VIEW_HASH].data + i * 16};
    }
    qsort(list, n, sizeof *list, compare_ranked);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && list[to].prompt == list[from].prompt; to++) {
        }
        for (size_t i = from; i < to; i++)
            rank[list[i].row] = (uint32_t)(i - from) + 1, candidates[list[i].row] = (uint32_t)(to - from);
    }
    gp_mem_free(list);
    return GP_OK;
}

/* ------------------------------------------------------------------ reading the catalog */

static bool on_category_name(void *user, const gp_analysis_category *category)
{
    gp_words *words = user; /* append the name without a search, because two categories may have the same name */
    return gp_texts_add(&words->texts, category->name, NULL) == GP_OK;
}

static bool has_numbers(const gp_view *v, size_t column)
{
    const float *values = v->columns[column].data;
    for (size_t i = 0; i < v->n; i++)
        if (!isnan(values[i])) return true;
    return false;
}

/* Removes columns without a value in any row, except those that every view has. */
static void drop_unfound(gp_view *v)
{
    bool map = has_numbers(v, GP_VIEW_X), measured = has_numbers(v, GP_VIEW_SHARPNESS);
    size_t to = GP_VIEW_ALWAYS;
    for (size_t i = GP_VIEW_ALWAYS; i < v->column_count; i++) {
        bool known = i == GP_VIEW_APART                 ? v->columns[i].words->texts.count > 0
                     : i == GP_VIEW_X || i == GP_VIEW_Y ? map
                     : i >= GP_VIEW_SHARPNESS           ? measured
                                                        : v->facts.analysis != 0;
        bool keep = i >= GP_VIEW_FOUND || known;
        if (keep) {
            v->columns[to++] = v->columns[i];
            continue;
        }
        gp_mem_free(v->columns[i].data);
        if (v->columns[i].words) gp_words_clear(v->columns[i].words);
        gp_mem_free(v->columns[i].words);
    }
    v->column_count = to;
}

static gp_status finish_words(gp_view *v, gp_error *err)
{
    for (size_t i = 0; i < v->column_count; i++)
        if (v->columns[i].words && !v->columns[i].words->texts.table)
            GP_TRY(gp_texts_finish(&v->columns[i].words->texts, err));
    return GP_OK;
}

static gp_status allocate(gp_view *v, gp_error *err)
{
    v->room = (size_t)v->facts.images;
    if (v->facts.images >= UINT32_MAX)
        return gp_fail(err, GP_ERR_LIMIT, "a view must have fewer than 4294967296 images");
    GP_TRY(gp_alloc((void **)&v->images, v->room, sizeof *v->images, "the view of the catalog", err));
    GP_TRY(gp_alloc((void **)&v->prompt_ids, v->room, sizeof *v->prompt_ids, "the view of the catalog", err));
    GP_TRY(gp_alloc((void **)&v->orientation, v->room, sizeof *v->orientation, "the view of the catalog", err));
    return add_fixed(v, err);
}

gp_status gp_view_read(gp_view *v, gp_catalog *cat, const char *scorer, gp_error *err)
{
    reading rd = {.view = v, .err = err};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_summary_read(cat, scorer, &v->facts, err));
    GP_TRY_GOTO(allocate(v, err));
    /* A category's code is its index in the list, so that rows and manifest agree. */
    if (v->facts.analysis)
        GP_TRY_GOTO(
            gp_cat_categories_visit(cat, v->facts.scorer, on_category_name, v->columns[GP_VIEW_CATEGORY].words, err));
    GP_TRY_GOTO(gp_cat_full_rows(cat, &v->facts, on_row, &rd, err));
    GP_TRY_GOTO(rd.st);
    v->groups = rd.groups.texts.count;
    GP_TRY_GOTO(name_prompts(v, cat, err));
    GP_TRY_GOTO(rank_rows(v, err));
    GP_TRY_GOTO(gp_view_add_scorers(v, cat, err));
    GP_TRY_GOTO(gp_view_end_settings(v, err));
    drop_unfound(v);
    GP_TRY_GOTO(finish_words(v, err));
    GP_TRY_GOTO(gp_view_index_hashes(v, err));
    GP_TRY_GOTO(gp_view_read_found(v, cat, err));
out:
    gp_words_clear(&rd.groups);
    return st;
}
