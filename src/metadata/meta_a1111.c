/* SPDX-License-Identifier: MIT
 * Parses AUTOMATIC1111 "infotext" as the compatible programs write it (A1111, Forge, reForge, SD.Next,
 * stable-diffusion.cpp, image savers of ComfyUI):
 *
 *   text     := [positive lines] ["Negative prompt:" negative lines] settings line [more lines]
 *   settings := pair {"," pair}
 *   pair     := key ":" ("JSON string" | {JSON object} | [JSON array] | text up to a comma)
 *   key      := 2 to 80 letters, digits, "_", blanks or "-/.+"; the first is a letter, a digit or "_"
 *
 * A prompt may contain text that looks like pairs. So only these lines count as settings, tried in this order:
 * 1. The last line, if it ends with "Version: goldpan": goldpan's own settings. They may contain the exact prompts as
 *    JSON strings, "Goldpan prompt" and "Goldpan negative".
 * 2. If lines "Template:" of Dynamic Prompts follow: the last line before them that begins with "Steps: " and passes
 *    the test in 5.
 * 3. The last line, if it has at least three pairs and either its first key is known or two of its keys are. If the
 *    text has lost its line breaks: the end of this line, from its last " Steps: 20" on.
 * 4. The last line, if all its keys are known and at least one has a number, and if it is not the only line. In a chunk
 *    named "parameters" neither the number nor another line is needed.
 * 5. The last line that begins with "Steps: " and has at least three pairs, two of them with known keys.
 *
 * A text without settings is still read if it has a negative prompt, because users remove the settings in sidecar
 * files. Lines "key: value" after the settings are also stored as settings. */
#include "metadata/meta_private.h"
#include "base/json.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

enum { MAX_KEY = 80, MAX_UNBALANCED = 16 };

/* Known keys of the compatible programs, and goldpan's names for them. number: the value is stored as a number. size:
 * "512x768" is split into the two keys of `ours`. */
static const struct known {
    const char *key, *ours;
    bool number, size;
} known_keys[] = {
    {"Steps", "steps", true, false},
    {"Sampler", "sampler", false, false},
    {"Schedule type", "scheduler", false, false},
    {"Scheduler", "scheduler", false, false},
    {"CFG scale", "cfg_scale", true, false},
    {"Distilled CFG Scale", "guidance", true, false},
    {"Guidance", "guidance", true, false},
    {"Seed", "seed", true, false},
    {"Size", "width\0height", false, true},
    {"Width", "width", true, false},
    {"Height", "height", true, false},
    {"Model", "model", false, false},
    {"Model hash", "model_hash", false, false},
    {"VAE", "vae", false, false},
    {"VAE hash", "vae_hash", false, false},
    {"Clip skip", "clip_skip", true, false},
    {"Denoising strength", "denoising_strength", true, false},
    {"Hires upscale", "hires_scale", true, false},
    {"Hires scale", "hires_scale", true, false},
    {"Hires steps", "hires_steps", true, false},
    {"Hires upscaler", "hires_upscaler", false, false},
    {"Hires CFG Scale", "hires_cfg_scale", true, false},
    {"Hires size", "hires_width\0hires_height", false, true},
    {"Version", "version", false, false},
    {"Variation seed", "variation_seed", true, false},
    {"Variation seed strength", "variation_seed_strength", true, false},
    {"Refiner", "refiner", false, false},
    {"Refiner switch at", "refiner_switch_at", true, false},
    {"Eta", "eta", true, false},
    {"RNG", "rng", false, false},
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

typedef struct text {
    const char *at, *end;
} text;

static text trimmed(text t)
{
    while (t.at < t.end && is_space(*t.at)) t.at++;
    while (t.at < t.end && is_space(t.end[-1])) t.end--;
    return t;
}

static bool starts(text t, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(t.end - t.at) >= n && memcmp(t.at, word, n) == 0;
}

/* ------------------------------------------------------------------ pairs */

typedef struct pairs {
    text rest;
    /* Number of brackets that never close, or that close inside a value. After MAX_UNBALANCED such brackets, brackets
     * are no longer parsed. */
    int unbalanced;
    bool no_quotes; /* no closing quote follows */
    text key, value;
    bool quoted;
} pairs;

/* Returns the position after the closing quote of the JSON string that starts at p, or NULL if there is none. */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

/* Returns the position after the bracket that closes the bracket at p, or NULL if it is never closed. */
static const char *bracket_end(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = string_end(p, end);
            if (!p) return NULL;
            continue;
        }
        depth += *p == '{' || *p == '[';
        if ((*p == '}' || *p == ']') && --depth == 0) return p + 1;
        p++;
    }
    return NULL;
}

