/* SPDX-License-Identifier: MIT
 * The optimisation of a UMAP map: stochastic gradient descent in which edges attract and negative samples repel.
 *
 *   points -> parts of equal size
 *   edges  -> tasks: one for each pair of parts, and one for each part with itself
 *   epoch  -> rounds; no two tasks of a round share a part, so threads run them in parallel (round-robin schedule)
 *
 * An edge moves both of its ends by opposite vectors, as in the paper (McInnes, Healy, Melville 2018).  The kernel
 * computes eight edges at once.  Negative samples are read at their positions from the start of the epoch.  The map is
 * therefore bit-identical for any number of threads.
 * Moving only one end of each edge, by twice the vector, needs no schedule.  But then points on curves lose 1.5 to 4 %
 * of their neighbours (docs/performance.md). */
#include "analyze/map/umap_layout.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"
#include "kernel/kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    EDGES = 8, /* edges that the kernel processes at once */
    MAX_PARTS = 64,
    MIN_PART = 1024 /* points of a part */
};

/* ------------------------------------------------------------------ eight edges */

/* Inputs and outputs of the kernel, [dims, EDGES] each; negatives [count of negatives, dims, EDGES]. */
typedef struct buffers {
    float *head, *tail, *head_move, *tail_move, *negatives;
} buffers;

static size_t buffers_size(const gp_layout_options *o)
{
    return (4 + o->negatives) * o->dims * EDGES;
}

static buffers buffers_at(const gp_layout_options *o, float *memory)
{
    size_t each = o->dims * EDGES;
    /* clear the memory, because the kernel also computes lanes without an edge, and they must hold finite numbers */
    memset(memory, 0, buffers_size(o) * sizeof *memory);
    return (buffers){memory, memory + each, memory + 2 * each, memory + 3 * each, memory + 4 * each};
}

static inline size_t draw(uint64_t *random, size_t n)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(((*random >> 32) * n) >> 32);
}

static inline __attribute__((always_inline)) void load(size_t dims, size_t lane, const float *from, float *to)
{
    for (size_t k = 0; k < dims; k++) to[k * EDGES + lane] = from[k];
}

static inline __attribute__((always_inline)) void add(size_t dims, size_t lane, const float *moves, float *x)
{
    for (size_t k = 0; k < dims; k++) x[k] += moves[k * EDGES + lane];
}

/* ------------------------------------------------------------------ tasks */

typedef struct edge {
    uint32_t head, tail; /* indices into `position` */
    float period;        /* epochs from one use of the edge to the next: largest weight / weight of the edge */
    float next;          /* epoch of the next use */
} edge;

typedef struct layout {
    const gp_umap_graph *graph;
    const gp_layout_options *o;
    const gp_kernels *kernels;
    size_t parts;    /* a power of two */
    size_t rounds;   /* of an epoch: parts - 1 rounds of pairs of parts, and one round of single parts */
    size_t tasks;    /* in all rounds */
    float *position; /* [n, dims] current positions, part after part, so that threads do not share cache lines */
    float *before;   /* [n, dims] positions at the start of the epoch */
    uint32_t *place; /* [n] index of each point in `position` */
    size_t *first;   /* [tasks + 1] first edge of each task */
    edge *edges;     /* sorted by task */
    int threads;
    float alpha;
    uint32_t epoch;
    atomic_size_t next;
    atomic_bool stop, failed;
    pthread_barrier_t barrier;
    gp_progress_meter ticker;
} layout;

/* Point i belongs to part i % parts, so that each part is a sample of all points. */
static void assign_places(layout *l)
{
    size_t n = l->graph->n, next = 0;
    for (size_t p = 0; p < l->parts; p++)
        for (size_t i = p; i < n; i += l->parts) l->place[i] = (uint32_t)next++;
}

/* Returns the number of the task for the edges between parts p and q.  The first task of round r is r * parts / 2.  The
 * schedule is the circle method of round-robin tournaments.  Round r pairs parts p and q if p + q = 2r modulo (parts -
 * 1), and pairs part r with the last part.  The last round has one task for each part: the edges within the part. */
static size_t task_of(const layout *l, size_t p, size_t q)
{
    size_t circle = l->parts - 1, each = l->parts / 2;
    if (p == q) return circle * each + p;
    if (p > q) {
        size_t keep = p;
        p = q, q = keep;
    }
    if (q == circle) return p * each;
    size_t r = (p + q) % 2 ? (p + q + circle) / 2 % circle : (p + q) / 2;
    size_t k = p > r ? p - r : r - p;
    return r * each + (k < circle - k ? k : circle - k);
}

/* Computes the tasks of a round: *from .. *to - 1. */
static void round_tasks(const layout *l, size_t round, size_t *from, size_t *to)
{
    *from = round * (l->parts / 2);
    *to = round + 1 < l->rounds ? *from + l->parts / 2 : l->tasks;
}

