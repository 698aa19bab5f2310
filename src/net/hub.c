/* SPDX-License-Identifier: MIT
 * Fetches a model from the hub into the cache.
 *
 *     HEAD config.json @ revision --> commit          all later requests name the commit
 *     HEAD the other files        --> etag, size      404: recorded in .no_exist
 *     GET what the cache lacks    --> ETAG.incomplete --> hash right? --> blobs/ETAG --> snapshots/COMMIT/FILE
 *     refs/REVISION = commit                          last, so that an unfinished download hides no finished one
 *
 * Received bytes survive a broken connection, a stop or a kill (.incomplete), and are continued by range.  A file
 * becomes a blob only when its bytes on the disk have the hash that names it.  Protocol: huggingface_hub's
 * file_download.py. */
#include "net/hub.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub_index.h"
#include "net/hub_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAX_FILES = 1100 };

gp_status gp_hub_no_memory(gp_error *err)
{
    return gp_fail_memory(err, "a download");
}

bool gp_hub_tick(void *user)
{
    gp_hub_job *job = user;
    return gp_progress_meter_update(&job->ticker, job->done, 0);
}

/* ------------------------------------------------------------------ environment */

static gp_status read_endpoint(gp_hub_job *job, gp_error *err)
{
    const char *set = getenv("HF_ENDPOINT");
    if (!set || !*set) set = "https://huggingface.co";
    if (!gp_str_starts(set, "http://") && !gp_str_starts(set, "https://"))
        return gp_fail(err, GP_ERR_USAGE, "HF_ENDPOINT must be an http or https address, not '%.200s'", set);
    size_t length = strlen(set);
    while (length > 0 && set[length - 1] == '/') length--;
    job->endpoint = gp_str_dup_n(set, length);
    return job->endpoint ? GP_OK : gp_hub_no_memory(err);
}

