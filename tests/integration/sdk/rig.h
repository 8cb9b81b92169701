/* rig.h: a participant over a real PostgreSQL in this process, a coordinator's side of the wire by
 * plain sockets, and SQL sessions to look and to interfere with. */
#ifndef INTEGRATION_SDK_RIG_H
#define INTEGRATION_SDK_RIG_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <troth/postgres.h>
#include <troth/troth.h>
#include <wire/message.h>

#define JOURNAL       "00000000000000aa"
#define OTHER_JOURNAL "00000000000000bb"
#define EPOCH         7u
#define WAIT_MS_MAX   60000 /* only a failure waits so long */
#define CALL_MS       50000 /* a call's own time, where a test says nothing of it */

/* Holds `hold`'s work up until it is opened. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    unsigned waiting;
};

struct rig {
    char conninfo[256];
    char oldest_open[64]; /* sent with every request; "" none */
    char token_file[64];  /* of whom is believed; "": nobody shows one, and none is asked for */
    struct troth_postgres_config config;
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    struct event_base *base;
    pthread_t thread;
    bool running;
    uint16_t port;
    PGconn *sql;
    struct gate gate;
    pthread_mutex_t saying;
    char cut[256];  /* the last line about a connection that was cut */
    unsigned calls; /* of `both` and `skew` */
};

#define TOKEN "0123456789abcdef-rig"

/* What the tests' databases are copies of: made by the first that calls it, in the process of all
 * (an unchecked fixture). */
void rig_make_template(void);
/* A new database with account 1 to 9 of 1000 each, and a participant over it. */
void rig_setup(struct rig *rig);
void rig_start(struct rig *rig);
void service_register(struct rig *rig); /* service.c */
void rig_run(struct rig *rig);          /* the loop, in a thread; rig_start() does it */
void rig_pause(struct rig *rig);        /* the loop stands still, until rig_run() */
void rig_stop(struct rig *rig);         /* as a crash: what is prepared stays */
void rig_teardown(struct rig *rig);

/* What debit is. The suites run all ways. */
enum rig_way { RIG_FUNCTION, RIG_QUERIES_ONLY, RIG_STATEMENT };
extern enum rig_way rig_way;

/* What was answered. */
struct said {
    bool there;
    enum message_result result;
    enum message_vote vote;
    enum message_state state;
    char output[256]; /* "" absent */
    char reason[MESSAGE_REASON_MAX + 1];
    troth_gtid blocker;
};

struct ask {
    enum message_op op;
    uint64_t counter;      /* of the gtid */
    uint16_t shard;        /* of the gtid; 0: 3 */
    const char *journal;   /* NULL: JOURNAL */
    uint32_t attempt;      /* 0: 1 */
    uint32_t branch;       /* 0: 1 */
    const char *operation; /* NULL: debit */
    const char *input;     /* NULL: {"account":1,"amount":100} for prepare, execute, compensate */
    const char *timeout;   /* ms; NULL: CALL_MS */
    uint64_t lock_wait_ms; /* 0: unsaid */
    bool ordered;
};

troth_gtid rig_gtid(uint64_t counter);
struct said rig_ask(const struct rig *rig, struct ask ask);
/* In two halves: the connection's descriptor, then its answer. */
int rig_send(const struct rig *rig, struct ask ask);
struct said rig_hear(int fd);

/* The first value of the first row, in a static buffer; "" for none. */
const char *rig_sql(struct rig *rig, const char *sql);
long rig_number(struct rig *rig, const char *sql);
/* Until `sql` gives `value`; fails after WAIT_MS_MAX. */
void rig_until(struct rig *rig, const char *sql, const char *value);
PGconn *rig_session(const struct rig *rig);
void session_run_sql(PGconn *session, const char *sql);
long rig_balance(struct rig *rig, int account);

void gate_wait_for(struct gate *gate, unsigned waiting);
void gate_open(struct gate *gate);

TCase *guard_tests(void);
TCase *attempt_tests(void);
TCase *conflict_tests(void);
TCase *database_tests(void);
TCase *scan_tests(void);
TCase *statement_tests(void);
TCase *silent_tests(void);

#endif
