/* SPDX-License-Identifier: MIT
 * The files that were found but not reported yet: a list in the order of arrival, and an index by path. */
#include "base/hash.h"
#include "base/mem.h"
#include "watch/watcher_private.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Seconds. A finished file is reported after this time, so that files that are finished together form one batch, and a
 * sidecar file that follows at once is read too. */
static const double gather = 0.15;

static uint64_t key_of(const char *path)
{
    gp_hash hash = gp_hash_of(path, strlen(path));
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    return key;
}

static uint32_t *place_of(const gp_items *items, uint64_t key)
{
    size_t at = (size_t)key & (items->index_size - 1);
    while (items->index[at] && items->list[items->index[at] - 1].key != key) at = (at + 1) & (items->index_size - 1);
    return &items->index[at];
}

static gp_item *find(const gp_items *items, const char *path)
{
    if (!items->index_size) return NULL;
    uint32_t at = *place_of(items, key_of(path));
    return at && items->list[at - 1].path ? &items->list[at - 1] : NULL;
}

/* Closes the gaps that removed items left, and indexes the items again. */
static void compact(gp_items *items)
{
    size_t kept = 0;
    for (size_t i = 0; i < items->used; i++)
        if (items->list[i].path) items->list[kept++] = items->list[i];
    items->used = kept;
    if (items->index_size) memset(items->index, 0, items->index_size * sizeof *items->index);
    for (size_t i = 0; i < kept; i++) *place_of(items, items->list[i].key) = (uint32_t)i + 1;
}

static bool grow(gp_items *items)
{
    size_t capacity = items->capacity ? 2 * items->capacity : 64;
    gp_item *list = gp_mem_resize(items->list, capacity, sizeof *list);
    if (list) items->list = list;
    uint32_t *index = list ? gp_mem_zero(4 * capacity, sizeof *index) : NULL;
    if (!index) return false;
    gp_mem_free(items->index);
    items->index = index, items->index_size = 4 * capacity, items->capacity = capacity;
    compact(items);
    return true;
}

/* Returns the item of the path, which is added if needed; NULL: the list is full or memory ran out. */
static gp_item *item_of(gp_items *items, const char *path)
{
    gp_item *item = find(items, path);
    if (item) return item;
    if (items->count >= GP_WATCHER_FILES) return NULL;
    if (items->used == items->capacity && items->count < items->used / 2) compact(items);
    char *copy = gp_str_dup(path);
    if (!copy || (items->used == items->capacity && !grow(items))) {
        gp_mem_free(copy);
        items->failed = true;
        return NULL;
    }
    uint64_t key = key_of(path);
    uint32_t *place = place_of(items, key);
    item = &items->list[items->used];
    *item = (gp_item){.path = copy, .key = key, .state = GP_ITEM_SETTLES};
    *place = (uint32_t)++items->used;
    items->count++;
    return item;
}

static bool look_at(const char *path, uint64_t *size, int64_t *mtime_ns)
{
    struct stat info;
    if (stat(path, &info) != 0) return false;
    *size = (uint64_t)info.st_size;
    *mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec;
    return true;
}

bool gp_items_put(gp_items *items, const char *path, bool finished, double now)
{
    bool known = find(items, path) != NULL;
    gp_item *item = item_of(items, path);
    if (!item) return false;
    if (known && item->state == GP_ITEM_READY) return true;
    if (finished) {
        item->state = GP_ITEM_READY, item->due = now + gather;
    } else if (!known || item->state == GP_ITEM_WAITS) {
        item->state = GP_ITEM_SETTLES, item->due = now + items->settle;
        (void)look_at(path, &item->size, &item->mtime_ns);
    }
    return true;
}

void gp_items_wait_for(gp_items *items, const gp_walk_entry *file, double due)
{
    bool known = find(items, file->path) != NULL; /* it was reported again already */
    gp_item *item = known ? NULL : item_of(items, file->path);
    if (!item) return;
    item->state = GP_ITEM_WAITS, item->due = due;
    item->size = file->size, item->mtime_ns = file->mtime_ns;
}

static void remove_item(gp_items *items, gp_item *item)
{
    gp_mem_free(item->path);
    item->path = NULL; /* the index keeps the place until the next compact() */
    items->count--;
}

void gp_items_remove(gp_items *items, const char *path)
{
    gp_item *item = find(items, path);
    if (item) remove_item(items, item);
}

/* Looks at a file that settles or waits. Returns when to look at it again. */
static double look_item(gp_items *items, gp_item *item, double now)
{
    uint64_t size = 0;
    int64_t mtime_ns = 0;
    if (!look_at(item->path, &size, &mtime_ns)) {
        remove_item(items, item);
        return INFINITY;
    }
    bool changed = size != item->size || mtime_ns != item->mtime_ns;
    item->size = size, item->mtime_ns = mtime_ns;
    if (changed) {
        item->state = GP_ITEM_SETTLES, item->due = now + items->settle;
    } else if (item->due <= now) {
        item->state = GP_ITEM_READY, item->due = now;
        return INFINITY;
    }
    return item->due < now + items->settle ? item->due : now + items->settle;
}

double gp_items_look(gp_items *items, double now)
{
    double next = INFINITY;
    for (size_t i = 0; i < items->used; i++) {
        gp_item *item = &items->list[i];
        if (!item->path || item->state == GP_ITEM_READY) continue;
        double then = item->state == GP_ITEM_WAITS || item->due <= now ? look_item(items, item, now) : item->due;
        if (then < next) next = then;
    }
    return next;
}

double gp_items_due(const gp_items *items, size_t most, double now)
{
    double due = INFINITY;
    size_t ready = 0;
    for (size_t i = 0; i < items->used; i++) {
        const gp_item *item = &items->list[i];
        if (!item->path || item->state != GP_ITEM_READY) continue;
        if (item->due < due) due = item->due;
        ready++;
    }
    return ready >= most || due < now ? now : due;
}

size_t gp_items_take(gp_items *items, size_t most, char **paths)
{
    size_t count = 0;
    for (size_t i = 0; i < items->used && count < most; i++) {
        gp_item *item = &items->list[i];
        if (!item->path || item->state != GP_ITEM_READY) continue;
        paths[count++] = item->path;
        item->path = NULL;
        items->count--;
    }
    if (count) compact(items);
    return count;
}

size_t gp_items_left(const gp_items *items)
{
    size_t left = 0;
    for (size_t i = 0; i < items->used; i++) left += items->list[i].path && items->list[i].state != GP_ITEM_WAITS;
    return left;
}

void gp_items_clear(gp_items *items)
{
    for (size_t i = 0; i < items->used; i++) gp_mem_free(items->list[i].path);
    gp_mem_free(items->list);
    gp_mem_free(items->index);
    *items = (gp_items){0};
}
