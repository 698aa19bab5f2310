/* SPDX-License-Identifier: MIT
 * The scorers of a catalog and all their scores: for the columns of a view, and for fused scores. */
#include "catalog/catalog.h"
#include "catalog/db.h"
#include "catalog/read_all.h"

#include <math.h>

gp_status gp_cat_score_column(gp_catalog *cat, const char *scorer,
                              void (*visit)(void *user, int64_t image, double score), void *user, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT x.image, x.value FROM scorers s JOIN scores x ON x.scorer = s.id"
                            " JOIN images i ON i.id = x.image AND i.apart IS NULL"
                            " LEFT JOIN image_prompts ip ON ip.image = x.image"
                            " WHERE s.key = ?1 AND x.value IS NOT NULL AND x.prompt = coalesce(ip.prompt, 0)");
    gp_q_text(&q, 1, scorer);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row)
        visit(user, gp_q_col_int(&q, 0), sqlite3_column_double(q.stmt, 1));
    gp_q_end(&q);
    return st;
}

bool gp_cat_scorer_is_fused(const char *key)
{
    return gp_str_starts(key, "fused-");
}

gp_status gp_cat_scorers_scored(gp_catalog *cat, bool (*visit)(void *user, const gp_cat_scorer_name *scorer),
                                void *user, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(
        cat,
        "SELECT s.key, s.name, coalesce(e.model, ''), coalesce(e.precision, ''), s.scale,"
        " s.higher_better, coalesce(s.encoder, 0)"
        " FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder"
        " WHERE EXISTS(SELECT 1 FROM scores x WHERE x.scorer = s.id) ORDER BY s.used DESC, s.used_at DESC, s.id DESC");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const gp_cat_scorer_name facts = {.id = gp_q_col_text(&q, 0),
                                          .name = gp_q_col_text(&q, 1),
                                          .model = gp_q_col_text(&q, 2),
                                          .precision = gp_q_col_text(&q, 3),
                                          .scale = gp_q_col_text(&q, 4),
                                          .higher_better = gp_q_col_int(&q, 5) != 0,
                                          .encoder = gp_q_col_int(&q, 6)};
        if (!facts.id || !facts.name || !facts.model || !facts.precision || !facts.scale)
            st = gp_db_fail(cat, SQLITE_NOMEM, err);
        else if (visit(user, &facts))
            continue;
        break;
    }
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_candidates_visit(gp_catalog *cat, int64_t encoder,
                                  void (*visit)(void *user, int64_t image, int64_t prompt), void *user, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT ip.image, ip.prompt FROM image_prompts ip"
                            " JOIN images i ON i.id = ip.image AND i.apart IS NULL"
                            " JOIN image_embeddings v ON v.image = ip.image AND v.encoder = ?1"
                            " WHERE ip.prompt IS NOT NULL"
                            " AND EXISTS(SELECT 1 FROM paths p WHERE p.image = ip.image AND p.missing = 0)"
                            " ORDER BY ip.prompt, ip.image");
    gp_q_int(&q, 1, encoder);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) visit(user, gp_q_col_int(&q, 0), gp_q_col_int(&q, 1));
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_scores_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const int64_t *prompts,
                                const double *scores, size_t n, gp_error *err)
{
    bool own;
    gp_status st;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q clear = gp_q_open(cat, "DELETE FROM scores WHERE scorer = (SELECT id FROM scorers WHERE key = ?1)");
    gp_q_text(&clear, 1, scorer);
    st = gp_q_run(&clear, err);
    for (size_t i = 0; i < n && st == GP_OK; i++)
        if (!isnan(scores[i])) st = gp_cat_score_put(cat, images[i], prompts[i], scorer, scores[i], err);
    return gp_db_scope_end(cat, own, st, err);
}

/* SQL: scorers with the name ?2 and another key than ?1 that no pick and no analysis uses. */
#define UNUSED                                                                                                         \
    "(SELECT id FROM scorers WHERE name = ?2 AND key <> ?1 AND id NOT IN (SELECT scorer FROM picks)"                   \
    " AND id NOT IN (SELECT scorer FROM analyses))"

static gp_status run_for(gp_q q, const gp_cat_scorer *scorer, gp_error *err)
{
    gp_q_text(&q, 1, scorer->id);
    gp_q_text(&q, 2, scorer->name);
    return gp_q_run(&q, err);
}

gp_status gp_cat_scorer_put_alone(gp_catalog *cat, const gp_cat_scorer *scorer, gp_error *err)
{
    bool own;
    gp_status st;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_TRY_GOTO(gp_cat_scorer_put(cat, scorer, err));
    GP_TRY_GOTO(run_for(gp_q_open(cat, "UPDATE scorers SET used = 0 WHERE key = ?1 AND name = ?2"), scorer, err));
    GP_TRY_GOTO(run_for(gp_q_open(cat, "DELETE FROM scores WHERE scorer IN " UNUSED), scorer, err));
    GP_TRY_GOTO(run_for(gp_q_open(cat, "DELETE FROM scorers WHERE id IN " UNUSED), scorer, err));
out:
    return gp_db_scope_end(cat, own, st, err);
}
