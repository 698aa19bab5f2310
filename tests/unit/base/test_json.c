/* SPDX-License-Identifier: MIT
 * Reading and writing JSON: values that must be exact, and text that must be rejected, with the position of the
 * error. */
#include "support.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>

static gp_json *parse(const char *text, bool strict)
{
    gp_error err = {0};
    gp_json *root = NULL;
    if (gp_json_parse(text, strlen(text), strict, 0, &root, &err) != GP_OK) fail_msg("%s: %s", text, err.message);
    return root;
}

static void refused(const char *text, size_t size, bool strict, const char *message)
{
    gp_error err = {0};
    gp_json *root = (gp_json *)&err;
    gp_status st = gp_json_parse(text, size, strict, 0, &root, &err);
    if (st != GP_ERR_FORMAT) fail_msg("'%s' gave status %d", text, st);
    assert_string_equal(err.message, message);
    assert_ptr_equal(root, &err);
    assert_int_equal(gp_json_parse(text, size, strict, 0, &root, NULL), GP_ERR_FORMAT);
}

static void integers(void **state)
{
    (void)state;
    gp_json *root =
        parse("[18446744073709551615,9223372036854775807,9223372036854775808,-9223372036854775808,"
              "18446744073709551616,-9223372036854775809,3.0,-3.0,3.5,0,-1,1e3,\"5\",18446744073709549568.0]",
              true);
    static const struct {
        gp_json_kind kind;
        bool is_u, is_i;
        uint64_t u;
        int64_t i;
    } table[] = {
        {GP_JSON_INT, true, false, UINT64_MAX, 0},
        {GP_JSON_INT, true, true, INT64_MAX, INT64_MAX},
        {GP_JSON_INT, true, false, (uint64_t)1 << 63, 0},
        {GP_JSON_INT, false, true, 0, INT64_MIN},
        {GP_JSON_REAL, false, false, 0, 0},        /* 2^64: real, not clamped */
        {GP_JSON_REAL, false, true, 0, INT64_MIN}, /* -2^63 - 1 as a double is -2^63 */
        {GP_JSON_REAL, true, true, 3, 3},
        {GP_JSON_REAL, false, true, 0, -3},
        {GP_JSON_REAL, false, false, 0, 0},
        {GP_JSON_INT, true, true, 0, 0},
        {GP_JSON_INT, false, true, 0, -1},
        {GP_JSON_REAL, true, true, 1000, 1000},
        {GP_JSON_STRING, false, false, 0, 0},
        {GP_JSON_REAL, true, false, 18446744073709549568u, 0},
    };
    assert_int_equal(gp_json_count(root), sizeof table / sizeof *table);
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const gp_json *v = gp_json_at(root, k);
        uint64_t u = 77;
        int64_t i = 77;
        if (gp_json_kind_of(v) != table[k].kind) fail_msg("kind of %zu", k);
        if (gp_json_u64(v, &u) != table[k].is_u || (table[k].is_u ? u != table[k].u : u != 77))
            fail_msg("u64 of %zu", k);
        if (gp_json_i64(v, &i) != table[k].is_i || (table[k].is_i ? i != table[k].i : i != 77))
            fail_msg("i64 of %zu", k);
    }
    double d;
    assert_true(gp_json_real(gp_json_at(root, 0), &d) && d == 0x1p64);
    assert_true(gp_json_real(gp_json_at(root, 4), &d) && d == 0x1p64);
    assert_true(gp_json_real(gp_json_at(root, 10), &d) && d == -1);
    assert_false(gp_json_real(gp_json_at(root, 12), &d));
    gp_json_free(root);
}

