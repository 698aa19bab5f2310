/* SPDX-License-Identifier: MIT
 * Reads the analysis: categories and slices for the manifest, and the rows of each slice. */
#include "base/json.h"
#include "base/mem.h"
#include "catalog/analysis.h"
#include "view/view_private.h"
#include <math.h>
#include <string.h>

static void put_field(gp_str *out, const char *name, double value)
{
    gp_str_printf(out, ", \"%s\": ", name);
    gp_json_put_real(out, value);
}

static bool on_category(void *user, const gp_analysis_category *c)
{
    gp_str *out = user;
    gp_str_puts(out, out->size > 1 ? ", {\"name\": " : "{\"name\": ");
    gp_json_put_string(out, c->name);
    gp_str_puts(out, ", \"source\": ");
    gp_json_put_string(out, c->source);
    gp_str_printf(out, ", \"support\": %u", c->support);
    put_field(out, "mean", c->mean);
    put_field(out, "sd", c->sd);
    put_field(out, "weight", c->weight);
    gp_str_putc(out, '}');
    return !out->failed;
}

/* ------------------------------------------------------------------ slices */

typedef struct members {
    const gp_view *view;
    gp_str *json;
    uint32_t *first, *rows; /* growing */
    size_t slices, count, first_room, row_room;
    bool failed;
} members;

static bool room_for(uint32_t **list, size_t *room, size_t wanted)
{
    if (wanted <= *room) return true;
    size_t capacity = *room ? *room : 256;
    while (capacity < wanted) capacity *= 2;
    uint32_t *grown = gp_mem_resize(*list, capacity, sizeof *grown);
    if (!grown) return false;
    *list = grown, *room = capacity;
    return true;
}

static void put_slice(gp_str *out, const gp_analysis_slice *s, size_t support)
{
    gp_str_printf(out, "{\"id\": %lld, \"title\": ", (long long)s->id);
    gp_json_put_string(out, s->title);
    gp_str_puts(out, ", \"space\": ");
    gp_json_put_string(out, s->space);
    gp_str_puts(out, ", \"category\": ");
    gp_json_put_string(out, s->category);
    gp_str_printf(out, ", \"level\": %u, \"support\": %zu", s->level, support);
    put_field(out, "value", s->value);
    put_field(out, "drop", s->lift);
    put_field(out, "low", s->low);
    put_field(out, "high", s->high);
    put_field(out, "effect", s->effect);
    put_field(out, "p", s->p_corrected);
    if (s->parent)
        gp_str_printf(out, ", \"parent\": %lld", (long long)s->parent);
    else
        gp_str_puts(out, ", \"parent\": null");
    gp_str_puts(out, ", \"reasons\": ");
    gp_str_puts(out, s->reasons_json && *s->reasons_json == '[' ? s->reasons_json : "[]");
    gp_str_putc(out, '}');
}

static bool on_slice(void *user, const gp_analysis_slice *s)
{
    members *m = user;
    size_t before = m->count;
    m->failed =
        !room_for(&m->rows, &m->row_room, m->count + s->support) || !room_for(&m->first, &m->first_room, m->slices + 2);
    if (m->failed) return false;
    for (uint32_t i = 0; i < s->support; i++) {
        size_t row = gp_view_row_of(m->view, s->images[i]);
        if (row != SIZE_MAX) m->rows[m->count++] = (uint32_t)row;
    }
    if (m->slices == 0) m->first[0] = 0;
    m->first[++m->slices] = (uint32_t)m->count;
    if (m->slices > 1) gp_str_puts(m->json, ", ");
    put_slice(m->json, s, m->count - before);
    m->failed = m->json->failed;
    return !m->failed;
}

static gp_status pack_slices(gp_view *v, const members *m, gp_error *err)
{
    size_t head = (m->slices + 1) * sizeof(uint32_t), size = m->slices ? head + m->count * sizeof(uint32_t) : 0;
    if (size == 0) return GP_OK;
    GP_TRY(gp_alloc((void **)&v->slices, size, 1, "the view of the catalog", err));
    memcpy(v->slices, m->first, head);
    memcpy(v->slices + head, m->rows, m->count * sizeof(uint32_t));
    v->slices_size = size;
    return GP_OK;
}

gp_status gp_view_read_found(gp_view *v, gp_catalog *cat, gp_error *err)
{
    gp_status st = GP_OK;
    members m = {.view = v, .json = &v->slices_json};
    gp_str_putc(&v->categories_json, '[');
    gp_str_putc(&v->slices_json, '[');
    if (v->facts.analysis) {
        GP_TRY_GOTO(gp_cat_categories_visit(cat, v->facts.scorer, on_category, &v->categories_json, err));
        GP_TRY_GOTO(gp_cat_slices_visit(cat, v->facts.scorer, on_slice, &m, err));
    }
    gp_str_putc(&v->categories_json, ']');
    gp_str_putc(&v->slices_json, ']');
    if (m.failed || v->categories_json.failed || v->slices_json.failed)
        GP_TRY_GOTO(gp_fail_memory(err, "the view of the catalog"));
    GP_TRY_GOTO(pack_slices(v, &m, err));
out:
    gp_mem_free(m.first);
    gp_mem_free(m.rows);
    return st;
}
