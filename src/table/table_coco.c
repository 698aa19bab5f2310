/* SPDX-License-Identifier: MIT
 * The captions of a COCO file: {"images": [{"id": 7, "file_name": "7.jpg", ...}, ...], "annotations": [{"image_id": 7,
 * "caption": "...", ...}, ...], ...}.  An image often has five captions; its first one is used. */
#include "base/mem.h"
#include "table/json_scan.h"

#include <stdlib.h>
#include <string.h>

/* An image in the list `images`.  Fields are positions of strings in the text, each string with its NUL; 0: absent. */
typedef struct picture {
    uint32_t id, file, caption;
} picture;

typedef struct coco {
    gp_scan *scan;
    picture *pictures; /* [count], in file order */
    uint32_t *sorted;  /* [count] images sorted by id */
    size_t count, room;
    bool captions; /* an annotation has a caption */
} coco;

/* Reads an object. found[i]: position of the value of names[i], which then ends with a NUL, or 0. */
static gp_status read_object(gp_scan *c, const char *const names[2], uint32_t found[2])
{
    bool more;
    size_t sizes[2] = {0, 0};
    const char *begin = c->at;
    found[0] = found[1] = 0;
    GP_TRY(gp_scan_open(c, '{', "each image and annotation must be an object", &more));
    while (more) {
        char *name;
        const char *text = NULL;
        size_t size = 0, wanted = 2;
        GP_TRY(gp_scan_name(c, &name));
        for (size_t i = 0; i < 2; i++)
            if (strcmp(name, names[i]) == 0) wanted = i;
        GP_TRY(wanted < 2 ? gp_scan_cell(c, &text, &size) : gp_scan_skip(c));
        if (text) found[wanted] = (uint32_t)(text - c->text), sizes[wanted] = size;
        GP_TRY(gp_scan_next(c, '}', &more));
    }
    for (size_t i = 0; i < 2; i++) /* the text after the value has been read already, so it may be overwritten */
        if (found[i]) c->text[found[i] + sizes[i]] = 0;
    return gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err);
}

static gp_status add_picture(coco *k, const uint32_t found[2])
{
    if (k->count == k->room) {
        size_t room = k->room ? k->room + k->room / 2 : 64;
        void *grown = gp_mem_resize(k->pictures, room, sizeof *k->pictures);
        if (!grown) return gp_fail_memory(k->scan->err, "a prompt table");
        k->pictures = grown, k->room = room;
    }
    k->pictures[k->count++] = (picture){found[0], found[1], 0};
    return GP_OK;
}

static gp_status read_images(coco *k)
{
    static const char *const names[] = {"id", "file_name"};
    bool more;
    GP_TRY(gp_scan_open(k->scan, '[', "\"images\" must be a list", &more));
    while (more) {
        uint32_t found[2];
        GP_TRY(read_object(k->scan, names, found));
        if (found[0] && found[1]) GP_TRY(add_picture(k, found));
        GP_TRY(gp_scan_next(k->scan, ']', &more));
    }
    return GP_OK;
}

static int compare_ids(const void *a, const void *b, void *user)
{
    const coco *k = user;
    const char *text = k->scan->text;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(text + k->pictures[x].id, text + k->pictures[y].id);
    return order ? order : (x > y) - (x < y);
}

static gp_status sort_images(coco *k)
{
    k->sorted = gp_mem_new(k->count, sizeof *k->sorted);
    if (!k->sorted) return gp_fail_memory(k->scan->err, "a prompt table");
    for (size_t i = 0; i < k->count; i++) k->sorted[i] = (uint32_t)i;
    if (k->count) qsort_r(k->sorted, k->count, sizeof *k->sorted, compare_ids, k);
    return GP_OK;
}

static picture *find_image(coco *k, const char *id)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        picture *p = &k->pictures[k->sorted[middle]];
        int order = strcmp(k->scan->text + p->id, id);
        if (order == 0) return p;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static gp_status read_captions(coco *k)
{
    static const char *const names[] = {"image_id", "caption"};
    gp_scan *c = k->scan;
    bool more;
    GP_TRY(gp_scan_open(c, '[', "\"annotations\" must be a list", &more));
    while (more) {
        uint32_t found[2];
        GP_TRY(read_object(c, names, found));
        picture *p = found[0] && found[1] ? find_image(k, c->text + found[0]) : NULL;
        if (found[1] && !p) gp_table_remark(c->table, GP_REMARK_LOST_CAPTIONS, 0);
        const char *text = c->text + found[1];
        if (p && !p->caption && text[strspn(text, " \t\r\n")]) p->caption = found[1];
        k->captions |= found[1] != 0;
        GP_TRY(gp_scan_next(c, ']', &more));
    }
    return GP_OK;
}

static gp_status put_rows(const coco *k)
{
    gp_scan *c = k->scan;
    size_t column;
    GP_TRY(gp_table_add_column(c->table, "file_name", &column, c->err));
    GP_TRY(gp_table_add_column(c->table, "caption", &column, c->err));
    for (size_t i = 0; i < k->count; i++) {
        const char *file = c->text + k->pictures[i].file, *caption = c->text + k->pictures[i].caption;
        GP_TRY(gp_table_begin(c->table, c->err));
        GP_TRY(gp_table_put(c->table, file, strlen(file), c->err));
        if (k->pictures[i].caption)
            GP_TRY(gp_table_put(c->table, caption, strlen(caption), c->err));
        else
            gp_table_skip(c->table);
        GP_TRY(gp_watch_work(c->table->watch, strlen(file) + 8, c->err));
    }
    return GP_OK;
}

gp_status gp_table_read_coco(gp_scan *c, const gp_shape *shape)
{
    coco k = {.scan = c};
    gp_status st = GP_OK;
    c->at = shape->images;
    GP_TRY_GOTO(read_images(&k));
    GP_TRY_GOTO(sort_images(&k));
    c->at = shape->annotations;
    st = read_captions(&k);
    if (st == GP_OK && !k.captions) st = gp_scan_wrong(c, "its annotations have no captions");
    if (st == GP_OK ||
        (st == GP_ERR_FORMAT && k.captions)) { /* from a truncated file, keep the captions before the cut */
        gp_status put = put_rows(&k);
        if (put != GP_OK) st = put;
    }
out:
    gp_mem_free(k.sorted);
    gp_mem_free(k.pictures);
    return st;
}
