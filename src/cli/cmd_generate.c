/* SPDX-License-Identifier: MIT
 * goldpan generate and goldpan regenerate: generate images with the user's own generator. */
#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static uint32_t number_of(const gp_cli_count *count, uint32_t otherwise)
{
    return !count->set ? otherwise : count->value > UINT32_MAX ? UINT32_MAX : (uint32_t)count->value;
}

/* Returns the default address of the protocol's generator. */
static const char *usual_backend(const gp_cli *cli)
{
    const char *protocol = cli->protocol ? cli->protocol : cli->workflow ? "comfyui" : "";
    return !strcasecmp(protocol, "comfyui")   ? "http://127.0.0.1:8188"
           : !strcasecmp(protocol, "sdcpp")   ? "http://127.0.0.1:1234"
           : !strcasecmp(protocol, "swarmui") ? "http://127.0.0.1:7801"
                                              : "http://127.0.0.1:7860";
}

static void fill(gp_cli *cli, gp_generate_options *o)
{
    *o = (gp_generate_options)GP_GENERATE_DEFAULTS;
    o->prompts = cli->arg_count ? cli->args[0] : NULL, o->prompt_column = cli->prompt_column;
    o->protocol = cli->protocol, o->backend = cli->backend ? cli->backend : usual_backend(cli);
    o->folder = cli->out ? cli->out : "generated";
    o->per_prompt = number_of(&cli->number, o->per_prompt);
    if (cli->seed.set) o->seed = cli->seed.value;
    o->no_seed = cli->no_seed;
    o->negative = cli->negative, o->sampler = cli->sampler, o->scheduler = cli->scheduler;
    o->model = cli->checkpoint, o->refiner = cli->refiner, o->refiner_at = cli->refiner_at.value;
    o->width = number_of(&cli->width, 0), o->height = number_of(&cli->height, 0);
    o->steps = number_of(&cli->steps, 0), o->cfg = cli->cfg.value;
    o->login = cli->login ? cli->login : getenv("GOLDPAN_GENERATOR_LOGIN");
    o->token = getenv("GOLDPAN_GENERATOR_KEY");
    if (!o->token && o->protocol && !strcasecmp(o->protocol, "openai"))
        o->token = getenv("OPENAI_API_KEY"); /* OpenAI's key is sent only if the user names the protocol openai */
    o->hires = cli->hires.value;
    o->preview = cli->preview;
    o->workflow = cli->workflow, o->set = cli->set.items, o->set_count = cli->set.count;
    o->jobs = (int)number_of(&cli->jobs, 1), o->tries = number_of(&cli->tries, o->tries);
    o->timeout = cli->timeout.value;
    o->adaptive = cli->adaptive;
    if (cli->min_gain.set) o->min_gain = cli->min_gain.value;
    o->threads = gp_cli_threads(cli);
    if (cli->max_pixels.set) o->max_pixels = cli->max_pixels.value;
    o->progress = gp_term_progress, o->user = &cli->term;
    o->note = gp_cli_note, o->note_user = cli;
}

