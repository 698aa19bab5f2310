/* SPDX-License-Identifier: MIT
 * Header lines of a response: lines, ranges, and the wait of Retry-After. */
#include "support.h"

#include "base/mem.h"
#include "net/http_head.h"

#include <string.h>

static void add(gp_str *head, const char *line)
{
    gp_head_add(head, line, strlen(line));
}

static void test_lines(void **state)
{
    (void)state;
    gp_str head = GP_STR_INIT;
    add(&head, "HTTP/1.1 302 Found\r\n");
    add(&head, "Location: /elsewhere\r\n");
    add(&head, "HTTP/1.1 200 OK\r\n");
    add(&head, "Content-TYPE:  image/png \r\n");
    add(&head, "no colon here\r\n");
    add(&head, "X-Odd:a\x01\x7f\tb\r\n");
    add(&head, "\r\n");
    assert_string_equal(head.data, "content-type: image/png\nx-odd: a?\x7f?b\n");
    char *type = gp_head_value(&head, "content-type");
    assert_string_equal(type, "image/png");
    assert_null(gp_head_value(&head, "location"));
    assert_null(gp_head_value(&head, "content"));
    gp_mem_free(type);
    gp_str_clear(&head);
}

static void test_bounded(void **state)
{
    (void)state;
    gp_str head = GP_STR_INIT;
    char line[1000];
    memset(line, 'a', sizeof line);
    line[1] = ':';
    for (int i = 0; i < 1000; i++) gp_head_add(&head, line, sizeof line);
    assert_true(head.size <= 256 << 10);
    gp_str_clear(&head);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool right;
        uint64_t first;
    } cases[] = {{"bytes 7-9/10", true, 7},
                 {"bytes 0-0/*", true, 0},
                 {"bytes -9/10", false, 0},
                 {"bytes 7", false, 0},
                 {"byte 7-9/10", false, 0},
                 {"bytes  7-9/10", false, 0},
                 {"bytes +7-9/10", false, 0},
                 {"bytes */10", false, 0},
                 {"bytes 18446744073709551616-9/10", false, 0},
                 {"bytes 18446744073709551615-", true, UINT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_str head = GP_STR_INIT;
        uint64_t first = 0;
        gp_str_printf(&head, "content-range: %s\n", cases[i].value);
        assert_int_equal(gp_head_range(&head, &first), cases[i].right);
        if (cases[i].right) assert_int_equal(first, cases[i].first);
        gp_str_clear(&head);
    }
}

static double asked(const char *value, const char *date)
{
    gp_str head = GP_STR_INIT;
    if (date) gp_str_printf(&head, "date: %s\n", date);
    gp_str_printf(&head, "retry-after: %s\n", value);
    double seconds = gp_head_retry_after(&head, 784111777); /* Sun, 06 Nov 1994 08:49:37 GMT */
    gp_str_clear(&head);
    return seconds;
}

static void test_retry_after(void **state)
{
    (void)state;
    static const char *const nothing[] = {"",
                                          "-5",
                                          "-0",
                                          "soon",
                                          "nan",
                                          "inf",
                                          "1e9",
                                          "0x10",
                                          "5 seconds",
                                          "5,5",
                                          "..",
                                          "+5",
                                          "Sun, 06 Nov 1994 08:49:37 GMT",
                                          "Sun, 06 Nov 1993 08:49:37 GMT",
                                          "Sun, 99 Foo 1994"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (asked(nothing[i], NULL) > 0) fail_msg("'%s': %g", nothing[i], asked(nothing[i], NULL));
    assert_true(asked("30", NULL) == 30 && asked("0", NULL) == 0 && asked("1.5", NULL) == 1.5);
    assert_true(asked("99999999999999999999", NULL) > 1e19);
    assert_true(asked("Sun, 06 Nov 1994 08:50:07 GMT", NULL) == 30);
    assert_true(asked("Sunday, 06-Nov-94 08:50:07 GMT", NULL) == 30);
    assert_true(asked("Sun Nov  6 08:50:07 1994", NULL) == 30);
    /* the server's clock is an hour ahead of this machine's clock, so goldpan computes the wait from the Date of the
     * response */
    assert_true(asked("Sun, 06 Nov 1994 09:50:07 GMT", "Sun, 06 Nov 1994 09:49:37 GMT") == 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_bounded),
                                       cmocka_unit_test(test_ranges), cmocka_unit_test(test_retry_after)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
