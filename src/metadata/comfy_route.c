/* SPDX-License-Identifier: MIT
 * Switches: nodes that pass one of their inputs through.  They are recognised by their inputs, not by their class:
 *
 *   on_true, on_false and a flag     the input that the flag selects
 *   input1, input2, ... and a number the input whose name ends in that number
 *   any_01, any_02, ... alone        the first linked input (the class name must say "switch")
 *   text_a, text_b and a flag        true selects text_a (the class name must say "switch")
 *
 * The flag or number may come from value nodes.  If its value is not in the file, the route is unknown. */
#include "metadata/comfy_graph_private.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_WAY = 16 };

static bool is_switch_class(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"switch", "select", "choose", "choice", "toggle", "ifelse", "if else"};
    return GP_GRAPH_HAS_WORD(node->type, words);
}

static bool is_scalar(const gp_json *value)
{
    gp_json_kind kind = gp_json_kind_of(value);
    return kind == GP_JSON_INT || kind == GP_JSON_REAL || kind == GP_JSON_BOOL;
}

/* ------------------------------------------------------------------ values */

/* Returns true if the class name indicates that the node only holds a value, or only passes a value on. */
static bool holds_value(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"primitive", "reroute", "constant", "boolean", "bool", "int", "number",
                                        "value",     "toggle",  "slider",   "float",   "get",  "set", "seed"};
    static const char *const others[] = {"random", "not",     "and",   "or ",       "xor",
                                         "logic",  "compare", "math",  "counter",   "increment",
                                         "invert", "convert", "equal", "operation", "expression"};
    return GP_GRAPH_HAS_WORD(node->type, words) && !GP_GRAPH_HAS_WORD(node->type, others);
}

/* Finds the single input of a value node: its only scalar or, without a scalar, its only link. */
static const gp_comfy_graph_input *value_input(const gp_comfy_graph_node *node)
{
    const gp_comfy_graph_input *scalar = NULL, *link = NULL;
    size_t scalars = 0, links = 0;
    if (!holds_value(node)) return NULL;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if (input->target != SIZE_MAX) link = input, links++;
        if (is_scalar(input->value)) scalar = input, scalars++;
    }
    const gp_comfy_graph_input *value = gp_comfy_graph_find(node, "value");
    if (value && is_scalar(value->value)) return value;
    return scalars == 1 && links == 0 ? scalar : scalars == 0 && links == 1 ? link : NULL;
}

static const gp_json *scalar(const gp_comfy_graph *graph, const gp_comfy_graph_input *input, int depth)
{
    if (!input) return NULL;
    if (is_scalar(input->value) || gp_json_text(input->value, NULL)) return input->value;
    if (input->target == SIZE_MAX || depth == MAX_WAY) return NULL;
    const gp_comfy_graph_node *node = &graph->nodes[input->target];
    if (is_switch_class(node)) return NULL; /* a switch that is controlled by a switch is not followed */
    return scalar(graph, value_input(node), depth + 1);
}

const gp_json *gp_comfy_graph_scalar(const gp_comfy_graph *graph, const gp_comfy_graph_input *input)
{
    return scalar(graph, input, 0);
}

const gp_comfy_graph_input *gp_comfy_graph_number_input(const gp_comfy_graph *graph, const gp_comfy_graph_node *node,
                                                        const char *name)
{
    static const char *const usual[] = {"value",  "seed",   "noise_seed", "int", "float",
                                        "number", "Number", "Value",      "a"};
    const gp_comfy_graph_input *input = gp_comfy_graph_find(node, name);
    for (int depth = 0; input && depth < MAX_WAY; depth++) {
        size_t only;
        gp_json_kind kind = gp_json_kind_of(input->value);
        if (kind == GP_JSON_INT || kind == GP_JSON_REAL) return input;
        if (input->target == SIZE_MAX) return NULL;
        const gp_comfy_graph_node *target = &graph->nodes[input->target];
        gp_comfy_route route = gp_comfy_graph_route(target, &only);
        if (route == GP_ROUTE_UNKNOWN) return NULL;
        input = route == GP_ROUTE_ONE ? &target->inputs[only] : gp_comfy_graph_find(target, name);
        for (size_t i = 0; !input && i < sizeof usual / sizeof *usual; i++)
            input = gp_comfy_graph_find(target, usual[i]);
    }
    return NULL;
}

