/* SPDX-License-Identifier: MIT
 * Strings, UTF-8 compared with the tables of the Unicode standard, UTF-16, and numbers under a locale with a decimal
 * comma. */
#include "support.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <float.h>
#include <locale.h>
#include <math.h>

static void grows(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    for (int i = 0; i < 1000; i++) gp_str_printf(&s, "%d,", i);
    gp_str_putc(&s, '!');
    gp_str_puts(&s, "");
    gp_str_add(&s, NULL, 0);
    assert_int_equal(s.size, 10 * 2 + 90 * 3 + 900 * 4 + 1);
    assert_int_equal(strlen(s.data), s.size);
    assert_true(gp_str_ends(s.data, ",998,999,!"));
    gp_str_reset(&s);
    assert_string_equal(s.data, "");
    gp_str_add(&s, "a\0b", 3);
    assert_int_equal(s.size, 3);
    char *text = gp_str_take(&s);
    assert_memory_equal(text, "a\0b", 4);
    gp_mem_free(text);
    assert_null(s.data);
    text = gp_str_take(&s);
    assert_string_equal(text, "");
    gp_mem_free(text);
}

static void remembers_failure(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    for (uint64_t n = 1; n < 4; n++) {
        gp_str s = GP_STR_INIT;
        gp_mem_fail_at(n);
        for (int i = 0; i < 100; i++) gp_str_puts(&s, "0123456789");
        assert_true(s.failed);
        assert_null(gp_str_take(&s));
        assert_false(s.failed);
    }
    gp_mem_fail_at(1);
    assert_null(gp_str_dup("x"));
    gp_mem_fail_at(1);
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%d", 5);
    assert_true(s.failed);
    gp_mem_fail_at(0);
    gp_str_clear(&s);
    assert_int_equal(gp_mem_live(), before);
}

static void items(void **state)
{
    (void)state;
    assert_int_equal(gp_str_item("clip,pickscore"), 4);
    assert_int_equal(gp_str_item(",clip"), 0);
    assert_int_equal(gp_str_item("linear:/a,b/head.safetensors,clip"), 28);
    assert_int_equal(gp_str_item("probe:a dog, sharp"), 18);
    assert_int_equal(gp_str_item("linear:x,clip-iqa:sharpness"), 8);
}

static void helpers(void **state)
{
    (void)state;
    assert_true(gp_str_starts("model.safetensors", "model"));
    assert_false(gp_str_starts("mod", "model"));
    assert_true(gp_str_ends("a.png", ".png"));
    assert_false(gp_str_ends("png", ".png"));
    assert_true(gp_str_equal_nocase("File_Name", "file_nAME"));
    assert_false(gp_str_equal_nocase("file", "file_"));
    assert_false(gp_str_equal_nocase("[", "{")); /* these characters are not letters, but differ only in the bit that
                                                  * separates upper and lower case */
    char *text = gp_str_dup_n("abc", 2);
    assert_string_equal(text, "ab");
    gp_mem_free(text);
}

static void valid_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool valid;
    } table[] = {
        {"", true},
        {"plain", true},
        {"\xC2\x80", true},
        {"\xDF\xBF", true},
        {"\xE0\xA0\x80", true},
        {"\xED\x9F\xBF", true},
        {"\xEE\x80\x80", true},
        {"\xEF\xBF\xBD", true},
        {"\xF0\x90\x80\x80", true},
        {"\xF4\x8F\xBF\xBF", true},
        {"\x80", false},
        {"\xBF", false},
        {"\xC0\x80", false},
        {"\xC1\xBF", false},
        {"\xC2", false},
        {"\xC2\x41", false},
        {"\xE0\x9F\xBF", false},
        {"\xED\xA0\x80", false},
        {"\xED\xBF\xBF", false},
        {"\xE1\x80", false},
        {"\xF0\x8F\xBF\xBF", false},
        {"\xF4\x90\x80\x80", false},
        {"\xF5\x80\x80\x80", false},
        {"\xFE", false},
        {"\xFF", false},
        {"\xF0\x90\x80", false},
        {"\xF0\x90\x80\xC0", false},
        {"\xE1\xC0\x80", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t size = strlen(table[i].bytes);
        if (gp_utf8_valid(table[i].bytes, size) != table[i].valid) fail_msg("case %zu", i);
        if (table[i].valid || size == 0) continue;
        uint32_t cp = 0;
        assert_int_equal(gp_utf8_next(table[i].bytes, size, &cp), 1);
        assert_int_equal(cp, 0xFFFD);
    }
}

