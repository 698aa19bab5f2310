/* SPDX-License-Identifier: MIT
 * Finds the image and prompt columns of a prompt table, and the first text of a list. */
#include "base/json.h"
#include "base/str.h"
#include "table/table_private.h"
#include "base/image_names.h"

#include <string.h>

/* Usual names, best first; "image file" and "image-file" count as "image_file", and case does not matter. */
static const char *const image_names[] = {
    "file_name", "image",    "image_path", "image_file",     "image_name",      "img_path", "img", "path", "file",
    "filename",  "filepath", "file_path",  "image_filename", "image_file_name", "image_id", "key", NULL};
static const char *const prompt_names[] = {
    "prompt", "text", "caption", "positive_prompt", "positive", "prompt_text", "captions", "description", "p", NULL};

static bool same_name(const char *name, size_t size, const char *usual)
{
    for (size_t i = 0; i < size; i++, usual++) {
        char c = name[i] == ' ' || name[i] == '-' ? '_' : name[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (!*usual || c != *usual) return false;
    }
    return !*usual;
}

static bool is_among(const char *name, size_t size, const char *const *usual)
{
    while (*usual && !same_name(name, size, *usual)) usual++;
    return *usual != NULL;
}

bool gp_table_usual_name(const char *name, size_t size)
{
    return is_among(name, size, image_names) || is_among(name, size, prompt_names);
}

bool gp_table_is_nan(const char *cell)
{
    static const char *const texts[] = {"nan", "NaN", "None", "<NA>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(cell, texts[i]) == 0) return true;
    return false;
}

static size_t find_usual(const gp_table *table, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < table->count; i++)
            if (i != table->index_column && same_name(table->names[i], strlen(table->names[i]), *names)) return i;
    return SIZE_MAX;
}

/* Appends at most twenty column names: "'image', 'prompt', 'seed'". */
static void add_columns(gp_str *s, const gp_table *table)
{
    if (!table->count) gp_str_puts(s, "none");
    for (size_t i = 0; i < table->count && i < 20; i++) gp_str_printf(s, "%s'%.60s'", i ? ", " : "", table->names[i]);
    if (table->count > 20) gp_str_printf(s, " and %zu more", table->count - 20);
}

static gp_status missing(const gp_table *table, const char *wanted, const char *what, bool prompts_only, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (wanted)
        gp_str_printf(&s, "'%s' has no column '%s'", table->label, wanted);
    else
        gp_str_printf(&s, "'%s' has no %s column with a usual name (%s); name the column with --%s-column",
                      table->label, what, *what == 'i' ? "file_name, image, path ..." : "prompt, text, caption ...",
                      what);
    if (prompts_only) gp_str_puts(&s, "; without image names goldpan cannot match the prompts to images");
    gp_str_puts(&s, "; its columns: ");
    add_columns(&s, table);
    gp_fail(err, GP_ERR_USAGE, "%s", s.failed || !s.data ? "a column is missing in the prompt table" : s.data);
    gp_str_clear(&s);
    return GP_ERR_USAGE;
}

/* Returns true if a column name is the name of an image file.  Then the table has no line of column names. */
static bool lacks_names(const gp_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (gp_name_is_image(table->names[i])) return true;
    return false;
}

/* Fails for a table in which no column has a usual name of an image or prompt column. */
static gp_status nothing_named(const gp_table *table, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(
        &s,
        "'%s' has no column with a usual name, neither for images (file_name, image, path ...) nor for prompts"
        " (prompt, text, caption ...); ",
        table->label);
    gp_str_puts(&s, table->headed ? "its first line must name the columns, but holds: " : "its columns: ");
    add_columns(&s, table);
    if (table->alone)
        gp_str_puts(&s, "; the file is one JSON object, which counts as one row: goldpan reads {\"a.png\":"
                        " \"prompt\"} with the names of image files, or a list of records");
    else if (lacks_names(table))
        gp_str_puts(&s, table->headed ? "; put a line such as 'file_name,prompt' above it"
                                      : "; write records such as {\"file_name\": \"a.png\", \"prompt\": \"a fox\"}");
    else
        gp_str_puts(&s, "; name the columns with --image-column and --prompt-column");
    gp_fail(err, GP_ERR_USAGE, "%s", s.failed || !s.data ? "the prompt table lacks usual column names" : s.data);
    gp_str_clear(&s);
    return GP_ERR_USAGE;
}

size_t gp_table_negative_column(const gp_table *table)
{
    static const char *const names[] = {"negative_prompt", "negative", "negprompt", "neg_prompt", NULL};
    return find_usual(table, names);
}

gp_status gp_table_prompt_column(const gp_table *table, const char *wanted, size_t *prompt, gp_error *err)
{
    *prompt = wanted ? gp_table_find(table, wanted) : find_usual(table, prompt_names);
    return *prompt == SIZE_MAX ? missing(table, wanted, "prompt", false, err) : GP_OK;
}

gp_status gp_table_roles(const gp_table *table, const char *image_column, const char *prompt_column, size_t *image,
                         size_t *prompt, gp_error *err)
{
    size_t i = image_column ? gp_table_find(table, image_column) : find_usual(table, image_names);
    size_t p = prompt_column ? gp_table_find(table, prompt_column) : find_usual(table, prompt_names);
    if (i == SIZE_MAX && !image_column) i = table->index_column;
    if (i == SIZE_MAX && p == SIZE_MAX && !image_column && !prompt_column) return nothing_named(table, err);
    if (i == SIZE_MAX) return missing(table, image_column, "image", !image_column && p != SIZE_MAX, err);
    if (p == SIZE_MAX) return missing(table, prompt_column, "prompt", false, err);
    if (i == p)
        return gp_fail_path(err, GP_ERR_USAGE,
                            "'%s': column '%s' cannot be both the image column and the prompt column", table->label,
                            table->names[i]);
    *image = i, *prompt = p;
    return GP_OK;
}

/* ------------------------------------------------------------------ lists of texts */

/* Returns the first text in a JSON list: the element itself, or the caption in an object (as in COCO's lists). */
static const char *first_text(const gp_json *list)
{
    static const char *const usual[] = {"caption", "text", "raw", "prompt", "sentence", "description"};
    for (size_t i = 0; i < gp_json_count(list); i++) {
        const gp_json *element = gp_json_at(list, i);
        const char *text = gp_json_text(element, NULL);
        for (size_t k = 0; !text && gp_json_kind_of(element) == GP_JSON_OBJECT && k < sizeof usual / sizeof *usual; k++)
            text = gp_json_text(gp_json_get(element, usual[k]), NULL);
        if (text && *text) return text;
    }
    return NULL;
}

/* Appends the character of an escape in a Python string (p is behind the backslash). Returns the position behind the
 * escape. */
static const char *put_escape(const char *p, gp_str *out)
{
    static const char names[] = "ntr", values[] = "\n\t\r";
    const char *known = strchr(names, *p);
    size_t digits = *p == 'x' ? 2 : *p == 'u' ? 4 : *p == 'U' ? 8 : 0;
    uint32_t cp = 0;
    for (size_t i = 1; i <= digits; i++) {
        if (gp_hex_digit(p[i]) < 0) digits = 0;
        cp = cp * 16 + (uint32_t)(gp_hex_digit(p[i]) & 15);
    }
    if (digits)
        gp_utf8_put(out, cp ? cp : 0xFFFD);
    else
        gp_str_putc(out, known ? values[known - names] : *p);
    return p + 1 + digits;
}

/* Reads a Python string at p. Returns the position behind the string, or NULL if there is no whole string. */
static const char *python_string(const char *p, gp_str *out)
{
    char quote = *p++;
    if (quote != '\'' && quote != '"') return NULL;
    while (*p && *p != quote) {
        if (*p == '\\' && p[1]) {
            p = put_escape(p + 1, out);
            continue;
        }
        gp_str_putc(out, *p++);
    }
    return *p ? p + 1 : NULL;
}

/* Reads a list of strings as Python or NumPy prints it: "['a', 'b']". Appends the first string that is not empty. */
static bool python_list(const char *p, gp_str *out)
{
    static const char space[] = " \t\r\n,";
    gp_str one = GP_STR_INIT;
    bool found = false, whole = false;
    for (p++; p; p = python_string(p, &one)) {
        if (!found && one.size) gp_str_puts(out, one.data), found = true;
        out->failed |= one.failed;
        gp_str_reset(&one);
        p += strspn(p, space);
        if (*p == ']') {
            whole = !p[1 + strspn(p + 1, space)];
            break;
        }
    }
    out->failed |= one.failed;
    gp_str_clear(&one);
    return whole && found;
}

/* Returns the text of an object, such as {"path": "a.png", "bytes": null} of Hugging Face's datasets; NULL if it has
 * none. */
static const char *object_text(const gp_json *object)
{
    static const char *const usual[] = {"path", "file_name", "text", "caption", "prompt"};
    const char *text = NULL;
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !(text && *text); i++)
        text = gp_json_text(gp_json_get(object, usual[i]), NULL);
    return text && *text ? text : NULL;
}

const char *gp_table_text(const gp_table *table, size_t row, size_t column, gp_str *room)
{
    const char *cell = gp_table_cell(table, row, column);
    gp_json *root = NULL;
    const char *start = cell ? cell + strspn(cell, " \t\r\n") : NULL;
    if (!start || (*start != '[' && *start != '{')) return cell;
    gp_str_reset(room);
    gp_status st = gp_json_parse(start, strlen(start), false, 4, &root, NULL);
    if (st == GP_ERR_MEMORY) {
        room->failed = true;
        return NULL;
    }
    if (st == GP_OK) {
        bool object = gp_json_kind_of(root) == GP_JSON_OBJECT;
        const char *text = object ? object_text(root) : first_text(root);
        if (text) gp_str_puts(room, text);
        gp_json_free(root);
        if (object && !text) return cell; /* a prompt may be in braces */
        return text && !room->failed ? room->data : NULL;
    }
    if (*start == '{') return cell;
    bool list = python_list(start, room);
    if (room->failed) return NULL;
    return list ? room->data : cell;
}
