/* txn/txn.h: the transaction core. Pure: no I/O, no clock, no randomness, no allocation.
 *
 *     txn_step(txn, event, now) -> effects
 *
 * The host (daemon/driver or tests/sim) turns what happens into events and effects into calls.
 * Ordering lives here: the step that decides emits only PERSIST; the step that handles DURABLE
 * emits the sends, the reply and the publishing. A host must handle the effects of one step in
 * their order and may not handle any of a later step before.
 *
 * Memory is the host's: a txn and its branches, every string and span given in, and the buffers the
 * core writes record texts into. Spans given with an event (outputs, reasons) must stay alive as
 * long as the txn. Single-threaded.
 *
 * The way of a two-phase commit (every edge stands in txn/states.c, with the diagram):
 *
 *   NEW -> BEGINNING* -> RESERVING -> PREPARING -> DECIDING -> COMMITTING -> PUBLISHING -> ENDED
 *                            |            '- no, timeout, cancel -> ABORTING -> PUBLISHING -> ENDED
 *                            '- one branch, one phase: DELEGATING (row) -> DELEGATED (sent)
 *                                                       -> DECIDING | REVOKING | ABORTING
 *   interactive: NEW -> OPEN -> (commit) -> BEGINNING* or RESERVING …         * when forced first
 *   a conflict:  PREPARING -> RESTARTING (the row, the wait) -> RESERVING -> PREPARING, in order
 *
 * The way of a saga (mode saga; and mode 2pc_then_saga once it fell back):
 *
 *   NEW -> BEGINNING -> RUNNING -> CONCLUDING -> PUBLISHING -> ENDED                  committed
 *                          | '- refused, spent, cancel, timeout:
 *                          |    [STOPPING, while the pivot is revoked] -> TURNING (the row)
 *                          |    -> COMPENSATING -> CONCLUDING -> PUBLISHING -> ENDED  compensated
 *   2pc_then_saga: PREPARING -> (timeout, unreachable) -> FALLING_BACK (the row) -> RUNNING
 *                  COMMITTING -> (all acknowledged, steps behind the pivot) -> RUNNING
 *
 * What a host of sagas must know, in one place:
 *
 * - It sets origin->mode, and in every branch kind, after, needs, has_compensation, conditional,
 * retry, compensate_retry, compensate_needs, timeout_us: before txn_init(), and again between
 *   txn_recover() and the RECOVERED step (the journal holds none of them). The protocol is the
 *   core's: txn_init sets it from the mode, txn_recover from the image.
 * - A saga's BEGIN is always forced: nothing is sent before it is durable. TXN_REPLY_ACCEPTED comes
 *   then, for every saga, whether origin->accepted or not.
 * - A command carries effect->attempt, not txn->attempt: aborts of earlier attempts go out beside
 *   the present one; and a step that was refused behind the pivot, or whose compensation was, has a
 *   higher one of its own when an operator tries it again.
 * - SEND of OP_EXECUTE (and OP_PREPARE): the host looks at the step's `when` first, with
 *   origin->input and the outputs of the branches; when that says no, nothing is sent and
 *   TXN_EVENT_SKIPPED answers instead of RESULT. It must say the same each time it is asked.
 * - SEND of OP_COMPENSATE: the host renders the compensation's own operation and input, from
 *   origin->input and branch->output of all branches. A step that may have run and whose output
 *   is not known has output.data NULL, also after its branch was asked (OP_STATUS): where the input
 *   cannot be made for that reason (txn_output_unknown()) the host sends {} (the guard has the
 *   stored output at hand, or there is nothing to undo). UNSENDABLE answers when it cannot be made
 *   although all outputs that it names are known, or known not to be there: the step is parked.
 * - SEND of OP_STATUS: no input. The output in its answer is kept where the state says committed.
 * - SEND of OP_ABORT to the pivot of a saga revokes its execute: the answer must carry the state
 * that the branch is in (committed with output, or aborted), as with a delegated branch.
 * - Slots are for prepares: a saga's commands come without RESERVE.
 * - Outputs survive a restart: txn_recover() points branch->output into its `texts`, from the
 *   image's STEP records. One that was not recorded yet comes back with the next execute, which the
 *   guard answers from its stored reply.
 * - Replies: DECIDED and COMPLETED come together when the outcome is durable (a compensation or a
 *   retriable step may take for ever: a client that waits no longer is shown the state reached). In
 * mode 2pc_then_saga a commit with steps behind the pivot is told with the last of them.
 */
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <troth/error.h>
#include <troth/id.h>
#include <txn/moment.h>
#include <txn/record.h>
#include <wire/message.h>

