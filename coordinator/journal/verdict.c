/* What became of each row of a batch, from the answers of its statements. */
#include "verdict.h"

#include "param.h"
#include "statements.h"

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

bool verdict_take(struct batch *batch, unsigned kind, const PGresult *result)
{
    struct row *rows[JOURNAL_BATCH_ROWS_MAX];
    int count = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->rows[i]->kind == kind && batch->rows[i]->carrier == NULL)
            rows[count++] = batch->rows[i];
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
