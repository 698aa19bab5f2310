/* SPDX-License-Identifier: MIT
 * Finds the words of the prompts that go with better scores. Reads the catalog's scores and prompts, calls
 * analyze/slice/word_effects.c, and sorts the words in the requested order. */
#include "stage/stage.h"

#include "analyze/slice/word_effects.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"

#include <stdlib.h>
#include <string.h>

/* The images in the order in which the catalog returns them. Images of one prompt share its text. */
typedef struct reader {
    size_t n, capacity, prompts, prompt_capacity;
    const char **texts; /* [n] borrowed from `owned` */
    double *scores;     /* [n] */
    char **owned;       /* [prompts] the texts */
    int64_t prompt;     /* prompt of the previous row */
    gp_status status;
} reader;

static void reader_clear(reader *r)
{
    for (size_t i = 0; i < r->prompts; i++) gp_mem_free(r->owned[i]);
    gp_mem_free(r->owned);
    gp_mem_free(r->scores);
    gp_mem_free(r->texts);
}

/* Makes room for one more image and one more prompt. After a failure the existing entries are still valid. */
static bool make_room(reader *r)
{
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 1024;
        const char **texts = gp_mem_resize(r->texts, capacity, sizeof *texts);
        if (texts) r->texts = texts;
        double *scores = texts ? gp_mem_resize(r->scores, capacity, sizeof *scores) : NULL;
        if (!scores) return false;
        r->scores = scores, r->capacity = capacity;
    }
    if (r->prompts == r->prompt_capacity) {
        size_t capacity = r->prompt_capacity ? 2 * r->prompt_capacity : 1024;
        char **owned = gp_mem_resize(r->owned, capacity, sizeof *owned);
        if (!owned) return false;
        r->owned = owned, r->prompt_capacity = capacity;
    }
    return true;
}

static bool take_score(void *user, int64_t prompt, const char *text, double score)
{
    reader *r = user;
    bool good = make_room(r);
    if (good && (r->n == 0 || prompt != r->prompt)) {
        char *copy = gp_str_dup(text);
        if (copy) r->owned[r->prompts++] = copy;
        good = copy != NULL;
    }
    if (!good) {
        r->status = GP_ERR_MEMORY;
        return false;
    }
    r->prompt = prompt;
    r->texts[r->n] = r->owned[r->prompts - 1];
    r->scores[r->n++] = score;
    return true;
}

static gp_status read_scores(gp_catalog *cat, const char *scorer, reader *r, bool *higher, gp_error *err)
{
    GP_TRY(gp_cat_scores_visit(cat, scorer, higher, take_score, r, err));
    if (r->status != GP_OK) return gp_fail_memory(err, "the prompts of the catalog");
    if (r->n == 0)
        return gp_fail_path(err, GP_ERR_NOT_FOUND, "no image of catalog '%s' has a prompt and a score",
                            gp_cat_path(cat));
    return GP_OK;
}

/* ------------------------------------------------------------------ one line for a phrase and its words */

/* Returns the index of a word of `size` bytes, or SIZE_MAX. Binary search: the words are sorted by their bytes. */
static size_t find_word(const gp_word_effects *e, const char *text, size_t size)
{
    size_t low = 0, high = e->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = e->words[middle].text;
        int order = strncmp(other, text, size);
        if (order == 0 && !other[size]) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Removes each word that occurs in exactly the same prompts as a phrase that contains this word. The scores of such a
 * word would only repeat the scores of the phrase. */
static gp_status drop_parts(gp_word_effects *e, gp_error *err)
{
    bool *part = gp_mem_zero(e->count, sizeof *part);
    size_t kept = 0;
    if (!part) return gp_fail_memory(err, "the words of the prompts");
    for (size_t w = 0; w < e->count; w++) {
        const char *text = e->words[w].text, *blank = strchr(text, ' ');
        if (!blank) continue;
        size_t ends[2] = {find_word(e, text, (size_t)(blank - text)), find_word(e, blank + 1, strlen(blank + 1))};
        for (int k = 0; k < 2; k++)
            if (ends[k] != SIZE_MAX && e->column[ends[k]] == e->column[w]) part[ends[k]] = true;
    }
    for (size_t w = 0; w < e->count; w++)
        if (!part[w]) e->words[kept++] = e->words[w];
    e->count = kept; /* e->column is not used after this line, so its entries need not be moved */
    gp_mem_free(part);
    return GP_OK;
}

/* ------------------------------------------------------------------ order */

/* Words with equal values are sorted by text. All texts lie in one buffer in alphabetical order, so comparing their
 * addresses is enough. */

static int by_text(const gp_word *p, const gp_word *q)
{
    return (p->text > q->text) - (p->text < q->text);
}

static int by_support(const void *a, const void *b)
{
    const gp_word *p = a, *q = b;
    return p->prompts != q->prompts ? (p->prompts < q->prompts) - (p->prompts > q->prompts) : by_text(p, q);
}

static int highest_first(const void *a, const void *b)
{
    const gp_word *p = a, *q = b;
    return p->adjusted != q->adjusted ? (p->adjusted < q->adjusted) - (p->adjusted > q->adjusted) : by_text(p, q);
}

static int lowest_first(const void *a, const void *b)
{
    const gp_word *p = a, *q = b;
    return p->adjusted != q->adjusted ? (p->adjusted > q->adjusted) - (p->adjusted < q->adjusted) : by_text(p, q);
}

gp_status gp_stage_words(gp_catalog *cat, const gp_words_options *options,
                         bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err)
{
    char *scorer = NULL;
    bool higher = true;
    reader r = {0};
    gp_word_effects e = {0};
    gp_status st = GP_OK;
    if (options->min_support < 2)
        return gp_fail(err, GP_ERR_USAGE, "min_support must be at least 2 prompts, not %u", options->min_support);
    if ((unsigned)options->order > GP_WORDS_WORD)
        return gp_fail(err, GP_ERR_USAGE, "unknown word order %d", (int)options->order);
    GP_TRY_GOTO(gp_stage_scorer_wanted(cat, options->scorer, &scorer, err));
    GP_TRY_GOTO(read_scores(cat, scorer, &r, &higher, err));
    GP_TRY_GOTO(
        gp_an_word_effects(r.texts, r.scores, r.n, options->min_support, options->seed, options->threads, &e, err));
    GP_TRY_GOTO(drop_parts(&e, err));
    if (options->order == GP_WORDS_EFFECT)
        qsort(e.words, e.count, sizeof *e.words, higher ? highest_first : lowest_first);
    if (options->order == GP_WORDS_SUPPORT) qsort(e.words, e.count, sizeof *e.words, by_support);
    for (size_t i = 0; i < e.count && visit(user, &e.words[i]); i++) {
    }
out:
    gp_an_word_effects_clear(&e);
    reader_clear(&r);
    gp_mem_free(scorer);
    return st;
}
