/* SPDX-License-Identifier: MIT
 * The analysis in the catalog: written completely, read back unchanged, replaced completely; one analysis for each
 * scorer. */
#include "analysis_support.h"
#include <signal.h>
#include <sys/wait.h>

static gp_catalog *filled(const char *name, unsigned n, gp_cat_matrix *m)
{
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at(name), GP_CATALOG_CREATE);
    assert_ok(fill(cat, n, "clip/w", &err));
    if (m) assert_ok(gp_cat_matrix_read(cat, "clip/w", m, &err));
    return cat;
}

/* ------------------------------------------------------------------ what the analysis reads */

static bool exists_not_3(void *user, const char *path)
{
    (void)user;
    return strcmp(path, "/x/3.png") != 0;
}

static void test_matrix(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix m;
    gp_catalog *cat = filled("matrix.db", 20, NULL);
    int64_t bare = put_image(cat, 500, "/x/500.png"), encoder = put_encoder(cat, "w");
    float v[DIMS] = {500, 1, 0, 0};
    put_image(cat, 501, "/x/501.png"); /* an image without an embedding is not in the matrix */
    assert_ok(gp_cat_image_embedding_put(cat, bare, encoder, v, DIMS, &err));
    assert_ok(gp_cat_paths_mark_missing(cat, exists_not_3, NULL, NULL, &err));
    assert_int_equal(gp_cat_matrix_read(cat, "nobody", &m, &err), GP_ERR_NOT_FOUND);
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &m, &err));
    assert_int_equal(m.n, 20);
    assert_int_equal(m.dims, DIMS);
    assert_int_equal(m.encoder, encoder);
    assert_int_equal((uintptr_t)m.vectors % 64, 0);
    for (size_t i = 0; i < m.n; i++) {
        unsigned k = (unsigned)m.vectors[i * DIMS];
        char path[64];
        gp_hash hash = gp_hash_of(&k, sizeof k);
        if (i) assert_true(memcmp(&m.hashes[i - 1], &m.hashes[i], sizeof hash) < 0);
        assert_memory_equal(&hash, &m.hashes[i], sizeof hash);
        snprintf(path, sizeof path, "/x/%u.png", k);
        assert_string_equal(m.paths[i], path);
        assert_int_not_equal(k, 3);
        assert_int_equal(m.pixels[i], 64 * 48);
        assert_int_equal(m.bytes[i], 1000 + k);
        if (k == 500) {
            assert_true(isnan(m.scores[i]) && m.prompts[i] == 0 && !m.texts[i] && m.images[i] == bare);
            continue;
        }
        snprintf(path, sizeof path, "prompt %u", k / 4);
        assert_string_equal(m.texts[i], path);
        assert_true(m.scores[i] == 10 + k % 4);
    }
    int64_t *ids = NULL;
    float *vectors = NULL;
    size_t count = 0;
    assert_int_equal(sqlite3_exec(cat->db, "DELETE FROM prompt_embeddings WHERE prompt = 2", NULL, NULL, NULL), 0);
    assert_ok(gp_cat_prompt_vectors(cat, encoder, m.prompts, m.n, &ids, &vectors, &count, &err));
    assert_int_equal(count, 4); /* of five prompts, one has no embedding; the prompt number 0 of an image without a
                                 * score is not a prompt */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ids[i], i == 0 ? 1 : i + 2);
        assert_true(vectors[i * DIMS + 2] == (float)(ids[i] - 1) && vectors[i * DIMS + 3] == 1);
    }
    gp_mem_free(ids);
    gp_mem_free(vectors);
    gp_cat_matrix_clear(&m);
    gp_cat_close(cat);
}

/* If no image has an embedding, the matrix is empty and this is not an error. */
static void test_matrix_of_nothing(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix m;
    int64_t *ids = NULL;
    float *vectors = NULL;
    size_t count = 9;
    gp_catalog *cat = catalog_open(at("empty.db"), GP_CATALOG_CREATE);
    put_scorer(cat, "clip/w", put_encoder(cat, "w"));
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &m, &err));
    assert_int_equal(m.n, 0);
    assert_ok(gp_cat_prompt_vectors(cat, m.encoder, m.prompts, 0, &ids, &vectors, &count, &err));
    assert_int_equal(count, 0);
    gp_mem_free(ids);
    gp_mem_free(vectors);
    gp_cat_matrix_clear(&m);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ results are written and read back */

