/* SPDX-License-Identifier: MIT
 * Handlers of the data routes. A response sends a column directly from the snapshot's memory, and holds a reference to
 * the snapshot until it has been sent. Ratings change only the columns with one byte per row (flag, stars). So these
 * columns are copied, and never cached. */
#include "serve/server_private.h"

#include "base/mem.h"
#include "catalog/catalog.h"

static void drop(void *snapshot)
{
    gp_snapshot_unref(snapshot);
}

/* Returns the snapshot of the request's revision. NULL: the snapshot has been freed, and the response is 404. */
static gp_snapshot *requested_snapshot(gp_request *request)
{
    const gp_route *route = &request->route;
    gp_snapshot *snapshot = route->has_revision ? gp_snapshot_ref_revision(request->server, route->revision)
                                                : gp_snapshot_ref(request->server);
    if (!snapshot)
        gp_respond_error(request, 404, "the data of revision %llu no longer exist: read the manifest again",
                         (unsigned long long)route->revision);
    return snapshot;
}

/* Responds with bytes inside the snapshot. The response takes over the caller's reference to the snapshot. */
static void respond_from(gp_request *request, gp_snapshot *snapshot, const void *bytes, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(size, (void *)(uintptr_t)bytes, drop, snapshot);
    if (!response) gp_snapshot_unref(snapshot);
    gp_respond(request, 200, response, "application/octet-stream",
               request->route.has_revision ? GP_CACHE_FOREVER : GP_CACHE_NEVER);
}

static void respond_from_copy(gp_request *request, gp_snapshot *snapshot, const void *bytes, size_t size)
{
    pthread_mutex_lock(&request->server->view_lock);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    pthread_mutex_unlock(&request->server->view_lock);
    gp_snapshot_unref(snapshot);
    gp_respond(request, 200, response, "application/octet-stream", GP_CACHE_NEVER);
}

void gp_serve_column(gp_request *request)
{
    gp_snapshot *snapshot = requested_snapshot(request);
    size_t size = 0, column = request->route.number;
    if (!snapshot) return;
    bool words = request->route.kind == GP_ROUTE_WORDS;
    const void *bytes = NULL;
    if (column < gp_view_columns(snapshot->view))
        bytes = words ? gp_view_words(snapshot->view, column, &size) : gp_view_column(snapshot->view, column, &size);
    if (!bytes) {
        gp_snapshot_unref(snapshot);
        gp_respond_error(request, 404,
                         words ? "column %zu does not exist or has no words" : "column %zu does not exist", column);
    } else if (!words && size == gp_view_count(snapshot->view)) {
        respond_from_copy(request, snapshot, bytes, size);
    } else {
        respond_from(request, snapshot, bytes, size);
    }
}

void gp_serve_slices(gp_request *request)
{
    gp_snapshot *snapshot = requested_snapshot(request);
    size_t size = 0;
    if (!snapshot) return;
    const void *bytes = gp_view_slices(snapshot->view, &size);
    respond_from(request, snapshot, bytes, size);
}

static void write_manifest(gp_request *request)
{
    gp_server *s = request->server;
    gp_str json = GP_STR_INIT;
    gp_error err = {0};
    bool embedded = false, model = s->setup->model_folder != NULL;
    const char *generated = NULL, *generator = NULL;
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    pthread_mutex_lock(&s->db_lock);
    gp_status st = gp_cat_has_embeddings(s->db, &embedded, &err);
    pthread_mutex_unlock(&s->db_lock);
    if (st == GP_OK) st = gp_generating_describe(s->generating, &generated, &generator, &err);
    gp_view_manifest manifest = {.live = true,
                                 .readonly = s->setup->readonly,
                                 .search_text = embedded && model,
                                 .search_image = embedded && model,
                                 .search_like = embedded,
                                 .open_folder = gp_opener_works(s->opener),
                                 .trash = !s->setup->readonly,
                                 .generated = generated,
                                 .generator = generator,
                                 .revision = snapshot->revision,
                                 .thumbs = gp_thumb_sides,
                                 .thumb_count = GP_THUMB_SIDES};
    if (st == GP_OK) st = gp_view_write_manifest(snapshot->view, &manifest, &json, &err);
    gp_snapshot_unref(snapshot);
    if (st == GP_OK)
        gp_respond_json(request, &json);
    else
        gp_respond_failure(request, &err);
    gp_str_clear(&json);
    gp_request_resume(request);
}

static void write_detail(gp_request *request)
{
    gp_server *s = request->server;
    gp_str json = GP_STR_INIT;
    gp_error err = {0};
    gp_snapshot *snapshot = requested_snapshot(request);
    if (snapshot) {
        pthread_mutex_lock(&s->db_lock);
        gp_status st = gp_view_write_detail(snapshot->view, s->db, request->route.number, false, &json, &err);
        pthread_mutex_unlock(&s->db_lock);
        gp_snapshot_unref(snapshot);
        if (st == GP_OK)
            gp_respond_json(request, &json);
        else
            gp_respond_failure(request, &err);
    }
    gp_str_clear(&json);
    gp_request_resume(request);
}

void gp_serve_manifest(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, write_manifest);
}

void gp_serve_detail(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, write_detail);
}

static void write_tags(gp_request *request)
{
    gp_server *s = request->server;
    gp_str json = GP_STR_INIT;
    gp_error err = {0};
    gp_snapshot *snapshot = requested_snapshot(request);
    if (snapshot) {
        pthread_mutex_lock(&s->db_lock);
        gp_status st = gp_view_write_tags(snapshot->view, s->db, &json, &err);
        pthread_mutex_unlock(&s->db_lock);
        gp_snapshot_unref(snapshot);
        if (st == GP_OK)
            gp_respond_json(request, &json);
        else
            gp_respond_failure(request, &err);
    }
    gp_str_clear(&json);
    gp_request_resume(request);
}

void gp_serve_tags(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, write_tags);
}
