/* SPDX-License-Identifier: MIT
 * Decodes WebP with libwebp: lossy and lossless, and the first frame of an animation. Alpha is dropped and the colour
 * under it kept. As in Pillow, the whole container must be valid, and the first frame is placed on a black canvas. */
#include "base/mem.h"
#include "image/image.h"
#include "image/rgb.h"
#include "image/webp.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static gp_status decode_frame(const WebPIterator *frame, const gp_pixels *canvas, gp_error *err)
{
    size_t stride = 3 * (size_t)canvas->width;
    uint64_t x = (uint64_t)frame->x_offset, y = (uint64_t)frame->y_offset;
    uint64_t w = (uint64_t)frame->width, h = (uint64_t)frame->height;
    if (x + w > canvas->width || y + h > canvas->height)
        return gp_fail(err, GP_ERR_FORMAT, "WebP frame extends beyond the image");
    size_t start = (size_t)y * stride + 3 * (size_t)x;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "the version of the installed libwebp is not the version that goldpan was built with: rebuild goldpan");
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = canvas->rgb + start;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * canvas->height - start;
    switch ((int)WebPDecode(frame->fragment.bytes, frame->fragment.size, &config)) {
    case VP8_STATUS_OK: return GP_OK;
    case VP8_STATUS_OUT_OF_MEMORY: return gp_fail_memory(err, "decoding");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return gp_fail(err, GP_ERR_FORMAT, "WebP data is truncated");
    default: return gp_fail(err, GP_ERR_FORMAT, "WebP image data is damaged");
    }
}

gp_status gp_image_webp(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    const WebPData data = {bytes, size};
    WebPIterator frame = {0};
    gp_pixels canvas = {0};
    gp_status st = GP_OK;
    bool have_frame = false;
    gp_image_info head;
    GP_TRY(gp_webp_read_info(bytes, size, &head, err));
    GP_TRY(gp_image_check_size(head.width, head.height, max_pixels, err));
    WebPDemuxer *demux = WebPDemux(&data);
    if (!demux) return gp_fail(err, GP_ERR_FORMAT, "WebP data is damaged or truncated");
    uint32_t w = WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH), h = WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT);
    GP_TRY_GOTO(gp_image_check_size(w, h, max_pixels, err));
    have_frame = WebPDemuxGetFrame(demux, 1, &frame);
    if (!have_frame) GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "WebP has no image"));
    GP_TRY_GOTO(gp_image_alloc(w, h, &canvas, err));
    if ((uint32_t)frame.width != w || (uint32_t)frame.height != h) memset(canvas.rgb, 0, 3 * (size_t)w * h);
    GP_TRY_GOTO(decode_frame(&frame, &canvas, err));
    *out = canvas;
    canvas.rgb = NULL;
out:
    gp_mem_free(canvas.rgb);
    if (have_frame) WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demux);
    return st;
}