/* Returns true if a pair "Key: value" ends at p: only blanks follow, up to a comma or the end. */
static bool pair_ends(const char *p, const char *end)
{
    while (p < end && is_space(*p)) p++;
    return p == end || *p == ',';
}

static const char *value_end(pairs *p, const char *at)
{
    const char *end = p->rest.end, *stop = NULL;
    p->quoted = false;
    if (at < end && *at == '"' && !p->no_quotes) {
        stop = string_end(at, end);
        p->no_quotes = !stop;
        p->quoted = stop && pair_ends(stop, end);
        if (!p->quoted) stop = NULL;
    } else if (at < end && (*at == '{' || *at == '[') && p->unbalanced < MAX_UNBALANCED) {
        stop = bracket_end(at, end);
        if (stop && !pair_ends(stop, end)) stop = NULL;
        p->unbalanced += !stop;
    }
    if (stop) return stop;
    stop = memchr(at, ',', (size_t)(end - at));
    return stop ? stop : end;
}

/* Reads the next pair "Key: value". Skips text that is not a pair up to the next comma. */
static bool next_pair(pairs *p)
{
    const char *end = p->rest.end;
    while (p->rest.at < end) {
        const char *at = p->rest.at, *key = at;
        while (at < end && (is_space(*at) || *at == ',')) at++;
        key = at;
        if (at < end && is_key_start(*at))
            while (at < end && at - key <= MAX_KEY && (is_key_start(*at) || strchr(" -/.+", *at)) && *at) at++;
        if (at < end && *at == ':' && at - key >= 2) {
            p->key = trimmed((text){key, at});
            for (at++; at < end && *at == ' ';) at++;
            const char *stop = value_end(p, at);
            p->value = trimmed((text){at, stop});
            const char *comma = stop < end ? memchr(stop, ',', (size_t)(end - stop)) : NULL;
            p->rest.at = comma ? comma + 1 : end;
            return true;
        }
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        p->rest.at = comma ? comma + 1 : end;
    }
    return false;
}

static const struct known *known_key(text key)
{
    size_t size = (size_t)(key.end - key.at);
    for (size_t i = 0; i < sizeof known_keys / sizeof *known_keys; i++)
        if (strlen(known_keys[i].key) == size && memcmp(known_keys[i].key, key.at, size) == 0) return &known_keys[i];
    return NULL;
}

/* ------------------------------------------------------------------ where the settings are */

typedef struct counted {
    size_t pairs, known;
    bool first_known;
} counted;

static counted count_pairs(text line)
{
    counted n = {0};
    pairs p = {.rest = line};
    while (next_pair(&p)) {
        bool known = known_key(p.key) != NULL;
        if (!n.pairs) n.first_known = known;
        n.pairs++, n.known += known;
    }
    return n;
}

/* Finds settings on the same line as the prompt: everything from the last " Steps: 20" on. Returns an empty text if
 * there are none. */
static text inline_settings(text line)
{
    for (const char *p = line.end; p-- > line.at + 1;)
        if (*p == 'S' && is_space(p[-1]) && starts((text){p, line.end}, "Steps: ") && line.end - p > 7 &&
            is_digit(p[7]))
            return (text){p, line.end};
    return (text){line.end, line.end};
}

/* Finds the settings in this line; returns an empty text if there are none. *alone: the settings are the whole line. */
static text settings_in(text line, bool *alone)
{
    counted n = count_pairs(line);
    *alone = true;
    if (n.pairs >= 3 && n.first_known) return line;
    text tail = inline_settings(line);
    if (tail.at < tail.end) {
        counted m = count_pairs(tail);
        *alone = false;
        return m.pairs >= 3 && m.known >= 2 ? tail : (text){line.end, line.end};
    }
    return n.pairs >= 3 && n.known >= 2 ? line : (text){line.end, line.end};
}

