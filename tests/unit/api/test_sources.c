/* SPDX-License-Identifier: MIT
 * gp_embed_sources: files, bytes and pixels give the same rows, and a source that is broken harms no other. */
#include "base/file.h"
#include "base/mem.h"
#include "image/mark.h"
#include "png.h"
#include "model_support.h"

#include <goldpan.h>
#include <sys/stat.h>

enum { D = 128, MOST = 16 };
static gp_error err;

static const char *const files[] = {"sample/drawn-world/animals", "sample/drawn-world/buildings"};

/* Two decoded images of the bundled sample. */
typedef struct pictures {
    char **paths;
    size_t count;
    gp_bytes bytes[2];
    gp_pixels pixels[2];
} pictures;

static void open_pictures(pictures *p)
{
    const char *roots[] = {source_path(files[0]), source_path(files[1])};
    memset(p, 0, sizeof *p);
    assert_ok(gp_find_images(roots, 2, &p->paths, &p->count, &err));
    for (size_t i = 0; i < 2; i++) {
        const char *path = p->paths[i ? p->count - 1 : 0];
        p->pixels[i].size = sizeof p->pixels[i];
        assert_ok(gp_file_read(path, 1u << 24, &p->bytes[i], &err));
        assert_ok(gp_image_decode(path, 0, &p->pixels[i], &err));
    }
}

static void close_pictures(pictures *p)
{
    for (size_t i = 0; i < 2; i++) {
        gp_bytes_clear(&p->bytes[i]);
        gp_pixels_clear(&p->pixels[i]);
    }
    gp_paths_free(p->paths, p->count);
}

static gp_source of_path(const char *path)
{
    gp_source s = GP_INIT(gp_source);
    s.kind = GP_SOURCE_PATH, s.path = path;
    return s;
}

static gp_source of_bytes(const void *data, size_t size)
{
    gp_source s = GP_INIT(gp_source);
    s.kind = GP_SOURCE_BYTES, s.data = data, s.data_size = size;
    return s;
}

/* Returns the image as a source of pixels, with `channels` channels and `gap` bytes between rows.  The caller frees
 * *memory. */
static gp_source of_pixels(const gp_pixels *p, uint32_t channels, size_t gap, uint8_t **memory)
{
    gp_source s = GP_INIT(gp_source);
    size_t stride = p->width * channels + gap, size = stride * (p->height - 1) + p->width * channels;
    uint8_t *to = malloc(size);
    memset(to, 0x5A, size); /* alpha and the bytes between rows must have no effect */
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < p->width; x++)
            for (uint32_t c = 0; c < channels && c < 3; c++)
                to[y * stride + x * channels + c] = p->rgb[(y * p->width + x) * 3 + c];
    s.kind = GP_SOURCE_PIXELS, s.width = p->width, s.height = p->height, s.channels = channels;
    s.data = to, s.data_size = size, s.stride = gap ? stride : 0;
    *memory = to;
    return s;
}

static void test_same_rows(void **state)
{
    (void)state;
    pictures p;
    float by_file[2 * D], rows[MOST * D];
    bool ok[2];
    gp_status statuses[MOST];
    gp_report report = GP_INIT(gp_report);
    gp_embed_options options = GP_EMBED_DEFAULTS;
    uint8_t *memory[6];
    open_pictures(&p);
    const char *paths[2] = {p.paths[0], p.paths[p.count - 1]};
    assert_ok(gp_embed_files(model, paths, 2, NULL, by_file, ok, NULL, &err));
    assert_true(ok[0] && ok[1] && memcmp(by_file, by_file + D, D * sizeof *by_file) != 0);
    gp_source sources[MOST];
    for (size_t i = 0; i < 2; i++) {
        gp_source *s = sources + i * 5;
        s[0] = of_path(paths[i]);
        s[1] = of_bytes(p.bytes[i].data, p.bytes[i].size);
        s[2] = of_pixels(&p.pixels[i], 3, 0, &memory[i * 3]);
        s[3] = of_pixels(&p.pixels[i], 3, 5, &memory[i * 3 + 1]);
        s[4] = of_pixels(&p.pixels[i], 4, 8, &memory[i * 3 + 2]);
    }
    for (int threads = 1; threads <= 3; threads++) {
        options.threads = threads, options.batch = threads;
        memset(rows, 0x5A, sizeof rows);
        assert_ok(gp_embed_sources(model, sources, 10, &options, rows, statuses, &report, &err));
        assert_int_equal(report.done, 10);
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(statuses[i], GP_OK);
            assert_memory_equal(rows + i * D, by_file + i / 5 * D, D * sizeof *rows);
        }
    }
    for (size_t i = 0; i < 6; i++) free(memory[i]);
    close_pictures(&p);
}

