/* guard.h: the guard's rows, and what its functions say. */
#ifndef SDK_GUARD_H
#define SDK_GUARD_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include <troth/participant.h>

#include "connection.h"
#include "output.h"
#include "session.h"
#include "sql.h"
#include "task.h"

/* Rounds of roll back, end, try again before a command is answered `retry`. */
#define GUARD_ROUNDS_MAX 8
#define GUARD_TEXT_BYTES (TROTH_PREPARED_NAME_LEN_MAX + 32)

/* What the functions of troth_guard say (sql/participant). */
enum guard_verdict {
    VERDICT_WORK,
    VERDICT_DONE,
    VERDICT_REFUSED,
    VERDICT_PREPARED,
    VERDICT_ABORTED,
    VERDICT_COMMITTED,
    VERDICT_COMPENSATED,
    VERDICT_HEURISTIC,
    VERDICT_UNKNOWN,
    VERDICT_RETRY,
    VERDICT_AGAIN,
    VERDICT_ROLL_BACK
};

struct guard_answer {
    enum guard_verdict verdict;
    bool revoked;             /* with REFUSED: a tombstone stands */
    struct troth_span output; /* these point into `result` */
    const char *reason;
    const char *prepared; /* with ROLL_BACK: names, with a blank between two */
    PGresult *result;
};

/* How long the task may still wait for locks of its business; 0: not any more. */
uint64_t guard_lock_left_us(const struct session *session, const struct troth_reply *task);

struct guard_timeouts {
    char statement[24]; /* milliseconds; 0: none */
    char guard[24];     /* for the guard's row */
    char lock[24];      /* for the rows of the business */
};

void guard_timeouts_of(const struct session *session, const struct troth_reply *task,
                       struct guard_timeouts *ret_timeouts);
/* BEGIN, the timeouts and the row, in one message. CLAIMED and TAKEN leave a transaction open. */
enum guard_end guard_claim(struct session *session, const struct troth_reply *task);
/* The same in a pipeline, without its end: sends; what is sent behind it runs only when the row is
 * ours. false: lost. Then reads its answer; the transaction is to be rolled back unless CLAIMED. */
bool guard_claim_send(struct session *session, const struct troth_reply *task);
enum guard_end guard_claim_read(struct session *session);
/* The parameters of a claim, or those of row_behind.sql and of the settings before the work; they
 * point into it. */
struct guard_row {
    struct sql_parameters settings;
    struct sql_parameters parameters;
    struct guard_timeouts timeouts;
    unsigned char hash[TASK_HASH_BYTES];
    char prepared[TROTH_PREPARED_NAME_LEN_MAX + 1];
};

/* Those of row_behind.sql. false: no memory. */
bool guard_row_behind(const struct troth_reply *task, struct guard_row *ret_row);
/* And those of work_settings.sql. */
void guard_row_settings(const struct session *session, const struct troth_reply *task,
                        struct guard_row *row);
enum guard_end guard_claim_compensation(struct session *session, const struct troth_reply *task);
/* Asks one of the functions in a transaction of its own, in one message. true: *ret_answer is
 * filled; guard_answer_finish() it. false: session->why. */
bool guard_ask(struct session *session, enum sql_statement function,
               const struct sql_parameters *parameters, struct guard_answer *ret_answer);
void guard_answer_finish(struct guard_answer *answer);
/* What prepare and execute find, in their words: see found.sql, action_held.sql, refuse.sql. */
bool guard_ask_found(struct session *session, const struct troth_reply *task,
                     struct guard_answer *ret_answer);
bool guard_ask_held(struct session *session, const struct troth_reply *task,
                    struct guard_answer *ret_answer);
bool guard_refuse(struct session *session, const struct troth_reply *task,
                  const struct troth_output *output, struct guard_answer *ret_answer);
/* ROLLBACK PREPARED of each that the answer names. false: session->why. */
bool guard_roll_back(struct session *session, const struct guard_answer *answer);
/* The same of all attempts up to `through` that are prepared. */
bool guard_roll_back_through(struct session *session, const struct troth_call *call,
                             uint32_t through);
void guard_prepared_name(const struct troth_call *call, uint32_t attempt,
                         char ret_name[TROTH_PREPARED_NAME_LEN_MAX + 1]);
/* "COMMIT PREPARED 'troth_…'": there is no other way to give a name, which is ours,
 * [0-9a-z_-] only. */
void guard_say_prepared(const char *words, const char *name, char ret_text[GUARD_TEXT_BYTES]);

#endif
