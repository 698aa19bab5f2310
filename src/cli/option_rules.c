/* SPDX-License-Identifier: MIT
 *
 * Rules of the tables: an option that has no effect beside the others of the command line is an error.  A default value
 * that is given explicitly counts as given. */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

/* One item of a rule, "NAME" or "NAME=A|B"; borrowed. */
typedef struct item {
    const char *name, *values; /* values NULL: the option is given */
    size_t length, values_length;
} item;

/* Reads the next item and returns the text after it, or NULL at the end. */
static const char *next_item(const char *rule, item *out)
{
    rule += strspn(rule, " ");
    if (!*rule) return NULL;
    size_t whole = strcspn(rule, " "), length = strcspn(rule, "= ");
    *out = (item){rule, NULL, length, 0};
    if (length < whole) out->values = rule + length + 1, out->values_length = whole - length - 1;
    return rule + whole;
}

static bool is_argument(const item *i)
{
    return i->length == strlen("ARGUMENT") && !memcmp(i->name, "ARGUMENT", i->length);
}

/* Does the list "A|B" of values hold this word of `length` bytes? */
static bool has_value(const item *i, const char *word, size_t length)
{
    for (size_t at = 0; at < i->values_length;) {
        size_t part = 0;
        while (at + part < i->values_length && i->values[at + part] != '|') part++;
        if (part == length && !memcmp(i->values + at, word, length)) return true;
        at += part + 1;
    }
    return false;
}

/* Returns the name of an option's value number `index`, which has *length bytes. */
static const char *choice_name(const gp_cli_option *o, int index, size_t *length)
{
    const char *at = o->value;
    while (index-- > 0) at += strcspn(at, "|") + 1;
    *length = strcspn(at, "|");
    return at;
}

static bool holds(const gp_cli *cli, const item *i)
{
    char name[64];
    size_t length;
    if (is_argument(i)) return cli->arg_count > 0;
    if (!i->values) {
        snprintf(name, sizeof name, "%.*s", (int)i->length, i->name);
        return gp_cli_given(cli, name);
    }
    const gp_cli_option *o = gp_cli_find_option(cli->command->options, i->name, i->length);
    if (!o) return false;
    const char *value = choice_name(o, *(const int *)((const char *)cli + o->field), &length);
    return has_value(i, value, length);
}

/* ------------------------------------------------------------------ rules in words */

/* "[DIR|FILE...]" without its brackets. */
static void put_argument(gp_str *s, const gp_cli_command *command)
{
    const char *text = command->arguments;
    size_t length = strlen(text);
    bool brackets = length > 1 && text[0] == '[' && text[length - 1] == ']';
    gp_str_add(s, text + brackets, length - 2 * (size_t)brackets);
}

/* "--strategy slices or category-slices" */
static void put_item(gp_str *s, const gp_cli_command *command, const item *i)
{
    if (is_argument(i)) {
        put_argument(s, command);
        return;
    }
    gp_str_printf(s, "--%.*s", (int)i->length, i->name);
    for (size_t at = 0; at < i->values_length;) {
        size_t part = 0;
        while (at + part < i->values_length && i->values[at + part] != '|') part++;
        gp_str_printf(s, "%s%.*s", at ? " or " : " ", (int)part, i->values + at);
        at += part + 1;
    }
}

void gp_cli_put_needs(gp_str *s, const gp_cli_command *command, const gp_cli_option *option)
{
    item i, later;
    bool first = true;
    for (const char *rule = option->needs; rule && (rule = next_item(rule, &i)) != NULL; first = false) {
        if (!first) gp_str_puts(s, next_item(rule, &later) ? ", " : " or ");
        put_item(s, command, &i);
    }
}

/* ------------------------------------------------------------------ checking */

static gp_status fail_needs(const gp_cli *cli, const gp_cli_option *o, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_cli_put_needs(&s, cli->command, o);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "--%s needs %s", o->name, s.data ? s.data : "another option");
    gp_str_clear(&s);
    return st;
}

static gp_status fail_excludes(const gp_cli *cli, const gp_cli_option *o, const item *i, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (is_argument(i))
        gp_str_printf(&s, "the argument '%.300s'", cli->args[0]);
    else
        put_item(&s, cli->command, i);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "--%s cannot be combined with %s", o->name, s.data ? s.data : "another");
    gp_str_clear(&s);
    return st;
}

static gp_status check_option(const gp_cli *cli, const gp_cli_option *o, gp_error *err)
{
    item i;
    bool good = !o->needs;
    for (const char *rule = o->excludes; rule && (rule = next_item(rule, &i)) != NULL;)
        if (holds(cli, &i)) return fail_excludes(cli, o, &i, err);
    for (const char *rule = o->needs; !good && (rule = next_item(rule, &i)) != NULL;) good = holds(cli, &i);
    return good ? GP_OK : fail_needs(cli, o, err);
}

gp_status gp_cli_check_rules(const gp_cli *cli, gp_error *err)
{
    for (const gp_cli_option *o = cli->command->options; o->name; o++)
        if (gp_cli_option_given(cli, o)) GP_TRY(check_option(cli, o, err));
    return GP_OK;
}