/* Reads $HF_TOKEN, else the file at $HF_TOKEN_PATH, else $HF_HOME/token.  No message ever contains the token. */
static gp_status read_token(gp_hub_job *job, gp_error *err)
{
    gp_status st = GP_OK;
    gp_bytes bytes = {0};
    char *home = NULL, *path = NULL;
    const char *text = getenv("HF_TOKEN"), *named = getenv("HF_TOKEN_PATH");
    if (!text || !*text) {
        if (gp_hub_env_on("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return GP_OK;
        if (named && *named)
            path = gp_str_dup(named);
        else {
            GP_TRY_GOTO(gp_hub_home(&home, err));
            path = gp_path_join(home, "token");
        }
        if (!path) GP_TRY_GOTO(gp_hub_no_memory(err));
        if (gp_file_read(path, 4096, &bytes, NULL) != GP_OK) goto out;
        text = (const char *)bytes.data;
    }
    while (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t') text++;
    size_t length = strlen(text);
    while (length > 0 && strchr(" \n\r\t", text[length - 1])) length--;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            GP_TRY_GOTO(gp_fail(
                err, GP_ERR_USAGE,
                "the token for the hub (HF_TOKEN or its file) contains a space or a character that is not printable"));
    if (length > 0 && !(job->token = gp_str_dup_n(text, length))) st = gp_hub_no_memory(err);
out:
    if (bytes.data) explicit_bzero(bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
    gp_mem_free(home);
    gp_mem_free(path);
    return st;
}

static double read_seconds(const char *name)
{
    double seconds = 0;
    const char *text = getenv(name);
    return text && gp_parse_double(text, &seconds) && seconds > 0 && seconds < 1e6 ? seconds : 10.0;
}

/* ------------------------------------------------------------------ the plan */

/* Adds a file to the list of downloads if the cache lacks it.  *found: the model on the hub has the file. */
static gp_status plan(gp_hub_job *job, const char *name, bool *found, gp_error *err)
{
    if (!job->force && job->commit_known) {
        *found = gp_hub_has(&job->repo, job->commit, name);
        if (*found || gp_hub_absent(&job->repo, job->commit, name)) return GP_OK;
    }
    if (job->count == MAX_FILES)
        return gp_fail(err, GP_ERR_LIMIT, "model '%s' needs more than %d files", job->name, MAX_FILES);
    gp_hub_file *file = &job->files[job->count];
    *file = (gp_hub_file){.name = gp_str_dup(name)};
    if (!file->name) return gp_hub_no_memory(err);
    gp_status st = gp_hub_ask(job, file, found, err);
    if (st == GP_OK && *found && (job->force || !gp_hub_has(&job->repo, job->commit, name))) {
        job->count++;
        job->ticker.state.total += file->size;
        return GP_OK;
    }
    gp_mem_free(file->name);
    return st;
}

/* ------------------------------------------------------------------ the download */

/* Downloads a small file immediately, because it says which other files are needed. */
static gp_status fetch_now(gp_hub_job *job, const char *name, bool *found, gp_error *err)
{
    const size_t before = job->count;
    GP_TRY(plan(job, name, found, err));
    if (job->count == before) return GP_OK;
    GP_TRY(gp_hub_prepare(&job->repo, job->commit, err));
    job->count--;
    gp_status st = gp_hub_fetch_file(job, &job->files[job->count], err);
    gp_mem_free(job->files[job->count].name);
    return st;
}

/* For a sharded model: downloads the index, which names the shards. */
static gp_status plan_shards(gp_hub_job *job, const char *index, bool *found, gp_error *err)
{
    gp_status st = GP_OK;
    char **shards = NULL, *path = NULL;
    size_t count = 0;
    GP_TRY_GOTO(fetch_now(job, index, found, err));
    if (!*found) goto out;
    path = gp_hub_path(&job->repo, "snapshots", job->commit, index);
    if (!path) GP_TRY_GOTO(gp_hub_no_memory(err));
    GP_TRY_GOTO(gp_hub_shards_read(path, &shards, &count, err));
    for (size_t i = 0; i < count; i++) {
        bool here = false;
        GP_TRY_GOTO(plan(job, shards[i], &here, err));
        if (!here)
            GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "model '%s' has no file '%s', although its index lists it",
                                job->name, shards[i]));
    }
out:
    gp_hub_shards_free(shards, count);
    gp_mem_free(path);
    return st;
}

/* Plans the first weights that the model has, in the order in which goldpan looks for them when it opens the model. */
static gp_status plan_weights(gp_hub_job *job, bool open_clip, gp_error *err)
{
    const char *const *names = open_clip ? gp_hub_open_clip_weights : gp_hub_weights;
    bool found = false;
    for (size_t i = 0; names[i] && !found; i++)
        GP_TRY(gp_str_ends(names[i], ".json") ? plan_shards(job, names[i], &found, err)
                                              : plan(job, names[i], &found, err));
    if (found) return GP_OK;
    return gp_fail(err, GP_ERR_UNSUPPORTED,
                   open_clip ? "model '%s' has neither open_clip_model.safetensors nor open_clip_pytorch_model.bin, so "
                               "goldpan cannot read it"
                             : "model '%s' has neither model.safetensors nor pytorch_model.bin, so goldpan cannot read "
                               "it",
                   job->name);
}

static gp_status plan_all(gp_hub_job *job, gp_error *err)
{
    static const char *const small[] = {
        "preprocessor_config.json", "tokenizer.json",         "vocab.json", "merges.txt",
        "tokenizer_config.json",    "special_tokens_map.json"};
    bool found = false, open_clip = false;
    GP_TRY(fetch_now(job, "config.json", &found, err));
    if (!found || !gp_hub_config_names_type(&job->repo, job->commit))
        GP_TRY(plan(job, "open_clip_config.json", &open_clip, err));
    if (!found && !open_clip)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "model '%s' has neither config.json nor open_clip_config.json, so goldpan cannot read it",
                       job->name);
    GP_TRY(gp_hub_prepare(&job->repo, job->commit, err));
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) GP_TRY(plan(job, small[i], &found, err));
    return plan_weights(job, open_clip, err);
}

