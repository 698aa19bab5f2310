/* SPDX-License-Identifier: MIT
 * Long calls on arrays: each reports progress from the calling thread, stops soon after it is told to, also when another
 * thread decides so, has the same result for any number of threads, and checks its options struct. */
#include "base/clock.h"
#include "model_support.h"
#include "sanitized.h"

#include <goldpan.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

/* Under ThreadSanitizer the work takes about ten times as long, under AddressSanitizer three times. The tests therefore
 * do a tenth or a third of it. */
#if defined(__SANITIZE_THREAD__)
enum { SLOWER = 10 };
#else
enum { SLOWER = SANITIZED ? 3 : 1 };
#endif
enum { D = 128, MIN_FLOATS = 400000 /* of two images and more */ };
static gp_error err;

/* ------------------------------------------------------------------ the watcher */

/* The flags of a second thread.  The callback sets `asked`; the second thread then sets `stop`. */
typedef struct other_thread {
    atomic_bool asked, stop;
} other_thread;

typedef struct watcher {
    pthread_t thread;
    other_thread *other; /* the thread that decides when the call stops; NULL: no such thread */
    int calls, stop_at;
    uint64_t done, total;
    bool strange; /* the callback ran on another thread, or `done` became smaller */
    char stage[32];
} watcher;

static bool look(void *user, const gp_progress *p)
{
    watcher *w = user;
    w->strange = w->strange || !pthread_equal(w->thread, pthread_self()) || p->done < w->done || p->done > p->total;
    w->done = p->done, w->total = p->total;
    snprintf(w->stage, sizeof w->stage, "%s", p->stage);
    bool stop = ++w->calls == w->stop_at;
    if (w->other && p->done > 0) {
        atomic_store(&w->other->asked, true);
        while (!atomic_load(&w->other->stop)) gp_clock_wait(0.001, NULL, NULL);
        stop = true;
    }
    return !stop;
}

static void *stop_when_asked(void *p)
{
    other_thread *o = p;
    while (!atomic_load(&o->asked)) gp_clock_wait(0.001, NULL, NULL);
    atomic_store(&o->stop, true);
    return NULL;
}

/* ------------------------------------------------------------------ the calls */

/* An options struct of any of the tested functions; each struct begins with its size. The union is larger than every
 * struct, so that a test can add a field that goldpan does not know. */
typedef union any_options {
    size_t size;
    gp_encode_options encode;
    gp_embed_options embed;
    gp_pca_options pca;
    gp_project_options project;
    gp_reasons_options reasons;
    gp_difficulty_options difficulty;
    unsigned char bytes[256];
} any_options;

/* The input of the tested functions: small, or large enough that a call reports progress several times. */
typedef struct work {
    size_t n, d, floats;
    float *rows, *out;      /* [n, d]; rows has `floats` */
    double *score;          /* [n] */
    int32_t *prompt;        /* [n] */
    uint32_t *labels, size; /* a hierarchy of one level */
    char **texts;           /* [n] */
    bool *inside;           /* [n] */
    gp_source *sources;     /* [n] of the same pixels */
    uint8_t pixels[64 * 64 * 3];
    gp_status *statuses;
} work;

