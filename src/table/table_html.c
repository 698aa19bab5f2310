/* SPDX-License-Identifier: MIT
 * Reads the log.html of a day's folder of Fooocus, which has a block for each image: its name, and a table of labels
 * and values.  Values are not escaped, so only the end of their cell ends them.  Later versions also have a button that
 * copies the values as JSON, from which the prompts are read with their line breaks.
 *
 * The page becomes records of JSON lines.  One pass; memory: a few times the text of one image, and the records. */
#include "base/json.h"
#include "base/mem.h"
#include "table/table_private.h"

#include <string.h>

enum { MOST_BUTTON = 1 << 20 };

/* A part of the page: text .. end. */
typedef struct part {
    const char *text, *end;
} part;

static const char *find(part p, const char *word)
{
    return p.text < p.end ? memmem(p.text, (size_t)(p.end - p.text), word, strlen(word)) : NULL;
}

/* Finds the part between the next `open` and the `close` after it, and moves p behind it. */
static bool between(part *p, const char *open, const char *close, part *out)
{
    const char *at = find(*p, open);
    if (!at) return false;
    out->text = at + strlen(open);
    out->end = find((part){out->text, p->end}, close);
    if (!out->end) return false;
    p->text = out->end + strlen(close);
    return true;
}

bool gp_table_is_html_log(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '<' && memmem(text, strnlen(text, 8192), "Fooocus Log", 11);
}

/* Appends a value as text: <br> and </br> become line breaks, other tags are left out, entities are decoded.  A '<'
 * that begins no known tag is part of the text, such as in <lora:x:1>. */
static void add_value(gp_str *out, part p)
{
    static const struct {
        const char *from, *to;
    } words[] = {{" </br> ", "\n"}, {"<br>", "\n"},       {"</br>", "\n"},     {"<br/>", "\n"}, {"&lt;", "<"},
                 {"&gt;", ">"},     {"&quot;", "\""},     {"&#x27;", "'"},     {"&#39;", "'"},  {"&amp;", "&"},
                 {"<details>", ""}, {"</details>", "\n"}, {"<summary>", ""},   {"<b>", ""},     {"</b>", ""},
                 {"<td>", ""},      {"</td>", ""},        {"</summary>", ": "}};
    while (p.text < p.end) {
        size_t size = (size_t)(p.end - p.text), i = 0;
        for (; i < sizeof words / sizeof *words; i++) {
            size_t n = strlen(words[i].from);
            if (size >= n && memcmp(p.text, words[i].from, n) == 0) break;
        }
        if (i < sizeof words / sizeof *words) {
            gp_str_puts(out, words[i].to);
            p.text += strlen(words[i].from);
        } else {
            gp_str_putc(out, *p.text++);
        }
    }
}

/* Appends the name of the setting that a label stands for. */
static void add_label(gp_str *out, part p)
{
    static const char *const known[][2] = {{"guidance_scale", "cfg_scale"},
                                           {"base_model", "model"},
                                           {"refiner_model", "refiner"},
                                           {"fooocus_v2_expansion", "expansion"},
                                           {"prompt_expansion", "expansion"}};
    size_t start = out->size;
    for (; p.text < p.end; p.text++) {
        char c = *p.text;
        gp_str_putc(out, (char)(c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? c | 32 : c));
    }
    for (size_t i = 0; out->data && i < sizeof known / sizeof *known; i++) {
        if (strcmp(out->data + start, known[i][0]) != 0) continue;
        out->size = start;
        gp_str_puts(out, known[i][1]);
    }
}

static void put_member(gp_str *record, const char *name, const char *value)
{
    gp_json_put_name(record, name);
    gp_json_put_string(record, value);
}

/* Writes "(1152, 896)" as width and height. */
static bool put_size(gp_str *record, const char *value)
{
    uint64_t sides[2];
    char text[32];
    const char *at = value + strspn(value, "( ");
    for (int i = 0; i < 2; i++) {
        size_t n = strspn(at, "0123456789");
        if (!n || n >= sizeof text) return false;
        memcpy(text, at, n), text[n] = 0;
        if (!gp_parse_u64(text, &sides[i])) return false;
        at += n;
        if (i == 0 && !at[strspn(at, ", x\xC3\x97")]) return false;
        at += strspn(at, ", x\xC3\x97");
    }
    gp_json_put_name(record, "width");
    gp_str_printf(record, "%llu", (unsigned long long)sides[0]);
    gp_json_put_name(record, "height");
    gp_str_printf(record, "%llu", (unsigned long long)sides[1]);
    return true;
}

