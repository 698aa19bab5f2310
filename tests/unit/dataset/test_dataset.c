/* SPDX-License-Identifier: MIT
 * The writers of data sets: Parquet read by goldpan's own reader, tar archives parsed here, records, and files that
 * are replaced or kept.  tests/e2e/sets_test.py reads the same formats by the programs that define them. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "dataset/html_report.h"
#include "dataset/parquet_write.h"
#include "dataset/record.h"
#include "dataset/tar_write.h"
#include "table/table.h"
#include <math.h>
#include <sys/stat.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goldpan-dataset-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *at(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static gp_set_files *open_files(void)
{
    gp_error err = {0};
    gp_set_files *files = NULL;
    assert_ok(gp_set_files_open(folder, &(gp_set_events){0}, &files, &err));
    return files;
}

/* ------------------------------------------------------------------ Parquet */

static const gp_set_column columns[] = {{"name", GP_SET_TEXT},  {"seed", GP_SET_U64},  {"steps", GP_SET_I64},
                                        {"score", GP_SET_REAL}, {"pick", GP_SET_BOOL}, {"vector", GP_SET_FLOATS}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void fill_values(uint64_t row, gp_set_value values[COLUMNS], char name[64], float vector[3])
{
    static const char *const texts[] = {"plain", "quote \" comma, line\nend", "tab\tbell\a", "\xf0\x9f\x90\x88 cat",
                                        ""};
    memset(values, 0, COLUMNS * sizeof *values);
    snprintf(name, 64, "%s %llu", texts[row % 5], (unsigned long long)row);
    for (int i = 0; i < 3; i++) vector[i] = (float)row + 0.5f * (float)i;
    if (row % 7 == 6) return; /* nothing is present */
    values[0] = (gp_set_value){.present = true, .text = name, .size = strlen(name)};
    values[1] = (gp_set_value){.present = row % 3 != 1, .u64 = UINT64_MAX - row};
    values[2] = (gp_set_value){.present = true, .i64 = -(int64_t)row};
    values[3] = (gp_set_value){.present = true, .real = row % 4 == 3 ? (double)NAN : (double)row / 3};
    values[4] = (gp_set_value){.present = row % 2 == 0 || row % 5 == 0, .flag = row % 5 < 2};
    values[5] = (gp_set_value){.present = true, .floats = vector, .size = 3};
}

static void write_rows(const char *name, uint64_t rows)
{
    gp_error err = {0};
    gp_set_files *files = open_files();
    gp_set_file *file = NULL;
    gp_parquet_writer *w = NULL;
    assert_ok(gp_set_file_open(files, name, &file, &err));
    assert_ok(gp_parquet_writer_open(file, columns, COLUMNS, &w, &err));
    for (uint64_t row = 0; row < rows; row++) {
        gp_set_value values[COLUMNS];
        char text[64];
        float vector[3];
        fill_values(row, values, text, vector);
        assert_ok(gp_parquet_writer_row(w, values, &err));
    }
    assert_ok(gp_parquet_writer_end(w, true, &err));
    assert_ok(gp_set_file_commit(file, &err));
    assert_ok(gp_set_files_end(files, NULL, 0, &err));
}

static void check_cell(const gp_table *t, size_t row, size_t column, const char *want)
{
    const char *got = gp_table_cell(t, row, column);
    if (!got != !want || (got && strcmp(got, want) != 0))
        fail_msg("row %zu column %zu is '%s', not '%s'", row, column, got ? got : "(none)", want ? want : "(none)");
}

static void check_row(const gp_table *t, uint64_t row)
{
    gp_set_value v[COLUMNS];
    char name[64], text[100];
    float vector[3];
    fill_values(row, v, name, vector);
    check_cell(t, row, 0, v[0].present ? name : NULL);
    snprintf(text, sizeof text, "%llu", (unsigned long long)v[1].u64);
    check_cell(t, row, 1, v[1].present ? text : NULL);
    snprintf(text, sizeof text, "%lld", (long long)v[2].i64);
    check_cell(t, row, 2, v[2].present ? text : NULL);
    snprintf(text, sizeof text, "%.17g", v[3].real);
    check_cell(t, row, 3, !v[3].present ? NULL : isnan(v[3].real) ? "" : text);
    check_cell(t, row, 4, !v[4].present ? NULL : v[4].flag ? "true" : "false");
    snprintf(text, sizeof text, "[%g,%g,%g]", (double)vector[0], (double)vector[1], (double)vector[2]);
    check_cell(t, row, 5, v[5].present ? text : NULL);
}

/* 70,000 rows need two row groups, and more than one page for a column. */
static void test_parquet(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 9, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gp_error err = {0};
        gp_table *t = NULL;
        write_rows("t.parquet", sizes[i]);
        assert_ok(gp_table_open(at("t.parquet"), &t, &err));
        assert_int_equal(gp_table_rows(t), sizes[i]);
        assert_int_equal(gp_table_columns(t), COLUMNS);
        for (uint64_t row = 0; row < sizes[i]; row++) check_row(t, row);
        gp_table_close(t);
    }
}

