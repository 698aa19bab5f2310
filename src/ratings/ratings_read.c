/* SPDX-License-Identifier: MIT
 * Reads ratings of images from the files beside them (first cat.png.xmp, then cat.xmp) and from the image files. Each
 * property comes from the first of these that has it; keywords come from all of them. */
#include "ratings/ratings.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "image/chunks.h"
#include "image/stream.h"
#include "ratings/selection.h"
#include "ratings/xmp_sidecar.h"
#include "ratings/xmp_marks.h"

#include <string.h>

#define FILE_LIMIT ((uint64_t)1 << 30)

typedef struct reading {
    gp_catalog *cat;
    const gp_ratings_options *options;
    gp_ratings_report *report;
    gp_cat_rating *ratings; /* [rating_count] */
    gp_cat_tagging *tags;   /* [tag_count]; their texts are owned */
    size_t rating_count, tag_count, tag_capacity;
} reading;

/* What the files of one image say. */
typedef struct findings {
    gp_xmp_marks marks;
    bool any; /* a file has a rating, flag, label or keyword */
} findings;

/* ------------------------------------------------------------------ the files of an image */

/* Adds what `more` says and `f` does not say yet; clears `more`. */
static gp_status combine(findings *f, gp_xmp_marks *more, gp_error *err)
{
    gp_status st = GP_OK;
    gp_xmp_marks *m = &f->marks;
    f->any |= gp_xmp_marks_flag(more) || more->rating || more->label || more->count;
    if (!m->rated && more->rated) m->rated = true, m->rating = more->rating;
    if (!m->flag) m->flag = more->flag;
    if (!m->label) m->label = more->label, more->label = NULL;
    m->untagged += more->untagged;
    for (size_t i = 0; st == GP_OK && i < more->count; i++) {
        bool known = false;
        for (size_t k = 0; k < m->count && !known; k++) known = strcmp(m->tags[k], more->tags[i]) == 0;
        if (known) continue;
        char **tags = gp_mem_resize(m->tags, m->count + 1, sizeof *tags);
        if (!tags) {
            st = gp_fail_memory(err, "the keywords");
            break;
        }
        m->tags = tags;
        m->tags[m->count++] = more->tags[i];
        more->tags[i] = NULL;
    }
    gp_xmp_marks_clear(more);
    return st;
}

static gp_status read_sidecar(const char *image, bool adobe, findings *f, gp_error *err)
{
    gp_str packet = GP_STR_INIT;
    gp_xmp_marks marks = {0};
    bool exists = false;
    char *path = gp_sidecar_path(image, adobe);
    gp_status st = path ? gp_sidecar_read(path, &packet, &exists, err) : gp_fail_memory_path(err, "'%s'", image);
    if (st == GP_OK && exists) {
        st = gp_xmp_marks_read(packet.data, packet.size, &marks, err);
        if (st != GP_OK && st != GP_ERR_MEMORY) gp_fail_within(err, st, "'%s'", gp_path_base(path));
    }
    if (st == GP_OK && exists && adobe) st = gp_sidecar_check(image, &marks, err);
    if (st == GP_OK)
        st = combine(f, &marks, err);
    else
        gp_xmp_marks_clear(&marks);
    gp_str_clear(&packet);
    gp_mem_free(path);
    return st;
}

/* Fails if the file no longer has the pixels of the image. Another program may have changed its metadata. */
static gp_status check_content(const reading *r, const gp_rated_file *file, const gp_bytes *bytes, gp_error *err)
{
    gp_cat_content before;
    gp_hash hash = gp_hash_of(bytes->data, bytes->size), stream;
    bool known = false;
    if (memcmp(&hash, &file->hash, sizeof hash) == 0) return GP_OK;
    GP_TRY(gp_cat_content_at(r->cat, file->path, &before, err));
    GP_TRY(gp_image_stream(bytes->data, bytes->size, &stream, &known, err));
    if (known && before.has_stream && memcmp(&stream, &before.stream, sizeof stream) == 0) return GP_OK;
    return gp_fail(err, GP_ERR_FORMAT, "the file has other pixels than the catalog records: run `goldpan add`");
}

