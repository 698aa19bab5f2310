/* SPDX-License-Identifier: MIT
 * Finds the inputs of a graph that can be filled in. It goes from the savers back to all samplers, and from each
 * sampler to the inputs that hold its texts, numbers and names.
 *
 * The prompt is written to samplers that make the image from noise, and to passes that continue from a latent (a
 * refiner). A pass that reworks an image (a detailer) keeps its text, because that text may describe only a face.
 *
 * If an input gets its number through a link, the number is written to the node where the link begins, provided that
 * this node feeds only inputs of the same name. Otherwise the number replaces the link. */
#include "metadata/comfy_private.h"
#include "metadata/comfy_graph_private.h"
#include <string.h>
#include <strings.h>

enum { MAX_ALL = 32 };

typedef struct placing {
    gp_comfy comfy;
    gp_comfy_graph *g;
    gp_places *out;
    size_t samplers[MAX_ALL]; /* samplers, in the order in which the walk from the savers found them */
    bool made[MAX_ALL];       /* true: the sampler made an image from noise */
    size_t count;
} placing;

size_t gp_comfy_node_of(const gp_comfy_graph *g, const gp_comfy_graph_input *input)
{
    size_t low = 0, high = g->count;
    while (high - low > 1) { /* inputs are stored in the order of their nodes */
        size_t middle = low + (high - low) / 2;
        if (g->nodes[middle].inputs <= input)
            low = middle;
        else
            high = middle;
    }
    while (low && !g->nodes[low].input_count) low--; /* a node without inputs shares its pointer with the next node */
    return low;
}

static const gp_place *place_at(const gp_places *p, const gp_comfy_graph_input *input)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].input == input) return &p->items[i];
    return NULL;
}

static void add(gp_places *p, gp_place_kind kind, const gp_comfy_graph_input *input)
{
    if (place_at(p, input)) return;
    if (p->count == GP_MAX_PLACES)
        p->unclear[kind] = true;
    else
        p->items[p->count++] = (gp_place){kind, input};
}

/* ------------------------------------------------------------------ samplers */

static void add_sampler(placing *p, size_t sampler, bool made)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->samplers[i] != sampler) continue;
        p->made[i] |= made;
        return;
    }
    if (p->count == MAX_ALL) {
        p->out->unclear[GP_PLACE_PROMPT] = p->out->unclear[GP_PLACE_SEED] = true;
        return;
    }
    p->samplers[p->count] = sampler, p->made[p->count++] = made;
}

static bool carries_data(const gp_comfy_graph_input *input)
{
    return input->carries;
}

/* Follows the links for images and latents back from `output`, and adds all samplers on these paths. If a sampler
 * reworks the image of another sampler, both are added. */
static void add_behind(placing *p, size_t output)
{
    size_t count = gp_comfy_graph_reach(p->g, output, carries_data);
    for (size_t i = 0; i < count; i++)
        if (gp_comfy_is_sampler(&p->g->nodes[p->g->queue[i]])) add_sampler(p, p->g->queue[i], false);
}

static gp_status find_samplers(placing *p, gp_error *err)
{
    gp_comfy_savers savers;
    gp_comfy_makers makers;
    GP_TRY(gp_comfy_find_savers(&p->comfy, &savers, err));
    for (size_t i = 0; i < savers.count; i++) {
        add_behind(p, savers.nodes[i]);
        gp_comfy_find_makers(&p->comfy, savers.nodes[i], &makers);
        for (size_t k = 0; k < makers.count; k++) add_sampler(p, makers.nodes[k], true);
    }
    for (size_t i = 0; i < p->g->count && !p->count; i++) /* no path from a saver to a sampler is known: use all
                                                             samplers */
        if (gp_comfy_is_sampler(&p->g->nodes[i])) add_sampler(p, i, true);
    return GP_OK;
}

/* ------------------------------------------------------------------ texts */

