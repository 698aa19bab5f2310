/* SPDX-License-Identifier: MIT
 * A ComfyUI API graph, {"id": {"class_type": ..., "inputs": {name: value or ["other id", slot]}}}, with its links
 * resolved.  Every walk is breadth-first or uses an explicit stack, and marks the nodes that it has reached.  So
 * neither cycles nor deep graphs overflow the stack or run for ever. */
#ifndef GP_INGEST_COMFY_GRAPH_H
#define GP_INGEST_COMFY_GRAPH_H

#include "base/json.h"
#include "base/str.h"

enum { GP_GRAPH_MAX_NODES = 1 << 16, GP_GRAPH_MAX_INPUTS = 1 << 17 };

typedef struct gp_comfy_graph_input {
    const char *name;
    const gp_json *value;
    size_t target; /* node that the link leads to, or SIZE_MAX if the input is not a link */
    uint64_t slot; /* output of that node */
    bool data;     /* the name may be that of an image or latent */
    bool second;   /* the name is that of an image put onto the main image */
    bool dead;     /* a link to a node that is not in the file */
    bool carries;  /* a link that may carry the image or latent that the node passes on */
} gp_comfy_graph_input;

/* A switch passes one of its inputs through. */
typedef enum gp_comfy_route {
    GP_ROUTE_ALL,    /* the node is not a switch */
    GP_ROUTE_ONE,    /* the switch passes *input through */
    GP_ROUTE_UNKNOWN /* a switch, but the file does not say which input it passes through */
} gp_comfy_route;

typedef struct gp_comfy_graph_node {
    const char *id, *type, *title; /* borrowed from root; title may be NULL */
    const gp_json *json;           /* the whole node */
    gp_comfy_graph_input *inputs;  /* [input_count], in file order */
    size_t input_count;
    bool consumed; /* some node has a link to it */
    gp_comfy_route route;
    size_t route_input; /* input passed through by GP_ROUTE_ONE */
} gp_comfy_graph_node;

typedef struct gp_comfy_graph {
    gp_json *root;
    gp_comfy_graph_node *nodes; /* [count], in file order */
    size_t count;
    gp_comfy_graph_input *inputs;
    size_t *queue,
        *parent;    /* [count] scratch of the last walk; parent: the node from which the walk reached each node */
    uint32_t *mark; /* [count] == round: reached in the last walk */
    uint32_t round;
} gp_comfy_graph;

/* Parses a graph.  *found is false (and nothing is owned) if the text is not a graph.  Also finds a graph inside
 * {"prompt": ...}.  *fault: why a text that seems to be a graph cannot be read, or NULL. */
gp_status gp_comfy_graph_open(const char *text, size_t size, gp_comfy_graph *out, bool *found, const char **fault,
                              gp_error *err);
void gp_comfy_graph_close(gp_comfy_graph *graph);

/* Returns true if the text contains one of the words, in upper or lower case. */
bool gp_comfy_graph_has_word(const char *text, const char *const *words, size_t count);
#define GP_GRAPH_HAS_WORD(text, words) gp_comfy_graph_has_word(text, words, sizeof(words) / sizeof *(words))

/* Finds an input by name; NULL: the node has no such input. */
const gp_comfy_graph_input *gp_comfy_graph_find(const gp_comfy_graph_node *node, const char *name);
/* Finds the node behind the link input of that name, or SIZE_MAX. */
size_t gp_comfy_graph_follow(const gp_comfy_graph_node *node, const char *name);

/* Finds the nearest node that `wanted` accepts, by a breadth-first walk from `start` against the links that carry
 * images and latents.  `inclusive`: `start` itself may be that node.  SIZE_MAX: no such node.  graph->parent then
 * holds the path back to `start`. */
size_t gp_comfy_graph_nearest(gp_comfy_graph *graph, size_t start, bool inclusive,
                              bool (*wanted)(const gp_comfy_graph_node *node));
