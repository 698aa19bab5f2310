/* SPDX-License-Identifier: MIT
 * Rules for every body, and the bodies of saved views and of exports. */
#include "bodies_support.h"

/* ------------------------------------------------------------------ rules for every body */

static void not_json(void **state)
{
    (void)state;
    for (int p = 0; p < PARSERS; p++) {
        WRONG(all[p], "", " ", "x", "{", "}", "{}{}", "{\"a\":1,}", "{'a':1}", "{a:1}", "{\"a\":}", "{\"a\" 1}",
              "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":0x10}",
              "{\"a\":tru}", "{\"a\":\"", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\n\"}", "/**/{}", "{}//",
              "{\"a\":\"\xFF\"}", "{\"\xC3\":1}", "{\"a\":\"\xED\xA0\x80\"}", "[]", "null", "1", "\"text\"", "true",
              "[{\"changes\":[]}]", "{\"a\":1,\"a\":1}");
        wrong_bytes(all[p], "{}\0", 3);
        wrong_bytes(all[p], "\0", 1);
        wrong_bytes(all[p], "{\"a\":\"b\0c\"}", 11);
        wrong_bytes(all[p], "{\"a\0b\":1}", 9);
    }
}

static void deep_ones(void **state)
{
    (void)state;
    enum { DEEP = 200000 };
    char *body = malloc(2 * DEEP + 100);
    for (int p = 0; p < PARSERS; p++)
        for (int open = 0; open < 2; open++) {
            size_t n = 5;
            memcpy(body, "{\"a\":", 5);
            memset(body + n, '[', DEEP);
            n += DEEP;
            if (!open) memset(body + n, ']', DEEP), n += DEEP;
            body[n++] = '}';
            wrong_bytes(all[p], body, n);
        }
    /* deep nesting is rejected even in values that are not used; less nesting is accepted */
    right(saved, "{\"name\":\"n\",\"value\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]}}");
    clear(saved);
    wrong(saved,
          "{\"name\":\"n\",\"value\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}");
    free(body);
}

static void names_given_twice(void **state)
{
    (void)state;
    wrong(rate, "{\"changes\":[],\"changes\":[]}");
    wrong(rate, "{\"changes\":[{\"hash\":\"" HASH "\",\"flag\":1,\"flag\":-1}]}");
    wrong(search, "{\"text\":\"a\",\"text\":\"a\"}");
    wrong(search, "{\"text\":\"a\",\"te\\u0078t\":\"b\"}");
    wrong(saved, "{\"name\":\"a\",\"name\":\"b\"}");
    wrong(saved, "{\"name\":\"a\",\"value\":{\"b\":1,\"b\":2}}");
    wrong(export_, "{\"folder\":\"a\",\"folder\":\"b\"}");
}

static void names_of_the_future(void **state)
{
    (void)state;
    right(rate, "{\"changes\":[{\"hash\":\"" HASH "\",\"why\":[1,{}]}],\"page\":9}");
    clear(rate);
    right(search, "{\"text\":\"a\",\"Text\":7,\"lang\":null}");
    clear(search);
    right(saved, "{\"name\":\"a\",\"order\":3}");
    clear(saved);
    right(export_, "{\"folder\":\"a\",\"resize\":512}");
    clear(export_);
}

/* ------------------------------------------------------------------ saved views */

static void views(void **state)
{
    (void)state;
    right(saved, "{\"name\":\"foxes / \xC3\xA9 \\\"\",\"value\":{ \"a\" : [1, 2.5, null, \"x\"] , \"b\":{}}}");
    assert_string_equal(name, "foxes / \xC3\xA9 \"");
    assert_string_equal(value, "{\"a\":[1,2.5,null,\"x\"],\"b\":{}}");
    clear(saved);
    right(saved, "{\"name\":\"a\",\"value\":null}");
    assert_null(value);
    clear(saved);
    right(saved, "{\"name\":\"a\"}");
    assert_null(value);
    clear(saved);
    right(saved, "{\"name\":\"a\",\"value\":{}}");
    assert_string_equal(value, "{}");
    clear(saved);
}

