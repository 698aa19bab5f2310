/* SPDX-License-Identifier: MIT
 * Writes the files of a site: the page, the catalog's columns, thumbnails, images.  Threads make the images; each
 * takes the next row.  The output does not depend on which thread made an image. */
#include "report/site.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "base/own.h"
#include "image/mark.h"
#include "image/png_text.h"
#include "report/original.h"
#include "report/page.h"
#include "report/thumb.h"
#include "view/view_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IMAGE_SIDE = 1280, IMAGE_QUALITY = 88, THUMB_QUALITY = 85, MOST_THREADS = 64 };
#define PAGE_LIMIT ((size_t)64 << 20)
static const uint32_t sides[] = {256, 512};
enum { SIDES = 2 };

typedef struct failed_row {
    size_t row;
    char *message; /* owned */
    bool passing;
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
    failed_row *failed; /* [failed_count] rows; memory for n rows */
    atomic_size_t failed_count;
    gp_error fatal; /* the error of a thread that ended the whole run */
} site;

/* ------------------------------------------------------------------ the page and its data */

/* Writes index.html with the policy as the first element of its <head>. */
static gp_status put_index(const site *s, const char *html, size_t size, gp_error *err)
{
    static const char head[] = "<head>",
                      policy[] = "<meta http-equiv=\"Content-Security-Policy\" content=\"" GP_PAGE_POLICY "\">";
    const char *at = memmem(html, size, head, sizeof head - 1);
    gp_str page = GP_STR_INIT;
    if (!at)
        return gp_fail(err, GP_ERR_FORMAT,
                       "the page that was built into this goldpan has no <head>: build goldpan again");
    at += sizeof head - 1;
    gp_str_add(&page, html, (size_t)(at - html));
    gp_str_puts(&page, policy);
    gp_str_add(&page, at, size - (size_t)(at - html));
    gp_status st = page.failed ? gp_fail_memory(err, "a site")
                               : gp_site_folder_put(&s->folder, "index.html", page.data, page.size, err);
    gp_str_clear(&page);
    return st;
}

static gp_status put_page(const site *s, gp_error *err)
{
    for (size_t i = 0; i < gp_page_file_count; i++) {
        const gp_page_file *file = &gp_page_files[i];
        gp_str plain = GP_STR_INIT;
        gp_status st = GP_OK;
        if (file->gzip) st = gp_gzip_expand(file->bytes, file->size, PAGE_LIMIT, &plain, err);
        const void *bytes = file->gzip ? (const void *)plain.data : file->bytes;
        size_t size = file->gzip ? plain.size : file->size;
        if (st == GP_OK)
            st = strcmp(file->name, "index.html") == 0 ? put_index(s, bytes, size, err)
                                                       : gp_site_folder_put(&s->folder, file->name, bytes, size, err);
        gp_str_clear(&plain);
        if (st != GP_OK) return st;
    }
    return GP_OK;
}

/* Writes a text table, each text shortened by `cut`, because a site must not show folder paths. */
static gp_status put_texts(const site *s, const char *name, const void *table, const char *(*cut)(const char *),
                           gp_error *err)
{
    const uint32_t *head = table; /* layout: count, offsets [count + 1], bytes */
    const char *bytes = (const char *)(head + head[0] + 2);
    gp_texts texts = {0};
    gp_str text = GP_STR_INIT;
    gp_status st = GP_OK;
    for (uint32_t i = 0; st == GP_OK && i < head[0]; i++) {
        gp_str_reset(&text);
        gp_str_add(&text, bytes + head[1 + i], head[2 + i] - head[1 + i]);
        st = text.failed ? gp_fail_memory(err, "a site") : gp_texts_add(&texts, cut(text.data ? text.data : ""), err);
    }
    if (st == GP_OK) st = gp_texts_finish(&texts, err);
    if (st == GP_OK) st = gp_site_folder_put(&s->folder, name, texts.table, texts.table_size, err);
    gp_texts_clear(&texts);
    gp_str_clear(&text);
    return st;
}

static gp_status put_column(const site *s, size_t i, gp_error *err)
{
    char name[64];
    const char *title = gp_view_column_name(s->view, i);
    size_t size = 0;
    const void *bytes = gp_view_column(s->view, i, &size);
    snprintf(name, sizeof name, "data/col/%zu.bin", i);
    if (!strcmp(title, "path"))
        GP_TRY(put_texts(s, name, bytes, gp_path_base, err));
    else
        GP_TRY(gp_site_folder_put(&s->folder, name, bytes, size, err));
    bytes = gp_view_words(s->view, i, &size);
    if (!bytes) return GP_OK;
    snprintf(name, sizeof name, "data/words/%zu.bin", i);
    if (!strncmp(title, "settings.", strlen("settings."))) return put_texts(s, name, bytes, gp_view_short, err);
    return gp_site_folder_put(&s->folder, name, bytes, size, err);
}

