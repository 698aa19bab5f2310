/* SPDX-License-Identifier: MIT
 * Paths in the Hugging Face cache, and the few operations that must be safe while other programs use the cache.  A ref
 * or a link appears complete (temporary name, then rename); a blob is fetched under its lock. Layout and environment
 * follow huggingface_hub (file_download.py, constants.py); see hub_cache.h. */
#include "net/hub_cache.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub.h"
#include "net/hub_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ environment */

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool gp_hub_env_on(const char *name)
{
    const char *value = env(name);
    return value && (!strcmp(value, "1") || gp_str_equal_nocase(value, "true") || gp_str_equal_nocase(value, "yes") ||
                     gp_str_equal_nocase(value, "on"));
}

/* Expands "~/x" to "$HOME/x".  Owned. */
static gp_status expand_home(const char *path, char **out, gp_error *err)
{
    if (path[0] == '~' && (path[1] == '/' || !path[1])) {
        const char *home = env("HOME");
        if (!home) return gp_fail_path(err, GP_ERR_USAGE, "cannot expand '%s': HOME is not set", path);
        *out = path[1] ? gp_path_join(home, path + 2) : gp_str_dup(home);
    } else
        *out = gp_str_dup(path);
    return *out ? GP_OK : gp_fail_memory(err, "a cache path");
}

gp_status gp_hub_home(char **out, gp_error *err)
{
    const char *home = env("HF_HOME"), *xdg = env("XDG_CACHE_HOME");
    if (home) return expand_home(home, out, err);
    char *base = NULL;
    GP_TRY(expand_home(xdg ? xdg : "~/.cache", &base, err));
    *out = gp_path_join(base, "huggingface");
    gp_mem_free(base);
    return *out ? GP_OK : gp_fail_memory(err, "a cache path");
}

gp_status gp_hub_cache_folder(char **out, gp_error *err)
{
    const char *set = env("HF_HUB_CACHE");
    if (!set) set = env("HUGGINGFACE_HUB_CACHE");
    if (set) return expand_home(set, out, err);
    char *home = NULL;
    GP_TRY(gp_hub_home(&home, err));
    *out = gp_path_join(home, "hub");
    gp_mem_free(home);
    return *out ? GP_OK : gp_fail_memory(err, "a cache path");
}

/* ------------------------------------------------------------------ names */

static bool hex_of_length(const char *text, size_t length)
{
    return strlen(text) == length && strspn(text, "0123456789abcdef") == length;
}
bool gp_hub_commit_valid(const char *commit)
{
    return hex_of_length(commit, 40);
}
bool gp_hub_etag_valid(const char *etag)
{
    return hex_of_length(etag, 40) || hex_of_length(etag, 64);
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

/* Checks huggingface_hub's rule: at most 96 characters, one '/', no "--" or "..", no '-' or '.' at the ends of a
 * part. */
bool gp_hub_name_valid(const char *name)
{
    size_t length = strlen(name), slashes = 0;
    if (length == 0 || length > 96 || strstr(name, "--") || strstr(name, "..") || gp_str_ends(name, ".git"))
        return false;
    for (size_t i = 0; i < length; i++) {
        bool first = i == 0 || name[i - 1] == '/', last = i + 1 == length || name[i + 1] == '/';
        if (name[i] == '/') {
            if (first || last || ++slashes > 1) return false;
        } else if (!plain(name[i]) || ((first || last) && (name[i] == '-' || name[i] == '.')))
            return false;
    }
    return true;
}

bool gp_hub_file_valid(const char *file)
{
    size_t length = strlen(file);
    for (size_t i = 0; i < length; i++)
        if (!plain(file[i])) return false;
    return length > 0 && length <= 200 && file[0] != '.';
}

/* Checks the name of a branch, tag or commit.  The name becomes a path below refs/, so no part of it may be empty or
 * begin with a dot. */
bool gp_hub_revision_valid(const char *revision)
{
    size_t length = strlen(revision);
    if (length == 0 || length > 200) return false;
    for (size_t i = 0; i < length; i++) {
        bool first = i == 0 || revision[i - 1] == '/', last = i + 1 == length;
        if (revision[i] == '/' ? first || last : !plain(revision[i]) && revision[i] != '+' && revision[i] != '@')
            return false;
        if (first && revision[i] == '.') return false;
    }
    return true;
}

/* ------------------------------------------------------------------ paths */

gp_status gp_hub_repo_init(gp_hub_repo *repo, const char *name, gp_error *err)
{
    gp_hub_repo r = {0};
    gp_str folder = GP_STR_INIT, locks = GP_STR_INIT;
    gp_status st = GP_OK;
    if (!gp_hub_name_valid(name))
        return gp_fail(err, GP_ERR_USAGE, "'%.200s' is not a model's name on the hub (org/name)", name);
    GP_TRY_GOTO(gp_hub_cache_folder(&r.cache, err));
    gp_str_printf(&folder, "%s/models--", r.cache);
    for (const char *p = name; *p; p++) {
        if (*p == '/')
            gp_str_puts(&folder, "--");
        else
            gp_str_putc(&folder, *p);
    }
    r.folder = gp_str_take(&folder);
    if (!r.folder) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    gp_str_printf(&locks, "%s/.locks/%s", r.cache, gp_path_base(r.folder));
    r.locks = gp_str_take(&locks);
    if (!r.locks) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    *repo = r;
    return GP_OK;
out:
    gp_hub_repo_clear(&r);
    return st;
}

void gp_hub_repo_clear(gp_hub_repo *repo)
{
    gp_mem_free(repo->cache);
    gp_mem_free(repo->folder);
    gp_mem_free(repo->locks);
    *repo = (gp_hub_repo){0};
}

char *gp_hub_path(const gp_hub_repo *repo, const char *part, const char *a, const char *b)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%s/%s/%s", repo->folder, part, a);
    if (b) gp_str_printf(&s, "/%s", b);
    return gp_str_take(&s);
}

