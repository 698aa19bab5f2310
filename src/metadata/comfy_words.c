/* SPDX-License-Identifier: MIT
 * Collects the prompt of a sampler. The walk starts at its "positive" or "negative" input, or at its guider. It follows
 * nodes that pass conditioning on, up to the nodes that encode text. If the text of one node is not in the file, the
 * whole side is unknown, because a part of a prompt is a wrong prompt. */
#include "metadata/comfy_private.h"
#include <string.h>
#include <strings.h>

enum { MAX_TEXTS = 256 };

/* Appends a text unless the prompt already contains it. */
static void append_text(gp_comfy_words *w, size_t node, const gp_str *text)
{
    const char *blank = " \t\r\n";
    w->text.failed |= text->failed;
    if (text->failed || w->nodes == MAX_TEXTS) return; /* limits the quadratic search below */
    if (!text->size || !text->data[strspn(text->data, blank)]) {
        w->empty = true;
        return;
    }
    if (w->text.size && strstr(w->text.data, text->data)) return;
    if (w->text.size) gp_str_puts(&w->text, ", ");
    gp_str_add(&w->text, text->data, text->size);
    if (w->first == SIZE_MAX) w->first = node;
    w->nodes++;
}

static void mark_unknown(gp_comfy_words *w, size_t node)
{
    w->failed = true;
    if (w->unknown == SIZE_MAX) w->unknown = node;
}

/* Evaluates one input, or node `at` itself if input is NULL, and appends the text to `part`. */
static void evaluate(gp_comfy *c, gp_comfy_words *w, const gp_comfy_graph_input *input, size_t at, const char *role,
                     gp_str *part)
{
    gp_comfy_site site = {.node = at};
    gp_comfy_graph_texts t = {c->graph,         c->workflow, role, GP_GRAPH_TEXTS_BUDGET,
                              GP_GRAPH_LOOKUPS, SIZE_MAX,    NULL, NULL};
    if (w->sites) t.leaves = &site.leaves;
    bool known = input ? gp_comfy_graph_text(&t, input, 0, part) : gp_comfy_graph_node_text(&t, at, 0, 0, part);
    if (!known) mark_unknown(w, t.unknown);
    if (t.guess) w->guess = t.guess;
    if (w->sites && w->sites->count == GP_COMFY_MAX_SITES)
        w->sites->more = true;
    else if (w->sites)
        w->sites->items[w->sites->count++] = site;
}

static bool has_text(const gp_comfy_graph_input *input)
{
    return input->target != SIZE_MAX || input->dead || gp_json_text(input->value, NULL);
}

/* Returns true if the node encodes a text that it produces when the graph runs and does not store (a wildcard node, a
 * language model). */
static bool is_made_up(const gp_comfy_graph_node *node, const char *text)
{
    bool wild = gp_comfy_named(node, "wildcard") || gp_comfy_named(node, "dynamic");
    return gp_comfy_graph_makes_text(node) && !(wild && text && !gp_comfy_graph_has_wildcards(text));
}

/* Finds the text input of an encoder that uses an uncommon name, such as "user_prompt". Inputs for system prompts,
 * negative prompts, templates and the like are ignored. Returns NULL unless exactly one input is left. */
static const gp_comfy_graph_input *unusual_text(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"prompt", "text", "caption"};
    static const char *const others[] = {"system", "negative", "template", "instruct",
                                         "style",  "strength", "weight",   "encod"};
    const gp_comfy_graph_input *only = NULL;
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if (!has_text(input) || !GP_GRAPH_HAS_WORD(input->name, words) || GP_GRAPH_HAS_WORD(input->name, others))
            continue;
        if (only) return NULL;
        only = input;
    }
    return only;
}

/* Appends the texts of an encoder node. If the node has several texts (text_g and text_l, clip_l and t5xxl), skips a
 * text that an earlier text contains. Returns false if the node has no input for text. */
static bool encoder_text(gp_comfy *c, size_t at, const char *role, gp_comfy_words *w)
{
    static const char *const names[] = {"populated_text", "text",      "prompt", "Text",     "text_g", "prompt_g",
                                        "t5xxl",          "qwen25_7b", "text_l", "prompt_l", "clip_g", "clip_l",
                                        "bert",           "mt5xl",     "llama",  "caption",  "string"};
    const gp_comfy_graph_node *node = &c->graph->nodes[at];
    gp_comfy_words own = GP_COMFY_WORDS_INIT;
    bool any = false;
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count + !any; i++) {
        const gp_comfy_graph_input *input = i < count ? gp_comfy_graph_find(node, names[i]) : unusual_text(node);
        gp_str part = GP_STR_INIT;
        if (!input || !has_text(input)) continue;
        any = true;
        if (i > 0 && is_made_up(node, gp_json_text(input->value, NULL)))
            mark_unknown(w, at);
        else
            evaluate(c, w, input, at, role, &part);
        append_text(&own, at, &part);
        gp_str_clear(&part);
        if (i == 0 && own.nodes) break;
    }
    if (any) append_text(w, at, &own.text);
    w->text.failed |= own.text.failed;
    gp_str_clear(&own.text);
    return any;
}

