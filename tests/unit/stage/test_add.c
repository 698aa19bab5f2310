/* SPDX-License-Identifier: MIT
 * Add: sources of prompts and their priority, which files are read again, and the failures of bad files. */
#include "place.h"

#include "catalog/catalog.h"

#include <fcntl.h>
#include <zlib.h>

static gp_status add(const place *p, const char *table, gp_report *report, gp_error *err)
{
    gp_catalog *cat = NULL;
    gp_add_options o = GP_ADD_DEFAULTS;
    const char *roots[] = {p->pictures};
    o.roots = roots, o.root_count = 1, o.prompts = table, o.threads = 2;
    gp_status st = gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, err);
    if (st == GP_OK) st = gp_add(cat, &o, report, err);
    gp_catalog_close(cat);
    return st;
}

/* Returns "prompt|source|settings" of one image; "-" for missing parts. */
static const char *record(const place *p, const char *name)
{
    static char text[1000];
    gp_catalog *cat = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_query q = GP_QUERY_DEFAULTS;
    gp_error err = {0};
    q.path = in(p, name);
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_READONLY, &cat, &err));
    assert_ok(gp_rows_open(cat, &q, &rows, &err));
    assert_ok(gp_rows_next(rows, &row, &err));
    assert_non_null(row);
    snprintf(text, sizeof text, "%s|%s|%s", row->prompt ? row->prompt : "-",
             row->prompt_source ? row->prompt_source : "-", row->settings_json ? row->settings_json : "-");
    gp_rows_close(rows);
    gp_catalog_close(cat);
    return text;
}

/* Inserts a tEXt chunk after the header of a PNG (8 bytes of signature, 25 of IHDR). */
static void put_chunk(const place *p, const char *name, const char *key, const char *text)
{
    gp_bytes png = {0};
    gp_error err = {0};
    uint8_t out[65536];
    size_t size = strlen(key) + 1 + strlen(text), at = 33;
    assert_ok(gp_file_read(in(p, name), sizeof out - 2000, &png, &err));
    memcpy(out, png.data, at);
    for (int i = 0; i < 4; i++) out[at++] = (uint8_t)(size >> (24 - 8 * i));
    memcpy(out + at, "tEXt", 4);
    memcpy(out + at + 4, key, strlen(key) + 1);
    memcpy(out + at + 4 + strlen(key) + 1, text, strlen(text));
    uint32_t crc = (uint32_t)crc32(0, out + at, (unsigned)size + 4);
    at += size + 4;
    for (int i = 0; i < 4; i++) out[at++] = (uint8_t)(crc >> (24 - 8 * i));
    memcpy(out + at, png.data + 33, png.size - 33);
    put_bytes(in(p, name), out, at + png.size - 33);
    gp_bytes_clear(&png);
}

static void put_parameters(const place *p, const char *name, const char *parameters)
{
    put_chunk(p, name, "parameters", parameters);
}

/* Changes the bytes of a file, but not its size and time: reading the file now finds no image. */
static void spoil(const place *p, const char *name)
{
    struct stat before;
    assert_int_equal(stat(in(p, name), &before), 0);
    char *junk = gp_mem_zero((size_t)before.st_size, 1);
    put_bytes(in(p, name), junk, (size_t)before.st_size);
    gp_mem_free(junk);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, in(p, name), times, 0), 0);
}

