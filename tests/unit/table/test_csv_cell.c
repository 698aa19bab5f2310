/* SPDX-License-Identifier: MIT
 * Cells of goldpan's CSV files: no spreadsheet runs them, and goldpan reads the original text back. */
#include "ingest_support.h"

#include "base/mem.h"
#include "table/csv_cell.h"
#include "table/table.h"

typedef struct cell {
    const char *text, *written;
} cell;

static const cell cells[] = {
    {"=1+1", "'=1+1"},
    {"+cat", "'+cat"},
    {"-cat, red", "\"'-cat, red\""},
    {"@SUM(A1)", "'@SUM(A1)"},
    {"\t=1", "'\t=1"},
    {"\r=1", "\"'\r=1\""},
    {"\n=1", "\"'\n=1\""},
    {"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
    {"-", "'-"},
    {"--1", "'--1"},
    {"-1e", "'-1e"},
    {"-1.5x", "'-1.5x"},
    {"-.", "'-."},
    {"+1-cmd", "'+1-cmd"},
    {"'=1", "''=1"},
    {"'-1.5", "''-1.5"},
    {"''@x", "'''@x"},
    /* no guard */
    {"-1.5", "-1.5"},
    {"+2", "+2"},
    {"-.5", "-.5"},
    {"-5.", "-5."},
    {"-1e-7", "-1e-7"},
    {"+1E+10", "+1E+10"},
    {"a = b", "a = b"},
    {"'tis", "'tis"},
    {"'", "'"},
    {"", ""},
    {"a, \"b\"", "\"a, \"\"b\"\"\""},
};
enum { CELLS = sizeof cells / sizeof *cells };

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < CELLS; i++) {
        gp_str s = GP_STR_INIT;
        gp_csv_put(&s, cells[i].text);
        assert_string_equal(s.data ? s.data : "", cells[i].written);
        gp_str_clear(&s);
    }
    gp_str s = GP_STR_INIT;
    gp_csv_put(&s, NULL);
    gp_csv_put_file(&s, NULL);
    assert_int_equal(s.size, 0);
    gp_csv_put_file(&s, "-1");
    gp_csv_put_file(&s, "'=a.png");
    gp_csv_put_file(&s, "a=,.png");
    assert_string_equal(s.data, "./-1./'=a.png\"a=,.png\"");
    gp_str_clear(&s);
}

/* Writes a CSV table and parses it. Each row has one text of `cells`, written by gp_csv_put, between the texts `before`
 * and `after`. */
static gp_table *written_table(const char *header, const char *before, const char *after)
{
    gp_error err = {0};
    gp_table *t = NULL;
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, header);
    for (size_t i = 0; i < CELLS; i++) {
        gp_str_puts(&s, before);
        gp_csv_put(&s, cells[i].text);
        gp_str_puts(&s, after);
    }
    assert_false(s.failed);
    assert_ok(gp_table_parse("/data/picks.csv", s.data, s.size, "csv", &t, &err));
    assert_int_equal(gp_table_rows(t), CELLS);
    gp_str_clear(&s);
    return t;
}

static void test_read_back(void **state)
{
    (void)state;
    gp_str head = GP_STR_INIT;
    gp_str_printf(&head, "%s,flag\r\n", gp_csv_picks_begin);
    gp_table *picks = written_table(head.data, "a.png,1,1,2,", ",,/a.png,h,1,1,,,0\r\n");
    gp_table *metadata = written_table(gp_csv_metadata_begin, "a.png,t,1,1,", "\r\n");
    gp_table *others = written_table("file,prompt\r\n", "a.png,", "\r\n");
    for (size_t i = 0; i < CELLS; i++) {
        assert_string_equal(gp_table_cell(picks, i, 4), cells[i].text);
        assert_string_equal(gp_table_cell(metadata, i, 4), cells[i].text);
    }
    /* the apostrophe in another program's table belongs to the text */
    assert_string_equal(gp_table_cell(others, 0, 1), "'=1+1");
    gp_table_close(others);
    gp_table_close(metadata);
    gp_table_close(picks);
    gp_str_clear(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written), cmocka_unit_test(test_read_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
