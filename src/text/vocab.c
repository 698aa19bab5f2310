/* SPDX-License-Identifier: MIT
 * Builds a tokenizer from vocab.json {"entry": id} and merges.txt (one "left right" per line, in order of rank), or
 * from a tokenizer.json. Of tokenizer.json only model.vocab, model.merges and added_tokens are used; the steps are
 * always CLIP's. The files must meet these conditions, and errors name file and entry:
 * - no id is used twice;
 * - all 256 byte symbols exist, with and without </w>;
 * - both special tokens exist;
 * - both parts of every merge, and their concatenation, are entries. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/bpe.h"
#include <string.h>

enum { ID_LIMIT = 1 << 22, FILE_LIMIT = 64 << 20, DEPTH = 64 };

typedef struct builder {
    gp_bpe *bpe;
    const char *vocab_name, *merges_name; /* file names, for messages */
    /* [found_mask + 1] hash table from entry to id, -1: empty; used only while the files are read */
    int32_t *found;
    size_t found_mask;
    gp_str joined; /* scratch */
    gp_status st;
    gp_error *err;
} builder;

static uint64_t hash_text(const char *text, size_t size) /* FNV-1a */
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < size; i++) h = (h ^ (uint8_t)text[i]) * 0x100000001B3u;
    return h ^ h >> 32;
}

/* Returns the id of an entry, or -1 if there is none. */
static int32_t find(const builder *b, const char *text, size_t size)
{
    for (size_t i = (size_t)hash_text(text, size);; i++) {
        const int32_t id = b->found[i & b->found_mask];
        if (id < 0) return -1;
        const char *entry = b->bpe->pool.data + b->bpe->offset[id];
        if (strncmp(entry, text, size) == 0 && entry[size] == '\0') return id;
    }
}

/* ------------------------------------------------------------------ entries */

static bool read_id(const gp_json *value, uint64_t *id)
{
    return gp_json_u64(value, id) && *id < ID_LIMIT;
}

static bool visit_largest(void *user, const char *key, const gp_json *value)
{
    builder *b = user;
    uint64_t id;
    if (!read_id(value, &id)) {
        b->st = gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': the id of entry '%.80s' must be a whole number from 0 to %d",
                             b->vocab_name, key, ID_LIMIT - 1);
        return false;
    }
    if (id >= b->bpe->size) b->bpe->size = (size_t)id + 1;
    return true;
}

static gp_status add_entry(builder *b, const char *text, uint64_t id)
{
    gp_bpe *bpe = b->bpe;
    if (bpe->offset[id] != UINT32_MAX)
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': entries '%.80s' and '%.80s' have the same id %u",
                            b->vocab_name, bpe->pool.data + bpe->offset[id], text, (unsigned)id);
    /* check for duplicate keys, which the JSON parser allows in its lax mode */
    if (find(b, text, strlen(text)) >= 0)
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': entry '%.80s' occurs twice", b->vocab_name, text);
    const size_t at = bpe->pool.size;
    gp_str_add(&bpe->pool, text, strlen(text) + 1);
    if (bpe->pool.failed) return gp_fail_memory(b->err, "the vocabulary");
    bpe->offset[id] = (uint32_t)at;
    size_t i = (size_t)hash_text(text, strlen(text));
    while (b->found[i & b->found_mask] >= 0) i++;
    b->found[i & b->found_mask] = (int32_t)id;
    return GP_OK;
}

static bool visit_entry(void *user, const char *key, const gp_json *value)
{
    builder *b = user;
    uint64_t id = 0;
    (void)read_id(value, &id); /* cannot fail, because visit_largest has checked the value */
    b->st = add_entry(b, key, id);
    return b->st == GP_OK;
}

/* Reads the list added_tokens of a tokenizer.json: [{"id", "content"}]. Its tokens may repeat entries of the
 * vocabulary. added NULL: there is no such list. */
static gp_status read_added(builder *b, const gp_json *added, bool sizes_only)
{
    for (size_t i = 0; i < gp_json_count(added); i++) {
        const gp_json *token = gp_json_at(added, i);
        const char *content = gp_json_text(gp_json_get(token, "content"), NULL);
        uint64_t id;
        if (!content || !read_id(gp_json_get(token, "id"), &id))
            return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': added_tokens[%zu] lacks content or id", b->vocab_name, i);
        if (sizes_only) {
            if (id >= b->bpe->size) b->bpe->size = (size_t)id + 1;
            continue;
        }
        const char *old = gp_bpe_entry(b->bpe, (int32_t)id);
        if (!old || strcmp(old, content) != 0) GP_TRY(add_entry(b, content, id));
    }
    return GP_OK;
}

