/* SPDX-License-Identifier: MIT
 * The catalog as columns: read in a few passes, then fixed but for ratings. */
#include "view/view.h"

#include "base/mem.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "view/view_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t gp_column_size(gp_column_type type)
{
    static const size_t sizes[] = {[GP_COL_F32] = 4, [GP_COL_F64] = 8,  [GP_COL_U32] = 4,   [GP_COL_U8] = 1,
                                   [GP_COL_I8] = 1,  [GP_COL_CODE] = 4, [GP_COL_HASH] = 16, [GP_COL_TEXT] = 0};
    return sizes[type];
}

gp_column *gp_view_add(gp_view *v, const char *name, const char *title, gp_column_type type, const char *group,
                       const char *about)
{
    gp_column c = {.name = name, .title = title, .group = group, .about = about, .type = type};
    bool words = type == GP_COL_CODE || type == GP_COL_TEXT;
    if (v->column_count == GP_VIEW_COLUMNS) return NULL;
    if (type != GP_COL_TEXT) c.data = gp_mem_zero(v->room, gp_column_size(type));
    if (words) c.words = gp_mem_zero(1, sizeof *c.words);
    if ((type != GP_COL_TEXT && !c.data) || (words && !c.words)) {
        gp_mem_free(c.data);
        gp_mem_free(c.words);
        return NULL;
    }
    v->columns[v->column_count] = c;
    return &v->columns[v->column_count++];
}

gp_column *gp_view_named(gp_view *v, const char *name)
{
    for (size_t i = 0; i < v->column_count; i++)
        if (!strcmp(v->columns[i].name, name)) return &v->columns[i];
    return NULL;
}

/* ------------------------------------------------------------------ the columns that are always there */

