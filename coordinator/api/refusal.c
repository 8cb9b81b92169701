/* The words of what the host refuses. See api/refusal.h. */
#include <api/refusal.h>

#include <assert.h>

#include <base/buffer.h>
#include <base/duration.h>

static const char *const whys[API_WHY_COUNT] = {
#define WHY_(name, sentence) [API_WHY_##name] = sentence,
    API_WHYS(WHY_)
#undef WHY_
};

struct gtid_text {
    char text[TROTH_GTID_TEXT_LEN + 1];
};

static struct gtid_text text_of(const troth_gtid *gtid)
{
    struct gtid_text text;
    troth_gtid_format(gtid, text.text);
    return text;
}

void api_refuse_unavailable(struct api_problem *ret_problem, enum api_why why)
{
    assert(why < API_WHY_COUNT);
    (void)api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "%s; nothing was done, try again",
                          whys[why]);
}

/* 504 and no Retry-After: what may have been done must not be sent again by who has no key. */
void api_refuse_unknown(struct api_problem *ret_problem, const struct txn_origin *origin,
                        enum api_why why)
{
    struct gtid_text gtid = text_of(&origin->gtid);
    const char *again = "; to send the request again would begin another one";
    assert(why < API_WHY_COUNT);
    if (origin->interactive)
        again = ", or send the same request again";
    else if (origin->idempotency_key.data != NULL)
        again = ", or send the same request again with the same Idempotency-Key";
    (void)api_problem_set(ret_problem, API_PROBLEM_OUTCOME_UNKNOWN,
                          "%s: the outcome of transaction %s is not known here. Ask any node: GET "
                          "/v1/transactions/%s (404: it has done nothing)%s",
                          whys[why], gtid.text, gtid.text, again);
    ret_problem->gtid = &origin->gtid;
}

void api_refuse_unknown_enlistment(struct api_problem *ret_problem, const troth_gtid *gtid,
                                   uint32_t branch, enum api_why why)
{
    assert(why < API_WHY_COUNT);
    (void)api_problem_set(ret_problem, API_PROBLEM_OUTCOME_UNKNOWN,
                          "%s: it is not known whether branch %u of transaction %s is enlisted. "
                          "Keep its work and enlist again, the same way, at any node: that is safe",
                          whys[why], branch, text_of(gtid).text);
    ret_problem->gtid = gtid;
}

void api_refuse_unknown_word(struct api_problem *ret_problem, const troth_gtid *gtid,
                             enum api_why why)
{
    assert(why < API_WHY_COUNT);
    (void)api_problem_set(ret_problem, API_PROBLEM_OUTCOME_UNKNOWN,
                          "%s: it is not known whether the word about transaction %s was written. "
                          "Look at the transaction, or say the same again: that is safe",
                          whys[why], text_of(gtid).text);
    ret_problem->gtid = gtid;
}

void api_refuse_unconfirmed(struct api_problem *ret_problem)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                          "the journal's answer was lost: it may be done or not; look, and ask "
                          "for it again");
}

void api_refuse_slow_list(struct api_problem *ret_problem)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                          "looking through the history took too long; ask with a smaller limit, or "
                          "for state open");
}

/* --- a transaction that would begin ----------------------------------------------------------- */

void api_refuse_unwritable(struct api_problem *ret_problem, const char *words)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                          "the journal takes no writes now; nothing was done, try again%s%s",
                          words[0] != '\0' ? ": " : "", words);
}

void api_refuse_full(struct api_problem *ret_problem, uint64_t count, const char *things,
                     const char *key, uint64_t most)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "%llu %s, %s is %llu; nothing was done, try again",
                          (unsigned long long)count, things, key, (unsigned long long)most);
}

void api_refuse_bytes(struct api_problem *ret_problem, uint64_t taken, size_t more, uint64_t most)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "open transactions take %llu bytes of memory, this one would bring %zu "
                          "more, and open_bytes_max is %llu; nothing was done, try again",
                          (unsigned long long)taken, more, (unsigned long long)most);
}

static void append_share(struct buffer *text, const struct api_share *share)
{
    static const char *const owners[] = {[API_OWNER_DEFINITION] = "definition",
                                         [API_OWNER_PARTICIPANT] = "participant",
                                         [API_OWNER_CALLER] = "caller"};
    if (share->name == NULL)
        buffer_append_text(text, "interactive transactions");
    else if (share->owner == API_OWNER_CALLER)
        buffer_append_format(text, "caller %s", share->name);
    else
        buffer_append_format(text, "%s \"%s\"", owners[share->owner], share->name);
    buffer_append_format(text, " %u of %u (%u open)", share->used, share->own, share->open);
}

