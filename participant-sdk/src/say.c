/* say.c: one line of text for the service's diagnostic callback; the library itself never logs. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

#include "inside.h"

#define LINE_BYTES 1024u

void participant_say(const struct troth_participant *participant, enum troth_severity severity,
                     const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    size_t i;

    if (participant->diagnostic == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    for (i = 0; line[i] != '\0'; i++) {
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';
        }
    }
    participant->diagnostic(participant->diagnostic_arg, severity, line);
}
