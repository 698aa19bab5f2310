/* SPDX-License-Identifier: MIT
 * HTTP over libcurl's multi interface, so that a stop takes effect within a tenth of a second.
 *
 * gp_http_send makes up to ATTEMPTS attempts in a row without progress.  An attempt is one request and its
 * redirects.
 * - This file follows redirects itself.  The bearer token goes to the origin (scheme, host, port) of the request's
 *   own url. After the first redirect to another origin it is never sent again.  A redirect from https to http is
 *   rejected.
 * - An incomplete body is continued: the next attempt requests the missing range.  If the server sends the complete
 *   body again (200), the bytes already delivered are dropped, so a sink gets each byte once.
 * - After 408, 429, 500, 502, 503, 504 and broken connections the next attempt follows after 0.5, 1, 2, 4 ...
 *   seconds, or after the time in Retry-After.  A host that cannot be reached at the first attempt is an error at
 *   once, so that no caller waits without a network.
 * - Compression is never requested, so that sizes and ranges mean the file's own bytes.
 * - `whole` limits the time of one send, from name look-up to the last byte, with all redirects, attempts and
 *   pauses.
 *
 * Messages show urls without user, password and query, because signed links are secrets too. */
#include "net/http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_head.h"
#include "net/pipe_guard.h"

#include <assert.h>
#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
    ATTEMPTS = 5,              /* attempts in a row without a byte of progress */
    HOPS = 10,                 /* redirects in a row */
    POLL_MS = 100,             /* milliseconds between two checks for a stop */
    MAX_ERROR_BODY = 64 << 10, /* bytes kept of the body of an error or a redirect */
    MAX_WAIT = 120             /* seconds; a longer Retry-After is an error */
};
#define MAX_BODY ((size_t)64 << 20)

struct gp_http {
    CURLM *multi;
    CURL *easy;
    bool reached;   /* a server has responded in this session */
    bool connected; /* the last request got a connection, even without a response */
};

/* One request with its attempts. */
struct exchange {
    CURL *easy;
    const gp_http_request *request;
    gp_http_response *response;
    uint64_t delivered; /* body bytes passed to the sink, over all attempts */
    uint64_t skip;      /* bytes of the current body that the sink already has */
    bool body_begun;    /* begin_body has set `skip` and checked the range of the current body */
    double since;       /* start of the current period of request->silence */
    uint64_t heard;     /* bytes received in this period */
    double end;         /* time limit of the complete response; 0: no limit */
    bool stopped, silent, late, too_large, wrong_range;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

gp_status gp_http_open(gp_http **out, gp_error *err)
{
    pthread_once(&once, start_curl);
    gp_http *http = gp_mem_zero(1, sizeof *http);
    if (!http) return gp_fail_memory(err, "a network session");
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (!http->multi || !http->easy) {
        gp_http_close(http);
        return gp_fail_memory(err, "a network session");
    }
    *out = http;
    return GP_OK;
}

void gp_http_close(gp_http *http)
{
    if (!http) return;
    if (http->easy) curl_easy_cleanup(http->easy);
    if (http->multi) curl_multi_cleanup(http->multi);
    gp_mem_free(http);
}

void gp_http_response_clear(gp_http_response *response)
{
    gp_str_clear(&response->body);
    gp_str_clear(&response->headers);
    *response = (gp_http_response){0};
}

void gp_http_put_escaped(gp_str *url, const char *text, const char *also)
{
    for (const char *p = text; p && *p; p++) {
        bool plain =
            (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || strchr(also, *p);
        if (plain)
            gp_str_putc(url, *p);
        else
            gp_str_printf(url, "%%%02X", (unsigned)(unsigned char)*p);
    }
}

char *gp_http_header(const gp_http_response *response, const char *name)
{
    return gp_head_value(&response->headers, name);
}

double gp_http_retry_after(const gp_http_response *response)
{
    return gp_head_retry_after(&response->headers, (int64_t)time(NULL));
}

bool gp_http_connected(const gp_http *http)
{
    return http->connected;
}

/* ------------------------------------------------------------------ libcurl's callbacks */

/* Counts received bytes.  When more than request->least bytes have arrived, begins a new period of request->silence
 * seconds. */
static void hear(struct exchange *x, size_t size)
{
    x->heard += size;
    if (x->heard <= x->request->least) return;
    x->heard = 0;
    x->since = gp_clock_now();
}

static size_t on_header(char *bytes, size_t one, size_t size, void *user)
{
    struct exchange *x = user;
    (void)one;
    hear(x, size);
    gp_head_add(&x->response->headers, bytes, size);
    return size;
}

/* Finds how many bytes of this body the sink already has.  Returns false if the server does not send the requested
 * range. */
static bool begin_body(struct exchange *x, long code)
{
    uint64_t wanted = x->request->offset + x->delivered;
    x->body_begun = true;
    x->skip = code == 206 ? 0 : wanted;
    x->response->ranged = code == 206;
    if (code != 206) return true;
    uint64_t first = 0;
    return gp_head_range(&x->response->headers, &first) && first == wanted;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user)
{
    struct exchange *x = user;
    long code = 0;
    (void)one;
    hear(x, size);
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 201 && code != 202 && code != 206) { /* of an error or a redirect: not for the sink */
        if (x->response->body.size + size <= MAX_ERROR_BODY) gp_str_add(&x->response->body, bytes, size);
        return size;
    }
    if (!x->body_begun && !begin_body(x, code)) {
        x->wrong_range = true;
        return 0;
    }
    size_t dropped = x->skip < size ? (size_t)x->skip : size;
    x->skip -= dropped;
    if (dropped == size) return size;
    if (!x->request->sink) {
        if (x->response->body.size + (size - dropped) > MAX_BODY) {
            x->too_large = true;
            return 0;
        }
        gp_str_add(&x->response->body, bytes + dropped, size - dropped);
        return x->response->body.failed ? 0 : size;
    }
    double begun = gp_clock_now();
    if (!x->request->sink(x->request->user, bytes + dropped, size - dropped)) {
        x->stopped = true;
        return 0;
    }
    x->delivered += size - dropped;
    x->since += gp_clock_now() - begun; /* the server's time limit excludes the sink's time */
    return size;
}

/* ------------------------------------------------------------------ urls */

static bool url_part_equal(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    CURLUcode cx = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT), cy = curl_url_get(b, part, &y, CURLU_DEFAULT_PORT);
    bool equal = cx == CURLUE_OK && cy == CURLUE_OK && gp_str_equal_nocase(x, y);
    curl_free(x);
    curl_free(y);
    return equal;
}

