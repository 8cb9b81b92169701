/* pg.h: the PostgreSQL resource's inside.
 *
 * Each connection has a thread: `work` is the service's own blocking SQL, so that the loop stays
 * free. Two pools, phase 1 (prepare, execute) and phase 2 (abort, compensate, status, scan, sweep,
 * and what the committer does not do by itself on the loop's thread), so that phase 2 never waits
 * behind work that waits for locks only phase 2 frees (protocol.md, section 4; faults.md 40). */
#ifndef SDK_PG_H
#define SDK_PG_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/id.h>
#include <troth/postgres.h>

#include <hosts/hosts.h>

#include "inside.h"
#include "participant.h"
#include "reply.h"
#include "request.h"
#include "say.h"
#include "sql.h"
#include "statement.h"
#include "task.h"
#include "watch.h"

/* Statements of the service's that a connection keeps prepared; others are parsed each time. */
#define SESSION_QUERIES_MAX 64
/* Rounds of roll back, end, try again before a command is answered `retry`. */
#define GUARD_ROUNDS_MAX   8
#define PG_CONNECTIONS_MAX 1000u
#define PG_SQLSTATE_LEN    5
/* Prepared branches looked at in one scan, oldest first; the next scan sees the others. */
#define SCAN_NAMES_MAX 10000
/* Guard rows deleted by one statement; the sweep repeats it until fewer are found. */
#define SWEEP_ROWS_MAX 10000

struct committer;
struct outputs;
struct pool;
struct scan;
struct sweep;
struct troth_client;
struct turns;
struct waits;

struct pg_operation {
    struct pg_operation *next;
    struct troth_postgres *postgres;
    struct troth_postgres_operation is; /* a statement in it stands below; work runs it, too */
    void *work_arg, *undo_arg;
    struct pg_statement statement, undo;
};

struct troth_postgres {
    struct troth_participant *participant;
    char *conninfo;
    char *coordinator; /* NULL: none */
    char *resolver;    /* NULL: resolv.conf's */
    uint32_t slots;
    uint32_t phase2_connections;
    uint64_t lock_timeout_us;
    uint64_t guard_timeout_us;
    uint64_t answer_timeout_us;
    uint64_t work_timeout_us;
    uint64_t stop_timeout_us;
    struct hosts hosts;
    _Atomic unsigned host;   /* of them: who was good last */
    struct event *look;      /* for answers that are late */
    struct event_base *base; /* NULL: not attached */
    pthread_mutex_t saying;  /* around `participant` where a thread has something to say */
    uint64_t scan_interval_us;
    uint64_t sweep_interval_us;
    struct pg_operation *operations;
    struct pg_operation others; /* stands for those that are not here: without work */
    bool closing;               /* loop thread: nothing new is begun */
    struct outputs *outputs;
    struct pool *phase1;
    struct pool *phase2;
    struct committer *committer;
    struct scan *scan;
    struct sweep *sweep;
    struct waits *waits;
    struct turns *turns;
};

struct troth_output {
    struct buffer json;
    struct buffer reason;
};

/* How an attempt to write a guard row ended. */
enum guard_end {
    GUARD_CLAIMED, /* the row is ours, in an open transaction */
    GUARD_TAKEN,   /* there is a row, or it is forgotten: look */
    GUARD_LOCKED,  /* somebody's transaction, running or prepared, holds it */
    GUARD_FAILED,  /* session->why */
    GUARD_LOST
};

/* --- session.c, connection.c: one connection, used by one thread ------------------------------ */

/* At the server; pid "": none. */
struct backend {
    char pid[16];
    char since[40];
};

/* One round of phase 1, as waits.c sees it; under its lock between waits_enter() and _leave(). */
struct wait {
    struct session *next, *prev;
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
    bool ordered;
    uint64_t began_us;
    uint64_t lock_wait_us;
    int pid;
    uint64_t looked_us; /* 0: never */
    bool known;         /* who holds the lock, from here … */
    bool ours;
    troth_gtid blocker;
    bool stuck;
    char holder[160]; /* … to here */
    bool ended;       /* it gives way */
    char why[80];
};

/* A command in a single message, as single.c sees it: the loop's, but that a thread may end it. */
struct single {
    struct event *readable;
    bool listens;             /* the loop does, and the connection does not block */
    struct troth_reply *task; /* under way; NULL: none */
    const char *tag;          /* of its last statement */
    bool parses;              /* its statement is prepared with it, and is the last of `queries` */
    bool parsed;
    unsigned results; /* so many have come */
    enum guard_end claimed;
    bool said;  /* its statement gave its row: `output` */
    bool ended; /* exactly the tag was answered */
    bool over;  /* all has come */
    bool lost;
    struct buffer output;
};