static int finish(gp_cli *cli, gp_catalog *catalog, const gp_generate_options *o, const gp_generate_report *r)
{
    gp_str json = GP_STR_INIT;
    char clock[16];
    int code = r->failed || r->interrupted || r->untried ? GP_EXIT_PARTIAL
               : r->got + r->had == 0                    ? GP_EXIT_NOTHING
                                                         : GP_EXIT_OK;
    gp_term_clock(r->seconds, clock);
    gp_term_clear(&cli->term);
    gp_term_say(&cli->term, "%llu %s generated, %llu existed before, %llu rejected, %llu failed in %s",
                (unsigned long long)r->got, gp_plural(r->got, "image", "images"), (unsigned long long)r->had,
                (unsigned long long)r->refused, (unsigned long long)r->failed, clock);
    if (r->interrupted)
        gp_term_say(&cli->term, "%llu %s interrupted in the generator; run the same command again to generate %s",
                    (unsigned long long)r->interrupted, gp_plural(r->interrupted, "image was", "images were"),
                    gp_plural(r->interrupted, "it", "them"));
    if (r->untried)
        gp_term_warn(&cli->term,
                     "goldpan: the first images all failed for the same reason, so %llu more %s not requested",
                     (unsigned long long)r->untried, gp_plural(r->untried, "was", "were"));
    if (r->scored)
        gp_term_say(&cli->term, "scored %llu %s", (unsigned long long)r->scored,
                    gp_plural(r->scored, "image", "images"));
    if (*r->why)
        gp_term_warn(
            &cli->term,
            "goldpan: last error: %s (for all errors: SELECT state, message, prompt FROM v_generations, in %s)", r->why,
            gp_catalog_path(catalog));
    if (!cli->json) return code;
    gp_str_putc(&json, '{');
    gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
    gp_cli_json_text(&json, "folder", o->folder);
    gp_cli_json_count(&json, "planned", r->planned);
    gp_cli_json_count(&json, "got", r->got);
    gp_cli_json_count(&json, "had", r->had);
    gp_cli_json_count(&json, "refused", r->refused);
    gp_cli_json_count(&json, "failed", r->failed);
    gp_cli_json_count(&json, "interrupted", r->interrupted);
    gp_cli_json_count(&json, "untried", r->untried);
    gp_cli_json_count(&json, "scored", r->scored);
    gp_cli_json_count(&json, "rounds", r->rounds);
    gp_cli_json_real(&json, "seconds", r->seconds);
    gp_cli_json_text(&json, "why", *r->why ? r->why : NULL);
    gp_cli_json_notes(&json, cli);
    gp_str_putc(&json, '}');
    return gp_cli_json_print(cli, &json, code);
}

/* If the user stopped the run, also prints the last error, because that error may be why the user stopped the run. */
static int fail(gp_cli *cli, const gp_error *err, const gp_generate_report *r)
{
    if (*r->why && err->status == GP_ERR_STOPPED) {
        gp_term_clear(&cli->term);
        gp_term_warn(&cli->term, "goldpan: last error: %s", r->why);
    }
    return gp_cli_fail(cli, err);
}

static int generate(gp_cli *cli, gp_generate_options *o, bool scores, const char *catalog_of, unsigned flags)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_generate_report report = GP_INIT(gp_generate_report);
    char *path = NULL;
    int code;
    bool creates = (flags & GP_CATALOG_CREATE) != 0, fresh = access(o->folder, F_OK) != 0;
    /* check everything before the first file is written, so that a wrong option leaves no files */
    if (gp_cli_catalog_open_old(cli, &catalog_of, catalog_of ? 1 : 0, flags, &path, &catalog, &err) != GP_OK ||
        (scores && gp_cli_model_open(cli, catalog, &model, &err) != GP_OK) ||
        (creates && gp_generate_check(o, &err) != GP_OK) || (creates && gp_folder_make(o->folder, &err) != GP_OK) ||
        (!catalog && gp_cli_catalog_open_at(path, flags, &catalog, &err) != GP_OK) ||
        gp_generate(catalog, model, o, &report, &err) != GP_OK)
        code = fail(cli, &err, &report);
    else
        code = finish(cli, catalog, o, &report);
    gp_mem_free(path);
    gp_model_close(model);
    gp_catalog_close(catalog);
    if (creates && fresh && code != GP_EXIT_OK)
        (void)rmdir(o->folder); /* this run created the folder; rmdir removes it
                                                                         * only if it is empty */
    return code;
}

static int run(gp_cli *cli)
{
    gp_generate_options o;
    fill(cli, &o);
    return generate(cli, &o, cli->score || cli->adaptive || cli->model, o.folder, GP_CATALOG_CREATE);
}

