/* say.c: one line of text for the service's diagnostic callback; the library itself never logs. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/json.h>
#include <wire/message.h>

#include "inside.h"

#define LINE_BYTES 1024u

void participant_say(const struct troth_participant *participant, enum troth_severity severity,
                     const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    size_t i;
    if (participant->diagnostic == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    for (i = 0; line[i] != '\0'; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    participant->diagnostic(participant->diagnostic_arg, severity, line);
}

void participant_say_call(const struct troth_participant *participant, enum troth_severity severity,
                          const char *event, const struct troth_call *call, const char *more)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&call->gtid, gtid);
    participant_say(participant, severity,
                    "event=%s gtid=%s branch=%u attempt=%u op=%s operation=%s%s", event, gtid,
                    call->branch, call->attempt, message_op_name((enum message_op)call->op),
                    call->operation, more);
}

static void append_number(struct buffer *text, struct troth_span line, const char *name)
{
    struct troth_span value;
    int64_t number = 0;
    if (json_member(line, name, &value) && json_int64(value, &number) == 0)
        buffer_append_format(text, " %s=%lld", name, (long long)number);
}

void say_origin(struct buffer *ret_text, struct troth_span command_line)
{
    struct troth_span line, value;
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid gtid;
    if (json_check(command_line, JSON_CHECK_DEFAULT, &line, NULL) != 0 ||
        json_type(line) != JSON_OBJECT)
        return;
    if (json_member(line, "gtid", &value) && json_string_copy(value, text, sizeof text) == 0 &&
        troth_gtid_parse(text, strlen(text), &gtid) == 0)
        buffer_append_format(ret_text, " gtid=%s", text);
    append_number(ret_text, line, "branch");
    append_number(ret_text, line, "attempt");
}