static gp_status read_vocab(builder *b, const gp_json *vocab, const gp_json *added)
{
    gp_bpe *bpe = b->bpe;
    if (gp_json_kind_of(vocab) != GP_JSON_OBJECT || gp_json_count(vocab) == 0)
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': the vocabulary must be a JSON object", b->vocab_name);
    gp_json_each(vocab, visit_largest, b);
    GP_TRY(b->st);
    GP_TRY(read_added(b, added, true));

    const size_t entries = gp_json_count(vocab) + gp_json_count(added);
    size_t slots = 16;
    while (slots < 2 * entries) slots *= 2;
    GP_TRY(gp_alloc((void **)&bpe->offset, bpe->size, sizeof *bpe->offset, "the vocabulary", b->err));
    memset(bpe->offset, 0xFF, bpe->size * sizeof *bpe->offset);
    GP_TRY(gp_alloc((void **)&b->found, slots, sizeof *b->found, "the vocabulary", b->err));
    memset(b->found, 0xFF, slots * sizeof *b->found);
    b->found_mask = slots - 1;
    gp_json_each(vocab, visit_entry, b);
    GP_TRY(b->st);
    return read_added(b, added, false);
}

/* Returns the character that represents a byte. Printable Latin-1 characters represent themselves; the other 68 bytes
 * are numbered from U+0100 on. */
static uint32_t byte_character(unsigned byte)
{
    unsigned before = 0;
    for (unsigned v = 0;; v++) {
        const bool itself = (v >= 33 && v <= 126) || (v >= 161 && v <= 172) || v >= 174;
        if (v == byte) return itself ? v : 256 + before;
        before += !itself;
    }
}

static gp_status find_symbols(builder *b)
{
    gp_bpe *bpe = b->bpe;
    for (unsigned byte = 0; byte < 256; byte++)
        for (unsigned last = 0; last < 2; last++) {
            gp_str_reset(&b->joined);
            gp_utf8_put(&b->joined, byte_character(byte));
            if (last) gp_str_puts(&b->joined, "</w>");
            if (b->joined.failed) return gp_fail_memory(b->err, "the vocabulary");
            bpe->byte_id[last][byte] = find(b, b->joined.data, b->joined.size);
            if (bpe->byte_id[last][byte] < 0)
                return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': entry '%s' (byte %u) is missing", b->vocab_name,
                                    b->joined.data, byte);
        }
    bpe->bos = find(b, GP_BPE_BOS, strlen(GP_BPE_BOS));
    bpe->eos = find(b, GP_BPE_EOS, strlen(GP_BPE_EOS));
    if (bpe->bos >= 0 && bpe->eos >= 0) return GP_OK;
    return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': entry '%s' is missing", b->vocab_name,
                        bpe->bos < 0 ? GP_BPE_BOS : GP_BPE_EOS);
}

/* ------------------------------------------------------------------ merges */

static gp_status reserve_merges(builder *b, size_t count)
{
    gp_bpe *bpe = b->bpe;
    size_t slots = 16;
    if (count > ID_LIMIT)
        return gp_fail_path(b->err, GP_ERR_LIMIT, "'%s': more than %d merges", b->merges_name, ID_LIMIT);
    while (slots < 2 * count) slots *= 2;
    GP_TRY(gp_alloc((void **)&bpe->merged, count, sizeof *bpe->merged, "the merges", b->err));
    GP_TRY(gp_alloc((void **)&bpe->pairs, slots, sizeof *bpe->pairs, "the merges", b->err));
    memset(bpe->pairs, 0xFF, slots * sizeof *bpe->pairs);
    bpe->mask = slots - 1;
    return GP_OK;
}

/* Adds the next merge; `where` is the line or element number. If a pair is repeated, its later rank counts, as in the
 * reference tokenizer. */
