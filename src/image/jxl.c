/* SPDX-License-Identifier: MIT
 * Decodes JPEG XL with libjxl, on one thread: the first frame, 8 bits per sample, turned upright, alpha dropped. If the
 * file is a JPEG that was packed without loss, the JPEG is restored and decoded, as in pillow-jxl-plugin; its EXIF
 * orientation is then stored and not applied.
 * Memory: libjxl needs up to about 40 bytes per pixel for lossy files. */
#include "base/mem.h"
#include "image/boxes.h"
#include "image/codec.h"
#include "image/rgb.h"

#include <jxl/decode.h>
#include <string.h>

enum { FIRST_JPEG = 1 << 16, MOST_JPEG = 1 << 30, MOST_TEXT = 64 << 20, PIECE = 1 << 16 };

static gp_status damaged(gp_error *err)
{
    return gp_fail(err, GP_ERR_FORMAT, "JPEG XL data is damaged or truncated");
}

static bool is_container(const uint8_t *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes, "\0\0\0\x0cJXL \r\n\x87\n", 12) == 0;
}

/* Returns whether the file has the data that restores a JPEG. */
static bool has_jpeg(const uint8_t *bytes, size_t size)
{
    gp_box box;
    return is_container(bytes, size) && gp_box_find(bytes, size, "jbrd", &box);
}

/* Opens a file. The caller frees *out with JxlDecoderDestroy. */
static gp_status open_file(const uint8_t *bytes, size_t size, int events, JxlDecoder **out, gp_error *err)
{
    JxlDecoder *decoder = JxlDecoderCreate(NULL);
    if (!decoder) return gp_fail_memory(err, "decoding");
    JxlDecoderSubscribeEvents(decoder, events);
    JxlDecoderSetKeepOrientation(decoder, has_jpeg(bytes, size) ? JXL_TRUE : JXL_FALSE);
    JxlDecoderSetInput(decoder, bytes, size);
    JxlDecoderCloseInput(decoder);
    *out = decoder;
    return GP_OK;
}

/* Processes the file up to the basic information. */
static gp_status read_basic(JxlDecoder *decoder, JxlBasicInfo *out, gp_error *err)
{
    if (JxlDecoderProcessInput(decoder) != JXL_DEC_BASIC_INFO ||
        JxlDecoderGetBasicInfo(decoder, out) != JXL_DEC_SUCCESS)
        return damaged(err);
    return GP_OK;
}

/* A frame of the image may be larger than the image, which would take memory. Reads the sizes of all frames, without
 * their pixels, and rejects much larger ones. */
static gp_status check_frames(const uint8_t *bytes, size_t size, const JxlBasicInfo *basic, gp_error *err)
{
    JxlDecoder *decoder = NULL;
    gp_status st = GP_OK;
    GP_TRY(open_file(bytes, size, JXL_DEC_FRAME, &decoder, err));
    JxlDecoderSetCoalescing(decoder, JXL_FALSE);
    const uint64_t most = 4 * (uint64_t)basic->xsize * basic->ysize + (1 << 20);
    while (st == GP_OK && JxlDecoderProcessInput(decoder) == JXL_DEC_FRAME) {
        JxlFrameHeader frame;
        if (JxlDecoderGetFrameHeader(decoder, &frame) != JXL_DEC_SUCCESS) break;
        if ((uint64_t)frame.layer_info.xsize * frame.layer_info.ysize > most)
            st = gp_fail(err, GP_ERR_LIMIT, "has a JPEG XL frame of %ux%u pixels, which is far more than the image",
                         frame.layer_info.xsize, frame.layer_info.ysize);
    }
    JxlDecoderDestroy(decoder);
    return st;
}

/* ------------------------------------------------------------------ pixels */

static gp_status decode_pixels(JxlDecoder *decoder, const JxlBasicInfo *basic, gp_pixels *out, gp_error *err)
{
    const JxlPixelFormat format = {3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};
    size_t need = 0;
    JxlDecoderStatus got = JxlDecoderProcessInput(decoder);
    if (got != JXL_DEC_NEED_IMAGE_OUT_BUFFER) return damaged(err);
    GP_TRY(gp_image_alloc(basic->xsize, basic->ysize, out, err));
    const size_t size = 3 * (size_t)basic->xsize * basic->ysize;
    if (JxlDecoderImageOutBufferSize(decoder, &format, &need) != JXL_DEC_SUCCESS || need != size ||
        JxlDecoderSetImageOutBuffer(decoder, &format, out->rgb, size) != JXL_DEC_SUCCESS ||
        JxlDecoderProcessInput(decoder) != JXL_DEC_FULL_IMAGE) {
        gp_pixels_clear(out);
        return damaged(err);
    }
    return GP_OK;
}

