/* business.c: from a call to a row of the table of operations, and through its statement. */
#include "business.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <troth/troth.h>

#include "operations.h"

#define NAMES_MAX      32
#define CANDIDATES_MAX 2
#define TEXT_BYTES_MAX 256 /* a longer one in the input is refused */

const char business_participants[] =
    "inventory payments shipping mail accounts analytics billing notifications";

/* Two participants may call their operations alike (payments and billing charge): its fields tell
 * which one is meant. */
struct offer {
    const char *name;
    const struct operation *candidates[CANDIDATES_MAX];
    int count;
};

static struct offer offers[NAMES_MAX];
static int offers_count;

/* --- which one is meant ----------------------------------------------------------------------- */

static bool has(const struct troth_call *call, const char *name)
{
    int64_t number;
    return troth_call_int64(call, name, &number) != TROTH_ERROR_NOT_FOUND;
}

/* By the first field of the input; without a match the first, which says what is missing. */
static const struct operation *by_input(const struct offer *offer, const struct troth_call *call)
{
    int i;
    for (i = 0; i < offer->count; i++)
        if (has(call, offer->candidates[i]->fields[0].name))
            return offer->candidates[i];
    return offer->candidates[0];
}

/* By what the action has put out; *ret_row is the row that it made. NULL: nothing of ours. */
static const struct operation *by_output(const struct offer *offer, const struct troth_call *call,
                                         int64_t *ret_row)
{
    struct troth_call action = *call;
    int i;
    action.input = call->action_output;
    for (i = 0; i < offer->count; i++)
        if (troth_call_int64(&action, offer->candidates[i]->made, ret_row) == 0)
            return offer->candidates[i];
    return NULL;
}

/* --- doing it --------------------------------------------------------------------------------- */

static int refuse(struct troth_output *output, const struct field *field, const char *wanted)
{
    char reason[128];
    (void)snprintf(reason, sizeof reason, "%s must be %s", field->name, wanted);
    troth_output_reason(output, reason);
    return TROTH_ERROR_REFUSED;
}

/* Into `text`, as a parameter. 0, or refused with the reason. */
static int read_field(const struct troth_call *call, const struct field *field,
                      char text[TEXT_BYTES_MAX], struct troth_output *output)
{
    const int64_t least = field->type == FIELD_COUNT   ? 1
                          : field->type == FIELD_PRICE ? 0
                                                       : INT64_MIN;
    int64_t number;
    if (field->type == FIELD_TEXT) {
        return troth_call_text(call, field->name, text, TEXT_BYTES_MAX) == 0
                   ? 0
                   : refuse(output, field, "a text of less than 256 bytes");
    }
    if (troth_call_int64(call, field->name, &number) != 0 || number < least) {
        return refuse(output, field,
                      field->type == FIELD_COUNT   ? "a whole number above 0"
                      : field->type == FIELD_PRICE ? "a whole number, 0 or above"
                                                   : "a whole number");
    }
    (void)snprintf(text, TEXT_BYTES_MAX, "%" PRId64, number);
    return 0;
}

/* The row's first value is the output; null: refused, and the second says why. */
static int answer(const PGresult *result, struct troth_output *output)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return TROTH_ERROR_DATABASE; /* the SDK rolls back and reports it */
    if (PQgetisnull(result, 0, 0)) {
        troth_output_reason(output, PQgetvalue(result, 0, 1));
        return TROTH_ERROR_REFUSED;
    }
    troth_output_format(output, "%s", PQgetvalue(result, 0, 0));
    return 0;
}

static int work(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    const struct operation *operation = by_input(arg, call);
    char gtid[TROTH_GTID_TEXT_LEN + 1], branch[16], fields[FIELDS_MAX][TEXT_BYTES_MAX];
    const char *values[2 + FIELDS_MAX] = {gtid, branch};
    PGresult *result;
    int i, end = 0;
    troth_gtid_format(&call->gtid, gtid);
    (void)snprintf(branch, sizeof branch, "%" PRIu32, call->branch);
    for (i = 0; i < FIELDS_MAX && end == 0; i++) {
        end = read_field(call, &operation->fields[i], fields[i], output);
        values[2 + i] = fields[i];
    }
    if (end != 0)
        return end;
    result = troth_postgres_query(db, operation->work, 2 + FIELDS_MAX, values);
    end = answer(result, output);
    PQclear(result);
    return end;
}

static int undo(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    int64_t made;
    const struct operation *operation = by_output(arg, call, &made);
    char row[24];
    const char *const values[] = {row};
    PGresult *result;
    int end = 0;
    if (operation == NULL) {
        troth_output_reason(output, "this is not the operation that undoes it");
        return TROTH_ERROR_REFUSED;
    }
    (void)snprintf(row, sizeof row, "%" PRId64, made);
    result = troth_postgres_query(db, operation->undo, 1, values);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0) {
        troth_output_reason(output, "what is to be undone is not there");
        end = TROTH_ERROR_DATABASE;
    }
    PQclear(result);
    return end;
}

/* --- registering ------------------------------------------------------------------------------ */

/* Is `name` in `list`, whose words `separator` keeps apart? */
static bool listed(const char *list, char separator, const char *name, size_t len)
{
    while (list != NULL) {
        const char *end = strchrnul(list, separator);

        if ((size_t)(end - list) == len && memcmp(list, name, len) == 0)
            return true;
        list = *end == '\0' ? NULL : end + 1;
    }
    return false;
}

bool business_knows(const char *name, size_t len)
{
    return listed(business_participants, ' ', name, len);
}

static struct offer *offer_of(const char *name)
{
    int i;
    for (i = 0; i < offers_count; i++)
        if (strcmp(offers[i].name, name) == 0)
            return &offers[i];
    offers[offers_count].name = name;
    return &offers[offers_count++];
}

int business_register(struct troth_postgres *postgres, const char *only)
{
    size_t i;
    int o, error = 0;
    for (i = 0; i < operations_count; i++) {
        const char *participant = operations[i].participant;

        if (only == NULL || listed(only, ',', participant, strlen(participant))) {
            struct offer *offer = offer_of(operations[i].name);

            offer->candidates[offer->count++] = &operations[i];
        }
    }
    for (o = 0; o < offers_count && error == 0; o++) {
        const struct troth_postgres_operation handler = {
            TROTH_POSTGRES_OPERATION_INIT,
            .work = offers[o].candidates[0]->work == NULL ? NULL : work, .compensate = undo,
            .arg = &offers[o]};

        error = troth_postgres_handle(postgres, offers[o].name, &handler);
    }
    return error;
}
