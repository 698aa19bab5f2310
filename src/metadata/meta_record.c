/* SPDX-License-Identifier: MIT
 * Builds one gp_meta from named values. */
#include "metadata/meta_record.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MAX_LORAS = 4096, MAX_PATH = 80, MAX_JSON_DEPTH = 64 };

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\n\v\f\r", text[i])) return false;
    return true;
}

/* Copies the text up to its first NUL to *to, unless *to is set or the text is blank. */
static void keep_text(gp_record *r, char **to, const char *text, size_t size)
{
    const char *nul = size ? memchr(text, 0, size) : NULL;
    if (nul) size = (size_t)(nul - text);
    if (*to || !text || is_blank(text, size)) return;
    *to = gp_meta_text(text, size, false);
    if (!*to) r->failed = true;
}

void gp_record_prompt(gp_record *r, const char *text, size_t size)
{
    keep_text(r, &r->meta.prompt, text, size);
}

void gp_record_negative(gp_record *r, const char *text, size_t size)
{
    keep_text(r, &r->meta.negative, text, size);
}

void gp_record_lora(gp_record *r, const char *name, const char *weight)
{
    if (!name || !*name || strcmp(name, "None") == 0 || r->loras.size > MAX_LORAS) return;
    if (strlen(name) > MAX_LORAS || !gp_utf8_valid(name, strlen(name))) return;
    if (r->loras.size) gp_str_puts(&r->loras, ", ");
    gp_str_puts(&r->loras, name);
    if (weight && *weight) gp_str_printf(&r->loras, ":%.32s", weight);
}

const gp_json *gp_json_path(const gp_json *root, const char *path)
{
    while (root && *path) {
        char name[MAX_PATH];
        size_t size = strcspn(path, ".");
        if (size >= sizeof name) return NULL;
        memcpy(name, path, size);
        name[size] = 0;
        root = gp_json_get(root, name);
        path += size + (path[size] == '.');
    }
    return root;
}

const char *gp_json_path_text(const gp_json *root, const char *path, size_t *size)
{
    return gp_json_text(gp_json_path(root, path), size);
}

/* Writes a string or a finite number as text. Other values, and strings with a NUL, are left out. */
static void put_plain(gp_str *out, const gp_json *value)
{
    size_t size = 0;
    double real = 0;
    const char *text = gp_json_text(value, &size);
    gp_json_kind kind = gp_json_kind_of(value);
    if (text && !memchr(text, 0, size)) gp_str_add(out, text, size);
    if (kind == GP_JSON_INT || (kind == GP_JSON_REAL && gp_json_real(value, &real) && isfinite(real)))
        gp_json_write(out, value);
}

static void put_size(gp_record *r, const char *text)
{
    static const char digits[] = "0123456789";
    const char *width = strpbrk(text, digits);
    if (!width) return;
    size_t width_size = strspn(width, digits);
    const char *height = width + width_size + strspn(width + width_size, " x,\303\227");
    size_t height_size = strspn(height, digits);
    if (height == width + width_size || !height_size) return;
    gp_settings_number(&r->settings, "width", width, width_size);
    gp_settings_number(&r->settings, "height", height, height_size);
}

/* Adds one element of an array of LoRAs. */
static void put_lora(gp_record *r, const gp_json *lora)
{
    static const char *const names[] = {
        "name",  "model.name", "model.model_name", "lora.model_name", "lora.name", "model_name",
        "model", "file",       "modelFileName"};
    static const char *const weights[] = {"weight", "strength", "alpha"};
    gp_str name = GP_STR_INIT, weight = GP_STR_INIT;
    if (gp_json_kind_of(lora) == GP_JSON_ARRAY) {
        put_plain(&name, gp_json_at(lora, 0));
        put_plain(&weight, gp_json_at(lora, 1));
    }
    if (gp_json_text(lora, NULL)) put_plain(&name, lora);
    for (size_t i = 0; i < sizeof names / sizeof *names && !name.size; i++)
        if (gp_json_path_text(lora, names[i], NULL)) put_plain(&name, gp_json_path(lora, names[i]));
    for (size_t i = 0; i < sizeof weights / sizeof *weights && !weight.size; i++)
        put_plain(&weight, gp_json_path(lora, weights[i]));
    r->failed |= name.failed || weight.failed;
    if (name.size) gp_record_lora(r, name.data, weight.data);
    gp_str_clear(&weight);
    gp_str_clear(&name);
}

