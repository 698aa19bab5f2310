/* SPDX-License-Identifier: MIT
 * Text operations of graph nodes, computed exactly as the nodes compute them (Python's str.join, replace, strip,
 * slices). If nodes with the same inputs behave differently, or if Python would apply Unicode rules, the result is
 * unknown. Regular expressions are not evaluated. */
#include "base/mem.h"
#include "metadata/comfy_graph_private.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *own_text(const gp_comfy_graph_input *input)
{
    return input ? gp_json_text(input->value, NULL) : NULL;
}

static bool is_ascii(const gp_str *s)
{
    for (size_t i = 0; i < s->size; i++)
        if ((unsigned char)s->data[i] >= 0x80) return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static void keep_range(gp_str *s, size_t from, size_t to)
{
    if (!s->data) return;
    memmove(s->data, s->data + from, to - from);
    s->data[s->size = to - from] = 0;
}

/* Returns true for white space that Python's str.strip removes. */
static bool is_wide_blank(uint32_t cp)
{
    return (cp < 0x80 && is_blank((char)cp)) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

static void trim(gp_str *s, bool left, bool right)
{
    size_t from = 0, end = 0;
    uint32_t cp;
    for (size_t i = 0, size; i < s->size; i += size) {
        size = gp_utf8_next(s->data + i, s->size - i, &cp);
        if (!is_wide_blank(cp))
            end = i + size;
        else if (left && i == from)
            from += size;
    }
    keep_range(s, from, right && end > from ? end : right ? from : s->size);
}

/* Returns the byte position of the code point with this index. As in Python's slices, a negative index counts from the
 * end. */
static size_t byte_offset(const gp_str *s, int64_t index)
{
    uint32_t cp;
    size_t at = 0;
    int64_t count = 0;
    for (size_t i = 0; index < 0 && i < s->size; i += gp_utf8_next(s->data + i, s->size - i, &cp)) count++;
    for (int64_t left = index < 0 ? index + count : index; left > 0 && at < s->size; left--)
        at += gp_utf8_next(s->data + at, s->size - at, &cp);
    return at;
}

/* Replaces in place. Returns false if the result is too long. If `find` is empty, Python would insert `with` between
 * all characters; this function then returns false unless `with` is empty too. */
static bool replace(gp_str *s, const char *find, const char *with)
{
    size_t size = strlen(find);
    gp_str out = GP_STR_INIT;
    if (!size) return !*with;
    const char *at = s->data ? s->data : "", *hit;
    while ((hit = strstr(at, find)) != NULL && out.size <= GP_TEXT_MAX) {
        gp_str_add(&out, at, (size_t)(hit - at));
        gp_str_puts(&out, with);
        at = hit + size;
    }
    gp_str_puts(&out, at);
    out.failed |= s->failed;
    gp_str_clear(s);
    *s = out;
    return out.size <= GP_TEXT_MAX;
}

/* ------------------------------------------------------------------ operations */

static int rank_of(const char *name)
{
    if (strcasestr(name, "prefix") || strcasestr(name, "prepend")) return 0;
    return strcasestr(name, "suffix") || strcasestr(name, "append") ? 2 : 1;
}

static int compare_names(const void *a, const void *b)
{
    const char *x = (*(const gp_comfy_graph_input *const *)a)->name,
               *y = (*(const gp_comfy_graph_input *const *)b)->name;
    int difference = rank_of(x) - rank_of(y);
    return difference ? difference : strverscmp(x, y);
}

/* Returns true for a node of the pack JPS. Nodes of this pack name their delimiter, such as "comma", and skip empty
 * texts. */
static bool is_jps(const gp_comfy_graph_node *node)
{
    return strstr(node->type, "(JPS)") != NULL;
}

/* Returns the text that the node puts between the texts that it joins; NULL: unknown. This text can differ from the
 * stored delimiter: some nodes read "\n" as a line break, and some let the user choose a delimiter by name. */
static const char *delimiter_of(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, const gp_text_parts *parts)
{
    static const struct {
        const char *name, *text;
    } named[] = {{"comma", ", "},   {"comma_space", ", "}, {"space", " "},
                 {"newline", "\n"}, {"period", ". "},      {"none", NULL}};
    const char *delimiter = own_text(parts->one[GP_PART_DELIMITER]);
    for (size_t i = 0; delimiter && i < sizeof named / sizeof *named; i++) {
        if (strcasecmp(delimiter, named[i].name) != 0) continue;
        if (is_jps(node)) return named[i].text ? named[i].text : "";
        t->guess = "a delimiter given by its name";
        return named[i].text;
    }
    if (!delimiter || !strchr(delimiter, '\\')) return delimiter;
    if (parts->one[GP_PART_CLEAN]) return strcmp(delimiter, "\\n") == 0 ? "\n" : delimiter;
    return strcmp(node->type, "StringConcatenate") == 0 ? delimiter : NULL;
}

static int join_by(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_text_parts *parts,
                   const char *delimiter, int depth, gp_str *out)
{
    const char *clean = own_text(parts->one[GP_PART_CLEAN]);
    bool skip_empty = parts->one[GP_PART_CLEAN] || is_jps(node), first = true,
         strip = clean && strcasecmp(clean, "true") == 0;
    const gp_comfy_graph_input *limit = gp_comfy_graph_find(node, "inputcount");
    int64_t max_number = INT64_MAX;
    if (!delimiter || (parts->one[GP_PART_CLEAN] && !clean)) return 0;
    if (limit && !gp_json_i64(gp_comfy_graph_scalar(t->graph, limit), &max_number)) return 0;
    qsort(parts->texts, parts->text_count, sizeof *parts->texts, compare_names);
    for (size_t i = 0; i < parts->text_count; i++) {
        gp_str part = GP_STR_INIT;
        /* the node ignores inputs with a number above `inputcount`, which remain from a larger `inputcount` */
        if (gp_comfy_graph_end_number(parts->texts[i]->name) > max_number) continue;
        bool known = gp_comfy_graph_text(t, parts->texts[i], depth + 1, &part) && out->size + part.size <= GP_TEXT_MAX;
        if (strip) trim(&part, true, true);
        if (known && (part.size || !skip_empty)) {
            if (!first) gp_str_puts(out, delimiter);
            gp_str_add(out, part.data ? part.data : "", part.size);
            first = false;
        }
        out->failed |= part.failed;
        gp_str_clear(&part);
        if (!known) return 0;
    }
    return 1;
}

static int join(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_text_parts *parts, int depth, gp_str *out)
{
    const gp_comfy_graph_input *link = parts->one[GP_PART_DELIMITER];
    gp_str text = GP_STR_INIT;
    if (!link || link->target == SIZE_MAX || strcmp(node->type, "StringConcatenate") != 0)
        return join_by(t, node, parts, delimiter_of(t, node, parts), depth, out);
    int done = gp_comfy_graph_text(t, link, depth + 1, &text);
    if (done) done = join_by(t, node, parts, text.data ? text.data : "", depth, out);
    out->failed |= text.failed;
    gp_str_clear(&text);
    return done;
}

/* Replaces find1 by replace1, then find2 by replace2, and so on. */
static int replace_all(gp_comfy_graph_texts *t, gp_text_parts *parts, int depth, gp_str *s)
{
    if (parts->text_count != 1 || parts->find_count != parts->replace_count) return 0;
    if (!gp_comfy_graph_text(t, parts->texts[0], depth + 1, s)) return 0;
    qsort(parts->finds, parts->find_count, sizeof *parts->finds, compare_names);
    qsort(parts->replaces, parts->replace_count, sizeof *parts->replaces, compare_names);
    int done = 1;
    for (size_t i = 0; i < parts->find_count && done; i++) {
        gp_str find = GP_STR_INIT, with = GP_STR_INIT;
        done = gp_comfy_graph_text(t, parts->finds[i], depth + 1, &find) &&
               gp_comfy_graph_text(t, parts->replaces[i], depth + 1, &with) &&
               replace(s, find.data ? find.data : "", with.data ? with.data : "");
        s->failed |= find.failed || with.failed;
        gp_str_clear(&find);
        gp_str_clear(&with);
    }
    return done;
}

/* Tidies a text: two or more blanks become one blank; " ," and ",," become a comma. */
static bool tidy(gp_str *s)
{
    size_t to = 0;
    for (size_t i = 0; i < s->size;) {
        size_t end = i;
        while (end < s->size && is_blank(s->data[end])) end++;
        if (end - i >= 2)
            s->data[to++] = ' ', i = end;
        else
            s->data[to++] = s->data[i++];
    }
    if (s->data) s->data[s->size = to] = 0;
    if (!replace(s, " ,", ",")) return false;
    while (s->data && strstr(s->data, ",,"))
        if (!replace(s, ",,", ",")) return false;
    trim(s, true, true);
    return true;
}

/* Appends or replaces as `action` says, then tidies the text (node StringFunction of pythongosssss). */
static int apply_action(gp_comfy_graph_texts *t, gp_text_parts *parts, int depth, gp_str *s)
{
    const char *action = own_text(parts->one[GP_PART_ACTION]), *clean = own_text(parts->one[GP_PART_TIDY]);
    bool tidies = clean && strcmp(clean, "yes") == 0, known = true;
    gp_str parts_text[3] = {GP_STR_INIT, GP_STR_INIT, GP_STR_INIT};
    if (!action || !clean || parts->text_count < 2 || parts->text_count > 3) return 0;
    qsort(parts->texts, parts->text_count, sizeof *parts->texts, compare_names);
    for (size_t i = 0; i < parts->text_count && known; i++)
        known = gp_comfy_graph_text(t, parts->texts[i], depth + 1, &parts_text[i]);
    if (known && strcmp(action, "append") == 0) {
        for (int i = 0; i < 3; i++) {
            if (s->size && parts_text[i].size && tidies) gp_str_puts(s, ", ");
            gp_str_add(s, parts_text[i].data ? parts_text[i].data : "", parts_text[i].size);
        }
    } else if (known && strcmp(action, "replace") == 0) {
        const gp_str *find = &parts_text[1];
        known = !(find->size && find->data[0] == '/' && find->data[find->size - 1] == '/'); /* a regular expression */
        gp_str_add(s, parts_text[0].data ? parts_text[0].data : "", parts_text[0].size);
        known = known && replace(s, find->data ? find->data : "", parts_text[2].data ? parts_text[2].data : "");
    } else
        known = false;
    if (known && tidies) known = tidy(s);
    for (int i = 0; i < 3; i++) s->failed |= parts_text[i].failed, gp_str_clear(&parts_text[i]);
    return known;
}

static int strip_text(gp_comfy_graph_texts *t, gp_text_parts *parts, int depth, gp_str *s)
{
    const char *mode = own_text(parts->one[GP_PART_MODE]);
    bool left = mode && strcasecmp(mode, "left") == 0, right = mode && strcasecmp(mode, "right") == 0;
    bool both = !parts->one[GP_PART_MODE] || (mode && strcasecmp(mode, "both") == 0);
    if ((!left && !right && !both) || !gp_comfy_graph_text(t, parts->texts[0], depth + 1, s)) return 0;
    trim(s, left || both, right || both);
    return 1;
}

static bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static void set_case(gp_str *s, size_t i, bool upper)
{
    if (is_letter(s->data[i])) s->data[i] = (char)(upper ? s->data[i] & ~32 : s->data[i] | 32);
}

static int change_case(gp_comfy_graph_texts *t, gp_text_parts *parts, int depth, gp_str *s)
{
    const char *mode = own_text(parts->one[GP_PART_MODE]);
    if (!mode || !gp_comfy_graph_text(t, parts->texts[0], depth + 1, s) || !is_ascii(s)) return 0;
    bool upper = strcasestr(mode, "upper"), lower = strcasestr(mode, "lower"), title = strcasestr(mode, "title");
    if (!upper && !lower && !title && !strcasestr(mode, "capital")) return 0;
    for (size_t i = 0; i < s->size; i++) {
        bool begins = title ? i == 0 || !is_letter(s->data[i - 1]) : i == 0;
        set_case(s, i, upper || (!lower && begins));
    }
    return 1;
}

/* Computes text[start:end]. */
static int slice(gp_comfy_graph_texts *t, gp_text_parts *parts, int depth, gp_str *s)
{
    int64_t start, end;
    if (!gp_json_i64(gp_comfy_graph_scalar(t->graph, parts->one[GP_PART_START]), &start)) return 0;
    if (!gp_json_i64(gp_comfy_graph_scalar(t->graph, parts->one[GP_PART_END]), &end)) return 0;
    if (!gp_comfy_graph_text(t, parts->texts[0], depth + 1, s)) return 0;
    size_t from = byte_offset(s, start), to = byte_offset(s, end);
    keep_range(s, from, to < from ? from : to);
    return 1;
}

static int operation(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_text_parts *parts, int depth,
                     gp_str *out)
{
    static const char *const joins[] = {"concat", "join", "combine", "merge", "append"};
    static const char *const others[] = {"split",   "select", "random", "pick",    "regex",   "extract", "contains",
                                         "compare", "html",   "tag",    "newline", "comment", "punct"};
    static const char *const trims[] = {"trim", "strip"}, *const cases[] = {"case"},
                             *const slices[] = {"substring", "slice"};
    bool one = parts->text_count == 1;
    if (GP_GRAPH_HAS_WORD(node->type, others)) return 0;
    if (parts->find_count || parts->replace_count) return parts->find_count ? replace_all(t, parts, depth, out) : 0;
    if (parts->one[GP_PART_ACTION] || parts->one[GP_PART_TIDY]) return apply_action(t, parts, depth, out);
    if (parts->one[GP_PART_START] || parts->one[GP_PART_END])
        return one && parts->one[GP_PART_START] && parts->one[GP_PART_END] && GP_GRAPH_HAS_WORD(node->type, slices)
                   ? slice(t, parts, depth, out)
                   : 0;
    if (one && GP_GRAPH_HAS_WORD(node->type, trims)) return strip_text(t, parts, depth, out);
    if (one && GP_GRAPH_HAS_WORD(node->type, cases)) return change_case(t, parts, depth, out);
    if (parts->one[GP_PART_MODE]) return 0;
    if (parts->one[GP_PART_DELIMITER])
        return parts->text_count && (!one || GP_GRAPH_HAS_WORD(node->type, joins)) ? join(t, node, parts, depth, out)
                                                                                   : 0;
    return -1;
}

int gp_comfy_graph_operation(gp_comfy_graph_texts *t, const gp_comfy_graph_node *node, gp_text_parts *parts, int depth,
                             gp_str *out)
{
    gp_str s = GP_STR_INIT; /* each operation changes its text in place, so it gets its own text */
    int done = operation(t, node, parts, depth, &s);
    if (done > 0) gp_str_add(out, s.data ? s.data : "", s.size);
    out->failed |= s.failed;
    gp_str_clear(&s);
    return done;
}
