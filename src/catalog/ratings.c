/* SPDX-License-Identifier: MIT
 * Flags, stars, tags and saved views of the user. */
#include "catalog/db.h"

/* Switches full synchronisation on or off. Marks of the user cannot be recomputed, so they must survive a power
 * failure. */
static gp_status durable(gp_catalog *cat, bool on, gp_error *err)
{
    return gp_db_exec(cat, on ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
}

static gp_status rating_put(gp_catalog *cat, const gp_cat_rating *rating, bool *found, gp_error *err)
{
    gp_q q =
        gp_q_open(cat, "INSERT INTO ratings(image, flag, stars) SELECT id, coalesce(?2, 0), coalesce(?3, 0) FROM images"
                       " WHERE hash = ?1 ON CONFLICT(image) DO UPDATE SET flag = coalesce(?2, flag),"
                       " stars = coalesce(?3, stars), at = unixepoch()");
    gp_q_hash(&q, 1, &rating->hash);
    if (rating->has_flag) gp_q_int(&q, 2, rating->flag);
    if (rating->has_stars) gp_q_int(&q, 3, rating->stars);
    GP_TRY(gp_q_run(&q, err));
    *found = sqlite3_changes(cat->db) > 0;
    return gp_marks_note_rating(cat, &rating->hash, err);
}

gp_status gp_cat_ratings_put(gp_catalog *cat, const gp_cat_rating *ratings, size_t count, size_t *changed,
                             gp_error *err)
{
    return gp_cat_marks_put(cat, ratings, count, NULL, 0, changed, err);
}

gp_status gp_cat_marks_put(gp_catalog *cat, const gp_cat_rating *ratings, size_t count, const gp_cat_tagging *tags,
                           size_t tag_count, size_t *changed, gp_error *err)
{
    gp_status st = GP_OK;
    bool own, one = false;
    size_t n = 0;
    GP_TRY(durable(cat, true, err));
    GP_TRY_GOTO(gp_db_scope_begin(cat, &own, err));
    for (size_t i = 0; st == GP_OK && i < count; i++) {
        st = rating_put(cat, &ratings[i], &one, err);
        n += st == GP_OK && one;
    }
    for (size_t i = 0; st == GP_OK && i < tag_count; i++) {
        st = gp_db_tag_put(cat, &tags[i], &one, err);
        n += st == GP_OK && one;
    }
    st = gp_db_scope_end(cat, own, st, err);
    if (st == GP_OK && changed) *changed = n;
out:
    (void)durable(cat, false, NULL);
    return st;
}

gp_status gp_cat_saved_put(gp_catalog *cat, const char *name, const char *json, gp_error *err)
{
    bool own;
    gp_status st;
    GP_TRY(durable(cat, true, err));
    GP_TRY_GOTO(gp_db_scope_begin(cat, &own, err));
    gp_q q = json ? gp_q_open(cat, "INSERT INTO saved(name, value) VALUES(?1, ?2)"
                                   " ON CONFLICT(name) DO UPDATE SET value = ?2, at = unixepoch()")
                  : gp_q_open(cat, "DELETE FROM saved WHERE name = ?1");
    gp_q_text(&q, 1, name);
    if (json) gp_q_text(&q, 2, json);
    st = gp_q_run(&q, err);
    if (st == GP_OK) st = gp_marks_note_view(cat, name, err);
    st = gp_db_scope_end(cat, own, st, err);
out:
    (void)durable(cat, false, NULL);
    return st;
}

gp_status gp_cat_saved_visit(gp_catalog *cat, bool (*visit)(void *user, const char *name, const char *json), void *user,
                             gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT name, value FROM saved ORDER BY name");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row)
        if (!visit(user, gp_q_col_text(&q, 0), gp_q_col_text(&q, 1))) break;
    gp_q_end(&q);
    return st;
}
