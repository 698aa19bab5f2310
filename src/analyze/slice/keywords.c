/* SPDX-License-Identifier: MIT
 * Keywords: words and phrases that are more frequent in the prompts of a slice.
 *
 *   texts -> distinct texts -> phrases with numbers (the n-gram index)
 *   a slice -> counts of phrase numbers inside and outside -> log-odds ratios -> the strongest phrases */
#include "analyze/slice/reasons.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 3, MIN_TEXTS = 2 };
/* Requirements of a keyword: minimum z, minimum share of the texts inside the slice, minimum ratio of this share to
 * the share of the texts outside.  If no phrase meets the first set, the second, weaker set applies. */
static const struct {
    double z, share, ratio;
} requirements[] = {{1, 0.15, 2}, {1, 0.08, 1.25}};
/* weight of the Dirichlet prior, in uses of phrases: prior_share of all uses, but at least min_prior */
static const double prior_share = 0.1, min_prior = 10;

void gp_an_log_odds(double y_in, double n_in, double y_out, double n_out, double alpha0, double share, double *delta,
                    double *z)
{
    double a = alpha0 * share;
    *delta = log((y_in + a) / (n_in + alpha0 - y_in - a)) - log((y_out + a) / (n_out + alpha0 - y_out - a));
    *z = *delta / sqrt(1 / (y_in + a) + 1 / (y_out + a));
}

/* ------------------------------------------------------------------ n-gram index */

typedef struct phrase {
    size_t text;     /* offset into `bytes` */
    uint32_t length; /* bytes */
    uint32_t next;   /* index of the next phrase in the same bucket, plus 1; 0: the last phrase */
    uint64_t hash;
    uint8_t words;
} phrase;

struct gp_ngram_index {
    size_t n, texts;   /* rows, distinct texts */
    uint32_t *text_of; /* [n] distinct text of each row; UINT32_MAX: no text */
    uint32_t *rows_of; /* [texts] number of rows that have the text */
    uint32_t *total;   /* [phrase_count] number of texts that have the phrase */
    size_t *first;     /* [texts + 1] text t has the phrases used[first[t]] .. used[first[t + 1] - 1] */
    uint32_t *used;    /* phrase numbers; each phrase once for each text */
    size_t used_count, used_capacity;
    phrase *phrases;
    size_t phrase_count, phrase_capacity;
    uint32_t *buckets; /* [bucket_count] index of the bucket's first phrase, plus 1; 0: the bucket is empty */
    size_t bucket_count;
    gp_str bytes;
};

static const char *const stop_words[] = {"a",     "an",  "and",  "are",  "as",   "at",    "be",    "by",     "for",
                                         "from",  "has", "his",  "her",  "in",   "into",  "is",    "it",     "its",
                                         "of",    "on",  "or",   "over", "that", "the",   "their", "this",   "to",
                                         "under", "up",  "very", "was",  "were", "which", "with",  "without"};

static bool is_stop_word(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof stop_words / sizeof *stop_words; i++)
        if (strlen(stop_words[i]) == length && !memcmp(stop_words[i], word, length)) return true;
    return false;
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

typedef struct word {
    const char *start;
    size_t length;
    /* there are only blanks, hyphens, apostrophes or underscores between this word and the word before it */
    bool joins;
} word;

/* Reads the next word at or after *p.  Returns false at the end of the text. */
static bool next_word(const char **p, word *out)
{
    bool joins = true;
    while (**p && !is_letter((unsigned char)**p)) {
        if (!strchr(" \t\n-'_", **p)) joins = false;
        ++*p;
    }
    if (!**p) return false;
    *out = (word){.start = *p, .joins = joins};
    while (is_letter((unsigned char)**p)) ++*p;
    out->length = (size_t)(*p - out->start);
    return true;
}

static gp_status grow_buckets(gp_ngram_index *l, gp_error *err)
{
    size_t count = l->bucket_count ? l->bucket_count * 2 : 4096;
    uint32_t *buckets = gp_mem_zero(count, sizeof *buckets);
    if (!buckets) return gp_fail_memory(err, "the words of the prompts");
    for (uint32_t i = 0; i < l->phrase_count; i++) {
        uint32_t *head = &buckets[l->phrases[i].hash & (count - 1)];
        l->phrases[i].next = *head;
        *head = i + 1;
    }
    gp_mem_free(l->buckets);
    l->buckets = buckets, l->bucket_count = count;
    return GP_OK;
}

