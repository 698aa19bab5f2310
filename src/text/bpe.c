/* SPDX-License-Identifier: MIT
 * Converts text to token ids. The literal strings of the special tokens are first cut out of the raw text. The text
 * between them is cleaned (clean.c) and split into pieces. At each position the first alternative that matches is
 * taken:
 *
 *     <|startoftext|>   <|endoftext|>   's 't 're 've 'm 'll 'd   letters+   one number   (no space, letter, number)+
 *
 * After cleaning, the first two can only come from other capitalisation, such as <|StartOfText|>. They are ordinary
 * text and make three pieces. Each byte of a piece's UTF-8 becomes a symbol; the last symbol gets the suffix </w>. Then
 * the adjacent pair with the lowest rank is merged repeatedly, leftmost first, until no pair has a rank. For short
 * pieces the pairs are searched again after each merge. Long pieces keep their pairs in a heap, so any text takes
 * O(n log n).
 * Source: OpenAI's CLIP and transformers' CLIPTokenizer; byte-pair encoding (BPE) after Sennrich et al. 2016. */
#include "text/bpe.h"
#include "base/mem.h"
#include "text/clean.h"
#include "text/tables.h"
#include <string.h>

enum { SHORT_PIECE = 64, TEXT_LIMIT = 64 << 20 };

/* Growing list of token ids. */
typedef struct id_list {
    int32_t *at;
    size_t count, capacity;
} id_list;

static gp_status reserve(id_list *l, size_t more, gp_error *err)
{
    if (l->capacity - l->count >= more) return GP_OK;
    const size_t want = l->count + more + l->capacity / 2;
    int32_t *at = gp_mem_resize(l->at, want, sizeof *at);
    if (!at) return gp_fail_memory(err, "%zu token ids", want);
    l->at = at;
    l->capacity = want;
    return GP_OK;
}

/* Merges the pairs of ids [n] in place and returns the new n. n must be at most SHORT_PIECE. */
static size_t join_short(const gp_bpe *bpe, int32_t *ids, size_t n)
{
    int32_t rank[SHORT_PIECE]; /* rank of the pair (i, i + 1) */
    for (size_t i = 0; i + 1 < n; i++) rank[i] = gp_bpe_rank(bpe, ids[i], ids[i + 1]);
    for (;;) {
        size_t best = 0;
        int32_t lowest = GP_BPE_NO_RANK;
        for (size_t i = 0; i + 1 < n; i++)
            if (rank[i] < lowest) lowest = rank[i], best = i;
        if (lowest == GP_BPE_NO_RANK) return n;
        ids[best] = bpe->merged[lowest];
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        memmove(rank + best, rank + best + 1, (n - best - 1) * sizeof *rank);
        if (best > 0) rank[best - 1] = gp_bpe_rank(bpe, ids[best - 1], ids[best]);
        if (best + 1 < n) rank[best] = gp_bpe_rank(bpe, ids[best], ids[best + 1]);
    }
}

/* A binary heap with the smallest number on top. */
static void heap_push(uint64_t *heap, size_t *count, uint64_t v)
{
    size_t i = (*count)++;
    for (; i > 0 && heap[(i - 1) / 2] > v; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = v;
}

static uint64_t heap_pop(uint64_t *heap, size_t *count)
{
    const uint64_t top = heap[0], v = heap[--(*count)];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *count; i = child) {
        if (child + 1 < *count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= v) break;
        heap[i] = heap[child];
    }
    heap[i] = v;
    return top;
}

/* The symbols of a long piece: a doubly linked list in arrays. A merged symbol stays at the position of its left part.
 * The heap holds rank << 32 | position. A heap entry is outdated if the pair now at its position has another rank.
 * This test is exact, because each rank belongs to one pair. */
typedef struct chain {
    const gp_bpe *bpe;
    int32_t *ids; /* [n] id of the symbol; -1: merged into its left neighbour */
    /* [n] positions of the neighbours; n: there is no next, UINT32_MAX: there is no previous */
    uint32_t *next, *previous;
    uint64_t *heap; /* [2n] */
    size_t n, heap_count;
} chain;

static void push_pair(chain *c, uint32_t i)
{
    if (i == UINT32_MAX || c->next[i] == c->n) return;
    const int32_t rank = gp_bpe_rank(c->bpe, c->ids[i], c->ids[c->next[i]]);
    if (rank != GP_BPE_NO_RANK) heap_push(c->heap, &c->heap_count, (uint64_t)(uint32_t)rank << 32 | i);
}

