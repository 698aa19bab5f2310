/* SPDX-License-Identifier: MIT
 * Class and lower case of every code point, and difficult cases of NFC. */
#include "text_support.h"
#include "base/str.h"
#include "text/clean.h"
#include "text/tables.h"

enum { POINTS = 0x110000 };

static char *next_field(char **at)
{
    return strsep(at, "\t\n");
}

static void test_classes(void **state)
{
    (void)state;
    uint8_t *want = calloc(POINTS, 1);
    gp_bytes file;
    assert_ok(gp_file_read(source_path("tests/golden/tokenizer/classes.tsv"), 1 << 20, &file, &err));
    char *at = strchr((char *)file.data, '\n') + 1;
    size_t rows = 0;
    for (; *at; rows++) {
        const char *kind = next_field(&at);
        const unsigned long first = strtoul(next_field(&at), NULL, 16), last = strtoul(next_field(&at), NULL, 16);
        assert_true(first <= last && last < POINTS);
        for (unsigned long cp = first; cp <= last; cp++)
            want[cp] = (uint8_t)(*kind == 'L' ? GP_TEXT_LETTER : *kind == 'N' ? GP_TEXT_NUMBER : GP_TEXT_SPACE);
    }
    assert_int_equal(rows, 831);
    size_t letters = 0;
    for (uint32_t cp = 0; cp < POINTS; cp++) {
        if (gp_text_class_of(cp) != want[cp]) fail_msg("class of U+%04X", cp);
        letters += want[cp] == GP_TEXT_LETTER;
    }
    assert_int_equal(letters, 141028);
    gp_bytes_clear(&file);
    free(want);
}

static void test_lower_case(void **state)
{
    (void)state;
    gp_bytes file;
    assert_ok(gp_file_read(source_path("tests/golden/tokenizer/lowercase.tsv"), 1 << 20, &file, &err));
    char *at = strchr((char *)file.data, '\n') + 1;
    uint32_t cp = 0;
    size_t rows = 0;
    for (; cp < POINTS; rows++) {
        const uint32_t from = *at ? (uint32_t)strtoul(next_field(&at), NULL, 16) : POINTS;
        uint32_t out[2];
        for (; cp < from; cp++)
            if (gp_text_lower(cp, out) != 1 || out[0] != cp) fail_msg("U+%04X has no lower case", cp);
        if (from == POINTS) break;
        char *to = next_field(&at), *end;
        assert_int_equal(gp_text_lower(cp, out), 1 + (strchr(to, ' ') != NULL));
        assert_int_equal(out[0], strtoul(to, &end, 16));
        if (*end) assert_int_equal(out[1], strtoul(end, NULL, 16));
        cp++;
    }
    assert_int_equal(rows, 1488);
    gp_bytes_clear(&file);
}

/* Cleans `text`, and compares its code points with `want`, which has them in hex. */
static void check_clean(const char *text, size_t size, const char *want)
{
    uint32_t *points;
    size_t n;
    gp_str made = GP_STR_INIT;
    assert_ok(gp_text_clean(text, size, &points, &n, &err));
    for (size_t i = 0; i < n; i++) gp_str_printf(&made, i ? " %X" : "%X", points[i]);
    assert_string_equal(made.data ? made.data : "", want);
    gp_str_clear(&made);
    gp_mem_free(points);
}
#define CLEAN(text, want) check_clean(text, sizeof(text) - 1, want)

static void test_cleaning(void **state)
{
    (void)state;
    CLEAN("", "");
    CLEAN("A\xC3\x89", "61 E9");
    CLEAN("e\xCC\x81", "E9"); /* composed by NFC */
    /* combining marks are reordered: a mark below comes before a mark above */
    CLEAN("e\xCC\x81\xCC\xA3", "1EB9 301");
    CLEAN("q\xCC\x88\xCC\x81\xCC\x8A", "71 308 301 30A");  /* combining marks of one class keep their order */
    CLEAN("\xE2\x84\xAB", "E5");                           /* the Angstrom sign becomes A with ring, then lower case */
    CLEAN("\xE0\xA5\x98", "915 93C");                      /* Unicode excludes this character from composition */
    CLEAN("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "AC01"); /* Hangul */
    CLEAN("\xC4\xB0\xC4\xB0", "69 307 69 307");            /* the text is not composed again after lower-casing */
    CLEAN("\xCE\xA3\xCE\xA3", "3C3 3C3");                  /* sigma at the end of a word is not treated specially */
    CLEAN("\xE1\xBA\x9E", "DF");
    CLEAN("a \t\r\n\xE2\x80\xA8\xE3\x80\x80\xC2\xA0z", "61 20 7A");
    CLEAN(" \xC2\x85 a ", "20 61 20");
    CLEAN("\x1C\xE2\x80\x8B\xEF\xBB\xBF", "1C 200B FEFF"); /* these characters are not white space here */
    CLEAN("a\0b", "61 0 62");
    CLEAN("a\xFF\xC3z\xED\xA0\x80", "61 FFFD FFFD 7A FFFD FFFD FFFD"); /* each invalid byte becomes U+FFFD */
}

/* Cleaning orders 210,000 combining marks by their classes, and must not take quadratic time. */
static void test_many_marks(void **state)
{
    (void)state;
    enum { TRIPLES = 70000 };
    static const uint32_t above[] = {0x30A, 0x308}; /* both marks have class 230; U+0323 has class 220 */
    char *text = malloc(1 + TRIPLES * 6);
    text[0] = 'q';
    for (size_t i = 0; i < TRIPLES; i++) memcpy(text + 1 + i * 6, "\xCC\x8A\xCC\xA3\xCC\x88", 6);
    uint32_t *points;
    size_t n;
    assert_ok(gp_text_clean(text, 1 + TRIPLES * 6, &points, &n, &err));
    assert_int_equal(n, 1 + 3 * TRIPLES);
    for (size_t i = 0; i + 1 < n; i++) assert_int_equal(points[i + 1], i < TRIPLES ? 0x323 : above[(i - TRIPLES) % 2]);
    gp_mem_free(points);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_lower_case),
        cmocka_unit_test(test_cleaning),
        cmocka_unit_test(test_many_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