static bool exists(char *owned_path)
{
    bool there = owned_path && access(owned_path, R_OK) == 0;
    gp_mem_free(owned_path);
    return there;
}

bool gp_hub_has(const gp_hub_repo *repo, const char *commit, const char *file)
{
    return exists(gp_hub_path(repo, "snapshots", commit, file));
}

bool gp_hub_absent(const gp_hub_repo *repo, const char *commit, const char *file)
{
    return exists(gp_hub_path(repo, ".no_exist", commit, file));
}

static gp_status make_parent(const char *path, gp_error *err)
{
    char *folder = gp_path_folder(path);
    if (!folder) return gp_fail_memory(err, "a cache path");
    gp_status st = gp_folder_make(folder, err);
    gp_mem_free(folder);
    return st;
}

gp_status gp_hub_absent_note(const gp_hub_repo *repo, const char *commit, const char *file, gp_error *err)
{
    char *path = gp_hub_path(repo, ".no_exist", commit, file);
    if (!path) return gp_fail_memory(err, "a cache path");
    gp_status st = make_parent(path, err);
    if (st == GP_OK) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path);
        else
            close(fd);
    }
    gp_mem_free(path);
    return st;
}

gp_status gp_hub_ref_read(const gp_hub_repo *repo, const char *revision, char commit[41], bool *known, gp_error *err)
{
    *known = false;
    if (!gp_hub_revision_valid(revision))
        return gp_fail(err, GP_ERR_USAGE, "'%.200s' is not a revision (branch, tag or commit)", revision);
    if (gp_hub_commit_valid(revision)) {
        memcpy(commit, revision, 41);
        *known = true;
        return GP_OK;
    }
    gp_bytes bytes = {0};
    char *path = gp_hub_path(repo, "refs", revision, NULL);
    if (!path) return gp_fail_memory(err, "a cache path");
    if (gp_file_read(path, 4096, &bytes, NULL) == GP_OK) {
        char *text = (char *)bytes.data;
        text[strcspn(text, " \t\r\n")] = 0;
        if (gp_hub_commit_valid(text)) {
            memcpy(commit, text, 41);
            *known = true;
        }
        gp_bytes_clear(&bytes);
    }
    gp_mem_free(path);
    return GP_OK;
}