enum txn_state {
    TXN_NEW,
    TXN_OPEN,       /* interactive: services may enlist */
    TXN_BEGINNING,  /* a begin row is being forced */
    TXN_RESERVING,  /* waits for a slot at every participant, all or none */
    TXN_PREPARING,  /* prepares are out; votes come in */
    TXN_DELEGATING, /* the row that lets one branch decide is being forced */
    TXN_DELEGATED,  /* that branch was told to execute: its answer is the decision */
    TXN_REVOKING, /* delegated, then timeout or cancel: its execute is revoked: abort was sent, and
                     the answer (committed with output, or aborted) is the decision */
    TXN_DECIDING, /* a commit decision is in flight to the journal: nothing may abort now */
    TXN_COMMITTING,   /* commit is durable: phase 2, without end */
    TXN_ABORTING,     /* aborts are out; the abort row is in flight or durable */
    TXN_RESTARTING,   /* between two attempts, behind a conflict or a new leader's beginning: the
                         ATTEMPT   write is in flight; or it is not time yet */
    TXN_FALLING_BACK, /* the ATTEMPT write that ends 2PC and begins a saga is in flight */
    TXN_RUNNING,      /* a saga goes forward, or the steps behind the pivot of a 2PC that committed
                       */
    TXN_STOPPING,     /* a saga is to turn back and its pivot may have run: that is revoked, and the
                         answer decides: forward, or the turn */
    TXN_TURNING,      /* the turn to compensation is in flight: nothing leaves */
    TXN_COMPENSATING, /* the turn is durable: compensations in reverse order */
    TXN_CONCLUDING,   /* the outcome is in flight: nothing may stop it now; or it is durable and
                         aborts of the attempt before are still tried */
    TXN_PUBLISHING,   /* all acknowledged; waits a bounded time to note Kafka's confirmation */
    TXN_DOUBTFUL, /* the journal has lost what may have been decided: its branches are asked what
                     they know, and nothing else is done [LOSTTAIL] */
    TXN_LEAVING,  /* the shard is handed over, in good order: what the next leader needs is on its
                    way to the journal, or there; no effect ever comes from here again [HANDOVER] */
    TXN_LOST,     /* another node leads the shard: no effect ever comes from here again */
    TXN_ENDED,
    TXN_STATE_COUNT
};

enum txn_branch_state {
    TXN_BRANCH_IDLE,      /* known, nothing sent */
    TXN_BRANCH_ENLISTING, /* interactive, cannot inquire: the row that names it is being forced;
                             acknowledged when that is durable [NOINQ] */
    TXN_BRANCH_PREPARING, /* sent, or to be sent again at retry_at */
    TXN_BRANCH_PREPARED,  /* voted yes: in doubt until told */
    TXN_BRANCH_READ_ONLY, /* voted read_only: done */
    TXN_BRANCH_REFUSED,   /* voted no: rolled back by itself, tombstone written */
    TXN_BRANCH_EXECUTING, /* delegated: one phase */
    TXN_BRANCH_COMMITTING,
    TXN_BRANCH_COMMITTED,
    TXN_BRANCH_ABORTING,
    TXN_BRANCH_ABORTED,
    TXN_BRANCH_PARKED, /* phase 2 was answered with what makes no sense (409): an operator looks */
    TXN_BRANCH_HEURISTIC, /* ended otherwise than decided */
    TXN_BRANCH_BEHIND,    /* behind the pivot: takes no part in a 2PC attempt, runs when that has
                             committed */
    TXN_BRANCH_SKIPPED,   /* its `when` was false: nothing ran, nothing is undone */
    TXN_BRANCH_DONE,      /* saga: executed */
    TXN_BRANCH_UNCERTAIN, /* saga, turned back: it may have run, or may still run */
    TXN_BRANCH_ASKING,    /* uncertain, and asked for its output, which a compensation needs */
    TXN_BRANCH_COMPENSATING,
    TXN_BRANCH_COMPENSATED,
    TXN_BRANCH_STATE_COUNT
};

/* What a step is in a saga (protocol.md, section 6). */
enum txn_step_kind {
    TXN_STEP_COMPENSATABLE,
    TXN_STEP_PIVOT,     /* at most one; starts when every compensatable step is done */
    TXN_STEP_RETRIABLE, /* behind the pivot; retried without end */
    TXN_STEP_KIND_COUNT
};

