/* work.c: the service's function, and the end of its transaction. */
#include "work.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "guard.h"
#include "output.h"
#include "query.h"
#include "session.h"
#include "sql.h"
#include "waits.h"

static void say(struct troth_output *output, const char *reason)
{
    if (output->reason.len == 0)
        troth_output_reason(output, reason);
}

bool work_would_fail_again(const struct session *session)
{
    return sql_state_is_refusal(session->failed);
}

enum work_end work_run(struct session *session, troth_postgres_fn work, void *arg,
                       const struct troth_call *call, struct troth_output *output)
{
    int answer;
    assert(work != NULL && (session->unclaimed != NULL || session->claimed == GUARD_CLAIMED));
    session_set_here(session);
    session_limit_work(session);
    answer = work(arg, session->unclaimed != NULL ? NULL : session->connection, call, output);
    session_set_here(NULL);
    if (session->unclaimed != NULL) { /* it asked nothing: the row is written all the same */
        session->claimed = guard_claim(session, session->unclaimed);
        session->unclaimed = NULL;
    }
    if (session->claimed != GUARD_CLAIMED)
        return WORK_UNCLAIMED;
    switch (PQtransactionStatus(session->connection)) {
    case PQTRANS_INTRANS:
        break;
    case PQTRANS_INERROR:
        if (answer == TROTH_ERROR_REFUSED && work_would_fail_again(session) &&
            output_sound(output)) {
            say(output, session->failed_why);
            return WORK_REFUSED;
        }
        troth_output_reason(output, session->failed_why);
        return waits_conflict(session) ? WORK_CONFLICT : WORK_FAILED;
    case PQTRANS_IDLE:
        troth_output_reason(output, "the service ended the transaction by itself");
        return WORK_FAILED;
    case PQTRANS_ACTIVE: /* it left a statement running, or in pipeline mode */
    case PQTRANS_UNKNOWN:
        session_say(session);
        troth_output_reason(output, session->why[0] != '\0' ? session->why
                                                            : "the work left a statement running");
        session_close(session);
        return WORK_LOST;
    }
    if (!output_sound(output))
        return WORK_FAILED;
    if (answer == TROTH_ERROR_REFUSED) {
        say(output, "refused");
        return WORK_REFUSED;
    }
    if (answer == TROTH_ERROR_CONFLICT) {
        say(output, troth_error_text(answer));
        return WORK_CONFLICT;
    }
    if (answer != 0) {
        say(output, troth_error_text(answer));
        return WORK_FAILED;
    }
    return WORK_DONE;
}

/* The output into the guard row, if there is one, and no statement timeout from here on. */
static bool send_keep(struct session *session, const struct troth_call *call, const char *kind,
                      const struct troth_output *output)
{
    struct sql_parameters parameters;
    if (output->json.len == 0)
        return session_send(session, SQL_NO_TIMEOUT, NULL);
    sql_key(&parameters, call);
    sql_bytes(&parameters, buffer_span(&output->json));
    sql_text(&parameters, kind);
    sql_text(&parameters, session->place);
    return session_send(session, SQL_KEEP, &parameters);
}

/* PREPARE TRANSACTION and COMMIT in a failed transaction answer ROLLBACK without an error: only the
 * exact tag counts. A WARNING means that nobody knows. */
static enum sql_end judge_end(struct session *session, enum sql_end end, PGresult *result,
                              const char *tag)
{
    if (end == SQL_OK && strcmp(PQcmdStatus(result), tag) != 0) {
        (void)snprintf(session->why, sizeof session->why, "the transaction had failed: %s",
                       PQcmdStatus(result));
        return SQL_FAILED;
    }
    return end == SQL_OK && session->warned ? SQL_LOST : end;
}

enum sql_end work_finish(struct session *session, const struct troth_call *call, const char *kind,
                         const struct troth_output *output, const char *text, const char *tag)
{
    struct sql_error error;
    PGresult *result = NULL;
    enum sql_end end;
    assert(session->claimed == GUARD_CLAIMED);
    session_unwarn(session);
    if (!session_pipeline_begin(session) || !send_keep(session, call, kind, output) ||
        !session_send_text(session, text) || !session_pipeline_send(session)) {
        session_say(session);
        session_close(session);
        return SQL_LOST;
    }
    session_limit_end(session);
    end = session_next(session, NULL, &error);
    if (end == SQL_OK)
        end = session_next(session, &result, &error);
    end = judge_end(session, end, result, tag);
    PQclear(result);
    if (!session_pipeline_end(session))
        return SQL_LOST;
    return end;
}
