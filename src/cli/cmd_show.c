/* SPDX-License-Identifier: MIT
 * goldpan show: prints what the catalog knows about an image, or what the image file states. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>
#include <string.h>

static void field(const char *name, const char *text)
{
    if (!text || !*text) return;
    printf("  %-10s ", name);
    gp_cli_put_field(text, '\n');
}

static void put_quality(const gp_quality *q)
{
    printf("  %-10s sharpness %.1f, noise %.2f, exposure %.3f, saturation %.3f, entropy %.2f, spread %.3f\n", "quality",
           q->sharpness, q->noise, q->exposure, q->saturation, q->entropy, q->spread);
}

static void put_marks(const gp_row *r)
{
    const char *flag = r->flag > 0 ? "picked" : r->flag < 0 ? "rejected" : NULL;
    if (flag || r->stars) printf("  %-10s %s", "your mark", flag ? flag : "");
    if (r->stars) printf("%s%u %s", flag ? ", " : "", r->stars, gp_plural(r->stars, "star", "stars"));
    if (flag || r->stars) putchar('\n');
    field("tags", r->tags);
}

/* Prints the place of the image among the candidates of its prompt, and what goldpan chose. */
static void put_rank(const gp_row *r)
{
    printf("%u of %u", r->rank, r->candidates);
    if (r->preferred > 0) printf("; people prefer it with a probability of %.0f %%", 100 * r->preferred);
    puts(r->picked ? ", picked" : "");
}

/* Prints the lines of one image.  If in_catalog is false, the row was read from the file alone, so there are no lines
 * about quality and score. */
static void put_lines(const char *path, const gp_row *r, bool in_catalog)
{
    gp_cli_put_field(path, '\n');
    if (r->path_count > 1) printf("  %-10s %llu paths with this content\n", "also", (unsigned long long)r->path_count);
    printf("  %-10s %s %u x %u, %s\n", "image", r->format ? r->format : "?", r->width, r->height,
           r->hash ? r->hash : "?");
    const char *why = r->prompt || !r->prompt_source ? NULL : strstr(r->prompt_source, "no prompt: ");
    field("prompt", r->prompt);
    if (why)
        printf("  %-10s none found: ", "prompt"), gp_cli_put_field(why + strlen("no prompt: "), '\n');
    else if (!r->prompt)
        printf("  %-10s none found\n", "prompt");
    else if (r->prompt_raw && strcmp(r->prompt, r->prompt_raw) != 0)
        field("as found", r->prompt_raw);
    if (r->prompt_cut) field("too long", "the score depends only on a part of this prompt");
    if (r->prompt) field("evidence", r->evidence);
    if (!why) field("found in", r->prompt_source);
    field("set apart", r->apart);
    if (r->has_quality)
        put_quality(&r->quality);
    else if (!r->failure && in_catalog)
        field("quality", "not measured");
    field("negative", r->negative);
    if (r->settings_json && strcmp(r->settings_json, "{}") != 0) field("settings", r->settings_json);
    if (r->has_score) {
        printf("  %-10s %.2f, ", "score", r->score);
        if (r->rank)
            put_rank(r);
        else
            printf("no rank%s\n", r->picked ? ", picked" : "");
    } else if (in_catalog)
        printf("  %-10s none\n", "score");
    put_marks(r);
    field("failure", r->failure);
}

/* Parses the settings and writes them as valid JSON.  Some generators write NaN, which most JSON readers reject. */
static void put_settings(gp_str *json, const char *settings)
{
    gp_json *root = NULL;
    gp_json_put_name(json, "settings");
    if (settings && gp_json_parse(settings, strlen(settings), false, 0, &root, NULL) == GP_OK)
        gp_json_write(json, root);
    else
        gp_str_puts(json, "null");
    gp_json_free(root);
}

static void put_quality_json(gp_str *json, const gp_row *r)
{
    static const char *const frames[] = {"normal", "black", "uniform", "noise"};
    const gp_quality *q = &r->quality;
    gp_json_put_name(json, "quality");
    if (!r->has_quality) {
        gp_str_puts(json, "null");
        return;
    }
    gp_str_putc(json, '{');
    gp_cli_json_real(json, "sharpness", q->sharpness);
    gp_cli_json_real(json, "noise", q->noise);
    gp_cli_json_real(json, "exposure", q->exposure);
    gp_cli_json_real(json, "saturation", q->saturation);
    gp_cli_json_real(json, "entropy", q->entropy);
    gp_cli_json_real(json, "spread", q->spread);
    gp_cli_json_text(json, "frame", frames[q->frame]);
    gp_str_putc(json, '}');
}

