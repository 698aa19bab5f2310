/* SPDX-License-Identifier: MIT
 * Finds the value that a text input of a graph had when the graph ran.
 *
 * There are three cases. The value is in the file (the input's own text, or a text box). Or it follows from the file by
 * a known operation (comfy_ops.c: join, replace, trim ...). Or it is unknown. An unknown node between text and encoder
 * may be a language model, a translator or a random choice, and its output differs from its input, so no text is used.
 * Nodes are recognised by the names of their inputs. A node with an unknown input name is unknown. */
#include "metadata/comfy_graph.h"
#include "metadata/comfy_graph_private.h"
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 16 };

static bool fail(gp_comfy_graph_texts *t, size_t node)
{
    if (t->unknown == SIZE_MAX) t->unknown = node;
    return false;
}

bool gp_comfy_graph_makes_text(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"llm",      "ollama",   "gpt",      "gemini",    "claude",   "chatbot",
                                        "caption",  "tagger",   "describe", "wildcard",  "random",   "interrogat",
                                        "translat", "enhanc",   "upsampl",  "rewrit",    "dynamicp", "dynamic p",
                                        "schedule", "deepseek", "styler",   "promptgen", "magic",    "florence"};
    return GP_GRAPH_HAS_WORD(node->type, words);
}

bool gp_comfy_graph_has_wildcards(const char *text)
{
    const char *open = strchr(text, '{');
    return strstr(text, "__") || (open && strchr(open, '}'));
}

/* ------------------------------------------------------------------ roles of inputs */

/* Returns the length of the name without its number or letter: "text_a", "string1", "prompt_2". */
static size_t stem_size(const char *name)
{
    size_t size = strlen(name);
    while (size && name[size - 1] >= '0' && name[size - 1] <= '9') size--;
    if (size > 1 && name[size - 1] == '_') size--;
    if (size > 2 && name[size - 2] == '_') size -= 2;
    return size;
}

static bool is_stem(const char *name, const char *const *stems, size_t count)
{
    size_t size = stem_size(name);
    for (size_t i = 0; i < count; i++)
        if (strlen(stems[i]) == size && strncasecmp(name, stems[i], size) == 0) return true;
    return false;
}
#define IS_STEM(name, stems) is_stem(name, stems, sizeof(stems) / sizeof *(stems))

bool gp_comfy_graph_is_text_name(const char *name)
{
    static const char *const stems[] = {"text",
                                        "string",
                                        "str",
                                        "prompt",
                                        "value",
                                        "input",
                                        "part",
                                        "line",
                                        "txt",
                                        "word",
                                        "content",
                                        "texts",
                                        "wildcard_text",
                                        "any",
                                        "prefix",
                                        "suffix",
                                        "positive",
                                        "negative",
                                        "text_positive",
                                        "text_negative",
                                        "positive_prompt",
                                        "negative_prompt",
                                        "prompt_positive",
                                        "prompt_negative",
                                        "prepend",
                                        "append",
                                        "multiline_text",
                                        "string_multiline",
                                        "anything",
                                        "*"};
    return !*name || IS_STEM(name, stems);
}

gp_text_part gp_comfy_graph_part_of(const char *name)
{
    static const char *const delimiters[] = {"delimiter", "separator", "delim", "sep", "joiner", "joint"};
    static const char *const finds[] = {"find",        "search",       "old",       "find_text",
                                        "search_text", "text_to_find", "search_for"};
    static const char *const replaces[] = {"replace",         "replacement",  "new",
                                           "replace_with",    "replace_text", "replacement_text",
                                           "text_to_replace", "new_text"};
    static const char *const modes[] = {"mode", "case", "case_mode", "trim_mode"};
    static const char *const harmless[] = {"title",
                                           "label",
                                           "note",
                                           "notes",
                                           "comment",
                                           "speak_and_recognation",
                                           "speak_and_recognition",
                                           "inputcount",
                                           "print_to_console",
                                           "unique_id",
                                           "extra_pnginfo"};
    static const char *const seeds[] = {"seed", "noise_seed", "control_after_generate"};
    if (IS_STEM(name, delimiters)) return GP_PART_DELIMITER;
    if (IS_STEM(name, finds)) return GP_PART_FIND;
    if (IS_STEM(name, replaces)) return GP_PART_REPLACE;
    if (IS_STEM(name, modes)) return GP_PART_MODE;
    if (IS_STEM(name, harmless)) return GP_PART_HARMLESS;
    if (IS_STEM(name, seeds)) return GP_PART_SEED;
    if (!strcasecmp(name, "start")) return GP_PART_START;
    if (!strcasecmp(name, "end")) return GP_PART_END;
    if (!strcasecmp(name, "clean_whitespace")) return GP_PART_CLEAN;
    if (!strcasecmp(name, "action")) return GP_PART_ACTION;
    if (!strcasecmp(name, "tidy_tags")) return GP_PART_TIDY;
    if (!strcasecmp(name, "result") || !strcasecmp(name, "return_list")) return GP_PART_HARMLESS;
    return gp_comfy_graph_is_text_name(name) ? GP_PART_TEXT : GP_PART_OTHER;
}

