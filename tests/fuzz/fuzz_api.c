/* A request to the client API (request.h says how it stands in the input): path, query, headers and
 * body. One answer comes, the same twice; a refusal is a problem that names its status, and the
 * host was not asked for anything then. */
#include <api/api.h>
#include <base/json.h>
#include <fake_host.h>
#include <pair.h>

#include "request.h"

static struct fake_host fake;

static struct http_server *serve(void)
{
    static struct http_server *server;
    static struct api *api;
    struct http_server_config config = {
        .address = "127.0.0.1",
        .connections_max = 4,
        .limits = HTTP_LIMITS_DEFAULT,
        .handler = api_handle,
        .problem = api_server_problem,
    };
    if (server != NULL)
        return server;
    fake_init(&fake);
    int error = api_create(&fake.host, &api);
    config.arg = api;
    if (error == 0)
        error = http_server_create(pair_loop(), &config, &server);
    fake_finish(&fake);
    assert(error == 0);
    return server;
}

static void check_problem(int status, struct troth_span body)
{
    struct troth_span object, value;
    int64_t number = 0;
    int error = json_check(body, JSON_CHECK_UNIQUE_KEYS, &object, NULL);
    assert(error == 0);
    assert(json_member(object, "type", &value) && json_type(value) == JSON_STRING);
    assert(json_member(object, "detail", &value) && json_type(value) == JSON_STRING);
    assert(json_member(object, "status", &value));
    assert(json_int64(value, &number) == 0 && number == status);
}

static void check_answer(const struct buffer *answer)
{
    struct troth_span body, value;
    int status = answer_read(answer, &body);
    assert(status >= 200 && status <= 599 && status != 500);
    assert(status < 400 || fake.asked.call == NULL);
    if (body.len == 0) /* HEAD, or there is nothing to say */
        return;
    if (status >= 400)
        check_problem(status, body);
    else if (answer_has(answer, "Content-Type: application/json"))
        assert(json_check(body, JSON_CHECK_UNIQUE_KEYS | JSON_CHECK_KEPT, &value, NULL) == 0);
}

static void ask(struct troth_span text, struct buffer *answer)
{
    struct http_server *server = serve();
    fake_init(&fake);
    pair_ask(server, text, text.len, answer);
    check_answer(answer);
    assert(!fake_holds(&fake) && fake.watches_count == 0);
    fake_finish(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0}, once = {0}, again = {0};
    request_append(&text, fuzz_span(data, size));
    ask(buffer_span(&text), &once);
    ask(buffer_span(&text), &again);
    assert(fuzz_same(buffer_span(&once), buffer_span(&again)));
    buffer_finish(&text);
    buffer_finish(&once);
    buffer_finish(&again);
    return 0;
}