static gp_status put_columns(const site *s, gp_error *err)
{
    size_t size = 0;
    for (size_t i = 0; i < gp_view_columns(s->view); i++) GP_TRY(put_column(s, i, err));
    const void *slices = gp_view_slices(s->view, &size);
    return slices ? gp_site_folder_put(&s->folder, "data/slices.bin", slices, size, err) : GP_OK;
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

static gp_status put_tags(const site *s, gp_error *err)
{
    gp_str json = GP_STR_INIT;
    gp_status st = gp_view_write_tags(s->view, s->cat, &json, err);
    if (st == GP_OK) st = gp_site_folder_put(&s->folder, "data/tags.json", json.data, json.size, err);
    gp_str_clear(&json);
    return st;
}

static gp_status put_manifest(const site *s, uint32_t near_k, gp_error *err)
{
    static const char *const extensions[] = {NULL, "jpg", "none"}; /* indexed by gp_site_images */
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
    GP_TRY(put_tags(s, err));
    if (near) GP_TRY(gp_site_folder_put(&s->folder, "data/near.bin", near, s->n * near_k * sizeof *near, err));
    return put_manifest(s, near ? near_k : 0, err);
}

/* ------------------------------------------------------------------ pictures */

typedef struct picture {
    const site *site;
    size_t row;
    char *path, hex[33];
    gp_bytes bytes;   /* bytes of the file */
    gp_pixels pixels; /* pixels that are decoded from the file */
    bool unwritten;   /* true: the site's disk caused the error, not the image */
} picture;

static gp_status put_bytes(picture *p, const char *name, const void *bytes, size_t size, gp_error *err)
{
    gp_status st = gp_site_folder_put(&p->site->folder, name, bytes, size, err);
    p->unwritten = st != GP_OK;
    return st;
}

static gp_status put_small(picture *p, uint32_t side, int quality, const char *name, gp_error *err)
{
    gp_pixels small = {0};
    gp_str jpeg = GP_STR_INIT;
    uint32_t w, h, orientation = gp_view_orientation(p->site->view, p->row);
    gp_thumb_fit(p->pixels.width, p->pixels.height, orientation, side, &w, &h);
    GP_TRY(gp_thumb_shape(&p->pixels, orientation, w, h, &small, err));
    gp_status st = gp_image_jpeg_bytes(small.rgb, w, h, quality, &jpeg, err);
    if (st == GP_OK) st = gp_jpeg_mark(&jpeg, "site", err);
    if (st == GP_OK) st = put_bytes(p, name, jpeg.data, jpeg.size, err);
    gp_str_clear(&jpeg);
    gp_pixels_clear(&small);
    return st;
}

/* Writes an image that browsers cannot draw as a PNG of full size. */
static gp_status put_converted(picture *p, gp_error *err)
{
    char name[64];
    gp_str png = GP_STR_INIT;
    gp_bytes marked = {0};
    snprintf(name, sizeof name, "image/%s.png", p->hex);
    gp_status st = gp_shown_png(p->bytes.data, p->bytes.size, gp_view_orientation(p->site->view, p->row), &png, err);
    const gp_bytes bytes = {(uint8_t *)png.data, png.size};
    if (st == GP_OK) st = gp_png_add_text(&bytes, GP_MARK_IMAGE, "site", &marked, err);
    if (st == GP_OK) st = put_bytes(p, name, marked.data, marked.size, err);
    gp_bytes_clear(&marked);
    gp_str_clear(&png);
    return st;
}

static gp_status put_image(picture *p, gp_error *err)
{
    char name[64];
    const char *format = gp_view_format(p->site->view, p->row);
    gp_site_images images = p->site->options->images;
    bool original = images == GP_SITE_ORIGINALS;
    if (images == GP_SITE_THUMBNAILS) return GP_OK;
    if (original && gp_format_needs_converting(format)) return put_converted(p, err);
    snprintf(name, sizeof name, "image/%s.%s", p->hex, original && strcmp(format, "jpeg") != 0 ? format : "jpg");
    if (original) return put_bytes(p, name, p->bytes.data, p->bytes.size, err);
    return put_small(p, IMAGE_SIDE, IMAGE_QUALITY, name, err);
}

static gp_status put_picture(picture *p, gp_error *err)
{
    const gp_view *view = p->site->view;
    char name[64];
    gp_hash_hex(*gp_view_hash(view, p->row), p->hex);
    GP_TRY(gp_view_path(view, p->row, &p->path, err));
    GP_TRY(gp_original_read(p->path, gp_view_file_hash(view, p->row), &p->bytes, err));
    GP_TRY(gp_image_decode_bytes(p->bytes.data, p->bytes.size, GP_MAX_PIXELS, &p->pixels, err));
    for (size_t i = 0; i < SIDES; i++) {
        snprintf(name, sizeof name, "thumb/%u/%s.jpg", sides[i], p->hex);
        GP_TRY(put_small(p, sides[i], THUMB_QUALITY, name, err));
    }
    return put_image(p, err);
}

/* Records an error.  An image that cannot be read counts as one failure; a disk that cannot be written to, or lack of
 * memory, ends the run. */
static void note(site *s, size_t row, const gp_error *why, bool fatal)
{
    char *message = gp_str_dup(why->message);
    pthread_mutex_lock(&s->lock);
    if (fatal || !message) {
        if (!s->fatal.status) s->fatal = *why;
        atomic_store(&s->stop, true);
        gp_mem_free(message);
    } else {
        s->failed[s->failed_count] = (failed_row){row, message, gp_error_passes(why)};
        atomic_store(&s->failed_count, s->failed_count + 1);
    }
    pthread_mutex_unlock(&s->lock);
}

static void work(void *user, int index)
{
    site *s = user;
    (void)index;
    while (!atomic_load(&s->stop)) {
        picture p = {.site = s, .row = atomic_fetch_add(&s->next, 1)};
        gp_error err = {0};
        if (p.row >= s->n) return;
        gp_status st = put_picture(&p, &err);
        err.status = st;
        if (st != GP_OK) note(s, p.row, &err, p.unwritten || st == GP_ERR_MEMORY);
        gp_pixels_clear(&p.pixels);
        gp_bytes_clear(&p.bytes);
        gp_mem_free(p.path);
        atomic_fetch_add(&s->done, 1);
    }
}

static gp_status make_pictures(site *s, gp_error *err)
{
    const struct timespec pause = {0, 20 * 1000000L};
    gp_threads *threads = NULL;
    gp_progress_meter ticker;
    int count = s->options->threads > 0 ? s->options->threads : gp_thread_processors();
    GP_TRY(gp_alloc((void **)&s->failed, s->n, sizeof *s->failed, "a site", err));
    gp_progress_meter_init(&ticker, "site", s->n, s->options->progress, s->options->user);
    GP_TRY(gp_threads_start(count < MOST_THREADS ? count : MOST_THREADS, work, s, &threads, err));
    for (size_t done; (done = atomic_load(&s->done)) < s->n && !atomic_load(&s->stop); nanosleep(&pause, NULL))
        if (!gp_progress_meter_update(&ticker, done, s->failed_count)) atomic_store(&s->stop, true);
    gp_threads_join(threads);
    gp_progress_meter_finish(&ticker);
    if (s->fatal.status) return gp_fail_as(err, s->fatal.status, &s->fatal);
    return ticker.stopped ? gp_fail(err, GP_ERR_STOPPED, "stopped") : GP_OK;
}

/* ------------------------------------------------------------------ the whole */

static int by_row(const void *a, const void *b)
{
    const failed_row *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Records the failed images, and removes the records of images that no longer fail.  Goes through the rows in order, so
 * that the records do not depend on threads.  A catalog opened read-only keeps no records. */
static void record_failures(const site *s)
{
    size_t next = 0;
    if (s->failed_count) qsort(s->failed, s->failed_count, sizeof *s->failed, by_row);
    if (!s->failed_count && !s->view->facts.failures) return;
    if (gp_cat_begin(s->cat, NULL) != GP_OK) return;
    for (size_t row = 0; row < s->n; row++) {
        int64_t image = gp_view_image(s->view, row);
        char *path = NULL;
        if (next == s->failed_count || s->failed[next].row != row) {
            if (s->view->facts.failures) (void)gp_cat_failure_clear(s->cat, image, "export", NULL);
            continue;
        }
        if (gp_view_path(s->view, row, &path, NULL) == GP_OK)
            (void)gp_cat_failure_put(s->cat, path, 0, 0, image, "export", s->failed[next].message,
                                     s->failed[next].passing, NULL);
        gp_mem_free(path);
        next++;
    }
    (void)gp_cat_commit(s->cat, NULL);
}

gp_status gp_report_site(gp_catalog *cat, const gp_view *view, const uint32_t *near, uint32_t near_k,
                         const gp_site_options *options, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    site s = {.cat = cat, .view = view, .options = options, .n = gp_view_count(view)};
    gp_status st = GP_OK;
    GP_TRY(gp_site_folder_open(options->folder, &s.folder, err));
    pthread_mutex_init(&s.lock, NULL);
    GP_TRY_GOTO(put_data(&s, near, near_k, err));
    GP_TRY_GOTO(make_pictures(&s, err));
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
