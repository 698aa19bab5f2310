/* SPDX-License-Identifier: MIT
 * ComfyUI graphs in parts, written with ' in place of ", and a check of the prompts that goldpan finds in them. */
#ifndef GP_TEST_COMFY_VARIANTS_H
#define GP_TEST_COMFY_VARIANTS_H

#include "ingest_support.h"

#define MODEL  "'4':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'m.ckpt'}},"
#define LATENT "'5':{'class_type':'EmptyLatentImage','inputs':{'width':512,'height':512,'batch_size':1}},"
#define BAD    "'7':{'class_type':'CLIPTextEncode','inputs':{'text':'bad','clip':['4',1]}},"
#define SAVE(id, image, prefix)                                                                                        \
    "'" id "':{'class_type':'SaveImage','inputs':{'images':['" image "',0],'filename_prefix':'" prefix "'}},"
#define DECODE(id, latent) "'" id "':{'class_type':'VAEDecode','inputs':{'samples':['" latent "',0],'vae':['4',2]}},"
#define ENCODE(id, text)   "'" id "':{'class_type':'CLIPTextEncode','inputs':{'text':" text ",'clip':['4',1]}},"
#define SAMPLER(id, seed, positive, latent, denoise)                                                                   \
    "'" id "':{'class_type':'KSampler','inputs':{'seed':" seed ",'steps':20,'cfg':7.0,'sampler_name':'euler',"         \
    "'scheduler':'normal','denoise':" denoise ",'model':['4',0],'positive':['" positive "',0],'negative':['7',0],"     \
    "'latent_image':['" latent "',0]}},"
#define LAST "'99':{'class_type':'Note','inputs':{}}"
/* The text-to-image graph of ComfyUI's default workflow, but without the positive encoder, which is node 6. */
#define USUAL MODEL LATENT BAD SAMPLER("3", "5", "6", "5", "1.0") DECODE("8", "3") SAVE("9", "8", "ComfyUI")
/* The same graph with its positive encoder, which has the text `text`, and with the nodes `nodes`. */
#define TEXT(text, nodes)                                                                                              \
    "{" USUAL ENCODE("6", text)                                                                                        \
    nodes LAST "}"
#define BOX(id, text)         "'" id "':{'class_type':'PrimitiveStringMultiline','inputs':{'value':'" text "'}},"
#define TWO                   BOX("41", "a blue vase") BOX("42", "a yellow kite")
#define NODE(type, inputs)    "'40':{'class_type':'" type "','inputs':{" inputs "}},"
#define FROM_40(type, inputs) TEXT("['40',0]", NODE(type, inputs) TWO)
#define A_VASE                "['41',0]"
#define A_KITE                "['42',0]"

enum { NONE = GP_EVIDENCE_NONE, GUESS = GP_EVIDENCE_GUESS, DERIVED = GP_EVIDENCE_DERIVED };

typedef struct variant {
    const char *graph, *prompt; /* prompt: the expected prompt; NULL if the graph has none */
    int evidence;
    const char *path; /* path of the file, or NULL */
} variant;

static char *with_quotes(const char *text)
{
    char *copy = gp_str_dup(text);
    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

static gp_meta read_variant(const char *graph, const char *path, const char *workflow)
{
    gp_error err = {0};
    gp_meta meta = {0};
    char *text = with_quotes(graph), *editor = workflow ? with_quotes(workflow) : NULL;
    gp_comfy_file file = {path, editor, editor ? strlen(editor) : 0};
    assert_ok(gp_meta_comfy(text, strlen(text), &file, &meta, &err));
    assert_true(meta.found);
    gp_mem_free(editor);
    gp_mem_free(text);
    return meta;
}

static void check(const char *what, const variant *variants, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        gp_meta meta = read_variant(variants[i].graph, variants[i].path, NULL);
        bool same = strcmp(or_none(meta.prompt), or_none(variants[i].prompt)) == 0;
        if (!same || (int)meta.evidence != variants[i].evidence) {
            print_error("%s %zu: '%s' (%s) instead of '%s' (%s): %s\n", what, i, or_none(meta.prompt),
                        gp_evidence_name(meta.evidence), or_none(variants[i].prompt),
                        gp_evidence_name((gp_evidence)variants[i].evidence), meta.where);
            wrong++;
        }
        gp_meta_clear(&meta);
    }
    assert_int_equal(wrong, 0);
}
#define CHECK(variants) check(#variants, variants, sizeof(variants) / sizeof *(variants))

#endif