/* A gray image of one channel gives the same row as the same gray in three channels. */
static void test_gray(void **state)
{
    (void)state;
    enum { W = 37, H = 51 };
    uint8_t gray[W * H], rgb[W * H * 3];
    float rows[2 * D];
    gp_status statuses[2];
    for (size_t i = 0; i < W * H; i++) gray[i] = rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = (uint8_t)(i * i / 7);
    gp_source sources[2] = {GP_INIT(gp_source), GP_INIT(gp_source)};
    for (size_t i = 0; i < 2; i++) {
        gp_source *s = &sources[i];
        s->kind = GP_SOURCE_PIXELS, s->width = W, s->height = H, s->channels = i ? 3 : 1;
        s->data = i ? rgb : gray, s->data_size = i ? sizeof rgb : sizeof gray;
    }
    assert_ok(gp_embed_sources(model, sources, 2, NULL, rows, statuses, NULL, &err));
    assert_true(statuses[0] == GP_OK && statuses[1] == GP_OK);
    assert_memory_equal(rows, rows + D, D * sizeof *rows);
}

typedef struct heard {
    size_t count, own, index[MOST];
    char message[MOST][400];
    const char *path[MOST];
} heard;

static void hear(void *user, size_t index, const char *path, const char *message)
{
    heard *h = user;
    h->index[h->count] = index, h->path[h->count] = path;
    snprintf(h->message[h->count++], sizeof h->message[0], "%s", message);
}

static void hear_own(void *user, size_t index, const char *path)
{
    (void)path;
    ((heard *)user)->own = index;
}

