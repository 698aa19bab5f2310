/* SPDX-License-Identifier: MIT
 * Reads a graph: collects every node with class_type, and resolves every link through a sorted list of ids. */
#include "metadata/comfy_graph.h"
#include "base/mem.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_JSON_DEPTH = 100 };

bool gp_comfy_graph_has_word(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasestr(text, words[i])) return true;
    return false;
}

/* ------------------------------------------------------------------ opening */

bool gp_comfy_graph_is_data(const char *name)
{
    static const char *const other[] = {
        "model", "clip",    "vae",       "positive",    "negative", "cond",   "control", "mask",   "guider",
        "noise", "sampler", "sigmas",    "style_model", "lora",     "prompt", "text",    "string", "seed",
        "steps", "cfg",     "scheduler", "audio",       "detector", "segm_",  "sam_"};
    return !GP_GRAPH_HAS_WORD(name, other);
}

/* Returns true if the name, such as "source" or "reference", indicates an input for a second image. Such a node usually
 * has another input for its main image. */
static bool is_second(const char *name)
{
    static const char *const words[] = {"source", "ref", "overlay", "layer", "style", "face_image", "pose", "depth"};
    return GP_GRAPH_HAS_WORD(name, words);
}

/* Returns true if the node puts one image onto another. Both images are then parts of the result. */
static bool is_composite(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"composite", "paste", "blend", "imageoverlay", "image overlay"};
    static const char *const names[] = {"destination", "base", "base_image", "background", "background_image"};
    if (GP_GRAPH_HAS_WORD(node->type, words)) return true;
    for (size_t i = 0; i < node->input_count; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (node->inputs[i].target != SIZE_MAX && strcasecmp(node->inputs[i].name, names[k]) == 0) return true;
    return false;
}

static bool is_node(const gp_json *value)
{
    return gp_json_text(gp_json_get(value, "class_type"), NULL) != NULL;
}

static bool count_node(void *user, const char *key, const gp_json *value)
{
    size_t *counts = user;
    (void)key;
    if (is_node(value)) counts[0]++, counts[1] += gp_json_count(gp_json_get(value, "inputs"));
    return true;
}

typedef struct filler {
    gp_comfy_graph *graph;
    gp_comfy_graph_input *next;
    gp_comfy_graph_node *node;
} filler;

static bool fill_input(void *user, const char *key, const gp_json *value)
{
    filler *f = user;
    *f->next++ = (gp_comfy_graph_input){
        .name = key, .value = value, .target = SIZE_MAX, .data = gp_comfy_graph_is_data(key), .second = is_second(key)};
    f->node->input_count++;
    return true;
}

static bool fill_node(void *user, const char *key, const gp_json *value)
{
    filler *f = user;
    if (!is_node(value)) return true;
    f->node = &f->graph->nodes[f->graph->count++];
    *f->node = (gp_comfy_graph_node){.id = key, .json = value, .inputs = f->next};
    f->node->type = gp_json_text(gp_json_get(value, "class_type"), NULL);
    f->node->title = gp_json_text(gp_json_get(gp_json_get(value, "_meta"), "title"), NULL);
    gp_json_each(gp_json_get(value, "inputs"), fill_input, f);
    return true;
}

static int compare_ids(const void *a, const void *b, void *user)
{
    const gp_comfy_graph_node *nodes = user;
    return strcmp(nodes[*(const size_t *)a].id, nodes[*(const size_t *)b].id);
}

static size_t find_id(const gp_comfy_graph *g, const size_t *sorted, const char *id)
{
    size_t low = 0, high = g->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(g->nodes[sorted[middle]].id, id);
        if (order == 0) return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Resolves the links.  A link is ["id", slot]; old writers store the id as a number. */
static void resolve_links(gp_comfy_graph *g, size_t *sorted)
{
    for (size_t i = 0; i < g->count; i++) sorted[i] = i;
    qsort_r(sorted, g->count, sizeof *sorted, compare_ids, g->nodes);
    for (size_t i = 0; i < g->count; i++) {
        for (size_t k = 0; k < g->nodes[i].input_count; k++) {
            gp_comfy_graph_input *input = &g->nodes[i].inputs[k];
            uint64_t slot, number;
            char digits[24];
            if (gp_json_count(input->value) != 2 || !gp_json_u64(gp_json_at(input->value, 1), &slot)) continue;
            const gp_json *first = gp_json_at(input->value, 0);
            const char *id = gp_json_text(first, NULL);
            if (!id && gp_json_u64(first, &number)) {
                snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
                id = digits;
            }
            if (!id) continue;
            input->target = find_id(g, sorted, id);
            input->slot = slot;
            input->dead = input->target == SIZE_MAX;
            if (!input->dead) g->nodes[input->target].consumed = true;
        }
    }
}

/* Marks the inputs of a node that may carry the image or latent which the node passes on. A second image is marked only
 * if the node has no main image or is a composite. */
static void find_carriers(gp_comfy_graph_node *node)
{
    bool mains = false, seconds = false;
    for (size_t i = 0; i < node->input_count; i++) {
        gp_comfy_graph_input *input = &node->inputs[i];
        input->carries = input->target != SIZE_MAX && input->data;
        if (node->route != GP_ROUTE_ALL) input->carries &= node->route == GP_ROUTE_ONE && i == node->route_input;
        mains |= input->carries && !input->second, seconds |= input->carries && input->second;
    }
    if (node->route != GP_ROUTE_ALL || !mains || !seconds || is_composite(node)) return;
    for (size_t i = 0; i < node->input_count; i++) node->inputs[i].carries &= !node->inputs[i].second;
}

/* Finds the object that contains the nodes: the root, or its member "prompt" (an object, or JSON in a string). */
static gp_status find_nodes(gp_json **root, const gp_json **nodes, size_t counts[2], gp_error *err)
{
    *nodes = *root;
    for (int i = 0; i < 2; i++) {
        counts[0] = counts[1] = 0;
        gp_json_each(*nodes, count_node, counts);
        if (counts[0]) return GP_OK;
        const gp_json *inner = gp_json_get(*nodes, "prompt");
        size_t size;
        const char *text = gp_json_text(inner, &size);
        gp_json *parsed = NULL;
        gp_error ignored = {0};
        *nodes = inner;
        if (!text) continue;
        gp_status st = gp_json_parse(text, size, false, MAX_JSON_DEPTH, &parsed, &ignored);
        if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &ignored);
        gp_json_free(st == GP_OK ? *root : NULL);
        if (st == GP_OK) *root = parsed;
        *nodes = parsed;
    }
    return GP_OK;
}

