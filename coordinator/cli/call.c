/* call.c: a call by libcurl: its head and body are kept as they come, a stream is handed on
 * event by event. */
#include "call.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "problem.h"
#include "tree.h"
#include <base/json.h>
#include <base/span.h>

#define CONNECT_TIMEOUT_MAX_MS 10000

void call_finish(struct call *call)
{
    buffer_finish(&call->target);
    buffer_finish(&call->key);
    buffer_finish(&call->preference);
}

void answer_finish(struct answer *answer)
{
    buffer_finish(&answer->body);
    cJSON_Delete(answer->tree);
    *answer = (struct answer){.status = 0};
}

int call_begin(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return cli_complain(CLI_EXIT_LOCAL, "libcurl cannot be set up");
    return CLI_EXIT_OK;
}

void call_end(void)
{
    curl_global_cleanup();
}

void call_append(struct call *call, const char *piece)
{
    char *encoded = curl_easy_escape(NULL, piece, (int)strlen(piece));
    if (encoded == NULL)
        call->target.failed = true;
    else
        buffer_append_text(&call->target, encoded);
    curl_free(encoded);
}

void call_append_query(struct call *call, const char *name, const char *value)
{
    bool first = call->target.len == 0 || memchr(call->target.data, '?', call->target.len) == NULL;
    buffer_append_char(&call->target, first ? '?' : '&');
    buffer_append_text(&call->target, name);
    buffer_append_char(&call->target, '=');
    call_append(call, value);
}

/* --- the transfer ------------------------------------------------------------------------------
 */

/* The coordinators, one after the other, until one has answered. */
struct round {
    const struct call *call;
    unsigned asked; /* with the one that is asked now */
    bool doubt;     /* one of them may have done it */
    uint64_t ends_us;
};

#define CALL_AGAIN (-1) /* no exit code: the next one is to be asked */

/* Says why the one that was asked is no use; false: there is no other, or no time. */
static bool round_goes_on(struct round *round, const struct cli *cli, bool left, const char *why)
{
    struct ways *ways = cli->ways;
    round->doubt = round->doubt || (left && strcmp(round->call->method, "GET") != 0);
    if (cli->socket != NULL || round->asked >= ways->count || mono_now().us >= round->ends_us)
        return false;
    const char *before = cli_shown(cli);
    ways->at = (ways->at + 1) % ways->count;
    cli_complain(CLI_EXIT_OK, "%s: %s; asking %s", before, why, cli_shown(cli));
    return true;
}

/* What only asks gives each its part of the time, so that one that is silent is passed over. */
static uint64_t round_part_us(const struct round *round, const struct cli *cli)
{
    uint64_t now_us = mono_now().us;
    uint64_t left_us = round->ends_us > now_us ? round->ends_us - now_us : 1;
    bool asks = strcmp(round->call->method, "GET") == 0 && cli->socket == NULL;
    return asks ? left_us / (cli->ways->count - round->asked + 1) + 1 : left_us;
}

/* What one transfer holds on to. */
struct transfer {
    CURL *curl;
    struct curl_slist *headers;
    struct buffer url;
    struct buffer line; /* one header at a time */
    bool too_long;
    bool enough; /* of a stream */
    bool heard;  /* a piece of it */
    const struct call *call;
    struct answer *answer;
    char trouble[CURL_ERROR_SIZE];
};

static void transfer_finish(struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->curl);
    buffer_finish(&transfer->url);
    buffer_finish(&transfer->line);
}
#define TRANSFER_SCOPED __attribute__((cleanup(transfer_finish)))