/* Finds or adds a phrase.  *number: its number; a new phrase gets the next number. */
static gp_status phrase_of(gp_ngram_index *l, const char *text, size_t length, unsigned words, uint32_t *number,
                           gp_error *err)
{
    gp_hash digest = gp_hash_of(text, length);
    uint64_t hash;
    memcpy(&hash, digest.bytes, sizeof hash);
    if (l->phrase_count >= l->bucket_count) GP_TRY(grow_buckets(l, err));
    uint32_t *head = &l->buckets[hash & (l->bucket_count - 1)];
    for (uint32_t i = *head; i; i = l->phrases[i - 1].next) {
        const phrase *p = &l->phrases[i - 1];
        if (p->hash == hash && p->length == length && !memcmp(l->bytes.data + p->text, text, length)) {
            *number = i - 1;
            return GP_OK;
        }
    }
    if (l->phrase_count == l->phrase_capacity) {
        size_t capacity = l->phrase_capacity ? l->phrase_capacity * 2 : 4096;
        phrase *grown = gp_mem_resize(l->phrases, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "the words of the prompts");
        l->phrases = grown, l->phrase_capacity = capacity;
    }
    l->phrases[l->phrase_count] = (phrase){l->bytes.size, (uint32_t)length, *head, hash, (uint8_t)words};
    gp_str_add(&l->bytes, text, length);
    if (l->bytes.failed) return gp_fail_memory(err, "the words of the prompts");
    *head = (uint32_t)l->phrase_count + 1;
    *number = (uint32_t)l->phrase_count++;
    return GP_OK;
}

/* Adds a phrase to the phrases of the current text, unless the text has it already.  The phrases of the text begin at
 * used[since]. */
static gp_status add_use(gp_ngram_index *l, size_t since, uint32_t number, gp_error *err)
{
    for (size_t i = since; i < l->used_count; i++)
        if (l->used[i] == number) return GP_OK;
    if (l->used_count == l->used_capacity) {
        size_t capacity = l->used_capacity ? l->used_capacity * 2 : 4096;
        uint32_t *grown = gp_mem_resize(l->used, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "the words of the prompts");
        l->used = grown, l->used_capacity = capacity;
    }
    l->used[l->used_count++] = number;
    return GP_OK;
}

/* Writes the k words to `out`, in lower case and separated by blanks. */
static void spell(const word *recent, size_t k, gp_str *out)
{
    gp_str_reset(out);
    for (size_t i = 0; i < k; i++) {
        if (i) gp_str_putc(out, ' ');
        for (size_t c = 0; c < recent[i].length; c++) {
            char x = recent[i].start[c];
            gp_str_putc(out, x >= 'A' && x <= 'Z' ? (char)(x + 32) : x);
        }
    }
}

static gp_status read_text(gp_ngram_index *l, const char *text, gp_str *scratch, gp_error *err)
{
    word recent[MAX_WORDS], w; /* recent: the last words without punctuation between them */
    size_t k = 0, since = l->used_count;
    const char *p = text;
    while (next_word(&p, &w)) {
        if (!w.joins) k = 0;
        if (k == MAX_WORDS) memmove(recent, recent + 1, --k * sizeof *recent);
        recent[k++] = w;
        for (size_t from = 0; from < k; from++) {
            uint32_t number = 0;
            spell(recent + k - 1, 1, scratch);
            if (scratch->failed) return gp_fail_memory(err, "the words of the prompts");
            if (is_stop_word(scratch->data, scratch->size)) break;
            spell(recent + from, 1, scratch);
            if (scratch->failed) return gp_fail_memory(err, "the words of the prompts");
            if (is_stop_word(scratch->data, scratch->size)) continue;
            spell(recent + from, k - from, scratch);
            if (scratch->failed) return gp_fail_memory(err, "the words of the prompts");
            GP_TRY(phrase_of(l, scratch->data, scratch->size, (unsigned)(k - from), &number, err));
            GP_TRY(add_use(l, since, number, err));
        }
    }
    return GP_OK;
}

typedef struct numbered {
    const char *text;
    uint32_t row;
} numbered;

static int by_text(const void *a, const void *b)
{
    const numbered *p = a, *q = b;
    int order = strcmp(p->text, q->text);
    return order ? order : (p->row > q->row) - (p->row < q->row);
}

