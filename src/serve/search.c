/* SPDX-License-Identifier: MIT
 * Search. A query becomes one vector in the embedding space. An image's similarity is the dot product of its embedding
 * and that vector:
 *   similarity = mean of (cosine to the text, mean cosine to `more`) - 1/2 mean cosine to `less`
 * The formula is linear, so the means are computed from the vectors. The model is opened by the first search that needs
 * it, and kept open. The embeddings are read by the first search of a revision. Only one search runs at a time, because
 * each uses all processors. */
#include "serve/server_private.h"

#include "base/json.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/preprocess.h"
#include "model/encoder.h"
#include "serve/request_body.h"
#include "serve/embedding_index.h"
#include "encode/encode.h"

#include <stdio.h>
#include <string.h>

enum { MAX_UPLOADS = 16 };

struct gp_search_service {
    gp_server *server;
    pthread_mutex_t lock;
    gp_encoder *encoder;
    gp_encode_pool *pool;
    bool open_tried;
    gp_error open_error; /* why the model could not be opened */
    gp_embedding_index products;
    uint64_t revision; /* revision of `products`; 0: not read yet */
    struct {
        uint64_t number; /* 0: empty entry */
        float *vector;
    } uploads[MAX_UPLOADS]; /* ring buffer */
    uint64_t uploaded;
};

gp_status gp_search_service_open(gp_server *server, gp_search_service **out, gp_error *err)
{
    gp_search_service *search = gp_mem_zero(1, sizeof *search);
    if (!search) return gp_fail_memory(err, "the server");
    search->server = server;
    pthread_mutex_init(&search->lock, NULL);
    *out = search;
    return GP_OK;
}

void gp_search_service_close(gp_search_service *search)
{
    if (!search) return;
    for (size_t i = 0; i < MAX_UPLOADS; i++) gp_mem_free(search->uploads[i].vector);
    gp_embedding_index_clear(&search->products);
    gp_encode_pool_close(search->pool);
    gp_encoder_close(search->encoder);
    pthread_mutex_destroy(&search->lock);
    gp_mem_free(search);
}

/* ------------------------------------------------------------------ required data, with the lock held */

static gp_status open_model(gp_search_service *s, gp_error *err)
{
    const gp_serve_setup *setup = s->server->setup;
    if (!s->open_tried) {
        s->open_tried = true;
        gp_status st =
            gp_encoder_open(setup->model_folder, setup->precision, setup->engine, &s->encoder, &s->open_error);
        if (st == GP_OK) st = gp_encode_pool_open(s->encoder, 1, 1, 0, &s->pool, &s->open_error);
        s->open_error.status = st;
    }
    if (!s->pool) return gp_fail_as(err, s->open_error.status, &s->open_error);
    return GP_OK;
}

static gp_status load_model(gp_search_service *s, gp_error *err)
{
    gp_model_facts facts = {0};
    if (!s->server->setup->model_folder)
        return gp_fail(err, GP_ERR_USAGE,
                       "the explorer was started without a model, so it can search only by images of the catalog "
                       "(`more`, `less`)");
    GP_TRY(open_model(s, err));
    gp_encoder_facts(s->encoder, &facts);
    if (facts.embedding != s->products.dims || !strstr(s->products.scorer, facts.weight_hash))
        return gp_fail(err, GP_ERR_USAGE,
                       "the explorer's model did not compute the embeddings of this catalog: start the explorer with "
                       "the catalog's model");
    return GP_OK;
}

static gp_status load_embeddings(gp_search_service *s, const gp_snapshot *snapshot, gp_error *err)
{
    if (s->revision == snapshot->revision) return GP_OK;
    gp_embedding_index_clear(&s->products);
    s->revision = 0;
    GP_TRY(gp_embedding_index_read(gp_cat_path(s->server->db), snapshot->view, &s->products, err));
    s->revision = snapshot->revision;
    return GP_OK;
}

/* ------------------------------------------------------------------ the query as a vector */

static void add(float *to, const float *vector, float weight, size_t d)
{
    for (size_t i = 0; i < d; i++) to[i] += weight * vector[i];
}

static const float *example_vector(const gp_search_service *s, const gp_search_example *a)
{
    if (!a->uploaded) return gp_embedding_index_find(&s->products, &a->hash);
    for (size_t i = 0; i < MAX_UPLOADS; i++)
        if (a->number && s->uploads[i].number == a->number) return s->uploads[i].vector;
    return NULL;
}

static gp_status add_examples(const gp_search_service *s, const gp_search_example *list, size_t count, float weight,
                              float *to, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const float *vector = example_vector(s, &list[i]);
        if (!vector)
            return gp_fail(err, GP_ERR_NOT_FOUND,
                           list[i].uploaded ? "the uploaded image was deleted: upload it again"
                                            : "an image to search by is set apart or has no score yet");
        add(to, vector, weight / (float)count, s->products.dims);
    }
    return GP_OK;
}

static gp_status query_vector(gp_search_service *s, const gp_search_query *query, float *direction, float *text,
                              gp_error *err)
{
    size_t parts = (size_t)(query->text != NULL) + (size_t)(query->more_count > 0);
    float share = parts ? 1.0f / (float)parts : 0;
    if (query->text) {
        const char *words = query->text;
        GP_TRY(load_model(s, err));
        GP_TRY(gp_encode_pool_texts(s->pool, &words, 1, text, NULL, NULL, NULL, err));
        add(direction, text, share, s->products.dims);
    }
    GP_TRY(add_examples(s, query->more, query->more_count, share, direction, err));
    return add_examples(s, query->less, query->less_count, -0.5f, direction, err);
}

