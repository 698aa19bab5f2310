/* SPDX-License-Identifier: MIT
 * Finds the node of a graph that wrote this file. A graph may contain several savers, and all of them write the same
 * graph into their files. ComfyUI names a file by the saver's filename_prefix: "sea/lighthouse" gives
 * sea/lighthouse_00001_.png below its output folder. The values of %date:yyyy%, %KSampler.seed% and [time(...)] are not
 * known later, so they match any text. */
#include "base/file.h"
#include "base/mem.h"
#include "metadata/comfy_private.h"
#include <string.h>
#include <strings.h>

/* What a node does with images, in increasing order of preference: nothing, show, receive, save. */
enum { NONE, SHOWS, TAKES, SAVES };

/* ------------------------------------------------------------------ names */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Appends the prefix as a pattern in which '*' matches any text. A literal '*' in the prefix also matches any text. */
static void put_pattern(gp_str *out, const char *prefix)
{
    for (const char *at = prefix; *at;) {
        const char *end = *at == '%' ? strchr(at + 1, '%') : *at == '[' ? strchr(at, ']') : NULL;
        gp_str_putc(out, end ? '*' : *at == '\\' ? '/' : *at);
        at = end ? end + 1 : at + 1;
    }
}

/* Returns true if the pattern matches all of text [size]. Greedy matching that backtracks only to the last '*': at most
 * size * pattern steps. */
