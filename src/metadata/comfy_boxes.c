/* SPDX-License-Identifier: MIT
 * Text boxes: nodes whose class name shows that they only hold a text. Besides the text they may have
 *
 *   a seed                   chooses between alternatives in the text, if it has any
 *   options                  if they are off, they change nothing; otherwise they may change the text, and then it is
 *                            a guess
 *   a link to a text model   such a box also encodes its text, and returns the text itself at a later output
 *   several texts            the node "Text String" returns each text at its own output */
#include "metadata/comfy_graph_private.h"
#include <string.h>
#include <strings.h>

void gp_comfy_graph_class_letters(const gp_comfy_graph_node *node, char *letters, size_t size)
{
    size_t used = 0;
    for (const char *c = node->type; *c && *c != '|' && *c != '(' && *c != '[' && used + 1 < size; c++)
        if ((*c | 32) >= 'a' && (*c | 32) <= 'z') letters[used++] = (char)(*c | 32);
    letters[used] = 0;
}

bool gp_comfy_graph_is_text_box(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"primitive", "multiline", "constant", "positive", "negative",
                                        "textbox",   "literal",   "string",   "simple",   "prompt",
                                        "input",     "text",      "box",      "power",    "widget"};
    static const char *const packs[] = {"easy", "ttn", "was", "jw", "cr", "df", "layerutility"};
    static const char *const exact[] = {"bjornulfwritetext", "primitivenode"};
    char letters[64];
    gp_comfy_graph_class_letters(node, letters, sizeof letters);
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (strcmp(letters, exact[i]) == 0) return true;
    const char *at = letters;
    for (size_t i = 0; i < sizeof packs / sizeof *packs && at == letters; i++)
        if (gp_str_starts(at, packs[i])) at += strlen(packs[i]);
    if (!*at) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words && *at;) {
        bool here = gp_str_starts(at, words[i]);
        if (here) at += strlen(words[i]);
        i = here ? 0 : i + 1;
    }
    return !*at;
}

/* ------------------------------------------------------------------ options */

/* Returns true if both names contain the same word of three or more letters, as "convert_from_csv" and "csv_quote_char"
 * do. */
static bool shares_word(const char *a, const char *b)
{
    static const char gaps[] = "_ ";
    for (a += strspn(a, gaps); *a; a += strspn(a, gaps)) {
        size_t size = strcspn(a, gaps);
        for (const char *at = b + strspn(b, gaps); *at && size >= 3; at += strspn(at, gaps)) {
            size_t other = strcspn(at, gaps);
            if (size == other && strncasecmp(a, at, size) == 0) return true;
            at += other;
        }
        a += size;
    }
    return false;
}

static bool is_false(const gp_comfy_graph_input *input)
{
    return gp_json_kind_of(input->value) == GP_JSON_BOOL && !gp_json_bool(input->value, true);
}

/* Returns true if the option `input` is off. Also returns true if another option of the node is false and its name has
 * a word in common with the name of `input`. */
static bool is_off(const gp_comfy_graph_node *node, const gp_comfy_graph_input *input)
{
    static const char *const offs[] = {"none", "off", "no", "disable", "disabled", "false", "choose"};
    const char *text = gp_json_text(input->value, NULL);
    if (is_false(input)) return true;
    for (size_t i = 0; text && i < sizeof offs / sizeof *offs; i++)
        if (strcasecmp(text, offs[i]) == 0) return true;
    for (size_t i = 0; i < node->input_count; i++)
        if (is_false(&node->inputs[i]) && shares_word(node->inputs[i].name, input->name)) return true;
    return false;
}

/* Returns true for a link to a model. A text box uses a model only to encode its text, and returns the text
 * unchanged. */
static bool is_model(const gp_comfy_graph_input *input)
{
    static const char *const names[] = {"clip", "opt_clip", "model", "opt_model", "vae"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(input->name, names[i]) == 0) return input->target != SIZE_MAX || input->dead;
    return false;
}

/* Returns true if the class has the option strip_newlines of KJNodes. */
static bool has_strip(const gp_comfy_graph_node *node)
{
    return strcmp(node->type, "StringConstantMultiline") == 0;
}

typedef enum effect { CHANGES_NOTHING, MAY_CHANGE, UNKNOWN } effect;

/* Returns how an input that is not a text changes the text of the box. */
static effect effect_of(const gp_comfy_graph_node *node, const gp_comfy_graph_input *input)
{
    if (is_model(input)) return CHANGES_NOTHING;
    if (input->target != SIZE_MAX || input->dead) return UNKNOWN;
    if (has_strip(node) && strcmp(input->name, "strip_newlines") == 0)
        return CHANGES_NOTHING; /* gp_comfy_graph_fill_box applies this option */
    /* "insert_..." is a menu of ComfyUI's editor; the editor has already inserted the chosen text into the box */
    if (gp_str_starts(input->name, "insert_") || is_off(node, input)) return CHANGES_NOTHING;
    return MAY_CHANGE;
}

