/* SPDX-License-Identifier: MIT
 * A small classification tree (CART, Breiman et al. 1984).  The path from the root to a leaf is written as a rule.
 * Numbers split at "<=", categories at "=".  sliceguard numbers the sorted categories and splits at a number, which
 * gives rules without a meaning.  Importances are computed as in sliceguard: the sum of a feature's gains in Gini
 * impurity. */
#include "analyze/slice/reasons.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 3, NODES = 15 }; /* a tree of depth 3 has at most 15 nodes */

typedef struct node {
    int left, right; /* -1: leaf */
    size_t feature;
    double threshold; /* numbers: rows with a value <= threshold go left */
    const char *word; /* categories: rows with this category go left */
    double in, out;   /* number of the node's rows inside and outside the slice */
} node;

typedef struct tree {
    const gp_feature *features;
    size_t count, n;
    const bool *inside;
    uint32_t *rows;       /* [n] sorted so that the rows of a node are consecutive */
    struct entry *sorted; /* [n] */
    node nodes[NODES];
    int used;
    double *importance; /* [count] */
    const gp_task *task;
} tree;

typedef struct entry {
    double number;
    const char *word;
    bool in;
} entry;

static int by_number(const void *a, const void *b)
{
    double p = ((const entry *)a)->number, q = ((const entry *)b)->number;
    return (p > q) - (p < q);
}

static int by_word(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->word, ((const entry *)b)->word);
}

/* Returns n * Gini impurity of a node. */
static double impurity(double in, double out)
{
    return in + out > 0 ? 2 * in * out / (in + out) : 0;
}

typedef struct split {
    /* left_share: share of rows inside the slice, among the rows of the left side */
    double gain, threshold, left_share;
    const char *word;
    size_t feature;
} split;

/* Replaces *best by this split if its gain is larger. in, out: rows on the left side that are inside and outside the
 * slice. */
static void consider_split(split *best, double all, double in, double out, double total_in, double total_out,
                           size_t feature, double threshold, const char *word)
{
    double gain = all - impurity(in, out) - impurity(total_in - in, total_out - out);
    double left_share = in / (in + out);
    /* With two categories, "= first" and "= second" are the same split.  Prefer the form whose left side has the
     * larger share of rows inside the slice, because the rule says "=" for the left side. */
    bool same = feature == best->feature && fabs(gain - best->gain) <= 1e-12 && word && left_share > best->left_share;
    if (gain > best->gain + 1e-12 || (same && gain > 0)) *best = (split){gain, threshold, left_share, word, feature};
}

static void try_feature(tree *t, const uint32_t *rows, size_t m, const node *at, size_t k, split *best)
{
    const gp_feature *f = &t->features[k];
    bool number = f->kind == GP_FEATURE_NUMBER;
    double in = 0, out = 0, all = impurity(at->in, at->out);
    size_t have = 0;
    for (size_t i = 0; i < m; i++) {
        double value = number ? f->numbers[rows[i]] : 0;
        const char *word = number ? NULL : f->words[rows[i]];
        if (number ? isnan(value) : !word) continue; /* rows without a value go right */
        t->sorted[have++] = (entry){value, word, t->inside[rows[i]]};
    }
    qsort(t->sorted, have, sizeof *t->sorted, number ? by_number : by_word);
    for (size_t i = 0; i < have; i++) {
        in += t->sorted[i].in, out += !t->sorted[i].in;
        bool last = i + 1 == have;
        if (number) {
            if (last && have == m) break;
            if (!last && t->sorted[i + 1].number == t->sorted[i].number) continue;
            double border = last ? t->sorted[i].number : (t->sorted[i].number + t->sorted[i + 1].number) / 2;
            consider_split(best, all, in, out, at->in, at->out, k, border, NULL);
        } else {
            if (!last && !strcmp(t->sorted[i + 1].word, t->sorted[i].word)) continue;
            if (in + out < (double)m) consider_split(best, all, in, out, at->in, at->out, k, 0, t->sorted[i].word);
            in = out = 0;
        }
    }
}

static bool goes_left(const tree *t, const node *at, uint32_t row)
{
    const gp_feature *f = &t->features[at->feature];
    if (f->kind == GP_FEATURE_NUMBER) return f->numbers[row] <= at->threshold;
    return f->words[row] && !strcmp(f->words[row], at->word);
}

