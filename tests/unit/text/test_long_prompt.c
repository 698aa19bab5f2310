/* SPDX-License-Identifier: MIT
 * Long texts: the sizes of parts, the first sentence, and the embedding of a text of several parts. */
#include "unit/api/model_support.h"

#include "api/api.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/long_prompt.h"

#include <math.h>

static const gp_tokenizer *tokenizer(void)
{
    return gp_encoder_tokenizer(model->encoder);
}

/* Returns `count` times "cat ", each one token; with ',' after the words whose index is in `commas`, which ends with
 * -1. */
static char *cats(int count, const int *commas)
{
    gp_str s = GP_STR_INIT;
    for (int i = 0; i < count; i++) {
        gp_str_puts(&s, "cat");
        for (const int *c = commas; *c >= 0; c++)
            if (*c == i) gp_str_puts(&s, ",");
        gp_str_puts(&s, " ");
    }
    return gp_str_take(&s);
}

static void check_parts(gp_long_prompt rule, int count, const int *commas, const size_t *sizes, bool cut)
{
    gp_error err = {0};
    gp_token_parts parts;
    char *text = cats(count, commas);
    size_t tokens = (size_t)count + 2, n = 0;
    for (const int *c = commas; *c >= 0; c++) tokens++;
    assert_ok(gp_token_parts_make(tokenizer(), rule, text, strlen(text), 77, &parts, &err));
    assert_int_equal(parts.full, tokens);
    assert_int_equal(parts.cut, cut);
    for (; sizes[n]; n++) {
        assert_true(n < parts.count);
        const gp_token_part *p = &parts.items[n];
        assert_int_equal(p->content, sizes[n]);
        assert_int_equal(p->count, sizes[n] + 2);
        assert_int_equal(p->ids[0], parts.items[0].ids[0]);
        assert_string_equal(gp_tokenizer_token(tokenizer(), p->ids[0]), "<|startoftext|>");
        assert_string_equal(gp_tokenizer_token(tokenizer(), p->ids[p->count - 1]), "<|endoftext|>");
    }
    assert_int_equal(parts.count, n);
    gp_token_parts_clear(&parts);
    gp_mem_free(text);
}

#define SIZES(...)  ((const size_t[]){__VA_ARGS__, 0})
#define COMMAS(...) ((const int[]){__VA_ARGS__, -1})

static void test_sizes_of_parts(void **state)
{
    (void)state;
    for (int rule = 0; rule < GP_LONG_PROMPTS; rule++)
        check_parts((gp_long_prompt)rule, 75, COMMAS(-1), SIZES(75), false);
    check_parts(GP_LONG_PROMPT_TRUNCATE, 76, COMMAS(-1), SIZES(75), true);
    check_parts(GP_LONG_PROMPT_FIRST_SENTENCE, 76, COMMAS(-1), SIZES(75), true);
    check_parts(GP_LONG_PROMPT_CHUNKS, 76, COMMAS(-1), SIZES(75, 1), false);
    check_parts(GP_LONG_PROMPT_CHUNKS, 200, COMMAS(-1), SIZES(75, 75, 50), false);
    /* word 54 and its comma are tokens 54 and 55: the comma is one of the last 20 tokens, index 55 to 74 */
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(54), SIZES(56, 45), false);
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(53), SIZES(75, 26), false);
    /* the last comma decides; a part of 75 tokens stays if its last token or the token after it is a comma */
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(57, 60), SIZES(63, 39), false);
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(73), SIZES(75, 26), false);
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(60, 73), SIZES(75, 27), false);
    check_parts(GP_LONG_PROMPT_CHUNKS, 100, COMMAS(74), SIZES(75, 26), false);
}

static void test_very_long_text(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_token_parts parts;
    char *text = cats(75 * GP_TEXT_MOST_PARTS + 1, COMMAS(-1));
    assert_ok(gp_token_parts_make(tokenizer(), GP_LONG_PROMPT_CHUNKS, text, strlen(text), 77, &parts, &err));
    assert_int_equal(parts.count, GP_TEXT_MOST_PARTS);
    assert_true(parts.cut);
    gp_token_parts_clear(&parts);
    gp_mem_free(text);
}