/* How an operation is tried again. All zero: the policy's interval and maximum, doubled, without
 * end. */
struct txn_retry {
    uint64_t interval_us;         /* before the second try; 0: the policy's */
    uint32_t backoff_thousandths; /* each wait is so much longer: 2000 doubles it; 0: 2000 */
    uint64_t max_interval_us;     /* 0: the policy's */
    uint32_t max_attempts;        /* counts the first try; 0: without end. Never more, also across
                                     restarts: a try that one interrupted counts (txn/tries.c). Not
                                     looked at for retriable steps */
    bool fixed; /* jitter none: wait exactly so long; false: jitter full, up to so long */
};

/* Why a transaction did not commit. */
enum txn_cause {
    TXN_CAUSE_NONE,
    TXN_CAUSE_REFUSED,      /* a business no */
    TXN_CAUSE_TIMEOUT,      /* a prepare, or the whole transaction, was not done in time */
    TXN_CAUSE_UNREACHABLE,  /* the same, and the participant's last try could not be sent at all */
    TXN_CAUSE_CANCELLED,    /* the client or an operator said abort */
    TXN_CAUSE_NOT_ENLISTED, /* commit named a branch that never enlisted */
    TXN_CAUSE_RESTARTED,    /* the coordinator was restarted before the decision */
    TXN_CAUSE_INPUT,        /* a step's input could not be made from the outputs before it */
    TXN_CAUSE_HEURISTIC,    /* a branch ended otherwise than decided: outcome mixed */
    TXN_CAUSE_CONFLICT, /* another transaction held what it needs, in every attempt in its time */
    TXN_CAUSE_COUNT
};

/* What an operator says a branch has come to (by_hand.c). */
enum txn_word {
    TXN_WORD_NONE,
    TXN_WORD_COMMITTED,   /* its work is done, and stays */
    TXN_WORD_ABORTED,     /* it never acted, and never will */
    TXN_WORD_COMPENSATED, /* what it did is undone */
    TXN_WORD_COUNT
};

struct txn_branch {
    uint32_t number;  /* 1 … TROTH_BRANCH_NUMBER_MAX, unique in the txn */
    const char *name; /* step name or ""; this and the next two: zero-terminated, host memory */
    const char *participant;
    const char *operation;
    bool inquires;          /* false: plain http binding [NOINQ] */
    uint64_t needs;         /* bit i: its input names the output of branches[i] */
    uint64_t prepare_after; /* bit i: prepares when branches[i] has voted; `after` is for sagas */
    bool prepares_last;  /* in order: behind all others, as far as needs and prepare_after let it */
    uint64_t timeout_us; /* of one call; 0: what is left of the prepare timeout; in a saga the
                            policy's */
    /* Sagas, and the steps behind the pivot in mode 2pc_then_saga. */
    enum txn_step_kind kind;
    uint64_t after; /* bit i: starts when branches[i] is done or skipped */
    bool has_compensation;
    bool conditional;          /* it has a `when`, so that it may have been skipped */
    uint64_t compensate_needs; /* bit i: the compensation's input names the output of branches[i] */
    struct txn_retry retry, compensate_retry;
    /* From here on the core's own. */
    enum txn_branch_state state;
    enum message_vote vote;
    bool reserved;                  /* holds a slot at its participant */
    bool reachable;                 /* the last try could be sent */
    uint32_t tries;                 /* of the present operation */
    uint32_t counted, undo_counted; /* number of its last STEP record, where that only counts; 0:
                                       it does not */
    uint32_t raised;      /* attempts of this step above the transaction's: an operator tried again
                             what its participant had refused for good */
    uint32_t begin_write; /* ENLISTING: the begin write it waits for, counted from 1 */
    struct mono retry_at; /* 0: not waiting */
    uint32_t
        abort_attempt; /* the highest that has ended and of which its abort goes to this branch */
    uint32_t abort_tries; /* of that abort */
    struct mono abort_at; /* when that is sent again; 0: not waiting */
    struct troth_span output;
    struct troth_span reason;              /* the participant's own words, last */
    struct troth_span abort_reason;        /* the same of what is still owed to it (earlier.c) */
    enum txn_word word;                    /* an operator's, in flight or durable */
    uint32_t word_seq;                     /* number of the record that holds his word */
    struct troth_span resolved, forgotten; /* JSON objects, of txn_word_append(); host memory */
};

