/* SPDX-License-Identifier: MIT
 * Tests the trash: a trash folder per file system, names that collide, places that cannot be written, links, files that
 * were replaced, and the way back. */
#include "base/trash.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trash_private.h"
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static char place[200]; /* of this test run */

static const char *at(const char *name)
{
    static char buffers[6][1200];
    static int turn;
    char *out = buffers[turn++ % 6];
    snprintf(out, sizeof buffers[0], "%s/%s", place, name);
    return out;
}

static void put_file(const char *path, const char *text)
{
    gp_error err = {0};
    assert_ok(gp_file_replace(path, text, strlen(text), &err));
}

static char *text_of(const char *path)
{
    static char text[4096];
    gp_bytes bytes = {0};
    if (gp_file_read(path, sizeof text - 1, &bytes, NULL) != GP_OK) return NULL;
    memcpy(text, bytes.data, bytes.size + 1);
    gp_bytes_clear(&bytes);
    return text;
}

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Opens the file, and moves it to the trash. (Callers of gp_trash_put have already opened and checked the file.) */
static gp_status put(const char *path, gp_error *err)
{
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    gp_status st = gp_trash_put(path, file, err);
    close(file);
    return st;
}

static bool any(void *user, int file)
{
    (void)user;
    return file >= 0;
}

/* Returns true if the file begins with the text. */
static bool begins(void *user, int file)
{
    char text[100] = "";
    return pread(file, text, sizeof text - 1, 0) >= 0 && strncmp(text, user, strlen(user)) == 0;
}

static gp_status restore(const char *path, gp_error *err)
{
    gp_trash_index *index = NULL;
    assert_int_equal(gp_trash_index_new(&index, err), GP_OK);
    gp_status st = gp_trash_restore(index, path, any, NULL, err);
    gp_trash_index_free(index);
    return st;
}

static unsigned count_in(const char *folder)
{
    unsigned n = 0;
    DIR *d = opendir(folder);
    if (!d) return 0;
    for (const struct dirent *one; (one = readdir(d));) n += one->d_name[0] != '.' || strlen(one->d_name) > 2;
    closedir(d);
    return n;
}

static int begin_test(void **state)
{
    (void)state;
    char command[300];
    gp_error err = {0};
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    assert_int_equal(system(command), 0);
    assert_ok(gp_folder_make(at("pictures"), &err));
    setenv("XDG_DATA_HOME", at("data"), 1);
    return 0;
}

/* ------------------------------------------------------------------ the home trash */

