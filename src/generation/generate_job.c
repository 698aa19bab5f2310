/* SPDX-License-Identifier: MIT
 * Generates one image: requests it until it arrives, checks it, adds the prompt as metadata, and writes it under a
 * temporary name that is then renamed. The file's name is computed from the request, so an image that was written
 * before the process was killed is found again. */
#include "generation/generate_job.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/chunks.h"
#include "image/png_text.h"
#include "image/stream.h"
#include "metadata/meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((uint64_t)1 << 30)
static const double first_wait = 0.5, most_wait = 60;

void gp_generate_job_free(gp_generate_job *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->extra_count; i++) gp_generate_job_free(p->extras[i]);
    gp_mem_free(p->extras);
    gp_mem_free(p->own_negative);
    gp_mem_free(p->workflow);
    gp_mem_free(p->settings);
    gp_mem_free(p->path);
    gp_mem_free(p->columns);
    gp_mem_free(p->settings_asked);
    gp_mem_free(p->negative);
    gp_mem_free(p->prompt);
    gp_mem_free(p->key);
    gp_mem_free(p);
}

/* Appends a short folder name made from the prompt, such as "a-red-car-at-night". The name only helps the user to find
 * the image; the key makes the path unique. */
static void put_slug(gp_str *s, const char *prompt)
{
    enum { MOST = 48 };
    size_t begin = s->size;
    for (const char *c = prompt; *c && s->size - begin < MOST; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (plain || (*c >= 'A' && *c <= 'Z'))
            gp_str_putc(s, plain ? *c : (char)(*c + 32));
        else if (s->size > begin && s->data[s->size - 1] != '-')
            gp_str_putc(s, '-');
    }
    while (s->size > begin && s->data[s->size - 1] == '-') s->data[--s->size] = 0;
    if (s->size == begin) gp_str_puts(s, "prompt");
}

gp_status gp_generate_job_new(const gp_cat_generation *g, int64_t id, const char *folder, gp_generate_job **out,
                              gp_error *err)
{
    gp_generate_job *p = gp_mem_zero(1, sizeof *p);
    gp_str path = GP_STR_INIT;
    char hex[33];
    bool ok = p != NULL;
    gp_hash_hex(gp_hash_of(g->prompt, strlen(g->prompt)), hex);
    gp_str_printf(&path, "%s/", folder);
    put_slug(&path, g->prompt);
    gp_str_printf(&path, "-%.6s/%05u-%.10s", hex, g->number, g->key);
    if (ok) {
        p->id = id, p->number = g->number, p->has_seed = g->has_seed, p->seed = g->seed;
        p->key = gp_str_dup(g->key), p->prompt = gp_str_dup(g->prompt);
        p->negative = g->negative ? gp_str_dup(g->negative) : NULL;
        p->columns = g->extras ? gp_str_dup(g->extras) : NULL;
        p->settings_asked = gp_str_dup(g->settings);
        p->path = gp_str_take(&path);
        ok = p->key && p->prompt && p->settings_asked && p->path && !p->negative == !g->negative &&
             !p->columns == !g->extras;
    }
    gp_str_clear(&path);
    if (!ok) {
        gp_generate_job_free(p);
        return gp_fail_memory(err, "an image");
    }
    *out = p;
    return GP_OK;
}

/* ------------------------------------------------------------------ batches */

void gp_generate_job_extra_key(const char *key, uint32_t index, char hex[33])
{
    char text[64];
    int size = snprintf(text, sizeof text, "%.32s image %u", key, index);
    gp_hash_hex(gp_hash_of(text, (size_t)size), hex);
}

/* Adds the next image of the batch to p->extras. path: without extension; the function copies it. */
static gp_status add_extra(gp_generate_job *p, const char *path, gp_generate_job **out, gp_error *err)
{
    char hex[33];
    gp_generate_job **extras = gp_mem_resize(p->extras, p->extra_count + 1, sizeof *extras);
    gp_generate_job *extra = gp_mem_zero(1, sizeof *extra);
    if (extras) p->extras = extras;
    if (extra) {
        extra->index = (uint32_t)p->extra_count + 2;
        gp_generate_job_extra_key(p->key, extra->index, hex);
        extra->number = p->number, extra->has_seed = p->has_seed, extra->seed = p->seed;
        extra->key = gp_str_dup(hex), extra->prompt = gp_str_dup(p->prompt), extra->path = gp_str_dup(path);
        extra->negative = p->negative ? gp_str_dup(p->negative) : NULL;
        extra->columns = p->columns ? gp_str_dup(p->columns) : NULL;
        extra->settings_asked = gp_str_dup(p->settings_asked);
    }
    if (!extras || !extra || !extra->key || !extra->prompt || !extra->path || !extra->settings_asked ||
        !extra->negative != !p->negative || !extra->columns != !p->columns) {
        gp_generate_job_free(extra);
        return gp_fail_memory(err, "a batch");
    }
    p->extras[p->extra_count++] = extra;
    p->index = 1;
    *out = extra;
    return GP_OK;
}

