/* SPDX-License-Identifier: MIT
 * Token ids compared with the reference: the mini tokenizer always; if ../shared exists, OpenAI's vocabulary on 691
 * difficult texts, 2,528 vectors, and the 8,691 lines of seven prompt sets. */
#include "text_support.h"
#include "base/str.h"

#include <time.h>

/* Checks the texts [{"text", "ids"}] of a golden file. */
static size_t check_list(const gp_bpe *bpe, const gp_json *texts)
{
    for (size_t i = 0; i < gp_json_count(texts); i++) {
        size_t size;
        const char *text = gp_json_text(gp_json_get(gp_json_at(texts, i), "text"), &size);
        assert_non_null(text);
        check_text(bpe, text, size, gp_json_get(gp_json_at(texts, i), "ids"), i);
    }
    return gp_json_count(texts);
}

static void test_mini(void **state)
{
    (void)state;
    gp_bytes bytes;
    gp_json *root = read_json(source_path("tests/golden/tokenizer/mini.json"), &bytes);
    gp_bpe *bpe = open_mini();
    assert_int_equal(check_list(bpe, gp_json_get(root, "texts")), 112);
    assert_int_equal(gp_bpe_bos(bpe), 861);
    assert_int_equal(gp_bpe_eos(bpe), 862);
    assert_int_equal(gp_bpe_size(bpe), 863);
    assert_string_equal(gp_bpe_entry(bpe, 862), "<|endoftext|>");
    assert_string_equal(gp_bpe_entry(bpe, 0), "!");
    assert_null(gp_bpe_entry(bpe, 863));
    assert_null(gp_bpe_entry(bpe, -1));
    gp_bpe_free(bpe);
    gp_json_free(root);
}

/* If lower-casing produces the letters of a special token, they are not that token: they become three separate
 * pieces. */
static void test_specials_by_lower_case(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"<|ENDOFTEXT|>!!", "<| endoftext |> !!"},
                                          {"!!<|EndOfText|>", "!!<| endoftext |>"},
                                          {"x<|STARTOFTEXT|>>9", "x <| startoftext |> > 9"}};
    gp_bpe *bpe = open_mini();
    for (size_t i = 0; i < 3; i++) {
        int32_t *a, *b;
        size_t n, m;
        assert_ok(gp_bpe_encode(bpe, same[i][0], strlen(same[i][0]), &a, &n, &err));
        assert_ok(gp_bpe_encode(bpe, same[i][1], strlen(same[i][1]), &b, &m, &err));
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n * sizeof *a);
        gp_mem_free(b);
        gp_mem_free(a);
    }
    gp_bpe_free(bpe);
}

static void test_nasty_mini(void **state)
{
    (void)state;
    gp_bytes bytes;
    gp_json *nasty = read_json(source_path("tests/golden/tokenizer/nasty.json"), &bytes);
    gp_json *root = read_json(source_path("tests/golden/tokenizer/nasty_mini.json"), &bytes);
    const gp_json *texts = gp_json_get(nasty, "texts"), *sums = gp_json_get(root, "crc32");
    gp_bpe *bpe = open_mini();
    assert_int_equal(gp_json_count(sums), 691);
    assert_int_equal(gp_json_count(texts), 691);
    for (size_t i = 0; i < 691; i++) {
        size_t size, n;
        int32_t *ids;
        const char *text = gp_json_text(gp_json_get(gp_json_at(texts, i), "text"), &size);
        assert_ok(gp_bpe_encode(bpe, text, size, &ids, &n, &err));
        if (ids_crc(ids, n) != strtoul(gp_json_text(gp_json_at(sums, i), NULL), NULL, 16))
            fail_msg("text %zu: '%s': ids differ", i, text);
        gp_mem_free(ids);
    }
    gp_bpe_free(bpe);
    gp_json_free(root);
    gp_json_free(nasty);
}

static void test_nasty(void **state)
{
    (void)state;
    gp_bpe *bpe = open_clip_vocabulary("nasty texts with OpenAI's vocabulary");
    if (!bpe) return;
    gp_bytes bytes;
    gp_json *root = read_json(source_path("tests/golden/tokenizer/nasty.json"), &bytes);
    assert_int_equal(check_list(bpe, gp_json_get(root, "texts")), 691);
    gp_json_free(root);
    gp_bpe_free(bpe);
}