struct txn {
    const struct txn_origin *origin;
    const struct txn_policy *policy;
    uint32_t epoch; /* of the shard, in this memory */
    uint32_t attempt;
    enum txn_protocol protocol;
    enum txn_state state;
    enum txn_decision
        decision;             /* durable ones only; see states.c for the invariant of each state */
    enum txn_outcome outcome; /* a durable one only, too: what may be told */
    enum txn_cause cause;
    uint32_t cause_branch;         /* number; 0: the transaction itself */
    uint32_t fallback_attempt;     /* the 2PC attempt that was given up for a saga; 0: none */
    enum txn_cause fallback_cause; /* and why: TIMEOUT, UNREACHABLE, RESTARTED, INPUT */
    uint32_t fallback_branch;
    struct troth_span fallback_reason; /* the participant's own words */
    troth_gtid fallback_blocker;       /* where the cause is a conflict; all zero: not known */
    uint32_t conflicts;                /* met in this memory */
    uint32_t conflict_branch;          /* whose was the last; 0: none */
    troth_gtid blocker;                /* and whose lock; all zero: not known */
    uint32_t delegated_branch;
    bool begun;     /* a row of it is durable: it will come to an outcome under any leader */
    bool leaves;    /* LEAVES came */
    bool handed;    /* the leader before handed it over: it is driven on, not aborted */
    bool closed;    /* and its client had said commit there */
    bool doubtful;  /* the journal may have lost what was decided of it */
    bool giving_up; /* an operator has said: nobody knows how it ended, so it is aborted */
    uint64_t found[BRANCH_IS_COUNT]; /* DOUBTFUL: what its branches have said of themselves */
    uint64_t named;                  /* interactive: bit i: the commit named branches[i] */
    uint32_t stranger;               /* the lowest number it named that had not enlisted; 0: none */
    struct mono began;               /* monotonic twin of origin->began_at in this memory; may lie
                                        before the clock's zero: subtract modulo 2^64 */
    struct mono deadline;            /* whole transaction; 0: none */
    struct mono prepare_deadline;    /* of all attempts behind a conflict together; 0: none yet */
    struct mono restart_at;          /* RESTARTING: when the next try begins */
    struct mono publish_deadline;
    uint64_t random; /* seeded by the host; drives the jitter */
    uint32_t branches_count;
    uint32_t branches_cap;
    struct txn_branch *branches; /* host memory, branches_cap of them */
    /* From here on the core's own accounts. A mask has bit i for branches[i]. */
    uint64_t in[TXN_BRANCH_STATE_COUNT]; /* which branches are in which state */
    uint64_t asking;                     /* a RESERVE is out for these */
    uint64_t unanswered; /* told in phase 2 and not once answered, also not by "unknown" */
    /* A try of execute (and, in the second, of compensate) may have run, and no answer of its own
     * ever told: it was lost, or an earlier leader sent it [KNOWNONLY]. A refusal of a later try
     * clears that only with a tombstone [REFUSALPROVES] */
    uint64_t unaccounted, undo_unaccounted;
    uint64_t left;     /* a try of execute has left this process, or may have left an earlier one */
    uint64_t renews;   /* parked by a refusal that left nothing open: an operator's retry is a new
                          attempt of the step [STOREDNO] */
    uint32_t resumes;  /* how often an operator has said: again, in this memory */
    uint64_t raising;  /* that attempt has no record yet: nothing of it leaves [RAISELAZY] */
    uint64_t was_done; /* executed, and its output came with that, or there was none */
    uint64_t owed; /* an abort of an earlier attempt is not acknowledged [NOABORT]; or this one's
                      decision, behind an operator's word [RESOLVEDASKED] */
    uint64_t owed_commits; /* of those: it is a commit */
    uint64_t owed_parked;  /* and: answered with what makes no sense, an operator looks */
    uint64_t strayed;      /* said heuristic to what was owed, or an operator said that it ended
                              otherwise: the outcome is mixed */
    uint64_t resolving, worded; /* an operator's word on it is on its way; is durable, and counts */
    uint64_t forgetting, forgotten; /* the same: it is asked no more */
    enum txn_outcome concluding;    /* the outcome that was asked for last: of a saga, or mixed */
    uint64_t asked;                 /* was asked for its output */
    uint64_t checking;  /* is asked whether a compensation that it refused was done before */
    uint64_t untold;    /* an earlier leader may have made one try that no record tells of */
    uint64_t announced; /* its next try leaves when the record that counts it is durable */
    uint32_t step_seq;  /* STEP records made in this memory */
    uint32_t begin_writes, begins_durable;
    uint32_t unpublished;                    /* events handed to Kafka and not yet confirmed */
    uint16_t writing[TXN_RECORD_KIND_COUNT]; /* records given to the journal without verdict */
    uint32_t history_count;   /* entries kept: the first half in order, then a ring */
    uint32_t history_dropped; /* left out between the two halves */
    uint32_t history_cap;
    struct txn_history_entry *history; /* host memory, history_cap of them; NULL: none yet */
};

