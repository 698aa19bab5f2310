/* SPDX-License-Identifier: MIT
 * Scorers and scores. A scorer's key contains all properties on which its scores depend, so a stored score is never
 * outdated. A different model, precision or rule gives a different scorer.
 *
 * A score of an image without a prompt has the prompt 0, a row of `prompts` with an empty text. Only scorers that need
 * no text have such scores.
 *
 * Pairs that lack a score are read page by page, ordered by (prompt, image), or by image if the scorer needs no text. No
 * cursor stays open between pages, so the visitor may write and commit. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"
#include <math.h>
#include <string.h>

gp_status gp_cat_scorer_put(gp_catalog *cat, const gp_cat_scorer *scorer, gp_error *err)
{
    gp_q q =
        gp_q_open(cat, "INSERT INTO scorers(key, name, scale, encoder, higher_better, parameters, needs, used, used_at)"
                       " VALUES(?1, ?2, ?3, nullif(?4, 0), ?5, nullif(?6, ''), ?7,"
                       " (SELECT coalesce(max(used), 0) + 1 FROM scorers), unixepoch())"
                       " ON CONFLICT(key) DO UPDATE SET name = excluded.name, scale = excluded.scale,"
                       " used = excluded.used, used_at = excluded.used_at");
    gp_q_text(&q, 1, scorer->id);
    gp_q_text(&q, 2, scorer->name);
    gp_q_text(&q, 3, scorer->scale);
    gp_q_int(&q, 4, scorer->encoder);
    gp_q_int(&q, 5, scorer->higher_better);
    gp_q_text(&q, 6, scorer->parameters);
    gp_q_text(&q, 7, scorer->needs);
    return gp_q_run(&q, err);
}

/* Runs a bound query and copies its single text. NOT_FOUND if there is no row. */
static gp_status copy_text(gp_q *q, char **out, gp_error *err)
{
    bool row;
    GP_TRY(gp_q_step(q, &row, err));
    if (!row) return gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no scores yet", q->cat->path);
    const char *text = gp_q_col_text(q, 0);
    char *copy = text ? gp_str_dup(text) : NULL;
    gp_q_end(q);
    if (!copy) return gp_fail_memory_path(err, "the id of a scorer of catalog '%s'", q->cat->path);
    *out = copy;
    return GP_OK;
}

gp_status gp_cat_scorer_last(gp_catalog *cat, char **id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT key FROM scorers ORDER BY used DESC LIMIT 1");
    return copy_text(&q, id, err);
}

gp_status gp_cat_scorer_model(gp_catalog *cat, const char *scorer, char **model, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT e.model FROM scorers s JOIN encoders e ON e.id = s.encoder"
                            " WHERE ?1 IS NULL OR s.key = ?1 ORDER BY s.used DESC LIMIT 1");
    gp_q_text(&q, 1, scorer);
    return copy_text(&q, model, err);
}

gp_status gp_cat_scorer_of_encoder(gp_catalog *cat, const gp_cat_encoder *encoder, const char *preferred, char **id,
                                   gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT s.key FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder WHERE s.key = ?1 OR"
                            " (e.weight_hash = ?2 AND e.precision = ?3 AND e.preprocess_id = ?4 AND e.text_rule = ?5)"
                            " ORDER BY s.key = ?1 DESC, s.used DESC LIMIT 1");
    gp_q_text(&q, 1, preferred);
    gp_q_text(&q, 2, encoder->weight_hash);
    gp_q_text(&q, 3, encoder->precision);
    gp_q_text(&q, 4, encoder->preprocess_id);
    gp_q_text(&q, 5, encoder->text_rule);
    gp_status st = copy_text(&q, id, err);
    if (st == GP_ERR_NOT_FOUND) *id = NULL;
    return st == GP_ERR_NOT_FOUND ? GP_OK : st;
}

/* Returns whether the text has the form of a key, NAME/HASH/PRECISION/PREPROCESSING/RULE. A name or a path that a user
 * types does not have this form. */
static bool is_key(const char *named)
{
    int slashes = 0;
    if (*named == '/' || *named == '.' || *named == '~') return false;
    for (; *named; named++) slashes += *named == '/';
    return slashes >= 4;
}

