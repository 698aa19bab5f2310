/* SPDX-License-Identifier: MIT
 * Sends original images. The address contains a content hash, never a path; the path comes from the catalog. A file is
 * sent only if it is a regular file and its bytes have the expected hash. The expected hash is usually the one in the
 * address. If another program has changed only the file's metadata, it is the one that the catalog now has for the
 * path. So a path that has become a link, a device or a different file sends nothing.
 * Hashing reads the whole file, so a pool thread does it once for each (device, inode, size, time) and remembers the
 * result. */
#include "serve/server_private.h"

#include "base/mem.h"
#include "report/original.h"
#include "report/thumb.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_KNOWN = 1024 };

typedef struct known_file {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed, written;
    gp_hash hash;
} known_file;

struct gp_files {
    pthread_mutex_t lock;
    known_file known[MAX_KNOWN]; /* ring buffer of files whose content was checked */
    size_t count, next;
};

gp_status gp_files_open(gp_files **out, gp_error *err)
{
    gp_files *files = gp_mem_zero(1, sizeof *files);
    if (!files) return gp_fail_memory(err, "the server");
    pthread_mutex_init(&files->lock, NULL);
    *out = files;
    return GP_OK;
}

void gp_files_close(gp_files *files)
{
    if (!files) return;
    pthread_mutex_destroy(&files->lock);
    gp_mem_free(files);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_known(gp_files *files, const struct stat *info, const gp_hash *hash)
{
    bool found = false;
    pthread_mutex_lock(&files->lock);
    for (size_t i = 0; i < files->count && !found; i++) {
        const known_file *k = &files->known[i];
        found = k->device == info->st_dev && k->inode == info->st_ino && k->size == info->st_size &&
                same_time(k->changed, info->st_ctim) && same_time(k->written, info->st_mtim) &&
                memcmp(k->hash.bytes, hash->bytes, sizeof hash->bytes) == 0;
    }
    pthread_mutex_unlock(&files->lock);
    return found;
}

static void remember(gp_files *files, const struct stat *info, const gp_hash *hash)
{
    pthread_mutex_lock(&files->lock);
    files->known[files->next] =
        (known_file){info->st_dev, info->st_ino, info->st_size, info->st_ctim, info->st_mtim, *hash};
    files->next = (files->next + 1) % MAX_KNOWN;
    if (files->count < MAX_KNOWN) files->count++;
    pthread_mutex_unlock(&files->lock);
}

/* Responds with the file, or with the requested range of it.  Takes ownership of the file descriptor. */
static void send_file(gp_request *request, int file, uint64_t size, const gp_hash *hash, const char *type)
{
    uint64_t first = 0, last = 0;
    char text[100], tag[40] = "\"", hex[33];
    gp_hash_hex(*hash, hex);
    snprintf(tag, sizeof tag, "\"%s\"", hex);
    const char *if_range = gp_request_header(request, "If-Range");
    gp_range range = if_range && strcmp(if_range, tag) != 0
                         ? GP_RANGE_WHOLE
                         : gp_range_read(gp_request_header(request, "Range"), size, &first, &last);
    if (range == GP_RANGE_OUTSIDE) {
        close(file);
        gp_respond_error(request, 416, "the file has %llu bytes", (unsigned long long)size);
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
        if (request->response) MHD_add_response_header(request->response, "Content-Range", text);
        return;
    }
    bool part = range == GP_RANGE_PART;
    uint64_t count = part ? last - first + 1 : size;
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(count, file, first);
    if (!response) close(file);
    gp_respond(request, part ? 206 : 200, response, type, GP_CACHE_FOREVER);
    if (!request->response) return;
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    MHD_add_response_header(response, "ETag", tag);
    snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)first, (unsigned long long)last,
             (unsigned long long)size);
    if (part) MHD_add_response_header(response, "Content-Range", text);
}

typedef struct format_words {
    const char *format, *extension, *type;
    bool converted; /* most browsers cannot draw this format, so the server sends the image as PNG */
} format_words;
static const format_words formats[] = {{"png", "png", "image/png", false},    {"jpeg", "jpg", "image/jpeg", false},
                                       {"webp", "webp", "image/webp", false}, {"bmp", "bmp", "image/bmp", false},
                                       {"gif", "gif", "image/gif", false},    {"tiff", "png", "image/png", true},
                                       {"avif", "avif", "image/avif", false}, {"jxl", "png", "image/png", true}};

