/* SPDX-License-Identifier: MIT
 * The three sources of a tokenizer give the same tokenizer.  Damaged files are rejected with the file and the entry.
 * Every allocation may fail. */
#include "text_support.h"
#include "base/str.h"

#include <time.h>

static gp_bytes vocab, merges;

static int read_files(void **state)
{
    (void)state;
    assert_ok(gp_file_read(source_path("models/drawn-world-mini/vocab.json"), 1 << 20, &vocab, &err));
    assert_ok(gp_file_read(source_path("models/drawn-world-mini/merges.txt"), 1 << 20, &merges, &err));
    return 0;
}

static int clear_files(void **state)
{
    (void)state;
    gp_bytes_clear(&merges);
    gp_bytes_clear(&vocab);
    return 0;
}

/* Makes a tokenizer.json of the same vocabulary. pairs: write merges as ["a", "b"]; added: write the special tokens
 * only in added_tokens. */
static void make_tokenizer_json(gp_str *out, bool pairs, bool added)
{
    const char *text = (const char *)vocab.data;
    size_t size = vocab.size;
    if (added) size = (size_t)(strstr(text, ", \"<|startoftext|>\"") - text);
    gp_str_puts(out,
                "{\"version\": \"1.0\", \"added_tokens\": [{\"id\": 861, \"content\": \"<|startoftext|>\"}, "
                "{\"id\": 862, \"content\": \"<|endoftext|>\", \"special\": true}], \"model\": {\"type\": \"BPE\", "
                "\"end_of_word_suffix\": \"</w>\", \"vocab\": ");
    gp_str_add(out, text, size);
    gp_str_puts(out, added ? "}, \"merges\": [" : ", \"merges\": [");
    char *copy = gp_str_dup_n((const char *)merges.data, merges.size), *at = copy;
    strsep(&at, "\n");
    for (char *line, *comma = ""; (line = strsep(&at, "\n")) && *line; comma = ", ") {
        char *right = strchr(line, ' ');
        gp_str_puts(out, comma);
        if (pairs) gp_str_putc(out, '['), *right++ = '\0';
        gp_json_put_string(out, line);
        if (pairs) gp_str_puts(out, ", "), gp_json_put_string(out, right), gp_str_putc(out, ']');
    }
    gp_str_puts(out, "]}}");
    gp_mem_free(copy);
}

static void check_same(const gp_bpe *a, const gp_bpe *b)
{
    static const char text[] = "a photo of two Striped sailboats <|endoftext|> na\xC3\xAFve 3!";
    int32_t *x, *y;
    size_t n, m;
    assert_int_equal(gp_bpe_size(a), gp_bpe_size(b));
    for (int32_t id = 0; id < (int32_t)gp_bpe_size(a); id++)
        assert_string_equal(gp_bpe_entry(a, id), gp_bpe_entry(b, id));
    assert_ok(gp_bpe_encode(a, text, strlen(text), &x, &n, &err));
    assert_ok(gp_bpe_encode(b, text, strlen(text), &y, &m, &err));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
    gp_mem_free(y);
    gp_mem_free(x);
}

static void test_same_from_all(void **state)
{
    (void)state;
    gp_bpe *a = open_mini(), *b;
    assert_ok(
        gp_bpe_from_vocab((const char *)vocab.data, vocab.size, (const char *)merges.data, merges.size, &b, &err));
    check_same(a, b);
    gp_bpe_free(b);
    for (int kind = 0; kind < 4; kind++) {
        gp_str json = GP_STR_INIT;
        make_tokenizer_json(&json, kind & 1, kind & 2);
        assert_ok(gp_bpe_from_tokenizer_json(json.data, json.size, &b, &err));
        check_same(a, b);
        gp_bpe_free(b);
        gp_str_clear(&json);
    }
    gp_bpe_free(a);
}

static void test_folders(void **state)
{
    (void)state;
    char folder[] = "/tmp/goldpan-vocab-XXXXXX", path[100];
    gp_bpe *a = open_mini(), *b = NULL;
    gp_str json = GP_STR_INIT;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(gp_bpe_open(folder, &b, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, folder));

    make_tokenizer_json(&json, true, true);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    assert_ok(gp_file_replace(path, json.data, json.size, &err));
    assert_ok(gp_bpe_open(folder, &b, &err));
    check_same(a, b);
    gp_bpe_free(b);

    char other[100]; /* a vocab.json without merges.txt is ignored */
    snprintf(other, sizeof other, "%s/vocab.json", folder);
    assert_ok(gp_file_replace(other, "{", 1, &err));
    assert_ok(gp_bpe_open(folder, &b, &err));
    gp_bpe_free(b);
    char third[100];
    snprintf(third, sizeof third, "%s/merges.txt", folder);
    assert_ok(gp_file_replace(third, "", 0, &err));
    assert_int_equal(gp_bpe_open(folder, &b, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, other));
    unlink(path), unlink(other), unlink(third), rmdir(folder);
    gp_str_clear(&json);
    gp_bpe_free(a);
}

/* Replaces the text `from` in vocab.json by `to`, and checks the error. */
static void check_vocab(const char *from, const char *to, const char *word)
{
    gp_str text = GP_STR_INIT;
    const char *all = (const char *)vocab.data, *at = strstr(all, from);
    gp_bpe *bpe = NULL;
    assert_non_null(at);
    gp_str_add(&text, all, (size_t)(at - all));
    gp_str_puts(&text, to);
    gp_str_puts(&text, at + strlen(from));
    err = (gp_error){0};
    gp_status st = gp_bpe_from_vocab(text.data, text.size, (const char *)merges.data, merges.size, &bpe, &err);
    if (st != GP_ERR_FORMAT || !strstr(err.message, word) || !strstr(err.message, "vocab.json"))
        fail_msg("'%s' for '%s': %d %s", to, from, st, err.message);
    assert_null(bpe);
    gp_str_clear(&text);
}

