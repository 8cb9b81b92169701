/* wire/message.h: what coordinator and participant say to each other (interfaces.md).
 *
 * A command and a result each are one line of JSON in the batch binding. In the http binding the
 * same fields travel as path, headers and body. Everything that holds for all commands of one
 * request (journal, epochs, oldest open gtids) travels in that request's headers, in both bindings.
 *
 *   command  {"op":"prepare","gtid":"…","branch":1,"attempt":1,"operation":"debit",
 *             "timeout":"4.8s","lock_wait":"100ms","traceparent":"…","input":{…}}
 *   result   {"op":"prepare","gtid":"…","branch":1,"attempt":1,"result":"vote","vote":"yes",
 *             "output":{…}}
 *            {…,"result":"refused","state":"aborted","reason":"insufficient funds","output":{…}}
 *            {…,"result":"retry","retry_after":"200ms","reason":"…"}
 *            {…,"result":"no_operation","reason":"…"}
 *            {…,"result":"conflict","blocker":"<gtid>","reason":"…"}
 *            {…,"result":"done","state":"committed","output":{…}}
 *
 * Unknown members are ignored, so that either side may be newer. Pure: no I/O. */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>

/* Request headers, both bindings: the journal's id; gtids, comma separated, one a shard spoken for.
 */
#define HEADER_JOURNAL     "Troth-Journal"
#define HEADER_OLDEST_OPEN "Troth-Oldest-Open"
/* Of the http binding only. */
#define HEADER_GTID         "Troth-Gtid"
#define HEADER_BRANCH       "Troth-Branch"
#define HEADER_ATTEMPT      "Troth-Attempt"
#define HEADER_TIMEOUT      "Troth-Timeout"
#define HEADER_LOCK_TIMEOUT "Troth-Lock-Timeout" /* so long it may wait for locks */
#define HEADER_ORDERED      "Troth-Ordered" /* "true": one branch is prepared after the other */
/* Replies of the http binding. */
#define HEADER_STATE    "Troth-State"    /* what became of the branch */
#define HEADER_VOTE     "Troth-Vote"     /* to prepare: "yes" (default of a 2xx) or "read_only" */
#define HEADER_CONFLICT "Troth-Conflict" /* of 409, 425 or 503: "true" makes it a conflict */
#define HEADER_BLOCKER  "Troth-Blocker"  /* with a conflict: who holds the lock, a gtid */
/* Replies, both bindings. */
#define HEADER_SLOTS "Troth-Slots" /* commands of phase 1 taken at a time */
#define HEADER_EPOCH "Troth-Epoch" /* SHARD/EPOCH: newer than the gtid's was seen */
#define HEADER_PLACES                                                                              \
    "Troth-Places" /* branches it can keep prepared; as many as slots if not said */

#define MESSAGE_LINE_MAX (1u << 20) /* bytes of one command or result; longer is refused */
#define MESSAGE_PAYLOAD_MAX                                                                        \
    (MESSAGE_LINE_MAX / 2)           /* bytes of an input or output as it comes in                 \
                                      */
#define MESSAGE_REASON_MAX      512u /* bytes of a reason kept; the rest is cut off */
#define MESSAGE_TRACEPARENT_LEN 55u  /* W3C trace context, version 00 */

enum message_op {
    OP_PREPARE, /* do the work, be ready to commit: vote, refused, retry, conflict, unknown */
    OP_COMMIT,  /* done, retry, unknown, heuristic */
    OP_ABORT,   /* done (state aborted, or committed when a delegated branch or pivot had acted) */
    OP_EXECUTE, /* do the work and commit it: done, refused, retry, conflict, unknown */
    OP_COMPENSATE, /* done, refused, retry, conflict, unknown */
    OP_STATUS,     /* done with the state, changes nothing */
    OP_COUNT
};

enum message_result {
    RESULT_DONE,
    RESULT_VOTE,
    RESULT_REFUSED, /* a business no: never retried; to a prepare it is the vote "no". It proves
                       nothing about an earlier try, but with state aborted: then a tombstone is
                       durable, so that this attempt and lower ones never acted and never will */
    RESULT_RETRY,   /* not now; nothing is proven about an earlier try */
    RESULT_UNKNOWN, /* timeout, lost connection, anything not understood */
    RESULT_HEURISTIC,
    RESULT_CONFLICT, /* another transaction holds what this one needs, or has changed what it has
                        read: nothing is wrong with participant or request. This try left nothing;
                        nothing is proven about an earlier one */
    RESULT_NO_OPERATION, /* whoever was asked lacks the operation, and did nothing. It is no
                            refusal: another replica, or this one after its next start, may have it.
                            Nothing is proven about an earlier try */
    RESULT_COUNT
};

enum message_vote { VOTE_NONE, VOTE_YES, VOTE_READ_ONLY, VOTE_NO, VOTE_COUNT };

