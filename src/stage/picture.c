/* SPDX-License-Identifier: MIT
 * One picture: asked for until it comes, looked at, given its text, written under a temporary name and renamed.  What
 * it is called follows from what it is, so a picture that was written before a kill is found again. */
#include "stage/make.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/chunks.h"
#include "image/png_text.h"
#include "image/stream.h"
#include "ingest/meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((uint64_t)1 << 30)
static const double first_wait = 0.5, most_wait = 60;

void gp_picture_free(gp_picture *p)
{
    if (!p) return;
    gp_mem_free(p->settings);
    gp_mem_free(p->path);
    gp_mem_free(p->extras);
    gp_mem_free(p->settings_asked);
    gp_mem_free(p->negative);
    gp_mem_free(p->prompt);
    gp_mem_free(p->key);
    gp_mem_free(p);
}

/* "a-red-car-at-night": the prompt as a folder's name, short, for people; the key keeps them apart. */
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

gp_status gp_picture_new(const gp_cat_generation *g, int64_t id, const char *folder, gp_picture **out, gp_error *err)
{
    gp_picture *p = gp_mem_zero(1, sizeof *p);
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
        p->extras = g->extras ? gp_str_dup(g->extras) : NULL;
        p->settings_asked = gp_str_dup(g->settings);
        p->path = gp_str_take(&path);
        ok = p->key && p->prompt && p->settings_asked && p->path && !p->negative == !g->negative &&
             !p->extras == !g->extras;
    }
    gp_str_clear(&path);
    if (!ok) {
        gp_picture_free(p);
        return gp_fail(err, GP_ERR_MEMORY, "out of memory for a picture");
    }
    *out = p;
    return GP_OK;
}

/* ------------------------------------------------------------------ settings */

typedef struct merging {
    gp_str *out;
    const gp_json *own, *given; /* have their say before */
} merging;

static bool put_member(void *user, const char *key, const gp_json *value)
{
    merging *m = user;
    if (gp_json_get(m->own, key) || gp_json_get(m->given, key)) return true;
    gp_json_put_name(m->out, key);
    gp_json_write(m->out, value);
    return true;
}

/* The file's own settings, then what the back end said and it does not, then the table's other columns. */
static gp_status merge_settings(gp_picture *p, const gp_meta *meta, const char *given_json, gp_error *err)
{
    gp_json *own = NULL, *given = NULL, *extras = NULL;
    gp_str s = GP_STR_INIT;
    gp_status st = GP_OK;
    const char *text = meta->found && meta->settings_json ? meta->settings_json : "{}";
    GP_GO(gp_json_parse(text, strlen(text), false, 64, &own, err));
    GP_GO(gp_json_parse(given_json, strlen(given_json), false, 64, &given, err));
    if (p->extras) GP_GO(gp_json_parse(p->extras, strlen(p->extras), false, 64, &extras, err));
    gp_str_putc(&s, '{');
    gp_json_each(own, put_member, &(merging){&s, NULL, NULL});
    gp_json_each(given, put_member, &(merging){&s, own, NULL});
    if (p->has_seed && !gp_json_get(own, "seed") && !gp_json_get(given, "seed")) {
        gp_json_put_name(&s, "seed");
        gp_str_printf(&s, "%llu", (unsigned long long)p->seed);
    }
    gp_json_each(extras, put_member, &(merging){&s, own, given});
    gp_str_putc(&s, '}');
    gp_mem_free(p->settings);
    p->settings = gp_str_take(&s);
    if (!p->settings) st = gp_fail(err, GP_ERR_MEMORY, "out of memory for the settings of '%s'", p->path);
out:
    gp_json_free(extras);
    gp_json_free(given);
    gp_json_free(own);
    gp_str_clear(&s);
    return st;
}

/* ------------------------------------------------------------------ bytes */

