/* SPDX-License-Identifier: MIT
 * What is in a site: the page, the catalog's columns, thumbnails, images.  Pictures are made by threads, each taking
 * the next row; what they write does not depend on who took it. */
#include "report/site.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "report/page.h"
#include "report/thumb.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { IMAGE_SIDE = 1280, IMAGE_QUALITY = 88, THUMB_QUALITY = 85, MOST_THREADS = 64 };
#define FILE_LIMIT ((uint64_t)1 << 30)
#define PAGE_LIMIT ((size_t)64 << 20)
static const uint32_t sides[] = {256, 512};
enum { SIDES = 2 };

typedef struct failed_row {
    size_t row;
    char *message; /* owned */
} failed_row;

typedef struct site {
    gp_catalog *cat;
    const gp_view *view;
    const gp_site_options *options;
    gp_site_folder folder;
    size_t n;
    atomic_size_t next, done;
    atomic_bool stop;
    pthread_mutex_t lock;
    failed_row *failed; /* [failed_count], room for n */
    size_t failed_count;
    gp_error fatal; /* of a thread: the site cannot be made */
} site;

/* ---- the page and its data */

static gp_status put_page(const site *s, gp_error *err)
{
    for (size_t i = 0; i < gp_page_file_count; i++) {
        const gp_page_file *file = &gp_page_files[i];
        gp_str plain = GP_STR_INIT;
        gp_status st = GP_OK;
        if (file->gzip) st = gp_gzip_expand(file->bytes, file->size, PAGE_LIMIT, &plain, err);
        if (st == GP_OK)
            st = gp_site_folder_put(&s->folder, file->name, file->gzip ? (const void *)plain.data : file->bytes,
                                    file->gzip ? plain.size : file->size, err);
        gp_str_clear(&plain);
        if (st != GP_OK) return st;
    }
    return GP_OK;
}

/* The column of paths with the files' names alone: where things lie on somebody's disk is nobody's business. */
static gp_status put_names(const site *s, const char *name, gp_error *err)
{
    gp_str offsets = GP_STR_INIT, text = GP_STR_INIT;
    gp_status st = GP_OK;
    uint32_t number = (uint32_t)s->n;
    gp_str_add(&offsets, &number, sizeof number);
    for (size_t row = 0; st == GP_OK && row <= s->n; row++) {
        char *path = NULL;
        number = (uint32_t)text.size;
        gp_str_add(&offsets, &number, sizeof number);
        if (row == s->n) break;
        st = gp_view_path(s->view, row, &path, err);
        if (st == GP_OK) gp_str_puts(&text, gp_path_base(path));
        gp_mem_free(path);
    }
    gp_str_add(&offsets, text.data ? text.data : "", text.size);
    if (st == GP_OK && (offsets.failed || text.failed)) st = gp_fail(err, GP_ERR_MEMORY, "out of memory for a site");
    if (st == GP_OK) st = gp_site_folder_put(&s->folder, name, offsets.data, offsets.size, err);
    gp_str_clear(&offsets);
    gp_str_clear(&text);
    return st;
}

static gp_status put_columns(const site *s, gp_error *err)
{
    char name[64];
    for (size_t i = 0; i < gp_view_columns(s->view); i++) {
        size_t size = 0;
        const void *bytes = gp_view_column(s->view, i, &size);
        snprintf(name, sizeof name, "data/col/%zu.bin", i);
        if (!strcmp(gp_view_column_name(s->view, i), "path"))
            GP_TRY(put_names(s, name, err));
        else
            GP_TRY(gp_site_folder_put(&s->folder, name, bytes, size, err));
        if (!(bytes = gp_view_words(s->view, i, &size))) continue;
        snprintf(name, sizeof name, "data/words/%zu.bin", i);
        GP_TRY(gp_site_folder_put(&s->folder, name, bytes, size, err));
    }
    size_t size = 0;
    const void *slices = gp_view_slices(s->view, &size);
    return gp_site_folder_put(&s->folder, "data/slices.bin", slices, size, err);
}