static void test_precedence(void **state)
{
    (void)state;
    place p;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char table[160];
    place_make(&p);
    put_picture(&p, "side.png", 1, "from the side-car");
    put_picture(&p, "meta.png", 2, "from the side-car");
    put_parameters(&p, "meta.png", "(from:1.2) the [file]\nSteps: 20, Sampler: Euler a, Seed: 7");
    put_picture(&p, "nothing.png", 3, "beside nothing"); /* the cleaning removes the whole prompt in the file */
    put_parameters(&p, "nothing.png", "<lora:x:1>\nSteps: 20, Sampler: Euler a, Seed: 7");
    put_picture(&p, "none.png", 4, NULL);
    assert_ok(add(&p, NULL, &report, &err));
    assert_int_equal(report.done, 4);
    assert_int_equal(report.without_prompt, 1);
    assert_string_equal(record(&p, "side.png"), "from the side-car|sidecar|{}");
    assert_string_equal(record(&p, "meta.png"),
                        "from the file|a1111: parameters|{\"steps\":20,\"sampler\":\"Euler a\",\"seed\":7}");
    assert_non_null(strstr(record(&p, "nothing.png"), "beside nothing|sidecar|"));
    assert_string_equal(record(&p, "none.png"), "-|-|-");
    /* the table has priority over metadata and sidecar files; its columns are added to the settings and replace
     * settings of the same name */
    snprintf(table, sizeof table, "%s/t.csv", p.root);
    put_text(table, "file_name,prompt,category,seed\nmeta.png,from the table,animals,8\nside.png, ,food,\n");
    assert_ok(add(&p, table, &report, &err));
    assert_string_equal(
        record(&p, "meta.png"),
        "from the table|table:t.csv|{\"steps\":20,\"sampler\":\"Euler a\",\"category\":\"animals\",\"seed\":8}");
    assert_string_equal(record(&p, "side.png"), "from the side-car|sidecar|{\"category\":\"food\"}");
    place_remove(&p);
}

typedef struct notes {
    char text[600];
    char last[600]; /* message of the last note */
} notes;

static void keep_note(void *user, const gp_note *note)
{
    notes *n = user;
    size_t at = strlen(n->text);
    snprintf(n->text + at, sizeof n->text - at, "%s %d;", note->code, (int)note->count);
    snprintf(n->last, sizeof n->last, "%s", note->message);
}

/* Runs add and returns the catalog's counts; *told: codes and counts of the notes. */
static gp_counts evidence(const place *p, notes *told, gp_report *report)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_counts counts = GP_INIT(gp_counts);
    gp_add_options o = GP_ADD_DEFAULTS;
    const char *roots[] = {p->pictures};
    *told = (notes){0};
    o.roots = roots, o.root_count = 1, o.threads = 2, o.note = keep_note, o.note_user = told;
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_ok(gp_add(cat, &o, report, &err));
    assert_ok(gp_catalog_counts(cat, &counts, &err));
    gp_catalog_close(cat);
    return counts;
}

/* Changes the last byte of the tEXt chunk's checksum. */
static void break_checksum(const place *p, const char *name, size_t text_size)
{
    gp_bytes png = {0};
    gp_error err = {0};
    assert_ok(gp_file_read(in(p, name), 65536, &png, &err));
    png.data[33 + 8 + 11 + text_size + 3] ^= 1;
    put_bytes(in(p, name), png.data, png.size);
    gp_bytes_clear(&png);
}

/* The catalog records the right evidence for a guess, for a prompt from damaged metadata, and for settings without a
 * prompt. */