/* A refusal is no stream, nor is what something else than a coordinator says. */
static bool is_stream(const struct transfer *transfer)
{
    static const char wanted[] = "text/event-stream";
    const char *type = NULL;
    long status = 0;
    if (transfer->call->on_piece == NULL ||
        curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK)
        return false;
    return status >= 200 && status <= 299 && type != NULL &&
           strncasecmp(type, wanted, sizeof(wanted) - 1) == 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;
    struct buffer *body = &transfer->answer->body;
    if (is_stream(transfer)) {
        const struct call *call = transfer->call;
        transfer->heard = true;
        transfer->enough = !call->on_piece(call->arg, (struct troth_span){data, len});
        return transfer->enough ? 0 : len;
    }
    if (len > ANSWER_BYTES_MAX - body->len) {
        transfer->too_long = true;
        return 0;
    }
    buffer_append(body, data, len);
    return body->failed ? 0 : len;
}

static bool add_header(struct transfer *transfer, const char *name, const char *value)
{
    buffer_clear(&transfer->line);
    buffer_append_format(&transfer->line, "%s: %s", name, value);
    const char *line = buffer_text(&transfer->line);
    struct curl_slist *headers = line != NULL ? curl_slist_append(transfer->headers, line) : NULL;
    if (headers == NULL)
        return false;
    transfer->headers = headers;
    return true;
}

static bool add_headers(struct transfer *transfer, const struct cli *cli, struct call *call)
{
    const char *accept = call->on_piece != NULL ? "text/event-stream, application/problem+json"
                                                : "application/json, application/problem+json";
    bool good = add_header(transfer, "Accept", accept);
    if (good && call->body.data != NULL)
        good = add_header(transfer, "Content-Type", "application/json");
    if (good && call->key.len > 0)
        good = add_header(transfer, "Idempotency-Key", buffer_text(&call->key));
    if (good && call->preference.len > 0)
        good = add_header(transfer, "Prefer", buffer_text(&call->preference));
    BUFFER_SCOPED struct buffer bearer = {0};
    if (good && cli->api_key[0] != '\0') {
        buffer_append_format(&bearer, "Bearer %s", cli->api_key);
        good = buffer_text(&bearer) != NULL &&
               add_header(transfer, "Authorization", buffer_text(&bearer));
    }
    return good && add_header(transfer, "Expect", ""); /* no 100-continue */
}

/* Directly to the coordinator: the environment's proxy is for the way to the Internet. */
static CURLcode set_options(struct transfer *transfer, const struct cli *cli, struct call *call,
                            uint64_t most_us)
{
    CURL *curl = transfer->curl;
    bool streams = call->on_piece != NULL;
    long timeout_ms = (long)((most_us + 999) / 1000);
    long quiet_s = (long)((cli->timeout_us + CALL_QUIET_US + 999999) / 1000000);
    long connect_ms = timeout_ms < CONNECT_TIMEOUT_MAX_MS ? timeout_ms : CONNECT_TIMEOUT_MAX_MS;
    CURLcode code = CURLE_OK;
#define SET(option, value)                                                                         \
    if (code == CURLE_OK)                                                                          \
    code = curl_easy_setopt(curl, option, value)
    SET(CURLOPT_ERRORBUFFER, transfer->trouble);
    SET(CURLOPT_URL, buffer_text(&transfer->url));
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, streams ? 0L : timeout_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, streams ? 1L : 0L); /* bytes a second */
    SET(CURLOPT_LOW_SPEED_TIME, streams ? quiet_s : 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_USERAGENT, "trothctl");
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, (void *)transfer);
    if (cli->socket != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, cli->socket);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (cli->cacert != NULL) {
        SET(CURLOPT_CAINFO, cli->cacert);
        SET(CURLOPT_CAPATH, NULL); /* these alone */
    }
    if (cli->cert != NULL)
        SET(CURLOPT_SSLCERT, cli->cert);
    if (cli->cert_key != NULL)
        SET(CURLOPT_SSLKEY, cli->cert_key);
    if (call->body.data != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(CURLOPT_POSTFIELDS, call->body.data);
    }
#undef SET
    return code;
}

/* Whether any of the request may have left. */
static bool may_have_left(CURL *curl)
{
    curl_off_t before_us = 0;
    return curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &before_us) != CURLE_OK ||
           before_us > 0;
}