/* ------------------------------------------------------------------ the text of a box */

/* Returns the index of the output that returns the text of this input: 0 for "text_a", 1 for "text_b" or "text_2". */
static uint64_t output_of(const char *name)
{
    size_t size = strlen(name);
    char last = size > 1 && name[size - 2] == '_' ? name[size - 1] : 'a';
    return (uint64_t)(last >= '1' && last <= '9' ? last - '1' : (last | 32) - 'a');
}

const gp_comfy_graph_input *gp_comfy_graph_box_input(const gp_comfy_graph_node *node, const gp_text_parts *parts,
                                                     uint64_t slot)
{
    const gp_comfy_graph_input *found = NULL;
    bool encodes = false, sorted = strcmp(node->type, "Text String") == 0;
    if (parts->find_count || parts->replace_count) return NULL;
    if (!gp_comfy_graph_is_text_box(
            node)) { /* a node of an unknown class must have exactly one text, and no other input except a seed */
        const char *own = parts->text_count == 1 ? gp_json_text(parts->texts[0]->value, NULL) : NULL;
        if (parts->others || slot || !own) return NULL;
    }
    for (int part = 0; part < GP_PART_OTHER; part++)
        if (parts->one[part] && part != GP_PART_HARMLESS && part != GP_PART_SEED) return NULL;
    for (size_t i = 0; i < node->input_count; i++) {
        const char *name = node->inputs[i].name;
        encodes |= is_model(&node->inputs[i]) || gp_str_starts(name, "insert_");
    }
    for (size_t i = 0; i < parts->text_count; i++) {
        const gp_comfy_graph_input *input = parts->texts[i];
        const char *text = gp_json_text(input->value, NULL);
        if (sorted ? output_of(input->name) != slot : text && !*text && parts->text_count > 1) continue;
        if (found) return NULL;
        found = input;
    }
    return slot && !sorted && !encodes ? NULL : found;
}

/* Removes lines that begin with '#' and joins the other lines with line breaks. */
static void drop_comments(const gp_str *text, gp_str *out)
{
    bool first = true;
    for (const char *at = text->data; at && *at;) {
        const char *end = strchrnul(at, '\n');
        if (at[strspn(at, " \t\r")] != '#') {
            if (!first) gp_str_putc(out, '\n');
            gp_str_add(out, at, (size_t)(end - at));
            first = false;
        }
        at = *end ? end + 1 : end;
    }
}

/* Joins the lines with line breaks. Without `strip` each line also keeps its own line break, so that blank lines
 * separate them. */
static void join_lines(const gp_str *text, bool strip, gp_str *out)
{
    for (const char *at = text->data; at && *at;) {
        const char *end = strchrnul(at, '\n');
        gp_str_add(out, at, (size_t)(end - at));
        if (*end && !strip) gp_str_putc(out, '\n');
        at = *end ? end + 1 : end;
        if (*at) gp_str_putc(out, '\n');
    }
}

/* Changes the text as the node's class does. */
static void apply_class(const gp_comfy_graph_node *node, gp_str *text)
{
    gp_str out = GP_STR_INIT;
    bool cr = strcmp(node->type, "CR Multiline Text") == 0, was = strcmp(node->type, "Text Multiline") == 0;
    const gp_comfy_graph_input *strip = has_strip(node) ? gp_comfy_graph_find(node, "strip_newlines") : NULL;
    while (cr && text->size && text->data[text->size - 1] == ',') text->data[--text->size] = 0;
    if (cr || was)
        drop_comments(text, &out);
    else if (strip)
        join_lines(text, gp_json_bool(strip->value, true), &out);
    else
        return;
    out.failed |= text->failed;
    gp_str_clear(text);
    *text = out;
}

bool gp_comfy_graph_fill_box(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_str *text)
{
    bool seed = false;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        gp_text_part part = gp_comfy_graph_part_of(input->name);
        seed |= part == GP_PART_SEED;
        effect e = part == GP_PART_OTHER ? effect_of(node, input) : CHANGES_NOTHING;
        if (e == UNKNOWN) return false;
        if (e == MAY_CHANGE) t->guess = "a node with options that may change its text";
    }
    if (seed && text->size && gp_comfy_graph_has_wildcards(text->data)) return false;
    apply_class(node, text);
    return true;
}