/* Places in the list below; view->columns begins with them, in this order. */
enum {
    ID,
    HASH,
    PATH,
    FORMAT,
    WIDTH,
    HEIGHT,
    BYTES,
    ADDED,
    PROMPT,
    NEGATIVE,
    SOURCE,
    EVIDENCE,
    SCORE,
    RANK,
    CANDIDATES,
    PICKED,
    FLAG,
    STARS,
    ALWAYS,
    CATEGORY = ALWAYS,
    CORRECTED,
    PERCENTILE,
    Z_PROMPT,
    Z_CATEGORY,
    DUPLICATE,
    KEEPER,
    LIKENESS,
    X,
    Y,
    APART,
    SHARPNESS,
    NOISE,
    EXPOSURE,
    SATURATION,
    ENTROPY,
    SPREAD,
    FOUND
};
static const struct {
    const char *name, *title;
    gp_column_type type;
    const char *group, *about;
} fixed[FOUND] = {
    [ID] = {"id", "Number", GP_COL_F64, "file", "the image's number in the catalog"},
    [HASH] = {"hash", "Hash", GP_COL_HASH, "file", "XXH3-128 of the file's content"},
    [PATH] = {"path", "File", GP_COL_TEXT, "file", "the first path at which the file exists"},
    [FORMAT] = {"format", "Format", GP_COL_CODE, "file", "png, jpeg or webp"},
    [WIDTH] = {"width", "Width", GP_COL_U32, "file", "width in pixels, after EXIF rotation"},
    [HEIGHT] = {"height", "Height", GP_COL_U32, "file", "height in pixels, after EXIF rotation"},
    [BYTES] = {"bytes", "File size", GP_COL_F64, "file", "size of the file in bytes"},
    [ADDED] = {"added", "Added", GP_COL_F64, "file", "when goldpan added the image to the catalog"},
    [PROMPT] = {"prompt", "Prompt", GP_COL_CODE, "prompt", "prompt after clean-up, as the model reads it"},
    [NEGATIVE] = {"negative", "Negative prompt", GP_COL_CODE, "prompt", "negative prompt; it is never scored"},
    [SOURCE] = {"source", "Prompt from", GP_COL_CODE, "prompt", "where goldpan found the prompt"},
    [EVIDENCE] = {"evidence", "Prompt evidence", GP_COL_CODE, "prompt",
                  "how certain the prompt is: stated, derived, guess or none"},
    [SCORE] = {"score", "Score", GP_COL_F32, "score", "how well the image matches its prompt, on the scorer's scale"},
    [RANK] = {"rank", "Rank", GP_COL_U32, "score", "rank among the images of the same prompt; 1 is the best"},
    [CANDIDATES] = {"candidates", "Candidates", GP_COL_U32, "score", "number of scored images of the same prompt"},
    [PICKED] = {"picked", "Picked", GP_COL_U8, "score", "whether goldpan picked the image"},
    [FLAG] = {"flag", "Your flag", GP_COL_I8, "hand", "your decision: 1 picked, -1 rejected, 0 neither"},
    [STARS] = {"stars", "Stars", GP_COL_U8, "hand", "your rating, 0 to 5 stars"},
    [CATEGORY] = {"category", "Category", GP_COL_CODE, "find",
                  "category of the image: from a table column, your words or clusters"},
    [CORRECTED] = {"corrected", "Corrected score", GP_COL_F32, "find",
                   "score corrected for the level and spread of its category's scores"},
    [PERCENTILE] = {"percentile", "Percentile", GP_COL_F32, "find",
                    "percentile of the score within its category, 0 to 100"},
    [Z_PROMPT] = {"z_prompt", "Above prompt", GP_COL_F32, "find",
                  "standard deviations above the mean score of the same prompt"},
    [Z_CATEGORY] = {"z_category", "Above category", GP_COL_F32, "find",
                    "standard deviations above the mean score of its category"},
    [DUPLICATE] = {"duplicate", "Near-duplicates", GP_COL_U32, "find", "number of the near-duplicate group"},
    [KEEPER] = {"keeper", "Best duplicate", GP_COL_U8, "find",
                "whether this is the image to keep of its near-duplicate group"},
    [LIKENESS] = {"likeness", "Similarity", GP_COL_F32, "find",
                  "cosine to the representative image of its near-duplicate group"},
    [X] = {"x", "Map x", GP_COL_F32, "find", "horizontal position on the map"},
    [Y] = {"y", "Map y", GP_COL_F32, "find", "vertical position on the map"},
    [APART] = {"apart", "Set apart", GP_COL_CODE, "file", "why the image is not scored and never picked, such as grid"},
    [SHARPNESS] = {"sharpness", "Sharpness", GP_COL_F32, "file", "variance of the Laplacian of luma"},
    [NOISE] = {"noise", "Noise", GP_COL_F32, "file", "estimated standard deviation of white noise in luma, 0 to 255"},
    [EXPOSURE] = {"exposure", "Exposure", GP_COL_F32, "file", "mean luma: 0 black, 1 white"},
    [SATURATION] = {"saturation", "Saturation", GP_COL_F32, "file", "how colourful: 0 grey, 1 pure colours"},
    [ENTROPY] = {"entropy", "Entropy", GP_COL_F32, "file", "bits of the histogram of luma, 0 to 8"},
    [SPREAD] = {"spread", "Contrast", GP_COL_F32, "file", "standard deviation of luma, 0 to 0.5"},
};

static gp_status add_fixed(gp_view *v, gp_error *err)
{
    for (size_t i = 0; i < FOUND; i++)
        if (!gp_view_add(v, fixed[i].name, fixed[i].title, fixed[i].type, fixed[i].group, fixed[i].about))
            return gp_fail(err, GP_ERR_MEMORY, "out of memory for the view");
    return GP_OK;
}

/* ------------------------------------------------------------------ rows */

typedef struct reading {
    gp_view *view;
    gp_words groups; /* ids of groups of near copies, as texts */
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
    for (size_t i = 0; i < 6; i++) put_f32(v, SHARPNESS + i, r->measured ? values[i] : (double)NAN);
}

