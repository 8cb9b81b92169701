/* output.c: what a service's function puts out, and whether it can be kept. */
#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/json.h>
#include <wire/message.h>

struct troth_span output_span(const struct troth_output *output)
{
    return output->json.len == 0 ? (struct troth_span){NULL, 0} : buffer_span(&output->json);
}

void output_finish(struct troth_output *output)
{
    buffer_finish(&output->json);
    buffer_finish(&output->reason);
}

void troth_output_json(struct troth_output *output, struct troth_span json)
{
    buffer_clear(&output->json);
    buffer_append_span(&output->json, json);
}

void troth_output_format(struct troth_output *output, const char *format, ...)
{
    va_list arguments;
    char *text;
    int len;
    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    buffer_clear(&output->json);
    if (len < 0) {
        output->json.failed = true;
        return;
    }
    buffer_append(&output->json, text, (size_t)len);
    free(text);
}

/* What is not UTF-8 (a text cut off within a character, a server's message in another encoding) is
 * replaced: PostgreSQL would not store it, nor the refusal whose reason it is. */
void troth_output_reason(struct troth_output *output, const char *reason)
{
    struct buffer text BUFFER_SCOPED = {0};
    buffer_clear(&output->reason);
    json_append_text(&text, reason);
    if (text.failed || json_string(buffer_span(&text), &output->reason) != 0)
        output->reason.failed = true;
}

bool output_sound(struct troth_output *output)
{
    struct troth_span value;
    struct json_fault fault;
    char why[160];
    if (output->json.failed || output->reason.failed) {
        troth_output_reason(output, "out of memory");
        return false;
    }
    if (output->json.len > MESSAGE_PAYLOAD_MAX) {
        troth_output_reason(output, "the service's output is larger than 512 KiB");
        return false;
    }
    if (output->json.len > 0 &&
        json_check(buffer_span(&output->json), JSON_CHECK_PAYLOAD, &value, &fault) != 0) {
        (void)snprintf(why, sizeof why, "the service's output is not JSON that is taken: %s",
                       fault.text);
        troth_output_reason(output, why);
        return false;
    }
    return true;
}