typedef struct seen {
    int count, stop_after;
    size_t n;
    const int64_t *images;
    int64_t ids[3];
} seen;

static bool see_slice(void *user, const gp_analysis_slice *s)
{
    seen *w = user;
    int i = w->count++;
    w->ids[i] = s->id;
    assert_string_equal(s->title, "red foxes 5");
    assert_string_equal(s->space, i == 1 ? "prompts" : "images");
    assert_string_equal(s->reasons_json, "[]");
    assert_int_equal(s->support, w->n / (size_t)(i + 1));
    assert_int_equal(s->level, i);
    assert_true(s->value == 5 && s->lift == 9 - i && s->low == 1 && s->effect == 1.5 && s->p == 0.001);
    assert_true(s->p_corrected == 0.02 && isnan(s->high) == (i == 2));
    if (i == 2)
        assert_string_equal(s->category, "houses 5");
    else
        assert_null(s->category);
    if (i == 0) assert_int_equal(s->parent, s->id + 1);
    if (i == 1) assert_int_equal(s->parent, 0);
    if (i == 2) assert_int_equal(s->parent, w->ids[0]);
    for (uint32_t k = 0; k < s->support; k++) {
        bool there = false;
        for (size_t r = 0; r < s->support; r++) there |= w->images[r] == s->images[k];
        assert_true(there);
        if (k) assert_true(s->images[k - 1] < s->images[k]);
    }
    return w->count != w->stop_after;
}

static bool see_category(void *user, const gp_analysis_category *c)
{
    seen *w = user;
    assert_string_equal(c->name, w->count ? "houses 5" : "animals 5");
    assert_string_equal(c->source, "column Category");
    assert_true(c->support == w->n / 2 && c->mean == 5 + w->count && isnan(c->sd) && c->weight == 0.5);
    return ++w->count != w->stop_after;
}

static bool see_group(void *user, const gp_analysis_group *g)
{
    seen *w = user;
    const int64_t *pair = w->images + 2 * w->count;
    assert_string_equal(g->reason, "sharper 5");
    assert_int_equal(g->count, 2);
    assert_true(g->representative == pair[0] && g->keeper == pair[1]);
    assert_true(g->images[0] == pair[0] && g->images[1] == pair[1]);
    assert_true(g->likeness[0] == 1 && g->likeness[1] == 0.96f);
    return ++w->count != w->stop_after;
}

static void assert_standings(gp_catalog *cat, const char *scorer, const made *m)
{
    gp_error err = {0};
    gp_cat_image_stats *list = NULL;
    size_t count = 0, n = m->a.n;
    assert_ok(gp_cat_image_stats_all(cat, scorer, &list, &count, &err));
    assert_int_equal(count, n);
    for (size_t k = 0; k < count; k++) {
        size_t i = 0;
        while (m->a.images[i] != list[k].image) assert_true(++i < n);
        if (k) assert_true(list[k - 1].image < list[k].image);
        assert_int_equal(list[k].category, m->category[i]);
        assert_int_equal(list[k].group, m->group[i]);
        assert_int_equal(list[k].keeper, m->group[i] >= 0 && i % 2 == 1);
        assert_true(isnan(m->a.z_prompt[i]) ? isnan(list[k].z_prompt) : list[k].z_prompt == m->a.z_prompt[i]);
        assert_true(list[k].z_category == m->a.z_category[i] && list[k].percentile == m->a.percentile[i]);
        assert_true(list[k].corrected == m->a.corrected[i]);
    }
    gp_mem_free(list);
}

