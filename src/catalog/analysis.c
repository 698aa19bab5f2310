/* SPDX-License-Identifier: MIT
 * An analysis into the catalog: the one before by the same scorer goes, the new one comes, in one transaction. */
#include "catalog/analysis.h"

#include "catalog/db.h"

/* The scorer's number; USAGE when the catalog does not know it. */
static gp_status scorer_of(gp_catalog *cat, const char *scorer, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT id FROM scorers WHERE key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_one(&q, 0, id, err));
    if (*id == 0) return gp_fail(err, GP_ERR_USAGE, "catalog '%s' does not know scorer '%s'", cat->path, scorer);
    return GP_OK;
}

static gp_status put_head(gp_catalog *cat, const gp_cat_analysis *a, int64_t *id, gp_error *err)
{
    int64_t scorer;
    GP_TRY(scorer_of(cat, a->scorer, &scorer, err));
    gp_q clear = gp_q_open(cat, "DELETE FROM analyses WHERE scorer = ?");
    gp_q_int(&clear, 1, scorer);
    GP_TRY(gp_q_run(&clear, err));
    gp_q q = gp_q_open(cat, "INSERT INTO analyses(scorer, settings, images) VALUES(?, ?, ?)");
    gp_q_int(&q, 1, scorer);
    gp_q_text(&q, 2, a->settings_json);
    gp_q_u64(&q, 3, a->n);
    GP_TRY(gp_q_run(&q, err));
    *id = sqlite3_last_insert_rowid(cat->db);
    return GP_OK;
}

static gp_status put_level(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, size_t l, gp_error *err)
{
    const gp_cat_level *level = &a->levels[l];
    for (uint32_t c = 0; c < level->count; c++) {
        gp_q q =
            gp_q_open(cat, "INSERT INTO clusters(analysis, level, cluster, parent, support) VALUES(?, ?, ?, ?, 0)");
        gp_q_int(&q, 1, id);
        gp_q_u64(&q, 2, l);
        gp_q_int(&q, 3, c);
        if (level->parent) gp_q_int(&q, 4, level->parent[c]);
        GP_TRY(gp_q_run(&q, err));
    }
    for (size_t i = 0; i < a->n; i++) {
        gp_q q = gp_q_open(cat, "INSERT INTO cluster_images(analysis, level, cluster, image) VALUES(?, ?, ?, ?)");
        gp_q_int(&q, 1, id);
        gp_q_u64(&q, 2, l);
        gp_q_int(&q, 3, level->cluster[i]);
        gp_q_int(&q, 4, a->images[i]);
        GP_TRY(gp_q_run(&q, err));
    }
    return GP_OK;
}

static gp_status count_support(gp_catalog *cat, int64_t id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE clusters SET support = (SELECT count(*) FROM cluster_images m"
                            " WHERE m.analysis = clusters.analysis AND m.level = clusters.level"
                            " AND m.cluster = clusters.cluster) WHERE analysis = ?");
    gp_q_int(&q, 1, id);
    return gp_q_run(&q, err);
}

static gp_status put_categories(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, int64_t *first, gp_error *err)
{
    for (size_t k = 0; k < a->category_count; k++) {
        const gp_cat_category *c = &a->categories[k];
        gp_q q = gp_q_open(cat, "INSERT INTO categories(analysis, place, name, source, support, mean, sd, weight)"
                                " VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
        gp_q_int(&q, 1, id);
        gp_q_u64(&q, 2, k);
        gp_q_text(&q, 3, c->name);
        gp_q_text(&q, 4, c->source);
        gp_q_int(&q, 5, c->support);
        gp_q_real(&q, 6, c->mean);
        gp_q_real(&q, 7, c->sd);
        gp_q_real(&q, 8, c->weight);
        GP_TRY(gp_q_run(&q, err));
        if (k == 0) *first = sqlite3_last_insert_rowid(cat->db);
    }
    return GP_OK;
}

static gp_status put_standings(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, int64_t first, gp_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        gp_q q = gp_q_open(cat, "INSERT INTO standings(analysis, image, category, z_prompt, z_category, percentile,"
                                " corrected) VALUES(?, ?, ?, ?, ?, ?, ?)");
        gp_q_int(&q, 1, id);
        gp_q_int(&q, 2, a->images[i]);
        if (a->category && a->category[i] >= 0) gp_q_int(&q, 3, first + a->category[i]);
        gp_q_real(&q, 4, a->z_prompt[i]);
        gp_q_real(&q, 5, a->z_category[i]);
        gp_q_real(&q, 6, a->percentile[i]);
        gp_q_real(&q, 7, a->corrected[i]);
        GP_TRY(gp_q_run(&q, err));
    }
    return GP_OK;
}

