/* SPDX-License-Identifier: MIT
 * The prompt of a ComfyUI graph.  Node ids and most class names say nothing, so the way is found by what links mean:
 *
 *   output node -> nearest sampler -> its "positive" -> through nodes that pass conditioning on -> text encoders ->
 * text
 *
 * Outputs: nodes nobody consumes; those that save go before those that preview, and of several the one at the end of
 * the longest chain of samplers (the last pass) is taken.  A sampler has a link "positive" or "guider" and at least
 * three of a sampler's usual inputs.  Its settings are those of the chain's first sampler, the one that started from
 * noise; a later pass is told as hires_... if there is an upscale between. */
#include "base/mem.h"
#include "ingest/graph.h"
#include "ingest/meta_inner.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_OUTPUTS = 32, MAX_CHAIN = 8, MAX_STEPS = 64, MAX_SAID = 256 };

static gp_status no_memory(gp_error *err)
{
    return gp_fail(err, GP_ERR_MEMORY, "out of memory for metadata");
}
static bool has_link(const gp_graph_node *node, const char *name)
{
    return gp_graph_follow(node, name) != SIZE_MAX;
}
static bool named(const gp_graph_node *node, const char *part)
{
    return strcasestr(node->type, part) != NULL;
}

static const char *string_of(const gp_graph_node *node, const char *name)
{
    const gp_graph_input *input = gp_graph_find(node, name);
    return input ? gp_json_text(input->value, NULL) : NULL;
}

/* ---- samplers ---------------------------------------------------------------------------------------------------- */

static bool is_sampler(const gp_graph_node *node)
{
    static const char *const usual[] = {"seed",  "noise_seed",   "steps",   "cfg",   "sampler_name", "scheduler",
                                        "model", "latent_image", "denoise", "noise", "sampler",      "sigmas"};
    int count = 0;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) count += gp_graph_find(node, usual[i]) != NULL;
    if (has_link(node, "positive") || has_link(node, "guider")) return count >= 3;
    return count >= 5; /* one that gets all in a pipe */
}

typedef struct chain {
    size_t samplers[MAX_CHAIN]; /* from the output backwards */
    size_t count;
    size_t scaler; /* node that scales between the first two of them, SIZE_MAX if none */
} chain;

static bool scales(const gp_graph_node *node)
{
    return named(node, "upscale") || named(node, "ImageScale") || named(node, "LatentScale") || named(node, "ScaleBy");
}

static void find_chain(gp_graph *g, size_t output, chain *out)
{
    *out = (chain){.scaler = SIZE_MAX};
    size_t at = gp_graph_nearest(g, output, true, is_sampler);
    while (at != SIZE_MAX && out->count < MAX_CHAIN) {
        for (size_t i = 0; i < out->count; i++)
            if (out->samplers[i] == at) return; /* a cycle */
        if (out->count ==
            1) /* what lies between the last pass and the one before it; an upscaling model is named best */
            for (size_t p = g->parent[at]; p != SIZE_MAX && p != out->samplers[0]; p = g->parent[p])
                if (scales(&g->nodes[p]) && (out->scaler == SIZE_MAX || has_link(&g->nodes[p], "upscale_model")))
                    out->scaler = p;
        out->samplers[out->count++] = at;
        at = gp_graph_nearest(g, at, false, is_sampler);
    }
}

static int output_rank(const gp_graph_node *node)
{
    if (node->consumed || !node->input_count) return 0;
    if (named(node, "save")) return 3;
    if (named(node, "preview")) return 1;
    return has_link(node, "images") || has_link(node, "image") || has_link(node, "video") ? 2 : 1;
}

