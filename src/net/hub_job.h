/* SPDX-License-Identifier: MIT
 * Private to net: the download of one model.  hub.c plans it, hub_ask.c requests each file's hash and size,
 * hub_fetch.c receives the files. */
#ifndef GP_NET_HUB_JOB_H
#define GP_NET_HUB_JOB_H

#include "base/clock.h"
#include "base/status.h"
#include "net/http.h"
#include "net/hub_cache.h"

/* A download must receive more than this many bytes in each 10 seconds. */
enum { GP_HUB_MIN_BYTES = 1024 };

/* One file of the model that must be fetched. */
typedef struct gp_hub_file {
    char *name;
    char etag[65];
    bool sized;
    uint64_t size;
} gp_hub_file;

typedef struct gp_hub_job {
    const char *name, *revision;
    bool force;
    gp_hub_repo repo;
    gp_http *http;
    char *endpoint, *token;
    double etag_timeout, download_timeout;
    char commit[41];
    bool commit_known;
    gp_hub_file *files;
    size_t count;
    gp_progress_meter ticker;
    uint64_t done; /* bytes present in the cache, of all files to fetch */
    /* the current file */
    int fd;
    uint64_t at, limit; /* at: bytes in the .incomplete file now; limit: maximum bytes of this file */
    int write_error;
    bool too_long;
} gp_hub_job;

gp_status gp_hub_no_memory(gp_error *err);
/* Reports progress; false: stop.  `user` is the job. */
bool gp_hub_tick(void *user);

/* hub_ask.c */
/* Returns the error for a response without success; the message says what to do. */
gp_status gp_hub_refused(const gp_hub_job *job, const gp_http_response *response, const char *file, gp_error *err);
/* Returns the address of a file of the model.  Owned (gp_mem_free); NULL: out of memory. */
char *gp_hub_file_url(const gp_hub_job *job, const char *file);
/* Requests a file's etag and size from the hub.  *found is false if the hub has no such file; the cache then records
 * that. */
gp_status gp_hub_ask(gp_hub_job *job, gp_hub_file *file, bool *found, gp_error *err);

/* hub_fetch.c: downloads one file into the cache and checks its hash. */
gp_status gp_hub_fetch_file(gp_hub_job *job, const gp_hub_file *file, gp_error *err);

#endif
