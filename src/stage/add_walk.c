/* SPDX-License-Identifier: MIT
 * The first step of the stage add: finds the files, on its own thread. */
#include "stage/add_private.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/str.h"
#include "ingest/walk.h"

#include <string.h>
#include <sys/stat.h>

void gp_add_job_free(gp_add_job *job)
{
    if (!job) return;
    gp_add_forget_prompt(job);
    gp_meta_clear(&job->beside);
    gp_mem_free(job->refused);
    gp_mem_free(job->settings);
    gp_mem_free(job->negative);
    gp_mem_free(job->problem);
    gp_mem_free(job->path);
    gp_mem_free(job);
}

static bool enqueue(gp_add_run *r, const gp_walk_entry *found, const gp_walk_problem *problem)
{
    gp_add_job *job = gp_mem_zero(1, sizeof *job);
    if (job) {
        job->path = gp_str_dup(found->path);
        job->problem = problem ? gp_str_dup(problem->message) : NULL;
        job->problem_number = problem ? problem->number : 0;
        job->size = found->size;
        job->mtime_ns = found->mtime_ns;
        job->listed = found->listed;
    }
    if (!job || !job->path || (problem && !job->problem)) {
        gp_add_job_free(job);
        r->walk_status = gp_fail_memory(&r->walk_error, "the list of files");
        return false;
    }
    if (gp_queue_put(r->found, job)) return true;
    gp_add_job_free(job); /* the thread that called gp_stage_add has closed the queue */
    return false;
}

static bool on_found(void *user, const gp_walk_entry *found)
{
    const gp_add_how *how = ((gp_add_run *)user)->how;
    return (how->wanted && !how->wanted(how->user, found)) || enqueue(user, found, NULL);
}

static void on_problem(void *user, const gp_walk_problem *problem)
{
    enqueue(user, &(gp_walk_entry){.path = problem->path}, problem);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void on_passed(void *user, const gp_walk_passed *one)
{
    const char *table = ((gp_add_run *)user)->options->prompts;
    if (one->kind == GP_PASSED_SET && table && is_same_file(one->path, table)) return;
    gp_passed_add(&((gp_add_run *)user)->passed, one);
}

/* Enqueues the files that are given as roots. Files that no longer exist, and files of an export, are skipped. */
static gp_status enqueue_files(gp_add_run *r, gp_error *err)
{
    gp_own_names exported = {0};
    char *last = NULL; /* the folder of `exported` */
    gp_status st = GP_OK;
    for (size_t i = 0; i < r->options->root_count; i++) {
        struct stat info;
        const char *path = r->options->roots[i];
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        char *folder = gp_path_folder(path);
        if (!folder) GP_TRY_GOTO(gp_fail_memory_path(err, "the path '%s'", path));
        if (!last || strcmp(last, folder) != 0) {
            gp_own_names_clear(&exported);
            gp_mem_free(last);
            last = folder, folder = NULL;
            (void)!gp_own_names_read(last, &exported, NULL);
        }
        gp_mem_free(folder);
        if (gp_own_names_have(&exported, gp_path_base(path))) continue;
        gp_walk_entry found = {path, (uint64_t)info.st_size,
                               (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec, false};
        if (!on_found(r, &found)) break;
    }
out:
    gp_own_names_clear(&exported);
    gp_mem_free(last);
    return st;
}

void gp_add_walk_thread(void *user, int index)
{
    (void)index;
    gp_add_run *r = user;
    gp_error err = {0};
    gp_walk_calls calls = {.visit = on_found, .problem = on_problem, .passed = on_passed, .user = r};
    gp_status st =
        r->how->files ? enqueue_files(r, &err) : gp_walk_all(r->options->roots, r->options->root_count, &calls, &err);
    if (r->walk_status == GP_OK && st != GP_OK && st != GP_ERR_STOPPED) {
        r->walk_status = st;
        r->walk_error = err;
    }
    gp_queue_close(r->found);
}
