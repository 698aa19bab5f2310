/* SPDX-License-Identifier: MIT
 * Undoes exports by their journals.  A journal says what an export may have made; what exists now decides.  Only what
 * is certainly goldpan's is deleted, and no content is deleted that is nowhere else. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "dataset/set_file.h"
#include "report/export.h"
#include "report/export_journal_private.h"
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct undoing {
    gp_catalog *cat;
    const gp_undo_options *options;
    gp_export_record record;
    gp_export_journal *journal; /* NULL in a dry run */
    gp_export_moves moves;
    gp_other_tables others;
    int lock;     /* the open folder of the export, locked; -1: not open */
    gp_str names; /* copies that were deleted, one on each line */
    gp_undo_report counts;
    gp_progress_meter ticker;
} undoing;

/* ------------------------------------------------------------------ reports */

static gp_status leave(undoing *u, const gp_made *made, const char *why)
{
    u->counts.left++;
    if (u->options->left) u->options->left(u->options->user, made->path, why);
    return GP_OK;
}

/* Counts something in *count, and records that it is undone. */
static gp_status settle(undoing *u, const gp_made *made, uint64_t *count, gp_error *err)
{
    ++*count;
    return gp_export_journal_undone(u->journal, made->path, err);
}

static const char *gone_reason(int number)
{
    return number == EACCES || number == EPERM ? "it cannot be deleted: no permission"
           : number == EROFS                   ? "it cannot be deleted: the disk is read-only"
                                               : "it cannot be deleted";
}

/* ------------------------------------------------------------------ copies and links */

static bool is_file(const struct stat *info, uint64_t device, uint64_t inode)
{
    return (uint64_t)info->st_dev == device && (uint64_t)info->st_ino == inode;
}

/* Another file with the content of a copy. */
typedef struct other_file {
    const gp_made *made;
    const struct stat *copy;
    bool found;
} other_file;

/* Returns true if the file at `path` has the content, and is not the copy itself, to which the path may lead through a
 * link to a folder.  Follows links, because an original may be a link to a file. */
static bool has_hash_beside(const char *path, const struct stat *copy, const gp_hash *hash)
{
    struct stat info;
    gp_hash now;
    uint64_t size;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool other = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
                 (!is_file(&info, (uint64_t)copy->st_dev, (uint64_t)copy->st_ino) || copy->st_nlink > 1);
    bool same = other && gp_hash_file(file, path, &now, &size, NULL) == GP_OK &&
                memcmp(now.bytes, hash->bytes, sizeof now.bytes) == 0;
    if (file >= 0) close(file);
    return same;
}

static bool find_other(void *user, const char *path, const gp_hash *hash, bool missing)
{
    other_file *other = user;
    (void)hash;
    if (!missing && !other->found && strcmp(path, other->made->path) != 0)
        other->found = has_hash_beside(path, other->copy, &other->made->original);
    return true;
}

/* Returns true if the original of a copy still has this content, or another file of the image has it. */
static bool is_elsewhere(undoing *u, const gp_made *made, const struct stat *copy)
{
    other_file other = {.made = made, .copy = copy};
    other.found = has_hash_beside(made->from, copy, &made->original);
    int flag = 0;
    gp_error ignored = {0};
    if (!other.found) (void)gp_cat_image_files(u->cat, &made->original, &flag, find_other, &other, &ignored);
    return other.found;
}

/* Returns NULL if the copy or link may be deleted; else why not. */
static const char *why_not_delete(undoing *u, const gp_made *made, const struct stat *info)
{
    char target[PATH_MAX];
    struct stat original;
    if (u->record.mode == GP_EXPORT_SYMLINK) {
        ssize_t n = S_ISLNK(info->st_mode) ? readlink(made->path, target, sizeof target) : -1;
        bool same = n >= 0 && (size_t)n == strlen(made->from) && memcmp(target, made->from, (size_t)n) == 0;
        return same ? NULL : "it is no longer the link that goldpan made";
    }
    if (!S_ISREG(info->st_mode)) return "it is no longer the file that goldpan made";
    if (u->record.mode == GP_EXPORT_HARDLINK && info->st_nlink > 1 && lstat(made->from, &original) == 0 &&
        is_file(&original, (uint64_t)info->st_dev, (uint64_t)info->st_ino))
        return NULL; /* the same file has both names */
    if (!gp_export_has_hash(made->path, &made->hash)) return "its content has changed";
    return is_elsewhere(u, made, info) ? NULL : "its original is gone or has changed, so this may be the only copy";
}

static gp_status undo_copy(undoing *u, const gp_made *made, gp_error *err)
{
    struct stat info;
    if (lstat(made->path, &info) != 0) return settle(u, made, &u->counts.gone, err);
    const char *why = why_not_delete(u, made, &info);
    if (why) return leave(u, made, why);
    if (!u->options->dry_run && unlink(made->path) != 0) return leave(u, made, gone_reason(errno));
    gp_str_printf(&u->names, "%s\n", made->path);
    return settle(u, made, &u->counts.removed, err);
}

