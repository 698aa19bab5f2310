/* SPDX-License-Identifier: MIT
 * Counts, and the cursor over rows.
 *
 * The cursor uses two statements. The first sorts the images and ranks them within their prompt by window functions. It
 * contains only numbers, so that SQLite sorts little data even for 100,000 images. The second reads the texts of one
 * image at a time. Both see the same snapshot, because the first statement keeps it open. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

gp_status gp_cat_counts(gp_catalog *cat, gp_counts *counts, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(
        cat, "SELECT a.images, (SELECT count(*) FROM paths),"
             " (SELECT count(*) FROM paths WHERE missing = 1), (SELECT count(*) FROM prompts WHERE id > 0),"
             " e.prompts, (SELECT count(*) FROM image_embeddings),"
             " (SELECT count(*) FROM prompt_embeddings), (SELECT count(*) FROM scores),"
             " (SELECT count(*) FROM picks), (SELECT count(*) FROM failures),"
             " a.apart,"
             " (SELECT count(*) FROM picks k WHERE NOT EXISTS"
             "   (SELECT 1 FROM paths p WHERE p.image = k.image AND p.missing = 0)),"
             " (SELECT count(*) FROM (SELECT 1 FROM image_prompts ip JOIN images i ON i.id = ip.image"
             "   WHERE ip.prompt IS NOT NULL AND i.apart IS NULL AND EXISTS"
             "    (SELECT 1 FROM paths p WHERE p.image = ip.image AND p.missing = 0)"
             "   GROUP BY ip.prompt HAVING count(*) > 1)),"
             " e.stated, e.derived, e.guesses, (SELECT count(*) FROM image_quality), a.black, a.noise,"
             " g.planned, g.got, g.failed, g.refused, g.interrupted"
             " FROM (SELECT count(*) AS images, count(apart) AS apart,"
             "   count(*) FILTER (WHERE apart = 'black') AS black,"
             "   count(*) FILTER (WHERE apart = 'noise') AS noise FROM images) a, (SELECT count(prompt) AS prompts,"
             "   count(*) FILTER (WHERE evidence = 'stated') AS stated,"
             "   count(*) FILTER (WHERE evidence = 'derived') AS derived,"
             "   count(*) FILTER (WHERE evidence = 'guess') AS guesses FROM image_prompts) e, (SELECT"
             "   count(*) FILTER (WHERE state IN ('planned', 'submitted')) AS planned,"
             "   count(*) FILTER (WHERE state = 'got') AS got, count(*) FILTER (WHERE state = 'failed') AS failed,"
             "   count(*) FILTER (WHERE state = 'refused') AS refused,"
             "   count(*) FILTER (WHERE state = 'interrupted') AS interrupted FROM generations) g");
    GP_TRY(gp_q_step(&q, &row, err));
    uint64_t n[24] = {0};
    for (int i = 0; row && i < 24; i++) n[i] = (uint64_t)gp_q_col_int(&q, i);
    gp_q_end(&q);
    *counts = (gp_counts){
        .images = n[0],
        .paths = n[1],
        .missing_paths = n[2],
        .prompts = n[3],
        .images_with_prompt = n[4],
        .image_embeddings = n[5],
        .prompt_embeddings = n[6],
        .scores = n[7],
        .picks = n[8],
        .failures = n[9],
        .apart = n[10],
        .missing_picks = n[11],
        .contested = n[12],
        .stated = n[13],
        .derived = n[14],
        .guesses = n[15],
        .measured = n[16],
        .black = n[17],
        .noise = n[18],
        .requests = {.planned = n[19], .got = n[20], .failed = n[21], .refused = n[22], .interrupted = n[23]}};
    return GP_OK;
}

gp_status gp_cat_without_prompt(gp_catalog *cat, uint64_t *images, gp_error *err)
{
    int64_t n = 0;
    gp_q q = gp_q_open(cat, "SELECT (SELECT count(*) FROM images) - (SELECT count(prompt) FROM image_prompts)");
    GP_TRY(gp_q_one(&q, 0, &n, err));
    *images = (uint64_t)n;
    return GP_OK;
}

gp_status gp_cat_has_embeddings(gp_catalog *cat, bool *has, gp_error *err)
{
    int64_t any = 0;
    gp_q q = gp_q_open(cat, "SELECT EXISTS(SELECT 1 FROM image_embeddings)");
    GP_TRY(gp_q_one(&q, 0, &any, err));
    *has = any != 0;
    return GP_OK;
}

gp_status gp_cat_missing(gp_catalog *cat, bool (*visit)(void *, const gp_missing *), void *user, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT rtrim(rtrim(min(p.path), replace(min(p.path), '/', '')), '/') AS folder, count(*),"
                            " count(k.image) FROM images i JOIN paths p ON p.id ="
                            "  (SELECT x.id FROM paths x WHERE x.image = i.id ORDER BY x.path LIMIT 1)"
                            " LEFT JOIN picks k ON k.image = i.id WHERE NOT EXISTS"
                            "  (SELECT 1 FROM paths x WHERE x.image = i.id AND x.missing = 0)"
                            " GROUP BY rtrim(p.path, replace(p.path, '/', '')) ORDER BY count(*) DESC, folder");
    for (;;) {
        bool row;
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) return GP_OK;
        gp_missing missing = {gp_q_col_text(&q, 0), (uint64_t)gp_q_col_int(&q, 1), (uint64_t)gp_q_col_int(&q, 2)};
        if (!missing.folder) {
            gp_q_end(&q);
            return gp_db_fail(cat, SQLITE_NOMEM, err);
        }
        if (!visit(user, &missing)) {
            gp_q_end(&q);
            return GP_OK;
        }
    }
}

struct gp_rows {
    gp_catalog *cat;
    sqlite3_stmt *order;  /* image, score, rank, candidates, picked, flag, stars */
    sqlite3_stmt *detail; /* texts of one image */
    int64_t scorer;       /* its id; 0: there are no scores yet */
    bool softmax;         /* compute `preferred` */
    gp_row row;
    bool done;
};

