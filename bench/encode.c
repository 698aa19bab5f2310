/* SPDX-License-Identifier: MIT
 * Measures how many images are encoded per second, by precision, engine, threads and batch.  Measures the image tower
 * alone; or, with --images, all steps from files (decode, resize and normalise, image tower), with each step's share of
 * the time.
 *
 *     bench_encode [--shape vit-b-32 | --model DIR] [--precision fp32|bf16|auto] [--engine plain|onednn|auto]
 *                  [--threads N] [--batch N] [--seconds S] [--images DIR]
 *
 * Without --model the model's weights are computed by the recipe of the tests and written to TMPDIR.  Every thread has
 * its own worker and takes the next images; the threads share only the model.  An option that is not given is measured
 * with each of its values: both precisions, both engines, one thread and all threads. */
#include "recipe.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/image_names.h"
#include "base/mem.h"
#include "base/thread.h"
#include "image/image.h"
#include "model/encoder.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *shape, *model, *images;
    gp_precision precision;
    gp_engine engine;
    bool all_precisions, all_engines;
    int threads; /* number of threads; 0: measure with one thread, and then with all threads */
    size_t batch;
    double seconds;
} options;

enum { TEXT_TOKENS = 16, TEXT_BATCH = 32 };

typedef struct job {
    const options *o;
    const gp_encoder *clip;
    gp_model_facts facts;
    char **paths; /* paths of the images [path_count]; NULL: measure only the towers */
    size_t path_count;
    double until;
    bool texts;
    atomic_size_t next, images, pixels;
    atomic_llong decode_ns, resize_ns, tower_ns;
    atomic_int failed;
} job;

static long long since(double *mark)
{
    double now = gp_clock_now(), took = now - *mark;
    *mark = now;
    return (long long)(took * 1e9);
}

/* ------------------------------------------------------------------ one thread */

static gp_status load(job *j, const char *path, float *planes, gp_error *err)
{
    gp_bytes file = {0};
    gp_pixels pixels = GP_INIT(gp_pixels);
    double mark = gp_clock_now();
    gp_status st;
    GP_TRY_GOTO(gp_file_read(path, 1u << 30, &file, err));
    GP_TRY_GOTO(gp_image_decode_bytes(file.data, file.size, 0, &pixels, err));
    atomic_fetch_add(&j->decode_ns, since(&mark));
    atomic_fetch_add(&j->pixels, (size_t)pixels.width * pixels.height);
    GP_TRY_GOTO(gp_preprocess_planes(gp_encoder_preprocess(j->clip), &pixels, planes, err));
    atomic_fetch_add(&j->resize_ns, since(&mark));
out:
    gp_mem_free(pixels.rgb);
    gp_bytes_clear(&file);
    return st;
}

/* If there are files, fills a batch from them.  Encodes the batch.  Returns false if no files are left, if the time is
 * over, or if encoding fails. */
static bool step(job *j, gp_encoder_worker *w, float *planes, float *out, gp_error *err)
{
    const size_t plane = 3 * (size_t)j->facts.image_side * j->facts.image_side;
    size_t n = j->o->batch;
    if (j->paths) {
        for (n = 0; n < j->o->batch;) {
            size_t i = atomic_fetch_add(&j->next, 1);
            if (i >= j->path_count) break;
            if (load(j, j->paths[i], planes + n * plane, err) == GP_OK)
                n++;
            else
                atomic_fetch_add(&j->failed, 1);
        }
        if (n == 0) return false;
    } else if (gp_clock_now() >= j->until) {
        return false;
    }
    double mark = gp_clock_now();
    if (gp_encoder_run_images(w, planes, n, out, err) != GP_OK) return false;
    atomic_fetch_add(&j->tower_ns, since(&mark));
    atomic_fetch_add(&j->images, n);
    return true;
}

static bool text_step(job *j, gp_encoder_worker *w, float *out, gp_error *err)
{
    int32_t ids[TEXT_BATCH * TEXT_TOKENS];
    size_t counts[TEXT_BATCH];
    if (gp_clock_now() >= j->until) return false;
    for (size_t i = 0; i < TEXT_BATCH; i++) {
        counts[i] = TEXT_TOKENS;
        for (size_t k = 0; k < TEXT_TOKENS; k++)
            ids[i * TEXT_TOKENS + k] = (int32_t)(1 + (i + k) % (j->facts.vocabulary - 1));
        /* id of the end token in models with the recipe's weights */
        ids[(i + 1) * TEXT_TOKENS - 1] = (int32_t)j->facts.vocabulary - 1;
    }
    if (gp_encoder_run_texts(w, ids, counts, TEXT_BATCH, out, err) != GP_OK) return false;
    atomic_fetch_add(&j->images, TEXT_BATCH);
    return true;
}

