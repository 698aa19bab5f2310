/* SPDX-License-Identifier: MIT
 * The layout of a map: what is joined attracts, what is drawn at random repels.
 *
 *   points -> dealt into parts ; edges -> a task for every pair of parts (and every part with itself)
 *   an epoch: rounds of tasks that share no part (a tournament), each round's tasks by whichever threads are free
 *
 * Both ends of a visited edge move at once and by the same way, as the paper has it, eight edges seen together; points
 * at random are seen where they were when the epoch began.  So who works on what, and when, changes nothing in any bit.
 * (If only one end moves, twice as far, points that lie on curves lose 2 % of their neighbours; docs/performance.md.)
 */
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

enum { EDGES = 8, MOST_PARTS = 64, PART = 1024 /* points, at least */ };

/* ------------------------------------------------------------------ eight edges */

/* What the kernel takes and gives, [dims, 8] each. */
typedef struct lanes {
    float *head, *tail, *moved, *tail_moved, *others;
} lanes;

static size_t lanes_size(const gp_layout_options *o)
{
    return (4 + o->negatives) * o->dims * EDGES;
}

static lanes lanes_at(const gp_layout_options *o, float *memory)
{
    size_t each = o->dims * EDGES;
    memset(memory, 0, lanes_size(o) * sizeof *memory); /* lanes without an edge: whatever is finite */
    return (lanes){memory, memory + each, memory + 2 * each, memory + 3 * each, memory + 4 * each};
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

/* ------------------------------------------------------------------ the tournament */

typedef struct edge {
    uint32_t head, tail; /* places */
    float period, next;  /* epochs between visits: the strongest's weight over its own; the next one */
} edge;

typedef struct layout {
    const gp_umap_graph *graph;
    const gp_layout_options *o;
    const gp_kernels *kernels;
    size_t parts, rounds, tasks; /* a power of two; one more round than pairs need, for parts with themselves */
    float *at, *seen;            /* [n, dims] by place: now, and when the epoch began */
    uint32_t *place;             /* [n] of every point; parts lie together, so that threads do not share lines */
    size_t *first;               /* [tasks + 1] */
    edge *edges;                 /* by task */
    int threads;
    float alpha;
    uint32_t epoch;
    atomic_size_t next;
    atomic_bool stop, failed;
    pthread_barrier_t barrier;
    gp_progress_meter ticker;
} layout;

/* Points are dealt out one by one, so that parts are alike. */
static void deal(layout *l)
{
    size_t n = l->graph->n, next = 0;
    for (size_t p = 0; p < l->parts; p++)
        for (size_t i = p; i < n; i += l->parts) l->place[i] = (uint32_t)next++;
}

/* Tasks of round r are numbers r * parts/2 and on, of the last one (rounds - 1) * parts/2 and on.  The circle method:
 * in round r part p meets the part q with p + q = 2r, all modulo parts - 1; the last part stays, and meets r. */
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

static void first_task(const layout *l, size_t round, size_t *from, size_t *to)
{
    *from = round * (l->parts / 2);
    *to = round + 1 < l->rounds ? *from + l->parts / 2 : l->tasks;
}

/* Edges by task, in the order of the graph within; one that would be visited less than once is left out. */
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

static inline __attribute__((always_inline)) void visit(layout *l, const gp_umap_gradient *f, size_t dims, lanes *w,
                                                        const edge *const *due, size_t count, uint64_t *random)
{
    for (size_t e = 0; e < count; e++) {
        load(dims, e, l->at + due[e]->head * dims, w->head);
        load(dims, e, l->at + due[e]->tail * dims, w->tail);
    }
    for (size_t s = 0; s < f->negatives; s++)
        for (size_t e = 0; e < count; e++)
            load(dims, e, l->seen + draw(random, l->graph->n) * dims, w->others + s * dims * EDGES);
    l->kernels->umap_gradient(f, w->head, w->tail, w->others, w->moved, w->tail_moved);
    for (size_t e = 0; e < count; e++) {
        add(dims, e, w->moved, l->at + due[e]->head * dims);
        add(dims, e, w->tail_moved, l->at + due[e]->tail * dims);
    }
}

static void run_task(layout *l, lanes *w, size_t task)
{
    const gp_layout_options *o = l->o;
    gp_umap_gradient f = {(float)o->a, (float)o->b, l->alpha, o->dims, o->negatives};
    uint64_t random = gp_rng_mix(o->seed + (uint64_t)l->epoch * l->tasks + task);
    const edge *due[EDGES];
    size_t count = 0;
    float now = (float)l->epoch;
    for (size_t e = l->first[task]; e < l->first[task + 1]; e++) {
        edge *at = &l->edges[e];
        bool is_due = at->next <= now; /* no branch: nobody could foresee it */
        due[count] = at;
        count += is_due;
        at->next += is_due ? at->period : 0;
        if (count < EDGES && e + 1 < l->first[task + 1]) continue;
        if (o->dims == 2)
            visit(l, &f, 2, w, due, count, &random);
        else
            visit(l, &f, o->dims, w, due, count, &random);
        count = 0;
    }
}

/* ------------------------------------------------------------------ threads */

/* Thread 0 sets the stage, before the barrier that all wait for. */
static void begin_round(layout *l, size_t t)
{
    size_t from, to, round = t % l->rounds;
    if (round == 0) {
        l->epoch = (uint32_t)(t / l->rounds);
        l->alpha = 1 - (float)l->epoch / (float)l->o->epochs;
        memcpy(l->seen, l->at, l->graph->n * l->o->dims * sizeof *l->seen);
        if (!gp_progress_meter_update(&l->ticker, l->epoch, 0)) atomic_store(&l->stop, true);
    }
    first_task(l, round, &from, &to);
    atomic_store(&l->next, from);
}

static void run_rounds(void *user, int index)
{
    layout *l = user;
    float *memory = gp_mem_aligned(lanes_size(l->o), sizeof *memory);
    if (!memory) atomic_store(&l->failed, true);
    lanes w = memory ? lanes_at(l->o, memory) : (lanes){0};
    for (size_t t = 0; t < l->rounds * l->o->epochs; t++) {
        size_t from, to, task;
        if (index == 0) begin_round(l, t);
        pthread_barrier_wait(&l->barrier);
        if (atomic_load(&l->stop) || atomic_load(&l->failed)) break;
        first_task(l, t % l->rounds, &from, &to);
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

/* How many parts, and how many threads can be busy with them. */
static void divide(layout *l)
{
    size_t most = l->graph->n / PART;
    l->parts = 1;
    while (l->parts * 2 <= most && l->parts < MOST_PARTS) l->parts *= 2;
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
    GP_TRY_GOTO(gp_alloc_aligned((void **)&l.at, n * dims, sizeof *l.at, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&l.seen, n * dims, sizeof *l.seen, "the map", err));
    deal(&l);
    GP_TRY_GOTO(make_tasks(&l, err));
    for (size_t i = 0; i < n; i++) memcpy(l.at + l.place[i] * dims, at + i * dims, dims * sizeof *at);
    GP_TRY_GOTO(run_threads(&l, err));
    for (size_t i = 0; i < n; i++) memcpy(at + i * dims, l.at + l.place[i] * dims, dims * sizeof *at);
    gp_progress_meter_finish(&l.ticker);
out:
    gp_mem_free(l.edges);
    gp_mem_free(l.first);
    gp_mem_free(l.seen);
    gp_mem_free(l.at);
    gp_mem_free(l.place);
    return st;
}

/* ------------------------------------------------------------------ one point */

size_t gp_an_place_scratch(const gp_layout_options *options)
{
    return lanes_size(options);
}

void gp_an_place_epoch(const gp_layout_options *o, const float *map, size_t n, const uint32_t *ends,
                       const float *weights, size_t k, uint32_t t, uint64_t *random, float *scratch, float *x)
{
    lanes w = lanes_at(o, scratch);
    gp_umap_gradient f = {(float)o->a, (float)o->b, 0.25f * (1 - (float)t / (float)o->epochs), o->dims, o->negatives};
    for (size_t j = 0; j < k; j++) { /* one after another: each sees where the last one has led */
        if (floorf((float)(t + 1) * weights[j]) == floorf((float)t * weights[j])) continue;
        load(o->dims, 0, x, w.head);
        load(o->dims, 0, map + ends[j] * o->dims, w.tail);
        for (size_t s = 0; s < o->negatives; s++)
            load(o->dims, 0, map + draw(random, n) * o->dims, w.others + s * o->dims * EDGES);
        gp_kernel_table()->umap_gradient(&f, w.head, w.tail, w.others, w.moved, w.tail_moved);
        add(o->dims, 0, w.moved, x);
    }
}
