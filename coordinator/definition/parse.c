/* parse.c: definition_parse(): the document's own fields, and the order in which all is checked. */
#include <base/span.h>

#include "draft.h"
#include "kinds.h"
#include "order.h"
#include "references.h"
#include "retries.h"
#include "steps.h"
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "expression.h"
#include "schema.h"

#define SCHEMA_URL "https://troth.dev/schemas/definition-1.json"

static const struct field top_fields[] = {{"$schema", false},
                                          {"name", true},
                                          {"version", true},
                                          {"description", false},
                                          {"mode", true},
                                          {"timeout", false},
                                          {"prepare_timeout", false},
                                          {"prepare", false},
                                          {"input_schema", false},
                                          {"retries", false},
                                          {"steps", true},
                                          {"events", false},
                                          {NULL, false}};

static const struct field events_fields[] = {{"topic", false}, {"key", false}, {NULL, false}};

static void schema_url_check(struct parse *parse)
{
    const struct place *place = &parse->top[TOP_SCHEMA];
    if (field_is(&parse->check, place, JSON_STRING) &&
        !json_string_equals(place->value, span_of(SCHEMA_URL)))
        check_error(&parse->check, place, "%s is another format; this is \"" SCHEMA_URL "\"",
                    shown(place->value).text);
}

static void mode_parse(struct parse *parse)
{
    static const char *const modes[] = {"2pc", "saga", "2pc_then_saga", NULL};
    uint32_t mode = DEFINITION_2PC_THEN_SAGA; /* the least surprising order, should it be wrong */
    parse->mode_known = field_choice(&parse->check, &parse->top[TOP_MODE], modes, &mode);
    parse->definition->mode = (enum definition_mode)mode;
}

static void timeouts_parse(struct parse *parse)
{
    struct definition *definition = parse->definition;
    const struct place *prepare = &parse->top[TOP_PREPARE_TIMEOUT];
    definition->timeout_us = DEFINITION_TIMEOUT_DEFAULT_US;
    parse->timeout_known = field_duration(&parse->check, &parse->top[TOP_TIMEOUT],
                                          DEFINITION_TIMEOUT_MIN_US, &definition->timeout_us);
    definition->prepare_timeout_us = 0;
    field_duration(&parse->check, prepare, DEFINITION_TIMEOUT_MIN_US,
                   &definition->prepare_timeout_us);
    if (parse->mode_known && definition->mode == DEFINITION_SAGA && !absent(prepare->value))
        check_error(&parse->check, prepare,
                    "mode \"saga\" prepares nothing: prepare_timeout belongs to \"2pc\" and "
                    "\"2pc_then_saga\"");
    else if (parse->timeout_known && definition->prepare_timeout_us >= definition->timeout_us)
        check_error(
            &parse->check, prepare, "%s is not shorter than the whole transaction's timeout, %s",
            shown(prepare->value).text,
            absent(parse->top[TOP_TIMEOUT].value) ? "5m by default"
                                                  : shown(parse->top[TOP_TIMEOUT].value).text);
    if (definition->prepare_timeout_us == 0)
        definition->prepare_timeout_us =
            DEFINITION_PREPARE_TIMEOUT_DEFAULT_US < definition->timeout_us
                ? DEFINITION_PREPARE_TIMEOUT_DEFAULT_US
                : definition->timeout_us;
}

static void prepare_parse(struct parse *parse)
{
    static const char *const ways[] = {"parallel", "ordered", NULL};
    struct definition *definition = parse->definition;
    const struct place *prepare = &parse->top[TOP_PREPARE];
    uint32_t way = 0;
    definition->prepare = DEFINITION_PREPARE_LEARNT;
    if (absent(prepare->value))
        return;
    if (parse->mode_known && definition->mode == DEFINITION_SAGA)
        check_error(&parse->check, prepare,
                    "mode \"saga\" prepares nothing: prepare belongs to \"2pc\" and "
                    "\"2pc_then_saga\"");
    if (field_choice(&parse->check, prepare, ways, &way))
        definition->prepare = way == 0 ? DEFINITION_PREPARE_PARALLEL : DEFINITION_PREPARE_ORDERED;
}

static void input_schema_parse(struct parse *parse)
{
    const struct place *schema = &parse->top[TOP_INPUT_SCHEMA];
    uint32_t errors = parse->check.faults->errors;
    if (field_is(&parse->check, schema, JSON_OBJECT))
        schema_check(&parse->check, schema);
    parse->definition->input_schema = schema->value;
    if (absent(schema->value) || parse->check.faults->errors > errors)
        return; /* templates are not held against a wrong one */
    parse->definition->schema = schema_make(schema->value);
    parse->check.no_memory = parse->check.no_memory || parse->definition->schema == NULL;
}

