/* SPDX-License-Identifier: MIT
 * Writes the manifest and the details of rows, in the layout of docs/api.md. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "view/view_private.h"
#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [GP_COL_F32] = "f32", [GP_COL_F64] = "f64",   [GP_COL_U32] = "u32",   [GP_COL_U8] = "u8",
    [GP_COL_I8] = "i8",   [GP_COL_CODE] = "code", [GP_COL_HASH] = "hash", [GP_COL_TEXT] = "text"};

static void put_member(gp_str *out, const char *name, const char *text)
{
    gp_str_printf(out, ", \"%s\": ", name);
    gp_json_put_string(out, text);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void put_column(gp_str *out, const gp_column *c, size_t place, const char *revision)
{
    gp_str_puts(out, place ? ",\n  {\"name\": " : "\n  {\"name\": ");
    gp_json_put_string(out, c->name);
    put_member(out, "title", c->title);
    put_member(out, "type", type_names[c->type]);
    gp_str_printf(out, ", \"file\": \"data/col/%zu.bin%s\"", place, revision);
    if (c->type == GP_COL_CODE)
        gp_str_printf(out, ", \"words\": \"data/words/%zu.bin%s\"", place, revision);
    else
        gp_str_puts(out, ", \"words\": null");
    put_member(out, "group", c->group);
    put_member(out, "about", c->about);
    if (c->lower_better) gp_str_puts(out, ", \"lower_better\": true");
    gp_str_putc(out, '}');
}

/* Writes the page's title: the name of the catalog's folder. */
static gp_status put_name(const gp_view *v, gp_str *out, gp_error *err)
{
    char *absolute = gp_path_absolute(v->catalog), *folder = absolute ? gp_path_folder(absolute) : NULL;
    char *above = folder && !strcmp(gp_path_base(folder), ".goldpan") ? gp_path_folder(folder) : NULL;
    gp_status st = folder ? GP_OK : gp_fail_memory(err, "the view of the catalog");
    if (st == GP_OK) {
        const char *base = gp_path_base(above ? above : folder);
        put_member(out, "name", *base ? base : "goldpan");
    }
    gp_mem_free(above);
    gp_mem_free(folder);
    gp_mem_free(absolute);
    return st;
}

gp_status gp_view_write_manifest(const gp_view *v, const gp_view_manifest *m, gp_str *out, gp_error *err)
{
    char revision[32] = "";
    if (m->live) snprintf(revision, sizeof revision, "?r=%llu", (unsigned long long)m->revision);
    gp_str_puts(out, "{\"goldpan\": \"" GP_VERSION "\"");
    GP_TRY(put_name(v, out, err));
    put_member(out, "catalog", m->live ? v->catalog : NULL);
    gp_str_printf(out, ", \"live\": %s, \"readonly\": %s, \"revision\": %llu, \"count\": %zu", truth(m->live),
                  truth(m->readonly), (unsigned long long)m->revision, v->n);
    put_member(out, "model", v->facts.model);
    put_member(out, "scorer", v->facts.name);
    put_member(out, "scale", v->facts.scale);
    gp_str_printf(out, ", \"higher_better\": %s", truth(v->facts.higher_better));
    gp_str_printf(out, ",\n \"search\": {\"text\": %s, \"image\": %s, \"like\": %s}, \"thumbs\": [",
                  truth(m->search_text), truth(m->search_image), truth(m->search_like));
    for (size_t i = 0; i < m->thumb_count; i++) gp_str_printf(out, i ? ", %u" : "%u", m->thumbs[i]);
    gp_str_printf(out, "], \"acts\": {\"open\": %s, \"trash\": %s", truth(m->open_folder), truth(m->trash));
    put_member(out, "generate", m->generated);
    put_member(out, "generator", m->generator);
    gp_str_putc(out, '}');
    put_member(out, "image_ext", m->image_ext);
    if (m->near_k)
        gp_str_printf(out, ", \"near\": {\"k\": %u, \"file\": \"data/near.bin\"}", m->near_k);
    else
        gp_str_puts(out, ", \"near\": null");
    gp_str_puts(out, ",\n \"columns\": [");
    for (size_t i = 0; i < v->column_count; i++) put_column(out, &v->columns[i], i, revision);
    gp_str_puts(out, "],\n \"categories\": ");
    gp_str_add(out, v->categories_json.data, v->categories_json.size);
    gp_str_puts(out, ",\n \"slices\": ");
    gp_str_add(out, v->slices_json.data, v->slices_json.size);
    if (v->slices_size)
        gp_str_printf(out, ",\n \"slices_file\": \"data/slices.bin%s\"", revision);
    else
        gp_str_puts(out, ",\n \"slices_file\": null");
    gp_str_printf(out, ", \"tags_file\": \"data/tags.json%s\"", revision);
    gp_str_printf(out, ", \"groups\": %zu, \"failures\": %llu", v->groups, (unsigned long long)v->facts.failures);
    put_member(out, "remark", v->facts.note ? v->facts.note : "");
    gp_str_puts(out, "}\n");
    return out->failed ? gp_fail_memory(err, "the manifest") : GP_OK;
}

/* ------------------------------------------------------------------ detail */

typedef struct writing {
    gp_str *out;
    bool short_paths, found, some;
} writing;

const char *gp_view_short(const char *text)
{
    bool drive = ((*text | 32) >= 'a' && (*text | 32) <= 'z') && text[1] == ':' && (text[2] == '\\' || text[2] == '/');
    bool path = drive || !strncmp(text, "\\\\", 2) || !strncmp(text, "~/", 2) || !strncmp(text, "file:/", 6) ||
                (*text == '/' && strchr(text + 1, '/'));
    const char *last = text;
    if (!path) return text;
    for (const char *c = text; *c; c++)
        if ((*c == '/' || *c == '\\') && c[1]) last = c + 1;
    return last;
}