/* ------------------------------------------------------------------ the sorting statement */

/* Parameters: ?1 the scorer's id; ?2 -1 if a higher score is better, else 1; ?3 the image of the requested path; ?4 a
 * JSON array of tags. */

static const char order_head[] =
    "WITH base AS (SELECT i.id AS image, i.hash AS hash, ip.prompt AS prompt, s.value AS value,"
    "  EXISTS(SELECT 1 FROM paths p WHERE p.image = i.id AND p.missing = 0) AS present, k.image IS NOT NULL AS picked,"
    "  coalesce(r.flag, 0) AS flag, coalesce(r.stars, 0) AS stars"
    " FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id"
    " LEFT JOIN scores s ON s.scorer = ?1 AND s.prompt = coalesce(ip.prompt, 0) AND s.image = i.id AND i.apart IS NULL"
    " LEFT JOIN picks k ON k.image = i.id LEFT JOIN ratings r ON r.image = i.id";
/* To rank a single image, only the images of its prompt are needed. */
static const char order_one[] = " WHERE i.id IN (SELECT ?3 UNION SELECT image FROM image_prompts WHERE prompt ="
                                " (SELECT prompt FROM image_prompts WHERE image = ?3))";
/* An image that is not on disk gets no rank. It is listed only while it is a pick. */
static const char order_ranked[] =
    "), ranked AS (SELECT image, hash, prompt, value, present, picked, flag, stars,"
    "  CASE WHEN present AND value IS NOT NULL AND prompt IS NOT NULL THEN row_number() OVER"
    "   (PARTITION BY prompt, present, value IS NULL ORDER BY value * ?2, hash) ELSE 0 END AS rank,"
    "  CASE WHEN prompt IS NULL THEN 0 ELSE count(value) FILTER (WHERE present) OVER (PARTITION BY prompt) END AS "
    "rivals"
    " FROM base) SELECT image, value, rank, rivals, picked, flag, stars FROM ranked LEFT JOIN prompts t ON t.id = "
    "prompt";