gp_status gp_hub_ref_write(const gp_hub_repo *repo, const char *revision, const char *commit, gp_error *err)
{
    char now[41];
    bool known = false;
    GP_TRY(gp_hub_ref_read(repo, revision, now, &known, err));
    if (known && !strcmp(now, commit)) return GP_OK; /* write nothing, so that a read-only cache stays usable */
    char *path = gp_hub_path(repo, "refs", revision, NULL);
    if (!path) return gp_fail_memory(err, "a cache path");
    gp_status st = make_parent(path, err);
    if (st == GP_OK) st = gp_file_replace(path, commit, 40, err);
    gp_mem_free(path);
    return st;
}

/* ------------------------------------------------------------------ completeness */

static bool has_or_absent(const gp_hub_repo *repo, const char *commit, const char *file)
{
    return gp_hub_has(repo, commit, file) || gp_hub_absent(repo, commit, file);
}

const char *const gp_hub_weights[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                      "pytorch_model.bin.index.json", NULL};
const char *const gp_hub_open_clip_weights[] = {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                                                "open_clip_pytorch_model.bin", NULL};

bool gp_hub_config_names_type(const gp_hub_repo *repo, const char *commit)
{
    gp_bytes bytes = {0};
    gp_json *root = NULL;
    char *path = gp_hub_path(repo, "snapshots", commit, "config.json");
    bool named = path && gp_file_read(path, 1 << 20, &bytes, NULL) == GP_OK;
    if (named && gp_json_parse((const char *)bytes.data, bytes.size, false, 64, &root, NULL) == GP_OK)
        named = gp_json_kind_of(root) != GP_JSON_OBJECT || gp_json_get(root, "model_type") ||
                gp_json_get(root, "architectures");
    gp_json_free(root);
    gp_bytes_clear(&bytes);
    gp_mem_free(path);
    return named;
}

bool gp_hub_is_open_clip(const gp_hub_repo *repo, const char *commit)
{
    return gp_hub_has(repo, commit, "open_clip_config.json") && !gp_hub_config_names_type(repo, commit);
}

/* Writes the first file that is missing of those that the index lists to `name`; returns false if none is missing. */
static bool missing_shard(const gp_hub_repo *repo, const char *commit, const char *index, char name[GP_HUB_NAME])
{
    char **shards = NULL, *path = gp_hub_path(repo, "snapshots", commit, index);
    size_t count = 0, i = 0;
    bool readable = path && gp_hub_shards_read(path, &shards, &count, NULL) == GP_OK;
    while (i < count && gp_hub_has(repo, commit, shards[i])) i++;
    bool all = readable && i == count;
    if (!all) snprintf(name, GP_HUB_NAME, "%s", readable && i < count ? shards[i] : index);
    gp_hub_shards_free(shards, count);
    gp_mem_free(path);
    return !all;
}

/* Finds the first weight file that is missing from the cache and writes its name to `name`. Returns false if no weight
 * file is missing. */
static bool missing_weights(const gp_hub_repo *repo, const char *commit, char name[GP_HUB_NAME])
{
    const char *const *names = gp_hub_is_open_clip(repo, commit) ? gp_hub_open_clip_weights : gp_hub_weights;
    for (size_t i = 0; names[i]; i++) {
        if (!gp_hub_has(repo, commit, names[i])) continue;
        return gp_str_ends(names[i], ".json") && missing_shard(repo, commit, names[i], name);
    }
    snprintf(name, GP_HUB_NAME, "%s", names[0]);
    return true;
}

bool gp_hub_missing(const gp_hub_repo *repo, const char *commit, char name[GP_HUB_NAME])
{
    if (gp_hub_has(repo, commit, "config.json") || gp_hub_is_open_clip(repo, commit))
        return missing_weights(repo, commit, name);
    snprintf(name, GP_HUB_NAME, "config.json");
    return true;
}

bool gp_hub_lacks_tokenizer(const gp_hub_repo *repo, const char *commit)
{
    return !(gp_hub_has(repo, commit, "tokenizer.json") ||
             (gp_hub_has(repo, commit, "vocab.json") && gp_hub_has(repo, commit, "merges.txt")) ||
             (gp_hub_absent(repo, commit, "tokenizer.json") && has_or_absent(repo, commit, "vocab.json") &&
              has_or_absent(repo, commit, "merges.txt")));
}

