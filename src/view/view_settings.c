/* SPDX-License-Identifier: MIT
 * Makes columns of generation settings and of prompt tables.  If all values are numbers, the column has numbers,
 * otherwise words.  Only the last row decides this, so both are kept until then. */
#include "base/json.h"
#include "base/mem.h"
#include "view/view_private.h"
#include <math.h>
#include <string.h>

typedef struct taking {
    gp_view *view;
    size_t row;
    gp_status st;
    gp_error *err;
} taking;

static gp_status find_setting(gp_view *v, const char *name, gp_setting **out, gp_error *err)
{
    for (size_t i = 0; i < v->setting_count; i++)
        if (!strcmp(v->settings[i].name, name)) return *out = &v->settings[i], GP_OK;
    *out = NULL;
    /* the columns are used up: further settings appear only in the details */
    if (v->setting_count == GP_VIEW_SETTINGS) return GP_OK;
    gp_setting *s = &v->settings[v->setting_count];
    *s = (gp_setting){.name = gp_str_dup(name), .numeric = true};
    s->codes = gp_mem_new(v->room, sizeof *s->codes);
    s->numbers = gp_mem_new(v->room, sizeof *s->numbers);
    v->setting_count++; /* count the setting even if it is incomplete, so that closing the view frees it */
    if (!s->name || !s->codes || !s->numbers) return gp_fail_memory(err, "the view of the catalog");
    for (size_t i = 0; i < v->room; i++) s->codes[i] = GP_VIEW_NONE, s->numbers[i] = NAN;
    *out = s;
    return GP_OK;
}

/* Reads a number.  Seeds go up to 2^64 - 1; a double is exact only up to 2^53, so larger numbers are not read as
 * numbers. */
static bool as_number(const gp_json *value, const char *text, double *number)
{
    gp_json_kind kind = gp_json_kind_of(value);
    bool plain = kind == GP_JSON_INT || kind == GP_JSON_REAL ? gp_json_real(value, number)
                                                             : kind == GP_JSON_STRING && gp_parse_double(text, number);
    return plain && isfinite(*number) && fabs(*number) <= 9007199254740992.0;
}

static gp_status take_one(taking *t, const char *name, const gp_json *value, gp_error *err)
{
    gp_setting *s;
    gp_str written = GP_STR_INIT;
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_NULL || kind == GP_JSON_ARRAY || kind == GP_JSON_OBJECT) return GP_OK;
    GP_TRY(find_setting(t->view, name, &s, err));
    if (!s) return GP_OK;
    const char *text = gp_json_text(value, NULL);
    if (!text) {
        gp_json_write(&written, value);
        text = written.failed ? NULL : written.data;
    }
    gp_status st = text ? GP_OK : gp_fail_memory(err, "the view of the catalog");
    if (st == GP_OK && *text) {
        double number;
        if (!as_number(value, text, &number))
            s->numeric = false;
        else
            s->numbers[t->row] = number;
        s->known++;
        st = gp_words_put(&s->words, text, &s->codes[t->row], err);
    }
    gp_str_clear(&written);
    return st;
}

static bool on_setting(void *user, const char *name, const gp_json *value)
{
    taking *t = user;
    t->st = take_one(t, name, value, t->err);
    return t->st == GP_OK;
}

gp_status gp_view_take_settings(gp_view *view, size_t row, const char *json, gp_error *err)
{
    gp_json *root = NULL;
    taking t = {view, row, GP_OK, err};
    if (!json) return GP_OK;
    gp_status st = gp_json_parse(json, strlen(json), false, 64, &root, err);
    if (st == GP_ERR_MEMORY) return st;
    if (st != GP_OK) return GP_OK; /* the settings are not JSON: leave the columns empty; the details show the text */
    gp_json_each(root, on_setting, &t);
    gp_json_free(root);
    return t.st;
}

static gp_status end_one(gp_view *v, gp_setting *s, gp_error *err)
{
    static const char prefix[] = "settings.";
    gp_str name = GP_STR_INIT;
    gp_str_puts(&name, prefix);
    gp_str_puts(&name, s->name);
    char *owned = gp_str_take(&name);
    gp_words *words = s->numeric ? NULL : gp_mem_zero(1, sizeof *words);
    if (!owned || (!s->numeric && !words) || v->column_count == GP_VIEW_COLUMNS) {
        gp_mem_free(owned);
        gp_mem_free(words);
        return gp_fail_memory(err, "the view of the catalog");
    }
    gp_column *c = &v->columns[v->column_count++];
    *c = (gp_column){.name = owned,
                     .title = owned + sizeof prefix - 1,
                     .group = "settings",
                     .about = "from the image's metadata or the prompt table",
                     .owned = owned,
                     .type = s->numeric ? GP_COL_F64 : GP_COL_CODE};
    if (s->numeric) {
        c->data = s->numbers, s->numbers = NULL;
        return GP_OK;
    }
    c->data = s->codes, s->codes = NULL;
    c->words = words, *words = s->words, s->words = (gp_words){0};
    return gp_texts_finish(&words->texts, err);
}

gp_status gp_view_end_settings(gp_view *view, gp_error *err)
{
    for (size_t i = 0; i < view->setting_count; i++)
        if (view->settings[i].known) GP_TRY(end_one(view, &view->settings[i], err));
    return GP_OK;
}
