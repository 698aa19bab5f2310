/* SPDX-License-Identifier: MIT
 * From the condensed tree to flat clusters: excess of mass or leaves, the epsilon rule (Malzer and Baum 2020),
 * strengths of membership, and GLOSH outlier scores (Campello et al. 2015).  Clusters of the tree are numbered from n
 * (the root); here they are counted from 0. */
#include "analyze/cluster/hdbscan.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

typedef struct selector {
    const gp_hdbscan_tree *t;
    const gp_hdbscan_options *o;
    size_t clusters;   /* of the tree, the root among them */
    uint32_t *parent;  /* [clusters] */
    double *birth;     /* [clusters] lambda at which it splits off */
    double *stability; /* [clusters] */
    double *death;     /* [clusters] largest lambda of its own edges */
    bool *has_children, *chosen;
} selector;

static void read_tree(selector *s)
{
    const gp_hdbscan_tree *t = s->t;
    size_t n = t->n;
    for (size_t c = 0; c < s->clusters; c++) {
        s->parent[c] = 0, s->birth[c] = 0, s->stability[c] = 0, s->death[c] = 0;
        s->has_children[c] = s->chosen[c] = false;
    }
    for (size_t i = 0; i < t->edges; i++) {
        const gp_hdbscan_edge *e = &t->edge[i];
        if (e->child < n) continue;
        s->parent[e->child - n] = e->parent - (uint32_t)n;
        s->birth[e->child - n] = e->lambda;
        s->has_children[e->parent - n] = true;
    }
    for (size_t i = 0; i < t->edges; i++) {
        size_t c = t->edge[i].parent - n;
        s->stability[c] += (t->edge[i].lambda - s->birth[c]) * t->edge[i].size; /* inf - inf: NaN, which never wins */
        if (t->edge[i].lambda > s->death[c]) s->death[c] = t->edge[i].lambda;
    }
}

/* From the leaves up, a cluster stays if it is worth more than the best of what is below it.  Children have larger
 * numbers than their parents.  scratch [clusters]. */
static void excess_of_mass(selector *s, double *best, double *below)
{
    size_t first = s->o->allow_single ? 0 : 1;
    for (size_t c = 0; c < s->clusters; c++) best[c] = s->stability[c], below[c] = 0;
    for (size_t c = s->clusters; c-- > 0;) {
        if (c >= first) {
            s->chosen[c] = !(below[c] > best[c]);
            if (!s->chosen[c]) best[c] = below[c];
        }
        if (c) below[s->parent[c]] += best[c];
    }
    /* what lies below a chosen one is not chosen: parents come first */
    for (size_t c = 1; c < s->clusters; c++) {
        size_t above = s->parent[c];
        while (above && !s->chosen[above]) above = s->parent[above];
        if (s->chosen[above]) s->chosen[c] = false;
    }
}

static void leaves(selector *s)
{
    for (size_t c = 0; c < s->clusters; c++) s->chosen[c] = c > 0 && !s->has_children[c];
    if (s->clusters == 1) s->chosen[0] = true;
}

/* The cluster that `c` grows to: up to the first one that is wider than epsilon. */
static size_t grow(const selector *s, size_t c)
{
    for (;;) {
        size_t above = s->parent[c];
        if (above == 0) return s->o->allow_single ? 0 : c;
        if (1 / s->birth[above] > s->o->epsilon) return above;
        c = above;
    }
}

/* Does `c` lie below one of these? */
static bool lies_in(const selector *s, size_t c, const bool *those)
{
    while (c) {
        c = s->parent[c];
        if (those[c]) return true;
    }
    return false;
}

/* grown, narrow [clusters] scratch; narrow: what narrow clusters grew to. */
static void epsilon_rule(selector *s, bool *grown, bool *narrow)
{
    size_t chosen = 0;
    if (s->o->epsilon == 0) return;
    if (s->clusters == 1) {
        if (s->o->leaf) s->chosen[0] = false;
        return;
    }
    for (size_t c = 0; c < s->clusters; c++) chosen += s->chosen[c];
    if (!s->o->leaf && chosen == 1 && s->chosen[0]) {
        s->chosen[0] = s->o->allow_single;
        return;
    }
    memset(narrow, 0, s->clusters * sizeof *narrow);
    memset(grown, 0, s->clusters * sizeof *grown);
    for (size_t c = 1; c < s->clusters; c++) {
        if (!s->chosen[c]) continue;
        if (!(1 / s->birth[c] < s->o->epsilon))
            grown[c] = true;
        else if (!lies_in(s, c, narrow))
            grown[grow(s, c)] = narrow[grow(s, c)] = true;
    }
    memcpy(s->chosen, grown, s->clusters * sizeof *grown);
}

/* ------------------------------------------------------------------ rows */

