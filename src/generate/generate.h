/* SPDX-License-Identifier: MIT
 * Generators that people run: one picture for one request, over the protocol that the generator speaks.
 * A back end keeps nothing between pictures but its connection; plans, retries and files are stage/generate.c's. */
#ifndef GP_GENERATE_GENERATE_H
#define GP_GENERATE_GENERATE_H

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/str.h"

/* What one picture is to be.  Texts borrowed; NULL, 0 and NAN: whatever the back end does by itself. */
typedef struct gp_gen_request {
    const char *key; /* hexadecimal, the same for the same picture: names the job where a back end lets us */
    const char *prompt, *negative;
    bool has_seed;
    uint64_t seed;
    uint32_t width, height, steps;
    double cfg; /* NAN */
    const char *sampler, *scheduler, *model, *refiner;
    double refiner_at, hires; /* hires NAN, or: drawn as it is, then made so many times larger */ /* NAN */
    const char *out;      /* the file, for a command; else NULL */
    const char *workflow; /* ComfyUI: graph of this image instead of the options'; or NULL */
} gp_gen_request;

typedef enum gp_gen_outcome {
    GP_GEN_DONE,
    GP_GEN_REFUSED, /* the generator will not draw this: asking again is of no use */
    GP_GEN_RETRY,   /* it went wrong in a way that may pass */
    GP_GEN_FAILED,  /* it went wrong in a way that will not */
    GP_GEN_STOPPED  /* somebody stopped the job in the generator's own interface: not requested again in this run */
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
    gp_bytes image;       /* GOT: the file's bytes as they came */
    gp_gen_extra *extras; /* GOT: [extra_count] the other images of the batch */
    size_t extra_count;
    gp_str settings;   /* GOT: members of a JSON object, without braces: "seed":1,"sampler":"Euler a",... */
    double wait;       /* AGAIN: seconds that the server asks to wait, else 0; the wait is cut at GP_GEN_MOST_WAIT */
    bool reported;     /* AGAIN: the generator itself reports the error; if it comes twice, there is no third try */
    char message[400]; /* why not */
} gp_gen_result;
void gp_gen_result_clear(gp_gen_result *result);

typedef struct gp_gen_options {
    const char *address;       /* http(s)://host:port, or a command with {out} in it */
    const char *protocol;      /* "a1111" ..., NULL: found out by asking */
    const char *login;         /* "user:password", or NULL */
    const char *token;         /* or NULL */
    const char *workflow;      /* ComfyUI: API-format graph (text), or NULL */
    const char *workflow_file; /* the file that `workflow` is from, for messages; or NULL */
    bool own_workflows;        /* each request has its own graph */
    const char *const
        *set; /* ComfyUI: "node.input=value" [set_count]; value: @prompt, @negative, @seed, @width ..., or as it is */
    size_t set_count;
    /* Most seconds for each request, from connecting to the last byte of its answer, and for each run of a command.  0:
     * no limit, since drawing an image may take long. */
    double timeout;
    const gp_gen_request *like; /* common values of all requests, to check them before the first; may be NULL */
    uint32_t per_prompt;        /* images of each prompt, each with its own seed; 0: not known */
    bool no_seed;               /* requests have no seed: the generator chooses its own */
    bool needs_seed;            /* images are drawn again by their seed, so no_seed is no way out */
    bool asked;                 /* an earlier gp_gen_open has checked these options: skip the checks */
    bool (*go_on)(void *user);  /* asked now and then, also while waiting; may be NULL */
    /* Told about once a second, where the back end says it: the share of the picture that is done; what it looks like
     * so far (a file's bytes, size 0: not shown).  May be NULL. */
    void (*on_part)(void *user, double part, const gp_bytes *preview);
    /* Called now and then with the number of other users' jobs that the generator draws before ours.  May be NULL. */
    void (*on_ahead)(void *user, uint32_t jobs);
    bool previews; /* ask for them */
    /* Called before a wait that the server asked for (1 second or more). asked: the seconds it asked for; seconds: how
     * long goldpan waits. May be NULL. */
    void (*on_wait)(void *user, double asked, double seconds);
    /* Called with something the user should know; the same text may come again.  May be NULL. */
    void (*on_note)(void *user, const char *code, const char *text);
    void *user;
} gp_gen_options;

typedef struct gp_gen_backend gp_gen_backend; /* one thread at a time */
/* The address may lack "http://": "127.0.0.1:8188".  Errors: USAGE (the program at the address has no known protocol; a
 * command lacks its placeholders; a graph cannot be filled in), NETWORK (no program answers there). */
gp_status gp_gen_open(const gp_gen_options *options, gp_gen_backend **out, gp_error *err);
void gp_gen_close(gp_gen_backend *backend);
const char *gp_gen_protocol(const gp_gen_backend *backend);
/* Web address of the generator, without a password; NULL for a command. */
const char *gp_gen_address(const gp_gen_backend *backend);
/* What a back end can do.  SEEDS: draw by the request's seed (never with no_seed).  HIRES: enlarge the image it drew.  PROGRAM: it is a command of the
 * user, whose text is part of an image's key.  QUEUE: it has a queue, so one job may wait there while another is
 * drawn.  GRAPH: it draws by a graph, which its images contain; it compares them with the request itself. */
enum { GP_GEN_SEEDS = 1, GP_GEN_HIRES = 2, GP_GEN_PROGRAM = 4, GP_GEN_QUEUE = 8, GP_GEN_GRAPH = 16 };
bool gp_gen_can(const gp_gen_backend *backend, unsigned what);
/* Draw.  STOPPED, MEMORY are errors; all else is in the result. */
gp_status gp_gen_make(gp_gen_backend *backend, const gp_gen_request *request, gp_gen_result *result, gp_error *err);

/* Waits before the next request: `seconds`, or as long as the last answer asks (at most GP_GEN_MOST_WAIT). False: go_on
 * has said stop. */
bool gp_gen_wait(const gp_gen_backend *backend, double seconds, const gp_gen_result *last);

/* What all pictures have in common, as members of a JSON object: names and numbers that were given. */
void gp_gen_put_common(gp_str *s, const gp_gen_request *request);

/* AUTOMATIC1111's text of a picture's settings (its `parameters`): what files keep so that they are enough later. */
void gp_gen_infotext(const gp_gen_request *request, const char *settings_json, gp_str *out);

#endif