const gp_json *gp_comfy_graph_number(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, const char *name)
{
    const gp_comfy_graph_input *input = gp_comfy_graph_number_input(graph, node, name);
    return input ? input->value : NULL;
}

/* ------------------------------------------------------------------ branches */

/* Returns true if the word is a part of the name.  Characters that are not letters separate the parts: "on_true",
 * "value if true". */
static bool has_part(const char *name, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = name; (at = strcasestr(at, word)) != NULL; at++) {
        char before = at == name ? '_' : at[-1], after = at[size];
        bool starts = !((before | 32) >= 'a' && (before | 32) <= 'z');
        bool ends = !((after | 32) >= 'a' && (after | 32) <= 'z');
        if (starts && ends) return true;
    }
    return false;
}

/* Returns 1 for the input that a switch passes through if its flag is true, 0 for the input for false, -1 for any other
 * input. */
static int branch_side(const char *name)
{
    static const char *const no[] = {"false", "ff", "else", "off", "no"}, *const yes[] = {"true", "tt", "then", "on",
                                                                                          "yes"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (has_part(name, no[i])) return 0;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (has_part(name, yes[i])) return 1;
    return -1;
}

/* Returns true if the input is a link or a text, so that a switch can pass it through. */
static bool is_branch(const gp_comfy_graph_input *input)
{
    return input->target != SIZE_MAX || input->dead || gp_json_text(input->value, NULL) != NULL;
}

int gp_comfy_graph_end_number(const char *name)
{
    size_t size = strlen(name), digits = size;
    while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
    if (digits == size || size - digits > 6 || digits == 0) return GP_GRAPH_NO_NUMBER;
    return (int)strtol(name + digits, NULL, 10);
}

/* Returns 'a' for "text_a" and "textA", 'b' for "text_b" and "textB", and 0 for other names. */
static char branch_letter(const char *name)
{
    size_t size = strlen(name);
    if (size < 1) return 0;
    char last = name[size - 1], before = size > 1 ? name[size - 2] : '_';
    bool apart = before == '_' || before == ' ' || (last >= 'A' && last <= 'Z' && !(before >= 'A' && before <= 'Z'));
    return apart && ((last | 32) == 'a' || (last | 32) == 'b') ? (char)(last | 32) : 0;
}

/* Returns 0 or 1 for a value that is a flag, else -1. */
static int flag_of(const gp_json *value)
{
    double number;
    const char *text = gp_json_text(value, NULL);
    if (gp_json_kind_of(value) == GP_JSON_BOOL) return gp_json_bool(value, false);
    if (gp_json_real(value, &number)) return number != 0;
    if (!text) return -1;
    if (!strcasecmp(text, "true") || !strcasecmp(text, "yes") || !strcasecmp(text, "on")) return 1;
    return !strcasecmp(text, "false") || !strcasecmp(text, "no") || !strcasecmp(text, "off") ? 0 : -1;
}

static bool is_flag_name(const char *name)
{
    static const char *const names[] = {"switch", "boolean", "bool",   "condition", "cond", "value",  "select",
                                        "flag",   "enabled", "enable", "state",     "any",  "toggle", "boolean_number",
                                        "test",   "if",      "choice", "control",   "input"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0) return true;
    return false;
}

/* Finds the flag among the inputs that are not branches: an input with a usual name, or else the only input. */
static const gp_comfy_graph_input *find_flag(const gp_comfy_graph_node *node,
                                             bool (*branch)(const gp_comfy_graph_input *input))
{
    const gp_comfy_graph_input *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if (branch(input)) continue;
        if (is_flag_name(input->name)) return input;
        only = input, count++;
    }
    return count == 1 ? only : NULL;
}

/* Returns true if another input of a switch inverts its flag, or may do so. */
static bool inverts(const gp_comfy_graph *graph, const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"invert", "inverse", "negate", "reverse"};
    for (size_t i = 0; i < node->input_count; i++)
        if (GP_GRAPH_HAS_WORD(node->inputs[i].name, words) &&
            flag_of(gp_comfy_graph_scalar(graph, &node->inputs[i])) != 0)
            return true;
    return false;
}