static gp_status put_details(const site *s, gp_error *err)
{
    gp_str json = GP_STR_INIT;
    gp_status st = GP_OK;
    char name[64];
    for (size_t k = 0; st == GP_OK && k * GP_VIEW_SHARD < s->n; k++) {
        snprintf(name, sizeof name, "data/detail/%zu.json", k);
        gp_str_reset(&json);
        st = gp_view_write_detail(s->view, s->cat, k, true, &json, err);
        if (st == GP_OK) st = gp_site_folder_put(&s->folder, name, json.data, json.size, err);
    }
    gp_str_clear(&json);
    return st;
}

static gp_status put_manifest(const site *s, uint32_t near_k, gp_error *err)
{
    static const char *const extensions[] = {NULL, "jpg", "none"}; /* as gp_site_images */
    gp_str json = GP_STR_INIT;
    gp_view_manifest manifest = {.readonly = true,
                                 .revision = 1,
                                 .thumbs = sides,
                                 .thumb_count = SIDES,
                                 .image_ext = extensions[s->options->images],
                                 .near_k = near_k};
    gp_status st = gp_view_write_manifest(s->view, &manifest, &json, err);
    if (st == GP_OK) st = gp_site_folder_put(&s->folder, "data/catalog.json", json.data, json.size, err);
    gp_str_clear(&json);
    return st;
}

