/* SPDX-License-Identifier: MIT
 * Stores the picks. Each call replaces all earlier picks except those whose folder is missing; these keep their rule,
 * scorer and time. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

/* SQL: the pick's folder or disk is missing. All files of the image are missing, and so are all known images in and
 * below a folder that held the image. The condition is false if other images of the folder still exist, because then
 * the image itself was deleted. */
#define PICK_IS_AWAY                                                                                                   \
    "(NOT EXISTS(SELECT 1 FROM paths p WHERE p.image = picks.image AND p.missing = 0)"                                 \
    " AND EXISTS(SELECT 1 FROM paths p WHERE p.image = picks.image AND NOT EXISTS"                                     \
    "  (SELECT 1 FROM paths q WHERE q.missing = 0 AND q.path >= rtrim(p.path, replace(p.path, '/', ''))"               \
    "   AND q.path < rtrim(rtrim(p.path, replace(p.path, '/', '')), '/') || '0')))" /* '0' follows '/' in ASCII */

/* Deletes picks in missing folders if their prompt now has another pick. */
static const char delete_superseded[] =
    "DELETE FROM picks WHERE " PICK_IS_AWAY " AND (SELECT ip.prompt FROM image_prompts ip WHERE ip.image = picks.image)"
    " IN (SELECT ip.prompt FROM picks k JOIN image_prompts ip ON ip.image = k.image WHERE EXISTS"
    "  (SELECT 1 FROM paths p WHERE p.image = k.image AND p.missing = 0))";

static gp_status run(gp_catalog *cat, const char *literal_sql, gp_error *err)
{
    gp_q q = gp_q_open(cat, literal_sql);
    return gp_q_run(&q, err);
}

gp_status gp_cat_picks_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const uint32_t *ranks,
                               size_t count, const char *rule, const char *const *reasons,
                               const char *const *categories, gp_error *err)
{
    gp_status st;
    bool own;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_TRY_GOTO(run(cat, "DELETE FROM picks WHERE NOT " PICK_IS_AWAY, err));
    for (size_t i = 0; i < count; i++) {
        gp_q q = gp_q_open(cat, "INSERT INTO picks(image, rank, scorer, rule, reason, category)"
                                " SELECT ?1, ?2, id, coalesce(?4, ''), ?5, ?6 FROM scorers WHERE key = ?3");
        gp_q_int(&q, 1, images[i]);
        gp_q_int(&q, 2, ranks[i]);
        gp_q_text(&q, 3, scorer);
        gp_q_text(&q, 4, rule);
        gp_q_text(&q, 5, reasons ? reasons[i] : NULL);
        gp_q_text(&q, 6, categories ? categories[i] : NULL);
        GP_TRY_GOTO(gp_q_run(&q, err));
        if (sqlite3_changes(cat->db) == 0) {
            st = gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' has no scorer '%s'", cat->path, scorer);
            goto out;
        }
    }
    GP_TRY_GOTO(run(cat, delete_superseded, err));
    gp_marks_note_picks(cat);
out:
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_picks_scorer(gp_catalog *cat, char **id, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT key FROM scorers WHERE id ="
                            " (SELECT scorer FROM picks ORDER BY picked_at DESC, image LIMIT 1)");
    GP_TRY(gp_q_step(&q, &row, err));
    const char *key = row ? gp_q_col_text(&q, 0) : NULL;
    char *copy = key ? gp_str_dup(key) : NULL;
    gp_q_end(&q);
    if (row && !copy) return gp_fail_memory_path(err, "the id of a scorer of catalog '%s'", cat->path);
    *id = copy;
    return GP_OK;
}
