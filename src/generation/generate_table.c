/* SPDX-License-Identifier: MIT
 * Reads the prompts to generate from: a table, a list, or picked images. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "generation/generate_private.h"
#include "stage/passed.h"

#include <stdlib.h>
#include <string.h>

/* Opens a list of prompts, one per line, as a table. */
static gp_status open_list(const char *path, gp_table **out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_str csv = GP_STR_INIT;
    GP_TRY(gp_file_read(path, (uint64_t)1 << 30, &bytes, err));
    gp_str_puts(&csv, "prompt\n");
    /* skip the byte order mark that some editors write */
    bool marked = bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0;
    for (char *line = (char *)bytes.data + (marked ? 3 : 0), *end; *line; line = end) {
        size_t length = strcspn(line, "\n");
        end = line[length] ? line + length + 1 : line + length;
        while (length && strchr(" \t\r", line[length - 1])) length--;
        if (!length) continue;
        gp_str_putc(&csv, '"');
        for (size_t i = 0; i < length; i++) gp_str_puts(&csv, line[i] == '"' ? "\"\"" : (char[]){line[i], 0});
        gp_str_puts(&csv, "\"\n");
    }
    gp_bytes_clear(&bytes);
    gp_status st = csv.failed ? gp_fail_memory_path(err, "'%s'", path)
                              : gp_table_parse(gp_path_base(path), csv.data, csv.size, "csv", out, err);
    gp_str_clear(&csv);
    return st;
}

static gp_status put_extras(gp_generation *m, size_t row, size_t prompt, size_t negative, char **out, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_putc(&s, '{');
    gp_table_put_extras(m->table, row, prompt, negative, &s);
    gp_str_putc(&s, '}');
    bool some = s.size > 2;
    *out = gp_str_take(&s);
    if (!*out) return gp_fail_memory(err, "the prompts");
    if (!some) gp_mem_free(*out), *out = NULL;
    return GP_OK;
}

typedef struct twin {
    gp_hash hash;
    size_t at;
} twin;

static int by_hash(const void *a, const void *b)
{
    const twin *x = a, *y = b;
    int order = memcmp(&x->hash, &y->hash, sizeof x->hash);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Keeps only the first of several rows with the same prompt and negative prompt. */
static gp_status drop_doubles(gp_generation *m, gp_error *err)
{
    twin *twins = NULL;
    size_t n = m->subject_count, kept = 0;
    GP_TRY(gp_alloc((void **)&twins, n, sizeof *twins, "the prompts", err));
    for (size_t i = 0; i < n; i++) {
        const gp_subject *s = &m->subjects[i];
        gp_hash parts[2] = {gp_hash_of(s->prompt, strlen(s->prompt)),
                            gp_hash_of(s->negative ? s->negative : "", s->negative ? strlen(s->negative) : 0)};
        twins[i] = (twin){gp_hash_of(parts, sizeof parts), i};
    }
    qsort(twins, n, sizeof *twins, by_hash);
    for (size_t i = 1; i < n; i++)
        if (memcmp(&twins[i].hash, &twins[i - 1].hash, sizeof twins[i].hash) == 0)
            m->subjects[twins[i].at].prompt = NULL;
    for (size_t i = 0; i < n; i++) {
        if (m->subjects[i].prompt)
            m->subjects[kept++] = m->subjects[i];
        else
            gp_mem_free(m->subjects[i].extras), gp_mem_free(m->subjects[i].again_prompt);
    }
    m->subject_count = kept;
    m->double_rows = n - kept;
    gp_mem_free(twins);
    return GP_OK;
}

gp_status gp_generation_read_table(gp_generation *m, gp_error *err)
{
    size_t prompt, negative = SIZE_MAX;
    const char *path = m->o->prompts;
    if (gp_str_ends(path, ".txt"))
        GP_TRY(open_list(path, &m->table, err));
    else
        GP_TRY(gp_table_open(path, &m->table, err));
    GP_TRY(gp_table_prompt_column(m->table, m->o->prompt_column, &prompt, err));
    negative = gp_table_find(m->table, "negative");
    if (negative == SIZE_MAX) negative = gp_table_find(m->table, "negative_prompt");
    size_t rows = gp_table_rows(m->table);
    GP_TRY(gp_alloc((void **)&m->subjects, rows, sizeof *m->subjects, "the prompts", err));
    for (size_t i = 0; i < rows; i++) {
        gp_str first = GP_STR_INIT; /* the first caption, if the cell is a list of captions */
        const char *text = gp_table_text(m->table, i, prompt, &first);
        const char *not = negative == SIZE_MAX ? NULL : gp_table_cell(m->table, i, negative);
        if (first.failed) return gp_fail_memory(err, "the prompts");
        if (!text || !*text) {
            m->empty_rows++;
            gp_str_clear(&first);
            continue;
        }
        gp_subject *s = &m->subjects[m->subject_count];
        *s = (gp_subject){.prompt = text, .negative = not &&*not ? not : m->o->negative, .again_prompt = first.data};
        m->subject_count++;
        GP_TRY(put_extras(m, i, prompt, negative, &s->extras, err));
    }
    GP_TRY(drop_doubles(m, err));
    return m->subject_count ? GP_OK : gp_fail_path(err, GP_ERR_FORMAT, "'%s' contains no prompt", path);
}

void gp_generation_tell_table(const gp_generation *m)
{
    const gp_generate_options *o = m->o;
    if (!m->table) return;
    gp_table_notes(m->table, o->note, o->note_user);
    if (m->empty_rows)
        gp_note_say(o->note, o->note_user, "table-empty-prompts", m->empty_rows,
                    "'%s': %llu %s no prompt and %s skipped", gp_table_name(m->table),
                    (unsigned long long)m->empty_rows, gp_plural(m->empty_rows, "row has", "rows have"),
                    gp_plural(m->empty_rows, "is", "are"));
    if (m->double_rows)
        gp_note_say(o->note, o->note_user, "table-same-prompts", m->double_rows,
                    "'%s': %llu %s the prompt of an earlier row and %s skipped", gp_table_name(m->table),
                    (unsigned long long)m->double_rows, gp_plural(m->double_rows, "row has", "rows have"),
                    gp_plural(m->double_rows, "is", "are"));
}

/* ------------------------------------------------------------------ images to generate again */

typedef struct merging {
    gp_str *out;
    const gp_json *other; /* a value of `other` replaces a value of the same name */
} merging;

/* Copies a setting of an image if a request can contain it and the user did not give it on the command line. */
static bool keep_setting(void *user, const char *name, const gp_json *value)
{
    static const char *const names[] = {"width",     "height", "steps",   "cfg_scale",        "sampler",
                                        "scheduler", "model",  "refiner", "refiner_switch_at"};
    merging *g = user;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) || gp_json_get(g->other, name)) continue;
        gp_json_put_name(g->out, name);
        gp_json_write(g->out, value);
    }
    return true;
}

