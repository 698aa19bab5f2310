/* SPDX-License-Identifier: MIT
 * Texts in PNG, JPEG and WebP: files made here byte by byte, and 165 real files by checksum. */
#include "corpus.h"

#include "base/str.h"
#include "image/chunks.h"

#include <webp/encode.h>

/* ------------------------------------------------------------------ files made here */

static void put_be(gp_str *s, uint32_t v, int bytes)
{
    while (bytes--) gp_str_putc(s, (char)(v >> (8 * bytes)));
}

static void put_le(gp_str *s, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) gp_str_putc(s, (char)(v >> (8 * i)));
}

static void png_chunk(gp_str *s, const char *name, const void *data, size_t size)
{
    put_be(s, (uint32_t)size, 4);
    gp_str_add(s, name, 4);
    gp_str_add(s, data, size);
    put_be(s, 0xdeadbeef, 4); /* a wrong CRC, on purpose */
}
#define PNG_CHUNK(s, name, text) png_chunk(s, name, text, sizeof(text) - 1)

static void png_packed(gp_str *s, const char *name, const void *head, size_t head_size, const void *text, size_t size)
{
    gp_str body = GP_STR_INIT;
    uLongf packed = compressBound(size);
    uint8_t *buffer = malloc(packed);
    assert_non_null(buffer);
    assert_int_equal(compress(buffer, &packed, text, size), Z_OK);
    gp_str_add(&body, head, head_size);
    gp_str_add(&body, buffer, packed);
    png_chunk(s, name, body.data, body.size);
    gp_str_clear(&body);
    free(buffer);
}

typedef struct tag {
    unsigned tag, type;
    const void *data;
    size_t size; /* the number of bytes of `data`, which is also the TIFF count */
} tag;

/* Writes a TIFF block. The last `deep` of the tags are in an EXIF directory, all other tags in the first directory. */
static void put_tiff(gp_str *s, bool big, const tag *tags, size_t count, size_t deep)
{
    void (*put)(gp_str *, uint32_t, int) = big ? put_be : put_le;
    size_t top = count - deep, entries = top + (deep > 0);
    uint32_t deep_at = (uint32_t)(8 + 2 + 12 * entries + 4);
    uint32_t data_at = deep_at + (deep ? (uint32_t)(2 + 12 * deep + 4) : 0);
    gp_str_add(s, big ? "MM\0*" : "II*\0", 4);
    put(s, 8, 4);
    put(s, (uint32_t)entries, 2);
    for (size_t i = 0; i < count; i++) {
        if (i == top) {
            put(s, 0x8769, 2), put(s, 4, 2), put(s, 1, 4), put(s, deep_at, 4);
            put(s, 0, 4);
            put(s, (uint32_t)deep, 2);
        }
        put(s, tags[i].tag, 2), put(s, tags[i].type, 2);
        if (tags[i].type == 3) {
            put(s, 1, 4), put(s, *(const uint16_t *)tags[i].data, 2), put(s, 0, 2);
        } else {
            put(s, (uint32_t)tags[i].size, 4);
            if (tags[i].size > 4) {
                put(s, data_at, 4);
                data_at += (uint32_t)tags[i].size;
            } else {
                gp_str_add(s, tags[i].data, tags[i].size);
                for (size_t k = tags[i].size; k < 4; k++) gp_str_putc(s, 0);
            }
        }
    }
    put(s, 0, 4);
    for (size_t i = 0; i < count; i++)
        if (tags[i].type != 3 && tags[i].size > 4) gp_str_add(s, tags[i].data, tags[i].size);
}

/* ------------------------------------------------------------------ reading the texts */

static gp_chunks read_all(const gp_str *file)
{
    gp_chunks chunks;
    gp_error err = {0};
    uint8_t *exact = malloc(file->size);
    assert_non_null(exact);
    memcpy(exact, file->data, file->size);
    assert_ok(gp_image_read_chunks(exact, file->size, &chunks, &err));
    free(exact);
    return chunks;
}

static void expect(const gp_chunks *chunks, size_t index, const char *key, const char *text)
{
    assert_true(index < chunks->count);
    assert_string_equal(chunks->items[index].key, key);
    assert_string_equal(chunks->items[index].text, text);
    assert_int_equal(chunks->items[index].size, strlen(text));
}

static void start_png(gp_str *s)
{
    gp_str_add(s, "\x89PNG\r\n\x1a\n", 8);
    PNG_CHUNK(s, "IHDR", "\0\0\0\1\0\0\0\1\b\0\0\0\0");
}