static void test_evidence(void **state)
{
    (void)state;
    static const char info[] = "words\nSteps: 20, Sampler: Euler a, Seed: 7";
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    place_make(&p);
    put_picture(&p, "bad.png", 1, NULL);
    put_parameters(&p, "bad.png", info);
    break_checksum(&p, "bad.png", strlen(info));
    put_picture(&p, "side.png", 2, "beside it");
    put_parameters(&p, "side.png", info);
    break_checksum(&p, "side.png", strlen(info));
    put_picture(&p, "settings.png", 3, NULL);
    put_parameters(&p, "settings.png", "Steps: 20, Sampler: Euler a, Seed: 7");
    put_picture(&p, "good.png", 4, NULL);
    put_parameters(&p, "good.png", info);
    put_picture(&p, "cut.png", 5, NULL);
    put_chunk(&p, "cut.png", "prompt", "{\"1\": {\"class_type\": \"SaveImage\", \"inp");
    put_picture(&p, "cut_side.png", 6, info);
    put_chunk(&p, "cut_side.png", "prompt", "{\"1\": {\"class_type\": \"SaveImage\", \"inp");
    for (int again = 0; again < 2; again++) {
        gp_counts counts = evidence(&p, &told, &report);
        assert_int_equal(counts.stated, 3);
        assert_int_equal(counts.guesses, 1);
        assert_int_equal(counts.images_with_prompt, 4);
        assert_int_equal(report.guesses, 1);
        assert_int_equal(report.without_prompt, 2);
        assert_string_equal(told.text,
                            again ? "guesses 1;" : "guesses 1;broken-graphs 1;unstated-prompts 1;damaged-metadata 2;");
    }
    /* a sidecar file has priority over a guess */
    assert_non_null(strstr(record(&p, "side.png"), "beside it|sidecar|"));
    assert_non_null(strstr(record(&p, "bad.png"), "words|a1111: parameters (its checksum is wrong)|"));
    assert_string_equal(record(&p, "settings.png"),
                        "-|a1111: parameters|{\"steps\":20,\"sampler\":\"Euler a\",\"seed\":7}");
    assert_string_equal(record(&p, "cut.png"), "-|comfyui: no prompt: the graph is not valid JSON|{}");
    assert_string_equal(record(&p, "cut_side.png"),
                        "words|sidecar: infotext|{\"steps\":20,\"sampler\":\"Euler a\",\"seed\":7}");
    place_remove(&p);
}