/* What came in. */
enum txn_event_kind {
    TXN_EVENT_SUBMITTED, /* orchestrated: all branches are there */
    TXN_EVENT_OPENED,    /* interactive */
    TXN_EVENT_ENLISTED,  /* interactive: .branch says which; a vote of yes means already prepared */
    TXN_EVENT_CLOSED,    /* interactive: the client says commit; .named are the branches it knows */
    TXN_EVENT_CANCELLED, /* client or operator says abort */
    TXN_EVENT_RESERVED,  /* all slots asked for were granted */
    TXN_EVENT_RESULT,    /* a participant's answer, or the host's word that none came */
    TXN_EVENT_UNSENDABLE, /* the input of .number could not be made (a template's path is not there)
                           */
    TXN_EVENT_SKIPPED,    /* the `when` of .number is false: nothing was sent */
    TXN_EVENT_RESUMED,    /* an operator says: what is parked is tried again, counted from zero;
                             parked aborts of the attempt before, too */
    TXN_EVENT_RESOLVED,   /* an operator says what a branch came to: .resolve. REPLY RESOLVED comes
                             behind its record; nothing where txn/resolve.h says no */
    TXN_EVENT_FORGOTTEN, /* he says that what is only told once more is told no more: as RESOLVED */
    TXN_EVENT_DURABLE,   /* the journal's verdict on one record */
    TXN_EVENT_PUBLISHED, /* Kafka confirmed the outcome event */
    TXN_EVENT_TIMER,     /* now >= txn_wake_at() */
    TXN_EVENT_RECOVERED, /* after txn_recover(): go on */
    TXN_EVENT_LEAVES,    /* the shard is handed over: it is LEAVING at once, or with the verdict on
                            what is on its way to the journal */
    TXN_EVENT_FENCED,    /* the shard was lost */
    TXN_EVENT_COUNT
};

struct txn_event {
    enum txn_event_kind kind;
    bool unsent; /* RESULT: nothing left this process (channel_result's !sent): unreachable.
                    PUBLISHED: no Kafka here, so that nothing confirms it: not worth a moment */
    bool down;   /* RESULT: nothing but failures was heard of that participant for a while. To a
                    prepare: no further try. In RESERVING it stands for the slot that is refused */
    struct troth_span reason; /* UNSENDABLE: why, for people; absent, or alive as long as the txn */
    union {
        const struct txn_branch *branch; /* ENLISTED: number … timeout_us and vote are copied */
        struct {
            const uint32_t *numbers;
            uint32_t count;
        } named;                     /* CLOSED */
        const struct result *result; /* RESULT: attempt and branch inside; spans stay alive */
        uint32_t number;             /* UNSENDABLE, SKIPPED */
        struct {
            uint32_t number; /* RESOLVED */
            enum txn_word word;
            bool force;
            struct troth_span said; /* of txn_word_append(); alive as long as the txn */
        } resolve;                  /* RESOLVED, FORGOTTEN */
        struct {
            enum txn_record_kind record;
            uint32_t attempt; /* of the record */
            enum txn_verdict verdict;
            enum txn_decision standing; /* with TXN_ALREADY */
        } durable;
    } of;
};

/* What to do. */
enum txn_effect_kind {
    TXN_EFFECT_PERSIST,   /* write .record; answer with TXN_EVENT_DURABLE (lazy ones too) */
    TXN_EFFECT_RESERVE,   /* a slot at the participant of every branch in .mask, all or none; answer
                             with RESERVED, or with a RESULT (prepare, down) of one of them that is
                             not to be had. Not granted yet: nothing is sent */
    TXN_EFFECT_UNRESERVE, /* the RESERVE that was not granted yet is not wanted any more. When it
                             has been granted meanwhile, step RESERVED all the same: RELEASEs follow
                           */
    TXN_EFFECT_RELEASE,   /* give back the slot of .branch: its abort is decided, or its phase 2 was
                             tried once. (A host may lend it to others from the vote on.) */
    TXN_EFFECT_SEND,      /* .op to .branch, in .attempt. Exactly one RESULT is owed for it,
                             RESULT_UNKNOWN when none came or it could not go; or UNSENDABLE; or,
                             to prepare and execute, SKIPPED */
    TXN_EFFECT_REPLY,     /* the client may be told: .reply */
    TXN_EFFECT_PUBLISH,   /* the outbox row of the outcome is durable: send it to Kafka. .record has
                             kind, attempt and outcome of the record it went with, and nothing
                             else: that record's row is meant, not the last one made */
    TXN_EFFECT_ENDED, /* nothing more will come; the memory may go once the END record is durable */
    TXN_EFFECT_COUNT
};

