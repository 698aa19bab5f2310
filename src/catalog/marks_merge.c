/* SPDX-License-Identifier: MIT
 * Merges a journal of marks into the catalog. An entry replaces the catalog's row unless the row is newer. If both have
 * the same time in seconds, the entry counts, because the journal is written first. Entries for images that are not in
 * the catalog stay in the file. */
#include "base/mem.h"
#include "catalog/db.h"

#include <string.h>
#include "catalog/generations.h"

typedef struct merging {
    gp_catalog *cat;
    gp_cat_brought *brought;
} merging;

static const char *text(const gp_json *object, const char *name)
{
    return gp_json_text(gp_json_get(object, name), NULL);
}

static int64_t number(const gp_json *object, const char *name)
{
    int64_t value = 0;
    return gp_json_i64(gp_json_get(object, name), &value) ? value : 0;
}

/* ------------------------------------------------------------------ finding the image */

/* Finds an image by the hash of its compressed pixels. *image is 0 if no image, or more than one, has this hash. */
static gp_status image_by_stream(gp_catalog *cat, const gp_hash *stream, int64_t *image, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT CASE WHEN count(*) = 1 THEN min(id) ELSE 0 END FROM images WHERE stream = ?");
    gp_q_hash(&q, 1, stream);
    return gp_q_one(&q, 0, image, err);
}

/* Finds an image by the hash of its bytes. If no image has this hash, finds it by the hash of its compressed pixels,
 * because another program may have changed the file's metadata. *image is 0 if the catalog does not have the image. */
static gp_status image_of(gp_catalog *cat, const char *hex, const char *stream_hex, int64_t *image, gp_error *err)
{
    gp_hash hash, stream;
    *image = 0;
    if (!hex || !gp_hash_from_hex(hex, &hash)) return GP_OK;
    gp_q q = gp_q_open(cat, "SELECT id FROM images WHERE hash = ?1"
                            " UNION ALL SELECT image FROM contents WHERE hash = ?1 LIMIT 1");
    gp_q_hash(&q, 1, &hash);
    GP_TRY(gp_q_one(&q, 0, image, err));
    if (*image || !stream_hex || !gp_hash_from_hex(stream_hex, &stream)) return GP_OK;
    return image_by_stream(cat, &stream, image, err);
}

/* ------------------------------------------------------------------ ratings */

static gp_status merge_rating(const merging *m, const gp_json *o, bool *waits, gp_error *err)
{
    int64_t image, flag = number(o, "flag"), stars = number(o, "stars"), at = number(o, "at");
    GP_TRY(image_of(m->cat, text(o, "mark"), text(o, "stream"), &image, err));
    *waits = image == 0 && (flag != 0 || stars != 0);
    if (image == 0 || flag < -1 || flag > 1 || stars < 0 || stars > 5) return GP_OK;
    gp_q q = gp_q_open(m->cat, "INSERT INTO ratings(image, flag, stars, at) SELECT ?1, ?2, ?3, ?4 WHERE"
                               " ?2 <> 0 OR ?3 <> 0 OR EXISTS(SELECT 1 FROM ratings WHERE image = ?1)"
                               " ON CONFLICT(image) DO UPDATE SET flag = ?2, stars = ?3, at = ?4"
                               " WHERE at <= ?4 AND (flag <> ?2 OR stars <> ?3)");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, flag);
    gp_q_int(&q, 3, stars);
    gp_q_int(&q, 4, at);
    GP_TRY(gp_q_run(&q, err));
    m->brought->marks += sqlite3_changes(m->cat->db) > 0;
    return GP_OK;
}

/* ------------------------------------------------------------------ tags */

/* Sets *tag to the entry's tag, owned; NULL: the entry has no valid tag and is ignored. */
static gp_status tag_of(const gp_json *o, char **tag, gp_error *err)
{
    size_t size = 0;
    const char *given = gp_json_text(gp_json_get(o, "tag"), &size);
    gp_error why = {0};
    *tag = NULL;
    if (!given || gp_cat_tag_clean(given, size, tag, &why) != GP_ERR_MEMORY) return GP_OK;
    return gp_fail_memory(err, "the journal of marks");
}

/* Each tag of each image has its own time. If two copies of a catalog are merged, an image therefore gets the tags of
 * both copies. */