/* ------------------------------------------------------------------ nodes that show texts */

static bool is_display(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"show", "display", "preview"};
    return GP_GRAPH_HAS_WORD(node->type, words);
}

/* Returns true for display nodes that write their text into the editor's graph before the image is saved. */
static bool writes_workflow(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"showtext", "show text", "showanything", "show anything"};
    return GP_GRAPH_HAS_WORD(node->type, words);
}

bool gp_comfy_graph_reads_workflow(const gp_comfy_graph *graph)
{
    for (size_t i = 0; i < graph->count; i++)
        if (writes_workflow(&graph->nodes[i])) return true;
    return false;
}

static const gp_json *workflow_node(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node)
{
    const gp_json *nodes = t->lookups-- > 0 ? gp_json_get(t->workflow, "nodes") : NULL;
    for (size_t i = 0, n = gp_json_count(nodes); i < n; i++) {
        const gp_json *one = gp_json_at(nodes, i), *id = gp_json_get(one, "id");
        const char *type = gp_json_text(gp_json_get(one, "type"), NULL), *text = gp_json_text(id, NULL);
        uint64_t number, wanted;
        bool same = text ? strcmp(text, node->id) == 0
                         : gp_json_u64(id, &number) && gp_parse_u64(node->id, &wanted) && number == wanted;
        if (same && type && strcmp(type, node->type) == 0) return one;
    }
    return NULL;
}

/* Returns the only text in [text] or [[text]]. */
static const char *only_text(const gp_json *values, size_t *size)
{
    for (int i = 0; i < 3 && gp_json_kind_of(values) == GP_JSON_ARRAY; i++) {
        if (gp_json_count(values) != 1) return NULL;
        values = gp_json_at(values, 0);
    }
    return gp_json_text(values, size);
}

/* Finds the text that a display node showed. Some classes of display nodes write this text into the editor's graph when
 * they run. Otherwise, uses the text stored in an input of the node. That text may be from an earlier run, so the
 * function sets t->guess. */
static bool shown_text(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_str *out)
{
    static const char *const kept[] = {"text", "result", "display", "output", "preview", "shown", "anything"};
    size_t size;
    const char *text =
        writes_workflow(node) ? only_text(gp_json_get(workflow_node(t, node), "widgets_values"), &size) : NULL;
    for (size_t i = 0; !text && i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if (!IS_STEM(input->name, kept) || !(text = gp_json_text(input->value, &size)) || !*text) text = NULL;
        if (text) t->guess = "as shown in an earlier run";
    }
    if (text) gp_str_add(out, text, strnlen(text, size));
    return text != NULL;
}

/* ------------------------------------------------------------------ nodes */

/* Returns true if nodes of this class pass their only text on. */
static bool passes_text(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"reroute", "primitive", "relay", "setnode", "getnode",
                                        "debug",   "print",     "show",  "display", "preview"};
    static const char *const exact[] = {"stringtotext", "texttostring",      "totext", "tostring", "anytotext",
                                        "anytostring",  "convertanytostring"};
    char letters[64];
    gp_comfy_graph_class_letters(node, letters, sizeof letters);
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (strcmp(letters, exact[i]) == 0) return true;
    return gp_comfy_graph_is_text_box(node) ||
           (GP_GRAPH_HAS_WORD(node->type, words) && !gp_comfy_graph_makes_text(node));
}

