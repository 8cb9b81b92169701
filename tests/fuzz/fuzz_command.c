/* Any line: refused with a reason, or a command that is written and read back as itself. */
#include <wire/message.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer scratch = {0}, scratch_again = {0}, line = {0};
    struct command command, again;
    const char *why = NULL;
    if (message_command_parse(fuzz_span(data, size), &scratch, &command, &why) != 0) {
        assert(why != NULL);
    } else {
        message_command_append(&line, &command);
        assert(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
        struct troth_span text = {line.data, line.len - 1};
        int error = message_command_parse(text, &scratch_again, &again, &why);
        assert(error == 0);
        assert(command.op == again.op && troth_gtid_equal(&command.gtid, &again.gtid));
        assert(command.branch == again.branch && command.attempt == again.attempt);
        assert(command.timeout_us == again.timeout_us);
        assert(fuzz_same(command.operation, again.operation));
        assert(fuzz_same(command.traceparent, again.traceparent));
        assert(fuzz_same_payload(command.input, again.input));
    }
    buffer_finish(&scratch);
    buffer_finish(&scratch_again);
    buffer_finish(&line);
    return 0;
}
