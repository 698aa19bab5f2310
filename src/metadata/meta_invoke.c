/* SPDX-License-Identifier: MIT
 * InvokeAI. Version 3 and later: "invokeai_metadata", a flat JSON object; images whose metadata is only in the graph
 * have its node "core_metadata". If the graph has several such nodes, or computes the prompt of the node, the prompt
 * is a guess. Version 2: "sd-metadata", a JSON object. Version 1: "Dream", a command line:
 *   "a castle [blurry]" -s 50 -S 42 -W 512 -H 768 -C 7.5 -A k_lms
 * Before version 3, text in square brackets is the negative prompt. */
#include "metadata/meta_readers.h"
#include "metadata/meta_record.h"

#include "base/mem.h"

#include <string.h>

static const gp_field fields_3[] = {
    {"positive_prompt", GP_FIELD_PROMPT, NULL},
    {"negative_prompt", GP_FIELD_NEGATIVE, NULL},
    {"steps", GP_FIELD_NUMBER, "steps"},
    {"scheduler", GP_FIELD_TEXT, "sampler"},
    {"cfg_scale", GP_FIELD_NUMBER, "cfg_scale"},
    {"guidance", GP_FIELD_NUMBER, "guidance"},
    {"seed", GP_FIELD_NUMBER, "seed"},
    {"width", GP_FIELD_NUMBER, "width"},
    {"height", GP_FIELD_NUMBER, "height"},
    {"model.name", GP_FIELD_TEXT, "model"},
    {"model.model_name", GP_FIELD_TEXT, "model"},
    {"model.hash", GP_FIELD_TEXT, "model_hash"},
    {"vae.name", GP_FIELD_TEXT, "vae"},
    {"vae.model_name", GP_FIELD_TEXT, "vae"},
    {"strength", GP_FIELD_NUMBER, "denoising_strength"},
    {"clip_skip", GP_FIELD_NUMBER, "clip_skip"},
    {"refiner_model.name", GP_FIELD_TEXT, "refiner"},
    {"refiner_model.model_name", GP_FIELD_TEXT, "refiner"},
    {"loras", GP_FIELD_LORAS, NULL},
    {"app_version", GP_FIELD_TEXT, "version"},
};

gp_status gp_meta_invoke(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    GP_RECORD_FIELDS(&r, root, fields_3);
    gp_json_free(root);
    return gp_record_finish(&r, "invokeai", s->where, GP_EVIDENCE_STATED, out, err);
}

typedef struct core_nodes {
    gp_record *record;
    const char *id; /* of the first node */
    size_t count;
} core_nodes;

static bool read_node(void *user, const char *key, const gp_json *node)
{
    core_nodes *nodes = user;
    const char *type = gp_json_path_text(node, "type", NULL);
    if (!type || strcmp(type, "core_metadata") != 0) return true;
    if (nodes->count++) return false;
    nodes->id = key;
    GP_RECORD_FIELDS(nodes->record, node, fields_3);
    return true;
}

/* Returns true if an edge ends at the node's prompt: while the graph ran, the edge replaced the stored prompt. */
static bool has_linked_prompt(const gp_json *edges, const char *id)
{
    for (size_t i = 0, n = gp_json_kind_of(edges) == GP_JSON_ARRAY ? gp_json_count(edges) : 0; i < n; i++) {
        const char *node = gp_json_path_text(gp_json_at(edges, i), "destination.node_id", NULL);
        const char *field = gp_json_path_text(gp_json_at(edges, i), "destination.field", NULL);
        if (node && field && strcmp(node, id) == 0 && strcmp(field, "positive_prompt") == 0) return true;
    }
    return false;
}

gp_status gp_meta_invoke_graph(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    core_nodes nodes = {.record = &r};
    if (gp_json_kind_of(gp_json_get(root, "nodes")) == GP_JSON_OBJECT)
        gp_json_each(gp_json_get(root, "nodes"), read_node, &nodes);
    bool open = nodes.count > 1 || (nodes.id && has_linked_prompt(gp_json_get(root, "edges"), nodes.id));
    gp_json_free(root);
    return gp_record_finish(&r, "invokeai", s->where, open ? GP_EVIDENCE_GUESS : GP_EVIDENCE_STATED, out, err);
}

