/* SPDX-License-Identifier: MIT
 * Tags: words that the user gives to images. A removed tag keeps its row, with the time of the removal. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <string.h>

gp_status gp_db_tag_put(gp_catalog *cat, const gp_cat_tagging *t, bool *changed, gp_error *err)
{
    gp_q q = t->removed ? gp_q_open(cat, "UPDATE tags SET removed = 1, at = unixepoch() WHERE tag = ?2 AND removed = 0"
                                         " AND image = (SELECT id FROM images WHERE hash = ?1)")
                        : gp_q_open(cat, "INSERT INTO tags(image, tag) SELECT id, ?2 FROM images WHERE hash = ?1"
                                         " ON CONFLICT(image, tag) DO UPDATE SET removed = 0, at = unixepoch()"
                                         " WHERE removed = 1");
    gp_q_hash(&q, 1, &t->hash);
    gp_q_text(&q, 2, t->tag);
    GP_TRY(gp_q_run(&q, err));
    *changed = sqlite3_changes(cat->db) > 0;
    return *changed ? gp_marks_note_tag(cat, &t->hash, t->tag, err) : GP_OK;
}

gp_status gp_cat_has_image(gp_catalog *cat, const gp_hash *hash, bool *known, gp_error *err)
{
    int64_t found = 0;
    gp_q q = gp_q_open(cat, "SELECT EXISTS(SELECT 1 FROM images WHERE hash = ?)");
    gp_q_hash(&q, 1, hash);
    GP_TRY(gp_q_one(&q, 0, &found, err));
    *known = found != 0;
    return GP_OK;
}

gp_status gp_cat_tags_visit(gp_catalog *cat, bool (*visit)(void *user, const char *tag, int64_t image), void *user,
                            gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT tag, image FROM tags WHERE removed = 0 ORDER BY tag, image");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *tag = gp_q_col_text(&q, 0);
        if (!tag) st = gp_db_fail(cat, SQLITE_NOMEM, err);
        if (!tag || !visit(user, tag, gp_q_col_int(&q, 1))) break;
    }
    gp_q_end(&q);
    return st;
}

gp_status gp_db_tags_json(const char *const *tags, uint64_t count, char **json, gp_error *err)
{
    gp_str out = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_str_putc(&out, '[');
    for (uint64_t i = 0; st == GP_OK && i < count; i++) {
        char *tag = NULL;
        st = tags[i] ? gp_cat_tag_clean(tags[i], strlen(tags[i]), &tag, err)
                     : gp_fail(err, GP_ERR_USAGE, "a tag must not be NULL");
        if (i) gp_str_putc(&out, ',');
        if (st == GP_OK) gp_json_put_string(&out, tag);
        gp_mem_free(tag);
    }
    gp_str_putc(&out, ']');
    if (st == GP_OK && out.failed) st = gp_fail_memory(err, "tags");
    if (st == GP_OK) *json = gp_str_dup(out.data);
    if (st == GP_OK && !*json) st = gp_fail_memory(err, "tags");
    gp_str_clear(&out);
    return st;
}
