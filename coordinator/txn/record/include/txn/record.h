/* txn/record.h: the durable form of a transaction: what the journal is asked to write, and what
 * recovery reads back. All that a new leader knows comes from here (protocol.md, section 1, rule
 * 4).
 *
 * A record borrows all its spans: they live until the step that emitted it has been handled; the
 * journal copies. Lists (members, steps, failure) are JSON text made by the core, so that a DBA can
 * read a journal with psql; record_*_append writes them, record_*_next reads them back.
 */
#ifndef TXN_RECORD_H
#define TXN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <troth/id.h>
#include <troth/span.h>
#include <wire/message.h>

enum txn_mode { TXN_MODE_2PC, TXN_MODE_SAGA, TXN_MODE_2PC_THEN_SAGA, TXN_MODE_COUNT };
/* What one attempt runs as. */
enum txn_protocol { TXN_PROTOCOL_2PC, TXN_PROTOCOL_SAGA, TXN_PROTOCOL_COUNT };
enum txn_decision { TXN_UNDECIDED, TXN_COMMIT, TXN_ABORT, TXN_DECISION_COUNT };
enum txn_outcome {
    TXN_OUTCOME_NONE,
    TXN_OUTCOME_COMMITTED,
    TXN_OUTCOME_ABORTED,
    TXN_OUTCOME_COMPENSATED,
    TXN_OUTCOME_MIXED,
    TXN_OUTCOME_COUNT
};

enum txn_record_kind {
    /* It exists: what recovery needs to drive or to end it. Written again, forced, when a member
     * that cannot inquire enlists in an open interactive transaction: the row's member list is
     * replaced by the longer one [NOINQ]. Behind a decision of its attempt it changes nothing. */
    TXN_RECORD_BEGIN,
    TXN_RECORD_DELEGATE, /* one branch, one phase: that branch decides (protocol.md, [ONEPHASE0]) */
    /* What became of one step of a saga, or of one behind the pivot: appended, never changed; the
     * latest of a branch holds. Lazy, but that a skipped pivot is forced. Only behind a row that
     * began its transaction, so that its statement inserts nothing else. */
    TXN_RECORD_STEP,
    /* Commit or abort of this attempt, written once, with its outbox row when that makes the
     * outcome final. A saga's attempt has one, too: abort is its turn to compensation, durable
     * before the first compensation leaves [EARLYCOMP], outcome none; commit is its outcome. So the
     * write-once row stands between a turn and a commit. Where steps follow the pivot of a 2PC
     * attempt, its commit has outcome none, for the last of them makes it final. */
    TXN_RECORD_DECISION,
    TXN_RECORD_ATTEMPT, /* ends attempt `attempt` with abort and begins `attempt` + 1, one write.
                           `protocol` is that of the attempt that begins, `fallback` says why */
    TXN_RECORD_OUTCOME, /* an outcome later than its decision, with its outbox row: compensated, by
                           the last compensation; committed, by the last step behind the pivot;
                           mixed, when a heuristic is found */
    TXN_RECORD_END,     /* all acknowledged: the final form, for people */
    TXN_RECORD_KIND_COUNT
};

/* What the journal answers to a write, per row. Never for an unknown COMMIT: the journal writes the
 * same again until it has one of these (protocol.md, section 1, rule 3). */
enum txn_verdict {
    TXN_WRITTEN, /* durable as asked */
    TXN_ALREADY, /* a row was there; `standing` says what it decided: that holds. Also the verdict
                    on the same row written again after an unknown COMMIT that had reached the disk.
                    An ATTEMPT found written stands for abort */
    TXN_FENCED,  /* wrong epoch: another node leads the shard. Stop */
    TXN_VERDICT_COUNT
};

/* The parts of a transaction that never change after it began. Host memory, alive as long as the
 * txn. */
struct txn_origin {
    troth_gtid gtid;
    enum txn_mode mode;
    bool interactive;
    bool ordered;  /* attempt 1 prepares in order; not in the journal: every later one does */
    bool accepted; /* acknowledged before its outcome (respond-async): must be driven to an outcome
                      by every later leader, as a new attempt (protocol.md, section 1, rule 5) */
    struct troth_span definition; /* name; absent when interactive */
    uint32_t definition_version;
    struct troth_span input;           /* JSON, byte for byte; absent when interactive */
    struct troth_span labels;          /* JSON object or absent */
    struct troth_span idempotency_key; /* absent when none was given */
    struct troth_span request_hash;    /* of the request under that key: 64 hex digits */
    struct troth_span traceparent;     /* as the client sent it, or absent */
    uint64_t timeout_us;               /* the whole transaction; 0: none */
    uint64_t prepare_timeout_us;
    struct wall began_at;
};

