/* SPDX-License-Identifier: MIT
 * Thumbnails on request. A cached thumbnail is sent at once. Any other is made by a decoder thread. The first request
 * for an image creates an entry. Later requests for either size join the entry, so that one decode serves them all. */
#include "serve/server_private.h"

#include "base/mem.h"
#include "image/image.h"
#include "report/original.h"
#include "report/thumb.h"
#include "serve/thumbs.h"

#include <string.h>
#include <unistd.h>

typedef struct entry {
    gp_hash hash;
    gp_request *waiters; /* newest first */
    struct entry *next;
} entry;

struct gp_thumbs {
    gp_thumb_cache *cache;
    pthread_mutex_t lock;
    entry *entries; /* one entry for each image being made */
};

gp_status gp_thumbs_open(gp_server *server, gp_thumbs **out, gp_error *err)
{
    gp_thumbs *thumbs = gp_mem_zero(1, sizeof *thumbs);
    if (!thumbs) return gp_fail_memory(err, "the server");
    gp_status st = gp_thumb_cache_open((uint64_t)server->limits.thumb_bytes, &thumbs->cache, err);
    if (st != GP_OK) {
        gp_mem_free(thumbs);
        return st;
    }
    pthread_mutex_init(&thumbs->lock, NULL);
    *out = thumbs;
    return GP_OK;
}

void gp_thumbs_close(gp_thumbs *thumbs)
{
    if (!thumbs) return;
    gp_thumb_cache_close(thumbs->cache);
    pthread_mutex_destroy(&thumbs->lock);
    gp_mem_free(thumbs);
}

/* ------------------------------------------------------------------ entries, with the lock held */

static entry *find(const gp_thumbs *thumbs, const gp_hash *hash)
{
    entry *e = thumbs->entries;
    while (e && memcmp(e->hash.bytes, hash->bytes, sizeof hash->bytes) != 0) e = e->next;
    return e;
}

static void remove_entry(gp_thumbs *thumbs, entry *gone)
{
    entry **at = &thumbs->entries;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    gp_mem_free(gone);
}

/* Returns all requests that wait now; NULL: no request waits, and the entry has been removed. */
static gp_request *take_waiters(gp_thumbs *thumbs, const gp_hash *hash)
{
    pthread_mutex_lock(&thumbs->lock);
    entry *e = find(thumbs, hash);
    gp_request *waiters = e ? e->waiters : NULL;
    if (e && waiters)
        e->waiters = NULL;
    else if (e)
        remove_entry(thumbs, e);
    pthread_mutex_unlock(&thumbs->lock);
    return waiters;
}

/* ------------------------------------------------------------------ making */

typedef struct thumb_job {
    gp_request *first;
    gp_pixels pixels;  /* pixels of the file, after decoding */
    uint64_t admitted; /* bytes that the gate has reserved for the pixels */
    uint32_t orientation;
    gp_str jpeg[GP_THUMB_SIDES];
    gp_error error;
    bool tried;
} thumb_job;

static size_t size_index(uint32_t side)
{
    return side == gp_thumb_sides[0] ? 0 : 1;
}

/* Waits until the gate reserves memory for the pixels, then decodes the file. */
static gp_status read_pixels(thumb_job *m, const char *path, const gp_hash *hash, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_original_read(path, hash, &bytes, err));
    gp_status st = gp_gate_admit(m->first->server->gate, bytes.data, bytes.size, &m->admitted, err);
    if (st == GP_OK) st = gp_image_decode_bytes(bytes.data, bytes.size, GP_MAX_PIXELS, &m->pixels, err);
    gp_bytes_clear(&bytes);
    return st;
}

static gp_status decode(thumb_job *m, gp_error *err)
{
    gp_snapshot *snapshot = gp_snapshot_ref(m->first->server);
    const gp_hash *hash = &m->first->route.hash;
    size_t row = gp_view_find(snapshot->view, hash);
    char *path = NULL;
    gp_status st = row == SIZE_MAX ? gp_fail(err, GP_ERR_NOT_FOUND, "the image does not exist")
                                   : gp_view_path(snapshot->view, row, &path, err);
    if (st == GP_OK) {
        m->orientation = gp_view_orientation(snapshot->view, row);
        st = read_pixels(m, path, gp_view_file_hash(snapshot->view, row), err);
    }
    gp_mem_free(path);
    gp_snapshot_unref(snapshot);
    return st;
}