static gp_status find(gp_search_service *s, const gp_snapshot *snapshot, const gp_search_query *query, float **out,
                      gp_error *err)
{
    float *direction = NULL, *text = NULL, *similarity = NULL;
    size_t count = gp_view_count(snapshot->view);
    gp_status st = GP_OK;
    pthread_mutex_lock(&s->lock);
    GP_TRY_GOTO(load_embeddings(s, snapshot, err));
    direction = gp_mem_zero(s->products.dims, sizeof *direction);
    text = gp_mem_zero(s->products.dims, sizeof *text);
    similarity = gp_mem_new(count, sizeof *similarity);
    if (!direction || !text || !similarity) GP_TRY_GOTO(gp_fail_memory(err, "a search"));
    GP_TRY_GOTO(query_vector(s, query, direction, text, err));
    gp_embedding_index_of(&s->products, direction, similarity, count);
    *out = similarity;
    similarity = NULL;
out:
    pthread_mutex_unlock(&s->lock);
    gp_mem_free(similarity);
    gp_mem_free(text);
    gp_mem_free(direction);
    return st;
}

static void search(gp_request *request)
{
    gp_error err = {0};
    gp_search_query query = {0};
    float *similarity = NULL;
    char revision[24];
    gp_snapshot *snapshot = gp_snapshot_ref(request->server);
    gp_status st = gp_body_search(request->body.data, request->body.size, &query, &err);
    if (st == GP_OK) st = find(request->server->search, snapshot, &query, &similarity, &err);
    if (st != GP_OK) {
        gp_respond_failure(request, &err);
    } else {
        gp_respond(request, 200,
                   MHD_create_response_from_buffer_with_free_callback(
                       gp_view_count(snapshot->view) * sizeof *similarity, similarity, gp_mem_free),
                   "application/octet-stream", GP_CACHE_NEVER);
        snprintf(revision, sizeof revision, "%llu", (unsigned long long)snapshot->revision);
        if (request->response) MHD_add_response_header(request->response, "X-Goldpan-Revision", revision);
    }
    gp_snapshot_unref(snapshot);
    gp_search_query_clear(&query);
    gp_request_resume(request);
}

void gp_serve_search(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, search);
}

/* ------------------------------------------------------------------ search by an image */

static gp_status encode(gp_search_service *s, const gp_snapshot *snapshot, const gp_pixels *pixels, uint64_t *number,
                        gp_error *err)
{
    gp_model_facts facts = {0};
    float *planes = NULL, *vector = NULL;
    gp_status st = GP_OK;
    pthread_mutex_lock(&s->lock);
    GP_TRY_GOTO(load_embeddings(s, snapshot, err));
    GP_TRY_GOTO(load_model(s, err));
    gp_encoder_facts(s->encoder, &facts);
    if (!facts.has_image_tower) GP_TRY_GOTO(gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no image tower"));
    GP_TRY_GOTO(gp_alloc_aligned((void **)&planes, (size_t)3 * facts.image_side * facts.image_side, sizeof *planes,
                                 "an image", err));
    GP_TRY_GOTO(gp_alloc((void **)&vector, facts.embedding, sizeof *vector, "an image", err));
    GP_TRY_GOTO(gp_preprocess_planes(gp_encoder_preprocess(s->encoder), pixels, planes, err));
    GP_TRY_GOTO(gp_encode_pool_planes(s->pool, planes, 1, vector, err));
    *number = ++s->uploaded;
    gp_mem_free(s->uploads[*number % MAX_UPLOADS].vector);
    s->uploads[*number % MAX_UPLOADS].number = *number;
    s->uploads[*number % MAX_UPLOADS].vector = vector;
    vector = NULL;
out:
    pthread_mutex_unlock(&s->lock);
    gp_mem_free(vector);
    gp_mem_free(planes);
    return st;
}

/* Decodes the upload after the gate has reserved memory for it. The caller returns *admitted bytes to the gate when it
 * frees the pixels. */
static gp_status decode(gp_request *request, gp_pixels *pixels, uint64_t *admitted, gp_error *err)
{
    const uint8_t *bytes = (const uint8_t *)request->body.data;
    size_t size = request->body.size;
    gp_status st = gp_gate_admit(request->server->gate, bytes, size, admitted, err);
    if (st == GP_OK && gp_request_gone(request))
        st = gp_fail(err, GP_ERR_STOPPED, "the client has closed the connection");
    if (st == GP_OK) st = gp_image_decode_bytes(bytes, size, GP_MAX_PIXELS, pixels, err);
    if (st == GP_OK || st == GP_ERR_MEMORY || st == GP_ERR_STOPPED) return st;
    return gp_fail_within(err, st, "the upload is not a usable image");
}

static void upload(gp_request *request)
{
    gp_error err = {0};
    gp_pixels pixels = {0};
    gp_str json = GP_STR_INIT;
    uint64_t number = 0, admitted = 0;
    gp_snapshot *snapshot = gp_snapshot_ref(request->server);
    gp_status st = decode(request, &pixels, &admitted, &err);
    if (st == GP_OK) st = encode(request->server->search, snapshot, &pixels, &number, &err);
    gp_pixels_clear(&pixels);
    gp_gate_leave(request->server->gate, admitted);
    gp_snapshot_unref(snapshot);
    if (st == GP_OK) {
        gp_str_printf(&json, "{\"key\":\"u%llu\"}\n", (unsigned long long)number);
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
    gp_request_resume(request);
}

void gp_serve_upload(gp_request *request)
{
    gp_worker_pool_take(request->server->upload_pool, request, upload);
}