struct txn_record {
    enum txn_record_kind kind;
    bool forced; /* a step waits for it: flush now; false: with the next batch that goes, or soon
                  */
    const struct txn_origin *origin;
    uint32_t epoch;
    uint32_t attempt;
    enum txn_protocol protocol;
    enum txn_decision decision; /* DECISION; ATTEMPT implies abort */
    enum txn_outcome outcome;   /* DECISION that makes it final, OUTCOME, END */
    uint32_t delegated_branch;  /* DELEGATE, and the DECISION that follows it; 0: none */
    bool publishes;             /* an outbox row is inserted by the same statement */
    uint32_t handed; /* BEGIN: the epoch under which it is handed over to the next leader; 0: it is
                        not [HANDOVER] */
    bool closed;     /* the same: interactive, and its client has said commit */
    struct troth_span
        members;       /* JSON array, see record_member; BEGIN, DELEGATE, DECISION, ATTEMPT */
    uint64_t step_seq; /* STEP: its number within its transaction. A record of a branch that only
                          counts takes the place of the one before it under the same number */
    struct troth_span step;  /* STEP: JSON object, see record_step */
    struct troth_span steps; /* JSON array for people and the event: DECISION, OUTCOME, END. Absent
                                when there was no memory for it */
    struct troth_span failure; /* JSON object or absent: DECISION, OUTCOME, END */
    struct troth_span history; /* the timeline, as txn_history_keep() writes it: END */
    /* JSON object or absent: why 2PC was given up for a saga. ATTEMPT, and then DECISION, OUTCOME
     * and END of what fell back: {"attempt":1,"cause":"timeout","branch":2,"step":"charge",
     * "participant":"payments","reason":"…"} */
    struct troth_span fallback;
    struct wall at; /* when the step was made */
};

/* One member as stored:
 *   {"branch":1,"name":"debit","participant":"bank_a","operation":"debit","inquires":true,
 *    "vote":"yes"}
 * and "named":true, "skipped":true where it is so.
 */
struct record_member {
    uint32_t branch;
    struct troth_span name; /* step name; absent when interactive */
    struct troth_span participant;
    struct troth_span operation;
    bool inquires; /* false: plain http, cannot ask for the decision [NOINQ] */
    bool named;    /* interactive: the client's commit named it: what is said again is compared */
    bool skipped;  /* its `when` was false: it was not asked, though it counts as read_only */
    enum message_vote vote;
};

void record_members_begin(struct buffer *list);
void record_member_append(struct buffer *list, const struct record_member *member);
void record_members_end(struct buffer *list);
/* Reads back what record_member_append wrote. Start with json_cursor(list). TROTH_ERROR_NOT_FOUND
 * at the end; TROTH_ERROR_SYNTAX: damaged; the transaction is parked and reported, it stops no
 * other. */
struct json_cursor;
TROTH_MUST_CHECK int record_member_next(struct json_cursor *cursor,
                                        struct record_member *ret_member);

/* What a STEP record says of a branch. */
enum record_step_state {
    RECORD_STEP_TRYING,  /* the last of `tries` of execute is about to leave, or has left */
    RECORD_STEP_WAITING, /* `tries` of execute are over without a result; the next at retry_at */
    RECORD_STEP_DONE,    /* executed; `output` */
    RECORD_STEP_SKIPPED, /* its `when` was false */
    RECORD_STEP_PARKED,  /* a retriable step cannot go on: waits for an operator */
    RECORD_STEP_REFUSED, /* the same, refused for good: what he tries is a new attempt of it */
    RECORD_STEP_UNDO_TRYING,  /* as TRYING, of compensate: counted from zero */
    RECORD_STEP_UNDO_WAITING, /* as WAITING, of compensate: counted from zero */
    RECORD_STEP_UNDO_PARKED,  /* compensation's retries are spent, or it cannot be made */
    RECORD_STEP_UNDO_REFUSED, /* as REFUSED, of compensate */
    RECORD_STEP_COMPENSATED,
    /* What an operator said of a branch, where DONE and COMPENSATED do not say it: `resolved`. */
    RECORD_STEP_COMMITTED,
    RECORD_STEP_ABORTED,
    RECORD_STEP_OVERRULED, /* its own answer came before his word was durable, and stands */
    RECORD_STEP_FORGOTTEN, /* it is not told and not asked any more */
    RECORD_STEP_STATE_COUNT
};