static void put_json(gp_str *json, const char *path, const gp_row *r)
{
    gp_cli_json_object(json);
    gp_cli_json_text(json, "path", path);
    gp_cli_json_count(json, "path_count", r->path_count);
    gp_cli_json_text(json, "hash", r->hash);
    gp_cli_json_text(json, "format", r->format);
    gp_cli_json_count(json, "width", r->width);
    gp_cli_json_count(json, "height", r->height);
    gp_cli_json_count(json, "orientation", r->orientation);
    gp_cli_json_text(json, "prompt", r->prompt);
    gp_cli_json_text(json, "prompt_raw", r->prompt_raw);
    gp_cli_json_text(json, "prompt_source", r->prompt_source);
    gp_cli_json_text(json, "evidence", r->evidence);
    gp_cli_json_text(json, "negative", r->negative);
    gp_cli_json_bool(json, "prompt_cut", r->prompt_cut);
    put_settings(json, r->settings_json);
    gp_json_put_name(json, "score");
    if (r->has_score) {
        gp_str_puts(json, "{");
        gp_cli_json_real(json, "value", r->score);
        gp_cli_json_count(json, "rank", r->rank);
        gp_cli_json_count(json, "candidates", r->candidates);
        if (r->preferred > 0) gp_cli_json_real(json, "preferred", r->preferred);
        gp_str_putc(json, '}');
    } else
        gp_str_puts(json, "null");
    gp_cli_json_bool(json, "picked", r->picked);
    gp_json_put_name(json, "flag");
    gp_str_printf(json, "%d", r->flag);
    gp_cli_json_count(json, "stars", r->stars);
    gp_json_put_parts(json, "tags", r->tags, ", ");
    gp_cli_json_text(json, "apart", r->apart);
    put_quality_json(json, r);
    gp_cli_json_text(json, "failure", r->failure);
    gp_str_putc(json, '}');
}

struct search {
    const char *path, *message; /* `message` is owned */
};

static bool is_this(void *user, const gp_failure *f)
{
    struct search *search = user;
    if (!f->path || strcmp(f->path, search->path) != 0) return true;
    search->message = gp_str_dup(f->message);
    return false;
}

/* Prints the error of a file, and appends the file to `missing`, the elements of a JSON array. */
static void say_missing(gp_cli *cli, const char *typed, const char *message, gp_str *missing)
{
    gp_term_error(&cli->term, "%s", message);
    gp_cli_json_object(missing);
    gp_cli_json_text(missing, "path", typed);
    gp_cli_json_text(missing, "message", message);
    gp_str_putc(missing, '}');
}

/* Reports a file that is not in the catalog.  If a failure of the file is recorded, reports the failure. */
static void say_unknown(gp_cli *cli, gp_catalog *catalog, const char *typed, const char *path, gp_str *missing)
{
    struct search search = {path, NULL};
    gp_error why = {0};
    (void)!gp_catalog_failures(catalog, is_this, &search, NULL);
    if (search.message)
        gp_fail(&why, GP_ERR_FORMAT, "'%s' failed: %s", typed, search.message);
    else if (gp_cli_is_folder(typed))
        gp_fail(&why, GP_ERR_NOT_FOUND, "'%s' is a folder: give the paths of files in it", typed);
    else
        gp_fail(&why, GP_ERR_NOT_FOUND, "'%s' is not in the catalog '%s'", typed, gp_catalog_path(catalog));
    say_missing(cli, typed, why.message, missing);
    gp_mem_free((void *)search.message);
}

/* Prints one image, or appends it to `json` if that is not NULL.  Appends the path of an unknown file to `missing`, the
 * elements of a JSON array. */
static gp_status show(gp_cli *cli, gp_catalog *catalog, const char *typed, gp_str *json, gp_str *missing, bool *found,
                      gp_error *err)
{
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    char *path = gp_path_absolute(typed);
    if (!path) return gp_fail_memory(err, "a path");
    gp_status st = gp_cli_row_at(catalog, typed, &rows, &row, err);
    *found = st == GP_OK && row;
    if (*found && json)
        put_json(json, path, row);
    else if (*found)
        put_lines(path, row, true);
    else if (st == GP_OK)
        say_unknown(cli, catalog, typed, path, missing);
    gp_rows_close(rows);
    gp_mem_free(path);
    return st;
}

