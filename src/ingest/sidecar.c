/* SPDX-License-Identifier: MIT
 * Sidecar files: text files beside an image that contain its prompt. Training tools write "x.txt" or, as kohya's
 * scripts do by default, "x.caption". Taggers and gallery-dl append their extension to the whole name ("x.png.txt"). */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/encoding.h"
#include "base/json.h"
#include "ingest/sidecar.h"

#include <string.h>

enum { MAX_SETTINGS = 256, MAX_SIDECAR = 1 << 20, MAX_NAME = 255 /* bytes; the limit of common file systems */ };

/* Records why a file was skipped. Records only the first skipped file. */
static gp_status record_skip(const char *path, const char *why, char **refused, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    if (*refused) return GP_OK;
    gp_str_printf(&text, "the sidecar file '%s' %s: its text is not used", path, why);
    *refused = gp_str_take(&text);
    return *refused ? GP_OK : gp_fail_memory(err, "a sidecar file");
}

/* Reads the text of one file; *out is NULL if the file is missing, blank or skipped. */
static gp_status read_text(const char *path, char **out, char **refused, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_error reason = {0};
    *out = NULL;
    if (strlen(gp_path_base(path)) > MAX_NAME) return GP_OK;
    gp_status st = gp_file_read(path, MAX_SIDECAR, &bytes, &reason);
    if (st == GP_ERR_NOT_FOUND) return GP_OK;
    if (st == GP_ERR_LIMIT) return record_skip(path, "is larger than 1 MiB", refused, err);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &reason);
    if (st != GP_OK) return record_skip(path, "cannot be read", refused, err); /* a folder, or no permission */
    st = gp_text_decode(path, &bytes, NULL, NULL, err);
    size_t size = bytes.size;
    while (size && !bytes.data[size - 1]) size--; /* zero bytes after the text are harmless */
    if (st == GP_OK && size && memchr(bytes.data, 0, size))
        st = record_skip(path, "is not text, because it contains NUL bytes", refused, err);
    else if (st == GP_OK && bytes.data[strspn((const char *)bytes.data, " \t\r\n")]) {
        *out = (char *)bytes.data;
        bytes.data = NULL;
    }
    gp_bytes_clear(&bytes);
    return st;
}

gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err)
{
    static const char *const endings[] = {".txt", ".caption"};
    size_t whole = strlen(image_path), stem = whole - strlen(gp_path_extension(image_path));
    gp_str path = GP_STR_INIT;
    gp_status st = GP_OK;
    char *text = NULL;
    *refused = NULL;
    for (size_t i = 0; i < 4 && st == GP_OK && !text; i++) {
        if (i >= 2 && stem == whole) break;
        gp_str_reset(&path);
        gp_str_add(&path, image_path, i < 2 ? stem : whole);
        gp_str_puts(&path, endings[i % 2]);
        st = path.failed ? gp_fail_memory(err, "a sidecar file") : read_text(path.data, &text, refused, err);
    }
    gp_str_clear(&path);
    if (st == GP_OK) *out = text;
    if (st != GP_OK) gp_mem_free(*refused), *refused = NULL;
    return st;
}

/* ------------------------------------------------------------------ JSON */

typedef struct settings {
    gp_str text;
    const char *prompt, *negative; /* names of the members that are no settings */
    size_t count;
    const gp_json *object;
} settings;

static bool is_plain(const gp_json *value)
{
    const gp_json_kind kind = gp_json_kind_of(value);
    const char *text = gp_json_text(value, NULL);
    return text ? *text != 0 : kind == GP_JSON_INT || kind == GP_JSON_REAL || kind == GP_JSON_BOOL;
}

static const char *const usual_settings[][2] = {
    {"guidance_scale", "cfg_scale"}, {"cfg", "cfg_scale"}, {"num_inference_steps", "steps"}};

