/* SPDX-License-Identifier: MIT
 * See record.h. */
#include "dataset/record.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const gp_set_column gp_record_columns[GP_RECORD_COLUMNS] = {
    [GP_RECORD_FILE] = {"file", GP_SET_TEXT},
    [GP_RECORD_PROMPT] = {"prompt", GP_SET_TEXT},
    [GP_RECORD_NEGATIVE] = {"negative", GP_SET_TEXT},
    [GP_RECORD_SEED] = {"seed", GP_SET_U64},
    [GP_RECORD_STEPS] = {"steps", GP_SET_I64},
    [GP_RECORD_SAMPLER] = {"sampler", GP_SET_TEXT},
    [GP_RECORD_SCHEDULER] = {"scheduler", GP_SET_TEXT},
    [GP_RECORD_CFG] = {"cfg", GP_SET_REAL},
    [GP_RECORD_MODEL] = {"model", GP_SET_TEXT},
    [GP_RECORD_MODEL_HASH] = {"model_hash", GP_SET_TEXT},
    [GP_RECORD_LORAS] = {"loras", GP_SET_TEXT},
    [GP_RECORD_GENERATOR] = {"generator", GP_SET_TEXT},
    [GP_RECORD_WIDTH] = {"width", GP_SET_I64},
    [GP_RECORD_HEIGHT] = {"height", GP_SET_I64},
    [GP_RECORD_SCORE] = {"score", GP_SET_REAL},
    [GP_RECORD_SCORER] = {"scorer", GP_SET_TEXT},
    [GP_RECORD_CORRECTED] = {"corrected", GP_SET_REAL},
    [GP_RECORD_RANK] = {"rank", GP_SET_I64},
    [GP_RECORD_CANDIDATES] = {"candidates", GP_SET_I64},
    [GP_RECORD_CATEGORY] = {"category", GP_SET_TEXT},
    [GP_RECORD_PICK] = {"pick", GP_SET_BOOL},
    [GP_RECORD_REASON] = {"reason", GP_SET_TEXT},
    [GP_RECORD_FLAG] = {"flag", GP_SET_I64},
    [GP_RECORD_STARS] = {"stars", GP_SET_I64},
    [GP_RECORD_TAGS] = {"tags", GP_SET_TEXTS},
    [GP_RECORD_EVIDENCE] = {"evidence", GP_SET_TEXT},
    [GP_RECORD_PROMPT_SOURCE] = {"prompt_source", GP_SET_TEXT},
    [GP_RECORD_PROMPT_RAW] = {"prompt_raw", GP_SET_TEXT},
    [GP_RECORD_PATH] = {"path", GP_SET_TEXT},
    [GP_RECORD_HASH] = {"hash", GP_SET_TEXT},
    [GP_RECORD_FORMAT] = {"format", GP_SET_TEXT},
    [GP_RECORD_SETTINGS] = {"settings", GP_SET_TEXT},
};

/* ------------------------------------------------------------------ values */

static void set_text(gp_set_record *r, int column, const char *text)
{
    if (!text) return;
    r->values[column].present = true;
    r->values[column].text = text, r->values[column].size = strlen(text);
}

static void set_whole(gp_set_record *r, int column, int64_t value)
{
    r->values[column].present = true;
    r->values[column].i64 = value;
}

static void set_real(gp_set_record *r, int column, double value)
{
    r->values[column].present = !isnan(value);
    r->values[column].real = value;
}

typedef struct named_search {
    const char *name;
    const gp_json *found;
} named_search;

static bool match_nocase(void *user, const char *key, const gp_json *value)
{
    named_search *search = user;
    if (gp_str_equal_nocase(key, search->name)) search->found = value;
    return search->found == NULL;
}

/* Returns the setting with this name, else one whose name differs only in upper and lower case, as in a table. */
static const gp_json *setting(const gp_set_record *r, const char *name)
{
    named_search search = {name, gp_json_get(r->settings, name)};
    if (!search.found) gp_json_each(r->settings, match_nocase, &search);
    return search.found;
}

static bool text_setting(gp_set_record *r, int column, const char *name, char **own)
{
    const gp_json *value = setting(r, name);
    gp_json_kind kind = gp_json_kind_of(value);
    const char *text = gp_json_text(value, NULL);
    gp_str written = GP_STR_INIT;
    if (kind == GP_JSON_NULL) return true;
    if (!text) gp_json_write(&written, value);
    *own = text ? gp_str_dup(text) : gp_str_take(&written);
    set_text(r, column, *own);
    return *own != NULL;
}

static void number_settings(gp_set_record *r)
{
    const gp_json *seed = setting(r, "seed"), *steps = setting(r, "steps"), *cfg = setting(r, "cfg_scale");
    const char *text = gp_json_text(seed, NULL);
    gp_set_value *v = &r->values[GP_RECORD_SEED];
    v->present = text ? gp_parse_u64(text, &v->u64) : gp_json_u64(seed, &v->u64);
    v = &r->values[GP_RECORD_STEPS];
    text = gp_json_text(steps, NULL);
    v->present = text ? gp_parse_i64(text, &v->i64) : gp_json_i64(steps, &v->i64);
    if (!cfg) cfg = setting(r, "cfg");
    v = &r->values[GP_RECORD_CFG];
    text = gp_json_text(cfg, NULL);
    v->present = text ? gp_parse_double(text, &v->real) : gp_json_real(cfg, &v->real);
}

/* Sets the program that made the image: the first word of the prompt's source, unless the prompt is from a table, a
 * sidecar file or a file name. */
