/* SPDX-License-Identifier: MIT
 * Reads the prompt of a ComfyUI graph. Node ids and most class names say nothing about a node's role, so the reader
 * follows links:
 *
 *   the node that wrote the file -> the sampler that made its image from noise -> its "positive" input ->
 *   nodes that pass conditioning on -> text encoders -> text
 *
 * Each step should have one result. If it has several (savers with unclear names, two samplers in one image) and their
 * texts are equal, that text is the prompt. If their texts differ, there is no prompt. A prompt found in this way is
 * GP_EVIDENCE_DERIVED. */
#include "base/mem.h"
#include "metadata/comfy_private.h"
#include <stdio.h>
#include <string.h>

enum { MAX_JSON_DEPTH = 100 };

/* The prompts and settings of the image that one saver saved or that one sampler made. A saver is a node that saves an
 * image. */
typedef struct answer {
    gp_evidence evidence;
    char *where, *prompt, *negative; /* owned; `where` is never NULL in a complete answer */
    char *settings;                  /* owned, a JSON object */
} answer;

static void answer_clear(answer *a)
{
    gp_mem_free(a->where);
    gp_mem_free(a->prompt);
    gp_mem_free(a->negative);
    gp_mem_free(a->settings);
    *a = (answer){0};
}

/* ------------------------------------------------------------------ where */

static void put_node(gp_str *out, const gp_comfy_graph_node *node)
{
    gp_str_printf(out, "node %.100s %.100s", node->id, node->type);
    if (node->title && strcmp(node->title, node->type) != 0) gp_str_printf(out, " '%.100s'", node->title);
}

static char *finish(gp_str *text)
{
    char *raw = gp_str_take(text), *safe = raw ? gp_meta_text(raw, strlen(raw), false) : NULL;
    gp_mem_free(raw);
    return safe;
}

/* Returns "node 6 CLIPTextEncode 'Positive' and 2 more", or why there is no text. `nothing`: the reason if no node was
 * reached. */
static char *place_of(const gp_comfy_graph *g, const gp_comfy_words *w, const char *before, const char *nothing)
{
    gp_str where = GP_STR_INIT;
    if (w->failed && w->unknown < g->count) {
        gp_str_puts(&where, "no prompt: the text of ");
        put_node(&where, &g->nodes[w->unknown]);
        gp_str_puts(&where, " is not in the file");
    } else if (w->failed) {
        gp_str_puts(&where, "no prompt: the graph does not tell which text was used");
    } else if (w->first == SIZE_MAX) {
        gp_str_printf(&where, "no prompt: %s", w->empty ? "its text is empty" : nothing);
    } else {
        gp_str_puts(&where, before);
        put_node(&where, &g->nodes[w->first]);
        if (w->nodes > 1) gp_str_printf(&where, " and %zu more", w->nodes - 1);
        if (w->guess) gp_str_printf(&where, " (%s)", w->guess);
    }
    return finish(&where);
}

/* ------------------------------------------------------------------ results */

/* Moves the collected texts into the result. If a part of the positive or of the negative prompt is unknown, that
 * prompt stays empty. */
static gp_status take_words(gp_comfy *c, const gp_comfy_words *positive, const gp_comfy_words *negative,
                            const char *before, const char *nothing, answer *out, gp_error *err)
{
    if (positive->text.failed || (negative && negative->text.failed)) return gp_fail_memory(err, "metadata");
    bool has_positive = !positive->failed && positive->text.size,
         has_negative = negative && !negative->failed && negative->text.size;
    if (has_positive) out->prompt = gp_meta_text(positive->text.data, positive->text.size, false);
    if (has_negative) out->negative = gp_meta_text(negative->text.data, negative->text.size, false);
    out->where = place_of(c->graph, positive, before, nothing);
    if (!out->where || (has_positive && !out->prompt) || (has_negative && !out->negative))
        return gp_fail_memory(err, "metadata");
    out->evidence = !has_positive ? GP_EVIDENCE_NONE : positive->guess ? GP_EVIDENCE_GUESS : GP_EVIDENCE_DERIVED;
    if (has_positive && !*out->prompt) { /* the text begins with a NUL */
        gp_mem_free(out->prompt);
        out->prompt = NULL, out->evidence = GP_EVIDENCE_NONE;
    }
    if (has_negative && !*out->negative) gp_mem_free(out->negative), out->negative = NULL;
    return GP_OK;
}