static const char *text_of(const gp_comfy_graph_input *input)
{
    const char *text = gp_json_text(input->value, NULL);
    return text ? text : "";
}

/* Returns true if the input's name or its node's title indicates a text of this role (positive or negative). */
static bool is_named(const placing *p, const gp_comfy_graph_input *input, const char *role)
{
    static const char *const others[] = {"negative", "style", "quality", "prefix", "suffix", "trigger"};
    const gp_comfy_graph_node *node = &p->g->nodes[gp_comfy_node_of(p->g, input)];
    const char *title = node->title && strcmp(node->title, node->type) != 0 ? node->title : "";
    bool says = strcasestr(title, role) || strcasestr(title, "prompt") || strcasestr(input->name, role);
    if (role[0] == 'n') return strcasestr(title, role) || strcasestr(input->name, role);
    return says && !GP_GRAPH_HAS_WORD(title, others) && !GP_GRAPH_HAS_WORD(input->name, others);
}

static bool is_box(const placing *p, const gp_comfy_graph_input *input, const char *role)
{
    (void)role;
    return gp_comfy_graph_is_text_box(&p->g->nodes[gp_comfy_node_of(p->g, input)]);
}

static bool has_text(const placing *p, const gp_comfy_graph_input *input, const char *role)
{
    (void)p, (void)role;
    return *text_of(input) != 0;
}

/* Removes the inputs for which `wanted` returns false. Removes none if `wanted` returns false for all. */
static void keep(const placing *p, gp_comfy_graph_leaves *leaves, const char *role,
                 bool (*wanted)(const placing *p, const gp_comfy_graph_input *input, const char *role))
{
    size_t kept = 0;
    for (size_t i = 0; i < leaves->count; i++) kept += wanted(p, leaves->items[i], role);
    if (!kept || kept == leaves->count) return;
    kept = 0;
    for (size_t i = 0; i < leaves->count; i++)
        if (wanted(p, leaves->items[i], role)) leaves->items[kept++] = leaves->items[i];
    leaves->count = kept;
}

/* Finds the single input of a site that holds the prompt. Among the parts of a combined text, prefers parts whose name
 * or title indicates the role, then parts in text boxes, then parts that are not empty. Returns NULL if several
 * remain. */
static const gp_comfy_graph_input *only_leaf(const placing *p, const gp_comfy_site *site, const char *role)
{
    gp_comfy_graph_leaves leaves = {.count = 0};
    if (site->leaves.more) return NULL;
    for (size_t i = 0; i < site->leaves.count; i++) {
        const gp_comfy_graph_input *input = site->leaves.items[i];
        gp_text_part part = gp_comfy_graph_part_of(input->name);
        bool seen = part == GP_PART_FIND || part == GP_PART_REPLACE;
        for (size_t k = 0; k < leaves.count; k++) seen |= leaves.items[k] == input;
        if (!seen) leaves.items[leaves.count++] = input;
    }
    if (leaves.count > 1) keep(p, &leaves, role, is_named);
    if (leaves.count > 1) keep(p, &leaves, role, is_box);
    if (leaves.count > 1) keep(p, &leaves, role, has_text);
    return leaves.count == 1 ? leaves.items[0] : NULL;
}

typedef struct texts {
    const gp_comfy_graph_input *leaves[GP_COMFY_MAX_SITES];
    size_t count;
    bool unclear;
} texts;

/* Finds the inputs that contain the positive or negative texts of a sampler. */
static gp_status find_texts(placing *p, size_t sampler, const char *role, texts *out, gp_error *err)
{
    gp_comfy_sites sites = {.count = 0};
    gp_comfy_words words = GP_COMFY_WORDS_INIT;
    words.sites = &sites;
    *out = (texts){.count = 0};
    gp_comfy_collect(&p->comfy, sampler, role, &words);
    bool failed = words.text.failed;
    gp_str_clear(&words.text);
    if (failed) return gp_fail_memory(err, "a graph");
    out->unclear = words.failed || sites.more;
    for (size_t i = 0; i < sites.count && !out->unclear; i++) {
        const gp_comfy_graph_input *leaf = only_leaf(p, &sites.items[i], role);
        out->leaves[out->count++] = leaf;
        /* with several encoders, the prompt is clear only if all have the same text */
        bool other = leaf && sites.items[0].node != sites.items[i].node && leaf != out->leaves[0];
        out->unclear |= !leaf || (other && strcmp(text_of(leaf), text_of(out->leaves[0])) != 0);
    }
    return GP_OK;
}

