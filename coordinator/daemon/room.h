/* room.h: whether there is room for more. */
#ifndef DAEMON_ROOM_H
#define DAEMON_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <api/api.h>
#include <troth/span.h>

struct driver;
struct entry;

/* Brings the driver's count up to what the entry takes now. */
void room_count(struct entry *entry);
void room_leave(struct entry *entry);
/* One more with so many bytes of payload finds room; else the problem says why not. */
bool room_takes(const struct driver *driver, size_t payload, struct api_problem *problem);
uint64_t room_taken(const struct driver *driver);
/* A copy of a participant's output for this branch. false: no memory. Behind the step,
 * room_output_settle() frees it unless the branch has it now. */
bool room_output_copy(struct troth_span output, struct troth_span *ret_copy);
void room_output_settle(struct entry *entry, uint32_t index, struct troth_span copy);

#endif