static bool same_origin(CURLU *a, CURLU *b)
{
    return url_part_equal(a, b, CURLUPART_SCHEME) && url_part_equal(a, b, CURLUPART_HOST) &&
           url_part_equal(a, b, CURLUPART_PORT);
}

static bool has_scheme(CURLU *url, const char *scheme)
{
    char *text = NULL;
    bool is = curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && gp_str_equal_nocase(text, scheme);
    curl_free(text);
    return is;
}

/* Returns the url for messages: no user, no password, no query.  Owned by curl; may be NULL. */
static char *shown(CURLU *url)
{
    char *text = NULL;
    CURLU *copy = curl_url_dup(url);
    if (!copy) return NULL;
    curl_url_set(copy, CURLUPART_USER, NULL, 0);
    curl_url_set(copy, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(copy, CURLUPART_QUERY, NULL, 0);
    curl_url_set(copy, CURLUPART_FRAGMENT, NULL, 0);
    curl_url_get(copy, CURLUPART_URL, &text, 0);
    curl_url_cleanup(copy);
    return text;
}

static gp_status fail_at(gp_error *err, gp_status status, CURLU *url, const char *what)
{
    char *text = shown(url);
    gp_fail(err, status, "'%s': %s", text ? text : "?", what);
    curl_free(text);
    return status;
}

/* ------------------------------------------------------------------ one request */

/* Returns true if the server has sent at most request->least bytes in request->silence seconds, or if the time limit
 * has passed. */
static bool is_over(struct exchange *x)
{
    double now = gp_clock_now();
    x->late = x->end > 0 && now >= x->end;
    x->silent = x->request->silence > 0 && now - x->since > x->request->silence;
    return x->late || x->silent;
}

static int poll_ms(const struct exchange *x)
{
    double left = x->end > 0 ? (x->end - gp_clock_now()) * 1000 : (double)POLL_MS;
    return left < 0 ? 0 : left < (double)POLL_MS ? (int)left + 1 : POLL_MS;
}

/* Runs the transfer that is set up on the easy handle. */
static CURLcode transfer(gp_http *http, struct exchange *x)
{
    CURLcode result = CURLE_FAILED_INIT;
    int running = 1;
    sigset_t old_set;
    gp_pipe_hold(&old_set);
    x->since = gp_clock_now();
    x->heard = 0;
    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) goto out;
    while (running) {
        if (curl_multi_perform(http->multi, &running) != CURLM_OK) break;
        int left = 0;
        for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left));)
            if (m->msg == CURLMSG_DONE) result = m->data.result, running = 0;
        if (!running) break;
        if (x->request->progress && !x->request->progress(x->request->user)) {
            x->stopped = true;
            break;
        }
        if (is_over(x)) break;
        curl_multi_poll(http->multi, NULL, 0, poll_ms(x), NULL);
    }
    curl_off_t connect = 0;
    http->connected = curl_easy_getinfo(http->easy, CURLINFO_CONNECT_TIME_T, &connect) == CURLE_OK && connect > 0;
    curl_multi_remove_handle(http->multi, http->easy);