/* Every code point is encoded and decoded; surrogates and values above U+10FFFF become U+FFFD. */
static void every_code_point(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    for (uint32_t cp = 0; cp <= 0x110002; cp++) {
        uint32_t back = 1, expected = cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000) ? 0xFFFD : cp;
        gp_str_reset(&s);
        gp_utf8_put(&s, cp);
        if (gp_utf8_next(s.data, s.size, &back) != s.size || back != expected) fail_msg("U+%04X", (unsigned)cp);
        if (s.size > 1 && (gp_utf8_next(s.data, s.size - 1, &back) != 1 || back != 0xFFFD)) fail_msg("cut");
    }
    gp_str_clear(&s);
}

static void other_encodings(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    gp_str_add_latin1(&s, "caf\xE9\xFF", 5);
    assert_string_equal(s.data, "caf\xC3\xA9\xC3\xBF");
    static const uint8_t big[] = {0,   'a',  0xD8, 0x3D, 0xDE, 0x00, 0x20, 0xAC, 0xD8, 0x3D, 0,
                                  'b', 0xDE, 0x00, 0xD8, 0x00, 0xD8, 0x3D, 0xDE, 0x01, 0xDB};
    static const char expected[] = "a\xF0\x9F\x98\x80\xE2\x82\xAC\xEF\xBF\xBD"
                                   "b\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x98\x81\xEF\xBF\xBD";
    gp_str_reset(&s);
    gp_str_add_utf16(&s, big, sizeof big, true);
    assert_string_equal(s.data, expected);
    uint8_t little[sizeof big];
    for (size_t i = 0; i + 1 < sizeof big; i += 2) little[i] = big[i + 1], little[i + 1] = big[i];
    little[sizeof big - 1] = 0xDB;
    gp_str_reset(&s);
    gp_str_add_utf16(&s, little, sizeof little, false);
    assert_string_equal(s.data, expected);
    gp_str_reset(&s);
    gp_str_add_utf16(&s, "\xD8\x00", 2, true); /* the first half of a surrogate pair at the end of the text */
    assert_string_equal(s.data, "\xEF\xBF\xBD");
    gp_str_clear(&s);
}

