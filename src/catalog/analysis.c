/* SPDX-License-Identifier: MIT
 * Writes an analysis to the catalog. It replaces the earlier analysis by the same scorer in one transaction.
 *
 * Most of what is written are members: rows that assign an image to a cluster, slice or group. Members are sorted by
 * their table's primary key first, so that SQLite always appends at the end of the B-tree. The images of an analysis
 * are ordered by content hash, which is unrelated to the order of the key. */
#include "catalog/analysis.h"

#include "base/mem.h"
#include "catalog/db.h"
#include <assert.h>
#include <stdlib.h>

/* A member of a cluster. Members are written in order of (cluster, image). `row` is the image's index in the
 * analysis. */
typedef struct member {
    int64_t image;
    uint32_t cluster, row;
} member;

static int by_cluster_and_image(const void *a, const void *b)
{
    const member *p = a, *q = b;
    if (p->cluster != q->cluster) return p->cluster < q->cluster ? -1 : 1;
    return (p->image > q->image) - (p->image < q->image);
}

/* Writes n members to `members` and sorts them by cluster and image. rows [n]: row of each member; NULL: rows
 * 0 to n - 1. cluster [n]: cluster of each member; NULL: all members are in cluster 0. */
static void sort_members(const gp_cat_analysis *a, const uint32_t *cluster, const uint32_t *rows, size_t n,
                         member *members)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t row = rows ? rows[i] : (uint32_t)i;
        assert(row < a->n);
        members[i] = (member){a->images[row], cluster ? cluster[i] : 0, row};
    }
    qsort(members, n, sizeof *members, by_cluster_and_image);
}

/* Finds the scorer's id. USAGE if the catalog does not have this scorer. */
static gp_status scorer_of(gp_catalog *cat, const char *scorer, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT id FROM scorers WHERE key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_one(&q, 0, id, err));
    if (*id == 0) return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' has no scorer '%s'", cat->path, scorer);
    return GP_OK;
}

static gp_status put_analysis(gp_catalog *cat, const gp_cat_analysis *a, int64_t *id, gp_error *err)
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

static gp_status put_level(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, size_t l, member *members,
                           gp_error *err)
{
    const gp_cat_level *level = &a->levels[l];
    sort_members(a, level->cluster, NULL, a->n, members);
    gp_q c = gp_q_open(cat, "INSERT INTO clusters(analysis, level, cluster, parent, support) VALUES(?, ?, ?, ?, ?)");
    for (size_t k = 0, i = 0; k < level->count; k++) {
        size_t first = i;
        while (i < a->n && members[i].cluster == k) i++;
        gp_q_int(&c, 1, id);
        gp_q_u64(&c, 2, l);
        gp_q_u64(&c, 3, k);
        if (level->parent) gp_q_int(&c, 4, level->parent[k]);
        gp_q_u64(&c, 5, i - first);
        GP_TRY(gp_q_run(&c, err));
    }
    gp_q q = gp_q_open(cat, "INSERT INTO cluster_images(analysis, level, cluster, image) VALUES(?, ?, ?, ?)");
    for (size_t i = 0; i < a->n; i++) {
        assert(members[i].cluster < level->count);
        gp_q_int(&q, 1, id);
        gp_q_u64(&q, 2, l);
        gp_q_int(&q, 3, members[i].cluster);
        gp_q_int(&q, 4, members[i].image);
        GP_TRY(gp_q_run(&q, err));
    }
    return GP_OK;
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

static gp_status put_image_stats(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, int64_t first, member *members,
                                 gp_error *err)
{
    sort_members(a, NULL, NULL, a->n, members);
    gp_q q = gp_q_open(cat, "INSERT INTO standings(analysis, image, category, z_prompt, z_category, percentile,"
                            " corrected) VALUES(?, ?, ?, ?, ?, ?, ?)");
    for (size_t k = 0; k < a->n; k++) {
        size_t i = members[k].row;
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
                           int64_t first_category, int64_t first_slice, member *members, gp_error *err)
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
    gp_q_real(&q, 8, s->lift);
    gp_q_real(&q, 9, s->low);
    gp_q_real(&q, 10, s->high);
    gp_q_real(&q, 11, s->effect);
    gp_q_real(&q, 12, s->p);
    gp_q_real(&q, 13, s->p_corrected);
    if (s->parent >= 0 && first_slice) gp_q_int(&q, 14, first_slice + s->parent);
    gp_q_text(&q, 15, s->title);
    gp_q_text(&q, 16, s->reasons_json);
    GP_TRY(gp_q_run(&q, err));
    int64_t slice = sqlite3_last_insert_rowid(cat->db);
    assert(s->support <= a->n);
    sort_members(a, NULL, s->rows, s->support, members);
    gp_q m = gp_q_open(cat, "INSERT INTO slice_images(slice, image) VALUES(?, ?)");
    for (uint32_t i = 0; i < s->support; i++) {
        gp_q_int(&m, 1, slice);
        gp_q_int(&m, 2, members[i].image);
        GP_TRY(gp_q_run(&m, err));
    }
    return GP_OK;
}

/* A slice may refer to a parent slice that is written later, because SQLite checks foreign keys only when the
 * transaction ends. */
static gp_status put_slices(gp_catalog *cat, int64_t id, const gp_cat_analysis *a, int64_t first_category,
                            member *members, gp_error *err)
{
    int64_t first = 0;
    gp_q q = gp_q_open(cat, "SELECT coalesce(max(id), 0) + 1 FROM slices");
    GP_TRY(gp_q_one(&q, 1, &first, err));
    for (size_t i = 0; i < a->slice_count; i++)
        GP_TRY(put_slice(cat, id, a, &a->slices[i], first_category, first, members, err));
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
    member *members = NULL;
    GP_TRY(gp_alloc((void **)&members, a->n, sizeof *members, "the images of an analysis", err));
    st = gp_db_scope_begin(cat, &own, err);
    if (st != GP_OK) {
        gp_mem_free(members);
        return st;
    }
    GP_TRY_GOTO(gp_db_exec(cat, "PRAGMA defer_foreign_keys = ON", err));
    GP_TRY_GOTO(put_analysis(cat, a, &id, err));
    for (size_t l = 0; l < a->level_count; l++) GP_TRY_GOTO(put_level(cat, id, a, l, members, err));
    GP_TRY_GOTO(put_categories(cat, id, a, &first_category, err));
    GP_TRY_GOTO(put_image_stats(cat, id, a, first_category, members, err));
    GP_TRY_GOTO(put_slices(cat, id, a, first_category, members, err));
    GP_TRY_GOTO(put_groups(cat, id, a, err));
out:
    gp_mem_free(members);
    return gp_db_scope_end(cat, own, st, err);
}
