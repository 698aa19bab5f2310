/* SPDX-License-Identifier: MIT
 * Stage add: walk the folders, read each file (hash, header, metadata, prompt), write to the catalog.
 *
 * One thread walks. Worker threads read and parse. The calling thread asks the catalog which files are new, and writes.
 * A known file (same path, size and time) is read again only if its table row or its sidecar file has changed, or if an
 * older version of the readers of metadata read it. Priority of prompts: table, then metadata inside the file, then
 * sidecar file, then the path, then a guess from metadata. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "metadata/meta.h"
#include "metadata/clean_prompt.h"
#include "ingest/walk.h"
#include "stage/add_notes.h"
#include "stage/add_private.h"
#include "stage/apart.h"
#include "encode/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT  ((uint64_t)1 << 30)
#define FOUND_AHEAD 1024    /* maximum number of files that the walk has found and no worker has read yet */
enum { FEWEST_BYTES = 32 }; /* a shorter file is no image, but may be the beginning of one */
/* A transaction is committed when it has at least this many files and is at least this many seconds old. Hashes are
 * random, so each file changes another page of the index of hashes. A commit writes each changed page once, so larger
 * transactions write fewer pages per file. */
#define FILES_PER_COMMIT 256
#define COMMIT_SECONDS   0.5

/* ------------------------------------------------------------------ reading a file (workers) */

/* Sets job->partial if the end of the file is missing: the data of the pixels has no end, and decoding fails too. */
static gp_status check_end(const gp_add_run *r, gp_add_job *job, const gp_bytes *bytes, gp_error *err)
{
    gp_pixels pixels = {0};
    gp_error why = {0};
    /* the stream of a BMP or JPEG XL file does not tell where its data ends */
    const bool ends = job->head.format != GP_FORMAT_BMP && job->head.format != GP_FORMAT_JXL;
    if (!r->how->partial || (ends && job->identity.has_stream)) return GP_OK;
    gp_status st = gp_image_decode_bytes(bytes->data, bytes->size, r->max_pixels, &pixels, &why);
    gp_pixels_clear(&pixels);
    job->partial = st == GP_ERR_FORMAT;
    return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &why) : GP_OK;
}

static gp_status read_file(const gp_add_run *r, gp_add_job *job, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_file_read(job->path, FILE_LIMIT, &bytes, err));
    GP_TRY_GOTO(gp_image_read_info(bytes.data, bytes.size, &job->head, err));
    uint64_t pixels = (uint64_t)job->head.width * job->head.height;
    if (pixels > r->max_pixels)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT, "%ux%u pixels is over the limit of %llu (--max-pixels)", job->head.width,
                            job->head.height, (unsigned long long)r->max_pixels));
    job->hash = gp_hash_of(bytes.data, bytes.size);
    job->size = bytes.size;
    GP_TRY_GOTO(gp_identity_read(&job->identity, &job->hash, &job->head, bytes.data, bytes.size, r->max_pixels, err));
    GP_TRY_GOTO(check_end(r, job, &bytes, err));
    GP_TRY_GOTO(gp_add_find_prompt(r, job, &bytes, err));
    GP_TRY_GOTO(
        gp_apart_is_grid(job->path, &job->head, job->settings, bytes.data, bytes.size, r->max_pixels, &job->grid, err));
out:
    gp_bytes_clear(&bytes);
    return st;
}

static void work_file(void *user, int thread, void *data)
{
    (void)thread;
    gp_add_job *job = data;
    if (job->problem) {
        gp_fail(&job->error, GP_ERR_IO, "%s", job->problem);
        job->error.number = job->problem_number;
    } else
        job->ok = read_file(user, job, &job->error) == GP_OK;
}

/* ------------------------------------------------------------------ the calling thread */

/* Sets *same if the catalog already has the prompt and the settings of the file's table row. */
static gp_status row_is_kept(const gp_add_run *r, const gp_add_job *job, const gp_cat_kept_prompt *kept, bool *same,
                             gp_error *err)
{
    const char *source = kept->source;
    gp_str room = GP_STR_INIT;
    *same = false;
    if (kept->strength != GP_STRENGTH_TABLE) return GP_OK;
    const char *cell = gp_add_prompt_cell(r, job->row, &room);
    bool said = cell && strcmp(cell, kept->raw) == 0;
    gp_str_clear(&room);
    if (!said) return GP_OK;
    if (strncmp(source, "table:", 6) != 0 || strcmp(source + 6, gp_table_name(r->table)) != 0) return GP_OK;
    gp_str extras = GP_STR_INIT;
    gp_add_put_extras(r, job->row, &extras);
    gp_str_putc(&extras, '}'); /* stored settings end with the table's columns, and with the closing brace */
    size_t size = kept->settings_json ? strlen(kept->settings_json) : 0;
    *same = !extras.failed && size > extras.size && strcmp(kept->settings_json + size - extras.size, extras.data) == 0;
    bool failed = extras.failed;
    gp_str_clear(&extras);
    return failed ? gp_fail_memory_path(err, "the settings of '%s'", job->path) : GP_OK;
}