static void do_sql(const place *p, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(p->catalog, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* If older readers read a file, add reads the file once more. It counts the prompts that change, and keeps the marks. */
static void test_newer_readers(void **state)
{
    (void)state;
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    place_make(&p);
    put_picture(&p, "a.png", 1, NULL);
    put_parameters(&p, "a.png", "words\nSteps: 20, Sampler: Euler a, Seed: 7");
    put_picture(&p, "b.png", 2, "beside it");
    put_picture(&p, "c.png", 3, NULL);
    put_picture(&p, "new.png", 4, NULL);
    evidence(&p, &told, &report);
    do_sql(&p, "UPDATE paths SET readers = 0 WHERE path NOT LIKE '%new.png';"
               "DELETE FROM image_prompts WHERE source LIKE 'a1111%';"
               "INSERT INTO prompts(id, text) VALUES(99, 'wrong');"
               "INSERT INTO image_prompts(image, prompt, raw, source, strength, evidence)"
               " SELECT image, 99, 'wrong', 'a1111: x', 2, 'stated' FROM paths WHERE path LIKE '%c.png';"
               "INSERT INTO ratings(image, flag, stars) SELECT id, 1, 4 FROM images");
    spoil(&p, "new.png"); /* its readers are not older */
    evidence(&p, &told, &report);
    assert_int_equal(report.skipped, 4);
    assert_int_equal(report.done + report.duplicates + report.failed, 0);
    assert_string_equal(told.text, "read-again 3;");
    assert_non_null(strstr(told.last, ": 2 prompts changed"));
    assert_non_null(strstr(record(&p, "a.png"), "words|a1111: parameters|"));
    assert_non_null(strstr(record(&p, "b.png"), "beside it|sidecar|"));
    assert_string_equal(record(&p, "c.png"), "-|-|-");
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE stars = 4 AND flag = 1"), 4);
    spoil(&p, "a.png");
    evidence(&p, &told, &report);
    assert_string_equal(told.text, "");
    assert_int_equal(report.skipped, 4);
    place_remove(&p);
}

/* If an image has several paths with different prompts, every call of add uses the prompt of the first path. */
static void test_prompts_of_paths(void **state)
{
    (void)state;
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char table[160], moved[256];
    place_make(&p);
    put_picture(&p, "a.png", 1, "one");
    put_picture(&p, "b.png", 1, "two");
    put_picture(&p, "c.png", 1, NULL);
    put_picture(&p, "d.png", 1, "one");
    for (int again = 0; again < 2; again++) {
        gp_counts counts = evidence(&p, &told, &report);
        assert_int_equal(counts.images, 1);
        assert_string_equal(record(&p, "a.png"), "one|sidecar|{}");
        assert_string_equal(told.text, "rival-prompts 1;");
    }
    put_picture(&p, "a.png", 1, "three"); /* the user changed the prompt in the sidecar file */
    evidence(&p, &told, &report);
    assert_string_equal(record(&p, "a.png"), "three|sidecar|{}");
    assert_string_equal(told.text, "rival-prompts 2;");
    put_picture(&p, "0.png", 1, "zero"); /* a path that sorts earlier */
    evidence(&p, &told, &report);
    assert_string_equal(record(&p, "a.png"), "zero|sidecar|{}");
    snprintf(table, sizeof table, "%s/t.csv", p.root);
    put_text(table, "file_name,prompt\nb.png,second\na.png,first\n");
    assert_ok(add(&p, table, &report, &err));
    assert_string_equal(record(&p, "b.png"), "first|table:t.csv|{}");
    /* after the move, the image has only one path that exists, so only the prompt of this path is used */
    put_picture(&p, "e.png", 2, "old words");
    evidence(&p, &told, &report);
    snprintf(moved, sizeof moved, "%s", in(&p, "f.png"));
    assert_int_equal(rename(in(&p, "e.png"), moved), 0);
    put_picture(&p, "f.png", 2, "new words");
    evidence(&p, &told, &report);
    assert_string_equal(record(&p, "f.png"), "new words|sidecar|{}");
    assert_null(strstr(told.text, "rival"));
    place_remove(&p);
}

static void add_by_names(const place *p, notes *told, gp_report *report)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_add_options o = GP_ADD_DEFAULTS;
    const char *roots[] = {p->pictures};
    *told = (notes){0};
    o.roots = roots, o.root_count = 1, o.threads = 1, o.note = keep_note, o.note_user = told;
    o.prompt_from = "{prompt}_{seed}";
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_ok(gp_add(cat, &o, report, &err));
    gp_catalog_close(cat);
}

/* If an image has several paths, a sidecar file of any path comes before the name of another path, in any order. */
static void test_names_and_sidecars(void **state)
{
    (void)state;
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    place_make(&p);
    put_picture(&p, "a dog_1.png", 1, NULL);
    add_by_names(&p, &told, &report);
    assert_string_equal(record(&p, "a dog_1.png"), "a dog|name: {prompt}_{seed}|{\"seed\":1}");
    put_picture(&p, "b.png", 1, "from the side-car");
    add_by_names(&p, &told, &report);
    assert_non_null(strstr(record(&p, "b.png"), "from the side-car|sidecar|"));
    put_picture(&p, "0 cats_2.png", 1, NULL);
    for (int again = 0; again < 2; again++) {
        add_by_names(&p, &told, &report);
        assert_non_null(strstr(record(&p, "b.png"), "from the side-car|sidecar|"));
        assert_null(strstr(told.text, "rival"));
    }
    /* between names, the first path counts */
    put_picture(&p, "e owl_3.png", 2, NULL);
    add_by_names(&p, &told, &report);
    put_picture(&p, "d owl_3.png", 2, NULL);
    add_by_names(&p, &told, &report);
    assert_non_null(strstr(record(&p, "e owl_3.png"), "d owl|name: "));
    place_remove(&p);
}

/* A sidecar file that cannot be read is no failure of its image. */
static void test_unreadable_sidecar(void **state)
{
    (void)state;
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    place_make(&p);
    put_picture(&p, "a.png", 1, NULL);
    assert_int_equal(mkdir(in(&p, "a.txt"), 0755), 0);
    for (int again = 0; again < 2; again++) {
        int64_t before = gp_mem_live();
        gp_counts counts = evidence(&p, &told, &report);
        assert_int_equal(counts.images, 1);
        assert_int_equal(report.failed, 0);
        assert_int_equal(gp_mem_live(), before);
        assert_true(again || strstr(told.text, "sidecar-refused 1;"));
    }
    place_remove(&p);
}

/* The files are read again, and have no prompt. An earlier prompt from metadata is removed, but a prompt from a table
 * stays. */
static void test_metadata_gives_way(void **state)
{
    (void)state;
    place p;
    notes told;
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = NULL;
    gp_error err = {0};
    place_make(&p);
    put_picture(&p, "a.png", 1, NULL);
    put_picture(&p, "b.png", 2, NULL);
    evidence(&p, &told, &report);
    assert_ok(gp_cat_open(p.catalog, 0, &cat, &err));
    for (int64_t image = 1; image <= 2; image++) {
        gp_cat_prompt old = {.text = "wrong", .raw = "wrong", .source = "x", .strength = image == 1 ? 2 : 3};
        assert_ok(gp_cat_prompt_put(cat, image, &old, NULL, &err));
    }
    gp_cat_close(cat);
    struct timespec times[2] = {{1, 0}, {1, 0}};
    assert_int_equal(utimensat(AT_FDCWD, in(&p, "a.png"), times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, in(&p, "b.png"), times, 0), 0);
    gp_counts counts = evidence(&p, &told, &report);
    assert_int_equal(counts.images_with_prompt, 1);
    assert_int_equal(report.without_prompt, 1);
    place_remove(&p);
}

static void test_what_is_read_again(void **state)
{
    (void)state;
    place p;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char table[160], side[256];
    place_make(&p);
    put_picture(&p, "meta.png", 1, NULL);
    put_parameters(&p, "meta.png", "words\nSteps: 20, Sampler: Euler a, Seed: 7");
    put_picture(&p, "side.png", 2, "two words");
    put_picture(&p, "none.png", 3, NULL);
    put_picture(&p, "row.png", 4, NULL);
    snprintf(table, sizeof table, "%s/t.csv", p.root);
    put_text(table, "file_name,prompt,category\nrow.png,a row,animals\n");
    assert_ok(add(&p, table, &report, &err));
    static const char *const names[] = {"meta.png", "side.png", "none.png", "row.png"};
    for (size_t i = 0; i < 4; i++) spoil(&p, names[i]);
    for (int again = 0; again < 2; again++) {
        assert_ok(add(&p, again ? NULL : table, &report, &err)); /* without new prompts no file is read */
        assert_int_equal(report.failed, 0);
        assert_int_equal(report.skipped, 4);
        assert_int_equal(report.without_prompt, 1);
    }
    /* goldpan reads a file again if its prompt is new, and then finds that the file is damaged */
    put_text(table, "file_name,prompt,category\nrow.png,a row,food\n");
    assert_ok(add(&p, table, &report, &err));
    assert_int_equal(report.failed, 1);
    snprintf(side, sizeof side, "%s", in(&p, "none.txt"));
    put_text(side, "a side-car after all");
    snprintf(side, sizeof side, "%s", in(&p, "side.txt"));
    put_text(side, "three other words");
    assert_ok(add(&p, NULL, &report, &err));
    assert_int_equal(report.failed, 2);
    put_picture(&p, "side.png", 2, NULL);
    put_picture(&p, "none.png", 3, NULL);
    assert_ok(add(&p, NULL, &report, &err));
    assert_string_equal(record(&p, "side.png"), "three other words|sidecar|{}");
    assert_string_equal(record(&p, "none.png"), "a side-car after all|sidecar|{}");
    place_remove(&p);
}

static bool put_failure(void *user, const gp_failure *f)
{
    gp_str_printf(user, "%s|%s|%s\n", gp_path_base(f->path), f->stage, f->message);
    return true;
}

static void test_one_line_a_bad_file(void **state)
{
    (void)state;
    place p;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_str lines = GP_STR_INIT;
    place_make(&p);
    put_picture(&p, "good.png", 1, "words");
    put_bytes(in(&p, "empty.png"), "", 0);
    put_text(in(&p, "text.jpg"), "not a picture at all");
    assert_int_equal(symlink("nowhere", in(&p, "link.png")), 0);
    assert_int_equal(mkfifo(in(&p, "pipe.png"), 0600), 0); /* the FIFO is not opened */
    for (int again = 0; again < 2; again++) {
        assert_ok(add(&p, NULL, &report, &err));
        assert_int_equal(report.failed, 3);
        assert_int_equal(report.done + report.skipped, 1);
    }
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_READONLY, &cat, &err));
    assert_ok(gp_catalog_failures(cat, put_failure, &lines, &err));
    gp_catalog_close(cat);
    assert_string_equal(lines.data, "empty.png|add|is empty\n"
                                    "link.png|add|broken link: No such file or directory\n"
                                    "text.jpg|add|is a text file, which goldpan does not read\n");
    gp_str_clear(&lines);
    assert_int_equal(unlink(in(&p, "link.png")), 0);
    place_remove(&p);
}

