/* sim.h: a world in which the real core runs against a simulated clock, network, journal,
 * participants, clients and Kafka. One seed is one history: the same seed, the same trace.
 *
 *   world.c        the event queue, chance, the trace, failures
 *   node.c, slots.c   one leadership of a shard: the host of the core; takeover and recovery; its
 * slots process.c      the coordinators' processes: who leads what, handover, crashes, requests
 * passed on request.c      what clients ask of it lane.c         its way to the journal: batches,
 * unknown commits journal.c      what the database holds, and its rules participant.c, compensate.c
 * the guard's rules (participant-sdk.md), prepared state, inquiry locks.c        the rows of a
 * participant's database, and who waits for them; liveness operator.c     people: they try again,
 * settle branches by hand, and forget stray.c        events that have no business coming now
 *   client.c       requests, repeated and cancelled; interactive clients and their services
 *   wait.c         who waits at a node: replies when time is over, or the node stops
 *   marks.c        which guard rows leave
 *   check.c, check_saga.c   the invariants of faults.md: at every step, and after the drain
 *   shrink.c       a failing history, with less and less going wrong
 *   mutate.c       protections that can be switched off, here and never in the core */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <net/slots.h>
#include <txn/txn.h>

#define TXNS_MAX         64u
#define BRANCHES_MAX     6u
#define PARTICIPANTS     4u /* the last one speaks plain http: it cannot inquire */
#define CLIENTS_MAX      10u
#define SHARDS           2u
#define PROCESSES        3u  /* of coordinators */
#define NODES_MAX        24u /* leaderships: a shard, a process, an epoch */
#define ATTEMPTS_MAX     100u
#define LANE_MAX         512u
#define STEPS_TEXT_MAX   8192u
#define STEP_RECORDS_MAX 128u
#define WAITS_MAX        16u /* at one transaction */
#define FAULTS_UNTIL_US  UINT64_C(25000000)
#define DRAINED_UNTIL_US UINT64_C(240000000)
#define LIVELY_US        UINT64_C(3000000) /* where nothing goes wrong all have committed by then */