/* A stored value is sent to browsers, which parse it as strict JSON. */
static void values_stay_json(void **state)
{
    (void)state;
    static const char *const values[] = {"{\"a\":1e400}",
                                         "{\"a\":-1e400}",
                                         "{\"a\":1e-400}",
                                         "{\"a\":18446744073709551616}",
                                         "{\"a\":-0.0}",
                                         "{\"a\":123456789012345678901234567890123456789012345678901234}",
                                         "{\"a\":\"\\ud800\"}",
                                         "{\"a\":\"\\u0000\\u0001\\u001f\\u007f\"}",
                                         "{\"\\ud800\":1}",
                                         "{\"\":\"\\\\\\\"\\/\"}",
                                         "{\"a\":\"\\udc00\\ud800x\"}"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char body[200];
        gp_json *root = NULL;
        snprintf(body, sizeof body, "{\"name\":\"a\",\"value\":%s}", values[i]);
        right(saved, body);
        assert_ok(gp_json_parse(value, strlen(value), true, 64, &root, &err));
        gp_json_free(root);
        clear(saved);
    }
}

static void wrong_views(void **state)
{
    (void)state;
    WRONG(saved, "{}", "{\"name\":null}", "{\"name\":\"\"}", "{\"name\":1}", "{\"name\":[\"a\"]}", "{\"value\":{}}",
          "{\"name\":\"a\\u0000\"}", "{\"name\":\"a\\nb\"}", "{\"name\":\"\\t\"}", "{\"name\":\"a\\u001f\"}",
          "{\"name\":\"a\",\"value\":1}", "{\"name\":\"a\",\"value\":\"{}\"}", "{\"name\":\"a\",\"value\":[]}",
          "{\"name\":\"a\",\"value\":false}");
    char body[GP_MAX_NAME + 100];
    for (size_t n = GP_MAX_NAME; n <= GP_MAX_NAME + 1; n++) {
        snprintf(body, sizeof body, "{\"name\":\"%.*s\xC3\xA9\"}", (int)n - 2,
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaa");
        if (n > GP_MAX_NAME) {
            wrong(saved, body);
        } else {
            right(saved, body);
            assert_int_equal(strlen(name), n);
            clear(saved);
        }
    }
}

/* ------------------------------------------------------------------ export */

static void exports(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        gp_export_mode mode;
    } modes[] = {{"copy", GP_EXPORT_COPY},
                 {"hardlink", GP_EXPORT_HARDLINK},
                 {"symlink", GP_EXPORT_SYMLINK},
                 {"none", GP_EXPORT_NONE}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"folder\":\"/a/b\",\"mode\":\"%s\",\"what\":\"all\"}", modes[i].word);
        right(export_, body);
        assert_string_equal(export.folder, "/a/b");
        assert_int_equal(export.what, GP_EXPORT_CHOICE_ALL);
        assert_int_equal(export.mode, modes[i].mode);
        clear(export_);
    }
    right(export_, "{\"folder\":\"~\",\"mode\":null,\"what\":null}");
    assert_int_equal(export.what, GP_EXPORT_CHOICE_PICKS);
    assert_int_equal(export.mode, GP_EXPORT_COPY);
    clear(export_);
}

static void export_choices(void **state)
{
    (void)state;
    right(export_, "{\"folder\":\"~\",\"what\":\"mine\",\"stars\":3,\"images\":7}"); /* names of other choices */
    assert_int_equal(export.what, GP_EXPORT_CHOICE_MINE);
    assert_int_equal(export.stars, 0);
    assert_null(export.images);
    clear(export_);
    right(export_, "{\"folder\":\"~\",\"what\":\"mine+suggested\"}");
    assert_int_equal(export.what, GP_EXPORT_CHOICE_MINE_SUGGESTED);
    clear(export_);
    right(export_, "{\"folder\":\"~\",\"what\":\"stars\",\"stars\":5}");
    assert_int_equal(export.what, GP_EXPORT_CHOICE_STARS);
    assert_int_equal(export.stars, 5);
    clear(export_);
    right(export_, "{\"folder\":\"~\",\"what\":\"images\",\"images\":[\"" HASH "\",\"" HASH "\"]}");
    assert_int_equal(export.what, GP_EXPORT_CHOICE_IMAGES);
    assert_int_equal(export.image_count, 2);
    assert_string_equal(export.images[1], HASH);
    clear(export_);
    right(export_, "{\"folder\":\"~\",\"what\":\"images\",\"images\":[]}");
    assert_int_equal(export.image_count, 0);
    assert_non_null(export.images); /* no image, not all */
    clear(export_);
    WRONG(export_, "{\"folder\":\"~\",\"what\":\"stars\"}", "{\"folder\":\"~\",\"what\":\"stars\",\"stars\":0}",
          "{\"folder\":\"~\",\"what\":\"stars\",\"stars\":6}", "{\"folder\":\"~\",\"what\":\"stars\",\"stars\":\"3\"}",
          "{\"folder\":\"~\",\"what\":\"images\"}", "{\"folder\":\"~\",\"what\":\"images\",\"images\":{}}",
          "{\"folder\":\"~\",\"what\":\"images\",\"images\":[\"u1\"]}",
          "{\"folder\":\"~\",\"what\":\"images\",\"images\":[\"" HASH "\",3]}");
}

