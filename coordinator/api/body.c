/* The members of a request's body, each with its type and range. */
#include "body.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "request.h"
#include <base/duration.h>
#include <base/nearest.h>

#define MEMBER_TEXT_MAX 256u

static int wrong_member(const char *name, const char *must, struct troth_span value,
                        struct api_problem *ret_problem)
{
    return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY, "/%s: %.*s is not %s", name,
                           SHOWN(value), must);
}

static int unknown_member(struct troth_span key, const char *const *known,
                          struct api_problem *ret_problem)
{
    char wrong[SHOWN_MAX + 1] = {0};
    if (json_string_copy(key, wrong, sizeof wrong) != 0)
        (void)snprintf(wrong, sizeof wrong, "%.*s", SHOWN(key));
    const char *nearest = known[0] != NULL ? name_nearest(wrong, known) : NULL;
    if (nearest == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_MEMBER,
                               "/%s: there is no such member here", wrong);
    return api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_MEMBER,
                           "/%s: there is no such member here; did you mean \"%s\"?", wrong,
                           nearest);
}

struct reading {
    struct body body;
    struct troth_span unknown; /* the first of its keys that is not known; or absent */
};

static void on_member(void *arg, struct troth_span key, struct troth_span value)
{
    struct reading *reading = arg;
    const char *const *known = reading->body.known;
    uint32_t i = 0;
    while (known[i] != NULL &&
           !json_string_equals(key, (struct troth_span){known[i], strlen(known[i])}))
        i++;
    assert(i < BODY_MEMBERS_MAX);
    if (known[i] != NULL)
        reading->body.values[i] = value;
    else if (reading->unknown.data == NULL)
        reading->unknown = key;
}

int body_read(const struct request *request, bool may_be_empty, const char *const *known,
              struct body *ret_body, struct api_problem *ret_problem)
{
    struct reading reading = {.body = {.known = known}};
    int error = request_object(request, may_be_empty, on_member, &reading, ret_problem);
    if (error != 0)
        return error;
    if (reading.unknown.data != NULL)
        return unknown_member(reading.unknown, known, ret_problem);
    *ret_body = reading.body;
    return 0;
}

bool body_member(const struct body *body, const char *name, struct troth_span *ret_value)
{
    uint32_t i = 0;
    while (body->known[i][0] != name[0] || strcmp(body->known[i], name) != 0) {
        i++;
        assert(body->known[i] != NULL); /* asked for a member that may not be there */
    }
    if (body->values[i].data == NULL)
        return false;
    *ret_value = body->values[i];
    return true;
}

/* 0 with *ret_there; or the refusal of one that must be there. */
static int find(const struct body *body, const char *name, enum presence presence,
                struct troth_span *ret_value, bool *ret_there, struct api_problem *ret_problem)
{
    *ret_there = body_member(body, name, ret_value);
    if (!*ret_there && presence == REQUIRED)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY, "/%s: it is missing", name);
    return 0;
}

int body_uint(const struct body *body, const char *name, enum presence presence, uint32_t least,
              uint32_t most, uint32_t *ret_value, struct api_problem *ret_problem)
{
    struct troth_span value;
    bool there;
    int64_t number = 0;
    int error = find(body, name, presence, &value, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (json_int64(value, &number) != 0 || number < (int64_t)least || number > (int64_t)most)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/%s: %.*s is not a whole number from %u to %u", name, SHOWN(value),
                               least, most);
    *ret_value = (uint32_t)number;
    return 0;
}

int body_name(const struct body *body, const char *name, enum presence presence,
              char ret_name[TROTH_NAME_LEN_MAX + 1], struct api_problem *ret_problem)
{
    char text[TROTH_NAME_LEN_MAX + 1];
    struct troth_span value;
    bool there;
    int error = find(body, name, presence, &value, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (json_string_copy(value, text, sizeof text) != 0 || !troth_name_valid(text, strlen(text)))
        return wrong_member(name, "a name: a-z first, then a-z, 0-9 and _, at most 63 characters",
                            value, ret_problem);
    strcpy(ret_name, text);
    return 0;
}

int body_text(const struct body *body, const char *name, size_t most, struct buffer *ret_text,
              struct api_problem *ret_problem)
{
    struct troth_span value;
    bool there;
    size_t at = ret_text->len;
    int error = find(body, name, REQUIRED, &value, &there, ret_problem);
    if (error != 0)
        return error;
    if (json_type(value) != JSON_STRING || json_string(value, ret_text) != 0)
        return wrong_member(name, "a text", value, ret_problem);
    const char *text = buffer_text(ret_text);
    if (text == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                               "out of memory; nothing was done");
    if (strspn(text + at, " \t\r\n") == ret_text->len - at)
        return wrong_member(name, "a text that says something", value, ret_problem);
    if (ret_text->len - at > most)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/%s: a text of at most %zu bytes", name, most);
    return 0;
}

int body_bool(const struct body *body, const char *name, bool *ret_value,
              struct api_problem *ret_problem)
{
    struct troth_span value;
    if (body_member(body, name, &value) && json_bool(value, ret_value) != 0)
        return wrong_member(name, "true or false", value, ret_problem);
    return 0;
}

int body_duration(const struct body *body, const char *name, uint64_t *ret_us,
                  struct api_problem *ret_problem)
{
    char text[MEMBER_TEXT_MAX];
    struct troth_span value;
    uint64_t us = 0;
    if (!body_member(body, name, &value))
        return 0;
    if (json_string_copy(value, text, sizeof text) != 0 ||
        duration_parse(text, strlen(text), &us) != 0 || us == 0)
        return wrong_member(name, "a duration above 0 with its unit, such as \"30s\" or \"5m\"",
                            value, ret_problem);
    *ret_us = us;
    return 0;
}

int body_choice(const struct body *body, const char *name, enum presence presence,
                const char *const *choices, uint32_t *ret_choice, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer list = {0};
    struct troth_span value;
    bool there;
    int error = find(body, name, presence, &value, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    for (uint32_t i = 0; choices[i] != NULL; i++) {
        struct troth_span choice = {choices[i], strlen(choices[i])};
        if (json_type(value) == JSON_STRING && json_string_equals(value, choice)) {
            *ret_choice = i;
            return 0;
        }
        buffer_append_format(&list, "%s\"%s\"", i > 0 ? " or " : "", choices[i]);
    }
    const char *must = buffer_text(&list);
    return wrong_member(name, must != NULL ? must : "allowed", value, ret_problem);
}
