/* SPDX-License-Identifier: MIT
 * Cleaning removes the syntax of web interfaces and keeps prose; sidecar files. */
#include "ingest_support.h"

#include "base/rng.h"
#include "ingest/sidecar.h"
#include "metadata/clean_prompt.h"
#include "table/table.h"

static char *clean_as(const char *raw, gp_prompt_syntax syntax)
{
    gp_error err = {0};
    char *out = NULL;
    assert_ok(gp_prompt_clean(raw, syntax, &out, &err));
    assert_non_null(out);
    return out;
}

static char *clean(const char *raw, bool webui)
{
    return clean_as(raw, webui ? GP_PROMPT_WEBUI : GP_PROMPT_PLAIN);
}

static void expect_as(const char *raw, gp_prompt_syntax syntax, const char *wanted)
{
    char *out = clean_as(raw, syntax);
    if (strcmp(out, wanted) != 0) fail_msg("'%s' becomes '%s', not '%s'", raw, out, wanted);
    char *again = clean_as(out, syntax);
    assert_string_equal(again, out);
    gp_mem_free(again);
    gp_mem_free(out);
}

static void expect(const char *raw, bool webui, const char *wanted)
{
    expect_as(raw, webui ? GP_PROMPT_WEBUI : GP_PROMPT_PLAIN, wanted);
}

