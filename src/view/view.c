/* SPDX-License-Identifier: MIT
 * The catalog as columns in memory.  Only ratings change after the columns are read. */
#include "view/view.h"

#include "base/file.h"
#include "base/mem.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "view/view_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t gp_column_size(gp_column_type type)
{
    static const size_t sizes[] = {[GP_COL_F32] = 4, [GP_COL_F64] = 8,  [GP_COL_U32] = 4,   [GP_COL_U8] = 1,
                                   [GP_COL_I8] = 1,  [GP_COL_CODE] = 4, [GP_COL_HASH] = 16, [GP_COL_TEXT] = 0};
    return sizes[type];
}

gp_column *gp_view_add(gp_view *v, const char *name, const char *title, gp_column_type type, const char *group,
                       const char *about)
{
    gp_column c = {.name = name, .title = title, .group = group, .about = about, .type = type};
    bool words = type == GP_COL_CODE || type == GP_COL_TEXT;
    if (v->column_count == GP_VIEW_COLUMNS) return NULL;
    if (type != GP_COL_TEXT) c.data = gp_mem_zero(v->room, gp_column_size(type));
    if (words) c.words = gp_mem_zero(1, sizeof *c.words);
    if ((type != GP_COL_TEXT && !c.data) || (words && !c.words)) {
        gp_mem_free(c.data);
        gp_mem_free(c.words);
        return NULL;
    }
    v->columns[v->column_count] = c;
    return &v->columns[v->column_count++];
}

/* ------------------------------------------------------------------ finding rows */

static size_t hash_slot(const uint8_t *hash, size_t slots)
{
    uint64_t key;
    memcpy(&key, hash, sizeof key);
    return (size_t)(key & (slots - 1));
}

gp_status gp_view_index_hashes(gp_view *v, gp_error *err)
{
    v->slot_count = 16;
    while (v->slot_count < 2 * v->n) v->slot_count *= 2;
    v->slots = gp_mem_zero(v->slot_count, sizeof *v->slots);
    if (!v->slots) return gp_fail_memory(err, "the view of the catalog");
    for (size_t i = 0; i < v->n; i++) {
        size_t at = hash_slot(gp_view_hash(v, i)->bytes, v->slot_count);
        while (v->slots[at]) at = (at + 1) & (v->slot_count - 1);
        v->slots[at] = (uint32_t)i + 1;
    }
    return GP_OK;
}

size_t gp_view_find(const gp_view *v, const gp_hash *hash)
{
    for (size_t at = hash_slot(hash->bytes, v->slot_count); v->slots[at]; at = (at + 1) & (v->slot_count - 1))
        if (!memcmp(gp_view_hash(v, v->slots[at] - 1)->bytes, hash->bytes, sizeof hash->bytes)) return v->slots[at] - 1;
    return SIZE_MAX;
}

size_t gp_view_row_of(const gp_view *v, int64_t image)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->images[middle] < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->n && v->images[low] == image ? low : SIZE_MAX;
}

/* ------------------------------------------------------------------ opening and closing */

gp_status gp_view_new(gp_catalog *cat, const char *scorer, gp_view **out, gp_error *err)
{
    gp_view *v = gp_mem_zero(1, sizeof *v);
    if (!v) return gp_fail_memory(err, "the view of the catalog");
    v->catalog = gp_path_absolute(gp_cat_path(cat));
    gp_status st = v->catalog ? gp_cat_read_begin(cat, err) : gp_fail_memory(err, "the view of the catalog");
    if (st == GP_OK) {
        st = gp_view_read(v, cat, scorer, err);
        gp_cat_read_end(cat);
    }
    if (st == GP_OK)
        *out = v;
    else
        gp_view_free(v);
    return st;
}

