/* SPDX-License-Identifier: MIT
 *
 * goldpan embed: writes embeddings to a file, without a catalog.
 * images or lines of text --> batches --> X.npy (float32 [n, d], L2-normalised) and X.rows.jsonl (what each row is).
 * Memory: one batch.  Files that fail have no row; they are in X.rows.jsonl with "row": null and their error. */
#include "base/npy_write.h"
#include "base/json.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 512, SHOWN = 10 };

struct embedding {
    gp_cli *cli;
    gp_model *model;
    gp_npy *npy;
    gp_atomic_file *rows;
    gp_str line;
    float *vectors;       /* [BATCH, d] */
    size_t width;         /* d */
    uint64_t base, total; /* number of items: in earlier batches, and in all batches */
    uint64_t failed, own; /* own: skipped images, which goldpan itself drew */
    char *first_own;      /* owned: path of the first image that goldpan drew, or NULL */
    double started;
    char **errors; /* [BATCH], owned texts */
};

static gp_status put_row(struct embedding *e, const char *key, const char *text, const float *vector, const char *error,
                         gp_error *err)
{
    gp_str *line = &e->line;
    gp_str_reset(line);
    gp_str_putc(line, '{');
    if (vector)
        gp_cli_json_count(line, "row", gp_npy_rows(e->npy));
    else {
        gp_json_put_name(line, "row");
        gp_str_puts(line, "null");
    }
    gp_cli_json_text(line, key, text);
    if (error) gp_cli_json_text(line, "error", error);
    gp_str_puts(line, "}\n");
    if (line->failed) return gp_fail_memory(err, "a row");
    if (vector) GP_TRY(gp_npy_add(e->npy, vector, err));
    return gp_atomic_file_write(e->rows, line->data, line->size, err);
}

/* ------------------------------------------------------------------ images */

static void on_failed(void *user, size_t index, const char *path, const char *message)
{
    struct embedding *e = user;
    if (index < BATCH && !e->errors[index]) e->errors[index] = gp_str_dup(message);
    if (e->failed++ < SHOWN) gp_term_warn(&e->cli->term, "  %s: %s", path, message);
}

static void on_own(void *user, size_t index, const char *path)
{
    struct embedding *e = user;
    if (index < BATCH && !e->errors[index]) e->errors[index] = gp_str_dup("goldpan drew this image");
    if (!e->own++) e->first_own = gp_str_dup(path);
}

static void say_own(const struct embedding *e)
{
    gp_str s = GP_STR_INIT;
    if (!e->own) return;
    gp_str_printf(&s, "skipped %llu %s that goldpan drew%s '%s'", (unsigned long long)e->own,
                  gp_plural(e->own, "image", "images"), e->own > 1 ? ", such as" : ":",
                  e->first_own ? e->first_own : "?");
    if (!s.failed) gp_cli_note(e->cli, &(gp_note){"own-products", s.data, e->own});
    gp_str_clear(&s);
}

/* Adds the items of earlier batches to the progress, because the library counts only within a batch. */
static bool on_progress(void *user, const gp_progress *p)
{
    struct embedding *e = user;
    gp_progress all = *p;
    all.stage = "embed";
    all.done = e->base + p->done;
    all.total = e->total;
    all.failed = e->failed;
    all.seconds = gp_clock_now() - e->started;
    return gp_term_progress(&e->cli->term, &all);
}

static gp_status embed_batch(struct embedding *e, const char *const *paths, size_t n, gp_error *err)
{
    gp_embed_options options = GP_EMBED_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    bool ok[BATCH] = {false};
    options.threads = gp_cli_threads(e->cli);
    options.batch = gp_cli_batch(e->cli);
    if (e->cli->max_pixels.set) options.max_pixels = e->cli->max_pixels.value;
    options.progress = on_progress;
    options.failed = on_failed, options.own = on_own;
    options.user = e;
    gp_status st = gp_embed_files(e->model, paths, n, &options, e->vectors, ok, &report, err);
    for (size_t i = 0; st == GP_OK && i < n; i++)
        st = put_row(e, "path", paths[i], ok[i] ? e->vectors + i * e->width : NULL,
                     ok[i]          ? NULL
                     : e->errors[i] ? e->errors[i]
                                    : "failed",
                     err);
    for (size_t i = 0; i < n; i++) {
        gp_mem_free(e->errors[i]);
        e->errors[i] = NULL;
    }
    return st;
}

