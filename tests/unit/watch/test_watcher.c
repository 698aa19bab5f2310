/* SPDX-License-Identifier: MIT
 * Watching folders. Every test runs twice, with inotify and with repeated searches, and expects the same reports. */
#include "support.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "watch/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

enum { HANGS = 120 /* seconds after which a test that waits gives up */ };
static const double often = 0.02; /* pause between two searches */

typedef struct place {
    char folder[64];
    gp_watcher *w;
    double poll;
    const char *seen[64]; /* owned: the base names that were reported, in order */
    size_t seen_count;
    bool gone, rescan;
    gp_str codes; /* codes of the notes, each followed by a space */
} place;

static const char *at(const place *p, const char *name)
{
    static char buffers[4][256];
    static int turn;
    char *out = buffers[turn++ & 3];
    snprintf(out, sizeof buffers[0], "%s/%s", p->folder, name);
    return out;
}

static void put(const char *path, const char *bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
    close(fd);
}

/* Runs a shell script; $f is the folder. */
static void run_shell(const place *p, const char *script)
{
    gp_str command = GP_STR_INIT;
    gp_str_printf(&command, "f=%s; %s", p->folder, script);
    assert_false(command.failed);
    assert_int_equal(system(command.data), 0);
    gp_str_clear(&command);
}

static void begin(place *p, gp_watcher_options o)
{
    gp_error err = {0};
    const char *const roots[] = {p->folder};
    o.roots = roots, o.root_count = 1, o.poll = p->poll, o.settle = 0.05;
    gp_watcher_news news = {0};
    assert_ok(gp_watcher_open(&o, &p->w, &err));
    double until = gp_clock_now() + HANGS;
    while (!news.started) {
        gp_watcher_news_clear(&news);
        assert_ok(gp_watcher_take(p->w, 64, 1, &news, &err));
        for (size_t i = 0; i < news.note_count; i++) gp_str_printf(&p->codes, "%s ", news.notes[i].code);
        assert_true(gp_clock_now() < until);
    }
    gp_watcher_news_clear(&news);
}

static void take(place *p)
{
    gp_error err = {0};
    gp_watcher_news news = {0};
    assert_ok(gp_watcher_take(p->w, 64, 1, &news, &err));
    for (size_t i = 0; i < news.count && p->seen_count < 64; i++)
        p->seen[p->seen_count++] = gp_str_dup(news.paths[i] + strlen(p->folder) + 1);
    p->gone |= news.gone, p->rescan |= news.rescan;
    for (size_t i = 0; i < news.note_count; i++) gp_str_printf(&p->codes, "%s ", news.notes[i].code);
    gp_watcher_news_clear(&news);
}

/* Waits until the file is reported; forgets the reports so far. Other files must not be reported before, unless
 * `others`. */
static void expect(place *p, const char *name, bool others)
{
    double until = gp_clock_now() + HANGS;
    for (bool found = false; !found;) {
        if (!p->seen_count) take(p);
        if (gp_clock_now() > until) fail_msg("'%s' was not reported", name);
        for (size_t i = 0; i < p->seen_count; i++) {
            if (strcmp(p->seen[i], name) == 0)
                found = true;
            else if (!others)
                fail_msg("'%s' was reported, but '%s' was expected", p->seen[i], name);
            gp_mem_free((void *)(uintptr_t)p->seen[i]);
        }
        p->seen_count = 0;
    }
}

static void until_set(place *p, const bool *flag)
{
    double until = gp_clock_now() + HANGS;
    while (!*flag && gp_clock_now() < until) take(p);
    assert_true(*flag);
}

static void until_said(place *p, const char *code)
{
    double until = gp_clock_now() + HANGS;
    while (!(p->codes.data && strstr(p->codes.data, code)) && gp_clock_now() < until) take(p);
    if (!p->codes.data || !strstr(p->codes.data, code)) fail_msg("no note %s", code);
}

static void set_up(place *p, double poll)
{
    *p = (place){.folder = "/tmp/watcher_XXXXXX", .poll = poll, .codes = GP_STR_INIT};
    assert_non_null(mkdtemp(p->folder));
    put(at(p, "old.png"), "old");
}

static void tear_down(place *p)
{
    gp_watcher_close(p->w);
    for (size_t i = 0; i < p->seen_count; i++) gp_mem_free((void *)(uintptr_t)p->seen[i]);
    gp_str_clear(&p->codes);
    run_shell(p, "chmod -R u+rwx $f; rm -rf $f");
}