/* The chain that made the picture, count 0 if there is no sampler before any output; *output: its end. */
static void choose_chain(gp_graph *g, chain *best, size_t *output)
{
    int best_rank = 0, looked = 0;
    *best = (chain){.scaler = SIZE_MAX};
    *output = SIZE_MAX;
    for (int rank = 3; rank > 0 && !best->count; rank--) {
        for (size_t i = 0; i < g->count && looked < MAX_OUTPUTS; i++) {
            chain one;
            if (output_rank(&g->nodes[i]) != rank) continue;
            looked++;
            find_chain(g, i, &one);
            if (one.count > best->count) *best = one, best_rank = rank, *output = i;
        }
    }
    for (size_t i = 0; i < g->count && !best_rank; i++) /* outputs are cut off or in a loop */
        if (is_sampler(&g->nodes[i]) || has_link(&g->nodes[i], "positive")) {
            *best = (chain){{i}, 1, SIZE_MAX};
            return;
        }
}

/* ---- conditioning -> text -----------------------------------------------------------------------------------------
 */

/* What one side of a sampler says. */
typedef struct said {
    gp_str text;
    size_t first, nodes; /* the first node that gave text, and how many did */
} said;
#define SAID_INIT                                                                                                      \
    {                                                                                                                  \
        GP_STR_INIT, SIZE_MAX, 0                                                                                       \
    }

/* Append a text unless it was said already. */
static void say(said *s, size_t node, const gp_str *text, const char *joint)
{
    const char *blank = " \t\r\n";
    s->text.failed |= text->failed;
    if (text->failed || s->nodes == MAX_SAID) return; /* a search in all of it for each: must not be quadratic */
    if (!text->size || !text->data[strspn(text->data, blank)]) return;
    if (s->text.size && strstr(s->text.data, text->data)) return;
    if (s->text.size) gp_str_puts(&s->text, joint);
    gp_str_add(&s->text, text->data, text->size);
    if (s->first == SIZE_MAX) s->first = node;
    s->nodes++;
}

/* The texts of an encoder node: of several (text_g and text_l, clip_l and t5xxl) those that say something new.  False
 * if the node has no such inputs. */
static bool encoder_text(const gp_graph *g, size_t at, const char *role, said *s)
{
    static const char *const names[] = {"populated_text", "text",   "prompt",   "Text",   "text_g", "prompt_g",
                                        "t5xxl",          "text_l", "prompt_l", "clip_g", "clip_l", "bert",
                                        "mt5xl",          "llama",  "caption",  "string"};
    const gp_graph_node *node = &g->nodes[at];
    said own = SAID_INIT;
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const gp_graph_input *input = gp_graph_find(node, names[i]);
        gp_str part = GP_STR_INIT;
        if (!input || (!gp_json_text(input->value, NULL) && input->target == SIZE_MAX)) continue;
        any = true;
        gp_graph_text(g, input, role, &part);
        say(&own, at, &part, ", ");
        gp_str_clear(&part);
        if (i == 0 && own.nodes) break;
    }
    if (any) say(s, at, &own.text, ", ");
    s->text.failed |= own.text.failed;
    gp_str_clear(&own.text);
    return any;
}

/* The one input that a switch lets through ("select": 2 -> the link whose name ends in 2); SIZE_MAX if no switch. */
static size_t switched(const gp_graph_node *node)
{
    static const char *const names[] = {"select", "Input", "index"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const gp_graph_input *input = gp_graph_find(node, names[i]);
        uint64_t wanted;
        if (!input || !gp_json_u64(input->value, &wanted) || wanted > 9) continue;
        for (size_t k = 0; k < node->input_count; k++) {
            const char *name = node->inputs[k].name;
            size_t size = strlen(name);
            if (size && node->inputs[k].target != SIZE_MAX && name[size - 1] == (char)('0' + wanted)) return k;
        }
    }
    return SIZE_MAX;
}

/* Should the walk for conditioning of `role` go through this input of the node?  kind: 0 inputs of that role, 1 inputs
 * for conditioning, 2 whatever may pass it on. */
static bool passes(const gp_graph_node *node, const gp_graph_input *input, const char *role, int kind)
{
    const char *name = input->name;
    if (kind == 0) return strcasestr(name, role) != NULL;
    if (strcasestr(name, role[0] == 'p' ? "negative" : "positive")) return false;
    if (kind == 1) return strcasestr(name, "cond") && !(strcmp(name, "cond2") == 0 && gp_graph_find(node, "cond1"));
    return gp_graph_is_data(name) && !strcasestr(name, "image") && !strcasestr(name, "latent") &&
           !strcasestr(name, "pixels") && !strcasestr(name, "samples");
}