enum mutation {
    MUTATE_NOTHING,
    MUTATE_DECISION_AFTER_SEND,  /* commit leaves when its row is asked for */
    MUTATE_REPLY_BEFORE_DURABLE, /* the client hears the decision when it is asked for */
    MUTATE_NO_EPOCH_CHECK,       /* the journal takes writes of an old leader */
    MUTATE_SAME_EPOCH,           /* a restart goes on under the old epoch */
    MUTATE_NOT_WRITE_ONCE,       /* a later decision replaces the first */
    MUTATE_READ_PROVES,  /* after an unknown COMMIT a row that is not seen counts as absent */
    MUTATE_NO_TOMBSTONE, /* an abort that finds nothing leaves nothing */
    MUTATE_ANY_ATTEMPT,  /* answers of an earlier attempt count in a later one */
    MUTATE_GUARD_IGNORES_ATTEMPT, /* the guard tells prepared attempts not apart */
    MUTATE_ONE_PHASE_WITHOUT_ROW, /* execute leaves before the row that delegates is durable */
    MUTATE_OPEN_LIST,             /* enlistments are acknowledged when the list is closed */
    MUTATE_NO_INQUIRY,            /* prepared branches never ask */
    MUTATE_LAZY_BEGIN_FOR_ALL,    /* members that cannot inquire get no forced begin either */
    MUTATE_ABSENCE_ABORTS,        /* inquiry: a row without a decision counts as aborted */
    MUTATE_UNKNOWN_IS_DONE,       /* no answer to a commit counts as its acknowledgement */
    MUTATE_NOTHING_IS_DONE,       /* a commit that finds nothing is acknowledged */
    MUTATE_NO_IDEMPOTENCY_KEY,    /* a request sent again is a new transaction */
    MUTATE_UNDO_NO_TOMBSTONE,     /* a compensation that finds nothing leaves nothing */
    MUTATE_REFUSAL_NO_TOMBSTONE,  /* a refusal leaves nothing behind [REFNOTOMB] */
    MUTATE_TURN_AFTER_SEND,       /* compensations leave when the turn is asked for [EARLYCOMP] */
    MUTATE_PIVOT_LAZY,    /* a cancel or timeout does not wait for the pivot's answer [PIVOTLAZY] */
    MUTATE_UNKNOWN_PIVOT, /* a pivot whose retries are spent counts as not run [UNKNOWNPIVOT] */
    MUTATE_KNOWN_ONLY,    /* only what this leader sent or the records show is compensated */
    MUTATE_EARLY_SEND,    /* attempt 2 leaves when its row is asked for [EARLYSEND] */
    MUTATE_LOWER_STAYS,   /* execute does not end what a lower attempt prepared [LOWERSTAYS] */
    MUTATE_LATE_YES,      /* a late yes still asks for a commit [LATEYES, NOWRITEONCE] */
    MUTATE_NO_ABORT,      /* attempt 1 is not aborted where attempt 2 does not come [NOABORT] */
    MUTATE_REFUSED_IS_DONE,  /* 409 to an abort of attempt 1 counts as its acknowledgement */
    MUTATE_TRY_UNCOUNTED,    /* a try leaves without the record that counts it */
    MUTATE_LAST_ROW,         /* what is published is the row made last, not that of the record */
    MUTATE_MIXED_BEFORE_ROW, /* a heuristic is told and published when its row is asked for */
    MUTATE_STOP_IS_NOTHING,  /* who waits when a node stops is told that nothing was done */
    MUTATE_WAIT_ACCEPTS,     /* when a client's time is over it is told "accepted" all the same */
    MUTATE_ENLISTED_IN_TIME, /* when a service's time is over its enlistment is acknowledged */
    MUTATE_ANY_COMMIT,       /* a commit with another list gets the first one's answer */
    MUTATE_LEASE_UNLOOKED,   /* a node that wakes behind its lease sends what it had in mind */
    MUTATE_ANY_ORDER,        /* attempts prepare in an order of their own [ANYORDER] */
    MUTATE_LONG_WAIT,        /* parallel attempts wait as long as those in order [LONGWAIT] */
    MUTATE_NO_AGE,           /* nobody gives way by age [NOAGE] */
    MUTATE_OWN_LOCK,         /* nobody says that a transaction locks itself out [OWNLOCK] */
    MUTATE_NO_END, /* members are not told that an attempt ended by a conflict is over [NOEND] */
    MUTATE_WAITED_OUT, /* a conflict is waited out, as "not now" is */
    MUTATE_POST_EARLY, /* steps behind the pivot leave when the decision is asked for [POSTEARLY] */
    MUTATE_REFUSAL_PROVES, /* every refusal counts as one that left a tombstone [REFUSALPROVES] */
    MUTATE_NO_OPERATION_PROVES, /* "no such operation here" counts as such a refusal */
    MUTATE_HIDDEN_RESEND,       /* the transport sends again what got no answer, uncounted */
    MUTATE_UNSAID_OUTPUT,       /* what a status answers is an output, whatever the state */
    MUTATE_STORED_NO,           /* an operator's retry is the attempt that was refused [STOREDNO] */
    MUTATE_NEVER_LEFT,          /* a try without an answer counts as never sent [NEVERLEFT] */
    MUTATE_SAME_KEY,   /* a commit or an abort that he sends again has the key of the refused one */
    MUTATE_RAISE_LAZY, /* his new attempt leaves before it is durable [RAISELAZY] */
    MUTATE_BARS_OTHERS,    /* who waits for slots bars all behind [BARSOTHERS] */
    MUTATE_SLOT_UNTIL_ACK, /* an abort holds its slot until it is acknowledged [SLOTUNTILACK] */
    MUTATE_OVERWRITES,     /* a record takes the place of any before it [OVERWRITES] */
    MUTATE_MARK_AT_END,    /* guard rows leave when memory says: ended [MARKATEND] */
    MUTATE_GONE_IS_NEW,    /* a call about a row that has left finds nothing, and works */
    MUTATE_RESOLVE_FIRST,  /* an operator's word counts when its record is asked for [RESOLVEFIRST]
                            */
    MUTATE_RESOLVED_ACTS,  /* a new leader does not read what an operator said [RESOLVEDACTS] */
    MUTATE_RESOLVED_ASKED, /* a branch that he settled is not told the decision [RESOLVEDASKED] */
    MUTATE_RESOLVE_FORCE,  /* what is unsafe is done without his force [RESOLVEFORCE] */
    MUTATE_HANDOVER,       /* who has handed over goes on as if it had not [HANDOVER] */
    MUTATE_HANDED_BEFORE,  /* what any leader ever handed over is kept open [HANDEDBEFORE] */
    MUTATE_GIVEN_BACK_EARLY,  /* a shard is given back before all is written */
    MUTATE_PASSED_IS_NOTHING, /* who has passed a request on says that nothing was done */
    MUTATE_KEY_ANYWHERE,      /* whoever gets a keyed request begins it in a shard of its own */
    MUTATE_LOST_TAIL, /* what a row from before a loss does not say was not decided [LOSTTAIL] */
    MUTATE_ABSENCE,   /* behind a loss no row is "aborted", as ever [ABSENCE] */
    MUTATE_TIMELINE,  /* who was of the timeline before writes on under its epoch [TIMELINE] */
    MUTATE_COUNT
};

