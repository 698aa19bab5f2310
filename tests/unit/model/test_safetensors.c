/* SPDX-License-Identifier: MIT
 * safetensors files made by hand: valid files are read, and inconsistent files are rejected with the tensor's name. */
#include "../../recipe.h"
#include "../../support.h"

#include "base/mem.h"
#include "model/safetensors.h"

#include <unistd.h>

#define A4       "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define T(range) "{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[" range "]}"

/* Makes a file in memory: length, header, and `bytes` bytes of data with ascending values.  The caller frees it. */
static uint8_t *file_of(const char *header, size_t bytes, size_t *size)
{
    size_t n = strlen(header);
    uint8_t *data = malloc(8 + n + bytes);
    for (size_t i = 0; i < 8; i++) data[i] = (uint8_t)(n >> (8 * i));
    memcpy(data + 8, header, n);
    for (size_t i = 0; i < bytes; i++) data[8 + n + i] = (uint8_t)i;
    *size = 8 + n + bytes;
    return data;
}

static gp_status open_text(const char *header, size_t bytes, gp_tensors **out, uint8_t **data, gp_error *err)
{
    size_t size;
    *data = file_of(header, bytes, &size);
    return gp_tensors_open_memory(*data, size, "x.safetensors", out, err);
}

static void test_reads(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_tensors *set;
    uint8_t *data;
    assert_ok(open_text(
        "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[16,22]}," A4
        ",\"s\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[22,24]}}   ",
        24, &set, &data, &err));
    assert_int_equal(gp_tensors_count(set), 3);
    const gp_tensor *a = gp_tensors_find(set, "a"), *b = gp_tensors_at(set, 1), *s = gp_tensors_find(set, "s");
    assert_ptr_equal(a, gp_tensors_at(set, 0));
    assert_string_equal(a->dtype, "F32");
    assert_int_equal(a->dims, 2);
    assert_int_equal(a->shape[0] * 10 + a->shape[1], 22);
    assert_int_equal(a->bytes, 16);
    uint8_t part[4] = {0};
    assert_ok(gp_tensors_read(set, a, 4, part, 4, &err));
    assert_int_equal(part[1], 5);
    assert_string_equal(b->name, "b");
    assert_ok(gp_tensors_read(set, b, 0, part, 1, &err));
    assert_int_equal(part[0], 16);
    assert_string_equal(b->file, "x.safetensors");
    assert_int_equal(s->dims, 0);
    assert_int_equal(s->bytes, 2);
    assert_null(gp_tensors_find(set, "c"));
    assert_null(gp_tensors_at(set, 3));
    gp_tensors_close(set);
    free(data);
}

/* All types of the format are accepted; whether goldpan can compute with them is checked later. */
static void test_reads_other_kinds(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{}",
        "{\"__metadata__\":{}}",
        "{\"i\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[0,16]}}",
        "{\"i\":{\"dtype\":\"BOOL\",\"shape\":[16],\"data_offsets\":[0,16]}}",
        "{\"i\":{\"dtype\":\"F8_E4M3\",\"shape\":[4,4],\"data_offsets\":[0,16]}}",
        "{\"i\":{\"dtype\":\"F4\",\"shape\":[32],\"data_offsets\":[0,16]}}",
        "{\"i\":{\"dtype\":\"C64\",\"shape\":[2],\"data_offsets\":[0,16],\"more\":1}}",
        "{\"z\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[16,16]}," A4 "}",
        "{\"z\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}," A4 "}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        gp_error err = {0};
        gp_tensors *set;
        uint8_t *data;
        assert_ok(open_text(headers[i], i < 2 ? 0 : 16, &set, &data, &err));
        gp_tensors_close(set);
        free(data);
    }
}

