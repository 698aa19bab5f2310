/* SPDX-License-Identifier: MIT
 * Private to net: blocks SIGPIPE while libcurl writes, because writing to a closed connection must not kill the program
 * that uses the library. */
#ifndef GP_NET_PIPE_GUARD_H
#define GP_NET_PIPE_GUARD_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

static inline void gp_pipe_hold(sigset_t *old)
{
    sigset_t pipe_set;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, old);
}

static inline void gp_pipe_release(const sigset_t *old)
{
    if (!sigismember(old, SIGPIPE)) { /* remove a SIGPIPE that libcurl caused, so that unblocking does not deliver it */
        const struct timespec at_once = {0, 0};
        sigset_t pipe_set;
        sigemptyset(&pipe_set);
        sigaddset(&pipe_set, SIGPIPE);
        while (sigtimedwait(&pipe_set, NULL, &at_once) > 0) {
        }
    }
    pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
