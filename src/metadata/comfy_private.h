/* SPDX-License-Identifier: MIT
 * Declarations shared by the files of the ComfyUI reader:
 *
 *   comfy_savers.c    which node wrote this file
 *   comfy_makers.c    which sampler made its image from noise
 *   comfy_words.c     the positive and negative prompt of that sampler
 *   comfy_settings.c  the settings of that sampler
 *   comfy_places.c    the inputs that hold all of these, to fill in a graph
 *   meta_comfy.c      the complete reader, and how differing results are combined */
#ifndef GP_METADATA_COMFY_PRIVATE_H
#define GP_METADATA_COMFY_PRIVATE_H

#include "metadata/comfy_places.h"
#include "metadata/comfy_graph.h"
#include "metadata/meta_private.h"

typedef struct gp_comfy {
    gp_comfy_graph *graph;
    const char *path;        /* path of the image file, or NULL */
    const gp_json *workflow; /* the editor's graph, or NULL */
    int walks;               /* remaining walks through the graph; limits the time for hostile graphs */
} gp_comfy;

enum { GP_COMFY_WALKS = 400, GP_COMFY_MAX_SAMPLERS = 16, GP_COMFY_MAX_SAVERS = 32 };

/* returns whether the class name contains `part` */
bool gp_comfy_named(const gp_comfy_graph_node *node, const char *part);
bool gp_comfy_has_link(const gp_comfy_graph_node *node, const char *name);
/* Finds the node that has the input `wanted`: `node` itself, or a node that the links named `way` lead to. Returns NULL
 * if no such node is found. */
const gp_comfy_graph_node *gp_comfy_holder(const gp_comfy_graph *graph, const gp_comfy_graph_node *node,
                                           const char *wanted, const char *way);

/* ------------------------------------------------------------------ savers */
typedef struct gp_comfy_savers {
    size_t nodes[GP_COMFY_MAX_SAVERS]; /* the nodes that may have written the file */
    size_t count;
    bool more; /* there are more savers than fit into `nodes` */
} gp_comfy_savers;
gp_status gp_comfy_find_savers(const gp_comfy *comfy, gp_comfy_savers *out, gp_error *err);

/* ------------------------------------------------------------------ makers */
bool gp_comfy_is_sampler(const gp_comfy_graph_node *node);
typedef struct gp_comfy_makers {
    size_t nodes[GP_COMFY_MAX_SAMPLERS]; /* samplers that made the output's image, or parts of it, from noise */
    size_t count;
    size_t last; /* the sampler that combines the results of several makers; SIZE_MAX if there is none */
    size_t strong[GP_COMFY_MAX_SAMPLERS]; /* later passes that may have replaced the whole image */
    size_t strong_count;
    bool incomplete; /* the walk met a link to a missing node, a cycle, or its own limits */
} gp_comfy_makers;
void gp_comfy_find_makers(gp_comfy *comfy, size_t output, gp_comfy_makers *out);
/* Returns true if the sampler works on an existing image: an input image, or a masked part. */
bool gp_comfy_reworks(const gp_comfy_graph_node *node);

/* ------------------------------------------------------------------ texts of a sampler */
/* A node that contributed to a prompt, and the inputs whose texts it combined. */
typedef struct gp_comfy_site {
    size_t node;
    gp_comfy_graph_leaves leaves;
} gp_comfy_site;
enum { GP_COMFY_MAX_SITES = 16 };
typedef struct gp_comfy_sites {
    gp_comfy_site items[GP_COMFY_MAX_SITES];
    size_t count;
    bool more; /* more were found than fit into `items` */
} gp_comfy_sites;

typedef struct gp_comfy_words {
    gp_str text;
    size_t first, nodes;   /* the first node that contributed text, and the number of such nodes */
    bool failed;           /* a text could not be determined from the graph */
    bool empty;            /* a text is empty */
    const char *guess;     /* why a text may be wrong, or NULL */
    size_t unknown;        /* the first node whose text could not be determined, or SIZE_MAX */
    gp_comfy_sites *sites; /* receives the inputs whose texts were used; may be NULL */
} gp_comfy_words;
#define GP_COMFY_WORDS_INIT                                                                                            \
    {                                                                                                                  \
        GP_STR_INIT, SIZE_MAX, 0, false, false, NULL, SIZE_MAX, NULL                                                   \
    }
/* Collects the positive or negative texts of a sampler. role: "positive" or "negative". */
void gp_comfy_collect(gp_comfy *comfy, size_t sampler, const char *role, gp_comfy_words *words);
/* For a graph without samplers: collects the text of the encoder that is not for the negative prompt, as the links to
 * its output and its title show. If there are several such encoders, the prompt is unknown. */
void gp_comfy_collect_unsorted(gp_comfy *comfy, gp_comfy_words *words);

/* ------------------------------------------------------------------ settings */
/* A setting of a sampler: input `wanted` of the sampler, or of a node reached through its links named `way`. */
typedef struct gp_comfy_setting {
    const char *key, *wanted, *way;
    bool number;
    gp_place_kind kind;
} gp_comfy_setting;
enum { GP_COMFY_SETTINGS = 7 };
extern const gp_comfy_setting gp_comfy_setting_table[GP_COMFY_SETTINGS];
/* Names of inputs that hold a model's name; NULL at the end. */
extern const char *const gp_comfy_model_names[];
/* Writes the nodes on the path of a sampler's model to graph->queue, nearest first, and returns their number. */
size_t gp_comfy_model_nodes(gp_comfy_graph *graph, size_t sampler);
/* Finds the nearest node that determines the width and height of a sampler's image, or SIZE_MAX. */
size_t gp_comfy_size_node(gp_comfy_graph *graph, size_t sampler);
/* Writes the settings of an image. `maker`: the sampler that made the image from noise; `output`: the node that saved
 * the image; `first`: the encoder of its prompt. `output`, `maker` and `first` may be SIZE_MAX: unknown. */
void gp_comfy_put_settings(gp_comfy *comfy, size_t output, size_t maker, size_t first, gp_settings *settings);

#endif