static void test_png(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    start_png(&s);
    PNG_CHUNK(&s, "tEXt", "parameters\0a cat, Steps: 20");
    PNG_CHUNK(&s, "tEXt", "latin\0caf\xe9");
    PNG_CHUNK(&s, "tEXt", "utf8\0caf\xc3\xa9");
    PNG_CHUNK(&s, "tEXt", "no text at all");
    PNG_CHUNK(&s, "tEXt", "\0no keyword");
    PNG_CHUNK(&s, "tEXt", "caf\xe9\0keyword in Latin-1");
    png_packed(&s, "zTXt", "workflow\0\0", 10, "{\"a\": 1}", 8);
    PNG_CHUNK(&s, "zTXt", "bad\0\0not deflate");
    PNG_CHUNK(&s, "zTXt", "unknown method\0\1abc");
    PNG_CHUNK(&s, "IDAT", "whatever");
    PNG_CHUNK(&s, "iTXt", "prompt\0\0\0en\0Prompt\0\xe7\x8c\xab after the pixels");
    png_packed(&s, "iTXt", "XML:com.adobe.xmp\0\1\0\0\0", 22, "<x/>", 4);
    PNG_CHUNK(&s, "iTXt", "cut\0\0\0en");
    PNG_CHUNK(&s, "tEXt", "empty\0");
    PNG_CHUNK(&s, "IEND", "");
    PNG_CHUNK(&s, "tEXt", "late\0behind the end");
    gp_chunks c = read_all(&s);
    expect(&c, 0, "parameters", "a cat, Steps: 20");
    expect(&c, 1, "latin", "caf\xc3\xa9");
    expect(&c, 2, "utf8", "caf\xc3\xa9");
    expect(&c, 3, "caf\xc3\xa9", "keyword in Latin-1");
    expect(&c, 4, "workflow", "{\"a\": 1}");
    expect(&c, 5, "prompt", "\xe7\x8c\xab after the pixels");
    expect(&c, 6, "XML:com.adobe.xmp", "<x/>");
    expect(&c, 7, "empty", "");
    assert_int_equal(c.count, 8);
    assert_ptr_equal(gp_chunks_find(&c, "prompt"), &c.items[5]);
    assert_null(gp_chunks_find(&c, "seed"));
    gp_chunks_clear(&c);
    gp_str_clear(&s);
}

/* Entries that have a wrong checksum or cannot be read are counted. A text with a wrong checksum is kept and
 * marked. */
static void test_damage(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data;
        size_t size;
        size_t texts;
    } cases[] = {
        {"tEXt", "parameters\0a cat", 16, 1},  {"iTXt", "prompt\0\0\0\0\0a cat", 16, 1},
        {"comf", "prompt\0{}", 9, 1},          {"eXIf", "not EXIF", 8, 0},
        {"zTXt", "key\0\0not deflate", 16, 0}, {"priv", "not looked at", 13, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int right = 0; right < 2; right++) {
            gp_str s = GP_STR_INIT;
            start_png(&s);
            png_chunk(&s, cases[i].name, cases[i].data, cases[i].size);
            if (right) {
                uint32_t crc = crc_of(s.data + s.size - cases[i].size - 8, cases[i].size + 4);
                s.size -= 4;
                put_be(&s, crc, 4);
            }
            gp_chunks c = read_all(&s);
            bool bad_content = strcmp(cases[i].name, "eXIf") == 0 || strcmp(cases[i].name, "zTXt") == 0;
            bool looked_at = strcmp(cases[i].name, "priv") != 0;
            assert_int_equal(c.count, cases[i].texts);
            assert_int_equal(c.damaged, looked_at && (!right || bad_content));
            if (c.count) assert_int_equal(c.items[0].damaged, !right);
            gp_chunks_clear(&c);
            gp_str_clear(&s);
        }
    }
}

/* Content Credentials are reported once. A damaged text before them does not make them damaged. */
static void test_credentials(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    start_png(&s);
    PNG_CHUNK(&s, "tEXt", "parameters\0a cat");
    s.data[s.size - 1] ^= 1;
    for (int i = 0; i < 3; i++) PNG_CHUNK(&s, "caBX", "jumb");
    gp_chunks c = read_all(&s);
    assert_int_equal(c.count, 2);
    expect(&c, 1, "c2pa", "");
    assert_true(c.items[0].damaged);
    assert_false(c.items[1].damaged);
    gp_chunks_clear(&c);
    gp_str_clear(&s);
}