/* Push the inputs to be walked, last first so that the first is walked first; true if there is any. */
static bool push_inputs(gp_graph *g, const gp_graph_node *node, const char *role, int kind, size_t *top)
{
    bool any = false;
    size_t only = switched(node);
    for (size_t i = node->input_count; i-- > 0;) {
        const gp_graph_input *input = &node->inputs[i];
        if (input->target == SIZE_MAX || !passes(node, input, role, kind)) continue;
        if (only != SIZE_MAX && kind > 0 && i != only) continue;
        any = true;
        if (g->mark[input->target] == g->round) continue;
        g->mark[input->target] = g->round;
        g->queue[(*top)++] = input->target; /* each node once: never more than count */
    }
    return any;
}

/* Texts written straight into a node that is asked for its positive or negative side. */
static bool role_text(const gp_graph *g, size_t at, const char *role, said *s)
{
    const gp_graph_node *node = &g->nodes[at];
    bool any = false;
    for (size_t i = 0; i < node->input_count; i++) {
        gp_str part = GP_STR_INIT;
        if (!strcasestr(node->inputs[i].name, role) || !gp_json_text(node->inputs[i].value, NULL)) continue;
        any = true;
        gp_graph_text(g, &node->inputs[i], role, &part);
        say(s, at, &part, ", ");
        gp_str_clear(&part);
    }
    return any;
}

/* Collect what the sampler's side `role` says.  Nodes that make nothing of their input (ConditioningZeroOut) end it. */
static void collect(gp_graph *g, size_t sampler, const char *role, said *s)
{
    size_t top = 0;
    g->round++;
    g->mark[sampler] = g->round;
    g->queue[top++] = sampler;
    while (top && !s->text.failed) {
        size_t at = g->queue[--top];
        const gp_graph_node *node = &g->nodes[at];
        if (named(node, "ZeroOut")) continue;
        bool own = role_text(g, at, role, s);
        if (push_inputs(g, node, role, 0, &top) || own) continue;
        if (at == sampler) {
            size_t next = gp_graph_follow(node, "guider");
            if (next != SIZE_MAX && g->mark[next] != g->round) g->mark[next] = g->round, g->queue[top++] = next;
            if (next == SIZE_MAX) push_inputs(g, node, role, 2, &top); /* a pipe */
            continue;
        }
        if (role[0] == 'n' && named(node, "Guider")) continue; /* a guider without negative */
        if (encoder_text(g, at, role, s)) continue;
        if (push_inputs(g, node, role, 1, &top)) continue;
        push_inputs(g, node, role, 2, &top);
    }
}

/* Without a sampler: every encoder, but those that something takes as negative. */
static void collect_unsorted(gp_graph *g, said *s)
{
    g->round++;
    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k].target != SIZE_MAX && strcasestr(g->nodes[i].inputs[k].name, "negative"))
                g->mark[g->nodes[i].inputs[k].target] = g->round;
    for (size_t i = 0; i < g->count && s->nodes < MAX_OUTPUTS; i++)
        if (named(&g->nodes[i], "TextEncode") && g->mark[i] != g->round) encoder_text(g, i, "positive", s);
}

/* ---- settings ------------------------------------------------------------------------------------------------------
 */

static void put_json(gp_settings *s, const char *key, const gp_json *value)
{
    gp_str text = GP_STR_INIT;
    gp_json_write(&text, value);
    s->json.failed |= text.failed;
    if (text.size) gp_settings_number(s, key, text.data, text.size);
    gp_str_clear(&text);
}

static void put_number(gp_settings *s, const gp_graph *g, const char *key, const gp_graph_node *node, const char *name)
{
    const gp_json *value = gp_graph_number(g, node, name);
    if (value) put_json(s, key, value);
}

