/* daemon.h: the running process: its modules, its loop, its signals. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "config.h"

/* Exit codes of trothd, also in --help. */
enum daemon_exit {
    DAEMON_OK = 0,
    DAEMON_FAILED = 1,
    DAEMON_USAGE = 2,
    DAEMON_FENCED =
        3 /* somebody else leads, or the schema is another one: do not restart blindly */
};

/* Runs until SIGTERM or SIGINT, or until it cannot go on. */
int daemon_run(const struct config *config);

#endif
