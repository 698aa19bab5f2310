/* SPDX-License-Identifier: MIT
 *
 * Prints results: lines with fields separated by tabs, or one JSON object with --json.  The first few failed files are
 * listed on stderr. */
#include "options/common_options.h"
#include "cli/context.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_FAILURES = 10 };

/* ------------------------------------------------------------------ JSON */

void gp_cli_json_text(gp_str *out, const char *name, const char *text)
{
    gp_json_put_text(out, name, text);
}

static void put_comma(gp_str *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '[') gp_str_putc(out, ',');
}

void gp_cli_json_object(gp_str *out)
{
    put_comma(out);
    gp_str_putc(out, '{');
}

void gp_cli_json_array(gp_str *out, const char *name, const gp_str *members)
{
    gp_json_put_name(out, name);
    gp_str_printf(out, "[%s]", members->data ? members->data : "");
    out->failed |= members->failed;
}

void gp_cli_json_element(gp_str *out, const char *text)
{
    put_comma(out);
    gp_json_put_string(out, text);
}

void gp_cli_json_count(gp_str *out, const char *name, uint64_t value)
{
    gp_json_put_name(out, name);
    gp_str_printf(out, "%llu", (unsigned long long)value);
}

void gp_cli_json_real(gp_str *out, const char *name, double value)
{
    gp_json_put_name(out, name);
    gp_json_put_real(out, value);
}

void gp_cli_json_bool(gp_str *out, const char *name, bool value)
{
    gp_json_put_name(out, name);
    gp_str_puts(out, value ? "true" : "false");
}

void gp_cli_json_report(gp_str *out, const char *name, const gp_report *r)
{
    gp_json_put_name(out, name);
    gp_str_putc(out, '{');
    gp_cli_json_count(out, "done", r->done);
    gp_cli_json_count(out, "skipped", r->skipped);
    gp_cli_json_count(out, "failed", r->failed);
    gp_cli_json_count(out, "without_prompt", r->without_prompt);
    gp_cli_json_count(out, "guesses", r->guesses);
    gp_cli_json_count(out, "duplicates", r->duplicates);
    gp_cli_json_count(out, "rows_without_image", r->rows_without_image);
    gp_cli_json_real(out, "seconds", r->seconds);
    gp_cli_json_real(out, "decode_seconds", r->decode_seconds);
    gp_cli_json_real(out, "resize_seconds", r->resize_seconds);
    gp_cli_json_real(out, "image_tower_seconds", r->image_tower_seconds);
    gp_cli_json_real(out, "text_tower_seconds", r->text_tower_seconds);
    gp_cli_json_real(out, "read_seconds", r->read_seconds);
    gp_cli_json_real(out, "write_seconds", r->write_seconds);
    gp_str_putc(out, '}');
}

int gp_cli_json_print(gp_cli *cli, gp_str *out, int code)
{
    if (out->failed) {
        gp_term_error(&cli->term, "out of memory");
        code = GP_EXIT_FAILURE;
    } else if (!cli->json_printed) {
        gp_term_clear(&cli->term);
        puts(out->data);
        cli->json_printed = true;
    }
    gp_str_clear(out);
    return code;
}

/* ------------------------------------------------------------------ lines */

void gp_cli_put_field(const char *text, char end)
{
    for (; text && *text; text++) putchar((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
    putchar(end);
}

static void plus(gp_str *s, uint64_t count, const char *what)
{
    if (count) gp_str_printf(s, ", %llu %s", (unsigned long long)count, what);
}

static void finish(gp_cli *cli, gp_str *s, const gp_report *r)
{
    char text[16];
    gp_term_clock(r->seconds, text);
    gp_str_printf(s, " (%s)", text);
    if (!s->failed) gp_term_say(&cli->term, "%s", s->data);
    gp_str_clear(s);
}

void gp_cli_say_add(gp_cli *cli, const gp_report *r)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "added %llu %s", (unsigned long long)r->done, gp_plural(r->done, "image", "images"));
    plus(&s, r->skipped, "already known");
    plus(&s, r->duplicates, "with known content");
    plus(&s, r->without_prompt, "without a prompt");
    plus(&s, r->failed, "failed");
    plus(&s, r->rows_without_image,
         gp_plural(r->rows_without_image, "row of the table without an image", "rows of the table without an image"));
    finish(cli, &s, r);
}

void gp_cli_say_score(gp_cli *cli, const gp_report *r)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "encoded %llu %s", (unsigned long long)r->done, gp_plural(r->done, "image", "images"));
    plus(&s, r->skipped, "already encoded");
    plus(&s, r->without_prompt, "without a prompt");
    plus(&s, r->failed, "failed");
    if (r->done > 0 && r->seconds > 0.05) gp_str_printf(&s, ", %.1f/s", (double)r->done / r->seconds);
    finish(cli, &s, r);
}

/* ------------------------------------------------------------------ picks */

static void put_pick(const gp_cli *cli, gp_str *json, const gp_row *row)
{
    if (json && json->failed) return;
    if (cli->null) {
        fputs(row->path ? row->path : "", stdout);
        putchar(0);
        return;
    }
    if (!json) {
        char score[32];
        snprintf(score, sizeof score, "%.2f", row->score);
        gp_cli_put_field(row->path, '\t');
        gp_cli_put_field(score, '\t');
        gp_cli_put_field(row->prompt, '\n');
        return;
    }
    gp_cli_json_object(json);
    gp_cli_json_text(json, "path", row->path);
    gp_cli_json_real(json, "score", row->score);
    gp_cli_json_text(json, "prompt", row->prompt);
    gp_cli_json_count(json, "rank", row->rank);
    gp_cli_json_count(json, "candidates", row->candidates);
    gp_cli_json_text(json, "hash", row->hash);
    gp_str_putc(json, '}');
}

