/* <troth/client.h>: the coordinator's API for C programs (interfaces.md, "Client API").
 *
 * Orchestrated: troth_client_start() names a definition and an input. Interactive:
 * troth_client_begin(), each service troth_client_enlist(), then troth_client_commit() or _abort().
 *
 * Threads: a client belongs to the thread that dispatches its event base; the _wait variants have a
 * loop of their own inside and belong to the thread that created them. Calls do not block; their
 * callback comes from the event loop, exactly once, never from inside the call. */
#ifndef TROTH_CLIENT_H
#define TROTH_CLIENT_H

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

struct event_base;
struct troth_client;

struct troth_client_config {
    size_t size;              /* TROTH_CLIENT_CONFIG_INIT, see <troth/troth.h> */
    const char *url;          /* http[s]://host:port of trothd; required; copied. Several: below */
    uint32_t connections_max; /* calls under way; 0: 16; one more is TROTH_ERROR_FULL */
    uint64_t timeout_us;  /* of one call, beside what it asks the coordinator to wait; 0: 30 s */
    const char *resolver; /* name servers, numeric ("10.0.0.2" or "127.0.0.1:5353", several
                             separated by commas), asked for the host in `url`; NULL:
                             /etc/resolv.conf's. Never blocks, follows TTLs, tries every address */
    const struct troth_tls *tls; /* for https; NULL: the system's authorities, and no certificate is
                                    shown. Copied */
    troth_diagnostic diagnostic; /* what comes of reading files; may be NULL */
    void *diagnostic_arg;
    const char *api_key_file; /* its first line is the API key that is shown to the coordinator;
                                 read when the client is made, and again when the coordinator does
                                 not know it (401); NULL: none. Copied */
};
/* `url` may name several coordinators, at most 8, with commas: any of them answers any call. Where
 * one cannot be reached, or says that it does not lead, the next is asked within the same timeout;
 * what only asks also goes on where one is silent. What may have been taken there is sent again
 * only where it may come twice: questions, a start with an idempotency key, enlist, commit, abort.
 */
#define TROTH_CLIENT_CONFIG_INIT .size = sizeof(struct troth_client_config)

enum troth_outcome {
    TROTH_OUTCOME_OPEN, /* none yet: wait, or ask again */
    TROTH_OUTCOME_COMMITTED,
    TROTH_OUTCOME_ABORTED,
    TROTH_OUTCOME_COMPENSATED,
    TROTH_OUTCOME_MIXED
};

enum troth_decision {
    TROTH_DECISION_UNDECIDED, /* ask again */
    TROTH_DECISION_COMMITTED,
    TROTH_DECISION_ABORTED,
    TROTH_DECISION_UNKNOWN /* the coordinator cannot say, and never will: an operator decides */
};

/* A coordinator's answer, valid during the callback.
 * error: 0; TROTH_ERROR_UNAVAILABLE: nothing was sent; _TIMEOUT, _LOST, _UNKNOWN (the class says
 * so: TROTH_CLASS_UNKNOWN): it is not known whether the call was taken, or how it ends. Repeat it,
 * a start only with the same idempotency key: without one it would be another transaction; or ask,
 * troth_client_get(): with _UNKNOWN `gtid` is there (status 504, the coordinator stopped or no
 * longer leads). _FULL: nothing was done (429, 503). _REFUSED, _NOT_FOUND, _EXISTS (idempotency key
 * used with another body, commit repeated with other branches), _ENDED, _INVALID: the coordinator's
 * problem, see `body`; _PROTOCOL: an answer that makes no sense. With several addresses: where one
 * may have taken the call and the next ones did not say how it ended, `error` is the first one's
 * (class unknown), and status and body the last one's. */
struct troth_answer {
    int error;
    int status; /* HTTP's; 0: none came */
    bool has_gtid;
    troth_gtid gtid;
    enum troth_outcome outcome;   /* of a transaction */
    enum troth_decision decision; /* of an inquiry */
    struct troth_span body;       /* JSON: the transaction, or the problem (RFC 9457) */
};
typedef void (*troth_answered)(void *arg, const struct troth_answer *answer);

/* On the event base `base` (borrowed, outlives the client), or, with NULL, for the _wait functions
 * only. Resolves the host's name once: that may block, a numeric address never does. Errors:
 * TROTH_ERROR_CONFIG (not a URL it can call, or a file cannot be used: the diagnostic has the
 * reason), _NO_MEMORY, _SYSTEM. */
TROTH_MUST_CHECK int troth_client_create(struct event_base *base,
                                         const struct troth_client_config *config,
                                         struct troth_client **ret_client);
