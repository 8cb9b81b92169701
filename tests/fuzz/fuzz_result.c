/* Any line: refused with a reason, or a result that is written and read back as itself; and what is
 * read at a glance, in our own spelling, means the same with a space in front, as JSON. */
#include <wire/message.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer scratch = {0}, scratch_again = {0}, line = {0}, spaced = {0};
    struct result result, again;
    const char *why = NULL;
    buffer_append_char(&spaced, ' ');
    buffer_append(&spaced, data, size);
    int as_json = message_result_parse(buffer_span(&spaced), &scratch_again, &again, &why);
    int as_it_is = message_result_parse(fuzz_span(data, size), &scratch, &result, &why);
    assert(as_json == as_it_is || size >= MESSAGE_LINE_MAX);
    if (as_it_is != 0) {
        assert(why != NULL);
    } else {
        message_result_append(&line, &result);
        assert(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
        struct troth_span text = {line.data, line.len - 1};
        int error = message_result_parse(text, &scratch_again, &again, &why);
        assert(error == 0);
        assert(result.op == again.op && troth_gtid_equal(&result.gtid, &again.gtid));
        assert(result.branch == again.branch && result.attempt == again.attempt);
        assert(result.result == again.result && result.vote == again.vote);
        assert(result.state == again.state && result.retry_after_us == again.retry_after_us);
        assert(result.reason.len <= MESSAGE_REASON_MAX);
        assert(fuzz_same(result.reason, again.reason));
        assert(fuzz_same_payload(result.output, again.output));
    }
    buffer_finish(&scratch);
    buffer_finish(&scratch_again);
    buffer_finish(&line);
    buffer_finish(&spaced);
    return 0;
}