gp_status gp_cat_scorer_find(gp_catalog *cat, const char *named, char **id, gp_error *err)
{
    /* A key is unique. A name or model may match several scorers, so all matches are counted. */
    gp_q q =
        gp_q_open(cat, "SELECT s.key, count(*) OVER () FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder"
                       " WHERE s.key = ?1 OR (NOT EXISTS(SELECT 1 FROM scorers WHERE key = ?1)"
                       " AND (?1 = s.name OR (s.key NOT GLOB 'fused-*'" /* fused scores have no model of their own */
                       " AND ?1 IN (e.model, e.model || ':' || e.precision)))) ORDER BY s.used DESC LIMIT 1");
    bool row;
    gp_q_text(&q, 1, named);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row && !is_key(named))
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "'%s' has no scores in catalog '%s': `goldpan status` lists the models that have scores", named,
                       cat->path);
    if (!row)
        return gp_fail_path(
            err, GP_ERR_NOT_FOUND,
            "this model has no scores in catalog '%s': `goldpan status` lists the models that have scores", cat->path);
    int64_t fitting = gp_q_col_int(&q, 1);
    const char *text = gp_q_col_text(&q, 0);
    char *copy = text ? gp_str_dup(text) : NULL;
    gp_q_end(&q);
    if (!copy) return gp_fail_memory_path(err, "the id of a scorer of catalog '%s'", cat->path);
    if (fitting > 1) {
        gp_mem_free(copy);
        return gp_fail(
            err, GP_ERR_USAGE,
            "'%s' matches %lld scorers of catalog '%s': write the scorer's name, MODEL:PRECISION, or the full id "
            "that `goldpan status --json` prints",
            named, (long long)fitting, cat->path);
    }
    *id = copy;
    return GP_OK;
}

gp_status gp_cat_scorers_visit(gp_catalog *cat, bool (*visit)(void *user, const gp_scorer_facts *scorer), void *user,
                               gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(
        cat, "SELECT s.key, s.name, coalesce(e.model, ''), coalesce(e.precision, ''), coalesce(e.preprocess_id, ''), "
             "s.used_at,"
             " (SELECT count(*) FROM scores x LEFT JOIN image_prompts ip ON ip.image = x.image"
             "   WHERE x.scorer = s.id AND x.prompt = coalesce(ip.prompt, 0) AND x.value IS NOT NULL),"
             " (SELECT count(*) FROM picks p WHERE p.scorer = s.id), s.used = (SELECT max(used) FROM scorers)"
             " FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder ORDER BY s.used DESC");
    for (;;) {
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) break;
        gp_scorer_facts s = {.id = gp_q_col_text(&q, 0),
                             .name = gp_q_col_text(&q, 1),
                             .model = gp_q_col_text(&q, 2),
                             .precision = gp_q_col_text(&q, 3),
                             .preprocess_id = gp_q_col_text(&q, 4),
                             .used_at = gp_q_col_int(&q, 5),
                             .images = (uint64_t)gp_q_col_int(&q, 6),
                             .picks = (uint64_t)gp_q_col_int(&q, 7),
                             .last = gp_q_col_int(&q, 8) != 0};
        if (!visit(user, &s)) break;
    }
    gp_q_end(&q);
    return GP_OK;
}

gp_status gp_cat_score_put(gp_catalog *cat, int64_t image, int64_t prompt, const char *scorer, double value,
                           gp_error *err)
{
    if (isinf(value)) return gp_fail(err, GP_ERR_FORMAT, "a score must not be infinite"); /* NaN means no score */
    if (prompt == 0) {
        gp_q none = gp_q_open(cat, "INSERT OR IGNORE INTO prompts(id, text) VALUES(0, '')");
        GP_TRY(gp_q_run(&none, err));
    }
    gp_q q = gp_q_open(cat, "INSERT INTO scores(scorer, prompt, image, value)"
                            " SELECT id, ?2, ?1, ?4 FROM scorers WHERE key = ?3"
                            " ON CONFLICT(scorer, prompt, image) DO UPDATE SET value = excluded.value");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, prompt);
    gp_q_text(&q, 3, scorer);
    gp_q_real(&q, 4, value);
    GP_TRY(gp_q_run(&q, err));
    if (sqlite3_changes(cat->db) == 0)
        return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' has no scorer '%s'", cat->path, scorer);
    return GP_OK;
}

