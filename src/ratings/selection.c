/* SPDX-License-Identifier: MIT
 * Reads the rows of the catalog first, so that no query is open while files and marks change. */
#include "ratings/selection.h"

#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A path that the user named, as an absolute path and with its links resolved. */
typedef struct root {
    char *path, *real; /* owned; real may be NULL */
    bool used;         /* the catalog has an image at this path or below it */
} root;

typedef struct reading {
    root *roots; /* [count] */
    size_t count;
    gp_rated_image image; /* the files of the present row */
    bool no_memory;
} reading;

static bool is_at(const char *path, const char *base)
{
    size_t size = base ? strlen(base) : 0;
    while (size > 1 && base[size - 1] == '/') size--;
    return size && strncmp(path, base, size) == 0 && (path[size] == '\0' || path[size] == '/' || size == 1);
}

static bool is_selected(const reading *r, const char *path)
{
    bool any = r->count == 0;
    for (size_t i = 0; i < r->count; i++) {
        if (!is_at(path, r->roots[i].path) && !is_at(path, r->roots[i].real)) continue;
        r->roots[i].used = any = true;
    }
    return any;
}

static bool take_file(void *user, const char *path, const gp_hash *hash, bool missing)
{
    reading *r = user;
    if (!is_selected(r, path) || (missing && access(path, F_OK) != 0)) return true;
    gp_rated_file *files = gp_mem_resize(r->image.files, r->image.count + 1, sizeof *files);
    if (!files) return r->no_memory = true, false;
    r->image.files = files;
    files[r->image.count] = (gp_rated_file){gp_str_dup(path), *hash};
    r->no_memory = !files[r->image.count].path;
    r->image.count += !r->no_memory;
    return !r->no_memory;
}

static void image_clear(gp_rated_image *image)
{
    for (size_t i = 0; i < image->count; i++) gp_mem_free(image->files[i].path);
    gp_mem_free(image->files);
    gp_mem_free(image->tags);
    gp_mem_free(image->apart);
    *image = (gp_rated_image){0};
}

/* Moves the present image to the selection, if it has a file. */
static gp_status keep_image(reading *r, gp_selection *out, gp_error *err)
{
    if (!r->image.count) {
        image_clear(&r->image);
        return GP_OK;
    }
    if (out->count == out->capacity) {
        size_t more = out->capacity ? 2 * out->capacity : 64;
        gp_rated_image *images = gp_mem_resize(out->images, more, sizeof *images);
        if (!images) return gp_fail_memory(err, "the images");
        out->images = images, out->capacity = more;
    }
    out->file_count += r->image.count;
    out->images[out->count++] = r->image;
    r->image = (gp_rated_image){0};
    return GP_OK;
}

static gp_status take_row(gp_catalog *cat, reading *r, const gp_row *row, gp_selection *out, gp_error *err)
{
    int flag = 0;
    r->image = (gp_rated_image){.id = row->image, .flag = row->flag, .stars = (int)row->stars};
    if (row->tags && *row->tags && !(r->image.tags = gp_str_dup(row->tags))) return gp_fail_memory(err, "the tags");
    if (row->apart && !(r->image.apart = gp_str_dup(row->apart))) return gp_fail_memory(err, "the images");
    if (!gp_hash_from_hex(row->hash, &r->image.hash)) return gp_fail(err, GP_ERR_CATALOG, "an image has no hash");
    gp_status st = gp_cat_image_files(cat, &r->image.hash, &flag, take_file, r, err);
    if (r->no_memory) return gp_fail_memory(err, "the images");
    return st == GP_OK ? keep_image(r, out, err) : st;
}

static gp_status take_rows(gp_catalog *cat, reading *r, gp_selection *out, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status st;
    query.order = GP_ORDER_PATH;
    GP_TRY(gp_cat_rows_open(cat, &query, &rows, err));
    while ((st = gp_cat_rows_next(rows, &row, err)) == GP_OK && row)
        if ((st = take_row(cat, r, row, out, err)) != GP_OK) break;
    gp_cat_rows_close(rows);
    return st;
}

static gp_status find_roots(const gp_ratings_options *o, reading *r, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&r->roots, o->path_count, sizeof *r->roots, "the paths", err));
    for (; r->count < o->path_count; r->count++) {
        const char *given = o->paths[r->count];
        if (!given) return gp_fail(err, GP_ERR_USAGE, "a path must not be NULL");
        char *real = realpath(given, NULL); /* allocates with malloc */
        root *one = &r->roots[r->count];
        *one = (root){gp_path_absolute(given), real ? gp_str_dup(real) : NULL, false};
        bool failed = !one->path || (real && !one->real);
        free(real);
        if (!failed) continue;
        gp_mem_free(one->path);
        gp_mem_free(one->real);
        return gp_fail_memory(err, "the paths");
    }
    return GP_OK;
}

gp_status gp_selection_read(gp_catalog *cat, const gp_ratings_options *o, gp_selection *out, gp_error *err)
{
    reading r = {0};
    gp_status st;
    GP_TRY_GOTO(find_roots(o, &r, err));
    GP_TRY_GOTO(take_rows(cat, &r, out, err));
    for (size_t i = 0; i < r.count && st == GP_OK; i++)
        if (!r.roots[i].used)
            st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' is not in the catalog '%s'", o->paths[i], gp_cat_path(cat));
out:
    image_clear(&r.image);
    for (size_t i = 0; i < r.count; i++) {
        gp_mem_free(r.roots[i].path);
        gp_mem_free(r.roots[i].real);
    }
    gp_mem_free(r.roots);
    return st;
}

void gp_selection_clear(gp_selection *s)
{
    for (size_t i = 0; i < s->count; i++) image_clear(&s->images[i]);
    gp_mem_free(s->images);
    *s = (gp_selection){0};
}

gp_status gp_rated_tags(const char *text, char **room, const char ***tags, size_t *count, gp_error *err)
{
    size_t most = 1;
    *room = NULL, *tags = NULL, *count = 0;
    if (!text || !*text) return GP_OK;
    for (const char *p = text; *p; p++) most += *p == ',';
    GP_TRY(gp_alloc((void **)tags, most, sizeof **tags, "the tags", err));
    if (!(*room = gp_str_dup(text))) return gp_fail_memory(err, "the tags");
    char *rest = *room;
    for (char *tag; (tag = strsep(&rest, ",")) != NULL;) (*tags)[(*count)++] = *tag == ' ' ? tag + 1 : tag;
    return GP_OK;
}