out:
    gp_pipe_release(&old_set);
    return result;
}

static struct curl_slist *header_list(const char *token, bool json, gp_error *err)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept-Encoding: identity"), *longer = NULL;
    if (list && json) {
        if (!(longer = curl_slist_append(list, "Content-Type: application/json"))) curl_slist_free_all(list);
        list = longer;
        longer = list ? curl_slist_append(list, "Expect:") : NULL; /* an empty Expect header, so that libcurl does not
                                                                    * wait for "100 Continue" */
        if (list && !longer) curl_slist_free_all(list);
        list = longer;
    }
    if (list && token) {
        gp_str line = GP_STR_INIT;
        gp_str_printf(&line, "Authorization: Bearer %s", token);
        longer = line.failed ? NULL : curl_slist_append(list, line.data);
        if (line.data) explicit_bzero(line.data, line.size);
        gp_str_clear(&line);
        if (!longer) curl_slist_free_all(list);
        list = longer;
    }
    if (!list) gp_fail_memory(err, "request headers");
    return list;
}

/* Sends one request to `url`, without following redirects. */
static gp_status send_one(gp_http *http, struct exchange *x, CURLU *url, bool own, CURLcode *result, gp_error *err)
{
    const char *token = own ? x->request->token : NULL;
    CURL *easy = http->easy;
    struct curl_slist *headers = header_list(token, x->request->json != NULL, err);
    if (!headers) return GP_ERR_MEMORY;
    char range[32];
    uint64_t from = x->request->offset + x->delivered;
    snprintf(range, sizeof range, "%llu-", (unsigned long long)from);
    gp_str_reset(&x->response->headers);
    gp_str_reset(&x->response->body);
    x->body_begun = x->silent = x->late = false;
    x->skip = 0;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_CURLU, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "goldpan/" GP_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy's CONNECT never gets the token */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L); /* detects a dead peer during a long response */
    if (x->request->silence > 0)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(x->request->silence * 1000.0) + 1);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* an unfinished name look-up does not delay the end */
#endif
    if (!strcmp(x->request->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (x->request->json) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->request->json));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->request->json);
    } else if (from > 0)
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
    if (own && x->request->login) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERPWD, x->request->login);
    }
    *result = transfer(http, x);
    curl_slist_free_all(headers);
    curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    return x->response->headers.failed || x->response->body.failed ? gp_fail_memory(err, "a response") : GP_OK;
}

/* Sends the request and follows its redirects.  *at becomes the url of the last response. */
static gp_status walk(gp_http *http, struct exchange *x, CURLU *at, CURLcode *result, gp_error *err)
{
    gp_status st = GP_OK;
    bool own = true; /* still at the host of the request, so secrets may be sent */
    CURLU *before = NULL;
    for (int hop = 0;; hop++) {
        GP_TRY_GOTO(send_one(http, x, at, own, result, err));
        x->response->code = 0;
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &x->response->code);
        if (x->response->code > 0) http->reached = true;
        long code = x->response->code;
        if (*result != CURLE_OK || x->stopped || x->silent || x->late || code < 300 || code > 399 || code == 304) break;
        char *location = gp_http_header(x->response, "location");
        if (!location) break;
        curl_url_cleanup(before);
        before = curl_url_dup(at);
        CURLUcode set = before ? curl_url_set(at, CURLUPART_URL, location, 0) : CURLUE_OUT_OF_MEMORY;
        gp_mem_free(location);
        if (set != CURLUE_OK || (!has_scheme(at, "http") && !has_scheme(at, "https"))) {
            st = fail_at(err, GP_ERR_NETWORK, before ? before : at,
                         "it redirects to an address that is not http or https");
            goto out;
        }
        bool same = same_origin(before, at);
        if (!same && !x->request->follow) break;
        if (has_scheme(before, "https") && !has_scheme(at, "https")) {
            st = fail_at(err, GP_ERR_NETWORK, before, "it redirects from https to http, which goldpan does not follow");
            goto out;
        }
        if (!same) own = false; /* never send the secrets again, even if a later redirect leads back to the host */
        if (hop + 1 == HOPS) {
            st = fail_at(err, GP_ERR_NETWORK, before, "too many redirects");
            goto out;
        }
    }
out:
    curl_url_cleanup(before);
    return st;
}