gp_status gp_cat_scores_visit(gp_catalog *cat, const char *scorer, bool *higher_better,
                              bool (*visit)(void *user, int64_t prompt, const char *text, double score), void *user,
                              gp_error *err)
{
    int64_t higher = 1;
    bool row = false;
    gp_q q = gp_q_open(cat, "SELECT higher_better FROM scorers WHERE key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_one(&q, 1, &higher, err));
    *higher_better = higher != 0;
    q = gp_q_open(cat, "SELECT s.prompt, t.text, s.value FROM scorers x JOIN scores s ON s.scorer = x.id"
                       " JOIN image_prompts ip ON ip.image = s.image AND ip.prompt = s.prompt"
                       " JOIN images i ON i.id = s.image AND i.apart IS NULL"
                       " JOIN prompts t ON t.id = s.prompt WHERE x.key = ? AND s.value IS NOT NULL"
                       " AND EXISTS(SELECT 1 FROM paths p WHERE p.image = s.image AND p.missing = 0)"
                       " ORDER BY s.prompt, s.image");
    gp_q_text(&q, 1, scorer);
    for (;;) {
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) break;
        const char *text = gp_q_col_text(&q, 1);
        if (!text) {
            gp_q_end(&q);
            return gp_db_fail(cat, SQLITE_NOMEM, err);
        }
        if (!visit(user, gp_q_col_int(&q, 0), text, sqlite3_column_double(q.stmt, 2))) break;
    }
    gp_q_end(&q);
    return GP_OK;
}

/* ------------------------------------------------------------------ pairs that lack a score */

typedef struct pair_page {
    int64_t image[GP_CAT_PAIR_PAGE], prompt[GP_CAT_PAIR_PAGE];
    float *images, *texts; /* [GP_CAT_PAIR_PAGE, dims] each; texts is NULL if the scorer does not need it */
    size_t count;
    uint32_t dims;
} pair_page;

static gp_status copy_vector(gp_q *q, int column, float *out, uint32_t dims, gp_error *err)
{
    const void *bytes = sqlite3_column_blob(q->stmt, column);
    if (!bytes || (size_t)sqlite3_column_bytes(q->stmt, column) != (size_t)dims * 4)
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an embedding has the wrong length",
                            q->cat->path);
    gp_db_floats_from_le(bytes, out, dims);
    return GP_OK;
}

#define PAIRS(columns, join)                                                                                           \
    "SELECT ip.image, ip.prompt, v.vector" columns " FROM image_prompts ip"                                            \
    " CROSS JOIN images i ON i.id = ip.image AND i.apart IS NULL"                                                      \
    " CROSS JOIN image_embeddings v ON v.encoder = ?2 AND v.image = ip.image" join                                     \
    " WHERE (ip.prompt, ip.image) > (?3, ?4) AND ip.image > ?7 AND ip.image <= ?8 AND (?6 OR ip.evidence <> 'guess') " \
    "AND NOT "                                                                                                         \
    "EXISTS(SELECT 1 FROM scores s WHERE s.scorer = ?1"                                                                \
    " AND s.prompt = ip.prompt AND s.image = ip.image) ORDER BY ip.prompt, ip.image LIMIT ?5"

/* The same for a scorer that needs no text: selects every image, with prompt 0 if the image has none. Images with a
 * guessed prompt are selected too. */
static const char images_sql[] =
    "SELECT v.image, coalesce(ip.prompt, 0), v.vector FROM image_embeddings v"
    " CROSS JOIN images i ON i.id = v.image AND i.apart IS NULL LEFT JOIN image_prompts ip ON ip.image = v.image"
    " WHERE v.encoder = ?2 AND v.image > max(?4, ?7) AND v.image <= ?8 AND NOT EXISTS(SELECT 1 FROM scores s"
    "  WHERE s.scorer = ?1 AND s.prompt = coalesce(ip.prompt, 0) AND s.image = v.image) ORDER BY v.image LIMIT ?5";

typedef struct pair_scorer {
    int64_t id, encoder, dims;
    bool needs_text;
    int64_t after, upto; /* only images with after < id <= upto */
} pair_scorer;

/* Reads the next pairs after (prompt, image). */
static gp_status pair_page_read(gp_catalog *cat, const pair_scorer *s, bool guesses, int64_t prompt, int64_t image,
                                pair_page *page, gp_error *err)
{
    gp_status st;
    bool row;
    gp_q q = gp_q_open(cat, s->needs_text ? PAIRS(", t.vector", " CROSS JOIN prompt_embeddings t ON t.encoder = ?2"
                                                                " AND t.prompt = ip.prompt")
                                          : images_sql);
    gp_q_int(&q, 1, s->id);
    gp_q_int(&q, 2, s->encoder);
    gp_q_int(&q, 3, prompt);
    gp_q_int(&q, 4, image);
    gp_q_int(&q, 5, GP_CAT_PAIR_PAGE);
    gp_q_int(&q, 6, guesses);
    gp_q_int(&q, 7, s->after);
    gp_q_int(&q, 8, s->upto);
    for (page->count = 0; page->count < GP_CAT_PAIR_PAGE; page->count++) {
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) break;
        size_t i = page->count;
        page->image[i] = gp_q_col_int(&q, 0);
        page->prompt[i] = gp_q_col_int(&q, 1);
        GP_TRY_GOTO(copy_vector(&q, 2, page->images + i * page->dims, page->dims, err));
        if (page->texts) GP_TRY_GOTO(copy_vector(&q, 3, page->texts + i * page->dims, page->dims, err));
    }
    st = GP_OK;
