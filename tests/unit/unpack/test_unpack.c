/* SPDX-License-Identifier: MIT
 * Unpacking: names from archives, tar archives, and Parquet files of pyarrow (fuzz/corpus/parquet_images). */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "png.h"
#include "unpack/safe_name.h"

#include <sys/stat.h>
#include <zlib.h>

static char folder[64];

static const char *in(const char *name)
{
    static char buffers[4][300];
    static int turn;
    char *out = buffers[turn++ & 3];
    snprintf(out, sizeof buffers[0], "%s/%s", folder, name);
    return out;
}

static int make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goldpan-unpack-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int drop(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"a.png", "a.png"},
        {"train/a.png", "train/a.png"},
        {"/etc/passwd", "etc/passwd"},
        {"../../a.png", "a.png"},
        {"./a//b/./c.png", "a/b/c.png"},
        {"..\\..\\a.png", "_._.._a.png"},
        {".hidden/.a.png", "_hidden/_a.png"},
        {"a\nb\x7f:*.png", "a_b___.png"},
        {"\xff.png", "_.png"},
        {"caf\xc3\xa9.png", "caf\xc3\xa9.png"},
        {"1/2/3/4/5/6/7/8/9/10/a.png", "3/4/5/6/7/8/9/10/a.png"},
        {"../..", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gp_str out = GP_STR_INIT;
        gp_str_puts(&out, "");
        gp_safe_path(&out, names[i][0]);
        assert_string_equal(out.data, names[i][1]);
        gp_str_clear(&out);
    }
    /* a long name keeps its extension, so that an image and its text stay together */
    char longer[400];
    memset(longer, 'x', 300);
    for (int i = 0; i < 2; i++) {
        gp_str out = GP_STR_INIT;
        strcpy(longer + 300, i ? ".caption" : ".png");
        gp_safe_path(&out, longer);
        assert_int_equal(out.size, i ? 208 : 204);
        assert_string_equal(out.data + 200, i ? ".caption" : ".png");
        gp_str_clear(&out);
    }
}

/* Appends a member with a right checksum. */
static void put_member(gp_str *out, const char *name, char type, const void *bytes, size_t size)
{
    char block[512] = {0}, number[32];
    unsigned sum = 0;
    snprintf(block, 100, "%s", name);
    snprintf(number, sizeof number, "%011zo", size);
    memcpy(block + 124, number, 11);
    block[156] = type;
    memcpy(block + 257, "ustar", 5);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof block; i++) sum += (unsigned char)block[i];
    snprintf(number, sizeof number, "%06o", sum);
    memcpy(block + 148, number, 7);
    gp_str_add(out, block, sizeof block);
    gp_str_add(out, bytes, size);
    memset(block, 0, sizeof block);
    gp_str_add(out, block, (512 - size % 512) % 512);
}

static void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void expect_file(const char *path, const void *bytes, size_t size)
{
    gp_bytes got = {0};
    gp_error err = {0};
    assert_ok(gp_file_read(path, 1 << 20, &got, &err));
    assert_int_equal(got.size, size);
    assert_memory_equal(got.data, bytes, size);
    gp_bytes_clear(&got);
}

static void expect_text(const char *path, const char *text)
{
    expect_file(path, text, strlen(text));
}

/* Keeps the codes and counts of the notes: "unpack-others 2;". */
static void take_note(void *user, const gp_note *note)
{
    gp_str_printf(user, "%s %llu;", note->code, (unsigned long long)note->count);
}

static gp_report unpack(const char *path, const char *into, const char *notes)
{
    gp_unpack_options o = GP_UNPACK_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    gp_str said = GP_STR_INIT;
    gp_str_puts(&said, "");
    o.files = &path, o.file_count = 1, o.into = into, o.note = take_note, o.note_user = &said;
    assert_ok(gp_unpack(&o, &report, &err));
    assert_string_equal(said.data, notes);
    gp_str_clear(&said);
    return report;
}

static void expect_counts(gp_report r, uint64_t done, uint64_t skipped, uint64_t failed)
{
    assert_int_equal(r.done, done);
    assert_int_equal(r.skipped, skipped);
    assert_int_equal(r.failed, failed);
}

