/* <troth/participant.h>: a service becomes a participant of global transactions.
 *
 * A participant listens for the coordinator's commands and gives each to the handler of its
 * operation. It understands both bindings of the participant protocol: `batch` (POST {base}, a
 * command a line) and `http` (POST {base}/{operation}/{op}); the coordinator may be registered with
 * either.
 *
 *     troth_participant_create -> troth_participant_handle … -> troth_participant_run
 *                                                             | troth_participant_attach
 *
 * Threads: one thread, the one that runs the event loop, owns the participant; every function here
 * is called from it unless it says "any thread". Handlers are called from it too and must not
 * block: they answer at once or later, from any thread, by exactly one troth_reply_… call.
 *
 * The library never logs, never ends its host, installs no signal handlers and changes no signal
 * mask of its caller. What an operator may want to know goes to the diagnostic callback.
 *
 * A service over PostgreSQL needs none of the handlers below: see <troth/postgres.h>. */
#ifndef TROTH_PARTICIPANT_H
#define TROTH_PARTICIPANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/diagnostic.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>
#include <troth/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base; /* libevent's */
struct troth_participant;

/* Operations that one participant may have; more are TROTH_ERROR_FULL. */
#define TROTH_OPERATIONS_MAX 256u
/* Journals (coordinator installations) that one participant may name, or remembers where it names
 * none. */
#define TROTH_JOURNALS_MAX  8u
#define TROTH_SLOTS_DEFAULT 16u
#define TROTH_SLOTS_MAX     10000u

/* --- the participant -------------------------------------------------------------------------- */

struct troth_participant_config {
    size_t size;              /* TROTH_PARTICIPANT_CONFIG_INIT, see <troth/troth.h> */
    const char *address;      /* numeric, IPv4 or IPv6; NULL: 127.0.0.1 */
    uint16_t port;            /* 0: a free one, see troth_participant_port() */
    const char *base;         /* path under which it is registered, "/bank"; NULL: "/" */
    uint32_t slots;           /* commands of phase 1 (prepare, execute) taken at a time, announced
                                 to the coordinator; 0: TROTH_SLOTS_DEFAULT; at most
                                 TROTH_SLOTS_MAX. The PostgreSQL resource sets its own */
    uint32_t connections_max; /* 0: 256. A connection more is answered 503 and closed */
    uint32_t pending_max; /* commands not yet answered; 0: 10000. One more is answered `retry` */
    troth_diagnostic diagnostic; /* may be NULL */
    void *diagnostic_arg;
    const struct troth_tls *tls; /* NULL: plain http. Copied */
    const char *const *journals; /* ids of the coordinators' journals (GET /readyz says it) that are
                                    served, NULL at the end; a request of another one is answered
                                    403. NULL: any; the TROTH_JOURNALS_MAX that came last are
                                    remembered */
    /* Who may command. Both that are set must be shown; a request without is answered 401, one of
     * somebody else 403, and a diagnostic tells of it. Only where one of them is set, or `tls`
     * requires certificates, is a coordinator known, and what it says of the oldest open
     * transaction believed: else rows of the guard stay for ever. */
    const char *token_file; /* a token a line, of 16 to 256 visible characters, at most 16; behind
                               it ids of the journals that it counts for, none: any. Read when it
                               is attached, and again when it changes. NULL: none is asked for */
    const char *const *coordinators; /* names that the client's certificate has one of: "DNS:a.b",
                                        "URI:…", "email:…", or "CN:…" where it has none of those;
                                        letter by letter; behind it ids of journals likewise. NULL
                                        at the end. NULL: whatever tls->ca has signed */
};
#define TROTH_PARTICIPANT_CONFIG_INIT .size = sizeof(struct troth_participant_config)

/* What a participant says at its limits. Nothing was done where it says 4xx, 503 or `retry`.
 *
 *   connections_max                    503 and closed
 *   a head above 16 KiB, 64 headers    431 and closed; a path above 4096 bytes: 414
 *   a body above 2 MiB                 413 and closed
 *   a head in more than 10 s,
 *   a body in more than 30 s           408 and closed
 *   a line above 1 MiB, or that is     no result for it, which the coordinator takes for `unknown`,
 *   no command (batch)                 and a diagnostic; where no line is a command: 400
 *   an input that is not JSON (http)   400
 *   pending_max                        `retry`; commands of one request have no other limit
 *   a TLS handshake in more than 5 s,  closed, of those from the network that has most of them
 *   or beyond 256 under way            the oldest
 *   an output above 512 KiB, or        `unknown`, since the work may have been done, and a
 *   of more than 64 levels             diagnostic; a commit is done without it
 *   a client that takes nothing of     cut off; its commands go on, and their answers go nowhere
 *   its answer for 30 s, or leaves
 *   8 MiB of it
 *   memory                             503, `unknown`, or no result */

