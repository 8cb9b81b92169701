/* The answers that show one transaction. */
#include "transaction_reply.h"

#include <string.h>

#define BODY_KEPT_BYTES 65536u

void transaction_reply(struct call *call, int status, const struct api_view *view, bool replayed)
{
    struct api *api = call->api;
    struct buffer body = buffer_borrow(&api->body);
    BUFFER_SCOPED struct buffer applied = {0};
    char location[sizeof TRANSACTION_PATH + TROTH_GTID_TEXT_LEN] = TRANSACTION_PATH;
    struct http_header headers[4] = {{"Location", location}};
    size_t count = 1;
    troth_gtid_format(&view->origin->gtid, location + strlen(TRANSACTION_PATH));
    if (headers_preference_applied(&call->prefer, status == 202, &applied)) {
        const char *text = buffer_text(&applied);
        if (text != NULL)
            headers[count++] = (struct http_header){"Preference-Applied", text};
    }
    if (replayed)
        headers[count] = (struct http_header){"Idempotency-Replayed", "true"};
    view_append(&body, view, VIEW_STEPS);
    buffer_append_char(&body, '\n');
    call_reply(call, status, headers, &body);
    buffer_return(&api->body, &body, BODY_KEPT_BYTES);
}

void transaction_changed(void *arg, const struct api_problem *problem, const struct api_view *view,
                         bool fresh)
{
    struct call *call = arg;
    (void)fresh;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        transaction_reply(call, view->outcome != TXN_OUTCOME_NONE ? 200 : 202, view, false);
}

void transaction_prefer(const struct request *request, enum api_reply asked,
                        struct preference *ret_prefer, enum api_reply *ret_reply,
                        uint64_t *ret_wait_us)
{
    struct preference prefer = {0};
    struct troth_span value;
    if (http_exchange_header(request->exchange, "Prefer", &value))
        headers_prefer(value, &prefer);
    bool no_wait = prefer.has_wait && prefer.wait_s == 0;
    *ret_reply = prefer.respond_async || no_wait ? API_REPLY_ACCEPTED : asked;
    *ret_wait_us = (uint64_t)prefer.wait_s * 1000000;
    *ret_prefer = prefer;
}
