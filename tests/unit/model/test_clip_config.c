/* SPDX-License-Identifier: MIT
 * config.json: defaults, priority of fields, and rejected values. */
#include "../../support.h"

#include "model/config.h"

static gp_status parse(const char *json, gp_clip_config *c, gp_error *err)
{
    gp_json *root = NULL;
    gp_status st = gp_encoder_parse_config(json, strlen(json), "config.json", &root, err);
    if (st == GP_OK) st = gp_clip_config_read(root, "config.json", c, err);
    gp_json_free(root);
    return st;
}

static void test_defaults(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_clip_config c;
    assert_ok(
        parse("{\"model_type\": \"clip\", \"text_config\": null, \"vision_config_dict\": null, \"x\": NaN}", &c, &err));
    assert_true(c.has_image && c.has_text);
    assert_int_equal(c.embedding, 512);
    assert_int_equal(c.image.width, 768);
    assert_int_equal(c.image.mlp, 3072);
    assert_int_equal(c.image.layers, 12);
    assert_int_equal(c.image.heads, 12);
    assert_int_equal(c.side, 224);
    assert_int_equal(c.patch, 32);
    assert_int_equal(c.text.width, 512);
    assert_int_equal(c.text.mlp, 2048);
    assert_int_equal(c.text.layers, 12);
    assert_int_equal(c.text.heads, 8);
    assert_int_equal(c.vocabulary, 49408);
    assert_int_equal(c.context, 77);
    assert_int_equal(c.eos, 49407);
    assert_int_equal(c.image.activation, GP_QUICK_GELU);
    assert_true(c.text.eps == 1e-5f);
    assert_int_equal(gp_clip_image_tokens(&c), 50);
}

/* The expected numbers are counted by hand, for matrix products only.  Patches: 49 * 3072 * 768.  A layer: 50 * 12 *
 * 768^2 + 2 * 50^2 * 768.  Projection: 768 * 512.  goldpan runs the last layer for one row only: 12 * 768^2 + 2 * 50 *
 * 12 * 768. */
static void test_flop(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_clip_config c;
    /* without model_type, goldpan uses the field `architectures` */
    assert_ok(parse("{\"architectures\": [\"CLIPModel\"]}", &c, &err));
    assert_ok(parse("{\"model_type\": \"clip\"}", &c, &err));
    assert_true(gp_clip_image_flop(&c, false) == 2.0 * (115605504 + 12 * 357734400.0 + 393216));
    assert_true(gp_clip_image_flop(&c, true) == 2.0 * (115605504 + 11 * 357734400.0 + 7999488 + 393216));
    c.has_image = false;
    assert_true(gp_clip_image_flop(&c, false) == 0);
}

static void test_which_wins(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_clip_config c;
    assert_ok(parse("{\"model_type\": \"clip\", \"projection_dim\": 64,"
                    "\"text_config\": {\"hidden_size\": 32, \"num_attention_heads\": 4, \"eos_token_id\": 2, "
                    "\"projection_dim\": 99,"
                    " \"hidden_act\": \"gelu\", \"layer_norm_eps\": 0.5},"
                    "\"text_config_dict\": {\"hidden_size\": 64},"
                    "\"vision_config\": {\"hidden_size\": 96, \"hidden_act\": \"gelu\", \"layer_norm_eps\": 1e-6, "
                    "\"patch_size\": 14,"
                    " \"image_size\": 224.0}}",
                    &c, &err));
    assert_int_equal(c.embedding, 64);
    assert_int_equal(c.text.width, 64);
    assert_int_equal(c.text.heads, 8);                  /* the value is the default, not the 4 in text_config */
    assert_int_equal(c.eos, 49407);                     /* the default, not 2 */
    assert_int_equal(c.text.activation, GP_QUICK_GELU); /* the default */
    assert_true(c.text.eps == 1e-5f);
    assert_int_equal(c.image.width, 96);
    assert_int_equal(c.image.activation, GP_GELU);
    assert_true(c.image.eps == 1e-6f);
    assert_int_equal(gp_clip_image_tokens(&c), 257);
}

static void test_towers_alone(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_clip_config c;
    assert_ok(parse("{\"model_type\": \"clip_vision_model\", \"projection_dim\": 40, \"hidden_size\": 64, "
                    "\"num_attention_heads\": 4}",
                    &c, &err));
    assert_true(c.has_image && !c.has_text);
    assert_int_equal(c.embedding, 40);
    assert_int_equal(c.image.width, 64);
    assert_ok(parse("{\"model_type\": \"clip_text_model\", \"vocab_size\": 600, \"eos_token_id\": 5}", &c, &err));
    assert_true(!c.has_image && c.has_text);
    assert_int_equal(c.vocabulary, 600);
    assert_int_equal(c.eos, 5);
    assert_int_equal(c.embedding, 512);
}

