/* SPDX-License-Identifier: MIT
 * A ComfyUI API graph, {"id": {"class_type": ..., "inputs": {name: value or ["other id", slot]}}}, with its links
 * resolved. Every walk is breadth-first or uses an explicit stack, and marks the nodes that it has reached. So cycles
 * cannot cause endless loops, and deep graphs cannot overflow the stack. */
#ifndef GP_METADATA_COMFY_GRAPH_H
#define GP_METADATA_COMFY_GRAPH_H

#include "base/json.h"
#include "base/str.h"

enum { GP_GRAPH_MAX_NODES = 1 << 16, GP_GRAPH_MAX_INPUTS = 1 << 17 };

typedef struct gp_comfy_graph_input {
    const char *name;
    const gp_json *value;
    size_t target; /* node that the link leads to, or SIZE_MAX if the input is not a link */
    uint64_t slot; /* output of that node */
    bool data;     /* the input's name suggests an image or a latent */
    bool second;   /* the input's name suggests a second image, which is pasted onto the main image */
    bool dead;     /* a link to a node that is not in the file */
    bool carries;  /* a link that may carry the image or latent that the node passes on */
} gp_comfy_graph_input;

/* How a node selects among its inputs. A switch passes one of its inputs through. */
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
    bool consumed; /* another node has a link to this node */
    gp_comfy_route route;
    size_t route_input; /* input passed through by GP_ROUTE_ONE */
} gp_comfy_graph_node;

typedef struct gp_comfy_graph {
    gp_json *root;
    gp_comfy_graph_node *nodes; /* [count], in file order */
    size_t count;
    gp_comfy_graph_input *inputs;
    size_t *queue,
        *parent;    /* [count] memory of the last walk; parent: the node from which the walk reached each node */
    uint32_t *mark; /* [count] equal to `round` if the last walk reached the node */
    uint32_t round;
} gp_comfy_graph;

/* Parses a graph. Also finds a graph inside {"prompt": ...}. If the text is not a graph, *found is false and *out owns
 * nothing. *fault: why a text that seems to be a graph cannot be read, or NULL. */
gp_status gp_comfy_graph_open(const char *text, size_t size, gp_comfy_graph *out, bool *found, const char **fault,
                              gp_error *err);
void gp_comfy_graph_close(gp_comfy_graph *graph);

/* Returns true if the text contains one of the words, in upper or lower case. */
bool gp_comfy_graph_has_word(const char *text, const char *const *words, size_t count);
#define GP_GRAPH_HAS_WORD(text, words) gp_comfy_graph_has_word(text, words, sizeof(words) / sizeof *(words))

/* Finds an input by name. Returns NULL if the node has no such input. */
const gp_comfy_graph_input *gp_comfy_graph_find(const gp_comfy_graph_node *node, const char *name);
/* Returns the node that the input of that name links to, or SIZE_MAX. */
size_t gp_comfy_graph_follow(const gp_comfy_graph_node *node, const char *name);

/* Finds the nearest node that `wanted` accepts, by a breadth-first walk from `start` backwards along the links that
 * carry images and latents. `inclusive`: the result may be `start` itself. Returns SIZE_MAX if `wanted` accepts none of
 * the nodes. After the call, graph->parent leads from the found node back to `start`. */
size_t gp_comfy_graph_nearest(gp_comfy_graph *graph, size_t start, bool inclusive,
                              bool (*wanted)(const gp_comfy_graph_node *node));
/* Walks breadth-first from `start` backwards along the links of the inputs that `follows` accepts. Returns the number
 * of nodes reached, including `start`; graph->queue lists them. */
size_t gp_comfy_graph_reach(gp_comfy_graph *graph, size_t start, bool (*follows)(const gp_comfy_graph_input *input));
/* Returns true if the name suggests an input for images or latents. */
bool gp_comfy_graph_is_data(const char *name);

/* Returns how the node selects its input. Sets *input for GP_ROUTE_ONE. */
gp_comfy_route gp_comfy_graph_route(const gp_comfy_graph_node *node, size_t *input);
void gp_comfy_graph_find_routes(gp_comfy_graph *graph); /* called once by gp_comfy_graph_open */

/* Finds the input that contains the number for the input `name`. This is the input `name` itself or, if it is a link,
 * an input of the linked node (`seed`, `value`, ...). Returns NULL if no such input is found. */
const gp_comfy_graph_input *gp_comfy_graph_number_input(const gp_comfy_graph *graph, const gp_comfy_graph_node *node,
                                                        const char *name);
/* Returns the number in the input that gp_comfy_graph_number_input finds, or NULL. */
const gp_json *gp_comfy_graph_number(const gp_comfy_graph *graph, const gp_comfy_graph_node *node, const char *name);
/* Returns the value of an input that is not a text. If the input is a link, returns the value of the linked value node.
 * Returns NULL if the value is unknown. */
const gp_json *gp_comfy_graph_scalar(const gp_comfy_graph *graph, const gp_comfy_graph_input *input);

/* The inputs whose texts were combined to a longer text. A text that is used twice is listed twice. */
enum { GP_GRAPH_MAX_LEAVES = 16 };
typedef struct gp_comfy_graph_leaves {
    const gp_comfy_graph_input *items[GP_GRAPH_MAX_LEAVES];
    size_t count;
    bool more; /* more were found than fit into `items` */
} gp_comfy_graph_leaves;

/* State and result of evaluating a text. */
typedef struct gp_comfy_graph_texts {
    const gp_comfy_graph *graph;
    const gp_json *workflow; /* the editor's graph, in which display nodes store the text they showed; or NULL */
    const char *role;        /* "positive" or "negative", for nodes that hold both */
    /* number of inputs that may still be evaluated; limits the time if many inputs link to the same nodes */
    int budget;
    int lookups;       /* remaining lookups in the editor's graph */
    size_t unknown;    /* the first node whose text is not in the file; SIZE_MAX: none; `graph->count` or more: a link
                          to a missing node */
    const char *guess; /* why a part of the text may be wrong, or NULL */
    gp_comfy_graph_leaves *leaves; /* receives the inputs whose texts were used; may be NULL */
} gp_comfy_graph_texts;
enum { GP_GRAPH_TEXTS_BUDGET = 256, GP_GRAPH_LOOKUPS = 16, GP_GRAPH_MAX_TEXT_INPUTS = 256 };
/* Finds the text of an input exactly as the graph produced it: its own text, or the result of the string nodes it links
 * to. Returns false and sets `unknown` if a node on the way produces a text that is not in the file. */
bool gp_comfy_graph_text(gp_comfy_graph_texts *texts, const gp_comfy_graph_input *input, int depth, gp_str *out);
/* Finds the text that a node returns at one of its outputs. */
bool gp_comfy_graph_node_text(gp_comfy_graph_texts *texts, size_t node, uint64_t slot, int depth, gp_str *out);
/* Returns true for a usual name of an input with text: text, text_a, string1, prompt_2, value ... */
bool gp_comfy_graph_is_text_name(const char *name);
/* Returns true if the class name shows that the node produces its text when the graph runs (language models, taggers,
 * wildcards). */
bool gp_comfy_graph_makes_text(const gp_comfy_graph_node *node);
/* Returns true if a node of the graph may have stored its text in the editor's graph. */
bool gp_comfy_graph_reads_workflow(const gp_comfy_graph *graph);
/* Returns true if the text contains "{a|b}" or "__name__". */
bool gp_comfy_graph_has_wildcards(const char *text);

#endif
