/* SPDX-License-Identifier: MIT
 * Prepares pixels for the image tower as a preprocessor_config.json says: resize, centre crop, rescale, normalise.
 *
 *   Size:   the shorter side becomes S and the longer one int(S * long / short), in double, truncated.
 *   Crop:   left = floor((W - S) / 2), and top likewise; models in open_clip's layout round half to even. An image smaller than the crop is placed on a black canvas at
 *           ceil((S - W) / 2).
 *   Values: (float32(v * rescale) - mean) / std. The product is in double, the rest in float32. A table of
 *           3 x 256 holds all results.
 *
 * Resizing and cropping are one step, so pixels outside the crop are never computed.
 * Reference: transformers' CLIPImageProcessor with Pillow; the results are equal bit for bit. */
#include "image/preprocess.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE_MAX = 8192, MIN_OVERSIZE = 2 };
static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
static const double clip_std[3] = {0.26862954, 0.26130258, 0.27577711};

static const char *filter_name(gp_resample_filter filter)
{
    static const char *const names[] = {"bicubic", "bilinear", "lanczos", "box"};
    return names[filter];
}

/* Fills the table and the id of the configuration. The id contains the filter and the sizes. For the pixel values it
 * contains "clip" or a hash of the table. Two different configurations therefore have different ids. */
static void complete(gp_preprocess_config *c)
{
    bool clip = c->do_rescale && c->do_normalize && c->rescale == 1.0 / 255.0;
    for (int i = 0; i < 3; i++) {
        clip = clip && c->mean[i] == (float)clip_mean[i] && c->std[i] == (float)clip_std[i];
        for (int v = 0; v < 256; v++) {
            float x = c->do_rescale ? (float)(v * c->rescale) : (float)v;
            c->table[i][v] = c->do_normalize ? (x - c->mean[i]) / c->std[i] : x;
        }
    }
    char size[48] = "as-is", crop[48] = "none", values[33] = "clip";
    if (c->do_resize && c->longest_edge > 0)
        snprintf(size, sizeof size, "%s-longest-%u-fill-%u", filter_name(c->filter), c->longest_edge, c->fill);
    else if (c->do_resize && c->shortest_edge > 0)
        snprintf(size, sizeof size, "%s-%u", filter_name(c->filter), c->shortest_edge);
    else if (c->do_resize)
        snprintf(size, sizeof size, "%s-%ux%u", filter_name(c->filter), c->resize_w, c->resize_h);
    if (c->do_center_crop) snprintf(crop, sizeof crop, "%ux%u", c->crop_w, c->crop_h);
    if (!clip) gp_hash_hex(gp_hash_of(c->table, sizeof c->table), values), values[16] = '\0';
    snprintf(c->id, sizeof c->id, "pillow-%s-crop-%s%s-values-%s", size, crop, c->even_crop ? "-even" : "", values);
}

void gp_preprocess_set_fast(gp_preprocess_config *c)
{
    const size_t used = strlen(c->id);
    if (!c->fast_decode) snprintf(c->id + used, sizeof c->id - used, "-fast");
    c->fast_decode = true;
}

static void set_defaults(gp_preprocess_config *c)
{
    *c = (gp_preprocess_config){.do_resize = true,
                                .do_center_crop = true,
                                .do_rescale = true,
                                .do_normalize = true,
                                .shortest_edge = 224,
                                .filter = GP_FILTER_BICUBIC,
                                .crop_w = 224,
                                .crop_h = 224,
                                .rescale = 1.0 / 255.0};
    for (int i = 0; i < 3; i++) c->mean[i] = (float)clip_mean[i], c->std[i] = (float)clip_std[i];
}

void gp_preprocess_defaults(gp_preprocess_config *config)
{
    set_defaults(config);
    complete(config);
}

/* Reads a boolean member. An absent or null member leaves the default. */
static gp_status read_flag(const gp_json *root, const char *key, bool *out, gp_error *err)
{
    const gp_json *v = gp_json_get(root, key);
    if (gp_json_kind_of(v) == GP_JSON_NULL) return GP_OK;
    if (gp_json_kind_of(v) != GP_JSON_BOOL) return gp_fail(err, GP_ERR_FORMAT, "%s must be true or false", key);
    *out = gp_json_bool(v, *out);
    return GP_OK;
}

