/* SPDX-License-Identifier: MIT
 * Reads an analysis, and reads and writes the map of an encoder. */
#include "catalog/analysis.h"

#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <math.h>

static double real_at(const gp_q *q, int i)
{
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL ? NAN : sqlite3_column_double(q->stmt, i);
}

/* Finds the id of the scorer's analysis, or returns NOT_FOUND. */
static gp_status analysis_of(gp_catalog *cat, const char *scorer, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT a.id FROM analyses a JOIN scorers s ON s.id = a.scorer WHERE s.key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_one(&q, 0, id, err));
    if (*id == 0)
        return gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no analysis yet: run 'goldpan slices' first",
                            cat->path);
    return GP_OK;
}

/* ------------------------------------------------------------------ per-image statistics (table `standings`) */

gp_status gp_cat_image_stats_all(gp_catalog *cat, const char *scorer, gp_cat_image_stats **out, size_t *count,
                                 gp_error *err)
{
    int64_t id, rows;
    gp_cat_image_stats *list = NULL;
    size_t n = 0;
    gp_status st = GP_OK;
    GP_TRY(analysis_of(cat, scorer, &id, err));
    gp_q c = gp_q_open(cat, "SELECT count(*) FROM standings WHERE analysis = ?");
    gp_q_int(&c, 1, id);
    GP_TRY(gp_q_one(&c, 0, &rows, err));
    GP_TRY(gp_alloc((void **)&list, (size_t)rows, sizeof *list, "standings", err));
    gp_q q = gp_q_open(
        cat, "SELECT t.image, c.place, t.z_prompt, t.z_category, t.percentile, t.corrected, d.in_group, d.keeper"
             " FROM standings t LEFT JOIN categories c ON c.id = t.category LEFT JOIN"
             " (SELECT m.image, m.in_group - (SELECT min(id) FROM duplicate_groups WHERE analysis = ?1) AS in_group,"
             "  m.image = g.keeper AS keeper FROM duplicate_groups g JOIN duplicates m ON m.in_group = g.id"
             "  WHERE g.analysis = ?1) d ON d.image = t.image"
             " WHERE t.analysis = ?1 ORDER BY t.image");
    gp_q_int(&q, 1, id);
    for (bool row; n < (size_t)rows; n++) {
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) break;
        bool category = sqlite3_column_type(q.stmt, 1) != SQLITE_NULL,
             group = sqlite3_column_type(q.stmt, 6) != SQLITE_NULL;
        list[n] = (gp_cat_image_stats){.image = gp_q_col_int(&q, 0),
                                       .category = category ? (int32_t)gp_q_col_int(&q, 1) : -1,
                                       .group = group ? (int32_t)gp_q_col_int(&q, 6) : -1,
                                       .keeper = gp_q_col_int(&q, 7) != 0,
                                       .z_prompt = real_at(&q, 2),
                                       .z_category = real_at(&q, 3),
                                       .percentile = real_at(&q, 4),
                                       .corrected = real_at(&q, 5)};
    }
    *out = list, *count = n;
    list = NULL;
out:
    gp_q_end(&q);
    gp_mem_free(list);
    return st;
}

/* ------------------------------------------------------------------ members of a slice or group */

typedef struct members {
    int64_t *images;
    float *likeness;
    size_t count, capacity;
} members;

static gp_status members_add(members *m, int64_t image, float likeness, gp_error *err)
{
    if (m->count == m->capacity) {
        size_t capacity = m->capacity ? m->capacity * 2 : 64;
        int64_t *images = gp_mem_resize(m->images, capacity, sizeof *images);
        if (images) m->images = images;
        float *grown = images ? gp_mem_resize(m->likeness, capacity, sizeof *grown) : NULL;
        if (!grown) return gp_fail_memory(err, "%zu images", capacity);
        m->likeness = grown, m->capacity = capacity;
    }
    m->images[m->count] = image;
    m->likeness[m->count++] = likeness;
    return GP_OK;
}

