/* SPDX-License-Identifier: MIT
 * Midjourney's descriptions, and marks that say that a model made the image but not with which prompt: IPTC fields in
 * XMP, and Content Credentials (C2PA). */
#include "ingest/meta_readers.h"
#include "ingest/meta_record.h"
#include "ingest/xmp.h"

#include "base/mem.h"

#include <string.h>

/* ------------------------------------------------------------------ Midjourney */

/* The description has the form "prompt --flag value --flag ... Job ID: UUID". */

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

/* Adds the flag "--name value". Returns true if Midjourney has such a flag. */
static bool add_flag(gp_record *r, const char *name, size_t name_size, const char *value, size_t size)
{
    static const struct {
        const char *name, *key;
    } flags[] = {{"v", "version"},   {"version", "version"}, {"niji", "niji"},
                 {"seed", "seed"},   {"ar", "aspect_ratio"}, {"aspect", "aspect_ratio"},
                 {"s", "stylize"},   {"stylize", "stylize"}, {"c", "chaos"},
                 {"chaos", "chaos"}, {"q", "quality"},       {"quality", "quality"},
                 {"style", "style"}, {"iw", "image_weight"}, {"w", "weird"},
                 {"weird", "weird"}, {"no", NULL},           {"raw", NULL},
                 {"tile", NULL},     {"profile", NULL},      {"sref", NULL},
                 {"cref", NULL},     {"stop", NULL},         {"fast", NULL},
                 {"relax", NULL},    {"turbo", NULL},        {"p", NULL},
                 {"sw", NULL}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strlen(flags[i].name) != name_size || memcmp(flags[i].name, name, name_size) != 0) continue;
        if (strcmp(flags[i].name, "no") == 0) gp_record_negative(r, value, size);
        if (flags[i].key) gp_settings_number(&r->settings, flags[i].key, value, size);
        return true;
    }
    return false;
}

/* Adds the flags of the text, which begins with "--". Returns the number of known flags. */
static size_t add_flags(gp_record *r, const char *p, const char *end)
{
    size_t known = 0;
    while (p < end) {
        const char *name = p + 2, *next = find(name, end, " --");
        const char *stop = next ? next : end, *name_end = name;
        while (name_end < stop && *name_end != ' ') name_end++;
        const char *value = name_end;
        while (value < stop && *value == ' ') value++;
        while (stop > value && stop[-1] == ' ') stop--;
        known += add_flag(r, name, (size_t)(name_end - name), value, (size_t)(stop - value));
        p = next ? next + 1 : end;
    }
    return known;
}

gp_status gp_meta_midjourney(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    const char *text = s->text, *end = text + s->size;
    *out = (gp_meta){0};
    const char *job = find(text, end, "Job ID: ");
    bool stated = job && is_uuid(job + strlen("Job ID: "), end);
    const char *stop = stated ? job : end, *flags = find(text, stop, " --");
    size_t known = flags ? add_flags(&r, flags + 1, stop) : 0;
    if (stated || known) {
        const char *prompt_end = flags ? flags : stop;
        while (prompt_end > text && strchr(" \n", prompt_end[-1]) && prompt_end[-1]) prompt_end--;
        gp_record_prompt(&r, text, (size_t)(prompt_end - text));
        return gp_record_finish(&r, "midjourney", s->where, stated ? GP_EVIDENCE_STATED : GP_EVIDENCE_GUESS, out, err);
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