static gp_status read_side(const gp_json *v, const char *key, uint32_t *out, gp_error *err)
{
    uint64_t n;
    if (!gp_json_u64(v, &n) || n == 0 || n > SIDE_MAX)
        return gp_fail(err, GP_ERR_FORMAT, "%s must be a whole number from 1 to %d", key, SIDE_MAX);
    *out = (uint32_t)n;
    return GP_OK;
}

static bool is_number(const gp_json *v)
{
    return gp_json_kind_of(v) == GP_JSON_INT || gp_json_kind_of(v) == GP_JSON_REAL;
}

/* reads the member "size": a number (old files), {"shortest_edge"} or {"height", "width"} */
static gp_status read_size(const gp_json *v, gp_preprocess_config *c, gp_error *err)
{
    if (gp_json_kind_of(v) == GP_JSON_NULL) return GP_OK;
    if (is_number(v)) return read_side(v, "size", &c->shortest_edge, err);
    if (gp_json_kind_of(gp_json_get(v, "longest_edge")) != GP_JSON_NULL)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "size with longest_edge is not supported: goldpan supports shortest_edge, or height and width");
    const gp_json *edge = gp_json_get(v, "shortest_edge");
    if (gp_json_kind_of(edge) != GP_JSON_NULL) return read_side(edge, "size.shortest_edge", &c->shortest_edge, err);
    GP_TRY(read_side(gp_json_get(v, "height"), "size.height", &c->resize_h, err));
    GP_TRY(read_side(gp_json_get(v, "width"), "size.width", &c->resize_w, err));
    c->shortest_edge = 0;
    return GP_OK;
}

static gp_status read_crop(const gp_json *v, gp_preprocess_config *c, gp_error *err)
{
    if (gp_json_kind_of(v) == GP_JSON_NULL) return GP_OK;
    if (is_number(v)) {
        GP_TRY(read_side(v, "crop_size", &c->crop_h, err));
        c->crop_w = c->crop_h;
        return GP_OK;
    }
    GP_TRY(read_side(gp_json_get(v, "height"), "crop_size.height", &c->crop_h, err));
    return read_side(gp_json_get(v, "width"), "crop_size.width", &c->crop_w, err);
}

/* `resample` has Pillow's number of the filter: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming */
static gp_status read_filter(const gp_json *v, gp_resample_filter *out, gp_error *err)
{
    static const gp_resample_filter filters[] = {GP_FILTER_BICUBIC, GP_FILTER_LANCZOS, GP_FILTER_BILINEAR,
                                                 GP_FILTER_BICUBIC, GP_FILTER_BOX};
    uint64_t n;
    if (gp_json_kind_of(v) == GP_JSON_NULL) return GP_OK;
    if (!gp_json_u64(v, &n)) return gp_fail(err, GP_ERR_FORMAT, "resample must be a whole number");
    if (n < 1 || n > 4)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "resample must be 1 to 4, not %llu", (unsigned long long)n);
    *out = filters[n];
    return GP_OK;
}

/* Reads three numbers, or one number for all channels. */
static gp_status read_triple(const gp_json *root, const char *key, bool positive, float out[3], gp_error *err)
{
    const gp_json *v = gp_json_get(root, key);
    if (gp_json_kind_of(v) == GP_JSON_NULL) return GP_OK;
    if (!is_number(v) && (gp_json_kind_of(v) != GP_JSON_ARRAY || gp_json_count(v) != 3))
        return gp_fail(err, GP_ERR_FORMAT, "%s must be a list of three numbers", key);
    for (size_t i = 0; i < 3; i++) {
        double x;
        if (!gp_json_real(is_number(v) ? v : gp_json_at(v, i), &x) || !(fabs(x) <= 1e6) || (positive && !(x >= 1e-6)))
            return gp_fail(err, GP_ERR_FORMAT, "%s[%zu] must be a number from %s to 1000000", key, i,
                           positive ? "0.000001" : "-1000000");
        out[i] = (float)x;
    }
    return GP_OK;
}