static bool is_sided(const gp_comfy_graph_input *input)
{
    return is_branch(input) && branch_side(input->name) >= 0;
}

static gp_comfy_route route_by_flag(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, size_t *input)
{
    bool sides[2] = {false, false};
    for (size_t i = 0; i < node->input_count; i++)
        if (is_sided(&node->inputs[i])) sides[branch_side(node->inputs[i].name)] = true;
    if (!sides[0] && !sides[1]) return GP_ROUTE_ALL;
    if (!(sides[0] && sides[1]) && !is_switch_class(node)) return GP_ROUTE_ALL;
    const gp_comfy_graph_input *flag = find_flag(node, is_sided);
    if (!flag || inverts(graph, node)) return GP_ROUTE_UNKNOWN;
    int wanted = flag_of(gp_comfy_graph_scalar(graph, flag));
    for (size_t i = 0; i < node->input_count && wanted >= 0; i++) {
        if (!is_sided(&node->inputs[i]) || branch_side(node->inputs[i].name) != wanted) continue;
        *input = i;
        return GP_ROUTE_ONE;
    }
    return GP_ROUTE_UNKNOWN;
}

static bool is_lettered(const gp_comfy_graph_input *input)
{
    return is_branch(input) && branch_letter(input->name);
}

/* Returns the letter that the selector of a switch with lettered branches selects, or 0 if that is unknown. A flag
 * selects 'a' if it is true, and 'b' if it is false. A number is a flag if the selector's name contains "bool". If it
 * is no flag, 2 selects the second of two branches. For 0 and 1 the result is unknown, because the node may count from
 * 0 or from 1. */
static char wanted_letter(const gp_comfy_graph_input *selector, const gp_json *value, size_t branches)
{
    int64_t number;
    bool whole = gp_json_kind_of(value) == GP_JSON_INT && gp_json_i64(value, &number);
    if (whole && !strcasestr(selector->name, "bool")) return number == 2 && branches == 2 ? 'b' : 0;
    if (gp_json_kind_of(value) == GP_JSON_REAL) return 0;
    int flag = flag_of(value);
    return flag < 0 ? 0 : flag ? 'a' : 'b';
}

static gp_comfy_route route_by_letter(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, size_t *input)
{
    size_t branches = 0;
    for (size_t i = 0; i < node->input_count; i++) branches += is_lettered(&node->inputs[i]);
    if (branches == 0 || branches > 2 || !strcasestr(node->type, "switch")) return GP_ROUTE_ALL;
    const gp_comfy_graph_input *flag = find_flag(node, is_lettered);
    char wanted = flag && !inverts(graph, node) ? wanted_letter(flag, gp_comfy_graph_scalar(graph, flag), branches) : 0;
    for (size_t i = 0; i < node->input_count && wanted; i++) {
        if (!is_lettered(&node->inputs[i]) || branch_letter(node->inputs[i].name) != wanted) continue;
        *input = i;
        return GP_ROUTE_ONE;
    }
    return GP_ROUTE_UNKNOWN;
}