static void exported_images_at_the_limit(void **state)
{
    (void)state;
    static const char item[] = "\"" HASH "\",";
    char *body = malloc((GP_MAX_EXPORTED + 1) * (sizeof item - 1) + 100);
    assert_non_null(body);
    if (!body) return; /* gcc does not know that the line before ends the test */
    for (size_t n = GP_MAX_EXPORTED; n <= GP_MAX_EXPORTED + 1; n++) {
        size_t at = (size_t)sprintf(body, "{\"folder\":\"~\",\"what\":\"images\",\"images\":[");
        for (size_t i = 0; i < n; i++, at += sizeof item - 1) memcpy(body + at, item, sizeof item);
        strncpy(body + at - 1, "]}", 3);
        if (n > GP_MAX_EXPORTED) {
            wrong(export_, body);
        } else {
            right(export_, body);
            assert_int_equal(export.image_count, n);
            clear(export_);
        }
    }
    free(body);
}

static void wrong_exports(void **state)
{
    (void)state;
    WRONG(export_, "{}", "{\"folder\":null}", "{\"folder\":\"\"}", "{\"folder\":1}", "{\"folder\":[\"/a\"]}",
          "{\"folder\":\"/a\\u0000/b\"}", "{\"mode\":\"copy\"}", "{\"folder\":\"/a\",\"mode\":\"\"}",
          "{\"folder\":\"/a\",\"mode\":\"Copy\"}", "{\"folder\":\"/a\",\"mode\":\"copy \"}",
          "{\"folder\":\"/a\",\"mode\":\"move\"}", "{\"folder\":\"/a\",\"mode\":0}", "{\"folder\":\"/a\",\"mode\":[]}",
          "{\"folder\":\"/a\",\"mode\":\"hardlinkhardlink!\"}", "{\"folder\":\"/a\",\"what\":1}",
          "{\"folder\":\"/a\",\"what\":\"sixteen letters!\"}", "{\"folder\":\"/a\",\"what\":\"all\\u0000\"}");
    char body[4200];
    for (size_t n = 4096; n <= 4097; n++) {
        size_t at = (size_t)snprintf(body, sizeof body, "{\"folder\":\"");
        memset(body + at, 'a', n);
        strncpy(body + at + n, "\"}", 3);
        if (n > 4096) {
            wrong(export_, body);
        } else {
            right(export_, body);
            clear(export_);
        }
    }
}

/* ------------------------------------------------------------------ memory */

static void memory_may_fail(void **state)
{
    (void)state;
    static const char *const bodies[PARSERS] = {
        "{\"changes\":[{\"hash\":\"" HASH "\",\"flag\":1}]}", "{\"text\":\"a\",\"more\":[\"u1\"]}",
        "{\"name\":\"a\",\"value\":{\"b\":[1,2]}}", "{\"folder\":\"a\",\"what\":\"images\",\"images\":[\"" HASH "\"]}",
        "{\"changes\":[{\"hash\":\"" HASH "\",\"tag\":\"a\"}]}"};
    for (int p = 0; p < PARSERS; p++) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(0);
        right(all[p], bodies[p]);
        uint64_t seen = gp_mem_fail_at(0);
        clear(all[p]);
        assert_true(seen >= 2);
        for (uint64_t k = 1; k <= seen; k++) {
            gp_mem_fail_at(k);
            gp_status st = bytes(all[p], bodies[p], strlen(bodies[p]));
            gp_mem_fail_at(0);
            if (st == GP_OK)
                clear(all[p]);
            else
                assert_int_equal(st, GP_ERR_MEMORY);
            assert_int_equal(gp_mem_live(), live);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_json),
        cmocka_unit_test(deep_ones),
        cmocka_unit_test(names_given_twice),
        cmocka_unit_test(names_of_the_future),
        cmocka_unit_test(views),
        cmocka_unit_test(values_stay_json),
        cmocka_unit_test(wrong_views),
        cmocka_unit_test(exports),
        cmocka_unit_test(export_choices),
        cmocka_unit_test(exported_images_at_the_limit),
        cmocka_unit_test(wrong_exports),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
