/* SPDX-License-Identifier: MIT
 *
 * Fetch a model from the hub into the cache.
 *
 *     HEAD config.json @ revision --> commit          everything after it is asked for by commit
 *     HEAD the other files        --> etag, size      404: noted in .no_exist
 *     GET what the cache lacks    --> ETAG.incomplete --> hash right? --> blobs/ETAG --> snapshots/COMMIT/FILE
 *     refs/REVISION = commit                          last, so that an unfinished download hides no finished one
 *
 * What came in stays through a cut, a stop or a kill (.incomplete) and is continued by range.  A file becomes a blob
 * only when its bytes on the disk have the hash that names it.  Protocol: huggingface_hub's file_download.py. */
#include "net/hub.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http.h"
#include "net/hub_cache.h"
#include "net/hub_index.h"
#include "net/sha.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAX_FILES = 1100, LEAST = 1024 /* a download must receive more than this many bytes in each 10 seconds */ };

/* One file of the model that must be fetched. */
struct file {
    char *name;
    char etag[65];
    bool sized;
    uint64_t size;
};

struct job {
    const char *name, *revision;
    bool force;
    gp_hub_repo repo;
    gp_http *http;
    char *endpoint, *token;
    double etag_timeout, download_timeout;
    char commit[41];
    bool commit_known;
    struct file *files;
    size_t count;
    gp_progress_meter ticker;
    uint64_t done; /* bytes in place, of all files to fetch */
    /* the file under way */
    int fd;
    uint64_t at, limit; /* bytes in .incomplete; most it may get */
    int write_error;
    bool too_long;
};

static gp_status no_memory(gp_error *err)
{
    return gp_fail(err, GP_ERR_MEMORY, "out of memory for a download");
}

static bool tick(void *user)
{
    struct job *job = user;
    return gp_progress_meter_update(&job->ticker, job->done, 0);
}

/* ------------------------------------------------------------------ environment */

static gp_status read_endpoint(struct job *job, gp_error *err)
{
    const char *set = getenv("HF_ENDPOINT");
    if (!set || !*set) set = "https://huggingface.co";
    if (!gp_str_starts(set, "http://") && !gp_str_starts(set, "https://"))
        return gp_fail(err, GP_ERR_USAGE, "HF_ENDPOINT is '%.200s', which is no http or https address", set);
    size_t length = strlen(set);
    while (length > 0 && set[length - 1] == '/') length--;
    job->endpoint = gp_str_dup_n(set, length);
    return job->endpoint ? GP_OK : no_memory(err);
}

/* $HF_TOKEN, else the file at $HF_TOKEN_PATH, else $HF_HOME/token.  No message ever holds it. */
static gp_status read_token(struct job *job, gp_error *err)
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
        if (!path) GP_TRY_GOTO(no_memory(err));
        if (gp_file_read(path, 4096, &bytes, NULL) != GP_OK) goto out;
        text = (const char *)bytes.data;
    }
    while (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t') text++;
    size_t length = strlen(text);
    while (length > 0 && strchr(" \n\r\t", text[length - 1])) length--;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE,
                                "the token for the hub (HF_TOKEN or its file) holds a space or a strange character"));
    if (length > 0 && !(job->token = gp_str_dup_n(text, length))) st = no_memory(err);
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

/* ------------------------------------------------------------------ asking */

/* Refusals in words that say what to do. */
static gp_status refused(const struct job *job, const gp_http_response *r, const char *file, gp_error *err)
{
    char *code = gp_http_header(r, "x-error-code");
    const char *why = code ? code : "";
    gp_status st;
    if (!strcmp(why, "GatedRepo") || r->code == 403)
        st = gp_fail(err, GP_ERR_NETWORK, "model '%s' is gated: accept its terms at %s/%s, then %s", job->name,
                     job->endpoint, job->name,
                     job->token ? "use a token (HF_TOKEN) of the account that did"
                                : "set HF_TOKEN to a token of that account");
    else if (!strcmp(why, "RevisionNotFound"))
        st = gp_fail(err, GP_ERR_NOT_FOUND, "model '%s' has no revision '%s'", job->name, job->revision);
    else if (r->code == 401 && !strcmp(why, ""))
        st = gp_fail(err, GP_ERR_NETWORK, "the hub refuses model '%s' (401): %s", job->name,
                     job->token ? "the token in HF_TOKEN is not valid or may not read it"
                                : "a private model needs HF_TOKEN");
    else if (r->code == 401 || r->code == 404)
        st = gp_fail(err, GP_ERR_NOT_FOUND, "no model '%s' at %s: check the name%s", job->name, job->endpoint,
                     job->token ? "" : "; a private one needs HF_TOKEN");
    else
        st = gp_fail(err, GP_ERR_NETWORK, "the hub answers %ld for '%s' of model '%s'", r->code, file, job->name);
    gp_mem_free(code);
    return st;
}