/* ------------------------------------------------------------------ attempts */

static bool worth_again(const gp_http *http, const struct exchange *x, CURLcode result)
{
    if (x->late) return false;
    if (x->silent) return http->reached;
    switch (result) {
    case CURLE_OK: break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR: return http->reached;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    default: return false;
    }
    long code = x->response->code;
    return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

/* Returns the error for a failed exchange. */
static gp_status describe(const struct exchange *x, CURLcode result, CURLU *at, int tries, gp_error *err)
{
    char what[200];
    if (x->late)
        snprintf(what, sizeof what, "the answer was not complete after %g seconds", x->request->whole);
    else if (x->silent && x->request->least && x->response->code > 0)
        snprintf(what, sizeof what, "received at most %zu bytes in %g seconds", x->request->least, x->request->silence);
    else if (x->silent)
        snprintf(what, sizeof what, "no answer for %g seconds", x->request->silence);
    else if (result != CURLE_OK)
        snprintf(what, sizeof what, "%s", curl_easy_strerror(result));
    else
        snprintf(what, sizeof what, "the server answered with status %ld", x->response->code);
    for (char *p = what; *p; p++)
        if (result != CURLE_OK && p == what && *p >= 'A' && *p <= 'Z' && p[1] >= 'a') *p = (char)(*p + 32);
    if (tries > 1) snprintf(what + strlen(what), sizeof what - strlen(what), " (tried %d times)", tries);
    return fail_at(err, GP_ERR_NETWORK, at, what);
}

/* Waits before the next attempt.  Fails at once if the server's Retry-After is longer than MAX_WAIT, or if the wait
 * would end after the time limit of the complete response. */
static gp_status rest(const struct exchange *x, CURLcode result, CURLU *at, int fruitless, int tries, gp_error *err)
{
    long code = x->response->code;
    double asked = code == 429 || code == 503 ? gp_http_retry_after(x->response) : 0;
    double wait = fmax(asked, 0.5 * (double)(1 << (fruitless - 1)));
    if (asked > (double)MAX_WAIT) {
        char what[120];
        snprintf(what, sizeof what,
                 "the server answered with status %ld and asks goldpan to wait for %.0f seconds; try again later", code,
                 asked);
        return fail_at(err, GP_ERR_NETWORK, at, what);
    }
    if (x->end > 0 && gp_clock_now() + wait >= x->end) return describe(x, result, at, tries, err);
    if (!gp_clock_wait(wait, x->request->progress, x->request->user)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    return GP_OK;
}

gp_status gp_http_send(gp_http *http, const gp_http_request *request, gp_http_response *response, gp_error *err)
{
    assert(request->url && request->method);
    gp_status st = GP_OK;
    gp_http_response answer = {0};
    struct exchange x = {.easy = http->easy, .request = request, .response = &answer};
    if (request->whole > 0) x.end = gp_clock_now() + request->whole;
    CURLU *start = curl_url(), *at = NULL;
    if (!start) return gp_fail_memory(err, "a URL");
    if (curl_url_set(start, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
        (!has_scheme(start, "http") && !has_scheme(start, "https"))) {
        st = gp_fail(err, GP_ERR_USAGE, "'%s' is not an http or https address", request->url);
        goto out;
    }
    for (int fruitless = 1, tries = 1;; fruitless++, tries++) {
        CURLcode result = CURLE_OK;
        uint64_t before = x.delivered;
        curl_url_cleanup(at);
        if (!(at = curl_url_dup(start))) GP_TRY_GOTO(gp_fail_memory(err, "a URL"));
        GP_TRY_GOTO(walk(http, &x, at, &result, err));
        if (x.stopped) GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
        if (x.too_large) GP_TRY_GOTO(fail_at(err, GP_ERR_LIMIT, at, "the answer is larger than 64 MiB"));
        if (x.wrong_range)
            GP_TRY_GOTO(fail_at(err, GP_ERR_NETWORK, at, "the server sent a range of bytes that was not requested"));
        uint64_t more = x.delivered - before;
        if (more && !(x.silent && more <= request->least)) fruitless = 1;
        bool again = worth_again(http, &x, result);
        if (result == CURLE_OK && !x.silent && !x.late && (!again || request->once)) break;
        if (!again || request->once || fruitless >= ATTEMPTS) GP_TRY_GOTO(describe(&x, result, at, tries, err));
        GP_TRY_GOTO(rest(&x, result, at, fruitless, tries, err));
    }
out:
    curl_url_cleanup(at);
    curl_url_cleanup(start);
    if (st == GP_OK)
        *response = answer;
    else
        gp_http_response_clear(&answer);
    return st;
}
