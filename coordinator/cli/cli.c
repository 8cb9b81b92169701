#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int cli_complain(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("trothctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int cli_print(const struct buffer *text)
{
    if (text->failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return cli_complain(CLI_EXIT_LOCAL, "can not write the output: %s", strerror(errno));
    return CLI_EXIT_OK;
}

uint64_t cli_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