/* Sets *same if neither a sidecar file nor the path has a prompt, or if the catalog already has that prompt. */
static gp_status sidecar_is_kept(gp_add_run *r, const gp_add_job *job, const gp_cat_kept_prompt *kept, bool *same,
                                 gp_error *err)
{
    gp_add_job probe = {.path = job->path};
    gp_meta meta = {0};
    gp_status st = gp_add_find_beside(r, job->path, &probe.beside, err);
    if (st == GP_OK) st = gp_add_prompt_beside(&probe, &meta, err);
    if (st == GP_OK && !probe.prompt) st = gp_add_prompt_from_path(r, &probe, &meta, err);
    bool weaker = gp_add_is_from("name:", probe.source) && gp_add_is_from("sidecar", kept->source);
    *same = st == GP_OK && (!probe.raw || weaker ||
                            (kept->paths == 1 && kept->raw && strcmp(probe.raw, kept->raw) == 0 &&
                             strcmp(probe.source, kept->source) == 0));
    gp_meta_clear(&meta);
    gp_meta_clear(&probe.beside);
    gp_mem_free(probe.refused);
    gp_add_forget_prompt(&probe);
    return st;
}

/* Sets *known if the catalog already has everything about this file. Sets job->outdated if the file is known, but older
 * readers read it. If an image has several paths, a file with a sidecar file or table row is read again, because the
 * first path with a prompt counts. */
static gp_status is_known(gp_add_run *r, gp_add_job *job, bool *known, gp_error *err)
{
    int64_t image = 0;
    int readers = GP_META_READERS;
    gp_cat_kept_prompt kept = {0};
    gp_status st = GP_OK;
    *known = false;
    if (job->problem) return GP_OK;
    GP_TRY(gp_cat_path_known(r->cat, job->path, job->size, job->mtime_ns, &image, &readers, err));
    job->outdated = readers < GP_META_READERS;
    if (image == 0 || job->outdated) return GP_OK;
    GP_TRY(gp_cat_prompt_get(r->cat, image, &kept, err));
    if (job->row != SIZE_MAX && kept.paths == 1)
        st = row_is_kept(r, job, &kept, known, err);
    else if (job->row == SIZE_MAX && kept.strength >= GP_STRENGTH_METADATA)
        *known = true;
    else if (job->row == SIZE_MAX)
        st = sidecar_is_kept(r, job, &kept, known, err);
    if (*known && !kept.raw) r->report->without_prompt++;
    if (*known && kept.guess) r->report->guesses++;
    gp_cat_kept_prompt_clear(&kept);
    return st;
}

static bool report_progress(gp_add_run *r)
{
    const gp_report *n = r->report;
    return gp_progress_meter_update(&r->ticker, n->done + n->skipped + n->failed, n->failed);
}

static gp_status next_file(void *user, void **out, gp_error *err)
{
    gp_add_run *r = user;
    void *item;
    while (!r->ticker.stopped && gp_queue_get(r->found, &item)) {
        gp_add_job *job = item;
        bool known = false;
        gp_name_values values;
        r->unnamed += r->names.count && !job->problem && !gp_name_match(&r->names, job->path, &values);
        job->row = r->table ? gp_rows_find(&r->rows, job->path) : SIZE_MAX;
        gp_status st = is_known(r, job, &known, err);
        if (st == GP_OK && !known && !job->problem) st = gp_add_find_beside(r, job->path, &job->beside, err);
        if (st == GP_OK && !known) st = gp_cat_content_at(r->cat, job->path, &job->identity.before, err);
        if (st != GP_OK || known) gp_add_job_free(job);
        if (st != GP_OK) return st;
        if (!known) {
            *out = job;
            return GP_OK;
        }
        r->report->skipped++;
        report_progress(r);
    }
    return r->ticker.stopped ? gp_fail(err, GP_ERR_STOPPED, "stopped") : GP_OK;
}

