/* retries.c: "retries": retry policies by name. */
#include <stdlib.h>
#include <string.h>

#include <base/decimal.h>

#include "retries.h"

enum retry_field {
    RETRY_INTERVAL,
    RETRY_BACKOFF,
    RETRY_MAX_INTERVAL,
    RETRY_MAX_ATTEMPTS,
    RETRY_JITTER,
    RETRY_FIELDS
};

static const struct field retry_fields[] = {{"interval", true},      {"backoff", false},
                                            {"max_interval", false}, {"max_attempts", false},
                                            {"jitter", false},       {NULL, false}};

static void backoff_parse(struct check *check, const struct place *place, double *ret_backoff)
{
    static const struct troth_span least = {"1", 1}, most = {"10", 2};
    char text[64];
    if (!field_is(check, place, JSON_NUMBER))
        return;
    if (decimal_compare(place->value, least) < 0 || decimal_compare(place->value, most) > 0) {
        check_error(check, place, "must be from 1.0 to 10.0, and is %s", shown(place->value).text);
        return;
    }
    if (place->value.len >= sizeof text) {
        check_error(check, place, "has too many digits");
        return;
    }
    memcpy(text, place->value.data, place->value.len);
    text[place->value.len] = '\0';
    *ret_backoff = strtod(text, NULL);
}

static void retry_parse(struct parse *parse, const struct place *place,
                        struct definition_retry *retry)
{
    static const char *const jitters[] = {"none", "full", NULL};
    struct check *check = &parse->check;
    struct place fields[RETRY_FIELDS];
    int64_t attempts = DEFINITION_RETRY_ATTEMPTS_DEFAULT;
    uint32_t jitter = 1;
    if (!field_is(check, place, JSON_OBJECT))
        return;
    fields_read(check, place, "a retry policy", retry_fields, fields);
    field_duration(check, &fields[RETRY_INTERVAL], DEFINITION_RETRY_INTERVAL_MIN_US,
                   &retry->interval_us);
    backoff_parse(check, &fields[RETRY_BACKOFF], &retry->backoff);
    retry->max_interval_us = DEFINITION_RETRY_MAX_INTERVAL_DEFAULT_US;
    if (retry->interval_us > retry->max_interval_us)
        retry->max_interval_us = retry->interval_us;
    field_duration(check, &fields[RETRY_MAX_INTERVAL], DEFINITION_RETRY_INTERVAL_MIN_US,
                   &retry->max_interval_us);
    if (retry->max_interval_us < retry->interval_us)
        check_error(check, &fields[RETRY_MAX_INTERVAL], "%s is shorter than the interval, %s",
                    shown(fields[RETRY_MAX_INTERVAL].value).text,
                    shown(fields[RETRY_INTERVAL].value).text);
    retry->attempts_given = !absent(fields[RETRY_MAX_ATTEMPTS].value);
    field_integer(check, &fields[RETRY_MAX_ATTEMPTS], 0, DEFINITION_RETRY_ATTEMPTS_MAX, &attempts);
    retry->max_attempts = (uint32_t)attempts;
    (void)field_choice(check, &fields[RETRY_JITTER], jitters, &jitter);
    retry->full_jitter = jitter == 1;
}

void parse_retries(struct parse *parse)
{
    const struct place *retries = &parse->top[TOP_RETRIES];
    struct definition *definition = parse->definition;
    if (!field_is(&parse->check, retries, JSON_OBJECT)) {
        parse->retries_unread = !absent(retries->value);
        return;
    }
    struct children children = place_children(&parse->check, retries);
    struct place entry;
    uint32_t count = 0;
    for (; children_next(&parse->check, &children, &entry); count++) {
        if (count >= DEFINITION_RETRIES_MAX)
            continue;
        struct definition_retry *retry = &definition->retries[count];
        retry->backoff = DEFINITION_RETRY_BACKOFF_DEFAULT;
        parse->retries[count] = entry;
        struct place name = {.up = retries, .key = entry.key, .value = entry.key};
        (void)!json_string_copy(entry.key, retry->name, sizeof retry->name); /* also a bad one */
        field_name(&parse->check, &name, retry->name);
        retry_parse(parse, &parse->retries[count], retry);
    }
    definition->retries_count = count < DEFINITION_RETRIES_MAX ? count : DEFINITION_RETRIES_MAX;
    if (count > DEFINITION_RETRIES_MAX) {
        check_error(&parse->check, retries, "has %u policies; at most %u", count,
                    DEFINITION_RETRIES_MAX);
        parse->retries_unread = true;
    }
}

/* As step_may_be_unread(), of policies. */
static bool policy_may_be_unread(const struct parse *parse, const char *nearest)
{
    const struct definition *definition = parse->definition;
    if (parse->retries_unread)
        return true;
    if (nearest != NULL)
        return !troth_name_valid(nearest, strlen(nearest));
    for (uint32_t i = 0; i < definition->retries_count; i++)
        if (!troth_name_valid(definition->retries[i].name, strlen(definition->retries[i].name)))
            return true;
    return false;
}

void parse_retry_name(struct parse *parse, const struct place *place, int32_t *ret_retry)
{
    const char *names[DEFINITION_RETRIES_MAX + 1];
    const struct definition *definition = parse->definition;
    if (!field_is(&parse->check, place, JSON_STRING))
        return;
    uint32_t count = definition->retries_count;
    for (uint32_t i = 0; i < count; i++)
        names[i] = definition->retries[i].name;
    names[count] = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (json_string_equals(place->value, (struct troth_span){names[i], strlen(names[i])})) {
            parse->retries_used |= UINT32_C(1) << i;
            *ret_retry = (int32_t)i;
            return;
        }
    }
    const char *nearest = nearest_of(&parse->check, place->value, names);
    for (uint32_t i = 0; i < count; i++)
        if (names[i] == nearest)
            parse->retries_used |= UINT32_C(1) << i; /* a misspelt use is a use */
    if (nearest == NULL)
        parse->retries_used = UINT32_MAX; /* it could have been any of them */
    if (policy_may_be_unread(parse, nearest))
        return; /* told already, and what stands in there nobody knows */
    if (count == 0)
        check_error(&parse->check, place, "unknown retry policy %s: this file has no \"retries\"",
                    shown(place->value).text);
    else
        check_error(&parse->check, place, "unknown retry policy %s%s", shown(place->value).text,
                    hint(nearest).text);
}