gp_status gp_comfy_graph_open(const char *text, size_t size, gp_comfy_graph *out, bool *found, const char **fault,
                              gp_error *err)
{
    gp_comfy_graph g = {0};
    gp_error ignored = {0};
    const gp_json *nodes;
    size_t counts[2] = {0}, *sorted = NULL;
    *found = false, *fault = NULL;
    gp_status st = gp_json_parse(text, size, false, MAX_JSON_DEPTH, &g.root, &ignored);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &ignored);
    if (st) {
        bool graph = memmem(text, size, "\"class_type\"", strlen("\"class_type\""));
        *fault = graph ? "the graph is not valid JSON" : NULL;
        return GP_OK;
    }
    GP_TRY_GOTO(find_nodes(&g.root, &nodes, counts, err));
    if (counts[0] > GP_GRAPH_MAX_NODES || counts[1] > GP_GRAPH_MAX_INPUTS) *fault = "the graph has too many nodes";
    if (!counts[0] || *fault) goto out;
    st = GP_ERR_MEMORY;
    g.nodes = gp_mem_zero(counts[0], sizeof *g.nodes);
    g.inputs = gp_mem_zero(counts[1], sizeof *g.inputs);
    g.queue = gp_mem_zero(counts[0], sizeof *g.queue);
    g.parent = gp_mem_zero(counts[0], sizeof *g.parent);
    g.mark = gp_mem_zero(counts[0], sizeof *g.mark);
    sorted = gp_mem_zero(counts[0], sizeof *sorted);
    if (!g.nodes || !g.inputs || !g.queue || !g.parent || !g.mark || !sorted) {
        gp_fail_memory(err, "a graph of %zu nodes", counts[0]);
        goto out;
    }
    filler f = {&g, g.inputs, NULL};
    gp_json_each(nodes, fill_node, &f);
    assert(g.count == counts[0] && (size_t)(f.next - g.inputs) == counts[1]);
    resolve_links(&g, sorted);
    gp_comfy_graph_find_routes(&g);
    for (size_t i = 0; i < g.count; i++) find_carriers(&g.nodes[i]);
    *out = g;
    g = (gp_comfy_graph){0};
    *found = true;
    st = GP_OK;
out:
    gp_mem_free(sorted);
    gp_comfy_graph_close(&g);
    return st;
}

void gp_comfy_graph_close(gp_comfy_graph *graph)
{
    gp_mem_free(graph->mark);
    gp_mem_free(graph->parent);
    gp_mem_free(graph->queue);
    gp_mem_free(graph->inputs);
    gp_mem_free(graph->nodes);
    gp_json_free(graph->root);
    *graph = (gp_comfy_graph){0};
}

/* ------------------------------------------------------------------ walking */

const gp_comfy_graph_input *gp_comfy_graph_find(const gp_comfy_graph_node *node, const char *name)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (strcmp(node->inputs[i].name, name) == 0) return &node->inputs[i];
    return NULL;
}

size_t gp_comfy_graph_follow(const gp_comfy_graph_node *node, const char *name)
{
    const gp_comfy_graph_input *input = gp_comfy_graph_find(node, name);
    return input ? input->target : SIZE_MAX;
}

size_t gp_comfy_graph_reach(gp_comfy_graph *graph, size_t start, bool (*follows)(const gp_comfy_graph_input *input))
{
    size_t head = 0, tail = 0;
    graph->round++;
    graph->mark[start] = graph->round;
    graph->queue[tail++] = start;
    while (head < tail) {
        const gp_comfy_graph_node *node = &graph->nodes[graph->queue[head++]];
        for (size_t i = 0; i < node->input_count; i++) {
            size_t target = node->inputs[i].target;
            if (target == SIZE_MAX || graph->mark[target] == graph->round || !follows(&node->inputs[i])) continue;
            graph->mark[target] = graph->round;
            graph->queue[tail++] = target;
        }
    }
    return tail;
}

size_t gp_comfy_graph_nearest(gp_comfy_graph *graph, size_t start, bool inclusive,
                              bool (*wanted)(const gp_comfy_graph_node *node))
{
    size_t head = 0, tail = 0;
    graph->round++;
    graph->mark[start] = graph->round;
    graph->parent[start] = SIZE_MAX;
    graph->queue[tail++] = start;
    while (head < tail) {
        size_t at = graph->queue[head++];
        const gp_comfy_graph_node *node = &graph->nodes[at];
        if ((at != start || inclusive) && wanted(node)) return at;
        for (size_t i = 0; i < node->input_count; i++) {
            size_t target = node->inputs[i].target;
            if (!node->inputs[i].carries || graph->mark[target] == graph->round) continue;
            graph->mark[target] = graph->round;
            graph->parent[target] = at;
            graph->queue[tail++] = target;
        }
    }
    return SIZE_MAX;
}
