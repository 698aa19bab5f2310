/* SPDX-License-Identifier: MIT
 * SwarmUI: {"sui_image_params": {"prompt": ..., "negativeprompt": ..., ...}, "sui_extra_data": {...},
 * "sui_models": [{"name", "param", "hash"}]}, in the PNG text "parameters" or in EXIF UserComment.
 *
 * The prompt may contain SwarmUI's own syntax. Tags whose result is fixed are replaced: <setvar[x]:text> and <var:x>
 * by the text, <comment:...>, <break> and <base> by nothing. <segment:...>, <object:...>, <refiner> and similar tags
 * begin the prompt of a later pass, so the prompt ends there. A tag with a random result (<random:...>, <wildcard:...>,
 * <setmacro[x]:...>, <macro:x>) does not state which text was used; then the prompt is a guess. The same applies to
 * <trigger>, which stands for a phrase that the model's file contains. */
#include "metadata/meta_readers.h"
#include "metadata/meta_record.h"

#include <string.h>

enum { MAX_DEPTH = 8, MAX_VARS = 32, MAX_TAGS = 10000, MAX_PASSES = 16 };

typedef struct span {
    const char *at, *end;
} span;

typedef struct expansion {
    gp_str *out;
    struct {
        span name, value;
    } vars[MAX_VARS];
    size_t var_count;
    size_t limit; /* bytes of *out; repeated variables cannot make it larger */
    size_t tags;  /* number of tags that were read; a variable may contain other variables many times */
    size_t read;  /* bytes that were read; a long text in a variable may be read many times */
    size_t most;  /* limit of `read` */
    bool open;    /* the text depends on a random choice, or on something that is not in the file */
} expansion;

/* Returns the position after the '>' that closes the tag at p, or NULL. */
static const char *tag_end(const char *p, const char *end)
{
    size_t depth = 0;
    for (; p < end; p++) {
        depth += *p == '<';
        if (*p == '>' && --depth == 0) return p + 1;
    }
    return NULL;
}

static bool is_word(span s, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(s.end - s.at) == size && memcmp(s.at, word, size) == 0;
}

static bool is_any(span s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_word(s, words[i])) return true;
    return false;
}
#define IS_ANY(s, words) is_any(s, words, sizeof(words) / sizeof *(words))

/* Parts of a tag: <name[option]:value>. */
typedef struct tag {
    span name, option, value;
} tag;

static tag split_tag(const char *at, const char *after)
{
    tag t;
    const char *p = at + 1, *end = after - 1;
    while (p < end && *p != '[' && *p != ':') p++;
    t.name = (span){at + 1, p};
    t.option = t.value = (span){end, end};
    if (p < end && *p == '[') {
        const char *close = memchr(p, ']', (size_t)(end - p));
        t.option = (span){p + 1, close ? close : end};
        p = close ? close + 1 : end;
    }
    if (p < end && *p == ':') t.value = (span){p + 1, end};
    return t;
}

static void expand(expansion *e, span text, int depth, bool *ends);

static void use_variable(expansion *e, span name, int depth, bool *ends)
{
    for (size_t i = e->var_count; i-- > 0;) {
        span n = e->vars[i].name;
        if (n.end - n.at != name.end - name.at || memcmp(n.at, name.at, (size_t)(n.end - n.at)) != 0) continue;
        expand(e, e->vars[i].value, depth + 1, ends);
        return;
    }
    e->open = true;
}

/* Handles one tag. Returns false if the tag stays in the text. */
static bool expand_tag(expansion *e, const tag *t, int depth, bool *ends)
{
    static const char *const random[] = {"random", "r",      "wildcard", "wc", "setmacro", "macro",         "alternate",
                                         "alt",    "fromto", "preset",   "p",  "repeat",   "alternateonce", "trigger"};
    static const char *const later[] = {"segment", "object", "region",    "refiner",
                                        "extend",  "video",  "videoswap", "clear"};
    static const char *const nothing[] = {"comment", "break", "base"};
    if (IS_ANY(t->name, later)) return *ends = true;
    if (IS_ANY(t->name, random)) return e->open = true, false;
    if (IS_ANY(t->name, nothing)) return gp_str_putc(e->out, ' '), true;
    if (is_word(t->name, "var")) return use_variable(e, t->value, depth, ends), true;
    if (!is_word(t->name, "setvar")) return false;
    const char *comma = memchr(t->option.at, ',', (size_t)(t->option.end - t->option.at));
    bool silent = comma && is_word((span){comma + 1, t->option.end}, "false");
    if (e->var_count < MAX_VARS) {
        e->vars[e->var_count].name = (span){t->option.at, comma ? comma : t->option.end};
        e->vars[e->var_count++].value = t->value;
    } else
        e->open = true;
    if (!silent) expand(e, t->value, depth + 1, ends);
    return true;
}

