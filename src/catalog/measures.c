/* SPDX-License-Identifier: MIT
 * Quality measures of images, and images that are set apart because their frame is black or noise. */
#include "catalog/db.h"

#include <string.h>

static const char *const frames[] = {"normal", "black", "uniform", "noise"}; /* indexed by gp_frame */

static gp_frame frame_of(const char *name)
{
    unsigned frame = GP_FRAME_NOISE;
    while (frame > GP_FRAME_NORMAL && strcmp(name, frames[frame]) != 0) frame--;
    return (gp_frame)frame;
}

/* SQL: image i has no measures. Grids, and images that `score` could not decode, are left out. */
#define LACKS                                                                                                          \
    "(i.apart IS NULL OR i.apart <> 'grid') AND NOT EXISTS(SELECT 1 FROM image_quality q WHERE q.image = i.id)"        \
    " AND NOT EXISTS(SELECT 1 FROM failures f WHERE f.image = i.id AND f.stage = 'score')"

gp_status gp_cat_quality_todo(gp_catalog *cat, int64_t after, size_t limit, gp_cat_todo *out, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT i.id, p.path, coalesce(p.hash, i.hash) FROM images i JOIN paths p ON p.id ="
                            " (SELECT x.id FROM paths x WHERE x.image = i.id AND x.missing = 0 ORDER BY x.path LIMIT 1)"
                            " WHERE i.id > ?1 AND " LACKS " ORDER BY i.id LIMIT ?2");
    gp_q_int(&q, 1, after);
    gp_q_u64(&q, 2, limit);
    return gp_cat_todo_collect(&q, limit, true, out, err);
}

gp_status gp_cat_quality_todo_count(gp_catalog *cat, uint64_t *count, gp_error *err)
{
    int64_t n = 0;
    gp_q q = gp_q_open(cat, "SELECT count(*) FROM images i WHERE EXISTS"
                            "(SELECT 1 FROM paths p WHERE p.image = i.id AND p.missing = 0) AND " LACKS);
    GP_TRY(gp_q_one(&q, 0, &n, err));
    *count = (uint64_t)n;
    return GP_OK;
}

gp_status gp_cat_quality_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool set_apart, bool *apart,
                             gp_error *err)
{
    *apart = false;
    gp_q q = gp_q_open(cat, "INSERT OR REPLACE INTO image_quality(image, sharpness, noise, exposure, saturation,"
                            " entropy, spread, frame) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    gp_q_int(&q, 1, image);
    gp_q_real(&q, 2, quality->sharpness);
    gp_q_real(&q, 3, quality->noise);
    gp_q_real(&q, 4, quality->exposure);
    gp_q_real(&q, 5, quality->saturation);
    gp_q_real(&q, 6, quality->entropy);
    gp_q_real(&q, 7, quality->spread);
    gp_q_text(&q, 8, frames[quality->frame]);
    GP_TRY(gp_q_run(&q, err));
    /* a prompt may ask for a single colour, so a uniform frame stays a candidate */
    if (!set_apart || quality->frame == GP_FRAME_NORMAL || quality->frame == GP_FRAME_UNIFORM) return GP_OK;
    gp_q set = gp_q_open(cat, "UPDATE images SET apart = ?2 WHERE id = ?1 AND apart IS NULL");
    gp_q_int(&set, 1, image);
    gp_q_text(&set, 2, frames[quality->frame]);
    GP_TRY(gp_q_run(&set, err));
    *apart = sqlite3_changes(cat->db) > 0;
    return *apart ? gp_db_unpick(cat, image, err) : GP_OK;
}

void gp_db_quality_at(sqlite3_stmt *stmt, int at, gp_quality *out)
{
    const char *frame = (const char *)sqlite3_column_text(stmt, at);
    *out = (gp_quality){.frame = frame ? frame_of(frame) : GP_FRAME_NORMAL,
                        .sharpness = sqlite3_column_double(stmt, at + 1),
                        .noise = sqlite3_column_double(stmt, at + 2),
                        .exposure = sqlite3_column_double(stmt, at + 3),
                        .saturation = sqlite3_column_double(stmt, at + 4),
                        .entropy = sqlite3_column_double(stmt, at + 5),
                        .spread = sqlite3_column_double(stmt, at + 6)};
}

gp_status gp_cat_quality_visit(gp_catalog *cat, void (*visit)(void *user, int64_t image, const gp_quality *quality),
                               void *user, gp_error *err)
{
    gp_status st;
    bool row;
    gp_q q = gp_q_open(cat, "SELECT image, " GP_DB_QUALITY " FROM image_quality q ORDER BY image");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        gp_quality quality;
        gp_db_quality_at(q.stmt, 1, &quality);
        visit(user, gp_q_col_int(&q, 0), &quality);
    }
    return st;
}

gp_status gp_cat_frames_keep(gp_catalog *cat, uint64_t *images, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE images SET apart = NULL WHERE " GP_DB_APART_FRAME " IS NOT NULL");
    GP_TRY(gp_q_run(&q, err));
    *images = (uint64_t)sqlite3_changes(cat->db);
    return GP_OK;
}
