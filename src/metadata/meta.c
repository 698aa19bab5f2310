/* SPDX-License-Identifier: MIT
 * Selects the reader for each text of a file. A file may contain several formats, because ComfyUI nodes that save A1111
 * text write both. The table `readers` lists the readers in the order in which they are tried:
 * 1. JSON that only one program writes (SwarmUI, Fooocus, ...), because its marks are certain;
 * 2. A1111 infotext;
 * 3. JSON of programs that write a graph beside it (TensorArt, InvokeAI, Civitai, ...), and NovelAI;
 * 4. a ComfyUI graph in "prompt", in EXIF as "prompt:{...}" (Make, Model or ImageDescription, depending on the saver
 *    node), or in the UserComment itself;
 * 5. separate texts and descriptions (Easy Diffusion, Midjourney);
 * 6. a text hidden in the pixels, then marks without a prompt.
 *
 * A stated prompt comes before a graph because its writer stored the text that it used. A graph with a prompt replaces a
 * text without one, and any better result replaces a guess. A text with a wrong checksum is tried last, and its prompt
 * is a guess. To support a new format, add a row to the table `readers`. */
#include "metadata/meta_private.h"
#include "base/json.h"
#include "base/mem.h"
#include "metadata/meta_readers.h"
#include "metadata/xmp.h"
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

