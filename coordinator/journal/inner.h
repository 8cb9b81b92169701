/* inner.h: the journal's inside, shared by its files.
 *
 * Three links: `lane` writes (and acquires, and loads), `reader` answers questions, `keeper` renews
 * the lease, so that none of them waits behind another.
 *
 * Steps of the lane's connection, each entered by journal_step_set():
 *
 *   DOWN -> HELLO -> LEASE <-> WAIT          another live node holds the lease
 *                      └-> RAISE -> LOAD -> PROVE -> READY
 *   after a loss, epochs already raised (the same memory, so they are not raised again):
 *   DOWN -> HELLO -> RECLAIM -> LOAD (where it stopped) -> PROVE -> READY
 *   any -> STOPPED                           fenced, or the schema is not ours
 */
#ifndef JOURNAL_INNER_H
#define JOURNAL_INNER_H

#include <event2/event.h>
#include <journal/journal.h>

#include "batch.h"
#include "link.h"
#include "param.h"

enum step {
    STEP_DOWN,
    STEP_HELLO,
    STEP_LEASE,
    STEP_WAIT,
    STEP_RAISE,
    STEP_RECLAIM,
    STEP_LOAD,
    STEP_PROVE, /* that the session is ours alone */
    STEP_READY,
    STEP_STOPPED,
    STEP_COUNT
};

struct lane {
    struct link link;
    struct row_queue queue;
    struct batch *flight;             /* being written; next: parts of it that were split off */
    unsigned flight_kinds[ROW_KINDS]; /* statements sent, in order */
    unsigned flight_count, flight_seen;
    bool flying;         /* between send and sync; without a batch: a beat (alive.c) */
    uint64_t claimed_us; /* it also claims the lease, which had run out; 0: no */
    bool unknown;        /* a warning came: what the COMMIT waited for is not sure */
    char error_state[6]; /* SQLSTATE of the first error, "" none */
    char error_text[200];
    struct batch_index index;
    struct params params;
    struct event *timer;    /* the oldest lazy row has waited, or a failed batch may go again */
    struct event *wakeup;   /* behind everything that is active in this turn */
    uint64_t wake_at_us;    /* what `timer` is set for */
    uint64_t not_before_us; /* a failed batch's backoff */
    troth_gtid *poisoned;   /* transactions of which a row can never be written */
    size_t poisoned_count;
};

/* Transactions whose rows the database refuses that are remembered; later ones are reported, too,
 * but their further rows are tried. */
#define LANE_POISONED_MAX 256u

struct ask; /* read.c */

struct reader {
    struct link link;
    struct ask *first, **last; /* sent ones first */
    struct ask *unsent;
    size_t count;
    bool warned;
    bool closed;              /* hung up: nothing is asked any more */
    char words[LINK_WHY_MAX]; /* what the database said last to a question or a connection */
    struct event *wakeup;
    struct params params;
};

struct journal {
    struct event_base *base;
    char *conninfo;
    struct resolver *resolver;
    char *node;
    uint64_t lease_us;
    uint64_t lazy_delay_us;
    bool unsafe;                  /* fsync and its like may be off */
    uint64_t clock_difference_us; /* more: no lead */
    struct journal_callbacks callbacks;
    void *arg;

    enum journal_state state;
    char why[LINK_WHY_MAX]; /* as told with it: the same is not told again */
    enum step step;
    bool acquire_failed; /* the connection is being reset for that */
    char id[TROTH_JOURNAL_ID_LEN + 1];
    uint8_t owner[16];  /* this process, in the lease */
    int64_t twin_until; /* another one of our name holds the lease, first seen until then */
    uint64_t hello_asked_us;
    int64_t clock_wall_us; /* what to add to the monotonic clock for the database's; 0: not known */
    int64_t clock_ahead_us; /* this node's wall clock, of the database's */
    uint64_t write_timeout_us;
    uint64_t wrote_us;            /* the last write that succeeded */
    uint64_t waiting_us;          /* since when a write is under way, or can not be; 0: none */
    char hindrance[LINK_WHY_MAX]; /* of the writes, since the last one that succeeded; "" unknown */
    uint64_t hindrance_asked_us;
    uint32_t shards;
    uint32_t *epochs;         /* NULL until raised: then one memory */
    int64_t registry_reading; /* of the registry, the last one here */
    uint64_t *seqs;
    struct {
        bool txns_done;
        troth_gtid gtid; /* the last one handed over, and its shard */
        int32_t shard;
    } load;
    uint64_t lease_asked_us; /* monotonic: the renewal or acquisition under way */
    uint64_t lease_until_us; /* by our own clock, counted from the asking */