/* Suggested picks are left out for prompts that have an image flagged as a pick. Only flagged images whose file exists
 * count, because the page lists only these images. */
static const char mine_only[] = " AND (flag = 1)";
static const char mine_and_suggested[] =
    " AND (flag = 1 OR (picked AND flag = 0 AND (ranked.prompt IS NULL OR ranked.prompt NOT IN"
    " (SELECT prompt FROM base WHERE flag = 1 AND present AND prompt IS NOT NULL))))";
static const char tagged[] = " AND image IN (SELECT t.image FROM tags t WHERE t.removed = 0 AND t.tag IN"
                             " (SELECT value FROM json_each(?4)))";
static const char *const order_by[] = {
    [GP_ORDER_PROMPT] = " ORDER BY t.text IS NULL, t.text, rank = 0, rank, hash",
    [GP_ORDER_SCORE] = " ORDER BY value IS NULL, value * ?2, hash",
    [GP_ORDER_PATH] =
        " ORDER BY (SELECT p.path FROM paths p WHERE p.image = ranked.image ORDER BY missing, path LIMIT 1)",
};

enum { TAGS_AT = 23, CUT_AT = 24 /* columns of detail_sql */ };
static const char detail_sql[] =
    "SELECT p.path, (SELECT count(*) FROM paths c WHERE c.image = i.id), lower(hex(i.hash)), i.format, i.width, "
    "i.height,"
    " i.orientation, t.text, ip.raw, ip.negative, ip.source, ip.settings,"
    " (SELECT f.message FROM failures f WHERE f.image = i.id ORDER BY f.at DESC, f.path, f.stage LIMIT 1),"
    " lower(hex(coalesce(p.hash, i.hash))), i.apart,"
    " coalesce(ip.evidence, 'none'),"
    " " GP_DB_QUALITY ", " GP_DB_TAGS_OF(
        "i.id") ", (SELECT e.truncated FROM prompt_embeddings e JOIN scorers c ON c.id = ?3 AND c.needs = 'pair'"
                "  AND e.encoder = c.encoder WHERE e.prompt = ip.prompt)"
                " FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id LEFT JOIN prompts t ON t.id = ip.prompt"
                " LEFT JOIN image_quality q ON q.image = i.id"
                " LEFT JOIN paths p ON p.id = coalesce((SELECT x.id FROM paths x WHERE x.path = ?2),"
                "  (SELECT x.id FROM paths x WHERE x.image = i.id ORDER BY x.missing, x.path LIMIT 1))"
                " WHERE i.id = ?1";

/* Finds the scorer's id and direction, and whether its scores are logits of a preference (*softmax). picks: prefer the scorer by which the newest picks were made. *number is 0 if
 * there are no scores yet. */
static gp_status find_scorer(gp_catalog *cat, const char *key, bool picks, int64_t *number, int64_t *sign,
                             bool *softmax, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT id, higher_better, key GLOB 'pickscore/*' FROM scorers WHERE ?1 IS NULL OR key = ?1"
                            " ORDER BY ?2 AND id = (SELECT scorer FROM picks ORDER BY picked_at DESC, image LIMIT 1)"
                            " DESC, used DESC LIMIT 1");
    gp_q_text(&q, 1, key);
    gp_q_int(&q, 2, picks);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row && key) return gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no scores by '%s'", cat->path, key);
    *number = row ? gp_q_col_int(&q, 0) : 0;
    *sign = row && gp_q_col_int(&q, 1) == 0 ? 1 : -1;
    *softmax = row && gp_q_col_int(&q, 2) != 0;
    gp_q_end(&q);
    return GP_OK;
}

static gp_status find_path(gp_catalog *cat, const char *path, int64_t *image, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT image FROM paths WHERE path = ?");
    gp_q_text(&q, 1, path);
    return gp_q_one(&q, 0, image, err);
}

