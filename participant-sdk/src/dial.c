/* dial.c: connecting to PostgreSQL, one host after the other, each for its own time.
 *
 * Asynchronous, although its thread has nothing else to do: libpq's blocking connect cannot be
 * ended from outside, and its time is the sum of all addresses'. The socket is asked for at each
 * step, since libpq closes one and opens the next. */
#include "dial.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "task.h"
#include "watch.h"

#define LOOK_US 100000u /* so often it is asked whether to give up */

struct words {
    char *text;
    size_t cap;
};

/* Appends the first line. */
static void note(const struct words *words, const char *what)
{
    const size_t at = strlen(words->text);
    (void)snprintf(words->text + at, words->cap - at, "%s%.*s", at == 0 ? "" : "; ",
                   (int)strcspn(what, "\n"), what); /* cut off where it is too long */
}

static bool is_ended(struct watch *watch)
{
    return watch != NULL && watch_is_ended(watch);
}

/* false: its time is over, or everybody's. */
static bool wait_for(const PGconn *connection, short events, uint64_t until_us, struct watch *watch)
{
    struct pollfd at = {.fd = PQsocket(connection), .events = events};
    uint64_t now_us;
    int ready = 0;
    while (ready <= 0 && !is_ended(watch) && (now_us = task_now_us()) < until_us) {
        const uint64_t left_us = until_us - now_us;

        ready = poll(&at, 1, (int)((left_us < LOOK_US ? left_us : LOOK_US) / 1000 + 1));
    }
    return ready > 0;
}

static void say_late(const PGconn *connection, uint64_t time_us, const struct words *words)
{
    const char *host = PQhost(connection), *port = PQport(connection);
    char text[256];
    (void)snprintf(text, sizeof text, "connecting to %s port %s took longer than %.1f s",
                   host == NULL ? "" : host, port == NULL ? "" : port, (double)time_us / 1e6);
    note(words, text);
}

/* Takes the connection; NULL: not this one. */
static PGconn *greet(PGconn *connection, uint64_t time_us, struct watch *watch,
                     const struct words *words)
{
    const uint64_t until_us = task_now_us() + time_us;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (connection != NULL && PQstatus(connection) != CONNECTION_BAD &&
           (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)) {
        if (!wait_for(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us,
                      watch)) {
            say_late(connection, time_us, words);
            PQfinish(connection);
            return NULL;
        }
        status = PQconnectPoll(connection);
    }
    if (connection != NULL && PQstatus(connection) == CONNECTION_OK)
        return connection;
    note(words, connection == NULL ? "out of memory" : PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

PGconn *dial(const struct hosts *hosts, _Atomic unsigned *first, struct watch *watch, char *ret_why,
             size_t why_cap)
{
    const struct words words = {.text = ret_why, .cap = why_cap};
    const uint64_t time_us =
        hosts->connect_timeout_us == 0 ? DIAL_TIMEOUT_US : hosts->connect_timeout_us;
    const unsigned from = first == NULL ? 0 : atomic_load(first);
    unsigned i;
    ret_why[0] = '\0';
    for (i = 0; i < hosts->count && !is_ended(watch); i++) {
        const unsigned which = (from + i) % (unsigned)hosts->count;
        PGconn *connection =
            greet(hosts_start(hosts, which, NULL, "troth"), time_us, watch, &words);

        if (connection != NULL) {
            if (first != NULL && i > 0)
                atomic_store(first, which);
            return connection;
        }
    }
    if (is_ended(watch))
        (void)snprintf(ret_why, why_cap, "the participant is shutting down");
    return NULL;
}

PGresult *dial_ask(PGconn *connection, enum sql_statement statement, const char *argument)
{
    const uint64_t until_us = task_now_us() + DIAL_ANSWER_US;
    struct buffer text BUFFER_SCOPED = {0};
    PGresult *result = NULL, *next;
    sql_once(statement, argument, &text);
    if (text.failed || PQsendQuery(connection, buffer_text(&text)) != 1)
        return NULL;
    for (;;) {
        while (PQisBusy(connection) != 0) {
            if (!wait_for(connection, POLLIN, until_us, NULL)) {
                PQclear(result);
                return NULL;
            }
            (void)PQconsumeInput(connection); /* what it could not, the result says */
        }
        next = PQgetResult(connection);
        if (next == NULL)
            return result;
        PQclear(result); /* the last one counts, as with PQexec() */
        result = next;
    }
}

const char *dial_why(const PGconn *connection)
{
    return PQtransactionStatus(connection) == PQTRANS_ACTIVE
               ? "the database has not answered in time"
               : PQerrorMessage(connection);
}