static void test_put_and_read(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_cat_image_stats *none = NULL;
    size_t count = 0;
    gp_catalog *cat = filled("put.db", 80, &x);
    seen w = {.n = 80, .images = x.images};
    assert_int_equal(gp_cat_image_stats_all(cat, "clip/w", &none, &count, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "goldpan slices"));
    assert_int_equal(gp_cat_slices_visit(cat, "clip/w", see_slice, &w, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(gp_cat_groups_visit(cat, "clip/w", see_group, &w, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(gp_cat_categories_visit(cat, "clip/w", see_category, &w, &err), GP_ERR_NOT_FOUND);
    made *m = make_analysis("clip/w", x.images, 80, 5);
    assert_ok(gp_cat_analysis_put(cat, &m->a, &err));
    assert_whole(cat, 1, 80);
    assert_invariants(cat);
    assert_standings(cat, "clip/w", m);
    assert_ok(gp_cat_slices_visit(cat, "clip/w", see_slice, &w, &err));
    assert_int_equal(w.count, 3);
    w.count = 0;
    assert_ok(gp_cat_categories_visit(cat, "clip/w", see_category, &w, &err));
    assert_int_equal(w.count, 2);
    w.count = 0;
    assert_ok(gp_cat_groups_visit(cat, "clip/w", see_group, &w, &err));
    assert_int_equal(w.count, 10);
    for (int stop = 1; stop <= 2; stop++) { /* the visitor ends early; the statement can then be used again */
        w.count = 0, w.stop_after = 1;
        assert_ok(gp_cat_slices_visit(cat, "clip/w", see_slice, &w, &err));
        assert_int_equal(w.count, 1);
    }
    /* Each image is in one cluster of each level. The parent of this cluster is the image's cluster in the next coarser
     * level. */
    assert_int_equal(ask(cat, "SELECT count(*) FROM (SELECT 1 FROM cluster_images GROUP BY level, image"
                              " HAVING count(*) <> 1)"),
                     0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM cluster_images f JOIN clusters c ON c.level = f.level"
                              " AND c.cluster = f.cluster JOIN cluster_images u ON u.level = f.level - 1"
                              " AND u.image = f.image WHERE u.cluster <> c.parent"),
                     0);
    /* The SQL views return the same values as the functions. */
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_standings WHERE score IS NOT NULL AND path LIKE '/x/%'"), 80);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_standings WHERE category = 'houses 5'"), 35);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE category IS NULL AND title = 'red foxes 5'"), 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slice_images WHERE path IS NOT NULL"), 80 + 40 + 26);
    assert_int_equal(ask(cat, "SELECT sum(images) FROM v_categories"), 80);
    assert_int_equal(ask(cat, "SELECT sum(keep) FROM v_duplicates WHERE likeness > 0.9"), 10);
    made_clear(m);
    free(m);
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