/* Returns the usual name of a setting.  NULL: the object has a setting with this usual name already. */
static const char *usual_setting(const gp_json *object, const char *name)
{
    const char *usual = NULL;
    for (size_t i = sizeof usual_settings / sizeof *usual_settings; i-- > 0 && !usual;)
        if (strcmp(name, usual_settings[i][0]) == 0) usual = usual_settings[i][1];
    if (!usual) return name;
    if (is_plain(gp_json_get(object, usual))) return NULL;
    for (size_t i = 0; strcmp(name, usual_settings[i][0]) != 0; i++)
        if (strcmp(usual, usual_settings[i][1]) == 0 && is_plain(gp_json_get(object, usual_settings[i][0])))
            return NULL;
    return usual;
}

static bool put_setting(void *user, const char *name, const gp_json *value)
{
    settings *s = user;
    if (!gp_utf8_valid(name, strlen(name))) return true; /* two invalid keys could become the same text */
    if (!is_plain(value) || strcmp(name, s->prompt) == 0 || (s->negative && strcmp(name, s->negative) == 0))
        return true;
    const char *usual = usual_setting(s->object, name);
    if (!usual) return true;
    gp_json_put_name(&s->text, usual);
    gp_json_write(&s->text, value);
    return ++s->count < MAX_SETTINGS && !s->text.failed;
}

/* Returns the first of the names whose member is a text or a list that begins with one. *text: that text. */
static const char *find_text(const gp_json *object, const char *const *names, const char **text)
{
    for (; *names; names++) {
        const gp_json *value = gp_json_get(object, *names);
        if (gp_json_kind_of(value) == GP_JSON_ARRAY) value = gp_json_at(value, 0);
        *text = gp_json_text(value, NULL);
        if (*text && **text) return *names;
    }
    *text = NULL;
    return NULL;
}

/* Reads the prompt, the negative prompt and the settings of an object. An object without a prompt gives nothing. */
static gp_status read_object(const gp_json *object, gp_meta *out, gp_error *err)
{
    static const char *const prompts[] = {"prompt", "caption", "text", "captions", "positive_prompt", NULL};
    static const char *const negatives[] = {"negative_prompt", "negative", NULL};
    const char *prompt, *negative;
    settings s = {.text = GP_STR_INIT, .prompt = find_text(object, prompts, &prompt), .object = object};
    if (!s.prompt) return GP_OK;
    s.negative = find_text(object, negatives, &negative);
    gp_str_putc(&s.text, '{');
    gp_json_each(object, put_setting, &s);
    gp_str_putc(&s.text, '}');
    out->prompt = gp_str_dup(prompt);
    out->negative = negative ? gp_str_dup(negative) : NULL;
    out->settings_json = gp_str_take(&s.text);
    out->found = true, out->evidence = GP_EVIDENCE_STATED;
    if (out->prompt && out->settings_json && (out->negative || !negative)) return GP_OK;
    gp_meta_clear(out);
    return gp_fail_memory(err, "a sidecar file");
}

gp_status gp_sidecar_parse_json(const char *text, gp_meta *out, gp_error *err)
{
    gp_json *root = NULL;
    gp_status st = gp_json_parse(text, strlen(text), false, 16, &root, NULL);
    if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "a sidecar file");
    if (st == GP_OK && gp_json_kind_of(root) == GP_JSON_OBJECT) st = read_object(root, out, err);
    gp_json_free(root);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

gp_status gp_sidecar_json(const char *image_path, gp_meta *out, char **refused, gp_error *err)
{
    size_t whole = strlen(image_path), stem = whole - strlen(gp_path_extension(image_path));
    gp_str path = GP_STR_INIT;
    gp_status st = GP_OK;
    for (int i = 0; i < 2 && st == GP_OK && !out->found; i++) {
        char *text = NULL;
        if (i && stem == whole) break;
        gp_str_reset(&path);
        gp_str_add(&path, image_path, i ? whole : stem);
        gp_str_puts(&path, ".json");
        st = path.failed ? gp_fail_memory(err, "a sidecar file") : read_text(path.data, &text, refused, err);
        if (st == GP_OK && text) st = gp_sidecar_parse_json(text, out, err);
        gp_mem_free(text);
    }
    gp_str_clear(&path);
    return st;
}
