/* SPDX-License-Identifier: MIT
 * Decisions in words.  Raw scores have two decimals, as everywhere.  If candidates are compared in another scale than
 * the raw score, the sentence names this scale. */
#include "pick/explain.h"
#include "base/mem.h"
#include "base/str.h"
#include <math.h>
#include <string.h>

enum { MAX_QUOTED = 60 }; /* characters of a quoted prompt; the rest is left out */

static void put_quoted(gp_str *s, const char *text)
{
    size_t size = strlen(text), at = 0, points = 0;
    uint32_t cp;
    while (at < size && points < MAX_QUOTED) at += gp_utf8_next(text + at, size - at, &cp), points++;
    gp_str_putc(s, '\'');
    gp_str_add(s, text, at);
    gp_str_puts(s, at < size ? "...'" : "'");
}

/* "1st", "2nd", "11th" */
static void put_ordinal(gp_str *s, uint32_t n)
{
    uint32_t last = n % 10;
    bool teen = n % 100 / 10 == 1;
    gp_str_printf(s, "%u%s", n, teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

/* Writes a value with the name of its scale, like "score 31.20" or "corrected score +2.31". */
static void put_value(gp_str *s, gp_pick_by by, double value)
{
    switch (by) {
    case GP_BY_SCORE: gp_str_printf(s, "score %.2f", value); return;
    case GP_BY_CORRECTED: gp_str_printf(s, "corrected score %+.2f", value); return;
    case GP_BY_Z_CATEGORY: gp_str_printf(s, "z %+.2f in its category", value); return;
    case GP_BY_Z_PROMPT: gp_str_printf(s, "z %+.2f for its prompt", value); return;
    case GP_BY_PERCENTILE: gp_str_printf(s, "percentile %.1f of its category", value); return;
    case GP_BY_DIFFICULTY: gp_str_printf(s, "score %.2f corrected for its prompt's difficulty", value); return;
    }
}

/* Writes text like ", score 31.20" or ", corrected score +2.31 (score 31.20)". */
static void put_own(gp_str *s, const gp_pick_decision *v)
{
    gp_str_puts(s, ", ");
    put_value(s, v->by, v->corrected);
    if (v->by != GP_BY_SCORE) gp_str_printf(s, " (score %.2f)", v->score);
}

/* Writes text like "; the last one taken, 'b.png', has score 31.20". If the strategy uses slices and the limit of a
 * prompt rejected the candidate, writes "a better one" instead of "the last one taken". The better image may be in no
 * slice, so it may not have been taken. */
static void put_last(gp_str *s, const gp_pick_decision *v)
{
    bool slices = v->strategy == GP_PICK_SLICES || v->strategy == GP_PICK_CATEGORY_SLICES;
    if (isnan(v->limit)) return;
    gp_str_puts(s, slices && v->filter == GP_FILTERED_PER_PROMPT ? "; a better one" : "; the last one taken");
    if (v->other) gp_str_printf(s, ", '%s',", v->other);
    gp_str_puts(s, " has ");
    put_value(s, v->by, v->limit);
}

static void put_other(gp_str *s, const gp_pick_decision *v)
{
    if (v->other)
        gp_str_printf(s, "'%s'", v->other);
    else
        gp_str_puts(s, "another image");
}

static void put_prompt(gp_str *s, const gp_pick_decision *v)
{
    if (v->prompt)
        gp_str_puts(s, "the prompt "), put_quoted(s, v->prompt);
    else
        gp_str_puts(s, "its prompt");
}

static void put_category(gp_str *s, const gp_pick_decision *v)
{
    if (v->no_category)
        gp_str_puts(s, "those of no category");
    else if (v->category)
        gp_str_puts(s, "the category "), put_quoted(s, v->category);
    else
        gp_str_puts(s, "its category");
}

static void put_slice(gp_str *s, const gp_pick_decision *v)
{
    if (v->slice)
        gp_str_puts(s, "the slice "), put_quoted(s, v->slice);
    else
        gp_str_puts(s, "its slice");
}

static bool within_category(const gp_pick_decision *v)
{
    return v->strategy == GP_PICK_CATEGORY_SLICES;
}

/* Writes text like "of the category 'people'" or "of all". */
static void put_reference(gp_str *s, const gp_pick_decision *v)
{
    gp_str_puts(s, "of ");
    if (within_category(v))
        put_category(s, v);
    else
        gp_str_puts(s, "all");
}

/* Writes text like "only candidate", "best of 4" or "2nd best of 4". */
static void put_rank_picked(gp_str *s, const gp_pick_decision *v)
{
    if (v->of == 1) {
        gp_str_puts(s, "only candidate");
        return;
    }
    if (v->rank > 1) put_ordinal(s, v->rank), gp_str_putc(s, ' ');
    gp_str_printf(s, "best of %u", v->of);
}

static void put_picked(gp_str *s, const gp_pick_decision *v)
{
    if (v->strategy == GP_PICK_SLICES || v->strategy == GP_PICK_CATEGORY_SLICES) {
        gp_str_puts(s, "picked from ");
        put_slice(s, v);
        gp_str_printf(s, ", whose %u %s mean %.2f against %.2f ", v->slice_support,
                      gp_plural(v->slice_support, "image has", "images have"), v->slice_value, v->overall);
        put_reference(s, v);
        gp_str_puts(s, v->of == 1 ? ": its " : ": the ");
        put_rank_picked(s, v);
        put_own(s, v);
        return;
    }
    gp_str_puts(s, "picked as the ");
    put_rank_picked(s, v);
    gp_str_puts(s, v->strategy == GP_PICK_CATEGORY ? " in " : " for ");
    if (v->strategy == GP_PICK_CATEGORY)
        put_category(s, v);
    else
        put_prompt(s, v);
    put_own(s, v);
}

static void put_no_score(gp_str *s, const gp_pick_decision *v)
{
    if (isnan(v->score)) {
        gp_str_puts(s, "it has no score");
        return;
    }
    gp_str_printf(s, "its score %.2f cannot be compared: ", v->score);
    if (v->by == GP_BY_Z_PROMPT)
        gp_str_puts(s, "z needs several different scores of one prompt");
    else if (v->by == GP_BY_Z_CATEGORY)
        gp_str_puts(s, "z needs a category with several different scores");
    else
        gp_str_puts(s, "it is of no category");
}

static void put_not_in_slice(gp_str *s, const gp_pick_decision *v)
{
    if (!v->slice_support) {
        gp_str_puts(s, "in no slice that stands out");
        if (!isnan(v->overall)) gp_str_printf(s, " from the mean %.2f ", v->overall), put_reference(s, v);
    } else {
        put_slice(s, v);
        bool one = v->slice_support == 1;
        gp_str_printf(s, " does not stand out, because its %u %s ", v->slice_support,
                      gp_plural(v->slice_support, "image", "images"));
        if (isnan(v->limit)) /* the slice has fewer images than options->min_support */
            gp_str_puts(s, one ? "is too few" : "are too few");
        else
            gp_str_printf(s, "%s mean %.2f, less than %.2f", one ? "has" : "have", v->slice_value, v->limit);
        gp_str_printf(s, " (mean %.2f ", v->overall);
        put_reference(s, v);
        gp_str_putc(s, ')');
    }
    put_own(s, v);
}

/* "3rd of 4 for ..." */
static void put_rank_rejected(gp_str *s, const gp_pick_decision *v)
{
    put_ordinal(s, v->rank);
    gp_str_printf(s, " of %u ", v->of);
    switch (v->filter) {
    case GP_FILTERED_PER_PROMPT: gp_str_puts(s, "for "), put_prompt(s, v); break;
    case GP_FILTERED_PER_CATEGORY: gp_str_puts(s, "in "), put_category(s, v); break;
    case GP_FILTERED_PER_SLICE: gp_str_puts(s, "in "), put_slice(s, v); break;
    default: gp_str_puts(s, "over all"); break;
    }
    put_own(s, v);
    put_last(s, v);
}

static void put_similar(gp_str *s, const gp_pick_decision *v)
{
    gp_str_puts(s, v->filter == GP_FILTERED_DUPLICATE ? "a near copy of " : "too like ");
    put_other(s, v);
    if (!isnan(v->likeness)) gp_str_printf(s, " (cosine %.3f)", v->likeness);
    gp_str_puts(s, v->filter == GP_FILTERED_DUPLICATE ? ", which has " : ", which is picked with ");
    put_value(s, v->by, v->limit);
    gp_str_puts(s, "; its own is ");
    gp_str_printf(s,
                  v->by == GP_BY_SCORE || v->by == GP_BY_DIFFICULTY ? "%.2f"
                  : v->by == GP_BY_PERCENTILE                       ? "%.1f"
                                                                    : "%+.2f",
                  v->corrected);
    if (v->by != GP_BY_SCORE) gp_str_printf(s, " (score %.2f)", v->score);
}

gp_status gp_explain(const gp_pick_decision *v, char **out, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (v->filter == GP_FILTERED_NOT)
        put_picked(&s, v);
    else
        gp_str_puts(&s, "not picked: ");
    switch (v->filter) {
    case GP_FILTERED_NOT: break;
    case GP_FILTERED_NO_SCORE: put_no_score(&s, v); break;
    case GP_FILTERED_MIN_SCORE:
        gp_str_printf(&s, "its score %.2f is below the %.2f asked for", v->score, v->limit);
        break;
    case GP_FILTERED_MEASURE:
        gp_str_puts(&s, v->unmet ? v->unmet : "a quality measure does not meet its limit"), put_own(&s, v);
        break;
    case GP_FILTERED_NOT_IN_SLICE: put_not_in_slice(&s, v); break;
    case GP_FILTERED_PER_PROMPT:
    case GP_FILTERED_PER_SLICE:
    case GP_FILTERED_PER_CATEGORY:
    case GP_FILTERED_TOP: put_rank_rejected(&s, v); break;
    case GP_FILTERED_DUPLICATE:
    case GP_FILTERED_DIVERSITY: put_similar(&s, v); break;
    }
    char *text = gp_str_take(&s);
    if (!text) return gp_fail_memory(err, "the reason of a pick");
    *out = text;
    return GP_OK;
}
