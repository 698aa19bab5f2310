/* SPDX-License-Identifier: MIT
 * stable-diffusion.cpp's own jobs: POST /sdcpp/v1/img_gen returns an id; GET /sdcpp/v1/jobs/ID until the job is
 * completed. */
#include "generate/backend.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

static const double most_look = 0.5, check_seconds = 10;
enum { MISSES = 5 /* polls of a job in a row that may fail */ };

static void put_request(const gp_gen_request *r, gp_str *s)
{
    gp_str_putc(s, '{');
    gp_gen_put_picture(s, r, "negative_prompt");
    if (!r->has_seed) { /* the server's default is one seed for all images */
        gp_json_put_name(s, "seed");
        gp_str_puts(s, "-1");
    }
    gp_gen_put_u64(s, "batch_count", 1);
    if (isfinite(r->hires)) {
        gp_json_put_name(s, "hires");
        gp_str_puts(s, "{\"enabled\":true");
        gp_gen_put_real(s, "scale", r->hires);
        gp_str_putc(s, '}');
    }
    if (r->steps || r->sampler || r->scheduler || isfinite(r->cfg)) {
        gp_json_put_name(s, "sample_params");
        gp_str_putc(s, '{');
        if (r->steps) gp_gen_put_u64(s, "sample_steps", r->steps);
        gp_gen_put_text(s, "sample_method", r->sampler);
        gp_gen_put_text(s, "scheduler", r->scheduler);
        if (isfinite(r->cfg)) {
            gp_json_put_name(s, "guidance");
            gp_str_putc(s, '{');
            gp_gen_put_real(s, "txt_cfg", r->cfg);
            gp_str_putc(s, '}');
        }
        gp_str_putc(s, '}');
    }
    gp_str_putc(s, '}');
}

/* Polls the job once; *done: the job has ended. */
static gp_status look(gp_gen_backend *b, const char *path, const gp_gen_request *r, int *misses, bool *done,
                      gp_gen_result *out, gp_error *err)
{
    gp_gen_answer answer;
    gp_status st = GP_OK;
    *done = true;
    GP_TRY_GOTO(gp_gen_call(b, path, NULL, &answer, out, err));
    if (answer.code == 410 || answer.code == 404) {
        /* The job is unknown, perhaps because the server was restarted: send the job again. */
        gp_gen_set_result(out, GP_GEN_RETRY, "the server no longer knows the job");
        goto out;
    }
    if (!answer.root) {
        *done = ++*misses > MISSES || out->outcome == GP_GEN_FAILED; /* the job may still be running: poll again */
        goto out;
    }
    *misses = 0;
    const char *status = gp_json_text(gp_json_get(answer.root, "status"), NULL);
    if (status && (!strcmp(status, "queued") || !strcmp(status, "generating"))) {
        *done = false;
    } else if (status && !strcmp(status, "completed")) {
        const gp_json *images = gp_json_get(gp_json_get(answer.root, "result"), "images");
        GP_TRY_GOTO(gp_gen_take_batch(images, 0, gp_json_count(images), "b64_json", out, err));
        if (out->outcome == GP_GEN_DONE) {
            gp_gen_put_asked(&out->settings, r);
            gp_gen_put_real(&out->settings, "hires", r->hires);
        }
    } else {
        const char *words = gp_json_text(gp_json_get(gp_json_get(answer.root, "error"), "message"), NULL);
        gp_gen_set_result(out, GP_GEN_RETRY, "the job %s%s%.200s",
                          status ? status : "has a state that goldpan does not know", words ? ": " : "",
                          words ? words : "");
    }
out:
    gp_gen_answer_clear(&answer);
    return st;
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    gp_str body = GP_STR_INIT, path = GP_STR_INIT;
    gp_gen_answer answer = {0};
    gp_status st = GP_OK;
    put_request(r, &body);
    if (body.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    GP_TRY_GOTO(gp_gen_call(b, "/sdcpp/v1/img_gen", body.data, &answer, out, err));
    if (!answer.root) goto out;
    const char *id = gp_json_text(gp_json_get(answer.root, "id"), NULL);
    if (!id || strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") != strlen(id)) {
        gp_gen_set_result(out, GP_GEN_RETRY, "the server returned no job id");
        goto out;
    }
    gp_str_printf(&path, "/sdcpp/v1/jobs/%s", id);
    if (path.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    int misses = 0;
    double begin = gp_clock_now();
    for (bool done = false;;) {
        GP_TRY_GOTO(look(b, path.data, r, &misses, &done, out, err));
        if (done) break;
        double next = gp_gen_look_after(gp_clock_now() - begin, most_look);
        if (!gp_gen_wait(b, next, out)) GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
out:
    gp_gen_answer_clear(&answer);
    gp_str_clear(&path);
    gp_str_clear(&body);
    return st;
}

/* Checks a name before the first request, because the server uses its default for a name that it does not know. */
static gp_status check_name(const gp_json *names, const char *name, const char *what, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    gp_status st = GP_OK;
    size_t count = gp_json_count(names);
    if (!name || !count) return GP_OK;
    for (size_t i = 0; i < count; i++) {
        const char *one = gp_json_text(gp_json_at(names, i), NULL);
        if (one && !strcmp(one, name)) goto out;
        if (one) gp_str_printf(&all, "%s%s", all.size ? ", " : "", one);
    }
    st = gp_fail(err, GP_ERR_USAGE, "the server has no %s '%.60s'; choose one of: %.300s", what, name,
                 all.data ? all.data : "");
out:
    gp_str_clear(&all);
    return st;
}

static gp_status check(gp_gen_backend *b, gp_error *err)
{
    static const char *const ignored[] = {"--checkpoint", "--refiner", "--refiner-at", NULL};
    const gp_gen_request *like = b->o.like;
    gp_gen_note_ignored(b, ignored);
    if (!like || (!like->sampler && !like->scheduler)) return GP_OK;
    gp_json *root = gp_gen_quick(b, "/sdcpp/v1/capabilities", NULL, check_seconds);
    gp_status st = check_name(gp_json_get(root, "samplers"), like->sampler, "sampler", err);
    if (st == GP_OK) st = check_name(gp_json_get(root, "schedulers"), like->scheduler, "scheduler", err);
    gp_json_free(root);
    return st;
}

const gp_gen_protocol_table gp_gen_sdcpp = {
    "sdcpp", GP_GEN_SEEDS | GP_GEN_HIRES | GP_GEN_QUEUE, "/sdcpp/v1/capabilities", make, NULL, check};
