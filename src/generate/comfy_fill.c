/* SPDX-License-Identifier: MIT
 * Fills in the user's graph for ComfyUI.
 *
 * --set NODE.INPUT=VALUE sets the input of a node.  NODE is the node's id or title.  VALUE is a variable (@prompt,
 * @negative, @seed, ...) or the value itself; it replaces the input's value or link.  Variables without a --set go to
 * the places that metadata/comfy_places.h finds.  A prompt or seed without all its places is an error; another requested
 * value without a place gives a note.  Before the filled-in graph is sent, goldpan reads the prompt and the seed back
 * from it, as it reads them from the metadata of a file. */
#include "generate/comfy_fill.h"

#include "base/hash.h"
#include "base/mem.h"
#include "metadata/comfy_places.h"
#include "metadata/meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_SETS = 1024,
    MOST_CANDIDATES = 6,
    MOST_SHOWN = 40 /* MOST_SHOWN: maximum bytes of a text that a message shows */
};

struct gp_gen_graph {
    gp_hash hash; /* hash of the graph's text */
    gp_comfy_graph graph;
    gp_places places;
};

/* The variables of --set, and the option that gives each its value. */
static const struct {
    const char *name, *option;
    gp_place_kind kind;
} variables[] = {
    {"@prompt", "the prompt", GP_PLACE_PROMPT},
    {"@negative", "--negative", GP_PLACE_NEGATIVE},
    {"@seed", "--seed", GP_PLACE_SEED},
    {"@width", "--width", GP_PLACE_WIDTH},
    {"@height", "--height", GP_PLACE_HEIGHT},
    {"@steps", "--steps", GP_PLACE_STEPS},
    {"@cfg", "--cfg", GP_PLACE_CFG},
    {"@sampler", "--sampler", GP_PLACE_SAMPLER},
    {"@scheduler", "--scheduler", GP_PLACE_SCHEDULER},
    {"@model", "--checkpoint", GP_PLACE_MODEL},
    {"@refiner", "--refiner", GP_PLACE_REFINER},
    {"@refiner_at", "--refiner-at", GP_PLACE_KINDS},
};
enum { VARIABLES = sizeof variables / sizeof *variables };

/* Writes the value of a variable as JSON.  Returns false, and writes nothing, if the request does not set it. */
static bool put_variable(const gp_gen_request *r, size_t variable, gp_str *s)
{
    const char *const texts[VARIABLES] = {r->prompt, r->negative, NULL,         NULL,     NULL,       NULL,
                                          NULL,      r->sampler,  r->scheduler, r->model, r->refiner, NULL};
    double none = (double)NAN;
    const double numbers[VARIABLES] = {none,
                                       none,
                                       none,
                                       r->width ? r->width : none,
                                       r->height ? r->height : none,
                                       r->steps ? r->steps : none,
                                       r->cfg,
                                       none,
                                       none,
                                       none,
                                       none,
                                       r->refiner_at};
    if (variables[variable].kind == GP_PLACE_SEED) {
        if (r->has_seed) gp_str_printf(s, "%llu", (unsigned long long)r->seed);
        return r->has_seed;
    }
    if (texts[variable])
        gp_json_put_string(s, texts[variable]);
    else if (isfinite(numbers[variable]))
        gp_json_put_real(s, numbers[variable]);
    return texts[variable] || isfinite(numbers[variable]);
}

static size_t find_variable(const char *name)
{
    size_t i = 0;
    while (i < VARIABLES && strcmp(variables[i].name, name) != 0) i++;
    return i;
}

static bool is_asked(const gp_gen_request *r, size_t variable)
{
    gp_str ignored = GP_STR_INIT;
    bool asked = put_variable(r, variable, &ignored);
    gp_str_clear(&ignored);
    return asked && !(variables[variable].kind == GP_PLACE_NEGATIVE && !*r->negative);
}

/* ------------------------------------------------------------------ --set */

typedef struct set_parts {
    const char *node, *input, *value; /* `value` ends with a NUL; `node` and `input` have sizes instead */
    size_t node_size, input_size;
} set_parts;

static bool split_set(const char *set, set_parts *out)
{
    const char *equal = strchr(set, '='), *dot = equal;
    while (dot && dot > set && *dot != '.') dot--;
    if (!equal || dot == set) return false;
    *out = (set_parts){set, dot + 1, equal + 1, (size_t)(dot - set), (size_t)(equal - dot - 1)};
    return true;
}