static void drop_extras(gp_generate_job *p)
{
    for (size_t i = 0; i < p->extra_count; i++) gp_generate_job_free(p->extras[i]);
    p->extra_count = 0, p->index = 0;
}

/* ------------------------------------------------------------------ settings */

typedef struct merging {
    gp_str *out;
    const gp_json *own, *given; /* leave out members that these objects have too */
} merging;

static bool put_member(void *user, const char *key, const gp_json *value)
{
    merging *m = user;
    if (gp_json_get(m->own, key) || gp_json_get(m->given, key)) return true;
    gp_json_put_name(m->out, key);
    gp_json_write(m->out, value);
    return true;
}

/* `backend` is stored only in the plan, because it is not a setting of the image */
static bool put_given(void *user, const char *key, const gp_json *value)
{
    return !strcmp(key, "backend") || put_member(user, key, value);
}

/* Writes the file's own settings, then settings of the generator that the file lacks, then the table's other
 * columns. */
static gp_status merge_settings(gp_generate_job *p, const gp_meta *meta, const char *given_json, gp_error *err)
{
    gp_json *own = NULL, *given = NULL, *extras = NULL;
    gp_str s = GP_STR_INIT;
    gp_status st = GP_OK;
    const char *text = meta->found && meta->settings_json ? meta->settings_json : "{}";
    GP_TRY_GOTO(gp_json_parse(text, strlen(text), false, 64, &own, err));
    GP_TRY_GOTO(gp_json_parse(given_json, strlen(given_json), false, 64, &given, err));
    if (p->columns) GP_TRY_GOTO(gp_json_parse(p->columns, strlen(p->columns), false, 64, &extras, err));
    gp_str_putc(&s, '{');
    gp_json_each(own, put_member, &(merging){&s, NULL, NULL});
    gp_json_each(given, put_given, &(merging){&s, own, NULL});
    if (p->has_seed && !gp_json_get(own, "seed") && !gp_json_get(given, "seed")) {
        gp_json_put_name(&s, "seed");
        gp_str_printf(&s, "%llu", (unsigned long long)p->seed);
    }
    if (p->index) {
        gp_json_put_name(&s, "batch_index");
        gp_str_printf(&s, "%u", p->index);
    }
    gp_json_each(extras, put_member, &(merging){&s, own, given});
    gp_str_putc(&s, '}');
    gp_mem_free(p->settings);
    p->settings = gp_str_take(&s);
    if (!p->settings) st = gp_fail_memory_path(err, "the settings of '%s'", p->path);
out:
    gp_json_free(extras);
    gp_json_free(given);
    gp_json_free(own);
    gp_str_clear(&s);
    return st;
}

/* ------------------------------------------------------------------ bytes */

static gp_status check_pixels(gp_generate_job *p, const gp_bytes *bytes, uint64_t max_pixels, gp_error *err)
{
    gp_pixels pixels = {0};
    GP_TRY(gp_image_read_info(bytes->data, bytes->size, &p->head, err));
    GP_TRY(gp_image_decode_bytes(bytes->data, bytes->size, max_pixels, &pixels, err));
    gp_pixels_clear(&pixels);
    return GP_OK;
}