/* The first and the last source are valid. Each source between them is invalid in one way. */
static void test_broken_among_good(void **state)
{
    (void)state;
    static const struct {
        gp_status status;
        const char *message;
    } wanted[] = {{GP_OK, NULL},
                  {GP_ERR_NOT_FOUND, "No such file"},
                  {GP_ERR_USAGE, "path is NULL"},
                  {GP_ERR_USAGE, "data is NULL"},
                  {GP_ERR_FORMAT, "is not an image"},
                  {GP_ERR_USAGE, "data is NULL"},
                  {GP_ERR_UNSUPPORTED, "2 channels"},
                  {GP_ERR_FORMAT, "has 0 x 4 pixels"},
                  {GP_ERR_USAGE, "stride of 2 bytes"},
                  {GP_ERR_USAGE, "4 x 4 pixels need 48 bytes, but data_size is 47"},
                  {GP_ERR_LIMIT, "over the limit"},
                  {GP_ERR_UNSUPPORTED, "unknown kind 9"},
                  {GP_OK, NULL}};
    enum { N = sizeof wanted / sizeof *wanted };
    pictures p;
    gp_source s[N];
    float rows[N * D], zero[D] = {0};
    gp_status statuses[N];
    heard h = {0};
    gp_report report = GP_INIT(gp_report);
    gp_embed_options options = GP_EMBED_DEFAULTS;
    static const uint8_t text[] = "no image at all, but words";
    uint8_t *memory;
    open_pictures(&p);
    s[0] = of_path(p.paths[0]);
    s[1] = of_path("/tmp/goldpan-nowhere.png");
    s[2] = of_path(NULL);
    s[3] = of_bytes(NULL, 10), s[3].path = p.paths[0]; /* only a name */
    s[4] = of_bytes(text, sizeof text), s[4].path = "row 4";
    for (size_t i = 5; i < 11; i++) {
        s[i] = of_bytes(text, 48), s[i].kind = GP_SOURCE_PIXELS;
        s[i].width = s[i].height = 4, s[i].channels = 3;
    }
    s[5].data = NULL;
    s[6].channels = 2;
    s[7].width = 0;
    s[8].stride = 2;
    s[9].data_size = 47;
    s[10].width = s[10].height = UINT32_MAX;
    s[11] = of_path(p.paths[0]), s[11].kind = (gp_source_kind)9;
    s[12] = of_pixels(&p.pixels[0], 3, 1, &memory);
    options.failed = hear, options.user = &h, options.threads = 2, options.batch = 3;
    assert_ok(gp_embed_sources(model, s, N, &options, rows, statuses, &report, &err));
    assert_int_equal(report.done, 2);
    assert_int_equal(report.failed, N - 2);
    assert_int_equal(h.count, N - 2);
    for (size_t i = 0; i < N; i++) assert_int_equal(statuses[i], wanted[i].status);
    for (size_t i = 0; i < h.count; i++) {
        assert_int_equal(h.index[i], i + 1);
        assert_ptr_equal(h.path[i], s[i + 1].path);
        if (!strstr(h.message[i], wanted[i + 1].message)) fail_msg("%zu: %s", i + 1, h.message[i]);
        assert_memory_equal(rows + (i + 1) * D, zero, sizeof zero);
    }
    assert_memory_equal(rows, rows + (N - 1) * D, D * sizeof *rows);
    free(memory);
    close_pictures(&p);
}

/* Sizes whose products overflow are rejected before the data is read. */
static void test_overflow(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height, channels;
        size_t stride;
    } sizes[] = {{UINT32_MAX, UINT32_MAX, 4, SIZE_MAX},
                 {1, UINT32_MAX, 1, SIZE_MAX / 2},
                 {1, 3, 1, SIZE_MAX / 2 + 1},
                 {4, 2, 4, SIZE_MAX - 15},
                 {UINT32_MAX, 1u << 30, 4, 0}};
    enum { N = sizeof sizes / sizeof *sizes };
    static const uint8_t one[64] = {0};
    gp_source s[N];
    float rows[N * D];
    gp_status statuses[N];
    gp_embed_options options = GP_EMBED_DEFAULTS;
    options.max_pixels = UINT64_MAX;
    for (size_t i = 0; i < N; i++) {
        s[i] = of_bytes(one, sizeof one), s[i].kind = GP_SOURCE_PIXELS;
        s[i].width = sizes[i].width, s[i].height = sizes[i].height;
        s[i].channels = sizes[i].channels, s[i].stride = sizes[i].stride;
    }
    assert_ok(gp_embed_sources(model, s, N, &options, rows, statuses, NULL, &err));
    for (size_t i = 0; i < N; i++) assert_int_equal(statuses[i], GP_ERR_USAGE);
}

