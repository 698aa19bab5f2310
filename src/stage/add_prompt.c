/* SPDX-License-Identifier: MIT
 * The prompt of a file that is added: from the table, its metadata, a sidecar file or its path. */
#include "base/json.h"
#include "base/mem.h"
#include "image/chunks.h"
#include "image/mark.h"
#include "ingest/sidecar.h"
#include "metadata/clean_prompt.h"
#include "stage/add_private.h"

#include <stdio.h>
#include <string.h>

bool gp_add_is_from(const char *kind, const char *source)
{
    return source && gp_str_starts(source, kind);
}

void gp_add_forget_prompt(gp_add_job *job)
{
    gp_mem_free(job->source);
    gp_mem_free(job->raw);
    gp_mem_free(job->prompt);
    job->source = job->raw = job->prompt = NULL;
    job->evidence = GP_EVIDENCE_NONE;
    job->strength = 0;
}

const char *gp_add_prompt_cell(const gp_add_run *r, size_t row, gp_str *room)
{
    const char *cell = gp_table_text(r->table, row, r->prompt_column, room);
    return cell && r->has_nans && gp_table_is_nan(cell) ? NULL : cell;
}

/* Returns the cell if it is stored as a setting; NULL if it is empty, or if its column is that of the image or the
 * prompt. */
static const char *extra_cell(const gp_add_run *r, size_t row, size_t column)
{
    if (row == SIZE_MAX || column == r->image_column || column == r->prompt_column) return NULL;
    const char *cell = gp_table_cell(r->table, row, column);
    return cell && *cell ? cell : NULL;
}

void gp_add_put_extras(const gp_add_run *r, size_t row, gp_str *s)
{
    if (r->table && row != SIZE_MAX) gp_table_put_extras(r->table, row, r->image_column, r->prompt_column, s);
}

typedef struct own_settings {
    const gp_add_run *r;
    size_t row;
    gp_str *out;
} own_settings;

/* Appends a setting of the file, unless the table has a column of that name. */
static bool put_own_setting(void *user, const char *key, const gp_json *value)
{
    own_settings *o = user;
    for (size_t c = 0; o->r->table && c < gp_table_columns(o->r->table); c++)
        if (extra_cell(o->r, o->row, c) && strcmp(key, gp_table_column(o->r->table, c)) == 0) return true;
    gp_json_put_name(o->out, key);
    gp_json_write(o->out, value);
    return true;
}

/* Merges the settings of the file and the table's columns into one flat object. If a name occurs in both, the table's
 * value is used. */
static gp_status merge_settings(const gp_add_run *r, const gp_add_job *job, const char *from_file, char **out,
                                gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_json *own = NULL;
    if (from_file) GP_TRY(gp_json_parse(from_file, strlen(from_file), false, 64, &own, err));
    gp_str_putc(&s, '{');
    gp_json_each(own, put_own_setting, &(own_settings){r, job->row, &s});
    gp_add_put_extras(r, job->row, &s);
    gp_str_putc(&s, '}');
    gp_json_free(own);
    *out = gp_str_take(&s);
    return *out ? GP_OK : gp_fail_memory_path(err, "the settings of '%s'", job->path);
}

/* Sets the prompt of a job. If cleaning removes the whole text, as it does with "<lora:x:1>", the job has no prompt
 * yet, and the caller tries the next source. */
static gp_status set_prompt(gp_add_job *job, const char *raw, gp_prompt_syntax syntax, int strength,
                            gp_evidence evidence, const char *source, gp_error *err)
{
    job->raw = gp_str_dup(raw);
    job->source = gp_str_dup(source);
    job->strength = strength;
    job->evidence = evidence;
    if (!job->raw || !job->source) return gp_fail_memory_path(err, "the prompt of '%s'", job->path);
    GP_TRY(gp_prompt_clean(raw, syntax, &job->prompt, err));
    if (!*job->prompt) gp_add_forget_prompt(job);
    return GP_OK;
}

