/* SPDX-License-Identifier: MIT
 * A ComfyUI API graph, {"id": {"class_type": ..., "inputs": {name: value or ["other id", slot]}}}, with its links
 * resolved.  All walks are breadth-first or on explicit stacks with marks, so cycles and depth do no harm. */
#ifndef GP_INGEST_GRAPH_H
#define GP_INGEST_GRAPH_H

#include "base/json.h"
#include "base/str.h"

enum { GP_GRAPH_MAX_NODES = 1 << 16, GP_GRAPH_MAX_INPUTS = 1 << 17 };

typedef struct gp_graph_input {
    const char *name;
    const gp_json *value;
    size_t target; /* node that the link leads to, SIZE_MAX if it is no link */
} gp_graph_input;

typedef struct gp_graph_node {
    const char *id, *type, *title; /* borrowed from root; title may be NULL */
    gp_graph_input *inputs;        /* [input_count], in file order */
    size_t input_count;
    bool consumed; /* some node has a link to it */
} gp_graph_node;

typedef struct gp_graph {
    gp_json *root;
    gp_graph_node *nodes; /* [count], in file order */
    size_t count;
    gp_graph_input *inputs;
    size_t *queue, *parent; /* [count]: of the last walk; parent: where the walk came from */
    uint32_t *mark;         /* [count] == round: reached in the last walk */
    uint32_t round;
} gp_graph;

/* *found false (and nothing owned) if the text is no such graph.  A graph inside {"prompt": ...} is found too. */
gp_status gp_graph_open(const char *text, size_t size, gp_graph *out, bool *found, gp_error *err);
void gp_graph_close(gp_graph *graph);

/* Input by name, or NULL. */
const gp_graph_input *gp_graph_find(const gp_graph_node *node, const char *name);
/* Node behind the link input of that name, or SIZE_MAX. */
size_t gp_graph_follow(const gp_graph_node *node, const char *name);

/* Breadth-first from `start` (itself included if `inclusive`) against the links that carry pictures and latents, to the
 * nearest node that `wanted`; SIZE_MAX if none.  graph->parent then leads back to start. */
size_t gp_graph_nearest(gp_graph *graph, size_t start, bool inclusive, bool (*wanted)(const gp_graph_node *node));
/* Does the name belong to an input for pictures or latents, as far as names tell? */
bool gp_graph_is_data(const char *name);

/* The number in input `name`: its own, or that of the node it is linked to (`seed`, `value`, ... there); NULL if none.
 */
const gp_json *gp_graph_number(const gp_graph *graph, const gp_graph_node *node, const char *name);

/* The text of an input: its own, or put together from the string nodes it is linked to.  `role`: "positive" or
 * "negative", for nodes that hold both. */
void gp_graph_text(const gp_graph *graph, const gp_graph_input *input, const char *role, gp_str *out);

#endif