typedef struct counter {
    uint64_t done, failed, calls;
} counter;

static bool count(void *user, const gp_progress *progress)
{
    counter *c = user;
    assert_string_equal(progress->stage, "add");
    assert_true(progress->done >= c->done && progress->failed <= progress->done);
    c->done = progress->done, c->failed = progress->failed, c->calls++;
    return true;
}

static void test_progress_ends_at_all(void **state)
{
    (void)state;
    place p;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    gp_catalog *cat = NULL;
    counter c = {0};
    gp_add_options o = GP_ADD_DEFAULTS;
    place_make(&p);
    put_many(&p, 5);
    put_text(in(&p, "text.jpg"), "not a picture at all");
    const char *roots[] = {p.pictures};
    o.roots = roots, o.root_count = 1, o.progress = count, o.user = &c;
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_ok(gp_add(cat, &o, &report, &err));
    assert_int_equal(c.done, 6);
    assert_int_equal(c.failed, 1);
    const char *nowhere[] = {p.pictures, "/tmp/goldpan-nowhere"};
    o.roots = nowhere, o.root_count = 2;
    assert_int_equal(gp_add(cat, &o, &report, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "'/tmp/goldpan-nowhere'"));
    gp_catalog_close(cat);
    place_remove(&p);
}

/* Adds known files with a table row or a sidecar file, and a new file. Each call makes one allocation fail. The
 * test takes larger and larger steps between these allocations, so it does not test every allocation. */
