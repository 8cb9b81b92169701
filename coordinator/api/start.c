/* A request to start a transaction, read and checked before anything is begun. */
#include "start.h"

#include <openssl/evp.h>
#include <string.h>

#include "authorize.h"
#include "body.h"
#include "lookup.h"
#include "passed.h"
#include "request.h"
#include "transaction_reply.h"
#include <base/duration.h>

/* What tells whether the same key comes with the same request. */
static int hash_request(struct troth_span body, char ret_hex[65], struct api_problem *ret_problem)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_Digest(body.data, body.len, hash, &len, EVP_sha256(), NULL) != 1 || len != 32)
        return api_problem_set(ret_problem, API_PROBLEM_INTERNAL, "SHA-256 is not available");
    for (size_t i = 0; i < 32; i++) {
        ret_hex[2 * i] = digits[hash[i] >> 4];
        ret_hex[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_hex[64] = '\0';
    return 0;
}

static int read_headers(const struct request *request, struct start *start,
                        struct api_problem *ret_problem)
{
    struct troth_span value;
    struct api_submit *submit = &start->submit;
    if (request->identity.who[0] != '\0')
        (void)snprintf(submit->caller, sizeof submit->caller, "%.*s",
                       (int)sizeof submit->caller - 1, request->identity.who);
    else
        passed_caller(request, submit->caller);
    if (http_exchange_header(request->exchange, "traceparent", &value) &&
        headers_traceparent_valid(value))
        submit->traceparent = value;
    if (!http_exchange_header(request->exchange, "Idempotency-Key", &value))
        return 0;
    int error = headers_idempotency_key(value, &start->key, ret_problem);
    if (error != 0)
        return error;
    submit->idempotency_key = buffer_span(&start->key);
    return hash_request(http_exchange_body(request->exchange), submit->request_hash, ret_problem);
}

/* An object of strings. */
static int read_labels(const struct body *body, struct start *start,
                       struct api_problem *ret_problem)
{
    struct troth_span labels, key, value;
    struct buffer *text = &start->labels;
    if (!body_member(body, "labels", &labels))
        return 0;
    if (json_type(labels) != JSON_OBJECT)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/labels: it must be an object of strings");
    if (labels.len > API_LABELS_BYTES_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_TOO_LARGE,
                               "/labels: %zu bytes, at most %u are kept", labels.len,
                               API_LABELS_BYTES_MAX);
    struct json_cursor cursor = json_cursor(labels);
    while (json_next(&cursor, &key, &value)) {
        if (json_type(value) != JSON_STRING)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                                   "/labels: the value of %.*s must be a string", SHOWN(key));
        buffer_append_char(text, text->len == 0 ? '{' : ',');
        label_append(text, key, value);
    }
    buffer_append_text(text, text->len == 0 ? "{}" : "}");
    if (text->failed)
        return api_problem_set(ret_problem, API_PROBLEM_INTERNAL, "out of memory");
    start->submit.labels = buffer_span(text);
    return 0;
}

static int check_input(struct start *start, struct api_problem *ret_problem)
{
    const struct definition *definition = start->submit.definition;
    int error = definition_check_input(definition, start->submit.input, &start->faults);
    if (error == 0)
        return 0;
    if (error == TROTH_ERROR_NO_MEMORY) /* faults may be missing from the list */
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "the input: %s",
                               troth_error_text(error));
    const struct fault *first = &start->faults.list[0];
    api_problem_set(ret_problem, API_PROBLEM_INVALID_INPUT,
                    "%u fault%s in the input of %s version %u; the first: \"%s\": %s",
                    start->faults.errors, start->faults.errors == 1 ? "" : "s", definition->name,
                    definition->version, first->pointer, first->text);
    ret_problem->faults = &start->faults;
    return TROTH_ERROR_REFUSED;
}

/* What is too large to be sent is refused before anything begins. */
static int check_sizes(const struct start *start, struct api_problem *ret_problem)
{
    const struct definition *definition = start->submit.definition;
    const char *why = NULL;
    uint32_t step = 0;
    int error = definition_check_sizes(definition, start->submit.input, &step, &why);
    if (error == 0)
        return 0;
    if (error == TROTH_ERROR_NO_MEMORY)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "the input: %s",
                               troth_error_text(error));
    return api_problem_set(ret_problem, API_PROBLEM_TOO_LARGE,
                           "%s version %u makes too much of this input, at step \"%s\": %s",
                           definition->name, definition->version, definition->steps[step].name,
                           why);
}

