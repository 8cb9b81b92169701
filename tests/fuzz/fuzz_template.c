/* "TEMPLATE\0INPUT": what is rendered from checked JSON is checked JSON again, the same twice, and
 * nothing at all when a path is not there. */
#include <base/json.h>
#include <definition/definition.h>

#include "fuzz.h"

static const char text[] = "{\"name\":\"f\",\"version\":1,\"mode\":\"2pc\",\"steps\":["
                           "{\"name\":\"a\",\"participant\":\"p\",\"operation\":\"o\"},"
                           "{\"name\":\"b\",\"participant\":\"q\",\"operation\":\"o\"}]}";

static const struct definition *definition(void)
{
    static struct definition *parsed;
    struct faults faults = {0};
    int error = parsed != NULL ? 0
                               : definition_parse((struct troth_span){text, sizeof text - 1},
                                                  &faults, &parsed);
    assert(error == 0);
    faults_finish(&faults);
    return parsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span rest = fuzz_span(data, size), value;
    struct troth_span wanted = fuzz_part(&rest), input = fuzz_part(&rest);
    if (json_check(wanted, JSON_CHECK_DEFAULT, &wanted, NULL) != 0 ||
        json_check(input, JSON_CHECK_PAYLOAD, &input, NULL) != 0)
        return 0;
    struct definition_values values = {.input = input, .outputs = {input}};
    struct buffer once = {0}, again = {0};
    const char *why = NULL;
    struct template *template = NULL;
    int error = template_create(definition(), wanted, &template);
    assert(error == 0);
    error = definition_render(definition(), template, &values, &once, &why);
    assert(error == 0 || (why != NULL && once.len == 0));
    assert(error == definition_render(definition(), template, &values, &again, &why));
    assert(fuzz_same(buffer_span(&once), buffer_span(&again)));
    if (error == 0)
        assert(json_check(buffer_span(&once), JSON_CHECK_KEPT, &value, NULL) == 0);
    template_destroy(template);
    definition_values_finish(&values);
    buffer_finish(&once);
    buffer_finish(&again);
    return 0;
}