static gp_status members_read(gp_q *q, int64_t owner, members *m, gp_error *err)
{
    bool row;
    gp_status st = GP_OK;
    m->count = 0;
    gp_q_int(q, 1, owner);
    while ((st = gp_q_step(q, &row, err)) == GP_OK && row) {
        st = members_add(m, gp_q_col_int(q, 0), (float)sqlite3_column_double(q->stmt, 1), err);
        if (st != GP_OK) break;
    }
    gp_q_end(q);
    return st;
}

static void members_clear(members *m)
{
    gp_mem_free(m->images);
    gp_mem_free(m->likeness);
}

/* ------------------------------------------------------------------ slices, categories, groups */

gp_status gp_cat_slices_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_slice *slice), void *user, gp_error *err)
{
    int64_t id;
    bool row;
    members m = {0};
    gp_status st = GP_OK;
    GP_TRY(analysis_of(cat, scorer, &id, err));
    gp_q q = gp_q_open(cat, "SELECT s.id, s.space, c.name, s.title, s.reasons, s.value, s.drop_points, s.low, s.high,"
                            " s.effect, s.p, s.p_corrected, s.level, coalesce(s.parent, 0) FROM slices s"
                            " LEFT JOIN categories c ON c.id = s.category WHERE s.analysis = ? ORDER BY s.id");
    gp_q_int(&q, 1, id);
    for (;;) {
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) break;
        gp_q images = gp_q_open(cat, "SELECT image, 0 FROM slice_images WHERE slice = ? ORDER BY image");
        GP_TRY_GOTO(members_read(&images, gp_q_col_int(&q, 0), &m, err));
        gp_analysis_slice s = {.id = gp_q_col_int(&q, 0),
                               .space = gp_q_col_text(&q, 1),
                               .category = gp_q_col_text(&q, 2),
                               .title = gp_q_col_text(&q, 3),
                               .reasons_json = gp_q_col_text(&q, 4),
                               .value = real_at(&q, 5),
                               .lift = real_at(&q, 6),
                               .low = real_at(&q, 7),
                               .high = real_at(&q, 8),
                               .effect = real_at(&q, 9),
                               .p = real_at(&q, 10),
                               .p_corrected = real_at(&q, 11),
                               .level = (uint32_t)gp_q_col_int(&q, 12),
                               .support = (uint32_t)m.count,
                               .parent = gp_q_col_int(&q, 13),
                               .images = m.images};
        if (!visit(user, &s)) break;
    }
out:
    gp_q_end(&q);
    members_clear(&m);
    return st;
}

gp_status gp_cat_category_quality(gp_catalog *cat, const char *scorer, gp_category_quality *out, gp_error *err)
{
    int64_t id;
    bool row;
    GP_TRY(analysis_of(cat, scorer, &id, err));
    gp_q q = gp_q_open(cat, "SELECT json_extract(settings, '$.cohesion'), json_extract(settings, '$.agreement')"
                            " FROM analyses WHERE id = ?");
    gp_q_int(&q, 1, id);
    gp_status st = gp_q_step(&q, &row, err);
    *out = (gp_category_quality){.cohesion = NAN, .agreement = NAN};
    if (st == GP_OK && row) *out = (gp_category_quality){.cohesion = real_at(&q, 0), .agreement = real_at(&q, 1)};
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_categories_visit(gp_catalog *cat, const char *scorer,
                                  bool (*visit)(void *user, const gp_analysis_category *category), void *user,
                                  gp_error *err)
{
    int64_t id;
    bool row;
    gp_status st = GP_OK;
    GP_TRY(analysis_of(cat, scorer, &id, err));
    gp_q q = gp_q_open(
        cat, "SELECT name, source, support, mean, sd, weight FROM categories WHERE analysis = ? ORDER BY place");
    gp_q_int(&q, 1, id);
    for (;;) {
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) break;
        gp_analysis_category c = {.name = gp_q_col_text(&q, 0),
                                  .source = gp_q_col_text(&q, 1),
                                  .support = (uint32_t)gp_q_col_int(&q, 2),
                                  .mean = real_at(&q, 3),
                                  .sd = real_at(&q, 4),
                                  .weight = real_at(&q, 5)};
        if (!visit(user, &c)) break;
    }
out:
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_groups_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_group *group), void *user, gp_error *err)
{
    int64_t id;
    bool row;
    members m = {0};
    gp_status st = GP_OK;
    GP_TRY(analysis_of(cat, scorer, &id, err));
    gp_q q = gp_q_open(
        cat, "SELECT id, representative, keeper, reason FROM duplicate_groups WHERE analysis = ? ORDER BY id");
    gp_q_int(&q, 1, id);
    for (;;) {
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) break;
        gp_q images =
            gp_q_open(cat, "SELECT image, likeness FROM duplicates WHERE in_group = ? ORDER BY likeness DESC, image");
        GP_TRY_GOTO(members_read(&images, gp_q_col_int(&q, 0), &m, err));
        gp_analysis_group g = {.reason = gp_q_col_text(&q, 3),
                               .images = m.images,
                               .likeness = m.likeness,
                               .count = m.count,
                               .representative = gp_q_col_int(&q, 1),
                               .keeper = gp_q_col_int(&q, 2)};
        if (!visit(user, &g)) break;
    }
