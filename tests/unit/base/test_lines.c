/* SPDX-License-Identifier: MIT
 * Lines of a text file: their ends, the byte order mark, and files that are no text. */
#include "support.h"

#include "base/lines.h"

#include <string.h>

static FILE *text_of(const char *bytes, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    rewind(file);
    return file;
}

/* Reads the bytes as lines; asserts that they are the texts of `expected` (NULL at the end). */
static void assert_lines(const char *bytes, const char *const *expected)
{
    gp_error err = {0};
    gp_lines l = {.file = text_of(bytes, strlen(bytes)), .name = "the list"};
    bool more = false;
    for (uint64_t i = 0; expected[i]; i++) {
        assert_ok(gp_lines_next(&l, &more, &err));
        assert_true(more);
        assert_string_equal(l.text, expected[i]);
        assert_int_equal(l.number, i + 1);
    }
    assert_ok(gp_lines_next(&l, &more, &err));
    assert_false(more);
    fclose(l.file);
}

static void ends(void **state)
{
    (void)state;
    assert_lines("", (const char *const[]){NULL});
    assert_lines("a\nb", (const char *const[]){"a", "b", NULL});
    assert_lines("a\r\n\r\n b\r\n", (const char *const[]){"a", "", " b", NULL});
    assert_lines("\xef\xbb\xbf"
                 "a\n\xef\xbb\xbf"
                 "b\n",
                 (const char *const[]){"a",
                                       "\xef\xbb\xbf"
                                       "b",
                                       NULL});
    assert_lines("\xef\xbb\xbf", (const char *const[]){"", NULL});
    assert_lines("a\rb\n\n", (const char *const[]){"a\rb", "", NULL}); /* '\r' alone does not end a line */
}

static void longest(void **state)
{
    (void)state;
    static char bytes[GP_LINE_MAX + 4];
    gp_error err = {0};
    bool more = false;
    memset(bytes, 'x', sizeof bytes);
    bytes[0] = '\n', bytes[GP_LINE_MAX + 1] = '\n';
    gp_lines l = {.file = text_of(bytes, sizeof bytes), .name = "the list"};
    for (int i = 0; i < 2; i++) assert_ok(gp_lines_next(&l, &more, &err));
    assert_int_equal(strlen(l.text), GP_LINE_MAX);
    fclose(l.file);
    bytes[GP_LINE_MAX + 1] = 'x', bytes[GP_LINE_MAX + 2] = '\n';
    l = (gp_lines){.file = text_of(bytes, sizeof bytes), .name = "the list"};
    assert_ok(gp_lines_next(&l, &more, &err));
    assert_int_equal(gp_lines_next(&l, &more, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, "'the list' has more than 4096 bytes in line 2"));
    fclose(l.file);
}

static void no_text(void **state)
{
    (void)state;
    gp_error err = {0};
    bool more = false;
    gp_lines l = {.file = text_of("a\nb\0c\n", 6), .name = "the list"};
    assert_ok(gp_lines_next(&l, &more, &err));
    assert_int_equal(gp_lines_next(&l, &more, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'the list' has a NUL byte in line 2"));
    fclose(l.file);
    l = (gp_lines){.file = fopen("/", "re"), .name = "/"}; /* a folder can be opened, but not read */
    assert_non_null(l.file);
    assert_int_equal(gp_lines_next(&l, &more, &err), GP_ERR_IO);
    fclose(l.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(longest), cmocka_unit_test(no_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
