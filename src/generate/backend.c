/* SPDX-License-Identifier: MIT
 * Sends requests to a back end over HTTP, and writes its error messages. */
#include "generate/backend.h"

#include "base/clock.h"
#include "base/mem.h"
#include "generate/comfy_socket.h"
#include "net/base64.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Seconds between two calls of `watch`, and the time limit of each poll.  A stop takes effect within a second. */
static const double watch_seconds = 1, glance_seconds = 0.8;

/* ------------------------------------------------------------------ results */

/* Makes a text one line of valid UTF-8. */
static void make_line(char *text)
{
    size_t size = strlen(text);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ') *p = ' ';
    for (int cut = 0; cut < 4 && size && !gp_utf8_valid(text, size); cut++)
        text[--size] = 0; /* a truncated character */
    for (char *p = text; *p && !gp_utf8_valid(text, size); p++)
        if ((unsigned char)*p > '~') *p = '?';
}

void gp_gen_drop_images(gp_gen_result *r)
{
    for (size_t i = 0; i < r->extra_count; i++) gp_bytes_clear(&r->extras[i].image);
    gp_mem_free(r->extras);
    r->extras = NULL, r->extra_count = 0;
    gp_bytes_clear(&r->image);
}

gp_status gp_gen_add_extra(gp_gen_result *out, gp_error *err)
{
    if (out->extra_count == GP_GEN_MOST_EXTRAS) {
        gp_bytes_clear(&out->image);
        return GP_OK;
    }
    gp_gen_extra *extras = gp_mem_resize(out->extras, out->extra_count + 1, sizeof *extras);
    if (!extras) return gp_fail_memory(err, "a batch");
    out->extras = extras, out->extras[out->extra_count++] = (gp_gen_extra){.image = out->image};
    out->image = (gp_bytes){0};
    return GP_OK;
}

void gp_gen_note(const gp_gen_backend *b, const char *code, const char *format, ...)
{
    char text[700];
    va_list args;
    if (!b->o.on_note) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_line(text);
    b->o.on_note(b->o.user, code, text);
}

bool gp_gen_asks(const gp_gen_request *r, const char *option)
{
    const struct {
        const char *option;
        bool asked;
    } all[] = {{"--negative", r->negative && *r->negative},
               {"--width", r->width != 0},
               {"--height", r->height != 0},
               {"--steps", r->steps != 0},
               {"--cfg", isfinite(r->cfg)},
               {"--sampler", r->sampler != NULL},
               {"--scheduler", r->scheduler != NULL},
               {"--checkpoint", r->model != NULL},
               {"--refiner", r->refiner != NULL},
               {"--refiner-at", isfinite(r->refiner_at)}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].option, option)) return all[i].asked;
    return false;
}

void gp_gen_note_ignored(const gp_gen_backend *b, const char *const *options)
{
    for (; b->o.like && *options; options++)
        if (gp_gen_asks(b->o.like, *options))
            gp_gen_note(b, "generator-no-place", "%s has no effect: requests of the protocol %s have no such setting",
                        *options, b->protocol->name);
}

void gp_gen_result_clear(gp_gen_result *r)
{
    gp_gen_drop_images(r);
    gp_str_clear(&r->settings);
    *r = (gp_gen_result){0};
}

gp_status gp_gen_set_result(gp_gen_result *out, gp_gen_outcome outcome, const char *format, ...)
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
    make_line(out->message);
}

gp_status gp_gen_take_file(const char *path, const char *name, gp_gen_result *out, gp_error *err)
{
    gp_error why = {0};
    gp_status st = gp_file_read(path, GP_GEN_IMAGE_LIMIT, &out->image, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK) return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' wrote no image: %.150s", name, why.message);
    out->outcome = GP_GEN_DONE;
    return GP_OK;
}