static void test_no_memory(void **state)
{
    (void)state;
    place p;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char table[160];
    place_make(&p);
    put_many(&p, 3);
    put_picture(&p, "none.png", 9, NULL);
    snprintf(table, sizeof table, "%s/t.csv", p.root);
    put_text(table, "file_name,prompt,category\n000.png,a row,animals\n");
    assert_ok(add(&p, table, &report, &err));
    int64_t before = gp_mem_live();
    uint64_t failed = 0;
    for (uint64_t n = 1;; n += 1 + n / 16) {
        err = (gp_error){0};
        gp_mem_fail_at(n);
        gp_status st = add(&p, table, &report, &err);
        bool reached = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), before);
        assert_int_equal(err.status, st);
        if (st == GP_ERR_MEMORY) failed++;
        if (st == GP_OK && !reached) break;
    }
    assert_true(failed > 30);
    assert_ok(add(&p, table, &report, &err));
    assert_int_equal(report.skipped, 4);
    assert_int_equal(report.failed, 0);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),          cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_newer_readers),       cmocka_unit_test(test_prompts_of_paths),
        cmocka_unit_test(test_names_and_sidecars),  cmocka_unit_test(test_unreadable_sidecar),
        cmocka_unit_test(test_metadata_gives_way),  cmocka_unit_test(test_what_is_read_again),
        cmocka_unit_test(test_one_line_a_bad_file), cmocka_unit_test(test_progress_ends_at_all),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