static gp_status commit(gp_add_run *r, gp_error *err)
{
    if (!r->in_transaction) return GP_OK;
    r->in_transaction = false;
    r->uncommitted = 0;
    return gp_cat_commit(r->cat, err);
}

/* A search for other paths of the same image that have their own prompt. */
typedef struct rivals {
    gp_add_run *r;
    const gp_add_job *job;
    bool any, earlier; /* any: such a path exists; earlier: such a path sorts before the job's path */
    gp_status status;
} rivals;

static bool check_rival(void *user, const char *path)
{
    rivals *v = user;
    gp_str room = GP_STR_INIT;
    bool has = false;
    if (access(path, F_OK) != 0) return true;
    if (v->job->strength == GP_STRENGTH_TABLE) {
        size_t row = gp_rows_find(&v->r->rows, path);
        const char *cell = row == SIZE_MAX ? NULL : gp_add_prompt_cell(v->r, row, &room);
        has = cell && *cell;
        if (room.failed) v->status = GP_ERR_MEMORY;
    } else {
        gp_add_job probe = {.path = (char *)(uintptr_t)path};
        gp_meta meta = {0};
        gp_name_values values;
        gp_status st = gp_add_find_beside(v->r, path, &probe.beside, NULL);
        if (st == GP_OK) st = gp_add_prompt_beside(&probe, &meta, NULL);
        has = (st == GP_OK && probe.prompt) ||
              (gp_add_is_from("name:", v->job->source) && gp_name_match(&v->r->names, path, &values));
        if (st == GP_ERR_MEMORY) v->status = st;
        gp_meta_clear(&meta);
        gp_meta_clear(&probe.beside);
        gp_mem_free(probe.refused);
        gp_add_forget_prompt(&probe);
    }
    gp_str_clear(&room);
    v->any |= has;
    v->earlier |= has && strcmp(path, v->job->path) < 0;
    return !v->earlier && v->status == GP_OK;
}

/* If an image has several paths with different prompts, the prompt of the first path is used. *later: this is not the
 * first path, or the job's prompt is from the path and the image has a prompt from a sidecar file. */
static gp_status check_rivals(gp_add_run *r, const gp_add_job *job, int64_t image, bool *later, gp_error *err)
{
    gp_cat_kept_prompt kept = {0};
    rivals v = {.r = r, .job = job};
    *later = false;
    GP_TRY(gp_cat_prompt_get(r->cat, image, &kept, err));
    bool differs = kept.paths > 1 && kept.strength == job->strength && kept.raw && strcmp(kept.raw, job->raw) != 0;
    *later = gp_add_is_from("name:", job->source) && kept.strength == job->strength &&
             gp_add_is_from("sidecar", kept.source);
    gp_cat_kept_prompt_clear(&kept);
    if (!differs || *later) return GP_OK;
    GP_TRY(gp_cat_other_paths(r->cat, image, job->path, check_rival, &v, err));
    if (v.status != GP_OK) return gp_fail_memory_path(err, "the prompt of '%s'", job->path);
    *later = v.earlier;
    r->rivals += v.earlier || (v.any && image != job->identity.before.image);
    return GP_OK;
}

/* Records the prompt. If the file has no prompt, records this too, because an older version of goldpan may have found a
 * prompt in the same bytes. */
static gp_status write_prompt(gp_add_run *r, const gp_add_job *job, int64_t image, bool inserted, gp_error *err)
{
    int64_t before = 0, after = 0;
    bool later = false, beside = job->strength == GP_STRENGTH_SIDECAR || job->strength == GP_STRENGTH_TABLE;
    if (!inserted && job->prompt && beside) GP_TRY(check_rivals(r, job, image, &later, err));
    if (later) return GP_OK;
    const bool settings = job->settings && strcmp(job->settings, "{}") != 0, has_prompt = job->prompt != NULL;
    gp_cat_prompt prompt = {.text = job->prompt,
                            .raw = job->raw,
                            .negative = job->negative,
                            .source = job->source ? job->source : "table",
                            .strength = job->strength,
                            .settings_json = has_prompt || settings || job->source ? job->settings : NULL,
                            .evidence = gp_evidence_name(job->evidence),
                            .file_read = &job->hash};
    if (job->outdated) GP_TRY(gp_cat_prompt_of(r->cat, image, &before, err));
    GP_TRY(gp_cat_prompt_put(r->cat, image, &prompt, NULL, err));
    if (job->outdated || !has_prompt) GP_TRY(gp_cat_prompt_of(r->cat, image, &after, err));
    if (job->evidence == GP_EVIDENCE_GUESS) r->report->guesses++;
    if (!has_prompt && !after) r->report->without_prompt++;
    r->reread.files += job->outdated;
    r->reread.prompts += before != after && job->outdated;
    return GP_OK;
}

