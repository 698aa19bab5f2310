/* SPDX-License-Identifier: MIT
 * GEMM by oneDNN's inner_product (C API of 2.x and 3.x).  Weights have the layout that the library chooses, the caller
 * provides the scratch, and each call uses one thread.  This is the only file that includes dnnl.h.
 *
 * oneDNN does not promise that a row's result is independent of the number of rows, and on AVX2 it is not.  Version 2.6
 * processes six rows at a time, and a remainder of two rows uses a kernel that adds in another order (m = 32, 80, 128
 * differ in the last bits from m = 16, 48, 192).  Above 263 rows it may switch to yet another kernel.  Version 3.7
 * splits a row's sum at another place from 96 rows on.  Therefore rows are always multiplied in pieces of 192, 48 and
 * 16, and each shape is tested first (trial).  A piece whose rows differ in any bit from those of 16 is not used.  If
 * rows of 16 differ among themselves, the engine is rejected.  The primitives are created in advance: execution then
 * needs no state and no lock. */
#include "tensor/matmul.h"

#ifdef GP_HAVE_ONEDNN

#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"

#include <dnnl.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PIECES = 3, BLOCK = 192, ALL = (1 << PIECES) - 1, LAST = PIECES - 1 };
static const dnnl_dim_t piece_rows[PIECES] = {BLOCK, 48, GP_MATMUL_STEP};

/* A memory descriptor is a struct in oneDNN 2 and a pointer in oneDNN 3.  Functions take it as desc_ref. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t desc_ref;
static desc_ref ref(const dnnl_memory_desc_t *desc)
{
    return *desc;
}
static void desc_free(dnnl_memory_desc_t *desc)
{
    if (*desc) dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
}
#else
typedef const dnnl_memory_desc_t *desc_ref;
static desc_ref ref(const dnnl_memory_desc_t *desc)
{
    return desc;
}
static void desc_free(dnnl_memory_desc_t *desc)
{
    (void)desc;
}
#endif

static dnnl_status_t desc_make(dnnl_memory_desc_t *desc, int dims, dnnl_dim_t a, dnnl_dim_t b, dnnl_data_type_t type,
                               dnnl_format_tag_t tag)
{
    dnnl_dims_t size = {a, b};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(desc, dims, size, type, tag);
#else
    return dnnl_memory_desc_init_by_tag(desc, dims, size, type, tag);
#endif
}

/* Packed weights in one layout.  Usually all pieces share the same layout. */
typedef struct form {
    void *data;
    size_t bytes;
    dnnl_memory_t memory;
} form;

typedef struct piece {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_memory_t weight; /* borrowed from one of `forms` (packed weights) */
} piece;

typedef struct onednn {
    size_t out, in, bytes, scratch;
    bool bf16;
    dnnl_engine_t engine;
    dnnl_memory_desc_t bias_desc;
    dnnl_memory_t bias;
    float *bias_data;
    form forms[PIECES];
    size_t form_count;
    piece pieces[PIECES];
} onednn;

static const char *status_name(dnnl_status_t status)
{
    switch (status) {
    case dnnl_success: return "success";
    case dnnl_out_of_memory: return "out of memory";
    case dnnl_invalid_arguments: return "invalid arguments";
    case dnnl_unimplemented: return "unimplemented";
    case dnnl_runtime_error: return "runtime error";
    default: return "unknown status";
    }
}

static gp_status failed(gp_error *err, const onednn *p, const char *what, dnnl_status_t status)
{
    return gp_fail(err, status == dnnl_out_of_memory ? GP_ERR_MEMORY : GP_ERR_UNSUPPORTED,
                   "oneDNN cannot %s for a %zu x %zu matrix in %s: %s (%d)", what, p->out, p->in,
                   p->bf16 ? "bf16" : "fp32", status_name(status), (int)status);
}

/* Calls oneDNN; after an error goes to `out` with its status. */
#define DNNL_GO(call)                                                                                                  \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != dnnl_success) goto out;                                                                          \
    } while (0)

/* oneDNN takes the number of threads from the calling thread's OpenMP setting.  This function sets the number to 1 and
 * returns the former number. */
static int threads_one(void)
{
#ifdef _OPENMP
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
#else
    return 1;
#endif
}

static void threads_back(int before)
{
#ifdef _OPENMP
    omp_set_num_threads(before);
#else
    (void)before;
#endif
}