static char *file_url(const struct job *job, const char *file)
{
    gp_str url = GP_STR_INIT;
    gp_str_printf(&url, "%s/%s/resolve/", job->endpoint, job->name);
    gp_http_put_escaped(&url, job->commit_known ? job->commit : job->revision, "-_.");
    gp_str_printf(&url, "/%s", file);
    return gp_str_take(&url);
}

/* The commit that the hub names: learnt from the first answer, the same in all others. */
static gp_status take_commit(struct job *job, const gp_http_response *r, gp_error *err)
{
    gp_status st = GP_OK;
    char *commit = gp_http_header(r, "x-repo-commit");
    if (!commit && job->commit_known) return GP_OK;
    if (!commit || !gp_hub_commit_valid(commit))
        st = gp_fail(err, GP_ERR_FORMAT, "%s does not answer as a model hub: %s x-repo-commit", job->endpoint,
                     commit ? "strange" : "no");
    else if (job->commit_known && strcmp(commit, job->commit) != 0)
        st = gp_fail(err, GP_ERR_FORMAT, "%s answers with another commit than was asked for", job->endpoint);
    else {
        memcpy(job->commit, commit, sizeof job->commit);
        job->commit_known = true;
    }
    gp_mem_free(commit);
    return st;
}

/* x-linked-etag, else etag, without W/ and quotes; it names a blob, so it must be a hash. */
static gp_status take_etag(struct job *job, const gp_http_response *r, struct file *file, gp_error *err)
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
                 : gp_fail(err, GP_ERR_FORMAT, "%s gives no hash (etag) for '%s', so it could not be checked",
                           job->endpoint, file->name);
}

/* Ask about a file: *found false when the hub has none (noted in the cache). */
static gp_status ask(struct job *job, struct file *file, bool *found, gp_error *err)
{
    gp_http_response r = {0};
    gp_status st = GP_OK;
    char *url = file_url(job, file->name), *text = NULL;
    gp_http_request request = {.url = url,
                               .method = "HEAD",
                               .token = job->token,
                               .silence = job->etag_timeout,
                               .least = LEAST,
                               .progress = tick,
                               .user = job};
    if (!url) GP_TRY_GOTO(no_memory(err));
    GP_TRY_GOTO(gp_http_send(job->http, &request, &r, err));
    *found = r.code == 200 || (r.code >= 300 && r.code < 400);
    if (!*found) {
        char *why = gp_http_header(&r, "x-error-code");
        bool no_entry = r.code == 404 && (why ? !strcmp(why, "EntryNotFound") : job->commit_known);
        gp_mem_free(why);
        if (!no_entry) GP_TRY_GOTO(refused(job, &r, file->name, err));
        GP_TRY_GOTO(take_commit(job, &r, err));
        (void)!gp_hub_absent_note(&job->repo, job->commit, file->name, NULL); /* only saves a question next time */
        goto out;
    }
    GP_TRY_GOTO(take_commit(job, &r, err));
    GP_TRY_GOTO(take_etag(job, &r, file, err));
    text = gp_http_header(&r, "x-linked-size");
    if (!text && r.code == 200) text = gp_http_header(&r, "content-length");
    file->sized = text && gp_parse_u64(text, &file->size);
    if (file->sized && file->size > (uint64_t)1 << 46)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT, "'%s' is said to have %s bytes", file->name, text));
out:
    gp_mem_free(text);
    gp_mem_free(url);
    gp_http_response_clear(&r);
    return st;
}