/* Gray of more than 8 bits: as rgb.h says for 16-bit gray, values above 255 become white. */
static gp_status decode_deep_gray(JxlDecoder *decoder, const JxlBasicInfo *basic, gp_pixels *out, gp_error *err)
{
    const JxlPixelFormat format = {1, JXL_TYPE_UINT16, JXL_BIG_ENDIAN, 0};
    const size_t count = (size_t)basic->xsize * basic->ysize;
    uint8_t *gray = NULL;
    gp_status st;
    if (JxlDecoderProcessInput(decoder) != JXL_DEC_NEED_IMAGE_OUT_BUFFER) return damaged(err);
    GP_TRY(gp_alloc((void **)&gray, count, 2, "pixels", err));
    if (JxlDecoderSetImageOutBuffer(decoder, &format, gray, 2 * count) != JXL_DEC_SUCCESS ||
        JxlDecoderProcessInput(decoder) != JXL_DEC_FULL_IMAGE)
        GP_TRY_GOTO(damaged(err));
    GP_TRY_GOTO(gp_image_alloc(basic->xsize, basic->ysize, out, err));
    for (size_t y = 0; y < basic->ysize; y++)
        gp_rgb_from_png(gray + 2 * y * basic->xsize, out->rgb + 3 * y * basic->xsize, basic->xsize, 0, 16, NULL);
out:
    gp_mem_free(gray);
    return st;
}

/* Restores the JPEG that was packed into the file. */
static gp_status restore_jpeg(JxlDecoder *decoder, gp_str *jpeg, gp_error *err)
{
    size_t room = FIRST_JPEG;
    if (JxlDecoderProcessInput(decoder) != JXL_DEC_JPEG_RECONSTRUCTION) return damaged(err);
    for (size_t have = 0;;) {
        if (room > MOST_JPEG) return damaged(err);
        while (jpeg->size < room && !jpeg->failed) {
            static const char zeros[4096];
            gp_str_add(jpeg, zeros, room - jpeg->size < sizeof zeros ? room - jpeg->size : sizeof zeros);
        }
        if (jpeg->failed) return gp_fail_memory(err, "decoding");
        if (JxlDecoderSetJPEGBuffer(decoder, (uint8_t *)jpeg->data + have, room - have) != JXL_DEC_SUCCESS)
            return damaged(err);
        const JxlDecoderStatus got = JxlDecoderProcessInput(decoder);
        have = room - JxlDecoderReleaseJPEGBuffer(decoder);
        if (got == JXL_DEC_FULL_IMAGE) {
            jpeg->size = have;
            return GP_OK;
        }
        if (got != JXL_DEC_JPEG_NEED_MORE_OUTPUT) return damaged(err);
        room *= 2;
    }
}

static gp_status decode_jpeg(JxlDecoder *decoder, const JxlBasicInfo *basic, uint64_t max_pixels, gp_pixels *out,
                             gp_error *err)
{
    gp_str jpeg = GP_STR_INIT;
    gp_pixels pixels = {0};
    gp_status st = restore_jpeg(decoder, &jpeg, err);
    if (st == GP_OK) st = gp_image_jpeg((const uint8_t *)jpeg.data, jpeg.size, max_pixels, 1, &pixels, err);
    if (st == GP_OK && (pixels.width != basic->xsize || pixels.height != basic->ysize)) st = damaged(err);
    if (st == GP_OK)
        *out = pixels;
    else
        gp_pixels_clear(&pixels);
    gp_str_clear(&jpeg);
    return st;
}

static gp_status decode(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    const bool jpeg = has_jpeg(bytes, size);
    JxlDecoder *decoder = NULL;
    JxlBasicInfo basic;
    gp_pixels pixels = {0};
    gp_status st;
    GP_TRY(open_file(bytes, size, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE | (jpeg ? JXL_DEC_JPEG_RECONSTRUCTION : 0),
                     &decoder, err));
    GP_TRY_GOTO(read_basic(decoder, &basic, err));
    GP_TRY_GOTO(gp_image_check_size(basic.xsize, basic.ysize, max_pixels, err));
    GP_TRY_GOTO(check_frames(bytes, size, &basic, err));
    if (jpeg)
        st = decode_jpeg(decoder, &basic, max_pixels, &pixels, err);
    else if (basic.num_color_channels == 1 && basic.bits_per_sample > 8 && !basic.alpha_bits &&
             !basic.exponent_bits_per_sample)
        st = decode_deep_gray(decoder, &basic, &pixels, err);
    else
        st = decode_pixels(decoder, &basic, &pixels, err);
    if (st == GP_OK) *out = pixels;
out:
    JxlDecoderDestroy(decoder);
    return st;
}

/* ------------------------------------------------------------------ header, identity */

