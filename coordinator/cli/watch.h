/* watch.h: follows a transaction to its end and draws it. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

/* Until the transaction has ended: gives what to exit with, by its outcome. A stream that breaks
 * off is joined again, with growing pauses, until nothing was heard for the timeout: then it is
 * CLI_EXIT_UNKNOWN after complaining. `known`: the transaction is there for certain, so also a
 * stream that cannot be joined at once is waited for. */
TROTH_MUST_CHECK int watch_follow(const struct cli *cli, const char *gtid, bool known);

#endif