static void test_tar(void **state)
{
    (void)state;
    gp_str tar = GP_STR_INIT;
    gp_bytes png = {0};
    gp_error err = {0};
    uint8_t rgb[12] = {9, 8, 7, 6};
    png_write(in("one.png"), rgb, 2, 2);
    assert_ok(gp_file_read(in("one.png"), 1 << 20, &png, &err));
    put_member(&tar, "./", '5', "", 0);
    put_member(&tar, "000.png", '0', png.data, png.size);
    put_member(&tar, "000.txt", '0', "a fox", 5);
    put_member(&tar, "000.cls", '0', "7", 1);
    put_member(&tar, "../../out.PNG", '0', png.data, png.size);
    put_member(&tar, "link.png", '2', "", 0);
    put_member(&tar, "heic.png", '0',
               "\0\0\0\x18"
               "ftypheic",
               12);
    put_file(in("set.tar"), tar.data, tar.size);
    expect_counts(unpack(in("set.tar"), NULL, "unpack-others 2;unpack-formats 1;"), 2, 0, 0);
    expect_file(in("set/000.png"), png.data, png.size);
    expect_file(in("set/out.PNG"), png.data, png.size);
    expect_text(in("set/000.txt"), "a fox");
    assert_int_equal(access(in("out.PNG"), F_OK), -1);
    assert_int_equal(access(in("set/heic.png"), F_OK), -1);
    /* again: everything is there; what the user changed is not overwritten */
    put_file(in("set/000.txt"), "my own", 6);
    expect_counts(unpack(in("set.tar"), NULL, "unpack-others 2;unpack-formats 1;unpack-conflicts 1;"), 0, 2, 1);
    expect_text(in("set/000.txt"), "my own");
    /* an interrupted call goes on */
    assert_int_equal(unlink(in("set/out.PNG")), 0);
    expect_counts(unpack(in("set.tar"), NULL, "unpack-others 2;unpack-formats 1;unpack-conflicts 1;"), 1, 1, 1);
    /* compressed, into another folder */
    gzFile gz = gzopen(in("two.tar.gz"), "wb");
    assert_int_equal(gzwrite(gz, tar.data, (unsigned)tar.size), tar.size);
    gzclose(gz);
    expect_counts(unpack(in("two.tar.gz"), in("a/b"), "unpack-others 2;unpack-formats 1;"), 2, 0, 0);
    expect_text(in("a/b/two/000.txt"), "a fox");
    gp_bytes_clear(&png);
    gp_str_clear(&tar);
}

static void copy(const char *file)
{
    char from[200];
    gp_error err = {0};
    snprintf(from, sizeof from, "fuzz/corpus/parquet_images/%s", file);
    assert_ok(gp_file_copy(source_path(from), in(file), &err));
}

static void test_parquet(void **state)
{
    (void)state;
    static const char *const forms[] = {"struct-snappy", "struct-groups-zstd"};
    for (size_t i = 0; i < 2; i++) {
        char file[100], name[100];
        snprintf(file, sizeof file, "%s.parquet", forms[i]);
        copy(file);
        const char *notes = "table-columns 2;unpack-no-image 2;unpack-formats 1;";
        expect_counts(unpack(in(file), NULL, notes), 4, 0, 0);
        expect_counts(unpack(in(file), NULL, notes), 0, 4, 0);
        snprintf(name, sizeof name, "%s/metadata.jsonl", forms[i]);
        expect_text(in(name), "{\"file_name\":\"a.png\",\"text\":\"a fox\",\"seed\":1}\n"
                              "{\"file_name\":\"b.png\",\"text\":\"a boat\\nat sea\",\"seed\":3}\n"
                              "{\"file_name\":\"000004.png\",\"text\":\"four\",\"seed\":5}\n"
                              "{\"file_name\":\"d.png\",\"text\":\"five\",\"seed\":6}\n");
        gp_bytes a = {0}, d = {0};
        gp_error err = {0};
        snprintf(name, sizeof name, "%s/a.png", forms[i]);
        assert_ok(gp_file_read(in(name), 1 << 20, &a, &err));
        assert_int_equal(a.data[0], 0x89);
        snprintf(name, sizeof name, "%s/d.png", forms[i]); /* the same image, found in the dictionary */
        assert_ok(gp_file_read(in(name), 1 << 20, &d, &err));
        assert_int_equal(a.size, d.size);
        assert_memory_equal(a.data, d.data, a.size);
        gp_bytes_clear(&d);
        gp_bytes_clear(&a);
    }
    copy("same-names.parquet");
    expect_counts(unpack(in("same-names.parquet"), NULL, ""), 3, 0, 0);
    expect_text(in("same-names/metadata.jsonl"), "{\"file_name\":\"000000_image.png\",\"prompt\":\"p0\"}\n"
                                                 "{\"file_name\":\"000001_image.png\",\"prompt\":\"p1\"}\n"
                                                 "{\"file_name\":\"000002_image.png\",\"prompt\":\"p2\"}\n");
    copy("binary.parquet");
    unpack(in("binary.parquet"), NULL, "unpack-no-image 1;");
    copy("only-images.parquet");
    expect_counts(unpack(in("only-images.parquet"), NULL, ""), 1, 0, 0);
    assert_int_equal(access(in("only-images/metadata.jsonl"), F_OK), -1);
}

static void test_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *file, *says;
        gp_status status;
    } cases[] = {{"none.tar", "cannot", GP_ERR_NOT_FOUND},
                 {"no-images.parquet", "contains no images", GP_ERR_NOT_FOUND},
                 {"cut.parquet", "damaged Parquet", GP_ERR_FORMAT},
                 {"text.tar", "neither a tar archive nor a Parquet file", GP_ERR_FORMAT}};
    copy("no-images.parquet");
    copy("cut.parquet");
    put_file(in("text.tar"), "hello", 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_unpack_options o = GP_UNPACK_DEFAULTS;
        gp_error err = {0};
        const char *path = in(cases[i].file);
        o.files = &path, o.file_count = 1;
        gp_status st = gp_unpack(&o, NULL, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s: %d %s", cases[i].file, st, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
                                       cmocka_unit_test_setup_teardown(test_tar, make, drop),
                                       cmocka_unit_test_setup_teardown(test_parquet, make, drop),
                                       cmocka_unit_test_setup_teardown(test_wrong, make, drop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