/* What asks, and what has a key, may come twice. */
static bool may_come_twice(const struct call *call)
{
    return strcmp(call->method, "GET") == 0 || call->key.len > 0;
}

static int transfer_failed(const struct transfer *transfer, CURLcode code, const struct cli *cli,
                           struct round *round)
{
    const struct call *call = transfer->call;
    const char *trouble =
        transfer->trouble[0] != '\0' ? transfer->trouble : curl_easy_strerror(code);
    bool is_elsewhere = code != CURLE_OUT_OF_MEMORY && !transfer->answer->body.failed &&
                        code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
    bool left = may_have_left(transfer->curl);
    if (is_elsewhere && !transfer->heard && (!left || may_come_twice(call)))
        if (round_goes_on(round, cli, left, trouble))
            return CALL_AGAIN;
    if (transfer->too_long)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer of %s is longer than 64 MiB",
                            cli_shown(cli));
    if (code == CURLE_OUT_OF_MEMORY || transfer->answer->body.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return cli_complain(CLI_EXIT_USAGE, "--url %s: %s", cli_shown(cli), trouble);
    if (strcmp(call->method, "GET") == 0 || (!left && !round->doubt)) {
        if (call->trouble == NULL)
            return cli_complain(CLI_EXIT_UNAVAILABLE, "%s: %s", cli_shown(cli), trouble);
        buffer_append_text(call->trouble, trouble);
        return CLI_EXIT_UNAVAILABLE;
    }
    cli_complain(CLI_EXIT_UNKNOWN, "%s: %s", cli_shown(cli), trouble);
    cli_complain(CLI_EXIT_UNKNOWN, "it is not known what became of it: %s",
                 call->hint != NULL ? call->hint : "look, and ask again");
    if (call->gtid[0] != '\0')
        cli_complain(CLI_EXIT_UNKNOWN, "look with 'trothctl tx show %s'", call->gtid);
    return CLI_EXIT_UNKNOWN;
}

/* libcurl would take the first part of the path for a host. */
static bool has_host(const char *url)
{
    const char *behind = strstr(url, "://");
    const char *host = behind != NULL ? behind + 3 : url;
    return host[0] != '\0' && host[0] != '/';
}

static int make_transfer(const struct cli *cli, struct call *call, struct round *round,
                         struct answer *answer)
{
    TRANSFER_SCOPED struct transfer transfer = {.call = call, .answer = answer};
    const char *url = cli->ways->way[cli->ways->at].url;
    round->asked++;
    if (cli->socket == NULL && !has_host(url))
        return cli_complain(CLI_EXIT_USAGE, "--url %s: it names no host", cli_shown(cli));
    transfer.curl = curl_easy_init();
    buffer_append_text(&transfer.url, cli->socket != NULL ? "http://localhost" : url);
    while (transfer.url.len > 0 && transfer.url.data[transfer.url.len - 1] == '/')
        transfer.url.len--;
    buffer_append_span(&transfer.url, buffer_span(&call->target));
    bool failed = call->target.failed || call->key.failed || call->preference.failed;
    if (transfer.curl == NULL || failed || buffer_text(&transfer.url) == NULL ||
        !add_headers(&transfer, cli, call))
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    CURLcode code = set_options(&transfer, cli, call, round_part_us(round, cli));
    if (code == CURLE_OK)
        code = curl_easy_perform(transfer.curl);
    if (transfer.enough)
        code = CURLE_OK;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &answer->status);
    return code == CURLE_OK ? CLI_EXIT_OK : transfer_failed(&transfer, code, cli, round);
}

/* --- the answer --------------------------------------------------------------------------------
 */