/* Put a file on the list if the cache lacks it.  *found says whether the model has it. */
static gp_status plan(struct job *job, const char *name, bool *found, gp_error *err)
{
    if (!job->force && job->commit_known) {
        *found = gp_hub_has(&job->repo, job->commit, name);
        if (*found || gp_hub_absent(&job->repo, job->commit, name)) return GP_OK;
    }
    if (job->count == MAX_FILES) return gp_fail(err, GP_ERR_LIMIT, "model '%s' has too many files", job->name);
    struct file *file = &job->files[job->count];
    *file = (struct file){.name = gp_str_dup(name)};
    if (!file->name) return no_memory(err);
    gp_status st = ask(job, file, found, err);
    if (st == GP_OK && *found && (job->force || !gp_hub_has(&job->repo, job->commit, name))) {
        job->count++;
        job->ticker.state.total += file->size;
        return GP_OK;
    }
    gp_mem_free(file->name);
    return st;
}

/* ------------------------------------------------------------------ fetching */

static bool receive(void *user, const void *bytes, size_t size)
{
    struct job *job = user;
    const char *from = bytes;
    if (size > job->limit - job->at) {
        job->too_long = true;
        return false;
    }
    while (size > 0) {
        ssize_t put = write(job->fd, from, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            job->write_error = errno;
            return false;
        }
        from += put, size -= (size_t)put;
        job->at += (uint64_t)put, job->done += (uint64_t)put;
    }
    return true;
}

/* Let go of what is in .incomplete and begin again. */
static gp_status start_over(struct job *job, const char *path, gp_error *err)
{
    if (ftruncate(job->fd, 0) != 0) return gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path);
    job->done -= job->at;
    job->at = 0;
    return GP_OK;
}

/* Get the bytes from job->at on. */
static gp_status transfer(struct job *job, const struct file *file, const char *path, gp_error *err)
{
    gp_status st = GP_OK;
    gp_http_response r = {0};
    char *url = file_url(job, file->name);
    gp_http_request request = {.url = url,
                               .method = "GET",
                               .token = job->token,
                               .offset = job->at,
                               .follow = true,
                               .silence = job->download_timeout,
                               .least = LEAST,
                               .sink = receive,
                               .progress = tick,
                               .user = job};
    if (!url) GP_TRY_GOTO(no_memory(err));
    job->write_error = 0, job->too_long = false;
    st = gp_http_send(job->http, &request, &r, err);
    if (job->write_error) GP_TRY_GOTO(gp_fail_errno(err, GP_ERR_IO, job->write_error, "cannot write '%s'", path));
    if (job->too_long)
        GP_TRY_GOTO(
            gp_fail(err, GP_ERR_FORMAT, "'%s' of model '%s' is longer than the hub stated", file->name, job->name));
    if (st != GP_OK) goto out;
    if (r.code == 416) { /* the range lies beyond the file: what we have is not its beginning */
        GP_TRY_GOTO(start_over(job, path, err));
        gp_http_response_clear(&r);
        request.offset = 0;
        GP_TRY_GOTO(gp_http_send(job->http, &request, &r, err));
    }
    if (r.code != 200 && r.code != 206) GP_TRY_GOTO(refused(job, &r, file->name, err));
    if (file->sized && job->at != file->size)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_NETWORK, "'%s' of model '%s' ended early: the same command goes on", file->name,
                            job->name));
out:
    gp_mem_free(url);
    gp_http_response_clear(&r);
    return st;
}

static gp_status hash_right(struct job *job, const char *path, const char *etag, bool *right, gp_error *err)
{
    char hex[65];
    GP_TRY(gp_sha_file(path, strlen(etag) == 64 ? GP_SHA256 : GP_SHA1_GIT, tick, job, hex, err));
    *right = !strcmp(hex, etag);
    return GP_OK;
}

