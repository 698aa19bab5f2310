/* SPDX-License-Identifier: MIT
 * Finds the sampler that made an image from noise.
 *
 * Links that carry images and latents lead from the output back to samplers. A sampler is the maker if it starts from
 * noise alone (denoise 1, from step 0, noise added, no mask), whatever its inputs are. Other samplers rework an image:
 * a second pass, a detailer, an upscaler with tiles. Such a sampler is skipped if its input leads back to another
 * sampler, because its prompt may describe only a face, or be empty. If its input leads to no other sampler, it is the
 * maker (image to image). */
#include "metadata/comfy_private.h"
#include <string.h>
#include <strings.h>

enum { MAX_STEPS = 64, MAX_DEPTH = 16 };

bool gp_comfy_named(const gp_comfy_graph_node *node, const char *part)
{
    return strcasestr(node->type, part) != NULL;
}

bool gp_comfy_has_link(const gp_comfy_graph_node *node, const char *name)
{
    return gp_comfy_graph_follow(node, name) != SIZE_MAX;
}

const gp_comfy_graph_node *gp_comfy_holder(const gp_comfy_graph *g, const gp_comfy_graph_node *node, const char *wanted,
                                           const char *way)
{
    for (int i = 0; i < MAX_STEPS; i++) {
        size_t only;
        if (gp_comfy_graph_find(node, wanted)) return node;
        size_t next = gp_comfy_graph_follow(node, way);
        gp_comfy_route route = gp_comfy_graph_route(node, &only);
        if (next == SIZE_MAX && route == GP_ROUTE_ONE) next = node->inputs[only].target;
        if (next == SIZE_MAX) return NULL;
        node = &g->nodes[next];
    }
    return NULL;
}

/* ------------------------------------------------------------------ samplers */

static bool is_image_name(const char *name)
{
    static const char *const words[] = {"image", "pixel", "segs", "frame"};
    return GP_GRAPH_HAS_WORD(name, words);
}

static bool is_latent_name(const char *name)
{
    return strcasestr(name, "latent") || strcasestr(name, "sample");
}

/* Returns true if the node has an input that sampling can start from: a latent, an image, a pipe that may hold either,
 * or a size. */
static bool has_canvas(const gp_comfy_graph_node *node)
{
    if (gp_comfy_graph_find(node, "width") || gp_comfy_graph_find(node, "empty_latent_width")) return true;
    for (size_t i = 0; i < node->input_count; i++) {
        const char *name = node->inputs[i].name;
        if (node->inputs[i].target == SIZE_MAX && !node->inputs[i].dead) continue;
        if (is_latent_name(name) || is_image_name(name) || strcasestr(name, "pipe") || strcasestr(name, "ctx") ||
            strcasestr(name, "context"))
            return true;
    }
    return false;
}

bool gp_comfy_is_sampler(const gp_comfy_graph_node *node)
{
    static const char *const usual[] = {"seed",  "noise_seed",   "steps",   "cfg",   "sampler_name", "scheduler",
                                        "model", "latent_image", "denoise", "noise", "sampler",      "sigmas"};
    int count = 0;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) count += gp_comfy_graph_find(node, usual[i]) != NULL;
    if (count < 3) return false;
    bool has_prompt = gp_comfy_has_link(node, "positive") || gp_comfy_has_link(node, "guider");
    return (has_prompt || count >= 5) &&
           /* a sampler has an input that sampling can start from; other nodes only prepare a sampler */
           has_canvas(node);
}

bool gp_comfy_reworks(const gp_comfy_graph_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if (input->target != SIZE_MAX && input->data && is_image_name(input->name) && !is_latent_name(input->name))
            return true;
    }
    return false;
}

static bool has_mask(const gp_comfy_graph_node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].target != SIZE_MAX && strcasestr(node->inputs[i].name, "mask")) return true;
    return false;
}

/* Returns true if the number in the sampler's input `name` equals `wanted`. A missing input counts as equal, an unknown
 * number as different. */
static bool number_is(const gp_comfy_graph *g, const gp_comfy_graph_node *node, const char *name, double wanted)
{
    double value;
    if (!node || !gp_comfy_graph_find(node, name)) return true;
    return gp_json_real(gp_comfy_graph_number(g, node, name), &value) && value == wanted;
}

/* Returns true if the sampler uses the later part of a split list of sigmas. */
static bool is_later_part(const gp_comfy_graph *g, const gp_comfy_graph_node *node)
{
    for (int i = 0; i < MAX_STEPS; i++) {
        const gp_comfy_graph_input *input = gp_comfy_graph_find(node, "sigmas");
        if (!input || input->target == SIZE_MAX) return false;
        node = &g->nodes[input->target];
        if (gp_comfy_named(node, "split") && input->slot > 0) return true;
    }
    return false;
}

/* Returns true if the sampler starts from noise alone. */
static bool starts_from_noise(const gp_comfy_graph *g, const gp_comfy_graph_node *node)
{
    const gp_comfy_graph_input *noise = gp_comfy_graph_find(node, "add_noise");
    const char *adds = noise ? gp_json_text(noise->value, NULL) : NULL;
    size_t source = gp_comfy_graph_follow(node, "noise");
    if (gp_comfy_reworks(node) || is_later_part(g, node)) return false;
    if (noise && (adds ? strcasecmp(adds, "disable") == 0 : !gp_json_bool(noise->value, true))) return false;
    if (source != SIZE_MAX && gp_comfy_named(&g->nodes[source], "disable")) return false;
    return number_is(g, gp_comfy_holder(g, node, "denoise", "sigmas"), "denoise", 1) &&
           number_is(g, node, "start_at_step", 0) && number_is(g, node, "start_step", 0);
}