bool gp_hub_complete(const gp_hub_repo *repo, const char *commit)
{
    char lacking[GP_HUB_NAME];
    return !gp_hub_lacks_tokenizer(repo, commit) && has_or_absent(repo, commit, "preprocessor_config.json") &&
           !gp_hub_missing(repo, commit, lacking);
}

/* ------------------------------------------------------------------ writing */

gp_status gp_hub_prepare(const gp_hub_repo *repo, const char *commit, gp_error *err)
{
    static const char tag[] =
        "Signature: 8a477f597d28d172789f06886806bc55\n"
        "# A cache of models, shared by goldpan and huggingface_hub; see https://bford.info/cachedir/\n";
    gp_status st = GP_OK;
    char *blobs = gp_path_join(repo->folder, "blobs"), *snapshot = gp_hub_path(repo, "snapshots", commit, NULL);
    char *tag_path = gp_path_join(repo->cache, "CACHEDIR.TAG");
    if (!blobs || !snapshot || !tag_path) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    GP_TRY_GOTO(gp_folder_make(blobs, err));
    GP_TRY_GOTO(gp_folder_make(snapshot, err));
    GP_TRY_GOTO(gp_folder_make(repo->locks, err));
    if (access(tag_path, F_OK) != 0) /* the cache works without the tag, so ignore errors */
        (void)!gp_file_replace(tag_path, tag, sizeof tag - 1, NULL);
out:
    gp_mem_free(blobs);
    gp_mem_free(snapshot);
    gp_mem_free(tag_path);
    return st;
}

gp_status gp_hub_link(const gp_hub_repo *repo, const char *commit, const char *file, const char *etag, bool fresh,
                      gp_error *err)
{
    gp_status st = GP_OK;
    gp_str target = GP_STR_INIT, beside = GP_STR_INIT;
    char *entry = gp_hub_path(repo, "snapshots", commit, file), *blob = gp_hub_path(repo, "blobs", etag, NULL);
    gp_str_printf(&target, "../../blobs/%s", etag);
    /* All processes use the same name for the temporary file, so the next process removes the file that a killed
     * process left.  The blob's lock keeps two processes from using the name at the same time. */
    gp_str_printf(&beside, "%s/snapshots/%s/.%s.tmp", repo->folder, commit, file);
    if (!entry || !blob || target.failed || beside.failed) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    if (!gp_hub_env_on("HF_HUB_DISABLE_SYMLINKS")) {
        unlink(beside.data);
        if (symlink(target.data, beside.data) == 0) {
            if (rename(beside.data, entry) != 0 && access(entry, R_OK) != 0) {
                st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", entry);
                unlink(beside.data);
            }
            goto out;
        }
        if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP)
            GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot link '%s'", entry));
    }
    if (!fresh)
        st = gp_file_copy(blob, entry, err);
    else if (rename(blob, entry) != 0)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", entry);
out:
    gp_str_clear(&target);
    gp_str_clear(&beside);
    gp_mem_free(entry);
    gp_mem_free(blob);
    return st;
}

gp_status gp_hub_lock(const gp_hub_repo *repo, const char *etag, bool (*progress)(void *user), void *user, int *lock,
                      gp_error *err)
{
    gp_status st = GP_OK;
    gp_str path = GP_STR_INIT;
    gp_str_printf(&path, "%s/%s.lock", repo->locks, etag);
    if (path.failed) GP_TRY_GOTO(gp_fail_memory(err, "a cache path"));
    for (;;) {
        struct stat info;
        int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot open '%s'", path.data));
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (fstat(fd, &info) == 0 && info.st_nlink > 0) {
                *lock = fd;
                goto out;
            }
            close(fd); /* another process removed the file after we opened it, so this lock protects nothing */
            continue;
        }
        /* the file system has no flock: go on without a lock, because the hash of the file is checked */
        if (errno != EWOULDBLOCK && errno != EINTR) {
            *lock = fd;
            goto out;
        }
        close(fd);
        if (!progress(user)) GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
out:
    gp_str_clear(&path);
    return st;
}

void gp_hub_unlock(int lock)
{
    if (lock >= 0) close(lock);
}