/* Walks breadth-first from `start` against the links of the inputs that `follows` accepts.  Returns the number of
 * reached nodes, `start` included; graph->queue lists them. */
size_t gp_comfy_graph_reach(gp_comfy_graph *graph, size_t start, bool (*follows)(const gp_comfy_graph_input *input));
/* Returns true if the name suggests an input for images or latents. */
bool gp_comfy_graph_is_data(const char *name);

/* Finds which input the switch `node` passes through; *input is set for GP_ROUTE_ONE. */
gp_comfy_route gp_comfy_graph_route(const gp_comfy_graph_node *node, size_t *input);
void gp_comfy_graph_find_routes(gp_comfy_graph *graph); /* called once by gp_comfy_graph_open */

/* Finds the input that holds the number of input `name`: that input itself, or an input of the linked node (its
 * `seed`, `value`, ...); NULL: not found. */
const gp_comfy_graph_input *gp_comfy_graph_number_input(const gp_comfy_graph *graph, const gp_comfy_graph_node *node,
                                                        const char *name);
/* Returns the number in that input, or NULL. */
const gp_json *gp_comfy_graph_number(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, const char *name);
/* Returns the value of an input that is not a text: the input's own value, or the value of the single value node
 * that it links to.  NULL: not known. */
const gp_json *gp_comfy_graph_scalar(const gp_comfy_graph *graph, const gp_comfy_graph_input *input);

/* The inputs with the texts that make up a longer text.  A text that is used twice is listed twice. */
enum { GP_GRAPH_MAX_LEAVES = 16 };
typedef struct gp_comfy_graph_leaves {
    const gp_comfy_graph_input *items[GP_GRAPH_MAX_LEAVES];
    size_t count;
    bool more; /* more were found than fit into `items` */
} gp_comfy_graph_leaves;

/* State and result of evaluating a text. */
typedef struct gp_comfy_graph_texts {
    const gp_comfy_graph *graph;
    const gp_json *workflow; /* the editor's graph, or NULL: display nodes store there what they showed */
    const char *role;        /* "positive" or "negative", for nodes that hold both */
    int budget;              /* inputs that may still be evaluated: bounds the time where strings are shared */
    int lookups;             /* lookups in the editor's graph that are still allowed */
    size_t unknown;    /* the node whose text the file does not contain; SIZE_MAX: no such node; the count of nodes or
                          more: a link to a missing node */
    const char *guess; /* why a part of the text may be wrong, or NULL */
    gp_comfy_graph_leaves *leaves; /* receives the inputs; or NULL */
} gp_comfy_graph_texts;
enum { GP_GRAPH_TEXTS_BUDGET = 256, GP_GRAPH_LOOKUPS = 16, GP_GRAPH_MAX_TEXT_INPUTS = 256 };
/* Finds the text of an input, exactly as the graph made it: its own text, or computed from the string nodes it links
 * to. Returns false and sets `unknown` if a node on the way makes a text that the file does not contain. */
bool gp_comfy_graph_text(gp_comfy_graph_texts *texts, const gp_comfy_graph_input *input, int depth, gp_str *out);
/* Finds the text that a node returns at one of its outputs. */
bool gp_comfy_graph_node_text(gp_comfy_graph_texts *texts, size_t node, uint64_t slot, int depth, gp_str *out);
/* Returns true for a usual name of an input with text: text, text_a, string1, prompt_2, value ... */
bool gp_comfy_graph_is_text_name(const char *name);
/* Returns true if the class name shows that the node makes its text when the graph runs (language models, taggers,
 * wildcards). */
bool gp_comfy_graph_makes_text(const gp_comfy_graph_node *node);
/* Returns true if a node of the graph may have stored its text in the editor's graph. */
bool gp_comfy_graph_reads_workflow(const gp_comfy_graph *graph);
/* Returns true if the text contains "{a|b}" or "__name__". */
bool gp_comfy_graph_has_wildcards(const char *text);

#endif