/* ------------------------------------------------------------------ tar */

static void test_tar(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_set_files *files = open_files();
    gp_set_file *file = NULL;
    gp_bytes bytes = {0};
    char contents[513], longest[102];
    memset(contents, 'c', sizeof contents);
    memset(longest, 'n', sizeof longest);
    longest[100] = 0;
    assert_ok(gp_set_file_open(files, "00000.tar", &file, &err));
    assert_ok(gp_tar_put(file, "a.txt", "", 0, &err));
    assert_ok(gp_tar_put(file, longest, contents, 512, &err));
    assert_ok(gp_tar_put(file, "c.json", contents, 513, &err));
    longest[100] = 'n', longest[101] = 0;
    assert_int_equal(gp_tar_put(file, longest, "", 0, &err), GP_ERR_LIMIT);
    assert_ok(gp_tar_end(file, &err));
    assert_ok(gp_set_file_commit(file, &err));
    assert_ok(gp_set_files_end(files, NULL, 0, &err));
    assert_ok(gp_file_read(at("00000.tar"), 1 << 20, &bytes, &err));
    assert_int_equal(bytes.size, gp_tar_member_bytes(0) + gp_tar_member_bytes(512) + gp_tar_member_bytes(513) + 1024);
    static const size_t sizes[] = {0, 512, 513};
    size_t offset = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *head = (const char *)bytes.data + offset;
        unsigned sum = 8 * ' ';
        for (size_t j = 0; j < 512; j++) sum += j < 148 || j >= 156 ? (unsigned char)head[j] : 0;
        assert_int_equal(strtoul(head + 148, NULL, 8), sum);
        assert_int_equal(strtoul(head + 124, NULL, 8), sizes[i]);
        assert_memory_equal(head + 257, "ustar\00000", 8);
        offset += gp_tar_member_bytes(sizes[i]);
    }
    gp_bytes_clear(&bytes);
}

/* ------------------------------------------------------------------ files */

static gp_status write_file(const char *name, const char *text, const char *const *patterns, size_t count,
                            gp_error *why)
{
    gp_error err = {0};
    gp_set_files *files = open_files();
    gp_set_file *file = NULL;
    gp_status st = gp_set_file_open(files, name, &file, why);
    if (st != GP_OK) {
        gp_set_files_close(files);
        return st;
    }
    assert_ok(gp_set_file_write(file, text, strlen(text), &err));
    assert_int_equal(gp_set_file_bytes(file), strlen(text));
    assert_ok(gp_set_file_commit(file, &err));
    return gp_set_files_end(files, patterns, count, why);
}

static bool exists(const char *name)
{
    return access(at(name), F_OK) == 0;
}

