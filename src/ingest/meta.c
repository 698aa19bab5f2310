/* SPDX-License-Identifier: MIT
 * Selects the reader for each chunk. A file may contain several formats, because ComfyUI nodes that save A1111 text
 * write both. They are tried in this order:
 * 1. A1111 infotext in "parameters", in EXIF UserComment, or in a JPEG comment "parameters\0...";
 * 2. a ComfyUI graph in "prompt", in EXIF as "prompt:{...}" (Make, Model or ImageDescription, depending on the saver
 *    node), or in the UserComment itself.
 *
 * The infotext comes first because its writer stored the text that it used. A graph with a prompt replaces an infotext
 * without one, and any better result replaces a guess. A text with a wrong checksum is tried last, and its prompt is a
 * guess. To support a new format, add a row to the table `readers`. */
#include "ingest/meta_private.h"
#include "base/json.h"
#include "base/mem.h"
#include <string.h>

/* ------------------------------------------------------------------ settings */

enum { MAX_SETTINGS = 512, MAX_LORAS = 4096 };

bool gp_settings_has(const gp_settings *settings, const char *key)
{
    const char *at = settings->keys.data;
    for (size_t i = 0; i < settings->count; i++, at += strlen(at) + 1)
        if (strcmp(at, key) == 0) return true;
    return false;
}

/* Begins a member. Returns false if the member is left out: its value is empty, its key is repeated or not UTF-8, or
 * there are too many members. */
static bool begin(gp_settings *s, const char *key, size_t size)
{
    if (!size || s->count == MAX_SETTINGS || s->keys.failed || gp_settings_has(s, key)) return false;
    if (!gp_utf8_valid(key, strlen(key)))
        return false; /* reject the key, because two different invalid keys could become the same text in JSON */
    gp_str_add(&s->keys, key, strlen(key) + 1);
    if (s->keys.failed) return false;
    gp_str_puts(&s->json, s->count++ ? ", " : "{");
    gp_json_put_string(&s->json, key);
    gp_str_puts(&s->json, ": ");
    return true;
}

void gp_settings_text(gp_settings *settings, const char *key, const char *text, size_t size)
{
    if (begin(settings, key, size)) gp_json_put_string_n(&settings->json, text, size);
}

/* Returns true for a JSON integer of at most 64 bits, so that seeds stay exact. */
static bool is_integer(const char *text)
{
    int64_t below;
    uint64_t above;
    const char *digits = text + (*text == '-');
    if (digits[0] == '0' && digits[1]) return false;
    return *text == '-' ? gp_parse_i64(text, &below) : gp_parse_u64(text, &above);
}

void gp_settings_number(gp_settings *settings, const char *key, const char *text, size_t size)
{
    char copy[64];
    double value = 0;
    bool fits = size && size < sizeof copy && !memchr(text, 0, size);
    if (fits) memcpy(copy, text, size), copy[size] = 0;
    bool whole = fits && is_integer(copy);
    if (!whole && (!fits || !gp_parse_double(copy, &value))) {
        gp_settings_text(settings, key, text, size);
    } else if (begin(settings, key, size)) {
        if (whole)
            gp_str_add(&settings->json, text, size);
        else
            gp_json_put_real(&settings->json, value);
    }
}

char *gp_settings_take(gp_settings *settings)
{
    gp_str_puts(&settings->json, settings->count ? "}" : "{}");
    settings->json.failed |= settings->keys.failed;
    char *json = gp_str_take(&settings->json);
    gp_settings_clear(settings);
    return json;
}

void gp_settings_clear(gp_settings *settings)
{
    gp_str_clear(&settings->json);
    gp_str_clear(&settings->keys);
    settings->count = 0;
}

/* ------------------------------------------------------------------ text */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

char *gp_meta_text(const char *text, size_t size, bool trim)
{
    gp_str s = GP_STR_INIT;
    while (trim && size && is_space(*text)) text++, size--;
    while (trim && size && is_space(text[size - 1])) size--;
    const char *nul = size ? memchr(text, 0, size) : NULL;
    if (nul) size = (size_t)(nul - text);
    if (gp_utf8_valid(text, size))
        gp_str_add(&s, text, size);
    else
        gp_str_add_latin1(&s, text, size);
    return gp_str_take(&s);
}

void gp_meta_loras(gp_str *out, const char *prompt)
{
    for (const char *p = prompt; (p = strchr(p, '<')) != NULL; p++) {
        if (!gp_str_starts(p, "<lora:") && !gp_str_starts(p, "<lyco:")) continue;
        size_t size = strcspn(p, ">\n");
        if (p[size] == '>' && size > 6 && out->size < MAX_LORAS) {
            if (out->size) gp_str_puts(out, ", ");
            gp_str_add(out, p + 6, size - 6);
        }
        p += size; /* the tag is not closed, so no later tag in this line is closed either */
        if (!*p) return;
    }
}

/* ------------------------------------------------------------------ readers */

typedef gp_status (*parse_fn)(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err);

static gp_status parse_a1111(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err)
{
    (void)file;
    return gp_meta_a1111(text, size, out, err);
}

static gp_status parse_parameters(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err)
{
    (void)file;
    return gp_meta_parameters(text, size, out, err);
}

