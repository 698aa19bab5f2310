/* SPDX-License-Identifier: MIT
 * For the tests of ingest: metadata of a file, settings by key, and temporary folders. */
#ifndef GP_TESTS_INGEST_SUPPORT_H
#define GP_TESTS_INGEST_SUPPORT_H

#include "support.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "metadata/meta.h"

#include <ftw.h>
#include <sys/stat.h>

/* Reads the chunks of the file, and returns the metadata that goldpan finds in the chunks. */
static inline gp_meta meta_of_file(const char *path)
{
    gp_error err = {0};
    gp_bytes bytes = {0};
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    assert_ok(gp_file_read(path, 1 << 28, &bytes, &err));
    assert_ok(gp_image_read_chunks(bytes.data, bytes.size, &chunks, &err));
    assert_ok(gp_meta_read_file(bytes.data, bytes.size, &chunks, path, &meta, &err));
    gp_chunks_clear(&chunks);
    gp_bytes_clear(&bytes);
    return meta;
}

/* Returns the value of a setting in one of eight static buffers: a string without its quotes, any other value as JSON.
 * Returns "" if the setting is absent. */
static inline const char *setting(const gp_meta *meta, const char *key)
{
    static char buffers[8][8192];
    static int turn;
    char *out = buffers[turn++ & 7];
    gp_error err = {0};
    gp_json *root = NULL;
    gp_str text = GP_STR_INIT;
    *out = 0;
    if (!meta->settings_json) return out;
    assert_ok(gp_json_parse(meta->settings_json, strlen(meta->settings_json), true, 8, &root, &err));
    const gp_json *value = gp_json_get(root, key);
    const char *string = gp_json_text(value, NULL);
    if (value && !string) gp_json_write(&text, value);
    snprintf(out, sizeof buffers[0], "%s", string ? string : text.data ? text.data : "");
    gp_str_clear(&text);
    gp_json_free(root);
    return out;
}

static inline const char *or_none(const char *text)
{
    return text ? text : "(none)";
}

/* ------------------------------------------------------------------ a folder of the test's own */

static inline char *folder_new(void)
{
    const char *base = getenv("TMPDIR");
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%s/goldpan-ingest-XXXXXX", base ? base : "/tmp");
    char *path = gp_str_take(&s);
    assert_non_null(path);
    assert_non_null(mkdtemp(path));
    return path;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void folder_free(char *path)
{
    assert_int_equal(nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS), 0);
    gp_mem_free(path);
}

/* Returns "<folder>/<name>" in one of eight static buffers. */
static inline const char *in_folder(const char *folder, const char *name)
{
    static char buffers[8][4096];
    static int turn;
    char *out = buffers[turn++ & 7];
    if (!folder || !name) abort();
    snprintf(out, sizeof buffers[0], "%s/%s", folder, name);
    return out;
}

/* Writes a file in the folder, and creates the folders of its path. */
static inline const char *put_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    const char *path = in_folder(folder, name);
    gp_error err = {0};
    char *above = gp_path_folder(path);
    assert_ok(gp_folder_make(above, &err));
    gp_mem_free(above);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline const char *put_text(const char *folder, const char *name, const char *text)
{
    return put_file(folder, name, text, strlen(text));
}

#endif