static void test_there_and_back(void **state)
{
    (void)state;
    gp_error err = {0};
    struct stat info;
    char want[700], real[600], *resolved = realpath(place, NULL);
    int year, month, day, hour, minute, second;
    snprintf(real, sizeof real, "%s", resolved);
    free(resolved);
    put_file(at("pictures/a b%\xc3\xa4.png"), "one");
    assert_ok(put(at("pictures/a b%\xc3\xa4.png"), &err));
    assert_false(exists(at("pictures/a b%\xc3\xa4.png")));
    assert_string_equal(text_of(at("data/Trash/files/a b%\xc3\xa4.png")), "one");
    const char *info_text = text_of(at("data/Trash/info/a b%\xc3\xa4.png.trashinfo"));
    snprintf(want, sizeof want, "[Trash Info]\nPath=%s/pictures/a%%20b%%25%%C3%%A4.png\nDeletionDate=", real);
    assert_memory_equal(info_text, want, strlen(want));
    assert_int_equal(
        sscanf(info_text + strlen(want), "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second), 6);
    assert_true(year > 2000);
    assert_int_equal(stat(at("data/Trash"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(restore(at("pictures/a b%\xc3\xa4.png"), &err));
    assert_string_equal(text_of(at("pictures/a b%\xc3\xa4.png")), "one");
    assert_int_equal(count_in(at("data/Trash/files")) + count_in(at("data/Trash/info")), 0);
    assert_int_equal(restore(at("pictures/a b%\xc3\xa4.png"), &err), GP_ERR_NOT_FOUND);
}

static void test_names_that_collide(void **state)
{
    (void)state;
    gp_error err = {0};
    char text[8];
    for (int i = 1; i <= 3; i++) {
        snprintf(text, sizeof text, "%d", i);
        put_file(at("pictures/x.png"), text);
        assert_ok(put(at("pictures/x.png"), &err));
    }
    assert_string_equal(text_of(at("data/Trash/files/x.png")), "1");
    assert_string_equal(text_of(at("data/Trash/files/x.2.png")), "2");
    assert_string_equal(text_of(at("data/Trash/files/x.3.png")), "3");
    /* goldpan does not replace a file in the trash that has no .trashinfo file, such as a file of another program */
    put_file(at("data/Trash/files/y.png"), "orphan");
    put_file(at("pictures/y.png"), "mine");
    assert_ok(put(at("pictures/y.png"), &err));
    assert_string_equal(text_of(at("data/Trash/files/y.png")), "orphan");
    assert_false(exists(at("data/Trash/info/y.png.trashinfo")));
    assert_string_equal(text_of(at("data/Trash/files/y.2.png")), "mine");
    /* three files in the trash have the same original path; goldpan restores the file that the callback accepts */
    gp_trash_index *index = NULL;
    assert_ok(gp_trash_index_new(&index, &err));
    assert_ok(gp_trash_restore(index, at("pictures/x.png"), begins, (char[]){"2"}, &err));
    gp_trash_index_free(index);
    assert_string_equal(text_of(at("pictures/x.png")), "2");
    assert_int_equal(count_in(at("data/Trash/info")), 3);
}

static void test_a_very_long_name(void **state)
{
    (void)state;
    gp_error err = {0};
    char name[300];
    snprintf(name, sizeof name, "pictures/%0250d.jpg", 7);
    put_file(at(name), "long");
    assert_ok(put(at(name), &err));
    assert_false(exists(at(name)));
    assert_ok(restore(at(name), &err));
    assert_string_equal(text_of(at(name)), "long");
}

static void test_nothing_is_replaced_on_the_way_back(void **state)
{
    (void)state;
    gp_error err = {0};
    put_file(at("pictures/a.png"), "old");
    assert_ok(put(at("pictures/a.png"), &err));
    put_file(at("pictures/a.png"), "new");
    assert_int_equal(restore(at("pictures/a.png"), &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "exists again"));
    assert_string_equal(text_of(at("pictures/a.png")), "new");
    assert_string_equal(text_of(at("data/Trash/files/a.png")), "old");
    assert_true(exists(at("data/Trash/info/a.png.trashinfo")));
}

static void test_a_folder_that_was_deleted_is_made_again(void **state)
{
    (void)state;
    gp_error err = {0};
    assert_ok(gp_folder_make(at("pictures/deep/er"), &err));
    put_file(at("pictures/deep/er/a.png"), "x");
    assert_ok(put(at("pictures/deep/er/a.png"), &err));
    assert_int_equal(rmdir(at("pictures/deep/er")) + rmdir(at("pictures/deep")), 0);
    assert_ok(restore(at("pictures/deep/er/a.png"), &err));
    assert_string_equal(text_of(at("pictures/deep/er/a.png")), "x");
}

/* ------------------------------------------------------------------ what is not moved */

static void test_links_and_folders_stay(void **state)
{
    (void)state;
    gp_error err = {0};
    put_file(at("pictures/a.png"), "x");
    assert_int_equal(symlink(at("pictures/a.png"), at("pictures/link.png")), 0);
    assert_int_equal(put(at("pictures/link.png"), &err), GP_ERR_UNSUPPORTED);
    assert_true(exists(at("pictures/link.png")));
    int folder = open(at("pictures"), O_RDONLY);
    assert_int_equal(gp_trash_put(at("pictures"), folder, &err), GP_ERR_NOT_FOUND);
    close(folder);
    assert_string_equal(text_of(at("pictures/a.png")), "x");
    /* `other` is a link to `pictures`: goldpan moves the file `other/a.png` to the trash with its real path, and
     * restores it by the path through the link */
    assert_int_equal(symlink(at("pictures"), at("other")), 0);
    assert_ok(put(at("other/a.png"), &err));
    assert_false(exists(at("pictures/a.png")));
    assert_ok(restore(at("other/a.png"), &err));
    assert_string_equal(text_of(at("pictures/a.png")), "x");
}

static void test_a_file_that_was_replaced_stays(void **state)
{
    (void)state;
    gp_error err = {0};
    put_file(at("pictures/a.png"), "old");
    int file = open(at("pictures/a.png"), O_RDONLY);
    put_file(at("pictures/a.png"), "new"); /* another file of the same name */
    assert_int_equal(gp_trash_put(at("pictures/a.png"), file, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "replaced"));
    assert_string_equal(text_of(at("pictures/a.png")), "new");
    assert_int_equal(unlink(at("pictures/a.png")), 0);
    assert_int_equal(gp_trash_put(at("pictures/a.png"), file, &err), GP_ERR_NOT_FOUND);
    close(file);
    assert_int_equal(count_in(at("data/Trash/info")), 0);
}

static void test_a_trash_that_cannot_be_written(void **state)
{
    (void)state;
    gp_error err = {0};
    put_file(at("pictures/a.png"), "x");
    put_file(at("data"), "a file in its place");
    assert_int_equal(put(at("pictures/a.png"), &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "data/Trash"));
    assert_string_equal(text_of(at("pictures/a.png")), "x");
    assert_int_equal(unlink(at("data")), 0);
    assert_ok(gp_folder_make(at("data/Trash/files"), &err));
    put_file(at("data/Trash/info"), "a file in its place");
    assert_int_equal(put(at("pictures/a.png"), &err), GP_ERR_IO);
    assert_string_equal(text_of(at("pictures/a.png")), "x");
}

/* ------------------------------------------------------------------ another file system */

static const char *other_device(void)
{
    struct stat here, there;
    if (stat(place, &here) != 0 || stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev) return NULL;
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
}

static void test_the_trash_of_another_file_system(void **state)
{
    (void)state;
    const char *top = other_device();
    char path[300], own[300], name[600];
    gp_error err = {0};
    if (!top) {
        printf("skipped: there is no second file system here\n");
        return;
    }
    assert_false(exists("/dev/shm/.Trash"));
    snprintf(path, sizeof path, "%s/goldpan-trash-%d", top, (int)getpid());
    snprintf(own, sizeof own, "%s/.Trash-%u", top, (unsigned)getuid());
    bool before = exists(own);
    assert_ok(gp_folder_make(path, &err));
    snprintf(name, sizeof name, "%s/only %d.png", path, (int)getpid());
    put_file(name, "far");
    assert_ok(put(name, &err));
    assert_false(exists(name));
    assert_false(exists(at("data/Trash")));
    char info[700], want[700];
    snprintf(info, sizeof info, "%s/info/only %d.png.trashinfo", own, (int)getpid());
    snprintf(want, sizeof want, "[Trash Info]\nPath=goldpan-trash-%d/only%%20%d.png\n", (int)getpid(), (int)getpid());
    assert_memory_equal(text_of(info), want, strlen(want)); /* relative to the mount point */
    assert_ok(restore(name, &err));
    assert_string_equal(text_of(name), "far");
    assert_false(exists(info));
    unlink(name);
    rmdir(path);
    if (before) return;
    snprintf(name, sizeof name, "rm -r '%s'", own);
    assert_int_equal(system(name), 0);
}

static void test_the_shared_trash_needs_the_sticky_bit_and_no_link(void **state)
{
    (void)state;
    gp_str shared = GP_STR_INIT, own = GP_STR_INIT;
    char want[700];
    gp_trash_names(place, &shared, &own);
    assert_int_equal(shared.size, 0); /* there is none */
    gp_str_reset(&own);
    assert_int_equal(mkdir(at(".Trash"), 0777), 0);
    gp_trash_names(place, &shared, &own);
    assert_int_equal(shared.size, 0); /* without the sticky bit */
    gp_str_reset(&own);
    assert_int_equal(chmod(at(".Trash"), 01777), 0);
    gp_trash_names(place, &shared, &own);
    snprintf(want, sizeof want, "%s/.Trash/%u", place, (unsigned)getuid());
    assert_string_equal(shared.data, want);
    snprintf(want, sizeof want, "%s/.Trash-%u", place, (unsigned)getuid());
    assert_string_equal(own.data, want);
    gp_str_reset(&shared), gp_str_reset(&own);
    assert_int_equal(rename(at(".Trash"), at("real")), 0);
    assert_int_equal(symlink(at("real"), at(".Trash")), 0);
    gp_trash_names(place, &shared, &own);
    assert_int_equal(shared.size, 0); /* a link */
    /* a personal trash folder that is a link is not used either */
    gp_trash_folder folder;
    assert_int_not_equal(gp_trash_folder_open(at(".Trash"), true, true, &folder), 0);
    gp_str_clear(&shared), gp_str_clear(&own);
}

/* ------------------------------------------------------------------ .trashinfo files of others */

static void test_foreign_entries_do_no_harm(void **state)
{
    (void)state;
    gp_error err = {0};
    char text[800], name[100];
    assert_ok(gp_folder_make(at("data/Trash/info"), &err));
    assert_ok(gp_folder_make(at("data/Trash/files/folder"), &err));
    const char *const wrong[] = {"",
                                 "Path=/x\n",
                                 "[Trash Info]\nPath=%00\n",
                                 "[Trash Info]\nPath=%zz\n",
                                 "[Trash Info]\nPath=../x\n",
                                 "[Trash Info]\n",
                                 "[Trash Info]\nPath="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(name, sizeof name, "data/Trash/info/w%zu.trashinfo", i);
        put_file(at(name), wrong[i]);
    }
    char *original = gp_trash_original(at("pictures/a.png"));
    const char *const names[] = {"folder", "gone"}; /* a folder, and a file that is not there */
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "[Trash Info]\nPath=%s\nDeletionDate=2024-01-01T00:00:00\n", original);
        snprintf(name, sizeof name, "data/Trash/info/%s.trashinfo", names[i]);
        put_file(at(name), text);
    }
    gp_mem_free(original);
    assert_int_equal(restore(at("pictures/a.png"), &err), GP_ERR_NOT_FOUND);
    put_file(at("pictures/a.png"), "x");
    assert_ok(put(at("pictures/a.png"), &err));
    assert_ok(restore(at("pictures/a.png"), &err));
    assert_string_equal(text_of(at("pictures/a.png")), "x");
}

int main(void)
{
    snprintf(place, sizeof place, "/tmp/goldpan-trash-%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_there_and_back, begin_test),
        cmocka_unit_test_setup(test_names_that_collide, begin_test),
        cmocka_unit_test_setup(test_a_very_long_name, begin_test),
        cmocka_unit_test_setup(test_nothing_is_replaced_on_the_way_back, begin_test),
        cmocka_unit_test_setup(test_a_folder_that_was_deleted_is_made_again, begin_test),
        cmocka_unit_test_setup(test_links_and_folders_stay, begin_test),
        cmocka_unit_test_setup(test_a_file_that_was_replaced_stays, begin_test),
        cmocka_unit_test_setup(test_a_trash_that_cannot_be_written, begin_test),
        cmocka_unit_test_setup(test_the_trash_of_another_file_system, begin_test),
        cmocka_unit_test_setup(test_the_shared_trash_needs_the_sticky_bit_and_no_link, begin_test),
        cmocka_unit_test_setup(test_foreign_entries_do_no_harm, begin_test),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    begin_test(NULL);
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    return system(command) != 0 || failed;
}
