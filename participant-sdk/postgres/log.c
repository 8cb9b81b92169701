/* log.c: lines on standard error. See log.h. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/now.h>

#define LINE_BYTES 4096 /* a pipe takes so much at once when it has room at all */

static enum troth_severity least_severity = TROTH_SEVERITY_INFO;

void log_begin(enum troth_severity least)
{
    least_severity = least;
}

/* One write a line, so that lines of several threads do not mix. */
static void write_line(const char *text, size_t len)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ENOTSOCK &&
        poll(&out, 1, 0) != 0 && write(STDERR_FILENO, text, len) < 0)
        return; /* there is nowhere to say so */
}

void log_line(void *arg, enum troth_severity severity, const char *line)
{
    static const char *const names[] = {"info", "warn", "error"};
    char time[WALL_TEXT_LEN + 1], text[LINE_BYTES];
    int len;
    (void)arg;
    if (severity < least_severity)
        return;
    wall_format(wall_now(), time);
    len = snprintf(text, sizeof text, "time=%s level=%s %s\n", time, names[severity], line);
    if (len >= LINE_BYTES) {
        len = LINE_BYTES - 1;
        text[len - 1] = '\n';
    }
    write_line(text, (size_t)len);
}

void log_format(enum troth_severity severity, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    log_line(NULL, severity, line);
}
