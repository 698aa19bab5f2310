/* SPDX-License-Identifier: MIT
 * Prompt tables: the image and the prompt column, and the first text of a list of captions. */
#include "ingest_support.h"

#include "table/table.h"

static gp_table *parse(const char *text, const char *kind)
{
    gp_error err = {0};
    gp_table *table = NULL;
    assert_ok(gp_table_parse("/data/set/prompts.csv", text, strlen(text), kind, &table, &err));
    return table;
}

/* ------------------------------------------------------------------ columns */

static void expect_roles(const char *header, const char *image, const char *prompt, size_t i, size_t p)
{
    gp_error err = {0};
    size_t a = 99, b = 99;
    gp_table *t = parse(header, "csv");
    assert_ok(gp_table_roles(t, image, prompt, &a, &b, &err));
    if (a != i || b != p) fail_msg("'%s': columns %zu and %zu instead of %zu and %zu", header, a, b, i, p);
    gp_table_close(t);
}

/* Checks the end of the message for a table without an image or prompt column. */
static void expect_no_roles(const char *text, const char *kind, const char *words)
{
    gp_error err = {0};
    size_t image, prompt;
    gp_table *t = parse(text, kind);
    assert_int_equal(gp_table_roles(t, NULL, NULL, &image, &prompt, &err), GP_ERR_USAGE);
    if (!strstr(err.message, words)) fail_msg("'%s' lacks '%s'", err.message, words);
    gp_table_close(t);
}

static void test_roles(void **state)
{
    (void)state;
    gp_error err = {0};
    size_t image = 77, prompt = 77;
    expect_roles("image,prompt\n", NULL, NULL, 0, 1);
    expect_roles("seed,Prompt,x,File Name\n", NULL, NULL, 3, 1);
    expect_roles("path,image,file_name,text,caption\n", NULL, NULL, 2, 3);
    expect_roles("path,image,file_name,text,caption\n", "path", "Caption", 0, 4);
    /* a column name in exact case has priority over a name in another case */
    expect_roles("Path,path,text\n", "path", NULL, 1, 2);
    expect_roles("image,prompt,image\n", "image.1", NULL, 2, 1);

    gp_table *t = parse("Prompt,Category,Challenge\n", "csv");
    assert_int_equal(gp_table_roles(t, NULL, NULL, &image, &prompt, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "no image column"));
    assert_non_null(strstr(err.message, "its columns: 'Prompt', 'Category', 'Challenge'"));
    assert_int_equal(gp_table_roles(t, "Category", "nope", &image, &prompt, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "has no column 'nope'; its columns: 'Prompt', 'Category', 'Challenge'"));
    assert_int_equal(gp_table_roles(t, "Prompt", NULL, &image, &prompt, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "cannot be both"));
    assert_int_equal(image, 77);
    assert_int_equal(prompt, 77);
    assert_int_equal(gp_table_find(t, "category"), 1);
    assert_true(gp_table_find(t, "Note") == SIZE_MAX);
    gp_table_close(t);

    /* two columns without names, and more columns, which could be anything */
    expect_roles("a.png,a fox\nb.png,a cat\n", NULL, NULL, 0, 1);
    expect_roles("a.png;text\nb.png;a cat, a dog\n", NULL, NULL, 0, 1);
    expect_no_roles("a.png,a fox,1\nb.png,a cat,2\n", "csv",
                    "its first line must name the columns, but holds: 'a.png', 'a fox', '1'; put a line");
    expect_no_roles("a.png,text,x\nb.png,a cat,y\n", "csv", "its columns: 'a.png', 'text', 'x'");
    expect_no_roles("{\"0001\":\"a fox\",\"0002\":\"a cat\"}", "json",
                    "its columns: '0001', '0002'; the file is one JSON object, which counts as one row: ");
    expect_no_roles("[{\"a.png\":\"a fox\"}]", "json", "; its columns: 'a.png'; write records such as {");
    expect_no_roles("[{\"x\":\"a fox\"}]", "json", "; its columns: 'x'; name");

    gp_str s = GP_STR_INIT;
    for (int i = 0; i < 30; i++) gp_str_printf(&s, "%scolumn%d", i ? "," : "", i);
    t = parse(s.data, "csv");
    assert_int_equal(gp_table_roles(t, NULL, NULL, &image, &prompt, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "'column19' and 10 more"));
    gp_table_close(t);
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ lists of captions */

static void test_first_text(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *text; /* expected text; NULL: none */
    } all[] = {
        {"a cat", "a cat"},
        {"[\"a\", \"b\"]", "a"},
        {" [\"\", \"b\"] ", "b"},
        {"['it''s', 'b']", "it"}, /* two adjacent strings */
        {"['a \\'cat\\' \\u00e9\\n', \"b\"]", "a 'cat' \xC3\xA9\n"},
        {"['a'\n 'b']", "a"}, /* as NumPy prints a list */
        {"[{\"id\": 1, \"caption\": \"x\"}, {\"caption\": \"y\"}]", "x"},
        {"[]", NULL},
        {"[1, 2]", NULL},
        {"[cat:dog:0.5]", "[cat:dog:0.5]"},
        {"['a', b]", "['a', b]"},
        {"['a'] and more", "['a'] and more"},
        {"[\"a\"", "[\"a\""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gp_error err = {0};
        gp_table *t = NULL;
        gp_str csv = GP_STR_INIT, room = GP_STR_INIT;
        gp_str_puts(&csv, "p\n\"");
        for (const char *c = all[i].cell; *c; c++) gp_str_puts(&csv, *c == '"' ? "\"\"" : (char[]){*c, 0});
        gp_str_puts(&csv, "\"\n");
        assert_ok(gp_table_parse("x.csv", csv.data, csv.size, "csv", &t, &err));
        const char *text = gp_table_text(t, 0, 0, &room);
        if (!text != !all[i].text || (text && strcmp(text, all[i].text) != 0))
            fail_msg("%s: '%s'", all[i].cell, text ? text : "(none)");
        gp_str_clear(&room);
        gp_str_clear(&csv);
        gp_table_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_roles), cmocka_unit_test(test_first_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