static void fill(work *w, size_t n, size_t d)
{
    static const char *const some[] = {"cat", "lamp", "river", "old", "blue", "house", "field", "night"};
    uint32_t x = 1;
    *w = (work){.n = n, .d = d, .floats = n * d < MIN_FLOATS ? MIN_FLOATS : n * d, .size = (uint32_t)(n + 1) / 2};
    w->rows = malloc(w->floats * sizeof *w->rows);
    w->out = calloc(n * (d > D ? d : D), sizeof *w->out);
    w->score = malloc(n * sizeof *w->score), w->prompt = malloc(n * sizeof *w->prompt);
    w->labels = malloc(n * sizeof *w->labels), w->inside = malloc(n * sizeof *w->inside);
    w->texts = malloc(n * sizeof *w->texts), w->sources = malloc(n * sizeof *w->sources);
    w->statuses = malloc(n * sizeof *w->statuses);
    for (size_t i = 0; i < w->floats; i++) x = x * 1664525 + 1013904223, w->rows[i] = (float)(x >> 8) / 16777216 - 0.4f;
    for (size_t i = 0; i < sizeof w->pixels; i++) w->pixels[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < n; i++) {
        char text[200];
        size_t used = 0;
        for (size_t k = 0; k < 6; k++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu ", some[(i >> k) % 8], i % (1000 + k));
        w->texts[i] = strdup(text);
        w->score[i] = (double)w->rows[i * d] + (double)i / (double)n, w->prompt[i] = (int32_t)i;
        w->labels[i] = (uint32_t)i / 2, w->inside[i] = i % 3 == 0;
        w->sources[i] = (gp_source){.size = sizeof(gp_source),
                                    .kind = GP_SOURCE_PIXELS,
                                    .width = 64,
                                    .height = 64,
                                    .channels = 3,
                                    .data = w->pixels,
                                    .data_size = sizeof w->pixels};
    }
}

static void clear(work *w)
{
    for (size_t i = 0; i < w->n; i++) free(w->texts[i]);
    free(w->statuses), free(w->sources), free(w->texts), free(w->inside), free(w->labels), free(w->prompt);
    free(w->score), free(w->out), free(w->rows);
}

static gp_status run_pca(work *w, const void *o)
{
    return gp_pca(w->rows, w->n, w->d, 2, o, w->out, &err);
}

static gp_status run_project(work *w, const void *o)
{
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    h.n = w->n, h.levels = 1, h.sizes = &w->size, h.labels = w->labels;
    return gp_hierarchy_project(&h, w->rows, w->d, 2, o, w->out, &err);
}

static gp_status run_difficulty(work *w, const void *o)
{
    double *corrected = malloc(w->n * sizeof *corrected);
    gp_status st = gp_difficulty_correct(w->score, w->prompt, w->n, w->rows, w->n, w->d, o, corrected, NULL, &err);
    for (size_t i = 0; st == GP_OK && i < w->n; i++) w->out[i] = (float)corrected[i];
    free(corrected);
    return st;
}

static gp_status run_reasons(work *w, const void *o)
{
    gp_reasons_input in = GP_INIT(gp_reasons_input);
    gp_feature f[2] = {GP_INIT(gp_feature), GP_INIT(gp_feature)};
    gp_reasons r = GP_INIT(gp_reasons);
    f[0].name = "score", f[0].kind = GP_FEATURE_NUMBER, f[0].numbers = w->score;
    f[1].name = "text", f[1].kind = GP_FEATURE_CATEGORY, f[1].words = (const char *const *)w->texts;
    in.n = w->n, in.texts = (const char *const *)w->texts, in.features = f, in.feature_count = 2;
    in.vectors = in.probes = w->rows, in.d = w->d, in.probe_count = 2, in.probe_names = in.texts;
    gp_status st = gp_reasons_find(&in, w->inside, o, &r, &err);
    for (size_t i = 0; i < r.count; i++) w->out[i] = (float)r.reason[i].strength + r.reason[i].text[0];
    gp_reasons_clear(&r);
    return st;
}

static gp_status run_texts(work *w, const void *o)
{
    return gp_encode_texts(model, (const char *const *)w->texts, w->n, o, w->out, &err);
}

static gp_status run_images(work *w, const void *o)
{
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_model_info(model, &facts, NULL);
    size_t each = 3 * (size_t)facts.image_side * facts.image_side, n = w->floats / each;
    return gp_encode_images(model, w->rows, n, o, w->out, &err);
}

static gp_status run_sources(work *w, const void *o)
{
    return gp_embed_sources(model, w->sources, w->n, o, w->out, w->statuses, NULL, &err);
}

/* A tested function. progress, user, threads: the offsets of these fields in the options struct. n, d: a size for which
 * the call takes a second or more: calls report progress only every few milliseconds. */
typedef struct one_call {
    const char *stage;
    gp_status (*run)(work *w, const void *options);
    void (*init)(any_options *options, size_t size);
    size_t progress, user, threads, size, n, d;
} one_call;

#define CALL(name, function, type, rows, columns)                                                                      \
    {                                                                                                                  \
        name, function, (void (*)(any_options *, size_t))(void (*)(void))type##_init, offsetof(type, progress),        \
            offsetof(type, user), offsetof(type, threads), sizeof(type), rows, columns                                 \
    }

static const one_call calls[] = {
    CALL("pca", run_pca, gp_pca_options, 12000, 768),
    CALL("project", run_project, gp_project_options, 60000, 8),
    CALL("difficulty", run_difficulty, gp_difficulty_options, 3000, 768),
    CALL("reasons", run_reasons, gp_reasons_options, 200000, 2),
    CALL("encode", run_texts, gp_encode_options, 30000, 2),
    CALL("encode", run_images, gp_encode_options, 30000, 768),
    CALL("embed", run_sources, gp_embed_options, 10000, 2),
};
enum { CALLS = sizeof calls / sizeof *calls };

static void set_up(const one_call *c, any_options *o, watcher *w, int threads)
{
    gp_progress_fn fn = look;
    *w = (watcher){.thread = pthread_self()};
    memset(o, 0, sizeof *o);
    c->init(o, c->size);
    memcpy(o->bytes + c->progress, &fn, sizeof fn);
    memcpy(o->bytes + c->user, &w, sizeof w);
    memcpy(o->bytes + c->threads, &threads, sizeof threads);
}

/* ------------------------------------------------------------------ the tests */

/* A call returns the same bits without options and with any number of threads. The last progress report says that all
 * work is done. */
static void test_small(void **state)
{
    (void)state;
    work w;
    fill(&w, 60, 96);
    size_t floats = w.n * D;
    float *first = malloc(floats * sizeof *first);
    for (size_t i = 0; i < CALLS; i++) {
        const one_call *c = &calls[i];
        memset(w.out, 0, floats * sizeof *w.out);
        assert_ok(c->run(&w, NULL));
        memcpy(first, w.out, floats * sizeof *first);
        for (int threads = 1; threads <= 5; threads += 2) {
            any_options o;
            watcher seen;
            set_up(c, &o, &seen, threads);
            memset(w.out, 0, floats * sizeof *w.out);
            assert_ok(c->run(&w, &o));
            assert_memory_equal(w.out, first, floats * sizeof *first);
            if (seen.calls < 1 || seen.strange || seen.done != seen.total || seen.total == 0)
                fail_msg("%s: %d calls, the last at %zu of %zu", c->stage, seen.calls, (size_t)seen.done,
                         (size_t)seen.total);
            assert_string_equal(seen.stage, c->stage);
        }
    }
    free(first);
    clear(&w);
}

static void test_options(void **state)
{
    (void)state;
    work w;
    fill(&w, 40, 96);
    for (size_t i = 0; i < CALLS; i++) {
        const one_call *c = &calls[i];
        any_options o;
        watcher seen;
        set_up(c, &o, &seen, 1);
        o.size = 0;
        assert_int_equal(c->run(&w, &o), GP_ERR_USAGE);
        o.size = c->size + 16;
        assert_ok(c->run(&w, &o));
        o.bytes[c->size + 8] = 1;
        assert_int_equal(c->run(&w, &o), GP_ERR_UNSUPPORTED);
        o.size = c->progress; /* the shorter struct of an older caller, without the callback */
        seen.calls = 0;
        assert_ok(c->run(&w, &o));
        assert_int_equal(seen.calls, 0);
    }
    clear(&w);
}

/* The first progress report comes before the work begins, and its callback can already stop the call. */
static void test_stop_at_once(void **state)
{
    (void)state;
    work w;
    fill(&w, 40, 96);
    for (size_t i = 0; i < CALLS; i++) {
        any_options o;
        watcher seen;
        set_up(&calls[i], &o, &seen, 2);
        seen.stop_at = 1;
        assert_int_equal(calls[i].run(&w, &o), GP_ERR_STOPPED);
        assert_string_equal(err.message, "stopped");
    }
    for (size_t i = 0; i < w.n; i++) assert_int_equal(w.statuses[i], GP_ERR_STOPPED);
    clear(&w);
}

/* After the first part of the work, the callback sets `asked`, waits until the second thread sets `stop`, and stops the
 * call. The rest of the work must not be done. Returns false if the first report with progress was the last. */
static bool stop_by_second_thread(const one_call *c, work *w, int threads)
{
    any_options o;
    watcher seen;
    pthread_t thread;
    other_thread other = {false, false};
    set_up(c, &o, &seen, threads);
    seen.other = &other;
    assert_int_equal(pthread_create(&thread, NULL, stop_when_asked, &other), 0);
    gp_status st = c->run(w, &o);
    atomic_store(&other.asked, true);
    pthread_join(thread, NULL);
    printf("%-10s %d threads: %d reports, the last at %.2f of the work\n", c->stage, threads, seen.calls,
           (double)seen.done / (double)seen.total);
    if (st == GP_OK && seen.done == seen.total) return false;
    assert_int_equal(st, GP_ERR_STOPPED);
    assert_true(seen.calls >= 2 && !seen.strange && seen.done < seen.total);
    return true;
}

/* On a busy machine, the first report with progress may be the last. The work is then doubled. */
static void test_stop_from_another_thread(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        for (int threads = 1; threads <= 2; threads++) {
            bool stopped = false;
            for (size_t more = 1; !stopped && more <= 16; more *= 2) {
                work w;
                fill(&w, more * calls[i].n / SLOWER, calls[i].d);
                stopped = stop_by_second_thread(&calls[i], &w, threads);
                clear(&w);
            }
            assert_true(stopped);
        }
    }
}

static void test_null_text(void **state)
{
    (void)state;
    float rows[2 * D];
    const char *texts[2] = {"a", NULL};
    assert_int_equal(gp_encode_texts(model, texts, 2, NULL, rows, &err), GP_ERR_USAGE);
    assert_string_equal(err.message, "text 1 is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),        cmocka_unit_test(test_options),
        cmocka_unit_test(test_stop_at_once), cmocka_unit_test(test_stop_from_another_thread),
        cmocka_unit_test(test_null_text),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