static bool is_text(const char *text, const char *other, size_t size)
{
    return text && strlen(text) == size && !memcmp(text, other, size);
}

static bool names_node(const set_parts *p, const gp_comfy_graph_node *node)
{
    return is_text(node->id, p->node, p->node_size) || is_text(node->title, p->node, p->node_size);
}

/* Returns the value of the last --set for this input, or NULL. */
static const char *set_for(const gp_gen_backend *b, const gp_comfy_graph_node *node, const char *input)
{
    const char *value = NULL;
    set_parts p;
    for (size_t i = 0; i < b->o.set_count; i++)
        if (split_set(b->o.set[i], &p) && is_text(input, p.input, p.input_size) && names_node(&p, node))
            value = p.value;
    return value;
}

/* Returns true if this variable is the value of a --set. */
static bool is_set(const gp_gen_backend *b, size_t variable)
{
    set_parts p;
    for (size_t i = 0; i < b->o.set_count; i++)
        if (split_set(b->o.set[i], &p) && !strcmp(p.value, variables[variable].name)) return true;
    return false;
}

/* ------------------------------------------------------------------ errors and notes */

/* Writes an input for a message, such as "6 CLIPTextEncode 'Positive' text = 'old words'". */
static void put_candidate(gp_str *s, const gp_comfy_graph_node *node, const gp_comfy_graph_input *input)
{
    size_t size = 0;
    const char *text = gp_json_text(input->value, &size);
    gp_str_printf(s, "%.40s %.40s", node->id, node->type);
    if (node->title && strcmp(node->title, node->type) != 0) gp_str_printf(s, " '%.40s'", node->title);
    gp_str_printf(s, " %.40s", input->name);
    if (text) {
        int shown = size > MOST_SHOWN ? MOST_SHOWN : (int)size;
        while (shown > 0 && size > MOST_SHOWN && ((unsigned char)text[shown] & 0xc0) == 0x80) shown--;
        gp_str_printf(s, " = '%.*s%s'", shown, text, size > MOST_SHOWN ? "..." : "");
    } else if (input->target != SIZE_MAX)
        gp_str_puts(s, " = a link");
    else {
        gp_str_puts(s, " = ");
        gp_json_write(s, input->value);
    }
}

/* Returns true if the input could take a value of this kind.  For a seed, the input's name decides.  For a text, the
 * name and the present value decide. */
static bool is_candidate(const gp_comfy_graph_node *node, const gp_comfy_graph_input *input, gp_place_kind kind)
{
    static const char *const words[] = {"text", "prompt", "string", "clip_l", "clip_g", "t5xxl", "caption", "value"};
    static const char *const others[] = {"filename", "file_name", "prefix"};
    bool text = gp_json_text(input->value, NULL) != NULL;
    if (kind == GP_PLACE_SEED) return strcasestr(input->name, "seed") != NULL;
    if (!text && !(input->target != SIZE_MAX && strcasestr(node->type, "TextEncode"))) return false;
    return GP_GRAPH_HAS_WORD(input->name, words) && !GP_GRAPH_HAS_WORD(input->name, others);
}

/* Lists the inputs in which a value of this kind could belong. */
static void put_candidates(const gp_comfy_graph *g, gp_place_kind kind, gp_str *s)
{
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++) {
            if (!is_candidate(&g->nodes[i], &g->nodes[i].inputs[k], kind)) continue;
            if (count < MOST_CANDIDATES) {
                gp_str_puts(s, count ? "; " : ".  It has: ");
                put_candidate(s, &g->nodes[i], &g->nodes[i].inputs[k]);
            }
            count++;
        }
    if (count > MOST_CANDIDATES) gp_str_printf(s, "; and %zu more", count - MOST_CANDIDATES);
}

static gp_status fail_place(const gp_comfy_graph *g, gp_place_kind kind, const char *what, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    put_candidates(g, kind, &s);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "%s%.700s", what, s.data ? s.data : "");
    gp_str_clear(&s);
    return st;
}