static gp_status put_data(const site *s, const uint32_t *near, uint32_t near_k, gp_error *err)
{
    static const char *const folders[] = {"assets",    "data/col",  "data/words", "data/detail",
                                          "thumb/256", "thumb/512", "image"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        GP_TRY(gp_site_folder_make(&s->folder, folders[i], err));
    GP_TRY(put_page(s, err));
    GP_TRY(put_columns(s, err));
    GP_TRY(put_details(s, err));
    if (near) GP_TRY(gp_site_folder_put(&s->folder, "data/near.bin", near, s->n * near_k * sizeof *near, err));
    return put_manifest(s, near ? near_k : 0, err);
}

/* ---- pictures */

static gp_status put_small(const site *s, size_t row, const gp_pixels *pixels, uint32_t side, int quality,
                           const char *name, gp_error *err)
{
    gp_pixels small = {0};
    gp_str jpeg = GP_STR_INIT;
    uint32_t w, h, orientation = gp_view_orientation(s->view, row);
    gp_thumb_fit(pixels->width, pixels->height, orientation, side, &w, &h);
    GP_TRY(gp_thumb_shape(pixels, orientation, w, h, &small, err));
    gp_status st = gp_image_jpeg_bytes(small.rgb, w, h, quality, &jpeg, err);
    if (st == GP_OK) st = gp_site_folder_put(&s->folder, name, jpeg.data, jpeg.size, err);
    gp_str_clear(&jpeg);
    gp_pixels_clear(&small);
    return st;
}

static gp_status put_original(const site *s, size_t row, const char *path, const char *hex, gp_error *err)
{
    gp_bytes bytes = {0};
    char name[64];
    const char *format = gp_view_format(s->view, row);
    GP_TRY(gp_file_read(path, FILE_LIMIT, &bytes, err));
    gp_hash now = gp_hash_of(bytes.data, bytes.size);
    snprintf(name, sizeof name, "image/%s.%s", hex, !strcmp(format, "jpeg") ? "jpg" : format);
    gp_status st = memcmp(now.bytes, gp_view_hash(s->view, row)->bytes, sizeof now.bytes) == 0
                       ? gp_site_folder_put(&s->folder, name, bytes.data, bytes.size, err)
                       : gp_fail(err, GP_ERR_FORMAT, "the file has changed since it was added");
    gp_bytes_clear(&bytes);
    return st;
}

static gp_status put_pictures(const site *s, size_t row, const char *path, gp_error *err)
{
    gp_pixels pixels = {0};
    char hex[33], name[64];
    gp_status st = GP_OK;
    gp_hash_hex(*gp_view_hash(s->view, row), hex);
    GP_TRY(gp_thumb_read(path, gp_view_hash(s->view, row), &pixels, err));
    for (size_t i = 0; i < SIDES; i++) {
        snprintf(name, sizeof name, "thumb/%u/%s.jpg", sides[i], hex);
        GP_GO(put_small(s, row, &pixels, sides[i], THUMB_QUALITY, name, err));
    }
    snprintf(name, sizeof name, "image/%s.jpg", hex);
    if (s->options->images == GP_SITE_RESIZED)
        st = put_small(s, row, &pixels, IMAGE_SIDE, IMAGE_QUALITY, name, err);
    else if (s->options->images == GP_SITE_ORIGINALS)
        st = put_original(s, row, path, hex, err);
out:
    gp_pixels_clear(&pixels);
    return st;
}

/* A picture that cannot be read is one failure; a disk that cannot be written to, or no memory, ends all. */
static void note(site *s, size_t row, const gp_error *why, bool is_there)
{
    bool fatal = why->status == GP_ERR_MEMORY || (why->status == GP_ERR_IO && is_there);
    char *message = gp_str_dup(why->message);
    pthread_mutex_lock(&s->lock);
    if (fatal || !message) {
        if (!s->fatal.status) s->fatal = *why;
        atomic_store(&s->stop, true);
        gp_mem_free(message);
    } else {
        s->failed[s->failed_count++] = (failed_row){row, message};
    }
    pthread_mutex_unlock(&s->lock);
}

static void work(void *user, int index)
{
    site *s = user;
    (void)index;
    while (!atomic_load(&s->stop)) {
        size_t row = atomic_fetch_add(&s->next, 1);
        gp_error err = {0};
        char *path = NULL;
        if (row >= s->n) return;
        gp_status st = gp_view_path(s->view, row, &path, &err);
        if (st == GP_OK) st = put_pictures(s, row, path, &err);
        err.status = st;
        if (st != GP_OK) note(s, row, &err, strncmp(err.message, "cannot write", 12) == 0);
        gp_mem_free(path);
        atomic_fetch_add(&s->done, 1);
    }
}

static gp_status make_pictures(site *s, gp_error *err)
{
    const struct timespec pause = {0, 20 * 1000000L};
    gp_threads *threads = NULL;
    gp_ticker ticker;
    int count = s->options->threads > 0 ? s->options->threads : gp_thread_processors();
    GP_TRY(gp_alloc((void **)&s->failed, s->n, sizeof *s->failed, "a site", err));
    gp_ticker_init(&ticker, "site", s->n, s->options->progress, s->options->user);
    GP_TRY(gp_threads_start(count < MOST_THREADS ? count : MOST_THREADS, work, s, &threads, err));
    for (size_t done; (done = atomic_load(&s->done)) < s->n && !atomic_load(&s->stop); nanosleep(&pause, NULL))
        if (!gp_ticker_update(&ticker, done, s->failed_count)) atomic_store(&s->stop, true);
    gp_threads_join(threads);
    gp_ticker_finish(&ticker);
    if (s->fatal.status) return gp_fail(err, s->fatal.status, "%s", s->fatal.message);
    return ticker.stopped ? gp_fail(err, GP_ERR_STOPPED, "stopped") : GP_OK;
}

/* ---- the whole */

/* In order of rows, so that the record does not depend on threads; a catalog open read-only keeps none. */
static void record_failures(const site *s)
{
    for (size_t i = 0; i < s->failed_count; i++) {
        char *path = NULL;
        if (gp_view_path(s->view, s->failed[i].row, &path, NULL) == GP_OK)
            (void)gp_cat_failure_put(s->cat, path, 0, 0, gp_view_image(s->view, s->failed[i].row), "export",
                                     s->failed[i].message, NULL);
        gp_mem_free(path);
    }
}

gp_status gp_report_site(gp_catalog *cat, const gp_view *view, const uint32_t *near, uint32_t near_k,
                         const gp_site_options *options, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    site s = {.cat = cat, .view = view, .options = options, .n = gp_view_count(view)};
    gp_status st = GP_OK;
    GP_TRY(gp_site_folder_open(options->folder, &s.folder, err));
    pthread_mutex_init(&s.lock, NULL);
    GP_GO(put_data(&s, near, near_k, err));
    GP_GO(make_pictures(&s, err));
    record_failures(&s);
    st = gp_site_folder_settle(&s.folder, err);
out:
    if (report)
        *report =
            (gp_report){.done = s.n - s.failed_count, .failed = s.failed_count, .seconds = gp_clock_now() - start};
    for (size_t i = 0; i < s.failed_count; i++) gp_mem_free(s.failed[i].message);
    gp_mem_free(s.failed);
    pthread_mutex_destroy(&s.lock);
    gp_site_folder_close(&s.folder);
    return st;
}