static const struct {
    const char *header;
    size_t bytes;
    const char *says; /* part of the message */
} wrong[] = {
    /* ranges */
    {"{" A4 "}", 12, "tensor 'a' is at bytes 0 to 16, but the file has 12 bytes"},
    {"{\"a\":" T("0,18446744073709551615") "}", 16, "tensor 'a' is at"},
    {"{\"a\":" T("18446744073709551600,18446744073709551615") "}", 16, "tensor 'a' is at"},
    {"{\"a\":" T("16,0") "}", 16, "tensor 'a' is at bytes 16 to 0"},
    {"{\"a\":" T("0,15") "}", 16, "tensor 'a' has 15 bytes, but its shape needs 16"},
    {"{\"a\":" T("-1,15") "}", 16, "tensor 'a' has no data_offsets"},
    {"{\"a\":" T("0,16,32") "}", 16, "tensor 'a' has no data_offsets"},
    {"{\"a\":" T("\"0\",16") "}", 16, "tensor 'a' has no data_offsets"},
    {"{\"a\":" T("0.5,16.5") "}", 16, "tensor 'a' has no data_offsets"},
    /* overlap, gap, rest */
    {"{\"a\":" T("0,16") ",\"b\":" T("0,16") "}", 16, "tensor 'b' overlaps tensor 'a'"},
    {"{\"a\":" T("0,16") ",\"b\":" T("12,28") "}", 28, "tensor 'b' overlaps tensor 'a'"},
    {"{\"a\":" T("0,16") ",\"b\":" T("20,36") "}", 36, "4 bytes before tensor 'b' belong to no tensor"},
    {"{\"a\":" T("4,20") "}", 20, "4 bytes before tensor 'a'"},
    {"{" A4 "}", 17, "1 bytes at the end belong to no tensor"},
    {"{}", 1, "1 bytes at the end"},
    /* shapes */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "shape of tensor 'a' has too many elements"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     "shape of tensor 'a' has too many elements"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", 16, "the shape of tensor 'a' must be"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551616],\"data_offsets\":[0,16]}}", 16,
     "the shape of tensor 'a'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,16]}}", 16,
     "tensor 'a' has 9 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", 16, "tensor 'a' has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[4]],\"data_offsets\":[0,16]}}", 16, "the shape of tensor 'a'"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1,
     "the size of tensor 'a' is not a whole number of bytes"},
    /* entries */
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "tensor 'a' has no dtype"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "the dtype of tensor 'a' is unknown"},
    {"{\"a\":[]}", 0, "entry of tensor 'a' must be an object"},
    {"{\"\":" T("0,16") "}", 16, "name is empty"},
    {"{\"a\\u001b[2J\":" T("0,16") "}", 16, "not printable"},
    {"{\"a\\u0000\":" T("0,16") "}", 16, "NUL"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__"},
    {"{\"__metadata__\":[]}", 0, "__metadata__"},
    {"{\"__metadata__\":{\"a\":{\"b\":{\"c\":{}}}}}", 0, "nested too deeply"},
    /* JSON */
    {"{" A4 "," A4 "}", 16, "header"},
    {"{" A4 ",}", 16, "header"},
    {"{" A4 "} x", 16, "header"},
    {"{'a':1}", 0, "header"},
    {"{\"a\":NaN}", 0, "header"},
    {" {}", 0, "not a JSON object"},
    {"[]", 0, "not a JSON object"},
    {"", 0, "not a JSON object"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gp_error err = {0};
        gp_tensors *set = NULL;
        uint8_t *data;
        gp_status st = open_text(wrong[i].header, wrong[i].bytes, &set, &data, &err);
        if (st != GP_ERR_FORMAT || err.status != GP_ERR_FORMAT)
            fail_msg("%s: status %d (%s)", wrong[i].header, st, err.message);
        if (!strstr(err.message, wrong[i].says) || !strstr(err.message, "'x.safetensors'"))
            fail_msg("%s: says \"%s\", not \"%s\"", wrong[i].header, err.message, wrong[i].says);
        assert_null(set);
        free(data);
    }
}