static void body(void *user, int index)
{
    job *j = user;
    gp_error err = {0};
    gp_encoder_worker *w = NULL;
    const size_t plane = 3 * (size_t)j->facts.image_side * j->facts.image_side;
    const size_t rows = j->o->batch > TEXT_BATCH ? j->o->batch : TEXT_BATCH;
    float *planes = gp_mem_aligned(j->o->batch * plane, sizeof *planes),
          *out = gp_mem_aligned(rows * j->facts.embedding, sizeof *out);
    (void)index;
    if (planes && out &&
        gp_encoder_worker_new(j->clip, j->texts ? 0 : j->o->batch, j->texts ? TEXT_BATCH * TEXT_TOKENS : 0, &w, &err) ==
            GP_OK) {
        for (size_t i = 0; i < j->o->batch * plane; i++) planes[i] = (float)(i * 2654435761u % 1000) / 250.0f - 2.0f;
        while (j->texts ? text_step(j, w, out, &err) : step(j, w, planes, out, &err)) {
        }
    }
    if (err.status != GP_OK) fprintf(stderr, "bench_encode: %s\n", err.message);
    gp_encoder_worker_free(w);
    gp_mem_free(out);
    gp_mem_free(planes);
}

/* ------------------------------------------------------------------ one line of the table */

static void report(job *j, int threads, double took, double opened)
{
    double done = (double)atomic_load(&j->images);
    if (j->texts) {
        printf("%9.1f texts/s of %d tokens\n", done / took, TEXT_TOKENS);
        return;
    }
    printf("%-5s %-18s %2d thread%s batch %2zu  opened %5.2f s %9.2f images/s", j->facts.precision, j->facts.engine,
           threads, threads == 1 ? " " : "s", j->o->batch, opened, done / took);
    if (!j->paths) {
        printf(" %8.1f GFLOP/s a thread  ", 1e-9 * j->facts.image_flop_done * done / took / threads);
        return;
    }
    double decode = (double)atomic_load(&j->decode_ns), resize = (double)atomic_load(&j->resize_ns),
           tower = (double)atomic_load(&j->tower_ns), all = (decode + resize + tower) / 100;
    printf("  decode %.1f %%, resize %.1f %%, tower %.1f %%; %.0f images of %.2f megapixels, %d failed\n", decode / all,
           resize / all, tower / all, done, (double)atomic_load(&j->pixels) / 1e6 / (done > 0 ? done : 1),
           atomic_load(&j->failed));
}

static gp_status go(job *j, int threads, double opened, gp_error *err)
{
    gp_threads *group = NULL;
    double start = gp_clock_now();
    j->until = start + j->o->seconds;
    atomic_store(&j->next, 0), atomic_store(&j->images, 0), atomic_store(&j->pixels, 0), atomic_store(&j->failed, 0);
    atomic_store(&j->decode_ns, 0), atomic_store(&j->resize_ns, 0), atomic_store(&j->tower_ns, 0);
    GP_TRY(gp_threads_start(threads, body, j, &group, err));
    gp_threads_join(group);
    report(j, threads, gp_clock_now() - start, opened);
    fflush(stdout);
    return GP_OK;
}

static gp_status measure(const options *o, const char *folder, gp_precision precision, gp_engine engine, char **paths,
                         size_t count, gp_error *err)
{
    gp_encoder *clip = NULL;
    double start = gp_clock_now();
    gp_status st;
    GP_TRY(gp_encoder_open(folder, precision, engine, &clip, err));
    job j = {.o = o, .clip = clip, .paths = paths, .path_count = count};
    double opened = gp_clock_now() - start;
    gp_encoder_facts(clip, &j.facts);
    int all = o->threads ? o->threads : gp_thread_processors();
    for (int threads = o->threads ? o->threads : 1;; threads = all) {
        j.texts = false;
        GP_TRY_GOTO(go(&j, threads, opened, err));
        j.texts = !paths && j.facts.has_text_tower;
        if (j.texts) GP_TRY_GOTO(go(&j, threads, opened, err));
        if (threads == all) break;
    }
out:
    gp_encoder_close(clip);
    return st;
}