void api_refuse_seats(struct api_problem *ret_problem, uint32_t open, uint32_t most,
                      uint32_t shared, const struct api_share *shares, uint32_t count)
{
    BUFFER_SCOPED struct buffer own = {0};
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_text(&own, i > 0 ? ", " : "");
        append_share(&own, &shares[i]);
    }
    const char *text = buffer_text(&own);
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "%u transactions are open (open_transactions_max is %u); nothing was "
                          "done, try again. The %u shared seats are taken, and of its own "
                          "(open_transactions_reserved) %s",
                          open, most, shared, text != NULL ? text : "none is left");
}

void api_refuse_caller(struct api_problem *ret_problem, const char *caller, uint32_t open)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_TOO_MANY_REQUESTS,
                          "caller %s has %u transactions open, and may have no more "
                          "(caller_open_transactions_max); nothing was done, try again",
                          caller, open);
    ret_problem->retry_after_s = 1;
}

void api_refuse_line(struct api_problem *ret_problem, const char *participant, uint64_t wait_us,
                     uint64_t most_us)
{
    char wait[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
    duration_format(wait_us - wait_us % 1000u, wait);
    duration_format(most_us, most);
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "it would wait %s for a slot of participant \"%s\" "
                          "(line_wait_max is %s); nothing was done, try again",
                          wait, participant, most);
}

void api_refuse_slow(struct api_problem *ret_problem, uint64_t wait_us, uint64_t most_us)
{
    char wait[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
    duration_format(wait_us - wait_us % 1000u, wait);
    duration_format(most_us, most);
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "the journal takes %s for a record (line_wait_max is %s); nothing was "
                          "done, try again",
                          wait, most);
}

void api_refuse_turn(struct api_problem *ret_problem, const char *definition, uint64_t wait_us,
                     uint64_t end_us)
{
    char wait[DURATION_TEXT_MAX], end[DURATION_TEXT_MAX];
    duration_format(wait_us - wait_us % 1000u, wait);
    duration_format(end_us, end);
    (void)api_problem_set(ret_problem, API_PROBLEM_FULL,
                          "it would wait %s for its turn among those of definition \"%s\", which "
                          "go in order, and its time to prepare ends after %s; nothing was done, "
                          "try again",
                          wait, definition, end);
}

void api_refuse_key(struct api_problem *ret_problem, const troth_gtid *gtid)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_KEY_REUSED,
                          "this Idempotency-Key began transaction %s with another request",
                          text_of(gtid).text);
}

void api_refuse_participant(struct api_problem *ret_problem, const struct definition *definition,
                            const struct definition_step *step, const char *participant)
{
    if (step != NULL)
        (void)api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_PARTICIPANT,
                              "definition \"%s\" version %u, step \"%s\": participant \"%s\" is "
                              "not registered (PUT /v1/participants/%s)",
                              definition->name, definition->version, step->name, participant,
                              participant);
    else
        (void)api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_PARTICIPANT,
                              "participant \"%s\" is not registered (PUT /v1/participants/%s)",
                              participant, participant);
}

/* --- one transaction -------------------------------------------------------------------------- */

void api_refuse_late(struct api_problem *ret_problem, const char *what, const struct txn *txn)
{
    bool has_outcome = txn->outcome != TXN_OUTCOME_NONE;
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE, "%s: the transaction is %s%s%s",
                          what, txn_shown_name(txn), has_outcome ? ", its outcome is " : "",
                          has_outcome ? txn_outcome_name(txn->outcome) : "");
}

void api_refuse_stuck(struct api_problem *ret_problem, const char *words)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE, "the transaction is parked: %s",
                          words != NULL ? words : "another node leads it");
}

void api_refuse_retry(struct api_problem *ret_problem, const struct txn *txn, bool ended,
                      bool is_parked)
{
    (void)api_problem_set(ret_problem, ended ? API_PROBLEM_ENDED : API_PROBLEM_WRONG_STATE,
                          "nothing to try again: the transaction is %s%s", txn_shown_name(txn),
                          is_parked ? "" : ", and none of its steps is parked");
}

void api_refuse_orchestrated(struct api_problem *ret_problem, const struct txn_origin *origin)
{
    if (origin != NULL)
        (void)api_problem_set(ret_problem, API_PROBLEM_NOT_INTERACTIVE,
                              "its branches come from definition \"%.*s\"",
                              (int)origin->definition.len, origin->definition.data);
    else
        (void)api_problem_set(ret_problem, API_PROBLEM_NOT_INTERACTIVE,
                              "a transaction of a definition commits by itself");
}

