/* SPDX-License-Identifier: MIT
 *
 * goldpan: the command.  Finds the table of the command, parses the options, runs the command, and returns its exit
 * code (options.h).
 * Data goes to stdout, messages go to stderr.  A closed pipe ends the command without a message, because SIGPIPE keeps
 * its default action. */
#include "base/mem.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const gp_cli_command *const commands[] = {
    &gp_cmd_generate,      &gp_cmd_regenerate, &gp_cmd_run,        &gp_cmd_watch,  &gp_cmd_add,
    &gp_cmd_score,         &gp_cmd_slices,     &gp_cmd_categories, &gp_cmd_unpack, &gp_cmd_words,
    &gp_cmd_duplicates,    &gp_cmd_pick,       &gp_cmd_explore,    &gp_cmd_mark,   &gp_cmd_ratings_read,
    &gp_cmd_ratings_write, &gp_cmd_export,     &gp_cmd_undo,       &gp_cmd_sheet,  &gp_cmd_tour,
    &gp_cmd_status,        &gp_cmd_show,       &gp_cmd_check,      &gp_cmd_rescue, &gp_cmd_model_list,
    &gp_cmd_model_get,     &gp_cmd_model_info, &gp_cmd_bench,      &gp_cmd_embed,  &gp_cmd_tokens,
    &gp_cmd_neighbours,    &gp_cmd_cluster,    &gp_cmd_map,        NULL,
};

/* Returns the number of words if argv begins with this command (2 for "model get"), else 0. */
static int matches(const gp_cli_command *command, int argc, char **argv)
{
    const char *blank = strchr(command->name, ' ');
    if (!blank) return argc > 0 && !strcmp(argv[0], command->name) ? 1 : 0;
    size_t length = (size_t)(blank - command->name);
    return argc > 1 && strlen(argv[0]) == length && !memcmp(argv[0], command->name, length) &&
                   !strcmp(argv[1], blank + 1)
               ? 2
               : 0;
}

static const gp_cli_command *find(int argc, char **argv, int *words)
{
    for (const gp_cli_command *const *c = commands; *c; c++)
        if ((*words = matches(*c, argc, argv)) > 0) return *c;
    return NULL;
}

/* Returns true if a family of commands begins with this word, such as "model". */
static bool is_family(const char *word)
{
    size_t length = strlen(word);
    for (const gp_cli_command *const *c = commands; *c; c++)
        if (!strncmp((*c)->name, word, length) && (*c)->name[length] == ' ') return true;
    return false;
}

/* Lists the commands of a family.  Returns false if there is no such family. */
static bool list_family(const char *word, FILE *to)
{
    size_t length = strlen(word);
    if (!is_family(word)) return false;
    fprintf(to, "Usage: goldpan %s COMMAND\n\nCommands:\n", word);
    for (const gp_cli_command *const *c = commands; *c; c++)
        if (!strncmp((*c)->name, word, length) && (*c)->name[length] == ' ')
            fprintf(to, "  %-13s %s\n", (*c)->name, (*c)->summary);
    return true;
}

/* Appends the names of a family's commands: "model list, model get, model info". */
static void family_names(const char *word, gp_str *names)
{
    size_t length = strlen(word);
    for (const gp_cli_command *const *c = commands; *c; c++)
        if (!strncmp((*c)->name, word, length) && (*c)->name[length] == ' ')
            gp_str_printf(names, "%s%s", names->size ? ", " : "", (*c)->name);
}

static int unknown(gp_cli *cli, int argc, char **argv)
{
    const char *names[sizeof commands / sizeof *commands + 2];
    char typed[64];
    size_t count = 0;
    for (const gp_cli_command *const *c = commands; *c; c++) names[count++] = (*c)->name;
    names[count++] = "help";
    names[count] = NULL;
    if (argv[0][0] == '-')
        return gp_cli_usage(cli, "unexpected option '%s' before the command: write it after the command", argv[0]);
    snprintf(typed, sizeof typed, argc > 1 && is_family(argv[0]) ? "%s %s" : "%s", argv[0], argc > 1 ? argv[1] : "");
    const char *meant = gp_cli_suggest(typed, names);
    if (meant) return gp_cli_usage(cli, "unknown command '%s'; did you mean '%s'?", typed, meant);
    return gp_cli_usage(cli, "unknown command '%s'", typed);
}

