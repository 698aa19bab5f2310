/* SPDX-License-Identifier: MIT
 * goldpan bench: measures the speed of this machine with a model, and estimates the time for a folder. */
#include "base/clock.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PEAKS = 8 };

typedef struct found {
    gp_model_facts facts;
    gp_machine machine;
    gp_peak peaks[MAX_PEAKS];
    size_t peak_count;
    const gp_peak *peak; /* peak of the model's precision; the first peak (fp32) if that precision has none */
    double opened;       /* seconds */
    gp_bench_report report;
    double tower_rate; /* operations per CPU second of the image tower, times the number of processors in use */
} found;

/* ------------------------------------------------------------------ measuring */

static bool keep_peak(void *user, const gp_peak *peak)
{
    found *f = user;
    f->peaks[f->peak_count++] = *peak;
    return f->peak_count < MAX_PEAKS;
}

static gp_status measure(gp_cli *cli, gp_model **model, found *f, gp_error *err)
{
    gp_bench_options options = GP_BENCH_DEFAULTS;
    gp_score_options words; /* filled from the command line, for the options that bench shares with score */
    double start = gp_clock_now();
    GP_TRY(gp_cli_check_roots(cli, err));
    GP_TRY(gp_cli_model_open(cli, NULL, model, err));
    f->opened = gp_clock_now() - start;
    gp_model_info(*model, &f->facts, NULL);
    gp_machine_describe(&f->machine, NULL);
    options.roots = cli->arg_count ? cli->args : NULL;
    options.root_count = cli->arg_count;
    if (cli->sample.set) options.sample = cli->sample.value;
    if (cli->seconds.set) options.seconds = cli->seconds.value;
    options.progress = gp_term_progress, options.user = &cli->term;
    gp_cli_score_options(cli, &words);
    options.threads = words.threads, options.batch = words.batch, options.max_pixels = words.max_pixels;
    GP_TRY(gp_machine_peaks(options.threads, keep_peak, f, err));
    GP_TRY(gp_bench(*model, &options, &f->report, err));
    for (size_t i = 0; i < f->peak_count; i++)
        if (i == 0 || strcmp(f->peaks[i].precision, f->facts.precision) == 0) f->peak = &f->peaks[i];
    /* threads beyond the number of processors add no speed */
    const int together = f->report.threads < f->machine.threads ? f->report.threads : f->machine.threads;
    if (f->report.image_tower_work > 0)
        f->tower_rate = f->facts.image_flop_done * (double)f->report.pictures * together / f->report.image_tower_work;
    return GP_OK;
}

/* ------------------------------------------------------------------ output */

static const char *unit_of(const gp_peak *peak)
{
    return strcmp(peak->precision, "int8") == 0 ? "GOP/s" : "GFLOP/s";
}

/* The steps in which threads spend time.  Shares are relative to the sum of all steps. */
enum { PARTS = 7 };
typedef struct part {
    const char *name;
    double seconds;
} part;

static double parts_of(const gp_bench_report *r, part parts[PARTS])
{
    const part all[PARTS] = {{"add", r->add_seconds * r->threads}, {"read", r->read_seconds},
                             {"decode", r->decode_seconds},        {"resize", r->resize_seconds},
                             {"tower", r->image_tower_seconds},    {"text", r->text_tower_seconds},
                             {"catalog", r->write_seconds}};
    double sum = 0;
    for (size_t i = 0; i < PARTS; i++) sum += all[i].seconds, parts[i] = all[i];
    return sum > 0 ? sum : 1;
}

/* Prints the peak rate of each precision, as the sum over all threads.  Only the JSON also has the peak rate of one
 * thread. */
static void put_peaks(const found *f)
{
    printf("peak          ");
    for (size_t i = 0; i < f->peak_count; i++) {
        const gp_peak *p = &f->peaks[i];
        printf("%s %s %.1f %s (%s)", i ? "," : "", p->precision, p->all / 1e9, unit_of(p), p->instructions);
    }
    putchar('\n');
}

static void put_lines(const found *f)
{
    const gp_bench_report *r = &f->report;
    part parts[PARTS];
    double sum = parts_of(r, parts);
    char size[16], clock[16];
    printf("model          ");
    gp_cli_put_field(f->facts.name, ',');
    printf(" %s, %s, %.1f M parameters, opened in %.2f s\n", f->facts.precision, f->facts.engine,
           (double)f->facts.parameters / 1e6, f->opened);
    printf("threads        %d of %d, %u %s per thread at once\n", r->threads, f->machine.threads, r->batch,
           gp_plural(r->batch, "picture", "pictures"));
    put_peaks(f);
    gp_term_bytes(r->bytes, size);
    if (r->found)
        printf("pictures       %llu of %llu, %s each\n", (unsigned long long)r->pictures, (unsigned long long)r->found,
               size);
    else
        printf("pictures       %llu, drawn, 1024 x 1024, %s each\n", (unsigned long long)r->pictures, size);
    printf("speed          %.2f pictures/s\n", r->rate);
    printf("time          ");
    for (size_t i = 0; i < PARTS; i++)
        printf(" %s %.1f %%%s", parts[i].name, 100 * parts[i].seconds / sum, i + 1 < PARTS ? "," : "\n");
    printf("tower          %.2f GFLOP a picture, %.1f %s", f->facts.image_flop / 1e9, f->tower_rate / 1e9,
           unit_of(f->peak));
    printf(", %.0f %% of the %s peak\n", 100 * f->tower_rate / f->peak->all, f->peak->precision);
    if (r->found) {
        gp_term_clock(r->expected, clock);
        printf("folder         %llu %s in about %s\n", (unsigned long long)r->found,
               gp_plural(r->found, "picture", "pictures"), clock);
    }
}

