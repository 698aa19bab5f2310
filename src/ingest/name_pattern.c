/* SPDX-License-Identifier: MIT
 * See name_pattern.h. */
#include "ingest/name_pattern.h"

#include "base/file.h"
#include "base/str.h"
#include "metadata/meta_record.h"

#include <string.h>

static const char *const names[] = {"prompt", "negative", "seed", "steps", "cfg", "model", "sampler", "*"};

/* ------------------------------------------------------------------ reading a pattern */

static gp_status wrong(gp_error *err, const char *pattern, const char *why)
{
    return gp_fail(err, GP_ERR_USAGE, "--prompt-from '%s': %s", pattern, why);
}

static gp_status read_field(const char *pattern, const char *name, size_t size, gp_name_field *field, gp_error *err)
{
    for (size_t i = 0; i <= GP_NAME_ANY; i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
            *field = (gp_name_field)i;
            return GP_OK;
        }
    return gp_fail(err, GP_ERR_USAGE,
                   "--prompt-from '%s': there is no field '{%.*s}'; the fields are prompt, negative, seed, steps, cfg, "
                   "model, sampler and *",
                   pattern, size > 40 ? 40 : (int)size, name);
}

/* Checks a new field against the parts before it. */
static gp_status check_field(const char *pattern, const gp_name_pattern *p, gp_name_field field, gp_error *err)
{
    if (p->count && p->parts[p->count - 1].field != GP_NAME_LITERAL)
        return wrong(err, pattern, "two fields without text between them have no clear border");
    for (size_t i = 0; field != GP_NAME_ANY && i < p->count; i++)
        if (p->parts[i].field == field) return wrong(err, pattern, "a field occurs twice");
    return GP_OK;
}

static gp_status check_whole(const char *pattern, const gp_name_pattern *p, gp_error *err)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->parts[i].field == GP_NAME_PROMPT) return GP_OK;
    return wrong(err, pattern, "the pattern needs the field '{prompt}'");
}

gp_status gp_name_pattern_read(const char *pattern, gp_name_pattern *out, gp_error *err)
{
    *out = (gp_name_pattern){0};
    if (strlen(pattern) > GP_NAME_LONGEST) return gp_fail(err, GP_ERR_USAGE, "--prompt-from: the pattern is too long");
    if (*pattern == '/') return wrong(err, pattern, "the pattern begins with '/', but it describes the end of a path");
    for (const char *at = pattern; *at;) {
        gp_name_field field = GP_NAME_LITERAL;
        size_t size = strcspn(at, "{}"), skip = size;
        const char *text = at;
        if (out->count == GP_NAME_PARTS) return wrong(err, pattern, "the pattern has too many parts");
        if (*at == '{') {
            text = at + 1;
            size = strcspn(text, "{}");
            skip = size + 2;
            if (text[size] != '}') return wrong(err, pattern, "a '{' has no '}'");
            GP_TRY(read_field(pattern, text, size, &field, err));
            GP_TRY(check_field(pattern, out, field, err));
        } else if (*at == '}') {
            return wrong(err, pattern, "a '}' has no '{'");
        }
        for (size_t i = 0; field == GP_NAME_LITERAL && i < size; i++) out->folders += text[i] == '/';
        out->parts[out->count].field = field;
        out->parts[out->count].text = text;
        out->parts[out->count++].size = size;
        at += skip;
    }
    return check_whole(pattern, out, err);
}

/* ------------------------------------------------------------------ comparing */

typedef struct search {
    const gp_name_pattern *pattern;
    const char *text;
    size_t size;
    gp_name_values *out;
    uint8_t failed[GP_NAME_PARTS][GP_NAME_LONGEST / 8 + 1]; /* bit i: the parts from here on do not match at i */
} search;

