/* SPDX-License-Identifier: MIT
 * Reads all images with their prompts and results. One statement joins the tables by primary key in order of images. A
 * second one walks the index of paths in parallel, because a subquery for the first path of each image costs seconds at
 * 100,000 images. */
#include "catalog/read_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"
#include "catalog/generations.h"
#include <math.h>

gp_status gp_cat_read_begin(gp_catalog *cat, gp_error *err)
{
    return gp_db_exec(cat, "SAVEPOINT reading", err);
}

void gp_cat_read_end(gp_catalog *cat)
{
    (void)gp_db_exec(cat, "RELEASE reading", NULL);
}

/* ------------------------------------------------------------------ summary */

static gp_status copy_text(const gp_q *q, int column, char **out, gp_error *err)
{
    const char *text = gp_q_col_text(q, column);
    *out = text ? gp_str_dup(text) : NULL;
    return text && !*out ? gp_fail_memory_path(err, "the summary of catalog '%s'", q->cat->path) : GP_OK;
}

gp_status gp_cat_summary_read(gp_catalog *cat, const char *scorer, gp_cat_summary *out, gp_error *err)
{
    bool row;
    gp_status st = GP_OK;
    gp_cat_summary f = {.higher_better = true};
    gp_q n = gp_q_open(cat, "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM failures)");
    gp_q q = gp_q_open(cat, "SELECT s.key, s.name, s.scale, coalesce(e.model, ''), s.higher_better, s.id, s.encoder,"
                            " a.id, CASE WHEN json_valid(a.settings) THEN json_extract(a.settings, '$.remark') END"
                            " FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder"
                            " LEFT JOIN analyses a ON a.scorer = s.id WHERE ?1 IS NULL OR s.key = ?1"
                            " ORDER BY s.used DESC LIMIT 1");
    GP_TRY_GOTO(gp_q_step(&n, &row, err));
    f.images = (uint64_t)gp_q_col_int(&n, 0), f.failures = (uint64_t)gp_q_col_int(&n, 1);
    gp_q_text(&q, 1, scorer);
    GP_TRY_GOTO(gp_q_step(&q, &row, err));
    if (!row && scorer)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no scores by '%s'", cat->path, scorer));
    if (row) {
        GP_TRY_GOTO(copy_text(&q, 0, &f.scorer, err));
        GP_TRY_GOTO(copy_text(&q, 1, &f.name, err));
        GP_TRY_GOTO(copy_text(&q, 2, &f.scale, err));
        GP_TRY_GOTO(copy_text(&q, 3, &f.model, err));
        GP_TRY_GOTO(copy_text(&q, 8, &f.note, err));
        f.higher_better = gp_q_col_int(&q, 4) != 0;
        f.number = gp_q_col_int(&q, 5), f.encoder = gp_q_col_int(&q, 6), f.analysis = gp_q_col_int(&q, 7);
    }
    *out = f;
    f = (gp_cat_summary){0};
out:
    gp_q_end(&n);
    gp_q_end(&q);
    gp_cat_summary_clear(&f);
    return st;
}

void gp_cat_summary_clear(gp_cat_summary *facts)
{
    gp_mem_free(facts->scorer);
    gp_mem_free(facts->name);
    gp_mem_free(facts->scale);
    gp_mem_free(facts->model);
    gp_mem_free(facts->note);
    *facts = (gp_cat_summary){0};
}

/* ------------------------------------------------------------------ rows */

static double real_at(const gp_q *q, int i)
{
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL ? NAN : sqlite3_column_double(q->stmt, i);
}

static int64_t int_at(const gp_q *q, int i, int64_t fallback)
{
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL ? fallback : gp_q_col_int(q, i);
}

