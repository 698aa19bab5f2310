/* SPDX-License-Identifier: MIT
 * See text_sets.h.
 *
 * FiftyOne: each sample has `filepath` (relative to the folder, or absolute), `tags`, and other fields by name.
 * MongoDB, which FiftyOne uses, has no uint64, so the seed is a text.  The settings are a text too, because FiftyOne
 * rejects names with dots.
 *
 * Label Studio: each task has its values in `data`; `image` is the address of a local file.  Label Studio serves local
 * files only below its document root, which must be a parent of the folder: so the address of an exported file begins
 * with the name of the export's folder, and the document root is the folder that contains it.  Without exported files
 * the addresses are the whole paths, and the document root is "/". */
#include "dataset/text_sets.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

struct gp_text_writer {
    gp_set_file *file;
    gp_text_set set;
    const char *folder;
    uint64_t rows;
    gp_str text;
};

static const char *const begins[] = {[GP_TEXT_RECORDS] = "[",
                                     [GP_TEXT_LINES] = "",
                                     [GP_TEXT_FIFTYONE] = "{\"samples\": [",
                                     [GP_TEXT_LABEL_STUDIO] = "["};
static const char *const ends[] = {
    [GP_TEXT_RECORDS] = "\n]\n", [GP_TEXT_LINES] = "", [GP_TEXT_FIFTYONE] = "\n]}\n", [GP_TEXT_LABEL_STUDIO] = "\n]\n"};

gp_status gp_text_writer_open(gp_set_files *files, const char *name, gp_text_set set, const char *folder,
                              gp_text_writer **out, gp_error *err)
{
    gp_text_writer *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "'%s'", name);
    w->set = set, w->folder = folder;
    gp_status st = gp_set_file_open(files, name, &w->file, err);
    if (st == GP_OK) st = gp_set_file_write(w->file, begins[set], strlen(begins[set]), err);
    if (st == GP_OK)
        *out = w;
    else
        gp_text_writer_abort(w);
    return st;
}

void gp_text_writer_abort(gp_text_writer *w)
{
    if (!w) return;
    gp_set_file_abort(w->file);
    gp_str_clear(&w->text);
    gp_mem_free(w);
}

gp_status gp_text_writer_commit(gp_text_writer *w, gp_error *err)
{
    gp_status st = gp_set_file_write(w->file, ends[w->set], strlen(ends[w->set]), err);
    if (st == GP_OK) {
        st = gp_set_file_commit(w->file, err);
        w->file = NULL;
    }
    gp_text_writer_abort(w);
    return st;
}

void gp_label_studio_put_address(gp_str *out, const char *path)
{
    gp_str_puts(out, "/data/local-files/?d=");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if (c < 128 && (isalnum(c) || strchr("-._~/", c)))
            gp_str_putc(out, (char)c);
        else
            gp_str_printf(out, "%%%02X", c);
    }
}

static void put_sample(const gp_set_record *record, gp_str *out)
{
    const char *file = gp_set_record_text(record, GP_RECORD_FILE);
    gp_str_putc(out, '{');
    gp_json_put_text(out, "filepath", file ? file : gp_set_record_text(record, GP_RECORD_PATH));
    gp_json_put_name(out, "metadata");
    gp_str_printf(out, "{\"_cls\":\"ImageMetadata\",\"width\":%" PRId64 ",\"height\":%" PRId64 "}",
                  record->values[GP_RECORD_WIDTH].i64, record->values[GP_RECORD_HEIGHT].i64);
    gp_set_record_put_json(record, GP_RECORD_SEED_TEXT | GP_RECORD_SETTINGS_TEXT, out);
    gp_str_putc(out, '}');
}

static void put_task(const gp_text_writer *w, const gp_set_record *record, gp_str *out)
{
    const char *file = gp_set_record_text(record, GP_RECORD_FILE), *path = gp_set_record_text(record, GP_RECORD_PATH);
    gp_str name = GP_STR_INIT, address = GP_STR_INIT;
    if (file)
        gp_str_printf(&name, "%s/%s", gp_path_base(w->folder), file);
    else
        gp_str_puts(&name, path ? path + (*path == '/') : "");
    gp_label_studio_put_address(&address, name.data ? name.data : "");
    gp_str_puts(out, "{\"data\":{");
    gp_json_put_text(out, "image", address.data);
    gp_set_record_put_json(record, 0, out);
    gp_str_puts(out, "}}");
    out->failed |= name.failed | address.failed;
    gp_str_clear(&name);
    gp_str_clear(&address);
}

gp_status gp_text_writer_row(gp_text_writer *w, const gp_set_record *record, gp_error *err)
{
    gp_str *out = &w->text;
    if (w->set != GP_TEXT_LINES) gp_str_puts(out, w->rows ? ",\n" : "\n");
    if (w->set == GP_TEXT_FIFTYONE) {
        put_sample(record, out);
    } else if (w->set == GP_TEXT_LABEL_STUDIO) {
        put_task(w, record, out);
    } else {
        gp_str_putc(out, '{');
        gp_set_record_put_json(record, 0, out);
        gp_str_puts(out, w->set == GP_TEXT_LINES ? "}\n" : "}");
    }
    w->rows++;
    return gp_set_file_flush(w->file, out, err);
}