gp_status gp_gen_take_base64(const gp_json *value, gp_gen_result *out, gp_error *err)
{
    gp_error why = {0};
    size_t size;
    const char *text = gp_json_text(value, &size);
    if (!text) return gp_gen_set_result(out, GP_GEN_RETRY, "the answer contains no image");
    gp_bytes_clear(&out->image);
    gp_status st = gp_base64_decode(text, size, &out->image, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK) return gp_gen_set_result(out, GP_GEN_RETRY, "%s", why.message);
    out->outcome = GP_GEN_DONE;
    return GP_OK;
}

gp_status gp_gen_take_batch(const gp_json *list, size_t first, size_t count, const char *member, gp_gen_result *out,
                            gp_error *err)
{
    gp_gen_drop_images(out);
    for (size_t i = 0; i < count || i == 0; i++) {
        const gp_json *item = gp_json_at(list, first + i);
        gp_bytes before = out->image;
        if (i > GP_GEN_MOST_EXTRAS) break;
        out->image = (gp_bytes){0};
        gp_status st = gp_gen_take_base64(member ? gp_json_get(item, member) : item, out, err);
        if (i > 0) { /* the first image stays in out->image, the others go to out->extras */
            if (st == GP_OK && out->outcome == GP_GEN_DONE) st = gp_gen_add_extra(out, err);
            gp_bytes_clear(&out->image);
            out->image = before;
        }
        if (st != GP_OK || out->outcome != GP_GEN_DONE) return st;
    }
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
    gp_gen_request plain = *r; /* a back end writes itself the values that only its protocol supports */
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
    return gp_clock_wait(seconds * b->pace, b->o.go_on, b->o.user);
}

double gp_gen_look_after(double seconds, double most)
{
    static const double first = 0.05, share = 0.15;
    return fmin(fmax(seconds * share, first), most);
}

bool gp_gen_wait(const gp_gen_backend *b, double seconds, const gp_gen_result *last)
{
    if (last->wait > seconds) seconds = fmin(last->wait, GP_GEN_MOST_WAIT);
    if (last->wait >= 1 && b->o.on_wait) b->o.on_wait(b->o.user, last->wait, seconds);
    return gp_gen_sleep(b, seconds);
}

/* Returns the message in an error response: {"error": {"message"}}, {"error": "..."}, {"message"}, {"detail"},
 * {"detail": [{"msg"}]}.  AUTOMATIC1111 puts the type of its error into "error" and the message into "errors". */
static const char *words_of(const gp_json *wrong)
{
    const char *kind = gp_json_text(gp_json_get(wrong, "error"), NULL);
    const char *all = gp_json_text(gp_json_get(wrong, "errors"), NULL);
    const char *listed = gp_json_text(gp_json_get(gp_json_at(gp_json_get(wrong, "detail"), 0), "msg"), NULL);
    if (kind && all && *all) return all;
    if (listed) return listed;
    static const char *const names[] = {"message", "detail", "details", "error", "errors"};
    const gp_json *error = gp_json_get(wrong, "error");
    for (int i = 0; i < 5; i++) {
        const char *text = gp_json_text(gp_json_get(error, names[i]), NULL);
        if (!text) text = gp_json_text(gp_json_get(wrong, names[i]), NULL);
        if (text) return text;
    }
    return NULL;
}

