/* SPDX-License-Identifier: MIT
 * Private to generate: types and functions shared by the back ends. */
#ifndef GP_GENERATE_BACKEND_H
#define GP_GENERATE_BACKEND_H

#include "generate/generate.h"
#include "metadata/meta.h"
#include "net/http.h"

#include <sys/types.h>

typedef struct gp_gen_protocol_table {
    const char *name;
    unsigned can; /* GP_GEN_SEEDS | ... */
    const char
        *probe; /* a GET of this path returns 200 with JSON if the server supports this protocol; NULL: no such path */
    gp_status (*make)(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err);
    void (*watch)(gp_gen_backend *b); /* called while waiting for a response: reports to on_part; may be NULL */
    gp_status (*check)(gp_gen_backend *b,
                       gp_error *err); /* checks the user's options before the first request; may be NULL */
} gp_gen_protocol_table;
extern const gp_gen_protocol_table gp_gen_a1111, gp_gen_comfy, gp_gen_sdcpp, gp_gen_swarm, gp_gen_openai,
    gp_gen_command;

typedef struct gp_gen_program gp_gen_program; /* program.c: a command that is started once */

struct gp_gen_backend {
    const gp_gen_protocol_table *protocol;
    unsigned can; /* capabilities of the protocol, without those that the options or the command exclude */
    gp_gen_options o;
    char *address; /* without a slash at the end, and without a password */
    char *login;
    gp_http *http;
    char *session;              /* SwarmUI: id of the session */
    gp_gen_program *program;    /* NULL: not started */
    gp_http *second;            /* a second session, used by `watch` */
    double watched;             /* time of the last call of protocol->watch */
    struct gp_gen_graph *graph; /* ComfyUI: the user's graph, parsed; NULL: not parsed yet */
    gp_json *queue;             /* ComfyUI: the queue before the first job of this run; NULL: not read yet */
    struct gp_comfy_bell *bell; /* ComfyUI: its WebSocket; NULL: not created yet */
    bool bare_told;             /* the note "generator-bare" was sent */
    const char *who;            /* result of gp_gen_who; NULL: not known yet */
    gp_status (*send)(gp_http *http, const gp_http_request *request, gp_http_response *response, gp_error *err);
    double pace; /* factor of all waiting times: 1; 0 in tests without a network */
};

/* A JSON response.  `root` is NULL unless the code is 2xx and the body is JSON.  If `root` is NULL, the gp_gen_result
 * has the reason (RETRY for 408, 429, 5xx, a broken connection, a body that is not JSON; else FAILED). */
typedef struct gp_gen_answer {
    long code;
    gp_json *root;  /* owned */
    gp_json *wrong; /* owned: the body of an error response, if the body is JSON; else NULL */
} gp_gen_answer;
void gp_gen_answer_clear(gp_gen_answer *answer);
/* Sends a JSON request.  body NULL: GET.  path begins with a slash. */
gp_status gp_gen_call(gp_gen_backend *b, const char *path, const char *body, gp_gen_answer *answer, gp_gen_result *out,
                      gp_error *err);
/* Sends a GET that is not part of a request for an image, and waits at most `limit` seconds.  err may be NULL. */
gp_status gp_gen_get(const gp_gen_backend *b, gp_http *http, const char *path, double limit, gp_http_response *r,
                     gp_error *err);
/* Sends a GET with a short time limit, while another request waits for its response.  Returns the response's JSON,
 * owned, or NULL. */
gp_json *gp_gen_poll(gp_gen_backend *b, const char *path);
/* Recognises the program at the address by its front page.  Returns a sentence about the program, for the end of an
 * error message; "": not recognised. */
const char *gp_gen_who(gp_gen_backend *b);
/* Fetches the bytes at a path, or at an http address. */
gp_status gp_gen_fetch(gp_gen_backend *b, const char *path, gp_gen_result *out, gp_error *err);
/* Waits, and calls go_on repeatedly.  False: stopped. */
bool gp_gen_sleep(const gp_gen_backend *b, double seconds);
/* Returns the seconds until the next poll of a job that was sent `seconds` ago.  The pauses grow in proportion to
 * `seconds`, up to `most`. */
double gp_gen_look_after(double seconds, double most);

