/* SPDX-License-Identifier: MIT
 * Status, error, version, machine, progress.  Include <goldpan.h>, which has the conventions. */
#ifndef GOLDPAN_CORE_H
#define GOLDPAN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GP_API  __attribute__((visibility("default")))
#define GP_MUST __attribute__((warn_unused_result))
#else
#define GP_API
#define GP_MUST
#endif

#define GP_VERSION     "0.1.0"
#define GP_VERSION_NUM 100 /* 10000 * major + 100 * minor + patch */

/* An initialiser for a struct that begins with its size and is not an options struct:
 *     gp_report report = GP_INIT(gp_report); */
#ifdef __cplusplus
template <class Type> inline Type gp_init()
{
    Type sized = Type();
    sized.size = sizeof sized;
    return sized;
}
#define GP_INIT(type) gp_init<type>()
#else
#define GP_INIT(type)                                                                              \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ status and error */

typedef enum gp_status {
    GP_OK = 0,
    GP_ERR_USAGE,       /* an argument is wrong: the caller's mistake */
    GP_ERR_MEMORY,      /* an allocation failed */
    GP_ERR_IO,          /* reading or writing failed */
    GP_ERR_NOT_FOUND,   /* no such file, model, image or column */
    GP_ERR_FORMAT,      /* a file is damaged or not of the expected format */
    GP_ERR_LIMIT,       /* something is larger than a limit */
    GP_ERR_UNSUPPORTED, /* the input is well-formed, but goldpan does not support it */
    GP_ERR_NETWORK,     /* the server did not answer as it should */
    GP_ERR_CATALOG,     /* the catalog is locked, damaged or too new */
    GP_ERR_STOPPED      /* the progress callback returned false; work so far is kept */
} gp_status;

/* What went wrong.  This struct never grows. */
typedef struct gp_error {
    gp_status status;
    int number;         /* errno of the failed system call, or 0 */
    char message[1000]; /* one English sentence, with the path in quotes */
    char detail[1000];  /* the message without the path */
    char path[4096];    /* the file concerned; "" if there is none */
} gp_error;

/* Returns the short English name of a status ("format", "not found").
 * Threads: any. */
GP_API const char *gp_status_name(gp_status status);

/* Release memory.  For results whose comment says "owned, gp_free".  NULL is allowed.
 * Threads: any. */
GP_API void gp_free(void *memory);

/* ------------------------------------------------------------------ version and machine */

/* Returns the version of the library, such as "0.1.0".
 * Threads: any. */
GP_API const char *gp_version(void);

/* Returns the version of the library as a number: 10000 * major + 100 * minor + patch.
 * Threads: any. */
GP_API int gp_version_num(void);

typedef struct gp_machine {
    size_t size;
    char isa[32];      /* instruction set of goldpan's own kernels on this machine */
    char matmul[64];   /* library that multiplies matrices, such as "oneDNN 2.6.3" */
    bool bf16_default; /* true if GP_PRECISION_AUTO means bf16 on this machine */
    int threads;       /* number of processors that this process may use */
} gp_machine;

/* Describe this machine and what goldpan uses of it.
 * Errors: USAGE.
 * Threads: any. */
GP_API gp_status gp_machine_describe(gp_machine *machine, gp_error *err);

/* ------------------------------------------------------------------ progress and notes */

/* Progress of a long call. */
typedef struct gp_progress {
    const char *stage; /* "add", "score", "download" ...; borrowed until the callback returns */
    uint64_t done;     /* items done so far; bytes for "download" */
    uint64_t total;    /* 0: unknown */
    uint64_t failed;
    double seconds; /* since the stage began */
    double part;    /* "generate": finished share of the present image if reported, else 0 */
    uint32_t ahead; /* "generate": jobs of other clients ahead in the queue; 0 if not reported */
    double waiting; /* "generate": seconds spent waiting for jobs of other clients */
} gp_progress;

/* goldpan calls this function at most about ten times a second, and once at the end.  It is called
 * from the thread that made the call, unless the comment of an option says otherwise.  Return false
 * to stop: the call finishes the items under way, saves them and returns GP_ERR_STOPPED.  A call
 * that has finished by then returns its result.  To stop a call from another thread, let this
 * function read a flag that the other thread sets.
 * If the comment of an option promises "at least every 0.2 s", goldpan keeps this rate from the
 * start of the work on, even while no item is finished.  After the function has returned false,
 * such a call returns within a fraction of a second, and the items under way are lost. */
typedef bool (*gp_progress_fn)(void *user, const gp_progress *progress);

/* A message for the user that is not an error of the call, such as skipped files, or rows of a
 * table that could not be read.  Strings are borrowed until the callback returns. */
typedef struct gp_note {
    const char *code;    /* kind of note, such as "other-formats"; its meaning never changes */
    const char *message; /* one English sentence without a full stop */
    uint64_t count;      /* number of files, rows or images; seconds for "generator-waits" */
} gp_note;

/* Called from the calling thread, once for each kind of note, before the call returns. */
typedef void (*gp_note_fn)(void *user, const gp_note *note);

/* Counts of a stage.  A file that cannot be read is counted in `failed` and recorded in the
 * catalog; it is not an error of the call.  goldpan fills the report also if the call stopped or
 * failed: the counts are then those of the work so far. */
typedef struct gp_report {
    size_t size;
    uint64_t done;               /* items that this call processed */
    uint64_t skipped;            /* items that already had their result */
    uint64_t failed;             /* items that failed, now or in an earlier call */
    uint64_t without_prompt;     /* images without a known prompt */
    uint64_t duplicates;         /* paths whose content was already known */
    uint64_t rows_without_image; /* rows of the prompt table whose file was not found */
    uint64_t guesses;            /* gp_add: images whose prompt is a guess */
    double seconds;              /* duration of the call */
    double read_seconds;         /* reading the files to encode, summed over threads */
    double decode_seconds;       /* decoding, summed over threads like the next three */
    double resize_seconds;
    double image_tower_seconds;
    double text_tower_seconds;
    double write_seconds; /* writing to the catalog, while other threads work */
} gp_report;

#ifdef __cplusplus
}
#endif
#endif
