/* SPDX-License-Identifier: MIT
 * Valid and invalid bodies of ratings and searches. */
#include "bodies_support.h"

/* ------------------------------------------------------------------ ratings */

static void ratings(void **state)
{
    (void)state;
    right(rate,
          "\t{ \"changes\" : [ {\"hash\":\"" HASH "\",\"flag\":1,\"stars\":4}, {\"stars\":0,\"hash\":\"" OTHER "\"},"
          "{\"hash\":\"" HASH "\",\"flag\":-1,\"stars\":null}, {\"hash\":\"" HASH "\",\"stars\":5.0,\"flag\":null},"
          "{\"hash\":\"" HASH "\"} ] }\n");
    assert_int_equal(count, 5);
    assert_hash(&changes[0].hash, HASH);
    assert_true(changes[0].has_flag && changes[0].has_stars && changes[0].flag == 1 && changes[0].stars == 4);
    assert_hash(&changes[1].hash, OTHER);
    assert_true(!changes[1].has_flag && changes[1].has_stars && changes[1].stars == 0);
    assert_true(changes[2].has_flag && !changes[2].has_stars && changes[2].flag == -1);
    assert_true(!changes[3].has_flag && changes[3].has_stars && changes[3].stars == 5);
    assert_true(!changes[4].has_flag && !changes[4].has_stars);
    clear(rate);
    right(rate, "{\"changes\":[]}");
    assert_int_equal(count, 0);
    clear(rate);
}

static void wrong_ratings(void **state)
{
    (void)state;
    WRONG(rate, "{}", "{\"changes\":null}", "{\"changes\":{}}", "{\"changes\":\"x\"}", "{\"changes\":1}",
          "{\"Changes\":[]}", "{\"changes\":[1]}", "{\"changes\":[null]}", "{\"changes\":[[]]}", "{\"changes\":[{}]}",
          "{\"changes\":[{\"flag\":1}]}");
    static const char *const hashes[] = {"null",
                                         "1",
                                         "\"\"",
                                         "[]",
                                         "{}",
                                         "\"u1\"",
                                         "\"" HASH "0\"",
                                         "\" " HASH "\"",
                                         "\"" HASH " \"",
                                         "\"" HASH "\\u0000\"",
                                         "\"0123456789abcdef00ff00ff00ff00f\"",
                                         "\"0123456789abcdef00ff00ff00ff00fg\"",
                                         "\"0123456789abcdef\\u000000ff00ff00ff00f\"",
                                         "\"0123456789abcdef00ff00ff00ff00\\u00e9\""};
    static const char *const flags[] = {"2",
                                        "-2",
                                        "0.5",
                                        "1.5",
                                        "true",
                                        "\"1\"",
                                        "[]",
                                        "{}",
                                        "1e400",
                                        "-1e400",
                                        "1e19",
                                        "4294967297",
                                        "4294967295",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "-9223372036854775808",
                                        "-18446744073709551615",
                                        "9223372036854775807",
                                        "1000000000000000000000000000000000000000"};
    char body[300];
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        snprintf(body, sizeof body, "{\"changes\":[{\"hash\":\"" HASH "\"},{\"hash\":%s,\"flag\":1}]}", hashes[i]);
        wrong(rate, body);
        assert_non_null(strstr(err.message, "hash"));
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        for (int stars = 0; stars < 2; stars++) {
            const char *number = stars && !strcmp(flags[i], "2")    ? "6"
                                 : stars && !strcmp(flags[i], "-2") ? "-1"
                                                                    : flags[i];
            snprintf(body, sizeof body, "{\"changes\":[{\"hash\":\"" HASH "\",\"%s\":%s}]}", stars ? "stars" : "flag",
                     number);
            wrong(rate, body);
            assert_non_null(strstr(err.message, stars ? "0 to 5" : "-1 to 1"));
        }
}

static void too_many_ratings(void **state)
{
    (void)state;
    char *body = list_of("changes", "{\"hash\":\"" HASH "\"}", GP_MAX_CHANGES);
    right(rate, body);
    assert_int_equal(count, GP_MAX_CHANGES);
    assert_hash(&changes[GP_MAX_CHANGES - 1].hash, HASH);
    clear(rate);
    gp_mem_free(body);
    body = list_of("changes", "{\"hash\":\"" HASH "\"}", GP_MAX_CHANGES + 1);
    wrong(rate, body);
    gp_mem_free(body);
    body = list_of("changes", "0", 1000000);
    wrong(rate, body);
    gp_mem_free(body);
}

/* ------------------------------------------------------------------ search */

static void wishes(void **state)
{
    (void)state;
    right(search, "{\"text\":\"a red car\",\"more\":[\"" HASH "\",\"u7\"],\"less\":[\"u18446744073709551615\"]}");
    assert_string_equal(query.text, "a red car");
    assert_int_equal(query.more_count, 2);
    assert_int_equal(query.less_count, 1);
    assert_false(query.more[0].uploaded);
    assert_hash(&query.more[0].hash, HASH);
    assert_true(query.more[1].uploaded && query.more[1].number == 7);
    assert_true(query.less[0].uploaded && query.less[0].number == UINT64_MAX);
    clear(search);
    right(search, "{\"text\":null,\"more\":null,\"less\":[\"" HASH "\"]}");
    assert_true(!query.text && !query.more_count && query.less_count == 1);
    clear(search);
    right(search, "{\"text\":\" \\t\\r\\n\",\"more\":[\"u0\"]}"); /* a text of blanks counts as no text */
    assert_null(query.text);
    clear(search);
    right(search, "{\"text\":\" \xE4\xB8\x80 \\ud83e\\udd8a\"}");
    assert_string_equal(query.text, " \xE4\xB8\x80 \xF0\x9F\xA6\x8A");
    clear(search);
}

