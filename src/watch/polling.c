/* SPDX-License-Identifier: MIT
 * Searches a folder for files that are new or have changed since the last search. */
#include "base/file.h"
#include "watch/watcher_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* File systems whose files other machines can write. The numbers are those of statfs(2) and of the kernel's sources. */
static const struct {
    uint32_t magic;
    const char *kind;
} networks[] = {
    {0x6969, "NFS"},          {0x517b, "SMB"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
    {0x65735546, "FUSE"},     {0x01021997, "9P"},   {0x5346414f, "AFS"},    {0x6b414653, "AFS"},
    {0x00c36400, "Ceph"},     {0x73757245, "Coda"}, {0x786f4256, "vboxsf"}, {0xbacbacbc, "vmhgfs"},
    {0x013661de, "virtiofs"},
};

bool gp_poll_is_network(const char *path, const char **kind)
{
    struct statfs info;
    if (statfs(path, &info) != 0) return false;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if ((uint32_t)info.f_type == networks[i].magic) {
            *kind = networks[i].kind;
            return true;
        }
    return false;
}

typedef struct search {
    gp_watcher *w;
    gp_seen *seen;
    bool quiet;
} search;

/* Returns whether the file is new or has changed. */
static bool has_changed(search *s, const gp_walk_entry *file)
{
    int changed = gp_seen_put(s->seen, file);
    if (changed < 0) gp_watcher_no_memory(s->w);
    return changed > 0 && !s->quiet;
}

static bool on_found(void *user, const gp_walk_entry *found)
{
    search *s = user;
    if (has_changed(s, found)) gp_watcher_found(s->w, found->path, false);
    return true;
}

static void on_passed(void *user, const gp_walk_passed *passed)
{
    search *s = user;
    struct stat info;
    if (passed->kind != GP_PASSED_OTHER || !gp_watcher_is_sidecar(gp_path_base(passed->path))) return;
    if (stat(passed->path, &info) != 0 || !S_ISREG(info.st_mode)) return;
    gp_walk_entry file = {passed->path, (uint64_t)info.st_size,
                          (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec, false};
    if (has_changed(s, &file)) gp_watcher_sidecar(s->w, passed->path);
}

void gp_poll_search(gp_watcher *w, gp_watch_root *root, bool quiet)
{
    search s = {w, &root->seen, quiet};
    const char *const roots[] = {root->path};
    gp_error err = {0};
    gp_walk_calls calls = {.visit = on_found, .passed = on_passed, .user = &s};
    root->seen.round++;
    gp_status st = gp_walk_all(roots, 1, &calls, &err);
    if (st == GP_ERR_MEMORY) gp_watcher_no_memory(w);
    if (st == GP_OK && gp_seen_drop_others(&root->seen)) gp_watcher_gone(w, NULL);
}
