/* say.h: what the service's diagnostic callback is told. */
#ifndef SDK_SAY_H
#define SDK_SAY_H

#include <base/buffer.h>
#include <troth/participant.h>

/* Any thread. Formats one line for the diagnostic callback. */
void participant_say(const struct troth_participant *participant, enum troth_severity severity,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same of one call: which branch of which transaction, in which attempt, and `more`. */
void participant_say_call(const struct troth_participant *participant, enum troth_severity severity,
                          const char *event, const struct troth_call *call, const char *more);
/* Which branch a line was about that is no command, as far as it says so itself: " gtid=… branch=…
 * attempt=…" for the end of a line of diagnostics. Appends. */
void say_origin(struct buffer *ret_text, struct troth_span command_line);

#endif