/* Returns true if the file is left out because another program may still be writing it. */
static bool is_unfinished(const gp_add_run *r, const gp_add_job *job)
{
    const gp_add_how *how = r->how;
    const bool unreadable =
        !job->ok && !job->problem && (job->error.status == GP_ERR_FORMAT || job->size < FEWEST_BYTES);
    gp_walk_entry file = {job->path, job->size, job->mtime_ns, job->listed};
    return how->partial && (job->partial || unreadable) && how->partial(how->user, &file, unreadable);
}

static gp_status write_file(gp_add_run *r, const gp_add_job *job, gp_error *err)
{
    if (is_unfinished(r, job)) return GP_OK;
    if (!job->ok) {
        r->report->failed++;
        if (r->how->failed) r->how->failed(r->how->user, job->path);
        return gp_cat_failure_put(r->cat, job->path, job->size, job->mtime_ns, 0, "add",
                                  gp_error_beside(&job->error, job->path), gp_error_passes(&job->error), err);
    }
    bool own = job->own;
    if (!own && job->listed) GP_TRY(gp_cat_image_near(r->cat, &job->hash, job->path, &own, err));
    if (own) {
        gp_passed_add(&r->passed, &(gp_walk_passed){job->path, GP_PASSED_OWN, NULL});
        return gp_cat_path_gone(r->cat, job->path, err);
    }
    gp_add_count_kind(&r->kinds, &job->head, job->grid);
    const gp_identity *identity = &job->identity;
    gp_cat_image image = {.hash = job->hash,
                          .bytes = job->size,
                          .format = gp_image_format_name(job->head.format),
                          .width = job->head.width,
                          .height = job->head.height,
                          .orientation = job->head.orientation,
                          .stream = identity->has_stream ? &identity->stream : NULL,
                          .pixels = identity->has_pixels ? &identity->pixels : NULL,
                          .apart = job->grid ? "grid" : NULL,
                          .same_as = identity->same_as,
                          .readers = GP_META_READERS};
    int64_t id = 0;
    bool inserted = false;
    GP_TRY(gp_cat_image_put(r->cat, &image, job->path, job->size, job->mtime_ns, &id, &inserted, err));
    GP_TRY(write_prompt(r, job, id, inserted, err));
    r->from_beside += job->from_beside;
    r->damaged += job->damaged;
    r->broken += job->broken;
    r->unstated += job->unstated;
    r->refused_count += job->refused != NULL;
    if (job->refused && !r->refused && !(r->refused = gp_str_dup(job->refused))) return gp_fail_memory(err, "a note");
    /* true: the path already belonged to this image, so at most the metadata in the file has changed */
    bool stayed = id == identity->before.image;
    if (!stayed && !inserted) r->report->duplicates++;
    if (stayed)
        r->report->skipped++;
    else
        r->report->done++;
    if (r->how->added) r->how->added(r->how->user, job->path, id);
    return GP_OK;
}