static void twice(void (*test)(place *p))
{
    for (int way = 0; way < 2; way++) {
        place p;
        set_up(&p, way ? often : 0);
        test(&p);
        tear_down(&p);
    }
    assert_int_equal(gp_mem_live(), 0);
}

static void test_files(place *p)
{
    begin(p, (gp_watcher_options){0});
    assert_int_equal(gp_watcher_polls(p->w, 0), p->poll > 0);
    put(at(p, "a.png"), "a");
    expect(p, "a.png", false);
    put(at(p, "b.png.tmp"), "b");
    assert_int_equal(rename(at(p, "b.png.tmp"), at(p, "b.png")), 0);
    expect(p, "b.png", false);
    put(at(p, "a.png"), "another picture");
    expect(p, "a.png", false);
    assert_int_equal(link(at(p, "a.png"), at(p, "linked.jpg")), 0);
    expect(p, "linked.jpg", false);
    assert_int_equal(symlink("old.png", at(p, "symbolic.webp")), 0);
    expect(p, "symbolic.webp", false);
    /* neither hidden files nor other files are reported */
    run_shell(p, "mkdir $f/.hidden $f/.goldpan && echo x > $f/.hidden/x.png && echo x > $f/.goldpan/x.png");
    put(at(p, "notes.md"), "notes");
    put(at(p, ".x.png"), "x");
    put(at(p, "z.JPEG"), "z");
    expect(p, "z.JPEG", false);
    p->gone = false;
    assert_int_equal(unlink(at(p, "a.png")), 0);
    until_set(p, &p->gone);
}

static void files(void **state)
{
    (void)state;
    twice(test_files);
}

static void test_folders(place *p)
{
    begin(p, (gp_watcher_options){0});
    run_shell(p, "mkdir -p $f/x/y/z && echo d > $f/x/y/z/d.png");
    expect(p, "x/y/z/d.png", false);
    put(at(p, "x/y/e.png"), "e");
    expect(p, "x/y/e.png", false);
    p->gone = false;
    assert_int_equal(rename(at(p, "x/y"), at(p, "w")), 0);
    until_set(p, &p->gone);
    expect(p, "w/z/d.png", true);
    put(at(p, "w/z/f.png"), "f");
    expect(p, "w/z/f.png", true);
    /* a folder that is moved in from elsewhere */
    run_shell(p, "mkdir $f.other && echo g > $f.other/g.png && mv $f.other $f/in");
    expect(p, "in/g.png", true);
    run_shell(p, "mv $f/in $f.other && echo h > $f.other/h.png && rm -r $f.other");
    put(at(p, "i.png"), "i");
    expect(p, "i.png", false);
}

static void folders(void **state)
{
    (void)state;
    twice(test_folders);
}

static void test_sidecars(place *p)
{
    begin(p, (gp_watcher_options){0});
    put(at(p, "old.txt"), "a prompt");
    expect(p, "old.png", false);
    put(at(p, "old.png.caption"), "another prompt");
    expect(p, "old.png", false);
    put(at(p, "C.PNG"), "c");
    expect(p, "C.PNG", false);
    put(at(p, "C.caption"), "a prompt");
    expect(p, "C.PNG", false);
    put(at(p, "none.txt"), "the prompt of no image");
    put(at(p, "d.png"), "d");
    expect(p, "d.png", false);
}

static void sidecars(void **state)
{
    (void)state;
    twice(test_sidecars);
}

