/* line.h: how long a new transaction would wait for what others want, too. */
#ifndef DAEMON_LINE_H
#define DAEMON_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct api_problem;
struct entry;

/* false: too long, and *problem says where. Of one whose definition and participants are filled in,
 * before it has a seat; `timeout_us` is what its client says, 0: nothing. */
bool line_takes(const struct entry *entry, uint64_t timeout_us, struct api_problem *problem);

/* A verdict has come: how long the journal takes now. */
void line_written(struct entry *entry);

#endif