static void put_json(const found *f, gp_str *json)
{
    const gp_bench_report *r = &f->report;
    part parts[PARTS];
    double sum = parts_of(r, parts);
    gp_str_putc(json, '{');
    gp_cli_json_text(json, "model", f->facts.name);
    gp_cli_json_text(json, "precision", f->facts.precision);
    gp_cli_json_text(json, "engine", f->facts.engine);
    gp_cli_json_count(json, "parameters", f->facts.parameters);
    gp_cli_json_real(json, "opened_seconds", f->opened);
    gp_cli_json_count(json, "threads", (uint64_t)r->threads);
    gp_cli_json_count(json, "batch", r->batch);
    gp_str_puts(json, ",\"peaks\":[");
    for (size_t i = 0; i < f->peak_count; i++) {
        gp_cli_json_object(json);
        gp_cli_json_text(json, "precision", f->peaks[i].precision);
        gp_cli_json_text(json, "instructions", f->peaks[i].instructions);
        gp_cli_json_real(json, "gflops_core", f->peaks[i].one / 1e9);
        gp_cli_json_real(json, "gflops", f->peaks[i].all / 1e9);
        gp_str_putc(json, '}');
    }
    gp_str_putc(json, ']');
    gp_cli_json_count(json, "found", r->found);
    gp_cli_json_count(json, "pictures", r->pictures);
    gp_cli_json_count(json, "failed", r->failed);
    gp_cli_json_count(json, "own", r->own);
    gp_cli_json_count(json, "texts", r->texts);
    gp_cli_json_real(json, "bytes", r->bytes);
    gp_cli_json_real(json, "pictures_a_second", r->rate);
    gp_cli_json_real(json, "seconds", r->seconds);
    gp_cli_json_real(json, "busy", r->busy);
    gp_str_puts(json, ",\"shares\":{");
    for (size_t i = 0; i < PARTS; i++) gp_cli_json_real(json, parts[i].name, parts[i].seconds / sum);
    gp_str_putc(json, '}');
    gp_cli_json_real(json, "gflop_a_picture", f->facts.image_flop / 1e9);
    gp_cli_json_real(json, "gflop_a_picture_done", f->facts.image_flop_done / 1e9);
    gp_cli_json_real(json, "tower_gflops", f->tower_rate / 1e9);
    gp_cli_json_text(json, "peak_precision", f->peak->precision);
    gp_cli_json_real(json, "share_of_peak", f->tower_rate / f->peak->all);
    gp_cli_json_real(json, "expected_seconds", r->expected);
    gp_str_putc(json, '}');
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_model *model = NULL;
    gp_str json = GP_STR_INIT;
    found f = {.facts = GP_INIT(gp_model_facts), .machine = GP_INIT(gp_machine), .report = GP_INIT(gp_bench_report)};
    int code = GP_EXIT_OK;
    if (measure(cli, &model, &f, &err) != GP_OK) {
        const bool opened = model != NULL;
        gp_model_close(model);
        return err.status == GP_ERR_NOT_FOUND && opened ? gp_cli_fail_as(cli, &err, GP_EXIT_NOTHING)
                                                        : gp_cli_fail(cli, &err);
    }
    gp_term_clear(&cli->term);
    if (f.report.failed) {
        code = GP_EXIT_PARTIAL;
        gp_term_warn(&cli->term, "goldpan: %llu %s of the sample could not be read; goldpan add reports the reason",
                     (unsigned long long)f.report.failed, gp_plural(f.report.failed, "image", "images"));
    }
    if (f.report.own)
        gp_term_say(&cli->term, "skipped %llu %s of the sample that goldpan drew", (unsigned long long)f.report.own,
                    gp_plural(f.report.own, "image", "images"));
    if (f.report.busy < 0.9 * f.report.threads && f.report.threads <= f.machine.threads)
        gp_term_say(&cli->term,
                    "only %.1f of %d processors were used: other programs used the rest, or the disk was slow",
                    f.report.busy, f.report.threads);
    if (cli->json) {
        put_json(&f, &json);
        code = gp_cli_json_print(cli, &json, code);
    } else
        put_lines(&f);
    gp_model_close(model);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_MODEL(GP_CLI_MODEL_ANY),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_MAX_PIXELS_AS(.needs = "ARGUMENT"),
    GP_CLI_THREADS,
    GP_CLI_BATCH,
    GP_CLI_OPTION("sample", 0, GP_OPT_COUNT, "N", sample, "encode at most N images (default: 2000)",
                  .range = GP_CLI_FROM(1)),
    GP_CLI_OPTION("seconds", 0, GP_OPT_REAL, "S", seconds, "encode for about S seconds (default: 10)",
                  .range = GP_CLI_ABOVE_TO(0, 86400)),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_bench = {
    .name = "bench",
    .arguments = "[DIR|FILE...]",
    .summary = "Measure the speed, and estimate the time for a folder",
    .about =
        "Adds and scores a sample that is evenly spread over the folders, and measures the time.  Writes no file.  "
        "Without a folder the sample is synthetic images of 1024 x 1024 pixels.\n\n"
        "Prints the speed, the share of time of each step, and the share of the processor's peak that the image "
        "tower reaches.",
    .examples = "goldpan bench --model openai/clip-vit-base-patch32\n"
                "goldpan bench ~/outputs --model openai/clip-vit-large-patch14 --seconds 30",
    .options = options,
    .least = 0,
    .most = SIZE_MAX,
    .keeps_nothing = true,
    .run = run,
};