static const char rows_sql[] =
    "SELECT i.id, ip.prompt, i.hash, i.bytes, i.added, i.width, i.height, i.orientation, i.format, ip.negative,"
    " ip.source, ip.settings, s.value, t.z_prompt, t.z_category, t.percentile, t.corrected, m.x, m.y, c.place,"
    " d.in_group, d.likeness, d.keeper, k.image IS NOT NULL, coalesce(r.flag, 0), coalesce(r.stars, 0), i.apart,"
    " coalesce(ip.evidence, 'none'), " GP_DB_QUALITY " FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id"
    " LEFT JOIN scores s ON s.scorer = ?1 AND s.prompt = coalesce(ip.prompt, 0) AND s.image = i.id AND i.apart IS NULL"
    " LEFT JOIN standings t ON t.analysis = ?2 AND t.image = i.id"
    " LEFT JOIN categories c ON c.id = t.category"
    " LEFT JOIN map_images m ON m.encoder = ?3 AND m.image = i.id"
    " LEFT JOIN (SELECT d.image AS image, d.in_group AS in_group, d.likeness AS likeness, d.image = g.keeper AS keeper"
    "  FROM duplicate_groups g JOIN duplicates d ON d.in_group = g.id WHERE g.analysis = ?2) d ON d.image = i.id"
    " LEFT JOIN picks k ON k.image = i.id LEFT JOIN ratings r ON r.image = i.id"
    " LEFT JOIN image_quality q ON q.image = i.id ORDER BY i.id";

static gp_status fill_row(const gp_q *q, gp_cat_full_row *row, gp_error *err)
{
    GP_TRY(gp_q_image_hash(q, 2, &row->hash, err));
    row->image = gp_q_col_int(q, 0), row->prompt = gp_q_col_int(q, 1);
    row->bytes = (uint64_t)gp_q_col_int(q, 3), row->added = gp_q_col_int(q, 4);
    row->width = (uint32_t)gp_q_col_int(q, 5), row->height = (uint32_t)gp_q_col_int(q, 6);
    row->orientation = (uint32_t)gp_q_col_int(q, 7);
    row->format = gp_q_col_text(q, 8), row->negative = gp_q_col_text(q, 9);
    row->source = gp_q_col_text(q, 10), row->settings = gp_q_col_text(q, 11);
    row->score = real_at(q, 12), row->z_prompt = real_at(q, 13), row->z_category = real_at(q, 14);
    row->percentile = real_at(q, 15), row->corrected = real_at(q, 16);
    row->x = real_at(q, 17), row->y = real_at(q, 18);
    row->category = int_at(q, 19, -1), row->group = int_at(q, 20, -1), row->likeness = real_at(q, 21);
    row->keeper = gp_q_col_int(q, 22) != 0, row->picked = gp_q_col_int(q, 23) != 0;
    row->flag = (int)gp_q_col_int(q, 24), row->stars = (int)gp_q_col_int(q, 25);
    row->apart = gp_q_col_text(q, 26);
    if (sqlite3_column_type(q->stmt, 26) != SQLITE_NULL && !row->apart) return gp_db_fail(q->cat, SQLITE_NOMEM, err);
    row->evidence = gp_q_col_text(q, 27);
    if (!row->evidence) return gp_db_fail(q->cat, SQLITE_NOMEM, err);
    row->measured = sqlite3_column_type(q->stmt, 28) != SQLITE_NULL;
    gp_db_quality_at(q->stmt, 28, &row->quality);
    for (int i = 8; i <= 11; i++) /* a NULL text may also mean that the text could not be copied */
        if (sqlite3_column_type(q->stmt, i) != SQLITE_NULL && !gp_q_col_text(q, i))
            return gp_db_fail(q->cat, SQLITE_NOMEM, err);
    return GP_OK;
}

