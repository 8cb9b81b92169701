/* log.c: diagnostics on standard error, which never wait for a reader. See log.h. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/now.h>

/* A pipe takes so much at once when it has room at all: longer lines are cut. */
#define LINE_BYTES_MAX 4096u

static uint64_t dropped, told_dropped;

static enum log_level wanted = LOG_INFO;
static bool as_json = false;

void log_configure(enum log_level level, bool json)
{
    wanted = level;
    as_json = json;
}

bool log_wants(enum log_level level)
{
    return level <= wanted;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return names[level];
}

static void append_value(struct buffer *line, const char *value)
{
    bool plain = value[0] != '\0' && strpbrk(value, " \t\r\n\"=\\") == NULL;
    if (plain && !as_json)
        buffer_append_text(line, value);
    else
        json_append_text(line, value);
}

static void append_pair(struct buffer *line, const char *key, const char *value)
{
    if (as_json) {
        buffer_append_text(line, line->len == 1 ? "\"" : ",\"");
        buffer_append_text(line, key);
        buffer_append_text(line, "\":");
    } else {
        buffer_append_text(line, line->len == 0 ? "" : " ");
        buffer_append_text(line, key);
        buffer_append_char(line, '=');
    }
    append_value(line, value);
}

/* Never waits: who reads may have stopped, and the loop must not. One write a line, so that lines
 * of several processes on one terminal do not mix. */
static bool write_line(struct buffer *line)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    size_t len = line->len;
    if (len > LINE_BYTES_MAX) {
        len = LINE_BYTES_MAX;
        line->data[len - 1] = '\n';
    }
    ssize_t sent = send(STDERR_FILENO, line->data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == ENOTSOCK) {
        if (poll(&out, 1, 0) == 0)
            return false;
        sent = write(STDERR_FILENO, line->data, len);
    }
    return sent >= 0 || errno != EAGAIN; /* gone: nowhere to say so */
}

static void begin_line(struct buffer *line, enum log_level level, const char *message)
{
    char time[WALL_TEXT_LEN + 1];
    wall_format(wall_now(), time);
    if (as_json)
        buffer_append_char(line, '{');
    append_pair(line, "time", time);
    append_pair(line, "level", level_name(level));
    append_pair(line, "msg", message);
}

static bool end_line(struct buffer *line)
{
    buffer_append_text(line, as_json ? "}\n" : "\n");
    return line->failed || write_line(line);
}

/* As soon as there is room again. */
static void tell_dropped(void)
{
    if (dropped == told_dropped)
        return;
    BUFFER_SCOPED struct buffer line = {0};
    char count[24];
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)(dropped - told_dropped));
    begin_line(&line, LOG_WARN, "nobody read standard error: lines were dropped");
    append_pair(&line, "count", count);
    if (end_line(&line))
        told_dropped = dropped;
}

uint64_t log_dropped(void)
{
    return dropped;
}

void log_line(enum log_level level, const char *message, ...)
{
    if (!log_wants(level))
        return;
    tell_dropped();
    BUFFER_SCOPED struct buffer line = {0};
    begin_line(&line, level, message);
    va_list pairs;
    va_start(pairs, message);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL)
            append_pair(&line, key, value);
    }
    va_end(pairs);
    if (!end_line(&line))
        dropped++;
}