/* Makes a participant that does not listen yet. `config` and its strings are copied.
 * Errors: TROTH_ERROR_INVALID (a field is out of its range), _NO_MEMORY, _SYSTEM (errno says why);
 * nothing was made then. Does not block. */
TROTH_MUST_CHECK int troth_participant_create(const struct troth_participant_config *config,
                                              struct troth_participant **ret_participant);

/* Listens, and works whenever `base` is dispatched. `base` is borrowed and must outlive the
 * participant. Errors: TROTH_ERROR_EXISTS (attached already), _CONFIG (not an address, or a file of
 * `tls`, or `token_file`, cannot be used: the diagnostic has the reason), _SYSTEM
 * (cannot listen: errno says why), _NO_MEMORY; it does not listen then. Does not block. */
TROTH_MUST_CHECK int troth_participant_attach(struct troth_participant *participant,
                                              struct event_base *base);

/* Attaches to an event base of its own, if not attached, and dispatches it until
 * troth_participant_stop(). Blocks. Errors: as attach; TROTH_ERROR_SYSTEM when the loop fails;
 * TROTH_ERROR_SHUTTING_DOWN when a handler has destroyed the participant, which is gone. */
TROTH_MUST_CHECK int troth_participant_run(struct troth_participant *participant);

/* Ends troth_participant_run() soon; replies given before it have left by then, as far as their
 * connections took them. Any thread; not from a signal handler (but from libevent's, see
 * evsignal_new() in examples/bank). Does not block. With the PostgreSQL resource a clean end is
 * this, then troth_postgres_destroy(), then troth_participant_destroy(); a kill is as safe: what is
 * prepared then is asked about at the next start. */
void troth_participant_stop(struct troth_participant *participant);

/* Closes connections and frees. Commands not yet answered stay valid: their troth_reply_… calls may
 * still come, from any thread, and go nowhere. From anywhere in its thread, also from a handler:
 * then no other handler is called any more, what was answered in that request is not sent, the
 * memory goes when the handler has returned, and so does troth_participant_run(), with
 * TROTH_ERROR_SHUTTING_DOWN. Takes NULL. Does not block. TROTH_ERROR_INVALID: its PostgreSQL
 * resource is there, which has to be destroyed before it; nothing was done. */
int troth_participant_destroy(struct troth_participant *participant);

/* The port it listens on; 0 before attach. */
uint16_t troth_participant_port(const struct troth_participant *participant);

/* --- commands --------------------------------------------------------------------------------- */

enum troth_op {
    TROTH_OP_PREPARE,    /* do the work and be ready to commit it: vote, refused, retry, conflict,
                            unknown */
    TROTH_OP_COMMIT,     /* make it last: done, retry, unknown, heuristic */
    TROTH_OP_ABORT,      /* undo it, and never take this attempt again: done, retry, unknown */
    TROTH_OP_EXECUTE,    /* do the work and commit it: done, refused, retry, conflict,
                            unknown */
    TROTH_OP_COMPENSATE, /* undo what execute did: done, refused, retry, conflict, unknown */
    TROTH_OP_STATUS      /* say what became of it, change nothing: done, retry, unknown */
};

/* One command. Valid, with all its spans, until its reply is given. */
struct troth_call {
    enum troth_op op;
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;    /* a higher one replaces lower ones (fallback, re-drive) */
    const char *journal; /* the id of the coordinator's journal, TROTH_JOURNAL_ID_LEN characters */
    const char *operation;           /* zero-terminated */
    uint64_t timeout_us;             /* what was left when it arrived; 0: none */
    struct troth_span input;         /* JSON, byte for byte as the client sent it; may be absent */
    struct troth_span traceparent;   /* W3C trace context; absent or 55 bytes */
    struct troth_span action_output; /* compensate through the guard only: what execute had
                                        answered; else absent */
    uint64_t lock_wait_us;           /* so long it may wait for locks, then it answers a conflict;
                                        0: the participant's own choice */
    bool ordered; /* its transaction prepares one branch after the other, this one now, and holds
                     those before it: a long wait is meant */
};

/* A member of the call's input object. Any thread. Errors: TROTH_ERROR_NOT_FOUND (absent, or null),
 * TROTH_ERROR_TYPE (not an integer; not a string), TROTH_ERROR_TOO_LARGE (does not fit). */
TROTH_MUST_CHECK int troth_call_int64(const struct troth_call *call, const char *name,
                                      int64_t *ret_value);
/* Copies the text, unescaped and zero-terminated, into `cap` bytes. */
TROTH_MUST_CHECK int troth_call_text(const struct troth_call *call, const char *name,
                                     char *ret_text, size_t cap);

/* --- replies ---------------------------------------------------------------------------------- */

