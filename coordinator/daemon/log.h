/* log.h: diagnostics: one structured line an event, on standard error. Never payloads, never
 * credentials.
 * ("The log" is never the journal.) */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_configure(enum log_level level, bool json);
bool log_wants(enum log_level level);

/* Keys and values in turn, ended by NULL; a NULL value leaves its key out.
 *     log_line(LOG_WARN, "journal connection lost", "reason", why, NULL) */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
