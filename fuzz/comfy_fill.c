/* SPDX-License-Identifier: MIT
 * --workflow and --set: lines of NODE.INPUT=VALUE, an empty line, then a graph.  If the graph can be filled in, the
 * request is valid JSON that contains the prompt, and filling in again gives the same request.  Otherwise the error has
 * a message. */
#include "generate/comfy_fill.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_SETS = 70 };
static const char prompt[] = "a \"red\" cat\n\xc3\xa9";

static void check(bool holds)
{
    if (!holds) abort();
}

static bool has_prompt(void *user, const char *name, const gp_json *value)
{
    bool *found = user;
    const char *text = gp_json_text(value, NULL);
    (void)name;
    *found = *found || (text && !strcmp(text, prompt));
    return !*found;
}

static bool in_node(void *user, const char *id, const gp_json *node)
{
    (void)id;
    gp_json_each(gp_json_get(node, "inputs"), has_prompt, user);
    return !*(bool *)user;
}

static void check_body(const gp_str *body)
{
    gp_json *root = NULL;
    bool found = false;
    check(gp_json_parse(body->data, body->size, false, 80, &root, NULL) == GP_OK);
    gp_json_each(gp_json_get(root, "prompt"), in_node, &found);
    check(found);
    check(!strcmp(gp_json_text(gp_json_get(root, "prompt_id"), NULL), "the-id"));
    gp_json_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *sets[MOST_SETS];
    size_t count = 0;
    char *text = gp_str_dup_n((const char *)data, size), *graph = text;
    if (!text) return 0;
    while (*graph && *graph != '\n' && count < MOST_SETS) {
        sets[count++] = graph;
        graph += strcspn(graph, "\n");
        if (*graph) *graph++ = 0;
    }
    if (*graph) graph++;
    gp_gen_backend b = {.o = {.workflow = graph, .set = sets, .set_count = count}};
    gp_gen_request q = {.key = "k", .prompt = prompt, .negative = "blurry", .has_seed = true, .seed = UINT64_MAX};
    q.width = 640, q.steps = 20, q.cfg = 7.5, q.refiner_at = q.hires = NAN, q.sampler = "euler";
    gp_str filled = GP_STR_INIT, body = GP_STR_INIT, again = GP_STR_INIT;
    gp_error err = {0};
    gp_status st = gp_comfy_fill(&b, &q, NULL, &filled, &err);
    check(st == GP_OK || ((st == GP_ERR_USAGE || st == GP_ERR_FORMAT || st == GP_ERR_LIMIT) && *err.message));
    if (st == GP_OK) {
        gp_comfy_put_body(&filled, "goldpan", "the-id", &body);
        check(!body.failed);
        check_body(&body);
        check(gp_comfy_fill(&b, &q, NULL, &again, NULL) == GP_OK);
        check(again.size == filled.size && !memcmp(again.data, filled.data, filled.size));
    }
    gp_gen_graph_free(b.graph);
    gp_str_clear(&again);
    gp_str_clear(&body);
    gp_str_clear(&filled);
    gp_mem_free(text);
    return 0;
}