static const struct reader {
    const char *key;    /* key of the chunk */
    const char *prefix; /* required start of the text, compared without case and removed before parsing; or NULL */
    size_t prefix_size;
    parse_fn parse;
} readers[] = {
    {"parameters", NULL, 0, parse_parameters},
    {"exif:UserComment", NULL, 0, parse_a1111},
    {"jpeg:comment", "parameters", 11, parse_parameters}, /* the size includes the NUL */
    {"prompt", NULL, 0, gp_meta_comfy},
    {"exif:Model", "prompt:", 7, gp_meta_comfy},
    {"exif:Make", "prompt:", 7, gp_meta_comfy},
    {"exif:ImageDescription", "prompt:", 7, gp_meta_comfy},
    {"exif:UserComment", NULL, 0, gp_meta_comfy},
};

const char *gp_evidence_name(gp_evidence evidence)
{
    static const char *const names[] = {"none", "guess", "derived", "stated"};
    return names[evidence];
}

void gp_meta_clear(gp_meta *meta)
{
    gp_mem_free(meta->tool);
    gp_mem_free(meta->where);
    gp_mem_free(meta->prompt);
    gp_mem_free(meta->negative);
    gp_mem_free(meta->settings_json);
    *meta = (gp_meta){0};
}

static bool has_prefix(const gp_chunk *chunk, const struct reader *r)
{
    if (!r->prefix) return true;
    if (chunk->size < r->prefix_size) return false;
    for (size_t i = 0; r->prefix[i]; i++) {
        char c = chunk->text[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c != r->prefix[i]) return false;
    }
    /* the loop ends before a NUL at the end of the prefix, so compare that NUL here */
    return !chunk->text[r->prefix_size - 1] || r->prefix[r->prefix_size - 1];
}

/* Sets the source of an A1111 text to the chunk's key. For a graph, the source is a node and stays as it is. */
static gp_status set_source(gp_meta *meta, const char *key, gp_error *err)
{
    if (strcmp(meta->tool, "a1111") != 0 || strcmp(key, "parameters") == 0) return GP_OK;
    char *where = gp_str_dup(key);
    if (!where) return gp_fail_memory(err, "metadata");
    gp_mem_free(meta->where);
    meta->where = where;
    return GP_OK;
}

/* Marks the prompt as a guess: a text with a wrong checksum may have been altered. */
static gp_status mark_damaged(gp_meta *meta, gp_error *err)
{
    gp_str where = GP_STR_INIT;
    gp_str_printf(&where, "%s (its checksum is wrong)", meta->where);
    char *text = gp_str_take(&where);
    if (!text) return gp_fail_memory(err, "metadata");
    gp_mem_free(meta->where);
    meta->where = text;
    if (meta->prompt) meta->evidence = GP_EVIDENCE_GUESS;
    return GP_OK;
}

/* Applies one reader to one chunk. A better result replaces *best. */
static gp_status try_reader(const struct reader *r, const gp_chunk *chunk, const gp_comfy_file *file, gp_meta *best,
                            gp_error *err)
{
    gp_meta one = {0};
    gp_status st = r->parse(chunk->text + r->prefix_size, chunk->size - r->prefix_size, file, &one, err);
    if (st != GP_OK) return st;
    if (one.found) GP_TRY_GOTO(set_source(&one, chunk->key, err));
    if (one.found && chunk->damaged) GP_TRY_GOTO(mark_damaged(&one, err));
    if (one.found && (!best->found || (best->broken && !one.broken) || one.evidence > best->evidence)) {
        gp_meta_clear(best);
        *best = one;
        one = (gp_meta){0};
    }
out:
    gp_meta_clear(&one);
    return st;
}

gp_status gp_meta_read(const gp_chunks *chunks, const char *path, gp_meta *out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_meta best = {0};
    const gp_chunk *workflow = gp_chunks_find(chunks, "workflow");
    gp_comfy_file file = {.path = path};
    if (workflow && !workflow->damaged) file.workflow = workflow->text, file.workflow_size = workflow->size;
    for (int damaged = 0; damaged < 2; damaged++) {
        for (size_t r = 0; r < sizeof readers / sizeof *readers; r++) {
            for (size_t i = 0; i < chunks->count; i++) {
                const gp_chunk *chunk = &chunks->items[i];
                if (best.evidence > GP_EVIDENCE_GUESS || chunk->damaged != (damaged != 0)) continue;
                if (strcmp(chunk->key, readers[r].key) != 0 || !has_prefix(chunk, &readers[r])) continue;
                GP_TRY_GOTO(try_reader(&readers[r], chunk, &file, &best, err));
            }
        }
    }
    if (!best.found && file.workflow && memmem(file.workflow, file.workflow_size, "\"nodes\"", strlen("\"nodes\"")))
        return gp_meta_without_graph("the file has only the editor's graph, not the graph that was run", out, err);
    *out = best;
    return GP_OK;
out:
    gp_meta_clear(&best);
    return st;
}

const char *gp_meta_find_graph(const gp_chunks *chunks, size_t *size)
{
    for (size_t r = 0; r < sizeof readers / sizeof *readers; r++) {
        for (size_t i = 0; i < chunks->count && readers[r].parse == gp_meta_comfy; i++) {
            const gp_chunk *chunk = &chunks->items[i];
            if (chunk->damaged || strcmp(chunk->key, readers[r].key) != 0 || !has_prefix(chunk, &readers[r])) continue;
            if (!memmem(chunk->text, chunk->size, "\"class_type\"", strlen("\"class_type\""))) continue;
            *size = chunk->size - readers[r].prefix_size;
            return chunk->text + readers[r].prefix_size;
        }
    }
    return NULL;
}