/* ------------------------------------------------------------------ files without a catalog */

/* Output for one file that is read without a catalog. json: NULL: print lines. */
typedef struct reading {
    const char *path;
    gp_str *json;
    bool explain;
} reading;

static bool put_row(void *user, const gp_row *row)
{
    reading *r = user;
    if (!r->json)
        put_lines(r->path, row, false);
    else
        put_json(r->json, r->path, row);
    if (r->json && r->explain && !r->json->failed) {
        r->json->size--; /* the closing brace; show_file writes it again */
        gp_str_puts(r->json, ",\"texts\":[");
    }
    return true;
}

static bool put_text(void *user, const gp_metadata_text *t)
{
    reading *r = user;
    if (!r->json) {
        field(t->reader ? "read" : "ignored", t->summary);
        return true;
    }
    gp_cli_json_object(r->json);
    gp_cli_json_text(r->json, "text", t->text);
    gp_cli_json_count(r->json, "bytes", t->bytes);
    gp_cli_json_bool(r->json, "damaged", t->damaged);
    gp_cli_json_text(r->json, "reader", t->reader);
    gp_cli_json_bool(r->json, "found", t->found);
    gp_cli_json_text(r->json, "evidence", t->evidence);
    gp_cli_json_bool(r->json, "used", t->used);
    gp_str_putc(r->json, '}');
    return true;
}

/* Prints what one file states. *found: false if the file cannot be read; then its error has been printed. */
static gp_status show_file(gp_cli *cli, const char *typed, gp_str *json, gp_str *missing, bool *found, gp_error *err)
{
    char *path = gp_path_absolute(typed);
    reading r = {path, json, cli->explain};
    gp_error why = {0};
    if (!path) return gp_fail_memory(err, "a path");
    gp_status st = gp_read_metadata(typed, put_row, r.explain ? put_text : NULL, &r, &why);
    *found = st == GP_OK;
    if (*found && json && r.explain) gp_str_puts(json, "]}");
    if (st != GP_OK && st != GP_ERR_MEMORY) say_missing(cli, typed, why.message, missing);
    gp_mem_free(path);
    return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &why) : GP_OK;
}

static int run(gp_cli *cli)
{
    const unsigned flags = GP_CATALOG_READONLY | GP_CLI_GONE | GP_CLI_NONE;
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_str json = GP_STR_INIT, missing = GP_STR_INIT, *out = cli->json ? &json : NULL;
    size_t shown = 0;
    int code;
    if (!cli->explain && gp_cli_catalog_open_for(cli, cli->args, cli->arg_count, flags, &catalog, &err) != GP_OK)
        return gp_cli_fail(cli, &err);
    if (out) gp_str_puts(out, "{\"images\":[");
    for (size_t i = 0; i < cli->arg_count; i++) {
        bool found = false;
        gp_status st = catalog ? show(cli, catalog, cli->args[i], out, &missing, &found, &err)
                               : show_file(cli, cli->args[i], out, &missing, &found, &err);
        if (st != GP_OK) {
            gp_str_clear(&json);
            code = gp_cli_fail(cli, &err);
            goto out;
        }
        shown += found;
    }
    code = shown == cli->arg_count ? GP_EXIT_OK : shown > 0 ? GP_EXIT_PARTIAL : GP_EXIT_FAILURE;
    if (out) {
        gp_str_putc(out, ']');
        gp_cli_json_array(out, "missing", &missing);
        gp_str_putc(out, '}');
        code = gp_cli_json_print(cli, out, code);
    }
out:
    gp_str_clear(&missing);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_FLAG("explain", 0, explain,
                "read the files without a catalog, and print which texts were read by which reader",
                .excludes = "catalog"),
    GP_CLI_CATALOG, GP_CLI_COMMON};

const gp_cli_command gp_cmd_show = {
    .name = "show",
    .arguments = "FILE...",
    .summary = "Print what the catalog or the file states about an image",
    .about = "Prints the prompt, its source, the quality measures, the score and its rank among the images of the "
             "prompt. If there is no catalog, reads the image file and prints the prompt and the settings in its "
             "metadata.",
    .examples = "goldpan show pictures/00042.png --catalog pictures\n"
                "goldpan show --explain 00042.png",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