static void put_order(gp_str *sql, const gp_query *query)
{
    gp_str_puts(sql, order_head);
    if (query->path) gp_str_puts(sql, order_one);
    gp_str_puts(sql, order_ranked);
    gp_str_puts(sql, query->path ? " WHERE image = ?3" : " WHERE (present OR picked)");
    if (query->mine)
        gp_str_puts(sql, query->suggested ? mine_and_suggested : mine_only);
    else if (query->picked_only)
        gp_str_puts(sql, query->by_hand ? " AND (flag = 1 OR (picked AND flag = 0))" : " AND picked");
    if (query->min_stars) gp_str_printf(sql, " AND stars >= %" PRIu64, query->min_stars);
    if (query->tag_count) gp_str_puts(sql, tagged);
    gp_str_puts(sql, order_by[query->order]);
}

static gp_status prepare_order(gp_rows *rows, const gp_query *query, int64_t image, gp_error *err)
{
    gp_catalog *cat = rows->cat;
    int64_t sign = -1;
    gp_str sql = GP_STR_INIT;
    char *tags = NULL;
    GP_TRY(
        find_scorer(cat, query->scorer, query->picked_only || query->mine, &rows->scorer, &sign, &rows->softmax, err));
    rows->softmax = rows->softmax && query->path;
    if (query->tag_count) GP_TRY(gp_db_tags_json(query->tags, query->tag_count, &tags, err));
    put_order(&sql, query);
    int rc = sql.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(cat->db, sql.data, -1, &rows->order, NULL);
    gp_str_clear(&sql);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(rows->order, 1, rows->scorer);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(rows->order, 2, sign);
    if (rc == SQLITE_OK && query->path) rc = sqlite3_bind_int64(rows->order, 3, image);
    if (rc == SQLITE_OK && tags) rc = sqlite3_bind_text(rows->order, 4, tags, -1, SQLITE_TRANSIENT);
    gp_mem_free(tags);
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}

gp_status gp_cat_rows_open(gp_catalog *cat, const gp_query *query, gp_rows **out, gp_error *err)
{
    static const gp_query defaults = GP_QUERY_DEFAULTS;
    gp_status st;
    gp_rows *rows = NULL;
    char *absolute = NULL;
    int64_t image = 0;
    int rc;
    if (!query) query = &defaults;
    if ((unsigned)query->order > GP_ORDER_PATH)
        return gp_fail(err, GP_ERR_USAGE, "unknown row order %d", (int)query->order);
    GP_TRY(gp_alloc((void **)&rows, 1, sizeof *rows, "a cursor", err));
    memset(rows, 0, sizeof *rows);
    rows->cat = cat;
    if (query->path) {

        absolute = gp_path_absolute(query->path);
        if (!absolute) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", query->path));
        GP_TRY_GOTO(find_path(cat, absolute, &image, err));
    }
    GP_TRY_GOTO(prepare_order(rows, query, image, err));
    rc = sqlite3_prepare_v2(cat->db, detail_sql, -1, &rows->detail, NULL);
    if (rc == SQLITE_OK && absolute) rc = sqlite3_bind_text(rows->detail, 2, absolute, -1, SQLITE_TRANSIENT);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(rows->detail, 3, rows->scorer);
    if (rc != SQLITE_OK) GP_TRY_GOTO(gp_db_fail(cat, rc, err));
    *out = rows;
    rows = NULL;
    st = GP_OK;
out:
    gp_mem_free(absolute);
    gp_cat_rows_close(rows);
    return st;
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

/* Computes the softmax of the row's score among the scores of its prompt. */
static gp_status fill_preferred(gp_rows *rows, gp_error *err)
{
    gp_row *r = &rows->row;
    bool row = false;
    double sum = 0;
    gp_q q =
        gp_q_open(rows->cat, "SELECT s.value FROM image_prompts own JOIN image_prompts ip ON ip.prompt = own.prompt"
                             " JOIN images i ON i.id = ip.image AND i.apart IS NULL"
                             " JOIN scores s ON s.scorer = ?1 AND s.prompt = ip.prompt AND s.image = ip.image"
                             " WHERE own.image = ?2 AND s.value IS NOT NULL AND EXISTS(SELECT 1 FROM paths p WHERE"
                             "  p.image = ip.image AND p.missing = 0)");
    gp_q_int(&q, 1, rows->scorer);
    gp_q_int(&q, 2, r->image);
    for (;;) {
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) break;
        sum += exp(sqlite3_column_double(q.stmt, 0) - r->score);
    }
    gp_q_end(&q);
    r->preferred = sum >= 1 ? 1 / sum : 0;
    return GP_OK;
}