static void test_files_of_others_stay(void **state)
{
    (void)state;
    gp_error err = {0};
    static const char *const pattern[] = {"data/*"};
    assert_ok(gp_file_replace(at("mine.json"), "my own", 6, &err));
    assert_int_equal(write_file("mine.json", "other", NULL, 0, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "mine.json"));
    assert_ok(write_file("data/0", "first", NULL, 0, &err));
    assert_ok(write_file("data/1", "second", NULL, 0, &err));
    assert_ok(write_file("data/2", "third", NULL, 0, &err));
    assert_ok(gp_file_replace(at("data/2"), "changed by the user", 19, &err));
    assert_ok(write_file("data/0", "again, longer", pattern, 1, &err));
    assert_true(exists("data/0"));
    assert_false(exists("data/1")); /* surplus */
    assert_true(exists("data/2"));  /* changed since */
    assert_int_equal(write_file("data/2", "x", NULL, 0, &err), GP_ERR_USAGE);
    assert_ok(write_file("data/0", "short", pattern, 1, &err));
    assert_ok(gp_file_replace(at("data/0"), "sh0rt", 5, &err)); /* changed, of the same size */
    assert_int_equal(write_file("data/0", "again", pattern, 1, &err), GP_ERR_USAGE);
    assert_ok(write_file("data/3", "new", pattern, 1, &err));
    assert_true(exists("data/0"));
}

static void test_changed_meanwhile(void **state)
{
    (void)state;
    gp_error err = {0};
    assert_ok(write_file("mean.json", "first", NULL, 0, &err));
    gp_set_files *files = open_files();
    gp_set_file *file = NULL;
    assert_ok(gp_set_file_open(files, "mean.json", &file, &err));
    assert_ok(gp_set_file_write(file, "second", 6, &err));
    assert_ok(gp_file_replace(at("mean.json"), "my own", 6, &err)); /* while goldpan writes */
    assert_int_equal(gp_set_file_commit(file, &err), GP_ERR_USAGE);
    gp_set_files_close(files);
    gp_bytes now = {0};
    assert_ok(gp_file_read(at("mean.json"), 100, &now, &err));
    assert_string_equal((const char *)now.data, "my own");
    gp_bytes_clear(&now);
}

static void test_tidy(void **state)
{
    (void)state;
    gp_error err = {0};
    char names[2][512], record[512];
    snprintf(record, sizeof record, "%s", at(".goldpan-sets"));
    assert_int_equal(unlink(record), 0);
    assert_ok(gp_set_files_tidy(folder, &err)); /* no record */
    assert_ok(write_file("tidy.json", "a", NULL, 0, &err));
    assert_ok(write_file("tidier.json", "b", NULL, 0, &err));
    snprintf(names[0], sizeof names[0], "%s", at("tidy.json"));
    snprintf(names[1], sizeof names[1], "%s", at("tidier.json"));
    assert_int_equal(unlink(names[0]), 0);
    assert_ok(gp_set_files_tidy(folder, &err));
    assert_ok(write_file("tidier.json", "c", NULL, 0, &err)); /* still goldpan's */
    assert_int_equal(unlink(names[1]), 0);
    assert_ok(gp_set_files_tidy(folder, &err));
    assert_false(exists(".goldpan-sets"));
}

/* ------------------------------------------------------------------ records */