/* Rejects the configuration of a processor that is not CLIP's. Such a file is also called preprocessor_config.json, but
 * its missing fields have other defaults. */
static gp_status check_type(const gp_json *root, gp_error *err)
{
    static const char *const keys[] = {"image_processor_type", "feature_extractor_type"};
    for (size_t i = 0; i < 2; i++) {
        const char *type = gp_json_text(gp_json_get(root, keys[i]), NULL);
        if (type && !gp_str_starts(type, "CLIPImageProcessor") && !gp_str_starts(type, "CLIPFeatureExtractor"))
            return gp_fail(err, GP_ERR_UNSUPPORTED, "%s must be CLIPImageProcessor, not '%.60s'", keys[i], type);
    }
    return GP_OK;
}

static gp_status read_fields(const gp_json *root, gp_preprocess_config *c, gp_error *err)
{
    if (gp_json_kind_of(root) != GP_JSON_OBJECT) return gp_fail(err, GP_ERR_FORMAT, "not a JSON object");
    GP_TRY(check_type(root, err));
    GP_TRY(read_flag(root, "do_resize", &c->do_resize, err));
    GP_TRY(read_flag(root, "do_center_crop", &c->do_center_crop, err));
    GP_TRY(read_flag(root, "do_rescale", &c->do_rescale, err));
    GP_TRY(read_flag(root, "do_normalize", &c->do_normalize, err));
    GP_TRY(read_size(gp_json_get(root, "size"), c, err));
    GP_TRY(read_crop(gp_json_get(root, "crop_size"), c, err));
    GP_TRY(read_filter(gp_json_get(root, "resample"), &c->filter, err));
    GP_TRY(read_triple(root, "image_mean", false, c->mean, err));
    GP_TRY(read_triple(root, "image_std", true, c->std, err));
    const gp_json *factor = gp_json_get(root, "rescale_factor");
    if (gp_json_kind_of(factor) != GP_JSON_NULL && (!gp_json_real(factor, &c->rescale) || !(fabs(c->rescale) <= 1e6)))
        return gp_fail(err, GP_ERR_FORMAT, "rescale_factor must be a number from -1000000 to 1000000");
    if (!c->do_center_crop) { /* without the crop, the image tower needs one size for all images */
        if (!c->do_resize || c->shortest_edge > 0)
            return gp_fail(err, GP_ERR_UNSUPPORTED, "if do_center_crop is false, size must have height and width");
        c->crop_w = c->resize_w, c->crop_h = c->resize_h;
    }
    return GP_OK;
}

gp_status gp_preprocess_parse(const char *json, size_t size, gp_preprocess_config *out, gp_error *err)
{
    gp_status st;
    gp_json *root = NULL;
    gp_preprocess_config c;
    set_defaults(&c);
    GP_TRY_GOTO(gp_json_parse(json, size, false, 64, &root, err));
    GP_TRY_GOTO(read_fields(root, &c, err));
    complete(&c);
    *out = c;
out:
    gp_json_free(root);
    return st;
}

/* Reads resize_mode of open_clip: shortest, squash or longest.  `edge` is the side of the result. */
static gp_status read_resize_mode(const gp_json *object, uint32_t edge, gp_preprocess_config *c, gp_error *err)
{
    const gp_json *value = gp_json_get(object, "resize_mode");
    const char *mode = gp_json_kind_of(value) == GP_JSON_NULL ? "shortest" : gp_json_text(value, NULL);
    c->crop_w = c->crop_h = edge;
    c->shortest_edge = 0;
    if (mode && strcmp(mode, "shortest") == 0) {
        c->shortest_edge = edge, c->even_crop = true;
    } else if (mode && strcmp(mode, "squash") == 0) {
        c->resize_w = c->resize_h = edge, c->do_center_crop = false;
    } else if (mode && strcmp(mode, "longest") == 0) {
        c->longest_edge = edge;
    } else {
        return gp_fail(err, GP_ERR_UNSUPPORTED, "resize_mode must be shortest, squash or longest, not '%.60s'",
                       mode ? mode : "(not a string)");
    }
    return GP_OK;
}

