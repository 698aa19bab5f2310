/* SPDX-License-Identifier: MIT
 * goldpan explore: serves the explorer's page until Ctrl-C, and opens it in a browser. */
#include "base/str.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The default port: the keys 4653 of a telephone spell "GOLD".  The number differs from the ports of generators (7860
 * AUTOMATIC1111, 8188 ComfyUI, 7801 SwarmUI, 1234 sd-server, 9090 InvokeAI), Jupyter and web servers (8888, 8000,
 * 8080), and it is below Linux's ephemeral ports. */
enum { USUAL_PORT = 4653 };

typedef struct session {
    gp_cli *cli;
    pid_t browser; /* the browser that this command started; 0: none */
} session;

/* Returns true if this session has a screen on which a browser can appear. */
static bool has_screen(void)
{
    const char *display = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (display && *display) || (wayland && *wayland);
}

/* Starts a browser ($BROWSER, else xdg-open) and discards its output.  Does not wait until the browser ends, because
 * some browsers run in the foreground.  Returns the process id; 0: the browser did not start. */
static pid_t open_browser(const char *url)
{
    const char *browser = getenv("BROWSER");
    char *argv[] = {(char *)(uintptr_t)(browser && *browser ? browser : "xdg-open"), (char *)(uintptr_t)url, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    if (posix_spawn_file_actions_init(&actions) != 0) return 0;
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) != 0) child = 0;
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

static void listening(void *user, const char *url, const char *note)
{
    session *now = user;
    gp_cli *cli = now->cli;
    gp_str json = GP_STR_INIT;
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "url", url);
        gp_cli_json_text(&json, "remark", note);
        gp_str_putc(&json, '}');
        (void)gp_cli_json_print(cli, &json, GP_EXIT_OK);
    } else {
        printf("%s\n", url);
    }
    (void)fflush(stdout);
    if (note) gp_term_warn(&cli->term, "goldpan: %s", note);
    gp_term_say(
        &cli->term,
        "The address contains a secret key: everyone who has it can see these images.  Ctrl-C ends the explorer.");
    if (!cli->no_open && has_screen()) now->browser = open_browser(url);
}

static bool go_on(void *user, const gp_progress *progress)
{
    session *now = user;
    (void)progress;
    /* Collect the status of a browser that has ended, so that it does not stay a zombie process.  The library waits for
     * its own child processes. */
    if (now->browser && waitpid(now->browser, NULL, WNOHANG) != 0) now->browser = 0;
    return gp_term_signal() == 0;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    session now = {.cli = cli};
    gp_explore_options options = GP_EXPLORE_DEFAULTS;
    options.model = cli->model, options.revision = cli->revision;
    options.precision = (gp_precision)cli->precision, options.engine = (gp_engine)cli->engine;
    options.port = USUAL_PORT;
    if (cli->port.set) {
        options.port = (uint16_t)cli->port.value, options.exact_port = cli->port.value != 0;
    }
    options.readonly = cli->readonly;
    options.backend = cli->backend, options.protocol = cli->protocol;
    options.login = getenv("GOLDPAN_GENERATOR_LOGIN"), options.token = getenv("GOLDPAN_GENERATOR_KEY");
    options.new_key = cli->new_key;
    options.listening = listening;
    options.progress = go_on;
    options.user = &now;
    unsigned flags = cli->readonly ? GP_CATALOG_READONLY : GP_CATALOG_READ_IF_MUST;
    gp_status st = gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, flags, &catalog, &err);
    if (st == GP_OK && !cli->readonly && gp_catalog_readonly(catalog)) {
        options.readonly = true;
        gp_term_say(&cli->term, "the catalog is read-only here: ratings, saved views, exports, moves to the trash and "
                                "new images are rejected");
    }
    if (st == GP_OK) st = gp_explore(catalog, &options, &err);
    gp_catalog_close(catalog);
    return st == GP_OK ? GP_EXIT_OK : gp_cli_fail(cli, &err);
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_OPTION("port", 'p', GP_OPT_COUNT, "N", port,
                  "listen on this port; 0: any free port (default: 4653, or a free port if it is in use)",
                  .range = GP_CLI_FROM_TO(0, UINT16_MAX)),
    GP_CLI_FLAG("readonly", 0, readonly,
                "reject marks, saved views, exports, moves to the trash and requests to generate images"),
    GP_CLI_OPTION("backend", 'b', GP_OPT_TEXT, "ADDRESS|COMMAND", backend,
                  "generator for \"Make it again\" and \"Make more like it\" (default: the address that the catalog "
                  "records for the image)"),
    GP_CLI_OPTION("protocol", 0, GP_OPT_TEXT, "NAME", protocol, "API of the generator (default: detected)",
                  .words = "a1111|comfyui|sdcpp|swarmui|command", .needs = "backend"),
    GP_CLI_FLAG("new-key", 0, new_key, "change the secret key in the address; older addresses stop working"),
    GP_CLI_FLAG("no-open", 0, no_open, "print the address, but do not open a browser"),
    GP_CLI_MODEL("CLIP model for the search by words: hub name or folder (default: the model of the last scores)"),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_explore = {
    .name = "explore",
    .arguments = "[DIR]",
    .summary = "Review all images in a browser, and mark the ones to keep",
    .about = "Prints the address of the page and serves it until Ctrl-C, to this machine only.  The catalog stores "
             "every pick, rejection and star at once, and goldpan export uses them.\n\n"
             "To open the page on another machine: ssh -L 4653:127.0.0.1:4653 HOST, then open the printed address "
             "there.",
    .examples = "goldpan explore pictures\ngoldpan explore --catalog pictures --port 8000 --no-open",
    .options = options,
    .most = 1,
    .run = run,
};
