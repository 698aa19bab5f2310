/* SPDX-License-Identifier: MIT
 * A hash table with open addressing. Removing files rebuilds the table. */
#include "base/hash.h"
#include "base/mem.h"
#include "watch/watcher_private.h"

#include <string.h>

static uint64_t key_of(const void *bytes, size_t size)
{
    gp_hash hash = gp_hash_of(bytes, size);
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    return key ? key : 1;
}

static uint64_t state_of(const gp_walk_entry *file)
{
    uint64_t both[2] = {file->size, (uint64_t)file->mtime_ns};
    return key_of(both, sizeof both);
}

static gp_seen_file *place_of(const gp_seen *seen, uint64_t key)
{
    size_t at = (size_t)key & (seen->capacity - 1);
    while (seen->files[at].key && seen->files[at].key != key) at = (at + 1) & (seen->capacity - 1);
    return &seen->files[at];
}

/* Moves the files of the present round, or all files, to a table of another size. */
static bool rebuild(gp_seen *seen, size_t capacity, bool all)
{
    gp_seen old = *seen;
    gp_seen_file *files = gp_mem_zero(capacity, sizeof *files);
    if (!files) return false;
    seen->files = files, seen->capacity = capacity, seen->count = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        const gp_seen_file *f = &old.files[i];
        if (!f->key || !(all || f->round == seen->round)) continue;
        *place_of(seen, f->key) = *f;
        seen->count++;
    }
    gp_mem_free(old.files);
    return true;
}

int gp_seen_put(gp_seen *seen, const gp_walk_entry *file)
{
    if (2 * (seen->count + 1) > seen->capacity && !rebuild(seen, seen->capacity ? 2 * seen->capacity : 64, true))
        return -1;
    uint64_t key = key_of(file->path, strlen(file->path)), state = state_of(file);
    gp_seen_file *f = place_of(seen, key);
    int changed = !f->key || f->state != state;
    if (!f->key) seen->count++;
    *f = (gp_seen_file){key, state, seen->round};
    return changed;
}

bool gp_seen_same(const gp_seen *seen, const gp_walk_entry *file)
{
    if (!seen->capacity) return false;
    const gp_seen_file *f = place_of(seen, key_of(file->path, strlen(file->path)));
    return f->key && f->state == state_of(file);
}

void gp_seen_forget(gp_seen *seen, const char *path)
{
    if (seen->capacity) place_of(seen, key_of(path, strlen(path)))->state = 0; /* no file has this state */
}

bool gp_seen_drop_others(gp_seen *seen)
{
    bool any = false;
    for (size_t i = 0; i < seen->capacity && !any; i++) any = seen->files[i].key && seen->files[i].round != seen->round;
    /* without memory the old files stay, and are dropped after the next search */
    if (any) (void)rebuild(seen, seen->capacity, false);
    return any;
}

void gp_seen_clear(gp_seen *seen)
{
    gp_mem_free(seen->files);
    *seen = (gp_seen){0};
}