enum txn_reply_level {
    TXN_REPLY_ENLISTED, /* the enlistment of .branch is acknowledged */
    TXN_REPLY_REFUSED,  /* the enlistment of .number, or (.number 0) the CLOSED or CANCELLED request
                           just stepped, is refused: see .error. A CLOSED or CANCELLED that is not
                           refused is answered by DECIDED and COMPLETED, now or later */
    TXN_REPLY_ACCEPTED, /* begun durably; the outcome comes later: what was accepted, and every saga
                         */
    TXN_REPLY_DECIDED,  /* the outcome is durable */
    TXN_REPLY_COMPLETED, /* every participant has acknowledged, or could not be reached in phase 2
                          */
    TXN_REPLY_RESOLVED, /* an operator's word on .number (0: FORGOTTEN) is durable; .error: _EXISTS:
                           its own answer came first, and stands */
    TXN_REPLY_COUNT
};

struct txn_effect {
    enum txn_effect_kind kind;
    struct txn_branch *branch; /* RELEASE, SEND, REPLY ENLISTED */
    uint64_t mask;             /* RESERVE: bit i for txn->branches[i] */
    enum message_op op;        /* SEND */
    uint32_t attempt;          /* SEND: that the command carries */
    uint64_t timeout_us;       /* SEND: of the call, from its leaving; 0: none */
    struct mono deadline;      /* SEND: of the transaction: then the call's end has come, and it
                                  leaves no more; 0: none */
    uint64_t lock_wait_us; /* SEND: so long it may wait for locks; 0: the participant's choice */
    bool ordered;          /* SEND: a long wait is meant, and age decides in a circle */
    uint64_t again; /* SEND of commit and abort: 0, or another number each time an operator has
                       said: again. A participant that keeps its answers tells by it what the
                       attempt cannot tell: a commit is of the attempt that was prepared */
    enum txn_reply_level reply;
    uint32_t number; /* REPLY ENLISTED, REFUSED: the branch's number; 0: CLOSED or CANCELLED */
    int error;       /* REPLY REFUSED: TROTH_ERROR_ENDED (closed or ended), _EXISTS (that number is
                        enlisted with other content; CLOSED: another commit is being answered,
                        with another list: txn_list_difference()), _FULL (no room for another
                        branch), _INVALID (not an interactive transaction) */
    struct txn_record record; /* PERSIST; its texts stand in the effects' `texts` buffer */
};

/* A step emits at most this many, and of them at most so many PERSIST. */
#define TXN_EFFECTS_MAX  (3u * TROTH_BRANCHES_MAX + 8u)
#define TXN_PERSISTS_MAX (TROTH_BRANCHES_MAX + 4u)

/* Bytes to reserve in `texts` before the first step: enough for everything that a decision rests
 * on. The steps of a record (outputs up to MESSAGE_LINE_MAX each) may need more; where that memory
 * is not to be had, the record goes without its steps. */
#define TXN_TEXTS_BYTES_MAX (160u << 10)

struct txn_effects {
    uint32_t count;
    struct buffer *texts; /* host memory, reserved up front: record texts are put here and must be
                             copied before the next step, which clears it */
    struct txn_effect list[TXN_EFFECTS_MAX];
    uint32_t persists; /* the core's own, from here on */
    struct {
        uint32_t effect;
        size_t at[6]; /* where each of its texts begins in `texts` */
    } persist[TXN_PERSISTS_MAX];
};

struct txn_now {
    struct mono mono;
    struct wall wall;
};

/* A participant that says when to ask again (Retry-After) is not asked sooner, up to this: a longer
 * wait is cut to it, since the same command again is always safe. */
#define TXN_RETRY_AFTER_MAX_US UINT64_C(300000000)