static void put_string(gp_settings *s, const gp_graph *g, const char *key, const gp_graph_node *node, const char *name)
{
    const gp_graph_input *input = gp_graph_find(node, name);
    gp_str text = GP_STR_INIT;
    if (input) gp_graph_text(g, input, "positive", &text);
    s->json.failed |= text.failed;
    if (text.size) gp_settings_text(s, key, text.data, text.size);
    gp_str_clear(&text);
}

/* The node that holds the number or string `wanted` of a sampler: itself, or one behind its links of `way`. */
static const gp_graph_node *holder(const gp_graph *g, const gp_graph_node *node, const char *wanted, const char *way)
{
    for (int i = 0; i < MAX_STEPS; i++) {
        if (gp_graph_find(node, wanted)) return node;
        size_t next = gp_graph_follow(node, way);
        if (next == SIZE_MAX) return NULL;
        node = &g->nodes[next];
    }
    return NULL;
}

static void put_held(gp_settings *s, const gp_graph *g, const char *key, const gp_graph_node *sampler,
                     const char *wanted, const char *way, bool number)
{
    const gp_graph_node *node = holder(g, sampler, wanted, way);
    if (node && number) put_number(s, g, key, node, wanted);
    if (node && !number) put_string(s, g, key, node, wanted);
}

/* Sampling of the pass that started from noise. */
static void put_sampling(gp_settings *s, const gp_graph *g, const gp_graph_node *sampler)
{
    double denoise = 1;
    put_number(s, g, "seed", sampler, "seed");
    put_held(s, g, "seed", sampler, "noise_seed", "noise", true);
    put_held(s, g, "steps", sampler, "steps", "sigmas", true);
    put_held(s, g, "cfg_scale", sampler, "cfg", "guider", true);
    put_held(s, g, "cfg_scale", sampler, "cfg_conds", "guider", true);
    put_held(s, g, "sampler", sampler, "sampler_name", "sampler", false);
    put_held(s, g, "scheduler", sampler, "scheduler", "sigmas", false);
    const gp_graph_node *node = holder(g, sampler, "denoise", "sigmas");
    const gp_json *value = node ? gp_graph_number(g, node, "denoise") : NULL;
    if (gp_json_real(value, &denoise) && denoise != 1) put_json(s, "denoising_strength", value);
}

/* Names of LoRAs in a node, in the ways the usual loaders write them. */
static void add_loras(gp_str *out, const gp_graph *g, const gp_graph_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_graph_input *input = &node->inputs[i];
        const char *name = input->name, *lora = NULL;
        const gp_json *strength = NULL;
        if (strcmp(name, "lora_name") == 0) {
            lora = gp_json_text(input->value, NULL);
            strength = gp_graph_number(g, node, "strength_model");
        } else if (gp_str_starts(name, "lora_name_") && strlen(name) < 20) { /* "switch_1", "model_weight_1" */
            char other[40];
            snprintf(other, sizeof other, "switch_%s", name + 10);
            const char *on = string_of(node, other);
            if (on && strcmp(on, "On") != 0) continue;
            snprintf(other, sizeof other, "model_weight_%s", name + 10);
            lora = gp_json_text(input->value, NULL);
            strength = gp_graph_number(g, node, other);
        } else if (gp_json_kind_of(gp_json_get(input->value, "lora")) ==
                   GP_JSON_STRING) { /* {"on", "lora", "strength"} */
            if (!gp_json_bool(gp_json_get(input->value, "on"), true)) continue;
            lora = gp_json_text(gp_json_get(input->value, "lora"), NULL);
            strength = gp_json_get(input->value, "strength");
        }
        if (!lora || !*lora || strcmp(lora, "None") == 0 || out->size > 4096) continue;
        gp_str_printf(out, "%s%s", out->size ? ", " : "", lora);
        if (strength) gp_str_putc(out, ':'), gp_json_write(out, strength);
    }
}