#define V(x) "{\"model_type\":\"clip\",\"vision_config\":{" x "}}"
#define X(x) "{\"model_type\":\"clip\",\"text_config\":{" x "}}"
static const struct {
    const char *json;
    gp_status status;
    const char *says;
} wrong[] = {
    {"{\"model_type\":\"siglip\"}", GP_ERR_UNSUPPORTED, "not the config of a CLIP model"},
    {"{\"model_type\":\"siglip\",\"architectures\":[\"CLIPModel\"]}", GP_ERR_UNSUPPORTED, "not the config of a CLIP"},
    {"{\"model_type\":7}", GP_ERR_UNSUPPORTED, "not the config of a CLIP model"},
    {"[]", GP_ERR_FORMAT, "not a JSON object"},
    {"{", GP_ERR_FORMAT, "config.json"},
    {"", GP_ERR_FORMAT, "config.json"},
    {"{\"model_type\":\"clip\",\"text_config\":[]}", GP_ERR_FORMAT, "text_config. must be an object"},
    {"{\"model_type\":\"clip\",\"projection_dim\":0}", GP_ERR_FORMAT, "projection_dim must not be 0"},
    {"{\"model_type\":\"clip\",\"projection_dim\":1000000}", GP_ERR_LIMIT, "projection_dim is 1000000"},
    {V("\"hidden_size\":\"768\""), GP_ERR_FORMAT, "vision_config.hidden_size must be a whole number"},
    {V("\"hidden_size\":-768"), GP_ERR_FORMAT, "vision_config.hidden_size"},
    {V("\"hidden_size\":768.5"), GP_ERR_FORMAT, "vision_config.hidden_size"},
    {V("\"hidden_size\":100"), GP_ERR_FORMAT, "hidden_size 100 is not a multiple of num_attention_heads 12"},
    {V("\"hidden_size\":4294967296"), GP_ERR_LIMIT, "vision_config.hidden_size"},
    {V("\"num_hidden_layers\":0"), GP_ERR_FORMAT, "vision_config.num_hidden_layers must not be 0"},
    {V("\"num_hidden_layers\":100000"), GP_ERR_LIMIT, "num_hidden_layers"},
    {V("\"num_attention_heads\":0"), GP_ERR_FORMAT, "num_attention_heads must not be 0"},
    {V("\"patch_size\":0"), GP_ERR_FORMAT, "patch_size must not be 0"},
    {V("\"patch_size\":225"), GP_ERR_FORMAT, "patch_size 225 is larger than image_size 224"},
    {V("\"patch_size\":1,\"image_size\":2048"), GP_ERR_LIMIT, "tokens"},
    {V("\"image_size\":1000000"), GP_ERR_LIMIT, "image_size"},
    {V("\"image_size\":[224,224]"), GP_ERR_FORMAT, "image_size"},
    {V("\"num_channels\":4"), GP_ERR_UNSUPPORTED, "num_channels is 4"},
    {V("\"hidden_act\":\"gelu_pytorch_tanh\""), GP_ERR_UNSUPPORTED, "vision_config.hidden_act is 'gelu_pytorch_tanh'"},
    {X("\"hidden_act\":1"), GP_ERR_FORMAT, "text_config.hidden_act must be a string"},
    {X("\"layer_norm_eps\":-1"), GP_ERR_FORMAT, "text_config.layer_norm_eps"},
    {X("\"layer_norm_eps\":NaN"), GP_ERR_FORMAT, "text_config.layer_norm_eps"},
    {X("\"vocab_size\":0"), GP_ERR_FORMAT, "vocab_size must not be 0"},
    {X("\"max_position_embeddings\":100000"), GP_ERR_LIMIT, "max_position_embeddings"},
    {X("\"eos_token_id\":-2"), GP_ERR_FORMAT, "eos_token_id"},
    {X("\"eos_token_id\":[1,2]"), GP_ERR_FORMAT, "eos_token_id"},
    {"{\"model_type\":\"clip\",\"text_config_dict\":{\"num_hidden_layers\":0}}", GP_ERR_FORMAT,
     "text_config_dict.num_hidden_layers"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gp_error err = {0};
        gp_clip_config c;
        gp_status st = parse(wrong[i].json, &c, &err);
        if (st != wrong[i].status || !strstr(err.message, wrong[i].says))
            fail_msg("%s: status %d, says \"%s\"", wrong[i].json, st, err.message);
        assert_non_null(strstr(err.message, "'config.json'"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_which_wins),
                                       cmocka_unit_test(test_towers_alone), cmocka_unit_test(test_refuses),
                                       cmocka_unit_test(test_flop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