static gp_status merge_tag(const merging *m, const gp_json *o, bool *waits, gp_error *err)
{
    int64_t image, removed = number(o, "removed") != 0;
    char *tag = NULL;
    gp_status st;
    GP_TRY(tag_of(o, &tag, err));
    GP_TRY_GOTO(image_of(m->cat, text(o, "image"), text(o, "stream"), &image, err));
    *waits = image == 0 && tag && !removed;
    if (image && tag) {
        gp_q q = gp_q_open(m->cat, "INSERT INTO tags(image, tag, removed, at) SELECT ?1, ?2, ?3, ?4 WHERE"
                                   " ?3 = 0 OR EXISTS(SELECT 1 FROM tags WHERE image = ?1 AND tag = ?2)"
                                   " ON CONFLICT(image, tag) DO UPDATE SET removed = ?3, at = ?4"
                                   " WHERE at <= ?4 AND removed <> ?3");
        gp_q_int(&q, 1, image);
        gp_q_text(&q, 2, tag);
        gp_q_int(&q, 3, removed);
        gp_q_int(&q, 4, number(o, "at"));
        GP_TRY_GOTO(gp_q_run(&q, err));
        m->brought->marks += sqlite3_changes(m->cat->db) > 0;
    }
out:
    gp_mem_free(tag);
    return st;
}

/* ------------------------------------------------------------------ views */

static gp_status merge_view(const merging *m, const gp_json *o, gp_error *err)
{
    const char *value = text(o, "value");
    gp_q q = value ? gp_q_open(m->cat, "INSERT INTO saved(name, value, at) VALUES(?1, ?2, ?3) ON CONFLICT(name)"
                                       " DO UPDATE SET value = ?2, at = ?3 WHERE at <= ?3 AND value <> ?2")
                   : gp_q_open(m->cat, "DELETE FROM saved WHERE name = ?1 AND at <= ?3");
    gp_q_text(&q, 1, text(o, "view"));
    if (value) gp_q_text(&q, 2, value);
    gp_q_int(&q, 3, number(o, "at"));
    GP_TRY(gp_q_run(&q, err));
    m->brought->views += sqlite3_changes(m->cat->db) > 0;
    return GP_OK;
}

/* ------------------------------------------------------------------ picks */

/* Finds or inserts the encoder of an entry.  *id 0: the entry names none. */
static gp_status encoder_of(gp_catalog *cat, const gp_json *e, int64_t *id, gp_error *err)
{
    static const char *const names[] = {"model", "weight_hash", "precision", "preprocess_id", "text_rule"};
    *id = 0;
    for (int i = 0; i < 5; i++)
        if (!text(e, names[i])) return GP_OK;
    if (number(e, "dims") < 1) return GP_OK;
    gp_q encoder = gp_q_open(cat, "INSERT INTO encoders(model, weight_hash, precision, preprocess_id, text_rule, dims)"
                                  " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    for (int i = 0; i < 5; i++) gp_q_text(&encoder, i + 1, text(e, names[i]));
    gp_q_int(&encoder, 6, number(e, "dims"));
    GP_TRY(gp_q_run(&encoder, err));
    gp_q q = gp_q_open(cat, "SELECT id FROM encoders WHERE weight_hash = ? AND precision = ? AND preprocess_id = ?"
                            " AND text_rule = ?");
    for (int i = 1; i < 5; i++) gp_q_text(&q, i, text(e, names[i]));
    return gp_q_one(&q, 0, id, err);
}

/* Finds the scorer of the picks, or inserts it if the catalog does not have it. *id 0: the entry names no scorer. */
static gp_status scorer_of(gp_catalog *cat, const gp_json *o, int64_t *id, gp_error *err)
{
    const gp_json *s = gp_json_get(o, "scorer");
    int64_t encoder = 0;
    *id = 0;
    if (!text(s, "key") || !text(s, "name") || !text(s, "scale")) return GP_OK;
    GP_TRY(encoder_of(cat, gp_json_get(o, "encoder"), &encoder, err));
    const char *needs = text(s, "needs"); /* NULL: the key implies it */
    if (!encoder && !(needs && strcmp(needs, "pixels") == 0)) return GP_OK;
    gp_q scorer = gp_q_open(
        cat, "INSERT INTO scorers(key, name, scale, higher_better, encoder, parameters, needs, used)"
             " VALUES(?1, ?2, ?3, ?4, nullif(?5, 0), ?6, coalesce(?7, " GP_MARKS_NEEDS("?1") "), 0)"
                                                                                             " ON CONFLICT DO NOTHING");
    gp_q_text(&scorer, 1, text(s, "key"));
    gp_q_text(&scorer, 2, text(s, "name"));
    gp_q_text(&scorer, 3, text(s, "scale"));
    gp_q_int(&scorer, 4, number(s, "higher_better") != 0);
    gp_q_int(&scorer, 5, encoder);
    gp_q_text(&scorer, 6, text(s, "parameters"));
    gp_q_text(&scorer, 7, needs);
    GP_TRY(gp_q_run(&scorer, err));
    gp_q q = gp_q_open(cat, "SELECT id FROM scorers WHERE key = ?");
    gp_q_text(&q, 1, text(s, "key"));
    return gp_q_one(&q, 0, id, err);
}

/* Adds a pick. The pick's rule, time and scorer come from the pick's own members, or else from the members of its line
 * `o`. newer: replace the catalog's pick of this image, if there is one. */
static gp_status put_pick(const merging *m, const gp_json *o, const gp_json *pick, int64_t scorer, bool newer,
                          bool *waits, gp_error *err)
{
    int64_t image;
    if (gp_json_get(pick, "scorer")) GP_TRY(scorer_of(m->cat, pick, &scorer, err));
    if (!scorer) return GP_OK;
    GP_TRY(image_of(m->cat, text(pick, "hash"), text(pick, "stream"), &image, err));
    if (image == 0) {
        *waits = true;
        return GP_OK;
    }
    gp_q q = gp_q_open(m->cat,
                       "INSERT INTO picks(image, rank, scorer, rule, picked_at, reason, category)"
                       " VALUES(?1, ?2, ?3, coalesce(?4, ''), ?5, ?6, ?7) ON CONFLICT(image) DO UPDATE SET rank = ?2,"
                       " scorer = ?3, rule = coalesce(?4, ''), picked_at = ?5, reason = ?6, category = ?7"
                       " WHERE ?8 AND (rank, scorer, rule, picked_at, reason, category) IS NOT"
                       " (?2, ?3, coalesce(?4, ''), ?5, ?6, ?7)");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, number(pick, "rank"));
    gp_q_int(&q, 3, scorer);
    gp_q_text(&q, 4, text(gp_json_get(pick, "rule") ? pick : o, "rule"));
    gp_q_int(&q, 5, number(gp_json_get(pick, "at") ? pick : o, "at"));
    gp_q_text(&q, 6, text(pick, "reason"));
    gp_q_text(&q, 7, text(pick, "category"));
    gp_q_int(&q, 8, newer);
    GP_TRY(gp_q_run(&q, err));
    m->brought->picks += sqlite3_changes(m->cat->db) > 0;
    return GP_OK;
}

