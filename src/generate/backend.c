/* SPDX-License-Identifier: MIT
 * Opening a back end, asking it over HTTP, and the words for what went wrong. */
#include "generate/backend.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/base64.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const gp_gen_protocol_table *const protocols[] = {&gp_gen_comfy, &gp_gen_sdcpp,  &gp_gen_a1111,
                                                         &gp_gen_swarm, &gp_gen_openai, &gp_gen_command};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };
#define MOST_WAIT 3600.0 /* seconds that a server may ask for */
static const double watch_seconds = 1, glance_seconds = 2;

/* ------------------------------------------------------------------ results */

void gp_gen_result_clear(gp_gen_result *r)
{
    gp_bytes_clear(&r->image);
    gp_str_clear(&r->settings);
    *r = (gp_gen_result){0};
}

gp_status gp_gen_say(gp_gen_result *out, gp_gen_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->message, sizeof out->message, format, args);
    va_end(args);
    out->outcome = outcome;
    gp_gen_tidy(out);
    return GP_OK;
}

void gp_gen_tidy(gp_gen_result *out)
{
    size_t size = strlen(out->message);
    for (char *p = out->message; *p; p++)
        if ((unsigned char)*p < ' ') *p = ' ';
    for (int cut = 0; cut < 4 && !gp_utf8_valid(out->message, size); cut++)
        out->message[--size] = 0; /* a letter cut in two */
    for (char *p = out->message; *p && !gp_utf8_valid(out->message, size); p++)
        if ((unsigned char)*p > '~') *p = '?';
}

gp_status gp_gen_take_base64(const gp_json *value, gp_gen_result *out, gp_error *err)
{
    gp_error why = {0};
    size_t size;
    const char *text = gp_json_text(value, &size);
    if (!text) return gp_gen_say(out, GP_GEN_AGAIN, "the answer holds no image");
    gp_bytes_clear(&out->image);
    gp_status st = gp_base64_decode(text, size, &out->image, &why);
    if (st == GP_ERR_MEMORY) return gp_fail(err, st, "%s", why.message);
    if (st != GP_OK) return gp_gen_say(out, GP_GEN_AGAIN, "%s", why.message);
    out->outcome = GP_GEN_GOT;
    return GP_OK;
}

void gp_gen_put_text(gp_str *s, const char *name, const char *value)
{
    if (!value || !*value) return;
    gp_json_put_name(s, name);
    gp_json_put_string(s, value);
}

void gp_gen_put_u64(gp_str *s, const char *name, uint64_t value)
{
    gp_json_put_name(s, name);
    gp_str_printf(s, "%llu", (unsigned long long)value);
}

void gp_gen_put_real(gp_str *s, const char *name, double value)
{
    if (!isfinite(value)) return;
    gp_json_put_name(s, name);
    gp_json_put_real(s, value);
}

void gp_gen_put_picture(gp_str *s, const gp_gen_request *r, const char *negative_name)
{
    gp_json_put_name(s, "prompt");
    gp_json_put_string(s, r->prompt);
    gp_gen_put_text(s, negative_name, r->negative);
    if (r->has_seed) gp_gen_put_u64(s, "seed", r->seed);
    if (r->width) gp_gen_put_u64(s, "width", r->width);
    if (r->height) gp_gen_put_u64(s, "height", r->height);
}

void gp_gen_put_asked(gp_str *s, const gp_gen_request *r)
{
    gp_gen_request plain = *r; /* what not every back end is sent is its own to say */
    plain.model = plain.refiner = NULL;
    plain.refiner_at = plain.hires = NAN;
    if (r->has_seed) gp_gen_put_u64(s, "seed", r->seed);
    gp_gen_put_common(s, &plain);
}

