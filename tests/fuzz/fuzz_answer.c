/* An answer of a coordinator, or of whoever stands there, as trothctl shows it: whatever is checked
 * JSON is drawn, as a transaction with its timeline, as a problem and as lines of properties, and
 * nothing of it reaches the terminal as a command. */
#include <base/json.h>
#include <problem.h>
#include <properties.h>
#include <tree.h>
#include <view.h>

#include "fuzz.h"

/* No control character but the end of a line, and no C1. */
static void is_harmless(const struct buffer *text)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        assert(c >= 0x20 || c == '\n');
        assert(c != 0x7f);
        assert(c != 0xc2 || i + 1 == text->len || (unsigned char)text->data[i + 1] >= 0xa0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cli cli = {.width = 80 + (unsigned)(size % 200)};
    TREE_SCOPED cJSON *tree = NULL;
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span json;
    if (json_check(fuzz_span(data, size), JSON_CHECK_KEPT, &json, NULL) != 0 ||
        tree_parse(json, &tree) != 0)
        return 0;
    (void)view_exit(tree);
    view_append(&cli, tree, json, UINT64_C(1795239289112233), &text);
    timeline_append(&cli, tree, &text);
    problem_append(&text, 500, tree);
    fault_append(&text, tree, "file");
    properties_append(&text, tree);
    assert(!text.failed);
    is_harmless(&text);
    return 0;
}
