/* participant.h: which handler gets a command, and the participant's life. Loop thread only. */
#ifndef SDK_PARTICIPANT_H
#define SDK_PARTICIPANT_H

#include <stdint.h>

#include <troth/participant.h>

struct operation;
struct troth_reply;

void participant_set_slots(struct troth_participant *participant, uint32_t slots);
void participant_set_places(struct troth_participant *participant, uint32_t places);
const struct operation *participant_operation(const struct troth_participant *participant,
                                              struct troth_span name);
/* What the handlers of that name, which are there, are called with from now on. */
void participant_hand(struct troth_participant *participant, struct troth_span name, void *arg);
/* Nothing of that name is there any more. */
void participant_forget(struct troth_participant *participant, struct troth_span name);
/* Gives one command to its handler; the task is answered or taken on return. */
void participant_dispatch(struct troth_participant *participant, struct troth_reply *task);
/* Ends what troth_participant_destroy() has begun, with nothing of this library on the stack but
 * troth_participant_run(). */
void participant_finish(struct troth_participant *participant);
/* Takes answers out of the mailbox to their requests. */
void participant_drain(struct troth_participant *participant);

#endif