void gp_gen_put_common(gp_str *s, const gp_gen_request *r)
{
    if (r->steps) gp_gen_put_u64(s, "steps", r->steps);
    gp_gen_put_text(s, "sampler", r->sampler);
    gp_gen_put_text(s, "scheduler", r->scheduler);
    gp_gen_put_real(s, "cfg_scale", r->cfg);
    gp_gen_put_text(s, "model", r->model);
    if (r->width) gp_gen_put_u64(s, "width", r->width);
    if (r->height) gp_gen_put_u64(s, "height", r->height);
    gp_gen_put_text(s, "refiner", r->refiner);
    gp_gen_put_real(s, "refiner_switch_at", r->refiner_at);
    gp_gen_put_real(s, "hires", r->hires);
}

/* ------------------------------------------------------------------ over HTTP */

void gp_gen_answer_clear(gp_gen_answer *a)
{
    gp_json_free(a->root);
    gp_json_free(a->wrong);
    *a = (gp_gen_answer){0};
}

bool gp_gen_sleep(const gp_gen_backend *b, double seconds)
{
    return gp_clock_wait(seconds, b->o.go_on, b->o.user);
}

/* What the answer's own words are: {"error": {"message"}}, {"error": "..."}, {"message"}, {"detail"}. */
static const char *words_of(const gp_json *wrong)
{
    static const char *const names[] = {"message", "detail", "details", "error", "errors"};
    const gp_json *error = gp_json_get(wrong, "error");
    for (int i = 0; i < 5; i++) {
        const char *text = gp_json_text(gp_json_get(error, names[i]), NULL);
        if (!text) text = gp_json_text(gp_json_get(wrong, names[i]), NULL);
        if (text) return text;
    }
    return NULL;
}

static bool may_pass(long code)
{
    return code == 408 || code == 425 || code == 429 || code >= 500;
}

/* Asked while an answer is waited for. */
static bool watching(void *user)
{
    gp_gen_backend *b = user;
    if (b->o.go_on && !b->o.go_on(b->o.user)) return false;
    if (!b->protocol || !b->protocol->watch || !b->o.on_part || gp_clock_now() - b->watched < watch_seconds)
        return true;
    b->watched = gp_clock_now();
    b->protocol->watch(b);
    b->watched = gp_clock_now();
    return true;
}

gp_json *gp_gen_glance(gp_gen_backend *b, const char *path)
{
    gp_http_response r = {0};
    gp_json *json = NULL;
    gp_str url = GP_STR_INIT;
    gp_str_printf(&url, "%s%s", b->address, path);
    if (!b->second && gp_http_open(&b->second, NULL) != GP_OK) b->second = NULL;
    gp_http_request q = {.url = url.data,
                         .method = "GET",
                         .token = b->o.token,
                         .login = b->login,
                         .once = true,
                         .timeout = glance_seconds};
    if (b->second && !url.failed && gp_http_send(b->second, &q, &r, NULL) == GP_OK && r.code == 200 && r.body.data)
        (void)gp_json_parse(r.body.data, r.body.size, false, 64, &json, NULL); /* nothing hangs on it */
    gp_http_response_clear(&r);
    gp_str_clear(&url);
    return json;
}