static gp_status embed_images(struct embedding *e, gp_error *err)
{
    char **paths = NULL;
    size_t count = 0;
    GP_TRY(gp_find_images(e->cli->args, e->cli->arg_count, &paths, &count, err));
    gp_status st =
        count ? GP_OK
              : gp_fail(err, GP_ERR_NOT_FOUND, "the paths of --images contain no image file that goldpan reads");
    e->total = count;
    for (size_t at = 0; st == GP_OK && at < count; at += BATCH) {
        e->base = at;
        st = embed_batch(e, (const char *const *)paths + at, count - at < BATCH ? count - at : BATCH, err);
    }
    gp_paths_free(paths, count);
    return st;
}

/* ------------------------------------------------------------------ texts */

static gp_status flush_texts(struct embedding *e, char **texts, size_t n, gp_error *err)
{
    gp_encode_options options = GP_ENCODE_DEFAULTS;
    options.threads = gp_cli_threads(e->cli), options.progress = on_progress, options.user = e;
    gp_status st = gp_encode_texts(e->model, (const char *const *)texts, n, &options, e->vectors, err);
    for (size_t i = 0; i < n; i++) {
        if (st == GP_OK) st = put_row(e, "text", texts[i], e->vectors + i * e->width, NULL, err);
        gp_mem_free(texts[i]);
    }
    e->base += n;
    return st;
}

static gp_status embed_texts(struct embedding *e, gp_error *err)
{
    const char *path = e->cli->texts;
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    char *line = NULL, *texts[BATCH];
    size_t capacity = 0, n = 0;
    gp_status st = GP_OK;
    if (!file)
        return gp_fail_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno, "cannot open '%s'", path);
    for (ssize_t size; st == GP_OK && (size = getline(&line, &capacity, file)) >= 0;) {
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) line[--size] = 0;
        texts[n] = gp_str_dup(line);
        if (!texts[n])
            st = gp_fail_memory(err, "a text");
        else if (++n == BATCH) {
            st = flush_texts(e, texts, n, err);
            n = 0;
        }
    }
    if (st == GP_OK && ferror(file)) st = gp_fail(err, GP_ERR_IO, "cannot read '%s'", path);
    if (st == GP_OK && n)
        st = flush_texts(e, texts, n, err);
    else
        while (n > 0) gp_mem_free(texts[--n]);
    if (st == GP_OK && gp_npy_rows(e->npy) == 0) st = gp_fail(err, GP_ERR_FORMAT, "'%s' contains no text", path);
    free(line); /* free, not gp_free: getline allocated the line */
    if (file != stdin) fclose(file);
    return st;
}

/* ------------------------------------------------------------------ the whole */

static char *rows_path(const char *out)
{
    gp_str s = GP_STR_INIT;
    gp_str_add(&s, out, strlen(out) - strlen(".npy"));
    gp_str_puts(&s, ".rows.jsonl");
    return gp_str_take(&s);
}

static gp_status embed(struct embedding *e, const char *rows, gp_error *err)
{
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cli_model_open(e->cli, NULL, &e->model, err));
    gp_model_info(e->model, &facts, NULL);
    e->width = facts.embedding;
    GP_TRY_GOTO(gp_alloc((void **)&e->errors, BATCH, sizeof *e->errors, "embeddings", err));
    memset(e->errors, 0, BATCH * sizeof *e->errors);
    size_t values;
    if (!gp_size_mul(BATCH, e->width, &values))
        GP_TRY_GOTO(
            gp_fail(err, GP_ERR_LIMIT, "the model's embeddings have too many dimensions (%zu)", (size_t)e->width));
    GP_TRY_GOTO(gp_alloc((void **)&e->vectors, values, sizeof *e->vectors, "embeddings", err));
    GP_TRY_GOTO(gp_npy_open(e->cli->out, 'f', e->width, &e->npy, err));
    GP_TRY_GOTO(gp_atomic_file_open(rows, &e->rows, err));
    e->started = gp_clock_now();
    GP_TRY_GOTO(e->cli->texts ? embed_texts(e, err) : embed_images(e, err));
    say_own(e);
    if (gp_npy_rows(e->npy) == 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "no embedding was written: every input failed or was skipped"));