static void test_bounds(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    start_png(&s);
    size_t big = 40u << 20;
    char *zeros = calloc(big, 1);
    assert_non_null(zeros);
    memset(zeros, 'a', big);
    png_packed(&s, "zTXt", "one\0\0", 5, zeros, big);
    png_packed(&s, "zTXt", "two\0\0", 5, zeros, big); /* more than 64 MiB in total */
    png_packed(&s, "zTXt", "three\0\0", 7, zeros, 100);
    free(zeros);
    gp_chunks c = read_all(&s);
    assert_int_equal(c.count, 2);
    assert_string_equal(c.items[0].key, "one");
    assert_int_equal(c.items[0].size, big);
    assert_string_equal(c.items[1].key, "three");
    gp_chunks_clear(&c);
    gp_str_clear(&s);
    start_png(&s);
    for (int i = 0; i < 5000; i++) PNG_CHUNK(&s, "tEXt", "k\0v");
    c = read_all(&s);
    assert_int_equal(c.count, 4096);
    gp_chunks_clear(&c);
    gp_str_clear(&s);
}

#define UTF16BE "\0a\0 \0c\0a\0t\x73\x2b"
#define UTF16LE "a\0 \0c\0a\0t\0\x2b\x73"

static void test_user_comment(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool big;
        const char *text; /* NULL: no entry */
    } cases[] = {
#define CASE(bytes, big, text) {bytes, sizeof(bytes) - 1, big, text}
        CASE("ASCII\0\0\0a cat\0\0", false, "a cat"),
        CASE("UNICODE\0" UTF16BE, false, "a cat\xe7\x8c\xab"), /* the position of the zero bytes determines the byte
                                                                * order, not the TIFF header */
        CASE("UNICODE\0" UTF16LE, true, "a cat\xe7\x8c\xab"),
        CASE("UNICODE\0\xfe\xff\x73\x2b", false, "\xe7\x8c\xab"), /* with a byte order mark */
        CASE("UNICODE\0\xff\xfe\x2b\x73", true, "\xe7\x8c\xab"),
        CASE("UNICODE\0\x73\x2b", true, "\xe7\x8c\xab"), /* the text does not show its byte order, so the byte order
                                                          * of the TIFF header is used */
        CASE("UNICODE\0\x2b\x73", false, "\xe7\x8c\xab"),
        CASE("UNICODE\0" UTF16BE "\0\0", true, "a cat\xe7\x8c\xab"),
        /* the code of this text is UNICODE, but the text has one byte per character */
        CASE("UNICODE\0masterpiece, a cat, best", true, "masterpiece, a cat, best"),
        CASE("\0\0\0\0\0\0\0\0caf\xc3\xa9", true, "caf\xc3\xa9"),
        CASE("\0\0\0\0\0\0\0\0caf\xe9", true, "caf\xc3\xa9"),
        CASE("JIS\0\0\0\0\0abc", true, NULL),
        CASE("no code, only text", true, "no code, only text"),
        CASE("ASCII\0\0\0", true, NULL),
        CASE("short", true, "short"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gp_str exif = GP_STR_INIT, s = GP_STR_INIT;
        const tag tags[] = {{0x010f, 2, "Maker", 6}, {0x9286, 7, cases[i].bytes, cases[i].size}};
        put_tiff(&exif, cases[i].big, tags, 2, 1);
        start_png(&s);
        png_chunk(&s, "eXIf", exif.data, exif.size);
        gp_chunks c = read_all(&s);
        expect(&c, 0, "exif:Make", "Maker");
        assert_int_equal(c.count, cases[i].text ? 2 : 1);
        if (cases[i].text) expect(&c, 1, "exif:UserComment", cases[i].text);
        gp_chunks_clear(&c);
        gp_str_clear(&s);
        gp_str_clear(&exif);
    }
}

static void jpeg_segment(gp_str *s, unsigned marker, const char *head, size_t head_size, const void *data, size_t size)
{
    put_be(s, 0xff00 | marker, 2);
    put_be(s, (uint32_t)(2 + head_size + size), 2);
    gp_str_add(s, head, head_size);
    gp_str_add(s, data, size);
}

