/* SPDX-License-Identifier: MIT
 * Limits of quality measures: parsing and checking. */
#include "pick/bounds.h"

#include "base/str.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at;
} measures[] = {
    {"sharpness", offsetof(gp_quality, sharpness)}, {"noise", offsetof(gp_quality, noise)},
    {"exposure", offsetof(gp_quality, exposure)},   {"saturation", offsetof(gp_quality, saturation)},
    {"entropy", offsetof(gp_quality, entropy)},     {"spread", offsetof(gp_quality, spread)},
};
enum { MEASURES = sizeof measures / sizeof *measures };

/* Reads the number after "<", "<=", ">" or ">=". Only spaces may surround the number. */
static bool read_limit(const char *text, double *limit)
{
    char number[64];
    text += strspn(text, " ");
    size_t size = strcspn(text, " ");
    if (size >= sizeof number || text[size + strspn(text + size, " ")]) return false;
    memcpy(number, text, size);
    number[size] = 0;
    return gp_parse_double(number, limit);
}

gp_status gp_bound_parse(const char *text, gp_bound *out, gp_error *err)
{
    size_t size = strcspn(text, "<> =");
    const char *sign = text + size + strspn(text + size, " ");
    gp_bound w = {.measure = MEASURES, .above = *sign == '>'};
    for (unsigned i = 0; i < MEASURES; i++)
        if (strlen(measures[i].name) == size && strncmp(measures[i].name, text, size) == 0) w.measure = i;
    bool fits = w.measure < MEASURES && (*sign == '<' || *sign == '>');
    if (fits) {
        w.equal = sign[1] == '=';
        fits = read_limit(sign + (w.equal ? 2 : 1), &w.limit);
    }
    if (!fits)
        return gp_fail(
            err, GP_ERR_USAGE,
            "'%s' is not a limit of a quality measure: write \"noise<5\" or \"sharpness>=100\"; the measures are"
            " sharpness, noise, exposure, saturation, entropy, spread",
            text);
    *out = w;
    return GP_OK;
}

bool gp_bound_passes(const gp_bound *w, const gp_quality *quality, double *value)
{
    memcpy(value, (const char *)quality + measures[w->measure].at, sizeof *value);
    if (w->equal && *value == w->limit) return true;
    return w->above ? *value > w->limit : *value < w->limit;
}

const char *gp_bound_name(const gp_bound *w)
{
    return measures[w->measure].name;
}
