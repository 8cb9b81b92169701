/* say.h: what the service's diagnostic callback is told. */
#ifndef SDK_SAY_H
#define SDK_SAY_H

#include <troth/participant.h>

/* Any thread. Formats one line for the diagnostic callback. */
void participant_say(const struct troth_participant *participant, enum troth_severity severity,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
