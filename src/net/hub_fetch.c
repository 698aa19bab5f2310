/* SPDX-License-Identifier: MIT
 * Receives one file of a model.  Received bytes stay in ETAG.incomplete after a broken connection, a stop or a kill,
 * and the next run continues by range.  The file becomes a blob only when its bytes on the disk have the hash that
 * names it. */
#include "base/mem.h"
#include "base/str.h"
#include "net/hub_job.h"
#include "net/sha.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool receive(void *user, const void *bytes, size_t size)
{
    gp_hub_job *job = user;
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

/* Discards the bytes in .incomplete and starts at byte 0. */
static gp_status start_over(gp_hub_job *job, const char *path, gp_error *err)
{
    if (ftruncate(job->fd, 0) != 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path);
    job->done -= job->at;
    job->at = 0;
    return GP_OK;
}

/* Receives the bytes from job->at on. */
static gp_status transfer(gp_hub_job *job, const gp_hub_file *file, const char *path, gp_error *err)
{
    gp_status st = GP_OK;
    gp_http_response r = {0};
    char *url = gp_hub_file_url(job, file->name);
    gp_http_request request = {.url = url,
                               .method = "GET",
                               .token = job->token,
                               .offset = job->at,
                               .follow = true,
                               .silence = job->download_timeout,
                               .least = GP_HUB_MIN_BYTES,
                               .sink = receive,
                               .progress = gp_hub_tick,
                               .user = job};
    if (!url) GP_TRY_GOTO(gp_hub_no_memory(err));
    job->write_error = 0, job->too_long = false;
    st = gp_http_send(job->http, &request, &r, err);
    if (job->write_error) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, job->write_error, "cannot write '%s'", path));
    if (job->too_long)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "'%s' of model '%s' is longer than the size that the hub states",
                            file->name, job->name));
    if (st != GP_OK) goto out;
    /* the range is past the end of the file, so the bytes in .incomplete are not the start of this file */
    if (r.code == 416) {
        GP_TRY_GOTO(start_over(job, path, err));
        gp_http_response_clear(&r);
        request.offset = 0;
        GP_TRY_GOTO(gp_http_send(job->http, &request, &r, err));
    }
    if (r.code != 200 && r.code != 206) GP_TRY_GOTO(gp_hub_refused(job, &r, file->name, err));
    if (file->sized && job->at != file->size)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_NETWORK,
                            "the download of '%s' of model '%s' ended early: run the same command again to continue",
                            file->name, job->name));
out:
    gp_mem_free(url);
    gp_http_response_clear(&r);
    return st;
}

static gp_status hash_right(gp_hub_job *job, const char *path, const char *etag, bool *right, gp_error *err)
{
    char hex[65];
    GP_TRY(gp_sha_file(path, strlen(etag) == 64 ? GP_SHA256 : GP_SHA1_GIT, gp_hub_tick, job, hex, err));
    *right = !strcmp(hex, etag);
    return GP_OK;
}

/* Fills blobs/ETAG.incomplete and renames it to blobs/ETAG.  Called with the lock held and the blob absent. */
static gp_status fill(gp_hub_job *job, const gp_hub_file *file, const char *blob, gp_error *err)
{
    gp_status st = GP_OK;
    bool right = false;
    struct stat info;
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s.incomplete", blob);
    job->fd = -1;
    if (path.failed) GP_TRY_GOTO(gp_hub_no_memory(err));
    job->fd = open(path.data, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (job->fd < 0 || fstat(job->fd, &info) != 0)
        GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path.data));
    job->limit = file->sized ? file->size : UINT64_MAX;
    job->at = (uint64_t)info.st_size;
    job->done += job->at;
    if (job->at > job->limit) GP_TRY_GOTO(start_over(job, path.data, err));
    for (bool resumed = job->at > 0;; resumed = false) {
        if (!file->sized || job->at < file->size) st = transfer(job, file, path.data, err);
        if (st == GP_OK && job->at == 0 && file->sized && file->size > 0)
            st = gp_fail(err, GP_ERR_NETWORK, "the hub sent an empty '%s' of model '%s'", file->name, job->name);
        if (st == GP_OK) st = hash_right(job, path.data, file->etag, &right, err);
        if (st == GP_OK && right) break;
        if (st != GP_OK && st != GP_ERR_FORMAT)
            goto out; /* connection broken, stopped, disk full: keep the bytes for the next run */
        if (!resumed) {
            unlink(path.data);
            if (st == GP_OK)
                st = gp_fail(
                    err, GP_ERR_FORMAT,
                    "'%s' of model '%s' does not have the hash that the hub states (%s) and was deleted: try again",
                    file->name, job->name, file->etag);
            goto out;
        }
        GP_TRY_GOTO(start_over(job, path.data, err)); /* the bytes of an earlier run may be wrong */
    }
    if (fsync(job->fd) != 0 || rename(path.data, blob) != 0)
        GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", blob));
out:
    if (job->fd >= 0) close(job->fd);
    job->fd = -1;
    gp_str_clear(&path);
    return st;
}

/* For a forced download: checks the hash of the cached file, and removes the file if the hash is wrong. */
static gp_status recheck(gp_hub_job *job, const gp_hub_file *file, const char *path, gp_error *err)
{
    bool right = false;
    if (access(path, R_OK) != 0) return GP_OK;
    GP_TRY(hash_right(job, path, file->etag, &right, err));
    if (!right && unlink(path) != 0)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot remove the damaged file '%s'", path);
    return GP_OK;
}

gp_status gp_hub_fetch_file(gp_hub_job *job, const gp_hub_file *file, gp_error *err)
{
    gp_status st = GP_OK;
    int lock = -1;
    bool fresh = false;
    char *blob = gp_hub_path(&job->repo, "blobs", file->etag, NULL);
    char *entry = gp_hub_path(&job->repo, "snapshots", job->commit, file->name);
    if (!blob || !entry) GP_TRY_GOTO(gp_hub_no_memory(err));
    GP_TRY_GOTO(gp_hub_lock(&job->repo, file->etag, gp_hub_tick, job, &lock, err));
    if (job->force) {
        GP_TRY_GOTO(recheck(job, file, blob, err));
        GP_TRY_GOTO(recheck(job, file, entry, err));
    }
    if (access(entry, R_OK) == 0)
        job->done += file->size; /* another process fetched the file, or the cached file was right */
    else {
        if (access(blob, R_OK) == 0)
            job->done += file->size;
        else {
            unlink(blob); /* remove a broken link, for example into a shared store */
            GP_TRY_GOTO(fill(job, file, blob, err));
            fresh = true;
        }
        GP_TRY_GOTO(gp_hub_link(&job->repo, job->commit, file->name, file->etag, fresh, err));
    }
    if (!gp_hub_tick(job)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_hub_unlock(lock);
    gp_mem_free(blob);
    gp_mem_free(entry);
    return st;
}
