/* SPDX-License-Identifier: MIT
 * Handles connections and their requests, from the first line to the response. libmicrohttpd ends a connection only
 * when it is silent, so a client that sends one byte now and then could hold a connection for ever. Here every header
 * and every body has a deadline, which the calling thread checks. */
#include "serve/connection.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_URI = 1024 };
/* Maximum bytes of a rejected request's body that the server reads and discards, so that the client receives the
 * response. KNOWN: the request had the right token. STRANGER: the request did not have the right token. */
#define MAX_DRAIN_KNOWN    ((uint64_t)1 << 30)
#define MAX_DRAIN_STRANGER ((uint64_t)64 << 10)

/* ------------------------------------------------------------------ deadlines */

static void set_deadline(gp_server *s, gp_conn_deadline *w, double seconds, bool request_active)
{
    if (!w) return;
    pthread_mutex_lock(&s->watched_lock);
    w->deadline = seconds > 0 ? gp_clock_now() + seconds : 0;
    w->request_active = request_active;
    pthread_mutex_unlock(&s->watched_lock);
}

/* Shuts the socket down but does not close it: libmicrohttpd owns the socket and closes it. */
static void end_slow(gp_conn_deadline *w)
{
    static const char words[] =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Content-Length: 23\r\n\r\n{\"error\":\"too slow\"}\r\n\n";
    if (w->request_active) (void)send(w->socket, words, sizeof words - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(w->socket, SHUT_RDWR);
    w->ended = true;
}

/* Limits the number of connections that have not sent the token. Beyond the limit, a new connection ends the oldest of
 * them, so that the page always finds a free connection. The limit never exceeds half of the connections of one polling
 * thread. The caller holds the lock. */
static void limit_strangers(gp_server *s)
{
    size_t count = 0;
    gp_conn_deadline *oldest = NULL;
    double most = s->limits.connections / (double)GP_POLLERS / 2;
    if (s->limits.strangers < most) most = s->limits.strangers;
    for (gp_conn_deadline *w = s->watched; w; w = w->next)
        if (!w->known && !w->ended) count++, oldest = w;
    if (count > 1 && (double)count > most) end_slow(oldest);
}

static void begin_watch(gp_server *s, struct MHD_Connection *connection, void **state)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    gp_conn_deadline *w = info ? gp_mem_zero(1, sizeof *w) : NULL;
    if (!w) return;
    w->socket = info->connect_fd;
    w->deadline = gp_clock_now() + s->limits.request_seconds;
    w->request_active = true;
    pthread_mutex_lock(&s->watched_lock);
    w->next = s->watched;
    if (w->next) w->next->before = w;
    s->watched = w;
    limit_strangers(s);
    pthread_mutex_unlock(&s->watched_lock);
    *state = w;
}

static void end_watch(gp_server *s, gp_conn_deadline *w)
{
    if (!w) return;
    pthread_mutex_lock(&s->watched_lock);
    if (w->before)
        w->before->next = w->next;
    else
        s->watched = w->next;
    if (w->next) w->next->before = w->before;
    pthread_mutex_unlock(&s->watched_lock);
    gp_mem_free(w);
}

void gp_connection_changed(void *user, struct MHD_Connection *connection, void **state,
                           enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin_watch(user, connection, state);
    } else {
        end_watch(user, *state);
        *state = NULL;
    }
}

void gp_connections_tick(gp_server *s, double now)
{
    pthread_mutex_lock(&s->watched_lock);
    for (gp_conn_deadline *w = s->watched; w; w = w->next) {
        if (w->deadline <= 0 || now < w->deadline) continue;
        w->deadline = 0;
        end_slow(w);
    }
    pthread_mutex_unlock(&s->watched_lock);
}

/* ------------------------------------------------------------------ a request */

void *gp_connection_uri(void *user, const char *uri, struct MHD_Connection *connection)
{
    (void)connection;
    gp_request *request = gp_mem_zero(1, sizeof *request);
    if (!request) return NULL;
    request->server = user;
    if (strnlen(uri, MAX_URI) < MAX_URI) request->uri = gp_str_dup(uri);
    return request;
}

void gp_connection_completed(void *user, struct MHD_Connection *connection, void **state,
                             enum MHD_RequestTerminationCode code)
{
    gp_request *request = *state;
    gp_server *s = user;
    (void)connection, (void)code;
    if (!request) return;
    set_deadline(s, request->watched, s->limits.request_seconds, false);
    atomic_fetch_sub(&s->uploading, request->uploaded);
    if (request->response) MHD_destroy_response(request->response);
    gp_str_clear(&request->body);
    gp_mem_free(request->uri);
    gp_mem_free(request);
    *state = NULL;
}

static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
    gp_guard_request *g = user;
    (void)kind;
    if (gp_str_equal_nocase(name, "Host")) g->hosts++, g->host = value;
    if (gp_str_equal_nocase(name, "Origin")) g->origins++, g->origin = value;
    if (gp_str_equal_nocase(name, "Content-Length")) g->lengths++, g->length = value;
    if (gp_str_equal_nocase(name, "Sec-Fetch-Site")) g->site = value;
    if (gp_str_equal_nocase(name, "X-Goldpan")) g->mark = value;
    if (gp_str_equal_nocase(name, "Transfer-Encoding")) g->encoding = value;
    return MHD_YES;
}

