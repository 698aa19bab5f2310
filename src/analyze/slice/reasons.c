/* SPDX-License-Identifier: MIT
 * Reasons: describes in words how the rows of a slice differ from the other rows.  Kinds of reasons: words and phrases
 * of prompts, categories, settings, text probes, a rule.  The title consists of the strongest reasons. */
#include "analyze/slice/reasons.h"

#include "analyze/analyze.h"
#include "analyze/slice/features.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_PARTS = 3 };
static const double min_z = 1.96;     /* minimum z of a category: two-sided p below 0.05 */
static const double min_gap = 0.01;   /* minimum strength of a probe: difference of mean cosines */
static const double min_effect = 0.5; /* minimum strength of a setting: difference of means in standard deviations */

gp_status gp_an_reason_add(gp_reason_list *list, const char *kind, const char *text, double strength, double inside,
                           double outside, gp_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        gp_reason *grown = gp_mem_resize(list->items, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "reasons");
        list->items = grown, list->capacity = capacity;
    }
    char *own = gp_str_dup(text);
    if (!own) return gp_fail_memory(err, "reasons");
    gp_reason *r = &list->items[list->count++];
    *r = (gp_reason){.text = own, .strength = strength, .inside = inside, .outside = outside};
    snprintf(r->kind, sizeof r->kind, "%s", kind);
    return GP_OK;
}

static int by_strength(const void *a, const void *b)
{
    const gp_reason *p = a, *q = b;
    if (p->strength != q->strength) return p->strength > q->strength ? -1 : 1;
    return strcmp(p->text, q->text);
}

/* Sorts the reasons from index `since` on, the strongest first, and keeps at most `most` of them. */
static void trim(gp_reason_list *list, size_t since, size_t most)
{
    if (list->count > since) qsort(list->items + since, list->count - since, sizeof *list->items, by_strength);
    while (list->count > since + most) gp_mem_free(list->items[--list->count].text);
}

/* Input of the four parts of a search for reasons: words, categories and settings, probes, rules. */
typedef struct search {
    const gp_reasons_input *in;
    const gp_ngram_index *ngrams; /* may be NULL */
    const bool *inside;           /* [n] */
    size_t most;                  /* maximum number of reasons of a kind */
    gp_task *task;                /* may be NULL */
} search;

static gp_status explain_words(const search *s, gp_reason_list *out, gp_error *err)
{
    return s->ngrams ? gp_an_keywords(s->ngrams, s->inside, s->most, out, err) : GP_OK;
}

/* ------------------------------------------------------------------ categories and settings */

typedef struct value {
    const char *word;
    bool in;
} value;

static int by_word(const void *a, const void *b)
{
    return strcmp(((const value *)a)->word, ((const value *)b)->word);
}

static gp_status explain_category(const gp_feature *f, size_t n, const bool *inside, value *list, gp_reason_list *out,
                                  gp_error *err)
{
    size_t k = 0;
    double in = 0, rest = 0;
    for (size_t i = 0; i < n; i++) {
        if (!f->words[i]) continue;
        list[k++] = (value){f->words[i], inside[i]};
        in += inside[i], rest += !inside[i];
    }
    qsort(list, k, sizeof *list, by_word);
    for (size_t i = 0; i < k;) {
        double y_in = 0, y_out = 0, delta, z;
        size_t from = i;
        for (; i < k && !strcmp(list[i].word, list[from].word); i++) y_in += list[i].in, y_out += !list[i].in;
        if (y_in == 0 || in == 0 || rest == 0) continue;
        gp_an_log_odds(y_in, in, y_out, rest, fmin(in + rest, 100), (y_in + y_out) / (in + rest), &delta, &z);
        if (!(z > min_z)) continue;
        gp_str text = GP_STR_INIT;
        gp_str_printf(&text, "%s = %s", f->name, list[from].word);
        gp_status st = text.failed ? gp_fail_memory(err, "reasons")
                                   : gp_an_reason_add(out, "category", text.data, z, y_in / in, y_out / rest, err);
        gp_str_clear(&text);
        GP_TRY(st);
    }
    return GP_OK;
}