/* Reports a --set whose node or input does not exist.  If the node exists, lists its inputs. */
static gp_status fail_set(const gp_comfy_graph *g, const char *set, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    set_parts p;
    for (size_t i = 0; split_set(set, &p) && i < g->count && !s.size; i++)
        for (size_t k = 0; names_node(&p, &g->nodes[i]) && k < g->nodes[i].input_count && s.size < 300; k++)
            gp_str_printf(&s, "%s%.40s", k ? ", " : "; the node has ", g->nodes[i].inputs[k].name);
    if (!s.size) put_candidates(g, GP_PLACE_PROMPT, &s);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "--set %.200s: the workflow has no such node and input%.600s", set,
                           s.data ? s.data : "");
    gp_str_clear(&s);
    return st;
}

static void tell_kept(const gp_gen_backend *b, const gp_comfy_graph *g, const gp_comfy_graph_input *input)
{
    gp_str s = GP_STR_INIT;
    const gp_comfy_graph_node *node = &g->nodes[gp_comfy_node_of(g, input)];
    put_candidate(&s, node, input);
    gp_gen_note(b, "graph-text-kept",
                "node %s: goldpan leaves this text unchanged, because its sampler reworks a finished image; to replace "
                "the text, use --set %.40s.%.40s=@prompt",
                s.data ? s.data : node->id, node->id, input->name);
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ checks */

static bool has_place(const gp_places *p, gp_place_kind kind)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].kind == kind) return true;
    return false;
}

static gp_status check_sets(const gp_gen_backend *b, const gp_comfy_graph *g, gp_error *err)
{
    if (b->o.set_count > MOST_SETS) return gp_fail(err, GP_ERR_USAGE, "--set is given more than %d times", MOST_SETS);
    for (size_t i = 0; i < b->o.set_count; i++) {
        set_parts p;
        bool found = false;
        if (!split_set(b->o.set[i], &p)) return fail_set(g, b->o.set[i], err);
        for (size_t n = 0; n < g->count && !found; n++)
            for (size_t k = 0; names_node(&p, &g->nodes[n]) && k < g->nodes[n].input_count && !found; k++)
                found = is_text(g->nodes[n].inputs[k].name, p.input, p.input_size);
        if (!found) return fail_set(g, b->o.set[i], err);
        if (*p.value == '@' && find_variable(p.value) == VARIABLES)
            return gp_fail(err, GP_ERR_USAGE,
                           "--set %.200s: there is no variable '%s' (docs/generate.md lists the variables)",
                           b->o.set[i], p.value);
        if (b->o.no_seed && !strcmp(p.value, "@seed"))
            return gp_fail(err, GP_ERR_USAGE,
                           "--set %.200s cannot be combined with --no-seed, because without a seed @seed has no value",
                           b->o.set[i]);
    }
    return GP_OK;
}

/* Fails because the graph does not show which inputs take the seed. unclear: the graph shows some of these inputs, but
 * perhaps not all. */
static gp_status fail_seed(const gp_gen_backend *b, const gp_comfy_graph *g, bool unclear, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "the workflow %s: name the input with --set NODE.INPUT=@seed%s",
                  unclear ? "does not show all inputs for the seed" : "does not show where the seed goes",
                  gp_gen_or_no_seed(b));
    gp_status st = s.failed ? gp_fail_memory(err, "a message") : fail_place(g, GP_PLACE_SEED, s.data, err);
    gp_str_clear(&s);
    return st;
}

static gp_status check_place(const gp_gen_backend *b, const gp_gen_request *r, const gp_comfy_graph *g,
                             const gp_places *p, size_t variable, gp_error *err)
{
    gp_place_kind kind = variables[variable].kind;
    if (is_set(b, variable) || !is_asked(r, variable)) return GP_OK;
    bool unclear = kind < GP_PLACE_KINDS && p->unclear[kind];
    if (kind < GP_PLACE_KINDS && has_place(p, kind) && !unclear) return GP_OK;
    if (kind == GP_PLACE_PROMPT)
        return fail_place(
            g, kind,
            unclear ? "several texts of the workflow may be the prompt, or a node makes the text when "
                      "the workflow runs: name the input of the prompt with --set NODE.INPUT=@prompt"
                    : "the workflow does not show where the prompt goes: name its input with --set NODE.INPUT=@prompt",
            err);
    if (kind == GP_PLACE_SEED) return fail_seed(b, g, unclear, err);
    gp_gen_note(b, "graph-no-place", "%s: the workflow %s, so %s; name the input with --set NODE.INPUT=%s",
                variables[variable].option,
                unclear ? "does not show all inputs for this option" : "has no input for this option",
                unclear ? "some nodes keep their own value" : "the option has no effect", variables[variable].name);
    return GP_OK;
}