static gp_status read_open_clip(const gp_json *object, uint32_t side, gp_preprocess_config *c, gp_error *err)
{
    const gp_json *size = gp_json_get(object, "size"), *filter = gp_json_get(object, "interpolation"),
                  *fill = gp_json_get(object, "fill_color"), *mode = gp_json_get(object, "mode");
    uint64_t colour = 0;
    uint32_t edge = side, other = 0;
    if (gp_json_kind_of(size) == GP_JSON_ARRAY && gp_json_count(size) == 2) {
        GP_TRY(read_side(gp_json_at(size, 0), "size[0]", &edge, err));
        GP_TRY(read_side(gp_json_at(size, 1), "size[1]", &other, err));
        if (edge != other) return gp_fail(err, GP_ERR_UNSUPPORTED, "size must have two equal sides");
    } else if (gp_json_kind_of(size) != GP_JSON_NULL) {
        GP_TRY(read_side(size, "size", &edge, err));
    }
    const char *name = gp_json_kind_of(filter) == GP_JSON_NULL ? "bicubic" : gp_json_text(filter, NULL);
    if (!name || (strcmp(name, "bicubic") != 0 && strcmp(name, "bilinear") != 0))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "interpolation must be bicubic or bilinear, not '%.60s'",
                       name ? name : "(not a string)");
    c->filter = strcmp(name, "bicubic") == 0 ? GP_FILTER_BICUBIC : GP_FILTER_BILINEAR;
    if (gp_json_kind_of(fill) != GP_JSON_NULL && (!gp_json_u64(fill, &colour) || colour > 255))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "fill_color must be a whole number from 0 to 255");
    c->fill = (uint8_t)colour;
    if (gp_json_kind_of(mode) != GP_JSON_NULL && (!gp_json_text(mode, NULL) || strcmp(gp_json_text(mode, NULL), "RGB")))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "mode must be RGB");
    GP_TRY(read_triple(object, "mean", false, c->mean, err));
    GP_TRY(read_triple(object, "std", true, c->std, err));
    return read_resize_mode(object, edge, c, err);
}

gp_status gp_preprocess_open_clip(const gp_json *object, uint32_t side, gp_preprocess_config *out, gp_error *err)
{
    gp_preprocess_config c;
    set_defaults(&c);
    if (gp_json_kind_of(object) != GP_JSON_NULL && gp_json_kind_of(object) != GP_JSON_OBJECT)
        return gp_fail(err, GP_ERR_FORMAT, "preprocess_cfg must be an object");
    GP_TRY(read_open_clip(object, side, &c, err));
    complete(&c);
    *out = c;
    return GP_OK;
}

/* Computes the side x * edge / longer, rounded half to even; at least 1. */
static uint32_t short_edge(uint32_t edge, uint32_t x, uint32_t longer)
{
    double v = rint((double)((uint64_t)edge * x) / longer);
    return v >= 1 ? (uint32_t)v : 1;
}

/* Computes int(edge * longer / shorter) as Python does: exact product, one rounded division, truncation. Results over
 * 32 bits become UINT32_MAX, which gp_resize_rgb_window rejects. */
