/* SPDX-License-Identifier: MIT
 * POST handlers: move the files of rejected images to the trash, and back. The page names images, never paths. A change
 * of the catalog then gives all pages a new revision. Only one such request runs at a time, on a handle of its own. */
#include "serve/server_private.h"

#include "base/json.h"
#include "base/mem.h"
#include "serve/request_body.h"
#include "stage/trash_stage.h"

static bool go_on(void *user)
{
    const gp_server *s = user;
    return !atomic_load(&s->stopping);
}

static gp_status move(gp_server *s, bool back, const gp_hash *images, size_t count, gp_trash_counts *counts,
                      gp_error *err)
{
    const gp_trash_watch watch = {go_on, s};
    gp_catalog *cat = NULL;
    gp_status st = gp_cat_open(gp_cat_path(s->db), 0, &cat, err);
    if (st == GP_OK)
        st = back ? gp_stage_trash_restore(cat, images, count, &watch, counts, err)
                  : gp_stage_trash(cat, images, count, &watch, counts, err);
    gp_cat_close(cat);
    return st;
}

static void move_images(gp_request *request)
{
    gp_server *s = request->server;
    gp_error err = {0};
    gp_hash *images = NULL;
    size_t count = 0;
    gp_trash_counts counts = {0};
    gp_str json = GP_STR_INIT;
    bool back = request->route.kind == GP_ROUTE_RESTORE;
    gp_status st = gp_body_images(request->body.data, request->body.size, &images, &count, &err);
    if (st == GP_OK && pthread_mutex_trylock(&s->trash_lock) != 0) {
        gp_respond_error(request, 429, "files are being moved for another page: try again a little later");
        goto out;
    }
    if (st == GP_OK) {
        st = move(s, back, images, count, &counts, &err);
        pthread_mutex_unlock(&s->trash_lock);
    }
    if (st == GP_OK) {
        gp_str_printf(&json,
                      "{\"images\":%llu,\"files\":%llu,\"failed\":%llu,\"why\":", (unsigned long long)counts.images,
                      (unsigned long long)counts.files, (unsigned long long)counts.failed);
        gp_json_put_string(&json, counts.why);
        gp_str_puts(&json, "}\n");
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
out:
    gp_mem_free(images);
    gp_request_resume(request);
}

void gp_serve_trash(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, move_images);
}