enum sim_event_kind {
    EV_COMMAND,      /* arrives at a participant */
    EV_RESULT,       /* arrives at a node */
    EV_CALL_TIMEOUT, /* of one send */
    EV_WORK_DONE,
    EV_LOCK_TIMEOUT, /* of a wait for a row */
    EV_LOCK_LOOK,    /* who holds it? */
    EV_ASK,          /* a prepared branch's own timer */
    EV_ASKED,        /* its question arrives */
    EV_ANSWER,       /* and the answer */
    EV_GIVE_UP,      /* a service that was not called again */
    EV_NODE_TIMER,
    EV_GRANTED,
    EV_SLOTS, /* a claim ends, a wary participant may be tried */
    EV_PROBE, /* is somebody there again? */
    EV_UNSENDABLE,
    EV_SKIPPED,
    EV_OPERATOR, /* tries again what is parked */
    EV_SETTLE,   /* settles by hand */
    EV_BY_HAND,  /* somebody rolls a prepared branch back in its database, or commits it */
    EV_FLUSH,
    EV_BATCH_AT_JOURNAL,
    EV_BATCH_BACK,
    EV_BATCH_LOST, /* the connection broke: the commit is unknown */
    EV_KAFKA,
    EV_CRASH_NODE,
    EV_DRAIN,     /* the first SIGTERM: takes nothing new */
    EV_STOP_NODE, /* the second, or the time for the drain is over */
    EV_WAIT_OVER, /* a client has waited long enough */
    EV_TAKEOVER,  /* of a shard, by a process */
    EV_HANDOVER,  /* a shard is to be given away */
    EV_LEAVES,    /* can it be by now? */
    EV_LAG,       /* the journal's standby follows no more */
    EV_LOSS,      /* and is promoted */
    EV_PASSED,    /* the first process hears nothing of what it has passed on */
    EV_CRASH_PARTICIPANT,
    EV_PARTICIPANT_UP,
    EV_CLIENT,         /* a client's own timer */
    EV_REQUEST,        /* a client's or a service's request arrives at a node */
    EV_REQUEST_ANSWER, /* and its answer */
    EV_SERVICE,        /* an interactive client calls a service */
    EV_SERVICE_RETRY,
    EV_COUNT
};

enum request {
    REQUEST_SUBMIT,
    REQUEST_OPEN,
    REQUEST_CLOSE,
    REQUEST_CANCEL,
    REQUEST_ENLIST,
    REQUEST_GET
};
enum request_answer {
    ANSWER_NONE,
    ANSWER_OPENED,
    ANSWER_ENLISTED,
    ANSWER_REFUSED,
    ANSWER_OUTCOME,
    ANSWER_ACCEPTED, /* 202 */
    ANSWER_UNKNOWN,  /* 504: ask */
    ANSWER_NOTHING,  /* 503: nothing was done */
    ANSWER_GONE      /* 404 */
};

struct batch;

