/* participant.c: making, attaching, running and ending a participant. */
#include "participant.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <http/server.h>
#include <http/tls.h>

#include "inbound.h"
#include "inside.h"
#include "mailbox.h"
#include "reply.h"
#include "say.h"
#include "server.h"
#include "sized.h"
#include "task.h"
#include "tls_files.h"

#define HANDSHAKES_MAX       256u
#define HANDSHAKE_TIMEOUT_US UINT64_C(5000000)

#define PORT_UNSET          0
#define CONNECTIONS_DEFAULT 256u
#define PENDING_DEFAULT     10000u
/* A batch's request: CHANNEL_BATCH_BYTES_MAX and one command of the largest size more. */
#define BODY_BYTES_MAX (2u * MESSAGE_LINE_MAX)

void participant_set_slots(struct troth_participant *participant, uint32_t slots)
{
    participant->slots = slots;
    (void)snprintf(participant->slots_text, sizeof participant->slots_text, "%u", slots);
}

void participant_set_places(struct troth_participant *participant, uint32_t places)
{
    (void)snprintf(participant->places_text, sizeof participant->places_text, "%u", places);
}

/* "/bank/" -> "/bank", "/" -> "". NULL: out of memory. */
static char *base_copy(const char *base)
{
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    return strndup(base, len);
}

static bool config_valid(const struct troth_participant_config *config)
{
    return config->slots <= TROTH_SLOTS_MAX && (config->base == NULL || config->base[0] == '/');
}

int troth_participant_create(const struct troth_participant_config *config,
                             struct troth_participant **ret_participant)
{
    struct troth_participant_config taken;
    struct troth_participant *made;
    int error = SIZED_TAKE(&taken, config, struct troth_participant_config, size);
    if (error != 0 || !config_valid(&taken) || ret_participant == NULL)
        return TROTH_ERROR_INVALID;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->port = taken.port;
    made->connections_max =
        taken.connections_max == 0 ? CONNECTIONS_DEFAULT : taken.connections_max;
    made->pending_max = taken.pending_max == 0 ? PENDING_DEFAULT : taken.pending_max;
    made->diagnostic = taken.diagnostic;
    made->diagnostic_arg = taken.diagnostic_arg;
    participant_set_slots(made, taken.slots == 0 ? TROTH_SLOTS_DEFAULT : taken.slots);
    made->address = strdup(taken.address == NULL ? "127.0.0.1" : taken.address);
    made->base = base_copy(taken.base == NULL ? "/" : taken.base);
    error = made->address == NULL || made->base == NULL ? TROTH_ERROR_NO_MEMORY
                                                        : mailbox_create(&made->mailbox);
    if (error == 0)
        error = journals_only(&made->journals, taken.journals);
    if (error == 0)
        error = callers_take(&made->callers, &taken);
    if (error == 0)
        error = tls_files_take(taken.tls, taken.diagnostic, taken.diagnostic_arg, &made->tls_files);
    if (error != 0) {
        (void)troth_participant_destroy(made);
        return error;
    }
    *ret_participant = made;
    return 0;
}

const struct operation *participant_operation(const struct troth_participant *participant,
                                              struct troth_span name)
{
    uint32_t i;
    for (i = 0; i < participant->operations_count; i++) {
        const struct operation *operation = participant->operations[i];

        if (strlen(operation->name) == name.len &&
            memcmp(operation->name, name.data, name.len) == 0)
            return operation;
    }
    return NULL;
}

int troth_participant_handle(struct troth_participant *participant, const char *operation,
                             const struct troth_handlers *handlers, void *arg)
{
    const struct troth_span name = {operation, operation == NULL ? 0 : strlen(operation)};
    struct troth_handlers taken;
    struct operation *made;
    if (participant == NULL || operation == NULL || !troth_name_valid(name.data, name.len) ||
        SIZED_TAKE(&taken, handlers, struct troth_handlers, size) != 0)
        return TROTH_ERROR_INVALID;
    if (participant_operation(participant, name) != NULL)
        return TROTH_ERROR_EXISTS;
    if (participant->operations_count == TROTH_OPERATIONS_MAX)
        return TROTH_ERROR_FULL;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    memcpy(made->name, name.data, name.len);
    made->handlers = taken;
    made->arg = arg;
    participant->operations[participant->operations_count++] = made;
    return 0;
}