static void make_jpeg(gp_str *s, bool big)
{
    gp_str exif = GP_STR_INIT;
    static const uint16_t orientation = 6;
    const tag tags[] = {{0x010e, 2, "a description", 14},
                        {0x0110, 2, "abc", 4},
                        {0x0112, 3, &orientation, 2},
                        {0x0131, 2, "caf\xe9 soft\0\0", 11}};
    put_tiff(&exif, big, tags, 4, 0);
    gp_str_add(s, "\xff\xd8", 2);
    jpeg_segment(s, 0xfe, NULL, 0, "a comment", 9);
    jpeg_segment(s, 0xe1, "Exif\0\0", 6, exif.data, 40); /* an EXIF block that is divided into two JPEG segments */
    jpeg_segment(s, 0xe1, "Exif\0\0", 6, exif.data + 40, exif.size - 40);
    gp_str_add(s, "\xff\xff", 2); /* fill bytes */
    jpeg_segment(s, 0xe1, "http://ns.adobe.com/xap/1.0/", 29, "<x:xmpmeta/>", 12);
    jpeg_segment(s, 0xda, NULL, 0, "scan", 4);
    jpeg_segment(s, 0xfe, NULL, 0, "too late", 8);
    gp_str_clear(&exif);
}

static void test_jpeg(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        gp_str s = GP_STR_INIT;
        make_jpeg(&s, big);
        gp_chunks c = read_all(&s);
        expect(&c, 0, "jpeg:comment", "a comment");
        expect(&c, 1, "xmp", "<x:xmpmeta/>");
        expect(&c, 2, "exif:ImageDescription", "a description");
        expect(&c, 3, "exif:Model", "abc");
        expect(&c, 4, "exif:Software", "caf\xc3\xa9 soft");
        assert_int_equal(c.count, 5);
        gp_chunks_clear(&c);
        gp_str_clear(&s);
    }
}

/* Appends a segment of extended XMP with a part of `text`. */
static void more_xmp(gp_str *s, const char *guid, const char *text, size_t offset, size_t size)
{
    gp_str part = GP_STR_INIT;
    gp_str_puts(&part, guid);
    put_be(&part, (uint32_t)strlen(text), 4);
    put_be(&part, (uint32_t)offset, 4);
    gp_str_add(&part, text + offset, size);
    jpeg_segment(s, 0xe1, "http://ns.adobe.com/xmp/extension/", 35, part.data, part.size);
    gp_str_clear(&part);
}

/* Extended XMP is read if the packet names its GUID, and if it is complete. */
static void test_more_xmp(void **state)
{
    (void)state;
    static const char guid[] = "0123456789ABCDEF0123456789ABCDEF", other[] = "X123456789ABCDEF0123456789ABCDEF";
    static const char text[] = "<x>a long text</x>";
    for (int kind = 0; kind < 4; kind++) {
        gp_str s = GP_STR_INIT;
        gp_str_add(&s, "\xff\xd8", 2);
        jpeg_segment(&s, 0xe1, "http://ns.adobe.com/xap/1.0/", 29, guid, 32);
        more_xmp(&s, kind == 1 ? other : guid, text, 0, 5);
        if (kind != 2) more_xmp(&s, kind == 1 ? other : guid, text, 5, kind == 3 ? 3 : sizeof text - 6);
        jpeg_segment(&s, 0xda, NULL, 0, "scan", 4);
        gp_chunks c = read_all(&s);
        expect(&c, 0, "xmp", guid);
        if (kind == 0) expect(&c, 1, "xmp", text);
        assert_int_equal(c.count, kind == 0 ? 2 : 1);
        assert_int_equal(c.damaged, kind != 0);
        gp_chunks_clear(&c);
        gp_str_clear(&s);
    }
}

