/* SPDX-License-Identifier: MIT
 * See parquet_images.h. */
#include "table/parquet_images.h"

#include "base/mem.h"
#include "table/parquet.h"

#include <string.h>

struct gp_parquet_images {
    gp_parquet_meta meta;
    gp_parquet_work work;
    size_t leaf, path_leaf; /* path_leaf SIZE_MAX: there are no paths */
    gp_str text;            /* the paths, each with its NUL */
    size_t *paths;          /* [path_count] offset in `text`, SIZE_MAX: none */
    size_t path_count, path_room;
    /* the current visit */
    gp_status (*visit)(void *user, size_t row, const void *image, size_t size, gp_error *err);
    void *user;
    size_t row;
};

enum { UTF8 = 0 };

/* Returns true for a leaf of bytes that are not text. part: it is the part "bytes" of a struct. */
static bool is_image(const gp_parquet_leaf *leaf, bool part)
{
    if (leaf->type != GP_PARQUET_BYTES || leaf->converted == UTF8 || leaf->in_list) return false;
    bool inside = strcmp(leaf->name, leaf->inner) != 0;
    return part ? inside && strcmp(leaf->inner, "bytes") == 0 : !inside;
}

static size_t find_leaf(const gp_parquet_meta *m, const char *column)
{
    for (int part = 1; part >= 0; part--)
        for (size_t i = 0; i < m->leaf_count; i++)
            if ((!column || strcmp(m->leaves[i].name, column) == 0) && is_image(&m->leaves[i], part)) return i;
    return SIZE_MAX;
}

static size_t find_path(const gp_parquet_meta *m, size_t leaf)
{
    for (size_t i = 0; i < m->leaf_count; i++) {
        const gp_parquet_leaf *l = &m->leaves[i];
        if (i != leaf && strcmp(l->name, m->leaves[leaf].name) == 0 && strcmp(l->inner, "path") == 0 &&
            l->type == GP_PARQUET_BYTES && !l->in_list)
            return i;
    }
    return SIZE_MAX;
}

static gp_status take_path(void *user, const char *text, size_t size, unsigned definition, unsigned repetition,
                           gp_error *err)
{
    gp_parquet_images *p = user;
    (void)definition, (void)repetition;
    if (p->path_count == p->path_room) {
        size_t room = p->path_room ? 2 * p->path_room : 1024;
        size_t *grown = gp_mem_resize(p->paths, room, sizeof *grown);
        if (!grown) return gp_fail_memory_path(err, "'%s'", p->meta.label);
        p->paths = grown, p->path_room = room;
    }
    p->paths[p->path_count++] = text && size ? p->text.size : SIZE_MAX;
    if (text && size) gp_str_add(&p->text, text, size + 1);
    return p->text.failed ? gp_fail_memory_path(err, "'%s'", p->meta.label) : GP_OK;
}

static gp_status take_image(void *user, const char *text, size_t size, unsigned definition, unsigned repetition,
                            gp_error *err)
{
    gp_parquet_images *p = user;
    (void)definition, (void)repetition;
    if (p->row == p->meta.rows)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a damaged Parquet file: it has more images than rows",
                            p->meta.label);
    return p->visit(p->user, p->row++, size ? text : NULL, size, err);
}

static gp_status read_leaf(gp_parquet_images *p, size_t leaf, gp_parquet_value value, gp_error *err)
{
    for (size_t i = 0; i < p->meta.chunk_count; i++)
        if (p->meta.chunks[i].leaf == leaf) GP_TRY(gp_parquet_chunk_read(&p->meta, &p->meta.chunks[i], value, p, err));
    return GP_OK;
}

gp_status gp_parquet_images_open(const char *label, const void *bytes, size_t size, const char *column, gp_watch *watch,
                                 gp_parquet_images **out, gp_error *err)
{
    gp_parquet_images *p = gp_mem_zero(1, sizeof *p);
    gp_status st = GP_OK;
    if (!p) return gp_fail_memory_path(err, "'%s'", label);
    p->work.watch = watch;
    p->meta = (gp_parquet_meta){.label = label, .bytes = bytes, .size = size, .work = &p->work};
    GP_TRY_GOTO(gp_parquet_meta_read(&p->meta, err));
    gp_parquet_sort_chunks(&p->meta);
    p->leaf = find_leaf(&p->meta, column);
    if (p->leaf == SIZE_MAX)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' contains no images%s%s%s", label,
                                 column ? " in a column '" : "", column ? column : "", column ? "'" : ""));
    p->meta.leaves[p->leaf].raw = true;
    p->path_leaf = find_path(&p->meta, p->leaf);
    if (p->path_leaf != SIZE_MAX) GP_TRY_GOTO(read_leaf(p, p->path_leaf, take_path, err));
    *out = p;
    p = NULL;
out:
    gp_parquet_images_close(p);
    return st;
}

const char *gp_parquet_images_column(const gp_parquet_images *p)
{
    return p->meta.leaves[p->leaf].name;
}

size_t gp_parquet_images_rows(const gp_parquet_images *p)
{
    return (size_t)p->meta.rows;
}

const char *gp_parquet_images_path(const gp_parquet_images *p, size_t row)
{
    return row < p->path_count && p->paths[row] != SIZE_MAX ? p->text.data + p->paths[row] : NULL;
}

gp_status gp_parquet_images_each(gp_parquet_images *p,
                                 gp_status (*visit)(void *user, size_t row, const void *image, size_t size,
                                                    gp_error *err),
                                 void *user, gp_error *err)
{
    p->visit = visit, p->user = user, p->row = 0;
    return read_leaf(p, p->leaf, take_image, err);
}

void gp_parquet_images_close(gp_parquet_images *p)
{
    if (!p) return;
    gp_parquet_meta_clear(&p->meta);
    gp_str_clear(&p->text);
    gp_mem_free(p->paths);
    gp_mem_free(p);
}