static void wrong_wishes(void **state)
{
    (void)state;
    WRONG(search, "{}", "{\"text\":null}", "{\"text\":\"\"}", "{\"text\":\" \\t\"}", "{\"more\":[],\"less\":[]}",
          "{\"text\":1}", "{\"text\":[\"a\"]}", "{\"text\":true}", "{\"text\":\"a\\u0000b\"}", "{\"text\":\"\\u0000\"}",
          "{\"text\":\"a\",\"more\":\"" HASH "\"}", "{\"text\":\"a\",\"more\":{}}", "{\"text\":\"a\",\"less\":7}");
    static const char *const items[] = {"null",
                                        "7",
                                        "[]",
                                        "{}",
                                        "\"\"",
                                        "\"u\"",
                                        "\"u-1\"",
                                        "\"u+1\"",
                                        "\"u 1\"",
                                        "\"u1 \"",
                                        "\"U1\"",
                                        "\"u1.0\"",
                                        "\"u1e3\"",
                                        "\"u18446744073709551616\"",
                                        "\"u" HASH "\"",
                                        "\"" HASH "0\"",
                                        "\"0123\"",
                                        "\"" HASH "\\u0000\"",
                                        "\"u1\\u0000\"",
                                        "\"u1\\u00002\""};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        for (int less = 0; less < 2; less++) {
            char body[200];
            snprintf(body, sizeof body, "{\"text\":\"a\",\"%s\":[\"" HASH "\",%s]}", less ? "less" : "more", items[i]);
            wrong(search, body);
            assert_non_null(strstr(err.message, less ? "less" : "more"));
        }
}

static void long_wishes(void **state)
{
    (void)state;
    char body[GP_MAX_WORDS + 100];
    for (size_t n = GP_MAX_WORDS; n <= GP_MAX_WORDS + 1; n++) {
        size_t at = (size_t)snprintf(body, sizeof body, "{\"text\":\"");
        memset(body + at, 'a', n);
        strncpy(body + at + n, "\"}", 3);
        if (n > GP_MAX_WORDS) {
            wrong(search, body);
        } else {
            right(search, body);
            assert_int_equal(strlen(query.text), n);
            clear(search);
        }
    }
    for (int less = 0; less < 2; less++) {
        char *list = list_of(less ? "less" : "more", "\"u1\"", GP_MAX_ALIKE);
        right(search, list);
        assert_int_equal(less ? query.less_count : query.more_count, GP_MAX_ALIKE);
        clear(search);
        gp_mem_free(list);
        list = list_of(less ? "less" : "more", "\"u1\"", GP_MAX_ALIKE + 1);
        wrong(search, list);
        gp_mem_free(list);
        list = list_of(less ? "less" : "more", "0", 30000);
        wrong(search, list);
        gp_mem_free(list);
    }
}

/* ------------------------------------------------------------------ tags */

static void tags(void **state)
{
    (void)state;
    right(tag, "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":\"  at\\n night\"},{\"hash\":\"" OTHER
               "\",\"tag\":\"cafe\\u0301\",\"removed\":true},{\"hash\":\"" HASH "\",\"tag\":\"x\",\"removed\":null}]}");
    assert_int_equal(count, 3);
    assert_hash(&taggings[0].hash, HASH);
    assert_string_equal(taggings[0].tag, "at night");
    assert_true(!taggings[0].removed && taggings[1].removed && !taggings[2].removed);
    assert_string_equal(taggings[1].tag, "caf\xc3\xa9");
    clear(tag);
    right(tag, "{\"changes\":[]}");
    assert_int_equal(count, 0);
    clear(tag);
}

static void wrong_tags(void **state)
{
    (void)state;
    char body[2000];
    static const char *const texts[] = {"null", "1",       "\"\"",         "\" \"",      "[]",
                                        "{}",   "\"a,b\"", "\"a\\u0000\"", "\"\\u001b\""};
    WRONG(tag, "{}", "{\"changes\":{}}", "{\"changes\":[1]}", "{\"changes\":[{}]}", "{\"changes\":[{\"tag\":\"x\"}]}",
          "{\"changes\":[{\"hash\":\"" HASH "\"}]}",
          "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":\"x\",\"removed\":1}]}",
          "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":\"x\"},{\"hash\":\"" HASH "\",\"tag\":\"\"}]}");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(body, sizeof body, "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":%s}]}", texts[i]);
        wrong(tag, body);
    }
    snprintf(body, sizeof body, "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":\"%0101d\"}]}", 7);
    wrong(tag, body);
    char *most = list_of("changes", "{\"hash\":\"" HASH "\",\"tag\":\"x\"}", GP_MAX_CHANGES + 1);
    wrong(tag, most);
    gp_mem_free(most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratings),      cmocka_unit_test(wrong_ratings),    cmocka_unit_test(tags),
        cmocka_unit_test(wrong_tags),   cmocka_unit_test(too_many_ratings), cmocka_unit_test(wishes),
        cmocka_unit_test(wrong_wishes), cmocka_unit_test(long_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