static void test_replaced_whole(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_catalog *cat = filled("again.db", 80, &x);
    put_analysis(cat, "clip/w", x.images, 80, 3);
    put_analysis(cat, "clip/w", x.images + 40, 40, 5);
    assert_whole(cat, 1, 40);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE title = 'red foxes 3'"), 0);
    seen w = {.n = 40, .images = x.images + 40};
    assert_ok(gp_cat_slices_visit(cat, "clip/w", see_slice, &w, &err));
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

/* Each scorer keeps its own analysis. The SQL views show the analysis of the scorer used last. */
static void test_two_scorers(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_catalog *cat = filled("scorers.db", 80, &x);
    int64_t encoder = put_encoder(cat, "w");
    put_analysis(cat, "clip/w", x.images, 80, 5);
    put_scorer(cat, "other/w", encoder);
    /* the scorer that was used last has no analysis */
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices"), 0);
    put_analysis(cat, "other/w", x.images, 80, 6);
    put_analysis(cat, "other/w", x.images, 80, 7);
    assert_whole(cat, 2, 80);
    made *five = make_analysis("clip/w", x.images, 80, 5), *seven = make_analysis("other/w", x.images, 80, 7);
    assert_standings(cat, "clip/w", five); /* numbers of groups and categories begin at 0 in each analysis */
    assert_standings(cat, "other/w", seven);
    made_clear(five), made_clear(seven);
    free(five), free(seven);
    static const char *const views[] = {"v_slices", "v_slice_images", "v_categories", "v_standings", "v_duplicates"};
    static const int rows[] = {3, 80 + 40 + 26, 2, 80, 20};
    for (int i = 0; i < 5; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", views[i]);
        assert_int_equal(ask(cat, sql), rows[i]);
    }
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE title = 'red foxes 7'"), 3);
    put_scorer(cat, "clip/w", encoder);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE title = 'red foxes 5'"), 3);
    seen w = {.n = 80, .images = x.images};
    assert_ok(gp_cat_groups_visit(cat, "clip/w", see_group, &w, &err));
    assert_int_equal(w.count, 10);
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

static void test_later_images(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_cat_image_stats *list = NULL;
    size_t count = 0;
    gp_catalog *cat = filled("later.db", 80, &x);
    put_analysis(cat, "clip/w", x.images, 80, 5);
    int64_t later = put_image(cat, 900, "/x/900.png");
    put_prompt(cat, later, "prompt 1", "a1111", 2);
    assert_ok(
        gp_cat_score_put(cat, later, ask(cat, "SELECT id FROM prompts WHERE text = 'prompt 1'"), "clip/w", 99, &err));
    assert_ok(gp_cat_image_stats_all(cat, "clip/w", &list, &count, &err));
    assert_int_equal(count, 80);
    for (size_t i = 0; i < count; i++) assert_int_not_equal(list[i].image, later);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_standings"), 80);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images"), 81);
    gp_mem_free(list);
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ complete or not at all */

static void test_failed_leaves_the_one_before(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_catalog *cat = filled("failed.db", 80, &x);
    put_analysis(cat, "clip/w", x.images, 80, 5);
    made *m = make_analysis("clip/w", x.images, 80, 6);
    int64_t *images = malloc(80 * sizeof *images);
    memcpy(images, x.images, 80 * sizeof *images);
    m->a.images = images;
    images[79] = 4711; /* the analysis contains an image that does not exist */
    assert_int_not_equal(gp_cat_analysis_put(cat, &m->a, &err), GP_OK);
    images[79] = images[78]; /* an image twice */
    assert_int_not_equal(gp_cat_analysis_put(cat, &m->a, &err), GP_OK);
    images[79] = x.images[79];
    /* a slice refers to a parent slice that does not exist; goldpan detects this only when the transaction ends */
    m->slices[2].parent = 1000;
    assert_int_not_equal(gp_cat_analysis_put(cat, &m->a, &err), GP_OK);
    m->slices[2].parent = -1;
    m->slices[2].space = "elsewhere";
    assert_int_not_equal(gp_cat_analysis_put(cat, &m->a, &err), GP_OK);
    m->slices[2].space = "images";
    m->a.scorer = "nobody";
    assert_int_equal(gp_cat_analysis_put(cat, &m->a, &err), GP_ERR_USAGE);
    m->a.scorer = "clip/w";
    /* the caller stores an analysis inside its own transaction, and rolls this transaction back */
    assert_ok(gp_cat_begin(cat, &err));
    assert_ok(gp_cat_analysis_put(cat, &m->a, &err));
    gp_cat_rollback(cat);
    assert_whole(cat, 1, 80);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE title = 'red foxes 5'"), 3);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_categories WHERE category LIKE '% 5'"), 2);
    assert_ok(gp_cat_analysis_put(cat, &m->a, &err)); /* the handle still works */
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_slices WHERE title = 'red foxes 6'"), 3);
    made_clear(m);
    free(m);
    free(images);
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

/* Kills the writing process at many moments. The catalog always contains one complete analysis: the last one that the
 * process reported as committed, or the next one. */
static void test_killed(void **state)
{
    (void)state;
    enum { KILLS = 12, N = 400 };
    gp_cat_matrix x;
    gp_catalog *cat = filled("killed.db", N, &x);
    put_analysis(cat, "clip/w", x.images, N, 0);
    gp_cat_close(cat);
    for (int k = 0, first = 1; k < KILLS; k++) {
        int ends[2], said = first - 1, status;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            gp_error err = {0};
            close(ends[0]);
            if (gp_cat_open(at("killed.db"), 0, &cat, &err) != GP_OK) _exit(2);
            for (int mark = first;; mark++) {
                made *m = make_analysis("clip/w", x.images, N, mark);
                if (gp_cat_analysis_put(cat, &m->a, &err) != GP_OK) _exit(2);
                if (write(ends[1], &mark, sizeof mark) != (ssize_t)sizeof mark) _exit(2);
                made_clear(m);
                free(m);
            }
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
        usleep((useconds_t)(997 * k));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        for (int more; read(ends[0], &more, sizeof more) == (ssize_t)sizeof more;) said = more;
        close(ends[0]);
        cat = catalog_open(at("killed.db"), 0);
        assert_whole(cat, 1, N);
        int mark = (int)ask(cat, "SELECT min(value) FROM slices");
        assert_true(mark == said || mark == said + 1);
        assert_int_equal(ask(cat, "SELECT max(value) FROM slices"), mark);
        assert_int_equal(ask(cat, "SELECT min(z_category) - 1000 FROM standings"), mark);
        assert_int_equal(ask(cat, "SELECT min(mean) FROM categories"), mark);
        gp_cat_close(cat);
        first = mark + 1;
    }
    gp_cat_matrix_clear(&x);
}

