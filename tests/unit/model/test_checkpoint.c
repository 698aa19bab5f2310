/* SPDX-License-Identifier: MIT
 * Checkpoints of PyTorch.  tests/golden/pickles has one state dict in seven forms, written by PyTorch, and hostile
 * files.  Each form gives the same tensors; each hostile file is rejected in one line, quickly, and without effect. */
#include "../../recipe.h"
#include "../../support.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/safetensors.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

static const char *const forms[] = {"zip.bin",    "zip-dict.bin", "zip-protocol3.bin", "zip-protocol4.bin",
                                    "legacy.bin", "module.bin",   "checkpoint.pt"};
enum { FORMS = sizeof forms / sizeof *forms };

static const char *pickle_path(const char *name)
{
    char relative[400];
    snprintf(relative, sizeof relative, "tests/golden/pickles/%s", name);
    return source_path(relative);
}

static gp_json *golden(void)
{
    gp_error err = {0};
    gp_bytes text = {0};
    gp_json *root = NULL;
    assert_ok(gp_file_read(pickle_path("golden.json"), 1 << 20, &text, &err));
    assert_ok(gp_json_parse((const char *)text.data, text.size, false, 0, &root, &err));
    gp_bytes_clear(&text);
    return root;
}

typedef struct comparison {
    const gp_tensors *set;
    const char *form;
    size_t compared, copied;
} comparison;

static bool compare(void *user, const char *name, const gp_json *want)
{
    static const char *const kinds[][2] = {
        {"float32", "F32"}, {"float16", "F16"}, {"bfloat16", "BF16"}, {"float64", "F64"}, {"int64", "I64"},
        {"int32", "I32"},   {"int16", "I16"},   {"int8", "I8"},       {"uint8", "U8"},    {"bool", "BOOL"}};
    comparison *c = user;
    gp_error err = {0};
    const gp_tensor *t = gp_tensors_find(c->set, name);
    if (!t) fail_msg("%s has no tensor %s", c->form, name);
    const char *dtype = gp_json_text(gp_json_get(want, "dtype"), NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i][0], dtype) == 0) assert_string_equal(t->dtype, kinds[i][1]);
    const gp_json *shape = gp_json_get(want, "shape");
    assert_int_equal(t->dims, gp_json_count(shape));
    for (size_t i = 0; i < t->dims; i++) {
        uint64_t n = 0;
        assert_true(gp_json_u64(gp_json_at(shape, i), &n));
        assert_int_equal(t->shape[i], n);
    }
    uint8_t *bytes = malloc(t->bytes + 1);
    assert_ok(gp_tensors_read(c->set, t, 0, bytes, t->bytes, &err));
    unsigned long sum = t->bytes ? crc32_z(0, bytes, t->bytes) : 0;
    if (sum != strtoul(gp_json_text(gp_json_get(want, "crc32_of_contiguous_bytes"), NULL), NULL, 16))
        fail_msg("%s: the bytes of %s differ", c->form, name);
    free(bytes);
    c->compared++;
    c->copied += t->copy != NULL;
    return true;
}

static void compare_all(const gp_json *root, const gp_tensors *set, const char *form)
{
    comparison c = {set, form, 0, 0};
    gp_json_each(gp_json_get(root, "tensors"), compare, &c);
    assert_int_equal(c.compared, gp_tensors_count(set));
    assert_true(c.compared > 12);
    assert_true(c.copied >= 1); /* the transposed one */
}

/* Writes the tensors of a set as safetensors.  The caller frees the bytes. */
static uint8_t *as_safetensors(const gp_tensors *set, size_t *size)
{
    gp_error err = {0};
    gp_str head = GP_STR_INIT;
    size_t at = 0;
    for (size_t i = 0; i < gp_tensors_count(set); i++) {
        const gp_tensor *t = gp_tensors_at(set, i);
        gp_str_printf(&head, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "{", t->name, t->dtype);
        for (size_t k = 0; k < t->dims; k++)
            gp_str_printf(&head, "%s%llu", k ? "," : "", (unsigned long long)t->shape[k]);
        gp_str_printf(&head, "],\"data_offsets\":[%zu,%zu]}", at, at + t->bytes);
        at += t->bytes;
    }
    gp_str_puts(&head, "}");
    *size = 8 + head.size + at;
    uint8_t *out = calloc(*size, 1);
    for (size_t i = 0; i < 8; i++) out[i] = (uint8_t)(head.size >> (8 * i));
    memcpy(out + 8, head.data, head.size);
    at = 8 + head.size;
    for (size_t i = 0; i < gp_tensors_count(set); i++) {
        const gp_tensor *t = gp_tensors_at(set, i);
        assert_ok(gp_tensors_read(set, t, 0, out + at, t->bytes, &err));
        at += t->bytes;
    }
    gp_str_clear(&head);
    return out;
}