/* How often and how long. One for all transactions of a host; host memory. */
struct txn_policy {
    uint64_t call_timeout_us;   /* of one call of phase 2 */
    uint64_t retry_interval_us; /* first wait before phase 2 or a prepare is tried again */
    uint64_t retry_interval_max_us;
    uint64_t parked_retry_us;       /* a compensation that is parked because its tries are spent is
                                       tried again, counted from zero, after so long; 0: an operator
                                       must */
    uint64_t publish_grace_us;      /* how long an ended transaction waits to note Kafka's word */
    uint64_t conflict_lock_wait_us; /* a parallel prepare waits so long for locks, at most */
    uint64_t
        conflict_interval_us; /* before the next try behind a conflict; doubled, 64 times this */
    bool always_force_begin;
};

#define TXN_POLICY_DEFAULT                                                                         \
    {                                                                                              \
        .call_timeout_us = 10000000, .retry_interval_us = 100000,                                  \
        .retry_interval_max_us = 10000000, .publish_grace_us = 1000000,                            \
        .conflict_lock_wait_us = 100000, .conflict_interval_us = 5000                              \
    }

/* `branches` has room for `cap`; the first `count` are filled up to timeout_us. Orchestrated: count
 * is final. All borrowed for the life of the txn. There is no timeline before
 * txn_history_move(). */
void txn_init(struct txn *txn, const struct txn_origin *origin, const struct txn_policy *policy,
              uint32_t epoch, uint64_t seed, struct txn_branch *branches, uint32_t count,
              uint32_t cap);

/* More room, for branches that enlist and for the timeline: what there is is copied there, and the
 * memory before is the host's again. Between two steps; not less than there are. Without the first
 * who enlists is refused, without the second moments are left out. */
void txn_branches_move(struct txn *txn, struct txn_branch *branches, uint32_t cap);
void txn_history_move(struct txn *txn, struct txn_history_entry *history, uint32_t cap);
/* There may be no room for the moments of the next step, and more would be used. */
bool txn_history_wants(const struct txn *txn);

/* One event. Total: every (state, event) pair stands in txn/states.c, also those that are ignored.
 * `effects` is cleared first (not its `texts` pointer, which the host sets). Never fails. */
void txn_step(struct txn *txn, const struct txn_event *event, struct txn_now now,
              struct txn_effects *effects);

/* When TXN_EVENT_TIMER is wanted next; 0: never. Look after every step. */
struct mono txn_wake_at(const struct txn *txn);

/* Instead of txn_init when a leader took the shard over: branches_cap must hold the image's members
 * (txn_image_members()); strings are put into `texts`, an empty buffer that lives as long as the
 * txn and is not touched by the host. image->origin is borrowed: it must live as long as the txn,
 * too; the rest of the image is not kept. Then step TXN_EVENT_RECOVERED. For an attempt to be
 * driven again (accepted, orchestrated) the host must have filled `needs` and `timeout_us` from the
 * definition before that step.
 * TROTH_ERROR_SYNTAX: the image is damaged or contradicts itself: leave it, go on with the others.
 * One that contradicts what the host filled in from the definition is TXN_LOST after the RECOVERED
 * step. TROTH_ERROR_NO_MEMORY; TROTH_ERROR_FULL: `cap` is too small. */
TROTH_MUST_CHECK int txn_image_members(const struct txn_image *image, uint32_t *ret_count);
TROTH_MUST_CHECK int txn_recover(struct txn *txn, const struct txn_image *image,
                                 const struct txn_policy *policy, uint32_t epoch, uint64_t seed,
                                 struct txn_branch *branches, uint32_t cap, struct buffer *texts,
                                 struct txn_now now);

/* What a client that waits for it, or asks again, may be told now: when its time is over, when the
 * coordinator stops, when it was fenced. */
enum txn_told {
    TXN_TOLD_NOTHING,  /* nothing was done, and nothing will be: no record was ever handed to the
                          journal, nothing was sent. It must not be begun afterwards */
    TXN_TOLD_UNKNOWN,  /* it has begun here and no row of it is durable, or another node leads: how
                          it ends is not known here */
    TXN_TOLD_ACCEPTED, /* a row of it is durable: it comes to an outcome, whatever happens */
    TXN_TOLD_OUTCOME   /* txn->outcome is durable */
};
enum txn_told txn_told(const struct txn *txn);

/* A commit said again: the lowest number by which its list differs from that of the first one, or
 * 0: it is the same, and gets the first one's answer. Of an interactive transaction whose list is
 * closed; and from the journal's row (TROTH_ERROR_SYNTAX: its list cannot be read). */
