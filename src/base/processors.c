/* SPDX-License-Identifier: MIT
 * Finds how many processors this process may use: the affinity mask, then the CPU quota of its control group.
 * Version 2: cpu.max "quota period"; version 1: cpu.cfs_quota_us, cpu.cfs_period_us.  Each parent group may have a
 * stricter quota. */
#include "base/thread.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int by_affinity(void)
{
    int count = 0;
#if defined(__linux__)
    /* sched_getaffinity fails with EINVAL if the machine has more than `most` processors */
    for (int most = 1024; most <= 1 << 20 && count == 0; most *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        if (!set) break;
        size_t bytes = CPU_ALLOC_SIZE((size_t)most);
        if (sched_getaffinity(0, bytes, set) == 0) count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
    }
#endif
    if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count;
}

/* Reads the first one or two numbers of a small file.  Returns how many were read. */
static int read_numbers(const char *path, long long *a, long long *b)
{
    gp_bytes bytes = {0};
    if (gp_file_read(path, 4096, &bytes, NULL) != GP_OK) return 0;
    int n = sscanf((const char *)bytes.data, "%lld %lld", a, b);
    gp_bytes_clear(&bytes);
    return n;
}

static int whole(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long n = quota / period + (quota % period != 0);
    return n > INT_MAX ? INT_MAX : (int)n;
}

/* Returns the smallest CPU quota, in processors, of a control group and its parents. group: path of the control group,
 * such as "/a/b". */
static int quota_of(const char *mount, const char *group, size_t size, bool v2)
{
    int best = INT_MAX;
    for (;;) {
        char path[PATH_MAX];
        long long quota = 0, period = 0, unused;
        int n = snprintf(path, sizeof path, "%s%.*s/%s", mount, (int)size, group, v2 ? "cpu.max" : "cpu.cfs_quota_us");
        if (n < 0 || (size_t)n >= sizeof path) return best;
        int got = read_numbers(path, &quota, v2 ? &period : &unused);
        if (!v2 && got > 0) {
            snprintf(path, sizeof path, "%s%.*s/cpu.cfs_period_us", mount, (int)size, group);
            got += read_numbers(path, &period, &unused);
        }
        if (got >= 2 && whole(quota, period) < best) best = whole(quota, period);
        if (size == 0) return best;
        while (size > 0 && group[size - 1] != '/') size--;
        if (size > 0) size--;
    }
}

static bool has_word(const char *list, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < size;) {
        size_t n = strcspn(list + i, ",:");
        if (n == length && memcmp(list + i, word, n) == 0) return true;
        i += n + 1;
    }
    return false;
}

/* Returns the smallest CPU quota of this process, in processors.  Parses lines "id:controllers:group"; a line without
 * controllers belongs to cgroup version 2. */
static int by_quota(void)
{
    gp_bytes bytes = {0};
    int best = INT_MAX;
    if (gp_file_read("/proc/self/cgroup", 1 << 20, &bytes, NULL) != GP_OK) return best;
    for (const char *line = (const char *)bytes.data; *line;) {
        size_t size = strcspn(line, "\n");
        const char *list = memchr(line, ':', size);
        const char *group = list ? memchr(list + 1, ':', size - (size_t)(list + 1 - line)) : NULL;
        if (group) {
            size_t names = (size_t)(group - (list + 1)), rest = size - (size_t)(group + 1 - line);
            int quota = INT_MAX;
            if (names == 0)
                quota = quota_of("/sys/fs/cgroup", group + 1, rest, true);
            else if (has_word(list + 1, names, "cpu"))
                quota = quota_of("/sys/fs/cgroup/cpu", group + 1, rest, false);
            if (quota < best) best = quota;
        }
        line += size + (line[size] == '\n');
    }
    gp_bytes_clear(&bytes);
    return best;
}

int gp_thread_processors(void)
{
    int count = by_affinity(), quota = by_quota();
    return quota < count ? quota : count;
}
