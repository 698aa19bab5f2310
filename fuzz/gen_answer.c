/* SPDX-License-Identifier: MIT
 * Responses of generators.  The first line names the protocol.  Each line "%%% CODE" begins a response; its first
 * lines, up to an empty line, are its header lines.  One image is requested.  The requests get the responses in turn,
 * and the run is stopped after the last response.  For every input: a login or token goes only to the generator's
 * own address, settings are a JSON object, and an error has a message. */
#include "generate/backend.h"
#include "net/http_head.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDRESS "http://g.example:7860"
enum { MOST_REQUESTS = 24 };
static const char graph[] = "{\"1\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"x\"}},"
                            "\"3\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":64,\"height\":64}},"
                            "\"2\":{\"class_type\":\"KSampler\",\"inputs\":{\"positive\":[\"1\",0],\"latent_image\":["
                            "\"3\",0],\"seed\":1,\"steps\":2}}}";

static struct {
    char *at; /* the responses that were not used yet, or NULL */
    int asked;
} input;

static void check(bool holds)
{
    if (!holds) abort();
}

/* Removes the next response from the input and returns its text. Returns NULL if no response is left. */
static char *next_answer(long *code)
{
    char *begin = input.at;
    if (!begin) return NULL;
    char *end = strstr(begin, "\n%%% ");
    input.at = end ? end + 5 : NULL;
    if (end) *end = 0;
    char *line = strchr(begin, '\n');
    *code = strtol(begin, NULL, 10) % 1000;
    return line ? line + 1 : begin + strlen(begin);
}

/* Returns the fuzzed result of a request: a network error, or header lines and a body. */
static gp_status answer(gp_http *http, const gp_http_request *q, gp_http_response *response, gp_error *err)
{
    long code = 0;
    (void)http;
    char *text = next_answer(&code);
    check(gp_str_starts(q->url, "http://") || gp_str_starts(q->url, "https://"));
    bool own = gp_str_starts(q->url, ADDRESS "/");
    check(own || (!q->token && !q->login));
    check(!q->json || own);
    *response = (gp_http_response){0};
    if (!text || ++input.asked > MOST_REQUESTS) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (code <= 0) return gp_fail(err, GP_ERR_NETWORK, "the connection broke");
    response->code = code;
    for (char *line; *text && *text != '\n'; text = line) {
        line = strchr(text, '\n');
        if (!line) line = text + strlen(text) - 1;
        line++;
        gp_head_add(&response->headers, text, (size_t)(line - text));
    }
    if (*text) gp_str_puts(&response->body, text + 1);
    return GP_OK;
}

static bool go_on(void *user)
{
    (void)user;
    return input.at != NULL;
}

static void check_result(gp_gen_result *r)
{
    gp_json *settings = NULL;
    gp_str s = GP_STR_INIT;
    check(r->wait >= 0 && !isnan(r->wait));
    check(memchr(r->message, 0, sizeof r->message) && gp_utf8_valid(r->message, strlen(r->message)));
    check(!strpbrk(r->message, "\n\r\t"));
    if (r->outcome == GP_GEN_DONE) {
        gp_str_printf(&s, "{%s}", r->settings.data ? r->settings.data : "");
        check(gp_json_parse(s.data, s.size, false, 64, &settings, NULL) == GP_OK);
        check(r->image.data && r->image.data[r->image.size] == 0);
    } else {
        check(*r->message);
    }
    gp_json_free(settings);
    gp_str_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const gp_gen_protocol_table *const protocols[] = {&gp_gen_a1111, &gp_gen_comfy, &gp_gen_sdcpp, &gp_gen_swarm,
                                                             &gp_gen_openai};
    const gp_gen_protocol_table *protocol = NULL;
    char *text = gp_str_dup_n((const char *)data, size);
    char *first = text ? strstr(text, "\n%%% ") : NULL;
    if (first) {
        *first = 0;
        for (size_t i = 0; i < 5; i++)
            if (!strcmp(protocols[i]->name, text)) protocol = protocols[i];
    }
    if (protocol) {
        gp_gen_result r = {0};
        gp_gen_backend b = {
            .protocol = protocol, .can = protocol->can, .address = gp_str_dup(ADDRESS), .send = answer, .pace = 0};
        b.o = (gp_gen_options){.token = "secret", .workflow = graph, .go_on = go_on};
        b.login = gp_str_dup("me:secret");
        input.at = first + 5, input.asked = 0;
        gp_gen_request q = {.key = "0123456789abcdef0123456789abcdef", .prompt = "a cat", .has_seed = true, .seed = 7};
        q.cfg = q.refiner_at = q.hires = NAN;
        gp_status st = gp_gen_make(&b, &q, &r, NULL);
        check(st == GP_OK || st == GP_ERR_STOPPED || st == GP_ERR_MEMORY);
        if (st == GP_OK) check_result(&r);
        gp_gen_result_clear(&r);
        gp_gen_graph_free(b.graph);
        gp_json_free(b.queue);
        gp_mem_free(b.session);
        gp_mem_free(b.login);
        gp_mem_free(b.address);
    }
    gp_mem_free(text);
    return 0;
}