/* goldpan marks the files that it writes. It also finds this mark in bytes in memory. Pixels have no mark. */
static void test_own(void **state)
{
    (void)state;
    char path[] = "/tmp/goldpan-sources-XXXXXX.png";
    uint8_t rgb[8 * 8 * 3] = {9};
    gp_bytes bytes = {0};
    gp_pixels pixels = {.width = 8, .height = 8, .rgb = rgb};
    float rows[2 * D];
    gp_status statuses[2];
    heard h = {.own = 99};
    gp_report report = GP_INIT(gp_report);
    gp_embed_options options = GP_EMBED_DEFAULTS;
    uint8_t *memory;
    close(mkstemps(path, 4));
    assert_ok(gp_image_write_marked(path, rgb, 8, 8, 0, "contact sheet", &err));
    assert_ok(gp_file_read(path, 1u << 20, &bytes, &err));
    unlink(path);
    gp_source s[2] = {of_pixels(&pixels, 3, 0, &memory), of_bytes(bytes.data, bytes.size)};
    assert_ok(gp_embed_sources(model, s, 2, &options, rows, statuses, &report, &err));
    assert_memory_equal(rows, rows + D, D * sizeof *rows);
    options.own = hear_own, options.user = &h;
    assert_ok(gp_embed_sources(model, s, 2, &options, rows, statuses, &report, &err));
    assert_int_equal(statuses[0], GP_OK);
    assert_int_equal(statuses[1], GP_ERR_UNSUPPORTED);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(h.own, 1);
    gp_bytes_clear(&bytes);
    free(memory);
}

/* Tests arrays of structs from an older caller and from a newer caller, and an array that is not initialised. */
static void test_sizes_of_elements(void **state)
{
    (void)state;
    struct {
        gp_source known;
        uint64_t later;
    } newer[2] = {{GP_INIT(gp_source), 0}, {GP_INIT(gp_source), 0}};
    pictures p;
    float rows[2 * D];
    gp_status statuses[2];
    open_pictures(&p);
    for (size_t i = 0; i < 2; i++) newer[i].known = of_path(p.paths[0]), newer[i].known.size = sizeof newer[i];
    assert_ok(gp_embed_sources(model, &newer[0].known, 2, NULL, rows, statuses, NULL, &err));
    assert_memory_equal(rows, rows + D, D * sizeof *rows);
    newer[1].later = 1;
    assert_int_equal(gp_embed_sources(model, &newer[0].known, 2, NULL, rows, statuses, NULL, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "gp_source has a field"));
    newer[1].later = 0, newer[1].known.size = 0;
    assert_int_equal(gp_embed_sources(model, &newer[0].known, 2, NULL, rows, statuses, NULL, &err), GP_ERR_USAGE);
    newer[0].known.size = 0;
    assert_int_equal(gp_embed_sources(model, &newer[0].known, 2, NULL, rows, statuses, NULL, &err), GP_ERR_USAGE);
    gp_source blank = GP_INIT(gp_source);
    assert_int_equal(gp_embed_sources(model, NULL, 1, NULL, rows, statuses, NULL, &err), GP_ERR_USAGE);
    assert_int_equal(gp_embed_sources(model, &blank, 1, NULL, rows, NULL, NULL, &err), GP_ERR_USAGE);
    assert_ok(gp_embed_sources(model, &blank, 0, NULL, rows, statuses, NULL, &err));
    close_pictures(&p);
}

/* Makes each allocation fail once, until the call succeeds. A failed call leaks nothing, and the successful call
 * returns the right rows. */
static void test_out_of_memory(void **state)
{
    (void)state;
    pictures p;
    uint8_t *memory;
    float rows[2 * D];
    gp_status statuses[2], st = GP_ERR_MEMORY;
    gp_embed_options options = GP_EMBED_DEFAULTS;
    open_pictures(&p);
    gp_source s[2] = {of_bytes(p.bytes[0].data, p.bytes[0].size), of_pixels(&p.pixels[0], 4, 0, &memory)};
    options.threads = 1;
    int64_t before = gp_mem_live();
    for (uint64_t n = 1; st != GP_OK && n < 1000; n++) {
        gp_mem_fail_at(n);
        st = gp_embed_sources(model, s, 2, &options, rows, statuses, NULL, &err);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    assert_int_equal(st, GP_OK);
    assert_memory_equal(rows, rows + D, D * sizeof *rows);
    free(memory);
    close_pictures(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_rows),     cmocka_unit_test(test_gray), cmocka_unit_test(test_broken_among_good),
        cmocka_unit_test(test_overflow),      cmocka_unit_test(test_own),  cmocka_unit_test(test_sizes_of_elements),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
