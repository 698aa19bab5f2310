/* SPDX-License-Identifier: MIT
 * The current view and the previous one: a referenced view stays complete, and no rating is lost while a new view is
 * built. */
#include "serve_support.h"

enum { N = 24 };

/* Starts a server with a catalog of N images.  `db` is a second handle of the same catalog, as in the real server. */
static gp_server *start(gp_serve_setup *setup, const char *name)
{
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at(name), GP_CATALOG_CREATE);
    assert_ok(fill(cat, N, "clip/w", &err));
    gp_server *s = server_new(setup, cat);
    s->db = catalog_open(at(name), 0);
    assert_ok(gp_snapshot_renew(s, &err));
    return s;
}

static void stop(gp_server *s)
{
    gp_catalog *cat = s->setup->catalog;
    gp_cat_close(s->db);
    server_free(s);
    gp_cat_close(cat);
}

static gp_cat_rating rating_of(unsigned n, int flag, int stars)
{
    return (gp_cat_rating){image_of(n).hash, true, true, flag, stars};
}

static void assert_rating(const gp_snapshot *snapshot, unsigned n, int flag, unsigned stars)
{
    int f = 9;
    unsigned s = 9;
    gp_hash hash = image_of(n).hash;
    gp_view_rating(snapshot->view, gp_view_find(snapshot->view, &hash), &f, &s);
    assert_int_equal(f, flag);
    assert_int_equal(s, stars);
}

static void two_are_kept(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_serve_setup setup;
    gp_server *s = start(&setup, "two.db");
    assert_null(gp_snapshot_ref_revision(s, 0));
    assert_null(gp_snapshot_ref_revision(s, 2));
    gp_snapshot *first = gp_snapshot_ref(s);
    assert_int_equal(first->revision, 1);
    assert_int_equal(first->holders, 2);
    assert_ok(gp_snapshot_renew(s, &err));
    gp_snapshot *second = gp_snapshot_ref(s), *again = gp_snapshot_ref_revision(s, 1);
    assert_int_equal(second->revision, 2);
    assert_ptr_equal(again, first);
    gp_snapshot_unref(again);
    assert_ok(gp_snapshot_renew(s, &err));
    /* the old view gets no new references, but stays valid for its last holder */
    assert_null(gp_snapshot_ref_revision(s, 1));
    assert_int_equal(first->holders, 1);
    assert_int_equal(gp_view_count(first->view), N);
    gp_snapshot_unref(first);
    gp_snapshot_unref(second);
    assert_int_equal(second->holders, 1);
    gp_snapshot_unref(NULL);
    stop(s);
}

static void ratings_reach_both(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_serve_setup setup;
    gp_server *s = start(&setup, "both.db");
    assert_ok(gp_snapshot_renew(s, &err));
    gp_cat_rating changes[] = {rating_of(3, 1, 4), rating_of(4, -1, 2), rating_of(3, 0, 0), rating_of(999, 1, 5)};
    changes[2].has_flag = false; /* a rating with stars only */
    changes[3].has_stars = false;
    gp_rated rated[4];
    gp_snapshot_rate(s, changes, 4, rated);
    assert_true(rated[0].flag == 1 && rated[0].stars == 4);
    assert_true(rated[1].flag == -1 && rated[1].stars == 2);
    assert_true(rated[2].flag == 1 && rated[2].stars == 0); /* the flag is kept */
    assert_true(rated[3].flag == 1 && rated[3].stars == 0); /* the rated image is not in the view */
    assert_memory_equal(&rated[2].hash, &changes[2].hash, sizeof rated[2].hash);
    for (uint64_t revision = 1; revision <= 2; revision++) {
        gp_snapshot *snapshot = gp_snapshot_ref_revision(s, revision);
        assert_rating(snapshot, 3, 1, 0);
        assert_rating(snapshot, 4, -1, 2);
        assert_rating(snapshot, 5, 0, 0);
        gp_snapshot_unref(snapshot);
    }
    assert_int_equal(s->since_count, 0); /* no view is being built */
    gp_snapshot_rate(s, changes, 4, NULL);
    stop(s);
}

static void a_view_that_cannot_be_built(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_serve_setup setup;
    gp_server *s = start(&setup, "fails.db");
    assert_ok(gp_snapshot_renew(s, &err));
    int64_t live = gp_mem_live();
    for (uint64_t k = 1; k < 40; k++) {
        gp_mem_fail_at(k);
        gp_status st = gp_snapshot_renew(s, &err);
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), live);
        assert_false(s->building);
        assert_int_equal(s->snapshot->revision, 2); /* the old view stays */
        assert_int_equal(s->before->revision, 1);
    }
    /* if a rating cannot be recorded in the view, the server reads the whole catalog again */
    gp_cat_rating change = rating_of(1, 1, 1);
    s->building = true;
    gp_mem_fail_at(1);
    gp_snapshot_rate(s, &change, 1, NULL);
    gp_mem_fail_at(0);
    assert_true(atomic_load(&s->stale));
    assert_rating(s->snapshot, 1, 1, 1);
    stop(s);
}