static gp_status add_merge(builder *b, const char *left, size_t left_size, const char *right, size_t right_size,
                           size_t where)
{
    gp_bpe *bpe = b->bpe;
    gp_str_reset(&b->joined);
    gp_str_add(&b->joined, left, left_size);
    gp_str_add(&b->joined, right, right_size);
    if (b->joined.failed) return gp_fail_memory(b->err, "the merges");
    const int32_t l = find(b, left, left_size), r = find(b, right, right_size);
    const int32_t m = find(b, b->joined.data, b->joined.size);
    if (l < 0 || r < 0 || m < 0) {
        const char *bad = l < 0 ? left : r < 0 ? right : b->joined.data;
        const size_t size = l < 0 ? left_size : r < 0 ? right_size : b->joined.size;
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': merge %zu: '%.*s' is not in the vocabulary", b->merges_name,
                            where, (int)(size < 80 ? size : 80), bad);
    }
    size_t i = gp_bpe_slot(l, r);
    while (bpe->pairs[i & bpe->mask].rank >= 0 &&
           (bpe->pairs[i & bpe->mask].left != l || bpe->pairs[i & bpe->mask].right != r))
        i++;
    bpe->pairs[i & bpe->mask] = (gp_bpe_pair){l, r, (int32_t)bpe->merges};
    bpe->merged[bpe->merges++] = m;
    return GP_OK;
}

/* Adds a merge from a line "left right". */
static gp_status add_merge_line(builder *b, const char *line, size_t size, size_t where)
{
    const char *space = memchr(line, ' ', size);
    const size_t left = space ? (size_t)(space - line) : 0;
    if (left == 0 || left + 1 == size || memchr(space + 1, ' ', size - left - 1))
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': merge %zu must be two words, not '%.*s'", b->merges_name,
                            where, (int)(size < 80 ? size : 80), line);
    return add_merge(b, line, left, space + 1, size - left - 1, where);
}

static gp_status read_merges_text(builder *b, const char *text, size_t size)
{
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    GP_TRY(reserve_merges(b, lines));
    for (size_t i = 0; i < size;) {
        const char *end = memchr(text + i, '\n', size - i);
        const size_t full = end ? (size_t)(end - text) - i : size - i;
        const char *line = text + i;
        size_t n = full;
        if (n > 0 && line[n - 1] == '\r') n--;
        i += full + 1;
        number++;
        if (n == 0 || (n >= 8 && memcmp(line, "#version", 8) == 0)) continue;
        GP_TRY(add_merge_line(b, line, n, number));
    }
    return GP_OK;
}