static gp_status put_slice(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, const gp_cat_slice *s,
                           int64_t first_category, int64_t first_slice, int64_t *slice, gp_error *err)
{
    gp_q q = gp_q_open(cat, "INSERT INTO slices(analysis, space, category, level, cluster, support, value, drop_points,"
                            " low, high, effect, p, p_corrected, parent, title, reasons)"
                            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    gp_q_int(&q, 1, id);
    gp_q_text(&q, 2, s->space);
    if (s->category >= 0) gp_q_int(&q, 3, first_category + s->category);
    gp_q_int(&q, 4, s->level);
    gp_q_int(&q, 5, s->cluster);
    gp_q_int(&q, 6, s->support);
    gp_q_real(&q, 7, s->value);
    gp_q_real(&q, 8, s->drop);
    gp_q_real(&q, 9, s->low);
    gp_q_real(&q, 10, s->high);
    gp_q_real(&q, 11, s->effect);
    gp_q_real(&q, 12, s->p);
    gp_q_real(&q, 13, s->p_corrected);
    if (s->parent >= 0 && first_slice) gp_q_int(&q, 14, first_slice + s->parent);
    gp_q_text(&q, 15, s->title);
    gp_q_text(&q, 16, s->reasons_json);
    GP_TRY(gp_q_run(&q, err));
    *slice = sqlite3_last_insert_rowid(cat->db);
    for (uint32_t i = 0; i < s->support; i++) {
        gp_q m = gp_q_open(cat, "INSERT INTO slice_images(slice, image) VALUES(?, ?)");
        gp_q_int(&m, 1, *slice);
        gp_q_int(&m, 2, a->images[s->rows[i]]);
        GP_TRY(gp_q_run(&m, err));
    }
    return GP_OK;
}

/* Slices may name a parent that comes after them: foreign keys are looked at when the transaction ends. */
static gp_status put_slices(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, int64_t first_category,
                            gp_error *err)
{
    int64_t first = 0, slice;
    gp_q q = gp_q_open(cat, "SELECT coalesce(max(id), 0) + 1 FROM slices");
    GP_TRY(gp_q_one(&q, 1, &first, err));
    for (size_t i = 0; i < a->slice_count; i++)
        GP_TRY(put_slice(cat, id, a, &a->slices[i], first_category, first, &slice, err));
    return GP_OK;
}

static gp_status put_groups(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, gp_error *err)
{
    int64_t first = 0;
    for (size_t g = 0; g < a->group_count; g++) {
        gp_q q =
            gp_q_open(cat, "INSERT INTO duplicate_groups(analysis, representative, keeper, reason) VALUES(?, ?, ?, ?)");
        gp_q_int(&q, 1, id);
        gp_q_int(&q, 2, a->images[a->groups[g].representative]);
        gp_q_int(&q, 3, a->images[a->groups[g].keeper]);
        gp_q_text(&q, 4, a->groups[g].reason);
        GP_TRY(gp_q_run(&q, err));
        if (g == 0) first = sqlite3_last_insert_rowid(cat->db);
    }
    for (size_t i = 0; a->group && i < a->n; i++) {
        if (a->group[i] < 0) continue;
        gp_q q = gp_q_open(cat, "INSERT INTO duplicates(in_group, image, likeness) VALUES(?, ?, ?)");
        gp_q_int(&q, 1, first + a->group[i]);
        gp_q_int(&q, 2, a->images[i]);
        gp_q_real(&q, 3, (double)a->likeness[i]);
        GP_TRY(gp_q_run(&q, err));
    }
    return GP_OK;
}

gp_status gp_cat_analysis_put(gp_catalog *cat, const gp_cat_analysis *a, gp_error *err)
{
    gp_status st;
    bool own;
    int64_t id = 0, first_category = 0;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_GO(gp_db_exec(cat, "PRAGMA defer_foreign_keys = ON", err));
    GP_GO(put_head(cat, a, &id, err));
    for (size_t l = 0; l < a->level_count; l++) GP_GO(put_level(cat, id, a, l, err));
    GP_GO(count_support(cat, id, err));
    GP_GO(put_categories(cat, id, a, &first_category, err));
    GP_GO(put_standings(cat, id, a, first_category, err));
    GP_GO(put_slices(cat, id, a, first_category, err));
    GP_GO(put_groups(cat, id, a, err));
out:
    return gp_db_scope_end(cat, own, st, err);
}