static void test_webp(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT, exif = GP_STR_INIT;
    const tag tags[] = {{0x010f, 2, "prompt:{}", 10}};
    static const uint16_t orientation = 8;
    const tag with_orientation[] = {tags[0], {0x0112, 3, &orientation, 2}};
    gp_str_puts(&exif, "Exif");
    /* some programs also write the prefix that EXIF has in JPEG ("Exif" and two zero bytes) in WebP files */
    gp_str_add(&exif, "\0\0", 2);
    put_tiff(&exif, false, with_orientation, 2, 0);
    gp_str_puts(&s, "RIFF");
    put_le(&s, 1000, 4);
    gp_str_puts(&s, "WEBPVP8X");
    put_le(&s, 10, 4);
    gp_str_add(&s, "\x0c\0\0\0\x63\0\0\x09\0\0", 10);
    gp_str_puts(&s, "ODD ");
    put_le(&s, 3, 4);
    gp_str_add(&s, "abc", 4); /* padding */
    gp_str_puts(&s, "EXIF");
    put_le(&s, (uint32_t)exif.size, 4);
    gp_str_add(&s, exif.data, exif.size);
    gp_str_puts(&s, "XMP ");
    put_le(&s, 4, 4);
    gp_str_puts(&s, "<x/>");
    gp_chunks c = read_all(&s);
    expect(&c, 0, "exif:Make", "prompt:{}");
    expect(&c, 1, "xmp", "<x/>");
    assert_int_equal(c.count, 2);
    gp_image_info head;
    gp_error err = {0};
    assert_ok(gp_image_read_info((uint8_t *)s.data, s.size, &head, &err));
    assert_int_equal(head.orientation, 8);
    assert_int_equal(head.width, 100);
    assert_int_equal(head.height, 10);
    gp_chunks_clear(&c);
    gp_str_clear(&exif);
    gp_str_clear(&s);
}

/* Sets every byte of the EXIF block to several values, so that offsets and counts get any value. */
static void test_damaged_exif(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    make_jpeg(&s, false);
    for (size_t i = 2; i < s.size; i++)
        for (int v = 0; v < 4; v++) {
            char kept = s.data[i];
            s.data[i] = (char)(kept ^ "\xff\x01\x80\x7f"[v]);
            gp_chunks c = read_all(&s);
            assert_true(c.count <= 8);
            gp_chunks_clear(&c);
            s.data[i] = kept;
        }
    gp_str_clear(&s);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        gp_str s = GP_STR_INIT;
        if (kind) {
            start_png(&s);
            PNG_CHUNK(&s, "tEXt", "latin\0caf\xe9");
            png_packed(&s, "zTXt", "workflow\0\0", 10, "{\"a\": 1}", 8);
        } else {
            make_jpeg(&s, true);
        }
        gp_status st = GP_ERR_MEMORY;
        uint64_t n = 1;
        for (; st != GP_OK; n++) {
            gp_chunks c = {0};
            gp_mem_fail_at(n);
            st = gp_image_read_chunks((uint8_t *)s.data, s.size, &c, NULL);
            gp_mem_fail_at(0);
            assert_true(st == GP_OK || (st == GP_ERR_MEMORY && c.count == 0));
            gp_chunks_clear(&c);
            assert_true(n < 100);
        }
        assert_true(n > 4);
        gp_str_clear(&s);
    }
}

/* ------------------------------------------------------------------ real files */

