/* log.h: diagnostics: one structured line an event, on standard error. Never payloads, never
 * credentials.
 * ("The log" is never the journal.) */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_configure(enum log_level level, bool json);
bool log_wants(enum log_level level);

/* Lines that found no room since the start, because nobody read standard error. */
uint64_t log_dropped(void);

/* Never waits: a line that finds no room is dropped and counted, and the next that does says so.
 * Keys and values in turn, ended by NULL; a NULL value leaves its key out.
 *     log_line(LOG_WARN, "journal connection lost", "reason", why, NULL) */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
