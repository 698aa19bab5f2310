/* SPDX-License-Identifier: MIT
 * Reads the settings of the sampler that made the image from noise. If the image was scaled up afterwards, the settings
 * of the last pass are stored as hires_... */
#include "metadata/comfy_private.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A node with MAX_INPUTS or more inputs is not searched for LoRAs, because the search looks up names for every input.
 * For a node with "lora" in its class name the limit is MAX_LORA_INPUTS. */
enum { MAX_CHAIN = 8, MAX_STEPS = 64, MAX_INPUTS = 1024, MAX_LORA_INPUTS = 200 };

static const char *string_of(const gp_comfy_graph_node *node, const char *name)
{
    const gp_comfy_graph_input *input = gp_comfy_graph_find(node, name);
    return input ? gp_json_text(input->value, NULL) : NULL;
}

/* ------------------------------------------------------------------ passes */

typedef struct chain {
    size_t samplers[MAX_CHAIN]; /* samplers, from the one nearest to the output back to the maker */
    size_t count;
    size_t scaler; /* the node that scales between the first two samplers, or SIZE_MAX */
} chain;

static bool scales(const gp_comfy_graph_node *node)
{
    return gp_comfy_named(node, "upscale") || gp_comfy_named(node, "ImageScale") ||
           gp_comfy_named(node, "LatentScale") || gp_comfy_named(node, "ScaleBy");
}

/* Lists the sampler nodes from the output back to `maker`, the sampler that made the image from noise. Leaves out
 * samplers that rework only a part of the image (detailers). */
static void find_chain(gp_comfy_graph *g, size_t output, size_t maker, chain *out)
{
    *out = (chain){.scaler = SIZE_MAX};
    size_t at = output == SIZE_MAX ? maker : gp_comfy_graph_nearest(g, output, true, gp_comfy_is_sampler);
    for (int i = 0; at != SIZE_MAX && i < MAX_CHAIN; i++) {
        /* find the scaling node between the last two samplers; prefer a node with an upscaling model */
        if (out->count == 1)
            for (size_t p = g->parent[at]; p != SIZE_MAX && p != out->samplers[0]; p = g->parent[p])
                if (scales(&g->nodes[p]) &&
                    (out->scaler == SIZE_MAX || gp_comfy_has_link(&g->nodes[p], "upscale_model")))
                    out->scaler = p;
        if (at == maker || !gp_comfy_reworks(&g->nodes[at])) out->samplers[out->count++] = at;
        if (at == maker) return;
        at = gp_comfy_graph_nearest(g, at, false, gp_comfy_is_sampler);
    }
}

/* ------------------------------------------------------------------ settings */

static void put_json(gp_settings *s, const char *key, const gp_json *value)
{
    gp_str text = GP_STR_INIT;
    gp_json_write(&text, value);
    s->json.failed |= text.failed;
    if (text.size) gp_settings_number(s, key, text.data, text.size);
    gp_str_clear(&text);
}

static void put_number(gp_settings *s, const gp_comfy_graph *g, const char *key, const gp_comfy_graph_node *node,
                       const char *name)
{
    const gp_json *value = gp_comfy_graph_number(g, node, name);
    if (value) put_json(s, key, value);
}

static void put_string(gp_settings *s, const gp_comfy_graph *g, const char *key, const gp_comfy_graph_node *node,
                       const char *name)
{
    const gp_comfy_graph_input *input = gp_comfy_graph_find(node, name), *there = NULL;
    gp_comfy_graph_texts texts = {g, NULL, "positive", GP_GRAPH_TEXTS_BUDGET, 0, SIZE_MAX, NULL, NULL};
    gp_str text = GP_STR_INIT;
    if (input && input->target != SIZE_MAX) there = gp_comfy_graph_find(&g->nodes[input->target], name);
    /* the linked node has an input of the same name: it is a list of names, so take the name that was chosen in that
     * list */
    if (there && gp_json_text(there->value, NULL)) input = there;
    bool known = input && gp_comfy_graph_text(&texts, input, 0, &text);
    s->json.failed |= text.failed;
    if (known && text.size) gp_settings_text(s, key, text.data, text.size);
    gp_str_clear(&text);
}

static void put_held(gp_settings *s, const gp_comfy_graph *g, const char *key, const gp_comfy_graph_node *sampler,
                     const char *wanted, const char *way, bool number)
{
    const gp_comfy_graph_node *node = gp_comfy_holder(g, sampler, wanted, way);
    if (node && number) put_number(s, g, key, node, wanted);
    if (node && !number) put_string(s, g, key, node, wanted);
}