/* Returns true if a place of this kind has the same text. */
static bool is_same_text(const gp_places *p, gp_place_kind kind, const gp_comfy_graph_input *input)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].kind == kind && strcmp(text_of(p->items[i].input), text_of(input)) == 0) return true;
    return false;
}

static void keep_text(gp_places *p, const gp_comfy_graph_input *input)
{
    for (size_t i = 0; i < p->kept_count; i++)
        if (p->kept[i] == input) return;
    if (p->kept_count < GP_MAX_PLACES && input && *text_of(input)) p->kept[p->kept_count++] = input;
}

/* Returns true if the texts differ from the texts of the places found so far. In that case the graph may make several
 * images, each with another prompt. */
static bool differs(const gp_places *p, gp_place_kind kind, const texts *t)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++) any |= p->items[i].kind == kind;
    for (size_t i = 0; any && i < t->count; i++)
        if (!is_same_text(p, kind, t->leaves[i])) return true;
    return false;
}

/* Returns true if the sampler only reworks an image that another sampler made. */
static bool reworks_only(const placing *p, size_t at)
{
    return !p->made[at] && gp_comfy_reworks(&p->g->nodes[p->samplers[at]]);
}

static gp_status place_texts(placing *p, size_t at, gp_place_kind kind, const char *role, gp_error *err)
{
    texts t;
    bool reworks = reworks_only(p, at);
    GP_TRY(find_texts(p, p->samplers[at], role, &t, err));
    if (p->made[at] && kind == GP_PLACE_PROMPT && (t.unclear || differs(p->out, kind, &t)))
        p->out->unclear[kind] = true;
    else if (t.unclear)
        p->out->unclear[kind] |= !reworks;
    for (size_t i = 0; i < t.count && !t.unclear; i++) {
        if (reworks && !is_same_text(p->out, kind, t.leaves[i]) && kind == GP_PLACE_PROMPT)
            keep_text(p->out, t.leaves[i]);
        else if (!reworks || is_same_text(p->out, kind, t.leaves[i]))
            add(p->out, kind, t.leaves[i]);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ numbers and names */

/* Returns true if every input that links to the node of `leaf` has the word in its name. */
static bool feeds_only(const gp_comfy_graph *g, const gp_comfy_graph_input *leaf, const char *word)
{
    size_t node = gp_comfy_node_of(g, leaf);
    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k].target == node && !strcasestr(g->nodes[i].inputs[k].name, word)) return false;
    return true;
}

/* Follows the link of the input `direct`, and returns the input that contains its text. Returns NULL if the text comes
 * from several inputs or is unknown. */
static const gp_comfy_graph_input *string_leaf(const gp_comfy_graph *g, const gp_comfy_graph_input *direct)
{
    gp_comfy_graph_leaves leaves = {.count = 0};
    gp_comfy_graph_texts t = {g, NULL, "positive", GP_GRAPH_TEXTS_BUDGET, 0, SIZE_MAX, NULL, &leaves};
    gp_str text = GP_STR_INIT;
    bool known = gp_comfy_graph_text(&t, direct, 0, &text);
    gp_str_clear(&text);
    return known && leaves.count == 1 ? leaves.items[0] : NULL;
}

