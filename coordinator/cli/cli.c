/* cli.c: complaints and warnings on standard error, and what is printed, in one form. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_complain(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("trothctl: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return code;
}

static bool write_all(FILE *stream, const struct buffer *text)
{
    struct troth_span span = buffer_span(text); /* never NULL */
    return fwrite(span.data, 1, span.len, stream) == span.len && fflush(stream) == 0;
}

void cli_warn(const struct buffer *text)
{
    if (!text->failed)
        (void)write_all(stderr, text); /* there is nowhere else to say it */
}

int cli_print(const struct buffer *text)
{
    if (text->failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (!write_all(stdout, text))
        return cli_complain(CLI_EXIT_LOCAL, "cannot write the output: %s", strerror(errno));
    return CLI_EXIT_OK;
}
