/* SPDX-License-Identifier: MIT
 * Generates images from an image of the catalog, when the page asks for it. The generator is the one that the user gave
 * when the explorer started, else the http or https address that the catalog records for the image. A command in a
 * catalog never runs, and a login never goes to an address of a catalog. The page names the address that it showed to
 * the user: the server uses no other.
 * One job runs at a time, on a thread and a catalog handle of its own. Its progress is an event of run_loop. */
#include "serve/server_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/generations.h"
#include "serve/request_body.h"
#include "generation/generation.h"

#include <stdio.h>
#include <string.h>

typedef struct job {
    gp_hash image;
    uint32_t count;           /* 0: the image again, with its seed */
    char *address, *protocol; /* owned; protocol NULL: it is detected */
} job;

struct gp_generating {
    gp_server *server;
    char *folder;  /* owned: where the images are written */
    char *address; /* owned: the address or command of the user, without login; NULL: none was given */
    atomic_bool stop;
    pthread_mutex_t lock; /* for the fields below */
    gp_threads *thread;   /* NULL: no job */
    job now;
    bool ended, closed; /* ended: the thread is about to end; closed: no job may start any more */
    uint64_t done;      /* images generated or failed so far */
    uint64_t same;      /* images that the catalog had before, byte for byte */
    gp_generate_report report;
    gp_error error;
};

/* ------------------------------------------------------------------ open and close */

static void clear_job(job *now)
{
    gp_mem_free(now->address);
    gp_mem_free(now->protocol);
    *now = (job){0};
}

/* Returns the path of the folder "regenerated". This folder is beside the folder .goldpan that contains the catalog. If
 * the catalog is not in a folder .goldpan, "regenerated" is beside the catalog. Owned. */
static char *find_folder(const char *catalog)
{
    gp_str path = GP_STR_INIT;
    char *absolute = gp_path_absolute(catalog), *folder = absolute ? gp_path_folder(absolute) : NULL;
    char *above = folder && !strcmp(gp_path_base(folder), ".goldpan") ? gp_path_folder(folder) : NULL;
    const char *place = above ? above : folder;
    if (place) gp_str_printf(&path, "%s/regenerated", strcmp(place, "/") != 0 ? place : "");
    gp_mem_free(above);
    gp_mem_free(folder);
    gp_mem_free(absolute);
    char *found = place && !path.failed ? gp_str_take(&path) : NULL;
    gp_str_clear(&path);
    return found;
}

/* Copies an address without the login in http://user:password@host, which is never shown. Owned. */
static char *without_login(const char *address)
{
    char *copy = gp_str_dup(address), *scheme = copy ? strstr(copy, "://") : NULL;
    char *host = scheme ? scheme + 3 : copy, *at = host ? strchr(host, '@') : NULL;
    if (at && (size_t)(at - host) < strcspn(host, "/ ")) memmove(host, at + 1, strlen(at + 1) + 1);
    return copy;
}

gp_status gp_generating_open(gp_server *server, gp_generating **out, gp_error *err)
{
    const gp_serve_setup *setup = server->setup;
    gp_generating *g = gp_mem_zero(1, sizeof *g);
    if (!g) return gp_fail_memory(err, "the server");
    g->server = server;
    pthread_mutex_init(&g->lock, NULL);
    g->folder = find_folder(gp_cat_path(setup->catalog));
    if (setup->backend) g->address = without_login(setup->backend);
    *out = g;
    return g->folder && !g->address == !setup->backend ? GP_OK : gp_fail_memory(err, "the server");
}

void gp_generating_stop(gp_generating *g)
{
    if (!g) return;
    atomic_store(&g->stop, true);
    pthread_mutex_lock(&g->lock);
    gp_threads *thread = g->thread;
    g->thread = NULL, g->closed = true;
    pthread_mutex_unlock(&g->lock);
    gp_threads_join(thread);
}

void gp_generating_close(gp_generating *g)
{
    if (!g) return;
    gp_generating_stop(g);
    clear_job(&g->now);
    pthread_mutex_destroy(&g->lock);
    gp_mem_free(g->address);
    gp_mem_free(g->folder);
    gp_mem_free(g);
}