    struct lane lane;
    struct reader reader;
    struct link keeper;
    bool keeper_marked; /* its session has its mark */
    bool leased;        /* acquired: the keeper renews */
    struct event *keeper_timer;
    struct event *acquire_timer;
    struct params params; /* of acquire.c, load.c and lease.c */
    char application_name[64];
    struct journal_stats stats;
};

void event_in(struct event *event, uint64_t us);

/* journal.c */
void journal_state_set(struct journal *journal, enum journal_state state, const char *why);
void journal_step_set(struct journal *journal, enum step step);
/* Fenced, or refused for ever: nothing is written any more, what waits gets TXN_FENCED. */
void journal_stop(struct journal *journal, const char *why);
/* LEADING when the lane is ready and the lease is sure, else CONNECTING. */
void journal_state_update(struct journal *journal, const char *why);
/* LEADING if it may: good news, that says nothing of what else is wrong. */
void journal_state_recover(struct journal *journal, const char *why);
void journal_report(struct journal *journal, const troth_gtid *gtid, enum txn_record_kind kind,
                    uint32_t attempt, const char *why);

/* acquire.c: what the lane's connection does before it writes */
int acquire_init(struct journal *journal);
void acquire_finish(struct journal *journal);
void acquire_lease(struct journal *journal);
void acquire_reclaim(struct journal *journal);
void acquire_query(struct journal *journal, const char *sql, link_fn fn);
void acquire_sync(struct journal *journal, link_fn fn);
bool acquire_failed(struct journal *journal, PGresult *result);

/* hello.c */
void acquire_begin(struct journal *journal);
void acquire_prove(struct journal *journal);

/* clock.c */
void clock_note(struct journal *journal, uint64_t asked_us, struct wall database);
/* Else the state says that it does not lead. */
bool clock_is_right(struct journal *journal);

/* alive.c */
void alive_wrote(struct journal *journal);
void alive_waits(struct journal *journal);
bool alive_can_write(const struct journal *journal);
void alive_prepare(struct journal *journal);
void alive_beat(struct journal *journal);

/* hindrance.c */
void hindrance_note(struct journal *journal, const char *why);
void hindrance_ask(struct journal *journal); /* the keeper is up, and idle */

/* lease.c */
int lease_init(struct journal *journal);
void lease_finish(struct journal *journal);
void lease_start(struct journal *journal);  /* acquired: renew from now on */
void keeper_start(struct journal *journal); /* to ask what hinders the lane, too */
bool lease_sure(const struct journal *journal);
extern const char lease_claim_sql[];
void lease_give_back(struct journal *journal);

/* load.c */
void load_next(struct journal *journal);

/* lane.c */
int lane_init(struct journal *journal);
void lane_finish(struct journal *journal);
void lane_prepare(struct journal *journal);
void lane_lost(struct journal *journal);
void lane_warned(struct journal *journal);
void lane_flush(struct journal *journal);
void lane_begin(struct journal *journal);
void lane_send_statement(struct journal *journal, const char *name, link_fn fn);
void lane_on_result(void *arg, PGresult *result);
void lane_end(struct journal *journal);
void lane_fence_all(struct journal *journal);
bool lane_is_poisoned(const struct journal *journal, const troth_gtid *gtid);
void lane_poison(struct journal *journal, struct row *row, const char *why);

/* verdict.c: from the answers of a batch to its rows */
bool verdict_take(struct batch *batch, unsigned kind, const PGresult *result);

/* read.c */
int reader_init(struct journal *journal);
void reader_finish(struct journal *journal);

#endif
