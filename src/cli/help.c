/* SPDX-License-Identifier: MIT
 *
 * The help of a command, and all tables as JSON. */
#include "cli/options.h"

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

/* Prints text wrapped at HELP_WIDTH; lines after the first begin at `indent`, where the cursor is now.  Line feeds of
 * the text stay. */
static void put_wrapped(const char *text, int indent)
{
    int at = indent;
    for (bool first = true; *text; first = false) {
        size_t size = strcspn(text, " \n");
        int width = width_of(text, size);
        if (!first && at + 1 + width > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            at = indent, first = true;
        }
        if (!first && at > indent) putchar(' '), at++;
        fwrite(text, 1, size, stdout);
        at += width;
        text += size;
        text += strspn(text, " ");
        for (; *text == '\n'; text++) {
            printf(text[1] == '\n' ? "\n" : "\n%*s", indent, "");
            at = indent;
        }
    }
    putchar('\n');
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
    if (o->needs) {
        gp_str_puts(&help, "; needs ");
        gp_cli_put_needs(&help, command, o);
    }
    put_wrapped(help.data ? help.data : o->help, HELP_COLUMN);
    gp_str_clear(&help);
}

void gp_cli_help(const gp_cli_command *command)
{
    printf("Usage: goldpan %s [OPTION...]%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "",
           command->arguments, command->summary);
    if (command->about) {
        putchar('\n');
        put_wrapped(command->about, 0);
    }
    printf("\nOptions:\n");
    for (const gp_cli_option *o = command->options; o->name; o++) put_option(command, o);
    printf("\nExample%s:\n", strchr(command->examples, '\n') ? "s" : "");
    for (const char *line = command->examples; *line;) {
        size_t length = strcspn(line, "\n");
        printf("  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* ------------------------------------------------------------------ JSON */

static void dump_option(gp_str *json, const gp_cli_command *command, const gp_cli_option *o)
{
    static const char *const kinds[] = {"flag",  "text",     "texts", "count",  "number", "real",
                                        "above", "at least", "share", "choice", "list"};
    gp_str needs = GP_STR_INIT;
    gp_cli_put_needs(&needs, command, o);
    gp_str_putc(json, '{');
    gp_json_put_text(json, "name", o->name);
    gp_json_put_text(json, "letter", o->letter ? (char[]){o->letter, 0} : NULL);
    gp_json_put_text(json, "kind", kinds[o->kind]);
    gp_json_put_text(json, "value", o->value);
    gp_json_put_text(json, "words", o->kind == GP_OPT_CHOICE ? o->value : o->words);
    gp_json_put_text(json, "help", o->help);
    gp_json_put_text(json, "needs", o->needs);
    gp_json_put_text(json, "needs_text", needs.data);
    gp_json_put_text(json, "excludes", o->excludes);
    gp_json_put_text(json, "old", o->old);
    gp_str_putc(json, '}');
    gp_str_clear(&needs);
}

void gp_cli_dump(const gp_cli_command *const *commands)
{
    gp_str json = GP_STR_INIT;
    gp_str_puts(&json, "{\"commands\":[");
    for (const gp_cli_command *const *c = commands; *c; c++) {
        gp_str_puts(&json, c == commands ? "{" : ",\n{");
        gp_json_put_text(&json, "name", (*c)->name);
        gp_json_put_text(&json, "arguments", (*c)->arguments);
        gp_json_put_text(&json, "summary", (*c)->summary);
        gp_json_put_text(&json, "about", (*c)->about);
        gp_json_put_text(&json, "examples", (*c)->examples);
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