static void put_numbers(gp_view *v, const gp_cat_full_row *r)
{
    bool turned = r->orientation >= 5 && r->orientation <= 8;
    size_t i = v->n;
    ((double *)v->columns[ID].data)[i] = (double)r->image;
    memcpy((uint8_t *)v->columns[HASH].data + i * sizeof r->hash.bytes, r->hash.bytes, sizeof r->hash.bytes);
    ((uint32_t *)v->columns[WIDTH].data)[i] = turned ? r->height : r->width;
    ((uint32_t *)v->columns[HEIGHT].data)[i] = turned ? r->width : r->height;
    ((double *)v->columns[BYTES].data)[i] = (double)r->bytes;
    ((double *)v->columns[ADDED].data)[i] = (double)r->added;
    ((uint8_t *)v->columns[PICKED].data)[i] = r->picked;
    ((int8_t *)v->columns[FLAG].data)[i] = (int8_t)r->flag;
    ((uint8_t *)v->columns[STARS].data)[i] = (uint8_t)r->stars;
    ((uint8_t *)v->columns[KEEPER].data)[i] = r->keeper;
    put_f32(v, SCORE, r->score);
    put_f32(v, CORRECTED, r->corrected);
    put_f32(v, PERCENTILE, r->percentile);
    put_f32(v, Z_PROMPT, r->z_prompt);
    put_f32(v, Z_CATEGORY, r->z_category);
    put_f32(v, LIKENESS, r->likeness);
    put_f32(v, X, r->x);
    put_f32(v, Y, r->y);
    put_quality(v, r);
    v->images[i] = r->image, v->prompt_ids[i] = r->prompt, v->orientation[i] = r->orientation;
    ((uint32_t *)v->columns[CATEGORY].data)[i] = r->category < 0 ? GP_VIEW_NONE : (uint32_t)r->category;
}

static gp_status put_other(gp_view *v, const gp_cat_full_row *r, gp_error *err)
{
    if (!memcmp(r->hash.bytes, r->file_hash.bytes, sizeof r->hash.bytes)) return GP_OK;
    if (v->other_count == v->other_room) {
        size_t room = v->other_room ? v->other_room * 2 : 16;
        gp_view_other *grown = gp_mem_resize(v->others, room, sizeof *grown);
        if (!grown) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the view");
        v->others = grown, v->other_room = room;
    }
    v->others[v->other_count++] = (gp_view_other){v->n, r->file_hash};
    return GP_OK;
}

static gp_status put_row(reading *rd, const gp_cat_full_row *r, gp_error *err)
{
    gp_view *v = rd->view;
    char group[24];
    if (v->n == v->room) return GP_OK; /* images added since they were counted: next time */
    put_numbers(v, r);
    GP_TRY(put_other(v, r, err));
    GP_TRY(gp_texts_add(&v->columns[PATH].words->texts, r->path, err));
    GP_TRY(put_word(v, FORMAT, r->format, err));
    GP_TRY(put_word(v, NEGATIVE, r->negative && *r->negative ? r->negative : NULL, err));
    GP_TRY(put_word(v, SOURCE, r->source, err));
    GP_TRY(put_word(v, APART, r->apart, err));
    GP_TRY(put_word(v, EVIDENCE, r->evidence, err));
    snprintf(group, sizeof group, "%lld", (long long)r->group);
    GP_TRY(gp_words_put(&rd->groups, r->group < 0 ? NULL : group, (uint32_t *)v->columns[DUPLICATE].data + v->n, err));
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
    gp_column *c = &w->view->columns[PROMPT];
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
    uint32_t *codes = v->columns[PROMPT].data;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&w.rows, v->n, sizeof *w.rows, "the view", err));
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
    double worth;
    uint32_t row;
    const uint8_t *hash;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->prompt != y->prompt) return x->prompt < y->prompt ? -1 : 1;
    if (x->worth != y->worth) return x->worth > y->worth ? -1 : 1;
    return memcmp(x->hash, y->hash, 16);
}

