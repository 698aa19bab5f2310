/* SPDX-License-Identifier: MIT
 * Decodes AVIF with libavif, on one thread: 8, 10 and 12 bits, all kinds of chroma, grids, the first frame of a
 * sequence. As in Pillow, deeper samples are scaled to 8 bits, premultiplied alpha is divided, alpha is dropped, and
 * two rules of the format that writers often break are not enforced. Rotation and mirroring become the orientation.
 * Memory: libavif holds the planes, at most 8 bytes per pixel; the pixels need 3 bytes, with alpha 4. */
#include "base/mem.h"
#include "image/avif_items.h"
#include "image/boxes.h"
#include "image/codec.h"
#include "image/rgb.h"

#include <avif/avif.h>
#include <string.h>

static gp_status failed(avifResult result, gp_error *err)
{
    switch (result) {
    case AVIF_RESULT_OUT_OF_MEMORY: return gp_fail_memory(err, "decoding");
    case AVIF_RESULT_TRUNCATED_DATA:
    case AVIF_RESULT_WAITING_ON_IO: return gp_fail(err, GP_ERR_FORMAT, "AVIF data is truncated");
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
        return gp_fail(err, GP_ERR_UNSUPPORTED, "cannot be decoded: the installed libavif has no AV1 decoder");
    case AVIF_RESULT_NOT_IMPLEMENTED:
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
        return gp_fail(err, GP_ERR_UNSUPPORTED, "uses a part of AVIF that the installed libavif does not read");
    default: return gp_fail(err, GP_ERR_FORMAT, "AVIF data is damaged (%s)", avifResultToString(result));
    }
}

/* Opens a file and reads its boxes. The caller frees *out with avifDecoderDestroy. */
static gp_status open_file(const uint8_t *bytes, size_t size, avifDecoder **out, gp_error *err)
{
    avifDecoder *decoder = avifDecoderCreate();
    if (!decoder) return gp_fail_memory(err, "decoding");
    decoder->maxThreads = 1;
    decoder->strictFlags = AVIF_STRICT_ENABLED & ~(avifStrictFlags)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    avifResult result = avifDecoderSetIOMemory(decoder, bytes, size);
    if (result == AVIF_RESULT_OK) result = avifDecoderParse(decoder);
    if (result != AVIF_RESULT_OK) {
        avifDecoderDestroy(decoder);
        return failed(result, err);
    }
    *out = decoder;
    return GP_OK;
}

/* Copies a plane and drops the bits of each sample below the upper 8. */
static void copy_plane(const uint8_t *from, uint32_t from_row, uint8_t *to, uint32_t to_row, uint32_t width,
                       uint32_t height, unsigned shift)
{
    for (size_t y = 0; from && to && y < height; y++)
        for (size_t x = 0; x < width; x++) {
            uint16_t v;
            memcpy(&v, from + y * from_row + 2 * x, 2);
            to[y * to_row + x] = (uint8_t)(v >> shift > 255 ? 255 : v >> shift);
        }
}

/* Returns whether the libavif in Pillow converts an image from a copy with 8 bits per sample. Older versions convert
 * all images directly. */
static bool needs_copy(const avifImage *image)
{
    const bool direct = image->alphaPlane && (image->depth == 10 || image->yuvFormat == AVIF_PIXEL_FORMAT_YUV420);
    return image->depth > 8 && image->yuvFormat != AVIF_PIXEL_FORMAT_YUV400 && !direct;
}

/* Makes a copy of the planes with 8 bits per sample. The caller frees *out with avifImageDestroy. */
static gp_status shallow_copy(const avifImage *image, bool alpha, avifImage **out, gp_error *err)
{
    avifImage *copy = avifImageCreateEmpty();
    avifPixelFormatInfo format;
    if (!copy) return gp_fail_memory(err, "decoding");
    copy->width = image->width, copy->height = image->height, copy->depth = 8;
    copy->yuvFormat = image->yuvFormat, copy->yuvRange = image->yuvRange;
    copy->yuvChromaSamplePosition = image->yuvChromaSamplePosition;
    copy->colorPrimaries = image->colorPrimaries, copy->transferCharacteristics = image->transferCharacteristics;
    copy->matrixCoefficients = image->matrixCoefficients, copy->alphaPremultiplied = image->alphaPremultiplied;
    const avifResult made =
        avifImageAllocatePlanes(copy, (avifPlanesFlags)(AVIF_PLANES_YUV | (alpha ? AVIF_PLANES_A : 0)));
    avifGetPixelFormatInfo(image->yuvFormat, &format);
    const uint32_t across = (image->width + (uint32_t)format.chromaShiftX) >> format.chromaShiftX;
    const uint32_t down = (image->height + (uint32_t)format.chromaShiftY) >> format.chromaShiftY;
    bool whole = made == AVIF_RESULT_OK && copy->yuvPlanes[0] && (!alpha || copy->alphaPlane);
    for (int i = 0; i < 3; i++) {
        whole = whole && (!image->yuvPlanes[i] || copy->yuvPlanes[i]);
        copy_plane(image->yuvPlanes[i], image->yuvRowBytes[i], copy->yuvPlanes[i], copy->yuvRowBytes[i],
                   i ? across : image->width, i ? down : image->height, image->depth - 8);
    }
    copy_plane(image->alphaPlane, image->alphaRowBytes, copy->alphaPlane, copy->alphaRowBytes, image->width,
               image->height, image->depth - 8);
    if (!whole) {
        avifImageDestroy(copy);
        return gp_fail_memory(err, "decoding");
    }
    *out = copy;
    return GP_OK;
}

