/* log.h: diagnostics: a line of key=value on standard error for each event, from any thread. */
#ifndef POSTGRES_LOG_H
#define POSTGRES_LOG_H

#include <troth/participant.h>

/* What is below `least` is not said. */
void log_begin(enum troth_severity least);
/* A troth_diagnostic. Never waits: a line for which nobody makes room is dropped. */
void log_line(void *arg, enum troth_severity severity, const char *line);
void log_format(enum troth_severity severity, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
