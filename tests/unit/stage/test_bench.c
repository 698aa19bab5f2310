/* SPDX-License-Identifier: MIT
 * bench: all images of a small folder are encoded once, a large folder is sampled, synthetic images need no file.
 * Times and counts are consistent, nothing stays on the disk, and a stop ends the call. */
#include "place.h"
#include "stage/synthetic.h"

#include <dirent.h>
#include <sys/stat.h>

static gp_bench_options small(const char *const *roots)
{
    gp_bench_options o = GP_BENCH_DEFAULTS;
    o.roots = roots, o.root_count = roots ? 1 : 0;
    o.seconds = 0.05, o.threads = 2, o.batch = 4;
    return o;
}

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

static void check_times(const gp_bench_report *r)
{
    assert_true(r->seconds > 0 && r->decode_seconds > 0 && r->image_tower_seconds > 0 && r->write_seconds > 0);
    assert_true(r->image_tower_work > 0 && r->busy > 0);
    assert_true(r->decode_seconds + r->resize_seconds + r->image_tower_seconds <= r->seconds * r->threads * 1.01);
    assert_true(r->rate > 0 && r->rate <= (double)(r->pictures + r->failed) / r->seconds * 1.0001);
}

static void test_folder(void **state)
{
    (void)state;
    place p;
    gp_error err = {0};
    gp_bench_report r = GP_INIT(gp_bench_report);
    place_make(&p);
    put_many(&p, 23);
    put_text(in(&p, "bad.png"), "not a picture");
    const char *roots[] = {p.pictures};
    size_t before = files_in(p.pictures);
    gp_bench_options o = small(roots);
    o.seconds = 30; /* all images are encoded long before these 30 seconds have passed */
    assert_ok(gp_bench(model, &o, &r, &err));
    assert_int_equal(r.found, 24);
    assert_int_equal(r.pictures, 23);
    assert_int_equal(r.failed, 1);
    assert_int_equal(r.texts, 4); /* each distinct text once */
    assert_int_equal(r.threads, 2);
    assert_int_equal(r.batch, 4);
    assert_true(r.bytes > 100 && r.add_seconds > 0 && r.text_tower_seconds > 0);
    assert_true(r.expected > 0 && r.expected < 1e6);
    check_times(&r);
    assert_int_equal(files_in(p.pictures), before); /* no file was written */
    assert_int_equal(files_in(p.root), 3);
    o.sample = 6;
    assert_ok(gp_bench(model, &o, &r, &err));
    assert_int_equal(r.found, 24);
    assert_int_equal(r.pictures + r.failed, 6);
    place_remove(&p);
}

static void test_drawn(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bench_report r = GP_INIT(gp_bench_report);
    gp_bench_options o = small(NULL);
    /* on any machine, the measurement ends when all images are encoded, not when the time has passed */
    o.sample = 8, o.seconds = 3600;
    assert_ok(gp_bench(model, &o, &r, &err));
    assert_int_equal(r.found, 0);
    assert_int_equal(r.pictures, 8);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.texts, 3);
    /* the mean file size is in the range of generated images of this size */
    assert_true(r.bytes > 8e5 && r.bytes < 2.5e6);
    assert_true(r.expected == 0 && r.add_seconds == 0);
    check_times(&r);
}

static void test_drawn_pictures_are_told_by_their_seed(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_str a = GP_STR_INIT, b = GP_STR_INIT, c = GP_STR_INIT;
    gp_image_info head = {0};
    assert_ok(gp_synthetic_png(1, &a, &err));
    assert_ok(gp_synthetic_png(1, &b, &err));
    assert_ok(gp_synthetic_png(2, &c, &err));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_true(a.size != c.size || memcmp(a.data, c.data, a.size) != 0);
    assert_ok(gp_image_read_info((const uint8_t *)a.data, a.size, &head, &err));
    assert_int_equal(head.width, GP_SYNTHETIC_SIDE);
    assert_int_equal(head.height, GP_SYNTHETIC_SIDE);
    gp_str_clear(&a), gp_str_clear(&b), gp_str_clear(&c);
}

static bool stop(void *user, const gp_progress *progress)
{
    (void)user;
    return progress->done == 0;
}

static void test_refusals(void **state)
{
    (void)state;
    place p;
    gp_error err = {0};
    gp_bench_report r = {.size = sizeof(gp_bench_report), .pictures = 99};
    place_make(&p);
    const char *roots[] = {p.pictures};
    gp_bench_options o = small(roots);
    assert_int_equal(gp_bench(model, &o, &r, &err), GP_ERR_NOT_FOUND);
    assert_string_equal(
        err.message,
        "no image found that goldpan reads: name a folder that contains some, or none to use synthetic images");
    o.sample = 0;
    assert_int_equal(gp_bench(model, &o, &r, &err), GP_ERR_USAGE);
    put_many(&p, 40);
    o = small(roots);
    o.seconds = 30, o.progress = stop, o.batch = 1;
    assert_int_equal(gp_bench(model, &o, &r, &err), GP_ERR_STOPPED);
    assert_int_equal(r.pictures, 99); /* the report is written only on success */
    place_remove(&p);
}

/* Makes each allocation fail once: the call must return an error and leak nothing. */
static void test_no_memory(void **state)
{
    (void)state;
    place p;
    gp_error err = {0};
    gp_bench_report r = GP_INIT(gp_bench_report);
    place_make(&p);
    put_many(&p, 2);
    const char *roots[] = {p.pictures};
    gp_bench_options o = small(roots);
    o.threads = 1, o.batch = 2;
    int64_t live = gp_mem_live();
    gp_mem_fail_at(0);
    assert_ok(gp_bench(model, &o, &r, &err));
    uint64_t all = gp_mem_fail_at(0);
    for (uint64_t n = 1; n <= all; n += 1 + n / 16) {
        gp_mem_fail_at(n);
        gp_status st = gp_bench(model, &o, &r, &err);
        gp_mem_fail_at(0);
        if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), live);
    }
    place_remove(&p);
}

static bool on_peak(void *user, const gp_peak *peak)
{
    size_t *count = user;
    if ((*count)++ == 0) assert_string_equal(peak->precision, "fp32");
    assert_true(peak->one > 0 && peak->all > 0 && peak->instructions);
    return true;
}

static void test_peaks(void **state)
{
    (void)state;
    gp_error err = {0};
    size_t count = 0;
    assert_ok(gp_machine_peaks(1, on_peak, &count, &err));
    assert_in_range(count, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folder),
                                       cmocka_unit_test(test_drawn),
                                       cmocka_unit_test(test_drawn_pictures_are_told_by_their_seed),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_no_memory),
                                       cmocka_unit_test(test_peaks)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