static void test_bad_vocab(void **state)
{
    (void)state;
    check_vocab("{", "[", "");
    check_vocab("\"%\": 4", "\"%\": 3", "'%'");
    check_vocab("\"%\": 4", "\"%\": -1", "'%'");
    check_vocab("\"%\": 4", "\"%\": 1.5", "'%'");
    check_vocab("\"%\": 4", "\"%\": \"4\"", "'%'");
    check_vocab("\"%\": 4", "\"%\": 4294967297", "'%'");
    check_vocab("\"%\": 4", "\"%%\": 4", "'%'");
    check_vocab("\"<|endoftext|>\": 862", "\"<|end|>\": 862", "<|endoftext|>");
    check_vocab("\"<|startoftext|>\"", "\"<|start|>\"", "<|startoftext|>");
    check_vocab("\"%\": 4, ", "\"%\": 4, \"%\": 4, ", "");
}

static void check_merges(const char *text, size_t size, gp_status status, const char *word)
{
    gp_bpe *bpe = NULL;
    err = (gp_error){0};
    gp_status st = gp_bpe_from_vocab((const char *)vocab.data, vocab.size, text, size, &bpe, &err);
    if (st != status || !strstr(err.message, word)) fail_msg("merges '%s': %d %s", text, st, err.message);
    gp_bpe_free(bpe);
}
#define MERGES(text, status, word) check_merges(text, sizeof(text) - 1, status, word)

static void test_merges(void **state)
{
    (void)state;
    MERGES("", GP_OK, "");
    MERGES("#version: 0.2\r\no f</w>\r\ni n\r\n\r\n", GP_OK, "");
    MERGES("#version: 0.2\no f</w>\ni n\nthree words here\n", GP_ERR_FORMAT, "merge 4");
    MERGES("o f</w>\nq z\n", GP_ERR_FORMAT, "merge 2: 'qz'");
    MERGES("quux a\n", GP_ERR_FORMAT, "'quux'");
    MERGES("of\n", GP_ERR_FORMAT, "merges.txt");
    MERGES(" of\n", GP_ERR_FORMAT, "two words");
    MERGES("of \n", GP_ERR_FORMAT, "two words");
    MERGES("o f</w>\0\n", GP_ERR_FORMAT, "merge 1");
}

static void test_bad_tokenizer_json(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "tokenizer.json"},
        {"{}", "vocabulary"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}", "Unigram"},
        {"{\"model\": {\"type\": \"BPE\", \"end_of_word_suffix\": \"\", \"vocab\": {\"a\": 0}}}", "end_of_word_suffix"},
        {"{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": 7}]}", "added_tokens[0]"},
        {"{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": 0, \"content\": \"b\"}]}", "same id 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gp_bpe *bpe = NULL;
        gp_status st = gp_bpe_from_tokenizer_json(bad[i][0], strlen(bad[i][0]), &bpe, &err);
        if (st == GP_OK || !strstr(err.message, bad[i][1])) fail_msg("%s: %d %s", bad[i][0], st, err.message);
    }
    gp_str json = GP_STR_INIT;
    gp_bpe *bpe = NULL;
    make_tokenizer_json(&json, true, false);
    char *first = strstr(json.data, "[\"o\", \"f</w>\"]");
    assert_non_null(first);
    memcpy(first, "[\"o\", 1234567]", 14);
    assert_int_equal(gp_bpe_from_tokenizer_json(json.data, json.size, &bpe, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "merge 0"));
    gp_str_clear(&json);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    const int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    uint64_t failed = 0;
    /* there are many similar JSON values, so after the first hundred allocations only every 37th fails */
    for (uint64_t n = 1; st != GP_OK && n < 100000; n += n < 100 ? 1 : 37) {
        gp_bpe *bpe = NULL;
        gp_mem_fail_at(n);
        st = gp_bpe_open(source_path("models/drawn-world-mini"), &bpe, &err);
        gp_bpe_free(bpe);
        if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
        failed++;
    }
    gp_mem_fail_at(0);
    assert_int_equal(st, GP_OK);
    assert_true(failed > 10);
}

static void test_load_time(void **state)
{
    (void)state;
    const char *folder = shared_path("data/tokenizer", "time to load 49,408 entries");
    gp_bpe *bpe;
    double best = 9;
    if (!folder) return;
    for (int i = 0; i < 3; i++) {
        const clock_t start = clock(); /* CPU time, which does not depend on other programs */
        assert_ok(gp_bpe_open(folder, &bpe, &err));
        const double took = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (took < best) best = took;
        gp_bpe_free(bpe);
    }
    printf("loads in %.0f ms\n", best * 1000);
    assert_true(best < 1.0); /* the limit is generous, because programs with sanitizers are slow */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_from_all),      cmocka_unit_test(test_folders),
        cmocka_unit_test(test_bad_vocab),          cmocka_unit_test(test_merges),
        cmocka_unit_test(test_bad_tokenizer_json), cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_load_time),
    };
    return cmocka_run_group_tests(tests, read_files, clear_files);
}
