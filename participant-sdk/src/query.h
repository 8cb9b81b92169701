/* query.h: the service's own statements on a connection. */
#ifndef SDK_QUERY_H
#define SDK_QUERY_H

#include <libpq-fe.h>

struct session;

/* troth_postgres_query() on this thread means this session; NULL: none. */
void session_set_here(struct session *session);
#define SESSION_QUERY_NAME_BYTES 32
/* The place of a statement among those that are prepared here; -1: it is not. */
int session_query_find(const struct session *session, const char *sql);
/* Its result may say that the statement, or all of the connection's, are of no use any more. */
void session_query_noted(struct session *session, const PGresult *result);
void session_query_name(int place, char ret_name[SESSION_QUERY_NAME_BYTES]);

#endif