static void lax(void **state)
{
    (void)state;
    gp_json *root =
        parse("\xEF\xBB\xBF /* c */ {\"a\": NaN, \"b\": -Infinity, \"c\": [Infinity,], \"a\": 2,} // end", false);
    double d;
    assert_int_equal(gp_json_count(root), 3);
    /* if several members have equal names, the last one is used */
    assert_true(gp_json_real(gp_json_get(root, "a"), &d) && d == 2);
    assert_true(gp_json_real(gp_json_get(root, "b"), &d) && d < 0 && isinf(d));
    assert_true(gp_json_real(gp_json_at(gp_json_get(root, "c"), 0), &d) && d > 0 && isinf(d));
    gp_json_free(root);
    root = parse("NaN", false);
    assert_true(gp_json_real(root, &d) && isnan(d));
    gp_json_free(root);
    root = parse("[\"\t\xFF\"]", false); /* lax mode keeps bytes that are not UTF-8 as they are */
    assert_string_equal(gp_json_text(gp_json_at(root, 0), NULL), "\t\xFF");
    gp_json_free(root);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *strict, *lax; /* the expected messages; NULL: lax mode accepts the text */
    } table[] = {
        {"", "JSON: unexpected end at byte 0", "JSON: unexpected end at byte 0"},
        {"  ", "JSON: unexpected end at byte 2", "JSON: unexpected end at byte 2"},
        {"[", "JSON: unexpected end at byte 1", "JSON: unexpected end at byte 1"},
        {"[1", "JSON: unexpected end at byte 2", "JSON: unexpected end at byte 2"},
        {"[1 2]", "JSON: ',' or ']' expected at byte 3", "JSON: ',' or ']' expected at byte 3"},
        {"[1}", "JSON: ',' or ']' expected at byte 2", "JSON: ',' or ']' expected at byte 2"},
        {"{\"a\":1]", "JSON: ',' or '}' expected at byte 6", "JSON: ',' or '}' expected at byte 6"},
        {"[1,]", "JSON: comma before a closing bracket at byte 2", NULL},
        {"[,]", "JSON: invalid value at byte 1", "JSON: invalid value at byte 1"},
        {"{,}", "JSON: member name expected at byte 1", "JSON: member name expected at byte 1"},
        {"{a:1}", "JSON: member name expected at byte 1", "JSON: member name expected at byte 1"},
        {"{'a':1}", "JSON: member name expected at byte 1", "JSON: member name expected at byte 1"},
        {"{\"a\" 1}", "JSON: ':' expected at byte 5", "JSON: ':' expected at byte 5"},
        {"1 2", "JSON: unexpected text after the value at byte 2", "JSON: unexpected text after the value at byte 2"},
        {"{}x", "JSON: unexpected text after the value at byte 2", "JSON: unexpected text after the value at byte 2"},
        {"[] // c", "JSON: unexpected text after the value at byte 3", NULL},
        {"[/*", "JSON: invalid value at byte 1", "JSON: unterminated comment at byte 1"},
        {"01", "JSON: number with leading zero at byte 0", "JSON: number with leading zero at byte 0"},
        {"1.", "JSON: invalid number at byte 0", "JSON: invalid number at byte 0"},
        {".5", "JSON: invalid value at byte 0", "JSON: invalid value at byte 0"},
        {"+1", "JSON: invalid value at byte 0", "JSON: invalid value at byte 0"},
        {"-", "JSON: invalid value at byte 0", "JSON: invalid value at byte 0"},
        {"1e", "JSON: invalid number at byte 0", "JSON: invalid number at byte 0"},
        {"nul", "JSON: invalid value at byte 0", "JSON: invalid value at byte 0"},
        {"nulll", "JSON: unexpected text after the value at byte 4", "JSON: unexpected text after the value at byte 4"},
        {"True", "JSON: invalid value at byte 0", "JSON: invalid value at byte 0"},
        {"[NaN]", "JSON: invalid value at byte 1", NULL},
        {"-Infinity", "JSON: invalid value at byte 0", NULL},
        {"\"\\q\"", "JSON: invalid escape at byte 1", "JSON: invalid escape at byte 1"},
        {"\"\\u12G4\"", "JSON: invalid escape at byte 1", "JSON: invalid escape at byte 1"},
        {"\"\\u12", "JSON: invalid escape at byte 1", "JSON: invalid escape at byte 1"},
        {"\"a", "JSON: unterminated string at byte 0", "JSON: unterminated string at byte 0"},
        {"\"a\\\"", "JSON: unterminated string at byte 0", "JSON: unterminated string at byte 0"},
        {"\"a\nb\"", "JSON: control character in a string at byte 2", NULL},
        {"[\"a\xE9\"]", "JSON: invalid UTF-8 at byte 3", NULL},
        {"[\"\xED\xA0\x80\"]", "JSON: invalid UTF-8 at byte 2", NULL},
        {"{\"a\\u0000b\":1}", "JSON: NUL byte in a member name at byte 3", "JSON: NUL byte in a member name at byte 3"},
        {"{\"a\":1,\"b\":{\"a\":1},\"\\u0061\":2}", "JSON: a member name occurs twice in one object", NULL},
        {"[{\"x\":{\"y\":0,\"y\":0}}]", "JSON: a member name occurs twice in one object", NULL},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        refused(table[k].text, strlen(table[k].text), true, table[k].strict);
        if (table[k].lax)
            refused(table[k].text, strlen(table[k].text), false, table[k].lax);
        else
            gp_json_free(parse(table[k].text, false));
    }
    refused("[1\0]", 4, false, "JSON: ',' or ']' expected at byte 2");
    refused("\"\0\"", 3, false, "JSON: control character in a string at byte 1");
    refused("1\0", 2, true, "JSON: unexpected text after the value at byte 1");
    /* equal names in different objects are allowed */
    gp_json_free(parse("[{\"a\":1},{\"a\":2,\"b\":{\"a\":3}}]", true));
}

