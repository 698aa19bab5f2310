/* SPDX-License-Identifier: MIT
 * Requests a file's commit, hash (etag) and size from the hub.  Protocol: huggingface_hub's file_download.py. */
#include "base/mem.h"
#include "base/str.h"
#include "net/hub_job.h"

#include <string.h>

gp_status gp_hub_refused(const gp_hub_job *job, const gp_http_response *r, const char *file, gp_error *err)
{
    char *code = gp_http_header(r, "x-error-code");
    const char *why = code ? code : "";
    gp_status st;
    if (!strcmp(why, "GatedRepo") || r->code == 403)
        st = gp_fail(err, GP_ERR_NETWORK, "model '%s' is gated: accept its terms at %s/%s, then %s", job->name,
                     job->endpoint, job->name,
                     job->token ? "set HF_TOKEN to a token of the account that accepted them"
                                : "set HF_TOKEN to a token of that account");
    else if (!strcmp(why, "RevisionNotFound"))
        st = gp_fail(err, GP_ERR_NOT_FOUND, "model '%s' has no revision '%s'", job->name, job->revision);
    else if (r->code == 401 && !strcmp(why, ""))
        st = gp_fail(err, GP_ERR_NETWORK, "the hub rejects the request for model '%s' (401): %s", job->name,
                     job->token ? "the token in HF_TOKEN is not valid, or its account may not read this model"
                                : "if the model is private, set HF_TOKEN");
    else if (r->code == 401 || r->code == 404)
        st = gp_fail(err, GP_ERR_NOT_FOUND, "no model '%s' at %s: check the name%s", job->name, job->endpoint,
                     job->token ? "" : "; if the model is private, set HF_TOKEN");
    else
        st = gp_fail(err, GP_ERR_NETWORK,
                     "the hub answered with status %ld to the request for '%s' of model '%s'; try again later", r->code,
                     file, job->name);
    gp_mem_free(code);
    return st;
}

char *gp_hub_file_url(const gp_hub_job *job, const char *file)
{
    gp_str url = GP_STR_INIT;
    gp_str_printf(&url, "%s/%s/resolve/", job->endpoint, job->name);
    gp_http_put_escaped(&url, job->commit_known ? job->commit : job->revision, "-_.");
    gp_str_printf(&url, "/%s", file);
    return gp_str_take(&url);
}

/* Takes the commit from the first response; all later responses must name the same commit. */
static gp_status take_commit(gp_hub_job *job, const gp_http_response *r, gp_error *err)
{
    gp_status st = GP_OK;
    char *commit = gp_http_header(r, "x-repo-commit");
    if (!commit && job->commit_known) return GP_OK;
    if (!commit || !gp_hub_commit_valid(commit))
        st = gp_fail(err, GP_ERR_FORMAT, "%s does not answer as a model hub: its header x-repo-commit is %s",
                     job->endpoint, commit ? "invalid" : "missing");
    else if (job->commit_known && strcmp(commit, job->commit) != 0)
        st = gp_fail(err, GP_ERR_FORMAT, "%s returned commit %s, not the requested commit %s", job->endpoint, commit,
                     job->commit);
    else {
        memcpy(job->commit, commit, sizeof job->commit);
        job->commit_known = true;
    }
    gp_mem_free(commit);
    return st;
}

/* Reads the header x-linked-etag or, if it is missing, etag, without W/ and quotes.  The value becomes the file name of
 * a blob, so it must be a hash. */
static gp_status take_etag(gp_hub_job *job, const gp_http_response *r, gp_hub_file *file, gp_error *err)
{
    char *etag = gp_http_header(r, "x-linked-etag");
    if (!etag) etag = gp_http_header(r, "etag");
    const char *from = etag ? etag : "";
    if (gp_str_starts(from, "W/")) from += 2;
    size_t length = strlen(from);
    if (length >= 2 && from[0] == '"' && from[length - 1] == '"') from++, length -= 2;
    bool right = length < sizeof file->etag;
    if (right) {
        memcpy(file->etag, from, length);
        file->etag[length] = 0;
        right = gp_hub_etag_valid(file->etag);
    }
    gp_mem_free(etag);
    return right ? GP_OK
                 : gp_fail(err, GP_ERR_FORMAT, "%s sends no hash (etag) for '%s', so goldpan cannot verify it",
                           job->endpoint, file->name);
}

gp_status gp_hub_ask(gp_hub_job *job, gp_hub_file *file, bool *found, gp_error *err)
{
    gp_http_response r = {0};
    gp_status st = GP_OK;
    char *url = gp_hub_file_url(job, file->name), *text = NULL;
    gp_http_request request = {.url = url,
                               .method = "HEAD",
                               .token = job->token,
                               .silence = job->etag_timeout,
                               .least = GP_HUB_MIN_BYTES,
                               .progress = gp_hub_tick,
                               .user = job};
    if (!url) GP_TRY_GOTO(gp_hub_no_memory(err));
    GP_TRY_GOTO(gp_http_send(job->http, &request, &r, err));
    *found = r.code == 200 || (r.code >= 300 && r.code < 400);
    if (!*found) {
        char *why = gp_http_header(&r, "x-error-code");
        bool no_entry = r.code == 404 && (why ? !strcmp(why, "EntryNotFound") : job->commit_known);
        gp_mem_free(why);
        if (!no_entry) GP_TRY_GOTO(gp_hub_refused(job, &r, file->name, err));
        GP_TRY_GOTO(take_commit(job, &r, err));
        (void)!gp_hub_absent_note(&job->repo, job->commit, file->name, NULL); /* saves a request next time */
        goto out;
    }
    GP_TRY_GOTO(take_commit(job, &r, err));
    GP_TRY_GOTO(take_etag(job, &r, file, err));
    text = gp_http_header(&r, "x-linked-size");
    if (!text && r.code == 200) text = gp_http_header(&r, "content-length");
    file->sized = text && gp_parse_u64(text, &file->size);
    if (file->sized && file->size > (uint64_t)1 << 46)
        GP_TRY_GOTO(
            gp_fail(err, GP_ERR_LIMIT, "the hub states an impossible size for '%s': %s bytes", file->name, text));
out:
    gp_mem_free(text);
    gp_mem_free(url);
    gp_http_response_clear(&r);
    return st;
}