/* Checks that the disk has space for the remaining bytes, and 16 MiB for other programs. */
static gp_status check_space(gp_hub_job *job, gp_error *err)
{
    struct statvfs disk;
    uint64_t need = 0, keep = (uint64_t)16 << 20;
    if (statvfs(job->repo.folder, &disk) != 0) return GP_OK;
    uint64_t room = (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    for (size_t i = 0; i < job->count; i++) {
        struct stat info;
        gp_str part = GP_STR_INIT;
        char *blob = gp_hub_path(&job->repo, "blobs", job->files[i].etag, NULL);
        if (blob && access(blob, R_OK) != 0) {
            uint64_t have = 0;
            gp_str_printf(&part, "%s.incomplete", blob);
            if (!part.failed && stat(part.data, &info) == 0) have = (uint64_t)info.st_size;
            need += job->files[i].size > have ? job->files[i].size - have : 0;
        }
        gp_str_clear(&part);
        gp_mem_free(blob);
    }
    if (need == 0 || need + keep <= room) return GP_OK;
    return gp_fail(err, GP_ERR_IO,
                   "the download of model '%s' needs %.2f GB of free space, but the disk of '%s' has only %.2f GB",
                   job->name, (double)(need + keep) / 1e9, job->repo.cache, (double)room / 1e9);
}

static gp_status fetch_all(gp_hub_job *job, gp_error *err)
{
    GP_TRY(read_endpoint(job, err));
    GP_TRY(read_token(job, err));
    job->etag_timeout = read_seconds("HF_HUB_ETAG_TIMEOUT");
    job->download_timeout = read_seconds("HF_HUB_DOWNLOAD_TIMEOUT");
    GP_TRY(gp_http_open(&job->http, err));
    GP_TRY(gp_alloc((void **)&job->files, MAX_FILES, sizeof *job->files, "a download", err));
    gp_status st = plan_all(job, err);
    if (st == GP_OK) st = check_space(job, err);
    for (size_t i = 0; st == GP_OK && i < job->count; i++) st = gp_hub_fetch_file(job, &job->files[i], err);
    if (st == GP_OK) st = gp_hub_ref_write(&job->repo, job->revision, job->commit, err);
    return st == GP_ERR_NETWORK ? gp_fail_within(err, st, "cannot download '%s'", job->name) : st;
}

static void job_clear(gp_hub_job *job)
{
    for (size_t i = 0; i < job->count; i++) gp_mem_free(job->files[i].name);
    gp_mem_free(job->files);
    gp_http_close(job->http);
    if (job->token) explicit_bzero(job->token, strlen(job->token));
    gp_mem_free(job->token);
    gp_mem_free(job->endpoint);
    gp_hub_repo_clear(&job->repo);
}

gp_status gp_hub_fetch(const char *name, const gp_fetch_options *options, char **folder, gp_error *err)
{
    static const gp_fetch_options defaults = GP_FETCH_DEFAULTS;
    if (!options) options = &defaults;
    gp_status st = GP_OK;
    char *path = NULL;
    gp_hub_job job = {
        .name = name, .revision = options->revision ? options->revision : "main", .force = options->force};
    GP_TRY_GOTO(gp_hub_repo_init(&job.repo, name, err));
    GP_TRY_GOTO(gp_hub_ref_read(&job.repo, job.revision, job.commit, &job.commit_known, err));
    bool here = job.commit_known && gp_hub_complete(&job.repo, job.commit);
    if (job.force || !here) {
        if (gp_hub_env_on("HF_HUB_OFFLINE") || gp_hub_env_on("TRANSFORMERS_OFFLINE"))
            GP_TRY_GOTO(gp_fail(
                err, GP_ERR_NOT_FOUND,
                "%s is set, so goldpan cannot %s model '%s' (cache: '%s'): unset the variable to allow network access",
                gp_hub_env_on("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE",
                here ? "check" : "download", name, job.repo.cache));
        job.commit_known =
            gp_hub_commit_valid(job.revision); /* a branch may have moved since, so read its commit from the hub */
        gp_progress_meter_init(&job.ticker, "download", 0, options->progress, options->user);
        GP_TRY_GOTO(fetch_all(&job, err));
        gp_progress_meter_finish(&job.ticker);
    }
    if (folder) {
        path = gp_hub_path(&job.repo, "snapshots", job.commit, NULL);
        if (!path) GP_TRY_GOTO(gp_hub_no_memory(err));
        *folder = path;
    }
out:
    job_clear(&job);
    return st;
}
