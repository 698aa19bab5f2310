/* SPDX-License-Identifier: MIT
 * Writes marks to files, one file at a time. An image file is read whole, changed in memory and checked: the hash of
 * its compressed pixels must stay. Then it is replaced by rename, and the catalog records its new content. If goldpan
 * is killed between these two steps, the next add recognises the image by its pixels. */
#include "ratings/ratings.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "image/chunks.h"
#include "image/image.h"
#include "image/packet.h"
#include "image/stream.h"
#include "ratings/selection.h"
#include "ratings/xmp_sidecar.h"
#include "ratings/xmp_edit.h"
#include "ratings/xmp_marks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((uint64_t)1 << 30)

typedef struct writing {
    gp_catalog *cat;
    const gp_ratings_options *options;
    gp_ratings_report *report;
} writing;

/* What happened to a file. */
typedef struct outcome {
    bool changed, kept;
} outcome;

/* ------------------------------------------------------------------ replacing a file */

/* Fails if the file, or the folder of a new file, is read-only. rename() would replace a read-only file. */
static gp_status check_writable(const char *path, struct stat *about, gp_error *err)
{
    if (stat(path, about) != 0) {
        *about = (struct stat){0};
        return GP_OK;
    }
    bool writable = (about->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) && access(path, W_OK) == 0;
    return writable ? GP_OK : gp_fail(err, GP_ERR_IO, "the file is read-only");
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Copies group and extended attributes of the file that is about to be replaced. */
static void keep_attributes(const char *path, gp_atomic_file *file)
{
    int old = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (old < 0) return;
    gp_atomic_file_copy_attributes(file, old);
    close(old);
}

/* Replaces the file that had the status `before`, which is zero for a new file. Fails if another program has changed
 * or created the file meanwhile. */
static gp_status replace_file(const char *path, const gp_str *bytes, const struct stat *before, bool keep_time,
                              gp_error *err)
{
    gp_atomic_file *file = NULL;
    struct stat now;
    bool new = before->st_ino == 0;
    GP_TRY(gp_atomic_file_open(path, &file, err));
    gp_status st = gp_atomic_file_write(file, bytes->data, bytes->size, err);
    if (st == GP_OK && !new) keep_attributes(path, file);
    if (st == GP_OK && keep_time && !new) st = gp_atomic_file_set_time(file, before->st_mtim, err);
    if (st == GP_OK) st = gp_atomic_file_sync(file, err); /* first, so that little time is left after the check */
    if (st == GP_OK && !new && (stat(path, &now) != 0 || !same_file(before, &now)))
        st = gp_fail(err, GP_ERR_IO, "another program changed the file at the same time");
    if (st != GP_OK) {
        gp_atomic_file_abort(file);
        return st;
    }
    st = new ? gp_atomic_file_commit_new(file, err) : gp_atomic_file_commit(file, err);
    return st == GP_ERR_STOPPED ? gp_fail(err, GP_ERR_IO, "another program created '%s' at the same time", path) : st;
}

/* ------------------------------------------------------------------ a file beside the image */

/* Writes which image a new file in Adobe's style belongs to, as Camera Raw does. */
static gp_status name_extension(gp_str *packet, const char *image, gp_error *err)
{
    static const gp_xmp_property property = {"http://ns.adobe.com/photoshop/1.0/", "photoshop", "SidecarForExtension"};
    char extension[16] = "";
    const char *own = gp_path_extension(image);
    for (size_t i = 0; *own && own[i + 1] && i + 1 < sizeof extension; i++)
        extension[i] = own[i + 1] >= 'a' && own[i + 1] <= 'z' ? (char)(own[i + 1] - 32) : own[i + 1];
    return *extension ? gp_xmp_set(packet, &property, extension, err) : GP_OK;
}

static gp_status check_adobe(const char *image, const gp_str *packet, gp_error *err)
{
    gp_xmp_marks marks;
    GP_TRY(gp_xmp_marks_read(packet->data, packet->size, &marks, err));
    gp_status st = gp_sidecar_check(image, &marks, err);
    gp_xmp_marks_clear(&marks);
    return st;
}

/* Merges the wish into the packet. *changed: the packet is another one now. */
static gp_status merge(gp_str *packet, bool sidecar, const gp_xmp_wish *wish, outcome *out, gp_error *err)
{
    gp_str before = GP_STR_INIT;
    gp_str_add(&before, packet->data, packet->size);
    gp_status st =
        before.failed ? gp_fail_memory(err, "an XMP packet") : gp_xmp_merge(packet, sidecar, wish, &out->kept, err);
    if (st == GP_OK) out->changed = before.size != packet->size || memcmp(before.data, packet->data, before.size) != 0;
    gp_str_clear(&before);
    return st;
}

static gp_status write_sidecar(const writing *w, const char *image, const gp_xmp_wish *wish, outcome *out,
                               gp_error *err)
{
    bool adobe = w->options->place == GP_RATINGS_ADOBE, exists = false;
    char *path = gp_sidecar_path(image, adobe);
    gp_str packet = GP_STR_INIT;
    struct stat before;
    gp_status st = path ? GP_OK : gp_fail_memory_path(err, "'%s'", image);
    if (st != GP_OK) goto out;
    GP_TRY_GOTO(check_writable(path, &before, err));
    GP_TRY_GOTO(gp_sidecar_read(path, &packet, &exists, err));
    if (adobe) GP_TRY_GOTO(check_adobe(image, &packet, err));
    GP_TRY_GOTO(merge(&packet, true, wish, out, err));
    if (adobe && !exists) GP_TRY_GOTO(name_extension(&packet, image, err));
    if (out->changed && !w->options->dry_run) st = replace_file(path, &packet, &before, false, err);
out:
    gp_str_clear(&packet);
    gp_mem_free(path);
    return st;
}

/* ------------------------------------------------------------------ the image file itself */

/* The signature of Content Credentials covers all bytes of the file. */
static gp_status check_credentials(const gp_bytes *bytes, gp_error *err)
{
    gp_chunks chunks = {0};
    GP_TRY(gp_image_read_chunks(bytes->data, bytes->size, &chunks, err));
    bool credentials = gp_chunks_find(&chunks, "c2pa") != NULL;
    gp_chunks_clear(&chunks);
    return credentials ? gp_fail(err, GP_ERR_UNSUPPORTED,
                                 "its Content Credentials (C2PA) would become invalid: write a sidecar file instead")
                       : GP_OK;
}

static gp_status check_pixels(const gp_bytes *before, const gp_str *after, gp_error *err)
{
    gp_hash old, new;
    bool old_known = false, new_known = false;
    GP_TRY(gp_image_stream(before->data, before->size, &old, &old_known, err));
    GP_TRY(gp_image_stream((const uint8_t *)after->data, after->size, &new, &new_known, err));
    bool same = old_known && new_known && memcmp(&old, &new, sizeof old) == 0;
    return same ? GP_OK : gp_fail(err, GP_ERR_FORMAT, "its pixel data cannot be read completely");
}

/* Records the new content of the path, so that marks, scores and embeddings stay with it. */
static gp_status record(const writing *w, const char *path, const gp_rated_image *image, const gp_str *bytes,
                        gp_error *err)
{
    struct stat about;
    gp_image_info head;
    gp_hash stream;
    bool has_stream, inserted;
    int64_t id;
    if (stat(path, &about) != 0) return gp_fail(err, GP_ERR_IO, "the file is gone");
    const uint8_t *data = (const uint8_t *)bytes->data;
    GP_TRY(gp_image_read_info(data, bytes->size, &head, err));
    GP_TRY(gp_image_stream(data, bytes->size, &stream, &has_stream, err));
    gp_cat_image new = {.hash = gp_hash_of(data, bytes->size),
                        .bytes = bytes->size,
                        .format = gp_image_format_name(head.format),
                        .width = head.width,
                        .height = head.height,
                        .orientation = head.orientation,
                        .stream = has_stream ? &stream : NULL,
                        .apart = image->apart,
                        .same_as = image->id};
    return gp_cat_image_put(w->cat, &new, path, (uint64_t)about.st_size,
                            (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec, &id, &inserted, err);
}

static gp_status embed(const writing *w, const gp_rated_image *image, const gp_rated_file *file,
                       const gp_xmp_wish *wish, outcome *out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_str packet = GP_STR_INIT, made = GP_STR_INIT;
    struct stat before;
    gp_status st;
    GP_TRY_GOTO(check_writable(file->path, &before, err));
    GP_TRY_GOTO(gp_file_read(file->path, FILE_LIMIT, &bytes, err));
    gp_hash hash = gp_hash_of(bytes.data, bytes.size);
    if (memcmp(&hash, &file->hash, sizeof hash) != 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "the file has changed since it was added: run `goldpan add`"));
    GP_TRY_GOTO(check_credentials(&bytes, err));
    GP_TRY_GOTO(gp_packet_read(bytes.data, bytes.size, &packet, err));
    GP_TRY_GOTO(merge(&packet, false, wish, out, err));
    if (!out->changed) goto out;
    GP_TRY_GOTO(gp_packet_write(bytes.data, bytes.size, &packet, &made, err));
    GP_TRY_GOTO(check_pixels(&bytes, &made, err));
    if (w->options->dry_run) goto out;
    GP_TRY_GOTO(replace_file(file->path, &made, &before, w->options->keep_time, err));
    st = record(w, file->path, image, &made, err);
out:
    gp_str_clear(&made);
    gp_str_clear(&packet);
    gp_bytes_clear(&bytes);
    return st;
}

/* ------------------------------------------------------------------ all files */

static gp_status write_file(const writing *w, const gp_rated_image *image, const gp_rated_file *file,
                            const gp_xmp_wish *wish, gp_error *err)
{
    gp_error why = {0};
    outcome out = {0};
    gp_status st = w->options->place == GP_RATINGS_EMBED ? embed(w, image, file, wish, &out, &why)
                                                         : write_sidecar(w, file->path, wish, &out, &why);
    if (st == GP_ERR_MEMORY || st == GP_ERR_CATALOG || st == GP_ERR_STOPPED) return gp_fail_as(err, st, &why);
    if (st != GP_OK) {
        w->report->failed++;
        gp_failure failure = {file->path, "ratings", gp_error_beside(&why, file->path), gp_error_passes(&why)};
        if (w->options->failed) w->options->failed(w->options->user, &failure);
        return GP_OK;
    }
    w->report->kept += out.kept;
    if (out.changed)
        w->report->done++;
    else
        w->report->unchanged++;
    return GP_OK;
}

static gp_status write_image(const writing *w, const gp_rated_image *image, gp_error *err)
{
    gp_xmp_wish wish = {.flag = image->flag, .stars = image->stars, .replace = w->options->replace};
    char *room = NULL;
    const char **tags = NULL;
    if (!image->flag && !image->stars && !image->tags) {
        w->report->without++;
        return GP_OK;
    }
    gp_status st = gp_rated_tags(image->tags, &room, &tags, &wish.count, err);
    wish.tags = tags;
    for (size_t i = 0; st == GP_OK && i < image->count; i++) st = write_file(w, image, &image->files[i], &wish, err);
    gp_mem_free(tags);
    gp_mem_free(room);
    return st;
}

gp_status gp_ratings_give(gp_catalog *cat, const gp_ratings_options *o, gp_ratings_report *report, gp_error *err)
{
    writing w = {cat, o, report};
    gp_selection selection = {0};
    gp_progress_meter meter;
    gp_status st;
    GP_TRY_GOTO(gp_selection_read(cat, o, &selection, err));
    gp_progress_meter_init(&meter, "ratings", selection.count, o->progress, o->user);
    for (size_t i = 0; i < selection.count; i++) {
        GP_TRY_GOTO(write_image(&w, &selection.images[i], err));
        if (!gp_progress_meter_update(&meter, i + 1, report->failed))
            GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
    gp_progress_meter_finish(&meter);
out:
    gp_selection_clear(&selection);
    return st;
}
