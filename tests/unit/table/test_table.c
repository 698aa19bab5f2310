/* SPDX-License-Identifier: MIT
 * Prompt tables: every file format, and errors with their line. */
#include "ingest_support.h"
#include "sanitized.h"

#include "table/table.h"

#include <zlib.h>

static gp_table *parse_n(const char *bytes, size_t size, const char *kind)
{
    gp_error err = {0};
    gp_table *table = NULL;
    /* the block has exactly the size of the text, so that ASan detects a read past the end */
    char *block = malloc(size ? size : 1);
    assert_non_null(block);
    memcpy(block, bytes, size);
    assert_ok(gp_table_parse("/data/set/prompts.csv", block, size, kind, &table, &err));
    free(block);
    return table;
}

static gp_table *parse(const char *text, const char *kind)
{
    return parse_n(text, strlen(text), kind);
}

/* Returns the table as "a|b/1|2/3|-": header, rows; "-" for a missing cell. */
static const char *shown(const gp_table *t)
{
    static char out[4096];
    size_t at = 0;
    out[0] = 0;
    for (size_t c = 0; c < gp_table_columns(t); c++)
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", c ? "|" : "", gp_table_column(t, c));
    for (size_t r = 0; r < gp_table_rows(t); r++)
        for (size_t c = 0; c < gp_table_columns(t); c++) {
            const char *cell = gp_table_cell(t, r, c);
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", c ? "|" : "/", cell ? cell : "-");
        }
    return out;
}

typedef struct form {
    const char *text, *kind, *shown;
} form;

static void expect_forms(const form *forms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gp_table *table = parse(forms[i].text, forms[i].kind);
        assert_string_equal(shown(table), forms[i].shown);
        gp_table_close(table);
    }
}

static void test_csv(void **state)
{
    (void)state;
    static const form forms[] = {
        {"a,b\n1,2\n3,4\n", "csv", "a|b/1|2/3|4"},
        {"a,b\n1,2\n3,4", NULL, "a|b/1|2/3|4"},
        {"\xEF\xBB\xBF"
         "a,b\r\n1,2\r\n",
         "csv", "a|b/1|2"},
        {"a,b\r1,2\r3,4", "csv", "a|b/1|2/3|4"},
        {"\n\na,b\n\n1,2\n\n", "csv", "a|b/1|2"},
        /* RFC 4180 */
        {"a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"\n", "csv", "a|b/x, y|say \"hi\"/two\nlines|"},
        {"\"a\",\"b\"\r\n\"1\",\"2\"\r\n", "csv", "a|b/1|2"},
        {"a,b\n\"two\r\nlines\",2\n", "csv", "a|b/two\r\nlines|2"},
        /* a quote mark that does not enclose the whole cell is an ordinary character */
        {"a,b\n\"G I G\" painted,2\n5\" pipe,\"x\"\n", "csv", "a|b/\"G I G\" painted|2/5\" pipe|x"},
        {"a,b\n1,\n,2\n,\n", "csv", "a|b/1|/|2/|"},
        {"a,b\n1,2,\n1,2,,,\n", "csv", "a|b/1|2/1|2"}, /* trailing commas */
        /* blanks around column names are removed, blanks around cells are kept */
        {" a ,\tb\n 1 ,2\n", "csv", "a|b/ 1 |2"},
        {"a,a,,a\n1,2,3,4\n", "csv", "a|a.1|column 3|a.2/1|2|3|4"},
        {"a\nx\ny\n", "csv", "a/x/y"},
        {"a,b\n", "csv", "a|b"},
        /* the header determines the delimiter: a comma, or another character */
        {"a;b\n1,5;2\n", "csv", "a|b/1,5|2"},
        {"a\tb\n1\t2\n", "csv", "a|b/1|2"},
        {"a,b;c\n1,2\n", "csv", "a|b;c/1|2"},
        /* goldpan chooses the delimiter that gives the most usual column names */
        {"file_name;prompt, long;p\na;b, c;d\n", "csv", "file_name|prompt, long|p/a|b, c|d"},
        {"image|prompt\na|b\n", "csv", "image|prompt/a|b"},
        {"a|b\n1\n", "csv", "a|b/1"},
        /* Excel can name the delimiter in the first line ("sep=;") */
        {"sep=;\r\na;b\r\n1,5;2\r\n", "csv", "a|b/1,5|2"},
        {"SEP=|\na|b\n1|2\n", "csv", "a|b/1|2"},
        {"\"sep=\t\"\na\tb\n1\t2\n", "csv", "a|b/1|2"},
        {"sep=1\n2\n", "csv", "sep=1/2"},
    };
    expect_forms(forms, sizeof forms / sizeof *forms);
}