static gp_status undo_table(undoing *u, const gp_made *made, gp_error *err)
{
    struct stat info;
    int file = -1;
    gp_hash now;
    gp_error why = {0};
    if (lstat(made->path, &info) != 0) return settle(u, made, &u->counts.gone, err);
    if (gp_other_tables_own(&u->others, made->path)) return settle(u, made, &u->counts.kept, err);
    gp_status st = gp_export_open_hashed(made->path, &file, &now, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st == GP_OK) close(file);
    bool ours = st == GP_OK && (memcmp(now.bytes, made->hash.bytes, sizeof now.bytes) == 0 ||
                                gp_other_tables_wrote(&u->others, made->path, &now));
    if (!ours) return leave(u, made, "its content has changed");
    if (!u->options->dry_run && unlink(made->path) != 0) return leave(u, made, gone_reason(errno));
    return settle(u, made, &u->counts.tables, err);
}

/* ------------------------------------------------------------------ moved files */

/* Moves the open file back.  Its content may have changed; then it is still the file that was moved. */
static gp_status move_back(undoing *u, const gp_made *made, int file, const gp_hash *now, gp_error *err)
{
    gp_error why = {0};
    bool unchanged = memcmp(now->bytes, made->hash.bytes, sizeof now->bytes) == 0;
    char *folder = gp_path_folder(made->from);
    if (!folder) return gp_fail_memory(err, "an undo");
    gp_status st = u->options->dry_run ? GP_OK : gp_folder_make(folder, &why);
    gp_mem_free(folder);
    if (st == GP_OK && !u->options->dry_run) st = gp_export_move(made->path, file, now, made->from, NULL, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st == GP_ERR_STOPPED) return leave(u, made, "another file is at its old path now");
    if (st != GP_OK) return leave(u, made, why.message);
    if (!u->options->dry_run)
        GP_TRY(gp_export_moves_add(&u->moves, made->path, made->from, unchanged ? now : NULL, err));
    return settle(u, made, &u->counts.moved, err);
}

static gp_status undo_move(undoing *u, const gp_made *made, gp_error *err)
{
    struct stat info, old;
    int file = -1;
    gp_hash now;
    gp_error why = {0};
    bool old_there = lstat(made->from, &old) == 0;
    if (lstat(made->path, &info) != 0) {
        if (!old_there || !gp_export_has_hash(made->from, &made->hash))
            return leave(u, made, "it is neither at its new path nor at its old one");
        if (!u->options->dry_run) GP_TRY(gp_export_moves_add(&u->moves, made->path, made->from, &made->hash, err));
        return settle(u, made, &u->counts.gone, err); /* it is back already */
    }
    if (old_there) return leave(u, made, "another file is at its old path now");
    gp_status st = gp_export_open_hashed(made->path, &file, &now, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK) return leave(u, made, why.message);
    if (memcmp(now.bytes, made->hash.bytes, sizeof now.bytes) != 0 && !is_file(&info, made->device, made->inode))
        st = leave(u, made, "another file is at its new path now");
    else
        st = move_back(u, made, file, &now, err);
    close(file);
    return st;
}

/* ------------------------------------------------------------------ the whole */

static gp_status undo_one(undoing *u, const gp_made *made, gp_error *err)
{
    if (made->undone || made->kind == GP_MADE_FOLDER) return GP_OK;
    if (made->kind == GP_MADE_TABLE) return undo_table(u, made, err);
    return u->record.mode == GP_EXPORT_MOVE ? undo_move(u, made, err) : undo_copy(u, made, err);
}