out:
    gp_term_clear(&e->cli->term);
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    struct embedding e = {.cli = cli};
    gp_str json = GP_STR_INIT;
    char *rows = rows_path(cli->out);
    gp_status st = rows ? gp_cli_check_output(cli, cli->out, &err) : gp_fail_memory(&err, "a path");
    if (st == GP_OK) st = gp_cli_check_output(cli, rows, &err);
    if (st == GP_OK) st = embed(&e, rows, &err);
    size_t count = e.npy ? gp_npy_rows(e.npy) : 0;
    if (st == GP_OK) {
        st = gp_atomic_file_commit(e.rows, &err);
        e.rows = NULL;
    }
    if (st == GP_OK) {
        st = gp_npy_commit(e.npy, &err);
        e.npy = NULL;
    }
    int code = e.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (st != GP_OK) {
        code = gp_cli_fail(cli, &err);
    } else {
        if (e.failed > SHOWN) gp_term_say(&cli->term, "  ... '%s' lists all failures", rows);
        gp_term_say(&cli->term, "wrote %zu %s of %zu numbers to '%s'", count, gp_plural(count, "row", "rows"), e.width,
                    cli->out);
    }
    if (st == GP_OK && cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "out", cli->out);
        gp_cli_json_text(&json, "rows_file", rows);
        gp_cli_json_count(&json, "rows", count);
        gp_cli_json_count(&json, "width", e.width);
        gp_cli_json_count(&json, "failed", e.failed);
        gp_cli_json_notes(&json, cli);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_npy_abort(e.npy);
    gp_atomic_file_abort(e.rows);
    gp_str_clear(&e.line);
    gp_mem_free(e.vectors);
    gp_mem_free(e.errors);
    gp_mem_free(e.first_own);
    gp_model_close(e.model);
    gp_mem_free(rows);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_OPTION("images", 0, GP_OPT_LIST, "DIR|FILE...", images, "encode these images, one row each"),
    GP_CLI_OPTION("texts", 0, GP_OPT_TEXT, "FILE", texts,
                  "encode the lines of this text file, one row each; \"-\": standard input",
                  .excludes = "images ARGUMENT"),
    GP_CLI_OPTION("out", 'o', GP_OPT_TEXT, "FILE.npy", out, "write the embeddings to this NumPy file", .ends = ".npy"),
    GP_CLI_FORCE(.needs = NULL),
    GP_CLI_MODEL(GP_CLI_MODEL_ANY),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_FAST_DECODE(.needs = "images"),
    GP_CLI_LONG_PROMPT(.needs = "texts"),
    GP_CLI_MAX_PIXELS_AS(.needs = "images"),
    GP_CLI_THREADS,
    GP_CLI_BATCH_AS(.needs = "images"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_embed = {
    .name = "embed",
    .arguments = "(--images DIR|FILE... | --texts FILE) --out FILE.npy",
    .summary = "Write embeddings to a NumPy file, without a catalog",
    .about = "FILE.npy contains float32 rows of length 1.  FILE.rows.jsonl names the image or text of each row.  Files "
             "that fail have no row.  Images that goldpan drew (sheets, tours) have no row either.",
    .examples = "goldpan embed --model openai/clip-vit-base-patch32 --images pictures --out pictures.npy\n"
                "goldpan embed -m ./my-clip --texts prompts.txt --out prompts.npy",
    .options = options,
    .least = 0,
    .most = SIZE_MAX,
    .needs = "out; images texts",
    .run = run,
};