static const format_words *words_of_format(const char *format)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(format, formats[i].format)) return &formats[i];
    return NULL;
}

/* Sends an open file. First checks its content by hash, unless the ring buffer shows that this file was checked before.
 * If a check is needed and `patient` is false, closes the file, sends nothing and returns false. */
static bool send_checked(gp_request *request, int file, const gp_hash *hash, const char *type, bool patient)
{
    gp_files *files = request->server->files;
    struct stat info;
    gp_error why = {0};
    bool known = fstat(file, &info) == 0 && is_known(files, &info, hash);
    if (!known && !patient) {
        close(file);
        return false;
    }
    if (!known && gp_original_check(file, hash, &why) != GP_OK) {
        close(file);
        gp_respond_error(request, why.status == GP_ERR_MEMORY ? 500 : 404, "%s", why.message);
        return true;
    }
    if (!known) remember(files, &info, hash);
    send_file(request, file, (uint64_t)info.st_size, hash, type);
    return true;
}

/* Decodes the file at `path`, if it may be output, and appends it to `png`. */
static gp_status convert(gp_request *request, const char *path, const gp_hash *hash, uint32_t orientation, gp_str *png,
                         gp_error *err)
{
    gp_bytes bytes = {0};
    uint64_t admitted = 0;
    GP_TRY(gp_original_read(path, hash, &bytes, err));
    gp_status st = gp_gate_admit(request->server->gate, bytes.data, bytes.size, &admitted, err);
    if (st == GP_OK) st = gp_shown_png(bytes.data, bytes.size, orientation, png, err);
    gp_gate_leave(request->server->gate, admitted);
    gp_bytes_clear(&bytes);
    return st;
}

static void send_converted(gp_request *request, const char *path, const gp_hash *hash, uint32_t orientation)
{
    gp_str png = GP_STR_INIT;
    gp_error err = {0};
    err.status = convert(request, path, hash, orientation, &png, &err);
    if (err.status == GP_OK)
        gp_respond(request, 200, MHD_create_response_from_buffer(png.size, png.data, MHD_RESPMEM_MUST_COPY),
                   "image/png", GP_CACHE_FOREVER);
    else if (err.status == GP_ERR_FORMAT || err.status == GP_ERR_IO)
        gp_respond_error(request, 404, "%s", err.message);
    else
        gp_respond_failure(request, &err);
    gp_str_clear(&png);
}

/* Responds with the image file. If its content must be checked or converted and `patient` is false, does
 * nothing and returns false. */
static bool try_to_send(gp_request *request, bool patient)
{
    gp_snapshot *snapshot = gp_snapshot_ref(request->server);
    size_t row = gp_view_find(snapshot->view, &request->route.hash);
    const format_words *words = row == SIZE_MAX ? NULL : words_of_format(gp_view_format(snapshot->view, row));
    char *path = NULL;
    if (row != SIZE_MAX) (void)gp_view_path(snapshot->view, row, &path, NULL);
    bool done = true;
    int file = -1;
    if (!words || !path || strcmp(words->extension, request->route.format) != 0)
        gp_respond_error(request, 404, "the image does not exist");
    else if (words->converted && !patient)
        done = false;
    else if (words->converted)
        send_converted(request, path, gp_view_file_hash(snapshot->view, row), gp_view_orientation(snapshot->view, row));
    else if (gp_original_open_unchecked(path, &file, NULL) != GP_OK)
        gp_respond_error(request, 404, "the image's file no longer exists");
    else
        done = send_checked(request, file, gp_view_file_hash(snapshot->view, row), words->type, patient);
    gp_mem_free(path);
    gp_snapshot_unref(snapshot);
    return done;
}

static void check_and_send(gp_request *request)
{
    try_to_send(request, true);
    gp_request_resume(request);
}

void gp_serve_image(gp_request *request)
{
    if (!try_to_send(request, false)) gp_worker_pool_take(request->server->general_pool, request, check_and_send);
}