/* Sends the response. If there is no response, because memory ran out, ends the connection. */
static enum MHD_Result send_response(gp_request *request)
{
    struct MHD_Response *response = request->response;
    request->response = NULL;
    if (!response) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Reserves memory for an upload. Uploads wait in memory until they are decoded, so the sum of their bytes is limited.
 * Rejected uploads do not count. */
static bool reserve_upload(gp_request *request, gp_refusal *no)
{
    gp_server *s = request->server;
    if (request->route.kind != GP_ROUTE_UPLOAD) return true;
    unsigned long long before = atomic_load(&s->uploading);
    do {
        if (before > 0 && (double)(before + request->length) > s->limits.upload_bytes) {
            *no = (gp_refusal){.status = 503, .known = true, .retry = 2};
            snprintf(no->message, sizeof no->message, "too many uploads at once: send this one again a little later");
            return false;
        }
    } while (!atomic_compare_exchange_weak(&s->uploading, &before, before + request->length));
    request->uploaded = request->length;
    return true;
}

static void set_known(gp_server *s, gp_conn_deadline *w)
{
    if (!w) return;
    pthread_mutex_lock(&s->watched_lock);
    w->known = true;
    pthread_mutex_unlock(&s->watched_lock);
}

/* Lets the guard check the request. Sets *body if the client sends a body, whether the route expects one or not. */
static bool check_request(gp_request *request, const char *method, gp_refusal *no, bool *body)
{
    gp_guard_request g = {.method = method, .uri = request->uri};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_header, &g);
    const char *accept = gp_request_header(request, "Accept");
    request->post = !strcmp(method, "POST");
    request->person = accept && strstr(accept, "text/html");
    *body = g.encoding || (g.length && strcmp(g.length, "0") != 0);
    bool in = gp_guard_admit(&request->server->guard, &g, &request->route, &request->length, no);
    if (in || no->known) set_known(request->server, request->watched);
    return in && reserve_upload(request, no);
}

/* Rejects a request.  A client that is still sending its body would lose the response if the connection were closed.
 * So the response is written to the socket at once, and a limited part of the body is read and discarded. */
static enum MHD_Result reject(gp_request *request, const gp_refusal *no, bool body)
{
    const gp_serve_limits *limits = &request->server->limits;
    gp_str words = GP_STR_INIT;
    gp_conn_deadline *w = request->watched;
    if (!body || !w || gp_request_header(request, "Expect")) {
        set_deadline(request->server, w, 0, false);
        gp_respond_refusal(request, no);
        return send_response(request);
    }
    gp_refusal_write(request, no, &words);
    bool sent =
        !words.failed && send(w->socket, words.data, words.size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)words.size;
    gp_str_clear(&words);
    (void)shutdown(w->socket, SHUT_WR);
    set_deadline(request->server, w, no->known ? limits->body_seconds : limits->request_seconds, false);
    request->state = GP_REQUEST_DRAIN;
    request->drain = no->known ? MAX_DRAIN_KNOWN : MAX_DRAIN_STRANGER;
    return sent ? MHD_YES : MHD_NO;
}

static void serve(gp_request *request)
{
    if (request->route.handle)
        request->route.handle(request);
    else
        gp_respond_error(request, 404, "there is nothing at this address");
}

static enum MHD_Result begin_request(gp_request *request, const char *method)
{
    gp_refusal no;
    bool body;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->watched = info ? info->socket_context : NULL;
    set_deadline(request->server, request->watched, request->server->limits.body_seconds, true);
    if (!check_request(request, method, &no, &body)) return reject(request, &no, body);
    request->state = GP_REQUEST_BODY;
    return MHD_YES;
}

static enum MHD_Result drain_body(gp_request *request, size_t *size)
{
    if (!*size || *size > request->drain) return MHD_NO; /* the body has ended or is too large: end the connection */
    request->drain -= *size;
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result take_body(gp_request *request, const char *data, size_t *size)
{
    if (request->body.size + *size > request->length) return MHD_NO;
    gp_str_add(&request->body, data, *size);
    *size = 0;
    return request->body.failed ? MHD_NO : MHD_YES;
}

enum MHD_Result gp_connection_handle(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                     const char *version, const char *data, size_t *size, void **state)
{
    gp_request *request = *state;
    (void)user, (void)url, (void)version;
    if (!request) return MHD_NO;
    request->connection = connection;
    switch (request->state) {
    case GP_REQUEST_NEW: return begin_request(request, method);
    case GP_REQUEST_BODY:
        if (*size) return take_body(request, data, size);
        set_deadline(request->server, request->watched, 0, false);
        request->state = GP_REQUEST_WORK;
        serve(request);
        return request->suspended ? MHD_YES : send_response(request);
    case GP_REQUEST_DRAIN: return drain_body(request, size);
    case GP_REQUEST_WORK: request->suspended = false; return send_response(request);
    }
    return MHD_NO;
}
