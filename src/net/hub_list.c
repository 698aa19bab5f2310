/* SPDX-License-Identifier: MIT
 * Finds a model's snapshot by name and revision, and lists the cached models. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub.h"
#include "net/hub_cache.h"
#include "net/hub_index.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------ the list */

struct names {
    char **items;
    size_t count, capacity;
};

static gp_status names_add(struct names *names, const char *name, gp_error *err)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 16;
        char **items = gp_mem_resize(names->items, capacity, sizeof *items);
        if (!items) return gp_fail_memory(err, "a cache path");
        names->items = items, names->capacity = capacity;
    }
    char *copy = gp_str_dup(name);
    if (!copy) return gp_fail_memory(err, "a cache path");
    names->items[names->count++] = copy;
    return GP_OK;
}

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) gp_mem_free(names->items[i]);
    gp_mem_free(names->items);
    *names = (struct names){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists the entries of a folder in order, without names that begin with a dot; a missing folder has no entries. */
static gp_status entries(const char *path, struct names *names, gp_error *err)
{
    gp_status st = GP_OK;
    DIR *dir = opendir(path);
    if (!dir) return GP_OK;
    for (struct dirent *e; st == GP_OK && (e = readdir(dir));)
        if (e->d_name[0] != '.') st = names_add(names, e->d_name, err);
    closedir(dir);
    if (st == GP_OK && names->count) qsort(names->items, names->count, sizeof *names->items, by_name);
    return st;
}

/* ------------------------------------------------------------------ finding */

/* The snapshots of a model in the cache. */
typedef struct gp_snapshots {
    size_t complete, partial;
    char commit[41];           /* the first complete snapshot, else the first */
    char lacking[GP_HUB_NAME]; /* the first missing file of the first snapshot that is not complete */
    gp_str names;              /* names of the complete snapshots */
} gp_snapshots;

static gp_status look_at_snapshots(const gp_hub_repo *repo, gp_snapshots *out, gp_error *err)
{
    struct names commits = {0};
    char *folder = gp_path_join(repo->folder, "snapshots"), lacking[GP_HUB_NAME];
    gp_status st = folder ? entries(folder, &commits, err) : gp_fail_memory(err, "a cache path");
    for (size_t i = 0; st == GP_OK && i < commits.count; i++) {
        const char *commit = commits.items[i];
        if (!gp_hub_commit_valid(commit)) continue;
        bool partial = gp_hub_missing(repo, commit, out->partial ? lacking : out->lacking);
        size_t *count = partial ? &out->partial : &out->complete;
        if (*count == 0 && !out->complete) memcpy(out->commit, commit, sizeof out->commit);
        if (!partial) gp_str_printf(&out->names, "%s%s", out->names.size ? ", " : "", commit);
        ++*count;
    }
    if (st == GP_OK && out->names.failed) st = gp_fail_memory(err, "a cache path");
    names_clear(&commits);
    gp_mem_free(folder);
    return st;
}

/* Fails because no snapshot fits the request. The message names the existing snapshots, and says how to fetch or select
 * one. */
static gp_status not_found(const char *name, const char *revision, const gp_snapshots *s, gp_error *err)
{
    if (!s->complete && !s->partial)
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "model '%s' is not on this machine; download it with: goldpan model get %s", name, name);
    if (!s->complete)
        return gp_fail(
            err, GP_ERR_NOT_FOUND,
            "model '%s' is incomplete on this machine: snapshot %s has no %s; complete it with: goldpan model get %s "
            "--revision %s",
            name, s->commit, s->lacking, name, s->commit);
    return gp_fail(err, GP_ERR_NOT_FOUND,
                   "revision '%s' of model '%s' is not on this machine, but %s is: use it with --revision %s, or "
                   "download revision '%s' with: goldpan model get %s%s%s",
                   revision, name, s->names.data, s->complete > 1 ? "COMMIT" : s->commit, revision, name,
                   strcmp(revision, "main") != 0 ? " --revision " : "", strcmp(revision, "main") != 0 ? revision : "");
}

/* Finds the commit of `revision` (NULL: main) in the cache. A download by commit leaves a cache without refs/main; if
 * that cache holds exactly one complete snapshot, its commit is used. */
static gp_status find_commit(const gp_hub_repo *repo, const char *name, const char *revision, char commit[41],
                             gp_error *err)
{
    bool known = false;
    gp_snapshots s = {.names = GP_STR_INIT};
    gp_status st = GP_OK;
    GP_TRY(gp_hub_ref_read(repo, revision ? revision : "main", commit, &known, err));
    if (known && (gp_hub_has(repo, commit, "config.json") || gp_hub_is_open_clip(repo, commit))) {
        if (!gp_hub_missing(repo, commit, s.lacking)) return GP_OK;
        s.partial = 1;
        memcpy(s.commit, commit, sizeof s.commit);
    } else {
        GP_TRY_GOTO(look_at_snapshots(repo, &s, err));
        if (!known && !revision && s.complete == 1) {
            memcpy(commit, s.commit, sizeof s.commit);
            goto out;
        }
    }
    st = not_found(name, revision ? revision : "main", &s, err);
out:
    gp_str_clear(&s.names);
    return st;
}

gp_status gp_hub_find(const char *name, const char *revision, char **folder, gp_error *err)
{
    gp_hub_repo repo = {0};
    char commit[41];
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_hub_repo_init(&repo, name, err));
    GP_TRY_GOTO(find_commit(&repo, name, revision, commit, err));
    *folder = gp_hub_path(&repo, "snapshots", commit, NULL);
    if (!*folder) st = gp_fail_memory(err, "a cache path");
out:
    gp_hub_repo_clear(&repo);
    return st;
}