/* Lists the commands of a family if the second word is missing, as in "goldpan model". */
static int incomplete(gp_cli *cli, const char *family)
{
    gp_str names = GP_STR_INIT;
    if (!cli->json) {
        (void)list_family(family, stderr);
        return GP_EXIT_USAGE;
    }
    family_names(family, &names);
    int code = gp_cli_usage(cli, "'goldpan %s' needs a command: %s", family, names.data ? names.data : "");
    gp_str_clear(&names);
    return code;
}

static int help(gp_cli *cli, int argc, char **argv)
{
    int words = 0;
    if (argc == 0) {
        gp_cli_overview(commands, stdout);
        return GP_EXIT_OK;
    }
    const gp_cli_command *command = find(argc, argv, &words);
    if (command)
        gp_cli_help(command);
    else if (!list_family(argv[0], stdout))
        return unknown(cli, argc, argv);
    return GP_EXIT_OK;
}

static int run_command(gp_cli *cli, int argc, char **argv)
{
    gp_error err = {0};
    gp_status st = gp_cli_parse(cli, argc, argv, &err);
    if (cli->help) {
        gp_cli_help(cli->command);
        return GP_EXIT_OK;
    }
    return st == GP_OK ? cli->command->run(cli) : gp_cli_fail(cli, &err);
}

static bool asks_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int dispatch(gp_cli *cli, int argc, char **argv)
{
    int words = 0;
    if (argc == 0) {
        gp_cli_overview(commands, stderr);
        return GP_EXIT_USAGE;
    }
    if (!strcmp(argv[0], "--version")) {
        printf("goldpan %s\n", gp_version());
        return GP_EXIT_OK;
    }
    if (!strcmp(argv[0], "--dump-options") && argc == 1) { /* a hidden option, for tools/options.py */
        gp_cli_dump(commands);
        return GP_EXIT_OK;
    }
    cli->command = find(argc, argv, &words);
    if (cli->command) return run_command(cli, argc - words, argv + words);
    /* there is no command yet, so read --json here for the error object */
    cli->json = gp_cli_says_json(argc, argv);
    if (!strcmp(argv[0], "help") || asks_help(argv[0])) return help(cli, argc - 1, argv + 1);
    if (argc == 2 && asks_help(argv[1]) && list_family(argv[0], stdout)) return GP_EXIT_OK;
    if (is_family(argv[0]) && (argc == 1 || !strcmp(argv[1], "--json"))) return incomplete(cli, argv[0]);
    return unknown(cli, argc, argv);
}

/* A parent process may have closed descriptors 0 to 2.  The first files opened would then get these numbers, and
 * messages would be written into them.  So closed descriptors are opened first: reading 0 and writing 1 then fail, and
 * 2 writes to /dev/null. */
static bool reserve_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        int got = fd == 2 ? open("/dev/null", O_WRONLY) : -1;
        if (got < 0) got = open("/", O_PATH);
        if (got != fd) return false; /* open failed or returned another number; neither should happen */
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!reserve_descriptors()) return GP_EXIT_FAILURE;
    gp_cli cli = {.argv = (const char *const *)argv};
    gp_term_open(&cli.term);
    cli.args = gp_mem_zero((size_t)argc + 1, sizeof *cli.args);
    if (!cli.args) {
        gp_term_error(&cli.term, "out of memory");
        return GP_EXIT_FAILURE;
    }
    int code = argc > 0 ? dispatch(&cli, argc - 1, argv + 1) : GP_EXIT_USAGE;
    gp_term_clear(&cli.term);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == GP_EXIT_OK) {
        if (errno != EPIPE) gp_term_error(&cli.term, "cannot write to standard output: %s", strerror(errno));
        code = GP_EXIT_FAILURE;
    }
    gp_str_clear(&cli.notes);
    gp_mem_free(cli.args);
    return code;
}