/* Model and LoRAs: back along the links that carry a model. */
static void put_model(gp_settings *s, gp_graph *g, size_t sampler)
{
    static const char *const names[] = {"ckpt_name",       "unet_name", "base_ckpt_name",
                                        "diffusion_model", "gguf_name", "model_name"};
    gp_str loras = GP_STR_INIT;
    size_t head = 0, tail = 0;
    g->round++;
    g->mark[sampler] = g->round;
    g->queue[tail++] = sampler;
    while (head < tail) {
        const gp_graph_node *node = &g->nodes[g->queue[head++]];
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) put_string(s, g, "model", node, names[i]);
        if (!named(node, "lora") || node->input_count < 200) add_loras(&loras, g, node);
        for (size_t i = 0; i < node->input_count; i++) {
            const gp_graph_input *input = &node->inputs[i];
            bool carries = strcasestr(input->name, "model") || strcasestr(input->name, "lora") ||
                           strcasestr(input->name, "guider") || strcasestr(input->name, "pipe");
            if (!carries || strcasestr(input->name, "upscale") || input->target == SIZE_MAX) continue;
            if (g->mark[input->target] == g->round) continue;
            g->mark[input->target] = g->round;
            g->queue[tail++] = input->target;
        }
    }
    s->json.failed |= loras.failed;
    if (loras.size) gp_settings_text(s, "loras", loras.data, loras.size);
    gp_str_clear(&loras);
}

static bool has_size(const gp_graph_node *node)
{
    return (gp_graph_find(node, "width") && gp_graph_find(node, "height")) || string_of(node, "dimensions");
}

static void put_size(gp_settings *s, gp_graph *g, size_t sampler)
{
    size_t at = gp_graph_nearest(g, sampler, false, has_size);
    if (at == SIZE_MAX) return;
    put_number(s, g, "width", &g->nodes[at], "width");
    put_number(s, g, "height", &g->nodes[at], "height");
    const char *text = string_of(&g->nodes[at], "dimensions"); /* "1216 x 832   (landscape)" */
    if (!text || !strstr(text, " x ")) return;
    const char *height = strstr(text, " x ") + 3;
    gp_settings_number(s, "width", text, strspn(text, "0123456789"));
    gp_settings_number(s, "height", height, strspn(height, "0123456789"));
}

/* The last pass, if it drew over a scaled-up first one. */
static void put_hires(gp_settings *s, gp_graph *g, const chain *c)
{
    if (c->count < 2 || c->scaler == SIZE_MAX) return;
    const gp_graph_node *last = &g->nodes[c->samplers[0]], *scaler = &g->nodes[c->scaler];
    size_t model = gp_graph_follow(scaler, "upscale_model");
    put_held(s, g, "hires_steps", last, "steps", "sigmas", true);
    put_held(s, g, "hires_denoising_strength", last, "denoise", "sigmas", true);
    if (model != SIZE_MAX) put_string(s, g, "hires_upscaler", &g->nodes[model], "model_name");
    put_string(s, g, "hires_upscaler", scaler, "upscale_method");
    put_number(s, g, "hires_scale", scaler, "scale_by");
    size_t sized = gp_graph_nearest(g, c->samplers[0], false, has_size);
    if (sized == SIZE_MAX || !scales(&g->nodes[sized])) return;
    put_number(s, g, "hires_width", &g->nodes[sized], "width");
    put_number(s, g, "hires_height", &g->nodes[sized], "height");
    double before, after;
    size_t base = gp_graph_nearest(g, c->samplers[c->count - 1], false, has_size);
    if (base == SIZE_MAX || !gp_json_real(gp_graph_number(g, &g->nodes[base], "width"), &before) || !(before > 0))
        return;
    if (!gp_json_real(gp_graph_number(g, &g->nodes[sized], "width"), &after) || !(after > 0)) return;
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", after / before);
    gp_settings_number(s, "hires_scale", digits, strlen(digits));
}

static bool has_vae(const gp_graph_node *node)
{
    return has_link(node, "vae");
}

