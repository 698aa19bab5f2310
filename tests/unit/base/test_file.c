/* SPDX-License-Identifier: MIT
 * Reading and replacing files.  Only regular files are accepted, and a failed write leaves nothing behind. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];

static const char *in(const char *name)
{
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goldpan-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int entries(void)
{
    int count = 0;
    DIR *dir = opendir(folder);
    while (readdir(dir)) count++;
    closedir(dir);
    return count - 2;
}

static void reads(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    put("a", "hello");
    assert_ok(gp_file_read(in("a"), 5, &b, &err));
    assert_int_equal(b.size, 5);
    assert_memory_equal(b.data, "hello", 6); /* compares 6 bytes, including the zero byte after the content */
    gp_bytes_clear(&b);
    assert_int_equal(gp_file_read(in("a"), 4, &b, &err), GP_ERR_LIMIT);
    assert_null(b.data);
    put("empty", "");
    assert_ok(gp_file_read(in("empty"), 0, &b, &err));
    assert_int_equal(b.size, 0);
    assert_int_equal(b.data[0], 0);
    gp_bytes_clear(&b);
    assert_ok(gp_file_read("/proc/self/status", 1 << 20, &b, &err)); /* files in /proc have size 0 */
    assert_true(b.size > 100);
    gp_bytes_clear(&b);
    assert_int_equal(gp_file_read("/proc/self/status", 10, &b, &err), GP_ERR_LIMIT);
    assert_int_equal(gp_file_read(in("none"), 10, &b, &err), GP_ERR_NOT_FOUND);
    char expected[200];
    snprintf(expected, sizeof expected, "cannot open '%s': No such file or directory", in("none"));
    assert_string_equal(err.message, expected);
    assert_int_equal(gp_file_read(in("a/b"), 10, &b, NULL), GP_ERR_NOT_FOUND);
}