out:
    gp_q_end(&q);
    members_clear(&m);
    return st;
}

/* ------------------------------------------------------------------ the map */

gp_status gp_cat_map_read(gp_catalog *cat, int64_t encoder, const int64_t *images, size_t n, float *place, bool *known,
                          char **settings_json, gp_error *err)
{
    bool row;
    gp_q head = gp_q_open(cat, "SELECT settings FROM maps WHERE encoder = ?");
    gp_q_int(&head, 1, encoder);
    GP_TRY(gp_q_step(&head, &row, err));
    char *settings = row ? gp_str_dup(gp_q_col_text(&head, 0)) : NULL;
    gp_q_end(&head);
    if (row && !settings) return gp_fail_memory(err, "the map");
    for (size_t i = 0; i < n; i++) {
        gp_q q = gp_q_open(cat, "SELECT x, y FROM map_images WHERE encoder = ? AND image = ?");
        gp_q_int(&q, 1, encoder);
        gp_q_int(&q, 2, images[i]);
        gp_status st = gp_q_step(&q, &known[i], err);
        if (st != GP_OK) {
            gp_mem_free(settings);
            return st;
        }
        place[2 * i] = known[i] ? (float)sqlite3_column_double(q.stmt, 0) : 0;
        place[2 * i + 1] = known[i] ? (float)sqlite3_column_double(q.stmt, 1) : 0;
        gp_q_end(&q);
    }
    *settings_json = settings;
    return GP_OK;
}

gp_status gp_cat_map_put(gp_catalog *cat, int64_t encoder, const char *settings_json, const int64_t *images,
                         const float *place, size_t n, bool replace, gp_error *err)
{
    bool own;
    gp_status st;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    if (replace) {
        gp_q clear = gp_q_open(cat, "DELETE FROM maps WHERE encoder = ?");
        gp_q_int(&clear, 1, encoder);
        GP_TRY_GOTO(gp_q_run(&clear, err));
    }
    gp_q head = gp_q_open(cat, "INSERT INTO maps(encoder, settings) VALUES(?, ?)"
                               " ON CONFLICT(encoder) DO UPDATE SET settings = excluded.settings");
    gp_q_int(&head, 1, encoder);
    gp_q_text(&head, 2, settings_json);
    GP_TRY_GOTO(gp_q_run(&head, err));
    for (size_t i = 0; i < n; i++) {
        gp_q q = gp_q_open(cat, "INSERT INTO map_images(encoder, image, x, y) VALUES(?, ?, ?, ?)"
                                " ON CONFLICT(encoder, image) DO UPDATE SET x = excluded.x, y = excluded.y");
        gp_q_int(&q, 1, encoder);
        gp_q_int(&q, 2, images[i]);
        gp_q_real(&q, 3, (double)place[2 * i]);
        gp_q_real(&q, 4, (double)place[2 * i + 1]);
        GP_TRY_GOTO(gp_q_run(&q, err));
    }
out:
    return gp_db_scope_end(cat, own, st, err);
}