/* Sends a note for each sampler that runs only a part of the steps: --steps does not change the sampler's start_at_step
 * and end_at_step. */
static void tell_split(const gp_gen_backend *b, const struct gp_gen_graph *graph)
{
    const gp_places *p = &graph->places;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t start = 0, end = 0;
        const gp_comfy_graph_node *node = &graph->graph.nodes[gp_comfy_node_of(&graph->graph, p->items[i].input)];
        if (p->items[i].kind != GP_PLACE_STEPS || set_for(b, node, "start_at_step") || set_for(b, node, "end_at_step"))
            continue;
        (void)gp_json_u64(gp_comfy_graph_number(&graph->graph, node, "start_at_step"), &start);
        (void)gp_json_u64(gp_comfy_graph_number(&graph->graph, node, "end_at_step"), &end);
        if (start || (end && end < 10000))
            gp_gen_note(b, "graph-steps-kept",
                        "node %.40s %.40s keeps its start_at_step %llu and end_at_step %llu, which --steps does not "
                        "change: change them with --set",
                        node->id, node->type, (unsigned long long)start, (unsigned long long)end);
    }
}

static gp_status check_places(const gp_gen_backend *b, const gp_gen_request *r, const struct gp_gen_graph *graph,
                              gp_error *err)
{
    GP_TRY(check_sets(b, &graph->graph, err));
    for (size_t i = 0; i < VARIABLES; i++) GP_TRY(check_place(b, r, &graph->graph, &graph->places, i, err));
    if (r->steps) tell_split(b, graph);
    for (size_t i = 0; i < graph->places.kept_count; i++) {
        const gp_comfy_graph_input *input = graph->places.kept[i];
        if (!set_for(b, &graph->graph.nodes[gp_comfy_node_of(&graph->graph, input)], input->name))
            tell_kept(b, &graph->graph, input);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the graph */

/* Fails with the reason why `text` is not a graph that a server accepts.  fault: the parser's reason, or NULL. */
static gp_status fail_graph(const gp_gen_backend *b, const char *text, const char *fault, gp_error *err)
{
    static const char how[] = "in ComfyUI, save it with File > Export (API)";
    char name[300] = "the workflow";
    gp_error why = {0};
    gp_json *json = NULL;
    if (text == b->o.workflow && b->o.workflow_file) snprintf(name, sizeof name, "'%.256s'", b->o.workflow_file);
    gp_status st = gp_json_parse(text, strlen(text), false, 100, &json, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    bool editor = gp_json_kind_of(gp_json_get(json, "nodes")) == GP_JSON_ARRAY;
    gp_json_free(json);
    if (editor) return gp_fail(err, GP_ERR_USAGE, "%s is in the format of ComfyUI's editor: %s", name, how);
    if (st != GP_OK) fault = why.message;
    return gp_fail(err, GP_ERR_USAGE, "%s is not a ComfyUI graph%s%.200s: %s", name, fault ? ": " : "",
                   fault ? fault : "", how);
}

static gp_status open_graph(gp_gen_backend *b, const char *text, gp_error *err)
{
    const char *fault = NULL;
    bool found = false;
    gp_hash hash = text ? gp_hash_of(text, strlen(text)) : (gp_hash){0};
    if (b->graph && !memcmp(&b->graph->hash, &hash, sizeof hash)) return GP_OK;
    gp_gen_graph_free(b->graph);
    b->graph = NULL;
    if (!text)
        return gp_fail(err, GP_ERR_USAGE,
                       "ComfyUI needs a graph: in ComfyUI, save it with File > Export (API), and name the file with "
                       "--workflow FILE");
    struct gp_gen_graph *graph = gp_mem_zero(1, sizeof *graph);
    if (!graph) return gp_fail_memory(err, "a graph");
    gp_status st = gp_comfy_graph_open(text, strlen(text), &graph->graph, &found, &fault, err);
    if (st == GP_OK && found) st = gp_comfy_find_places(&graph->graph, &graph->places, err);
    if (st == GP_OK && found) {
        b->graph = graph;
        b->graph->hash = hash;
        return GP_OK;
    }
    if (found) gp_comfy_graph_close(&graph->graph);
    gp_mem_free(graph);
    return st != GP_OK ? st : fail_graph(b, text, fault, err);
}

void gp_gen_graph_free(struct gp_gen_graph *graph)
{
    if (!graph) return;
    gp_comfy_graph_close(&graph->graph);
    gp_mem_free(graph);
}

typedef struct filling {
    const gp_gen_backend *b;
    const gp_gen_request *r;
    const struct gp_gen_graph *graph;
    const gp_comfy_graph_node *node;
    const char *fresh;
    gp_str *out;
    bool prompt_put, seed_put;
} filling;

/* Returns the variable whose value belongs in the input according to graph->places; VARIABLES: none, or a --set puts
 * the prompt or the negative prompt in other inputs. */
static size_t usual(const filling *f, const char *input)
{
    const gp_places *p = &f->graph->places;
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].input->name != input)
            continue; /* equal name pointers mean the same input, because names are not copied */
        size_t variable = 0;
        while (variables[variable].kind != p->items[i].kind) variable++;
        bool text = p->items[i].kind == GP_PLACE_PROMPT || p->items[i].kind == GP_PLACE_NEGATIVE;
        return text && is_set(f->b, variable) ? VARIABLES : variable;
    }
    return VARIABLES;
}