gp_status gp_generating_describe(const gp_generating *g, const char **folder, const char **address, gp_error *err)
{
    gp_server *s = g->server;
    bool any = g->address != NULL;
    *folder = NULL, *address = NULL;
    if (s->setup->readonly) return GP_OK;
    if (!any) {
        pthread_mutex_lock(&s->db_lock);
        gp_status st = gp_cat_any_generator(s->db, &any, err);
        pthread_mutex_unlock(&s->db_lock);
        GP_TRY(st);
    }
    if (any) *folder = g->folder, *address = g->address;
    return GP_OK;
}

/* ------------------------------------------------------------------ the job's thread */

static bool on_progress(void *user, const gp_progress *progress)
{
    gp_generating *g = user;
    pthread_mutex_lock(&g->lock);
    g->done = progress->done;
    pthread_mutex_unlock(&g->lock);
    return !atomic_load(&g->stop) && !atomic_load(&g->server->stopping);
}

static void on_note(void *user, const gp_note *note)
{
    gp_generating *g = user;
    pthread_mutex_lock(&g->lock);
    if (!strcmp(note->code, "generator-same-image")) g->same = note->count;
    pthread_mutex_unlock(&g->lock);
}

static void run_job(void *user, int index)
{
    gp_generating *g = user;
    const gp_serve_setup *setup = g->server->setup;
    gp_catalog *cat = NULL;
    gp_generate_report report = {0};
    gp_error err = {0};
    gp_generate_options o = GP_GENERATE_DEFAULTS;
    (void)index;
    o.backend = g->now.address, o.protocol = g->now.protocol, o.folder = g->folder;
    if (setup->backend) o.login = setup->login, o.token = setup->token;
    o.progress = on_progress, o.user = g;
    o.note = on_note, o.note_user = g;
    gp_status st = gp_cat_open(gp_cat_path(setup->catalog), 0, &cat, &err);
    if (st == GP_OK) st = gp_stage_regenerate(cat, &g->now.image, g->now.count, &o, &report, &err);
    gp_cat_close(cat);
    pthread_mutex_lock(&g->lock);
    g->report = report, g->error = err, g->error.status = st;
    g->ended = true;
    pthread_mutex_unlock(&g->lock);
}

/* ------------------------------------------------------------------ events */

static void write_event(const gp_generating *g, gp_str *json)
{
    const gp_generate_report *r = &g->report;
    bool stopped = g->error.status == GP_ERR_STOPPED, failed = g->error.status != GP_OK && !stopped;
    gp_str_printf(json, "{\"running\":%s,\"done\":%llu,\"wanted\":%u", g->ended ? "false" : "true",
                  (unsigned long long)g->done, g->now.count ? g->now.count : 1);
    if (g->ended) {
        gp_str_printf(json, ",\"got\":%llu,\"had\":%llu,\"same\":%llu,\"failed\":%llu,\"stopped\":%s,\"why\":",
                      (unsigned long long)r->got, (unsigned long long)r->had, (unsigned long long)g->same,
                      (unsigned long long)(r->failed + r->refused + r->interrupted + r->untried),
                      stopped ? "true" : "false");
        gp_json_put_string(json, failed ? g->error.message : r->why);
    }
    gp_str_putc(json, '}');
}

void gp_generating_tick(gp_generating *g, gp_events *events)
{
    gp_str json = GP_STR_INIT;
    gp_threads *ended = NULL;
    pthread_mutex_lock(&g->lock);
    if (g->thread) write_event(g, &json);
    if (g->thread && g->ended) {
        ended = g->thread;
        g->thread = NULL;
        clear_job(&g->now);
        atomic_store(&g->server->stale, true); /* the images are shown before the result is reported */
    }
    pthread_mutex_unlock(&g->lock);
    gp_threads_join(ended);
    if (json.size && !json.failed) gp_events_send(events, "generate", json.data);
    gp_str_clear(&json);
}

/* ------------------------------------------------------------------ the requests */

/* Finds the generator for an image. The caller owns now->address and now->protocol. *shown: the address as the page
 * shows it; borrowed. */
