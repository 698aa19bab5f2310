/* SPDX-License-Identifier: MIT
 * What the parts of the ComfyUI reader share:
 *
 *   comfy_savers.c    which node wrote this file
 *   comfy_makers.c    which sampler made its image from noise
 *   comfy_words.c     what that sampler was told
 *   comfy_settings.c  with which settings
 *   meta_comfy.c      all of it, and what follows where answers differ */
#ifndef GP_INGEST_COMFY_INNER_H
#define GP_INGEST_COMFY_INNER_H

#include "ingest/graph.h"
#include "ingest/meta_inner.h"

typedef struct gp_comfy {
    gp_graph *graph;
    const char *path;        /* of the file, or NULL */
    const gp_json *workflow; /* the editor's graph, or NULL */
    int walks;               /* through the graph that may still be made: hostile graphs must not multiply them */
} gp_comfy;

enum { GP_COMFY_WALKS = 400, GP_COMFY_MAX_SAMPLERS = 16, GP_COMFY_MAX_SAVERS = 32 };

bool gp_comfy_named(const gp_graph_node *node, const char *part); /* does the class name hold the part? */
bool gp_comfy_has_link(const gp_graph_node *node, const char *name);
/* The node that holds the input `wanted` of a sampler: itself, or one behind its links of `way`; NULL if none. */
const gp_graph_node *gp_comfy_holder(const gp_graph *graph, const gp_graph_node *node, const char *wanted,
                                     const char *way);

/* ---- savers */
typedef struct gp_comfy_savers {
    size_t nodes[GP_COMFY_MAX_SAVERS]; /* any of these may have written the file */
    size_t count;
    bool more; /* than there is room for */
} gp_comfy_savers;
void gp_comfy_find_savers(const gp_comfy *comfy, gp_comfy_savers *out);
/* How well a name (with "folder/" before it, "%tokens%" in it) fits the path of a file that was saved by it; 0: it does
 * not.  For tests. */
int gp_comfy_name_fits(const char *prefix, const char *path);

/* ---- makers */
bool gp_comfy_is_sampler(const gp_graph_node *node);
typedef struct gp_comfy_makers {
    size_t nodes[GP_COMFY_MAX_SAMPLERS]; /* samplers that made from noise what the output shows */
    size_t count;
    size_t last;     /* of several: the sampler that what they made comes together in; SIZE_MAX: there is none */
    bool incomplete; /* the walk met a link to a node that is not in the file, a loop, or its limits */
} gp_comfy_makers;
void gp_comfy_find_makers(gp_comfy *comfy, size_t output, gp_comfy_makers *out);
/* Does the sampler work on an image that is there already: one it is given, or a masked part? */
bool gp_comfy_reworks(const gp_graph_node *node);

/* ---- words */
typedef struct gp_comfy_words {
    gp_str text;
    size_t first, nodes; /* the first node that gave text, and how many did */
    bool failed, guess;  /* a text that the file does not hold; one that it holds from an earlier run */
    size_t unknown;      /* the node behind `failed`, where there is one */
} gp_comfy_words;
#define GP_COMFY_WORDS_INIT                                                                                            \
    {                                                                                                                  \
        GP_STR_INIT, SIZE_MAX, 0, false, false, SIZE_MAX                                                               \
    }
/* What the side `role` ("positive", "negative") of a sampler says. */
void gp_comfy_collect(gp_comfy *comfy, size_t sampler, const char *role, gp_comfy_words *words);
/* A graph without samplers: the text of its only encoder that nothing takes as negative. */
void gp_comfy_collect_unsorted(gp_comfy *comfy, gp_comfy_words *words);

/* ---- settings */
/* Of the image that `maker` made and `output` wrote (SIZE_MAX: not known); first: the encoder of its prompt, likewise.
 */
void gp_comfy_put_settings(gp_comfy *comfy, size_t output, size_t maker, size_t first, gp_settings *settings);

#endif
