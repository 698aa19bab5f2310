/* SPDX-License-Identifier: MIT
 * Writes rows of the catalog as lines of the journal of marks. Each line is complete: reading it needs neither earlier
 * lines nor the catalog. */
#include "catalog/db.h"

/* ------------------------------------------------------------------ JSON members from columns (NULL: omitted) */

static void put_text(gp_str *out, const char *name, const gp_q *q, int column)
{
    const char *text = gp_q_col_text(q, column);
    if (!text && sqlite3_column_type(q->stmt, column) != SQLITE_NULL) out->failed = true; /* out of memory */
    if (!text) return;
    gp_json_put_name(out, name);
    gp_json_put_string(out, text);
}

static void put_int(gp_str *out, const char *name, const gp_q *q, int column)
{
    if (sqlite3_column_type(q->stmt, column) == SQLITE_NULL) return;
    gp_json_put_name(out, name);
    gp_str_printf(out, "%lld", (long long)gp_q_col_int(q, column));
}

typedef void (*put_row)(gp_str *body, const gp_q *q);

/* Appends a line for each row of the query, then ends the query. */
static gp_status put_rows(gp_q *q, put_row put, gp_str *out, gp_error *err)
{
    bool row;
    gp_status st;
    gp_str body = GP_STR_INIT;
    while ((st = gp_q_step(q, &row, err)) == GP_OK && row) {
        gp_str_reset(&body);
        gp_str_putc(&body, '{');
        put(&body, q);
        gp_marks_line(out, &body);
        if (out->failed) break;
    }
    gp_q_end(q);
    gp_str_clear(&body);
    return st == GP_OK && out->failed ? gp_db_fail(q->cat, SQLITE_NOMEM, err) : st;
}

/* ------------------------------------------------------------------ ratings */

#define FIRST_PATH "(SELECT p.path FROM paths p WHERE p.image = i.id ORDER BY p.missing, p.path LIMIT 1)"
#define RATINGS                                                                                                        \
    "SELECT lower(hex(i.hash)), lower(hex(i.stream)), r.flag, r.stars, " FIRST_PATH ", r.at, i.stream IS NULL"         \
    " FROM ratings r JOIN images i ON i.id = r.image"

static void put_rating(gp_str *body, const gp_q *q)
{
    put_text(body, "mark", q, 0);
    if (gp_q_col_int(q, 6) == 0) put_text(body, "stream", q, 1);
    put_int(body, "flag", q, 2);
    put_int(body, "stars", q, 3);
    put_text(body, "path", q, 4);
    put_int(body, "at", q, 5);
}

gp_status gp_marks_note_rating(gp_catalog *cat, const gp_hash *image, gp_error *err)
{
    if (!cat->marks.path) return GP_OK;
    gp_q q = gp_q_open(cat, RATINGS " WHERE i.hash = ?");
    gp_q_hash(&q, 1, image);
    return put_rows(&q, put_rating, &cat->marks.pending, err);
}

/* ------------------------------------------------------------------ tags */

#define TAGS                                                                                                           \
    "SELECT t.tag, lower(hex(i.hash)), lower(hex(i.stream)), i.stream IS NULL, t.removed, " FIRST_PATH ", t.at"        \
    " FROM tags t JOIN images i ON i.id = t.image"

static void put_tag(gp_str *body, const gp_q *q)
{
    put_text(body, "tag", q, 0);
    put_text(body, "image", q, 1);
    if (gp_q_col_int(q, 3) == 0) put_text(body, "stream", q, 2);
    put_int(body, "removed", q, 4);
    put_text(body, "path", q, 5);
    put_int(body, "at", q, 6);
}

gp_status gp_marks_note_tag(gp_catalog *cat, const gp_hash *image, const char *tag, gp_error *err)
{
    if (!cat->marks.path) return GP_OK;
    gp_q q = gp_q_open(cat, TAGS " WHERE i.hash = ? AND t.tag = ?");
    gp_q_hash(&q, 1, image);
    gp_q_text(&q, 2, tag);
    return put_rows(&q, put_tag, &cat->marks.pending, err);
}

/* ------------------------------------------------------------------ views */

