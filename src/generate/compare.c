/* SPDX-License-Identifier: MIT
 * Compares the metadata of an image with the request.  Generators write the prompt, the negative prompt and the seed
 * into their files.  If these differ, the file is another image: ComfyUI reuses file names after its output folder was
 * cleaned up, and its history still has the old names. */
#include "generate/backend.h"

#include "image/chunks.h"
#include "metadata/comfy_graph.h"
#include "metadata/meta.h"

#include <string.h>

/* Returns true if the prompt contains characters that make some generators change it before they store it.  These
 * characters mark choices, wildcards, tags, comments and line ends. */
static bool may_be_changed(const char *prompt)
{
    return strpbrk(prompt, "#<$\n\r\t{|\\") != NULL || gp_comfy_graph_has_wildcards(prompt);
}

/* Returns true if the text contains `part`.  Ignores spaces at the ends and double spaces. */
static bool holds(const char *text, const char *part)
{
    gp_str a = GP_STR_INIT, b = GP_STR_INIT;
    const char *const texts[2] = {text, part};
    gp_str *const out[2] = {&a, &b};
    for (int i = 0; i < 2; i++)
        for (const char *at = texts[i]; *at;) {
            size_t blank = strspn(at, " "), word = strcspn(at + blank, " ");
            if (blank && out[i]->size && word) gp_str_putc(out[i], ' ');
            gp_str_add(out[i], at + blank, word);
            at += blank + word;
        }
    bool found = a.failed || b.failed || !b.size || (a.size && strstr(a.data, b.data));
    gp_str_clear(&a);
    gp_str_clear(&b);
    return found;
}

typedef struct words {
    const char *prompt, *negative;
    bool has_seed, exact;
    uint64_t seed;
} words;

gp_status gp_gen_read_seed(const gp_meta *meta, bool *known, uint64_t *seed, gp_error *err)
{
    gp_json *settings = NULL;
    const char *text = meta->settings_json ? meta->settings_json : "{}";
    GP_TRY(gp_json_parse(text, strlen(text), false, 64, &settings, err));
    *known = gp_json_u64(gp_json_get(settings, "seed"), seed);
    gp_json_free(settings);
    return GP_OK;
}

static gp_status compare(const words *asked, const gp_meta *meta, gp_gen_likeness *likeness, gp_gen_result *out,
                         gp_error *err)
{
    bool has_seed = false, same;
    uint64_t seed = 0;
    bool known = meta->prompt && meta->evidence >= GP_EVIDENCE_DERIVED;
    *likeness = GP_GEN_BARE;
    GP_TRY(gp_gen_read_seed(meta, &has_seed, &seed, err));
    if (known && asked->prompt) {
        same = asked->exact ? !strcmp(meta->prompt, asked->prompt) : holds(meta->prompt, asked->prompt);
        *likeness = same ? GP_GEN_AGREES : GP_GEN_DIFFERS;
        if (!same)
            return gp_gen_set_result(out, GP_GEN_RETRY, "the image was generated from the prompt '%.150s'",
                                     meta->prompt);
    }
    if (meta->negative && asked->negative && *asked->negative) {
        same = asked->exact ? !strcmp(meta->negative, asked->negative) : holds(meta->negative, asked->negative);
        *likeness = same ? GP_GEN_AGREES : GP_GEN_DIFFERS;
        if (!same)
            return gp_gen_set_result(out, GP_GEN_RETRY, "the image was generated with the negative prompt '%.150s'",
                                     meta->negative);
    }
    if (has_seed && asked->has_seed) {
        *likeness = seed == asked->seed ? GP_GEN_AGREES : GP_GEN_DIFFERS;
        if (seed != asked->seed)
            return gp_gen_set_result(out, GP_GEN_RETRY, "the image was generated with seed %llu instead of %llu",
                                     (unsigned long long)seed, (unsigned long long)asked->seed);
    }
    return GP_OK;
}

/* Compares the metadata of a file with the prompt, negative prompt and seed that are read from the graph. */
static gp_status compare_graph(const gp_str *graph, const char *name, const gp_meta *meta, gp_gen_likeness *likeness,
                               gp_gen_result *out, gp_error *err)
{
    gp_meta sent = {0};
    words asked = {.exact = true};
    GP_TRY(gp_meta_comfy(graph->data, graph->size, &(gp_comfy_file){.path = name}, &sent, err));
    asked.prompt = sent.evidence >= GP_EVIDENCE_DERIVED ? sent.prompt : NULL;
    /* a node may have replaced choices such as {a|b} by one of them */
    if (asked.prompt && may_be_changed(asked.prompt)) asked.exact = false;
    if (asked.prompt && gp_comfy_graph_has_wildcards(asked.prompt)) asked.prompt = NULL;
    asked.negative = asked.exact ? sent.negative : NULL;
    gp_status st = gp_gen_read_seed(&sent, &asked.has_seed, &asked.seed, err);
    if (st == GP_OK) st = compare(&asked, meta, likeness, out, err);
    gp_meta_clear(&sent);
    return st;
}

gp_status gp_gen_compare(const gp_gen_request *r, const gp_str *graph, const char *name, const gp_bytes *file,
                         gp_gen_likeness *likeness, gp_gen_result *out, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_error ignored = {0};
    *likeness = GP_GEN_BARE;
    gp_status st = gp_image_read_chunks(file->data, file->size, &chunks, &ignored);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &ignored);
    if (st != GP_OK) return GP_OK; /* not an image: decoding reports that later */
    st = gp_meta_read(&chunks, name, &meta, err);
    words asked = {.prompt = may_be_changed(r->prompt) ? NULL : r->prompt,
                   .negative = r->negative && !may_be_changed(r->negative) ? r->negative : NULL,
                   .has_seed = r->has_seed,
                   .seed = r->seed};
    if (st == GP_OK && meta.found && !meta.broken && !meta.mark)
        st = graph ? compare_graph(graph, name, &meta, likeness, out, err) : compare(&asked, &meta, likeness, out, err);
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    return st;
}
