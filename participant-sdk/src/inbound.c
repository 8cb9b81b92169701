/* inbound.c: the way of results back to their request.
 *
 * Results of one turn of the loop leave in one piece. When the last of a batch is there before
 * anything was written, the reply has a length; otherwise it is streamed, a piece a turn. */
#include "inbound.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/crash.h>
#include <base/json.h>

#include "inside.h"
#include "say.h"
#include "task.h"

#define TYPE_BATCH   "application/x-ndjson"
#define TYPE_JSON    "application/json"
#define TYPE_PROBLEM "application/problem+json"
/* What has to be said in phase 2 is said in whole seconds, at least one (RFC 9110, 10.2.3). */
#define US_PER_S UINT64_C(1000000)

static void unlink_inbound(struct inbound *inbound)
{
    if (inbound->prev == NULL)
        inbound->participant->requests = inbound->next;
    else
        inbound->prev->next = inbound->next;
    if (inbound->next != NULL)
        inbound->next->prev = inbound->prev;
}

static void destroy(struct inbound *inbound)
{
    unlink_inbound(inbound);
    buffer_finish(&inbound->out);
    free(inbound);
}

static void on_gone(void *arg, struct http_exchange *exchange)
{
    struct inbound *inbound = arg;
    struct troth_participant *participant = inbound->participant;
    (void)exchange;
    inbound->exchange = NULL;
    if (inbound->pending == 0 && !inbound->dirty)
        destroy(inbound);
    if (participant->news != NULL)
        participant->news(participant->resource, SERVER_NEWS_BROKEN);
}

struct inbound *inbound_create(struct troth_participant *participant,
                               struct http_exchange *exchange, enum inbound_binding binding)
{
    struct inbound *inbound = calloc(1, sizeof *inbound);
    if (inbound == NULL)
        return NULL;
    inbound->participant = participant;
    inbound->exchange = exchange;
    inbound->binding = binding;
    inbound->pending = 1;
    inbound->next = participant->requests;
    if (inbound->next != NULL)
        inbound->next->prev = inbound;
    participant->requests = inbound;
    http_exchange_set(exchange, on_gone, inbound);
    return inbound;
}

static void mark(struct inbound *inbound)
{
    if (!inbound->dirty) {
        inbound->dirty = true;
        inbound->next_dirty = inbound->participant->dirty;
        inbound->participant->dirty = inbound;
    }
}

/* The spans of a task's result, kept beyond the task. */
static void keep_plain(struct inbound *inbound, const struct result *result)
{
    inbound->plain = *result;
    buffer_append_span(&inbound->out, result->output);
    buffer_append_span(&inbound->out, result->reason);
}

void inbound_deliver(void *arg, struct troth_reply *task)
{
    struct troth_participant *participant = arg;
    struct inbound *inbound = task->inbound;
    if (inbound == NULL) {
        if (task->done != NULL)
            task->done(task->done_arg, &task->result);
        task_destroy(task);
        return;
    }
    assert(inbound->participant == participant && inbound->pending > 0 && participant->pending > 0);
    CRASH_POINTS("command.answer", message_op_name, OP_COUNT, task->result.op);
    participant->pending--;
    inbound->pending--;
    if (task->complaint != NULL) {
        char more[256];

        (void)snprintf(more, sizeof more, " reason=\"%s\"", task->complaint);
        participant_say_call(participant, TROTH_SEVERITY_ERROR, "bad_output", &task->call, more);
    }
    if (inbound->exchange != NULL) {
        if (inbound->binding == INBOUND_BATCH)
            message_result_append(&inbound->out, &task->result);
        else
            keep_plain(inbound, &task->result);
    }
    mark(inbound);
    task_destroy(task);
}

void inbound_tell_epoch(struct inbound *inbound, uint32_t shard, uint32_t epoch)
{
    (void)snprintf(inbound->epoch, sizeof inbound->epoch, "%u/%u", shard, epoch);
}

void inbound_given_out(struct inbound *inbound)
{
    assert(inbound->pending > 0);
    inbound->pending--;
    mark(inbound);
}

static void flush_batch(struct inbound *inbound)
{
    const char *places = inbound->participant->places_text;
    struct http_header headers[4] = {{HEADER_SLOTS, inbound->participant->slots_text}};
    uint32_t n = 1;
    struct http_exchange *exchange = inbound->exchange;
    if (places[0] != '\0')
        headers[n++] = (struct http_header){HEADER_PLACES, places};
    if (inbound->epoch[0] != '\0')
        headers[n] = (struct http_header){HEADER_EPOCH, inbound->epoch};
    if (inbound->pending == 0 && !inbound->begun) {
        inbound->exchange = NULL;
        http_exchange_reply(exchange, 200, TYPE_BATCH, headers, buffer_span(&inbound->out));
        return;
    }
    if (inbound->out.len > 0) {
        if (!inbound->begun) {
            http_exchange_begin(exchange, 200, TYPE_BATCH, headers);
            inbound->begun = true;
        }
        http_exchange_write(exchange, buffer_span(&inbound->out));
        buffer_clear(&inbound->out);
    }
    if (inbound->pending == 0) {
        inbound->exchange = NULL;
        http_exchange_end(exchange);
    }
}