static uint32_t place_of(const struct troth_participant *participant, struct troth_span name)
{
    const struct operation *operation = participant_operation(participant, name);
    uint32_t place = 0;
    assert(operation != NULL);
    while (participant->operations[place] != operation)
        place++;
    return place;
}

void participant_hand(struct troth_participant *participant, struct troth_span name, void *arg)
{
    participant->operations[place_of(participant, name)]->arg = arg;
}

void participant_forget(struct troth_participant *participant, struct troth_span name)
{
    const uint32_t place = place_of(participant, name);
    free(participant->operations[place]);
    participant->operations[place] = participant->operations[--participant->operations_count];
}

static troth_handler handler_of(const struct troth_handlers *handlers, enum troth_op op)
{
    switch (op) {
    case TROTH_OP_PREPARE:
        return handlers->prepare;
    case TROTH_OP_COMMIT:
        return handlers->commit;
    case TROTH_OP_ABORT:
        return handlers->abort;
    case TROTH_OP_EXECUTE:
        return handlers->execute;
    case TROTH_OP_COMPENSATE:
        return handlers->compensate;
    case TROTH_OP_STATUS:
        return handlers->status;
    }
    return NULL;
}

/* Nobody here does that. It is no refusal: another replica may have done it in an earlier try, or
 * may do it now, and after a deployment so may this one. */
static void dispatch_nowhere(const struct troth_participant *participant, struct troth_reply *task)
{
    char reason[128];
    (void)snprintf(reason, sizeof reason, "no handler for %s of operation \"%s\" here",
                   message_op_name((enum message_op)task->call.op), task->call.operation);
    participant_say_call(participant, TROTH_SEVERITY_WARNING, "no_handler", &task->call, "");
    task_reply_no_operation(task, reason);
}

/* A resource knows by itself what became of a branch: it need not know the operation for that. Not
 * beside handlers of the service's own: another replica may have the operation among these. */
static troth_handler others_handler(const struct troth_participant *participant, enum troth_op op)
{
    uint32_t i;
    for (i = 0; i < participant->operations_count; i++)
        if (participant->operations[i]->handlers.abort != participant->others.abort)
            return NULL;
    return handler_of(&participant->others, op);
}

void participant_dispatch(struct troth_participant *participant, struct troth_reply *task)
{
    const struct troth_span name = {task->call.operation, strlen(task->call.operation)};
    const struct operation *operation = participant_operation(participant, name);
    troth_handler handler = operation == NULL ? others_handler(participant, task->call.op)
                                              : handler_of(&operation->handlers, task->call.op);
    void *arg = operation == NULL ? participant->resource_others : operation->arg;
    task_set_sink(participant->mailbox, inbound_deliver, participant);
    if (participant->destroyed) /* by the handler of another command of this request */
        troth_reply_retry(task, 0, "the participant is shutting down");
    else if (handler == NULL)
        dispatch_nowhere(participant, task);
    else
        handler(arg, &task->call, task);
    task_set_sink(NULL, NULL, NULL);
}

void participant_drain(struct troth_participant *participant)
{
    bool stop = false;
    struct troth_reply *task = mailbox_take(participant->mailbox, &stop);
    while (task != NULL) {
        struct troth_reply *next = task->next;

        inbound_deliver(participant, task);
        task = next;
    }
    inbound_flush_all(participant);
    http_loop_flush(participant->loop);
    if (stop)
        (void)event_base_loopexit(participant->event_base, NULL); /* fails without memory only */
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    participant_drain(arg);
}

static int listen_now(struct troth_participant *participant)
{
    struct http_server_config config = {
        .address = participant->address,
        .port = participant->port,
        .connections_max = participant->connections_max,
        .limits = HTTP_LIMITS_DEFAULT,
        .handler = server_handle,
        .arg = participant,
        .handshakes_max = HANDSHAKES_MAX,
        .handshake_timeout_us = HANDSHAKE_TIMEOUT_US,
    };
    const char *trouble = callers_trouble(&participant->callers);
    if (trouble != NULL) {
        participant_say(participant, TROTH_SEVERITY_ERROR, "event=no_token reason=\"%s\"", trouble);
        return TROTH_ERROR_CONFIG;
    }
    if (participant->tls_files != NULL) {
        int error = tls_files_open(participant->tls_files, participant->event_base, true,
                                   &participant->tls);
        if (error != 0)
            return error;
    }
    config.tls = participant->tls;
    config.limits.body_bytes_max = BODY_BYTES_MAX;
    return http_server_create(participant->loop, &config, &participant->server);
}

