/* SPDX-License-Identifier: MIT
 * POST handlers: ratings, saved views, export. The response to a rating is sent only when the rating is on the disk
 * (synchronous=FULL), in the current snapshot, and in the event queues of all pages. The queues have the order of the
 * commits. */
#include "serve/server_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "report/report.h"
#include "serve/request_body.h"

#include <stdlib.h>
#include <string.h>

/* Maximum number of changes of ratings or tags in an event. If there are more changes, no event is sent; instead a new
 * snapshot makes the pages reload everything. */
enum { MAX_SENT = 1000 };

/* ------------------------------------------------------------------ ratings */

/* Fails unless the current snapshot contains all images. */
static gp_status check_known(gp_server *s, const gp_hash *first, size_t stride, size_t count, gp_error *err)
{
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    gp_status st = GP_OK;
    for (size_t i = 0; i < count && st == GP_OK; i++) {
        const gp_hash *hash = (const void *)((const char *)first + i * stride);
        char hex[33];
        if (gp_view_find(snapshot->view, hash) != SIZE_MAX) continue;
        gp_hash_hex(*hash, hex);
        st = gp_fail(err, GP_ERR_USAGE, "there is no image %s; nothing was changed", hex);
    }
    gp_snapshot_unref(snapshot);
    return st;
}

/* Sends the event with this number.  The response to the page that made the change contains the same number, from which
 * the page can tell which events are older than its change. */
static void send_ratings(gp_server *s, const gp_rated *rated, size_t count, uint64_t number)
{
    gp_str json = GP_STR_INIT;
    if (count > MAX_SENT) {
        atomic_store(&s->stale, true);
        return;
    }
    gp_str_printf(&json, "{\"event\":%llu,\"changes\":[", (unsigned long long)number);
    for (size_t i = 0; i < count; i++) {
        char hex[33];
        gp_hash_hex(rated[i].hash, hex);
        gp_str_printf(&json, "%s{\"hash\":\"%s\",\"flag\":%d,\"stars\":%d}", i ? "," : "", hex, rated[i].flag,
                      rated[i].stars);
    }
    gp_str_puts(&json, "]}");
    if (json.failed)
        atomic_store(&s->stale, true);
    else if (count)
        gp_events_send(s->events, "ratings", json.data);
    gp_str_clear(&json);
}

static gp_status rate_all(gp_server *s, const gp_cat_rating *changes, size_t count, uint64_t *number, gp_error *err)
{
    gp_rated *rated = NULL;
    gp_status st = GP_OK;
    GP_TRY(gp_alloc((void **)&rated, count, sizeof *rated, "the ratings", err));
    GP_TRY_GOTO(check_known(s, &changes->hash, sizeof *changes, count, err));
    pthread_mutex_lock(&s->db_lock);
    st = gp_cat_ratings_put(s->db, changes, count, NULL, err);
    if (st == GP_OK) {
        gp_snapshot_rate(s, changes, count, rated);
        *number = ++s->rating_events;
        send_ratings(s, rated, count, *number);
    }
    pthread_mutex_unlock(&s->db_lock);
out:
    gp_mem_free(rated);
    return st;
}