/* Deletes the picks of the catalog that are not in the entry. */
static gp_status drop_others(gp_catalog *cat, const gp_json *picks, gp_error *err)
{
    gp_str ids = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_str_putc(&ids, '[');
    for (size_t i = 0; i < gp_json_count(picks); i++) {
        int64_t image;
        const gp_json *pick = gp_json_at(picks, i);
        GP_TRY_GOTO(image_of(cat, text(pick, "hash"), text(pick, "stream"), &image, err));
        gp_str_printf(&ids, "%s%lld", i ? "," : "", (long long)image);
    }
    gp_str_putc(&ids, ']');
    if (ids.failed) GP_TRY_GOTO(gp_db_fail(cat, SQLITE_NOMEM, err));
    gp_q q = gp_q_open(cat, "DELETE FROM picks WHERE image NOT IN (SELECT value FROM json_each(?))");
    gp_q_text(&q, 1, ids.data);
    st = gp_q_run(&q, err);
out:
    gp_str_clear(&ids);
    return st;
}

/* Picks of the journal that are newer replace the picks of the catalog. If the picks of journal and catalog have the
 * same time, only missing picks are added. */
static gp_status merge_picks(const merging *m, const gp_json *o, bool *waits, gp_error *err)
{
    int64_t scorer = 0, at = 0;
    const gp_json *picks = gp_json_get(o, "picks");
    gp_q newest = gp_q_open(m->cat, "SELECT max(picked_at) FROM picks");
    GP_TRY(gp_q_one(&newest, 0, &at, err));
    if (at > number(o, "at")) return GP_OK;
    if (gp_json_count(picks)) GP_TRY(scorer_of(m->cat, o, &scorer, err));
    if (gp_json_count(picks) && !scorer) return GP_OK;
    bool newer = at < number(o, "at") || gp_json_count(picks) == 0;
    if (newer) GP_TRY(drop_others(m->cat, picks, err));
    for (size_t i = 0; i < gp_json_count(picks); i++)
        GP_TRY(put_pick(m, o, gp_json_at(picks, i), scorer, newer, waits, err));
    return GP_OK;
}

/* ------------------------------------------------------------------ plans */

/* Merges a plan. If its image was received but is not in the catalog, the plan is stored as planned; the next run looks
 * for the image's file first. */
