/* SPDX-License-Identifier: MIT
 * Starts the server, runs the loop of the calling thread, and stops the server. The order of stopping matters, because
 * no request may be suspended when libmicrohttpd stops. So the events first end their listeners, and the worker pools
 * answer the waiting requests. Later requests are rejected without waiting. */
#include "serve/server_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "serve/connection.h"
#include "serve/key.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    GENERAL_THREADS = 3,       /* threads for longer work; an export occupies one of them */
    CONNECTION_MEMORY = 32768, /* bytes for a request's header */
    ROUND_MS = 100
};

/* ------------------------------------------------------------------ the socket */

/* Listens on 127.0.0.1; returns the socket, or -1 with errno set. */
static int listen_on(uint16_t port, uint16_t *got)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0) return -1;
    /* lets a restarted server use the port at once; on Linux two servers still cannot share the port */
    (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&address, sizeof address) == 0 && listen(s, 128) == 0 &&
        getsockname(s, (struct sockaddr *)&address, &size) == 0) {
        *got = ntohs(address.sin_port);
        return s;
    }
    int failure = errno;
    close(s);
    errno = failure;
    return -1;
}

static gp_status open_socket(gp_server *s, int *out, gp_error *err)
{
    const gp_serve_setup *setup = s->setup;
    *out = listen_on(setup->port, &s->guard.port);
    if (*out < 0 && errno == EADDRINUSE && !setup->exact_port) *out = listen_on(0, &s->guard.port);
    if (*out >= 0) return GP_OK;
    return gp_fail_errno(err, GP_ERR_IO, errno, "cannot listen on 127.0.0.1:%u", setup->port);
}

static void ignore_log(void *user, const char *format, va_list args)
{
    (void)user, (void)format, (void)args;
}

static gp_status start_daemon(gp_server *s, gp_error *err)
{
    int listening = -1;
    const gp_serve_setup *setup = s->setup;
    GP_TRY(gp_serve_key(gp_cat_path(setup->catalog), setup->new_key, !setup->readonly, s->guard.token, err));
    GP_TRY(open_socket(s, &listening, err));
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    s->daemon = MHD_start_daemon(
        flags, s->guard.port, NULL, NULL, gp_connection_handle, s, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)GP_POLLERS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->limits.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->limits.idle_seconds,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, gp_connection_uri, s, MHD_OPTION_NOTIFY_COMPLETED,
        gp_connection_completed, s, MHD_OPTION_NOTIFY_CONNECTION, gp_connection_changed, s, MHD_OPTION_END);
    if (s->daemon) return GP_OK;
    close(listening);
    return gp_fail(err, GP_ERR_IO, "cannot start a server on 127.0.0.1:%u", s->guard.port);
}

/* ------------------------------------------------------------------ the calling thread's loop */

/* Returns true if another connection has changed the catalog.  Reads the version from the database handle that
 * this server writes with, so the server's own changes do not count. */
static bool catalog_changed(gp_server *s)
{
    int64_t version = s->db_version;
    pthread_mutex_lock(&s->db_lock);
    gp_status st = gp_cat_data_version(s->db, &version, NULL);
    pthread_mutex_unlock(&s->db_lock);
    bool changed = st == GP_OK && version != s->db_version;
    if (st == GP_OK) s->db_version = version;
    return changed;
}

/* Builds a new snapshot if the catalog has changed. If that fails now, for example because the catalog is locked, keeps
 * the old snapshot and tries again in the next round. */
static void watch_catalog(gp_server *s)
{
    bool stale = atomic_exchange(&s->stale, false);
    if (!catalog_changed(s) && !stale) return;
    if (gp_snapshot_renew(s, NULL) != GP_OK) atomic_store(&s->stale, true);
}

static void run_loop(gp_server *s)
{
    const gp_serve_setup *setup = s->setup;
    double start = gp_clock_now(), last_poll = start;
    const struct timespec pause = {0, ROUND_MS * 1000000L};
    for (;;) {
        double now = gp_clock_now();
        gp_progress progress = {.stage = "explore", .seconds = now - start};
        if (setup->progress && !setup->progress(setup->user, &progress)) return;
        gp_connections_tick(s, now);
        if (now - last_poll >= s->limits.poll_seconds) {
            gp_events_tick(s->events, now);
            gp_opener_tick(s->opener, s->events);
            gp_generating_tick(s->generating, s->events);
            watch_catalog(s);
            last_poll = gp_clock_now();
        }
        nanosleep(&pause, NULL);
    }
}

