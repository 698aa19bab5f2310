/* SPDX-License-Identifier: MIT
 * Prompts. Each text is stored once, however many images share it. Another table records which image has which prompt,
 * and its source.
 *
 * Priority of sources: table, then metadata, then sidecar file. A prompt replaces one of lower or equal priority;
 * equal, so that a corrected table can be added again. A prompt from metadata is also replaced whenever the file is
 * read again, because a better reader may find no prompt, or one of lower priority. The former prompt stays in
 * `prompts` with its embeddings and scores. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

static gp_status prompt_id(gp_catalog *cat, const char *text, int64_t *id, gp_error *err)
{
    gp_q find = gp_q_open(cat, "SELECT id FROM prompts WHERE text = ?");
    gp_q_text(&find, 1, text);
    GP_TRY(gp_q_one(&find, 0, id, err));
    if (*id != 0) return GP_OK;
    gp_q add = gp_q_open(cat, "INSERT INTO prompts(text) VALUES(?)");
    gp_q_text(&add, 1, text);
    GP_TRY(gp_q_run(&add, err));
    *id = sqlite3_last_insert_rowid(cat->db);
    return GP_OK;
}

enum { STRENGTH_METADATA = 2, NO_RECORD = -1 };

/* Writes the row only if it differs from the stored row. *changed: the row was written. */
static gp_status assign(gp_catalog *cat, int64_t image, int64_t id, const gp_cat_prompt *prompt, bool first,
                        bool *changed, gp_error *err)
{
    gp_q q = first ? gp_q_open(cat, "INSERT INTO image_prompts(image, prompt, raw, negative, source, strength,"
                                    " settings, evidence) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                   : gp_q_open(cat, "UPDATE image_prompts SET prompt = ?2, raw = ?3, negative = ?4, source = ?5,"
                                    " strength = ?6, settings = ?7, evidence = ?8 WHERE image = ?1 AND"
                                    " (prompt IS NOT ?2 OR (raw, source, strength) IS NOT (?3, ?5, ?6)"
                                    " OR negative IS NOT ?4 OR settings IS NOT ?7 OR evidence IS NOT ?8)");
    gp_q_int(&q, 1, image);
    if (prompt->text) gp_q_int(&q, 2, id); /* without text the parameter stays NULL */
    gp_q_text(&q, 3, prompt->text && !prompt->raw ? prompt->text : prompt->raw);
    gp_q_text(&q, 4, prompt->negative);
    gp_q_text(&q, 5, prompt->source);
    gp_q_int(&q, 6, prompt->strength);
    gp_q_text(&q, 7, prompt->settings_json);
    gp_q_text(&q, 8, !prompt->text ? "none" : prompt->evidence ? prompt->evidence : "stated");
    GP_TRY(gp_q_run(&q, err));
    *changed = sqlite3_changes(cat->db) > 0;
    return GP_OK;
}

static gp_status delete_prompt(gp_catalog *cat, int64_t image, bool *changed, gp_error *err)
{
    gp_q q = gp_q_open(cat, "DELETE FROM image_prompts WHERE image = ?");
    gp_q_int(&q, 1, image);
    GP_TRY(gp_q_run(&q, err));
    *changed = sqlite3_changes(cat->db) > 0;
    return GP_OK;
}

/* Sets *own if `hash` is the image's first hash. A file with a later hash may contain metadata that another program has
 * written. */
static gp_status is_own(gp_catalog *cat, int64_t image, const gp_hash *hash, bool *own, gp_error *err)
{
    int64_t found = 0;
    *own = false;
    if (!hash) return GP_OK;
    gp_q q = gp_q_open(cat, "SELECT count(*) FROM images WHERE id = ?1 AND hash = ?2");
    gp_q_int(&q, 1, image);
    gp_q_hash(&q, 2, hash);
    GP_TRY(gp_q_one(&q, 0, &found, err));
    *own = found > 0;
    return GP_OK;
}

gp_status gp_cat_prompt_put(gp_catalog *cat, int64_t image, const gp_cat_prompt *prompt, bool *changed, gp_error *err)
{
    gp_status st;
    bool own, reread, written = false, empty = !prompt->text && !prompt->negative && !prompt->settings_json;
    int64_t strength = NO_RECORD, id = 0;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q has = gp_q_open(cat, "SELECT strength FROM image_prompts WHERE image = ?");
    gp_q_int(&has, 1, image);
    GP_TRY_GOTO(gp_q_one(&has, NO_RECORD, &strength, err));
    GP_TRY_GOTO(is_own(cat, image, prompt->file_read, &reread, err));
    bool replace = strength <= prompt->strength || (reread && strength == STRENGTH_METADATA);
    if (replace && empty) {
        GP_TRY_GOTO(delete_prompt(cat, image, &written, err));
    } else if (replace) {
        if (prompt->text) GP_TRY_GOTO(prompt_id(cat, prompt->text, &id, err));
        GP_TRY_GOTO(assign(cat, image, id, prompt, strength == NO_RECORD, &written, err));
    }
out:
    st = gp_db_scope_end(cat, own, st, err);
    if (st == GP_OK && changed) *changed = written;
    return st;
}

gp_status gp_cat_prompt_of(gp_catalog *cat, int64_t image, int64_t *prompt, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT coalesce(prompt, 0) FROM image_prompts WHERE image = ?");
    gp_q_int(&q, 1, image);
    return gp_q_one(&q, 0, prompt, err);
}

/* Copies a column. Returns false if memory ran out. */
static bool copy_column(gp_q *q, int column, char **out)
{
    const char *text = gp_q_col_text(q, column);
    *out = text ? gp_str_dup(text) : NULL;
    return *out || sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

gp_status gp_cat_prompt_get(gp_catalog *cat, int64_t image, gp_cat_kept_prompt *out, gp_error *err)
{
    bool row;
    gp_cat_kept_prompt kept = {0};
    gp_q q = gp_q_open(cat, "SELECT (SELECT count(*) FROM paths p WHERE p.image = i.id AND p.missing = 0),"
                            " ip.strength, ip.raw, ip.source, ip.settings, ip.evidence = 'guess' FROM images i"
                            " LEFT JOIN image_prompts ip ON ip.image = i.id WHERE i.id = ?");
    gp_q_int(&q, 1, image);
    GP_TRY(gp_q_step(&q, &row, err));
    if (row) {
        kept.paths = (uint64_t)gp_q_col_int(&q, 0);
        kept.strength = (int)gp_q_col_int(&q, 1);
        kept.guess = gp_q_col_int(&q, 5) != 0;
        bool copied = copy_column(&q, 2, &kept.raw) && copy_column(&q, 3, &kept.source) &&
                      copy_column(&q, 4, &kept.settings_json);
        gp_q_end(&q);
        if (!copied) {
            gp_cat_kept_prompt_clear(&kept);
            return gp_fail_memory_path(err, "a prompt of catalog '%s'", cat->path);
        }
    }
    *out = kept;
    return GP_OK;
}

void gp_cat_kept_prompt_clear(gp_cat_kept_prompt *prompt)
{
    gp_mem_free(prompt->settings_json);
    gp_mem_free(prompt->source);
    gp_mem_free(prompt->raw);
    *prompt = (gp_cat_kept_prompt){0};
}
