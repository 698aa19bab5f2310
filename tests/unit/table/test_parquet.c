/* SPDX-License-Identifier: MIT
 * Parquet files of pyarrow (fuzz/corpus/parquet): one table in every compression and page version, and files that are
 * rejected. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "table/columns.h"

static const char *const names[] = {"name", "i32", "u64", "f", "g", "ok", "day", "at", "price", "e"};
static const char *const cells[5][10] = {
    {"a cat", "1", "0", "0.100000001", "0.10000000000000001", "true", "2023-07-20", "2023-07-20T10:14:00.123", "12.34",
     "[1,2.5]"},
    {"\xc5\xa0koda \"x\"", "-2", "18446744073709551615", NULL, "0.33333333333333331", "false", NULL, NULL, "-0.05",
     "[3,-4]"},
    {NULL, NULL, "1", "-1.00000002e+30", NULL, NULL, "1969-12-31", "1969-12-31T23:59:59", NULL, NULL},
    {"", "2147483647", NULL, "", "1.0000000000000001e+300", "true", "2000-02-29", "2000-01-01T00:00:00", "0.00", "[]"},
    {"tab\there", "0", "5", "2.5", "-0", "true", "1970-01-01", "1970-01-01T00:00:00", "100.00", "[0.5,null]"}};

static gp_status open_file(const char *file, gp_table **out, gp_error *err)
{
    char path[200];
    snprintf(path, sizeof path, "fuzz/corpus/parquet/%s.parquet", file);
    return gp_table_open(source_path(path), out, err);
}

static void test_one_table_in_every_form(void **state)
{
    (void)state;
    static const char *const files[] = {"none", "snappy", "gzip", "zstd", "plain", "pages2", "groups"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        gp_table *t = NULL;
        gp_error err = {0};
        if (open_file(files[f], &t, &err) != GP_OK) fail_msg("%s: %s", files[f], err.message);
        assert_int_equal(gp_table_rows(t), 5);
        assert_int_equal(gp_table_columns(t), 10);
        for (size_t c = 0; c < 10; c++) {
            assert_string_equal(gp_table_column(t, c), names[c]);
            for (size_t r = 0; r < 5; r++) {
                const char *got = gp_table_cell(t, r, c), *want = cells[r][c];
                if (!got != !want || (got && strcmp(got, want) != 0))
                    fail_msg("%s: %s row %zu is '%s', not '%s'", files[f], names[c], r, got ? got : "(none)",
                             want ? want : "(none)");
            }
        }
        gp_table_close(t);
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *says;
        gp_status status;
    } cases[] = {{"struct", "structs and maps", GP_ERR_UNSUPPORTED},
                 {"lists", "lists of", GP_ERR_UNSUPPORTED},
                 {"delta", "encoding 5", GP_ERR_UNSUPPORTED},
                 {"cut", "cut off", GP_ERR_FORMAT},
                 {"map-of-booleans", "footer is cut off", GP_ERR_FORMAT}, /* 2^62 entries in two bytes */
                 {"footer", "footer is larger than the file", GP_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_table *t = NULL;
        gp_error err = {0};
        int64_t before = gp_mem_live();
        assert_int_equal(open_file(cases[i].file, &t, &err), cases[i].status);
        if (!strstr(err.message, cases[i].says) || !strstr(err.message, cases[i].file)) fail_msg("%s", err.message);
        assert_int_equal(gp_mem_live(), before);
    }
}

static void test_vectors_of_a_column(void **state)
{
    (void)state;
    gp_table *t = NULL;
    float *rows;
    size_t d;
    gp_error err = {0};
    double numbers[5];
    assert_int_equal(open_file("snappy", &t, &err), GP_OK);
    assert_int_equal(gp_column_vectors(t, 9, &rows, &d, &err), GP_ERR_USAGE); /* row 3 has no vector */
    assert_non_null(strstr(err.message, "row 3"));
    assert_int_equal(gp_column_numbers(t, 3, numbers, &err), GP_OK);
    assert_true(numbers[4] == 2.5);
    gp_table_close(t);
}

/* Every byte of a small file is changed in turn, and the file is truncated at many places. The result must be a table
 * or an error, never a crash or a leak. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    gp_bytes file = {0};
    int64_t before = gp_mem_live();
    assert_int_equal(gp_file_read(source_path("fuzz/corpus/parquet/pages2.parquet"), 1 << 20, &file, NULL), GP_OK);
    for (size_t i = 0; i < file.size; i++) {
        static const uint8_t flips[] = {1, 0x80, 0xff};
        for (size_t k = 0; k < sizeof flips; k++) {
            gp_table *t = NULL;
            file.data[i] ^= flips[k];
            if (gp_table_parse("x.parquet", file.data, file.size, NULL, &t, NULL) == GP_OK) gp_table_close(t);
            file.data[i] ^= flips[k];
        }
    }
    for (size_t size = 0; size < file.size; size += 7) {
        gp_table *t = NULL;
        if (gp_table_parse("x.parquet", file.data, size, NULL, &t, NULL) == GP_OK) gp_table_close(t);
    }
    gp_bytes_clear(&file);
    assert_int_equal(gp_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_table_in_every_form), cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_vectors_of_a_column), cmocka_unit_test(test_damaged_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
