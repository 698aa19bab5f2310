/* SPDX-License-Identifier: MIT
 * Finds the inputs of a ComfyUI graph that hold its prompt, seed, size and settings, so that a graph can be filled in.
 * The code that reads prompts from files (comfy_private.h) uses the same rules, so it finds the values written here. */
#ifndef GP_METADATA_COMFY_PLACES_H
#define GP_METADATA_COMFY_PLACES_H

#include "metadata/comfy_graph.h"

typedef enum gp_place_kind {
    GP_PLACE_PROMPT,
    GP_PLACE_NEGATIVE,
    GP_PLACE_SEED,
    GP_PLACE_WIDTH,
    GP_PLACE_HEIGHT,
    GP_PLACE_STEPS,
    GP_PLACE_CFG,
    GP_PLACE_SAMPLER,
    GP_PLACE_SCHEDULER,
    GP_PLACE_MODEL,
    GP_PLACE_REFINER,
    GP_PLACE_KINDS
} gp_place_kind;

/* A place is an input of the graph into which a value of this kind can be written. If the input is a link, the value
 * replaces the link. */
typedef struct gp_place {
    gp_place_kind kind;
    const gp_comfy_graph_input *input;
} gp_place;

enum { GP_MAX_PLACES = 128 };
typedef struct gp_places {
    gp_place items[GP_MAX_PLACES];
    size_t count;
    const gp_comfy_graph_input *kept[GP_MAX_PLACES]; /* texts of later passes that are not replaced */
    size_t kept_count;
    bool unclear[GP_PLACE_KINDS]; /* not all places of this kind were found: several inputs are possible, or a node on
                                     the path is unknown */
} gp_places;
/* Finds the places of the samplers that made or reworked the images of the graph's savers (nodes that save an image).
 * Errors: MEMORY. */
gp_status gp_comfy_find_places(gp_comfy_graph *graph, gp_places *out, gp_error *err);
/* Returns the node that has the input. */
size_t gp_comfy_node_of(const gp_comfy_graph *graph, const gp_comfy_graph_input *input);

#endif
