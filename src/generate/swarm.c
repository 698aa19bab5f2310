/* SPDX-License-Identifier: MIT
 * SwarmUI: opens a session; POST /API/GenerateText2Image returns the names of the images; then each image is
 * fetched. */
#include "generate/backend.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static gp_status open_session(gp_gen_backend *b, gp_gen_result *out, gp_error *err)
{
    gp_gen_answer answer;
    GP_TRY(gp_gen_call(b, "/API/GetNewSession", "{}", &answer, out, err));
    const char *id = gp_json_text(gp_json_get(answer.root, "session_id"), NULL);
    gp_mem_free(b->session);
    b->session = id ? gp_str_dup(id) : NULL;
    if (answer.root && !id) gp_gen_set_result(out, GP_GEN_FAILED, "the server did not open a session");
    gp_gen_answer_clear(&answer);
    return id && !b->session ? gp_fail_memory(err, "a session") : GP_OK;
}

static void put_request(const gp_gen_backend *b, const gp_gen_request *r, gp_str *s)
{
    gp_str_putc(s, '{');
    gp_gen_put_text(s, "session_id", b->session);
    gp_gen_put_u64(s, "images", 1);
    gp_gen_put_picture(s, r, "negativeprompt");
    gp_gen_put_text(s, "model", r->model);
    if (r->steps) gp_gen_put_u64(s, "steps", r->steps);
    gp_gen_put_real(s, "cfgscale", r->cfg);
    gp_gen_put_text(s, "sampler", r->sampler);
    gp_gen_put_text(s, "scheduler", r->scheduler);
    gp_gen_put_text(s, "refinermodel", r->refiner);
    gp_gen_put_real(s, "refinercontrolpercentage", 1 - r->refiner_at); /* the refiner's share of the steps */
    gp_str_putc(s, '}');
}

static gp_status make_once(gp_gen_backend *b, const gp_gen_request *r, bool *expired, gp_gen_result *out, gp_error *err)
{
    gp_str body = GP_STR_INIT, path = GP_STR_INIT;
    gp_gen_answer answer = {0};
    gp_status st = GP_OK;
    *expired = false;
    if (!b->session) GP_TRY_GOTO(open_session(b, out, err));
    if (!b->session) goto out;
    put_request(b, r, &body);
    if (body.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    GP_TRY_GOTO(gp_gen_call(b, "/API/GenerateText2Image", body.data, &answer, out, err));
    const gp_json *said = answer.root ? answer.root : answer.wrong;
    const char *error = gp_json_text(gp_json_get(said, "error_id"), NULL);
    *expired = error && !strcmp(error, "invalid_session_id");
    if (!answer.root || *expired) goto out;
    const char *image = gp_json_text(gp_json_at(gp_json_get(answer.root, "images"), 0), NULL);
    const char *words = gp_json_text(gp_json_get(answer.root, "error"), NULL);
    if (!image) {
        gp_gen_set_result(out, GP_GEN_RETRY, "%.300s", words ? words : "the answer contains no image");
        goto out;
    }
    if (gp_str_starts(image, "data:"))
        GP_TRY_GOTO(gp_gen_take_base64(gp_json_at(gp_json_get(answer.root, "images"), 0), out, err));
    else {
        if (*image != '/') gp_str_putc(&path, '/');
        gp_http_put_escaped(&path, image, "-_.~/"); /* file names are made from prompts, so they contain blanks */
        if (path.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
        GP_TRY_GOTO(gp_gen_fetch(b, path.data, out, err));
    }
    if (out->outcome == GP_GEN_DONE) {
        gp_gen_put_asked(&out->settings, r);
        gp_gen_put_text(&out->settings, "model", r->model);
        gp_gen_put_text(&out->settings, "refiner", r->refiner);
    }
out:
    gp_gen_answer_clear(&answer);
    gp_str_clear(&path);
    gp_str_clear(&body);
    return st;
}

/* Generates an image.  If the session has expired (the server was restarted), opens a new session and tries once
 * more. */
static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    bool expired;
    GP_TRY(make_once(b, r, &expired, out, err));
    if (!expired) return GP_OK;
    gp_mem_free(b->session);
    b->session = NULL;
    GP_TRY(make_once(b, r, &expired, out, err));
    return expired ? gp_gen_set_result(out, GP_GEN_RETRY, "the server rejects the session that it has just opened")
                   : GP_OK;
}

const gp_gen_protocol_table gp_gen_swarm = {"swarmui", GP_GEN_SEEDS, NULL, make, NULL, NULL};