static void put_settings(gp_settings *s, gp_graph *g, const chain *c, size_t output, const said *positive)
{
    size_t base = c->samplers[c->count - 1];
    put_sampling(s, g, &g->nodes[base]);
    put_size(s, g, base);
    put_model(s, g, base);
    put_hires(s, g, c);
    size_t decoder = output == SIZE_MAX ? SIZE_MAX : gp_graph_nearest(g, output, true, has_vae);
    if (decoder != SIZE_MAX) put_string(s, g, "vae", &g->nodes[gp_graph_follow(&g->nodes[decoder], "vae")], "vae_name");
    int64_t skip;
    const gp_graph_node *node = positive->first == SIZE_MAX ? NULL : &g->nodes[positive->first];
    for (int i = 0; node && i < MAX_STEPS; i++) {
        const gp_json *value = gp_graph_number(g, node, "stop_at_clip_layer");
        size_t next = gp_graph_follow(node, "clip") != SIZE_MAX ? gp_graph_follow(node, "clip")
                                                                : gp_graph_follow(node, "opt_clip");
        if (gp_json_i64(value, &skip) && skip < 0 && skip > -100) {
            char digits[16];
            snprintf(digits, sizeof digits, "%d", (int)-skip);
            gp_settings_number(s, "clip_skip", digits, strlen(digits));
        }
        node = next == SIZE_MAX ? NULL : &g->nodes[next];
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------------
 */

/* "node 6 CLIPTextEncode 'Positive' and 2 more" */
static char *place_of(const gp_graph *g, const said *s, bool sorted)
{
    gp_str where = GP_STR_INIT;
    if (s->first == SIZE_MAX) return gp_str_dup("prompt");
    const gp_graph_node *node = &g->nodes[s->first];
    gp_str_printf(&where, "%snode %.100s %.100s", sorted ? "" : "unsorted: ", node->id, node->type);
    if (node->title && strcmp(node->title, node->type) != 0) gp_str_printf(&where, " '%.100s'", node->title);
    if (s->nodes > 1) gp_str_printf(&where, " and %zu more", s->nodes - 1);
    char *raw = gp_str_take(&where), *text = raw ? gp_meta_text(raw, strlen(raw), false) : NULL;
    gp_mem_free(raw);
    return text;
}

static gp_status read_graph(gp_graph *g, gp_meta *meta, gp_error *err)
{
    gp_status st = GP_OK;
    chain c;
    size_t output;
    said positive = SAID_INIT, negative = SAID_INIT;
    gp_settings settings = GP_SETTINGS_INIT;
    choose_chain(g, &c, &output);
    for (size_t i = 0; i < c.count && !positive.nodes; i++) {
        collect(g, c.samplers[i], "positive", &positive);
        if (positive.nodes || c.count == 1) collect(g, c.samplers[i], "negative", &negative);
    }
    if (!c.count)
        collect_unsorted(g, &positive);
    else
        put_settings(&settings, g, &c, output, &positive);
    if (positive.text.failed || negative.text.failed) GP_GO(no_memory(err));
    meta->found = true;
    meta->tool = gp_str_dup("comfyui");
    meta->where = place_of(g, &positive, c.count > 0);
    meta->settings_json = gp_settings_take(&settings);
    if (positive.text.size) meta->prompt = gp_meta_text(positive.text.data, positive.text.size, false);
    if (negative.text.size) meta->negative = gp_meta_text(negative.text.data, negative.text.size, false);
    if (!meta->tool || !meta->where || !meta->settings_json || (positive.text.size && !meta->prompt) ||
        (negative.text.size && !meta->negative))
        st = no_memory(err);
out:
    gp_settings_clear(&settings);
    gp_str_clear(&negative.text);
    gp_str_clear(&positive.text);
    return st;
}

gp_status gp_meta_comfy(const char *text, size_t size, gp_meta *out, gp_error *err)
{
    gp_graph g;
    gp_meta meta = {0};
    bool found;
    *out = (gp_meta){0};
    size_t blank = 0;
    while (blank < size && (text[blank] == ' ' || text[blank] == '\n' || text[blank] == '\r' || text[blank] == '\t'))
        blank++;
    if (blank == size || text[blank] != '{') return GP_OK; /* as most texts that are no graph */
    GP_TRY(gp_graph_open(text, size, &g, &found, err));
    if (!found) return GP_OK;
    gp_status st = read_graph(&g, &meta, err);
    gp_graph_close(&g);
    if (st)
        gp_meta_clear(&meta);
    else
        *out = meta;
    return st;
}