/* Returns true if the node returns conditioning rather than text. Encoders return conditioning; an encoder is
 * recognised by its link to a text model. */
static bool gives_conditioning(const gp_comfy_graph_node *node)
{
    static const char *const classes[] = {"encod", "cond", "guid"};
    static const char *const links[] = {"clip", "cond",    "positive", "negative", "pipe",
                                        "ctx",  "context", "encoder",  "t5"};
    if (GP_GRAPH_HAS_WORD(node->type, classes)) return true;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].target != SIZE_MAX && GP_GRAPH_HAS_WORD(node->inputs[i].name, links)) return true;
    return false;
}

/* Returns true if the node returns text where conditioning is expected, such as the text box of a loader that encodes
 * text itself. */
static bool gives_text(const gp_comfy_graph_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        const char *name = input->name;
        bool named = strcasestr(name, "text") || strcasestr(name, "prompt") || strcasestr(name, "string");
        if (gp_json_text(input->value, NULL) ? gp_comfy_graph_is_text_name(name) : named && input->target != SIZE_MAX)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ the walk */

/* Returns true if the walk for conditioning of `role` should follow this input. kind 0: inputs of that role; 1: inputs
 * for conditioning; 2: any input that may pass conditioning on. */
static bool follows_input(const gp_comfy_graph_node *node, const gp_comfy_graph_input *input, const char *role,
                          int kind)
{
    const char *name = input->name;
    if (kind == 0) return strcasestr(name, role) != NULL;
    if (strcasestr(name, role[0] == 'p' ? "negative" : "positive")) return false;
    if (kind == 1)
        return strcasestr(name, "cond") && !(strcmp(name, "cond2") == 0 && gp_comfy_graph_find(node, "cond1"));
    return gp_comfy_graph_is_data(name) && !strcasestr(name, "image") && !strcasestr(name, "latent") &&
           !strcasestr(name, "pixels") && !strcasestr(name, "samples");
}

/* Returns true if the input `name` has weight 0 in an average of two conditionings. */
static bool has_zero_weight(const gp_comfy_graph *g, const gp_comfy_graph_node *node, const char *name)
{
    double share;
    if (!gp_json_real(gp_comfy_graph_number(g, node, "conditioning_to_strength"), &share)) return false;
    return (share == 1 && strcmp(name, "conditioning_from") == 0) ||
           (share == 0 && strcmp(name, "conditioning_to") == 0);
}

/* Encodes how the walk enters a node. Bit 0: the side, 1 for negative. From bit 1 on: the number of the output through
 * which the walk enters, at most 2. */
static size_t entry_of(const char *role, uint64_t slot)
{
    return (size_t)(slot < 2 ? slot : 2) * 2 + (role[0] == 'n');
}

/* Returns true if the node returns positive conditioning at output 0 and negative conditioning at output 1, as
 * ControlNetApplyAdvanced does.  Returns false for a node with a model or a pipe, because its first outputs return the
 * model or the pipe. */
static bool has_two_sides(const gp_comfy_graph_node *node)
{
    static const char *const others[] = {"model", "pipe", "ctx", "context"};
    if (!gp_comfy_has_link(node, "positive") || !gp_comfy_has_link(node, "negative")) return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const char *name = node->inputs[i].name;
        if (node->inputs[i].target == SIZE_MAX || strcasestr(name, "style_model")) continue;
        if (GP_GRAPH_HAS_WORD(name, others)) return false;
    }
    return true;
}

static void push(gp_comfy_graph *g, gp_comfy_words *w, size_t target, size_t entry, size_t *top)
{
    if (g->mark[target] == g->round) {
        if (g->parent[target] != entry && has_two_sides(&g->nodes[target])) mark_unknown(w, target);
        return;
    }
    g->mark[target] = g->round;
    g->parent[target] = entry;
    g->queue[(*top)++] = target; /* each node is pushed once, so there are at most `count` entries */
}

/* Pushes, in reverse order, the inputs that the walk follows, so that the first input is visited first.  Returns true
 * if the walk follows any input. */
static bool push_inputs(gp_comfy *c, gp_comfy_words *w, const gp_comfy_graph_node *node, const char *role, int kind,
                        size_t *top)
{
    bool any = false;
    for (size_t i = node->input_count; i-- > 0;) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if ((input->target == SIZE_MAX && !input->dead) || !follows_input(node, input, role, kind)) continue;
        if (kind == 1 && has_zero_weight(c->graph, node, input->name)) continue;
        any = true;
        if (input->dead && kind < 2)
            mark_unknown(w, SIZE_MAX);
        else if (!input->dead)
            push(c->graph, w, input->target, entry_of(role, input->slot), top);
    }
    return any;
}

