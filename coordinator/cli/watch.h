/* watch.h: follows a transaction to its end and draws it. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

/* Until the transaction has ended: gives what to exit with, by its outcome. A stream that breaks
 * off before is CLI_EXIT_UNKNOWN after complaining. */
TROTH_MUST_CHECK int watch_follow(const struct cli *cli, const char *gtid);

#endif