static gp_status take_file(void *user, void *data, gp_error *err)
{
    gp_add_run *r = user;
    gp_add_job *job = data;
    gp_status st = GP_OK;
    if (job->error.status == GP_ERR_MEMORY) GP_TRY_GOTO(gp_fail_as(err, GP_ERR_MEMORY, &job->error));
    if (!r->in_transaction) {
        GP_TRY_GOTO(gp_cat_begin(r->cat, err));
        r->begun = gp_clock_now();
    }
    r->in_transaction = true;
    GP_TRY_GOTO(write_file(r, job, err));
    if (++r->uncommitted >= FILES_PER_COMMIT && gp_clock_now() - r->begun >= COMMIT_SECONDS)
        GP_TRY_GOTO(commit(r, err));
    if (!report_progress(r)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_add_job_free(job);
    return st;
}

static void drop_file(void *user, void *job)
{
    (void)user;
    gp_add_job_free(job);
}

/* Returns false only if the file certainly does not exist. If the folder or the disk cannot be read, returns true. */
static bool path_exists(void *user, const char *path)
{
    (void)user;
    return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* Like path_exists, but does not follow a link: a broken link exists. */
static bool name_exists(void *user, const char *path)
{
    struct stat st;
    (void)user;
    return lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

gp_status gp_stage_find_missing(gp_catalog *cat, gp_error *err)
{
    return gp_cat_paths_mark_missing(cat, path_exists, NULL, NULL, err);
}

static gp_status forget_failures(const gp_add_run *r, gp_error *err)
{
    gp_status st = GP_OK;
    for (size_t i = 0; i < r->options->root_count && st == GP_OK; i++) {
        char *root = gp_path_absolute(r->options->roots[i]);
        st = root ? gp_cat_failures_forget(r->cat, root, err)
                  : gp_fail_memory_path(err, "the path '%s'", r->options->roots[i]);
        gp_mem_free(root);
    }
    return st;
}

static void note_metadata(const gp_add_run *r)
{
    gp_add_note_refused(r->options, r->refused_count, r->refused);
    gp_add_note_images(r->options, "unnamed", r->unnamed,
                       "has a path that does not match --prompt-from: only its other sources of prompts count",
                       "have paths that do not match --prompt-from: only their other sources of prompts count");
    gp_add_note_unsure(r->options, r->report->guesses, r->broken, r->unstated);
    gp_add_note_rivals(r->options, r->rivals);
    gp_add_note_damaged(r->options, r->damaged);
    gp_add_note_reread(r->options, r->reread.files, r->reread.prompts);
}

static bool on_table_progress(void *user)
{
    return report_progress(user);
}

/* Sets r->has_nans if prompts such as "nan" are missing values, that is, if the table also has other prompts. */
static gp_status find_nans(gp_add_run *r, gp_watch *watch, gp_error *err)
{
    uint64_t nans = 0, others = 0;
    const char *first = "", *name = gp_table_column(r->table, r->prompt_column);
    for (size_t row = 0; row < gp_table_rows(r->table); row++) {
        const char *cell = gp_table_cell(r->table, row, r->prompt_column);
        if (cell && gp_table_is_nan(cell)) {
            if (!nans++) first = cell;
        } else
            others += cell && *cell;
        GP_TRY(gp_watch_work(watch, 256, err));
    }
    r->has_nans = nans && others;
    if (r->has_nans)
        gp_note_say(r->options->note, r->options->note_user, "table-nan", nans,
                    "'%s': %llu %s of '%s' %s '%s', as pandas writes a missing value, and %s as empty",
                    gp_table_name(r->table), (unsigned long long)nans, gp_plural(nans, "cell", "cells"), name,
                    gp_plural(nans, "says", "say"), first, gp_plural(nans, "counts", "count"));
    return GP_OK;
}

/* Reads the table and matches its rows to images. */
static gp_status open_table(gp_add_run *r, gp_error *err)
{
    const gp_add_options *o = r->options;
    gp_watch watch = {.go_on = on_table_progress, .user = r};
    if (!o->prompts) return GP_OK;
    if (!r->table) GP_TRY(gp_table_read(o->prompts, &watch, &r->table, err));
    gp_table_notes(r->table, o->note, o->note_user);
    GP_TRY(gp_table_roles(r->table, o->image_column, o->prompt_column, &r->image_column, &r->prompt_column, err));
    GP_TRY(gp_rows_of_roots(&r->rows, r->table, r->image_column, o->roots, o->root_count, &watch, err));
    gp_rows_notes(&r->rows, r->table, r->image_column, o->note, o->note_user);
    GP_TRY(find_nans(r, &watch, err));
    return GP_OK;
}

/* Sends the notes about skipped, missing and unexpected files. */
static void send_notes(const gp_add_run *r)
{
    const gp_add_options *o = r->options;
    const gp_report *n = r->report;
    uint64_t images = n->done + n->skipped;
    const char *root = o->roots[0], *more = o->root_count > 1 ? " and the other paths" : "";
    gp_passed_tell(&r->passed, o->note, o->note_user);
    gp_add_note_kinds(o, &r->kinds);
    if (r->lost || r->gone.picks)
        gp_note_say(o->note, o->note_user, "missing", r->gone.images,
                    "%llu known %s missing now, in '%s'%s: scores%s stay, and count again when the files"
                    " are back",
                    (unsigned long long)r->gone.images, gp_plural(r->gone.images, "image is", "images are"),
                    r->gone.folder, r->gone.folders > 1 ? " and elsewhere" : "",
                    r->gone.picks ? ", stars and picks" : " and stars");
    if (images == 0 && n->failed == 0 && gp_passed_nothing(&r->passed))
        gp_note_say(o->note, o->note_user, "empty-folder", 0,
                    "there are no files in '%s'%s: name the folder of the images, or check whether a disk is missing",
                    root, more);
    else if (images == 0 && n->failed == 0)
        gp_note_say(o->note, o->note_user, "no-images", 0,
                    "there are no images that goldpan reads in '%s'%s: name the folder of the images", root, more);
    else if (images && n->without_prompt == images)
        gp_add_note_no_prompts(o, images);
}

/* Searches the catalog for paths whose files no longer exist, and brings back marks of images that are there again. */
static gp_status sweep(gp_add_run *r, gp_error *err)
{
    const gp_add_options *o = r->options;
    if (r->how->files) return GP_OK;
    GP_TRY(gp_cat_paths_mark_missing(r->cat, path_exists, NULL, &r->lost, err));
    GP_TRY(gp_cat_failures_sweep(r->cat, name_exists, NULL, err));
    GP_TRY(gp_gone_read(r->cat, &r->gone, err));
    return gp_stage_import_marks(r->cat, o->note, o->note_user, err);
}

static gp_status add_table(gp_catalog *cat, const gp_add_options *options, const gp_add_how *how, gp_table *table,
                           gp_rows_of *rows, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    gp_add_run r = {.cat = cat, .options = options, .how = how, .table = table, .report = &counts};
    gp_threads *walker = NULL;
    gp_status st = GP_OK;
    r.max_pixels = options->max_pixels ? options->max_pixels : GP_MAX_PIXELS;
    int threads = gp_pipeline_threads(options->threads);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 4,
                        .next = next_file,
                        .work = work_file,
                        .take = take_file,
                        .drop = drop_file};
    gp_passed_init(&r.passed);
    gp_progress_meter_init(&r.ticker, "add", 0, options->progress, options->user);
    if (options->prompt_from) GP_TRY_GOTO(gp_name_pattern_read(options->prompt_from, &r.names, err));
    GP_TRY_GOTO(open_table(&r, err));
    GP_TRY_GOTO(gp_beside_new(options->prompts, &r.beside, err));
    if (!how->files) GP_TRY_GOTO(forget_failures(&r, err));
    GP_TRY_GOTO(gp_queue_new(FOUND_AHEAD, &r.found, err));
    GP_TRY_GOTO(gp_threads_start(1, gp_add_walk_thread, &r, &walker, err));
    st = gp_pipeline_run(&pipe, &r, err);
    if (st == GP_OK || st == GP_ERR_STOPPED) {
        gp_status saved = commit(&r, err);
        if (saved != GP_OK) st = saved;
    } else {
        gp_cat_rollback(cat);
    }
out:
    if (r.found) gp_queue_close(r.found);
    for (void *item; r.found && gp_queue_get(r.found, &item);) gp_add_job_free(item);
    gp_threads_join(walker);
    if (st == GP_OK && r.walk_status != GP_OK) st = gp_fail_as(err, r.walk_status, &r.walk_error);
    if (st == GP_OK) st = sweep(&r, err);
    if (st == GP_OK) gp_progress_meter_finish(&r.ticker);
    if (st == GP_OK) gp_beside_notes(r.beside, r.from_beside, options->note, options->note_user);
    if (st == GP_OK && !how->files) send_notes(&r);
    if (st == GP_OK) note_metadata(&r);
    gp_beside_free(r.beside);
    gp_passed_clear(&r.passed);
    gp_mem_free(r.refused);
    for (size_t i = 0; st == GP_OK && r.table && i < gp_table_rows(r.table); i++)
        counts.rows_without_image += !r.rows.seen[i];
    if (st == GP_OK && r.table) counts.rows_without_image -= r.rows.counts.repeated;
    gp_queue_free(r.found);
    if (!table) gp_table_close(r.table);
    *rows = r.rows;
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}

static const gp_add_how usual;

gp_status gp_stage_add_table(gp_catalog *cat, const gp_add_options *options, gp_table *table, gp_rows_of *rows,
                             gp_report *report, gp_error *err)
{
    return add_table(cat, options, &usual, table, rows, report, err);
}

gp_status gp_stage_add_how(gp_catalog *cat, const gp_add_options *options, const gp_add_how *how, gp_report *report,
                           gp_error *err)
{
    gp_rows_of rows = {0};
    gp_status st = add_table(cat, options, how, NULL, &rows, report, err);
    gp_rows_clear(&rows);
    return st;
}

gp_status gp_stage_add(gp_catalog *cat, const gp_add_options *options, gp_report *report, gp_error *err)
{
    return gp_stage_add_how(cat, options, &usual, report, err);
}