/* Returns the number of leading zeros that a number of digits only does not need: 2 of "007". */
static size_t needless_zeros(const char *text, size_t size)
{
    size_t zeros = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9') return 0;
    while (zeros + 1 < size && text[zeros] == '0') zeros++;
    return zeros;
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
    size_t zeros = needless_zeros(text, size);
    text += zeros, size -= zeros;
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

typedef gp_status (*parse_fn)(const gp_meta_source *source, gp_meta *out, gp_error *err);

static gp_status parse_a1111(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    return gp_meta_a1111(s->text, s->size, out, err);
}

static gp_status parse_parameters(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    return gp_meta_parameters(s->text, s->size, out, err);
}

static gp_status parse_comfy(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    return gp_meta_comfy(s->text, s->size, s->file, out, err);
}

static const struct reader {
    const char *name;   /* name of the program or format */
    const char *key;    /* key of the text in the file; "xmp" also stands for XMP in a PNG */
    const char *within; /* the reader reads only this property of an XMP packet; NULL: the whole text */
    const char *prefix; /* required start of the text, compared without case and removed before parsing; or NULL */
    size_t prefix_size;
    const char *mark; /* the text contains this; a quick test before parsing; or NULL */
    parse_fn parse;
} readers[] = {
    {"SwarmUI", "parameters", NULL, NULL, 0, "\"sui_image_params\"", gp_meta_swarm},
    {"SwarmUI", "exif:UserComment", NULL, NULL, 0, "\"sui_image_params\"", gp_meta_swarm},
    {"SwarmUI", "gif:comment", NULL, NULL, 0, "\"sui_image_params\"", gp_meta_swarm},
    {"SwarmUI", "exif:Model", NULL, NULL, 0, "\"sui_image_params\"", gp_meta_swarm},
    {"Ruined Fooocus", "parameters", NULL, NULL, 0, "\"RuinedFooocus\"", gp_meta_ruined_fooocus},
    {"Ruined Fooocus", "exif:UserComment", NULL, NULL, 0, "\"RuinedFooocus\"", gp_meta_ruined_fooocus},
    {"Fooocus", "parameters", NULL, NULL, 0, "\"base_model\"", gp_meta_fooocus},
    {"Fooocus", "exif:UserComment", NULL, NULL, 0, "\"base_model\"", gp_meta_fooocus},
    {"Fooocus-MRE", "Comment", NULL, NULL, 0, "\"base_model\"", gp_meta_fooocus},
    {"Fooocus-MRE", "jpeg:comment", NULL, NULL, 0, "\"base_model\"", gp_meta_fooocus},
    {"Hugging Face Space", "parameters", NULL, NULL, 0, "\"resolution\"", gp_meta_space},
    {"Hugging Face Space", "exif:UserComment", NULL, NULL, 0, "\"resolution\"", gp_meta_space},
    /* "iffusion" occurs in the keys "use_stable_diffusion_model" and "Stable Diffusion model" */
    {"Easy Diffusion", "exif:UserComment", NULL, NULL, 0, "iffusion", gp_meta_easy},
    {"Easy Diffusion", "parameters", NULL, NULL, 0, "iffusion", gp_meta_easy},
    {"A1111", "parameters", NULL, NULL, 0, NULL, parse_parameters},
    {"A1111", "exif:UserComment", NULL, NULL, 0, NULL, parse_a1111},
    {"A1111", "exif:ImageDescription", NULL, NULL, 0, "Steps: ", parse_a1111},
    {"A1111", "gif:comment", NULL, NULL, 0, "Steps: ", parse_a1111},
    {"A1111", "jpeg:comment", NULL, "parameters", 11, NULL, parse_parameters}, /* the size includes the NUL */
    {"A1111", "xmp", "sdcpp:parameters", NULL, 0, "sdcpp:parameters", parse_parameters},
    {"Stability Matrix", "parameters-json", NULL, NULL, 0, "\"PositivePrompt\"", gp_meta_stability_matrix},
    {"TensorArt", "generation_data", NULL, NULL, 0, NULL, gp_meta_tensorart},
    {"InvokeAI", "invokeai_metadata", NULL, NULL, 0, NULL, gp_meta_invoke},
    {"InvokeAI 2", "sd-metadata", NULL, NULL, 0, NULL, gp_meta_invoke_2},
    {"InvokeAI 1", "Dream", NULL, NULL, 0, NULL, gp_meta_dream},
    {"InvokeAI graph", "invokeai_graph", NULL, NULL, 0, "\"core_metadata\"", gp_meta_invoke_graph},
    {"NovelAI", "Comment", NULL, NULL, 0, NULL, gp_meta_novelai},
    {"NovelAI", "exif:UserComment", NULL, NULL, 0, NULL, gp_meta_novelai},
    {"Civitai", "prompt", NULL, NULL, 0, "\"extraMetadata\"", gp_meta_civitai},
    {"Civitai", "exif:UserComment", NULL, NULL, 0, "\"extraMetadata\"", gp_meta_civitai},
    {"ComfyUI", "prompt", NULL, NULL, 0, NULL, parse_comfy},
    {"ComfyUI", "exif:Model", NULL, "prompt:", 7, NULL, parse_comfy},
    {"ComfyUI", "exif:Make", NULL, "prompt:", 7, NULL, parse_comfy},
    {"ComfyUI", "exif:ImageDescription", NULL, "prompt:", 7, NULL, parse_comfy},
    {"ComfyUI", "gif:comment", NULL, NULL, 0, "\"class_type\"", parse_comfy},
    {"ComfyUI", "exif:UserComment", NULL, NULL, 0, NULL, parse_comfy},
    {"Draw Things", "xmp", "exif:UserComment", NULL, 0, "exif:UserComment", gp_meta_draw_things},
    {"Draw Things", "exif:UserComment", NULL, NULL, 0, "\"uc\"", gp_meta_draw_things},
    {"Easy Diffusion", "use_stable_diffusion_model", NULL, NULL, 0, NULL, gp_meta_easy_texts},
    {"Easy Diffusion", "Stable Diffusion model", NULL, NULL, 0, NULL, gp_meta_easy_texts},
    /* the mark is in each flag and in each job ID */
    {"Midjourney", "Description", NULL, NULL, 0, "-", gp_meta_midjourney},
    {"Midjourney", "exif:ImageDescription", NULL, NULL, 0, "-", gp_meta_midjourney},
    {"Midjourney", "xmp", "dc:description", NULL, 0, "dc:description", gp_meta_midjourney},
    {"SwarmUI", "stealth", NULL, NULL, 0, "\"sui_image_params\"", gp_meta_swarm},
    {"NovelAI", "stealth", NULL, NULL, 0, NULL, gp_meta_novelai},
    {"A1111", "stealth", NULL, NULL, 0, NULL, parse_a1111},
    {"ComfyUI", "stealth", NULL, NULL, 0, NULL, parse_comfy},
    {"IPTC", "xmp", NULL, NULL, 0, "Iptc4xmpExt:", gp_meta_iptc},
    {"C2PA", "c2pa", NULL, NULL, 0, NULL, gp_meta_c2pa},
};
enum { READER_COUNT = sizeof readers / sizeof *readers };

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

/* Returns true if the reader may read this text. */
static bool applies(const struct reader *r, const gp_chunk *chunk)
{
    bool xmp = strcmp(r->key, "xmp") == 0 && strcmp(chunk->key, "XML:com.adobe.xmp") == 0;
    if (!xmp && strcmp(chunk->key, r->key) != 0) return false;
    if (r->mark && !memmem(chunk->text, chunk->size, r->mark, strlen(r->mark))) return false;
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

/* Calls the reader's function with the text of the chunk. If the reader reads an XMP property (r->within), calls the
 * function with the value of that property. */
static gp_status parse_chunk(const struct reader *r, const gp_chunks *chunks, const gp_chunk *chunk,
                             const gp_comfy_file *file, gp_meta *out, gp_error *err)
{
    gp_str value = GP_STR_INIT, where = GP_STR_INIT;
    gp_meta_source s = {chunk->text + r->prefix_size, chunk->size - r->prefix_size, chunk->key, chunks, file};
    gp_status st = GP_OK;
    if (!r->within) return r->parse(&s, out, err);
    gp_str_printf(&where, "xmp %s", r->within);
    bool found = gp_xmp_get(chunk->text, chunk->size, r->within, &value) && value.size;
    if (value.failed || where.failed)
        st = gp_fail_memory(err, "metadata");
    else if (found)
        s.text = value.data, s.size = value.size, s.where = where.data, st = r->parse(&s, out, err);
    gp_str_clear(&where);
    gp_str_clear(&value);
    return st;
}

/* The best result so far, and where it comes from. */
typedef struct choice {
    gp_meta meta;
    size_t reader, chunk;
} choice;

/* Applies one reader to one chunk. */
static gp_status read_one(const struct reader *r, const gp_chunks *chunks, const gp_chunk *chunk,
                          const gp_comfy_file *file, gp_meta *out, gp_error *err)
{
    gp_status st = parse_chunk(r, chunks, chunk, file, out, err);
    if (st == GP_OK && out->found) st = set_source(out, r->within ? r->within : chunk->key, err);
    if (st == GP_OK && out->found && chunk->damaged) st = mark_damaged(out, err);
    if (st != GP_OK) gp_meta_clear(out);
    return st;
}

/* Applies reader r to chunk i. A better result replaces the best one. */
static gp_status try_reader(size_t r, const gp_chunks *chunks, size_t i, const gp_comfy_file *file, choice *best,
                            gp_error *err)
{
    gp_meta one = {0};
    GP_TRY(read_one(&readers[r], chunks, &chunks->items[i], file, &one, err));
    bool mends = best->meta.broken && !one.broken && !one.mark;
    if (one.found && (!best->meta.found || mends || one.evidence > best->meta.evidence)) {
        gp_meta_clear(&best->meta);
        *best = (choice){one, r, i};
        one = (gp_meta){0};
    }
    gp_meta_clear(&one);
    return GP_OK;
}

static gp_comfy_file file_of(const gp_chunks *chunks, const char *path)
{
    const gp_chunk *workflow = gp_chunks_find(chunks, "workflow");
    gp_comfy_file file = {.path = path};
    if (workflow && !workflow->damaged) file.workflow = workflow->text, file.workflow_size = workflow->size;
    return file;
}

/* How often each reader was applied: to whole texts, and to damaged texts. */
typedef struct tries {
    unsigned count[2][READER_COUNT];
} tries;

/* Returns true if reader r is applied to this chunk. A reader is applied only to the first of many texts, because some
 * readers join all texts of the file each time. */
static bool may_try(tries *t, size_t r, const gp_chunk *chunk)
{
    enum { MAX_TRIES = 8 };
    return applies(&readers[r], chunk) && t->count[chunk->damaged][r]++ < MAX_TRIES;
}

/* Chooses the result of the file. best->meta is cleared after an error. */
static gp_status choose(const gp_chunks *chunks, const gp_comfy_file *file, choice *best, gp_error *err)
{
    gp_status st = GP_OK;
    tries t = {0};
    *best = (choice){.reader = READER_COUNT};
    for (int damaged = 0; damaged < 2; damaged++) {
        for (size_t r = 0; r < READER_COUNT; r++) {
            for (size_t i = 0; i < chunks->count; i++) {
                const gp_chunk *chunk = &chunks->items[i];
                if (best->meta.evidence > GP_EVIDENCE_GUESS || chunk->damaged != (damaged != 0)) continue;
                if (may_try(&t, r, chunk)) GP_TRY_GOTO(try_reader(r, chunks, i, file, best, err));
            }
        }
    }
out:
    if (st != GP_OK) gp_meta_clear(&best->meta);
    return st;
}

gp_status gp_meta_read(const gp_chunks *chunks, const char *path, gp_meta *out, gp_error *err)
{
    choice best;
    gp_comfy_file file = file_of(chunks, path);
    GP_TRY(choose(chunks, &file, &best, err));
    if (!best.meta.found && file.workflow &&
        memmem(file.workflow, file.workflow_size, "\"nodes\"", strlen("\"nodes\"")))
        return gp_meta_without_graph("the file has only the editor's graph, not the graph that was run", out, err);
    *out = best.meta;
    return GP_OK;
}

/* Returns true if the reader, besides the text with its own key, also reads the text with this key. */
static bool is_part(const struct reader *r, const char *key)
{
    if (r->parse == gp_meta_novelai && strcmp(r->key, "Comment") == 0)
        return strcmp(key, "Software") == 0 || strcmp(key, "Source") == 0 || strcmp(key, "Description") == 0;
    return r->parse == gp_meta_easy_texts && gp_meta_easy_has(key);
}

gp_status gp_meta_explain(const gp_chunks *chunks, const char *path,
                          bool (*visit)(void *user, const gp_meta_finding *finding), void *user, gp_error *err)
{
    choice best;
    tries t = {0};
    bool go_on = true;
    gp_comfy_file file = file_of(chunks, path);
    GP_TRY(choose(chunks, &file, &best, err));
    gp_meta_clear(&best.meta);
    for (size_t i = 0; i < chunks->count && go_on; i++) {
        gp_meta_finding f = {.chunk = &chunks->items[i]};
        for (size_t r = 0; r < READER_COUNT && go_on; r++) {
            gp_meta one = {0};
            if (!may_try(&t, r, f.chunk)) continue;
            GP_TRY(read_one(&readers[r], chunks, f.chunk, &file, &one, err));
            f.reader = readers[r].name, f.found = one.found, f.evidence = one.evidence;
            f.used = r == best.reader && i == best.chunk;
            gp_meta_clear(&one);
            go_on = visit(user, &f);
        }
        bool part = i != best.chunk && best.reader < READER_COUNT && is_part(&readers[best.reader], f.chunk->key);
        gp_meta_finding rest = {.chunk = f.chunk, .reader = part ? readers[best.reader].name : NULL};
        rest.found = rest.used = part;
        if (go_on && (part || !f.reader)) go_on = visit(user, &rest);
    }
    return GP_OK;
}

gp_status gp_meta_read_file(const uint8_t *bytes, size_t size, gp_chunks *chunks, const char *path, gp_meta *out,
                            gp_error *err)
{
    gp_meta meta = {0};
    size_t count = chunks->count;
    GP_TRY(gp_meta_read(chunks, path, &meta, err));
    gp_status st = meta.evidence > GP_EVIDENCE_GUESS ? GP_OK : gp_chunks_add_hidden(bytes, size, chunks, err);
    if (st == GP_OK && chunks->count > count) {
        gp_meta_clear(&meta);
        st = gp_meta_read(chunks, path, &meta, err);
    }
    if (st == GP_OK)
        *out = meta;
    else
        gp_meta_clear(&meta);
    return st;
}

const char *gp_meta_find_graph(const gp_chunks *chunks, size_t *size)
{
    for (size_t r = 0; r < READER_COUNT; r++) {
        for (size_t i = 0; i < chunks->count && readers[r].parse == parse_comfy; i++) {
            const gp_chunk *chunk = &chunks->items[i];
            if (chunk->damaged || chunk->size > GP_META_MAX_JSON || !applies(&readers[r], chunk)) continue;
            if (!memmem(chunk->text, chunk->size, "\"class_type\"", strlen("\"class_type\""))) continue;
            *size = chunk->size - readers[r].prefix_size;
            return chunk->text + readers[r].prefix_size;
        }
    }
    return NULL;
}
