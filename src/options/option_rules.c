/* SPDX-License-Identifier: MIT
 *
 * Checks the rules of the tables: an option that has no effect with the rest of the command line is an error.  An
 * option counts as given even if its value is the default. */
#include "options/options.h"

#include <stdio.h>
#include <string.h>

/* One item of a rule, "NAME" or "NAME=A|B"; borrowed. */
typedef struct item {
    const char *name, *values; /* values NULL: the item holds if the option is given */
    size_t length, values_length;
} item;

/* Reads the next item and returns the text after it, or NULL at the end of the group. */
static const char *next_item(const char *rule, item *out)
{
    rule += strspn(rule, " ");
    if (!*rule || *rule == ';') return NULL;
    size_t whole = strcspn(rule, " ;"), length = strcspn(rule, "= ;");
    *out = (item){rule, NULL, length, 0};
    if (length < whole) out->values = rule + length + 1, out->values_length = whole - length - 1;
    return rule + whole;
}

/* Returns the next group of a rule, or NULL. */
static const char *next_group(const char *rule)
{
    rule += strcspn(rule, ";");
    return *rule ? rule + 1 : NULL;
}

static bool is_argument(const item *i)
{
    return i->length == strlen("ARGUMENT") && !memcmp(i->name, "ARGUMENT", i->length);
}

/* Returns true if the list "A|B" of values contains this word of `length` bytes. */
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
    const char *value = gp_cli_choice_name(o->value, *(const int *)((const char *)cli + o->field), &length);
    return has_value(i, value, length);
}

/* ------------------------------------------------------------------ rules in words */

/* Appends the first argument of "[DIR|FILE...]" or "(DIR | --site DIR)", without its brackets. */
static void put_argument(gp_str *s, const gp_cli_command *command)
{
    const char *text = command->arguments + strspn(command->arguments, "[("), *end = strstr(text, " | ");
    if (*text == '-')
        gp_str_puts(s, "an argument");
    else
        gp_str_add(s, text, end ? (size_t)(end - text) : strcspn(text, "])"));
}

/* Appends an item in words, such as "--strategy slices or category-slices".  with_value: an item that only names an
 * option is followed by the name of the option's value, as in "--out FILE". */
static void put_item(gp_str *s, const gp_cli_command *command, const item *i, bool with_value)
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
    const gp_cli_option *o = with_value ? gp_cli_find_option(command->options, i->name, i->length) : NULL;
    if (o && o->value && !i->values) gp_str_printf(s, " %s", o->value);
}

/* Appends one group of a rule in words, such as "--score, --adaptive or --model". */
static void put_group(gp_str *s, const gp_cli_command *command, const char *rule, bool with_value)
{
    item i, later;
    bool first = true;
    for (; (rule = next_item(rule, &i)) != NULL; first = false) {
        if (!first) gp_str_puts(s, next_item(rule, &later) ? ", " : " or ");
        put_item(s, command, &i, with_value);
    }
}

void gp_cli_put_needs(gp_str *s, const gp_cli_command *command, const gp_cli_option *option)
{
    for (const char *rule = option->needs; rule; rule = next_group(rule)) {
        if (rule != option->needs) gp_str_puts(s, ", and ");
        put_group(s, command, rule, false);
    }
}

void gp_cli_put_excludes(gp_str *s, const gp_cli_command *command, const gp_cli_option *option)
{
    if (option->excludes) put_group(s, command, option->excludes, false);
}

bool gp_cli_required(const gp_cli_command *command, const gp_cli_option *option)
{
    item i, other;
    for (const char *rule = command->needs, *rest; rule; rule = next_group(rule))
        if ((rest = next_item(rule, &i)) != NULL && !next_item(rest, &other) && strlen(option->name) == i.length &&
            !memcmp(option->name, i.name, i.length))
            return true;
    return false;
}

/* ------------------------------------------------------------------ checking */

/* Fails if a group of the rule `needs` does not hold. subject: the first words of the message, such as "--table", or
 * the command's name in quotes. */
static gp_status check_needs(const gp_cli *cli, const char *subject, const char *needs, bool with_value, gp_error *err)
{
    item i;
    for (const char *rule = needs; rule; rule = next_group(rule)) {
        bool good = false;
        for (const char *at = rule; !good && (at = next_item(at, &i)) != NULL;) good = holds(cli, &i);
        if (good) continue;
        gp_str s = GP_STR_INIT;
        put_group(&s, cli->command, rule, with_value);
        gp_status st = gp_fail(err, GP_ERR_USAGE, "%s needs %s", subject, s.data ? s.data : "another option");
        gp_str_clear(&s);
        return st;
    }
    return GP_OK;
}

static gp_status fail_excludes(const gp_cli *cli, const gp_cli_option *o, const item *i, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (is_argument(i))
        gp_str_printf(&s, "the argument '%.300s'", cli->args[0]);
    else
        put_item(&s, cli->command, i, false);
    gp_status st = gp_fail(err, GP_ERR_USAGE, "--%s cannot be combined with %s", o->name, s.data ? s.data : "another");
    gp_str_clear(&s);
    return st;
}

static gp_status check_option(const gp_cli *cli, const gp_cli_option *o, gp_error *err)
{
    item i;
    char subject[64];
    for (const char *rule = o->excludes; rule && (rule = next_item(rule, &i)) != NULL;)
        if (holds(cli, &i)) return fail_excludes(cli, o, &i, err);
    snprintf(subject, sizeof subject, "--%s", o->name);
    return check_needs(cli, subject, o->needs, false, err);
}

gp_status gp_cli_check_rules(const gp_cli *cli, gp_error *err)
{
    char subject[64];
    for (const gp_cli_option *o = cli->command->options; o->name; o++)
        if (gp_cli_option_given(cli, o)) GP_TRY(check_option(cli, o, err));
    snprintf(subject, sizeof subject, "'goldpan %s'", cli->command->name);
    return check_needs(cli, subject, cli->command->needs, true, err);
}
