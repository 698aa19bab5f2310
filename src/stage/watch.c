/* SPDX-License-Identifier: MIT
 * Adds and scores images while other programs write them. The watcher's thread collects the files; the calling thread
 * takes them in batches. For each batch it adds the files, scores their images, and reports the new scores. When no
 * file is waiting, it scores a part of the images that lack a score from before.
 *
 * A batch has as many files as goldpan scores in about BATCH_SECONDS, so a new image does not wait long behind others.
 * Whatever may have been missed is found by searching the folders, as `add` does: at the start, after an overflow of
 * the queue, and when a folder is back. */
#include "stage/watch_stage.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "stage/add_how.h"
#include "stage/scoring.h"
#include "stage/stage.h"
#include "watch/lock.h"
#include "watch/watcher.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double batch_seconds = 1, pick_seconds = 10, wait_seconds = 0.1;
static const double patience = 10; /* seconds after which a file that is no image counts as failed */
enum { MOST_UNFINISHED = 1024, GAP = 1000 /* ids; images in a smaller gap are scored too */, MOST_BATCH = 4096 };

/* A file that another program may still be writing. */
typedef struct unfinished {
    char *path; /* owned */
    double since;
} unfinished;

/* A list of images, by id. */
typedef struct id_list {
    int64_t *ids;
    size_t count, capacity;
    bool failed; /* memory ran out */
} id_list;

typedef struct watch_run {
    gp_catalog *cat;
    const gp_watch_parts *o;
    gp_watcher *watcher;
    gp_scoring *scoring;
    gp_watch_report *n;
    id_list added, scored;
    unfinished files[MOST_UNFINISHED];
    size_t file_count;
    int64_t backlog_after; /* images with a larger id may lack a score; INT64_MAX: none does */
    double rate;           /* images per second; 0: unknown */
    double begun, active, picked_at, idle_seconds;
    bool must_pick, new_scores, stopped, searched;
    uint64_t table_size; /* state of the prompt table */
    int64_t table_mtime_ns;
} watch_run;

static void push_id(id_list *list, int64_t id)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        void *grown = gp_mem_resize(list->ids, capacity, sizeof *list->ids);
        if (!grown) {
            list->failed = true;
            return;
        }
        list->ids = grown, list->capacity = capacity;
    }
    list->ids[list->count++] = id;
}

/* Returns the number of images of a batch. */
static size_t batch_size(const watch_run *r)
{
    size_t least = (size_t)gp_scoring_batch(r->scoring);
    double wanted = r->rate * batch_seconds;
    return wanted <= (double)least ? least : wanted >= MOST_BATCH ? MOST_BATCH : (size_t)wanted;
}

/* ------------------------------------------------------------------ progress */

static bool report(watch_run *r)
{
    double now = gp_clock_now();
    gp_progress p = {.stage = "watch",
                     .done = r->n->scored,
                     .failed = r->n->failed,
                     .seconds = now - r->begun,
                     .waiting = r->idle_seconds};
    if (r->o->progress && !r->o->progress(r->o->user, &p)) r->stopped = true;
    return !r->stopped;
}

/* The progress of the stages. */
static bool on_progress(void *user, const gp_progress *progress)
{
    (void)progress;
    return report(user);
}

static void say(const watch_run *r, const char *code, uint64_t count, const char *message)
{
    gp_note_say(r->o->add.note, r->o->add.note_user, code, count, "%s", message);
}

/* ------------------------------------------------------------------ adding */

static unfinished *unfinished_of(watch_run *r, const char *path)
{
    for (size_t i = 0; i < r->file_count; i++)
        if (strcmp(r->files[i].path, path) == 0) return &r->files[i];
    return NULL;
}

static void forget_unfinished(watch_run *r, const char *path)
{
    unfinished *u = unfinished_of(r, path);
    if (!u) return;
    gp_mem_free(u->path);
    *u = r->files[--r->file_count];
}