gp_status gp_gen_set_result(gp_gen_result *out, gp_gen_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Makes the message one line of valid UTF-8 again, after text was added to it. */
void gp_gen_tidy(gp_gen_result *out);
/* Decodes base64 into out->image; RETRY if the text is not base64. */
gp_status gp_gen_take_base64(const gp_json *text, gp_gen_result *out, gp_error *err);

/* Each writes a member of an object, with its comma, or nothing if the value is not set. */
void gp_gen_put_text(gp_str *s, const char *name, const char *value);
void gp_gen_put_u64(gp_str *s, const char *name, uint64_t value);
void gp_gen_put_real(gp_str *s, const char *name, double value);
/* Writes prompt, negative prompt (whose name depends on the protocol), seed, width and height. */
void gp_gen_put_picture(gp_str *s, const gp_gen_request *r, const char *negative_name);
/* Writes the request's values as settings, for a back end that does not report its own. */
void gp_gen_put_asked(gp_str *s, const gp_gen_request *r);

#define GP_GEN_IMAGE_LIMIT ((uint64_t)1 << 30)
/* Starts a program in its own process group. line: socket for the program's standard input and output; -1: the program
 * has no input, and its output goes to goldpan's standard error.  If the program cannot be started, the result says
 * why. */
gp_status gp_gen_spawn(char *const *words, int line, pid_t *child, gp_gen_result *out);
gp_status gp_gen_program_make(gp_gen_backend *b, char *const *words, const gp_gen_request *r, gp_gen_result *out,
                              gp_error *err);
void gp_gen_program_close(gp_gen_program *program);

/* Sends a note to the user. */
void gp_gen_note(const gp_gen_backend *b, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For the error about a command or graph that has no place for the seed: returns the words that suggest --no-seed, or
 * "" if the run needs seeds. */
const char *gp_gen_or_no_seed(const gp_gen_backend *b);
/* Returns true if the request has a value for the option, such as "--steps". */
bool gp_gen_asks(const gp_gen_request *r, const char *option);
/* Sends a note for each option that the user gave but the protocol does not support. options: the options that it does
 * not support, with NULL at the end. */
void gp_gen_note_ignored(const gp_gen_backend *b, const char *const *options);

/* Result of comparing the metadata of a file (prompt, negative prompt, seed) with the request. */
typedef enum gp_gen_likeness {
    GP_GEN_BARE, /* the file has no metadata that can be compared */
    GP_GEN_AGREES,
    GP_GEN_DIFFERS /* out->message names the difference */
} gp_gen_likeness;
/* Compares the file's metadata with those of `graph`, the ComfyUI graph that was sent, or with `r` if graph is NULL.
 * name: the file's name on the server, or NULL. */
gp_status gp_gen_compare(const gp_gen_request *r, const gp_str *graph, const char *name, const gp_bytes *file,
                         gp_gen_likeness *likeness, gp_gen_result *out, gp_error *err);
/* Reads the seed in the settings of a file or a graph.  *known: the settings have a seed. */
gp_status gp_gen_read_seed(const gp_meta *meta, bool *known, uint64_t *seed, gp_error *err);
/* Moves out->image to the end of out->extras; at most GP_GEN_MOST_EXTRAS are kept. */
gp_status gp_gen_add_extra(gp_gen_result *out, gp_error *err);
/* Reads the image file that a command wrote.  name: name of the command. */
gp_status gp_gen_take_file(const char *path, const char *name, gp_gen_result *out, gp_error *err);
void gp_gen_drop_images(gp_gen_result *out);
/* Decodes `count` base64 images from a list, beginning with item `first`.  member: name of the item's member with
 * the text; NULL: the item is the text.  RETRY if a text is not base64. */
gp_status gp_gen_take_batch(const gp_json *list, size_t first, size_t count, const char *member, gp_gen_result *out,
                            gp_error *err);
/* Sends a request and waits at most `limit` seconds, even if the run has been stopped.  body NULL: GET.  Returns the
 * response's JSON, owned, or NULL. */
gp_json *gp_gen_quick(gp_gen_backend *b, const char *path, const char *body, double limit);

void gp_gen_graph_free(struct gp_gen_graph *graph);

#endif
