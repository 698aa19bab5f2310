/* SPDX-License-Identifier: MIT
 * A server without sockets: its locks, a catalog and a view.  A connection is an account of what happens to its one
 * request; the two calls of libmicrohttpd by which requests wait and go on are taken over here.  A request that goes on
 * is freed at once, as the real one may be, so that AddressSanitizer sees who touches it later. */
#ifndef GP_TESTS_SERVE_SUPPORT_H
#define GP_TESTS_SERVE_SUPPORT_H

#include "../catalog/analysis_support.h"
#include "base/thread.h"
#include "serve/server_private.h"
#include <time.h>

typedef struct account {
    gp_request *request; /* NULL: it went on, or was never suspended and is over */
    atomic_int suspended, resumed;
    atomic_uint status; /* of the answer; 0: none yet */
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

/* Wait until there is an answer. */
static inline unsigned status_of(account *a)
{
    for (int i = 0; i < 1800000 && !atomic_load(&a->status); i++) a_moment();
    return atomic_load(&a->status);
}

/* A server over the catalog, which may be NULL; setup is the caller's. */
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
