/* SPDX-License-Identifier: MIT
 * Tokenizers and golden lists for the tests of the text module. */
#ifndef GP_TESTS_TEXT_SUPPORT_H
#define GP_TESTS_TEXT_SUPPORT_H

#include "support.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/clip_bpe.h"
#include <zlib.h>

static gp_error err;

static inline gp_json *read_json(const char *path, gp_bytes *bytes)
{
    gp_json *root = NULL;
    assert_ok(gp_file_read(path, 64 << 20, bytes, &err));
    assert_ok(gp_json_parse((const char *)bytes->data, bytes->size, false, 64, &root, &err));
    gp_bytes_clear(bytes);
    return root;
}

static inline gp_bpe *open_mini(void)
{
    gp_bpe *bpe = NULL;
    assert_ok(gp_bpe_open(source_path("models/drawn-world-mini"), &bpe, &err));
    return bpe;
}

/* Opens the vocabulary of OpenAI's CLIP, which only some machines have.  Without it, prints a line and returns NULL. */
static inline gp_bpe *open_clip_vocabulary(const char *what)
{
    const char *folder = shared_path("data/tokenizer", what);
    gp_bpe *bpe = NULL;
    if (folder) assert_ok(gp_bpe_open(folder, &bpe, &err));
    return bpe;
}

/* Compares ids [n] with a golden list.  Returns false if they differ. */
static inline bool same_ids(const int32_t *ids, size_t n, const gp_json *want)
{
    if (n != gp_json_count(want)) return false;
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        if (!gp_json_i64(gp_json_at(want, i), &v) || v != ids[i]) return false;
    }
    return true;
}

/* Checks that the text has the ids `want`, and that truncation to 77 ids gives the first 76 and the end token. */
static inline void check_text(const gp_bpe *bpe, const char *text, size_t size, const gp_json *want, size_t number)
{
    int32_t *ids = NULL, cut[77];
    size_t n, kept, full;
    assert_ok(gp_bpe_encode(bpe, text, size, &ids, &n, &err));
    if (!same_ids(ids, n, want)) fail_msg("text %zu: '%.200s': ids differ", number, text);
    assert_ok(gp_bpe_encode_cut(bpe, text, size, 77, cut, &kept, &full, &err));
    assert_int_equal(full, n);
    assert_int_equal(kept, n < 77 ? n : 77);
    assert_memory_equal(cut, ids, (kept - 1) * sizeof *ids);
    assert_int_equal(cut[kept - 1], gp_bpe_eos(bpe));
    gp_mem_free(ids);
}

static inline uint32_t ids_crc(const int32_t *ids, size_t n)
{
    return (uint32_t)crc32_z(0, (const void *)ids, n * sizeof *ids);
}

#endif