/* Fills rows->row from the current rows of both statements. */
static gp_status fill_row(gp_rows *rows, gp_error *err)
{
    sqlite3_stmt *o = rows->order, *d = rows->detail;
    gp_row *r = &rows->row;
    r->image = sqlite3_column_int64(o, 0);
    r->has_score = sqlite3_column_type(o, 1) != SQLITE_NULL;
    r->score = sqlite3_column_double(o, 1);
    r->rank = (uint32_t)sqlite3_column_int64(o, 2);
    r->candidates = (uint32_t)sqlite3_column_int64(o, 3);
    r->picked = sqlite3_column_int64(o, 4) != 0;
    r->flag = (int)sqlite3_column_int64(o, 5);
    r->stars = (uint32_t)sqlite3_column_int64(o, 6);
    r->path = text_at(d, 0);
    r->path_count = (uint64_t)sqlite3_column_int64(d, 1);
    r->hash = text_at(d, 2);
    r->format = text_at(d, 3);
    r->width = (uint32_t)sqlite3_column_int64(d, 4);
    r->height = (uint32_t)sqlite3_column_int64(d, 5);
    r->orientation = (uint32_t)sqlite3_column_int64(d, 6);
    r->prompt = text_at(d, 7);
    r->prompt_raw = text_at(d, 8);
    r->negative = text_at(d, 9);
    r->prompt_source = text_at(d, 10);
    r->settings_json = text_at(d, 11);
    r->failure = text_at(d, 12);
    r->file_hash = text_at(d, 13);
    r->apart = text_at(d, 14);
    r->evidence = text_at(d, 15);
    r->has_quality = sqlite3_column_type(d, 16) != SQLITE_NULL;
    gp_db_quality_at(d, 16, &r->quality);
    r->tags = text_at(d, TAGS_AT);
    r->prompt_cut = r->has_score && sqlite3_column_int(d, CUT_AT) != 0;
    r->preferred = 0;
    if (rows->softmax && r->rank) GP_TRY(fill_preferred(rows, err));
    /* A text may also be NULL because SQLite could not convert or copy it. The type of the column distinguishes this
     * error from an absent text. */
    for (int i = 0; i <= TAGS_AT; i++)
        if ((i <= 16 || i == TAGS_AT) && sqlite3_column_type(d, i) != SQLITE_NULL && !sqlite3_column_text(d, i))
            return gp_db_fail(rows->cat, SQLITE_NOMEM, err);
    return GP_OK;
}

gp_status gp_cat_rows_next(gp_rows *rows, const gp_row **row, gp_error *err)
{
    if (rows->done) {
        *row = NULL;
        return GP_OK;
    }
    sqlite3_reset(rows->detail);
    int rc = sqlite3_step(rows->order);
    if (rc == SQLITE_DONE) {
        rows->done = true;
        sqlite3_reset(rows->order); /* releases the snapshot */
        *row = NULL;
        return GP_OK;
    }
    if (rc != SQLITE_ROW) return gp_db_fail(rows->cat, rc, err);
    rc = sqlite3_bind_int64(rows->detail, 1, sqlite3_column_int64(rows->order, 0));
    if (rc == SQLITE_OK) rc = sqlite3_step(rows->detail);
    if (rc != SQLITE_ROW) return gp_db_fail(rows->cat, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, err);
    GP_TRY(fill_row(rows, err));
    *row = &rows->row;
    return GP_OK;
}

void gp_cat_rows_close(gp_rows *rows)
{
    if (!rows) return;
    sqlite3_finalize(rows->order);
    sqlite3_finalize(rows->detail);
    gp_mem_free(rows);
}
