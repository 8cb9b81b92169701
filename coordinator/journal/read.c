/* The reader: questions in their order, each answered once, whatever becomes of the connection. */
#include "read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "session.h"
#include "ticks.h"

/* Longer than the statement_timeout below: a database that lives says so before. */
#define READER_SILENCE_US UINT64_C(12000000)
#define READER_TICK_US    UINT64_C(100000)

/* Nothing that is asked may hold up inquiries for ever. */
#define READER_STATEMENT_TIMEOUT_MS "10000"

struct ask *ask_create(struct journal *journal, const struct ask_kind *kind, void *arg)
{
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return NULL;
    ask->journal = journal;
    ask->name = kind->name;
    ask->sql = kind->sql;
    ask->writes = kind->writes;
    ask->take = kind->take;
    ask->end = kind->end;
    ask->arg = arg;
    return ask;
}

static void ask_end(struct ask *ask, int error)
{
    if (ask->answered)
        return;
    ask->answered = true;
    ask->end(ask, error);
}

static void ask_destroy(struct ask *ask)
{
    params_finish(&ask->params);
    if (ask->drop != NULL)
        ask->drop(ask->kept);
    free(ask);
}

void ask_send(struct ask *ask)
{
    struct reader *reader = &ask->journal->reader;
    uint64_t now = clock_mono_us();
    if (reader->closed) {
        ask_end(ask, TROTH_ERROR_UNAVAILABLE);
        ask_destroy(ask);
        return;
    }
    ask->deadline_us = reader->count < READER_ASKS_MAX ? now + READER_WAIT_US : now;
    *reader->last = ask;
    reader->last = &ask->next;
    reader->count++;
    if (reader->unsent == NULL)
        reader->unsent = ask;
    event_active(reader->wakeup, EV_TIMEOUT, 0);
}

/* --- answers -------------------------------------------------------------------------------------
 */

/* What an error of the database means to who asked. A value it cannot take is the asker's fault;
 * a list that took too long may be asked again with a narrower filter. */
static int ask_error(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state != NULL && strncmp(state, "22", 2) == 0)
        return TROTH_ERROR_INVALID;
    if (state != NULL && strcmp(state, "57014") == 0)
        return TROTH_ERROR_TIMEOUT;
    return TROTH_ERROR_UNAVAILABLE;
}

/* What the database said last, for people. */
static void reader_note(struct reader *reader, const char *words)
{
    if (words != NULL)
        (void)snprintf(reader->words, sizeof reader->words, "%s", words);
}

const char *journal_words(const struct journal *journal)
{
    return journal->reader.words;
}

static void reader_settle(struct reader *reader)
{
    struct ask *ask = reader->first;
    int error = ask->error;
    reader->first = ask->next;
    if (reader->first == NULL)
        reader->last = &reader->first;
    reader->count--;
    reader->link.silences = 0;
    if (ask->writes)
        CRASH_POINT("journal.changed");
    if (reader->warned && ask->writes && error == TROTH_OK)
        error = TROTH_ERROR_UNKNOWN; /* the commit may not have waited for its standby */
    reader->warned = false;
    ask_end(ask, error);
    ask_destroy(ask);
}

static void reader_on_result(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct reader *reader = &journal->reader;
    struct ask *ask = reader->first;
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        reader_settle(reader);
        event_active(reader->wakeup, EV_TIMEOUT, 0);
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        ask->take(ask, result);
        if (!ask->writes)
            ask->answered = true;
    } else {
        ask->error = ask_error(result);
        reader_note(reader, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    }
}

/* --- sending
 * --------------------------------------------------------------------------------------- */

static void reader_on_check(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (session_is_shared(result))
        state_stop(journal, session_shared_why);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        reader_on_result(arg, result);
}

static void reader_send(struct journal *journal, struct ask *ask)
{
    struct link *link = &journal->reader.link;
    struct link_params view;
    if (ask->writes) {
        CRASH_POINT("journal.change");
        session_check(link, &journal->reader.params, reader_on_check, journal);
    }
    if (link->broken)
        return;

    if (!params_view(&ask->params, &view)) {
        link_reset(link);
        return;
    }
    if (ask->name != NULL)
        link_execute(link, ask->name, &view, reader_on_result, journal);
    else
        link_query(link, ask->sql, &view, reader_on_result, journal);
    if (!link->broken)
        link_sync(link, reader_on_result, journal);
    ask->sent = true;
}

/* Those whose time is over, while there is no connection. Sent ones are answered or lost. */
static void reader_expire(struct reader *reader)
{
    uint64_t now = clock_mono_us();
    struct ask **at = &reader->first;
    while (*at != NULL) {
        struct ask *ask = *at;

        if (ask->sent || now < ask->deadline_us) {
            at = &ask->next;
            continue;
        }
        *at = ask->next;
        if (reader->last == &ask->next)
            reader->last = at;
        if (reader->unsent == ask)
            reader->unsent = ask->next;
        reader->count--;
        ask_end(ask, TROTH_ERROR_UNAVAILABLE);
        ask_destroy(ask);
    }
}

