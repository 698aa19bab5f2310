/* SPDX-License-Identifier: MIT
 * Writes animated WebP with libwebp's animation encoder; lossy, quality 80. */
#include "image/webp_animation.h"

#include "base/file.h"
#include "base/own.h"
#include "base/mem.h"

#include <webp/encode.h>
#include <webp/mux.h>

struct gp_animation {
    WebPAnimEncoder *encoder;
    uint32_t width, height;
    int start; /* start time of the next frame in milliseconds */
};

gp_status gp_animation_open(uint32_t width, uint32_t height, gp_animation **out, gp_error *err)
{
    WebPAnimEncoderOptions options;
    if (width == 0 || height == 0 || width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION)
        return gp_fail(err, GP_ERR_USAGE, "cannot write an animation of %ux%u pixels: each side must be 1 to %d", width,
                       height, WEBP_MAX_DIMENSION);
    gp_animation *a = gp_mem_zero(1, sizeof *a);
    if (!a) return gp_fail_memory(err, "an animation");
    if (!WebPAnimEncoderOptionsInit(&options)) {
        gp_mem_free(a);
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "the version of the installed libwebp is not the version that goldpan was built with: rebuild goldpan");
    }
    options.anim_params.loop_count = 0;
    a->width = width, a->height = height;
    a->encoder = WebPAnimEncoderNew((int)width, (int)height, &options);
    if (!a->encoder) {
        gp_mem_free(a);
        return gp_fail_memory(err, "an animation");
    }
    *out = a;
    return GP_OK;
}

gp_status gp_animation_add(gp_animation *a, const uint8_t *rgb, uint32_t milliseconds, gp_error *err)
{
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "the version of the installed libwebp is not the version that goldpan was built with: rebuild goldpan");
    config.quality = 80;
    picture.width = (int)a->width, picture.height = (int)a->height, picture.use_argb = 1;
    bool done = WebPPictureImportRGB(&picture, rgb, (int)(a->width * 3)) &&
                WebPAnimEncoderAdd(a->encoder, &picture, a->start, &config);
    WebPPictureFree(&picture);
    a->start += (int)milliseconds;
    return done ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "cannot encode a frame: %s", WebPAnimEncoderGetError(a->encoder));
}

/* Inserts goldpan's mark (base/own.h) as XMP. */
static gp_status mark(WebPData *data, gp_error *err)
{
    static const char xmp[] = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF"
                              " xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description"
                              " xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:CreatorTool=\"" GP_MARK_IMAGE
                              ": tour\"/></rdf:RDF></x:xmpmeta>";
    WebPData text = {(const uint8_t *)xmp, sizeof xmp - 1}, marked;
    WebPDataInit(&marked);
    WebPMux *mux = WebPMuxCreate(data, 1);
    bool done =
        mux && WebPMuxSetChunk(mux, "XMP ", &text, 1) == WEBP_MUX_OK && WebPMuxAssemble(mux, &marked) == WEBP_MUX_OK;
    WebPMuxDelete(mux);
    if (!done) return gp_fail_memory(err, "an animation");
    WebPDataClear(data);
    *data = marked;
    return GP_OK;
}

gp_status gp_animation_write(gp_animation *a, const char *path, gp_error *err)
{
    WebPData data;
    WebPDataInit(&data);
    if (!WebPAnimEncoderAdd(a->encoder, NULL, a->start, NULL) || !WebPAnimEncoderAssemble(a->encoder, &data))
        return gp_fail_path(err, GP_ERR_MEMORY, "cannot encode '%s': %s", path, WebPAnimEncoderGetError(a->encoder));
    gp_status st = mark(&data, err);
    if (st == GP_OK) st = gp_file_replace(path, data.bytes, data.size, err);
    WebPDataClear(&data);
    return st;
}

void gp_animation_close(gp_animation *a)
{
    if (!a) return;
    WebPAnimEncoderDelete(a->encoder);
    gp_mem_free(a);
}
