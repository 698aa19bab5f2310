/* SPDX-License-Identifier: MIT
 * AUTOMATIC1111's `parameters`: the prompt, "Negative prompt: ...", then "Steps: 20, Sampler: Euler a, ..." in one
 * line. goldpan ends that line with "Version: goldpan", so that its reader recognises even a short line.  The format
 * cannot hold every prompt: it loses blanks at the ends, and a line of the prompt may look like the negative
 * prompt.  Such prompts are also written to the settings line, as JSON strings. */
#include "generate/generate.h"

#include <string.h>

static const struct {
    const char *name, *setting;
} known[] = {{"Steps", "steps"},
             {"Sampler", "sampler"},
             {"Schedule type", "scheduler"},
             {"CFG scale", "cfg_scale"},
             {"Seed", "seed"},
             /* Width and Height are written only if one of the two is unknown; otherwise "Size" has both */
             {"Width", "width"},
             {"Height", "height"},
             {"Model hash", "model_hash"},
             {"Model", "model"},
             {"Hires upscale", "hires"},
             {"Refiner", "refiner"},
             {"Refiner switch at", "refiner_switch_at"}};
enum { KNOWN = sizeof known / sizeof *known };

typedef struct writing {
    gp_str *out;
    const gp_json *settings;
} writing;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_blank_end(const char *text)
{
    size_t size = strlen(text);
    return size && (is_blank(*text) || is_blank(text[size - 1]));
}

static void put_text(gp_str *out, const char *text)
{
    bool quoted = !*text || has_blank_end(text) || strchr("{[", *text);
    for (const char *c = text; *c && !quoted; c++) quoted = (unsigned char)*c < ' ' || strchr(",:\"", *c);
    if (quoted)
        gp_json_put_string(out, text); /* AUTOMATIC1111 writes such values as JSON strings */
    else
        gp_str_puts(out, text);
}

static void put_pair(writing *w, const char *name, const gp_json *value)
{
    size_t size = 0;
    const char *text = gp_json_text(value, &size);
    gp_json_kind kind = gp_json_kind_of(value);
    if (!text && kind != GP_JSON_INT && kind != GP_JSON_REAL) return;
    gp_str_printf(w->out, "%s: ", name);
    if (text)
        put_text(w->out, text);
    else
        gp_json_write(w->out, value);
    gp_str_puts(w->out, ", ");
}

/* Writes a setting that AUTOMATIC1111 has no name for, under goldpan's name. */
static bool put_other(void *user, const char *key, const gp_json *value)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (size_t i = 0; i < KNOWN; i++)
        if (!strcmp(key, known[i].setting)) return true;
    if (strlen(key) > 1 && strspn(key, letters) == strlen(key)) put_pair(user, key, value);
    return true;
}

static void put_settings(writing *w)
{
    uint64_t width = 0, height = 0;
    bool size = gp_json_u64(gp_json_get(w->settings, "width"), &width) &&
                gp_json_u64(gp_json_get(w->settings, "height"), &height);
    for (size_t i = 0; i < KNOWN; i++) {
        bool side = !strcmp(known[i].setting, "width") || !strcmp(known[i].setting, "height");
        if (!side || !size)
            put_pair(w, known[i].name, gp_json_get(w->settings, known[i].setting));
        else if (!strcmp(known[i].setting, "width"))
            gp_str_printf(w->out, "Size: %llux%llu, ", (unsigned long long)width, (unsigned long long)height);
    }
    gp_json_each(w->settings, put_other, w);
}

/* Returns true if a reader of the settings gets exactly this text back.  Otherwise the text is also written as JSON. */
static bool is_plain(const char *text)
{
    return !has_blank_end(text) && !strstr(text, "Negative prompt:");
}

void gp_gen_infotext(const gp_gen_request *r, const char *settings_json, gp_str *out)
{
    const char *negative = r->negative ? r->negative : "";
    gp_json *settings = NULL;
    (void)gp_json_parse(settings_json, strlen(settings_json), false, 16, &settings,
                        NULL); /* on an error the result is NULL, and no settings are written */
    gp_str_puts(out, r->prompt);
    if (*negative) gp_str_printf(out, "\nNegative prompt: %s", negative);
    gp_str_putc(out, '\n');
    put_settings(&(writing){out, settings});
    if (!is_plain(r->prompt) || !is_plain(negative)) {
        gp_str_puts(out, "Goldpan prompt: ");
        gp_json_put_string(out, r->prompt);
        if (*negative) {
            gp_str_puts(out, ", Goldpan negative: ");
            gp_json_put_string(out, negative);
        }
        gp_str_puts(out, ", ");
    }
    gp_str_puts(out, "Version: goldpan");
    gp_json_free(settings);
}