static gp_status check_pixels(gp_picture *p, const gp_bytes *bytes, uint64_t max_pixels, gp_error *err)
{
    gp_pixels pixels = {0};
    GP_TRY(gp_image_read_head(bytes->data, bytes->size, &p->head, err));
    GP_TRY(gp_image_decode_bytes(bytes->data, bytes->size, max_pixels, &pixels, err));
    gp_pixels_clear(&pixels);
    return GP_OK;
}

/* What the file says of itself; without a word in it, the text of AUTOMATIC1111 is put in (PNG). */
static gp_status complete(gp_picture *p, gp_bytes *bytes, const char *settings, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_str text = GP_STR_INIT;
    gp_bytes with = {0};
    gp_status st = GP_OK;
    GP_GO(gp_image_read_chunks(bytes->data, bytes->size, &chunks, err));
    GP_GO(gp_meta_read(&chunks, p->path, &meta, err));
    if ((!meta.found || meta.broken) && settings && p->head.format == GP_FORMAT_PNG) {
        gp_gen_infotext(&(gp_gen_request){.prompt = p->prompt, .negative = p->negative}, settings, &text);
        if (text.failed) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for an image's text"));
        GP_GO(gp_png_add_text(bytes, "parameters", text.data, &with, err));
        gp_bytes_clear(bytes);
        *bytes = with, with = (gp_bytes){0};
    }
    GP_GO(merge_settings(p, &meta, settings ? settings : p->settings_asked, err));
out:
    gp_bytes_clear(&with);
    gp_str_clear(&text);
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    return st;
}

static gp_status take_stat(gp_picture *p, gp_error *err)
{
    struct stat s;
    if (stat(p->path, &s) != 0) return gp_fail(err, GP_ERR_IO, "'%s' is gone", p->path);
    p->size = (uint64_t)s.st_size;
    p->mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    return GP_OK;
}

static gp_status add_extension(gp_picture *p, const char *extension, char **out, gp_error *err)
{
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s.%s", p->path, extension);
    *out = path.failed ? NULL : gp_str_take(&path);
    gp_str_clear(&path);
    return *out ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for a path");
}

static gp_status take_hash(gp_picture *p, const gp_bytes *bytes, gp_error *err)
{
    p->hash = gp_hash_of(bytes->data, bytes->size);
    return gp_image_stream(bytes->data, bytes->size, &p->stream, &p->has_stream, err);
}

static gp_status put_file(gp_picture *p, const gp_bytes *bytes, gp_error *err)
{
    const char *extension = p->head.format == GP_FORMAT_JPEG ? "jpg" : gp_image_format_name(p->head.format);
    char *whole = NULL, *folder = gp_path_folder(p->path);
    gp_status st = GP_OK;
    if (!folder) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for a path"));
    GP_GO(add_extension(p, extension, &whole, err));
    GP_GO(gp_folder_make(folder, err));
    GP_GO(gp_file_replace(whole, bytes->data, bytes->size, err));
    gp_mem_free(p->path);
    p->path = whole, whole = NULL;
    GP_GO(take_hash(p, bytes, err));
    GP_GO(take_stat(p, err));
out:
    gp_mem_free(whole);
    gp_mem_free(folder);
    return st;
}

gp_status gp_picture_look(gp_picture *p, uint64_t max_pixels, gp_error *err)
{
    static const char *const extensions[] = {"png", "jpg", "webp"};
    for (int i = 0; i < 3 && !p->found; i++) {
        gp_bytes bytes = {0};
        char *path = NULL;
        gp_status st = GP_OK;
        GP_TRY(add_extension(p, extensions[i], &path, err));
        if (access(path, F_OK) == 0) st = gp_file_read(path, FILE_LIMIT, &bytes, err);
        if (st == GP_OK && bytes.size) st = check_pixels(p, &bytes, max_pixels, err);
        if (st == GP_OK && bytes.size) {
            char *bare = p->path;
            p->path = path, path = bare;
            st = take_hash(p, &bytes, err);
            if (st == GP_OK) st = complete(p, &bytes, NULL, err);
            if (st == GP_OK) st = take_stat(p, err);
            p->found = st == GP_OK;
            if (!p->found) bare = p->path, p->path = path, path = bare;
        }
        gp_mem_free(path);
        gp_bytes_clear(&bytes);
        if (st == GP_ERR_MEMORY) return st; /* what cannot be read is drawn anew */
    }
    if (p->found) p->outcome = GP_GEN_GOT;
    return GP_OK;
}