static void test_tsv(void **state)
{
    (void)state;
    static const form forms[] = {
        {"a\tb\n1\t2\n", "tsv", "a|b/1|2"},
        {"a\tb\n1,5\t\n", NULL, "a|b/1,5|"},
        /* a file written by hand: quotes are ordinary characters */
        {"a\tb\n\"G I G\" painted\t2\n", "tsv", "a|b/\"G I G\" painted|2"},
        {"a\tb\n\"a sign\"\t2\n", "tsv", "a|b/\"a sign\"|2"},
        {"a\tb\n\"open\t2\n", "tsv", "a|b/\"open|2"},
        /* a file written by pandas, in which one field needed quotes */
        {"a\tb\n\"two\nlines\"\t\"say \"\"hi\"\"\"\n", "tsv", "a|b/two\nlines|say \"hi\""},
        {"\"a\"\t\"b\"\n\"1\"\t\"2\"\n", "tsv", "a|b/1|2"},
    };
    expect_forms(forms, sizeof forms / sizeof *forms);
}

static void test_json(void **state)
{
    (void)state;
    static const form forms[] = {
        {"[{\"image\":\"images_parti\\/a.png\",\"prompt\":\"Salvador Dal\\u00ed\",\"clip_score\":26.123456789,\"e\":["
         "0.123456789,-0.0]}]",
         "json", "image|prompt|clip_score|e/images_parti/a.png|Salvador Dal\xC3\xAD|26.123456789|[0.123456789,-0.0]"},
        {"[{\"a\":1,\"b\":null},{\"b\":true,\"c\":NaN},{},{\"c\":-Infinity}]", "json",
         "a|b|c/1|-|-/-|true|-/-|-|-/-|-|-"},
        {" [ { \"a\" : { \"x\" : [ 1 , \"y z\" ] } , \"b\" : \"\\\"\\\\\\n\\ud83d\\ude00\\ud800\" } ] ", "json",
         "a|b/{\"x\":[1,\"y z\"]}|\"\\\n\xF0\x9F\x98\x80\xEF\xBF\xBD"},
        {"[]", "json", ""},
        {"[{\"a\":1,\"a\":2}]", "json", "a/2"}, /* the last of equal names counts, as in Python */
        /* JSON lines */
        {"{\"a\":\"x\",\"b\":1}\n\n{\"b\":2}\n", "jsonl", "a|b/x|1/-|2"},
        {"{\"a\":\"x\"}\r\n{\"a\":\"y\"}", NULL, "a/x/y"},
        {"{\"a\":\"x\"}{\"a\":\"y\"}", "json", "a/x/y"},
        {"{\"a\":\"x\"}", "json", "a/x"},
        {"{\"a\":{\"b\":1}}", "jsonl", "a/{\"b\":1}"},
        {"[{\"a\":1}]", "jsonl", "a/1"},
        /* JSON tables by columns: as pandas' to_json() writes them, with rows in another order, and as lists */
        {"{\"a\":{\"0\":\"x\",\"1\":\"y\"},\"b\":{\"0\":1,\"1\":null}}", "json", "a|b/x|1/y|-"},
        {"{\"a\":{\"r\":\"x\",\"s\":\"y\",\"t\":\"z\"},\"b\":{\"t\":3,\"r\":1}}", "json",
         "a|b|index/x|1|r/y|-|s/z|3|t"},
        {"{\"a\":[\"x\",\"y\"],\"b\":[1]}", "json", "a|b/x|1/y|-"},
        {"{\"a\":{}}", "json", "a"},
        {"{\"a\":{\"0\":null,\"1\":null,\"2\":\"z\"},\"b\":{\"2\":1}}", "json", "a|b/-|-/-|-/z|1"},
        {"{\"a\":[null,1,null],\"b\":[]}", "json", "a|b/-|-/1|-/-|-"},
        /* row names that are not numbers become a column */
        {"{\"prompt\":{\"a.png\":\"x\",\"b.png\":\"y\"}}", "json", "prompt|file_name/x|a.png/y|b.png"},
        {"{\"prompt\":{\"q1\":\"x\",\"q2\":\"y\"}}", "json", "prompt|index/x|q1/y|q2"},
        /* a JSON table of rows by name, as pandas writes it with orient "index" */
        {"{\"0\":{\"set\":\"a\",\"score\":1.5},\"1\":{\"set\":\"b\"}}", "json", "set|score/a|1.5/b|-"},
        {"{\"x1\":{\"prompt\":\"a\"},\"x2\":{\"prompt\":\"b\"}}", "json", "index|prompt/x1|a/x2|b"},
        {"{\"0000\":{\"prompt\":\"a\"},\"0001\":{\"prompt\":\"b\"}}", "json", "index|prompt/0000|a/0001|b"},
        {"{\"u\":{\"m\":1},\"v\":{\"m\":2},\"w\":{}}", "json", "index|m/u|1/v|2/w|-"},
        {"{\"D/A.PNG\":{\"c\":\"x\"}}", "json", "file_name|c/D/A.PNG|x"},
        /* pandas' orients "split" (members in any order) and "table", and an object around the rows */
        {"{\"columns\":[\"a\",\"b\"],\"index\":[0,1],\"data\":[[1,\"x\"],[null,\"y\",3]]}", "json", "a|b/1|x/-|y"},
        {"{\"columns\":[\"a\"],\"index\":[0.5,1.5],\"data\":[[1],[2]]}", "json", "index|a/0.5|1/1.5|2"},
        {"{\"columns\":[\"a\"],\"index\":[0,1.0],\"data\":[[1],[2]]}", "json", "index|a/0|1/1.0|2"},
        {"{\"data\":[[\"x\"],[\"y\"]],\"index\":[\"a.png\",\"b.png\"],\"columns\":[\"p\"]}", "json",
         "file_name|p/a.png|x/b.png|y"},
        {"{\"schema\":{\"fields\":[{\"name\":\"index\"}]},\"data\":[{\"index\":0,\"a\":\"x\"}]}", "json",
         "index|a/0|x"},
        {"{\"total\":2,\"rows\":[{\"a\":1},{\"a\":2}]}", "json", "a/1/2"},
        {"{\"prompt\":\"x\",\"tags\":[{\"n\":1}]}", "json", "prompt|tags/x|[{\"n\":1}]"}, /* one record */
        /* a JSON object of image file names, each with a text or a list of texts */
        {"{\"a.png\":\"a fox\",\"x/b.JPG\":null,\"c.png\":[\"one\", \"two\"]}", "json",
         "file_name|prompt/a.png|a fox/x/b.JPG|-/c.png|[\"one\",\"two\"]"},
        {"{\"a.png\":\"a fox\"}", "json", "file_name|prompt/a.png|a fox"},
        {"{\"a.png\":\"a fox\",\"seed\":\"b\"}", "json", "a.png|seed/a fox|b"}, /* one record */
        {"{\"a.png\":\"a fox\",\"b.png\":7}", "json", "a.png|b.png/a fox|7"},
        /* from a COCO file, goldpan uses the first caption of each image */
        {"{\"info\":{\"year\":2014},\"licenses\":[{\"id\":1}],\"images\":[{\"id\":7,\"file_name\":\"b\\/7.jpg\"},"
         "{\"file_name\":\"5.jpg\",\"id\":5,\"height\":4},{\"id\":9,\"file_name\":\"9.jpg\"}],\"annotations\":["
         "{\"image_id\":5,\"id\":1,\"caption\":\"a fox\"},{\"caption\":\"a cat\",\"image_id\":7},{\"image_id\":5,"
         "\"caption\":\"an animal\"}]}",
         "json", "file_name|caption/b/7.jpg|a cat/5.jpg|a fox/9.jpg|-"},
        {"{\"annotations\":[{\"image_id\":\"x1\",\"caption\":\" \"},{\"image_id\":\"x1\",\"caption\":\"a "
         "fox\"}],\"images\":[{\"id\":\"x1\",\"file_name\":"
         "\"1.jpg\"}]}",
         "json", "file_name|caption/1.jpg|a fox"},
        /* DiffusionDB */
        {"{\"1f.png\":{\"p\":\"a cat\",\"se\":4294967295,\"c\":7.0},\"2f.png\":{\"p\":\"a dog\",\"sa\":\"k_lms\"}}",
         "json", "file_name|p|se|c|sa/1f.png|a cat|4294967295|7.0|-/2f.png|a dog|-|-|k_lms"},
    };
    expect_forms(forms, sizeof forms / sizeof *forms);
}

