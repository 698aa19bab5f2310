/* SPDX-License-Identifier: MIT
 * Reads the scorers of a catalog and their scores, for the columns of a view. */
#include "catalog/db.h"
#include "catalog/read_all.h"

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

gp_status gp_cat_scorers_scored(gp_catalog *cat, bool (*visit)(void *user, const gp_cat_scorer_name *scorer),
                                void *user, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT s.key, s.name, coalesce(e.model, ''), coalesce(e.precision, ''), s.higher_better"
                            " FROM scorers s LEFT JOIN encoders e ON e.id = s.encoder"
                            " WHERE EXISTS(SELECT 1 FROM scores x WHERE x.scorer = s.id) ORDER BY s.used DESC");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const gp_cat_scorer_name facts = {gp_q_col_text(&q, 0), gp_q_col_text(&q, 1), gp_q_col_text(&q, 2),
                                          gp_q_col_text(&q, 3), gp_q_col_int(&q, 4) != 0};
        if (!facts.id || !facts.name || !facts.model || !facts.precision)
            st = gp_db_fail(cat, SQLITE_NOMEM, err);
        else if (visit(user, &facts))
            continue;
        break;
    }
    gp_q_end(&q);
    return st;
}