/* Finds the prompts of one sampler, without its settings. *first: the first node that contributed text, or SIZE_MAX. */
static gp_status find_prompts(gp_comfy *c, size_t sampler, answer *out, size_t *first, gp_error *err)
{
    gp_comfy_words positive = GP_COMFY_WORDS_INIT, negative = GP_COMFY_WORDS_INIT;
    gp_comfy_collect(c, sampler, "positive", &positive);
    gp_comfy_collect(c, sampler, "negative", &negative);
    gp_status st = take_words(c, &positive, &negative, "", "no text leads to the sampler", out, err);
    *first = positive.first;
    gp_str_clear(&negative.text);
    gp_str_clear(&positive.text);
    if (st != GP_OK) answer_clear(out);
    return st;
}

/* Finds the prompts and settings of the image that one sampler made. */
static gp_status answer_for_sampler(gp_comfy *c, size_t output, size_t sampler, answer *out, gp_error *err)
{
    gp_settings settings = GP_SETTINGS_INIT;
    size_t first;
    GP_TRY(find_prompts(c, sampler, out, &first, err));
    gp_comfy_put_settings(c, output, sampler, first, &settings);
    out->settings = gp_settings_take(&settings);
    if (out->settings) return GP_OK;
    answer_clear(out);
    return gp_fail_memory(err, "metadata");
}

typedef struct common {
    const gp_json *other;
    gp_settings out;
} common;

static bool keep_common(void *user, const char *key, const gp_json *value)
{
    common *c = user;
    gp_str mine = GP_STR_INIT, other = GP_STR_INIT;
    gp_json_write(&mine, value);
    gp_json_write(&other, gp_json_get(c->other, key));
    const char *text = gp_json_text(value, NULL);
    c->out.json.failed |= mine.failed || other.failed;
    if (mine.data && other.data && strcmp(mine.data, other.data) == 0) {
        if (text)
            gp_settings_text(&c->out, key, text, strlen(text));
        else
            gp_settings_number(&c->out, key, mine.data, mine.size);
    }
    gp_str_clear(&mine);
    gp_str_clear(&other);
    return true;
}

/* Keeps only the settings that are equal in both results. */
static gp_status keep_common_settings(char **mine, const char *other, gp_error *err)
{
    gp_json *a = NULL, *b = NULL;
    gp_status st = GP_OK;
    common c = {.out = GP_SETTINGS_INIT};
    if (strcmp(*mine, other) == 0) return GP_OK;
    GP_TRY_GOTO(gp_json_parse(*mine, strlen(*mine), false, 4, &a, err));
    GP_TRY_GOTO(gp_json_parse(other, strlen(other), false, 4, &b, err));
    c.other = b;
    gp_json_each(a, keep_common, &c);
    char *both = gp_settings_take(&c.out);
    if (!both) GP_TRY_GOTO(gp_fail_memory(err, "metadata"));
    gp_mem_free(*mine);
    *mine = both;
out:
    gp_settings_clear(&c.out);
    gp_json_free(b);
    gp_json_free(a);
    return st;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Merges the result *one into *all, and clears *one. The first result is moved to *all. After that, *all keeps only
 * what *all and *one have in common. */
static gp_status merge_answers(answer *all, answer *one, const char *differ, gp_error *err)
{
    gp_status st = GP_OK;
    if (!all->where) {
        *all = *one;
        return GP_OK;
    }
    GP_TRY_GOTO(keep_common_settings(&all->settings, one->settings, err));
    if (!same(all->negative, one->negative)) gp_mem_free(all->negative), all->negative = NULL;
    if (one->evidence < all->evidence) all->evidence = one->evidence;
    if (same(all->prompt, one->prompt)) goto out;
    gp_mem_free(all->prompt);
    gp_mem_free(all->where);
    all->prompt = NULL;
    all->evidence = GP_EVIDENCE_NONE;
    all->where = gp_str_dup(differ);
    if (!all->where) st = gp_fail_memory(err, "metadata");
out:
    answer_clear(one);
    return st;
}

/* Sets a result without a prompt. */
static gp_status answer_without_prompt(const char *why, answer *out, gp_error *err)
{
    out->where = gp_str_dup(why);
    out->settings = gp_str_dup("{}");
    if (out->where && out->settings) return GP_OK;
    answer_clear(out);
    return gp_fail_memory(err, "metadata");
}

static bool is_loader(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"image", "img", "picture", "photo"};
    return gp_comfy_named(node, "load") && GP_GRAPH_HAS_WORD(node->type, words);
}

/* Returns true if the node has a text input, so that it may have generated an image. */
static bool has_words(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"prompt", "text", "positive"};
    for (size_t i = 0; i < node->input_count; i++)
        if (GP_GRAPH_HAS_WORD(node->inputs[i].name, words)) return true;
    return false;
}

