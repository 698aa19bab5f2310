/* SPDX-License-Identifier: MIT
 * Midjourney's descriptions, and marks that say that a model made the image but not with which prompt: IPTC fields in
 * XMP, and Content Credentials (C2PA). */
#include "metadata/meta_readers.h"
#include "metadata/meta_record.h"
#include "metadata/xmp.h"

#include "base/mem.h"

#include <string.h>

/* ------------------------------------------------------------------ Midjourney */

/* Midjourney writes a description of the form "prompt --flag value --flag ... Job ID: UUID". */

static bool is_uuid(const char *p, const char *end)
{
    if (end - p < 36) return false;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : gp_hex_digit(p[i]) < 0) return false;
    }
    return true;
}

static const char *find(const char *text, const char *end, const char *word)
{
    return text < end ? memmem(text, (size_t)(end - text), word, strlen(word)) : NULL;
}

typedef struct flag {
    const char *name, *key; /* key: name of the setting; NULL: the flag is not stored as a setting */
} flag;

/* Returns Midjourney's flag of this name, or NULL. */
static const flag *find_flag(const char *name, size_t size)
{
    static const flag flags[] = {{"v", "version"},   {"version", "version"}, {"niji", "niji"},
                                 {"seed", "seed"},   {"ar", "aspect_ratio"}, {"aspect", "aspect_ratio"},
                                 {"s", "stylize"},   {"stylize", "stylize"}, {"c", "chaos"},
                                 {"chaos", "chaos"}, {"q", "quality"},       {"quality", "quality"},
                                 {"style", "style"}, {"iw", "image_weight"}, {"w", "weird"},
                                 {"weird", "weird"}, {"no", NULL},           {"raw", NULL},
                                 {"tile", NULL},     {"profile", NULL},      {"sref", NULL},
                                 {"cref", NULL},     {"stop", NULL},         {"fast", NULL},
                                 {"relax", NULL},    {"turbo", NULL},        {"p", NULL},
                                 {"sw", NULL}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strlen(flags[i].name) == size && memcmp(flags[i].name, name, size) == 0) return &flags[i];
    return NULL;
}

static size_t word_size(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && *p != ' ') p++;
    return (size_t)(p - start);
}

/* Returns the " --" of the first flag that Midjourney has, or NULL. *unknown: another word with "--" comes before. */
static const char *first_flag(const char *text, const char *end, bool *unknown)
{
    *unknown = false;
    for (const char *p = text; (p = find(p, end, " --")) != NULL; p += 3) {
        size_t size = word_size(p + 3, end);
        if (find_flag(p + 3, size)) return p;
        *unknown |= size > 0;
    }
    return NULL;
}

/* Adds the flags of the text, which begins with "--". */
static void add_flags(gp_record *r, const char *p, const char *end)
{
    while (p < end) {
        const char *name = p + 2, *next = find(name, end, " --");
        const char *stop = next ? next : end;
        size_t name_size = word_size(name, stop);
        const flag *known = find_flag(name, name_size);
        const char *value = name + name_size;
        while (value < stop && *value == ' ') value++;
        while (stop > value && stop[-1] == ' ') stop--;
        if (known && strcmp(known->name, "no") == 0) gp_record_negative(r, value, (size_t)(stop - value));
        if (known && known->key) gp_settings_number(&r->settings, known->key, value, (size_t)(stop - value));
        p = next ? next + 1 : end;
    }
}

gp_status gp_meta_midjourney(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    const char *text = s->text, *end = text + s->size;
    *out = (gp_meta){0};
    const char *job = find(text, end, "Job ID: ");
    bool stated = job && is_uuid(job + strlen("Job ID: "), end);
    const char *stop = stated ? job : end;
    bool unknown;
    const char *flags = first_flag(text, stop, &unknown);
    if (flags) add_flags(&r, flags + 1, stop);
    if (stated || flags) {
        gp_evidence evidence = stated && !unknown ? GP_EVIDENCE_STATED : GP_EVIDENCE_GUESS;
        const char *prompt_end = flags ? flags : stop;
        while (prompt_end > text && strchr(" \n", prompt_end[-1]) && prompt_end[-1]) prompt_end--;
        gp_record_prompt(&r, text, (size_t)(prompt_end - text));
        return gp_record_finish(&r, "midjourney", s->where, evidence, out, err);
    }
    gp_record_clear(&r);
    return GP_OK;
}

/* ------------------------------------------------------------------ marks */

static gp_status make_mark(gp_record *r, const char *tool, const char *where, gp_meta *out, gp_error *err)
{
    r->meta.mark = true;
    return gp_record_finish(r, tool, where, GP_EVIDENCE_NONE, out, err);
}

gp_status gp_meta_iptc(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const struct {
        const char *property, *key;
    } fields[] = {{"Iptc4xmpExt:AISystemUsed", "ai_system"},
                  {"Iptc4xmpExt:AISystemVersionUsed", "ai_system_version"},
                  {"Iptc4xmpExt:AIPromptInformation", "ai_prompt_information"},
                  {"Iptc4xmpExt:AIPromptWriterName", "ai_prompt_writer"}};
    gp_record r = GP_RECORD_INIT;
    *out = (gp_meta){0};
    bool found = find(s->text, s->text + s->size, "/trainedAlgorithmicMedia") ||
                 find(s->text, s->text + s->size, "/compositeWithTrainedAlgorithmicMedia");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        gp_str value = GP_STR_INIT;
        if (gp_xmp_get(s->text, s->size, fields[i].property, &value)) {
            found = true;
            if (value.size) gp_settings_text(&r.settings, fields[i].key, value.data, value.size);
        }
        r.failed |= value.failed;
        gp_str_clear(&value);
    }
    if (found) return make_mark(&r, "iptc", "no prompt: IPTC fields say that a model made the image", out, err);
    gp_record_clear(&r);
    return GP_OK;
}

gp_status gp_meta_c2pa(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    (void)s;
    *out = (gp_meta){0};
    return make_mark(&r, "c2pa", "no prompt: the file has Content Credentials (C2PA), which goldpan does not read", out,
                     err);
}