static gp_status find_generator(gp_generating *g, job *now, const char **shown, gp_error *err)
{
    static const char *const web[] = {"a1111", "comfyui", "sdcpp", "swarmui"};
    gp_server *s = g->server;
    const gp_serve_setup *setup = s->setup;
    if (setup->backend) {
        *shown = g->address;
        now->address = gp_str_dup(setup->backend);
        now->protocol = setup->protocol ? gp_str_dup(setup->protocol) : NULL;
        return now->address && !now->protocol == !setup->protocol ? GP_OK : gp_fail_memory(err, "a request");
    }
    pthread_mutex_lock(&s->db_lock);
    gp_status st = gp_cat_image_generator(s->db, &now->image, &now->address, &now->protocol, err);
    pthread_mutex_unlock(&s->db_lock);
    GP_TRY(st);
    if (!now->address)
        return gp_fail(err, GP_ERR_USAGE,
                       "the catalog records no address of a generator for this image: start the explorer with "
                       "--backend ADDRESS");
    *shown = now->address;
    for (size_t i = 0; i < sizeof web / sizeof *web; i++)
        if (!strcmp(now->protocol, web[i])) return GP_OK;
    /* the protocol "command" would run the address as a program */
    return gp_fail(err, GP_ERR_USAGE,
                   "the catalog records the protocol '%s' for this image, which cannot generate it again: start the "
                   "explorer with --backend ADDRESS",
                   now->protocol);
}

static gp_status check_image(gp_server *s, const gp_hash *hash, gp_error *err)
{
    size_t row;
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    gp_status st = gp_snapshot_find(snapshot, hash, &row, err);
    gp_snapshot_unref(snapshot);
    return st;
}

/* Starts the job and takes ownership of its texts. *busy: another job runs, or the server is stopping. */
static gp_status start_job(gp_generating *g, job *now, bool *busy, gp_error *err)
{
    gp_status st = GP_OK;
    pthread_mutex_lock(&g->lock);
    *busy = g->thread || g->closed;
    if (!*busy) {
        clear_job(&g->now);
        g->now = *now, *now = (job){0};
        g->ended = false, g->done = g->same = 0;
        g->report = (gp_generate_report){0}, g->error = (gp_error){0};
        atomic_store(&g->stop, false);
        st = gp_threads_start(1, run_job, g, &g->thread, err);
    }
    pthread_mutex_unlock(&g->lock);
    return st;
}

static void generate(gp_request *request)
{
    gp_server *s = request->server;
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    gp_generate_request wanted;
    job now = {0};
    const char *shown = NULL;
    bool busy = false;
    gp_status st = gp_body_generate(request->body.data, request->body.size, &wanted, &err);
    now.image = wanted.image, now.count = wanted.more;
    if (st == GP_OK) st = check_image(s, &now.image, &err);
    if (st == GP_OK) st = find_generator(s->generating, &now, &shown, &err);
    if (st == GP_OK && strcmp(wanted.address, shown) != 0)
        st = gp_fail(&err, GP_ERR_USAGE, "the generator of this image is '%s' now: load the page again", shown);
    if (st == GP_OK) st = start_job(s->generating, &now, &busy, &err);
    if (st != GP_OK) {
        gp_respond_failure(request, &err);
    } else if (busy) {
        gp_respond_error(request, 429, "images are being generated already: wait until they are done, or stop them");
    } else {
        gp_str_printf(&json, "{\"wanted\":%u}\n", wanted.more ? wanted.more : 1);
        gp_respond_json(request, &json);
    }
    clear_job(&now);
    gp_generate_request_clear(&wanted);
    gp_request_resume(request);
}

static void stop(gp_request *request)
{
    gp_generating *g = request->server->generating;
    gp_str json = GP_STR_INIT;
    pthread_mutex_lock(&g->lock);
    bool running = g->thread && !g->ended;
    if (running) atomic_store(&g->stop, true);
    pthread_mutex_unlock(&g->lock);
    gp_str_printf(&json, "{\"stopping\":%s}\n", running ? "true" : "false");
    gp_respond_json(request, &json);
    gp_request_resume(request);
}

void gp_serve_generate(gp_request *request)
{
    bool stops = request->route.kind == GP_ROUTE_GENERATE_STOP;
    gp_worker_pool_take(request->server->general_pool, request, stops ? stop : generate);
}