enum troth_vote {
    TROTH_VOTE_YES,      /* prepared: only the coordinator decides from now on */
    TROTH_VOTE_READ_ONLY /* nothing was changed; no commit or abort is wanted */
};

enum troth_branch_state {
    TROTH_BRANCH_UNSAID, /* as the operation implies */
    TROTH_BRANCH_PREPARED,
    TROTH_BRANCH_COMMITTED,
    TROTH_BRANCH_ABORTED,
    TROTH_BRANCH_COMPENSATED,
    TROTH_BRANCH_UNKNOWN
};

struct troth_reply; /* the right, and the duty, to answer one command */

/* Exactly one of these for each command, from any thread, inside the handler or later; it takes
 * `reply`, which is invalid afterwards, with its call. Spans and texts are copied. None blocks.
 * What the reply says must be durable before it is given: the library only carries it.
 *
 * `output` is one JSON value or absent ({NULL, 0}); what is not JSON turns the reply into `unknown`
 * and a diagnostic, since the work may have been done; a commit that is done stays so, without the
 * output. `reason` is text for people or NULL; more
 * than 512 bytes are cut off. Memory that runs out turns a reply into `unknown`. */
void troth_reply_vote(struct troth_reply *reply, enum troth_vote vote, struct troth_span output);
/* `state`: for abort and status, what became of the branch; TROTH_BRANCH_UNSAID otherwise. */
void troth_reply_done(struct troth_reply *reply, enum troth_branch_state state,
                      struct troth_span output);
/* A business no, never retried; to a prepare it is the vote "no". A service that refuses must
 * refuse the same command for ever (protocol.md, section 3). It speaks of this try only: where an
 * earlier one of the same command may have acted, the coordinator revokes it (an abort, and its
 * answer). */
void troth_reply_refused(struct troth_reply *reply, const char *reason, struct troth_span output);
/* The same with proof: it is durable that this attempt of the branch, and every lower one, has not
 * acted and never will (a tombstone; protocol.md, section 3). The PostgreSQL resource answers so. A
 * higher attempt, which an operator's retry may be, must be taken as new. */
void troth_reply_revoked(struct troth_reply *reply, const char *reason, struct troth_span output);
/* Deprecated: the older name of troth_reply_revoked(). It stays as long as the soname does. */
void troth_reply_fenced(struct troth_reply *reply, const char *reason, struct troth_span output);
/* Not now. `after_us` 0: the coordinator's own schedule; it waits five minutes at most, and here
 * more than a hundred years are a hundred. */
void troth_reply_retry(struct troth_reply *reply, uint64_t after_us, const char *reason);
/* Another transaction holds what this one needs (a lock not had within call->lock_wait_us, a
 * deadlock), or has changed what it had read: nothing is wrong with the service, so it is not
 * `retry`, nor with the request, so it is not refused. The try has left nothing behind. The
 * coordinator ends the attempt at once, where it holds locks elsewhere, and begins one that
 * prepares in order. `blocker`: whose lock it is, where the service knows, or NULL; copied.
 * `reason` names it for people. */
void troth_reply_conflict(struct troth_reply *reply, const char *reason, const troth_gtid *blocker);
/* It may or may not have happened: the coordinator asks again. */
void troth_reply_unknown(struct troth_reply *reply, const char *reason);
/* It ended otherwise than decided: an operator has to look. */
void troth_reply_heuristic(struct troth_reply *reply, const char *reason);

/* --- handlers --------------------------------------------------------------------------------- */

/* `call` is borrowed until the reply is given. */
typedef void (*troth_handler)(void *arg, const struct troth_call *call, struct troth_reply *reply);

/* NULL: it is not here, which is no refusal; the coordinator asks another replica, then again with
 * growing pauses, as it does for an operation that is not handled at all. */
struct troth_handlers {
    size_t size; /* TROTH_HANDLERS_INIT */
    troth_handler prepare;
    troth_handler commit;
    troth_handler abort;
    troth_handler execute;
    troth_handler compensate;
    troth_handler status;
};
#define TROTH_HANDLERS_INIT .size = sizeof(struct troth_handlers)

/* Registers the handlers of one operation; they are copied. `operation` is a name ([a-z][a-z0-9_]*,
 * at most TROTH_NAME_LEN_MAX bytes). Before or after attach. Errors: TROTH_ERROR_INVALID (not a
 * name), _EXISTS (registered already), _FULL (TROTH_OPERATIONS_MAX), _NO_MEMORY; nothing changed.
 * Does not block. */
TROTH_MUST_CHECK int troth_participant_handle(struct troth_participant *participant,
                                              const char *operation,
                                              const struct troth_handlers *handlers, void *arg);

#ifdef __cplusplus
}
#endif
#endif