static void test_vectors(void **state)
{
    (void)state;
    gp_bpe *bpe = open_clip_vocabulary("2,528 vectors");
    if (!bpe) return;
    gp_bytes file, none;
    assert_ok(gp_file_read(shared_path("data/tokenizer/clip_bpe_vectors.jsonl", "vectors"), 8 << 20, &file, &err));
    gp_json *checked = read_json(shared_path("golden/encode/tokenizer/vectors_checked.json", "vectors"), &none);
    const gp_json *other = gp_json_at(gp_json_get(checked, "hf_fast_differs_from_ids_fast"), 0);
    uint64_t other_line = 0;
    assert_true(gp_json_u64(gp_json_get(other, "line"), &other_line));
    size_t line = 0;
    for (char *at = (char *)file.data, *text; (text = strsep(&at, "\n")) && *text; line++) {
        gp_json *row;
        size_t size;
        assert_ok(gp_json_parse(text, strlen(text), true, 8, &row, &err));
        const char *words = gp_json_text(gp_json_get(row, "text"), &size);
        const gp_json *want = gp_json_get(row, "ids_fast");
        if (!want) want = gp_json_get(row, "ids");
        check_text(bpe, words, size, line == other_line ? gp_json_get(other, "hf") : want, line);
        gp_json_free(row);
    }
    assert_int_equal(line, 2528);
    gp_json_free(checked);
    gp_bytes_clear(&file);
    gp_bpe_free(bpe);
}

/* A long word gives the same result as its parts, because no merge crosses the boundaries between them. */
static void test_long_words(void **state)
{
    (void)state;
    enum { N = 100000 };
    gp_bpe *bpe = open_mini();
    char *text = malloc(N);
    for (size_t i = 0; i < N; i++) text[i] = "triangles"[i % 9];
    int32_t *ids, *one;
    size_t n, m;
    const clock_t start = clock(); /* CPU time, which does not depend on other programs */
    assert_ok(gp_bpe_encode(bpe, text, N, &ids, &n, &err));
    /* an algorithm of quadratic time would take minutes; the measured time is 0.02 s */
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    /* this text is just below the length at which the algorithm for long pieces begins */
    assert_ok(gp_bpe_encode(bpe, text, 9 * 7, &one, &m, &err));
    const size_t per_word = (n - 2) / (N / 9);
    assert_true(per_word >= 1 && m >= 7 * per_word);
    assert_memory_equal(ids, one, (m - 2 - per_word * 2) * sizeof *ids);
    gp_mem_free(one);
    gp_mem_free(ids);

    memset(text, 'a', N); /* pairs of equal rank are merged from left to right */
    assert_ok(gp_bpe_encode(bpe, text, N, &ids, &n, &err));
    gp_mem_free(ids);
    free(text);
    gp_bpe_free(bpe);
}

static void test_any_bytes(void **state)
{
    (void)state;
    gp_bpe *bpe = open_mini();
    char text[256];
    for (int i = 0; i < 256; i++) text[i] = (char)i;
    int32_t *ids, cut[4];
    size_t n, full;
    assert_ok(gp_bpe_encode(bpe, text, sizeof text, &ids, &n, &err));
    assert_in_range(n, 100, 600);
    gp_mem_free(ids);
    assert_ok(gp_bpe_encode_cut(bpe, "", 0, 4, cut, &n, &full, &err));
    assert_int_equal(n, 2);
    assert_int_equal(full, 2);
    assert_ok(gp_bpe_encode_cut(bpe, "red blue green star", 19, 4, cut, &n, &full, &err));
    assert_int_equal(n, 4);
    assert_true(full > 4 && cut[0] == 861 && cut[3] == 862);
    assert_int_equal(gp_bpe_encode_cut(bpe, "a", 1, 1, cut, &n, &full, &err), GP_ERR_USAGE);
    gp_bpe_free(bpe);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    gp_bpe *bpe = open_mini();
    gp_str text = GP_STR_INIT;
    gp_str_puts(&text, "a red e\xCC\x81toile <|endoftext|> and ");
    for (int i = 0; i < 100; i++) gp_str_puts(&text, "\xC3\x89");
    const int64_t before = gp_mem_live();
    gp_status st;
    int failed = 0;
    do {
        int32_t *ids;
        size_t n;
        gp_mem_fail_at((uint64_t)failed + 1);
        st = gp_bpe_encode(bpe, text.data, text.size, &ids, &n, &err);
        if (st == GP_OK)
            gp_mem_free(ids);
        else
            assert_int_equal(st, GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    } while (st != GP_OK && ++failed < 100);
    gp_mem_fail_at(0);
    assert_in_range(failed, 10, 60);
    gp_str_clear(&text);
    gp_bpe_free(bpe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mini),       cmocka_unit_test(test_specials_by_lower_case),
        cmocka_unit_test(test_nasty_mini), cmocka_unit_test(test_nasty),
        cmocka_unit_test(test_vectors),    cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_any_bytes),  cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
