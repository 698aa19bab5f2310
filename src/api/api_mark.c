/* SPDX-License-Identifier: MIT
 * Implements gp_mark of goldpan/catalog.h. */
#include "api/api.h"

#include "base/mem.h"
#include "catalog/catalog.h"

#include <string.h>

/* The marks in the form in which the catalog stores them: one rating for each image, and one tagging for each pair of
 * image and tag. */
typedef struct marking {
    gp_hash *hashes; /* [images] */
    char **tags;     /* [tags] cleaned, owned; those to remove come last */
    gp_cat_rating *ratings;
    gp_cat_tagging *taggings;
    size_t images, added, tag_count; /* added: the first `added` tags are added, the others removed */
} marking;

static gp_status check_values(const gp_mark_options *o, gp_error *err)
{
    if (o->flag != GP_MARK_KEEP && (o->flag < -1 || o->flag > 1))
        return gp_fail(err, GP_ERR_USAGE, "`flag` must be -1, 0, 1 or GP_MARK_KEEP, not %d", o->flag);
    if (o->stars != GP_MARK_KEEP && (o->stars < 0 || o->stars > 5))
        return gp_fail(err, GP_ERR_USAGE, "`stars` must be from 0 to 5 or GP_MARK_KEEP, not %d", o->stars);
    if ((o->image_count && !o->images) || (o->tag_count && !o->tags) || (o->untag_count && !o->untags))
        return gp_fail(err, GP_ERR_USAGE, "a list of gp_mark_options is NULL, but its count is not 0");
    return GP_OK;
}

static gp_status read_images(gp_catalog *catalog, const gp_mark_options *o, marking *m, gp_error *err)
{
    bool known = false;
    GP_TRY(gp_alloc((void **)&m->hashes, o->image_count, sizeof *m->hashes, "the images", err));
    for (; m->images < o->image_count; m->images++) {
        const char *hex = o->images[m->images];
        if (!hex || strlen(hex) != 32 || !gp_hash_from_hex(hex, &m->hashes[m->images]))
            return gp_fail(err, GP_ERR_USAGE, "`images` must be hashes of 32 hex digits");
        GP_TRY(gp_cat_has_image(catalog, &m->hashes[m->images], &known, err));
        if (!known) return gp_fail(err, GP_ERR_NOT_FOUND, "the catalog has no image %s; nothing was changed", hex);
    }
    return GP_OK;
}

static gp_status read_tags(const char *const *texts, uint64_t count, marking *m, gp_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!texts[i]) return gp_fail(err, GP_ERR_USAGE, "a tag must not be NULL");
        GP_TRY(gp_cat_tag_clean(texts[i], strlen(texts[i]), &m->tags[m->tag_count], err));
        m->tag_count++;
    }
    return GP_OK;
}

static gp_status combine(const gp_mark_options *o, marking *m, gp_error *err)
{
    bool rates = o->flag != GP_MARK_KEEP || o->stars != GP_MARK_KEEP;
    size_t all = 0;
    if (!gp_size_mul(m->images, m->tag_count, &all)) return gp_fail_memory(err, "the marks");
    GP_TRY(gp_alloc((void **)&m->ratings, rates ? m->images : 0, sizeof *m->ratings, "the marks", err));
    GP_TRY(gp_alloc((void **)&m->taggings, all, sizeof *m->taggings, "the marks", err));
    for (size_t i = 0; i < m->images; i++) {
        if (rates)
            m->ratings[i] = (gp_cat_rating){.hash = m->hashes[i],
                                            .has_flag = o->flag != GP_MARK_KEEP,
                                            .has_stars = o->stars != GP_MARK_KEEP,
                                            .flag = o->flag,
                                            .stars = o->stars};
        for (size_t t = 0; t < m->tag_count; t++)
            m->taggings[i * m->tag_count + t] = (gp_cat_tagging){m->hashes[i], m->tags[t], t >= m->added};
    }
    return GP_OK;
}

gp_status gp_mark(gp_catalog *catalog, const gp_mark_options *options, gp_error *err)
{
    gp_mark_options o = GP_MARK_DEFAULTS;
    marking m = {0};
    gp_status st = GP_OK;
    size_t room = 0;
    API_NEEDS(catalog);
    API_READ(gp_mark_options, &o, options);
    GP_TRY(check_values(&o, err));
    if (!gp_size_add(o.tag_count, o.untag_count, &room)) return gp_fail_memory(err, "the tags");
    GP_TRY(gp_alloc((void **)&m.tags, room, sizeof *m.tags, "the tags", err));
    GP_TRY_GOTO(read_tags(o.tags, o.tag_count, &m, err));
    m.added = m.tag_count;
    GP_TRY_GOTO(read_tags(o.untags, o.untag_count, &m, err));
    GP_TRY_GOTO(read_images(catalog, &o, &m, err));
    GP_TRY_GOTO(combine(&o, &m, err));
    bool rates = o.flag != GP_MARK_KEEP || o.stars != GP_MARK_KEEP;
    st = gp_cat_marks_put(catalog, m.ratings, rates ? m.images : 0, m.taggings, m.images * m.tag_count, NULL, err);
out:
    for (size_t i = 0; i < m.tag_count; i++) gp_mem_free(m.tags[i]);
    gp_mem_free(m.tags);
    gp_mem_free(m.hashes);
    gp_mem_free(m.ratings);
    gp_mem_free(m.taggings);
    return st;
}