/* Uses the image's own graph to generate a ComfyUI image again. The graph's hash becomes a setting, because another
 * graph makes another image. */
static void put_graph(const gp_generation *m, const char *path, gp_str *settings)
{
    char *graph = NULL, hex[33];
    if (m->workflow || !gp_gen_can(m->backends[0], GP_GEN_GRAPH)) return;
    /* an error is ignored here, because find_graph (generate_rounds.c) reports it */
    if (gp_generation_graph_of(path, &graph, NULL) == GP_OK) {
        gp_hash_hex(gp_hash_of(graph, strlen(graph)), hex);
        gp_json_put_name(settings, "workflow");
        gp_json_put_string(settings, hex);
    }
    gp_mem_free(graph);
}

static gp_status add_winner(void *user, const char *path, const char *prompt, const char *negative,
                            const char *settings_json, gp_error *err)
{
    gp_generation *m = user;
    gp_json *settings = NULL;
    gp_str text = GP_STR_INIT, extras = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_subject *more = gp_mem_resize(m->subjects, m->subject_count + 1, sizeof *more);
    if (!more) return gp_fail_memory(err, "the picks");
    m->subjects = more;
    gp_subject *s = &m->subjects[m->subject_count++];
    *s = (gp_subject){.again_prompt = gp_str_dup(prompt), .again_negative = negative ? gp_str_dup(negative) : NULL};
    s->prompt = s->again_prompt, s->negative = s->again_negative;
    if (settings_json) GP_TRY_GOTO(gp_json_parse(settings_json, strlen(settings_json), false, 64, &settings, err));
    s->has_seed = gp_json_u64(gp_json_get(settings, "seed"), &s->seed) && s->seed <= INT64_MAX;
    gp_str_putc(&text, '{');
    gp_json_each(settings, keep_setting, &(merging){&text, m->given});
    put_graph(m, path, &text);
    if (gp_json_count(m->given) && text.size > 1 && text.data[text.size - 1] != ',') gp_str_putc(&text, ',');
    gp_str_puts(&text, m->settings + 1);
    gp_str_puts(&extras, "{\"regenerated_from\":");
    gp_json_put_string(&extras, path);
    gp_str_putc(&extras, '}');
    s->settings = gp_str_take(&text), s->extras = gp_str_take(&extras);
    if (!s->prompt || !s->settings || !s->extras || !s->negative != !negative)
        GP_TRY_GOTO(gp_fail_memory(err, "the picks"));
    bool needs_seed = !m->more || !m->more->new_seeds;
    if (!s->has_seed && needs_seed) { /* without its seed the image cannot be generated again */
        gp_mem_free(s->again_prompt), gp_mem_free(s->again_negative), gp_mem_free(s->settings), gp_mem_free(s->extras);
        m->subject_count--;
        m->counts->failed++;
    }
out:
    gp_json_free(settings);
    gp_str_clear(&extras);
    gp_str_clear(&text);
    return st;
}

gp_status gp_generation_read_winners(gp_generation *m, gp_error *err)
{
    GP_TRY(gp_cat_winners(m->cat, m->o->again == GP_REGENERATE_FLAGGED, add_winner, m, err));
    if (m->subject_count) return GP_OK;
    return gp_fail(err, GP_ERR_NOT_FOUND,
                   m->counts->failed
                       ? "none of the picks has a known seed, so goldpan cannot generate any of them again"
                   : m->o->again == GP_REGENERATE_FLAGGED ? "there are no images that you picked in the explorer"
                                                          : "there are no picks: run 'goldpan pick' first");
}

static gp_status add_one(void *user, const gp_cat_recipe *recipe, gp_error *err)
{
    gp_generation *m = user;
    if (!(m->more->prompt = gp_str_dup(recipe->prompt))) return gp_fail_memory(err, "a prompt");
    GP_TRY(add_winner(m, recipe->path ? recipe->path : "", recipe->raw, recipe->negative, recipe->settings, err));
    if (!m->more->new_seeds) return GP_OK;
    m->subjects[0].has_seed = true, m->subjects[0].seed = recipe->new_seed;
    return GP_OK;
}

gp_status gp_generation_read_one(gp_generation *m, gp_error *err)
{
    GP_TRY(gp_cat_image_recipe(m->cat, &m->more->image, add_one, m, err));
    if (m->subject_count) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "the seed of this image is not known, so goldpan cannot generate it again");
}