/* Returns the line that ends at `end` (exclusive), trimmed. *start: start of the line. */
static text line_before(text all, const char *end, const char **start)
{
    const char *p = end;
    while (p > all.at && p[-1] != '\n') p--;
    *start = p;
    return trimmed((text){p, end});
}

/* Returns true if the line begins like a template that the Dynamic Prompts extension appends to the settings. */
static bool is_template(text line)
{
    return starts(line, "Template:") || starts(line, "Negative Template:");
}

/* Returns the start of the first template in the text, or the end of the text. */
static const char *first_template(text all)
{
    for (const char *p = all.at; p < all.end;) {
        const char *stop = memchr(p, '\n', (size_t)(all.end - p));
        if (p > all.at && is_template((text){p, stop ? stop : all.end})) return p;
        p = stop ? stop + 1 : all.end;
    }
    return all.end;
}

/* Finds the last line that consists only of settings, even if other lines follow it. */
static text last_settings_line(text all)
{
    const char *start, *end = all.end;
    for (;;) {
        text line = line_before(all, end, &start);
        if (starts(line, "Steps: ")) {
            counted n = count_pairs(line);
            if (n.pairs >= 3 && n.known >= 2) return line;
        }
        if (start == all.at) return (text){all.end, all.end};
        end = start - 1;
    }
}

/* Returns the line if all its keys are known and, unless `lax`, at least one key has a number as its value. Otherwise
 * returns an empty text. goldpan and programs with few settings write such lines. */
static text few_settings(text line, bool lax)
{
    bool number = false, pair = false;
    pairs p = {.rest = line};
    if (line.at == line.end || !is_key_start(*line.at)) return (text){line.end, line.end};
    const char *expected = line.at;
    while (next_pair(&p)) {
        const struct known *k = known_key(p.key);
        text between = trimmed((text){expected, p.key.at});
        if (!k || between.at < between.end) return (text){line.end, line.end};
        bool digit = p.value.at < p.value.end && (is_digit(*p.value.at) || *p.value.at == '-');
        if ((k->number || k->size) && !digit) return (text){line.end, line.end};
        number |= k->number || k->size, pair = true;
        expected = p.rest.at;
    }
    text rest = trimmed((text){expected, line.end});
    bool all = pair && rest.at == rest.end && (number || lax);
    return all ? line : (text){line.end, line.end};
}

/* Returns true for a settings line that goldpan wrote (generate/infotext.c). */
static bool is_ours(text line)
{
    static const char mark[] = "Version: goldpan";
    size_t size = (size_t)(line.end - line.at), of_mark = sizeof mark - 1;
    if (size < of_mark || memcmp(line.end - of_mark, mark, of_mark) != 0) return false;
    return size == of_mark || (size >= of_mark + 2 && memcmp(line.end - of_mark - 2, ", ", 2) == 0);
}

/* Finds the settings. *prompts: the text before the settings. *behind: the text after the settings. *alone: the
 * settings are a whole line. */
static bool find_settings(text all, bool lax, text *settings, text *prompts, text *behind, bool *alone)
{
    const char *start, *template = first_template(all);
    text line = line_before(all, all.end, &start);
    *alone = true;
    *settings = is_ours(line) ? line : (text){all.end, all.end};
    if (settings->at == settings->end && template <all.end)
        *settings = last_settings_line((text){all.at, template - 1});
    if (settings->at == settings->end) *settings = settings_in(line, alone);
    if (settings->at == settings->end && (start > all.at || lax)) *settings = few_settings(line, lax), *alone = true;
    if (settings->at == settings->end) *settings = last_settings_line(all), *alone = true;
    *prompts = (text){all.at, settings->at};
    *behind = (text){settings->end, all.end};
    return settings->at < settings->end;
}

/* ------------------------------------------------------------------ storing the settings */