struct sim_event {
    uint64_t at_us;
    uint64_t order;
    enum sim_event_kind kind;
    uint32_t node; /* leadership; of requests and questions: the process that gets them */
    uint32_t shard, process;
    bool passed; /* by another process */
    uint32_t txn;
    uint32_t branch; /* index, from 0 */
    uint32_t attempt;
    uint32_t client;
    uint32_t id;   /* of a send, of a run, of a row */
    uint32_t what; /* op, request, answer */
    struct result result;
    bool unsent, down, unheard;
    uint64_t lock_wait_us; /* of a command */
    bool ordered;
    struct batch *batch;
    uint64_t again; /* of a command */
    uint32_t mark;  /* the same: its sender knows of nothing open below (marks.c) */
};

enum mood { MOOD_YES, MOOD_READ_ONLY, MOOD_REFUSE, MOOD_UNSENDABLE, MOOD_SKIP };

/* What a client wants: decided before anything happens. */
struct plan {
    enum txn_mode mode;
    bool interactive;
    bool accepted;
    uint32_t branches;
    uint32_t participant[BRANCHES_MAX];
    enum mood mood[BRANCHES_MAX];
    uint32_t row[BRANCHES_MAX]; /* at its participant; 0: none that others want */
    bool clashes, ordered;      /* two steps want one row; attempt 1 is to prepare in order */
    uint64_t prepare_after[BRANCHES_MAX];
    uint64_t needs[BRANCHES_MAX];
    enum txn_step_kind kind[BRANCHES_MAX]; /* sagas, from here … */
    uint64_t after[BRANCHES_MAX];
    bool has_compensation[BRANCHES_MAX], needs_output[BRANCHES_MAX];
    struct txn_retry retry[BRANCHES_MAX]; /* … to here */
    bool early[BRANCHES_MAX];             /* interactive: enlists as prepared */
    bool cancels;
    bool vanishes;       /* interactive: never says commit */
    bool names_stranger; /* interactive: names a branch that never enlists */
    bool changes;        /* interactive: says commit again with another list */
    bool careless;       /* has no key: sends again only when told that nothing was done */
};

/* The guard's row of a branch, at its participant. All is durable, but the work under way. */
struct guard {
    bool work; /* interactive: the service's open transaction; lost in a crash */
    uint32_t running, run_id;
    bool running_execute;
    bool has_row, in_order; /* of what runs */
    uint64_t waits_since;
    uint32_t run_node, run_send;
    uint32_t prepared; /* attempt; 0: none */
    uint32_t committed;
    uint32_t tombstone; /* refuses this attempt and lower ones */
    uint32_t read_only;
    bool confused; /* answers 409 to phase 2, as long as faults last */
    bool forgets;  /* plain http: what it has done it refuses to do again, and does not say why */
    /* Plain http: no tombstone; its answers stand under their keys: attempts that were refused. */
    uint32_t no, undo_no;
    struct {
        bool is;
        uint32_t op, attempt;
        uint64_t again;
    } phase2_no; /* and the last 409 to a commit or an abort */
    /* interactive */
    bool enlisting, acknowledged, refused;
    /* what the checkers remember */
    uint32_t abort_acknowledged;
    uint32_t by_hand; /* bit n: attempt n was rolled back by hand */
    bool hand_committed;
    bool told_ok; /* its service answered its caller */
    /* sagas */
    bool compensated;
    bool refused_once;
    uint32_t sends;   /* of execute, in the newest attempt */
    uint32_t undos;   /* sends of compensate */
    uint32_t resumes; /* an operator said: again, counted from zero */
    uint32_t sent_by; /* bit n: by incarnation n */
    bool recorded;    /* a STEP record says done */
    uint32_t raised;  /* attempts above the transaction's, of the newest STEP record */
    bool gone;        /* its row has left (marks.c) */
    /* What an operator said of it, as the journal has it: TRYING (0) where nothing. */
    enum record_step_state said;
    bool forces;         /* he forced it, the last time that he tried */
    enum txn_word wants; /* what he said last */
    bool forgotten;
};

#include "rows.h"

