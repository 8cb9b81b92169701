/* "SCHEMA\0DOCUMENT": a definition with that input_schema, if it is one, and any document as its
 * input: taken, or refused with faults that have a place inside the document; the same twice. */
#include <base/json.h>
#include <definition/definition.h>

#include "fuzz.h"

static int define(struct troth_span schema, struct definition **ret_definition)
{
    struct buffer text = {0};
    struct faults faults = {0};
    buffer_append_text(&text, "{\"name\":\"f\",\"version\":1,\"mode\":\"2pc\",\"input_schema\":");
    buffer_append_span(&text, schema);
    buffer_append_text(&text,
                       ",\"steps\":[{\"name\":\"a\",\"participant\":\"p\",\"operation\":\"o\"}]}");
    int error = definition_parse(buffer_span(&text), &faults, ret_definition);
    assert((error == 0) == (faults.errors == 0));
    faults_finish(&faults);
    buffer_finish(&text);
    return error;
}

static void check(const struct definition *definition, struct troth_span document,
                  struct buffer *said)
{
    struct faults faults = {0};
    uint32_t last_line, last_column;
    json_position(document, document.len, &last_line, &last_column);
    int error = definition_check_input(definition, document, &faults);
    assert((error == 0) == (faults.errors == 0));
    for (uint32_t i = 0; i < faults.count; i++) {
        const struct fault *fault = &faults.list[i];
        assert(fault->line >= 1 && fault->line <= last_line && fault->column >= 1);
    }
    faults_format(&faults, "input", said);
    faults_finish(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span rest = fuzz_span(data, size);
    struct troth_span schema = fuzz_part(&rest), document = rest;
    struct definition *definition = NULL;
    struct buffer once = {0}, again = {0};
    if (json_check(schema, JSON_CHECK_DEFAULT, &schema, NULL) != 0 ||
        json_check(document, JSON_CHECK_DEFAULT, &document, NULL) != 0 ||
        define(schema, &definition) != 0)
        return 0;
    check(definition, document, &once);
    check(definition, document, &again);
    assert(fuzz_same(buffer_span(&once), buffer_span(&again)));
    buffer_finish(&once);
    buffer_finish(&again);
    definition_destroy(definition);
    return 0;
}