static gp_status read_head(const uint8_t *bytes, size_t size, JxlBasicInfo *out, gp_error *err)
{
    JxlDecoder *decoder = NULL;
    GP_TRY(open_file(bytes, size, JXL_DEC_BASIC_INFO, &decoder, err));
    gp_status st = read_basic(decoder, out, err);
    JxlDecoderDestroy(decoder);
    return st;
}

static gp_status info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    JxlBasicInfo basic;
    GP_TRY(read_head(bytes, size, &basic, err));
    GP_TRY(gp_image_check_size(basic.xsize, basic.ysize, UINT64_MAX, err));
    const uint32_t orientation =
        has_jpeg(bytes, size) && basic.orientation != JXL_ORIENT_IDENTITY ? basic.orientation : 0;
    *out = (gp_image_info){GP_FORMAT_JXL, basic.xsize, basic.ysize, orientation, basic.have_animation != 0};
    return GP_OK;
}

/* The codestream: the whole file, or the boxes jxlc and jxlp of a container. */
static bool stream(const uint8_t *bytes, size_t size, gp_hasher *hasher)
{
    gp_box box;
    bool any = false;
    size_t at = 0;
    if (!is_container(bytes, size)) {
        gp_hasher_add(hasher, bytes, size);
        return size > 2;
    }
    while (gp_box_next(bytes, size, &at, &box)) {
        const size_t index = gp_box_is(&box, "jxlp") ? 4 : 0; /* number of the part */
        if ((!index && !gp_box_is(&box, "jxlc")) || box.size < index) continue;
        gp_hasher_add(hasher, box.data + index, box.size - index);
        any = true;
    }
    return any && at == size;
}

static bool plain(const uint8_t *bytes, size_t size)
{
    JxlBasicInfo basic;
    return read_head(bytes, size, &basic, NULL) == GP_OK && !basic.alpha_bits && !basic.have_animation;
}

/* ------------------------------------------------------------------ metadata */

/* Reads the content of the present box. Returns false if it is damaged or too large. */
static bool read_box(JxlDecoder *decoder, gp_str *out, JxlDecoderStatus *next)
{
    uint8_t piece[PIECE];
    do {
        if (JxlDecoderSetBoxBuffer(decoder, piece, sizeof piece) != JXL_DEC_SUCCESS) return false;
        *next = JxlDecoderProcessInput(decoder);
        gp_str_add(out, piece, sizeof piece - JxlDecoderReleaseBoxBuffer(decoder));
    } while (*next == JXL_DEC_BOX_NEED_MORE_OUTPUT && out->size < MOST_TEXT && !out->failed);
    return (*next == JXL_DEC_BOX || *next == JXL_DEC_SUCCESS) && !out->failed;
}

static bool add_box(const char *type, const gp_str *content, const gp_text_sink *sink)
{
    const uint8_t *data = (const uint8_t *)content->data;
    if (memcmp(type, "xml ", 4) == 0) return sink->text(sink->user, "xmp", data, content->size);
    if (memcmp(type, "jumb", 4) == 0)
        return !memmem(data, content->size, "c2pa", 4) || sink->text(sink->user, "c2pa", data, 0);
    if (content->size < 8) return true;
    /* Before the TIFF header come 4 bytes with its offset; some writers omit them. */
    const bool bare = memcmp(data, "II*", 4) == 0 || memcmp(data, "MM\0*", 4) == 0;
    const size_t skip = bare ? 0 : 4 + (size_t)gp_be32(data);
    if (skip < content->size) sink->exif(sink->user, data + skip, content->size - skip);
    return true;
}

/* libjxl unpacks the boxes that are packed with Brotli. */
static void texts(const uint8_t *bytes, size_t size, const gp_text_sink *sink)
{
    JxlDecoder *decoder = NULL;
    if (!is_container(bytes, size) || open_file(bytes, size, JXL_DEC_BOX, &decoder, NULL) != GP_OK) return;
    JxlDecoderSetDecompressBoxes(decoder, JXL_TRUE);
    JxlDecoderStatus status = JxlDecoderProcessInput(decoder);
    size_t all = 0;
    for (bool go_on = true; go_on && status == JXL_DEC_BOX && all < MOST_TEXT;) {
        JxlBoxType type;
        if (JxlDecoderGetBoxType(decoder, type, JXL_TRUE) != JXL_DEC_SUCCESS) break;
        if (memcmp(type, "Exif", 4) != 0 && memcmp(type, "xml ", 4) != 0 && memcmp(type, "jumb", 4) != 0) {
            status = JxlDecoderProcessInput(decoder);
            continue;
        }
        gp_str content = GP_STR_INIT;
        go_on = read_box(decoder, &content, &status) && (!content.size || add_box(type, &content, sink));
        all += content.size;
        gp_str_clear(&content);
    }
    JxlDecoderDestroy(decoder);
}

const gp_codec gp_codec_jxl = {"JPEG XL", info, decode, stream, plain, texts};
