/* SPDX-License-Identifier: MIT
 * AUTOMATIC1111's `parameters`: the prompt, "Negative prompt: ...", then "Steps: 20, Sampler: Euler a, ..." in one
 * line. */
#include "generate/generate.h"

#include <string.h>

typedef struct writing {
    gp_str *out;
    const gp_json *settings;
    bool first;
} writing;

static void put_value(writing *w, const char *name, const char *setting)
{
    const gp_json *value = gp_json_get(w->settings, setting);
    size_t size = 0;
    const char *text = gp_json_text(value, &size);
    if (!value || gp_json_kind_of(value) == GP_JSON_NULL) return;
    gp_str_printf(w->out, "%s%s: ", w->first ? "" : ", ", name);
    w->first = false;
    if (text && (strpbrk(text, ",:\n\"") || !*text))
        gp_json_put_string(w->out, text); /* quoted, as the original does */
    else if (text)
        gp_str_puts(w->out, text);
    else
        gp_json_write(w->out, value);
}

void gp_gen_infotext(const gp_gen_request *r, const char *settings_json, gp_str *out)
{
    gp_json *settings = NULL;
    (void)gp_json_parse(settings_json, strlen(settings_json), false, 16, &settings, NULL); /* NULL: no settings, then */
    writing w = {out, settings, true};
    gp_str_puts(out, r->prompt);
    if (r->negative && *r->negative) gp_str_printf(out, "\nNegative prompt: %s", r->negative);
    gp_str_putc(out, '\n');
    size_t before = out->size;
    put_value(&w, "Steps", "steps");
    put_value(&w, "Sampler", "sampler");
    put_value(&w, "Schedule type", "scheduler");
    put_value(&w, "CFG scale", "cfg_scale");
    put_value(&w, "Seed", "seed");
    if (gp_json_get(settings, "width") && gp_json_get(settings, "height")) {
        uint64_t width = 0, height = 0;
        (void)gp_json_u64(gp_json_get(settings, "width"), &width);
        (void)gp_json_u64(gp_json_get(settings, "height"), &height);
        gp_str_printf(out, "%sSize: %llux%llu", w.first ? "" : ", ", (unsigned long long)width,
                      (unsigned long long)height);
        w.first = false;
    }
    put_value(&w, "Model hash", "model_hash");
    put_value(&w, "Model", "model");
    put_value(&w, "Hires upscale", "hires");
    put_value(&w, "Refiner", "refiner");
    put_value(&w, "Refiner switch at", "refiner_switch_at");
    if (out->size == before) gp_str_puts(out, "Steps: 0"); /* the line by which readers know what this is */
    gp_json_free(settings);
}