/* ------------------------------------------------------------------ start and stop */

static gp_status open_catalog(gp_server *s, gp_error *err)
{
    const char *path = gp_cat_path(s->setup->catalog);
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    s->revision_base = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    GP_TRY(gp_cat_open(path, s->setup->readonly ? GP_CATALOG_READONLY : 0, &s->db, err));
    /* The version is read before the snapshot, so that no change in between is missed. */
    GP_TRY(gp_cat_data_version(s->db, &s->db_version, err));
    return gp_snapshot_renew(s, err);
}

static gp_status open_all(gp_server *s, gp_error *err)
{
    size_t waiting = (size_t)s->limits.waiting;
    GP_TRY(open_catalog(s, err));
    GP_TRY(gp_events_open(s, &s->events, err));
    GP_TRY(gp_thumbs_open(s, &s->thumbs, err));
    GP_TRY(gp_files_open(&s->files, err));
    GP_TRY(gp_opener_new(&s->opener, err));
    GP_TRY(gp_generating_open(s, &s->generating, err));
    GP_TRY(gp_search_service_open(s, &s->search, err));
    GP_TRY(gp_gate_open((uint64_t)s->limits.image_bytes, &s->gate, err));
    GP_TRY(gp_worker_pool_open(s, 1, waiting, &s->rating_pool, err));
    GP_TRY(gp_worker_pool_open(s, GENERAL_THREADS, waiting, &s->general_pool, err));
    GP_TRY(gp_worker_pool_open(s, 1, waiting, &s->upload_pool, err));
    GP_TRY(gp_worker_pool_open(s, gp_thread_processors(), waiting, &s->decoder_pool, err));
    return start_daemon(s, err);
}

static void close_all(gp_server *s)
{
    atomic_store(&s->stopping, true);
    if (s->events) gp_events_stop(s->events);
    gp_gate_shut(s->gate);
    gp_generating_stop(s->generating);
    gp_worker_pool_stop(s->upload_pool);
    gp_worker_pool_stop(s->decoder_pool);
    gp_worker_pool_stop(s->general_pool);
    gp_worker_pool_stop(s->rating_pool);
    /* until MHD_stop_daemon returns, requests may still arrive and use a worker pool, so the pools are freed after
     * it */
    if (s->daemon) MHD_stop_daemon(s->daemon);
    gp_worker_pool_close(s->decoder_pool);
    gp_worker_pool_close(s->general_pool);
    gp_worker_pool_close(s->rating_pool);
    gp_worker_pool_close(s->upload_pool);
    gp_gate_close(s->gate);
    gp_search_service_close(s->search);
    gp_opener_free(s->opener);
    gp_generating_close(s->generating);
    gp_files_close(s->files);
    gp_thumbs_close(s->thumbs);
    gp_events_close(s->events);
    gp_snapshot_unref(s->before);
    gp_snapshot_unref(s->snapshot);
    gp_mem_free(s->since);
    gp_cat_close(s->db);
}

gp_status gp_serve_run(const gp_serve_setup *setup, gp_error *err)
{
    gp_server *s = gp_mem_zero(1, sizeof *s);
    char url[80];
    if (!s) return gp_fail_memory(err, "the server");
    s->setup = setup;
    s->guard.readonly = setup->readonly;
    gp_serve_limits_read(getenv("GOLDPAN_SERVE_LIMITS"), &s->limits);
    pthread_mutex_init(&s->db_lock, NULL);
    pthread_mutex_init(&s->view_lock, NULL);
    pthread_mutex_init(&s->watched_lock, NULL);
    pthread_mutex_init(&s->trash_lock, NULL);
    gp_status st = open_all(s, err);
    if (st == GP_OK) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u/%s/", s->guard.port, s->guard.token);
        if (setup->listening) setup->listening(setup->listening_user, url);
        run_loop(s);
    }
    close_all(s);
    pthread_mutex_destroy(&s->trash_lock);
    pthread_mutex_destroy(&s->watched_lock);
    pthread_mutex_destroy(&s->view_lock);
    pthread_mutex_destroy(&s->db_lock);
    gp_mem_free(s);
    return st;
}
