/* state.h: the journal's memory, where its connections stand, and what is said of that.
 *
 * Four links: `lane` writes, `reader` answers questions, `keeper` renews the leases and looks who
 * else is there, `taker` takes shards, so that none of them waits behind another.
 *
 * Steps of the lane's connection, each entered by state_step():
 *
 *   DOWN -> HELLO -> PROVE -> READY
 *   any -> STOPPED                           the schema is not ours, or a twin lives
 *
 * Each shard has a life of its own beside that (held.h), and what is taken its steps (take.h). */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#include <event2/event.h>
#include <journal/journal.h>
#include <journal/share.h>

#include "batch.h"
#include "link.h"
#include "param.h"
#include "statements.h"

enum step {
    STEP_DOWN,
    STEP_HELLO,
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
    uint64_t claimed_us; /* it also renews the leases, which had run out; 0: no */
    bool hurries;        /* lazy rows do not wait: their shard leaves */
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
    bool sweeps;            /* its statement is prepared in this session */
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
    struct share_shard *shards;
    uint64_t read_us; /* when it was asked for; 0: never */
    uint64_t asked_us;
    uint64_t announced_us; /* this node's own life, likewise */
    uint64_t ends_us;      /* when the first lease of another one's would run out */
    bool moving;           /* something changes hands: it is looked more often */
    bool lacks;            /* somebody showed himself who is not in it: likewise */
    bool spare; /* when it looked last, this node had nothing and might take nothing; another one
                   led */
};

/* A shard, here (held.h). */
struct held {
    enum journal_shard_state state;
    uint32_t epoch;          /* raised here; 0: FOREIGN */
    uint32_t seen_epoch;     /* the highest that was ever seen, whoever raised it */
    uint64_t seq;            /* of the outbox */
    uint64_t had_us;         /* since when its lease is known to be ours */
    uint64_t lease_until_us; /* by our own clock, counted from the asking */
    uint8_t meant_for[16];   /* LEAVING: all zero for nobody */
    bool claimed;            /* renewed in the lane's transaction under way */
    bool given;              /* LEAVING: the host has ended its part */
};

/* Shards that are being taken, together (take.h). */
enum take_step { TAKE_IDLE, TAKE_LEASE, TAKE_RAISE, TAKE_LOAD };
struct take {
    enum take_step step;
    uint32_t shards[TROTH_SHARDS_MAX], count;
    uint8_t owners[TROTH_SHARDS_MAX][16]; /* whose they were; all zero: given back */
    uint64_t free_us[TROTH_SHARDS_MAX];   /* since when they are nobody's, as the database says */
    uint64_t asked_us, had_us;  /* when the leases were asked for, and when they were had */
    uint32_t lost;              /* of those: from a leader whose journal may have gone back since */
    bool swept, sweep_answered; /* every open one is noted */
    bool pages_done;
    troth_gtid gtid; /* the last one handed over, and its shard */
    int32_t shard;
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
    void (*stopped)(struct journal *journal); /* the lane's: what waits gets TXN_FENCED … */
    void (*dropped)(struct journal *journal, uint32_t shard); /* … or what waits for one shard */

    enum journal_state state;
    char why[LINK_WHY_MAX]; /* as told with it: the same is not told again */
    enum step step;
    bool hello_failed; /* the connection is being reset for that */
    char id[TROTH_JOURNAL_ID_LEN + 1];
    uint8_t owner[16];  /* this process, in the lease */
    int64_t twin_until; /* another one of our name lives, first seen until then */
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
    struct held *held;        /* one a shard; NULL until their number is known */
    int64_t registry_reading; /* of the registry, the last one here … */
    int64_t registry_version; /* … and how many changes it is made from */
    bool leaving;             /* it stops: no shard is taken any more */
    uint64_t lease_asked_us;  /* monotonic: the last renewal */
    struct {                  /* the last row that was acknowledged (lost.c) */
        bool any;
        troth_gtid gtid;
        enum txn_record_kind kind;
        uint32_t attempt;
        uint64_t step_seq;
    } acknowledged;
    bool below, kept; /* what the journal's rows are, on this connection (lost.c) */

    struct picture picture;
    struct lane lane;
    struct reader reader;
    struct link keeper;
    bool keeper_marked; /* its session has its mark */
    struct event *keeper_timer;
    struct link taker;
    bool taker_sweeps; /* the sweep is prepared in its session */
    struct take take;
    struct event *proving;      /* the lane's session may be proven to be ours alone (hello.c) */
    struct params params;       /* of all but lane and reader */
    char application_name[100]; /* of the lane, with this process at its end */
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
/* By our own clock the leases of what is led are ours; a tenth is left for what is on its way. */
bool state_lease_sure(const struct journal *journal);
/* No write has waited for longer than its timeout. */
bool state_can_write(const struct journal *journal);
/* troth:JOURNAL:KIND:OWNER, by which a session says that its process lives. */
void state_session_name(const struct journal *journal, const char *kind, char *ret_name,
                        size_t size);
/* The leases are renewed and the others looked at, in the next turn. */
void state_hurry_keeper(struct journal *journal);
/* Starts a link with the host that the lane is connected to: it has found who takes writes. */
void state_start_beside_lane(struct journal *journal, struct link *link);
/* The lane looks what it has to write, behind what is active in this turn. */
void state_wake_lane(struct journal *journal);

#endif
