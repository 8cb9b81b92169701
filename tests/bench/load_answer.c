/* load_answer.c: reads HTTP only as far as trothd's own answers need: a status line, headers with a
 * Content-Length, a body. Anything else makes the run void, which is what it should do. */
#include "load_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/json.h>

#define BODY_BYTES_MAX (1 << 20)
#define STEPS          2

static const char *head_end(const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    return end == NULL ? NULL : end + 4;
}

static long content_length(const char *data, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *at = data; (size_t)(end - at) > sizeof name; at++)
        if (*at == '\r' && strncasecmp(at, name, sizeof name - 1) == 0)
            return strtol(at + sizeof name - 1, NULL, 10);
    return -1;
}

long answer_length(const char *data, size_t len)
{
    const char *body = head_end(data, len);
    if (body == NULL)
        return 0;
    long length = content_length(data, body);
    if (length < 0 || length > BODY_BYTES_MAX)
        return -1;
    long whole = (long)(body - data) + length;
    return whole <= (long)len ? whole : 0;
}

static bool member_is(struct troth_span object, const char *name, const char *wanted)
{
    struct troth_span value;
    return json_member(object, name, &value) && json_type(value) == JSON_STRING &&
           json_string_equals(value, (struct troth_span){wanted, strlen(wanted)});
}

static bool steps_committed(struct troth_span transaction)
{
    struct troth_span steps, key, step;
    int committed = 0;
    if (!json_member(transaction, "steps", &steps) || json_type(steps) != JSON_ARRAY)
        return false;
    struct json_cursor cursor = json_cursor(steps);
    while (json_next(&cursor, &key, &step))
        committed += json_type(step) == JSON_OBJECT && member_is(step, "state", "committed");
    return committed == STEPS;
}

bool answer_aborted(const char *data, size_t len)
{
    const char *body = head_end(data, len);
    struct troth_span transaction;
    struct troth_span text = {body, len - (size_t)(body - data)};
    return len >= 12 && memcmp(data, "HTTP/1.1 201", 12) == 0 &&
           json_check(text, JSON_CHECK_DEFAULT, &transaction, NULL) == 0 &&
           json_type(transaction) == JSON_OBJECT && member_is(transaction, "outcome", "aborted");
}

const char *answer_wrong(const char *data, size_t len)
{
    const char *body = head_end(data, len);
    struct troth_span transaction;
    if (len < 12 || memcmp(data, "HTTP/1.1 201", 12) != 0)
        return "the status is not 201";
    struct troth_span text = {body, len - (size_t)(body - data)};
    if (json_check(text, JSON_CHECK_DEFAULT, &transaction, NULL) < 0 ||
        json_type(transaction) != JSON_OBJECT)
        return "the body is no JSON object";
    if (!member_is(transaction, "outcome", "committed"))
        return "the outcome is not committed";
    if (!steps_committed(transaction))
        return "not both branches have acknowledged the commit";
    return NULL;
}
