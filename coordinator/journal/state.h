/* state.h: the journal's memory, where its connections stand, and what is said of that.
 *
 * Three links: `lane` writes (and acquires, and loads), `reader` answers questions, `keeper` renews
 * the lease, so that none of them waits behind another.
 *
 * Steps of the lane's connection, each entered by state_step():
 *
 *   DOWN -> HELLO -> LEASE <-> WAIT          another live node holds the lease
 *                      └-> RAISE -> LOAD -> PROVE -> READY
 *   after a loss, epochs already raised (the same memory, so they are not raised again):
 *   DOWN -> HELLO -> RECLAIM -> LOAD (where it stopped) -> PROVE -> READY
 *   any -> STOPPED                           fenced, or the schema is not ours
 */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#include <event2/event.h>
#include <journal/journal.h>

#include "batch.h"
#include "link.h"
#include "param.h"
#include "statements.h"

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

/* One form of one of the lane's statements. */
struct lane_statement {
    struct journal *journal;
    bool prepared; /* in this session: when it is said for the first time */
};

struct lane {
    struct link link;
    struct lane_statement statements[STATEMENTS_COUNT][FORMS_COUNT];
    struct row_queue queue;
    struct batch *flight; /* being written; next: parts of it that were split off */
    enum statement_kind flight_kinds[STATEMENTS_COUNT]; /* sent, in order */
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
    troth_gtid swept;       /* up to there the shards have been swept, perhaps (sweep.sql) */
    size_t ended;           /* rows written since the last sweep */
    troth_gtid *poisoned;   /* transactions of which a row can never be written */
    size_t poisoned_count;
};

/* Transactions whose rows the database refuses that are remembered; later ones are reported, too,
 * but their further rows are tried. */
#define LANE_POISONED_MAX 256u

/* What the keeper read of the others (nodes.c). */
struct picture {
    struct journal_node nodes[JOURNAL_NODES_MAX];
    size_t count;
    int *holders;     /* of each shard: which node has its lease; -1: none */
    uint64_t read_us; /* when it was asked for; 0: never */
    uint64_t asked_us;
};

struct ask; /* read.h */
struct ask_kind;

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
    const struct ask_kind *const *prepared;
    size_t prepared_count;
};

struct journal {
    struct event_base *base;
    char *conninfo;
    struct resolver *resolver;
    char *node, *address, *public_key;
    uint64_t lease_us;
    uint64_t lazy_delay_us;
    bool unsafe;                  /* fsync and its like may be off */
    uint64_t clock_difference_us; /* more: no lead */
    struct journal_callbacks callbacks;
    void *arg;
    void (*stopped)(struct journal *journal); /* the lane's: what waits gets TXN_FENCED */

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
    uint64_t retention_us;  /* 0: nothing leaves */
    struct {
        struct event *timer;
        bool asking;
        uint32_t shard;
        troth_gtid *behind; /* of each shard: up to there everything old has left */
        uint64_t again_us;  /* when all is looked through from the beginning */
    } forget;
    uint64_t write_timeout_us;
    uint64_t wrote_us;            /* the last write that succeeded */
    uint64_t waiting_us;          /* since when a write is under way, or cannot be; 0: none */
    char hindrance[LINK_WHY_MAX]; /* of the writes, since the last one that succeeded; "" unknown */
    uint64_t hindrance_asked_us;
    uint32_t shards;
    uint32_t *epochs;         /* NULL until raised: then one memory */
    int64_t registry_reading; /* of the registry, the last one here … */
    int64_t registry_version; /* … and how many changes it is made from */
    uint64_t *seqs;
    struct { /* the last row that was acknowledged (lost.c) */
        bool any;
        troth_gtid gtid;
        enum txn_record_kind kind;
        uint32_t attempt;
        uint64_t step_seq;
    } acknowledged;
    uint32_t *floors;        /* epochs that participants have seen; NULL: none above the own ones */
    bool below, above, kept; /* what the journal's rows are, on this connection (lost.c) */
    struct {
        bool sweep_answered, swept; /* every open one is noted */
        bool txns_done;
        troth_gtid gtid; /* the last one handed over, and its shard */
        int32_t shard;
    } load;
    uint64_t lease_asked_us; /* monotonic: the renewal or acquisition under way */
    uint64_t lease_until_us; /* by our own clock, counted from the asking */

    struct picture picture;
    struct lane lane;
    struct reader reader;
    struct link keeper;
    bool keeper_marked; /* its session has its mark */
    bool leased;        /* acquired: the keeper renews */
    struct event *keeper_timer;
    struct event *acquire_timer;
    struct event *proving; /* the lane's session may be proven to be ours alone (hello.c) */
    struct params params;  /* of hello.c, acquire.c, load.c and lease.c */
    char application_name[64];
    struct journal_stats stats;
};

/* Told by the callback, once; nothing behind FENCED. */
void state_set(struct journal *journal, enum journal_state state, const char *why);
void state_step(struct journal *journal, enum step step);
/* LEADING when the lane is ready and the lease is sure, else CONNECTING. */
void state_update(struct journal *journal, const char *why);
/* LEADING if it may: good news, that says nothing of what else is wrong. */
void state_recover(struct journal *journal, const char *why);
/* Fenced, or refused for ever: nothing is written any more, what waits gets TXN_FENCED. */
void state_stop(struct journal *journal, const char *why);
void state_report(struct journal *journal, const troth_gtid *gtid, enum txn_record_kind kind,
                  uint32_t attempt, const char *why);
/* By our own clock the lease is ours; a tenth of it is left for what is on its way. */
bool state_lease_sure(const struct journal *journal);
/* No write has waited for longer than its timeout. */
bool state_can_write(const struct journal *journal);
/* The lane looks what it has to write, behind what is active in this turn. */
void state_wake_lane(struct journal *journal);

#endif
