/* SPDX-License-Identifier: MIT
 * The head of an HTTP answer: its lines, kept in one text, and what some of them mean.  Pure; bytes of strangers. */
#ifndef GP_NET_HTTP_HEAD_H
#define GP_NET_HTTP_HEAD_H

#include "base/status.h"
#include "base/str.h"

/* Take one line as it came, with its line end, to "name: value\n": name in lower case, control characters as '?'.
 * A status line begins a new answer, so earlier lines are dropped.  Lines without a colon, and lines beyond 256 KiB in
 * all, are left out. */
void gp_head_add(gp_str *head, const char *bytes, size_t size);
/* The first value of a header, owned (gp_mem_free); NULL: absent, or no memory.  name in lower case. */
char *gp_head_value(const gp_str *head, const char *name);
/* The first byte's place that "bytes FIRST-LAST/SIZE" names; false: there is no such Content-Range. */
bool gp_head_range(const gp_str *head, uint64_t *first);
/* Seconds that Retry-After asks to wait, from `now` (seconds since 1970) where it gives a date and the answer has no
 * Date of its own; 0 for none, for a negative or past one, and for text that is neither a number nor a date. */
double gp_head_retry_after(const gp_str *head, int64_t now);

#endif