struct sim_txn { /* one gtid: rows, branches, and what was told about it */
    troth_gtid gtid;
    uint32_t epoch, shard;
    uint32_t client;
    struct plan plan;
    struct txn_origin origin;
    struct guard guard[BRANCHES_MAX];
    union { /* the journal's rows */
        struct {
            ROWS_OF_A_TXN
        };
        struct rows rows;
    };
    struct loss loss;
    uint32_t kafka[TXN_OUTCOME_COUNT];
    uint32_t kafka_order[TXN_OUTCOME_COUNT], kafka_count; /* which came first */
    uint64_t kafka_until_us;                              /* what is sent later arrives later */
    uint64_t began_at_us, decided_at_us;                  /* the last decision */
    /* what was said */
    enum txn_decision told;
    bool told_accepted, told_nothing;
    bool closed;
    uint32_t closed_list; /* that the first commit named */
};

struct write {
    uint32_t txn;
    enum txn_record_kind kind;
    enum txn_protocol protocol;
    const char *step;
    uint64_t step_seq;
    uint32_t attempt;
    enum txn_decision decision;
    enum txn_outcome outcome;
    uint32_t delegated, handed;
    bool publishes, forced, handed_closed;
    const char *members;
    const char *failure;
    enum txn_verdict verdict;
    enum txn_decision standing;
    bool pretended; /* a mutation gave the verdict already */
};

struct batch {
    uint32_t node, epoch, count;
    uint64_t not_before_us; /* it waits for the one in flight before it */
    struct write writes[LANE_MAX];
};

struct wait { /* a client for a transaction, or a service for its enlistment */
    uint32_t id;
    enum request what;
    uint32_t client, branch, list;
    bool late;
};

struct live {
    struct txn txn;
    struct wait waits[WAITS_MAX];
    uint32_t waits_count;
    struct txn_branch branches[BRANCHES_MAX];
    struct txn_history_entry history[TXN_HISTORY_MAX];
    struct buffer memory;
    uint64_t timer_us;
    /* Slots (slots.c). */
    struct world *world;
    uint32_t node, index;
    struct slots_waiter waiter;
    struct slots_pool *pools[BRANCHES_MAX];
    uint32_t wanted[BRANCHES_MAX];
    uint64_t has_place, has_slot; /* bit i: branches[i] */
    uint64_t roomy_since_us;
    bool stands_behind;        /* a mutation */
    enum txn_outcome last_row; /* the outbox row made last */
    bool made[TXN_OUTCOME_COUNT], published[TXN_OUTCOME_COUNT];
};

struct process {
    bool alive, draining;
    uint64_t paused_until_us;
    int64_t wall_offset_us;
};

struct shard {
    uint32_t epoch;  /* in the journal */
    uint32_t seen;   /* the highest that ever was */
    uint32_t lost;   /* of this epoch and below rows may be missing; 0: none */
    uint32_t leader; /* newest leadership */
    bool takeover_planned;
};

enum leaving { STAYS, LEAVES_SOON, LEAVES_NOW };

struct node {
    bool alive;
    uint32_t shard, process;
    uint32_t epoch, timeline;
    enum leaving leaving;    /* its shard is handed over: nothing new is accepted */
    uint64_t leaves_at_us;   /* at the latest */
    uint64_t lease_until_us; /* 0: it is renewed */
    struct live *live[TXNS_MAX];
    uint32_t found; /* transactions that were begun before its time */
    struct slots *slots;
    struct slots_pool pools[PARTICIPANTS];
    uint64_t slots_again_us;
    struct write gathered[LANE_MAX];
    uint32_t gathered_count;
    bool in_flight;
    uint64_t flush_at_us;
};

struct client {
    struct plan plan;
    uint32_t txn; /* TXNS_MAX: not known yet */
    bool finished;
    enum txn_decision heard;
    uint32_t heard_of; /* which txn */
    uint32_t tries, called, known;
    bool closed, cancelled;
    uint32_t list;   /* that it commits */
    bool sent, asks; /* careless */
};