static gp_status make(thumb_job *m, size_t place, gp_error *err)
{
    gp_pixels small = {0};
    uint32_t w, h;
    if (m->jpeg[place].size) return GP_OK;
    if (m->tried && !m->pixels.rgb) return m->error.status;
    if (!m->tried) {
        m->tried = true;
        GP_TRY(decode(m, err));
    }
    gp_thumb_fit(m->pixels.width, m->pixels.height, m->orientation, gp_thumb_sides[place], &w, &h);
    GP_TRY(gp_thumb_shape(&m->pixels, m->orientation, w, h, &small, err));
    gp_status st = gp_image_jpeg_bytes(small.rgb, w, h, GP_JPEG_QUALITY, &m->jpeg[place], err);
    gp_pixels_clear(&small);
    if (st == GP_OK)
        gp_thumb_cache_put(m->first->server->thumbs->cache, &m->first->route.hash, gp_thumb_sides[place],
                           m->jpeg[place].data, m->jpeg[place].size);
    return st;
}

static void respond(thumb_job *m, gp_request *waiter)
{
    size_t place = size_index(waiter->route.number);
    if (gp_request_gone(waiter)) { /* the client has scrolled past and closed the connection */
        gp_respond_error(waiter, 503, "the client has closed the connection");
    } else if (make(m, place, &m->error) == GP_OK) {
        gp_respond(waiter, 200,
                   MHD_create_response_from_buffer(m->jpeg[place].size, m->jpeg[place].data, MHD_RESPMEM_MUST_COPY),
                   "image/jpeg", GP_CACHE_FOREVER);
    } else if (m->error.status == GP_ERR_FORMAT || m->error.status == GP_ERR_IO) {
        gp_respond_error(waiter, 404, "%s", m->error.message);
    } else {
        gp_respond_failure(waiter, &m->error);
    }
}

static void work(gp_request *request)
{
    /* a resumed request may be freed immediately, so copy the fields that are needed later */
    gp_thumbs *thumbs = request->server->thumbs;
    gp_request leader = {.server = request->server, .route = request->route};
    thumb_job m = {.first = &leader};
    for (gp_request *waiter; (waiter = take_waiters(thumbs, &leader.route.hash));)
        while (waiter) {
            gp_request *next = waiter->next;
            respond(&m, waiter);
            gp_request_resume(waiter);
            waiter = next;
        }
    for (size_t i = 0; i < GP_THUMB_SIDES; i++) gp_str_clear(&m.jpeg[i]);
    gp_pixels_clear(&m.pixels);
    gp_gate_leave(leader.server->gate, m.admitted);
}

void gp_thumbs_refuse(gp_request *request)
{
    gp_thumbs *thumbs = request->server->thumbs;
    gp_hash hash = request->route.hash;
    for (gp_request *waiter; (waiter = take_waiters(thumbs, &hash));)
        while (waiter) {
            gp_request *next = waiter->next;
            gp_respond_error(waiter, 503, "the explorer is closing");
            gp_request_resume(waiter);
            waiter = next;
        }
}

/* ------------------------------------------------------------------ requests: the polling thread */

static bool is_known(gp_request *request)
{
    gp_snapshot *snapshot = gp_snapshot_ref(request->server);
    bool known = gp_view_find(snapshot->view, &request->route.hash) != SIZE_MAX;
    gp_snapshot_unref(snapshot);
    return known;
}

/* Lets the request wait for this thumbnail, and starts making the thumbnail if no other request waits for it. */
static void wait_for(gp_thumbs *thumbs, gp_request *request)
{
    pthread_mutex_lock(&thumbs->lock);
    entry *e = find(thumbs, &request->route.hash);
    if (e) {
        gp_request_suspend(request);
        request->next = e->waiters;
        e->waiters = request;
    } else if (!(e = gp_mem_zero(1, sizeof *e))) {
        gp_respond_error(request, 500, "out of memory for a thumbnail");
    } else {
        *e = (entry){request->route.hash, request, thumbs->entries};
        request->next = NULL;
        thumbs->entries = e;
        if (!gp_worker_pool_take(request->server->decoder_pool, request, work)) remove_entry(thumbs, e);
    }
    pthread_mutex_unlock(&thumbs->lock);
}

void gp_serve_thumb(gp_request *request)
{
    gp_thumbs *thumbs = request->server->thumbs;
    uint64_t size = 0;
    if (!is_known(request)) {
        gp_respond_error(request, 404, "the image does not exist");
        return;
    }
    int file = gp_thumb_cache_find(thumbs->cache, &request->route.hash, request->route.number, &size);
    if (file < 0) {
        wait_for(thumbs, request);
        return;
    }
    struct MHD_Response *response = MHD_create_response_from_fd64(size, file);
    if (!response) close(file);
    gp_respond(request, 200, response, "image/jpeg", GP_CACHE_FOREVER);
}