/* Adds a prompt of the versions 1 and 2. Unbalanced brackets belong to the prompt. */
static void add_bracketed(gp_record *r, const char *text, size_t size)
{
    gp_str positive = GP_STR_INIT, negative = GP_STR_INIT;
    const char *p = text, *end = text + size;
    while (p < end) {
        const char *open = memchr(p, '[', (size_t)(end - p));
        const char *close = open ? memchr(open, ']', (size_t)(end - open)) : NULL;
        if (!close) break;
        gp_str_add(&positive, p, (size_t)(open - p));
        if (negative.size) gp_str_puts(&negative, ", ");
        gp_str_add(&negative, open + 1, (size_t)(close - open - 1));
        p = close + 1;
    }
    gp_str_add(&positive, p, (size_t)(end - p));
    while (positive.size && !positive.failed && strchr(" \t\r\n", positive.data[positive.size - 1])) positive.size--;
    r->failed |= positive.failed || negative.failed;
    if (!r->failed && positive.size) gp_record_prompt(r, positive.data, positive.size);
    if (!r->failed && negative.size) gp_record_negative(r, negative.data, negative.size);
    gp_str_clear(&negative);
    gp_str_clear(&positive);
}

/* Adds the prompt of "sd-metadata": a string, or an array of objects with a weight. */
static void add_prompt_2(gp_record *r, const gp_json *prompt)
{
    gp_str all = GP_STR_INIT;
    size_t size = 0;
    const char *text = gp_json_text(prompt, &size);
    if (text) gp_str_add(&all, text, size);
    for (size_t i = 0, n = gp_json_kind_of(prompt) == GP_JSON_ARRAY ? gp_json_count(prompt) : 0; i < n; i++) {
        text = gp_json_path_text(gp_json_at(prompt, i), "prompt", &size);
        if (text && all.size) gp_str_puts(&all, ", ");
        if (text) gp_str_add(&all, text, size);
    }
    r->failed |= all.failed;
    if (all.size && !all.failed) add_bracketed(r, all.data, all.size);
    gp_str_clear(&all);
}

gp_status gp_meta_invoke_2(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"image.steps", GP_FIELD_NUMBER, "steps"},
        {"image.sampler", GP_FIELD_TEXT, "sampler"},
        {"image.cfg_scale", GP_FIELD_NUMBER, "cfg_scale"},
        {"image.seed", GP_FIELD_NUMBER, "seed"},
        {"image.width", GP_FIELD_NUMBER, "width"},
        {"image.height", GP_FIELD_NUMBER, "height"},
        {"image.strength", GP_FIELD_NUMBER, "denoising_strength"},
        {"model_weights", GP_FIELD_TEXT, "model"},
        {"model_hash", GP_FIELD_TEXT, "model_hash"},
        {"app_version", GP_FIELD_TEXT, "version"},
    };
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    add_prompt_2(&r, gp_json_path(root, "image.prompt"));
    GP_RECORD_FIELDS(&r, root, fields);
    gp_json_free(root);
    return gp_record_finish(&r, "invokeai", s->where, GP_EVIDENCE_STATED, out, err);
}

/* Appends the prompt, which is in quotes. The character after a backslash is literal. Returns the position after the
 * closing quote, or NULL if there is none. */
static const char *dream_prompt(const char *text, const char *end, gp_str *out)
{
    const char *p = text + 1;
    for (; p < end && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < end) p++;
        gp_str_putc(out, *p);
    }
    return p < end ? p + 1 : NULL;
}

static void add_dream_options(gp_record *r, const char *p, const char *end)
{
    static const struct {
        char letter;
        bool number;
        const char *key;
    } options[] = {{'s', true, "steps"},
                   {'S', true, "seed"},
                   {'W', true, "width"},
                   {'H', true, "height"},
                   {'C', true, "cfg_scale"},
                   {'A', false, "sampler"},
                   {'f', true, "denoising_strength"}};
    while (p < end) {
        while (p < end && *p == ' ') p++;
        const char *word = p;
        while (p < end && *p != ' ') p++;
        if (p - word < 2 || *word != '-') continue;
        /* the value is in the same word ("-s50") or in the next one ("-s 50") */
        const char *value = word + 2, *value_end = p;
        if (value == p) {
            while (value < end && *value == ' ') value++;
            value_end = value;
            while (value_end < end && *value_end != ' ') value_end++;
        } else if (*value < '0' || *value > '9')
            continue;
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            if (options[i].letter != word[1]) continue;
            size_t size = (size_t)(value_end - value);
            if (options[i].number)
                gp_settings_number(&r->settings, options[i].key, value, size);
            else
                gp_settings_text(&r->settings, options[i].key, value, size);
        }
    }
}

gp_status gp_meta_dream(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_str prompt = GP_STR_INIT;
    *out = (gp_meta){0};
    const char *end = s->text + s->size;
    if (!s->size || *s->text != '"') return GP_OK;
    const char *after = dream_prompt(s->text, end, &prompt);
    r.failed = prompt.failed;
    if (after && !prompt.failed && prompt.size) {
        add_bracketed(&r, prompt.data, prompt.size);
        add_dream_options(&r, after, end);
    }
    gp_str_clear(&prompt);
    return gp_record_finish(&r, "invokeai", s->where, GP_EVIDENCE_STATED, out, err);
}
