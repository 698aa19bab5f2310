/* SPDX-License-Identifier: MIT
 * Thumbnails on request: one decode for all requests of an image, and a response for each, whatever happens. */
#include "../report/report_support.h"
#include "serve_support.h"

#include "serve/thumbs.h"

enum { PICTURES = 6, LARGE = 900 };

/* The hashes of images 0 to 5 of the catalog.  The file of image 5 is missing, and the file of image 4 has changed. */
static gp_hash hashes[PICTURES];

static gp_server *start(gp_serve_setup *setup, const char *name, int threads, size_t waiting)
{
    gp_error err = {0};
    char path[600];
    setenv("XDG_CACHE_HOME", at(name), 1);
    assert_ok(gp_folder_make(at(name), &err));
    snprintf(path, sizeof path, "%s/c.db", at(name));
    gp_catalog *cat = catalog_open(path, GP_CATALOG_CREATE);
    for (unsigned i = 0; i < PICTURES; i++) {
        int64_t id;
        bool fresh;
        gp_cat_image image = {.format = "png", .width = LARGE, .height = 40 + i};
        snprintf(path, sizeof path, "%s/%u.png", at(name), i);
        picture_write(path, LARGE, 40 + i, 0x102030 * (i + 1));
        image.hash = hashes[i] = file_hash(path);
        assert_ok(gp_cat_image_put(cat, &image, path, 1, 77, &id, &fresh, &err));
        if (i == PICTURES - 2) picture_write(path, LARGE, 40, 0xffffff);
        if (i == PICTURES - 1) assert_int_equal(unlink(path), 0);
    }
    gp_server *s = server_new(setup, cat);
    assert_ok(gp_snapshot_renew(s, &err));
    assert_ok(gp_thumbs_open(s, &s->thumbs, &err));
    assert_ok(gp_worker_pool_open(s, threads, waiting, &s->decoder_pool, &err));
    return s;
}

static void stop(gp_server *s)
{
    gp_catalog *cat = s->setup->catalog;
    server_free(s);
    gp_cat_close(cat);
}

/* Requests a thumbnail as the polling thread does; a request that is answered at once ends here. */
static void want(account *a, gp_server *s, const gp_hash *hash, uint32_t side)
{
    gp_request *request = account_open(a, s);
    request->route = (gp_route){.kind = GP_ROUTE_THUMB, .hash = *hash, .number = side};
    gp_serve_thumb(request);
    /* a waiting request now belongs to other threads, so it must not be read here */
    if (!atomic_load(&a->suspended)) account_close(a);
}

static void assert_answered(account *a, unsigned status, int waited)
{
    assert_int_equal(status_of(a), status);
    assert_int_equal(atomic_load(&a->suspended), waited);
    assert_int_equal(atomic_load(&a->resumed), waited);
}

static bool on_shelf(const gp_hash *hash, uint32_t side)
{
    gp_error err = {0};
    gp_thumb_cache *cache = NULL;
    uint64_t size = 0;
    assert_ok(gp_thumb_cache_open(1 << 30, &cache, &err));
    int file = gp_thumb_cache_find(cache, hash, side, &size);
    if (file >= 0) close(file);
    gp_thumb_cache_close(cache);
    return file >= 0;
}

static void made_and_kept(void **state)
{
    (void)state;
    gp_serve_setup setup;
    account a;
    gp_server *s = start(&setup, "kept", 2, 100);
    for (size_t k = 0; k < GP_THUMB_SIDES; k++) {
        assert_false(on_shelf(&hashes[0], gp_thumb_sides[k]));
        want(&a, s, &hashes[0], gp_thumb_sides[k]);
        assert_answered(&a, 200, 1);
        assert_true(on_shelf(&hashes[0], gp_thumb_sides[k]));
        want(&a, s, &hashes[0], gp_thumb_sides[k]); /* no request is waiting now */
        assert_answered(&a, 200, 0);
    }
    stop(s);
}

static void what_is_not_there(void **state)
{
    (void)state;
    gp_serve_setup setup;
    account a;
    gp_server *s = start(&setup, "absent", 2, 100);
    gp_hash unknown = gp_hash_of("unknown", 7);
    want(&a, s, &unknown, 256);
    assert_answered(&a, 404, 0);
    for (int i = PICTURES - 2; i < PICTURES; i++) /* without a cache, the image is decoded again for each request */
        for (int k = 0; k < 3; k++) {
            want(&a, s, &hashes[i], k == 1 ? 512 : 256);
            assert_answered(&a, 404, 1);
            assert_false(on_shelf(&hashes[i], 256));
        }
    stop(s);
}