void gp_view_free(gp_view *v)
{
    if (!v) return;
    for (size_t i = 0; i < v->column_count; i++) {
        gp_mem_free(v->columns[i].data);
        if (v->columns[i].words) gp_words_clear(v->columns[i].words);
        gp_mem_free(v->columns[i].words);
        gp_mem_free(v->columns[i].owned);
    }
    for (size_t i = 0; i < v->setting_count; i++) {
        gp_mem_free(v->settings[i].name);
        gp_mem_free(v->settings[i].codes);
        gp_mem_free(v->settings[i].numbers);
        gp_words_clear(&v->settings[i].words);
    }
    gp_cat_summary_clear(&v->facts);
    gp_str_clear(&v->categories_json);
    gp_str_clear(&v->slices_json);
    gp_mem_free(v->slices);
    gp_mem_free(v->slots);
    gp_mem_free(v->images);
    gp_mem_free(v->prompt_ids);
    gp_mem_free(v->orientation);
    gp_mem_free(v->others);
    gp_mem_free(v->catalog);
    gp_mem_free(v);
}

/* ------------------------------------------------------------------ looking into it */

size_t gp_view_count(const gp_view *v)
{
    return v->n;
}

size_t gp_view_columns(const gp_view *v)
{
    return v->column_count;
}

const gp_hash *gp_view_hash(const gp_view *v, size_t row)
{
    return (const gp_hash *)v->columns[GP_VIEW_HASH].data + row;
}

const gp_hash *gp_view_file_hash(const gp_view *v, size_t row)
{
    size_t low = 0, high = v->other_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->others[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->other_count && v->others[low].row == row ? &v->others[low].hash : gp_view_hash(v, row);
}

int64_t gp_view_image(const gp_view *v, size_t row)
{
    return v->images[row];
}

uint32_t gp_view_orientation(const gp_view *v, size_t row)
{
    return v->orientation[row];
}

const char *gp_view_format(const gp_view *v, size_t row)
{
    static const char *const names[] = {"png", "jpeg", "webp", "bmp", "gif", "tiff", "avif", "jxl"};
    const gp_column *c = &v->columns[GP_VIEW_FORMAT];
    uint32_t code = ((const uint32_t *)c->data)[row], from = code ? c->words->texts.ends[code - 1] : 0;
    size_t size = c->words->texts.ends[code] - from;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && !memcmp(names[i], c->words->texts.bytes.data + from, size)) return names[i];
    return "png";
}

gp_status gp_view_path(const gp_view *v, size_t row, char **path, gp_error *err)
{
    const gp_texts *t = &v->columns[GP_VIEW_PATH].words->texts;
    uint32_t from = row ? t->ends[row - 1] : 0;
    *path = gp_str_dup_n(t->bytes.data + from, t->ends[row] - from);
    return *path ? GP_OK : gp_fail_memory(err, "a path");
}

const char *gp_view_column_name(const gp_view *v, size_t column)
{
    return column < v->column_count ? v->columns[column].name : "";
}

const void *gp_view_column(const gp_view *v, size_t column, size_t *size)
{
    if (column >= v->column_count) return NULL;
    const gp_column *c = &v->columns[column];
    if (c->type == GP_COL_TEXT) return *size = c->words->texts.table_size, c->words->texts.table;
    *size = v->n * gp_column_size(c->type);
    return c->data;
}

const void *gp_view_words(const gp_view *v, size_t column, size_t *size)
{
    if (column >= v->column_count || v->columns[column].type != GP_COL_CODE) return NULL;
    *size = v->columns[column].words->texts.table_size;
    return v->columns[column].words->texts.table;
}

const void *gp_view_slices(const gp_view *v, size_t *size)
{
    *size = v->slices_size;
    return v->slices;
}

void gp_view_rate(gp_view *v, size_t row, int flag, unsigned stars)
{
    ((int8_t *)v->columns[GP_VIEW_FLAG].data)[row] = (int8_t)flag;
    ((uint8_t *)v->columns[GP_VIEW_STARS].data)[row] = (uint8_t)stars;
}

void gp_view_rating(const gp_view *v, size_t row, int *flag, unsigned *stars)
{
    *flag = ((const int8_t *)v->columns[GP_VIEW_FLAG].data)[row];
    *stars = ((const uint8_t *)v->columns[GP_VIEW_STARS].data)[row];
}