struct world {
    uint64_t seed, random, now_us, order;
    enum mutation mutation;
    bool trace;
    bool quiet; /* says nothing when it fails: failing is expected */
    bool failed;
    char why[256];
    uint64_t digest; /* of the trace */
    uint64_t steps;
    const bool *off; /* of what may go wrong: left out (shrink.c) */
    uint32_t off_count, happened;
    /* How often each event was stepped in each state; [1]: while it was parked. */
    uint64_t (*pairs)[TXN_STATE_COUNT][TXN_EVENT_COUNT];
    bool settles;        /* operators settle branches by hand */
    uint64_t hand;       /* their chance: apart, so that without them nothing is another history */
    uint32_t rows;       /* of each participant, that everybody wants; 0: nobody wants the same */
    bool serializable;   /* who waits for a row when its holder commits cannot go on */
    bool blind;          /* nobody can look up who holds a row */
    bool calm;           /* nothing goes wrong */
    uint64_t longest_us; /* from its beginning to its commit, where nothing goes wrong */
    uint32_t slots;      /* of each participant; a transaction may need more */
    uint32_t drop, duplicate, slow, crash, lose_commit; /* per thousand, while faults last */
    uint32_t shards_count;                              /* used: one in half of the histories */
    struct shard shards[SHARDS];
    struct process processes[PROCESSES];
    bool loses;                         /* its journal goes back, once */
    uint32_t timeline;                  /* of the journal */
    struct lagging *behind;             /* what its standby has */
    uint64_t handovers, passed, losses; /* what was reached */
    uint32_t nodes_count;
    struct node *nodes[NODES_MAX];
    uint32_t txns_count;
    struct sim_txn txns[TXNS_MAX];
    uint32_t clients_count;
    struct client clients[CLIENTS_MAX];
    bool participant_down[PARTICIPANTS];
    uint32_t sends, waits;
    uint8_t *answered; /* by send id */
    struct txn_policy policy;
    struct txn_effects *effects;
    struct sim_event *heap;
    uint32_t heap_count, heap_cap;
    void *arena;
};

/* world.c */
void world_run(struct world *world);
uint64_t world_random(struct world *world, uint64_t below);
bool world_chance(struct world *world, uint32_t per_thousand);
/* Once for each thing that may go wrong, or happen at all, in its order: false: not in this run. */
bool world_happens(struct world *world);
bool world_faulty(const struct world *world);
uint64_t world_delay(struct world *world);
void world_push(struct world *world, struct sim_event event, uint64_t after_us);
/* Over the network: dropped, doubled, delayed, overtaken. */
void world_carry(struct world *world, struct sim_event event);
void *world_alloc(struct world *world, size_t size);
const char *world_text(struct world *world, struct troth_span span);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* node.c */
struct txn_now node_now(const struct world *world, uint32_t node);
uint32_t leader_of(const struct world *world, uint32_t txn);
void node_takeover(struct world *world, uint32_t shard, uint32_t process);
void node_step(struct world *world, uint32_t node, uint32_t txn, const struct txn_event *event);
void sim_pair(struct world *world, const struct txn *txn, enum txn_event_kind kind);
void node_on_result(struct world *world, const struct sim_event *event);
void node_on_call_timeout(struct world *world, const struct sim_event *event);
void node_on_timer(struct world *world, const struct sim_event *event);
void node_on_unsendable(struct world *world, const struct sim_event *event);
void node_on_skipped(struct world *world, const struct sim_event *event);
void node_on_granted(struct world *world, const struct sim_event *event);
void node_on_asked(struct world *world, const struct sim_event *event);
void node_on_kafka(struct world *world, const struct sim_event *event);
struct sending {
    enum message_op op;
    uint32_t attempt;
    uint64_t timeout_us, lock_wait_us;
    bool ordered;
    uint64_t again;
};
void node_send(struct world *world, uint32_t node, uint32_t txn, uint32_t branch,
               const struct sending *what);
void node_publish(struct world *world, uint32_t node, uint32_t txn, enum txn_outcome outcome);

bool node_leads(const struct world *world, uint32_t node);

/* marks.c */
uint32_t mark_of(const struct world *world, uint32_t node);
void mark_arrives(struct world *world, const struct sim_event *event);

/* operator.c */
void operator_on_retry(struct world *world, const struct sim_event *event);
void operator_on_settle(struct world *world, const struct sim_event *event);
void operators_plan(struct world *world);

/* stray.c */
void stray_one(struct world *world, uint32_t node, uint32_t txn);
void stray_all(struct world *world, uint32_t node, uint32_t txn);
void stray_fenced(struct world *world, uint32_t node, uint32_t txn);