/* Calls under way are answered with TROTH_ERROR_SHUTTING_DOWN, from inside this; the client is not
 * to be used after it has returned, and takes no new calls before. From anywhere in its thread,
 * also from inside the callbacks of its own calls, whatever they were told. Takes NULL. Does not
 * block. */
void troth_client_destroy(struct troth_client *client);

enum troth_reply_at { TROTH_REPLY_COMPLETED, TROTH_REPLY_DECIDED, TROTH_REPLY_ACCEPTED };

struct troth_start {
    size_t size;                 /* TROTH_START_INIT */
    const char *definition;      /* a name */
    uint32_t version;            /* 0: the newest */
    struct troth_span input;     /* JSON; absent: {} */
    const char *idempotency_key; /* at most 255 visible characters; NULL: none. With one, a start
                                    whose answer was lost can be repeated safely */
    enum troth_reply_at reply;   /* when to answer */
    uint32_t wait_s;             /* answer with what is known after so long; 0: the coordinator's
                                    own */
};
#define TROTH_START_INIT .size = sizeof(struct troth_start)

/* Each: 0, then the callback comes; TROTH_ERROR_FULL, _INVALID, _NO_MEMORY: it does not. Arguments
 * are copied. */
TROTH_MUST_CHECK int troth_client_start(struct troth_client *client,
                                        const struct troth_start *start, troth_answered answered,
                                        void *arg);
/* An interactive transaction; `timeout_us` of the whole, 0: the coordinator's default. */
TROTH_MUST_CHECK int troth_client_begin(struct troth_client *client, uint64_t timeout_us,
                                        troth_answered answered, void *arg);

struct troth_enlist {
    size_t size; /* TROTH_ENLIST_INIT */
    troth_gtid gtid;
    uint32_t branch;         /* the client's choice, unique in the transaction */
    const char *participant; /* registered name of the service that enlists */
    const char *operation;
    bool prepared; /* enlisting as already prepared is the vote yes: only the coordinator decides
                      from the sending of this call on */
};
#define TROTH_ENLIST_INIT .size = sizeof(struct troth_enlist)
/* A service answers its own caller only after this was acknowledged (protocol.md [OKFIRST]). */
TROTH_MUST_CHECK int troth_client_enlist(struct troth_client *client,
                                         const struct troth_enlist *enlist, troth_answered answered,
                                         void *arg);
/* Names the branches that the client knows; fewer enlisted means abort. Safe to repeat, also when
 * it has ended: the same call gets the first one's answer, one with other branches _EXISTS. The
 * client itself repeats it where a kept connection turns out to be closed. */
TROTH_MUST_CHECK int troth_client_commit(struct troth_client *client, const troth_gtid *gtid,
                                         const uint32_t *branches, uint32_t count,
                                         enum troth_reply_at reply, troth_answered answered,
                                         void *arg);
TROTH_MUST_CHECK int troth_client_abort(struct troth_client *client, const troth_gtid *gtid,
                                        troth_answered answered, void *arg);
/* The transaction as it stands. */
TROTH_MUST_CHECK int troth_client_get(struct troth_client *client, const troth_gtid *gtid,
                                      troth_answered answered, void *arg);
/* Asks again, every 50 ms at first and every second later, until the transaction has an outcome or
 * `timeout_us` is over (TROTH_ERROR_TIMEOUT), also while a question is not answered; lost
 * connections meanwhile are waited out. */
TROTH_MUST_CHECK int troth_client_wait(struct troth_client *client, const troth_gtid *gtid,
                                       uint64_t timeout_us, troth_answered answered, void *arg);
/* What was decided of one branch's attempt (protocol.md, section 2). Always safe to ask. `journal`:
 * of the request that brought the branch. */
TROTH_MUST_CHECK int troth_client_inquire(struct troth_client *client, const char *journal,
                                          const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                                          troth_answered answered, void *arg);

/* Blocks until the callback of the one call made before it has come: for programs without a loop of
 * their own, with a client whose base is NULL.
 *
 *     error = troth_client_start(client, &start, remember, &mine);
 *     if (error == 0) error = troth_client_block(client);
 *
 * TROTH_ERROR_INVALID: the client has a base of its host's, or this was called from a callback.
 * TROTH_ERROR_SYSTEM: the loop failed. TROTH_ERROR_SHUTTING_DOWN: the callback has destroyed the
 * client, which is gone. */
TROTH_MUST_CHECK int troth_client_block(struct troth_client *client);

#ifdef __cplusplus
}
#endif
#endif
