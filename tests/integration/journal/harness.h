/* harness.h: a database of its own for each test, and journals as nodes on one loop. */
#ifndef TESTS_JOURNAL_HARNESS_H
#define TESTS_JOURNAL_HARNESS_H

#include <check.h>
#include <event2/event.h>
#include <journal/journal.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#define WAIT_MS 20000 /* bound of every wait: reaching it is a failure */

struct verdict_list {
    struct journal_verdict *list;
    size_t count, cap;
};

/* Transactions that have a BEGIN. Most tests are about what comes behind it: where one was made for
 * them, its verdict is not theirs to see. */
struct begun_list {
    struct {
        troth_gtid gtid;
        bool hidden;
    } * list;
    size_t count, cap;
};

struct loaded {
    troth_gtid gtid;
    uint32_t attempt;
    enum txn_decision decision;
    enum txn_outcome outcome;
    enum txn_protocol protocol;
    bool accepted;
    uint32_t delegated_branch;
    bool doubtful;
    char members[512];
    char input[512];
    char steps[512];
    char fallback[512];
};

struct outbox_seen {
    uint8_t id[RECORD_OUTBOX_ID_BYTES];
    troth_gtid gtid;
    uint32_t epoch;
    uint64_t seq;
    char payload[512];
};

struct node {
    struct world *world;
    struct journal *journal;
    char conninfo[256];
    struct verdict_list verdicts;
    struct begun_list begun;
    struct loaded loaded[64];
    size_t loaded_count;
    struct outbox_seen outbox[64];
    size_t outbox_count, outbox_pages;
    struct journal_place outbox_place;
    bool outbox_more;
    troth_gtid refused[8];
    size_t refused_count;
    size_t states[5]; /* how often each was told */
    char told[4096];  /* with what words, the last ones */
    char why[256];
};

struct world {
    struct event_base *base;
    struct event *tick;
    char database[64];
    char conninfo[256];
    PGconn *admin; /* a plain session in the test's database */
    struct node *nodes[4];
    size_t nodes_count;
};

/* What the tests' databases are copies of: made by the first that calls it, in the process of all
 * (an unchecked fixture). */
void world_make_template(void);
/* A new database, migrated unless `bare`. */
void world_init(struct world *world, bool bare);
void world_finish(struct world *world);
/* Loops, with a flush in every turn, until the condition holds; fails the test after WAIT_MS. */
#define world_wait(world, condition)                                                               \
    do {                                                                                           \
        uint64_t give_up = world_now_ms() + WAIT_MS;                                               \
        while (!(condition)) {                                                                     \
            ck_assert_msg(world_now_ms() < give_up, "waited in vain for: %s", #condition);         \
            world_turn(world);                                                                     \
        }                                                                                          \
    } while (0)
void world_turn(struct world *world);
uint64_t world_now_ms(void);

/* The first field of the first row as a number; fails the test on an error. */
long world_number(struct world *world, const char *sql);
/* The same as text, in static memory. */
const char *world_text(struct world *world, const char *sql);
void world_exec(struct world *world, const char *sql);

struct node_options {
    const char *name;       /* "a" */
    const char *conninfo;   /* the world's */
    uint64_t lease_us;      /* 5 s */
    uint64_t lazy_delay_us; /* 20 ms */
    uint64_t retention_us;  /* for ever */
    enum journal_unsafe unsafe;
    uint64_t write_timeout_us; /* 5 s */
};
void node_start(struct world *world, struct node *node, struct node_options options);
void node_lead(struct world *world, struct node *node); /* started with defaults, and leading */
uint32_t node_led(const struct node *node);             /* how many shards */
void node_stop(struct node *node);
void node_read_outbox(struct world *world, struct node *node); /* into node->outbox */
const struct journal_verdict *node_verdict(const struct node *node, const troth_gtid *gtid,
                                           enum txn_record_kind kind);
size_t node_verdicts_of(const struct node *node, const troth_gtid *gtid, enum txn_record_kind kind);

/* --- records
 * -------------------------------------------------------------------------------------- */

troth_gtid sample_gtid(const struct node *node, uint32_t shard, uint64_t counter);
struct troth_span text_span(const char *text);

struct sample {
    struct txn_origin origin;
    struct txn_record record;
    struct record_outbox_row event;
};

/* A record of a transaction with two members; its spans are static. An event goes with a DECISION
 * and an OUTCOME. */
void sample_make(struct sample *sample, struct node *node, troth_gtid gtid,
                 enum txn_record_kind kind);
/* Behind a BEGIN, which is made where this node has not seen one, and has no verdict here. */
void sample_append(struct node *node, const struct sample *sample);
/* Both, for a commit decision or another kind as it comes. */
void append(struct node *node, troth_gtid gtid, enum txn_record_kind kind);

#endif