/* At first the buffer has at most 16 MiB, so for a larger file the buffer must grow. */
static void reads_large(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    enum { LARGE = (16 << 20) + 12345 };
    uint8_t *bytes = gp_mem_new(LARGE, 1);
    for (size_t i = 0; i < LARGE; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_ok(gp_file_replace(in("large"), bytes, LARGE, &err));
    assert_ok(gp_file_read(in("large"), UINT64_MAX, &b, &err));
    assert_int_equal(b.size, LARGE);
    assert_memory_equal(b.data, bytes, LARGE);
    gp_bytes_clear(&b);
    gp_mem_free(bytes);
}

/* A sparse file of 8 TB gives an error and needs no memory. */
static void sparse(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    int fd = open(in("sparse"), O_WRONLY | O_CREAT, 0600);
    if (ftruncate(fd, (off_t)8 << 40) != 0) assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    close(fd);
    assert_int_equal(gp_file_read(in("sparse"), 1 << 20, &b, &err), GP_ERR_LIMIT);
    unlink(in("sparse"));
}

static void not_regular(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    int file = -1;
    uint64_t size = 0;
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    alarm(1800); /* the alarm kills the test program if opening a file blocks */
    assert_int_equal(gp_file_read(in("fifo"), 10, &b, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "is not a regular file"));
    assert_int_equal(gp_file_open(in("fifo"), &file, &size, &err), GP_ERR_IO);
    assert_int_equal(gp_file_read("/dev/zero", 10, &b, &err), GP_ERR_IO);
    assert_int_equal(gp_file_open("/dev/zero", &file, &size, &err), GP_ERR_IO);
    assert_int_equal(gp_file_read(folder, 10, &b, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(gp_file_open(folder, &file, &size, &err), GP_ERR_IO);
    assert_int_equal(gp_file_replace(in("fifo"), "x", 1, &err), GP_ERR_IO);
    assert_int_equal(gp_file_replace("/dev/null", "x", 1, &err), GP_ERR_IO);
    assert_int_equal(gp_file_replace(folder, "x", 1, &err), GP_ERR_IO);
    alarm(0);
    struct stat about;
    assert_true(stat("/dev/null", &about) == 0 && S_ISCHR(about.st_mode));
}

static void reads_parts(void **state)
{
    (void)state;
    gp_error err = {0};
    int file = -1;
    uint64_t size = 0;
    char part[4] = {0};
    put("a", "hello");
    assert_ok(gp_file_open(in("a"), &file, &size, &err));
    assert_int_equal(size, 5);
    assert_ok(gp_file_read_at(file, "a", 2, part, 3, &err));
    assert_string_equal(part, "llo");
    assert_ok(gp_file_read_at(file, "a", 5, part, 0, &err));
    assert_int_equal(truncate(in("a"), 3), 0); /* simulates another program that truncates the file during the read */
    assert_int_equal(gp_file_read_at(file, "a", 2, part, 3, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "'a' became shorter"));
    assert_int_equal(gp_file_read_at(file, "a", UINT64_MAX, part, 3, &err), GP_ERR_LIMIT);
    close(file);
    put("empty", "");
    assert_ok(gp_file_open(in("empty"), &file, &size, &err));
    assert_int_equal(size, 0);
    close(file);
    assert_int_equal(gp_file_open(in("none"), &file, &size, &err), GP_ERR_NOT_FOUND);
}

static void replaces(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    struct stat about;
    put("old", "old text");
    assert_int_equal(chmod(in("old"), 0640), 0);
    int before = entries();
    assert_ok(gp_file_replace(in("old"), "new", 3, &err));
    assert_ok(gp_file_read(in("old"), 100, &b, &err));
    assert_string_equal((char *)b.data, "new");
    gp_bytes_clear(&b);
    /* the new file has the permissions of the replaced file */
    assert_true(stat(in("old"), &about) == 0 && (about.st_mode & 0777) == 0640);
    assert_int_equal(entries(), before);
    mode_t mask = umask(027);
    assert_ok(gp_file_replace(in("fresh"), "", 0, &err));
    umask(mask);
    assert_true(stat(in("fresh"), &about) == 0 && (about.st_mode & 0777) == 0640 && about.st_size == 0);
    /* if the path is a link, the link stays and its target is replaced */
    assert_int_equal(symlink("old", in("link")), 0);
    assert_ok(gp_file_replace(in("link"), "by link", 7, &err));
    assert_true(lstat(in("link"), &about) == 0 && S_ISLNK(about.st_mode));
    assert_ok(gp_file_read(in("old"), 100, &b, &err));
    assert_string_equal((char *)b.data, "by link");
    gp_bytes_clear(&b);
}

static void writes_in_parts(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_atomic_file *file = NULL;
    gp_bytes b = {0};
    static uint8_t block[100000];
    for (size_t i = 0; i < sizeof block; i++) block[i] = (uint8_t)(i * 31 >> 3);
    put("parts", "old");
    assert_ok(gp_atomic_file_open(in("parts"), &file, &err));
    static const size_t sizes[] = {1, 0, 70000, 3, 65536, 65535, 2, 100000};
    size_t total = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        assert_ok(gp_atomic_file_write(file, block, sizes[k], &err));
        total += sizes[k];
    }
    assert_ok(gp_file_read(in("parts"), 100, &b, &err));
    assert_string_equal((char *)b.data, "old"); /* before the commit the old content is visible */
    gp_bytes_clear(&b);
    assert_ok(gp_atomic_file_commit(file, &err));
    assert_ok(gp_file_read(in("parts"), 1 << 20, &b, &err));
    assert_int_equal(b.size, total);
    for (size_t k = 0, at = 0; k < sizeof sizes / sizeof *sizes; at += sizes[k++])
        assert_memory_equal(b.data + at, block, sizes[k]);
    gp_bytes_clear(&b);
    int before = entries();
    assert_ok(gp_atomic_file_open(in("parts"), &file, &err));
    assert_ok(gp_atomic_file_write(file, "x", 1, &err));
    assert_int_equal(entries(), before + 1);
    gp_atomic_file_abort(file);
    gp_atomic_file_abort(NULL);
    assert_int_equal(entries(), before);
}

/* Temporary files of killed processes are removed. Temporary files that are still being written, and other files with
 * similar names, stay. */
static void sweeps_leftovers(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_atomic_file *file = NULL;
    int before = entries();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(gp_atomic_file_open(in("killed"), &file, NULL) == GP_OK ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(entries(), before + 1);
    assert_ok(gp_atomic_file_open(in("alive"), &file, &err));
    put(".goldpan-notes.txt", "mine");
    gp_atomic_file_cleanup(folder);
    assert_int_equal(entries(), before + 2);
    assert_ok(gp_atomic_file_commit(file, &err));
    assert_int_equal(unlink(in("alive")), 0);
    assert_int_equal(unlink(in(".goldpan-notes.txt")), 0);
    assert_int_equal(entries(), before);
    gp_atomic_file_cleanup(in("not there"));
}

/* gp_atomic_file_commit_new never replaces an existing file. gp_atomic_file_write_at overwrites earlier bytes. */
static void commits_only_new(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_atomic_file *file = NULL;
    gp_bytes b = {0};
    struct stat about;
    int before = entries();
    put("taken", "mine");
    assert_ok(gp_atomic_file_open(in("taken"), &file, &err));
    assert_ok(gp_atomic_file_write(file, "other", 5, &err));
    assert_int_equal(gp_atomic_file_commit_new(file, &err), GP_ERR_STOPPED);
    assert_ok(gp_atomic_file_open(in("free"), &file, &err));
    assert_ok(gp_atomic_file_write(file, "0000 and more", 13, &err));
    assert_ok(gp_atomic_file_write_at(file, 0, "1234", 4, &err));
    assert_ok(gp_atomic_file_write(file, "!", 1, &err));
    assert_ok(gp_atomic_file_set_time(file, (struct timespec){1000, 0}, &err));
    assert_ok(gp_atomic_file_commit_new(file, &err));
    assert_ok(gp_file_read(in("taken"), 10, &b, &err));
    assert_string_equal((char *)b.data, "mine");
    gp_bytes_clear(&b);
    assert_ok(gp_file_read(in("free"), 20, &b, &err));
    assert_string_equal((char *)b.data, "1234 and more!");
    gp_bytes_clear(&b);
    assert_true(stat(in("free"), &about) == 0 && about.st_mtime == 1000);
    assert_int_equal(entries(), before + 2);
    assert_int_equal(unlink(in("taken")) + unlink(in("free")), 0);
}

/* Runs `body` in a child process. If the test runs as root, the child becomes another user, because root ignores
 * permissions. */
static void as_nobody(void (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(90);
        body();
        _exit(0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void try_unwritable(void)
{
    gp_error err = {0};
    if (gp_file_replace(in("locked/a"), "x", 1, &err) != GP_ERR_IO) _exit(1);
    if (!strstr(err.message, "cannot write in folder '") || !strstr(err.message, "Permission denied")) _exit(2);
    gp_bytes b = {0};
    if (gp_file_read(in("secret"), 10, &b, &err) != GP_ERR_IO) _exit(3);
    if (gp_folder_make(in("locked/b/c"), &err) != GP_ERR_IO) _exit(4);
}

static void unwritable(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(mkdir(in("locked"), 0555), 0);
    put("locked/../secret", "x");
    assert_int_equal(chmod(in("secret"), 0), 0);
    as_nobody(try_unwritable);
}

static void disappearing(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_atomic_file *file = NULL;
    assert_ok(gp_folder_make(in("gone/deep"), &err));
    assert_ok(gp_atomic_file_open(in("gone/deep/a"), &file, &err));
    assert_ok(gp_atomic_file_write(file, "x", 1, &err));
    char command[100];
    snprintf(command, sizeof command, "rm -r %s/gone", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(gp_atomic_file_commit(file, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "cannot replace '"));
    assert_int_equal(gp_atomic_file_open(in("gone/deep/a"), &file, &err), GP_ERR_IO);
}

static void try_full(void)
{
    struct rlimit limit = {100000, 100000}; /* a limit on the file size acts like a full disk */
    gp_error err = {0};
    static uint8_t block[200000];
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (gp_file_replace(in("full"), block, sizeof block, &err) != GP_ERR_IO) _exit(1);
    if (!strstr(err.message, "cannot write '")) _exit(2);
}

static void no_room(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes b = {0};
    put("full", "before");
    int before = entries();
    assert_int_equal(chmod(folder, 0777), 0);
    as_nobody(try_full);
    assert_ok(gp_file_read(in("full"), 10, &b, &err));
    assert_string_equal((char *)b.data, "before");
    gp_bytes_clear(&b);
    assert_int_equal(entries(), before);
}

static void folders(void **state)
{
    (void)state;
    gp_error err = {0};
    struct stat about;
    assert_ok(gp_folder_make(in("x//y/z/"), &err));
    assert_true(stat(in("x/y/z"), &about) == 0 && S_ISDIR(about.st_mode));
    assert_ok(gp_folder_make(in("x/y"), &err));
    assert_ok(gp_folder_make("/", &err));
    assert_ok(gp_folder_make(".", &err));
    put("plain", "");
    assert_int_equal(gp_folder_make(in("plain"), &err), GP_ERR_IO);
    assert_int_equal(gp_folder_make(in("plain/b"), &err), GP_ERR_IO);
    assert_int_equal(gp_folder_make("/proc/none/x", &err), GP_ERR_IO);
}

static void is(char *got, const char *expected)
{
    assert_non_null(got);
    assert_string_equal(got, expected);
    gp_mem_free(got);
}

static void paths(void **state)
{
    (void)state;
    is(gp_path_join("a", "b"), "a/b");
    is(gp_path_join("a/", "b"), "a/b");
    is(gp_path_join("a//", "b/c"), "a/b/c");
    is(gp_path_join("/", "b"), "/b");
    is(gp_path_join("", "b"), "b");
    is(gp_path_join("a", "/b"), "/b");
    is(gp_path_folder("a/b"), "a");
    is(gp_path_folder("a//b"), "a");
    is(gp_path_folder("b"), ".");
    is(gp_path_folder("/b"), "/");
    is(gp_path_folder("//b"), "/");
    is(gp_path_folder("/"), "/");
    assert_string_equal(gp_path_base("a/b.png"), "b.png");
    assert_string_equal(gp_path_base("b"), "b");
    assert_string_equal(gp_path_extension("a.x/b.tar.png"), ".png");
    assert_string_equal(gp_path_extension("a.x/b"), "");
    assert_string_equal(gp_path_extension("a/.png"), "");
    is(gp_path_absolute("/a/./b//../c/"), "/a/c");
    is(gp_path_absolute("/../.."), "/");
    is(gp_path_absolute("/"), "/");
    is(gp_path_absolute("/.../..a"), "/.../..a");
    char here[1024], expected[1100];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s/x", strcmp(here, "/") ? here : "");
    is(gp_path_absolute("y/../x"), expected);
}

static void out_of_memory(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    put("a", "hello");
    int files = entries();
    for (int what = 0; what < 3; what++) {
        gp_status st;
        uint64_t n = 0;
        do {
            gp_error err = {0};
            gp_bytes b = {0};
            gp_mem_fail_at(++n);
            if (what == 0)
                st = gp_file_read(in("a"), 10, &b, &err);
            else if (what == 1)
                st = gp_file_replace(in("a"), "hello", 5, &err);
            else
                st = gp_folder_make(folder, &err);
            gp_mem_fail_at(0);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
            gp_bytes_clear(&b);
            assert_int_equal(gp_mem_live(), before);
            assert_int_equal(entries(), files);
        } while (st != GP_OK);
        assert_true(n > 1);
    }
    for (uint64_t n = 1; n < 3; n++) {
        gp_mem_fail_at(n);
        char *path = gp_path_absolute("a/longer/path/than/the/first/block/of/thirty/two/bytes");
        gp_mem_fail_at(0);
        if (n == 1) assert_null(path);
        gp_mem_free(path);
    }
    assert_int_equal(gp_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),           cmocka_unit_test(reads_large),      cmocka_unit_test(sparse),
        cmocka_unit_test(not_regular),     cmocka_unit_test(reads_parts),      cmocka_unit_test(replaces),
        cmocka_unit_test(writes_in_parts), cmocka_unit_test(sweeps_leftovers), cmocka_unit_test(unwritable),
        cmocka_unit_test(disappearing),    cmocka_unit_test(no_room),          cmocka_unit_test(folders),
        cmocka_unit_test(paths),           cmocka_unit_test(commits_only_new), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("base/file", tests, make_folder, remove_folder);
}