/* Adds a setting if the means differ by at least half a standard deviation and Welch's t is at least 3.  Its text is
 * the range of the middle 90 % of the values inside. */
static gp_status explain_number(const gp_feature *f, size_t n, const bool *inside, double *sorted, gp_reason_list *out,
                                gp_error *err)
{
    double sum[2] = {0}, squares[2] = {0}, m[2] = {0};
    size_t k = 0;
    char text[200];
    for (size_t i = 0; i < n; i++) {
        if (isnan(f->numbers[i])) continue;
        sum[inside[i]] += f->numbers[i], m[inside[i]]++;
        if (inside[i]) sorted[k++] = f->numbers[i];
    }
    if (m[0] < 2 || m[1] < 2) return GP_OK;
    for (size_t i = 0; i < n; i++) {
        double gap = f->numbers[i] - sum[inside[i]] / m[inside[i]];
        if (!isnan(gap)) squares[inside[i]] += gap * gap;
    }
    double gap = sum[1] / m[1] - sum[0] / m[0], pooled = sqrt((squares[0] + squares[1]) / (m[0] + m[1] - 2));
    double error = sqrt(squares[0] / (m[0] - 1) / m[0] + squares[1] / (m[1] - 1) / m[1]);
    if (gap == 0 || fabs(gap) < min_effect * pooled || fabs(gap) < 3 * error) return GP_OK;
    qsort(sorted, k, sizeof *sorted, gp_an_by_number);
    double low = sorted[k / 20], high = sorted[k - 1 - k / 20];
    if (low == high)
        snprintf(text, sizeof text, "%.100s %.6g", f->name, low);
    else
        snprintf(text, sizeof text, "%.100s %.6g to %.6g", f->name, low, high);
    double strength = error > 0 ? fabs(gap) / error : 1000;
    return gp_an_reason_add(out, "setting", text, strength, sum[1] / m[1], sum[0] / m[0], err);
}

static gp_status explain_features(const search *s, gp_reason_list *out, gp_error *err)
{
    const gp_reasons_input *in = s->in;
    const bool *inside = s->inside;
    size_t most = s->most;
    value *list = NULL;
    double *sorted = NULL;
    size_t since = out->count;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&list, in->n, sizeof *list, "reasons", err));
    GP_TRY_GOTO(gp_alloc((void **)&sorted, in->n, sizeof *sorted, "reasons", err));
    for (size_t k = 0; k < in->feature_count && !gp_task_stopped(s->task); k++)
        if (in->features[k].kind == GP_FEATURE_CATEGORY || in->features[k].kind == GP_FEATURE_ORDINAL)
            GP_TRY_GOTO(explain_category(&in->features[k], in->n, inside, list, out, err));
    trim(out, since, most);
    since = out->count;
    for (size_t k = 0; k < in->feature_count && !gp_task_stopped(s->task); k++)
        if (in->features[k].kind == GP_FEATURE_NUMBER)
            GP_TRY_GOTO(explain_number(&in->features[k], in->n, inside, sorted, out, err));
    trim(out, since, most);
out:
    gp_mem_free(sorted);
    gp_mem_free(list);
    return st;
}

/* ------------------------------------------------------------------ probes and rules */

/* Adds a probe if its mean cosine to the rows inside is higher than its mean cosine to the rows outside by more than
 * min_gap. */
