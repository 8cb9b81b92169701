/* fuzz_template.c: "TEMPLATE\0INPUT\0SCHEMA": what is rendered from checked JSON is checked JSON
 * again, and an input is held against any schema without a crash. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <definition/definition.h>
#include <protocol/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct troth_span next_part(struct troth_span *rest)
{
    const char *zero = memchr(rest->data, '\0', rest->len);
    size_t len = zero == NULL ? rest->len : (size_t)(zero - rest->data);
    struct troth_span part = {rest->data, len};
    rest->data += len + (zero != NULL);
    rest->len -= len + (zero != NULL);
    return part;
}

static struct definition *definition_with(struct troth_span schema)
{
    struct buffer text = {0};
    struct definition_faults faults = {0};
    struct definition *definition = NULL;
    buffer_append_text(&text, "{\"name\":\"f\",\"version\":1,\"mode\":\"2pc\",\"input_schema\":");
    buffer_append_span(&text, schema);
    buffer_append_text(&text,
                       ",\"steps\":[{\"name\":\"a\",\"participant\":\"p\",\"operation\":"
                       "\"o\"},{\"name\":\"b\",\"participant\":\"q\",\"operation\":\"o\"}]}");
    if (definition_parse(buffer_span(&text), &faults, &definition) < 0)
        definition = NULL;
    definition_faults_finish(&faults);
    buffer_finish(&text);
    return definition;
}

static void render(const struct definition *definition, struct troth_span template_text,
                   struct troth_span input)
{
    struct definition_values values = {.input = input, .outputs = {input}};
    struct buffer text = {0};
    struct troth_span value;
    const char *path = NULL;
    int r = definition_render(definition, template_text, &values, &text, &path);
    if (r < 0 && (path == NULL || text.len != 0))
        abort();
    if (r == 0 && json_check(buffer_span(&text), JSON_CHECK_DEFAULT, &value, NULL) < 0)
        abort();
    buffer_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span rest = {(const char *)data, size};
    struct troth_span template_text = next_part(&rest), input = next_part(&rest);
    struct troth_span schema = next_part(&rest);
    if (json_check(template_text, JSON_CHECK_DEFAULT, &template_text, NULL) < 0 ||
        json_check(input, JSON_CHECK_DEFAULT, &input, NULL) < 0)
        return 0;
    if (json_check(schema, JSON_CHECK_DEFAULT, &schema, NULL) < 0)
        schema = (struct troth_span){"{}", 2};
    struct definition *definition = definition_with(schema);
    if (definition == NULL)
        return 0;
    render(definition, template_text, input);
    struct definition_faults faults = {0};
    int r = definition_check_input(definition, input, &faults);
    if ((r == 0) != (faults.errors == 0))
        abort();
    definition_faults_finish(&faults);
    definition_destroy(definition);
    return 0;
}