int exit_of_status(long status, struct troth_span slug, bool changes)
{
    if (slug.len == 0 && (status < 500 || status > 504))
        return CLI_EXIT_PROTOCOL; /* no coordinator says it like this */
    if (span_is(slug, "unknown-transaction") || span_is(slug, "unknown-definition") ||
        span_is(slug, "unknown-participant"))
        return CLI_EXIT_NOT_FOUND;
    if (status == 503 || status == 408 || status == 429)
        return CLI_EXIT_UNAVAILABLE;
    if (status == 502 || status == 504) /* something between here and there */
        return changes ? CLI_EXIT_UNKNOWN : CLI_EXIT_UNAVAILABLE;
    if (status >= 400 && status <= 499)
        return span_is(slug, "no-such-path") ? CLI_EXIT_PROTOCOL : CLI_EXIT_REFUSED;
    return CLI_EXIT_PROTOCOL;
}

/* The body as JSON, which stays absent when it is empty or none. CLI_EXIT_LOCAL: out of memory. */
static int read_body(struct answer *answer)
{
    struct troth_span json;
    if (json_check(buffer_span(&answer->body), JSON_CHECK_KEPT, &json, NULL) != 0)
        return CLI_EXIT_OK;
    int error = tree_parse(json, &answer->tree);
    if (error == 0)
        answer->json = json;
    return error == TROTH_ERROR_NO_MEMORY ? cli_complain(CLI_EXIT_LOCAL, "out of memory")
                                          : CLI_EXIT_OK;
}

/* Another coordinator may answer better: this one has done nothing and is not just full, or does
 * not know, and what is asked may come twice. */
static bool is_for_another(const struct call *call, const struct answer *answer)
{
    if (answer->status == 503)
        return !span_is(problem_slug(answer->tree), "full");
    return (answer->status == 502 || answer->status == 504) && may_come_twice(call);
}

static int refuse(const struct cli *cli, struct call *call, struct round *round,
                  const struct answer *answer)
{
    bool changes = strcmp(call->method, "GET") != 0;
    BUFFER_SCOPED struct buffer why = {0};
    if (is_for_another(call, answer)) {
        problem_append(&why, answer->status, answer->tree);
        const char *words = buffer_text(&why);
        if (round_goes_on(round, cli, answer->status != 503, words != NULL ? words : ""))
            return CALL_AGAIN;
    }
    int error = exit_of_status(answer->status, problem_slug(answer->tree), changes);
    if (error == CLI_EXIT_UNAVAILABLE && round->doubt)
        error = CLI_EXIT_UNKNOWN;
    if (error == CLI_EXIT_UNAVAILABLE && call->trouble != NULL)
        problem_append(call->trouble, answer->status, answer->tree);
    else if (!call->quiet)
        problem_complain(error, answer->status, answer->tree, call->file);
    if (error == CLI_EXIT_UNKNOWN && call->hint != NULL)
        cli_complain(error, "%s", call->hint);
    return error;
}

/* One coordinator's answer, or CALL_AGAIN. */
static int call_once(const struct cli *cli, struct call *call, struct round *round,
                     struct answer *ret_answer)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    int error = make_transfer(cli, call, round, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    error = read_body(&answer);
    if (error != CLI_EXIT_OK)
        return error;
    bool good = (answer.status >= 200 && answer.status <= 299) ||
                (answer.status == 503 && call->accepts_503 && answer.json.data != NULL);
    if (!good)
        return refuse(cli, call, round, &answer);
    if (answer.json.data == NULL && answer.body.len > 0 && !call->plain)
        return cli_complain(CLI_EXIT_PROTOCOL, "%s: HTTP %ld, but its body is not JSON",
                            cli_shown(cli), answer.status);
    *ret_answer = answer; /* the caller's now */
    answer = (struct answer){.status = 0};
    return CLI_EXIT_OK;
}

int call_make(const struct cli *cli, struct call *call, struct answer *ret_answer)
{
    uint64_t margin_us = cli->timeout_us < CALL_MARGIN_US ? cli->timeout_us : CALL_MARGIN_US;
    uint64_t most_us = call->wait_us != 0 ? call->wait_us + margin_us : cli->timeout_us;
    struct round round = {.call = call, .ends_us = mono_now().us + most_us};
    int error;
    do
        error = call_once(cli, call, &round, ret_answer);
    while (error == CALL_AGAIN);
    return error;
}