static gp_status explain_probes(const search *s, gp_reason_list *out, gp_error *err)
{
    const gp_reasons_input *in = s->in;
    const bool *inside = s->inside;
    size_t d = in->d, since = out->count;
    double *mean = NULL, m[2] = {0}; /* [2, d]: outside, inside */
    gp_status st = GP_OK;
    if (!in->vectors || !in->probe_count) return GP_OK;
    mean = gp_mem_zero(2 * d, sizeof *mean);
    if (!mean) return gp_fail_memory(err, "reasons");
    for (size_t i = 0; i < in->n && !gp_task_stopped(s->task); i++) {
        double *to = mean + inside[i] * d;
        m[inside[i]]++;
        for (size_t j = 0; j < d; j++) to[j] += (double)in->vectors[i * d + j];
    }
    for (size_t p = 0; p < in->probe_count && m[0] > 0 && m[1] > 0; p++) {
        double dot[2] = {0};
        for (size_t j = 0; j < d; j++) {
            dot[0] += mean[j] / m[0] * (double)in->probes[p * d + j];
            dot[1] += mean[d + j] / m[1] * (double)in->probes[p * d + j];
        }
        if (dot[1] - dot[0] > min_gap)
            GP_TRY_GOTO(gp_an_reason_add(out, "probe", in->probe_names[p], dot[1] - dot[0], dot[1], dot[0], err));
    }
    trim(out, since, s->most);
out:
    gp_mem_free(mean);
    return st;
}

static gp_status explain_rule(const search *s, gp_reason_list *out, gp_error *err)
{
    const gp_reasons_input *in = s->in;
    double *importance, share_in, share_out;
    char *rule = NULL;
    if (in->feature_count == 0) return GP_OK;
    GP_TRY(gp_alloc((void **)&importance, in->feature_count, sizeof *importance, "reasons", err));
    gp_status st = gp_an_rules(in->features, in->feature_count, in->n, s->inside, importance, s->task, &rule, &share_in,
                               &share_out, err);
    /* accept the rule if it holds for 30 % of the rows inside, and for more than twice the share of the rows outside */
    if (st == GP_OK && rule && share_in >= 0.3 && share_in > 2 * share_out)
        st = gp_an_reason_add(out, "rule", rule, share_in - share_out, share_in, share_out, err);
    gp_mem_free(rule);
    gp_mem_free(importance);
    return st;
}

/* ------------------------------------------------------------------ the title */

static const char *without_article(const char *probe)
{
    return gp_str_starts(probe, "a ") ? probe + 2 : gp_str_starts(probe, "an ") ? probe + 3 : probe;
}

static void title_part(gp_str *s, const char *text, size_t *parts)
{
    if (*parts == TITLE_PARTS) return;
    if ((*parts)++) gp_str_puts(s, " \u00b7 ");
    gp_str_puts(s, text);
}

static char *make_title(const gp_reason_list *list, size_t members)
{
    static const char *const order[] = {"phrase", "word", "category", "probe", "setting"};
    gp_str s = GP_STR_INIT;
    size_t parts = 0;
    /* words and phrases come first; they are already sorted by strength */
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].kind, "phrase") || !strcmp(list->items[i].kind, "word"))
            title_part(&s, list->items[i].text, &parts);
    for (size_t o = 2; o < sizeof order / sizeof *order && parts < 2; o++)
        for (size_t i = 0; i < list->count && parts < 2; i++)
            if (!strcmp(list->items[i].kind, order[o])) title_part(&s, without_article(list->items[i].text), &parts);
    if (parts == 0) gp_str_printf(&s, "%zu image%s", members, members == 1 ? "" : "s");
    return gp_str_take(&s);
}

/* ------------------------------------------------------------------ the parts */

static gp_status (*const explain[])(const search *s, gp_reason_list *out,
                                    gp_error *err) = {explain_words, explain_features, explain_probes, explain_rule};
enum { PARTS = sizeof explain / sizeof *explain };

typedef struct parts {
    const search *search;
    gp_reason_list list[PARTS];
    gp_status status[PARTS];
    gp_error error[PARTS];
    atomic_size_t next;
} parts;

static void explain_some(void *user, int index)
{
    parts *p = user;
    size_t k;
    (void)index;
    while ((k = atomic_fetch_add(&p->next, 1)) < PARTS) {
        p->status[k] = explain[k](p->search, &p->list[k], &p->error[k]);
        gp_task_add(p->search->task, p->search->in->n);
    }
}