/* ------------------------------------------------------------------ the map */

static void test_map(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_matrix x;
    gp_catalog *cat = filled("map.db", 20, &x);
    float place[40], back[40];
    bool known[20];
    char *settings = "untouched";
    for (int i = 0; i < 40; i++) place[i] = (float)i / 3;
    assert_ok(gp_cat_map_read(cat, x.encoder, x.images, 20, back, known, &settings, &err));
    assert_null(settings);
    for (int i = 0; i < 20; i++) assert_false(known[i]);
    assert_ok(gp_cat_map_put(cat, x.encoder, "{\"a\":1}", x.images, place, 15, false, &err));
    assert_ok(gp_cat_map_read(cat, x.encoder, x.images, 20, back, known, &settings, &err));
    assert_string_equal(settings, "{\"a\":1}");
    gp_mem_free(settings);
    for (int i = 0; i < 20; i++) assert_int_equal(known[i], i < 15);
    assert_memory_equal(place, back, 30 * sizeof(float));
    /* New images get places on the map, and earlier places do not change. */
    assert_ok(gp_cat_map_put(cat, x.encoder, "{\"a\":1}", x.images + 15, place + 30, 5, false, &err));
    assert_ok(gp_cat_map_read(cat, x.encoder, x.images, 20, back, known, &settings, &err));
    gp_mem_free(settings);
    assert_memory_equal(place, back, sizeof place);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_map WHERE path LIKE '/x/%'"), 20);
    /* If the new map contains an image that does not exist, the stored map stays unchanged. */
    int64_t nobody = 4711;
    assert_int_not_equal(gp_cat_map_put(cat, x.encoder, "{}", &nobody, place, 1, true, &err), GP_OK);
    assert_int_equal(ask(cat, "SELECT count(*) FROM map_images"), 20);
    assert_ok(gp_cat_map_put(cat, x.encoder, "{\"a\":2}", x.images, place + 10, 5, true, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM map_images"), 5);
    assert_int_equal(ask(cat, "SELECT count(*) FROM maps"), 1);
    gp_cat_matrix_clear(&x);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ a catalog of version 1 */

/* SQL that inserts the same rows as fill(), into the tables of schema version 1. */
static const char version_1_rows[] =
    "INSERT INTO encoders(model, weight_hash, precision, preprocess_id, text_rule, dims)"
    " VALUES('test/model', 'w', 'fp32', 'pre', 'keep-end', 4);"
    "INSERT INTO scorers(key, name, scale, encoder, higher_better, used) VALUES('clip/w', 'clip', '100*max(cos,0)', 1, "
    "1, 1);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 79)"
    " INSERT INTO images(id, hash, bytes, format, width, height, orientation)"
    " SELECT i + 1, cast(printf('%016d', i) AS BLOB), 1000 + i, 'png', 8, 8, 0 FROM n;"
    "INSERT INTO paths(path, image, size, mtime_ns) SELECT printf('/x/%d.png', id - 1), id, bytes, 77 FROM images;"
    "INSERT INTO prompts(id, text) SELECT DISTINCT (id - 1) / 4 + 1, printf('prompt %d', (id - 1) / 4) FROM images;"
    "INSERT INTO image_prompts(image, prompt, raw, source, strength)"
    " SELECT id, (id - 1) / 4 + 1, printf('prompt %d', (id - 1) / 4), CASE WHEN id % 2 THEN 'a1111: parameters'"
    "  ELSE 'comfyui: node 6' END, 2 FROM images;"
    "INSERT INTO image_embeddings(image, encoder, dtype, vector) SELECT id, 1, 'f32', zeroblob(16) FROM images;"
    "INSERT INTO prompt_embeddings(prompt, encoder, dtype, tokens, truncated, vector)"
    " SELECT id, 1, 'f32', 3, 0, zeroblob(16) FROM prompts;"
    "INSERT INTO scores(scorer, prompt, image, value) SELECT 1, prompt, image, image / 10.0 FROM image_prompts;"
    "INSERT INTO failures(path, stage, message, size, mtime_ns) VALUES('/x/bad.png', 'add', 'torn', 5, 77);";

/* The migration keeps every row and mark. Quality measures are NULL after the migration, not 0. */
static void test_from_version_5(void **state)
{
    (void)state;
    static const gp_db_step five[] = {
        {1, gp_db_version_1}, {2, gp_db_version_2}, {3, gp_db_version_3}, {4, gp_db_version_4}, {5, gp_db_version_5}};
    static const char *const kept[] = {"images", "paths",    "prompts", "image_prompts", "image_embeddings", "scores",
                                       "picks",  "failures", "ratings", "saved",         "prompt_embeddings"};
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    int64_t before[sizeof kept / sizeof *kept];
    char sql[100];
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    assert_ok(gp_db_open(at("five.db"), GP_CATALOG_CREATE, five, 1, &cat, &err));
    assert_ok(gp_db_exec(cat, version_1_rows, &err));
    gp_cat_close(cat);
    assert_ok(gp_db_open(at("five.db"), 0, five, 5, &cat, &err));
    assert_ok(gp_db_exec(cat,
                         "INSERT INTO picks(image, rank, scorer, rule) VALUES(2, 1, 1, 'per_prompt=1');"
                         "INSERT INTO ratings(image, flag, stars) VALUES(3, 1, 4);"
                         "INSERT INTO saved(name, value) VALUES('high', '{}');"
                         "UPDATE images SET apart = 'grid' WHERE id = 9",
                         &err));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", kept[i]);
        before[i] = ask(cat, sql);
        assert_true(before[i] > 0);
    }
    gp_cat_close(cat);
    options.out = at("five-rescued.db");
    assert_ok(gp_cat_rescue(at("five.db"), &options, &report, &err));
    cat = catalog_open(at("five.db"), 0);
    assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", kept[i]);
        assert_int_equal(ask(cat, sql), before[i]);
    }
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE stars = 4 AND flag = 1 OR picked"), 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE apart = 'grid' AND score IS NULL"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE coalesce(sharpness, noise, exposure, saturation,"
                              " entropy, spread) IS NOT NULL"),
                     0);
    assert_ok(gp_cat_rows_open(cat, NULL, &rows, &err));
    for (size_t n = 0; n < 80; n++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        assert_non_null(row);
        assert_false(row->has_quality);
    }
    gp_cat_rows_close(rows);
    assert_invariants(cat);
    gp_cat_close(cat);
    cat = catalog_open(at("five-rescued.db"), 0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE stars = 4 AND flag = 1 OR picked"), 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE prompt IS NOT NULL"), 80);
    gp_cat_close(cat);
}

