/* <troth/postgres.h>: a participant over PostgreSQL.
 *
 * The service writes one function a operation, `work`, that changes its own tables through the
 * connection it is given; the resource does the rest: BEGIN, the guard row, PREPARE TRANSACTION,
 * COMMIT PREPARED, ROLLBACK PREPARED, and for one-phase commit and sagas BEGIN, guard, work,
 * COMMIT. The guard (schema troth_guard, table guard) makes each operation happen exactly once,
 * whatever is lost, doubled, late or out of order.
 *
 *     troth_participant_create
 *     troth_postgres_create -> troth_postgres_handle … -> troth_postgres_start
 *     troth_participant_run
 *     troth_postgres_destroy, troth_participant_destroy
 *
 * The prepared transactions are named troth_<journal>_<gtid>_<branch>_<attempt>: a DBA can read
 * them in pg_prepared_xacts. `max_prepared_transactions` must be at least the number of slots.
 *
 * A call that has waited for a lock for half a second asks who holds it (troth_guard.holders()).
 * Where its transaction prepares in order, and the lock is that of an older one's branch which has
 * been prepared for as long, it gives way with a conflict: two of them may wait for each other
 * where PostgreSQL sees no circle. And when every connection for prepare and execute is taken, and
 * more than half of them wait for locks that have not moved for a second, the youngest give way
 * until half of them are free for others.
 *
 * While a session works on a branch its application_name is that name without "troth_": it is seen
 * in pg_stat_activity, and in the server's log where log_line_prefix has %a. Not while a statement
 * is brief: one that may wait for locks no longer than an eighth of a second, for its first quarter
 * of a second.
 *
 * Nothing waits for the database without an end, however silent that is (a hung server, proxy or
 * standby): answer_timeout_us, work_timeout_us and stop_timeout_us below. A connection that is cut
 * may leave its backend behind: its session has no new one before that has ended, so that a
 * participant never has more than one for each of its connections. Calls of such a session are
 * answered `retry`, where something may have been done `unknown`.
 *
 * Rules about PREPARE TRANSACTION, COMMIT PREPARED and ROLLBACK PREPARED are from PostgreSQL's
 * documentation, part VI, "SQL Commands". */
#ifndef TROTH_POSTGRES_H
#define TROTH_POSTGRES_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/participant.h>