void api_refuse_branch(struct api_problem *ret_problem, uint32_t branch, int error,
                       const struct txn *txn)
{
    if (error == TROTH_ERROR_EXISTS)
        (void)api_problem_set(
            ret_problem, API_PROBLEM_BRANCH_EXISTS,
            "branch %u has enlisted already, with another participant, operation or vote", branch);
    else if (error == TROTH_ERROR_FULL)
        (void)api_problem_set(ret_problem, API_PROBLEM_TOO_MANY_BRANCHES,
                              "a transaction has at most %u branches", TROTH_BRANCHES_MAX);
    else
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "branch %u cannot enlist: the transaction is %s; roll its work back",
                              branch, txn_shown_name(txn));
}

void api_refuse_list(struct api_problem *ret_problem, uint32_t branch, bool names)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_COMMIT_DIFFERS,
                          "the transaction was committed with other branches before: this request "
                          "%s branch %u; the first one's answer is not for it",
                          names ? "names" : "leaves out", branch);
}

void api_refuse_ended(struct api_problem *ret_problem, const troth_gtid *gtid,
                      enum txn_outcome outcome)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_ENDED,
                          "transaction %s has ended with outcome %s", text_of(gtid).text,
                          txn_outcome_name(outcome));
}

void api_refuse_unreadable(struct api_problem *ret_problem, enum txn_outcome outcome)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_ENDED,
                          "the transaction has ended with outcome %s; its branches cannot be read",
                          txn_outcome_name(outcome));
}

void api_refuse_undriven(struct api_problem *ret_problem, const troth_gtid *gtid)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                          "transaction %s has not ended, and is not driven here: an operator has "
                          "to look at it",
                          text_of(gtid).text);
}

void api_refuse_no_row(struct api_problem *ret_problem, const troth_gtid *gtid, bool open)
{
    if (open)
        (void)api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_TRANSACTION,
                              "there is no open transaction %s, and the journal has no row of it",
                              text_of(gtid).text);
    else
        (void)api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_TRANSACTION,
                              "the journal has no row of %s: it never was, or was aborted before "
                              "anything was written, or ended longer ago than retention keeps it",
                              text_of(gtid).text);
}

/* --- registry, events ------------------------------------------------------------------------- */

void api_refuse_version(struct api_problem *ret_problem, const char *name, uint32_t version,
                        const char *and)
{
    (void)api_problem_set(
        ret_problem, API_PROBLEM_VERSION_PUBLISHED,
        "definition \"%s\" version %u is published with another body%s: raise \"version\"", name,
        version, and);
}

void api_refuse_no_definition(struct api_problem *ret_problem, const char *name, uint32_t version)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_DEFINITION,
                          "there is no definition \"%s\" of version %u", name, version);
}

void api_refuse_no_participant(struct api_problem *ret_problem, const char *name)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_PARTICIPANT,
                          "participant \"%s\" is not registered", name);
}

void api_refuse_url(struct api_problem *ret_problem, const char *participant)
{
    (void)api_problem_set(
        ret_problem, API_PROBLEM_WRONG_URL,
        "participant \"%s\": a URL is not http[s]://host[:port][/path] with a host "
        "that can have an address",
        participant);
}

void api_refuse_reach(struct api_problem *ret_problem, const char *participant, const char *why)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_URL,
                          "participant \"%s\": a URL may not be called: %s", participant, why);
}

void api_refuse_token_file(struct api_problem *ret_problem, const char *participant,
                           const char *why)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_TOKEN_FILE, "participant \"%s\": %s",
                          participant, why);
}

void api_refuse_needed(struct api_problem *ret_problem, const char *participant, uint32_t open,
                       const troth_gtid *example)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_IN_USE,
                          "%u open transaction%s participant \"%s\", such as %s; delete it when "
                          "they have ended",
                          open, open == 1 ? " needs" : "s need", participant,
                          example != NULL ? text_of(example).text : "?");
}

void api_refuse_named(struct api_problem *ret_problem, const char *participant,
                      const struct definition *by)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_IN_USE,
                          "definition \"%s\" version %u names participant \"%s\": its transactions "
                          "would find nobody there; force=true removes it all the same",
                          by->name, by->version, participant);
}

void api_refuse_no_event(struct api_problem *ret_problem)
{
    (void)api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_EVENT,
                          "no event of that id is set aside: it was sent, discarded, or never was");
}