static gp_status prompt_from_table(const gp_add_run *r, gp_add_job *job, gp_error *err)
{
    gp_str room = GP_STR_INIT, source = GP_STR_INIT;
    const char *cell = gp_add_prompt_cell(r, job->row, &room);
    gp_status st = GP_OK;
    gp_str_printf(&source, "table:%s", gp_table_name(r->table));
    if (source.failed || room.failed)
        st = gp_fail_memory_path(err, "the prompt of '%s'", job->path);
    else if (cell && *cell)
        st = set_prompt(job, cell, GP_PROMPT_PLAIN, GP_STRENGTH_TABLE, GP_EVIDENCE_STATED, source.data, err);
    gp_str_clear(&source);
    gp_str_clear(&room);
    return st;
}

/* Returns the source of a prompt, such as "comfyui: node 6 TextEncode". Owned; NULL if memory ran out. */
static char *source_of(const gp_meta *meta)
{
    gp_str source = GP_STR_INIT;
    gp_str_printf(&source, "%s: %s", meta->tool ? meta->tool : "sidecar", meta->where ? meta->where : "metadata");
    return gp_str_take(&source);
}

static gp_status prompt_from_metadata(gp_add_job *job, const gp_meta *meta, gp_error *err)
{
    int strength = meta->evidence == GP_EVIDENCE_GUESS ? GP_STRENGTH_GUESS : GP_STRENGTH_METADATA;
    char *text = source_of(meta);
    if (!text) return gp_fail_memory_path(err, "the prompt of '%s'", job->path);
    gp_prompt_syntax syntax = gp_prompt_syntax_of(meta->tool);
    gp_status st = set_prompt(job, meta->prompt, syntax, strength, meta->evidence, text, err);
    gp_mem_free(text);
    return st;
}

static gp_status prompt_from_sidecar(gp_add_job *job, gp_meta *meta, gp_error *err)
{
    char *text = NULL;
    GP_TRY(gp_prompt_sidecar(job->path, &text, &job->refused, err));
    if (!text) return GP_OK;
    gp_status st = gp_meta_a1111(text, strlen(text), meta, err);
    if (st == GP_OK && meta->found && meta->prompt)
        st = set_prompt(job, meta->prompt, GP_PROMPT_WEBUI, GP_STRENGTH_SIDECAR, GP_EVIDENCE_STATED,
                        "sidecar: infotext", err);
    else if (st == GP_OK && *text)
        st = set_prompt(job, text, GP_PROMPT_PLAIN, GP_STRENGTH_SIDECAR, GP_EVIDENCE_STATED, "sidecar", err);
    gp_mem_free(text);
    return st;
}

gp_status gp_add_prompt_beside(gp_add_job *job, gp_meta *meta, gp_error *err)
{
    gp_str source = GP_STR_INIT;
    GP_TRY(prompt_from_sidecar(job, meta, err));
    if (job->prompt || meta->found) return GP_OK;
    GP_TRY(gp_sidecar_json(job->path, meta, &job->refused, err));
    gp_prompt_syntax syntax = GP_PROMPT_PLAIN;
    gp_str_puts(&source, "sidecar: ");
    if (!meta->found) {
        *meta = job->beside;
        job->beside = (gp_meta){0};
        job->from_beside = meta->found;
        gp_str_puts(&source, meta->where ? meta->where : "");
        if (meta->where && gp_str_starts(meta->where, "log."))
            syntax = GP_PROMPT_WEBUI; /* logs of web interfaces contain the prompt with its syntax */
    } else {
        gp_str_puts(&source, "json");
    }
    gp_status st = source.failed ? gp_fail_memory_path(err, "the prompt of '%s'", job->path) : GP_OK;
    if (st == GP_OK && meta->found && meta->prompt)
        st = set_prompt(job, meta->prompt, syntax, GP_STRENGTH_SIDECAR, GP_EVIDENCE_STATED, source.data, err);
    gp_str_clear(&source);
    return st;
}

/* Copies a row of a table beside an image. */
static gp_status copy_row(const gp_beside_row *row, const char *prompt, gp_meta *out, gp_error *err)
{
    gp_str settings = GP_STR_INIT;
    size_t column = gp_table_negative_column(row->table);
    const char *negative = column == SIZE_MAX ? NULL : gp_table_cell(row->table, row->row, column);
    gp_str_putc(&settings, '{');
    gp_table_put_extras(row->table, row->row, row->image_column, row->prompt_column, &settings);
    gp_str_putc(&settings, '}');
    *out = (gp_meta){.found = true,
                     .evidence = GP_EVIDENCE_STATED,
                     .tool = gp_str_dup("table"),
                     .where = gp_str_dup(gp_table_name(row->table)),
                     .prompt = gp_str_dup(prompt),
                     .negative = negative && *negative ? gp_str_dup(negative) : NULL,
                     .settings_json = gp_str_take(&settings)};
    if (out->tool && out->where && out->prompt && out->settings_json && (out->negative || !(negative && *negative)))
        return GP_OK;
    gp_meta_clear(out);
    return gp_fail_memory(err, "a prompt table");
}

