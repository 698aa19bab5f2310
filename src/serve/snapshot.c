/* SPDX-License-Identifier: MIT
 * The current and the previous snapshot, each with a reference count.  A page that has read half of the columns of
 * revision 17 gets the rest of 17, even after revision 18 has been built. */
#include "serve/server_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static gp_snapshot *add_reference(gp_snapshot *snapshot)
{
    if (snapshot) atomic_fetch_add(&snapshot->holders, 1);
    return snapshot;
}

void gp_snapshot_unref(gp_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->holders, 1) != 1) return;
    gp_view_free(snapshot->view);
    gp_mem_free(snapshot);
}

gp_snapshot *gp_snapshot_ref(gp_server *s)
{
    pthread_mutex_lock(&s->view_lock);
    gp_snapshot *snapshot = add_reference(s->snapshot);
    pthread_mutex_unlock(&s->view_lock);
    return snapshot;
}

gp_snapshot *gp_snapshot_ref_revision(gp_server *s, uint64_t revision)
{
    pthread_mutex_lock(&s->view_lock);
    gp_snapshot *snapshot = s->snapshot->revision == revision              ? add_reference(s->snapshot)
                            : s->before && s->before->revision == revision ? add_reference(s->before)
                                                                           : NULL;
    pthread_mutex_unlock(&s->view_lock);
    return snapshot;
}

/* Applies changes to the rows in the view; sets *rated (may be NULL) to the new ratings. */
static void apply(gp_view *view, const gp_cat_rating *changes, size_t count, gp_rated *rated)
{
    for (size_t i = 0; i < count; i++) {
        const gp_cat_rating *c = &changes[i];
        size_t row = gp_view_find(view, &c->hash);
        int flag = 0;
        unsigned stars = 0;
        if (row != SIZE_MAX) gp_view_rating(view, row, &flag, &stars);
        if (c->has_flag) flag = c->flag;
        if (c->has_stars) stars = (unsigned)c->stars;
        if (row != SIZE_MAX) gp_view_rate(view, row, flag, stars);
        if (rated) rated[i] = (gp_rated){c->hash, (int8_t)flag, (uint8_t)stars};
    }
}

/* Stores ratings that are made while a snapshot is being built.  That snapshot may lack them, because it may have read
 * the catalog before the ratings were written. */
static void remember(gp_server *s, const gp_cat_rating *changes, size_t count)
{
    if (s->since_count + count > s->since_capacity) {
        size_t capacity = 2 * (s->since_count + count);
        gp_cat_rating *more = gp_mem_resize(s->since, capacity, sizeof *more);
        if (!more) { /* out of memory: build another snapshot later */
            atomic_store(&s->stale, true);
            return;
        }
        s->since = more, s->since_capacity = capacity;
    }
    memcpy(s->since + s->since_count, changes, count * sizeof *changes);
    s->since_count += count;
}

void gp_snapshot_rate(gp_server *s, const gp_cat_rating *changes, size_t count, gp_rated *rated)
{
    pthread_mutex_lock(&s->view_lock);
    apply(s->snapshot->view, changes, count, rated);
    if (s->before) apply(s->before->view, changes, count, NULL);
    if (s->building) remember(s, changes, count);
    pthread_mutex_unlock(&s->view_lock);
}

static void set_building(gp_server *s, bool building)
{
    pthread_mutex_lock(&s->view_lock);
    s->building = building;
    s->since_count = 0;
    pthread_mutex_unlock(&s->view_lock);
}

gp_status gp_snapshot_find(const gp_snapshot *snapshot, const gp_hash *image, size_t *row, gp_error *err)
{
    char hex[33];
    *row = gp_view_find(snapshot->view, image);
    if (*row != SIZE_MAX) return GP_OK;
    gp_hash_hex(*image, hex);
    return gp_fail(err, GP_ERR_NOT_FOUND, "there is no image %s", hex);
}

gp_status gp_snapshot_renew(gp_server *s, gp_error *err)
{
    gp_snapshot *snapshot = gp_mem_zero(1, sizeof *snapshot), *gone;
    char json[64];
    if (!snapshot) return gp_fail_memory(err, "a view of the catalog");
    set_building(s, true);
    gp_status st = gp_view_new(s->setup->catalog, NULL, &snapshot->view, err);
    if (st != GP_OK) {
        set_building(s, false);
        gp_mem_free(snapshot);
        return st;
    }
    atomic_init(&snapshot->holders, 1);
    pthread_mutex_lock(&s->view_lock);
    snapshot->revision = s->snapshot ? s->snapshot->revision + 1 : s->revision_base + 1;
    snprintf(json, sizeof json, "{\"revision\":%llu}", (unsigned long long)snapshot->revision);
    apply(snapshot->view, s->since, s->since_count, NULL);
    s->building = false;
    gone = s->before;
    s->before = s->snapshot;
    s->snapshot = snapshot;
    pthread_mutex_unlock(&s->view_lock);
    gp_snapshot_unref(gone);
    if (s->events) gp_events_send(s->events, "revision", json);
    return GP_OK;
}
