/* load_answer.c: reads HTTP only as far as trothd's own answers need: a status line, headers with a
 * Content-Length, a body. Anything else makes the run void, which is what it should do. */
#include "load_answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/json.h>

#define BODY_BYTES_MAX (1 << 20)

static const char *head_end(const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    return end == NULL ? NULL : end + 4;
}

/* The value of a header, `name` being "\r\nname:" in lower case; NULL: it is not there. */
static const char *header(const char *data, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = data; (size_t)(end - at) > len; at++)
        if (*at == '\r' && strncasecmp(at, name, len) == 0)
            return at + len;
    return NULL;
}

long answer_length(const char *data, size_t len)
{
    const char *body = head_end(data, len);
    if (body == NULL)
        return 0;
    const char *value = header(data, body, "\r\ncontent-length:");
    long length = value == NULL ? -1 : strtol(value, NULL, 10);
    if (length < 0 || length > BODY_BYTES_MAX)
        return -1;
    long whole = (long)(body - data) + length;
    return whole <= (long)len ? whole : 0;
}

static bool member_copy(struct troth_span object, const char *name, char *ret_text, size_t cap)
{
    struct troth_span value;
    return json_member(object, name, &value) && json_type(value) == JSON_STRING &&
           json_string_copy(value, ret_text, cap) == 0;
}

static bool steps_are(struct troth_span transaction, const char *state)
{
    struct troth_span steps, key, step;
    char text[24];
    if (!json_member(transaction, "steps", &steps) || json_type(steps) != JSON_ARRAY)
        return false;
    struct json_cursor cursor = json_cursor(steps);
    int count = 0;
    while (json_next(&cursor, &key, &step)) {
        if (json_type(step) != JSON_OBJECT || !member_copy(step, "state", text, sizeof text) ||
            strcmp(text, state) != 0)
            return false;
        count++;
    }
    return count > 0;
}

static const char *wrong_status(const char *data, const char *status)
{
    static const struct {
        const char *status, *words;
    } wrong[] = {{"200", "the status is not 200"},
                 {"201", "the status is not 201"},
                 {"202", "the status is not 202"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (strcmp(wrong[i].status, status) == 0)
            return memcmp(data + 9, status, 3) == 0 ? NULL : wrong[i].words;
    return "no such status";
}

/* An outcome that was told, in a body that can be read. */
static const char *wrong_transaction(struct answer *answer, struct troth_span body,
                                     const struct load_options *options)
{
    struct troth_span transaction;
    if (json_check(body, JSON_CHECK_DEFAULT, &transaction, NULL) < 0 ||
        json_type(transaction) != JSON_OBJECT)
        return "the body is no JSON object";
    if (!member_copy(transaction, "gtid", answer->gtid, sizeof answer->gtid))
        return "it names no gtid";
    (void)member_copy(transaction, "outcome", answer->outcome, sizeof answer->outcome);
    if (strcmp(options->reply, "accepted") == 0)
        return NULL;
    if (strcmp(answer->outcome, "aborted") == 0 && strcmp(options->outcome, "aborted") != 0) {
        answer->kind = ANSWER_ABORTED;
        return "the outcome is aborted";
    }
    if (strcmp(answer->outcome, options->outcome) != 0)
        return "the outcome is another one";
    if (options->step_state[0] != '\0' && !steps_are(transaction, options->step_state))
        return "not all steps are in the state that they should be in";
    return NULL;
}

void answer_read(struct answer *answer, const char *data, size_t len,
                 const struct load_options *options)
{
    const char *body = head_end(data, len);
    *answer = (struct answer){.kind = ANSWER_WRONG};
    if (len < 12 || memcmp(data, "HTTP/1.1 ", 9) != 0) {
        answer->wrong = "no status line";
        return;
    }
    if (memcmp(data + 9, "503", 3) == 0 && header(data, body, "\r\nretry-after:") != NULL) {
        answer->kind = ANSWER_REFUSED;
        answer->wrong = "it is refused";
        return;
    }
    const char *status = options->get != NULL                      ? "200"
                         : strcmp(options->reply, "accepted") == 0 ? "202"
                                                                   : "201";
    answer->wrong = wrong_status(data, status);
    if (answer->wrong == NULL && options->get == NULL) {
        struct troth_span text = {body, len - (size_t)(body - data)};
        answer->wrong = wrong_transaction(answer, text, options);
    }
    if (answer->wrong == NULL)
        answer->kind = ANSWER_GOOD;
}