static void onednn_free(void *packed)
{
    onednn *p = packed;
    if (!p) return;
    for (size_t i = 0; i < PIECES; i++) {
        if (p->pieces[i].primitive) dnnl_primitive_destroy(p->pieces[i].primitive);
        if (p->pieces[i].pd) dnnl_primitive_desc_destroy(p->pieces[i].pd);
    }
    for (size_t i = 0; i < p->form_count; i++) {
        if (p->forms[i].memory) dnnl_memory_destroy(p->forms[i].memory);
        gp_mem_free(p->forms[i].data);
    }
    if (p->bias) dnnl_memory_destroy(p->bias);
    gp_mem_free(p->bias_data);
    desc_free(&p->bias_desc);
    if (p->engine) dnnl_engine_destroy(p->engine);
    gp_mem_free(p);
}

/* Creates the descriptor of inner_product for `rows` rows.  weight: layout of the weights; NULL: oneDNN chooses it.
 * Rejects oneDNN's reference implementations, which are correct but hundreds of times slower. */
static dnnl_status_t describe(const onednn *p, dnnl_dim_t rows, desc_ref weight, dnnl_primitive_desc_t *pd)
{
    dnnl_memory_desc_t x = {0}, y = {0}, any = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_data_type_t type = p->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_dim_t out = (dnnl_dim_t)p->out, in = (dnnl_dim_t)p->in;
    const char *name = "";
    dnnl_status_t status;
    DNNL_GO(desc_make(&x, 2, rows, in, type, dnnl_ab));
    DNNL_GO(desc_make(&y, 2, rows, out, dnnl_f32, dnnl_ab));
    DNNL_GO(desc_make(&any, 2, out, in, type, dnnl_format_tag_any));
    DNNL_GO(dnnl_primitive_attr_create(&attr));
    DNNL_GO(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    DNNL_GO(dnnl_primitive_attr_set_fpmath_mode(attr, dnnl_fpmath_mode_strict));
#if DNNL_VERSION_MAJOR >= 3
    DNNL_GO(dnnl_inner_product_forward_primitive_desc_create(pd, p->engine, dnnl_forward_inference, x,
                                                             weight ? weight : any, p->bias_desc, y, attr));
#else
    dnnl_inner_product_desc_t op;
    DNNL_GO(dnnl_inner_product_forward_desc_init(&op, dnnl_forward_inference, &x, weight ? weight : &any, &p->bias_desc,
                                                 &y));
    DNNL_GO(dnnl_primitive_desc_create(pd, &op, attr, p->engine, NULL));
#endif
    DNNL_GO(dnnl_primitive_desc_query(*pd, dnnl_query_impl_info_str, 0, (void *)&name));
    if (strncmp(name, "ref", 3) == 0) {
        dnnl_primitive_desc_destroy(*pd);
        *pd = NULL;
        status = dnnl_unimplemented;
    }
out:
    if (attr) dnnl_primitive_attr_destroy(attr);
    desc_free(&any);
    desc_free(&y);
    desc_free(&x);
    return status;
}

static dnnl_status_t reorder(dnnl_engine_t engine, desc_ref from_desc, dnnl_memory_t from, desc_ref to_desc,
                             dnnl_memory_t to)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_status_t status;
    DNNL_GO(dnnl_reorder_primitive_desc_create(&pd, from_desc, engine, to_desc, engine, NULL));
    DNNL_GO(dnnl_primitive_create(&primitive, pd));
    DNNL_GO(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    DNNL_GO(dnnl_primitive_execute(primitive, stream, 2, args));
    DNNL_GO(dnnl_stream_wait(stream));
out:
    if (stream) dnnl_stream_destroy(stream);
    if (primitive) dnnl_primitive_destroy(primitive);
    if (pd) dnnl_primitive_desc_destroy(pd);
    return status;
}

/* Adds a form: packs weight [out, in] in the layout that the descriptor `wanted` has. */
static gp_status form_add(onednn *p, const float *weight, desc_ref wanted, gp_error *err)
{
    form *f = &p->forms[p->form_count++];
    dnnl_memory_desc_t plain = {0};
    dnnl_memory_t source = NULL;
    dnnl_status_t status;
    gp_status st = GP_OK;
    f->bytes = dnnl_memory_desc_get_size(wanted);
    GP_TRY(gp_alloc_aligned(&f->data, f->bytes, 1, "a packed matrix", err));
    p->bytes += f->bytes;
    DNNL_GO(dnnl_memory_create(&f->memory, wanted, p->engine, f->data));
    DNNL_GO(desc_make(&plain, 2, (dnnl_dim_t)p->out, (dnnl_dim_t)p->in, dnnl_f32, dnnl_ab));
    DNNL_GO(dnnl_memory_create(&source, ref(&plain), p->engine, (void *)(uintptr_t)weight));
    DNNL_GO(reorder(p->engine, ref(&plain), source, wanted, f->memory));
out:
    if (status != dnnl_success) st = failed(err, p, "pack the weights", status);
    if (source) dnnl_memory_destroy(source);
    desc_free(&plain);
    return st;
}

static desc_ref weights_of(dnnl_primitive_desc_t pd)
{
    return dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
}

/* Creates piece i. The piece uses the packed weights of the first form if oneDNN supports their layout for this piece.
 * Otherwise the function packs the weights again, in another form. */
static gp_status piece_make(onednn *p, size_t i, const float *weight, gp_error *err)
{
    piece *q = &p->pieces[i];
    dnnl_status_t status = dnnl_unimplemented;
    size_t first = 0; /* index of the first piece that exists; forms[0] has its weights */
    while (first < i && !p->pieces[first].pd) first++;
    if (first < i) {
        status = describe(p, piece_rows[i], weights_of(p->pieces[first].pd), &q->pd);
        q->weight = p->forms[0].memory;
    }
    if (status != dnnl_success) {
        status = describe(p, piece_rows[i], NULL, &q->pd);
        if (status != dnnl_success) return failed(err, p, "multiply", status);
        GP_TRY(form_add(p, weight, weights_of(q->pd), err));
        q->weight = p->forms[p->form_count - 1].memory;
    }
    status = dnnl_primitive_create(&q->primitive, q->pd);
    if (status != dnnl_success) return failed(err, p, "multiply", status);
    size_t scratch = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(q->pd, dnnl_query_scratchpad_md, 0));
    p->scratch = scratch > p->scratch ? scratch : p->scratch;
    return GP_OK;
}

