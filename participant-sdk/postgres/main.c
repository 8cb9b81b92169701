/* main.c: troth-postgres: a participant over PostgreSQL from a file, without code. */
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "log.h"
#include "options.h"
#include "serve.h"

static enum exit_status migrate(const struct options *options)
{
    char why[512] = "";
    const int error = troth_postgres_migrate(options->database, why, sizeof why);
    if (error != 0) {
        (void)fprintf(stderr, "troth-postgres: not migrated: %s\n",
                      why[0] == '\0' ? troth_error_text(error) : why);
        return error == TROTH_ERROR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_WRONG;
    }
    (void)printf("troth-postgres: the guard's schema is up to date\n");
    return EXIT_DONE;
}

static void print(const struct buffer *text, FILE *to)
{
    if (text->len > 0)
        (void)fwrite(text->data, 1, text->len, to);
}

static enum exit_status check(const struct options *options)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct file *file = NULL;
    enum exit_status status = load(options, &file, &text);
    print(&text, stdout);
    if (status == EXIT_DONE)
        status = serve_check(options);
    if (status == EXIT_DONE)
        (void)printf("%s: good, operations: %u\n", options->path, file->count);
    file_destroy(file);
    return status;
}

static enum exit_status run(const struct options *options)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct file *file = NULL;
    const enum exit_status status = load(options, &file, &text);
    print(&text, stderr);
    log_begin(strcmp(options->log_level, "error") == 0  ? TROTH_SEVERITY_ERROR
              : strcmp(options->log_level, "warn") == 0 ? TROTH_SEVERITY_WARNING
                                                        : TROTH_SEVERITY_INFO);
    return status == EXIT_DONE ? serve(options, file) : status;
}

int main(int argc, char **argv)
{
    struct options options;
    options_read(argc, argv, &options);
    switch (options.mode) {
    case MODE_CHECK:
        return (int)check(&options);
    case MODE_MIGRATE:
        return (int)migrate(&options);
    case MODE_RUN:
        break;
    }
    return (int)run(&options);
}
