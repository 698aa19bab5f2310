/* SPDX-License-Identifier: MIT
 * Selects flat clusters from the condensed tree, by excess of mass (Campello, Moulavi, Sander 2013) or as the leaves of
 * the tree.  Then applies the epsilon rule (Malzer and Baum 2020), and computes the membership strength and the GLOSH
 * outlier score (Campello et al. 2015) of each row.  lambda is a density, 1 / distance.
 * gp_hdbscan_tree numbers clusters from n; this file numbers them from 0.  The root is cluster 0 here, and parents have
 * smaller numbers than their children. */
#include "analyze/cluster/hdbscan.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

typedef struct selector {
    const gp_hdbscan_tree *t;
    const gp_hdbscan_options *o;
    size_t clusters;  /* clusters of the tree, including the root */
    uint32_t *parent; /* [clusters] */
    double *birth;    /* [clusters] lambda at which the cluster splits from its parent */
    /* [clusters] excess of mass: for each row of the cluster, the lambda at which the row leaves minus `birth`; the sum
     * over all rows */
    double *stability;
    double *death;               /* [clusters] largest lambda at which a row or child leaves the cluster */
    bool *has_children, *chosen; /* [clusters] */
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
        /* equal rows have infinite lambda, so a stability can be inf - inf, which is NaN; the comparison in
         * excess_of_mass is then false, and the cluster is chosen */
        s->stability[c] += (t->edge[i].lambda - s->birth[c]) * t->edge[i].size;
        if (t->edge[i].lambda > s->death[c]) s->death[c] = t->edge[i].lambda;
    }
}

/* Chooses the disjoint clusters with the largest sum of stabilities.  Goes from the leaves to the root, and chooses a
 * cluster unless the best choice among its descendants has a larger sum.  Two scratch arrays [clusters]: `below` holds
 * the best sum among the descendants of each cluster, `best` the best sum among the cluster and its descendants. */
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
    /* drop each chosen cluster that has a chosen ancestor; the loop visits parents before their children */
    for (size_t c = 1; c < s->clusters; c++) {
        size_t above = s->parent[c];
        while (above && !s->chosen[above]) above = s->parent[above];
        if (s->chosen[above]) s->chosen[c] = false;
    }
}

static void choose_leaves(selector *s)
{
    for (size_t c = 0; c < s->clusters; c++) s->chosen[c] = c > 0 && !s->has_children[c];
    if (s->clusters == 1) s->chosen[0] = true;
}

/* Returns the nearest ancestor of `c` that split from its parent at a distance above epsilon.  If there is none,
 * returns the root if allow_single is set; else the ancestor just below the root, which may be `c` itself. */
static size_t ancestor_beyond_epsilon(const selector *s, size_t c)
{
    for (;;) {
        size_t above = s->parent[c];
        if (above == 0) return s->o->allow_single ? 0 : c;
        if (1 / s->birth[above] > s->o->epsilon) return above;
        c = above;
    }
}

/* Returns whether an ancestor of `c` is in the set. */
static bool has_ancestor_in(const selector *s, size_t c, const bool *set)
{
    while (c) {
        c = s->parent[c];
        if (set[c]) return true;
    }
    return false;
}

/* Replaces each chosen cluster that split from its parent at a distance below epsilon by the result of
 * ancestor_beyond_epsilon.  Scratch: kept [clusters] is the new choice; merged [clusters] marks the ancestors that
 * replace clusters. */
static void epsilon_rule(selector *s, bool *kept, bool *merged)
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
    memset(merged, 0, s->clusters * sizeof *merged);
    memset(kept, 0, s->clusters * sizeof *kept);
    for (size_t c = 1; c < s->clusters; c++) {
        if (!s->chosen[c]) continue;
        if (!(1 / s->birth[c] < s->o->epsilon))
            kept[c] = true;
        else if (!has_ancestor_in(s, c, merged))
            kept[ancestor_beyond_epsilon(s, c)] = merged[ancestor_beyond_epsilon(s, c)] = true;
    }
    memcpy(s->chosen, kept, s->clusters * sizeof *kept);
}

/* ------------------------------------------------------------------ rows */

/* Returns whether a row that left the root at `lambda` belongs to the root cluster.  This is only possible if the root
 * is the only cluster.  Without epsilon, the row must be among the last rows that left the root.  With epsilon, the
 * row must have left at a distance of at most epsilon. */
static bool in_root_cluster(const selector *s, double lambda, size_t chosen)
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
        bool in = s->chosen[c] && (c > 0 || in_root_cluster(s, e->lambda, chosen));
        out->labels[e->child] = in ? label[c] : -1;
        double death = s->death[c];
        out->strength[e->child] = !in ? 0 : death == 0 || isinf(e->lambda) ? 1 : fmin(e->lambda, death) / death;
    }
}

/* GLOSH: (max lambda - lambda of the row) / max lambda.  The maximum is over the row's cluster and its descendants. */
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

static gp_status allocate(selector *s, gp_error *err)
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
    bool *kept = NULL, *merged = NULL;
    gp_status st = GP_OK;
    for (size_t i = 0; i < out->edges; i++) s.clusters += out->edge[i].child >= out->n;
    GP_TRY_GOTO(allocate(&s, err));
    GP_TRY_GOTO(gp_alloc((void **)&a, s.clusters, sizeof *a, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&b, s.clusters, sizeof *b, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&label, s.clusters, sizeof *label, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&kept, s.clusters, sizeof *kept, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&merged, s.clusters, sizeof *merged, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->labels, out->n, sizeof *out->labels, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->strength, out->n, sizeof *out->strength, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&out->outlier, out->n, sizeof *out->outlier, "the clusters", err));
    read_tree(&s);
    if (options->leaf)
        choose_leaves(&s);
    else
        excess_of_mass(&s, a, b);
    epsilon_rule(&s, kept, merged);
    GP_TRY_GOTO(number_chosen(&s, out, label, err));
    label_rows(&s, out, label, out->clusters);
    score_outliers(&s, out, a);
    if (out->clusters == 1 && s.chosen[0]) { /* a root cluster without rows does not count */
        bool any = false;
        for (size_t i = 0; i < out->n; i++) any = any || out->labels[i] >= 0;
        if (!any) out->clusters = 0;
    }
out:
    gp_mem_free(merged);
    gp_mem_free(kept);
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