/* Fill blobs/ETAG.incomplete and make it blobs/ETAG.  Called with the lock held and the blob absent. */
static gp_status fill(struct job *job, const struct file *file, const char *blob, gp_error *err)
{
    gp_status st = GP_OK;
    bool right = false;
    struct stat info;
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s.incomplete", blob);
    job->fd = -1;
    if (path.failed) GP_TRY_GOTO(no_memory(err));
    job->fd = open(path.data, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (job->fd < 0 || fstat(job->fd, &info) != 0)
        GP_TRY_GOTO(gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path.data));
    job->limit = file->sized ? file->size : UINT64_MAX;
    job->at = (uint64_t)info.st_size;
    job->done += job->at;
    if (job->at > job->limit) GP_TRY_GOTO(start_over(job, path.data, err));
    for (bool resumed = job->at > 0;; resumed = false) {
        if (!file->sized || job->at < file->size) st = transfer(job, file, path.data, err);
        if (st == GP_OK && job->at == 0 && file->sized && file->size > 0)
            st = gp_fail(err, GP_ERR_NETWORK, "'%s' of model '%s' came empty", file->name, job->name);
        if (st == GP_OK) st = hash_right(job, path.data, file->etag, &right, err);
        if (st == GP_OK && right) break;
        if (st != GP_OK && st != GP_ERR_FORMAT) goto out; /* cut, stopped, disk full: kept for the next time */
        if (!resumed) {
            unlink(path.data);
            if (st == GP_OK)
                st = gp_fail(err, GP_ERR_FORMAT,
                             "'%s' of model '%s' does not have the hash that the hub states (%s): removed; try again",
                             file->name, job->name, file->etag);
            goto out;
        }
        GP_TRY_GOTO(start_over(job, path.data, err)); /* the part from before may be the wrong one */
    }
    if (fsync(job->fd) != 0 || rename(path.data, blob) != 0)
        GP_TRY_GOTO(gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", blob));
out:
    if (job->fd >= 0) close(job->fd);
    job->fd = -1;
    gp_str_clear(&path);
    return st;
}

/* Forced: does what the cache has still carry its hash?  What does not is removed. */
static gp_status recheck(struct job *job, const struct file *file, const char *path, gp_error *err)
{
    bool right = false;
    if (access(path, R_OK) != 0) return GP_OK;
    GP_TRY(hash_right(job, path, file->etag, &right, err));
    if (!right && unlink(path) != 0)
        return gp_fail_errno(err, GP_ERR_IO, errno, "cannot remove the damaged '%s'", path);
    return GP_OK;
}

static gp_status fetch_file(struct job *job, const struct file *file, gp_error *err)
{
    gp_status st = GP_OK;
    int lock = -1;
    bool fresh = false;
    char *blob = gp_hub_path(&job->repo, "blobs", file->etag, NULL);
    char *entry = gp_hub_path(&job->repo, "snapshots", job->commit, file->name);
    if (!blob || !entry) GP_TRY_GOTO(no_memory(err));
    GP_TRY_GOTO(gp_hub_lock(&job->repo, file->etag, tick, job, &lock, err));
    if (job->force) {
        GP_TRY_GOTO(recheck(job, file, blob, err));
        GP_TRY_GOTO(recheck(job, file, entry, err));
    }
    if (access(entry, R_OK) == 0)
        job->done += file->size; /* somebody else was quicker, or it was right all along */
    else {
        if (access(blob, R_OK) == 0)
            job->done += file->size;
        else {
            unlink(blob); /* a link into a shared store that leads nowhere */
            GP_TRY_GOTO(fill(job, file, blob, err));
            fresh = true;
        }
        GP_TRY_GOTO(gp_hub_link(&job->repo, job->commit, file->name, file->etag, fresh, err));
    }
    if (!tick(job)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_hub_unlock(lock);
    gp_mem_free(blob);
    gp_mem_free(entry);
    return st;
}

/* ------------------------------------------------------------------ the whole */

/* The weights are only there as pickles? Say so, and how to convert. */
static gp_status no_weights(struct job *job, gp_error *err)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                          "open_clip_pytorch_model.bin"};
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        struct file file = {.name = gp_str_dup(pickles[i])};
        bool found = false;
        gp_status st = file.name ? ask(job, &file, &found, err) : no_memory(err);
        gp_mem_free(file.name);
        if (st != GP_OK && st != GP_ERR_FORMAT) return st;
        if (!found) continue;
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "model '%s' has its weights only as a pickle ('%s'), which goldpan never loads because loading one can "
            "run any code; convert it once where you trust it: python3 -c \"import transformers as t; n='%s'; "
            "t.CLIPModel.from_pretrained(n).save_pretrained('converted', safe_serialization=True); "
            "t.CLIPProcessor.from_pretrained(n).save_pretrained('converted')\", then use the folder 'converted'",
            job->name, pickles[i], job->name);
    }
    return gp_fail(err, GP_ERR_UNSUPPORTED, "model '%s' has no model.safetensors, so goldpan cannot read it",
                   job->name);
}