static void put_view(gp_str *body, const gp_q *q)
{
    put_text(body, "view", q, 0);
    put_text(body, "value", q, 1); /* no "value" means that the view was deleted */
    put_int(body, "at", q, 2);
}

gp_status gp_marks_note_view(gp_catalog *cat, const char *name, gp_error *err)
{
    if (!cat->marks.path) return GP_OK;
    gp_q q = gp_q_open(cat, "SELECT ?1, (SELECT value FROM saved WHERE name = ?1), unixepoch()");
    gp_q_text(&q, 1, name);
    return put_rows(&q, put_view, &cat->marks.pending, err);
}

/* ------------------------------------------------------------------ picks */

/* All picks are on one line of the journal. The line has the rule, time and scorer of the newest pick. If the rule,
 * time or scorer of an older pick differs from that of the line, the pick has its own value. */

#define NEWEST "picks ORDER BY picked_at DESC, image LIMIT 1"
#define BY                                                                                                             \
    "s.key, s.name, s.scale, s.higher_better, e.model, e.weight_hash, e.precision, e.preprocess_id, e.text_rule, "     \
    "e.dims, s.parameters, nullif(s.needs, " GP_MARKS_NEEDS("s.key") ")"

/* Writes the columns that the SQL text BY selects, as the objects "scorer" and "encoder". `first` is the index of the
 * first of these columns. */
static void put_by(gp_str *body, const gp_q *q, int first)
{
    static const char *const names[] = {"model", "weight_hash", "precision", "preprocess_id", "text_rule"};
    gp_json_put_name(body, "scorer");
    gp_str_putc(body, '{');
    put_text(body, "key", q, first);
    put_text(body, "name", q, first + 1);
    put_text(body, "scale", q, first + 2);
    put_int(body, "higher_better", q, first + 3);
    put_text(body, "parameters", q, first + 10);
    /* the query returns NULL if the scorer's key implies the value; NULL is omitted */
    put_text(body, "needs", q, first + 11);
    gp_str_puts(body, "},\"encoder\":{");
    for (int i = 0; i < 5; i++) put_text(body, names[i], q, first + 4 + i);
    put_int(body, "dims", q, first + 9);
    gp_str_putc(body, '}');
}

static void put_picks_head(gp_str *body, const gp_q *q)
{
    put_text(body, "rule", q, 0);
    put_int(body, "at", q, 1);
    put_by(body, q, 2);
    gp_str_puts(body, ",\"picks\":[");
}

static void put_pick(gp_str *body, const gp_q *q)
{
    if (body->size && body->data[body->size - 1] == '}') gp_str_putc(body, ',');
    gp_str_putc(body, '{');
    put_text(body, "hash", q, 0);
    if (gp_q_col_int(q, 5) == 0) put_text(body, "stream", q, 1);
    put_int(body, "rank", q, 2);
    put_text(body, "reason", q, 3);
    put_text(body, "category", q, 4);
    put_text(body, "rule", q, 6);
    put_int(body, "at", q, 7);
    if (gp_q_col_int(q, 8)) put_by(body, q, 9);
    gp_str_putc(body, '}');
}

static gp_status put_picks_members(gp_catalog *cat, gp_str *body, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q =
        gp_q_open(cat, "WITH n AS (SELECT rule, picked_at, scorer FROM " NEWEST ")"
                       " SELECT lower(hex(i.hash)), lower(hex(i.stream)), k.rank, k.reason, k.category,"
                       " i.stream IS NULL, nullif(k.rule, n.rule), nullif(k.picked_at, n.picked_at),"
                       " k.scorer <> n.scorer, " BY " FROM n JOIN picks k JOIN images i ON i.id = k.image"
                       " JOIN scorers s ON s.id = k.scorer LEFT JOIN encoders e ON e.id = s.encoder ORDER BY k.image");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) put_pick(body, &q);
    gp_q_end(&q);
    return st;
}