static void join_all(chain *c)
{
    while (c->heap_count > 0) {
        const uint64_t top = heap_pop(c->heap, &c->heap_count);
        const uint32_t i = (uint32_t)top, j = c->next[i];
        const int32_t rank = (int32_t)(top >> 32);
        if (c->ids[i] < 0 || j == c->n || gp_bpe_rank(c->bpe, c->ids[i], c->ids[j]) != rank) continue;
        c->ids[i] = c->bpe->merged[rank];
        c->ids[j] = -1;
        c->next[i] = c->next[j];
        if (c->next[i] != c->n) c->previous[c->next[i]] = i;
        push_pair(c, c->previous[i]);
        push_pair(c, i);
    }
}

static gp_status join_long(const gp_bpe *bpe, int32_t *ids, size_t *n, gp_error *err)
{
    gp_status st;
    chain c = {.bpe = bpe, .ids = ids, .n = *n};
    GP_TRY_GOTO(gp_alloc((void **)&c.next, *n, sizeof *c.next, "a long word", err));
    GP_TRY_GOTO(gp_alloc((void **)&c.previous, *n, sizeof *c.previous, "a long word", err));
    GP_TRY_GOTO(gp_alloc((void **)&c.heap, *n, 2 * sizeof *c.heap, "a long word", err));
    for (size_t i = 0; i < *n; i++) c.next[i] = (uint32_t)i + 1, c.previous[i] = (uint32_t)i - 1;
    for (size_t i = 0; i < *n; i++) push_pair(&c, (uint32_t)i);
    join_all(&c);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (ids[i] >= 0) ids[kept++] = ids[i];
    *n = kept;
out:
    gp_mem_free(c.heap);
    gp_mem_free(c.previous);
    gp_mem_free(c.next);
    return st;
}

static size_t put_utf8(uint32_t cp, uint8_t out[4])
{
    if (cp < 0x80) return out[0] = (uint8_t)cp, 1;
    const size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, cp >>= 6) out[i] = (uint8_t)(0x80 | (cp & 0x3F));
    out[0] = (uint8_t)(lead[n] | cp);
    return n;
}

/* Encodes one piece of n > 0 code points and appends its ids to `out`. */
static gp_status add_piece(const gp_bpe *bpe, const uint32_t *points, size_t n, id_list *out, gp_error *err)
{
    GP_TRY(reserve(out, n * 4, err));
    int32_t *ids = out->at + out->count;
    size_t count = 0;
    uint8_t bytes[4] = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t k = put_utf8(points[i], bytes);
        for (size_t b = 0; b < k; b++) ids[count++] = bpe->byte_id[i + 1 == n && b + 1 == k][bytes[b]];
    }
    if (count > SHORT_PIECE)
        GP_TRY(join_long(bpe, ids, &count, err));
    else
        count = join_short(bpe, ids, count);
    out->count += count;
    return GP_OK;
}

/* Returns the length of `word` (ASCII) if points [n] begin with it, else 0. */
static size_t prefix_length(const uint32_t *points, size_t n, const char *word)
{
    size_t i = 0;
    for (; word[i]; i++)
        if (i == n || points[i] != (uint32_t)word[i]) return 0;
    return i;
}

/* Returns the length of the next piece, which starts at points[0]; 0 if points[0] is a space. n > 0. */
static size_t piece_length(const uint32_t *points, size_t n)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    if (points[0] == '\'')
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
            size_t k = prefix_length(points, n, endings[i]);
            if (k > 0) return k;
        }
    const gp_text_class kind = gp_text_class_of(points[0]);
    if (kind == GP_TEXT_SPACE) return 0;
    if (kind == GP_TEXT_NUMBER) return 1;
    size_t k = 1;
    while (k < n && gp_text_class_of(points[k]) == kind) k++;
    return k;
}