/* Returns true if config.json belongs to a CLIP model, or if the type of the model is unknown. */
static bool is_clip(const gp_hub_repo *repo, const char *commit)
{
    gp_bytes bytes = {0};
    gp_json *root = NULL;
    char *path = gp_hub_path(repo, "snapshots", commit, "config.json");
    bool clip = !gp_hub_has(repo, commit, "config.json"); /* without config.json the type is unknown */
    if (path && gp_file_read(path, 1 << 20, &bytes, NULL) == GP_OK &&
        gp_json_parse((const char *)bytes.data, bytes.size, false, 64, &root, NULL) == GP_OK) {
        const char *type = gp_json_text(gp_json_get(root, "model_type"), NULL);
        clip = !type || gp_str_starts(type, "clip");
    }
    gp_json_free(root);
    gp_bytes_clear(&bytes);
    gp_mem_free(path);
    return clip;
}

bool gp_hub_name_of(const char *folder, char *name, size_t size)
{
    static const char begin[] = "/models--";
    const char *at = folder, *hit, *end = NULL;
    for (const char *from = folder; (hit = strstr(from, begin)) != NULL; from = hit + 1) at = hit, end = hit;
    if (!end || !(end = strstr(at, "/snapshots/"))) return false;
    at += strlen(begin);
    snprintf(name, size, "%.*s", (int)(end - at), at);
    char *dashes = strstr(name, "--");
    if (dashes) {
        *dashes = '/';
        memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    }
    return gp_hub_name_valid(name);
}

static uint64_t folder_bytes(const char *folder, const struct names *files)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct stat info;
        char *path = gp_path_join(folder, files->items[i]);
        if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode)) bytes += (uint64_t)info.st_size;
        gp_mem_free(path);
    }
    return bytes;
}

struct visitor {
    bool (*visit)(void *user, const gp_cached_model *model);
    void *user;
    bool ended;
};

/* Passes one snapshot to the visitor.  Its revision is the branch or tag that names it, else its commit. */
static gp_status visit_snapshot(struct visitor *v, const gp_hub_repo *repo, const char *name, const char *commit,
                                const struct names *refs, gp_error *err)
{
    gp_status st = GP_OK;
    struct names files = {0};
    char lacking[GP_HUB_NAME] = "vocab.json";
    const char *revision = commit;
    char *folder = gp_hub_path(repo, "snapshots", commit, NULL);
    if (!folder) return gp_fail_memory(err, "a cache path");
    GP_TRY_GOTO(entries(folder, &files, err));
    if (files.count == 0) goto out;
    for (size_t i = 0; i < refs->count; i++) {
        char at[41];
        bool known = false;
        if (gp_hub_ref_read(repo, refs->items[i], at, &known, NULL) != GP_OK || !known || strcmp(at, commit) != 0)
            continue;
        if (revision == commit || !strcmp(refs->items[i], "main")) revision = refs->items[i];
    }
    bool clip = is_clip(repo, commit);
    bool half = clip && (gp_hub_missing(repo, commit, lacking) || gp_hub_lacks_tokenizer(repo, commit));
    gp_cached_model model = {.name = name,
                             .folder = folder,
                             .revision = revision,
                             .bytes = folder_bytes(folder, &files),
                             .usable = clip && !half,
                             .lacks = half ? lacking : NULL};
    v->ended = !v->visit(v->user, &model);
out:
    names_clear(&files);
    gp_mem_free(folder);
    return st;
}

static gp_status visit_repo(struct visitor *v, const char *name, gp_error *err)
{
    gp_status st = GP_OK;
    gp_hub_repo repo = {0};
    struct names refs = {0}, commits = {0};
    char *refs_folder = NULL, *snapshots = NULL;
    GP_TRY_GOTO(gp_hub_repo_init(&repo, name, err));
    refs_folder = gp_path_join(repo.folder, "refs");
    snapshots = gp_path_join(repo.folder, "snapshots");
    if (!refs_folder || !snapshots) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    GP_TRY_GOTO(entries(refs_folder, &refs, err));
    GP_TRY_GOTO(entries(snapshots, &commits, err));
    for (size_t i = 0; i < commits.count && !v->ended; i++)
        if (gp_hub_commit_valid(commits.items[i]))
            GP_TRY_GOTO(visit_snapshot(v, &repo, name, commits.items[i], &refs, err));
out:
    names_clear(&refs);
    names_clear(&commits);
    gp_mem_free(refs_folder);
    gp_mem_free(snapshots);
    gp_hub_repo_clear(&repo);
    return st;
}

gp_status gp_hub_list(bool (*visit)(void *, const gp_cached_model *), void *user, gp_error *err)
{
    gp_status st = GP_OK;
    char *cache = NULL;
    struct names folders = {0};
    struct visitor v = {visit, user, false};
    GP_TRY(gp_hub_cache_folder(&cache, err));
    GP_TRY_GOTO(entries(cache, &folders, err));
    for (size_t i = 0; i < folders.count && !v.ended; i++) {
        if (!gp_str_starts(folders.items[i], "models--")) continue;
        gp_str name = GP_STR_INIT;
        const char *rest = folders.items[i] + strlen("models--"), *dashes = strstr(rest, "--");
        if (dashes) {
            gp_str_add(&name, rest, (size_t)(dashes - rest));
            gp_str_putc(&name, '/');
            rest = dashes + 2;
        }
        gp_str_puts(&name, rest);
        char *text = gp_str_take(&name);
        if (!text) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
        st = gp_hub_name_valid(text) ? visit_repo(&v, text, err) : GP_OK;
        gp_mem_free(text);
        GP_TRY_GOTO(st);
    }
out:
    names_clear(&folders);
    gp_mem_free(cache);
    return st;
}