/* Reads the merges from ["a b", ..] or [["a", "b"], ..]. */
static gp_status read_merges_json(builder *b, const gp_json *merges)
{
    if (gp_json_kind_of(merges) != GP_JSON_ARRAY)
        return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': model.merges must be a list", b->merges_name);
    GP_TRY(reserve_merges(b, gp_json_count(merges)));
    for (size_t i = 0; i < gp_json_count(merges); i++) {
        const gp_json *m = gp_json_at(merges, i);
        size_t left_size, right_size;
        const char *left = gp_json_text(m, &left_size), *right;
        if (left) {
            GP_TRY(add_merge_line(b, left, left_size, i));
            continue;
        }
        left = gp_json_text(gp_json_at(m, 0), &left_size);
        right = gp_json_text(gp_json_at(m, 1), &right_size);
        if (!left || !right || gp_json_count(m) != 2)
            return gp_fail_path(b->err, GP_ERR_FORMAT, "'%s': merge %zu must be two words", b->merges_name, i);
        GP_TRY(add_merge(b, left, left_size, right, right_size, i));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ entry points */

static gp_status begin(builder *b, const char *vocab_name, const char *merges_name, gp_error *err)
{
    *b = (builder){.vocab_name = vocab_name, .merges_name = merges_name, .joined = GP_STR_INIT, .err = err};
    b->bpe = gp_mem_zero(1, sizeof *b->bpe);
    return b->bpe ? GP_OK : gp_fail_memory(err, "a tokenizer");
}

static gp_status finish(builder *b, gp_status st, gp_bpe **out)
{
    gp_str_clear(&b->joined);
    gp_mem_free(b->found);
    if (st == GP_OK)
        *out = b->bpe;
    else
        gp_bpe_free(b->bpe);
    return st;
}

static gp_status parse(const builder *b, const char *json, size_t size, gp_json **root)
{
    gp_status st = gp_json_parse(json, size, true, DEPTH, root, b->err);
    return st == GP_OK ? st : gp_fail_path_within(b->err, st, "'%s'", b->vocab_name);
}

static gp_status from_vocab(const char *vocab_name, const char *vocab_json, size_t vocab_size, const char *merges_name,
                            const char *merges, size_t merges_size, gp_bpe **out, gp_error *err)
{
    gp_status st;
    builder b;
    gp_json *root = NULL;
    GP_TRY_GOTO(begin(&b, vocab_name, merges_name, err));
    GP_TRY_GOTO(parse(&b, vocab_json, vocab_size, &root));
    GP_TRY_GOTO(read_vocab(&b, root, NULL));
    GP_TRY_GOTO(find_symbols(&b));
    GP_TRY_GOTO(read_merges_text(&b, merges, merges_size));
out:
    gp_json_free(root);
    return finish(&b, st, out);
}

/* Checks the model's type and suffix: a tokenizer of another kind would give wrong ids without any error. */
static gp_status check_model(const builder *b, const gp_json *model)
{
    const char *type = gp_json_text(gp_json_get(model, "type"), NULL);
    const char *suffix = gp_json_text(gp_json_get(model, "end_of_word_suffix"), NULL);
    if (type && strcmp(type, "BPE") != 0)
        return gp_fail_path(b->err, GP_ERR_UNSUPPORTED, "'%s': model.type must be BPE, not '%.40s'", b->vocab_name,
                            type);
    if (suffix && strcmp(suffix, "</w>") != 0)
        return gp_fail_path(b->err, GP_ERR_UNSUPPORTED, "'%s': model.end_of_word_suffix must be '</w>', not '%.40s'",
                            b->vocab_name, suffix);
    return GP_OK;
}

static gp_status from_tokenizer(const char *name, const char *json, size_t size, gp_bpe **out, gp_error *err)
{
    gp_status st;
    builder b;
    gp_json *root = NULL;
    GP_TRY_GOTO(begin(&b, name, name, err));
    GP_TRY_GOTO(parse(&b, json, size, &root));
    const gp_json *model = gp_json_get(root, "model");
    GP_TRY_GOTO(check_model(&b, model));
    GP_TRY_GOTO(read_vocab(&b, gp_json_get(model, "vocab"), gp_json_get(root, "added_tokens")));
    GP_TRY_GOTO(find_symbols(&b));
    GP_TRY_GOTO(read_merges_json(&b, gp_json_get(model, "merges")));
out:
    gp_json_free(root);
    return finish(&b, st, out);
}

gp_status gp_bpe_from_vocab(const char *vocab_json, size_t vocab_size, const char *merges, size_t merges_size,
                            gp_bpe **out, gp_error *err)
{
    return from_vocab("vocab.json", vocab_json, vocab_size, "merges.txt", merges, merges_size, out, err);
}

gp_status gp_bpe_from_tokenizer_json(const char *json, size_t size, gp_bpe **out, gp_error *err)
{
    return from_tokenizer("tokenizer.json", json, size, out, err);
}

gp_status gp_bpe_open(const char *folder, gp_bpe **out, gp_error *err)
{
    gp_status st;
    gp_bytes a = {0}, m = {0};
    char *vocab = gp_path_join(folder, "vocab.json"), *merges = gp_path_join(folder, "merges.txt");
    char *tokenizer = gp_path_join(folder, "tokenizer.json");
    if (!vocab || !merges || !tokenizer) GP_TRY_GOTO(gp_fail_memory(err, "a path"));
    st = gp_file_read(vocab, FILE_LIMIT, &a, err);
    if (st == GP_OK) st = gp_file_read(merges, FILE_LIMIT, &m, err);
    if (st == GP_OK) {
        st = from_vocab(vocab, (const char *)a.data, a.size, merges, (const char *)m.data, m.size, out, err);
    } else if (st == GP_ERR_NOT_FOUND) { /* at least one of the two files does not exist */
        gp_bytes_clear(&a);
        GP_TRY_GOTO(gp_file_read(tokenizer, FILE_LIMIT, &a, err));
        st = from_tokenizer(tokenizer, (const char *)a.data, a.size, out, err);
    }
out:
    if (st == GP_ERR_NOT_FOUND)
        gp_fail_path(err, st, "no tokenizer in '%s' (vocab.json and merges.txt, or tokenizer.json)", folder);
    gp_bytes_clear(&m);
    gp_bytes_clear(&a);
    gp_mem_free(tokenizer);
    gp_mem_free(merges);
    gp_mem_free(vocab);
    return st;
}