/* Writes "512x768" as two keys, "width\0height". */
static bool put_size(gp_settings *s, const char *keys, text value)
{
    const char *p = value.at;
    while (p < value.end && is_digit(*p)) p++;
    const char *x = p;
    if (x == value.at || x + 1 >= value.end || *x != 'x') return false;
    for (p = x + 1; p < value.end && is_digit(*p);) p++;
    if (p != value.end) return false;
    gp_settings_number(s, keys, value.at, (size_t)(x - value.at));
    gp_settings_number(s, keys + strlen(keys) + 1, x + 1, (size_t)(value.end - x - 1));
    return true;
}

/* Adds a pair whose key goldpan does not know, under that key. If the object already has the key, appends a number to
 * it. */
static void put_other(gp_settings *s, text key, text value)
{
    char name[MAX_KEY + 16];
    size_t size = (size_t)(key.end - key.at);
    memcpy(name, key.at, size);
    name[size] = 0;
    for (int i = 2; i < 10 && gp_settings_has(s, name); i++) snprintf(name + size, 16, " %d", i);
    gp_settings_text(s, name, value.at, (size_t)(value.end - value.at));
}

/* Stores an exact prompt from goldpan's own settings line. *taken: the pair contained such a prompt. */
static gp_status take_exact(const pairs *p, const gp_json *decoded, gp_meta *meta, bool *taken, gp_error *err)
{
    bool negative = starts(p->key, "Goldpan negative");
    char **to = negative ? &meta->negative : &meta->prompt;
    size_t size = 0;
    const char *string = gp_json_text(decoded, &size);
    *taken = string && size && *string && (negative || starts(p->key, "Goldpan prompt"));
    if (!*taken) return GP_OK;
    gp_mem_free(*to);
    if (!negative) { /* the exact prompt replaces both parts of the split text */
        gp_mem_free(meta->negative);
        meta->negative = NULL;
    }
    *to = gp_meta_text(string, size, false);
    return *to ? GP_OK : gp_fail_memory(err, "metadata");
}

static gp_status put_pair(gp_settings *s, const pairs *p, gp_meta *ours, gp_error *err)
{
    gp_json *decoded = NULL;
    bool taken = false;
    text value = p->value;
    if (p->quoted) { /* decode the value if it is a valid JSON string */
        gp_error ignored = {0};
        gp_status st = gp_json_parse(value.at, (size_t)(value.end - value.at), false, 0, &decoded, &ignored);
        if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &ignored);
        size_t size = 0;
        const char *string = st == GP_OK ? gp_json_text(decoded, &size) : NULL;
        if (string) value = (text){string, string + size};
        st = ours ? take_exact(p, decoded, ours, &taken, err) : GP_OK;
        if (st != GP_OK || taken) {
            gp_json_free(decoded);
            return st;
        }
    }
    const struct known *k = known_key(p->key);
    size_t size = (size_t)(value.end - value.at);
    if (!k || gp_settings_has(s, k->ours) || (k->size && !put_size(s, k->ours, value)))
        put_other(s, p->key, value);
    else if (k->number)
        gp_settings_number(s, k->ours, value.at, size);
    else if (!k->size)
        gp_settings_text(s, k->ours, value.at, size);
    gp_json_free(decoded);
    return GP_OK;
}

/* Reads lines "Key: value" after the settings. A template also includes the lines that follow it. */
static void put_behind(gp_settings *s, text behind)
{
    while (behind.at < behind.end) {
        const char *stop = memchr(behind.at, '\n', (size_t)(behind.end - behind.at));
        text one = {behind.at, stop ? stop : behind.end};
        bool template = is_template(one);
        while (template && stop && !is_template((text){stop + 1, behind.end})) {
            stop = memchr(stop + 1, '\n', (size_t)(behind.end - stop - 1));
            one.end = stop ? stop : behind.end;
        }
        one = trimmed(one);
        const char *colon = one.at < one.end ? memchr(one.at, ':', (size_t)(one.end - one.at)) : NULL;
        if (colon && colon - one.at >= 2 && colon - one.at <= MAX_KEY && is_key_start(*one.at))
            put_other(s, (text){one.at, colon}, trimmed((text){colon + 1, one.end}));
        behind.at = stop ? stop + 1 : behind.end;
    }
}