static void place(placing *p, gp_place_kind kind, const gp_comfy_graph_node *node, const char *name, bool number)
{
    static const char *const words[GP_PLACE_KINDS] = {
        "", "", "seed", "width", "height", "step", "cfg", "sampler_name", "scheduler", "name", "name"};
    const gp_comfy_graph_input *direct = gp_comfy_graph_find(node, name), *leaf;
    if (!direct) return;
    leaf = number ? gp_comfy_graph_number_input(p->g, node, name) : string_leaf(p->g, direct);
    const gp_place *taken = leaf ? place_at(p->out, leaf) : NULL;
    if (!leaf || (leaf != direct && !feeds_only(p->g, leaf, words[kind])) || (taken && taken->kind != kind))
        leaf = direct;
    add(p->out, kind, leaf);
}

static void place_settings(placing *p, size_t at)
{
    const gp_comfy_graph *g = p->g;
    const gp_comfy_graph_node *sampler = &g->nodes[p->samplers[at]];
    bool reworks = reworks_only(p, at);
    place(p, GP_PLACE_SEED, sampler, "seed", true);
    for (size_t i = 0; i < GP_COMFY_SETTINGS; i++) {
        const gp_comfy_setting *s = &gp_comfy_setting_table[i];
        const gp_comfy_graph_node *holder = gp_comfy_holder(g, sampler, s->wanted, s->way);
        if (holder && (!reworks || s->kind == GP_PLACE_SEED)) place(p, s->kind, holder, s->wanted, s->number);
    }
}

/* Records the inputs `width` and `height` of the nearest node with a size, found by following the links back from the
 * sampler.  Records nothing if an image or latent enters that node, because such a node scales an image. */
static void place_size(placing *p, size_t sampler)
{
    size_t at = gp_comfy_size_node(p->g, sampler);
    if (at == SIZE_MAX) return;
    static const char *const words[] = {"image", "latent", "sample", "pixel"};
    const gp_comfy_graph_node *node = &p->g->nodes[at];
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].carries && GP_GRAPH_HAS_WORD(node->inputs[i].name, words)) return;
    place(p, GP_PLACE_WIDTH, node, "width", true);
    place(p, GP_PLACE_HEIGHT, node, "height", true);
}

/* Records the input with the name of the sampler's model: as the model if the sampler makes the image from noise, as
 * the refiner if the sampler is a later pass.  Records nothing for a pass that only reworks an image. */
static void place_model(placing *p, size_t at)
{
    size_t count = gp_comfy_model_nodes(p->g, p->samplers[at]);
    if (reworks_only(p, at)) return;
    for (size_t k = 0; k < count; k++) {
        const gp_comfy_graph_node *node = &p->g->nodes[p->g->queue[k]];
        for (size_t i = 0; gp_comfy_model_names[i]; i++) {
            if (!gp_comfy_graph_find(node, gp_comfy_model_names[i])) continue;
            place(p, p->made[at] ? GP_PLACE_MODEL : GP_PLACE_REFINER, node, gp_comfy_model_names[i], false);
            return;
        }
    }
}

static gp_status find_all(placing *p, gp_error *err)
{
    /* first the samplers that make the image from noise, because later passes are compared with them */
    for (int made = 1; made >= 0; made--) {
        for (size_t i = 0; i < p->count; i++) {
            if (p->made[i] != made) continue;
            GP_TRY(place_texts(p, i, GP_PLACE_PROMPT, "positive", err));
            GP_TRY(place_texts(p, i, GP_PLACE_NEGATIVE, "negative", err));
            place_settings(p, i);
            place_model(p, i);
            if (made) place_size(p, p->samplers[i]);
        }
    }
    return GP_OK;
}

gp_status gp_comfy_find_places(gp_comfy_graph *graph, gp_places *out, gp_error *err)
{
    placing p = {.comfy = {graph, NULL, NULL, GP_COMFY_WALKS}, .g = graph, .out = out};
    *out = (gp_places){.count = 0};
    GP_TRY(find_samplers(&p, err));
    return find_all(&p, err);
}
