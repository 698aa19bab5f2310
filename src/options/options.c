/* SPDX-License-Identifier: MIT
 *
 * Parses a command line by the command's table of options, and suggests names for misspelt options.
 * --name value, --name=value, -n value, -nvalue, flags joined (-qv), "--" ends the options, "-" is an argument.  A
 * value that begins with "--" needs the form --name=value. */
#include "options/options.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ suggestions for misspelt names */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Returns the edit distance of a and b (insertions, deletions, replacements); 99 if a word has more than 31 bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t row[33], m = strlen(a), n = strlen(b);
    if (m > 31 || n > 31) return 99;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j];
            row[j] = least(least(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

const char *gp_cli_suggest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t nearest = 99, length = strlen(word);
    for (; *names; names++) {
        size_t d = distance(word, *names);
        if (length >= 3 && gp_str_starts(*names, word)) d = least(d, 1); /* the user may have shortened the name */
        if (d < nearest) nearest = d, best = *names;
    }
    return nearest <= 2 && nearest < length ? best : NULL;
}

/* ------------------------------------------------------------------ parsing */

static bool is_name(const char *name, const char *word, size_t length)
{
    return name && strlen(name) == length && !memcmp(name, word, length);
}

const gp_cli_option *gp_cli_find_option(const gp_cli_option *table, const char *name, size_t length)
{
    for (const gp_cli_option *o = table; o->name; o++)
        if (is_name(o->name, name, length) || is_name(o->old, name, length)) return o;
    return NULL;
}

static const gp_cli_option *by_letter(const gp_cli_command *command, char letter)
{
    for (const gp_cli_option *o = command->options; o->name; o++)
        if (o->letter == letter) return o;
    return NULL;
}

static gp_status unknown(const gp_cli *cli, const char *word, size_t length, gp_error *err)
{
    const char *names[64];
    char name[64];
    size_t count = 0;
    for (const gp_cli_option *o = cli->command->options; o->name && count < 63; o++) names[count++] = o->name;
    names[count] = NULL;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    const char *meant = gp_cli_suggest(name, names);
    if (meant) return gp_fail(err, GP_ERR_USAGE, "unknown option '--%s'; did you mean '--%s'?", name, meant);
    return gp_fail(err, GP_ERR_USAGE, "unknown option '--%s'", name);
}

int gp_cli_choice_index(const char *list, const char *word)
{
    for (int i = 0; list; i++) {
        size_t length = strcspn(list, "|");
        if (strlen(word) == length && !memcmp(list, word, length)) return i;
        if (!list[length]) break;
        list += length + 1;
    }
    return -1;
}

const char *gp_cli_choice_name(const char *list, int index, size_t *length)
{
    while (index-- > 0) list += strcspn(list, "|") + 1;
    *length = strcspn(list, "|");
    return list;
}

static gp_status set_choice(const gp_cli_option *o, int *field, const char *value, gp_error *err)
{
    int place = gp_cli_choice_index(o->value, value);
    if (place < 0) place = gp_cli_choice_index(o->old_values, value);
    if (place >= 0) {
        *field = place;
        return GP_OK;
    }
    return gp_fail(err, GP_ERR_USAGE, "--%s must be one of %s, not '%s'", o->name, o->value, value);
}

static bool has_range(const gp_cli_option *o)
{
    return o->range.min != 0 || o->range.max != 0;
}

static bool is_too_large(const gp_cli_option *o, double x)
{
    return has_range(o) && (x > o->range.max || (x >= o->range.max && o->range.below_max));
}

static bool is_in_range(const gp_cli_option *o, double x)
{
    if (!has_range(o)) return true;
    return (x > o->range.min || (x >= o->range.min && !o->range.above_min)) && !is_too_large(o, x);
}

void gp_cli_put_range(gp_str *s, const gp_cli_option *o, bool all)
{
    const gp_cli_range *r = &o->range;
    bool has_max = isfinite(r->max) && (all || r->max < UINT32_MAX);
    if (!has_range(o) || (!has_max && r->min <= 0 && o->kind == GP_OPT_COUNT)) return;
    if (has_max && !r->above_min && !r->below_max) {
        gp_str_printf(s, "from %.15g to %.15g", r->min, r->max);
        return;
    }
    gp_str_printf(s, "%s %.15g", r->above_min ? "above" : "at least", r->min);
    if (has_max) gp_str_printf(s, " and %s %.15g", r->below_max ? "below" : "at most", r->max);
}

/* Fails because the option does not accept `value`. what: the expected kind of value, such as "a whole number". all:
 * true: the message also names the maximum UINT32_MAX of a range GP_CLI_FROM_U32, which the help omits. */
static gp_status fail_number(const gp_cli_option *o, const char *what, const char *value, bool all, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_cli_put_range(&s, o, all);
    const char *range = s.data ? s.data : "", *before = !*range ? "" : gp_str_starts(range, "at") ? " of " : " ";
    gp_fail(err, GP_ERR_USAGE, "--%s needs %s%s%s, not '%s'", o->name, what, before, range, value);
    gp_str_clear(&s);
    return GP_ERR_USAGE;
}

static gp_status set_count(const gp_cli_option *o, gp_cli_count *count, const char *value, gp_error *err)
{
    bool whole = gp_parse_u64(value, &count->value);
    if (!whole || !is_in_range(o, (double)count->value))
        return fail_number(o, "a whole number", value, whole && is_too_large(o, (double)count->value), err);
    count->set = true;
    return GP_OK;
}

static gp_status set_real(const gp_cli_option *o, gp_cli_real *real, const char *value, gp_error *err)
{
    double x;
    if (!gp_parse_double(value, &x) || !is_in_range(o, x)) return fail_number(o, "a number", value, true, err);
    *real = (gp_cli_real){true, x};
    return GP_OK;
}

/* Stores the text of an option.  Usually rejects an empty text, because it probably comes from a shell variable that is
 * not set. */
static gp_status set_text(const gp_cli_option *o, const char **text, const char *value, gp_error *err)
{
    if (!*value && strcmp(o->value, "TEXT") != 0)
        return gp_fail(err, GP_ERR_USAGE, "--%s needs a value (%s), but the value is empty", o->name, o->value);
    if (o->ends && !gp_str_ends(value, o->ends))
        return gp_fail(err, GP_ERR_USAGE, "--%s must be a file name that ends in %s, not '%s'", o->name, o->ends,
                       value);
    *text = value;
    return GP_OK;
}

static gp_status add_text(const gp_cli_option *o, gp_cli_texts *texts, const char *value, gp_error *err)
{
    if (texts->count == GP_CLI_MOST_TEXTS)
        return gp_fail(err, GP_ERR_USAGE, "--%s is given more than %d times", o->name, GP_CLI_MOST_TEXTS);
    return set_text(o, &texts->items[texts->count++], value, err);
}

bool gp_cli_option_given(const gp_cli *cli, const gp_cli_option *o)
{
    size_t place = (size_t)(o - cli->command->options);
    return place < 128 && cli->given[place / 64] >> place % 64 & 1;
}

bool gp_cli_given(const gp_cli *cli, const char *name)
{
    const gp_cli_option *o = gp_cli_find_option(cli->command->options, name, strlen(name));
    return o && gp_cli_option_given(cli, o);
}

/* Stores the value of an option (NULL for flags) in its field. */
static gp_status set(gp_cli *cli, const gp_cli_option *o, const char *value, gp_error *err)
{
    size_t place = (size_t)(o - cli->command->options);
    if (place < 128) cli->given[place / 64] |= UINT64_C(1) << place % 64;
    void *field = (char *)cli + o->field;
    switch (o->kind) {
    case GP_OPT_FLAG: *(bool *)field = true; return GP_OK;
    case GP_OPT_LIST:
        *(bool *)field = true;
        cli->args[cli->arg_count++] = value;
        return GP_OK;
    case GP_OPT_TEXT: return set_text(o, field, value, err);
    case GP_OPT_TEXTS: return add_text(o, field, value, err);
    case GP_OPT_CHOICE: return set_choice(o, field, value, err);
    case GP_OPT_COUNT: return set_count(o, field, value, err);
    case GP_OPT_REAL: return set_real(o, field, value, err);
    }
    return GP_OK;
}

/* Takes the word after the option as its value.  A word that begins with "--" counts as an option, because in
 * "--prompts --json" the user probably forgot the value.  Such a value can be given as "--prompts=--json". */
static gp_status set_next(gp_cli *cli, const gp_cli_option *o, const char *typed, const char **next, gp_error *err)
{
    const char *value = *next;
    if (!value) return gp_fail(err, GP_ERR_USAGE, "%s needs a value (%s)", typed, o->value);
    bool text = o->kind == GP_OPT_TEXT || o->kind == GP_OPT_TEXTS || o->kind == GP_OPT_LIST;
    if (text && gp_str_starts(value, "--")) /* all other kinds reject such a word as their value */
        return gp_fail(err, GP_ERR_USAGE, "%s needs a value (%s), but '%s' follows; if that is the value: --%s=%s",
                       typed, o->value, value, o->name, value);
    *next = NULL;
    return set(cli, o, value, err);
}

/* Parses "--name" or "--name=value".  *next: the word after it; set to NULL if it is used as the value. */
static gp_status parse_long(gp_cli *cli, const char *word, const char **next, gp_error *err)
{
    size_t length = strcspn(word, "=");
    const gp_cli_option *o = gp_cli_find_option(cli->command->options, word, length);
    if (!o) return unknown(cli, word, length, err);
    bool given = word[length] == '=';
    if (o->kind == GP_OPT_FLAG) {
        if (given) return gp_fail(err, GP_ERR_USAGE, "--%s takes no value", o->name);
        return set(cli, o, NULL, err);
    }
    if (given) return set(cli, o, word + length + 1, err);
    char typed[64];
    snprintf(typed, sizeof typed, "--%s", o->name);
    return set_next(cli, o, typed, next, err);
}

/* Parses "-q", "-qv", "-m NAME" or "-mNAME". */
static gp_status parse_short(gp_cli *cli, const char *word, const char **next, gp_error *err)
{
    for (; *word; word++) {
        const gp_cli_option *o = by_letter(cli->command, *word);
        if (!o) return gp_fail(err, GP_ERR_USAGE, "unknown option '-%c'", *word);
        if (o->kind == GP_OPT_FLAG) {
            GP_TRY(set(cli, o, NULL, err));
            continue;
        }
        if (word[1]) return set(cli, o, word + 1, err);
        return set_next(cli, o, (char[]){'-', *word, 0}, next, err);
    }
    return GP_OK;
}

static gp_status parse_words(gp_cli *cli, int argc, char **argv, gp_error *err)
{
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL, *had = next;
        if (options && !strcmp(word, "--"))
            options = false;
        else if (options && word[0] == '-' && word[1] == '-')
            GP_TRY(parse_long(cli, word + 2, &next, err));
        else if (options && word[0] == '-' && word[1])
            GP_TRY(parse_short(cli, word + 1, &next, err));
        else
            cli->args[cli->arg_count++] = word;
        if (had && !next) i++;
    }
    if (cli->help) return GP_OK;
    if (cli->arg_count < cli->command->least)
        return gp_fail(err, GP_ERR_USAGE, "'goldpan %s' needs %s", cli->command->name, cli->command->arguments);
    if (cli->arg_count > cli->command->most)
        return gp_fail(err, GP_ERR_USAGE, "unexpected argument '%s' for 'goldpan %s'", cli->args[cli->command->most],
                       cli->command->name);
    return gp_cli_check_rules(cli, err);
}

bool gp_cli_says_json(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--json")) return true;
    return false;
}

gp_status gp_cli_parse(gp_cli *cli, int argc, char **argv, gp_error *err)
{
    gp_status st = parse_words(cli, argc, argv, err);
    if (st != GP_OK) cli->json |= gp_cli_says_json(argc, argv);
    return st;
}