static gp_status request(gp_gen_backend *b, const char *path, const char *body, gp_http_response *response,
                         gp_gen_result *out, gp_error *err)
{
    gp_error why = {0};
    gp_str url = GP_STR_INIT;
    size_t length = strlen(b->address);
    bool whole = gp_str_starts(path, "http://") || gp_str_starts(path, "https://");
    bool own = !whole || (gp_str_starts(path, b->address) && (path[length] == '/' || !path[length]));
    if (!whole && *path != '/') return gp_gen_say(out, GP_GEN_FAILED, "'%.200s' is no web address", path);
    gp_str_printf(&url, "%s%s", whole ? "" : b->address, path);
    if (url.failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a web address");
    gp_http_request q = {.url = url.data,
                         .method = body ? "POST" : "GET",
                         .json = body,
                         .token = own ? b->o.token : NULL,
                         .login = own ? b->login : NULL,
                         .once = true,
                         .follow = !body,
                         .timeout = b->o.timeout,
                         .progress = watching,
                         .user = b};
    b->watched = gp_clock_now();
    gp_status st = gp_http_send(b->http, &q, response, &why);
    gp_str_clear(&url);
    if (st == GP_ERR_STOPPED || st == GP_ERR_MEMORY) return gp_fail(err, st, "%s", why.message);
    out->wait = 0;
    if (st == GP_ERR_USAGE) return gp_gen_say(out, GP_GEN_FAILED, "%s", why.message);
    if (st != GP_OK) return gp_gen_say(out, GP_GEN_AGAIN, "%s", why.message);
    char *wait = gp_http_header(response, "retry-after");
    double seconds;
    if (wait && gp_parse_double(wait, &seconds) && seconds > 0) out->wait = fmin(seconds, MOST_WAIT);
    gp_mem_free(wait);
    out->outcome = GP_GEN_GOT;
    return GP_OK;
}

gp_status gp_gen_ask(gp_gen_backend *b, const char *path, const char *body, gp_gen_answer *answer, gp_gen_result *out,
                     gp_error *err)
{
    gp_http_response r = {0};
    gp_json *json = NULL;
    gp_error why = {0};
    *answer = (gp_gen_answer){0};
    GP_TRY(request(b, path, body, &r, out, err));
    if (out->outcome != GP_GEN_GOT) return GP_OK;
    answer->code = r.code;
    gp_status st = gp_json_parse(r.body.data ? r.body.data : "", r.body.size, false, 64, &json, &why);
    if (st == GP_ERR_MEMORY) gp_fail(err, st, "%s", why.message);
    if (r.code >= 200 && r.code < 300) {
        answer->root = json;
        if (!json && st != GP_ERR_MEMORY)
            gp_gen_say(out, GP_GEN_AGAIN, "'%s' answers what is not JSON (%.100s)", path, why.message);
    } else {
        const char *words = words_of(json);
        answer->wrong = json;
        gp_gen_say(out, may_pass(r.code) ? GP_GEN_AGAIN : GP_GEN_FAILED, "'%s' answers %ld%s%.250s", path, r.code,
                   words ? ": " : "", words ? words : "");
    }
    gp_http_response_clear(&r);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

gp_status gp_gen_fetch(gp_gen_backend *b, const char *path, gp_gen_result *out, gp_error *err)
{
    gp_http_response r = {0};
    GP_TRY(request(b, path, NULL, &r, out, err));
    if (out->outcome != GP_GEN_GOT) return GP_OK;
    if (r.code == 200) {
        gp_bytes_clear(&out->image);
        out->image.size = r.body.size;
        if (!(out->image.data = gp_mem_new(r.body.size + 1, 1))) {
            gp_http_response_clear(&r);
            return gp_fail(err, GP_ERR_MEMORY, "out of memory for an image");
        }
        memcpy(out->image.data, r.body.data ? r.body.data : "", r.body.size);
        out->image.data[r.body.size] = 0;
    } else
        gp_gen_say(out, may_pass(r.code) ? GP_GEN_AGAIN : GP_GEN_FAILED, "the image's address answers %ld", r.code);
    gp_http_response_clear(&r);
    return GP_OK;
}

/* ------------------------------------------------------------------ opening */

static const gp_gen_protocol_table *by_name(const char *name)
{
    for (size_t i = 0; i < PROTOCOLS; i++)
        if (gp_str_equal_nocase(protocols[i]->name, name)) return protocols[i];
    return NULL;
}

/* Who is there?  Asked in the order of the table: what speaks several protocols is best spoken to in its own. */
static gp_status find_out(gp_gen_backend *b, gp_error *err)
{
    gp_gen_result last = {0};
    for (size_t i = 0; i < PROTOCOLS; i++) {
        gp_gen_answer answer;
        if (!protocols[i]->probe) continue;
        GP_TRY(gp_gen_ask(b, protocols[i]->probe, NULL, &answer, &last, err));
        bool there = answer.root != NULL || answer.code == 401;
        bool nobody = answer.code == 0;
        gp_gen_answer_clear(&answer);
        if (there) {
            b->protocol = protocols[i];
            return GP_OK;
        }
        if (nobody) return gp_fail(err, GP_ERR_NETWORK, "%s", last.message);
    }
    return gp_fail(err, GP_ERR_USAGE, "'%s' answers, but speaks no protocol known here: --protocol says which",
                   b->address);
}

void gp_gen_close(gp_gen_backend *b)
{
    if (!b) return;
    gp_http_close(b->second);
    gp_http_close(b->http);
    gp_mem_free(b->session);
    gp_mem_free(b->login);
    gp_mem_free(b->address);
    gp_mem_free(b);
}

const char *gp_gen_protocol(const gp_gen_backend *b)
{
    return b->protocol->name;
}

bool gp_gen_can(const gp_gen_backend *b, unsigned what)
{
    return (b->protocol->can & what) != 0;
}

/* http://user:password@host: they go where no message shows them.  Percent signs stay as they are. */
static bool take_login(gp_gen_backend *b)
{
    char *host = strstr(b->address, "://"), *at = host ? strchr(host, '@') : NULL;
    if (b->o.login) b->login = gp_str_dup(b->o.login);
    if (!host || !at || memchr(host + 3, '/', (size_t)(at - host - 3))) return !b->o.login || b->login;
    if (!b->login) b->login = gp_str_dup_n(host + 3, (size_t)(at - host - 3));
    memmove(host + 3, at + 1, strlen(at + 1) + 1);
    return b->login != NULL;
}

gp_status gp_gen_open(const gp_gen_options *o, gp_gen_backend **out, gp_error *err)
{
    gp_gen_backend *b = gp_mem_zero(1, sizeof *b);
    gp_status st = GP_OK;
    if (!b || !(b->address = gp_str_dup(o->address)))
        GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for a back end"));
    b->o = *o;
    bool web = gp_str_starts(o->address, "http://") || gp_str_starts(o->address, "https://");
    for (size_t n = strlen(b->address); web && n && b->address[n - 1] == '/';) b->address[--n] = 0;
    if (web && !take_login(b)) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for a back end"));
    if (o->protocol && !(b->protocol = by_name(o->protocol)))
        GP_GO(gp_fail(err, GP_ERR_USAGE, "no protocol '%s': a1111, comfyui, sdcpp, swarmui, openai, command",
                      o->protocol));
    if (!b->protocol && !web) b->protocol = &gp_gen_command;
    if (!b->protocol && gp_str_ends(b->address, "/v1")) b->protocol = &gp_gen_openai; /* as clients of it are told */
    if (b->protocol == &gp_gen_command) {
        if (!strstr(o->address, "{out}") || !strstr(o->address, "{prompt}"))
            GP_GO(gp_fail(err, GP_ERR_USAGE, "a command needs {prompt} and {out} in it: '%s'", o->address));
    } else if (!web)
        GP_GO(gp_fail(err, GP_ERR_USAGE, "'%s' is no http or https address", o->address));
    GP_GO(gp_http_open(&b->http, err));
    if (!b->protocol) GP_GO(find_out(b, err));
    *out = b;
    b = NULL;
out:
    gp_gen_close(b);
    return st;
}

gp_status gp_gen_make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *result, gp_error *err)
{
    *result = (gp_gen_result){0};
    gp_status st = b->protocol->make(b, r, result, err);
    if (st == GP_OK && result->settings.failed) st = gp_fail(err, GP_ERR_MEMORY, "out of memory for the settings");
    if (st != GP_OK) gp_gen_result_clear(result);
    return st;
}