/* Creates the pieces whose bits are set in `mask`. */
static gp_status onednn_fill(onednn *p, const float *weight, const float *bias, unsigned mask, gp_error *err)
{
    void *part = NULL;
    GP_TRY(gp_alloc_aligned(&part, p->out, sizeof(float), "a packed matrix", err));
    p->bias_data = part;
    memcpy(p->bias_data, bias, p->out * sizeof(float));
    p->bytes = p->out * sizeof(float);
    dnnl_status_t status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (status == dnnl_success) status = desc_make(&p->bias_desc, 1, (dnnl_dim_t)p->out, 0, dnnl_f32, dnnl_a);
    if (status == dnnl_success) status = dnnl_memory_create(&p->bias, ref(&p->bias_desc), p->engine, p->bias_data);
    if (status != dnnl_success) return failed(err, p, "start", status);
    for (size_t i = 0; i < PIECES; i++)
        if (mask >> i & 1) GP_TRY(piece_make(p, i, weight, err));
    return GP_OK;
}

static gp_status onednn_make(const float *weight, const float *bias, size_t out, size_t in, bool bf16, unsigned mask,
                             onednn **packed, gp_error *err)
{
    void *part = NULL;
    GP_TRY(gp_alloc(&part, 1, sizeof(onednn), "a packed matrix", err));
    onednn *p = part;
    *p = (onednn){.out = out, .in = in, .bf16 = bf16};
    gp_status st = onednn_fill(p, weight, bias, mask, err);
    if (st == GP_OK)
        *packed = p;
    else
        onednn_free(p);
    return st;
}

/* Multiplies the rows of one piece.  Memory objects are small handles.  Each call creates its own, so that concurrent
 * calls share nothing that is written. */
static dnnl_status_t piece_run(const onednn *p, const piece *q, dnnl_stream_t stream, const void *x, float *y,
                               void *scratch)
{
    dnnl_memory_t from = NULL, to = NULL, pad = NULL;
    dnnl_status_t status;
    DNNL_GO(dnnl_memory_create(&from, dnnl_primitive_desc_query_md(q->pd, dnnl_query_src_md, 0), p->engine,
                               (void *)(uintptr_t)x));
    DNNL_GO(dnnl_memory_create(&to, dnnl_primitive_desc_query_md(q->pd, dnnl_query_dst_md, 0), p->engine, y));
    DNNL_GO(
        dnnl_memory_create(&pad, dnnl_primitive_desc_query_md(q->pd, dnnl_query_scratchpad_md, 0), p->engine, scratch));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, from},
                              {DNNL_ARG_WEIGHTS, q->weight},
                              {DNNL_ARG_BIAS, p->bias},
                              {DNNL_ARG_DST, to},
                              {DNNL_ARG_SCRATCHPAD, pad}};
    DNNL_GO(dnnl_primitive_execute(q->primitive, stream, 5, args));
    DNNL_GO(dnnl_stream_wait(stream));
