/* load.c: from the path to operations that the database knows. See load.h. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Standard input is "-". false: `ret_text` says why. */
static bool read_file(const char *path, struct buffer *content, struct buffer *ret_text)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char piece[4096];
    size_t len;
    bool good = file != NULL;
    errno = good ? 0 : errno;
    while (good && content->len <= FILE_BYTES_MAX &&
           (len = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_append(content, piece, len);
    good = good && ferror(file) == 0 && !content->failed;
    if (!good)
        buffer_append_format(ret_text, "%s: %s\n", path,
                             errno == 0 ? "cannot be read" : strerror(errno));
    if (file != NULL && !standard)
        (void)fclose(file);
    return good;
}

/* Several hosts, time-outs and the rest are libpq's; what the conninfo says itself counts. */
static PGconn *connect_to(const char *conninfo)
{
    const char *const names[] = {"connect_timeout", "target_session_attrs",
                                 "client_encoding", "application_name",
                                 "dbname",          NULL};
    const char *const values[] = {"5", "read-write", "UTF8", "troth-postgres", conninfo, NULL};
    return PQconnectdbParams(names, values, 1);
}

static void append_line(struct buffer *text, const char *what, const char *why)
{
    const size_t len = strcspn(why, "\n");
    buffer_append_format(text, "troth-postgres: %s: %.*s\n", what, (int)len, why);
}

static enum exit_status inspect(const struct options *options, struct file *file,
                                struct buffer *ret_text)
{
    PGconn *db = connect_to(options->database);
    enum exit_status status = EXIT_DONE;
    int error = TROTH_ERROR_UNAVAILABLE;
    if (PQstatus(db) == CONNECTION_OK)
        error = file_inspect(file, db);
    file_say(file, options->path, ret_text);
    if (error == TROTH_ERROR_UNAVAILABLE) {
        append_line(
            ret_text, "there is no session that may write, so the tables were not looked at",
            PQerrorMessage(db)[0] != '\0' ? PQerrorMessage(db) : "it does not answer in time");
        status = EXIT_UNREACHABLE;
    } else if (error != 0) {
        append_line(ret_text, "file", troth_error_text(error));
        status = EXIT_WRONG;
    }
    PQfinish(db);
    return file->faults.errors > 0 ? EXIT_WRONG : status;
}

enum exit_status load(const struct options *options, struct file **ret_file,
                      struct buffer *ret_text)
{
    BUFFER_SCOPED struct buffer content = {0};
    struct file *file = NULL;
    enum exit_status status = EXIT_WRONG;
    if (!read_file(options->path, &content, ret_text))
        return EXIT_WRONG;
    file = file_create(buffer_span(&content));
    if (file == NULL || file_parse(file) != 0)
        append_line(ret_text, "file", troth_error_text(TROTH_ERROR_NO_MEMORY));
    else
        status = inspect(options, file, ret_text);
    if (status == EXIT_DONE)
        *ret_file = file;
    else
        file_destroy(file);
    return status;
}
