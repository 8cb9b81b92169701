/* connection.h: one connection to PostgreSQL, used by one thread: its state, its end, and what was
 * heard over it. */
#ifndef SDK_CONNECTION_H
#define SDK_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/id.h>
#include <troth/participant.h>
#include <wire/message.h>

#include "watch.h"

struct event;
struct troth_postgres;
struct troth_reply;

/* Statements of the service's that a connection keeps prepared; others are parsed each time. */
#define SESSION_QUERIES_MAX 256
#define PG_SQLSTATE_LEN     5
#define SQLSTATE_CANCELLED  "57014" /* by a statement_timeout, or by somebody */

/* How an attempt to write a guard row ended. */
enum guard_end {
    GUARD_CLAIMED, /* the row is ours, in an open transaction */
    GUARD_TAKEN,   /* there is a row, or it is forgotten: look */
    GUARD_LOCKED,  /* somebody's transaction, running or prepared, holds it */
    GUARD_FAILED,  /* session->why */
    GUARD_LOST
};

/* At the server; pid "": none. */
struct backend {
    char pid[16];
    char since[40];
};

/* One round of phase 1, as waits.c sees it; under its lock between waits_enter() and _leave(). */
struct wait {
    struct session *next, *prev;
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
    bool ordered;
    bool behind; /* single.c's: its guard row comes behind its work */
    uint64_t began_us;
    uint64_t lock_wait_us;
    int pid;
    uint64_t looked_us; /* 0: never */
    bool known;         /* who holds the lock, from here … */
    bool ours;
    troth_gtid blocker;
    bool stuck;
    char holder[160]; /* … to here */
    bool ended;       /* it gives way */
    char why[80];
};

/* A command in a single message, as single.c sees it: the loop's, but that a thread may end it. */
struct single {
    struct event *readable;
    bool listens;             /* the loop does, and the connection does not block */
    struct troth_reply *task; /* under way; NULL: none */
    const char *tag;          /* of its last statement */
    bool brief;               /* it takes no longer than SESSION_BRIEF_MS */
    uint32_t settles_ms;      /* it makes this the session's `brief_lock_ms`; 0: it does not */
    bool parses;              /* its statement is prepared with it, and is the last of `queries` */
    bool parsed;
    unsigned row_at;  /* the place of its statement's result; the end's is behind it */
    unsigned results; /* so many have come */
    bool said;        /* its statement gave its row, which is kept: `output` */
    bool ended;       /* exactly the tag was answered */
    bool over;        /* all has come */
    bool lost;
    struct buffer output;
};

struct session {
    struct troth_postgres *postgres;
    struct single single;
    struct watch watch;
    troth_gtid gtid;          /* of the task, with its branch and attempt: for an operator */
    uint32_t branch, attempt; /* 0: of none */
    uint64_t work_until_us;   /* of the task: work that is longer under way is cut off */
    bool cut;                 /* since the task began: an answer was too late */
    bool reads_only;          /* the task's transaction is READ ONLY */
    struct backend backend;   /* this connection's */
    struct backend left;      /* of one that was cut, and may still be there */
    PGconn *connection;       /* NULL: none */
    bool warned;              /* a WARNING came since session_unwarn() */
    char why[256];            /* what went wrong last, for reasons and diagnostics */
    char failed[PG_SQLSTATE_LEN + 1]; /* the last error since session_forget(), whoever asked */
    char failed_why[256];             /* its words */
    bool dependent; /* it was a serialisation failure for what others have read and written, not
                       for a row that one of them has changed */
    char *queries[SESSION_QUERIES_MAX]; /* troth_postgres_query(): prepared here, by their text */
    int queries_count;
    unsigned replaced; /* postgres->replaced when it was opened */
    bool stale;        /* one of them, or the server, is of no use any more: to be opened anew */
    struct wait wait;
    uint32_t brief_lock_ms; /* the session's own timeouts are single.c's: how long it waits for a
                               lock; 0: they are as it was set up */
    char place[24];         /* of the row that was claimed: its ctid */
    char conflict[MESSAGE_REASON_MAX + 1]; /* phase 1: the words of this round's */
    const struct troth_reply *unclaimed;   /* its guard row goes with the work's first statement */
    enum guard_end claimed;                /* how that ended, when `unclaimed` is NULL again */
};

void session_init(struct session *session, struct troth_postgres *postgres); /* of zeros */
void session_finish(struct session *session);
/* Around a task. What is said in between has a limit of time: whoever looks (watch_look) cuts the
 * connection when an answer is late. */
void session_begin_task(struct session *session, const struct troth_reply *task);
void session_note_call(struct session *session, const struct troth_call *call);
void session_end_task(struct session *session);
/* The library's next statements: answer_timeout, and what they may wait for locks. */
void session_limit(struct session *session, uint64_t more_us);
void session_limit_work(struct session *session); /* the service's */
void session_limit_end(struct session *session);  /* COMMIT or PREPARE, and what they set off */
/* To be opened anew: what it keeps prepared is of no use any more, or its server is not. */
bool session_is_outdated(const struct session *session);
/* Connects unless it is connected and alive. TROTH_ERROR_UNAVAILABLE: `why` says it. */
TROTH_MUST_CHECK int session_open(struct session *session);
/* Connects anew, without the prepared statements: for commands by their text. */
TROTH_MUST_CHECK int session_open_bare(struct session *session);
void session_close(struct session *session);
/* For an operator, from any thread: event, the branch under way, and more. */
void session_complain(struct session *session, enum troth_severity severity, const char *event,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Why the connection is of no use, into `why`. */
void session_say(struct session *session);
/* The server has ended the session with this. */
bool session_is_over(const PGresult *result);
void session_unwarn(struct session *session);
void session_forget(struct session *session);
bool session_again(const struct session *session);

#endif
