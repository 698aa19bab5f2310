/* SPDX-License-Identifier: MIT
 * goldpan generate: have pictures drawn by the generator that people run. */
#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t number_of(const gp_cli_count *count, uint32_t otherwise)
{
    return !count->set ? otherwise : count->value > UINT32_MAX ? UINT32_MAX : (uint32_t)count->value;
}

/* Returns the default address of the protocol's generator. */
static const char *usual_backend(const gp_cli *cli)
{
    const char *protocol = cli->protocol ? cli->protocol : cli->workflow ? "comfyui" : "";
    return !strcmp(protocol, "comfyui")   ? "http://127.0.0.1:8188"
           : !strcmp(protocol, "sdcpp")   ? "http://127.0.0.1:1234"
           : !strcmp(protocol, "swarmui") ? "http://127.0.0.1:7801"
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
    if (!o->token && o->protocol && !strcmp(o->protocol, "openai"))
        o->token = getenv("OPENAI_API_KEY"); /* else nobody's */
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
    gp_term_say(&cli->term, "%llu %s generated, %llu had before, %llu refused, %llu failed in %s",
                (unsigned long long)r->got, gp_plural(r->got, "picture", "pictures"), (unsigned long long)r->had,
                (unsigned long long)r->refused, (unsigned long long)r->failed, clock);
    if (r->interrupted)
        gp_term_say(&cli->term, "%llu interrupted in the generator; run the same command again to draw %s",
                    (unsigned long long)r->interrupted, gp_plural(r->interrupted, "it", "them"));
    if (r->untried)
        gp_term_warn(&cli->term,
                     "goldpan: the first images all failed for the same reason, so %llu more %s not requested",
                     (unsigned long long)r->untried, gp_plural(r->untried, "was", "were"));
    if (r->scored) gp_term_say(&cli->term, "%llu scored", (unsigned long long)r->scored);
    if (*r->why)
        gp_term_warn(&cli->term, "goldpan: last: %s (all: SELECT state, message, prompt FROM v_generations, in %s)",
                     r->why, gp_catalog_path(catalog));
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

/* If the user stops a run, the last error is printed too: it may be the reason why the run was stopped. */
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
    gp_generate_report report = {0};
    char *path = NULL;
    int code;
    bool creates = (flags & GP_CATALOG_CREATE) != 0, fresh = access(o->folder, F_OK) != 0;
    /* check everything before the first file is written, so that a mistake leaves nothing behind */
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
    if (creates && fresh && code != GP_EXIT_OK) (void)rmdir(o->folder); /* made by this run; stays if it is not empty */
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
    if (!cli->backend && !cli->workflow) o.backend = NULL; /* the generator that drew the picks */
    return generate(cli, &o, cli->score || cli->model, cli->arg_count ? cli->args[0] : NULL, 0);
}

#define GENERATE_SETTINGS                                                                                              \
    {"width", 'W', GP_OPT_NUMBER, "W", GP_CLI_FIELD(width), "pixels (default here and below: the generator's)"},       \
        {"height", 'H', GP_OPT_NUMBER, "H", GP_CLI_FIELD(height), "pixels"},                                           \
        {"steps", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(steps), "steps of the sampler"},                                 \
        {"cfg", 0, GP_OPT_AT_LEAST, "X", GP_CLI_FIELD(cfg), "guidance"},                                               \
        {"sampler", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(sampler), "as the generator calls it"},                       \
        {"scheduler", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(scheduler), "as the generator calls it"},                   \
        {"checkpoint", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(checkpoint), "the generator's model"},                     \
        {"refiner", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(refiner), "SDXL: second model"},                              \
    {                                                                                                                  \
        "refiner-at", 0, GP_OPT_SHARE, "X", GP_CLI_FIELD(refiner_at), "from this share of the steps on (0.8)"          \
    }

#define GENERATE_ASKING                                                                                                \
    {"jobs", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(jobs), "images requested at once (default 1)"},                       \
        {"tries",                                                                                                      \
         0,                                                                                                            \
         GP_OPT_NUMBER,                                                                                                \
         "N",                                                                                                          \
         GP_CLI_FIELD(tries),                                                                                          \
         "most tries for an image, with growing pauses (default 5)"},                                                  \
        {"timeout",                                                                                                    \
         0,                                                                                                            \
         GP_OPT_REAL,                                                                                                  \
         "S",                                                                                                          \
         GP_CLI_FIELD(timeout),                                                                                        \
         "end each request S seconds after it began (default: no limit)"},                                             \
    {                                                                                                                  \
        "login", 0, GP_OPT_TEXT, "USER:PASSWORD", GP_CLI_FIELD(login),                                                 \
            "Basic authentication (or $GOLDPAN_GENERATOR_LOGIN)"                                                       \
    }