/* Encodes the text between two special tokens. */
static gp_status add_plain_text(const gp_bpe *bpe, const char *text, size_t size, id_list *out, gp_error *err)
{
    gp_status st;
    uint32_t *points = NULL;
    size_t n = 0;
    if (size == 0) return GP_OK;
    GP_TRY_GOTO(gp_text_clean(text, size, &points, &n, err));
    for (size_t i = 0; i < n;) {
        size_t k = prefix_length(points + i, n - i, GP_BPE_BOS);
        if (k == 0) k = prefix_length(points + i, n - i, GP_BPE_EOS);
        /* the name of a special token in cleaned text is no special token: encode "<|", the letters and "|>"
         * separately */
        if (k > 0) {
            GP_TRY_GOTO(add_piece(bpe, points + i, 2, out, err));
            GP_TRY_GOTO(add_piece(bpe, points + i + 2, k - 4, out, err));
            GP_TRY_GOTO(add_piece(bpe, points + i + k - 2, 2, out, err));
        } else if ((k = piece_length(points + i, n - i)) > 0) {
            GP_TRY_GOTO(add_piece(bpe, points + i, k, out, err));
        } else {
            k = 1;
        }
        i += k;
    }
    st = GP_OK;
out:
    gp_mem_free(points);
    return st;
}

static gp_status add_id(id_list *out, int32_t id, gp_error *err)
{
    GP_TRY(reserve(out, 1, err));
    out->at[out->count++] = id;
    return GP_OK;
}

static bool starts_with(const char *text, size_t size, const char *word)
{
    const size_t n = strlen(word);
    return size >= n && memcmp(text, word, n) == 0;
}

static gp_status add_text(const gp_bpe *bpe, const char *text, size_t size, id_list *out, gp_error *err)
{
    size_t from = 0;
    for (size_t i = 0; i < size;) {
        const char *mark = memchr(text + i, '<', size - i);
        if (!mark) break;
        i = (size_t)(mark - text);
        const bool bos = starts_with(mark, size - i, GP_BPE_BOS), eos = starts_with(mark, size - i, GP_BPE_EOS);
        if (!bos && !eos) {
            i++;
            continue;
        }
        GP_TRY(add_plain_text(bpe, text + from, i - from, out, err));
        GP_TRY(add_id(out, bos ? bpe->bos : bpe->eos, err));
        from = i += strlen(bos ? GP_BPE_BOS : GP_BPE_EOS);
    }
    return add_plain_text(bpe, text + from, size - from, out, err);
}

gp_status gp_bpe_encode(const gp_bpe *bpe, const char *text, size_t size, int32_t **ids, size_t *count, gp_error *err)
{
    gp_status st;
    id_list out = {0};
    if (size > TEXT_LIMIT)
        return gp_fail(err, GP_ERR_LIMIT, "a text must have at most %d bytes, not %zu", TEXT_LIMIT, size);
    GP_TRY_GOTO(reserve(&out, size + 2, err));
    GP_TRY_GOTO(add_id(&out, bpe->bos, err));
    GP_TRY_GOTO(add_text(bpe, text, size, &out, err));
    GP_TRY_GOTO(add_id(&out, bpe->eos, err));
    *ids = out.at;
    *count = out.count;
    out.at = NULL;
out:
    gp_mem_free(out.at);
    return st;
}

gp_status gp_bpe_encode_cut(const gp_bpe *bpe, const char *text, size_t size, size_t context, int32_t *ids,
                            size_t *count, size_t *full, gp_error *err)
{
    int32_t *all;
    size_t n;
    if (context < 2) return gp_fail(err, GP_ERR_USAGE, "the context must be at least 2 tokens, not %zu", context);
    GP_TRY(gp_bpe_encode(bpe, text, size, &all, &n, err));
    const size_t kept = n < context ? n : context;
    memcpy(ids, all, kept * sizeof *ids);
    ids[kept - 1] = bpe->eos;
    *count = kept;
    if (full) *full = n;
    gp_mem_free(all);
    return GP_OK;
}

const char *gp_bpe_entry(const gp_bpe *bpe, int32_t id)
{
    if (id < 0 || (size_t)id >= bpe->size || bpe->offset[id] == UINT32_MAX) return NULL;
    return bpe->pool.data + bpe->offset[id];
}

int32_t gp_bpe_bos(const gp_bpe *bpe)
{
    return bpe->bos;
}

int32_t gp_bpe_eos(const gp_bpe *bpe)
{
    return bpe->eos;
}

size_t gp_bpe_size(const gp_bpe *bpe)
{
    return bpe->size;
}

void gp_bpe_free(gp_bpe *bpe)
{
    if (!bpe) return;
    gp_mem_free(bpe->merged);
    gp_mem_free(bpe->pairs);
    gp_mem_free(bpe->offset);
    gp_str_clear(&bpe->pool);
    gp_mem_free(bpe);
}