#define FOOOCUS "<html><head></head><body><p>Fooocus Log 2024-01-01 (private)</p>\n<!--fooocus-log-split-->\n"
#define IMAGE(name)                                                                                                    \
    "<div id=\"x\" class=\"image-container\"><hr><table><tr><td><img src='" name "' loading='lazy'/></td>"
#define VALUES(rows)      "<td><table class='metadata'>" rows "</table>"
#define VALUE(key, value) "<tr><td class='label'>" key "</td><td class='value'>" value "</td></tr>\n"

static void test_html(void **state)
{
    (void)state;
    static const form forms[] = {
        {FOOOCUS IMAGE("a.png") VALUES(VALUE("Prompt", "a <lora:x:1> fox </br> two") VALUE("Guidance Scale", "4")),
         NULL, "file_name|prompt|cfg_scale/a.png|a <lora:x:1> fox\ntwo|4"},
        /* the first version; a block without an image; a block that is cut off */
        {FOOOCUS IMAGE(
             "a.png") "<td><table class='metadata'><tr><td class='key'>Prompt</td><td class='value'>a mill</td>"
                      "</tr><tr><td class='key'>Resolution</td><td class='value'>(1152, 896)</td></tr></table>"
                      "<div class=\"image-container\"></div>" IMAGE("b.png") "<td><table class='metadata'><tr>"
                                                                             "<td class='key'>Prompt</td><td",
         NULL, "file_name|prompt|width|height/a.png|a mill|1152|896/b.png|-|-|-"},
        /* the button has the prompt as it was typed */
        {FOOOCUS IMAGE("a.png") VALUES(VALUE("Prompt", "a  </br> b &amp;c") VALUE(
             "Resolution", "big")) "</br><button "
                                   "onclick=\"to_clipboard('%7B%22prompt%22%3A%20%22a%5Cn%3C/td%3E%22%7D')\">",
         NULL, "file_name|prompt|resolution/a.png|a\n</td>|big"},
    };
    expect_forms(forms, sizeof forms / sizeof *forms);
    gp_error err = {0};
    gp_table *table = NULL;
    assert_int_equal(gp_table_parse("/x/log.html", FOOOCUS, sizeof FOOOCUS - 1, NULL, &table, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "without images"));
}

