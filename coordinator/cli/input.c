/* input.c: reads all of it, from whichever of these it is. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <base/json.h>

static int read_stream(FILE *stream, const char *path, struct buffer *text)
{
    for (;;) {
        if (!buffer_reserve(text, 65536))
            return cli_complain(CLI_EXIT_LOCAL, "%s: out of memory", path);
        size_t got = fread(text->data + text->len, 1, 65536, stream);
        text->len += got;
        if (text->len > INPUT_BYTES_MAX)
            return cli_complain(CLI_EXIT_LOCAL, "%s: longer than 4 MiB", path);
        if (got == 0)
            break;
    }
    if (ferror(stream) != 0)
        return cli_complain(CLI_EXIT_LOCAL, "%s: %s", path, strerror(errno));
    return CLI_EXIT_OK;
}

int input_read(const char *path, struct buffer *ret_text)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", ret_text);
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return cli_complain(CLI_EXIT_LOCAL, "%s: %s", path, strerror(errno));
    int error = read_stream(stream, path, ret_text);
    (void)fclose(stream); /* it was only read */
    return error;
}

int input_option(const char *option, const char *argument, struct buffer *ret_text,
                 struct troth_span *ret_value)
{
    const char *place = option;
    if (strcmp(argument, "-") == 0 || argument[0] == '@') {
        place = argument[0] == '@' ? argument + 1 : "-";
        int error = input_read(place, ret_text);
        if (error != CLI_EXIT_OK)
            return error;
    } else {
        buffer_append_text(ret_text, argument);
    }
    struct json_fault fault = {0, ""};
    int error = json_check(buffer_span(ret_text), JSON_CHECK_DEFAULT, ret_value, &fault);
    if (ret_text->failed || error == TROTH_ERROR_NO_MEMORY)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (error != 0) {
        uint32_t line, column;
        json_position(buffer_span(ret_text), fault.offset, &line, &column);
        return cli_complain(CLI_EXIT_REFUSED, "%s:%u:%u: %s", place, line, column, fault.text);
    }
    return CLI_EXIT_OK;
}