/* Finds the node that loaded the saved image from a file, or SIZE_MAX. */
static size_t find_loader(gp_comfy_graph *g, size_t output)
{
    size_t at = gp_comfy_graph_nearest(g, output, true, is_loader);
    for (size_t p = at; p != SIZE_MAX; p = g->parent[p])
        if (has_words(&g->nodes[p])) return SIZE_MAX;
    return at;
}

/* Sets the result if no sampler is on a path to the node `output`. */
static gp_status answer_without_sampler(gp_comfy *c, size_t output, answer *out, gp_error *err)
{
    gp_str why = GP_STR_INIT;
    size_t loader = find_loader(c->graph, output);
    if (loader == SIZE_MAX) return answer_without_prompt("no prompt: no sampler made this image", out, err);
    gp_str_puts(&why, "no prompt: the saved image was loaded from a file by ");
    put_node(&why, &c->graph->nodes[loader]);
    char *text = finish(&why);
    gp_status st = text ? answer_without_prompt(text, out, err) : gp_fail_memory(err, "metadata");
    gp_mem_free(text);
    return st;
}

/* Handles an image made of parts from several samplers. If a later sampler reworks the whole image, the prompt of that
 * sampler may describe the whole image. */
static gp_status try_last_pass(gp_comfy *c, const gp_comfy_makers *m, answer *out, gp_error *err)
{
    answer last = {0};
    size_t first;
    if (m->last == SIZE_MAX || gp_comfy_reworks(&c->graph->nodes[m->last])) return GP_OK;
    GP_TRY(find_prompts(c, m->last, &last, &first, err));
    if (last.prompt) {
        last.settings = out->settings, out->settings = NULL;
        answer_clear(out);
        *out = last;
        out->evidence = GP_EVIDENCE_GUESS;
        return GP_OK;
    }
    answer_clear(&last);
    return GP_OK;
}

/* Makes the result a guess if a later pass has another prompt and its denoise is high or unknown, because that pass may
 * have replaced the image. */
static gp_status check_later_passes(gp_comfy *c, const gp_comfy_makers *m, answer *out, gp_error *err)
{
    for (size_t i = 0; i < m->strong_count && out->prompt && out->evidence != GP_EVIDENCE_GUESS; i++) {
        answer pass = {0};
        size_t first;
        GP_TRY(find_prompts(c, m->strong[i], &pass, &first, err));
        if (!same(pass.prompt, out->prompt)) out->evidence = GP_EVIDENCE_GUESS;
        answer_clear(&pass);
    }
    return GP_OK;
}

/* Finds the prompts and settings of the image that one saver saved. */
static gp_status answer_for_saver(gp_comfy *c, size_t output, answer *out, gp_error *err)
{
    gp_comfy_makers m;
    gp_status st = GP_OK;
    gp_comfy_find_makers(c, output, &m);
    if (!m.count) return answer_without_sampler(c, output, out, err);
    for (size_t i = 0; i < m.count; i++) {
        answer one = {0};
        GP_TRY_GOTO(answer_for_sampler(c, output, m.nodes[i], &one, err));
        GP_TRY_GOTO(merge_answers(out, &one, "no prompt: samplers with different prompts made this image", err));
    }
    if (m.count > 1 && !out->prompt) GP_TRY_GOTO(try_last_pass(c, &m, out, err));
    GP_TRY_GOTO(check_later_passes(c, &m, out, err));
    if (m.incomplete && out->prompt) out->evidence = GP_EVIDENCE_GUESS;
out:
    if (st != GP_OK) answer_clear(out);
    return st;
}

/* Counts the samplers of the graph, but stops at 2. *sampler: the last sampler that was counted. */
static int count_samplers(const gp_comfy_graph *g, size_t *sampler)
{
    int count = 0;
    for (size_t i = 0; i < g->count && count < 2; i++)
        if (gp_comfy_is_sampler(&g->nodes[i])) *sampler = i, count++;
    return count;
}

/* Handles a graph without a saver that could have written the file. Uses its only sampler (if `samplers` is 1) or its
 * only encoder, as a guess. */
static gp_status answer_for_graph(gp_comfy *c, int samplers, size_t sampler, answer *out, gp_error *err)
{
    if (samplers == 1) {
        GP_TRY(answer_for_sampler(c, SIZE_MAX, sampler, out, err));
    } else if (samplers) {
        return answer_without_prompt("no prompt: the graph does not tell which sampler made this image", out, err);
    } else {
        gp_comfy_words words = GP_COMFY_WORDS_INIT;
        gp_comfy_collect_unsorted(c, &words);
        gp_status st = take_words(c, &words, NULL, "unsorted: ", "the graph has no sampler", out, err);
        gp_str_clear(&words.text);
        if (st == GP_OK && !(out->settings = gp_str_dup("{}"))) st = gp_fail_memory(err, "metadata");
        if (st != GP_OK) answer_clear(out);
        if (st != GP_OK) return st;
    }
    if (out->prompt) out->evidence = GP_EVIDENCE_GUESS;
    return GP_OK;
}