static void test_encodings(void **state)
{
    (void)state;
    static const char little[] = "\xFF\xFE"
                                 "a\0,\0b\0\n\0\xE9\0,\0\x3D\xD8\x00\xDE\n\0";
    static const char big[] = "\xFE\xFF"
                              "\0a\0,\0b\0\n\0\xE9\0,\xD8\x3D\xDE\x00\0\n";
    gp_table *a = parse_n(little, sizeof little - 1, "csv"), *b = parse_n(big, sizeof big - 1, NULL);
    assert_string_equal(shown(a), "a|b/\xC3\xA9|\xF0\x9F\x98\x80");
    assert_string_equal(shown(b), "a|b/\xC3\xA9|\xF0\x9F\x98\x80");
    gp_table_close(b);
    gp_table_close(a);
    /* without a byte order mark */
    a = parse_n(little + 2, sizeof little - 3, "csv"), b = parse_n(big + 2, sizeof big - 3, NULL);
    assert_string_equal(shown(a), "a|b/\xC3\xA9|\xF0\x9F\x98\x80");
    assert_string_equal(shown(b), "a|b/\xC3\xA9|\xF0\x9F\x98\x80");
    gp_table_close(b);
    gp_table_close(a);
    a = parse("[{\"a\":\"\x93 caf\xE9 \x80\"}]", "json");
    assert_string_equal(shown(a), "a/\xE2\x80\x9C caf\xC3\xA9 \xE2\x82\xAC");
    gp_table_close(a);
}

/* ------------------------------------------------------------------ records that are left out */

static void add_note(void *user, const gp_note *note)
{
    gp_str_printf(user, "%s %d: %s\n", note->code, (int)note->count, note->message);
}

static void test_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *kind, *shown, *notes;
    } all[] = {
        {"a,b\n1,2\n3\n", "csv", "a|b/1|2/3|-",
         "table-short-rows 1: 'prompts.csv': 1 row has fewer cells than the header; the cells that are missing stay "
         "empty (line 3)\n"},
        {"a,b\n1,2\n\n\"x\ny\",2\n1,2,3\n4,5,6,7\n", "csv", "a|b/1|2/x\ny|2/1|2/4|5",
         "table-long-rows 2: 'prompts.csv': 2 rows have more cells than the header; the cells without a column are "
         "left "
         "out (the first in line 6)\n"},
        {"a\tb\n1\t2\t3\n", "tsv", "a|b/1|2", "table-long-rows 1"},
        /* an unquoted sentence with commas: in the last column, its parts are joined; in another column, the row is
         * left out */
        {"f,p\nx,a fox, in snow, night\n", "csv", "f|p/x|a fox, in snow, night", "table-joined-rows 1"},
        {"f,p,s\nx,a fox, in snow,1\ny,a cat,2\n", "csv", "f|p|s/y|a cat|2", "table-split-rows 1"},
        /* the header also has blanks after its delimiters, so a comma with a blank is a delimiter in the rows too */
        {"f, p\nx, a fox, 3\n", "csv", "f|p/x| a fox", "table-long-rows 1"},
        {"f,p\nx,\"a fox\", y\n", "csv", "f|p/x|a fox", "table-long-rows 1"},
        /* tables with quotes that are never closed */
        {"a,b\n1,2\n3,\"cut off", "csv", "a|b/1|2", "table-cut-row 1"},
        {"a,b\n1,\"open\n2,3\n", "csv", "a|b/1|\"open/2|3", "table-open-quotes 1"},
        {"a,b\n1,caf\xE9\n", "csv", "a|b/1|caf\xC3\xA9",
         "table-encoding 1: 'prompts.csv' is not valid UTF-8; it was read as code page 1252\n"},
        /* JSON */
        {"{\"a\":1}\n{\"a\":2,\"q\n{\"a\":3}\n", "jsonl", "a/1/3",
         "table-bad-records 1: 'prompts.csv': 1 record cannot be read and is left out (line 2: a string has no closing "
         "quote "
         "(the line ends here))\n"},
        {"{\"a\":1}\n{\"a\":2\n", "jsonl", "a/1", "table-bad-records 1"},
        {"{\"a\":1}\n{\"a\":\n{\"a\":{\"b\":3}}\n", "jsonl", "a/1/{\"b\":3}",
         "table-bad-records 1"},                             /* the error does not affect the next line */
        {"{\n\"a\":1}\n{\"a\":\n2}\n", "json", "a/1/2", ""}, /* records that extend over several lines */
        {"oops\n{\"a\":1}\n", "jsonl", NULL, NULL},
        {"{\"x\" 1}\nnot json\n{\"a\":1}\n", "jsonl", "a/1", "table-bad-records 1"},
        {"[{\"a\":1},\n{\"a\":}]", "json", "a/1",
         "table-broken-off 1: '/data/set/prompts.csv': line 2: a value was expected; what comes before it is read\n"},
        {"[{\"a\":1},{\"a\":2", "json", "a/1", "table-broken-off 1"},
        {"[{\"a\":1}] x", "json", "a/1", "table-broken-off 1"},
        {"[{\"a\":1},null,7,{\"a\":2}]", "json", "a/1/2", "table-bad-records 2"},
        {"{\"a\":{\"0\":1},\"a\":{\"0\":2}}", "json", "a/1", "table-broken-off 1"},
        {"{\"a.png\":\"x\",\"b.png\":\"y", "json", "file_name|prompt/a.png|x", "table-broken-off 1"},
        {"{\"images\":[{\"id\":1,\"file_name\":\"1.jpg\"}],\"annotations\":[{\"image_id\":1,\"caption\":\"a\"},{"
         "\"image",
         "json", "file_name|caption/1.jpg|a", "table-broken-off 1"},
        {"{\"images\":[{\"id\":1,\"file_name\":\"1.jpg\"}],\"annotations\":[{\"image_id\":2,\"caption\":\"a\"},"
         "{\"image_id\":1,\"caption\":\"b\"}]}",
         "json", "file_name|caption/1.jpg|b",
         "table-lost-captions 1: 'prompts.csv': 1 caption belongs to no image of its list, and is left out\n"},
        {"{\"a\":{\"0\":1},\"b\":{\"7\":2}}", "json", "a/1", "row '7' is not in the first column"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gp_error err = {0};
        gp_table *t = NULL;
        gp_str notes = GP_STR_INIT;
        gp_status st = gp_table_parse("/data/set/prompts.csv", all[i].text, strlen(all[i].text), all[i].kind, &t, &err);
        if (!all[i].shown) {
            assert_int_equal(st, GP_ERR_FORMAT);
            continue;
        }
        if (st != GP_OK) fail_msg("case %zu: %s", i, err.message);
        gp_table_notes(t, add_note, &notes);
        if (strcmp(shown(t), all[i].shown) != 0 || !strstr(notes.data ? notes.data : "", all[i].notes))
            fail_msg("case %zu: '%s', '%s'", i, shown(t), notes.data ? notes.data : "");
        gp_table_notes(t, NULL, NULL);
        gp_str_clear(&notes);
        gp_table_close(t);
    }
}