static const gp_comfy_graph_input *find_selector(const gp_comfy_graph_node *node)
{
    static const char *const names[] = {"select",       "selected",     "selection", "selector",       "index",
                                        "idx",          "input",        "choice",    "choose",         "switch",
                                        "input_index",  "select_index", "which",     "selected_index", "text_index",
                                        "active_input", "input_number", "switch_to", "selected_input", "select_input"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (size_t i = 0; i < node->input_count; i++)
            if (strcasecmp(node->inputs[i].name, names[k]) == 0) return &node->inputs[i];
    return NULL;
}

/* An index may count from 0 even though the branches are numbered from 1. Returns true if `wanted` is a valid number in
 * both ways of counting. */
static bool is_ambiguous(const char *selector, int64_t wanted, int min_number, int max_number)
{
    bool index = strcasestr(selector, "index") || strcasecmp(selector, "idx") == 0;
    return index && min_number == 1 && wanted > 0 && wanted < max_number;
}

/* Selects the branch that the selector's value names. */
static gp_comfy_route route_by_name(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, size_t *input)
{
    const gp_comfy_graph_input *selector = find_selector(node);
    const char *name = selector ? gp_json_text(gp_comfy_graph_scalar(graph, selector), NULL) : NULL;
    for (size_t i = 0; i < node->input_count && name; i++) {
        const gp_comfy_graph_input *one = &node->inputs[i];
        if (one == selector || !is_branch(one) || strcasecmp(one->name, name) != 0) continue;
        *input = i;
        return GP_ROUTE_ONE;
    }
    return GP_ROUTE_ALL;
}

static gp_comfy_route route_by_number(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, size_t *input)
{
    const gp_comfy_graph_input *selector = find_selector(node);
    int min_number = -1, max_number = -1;
    int64_t wanted = -1;
    if (!selector) return GP_ROUTE_ALL;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *one = &node->inputs[i];
        int number = one == selector || !is_branch(one) ? GP_GRAPH_NO_NUMBER : gp_comfy_graph_end_number(one->name);
        if (number == GP_GRAPH_NO_NUMBER) continue;
        if (min_number < 0 || number < min_number) min_number = number;
        if (number > max_number) max_number = number;
    }
    if (min_number < 0) return GP_ROUTE_ALL;
    const gp_json *value = gp_comfy_graph_scalar(graph, selector);
    /* an input with the name "input" may contain any data and need not be a selector */
    if (gp_json_kind_of(value) == GP_JSON_BOOL || !gp_json_i64(value, &wanted))
        return is_switch_class(node) ? GP_ROUTE_UNKNOWN : GP_ROUTE_ALL;
    if (is_ambiguous(selector->name, wanted, min_number, max_number)) return GP_ROUTE_UNKNOWN;
    if (wanted == 0 && min_number == 1) wanted = strcasestr(selector->name, "index") ? 1 : 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *one = &node->inputs[i];
        if (one == selector || !is_branch(one) || gp_comfy_graph_end_number(one->name) != wanted) continue;
        *input = i;
        return GP_ROUTE_ONE;
    }
    return GP_ROUTE_UNKNOWN;
}

/* Handles a class named "switch" that has no selector: selects the first linked branch. */
static gp_comfy_route route_to_first(const gp_comfy_graph_node *node, size_t *input)
{
    size_t links = 0, others = 0, first = SIZE_MAX;
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].target == SIZE_MAX) {
            others++;
            continue;
        }
        links++;
        if (first == SIZE_MAX ||
            gp_comfy_graph_end_number(node->inputs[i].name) < gp_comfy_graph_end_number(node->inputs[first].name))
            first = i;
    }
    if (!links || !strcasestr(node->type, "switch")) return GP_ROUTE_ALL;
    *input = first;
    bool numbered = gp_comfy_graph_end_number(node->inputs[first].name) != GP_GRAPH_NO_NUMBER;
    if (links == 1 || (numbered && others == 0)) return GP_ROUTE_ONE;
    return GP_ROUTE_UNKNOWN;
}

static gp_comfy_route find_route(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, size_t *input)
{
    gp_comfy_route route = strcasestr(node->type, "random") && is_switch_class(node) ? GP_ROUTE_UNKNOWN : GP_ROUTE_ALL;
    if (route == GP_ROUTE_ALL) route = route_by_flag(graph, node, input);
    if (route == GP_ROUTE_ALL) route = route_by_name(graph, node, input);
    if (route == GP_ROUTE_ALL) route = route_by_number(graph, node, input);
    if (route == GP_ROUTE_ALL) route = route_by_letter(graph, node, input);
    if (route == GP_ROUTE_ALL) route = route_to_first(node, input);
    return route;
}

void gp_comfy_graph_find_routes(gp_comfy_graph *graph)
{
    for (size_t i = 0; i < graph->count; i++) {
        gp_comfy_graph_node *node = &graph->nodes[i];
        node->route_input = SIZE_MAX;
        node->route = find_route(graph, node, &node->route_input);
    }
}

gp_comfy_route gp_comfy_graph_route(const gp_comfy_graph_node *node, size_t *input)
{
    *input = node->route_input;
    return node->route;
}
