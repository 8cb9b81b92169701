/* cli.h: what all of trothctl shares: the settings, the exit codes, how to complain.
 *
 * Functions that can end the program return an exit code of the table below; 0 means go on (or
 * done). A request that was not answered is never called failed: exit 6 says ask again. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/now.h>
#include <troth/error.h>
#include <troth/span.h>

#define CLI_URLS_MAX           8u
#define CLI_URL_BYTES          256u
#define CLI_URL_DEFAULT        "http://127.0.0.1:7800"
#define CLI_SOCKET_DEFAULT     "/run/troth/trothd.sock"
#define CLI_API_KEY_MAX        512u /* characters */
#define CLI_TIMEOUT_DEFAULT_US UINT64_C(30000000)
#define CLI_WIDTH_DEFAULT      100u

/* X(name, code, text): the one table; --help prints it. */
#define CLI_EXITS(X)                                                                               \
    X(OK, 0, "done as asked; of a transaction: committed")                                         \
    X(NOT_COMMITTED, 1, "the transaction did not commit: aborted, compensated; def diff: differs") \
    X(USAGE, 2, "wrong use of trothctl; nothing was sent")                                         \
    X(NOT_FOUND, 3, "there is no such transaction, definition or participant")                     \
    X(REFUSED, 4, "refused, and would be again: wrong input, file or state")                       \
    X(UNAVAILABLE, 5, "not reached, or not ready; nothing was begun: try again later")             \
    X(UNKNOWN, 6, "no outcome yet, or no answer: it may have happened, ask again")                 \
    X(ATTENTION, 7, "an operator must look: mixed, parked or heuristic")                           \
    X(PROTOCOL, 8, "the coordinator failed, or gave an answer that is not understood")             \
    X(LOCAL, 9, "trouble here: a file cannot be read, the output not written")

enum cli_exit {
#define CLI_EXIT_ENUM_(name, code, text) CLI_EXIT_##name = code,
    CLI_EXITS(CLI_EXIT_ENUM_)
#undef CLI_EXIT_ENUM_
};

/* Where the coordinators are: any of them answers any request, so the next is asked where one
 * cannot be reached. */
struct ways {
    unsigned count, at; /* `at`: is asked now, and first the next time */
    struct {
        char url[CLI_URL_BYTES];
        char shown[CLI_URL_BYTES]; /* for people: without user and password */
    } way[CLI_URLS_MAX];
};

struct cli {
    const char *urls[CLI_URLS_MAX]; /* as they were given, each perhaps several with commas */
    unsigned urls_count;
    bool url_given;                       /* on the command line */
    struct ways *ways;                    /* made of them by ways_read() */
    const char *cacert, *cert, *cert_key; /* files; NULL: none given */
    const char *socket;                   /* a path, instead of the URL's host; NULL: none */
    const char *api_key_file;             /* NULL: none given */
    char api_key[CLI_API_KEY_MAX + 1];    /* "": none */
    bool json;
    uint64_t timeout_us;
    unsigned width; /* columns of the output */
    bool colour;
};

/* Takes the URLs apart. CLI_EXIT_USAGE, with a complaint: one is too long, or there are too many.
 */
TROTH_MUST_CHECK int ways_read(const struct cli *cli, struct ways *ret_ways);
/* Where the coordinator is that is asked now, or has answered, for people. */
const char *cli_shown(const struct cli *cli);

/* "trothctl: …" on stderr, with a line feed; gives `code` back. */
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Everything to stdout, at once. CLI_EXIT_LOCAL when it cannot be written or did not fit memory.
 */
TROTH_MUST_CHECK int cli_print(const struct buffer *text);

/* The same to stderr, as well as it goes. */
void cli_warn(const struct buffer *text);

#endif
