/* fuzz_definition.c: any bytes as a definition file: no crash, no read outside, and never both a
 * definition and an error. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <definition/definition.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span text = {(const char *)data, size};
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer list = {0};
    int r = definition_parse(text, &faults, &definition);
    if ((r == 0) != (faults.errors == 0) || (r == 0) != (definition != NULL))
        abort();
    for (uint32_t i = 0; i < faults.count; i++)
        if (faults.list[i].line == 0 || faults.list[i].column == 0)
            abort();
    faults_format(&faults, "fuzz", &list);
    faults_finish(&faults);
    if (definition != NULL && !definition_same(definition, definition))
        abort();
    buffer_finish(&list);
    definition_destroy(definition);
    return 0;
}