/* As stored:
 *   {"branch":1,"attempt":2,"step":"waiting","tries":2,"retry_at":1700000000000000}
 *   {"branch":3,"attempt":2,"step":"trying","tries":1,"raised":1}
 *   {"branch":1,"attempt":2,"step":"done","tries":1,"output":{…}}
 *   {"branch":1,"attempt":1,"step":"compensated","resolved":{"as":"compensated","by":"alice",
 *    "reason":"…","at":"2026-11-21T05:34:49.112Z"}} */
struct record_step {
    uint32_t branch;
    uint32_t attempt;
    enum record_step_state state;
    uint32_t tries;
    uint32_t raised;      /* attempts of the step itself above `attempt` */
    struct wall retry_at; /* 0: none. For what was recorded as waiting */
    struct troth_span output;
    struct troth_span resolved; /* JSON object or absent: an operator's word, who said it and why */
};

void record_step_append(struct buffer *object, const struct record_step *step);
/* Reads back from a list of them, as record_member_next does. */
TROTH_MUST_CHECK int record_step_next(struct json_cursor *cursor, struct record_step *ret_step);
const char *record_step_state_name(enum record_step_state state);

/* What the journal holds of one open transaction, for recovery. Spans live in the reader's memory.
 */
struct txn_image {
    struct txn_origin origin;
    uint32_t attempt;
    enum txn_protocol protocol;
    enum txn_decision decision; /* of that attempt */
    enum txn_outcome outcome;
    uint32_t delegated_branch;
    uint32_t handed; /* as the last BEGIN record had them */
    bool closed;
    bool doubtful; /* it was written before the journal lost acknowledged rows: what is not there
                      may have been [LOSTTAIL]. Behind such a loss a host leads under an epoch above
                      every one that anybody has seen [ABOVEALL], and who had a session of another
                      timeline writes nothing under its epoch any more [TIMELINE] */
    struct troth_span members; /* of the decision row when there is one, else of the txn row */
    struct troth_span failure;
    struct troth_span fallback; /* JSON object or absent: as the ATTEMPT record had it */
    struct troth_span steps; /* JSON array of the STEP records' objects in their order, absent when
                                there are none */
};

/* One row of the outbox: an outcome event as Kafka will get it (interfaces.md, outcome events).
 * Made by outbox/, inserted by journal/ in the statement that writes the outcome, sent by outbox/.
 * Debezium's outbox columns. `id` is derived from gtid and outcome, so a republished event keeps
 * it. */
#define RECORD_OUTBOX_ID_BYTES 16

struct record_outbox_row {
    uint8_t id[RECORD_OUTBOX_ID_BYTES]; /* a UUID: ce_id */
    troth_gtid gtid;                    /* ce_subject */
    uint32_t epoch;
    uint64_t seq;              /* handed out by the shard's leader, in the order of sending */
    struct troth_span topic;   /* aggregatetype */
    struct troth_span key;     /* aggregateid: Kafka's message key */
    struct troth_span type;    /* ce_type */
    struct troth_span payload; /* JSON, never empty */
    struct troth_span headers; /* JSON object of strings: the ce_ headers and traceparent */
};

const char *txn_mode_name(enum txn_mode mode); /* "2pc", "saga", "2pc_then_saga" */
const char *txn_protocol_name(enum txn_protocol protocol);
const char *txn_decision_name(enum txn_decision decision); /* "undecided", "commit", "abort" */
const char *txn_outcome_name(enum txn_outcome outcome);    /* "none", "committed", … */
const char *txn_record_kind_name(enum txn_record_kind kind);
TROTH_MUST_CHECK int txn_mode_parse(struct troth_span name, enum txn_mode *ret_mode);
TROTH_MUST_CHECK int txn_protocol_parse(struct troth_span name, enum txn_protocol *ret_protocol);
TROTH_MUST_CHECK int txn_decision_parse(struct troth_span name, enum txn_decision *ret_decision);
TROTH_MUST_CHECK int txn_outcome_parse(struct troth_span name, enum txn_outcome *ret_outcome);

#endif
