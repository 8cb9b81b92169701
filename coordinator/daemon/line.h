/* line.h: how long a new transaction would wait for what others want, too. */
#ifndef DAEMON_LINE_H
#define DAEMON_LINE_H

#include <stdbool.h>

struct api_problem;
struct entry;

/* false: too long, and *problem says where. Of one whose definition and participants are filled in,
 * before it has a seat. */
bool line_takes(const struct entry *entry, struct api_problem *problem);

#endif
