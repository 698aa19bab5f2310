/* SPDX-License-Identifier: MIT
 * Parses messages of ComfyUI's WebSocket, including malformed ones. */
#include "support.h"

#include "generate/comfy_socket.h"

#include <math.h>
#include <string.h>

#define ID   "11111111-2222-3333-4444-555555555555"
#define OURS "\"prompt_id\":\"" ID "\""

static gp_comfy_said read_it(const char *text, double *share)
{
    *share = NAN;
    return gp_comfy_read_message(text, strlen(text), ID, share);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        gp_comfy_said said;
    } cases[] = {
        {"{\"type\":\"execution_success\",\"data\":{" OURS ",\"timestamp\":1}}", GP_COMFY_ENDING},
        {"{\"type\":\"execution_error\",\"data\":{" OURS ",\"node_id\":\"3\"}}", GP_COMFY_ENDING},
        {"{\"type\":\"execution_interrupted\",\"data\":{" OURS "}}", GP_COMFY_ENDING},
        {"{\"type\":\"executing\",\"data\":{\"node\":null," OURS "}}", GP_COMFY_ENDED},
        {"{\"type\":\"executing\",\"data\":{\"node\":\"3\"," OURS "}}", GP_COMFY_OURS},
        {"{\"type\":\"execution_start\",\"data\":{" OURS "}}", GP_COMFY_OURS},
        {"{\"type\":\"executed\",\"data\":{\"node\":\"9\",\"output\":{\"x\":[NaN]}," OURS "}}", GP_COMFY_OURS},
        /* messages about other jobs, or about no job */
        {"{\"type\":\"executing\",\"data\":{\"node\":null,\"prompt_id\":\"another\"}}", GP_COMFY_OTHER},
        {"{\"type\":\"executing\",\"data\":{\"node\":null}}", GP_COMFY_OTHER},
        {"{\"type\":\"status\",\"data\":{\"status\":{\"exec_info\":{\"queue_remaining\":1}}}}", GP_COMFY_OTHER},
        /* values of a wrong type */
        {"{\"type\":7,\"data\":{" OURS "}}", GP_COMFY_JUNK},
        {"{\"type\":\"executing\",\"data\":{\"node\":null,\"prompt_id\":null}}", GP_COMFY_OTHER},
        {"{\"type\":\"executing\",\"data\":{\"node\":null,\"prompt_id\":[\"" ID "\"]}}", GP_COMFY_OTHER},
        {"{\"type\":\"executing\",\"data\":\"" ID "\"}", GP_COMFY_JUNK},
        {"{\"type\":\"executing\"}", GP_COMFY_JUNK},
        {"[\"executing\",{" OURS "}]", GP_COMFY_JUNK},
        {"null", GP_COMFY_JUNK},
        {"", GP_COMFY_JUNK},
        {"{\"type\":\"executing\",\"data\":{\"node\":null," OURS "}", GP_COMFY_JUNK},
        {"\xff\xfe{}", GP_COMFY_JUNK},
    };
    double share;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_it(cases[i].text, &share), cases[i].said);
        assert_true(isnan(share));
    }
}

static void test_steps(void **state)
{
    double share;
    (void)state;
    assert_int_equal(read_it("{\"type\":\"progress\",\"data\":{\"value\":5,\"max\":20," OURS "}}", &share),
                     GP_COMFY_STEPS);
    assert_true(share == 0.25);
    assert_int_equal(read_it("{\"type\":\"progress\",\"data\":{\"value\":1e300,\"max\":2," OURS "}}", &share),
                     GP_COMFY_STEPS);
    assert_true(share == 1);
    static const char *const wrong[] = {
        "{\"type\":\"progress\",\"data\":{\"value\":1,\"max\":0," OURS "}}",
        "{\"type\":\"progress\",\"data\":{\"value\":-1,\"max\":2," OURS "}}",
        "{\"type\":\"progress\",\"data\":{\"value\":NaN,\"max\":2," OURS "}}",
        "{\"type\":\"progress\",\"data\":{\"value\":1,\"max\":NaN," OURS "}}",
        "{\"type\":\"progress\",\"data\":{\"value\":1,\"max\":Infinity," OURS "}}",
        "{\"type\":\"progress\",\"data\":{\"value\":\"1\",\"max\":\"2\"," OURS "}}",
        "{\"type\":\"progress\",\"data\":{" OURS "}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_it(wrong[i], &share), GP_COMFY_OURS);
        assert_true(isnan(share));
    }
    assert_int_equal(read_it("{\"type\":\"progress\",\"data\":{\"value\":1,\"max\":2,\"prompt_id\":\"x\"}}", &share),
                     GP_COMFY_OTHER);
}

/* Tests truncated messages, and messages with deep nesting. */
static void test_broken(void **state)
{
    static const char whole[] = "{\"type\":\"executing\",\"data\":{\"node\":null," OURS "}}";
    double share;
    (void)state;
    for (size_t size = 0; size + 1 < sizeof whole - 1; size++)
        assert_int_equal(gp_comfy_read_message(whole, size, ID, &share), GP_COMFY_JUNK);
    char deep[60000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(gp_comfy_read_message(deep, sizeof deep, ID, &share), GP_COMFY_JUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