/* Reads the metadata of the file. If a PNG has no metadata, adds AUTOMATIC1111's infotext. */
static gp_status add_metadata(gp_generate_job *p, gp_bytes *bytes, const char *settings, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_str text = GP_STR_INIT;
    gp_bytes with = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_image_read_chunks(bytes->data, bytes->size, &chunks, err));
    GP_TRY_GOTO(gp_meta_read(&chunks, p->path, &meta, err));
    if ((!meta.found || meta.broken || meta.mark) && settings && p->head.format == GP_FORMAT_PNG) {
        gp_gen_infotext(&(gp_gen_request){.prompt = p->prompt, .negative = p->negative}, settings, &text);
        if (text.failed) GP_TRY_GOTO(gp_fail_memory(err, "an image's text"));
        GP_TRY_GOTO(gp_png_add_text(bytes, "parameters", text.data, &with, err));
        gp_bytes_clear(bytes);
        *bytes = with, with = (gp_bytes){0};
    }
    if (!p->negative && meta.negative) {
        gp_mem_free(p->own_negative);
        p->own_negative = meta.negative, meta.negative = NULL;
    }
    GP_TRY_GOTO(merge_settings(p, &meta, settings ? settings : p->settings_asked, err));
out:
    gp_bytes_clear(&with);
    gp_str_clear(&text);
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    return st;
}

static gp_status read_stat(gp_generate_job *p, gp_error *err)
{
    struct stat s;
    if (stat(p->path, &s) != 0) return gp_fail_path(err, GP_ERR_IO, "'%s' was deleted during the run", p->path);
    p->size = (uint64_t)s.st_size;
    p->mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    return GP_OK;
}

static gp_status add_extension(gp_generate_job *p, const char *extension, char **out, gp_error *err)
{
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s.%s", p->path, extension);
    *out = path.failed ? NULL : gp_str_take(&path);
    gp_str_clear(&path);
    return *out ? GP_OK : gp_fail_memory(err, "a path");
}

static gp_status compute_hashes(gp_generate_job *p, const gp_bytes *bytes, gp_error *err)
{
    p->hash = gp_hash_of(bytes->data, bytes->size);
    return gp_image_stream(bytes->data, bytes->size, &p->stream, &p->has_stream, err);
}

static gp_status put_file(gp_generate_job *p, const gp_bytes *bytes, gp_error *err)
{
    const char *extension = p->head.format == GP_FORMAT_JPEG ? "jpg" : gp_image_format_name(p->head.format);
    char *full_path = NULL, *folder = gp_path_folder(p->path);
    gp_status st = GP_OK;
    if (!folder) GP_TRY_GOTO(gp_fail_memory(err, "a path"));
    GP_TRY_GOTO(add_extension(p, extension, &full_path, err));
    GP_TRY_GOTO(gp_folder_make(folder, err));
    GP_TRY_GOTO(gp_file_replace(full_path, bytes->data, bytes->size, err));
    gp_mem_free(p->path);
    p->path = full_path, full_path = NULL;
    GP_TRY_GOTO(compute_hashes(p, bytes, err));
    GP_TRY_GOTO(read_stat(p, err));
out:
    gp_mem_free(full_path);
    gp_mem_free(folder);
    return st;
}

/* Uses the file at `path` if it is complete. In that case p takes ownership of *path. */
static gp_status use_file(gp_generate_job *p, char **path, uint64_t max_pixels, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_error why = {0};
    gp_status st = GP_OK;
    if (access(*path, F_OK) != 0) return GP_OK;
    char *base_path = p->path;
    GP_TRY_GOTO(gp_file_read(*path, FILE_LIMIT, &bytes, &why));
    if (!bytes.size) goto out;
    GP_TRY_GOTO(check_pixels(p, &bytes, max_pixels, &why));
    p->path = *path;
    st = compute_hashes(p, &bytes, &why);
    if (st == GP_OK) st = add_metadata(p, &bytes, NULL, &why);
    if (st == GP_OK) st = read_stat(p, &why);
    p->found = st == GP_OK;
    if (p->found)
        *path = NULL, gp_mem_free(base_path);
    else
        p->path = base_path;
out:
    gp_bytes_clear(&bytes);
    /* A file that cannot be read does not count as found, so the image is generated again. */
    return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &why) : GP_OK;
}

static gp_status find_file(gp_generate_job *p, uint64_t max_pixels, gp_error *err)
{
    static const char *const extensions[] = {"png", "jpg", "webp", "avif", "jxl", "gif", "tiff", "bmp"};
    gp_status st = GP_OK;
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions && !p->found && st == GP_OK; i++) {
        char *path = NULL;
        GP_TRY(add_extension(p, extensions[i], &path, err));
        st = use_file(p, &path, max_pixels, err);
        gp_mem_free(path);
    }
    if (p->found) p->outcome = GP_GEN_DONE;
    return st;
}

