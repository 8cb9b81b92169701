/* What became of each row of a batch, from the answers of its statements. */
#include "verdict.h"

#include <base/number.h>
#include <base/span.h>

#include "param.h"

static enum txn_decision standing_read(const PGresult *result, int n)
{
    enum txn_decision standing;
    if (txn_decision_parse(field_text(result, n, ANSWER_STANDING), &standing) != TROTH_OK)
        return TXN_UNDECIDED; /* null: no decision stands */
    return standing;
}

/* What stands under our own epoch and says the same was written by this memory: when the batch is
 * written again, by its earlier try. Then the row is durable as asked. */
static enum txn_verdict verdict_read(const PGresult *result, int n, bool rewritten)
{
    if (!field_bool(result, n, ANSWER_LED))
        return TXN_FENCED;
    if (field_bool(result, n, ANSWER_WRITTEN))
        return TXN_WRITTEN;
    if (rewritten && field_bool(result, n, ANSWER_SAME))
        return TXN_WRITTEN;
    return TXN_ALREADY;
}

/* One answer for each row. */
static bool rows_take(struct batch *batch, enum statement_kind kind, const PGresult *result)
{
    struct row *rows[BATCH_ROWS_CAP], *row;
    int count = 0;
    for (size_t n = 0; (row = statement_row(batch, kind, &n)) != NULL; n++)
        rows[count++] = row;
    if (PQntuples(result) != count || PQnfields(result) != ANSWER_STANDING + 1)
        return false;
    for (int i = 0; i < count; i++) {
        int n = field_int4(result, i, ANSWER_N);

        if (n < 1 || n > count || rows[n - 1] == NULL)
            return false;
        rows[n - 1]->verdict.verdict = verdict_read(result, i, batch->rewritten);
        rows[n - 1]->verdict.standing =
            rows[n - 1]->verdict.verdict == TXN_ALREADY ? standing_read(result, i) : TXN_UNDECIDED;
        rows[n - 1] = NULL;
    }
    return true;
}

/* All were written, or it is asked again which. */
static void written_take(struct batch *batch, enum statement_kind kind, uint64_t written)
{
    struct row *row;
    if (written != statement_rows(batch, kind)) {
        batch->partly = true;
        return;
    }
    for (size_t n = 0; (row = statement_row(batch, kind, &n)) != NULL; n++) {
        row->verdict.verdict = TXN_WRITTEN;
        row->verdict.standing = TXN_UNDECIDED;
    }
}

bool verdict_take(struct batch *batch, enum statement_kind kind, PGresult *result)
{
    uint64_t written;
    switch (statement_text(kind, statement_form(batch, kind))->answers) {
    case ANSWERS_NOTHING:
        return true;
    case ANSWERS_TAG:
        if (number_parse(span_of(PQcmdTuples(result)), UINT64_MAX, &written) != TROTH_OK)
            return false;
        written_take(batch, kind, written);
        return true;
    case ANSWERS_NUMBER:
        if (PQntuples(result) != 1)
            return false;
        written_take(batch, kind, (uint64_t)field_int8(result, 0, 0));
        return true;
    case ANSWERS_ROWS:
        return rows_take(batch, kind, result);
    }
    return false;
}
