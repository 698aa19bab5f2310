/* SPDX-License-Identifier: MIT
 * Requests images from the user's image generator, one image per request, over a protocol that the generator supports.
 * A back end keeps only its connection between images; stage/generate.c keeps plans, retries and files. */
#ifndef GP_GENERATE_GENERATE_H
#define GP_GENERATE_GENERATE_H

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/str.h"

/* The requested image.  Texts are borrowed; NULL, 0 and NAN: the back end's default. */
typedef struct gp_gen_request {
    const char *key; /* hexadecimal, equal for equal images; used as the job's id if the back end allows that */
    const char *prompt, *negative;
    bool has_seed;
    uint64_t seed;
    uint32_t width, height, steps;
    double cfg; /* NAN: the default */
    const char *sampler, *scheduler, *model, *refiner;
    /* refiner_at: share of the steps after which the refiner starts. hires: factor by which the finished image is
     * enlarged; NAN: not enlarged. */
    double refiner_at, hires;
    const char *out;      /* path of the image file for a command; else NULL */
    const char *workflow; /* ComfyUI: graph of this image, used instead of the options' graph; or NULL */
} gp_gen_request;

typedef enum gp_gen_outcome {
    GP_GEN_DONE,
    GP_GEN_REFUSED, /* the generator rejects this request; a retry does not help */
    GP_GEN_RETRY,   /* a temporary error */
    GP_GEN_FAILED,  /* a permanent error */
    GP_GEN_STOPPED  /* the user stopped the job in the generator's own interface: not requested again in this run */
} gp_gen_outcome;

/* One more image of the same request. */
typedef struct gp_gen_extra {
    gp_bytes image;
    bool has_seed; /* `seed` is set: the image has its own seed */
    uint64_t seed;
} gp_gen_extra;

#define GP_GEN_MOST_WAIT 60.0
enum { GP_GEN_MOST_EXTRAS = 255 };
typedef struct gp_gen_result {
    gp_gen_outcome outcome;
    gp_bytes image;       /* DONE: bytes of the image file as received */
    gp_gen_extra *extras; /* DONE: [extra_count] the other images of the batch */
    size_t extra_count;
    gp_str settings; /* DONE: members of a JSON object, without braces: "seed":1,"sampler":"Euler a",... */
    /* RETRY: seconds that the server asks goldpan to wait, or 0; goldpan waits at most GP_GEN_MOST_WAIT */
    double wait;
    bool reported;     /* RETRY: the generator itself reports the error; if it comes twice, there is no third try */
    char message[400]; /* reason if the outcome is not DONE */
} gp_gen_result;
void gp_gen_result_clear(gp_gen_result *result);

typedef struct gp_gen_options {
    const char *address;       /* http(s)://host:port, or a command that contains {out} */
    const char *protocol;      /* name of the protocol, such as "a1111"; NULL: detect the protocol */
    const char *login;         /* "user:password", or NULL */
    const char *token;         /* bearer token, or NULL */
    const char *workflow;      /* ComfyUI: API-format graph (text), or NULL */
    const char *workflow_file; /* the file that `workflow` is from, for messages; or NULL */
    bool own_workflows;        /* each request has its own graph */
    /* ComfyUI: "node.input=value" [set_count]; value: @prompt, @seed, @width ..., or the value itself */
    const char *const *set;
    size_t set_count;
    /* Maximum seconds for each request, from connecting to the last byte of its response, and for each run of a
     * command. 0: no limit, since generating an image may take long. */
    double timeout;
    /* values that all requests have in common, to check them before the first request; may be NULL */
    const gp_gen_request *like;
    uint32_t per_prompt;       /* images of each prompt, each with its own seed; 0: not known */
    bool no_seed;              /* requests have no seed: the generator draws its own */
    bool needs_seed;           /* images are regenerated from their seed, so no_seed is not possible */
    bool asked;                /* an earlier gp_gen_open has checked these options: skip the checks */
    bool (*go_on)(void *user); /* called repeatedly, also while waiting; false: stop; may be NULL */
    /* Called about once a second, if the back end reports progress, with the finished share of the image (0 to 1) and a
     * preview (a file's bytes; size 0: no preview).  May be NULL. */
    void (*on_part)(void *user, double part, const gp_bytes *preview);
    /* Called repeatedly with the number of other users' jobs that the generator runs before ours.  May be NULL. */
    void (*on_ahead)(void *user, uint32_t jobs);
    bool previews; /* request previews */
    /* Called before a wait that the server requests (1 second or more).  asked: the seconds it requests; seconds:
     * how long goldpan waits.  May be NULL. */
    void (*on_wait)(void *user, double asked, double seconds);
    /* Called with a note for the user; the same text may come again.  May be NULL. */
    void (*on_note)(void *user, const char *code, const char *text);
    void *user;
} gp_gen_options;

typedef struct gp_gen_backend gp_gen_backend; /* used by one thread at a time */
/* Opens a back end.  The address may lack "http://": "127.0.0.1:8188".  Errors: USAGE (the program at the address has
 * no known protocol; a command lacks its placeholders; a graph cannot be filled in), NETWORK (no program responds
 * there). */
gp_status gp_gen_open(const gp_gen_options *options, gp_gen_backend **out, gp_error *err);
void gp_gen_close(gp_gen_backend *backend);
const char *gp_gen_protocol(const gp_gen_backend *backend);
/* Returns the web address of the generator, without a password; NULL for a command. */
const char *gp_gen_address(const gp_gen_backend *backend);
/* Capabilities of a back end.
 *
 *   SEEDS: generates from the request's seed (never with no_seed).
 *   HIRES: enlarges the finished image.
 *   PROGRAM: is a command of the user, whose text is part of an image's key.
 *   QUEUE: has a queue, so one job may wait there while another runs.
 *   GRAPH: generates from a graph, which is stored in the images. The back end itself compares the images with the
 *   request. */
enum { GP_GEN_SEEDS = 1, GP_GEN_HIRES = 2, GP_GEN_PROGRAM = 4, GP_GEN_QUEUE = 8, GP_GEN_GRAPH = 16 };
bool gp_gen_can(const gp_gen_backend *backend, unsigned what);
/* Generates an image.  Errors: STOPPED, MEMORY; every other failure is in the result. */
gp_status gp_gen_make(gp_gen_backend *backend, const gp_gen_request *request, gp_gen_result *result, gp_error *err);

/* Waits before the next request: `seconds`, or longer if the last response requests a longer wait (at most
 * GP_GEN_MOST_WAIT).  Returns false if go_on returned false. */
bool gp_gen_wait(const gp_gen_backend *backend, double seconds, const gp_gen_result *last);

/* Writes the values that are common to all images (steps, sampler, model, size ...) as members of a JSON object.
 * Leaves out values that are not set. */
void gp_gen_put_common(gp_str *s, const gp_gen_request *request);

/* Writes an image's settings as AUTOMATIC1111's `parameters`, so that a file alone contains its prompt and
 * settings. */
void gp_gen_infotext(const gp_gen_request *request, const char *settings_json, gp_str *out);

#endif