/* Forgets the unfinished files that no longer exist, such as a temporary file that was renamed. */
static void forget_gone(watch_run *r)
{
    for (size_t i = 0; i < r->file_count;)
        if (access(r->files[i].path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
            gp_mem_free(r->files[i].path);
            r->files[i] = r->files[--r->file_count];
        } else {
            i++;
        }
}

static bool on_partial(void *user, const gp_walk_entry *file, bool unreadable)
{
    watch_run *r = user;
    double now = gp_clock_now();
    unfinished *u = unfinished_of(r, file->path);
    if (u && unreadable && now - u->since >= patience) {
        forget_unfinished(r, file->path);
        return false;
    }
    if (!u && r->file_count == MOST_UNFINISHED) forget_gone(r);
    if (!u && r->file_count < MOST_UNFINISHED) {
        char *copy = gp_str_dup(file->path);
        if (copy) r->files[r->file_count++] = (unfinished){copy, now};
    }
    gp_watcher_wait_for(r->watcher, file, unreadable ? patience : INFINITY);
    return true;
}

static void on_added(void *user, const char *path, int64_t image)
{
    watch_run *r = user;
    forget_unfinished(r, path);
    push_id(&r->added, image);
}

static void on_failed(void *user, const char *path)
{
    watch_run *r = user;
    gp_note_say(r->o->add.note, r->o->add.note_user, "watch-failed", 1, "cannot read '%s' as an image", path);
}

static bool is_wanted(void *user, const gp_walk_entry *found)
{
    const watch_run *r = user;
    return !r->o->new_only || !gp_watcher_had(r->watcher, found);
}

static gp_status add_roots(watch_run *r, const char *const *roots, size_t count, bool files, gp_error *err)
{
    gp_add_options add = r->o->add;
    gp_report counts = {0};
    gp_add_how how = {.files = files,
                      .wanted = files ? NULL : is_wanted,
                      .partial = on_partial,
                      .added = on_added,
                      .failed = on_failed,
                      .user = r};
    add.roots = roots, add.root_count = count;
    add.progress = on_progress, add.user = r;
    if (r->searched) add.note = NULL; /* the notes of the first search are enough */
    r->added.count = 0;
    gp_status st = gp_stage_add_how(r->cat, &add, &how, &counts, err);
    r->n->added += counts.done;
    r->n->failed += counts.failed;
    r->n->without_prompt += counts.without_prompt;
    if (r->added.failed) return gp_fail_memory(err, "the images of a batch");
    return st;
}

/* Searches all folders that exist. */
static gp_status search(watch_run *r, gp_error *err)
{
    const gp_add_options *add = &r->o->add;
    size_t count = 0;
    gp_status st = GP_OK;
    const char **roots = gp_mem_new(add->root_count, sizeof *roots);
    if (!roots) return gp_fail_memory(err, "%zu folders", add->root_count);
    for (size_t i = 0; i < add->root_count; i++)
        if (gp_watcher_has_root(r->watcher, i)) roots[count++] = add->roots[i];
    if (count) st = add_roots(r, roots, count, false, err);
    /* a folder that disappeared in this moment is missing, and is searched when it is back */
    if (st == GP_ERR_NOT_FOUND && r->searched) st = GP_OK;
    if (st == GP_OK && !count) st = gp_stage_find_missing(r->cat, err);
    gp_mem_free(roots);
    r->searched = true;
    return st;
}

/* Returns true if the prompt table has changed since the last call. */
static bool table_changed(watch_run *r)
{
    struct stat info;
    if (!r->o->add.prompts || stat(r->o->add.prompts, &info) != 0) return false;
    int64_t mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec;
    bool changed = (uint64_t)info.st_size != r->table_size || mtime_ns != r->table_mtime_ns;
    r->table_size = (uint64_t)info.st_size, r->table_mtime_ns = mtime_ns;
    return changed;
}

/* ------------------------------------------------------------------ scoring */

static void on_scored(void *user, int64_t image)
{
    push_id(&((watch_run *)user)->scored, image);
}

/* Reports one new score, with the rank that the image has now. */
static gp_status report_score(watch_run *r, int64_t image, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    char *path = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_path_of(r->cat, image, &path, err));
    if (!path) goto out; /* the file was deleted in the meantime */
    query.path = path, query.scorer = gp_scoring_id(r->scoring);
    GP_TRY_GOTO(gp_cat_rows_open(r->cat, &query, &rows, err));
    GP_TRY_GOTO(gp_cat_rows_next(rows, &row, err));
    if (!row || !row->has_score || !row->rank) goto out;
    r->n->scored++;
    r->n->bests += row->rank == 1;
    if (r->o->scored) r->o->scored(r->o->scored_user, row);
out:
    gp_cat_rows_close(rows);
    gp_mem_free(path);
    return st;
}