static gp_status rank_rows(gp_view *v, gp_error *err)
{
    ranked *list = NULL;
    size_t n = 0;
    const float *score = v->columns[SCORE].data;
    uint32_t *rank = v->columns[RANK].data, *candidates = v->columns[CANDIDATES].data;
    GP_TRY(gp_alloc((void **)&list, v->n, sizeof *list, "the view", err));
    for (size_t i = 0; i < v->n; i++) {
        rank[i] = candidates[i] = GP_VIEW_NONE;
        if (v->prompt_ids[i] == 0 || isnan(score[i])) continue;
        double worth = v->facts.higher_better ? (double)score[i] : -(double)score[i];
        list[n++] = (ranked){v->prompt_ids[i], worth, (uint32_t)i, (uint8_t *)v->columns[HASH].data + i * 16};
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

/* ------------------------------------------------------------------ finding rows */

static size_t hash_slot(const uint8_t *hash, size_t slots)
{
    uint64_t key;
    memcpy(&key, hash, sizeof key);
    return (size_t)(key & (slots - 1));
}

static gp_status index_hashes(gp_view *v, gp_error *err)
{
    v->slot_count = 16;
    while (v->slot_count < 2 * v->n) v->slot_count *= 2;
    v->slots = gp_mem_zero(v->slot_count, sizeof *v->slots);
    if (!v->slots) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the view");
    for (size_t i = 0; i < v->n; i++) {
        size_t at = hash_slot(gp_view_hash(v, i)->bytes, v->slot_count);
        while (v->slots[at]) at = (at + 1) & (v->slot_count - 1);
        v->slots[at] = (uint32_t)i + 1;
    }
    return GP_OK;
}

size_t gp_view_find(const gp_view *v, const gp_hash *hash)
{
    for (size_t at = hash_slot(hash->bytes, v->slot_count); v->slots[at]; at = (at + 1) & (v->slot_count - 1))
        if (!memcmp(gp_view_hash(v, v->slots[at] - 1)->bytes, hash->bytes, sizeof hash->bytes)) return v->slots[at] - 1;
    return SIZE_MAX;
}

size_t gp_view_row_of(const gp_view *v, int64_t image)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->images[middle] < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->n && v->images[low] == image ? low : SIZE_MAX;
}

/* ------------------------------------------------------------------ the whole */

static bool on_category_name(void *user, const gp_analysis_category *category)
{
    gp_words *words = user; /* not looked up: two categories may have one name */
    return gp_texts_add(&words->texts, category->name, NULL) == GP_OK;
}

static bool has_numbers(const gp_view *v, size_t column)
{
    const float *values = v->columns[column].data;
    for (size_t i = 0; i < v->n; i++)
        if (!isnan(values[i])) return true;
    return false;
}

/* Columns that say nothing of any row are left out; those that are always there stay. */
static void drop_unfound(gp_view *v)
{
    bool map = has_numbers(v, X), measured = has_numbers(v, SHARPNESS);
    size_t to = ALWAYS;
    for (size_t i = ALWAYS; i < v->column_count; i++) {
        bool known = i == APART         ? v->columns[i].words->texts.count > 0
                     : i == X || i == Y ? map
                     : i >= SHARPNESS   ? measured
                                        : v->facts.analysis != 0;
        bool keep = i >= FOUND || known;
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
    if (v->facts.images >= UINT32_MAX) return gp_fail(err, GP_ERR_LIMIT, "a view holds fewer than 2^32 images");
    GP_TRY(gp_alloc((void **)&v->images, v->room, sizeof *v->images, "the view", err));
    GP_TRY(gp_alloc((void **)&v->prompt_ids, v->room, sizeof *v->prompt_ids, "the view", err));
    GP_TRY(gp_alloc((void **)&v->orientation, v->room, sizeof *v->orientation, "the view", err));
    return add_fixed(v, err);
}

static gp_status read_all(gp_view *v, gp_catalog *cat, const char *scorer, gp_error *err)
{
    reading rd = {.view = v, .err = err};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_summary_read(cat, scorer, &v->facts, err));
    GP_TRY_GOTO(allocate(v, err));
    /* Codes of categories are their places, so that row and manifest agree. */
    if (v->facts.analysis)
        GP_TRY_GOTO(gp_cat_categories_visit(cat, v->facts.scorer, on_category_name, v->columns[CATEGORY].words, err));
    GP_TRY_GOTO(gp_cat_full_rows(cat, &v->facts, on_row, &rd, err));
    GP_TRY_GOTO(rd.st);
    v->groups = rd.groups.texts.count;
    GP_TRY_GOTO(name_prompts(v, cat, err));
    GP_TRY_GOTO(rank_rows(v, err));
    GP_TRY_GOTO(gp_view_end_settings(v, err));
    drop_unfound(v);
    GP_TRY_GOTO(finish_words(v, err));
    GP_TRY_GOTO(index_hashes(v, err));
    GP_TRY_GOTO(gp_view_read_found(v, cat, err));
out:
    gp_words_clear(&rd.groups);
    return st;
}

gp_status gp_view_new(gp_catalog *cat, const char *scorer, gp_view **out, gp_error *err)
{
    gp_view *v = gp_mem_zero(1, sizeof *v);
    if (!v) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the view");
    v->catalog = gp_str_dup(gp_cat_path(cat));
    gp_status st = v->catalog ? gp_cat_read_begin(cat, err) : gp_fail(err, GP_ERR_MEMORY, "out of memory for the view");
    if (st == GP_OK) {
        st = read_all(v, cat, scorer, err);
        gp_cat_read_end(cat);
    }
    if (st == GP_OK)
        *out = v;
    else
        gp_view_free(v);
    return st;
}

void gp_view_free(gp_view *v)
{
    if (!v) return;
    for (size_t i = 0; i < v->column_count; i++) {
        gp_mem_free(v->columns[i].data);
        if (v->columns[i].words) gp_words_clear(v->columns[i].words);
        gp_mem_free(v->columns[i].words);
        gp_mem_free(v->columns[i].owned);
    }
    for (size_t i = 0; i < v->setting_count; i++) {
        gp_mem_free(v->settings[i].name);
        gp_mem_free(v->settings[i].codes);
        gp_mem_free(v->settings[i].numbers);
        gp_words_clear(&v->settings[i].words);
    }
    gp_cat_summary_clear(&v->facts);
    gp_str_clear(&v->categories_json);
    gp_str_clear(&v->slices_json);
    gp_mem_free(v->slices);
    gp_mem_free(v->slots);
    gp_mem_free(v->images);
    gp_mem_free(v->prompt_ids);
    gp_mem_free(v->orientation);
    gp_mem_free(v->others);
    gp_mem_free(v->catalog);
    gp_mem_free(v);
}

/* ------------------------------------------------------------------ looking into it */

size_t gp_view_count(const gp_view *v)
{
    return v->n;
}

size_t gp_view_columns(const gp_view *v)
{
    return v->column_count;
}

const gp_hash *gp_view_hash(const gp_view *v, size_t row)
{
    return (const gp_hash *)v->columns[HASH].data + row;
}

const gp_hash *gp_view_file_hash(const gp_view *v, size_t row)
{
    size_t low = 0, high = v->other_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->others[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->other_count && v->others[low].row == row ? &v->others[low].hash : gp_view_hash(v, row);
}

int64_t gp_view_image(const gp_view *v, size_t row)
{
    return v->images[row];
}

uint32_t gp_view_orientation(const gp_view *v, size_t row)
{
    return v->orientation[row];
}

const char *gp_view_format(const gp_view *v, size_t row)
{
    static const char *const names[] = {"png", "jpeg", "webp"};
    const gp_column *c = &v->columns[FORMAT];
    uint32_t code = ((const uint32_t *)c->data)[row], from = code ? c->words->texts.ends[code - 1] : 0;
    size_t size = c->words->texts.ends[code] - from;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && !memcmp(names[i], c->words->texts.bytes.data + from, size)) return names[i];
    return "png";
}

gp_status gp_view_path(const gp_view *v, size_t row, char **path, gp_error *err)
{
    const gp_texts *t = &v->columns[PATH].words->texts;
    uint32_t from = row ? t->ends[row - 1] : 0;
    *path = gp_str_dup_n(t->bytes.data + from, t->ends[row] - from);
    return *path ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for a path");
}

const char *gp_view_column_name(const gp_view *v, size_t column)
{
    return column < v->column_count ? v->columns[column].name : "";
}

const void *gp_view_column(const gp_view *v, size_t column, size_t *size)
{
    if (column >= v->column_count) return NULL;
    const gp_column *c = &v->columns[column];
    if (c->type == GP_COL_TEXT) return *size = c->words->texts.table_size, c->words->texts.table;
    *size = v->n * gp_column_size(c->type);
    return c->data;
}

const void *gp_view_words(const gp_view *v, size_t column, size_t *size)
{
    if (column >= v->column_count || v->columns[column].type != GP_COL_CODE) return NULL;
    *size = v->columns[column].words->texts.table_size;
    return v->columns[column].words->texts.table;
}

const void *gp_view_slices(const gp_view *v, size_t *size)
{
    *size = v->slices_size;
    return v->slices;
}

void gp_view_rate(gp_view *v, size_t row, int flag, unsigned stars)
{
    ((int8_t *)v->columns[FLAG].data)[row] = (int8_t)flag;
    ((uint8_t *)v->columns[STARS].data)[row] = (uint8_t)stars;
}

void gp_view_rating(const gp_view *v, size_t row, int *flag, unsigned *stars)
{
    *flag = ((const int8_t *)v->columns[FLAG].data)[row];
    *stars = ((const uint8_t *)v->columns[STARS].data)[row];
}