/* Sorts the edges by task; edges of one task keep the order of the graph.  Leaves out edges whose period (the number of
 * epochs from one use to the next) is longer than the number of epochs. */
static gp_status make_tasks(layout *l, gp_error *err)
{
    const gp_umap_graph *g = l->graph;
    size_t n = g->n, count = 0;
    float most = 0;
    for (size_t e = 0; e < g->first[n]; e++) most = fmaxf(most, g->weight[e]);
    GP_TRY(gp_alloc((void **)&l->first, l->tasks + 2, sizeof *l->first, "the map", err));
    memset(l->first, 0, (l->tasks + 2) * sizeof *l->first);
    for (int filling = 0; filling < 2; filling++) {
        for (size_t i = 0; i < n; i++)
            for (size_t e = g->first[i]; e < g->first[i + 1]; e++) {
                if (!(g->weight[e] > 0) || g->weight[e] * (float)l->o->epochs < most) continue;
                size_t task = task_of(l, i % l->parts, g->to[e] % l->parts);
                float period = most / g->weight[e];
                if (filling)
                    l->edges[l->first[task + 1]++] = (edge){l->place[i], l->place[g->to[e]], period, period};
                else
                    l->first[task + 2]++, count++;
            }
        if (filling) break;
        for (size_t t = 0; t < l->tasks; t++) l->first[t + 2] += l->first[t + 1];
        GP_TRY(gp_alloc((void **)&l->edges, count, sizeof *l->edges, "the map", err));
    }
    return GP_OK;
}

/* Moves both ends of up to EDGES edges.  Inlined, so that the compiler unrolls the loops for a constant `dims`. */
static inline __attribute__((always_inline)) void move_ends(layout *l, const gp_umap_gradient *f, size_t dims,
                                                            buffers *w, const edge *const *due, size_t count,
                                                            uint64_t *random)
{
    for (size_t e = 0; e < count; e++) {
        load(dims, e, l->position + due[e]->head * dims, w->head);
        load(dims, e, l->position + due[e]->tail * dims, w->tail);
    }
    for (size_t s = 0; s < f->negatives; s++)
        for (size_t e = 0; e < count; e++)
            load(dims, e, l->before + draw(random, l->graph->n) * dims, w->negatives + s * dims * EDGES);
    l->kernels->umap_gradient(f, w->head, w->tail, w->negatives, w->head_move, w->tail_move);
    for (size_t e = 0; e < count; e++) {
        add(dims, e, w->head_move, l->position + due[e]->head * dims);
        add(dims, e, w->tail_move, l->position + due[e]->tail * dims);
    }
}

static void run_task(layout *l, buffers *w, size_t task)
{
    const gp_layout_options *o = l->o;
    gp_umap_gradient f = {(float)o->a, (float)o->b, l->alpha, o->dims, o->negatives};
    uint64_t random = gp_rng_mix(o->seed + (uint64_t)l->epoch * l->tasks + task);
    const edge *due[EDGES];
    size_t count = 0;
    float now = (float)l->epoch;
    for (size_t e = l->first[task]; e < l->first[task + 1]; e++) {
        edge *at = &l->edges[e];
        /* `is_due` is used without a branch: the CPU would mispredict a branch too often */
        bool is_due = at->next <= now;
        due[count] = at;
        count += is_due;
        at->next += is_due ? at->period : 0;
        if (count < EDGES && e + 1 < l->first[task + 1]) continue;
        if (o->dims == 2)
            move_ends(l, &f, 2, w, due, count, &random);
        else
            move_ends(l, &f, o->dims, w, due, count, &random);
        count = 0;
    }
}

/* ------------------------------------------------------------------ threads */

/* Prepares round t; t counts the rounds of all epochs.  Thread 0 runs this function while the other threads wait at
 * the barrier. */
static void begin_round(layout *l, size_t t)
{
    size_t from, to, round = t % l->rounds;
    if (round == 0) {
        l->epoch = (uint32_t)(t / l->rounds);
        l->alpha = 1 - (float)l->epoch / (float)l->o->epochs;
        memcpy(l->before, l->position, l->graph->n * l->o->dims * sizeof *l->before);
        if (!gp_progress_meter_update(&l->ticker, l->epoch, 0)) atomic_store(&l->stop, true);
    }
    round_tasks(l, round, &from, &to);
    atomic_store(&l->next, from);
}