static void reader_pump(evutil_socket_t fd, short what, void *arg)
{
    struct journal *journal = arg;
    struct reader *reader = &journal->reader;
    (void)fd;
    (void)what;
    reader_expire(reader);
    while (reader->link.state == LINK_UP && !reader->link.broken && reader->unsent != NULL &&
           reader->link.items_count < 2 * (size_t)READER_WINDOW_MAX) {
        struct ask *ask = reader->unsent;

        reader->unsent = ask->next;
        reader_send(journal, ask);
    }
    link_send(&reader->link);
    if (reader->unsent != NULL)
        event_in(reader->wakeup, READER_TICK_US);
}

/* --- the connection ----------------------------------------------------------------------------
 */

static void reader_on_prepared(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    /* No schema yet, most likely: the lane's connection says so. */
    if (session_is_shared(result))
        state_stop(journal, session_shared_why);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        reader_note(&journal->reader, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        link_reset(&journal->reader.link);
    } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        event_active(journal->reader.wakeup, EV_TIMEOUT, 0);
    }
}

static void reader_up(void *arg)
{
    static const struct session_settings settings = {.statement_timeout =
                                                         READER_STATEMENT_TIMEOUT_MS};
    struct journal *journal = arg;
    struct reader *reader = &journal->reader;
    struct link *link = &reader->link;
    session_begin(link, &reader->params, &settings, NULL, NULL);
    if (!link->broken)
        link_sync(link, NULL, NULL);
    session_prepare(link, reader_on_prepared, journal);
    for (size_t i = 0; i < reader->prepared_count && !link->broken; i++)
        link_prepare(link, reader->prepared[i]->name, reader->prepared[i]->sql, reader_on_prepared,
                     journal);
    if (!link->broken)
        link_sync(link, reader_on_prepared, journal);
    link_send(link);
}

/* What was sent and not answered: a read is not known, a write may have happened, unless an error
 * came for it. */
static int ask_lost(const struct ask *ask)
{
    if (ask->error != TROTH_OK)
        return ask->error;
    return ask->writes ? TROTH_ERROR_LOST : TROTH_ERROR_UNAVAILABLE;
}

static void reader_down(void *arg, const char *why)
{
    struct journal *journal = arg;
    struct reader *reader = &journal->reader;
    if (why[0] != '\0')
        reader_note(reader, why);
    reader->warned = false;
    while (reader->first != NULL && reader->first->sent) {
        struct ask *ask = reader->first;

        reader->first = ask->next;
        if (reader->first == NULL)
            reader->last = &reader->first;
        reader->count--;
        ask_end(ask, ask_lost(ask));
        ask_destroy(ask);
    }
    reader->unsent = reader->first;
}

static void reader_warning(void *arg, const char *text)
{
    struct journal *journal = arg;
    (void)text;
    journal->reader.warned = true;
}

int reader_init(struct journal *journal, const struct ask_kind *const *prepared, size_t count)
{
    static const struct link_callbacks callbacks = {
        .up = reader_up, .down = reader_down, .warning = reader_warning};
    struct reader *reader = &journal->reader;
    reader->prepared = prepared;
    reader->prepared_count = count;
    reader->last = &reader->first;
    reader->wakeup = event_new(journal->base, -1, 0, reader_pump, journal);
    if (reader->wakeup == NULL)
        return TROTH_ERROR_NO_MEMORY;
    int error = link_init(&reader->link, journal->base, journal->conninfo, "troth reader",
                          &callbacks, journal);
    reader->link.resolver = journal->resolver;
    reader->link.silence_us = READER_SILENCE_US;
    return error;
}

void journal_hang_up(struct journal *journal)
{
    struct reader *reader = &journal->reader;
    reader->closed = true;
    link_finish(&reader->link);
    while (reader->first != NULL) {
        struct ask *ask = reader->first;

        reader->first = ask->next;
        ask_end(ask, ask->sent ? ask_lost(ask) : TROTH_ERROR_UNAVAILABLE);
        ask_destroy(ask);
    }
    reader->last = &reader->first;
    reader->unsent = NULL;
    reader->count = 0;
}

void reader_finish(struct journal *journal)
{
    struct reader *reader = &journal->reader;
    link_finish(&reader->link);
    while (reader->first != NULL) {
        struct ask *ask = reader->first;

        reader->first = ask->next;
        ask_destroy(ask);
    }
    if (reader->wakeup != NULL)
        event_free(reader->wakeup);
    params_finish(&reader->params);
}