/* A file that was taken but is not complete is reported again when it grows, or after a time. */
static void test_waiting(place *p)
{
    gp_walk_entry file = {.path = at(p, "slow.png")};
    struct stat info;
    begin(p, (gp_watcher_options){0});
    int fd = open(file.path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    expect(p, "slow.png", false); /* it is still open, but has not changed for a while */
    assert_int_equal(fstat(fd, &info), 0);
    file.size = 4, file.mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec;
    gp_watcher_wait_for(p->w, &file, INFINITY);
    assert_int_equal(write(fd, "whole", 5), 5);
    expect(p, "slow.png", false);
    assert_int_equal(fstat(fd, &info), 0);
    file.size = 9, file.mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec;
    gp_watcher_wait_for(p->w, &file, 0.01);
    expect(p, "slow.png", false);
    close(fd);
}

static void waiting(void **state)
{
    (void)state;
    twice(test_waiting);
}

static void test_vanishing(place *p)
{
    begin(p, (gp_watcher_options){0});
    p->gone = false;
    run_shell(p, "rm -r $f");
    until_said(p, "folder-gone");
    assert_true(p->gone && !gp_watcher_has_root(p->w, 0));
    run_shell(p, "mkdir $f");
    until_said(p, "folder-back");
    until_set(p, &p->rescan);
    assert_true(gp_watcher_has_root(p->w, 0));
    put(at(p, "new.png"), "new");
    expect(p, "new.png", false);
    /* another folder takes the place at once */
    p->rescan = false;
    run_shell(p, "mkdir $f.other && mv $f $f.away && mv $f.other $f && rm -r $f.away");
    until_set(p, &p->rescan);
    put(at(p, "newer.png"), "newer");
    expect(p, "newer.png", false);
}

static void vanishing(void **state)
{
    (void)state;
    twice(test_vanishing);
}

static void test_remembering(place *p)
{
    struct stat info;
    begin(p, (gp_watcher_options){.remember = true});
    assert_int_equal(stat(at(p, "old.png"), &info), 0);
    gp_walk_entry file = {at(p, "old.png"), 3,
                          (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec, false};
    assert_true(gp_watcher_had(p->w, &file));
    file.size++;
    assert_false(gp_watcher_had(p->w, &file));
    file.size--, file.path = at(p, "new.png");
    assert_false(gp_watcher_had(p->w, &file));
    if (p->poll > 0) return;
    /* a file that is written while the watcher starts may have this state when the watcher lists the files */
    const struct timespec times[2] = {info.st_mtim, info.st_mtim};
    file.path = at(p, "old.png");
    int fd = open(file.path, O_WRONLY);
    assert_int_equal(write(fd, "old", 3), 3);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    expect(p, "old.png", false);
    assert_false(gp_watcher_had(p->w, &file));
}

static void remembering(void **state)
{
    (void)state;
    twice(test_remembering);
}

/* Where inotify is missing, or its limit is reached, the folders are searched. */
static void fallback(void **state)
{
    (void)state;
    static const struct {
        gp_watcher_options options;
        const char *code;
    } cases[] = {{{.fail_init = ENOSYS}, "watch-polls"}, {{.fail_add = ENOSPC, .adds = 1}, "watch-limit"}};
    for (size_t i = 0; i < 2; i++) {
        place p;
        set_up(&p, 0);
        run_shell(&p, "mkdir $f/sub");
        begin(&p, cases[i].options);
        until_said(&p, cases[i].code);
        assert_true(gp_watcher_polls(p.w, 0));
        put(at(&p, "sub/a.png"), "a");
        expect(&p, "sub/a.png", false);
        tear_down(&p);
    }
    place p; /* the limit is reached later */
    set_up(&p, 0);
    begin(&p, (gp_watcher_options){.fail_add = ENOSPC, .adds = 1});
    assert_false(gp_watcher_polls(p.w, 0));
    run_shell(&p, "mkdir $f/sub");
    until_set(&p, &p.rescan);
    until_said(&p, "watch-limit");
    put(at(&p, "sub/a.png"), "a");
    expect(&p, "sub/a.png", false);
    tear_down(&p);
    assert_int_equal(gp_mem_live(), 0);
}

static void denied(void **state)
{
    (void)state;
    place p;
    const bool root = geteuid() == 0; /* root may read every folder */
    set_up(&p, 0);
    run_shell(&p, "chmod 755 $f && mkdir $f/sub && chmod 0 $f/sub");
    if (root) assert_int_equal(seteuid(65534), 0);
    begin(&p, (gp_watcher_options){0});
    until_said(&p, "watch-denied");
    run_shell(&p, "chmod 755 $f/sub && echo a > $f/sub/a.png");
    expect(&p, "sub/a.png", false);
    if (root) assert_int_equal(seteuid(0), 0);
    tear_down(&p);
}

static void wrong_roots(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_watcher *w = NULL;
    const char *const none[] = {"/nowhere/at/all"}, *const file[] = {"/proc/self/exe"};
    assert_int_equal(gp_watcher_open(&(gp_watcher_options){.roots = none, .root_count = 1}, &w, &err),
                     GP_ERR_NOT_FOUND);
    assert_int_equal(gp_watcher_open(&(gp_watcher_options){.roots = file, .root_count = 1}, &w, &err), GP_ERR_USAGE);
    assert_int_equal(gp_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),    cmocka_unit_test(folders),   cmocka_unit_test(sidecars),
        cmocka_unit_test(waiting),  cmocka_unit_test(vanishing), cmocka_unit_test(remembering),
        cmocka_unit_test(fallback), cmocka_unit_test(denied),    cmocka_unit_test(wrong_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