/* The syntax of other programs, and prose in a graph. */
static void test_other_syntax(void **state)
{
    (void)state;
    static const struct {
        gp_prompt_syntax syntax;
        const char *raw, *wanted;
    } rules[] = {
        {GP_PROMPT_NOVELAI, "{{{masterpiece}}}, [[dim]] light, {cat", "masterpiece, dim light, cat"},
        {GP_PROMPT_NOVELAI, "1.3::red hair::, -1::hat, blue::, end", "red hair, hat, blue, end"},
        {GP_PROMPT_NOVELAI, "1.2::a, 0.5::b::, 2::c", "a, b, c"},
        {GP_PROMPT_NOVELAI, "{1.5::x::}, std::vector, at 12:30", "x, std::vector, at 12:30"},
        {GP_PROMPT_NOVELAI, "miku (vocaloid), THIS AND that BREAK", "miku (vocaloid), THIS AND that BREAK"},
        {GP_PROMPT_NOVELAI, "1.1::a::b, v2::c", "ab, v2::c"},
        {GP_PROMPT_INVOKEAI, "(a red fox)++, (snow)1.3 and (night)-", "a red fox, snow and night"},
        {GP_PROMPT_INVOKEAI, "a fox++ in snow--, (a (dark)0.8 wood)+", "a fox in snow, a dark wood"},
        {GP_PROMPT_INVOKEAI, "well-known x-ray, a - b, 3 + 4, \\(plain\\)", "well-known x-ray, a - b, 3 + 4, plain"},
        {GP_PROMPT_INVOKEAI, "(cat)s, [x] {y} AND z", "cats, [x] {y} AND z"},
        {GP_PROMPT_GRAPH, "Salt AND Vinegar [50% OFF]", "Salt AND Vinegar [50% OFF]"},
        {GP_PROMPT_GRAPH, "a sign (in red)  [left]\nat 12:30 (noon: 12:30 pm)",
         "a sign (in red)  [left] at 12:30 (noon: 12:30 pm)"},
        {GP_PROMPT_GRAPH, "a (cat:1.2) AND [b]", "a cat, b"},
        {GP_PROMPT_GRAPH, "x, (best quality), [y]", "x, best quality, y"},
        {GP_PROMPT_GRAPH, "((x)) [y]", "x y"},
        {GP_PROMPT_GRAPH, "[cat:dog:0.4] x", "dog x"},
        {GP_PROMPT_GRAPH, "cat \\(animal\\) [y]", "cat animal y"},
        {GP_PROMPT_GRAPH, "<lora:x:1> [y]", "y"},
        {GP_PROMPT_GRAPH, "embedding:bad [y]", "y"},
        {GP_PROMPT_GRAPH, "a\nBREAK\nb [y]", "a b y"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) expect_as(rules[i].raw, rules[i].syntax, rules[i].wanted);
    assert_int_equal(gp_prompt_syntax_of("novelai"), GP_PROMPT_NOVELAI);
    assert_int_equal(gp_prompt_syntax_of("invokeai"), GP_PROMPT_INVOKEAI);
    assert_int_equal(gp_prompt_syntax_of("comfyui"), GP_PROMPT_GRAPH);
    assert_int_equal(gp_prompt_syntax_of("swarmui"), GP_PROMPT_WEBUI);
}

static void test_rules(void **state)
{
    (void)state;
    static const char *const rules[][2] = {
        {"", ""},
        {"a cat", "a cat"},
        {"  a  cat\n", "a cat"},
        /* attention */
        {"(a cat:1.2)", "a cat"},
        {"(a cat:1.2), [dog:.5], (x:-1)", "a cat, dog, x"},
        {"((a)) (((b)))", "a b"},
        {"a [dark] wood", "a dark wood"},
        {"(a (very:1.3) old:0.9) cat", "a very old cat"},
        {"(ratio 16:9:1.1)", "ratio 16:9"},
        {"(best quality, masterpiece:1.2), 1girl", "best quality, masterpiece, 1girl"},
        {"(masterpiece) , (best)", "masterpiece, best"},
        {"(time: noon)", "time: noon"},
        /* the cleaning removes unbalanced brackets */
        {"a (cat", "a cat"},
        {"a cat) and [dog", "a cat and dog"},
        {"([a)]", "a"},
        {"()", ""},
        /* escapes */
        {"a cat \\(animal\\)", "a cat animal"},
        {"\\[x\\]", "x"},
        {"back\\slash", "back\\slash"},
        /* schedules [from:to:when] and alternatives [a|b] */
        {"a [cat:dog:0.4] here", "a dog here"},
        {"a [cat:dog:0.6] here", "a cat here"},
        {"a [cat:dog:10] here", "a dog here"},
        {"a [cat:0.5]", "a cat"},
        {"a [cat::0.5]", "a cat"},
        {"[red|blue] car", "red blue car"},
        {"[(red:1.1)|blue] car", "red blue car"},
        {"a|b", "a|b"},
        /* tags */
        {"a cat <lora:detail:0.8>", "a cat"},
        {"a cat<lora:detail:0.8>", "a cat"},
        {"<lora:a:1><lyco:b:1>, a cat, <hypernet:c:1>, hat", "a cat, hat"},
        {"(a cat <lora:x:1>:1.2)", "a cat"},
        {"<lora:a<lora:b:1>:1> cat", "cat"},
        {"1 < 2, 3 > 2", "1 < 2, 3 > 2"},
        {"i <3 you: truly> x", "i <3 you: truly> x"},
        {"embedding:SDA768.pt girl", "girl"},
        {"a, embedding:bad, b", "a, b"},
        {"<a:b embedding:x<y BREAK z:1>", "<a:b <y z:1>"},
        /* keywords */
        {"a cat BREAK a dog", "a cat a dog"},
        {"a cat, BREAK, a dog", "a cat, a dog"},
        {"a cat :1.2 AND a dog :0.8", "a cat, a dog"},
        {"a cat AND a dog", "a cat, a dog"},
        {"a cat AND AND:1.2 a dog", "a cat, a dog"},
        {"THE BOARD, AND I AM", "THE BOARD, AND I AM"},
        {"a cat :1.2 AND AND: 1", "a cat, 1"},
        {"BREAKFAST AND", "BREAKFAST"},
        {"a brand AND", "a brand"},
        {"sand, land and AND", "sand, land and"},
        /* commas */
        {",, a ,,b , ,c,", "a, b, c"},
        {"a,b", "a,b"},
        {"\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88 (\xC3\xA9t\xC3\xA9:1.1)",
         "\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88 \xC3\xA9t\xC3\xA9"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) expect(rules[i][0], true, rules[i][1]);
}

static void test_prose(void **state)
{
    (void)state;
    static const char *const prose[][2] = {
        {"a cat", "a cat"},
        {"  a cat \n", "a cat"},
        {"one\ntwo\r\n\r\n  three", "one two three"},
        {"a (cat:1.2), [x] <lora:y:1> BREAK  two  blanks,,", "a (cat:1.2), [x] <lora:y:1> BREAK  two  blanks,,"},
        {"\t\n ", ""},
    };
    for (size_t i = 0; i < sizeof prose / sizeof *prose; i++) expect(prose[i][0], false, prose[i][1]);
    /* the cleaning does not change plain prose */
    static const char *const plain[] = {
        "A city: rain, neon and a sign that says 'OPEN'.",
        "a sign \"AND\" in capitals? No: \"and\".",
        "Dr. Smith's dog -- at 12:30, 3/4 view; f/2.8",
        "50% off! #1 & more, {a, b} ~ x_y = z*2 @home",
        "caf\xC3\xA9, na\xC3\xAFve \xE2\x80\x94 \xE2\x80\x9Cquoted\xE2\x80\x9D",
        "a. b. c... d; e: f",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strstr(plain[i], "AND")) expect(plain[i], true, plain[i]);
}

/* 200,000 texts composed of pieces of the syntax: cleaning a text a second time changes nothing, and no syntax is
 * left in it. */
static void test_idempotent(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "(",          ")",           "[",        "]", ":",          "|",   ",",    " ",     "\n",    "\\",
        "\\(",        "\\]",         "<",        ">", "<lora:x:1>", "<a:", "1.2",  ":0.5",  ":1.2)", "{",
        "}",          "++",          "--",       "a", "B",          "cat", "AND",  "BREAK", " AND ", " BREAK ",
        "embedding:", "embedding:e", "\xC3\xA9", "-", "+1",         ".",   "0.3]", "::"};
    enum { PIECES = sizeof pieces / sizeof *pieces };
    for (uint64_t i = 0; i < 200000; i++) {
        char text[256] = "";
        uint64_t count = 1 + gp_rng_at(1, i) % 14;
        for (uint64_t k = 0; k < count; k++) strcat(text, pieces[gp_rng_at(2 + i, k) % PIECES]);
        char *once = clean(text, true), *twice = clean(once, true);
        if (strcmp(once, twice) != 0) fail_msg("'%s' becomes '%s', then '%s'", text, once, twice);
        if (once[strcspn(once, "()[]\n")]) fail_msg("'%s' keeps syntax: '%s'", text, once);
        gp_mem_free(twice);
        gp_mem_free(once);
        for (gp_prompt_syntax s = GP_PROMPT_GRAPH; i % 8 == 0 && s < GP_PROMPT_SYNTAXES; s++) {
            once = clean_as(text, s);
            expect_as(once, s, once);
            gp_mem_free(once);
        }
    }
}

/* Cleaning each of these texts takes quadratic time if a rule searches ahead or back without a limit. */
static void test_long(void **state)
{
    (void)state;
    static const char *const units[] = {"(",         "[", "<",   "<a:", "(a:1.2) ", "AND ", "AND A ", "BREAK", "[a:",
                                        ":1.2 AND ", ",", "\\(", "+()", "1.2::",    "{a}",  "+",      "9",     "( "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        gp_str s = GP_STR_INIT;
        while (s.size < 1000000) gp_str_puts(&s, units[i]);
        for (gp_prompt_syntax k = GP_PROMPT_PLAIN; k < GP_PROMPT_SYNTAXES; k++) gp_mem_free(clean_as(s.data, k));
        gp_str_clear(&s);
    }
}

/* The cleaning of prompts and the cleaning of plain texts do not change 2,000 random sentences of words and
 * punctuation. */
static void test_composed_prose(void **state)
{
    (void)state;
    static const char *const words[] = {
        "a",           "the",          "fox's", "Z\xC3\xBCrich", "\"STOP\"", "hand-drawn", "3.5",   "at 7:30",
        "caf\xC3\xA9", "\xE7\x8C\xAB", "it's",  "oil",           "painting", "50%",        "f/1.8", "snow",
        "AND1",        "break",        "new",   "York",          "&",        "#1",         "two",   "of"};
    static const char *const ends[] = {" ", " ", " ", ", ", "; ", " - ", ". ", "! "};
    enum { WORDS = sizeof words / sizeof *words, ENDS = sizeof ends / sizeof *ends };
    for (uint64_t i = 0; i < 2000; i++) {
        gp_str text = GP_STR_INIT;
        uint64_t count = 3 + gp_rng_at(3, i) % 30;
        for (uint64_t k = 0; k < count; k++) {
            gp_str_puts(&text, words[gp_rng_at(40 + i, 2 * k) % WORDS]);
            if (k + 1 < count) gp_str_puts(&text, ends[gp_rng_at(40 + i, 2 * k + 1) % ENDS]);
        }
        expect(text.data, false, text.data);
        expect(text.data, true, text.data);
        gp_str_clear(&text);
    }
}

/* The cleaning of prompts changes at most 2 of the 1,632 PartiPrompts, because real prose has few brackets. The cleaning
 * of plain texts only removes blanks at the ends. */
static void test_parti(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *t = NULL;
    size_t touched = 0;
    const char *path = shared_path("data/prompts/PartiPrompts.tsv", "1632 real prompts");
    if (!path) skip();
    assert_ok(gp_table_open(path, &t, &err));
    for (size_t r = 0; r < gp_table_rows(t); r++) {
        const char *raw = gp_table_cell(t, r, 0);
        char *plain = clean(raw, false), *cleaned = clean(raw, true);
        size_t start = strspn(raw, " "), size = strlen(raw) - start;
        while (size && raw[start + size - 1] == ' ') size--;
        assert_int_equal(strlen(plain), size);
        assert_memory_equal(plain, raw + start, size);
        touched += strcmp(plain, cleaned) != 0;
        gp_mem_free(cleaned);
        gp_mem_free(plain);
    }
    gp_table_close(t);
    print_message("%zu of 1632 touched\n", touched);
    assert_true(touched <= 2);
}

/* ------------------------------------------------------------------ sidecar files */

static void expect_sidecar(const char *folder, const char *bytes, size_t size, const char *wanted)
{
    gp_error err = {0};
    char *out = NULL, *refused = NULL;
    put_file(folder, "a.b.txt", bytes, size);
    assert_ok(gp_prompt_sidecar(in_folder(folder, "a.b.png"), &out, &refused, &err));
    assert_string_equal(or_none(out), or_none(wanted));
    gp_mem_free(out);
}
#define EXPECT_SIDECAR(bytes, wanted) expect_sidecar(folder, bytes, sizeof(bytes) - 1, wanted)

static void test_sidecar(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new(), *out = (char *)"", *refused = NULL;
    assert_ok(gp_prompt_sidecar(in_folder(folder, "a.b.png"), &out, &refused, &err));
    assert_null(out);
    EXPECT_SIDECAR("a cat\n", "a cat\n");
    EXPECT_SIDECAR("", NULL);
    EXPECT_SIDECAR(" \r\n", NULL);
    EXPECT_SIDECAR("\xEF\xBB\xBF"
                   "a cat",
                   "a cat");
    EXPECT_SIDECAR("caf\xC3\xA9", "caf\xC3\xA9");
    EXPECT_SIDECAR("caf\xE9", "caf\xC3\xA9");
    EXPECT_SIDECAR("\xFF\xFE"
                   "a\0\xE9\0",
                   "a\xC3\xA9");
    EXPECT_SIDECAR("\xFE\xFF"
                   "\0a\0\xE9",
                   "a\xC3\xA9");
    EXPECT_SIDECAR("\xEF\xBB\xBF", NULL);
    EXPECT_SIDECAR("\xFF\xFE", NULL);
    /* code page 1252: curly quotes, dashes, euro, ellipsis, and a byte to which this code page assigns no
     * character */
    EXPECT_SIDECAR("\x93hi\x94 \x96 5 \x80\x85", "\xE2\x80\x9Chi\xE2\x80\x9D \xE2\x80\x93 5 \xE2\x82\xAC\xE2\x80\xA6");
    EXPECT_SIDECAR("it\x92s \x81", "it\xE2\x80\x99s \xEF\xBF\xBD");
    /* UTF-16 without a byte order mark, in both byte orders, also with letters that are not Latin */
    EXPECT_SIDECAR("a\0 \0c\0a\0t\0", "a cat");
    EXPECT_SIDECAR("\0a\0 \0c\0a\0t", "a cat");
    EXPECT_SIDECAR("\x1C\x20h\0i\0\x1D\x20", "\xE2\x80\x9Chi\xE2\x80\x9D");
    EXPECT_SIDECAR("\x2B\x73\xD7\x72\x8A\x96\n\0", "\xE7\x8C\xAB\xE7\x8B\x97\xE9\x9A\x8A\n");
    EXPECT_SIDECAR("\x73\x2B\x72\xD7\x96\x8A\0\n", "\xE7\x8C\xAB\xE7\x8B\x97\xE9\x9A\x8A\n");
    /* a zero byte ends the text; an invalid byte in UTF-8 becomes U+FFFD */
    EXPECT_SIDECAR("a small cat\0", "a small cat");
    EXPECT_SIDECAR("caf\xC3\xA9 na\xC3\xAFve \xFF", "caf\xC3\xA9 na\xC3\xAFve \xEF\xBF\xBD");
    EXPECT_SIDECAR("a\nNegative prompt: b\nSteps: 1, Sampler: x, Seed: 3",
                   "a\nNegative prompt: b\nSteps: 1, Sampler: x, Seed: 3"); /* gp_meta_a1111 recognises this text */
    put_text(folder, "noname.txt", "x");
    assert_ok(gp_prompt_sidecar(in_folder(folder, "noname"), &out, &refused, &err));
    assert_string_equal(or_none(out), "x");
    gp_mem_free(out);
    folder_free(folder);
}

/* goldpan uses the first of these sidecar files that has text: x.txt, x.caption, x.png.txt, x.png.caption. */
static void test_sidecar_names(void **state)
{
    (void)state;
    static const char *const names[] = {"x.png.caption", "x.png.txt", "x.caption", "x.txt"};
    gp_error err = {0};
    char *folder = folder_new(), *out = NULL, *refused = NULL, longest[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_text(folder, names[i], names[i]);
        assert_ok(gp_prompt_sidecar(in_folder(folder, "x.png"), &out, &refused, &err));
        assert_string_equal(or_none(out), names[i]);
        gp_mem_free(out);
    }
    put_text(folder, "x.txt", "\r\n");
    assert_ok(gp_prompt_sidecar(in_folder(folder, "x.png"), &out, &refused, &err));
    assert_string_equal(or_none(out), "x.caption");
    gp_mem_free(out);
    /* an image with the longest possible file name has no sidecar file, because the sidecar's name would be too
     * long */
    memset(longest, 'n', 255);
    memcpy(longest + 251, ".png", 5);
    assert_ok(gp_prompt_sidecar(in_folder(folder, longest), &out, &refused, &err));
    assert_null(out);
    memcpy(longest + 250, ".webp", 6);
    assert_ok(gp_prompt_sidecar(in_folder(folder, longest), &out, &refused, &err));
    assert_null(out);
    folder_free(folder);
}

/* A sidecar file of 1 MiB is read, and a file with one byte more is not a prompt. A folder with the name of a sidecar
 * file is no prompt either. */
static void test_sidecar_limit(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new(), *out = NULL, *refused = NULL;
    size_t limit = 1 << 20;
    char *bytes = malloc(limit + 1);
    assert_non_null(bytes);
    memset(bytes, 'x', limit + 1);
    put_file(folder, "a.txt", bytes, limit);
    assert_ok(gp_prompt_sidecar(in_folder(folder, "a.png"), &out, &refused, &err));
    assert_non_null(out);
    assert_int_equal(strlen(out), limit);
    gp_mem_free(out);
    put_file(folder, "a.txt", bytes, limit + 1);
    assert_ok(gp_prompt_sidecar(in_folder(folder, "a.png"), &out, &refused, &err));
    assert_null(out);
    assert_non_null(refused);
    assert_non_null(strstr(refused, "a.txt' is larger than 1 MiB"));
    gp_mem_free(refused);
    gp_meta meta = {0};
    refused = NULL;
    put_file(folder, "a.json", bytes, limit + 1);
    assert_ok(gp_sidecar_json(in_folder(folder, "a.png"), &meta, &refused, &err));
    assert_false(meta.found);
    assert_non_null(refused);
    assert_non_null(strstr(refused, "a.json' is larger than 1 MiB"));
    gp_mem_free(refused);
    put_file(folder, "a.txt",
             "\x7f"
             "ELF\0\1\2 a cat and more",
             22); /* binary data */
    assert_ok(gp_prompt_sidecar(in_folder(folder, "a.png"), &out, &refused, &err));
    assert_null(out);
    assert_non_null(refused);
    assert_non_null(strstr(refused, "NUL bytes"));
    gp_mem_free(refused);
    free(bytes);
    put_text(folder, "b.txt/c", "x");
    assert_ok(gp_prompt_sidecar(in_folder(folder, "b.png"), &out, &refused, &err));
    assert_null(out);
    assert_non_null(refused);
    assert_non_null(strstr(refused, "b.txt' cannot be read"));
    gp_mem_free(refused);
    folder_free(folder);
}

static void test_memory(void **state)
{
    (void)state;
    char *folder = folder_new(), *out = NULL, *refused = NULL;
    put_text(folder, "a.txt", "caf\xE9");
    for (int what = 0; what < 3; what++) {
        for (uint64_t n = 1;; n++) {
            gp_error err = {0};
            int64_t before = gp_mem_live();
            out = NULL;
            gp_mem_fail_at(n);
            gp_status st = what == 2
                               ? gp_prompt_sidecar(in_folder(folder, "a.png"), &out, &refused, &err)
                               : gp_prompt_clean("<a:b>((((((((((((((((((x:1.2)\n y AND z", what == 0, &out, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st == GP_OK) assert_true(seen < n && out);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
            gp_mem_free(out);
            assert_int_equal(gp_mem_live(), before);
            if (st == GP_OK) break;
            assert_true(n < 1000);
        }
    }
    folder_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_syntax),  cmocka_unit_test(test_rules),   cmocka_unit_test(test_prose),
        cmocka_unit_test(test_idempotent),    cmocka_unit_test(test_long),    cmocka_unit_test(test_composed_prose),
        cmocka_unit_test(test_parti),         cmocka_unit_test(test_sidecar), cmocka_unit_test(test_sidecar_names),
        cmocka_unit_test(test_sidecar_limit), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
