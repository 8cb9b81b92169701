/* session.h: what a database session must be before the journal is written through it, and how it
 * is noticed that a session is not ours alone.
 *
 * A pooler in transaction mode gives one client's transactions to whichever session of the server
 * is free: settings of one client are then another's, synchronous_commit = off too, and commits
 * that were acknowledged are lost with a crash. So each session carries a mark of its own, and
 * every transaction that must be durable checks it and sets synchronous_commit for itself. */
#ifndef JOURNAL_SESSION_H
#define JOURNAL_SESSION_H

#include <journal/journal.h>

#include "link.h"

struct params;

/* What a session has of its own, beside what all set (session_settings.sql); NULL: as it is, or
 * none. */
struct session_settings {
    const char *application_name;
    const char *statement_timeout;
    const char *plan_cache_mode;
};
void session_begin(struct link *link, struct params *params,
                   const struct session_settings *settings, link_fn fn, void *arg);
void session_prepare(struct link *link, link_fn fn, void *arg);
/* First of a transaction that must be durable: fails it where the session is not ours. */
void session_check(struct link *link, struct params *params, link_fn fn, void *arg);
/* What such a failure means: true, the session is shared. */
bool session_is_shared(const PGresult *result);
extern const char session_shared_why[];

enum session_fit {
    SESSION_FIT,
    SESSION_STANDBY, /* not now, and not here */
    SESSION_UNSAFE,  /* it may lose what it acknowledged, when its host crashes */
    SESSION_UNFIT
};
/* Of the row of session_fit.sql, whose fields are texts (or in the binary format, where a text is
 * the same). `why` gets a sentence with what is wrong and the command that mends it; untouched when
 * it is fit. */
enum session_fit session_fit(const PGresult *result, char *why, size_t size);

#endif