/* Tests a header with a wrong length, and truncated files. */
static void test_refuses_lengths(void **state)
{
    (void)state;
    uint8_t data[40] = {0};
    for (size_t size = 0; size < 8; size++) {
        gp_error err = {0};
        gp_tensors *set = NULL;
        assert_int_equal(gp_tensors_open_memory(data, size, "f", &set, &err), GP_ERR_FORMAT);
        assert_non_null(strstr(err.message, "too short"));
    }
    static const struct {
        uint64_t length;
        const char *says;
    } cases[] = {{33, "cut off"},
                 {100000000, "cut off"},
                 {100000001, "not a safetensors file"},
                 {UINT64_MAX, "not a safetensors file"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_error err = {0};
        gp_tensors *set = NULL;
        for (size_t k = 0; k < 8; k++) data[k] = (uint8_t)(cases[i].length >> (8 * k));
        data[8] = '{';
        assert_int_equal(gp_tensors_open_memory(data, sizeof data, "f", &set, &err), GP_ERR_FORMAT);
        assert_non_null(strstr(err.message, cases[i].says));
    }
}

/* Three million brackets are rejected by the limit on depth and do not overflow the stack. */
static void test_refuses_depth(void **state)
{
    (void)state;
    size_t n = 3000000;
    char *header = malloc(n + 30);
    strcpy(header, "{\"__metadata__\":");
    memset(header + 16, '[', n);
    header[16 + n] = 0;
    gp_error err = {0};
    gp_tensors *set;
    uint8_t *data;
    assert_int_equal(open_text(header, 0, &set, &data, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "nested too deeply"));
    free(data), free(header);
}

static const struct {
    const char *index;
    gp_status status;
    const char *says;
} indexes[] = {
    {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}", GP_ERR_FORMAT,
     "the file of tensor 'a' must be a .safetensors or .bin file"},
    {"{\"weight_map\":{\"a\":\"/tmp/one.safetensors\"}}", GP_ERR_FORMAT, "tensor 'a'"},
    {"{\"weight_map\":{\"a\":\"..\"}}", GP_ERR_FORMAT, "tensor 'a'"},
    {"{\"weight_map\":{\"a\":\"sub/one.safetensors\"}}", GP_ERR_FORMAT, "tensor 'a'"},
    {"{\"weight_map\":{\"a\":\"\"}}", GP_ERR_FORMAT, "tensor 'a'"},
    {"{\"weight_map\":{\"a\":\"config.json\"}}", GP_ERR_FORMAT, "tensor 'a'"},
    {"{\"weight_map\":{\"a\":1}}", GP_ERR_FORMAT, "the file of tensor 'a' must be a string"},
    {"{\"weight_map\":{\"a\":\"two.safetensors\"}}", GP_ERR_NOT_FOUND, "two.safetensors' is missing"},
    {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}", GP_ERR_FORMAT, "tensor 'b' is not in"},
    {"{\"weight_map\":{}}", GP_ERR_FORMAT, "has no weight_map"},
    {"{}", GP_ERR_FORMAT, "has no weight_map"},
    {"[", GP_ERR_FORMAT, "model.safetensors.index.json"},
};

static void write_bytes(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static void test_index(void **state)
{
    (void)state;
    char *folder = recipe_folder_new();
    size_t size;
    uint8_t *data = file_of("{" A4 "}", 16, &size);
    gp_error err = {0};
    gp_tensors *set = NULL;
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(recipe_write_text(folder, "tf_model.h5", "x"), 0);
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "tf_model.h5"));
    assert_int_equal(recipe_write_text(folder, "pytorch_model.bin", "PK"), 0);
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "pytorch_model.bin' is not a PyTorch checkpoint"));
    write_bytes(folder, "one.safetensors", data, size);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        err = (gp_error){0};
        assert_int_equal(recipe_write_text(folder, "model.safetensors.index.json", indexes[i].index), 0);
        gp_status st = gp_tensors_open_folder(folder, &set, &err);
        if (st != indexes[i].status || !strstr(err.message, indexes[i].says))
            fail_msg("%s: status %d, says \"%s\"", indexes[i].index, st, err.message);
    }
    assert_int_equal(
        recipe_write_text(folder, "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"one.safetensors\"}}"), 0);
    assert_ok(gp_tensors_open_folder(folder, &set, &err));
    assert_int_equal(gp_tensors_count(set), 1);
    gp_tensors_close(set);
    free(data);
    recipe_folder_free(folder);
}