struct session {
    struct troth_postgres *postgres;
    struct single single;
    struct watch watch;
    troth_gtid gtid;          /* of the task, with its branch and attempt: for an operator */
    uint32_t branch, attempt; /* 0: of none */
    uint64_t work_until_us;   /* of the task: work that is longer under way is cut off */
    bool cut;                 /* since the task began: an answer was too late */
    bool reads_only;          /* the task's transaction is READ ONLY */
    struct backend backend;   /* this connection's */
    struct backend left;      /* of one that was cut, and may still be there */
    PGconn *connection;       /* NULL: none */
    bool warned;              /* a WARNING came since session_unwarn() */
    char why[256];            /* what went wrong last, for reasons and diagnostics */
    char failed[PG_SQLSTATE_LEN + 1]; /* the last error since session_forget(), whoever asked */
    char failed_why[256];             /* its words */
    bool dependent; /* it was a serialisation failure for what others have read and written, not
                       for a row that one of them has changed */
    char *queries[SESSION_QUERIES_MAX]; /* troth_postgres_query(): prepared here, by their text */
    int queries_count;
    bool stale; /* one of them, or the server, is of no use any more: to be opened anew */
    struct wait wait;
    char place[24];                        /* of the row that was claimed: its ctid */
    char conflict[MESSAGE_REASON_MAX + 1]; /* phase 1: the words of this round's */
    const struct troth_reply *unclaimed;   /* its guard row goes with the work's first statement */
    enum guard_end claimed;                /* how that ended, when `unclaimed` is NULL again */
};

/* How a statement ended. */
enum sql_end {
    SQL_OK,
    SQL_LOCKED, /* lock_timeout */
    SQL_FAILED, /* any other error; see sqlstate */
    SQL_LOST    /* the connection broke: it may have happened */
};

struct sql_error {
    char sqlstate[PG_SQLSTATE_LEN + 1]; /* "" when lost */
};

void session_init(struct session *session, struct troth_postgres *postgres); /* of zeros */
void session_finish(struct session *session);
/* Around a task. What is said in between has a limit of time: whoever looks (watch_look) cuts the
 * connection when an answer is late. */
void session_begin_task(struct session *session, const struct troth_reply *task);
void session_note_call(struct session *session, const struct troth_call *call);
void session_end_task(struct session *session);
/* The library's next statements: answer_timeout, and what they may wait for locks. */
void session_limit(struct session *session, uint64_t more_us);
void session_limit_work(struct session *session); /* the service's */
void session_limit_end(struct session *session);  /* COMMIT or PREPARE, and what they set off */
/* Connects unless it is connected and alive. TROTH_ERROR_UNAVAILABLE: `why` says it. */
TROTH_MUST_CHECK int session_open(struct session *session);
/* Connects anew, without the prepared statements: for commands by their text. */
TROTH_MUST_CHECK int session_open_bare(struct session *session);
void session_close(struct session *session);
/* Judges a result, and keeps in `why` what went wrong. */
enum sql_end session_judge(struct session *session, const PGresult *result,
                           struct sql_error *ret_error);