static void whole_numbers(void **state)
{
    (void)state;
    uint64_t u = 1;
    int64_t i = 1;
    assert_true(gp_parse_u64("18446744073709551615", &u) && u == UINT64_MAX);
    assert_true(gp_parse_u64("007", &u) && u == 7);
    static const char *const bad[] = {
        "", "18446744073709551616", "99999999999999999999", "-1", "+1", " 1", "1 ", "1.0", "0x1"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        if (gp_parse_u64(bad[k], &u)) fail_msg("'%s'", bad[k]);
    assert_int_equal(u, 7);
    assert_true(gp_parse_i64("-9223372036854775808", &i) && i == INT64_MIN);
    assert_true(gp_parse_i64("+9223372036854775807", &i) && i == INT64_MAX);
    assert_false(gp_parse_i64("9223372036854775808", &i));
    assert_false(gp_parse_i64("-9223372036854775809", &i));
    assert_false(gp_parse_i64("-", &i) || gp_parse_i64("", &i) || gp_parse_i64("--1", &i));
}

static void real_numbers(void **state)
{
    (void)state;
    double d = 5;
    static const char *const bad[] = {"",    ".",     "-",  "e5", "1e",  "1e+",   "nan",
                                      "inf", "0x1p3", " 1", "1 ", "1,5", "1.2.3", "1e999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        if (gp_parse_double(bad[k], &d)) fail_msg("'%s'", bad[k]);
    assert_true(d == 5);
    assert_true(gp_parse_double("-1.5e3", &d) && d == -1500);
    assert_true(gp_parse_double(".5", &d) && d == 0.5);
    assert_true(gp_parse_double("5.", &d) && d == 5);
    assert_true(gp_parse_double("+4.9406564584124654e-324", &d) && d == 0x1p-1074);
}

/* glibc's setlocale leaks the list of folders from LOCPATH, so the leak sanitizer must ignore this leak. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:__argz_add_sep";
}

/* Sets a locale with a decimal comma.  The test makes this locale, because a minimal system has none. */
static bool set_comma_locale(void)
{
    char folder[] = "/tmp/goldpan-locale-XXXXXX", command[300];
    if (!mkdtemp(folder)) return false;
    snprintf(
        command, sizeof command,
        "cd %s && printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \".\"\\ngrouping 3\\nEND LC_NUMERIC\\n' >s"
        " && localedef -c -i s ./comma 2>/dev/null",
        folder);
    int made = system(command); /* localedef ends with exit code 1 if it only warns about missing categories */
    setenv("LOCPATH", folder, 1);
    bool set = made != -1 && setlocale(LC_NUMERIC, "comma") != NULL;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && set;
}

/* The decimal comma of a locale must not appear in numbers. */
static void foreign_locale(void **state)
{
    (void)state;
    if (!set_comma_locale()) {
        printf("skipped: numbers in a locale with decimal comma (localedef does not make one here)\n");
        skip();
    }
    char plain[32];
    double d;
    snprintf(plain, sizeof plain, "%.1f", 1.5);
    assert_string_equal(plain, "1,5"); /* printf uses the decimal comma of the locale */
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%.2f ", 1.5);
    gp_json_put_real(&s, 0.1);
    assert_string_equal(s.data, "1.50 0.1");
    assert_true(gp_parse_double("2.5", &d) && d == 2.5);
    assert_false(gp_parse_double("2,5", &d));
    gp_error err = {0};
    gp_json *root = NULL;
    assert_ok(gp_json_parse("[2.5]", 5, true, 0, &root, &err));
    assert_true(gp_json_real(gp_json_at(root, 0), &d) && d == 2.5);
    gp_json_free(root);
    snprintf(plain, sizeof plain, "%.1f", 1.5);
    assert_string_equal(plain, "1,5"); /* afterwards the locale of the test is active again */
    gp_str_clear(&s);
    setlocale(LC_NUMERIC, "C");
}

static void check_note(void *user, const gp_note *note)
{
    ++*(int *)user;
    assert_string_equal(note->code, "code");
    assert_int_equal(note->count, 3);
    assert_int_equal(strlen(note->message), 4001); /* the message of a note is never cut */
    assert_true(gp_utf8_valid(note->message, strlen(note->message)));
}

static void long_notes(void **state)
{
    (void)state;
    char name[4001];
    int told = 0;
    /* the letter e with an acute accent */
    for (size_t i = 0; i < sizeof name - 1; i++) name[i] = i % 2 ? '\xa9' : '\xc3';
    name[sizeof name - 1] = '\0';
    gp_note_say(NULL, NULL, "code", 3, "%s", name);
    gp_note_say(check_note, &told, "code", 3, "x%s", name);
    assert_int_equal(told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows),           cmocka_unit_test(remembers_failure), cmocka_unit_test(helpers),
        cmocka_unit_test(items),           cmocka_unit_test(valid_utf8),        cmocka_unit_test(every_code_point),
        cmocka_unit_test(other_encodings), cmocka_unit_test(whole_numbers),     cmocka_unit_test(real_numbers),
        cmocka_unit_test(foreign_locale),  cmocka_unit_test(long_notes),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