static bool on_setting(void *user, const char *name, const gp_json *value)
{
    writing *w = user;
    gp_str text = GP_STR_INIT;
    const char *plain = gp_json_text(value, NULL);
    if (!plain) gp_json_write(&text, value);
    gp_str_puts(w->out, w->some ? ", [" : "[");
    w->some = true;
    gp_json_put_string(w->out, name);
    gp_str_puts(w->out, ", ");
    plain = plain ? plain : text.data ? text.data : "";
    gp_json_put_string(w->out, w->short_paths ? gp_view_short(plain) : plain);
    gp_str_putc(w->out, ']');
    w->out->failed |= text.failed;
    gp_str_clear(&text);
    return true;
}

static void put_settings(writing *w, const char *json)
{
    gp_json *root = NULL;
    gp_str_puts(w->out, ", \"settings\": [");
    w->some = false;
    if (json && gp_json_parse(json, strlen(json), false, 64, &root, NULL) == GP_OK) gp_json_each(root, on_setting, w);
    gp_json_free(root);
    gp_str_putc(w->out, ']');
}

static void on_detail(void *user, const gp_cat_detail *d)
{
    writing *w = user;
    w->found = true;
    gp_str_puts(w->out, ", \"paths\": [");
    for (size_t i = 0; i < d->path_count; i++) {
        if (i) gp_str_puts(w->out, ", ");
        gp_json_put_string(w->out, w->short_paths ? gp_path_base(d->paths[i]) : d->paths[i]);
        if (w->short_paths) break; /* a site must not show other paths of the image */
    }
    gp_str_putc(w->out, ']');
    put_member(w->out, "prompt", d->prompt);
    put_member(w->out, "prompt_raw", d->raw);
    put_member(w->out, "negative", d->negative);
    put_member(w->out, "source", d->source);
    put_member(w->out, "evidence", d->evidence);
    put_settings(w, d->settings);
    put_member(w->out, "reason", d->reason);
    put_member(w->out, "failure", w->short_paths ? NULL : d->failure);
    put_member(w->out, "generator", w->short_paths ? NULL : d->generator);
    gp_str_puts(w->out, d->embedded ? ", \"embedded\": true" : ", \"embedded\": false");
}

gp_status gp_view_write_detail(const gp_view *v, gp_catalog *cat, size_t shard, bool short_paths, gp_str *out,
                               gp_error *err)
{
    size_t from = shard * GP_VIEW_SHARD, to = from + GP_VIEW_SHARD;
    if (shard > v->n / GP_VIEW_SHARD || from >= v->n)
        return gp_fail(err, GP_ERR_NOT_FOUND, "the requested rows do not exist");
    gp_str_putc(out, '[');
    for (size_t row = from; row < to && row < v->n; row++) {
        writing w = {.out = out, .short_paths = short_paths};
        char hex[33];
        gp_hash_hex(*gp_view_hash(v, row), hex);
        gp_str_printf(out, "%s{\"row\": %zu, \"id\": %lld, \"hash\": \"%s\"", row > from ? ",\n" : "", row,
                      (long long)v->images[row], hex);
        GP_TRY(gp_cat_detail_read(cat, &v->facts, v->images[row], on_detail, &w, err));
        if (!w.found) /* the image was removed after the view was read */
            gp_str_puts(out, ", \"paths\": [], \"prompt\": null, \"prompt_raw\": null, \"negative\": null, \"source\": "
                             "null, \"evidence\": \"none\""
                             ", \"settings\": [], \"reason\": null, \"failure\": \"no longer in the catalog\","
                             " \"generator\": null, \"embedded\": false");
        gp_str_putc(out, '}');
    }
    gp_str_puts(out, "]\n");
    return out->failed ? gp_fail_memory(err, "the details of the requested rows") : GP_OK;
}

/* ------------------------------------------------------------------ tags */

typedef struct tagging {
    const gp_view *view;
    gp_str *out;
    gp_str tag; /* the tag of the last row */
    bool begun; /* at least one tag was written */
} tagging;

static bool on_tag(void *user, const char *tag, int64_t image)
{
    tagging *t = user;
    size_t row = gp_view_row_of(t->view, image);
    if (row == SIZE_MAX) return true; /* the image is not on the disk */
    bool same = t->begun && t->tag.data && strcmp(t->tag.data, tag) == 0;
    if (!same) {
        gp_str_puts(t->out, t->begun ? "]},\n{\"tag\":" : "{\"tag\":");
        gp_json_put_string(t->out, tag);
        gp_str_puts(t->out, ",\"rows\":[");
        gp_str_reset(&t->tag);
        gp_str_puts(&t->tag, tag);
        t->begun = true;
    }
    gp_str_printf(t->out, same ? ",%zu" : "%zu", row);
    return !t->out->failed && !t->tag.failed;
}

gp_status gp_view_write_tags(const gp_view *v, gp_catalog *cat, gp_str *out, gp_error *err)
{
    tagging t = {.view = v, .out = out, .tag = GP_STR_INIT};
    gp_str_puts(out, "{\"tags\":[");
    gp_status st = gp_cat_tags_visit(cat, on_tag, &t, err);
    gp_str_puts(out, t.begun ? "]}]}\n" : "]}\n");
    bool failed = out->failed || t.tag.failed;
    gp_str_clear(&t.tag);
    return st == GP_OK && failed ? gp_fail_memory(err, "the tags") : st;
}