out:
    gp_q_end(&q);
    return st;
}

static gp_status pair_scorer_read(gp_catalog *cat, const char *scorer, pair_scorer *out, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT s.id, s.encoder, e.dims, s.needs = 'pair' FROM scorers s"
                            " LEFT JOIN encoders e ON e.id = s.encoder WHERE s.key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' has no scorer '%s'", cat->path, scorer);
    out->id = gp_q_col_int(&q, 0), out->encoder = gp_q_col_int(&q, 1), out->dims = gp_q_col_int(&q, 2);
    out->needs_text = gp_q_col_int(&q, 3) != 0;
    gp_q_end(&q);
    if (out->dims < 1 || out->dims > 65536)
        return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s': scorer '%s' has no encoder, so it has no embeddings",
                            cat->path, scorer);
    return GP_OK;
}

gp_status gp_cat_image_pair(gp_catalog *cat, int64_t image, int64_t encoder, float *vector, uint32_t dims,
                            gp_cat_pair *out, gp_error *err)
{
    bool row;
    gp_status st = GP_OK;
    *out = (gp_cat_pair){0};
    gp_q q =
        gp_q_open(cat, "SELECT i.apart IS NULL, coalesce(ip.prompt, 0), ip.evidence = 'guess', t.vector FROM images i"
                       " LEFT JOIN image_prompts ip ON ip.image = i.id"
                       " LEFT JOIN prompt_embeddings t ON t.encoder = ?2 AND t.prompt = ip.prompt WHERE i.id = ?1");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, encoder);
    GP_TRY(gp_q_step(&q, &row, err));
    if (row) {
        out->candidate = gp_q_col_int(&q, 0) != 0;
        out->prompt = gp_q_col_int(&q, 1);
        out->guess = gp_q_col_int(&q, 2) != 0;
        out->has_vector = sqlite3_column_type(q.stmt, 3) != SQLITE_NULL;
        if (out->has_vector) st = copy_vector(&q, 3, vector, dims, err);
    }
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_pairs_todo(gp_catalog *cat, const char *scorer, bool guesses,
                            bool (*visit)(void *user, const gp_cat_pairs *pairs), void *user, gp_error *err)
{
    return gp_cat_pairs_todo_of(cat, scorer, guesses, 0, INT64_MAX, visit, user, err);
}

gp_status gp_cat_pairs_todo_of(gp_catalog *cat, const char *scorer, bool guesses, int64_t after, int64_t upto,
                               bool (*visit)(void *user, const gp_cat_pairs *pairs), void *user, gp_error *err)
{
    gp_status st;
    pair_page *page = NULL;
    pair_scorer s = {.after = after, .upto = upto};
    int64_t prompt = INT64_MIN, image = INT64_MIN;
    GP_TRY(pair_scorer_read(cat, scorer, &s, err));
    const size_t floats = GP_CAT_PAIR_PAGE * (size_t)s.dims;
    GP_TRY(gp_alloc((void **)&page, 1, sizeof *page, "a page of embeddings", err));
    page->images = page->texts = NULL;
    page->dims = (uint32_t)s.dims;
    GP_TRY_GOTO(gp_alloc((void **)&page->images, floats, sizeof(float), "a page of embeddings", err));
    if (s.needs_text) GP_TRY_GOTO(gp_alloc((void **)&page->texts, floats, sizeof(float), "a page of embeddings", err));
    do {
        GP_TRY_GOTO(pair_page_read(cat, &s, guesses, prompt, image, page, err));
        const gp_cat_pairs pairs = {page->count, page->dims, page->image, page->prompt, page->images, page->texts};
        if (page->count == 0) break;
        prompt = page->prompt[page->count - 1];
        image = page->image[page->count - 1];
        if (!visit(user, &pairs)) break;
    } while (page->count == GP_CAT_PAIR_PAGE);
out:
    if (page) gp_mem_free(page->texts), gp_mem_free(page->images);
    gp_mem_free(page);
    return st;
}
