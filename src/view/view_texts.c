/* SPDX-License-Identifier: MIT
 * Stores text tables and numbered words. */
#include "base/mem.h"
#include "view/view_private.h"
#include <string.h>

gp_status gp_texts_add(gp_texts *texts, const char *text, gp_error *err)
{
    size_t size = text ? strlen(text) : 0;
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity ? texts->capacity * 2 : 256;
        uint32_t *grown = gp_mem_resize(texts->ends, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "the text columns of the view");
        texts->ends = grown, texts->capacity = capacity;
    }
    if (texts->bytes.size + size > UINT32_MAX || texts->count == UINT32_MAX - 1)
        return gp_fail(err, GP_ERR_LIMIT, "more than 4 GB of texts in one column of the view");
    gp_str_add(&texts->bytes, text ? text : "", size);
    if (texts->bytes.failed) return gp_fail_memory(err, "the text columns of the view");
    texts->ends[texts->count++] = (uint32_t)texts->bytes.size;
    return GP_OK;
}

/* Builds the table [count, offsets [count + 1], bytes], little endian like all machines that goldpan supports. */
gp_status gp_texts_finish(gp_texts *texts, gp_error *err)
{
    size_t head = (texts->count + 2) * sizeof(uint32_t);
    uint32_t count = (uint32_t)texts->count, zero = 0;
    gp_mem_free(texts->table);
    texts->table_size = head + texts->bytes.size;
    texts->table = gp_mem_new(texts->table_size, 1);
    if (!texts->table) return gp_fail_memory(err, "the text columns of the view");
    memcpy(texts->table, &count, sizeof count);
    memcpy(texts->table + sizeof count, &zero, sizeof zero);
    if (texts->count) memcpy(texts->table + 2 * sizeof count, texts->ends, texts->count * sizeof *texts->ends);
    if (texts->bytes.size) memcpy(texts->table + head, texts->bytes.data, texts->bytes.size);
    return GP_OK;
}

void gp_texts_clear(gp_texts *texts)
{
    gp_mem_free(texts->ends);
    gp_mem_free(texts->table);
    gp_str_clear(&texts->bytes);
    *texts = (gp_texts){0};
}

/* ------------------------------------------------------------------ words */

static size_t slot_of(const char *text, size_t size, size_t slots)
{
    gp_hash hash = gp_hash_of(text, size);
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    return (size_t)(key & (slots - 1));
}

static const char *word_at(const gp_words *words, uint32_t code, size_t *size)
{
    uint32_t from = code ? words->texts.ends[code - 1] : 0;
    *size = words->texts.ends[code] - from;
    return words->texts.bytes.data + from;
}

static gp_status grow(gp_words *words, gp_error *err)
{
    size_t count = words->bucket_count ? words->bucket_count * 2 : 64;
    uint32_t *buckets = gp_mem_zero(count, sizeof *buckets);
    if (!buckets) return gp_fail_memory(err, "the text columns of the view");
    for (size_t code = 0; code < words->texts.count; code++) {
        size_t size, at;
        const char *text = word_at(words, (uint32_t)code, &size);
        for (at = slot_of(text, size, count); buckets[at]; at = (at + 1) & (count - 1)) {
        }
        buckets[at] = (uint32_t)code + 1;
    }
    gp_mem_free(words->buckets);
    words->buckets = buckets, words->bucket_count = count;
    return GP_OK;
}

gp_status gp_words_put(gp_words *words, const char *text, uint32_t *code, gp_error *err)
{
    *code = GP_VIEW_NONE;
    if (!text) return GP_OK;
    if (words->texts.count * 2 >= words->bucket_count) GP_TRY(grow(words, err));
    size_t size = strlen(text), at = slot_of(text, size, words->bucket_count);
    for (; words->buckets[at]; at = (at + 1) & (words->bucket_count - 1)) {
        size_t have;
        const char *word = word_at(words, words->buckets[at] - 1, &have);
        if (have != size || memcmp(word, text, size) != 0) continue;
        *code = words->buckets[at] - 1;
        return GP_OK;
    }
    GP_TRY(gp_texts_add(&words->texts, text, err));
    *code = (uint32_t)words->texts.count - 1;
    words->buckets[at] = *code + 1;
    return GP_OK;
}

void gp_words_clear(gp_words *words)
{
    gp_texts_clear(&words->texts);
    gp_mem_free(words->buckets);
    *words = (gp_words){0};
}
