/* loop_session.h: one client of the hand-written two-phase commit: two branches and a decision. */
#ifndef BENCH_LOOP_SESSION_H
#define BENCH_LOOP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#define BRANCHES 2

struct loop_config {
    const char *branch[BRANCHES]; /* conninfo of each bank's database */
    const char *decisions;
    bool strong; /* work and PREPARE in one message, in place of one statement a message */
    uint32_t accounts;
    uint32_t hot[BRANCHES]; /* accounts that all clients share; 0: each has its own */
    uint64_t run;           /* goes into the ids, so that two runs over one database never meet */
};

struct loop_session {
    const struct loop_config *config;
    uint32_t number;
    uint64_t counter;
    uint64_t random;
    uint64_t account[BRANCHES];
    PGconn *branch[BRANCHES];
    PGconn *decisions;
    char gtid[40];
    char prepared[BRANCHES][64];
    char why[512]; /* the last failure */
};

/* false: `why` says what is wrong. */
bool loop_session_open(struct loop_session *session, const struct loop_config *config,
                       uint32_t number);
void loop_session_close(struct loop_session *session);
/* One transfer of 1 between two accounts: committed, or false. */
bool loop_session_transfer(struct loop_session *session);

#endif