static void depth(void **state)
{
    (void)state;
    enum { BOMB = 3000000 };
    gp_error err = {0};
    gp_json *root = NULL;
    char *text = gp_mem_new(BOMB, 1);
    memset(text, '[', BOMB);
    assert_int_equal(gp_json_parse(text, BOMB, true, 0, &root, &err), GP_ERR_FORMAT);
    assert_string_equal(err.message, "JSON: nested too deeply at byte 64");
    for (size_t i = 0; i < BOMB; i++) text[i] = "{\"\":"[i % 4];
    assert_int_equal(gp_json_parse(text, BOMB, false, INT32_MAX, &root, &err), GP_ERR_FORMAT);
    /* 1000 is the largest nesting depth that the parser allows */
    assert_string_equal(err.message, "JSON: nested too deeply at byte 4000");
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_ok(gp_json_parse(text, 128, true, 0, &root, &err));
    gp_json_free(root);
    assert_int_equal(gp_json_parse("[[1]]", 5, true, 1, &root, &err), GP_ERR_FORMAT);
    assert_ok(gp_json_parse("[[1]]", 5, true, 2, &root, &err));
    gp_json_free(root);
    gp_mem_free(text);
}

static void strings(void **state)
{
    (void)state;
    gp_json *root = parse("[\"a\\u0000b\\n\\\"\\/\", \"\\ud83d\\ude00\\u20ac\", \"\\ud83dx\", \"\"]", true);
    size_t size = 0;
    const char *text = gp_json_text(gp_json_at(root, 0), &size);
    assert_int_equal(size, 6);
    assert_memory_equal(text, "a\0b\n\"/", 7);
    assert_string_equal(gp_json_text(gp_json_at(root, 1), NULL), "\xF0\x9F\x98\x80\xE2\x82\xAC");
    assert_string_equal(gp_json_text(gp_json_at(root, 2), NULL), "\xEF\xBF\xBDx");
    assert_string_equal(gp_json_text(gp_json_at(root, 3), &size), "");
    assert_int_equal(size, 0);
    assert_null(gp_json_at(root, 4));
    assert_null(gp_json_text(root, NULL));
    gp_str out = GP_STR_INIT;
    gp_json_write(&out, root);
    assert_string_equal(out.data, "[\"a\\u0000b\\n\\\"/\",\"\xF0\x9F\x98\x80\xE2\x82\xAC\",\"\xEF\xBF\xBDx\",\"\"]");
    gp_str_clear(&out);
    gp_json_free(root);
    gp_json_put_string(&out, "\x01\x7F\xFFz\t");
    assert_string_equal(out.data, "\"\\u0001\\u007f\xEF\xBF\xBDz\\t\"");
    gp_str_clear(&out);
}