/* Makes the path of the second or a later image of the batch, such as "00000-0123456789-2". */
static gp_status extra_path(const gp_generate_job *p, size_t index, char **out, gp_error *err)
{
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s-%zu", p->path, index);
    *out = path.failed ? NULL : gp_str_take(&path);
    gp_str_clear(&path);
    return *out ? GP_OK : gp_fail_memory(err, "a path");
}

/* Looks for the files of the other images of a batch. The first image is written last, so if its file exists, the files
 * of all other images exist too. */
static gp_status find_extra_files(gp_generate_job *p, uint64_t max_pixels, gp_error *err)
{
    gp_status st = GP_OK;
    for (bool found = true; found && st == GP_OK && p->extra_count < GP_GEN_MOST_EXTRAS;) {
        char *path = NULL;
        gp_generate_job *extra = NULL;
        GP_TRY(extra_path(p, p->extra_count + 2, &path, err));
        st = add_extra(p, path, &extra, err);
        gp_mem_free(path);
        if (st == GP_OK) st = find_file(extra, max_pixels, err);
        found = st == GP_OK && extra->found;
        if (extra && !found) gp_generate_job_free(p->extras[--p->extra_count]);
    }
    p->index = p->extra_count ? 1 : 0;
    return st;
}

gp_status gp_generate_job_look(gp_generate_job *p, uint64_t max_pixels, gp_error *err)
{
    GP_TRY(find_extra_files(p, max_pixels, err));
    GP_TRY(find_file(p, max_pixels, err));
    if (!p->found) drop_extras(p); /* if the first image is missing, the whole batch is generated again */
    return GP_OK;
}

/* ------------------------------------------------------------------ generating */

/* Writes one image to its file. If the bytes are not a complete image, sets r->outcome to GP_GEN_RETRY. */
static gp_status store_image(gp_generate_job *p, gp_bytes *image, const char *settings, gp_gen_result *r,
                             uint64_t max_pixels, gp_error *err)
{
    gp_error why = {0};
    gp_status st = check_pixels(p, image, max_pixels, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK) {
        r->outcome = GP_GEN_RETRY;
        snprintf(r->message, sizeof r->message, "the received file %.300s", why.message);
        return GP_OK;
    }
    GP_TRY(add_metadata(p, image, settings, err));
    return put_file(p, image, err);
}

/* Writes the second or a later image of a batch. It has the settings of the first image except for its own seed. */
static gp_status store_extra(const gp_gen_extra *from, gp_generate_job *extra, gp_gen_result *r, uint64_t max_pixels,
                             gp_error *err)
{
    gp_str settings = GP_STR_INIT;
    gp_bytes image = from->image; /* owned here: store_image may replace the bytes */
    if (from->has_seed) extra->seed = from->seed, extra->has_seed = true;
    gp_str_putc(&settings, '{');
    if (from->has_seed) {
        gp_json_put_name(&settings, "seed");
        gp_str_printf(&settings, "%llu", (unsigned long long)from->seed);
        if (r->settings.size) gp_str_putc(&settings, ',');
    }
    gp_str_printf(&settings, "%s}", r->settings.data ? r->settings.data : "");
    gp_status st = settings.failed ? gp_fail_memory(err, "the settings")
                                   : store_image(extra, &image, settings.data, r, max_pixels, err);
    if (st == GP_OK && r->outcome == GP_GEN_DONE) extra->outcome = GP_GEN_DONE;
    gp_bytes_clear(&image);
    gp_str_clear(&settings);
    return st;
}

/* Writes the images of a response. The first image is written last, so that its file exists only if all others do. */
static gp_status store_response(gp_generate_job *p, gp_gen_result *r, uint64_t max_pixels, gp_error *err)
{
    gp_str settings = GP_STR_INIT;
    gp_status st = GP_OK;
    drop_extras(p);
    for (size_t i = 0; i < r->extra_count && r->outcome == GP_GEN_DONE; i++) {
        char *path = NULL;
        gp_generate_job *extra;
        GP_TRY(extra_path(p, i + 2, &path, err));
        st = add_extra(p, path, &extra, err);
        gp_mem_free(path);
        if (st == GP_OK) st = store_extra(&r->extras[i], extra, r, max_pixels, err);
        r->extras[i].image = (gp_bytes){0};
        if (st != GP_OK) return st;
    }
    if (r->outcome != GP_GEN_DONE) return GP_OK;
    gp_str_printf(&settings, "{%s}", r->settings.data ? r->settings.data : "");
    st = settings.failed ? gp_fail_memory(err, "the settings")
                         : store_image(p, &r->image, settings.data, r, max_pixels, err);
    gp_str_clear(&settings);
    return st;
}

