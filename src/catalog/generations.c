/* SPDX-License-Identifier: MIT
 * Stores images that are to be generated: one row per image. The row's key is a hash of all inputs that determine the
 * image. */
#include "catalog/generations.h"

#include "base/mem.h"
#include "catalog/db.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"planned", "submitted", "got", "failed", "refused", "interrupted"};

bool gp_cat_gen_state_of(const char *name, gp_cat_gen_state *state)
{
    for (*state = GP_CAT_PLANNED; name && *state <= GP_CAT_INTERRUPTED; ++*state)
        if (strcmp(name, names[*state]) == 0) return true;
    return false;
}

gp_status gp_cat_generation_put(gp_catalog *cat, const gp_cat_generation *g, int64_t *id, gp_cat_gen_state *state,
                                gp_error *err)
{
    bool row;
    gp_q put =
        gp_q_open(cat, "INSERT INTO generations(key, prompt, negative, number, seed, protocol, settings, extras, state)"
                       " VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'planned') ON CONFLICT(key) DO NOTHING");
    gp_q_text(&put, 1, g->key);
    gp_q_text(&put, 2, g->prompt);
    gp_q_text(&put, 3, g->negative);
    gp_q_int(&put, 4, g->number);
    if (g->has_seed) gp_q_u64(&put, 5, g->seed);
    gp_q_text(&put, 6, g->protocol);
    gp_q_text(&put, 7, g->settings);
    gp_q_text(&put, 8, g->extras);
    GP_TRY(gp_q_run(&put, err));
    bool inserted = sqlite3_changes(cat->db) > 0;
    gp_q q = gp_q_open(cat, "SELECT id, state FROM generations WHERE key = ?");
    gp_q_text(&q, 1, g->key);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) return gp_fail(err, GP_ERR_CATALOG, "a planned image was stored, but the catalog does not contain it");
    const char *state_name = gp_q_col_text(&q, 1);
    *id = gp_q_col_int(&q, 0);
    if (!state_name) {
        gp_q_end(&q);
        return gp_fail_memory(err, "the generation plan");
    }
    if (!gp_cat_gen_state_of(state_name, state)) *state = GP_CAT_REFUSED;
    gp_q_end(&q);
    if (inserted) GP_TRY(gp_marks_note_plan(cat, *id, err));
    return GP_OK;
}

gp_status gp_cat_generation_has(gp_catalog *cat, const char *key, bool *there, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT 1 FROM generations WHERE key = ?");
    gp_q_text(&q, 1, key);
    GP_TRY(gp_q_step(&q, there, err));
    gp_q_end(&q);
    return GP_OK;
}

gp_status gp_cat_generation_set(gp_catalog *cat, int64_t id, gp_cat_gen_state state, const char *path, int64_t image,
                                const char *message, gp_error *err)
{
    bool own;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q q = gp_q_open(
        cat, "UPDATE generations SET state = ?, path = ?, image = ?, message = ?, at = unixepoch() WHERE id = ?");
    gp_q_text(&q, 1, names[state]);
    gp_q_text(&q, 2, path);
    if (image) gp_q_int(&q, 3, image);
    gp_q_text(&q, 4, message);
    gp_q_int(&q, 5, id);
    gp_status st = gp_q_run(&q, err);
    /* "submitted" is not written to the journal, because the next run looks for the file of a planned image anyway. */
    if (st == GP_OK && state != GP_CAT_SUBMITTED) st = gp_marks_note_plan(cat, id, err);
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_generation_get(gp_catalog *cat, int64_t id,
                                gp_status (*visit)(void *user, const gp_cat_generation *g, gp_error *err), void *user,
                                gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT key, prompt, negative, number, seed, seed IS NOT NULL, protocol, settings, extras"
                            " FROM generations WHERE id = ?");
    gp_q_int(&q, 1, id);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) return gp_fail(err, GP_ERR_NOT_FOUND, "the catalog has no planned image with the id %lld", (long long)id);
    gp_cat_generation g = {.key = gp_q_col_text(&q, 0),
                           .prompt = gp_q_col_text(&q, 1),
                           .negative = gp_q_col_text(&q, 2),
                           .number = (uint32_t)gp_q_col_int(&q, 3),
                           .seed = (uint64_t)gp_q_col_int(&q, 4),
                           .has_seed = gp_q_col_int(&q, 5) != 0,
                           .protocol = gp_q_col_text(&q, 6),
                           .settings = gp_q_col_text(&q, 7),
                           .extras = gp_q_col_text(&q, 8)};
    bool complete = g.key && g.prompt && g.protocol && g.settings;
    gp_status st = complete ? visit(user, &g, err) : gp_fail_memory(err, "the generation plan");
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_generation_scores(gp_catalog *cat, const int64_t *ids, size_t count, double *scores, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool row;
        gp_q q = gp_q_open(cat, "SELECT s.value FROM generations g JOIN image_prompts ip ON ip.image = g.image"
                                " JOIN scores s ON s.image = g.image AND s.prompt = ip.prompt"
                                " AND s.scorer = (SELECT id FROM scorers ORDER BY used DESC LIMIT 1)"
                                " WHERE g.id = ? AND s.value IS NOT NULL");
        gp_q_int(&q, 1, ids[i]);
        GP_TRY(gp_q_step(&q, &row, err));
        scores[i] = row ? sqlite3_column_double(q.stmt, 0) : (double)NAN;
        gp_q_end(&q);
    }
    return GP_OK;
}

