/* SPDX-License-Identifier: MIT
 * See image_set.h. */
#include "unpack/image_set.h"

#include "archive/tar.h"
#include "base/file.h"
#include "base/image_names.h"
#include "base/mem.h"
#include "image/image.h"
#include "unpack/unpack_private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BEGINNING = 512 };

gp_status gp_unpack_skip_one(gp_unpacker *u, gp_unpack_skip kind, const char *what, gp_error *err)
{
    u->skips[kind]++;
    if (u->first[kind]) return GP_OK;
    u->first[kind] = gp_str_dup(what);
    return u->first[kind] ? GP_OK : gp_fail_memory(err, "a note");
}

/* Sets *same if the file has exactly these bytes. */
static gp_status compare_file(const char *path, const void *bytes, size_t size, bool *same, gp_error *err)
{
    struct stat st;
    gp_bytes there = {0};
    gp_error why = {0};
    *same = false;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size) return GP_OK;
    gp_status status = gp_file_read(path, size, &there, &why);
    if (status == GP_ERR_MEMORY) return gp_fail_as(err, status, &why);
    *same = status == GP_OK && there.size == size && (!size || memcmp(there.data, bytes, size) == 0);
    gp_bytes_clear(&there);
    return GP_OK;
}

static gp_status make_folder_of(const char *path, gp_error *err)
{
    char *folder = gp_path_folder(path);
    gp_status st = folder ? gp_folder_make(folder, err) : gp_fail_memory_path(err, "'%s'", path);
    gp_mem_free(folder);
    return st;
}

/* Writes the file; *there: it exists. */
static gp_status write_new(const char *path, const void *bytes, size_t size, bool *there, gp_error *err)
{
    gp_atomic_file *file = NULL;
    struct stat about;
    *there = lstat(path, &about) == 0;
    if (*there) return GP_OK;
    GP_TRY(make_folder_of(path, err));
    GP_TRY(gp_atomic_file_open(path, &file, err));
    gp_status st = gp_atomic_file_write(file, bytes, size, err);
    if (st != GP_OK) {
        gp_atomic_file_abort(file);
        return st;
    }
    st = gp_atomic_file_commit_new(file, err);
    *there = st == GP_ERR_STOPPED; /* another program has just written the file */
    return *there ? GP_OK : st;
}

gp_status gp_unpack_put(gp_unpacker *u, const char *name, const void *bytes, size_t size, bool image, gp_error *err)
{
    bool there, same = true;
    gp_str_reset(&u->path);
    gp_str_printf(&u->path, "%s/%s", u->folder.data, name);
    if (u->path.failed) return gp_fail_memory(err, "a path");
    GP_TRY(write_new(u->path.data, bytes, size, &there, err));
    if (there) GP_TRY(compare_file(u->path.data, bytes, size, &same, err));
    if (!same) {
        u->report->failed++;
        GP_TRY(gp_unpack_skip_one(u, GP_UNPACK_CONFLICTS, u->path.data, err));
    } else if (image && there) {
        u->report->skipped++;
    } else if (image) {
        u->report->done++;
    }
    const gp_report *n = u->report;
    return gp_progress_meter_update(&u->ticker, n->done + n->skipped, n->failed)
               ? GP_OK
               : gp_fail(err, GP_ERR_STOPPED, "stopped");
}

gp_status gp_unpack_extension(gp_unpacker *u, const char *name, const void *bytes, size_t size, const char **out,
                              gp_error *err)
{
    gp_image_guess seems;
    gp_format format = gp_image_sniff(bytes, size, &seems);
    *out = NULL;
    if (format == GP_FORMAT_UNKNOWN) {
        gp_str what = GP_STR_INIT;
        gp_str_printf(&what, "%s: %s", name, seems.what);
        gp_status st =
            what.failed ? gp_fail_memory(err, "a note") : gp_unpack_skip_one(u, GP_UNPACK_FORMATS, what.data, err);
        gp_str_clear(&what);
        return st;
    }
    const char *word = gp_image_format_name(format);
    *out = strcmp(word, "jpeg") == 0 ? "jpg" : word;
    return GP_OK;
}

/* ------------------------------------------------------------------ sets */

/* Sets u->folder to the folder of a set: "a/x.tar.gz" becomes "a/x", or "INTO/x". */
static gp_status set_folder(gp_unpacker *u, const char *path, gp_error *err)
{
    static const char *const endings[] = {".gz", ".zst", ".zstd", ".tar", ".tgz", ".parquet"};
    const char *base = gp_path_base(path);
    size_t size = strlen(base);
    for (size_t turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
            size_t n = strlen(endings[i]);
            if (size > n && gp_name_ends(base, size, endings[i])) size -= n;
        }
    char *folder = u->options->into ? gp_str_dup(u->options->into) : gp_path_folder(path);
    gp_str_reset(&u->folder);
    const bool dots = strspn(base, ".") >= size; /* "." and ".." are names of other folders */
    gp_str_printf(&u->folder, "%s/%s%.*s", folder ? folder : "", dots ? "_" : "", (int)size, base);
    bool whole = size == strlen(base);
    if (whole) gp_str_puts(&u->folder, "-images"); /* the set has no extension, so its own name is taken */
    bool failed = !folder || u->folder.failed;
    gp_mem_free(folder);
    return failed ? gp_fail_memory(err, "a path") : GP_OK;
}