const gp_comfy_setting gp_comfy_setting_table[GP_COMFY_SETTINGS] = {
    {"seed", "noise_seed", "noise", true, GP_PLACE_SEED},
    {"steps", "steps", "sigmas", true, GP_PLACE_STEPS},
    {"cfg_scale", "cfg", "guider", true, GP_PLACE_CFG},
    {"cfg_scale", "cfg_conds", "guider", true, GP_PLACE_CFG},
    {"sampler", "sampler_name", "sampler", false, GP_PLACE_SAMPLER},
    {"scheduler", "scheduler", "sigmas", false, GP_PLACE_SCHEDULER},
    {"seed", "seed", "noise", true, GP_PLACE_SEED},
};

/* Writes the sampling settings of the sampler that made the image from noise. */
static void put_sampling(gp_settings *s, const gp_comfy_graph *g, const gp_comfy_graph_node *sampler)
{
    double denoise = 1;
    put_number(s, g, "seed", sampler, "seed");
    for (size_t i = 0; i < GP_COMFY_SETTINGS; i++) {
        const gp_comfy_setting *one = &gp_comfy_setting_table[i];
        put_held(s, g, one->key, sampler, one->wanted, one->way, one->number);
    }
    const gp_comfy_graph_node *node = gp_comfy_holder(g, sampler, "denoise", "sigmas");
    const gp_json *value = node ? gp_comfy_graph_number(g, node, "denoise") : NULL;
    if (gp_json_real(value, &denoise) && denoise != 1) put_json(s, "denoising_strength", value);
}

/* Collects the names of LoRAs in a node, in the formats of the usual loaders. */
static void add_loras(gp_str *out, const gp_comfy_graph *g, const gp_comfy_graph_node *node)
{
    if (node->input_count >= (gp_comfy_named(node, "lora") ? MAX_LORA_INPUTS : MAX_INPUTS)) return;
    for (size_t i = 0; i < node->input_count && out->size <= 4096; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        const char *name = input->name, *lora = NULL;
        const gp_json *strength = NULL;
        if (strcmp(name, "lora_name") == 0) {
            lora = gp_json_text(input->value, NULL);
            strength = gp_comfy_graph_number(g, node, "strength_model");
        } else if (gp_str_starts(name, "lora_name_") && strlen(name) < 20) { /* "switch_1", "model_weight_1" */
            char other[40];
            snprintf(other, sizeof other, "switch_%s", name + 10);
            const char *on = string_of(node, other);
            if (on && strcmp(on, "On") != 0) continue;
            snprintf(other, sizeof other, "model_weight_%s", name + 10);
            lora = gp_json_text(input->value, NULL);
            strength = gp_comfy_graph_number(g, node, other);
        } else if (gp_json_kind_of(gp_json_get(input->value, "lora")) ==
                   GP_JSON_STRING) { /* {"on", "lora", "strength"} */
            if (!gp_json_bool(gp_json_get(input->value, "on"), true)) continue;
            lora = gp_json_text(gp_json_get(input->value, "lora"), NULL);
            strength = gp_json_get(input->value, "strength");
        }
        if (!lora || !*lora || strcmp(lora, "None") == 0) continue;
        gp_str_printf(out, "%s%s", out->size ? ", " : "", lora);
        if (strength) gp_str_putc(out, ':'), gp_json_write(out, strength);
    }
}

const char *const gp_comfy_model_names[] = {"ckpt_name",  "unet_name", "base_ckpt_name", "diffusion_model", "gguf_name",
                                            "model_name", NULL};

static bool carries_model(const gp_comfy_graph_input *input)
{
    bool carries = strcasestr(input->name, "model") || strcasestr(input->name, "lora") ||
                   strcasestr(input->name, "guider") || strcasestr(input->name, "pipe");
    return carries && !strcasestr(input->name, "upscale");
}

size_t gp_comfy_model_nodes(gp_comfy_graph *g, size_t sampler)
{
    return gp_comfy_graph_reach(g, sampler, carries_model);
}

static void put_model(gp_settings *s, gp_comfy_graph *g, size_t sampler)
{
    gp_str loras = GP_STR_INIT;
    size_t count = gp_comfy_model_nodes(g, sampler);
    for (size_t k = 0; k < count; k++) {
        const gp_comfy_graph_node *node = &g->nodes[g->queue[k]];
        for (size_t i = 0; gp_comfy_model_names[i]; i++) put_string(s, g, "model", node, gp_comfy_model_names[i]);
        add_loras(&loras, g, node);
    }
    s->json.failed |= loras.failed;
    if (loras.size) gp_settings_text(s, "loras", loras.data, loras.size);
    gp_str_clear(&loras);
}

