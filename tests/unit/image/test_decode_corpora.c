/* SPDX-License-Identifier: MIT
 * The decoders on 1,476 files of the test suites of other decoders and on 164 real images: the same files are rejected
 * and the pixels are the same as with Pillow 13, by golden tables.  If two versions of Pillow differ on a file, only a
 * crash counts.  Other differences are listed here by name, with their reasons. */
#include "corpus.h"

#include "base/str.h"

enum { LIMIT = 30000000 };

static const struct {
    const char *file, *reason;
} differences[] = {
    {"pngsuite/xcsn0g01.png", "wrong CRC of the pixel data: refused here, shown by Pillow"},
    {"contrib/testpngs/crashers/badcrc.png", "the same"},
    {"contrib/testpngs/crashers/empty_ancillary_chunks.png",
     "chunks that are no pixels: shown here, refused by Pillow"},
    {"Tests/images/png_decompression_dos.png", "a text that inflates without end: not read here, the image is"},
    {"Tests/images/unknown_compression_method.png", "a text that cannot be inflated: the same"},
};

typedef struct row {
    char *line;
    /* columns of the table: archive file bytes_crc32 result format mode size rgb_crc32_or_error pillow94 */
    const char *cell[9];
} row;

typedef struct table {
    row *rows;
    size_t count, seen, agreed, undecided, listed, png, fast, wrong;
    const char *archive;
} table;

static row *find(table *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].cell[0], t->archive) == 0 && strcmp(t->rows[i].cell[1], name) == 0) return &t->rows[i];
    return NULL;
}

static bool is_listed(const char *name)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
        if (strcmp(differences[i].file, name) == 0) return true;
    return false;
}

static bool message_is_fit(const gp_error *err)
{
    size_t n = strlen(err->message);
    return n > 0 && n < 200 && err->message[n - 1] != '.' && !strchr(err->message, '\n');
}

static void visit(void *user, const char *name, const uint8_t *bytes, size_t size)
{
    table *t = user;
    row *r = find(t, name);
    if (!r) return;
    char got[64] = "error", size_text[32];
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_error err = {0};
    gp_status st = gp_image_decode_bytes(bytes, size, LIMIT, &pixels, &err);
    if (st == GP_OK) snprintf(got, sizeof got, "ok %ux%u %08x", pixels.width, pixels.height, crc_of_pixels(&pixels));
    gp_pixels_clear(&pixels);
    snprintf(size_text, sizeof size_text, "%08x", crc_of(bytes, size));
    assert_string_equal(size_text, r->cell[2]); /* checks that the archive is the one to which the table belongs */
    char want[64] = "error";
    if (strcmp(r->cell[3], "ok") == 0) snprintf(want, sizeof want, "ok %s %s", r->cell[6], r->cell[7]);
    t->seen++;
    bool answered, png = size > 4 && memcmp(bytes, "\x89PNG", 4) == 0;
    if (png && !fast_equals_full(bytes, size, LIMIT, &answered)) {
        printf("fast and full differ: %s\n", name);
        t->wrong++;
    }
    t->png += png, t->fast += png && answered;
    if (st && !message_is_fit(&err)) printf("unfit message for %s: %s\n", name, err.message), t->wrong++;
    if (strcmp(got, want) == 0 && !is_listed(name))
        t->agreed++;
    else if (strcmp(r->cell[8], "same") != 0 && r->cell[8][0])
        t->undecided++;
    else if (strcmp(got, want) != 0 && is_listed(name))
        t->listed++;
    else
        printf("%s: want %s (%s), got %s %s\n", name, want, r->cell[7], got, st ? err.message : ""), t->wrong++;
}

static void test_archives(void **state)
{
    (void)state;
    const char *path = shared_path("golden/encode/images/decode_archives.tsv", "decoder corpora");
    const char *folder = shared_path("data/decode", "decoder corpora");
    if (!path || !folder) skip();
    gp_bytes text;
    gp_error err = {0};
    assert_ok(gp_file_read(path, 1 << 24, &text, &err));
    table t = {.rows = calloc(4000, sizeof(row))};
    char *save = NULL, archive[200] = "";
    strtok_r((char *)text.data, "\n", &save);
    for (char *line; (line = strtok_r(NULL, "\n", &save)); t.count++) split_line(line, t.rows[t.count].cell, 9);
    for (size_t i = 0; i < t.count; i++) {
        if (strcmp(archive, t.rows[i].cell[0]) == 0) continue;
        snprintf(archive, sizeof archive, "%s", t.rows[i].cell[0]);
        char *full = gp_path_join(folder, archive);
        t.archive = archive;
        each_tar_member(full, visit, &t);
        gp_mem_free(full);
    }
    printf(
        "%zu files: %zu as Pillow, %zu undecided, %zu listed differences; %zu PNG, %zu of them by the fast decoder\n",
        t.seen, t.agreed, t.undecided, t.listed, t.png, t.fast);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(t.seen, t.count);
    assert_int_equal(t.listed, sizeof differences / sizeof differences[0]);
    free(t.rows);
    gp_bytes_clear(&text);
}

static void test_pictures(void **state)
{
    (void)state;
    const char *path = shared_path("golden/encode/images/data_pictures.tsv", "real pictures");
    const char *folder = shared_path("data", "real pictures");
    if (!path || !folder) skip();
    gp_bytes text;
    gp_error err = {0};
    assert_ok(gp_file_read(path, 1 << 24, &text, &err));
    char *save = NULL;
    size_t seen = 0, fast = 0;
    strtok_r((char *)text.data, "\n", &save);
    for (char *line; (line = strtok_r(NULL, "\n", &save)); seen++) {
        const char *cell[9];
        split_line(line, cell, 9);
        char *full = gp_path_join(folder, cell[0]), got[64];
        gp_bytes bytes;
        gp_pixels pixels = GP_INIT(gp_pixels);
        assert_ok(gp_file_read(full, 1 << 28, &bytes, &err));
        gp_status st = gp_image_decode_bytes(bytes.data, bytes.size, LIMIT, &pixels, &err);
        if (strcmp(cell[2], "error") == 0) {
            assert_int_not_equal(st, GP_OK);
        } else {
            if (st) fail_msg("%s: %s", cell[0], err.message);
            snprintf(got, sizeof got, "%ux%u", pixels.width, pixels.height);
            assert_string_equal(got, cell[4]);
            snprintf(got, sizeof got, "%08x", crc_of_pixels(&pixels));
            if (strcmp(got, cell[5]) != 0) fail_msg("%s: pixels %s, want %s", cell[0], got, cell[5]);
            bool answered = false;
            if (strcmp(cell[2], "PNG") == 0) assert_true(fast_equals_full(bytes.data, bytes.size, LIMIT, &answered));
            fast += answered;
        }
        gp_pixels_clear(&pixels);
        gp_bytes_clear(&bytes);
        gp_mem_free(full);
    }
    printf("%zu real pictures as Pillow, %zu PNG by the fast decoder\n", seen, fast);
    gp_bytes_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_archives), cmocka_unit_test(test_pictures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
