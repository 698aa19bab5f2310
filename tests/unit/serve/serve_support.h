/* SPDX-License-Identifier: MIT
 * A server without sockets: its locks, a catalog and a view.  An `account` records what happens to the single request
 * of a connection.  It replaces the two functions of libmicrohttpd that suspend and resume a connection.  A resumed
 * request is freed at once, as in the real server, so that AddressSanitizer detects later accesses. */
#ifndef GP_TESTS_SERVE_SUPPORT_H
#define GP_TESTS_SERVE_SUPPORT_H

#include "../catalog/analysis_support.h"
#include "base/thread.h"
#include "serve/server_private.h"
#include <time.h>

typedef struct account {
    gp_request *request; /* the suspended request; NULL: it was resumed, or it ended without being suspended */
    atomic_int suspended, resumed;
    atomic_uint status; /* status code of the response; 0: there is no response yet */
} account;

static inline void account_close(account *a)
{
    gp_request *request = a->request;
    a->request = NULL;
    assert_true(request && request->response);
    unsigned status = request->status;
    MHD_destroy_response(request->response);
    gp_str_clear(&request->body);
    memset(request, 0xee, sizeof *request);
    free(request);
    atomic_store(&a->status, status);
}

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    atomic_fetch_add(&((account *)(void *)connection)->suspended, 1);
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    account *a = (void *)connection;
    atomic_fetch_add(&a->resumed, 1);
    account_close(a);
}

static inline gp_request *account_open(account *a, gp_server *server)
{
    *a = (account){0};
    a->request = calloc(1, sizeof *a->request);
    assert_non_null(a->request);
    a->request->server = server;
    a->request->connection = (void *)a;
    return a->request;
}

static inline void a_moment(void)
{
    const struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
}

/* Waits until there is a response. */
static inline unsigned status_of(account *a)
{
    for (int i = 0; i < 1800000 && !atomic_load(&a->status); i++) a_moment();
    return atomic_load(&a->status);
}

/* Makes a server for the catalog, which may be NULL; the caller owns `setup`. */
static inline gp_server *server_new(gp_serve_setup *setup, gp_catalog *cat)
{
    gp_server *s = gp_mem_zero(1, sizeof *s);
    assert_non_null(s);
    *setup = (gp_serve_setup){.catalog = cat};
    s->setup = setup;
    gp_serve_limits_read(NULL, &s->limits);
    pthread_mutex_init(&s->db_lock, NULL);
    pthread_mutex_init(&s->view_lock, NULL);
    pthread_mutex_init(&s->watched_lock, NULL);
    return s;
}

static inline void server_free(gp_server *s)
{
    gp_worker_pool_close(s->decoder_pool);
    gp_worker_pool_close(s->general_pool);
    gp_thumbs_close(s->thumbs);
    gp_snapshot_unref(s->before);
    gp_snapshot_unref(s->snapshot);
    gp_mem_free(s->since);
    pthread_mutex_destroy(&s->watched_lock);
    pthread_mutex_destroy(&s->view_lock);
    pthread_mutex_destroy(&s->db_lock);
    gp_mem_free(s);
}

#endif
