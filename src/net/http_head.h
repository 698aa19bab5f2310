/* SPDX-License-Identifier: MIT
 * The header lines of an HTTP response, stored in one text, and the values of some headers.  No I/O; the input is
 * untrusted. */
#ifndef GP_NET_HTTP_HEAD_H
#define GP_NET_HTTP_HEAD_H

#include "base/status.h"
#include "base/str.h"

/* Appends one line as received, with its line end, as "name: value\n": name in lower case, control characters as
 * '?'.  A status line begins a new response, so it removes the earlier lines.  Lines without a colon, and lines
 * beyond 256 KiB in total, are left out. */
void gp_head_add(gp_str *head, const char *bytes, size_t size);
/* Returns the first value of a header, owned (gp_mem_free); NULL: no such header, or out of memory.  name: in lower
 * case. */
char *gp_head_value(const gp_str *head, const char *name);
/* Reads FIRST of the header "Content-Range: bytes FIRST-LAST/SIZE". Returns false if there is no such header. */
bool gp_head_range(const gp_str *head, uint64_t *first);
/* Returns the waiting time in seconds from the header Retry-After.  If Retry-After is a date, the time counts from the
 * date in the header Date or, without that header, from `now` (seconds since 1970).  Returns 0 if Retry-After
 * is missing, negative, in the past, or neither a number nor a date. */
double gp_head_retry_after(const gp_str *head, int64_t now);

#endif