/* If another program shortens an open file, reading it fails; the program is not killed. */
static void test_cut_while_open(void **state)
{
    (void)state;
    char *folder = recipe_folder_new(), path[1400];
    size_t size;
    uint8_t *data = file_of("{" A4 "}", 16, &size), part[16];
    gp_error err = {0};
    gp_tensors *set = NULL;
    gp_hash hash;
    write_bytes(folder, "model.safetensors", data, size);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_ok(gp_tensors_open_folder(folder, &set, &err));
    assert_ok(gp_tensors_read(set, gp_tensors_at(set, 0), 0, part, 16, &err));
    assert_memory_equal(part, data + size - 16, 16);
    assert_int_equal(truncate(path, (off_t)size - 8), 0);
    assert_int_equal(gp_tensors_read(set, gp_tensors_at(set, 0), 0, part, 16, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "model.safetensors' became shorter while goldpan read it"));
    assert_int_equal(gp_tensors_hash(set, &hash, &err), GP_ERR_IO);
    gp_tensors_close(set);
    free(data);
    recipe_folder_free(folder);
}

static gp_hash hash_of(const char *header, size_t bytes, int flip)
{
    gp_error err = {0};
    size_t size;
    gp_tensors *set;
    gp_hash hash;
    uint8_t *data = file_of(header, bytes, &size);
    if (flip >= 0) data[size - 1 - (size_t)flip] ^= 1;
    assert_ok(gp_tensors_open_memory(data, size, "x", &set, &err));
    assert_ok(gp_tensors_hash(set, &hash, &err));
    gp_tensors_close(set);
    free(data);
    return hash;
}

/* The hash depends on the names, types, shapes and bytes of the tensors. It does not depend on the metadata, or on the
 * order of the tensors in the file. */
static void test_hash(void **state)
{
    (void)state;
    static const char first[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":"
                                "\"U8\",\"shape\":[0],\"data_offsets\":[4,4]}}";
    static const char second[] = "{\"__metadata__\":{\"k\":\"v\"},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
                                 "offsets\":[0,0]},\"a\":{\"data_offsets\":[0,4],\"shape\":[4],\"dtype\":\"U8\"}}";
    static const char *const other[] = {
        "{\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
        "offsets\":[4,4]}}",
        "{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
        "offsets\":[4,4]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
        "offsets\":[4,4]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4,1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
        "offsets\":[4,4]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0,1],\"data_"
        "offsets\":[4,4]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
    };
    gp_hash hash = hash_of(first, 4, -1), again = hash_of(second, 4, -1), flipped = hash_of(first, 4, 2);
    assert_memory_equal(&hash, &again, sizeof hash);
    assert_memory_not_equal(&hash, &flipped, sizeof hash);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        gp_hash h = hash_of(other[i], 4, -1);
        assert_memory_not_equal(&hash, &h, sizeof hash);
        for (size_t k = 0; k < i; k++) {
            gp_hash g = hash_of(other[k], 4, -1);
            assert_memory_not_equal(&g, &h, sizeof h);
        }
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = file_of("{" A4 "}", 16, &size);
    for (uint64_t n = 1;; n++) {
        gp_error err = {0};
        gp_tensors *set = NULL;
        gp_mem_fail_at(n);
        gp_status st = gp_tensors_open_memory(data, size, "x", &set, &err);
        gp_mem_fail_at(0);
        if (st == GP_OK) {
            assert_true(n > 3);
            gp_tensors_close(set);
            break;
        }
        assert_int_equal(st, GP_ERR_MEMORY);
        assert_null(set);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),          cmocka_unit_test(test_reads_other_kinds),
        cmocka_unit_test(test_refuses),        cmocka_unit_test(test_refuses_lengths),
        cmocka_unit_test(test_refuses_depth),  cmocka_unit_test(test_index),
        cmocka_unit_test(test_cut_while_open), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