/* Reads the first bytes of the file, decompressed if the file is compressed. *got: their number. */
static gp_status read_beginning(const char *path, uint8_t *out, size_t *got, gp_error *err)
{
    gp_stream *stream = NULL;
    GP_TRY(gp_stream_open(path, &stream, err));
    gp_status st = gp_stream_read(stream, out, BEGINNING, got, err);
    gp_stream_close(stream);
    return st;
}

static gp_status unpack_one(gp_unpacker *u, const char *path, gp_error *err)
{
    uint8_t beginning[BEGINNING];
    size_t got = 0;
    GP_TRY(set_folder(u, path, err));
    GP_TRY(read_beginning(path, beginning, &got, err));
    if (got >= 4 && memcmp(beginning, "PAR1", 4) == 0) return gp_unpack_parquet(u, path, err);
    if (gp_tar_begins(beginning, got)) return gp_unpack_tar(u, path, err);
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is neither a tar archive nor a Parquet file", path);
}

/* Unpacks one of several files. What is wrong with this file's content does not keep the others from being unpacked. */
static gp_status unpack_next(gp_unpacker *u, const char *path, gp_error *err)
{
    gp_error why = {0};
    gp_status st = unpack_one(u, path, &why);
    if (st == GP_OK) return GP_OK;
    bool content = st == GP_ERR_FORMAT || st == GP_ERR_UNSUPPORTED || st == GP_ERR_LIMIT || st == GP_ERR_NOT_FOUND;
    if (!content || u->options->file_count == 1) return gp_fail_as(err, st, &why);
    u->report->failed++;
    gp_note_say(u->options->note, u->options->note_user, "unpack-failed", 1, "%s", why.message);
    return GP_OK;
}

static bool on_progress(void *user)
{
    gp_unpacker *u = user;
    return gp_progress_meter_update(&u->ticker, u->report->done + u->report->skipped, u->report->failed);
}

static void say(const gp_unpacker *u, gp_unpack_skip kind, const char *code, const char *one, const char *many)
{
    uint64_t n = u->skips[kind];
    if (!n) return;
    gp_note_say(u->options->note, u->options->note_user, code, n, "%llu %s%s '%s'", (unsigned long long)n,
                gp_plural(n, one, many), n == 1 ? ":" : ", such as", u->first[kind]);
}

static void send_notes(const gp_unpacker *u)
{
    say(u, GP_UNPACK_OTHERS, "unpack-others", "member is neither an image nor its text, and is skipped",
        "members are neither images nor their texts, and are skipped");
    say(u, GP_UNPACK_LARGE, "unpack-large", "member is too large, and is skipped (images: 256 MiB, texts: 1 MiB)",
        "members are too large, and are skipped (images: 256 MiB, texts: 1 MiB)");
    say(u, GP_UNPACK_NO_IMAGE, "unpack-no-image", "row has no image, and is skipped",
        "rows have no image, and are skipped");
    say(u, GP_UNPACK_FORMATS, "unpack-formats", "image has a format that goldpan does not read, and is skipped",
        "images have formats that goldpan does not read, and are skipped");
    say(u, GP_UNPACK_CONFLICTS, "unpack-conflicts",
        "file exists with another content, and stays as it is; unpack into another folder with --into",
        "files exist with another content, and stay as they are; unpack into another folder with --into");
}

gp_status gp_unpack_sets(const gp_unpack_options *options, gp_report *report, gp_error *err)
{
    gp_unpacker u = {.options = options, .report = report, .folder = GP_STR_INIT, .path = GP_STR_INIT};
    gp_status st = GP_OK;
    double start = gp_clock_now();
    u.watch = (gp_watch){.go_on = on_progress, .user = &u};
    gp_progress_meter_init(&u.ticker, "unpack", 0, options->progress, options->user);
    for (size_t i = 0; i < options->file_count && st == GP_OK; i++) st = unpack_next(&u, options->files[i], err);
    if (st == GP_OK) gp_progress_meter_finish(&u.ticker);
    send_notes(&u);
    for (int i = 0; i < GP_UNPACK_SKIPS; i++) gp_mem_free(u.first[i]);
    gp_str_clear(&u.path);
    gp_str_clear(&u.folder);
    report->seconds = gp_clock_now() - start;
    return st;
}