static void many_want_the_same(void **state)
{
    (void)state;
    enum { N = 120 };
    static account accounts[N];
    gp_serve_setup setup;
    gp_server *s = start(&setup, "same", 3, 1000);
    for (unsigned i = 0; i < N; i++)
        want(&accounts[i], s, &hashes[i % PICTURES], gp_thumb_sides[i / PICTURES % GP_THUMB_SIDES]);
    for (unsigned i = 0; i < N; i++) assert_int_equal(status_of(&accounts[i]), i % PICTURES < PICTURES - 2 ? 200 : 404);
    for (unsigned i = 0; i < N; i++) assert_int_equal(accounts[i].resumed, accounts[i].suspended);
    for (unsigned i = 0; i < PICTURES - 2; i++) assert_true(on_shelf(&hashes[i], 256) && on_shelf(&hashes[i], 512));
    stop(s);
}

/* ------------------------------------------------------------------ a decoder that is blocked */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int standing;

static void stand(gp_request *request)
{
    atomic_store(&standing, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    gp_respond_error(request, 418, "done");
    gp_request_resume(request);
}

static void stand_still(gp_server *s, account *a)
{
    atomic_store(&standing, 0);
    pthread_mutex_lock(&gate);
    assert_true(gp_worker_pool_take(s->decoder_pool, account_open(a, s), stand));
    for (int i = 0; i < 60000 && !atomic_load(&standing); i++) a_moment();
}

static void those_who_join_take_no_place(void **state)
{
    (void)state;
    account block, first, other, joined[20];
    gp_serve_setup setup;
    gp_server *s = start(&setup, "joined", 1, 1);
    for (int round = 0; round < 2; round++) {
        unsigned left = round ? 1 : 0;
        stand_still(s, &block);
        want(&first, s, &hashes[left], 256);
        for (int i = 0; i < 20; i++) want(&joined[i], s, &hashes[left], i & 1 ? 512 : 256);
        want(&other, s, &hashes[2], 256); /* a request for another image exceeds the limit, and leaves nothing behind */
        assert_answered(&other, 429, 0);
        want(&other, s, &hashes[2], 512);
        assert_answered(&other, 429, 0);
        pthread_mutex_unlock(&gate);
        assert_answered(&block, 418, 1);
        assert_answered(&first, 200, 1);
        for (int i = 0; i < 20; i++) assert_answered(&joined[i], 200, 1);
    }
    want(&other, s, &hashes[2], 256);
    assert_answered(&other, 200, 1);
    stop(s);
}

static void all_are_answered_at_the_end(void **state)
{
    (void)state;
    account block, waiting[12];
    gp_serve_setup setup;
    gp_server *s = start(&setup, "end", 1, 100);
    stand_still(s, &block);
    for (unsigned i = 0; i < 12; i++) want(&waiting[i], s, &hashes[i % 3], i & 1 ? 512 : 256);
    atomic_store(&s->stopping, true);
    pthread_mutex_unlock(&gate);
    gp_worker_pool_close(s->decoder_pool);
    s->decoder_pool = NULL;
    for (int i = 0; i < 12; i++) assert_answered(&waiting[i], 503, 1);
    assert_false(on_shelf(&hashes[0], 256));
    stop(s);
}

static void memory_may_fail(void **state)
{
    (void)state;
    gp_serve_setup setup;
    account a;
    gp_server *s = start(&setup, "memory", 1, 10);
    for (uint64_t k = 1; k < 40; k++) {
        folder_remove_tree(at("memory/goldpan"));
        gp_mem_fail_at(k);
        want(&a, s, &hashes[0], 256);
        unsigned status = status_of(&a);
        gp_mem_fail_at(0);
        assert_true(status == 200 || status == 500 || status == 404);
    }
    want(&a, s, &hashes[1], 256);
    assert_answered(&a, 200, 1);
    stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_kept),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(many_want_the_same),
        cmocka_unit_test(those_who_join_take_no_place),
        cmocka_unit_test(all_are_answered_at_the_end),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