static const gp_cli_option options[] = {
    {"backend", 'b', GP_OPT_TEXT, "ADDRESS|COMMAND", GP_CLI_FIELD(backend),
     "the generator (default: 127.0.0.1, at the protocol's usual port)"},
    {"protocol", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(protocol),
     "a1111, comfyui, sdcpp, swarmui, openai, command (default: asks)"},
    {"number", 'n', GP_OPT_NUMBER, "N", GP_CLI_FIELD(number), "pictures of each prompt (default 4)"},
    {"out", 'o', GP_OPT_TEXT, "DIR", GP_CLI_FIELD(out), "where they go (default: generated)"},
    {"seed", 0, GP_OPT_COUNT, "N", GP_CLI_FIELD(seed), "of each prompt's first picture; then N+1 ... (default 1)"},
    {"no-seed", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(no_seed),
     "the generator chooses its own seeds; the catalog records no seed"},
    {"negative", 0, GP_OPT_TEXT, "TEXT", GP_CLI_FIELD(negative), "negative prompt (a column \"negative\" wins)"},
    GENERATE_SETTINGS,
    {"workflow", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(workflow),
     "ComfyUI: graph in API format, or image that contains one"},
    {"set", 0, GP_OPT_TEXTS, "NODE.INPUT=VALUE", GP_CLI_FIELD(set),
     "ComfyUI: @prompt @negative @seed @width ... or a value; also replaces links"},
    {"score", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(score), "score them while others are drawn"},
    {"adaptive", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(adaptive),
     "more for prompts whose best would rise, none for others"},
    {"min-gain", 0, GP_OPT_AT_LEAST, "X", GP_CLI_FIELD(min_gain),
     "adaptive: smallest expected rise to draw for (default 0.1)"},
    GENERATE_ASKING,
    {"preview", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(preview), "a1111: what is being drawn, anew every second"},
    {"prompt-column", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(prompt_column), "which column of PROMPTS (default: found)"},
    GP_CLI_CATALOG,
    GP_CLI_ENCODER(GP_CLI_MODEL_SCORING),
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_generate = {
    .name = "generate",
    .arguments = "PROMPTS",
    .summary = "Generate images from prompts with your own generator",
    .about = "PROMPTS is a table with a column of prompts (its other columns are kept), or a .txt with\n"
             "one a line.  The back end is AUTOMATIC1111 (Forge, SD.Next), ComfyUI,\n"
             "stable-diffusion.cpp, SwarmUI, the OpenAI images API, or any command: words between\n"
             "blanks, {prompt} {negative} {seed} {width} {height} {steps} {cfg} {out} filled in.  A command\n"
             "with {requests} instead is started once and reads requests (docs/generate.md).\n"
             "What is planned is in the catalog (DIR/.goldpan/catalog.db): after Ctrl-C, a kill or a\n"
             "restart of the server the same command goes on, without a double or a gap.\n"
             "--timeout limits each whole request, from connecting to the last byte of the answer, and each\n"
             "run of a command.  A job may wait longer than that in the generator's own queue.\n"
             "Without -b: port 7860, with --workflow (or --protocol comfyui) 8188, sdcpp 1234, swarmui 7801.\n"
             "A key for the server is read from $GOLDPAN_GENERATOR_KEY (--protocol openai: or $OPENAI_API_KEY).",
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
    {"picks", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(picks), "what `goldpan pick` chose (the default)"},
    {"flagged", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(flagged), "what was picked by hand in the explorer instead"},
    {"backend", 'b', GP_OPT_TEXT, "ADDRESS|COMMAND", GP_CLI_FIELD(backend),
     "the generator (default: the one that drew the picks)"},
    {"protocol", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(protocol),
     "a1111, comfyui, sdcpp, swarmui, command (default: asks)"},
    {"out", 'o', GP_OPT_TEXT, "DIR", GP_CLI_FIELD(out), "where they go (default: regenerated)"},
    {"hires", 0, GP_OPT_ABOVE, "X", GP_CLI_FIELD(hires), "a1111, sdcpp: draw the same image, then enlarge it X times"},
    GENERATE_SETTINGS,
    {"workflow", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(workflow),
     "ComfyUI: graph in API format, or image that contains one"},
    {"set", 0, GP_OPT_TEXTS, "NODE.INPUT=VALUE", GP_CLI_FIELD(set), "ComfyUI: what goes where"},
    {"score", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(score), "score them while others are drawn"},
    GENERATE_ASKING,
    GP_CLI_CATALOG,
    GP_CLI_ENCODER(GP_CLI_MODEL_SCORING),
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_regenerate = {
    .name = "regenerate",
    .arguments = "[DIR]",
    .summary = "Draw the picks again: larger, or with more steps",
    .about = "Prompt, seed and settings are those of each picked image, as its file or the catalog says,\n"
             "but for what is given here.  An image whose seed is not known is counted as failed.\n"
             "Without --backend goldpan uses the generator that drew the picks.  For an image of ComfyUI\n"
             "goldpan uses the graph in the image's file, unless --workflow gives another.",
    .examples = "goldpan regenerate generated --hires 2 --steps 40\n"
                "goldpan regenerate --catalog generated --flagged -W 1024 -H 1024 -o large",
    .options = again_options,
    .least = 0,
    .most = 1,
    .run = run_again,
    .goes_on = true,
};