/* Makes a request from a row of the plan. Its texts are borrowed from `settings`. */
static void read_request(const gp_generate_job *p, const gp_json *settings, gp_gen_request *r)
{
    uint64_t width = 0, height = 0, steps = 0;
    (void)gp_json_u64(gp_json_get(settings, "width"), &width);
    (void)gp_json_u64(gp_json_get(settings, "height"), &height);
    (void)gp_json_u64(gp_json_get(settings, "steps"), &steps);
    *r = (gp_gen_request){.key = p->key,
                          .prompt = p->prompt,
                          .negative = p->negative,
                          .workflow = p->workflow,
                          .has_seed = p->has_seed,
                          .seed = p->seed,
                          .width = width > UINT32_MAX ? 0 : (uint32_t)width,
                          .height = height > UINT32_MAX ? 0 : (uint32_t)height,
                          .steps = steps > UINT32_MAX ? 0 : (uint32_t)steps,
                          .cfg = NAN,
                          .refiner_at = NAN,
                          .hires = NAN,
                          .sampler = gp_json_text(gp_json_get(settings, "sampler"), NULL),
                          .scheduler = gp_json_text(gp_json_get(settings, "scheduler"), NULL),
                          .model = gp_json_text(gp_json_get(settings, "model"), NULL),
                          .refiner = gp_json_text(gp_json_get(settings, "refiner"), NULL)};
    (void)gp_json_real(gp_json_get(settings, "cfg_scale"), &r->cfg);
    (void)gp_json_real(gp_json_get(settings, "refiner_switch_at"), &r->refiner_at);
    (void)gp_json_real(gp_json_get(settings, "hires"), &r->hires);
}

/* Returns the seconds to wait before attempt `next`. Each wait is longer than the one before. */
static double seconds_before(unsigned next)
{
    return fmin(first_wait * ldexp(1, (int)(next < 11 ? next : 11) - 2), most_wait);
}

void gp_generate_job_run(gp_generate_job *p, gp_gen_backend *backend, unsigned tries, uint64_t max_pixels)
{
    gp_gen_request request;
    gp_gen_result r = {0};
    gp_str scratch = GP_STR_INIT;
    gp_json *settings = NULL;
    char *folder = NULL, before[sizeof r.message] = "";
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_json_parse(p->settings_asked, strlen(p->settings_asked), false, 16, &settings, &p->error));
    read_request(p, settings, &request);
    gp_str_printf(&scratch, "%s.part.png", p->path); /* output file for a generator that is a command */
    request.out = scratch.data;
    folder = gp_path_folder(p->path);
    if (scratch.failed || !folder) GP_TRY_GOTO(gp_fail_memory(&p->error, "an image"));
    GP_TRY_GOTO(gp_folder_make(folder, &p->error));
    for (unsigned t = 1;; t++) {
        gp_gen_result_clear(&r);
        GP_TRY_GOTO(gp_gen_make(backend, &request, &r, &p->error));
        if (r.outcome == GP_GEN_DONE) GP_TRY_GOTO(store_response(p, &r, max_pixels, &p->error));
        unlink(scratch.data);
        p->outcome = r.outcome;
        snprintf(p->message, sizeof p->message, "%s", r.message);
        if (r.outcome != GP_GEN_RETRY || t >= tries) break;
        /* the generator reported the same error twice, so another attempt would not help */
        if (r.reported && !strcmp(before, r.message)) break;
        snprintf(before, sizeof before, "%s", r.message);
        if (!gp_gen_wait(backend, seconds_before(t + 1), &r))
            GP_TRY_GOTO(gp_fail(&p->error, GP_ERR_STOPPED, "stopped"));
    }
out:
    if (st != GP_OK && scratch.data && !scratch.failed) unlink(scratch.data);
    gp_json_free(settings);
    gp_mem_free(folder);
    gp_str_clear(&scratch);
    gp_gen_result_clear(&r);
}