out:
    if (pad) dnnl_memory_destroy(pad);
    if (to) dnnl_memory_destroy(to);
    if (from) dnnl_memory_destroy(from);
    return status;
}

static gp_status onednn_run(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue,
                            void *scratch, gp_error *err)
{
    const onednn *p = packed;
    const uint8_t *from = x;
    size_t width = p->bf16 ? sizeof(uint16_t) : sizeof(float), i = 0;
    dnnl_stream_t stream = NULL;
    int threads = threads_one();
    dnnl_status_t status = dnnl_stream_create(&stream, p->engine, dnnl_stream_default_flags);
    while (status == dnnl_success && rows > 0) {
        size_t step = (size_t)piece_rows[i];
        if (step > rows || !p->pieces[i].primitive) {
            i++;
            continue;
        }
        status = piece_run(p, &p->pieces[i], stream, from, y, scratch);
        if (epilogue) epilogue(y, step * p->out);
        from += step * p->in * width;
        y += step * p->out;
        rows -= step;
    }
    if (stream) dnnl_stream_destroy(stream);
    threads_back(threads);
    return status == dnnl_success ? GP_OK : failed(err, p, "multiply", status);
}

/* Buffers of a trial.  All rows of x are copies of one row. */
typedef struct trial {
    float *weight; /* [out, in], then the bias [out] */
    float *x;      /* [BLOCK, in], float or bf16 */
    float *y;      /* [BLOCK, out] results */
    float *one;    /* [out] first result row of the last piece, with which all other rows are compared */
    uint8_t *scratch;
} trial;

static void trial_free(trial *t)
{
    gp_mem_free(t->weight);
    gp_mem_free(t->x);
    gp_mem_free(t->y);
    gp_mem_free(t->one);
    gp_mem_free(t->scratch);
    *t = (trial){0};
}

static gp_status trial_allocate(trial *t, const onednn *p, gp_error *err)
{
    static const char what[] = "trying a matrix";
    GP_TRY(gp_alloc_aligned((void **)&t->x, BLOCK * p->in, sizeof *t->x, what, err));
    GP_TRY(gp_alloc_aligned((void **)&t->y, BLOCK * p->out, sizeof *t->y, what, err));
    return gp_alloc_aligned((void **)&t->one, p->out, sizeof *t->one, what, err);
}

/* Allocates the scratch for a set of pieces.  A smaller set may need more scratch than a larger one, because each set
 * has its own layout of the weights. */
static gp_status trial_scratch(trial *t, const onednn *p, gp_error *err)
{
    gp_mem_free(t->scratch);
    t->scratch = NULL;
    return gp_alloc_aligned((void **)&t->scratch, p->scratch + 1, 1, "trying a matrix", err);
}

static void fill_random(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)(gp_rng_at(seed, i) >> 40) * 0x1p-23f - 1.0f;
}

/* Fills all rows of x with the same random row. */
static void trial_row(const onednn *p, float *x, uint64_t seed)
{
    const size_t bytes = p->in * (p->bf16 ? sizeof(uint16_t) : sizeof(float));
    /* the float row is at the end of x, so that the conversion to bf16, which writes at the start, does not overwrite
     * it */
    float *from = p->bf16 ? x + BLOCK * p->in - p->in : x;
    fill_random(from, p->in, seed);
    if (p->bf16) gp_kernel_table()->f32_to_bf16(from, (uint16_t *)(void *)x, p->in);
    for (size_t r = 1; r < BLOCK; r++) memcpy((uint8_t *)x + r * bytes, x, bytes);
}

/* Multiplies x, whose rows are equal, in all pieces of p. If a result row of a piece differs from the first result row
 * of the last piece, clears the piece's bit in *agree.  If rows of the last piece differ, clears all bits. */
