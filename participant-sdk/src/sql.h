/* sql.h: the library's own SQL: sql/participant/statements, where each says what its parameters are
 * and what it answers. */
#ifndef SDK_SQL_H
#define SDK_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/participant.h>

struct buffer;

enum sql_statement {
    /* What a connection of the pools keeps prepared, … */
    SQL_BEGIN,
    SQL_BEGIN_READ_ONLY,
    SQL_BEGIN_READ_COMMITTED,
    SQL_COMMIT,
    SQL_SETTINGS,
    SQL_WORK_SETTINGS,
    SQL_BRIEF_SETTINGS,
    SQL_CLAIM,
    SQL_CLAIM_OR_FAIL,
    SQL_CLAIM_COMPENSATION,
    SQL_KEEP,
    SQL_NO_TIMEOUT,
    SQL_PREPARED,
    SQL_FOUND,
    SQL_ACTION_HELD,
    SQL_REFUSE,
    SQL_COMMITTED,
    SQL_ABORT,
    SQL_TO_UNDO,
    SQL_FOUND_BY_COMPENSATION,
    SQL_STATUS,
    SQL_SCAN,
    SQL_SWEEP,
    SQL_HOLDERS,
    SQL_CANCEL,
    /* … every connection at first, … */
    SQL_SET_UP,
    SQL_PREDECESSOR,
    /* … and what is asked before anything is begun. */
    SQL_MARK_SESSION,
    SQL_MAX_PREPARED,
    SQL_MIGRATION_LOCK,
    SQL_MIGRATION_HOLDERS,
    SQL_RIGHTS,
    SQL_SCHEMA_THERE,
    SQL_SCHEMA_VERSION,
    /* What an operation's own statement is put into (statement.c). */
    SQL_ROW,
    SQL_ROW_BEHIND
};

/* The name under which a session knows it once it is prepared. */
const char *sql_name(enum sql_statement statement);
/* `PREPARE name (types) AS …;`, or BEGIN or COMMIT, which cannot be prepared so. */
const char *sql_source(enum sql_statement statement);
/* Appends what prepares and executes it on a connection that keeps nothing else prepared, in one
 * query whose last result is the statement's. `argument`: it has one, a text without a quote; NULL:
 * it has none. */
void sql_once(enum sql_statement statement, const char *argument, struct buffer *text);

/* The same call would fail with it again: data (class 22), a constraint (23), or what a function of
 * the service's own has raised (P0001). */
bool sql_state_is_refusal(const char *sqlstate);

#define SQL_PARAMETERS_MAX 12

/* Parameters in binary; what they point to lives as long as they do. */
struct sql_parameters {
    const char *values[SQL_PARAMETERS_MAX];
    int lengths[SQL_PARAMETERS_MAX];
    int formats[SQL_PARAMETERS_MAX];
    unsigned char numbers[SQL_PARAMETERS_MAX][8]; /* big-endian */
    int count;
};

void sql_text(struct sql_parameters *parameters, const char *text); /* NULL: null */
void sql_bytes(struct sql_parameters *parameters, struct troth_span bytes);
void sql_bool(struct sql_parameters *parameters, bool value);
void sql_int4(struct sql_parameters *parameters, uint32_t value);
void sql_int8(struct sql_parameters *parameters, uint64_t value);
/* $1 journal, $2 gtid, $3 branch, $4 attempt: how every guard statement begins. */
void sql_key(struct sql_parameters *parameters, const struct troth_call *call);

#endif