/* Moves the reasons of all parts to one list, in the order of the parts. */
static gp_status join(parts *p, gp_reason_list *out, gp_error *err)
{
    size_t count = 0;
    for (size_t k = 0; k < PARTS; k++) count += p->list[k].count;
    GP_TRY(gp_alloc((void **)&out->items, count, sizeof *out->items, "reasons", err));
    for (size_t k = 0; k < PARTS; k++) {
        if (p->list[k].count) memcpy(out->items + out->count, p->list[k].items, p->list[k].count * sizeof *out->items);
        out->count += p->list[k].count, p->list[k].count = 0;
    }
    return GP_OK;
}

static void clear_list(gp_reason_list *list)
{
    for (size_t i = 0; i < list->count; i++) gp_mem_free(list->items[i].text);
    gp_mem_free(list->items);
}

static gp_status explain_all(const search *s, gp_reason_list *out, gp_error *err)
{
    parts *p = gp_mem_zero(1, sizeof *p);
    if (!p) return gp_fail_memory(err, "reasons");
    p->search = s;
    atomic_init(&p->next, 0);
    gp_status st = gp_task_each(s->task, explain_some, p, err);
    for (size_t k = 0; k < PARTS && st == GP_OK; k++)
        if (p->status[k] != GP_OK) st = gp_fail_as(err, p->status[k], &p->error[k]);
    if (st == GP_OK) st = gp_task_check(s->task, err);
    if (st == GP_OK) st = join(p, out, err);
    for (size_t k = 0; k < PARTS; k++) clear_list(&p->list[k]);
    gp_mem_free(p);
    return st;
}

gp_status gp_an_reasons_by(const gp_reasons_input *input, const gp_ngram_index *ngrams, const bool *inside,
                           size_t max_each, gp_task *task, gp_reasons *out, gp_error *err)
{
    search s = {input, ngrams, inside, max_each, task};
    gp_reason_list list = {0};
    gp_ngram_index *own = NULL;
    size_t members = 0;
    gp_status st = GP_OK;
    for (size_t i = 0; i < input->n; i++) members += inside[i];
    if (!ngrams && input->texts) {
        GP_TRY_GOTO(gp_ngram_index_new(input->texts, input->n, task, &own, err));
        s.ngrams = own;
    }
    GP_TRY_GOTO(explain_all(&s, &list, err));
    char *title = make_title(&list, members);
    if (!title) GP_TRY_GOTO(gp_fail_memory(err, "reasons"));
    *out = (gp_reasons){.count = list.count, .reason = list.items, .title = title};
    list = (gp_reason_list){0};
out:
    clear_list(&list);
    gp_ngram_index_free(own);
    return st;
}

typedef struct reasons_call {
    const gp_reasons_input *input;
    const bool *inside;
    size_t max_each;
    gp_reasons *out;
} reasons_call;

static gp_status find(void *user, gp_task *task, gp_error *err)
{
    const reasons_call *c = user;
    return gp_an_reasons_by(c->input, NULL, c->inside, c->max_each, task, c->out, err);
}

gp_status gp_an_reasons(const gp_reasons_input *input, const bool *inside, const gp_reasons_options *options,
                        gp_reasons *out, gp_error *err)
{
    reasons_call c = {input, inside, options->max_each, out};
    gp_task_options o = {.stage = "reasons",
                         .items = input->n,
                         .units = (PARTS + (input->texts ? 1.0 : 0)) * (double)input->n,
                         .threads = options->threads,
                         .progress = options->progress,
                         .user = options->user};
    if (o.threads < 1) o.threads = gp_thread_processors();
    if (o.threads > PARTS) o.threads = PARTS;
    return gp_task_run(&o, find, &c, err);
}

void gp_an_reasons_clear(gp_reasons *r)
{
    for (size_t i = 0; r->reason && i < r->count; i++) gp_mem_free(r->reason[i].text);
    gp_mem_free(r->reason);
    gp_mem_free(r->title);
    memset(r, 0, sizeof *r);
}
