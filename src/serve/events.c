/* SPDX-License-Identifier: MIT
 * Server-sent events. A listener is a response that does not end. Its connection is suspended while there is nothing to
 * send, so a listener needs no thread. Each listener buffers unsent text up to a limit. A listener that reads too
 * slowly is ended. EventSource then reconnects and sends the number of its last event. If it missed an event, a new
 * snapshot is built and the page reads everything again. */
#include "serve/server_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_PENDING = 1 << 20 };

typedef struct listener {
    gp_events *events;
    struct MHD_Connection *connection;
    int socket;
    gp_str pending;
    size_t sent;
    double last_sent; /* time of the last text added to `pending` */
    bool suspended, gone;
    struct listener *next;
} listener;

struct gp_events {
    gp_server *server;
    pthread_mutex_t lock;
    listener *listeners;
    size_t count;
    uint64_t last; /* number of the last event */
    bool stopped;
};

gp_status gp_events_open(gp_server *server, gp_events **out, gp_error *err)
{
    gp_events *events = gp_mem_zero(1, sizeof *events);
    if (!events) return gp_fail_memory(err, "the server");
    events->server = server;
    pthread_mutex_init(&events->lock, NULL);
    *out = events;
    return GP_OK;
}

void gp_events_close(gp_events *events)
{
    if (!events) return;
    pthread_mutex_destroy(&events->lock);
    gp_mem_free(events);
}

/* ------------------------------------------------------------------ with the lock held */

static void wake(listener *l)
{
    if (!l->suspended) return;
    l->suspended = false;
    MHD_resume_connection(l->connection);
}

static void end_listener(listener *l)
{
    l->gone = true;
    wake(l);
}

static void append(listener *l, const char *text, double now)
{
    gp_str_puts(&l->pending, text);
    l->last_sent = now;
    if (l->pending.failed || l->pending.size - l->sent > MAX_PENDING)
        end_listener(l);
    else
        wake(l);
}

/* ------------------------------------------------------------------ libmicrohttpd's callbacks (polling thread) */

static ssize_t read_pending(void *user, uint64_t position, char *to, size_t most)
{
    listener *l = user;
    ssize_t given = 0;
    (void)position;
    pthread_mutex_lock(&l->events->lock);
    size_t left = l->pending.size - l->sent;
    if (l->gone || l->events->stopped) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (left) {
        given = (ssize_t)(left < most ? left : most);
        memcpy(to, l->pending.data + l->sent, (size_t)given);
        l->sent += (size_t)given;
        if (l->sent == l->pending.size) {
            gp_str_reset(&l->pending);
            l->sent = 0;
        }
    } else {
        l->suspended = true;
        MHD_suspend_connection(l->connection);
    }
    pthread_mutex_unlock(&l->events->lock);
    return given;
}

static void free_listener(void *user)
{
    listener *l = user;
    gp_events *events = l->events;
    pthread_mutex_lock(&events->lock);
    for (listener **at = &events->listeners; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            events->count--;
            break;
        }
    pthread_mutex_unlock(&events->lock);
    gp_str_clear(&l->pending);
    gp_mem_free(l);
}

/* Sends the first event: the wait before a reconnection, and the number of the last event. The page states the revision
 * of the manifest that it has read, as in "events?r=17". Also sends the present revision if the revision changed before
 * the page connected for the first time, or if another server sent that manifest. */
static void send_first_event(gp_request *request, listener *l)
{
    gp_events *events = l->events;
    const gp_route *route = &request->route;
    const char *seen = gp_request_header(request, "Last-Event-ID");
    uint64_t number = 0;
    gp_snapshot *snapshot = gp_snapshot_ref(request->server);
    gp_str_printf(&l->pending, "retry: 2000\nid: %llu\n\n", (unsigned long long)events->last);
    bool other_server = route->has_revision && route->revision <= request->server->revision_base;
    if (other_server || (!seen && route->has_revision && route->revision != snapshot->revision))
        gp_str_printf(&l->pending, "event: revision\ndata: {\"revision\":%llu}\n\n",
                      (unsigned long long)snapshot->revision);
    gp_snapshot_unref(snapshot);
    if (seen && (!gp_parse_u64(seen, &number) || number != events->last)) atomic_store(&request->server->stale, true);
}

void gp_serve_events(gp_request *request)
{
    gp_events *events = request->server->events;
    listener *l = gp_mem_zero(1, sizeof *l);
    bool stopped, full;
    if (!l) return; /* without a response the connection ends */
    *l = (listener){.events = events, .connection = request->connection, .last_sent = gp_clock_now()};
    l->socket = request->watched ? request->watched->socket : -1;
    pthread_mutex_lock(&events->lock);
    stopped = events->stopped;
    full = (double)events->count >= request->server->limits.listeners;
    if (!stopped && !full) {
        send_first_event(request, l);
        l->next = events->listeners;
        events->listeners = l;
        events->count++;
    }
    pthread_mutex_unlock(&events->lock);
    if (stopped || full) {
        gp_mem_free(l);
        gp_respond_error(request, stopped ? 503 : 429,
                         stopped ? "the explorer is closing"
                                 : "too many event streams are open: close a page of the explorer");
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_pending, l, free_listener);
    if (!response) free_listener(l);
    gp_respond(request, 200, response, "text/event-stream", GP_CACHE_NEVER);
}

/* ------------------------------------------------------------------ from other threads */

void gp_events_send(gp_events *events, const char *name, const char *json)
{
    gp_str text = GP_STR_INIT;
    pthread_mutex_lock(&events->lock);
    events->last++;
    gp_str_printf(&text, "id: %llu\nevent: %s\ndata: %s\n\n", (unsigned long long)events->last, name, json);
    for (listener *l = events->listeners; l; l = l->next) {
        if (text.failed)
            end_listener(l);
        else
            append(l, text.data, gp_clock_now());
    }
    pthread_mutex_unlock(&events->lock);
    gp_str_clear(&text);
}

/* Returns true if the client has closed the connection.  While the connection of a listener is suspended, no other code
 * reads its socket. */
static bool has_disconnected(const listener *l)
{
    char byte;
    return l->suspended && l->socket >= 0 && recv(l->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void gp_events_tick(gp_events *events, double now)
{
    pthread_mutex_lock(&events->lock);
    for (listener *l = events->listeners; l; l = l->next) {
        if (has_disconnected(l))
            end_listener(l);
        else if (now - l->last_sent > events->server->limits.alive_seconds)
            append(l, ":\n\n", now);
    }
    pthread_mutex_unlock(&events->lock);
}

void gp_events_stop(gp_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->stopped = true;
    for (listener *l = events->listeners; l; l = l->next) wake(l);
    pthread_mutex_unlock(&events->lock);
}