static void rate(gp_request *request)
{
    gp_error err = {0};
    gp_cat_rating *changes = NULL;
    size_t count = 0;
    uint64_t number = 0;
    gp_str json = GP_STR_INIT;
    gp_status st = gp_body_rate(request->body.data, request->body.size, &changes, &count, &err);
    if (st == GP_OK && count) st = rate_all(request->server, changes, count, &number, &err);
    if (st == GP_OK) {
        gp_snapshot *snapshot = gp_snapshot_ref(request->server);
        gp_str_printf(&json, "{\"revision\":%llu,\"event\":%llu,\"changed\":%zu}\n",
                      (unsigned long long)snapshot->revision, (unsigned long long)number, count);
        gp_snapshot_unref(snapshot);
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
    gp_mem_free(changes);
    gp_request_resume(request);
}

void gp_serve_rate(gp_request *request)
{
    gp_worker_pool_take(request->server->rating_pool, request, rate);
}

/* ------------------------------------------------------------------ tags */

static void send_tags(gp_server *s, const gp_cat_tagging *changes, size_t count, uint64_t number)
{
    gp_str json = GP_STR_INIT;
    if (count > MAX_SENT) {
        atomic_store(&s->stale, true);
        return;
    }
    gp_str_printf(&json, "{\"event\":%llu,\"changes\":[", (unsigned long long)number);
    for (size_t i = 0; i < count; i++) {
        char hex[33];
        gp_hash_hex(changes[i].hash, hex);
        gp_str_printf(&json, "%s{\"hash\":\"%s\",\"tag\":", i ? "," : "", hex);
        gp_json_put_string(&json, changes[i].tag);
        gp_str_printf(&json, ",\"removed\":%s}", changes[i].removed ? "true" : "false");
    }
    gp_str_puts(&json, "]}");
    if (json.failed)
        atomic_store(&s->stale, true);
    else if (count)
        gp_events_send(s->events, "tags", json.data);
    gp_str_clear(&json);
}

static gp_status tag_all(gp_server *s, const gp_cat_tagging *changes, size_t count, uint64_t *number, gp_error *err)
{
    GP_TRY(check_known(s, &changes->hash, sizeof *changes, count, err));
    pthread_mutex_lock(&s->db_lock);
    gp_status st = gp_cat_marks_put(s->db, NULL, 0, changes, count, NULL, err);
    if (st == GP_OK) {
        *number = ++s->rating_events;
        send_tags(s, changes, count, *number);
    }
    pthread_mutex_unlock(&s->db_lock);
    return st;
}

static void tag(gp_request *request)
{
    gp_error err = {0};
    gp_cat_tagging *changes = NULL;
    size_t count = 0;
    uint64_t number = 0;
    gp_str json = GP_STR_INIT;
    gp_status st = gp_body_tag(request->body.data, request->body.size, &changes, &count, &err);
    if (st == GP_OK && count) st = tag_all(request->server, changes, count, &number, &err);
    if (st == GP_OK) {
        gp_str_printf(&json, "{\"event\":%llu,\"changed\":%zu}\n", (unsigned long long)number, count);
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
    gp_tag_changes_clear(changes, count);
    gp_request_resume(request);
}

void gp_serve_tag(gp_request *request)
{
    gp_worker_pool_take(request->server->rating_pool, request, tag);
}

/* ------------------------------------------------------------------ saved views */

static bool put_saved(void *user, const char *name, const char *json)
{
    gp_str *out = user;
    if (out->data[out->size - 1] != '{') gp_str_putc(out, ',');
    gp_json_put_string(out, name);
    gp_str_putc(out, ':');
    gp_str_puts(out, json);
    return !out->failed;
}

static void read_saved(gp_request *request)
{
    gp_server *s = request->server;
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    gp_str_puts(&json, "{\"views\":{");
    gp_status st = json.failed ? gp_fail_memory(&err, "the saved views") : GP_OK;
    pthread_mutex_lock(&s->db_lock);
    if (st == GP_OK) st = gp_cat_saved_visit(s->db, put_saved, &json, &err);
    pthread_mutex_unlock(&s->db_lock);
    gp_str_puts(&json, "}}\n");
    if (st == GP_OK)
        gp_respond_json(request, &json);
    else
        gp_respond_failure(request, &err);
    gp_str_clear(&json);
    gp_request_resume(request);
}

static void write_saved(gp_request *request)
{
    gp_server *s = request->server;
    gp_error err = {0};
    char *name = NULL, *value = NULL;
    gp_str json = GP_STR_INIT;
    gp_status st = gp_body_saved(request->body.data, request->body.size, &name, &value, &err);
    if (st == GP_OK) {
        pthread_mutex_lock(&s->db_lock);
        st = gp_cat_saved_put(s->db, name, value, &err);
        pthread_mutex_unlock(&s->db_lock);
    }
    gp_str_puts(&json, "{\"ok\":true}\n");
    if (st == GP_OK)
        gp_respond_json(request, &json);
    else
        gp_respond_failure(request, &err);
    gp_str_clear(&json);
    gp_mem_free(value);
    gp_mem_free(name);
    gp_request_resume(request);
}

void gp_serve_saved(gp_request *request)
{
    gp_worker_pool_take(request->server->rating_pool, request, request->post ? write_saved : read_saved);
}

/* ------------------------------------------------------------------ export */

/* Expands "~/best" to the user's home. Other relative paths start at the server's working folder. Owned; NULL if memory
 * ran out. */
static char *absolute_folder(const char *given)
{
    const char *home = getenv("HOME");
    if (given[0] == '~' && (given[1] == '/' || !given[1]) && home && *home) {
        char *joined = gp_path_join(home, given[1] ? given + 2 : "");
        char *absolute = joined ? gp_path_absolute(joined) : NULL;
        gp_mem_free(joined);
        return absolute;
    }
    return gp_path_absolute(given);
}

static bool on_progress(void *user, const gp_progress *progress)
{
    const gp_server *s = user;
    (void)progress;
    return !atomic_load(&s->stopping);
}

static gp_status export_to(gp_server *s, const gp_export_request *wanted, const char *folder, gp_report *report,
                           gp_error *err)
{
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = NULL;
    options.folder = folder;
    options.mode = wanted->mode;
    options.progress = on_progress, options.user = s;
    options.all = wanted->what == GP_EXPORT_CHOICE_ALL;
    options.mine = wanted->what == GP_EXPORT_CHOICE_MINE || wanted->what == GP_EXPORT_CHOICE_MINE_SUGGESTED;
    options.suggested = wanted->what == GP_EXPORT_CHOICE_MINE_SUGGESTED;
    options.min_stars = (uint64_t)wanted->stars;
    options.images = wanted->images, options.image_count = wanted->image_count;
    GP_TRY(gp_cat_open(gp_cat_path(s->db), 0, &cat, err)); /* a separate handle, because an export can take minutes */
    gp_status st = gp_report_export(cat, &options, report, err);
    gp_cat_close(cat);
    return st;
}

static void export_images(gp_request *request)
{
    gp_error err = {0};
    gp_export_request wanted = {0};
    gp_report report = {0};
    gp_str json = GP_STR_INIT;
    char *folder = NULL;
    gp_status st = gp_body_export(request->body.data, request->body.size, &wanted, &err);
    if (st == GP_OK && !(folder = absolute_folder(wanted.folder))) st = gp_fail_memory(&err, "the export");
    if (st == GP_OK) st = export_to(request->server, &wanted, folder, &report, &err);
    if (st == GP_OK) {
        gp_str_printf(&json,
                      "{\"done\":%llu,\"failed\":%llu,\"folder\":", (unsigned long long)(report.done + report.skipped),
                      (unsigned long long)report.failed);
        gp_json_put_string(&json, folder);
        gp_str_puts(&json, "}\n");
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
    gp_mem_free(folder);
    gp_export_request_clear(&wanted);
    gp_request_resume(request);
}

void gp_serve_export(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, export_images);
}
