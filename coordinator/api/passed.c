/* passed.c: see passed.h. */
#include "passed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <base/number.h>
#include <base/span.h>

static void add(struct buffer *text, struct troth_span value)
{
    buffer_append_span(text, value);
    buffer_append_char(text, '\n');
}

bool passed_prove(const struct api *api, struct troth_span node, const struct passed_claims *claims,
                  char ret_proof[NODE_MAC_TEXT_LEN + 1])
{
    const struct troth_span *const in_order[] = {&claims->by,     &claims->to,     &claims->number,
                                                 &claims->method, &claims->path,   &claims->query,
                                                 &claims->who,    &claims->scopes, &claims->starts,
                                                 &claims->caller, &claims->key,    &claims->prefer};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&text, "troth passes on\n");
    for (size_t i = 0; i < sizeof in_order / sizeof in_order[0]; i++)
        add(&text, *in_order[i]); /* none has a line feed: they are parts of a head */
    buffer_append_span(&text, claims->body);
    return !text.failed && api->host.mac(api->host.ctx, node, buffer_span(&text), ret_proof);
}

bool passed_answer(const struct api *api, struct troth_span node, const char *proof,
                   char ret_answer[NODE_MAC_TEXT_LEN + 1])
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_format(&text, "troth answers\n%s", proof);
    return !text.failed && api->host.mac(api->host.ctx, node, buffer_span(&text), ret_answer);
}

static struct troth_span header(const struct request *request, const char *name)
{
    struct troth_span value;
    return http_exchange_header(request->exchange, name, &value) ? value
                                                                 : (struct troth_span){"", 0};
}

static struct passed_claims claims_of(const struct request *request)
{
    const struct http_exchange *exchange = request->exchange;
    return (struct passed_claims){.by = header(request, PASSED_BY),
                                  .to = header(request, PASSED_TO),
                                  .number = header(request, PASSED_NUMBER),
                                  .method = http_exchange_method(exchange),
                                  .path = http_exchange_path(exchange),
                                  .query = http_exchange_query(exchange),
                                  .who = header(request, PASSED_WHO),
                                  .scopes = header(request, PASSED_SCOPES),
                                  .starts = header(request, PASSED_STARTS),
                                  .caller = header(request, PASSED_CALLER),
                                  .key = header(request, "Idempotency-Key"),
                                  .prefer = header(request, "Prefer"),
                                  .body = http_exchange_body(exchange)};
}

static int take_identity(struct request *request, const struct passed_claims *claims,
                         struct api_problem *ret_problem)
{
    struct api_identity *identity = &request->identity;
    struct buffer *starts = &request->api->starts;
    uint64_t scopes = 0;
    buffer_clear(starts);
    buffer_append_span(starts, claims->starts);
    if (claims->who.len >= sizeof identity->who ||
        number_parse(claims->scopes, UINT32_MAX, &scopes) != 0 || buffer_text(starts) == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                               "what another node says of who asks makes no sense here");
    memcpy(identity->who, claims->who.data, claims->who.len);
    identity->who[claims->who.len] = '\0';
    identity->scopes = (uint32_t)scopes;
    identity->starts = claims->starts.len > 0 ? buffer_text(starts) : NULL;
    request->caller = claims->caller;
    request->is_passed = true;
    return 0;
}

static int refuse_stranger(struct api_problem *ret_problem)
{
    return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                           "the node that passed it on is not known here (yet): nothing was done, "
                           "try again");
}

/* What was seen on its way is not done again for whoever shows it once more. */
static int check_new(const struct request *request, const struct passed_claims *claims,
                     struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    uint64_t number = 0;
    if (number_parse(claims->number, INT64_MAX, &number) == 0 &&
        host->is_new(host->ctx, claims->by, number))
        return 0;
    return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                           "the other node has passed on this very request before; nothing was "
                           "done now, try again");
}

int passed_read(struct request *request, struct api_problem *ret_problem)
{
    const struct api *api = request->api;
    char proof[NODE_MAC_TEXT_LEN + 1], answer[NODE_MAC_TEXT_LEN + 1];
    struct passed_claims claims = claims_of(request);
    struct troth_span shown = header(request, PASSED_PROOF);
    if (claims.by.len == 0)
        return 0;
    if (!span_is(claims.to, api->host.node_key))
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                               "this is not the node that it was passed on to: it has another "
                               "address, or was started again; nothing was done");
    if (!passed_prove(api, claims.by, &claims, proof) || shown.len != NODE_MAC_TEXT_LEN ||
        CRYPTO_memcmp(shown.data, proof, NODE_MAC_TEXT_LEN) != 0 ||
        !passed_answer(api, claims.by, proof, answer))
        return refuse_stranger(ret_problem);
    http_exchange_sign(request->exchange, PASSED_ANSWER, answer);
    if (!api->host.knows(api->host.ctx, claims.by))
        return refuse_stranger(ret_problem);
    int error = check_new(request, &claims, ret_problem);
    return error != 0 ? error : take_identity(request, &claims, ret_problem);
}

void passed_caller(const struct request *request, char ret_text[HTTP_CLIENT_TEXT_MAX])
{
    if (request->caller.len > 0)
        (void)snprintf(ret_text, HTTP_CLIENT_TEXT_MAX, "%.*s", (int)request->caller.len,
                       request->caller.data);
    else
        http_exchange_client(request->exchange, ret_text);
}