/* ------------------------------------------------------------------ memory and stopping */

/* Wide rows with many missing cells: each value is found in its column. */
static void test_wide(void **state)
{
    (void)state;
    gp_str csv = GP_STR_INIT, json = GP_STR_INIT;
    for (int c = 0; c < 1000; c++) gp_str_printf(&csv, "%sc%d", c ? "," : "", c);
    gp_str_puts(&csv, "\n");
    for (int r = 0; r < 20; r++) {
        for (int c = 0; c < 1000; c++) gp_str_printf(&csv, c % 7 == r % 7 ? "%s%d" : "%s", c ? "," : "", c + r);
        gp_str_puts(&csv, "\n");
    }
    for (int c = 0; c < 1000; c++) gp_str_printf(&json, "%s\"c%d\":0", c ? "," : "{", c);
    gp_str_puts(&json, "}\n");
    for (int r = 1; r < 2000; r++) gp_str_printf(&json, "{\"c%d\":\"%d\",\"c%d\":null}\n", r * 37 % 1000, r, r % 1000);
    gp_table *t = parse_n(csv.data, csv.size, "csv"), *u = parse_n(json.data, json.size, "jsonl");
    for (int r = 0; r < 20; r++)
        for (int c = 0; c < 1000; c++) {
            char want[16] = "";
            if (c % 7 == r % 7) snprintf(want, sizeof want, "%d", c + r);
            assert_string_equal(gp_table_cell(t, (size_t)r, (size_t)c), want);
        }
    for (int r = 1; r < 2000; r++) {
        char want[16];
        bool wiped = r % 1000 == r * 37 % 1000;
        snprintf(want, sizeof want, "%d", r);
        const char *cell = gp_table_cell(u, (size_t)r, (size_t)(r * 37 % 1000));
        if (wiped)
            assert_null(cell);
        else
            assert_string_equal(cell, want);
        assert_null(gp_table_cell(u, (size_t)r, (size_t)((r * 37 + 500) % 1000)));
    }
    gp_table_close(u);
    gp_table_close(t);
    gp_str_clear(&json);
    gp_str_clear(&csv);
}

/* Returns the bytes of memory that the process uses. */
static size_t resident(void)
{
    char text[128] = "";
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_int_equal(sscanf(text, "%*u %lu", &pages), 1);
    return pages * 4096;
}

/* A reader calls this function after every 4 MiB that it has processed. Records the peak of memory. */
static bool keep_peak(void *user)
{
    size_t now = resident(), *peak = user;
    if (now > *peak) *peak = now;
    return true;
}

static void repeat(gp_str *s, const char *head, const char *row, const char *tail, size_t size)
{
    gp_str_reset(s);
    gp_str_puts(s, head);
    while (s->size < size) gp_str_puts(s, row);
    s->size -= tail && *tail ? 1 : 0; /* remove the last comma */
    gp_str_puts(s, tail);
}