static gp_status undo_files(undoing *u, gp_error *err)
{
    uint64_t seen = 0;
    for (size_t i = u->record.count; i-- > 0;) {
        GP_TRY(undo_one(u, &u->record.made[i], err));
        if (!gp_progress_meter_update(&u->ticker, ++seen, u->counts.left))
            return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_progress_meter_finish(&u->ticker);
    return GP_OK;
}

static gp_status undo_folders(undoing *u, gp_error *err)
{
    for (size_t i = u->record.count; i-- > 0;) {
        const gp_made *made = &u->record.made[i];
        if (made->kind != GP_MADE_FOLDER || made->undone) continue;
        if (rmdir(made->path) == 0)
            GP_TRY(settle(u, made, &u->counts.folders, err));
        else if (errno == ENOENT)
            GP_TRY(gp_export_journal_undone(u->journal, made->path, err));
        else
            GP_TRY(
                leave(u, made, errno == ENOTEMPTY || errno == EEXIST ? "the folder is not empty" : gone_reason(errno)));
    }
    return GP_OK;
}

/* Undoes the files; the catalog and the lists of copies are right even after a stop or an error. */
static gp_status undo_all(undoing *u, gp_error *err)
{
    gp_error why = {0};
    gp_status st = undo_files(u, err);
    if (u->options->dry_run) return st;
    gp_status recorded = gp_export_moves_record(&u->moves, u->cat, st == GP_OK ? err : &why);
    if (st == GP_OK) st = recorded;
    if (u->names.size && gp_export_list_names("/", &u->names, true, &why) == GP_ERR_MEMORY && st == GP_OK)
        st = gp_fail_as(err, GP_ERR_MEMORY, &why);
    if (u->counts.tables && gp_set_files_tidy(u->record.folder, &why) == GP_ERR_MEMORY && st == GP_OK)
        st = gp_fail_as(err, GP_ERR_MEMORY, &why);
    if (st == GP_OK) st = undo_folders(u, err);
    if (st == GP_OK) return gp_export_journal_undo(u->journal, u->counts.left, err);
    if (recorded == GP_OK) (void)gp_export_journal_end(u->journal, &why); /* stopped: the catalog is right so far */
    return st;
}

/* Finds the number of the last export that is not undone. */
static gp_status find_last(undoing *u, uint64_t *number, gp_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    *number = 0;
    GP_TRY(gp_exports_list(gp_cat_path(u->cat), &numbers, &count, err));
    gp_status st = GP_OK;
    while (count-- > 0 && !*number && st == GP_OK) {
        gp_export_record r = {0};
        gp_error why = {0};
        st = gp_export_record_read(gp_cat_path(u->cat), numbers[count], &r, &why);
        if (st == GP_OK && (r.count || r.ended) && !r.undone_at) *number = numbers[count];
        st = st == GP_ERR_MEMORY ? gp_fail_as(err, st, &why) : GP_OK;
        gp_export_record_clear(&r);
    }
    gp_mem_free(numbers);
    if (st == GP_OK && !*number) st = gp_fail(err, GP_ERR_NOT_FOUND, "there is no export to undo");
    return st;
}

static gp_status open_record(undoing *u, uint64_t number, gp_error *err)
{
    GP_TRY(gp_export_journal_open(gp_cat_path(u->cat), number, &u->journal, err));
    if (!u->journal)
        return gp_fail(err, GP_ERR_USAGE, "export %llu, or an undo of it, runs now", (unsigned long long)number);
    GP_TRY(gp_export_record_read(gp_cat_path(u->cat), number, &u->record, err));
    GP_TRY(gp_export_lock(u->record.folder, &u->lock, err));
    if (u->options->dry_run) {
        gp_export_journal_close(u->journal);
        u->journal = NULL;
    }
    return gp_other_tables_read(gp_cat_path(u->cat), &u->record, &u->others, err);
}

gp_status gp_report_undo(gp_catalog *cat, const gp_undo_options *options, gp_undo_report *report, gp_error *err)
{
    double start = gp_clock_now();
    undoing u = {.cat = cat, .options = options, .lock = -1};
    gp_status st = GP_OK;
    uint64_t number = options->number;
    if (!gp_export_can_record(cat))
        return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' cannot be written: an undo needs its journals",
                            gp_cat_path(cat));
    if (!options->dry_run) GP_TRY_GOTO(gp_report_exports_recover(cat, err));
    if (!number) GP_TRY_GOTO(find_last(&u, &number, err));
    GP_TRY_GOTO(open_record(&u, number, err));
    gp_progress_meter_init(&u.ticker, "undo", u.record.count, options->progress, options->user);
    u.counts.number = number;
    st = undo_all(&u, err);
out:
    gp_export_journal_close(u.journal);
    gp_export_record_clear(&u.record);
    gp_export_moves_clear(&u.moves);
    gp_other_tables_clear(&u.others);
    if (u.lock >= 0) close(u.lock);
    gp_str_clear(&u.names);
    u.counts.seconds = gp_clock_now() - start;
    if (report) *report = u.counts;
    return st;
}

/* ------------------------------------------------------------------ the list */

static gp_status visit_one(gp_catalog *cat, uint64_t number, bool (*visit)(void *user, const gp_export_entry *entry),
                           void *user, bool *more, gp_error *err)
{
    gp_export_record r = {0};
    gp_export_journal *journal = NULL;
    gp_error why = {0};
    gp_status st = gp_export_record_read(gp_cat_path(cat), number, &r, &why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (st != GP_OK || (r.count == 0 && !r.ended)) {
        gp_export_record_clear(&r);
        return GP_OK;
    }
    bool opened = gp_export_journal_open(gp_cat_path(cat), number, &journal, &why) == GP_OK;
    gp_export_entry entry = {.number = number,
                             .at = r.at,
                             .mode = r.mode,
                             .folder = r.folder,
                             .name = r.name,
                             .files = r.files,
                             .undone_at = r.undone_at,
                             .left = r.left,
                             .running = opened && !journal,
                             .broken_off = !r.ended && !(opened && !journal)};
    gp_export_journal_close(journal);
    *more = visit(user, &entry);
    gp_export_record_clear(&r);
    return GP_OK;
}

gp_status gp_report_exports(gp_catalog *cat, bool (*visit)(void *user, const gp_export_entry *entry), void *user,
                            gp_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    bool more = true;
    GP_TRY(gp_exports_list(gp_cat_path(cat), &numbers, &count, err));
    gp_status st = GP_OK;
    for (size_t i = 0; st == GP_OK && more && i < count; i++) st = visit_one(cat, numbers[i], visit, user, &more, err);
    gp_mem_free(numbers);
    return st;
}