static bool set_generator(gp_set_record *r, const char *source)
{
    static const char *const others[] = {"table", "sidecar", "name"};
    size_t length = source ? strcspn(source, ":") : 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (length == strlen(others[i]) && strncmp(source, others[i], length) == 0) length = 0;
    if (!length) return true;
    r->generator = gp_str_dup_n(source, length);
    set_text(r, GP_RECORD_GENERATOR, r->generator);
    return r->generator != NULL;
}

static void fill_from_row(gp_set_record *r, const gp_row *row)
{
    set_text(r, GP_RECORD_PROMPT, row->prompt);
    set_text(r, GP_RECORD_NEGATIVE, row->negative);
    set_whole(r, GP_RECORD_WIDTH, row->width);
    set_whole(r, GP_RECORD_HEIGHT, row->height);
    set_real(r, GP_RECORD_SCORE, row->has_score ? row->score : (double)NAN);
    if (row->rank) set_whole(r, GP_RECORD_RANK, row->rank);
    set_whole(r, GP_RECORD_CANDIDATES, row->candidates);
    r->values[GP_RECORD_PICK].present = true;
    r->values[GP_RECORD_PICK].flag = row->flag > 0 || (row->picked && row->flag == 0);
    set_whole(r, GP_RECORD_FLAG, row->flag);
    set_whole(r, GP_RECORD_STARS, row->stars);
    set_text(r, GP_RECORD_TAGS, row->tags ? row->tags : "");
    set_text(r, GP_RECORD_EVIDENCE, row->evidence);
    set_text(r, GP_RECORD_PROMPT_SOURCE, row->prompt_source);
    set_text(r, GP_RECORD_PROMPT_RAW, row->prompt_raw);
    set_text(r, GP_RECORD_PATH, row->path);
    set_text(r, GP_RECORD_HASH, row->hash);
    set_text(r, GP_RECORD_FORMAT, row->format);
    set_text(r, GP_RECORD_SETTINGS, row->settings_json);
}

gp_status gp_set_record_fill(const gp_row *row, const gp_record_extra *extra, gp_set_record *r, gp_error *err)
{
    *r = (gp_set_record){0};
    if (row->settings_json)
        GP_TRY(gp_json_parse(row->settings_json, strlen(row->settings_json), false, 64, &r->settings, err));
    fill_from_row(r, row);
    set_text(r, GP_RECORD_FILE, extra->file);
    if (row->has_score) set_text(r, GP_RECORD_SCORER, extra->scorer);
    set_real(r, GP_RECORD_CORRECTED, extra->corrected);
    set_text(r, GP_RECORD_CATEGORY, extra->category);
    set_text(r, GP_RECORD_REASON, extra->reason);
    number_settings(r);
    bool done = text_setting(r, GP_RECORD_SAMPLER, "sampler", &r->sampler) &&
                text_setting(r, GP_RECORD_SCHEDULER, "scheduler", &r->scheduler) &&
                text_setting(r, GP_RECORD_MODEL, "model", &r->model) &&
                text_setting(r, GP_RECORD_MODEL_HASH, "model_hash", &r->model_hash) &&
                text_setting(r, GP_RECORD_LORAS, "loras", &r->loras) && set_generator(r, row->prompt_source);
    if (done) return GP_OK;
    gp_set_record_clear(r);
    return gp_fail_memory(err, "a row of the export");
}

void gp_set_record_clear(gp_set_record *r)
{
    gp_json_free(r->settings);
    gp_mem_free(r->sampler);
    gp_mem_free(r->scheduler);
    gp_mem_free(r->generator);
    gp_mem_free(r->model);
    gp_mem_free(r->model_hash);
    gp_mem_free(r->loras);
    *r = (gp_set_record){0};
}

/* ------------------------------------------------------------------ JSON */

static void put_real(double value, gp_str *out)
{
    size_t before = out->size;
    gp_json_put_real(out, value);
    if (!out->failed && !strpbrk(out->data + before, ".en")) gp_str_puts(out, ".0");
}

static void put_value(const gp_set_column *column, const gp_set_value *v, gp_str *out)
{
    switch (column->kind) {
    case GP_SET_U64: gp_str_printf(out, "%" PRIu64, v->u64); break;
    case GP_SET_I64: gp_str_printf(out, "%" PRId64, v->i64); break;
    case GP_SET_REAL: put_real(v->real, out); break;
    case GP_SET_BOOL: gp_str_puts(out, v->flag ? "true" : "false"); break;
    default: gp_json_put_string_n(out, v->text, v->size);
    }
}

void gp_set_record_put_json(const gp_set_record *r, unsigned flags, gp_str *out)
{
    for (int i = 0; i < GP_RECORD_COLUMNS; i++) {
        const gp_set_value *v = &r->values[i];
        bool empty = !v->present || (i == GP_RECORD_TAGS && !v->size);
        if (empty && (flags & GP_RECORD_NO_NULL)) continue;
        if (i == GP_RECORD_TAGS) {
            gp_json_put_parts(out, "tags", v->size ? v->text : NULL, ", ");
            continue;
        }
        gp_json_put_name(out, gp_record_columns[i].name);
        if (!v->present)
            gp_str_puts(out, "null");
        else if (i == GP_RECORD_SETTINGS && !(flags & GP_RECORD_SETTINGS_TEXT))
            gp_json_write(out, r->settings);
        else if (i == GP_RECORD_SEED && (flags & GP_RECORD_SEED_TEXT))
            gp_str_printf(out, "\"%" PRIu64 "\"", v->u64);
        else
            put_value(&gp_record_columns[i], v, out);
    }
}

const char *gp_set_record_text(const gp_set_record *r, int column)
{
    return r->values[column].present ? r->values[column].text : NULL;
}