gp_status gp_cat_full_rows(gp_catalog *cat, const gp_cat_summary *facts,
                           bool (*visit)(void *user, const gp_cat_full_row *row), void *user, gp_error *err)
{
    gp_status st;
    bool more, path;
    gp_cat_full_row row = {0};
    gp_q q = gp_q_open(cat, rows_sql);
    gp_q p = gp_q_open(cat, "SELECT image, path, hash FROM paths WHERE missing = 0 ORDER BY image, path");
    gp_q_int(&q, 1, facts->number);
    gp_q_int(&q, 2, facts->analysis);
    gp_q_int(&q, 3, facts->encoder);
    GP_TRY_GOTO(gp_q_step(&p, &path, err));
    for (;;) {
        GP_TRY_GOTO(gp_q_step(&q, &more, err));
        if (!more) break;
        int64_t image = gp_q_col_int(&q, 0);
        while (path && gp_q_col_int(&p, 0) < image) GP_TRY_GOTO(gp_q_step(&p, &path, err));
        if (!path) break;
        if (gp_q_col_int(&p, 0) != image) continue; /* the image is not on disk any more */
        row.path = gp_q_col_text(&p, 1);
        if (!row.path) GP_TRY_GOTO(gp_db_fail(cat, SQLITE_NOMEM, err));
        GP_TRY_GOTO(fill_row(&q, &row, err));
        if (!gp_q_col_hash(&p, 2, &row.file_hash)) row.file_hash = row.hash;
        if (!visit(user, &row)) break;
    }
out:
    gp_q_end(&p);
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_prompts_visit(gp_catalog *cat, bool (*visit)(void *user, int64_t id, const char *text), void *user,
                               gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT id, text FROM prompts WHERE id > 0 ORDER BY id");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *text = gp_q_col_text(&q, 1);
        if (!text) st = gp_db_fail(cat, SQLITE_NOMEM, err);
        if (!text || !visit(user, gp_q_col_int(&q, 0), text)) break;
    }
    gp_q_end(&q);
    return st;
}

/* ------------------------------------------------------------------ one image */

static gp_status read_paths(gp_catalog *cat, int64_t image, char ***paths, size_t *count, gp_error *err)
{
    bool row;
    size_t capacity = 0;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT path FROM paths WHERE image = ? ORDER BY missing, path");
    gp_q_int(&q, 1, image);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *text = gp_q_col_text(&q, 0);
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            char **grown = gp_mem_resize(*paths, capacity, sizeof *grown);
            if (!grown) break;
            *paths = grown;
        }
        (*paths)[*count] = text ? gp_str_dup(text) : NULL;
        if (!(*paths)[*count]) break;
        ++*count;
    }
    gp_q_end(&q);
    return st == GP_OK && row ? gp_fail_memory(err, "the paths of an image") : st;
}

gp_status gp_cat_detail_read(gp_catalog *cat, const gp_cat_summary *facts, int64_t image,
                             void (*visit)(void *user, const gp_cat_detail *detail), void *user, gp_error *err)
{
    bool row;
    gp_status st;
    char **paths = NULL;
    size_t count = 0;
    gp_q q = gp_q_open(
        cat, "SELECT t.text, ip.raw, ip.negative, ip.source, ip.settings, k.reason, coalesce(ip.evidence, 'none'),"
             " (SELECT f.message FROM failures f WHERE f.image = i.id ORDER BY f.at DESC, f.path, f.stage LIMIT 1),"
             " i.apart IS NULL AND EXISTS(SELECT 1 FROM image_embeddings v WHERE v.image = i.id AND v.encoder = ?2),"
             " (SELECT g.address FROM (SELECT json_extract(CASE WHEN json_valid(settings) THEN settings END, "
             "'$.backend') AS address, at, id FROM generations"
             " WHERE image = i.id) g WHERE " GP_CAT_WEB_ADDRESS
             " ORDER BY g.at DESC, g.id DESC LIMIT 1) FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id LEFT "
             "JOIN prompts t ON t.id = ip.prompt"
             " LEFT JOIN picks k ON k.image = i.id WHERE i.id = ?1");
    GP_TRY_GOTO(read_paths(cat, image, &paths, &count, err));
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, facts->encoder);
    GP_TRY_GOTO(gp_q_step(&q, &row, err));
    if (row) {
        gp_cat_detail d = {gp_q_col_text(&q, 0),       gp_q_col_text(&q, 1),
                           gp_q_col_text(&q, 2),       gp_q_col_text(&q, 3),
                           gp_q_col_text(&q, 4),       gp_q_col_text(&q, 5),
                           gp_q_col_text(&q, 7),       gp_q_col_text(&q, 6),
                           (const char *const *)paths, count,
                           gp_q_col_int(&q, 8) != 0,   gp_q_col_text(&q, 9)};
        visit(user, &d);
    }
out:
    gp_q_end(&q);
    for (size_t i = 0; i < count; i++) gp_mem_free(paths[i]);
    gp_mem_free(paths);
    return st;
}