/* Copies the first line of a body in plain text.  Returns false for HTML, JSON and binary data. */
static bool plain_words(const gp_str *body, char *out, size_t size)
{
    const char *text = body->data ? body->data : "";
    text += strspn(text, " \t\r\n");
    size_t line = strcspn(text, "\r\n");
    if (!*text || *text == '<' || *text == '{' || *text == '[' || !gp_utf8_valid(text, line)) return false;
    for (size_t i = 0; i < line; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\t') return false;
    snprintf(out, size, "%.*s", line < size ? (int)line : (int)size - 1, text);
    return true;
}

/* Returns true if the generator itself reports the error: the response names the type of the error, or a lack of
 * memory.  Other errors, as from a proxy or during a restart, may be temporary. */
static bool is_report(const gp_json *wrong, const char *words)
{
    const char *all = gp_json_text(gp_json_get(wrong, "errors"), NULL);
    bool kind = gp_json_text(gp_json_get(wrong, "error"), NULL) && all && *all;
    return words && (kind || strcasestr(words, "out of memory"));
}

static bool may_pass(long code)
{
    return code == 408 || code == 425 || code == 429 || code >= 500;
}

/* Called repeatedly while waiting for a response. */
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

gp_status gp_gen_get(const gp_gen_backend *b, gp_http *http, const char *path, double limit, gp_http_response *r,
                     gp_error *err)
{
    gp_str url = GP_STR_INIT;
    gp_str_printf(&url, "%s%s", b->address, path);
    gp_http_request q = {.url = url.data,
                         .method = "GET",
                         .token = b->o.token,
                         .login = b->login,
                         .once = true,
                         .whole = limit,
                         .progress = b->o.go_on,
                         .user = b->o.user};
    gp_status st = url.failed ? gp_fail_memory(err, "a URL of the generator") : b->send(http, &q, r, err);
    gp_str_clear(&url);
    return st;
}

gp_json *gp_gen_poll(gp_gen_backend *b, const char *path)
{
    gp_http_response r = {0};
    gp_json *json = NULL;
    if (!b->second && gp_http_open(&b->second, NULL) != GP_OK) b->second = NULL;
    if (b->second && gp_gen_get(b, b->second, path, glance_seconds, &r, NULL) == GP_OK && r.code == 200 && r.body.data)
        (void)gp_json_parse(r.body.data, r.body.size, false, 64, &json, NULL); /* on an error `json` stays NULL */
    gp_http_response_clear(&r);
    return json;
}

gp_json *gp_gen_quick(gp_gen_backend *b, const char *path, const char *body, double limit)
{
    gp_http_response r = {0};
    gp_json *json = NULL;
    gp_str url = GP_STR_INIT;
    gp_str_printf(&url, "%s%s", b->address, path);
    gp_http_request q = {.url = url.data,
                         .method = body ? "POST" : "GET",
                         .json = body,
                         .token = b->o.token,
                         .login = b->login,
                         .once = true,
                         .whole = limit};
    if (!url.failed && b->send(b->http, &q, &r, NULL) == GP_OK && r.code == 200 && r.body.data)
        (void)gp_json_parse(r.body.data, r.body.size, false, 64, &json, NULL);
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
    if (!whole && *path != '/')
        return gp_gen_set_result(out, GP_GEN_FAILED, "'%.200s' is not an http or https address", path);
    gp_str_printf(&url, "%s%s", whole ? "" : b->address, path);
    if (url.failed) return gp_fail_memory(err, "a URL of the generator");
    gp_http_request q = {.url = url.data,
                         .method = body ? "POST" : "GET",
                         .json = body,
                         .token = own ? b->o.token : NULL,
                         .login = own ? b->login : NULL,
                         .once = true,
                         .follow = !body,
                         .whole = b->o.timeout,
                         .progress = watching,
                         .user = b};
    b->watched = gp_clock_now();
    gp_status st = b->send(b->http, &q, response, &why);
    gp_str_clear(&url);
    if (st == GP_ERR_STOPPED || st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    out->wait = 0;
    if (st == GP_ERR_USAGE) return gp_gen_set_result(out, GP_GEN_FAILED, "%s", why.message);
    if (st != GP_OK) return gp_gen_set_result(out, GP_GEN_RETRY, "%s", why.message);
    if (may_pass(response->code)) out->wait = gp_http_retry_after(response);
    out->outcome = GP_GEN_DONE;
    return GP_OK;
}

gp_status gp_gen_call(gp_gen_backend *b, const char *path, const char *body, gp_gen_answer *answer, gp_gen_result *out,
                      gp_error *err)
{
    gp_http_response r = {0};
    gp_json *json = NULL;
    gp_error why = {0};
    *answer = (gp_gen_answer){0};
    GP_TRY(request(b, path, body, &r, out, err));
    if (out->outcome != GP_GEN_DONE) return GP_OK;
    answer->code = r.code;
    gp_status st = gp_json_parse(r.body.data ? r.body.data : "", r.body.size, false, 64, &json, &why);
    if (st == GP_ERR_MEMORY) gp_fail_as(err, st, &why);
    if (r.code >= 200 && r.code < 300) {
        answer->root = json;
        if (!json && st != GP_ERR_MEMORY)
            gp_gen_set_result(out, GP_GEN_RETRY, "the answer of '%s' is not JSON (%.100s)", path, why.message);
    } else {
        const char *words = words_of(json);
        char plain[200];
        if (!words && !json && plain_words(&r.body, plain, sizeof plain)) words = plain;
        answer->wrong = json;
        const char *who = r.code == 404 || r.code == 405 ? gp_gen_who(b) : "";
        gp_gen_set_result(out, may_pass(r.code) ? GP_GEN_RETRY : GP_GEN_FAILED,
                          "'%.60s' answered with status %ld%s%.200s%s%s", path, r.code, words ? ": " : "",
                          words ? words : "", *who ? "; " : "", who);
        out->reported = r.code == 500 && is_report(json, words);
    }
    gp_http_response_clear(&r);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

gp_status gp_gen_fetch(gp_gen_backend *b, const char *path, gp_gen_result *out, gp_error *err)
{
    gp_http_response r = {0};
    GP_TRY(request(b, path, NULL, &r, out, err));
    if (out->outcome != GP_GEN_DONE) return GP_OK;
    if (r.code == 200) {
        gp_bytes_clear(&out->image);
        out->image.size = r.body.size;
        if (!(out->image.data = gp_mem_new(r.body.size + 1, 1))) {
            gp_http_response_clear(&r);
            return gp_fail_memory(err, "an image");
        }
        memcpy(out->image.data, r.body.data ? r.body.data : "", r.body.size);
        out->image.data[r.body.size] = 0;
    } else
        gp_gen_set_result(out, may_pass(r.code) ? GP_GEN_RETRY : GP_GEN_FAILED,
                          "the request for the image was answered with status %ld", r.code);
    gp_http_response_clear(&r);
    return GP_OK;
}

/* ------------------------------------------------------------------ closing and the rest */

void gp_gen_close(gp_gen_backend *b)
{
    if (!b) return;
    gp_http_close(b->second);
    gp_http_close(b->http);
    gp_comfy_bell_free(b->bell);
    gp_gen_program_close(b->program);
    gp_gen_graph_free(b->graph);
    gp_json_free(b->queue);
    gp_mem_free(b->session);
    gp_mem_free(b->login);
    gp_mem_free(b->address);
    gp_mem_free(b);
}

const char *gp_gen_protocol(const gp_gen_backend *b)
{
    return b->protocol->name;
}

const char *gp_gen_address(const gp_gen_backend *b)
{
    return strstr(b->address, "://") ? b->address : NULL;
}

const char *gp_gen_or_no_seed(const gp_gen_backend *b)
{
    return b->o.needs_seed ? "" : ", or give --no-seed if the generator chooses its own seeds";
}

bool gp_gen_can(const gp_gen_backend *b, unsigned what)
{
    return (b->can & what) != 0;
}

/* Compares the image with the request.  If the same difference occurs twice, the generator itself changes the request,
 * so a third try would not help. */
static gp_status compare(const gp_gen_request *r, gp_gen_result *result, gp_error *err)
{
    gp_gen_likeness likeness;
    GP_TRY(gp_gen_compare(r, NULL, NULL, &result->image, &likeness, result, err));
    result->reported = likeness == GP_GEN_DIFFERS;
    return GP_OK;
}

gp_status gp_gen_make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *result, gp_error *err)
{
    *result = (gp_gen_result){0};
    gp_status st = b->protocol->make(b, r, result, err);
    if (st == GP_OK && result->outcome == GP_GEN_DONE && !gp_gen_can(b, GP_GEN_GRAPH)) st = compare(r, result, err);
    if (st == GP_OK && result->settings.failed) st = gp_fail_memory(err, "the settings");
    if (st != GP_OK) gp_gen_result_clear(result);
    return st;
}