gp_status gp_cli_put_picks(gp_cli *cli, gp_catalog *catalog, gp_str *json, uint64_t *count, gp_error *err)
{
    gp_rows *rows = NULL;
    gp_query query = GP_QUERY_DEFAULTS;
    const gp_row *row = NULL;
    query.picked_only = true;
    *count = 0;
    gp_term_clear(&cli->term);
    GP_TRY(gp_rows_open(catalog, &query, &rows, err));
    if (json) {
        gp_json_put_name(json, "picks");
        gp_str_putc(json, '[');
    }
    gp_status st;
    while ((st = gp_rows_next(rows, &row, err)) == GP_OK && row) {
        put_pick(cli, json, row);
        ++*count;
    }
    if (json) gp_str_putc(json, ']');
    gp_rows_close(rows);
    return st;
}

void gp_cli_put_no_picks(gp_cli *cli, uint64_t kept, gp_str *json)
{
    if (json) {
        gp_json_put_name(json, "picks");
        gp_str_puts(json, "[]");
        gp_cli_json_count(json, "kept", kept);
    }
    if (kept) gp_term_say(&cli->term, "the earlier picks stay: %llu", (unsigned long long)kept);
}

/* ------------------------------------------------------------------ failures */

static bool put_failure(void *user, const gp_failure *f)
{
    gp_str *json = user;
    if (!json) {
        gp_cli_put_field(f->path, '\t');
        gp_cli_put_field(f->stage, '\t');
        gp_cli_put_field(f->message, '\n');
        return true;
    }
    if (json->failed) return false;
    gp_cli_json_object(json);
    gp_cli_json_text(json, "path", f->path);
    gp_cli_json_text(json, "stage", f->stage);
    gp_cli_json_text(json, "message", f->message);
    gp_cli_json_bool(json, "passing", f->passing);
    gp_str_putc(json, '}');
    return true;
}

gp_status gp_cli_put_failures(gp_catalog *catalog, gp_str *json, gp_error *err)
{
    if (json) {
        gp_json_put_name(json, "failures");
        gp_str_putc(json, '[');
    }
    gp_status st = gp_catalog_failures(catalog, put_failure, json, err);
    if (json) gp_str_putc(json, ']');
    return st;
}

struct few {
    gp_cli *cli;
    const char *stage; /* NULL: all stages */
    unsigned shown;
};

/* Returns true if the path is an argument of the command, or is in a folder that is an argument. */
static bool is_argument(const gp_cli *cli, const char *path)
{
    bool found = false;
    for (size_t i = 0; i < cli->arg_count && !found; i++) {
        char *root = gp_path_absolute(cli->args[i]);
        size_t size = root ? strlen(root) : 0;
        while (size && root[size - 1] == '/') size--; /* "/" becomes "", which every path begins with */
        found = root && strncmp(path, root, size) == 0 && (path[size] == '/' || !path[size]);
        gp_mem_free(root);
    }
    return found;
}

static bool say_failure(void *user, const gp_failure *f)
{
    struct few *few = user;
    if (few->stage && strcmp(f->stage, few->stage) != 0) return true;
    if (strcmp(f->stage, "add") == 0 && f->path && !is_argument(few->cli, f->path)) return true;
    if (few->shown++ == SHOWN_FAILURES) {
        gp_term_say(&few->cli->term, "  ... for all failures: goldpan status --failures");
        return false;
    }
    gp_term_say(&few->cli->term, "  %s: %s: %s", f->stage, f->path ? f->path : "?", f->message);
    return true;
}

void gp_cli_say_failures(gp_cli *cli, gp_catalog *catalog, const char *stage, uint64_t failed)
{
    struct few few = {cli, stage, 0};
    if (failed == 0) return;
    gp_term_say(&cli->term, "%llu %s failed; recorded failures:", (unsigned long long)failed,
                gp_plural(failed, "file", "files"));
    (void)!gp_catalog_failures(catalog, say_failure, &few, NULL);
}

void gp_cli_note(void *user, const gp_note *note)
{
    gp_cli *cli = user;
    /* these notes say why there is no result, so they are printed even with --quiet */
    if (strcmp(note->code, "no-images") == 0 || strcmp(note->code, "empty-folder") == 0 ||
        strcmp(note->code, "no-prompts") == 0)
        gp_term_warn(&cli->term, "goldpan: %s", note->message);
    else
        gp_term_say(&cli->term, "%s", note->message);
    if (strcmp(note->code, "own-products") == 0) cli->own += note->count;
    if (strcmp(note->code, "no-difficulty") == 0) cli->by = GP_BY_SCORE;
    gp_cli_json_object(&cli->notes);
    gp_cli_json_text(&cli->notes, "code", note->code);
    gp_cli_json_text(&cli->notes, "message", note->message);
    gp_cli_json_count(&cli->notes, "count", note->count);
    gp_str_putc(&cli->notes, '}');
}

void gp_cli_json_choice(gp_str *out, const char *name, const char *choices, int index)
{
    char text[32];
    size_t length;
    const char *choice = gp_cli_choice_name(choices, index, &length);
    snprintf(text, sizeof text, "%.*s", (int)length, choice);
    gp_cli_json_text(out, name, text);
}

void gp_cli_json_by(gp_str *out, const gp_cli *cli)
{
    gp_cli_json_choice(out, "by", GP_CLI_SCALES, cli->by);
}

void gp_cli_json_notes(gp_str *out, gp_cli *cli)
{
    gp_cli_json_array(out, "notes", &cli->notes);
}