/* ------------------------------------------------------------------ arguments */

static char **list_images(const char *folder, size_t *count)
{
    char **paths = NULL;
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!gp_name_is_image(e->d_name)) continue;
        char **more = realloc(paths, (n + 1) * sizeof *paths);
        if (!more) abort();
        paths = more;
        paths[n++] = gp_path_join(folder, e->d_name);
    }
    if (dir) closedir(dir);
    *count = n;
    return paths;
}

static bool parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value) return false;
        if (strcmp(name, "--shape") == 0)
            o->shape = value;
        else if (strcmp(name, "--model") == 0)
            o->model = value;
        else if (strcmp(name, "--images") == 0)
            o->images = value;
        else if (strcmp(name, "--threads") == 0)
            o->threads = atoi(value);
        else if (strcmp(name, "--batch") == 0)
            o->batch = (size_t)atoi(value);
        else if (strcmp(name, "--seconds") == 0)
            o->seconds = atof(value);
        else if (strcmp(name, "--precision") == 0) {
            o->all_precisions = false;
            o->precision = strcmp(value, "fp32") == 0   ? GP_PRECISION_FP32
                           : strcmp(value, "bf16") == 0 ? GP_PRECISION_BF16
                           : strcmp(value, "int8") == 0 ? GP_PRECISION_INT8
                                                        : GP_PRECISION_AUTO;
        } else if (strcmp(name, "--engine") == 0) {
            o->all_engines = false;
            o->engine = strcmp(value, "plain") == 0    ? GP_ENGINE_PLAIN
                        : strcmp(value, "onednn") == 0 ? GP_ENGINE_ONEDNN
                                                       : GP_ENGINE_AUTO;
        } else
            return false;
    }
    return o->threads >= 0 && o->batch >= 1 && o->batch <= 1024 && o->seconds > 0;
}

static gp_status measure_all(const options *o, const char *folder, gp_error *err)
{
    size_t count = 0;
    char **paths = o->images ? list_images(o->images, &count) : NULL;
    gp_status st = o->images && !count ? gp_fail(err, GP_ERR_NOT_FOUND, "no images in '%s'", o->images) : GP_OK;
    for (int p = 0; p < (o->all_precisions ? 2 : 1) && st == GP_OK; p++)
        for (int e = 0; e < (o->all_engines ? 2 : 1) && st == GP_OK; e++) {
            gp_precision precision = !o->all_precisions ? o->precision : p ? GP_PRECISION_BF16 : GP_PRECISION_FP32;
            gp_engine engine = !o->all_engines ? o->engine : e ? GP_ENGINE_PLAIN : GP_ENGINE_ONEDNN;
            st = measure(o, folder, precision, engine, paths, count, err);
            if (st == GP_ERR_UNSUPPORTED && o->all_engines) st = GP_OK; /* goldpan was built without oneDNN */
        }
    for (size_t i = 0; i < count; i++) gp_mem_free(paths[i]);
    free(paths);
    return st;
}

int main(int argc, char **argv)
{
    options o = {.shape = "vit-b-32", .all_precisions = true, .all_engines = true, .batch = 8, .seconds = 3};
    recipe_sizes sizes;
    char config[2000];
    gp_error err = {0};
    if (!parse(argc, argv, &o) || (!o.model && !recipe_named(o.shape, &sizes, config, sizeof config))) {
        fprintf(stderr, "usage: bench_encode [--shape vit-b-32|vit-b-16|vit-l-14|vit-l-14-336|vit-h-14 | --model DIR]\n"
                        "       [--precision fp32|bf16|auto] [--engine plain|onednn|auto] [--threads N] [--batch N]\n"
                        "       [--seconds S] [--images DIR]\n");
        return 2;
    }
    char *made = o.model ? NULL : recipe_folder_new();
    const recipe_how how = {"BF16", 1, false};
    gp_status st = GP_OK;
    if (made && (recipe_write_text(made, "config.json", config) || recipe_write(made, &sizes, &how)))
        st = gp_fail(&err, GP_ERR_IO, "cannot write '%s'", made);
    printf("%s, %s\n", o.model ? o.model : o.shape, o.images ? o.images : "pictures in memory: the towers alone");
    if (st == GP_OK) st = measure_all(&o, made ? made : o.model, &err);
    if (st != GP_OK) fprintf(stderr, "bench_encode: %s\n", err.message);
    if (made) recipe_folder_free(made);
    return st != GP_OK;
}