/* A sharded model: its index is fetched at once, for it names the shards. */
static gp_status plan_shards(struct job *job, gp_error *err)
{
    gp_status st = GP_OK;
    char **shards = NULL, *path = NULL;
    size_t count = 0, before = job->count;
    bool found = false;
    GP_TRY_GOTO(plan(job, "model.safetensors.index.json", &found, err));
    if (!found) GP_TRY_GOTO(no_weights(job, err));
    if (job->count > before) {
        job->count--;
        st = fetch_file(job, &job->files[job->count], err);
        gp_mem_free(job->files[job->count].name);
        GP_TRY_GOTO(st);
    }
    path = gp_hub_path(&job->repo, "snapshots", job->commit, "model.safetensors.index.json");
    if (!path) GP_TRY_GOTO(no_memory(err));
    GP_TRY_GOTO(gp_hub_shards_read(path, &shards, &count, err));
    for (size_t i = 0; i < count; i++) {
        GP_TRY_GOTO(plan(job, shards[i], &found, err));
        if (!found)
            GP_TRY_GOTO(
                gp_fail(err, GP_ERR_FORMAT, "model '%s' lacks '%s', which its index names", job->name, shards[i]));
    }
out:
    gp_hub_shards_free(shards, count);
    gp_mem_free(path);
    return st;
}

static gp_status plan_all(struct job *job, gp_error *err)
{
    static const char *const small[] = {
        "preprocessor_config.json", "tokenizer.json",         "vocab.json", "merges.txt",
        "tokenizer_config.json",    "special_tokens_map.json"};
    bool found = false;
    GP_TRY(plan(job, "config.json", &found, err));
    if (!found)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "'%s' has no config.json, so it is no model that goldpan reads",
                       job->name);
    GP_TRY(gp_hub_prepare(&job->repo, job->commit, err));
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) GP_TRY(plan(job, small[i], &found, err));
    GP_TRY(plan(job, "model.safetensors", &found, err));
    return found ? GP_OK : plan_shards(job, err);
}

/* Is there room for what is still to come?  16 MiB are left to others. */
static gp_status check_space(struct job *job, gp_error *err)
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
    return gp_fail(err, GP_ERR_IO, "model '%s' needs %.2f GB more, and '%s' has %.2f GB free", job->name,
                   (double)need / 1e9, job->repo.cache, (double)room / 1e9);
}

static gp_status fetch_all(struct job *job, gp_error *err)
{
    GP_TRY(read_endpoint(job, err));
    GP_TRY(read_token(job, err));
    job->etag_timeout = read_seconds("HF_HUB_ETAG_TIMEOUT");
    job->download_timeout = read_seconds("HF_HUB_DOWNLOAD_TIMEOUT");
    GP_TRY(gp_http_open(&job->http, err));
    GP_TRY(gp_alloc((void **)&job->files, MAX_FILES, sizeof *job->files, "a download", err));
    gp_status st = plan_all(job, err);
    if (st == GP_OK) st = check_space(job, err);
    for (size_t i = 0; st == GP_OK && i < job->count; i++) st = fetch_file(job, &job->files[i], err);
    if (st == GP_OK) st = gp_hub_ref_write(&job->repo, job->revision, job->commit, err);
    return st == GP_ERR_NETWORK ? gp_fail_within(err, st, "cannot download '%s'", job->name) : st;
}

static void job_clear(struct job *job)
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
    struct job job = {
        .name = name, .revision = options->revision ? options->revision : "main", .force = options->force};
    GP_TRY_GOTO(gp_hub_repo_init(&job.repo, name, err));
    GP_TRY_GOTO(gp_hub_ref_read(&job.repo, job.revision, job.commit, &job.commit_known, err));
    bool here = job.commit_known && gp_hub_complete(&job.repo, job.commit);
    if (job.force || !here) {
        if (gp_hub_env_on("HF_HUB_OFFLINE") || gp_hub_env_on("TRANSFORMERS_OFFLINE"))
            GP_TRY_GOTO(gp_fail(err, GP_ERR_NOT_FOUND, "HF_HUB_OFFLINE is set and model '%s' is %s in the cache '%s'",
                                name, here ? "not to be checked" : "not complete", job.repo.cache));
        job.commit_known = gp_hub_commit_valid(job.revision); /* a branch may have moved on: the hub knows */
        gp_progress_meter_init(&job.ticker, "download", 0, options->progress, options->user);
        GP_TRY_GOTO(fetch_all(&job, err));
        gp_progress_meter_finish(&job.ticker);
    }
    if (folder) {
        path = gp_hub_path(&job.repo, "snapshots", job.commit, NULL);
        if (!path) GP_TRY_GOTO(no_memory(err));
        *folder = path;
    }
out:
    job_clear(&job);
    return st;
}