int troth_participant_attach(struct troth_participant *participant, struct event_base *base)
{
    int error;
    if (participant == NULL || base == NULL)
        return TROTH_ERROR_INVALID;
    if (participant->server != NULL)
        return TROTH_ERROR_EXISTS;
    error = http_loop_create(base, &participant->loop);
    if (error != 0)
        return error;
    http_loop_autoflush(participant->loop);
    participant->event_base = base;
    participant->woken = event_new(base, mailbox_fd(participant->mailbox), EV_READ | EV_PERSIST,
                                   on_woken, participant);
    if (participant->woken == NULL || event_add(participant->woken, NULL) != 0)
        error = TROTH_ERROR_NO_MEMORY;
    else
        error = listen_now(participant);
    if (error != 0) {
        if (participant->woken != NULL) {
            event_free(participant->woken);
            participant->woken = NULL;
        }
        http_tls_destroy(participant->tls);
        participant->tls = NULL;
        http_loop_destroy(participant->loop);
        participant->loop = NULL;
        participant->event_base = NULL;
        return error;
    }
    if (participant->attached != NULL)
        participant->attached(participant->resource, base);
    return 0;
}

/* The last of it: nobody dispatches its event base. */
static void participant_free(struct troth_participant *participant)
{
    if (participant->owns_event_base)
        event_base_free(participant->event_base);
    free(participant);
}

int troth_participant_run(struct troth_participant *participant)
{
    int error;
    if (participant == NULL)
        return TROTH_ERROR_INVALID;
    if (participant->server == NULL) {
        struct event_base *base = event_base_new();

        if (base == NULL)
            return TROTH_ERROR_SYSTEM;
        error = troth_participant_attach(participant, base);
        if (error != 0) {
            event_base_free(base);
            return error;
        }
        participant->owns_event_base = true;
    }
    participant->running = true;
    error = event_base_dispatch(participant->event_base) < 0 ? TROTH_ERROR_SYSTEM : 0;
    participant->running = false;
    if (participant->destroyed) {
        participant_free(participant);
        return TROTH_ERROR_SHUTTING_DOWN;
    }
    return error;
}

void troth_participant_stop(struct troth_participant *participant)
{
    if (participant != NULL)
        mailbox_stop(participant->mailbox);
}

uint16_t troth_participant_port(const struct troth_participant *participant)
{
    if (participant == NULL || participant->server == NULL)
        return PORT_UNSET;
    return http_server_port(participant->server);
}

static void close_mailbox(struct mailbox *mailbox)
{
    struct troth_reply *task;
    if (mailbox == NULL)
        return;
    task = mailbox_close(mailbox);
    while (task != NULL) {
        struct troth_reply *next = task->next;

        task_destroy(task);
        task = next;
    }
    mailbox_release(mailbox);
}

void participant_finish(struct troth_participant *participant)
{
    uint32_t i;
    http_server_destroy(participant->server);
    inbound_destroy_all(participant);
    if (participant->woken != NULL) /* before its descriptor is closed */
        event_free(participant->woken);
    close_mailbox(participant->mailbox);
    http_tls_destroy(participant->tls);
    tls_files_destroy(participant->tls_files);
    http_loop_destroy(participant->loop);
    for (i = 0; i < participant->operations_count; i++)
        free(participant->operations[i]);
    callers_finish(&participant->callers);
    journals_finish(&participant->journals);
    buffer_finish(&participant->scratch);
    free(participant->address);
    free(participant->base);
    if (participant->running) /* which frees the rest */
        (void)event_base_loopbreak(participant->event_base);
    else
        participant_free(participant);
}

int troth_participant_destroy(struct troth_participant *participant)
{
    if (participant == NULL || participant->destroyed)
        return 0;
    if (participant->resource != NULL)
        return TROTH_ERROR_INVALID;
    participant->destroyed = true;
    participant->diagnostic = NULL;
    if (!participant->in_request)
        participant_finish(participant);
    return 0;
}
