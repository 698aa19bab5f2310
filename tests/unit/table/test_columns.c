/* SPDX-License-Identifier: MIT
 * Columns of tables as numbers and vectors. */
#include "support.h"

#include "base/mem.h"
#include "table/columns.h"
#include <math.h>

static gp_table *parse(const char *text, const char *kind)
{
    gp_table *t = NULL;
    gp_error err = {0};
    if (gp_table_parse("t", text, strlen(text), kind, &t, &err) != GP_OK) fail_msg("%s", err.message);
    return t;
}

static void test_numbers(void **state)
{
    (void)state;
    gp_table *t = parse("a,b\n1,x\n-2.5e3,y\n,z\nnan,w\nTrue,v\n", "csv");
    double out[5];
    gp_error err = {0};
    assert_int_equal(gp_column_numbers(t, 0, out, &err), GP_OK);
    assert_true(out[0] == 1 && out[1] == -2500 && isnan(out[2]) && isnan(out[3]) && out[4] == 1);
    assert_int_equal(gp_column_numbers(t, 1, out, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "row 1"));
    assert_non_null(strstr(err.message, "'x'"));
    gp_table_close(t);
}

static void test_vectors(void **state)
{
    (void)state;
    float *rows = NULL;
    size_t d = 0;
    gp_error err = {0};
    gp_table *t = parse("[{\"e\":[1,2.5,-3]},{\"e\":[4,5,6]}]", "json");
    assert_int_equal(gp_column_vectors(t, 0, &rows, &d, &err), GP_OK);
    assert_true(d == 3 && rows[1] == 2.5f && rows[2] == -3 && rows[5] == 6);
    gp_mem_free(rows);
    gp_table_close(t);
    t = parse("e\n\"[0.5, 1]\"\n\"[2, 3]\"\n", "csv");
    assert_int_equal(gp_column_vectors(t, 0, &rows, &d, &err), GP_OK);
    assert_true(d == 2 && rows[0] == 0.5f && rows[3] == 3);
    gp_mem_free(rows);
    gp_table_close(t);
}

static void test_vectors_that_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"e\n\"[1, 2]\"\n\"[1]\"\n", "e\n\"[1, 2]\"\nx\n",
                                        "e\n\"[1, 2]\"\n\"[1, \"\"a\"\"]\"\n", "e\n\"[1, 2]\"\n\"[]\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        float *rows = NULL;
        size_t d;
        gp_error err = {0};
        int64_t before = gp_mem_live();
        gp_table *t = parse(texts[i], "csv");
        assert_int_equal(gp_column_vectors(t, 0, &rows, &d, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, "row 2"));
        assert_null(rows);
        gp_table_close(t);
        assert_int_equal(gp_mem_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_vectors_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