static void run_rounds(void *user, int index)
{
    layout *l = user;
    float *memory = gp_mem_aligned(buffers_size(l->o), sizeof *memory);
    if (!memory) atomic_store(&l->failed, true);
    buffers w = memory ? buffers_at(l->o, memory) : (buffers){0};
    for (size_t t = 0; t < l->rounds * l->o->epochs; t++) {
        size_t from, to, task;
        if (index == 0) begin_round(l, t);
        pthread_barrier_wait(&l->barrier);
        if (atomic_load(&l->stop) || atomic_load(&l->failed)) break;
        round_tasks(l, t % l->rounds, &from, &to);
        while ((task = atomic_fetch_add(&l->next, 1)) < to) run_task(l, &w, task);
        pthread_barrier_wait(&l->barrier);
    }
    gp_mem_free(memory);
}

static void run_other(void *user, int index)
{
    run_rounds(user, index + 1);
}

static gp_status run_threads(layout *l, gp_error *err)
{
    gp_threads *others = NULL;
    gp_status st = GP_OK;
    if (pthread_barrier_init(&l->barrier, NULL, (unsigned)l->threads) != 0) return gp_fail_memory(err, "the map");
    if (l->threads > 1) GP_TRY_GOTO(gp_threads_start(l->threads - 1, run_other, l, &others, err));
    run_rounds(l, 0);
    gp_threads_join(others);
    if (atomic_load(&l->failed)) st = gp_fail_memory(err, "the map");
    if (st == GP_OK && atomic_load(&l->stop)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    pthread_barrier_destroy(&l->barrier);
    return st;
}

/* Chooses the number of parts, and limits the threads: a round of pairs has parts / 2 tasks, so more threads would be
 * idle. */
static void divide(layout *l)
{
    size_t most = l->graph->n / MIN_PART;
    l->parts = 1;
    while (l->parts * 2 <= most && l->parts < MAX_PARTS) l->parts *= 2;
    l->rounds = l->parts;
    l->tasks = (l->parts - 1) * (l->parts / 2) + l->parts;
    l->threads = l->o->threads > 0 ? l->o->threads : gp_thread_processors();
    if ((size_t)l->threads > (l->parts + 1) / 2) l->threads = (int)((l->parts + 1) / 2);
}

gp_status gp_an_layout(const gp_umap_graph *graph, const gp_layout_options *options, float *at, gp_error *err)
{
    layout l = {.graph = graph, .o = options, .kernels = gp_kernel_table()};
    size_t n = graph->n, dims = options->dims;
    gp_status st = GP_OK;
    divide(&l);
    gp_progress_meter_init(&l.ticker, "map", options->epochs, options->progress, options->user);
    GP_TRY_GOTO(gp_alloc((void **)&l.place, n, sizeof *l.place, "the map", err));
    GP_TRY_GOTO(gp_alloc_aligned((void **)&l.position, n * dims, sizeof *l.position, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&l.before, n * dims, sizeof *l.before, "the map", err));
    assign_places(&l);
    GP_TRY_GOTO(make_tasks(&l, err));
    for (size_t i = 0; i < n; i++) memcpy(l.position + l.place[i] * dims, at + i * dims, dims * sizeof *at);
    GP_TRY_GOTO(run_threads(&l, err));
    for (size_t i = 0; i < n; i++) memcpy(at + i * dims, l.position + l.place[i] * dims, dims * sizeof *at);
    gp_progress_meter_finish(&l.ticker);
out:
    gp_mem_free(l.edges);
    gp_mem_free(l.first);
    gp_mem_free(l.before);
    gp_mem_free(l.position);
    gp_mem_free(l.place);
    return st;
}

/* ------------------------------------------------------------------ one new point */

size_t gp_an_place_scratch(const gp_layout_options *options)
{
    return buffers_size(options);
}

void gp_an_place_epoch(const gp_layout_options *o, const float *map, size_t n, const uint32_t *ends,
                       const float *weights, size_t k, uint32_t t, uint64_t *random, float *scratch, float *x)
{
    buffers w = buffers_at(o, scratch);
    /* the initial learning rate is a quarter of that of a layout, as in umap-learn */
    gp_umap_gradient f = {(float)o->a, (float)o->b, 0.25f * (1 - (float)t / (float)o->epochs), o->dims, o->negatives};
    for (size_t j = 0; j < k; j++) { /* one edge at a time, because all edges move the same point */
        /* the weight of an edge is the share of epochs that use the edge */
        if (floorf((float)(t + 1) * weights[j]) == floorf((float)t * weights[j])) continue;
        load(o->dims, 0, x, w.head);
        load(o->dims, 0, map + ends[j] * o->dims, w.tail);
        for (size_t s = 0; s < o->negatives; s++)
            load(o->dims, 0, map + draw(random, n) * o->dims, w.negatives + s * o->dims * EDGES);
        gp_kernel_table()->umap_gradient(&f, w.head, w.tail, w.negatives, w.head_move, w.tail_move);
        add(o->dims, 0, w.head_move, x);
    }
}