static gp_status read_embedded(const reading *r, const gp_rated_file *file, findings *f, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_chunks chunks = {0};
    gp_xmp_marks marks = {0};
    gp_status st;
    GP_TRY_GOTO(gp_file_read(file->path, FILE_LIMIT, &bytes, err));
    GP_TRY_GOTO(check_content(r, file, &bytes, err));
    GP_TRY_GOTO(gp_image_read_chunks(bytes.data, bytes.size, &chunks, err));
    for (size_t i = 0; i < chunks.count; i++) {
        const gp_chunk *c = &chunks.items[i];
        if (strcmp(c->key, "xmp") != 0 && strcmp(c->key, "XML:com.adobe.xmp") != 0) continue;
        GP_TRY_GOTO(gp_xmp_marks_read(c->text, c->size, &marks, err));
        GP_TRY_GOTO(combine(f, &marks, err));
    }
out:
    gp_chunks_clear(&chunks);
    gp_bytes_clear(&bytes);
    return st;
}

/* Counts and reports a failure, except one that ends the call. */
static gp_status note_failure(const reading *r, const char *path, gp_status st, const gp_error *why, gp_error *err)
{
    if (st == GP_ERR_MEMORY || st == GP_ERR_CATALOG || st == GP_ERR_STOPPED) return gp_fail_as(err, st, why);
    if (st == GP_OK) return GP_OK;
    gp_failure failure = {path, "ratings", gp_error_beside(why, path), gp_error_passes(why)};
    r->report->failed++;
    if (r->options->failed) r->options->failed(r->options->user, &failure);
    return GP_OK;
}

static gp_status read_files(const reading *r, const gp_rated_image *image, findings *f, gp_error *err)
{
    for (size_t i = 0; i < image->count; i++)
        for (int source = 0; source < 3; source++) {
            const gp_rated_file *file = &image->files[i];
            gp_error why = {0};
            gp_status st =
                source < 2 ? read_sidecar(file->path, source == 1, f, &why) : read_embedded(r, file, f, &why);
            GP_TRY(note_failure(r, file->path, st, &why, err));
        }
    return GP_OK;
}

/* ------------------------------------------------------------------ marks */

static bool has_tag(const char *const *tags, size_t count, const char *tag)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i], tag) == 0) return true;
    return false;
}

/* Appends a change of a tag; takes `tag`. */
static gp_status put_tag(reading *r, const gp_rated_image *image, char *tag, bool removed, gp_error *err)
{
    if (r->tag_count == r->tag_capacity) {
        size_t more = r->tag_capacity ? 2 * r->tag_capacity : 64;
        gp_cat_tagging *tags = gp_mem_resize(r->tags, more, sizeof *tags);
        if (!tags) {
            gp_mem_free(tag);
            return gp_fail_memory(err, "the tags");
        }
        r->tags = tags, r->tag_capacity = more;
    }
    r->tags[r->tag_count++] = (gp_cat_tagging){image->hash, tag, removed};
    return GP_OK;
}

/* The tags of an image in the catalog. */
typedef struct own_tags {
    const char **tags;
    size_t count;
    char *room;
} own_tags;

static gp_status put_label(reading *r, const gp_rated_image *image, const char *label, const own_tags *own, bool *kept,
                           gp_error *err)
{
    gp_error why = {0};
    gp_str text = GP_STR_INIT;
    char *tag = NULL;
    gp_str_printf(&text, GP_XMP_LABEL_TAG "%s", label);
    gp_status st = text.failed ? gp_fail_memory(&why, "a label") : gp_cat_tag_clean(text.data, text.size, &tag, &why);
    gp_str_clear(&text);
    if (st == GP_ERR_USAGE) {
        r->report->untagged++;
        return GP_OK;
    }
    if (st != GP_OK) return gp_fail_as(err, st, &why);
    bool known = has_tag(own->tags, own->count, tag), other = false;
    for (size_t i = 0; i < own->count && !known; i++) {
        if (!gp_str_starts(own->tags[i], GP_XMP_LABEL_TAG)) continue;
        char *old = r->options->replace ? gp_str_dup(own->tags[i]) : NULL;
        other = true;
        st = !r->options->replace ? GP_OK : old ? put_tag(r, image, old, true, err) : gp_fail_memory(err, "a label");
        if (st != GP_OK) break;
    }
    bool stays = known || (other && !r->options->replace);
    *kept |= other && !r->options->replace;
    if (st == GP_OK && !stays) return put_tag(r, image, tag, false, err);
    gp_mem_free(tag);
    return st;
}