/* Writes a number, true, false or null as it is, and anything else as a string. */
static void put_plain(gp_str *s, const char *value)
{
    gp_json *plain = NULL;
    bool is_plain =
        gp_json_parse(value, strlen(value), true, 2, &plain, NULL) == GP_OK && gp_json_kind_of(plain) < GP_JSON_STRING;
    if (is_plain)
        gp_str_puts(s, value);
    else
        gp_json_put_string(s, value);
    gp_json_free(plain);
}

static bool put_input(void *user, const char *name, const gp_json *value)
{
    filling *f = user;
    const char *set = set_for(f->b, f->node, name), *prefix = gp_json_text(value, NULL);
    size_t variable = set ? *set == '@' ? find_variable(set) : VARIABLES : usual(f, name);
    gp_json_put_name(f->out, name);
    if (variable < VARIABLES && put_variable(f->r, variable, f->out)) {
        f->prompt_put |= variables[variable].kind == GP_PLACE_PROMPT;
        f->seed_put |= variables[variable].kind == GP_PLACE_SEED;
        return true;
    }
    if (set && *set != '@') {
        put_plain(f->out, set);
    } else if (f->fresh && prefix && !strcmp(name, "filename_prefix")) {
        gp_str mark = GP_STR_INIT;
        gp_str_printf(&mark, "%s-%s", prefix, f->fresh);
        gp_json_put_string(f->out, mark.data ? mark.data : prefix);
        gp_str_clear(&mark);
    } else
        gp_json_write(f->out, value);
    return true;
}

static bool put_member(void *user, const char *name, const gp_json *value)
{
    filling *f = user;
    gp_json_put_name(f->out, name);
    if (strcmp(name, "inputs") != 0) {
        gp_json_write(f->out, value);
        return true;
    }
    gp_str_putc(f->out, '{');
    gp_json_each(value, put_input, f);
    gp_str_putc(f->out, '}');
    return true;
}

/* ------------------------------------------------------------------ reading back */

static gp_status check_prompt(const gp_gen_backend *b, const gp_gen_request *r, const gp_meta *meta, gp_error *err)
{
    bool set = is_set(b, 0), holds = meta->prompt && strstr(meta->prompt, r->prompt);
    if (holds && strcmp(meta->prompt, r->prompt) != 0) {
        gp_gen_note(b, "graph-adds-words", "the workflow adds words to each prompt");
        return GP_OK;
    }
    if (holds || !gp_utf8_valid(r->prompt, strlen(r->prompt))) return GP_OK;
    if (!set)
        return gp_fail(err, GP_ERR_USAGE,
                       "the prompt that goldpan reads in the filled-in workflow is not the requested prompt (%.200s): "
                       "name the input of the prompt with --set NODE.INPUT=@prompt",
                       meta->prompt  ? meta->prompt
                       : meta->where ? meta->where
                                     : "no prompt");
    if (meta->prompt)
        gp_gen_note(b, "graph-other-prompt",
                    "goldpan reads the prompt of the filled-in workflow as '%.100s', not as the prompt from --set",
                    meta->prompt);
    return GP_OK;
}