/* In memory, a table needs at most four times the bytes of its file, whatever its cells are, as table.h states. */
static void test_bound(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *row, *tail;
    } all[] = {
        {"commas.csv", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t\n", ",,,,,,,,,,,,,,,,,,,\n", ""},
        {"letters.csv", "a,b,c,d,e,f,g,h\n", "a,b,c,d,e,f,g,h\n", ""},
        {"short.csv", "a,b\n", "x\n", ""},
        {"one.csv", "a\n", "x\n", ""},
        {"ansi.csv", "a,b\n", "\xE9\xE9\xE9\xE9,\xE9\xE9\xE9\n", ""},
        {"records.json", "[", "{\"a\":1},", "]"},
        {"empty.json", "[", "{},", "]"},
        {"lines.jsonl", "", "{\"a\":1}\n", ""},
        {"lists.json", "{\"a\":[", "1,", "]}"},
        {"split.json", "{\"columns\":[\"a\"],\"data\":[", "[1],", "]}"},
        {"texts.json", "{", "\"a.png\":\"\",", "}"},
        {"images.json", "{\"annotations\":[{\"image_id\":1,\"caption\":\"x\"}],\"images\":[",
         "{\"id\":1,\"file_name\":\"a\"},", "]}"},
        {"captions.json", "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[",
         "{\"image_id\":1,\"caption\":\"x\"},", "]}"},
    };
    enum { SIZE = 12 << 20 };
    gp_str s = GP_STR_INIT;
    char *folder = folder_new();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gp_error err = {0};
        gp_table *t = NULL;
        repeat(&s, all[i].head, all[i].row, all[i].tail, SIZE);
        put_file(folder, all[i].name, s.data, s.size);
        gp_str_clear(&s);
        size_t before = resident(), peak = before;
        gp_watch watch = {.go_on = keep_peak, .user = &peak};
        if (gp_table_read(in_folder(folder, all[i].name), &watch, &t, &err) != GP_OK) fail_msg("%s", err.message);
        keep_peak(&peak);
        double times = (double)(peak - before) / (double)SIZE;
        print_message("%-14s %.2f times its bytes, %zu rows\n", all[i].name, times, gp_table_rows(t));
        gp_table_close(t);
        /* sanitizers need additional memory */
        if (!SANITIZED && times > 4) fail_msg("%s: %.2f times its bytes", all[i].name, times);
    }
    folder_free(folder);
}

static bool never(void *user)
{
    ++*(int *)user;
    return false;
}

/* Each reader calls the watch after at most a few megabytes, and stops if the watch returns false. */
static void test_stop(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *row, *tail;
    } all[] = {
        {"a.csv", "a,b\n", "x,y\n", ""},
        {"quoted.tsv", "a\tb\n", "x\ty\n", ""},
        {"ansi.csv", "a,b\n", "\xE9,y\n", ""},
        {"records.json", "[", "{\"a\":1},", "]"},
        {"nested.json", "[{\"a\":[", "1,", "]}]"},
        {"lines.jsonl", "", "{\"a\":1}\n", ""},
        {"bad.jsonl", "", "{\"a\":}\n", ""},
        {"lists.json", "{\"a\":[", "1,", "]}"},
        {"texts.json", "{", "\"a.png\":\"\",", "}"},
        {"coco.json", "{\"annotations\":[{}],\"images\":[", "{\"id\":1},", "]}"},
    };
    gp_str s = GP_STR_INIT;
    char *folder = folder_new();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gp_error err = {0};
        gp_table *t = NULL;
        int asked = 0;
        int64_t before = gp_mem_live();
        gp_watch watch = {.go_on = never, .user = &asked};
        repeat(&s, all[i].head, all[i].row, all[i].tail, 10 << 20);
        put_file(folder, all[i].name, s.data, s.size);
        gp_str_clear(&s);
        before = gp_mem_live();
        assert_int_equal(gp_table_read(in_folder(folder, all[i].name), &watch, &t, &err), GP_ERR_STOPPED);
        assert_int_equal(asked, 1);
        assert_null(t);
        assert_int_equal(gp_mem_live(), before);
    }
    folder_free(folder);
}

/* ------------------------------------------------------------------ errors */

typedef struct bad {
    const char *text;
    size_t size; /* size of the text; 0: the text ends at its NUL byte */
    const char *kind;
    gp_status status;
    const char *message; /* a part of the message */
} bad;