/* Appends the text of the button, of which each byte may be written as %XX. */
static void add_unquoted(gp_str *out, part p)
{
    while (p.text < p.end) {
        int high = p.end - p.text > 2 && *p.text == '%' ? gp_hex_digit(p.text[1]) : -1;
        int low = high >= 0 ? gp_hex_digit(p.text[2]) : -1;
        char c = *p.text;
        if (low >= 0) c = (char)(high << 4 | low);
        gp_str_putc(out, c);
        p.text += low >= 0 ? 3 : 1;
    }
}

/* Parses the JSON that the block's copy button puts on the clipboard. *out is NULL if the block has no such button or
 * the JSON is damaged. Errors: MEMORY only. */
static gp_status read_button(part block, gp_json **out, gp_error *err)
{
    part quoted;
    gp_str text = GP_STR_INIT;
    gp_status st = GP_OK;
    *out = NULL;
    if (!between(&block, "to_clipboard('", "')", &quoted) || quoted.end - quoted.text > MOST_BUTTON) return GP_OK;
    add_unquoted(&text, quoted);
    if (text.failed)
        st = gp_fail_memory(err, "a prompt table");
    else if (text.data)
        st = gp_json_parse(text.data, text.size, false, 16, out, NULL);
    gp_str_clear(&text);
    return st == GP_ERR_MEMORY ? gp_fail_memory(err, "a prompt table") : GP_OK;
}

/* Appends the rows of the table in an image's block as members of the record. */
static void put_rows(part block, const gp_json *exact, gp_str *record)
{
    part row;
    gp_str name = GP_STR_INIT, value = GP_STR_INIT;
    while (between(&block, "<tr><td", "</tr>", &row)) {
        part label, cell;
        gp_str_reset(&name);
        gp_str_reset(&value);
        if (!between(&row, ">", "</td>", &label) || !between(&row, "<td", ">", &cell)) continue;
        cell = (part){row.text, row.end};
        add_label(&name, label);
        add_value(&value, cell);
        const char *text = name.data ? gp_json_text(gp_json_get(exact, name.data), NULL) : NULL;
        if (name.failed || value.failed) break;
        if (!name.size || !value.data) continue;
        if (!text || (strcmp(name.data, "prompt") != 0 && strcmp(name.data, "negative_prompt") != 0)) text = value.data;
        if (strcmp(name.data, "resolution") == 0 && put_size(record, text)) continue;
        put_member(record, name.data, text);
    }
    record->failed |= name.failed || value.failed;
    gp_str_clear(&value);
    gp_str_clear(&name);
}

/* Appends the record of an image, as a line. */
static gp_status put_image(part block, gp_str *lines, gp_error *err)
{
    part name, at = block;
    gp_json *exact = NULL;
    gp_str file = GP_STR_INIT;
    bool found = between(&at, "<img src='", "'", &name);
    at = block;
    if (!found && !between(&at, "<img src=\"", "\"", &name)) return GP_OK;
    GP_TRY(read_button(block, &exact, err));
    gp_str_add(&file, name.text, (size_t)(name.end - name.text));
    gp_str_putc(lines, '{');
    if (file.data && !file.failed) put_member(lines, "file_name", file.data);
    const char *table = find(block, "class='metadata'");
    put_rows((part){table ? table : block.text, block.end}, exact, lines);
    gp_str_puts(lines, "}\n");
    lines->failed |= file.failed;
    gp_str_clear(&file);
    gp_json_free(exact);
    return lines->failed ? gp_fail_memory(err, "a prompt table") : GP_OK;
}

gp_status gp_table_read_html(gp_table *table, const char *text, size_t size, gp_error *err)
{
    static const char mark[] = "class=\"image-container\"";
    gp_str lines = GP_STR_INIT;
    gp_status st = GP_OK;
    part page = {text, text + size};
    for (const char *at = find(page, mark); at && st == GP_OK;) {
        page.text = at + sizeof mark - 1;
        at = find(page, mark);
        st = put_image((part){page.text, at ? at : page.end}, &lines, err);
        if (st == GP_OK) st = gp_watch_work(table->watch, (size_t)((at ? at : page.end) - page.text), err);
    }
    if (st == GP_OK && !lines.size)
        st = gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a log of Fooocus without images", table->label);
    if (st == GP_OK) st = gp_table_read_json(table, lines.data, lines.size, true, err);
    gp_str_clear(&lines);
    return st;
}