/* ------------------------------------------------------------------ threads */

enum { RATINGS = 60, READERS = 2 };
typedef struct game {
    gp_server *server;
    atomic_bool over;
    atomic_size_t read, rated, wrong;
} game;

/* Returns true if the newest view contains the expected rating of an image. */
static bool says(gp_server *s, const gp_cat_rating *expected)
{
    int flag = 9;
    unsigned stars = 9;
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    pthread_mutex_lock(&s->view_lock);
    gp_view_rating(snapshot->view, gp_view_find(snapshot->view, &expected->hash), &flag, &stars);
    pthread_mutex_unlock(&s->view_lock);
    gp_snapshot_unref(snapshot);
    return flag == expected->flag && stars == (unsigned)expected->stars;
}

static uint64_t newest(gp_server *s)
{
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    uint64_t revision = snapshot->revision;
    gp_snapshot_unref(snapshot);
    return revision;
}

/* Rates as api/rate does: first in the catalog, then in the view, under the catalog's lock.  A rating must be visible
 * at once, and must stay visible in later views until the same image is rated again. */
static void rate_on(game *g)
{
    gp_cat_rating last[N];
    for (unsigned n = 0; n < N; n++) last[n] = rating_of(n, 0, 0);
    for (unsigned i = 0; !atomic_load(&g->over); i++) {
        gp_cat_rating change = rating_of(i % N, (int)(i % 3) - 1, (int)(i / N % 6));
        gp_rated rated;
        if (!says(g->server, &last[i % N])) atomic_fetch_add(&g->wrong, 1);
        pthread_mutex_lock(&g->server->db_lock);
        gp_status st = gp_cat_ratings_put(g->server->db, &change, 1, NULL, NULL);
        if (st == GP_OK) gp_snapshot_rate(g->server, &change, 1, &rated);
        pthread_mutex_unlock(&g->server->db_lock);
        if (st != GP_OK) {
            atomic_fetch_add(&g->wrong, 1);
            continue;
        }
        last[i % N] = change;
        /* the rating must stay visible until two more views were built */
        for (uint64_t begun = newest(g->server), now = begun; now < begun + 2 && !atomic_load(&g->over);
             now = newest(g->server))
            if (!says(g->server, &change)) atomic_fetch_add(&g->wrong, 1);
        atomic_fetch_add(&g->rated, 1);
    }
}

/* Reads columns as data/col does: from the newest view or from a given revision, without a lock. */
static void read_on(game *g)
{
    uint64_t seen = 0;
    while (!atomic_load(&g->over)) {
        gp_snapshot *snapshot = gp_snapshot_ref(g->server), *older;
        if (snapshot->revision < seen) atomic_fetch_add(&g->wrong, 1); /* revisions never decrease */
        seen = snapshot->revision;
        older = gp_snapshot_ref_revision(g->server, seen - 1);
        for (gp_snapshot *each = snapshot; each; each = each == snapshot ? older : NULL) {
            size_t size = 0, ones = 0;
            const double *id = gp_view_column(each->view, 0, &size);
            for (size_t i = 0; i < size / sizeof *id; i++) ones += id[i] == (double)(i + 1);
            if (ones != N) atomic_fetch_add(&g->wrong, 1);
        }
        gp_snapshot_unref(older);
        gp_snapshot_unref(snapshot);
        atomic_fetch_add(&g->read, 1);
    }
}

static void play(void *user, int index)
{
    if (index == 0)
        rate_on(user);
    else
        read_on(user);
}

static void no_rating_is_lost(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_serve_setup setup;
    gp_threads *threads = NULL;
    game g = {.server = start(&setup, "threads.db")};
    assert_string_equal(gp_view_column_name(g.server->snapshot->view, 0), "id");
    assert_ok(gp_threads_start(1 + READERS, play, &g, &threads, &err));
    uint64_t renewals = 0;
    while (renewals < 100000 && (atomic_load(&g.rated) < RATINGS || !atomic_load(&g.read))) {
        assert_ok(gp_snapshot_renew(g.server, &err));
        renewals++;
    }
    atomic_store(&g.over, true);
    gp_threads_join(threads);
    assert_int_equal(atomic_load(&g.wrong), 0);
    assert_true(atomic_load(&g.rated) >= RATINGS && atomic_load(&g.read) > 0);
    assert_int_equal(g.server->snapshot->revision, renewals + 1);
    stop(g.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_are_kept),
        cmocka_unit_test(ratings_reach_both),
        cmocka_unit_test(a_view_that_cannot_be_built),
        cmocka_unit_test(no_rating_is_lost),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