static uint32_t long_edge(uint32_t edge, uint32_t longer, uint32_t shorter)
{
    double v = (double)((uint64_t)edge * longer) / shorter;
    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

void gp_preprocess_size(const gp_preprocess_config *config, uint32_t w, uint32_t h, uint32_t *out_w, uint32_t *out_h)
{
    const gp_preprocess_config *c = config;
    if (!c->do_resize || w == 0 || h == 0) {
        *out_w = w, *out_h = h;
    } else if (c->longest_edge > 0) {
        *out_w = short_edge(c->longest_edge, w, w > h ? w : h), *out_h = short_edge(c->longest_edge, h, w > h ? w : h);
    } else if (c->shortest_edge == 0) {
        *out_w = c->resize_w, *out_h = c->resize_h;
    } else if (w <= h) {
        *out_w = c->shortest_edge, *out_h = long_edge(c->shortest_edge, h, w);
    } else {
        *out_w = long_edge(c->shortest_edge, w, h), *out_h = c->shortest_edge;
    }
}

/* Returns the largest of 8, 4, 2 for which the decoded image still has at least MIN_OVERSIZE times the size after
 * resizing; else 1. Scaled decoding removes the frequencies above a sharp limit, so this limit must be above all
 * frequencies that the bicubic filter uses. With half of MIN_OVERSIZE the cosine between fast and exact embeddings
 * falls from 0.9999 to 0.997 (docs/performance.md). */
static uint32_t reduction(const gp_preprocess_config *c, uint32_t w, uint32_t h)
{
    for (uint32_t by = 8; by > 1; by /= 2) {
        const uint32_t small_w = (w - 1) / by + 1, small_h = (h - 1) / by + 1;
        uint32_t out_w, out_h;
        gp_preprocess_size(c, small_w, small_h, &out_w, &out_h);
        if (small_w / MIN_OVERSIZE >= out_w && small_h / MIN_OVERSIZE >= out_h) return by;
    }
    return 1;
}

gp_status gp_preprocess_decode(const gp_preprocess_config *config, const uint8_t *bytes, size_t size,
                               uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_image_info head;
    if (!config->fast_decode || !config->do_resize) return gp_image_decode_bytes(bytes, size, max_pixels, out, err);
    GP_TRY(gp_image_read_info(bytes, size, &head, err));
    return gp_image_decode_reduced(bytes, size, max_pixels, reduction(config, head.width, head.height), out, err);
}

/* The crop along one axis. from: first pixel in the resized image; to: first pixel in the crop; n: number of pixels. */
typedef struct span {
    uint32_t from, to, n;
} span;

static span centre(const gp_preprocess_config *c, uint32_t size, uint32_t crop)
{
    if (size < crop) return (span){.from = 0, .to = (crop - size + (c->longest_edge ? 0 : 1)) / 2, .n = size};
    uint32_t from = (size - crop) / 2;
    if (c->even_crop && (size - crop) % 2) from += from % 2;
    return (span){.from = from, .to = 0, .n = crop};
}

gp_status gp_preprocess_crop(const gp_preprocess_config *config, const gp_pixels *pixels, uint8_t *out, gp_error *err)
{
    const gp_preprocess_config *c = config;
    const gp_pixels *p = pixels;
    uint32_t w, h;
    gp_preprocess_size(c, p->width, p->height, &w, &h);
    const span sx = centre(c, w, c->crop_w), sy = centre(c, h, c->crop_h);
    if (sx.n == c->crop_w && sy.n == c->crop_h)
        return gp_resize_rgb_window(p->rgb, p->width, p->height, out, w, h, sx.from, sy.from, sx.n, sy.n, c->filter,
                                    err);

    uint8_t *window = NULL; /* [sy.n, sx.n, 3] */
    const size_t row = (size_t)sx.n * 3;
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&window, sy.n, row, "crop", err));
    GP_TRY_GOTO(
        gp_resize_rgb_window(p->rgb, p->width, p->height, window, w, h, sx.from, sy.from, sx.n, sy.n, c->filter, err));
    memset(out, c->fill, (size_t)c->crop_w * c->crop_h * 3);
    for (size_t y = 0; y < sy.n; y++) memcpy(out + ((sy.to + y) * c->crop_w + sx.to) * 3, window + y * row, row);
out:
    gp_mem_free(window);
    return st;
}

gp_status gp_preprocess_planes(const gp_preprocess_config *config, const gp_pixels *pixels, float *planes,
                               gp_error *err)
{
    const size_t n = (size_t)config->crop_w * config->crop_h;
    uint8_t *rgb = NULL; /* [crop_h, crop_w, 3] */
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&rgb, n, 3, "crop", err));
    GP_TRY_GOTO(gp_preprocess_crop(config, pixels, rgb, err));
    gp_kernel_table()->normalise(rgb, n, config->table[0], planes, n);
out:
    gp_mem_free(rgb);
    return st;
}