/* At most so long (0: any), which `whose` says. */
static int read_timeout(const struct body *body, uint64_t most_us, const char *whose,
                        struct api_submit *submit, struct api_problem *ret_problem)
{
    char text[DURATION_TEXT_MAX];
    int error = body_duration(body, "timeout", &submit->timeout_us, ret_problem);
    if (error != 0 || most_us == 0 || submit->timeout_us <= most_us)
        return error;
    (void)duration_format(most_us, text);
    return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                           "/timeout: it is longer than %s, %s", whose, text);
}

/* The definition's own, or a shorter one. A definition that was published before the coordinator's
 * limit was lowered goes on under the limit. */
static int read_definition_timeout(const struct request *request, const struct body *body,
                                   struct api_submit *submit, struct api_problem *ret_problem)
{
    uint64_t limit_us = request->api->host.timeout_max_us, own_us = submit->definition->timeout_us;
    bool is_limited = limit_us != 0 && limit_us < own_us;
    submit->timeout_us = is_limited ? limit_us : own_us;
    return read_timeout(body, submit->timeout_us,
                        is_limited ? "the coordinator's timeout_max" : "the definition's own",
                        submit, ret_problem);
}

static int read_orchestrated(const struct request *request, const struct body *body,
                             struct start *start, struct api_problem *ret_problem)
{
    static const char *const replies[] = {"completed", "decided", NULL};
    struct api_submit *submit = &start->submit;
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version = 0, reply = 0;
    int error = body_name(body, "definition", REQUIRED, name, ret_problem);
    if (error == 0)
        error = authorize_start(request, name, ret_problem);
    if (error == 0)
        error = body_uint(body, "version", OPTIONAL, 1, INT32_MAX, &version, ret_problem);
    if (error == 0)
        error = body_choice(body, "reply", OPTIONAL, replies, &reply, ret_problem);
    if (error == 0)
        error = lookup_definition(request->api, API_PROBLEM_UNKNOWN_DEFINITION, name, version,
                                  &submit->definition, ret_problem);
    if (error == 0)
        error = read_definition_timeout(request, body, submit, ret_problem);
    if (error != 0)
        return error;
    if (!body_member(body, "input", &submit->input))
        submit->input = (struct troth_span){"{}", 2};
    if (submit->input.len > MESSAGE_PAYLOAD_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_TOO_LARGE,
                               "/input: %zu bytes, at most %u are taken", submit->input.len,
                               MESSAGE_PAYLOAD_MAX);
    submit->reply = reply == 0 ? API_REPLY_COMPLETED : API_REPLY_DECIDED;
    error = check_input(start, ret_problem);
    return error != 0 ? error : check_sizes(start, ret_problem);
}

/* Its branches may be prepared, and hold their locks, from its beginning to its timeout. */
static int read_interactive(const struct request *request, const struct body *body,
                            struct start *start, struct api_problem *ret_problem)
{
    static const char *const modes[] = {"2pc", NULL};
    static const char *const orchestrated_only[] = {"definition", "version", "input", "reply"};
    struct troth_span value;
    uint32_t mode = 0;
    for (size_t i = 0; i < sizeof orchestrated_only / sizeof orchestrated_only[0]; i++)
        if (body_member(body, orchestrated_only[i], &value))
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                                   "/%s: not beside \"mode\": a transaction is started from a "
                                   "\"definition\", or is interactive and has a \"mode\"",
                                   orchestrated_only[i]);
    int error = body_choice(body, "mode", REQUIRED, modes, &mode, ret_problem);
    if (error == 0)
        error = authorize_start(request, "", ret_problem);
    if (error != 0)
        return error;
    uint64_t most_us = request->api->host.prepare_timeout_max_us;
    start->submit.reply = API_REPLY_COMPLETED;
    start->submit.timeout_us = most_us != 0 && most_us < DEFINITION_TIMEOUT_DEFAULT_US
                                   ? most_us
                                   : DEFINITION_TIMEOUT_DEFAULT_US;
    return read_timeout(body, most_us, "the coordinator's prepare_timeout_max", &start->submit,
                        ret_problem);
}

int start_read(const struct request *request, struct start *start, struct api_problem *ret_problem)
{
    static const char *const known[] = {"definition", "version", "input",   "reply",
                                        "labels",     "mode",    "timeout", NULL};
    struct api_submit *submit = &start->submit;
    struct troth_span value;
    struct body body;
    int error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = read_headers(request, start, ret_problem);
    if (error == 0)
        error = read_labels(&body, start, ret_problem);
    if (error == 0)
        error = body_member(&body, "mode", &value)
                    ? read_interactive(request, &body, start, ret_problem)
                    : read_orchestrated(request, &body, start, ret_problem);
    if (error == 0)
        transaction_prefer(request, submit->reply, &start->prefer, &submit->reply,
                           &submit->wait_us);
    return error;
}

void start_finish(struct start *start)
{
    buffer_finish(&start->labels);
    buffer_finish(&start->key);
    faults_finish(&start->faults);
}