/* Returns true if the text contains "__name__", a placeholder for a random line of the file with that name. */
static bool names_wildcard(const char *text)
{
    for (const char *at = text; (at = strstr(at, "__")) != NULL; at += 2) {
        const char *end = strstr(at + 2, "__");
        size_t size = end ? (size_t)(end - at) - 2 : 0;
        if (size && strcspn(at + 2, " \t\r\n,") >= size) return true;
    }
    return false;
}

/* Returns true if the text in an input of the node may not be its result. Nodes of such classes may change the text, or
 * may take another text from a file, a list or another source. */
static bool reads_elsewhere(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"load",  "file",      "read",   "list",   "csv",    "generat", "fetch",
                                        "http",  "clipboard", "trim",   "strip",  "case",   "replace", "split",
                                        "regex", "extract",   "format", "script", "python", "reverse"};
    return gp_comfy_graph_makes_text(node) || GP_GRAPH_HAS_WORD(node->type, words);
}

/* Finds the populated text of a wildcard node. The server writes this text into the graph before the graph runs. */
static int populated_text(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, int depth, gp_str *out)
{
    const gp_comfy_graph_input *done = gp_comfy_graph_find(node, "populated_text"),
                               *raw = gp_comfy_graph_find(node, "wildcard_text");
    size_t size;
    if (!done) return -1;
    const char *text = gp_json_text(done->value, &size);
    if (!text || *text) return gp_comfy_graph_text(t, done, depth + 1, out);
    text = raw ? gp_json_text(raw->value, &size) : NULL;
    if (!text || gp_comfy_graph_has_wildcards(text)) return 0;
    gp_str_add(out, text, strnlen(text, size));
    return 1;
}

/* Evaluates a node with one text of its own, or a node that passes its only text on. */
static bool held_text(gp_comfy_graph_texts *t, size_t at, const gp_comfy_graph_input *input, int depth, gp_str *out)
{
    const gp_comfy_graph_node *node = &t->graph->nodes[at];
    const char *own = gp_json_text(input->value, NULL);
    bool box = gp_comfy_graph_is_text_box(node);
    if (own ? reads_elsewhere(node) : !passes_text(node)) return fail(t, at);
    if (own && !box) t->guess = "a node that may change its text";
    if (own && names_wildcard(own)) t->guess = "it contains a wildcard";
    gp_str raw = GP_STR_INIT;
    bool known = gp_comfy_graph_text(t, input, depth + 1, &raw);
    if (known && (box || own)) known = gp_comfy_graph_fill_box(t, node, &raw) || fail(t, at);
    if (known && raw.size) gp_str_add(out, raw.data, raw.size);
    out->failed |= raw.failed;
    gp_str_clear(&raw);
    return known;
}

/* Returns the input for `role` of a node that holds a positive and a negative text; NULL if it is another kind of
 * node. */
static const gp_comfy_graph_input *input_for_role(const gp_comfy_graph_texts *t, const gp_text_parts *parts)
{
    const char *other = t->role[0] == 'p' ? "negative" : "positive";
    const gp_comfy_graph_input *role_input = NULL;
    if (parts->text_count != 2) return NULL;
    for (size_t i = 0; i < 2; i++) {
        bool here = strcasestr(parts->texts[i]->name, t->role) != NULL;
        if (!here && !strcasestr(parts->texts[i]->name, other)) return NULL;
        if (here) role_input = parts->texts[i];
    }
    return role_input;
}

/* Finds the text of a display node: the text of its input or, if that is unknown, the text that the node showed. */
static bool display_text(gp_comfy_graph_texts *t, size_t at, const gp_text_parts *parts, int depth, gp_str *out)
{
    size_t before = out->size, unknown = t->unknown;
    const gp_comfy_graph_node *node = &t->graph->nodes[at];
    const gp_comfy_graph_input *shown = NULL;
    for (size_t i = 0; i < parts->text_count && !shown; i++)
        if (parts->texts[i]->target != SIZE_MAX) shown = parts->texts[i];
    for (size_t i = 0; i < node->input_count && !shown; i++) /* the input of a display node may have any name */
        if (node->inputs[i].target != SIZE_MAX) shown = &node->inputs[i];
    if (shown && gp_comfy_graph_text(t, shown, depth + 1, out)) return true;
    if (out->data) out->data[out->size = before] = 0;
    if (!shown_text(t, node, out)) return fail(t, at);
    t->unknown = unknown;
    return true;
}