static void test_first_sentence(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"A cat. A dog.", "A cat."},
        {"A cat, no dog", "A cat, no dog"},
        {"A cat!  Two dogs", "A cat!"},
        {"Is it? No", "Is it?"},
        {"shot at f/1.8 lens. Sharp", "shot at f/1.8 lens."},
        {"a cat, e.g. a tiger. A dog", "a cat, e.g. a tiger."},
        {"\n a cat\na dog", "\n a cat"},
        {"...and a cat", "...and a cat"},
        {"\xE7\x8C\xAB\xE3\x80\x82\xE7\x8A\xAC", "\xE7\x8C\xAB\xE3\x80\x82"},
        {"", ""},
        {" ", " "},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (gp_text_first_sentence(texts[i][0], strlen(texts[i][0])) != strlen(texts[i][1]))
            fail_msg("the first sentence of '%s' is not '%s'", texts[i][0], texts[i][1]);
}

/* The embedding of a long text is the normalised mean of the embeddings of its parts, weighted by their tokens. */
static void test_embedding(void **state)
{
    (void)state;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_error err = {0};
    assert_ok(gp_model_info(model, &facts, &err));
    const size_t d = facts.embedding;
    char *text = cats(100, COMMAS(60)), *first = cats(61, COMMAS(60)), *second = cats(39, COMMAS(-1));
    const char *const texts[] = {"a red fox", text, first, second};
    float *out = malloc(4 * d * sizeof *out);
    double length = 0, *sum = calloc(d, sizeof *sum);
    gp_encoder_set_long_prompt(model->encoder, GP_LONG_PROMPT_CHUNKS);
    assert_ok(gp_encode_texts(model, texts, 4, NULL, out, &err));
    gp_encoder_set_long_prompt(model->encoder, GP_LONG_PROMPT_TRUNCATE);
    for (size_t j = 0; j < d; j++) {
        sum[j] = 62 * (double)out[2 * d + j] + 39 * (double)out[3 * d + j];
        length += sum[j] * sum[j];
    }
    for (size_t j = 0; j < d; j++) {
        double expected = sum[j] / sqrt(length);
        if (fabs((double)out[d + j] - expected) > 1e-6)
            fail_msg("number %zu is %g, not %g", j, (double)out[d + j], expected);
    }
    float *alone = malloc(d * sizeof *alone);
    assert_ok(gp_encode_texts(model, texts, 1, NULL, alone, &err));
    assert_memory_equal(alone, out, d * sizeof *alone);
    free(alone);
    free(sum);
    free(out);
    gp_mem_free(second);
    gp_mem_free(first);
    gp_mem_free(text);
}

static void test_without_memory(void **state)
{
    (void)state;
    char *text = cats(300, COMMAS(-1));
    int64_t live = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    for (uint64_t at = 1; st == GP_ERR_MEMORY; at++) {
        gp_error err = {0};
        gp_token_parts parts;
        gp_mem_fail_at(at);
        st = gp_token_parts_make(tokenizer(), GP_LONG_PROMPT_CHUNKS, text, strlen(text), 77, &parts, &err);
        gp_mem_fail_at(0);
        gp_token_parts_clear(&parts);
        assert_int_equal(gp_mem_live(), live);
    }
    assert_int_equal(st, GP_OK);
    gp_mem_free(text);
}

static void test_wrong_rule(void **state)
{
    (void)state;
    gp_model_options options = GP_MODEL_DEFAULTS;
    gp_model *opened = NULL;
    gp_error err = {0};
    options.long_prompt = GP_LONG_PROMPTS;
    assert_int_equal(gp_model_open(source_path("models/drawn-world-mini"), &options, &opened, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "long_prompt is 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes_of_parts), cmocka_unit_test(test_very_long_text),
                                       cmocka_unit_test(test_first_sentence), cmocka_unit_test(test_embedding),
                                       cmocka_unit_test(test_without_memory), cmocka_unit_test(test_wrong_rule)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