/* Returns true if the number in the sampler's input `name` is at least `min`, or unknown. */
static bool may_reach(const gp_comfy_graph *g, const gp_comfy_graph_node *node, const char *name, double min)
{
    double value;
    if (!node || !gp_comfy_graph_find(node, name)) return false;
    return !gp_json_real(gp_comfy_graph_number(g, node, name), &value) || value >= min;
}

/* Returns true if this later pass may replace most of the image that it reworks. */
static bool is_strong(const gp_comfy_graph *g, const gp_comfy_graph_node *node)
{
    if (gp_comfy_reworks(node) || is_later_part(g, node)) return false;
    const gp_comfy_graph_input *start = gp_comfy_graph_find(node, "start_at_step");
    double step;
    if (start) return !gp_json_real(gp_comfy_graph_number(g, node, "start_at_step"), &step);
    return may_reach(g, gp_comfy_holder(g, node, "denoise", "sigmas"), "denoise", 0.9);
}

/* ------------------------------------------------------------------ the walk */

typedef struct nearest {
    size_t nodes[GP_COMFY_MAX_SAMPLERS];
    size_t count;
    bool masked; /* a node between the start and the samplers has a mask */
} nearest;

/* Follows links back from the start up to the nearest sampler on each path, and lists these samplers. */
static void find_nearest(gp_comfy *c, size_t start, bool inclusive, nearest *out, bool *incomplete)
{
    gp_comfy_graph *g = c->graph;
    size_t head = 0, tail = 0;
    *out = (nearest){.count = 0};
    if (c->walks-- <= 0) {
        *incomplete = true;
        return;
    }
    g->round++;
    g->mark[start] = g->round;
    g->queue[tail++] = start;
    while (head < tail) {
        size_t at = g->queue[head++];
        const gp_comfy_graph_node *node = &g->nodes[at];
        if ((at != start || inclusive) && gp_comfy_is_sampler(node)) {
            if (out->count < GP_COMFY_MAX_SAMPLERS)
                out->nodes[out->count++] = at;
            else
                *incomplete = true;
            continue;
        }
        out->masked |= has_mask(node);
        if (node->route == GP_ROUTE_UNKNOWN) *incomplete = true;
        for (size_t i = 0; i < node->input_count; i++) {
            const gp_comfy_graph_input *input = &node->inputs[i];
            *incomplete |= input->dead && input->data;
            if (!input->carries || g->mark[input->target] == g->round) continue;
            g->mark[input->target] = g->round;
            g->queue[tail++] = input->target;
        }
    }
}

typedef struct visit {
    gp_comfy *comfy;
    gp_comfy_makers *out;
    size_t seen[2 * GP_COMFY_MAX_SAMPLERS];
    size_t seen_count;
} visit;

static bool is_seen(const visit *v, size_t sampler)
{
    for (size_t i = 0; i < v->seen_count; i++)
        if (v->seen[i] == sampler) return true;
    return false;
}

static void add_maker(visit *v, size_t sampler)
{
    if (v->out->count == GP_COMFY_MAX_SAMPLERS)
        v->out->incomplete = true;
    else
        v->out->nodes[v->out->count++] = sampler;
}

/* Follows the links back from a sampler, and lists the samplers that made the image from noise. MAX_DEPTH and the size
 * of v->seen limit the recursion. */
static void visit_sampler(visit *v, size_t sampler, int depth)
{
    nearest before;
    if (is_seen(v, sampler)) return;
    if (depth == MAX_DEPTH || v->seen_count == sizeof v->seen / sizeof *v->seen) {
        v->out->incomplete = true;
        return;
    }
    v->seen[v->seen_count++] = sampler;
    find_nearest(v->comfy, sampler, false, &before, &v->out->incomplete);
    bool from_noise = starts_from_noise(v->comfy->graph, &v->comfy->graph->nodes[sampler]) && !before.masked;
    if (from_noise || before.count == 0) {
        add_maker(v, sampler);
        return;
    }
    if (!before.masked && is_strong(v->comfy->graph, &v->comfy->graph->nodes[sampler])) {
        if (v->out->strong_count < GP_COMFY_MAX_SAMPLERS)
            v->out->strong[v->out->strong_count++] = sampler;
        else
            v->out->incomplete = true;
    }
    for (size_t i = 0; i < before.count; i++) visit_sampler(v, before.nodes[i], depth + 1);
}

void gp_comfy_find_makers(gp_comfy *comfy, size_t output, gp_comfy_makers *out)
{
    nearest last;
    *out = (gp_comfy_makers){.last = SIZE_MAX};
    visit v = {.comfy = comfy, .out = out};
    find_nearest(comfy, output, true, &last, &out->incomplete);
    for (size_t i = 0; i < last.count; i++) visit_sampler(&v, last.nodes[i], 0);
    for (int i = 0; i < MAX_DEPTH && out->count > 1 && last.count == 1; i++) {
        out->last = last.nodes[0];
        find_nearest(comfy, out->last, false, &last, &out->incomplete);
    }
    if (last.count && !out->count) out->incomplete = true; /* the later passes form a cycle */
}