/* For an operator, from any thread: event, the branch under way, and more. */
void session_complain(struct session *session, enum troth_severity severity, const char *event,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Why the connection is of no use, into `why`. */
void session_say(struct session *session);
/* The server has ended the session with this. */
bool session_is_over(const PGresult *result);
/* One prepared statement and its result (NULL when lost), which the caller clears. */
enum sql_end session_run(struct session *session, enum sql_statement statement,
                         const struct sql_parameters *parameters, PGresult **ret_result,
                         struct sql_error *ret_error);
/* Text without parameters: COMMIT PREPARED and its like. */
enum sql_end session_command(struct session *session, const char *text, const char *tag,
                             struct sql_error *ret_error);
/* troth_postgres_query() on this thread means this session; NULL: none. */
void session_set_here(struct session *session);
#define SESSION_QUERY_NAME_BYTES 32
/* The place of a statement among those that are prepared here; -1: it is not. */
int session_query_find(const struct session *session, const char *sql);
/* Its result may say that the statement, or all of the connection's, are of no use any more. */
void session_query_noted(struct session *session, const PGresult *result);
void session_query_name(int place, char ret_name[SESSION_QUERY_NAME_BYTES]);
/* Pipelined: send each, then end; then session_next() for each, then session_pipeline_end(). */
bool session_pipeline_begin(struct session *session);
bool session_send(struct session *session, enum sql_statement statement,
                  const struct sql_parameters *parameters);
bool session_send_text(struct session *session, const char *text);
bool session_pipeline_send(struct session *session);
enum sql_end session_next(struct session *session, PGresult **ret_result,
                          struct sql_error *ret_error);
/* Reads on to the sync and leaves pipeline mode. false: lost. */
bool session_pipeline_end(struct session *session);
/* Ends whatever transaction is open. false: lost. */
bool session_rollback(struct session *session);
void session_unwarn(struct session *session);
void session_forget(struct session *session);
/* What failed since then failed because of another transaction: a lock not had in time or given up
 * (waits.c), a deadlock, a serialisation failure. The last two may be otherwise at once, with
 * another snapshot. */
bool session_conflict(const struct session *session);
bool session_again(const struct session *session);

/* --- pool.c: threads, each with a session ----------------------------------------------------- */

/* `count` threads. */
TROTH_MUST_CHECK int pool_create(struct troth_postgres *postgres, uint32_t count,
                                 struct pool **ret_pool);
/* Takes the task: task->run is called on one of the threads. From the loop's thread. */
void pool_give(struct pool *pool, struct troth_reply *task);
/* The session of a thread that is idle, with a good connection; NULL: there is none. The thread
 * leaves it alone until it is given back, or a task with it. From the loop's thread, all three. */
struct session *pool_lend(struct pool *pool);
void pool_give_back(struct session *session);
void pool_hand_over(struct session *session, struct troth_reply *task);
/* Before pool_close(): nothing is lent any more, and nothing listens. */
void pool_end_lending(struct pool *pool);
/* This is one of the threads of some pool: work or compensate are on the stack. */
bool pool_is_here(void);
/* Cuts what is late. */
void pool_look(struct pool *pool, uint64_t now_us);
/* The end, in this order; each takes NULL. Nothing is begun any more: queued tasks are answered
 * `retry`, threads end behind their running work. */
void pool_close(struct pool *pool);
/* All threads have ended; false: not until then (CLOCK_MONOTONIC). */
bool pool_wait(struct pool *pool, uint64_t until_us);
/* Whatever waits for the database does not any more. */
void pool_cut(struct pool *pool);
/* Frees; false: threads have not ended, and keep what they use. */
bool pool_destroy(struct pool *pool);

/* --- outputs.c: what prepared branches have put out, until their commit. Any thread ----------- */

TROTH_MUST_CHECK int outputs_create(uint32_t entries, struct outputs **ret_outputs);
void outputs_destroy(struct outputs *outputs);
/* Keeps a copy, in the place of some older one; an absent output is kept too. */
void outputs_put(struct outputs *outputs, const struct troth_call *call, struct troth_span output);
/* Takes it out; the caller frees *ret_memory, in which the output lies. false: not here. */
bool outputs_take(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output);
/* The same, and it stays. false: not here, or no memory. */
bool outputs_copy(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output);

/* --- guard.c: the guard's rows ---------------------------------------------------------------- */

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
    bool fenced;              /* with REFUSED: a tombstone stands */
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
/* What the row's own result says, which was judged as `end`. */
enum guard_end guard_claim_end(struct session *session, enum sql_end end,
                               const struct sql_error *error, const PGresult *result);
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

/* --- work.c: the service's function, and what its answer means -------------------------------- */

enum work_end {
    WORK_DONE,
    WORK_REFUSED,
    WORK_CONFLICT, /* the service says so, or a statement failed for it */
    WORK_FAILED,
    WORK_LOST,
    WORK_UNCLAIMED /* session->claimed says how the guard row was not to be had */
};
/* Runs it inside the open transaction; or, with session->unclaimed, opens that with its first
 * statement. DONE: the transaction is still open and sound. Otherwise
 * output->reason says why (REFUSED, CONFLICT, FAILED). */
enum work_end work_run(struct session *session, troth_postgres_fn work, void *arg,
                       const struct troth_call *call, struct troth_output *output);
/* Ends the open transaction with its output kept in the guard: `text` is COMMIT or PREPARE
 * TRANSACTION …, and must answer with exactly `tag`. SQL_FAILED: nothing happened. SQL_LOST: it
 * may have happened. */
enum sql_end work_finish(struct session *session, const struct troth_call *call, const char *kind,
                         const struct troth_output *output, const char *text, const char *tag);
struct troth_span output_span(const struct troth_output *output);
void output_finish(struct troth_output *output);

/* --- the commands, as task->run --------------------------------------------------------------- */

void phase1_run(struct session *session, struct troth_reply *task); /* prepare, execute */
/* The same, where single.c has begun it: its session's round is ended here. */
void phase1_go_on(struct session *session, struct troth_reply *task);
/* All has gone well: keeps the output for the commit, and answers. Any thread. */
void phase1_done(struct session *session, struct troth_reply *task, struct troth_span output);
void read_only_run(struct session *session, struct troth_reply *task);
void commit_run(struct session *session, struct troth_reply *task);
void abort_run(struct session *session, struct troth_reply *task);
void compensate_run(struct session *session, struct troth_reply *task);
void status_run(struct session *session, struct troth_reply *task);

/* --- single.c: prepare and execute in one message. Loop thread, but for single_wait() -----------
 */

/* Takes the task, of an operation that is a statement; false: it does not. */
bool single_run(struct troth_postgres *postgres, struct troth_reply *task);
/* The loop does not listen any more, and the connection blocks: the session is its thread's. */
void single_leave(struct session *session);
/* On the session's thread: until all has come, or the connection is lost. */
void single_wait(struct session *session);
/* The connection is as before. false: it is lost. */
bool single_end(struct session *session);
void single_finish(struct session *session);

/* --- committer.c: loop thread ----------------------------------------------------------------- */

TROTH_MUST_CHECK int committer_create(struct troth_postgres *postgres, uint32_t connections,
                                      struct committer **ret_committer);
void committer_attached(struct committer *committer, struct event_base *base);
/* Takes the task, a commit of a branch that writes. */
void committer_commit(struct committer *committer, struct troth_reply *task);
/* Cuts what is late. */
void committer_look(struct committer *committer, uint64_t now_us);
/* The end, in this order; each takes NULL. Before phase 2's pool is closed: waits for what is under
 * way until then. */
void committer_close(struct committer *committer, uint64_t until_us);
/* What still is, is answered `unknown`. */
void committer_cut(struct committer *committer);
/* Leaves the loop, and keeps what a thread may still use. */
void committer_leave(struct committer *committer);
void committer_destroy(struct committer *committer);

/* --- scan.c, sweep.c: loop thread ------------------------------------------------------------- */

TROTH_MUST_CHECK int scan_create(struct troth_postgres *postgres, struct scan **ret_scan);
void scan_attached(struct scan *scan, struct event_base *base);
void scan_now(struct scan *scan);   /* all ages */
void scan_leave(struct scan *scan); /* the loop, and keeps what a thread may still use */
void scan_destroy(struct scan *scan);

TROTH_MUST_CHECK int sweep_create(struct troth_postgres *postgres, struct sweep **ret_sweep);
void sweep_attached(struct sweep *sweep, struct event_base *base);
void sweep_leave(struct sweep *sweep); /* the same */
void sweep_destroy(struct sweep *sweep);

/* --- waits.c: who waits for whose locks ------------------------------------------------------- */

TROTH_MUST_CHECK int waits_create(struct troth_postgres *postgres, struct waits **ret_waits);
void waits_attached(struct waits *waits, struct event_base *base); /* loop thread */
void waits_detach(struct waits *waits);  /* loop thread: its memory stays */
void waits_destroy(struct waits *waits); /* loop thread; takes NULL */
/* Around one round of phase 1 on a session that is open, from its thread. */
void waits_enter(struct waits *waits, struct session *session, const struct troth_reply *task);
void waits_leave(struct waits *waits, struct session *session);
/* The same from the loop's thread, which waits for nobody. false: not now. */
bool waits_try_enter(struct waits *waits, struct session *session, const struct troth_reply *task);
bool waits_try_leave(struct waits *waits, struct session *session);
/* Attempts of the branch up to `through` that work in this process are cancelled, by `asking`,
 * whose thread it is: nobody need wait for what is about to be ended. A session that is between two
 * statements goes on, and the guard ends it. */
void waits_end_lower(struct waits *waits, struct session *asking, const struct troth_call *call,
                     uint32_t through);
/* An attempt of the branch above the call's works in this process. Any thread. */
bool waits_higher(struct waits *waits, const struct troth_call *call);
/* Its statement was cancelled, or is about to be, since it gives way. Any thread. */
bool waits_ended(struct waits *waits, const struct session *session);

/* postgres.c: its operations answer `retry`. */
void postgres_detach(struct troth_postgres *postgres);
void operation_free(struct pg_operation *operation);
/* stop.c: closes both; false: threads have not ended until then, and stay. */
bool postgres_end_pools(struct troth_postgres *postgres, uint64_t end_us);

/* --- turns.c: who tries again what a serialisation failure has ended. Any thread -------------- */

/* At most `most` at a time. */
TROTH_MUST_CHECK int turns_create(uint32_t most, struct turns **ret_turns);
void turns_destroy(struct turns *turns); /* takes NULL */
/* Blocks until it is this transaction's turn; false: not within `wait_us`, nor within a second. */
bool turns_take(struct turns *turns, const troth_gtid *gtid, uint64_t wait_us);
/* It failed again, and keeps its turn. */
void turns_failed(struct turns *turns);
void turns_give_back(struct turns *turns, bool done);

/* migrate.c: the version in the database; SCHEMA_VERSION is the library's. */
extern const int schema_version;
TROTH_MUST_CHECK int schema_check(PGconn *connection, char *ret_why, size_t why_cap);

#endif