static int run_again(gp_cli *cli)
{
    gp_generate_options o;
    fill(cli, &o);
    o.again = cli->flagged ? GP_REGENERATE_FLAGGED : GP_REGENERATE_PICKS;
    o.per_prompt = 1;
    if (!cli->out) o.folder = "regenerated";
    if (!cli->backend && !cli->workflow) {
        o.backend = NULL; /* use the generator that made the picks */
        /* Without --backend the address comes from the catalog, and another person may have made the catalog.  So no
         * login or key from this user's environment is sent to the address. */
        if ((!cli->login && o.login) || o.token)
            gp_term_say(&cli->term, "the login and the key of the environment are sent only with --backend ADDRESS");
        o.login = cli->login, o.token = NULL;
    }
    return generate(cli, &o, cli->score || cli->model, cli->arg_count ? cli->args[0] : NULL, 0);
}

#define PROTOCOLS       "a1111|comfyui|sdcpp|swarmui|openai|command"
#define AGAIN_PROTOCOLS "a1111|comfyui|sdcpp|swarmui|command"

#define GENERATE_SETTINGS(...)                                                                                         \
    GP_CLI_OPTION("width", 'W', GP_OPT_COUNT, "W", width, "image width in pixels (default: the generator's)",          \
                  .range = GP_CLI_FROM(1)),                                                                            \
        GP_CLI_OPTION("height", 'H', GP_OPT_COUNT, "H", height, "image height in pixels (default: the generator's)",   \
                      .range = GP_CLI_FROM(1)),                                                                        \
        GP_CLI_OPTION("steps", 0, GP_OPT_COUNT, "N", steps, "number of sampler steps (default: the generator's)",      \
                      .range = GP_CLI_FROM(1)),                                                                        \
        GP_CLI_OPTION("cfg", 0, GP_OPT_REAL, "X", cfg, "guidance scale (default: the generator's)",                    \
                      .range = GP_CLI_FROM(0)),                                                                        \
        GP_CLI_OPTION("sampler", 0, GP_OPT_TEXT, "NAME", sampler,                                                      \
                      "sampler name as the generator spells it (default: the generator's)"),                           \
        GP_CLI_OPTION("scheduler", 0, GP_OPT_TEXT, "NAME", scheduler,                                                  \
                      "scheduler name as the generator spells it (default: the generator's)"),                         \
        GP_CLI_OPTION("checkpoint", 0, GP_OPT_TEXT, "NAME", checkpoint,                                                \
                      "the generator's model, as the generator spells it (default: the model that is loaded)"),        \
        GP_CLI_OPTION("refiner", 0, GP_OPT_TEXT, "NAME", refiner,                                                      \
                      "SDXL refiner, the model for the last steps (default: none)"),                                   \
        GP_CLI_OPTION("refiner-at", 0, GP_OPT_REAL, "X", refiner_at,                                                   \
                      "share of the steps after which the refiner takes over (default: 0.8)",                          \
                      .range = GP_CLI_FROM_TO(0, 1), __VA_ARGS__)

#define GENERATE_REQUESTS                                                                                              \
    GP_CLI_OPTION("jobs", 0, GP_OPT_COUNT, "N", jobs, "request N images at the same time (default: 1)",                \
                  .range = GP_CLI_FROM_TO(1, 64)),                                                                     \
        GP_CLI_OPTION("tries", 0, GP_OPT_COUNT, "N", tries,                                                            \
                      "attempts per image, with growing pauses between them (default: 5)", .range = GP_CLI_FROM(1)),   \
        GP_CLI_OPTION("timeout", 0, GP_OPT_REAL, "S", timeout,                                                         \
                      "end each request S seconds after it began (0: no limit, the default)",                          \
                      .range = GP_CLI_FROM(0)),                                                                        \
        GP_CLI_OPTION("login", 0, GP_OPT_TEXT, "USER:PASSWORD", login,                                                 \
                      "HTTP Basic authentication (default: $GOLDPAN_GENERATOR_LOGIN)")