static void test_real(void **state)
{
    (void)state;
    const char *root = shared_path("data/metadata-twins", "texts of real generated images");
    if (!root) skip();
    gp_error err = {0};
    gp_bytes text;
    assert_ok(gp_file_read(source_path("tests/golden/images/metadata.tsv"), 1 << 20, &text, &err));
    char *save = NULL, file[300] = "";
    gp_chunks c = {0};
    size_t files = 0, rows = 0, of_file = 0;
    for (char *line = strtok_r((char *)text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *cell[4];
        split_line(line, cell, 4);
        if (strcmp(file, cell[0]) != 0) {
            if (of_file != c.count) fail_msg("%s: %zu texts, want %zu", file, c.count, of_file);
            gp_chunks_clear(&c);
            snprintf(file, sizeof file, "%s", cell[0]);
            char *path = gp_path_join(root, file);
            gp_bytes bytes;
            assert_ok(gp_file_read(path, 1 << 28, &bytes, &err));
            assert_ok(gp_image_read_chunks(bytes.data, bytes.size, &c, &err));
            gp_bytes_clear(&bytes);
            gp_mem_free(path);
            files++, of_file = 0;
        }
        bool found = false;
        for (size_t i = 0; i < c.count && !found; i++)
            found = strcmp(c.items[i].key, cell[1]) == 0 && c.items[i].size == strtoul(cell[2], NULL, 10) &&
                    crc_of(c.items[i].text, c.items[i].size) == strtoul(cell[3], NULL, 16);
        if (!found) fail_msg("%s: no %s of %s bytes with checksum %s", file, cell[1], cell[2], cell[3]);
        rows++, of_file++;
    }
    assert_int_equal(of_file, c.count);
    gp_chunks_clear(&c);
    gp_bytes_clear(&text);
    printf("%zu texts of %zu real files\n", rows, files);
}

/* Many entries refer to the same bytes. Together they must give no more text than the block has bytes. */
static void test_shared_bytes(void **state)
{
    (void)state;
    enum { ENTRIES = 2000, VALUE = 60000 };
    gp_str exif = GP_STR_INIT, s = GP_STR_INIT;
    size_t total = 0;
    gp_str_add(&exif, "II*\0", 4);
    put_le(&exif, 8, 4);
    put_le(&exif, ENTRIES, 2);
    for (int i = 0; i < ENTRIES; i++) {
        put_le(&exif, 0x10e, 2), put_le(&exif, 2, 2), put_le(&exif, VALUE, 4);
        put_le(&exif, 8 + 2 + 12 * ENTRIES + 4, 4);
    }
    put_le(&exif, 0, 4);
    for (int i = 0; i < VALUE; i++) gp_str_putc(&exif, 'x');
    gp_str_add(&s, "\x89PNG\r\n\x1a\n", 8);
    png_chunk(&s, "eXIf", exif.data, exif.size);
    gp_chunks c = read_all(&s);
    for (size_t i = 0; i < c.count; i++) total += c.items[i].size;
    assert_int_equal(total, VALUE); /* the text of one entry */
    gp_chunks_clear(&c);
    gp_str_clear(&s);
    gp_str_clear(&exif);
}

/* Hides a text in the lowest bits of RGBA pixels: in the samples from number `channel` on, `channels` bits a pixel. */
static void hide(uint8_t *rgba, size_t width, size_t height, size_t channel, size_t channels, const char *magic,
                 const char *text)
{
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, magic);
    put_be(&s, (uint32_t)strlen(text) * 8, 4);
    gp_str_puts(&s, text);
    assert_true(s.size * 8 <= width * height * channels);
    for (size_t i = 0; i < s.size * 8; i++) {
        size_t pixel = i / channels, x = pixel / height, y = pixel % height;
        uint8_t *sample = &rgba[4 * (y * width + x) + channel + i % channels];
        *sample = (uint8_t)((*sample & 0xfe) | (s.data[i / 8] >> (7 - i % 8) & 1));
    }
    gp_str_clear(&s);
}

/* A text that is hidden in the pixels of a lossless WebP is read; a lossy or cut WebP has none. */
static void test_hidden_webp(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channel, channels;
        const char *magic;
    } cases[] = {
        {64, 48, 3, 1, "stealth_pnginfo"}, {300, 7, 3, 1, "stealth_pnginfo"}, {40, 200, 0, 3, "stealth_rgbinfo"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *rgba = malloc(4 * cases[i].width * cases[i].height), *webp = NULL;
        assert_non_null(rgba);
        for (size_t k = 0; k < 4 * cases[i].width * cases[i].height; k++) rgba[k] = k % 4 == 3 ? 255 : (uint8_t)(k / 9);
        hide(rgba, cases[i].width, cases[i].height, cases[i].channel, cases[i].channels, cases[i].magic,
             "a red \xC3\xA9t\xC3\xA9");
        int width = (int)cases[i].width, height = (int)cases[i].height;
        size_t size = WebPEncodeLosslessRGBA(rgba, width, height, 4 * width, &webp);
        assert_true(size > 0);
        for (int cut = 0; cut < 2; cut++) {
            gp_chunks chunks = {0};
            gp_error err = {0};
            assert_ok(gp_chunks_add_hidden(webp, cut ? size / 2 : size, &chunks, &err));
            assert_int_equal(chunks.count, cut ? 0 : 1);
            assert_int_equal(chunks.damaged, 0);
            if (!cut) assert_string_equal(chunks.items[0].key, "stealth");
            if (!cut) assert_string_equal(chunks.items[0].text, "a red \xC3\xA9t\xC3\xA9");
            gp_chunks_clear(&chunks);
        }
        WebPFree(webp);
        size = WebPEncodeRGBA(rgba, width, height, 4 * width, 90, &webp);
        gp_chunks chunks = {0};
        gp_error err = {0};
        assert_ok(gp_chunks_add_hidden(webp, size, &chunks, &err));
        assert_int_equal(chunks.count, 0);
        WebPFree(webp);
        free(rgba);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),          cmocka_unit_test(test_credentials),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_damage),       cmocka_unit_test(test_user_comment), cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_more_xmp),     cmocka_unit_test(test_webp),         cmocka_unit_test(test_damaged_exif),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_hidden_webp),  cmocka_unit_test(test_real),
        cmocka_unit_test(test_shared_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