#ifdef __cplusplus
extern "C" {
#endif

struct troth_postgres;
struct troth_output;

#define TROTH_POSTGRES_PHASE2_DEFAULT 8u

struct troth_postgres_config {
    size_t size;                 /* TROTH_POSTGRES_CONFIG_INIT, see <troth/troth.h> */
    const char *conninfo;        /* libpq's connection string or URI; required. It names the server
                                    itself or a pooler in session mode: prepared statements and
                                    settings belong to a session. Several hosts are tried in turn,
                                    each for connect_timeout (5 s), the one that was good last
                                    first. Only a server that takes writes is good, unless it says
                                    otherwise (target_session_attrs); a session whose server says
                                    that it does not (25006), or that it is about to go (57P0x),
                                    is made anew. The network between: keepalives_… (25 s) and
                                    tcp_user_timeout (20 s), unless it says otherwise */
    uint32_t slots;              /* connections for prepare and execute, announced as slots; 0:
                                    TROTH_SLOTS_DEFAULT; at most 1000. More commands than that wait
                                    in their order, and are answered `retry` when their timeout
                                    passes meanwhile */
    uint32_t phase2_connections; /* for commit; and as many again, opened when needed, for abort,
                                    compensate, status and the scan; 0:
                                    TROTH_POSTGRES_PHASE2_DEFAULT; at most 1000 */
    uint64_t lock_timeout_us;    /* work waits no longer for a lock, where the coordinator does not
                                    say how long (call->lock_wait_us), nor longer than half of what
                                    is left of its timeout; 0: 1 s. Then a conflict, with the
                                    server's words (55P03). What is left of the timeout: `retry`
                                    (57014) */
    uint64_t guard_timeout_us;   /* every call waits so long for a guard row, then ends or rolls
                                    back what holds it; what it may not end: `retry`; 0: 200 ms */
    uint64_t answer_timeout_us;  /* the library's own statements, COMMIT among them, are answered
                                    by then, or the connection is cut; so is one whose work has not
                                    come to an end so long after its call's timeout (with
                                    queries_only the guard's own statement goes with the work's);
                                    0: 10 s. More than a write to the disk and to a synchronous
                                    standby takes */
    uint64_t work_timeout_us;    /* work that comes without a timeout is cut off then; 0: 5 min */
    uint64_t stop_timeout_us;    /* troth_postgres_destroy() takes no longer; 0: 5 s */
    const char *coordinator;     /* http[s]://host:port, asked about branches left prepared; several
                                    with commas, as <troth/client.h> says; NULL: they stay until the
                                    coordinator calls by itself */
    uint64_t scan_interval_us;   /* how often pg_prepared_xacts is read; a branch younger than that
                                    is not asked about in a periodic scan; 0: 5 s */
    uint64_t sweep_interval_us;  /* how often guard rows of forgotten transactions leave; 0: 60 s */
    uint32_t cached_outputs;     /* outputs of prepared branches kept in memory for the answer to
                                    commit; 0: 4096; beyond them they are read from the guard */
    const char *resolver;        /* name servers for the coordinator's host, as in <troth/client.h>;
                                    NULL: /etc/resolv.conf's */
    const struct troth_tls *tls; /* for an https coordinator, as in <troth/client.h>. Copied */
    const char *api_key_file;    /* likewise: a key with the scope `inquire`. Copied */
};
#define TROTH_POSTGRES_CONFIG_INIT .size = sizeof(struct troth_postgres_config)

/* Creates what the guard needs (sql/participant) in the database, or brings it up to date; safe to
 * repeat, and while services run. Blocks for as long as the database takes, but waits for no lock
 * (another migration's, or whoever's is in the way) longer than ten seconds. Any thread. On failure
 * nothing was changed. Errors: TROTH_ERROR_UNAVAILABLE (no connection), _SCHEMA (a newer version
 * than this library is there), _DATABASE (also: a lock was not had; `ret_why` says who has it).
 * `ret_why` (may be NULL, `why_cap` bytes) gets what went wrong. */
TROTH_MUST_CHECK int troth_postgres_migrate(const char *conninfo, char *ret_why, size_t why_cap);

/* Makes a resource of `participant`, which is borrowed, outlives it, and announces its slots from
 * now on. `config` and its strings are copied. No connection is made yet. Errors:
 * TROTH_ERROR_INVALID, _NO_MEMORY. Does not block. */
TROTH_MUST_CHECK int troth_postgres_create(struct troth_participant *participant,
                                           const struct troth_postgres_config *config,
                                           struct troth_postgres **ret_postgres);

/* The business. Called on a thread of its own connection, inside an open transaction in which the
 * guard row has been written; other calls of the same function may run at the same time on other
 * threads. It may block; statement_timeout is what is left of the call's timeout. It must not
 * commit, roll back, or keep the connection, and must use no other connection for its changes.
 *
 * Returns 0: done. TROTH_ERROR_REFUSED: a business no, with troth_output_reason(); its changes are
 * rolled back and the answer is kept: the same call gets it for ever. TROTH_ERROR_CONFLICT: another
 * transaction is in the way (a row taken with NOWAIT); rolled back, and the coordinator begins
 * another attempt. Any other code: rolled back, and the coordinator may try again. A statement that
 * failed makes the transaction fail whatever is returned; only TROTH_ERROR_REFUSED counts behind an
 * error of class 22 or 23 (data, constraints) or P0001 (RAISE EXCEPTION), which would come again;
 * such an error of the transaction's end (a deferred constraint) is a refusal by itself. Lock
 * timeouts (55P03), deadlocks (40P01) and serialisation failures (40001, also of PREPARE
 * TRANSACTION) are conflicts. The last two are tried again here, with a fresh snapshot, for as long
 * as the call might have waited for a lock: so the function may be called more than once for one
 * command. */
typedef int (*troth_postgres_fn)(void *arg, PGconn *connection, const struct troth_call *call,
                                 struct troth_output *output);

/* How a parameter of a statement is bound. Without any: a string as it is, null and what is not
 * there as NULL, all else as JSON text. */
enum troth_postgres_binding {
    TROTH_POSTGRES_OF_OUTPUT = 1, /* of the action's output, in a compensation; not of the input */
    TROTH_POSTGRES_REQUIRED = 2,  /* what is not there, or null, is a refusal */
    TROTH_POSTGRES_ALL = 4,       /* the whole of it: the path is not looked at */
    /* At most one of these: what is of no such kind is a refusal that says so. */
    TROTH_POSTGRES_INTEGER = 1 << 8, /* a number without fraction and exponent, also as a string */
    TROTH_POSTGRES_NUMBER = 2 << 8,  /* a number, also as a string */
    TROTH_POSTGRES_BOOLEAN = 3 << 8,
    TROTH_POSTGRES_TEXT = 4 << 8, /* no array and no object */
    TROTH_POSTGRES_JSON = 5 << 8, /* any value, bound as JSON text, strings too */
    TROTH_POSTGRES_ARRAY = 6 << 8 /* an array, bound as one of PostgreSQL's */
};

/* Work, or a compensation, that is one SQL statement: BEGIN, the statement with the guard row
 * behind it and PREPARE TRANSACTION or COMMIT go to the server in one message, without a thread in
 * between, and so a row that others want is held for less long than a function can. What is not
 * that plain case (a lock not had in time, a refusal, an attempt behind the first) goes the way of
 * functions: the statement may be sent more than once for one command, as a function may be called,
 * and what it does is kept once or not at all.
 *
 * The row that it gives is the output, as a JSON object of its columns, which need names of their
 * own; no row is a refusal, and so is an error of class 22 or 23 (a value that is none of its type,
 * a constraint) or P0001 (RAISE EXCEPTION), with the server's words; more than one row makes the
 * call fail. */

struct troth_postgres_statement {
    size_t size; /* TROTH_POSTGRES_STATEMENT_INIT */
    /* SELECT, or INSERT, UPDATE, DELETE with RETURNING; without a semicolon. It stands within a
     * WITH, and may have none itself that changes data. */
    const char *sql;
    /* $1, $2, … : members of the call's input, a.b being member b of a, a.0 its first element; NULL
     * at the end; NULL: none. A string is bound as it is, null and what is not there as NULL, all
     * else as JSON text; types are PostgreSQL's to infer ($1::bigint). */
    const char *const *parameters;
    /* Where there was no row: a query with the same parameters, all of which it must use, whose one
     * text is the refusal's reason. NULL: "refused". */
    const char *refusal;
    /* How $1, $2, … are bound: enum troth_postgres_binding, or'ed; as many as `parameters`. NULL:
     * as is said there. */
    const uint32_t *binding;
    /* In the place of `refusal`: a query whose parameters are its own. Of it sql, parameters and
     * binding are looked at. */
    const struct troth_postgres_statement *no_row;
    /* A column: where it is not null the row is a refusal, whose reason is its text. */
    const char *refused;
    /* Name, reason, name, reason, …, NULL: what is said where a constraint of that name is broken,
     * in the place of the server's words; not of one that is deferred. */
    const char *const *constraints;
};
#define TROTH_POSTGRES_STATEMENT_INIT .size = sizeof(struct troth_postgres_statement)

#define TROTH_POSTGRES_PARAMETERS_MAX 128u

struct troth_postgres_operation {
    size_t size;                  /* TROTH_POSTGRES_OPERATION_INIT */
    troth_postgres_fn work;       /* NULL, and no statement: prepare and execute are refused */
    troth_postgres_fn compensate; /* undoes an action, of this operation or of the one whose step
                                     names this one as its compensation; call->action_output is what
                                     the action had put out. NULL: a compensation of a done action
                                     is `retry` */
    bool read_only; /* runs READ ONLY without a guard row and votes read_only; a statement then goes
                       the way of functions */
    bool queries_only; /* `work` uses the database through troth_postgres_query() alone,
                          and is handed NULL for a connection. The guard row then goes in
                          one message with its first statement: a round trip less. Where
                          the guard refuses, the server runs no statement; but `work` was
                          called, saw its first statement fail, and its answer counts for
                          nothing: it must have no effect but its statements */
    void *arg;
    const struct troth_postgres_statement *statement; /* in the place of `work`; copied */
    const struct troth_postgres_statement *undo;      /* in the place of `compensate`; copied */
};
#define TROTH_POSTGRES_OPERATION_INIT .size = sizeof(struct troth_postgres_operation)

/* Registers one operation with the participant. Prepare and execute of an operation that is not
 * registered find no handler (troth/participant.h); its commit, abort, compensation without an
 * action, and status are answered from the database, where all branches of the participant are,
 * unless the service registers handlers of its own beside these. Errors: as
 * troth_participant_handle(); TROTH_ERROR_INVALID also when there is nothing to do, when there are
 * a function and a statement for the same, or a statement without SQL, with more than
 * TROTH_POSTGRES_PARAMETERS_MAX parameters, or with two of `refusal` and `no_row`. Before
 * troth_postgres_start(). */
TROTH_MUST_CHECK int troth_postgres_handle(struct troth_postgres *postgres, const char *operation,
                                           const struct troth_postgres_operation *handler);

/* The same of an operation that may be registered, also when the resource works: commands that come
 * from now on are the new one's, those under way end with the old one, whose `arg` lives until
 * troth_postgres_destroy(). `handler` NULL: nobody takes it any more. Connections are made anew, so
 * that none keeps what was prepared for the old one. Errors: as troth_postgres_handle();
 * TROTH_ERROR_NOT_FOUND (there is none to take away), _EXISTS (handlers of the service's own).
 * Nothing changed then. From the loop's thread, not from a handler. Does not block. */
TROTH_MUST_CHECK int troth_postgres_replace(struct troth_postgres *postgres, const char *operation,
                                            const struct troth_postgres_operation *handler);

/* Connects twice, checks the server and the schema, then starts the connections' threads and the
 * first scan for branches left prepared. Blocks for these two connections only. Errors:
 * TROTH_ERROR_UNAVAILABLE (no connection), _CONFIG (max_prepared_transactions is too small, a
 * pooler in transaction mode stands before the database: two connections share a session, or the
 * role lacks what troth_guard.grant_to() gives),
 * _SCHEMA (troth_postgres_migrate() has not been run, or was by a newer library), _SYSTEM,
 * _NO_MEMORY; `ret_why` (may be NULL, `why_cap` bytes) says it in a sentence. Later losses of the
 * database are not errors: commands are answered `retry` or `unknown` until it is back. */
TROTH_MUST_CHECK int troth_postgres_start(struct troth_postgres *postgres, char *ret_why,
                                          size_t why_cap);

/* Reads pg_prepared_xacts soon and asks the coordinator about every branch of ours there, also the
 * young ones. Done by the library at start, when a newer epoch of a shard is seen and when a
 * connection of the coordinator breaks during a command. From the loop's thread. Does not block. */
void troth_postgres_scan(struct troth_postgres *postgres);

/* Answers what is queued with `retry`, waits for the work that is running, whose answers leave,
 * closes connections and frees. Blocks for stop_timeout_us at most: a second before its end (a
 * quarter of it, if that is less) connections are cut, so that whoever waits for the database comes
 * back. A thread that even so does not (it is in the service's own code, or in the system's look-up
 * of a name) stays behind with what it uses, until the process ends; it is told to the diagnostic
 * callback, and answers nobody. What was registered (troth_postgres_handle()) may be freed behind
 * this only where there is no such thread. Where the participant lives on its operations answer
 * `retry`. Takes NULL. From the loop's thread, also from a handler. TROTH_ERROR_INVALID: from
 * inside `work` or `compensate`, which would wait for themselves; nothing was done. */
int troth_postgres_destroy(struct troth_postgres *postgres);

/* Inside `work` and `compensate` only, `connection` being theirs: as PQexecParams() with `count`
 * parameters and results in text, but parsed and planned once a connection, not once a call. The
 * statement is known by its text: at most 256 a connection, others are parsed each time. The result
 * is the caller's, to PQclear(). It blocks; the result says what went wrong, as libpq's does. */
PGresult *troth_postgres_query(PGconn *connection, const char *sql, int count,
                               const char *const *values);

/* What `work` answers. Copied; the last call wins. Memory that runs out, text that is not JSON,
 * more than 512 KiB and more than 64 levels of brackets turn the call into a failed one: rolled
 * back, `retry` and a diagnostic. */
void troth_output_json(struct troth_output *output, struct troth_span json);
void troth_output_format(struct troth_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Why it was refused or failed: for people. UTF-8; what is not is replaced by U+FFFD. More than 512
 * bytes are cut off. */
void troth_output_reason(struct troth_output *output, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