static bool has_size(const gp_comfy_graph_node *node)
{
    return (gp_comfy_graph_find(node, "width") && gp_comfy_graph_find(node, "height")) || string_of(node, "dimensions");
}

size_t gp_comfy_size_node(gp_comfy_graph *g, size_t sampler)
{
    return gp_comfy_graph_nearest(g, sampler, false, has_size);
}

static void put_size(gp_settings *s, gp_comfy_graph *g, size_t sampler)
{
    size_t at = gp_comfy_size_node(g, sampler);
    if (at == SIZE_MAX) return;
    put_number(s, g, "width", &g->nodes[at], "width");
    put_number(s, g, "height", &g->nodes[at], "height");
    const char *text = string_of(&g->nodes[at], "dimensions"); /* "1216 x 832   (landscape)" */
    if (!text || !strstr(text, " x ")) return;
    const char *height = strstr(text, " x ") + 3;
    gp_settings_number(s, "width", text, strspn(text, "0123456789"));
    gp_settings_number(s, "height", height, strspn(height, "0123456789"));
}

/* Writes the settings of the last sampler if it reworked an enlarged result of an earlier sampler. */
static void put_hires(gp_settings *s, gp_comfy_graph *g, const chain *c)
{
    if (c->count < 2 || c->scaler == SIZE_MAX) return;
    const gp_comfy_graph_node *last = &g->nodes[c->samplers[0]], *scaler = &g->nodes[c->scaler];
    size_t model = gp_comfy_graph_follow(scaler, "upscale_model");
    put_held(s, g, "hires_steps", last, "steps", "sigmas", true);
    put_held(s, g, "hires_denoising_strength", last, "denoise", "sigmas", true);
    if (model != SIZE_MAX) put_string(s, g, "hires_upscaler", &g->nodes[model], "model_name");
    put_string(s, g, "hires_upscaler", scaler, "upscale_method");
    put_number(s, g, "hires_scale", scaler, "scale_by");
    size_t sized = gp_comfy_size_node(g, c->samplers[0]);
    if (sized == SIZE_MAX || !scales(&g->nodes[sized])) return;
    put_number(s, g, "hires_width", &g->nodes[sized], "width");
    put_number(s, g, "hires_height", &g->nodes[sized], "height");
    double before, after;
    size_t base = gp_comfy_size_node(g, c->samplers[c->count - 1]);
    if (base == SIZE_MAX || !gp_json_real(gp_comfy_graph_number(g, &g->nodes[base], "width"), &before) || !(before > 0))
        return;
    if (!gp_json_real(gp_comfy_graph_number(g, &g->nodes[sized], "width"), &after) || !(after > 0)) return;
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", after / before);
    gp_settings_number(s, "hires_scale", digits, strlen(digits));
}

static bool has_vae(const gp_comfy_graph_node *node)
{
    return gp_comfy_has_link(node, "vae");
}

void gp_comfy_put_settings(gp_comfy *comfy, size_t output, size_t maker, size_t first, gp_settings *s)
{
    gp_comfy_graph *g = comfy->graph;
    chain c;
    find_chain(g, output, maker, &c);
    put_sampling(s, g, &g->nodes[maker]);
    put_size(s, g, maker);
    put_model(s, g, maker);
    put_hires(s, g, &c);
    size_t decoder = output == SIZE_MAX ? SIZE_MAX : gp_comfy_graph_nearest(g, output, true, has_vae);
    if (decoder != SIZE_MAX)
        put_string(s, g, "vae", &g->nodes[gp_comfy_graph_follow(&g->nodes[decoder], "vae")], "vae_name");
    int64_t skip;
    const gp_comfy_graph_node *node = first == SIZE_MAX ? NULL : &g->nodes[first];
    for (int i = 0; node && i < MAX_STEPS; i++) {
        const gp_json *value = gp_comfy_graph_number(g, node, "stop_at_clip_layer");
        size_t next = gp_comfy_graph_follow(node, "clip") != SIZE_MAX ? gp_comfy_graph_follow(node, "clip")
                                                                      : gp_comfy_graph_follow(node, "opt_clip");
        if (gp_json_i64(value, &skip) && skip < 0 && skip > -100) {
            char digits[16];
            snprintf(digits, sizeof digits, "%d", (int)-skip);
            gp_settings_number(s, "clip_skip", digits, strlen(digits));
        }
        node = next == SIZE_MAX ? NULL : &g->nodes[next];
    }
}