static gp_status check_seed(const gp_gen_backend *b, const gp_gen_request *r, const gp_meta *meta, gp_error *err)
{
    bool known;
    uint64_t seed = r->seed;
    GP_TRY(gp_gen_read_seed(meta, &known, &seed, err));
    if (!known || (r->has_seed && seed == r->seed)) return GP_OK;
    if (r->has_seed)
        return gp_fail(err, GP_ERR_USAGE,
                       "the workflow keeps its own seed %llu: name the input of the seed with "
                       "--set NODE.INPUT=@seed%s",
                       (unsigned long long)seed,
                       b->o.needs_seed ? "" : ", or keep the workflow's seed with --no-seed -n 1");
    if (b->o.per_prompt < 2) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE,
                   "the workflow has its own seed %llu, which --no-seed keeps, so all images of a prompt would be the "
                   "same: leave out --no-seed, or give -n 1",
                   (unsigned long long)seed);
}

/* Reads the filled-in graph like the graph in a file, and checks its prompt and seed. */
static gp_status read_back(const gp_gen_backend *b, const gp_gen_request *r, const char *text, size_t size,
                           gp_error *err)
{
    gp_meta meta = {0};
    GP_TRY(gp_meta_comfy(text, size, NULL, &meta, err));
    gp_status st = check_prompt(b, r, &meta, err);
    if (st == GP_OK) st = check_seed(b, r, &meta, err);
    gp_meta_clear(&meta);
    return st;
}

gp_status gp_comfy_fill(gp_gen_backend *b, const gp_gen_request *r, const char *fresh, gp_str *out, gp_error *err)
{
    size_t start = out->size;
    GP_TRY(open_graph(b, r->workflow ? r->workflow : b->o.workflow, err));
    GP_TRY(check_places(b, r, b->graph, err));
    filling f = {.b = b, .r = r, .graph = b->graph, .fresh = fresh, .out = out};
    gp_str_putc(out, '{');
    for (size_t i = 0; i < b->graph->graph.count; i++) {
        f.node = &b->graph->graph.nodes[i];
        gp_json_put_name(out, f.node->id);
        gp_str_putc(out, '{');
        gp_json_each(f.node->json, put_member, &f);
        gp_str_putc(out, '}');
    }
    gp_str_putc(out, '}');
    if (out->failed) return gp_fail_memory(err, "a request");
    if (!f.prompt_put) /* another --set replaced the prompt */
        return fail_place(
            &b->graph->graph, GP_PLACE_PROMPT,
            "the workflow does not show where the prompt goes: name its input with --set NODE.INPUT=@prompt", err);
    GP_TRY(read_back(b, r, out->data + start, out->size - start, err));
    return f.seed_put || !r->has_seed ? GP_OK : fail_seed(b, &b->graph->graph, false, err);
}

void gp_comfy_put_body(const gp_str *graph, const char *client, const char *id, gp_str *s)
{
    gp_str_printf(s, "{\"prompt\":%s,\"client_id\":\"%s\"", graph->data, client);
    if (id) gp_gen_put_text(s, "prompt_id", id);
    gp_str_putc(s, '}');
}

gp_gen_request gp_comfy_used(const gp_gen_backend *b, const gp_gen_request *r)
{
    gp_gen_request used = *r;
    for (size_t i = 0; i < VARIABLES; i++) {
        if (has_place(&b->graph->places, variables[i].kind) || is_set(b, i)) continue;
        switch (variables[i].kind) {
        case GP_PLACE_NEGATIVE: used.negative = NULL; break;
        case GP_PLACE_WIDTH: used.width = 0; break;
        case GP_PLACE_HEIGHT: used.height = 0; break;
        case GP_PLACE_STEPS: used.steps = 0; break;
        case GP_PLACE_CFG: used.cfg = NAN; break;
        case GP_PLACE_SAMPLER: used.sampler = NULL; break;
        case GP_PLACE_SCHEDULER: used.scheduler = NULL; break;
        default: break;
        }
    }
    return used;
}

gp_status gp_comfy_check(gp_gen_backend *b, gp_error *err)
{
    gp_str graph = GP_STR_INIT;
    if (b->o.own_workflows && !b->o.workflow) return GP_OK;
    gp_gen_request r = b->o.like ? *b->o.like : (gp_gen_request){.cfg = NAN, .refiner_at = NAN, .hires = NAN};
    r.prompt = "a cat", r.has_seed = !b->o.no_seed, r.seed = 1234567;
    gp_status st = gp_comfy_fill(b, &r, NULL, &graph, err);
    gp_str_clear(&graph);
    return st;
}