void gp_record_value(gp_record *r, const gp_json *value, gp_field_kind kind, const char *key)
{
    size_t size = 0;
    const char *text = gp_json_text(value, &size);
    if (kind == GP_FIELD_PROMPT && text) gp_record_prompt(r, text, size);
    if (kind == GP_FIELD_NEGATIVE && text) gp_record_negative(r, text, size);
    if (kind == GP_FIELD_LORAS && gp_json_kind_of(value) == GP_JSON_ARRAY)
        for (size_t i = 0, n = gp_json_count(value); i < n && r->loras.size <= MAX_LORAS; i++)
            put_lora(r, gp_json_at(value, i));
    if (kind != GP_FIELD_NUMBER && kind != GP_FIELD_TEXT && kind != GP_FIELD_SIZE) return;
    gp_str plain = GP_STR_INIT;
    put_plain(&plain, value);
    r->failed |= plain.failed;
    if (plain.size && kind == GP_FIELD_SIZE)
        put_size(r, plain.data);
    else if (plain.size && kind == GP_FIELD_NUMBER)
        gp_settings_number(&r->settings, key, plain.data, plain.size);
    else if (plain.size && strcmp(plain.data, "None") != 0) /* Python programs write None for "not set" */
        gp_settings_text(&r->settings, key, plain.data, plain.size);
    gp_str_clear(&plain);
}

void gp_record_fields(gp_record *r, const gp_json *root, const gp_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gp_record_value(r, gp_json_path(root, fields[i].path), fields[i].kind, fields[i].key);
}

gp_status gp_record_open(const char *text, size_t size, gp_json **root, gp_error *err)
{
    gp_error ignored = {0};
    *root = NULL;
    while (size && (text[size - 1] == 0 || strchr(" \t\n\r", text[size - 1]))) size--;
    while (size && strchr(" \t\n\r", *text) && *text) text++, size--;
    if (!size || *text != '{' || size > GP_META_MAX_JSON) return GP_OK; /* most texts are not JSON */
    gp_status st = gp_json_parse(text, size, false, MAX_JSON_DEPTH, root, &ignored);
    if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "metadata");
    if (st != GP_OK) *root = NULL;
    return GP_OK;
}

gp_status gp_record_finish(gp_record *r, const char *tool, const char *where, gp_evidence evidence, gp_meta *out,
                           gp_error *err)
{
    gp_meta *meta = &r->meta;
    *out = (gp_meta){0};
    if (meta->prompt) gp_meta_loras(&r->loras, meta->prompt);
    r->failed |= r->loras.failed;
    if (r->loras.size && !r->failed) gp_settings_text(&r->settings, "loras", r->loras.data, r->loras.size);
    r->failed |= r->settings.json.failed || r->settings.keys.failed;
    bool found = meta->prompt || meta->negative || r->settings.count || meta->mark;
    if (found && !r->failed) {
        meta->found = true;
        meta->evidence = meta->prompt ? evidence : GP_EVIDENCE_NONE;
        meta->settings_json = gp_settings_take(&r->settings);
        meta->tool = gp_str_dup(tool);
        meta->where = gp_str_dup(where);
        r->failed = !meta->settings_json || !meta->tool || !meta->where;
    }
    gp_status st = r->failed ? gp_fail_memory(err, "metadata") : GP_OK;
    if (found && st == GP_OK) *out = *meta, *meta = (gp_meta){0};
    gp_record_clear(r);
    return st;
}

void gp_record_clear(gp_record *r)
{
    gp_meta_clear(&r->meta);
    gp_settings_clear(&r->settings);
    gp_str_clear(&r->loras);
}