/* The http binding's words (interfaces.md): only the status decides. */
static int plain_status(const struct result *result)
{
    switch (result->result) {
    case RESULT_DONE:
    case RESULT_VOTE:
        return result->output.data == NULL ? 204 : 200;
    case RESULT_REFUSED:
        return 409;
    case RESULT_RETRY:
    case RESULT_CONFLICT: /* and a header says so, which a coordinator of old ignores */
        return 503;
    case RESULT_NO_OPERATION:
        return 501;
    case RESULT_UNKNOWN:
    case RESULT_HEURISTIC: /* has no word of its own there: asked again, seen by a person */
    case RESULT_COUNT:
        break;
    }
    return 500;
}

/* Success: the output itself. Otherwise a problem (RFC 9457) with the service's own words. */
static const char *plain_body(const struct result *result, struct troth_span output,
                              struct troth_span reason, struct buffer *body)
{
    if (result->result == RESULT_DONE || result->result == RESULT_VOTE) {
        buffer_append_span(body, output);
        return output.data == NULL ? NULL : TYPE_JSON;
    }
    buffer_append_text(body, "{\"detail\":");
    json_append_string(body, reason.data == NULL ? (struct troth_span){"", 0} : reason);
    if (output.data != NULL) {
        buffer_append_text(body, ",\"output\":");
        buffer_append_span(body, output);
    }
    buffer_append_char(body, '}');
    return TYPE_PROBLEM;
}

/* Memory ran out while a result was written down: the connection's end says "unknown" for it. */
static void give_up(struct inbound *inbound)
{
    struct http_exchange *exchange = inbound->exchange;
    const struct troth_span none = {NULL, 0};
    participant_say(inbound->participant, TROTH_SEVERITY_ERROR, "event=results_lost reason=memory");
    inbound->exchange = NULL;
    buffer_finish(&inbound->out);
    if (inbound->begun)
        http_exchange_end(exchange);
    else
        http_exchange_reply(exchange, 500, NULL, NULL, none);
}

static void flush_plain(struct inbound *inbound)
{
    const struct result *result = &inbound->plain;
    struct troth_span output = {NULL, 0};
    struct troth_span reason = {NULL, 0};
    struct http_header headers[9] = {{HEADER_SLOTS, inbound->participant->slots_text}};
    struct http_exchange *exchange = inbound->exchange;
    uint32_t n = 1;
    char after[24];
    char blocker[TROTH_GTID_TEXT_LEN + 1];
    const char *type;
    struct buffer body BUFFER_SCOPED = {0};
    if (result->output.data != NULL)
        output = (struct troth_span){inbound->out.data, result->output.len};
    if (result->reason.data != NULL) {
        reason.data = inbound->out.data + result->output.len;
        reason.len = result->reason.len;
    }
    if (inbound->participant->places_text[0] != '\0')
        headers[n++] = (struct http_header){HEADER_PLACES, inbound->participant->places_text};
    if (inbound->epoch[0] != '\0')
        headers[n++] = (struct http_header){HEADER_EPOCH, inbound->epoch};
    if (result->state != BRANCH_IS_UNSAID)
        headers[n++] = (struct http_header){HEADER_STATE, message_state_name(result->state)};
    if (result->result == RESULT_VOTE)
        headers[n++] = (struct http_header){HEADER_VOTE, message_vote_name(result->vote)};
    if (result->result == RESULT_RETRY && result->retry_after_us > 0) {
        (void)snprintf(after, sizeof after, "%llu",
                       (unsigned long long)((result->retry_after_us + US_PER_S - 1) / US_PER_S));
        headers[n++] = (struct http_header){"Retry-After", after};
    }
    if (result->result == RESULT_CONFLICT) {
        headers[n++] = (struct http_header){HEADER_CONFLICT, "true"};
        if (!troth_gtid_equal(&result->blocker, &(troth_gtid){{0}})) {
            troth_gtid_format(&result->blocker, blocker);
            headers[n++] = (struct http_header){HEADER_BLOCKER, blocker};
        }
    }
    type = plain_body(result, output, reason, &body);
    if (body.failed) { /* without its output it would be another result */
        give_up(inbound);
        return;
    }
    inbound->exchange = NULL;
    http_exchange_reply(exchange, plain_status(result), type, headers, buffer_span(&body));
}

static void flush(struct inbound *inbound)
{
    if (inbound->exchange == NULL)
        return;
    if (inbound->out.failed) {
        if (inbound->pending == 0)
            give_up(inbound);
    } else if (inbound->binding == INBOUND_BATCH) {
        flush_batch(inbound);
    } else if (inbound->pending == 0) {
        flush_plain(inbound);
    }
}

void inbound_flush_all(struct troth_participant *participant)
{
    struct inbound *inbound = participant->dirty;
    participant->dirty = NULL;
    while (inbound != NULL) {
        struct inbound *next = inbound->next_dirty;

        flush(inbound);
        inbound->dirty = false;
        if (inbound->pending == 0)
            destroy(inbound);
        inbound = next;
    }
}

void inbound_destroy_all(struct troth_participant *participant)
{
    participant->dirty = NULL;
    while (participant->requests != NULL)
        destroy(participant->requests);
}