static gp_status merge_plan(const merging *m, const gp_json *o, bool *waits, gp_error *err)
{
    int64_t image, seed;
    gp_cat_gen_state is;
    const char *state = text(o, "state");
    if (gp_cat_gen_state_of(state, &is) && is == GP_CAT_PLANNED && text(o, "message"))
        state = "interrupted"; /* written by a version before schema 7 */
    if (!gp_cat_gen_state_of(state, &is) || !text(o, "prompt") || !text(o, "protocol") || !text(o, "settings"))
        return GP_OK;
    GP_TRY(image_of(m->cat, text(o, "image"), NULL, &image, err));
    *waits = image == 0 && is == GP_CAT_GOT;
    gp_q q =
        gp_q_open(m->cat, "INSERT INTO generations(key, prompt, negative, number, seed, protocol, settings, extras,"
                          " state, message, path, image, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                          " nullif(?12, 0), ?13) ON CONFLICT(key) DO UPDATE SET state = ?9, message = ?10, path = ?11,"
                          " image = nullif(?12, 0), at = ?13 WHERE at <= ?13 AND state <> ?9"
                          " AND NOT (state = 'submitted' AND ?9 IN ('planned', 'interrupted'))");
    static const char *const names[] = {"plan", "prompt", "negative", NULL, NULL, "protocol", "settings", "extras"};
    for (int i = 0; i < 8; i++)
        if (names[i]) gp_q_text(&q, i + 1, text(o, names[i]));
    gp_q_int(&q, 4, number(o, "number"));
    if (gp_json_i64(gp_json_get(o, "seed"), &seed)) gp_q_int(&q, 5, seed);
    gp_q_text(&q, 9, *waits ? "planned" : state);
    gp_q_text(&q, 10, text(o, "message"));
    gp_q_text(&q, 11, *waits ? NULL : text(o, "path"));
    gp_q_int(&q, 12, image);
    gp_q_int(&q, 13, number(o, "at"));
    GP_TRY(gp_q_run(&q, err));
    m->brought->plans += sqlite3_changes(m->cat->db) > 0;
    return GP_OK;
}

/* ------------------------------------------------------------------ all entries */

static gp_status merge_one(const merging *m, gp_marks_file *file, gp_marks_entry *e, gp_error *err)
{
    gp_json *o = NULL;
    e->waits = false;
    GP_TRY(gp_marks_entry_json(file, e, &o, err));
    gp_status st = GP_OK;
    switch (e->kind) {
    case GP_MARKS_RATING: st = merge_rating(m, o, &e->waits, err); break;
    case GP_MARKS_VIEW: st = merge_view(m, o, err); break;
    case GP_MARKS_PICKS: st = merge_picks(m, o, &e->waits, err); break;
    case GP_MARKS_PLAN: st = merge_plan(m, o, &e->waits, err); break;
    case GP_MARKS_TAG: st = merge_tag(m, o, &e->waits, err); break;
    }
    gp_json_free(o);
    m->brought->waiting += e->waits;
    return st;
}

gp_status gp_marks_lacking(gp_catalog *cat, gp_marks_kind kind, const gp_json *o, bool *lacking, gp_error *err)
{
    int64_t image = 0;
    const gp_json *picks = gp_json_get(o, "picks");
    *lacking = kind == GP_MARKS_PLAN || (kind == GP_MARKS_VIEW && text(o, "value"));
    if (kind == GP_MARKS_RATING && (number(o, "flag") || number(o, "stars")))
        GP_TRY(image_of(cat, text(o, "mark"), text(o, "stream"), &image, err));
    if (kind == GP_MARKS_TAG && !number(o, "removed")) {
        char *tag = NULL;
        GP_TRY(tag_of(o, &tag, err));
        bool valid = tag != NULL;
        gp_mem_free(tag);
        if (valid) GP_TRY(image_of(cat, text(o, "image"), text(o, "stream"), &image, err));
    }
    for (size_t i = 0; kind == GP_MARKS_PICKS && image == 0 && i < gp_json_count(picks); i++) {
        const gp_json *pick = gp_json_at(picks, i);
        GP_TRY(image_of(cat, text(pick, "hash"), text(pick, "stream"), &image, err));
    }
    *lacking |= image != 0;
    return GP_OK;
}

gp_status gp_marks_merge(gp_catalog *cat, gp_marks_file *file, gp_cat_brought *brought, gp_error *err)
{
    const merging m = {cat, brought};
    for (size_t i = 0; i < file->count; i++) GP_TRY(merge_one(&m, file, &file->entries[i], err));
    return GP_OK;
}