/* request.c */
void node_on_request(struct world *world, const struct sim_event *event);
void node_branch_define(struct txn_branch *branch, const struct plan *plan, uint32_t i);

/* lane.c */
void lane_write(struct world *world, uint32_t node, uint32_t txn, const struct txn_record *record);
void lane_on_flush(struct world *world, const struct sim_event *event);
void lane_on_journal(struct world *world, const struct sim_event *event);
void lane_on_back(struct world *world, const struct sim_event *event);
void lane_on_lost(struct world *world, const struct sim_event *event);

/* journal.c */
void journal_apply(struct world *world, struct batch *batch);
void journal_image(const struct sim_txn *txn, struct txn_image *ret_image);
enum txn_answer journal_answer(const struct world *world, const struct sim_txn *txn,
                               uint32_t branch, uint32_t attempt, bool *ret_certain);

/* participant.c */
bool participant_is_plain(const struct world *world, uint32_t txn, uint32_t branch);
void participant_on_command(struct world *world, const struct sim_event *event);
void participant_on_work_done(struct world *world, const struct sim_event *event);
void participant_on_ask(struct world *world, const struct sim_event *event);
void participant_on_answer(struct world *world, const struct sim_event *event);
void participant_on_crash(struct world *world, const struct sim_event *event);
void participant_on_by_hand(struct world *world, const struct sim_event *event);
void participant_on_give_up(struct world *world, const struct sim_event *event);
void participant_prepare(struct world *world, uint32_t txn, uint32_t branch, uint32_t attempt);
void participant_roll_back(struct world *world, uint32_t txn, uint32_t branch);

void participant_answer(struct world *world, const struct sim_event *event, struct result result);
void participant_reply(struct world *world, uint32_t node, uint32_t send, struct result result,
                       uint32_t txn);
void participant_tombstone(struct guard *guard, uint32_t attempt);

/* locks.c */
void locks_work(struct world *world, const struct sim_event *command);
void locks_run(struct world *world);
void locks_on_timeout(struct world *world, const struct sim_event *event);
void locks_on_look(struct world *world, const struct sim_event *event);
void locks_on_commit(struct world *world, uint32_t txn, uint32_t branch);
void check_lively(struct world *world);

/* compensate.c */
void participant_compensate(struct world *world, const struct sim_event *event);
void participant_status(struct world *world, const struct sim_event *event);

/* client.c */
void clients_plan(struct world *world);
void client_on_timer(struct world *world, const struct sim_event *event);
void client_on_answer(struct world *world, const struct sim_event *event);
void client_on_service(struct world *world, const struct sim_event *event);
void client_tell(struct world *world, uint32_t node, uint32_t txn, enum request_answer answer,
                 uint32_t branch, enum txn_decision decision);
void client_tell_outcome(struct world *world, uint32_t node, uint32_t txn,
                         enum txn_decision decision, enum txn_outcome outcome);

/* mutate.c */
const char *mutation_name(enum mutation mutation);
bool mutation_parse(const char *name, enum mutation *ret_mutation);
/* What a host with that protection missing would do beside an effect. */
void mutate_persist(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_record *record);
/* Is answered by the host itself, and not sent. */
bool mutate_answers(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_effect *effect);
/* What such a host would make of an answer. */
void mutate_result(const struct world *world, struct result *result);
/* A command that says another thing than the core meant. */
void mutate_sending(const struct world *world, struct sending *what);
/* The record that hands it over is written, and its leader goes on. */
void mutate_hands_over(struct world *world, uint32_t node, uint32_t txn);
void mutate_late_yes(struct world *world, uint32_t node, uint32_t txn, const struct result *result);
/* Slots. */
bool mutate_stands_behind(struct world *world, uint32_t node, uint32_t txn);
void mutate_next_in_line(struct world *world, uint32_t node);
bool mutate_keeps_slot(const struct world *world, const struct txn_branch *branch);
bool mutate_pretends_durable(const struct world *world, const struct txn_record *record);
/* The same, and it is written all the same: its own verdict comes as a second one. */
bool mutate_pretends_too(const struct world *world, const struct txn_record *record);

#include "checks.h"
#include "nodes.h"

#endif
