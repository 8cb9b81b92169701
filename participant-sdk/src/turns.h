/* turns.h: who tries again what a serialisation failure has ended. Any thread. */
#ifndef SDK_TURNS_H
#define SDK_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/id.h>

struct turns;

/* At most `most` at a time. */
TROTH_MUST_CHECK int turns_create(uint32_t most, struct turns **ret_turns);
void turns_destroy(struct turns *turns); /* takes NULL */
/* Blocks until it is this transaction's turn; false: not within `wait_us`, nor within a second. */
bool turns_take(struct turns *turns, const troth_gtid *gtid, uint64_t wait_us);
/* It failed again, and keeps its turn. */
void turns_failed(struct turns *turns);
void turns_give_back(struct turns *turns, bool done);

#endif
