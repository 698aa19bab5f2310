/* SPDX-License-Identifier: MIT
 * NovelAI stores a JSON object: in the PNG text "Comment" beside "Software: NovelAI", "Source" (the model) and
 * "Description" (the prompt). In WebP and in hidden text, one object contains all of these as strings, so that
 * "Comment" is JSON inside a JSON string.
 *
 * From version 4 on, a prompt consists of a caption of the image and captions of its characters. The prompt is the
 * caption of the image. The captions of the characters become the setting "characters". */
#include "metadata/meta_readers.h"
#include "metadata/meta_record.h"

#include <string.h>

static const gp_field fields[] = {
    {"v4_prompt.caption.base_caption", GP_FIELD_PROMPT, NULL},
    {"prompt", GP_FIELD_PROMPT, NULL},
    {"v4_negative_prompt.caption.base_caption", GP_FIELD_NEGATIVE, NULL},
    {"uc", GP_FIELD_NEGATIVE, NULL},
    {"steps", GP_FIELD_NUMBER, "steps"},
    {"sampler", GP_FIELD_TEXT, "sampler"},
    {"noise_schedule", GP_FIELD_TEXT, "scheduler"},
    {"scale", GP_FIELD_NUMBER, "cfg_scale"},
    {"seed", GP_FIELD_NUMBER, "seed"},
    {"width", GP_FIELD_NUMBER, "width"},
    {"height", GP_FIELD_NUMBER, "height"},
};

typedef struct parts {
    const gp_json *comment; /* the settings */
    const char *software, *source, *description;
} parts;

static const char *chunk_text(const gp_chunks *chunks, const char *key)
{
    const gp_chunk *chunk = gp_chunks_find(chunks, key);
    return chunk && !chunk->damaged ? chunk->text : NULL;
}

static bool is_novelai(const parts *p)
{
    if (p->software && gp_str_starts(p->software, "NovelAI")) return gp_json_count(p->comment) > 0;
    return gp_json_get(p->comment, "v4_prompt") || gp_json_get(p->comment, "uncond_scale");
}

static void add_characters(gp_record *r, const gp_json *comment)
{
    const gp_json *captions = gp_json_path(comment, "v4_prompt.caption.char_captions");
    gp_str all = GP_STR_INIT;
    if (gp_json_kind_of(captions) != GP_JSON_ARRAY) return;
    for (size_t i = 0, n = gp_json_count(captions); i < n; i++) {
        size_t size = 0;
        const char *text = gp_json_path_text(gp_json_at(captions, i), "char_caption", &size);
        if (!text || !size || memchr(text, 0, size)) continue;
        if (all.size) gp_str_puts(&all, " | ");
        gp_str_add(&all, text, size);
    }
    r->failed |= all.failed;
    if (all.size) gp_settings_text(&r->settings, "characters", all.data, all.size);
    gp_str_clear(&all);
}

/* Adds "NovelAI Diffusion V4.5 C02D4F98" as the model and its hash of 8 digits. */
static void add_source(gp_record *r, const char *source)
{
    const char *blank = strrchr(source, ' ');
    size_t digits = blank ? strspn(blank + 1, "0123456789ABCDEF") : 0;
    bool hash = digits == 8 && !blank[1 + digits];
    gp_settings_text(&r->settings, "model", source, hash ? (size_t)(blank - source) : strlen(source));
    if (hash) gp_settings_text(&r->settings, "model_hash", blank + 1, digits);
}

static void read_parts(gp_record *r, const parts *p)
{
    if (!is_novelai(p)) return;
    GP_RECORD_FIELDS(r, p->comment, fields);
    if (p->description) gp_record_prompt(r, p->description, strlen(p->description)); /* of the first versions */
    add_characters(r, p->comment);
    if (p->source && *p->source) add_source(r, p->source);
}

gp_status gp_meta_novelai(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL, *inner = NULL;
    size_t size = 0;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    parts p = {root, chunk_text(s->chunks, "Software"), chunk_text(s->chunks, "Source"),
               chunk_text(s->chunks, "Description")};
    const char *comment = gp_json_path_text(root, "Comment", &size);
    gp_status st = comment ? gp_record_open(comment, size, &inner, err) : GP_OK;
    if (inner)
        p = (parts){inner, gp_json_path_text(root, "Software", NULL), gp_json_path_text(root, "Source", NULL),
                    gp_json_path_text(root, "Description", NULL)};
    if (st == GP_OK) read_parts(&r, &p);
    gp_json_free(inner);
    gp_json_free(root);
    if (st == GP_OK) return gp_record_finish(&r, "novelai", s->where, GP_EVIDENCE_STATED, out, err);
    gp_record_clear(&r);
    return st;
}