static gp_status read_all(gp_ngram_index *l, const char *const *texts, gp_task *task, gp_error *err)
{
    numbered *list = NULL;
    gp_str scratch = GP_STR_INIT;
    size_t k = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&list, l->n, sizeof *list, "the words of the prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&l->text_of, l->n, sizeof *l->text_of, "the words of the prompts", err));
    GP_TRY_GOTO(gp_alloc((void **)&l->first, l->n + 1, sizeof *l->first, "the words of the prompts", err));
    for (uint32_t i = 0; i < l->n; i++) {
        l->text_of[i] = UINT32_MAX;
        if (texts[i]) list[k++] = (numbered){texts[i], i};
    }
    qsort(list, k, sizeof *list, by_text);
    for (size_t i = 0; i < k; i++) {
        GP_TRY_GOTO(gp_task_check(task, err));
        gp_task_add(task, 1);
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0) {
            l->first[l->texts++] = l->used_count;
            GP_TRY_GOTO(read_text(l, list[i].text, &scratch, err));
        }
        l->text_of[list[i].row] = (uint32_t)l->texts - 1;
    }
    l->first[l->texts] = l->used_count;
    l->rows_of = gp_mem_zero(l->texts, sizeof *l->rows_of);
    l->total = gp_mem_zero(l->phrase_count, sizeof *l->total);
    if (!l->rows_of || !l->total) GP_TRY_GOTO(gp_fail_memory(err, "the words of the prompts"));
    for (size_t i = 0; i < l->n; i++)
        if (l->text_of[i] != UINT32_MAX) l->rows_of[l->text_of[i]]++;
    for (size_t u = 0; u < l->used_count; u++) l->total[l->used[u]]++;
out:
    gp_str_clear(&scratch);
    gp_mem_free(list);
    return st;
}

gp_status gp_ngram_index_new(const char *const *texts, size_t n, gp_task *task, gp_ngram_index **out, gp_error *err)
{
    gp_ngram_index *l = gp_mem_zero(1, sizeof *l);
    if (!l) return gp_fail_memory(err, "the words of the prompts");
    l->n = n;
    gp_status st = read_all(l, texts, task, err);
    if (st == GP_OK)
        *out = l;
    else
        gp_ngram_index_free(l);
    return st;
}

void gp_ngram_index_free(gp_ngram_index *l)
{
    if (!l) return;
    gp_mem_free(l->total);
    gp_mem_free(l->rows_of);
    gp_mem_free(l->text_of);
    gp_mem_free(l->first);
    gp_mem_free(l->used);
    gp_mem_free(l->phrases);
    gp_mem_free(l->buckets);
    gp_str_clear(&l->bytes);
    gp_mem_free(l);
}

gp_ngram_uses gp_ngram_index_uses(const gp_ngram_index *l)
{
    return (gp_ngram_uses){l->texts, l->phrase_count, l->text_of, l->first, l->used, l->total};
}

const char *gp_ngram_index_phrase(const gp_ngram_index *l, uint32_t number, size_t *length, unsigned *words)
{
    const phrase *p = &l->phrases[number];
    *length = p->length;
    *words = p->words;
    return l->bytes.data + p->text;
}

/* ------------------------------------------------------------------ keywords of a slice */

typedef struct scored {
    uint32_t phrase;
    uint32_t in, out; /* number of texts inside and outside that have the phrase */
    double z;
} scored;