/* ------------------------------------------------------------------ drawing */

/* An answer to a file.  What is no image, or half of one, may come right the next time. */
static gp_status take_answer(gp_picture *p, gp_gen_result *r, uint64_t max_pixels, gp_error *err)
{
    gp_str settings = GP_STR_INIT;
    gp_error why = {0};
    gp_status st = check_pixels(p, &r->image, max_pixels, &why);
    if (st == GP_ERR_MEMORY) return gp_fail(err, st, "%s", why.message);
    if (st != GP_OK) {
        r->outcome = GP_GEN_AGAIN;
        snprintf(r->message, sizeof r->message, "what came %.300s", why.message);
        return GP_OK;
    }
    gp_str_printf(&settings, "{%s}", r->settings.data ? r->settings.data : "");
    st = settings.failed ? gp_fail(err, GP_ERR_MEMORY, "out of memory for the settings")
                         : complete(p, &r->image, settings.data, err);
    gp_str_clear(&settings);
    return st == GP_OK ? put_file(p, &r->image, err) : st;
}

/* What the row asks for, as a request; texts borrowed from `settings`. */
static void read_request(const gp_picture *p, const gp_json *settings, gp_gen_request *r)
{
    uint64_t width = 0, height = 0, steps = 0;
    (void)gp_json_u64(gp_json_get(settings, "width"), &width);
    (void)gp_json_u64(gp_json_get(settings, "height"), &height);
    (void)gp_json_u64(gp_json_get(settings, "steps"), &steps);
    *r = (gp_gen_request){.key = p->key,
                          .prompt = p->prompt,
                          .negative = p->negative,
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

/* Seconds before a try: they grow from one to the next. */
static double pause_before(unsigned next)
{
    return fmin(first_wait * ldexp(1, (int)(next < 11 ? next : 11) - 2), most_wait);
}

void gp_picture_make(gp_picture *p, gp_gen_backend *backend, unsigned tries, uint64_t max_pixels)
{
    gp_gen_request request;
    gp_gen_result r = {0};
    gp_str scratch = GP_STR_INIT;
    gp_json *settings = NULL;
    char *folder = NULL;
    gp_status st = GP_OK;
    GP_GO(gp_json_parse(p->settings_asked, strlen(p->settings_asked), false, 16, &settings, &p->error));
    read_request(p, settings, &request);
    gp_str_printf(&scratch, "%s.part.png", p->path); /* for a command */
    request.out = scratch.data;
    folder = gp_path_folder(p->path);
    if (scratch.failed || !folder) GP_GO(gp_fail(&p->error, GP_ERR_MEMORY, "out of memory for a picture"));
    GP_GO(gp_folder_make(folder, &p->error));
    for (unsigned t = 1;; t++) {
        gp_gen_result_clear(&r);
        GP_GO(gp_gen_make(backend, &request, &r, &p->error));
        if (r.outcome == GP_GEN_GOT) GP_GO(take_answer(p, &r, max_pixels, &p->error));
        unlink(scratch.data);
        p->outcome = r.outcome;
        snprintf(p->message, sizeof p->message, "%s", r.message);
        if (r.outcome != GP_GEN_AGAIN || t >= tries) break;
        if (!gp_gen_wait(backend, pause_before(t + 1), &r)) GP_GO(gp_fail(&p->error, GP_ERR_STOPPED, "stopped"));
    }
out:
    if (st != GP_OK && scratch.data && !scratch.failed) unlink(scratch.data);
    gp_json_free(settings);
    gp_mem_free(folder);
    gp_str_clear(&scratch);
    gp_gen_result_clear(&r);
}