uint32_t txn_list_difference(const struct txn *txn, const uint32_t *numbers, uint32_t count);
TROTH_MUST_CHECK int txn_image_list_difference(const struct txn_image *image,
                                               const uint32_t *numbers, uint32_t count,
                                               uint32_t *ret_number);

/* What the leader's memory says to an inquiry (protocol.md, section 2). */
enum txn_answer {
    TXN_ANSWER_UNDECIDED,
    TXN_ANSWER_COMMITTED,
    TXN_ANSWER_ABORTED,
    TXN_ANSWER_UNKNOWN /* no asking will ever help: the participant's operator looks */
};
enum txn_answer txn_inquire(const struct txn *txn, uint32_t branch, uint32_t attempt);
const char *txn_answer_name(enum txn_answer answer); /* "undecided", "committed", … */
/* The same from the journal's row alone (decision row of that attempt present). */
enum txn_answer txn_inquire_image(const struct txn_image *image, uint32_t branch, uint32_t attempt);
/* The journal has no row of it: what its absence says. */
struct txn_absence {
    uint32_t epoch;       /* of the gtid */
    uint32_t shard_epoch; /* as the statement read it that found no row */
    bool lost;            /* rows of its epoch may have been lost */
    bool forgotten;       /* the gtid is at or below the shard's forgotten mark */
    bool never_begun;     /* this node leads under `epoch`, has handed the gtid out, and has no such
                             transaction in its memory */
};
enum txn_answer txn_inquire_absent(const struct txn_absence *absence);

struct txn_branch *txn_branch_find(struct txn *txn, uint32_t number);

/* The output that branches[i] may have had is not known here. One that was done without any is. */
bool txn_output_unknown(const struct txn *txn, uint32_t i);

/* Bit i: branches[i] has voted yes, and no output came with it. */
uint64_t txn_yes_without_output(const struct txn *txn);

/* Nothing of it goes on by itself but what waits for an operator (a step, or the abort of an
 * attempt before): an answer made no sense, or tries are spent; a decision stands. What is parked
 * while others go on does not make it so. It stays in its state, and goes on from there. */
bool txn_parked(const struct txn *txn);

/* Where the shard is handed over now, nothing of it is done a second time or in vain: no attempt is
 * being prepared, no last try of a step is out, nothing is on its way to the journal. A host waits
 * for that, a bounded time, before it steps LEAVES; handed over it may be at any moment. */
bool txn_leaves_well(const struct txn *txn);

/* The word for its state where people see it: the state's own, or TXN_PARKED_NAME. */
#define TXN_PARKED_NAME "parked"
const char *txn_shown_name(const struct txn *txn);
const char *txn_shown_word(uint32_t i); /* all of these words; NULL: there are no more */

/* Does the present attempt prepare one branch after the other? */
bool txn_in_order(const struct txn *txn);

/* JSON for people, the same text in memory, in the API and, but for the timeline, in the END
 * record. A step whose abort of the attempt before is not acknowledged says so ("earlier_abort"):
 * only here, never in a record. Outputs, which may be large, are there where they are asked for. */
void txn_steps_append(const struct txn *txn, bool outputs, struct buffer *list);
void txn_failure_append(const struct txn *txn, struct buffer *object); /* "null" when none */
/* The same for a client: a heuristic is told when the row that says mixed is durable. */
void txn_failure_tell(const struct txn *txn, struct buffer *object);
/* Why 2PC was given up for a saga, as in txn_record.fallback; "null" when it was not. */
void txn_fallback_append(const struct txn *txn, struct buffer *object);
void txn_history_append(const struct txn *txn, struct buffer *list);
/* One moment of it: the next behind the first *told, which counts it, or those that were left out
 * there. false: there is none. Without memory *object says so, and *told counts on. */
bool txn_history_next(const struct txn *txn, uint64_t *told, struct buffer *object);
/* As the END record has it; and JSON of that. A record that cannot be read makes no JSON. */
void txn_history_keep(const struct txn *txn, struct buffer *text);
void txn_history_append_kept(struct troth_span kept, struct buffer *list);

const char *txn_reply_level_name(enum txn_reply_level level);
const char *txn_state_name(enum txn_state state); /* "preparing", … */
const char *txn_branch_state_name(enum txn_branch_state state);
const char *txn_cause_name(enum txn_cause cause);
const char *txn_event_kind_name(enum txn_event_kind kind);
const char *txn_effect_kind_name(enum txn_effect_kind kind);
const char *txn_moment_name(enum txn_moment moment);

#endif