static int compare(const gp_ngram_index *l, const scored *p, const scored *q)
{
    const phrase *a = &l->phrases[p->phrase], *b = &l->phrases[q->phrase];
    if (p->z != q->z) return p->z > q->z ? -1 : 1;
    if (a->words != b->words) return a->words > b->words ? -1 : 1; /* prefer the longer phrase: it is more specific */
    size_t common = a->length < b->length ? a->length : b->length;
    int order = memcmp(l->bytes.data + a->text, l->bytes.data + b->text, common);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* Returns whether the shorter phrase is part of the longer one, as whole words. */
static bool overlaps(const gp_ngram_index *l, uint32_t p, uint32_t q)
{
    const phrase *a = &l->phrases[p], *b = &l->phrases[q];
    if (a->length > b->length) {
        const phrase *keep = a;
        a = b, b = keep;
    }
    const char *shorter = l->bytes.data + a->text, *longer = l->bytes.data + b->text;
    for (size_t i = 0; i + a->length <= b->length; i++) {
        bool borders = (i == 0 || longer[i - 1] == ' ') && (i + a->length == b->length || longer[i + a->length] == ' ');
        if (borders && !memcmp(longer + i, shorter, a->length)) return true;
    }
    return false;
}

/* A phrase that occurs in a text. At least one row inside the slice has this text. */
typedef struct use_inside {
    uint32_t phrase;
    bool whole; /* no row outside the slice has the text */
} use_inside;

static int by_phrase(const void *a, const void *b)
{
    uint32_t p = ((const use_inside *)a)->phrase, q = ((const use_inside *)b)->phrase;
    return (p > q) - (p < q);
}

typedef struct sides {
    double texts_in, texts_out; /* texts with rows inside, and with rows outside */
    double in, out;             /* uses of phrases in these texts */
    use_inside *uses;           /* [count] uses in texts with rows inside, sorted by phrase */
    size_t count;
} sides;

/* Counts the uses of phrases inside and outside the slice.  Reads only the texts that have rows inside.  The number of
 * uses outside is the number of all uses minus the number of uses in texts without rows outside. */
static gp_status find_sides(const gp_ngram_index *l, const bool *inside, sides *s, gp_error *err)
{
    uint32_t *rows = gp_mem_zero(l->texts, sizeof *rows);
    size_t room = 0, whole_uses = 0, whole_texts = 0, texts = 0;
    gp_status st = rows ? GP_OK : gp_fail_memory(err, "the words of the prompts");
    if (st != GP_OK) goto out;
    for (size_t i = 0; i < l->n; i++)
        if (inside[i] && l->text_of[i] != UINT32_MAX) rows[l->text_of[i]]++;
    for (size_t t = 0; t < l->texts; t++)
        if (rows[t]) room += l->first[t + 1] - l->first[t];
    GP_TRY_GOTO(gp_alloc((void **)&s->uses, room, sizeof *s->uses, "the words of the prompts", err));
    for (size_t t = 0; t < l->texts; t++) {
        bool whole = rows[t] == l->rows_of[t];
        if (!rows[t]) continue;
        texts++;
        whole_texts += whole;
        for (size_t u = l->first[t]; u < l->first[t + 1]; u++) {
            s->uses[s->count++] = (use_inside){l->used[u], whole};
            whole_uses += whole;
        }
    }
    qsort(s->uses, s->count, sizeof *s->uses, by_phrase);
    s->texts_in = (double)texts, s->texts_out = (double)(l->texts - whole_texts);
    s->in = (double)s->count, s->out = (double)(l->used_count - whole_uses);
out:
    gp_mem_free(rows);
    return st;
}

/* Lists the phrases that meet requirements[set].  Returns their number. */
static size_t candidates(const gp_ngram_index *l, const sides *s, size_t set, scored *list)
{
    size_t n = 0;
    double prior = fmax(prior_share * (s->in + s->out), min_prior);
    for (size_t from = 0, to; from < s->count; from = to) {
        uint32_t number = s->uses[from].phrase, whole = 0;
        for (to = from; to < s->count && s->uses[to].phrase == number; to++) whole += s->uses[to].whole;
        uint32_t in = (uint32_t)(to - from), out = l->total[number] - whole;
        double delta, z, share_in = in / fmax(s->texts_in, 1), share_out = out / fmax(s->texts_out, 1);
        if (in < MIN_TEXTS && in < s->texts_in) continue;
        if (share_in < requirements[set].share || !(share_in > requirements[set].ratio * share_out)) continue;
        gp_an_log_odds(in, s->in, out, s->out, prior, (in + out) / (s->in + s->out), &delta, &z);
        if (z > requirements[set].z) list[n++] = (scored){number, in, out, z};
    }
    return n;
}

/* Adds the `most` strongest of n candidates as reasons.  Skips phrases that overlap a stronger one. */
static gp_status take_best(const gp_ngram_index *l, scored *list, size_t n, const sides *s, size_t most,
                           gp_reason_list *reasons, gp_error *err)
{
    size_t taken = 0;
    for (; taken < most && taken < n; taken++) {
        size_t best = SIZE_MAX;
        for (size_t i = taken; i < n; i++) {
            bool free = list[i].z > 0;
            for (size_t j = 0; j < taken && free; j++) free = !overlaps(l, list[i].phrase, list[j].phrase);
            if (!free)
                list[i].z = 0;
            else if (best == SIZE_MAX || compare(l, &list[i], &list[best]) < 0)
                best = i;
        }
        if (best == SIZE_MAX) break;
        scored keep = list[best];
        list[best] = list[taken], list[taken] = keep;
        const phrase *p = &l->phrases[keep.phrase];
        char text[256];
        size_t length = p->length < sizeof text ? p->length : sizeof text - 1;
        memcpy(text, l->bytes.data + p->text, length);
        text[length] = 0;
        GP_TRY(gp_an_reason_add(reasons, p->words > 1 ? "phrase" : "word", text, keep.z, keep.in / fmax(s->texts_in, 1),
                                keep.out / fmax(s->texts_out, 1), err));
    }
    return GP_OK;
}

gp_status gp_an_keywords(const gp_ngram_index *l, const bool *inside, size_t most, gp_reason_list *reasons,
                         gp_error *err)
{
    sides s = {0};
    scored *list = NULL;
    size_t n = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(find_sides(l, inside, &s, err));
    GP_TRY_GOTO(gp_alloc((void **)&list, s.count, sizeof *list, "the words of the prompts", err));
    for (size_t set = 0; set < 2 && n == 0 && s.in > 0 && s.out > 0; set++) n = candidates(l, &s, set, list);
    GP_TRY_GOTO(take_best(l, list, n, &s, most, reasons, err));
out:
    gp_mem_free(list);
    gp_mem_free(s.uses);
    return st;
}