gp_status gp_cat_generation_backend(gp_catalog *cat, bool flagged, const char *protocol, char **address, gp_error *err)
{
    bool row;
    *address = NULL;
    gp_q q = gp_q_open(cat, "SELECT json_extract(settings, '$.backend') AS backend FROM generations"
                            " WHERE backend IS NOT NULL AND (?1 IS NULL OR protocol = ?1) AND CASE ?2"
                            " WHEN 0 THEN EXISTS(SELECT 1 FROM picks WHERE picks.image = generations.image)"
                            " ELSE EXISTS(SELECT 1 FROM ratings r WHERE r.image = generations.image AND r.flag = 1) END"
                            " ORDER BY at DESC, id DESC LIMIT 1");
    gp_q_text(&q, 1, protocol);
    gp_q_int(&q, 2, flagged);
    GP_TRY(gp_q_step(&q, &row, err));
    const char *text = row ? gp_q_col_text(&q, 0) : NULL;
    if (text) *address = gp_str_dup(text);
    gp_q_end(&q);
    return text && !*address ? gp_fail_memory(err, "the address of the generator") : GP_OK;
}

gp_status gp_cat_winners(gp_catalog *cat, bool flagged,
                         gp_status (*visit)(void *user, const char *path, const char *prompt, const char *negative,
                                            const char *settings, gp_error *err),
                         void *user, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q =
        gp_q_open(cat, "SELECT (SELECT p.path FROM paths p WHERE p.image = ip.image AND p.missing = 0"
                       " ORDER BY p.path LIMIT 1) AS path, pr.text, ip.negative, ip.settings FROM image_prompts ip"
                       " JOIN prompts pr ON pr.id = ip.prompt WHERE path IS NOT NULL AND CASE ?"
                       " WHEN 0 THEN EXISTS(SELECT 1 FROM picks WHERE image = ip.image)"
                       " ELSE EXISTS(SELECT 1 FROM ratings WHERE image = ip.image AND flag = 1) END ORDER BY path");
    gp_q_int(&q, 1, flagged);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *path = gp_q_col_text(&q, 0), *prompt = gp_q_col_text(&q, 1);
        st = path && prompt ? visit(user, path, prompt, gp_q_col_text(&q, 2), gp_q_col_text(&q, 3), err)
                            : gp_fail_memory(err, "the picks");
        if (st != GP_OK) break;
    }
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_image_generator(gp_catalog *cat, const gp_hash *image, char **address, char **protocol, gp_error *err)
{
    bool row;
    *address = *protocol = NULL;
    gp_q q = gp_q_open(cat, "SELECT g.address, g.protocol FROM (SELECT json_extract(CASE WHEN json_valid(settings) "
                            "THEN settings END, '$.backend') AS address,"
                            " protocol, at, id FROM generations WHERE image = (SELECT id FROM images WHERE hash = ?)) g"
                            " WHERE " GP_CAT_WEB_ADDRESS " ORDER BY g.at DESC, g.id DESC LIMIT 1");
    gp_q_hash(&q, 1, image);
    GP_TRY(gp_q_step(&q, &row, err));
    bool complete = true;
    if (row) {
        const char *where = gp_q_col_text(&q, 0), *how = gp_q_col_text(&q, 1);
        if (where) *address = gp_str_dup(where);
        if (how) *protocol = gp_str_dup(how);
        complete = *address && *protocol;
    }
    gp_q_end(&q);
    if (complete) return GP_OK;
    gp_mem_free(*address), gp_mem_free(*protocol);
    *address = *protocol = NULL;
    return gp_fail_memory(err, "the address of the generator");
}

gp_status gp_cat_any_generator(gp_catalog *cat, bool *any, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT 1 FROM (SELECT json_extract(CASE WHEN json_valid(settings) THEN settings END, "
                            "'$.backend') AS address FROM generations"
                            " WHERE image IS NOT NULL) g WHERE " GP_CAT_WEB_ADDRESS " LIMIT 1");
    *any = false;
    GP_TRY(gp_q_step(&q, &row, err));
    *any = row;
    gp_q_end(&q);
    return GP_OK;
}

gp_status gp_cat_image_recipe(gp_catalog *cat, const gp_hash *image,
                              gp_status (*visit)(void *user, const gp_cat_recipe *recipe, gp_error *err), void *user,
                              gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT (SELECT p.path FROM paths p WHERE p.image = i.id AND p.missing = 0 ORDER BY p.path"
                            " LIMIT 1), t.text, ip.raw, ip.negative, ip.settings, (SELECT coalesce(max(seed), 0) + 1"
                            " FROM (SELECT json_extract(CASE WHEN json_valid(o.settings) THEN o.settings END, "
                            "'$.seed') AS seed FROM image_prompts o"
                            " WHERE o.prompt = ip.prompt) WHERE typeof(seed) = 'integer' AND seed BETWEEN 0"
                            " AND 4294967231) FROM images i JOIN image_prompts ip ON ip.image = i.id"
                            " JOIN prompts t ON t.id = ip.prompt WHERE i.hash = ?");
    gp_q_hash(&q, 1, image);
    GP_TRY(gp_q_step(&q, &row, err));
    gp_status st;
    if (row) {
        gp_cat_recipe recipe = {.path = gp_q_col_text(&q, 0),
                                .prompt = gp_q_col_text(&q, 1),
                                .raw = gp_q_col_text(&q, 2),
                                .negative = gp_q_col_text(&q, 3),
                                .settings = gp_q_col_text(&q, 4),
                                .new_seed = (uint64_t)gp_q_col_int(&q, 5)};
        st = recipe.prompt && recipe.raw ? visit(user, &recipe, err) : gp_fail_memory(err, "a prompt");
    } else {
        char hex[33];
        gp_hash_hex(*image, hex);
        st = gp_fail(err, GP_ERR_NOT_FOUND, "the catalog has no prompt for the image %s", hex);
    }
    gp_q_end(&q);
    return st;
}