#define GENERATE_SCORING(scoring)                                                                                      \
    GP_CLI_MODEL(GP_CLI_MODEL_SCORING), GP_CLI_LOADING(.needs = scoring), GP_CLI_FAST_DECODE(.needs = scoring),        \
        GP_CLI_LONG_PROMPT(.needs = scoring), GP_CLI_MAX_PIXELS, GP_CLI_THREADS_AS(.needs = scoring)

static const gp_cli_option options[] = {
    GP_CLI_OPTION(
        "backend", 'b', GP_OPT_TEXT, "ADDRESS|COMMAND", backend,
        "address of the generator, or a command that generates an image (default: 127.0.0.1 at the usual port "
        "of the protocol)"),
    GP_CLI_OPTION("protocol", 0, GP_OPT_TEXT, "NAME", protocol, "API of the generator (default: detected)",
                  .words = PROTOCOLS),
    GP_CLI_OPTION("number", 'n', GP_OPT_COUNT, "N", number, "images per prompt (default: 4)", .range = GP_CLI_FROM(1)),
    GP_CLI_OPTION("out", 'o', GP_OPT_TEXT, "DIR", out, "folder for the images (default: generated)"),
    GP_CLI_OPTION("seed", 0, GP_OPT_COUNT, "N", seed,
                  "seed of the first image of each prompt; the next images get N+1, N+2 ... (default: 1)"),
    GP_CLI_FLAG("no-seed", 0, no_seed, "let the generator choose the seeds; the catalog records none",
                .excludes = "seed"),
    GP_CLI_OPTION("negative", 0, GP_OPT_TEXT, "TEXT", negative,
                  "negative prompt; a column \"negative\" of PROMPTS has priority (default: none)"),
    GENERATE_SETTINGS(.needs = "refiner"),
    GP_CLI_OPTION("workflow", 0, GP_OPT_TEXT, "FILE", workflow,
                  "ComfyUI: graph in API format, or an image that contains one"),
    GP_CLI_OPTION("set", 0, GP_OPT_TEXTS, "NODE.INPUT=VALUE", set,
                  "ComfyUI: set this input of the graph to a value, or to @prompt, @negative, @seed, @width ...; "
                  "replaces a link; may be repeated"),
    GP_CLI_FLAG("score", 0, score, "score finished images while the generator works"),
    GP_CLI_FLAG("adaptive", 0, adaptive,
                "generate more images only for prompts that are likely to improve; implies --score"),
    GP_CLI_OPTION("min-gain", 0, GP_OPT_REAL, "X", min_gain,
                  "stop generating for a prompt when its best score is expected to rise by less than X standard "
                  "deviations per image (default: 0.1)",
                  .range = GP_CLI_FROM(0), .needs = "adaptive"),
    GENERATE_REQUESTS,
    GP_CLI_OPTION("preview", 0, GP_OPT_TEXT, "FILE", preview,
                  "a1111: write the unfinished image to this file every second"),
    GP_CLI_OPTION("prompt-column", 0, GP_OPT_TEXT, "NAME", prompt_column,
                  "column of PROMPTS with the prompts (default: found by its name)"),
    GP_CLI_CATALOG,
    GENERATE_SCORING("score adaptive model"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_generate = {
    .name = "generate",
    .arguments = "PROMPTS",
    .summary = "Generate images from prompts with your own generator",
    .about = "PROMPTS is a table with a column of prompts, or a .txt file with one prompt per line.  The catalog "
             "keeps the other columns of the table.\n\n"
             "The generator is AUTOMATIC1111 (Forge, SD.Next), ComfyUI, stable-diffusion.cpp, SwarmUI, the OpenAI "
             "images API, or any command.  In a command, goldpan replaces the words {prompt} {negative} {seed} "
             "{width} {height} {steps} {cfg} {out}.  A command with {requests} is started once and reads requests "
             "(docs/generate.md).  Without --backend the port is 7860; it is 8188 with --workflow or --protocol "
             "comfyui, 1234 with sdcpp, 7801 with swarmui.\n\n"
             "The catalog (DIR/.goldpan/catalog.db) records which images are planned and which are done.  After "
             "Ctrl-C, a kill or a restart of the server, the same command continues, generates no image twice and "
             "omits none.\n\n"
             "--timeout limits each whole request, from connecting to the last byte of the answer, and each run of a "
             "command.  A job may wait longer in the generator's own queue.  The key for the server is in "
             "$GOLDPAN_GENERATOR_KEY (with --protocol openai also $OPENAI_API_KEY).",
    .examples = "goldpan generate prompts.tsv -n 8 --backend http://127.0.0.1:7860 --score --model "
                "openai/clip-vit-base-patch32\n"
                "goldpan generate prompts.csv -n 4 -b http://127.0.0.1:8188 --workflow sdxl.json --set 6.text=@prompt\n"
                "goldpan generate prompts.txt -b 'sd-cli -m sd15.gguf -p {prompt} -s {seed} -o {out}'",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
    .goes_on = true,
};

static const gp_cli_option again_options[] = {
    GP_CLI_FLAG("picks", 0, picks, "regenerate the picks of goldpan pick (the default)", .excludes = "flagged"),
    GP_CLI_FLAG("flagged", 0, flagged, "regenerate the images that you picked in the explorer"),
    GP_CLI_OPTION("backend", 'b', GP_OPT_TEXT, "ADDRESS|COMMAND", backend,
                  "address of the generator, or a command that generates an image (default: the generator of the "
                  "picks)"),
    GP_CLI_OPTION("protocol", 0, GP_OPT_TEXT, "NAME", protocol, "API of the generator (default: detected)",
                  .words = AGAIN_PROTOCOLS),
    GP_CLI_OPTION("out", 'o', GP_OPT_TEXT, "DIR", out, "folder for the images (default: regenerated)"),
    GP_CLI_OPTION("hires", 0, GP_OPT_REAL, "X", hires,
                  "a1111, sdcpp: generate the same image, then enlarge it X times (default: do not enlarge)",
                  .range = GP_CLI_ABOVE(0)),
    GENERATE_SETTINGS(.needs = NULL),
    GP_CLI_OPTION("workflow", 0, GP_OPT_TEXT, "FILE", workflow,
                  "ComfyUI: graph in API format, or an image that contains one (default: the graph of each image)"),
    GP_CLI_OPTION("set", 0, GP_OPT_TEXTS, "NODE.INPUT=VALUE", set,
                  "ComfyUI: set this input of the graph to a value, or to @prompt, @negative, @seed, @width ...; "
                  "replaces a link; may be repeated"),
    GP_CLI_FLAG("score", 0, score, "score finished images while the generator works"),
    GENERATE_REQUESTS,
    GP_CLI_CATALOG_NOT_DIR,
    GENERATE_SCORING("score model"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_regenerate = {
    .name = "regenerate",
    .arguments = "[DIR]",
    .summary = "Generate the picks again: larger, or with more steps",
    .about = "Uses the prompt, the seed and the settings of each picked image, from its file or from the catalog.  "
             "Options that you give replace the settings of the same name.  An image without a known seed counts as "
             "failed.\n\n"
             "Without --backend goldpan uses the generator of the picks.  For an image of ComfyUI it uses the graph "
             "in the image's file, unless --workflow names another graph.",
    .examples = "goldpan regenerate generated --hires 2 --steps 40\n"
                "goldpan regenerate --catalog generated --flagged -W 1024 -H 1024 -o large",
    .options = again_options,
    .least = 0,
    .most = 1,
    .run = run_again,
    .goes_on = true,
};
