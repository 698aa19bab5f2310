/* SPDX-License-Identifier: MIT
 *
 * The overview, the help of a command, and all tables as JSON. */
#include "options/options.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 80 };

/* ------------------------------------------------------------------ help */

/* Returns the width in characters, not bytes. */
static int width_of(const char *text, size_t size)
{
    int width = 0;
    for (size_t i = 0; i < size; i++) width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

/* Prints text wrapped at HELP_WIDTH.  Lines after the first begin at column `indent`, where the cursor is now.  Keeps
 * the line feeds of the text. */
static void put_wrapped(FILE *to, const char *text, int indent)
{
    int at = indent;
    for (bool first = true; *text; first = false) {
        size_t size = strcspn(text, " \n");
        int width = width_of(text, size);
        if (!first && at + 1 + width > HELP_WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent, first = true;
        }
        if (!first && at > indent) putc(' ', to), at++;
        fwrite(text, 1, size, to);
        at += width;
        text += size;
        text += strspn(text, " ");
        for (; *text == '\n'; text++) {
            fprintf(to, text[1] == '\n' ? "\n" : "\n%*s", indent, "");
            at = indent;
        }
    }
    putc('\n', to);
}

static void put_range(gp_str *help, const gp_cli_option *o)
{
    gp_str range = GP_STR_INIT;
    gp_cli_put_range(&range, o, false);
    if (range.data) gp_str_printf(help, "; %s", range.data);
    gp_str_clear(&range);
}

/* Appends the values that shell completions offer, such as "; a1111, comfyui or command". */
static void put_words(gp_str *help, const gp_cli_option *o)
{
    for (const char *at = o->words; at;) {
        size_t length = strcspn(at, "|");
        const char *next = at[length] ? at + length + 1 : NULL;
        gp_str_printf(help, "%s%.*s", at == o->words ? "; " : next ? ", " : " or ", (int)length, at);
        at = next;
    }
}

static void put_option(const gp_cli_command *command, const gp_cli_option *o)
{
    char left[96];
    gp_str help = GP_STR_INIT;
    int n = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->value) n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->value);
    if (n < HELP_COLUMN)
        printf("%-*s", HELP_COLUMN, left);
    else
        printf("%s\n%*s", left, HELP_COLUMN, "");
    gp_str_puts(&help, o->help);
    put_range(&help, o);
    put_words(&help, o);
    if (gp_cli_required(command, o)) gp_str_puts(&help, "; required");
    if (o->needs) {
        gp_str_puts(&help, "; needs ");
        gp_cli_put_needs(&help, command, o);
    }
    put_wrapped(stdout, help.data ? help.data : o->help, HELP_COLUMN);
    gp_str_clear(&help);
}