/* Appends the texts in the node's own inputs for side `role`. Returns true if the node has such inputs. */
static bool role_text(gp_comfy *c, size_t at, const char *role, gp_comfy_words *w)
{
    const gp_comfy_graph_node *node = &c->graph->nodes[at];
    bool any = false;
    for (size_t i = 0; i < node->input_count; i++) {
        gp_str part = GP_STR_INIT;
        if (!strcasestr(node->inputs[i].name, role) || !gp_json_text(node->inputs[i].value, NULL)) continue;
        any = true;
        evaluate(c, w, &node->inputs[i], at, role, &part);
        append_text(w, at, &part);
        gp_str_clear(&part);
    }
    return any;
}

/* Starts the walk at a sampler: at the sampler's inputs for the side `role`, else at its guider, else at a pipe. */
static void start_walk(gp_comfy *c, gp_comfy_words *w, size_t sampler, const char *role, size_t *top)
{
    const gp_comfy_graph_node *node = &c->graph->nodes[sampler];
    bool own = role_text(c, sampler, role, w);
    if (push_inputs(c, w, node, role, 0, top) || own) return;
    size_t next = gp_comfy_graph_follow(node, "guider");
    if (next != SIZE_MAX)
        push(c->graph, w, next, entry_of(role, 0), top);
    else
        push_inputs(c, w, node, role, 2, top);
}

static void visit_node(gp_comfy *c, gp_comfy_words *w, size_t at, const char *role, size_t *top)
{
    const gp_comfy_graph_node *node = &c->graph->nodes[at];
    size_t only;
    gp_comfy_route route = gp_comfy_graph_route(node, &only);
    gp_str part = GP_STR_INIT;
    if (route == GP_ROUTE_ONE && node->inputs[only].target != SIZE_MAX) {
        push(c->graph, w, node->inputs[only].target, entry_of(role, node->inputs[only].slot), top);
        return;
    }
    if (route == GP_ROUTE_UNKNOWN) {
        mark_unknown(w, at);
        return;
    }
    bool own = role_text(c, at, role, w);
    if (push_inputs(c, w, node, role, 0, top) || own) return;
    if (role[0] == 'n' && gp_comfy_named(node, "Guider")) return; /* a guider that has no negative side */
    if (gives_conditioning(node)) {
        bool linked = push_inputs(c, w, node, role, 1, top);
        /* the node's own text only describes regions of the image */
        if (linked && gp_comfy_named(node, "GLIGEN")) return;
        if (encoder_text(c, at, role, w)) {
            if (linked) mark_unknown(w, at); /* it is unknown how the node combines text and links */
            return;
        }
        if (linked) return;
    } else if (gives_text(node)) {
        evaluate(c, w, NULL, at, role, &part);
        append_text(w, at, &part);
        gp_str_clear(&part);
        return;
    }
    if (!push_inputs(c, w, node, role, 1, top)) push_inputs(c, w, node, role, 2, top);
}

void gp_comfy_collect(gp_comfy *c, size_t sampler, const char *role, gp_comfy_words *w)
{
    gp_comfy_graph *g = c->graph;
    size_t top = 0;
    g->round++;
    g->mark[sampler] = g->round;
    g->parent[sampler] = entry_of(role, 0);
    start_walk(c, w, sampler, role, &top);
    while (top && !w->text.failed) {
        size_t at = g->queue[--top];
        /* a node that zeroes its conditioning ends the walk */
        if (gp_comfy_named(&g->nodes[at], "ZeroOut")) continue;
        size_t entry = g->parent[at], slot = entry / 2;
        bool negative = slot < 2 && has_two_sides(&g->nodes[at]) ? slot == 1 : entry % 2 == 1;
        visit_node(c, w, at, negative ? "negative" : "positive", &top);
    }
}

void gp_comfy_collect_unsorted(gp_comfy *c, gp_comfy_words *w)
{
    gp_comfy_graph *g = c->graph;
    g->round++;
    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k].target != SIZE_MAX && strcasestr(g->nodes[i].inputs[k].name, "negative"))
                g->mark[g->nodes[i].inputs[k].target] = g->round;
    for (size_t i = 0; i < g->count && w->nodes < 2; i++) {
        const char *title = g->nodes[i].title;
        bool negative = g->mark[i] == g->round || (title && strcasestr(title, "negative"));
        if (gp_comfy_named(&g->nodes[i], "TextEncode") && !negative) encoder_text(c, i, "positive", w);
    }
    if (w->nodes > 1) mark_unknown(w, SIZE_MAX); /* it is unknown which encoder has the prompt */
}