static void find_parts(const gp_comfy_graph_node *node, gp_text_parts *parts)
{
    *parts = (gp_text_parts){0};
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        gp_text_part part = gp_comfy_graph_part_of(input->name);
        bool list = part == GP_PART_TEXT || part == GP_PART_FIND || part == GP_PART_REPLACE;
        size_t *count = part == GP_PART_TEXT   ? &parts->text_count
                        : part == GP_PART_FIND ? &parts->find_count
                                               : &parts->replace_count;
        const gp_comfy_graph_input **items = part == GP_PART_TEXT   ? parts->texts
                                             : part == GP_PART_FIND ? parts->finds
                                                                    : parts->replaces;
        if (part == GP_PART_OTHER || (list && *count == GP_PARTS_MAX))
            parts->others++;
        else if (list)
            items[(*count)++] = input;
        else
            parts->one[part] = input;
    }
}

/* Evaluates a node. MAX_DEPTH and the budget limit the recursion. */
bool gp_comfy_graph_node_text(gp_comfy_graph_texts *t, size_t at, uint64_t slot, int depth, gp_str *out)
{
    const gp_comfy_graph_node *node = &t->graph->nodes[at];
    gp_text_parts parts;
    size_t only;
    if (depth >= MAX_DEPTH || t->budget-- <= 0 || node->input_count > GP_GRAPH_MAX_TEXT_INPUTS) return fail(t, at);
    int populated = populated_text(t, node, depth, out);
    if (populated >= 0) return populated ? true : fail(t, at);
    gp_comfy_route route = gp_comfy_graph_route(node, &only);
    if (route == GP_ROUTE_ONE) return gp_comfy_graph_text(t, &node->inputs[only], depth + 1, out);
    if (route == GP_ROUTE_UNKNOWN) return fail(t, at);
    find_parts(node, &parts);
    if (is_display(node)) return display_text(t, at, &parts, depth, out);
    const gp_comfy_graph_input *role_input = input_for_role(t, &parts);
    if (parts.others || parts.one[GP_PART_SEED] || (slot && !role_input)) {
        const gp_comfy_graph_input *boxed = gp_comfy_graph_box_input(node, &parts, slot);
        return boxed ? held_text(t, at, boxed, depth, out) : fail(t, at);
    }
    int done = gp_comfy_graph_operation(t, node, &parts, depth, out);
    if (done >= 0) return done ? true : fail(t, at);
    if (role_input && !gp_comfy_graph_makes_text(node)) return gp_comfy_graph_text(t, role_input, depth + 1, out);
    const gp_comfy_graph_input *boxed =
        parts.text_count == 1 ? parts.texts[0] : gp_comfy_graph_box_input(node, &parts, 0);
    return boxed && !parts.find_count && !parts.replace_count ? held_text(t, at, boxed, depth, out) : fail(t, at);
}

bool gp_comfy_graph_text(gp_comfy_graph_texts *t, const gp_comfy_graph_input *input, int depth, gp_str *out)
{
    size_t size;
    const char *text = gp_json_text(input->value, &size);
    if (text) {
        if (t->leaves && t->leaves->count == GP_GRAPH_MAX_LEAVES)
            t->leaves->more = true;
        else if (t->leaves)
            t->leaves->items[t->leaves->count++] = input;
        gp_str_add(out, text, strnlen(text, size));
        return true;
    }
    if (gp_json_kind_of(input->value) == GP_JSON_INT) {
        gp_json_write(out, input->value);
        return true;
    }
    if (input->target != SIZE_MAX) return gp_comfy_graph_node_text(t, input->target, input->slot, depth, out);
    return fail(t, SIZE_MAX - 1); /* a link to a missing node, or a value that is not text */
}