gp_status gp_add_find_beside(gp_add_run *r, const char *path, gp_meta *out, gp_error *err)
{
    gp_beside_row row;
    gp_str room = GP_STR_INIT;
    gp_status st = GP_OK;
    GP_TRY(gp_beside_find(r->beside, path, &row, err));
    if (!row.table) return GP_OK;
    const char *prompt = gp_table_text(row.table, row.row, row.prompt_column, &room);
    if (room.failed)
        st = gp_fail_memory(err, "a prompt table");
    else if (prompt && *prompt && !gp_table_is_nan(prompt))
        st = copy_row(&row, prompt, out, err);
    gp_str_clear(&room);
    return st;
}

gp_status gp_add_prompt_from_path(const gp_add_run *r, gp_add_job *job, gp_meta *meta, gp_error *err)
{
    gp_meta read = {0};
    char source[GP_NAME_LONGEST + 8];
    GP_TRY(gp_name_read(&r->names, job->path, &read, err));
    if (!read.prompt) return GP_OK;
    gp_meta_clear(meta);
    *meta = read;
    snprintf(source, sizeof source, "name: %s", r->options->prompt_from);
    return set_prompt(job, meta->prompt, GP_PROMPT_PLAIN, GP_STRENGTH_SIDECAR, GP_EVIDENCE_DERIVED, source, err);
}

/* Returns the negative prompt of a row of the table that the user named, or NULL. */
static const char *negative_cell(const gp_add_run *r, size_t row)
{
    size_t column = r->table && row != SIZE_MAX ? gp_table_negative_column(r->table) : SIZE_MAX;
    const char *cell = column == SIZE_MAX ? NULL : gp_table_cell(r->table, row, column);
    return cell && *cell ? cell : NULL;
}

gp_status gp_add_find_prompt(const gp_add_run *r, gp_add_job *job, const gp_bytes *bytes, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0}, side = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_image_read_chunks(bytes->data, bytes->size, &chunks, err));
    job->own = gp_image_is_own(&chunks);
    if (job->own) goto out;
    GP_TRY_GOTO(gp_meta_read_file(bytes->data, bytes->size, &chunks, job->path, &meta, err));
    job->damaged = chunks.damaged > 0;
    if (job->row != SIZE_MAX) GP_TRY_GOTO(prompt_from_table(r, job, err));
    if (!job->prompt && meta.evidence > GP_EVIDENCE_GUESS) GP_TRY_GOTO(prompt_from_metadata(job, &meta, err));
    if (!job->prompt) GP_TRY_GOTO(gp_add_prompt_beside(job, &side, err));
    if (!job->prompt) GP_TRY_GOTO(gp_add_prompt_from_path(r, job, &side, err));
    if (!job->prompt && meta.evidence == GP_EVIDENCE_GUESS) GP_TRY_GOTO(prompt_from_metadata(job, &meta, err));
    /* the settings may come from the file and the prompt from a sidecar file */
    const gp_meta *from = meta.found && !((meta.broken || meta.mark) && side.found) ? &meta : &side;
    job->broken = !job->prompt && from->broken;
    job->unstated = !job->prompt && from->found && !from->broken;
    if (!job->prompt && from->found && !(job->source = source_of(from)))
        GP_TRY_GOTO(gp_fail_memory_path(err, "the prompt of '%s'", job->path));
    const char *negative = negative_cell(r, job->row);
    if (!negative) negative = from->negative;
    if (negative && !(job->negative = gp_str_dup(negative)))
        GP_TRY_GOTO(gp_fail_memory_path(err, "the prompt of '%s'", job->path));
    GP_TRY_GOTO(merge_settings(r, job, from->settings_json, &job->settings, err));
out:
    gp_meta_clear(&side);
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    return st;
}
