/* SPDX-License-Identifier: MIT
 * Opens the folder of an image in the desktop's file manager. The page names the image by its hash. The path comes from
 * the catalog, and the folder is opened only if it holds this image's file. So a catalog of another person cannot make
 * the explorer open any other folder, and never a file.
 * The program is xdg-open, on macOS open. It gets the folder as its only argument, without a shell, in a session of its
 * own. No thread waits for it: run_loop collects its exit status, and tells the pages if it is not 0. */
#include "serve/server_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/original.h"
#include "serve/request_body.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_OPENERS = 16 /* programs that run at the same time */ };

struct gp_opener {
    char *program; /* owned; NULL: folders cannot be opened */
    pthread_mutex_t lock;
    pid_t running[MAX_OPENERS]; /* 0: free entry */
};

/* Returns the program that opens a folder; NULL: this session has no screen on which a file manager can appear. */
static const char *program_name(void)
{
#if defined(__APPLE__)
    return "open";
#else
    const char *display = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (display && *display) || (wayland && *wayland) ? "xdg-open" : NULL;
#endif
}

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Finds a program in the absolute folders of $PATH. Owned; NULL: there is none. */
static char *find_program(const char *name)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t length = strcspn(at, ":");
        gp_str path = GP_STR_INIT;
        gp_str_add(&path, at, length);
        gp_str_putc(&path, '/');
        gp_str_puts(&path, name);
        if (*at == '/' && !path.failed && is_program(path.data)) return gp_str_take(&path);
        gp_str_clear(&path);
        at += length + (at[length] == ':');
    }
    return NULL;
}

gp_status gp_opener_new(gp_opener **out, gp_error *err)
{
    gp_opener *opener = gp_mem_zero(1, sizeof *opener);
    if (!opener) return gp_fail_memory(err, "the server");
    pthread_mutex_init(&opener->lock, NULL);
    if (program_name()) opener->program = find_program(program_name());
    *out = opener;
    return GP_OK;
}

void gp_opener_free(gp_opener *opener)
{
    if (!opener) return;
    pthread_mutex_destroy(&opener->lock);
    gp_mem_free(opener->program);
    gp_mem_free(opener);
}

bool gp_opener_works(const gp_opener *opener)
{
    return opener->program != NULL;
}

/* Starts the program with its input and output discarded, and all signals at their defaults. Returns 0 or an errno. */
static int start(const char *program, const char *folder, pid_t *child)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)folder, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (posix_spawnattr_init(&how) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int number = posix_spawn(child, program, &files, &how, argv, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return number;
}

static gp_status open_folder(gp_opener *opener, const char *folder, gp_error *err)
{
    int number = EAGAIN;
    pthread_mutex_lock(&opener->lock);
    for (size_t i = 0; i < MAX_OPENERS && number == EAGAIN; i++)
        if (!opener->running[i]) {
            pid_t child = 0;
            number = start(opener->program, folder, &child);
            if (number == 0) opener->running[i] = child;
            break;
        }
    pthread_mutex_unlock(&opener->lock);
    if (number == 0) return GP_OK;
    if (number == EAGAIN)
        return gp_fail(err, GP_ERR_USAGE, "%d programs that open a folder are still running: try again later",
                       (int)MAX_OPENERS);
    return gp_fail_path_errno(err, GP_ERR_IO, number, "'%s' cannot be started", opener->program);
}

void gp_opener_tick(gp_opener *opener, gp_events *events)
{
    pthread_mutex_lock(&opener->lock);
    for (size_t i = 0; i < MAX_OPENERS; i++) {
        int status = 0;
        if (!opener->running[i] || waitpid(opener->running[i], &status, WNOHANG) == 0) continue;
        opener->running[i] = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 0) continue;
        gp_str json = GP_STR_INIT, text = GP_STR_INIT;
        gp_str_printf(&text, "%s could not open the folder: it ended with exit code %d", gp_path_base(opener->program),
                      WEXITSTATUS(status));
        gp_str_puts(&json, "{\"text\":");
        gp_json_put_string(&json, text.failed ? "" : text.data);
        gp_str_putc(&json, '}');
        if (!json.failed) gp_events_send(events, "notice", json.data);
        gp_str_clear(&text);
        gp_str_clear(&json);
    }
    pthread_mutex_unlock(&opener->lock);
}

/* ------------------------------------------------------------------ the request */

/* Finds the folder of the image's file, and checks the file. Owned: *folder. */
static gp_status folder_of(gp_server *s, const gp_hash *hash, char **folder, gp_error *err)
{
    char *path = NULL;
    int file = -1;
    size_t row;
    gp_error why = {0};
    gp_snapshot *snapshot = gp_snapshot_ref(s);
    gp_status st = gp_snapshot_find(snapshot, hash, &row, err);
    if (st == GP_OK) st = gp_view_path(snapshot->view, row, &path, err);
    if (st == GP_OK && gp_original_open(path, gp_view_file_hash(snapshot->view, row), &file, &why) != GP_OK)
        st = gp_fail_path(err, why.status, "'%s': %s", path, why.message);
    if (st == GP_OK) {
        close(file);
        *folder = gp_path_folder(path);
        if (!*folder) st = gp_fail_memory(err, "a folder");
    }
    gp_mem_free(path);
    gp_snapshot_unref(snapshot);
    return st;
}

static void open_image_folder(gp_request *request)
{
    gp_server *s = request->server;
    gp_error err = {0};
    gp_hash hash;
    char *folder = NULL;
    gp_str json = GP_STR_INIT;
    gp_status st = gp_body_hash(request->body.data, request->body.size, &hash, &err);
    if (st == GP_OK && !gp_opener_works(s->opener))
        st =
            gp_fail(&err, GP_ERR_USAGE,
                    "the explorer cannot open folders: it needs a desktop session (DISPLAY or WAYLAND_DISPLAY) and the "
                    "program xdg-open");
    if (st == GP_OK) st = folder_of(s, &hash, &folder, &err);
    if (st == GP_OK) st = open_folder(s->opener, folder, &err);
    if (st == GP_OK) {
        gp_str_puts(&json, "{\"folder\":");
        gp_json_put_string(&json, folder);
        gp_str_puts(&json, "}\n");
        gp_respond_json(request, &json);
    } else {
        gp_respond_failure(request, &err);
    }
    gp_mem_free(folder);
    gp_request_resume(request);
}

void gp_serve_open(gp_request *request)
{
    gp_worker_pool_take(request->server->general_pool, request, open_image_folder);
}