static gp_status convert(const avifImage *image, gp_pixels *out, gp_error *err)
{
    const bool alpha = image->alphaPlane != NULL;
    const uint32_t width = image->width, height = image->height;
    const size_t step = alpha ? 4 : 3;
    uint8_t *samples = NULL;
    avifRGBImage rgb;
    GP_TRY(gp_alloc((void **)&samples, (size_t)width * height, step, "pixels", err));
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = samples;
    rgb.rowBytes = (uint32_t)(step * width);
    const avifResult result = avifImageYUVToRGB(image, &rgb);
    if (result != AVIF_RESULT_OK) {
        gp_mem_free(samples);
        return failed(result, err);
    }
    for (size_t i = 1, n = (size_t)width * height; alpha && i < n; i++) memmove(samples + 3 * i, samples + 4 * i, 3);
    *out = (gp_pixels){.width = width, .height = height, .rgb = samples};
    return GP_OK;
}

static gp_status decode(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    avifDecoder *decoder = NULL;
    avifImage *shallow = NULL;
    gp_status st;
    GP_TRY(open_file(bytes, size, &decoder, err));
    const uint32_t width = decoder->image->width, height = decoder->image->height;
    GP_TRY_GOTO(gp_image_check_size(width, height, max_pixels, err));
    /* a coded frame may be larger than the image, but not much; this also limits what the AV1 decoder allocates */
    const uint64_t most = 2 * (uint64_t)width * height + 65536;
    if (most < decoder->imageSizeLimit) decoder->imageSizeLimit = (uint32_t)most;
    const avifResult result = avifDecoderNextImage(decoder);
    if (result != AVIF_RESULT_OK) GP_TRY_GOTO(failed(result, err));
    if (decoder->image->width != width || decoder->image->height != height)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "AVIF data is damaged: the size of the image changes"));
    if (needs_copy(decoder->image))
        GP_TRY_GOTO(shallow_copy(decoder->image, decoder->image->alphaPlane, &shallow, err));
    st = convert(shallow ? shallow : decoder->image, out, err);
out:
    if (shallow) avifImageDestroy(shallow);
    avifDecoderDestroy(decoder);
    return st;
}

/* Returns the EXIF orientation that means the same as the rotation and the mirroring; 0: none. */
static uint32_t orientation_of(const avifImage *image)
{
    const bool turned = image->transformFlags & AVIF_TRANSFORM_IROT,
               mirrored = image->transformFlags & AVIF_TRANSFORM_IMIR;
#if AVIF_VERSION >= 1000000
    const unsigned axis = image->imir.axis & 1;
#else
    const unsigned axis = image->imir.mode & 1;
#endif
    /* [angle / 90 degrees, counter-clockwise][not mirrored, top and bottom swapped, left and right swapped] */
    static const uint8_t table[4][3] = {{0, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    return table[turned ? image->irot.angle & 3 : 0][mirrored ? 1 + axis : 0];
}

static gp_status info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    avifDecoder *decoder = NULL;
    GP_TRY(open_file(bytes, size, &decoder, err));
    const avifImage *image = decoder->image;
    gp_status st = gp_image_check_size(image->width, image->height, UINT64_MAX, err);
    if (st == GP_OK)
        *out = (gp_image_info){GP_FORMAT_AVIF, image->width, image->height, orientation_of(image),
                               decoder->imageCount > 1};
    avifDecoderDestroy(decoder);
    return st;
}

static bool plain(const uint8_t *bytes, size_t size)
{
    avifDecoder *decoder = NULL;
    if (open_file(bytes, size, &decoder, NULL) != GP_OK) return false;
    const bool found = !decoder->alphaPresent && decoder->imageCount == 1;
    avifDecoderDestroy(decoder);
    return found;
}

static void texts(const uint8_t *bytes, size_t size, const gp_text_sink *sink)
{
    static const uint8_t c2pa[16] = {0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c,
                                     0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4, 0x81};
    avifDecoder *decoder = NULL;
    gp_box box;
    if (open_file(bytes, size, &decoder, NULL) != GP_OK) return;
    const avifRWData *exif = &decoder->image->exif, *xmp = &decoder->image->xmp;
    if (exif->size) sink->exif(sink->user, exif->data, exif->size);
    bool go_on = !xmp->size || sink->text(sink->user, "xmp", xmp->data, xmp->size);
    for (size_t at = 0; go_on && gp_box_next(bytes, size, &at, &box);)
        if (gp_box_is(&box, "uuid") && box.size >= 16 && memcmp(box.data, c2pa, 16) == 0)
            go_on = sink->text(sink->user, "c2pa", box.data, 0);
    avifDecoderDestroy(decoder);
}

const gp_codec gp_codec_avif = {"AVIF", info, decode, gp_avif_hash_items, plain, texts};
