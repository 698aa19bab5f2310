/* SPDX-License-Identifier: MIT
 * A model with 248 positions instead of 77, as LongCLIP has: text embeddings of up to 248 tokens equal those of
 * transformers.  tests/golden/longclip: a small random model of transformers' own classes. */
#include "npy.h"
#include "support.h"

#include "model/encoder.h"

#include <math.h>

static void test_texts(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_encoder *encoder = NULL;
    gp_encoder_worker *worker = NULL;
    gp_model_facts facts = {0};
    npy ids = npy_load(source_path("tests/golden/longclip/ids.npy"));
    npy want = npy_load(source_path("tests/golden/longclip/text_embeds.npy"));
    const size_t n = ids.shape[0], length = ids.shape[1], d = want.shape[1];
    assert_ok(gp_encoder_open(source_path("tests/golden/longclip"), GP_PRECISION_FP32, GP_ENGINE_AUTO, &encoder, &err));
    gp_encoder_facts(encoder, &facts);
    assert_int_equal(facts.context, 248);
    assert_int_equal(length, 248);
    assert_int_equal(facts.embedding, d);
    assert_ok(gp_encoder_worker_new(encoder, 1, n * length, &worker, &err));
    int32_t *list = malloc(n * length * sizeof *list);
    size_t *counts = malloc(n * sizeof *counts);
    float *out = malloc(n * d * sizeof *out);
    for (size_t i = 0; i < n; i++) counts[i] = length;
    for (size_t i = 0; i < n * length; i++) list[i] = ((const int32_t *)ids.data)[i];
    for (size_t i = 0; i < n; i++) counts[i] = gp_encoder_tokens_used(encoder, list + i * length, length);
    size_t longest = 0, at = 0;
    for (size_t i = 0; i < n; i++) { /* the ids of one text after another, without padding */
        memmove(list + at, list + i * length, counts[i] * sizeof *list);
        at += counts[i];
        longest = counts[i] > longest ? counts[i] : longest;
    }
    assert_true(longest > 77);
    assert_ok(gp_encoder_run_texts(worker, list, counts, n, out, &err));
    for (size_t i = 0; i < n * d; i++) {
        double expected = (double)((const float *)want.data)[i];
        if (fabs((double)out[i] - expected) > 1e-4) fail_msg("number %zu is %g, not %g", i, (double)out[i], expected);
    }
    free(out);
    free(counts);
    free(list);
    npy_free(&want);
    npy_free(&ids);
    gp_encoder_worker_free(worker);
    gp_encoder_close(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