/* Every form has the same tensors, from the disk and from memory, and the hash of a safetensors file with them. */
static void test_forms(void **state)
{
    (void)state;
    gp_json *root = golden();
    gp_hash first = {0};
    for (size_t i = 0; i < FORMS; i++) {
        gp_error err = {0};
        gp_tensors *set = NULL, *same = NULL;
        gp_bytes bytes = {0};
        gp_hash hash, other;
        size_t size = 0;
        assert_ok(gp_tensors_open_file(pickle_path(forms[i]), &set, &err));
        compare_all(root, set, forms[i]);
        assert_ok(gp_tensors_hash(set, &hash, &err));
        if (i == 0) first = hash;
        assert_memory_equal(&hash, &first, sizeof hash);

        uint8_t *twin = as_safetensors(set, &size);
        assert_ok(gp_tensors_open_memory(twin, size, "twin.safetensors", &same, &err));
        assert_ok(gp_tensors_hash(same, &other, &err));
        assert_memory_equal(&hash, &other, sizeof hash);
        gp_tensors_close(same);
        /* the content decides, not the name */
        assert_ok(gp_tensors_open_memory(twin, size, "twin.bin", &same, &err));
        gp_tensors_close(same);
        free(twin);
        gp_tensors_close(set);

        assert_ok(gp_file_read(pickle_path(forms[i]), 1 << 20, &bytes, &err));
        assert_ok(gp_tensors_open_memory(bytes.data, bytes.size, "x.pt", &set, &err));
        compare_all(root, set, forms[i]);
        gp_tensors_close(set);
        gp_bytes_clear(&bytes);
    }
    gp_json_free(root);
}

/* Texts that the messages of some hostile files must contain. */
static const struct {
    const char *file, *says;
} messages[] = {
    {"os-system.bin", "wants to call '"},
    {"eval.bin", "eval"},
    {"getattr.bin", "getattr"},
    {"stack-global.bin", "wants to call '"},
    {"deflated.bin", "packed or encrypted"},
    {"storage-long.bin", "another size"},
    {"storage-short.bin", "another size"},
    {"storage-missing.bin", "lacks the bytes"},
    {"offset-lies.bin", "outside the file"},
    {"stride-lies.bin", "larger than its storage"},
    {"setitem-on-tuple.bin", "not a dict"},
    {"setitems-on-int.bin", "not a dict"},
    {"build-on-int.bin", "not a dict"},
    {"memo-huge.bin", "memo index"},
    {"big-endian.bin", "big-endian"},
    {"no-mark.bin", "no mark"},
    {"not-a-model.bin", "not a PyTorch checkpoint"},
};

static void test_hostile(void **state)
{
    (void)state;
    DIR *dir = opendir(pickle_path("hostile"));
    size_t files = 0, said = 0;
    struct rusage before, after;
    assert_non_null(dir);
    getrusage(RUSAGE_SELF, &before);
    const clock_t begin = clock();
    for (struct dirent *e; (e = readdir(dir));) {
        char name[300];
        gp_error err = {0};
        gp_tensors *set = NULL;
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "hostile/%s", e->d_name);
        const int64_t live = gp_mem_live();
        gp_status st = gp_tensors_open_file(pickle_path(name), &set, &err);
        if (st != GP_ERR_FORMAT && st != GP_ERR_UNSUPPORTED) fail_msg("%s: status %d", e->d_name, st);
        if (strchr(err.message, '\n') || !strstr(err.message, e->d_name)) fail_msg("%s: %s", e->d_name, err.message);
        assert_int_equal(gp_mem_live(), live);
        for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
            if (strcmp(messages[i].file, e->d_name) != 0) continue;
            if (!strstr(err.message, messages[i].says)) fail_msg("%s says \"%s\"", e->d_name, err.message);
            said++;
        }
        files++;
    }
    closedir(dir);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(files, 30);
    assert_int_equal(said, sizeof messages / sizeof *messages);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 30); /* of processor time, for all files */
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024);  /* KiB */
    assert_int_not_equal(access("goldpan-was-here", F_OK), 0);
    assert_int_not_equal(access("/tmp/goldpan-was-here", F_OK), 0);
}