static gp_status put_settings(gp_settings *s, text line, text behind, gp_meta *meta, gp_error *err)
{
    gp_meta *ours = is_ours(line) ? meta : NULL;
    pairs p = {.rest = line};
    text unet = {0};
    while (next_pair(&p)) {
        if (starts(p.key, "Unet") && p.key.end - p.key.at == 4 && !unet.at) unet = p.value;
        GP_TRY(put_pair(s, &p, ours, err));
    }
    /* stable-diffusion.cpp leaves "Model: " empty if the model's parts come from several files */
    if (unet.at) gp_settings_text(s, "model", unet.at, (size_t)(unet.end - unet.at));
    put_behind(s, trimmed(behind));
    return GP_OK;
}

/* Splits the text at the first line that begins with "Negative prompt:". Without `lines`, "Negative prompt:" may also
 * be inside a line. */
static void split_prompts(text all, bool lines, text *positive, text *negative)
{
    static const char mark[] = "Negative prompt:";
    *positive = all;
    *negative = (text){all.end, all.end};
    for (const char *p = all.at; p < all.end; p++) {
        bool here = p == all.at || p[-1] == '\n' || (!lines && is_space(p[-1]));
        if (!here) continue;
        while (lines && p < all.end && (*p == ' ' || *p == '\t')) p++;
        if (!starts((text){p, all.end}, mark)) continue;
        positive->end = p;
        negative->at = p + sizeof mark - 1;
        return;
    }
}

/* Copies the trimmed text to *to, which the caller owns. Leaves *to unchanged if the text is empty. Returns false if
 * memory ran out. */
static bool take(char **to, text t)
{
    t = trimmed(t);
    if (t.at == t.end) return true;
    *to = gp_meta_text(t.at, (size_t)(t.end - t.at), true);
    return *to != NULL;
}

static gp_status read_infotext(const char *bytes, size_t size, bool lax, gp_meta *out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_meta meta = {.found = true};
    gp_settings settings = GP_SETTINGS_INIT;
    gp_str loras = GP_STR_INIT;
    const char *nul = size ? memchr(bytes, 0, size) : NULL; /* the text ends at the NUL */
    text all = trimmed((text){bytes, nul ? nul : bytes + size}), line, prompts, behind, positive, negative;
    bool alone;
    *out = (gp_meta){0};
    bool settled = find_settings(all, lax, &line, &prompts, &behind, &alone);
    if (!settled) prompts = all, behind = (text){all.end, all.end};
    split_prompts(prompts, alone || !settled, &positive, &negative);
    if (!settled && negative.at == negative.end) return GP_OK; /* not an A1111 text: found is false */
    if (!take(&meta.prompt, positive) || !take(&meta.negative, negative)) goto memory;
    bool marker = (size_t)(line.end - line.at) == strlen("Steps: 0") &&
                  starts(line, "Steps: 0"); /* the line "Steps: 0" alone means: no settings */
    if (!marker) GP_TRY_GOTO(put_settings(&settings, line, behind, &meta, err));
    if (meta.prompt) meta.evidence = GP_EVIDENCE_STATED;
    if (meta.prompt) gp_meta_loras(&loras, meta.prompt);
    if (loras.size) gp_settings_text(&settings, "loras", loras.data, loras.size);
    if (loras.failed) goto memory;
    meta.settings_json = gp_settings_take(&settings);
    meta.tool = gp_str_dup("a1111");
    meta.where = gp_str_dup("parameters");
    if (!meta.settings_json || !meta.tool || !meta.where) goto memory;
    *out = meta;
    meta = (gp_meta){0};
    goto out;
memory:
    st = gp_fail_memory(err, "metadata");
out:
    gp_str_clear(&loras);
    gp_settings_clear(&settings);
    gp_meta_clear(&meta);
    return st;
}

gp_status gp_meta_a1111(const char *bytes, size_t size, gp_meta *out, gp_error *err)
{
    return read_infotext(bytes, size, false, out, err);
}

gp_status gp_meta_parameters(const char *bytes, size_t size, gp_meta *out, gp_error *err)
{
    return read_infotext(bytes, size, true, out, err);
}
