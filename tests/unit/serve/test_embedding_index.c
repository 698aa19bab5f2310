/* SPDX-License-Identifier: MIT
 * Similarity of all images to one direction: the right rows, NaN for images without an embedding, and the same values
 * with any number of threads. */
#include "../catalog/analysis_support.h"

#include "base/rng.h"
#include "serve/embedding_index.h"

enum { N = 12 };

static void of_a_catalog(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_view *view = NULL;
    gp_embedding_index p = {0};
    gp_catalog *cat = catalog_open(at("c.db"), GP_CATALOG_CREATE);
    assert_ok(fill(cat, N, "clip/w", &err)); /* image i has the embedding (i, 1, 0, 0) */
    put_image(cat, 100, "/x/new.png");       /* an image without an embedding */
    assert_ok(gp_db_exec(cat, "UPDATE paths SET missing = 1 WHERE path = '/x/3.png'", &err));
    assert_ok(gp_view_new(cat, NULL, &view, &err));
    /* this file was missing when the view was read, and now exists again */
    assert_ok(gp_db_exec(cat, "UPDATE paths SET missing = 0 WHERE path = '/x/3.png'", &err));
    assert_int_equal(gp_view_count(view), N);
    assert_ok(gp_embedding_index_read(at("c.db"), view, &p, &err));
    assert_int_equal(p.n, N);
    assert_int_equal(p.dims, DIMS);
    for (size_t i = 1; i < p.n; i++) assert_true(memcmp(&p.hashes[i - 1], &p.hashes[i], sizeof *p.hashes) < 0);
    const float direction[DIMS] = {2, 0.5f, 7, 7};
    float out[N];
    gp_embedding_index_of(&p, direction, out, N);
    for (unsigned i = 0; i < N; i++) {
        gp_hash hash = image_of(i).hash;
        const float *v = gp_embedding_index_find(&p, &hash);
        size_t row = gp_view_find(view, &hash);
        assert_non_null(v);
        assert_float_equal(v[0], (float)i, 0);
        if (i == 3)
            assert_int_equal(row, SIZE_MAX);
        else
            assert_float_equal(out[row], 2 * (float)i + 0.5f, 0);
    }
    gp_hash without = image_of(100).hash, unknown = image_of(200).hash;
    assert_true(isnan(out[gp_view_find(view, &without)]));
    assert_null(gp_embedding_index_find(&p, &without));
    assert_null(gp_embedding_index_find(&p, &unknown));
    gp_embedding_index_clear(&p);
    assert_null(gp_embedding_index_find(&p, &without));
    gp_embedding_index_clear(&p);
    gp_view_free(view);
    gp_cat_close(cat);
}

static void without_embeddings(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_view *view = NULL;
    gp_embedding_index p = {0};
    gp_catalog *cat = catalog_open(at("none.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    assert_ok(gp_view_new(cat, NULL, &view, &err));
    assert_int_equal(gp_embedding_index_read(at("none.db"), view, &p, &err), GP_ERR_NOT_FOUND);
    assert_null(p.vectors);
    assert_int_not_equal(gp_embedding_index_read(at("no/such.db"), view, &p, &err), GP_OK);
    gp_view_free(view);
    gp_cat_close(cat);
}

/* Tests so many rows that several threads compute the products, with an odd number of dimensions. */
static void by_many_threads(void **state)
{
    (void)state;
    enum { ROWS = 90001, DIM = 101, SHOWN = ROWS - 7 };
    gp_embedding_index p = {.n = ROWS, .dims = DIM};
    float direction[DIM], *out = malloc(ROWS * sizeof *out);
    p.vectors = malloc((size_t)ROWS * DIM * sizeof *p.vectors);
    p.rows = malloc(ROWS * sizeof *p.rows);
    assert_true(out && p.vectors && p.rows && p.n * p.dims > (size_t)8 << 20);
    for (size_t k = 0; k < DIM; k++) direction[k] = (float)(gp_rng_at(7, k) % 2001) / 1000 - 1;
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++) p.vectors[i] = (float)(gp_rng_at(8, i) % 2001) / 1000 - 1;
    for (size_t i = 0; i < ROWS; i++) p.rows[i] = i % 10 == 9 ? UINT32_MAX : (uint32_t)(ROWS - 1 - i);
    for (size_t i = 0; i < ROWS; i++) out[i] = 777;
    gp_embedding_index_of(&p, direction, out, SHOWN);
    /* checks that nothing was written after the last row */
    for (size_t i = SHOWN; i < ROWS; i++) assert_float_equal(out[i], 777, 0);
    for (size_t i = 0; i < ROWS; i++) {
        size_t row = ROWS - 1 - i;
        if (row >= SHOWN) continue;
        if (i % 10 == 9) {
            assert_true(isnan(out[row]));
            continue;
        }
        double sum = 0;
        for (size_t k = 0; k < DIM; k++) sum += (double)p.vectors[i * DIM + k] * (double)direction[k];
        assert_true(fabs(sum - (double)out[row]) < 2e-5); /* measured 2.5e-6 */
    }
    gp_embedding_index one = p; /* with few rows, computed by one thread: exactly the same numbers */
    float alone[100];
    uint32_t rows[100];
    for (uint32_t i = 0; i < 100; i++) rows[i] = i;
    one.n = 100, one.rows = rows;
    gp_embedding_index_of(&one, direction, alone, 100);
    for (size_t i = 7; i < 100; i++)
        if (i % 10 != 9) assert_memory_equal(&alone[i], &out[ROWS - 1 - i], sizeof *alone);
    free(p.rows), free(p.vectors), free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_a_catalog), cmocka_unit_test(without_embeddings),
                                       cmocka_unit_test(by_many_threads)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