static gp_status score(watch_run *r, gp_score_part part, uint64_t *encoded, gp_error *err)
{
    gp_report counts = {0};
    double begun = gp_clock_now();
    part.scored = on_scored, part.user = r;
    r->scored.count = 0;
    gp_status scored = gp_scoring_run(r->scoring, &part, 0, &counts, err);
    if (scored != GP_OK && scored != GP_ERR_STOPPED) return scored;
    double spent = gp_clock_now() - begun;
    if (counts.done >= 2 && spent > 0) r->rate = (double)counts.done / spent;
    r->n->failed += counts.failed;
    *encoded = counts.done + counts.failed;
    if (r->scored.failed) return gp_fail_memory(err, "the images of a batch");
    if (r->scored.count) r->must_pick = true;
    for (size_t i = 0; i < r->scored.count; i++) GP_TRY(report_score(r, r->scored.ids[i], err));
    return scored;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Scores the images that were just added. */
static gp_status score_added(watch_run *r, gp_error *err)
{
    id_list *list = &r->added;
    uint64_t encoded;
    if (list->count) qsort(list->ids, list->count, sizeof *list->ids, compare_ids);
    for (size_t i = 0, k; i < list->count; i = k) {
        for (k = i + 1; k < list->count && list->ids[k] - list->ids[k - 1] <= GAP;) k++;
        gp_score_part part = {.after = list->ids[i] - 1, .upto = list->ids[k - 1], .most = UINT64_MAX};
        GP_TRY(score(r, part, &encoded, err));
    }
    return GP_OK;
}

/* Scores a part of the images that lack a score from before. */
static gp_status score_backlog(watch_run *r, gp_error *err)
{
    uint64_t encoded = 0, most = batch_size(r);
    gp_score_part part = {.after = r->backlog_after, .upto = INT64_MAX, .most = most};
    GP_TRY(score(r, part, &encoded, err));
    r->backlog_after = encoded < most ? INT64_MAX : gp_scoring_last(r->scoring);
    return GP_OK;
}

static gp_status pick(watch_run *r, gp_error *err)
{
    gp_report counts = {0};
    gp_error why = {0};
    if (!r->o->has_pick || !r->must_pick) return GP_OK;
    r->must_pick = false, r->picked_at = gp_clock_now();
    gp_status st = gp_stage_pick(r->cat, gp_scoring_id(r->scoring), &r->o->pick, &counts, &why);
    if (st == GP_OK) r->n->picked = counts.done;
    return st == GP_OK || st == GP_ERR_NOT_FOUND ? GP_OK : gp_fail_as(err, st, &why);
}

/* ------------------------------------------------------------------ the loop */

static gp_status take_files(watch_run *r, const gp_watcher_news *news, gp_error *err)
{
    const bool all = news->rescan || (news->count && r->o->add.prompts) || table_changed(r);
    if (all) {
        GP_TRY(search(r, err));
        if (!r->o->new_only) {
            r->backlog_after = 0;
            return GP_OK;
        }
    } else if (news->count) {
        GP_TRY(add_roots(r, (const char *const *)news->paths, news->count, true, err));
    }
    return all || news->count ? score_added(r, err) : GP_OK;
}

/* Takes what the watcher has found, waiting for a moment if there is nothing to do. */
static gp_status step(watch_run *r, gp_error *err)
{
    gp_watcher_news news = {0};
    gp_status st = GP_OK;
    const bool backlog = r->backlog_after != INT64_MAX;
    double before = gp_clock_now();
    GP_TRY_GOTO(gp_watcher_take(r->watcher, batch_size(r), backlog ? 0 : wait_seconds, &news, err));
    double taken = gp_clock_now();
    r->idle_seconds += taken - before;
    for (size_t i = 0; i < news.note_count; i++) say(r, news.notes[i].code, 1, news.notes[i].message);
    if (news.gone) GP_TRY_GOTO(gp_stage_find_missing(r->cat, err));
    GP_TRY_GOTO(take_files(r, &news, err));
    if (!news.count && !news.rescan && backlog) GP_TRY_GOTO(score_backlog(r, err));
    const bool busy = news.count || news.rescan || backlog;
    double now = gp_clock_now();
    if (busy || news.left || news.gone) r->active = now;
    if (busy) r->n->batches++, r->n->busy_seconds += now - taken;
    if (!busy || now - r->picked_at >= pick_seconds) GP_TRY_GOTO(pick(r, err));
    if (!report(r)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_watcher_news_clear(&news);
    return st;
}

static gp_status start(watch_run *r, gp_error *err)
{
    gp_watcher_news news = {0};
    while (!news.started) {
        for (size_t i = 0; i < news.note_count; i++) say(r, news.notes[i].code, 1, news.notes[i].message);
        gp_watcher_news_clear(&news);
        gp_status st = gp_watcher_take(r->watcher, 1, wait_seconds, &news, err);
        if (st == GP_OK && !report(r)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
        if (st == GP_OK && news.rescan) st = GP_OK; /* the first search comes anyway */
        if (st != GP_OK) {
            gp_watcher_news_clear(&news);
            return st;
        }
    }
    for (size_t i = 0; i < news.note_count; i++) say(r, news.notes[i].code, 1, news.notes[i].message);
    gp_status st = GP_OK;
    (void)table_changed(r);
    if (r->o->new_only && news.count) st = add_roots(r, (const char *const *)news.paths, news.count, true, err);
    if (st == GP_OK && r->o->new_only) st = score_added(r, err);
    if (st == GP_OK && !r->o->new_only) st = search(r, err);
    gp_watcher_news_clear(&news);
    r->backlog_after = r->o->new_only ? INT64_MAX : 0;
    r->active = gp_clock_now();
    if (st == GP_OK) say(r, "watch-started", r->o->add.root_count, "watching for new images; press Ctrl-C to end");
    return st;
}

static gp_status watch_all(watch_run *r, gp_error *err)
{
    gp_status st = start(r, err);
    while (st == GP_OK) {
        double idle = gp_clock_now() - r->active;
        if (r->o->idle > 0 && r->backlog_after == INT64_MAX && idle >= r->o->idle) break;
        st = step(r, err);
    }
    if (st == GP_OK || st == GP_ERR_STOPPED) {
        gp_error why = {0};
        gp_status last = pick(r, &why);
        if (last == GP_OK) last = gp_scoring_tell(r->scoring, &why);
        if (last != GP_OK && st == GP_OK) st = gp_fail_as(err, last, &why);
    }
    forget_gone(r);
    r->n->incomplete = r->file_count;
    if (r->file_count)
        gp_note_say(r->o->add.note, r->o->add.note_user, "watch-incomplete", r->file_count,
                    "%llu %s incomplete and %s not added, such as '%s'", (unsigned long long)r->file_count,
                    gp_plural(r->file_count, "file is", "files are"), gp_plural(r->file_count, "was", "were"),
                    r->files[0].path);
    return st;
}

gp_status gp_stage_watch(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                         const gp_watch_parts *parts, gp_watch_report *report_out, gp_error *err)
{
    gp_watch_report counts = {0};
    gp_watch_lock lock = {.fd = -1};
    gp_score_options options = parts->score;
    gp_watcher_options watching = {.roots = parts->add.roots,
                                   .root_count = parts->add.root_count,
                                   .poll = parts->poll,
                                   .remember = parts->new_only};
    gp_status st = GP_OK;
    watch_run *r = gp_mem_zero(1, sizeof *r);
    if (!r) return gp_fail_memory(err, "a watcher of folders");
    *r = (watch_run){.cat = cat, .o = parts, .n = &counts, .begun = gp_clock_now()};
    options.progress = on_progress, options.user = r;
    GP_TRY_GOTO(gp_watch_lock_take(&lock, gp_cat_path(cat), err));
    GP_TRY_GOTO(gp_watcher_open(&watching, &r->watcher, err));
    GP_TRY_GOTO(gp_scoring_open(cat, encoder, model_name, &options, &r->scoring, err));
    st = watch_all(r, err);
out:
    gp_scoring_close(r->scoring);
    gp_watcher_close(r->watcher);
    gp_watch_unlock(&lock);
    for (size_t i = 0; i < r->file_count; i++) gp_mem_free(r->files[i].path);
    gp_mem_free(r->added.ids);
    gp_mem_free(r->scored.ids);
    counts.seconds = gp_clock_now() - r->begun;
    gp_mem_free(r);
    *report_out = counts;
    return st;
}