static gp_status find_answer(gp_comfy *c, answer *out, gp_error *err)
{
    gp_comfy_savers savers;
    gp_status st = GP_OK;
    size_t sampler = SIZE_MAX;
    int samplers = count_samplers(c->graph, &sampler);
    GP_TRY(gp_comfy_find_savers(c, &savers, err));
    if (!samplers && savers.count == 1 && find_loader(c->graph, savers.nodes[0]) != SIZE_MAX)
        return answer_without_sampler(c, savers.nodes[0], out, err);
    if (!savers.count || !samplers) return answer_for_graph(c, samplers, sampler, out, err);
    if (savers.more) return answer_without_prompt("no prompt: too many nodes may have saved this image", out, err);
    for (size_t i = 0; i < savers.count; i++) {
        answer one = {0};
        GP_TRY_GOTO(answer_for_saver(c, savers.nodes[i], &one, err));
        GP_TRY_GOTO(merge_answers(
            out, &one,
            "no prompt: several nodes saved images with different prompts, and the file name does not show which"
            " node saved this file",
            err));
    }
out:
    if (st != GP_OK) answer_clear(out);
    return st;
}

/* ------------------------------------------------------------------ the reader */

static gp_status read_graph(gp_comfy *c, gp_meta *meta, gp_error *err)
{
    answer a = {0};
    GP_TRY(find_answer(c, &a, err));
    meta->found = true;
    meta->tool = gp_str_dup("comfyui");
    meta->evidence = a.evidence;
    meta->where = a.where, meta->prompt = a.prompt, meta->negative = a.negative, meta->settings_json = a.settings;
    return meta->tool ? GP_OK : gp_fail_memory(err, "metadata");
}

gp_status gp_meta_without_graph(const char *why, gp_meta *out, gp_error *err)
{
    gp_str where = GP_STR_INIT;
    gp_str_printf(&where, "no prompt: %s", why);
    gp_meta meta = {.found = true, .broken = true, .tool = gp_str_dup("comfyui"), .settings_json = gp_str_dup("{}")};
    meta.where = gp_str_take(&where);
    *out = meta;
    if (meta.tool && meta.where && meta.settings_json) return GP_OK;
    gp_meta_clear(out);
    return gp_fail_memory(err, "metadata");
}

/* Parses the editor's graph if one of the nodes may have stored its text there. *out is NULL otherwise. */
static gp_status read_workflow(const gp_comfy_graph *g, const gp_comfy_file *file, gp_json **out, gp_error *err)
{
    gp_error ignored = {0};
    *out = NULL;
    if (!file || !file->workflow || !gp_comfy_graph_reads_workflow(g)) return GP_OK;
    if (file->workflow_size > GP_META_MAX_JSON) return GP_OK;
    if (gp_json_parse(file->workflow, file->workflow_size, false, MAX_JSON_DEPTH, out, &ignored) == GP_ERR_MEMORY)
        return gp_fail_memory(err, "metadata");
    return GP_OK;
}

gp_status gp_meta_comfy(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err)
{
    gp_comfy_graph g;
    gp_meta meta = {0};
    gp_json *workflow = NULL;
    bool found;
    const char *fault;
    *out = (gp_meta){0};
    size_t blank = 0;
    while (blank < size && (text[blank] == ' ' || text[blank] == '\n' || text[blank] == '\r' || text[blank] == '\t'))
        blank++;
    if (blank == size || text[blank] != '{')
        return GP_OK; /* quick test, because most texts that are not a graph do not begin with '{' */
    bool large = size > GP_META_MAX_JSON;
    if (large && memmem(text, size, "\"class_type\"", strlen("\"class_type\"")))
        return gp_meta_without_graph("the graph is larger than 8 MiB", out, err);
    if (large) return GP_OK;
    GP_TRY(gp_comfy_graph_open(text, size, &g, &found, &fault, err));
    if (!found) return fault ? gp_meta_without_graph(fault, out, err) : GP_OK;
    gp_status st = read_workflow(&g, file, &workflow, err);
    gp_comfy c = {&g, file ? file->path : NULL, workflow, GP_COMFY_WALKS};
    if (st == GP_OK) st = read_graph(&c, &meta, err);
    gp_json_free(workflow);
    gp_comfy_graph_close(&g);
    if (st)
        gp_meta_clear(&meta);
    else
        *out = meta;
    return st;
}