static void expand(expansion *e, span text, int depth, bool *ends)
{
    if (depth > MAX_DEPTH) {
        e->open = true;
        return;
    }
    const char *p = text.at;
    while (p < text.end && !*ends) {
        if (e->out->size > e->limit || e->tags++ > MAX_TAGS || e->read > e->most) {
            e->open = true;
            return;
        }
        const char *open = memchr(p, '<', (size_t)(text.end - p));
        const char *after = open ? tag_end(open, text.end) : NULL;
        e->read += (size_t)((after ? after : text.end) - p);
        if (!after) open = text.end;
        gp_str_add(e->out, p, (size_t)(open - p));
        p = open;
        if (!after) return;
        tag t = split_tag(open, after);
        if (!expand_tag(e, &t, depth, ends)) gp_str_add(e->out, open, (size_t)(after - open));
        p = after;
    }
}

/* Adds a prompt in SwarmUI's syntax. Returns true if the text depends on a random choice. */
static bool add_prompt(gp_record *r, const char *text, size_t size, bool negative)
{
    gp_str out = GP_STR_INIT;
    bool ends = false;
    expansion e = {.out = &out, .limit = 4 * size, .most = MAX_PASSES * size};
    if (!text) return false;
    expand(&e, (span){text, text + size}, 0, &ends);
    r->failed |= out.failed;
    bool same = e.open || !memchr(text, '<', size); /* an open text stays as the user wrote it */
    const char *used = same ? text : out.data;
    size_t used_size = same ? size : out.size;
    if (negative && !r->failed)
        gp_record_negative(r, used, used_size);
    else if (!r->failed)
        gp_record_prompt(r, used, used_size);
    gp_str_clear(&out);
    return e.open;
}

static void add_loras(gp_record *r, const gp_json *params)
{
    const gp_json *names = gp_json_get(params, "loras"), *weights = gp_json_get(params, "loraweights");
    for (size_t i = 0, n = gp_json_count(names); i < n && gp_json_kind_of(names) == GP_JSON_ARRAY; i++)
        gp_record_lora(r, gp_json_text(gp_json_at(names, i), NULL), gp_json_text(gp_json_at(weights, i), NULL));
}

/* Adds the hash of the model, which has the form "0x22d8...". */
static void add_model_hash(gp_record *r, const gp_json *root)
{
    const gp_json *models = gp_json_get(root, "sui_models");
    for (size_t i = 0, n = gp_json_kind_of(models) == GP_JSON_ARRAY ? gp_json_count(models) : 0; i < n; i++) {
        const char *param = gp_json_path_text(gp_json_at(models, i), "param", NULL);
        const char *hash = gp_json_path_text(gp_json_at(models, i), "hash", NULL);
        if (!param || !hash || strcmp(param, "model") != 0) continue;
        if (gp_str_starts(hash, "0x")) hash += 2;
        gp_settings_text(&r->settings, "model_hash", hash, strlen(hash));
    }
}

gp_status gp_meta_swarm(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"steps", GP_FIELD_NUMBER, "steps"},
        {"sampler", GP_FIELD_TEXT, "sampler"},
        {"scheduler", GP_FIELD_TEXT, "scheduler"},
        {"cfgscale", GP_FIELD_NUMBER, "cfg_scale"},
        {"fluxguidancescale", GP_FIELD_NUMBER, "guidance"},
        {"seed", GP_FIELD_NUMBER, "seed"},
        {"width", GP_FIELD_NUMBER, "width"},
        {"height", GP_FIELD_NUMBER, "height"},
        {"rawresolution", GP_FIELD_SIZE, NULL},
        {"model", GP_FIELD_TEXT, "model"},
        {"vae", GP_FIELD_TEXT, "vae"},
        {"variationseed", GP_FIELD_NUMBER, "variation_seed"},
        {"variationseedstrength", GP_FIELD_NUMBER, "variation_seed_strength"},
        {"refinermodel", GP_FIELD_TEXT, "refiner"},
        {"refinerupscale", GP_FIELD_NUMBER, "hires_scale"},
        {"refinerupscalemethod", GP_FIELD_TEXT, "hires_upscaler"},
        {"refinercontrolpercentage", GP_FIELD_NUMBER, "hires_denoising_strength"},
        {"initimagecreativity", GP_FIELD_NUMBER, "denoising_strength"},
        {"swarm_version", GP_FIELD_TEXT, "version"},
    };
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    const gp_json *params = gp_json_get(root, "sui_image_params");
    size_t size = 0;
    const char *text = gp_json_path_text(params, "prompt", &size);
    bool open = add_prompt(&r, text, size, false);
    text = gp_json_path_text(params, "negativeprompt", &size);
    (void)add_prompt(&r, text, size, true);
    GP_RECORD_FIELDS(&r, params, fields);
    add_loras(&r, params);
    if (params) add_model_hash(&r, root);
    gp_json_free(root);
    return gp_record_finish(&r, "swarmui", s->where, open ? GP_EVIDENCE_GUESS : GP_EVIDENCE_STATED, out, err);
}