/* A zip file with data.pkl that is a TorchScript program: the message names repositories with the same weights. */
static void test_torchscript(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_tensors *set = NULL;
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(pickle_path("zip.bin"), 1 << 20, &bytes, &err));
    static const char from[] = "zip/.format_version", to[] = "zip/code/__main__.x";
    size_t changed = 0;
    for (size_t i = 0; i + sizeof from - 1 <= bytes.size; i++)
        if (memcmp(bytes.data + i, from, sizeof from - 1) == 0) memcpy(bytes.data + i, to, sizeof to - 1), changed++;
    assert_int_equal(changed, 2);
    assert_int_equal(gp_tensors_open_memory(bytes.data, bytes.size, "ViT-B-32.pt", &set, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "TorchScript"));
    assert_non_null(strstr(err.message, "timm/vit_base_patch32_clip_224.openai"));
    gp_bytes_clear(&bytes);
}

static void copy_to(const char *folder, const char *from, const char *to)
{
    gp_error err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, to);
    assert_ok(gp_file_copy(pickle_path(from), path, &err));
}

/* A folder may have its weights in one file or in shards, as safetensors or as a checkpoint.  The hash is the same. */
static void test_folder(void **state)
{
    (void)state;
    char *folder = recipe_folder_new();
    gp_error err = {0};
    gp_tensors *set = NULL;
    gp_hash one, shards;
    gp_str index = GP_STR_INIT;
    copy_to(folder, "zip.bin", "pytorch_model-00001-of-00002.bin");
    copy_to(folder, "legacy.bin", "pytorch_model-00002-of-00002.bin");
    assert_ok(gp_tensors_open_file(pickle_path("zip.bin"), &set, &err));
    assert_ok(gp_tensors_hash(set, &one, &err));
    for (size_t i = 0; i < gp_tensors_count(set); i++)
        gp_str_printf(&index, "%s\"%s\":\"pytorch_model-0000%d-of-00002.bin\"", i ? "," : "{\"weight_map\":{",
                      gp_tensors_at(set, i)->name, i % 2 ? 1 : 2);
    gp_str_puts(&index, "}}");
    gp_tensors_close(set);
    assert_int_equal(recipe_write_text(folder, "pytorch_model.bin.index.json", index.data), 0);
    assert_ok(gp_tensors_open_folder(folder, &set, &err));
    assert_ok(gp_tensors_hash(set, &shards, &err));
    assert_memory_equal(&one, &shards, sizeof one);
    gp_tensors_close(set);
    copy_to(folder, "hostile/eval.bin", "pytorch_model.bin"); /* one file is preferred to its shards */
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_FORMAT);
    assert_int_equal(recipe_write_text(folder, "model.safetensors.index.json", "{}"), 0);
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "model.safetensors.index.json' has no weight_map"));
    assert_int_equal(recipe_write_text(folder, "model.safetensors", "x"), 0);
    assert_int_equal(gp_tensors_open_folder(folder, &set, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "model.safetensors' is too short"));
    gp_str_clear(&index);
    recipe_folder_free(folder);
}

/* A file that ends anywhere is rejected; so is one whose n-th allocation fails. */
static void test_cut_and_out_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i += 4) { /* zip and old form */
        gp_error err = {0};
        gp_bytes bytes = {0};
        assert_ok(gp_file_read(pickle_path(forms[i]), 1 << 20, &bytes, &err));
        for (size_t size = 0; size < bytes.size; size += 7) {
            gp_tensors *set = NULL;
            uint8_t *part = malloc(size + 1);
            memcpy(part, bytes.data, size);
            if (gp_tensors_open_memory(part, size, "x.bin", &set, &err) == GP_OK)
                fail_msg("%s is accepted with %zu of %zu bytes", forms[i], size, bytes.size);
            free(part);
        }
        for (uint64_t n = 1;; n++) {
            gp_tensors *set = NULL;
            const int64_t live = gp_mem_live();
            gp_mem_fail_at(n);
            gp_status st = gp_tensors_open_file(pickle_path(forms[i]), &set, &err);
            gp_mem_fail_at(0);
            if (st == GP_OK) {
                assert_true(n > 10);
                gp_tensors_close(set);
                break;
            }
            assert_int_equal(st, GP_ERR_MEMORY);
            assert_int_equal(gp_mem_live(), live);
        }
        gp_bytes_clear(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_torchscript),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_cut_and_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