/* Appends the line of the picks. none: if there are no picks, append a line with an empty list. */
static gp_status put_picks(gp_catalog *cat, bool none, gp_str *out, gp_error *err)
{
    bool row;
    gp_str body = GP_STR_INIT;
    gp_q q = gp_q_open(cat, "SELECT k.rule, k.picked_at, " BY " FROM (SELECT * FROM " NEWEST ") k"
                            " JOIN scorers s ON s.id = k.scorer LEFT JOIN encoders e ON e.id = s.encoder");
    GP_TRY(gp_q_step(&q, &row, err));
    gp_str_putc(&body, '{');
    if (row) put_picks_head(&body, &q);
    gp_q_end(&q);
    gp_status st = row ? put_picks_members(cat, &body, err) : GP_OK;
    if (row) gp_str_putc(&body, ']');
    if (!row && none) {
        int64_t now = 0;
        gp_q clock = gp_q_open(cat, "SELECT unixepoch()");
        st = gp_q_one(&clock, 0, &now, err);
        gp_str_printf(&body, "\"at\":%lld,\"picks\":[]", (long long)now);
    }
    if (st == GP_OK && (row || none)) gp_marks_line(out, &body);
    out->failed |= body.failed;
    gp_str_clear(&body);
    return st == GP_OK && out->failed ? gp_db_fail(cat, SQLITE_NOMEM, err) : st;
}

void gp_marks_note_picks(gp_catalog *cat)
{
    cat->marks.picks = cat->marks.path != NULL;
}

gp_status gp_marks_put_picks(gp_catalog *cat, gp_error *err)
{
    return cat->marks.picks ? put_picks(cat, true, &cat->marks.pending, err) : GP_OK;
}

/* ------------------------------------------------------------------ plans */

#define PLANS                                                                                                          \
    "SELECT g.key, g.prompt, g.negative, g.number, g.seed, g.protocol, g.settings, g.extras, g.state, g.message,"      \
    " g.path, g.at, lower(hex(i.hash)), i.id IS NULL FROM generations g LEFT JOIN images i ON i.id = g.image"

static void put_plan(gp_str *body, const gp_q *q)
{
    put_text(body, "plan", q, 0);
    put_text(body, "prompt", q, 1);
    put_text(body, "negative", q, 2);
    put_int(body, "number", q, 3);
    put_int(body, "seed", q, 4);
    put_text(body, "protocol", q, 5);
    put_text(body, "settings", q, 6);
    put_text(body, "extras", q, 7);
    put_text(body, "state", q, 8);
    put_text(body, "message", q, 9);
    put_text(body, "path", q, 10);
    put_int(body, "at", q, 11);
    if (gp_q_col_int(q, 13) == 0) put_text(body, "image", q, 12);
}

gp_status gp_marks_note_plan(gp_catalog *cat, int64_t generation, gp_error *err)
{
    if (!cat->marks.path) return GP_OK;
    gp_q q = gp_q_open(cat, PLANS " WHERE g.id = ?");
    gp_q_int(&q, 1, generation);
    return put_rows(&q, put_plan, &cat->marks.pending, err);
}

/* ------------------------------------------------------------------ all marks */

gp_status gp_marks_whole(gp_catalog *cat, gp_str *out, gp_error *err)
{
    gp_q plans = gp_q_open(cat, PLANS " ORDER BY g.id");
    GP_TRY(put_rows(&plans, put_plan, out, err));
    GP_TRY(put_picks(cat, false, out, err));
    gp_q views = gp_q_open(cat, "SELECT name, value, at FROM saved ORDER BY name");
    GP_TRY(put_rows(&views, put_view, out, err));
    gp_q ratings = gp_q_open(cat, RATINGS " ORDER BY r.at, i.id");
    GP_TRY(put_rows(&ratings, put_rating, out, err));
    gp_q tags = gp_q_open(cat, TAGS " ORDER BY t.at, t.image, t.tag");
    return put_rows(&tags, put_tag, out, err);
}

gp_status gp_marks_any(gp_catalog *cat, bool *any, gp_error *err)
{
    int64_t found = 0;
    gp_q q = gp_q_open(cat, "SELECT EXISTS(SELECT 1 FROM ratings) OR EXISTS(SELECT 1 FROM tags)"
                            " OR EXISTS(SELECT 1 FROM saved)"
                            " OR EXISTS(SELECT 1 FROM picks) OR EXISTS(SELECT 1 FROM generations)");
    GP_TRY(gp_q_one(&q, 0, &found, err));
    *any = found != 0;
    return GP_OK;
}