static gp_status put_tags(reading *r, const gp_rated_image *image, gp_xmp_marks *m, bool *kept, gp_error *err)
{
    own_tags own = {0};
    gp_status st;
    GP_TRY_GOTO(gp_rated_tags(image->tags, &own.room, &own.tags, &own.count, err));
    if (m->label) GP_TRY_GOTO(put_label(r, image, m->label, &own, kept, err));
    for (size_t i = 0; i < m->count; i++) {
        char *tag = m->tags[i];
        if (has_tag(own.tags, own.count, tag)) continue;
        m->tags[i] = NULL;
        GP_TRY_GOTO(put_tag(r, image, tag, false, err));
    }
out:
    gp_mem_free(own.tags);
    gp_mem_free(own.room);
    return st;
}

/* Collects the changes of one image. A mark of the catalog stays unless `replace` is set. A value that the files do not
 * have changes nothing. */
static gp_status put_marks(reading *r, const gp_rated_image *image, findings *f, gp_error *err)
{
    int flag = gp_xmp_marks_flag(&f->marks), stars = gp_xmp_marks_stars(&f->marks);
    bool replace = r->options->replace, kept = false;
    gp_cat_rating rating = {.hash = image->hash, .flag = flag, .stars = stars};
    size_t tags = r->tag_count;
    rating.has_flag = flag && flag != image->flag && (!image->flag || replace);
    rating.has_stars = stars && stars != image->stars && (!image->stars || replace);
    kept = (flag && image->flag && flag != image->flag && !replace) ||
           (stars && image->stars && stars != image->stars && !replace);
    r->report->untagged += f->marks.untagged;
    GP_TRY(put_tags(r, image, &f->marks, &kept, err));
    bool rates = rating.has_flag || rating.has_stars;
    if (rates) r->ratings[r->rating_count++] = rating;
    r->report->kept += kept;
    if (!f->any)
        r->report->without++;
    else if (rates || r->tag_count > tags)
        r->report->done++;
    else
        r->report->unchanged++;
    return GP_OK;
}

static gp_status read_image(reading *r, const gp_rated_image *image, gp_error *err)
{
    findings f = {0};
    gp_status st = read_files(r, image, &f, err);
    if (st == GP_OK) st = put_marks(r, image, &f, err);
    gp_xmp_marks_clear(&f.marks);
    return st;
}

gp_status gp_ratings_take(gp_catalog *cat, const gp_ratings_options *o, gp_ratings_report *report, gp_error *err)
{
    reading r = {.cat = cat, .options = o, .report = report};
    gp_selection selection = {0};
    gp_progress_meter meter;
    gp_status st;
    GP_TRY_GOTO(gp_selection_read(cat, o, &selection, err));
    GP_TRY_GOTO(gp_alloc((void **)&r.ratings, selection.count, sizeof *r.ratings, "the ratings", err));
    gp_progress_meter_init(&meter, "ratings", selection.count, o->progress, o->user);
    for (size_t i = 0; i < selection.count; i++) {
        GP_TRY_GOTO(read_image(&r, &selection.images[i], err));
        if (!gp_progress_meter_update(&meter, i + 1, report->failed))
            GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
    gp_progress_meter_finish(&meter);
    if (!o->dry_run && r.rating_count + r.tag_count)
        st = gp_cat_marks_put(cat, r.ratings, r.rating_count, r.tags, r.tag_count, NULL, err);
out:
    for (size_t i = 0; i < r.tag_count; i++) gp_mem_free((char *)(uintptr_t)r.tags[i].tag);
    gp_mem_free(r.tags);
    gp_mem_free(r.ratings);
    gp_selection_clear(&selection);
    return st;
}