/* Rows that left the root itself belong to it only when it is the one cluster and they stayed to the end. */
static bool root_keeps(const selector *s, double lambda, size_t chosen)
{
    if (chosen != 1 || !s->o->allow_single) return false;
    return s->o->epsilon != 0 ? lambda >= 1 / s->o->epsilon : lambda >= s->death[0];
}

static void label_rows(const selector *s, gp_hdbscan_tree *out, const int32_t *label, size_t chosen)
{
    size_t n = out->n;
    for (size_t i = 0; i < out->edges; i++) {
        const gp_hdbscan_edge *e = &out->edge[i];
        if (e->child >= n) continue;
        size_t c = e->parent - n;
        while (c && !s->chosen[c]) c = s->parent[c];
        bool in = s->chosen[c] && (c > 0 || root_keeps(s, e->lambda, chosen));
        out->labels[e->child] = in ? label[c] : -1;
        double death = s->death[c];
        out->strength[e->child] = !in ? 0 : death == 0 || isinf(e->lambda) ? 1 : fmin(e->lambda, death) / death;
    }
}

/* How much thinner a row's place is than the densest of its cluster and what is below it. */
static void score_outliers(const selector *s, gp_hdbscan_tree *out, double *death)
{
    memcpy(death, s->death, s->clusters * sizeof *death);
    for (size_t c = s->clusters; c-- > 1;)
        if (death[c] > death[s->parent[c]]) death[s->parent[c]] = death[c];
    for (size_t i = 0; i < out->edges; i++) {
        const gp_hdbscan_edge *e = &out->edge[i];
        if (e->child >= out->n) continue;
        double most = death[e->parent - out->n];
        out->outlier[e->child] = most == 0 || isinf(e->lambda) ? 0 : isinf(most) ? 1 : (most - e->lambda) / most;
    }
}

static gp_status make_room(selector *s, gp_error *err)
{
    size_t k = s->clusters;
    GP_TRY(gp_alloc((void **)&s->parent, k, sizeof *s->parent, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->birth, k, sizeof *s->birth, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->stability, k, sizeof *s->stability, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->death, k, sizeof *s->death, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->has_children, k, sizeof *s->has_children, "the clusters", err));
    return gp_alloc((void **)&s->chosen, k, sizeof *s->chosen, "the clusters", err);
}

static gp_status number_chosen(const selector *s, gp_hdbscan_tree *out, int32_t *label, gp_error *err)
{
    size_t chosen = 0;
    for (size_t c = 0; c < s->clusters; c++) label[c] = s->chosen[c] ? (int32_t)chosen++ : -1;
    GP_TRY(gp_alloc((void **)&out->selected, chosen, sizeof *out->selected, "the clusters", err));
    GP_TRY(gp_alloc((void **)&out->stability, chosen, sizeof *out->stability, "the clusters", err));
    for (size_t c = 0; c < s->clusters; c++) {
        if (!s->chosen[c]) continue;
        out->selected[label[c]] = (uint32_t)(c + out->n);
        out->stability[label[c]] = s->stability[c];
    }
    out->clusters = chosen;
    return GP_OK;
}

gp_status gp_an_select(gp_hdbscan_tree *out, const gp_hdbscan_options *options, gp_error *err)
{
    selector s = {.t = out, .o = options, .clusters = 1};
    double *a = NULL, *b = NULL;
    int32_t *label = NULL;
    bool *grown = NULL, *narrow = NULL;
    gp_status st = GP_OK;
    for (size_t i = 0; i < out->edges; i++) s.clusters += out->edge[i].child >= out->n;
    GP_TRY_GOTO(make_room(&s, err));
    GP_TRY_GOTO(gp_alloc((void **)&a, s.clusters, sizeof *a, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&b, s.clusters, sizeof *b, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&label, s.clusters, sizeof *label, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&grown, s.clusters, sizeof *grown, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&narrow, s.clusters, sizeof *narrow, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->labels, out->n, sizeof *out->labels, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->strength, out->n, sizeof *out->strength, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->outlier, out->n, sizeof *out->outlier, "the clusters", err));
    read_tree(&s);
    if (options->leaf)
        leaves(&s);
    else
        excess_of_mass(&s, a, b);
    epsilon_rule(&s, grown, narrow);
    GP_TRY_GOTO(number_chosen(&s, out, label, err));
    label_rows(&s, out, label, out->clusters);
    score_outliers(&s, out, a);
    if (out->clusters == 1 && s.chosen[0]) { /* a root that no row stays in is no cluster */
        bool any = false;
        for (size_t i = 0; i < out->n; i++) any = any || out->labels[i] >= 0;
        if (!any) out->clusters = 0;
    }
out:
    gp_mem_free(narrow);
    gp_mem_free(grown);
    gp_mem_free(label);
    gp_mem_free(b);
    gp_mem_free(a);
    gp_mem_free(s.chosen);
    gp_mem_free(s.has_children);
    gp_mem_free(s.death);
    gp_mem_free(s.stability);
    gp_mem_free(s.birth);
    gp_mem_free(s.parent);
    return st;
}
