/* SPDX-License-Identifier: MIT
 * goldpan words: prints which words and phrases of prompts go with higher or lower scores. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "options/listing.h"

static const char *const heads[] = {"word", "prompts", "images", "mean", "difference", "low..high", "adjusted", "p"};

typedef struct printer {
    bool as_json;
    gp_cli_table table;  /* without --json */
    gp_str json;         /* with --json: the elements of the array, so far */
    uint64_t most, kept; /* most: maximum number of lines; kept: lines added so far */
    uint64_t all;        /* number of words visited, including words beyond `most` */
} printer;

static void put_line(gp_cli_table *t, const gp_word *w)
{
    gp_cli_table_cell(t, "%s", w->text);
    gp_cli_table_cell(t, "%llu", (unsigned long long)w->prompts);
    gp_cli_table_cell(t, "%llu", (unsigned long long)w->images);
    gp_cli_table_cell(t, "%.2f", w->mean);
    gp_cli_table_cell(t, "%+.2f", w->difference);
    gp_cli_table_cell(t, "%+.2f..%+.2f", w->low, w->high);
    gp_cli_table_cell(t, "%+.2f", w->adjusted);
    gp_cli_table_cell(t, "%.2g", w->p_corrected);
}

static void put_object(gp_str *json, const gp_word *w)
{
    gp_cli_json_object(json);
    gp_cli_json_text(json, "word", w->text);
    gp_cli_json_count(json, "prompts", w->prompts);
    gp_cli_json_count(json, "images", w->images);
    gp_cli_json_real(json, "mean", w->mean);
    gp_cli_json_real(json, "difference", w->difference);
    gp_cli_json_real(json, "low", w->low);
    gp_cli_json_real(json, "high", w->high);
    gp_cli_json_real(json, "adjusted", w->adjusted);
    gp_cli_json_real(json, "p", w->p);
    gp_cli_json_real(json, "p_corrected", w->p_corrected);
    gp_str_putc(json, '}');
}

static bool put_word(void *user, const gp_word *word)
{
    printer *p = user;
    if (p->all++ >= p->most) return true;
    p->kept++;
    if (p->as_json)
        put_object(&p->json, word);
    else
        put_line(&p->table, word);
    return !p->json.failed && !p->table.cells.failed;
}

static void put_json(gp_str *json, const char *catalog, const printer *p)
{
    gp_str_putc(json, '{');
    gp_cli_json_text(json, "catalog", catalog);
    gp_cli_json_count(json, "count", p->all);
    gp_cli_json_array(json, "words", &p->json);
    gp_str_putc(json, '}');
}

static void read_options(const gp_cli *cli, gp_words_options *o)
{
    o->scorer = cli->scorer;
    o->order = (gp_words_order)cli->sort;
    if (cli->min_support.set) o->min_support = (uint32_t)cli->min_support.value;
    if (cli->seed.set) o->seed = cli->seed.value;
    o->threads = gp_cli_threads(cli);
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_words_options o = GP_WORDS_DEFAULTS;
    printer p = {.as_json = cli->json,
                 .table = {.heads = heads, .columns = sizeof heads / sizeof *heads, .left = 1},
                 .most = cli->top.set ? cli->top.value : UINT64_MAX};
    gp_str json = GP_STR_INIT;
    int code = GP_EXIT_OK;
    read_options(cli, &o);
    gp_status st = gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, GP_CATALOG_READONLY, &catalog, &err);
    if (st == GP_OK) st = gp_catalog_words(catalog, &o, put_word, &p, &err);
    if (st == GP_OK && (p.json.failed || p.table.cells.failed)) st = gp_fail_memory(&err, "the words of the prompts");
    if (st != GP_OK) {
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    if (p.all == 0) {
        code = GP_EXIT_NOTHING;
        gp_term_say(&cli->term, "no word is in at least %u scored prompts and missing from at least 3", o.min_support);
    } else if (p.kept < p.all)
        gp_term_say(&cli->term, "%llu words and phrases; printed the first %llu", (unsigned long long)p.all,
                    (unsigned long long)p.kept);
    else
        gp_term_say(&cli->term, "%llu %s", (unsigned long long)p.kept,
                    gp_plural(p.kept, "word or phrase", "words and phrases"));
    if (cli->json) {
        put_json(&json, gp_catalog_path(catalog), &p);
        code = gp_cli_json_print(cli, &json, code);
    } else
        (void)gp_cli_table_print(&p.table);
out:
    gp_str_clear(&p.table.cells);
    gp_str_clear(&p.json);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_OPTION("sort", 0, GP_OPT_CHOICE, "effect|support|word", sort,
                  "order of the lines: by adjusted effect, by number of prompts, or by alphabet (default: effect)"),
    GP_CLI_OPTION("top", 0, GP_OPT_COUNT, "N", top, "print only the first N lines (default: all)",
                  .range = GP_CLI_FROM(1)),
    GP_CLI_OPTION("min-support", 0, GP_OPT_COUNT, "N", min_support,
                  "print only words that are in at least N prompts (default: 3)", .range = GP_CLI_FROM_U32(2)),
    GP_CLI_SCORER(.needs = NULL),
    GP_CLI_OPTION("seed", 0, GP_OPT_COUNT, "N", seed, "random seed of the bootstrap (default: 42)"),
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_words = {
    .name = "words",
    .arguments = "[DIR]",
    .summary = "Print which words of prompts go with higher or lower scores",
    .about = "Prints a header line, then one line for each word and two-word phrase that is in at least N prompts "
             "(--min-support) and missing from at least 3 prompts.  A word is omitted if a phrase that contains it is "
             "in the same prompts.\n\n"
             "Columns: word, prompts, images, mean score, difference to the prompts without the word, its 95 % "
             "interval, adjusted effect, and p adjusted for the number of words (Benjamini-Hochberg).  In a pipe, "
             "tabs separate the columns.  Each prompt counts once, by the mean score of its images.\n\n"
             "The adjusted effect separates a word's effect from the effects of the words that occur with it.  It is "
             "the coefficient of a ridge regression on all words (penalty 4: as if 4 more prompts had shown no "
             "effect).",
    .examples = "goldpan words pictures\n"
                "goldpan words pictures --top 20 --min-support 10\n"
                "goldpan words pictures --sort word --json",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
