/* SPDX-License-Identifier: MIT
 * Makes categories from the labels that the user gave. A label that occurs in the prompt is used. For an image whose
 * prompt has no label, the label with the nearest text embedding is used, if there is a model. */
#include "stage/analyze_stage.h"

#include "base/mem.h"
#include "base/str.h"
#include "encode/embed.h"
#include "pick/label_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Neutral texts. An image that is nearer to a neutral text than to every label becomes "other". The nearest neutral
 * text decides, not the mean of their embeddings, because the text that a model treats as neutral depends on the kind
 * of image. */
static const char *const neutral_texts[] = {"", "a photo", "a picture", "a drawing"};
enum { NEUTRALS = sizeof neutral_texts / sizeof *neutral_texts };
static const char other_name[] = "other";

/* Averages the embeddings of a few wordings of each label, because models were not trained on single words. Then
 * appends the embeddings of the neutral texts. The caller owns *out [count + NEUTRALS, d]. */
static gp_status embed_labels(const gp_analysis_run *r, const gp_label_words *l, float **out, gp_error *err)
{
    static const char *const wordings[] = {"", "a photo of ", "a picture of "};
    enum { WORDINGS = sizeof wordings / sizeof *wordings };
    const gp_encode_options encode = {.threads = r->options->threads};
    size_t count = l->count * WORDINGS, d = r->m.dims;
    char **texts = gp_mem_zero(count, sizeof *texts);
    float *vectors = NULL; /* [count * WORDINGS, d] embeddings of the wordings, later [count, d] their means */
    gp_status st = texts ? GP_OK : gp_fail_memory(err, "the categories");
    for (size_t i = 0; st == GP_OK && i < count; i++) {
        gp_str s = GP_STR_INIT;
        gp_str_puts(&s, wordings[i % WORDINGS]);
        gp_str_puts(&s, l->words[i / WORDINGS]);
        texts[i] = gp_str_take(&s);
        if (!texts[i]) st = gp_fail_memory(err, "the categories");
    }
    if (st == GP_OK) st = gp_alloc((void **)&vectors, (count + NEUTRALS) * d, sizeof *vectors, "categories", err);
    if (st == GP_OK)
        st = gp_embed_run_texts(r->encoder, (const char *const *)texts, count, &encode, vectors, NULL, NULL, err);
    for (size_t i = 0; st == GP_OK && i < l->count; i++) {
        double norm = 0;
        for (size_t j = 0; j < d; j++) {
            float sum = 0;
            for (size_t w = 0; w < WORDINGS; w++) sum += vectors[(i * WORDINGS + w) * d + j];
            vectors[i * d + j] = sum;
            norm += (double)sum * (double)sum;
        }
        for (size_t j = 0; norm > 0 && j < d; j++) vectors[i * d + j] = (float)(vectors[i * d + j] / sqrt(norm));
    }
    if (st == GP_OK)
        st = gp_embed_run_texts(r->encoder, neutral_texts, NEUTRALS, &encode, vectors + l->count * d, NULL, NULL, err);
    for (size_t i = 0; texts && i < count; i++) gp_mem_free(texts[i]);
    gp_mem_free(texts);
    if (st == GP_OK)
        *out = vectors;
    else
        gp_mem_free(vectors);
    return st;
}

/* Assigns the nearest label, or "other", to images without a label. *others: number of images that became "other". */
static gp_status label_by_embedding(const gp_analysis_run *r, const gp_label_words *l, const char **chosen,
                                    size_t *others, gp_error *err)
{
    gp_categories seen = {0};
    float *vectors = NULL;
    const char **names = NULL; /* [count + NEUTRALS] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(embed_labels(r, l, &vectors, err));
    GP_TRY_GOTO(gp_alloc((void **)&names, l->count + NEUTRALS, sizeof *names, "categories", err));
    for (size_t k = 0; k < l->count + NEUTRALS; k++) names[k] = k < l->count ? l->names[k] : other_name;
    GP_TRY_GOTO(
        gp_categories_from_labels(r->m.vectors, r->m.n, r->m.dims, vectors, names, l->count + NEUTRALS, &seen, err));
    for (size_t i = 0; i < r->m.n; i++) {
        if (chosen[i] || seen.category[i] < 0) continue;
        chosen[i] = names[seen.category[i]];
        *others += chosen[i] == other_name;
    }
out:
    gp_categories_clear(&seen);
    gp_mem_free(names);
    gp_mem_free(vectors);
    return st;
}

/* Sets the note about images that match no label. */
static void note_unlabelled(gp_analysis_run *r, size_t silent, size_t others)
{
    char text[200] = "";
    if (silent && !r->encoder)
        snprintf(text, sizeof text,
                 "the prompts of %zu %s none of your categories, so %s no category; with --model, goldpan compares the "
                 "images themselves",
                 silent, gp_plural(silent, "image name", "images name"), gp_plural(silent, "it gets", "they get"));
    else if (others)
        snprintf(text, sizeof text, "%zu %s none of your categories and %s in '%s'", others,
                 gp_plural(others, "image fits", "images fit"), gp_plural(others, "is", "are"), other_name);
    if (*text) gp_analysis_note(r, text);
}

gp_status gp_analysis_label(gp_analysis_run *r, gp_error *err)
{
    gp_label_words l = {0};
    const char **chosen = NULL; /* [n] */
    size_t silent = 0, others = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_label_words_read(r->options->category_labels, r->options->category_label_count, &l, err));
    GP_TRY_GOTO(gp_alloc((void **)&chosen, r->m.n, sizeof *chosen, "categories", err));
    for (size_t i = 0; i < r->m.n; i++) {
        chosen[i] = gp_label_words_match(&l, r->m.texts[i]);
        silent += !chosen[i];
    }
    if (silent && r->encoder) GP_TRY_GOTO(label_by_embedding(r, &l, chosen, &others, err));
    note_unlabelled(r, silent, others);
    GP_TRY_GOTO(gp_categories_from_words(chosen, r->m.n, "your words", &r->categories, err));
out:
    gp_mem_free(chosen);
    gp_label_words_clear(&l);
    return st;
}