static void test_record(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_set_record r;
    gp_str json = GP_STR_INIT;
    gp_row row = {.path = "/p/a \"b\" 100%.png",
                  .hash = "00",
                  .prompt = "a cat\nwith \xf0\x9f\x90\x88",
                  .prompt_source = "a1111: parameters",
                  .settings_json = "{\"Seed\":18446744073709551615,\"steps\":\"20\",\"cfg_scale\":7.5,\"sampler\":3}",
                  .has_score = true,
                  .score = (double)NAN,
                  .picked = true,
                  .tags = "cat, two words"};
    gp_record_extra extra = {.file = "a.png", .corrected = (double)NAN, .category = "animals"};
    assert_ok(gp_set_record_fill(&row, &extra, &r, &err));
    assert_true(r.values[GP_RECORD_SEED].present && r.values[GP_RECORD_SEED].u64 == UINT64_MAX);
    assert_true(r.values[GP_RECORD_STEPS].present && r.values[GP_RECORD_STEPS].i64 == 20);
    assert_true(r.values[GP_RECORD_CFG].present && r.values[GP_RECORD_CFG].real == 7.5);
    assert_string_equal(gp_set_record_text(&r, GP_RECORD_SAMPLER), "3");
    assert_string_equal(gp_set_record_text(&r, GP_RECORD_GENERATOR), "a1111");
    assert_null(gp_set_record_text(&r, GP_RECORD_NEGATIVE));
    assert_false(r.values[GP_RECORD_SCORE].present);
    gp_set_record_put_json(&r, 0, &json);
    assert_non_null(strstr(json.data, "\"seed\":18446744073709551615,"));
    assert_non_null(strstr(json.data, "\"tags\":[\"cat\",\"two words\"]"));
    assert_non_null(strstr(json.data, "\"score\":null,"));
    assert_non_null(strstr(json.data, "\"pick\":true,"));
    gp_str_clear(&json);
    gp_set_record_clear(&r);
    row.prompt_source = "table:x.csv", row.settings_json = "{\"seed\":-1,\"cfg_scale\":\"high\"}", row.flag = -1;
    assert_ok(gp_set_record_fill(&row, &extra, &r, &err));
    assert_false(r.values[GP_RECORD_SEED].present || r.values[GP_RECORD_CFG].present);
    assert_false(r.values[GP_RECORD_PICK].flag);
    assert_null(gp_set_record_text(&r, GP_RECORD_GENERATOR));
    gp_set_record_clear(&r);
}

/* ------------------------------------------------------------------ the report */

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

/* The report shows a limited number of images, and says so. */
static void test_report_is_bounded(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_set_files *files = open_files();
    gp_html_writer *w = NULL;
    gp_set_record r;
    gp_bytes page = {0};
    const gp_row row = {.path = "/p/<1>.png", .prompt = "a & \"b\" \x1b\xff"};
    const gp_record_extra extra = {.corrected = (double)NAN};
    const uint8_t jpeg[] = {255, 216, 255, 1};
    assert_ok(gp_set_record_fill(&row, &extra, &r, &err));
    assert_ok(gp_html_writer_open(files, "report.html", "t", GP_HTML_PICTURES + 5, &w, &err));
    for (size_t i = 0; i < GP_HTML_PICTURES + 5; i++) {
        assert_int_equal(gp_html_writer_wants(w), i < GP_HTML_PICTURES);
        assert_ok(gp_html_writer_row(w, &r, i % 2 ? jpeg : NULL, 2 + i % 3, &err));
    }
    assert_ok(gp_html_writer_commit(w, &err));
    assert_ok(gp_set_files_end(files, NULL, 0, &err));
    gp_set_record_clear(&r);
    assert_ok(gp_file_read(at("report.html"), 1 << 24, &page, &err));
    const char *text = (const char *)page.data;
    assert_int_equal(count_of(text, "<figure "), GP_HTML_PICTURES);
    assert_int_equal(count_of(text, "<section>"), 1);
    assert_int_equal(count_of(text, "<h2>a &amp; &quot;b&quot; \xef\xbf\xbd\xef\xbf\xbd</h2>"), 1);
    assert_int_equal(count_of(text, "&lt;1&gt;.png"), GP_HTML_PICTURES);
    assert_true(count_of(text, "base64,/9j/AQ==\"") > 100 && count_of(text, "base64,/9j/\"") > 100 &&
                count_of(text, "base64,/9g=\"") > 100);
    assert_int_equal(count_of(text, "1005 images; this report shows the first 1000"), 1);
    gp_bytes_clear(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parquet),
                                       cmocka_unit_test(test_tar),
                                       cmocka_unit_test(test_files_of_others_stay),
                                       cmocka_unit_test(test_changed_meanwhile),
                                       cmocka_unit_test(test_tidy),
                                       cmocka_unit_test(test_record),
                                       cmocka_unit_test(test_report_is_bounded)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