/* Returns the size of the longest prefix that consists of characters which a value of the field may have. */
static size_t longest_value(gp_name_field field, const char *text, size_t size)
{
    bool whole = field == GP_NAME_SEED || field == GP_NAME_STEPS, number = whole || field == GP_NAME_CFG;
    size_t n = 0, points = 0;
    for (; n < size && text[n] != '/'; n++) {
        bool digit = text[n] >= '0' && text[n] <= '9', point = field == GP_NAME_CFG && text[n] == '.' && !points;
        if (number && !digit && !point) break;
        points += point;
    }
    return n;
}

static bool match_from(search *s, size_t part, size_t at);

static bool try_field(search *s, size_t part, size_t at, size_t size)
{
    gp_name_field field = s->pattern->parts[part].field;
    const char *text = s->text + at;
    if (field == GP_NAME_CFG && (text[0] == '.' || text[size - 1] == '.')) return false;
    if (!match_from(s, part + 1, at + size)) return false;
    if (field < GP_NAME_FIELDS) s->out->of[field].text = text, s->out->of[field].size = size;
    return true;
}

static bool match_part(search *s, size_t part, size_t at)
{
    const char *text = s->pattern->parts[part].text;
    size_t size = s->pattern->parts[part].size;
    gp_name_field field = s->pattern->parts[part].field;
    if (field == GP_NAME_LITERAL)
        return s->size - at >= size && memcmp(s->text + at, text, size) == 0 && match_from(s, part + 1, at + size);
    size_t most = longest_value(field, s->text + at, s->size - at);
    for (size_t i = 1; i <= most; i++)
        if (try_field(s, part, at, field == GP_NAME_PROMPT ? most + 1 - i : i)) return true;
    return false;
}

/* Compares the parts from `part` on with the text from `at` on. Depth of the recursion: 2 or 3 calls for each part. */
static bool match_from(search *s, size_t part, size_t at)
{
    if (part == s->pattern->count) return at == s->size;
    uint8_t bit = (uint8_t)(1 << at % 8);
    if (s->failed[part][at / 8] & bit) return false;
    if (match_part(s, part, at)) return true;
    s->failed[part][at / 8] |= bit;
    return false;
}

bool gp_name_match(const gp_name_pattern *pattern, const char *path, gp_name_values *out)
{
    size_t size = strlen(path) - strlen(gp_path_extension(path)), begin = size;
    search s = {.pattern = pattern, .out = out};
    *out = (gp_name_values){0};
    for (size_t folders = pattern->folders; begin; begin--)
        if (path[begin - 1] == '/' && !folders--) break;
    s.text = path + begin;
    s.size = size - begin;
    if (s.size > GP_NAME_LONGEST || !gp_utf8_valid(s.text, s.size)) return false;
    return match_from(&s, 0, 0);
}

gp_status gp_name_read(const gp_name_pattern *pattern, const char *path, gp_meta *out, gp_error *err)
{
    static const char *const keys[] = {NULL, NULL, "seed", "steps", "cfg_scale", "model", "sampler"};
    gp_record r = GP_RECORD_INIT;
    gp_name_values values;
    *out = (gp_meta){0};
    if (!pattern->count || !gp_name_match(pattern, path, &values)) return GP_OK;
    gp_record_prompt(&r, values.of[GP_NAME_PROMPT].text, values.of[GP_NAME_PROMPT].size);
    for (size_t i = GP_NAME_NEGATIVE; i < GP_NAME_FIELDS; i++) {
        const char *text = values.of[i].text;
        size_t size = values.of[i].size;
        if (!text) continue;
        if (i == GP_NAME_NEGATIVE)
            gp_record_negative(&r, text, size);
        else if (i == GP_NAME_MODEL || i == GP_NAME_SAMPLER)
            gp_settings_text(&r.settings, keys[i], text, size);
        else
            gp_settings_number(&r.settings, keys[i], text, size);
    }
    return gp_record_finish(&r, "name", "file name", GP_EVIDENCE_DERIVED, out, err);
}