/* Why a try had no answer. Together with HTTP's own status (100 and above) a `said`. */
enum message_trouble {
    TROUBLE_NONE,
    TROUBLE_NO_ADDRESS,         /* the host's name has none */
    TROUBLE_CONNECTION_REFUSED, /* nobody listens there */
    TROUBLE_NOT_CONNECTED,      /* no way there, or not in time; nothing was sent */
    TROUBLE_CONNECTION_LOST,    /* reset, or closed before the answer was whole */
    TROUBLE_TIMEOUT,
    TROUBLE_NOT_UNDERSTOOD, /* not HTTP, too large, or no result for this command in it */
    TROUBLE_COUNT
};

/* What a branch is in, as its participant knows it. */
enum message_state {
    BRANCH_IS_UNSAID,
    BRANCH_IS_PREPARED,
    BRANCH_IS_COMMITTED,
    BRANCH_IS_ABORTED,
    BRANCH_IS_COMPENSATED,
    BRANCH_IS_UNKNOWN,
    BRANCH_IS_COUNT
};

struct command {
    enum message_op op;
    troth_gtid gtid;
    uint32_t branch;               /* 1 … TROTH_BRANCH_NUMBER_MAX */
    uint32_t attempt;              /* 1 … TROTH_ATTEMPT_MAX */
    struct troth_span operation;   /* a name */
    uint64_t timeout_us;           /* what is left of it when this was written; 0: none */
    uint64_t lock_wait_us;         /* so long it may wait for locks; 0: the participant's choice */
    bool ordered;                  /* its transaction prepares one branch after the other */
    uint64_t again;                /* http binding, of the key: an operator's retry; 0: none */
    struct troth_span input;       /* a JSON value, byte for byte; absent for commit, abort */
    struct troth_span traceparent; /* absent or 55 bytes */
};

struct result {
    enum message_op op;
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
    enum message_result result;
    enum message_vote vote;   /* with RESULT_VOTE: yes or read_only */
    enum message_state state; /* with RESULT_DONE of abort and status; RESULT_REFUSED: aborted, or
                                 unsaid */
    uint64_t retry_after_us;  /* with RESULT_RETRY; 0: the sender's choice */
    troth_gtid blocker;       /* with RESULT_CONFLICT: whose lock it is; all zero: not known */
    struct troth_span output; /* a JSON value, byte for byte; may be absent */
    struct troth_span reason; /* plain text, for people; may be absent */
    uint16_t said;            /* where there is no result, or a plain "not now": HTTP's status, or
                                 enum message_trouble; 0: nothing of the kind. Never on the wire */
};

const char *message_op_name(enum message_op op); /* "prepare", … */
const char *message_result_name(enum message_result result);
const char *message_vote_name(enum message_vote vote);    /* "yes", "read_only", "no", "none" */
const char *message_state_name(enum message_state state); /* "unsaid", "prepared", … */
const char *message_trouble_name(enum message_trouble trouble); /* "none", "no_address", … */
/* From a name, exactly as above; TROTH_ERROR_SYNTAX. */
TROTH_MUST_CHECK int message_op_parse(struct troth_span name, enum message_op *ret_op);
TROTH_MUST_CHECK int message_result_name_parse(struct troth_span name,
                                               enum message_result *ret_result);
TROTH_MUST_CHECK int message_vote_parse(struct troth_span name, enum message_vote *ret_vote);
TROTH_MUST_CHECK int message_state_parse(struct troth_span name, enum message_state *ret_state);

/* Appends one line with its line feed. Payloads must be checked JSON (json_check) and the numbers
 * in their ranges; line feeds between the tokens of a payload become spaces, so that it stays one
 * line. A reason is cut to MESSAGE_REASON_MAX. Nothing limits the line: whoever takes a payload in
 * does. */
void message_command_append(struct buffer *buffer, const struct command *command);
void message_result_append(struct buffer *buffer, const struct result *result);

/* One line without its line feed. Spans in the outcome point into `line`, but a reason with escapes
 * is unescaped into `scratch` (cleared first). TROTH_ERROR_SYNTAX, _TYPE or _TOO_LARGE, and
 * *ret_why (may be NULL) names the member and what is wrong, static text. Also
 * TROTH_ERROR_NO_MEMORY, for scratch. A member that is known and comes twice is refused; one that
 * is not known is ignored, as is a traceparent or a blocker that is none. A timeout and a lock_wait
 * of "0s" are read as 1 µs: 0 would mean there is none. */
TROTH_MUST_CHECK int message_command_parse(struct troth_span line, struct buffer *scratch,
                                           struct command *ret_command, const char **ret_why);
TROTH_MUST_CHECK int message_result_parse(struct troth_span line, struct buffer *scratch,
                                          struct result *ret_result, const char **ret_why);

#endif