const char *definition_topic_wrong(struct troth_span topic)
{
    static const char rules[] =
        "is no topic of Kafka: 1 to 249 letters, digits and \".\", \"_\", \"-\"";
    _Static_assert(DEFINITION_TOPIC_LEN_MAX == 249, "as the text says");
    if (topic.len == 0 || topic.len > DEFINITION_TOPIC_LEN_MAX)
        return rules;
    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return rules;
    }
    if (topic.data[0] == '.' && (topic.len == 1 || (topic.len == 2 && topic.data[1] == '.')))
        return rules;
    if (topic.len >= 2 && topic.data[0] == '_' && topic.data[1] == '_')
        return "is one of Kafka's own topics: those begin with \"__\"";
    return NULL;
}

static void parse_events(struct parse *parse)
{
    const struct place *events = &parse->top[TOP_EVENTS];
    if (!field_is(&parse->check, events, JSON_OBJECT))
        return;
    fields_read(&parse->check, events, "\"events\"", events_fields, parse->events);
    const struct place *topic = &parse->events[EVENTS_TOPIC];
    if (field_is(&parse->check, topic, JSON_STRING)) {
        struct definition *definition = parse->definition;
        if (json_string_copy(topic->value, definition->topic_text, sizeof definition->topic_text) ==
            0)
            definition->topic =
                (struct troth_span){definition->topic_text, strlen(definition->topic_text)};
        const char *wrong = definition_topic_wrong(definition->topic);
        if (wrong != NULL)
            check_error(&parse->check, topic, "%s %s", shown(topic->value).text, wrong);
    }
    const struct place *key = &parse->events[EVENTS_KEY];
    if (field_is(&parse->check, key, JSON_STRING))
        parse->definition->key_template = key->value;
}

static void retries_unused_warn(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->definition->retries_count; i++)
        if ((parse->retries_used & (UINT32_C(1) << i)) == 0)
            check_warning(&parse->check, &parse->retries[i],
                          "no step and no compensation names this policy in \"retry\"");
}

static void document_parse(struct parse *parse)
{
    struct definition *definition = parse->definition;
    int64_t version = 0;
    check_duplicate_keys(&parse->check, &parse->root);
    fields_read(&parse->check, &parse->root, "a definition", top_fields, parse->top);
    schema_url_check(parse);
    field_name(&parse->check, &parse->top[TOP_NAME], definition->name);
    field_integer(&parse->check, &parse->top[TOP_VERSION], 1, DEFINITION_VERSION_MAX, &version);
    definition->version = (uint32_t)version;
    if (field_is(&parse->check, &parse->top[TOP_DESCRIPTION], JSON_STRING))
        definition->description = parse->top[TOP_DESCRIPTION].value;
    mode_parse(parse);
    timeouts_parse(parse);
    prepare_parse(parse);
    input_schema_parse(parse);
    parse_retries(parse);
    parse_steps(parse);
    parse_events(parse);
    parse_needs(parse);
    parse_order(parse);
    parse_references(parse);
    parse_kinds(parse);
    retries_unused_warn(parse);
}

static int text_parse(struct parse *parse)
{
    struct json_fault fault = {0};
    struct check *check = &parse->check;
    int r = json_check(check->text, JSON_CHECK_DEFAULT, &parse->root.value, &fault);
    if (r < 0)
        check_error_at_offset(check, fault.offset, fault.text);
    else if (json_type(parse->root.value) != JSON_OBJECT)
        check_error(check, &parse->root, "a definition is an object, and this is %s",
                    type_text(json_type(parse->root.value)));
    else if (check_root(check, parse->root.value, &parse->root))
        document_parse(parse);
    check_sort(check);
    check_finish(check);
    if (check->no_memory)
        return TROTH_ERROR_NO_MEMORY;
    return check->faults->errors > 0 ? TROTH_ERROR_SYNTAX : 0;
}

static struct definition *definition_create(struct troth_span text)
{
    struct definition *definition = calloc(1, sizeof *definition);
    char *copy = malloc(text.len + 1);
    if (definition == NULL || copy == NULL) {
        free(definition);
        free(copy);
        return NULL;
    }
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    definition->text = (struct troth_span){copy, text.len};
    return definition;
}

int definition_parse(struct troth_span text, struct faults *faults,
                     struct definition **ret_definition)
{
    if (text.len > DEFINITION_BYTES_MAX) {
        struct check check = {.text = text, .faults = faults};
        check_error_at_offset(&check, 0, "is larger than 256 KiB");
        return check.no_memory ? TROTH_ERROR_NO_MEMORY : TROTH_ERROR_SYNTAX;
    }
    struct parse *parse = calloc(1, sizeof *parse);
    struct definition *definition = parse == NULL ? NULL : definition_create(text);
    if (definition == NULL) {
        free(parse);
        return TROTH_ERROR_NO_MEMORY;
    }
    *parse = (struct parse){.check = {.text = definition->text, .faults = faults},
                            .definition = definition,
                            .mode_known = true,
                            .kinds_known = true,
                            .order_known = true};
    int r = text_parse(parse);
    if (r == 0)
        r = templates_create(definition);
    free(parse);
    if (r < 0) {
        definition_destroy(definition);
        return r;
    }
    *ret_definition = definition;
    return 0;
}