static bool first_two(void *user, const char *key, const gp_json *value)
{
    gp_str *seen = user;
    gp_str_printf(seen, "%s=%d ", key, (int)gp_json_kind_of(value));
    return seen->size < 8;
}

static void lookups(void **state)
{
    (void)state;
    gp_json *root = parse("{\"z\":true,\"a\":null,\"m\":{},\"q\":[1,[]]}", true);
    gp_str seen = GP_STR_INIT;
    gp_json_each(root, first_two, &seen);
    /* members are visited in the order of the text; the visitor stopped after two */
    assert_string_equal(seen.data, "z=1 a=0 ");
    gp_str_clear(&seen);
    assert_int_equal(gp_json_count(root), 4);
    assert_int_equal(gp_json_count(gp_json_get(root, "q")), 2);
    assert_int_equal(gp_json_count(gp_json_get(root, "z")), 0);
    assert_true(gp_json_bool(gp_json_get(root, "z"), false));
    assert_true(gp_json_bool(gp_json_get(root, "a"), true));
    assert_null(gp_json_get(root, "absent"));
    assert_null(gp_json_get(gp_json_get(root, "q"), "x"));
    assert_null(gp_json_at(root, 0));
    assert_int_equal(gp_json_kind_of(NULL), GP_JSON_NULL);
    gp_json_each(NULL, first_two, NULL);
    gp_json_free(root);
    gp_json_free(NULL);
}

static void reals_round_trip(void **state)
{
    (void)state;
    gp_error err = {0};
    for (uint64_t k = 0; k < 20000; k++) {
        uint64_t bits = gp_rng_at(7, k);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (k % 4 == 1) value = (double)(float)value;
        if (k % 4 == 2) value = round(fmod(value, 1e6)) / 1000;
        gp_str s = GP_STR_INIT;
        gp_json_put_real(&s, value);
        gp_json *root = NULL;
        assert_ok(gp_json_parse(s.data, s.size, true, 0, &root, &err));
        if (!isfinite(value))
            assert_null(root);
        else if (!gp_json_real(root, &back) || back != value)
            fail_msg("%.17g became %s", value, s.data);
        gp_json_free(root);
        gp_str_clear(&s);
    }
    gp_str s = GP_STR_INIT;
    gp_json_put_real(&s, 0.1);
    gp_str_putc(&s, ' ');
    gp_json_put_real(&s, -0.0);
    gp_str_putc(&s, ' ');
    gp_json_put_real(&s, 5e-324);
    gp_str_putc(&s, ' ');
    gp_json_put_real(&s, (double)NAN);
    assert_string_equal(s.data, "0.1 -0.0 4.94065645841247e-324 null");
    gp_str_clear(&s);
}

static void writes_values(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2,18446744073709551615,-9223372036854775808,0.25,true,false,null],\"b\":{\"c\":{}},"
        "\"\":[]}";
    gp_json *root = parse(text, true);
    gp_str out = GP_STR_INIT;
    gp_json_write(&out, root);
    assert_string_equal(out.data, text);
    gp_str_clear(&out);
    gp_json_free(root);
}

/* Makes each of goldpan's allocations fail once. The test cannot make the allocations of json-c fail, because json-c
 * does not use goldpan's functions for memory. */
static void out_of_memory(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    gp_error err = {0};
    gp_json *root = NULL;
    static const char text[] = "{\"a\":[1,2,3,\"a longer string to make the copy grow\"]}";
    uint64_t n = 0;
    gp_status st;
    do {
        gp_mem_fail_at(++n);
        st = gp_json_parse(text, sizeof text - 1, true, 0, &root, &err);
        if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
    } while (st != GP_OK);
    gp_mem_fail_at(0);
    assert_true(n >= 3);
    gp_json_free(root);
    assert_int_equal(gp_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),         cmocka_unit_test(lax),
        cmocka_unit_test(refusals),         cmocka_unit_test(depth),
        cmocka_unit_test(strings),          cmocka_unit_test(lookups),
        cmocka_unit_test(reals_round_trip), cmocka_unit_test(writes_values),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