static void put_examples(FILE *to, const char *lines)
{
    fprintf(to, "\nExample%s:\n", strchr(lines, '\n') ? "s" : "");
    for (const char *line = lines; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(to, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void gp_cli_help(const gp_cli_command *command)
{
    printf("Usage: goldpan %s [OPTION...]%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "",
           command->arguments, command->summary);
    if (command->about) {
        putchar('\n');
        put_wrapped(stdout, command->about, 0);
    }
    printf("\nOptions:\n");
    for (const gp_cli_option *o = command->options; o->name; o++) put_option(command, o);
    put_examples(stdout, command->examples);
}

/* ------------------------------------------------------------------ overview */

/* tools/options.py writes these texts into the man page of goldpan, and the exit codes into every man page. */
static const char about[] = "Finds the best of many generated images: scores how well each image matches its prompt "
                            "with a CLIP model, and picks the best images of every prompt.";
static const char examples[] = "goldpan model get openai/clip-vit-large-patch14\n"
                               "goldpan run pictures --model openai/clip-vit-large-patch14\n"
                               "goldpan explore pictures\n"
                               "goldpan export best --catalog pictures";
static const char catalog_rule[] = "A command works on the catalog (.goldpan/catalog.db) at or above the path you "
                                   "give, or at or above the current folder; --catalog names another catalog.";

static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {GP_EXIT_OK, "done"},
    {GP_EXIT_FAILURE, "failure"},
    {GP_EXIT_USAGE, "usage error"},
    {GP_EXIT_PARTIAL, "done, but some files failed"},
    {GP_EXIT_NOTHING, "nothing was selected"},
    {GP_EXIT_INTERRUPTED, "interrupted by Ctrl-C"},
    {GP_EXIT_TERMINATED, "interrupted by SIGTERM"},
};
enum { EXIT_CODES = sizeof exit_codes / sizeof *exit_codes };

void gp_cli_overview(const gp_cli_command *const *commands, FILE *to)
{
    gp_str end = GP_STR_INIT;
    fputs("Usage: goldpan COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
    put_wrapped(to, about, 0);
    fputs("\nCommands:\n", to);
    for (const gp_cli_command *const *c = commands; *c; c++) fprintf(to, "  %-13s %s\n", (*c)->name, (*c)->summary);
    put_examples(to, examples);
    gp_str_printf(&end,
                  "goldpan help COMMAND prints the options of a command; goldpan --version prints the version.  %s\n\n"
                  "Exit codes: ",
                  catalog_rule);
    for (size_t i = 0; i < EXIT_CODES; i++)
        gp_str_printf(&end, "%d %s%s", exit_codes[i].code, exit_codes[i].meaning, i + 1 < EXIT_CODES ? "; " : ".");
    putc('\n', to);
    put_wrapped(to, end.data ? end.data : "", 0);
    gp_str_clear(&end);
}

/* ------------------------------------------------------------------ JSON */

static void dump_option(gp_str *json, const gp_cli_command *command, const gp_cli_option *o)
{
    static const char *const kinds[] = {"flag", "text", "texts", "count", "real", "choice", "list"};
    gp_str needs = GP_STR_INIT, excludes = GP_STR_INIT, range = GP_STR_INIT;
    gp_cli_put_needs(&needs, command, o);
    gp_cli_put_excludes(&excludes, command, o);
    gp_cli_put_range(&range, o, false);
    gp_str_putc(json, '{');
    gp_json_put_text(json, "name", o->name);
    gp_json_put_text(json, "letter", o->letter ? (char[]){o->letter, 0} : NULL);
    gp_json_put_text(json, "kind", kinds[o->kind]);
    gp_json_put_text(json, "value", o->value);
    gp_json_put_text(json, "words", o->kind == GP_OPT_CHOICE ? o->value : o->words);
    gp_json_put_text(json, "help", o->help);
    gp_json_put_text(json, "range", range.data);
    gp_json_put_text(json, "required", gp_cli_required(command, o) ? "yes" : NULL);
    gp_json_put_text(json, "needs", o->needs);
    gp_json_put_text(json, "needs_text", needs.data);
    gp_json_put_text(json, "excludes", o->excludes);
    gp_json_put_text(json, "excludes_text", excludes.data);
    gp_json_put_text(json, "old", o->old);
    gp_str_putc(json, '}');
    gp_str_clear(&range);
    gp_str_clear(&excludes);
    gp_str_clear(&needs);
}

static void dump_overview(gp_str *json)
{
    gp_json_put_text(json, "about", about);
    gp_json_put_text(json, "examples", examples);
    gp_json_put_text(json, "catalog", catalog_rule);
    gp_json_put_name(json, "exit_codes");
    for (size_t i = 0; i < EXIT_CODES; i++) {
        gp_str_printf(json, "%s[%d,", i ? "," : "[", exit_codes[i].code);
        gp_json_put_string(json, exit_codes[i].meaning);
        gp_str_putc(json, ']');
    }
    gp_str_putc(json, ']');
}

void gp_cli_dump(const gp_cli_command *const *commands)
{
    gp_str json = GP_STR_INIT;
    gp_str_putc(&json, '{');
    dump_overview(&json);
    gp_json_put_name(&json, "commands");
    gp_str_putc(&json, '[');
    for (const gp_cli_command *const *c = commands; *c; c++) {
        gp_str_puts(&json, c == commands ? "{" : ",\n{");
        gp_json_put_text(&json, "name", (*c)->name);
        gp_json_put_text(&json, "arguments", (*c)->arguments);
        gp_json_put_text(&json, "summary", (*c)->summary);
        gp_json_put_text(&json, "about", (*c)->about);
        gp_json_put_text(&json, "examples", (*c)->examples);
        gp_json_put_text(&json, "needs", (*c)->needs);
        gp_json_put_name(&json, "options");
        gp_str_putc(&json, '[');
        for (const gp_cli_option *o = (*c)->options; o->name; o++) {
            if (o != (*c)->options) gp_str_putc(&json, ',');
            dump_option(&json, *c, o);
        }
        gp_str_puts(&json, "]}");
    }
    gp_str_puts(&json, "]}");
    if (!json.failed) puts(json.data);
    gp_str_clear(&json);
}
