/* A request to a participant (request.h says how it stands in the input), in either binding: the
 * same answer twice, and each line of a batch's answer is a result of a command that was given. */
#include <inside.h>
#include <pair.h>
#include <wire/message.h>

#include "request.h"

static const struct troth_span nothing = {NULL, 0};

static void vote(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    troth_reply_vote(reply, TROTH_VOTE_YES, call->input);
}

static void done(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    troth_reply_done(reply, TROTH_BRANCH_UNSAID, call->input);
}

static void conflict(const struct troth_call *call, struct troth_reply *reply, const char *blocker)
{
    troth_gtid gtid;
    bool known = troth_gtid_parse(blocker, strlen(blocker), &gtid) == 0;
    troth_reply_conflict(reply, call->ordered ? "in order" : NULL, known ? &gtid : NULL);
}

static void refuse(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    char text[64];
    int64_t number;
    (void)arg;
    if (troth_call_text(call, "reason", text, sizeof text) == 0)
        troth_reply_refused(reply, text, nothing);
    else if (troth_call_int64(call, "after", &number) == 0)
        troth_reply_retry(reply, (uint64_t)number, call->operation);
    else if (troth_call_text(call, "blocker", text, sizeof text) == 0)
        conflict(call, reply, text);
    else
        troth_reply_unknown(reply, NULL);
}

static struct troth_participant *participant(void)
{
    static const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                           .base = "/bank"};
    static const struct troth_handlers handlers = {
        TROTH_HANDLERS_INIT, .prepare = vote,    .commit = done,  .abort = done,
        .execute = refuse,   .compensate = done, .status = refuse};
    static struct troth_participant *made;
    if (made == NULL) {
        int error = troth_participant_create(&config, &made);
        if (error == 0)
            error = troth_participant_handle(made, "debit", &handlers, NULL);
        if (error == 0)
            error = troth_participant_attach(made, http_loop_base(pair_loop()));
        assert(error == 0);
    }
    return made;
}

static void ask(struct troth_span text, struct buffer *answer)
{
    struct troth_participant *asked = participant();
    pair_ask(asked->server, text, text.len, answer);
    assert(asked->requests == NULL && asked->pending == 0);
    journals_finish(&asked->journals);
}

static void check_batch(struct troth_span body)
{
    struct buffer scratch = {0};
    while (body.len > 0) {
        struct troth_span line = request_line(&body);
        struct result result;
        const char *why;
        int error = message_result_parse(line, &scratch, &result, &why);
        assert(error == 0);
    }
    buffer_finish(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0}, once = {0}, again = {0};
    struct troth_span body;
    request_append(&text, fuzz_span(data, size));
    ask(buffer_span(&text), &once);
    ask(buffer_span(&text), &again);
    assert(fuzz_same(buffer_span(&once), buffer_span(&again)));
    if (answer_read(&once, &body) == 200 && answer_has(&once, "application/x-ndjson"))
        check_batch(body);
    buffer_finish(&text);
    buffer_finish(&once);
    buffer_finish(&again);
    return 0;
}