static void test_bad(void **state)
{
    (void)state;
    static const bad all[] = {
        {"", 0, NULL, GP_ERR_FORMAT, "is empty"},
        {" \r\n\t", 0, "csv", GP_ERR_FORMAT, "is empty"},
        {"\xEF\xBB\xBF", 0, "json", GP_ERR_FORMAT, "is empty"},
        {"\xFF\xFE", 0, "csv", GP_ERR_FORMAT, "is empty"},
        {"\xFE\xFF", 0, NULL, GP_ERR_FORMAT, "is empty"},
        {"a,b\n1,\0\n", 8, "csv", GP_ERR_FORMAT, "line 2: a NUL byte"},
        {"a,\"b", 0, "csv", GP_ERR_FORMAT, "line 1: the header ends inside quotes"},
        {"sep=;\n", 0, "csv", GP_ERR_FORMAT, "is empty"},
        {"\x1F\x8B\x08\0\0\0", 6, "csv", GP_ERR_FORMAT, "is cut off: its gzip data does not end"},
        {"\x28\xB5\x2F\xFD\x04", 0, "json", GP_ERR_FORMAT, "is cut off: its zstd data does not end"},
        {"PAR1xxxxxxxx", 0, "csv", GP_ERR_FORMAT, "damaged Parquet"},
        {"[\n{\"a\":}]", 0, "json", GP_ERR_FORMAT, "line 2: a value was expected"},
        {"[{\"a\":1", 0, "json", GP_ERR_FORMAT, "line 1: ',' or '}' was expected (the file ends here)"},
        {"[1]", 0, "json", GP_ERR_FORMAT, "each record must be an object"},
        {"[{\"a\":\"x\n\"}]", 0, "json", GP_ERR_FORMAT, "no closing quote"},
        {"[{\"a\":\"\\q\"}]", 0, "json", GP_ERR_FORMAT, "bad \\ escape"},
        {"[{\"a\":[1}]", 0, "json", GP_ERR_FORMAT, "bracket"},
        {"[{\"a\":tru}]", 0, "json", GP_ERR_FORMAT, "a value was expected"},
        {"[{'a':1}]", 0, "json", GP_ERR_FORMAT, "double quotes"},
        {"hello", 0, "json", GP_ERR_FORMAT, "begins with '[' or '{'"},
        {"{\"a\":1\n{\"a\":2\n", 0, "jsonl", GP_ERR_FORMAT, "line 1: ',' or '}' was expected (the line ends here)"},
        {"{\"columns\":[\"a\"],\"data\":[1]}", 0, "json", GP_ERR_FORMAT, "must be a list"},
        {"{\"images\":[{\"id\":1,\"file_name\":\"1.jpg\"}],\"annotations\":[{\"image_id\":1,\"bbox\":[1,2]}]}", 0,
         "json", GP_ERR_FORMAT, "its annotations have no captions"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gp_error err = {0};
        gp_table *table = NULL;
        size_t size = all[i].size ? all[i].size : strlen(all[i].text);
        gp_status st = gp_table_parse("/data/set/p.csv", all[i].text, size, all[i].kind, &table, &err);
        if (st != all[i].status || !strstr(err.message, all[i].message))
            fail_msg("case %zu: status %d, '%s', wanted '%s'", i, (int)st, err.message, all[i].message);
        assert_null(table);
    }
}

static void test_limits(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *table = NULL;
    gp_str s = GP_STR_INIT;
    for (int i = 0; i < 1025; i++) gp_str_printf(&s, "%sc%d", i ? "," : "", i);
    gp_str_puts(&s, "\n");
    assert_int_equal(gp_table_parse("x.csv", s.data, s.size, "csv", &table, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, "more than 1024 columns"));
    gp_str_reset(&s);
    gp_str_puts(&s, "[{\"a\":");
    for (int i = 0; i < 70; i++) gp_str_putc(&s, '[');
    assert_int_equal(gp_table_parse("x.json", s.data, s.size, "json", &table, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "too deeply"));
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ files */

static void test_open(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *table = NULL;
    char *folder = folder_new();
    static const struct {
        const char *name, *text;
    } files[] = {{"a.CSV", "x,y\n\"1\t\",2\n"},
                 {"a.tsv", "x\ty\n1\t\t2"},
                 {"a.jsonl", "{\"x\":{\"y\":1}}"},
                 {"a.json", "[{\"x\":1}]"},
                 {"noname", "{\"x\":1}\n{\"x\":2}\n"}};
    static const char *const wanted[] = {"x|y/1\t|2", "x|y/1|", "x/{\"y\":1}", "x/1", "x/1/2"};
    for (size_t i = 0; i < 5; i++) {
        const char *path = put_text(folder, files[i].name, files[i].text);
        gp_status st = gp_table_open(path, &table, &err);
        if (st) fail_msg("%s", err.message);
        assert_string_equal(gp_table_name(table), files[i].name);
        assert_string_equal(shown(table), wanted[i]);
        gp_table_close(table);
    }
    assert_int_equal(gp_table_open(in_folder(folder, "absent.csv"), &table, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "absent.csv"));
    assert_int_equal(gp_table_open(folder, &table, &err), GP_ERR_IO);
    gp_table_close(NULL);
    folder_free(folder);
}

/* ------------------------------------------------------------------ real files */

static gp_table *open_real(const char *name)
{
    gp_error err = {0};
    gp_table *t = NULL;
    const char *folder = shared_path("data/prompts", "real prompt tables");
    if (!folder) return NULL;
    assert_ok(gp_table_open(in_folder(folder, name), &t, &err));
    return t;
}

static size_t count_cells(const gp_table *t, const char *column, const char *value)
{
    size_t count = 0, c = gp_table_find(t, column);
    assert_true(c != SIZE_MAX);
    for (size_t r = 0; r < gp_table_rows(t); r++) count += strcmp(gp_table_cell(t, r, c), value) == 0;
    return count;
}

static size_t cell_bytes(const gp_table *t, const char *column)
{
    size_t bytes = 0, c = gp_table_find(t, column);
    assert_true(c != SIZE_MAX);
    for (size_t r = 0; r < gp_table_rows(t); r++) bytes += strlen(gp_table_cell(t, r, c));
    return bytes;
}

/* The numbers of rows and cells were counted by another program. */
static void test_parti(void **state)
{
    (void)state;
    static const struct {
        const char *column, *value;
        size_t count;
    } totals[] = {{"Category", "Animals", 314},
                  {"Category", "Artifacts", 287},
                  {"Category", "World Knowledge", 214},
                  {"Category", "People", 177},
                  {"Category", "Outdoor Scenes", 131},
                  {"Category", "Illustrations", 124},
                  {"Category", "Vehicles", 104},
                  {"Category", "Food & Beverage", 74},
                  {"Category", "Arts", 66},
                  {"Category", "Abstract", 51},
                  {"Category", "Produce & Plants", 50},
                  {"Category", "Indoor Scenes", 40},
                  {"Challenge", "Fine-grained Detail", 312},
                  {"Challenge", "Basic", 272},
                  {"Challenge", "Simple Detail", 232},
                  {"Challenge", "Style & Format", 206},
                  {"Challenge", "Imagination", 150},
                  {"Challenge", "Complex", 113},
                  {"Challenge", "Writing & Symbols", 91},
                  {"Challenge", "Quantity", 90},
                  {"Challenge", "Perspective", 70},
                  {"Challenge", "Linguistic Structures", 61},
                  {"Challenge", "Properties & Positioning", 35},
                  {"Note", "", 1442}};
    gp_table *t = open_real("PartiPrompts.tsv");
    if (!t) skip();
    assert_int_equal(gp_table_rows(t), 1632);
    assert_int_equal(gp_table_columns(t), 4);
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        assert_int_equal(count_cells(t, totals[i].column, totals[i].value), totals[i].count);
    assert_int_equal(strncmp(gp_table_cell(t, 1560, 0), "\"G I G G L E\" painted", 21), 0);
    gp_table_close(t);
}

static void test_real_tables(void **state)
{
    (void)state;
    gp_table *t = open_real("dsg-1k-anns.csv");
    if (!t) skip();
    assert_int_equal(gp_table_rows(t), 8182);
    assert_int_equal(gp_table_columns(t), 9);
    size_t c = gp_table_find(t, "text");
    gp_str all = GP_STR_INIT;
    for (size_t r = 0; r < gp_table_rows(t); r++) {
        if (r) gp_str_putc(&all, '\n');
        gp_str_puts(&all, gp_table_cell(t, r, c));
    }
    assert_int_equal(crc32_z(0, (const uint8_t *)all.data, all.size), 2513647551u);
    gp_str_clear(&all);
    gp_table_close(t);

    t = open_real("geneval_evaluation_metadata.jsonl");
    assert_int_equal(gp_table_rows(t), 553);
    assert_int_equal(cell_bytes(t, "prompt"), 17792);
    assert_string_equal(gp_table_cell(t, 0, gp_table_find(t, "include")), "[{\"class\":\"bench\",\"count\":1}]");
    gp_table_close(t);

    t = open_real("tifa_v1.0_text_inputs.json");
    assert_int_equal(gp_table_rows(t), 4081);
    assert_int_equal(cell_bytes(t, "caption"), 215693);
    gp_table_close(t);

    t = open_real("imagereward_test_rankings.json");
    assert_int_equal(gp_table_rows(t), 466);
    gp_table_close(t);
}

/* ------------------------------------------------------------------ memory */

static void test_memory(void **state)
{
    (void)state;
    static const form forms[] = {
        {"image,prompt,prompt\na.png,\"x \"\"y\"\"\",1\nb.png,z,2\n", "csv", NULL},
        {"image\tprompt\na.png\tb\n", NULL, NULL},
        {"[{\"image\":\"a.png\",\"prompt\":\"x\"},{\"image\":\"b.png\",\"more\":[1]}]", "json", NULL},
        {"{\"image\":{\"0\":\"a\",\"1\":\"b\"},\"prompt\":{\"1\":\"x\",\"0\":\"y\"}}", "json", NULL},
        {"{\"a.png\":{\"p\":\"x\"}}", "json", NULL},
        {"{\"a.png\":\"x\",\"b.png\":\"y\"}", "json", NULL},
        {"{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[{\"image_id\":1,\"caption\":\"x\"}]}", "json",
         NULL},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (uint64_t n = 1;; n++) {
            gp_error err = {0};
            gp_table *t = NULL;
            size_t image, prompt;
            int64_t before = gp_mem_live();
            gp_mem_fail_at(n);
            gp_status st = gp_table_parse("/x/y.csv", forms[i].text, strlen(forms[i].text), forms[i].kind, &t, &err);
            if (st == GP_OK) st = gp_table_roles(t, NULL, NULL, &image, &prompt, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st == GP_OK)
                assert_true(seen < n);
            else
                assert_int_equal(st, GP_ERR_MEMORY);
            gp_table_close(t);
            assert_int_equal(gp_mem_live(), before);
            if (st == GP_OK) break;
            assert_true(n < 10000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),   cmocka_unit_test(test_tsv),         cmocka_unit_test(test_json),
        cmocka_unit_test(test_html),  cmocka_unit_test(test_encodings),   cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_wide),  cmocka_unit_test(test_bound),       cmocka_unit_test(test_stop),
        cmocka_unit_test(test_bad),   cmocka_unit_test(test_limits),      cmocka_unit_test(test_open),
        cmocka_unit_test(test_parti), cmocka_unit_test(test_real_tables), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
