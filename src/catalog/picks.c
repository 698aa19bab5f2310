/* SPDX-License-Identifier: MIT
 * Candidates out, choice in.  A candidate is an image that is on disk, has a prompt and a score for it.  The choice of
 * one call replaces the one before as a whole. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"
#include <string.h>

static gp_status candidate_row(gp_q *q, gp_cat_candidate *out, gp_error *err)
{
    const void *hash = sqlite3_column_blob(q->stmt, 3);
    if (!hash || sqlite3_column_bytes(q->stmt, 3) != (int)sizeof out->hash.bytes)
        return gp_fail(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an image has a hash of another length",
                       q->cat->path);
    out->image = gp_q_col_int(q, 0);
    out->prompt = gp_q_col_int(q, 1);
    out->score = sqlite3_column_double(q->stmt, 2);
    memcpy(out->hash.bytes, hash, sizeof out->hash.bytes);
    return GP_OK;
}

gp_status gp_cat_candidates(gp_catalog *cat, const char *scorer, gp_cat_candidate **out, size_t *count, gp_error *err)
{
    gp_status st = GP_OK;
    gp_cat_candidate *list = NULL;
    size_t n = 0, capacity = 0;
    gp_q q = gp_q_open(cat, "SELECT s.image, s.prompt, s.value, i.hash FROM scores s"
                            " JOIN image_prompts ip ON ip.image = s.image AND ip.prompt = s.prompt"
                            " JOIN images i ON i.id = s.image"
                            " WHERE s.scorer = (SELECT id FROM scorers WHERE key = ?) AND s.value IS NOT NULL"
                            " AND EXISTS(SELECT 1 FROM paths p WHERE p.image = s.image AND p.missing = 0)"
                            " ORDER BY s.prompt, s.image");
    gp_q_text(&q, 1, scorer);
    for (;;) {
        bool row;
        GP_GO(gp_q_step(&q, &row, err));
        if (!row) break;
        if (n == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            gp_cat_candidate *grown = gp_mem_resize(list, capacity, sizeof *list);
            if (!grown) {
                st = gp_fail(err, GP_ERR_MEMORY, "out of memory for %zu candidates", capacity);
                goto out;
            }
            list = grown;
        }
        GP_GO(candidate_row(&q, &list[n], err));
        n++;
    }
out:
    gp_q_end(&q);
    if (st != GP_OK) {
        gp_mem_free(list);
        return st;
    }
    *out = list;
    *count = n;
    return GP_OK;
}

gp_status gp_cat_picks_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const uint32_t *ranks,
                               size_t count, const char *rule, const char *const *reasons,
                               const char *const *categories, gp_error *err)
{
    gp_status st;
    bool own;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q clear = gp_q_open(cat, "DELETE FROM picks");
    GP_GO(gp_q_run(&clear, err));
    for (size_t i = 0; i < count; i++) {
        gp_q q = gp_q_open(cat, "INSERT INTO picks(image, rank, scorer, rule, reason, category)"
                                " SELECT ?1, ?2, id, coalesce(?4, ''), ?5, ?6 FROM scorers WHERE key = ?3");
        gp_q_int(&q, 1, images[i]);
        gp_q_int(&q, 2, ranks[i]);
        gp_q_text(&q, 3, scorer);
        gp_q_text(&q, 4, rule);
        gp_q_text(&q, 5, reasons ? reasons[i] : NULL);
        gp_q_text(&q, 6, categories ? categories[i] : NULL);
        GP_GO(gp_q_run(&q, err));
        if (sqlite3_changes(cat->db) == 0) {
            st = gp_fail(err, GP_ERR_USAGE, "catalog '%s' does not know scorer '%s'", cat->path, scorer);
            goto out;
        }
    }
out:
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_picks_scorer(gp_catalog *cat, char **id, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT key FROM scorers WHERE id = (SELECT scorer FROM picks LIMIT 1)");
    GP_TRY(gp_q_step(&q, &row, err));
    const char *key = row ? gp_q_col_text(&q, 0) : NULL;
    char *copy = key ? gp_str_dup(key) : NULL;
    gp_q_end(&q);
    if (row && !copy) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a scorer of catalog '%s'", cat->path);
    *id = copy;
    return GP_OK;
}