/* The migration adds the column `needs` to scorers, and allows scorers without an encoder. Rows that refer to scorers
 * stay. */
static void test_from_version_7(void **state)
{
    (void)state;
    static const gp_db_step seven[] = {{1, gp_db_version_1}, {2, gp_db_version_2}, {3, gp_db_version_3},
                                       {4, gp_db_version_4}, {5, gp_db_version_5}, {6, gp_db_version_6},
                                       {7, gp_db_version_7}};
    gp_error err = {0};
    gp_catalog *cat = NULL;
    assert_ok(gp_db_open(at("seven.db"), GP_CATALOG_CREATE, seven, 1, &cat, &err));
    assert_ok(gp_db_exec(cat, version_1_rows, &err));
    gp_cat_close(cat);
    assert_ok(gp_db_open(at("seven.db"), 0, seven, 7, &cat, &err));
    assert_ok(gp_db_exec(cat,
                         "INSERT INTO scorers(id, key, name, scale, encoder, higher_better, used, used_at)"
                         " VALUES(7, 'made-elsewhere/x/y', 'y', 'as it came', 1, 0, 2, 99);"
                         "INSERT INTO scores(scorer, prompt, image, value) VALUES(7, 1, 1, 0.5);"
                         "INSERT INTO picks(image, rank, scorer, rule) VALUES(2, 1, 7, 'per_prompt=1')",
                         &err));
    gp_cat_close(cat);
    /* writes 0: migrates a temporary copy; writes 1: migrates the file itself */
    for (int writes = 0; writes < 2; writes++) {
        cat = catalog_open(at("seven.db"), writes ? 0 : GP_CATALOG_READONLY);
        assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
        assert_int_equal(ask(cat, "PRAGMA foreign_keys"), 1);
        assert_int_equal(ask(cat, "SELECT count(*) FROM paths WHERE readers = 0"), 80);
        assert_int_equal(ask(cat, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert_int_equal(ask(cat, "SELECT count(*) FROM scorers WHERE id = 1 AND key = 'clip/w' AND needs = 'pair'"),
                         1);
        assert_int_equal(ask(cat, "SELECT count(*) FROM scorers WHERE id = 7 AND scale = 'as it came' AND encoder = 1"
                                  " AND higher_better = 0 AND used = 2 AND used_at = 99 AND needs = 'image'"
                                  " AND parameters IS NULL"),
                         1);
        assert_int_equal(ask(cat, "SELECT count(*) FROM scores"), 81);
        assert_int_equal(ask(cat, "SELECT count(*) FROM picks k JOIN scorers s ON s.id = k.scorer AND s.name = 'y'"),
                         1);
        assert_int_equal(ask(cat, "SELECT count(*) FROM v_scores WHERE scorer = 'y' AND model = 'test/model'"), 1);
        assert_invariants(cat);
        if (writes) {
            assert_int_equal(gp_db_exec(cat, "DELETE FROM scorers WHERE id = 1", &err), GP_ERR_CATALOG);
            assert_ok(gp_db_exec(cat,
                                 "INSERT INTO scorers(key, name, scale, needs, higher_better, used)"
                                 " VALUES('pixels/1', 'pixels', '0..1', 'pixels', 1, 0);"
                                 "INSERT INTO scores(scorer, prompt, image, value)"
                                 " SELECT id, 1, 2, 0.25 FROM scorers WHERE name = 'pixels'",
                                 &err));
            assert_int_equal(ask(cat, "SELECT count(*) FROM v_scores WHERE scorer = 'pixels' AND model IS NULL"), 1);
            assert_invariants(cat);
        }
        gp_cat_close(cat);
    }
}

/* Schema version 6 stored the state of an interrupted image as `planned`, with a message. */
static void test_from_version_6(void **state)
{
    (void)state;
    static const gp_db_step six[] = {{1, gp_db_version_1}, {2, gp_db_version_2}, {3, gp_db_version_3},
                                     {4, gp_db_version_4}, {5, gp_db_version_5}, {6, gp_db_version_6}};
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    assert_ok(gp_db_open(at("six.db"), GP_CATALOG_CREATE, six, 1, &cat, &err));
    assert_ok(gp_db_exec(cat, version_1_rows, &err));
    gp_cat_close(cat);
    assert_ok(gp_db_open(at("six.db"), 0, six, 6, &cat, &err));
    assert_ok(
        gp_db_exec(cat,
                   "INSERT INTO generations(id, key, prompt, negative, number, seed, protocol, settings, extras, state,"
                   " message, path, image, at) VALUES"
                   " (3, 'a', 'fox', 'bad', 1, 7, 'comfyui', '{}', '{\"x\":1}', 'got', NULL, '/x/2.png', 2, 11),"
                   " (4, 'b', 'fox', NULL, 2, NULL, 'openai', '{}', NULL, 'planned', NULL, NULL, NULL, 12),"
                   " (5, 'c', 'fox', NULL, 3, 9, 'comfyui', '{}', NULL, 'planned', 'somebody', NULL, NULL, 13),"
                   " (6, 'd', 'fox', NULL, 4, 10, 'comfyui', '{}', NULL, 'submitted', NULL, NULL, NULL, 14),"
                   " (7, 'e', 'fox', NULL, 5, 11, 'comfyui', '{}', NULL, 'failed', 'no', NULL, NULL, 15),"
                   " (8, 'f', 'fox', NULL, 6, 12, 'comfyui', '{}', NULL, 'refused', 'no', NULL, NULL, 16)",
                   &err));
    gp_cat_close(cat);
    /* writes 0: migrates a temporary copy; writes 1: migrates the file itself */
    for (int writes = 0; writes < 2; writes++) {
        cat = catalog_open(at("six.db"), writes ? 0 : GP_CATALOG_READONLY);
        assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
        assert_int_equal(
            ask(cat, "SELECT count(*) FROM generations WHERE id = 3 AND key = 'a' AND negative = 'bad' AND seed ="
                     " 7 AND extras = '{\"x\":1}' AND path = '/x/2.png' AND image = 2 AND at = 11"),
            1);
        assert_int_equal(
            ask(cat, "SELECT count(*) FROM v_generations WHERE number = 3 AND state = 'interrupted' AND message ="
                     " 'somebody'"),
            1);
        assert_int_equal(ask(cat, "SELECT count(seed) FROM generations"), 5);
        assert_ok(gp_cat_counts(cat, &counts, &err));
        assert_int_equal(counts.requests.planned, 2);
        assert_int_equal(counts.requests.got, 1);
        assert_int_equal(counts.requests.failed, 1);
        assert_int_equal(counts.requests.refused, 1);
        assert_int_equal(counts.requests.interrupted, 1);
        assert_invariants(cat);
        gp_cat_close(cat);
    }
    assert_ok(gp_db_open(at("six.db"), 0, gp_db_all.list, gp_db_all.count, &cat, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM pragma_index_list('generations')"), 3);
    gp_cat_close(cat);
}

static void test_from_version_1(void **state)
{
    (void)state;
    static const gp_db_step first[] = {{1, gp_db_version_1}};
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_cat_matrix x;
    assert_ok(gp_db_open(at("old.db"), GP_CATALOG_CREATE, first, 1, &cat, &err));
    assert_int_equal(ask(cat, "PRAGMA user_version"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM sqlite_master WHERE name IN ('analyses', 'maps', 'v_slices')"), 0);
    assert_ok(gp_db_exec(cat, version_1_rows, &err));
    assert_ok(gp_db_exec(cat, "INSERT INTO picks(image, rank, scorer, rule) VALUES(2, 1, 1, 'per_prompt=1')", &err));
    gp_cat_close(cat);
    cat = NULL;
    /* goldpan opens a temporary copy of the catalog, and migrates this copy */
    cat = catalog_open(at("old.db"), GP_CATALOG_READONLY);
    assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
    assert_int_equal(ask(cat, "SELECT sum(picked) FROM v_images"), 1);
    gp_cat_close(cat);
    cat = NULL;
    /* the original catalog file was not migrated */
    assert_ok(gp_db_open(at("old.db"), GP_CATALOG_READONLY, first, 1, &cat, &err));
    assert_int_equal(ask(cat, "PRAGMA user_version"), 1);
    gp_cat_close(cat);
    cat = catalog_open(at("old.db"), 0);
    assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
    assert_int_equal(ask(cat, "SELECT count(*) FROM picks WHERE image = 2 AND reason IS NULL AND category IS NULL"), 1);
    assert_int_equal(ask(cat, "SELECT sum(picked) FROM v_images"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE rank BETWEEN 1 AND 4 AND candidates = 4"), 80);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE evidence = 'stated'"), 40);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE evidence = 'derived'"), 40);
    /* after the migration, `add` reads every file again, including the file that failed */
    assert_int_equal(ask(cat, "SELECT count(*) FROM paths WHERE size = 0 AND mtime_ns = 0"), 80);
    assert_int_equal(ask(cat, "SELECT count(*) FROM failures WHERE passing = 1"), 1);
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &x, &err));
    assert_int_equal(x.n, 80);
    put_analysis(cat, "clip/w", x.images, 80, 5);
    assert_whole(cat, 1, 80);
    const char *reason[] = {"best of its prompt", NULL}, *category[] = {NULL, "animals"};
    uint32_t ranks[] = {1, 2};
    assert_ok(gp_cat_picks_replace(cat, "clip/w", x.images, ranks, 2, "r", reason, category, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM picks WHERE rank = 1 AND reason LIKE 'best%' AND category IS NULL"
                              " OR rank = 2 AND reason IS NULL AND category = 'animals'"),
                     2);
    assert_invariants(cat);
    gp_cat_close(cat);
    cat = catalog_open(at("old.db"), GP_CATALOG_READONLY);
    gp_cat_close(cat);
    gp_cat_matrix_clear(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_matrix_of_nothing),
        cmocka_unit_test(test_put_and_read),
        cmocka_unit_test(test_replaced_whole),
        cmocka_unit_test(test_two_scorers),
        cmocka_unit_test(test_later_images),
        cmocka_unit_test(test_failed_leaves_the_one_before),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_from_version_1),
        cmocka_unit_test(test_from_version_5),
        cmocka_unit_test(test_from_version_6),
        cmocka_unit_test(test_from_version_7),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