static gp_status trial_run(const onednn *p, const trial *t, unsigned *agree, gp_error *err)
{
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_stream_create(&stream, p->engine, dnnl_stream_default_flags);
    for (size_t i = PIECES; status == dnnl_success && i-- > 0;) {
        const piece *q = &p->pieces[i];
        if (!q->primitive) continue;
        status = piece_run(p, q, stream, t->x, t->y, t->scratch);
        if (i == LAST) memcpy(t->one, t->y, p->out * sizeof *t->y);
        for (size_t r = 0; status == dnnl_success && r < (size_t)piece_rows[i]; r++)
            if (memcmp(t->y + r * p->out, t->one, p->out * sizeof *t->y) != 0) *agree &= ~(1u << i);
    }
    if (stream) dnnl_stream_destroy(stream);
    if (!(*agree >> LAST & 1)) *agree = 0;
    return status == dnnl_success ? GP_OK : failed(err, p, "multiply", status);
}

/* Finds the pieces that give equal results in a product with weights [out, in], and sets their bits in *mask.  The
 * layout of the weights may depend on the largest piece, so a smaller set is tested again.  Another order of summation
 * changes nearly every random result.  A small matrix has few results, so it is tested with more rows. */
static gp_status trial_of(size_t out, size_t in, bool bf16, unsigned *mask, gp_error *err)
{
    trial t = {0};
    onednn *p = NULL;
    gp_status st;
    unsigned before = 0;
    const uint64_t rows = out < 64 ? 16 : out < 512 ? 4 : 2;
    GP_TRY_GOTO(gp_alloc_aligned((void **)&t.weight, out * in + out, sizeof *t.weight, "trying a matrix", err));
    fill_random(t.weight, out * in + out, out * 31 + in);
    for (*mask = ALL; *mask != 0 && *mask != before;) {
        before = *mask;
        GP_TRY_GOTO(onednn_make(t.weight, t.weight + out * in, out, in, bf16, before, &p, err));
        if (!t.x) GP_TRY_GOTO(trial_allocate(&t, p, err));
        GP_TRY_GOTO(trial_scratch(&t, p, err));
        for (uint64_t row = 0; row < rows && *mask != 0; row++) {
            trial_row(p, t.x, ~row);
            GP_TRY_GOTO(trial_run(p, &t, mask, err));
        }
        onednn_free(p);
        p = NULL;
    }
out:
    onednn_free(p);
    trial_free(&t);
    return st;
}

/* Results of the trials that this process has made.  The list is short, because a model has few different matrix
 * shapes. */
typedef struct tried {
    size_t out, in;
    bool bf16;
    unsigned mask;
} tried;

static gp_status pieces_that_agree(size_t out, size_t in, bool bf16, unsigned *mask, gp_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static tried known[64];
    static size_t count;
    gp_status st = GP_OK;
    pthread_mutex_lock(&lock);
    size_t at = 0;
    while (at < count && (known[at].out != out || known[at].in != in || known[at].bf16 != bf16)) at++;
    if (at < count) {
        *mask = known[at].mask;
    } else {
        st = trial_of(out, in, bf16, mask, err);
        if (st == GP_OK && count < sizeof known / sizeof known[0]) known[count++] = (tried){out, in, bf16, *mask};
    }
    pthread_mutex_unlock(&lock);
    return st;
}

bool gp_matmul_onednn_keeps_rows(void)
{
    unsigned mask = 0;
    int threads = threads_one();
    gp_status st = pieces_that_agree(768, 768, false, &mask, NULL);
    threads_back(threads);
    return st == GP_OK && mask != 0;
}

static gp_status onednn_pack(const float *weight, const float *bias, size_t out, size_t in, bool bf16, void **packed,
                             gp_error *err)
{
    char version[64];
    unsigned mask = 0;
    onednn *p = NULL;
    int threads = threads_one();
    gp_status st = pieces_that_agree(out, in, bf16, &mask, err);
    if (st == GP_OK && mask != 0) st = onednn_make(weight, bias, out, in, bf16, mask, &p, err);
    threads_back(threads);
    if (st != GP_OK) return st;
    gp_matmul_onednn_version(version, sizeof version);
    if (mask == 0)
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "with %s, the results of a row of a %zu x %zu matrix depend on the position of the row; use --engine plain",
            version, out, in);
    *packed = p;
    return GP_OK;
}

static size_t onednn_bytes(const void *packed)
{
    return ((const onednn *)packed)->bytes;
}
static size_t onednn_scratch(const void *packed)
{
    return ((const onednn *)packed)->scratch;
}

const gp_matmul_engine *gp_matmul_onednn(void)
{
    static const gp_matmul_engine engine = {
        onednn_pack, onednn_free, onednn_bytes, onednn_scratch, onednn_run, BLOCK, 0};
    return &engine;
}

void gp_matmul_onednn_version(char *out, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(out, size, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}

#endif