static bool fits(const char *pattern, const char *text, size_t size)
{
    const char *star = NULL, *end = text + size, *from = NULL;
    while (text < end) {
        if (*pattern == '*')
            star = pattern++, from = text;
        else if (*pattern && *pattern == *text)
            pattern++, text++;
        else if (star)
            pattern = star + 1, text = ++from;
        else
            return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

/* Returns the length of a file's stem without the counter that savers append: "_00001_", "_0001" or "00001". */
static size_t without_counter(const char *stem, size_t size)
{
    size_t end = size;
    if (end && stem[end - 1] == '_') end--;
    size_t digits = end;
    while (digits && is_digit(stem[digits - 1])) digits--;
    if (end - digits < 2) return size;
    while (digits && strchr("_- ", stem[digits - 1])) digits--;
    return digits;
}

static bool has_digit(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (is_digit(text[i])) return true;
    return false;
}

/* Returns true if the pattern's folder matches the end of the path's folder. A folder that consists only of tokens,
 * such as %date%, must match a name with a digit. */
static bool folder_fits(const char *pattern, size_t size, const char *folder, size_t folder_size)
{
    size_t parts = 1, from = folder_size;
    char copy[512];
    if (size >= sizeof copy) return false;
    memcpy(copy, pattern, size);
    copy[size] = 0;
    for (size_t i = 0; i < size; i++) parts += copy[i] == '/';
    for (; parts && from; parts--) {
        from -= folder[from - 1] == '/'; /* the '/' after this component */
        while (from && folder[from - 1] != '/') from--;
    }
    bool literal = strspn(copy, "*/-_ ") < size;
    return parts == 0 && fits(copy, folder + from, folder_size - from) &&
           (literal || has_digit(folder + from, folder_size - from));
}

/* Scores how well the folder of a pattern, of `size` characters, fits the folder of a file. A prefix without a folder
 * fits ComfyUI's folder "output". */
static int score_folder(const char *pattern, size_t size, const char *folder, size_t folder_size)
{
    size_t above = folder_size;
    if (!size) return folder_fits("output", 6, folder, folder_size) ? 2000 : 0;
    if (folder_fits(pattern, size, folder, folder_size)) return 2000;
    while (above && folder[above - 1] != '/') above--;
    /* true if the file was moved from the pattern's folder to a folder inside that folder */
    return above > 1 && !memchr(pattern, '*', size) && folder_fits(pattern, size, folder, above - 1) ? 1500 : 0;
}

/* Counts the literal characters of a pattern. If two patterns match, the pattern with more literal characters is more
 * specific. */
static int letters_of(const char *pattern)
{
    int n = 0;
    for (; *pattern && n < 200; pattern++) n += *pattern != '*' && *pattern != '/';
    return n;
}

/* Scores how well `prefix` fits the path of a file; 0: it does not. The prefix may contain "folder/" and "%tokens%". */
static gp_status name_fits(const char *prefix, const char *path, int *out, gp_error *err)
{
    gp_str pattern = GP_STR_INIT;
    while (*prefix == '/' || *prefix == '\\' || (*prefix == '.' && strchr("/\\", prefix[1]) && prefix[1])) prefix++;
    put_pattern(&pattern, prefix);
    const char *all = pattern.data ? pattern.data : "", *slash = strrchr(all, '/'), *base = slash ? slash + 1 : all;
    const char *name = gp_path_base(path), *dot = strrchr(name, '.');
    size_t size = dot ? (size_t)(dot - name) : strlen(name), bare = without_counter(name, size),
           prefix_size = strlen(base);
    int score = 0;
    int folder =
        score_folder(all, slash ? (size_t)(slash - all) : 0, path, name > path ? (size_t)(name - path - 1) : 0);
    bool failed = pattern.failed;
    if (prefix_size > 255)
        score = 0;
    else if (fits(base, name, bare) || fits(base, name, size))
        score = 3000;
    else if (!strchr(base, '*') && size > prefix_size && strncmp(name, base, prefix_size) == 0 &&
             strchr("_-. (", name[prefix_size]))
        score = 1000; /* the file's name has other text than a counter after the prefix */
    if (score)
        score += folder + letters_of(folder ? all : base); /* if the folder does not fit, only the file name counts */
    gp_str_clear(&pattern);
    *out = score;
    return failed ? gp_fail_memory(err, "metadata") : GP_OK;
}

/* ------------------------------------------------------------------ nodes */

static bool takes_images(const gp_comfy_graph_node *node)
{
    static const char *const words[] = {"image", "pixel", "frame", "video", "sample", "latent", "picture", "anything"};
    for (size_t i = 0; i < node->input_count; i++) {
        const gp_comfy_graph_input *input = &node->inputs[i];
        if ((input->target == SIZE_MAX && !input->dead) || !input->data) continue;
        if (GP_GRAPH_HAS_WORD(input->name, words)) return true;
    }
    return false;
}

static int kind_of(const gp_comfy_graph_node *node)
{
    const gp_comfy_graph_input *kept = gp_comfy_graph_find(node, "save_output");
    if (!node->input_count) return NONE;
    bool images = takes_images(node);
    if (gp_comfy_named(node, "preview") || (kept && !gp_json_bool(kept->value, true)))
        return images && !node->consumed ? SHOWS : NONE;
    if (images && (gp_comfy_named(node, "save") || gp_comfy_graph_find(node, "filename_prefix"))) return SAVES;
    if (node->consumed) return NONE;
    return images ? TAKES : SHOWS;
}

/* Appends the text of the first name in the list for which the node has an input with a known text. Returns false if
 * there is none. If memory ran out, out->failed is set. */
static bool text_of(const gp_comfy *c, const gp_comfy_graph_node *node, const char *const *names, size_t count,
                    gp_str *out)
{
    for (size_t i = 0; i < count; i++) {
        const gp_comfy_graph_input *input = gp_comfy_graph_find(node, names[i]);
        gp_comfy_graph_texts texts = {c->graph, NULL, "positive", GP_GRAPH_TEXTS_BUDGET, 0, SIZE_MAX, NULL, NULL};
        gp_str text = GP_STR_INIT;
        bool known = input && gp_comfy_graph_text(&texts, input, 0, &text) && text.size;
        out->failed |= text.failed;
        if (known) gp_str_add(out, text.data, text.size);
        gp_str_clear(&text);
        if (known || out->failed) return known;
    }
    return false;
}

/* Scores how well the file's name fits the prefix of a saver. */
static gp_status saver_fits(const gp_comfy *c, const gp_comfy_graph_node *node, int *score, gp_error *err)
{
    static const char *const names[] = {"filename_prefix", "filename",  "file_name", "prefix",
                                        "image_name",      "save_name", "name"};
    static const char *const folders[] = {
        "output_path",       "path",          "folder",         "subfolder",  "foldername",
        "foldername_prefix", "output_folder", "subfolder_name", "output_dir", "folder_name"};
    gp_str prefix = GP_STR_INIT;
    if (text_of(c, node, folders, sizeof folders / sizeof *folders, &prefix)) gp_str_putc(&prefix, '/');
    bool known = text_of(c, node, names, sizeof names / sizeof *names, &prefix);
    gp_status st = GP_OK;
    *score = 0;
    if (prefix.failed)
        st = gp_fail_memory(err, "metadata");
    else if (known)
        st = name_fits(prefix.data, c->path, score, err);
    gp_str_clear(&prefix);
    return st;
}

/* ------------------------------------------------------------------ the search */

static void add(gp_comfy_savers *out, size_t node)
{
    if (out->count == GP_COMFY_MAX_SAVERS)
        out->more = true;
    else
        out->nodes[out->count++] = node;
}

static int best_kind(const gp_comfy *c)
{
    int best = NONE;
    bool shown = c->path && gp_str_starts(gp_path_base(c->path), "ComfyUI_temp_"); /* the name of previews */
    for (size_t i = 0; i < c->graph->count; i++) {
        int kind = kind_of(&c->graph->nodes[i]);
        if (shown && kind == SHOWS && takes_images(&c->graph->nodes[i])) return SHOWS;
        if (kind > best) best = kind;
    }
    return best;
}

gp_status gp_comfy_find_savers(const gp_comfy *c, gp_comfy_savers *out, gp_error *err)
{
    int kind = best_kind(c), best = 0;
    *out = (gp_comfy_savers){.count = 0};
    for (size_t i = 0; i < c->graph->count && kind != NONE; i++)
        if (kind_of(&c->graph->nodes[i]) == kind) add(out, i);
    if (kind != SAVES || !c->path || out->count + out->more < 2) return GP_OK;
    gp_comfy_savers all = *out;
    int scores[GP_COMFY_MAX_SAVERS];
    for (size_t i = 0; i < all.count; i++) {
        GP_TRY(saver_fits(c, &c->graph->nodes[all.nodes[i]], &scores[i], err));
        if (scores[i] > best) best = scores[i];
    }
    if (!best || all.more) return GP_OK; /* the file was renamed, so any saver may have written it */
    out->count = 0;
    for (size_t i = 0; i < all.count; i++)
        if (scores[i] == best) add(out, all.nodes[i]);
    return GP_OK;
}