static int grow(tree *t, uint32_t *rows, size_t m, int depth)
{
    int me = t->used++;
    node *at = &t->nodes[me];
    *at = (node){.left = -1, .right = -1};
    for (size_t i = 0; i < m; i++) at->in += t->inside[rows[i]], at->out += !t->inside[rows[i]];
    split best = {0};
    if (depth == DEPTH || at->in == 0 || at->out == 0) return me;
    for (size_t k = 0; k < t->count && !gp_task_stopped(t->task); k++)
        if (t->features[k].kind != GP_FEATURE_EMBEDDING) try_feature(t, rows, m, at, k, &best);
    if (!(best.gain > 0)) return me;
    at->feature = best.feature, at->threshold = best.threshold, at->word = best.word;
    t->importance[best.feature] += best.gain;
    size_t left = 0;
    for (size_t i = 0; i < m; i++) {
        if (!goes_left(t, at, rows[i])) continue;
        uint32_t keep = rows[left];
        rows[left++] = rows[i], rows[i] = keep;
    }
    int a = grow(t, rows, left, depth + 1), b = grow(t, rows + left, m - left, depth + 1);
    t->nodes[me].left = a, t->nodes[me].right = b;
    return me;
}

/* Returns the leaf whose rows predict "inside the slice" with the best F1 score, or -1. */
static int best_leaf(const tree *t)
{
    int best = -1;
    double most = 0;
    for (int i = 0; i < t->used; i++) {
        const node *x = &t->nodes[i];
        if (x->left >= 0 || i == 0 || x->in == 0) continue;
        double f1 = 2 * x->in / (x->in + x->out + t->nodes[0].in);
        if (f1 > most) most = f1, best = i;
    }
    return best;
}

/* Appends the conditions on the path from node `at` to `leaf`.  Returns false, and appends nothing, if `leaf` is not
 * below `at`. */
static bool spell_path(const tree *t, int at, int leaf, gp_str *out)
{
    const node *x = &t->nodes[at];
    if (at == leaf) return true;
    if (x->left < 0) return false;
    size_t mark = out->size;
    const gp_feature *f = &t->features[x->feature];
    for (int side = 0; side < 2; side++) {
        gp_str_puts(out, out->size ? " and " : "");
        if (f->kind == GP_FEATURE_NUMBER)
            gp_str_printf(out, "%s %s %.6g", f->name, side ? ">" : "<=", x->threshold);
        else
            gp_str_printf(out, "%s %s %s", f->name, side ? "is not" : "=", x->word);
        if (spell_path(t, side ? x->right : x->left, leaf, out)) return true;
        if (out->data) out->data[out->size = mark] = 0;
    }
    return false;
}

gp_status gp_an_rules(const gp_feature *features, size_t count, size_t n, const bool *inside, double *importance,
                      const gp_task *task, char **rule, double *share_in, double *share_out, gp_error *err)
{
    tree t = {.features = features, .count = count, .n = n, .inside = inside, .importance = importance, .task = task};
    gp_str text = GP_STR_INIT;
    double sum = 0;
    gp_status st = GP_OK;
    *rule = NULL, *share_in = *share_out = 0;
    for (size_t k = 0; k < count; k++) importance[k] = 0;
    GP_TRY_GOTO(gp_alloc((void **)&t.rows, n, sizeof *t.rows, "rules", err));
    GP_TRY_GOTO(gp_alloc((void **)&t.sorted, n, sizeof *t.sorted, "rules", err));
    for (uint32_t i = 0; i < n; i++) t.rows[i] = i;
    grow(&t, t.rows, n, 0);
    GP_TRY_GOTO(gp_task_check(task, err));
    for (size_t k = 0; k < count; k++) sum += importance[k];
    for (size_t k = 0; k < count && sum > 0; k++) importance[k] /= sum;
    int leaf = best_leaf(&t);
    if (leaf < 0) goto out;
    spell_path(&t, 0, leaf, &text);
    *share_in = t.nodes[leaf].in / t.nodes[0].in;
    *share_out = t.nodes[0].out > 0 ? t.nodes[leaf].out / t.nodes[0].out : 0;
    *rule = gp_str_take(&text);
    if (!*rule) st = gp_fail_memory(err, "rules");
out:
    gp_str_clear(&text);
    gp_mem_free(t.sorted);
    gp_mem_free(t.rows);
    return st;
}
