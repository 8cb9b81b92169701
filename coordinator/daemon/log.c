#include "log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <protocol/buffer.h>
#include <protocol/clock.h>
#include <protocol/json.h>

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
    if (plain && !as_json) {
        buffer_append_text(line, value);
    } else {
        json_append_text(line, value);
    }
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

void log_line(enum log_level level, const char *message, ...)
{
    if (!log_wants(level)) {
        return;
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct wall wall = {(uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u};
    char time[WALL_TEXT_LEN + 1];
    wall_format(wall, time);

    BUFFER_SCOPED struct buffer line = {0};
    if (as_json) {
        buffer_append_char(&line, '{');
    }
    append_pair(&line, "time", time);
    append_pair(&line, "level", level_name(level));
    append_pair(&line, "msg", message);
    va_list pairs;
    va_start(pairs, message);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL) {
            append_pair(&line, key, value);
        }
    }
    va_end(pairs);
    buffer_append_text(&line, as_json ? "}\n" : "\n");
    /* One write a line, so that lines of several processes on one terminal do not mix. */
    if (!line.failed && write(STDERR_FILENO, line.data, line.len) < 0) {
        return; /* nowhere left to say so */
    }
}
