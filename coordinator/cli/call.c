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

/* What one transfer holds on to. */
struct transfer {
    CURL *curl;
    struct curl_slist *headers;
    struct buffer url;
    struct buffer line; /* one header at a time */
    bool too_long;
    bool enough; /* of a stream */
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
static CURLcode set_options(struct transfer *transfer, const struct cli *cli, struct call *call)
{
    CURL *curl = transfer->curl;
    bool streams = call->on_piece != NULL;
    uint64_t margin_us = cli->timeout_us < CALL_MARGIN_US ? cli->timeout_us : CALL_MARGIN_US;
    uint64_t most_us = call->wait_us != 0 ? call->wait_us + margin_us : cli->timeout_us;
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

static int transfer_failed(const struct transfer *transfer, CURLcode code, const struct cli *cli,
                           const struct call *call)
{
    const char *trouble =
        transfer->trouble[0] != '\0' ? transfer->trouble : curl_easy_strerror(code);
    if (transfer->too_long)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer of %s is longer than 64 MiB",
                            cli_shown(cli));
    if (code == CURLE_OUT_OF_MEMORY || transfer->answer->body.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return cli_complain(CLI_EXIT_USAGE, "--url %s: %s", cli_shown(cli), trouble);
    if (strcmp(call->method, "GET") == 0 || !may_have_left(transfer->curl)) {
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

static int make_transfer(const struct cli *cli, struct call *call, struct answer *answer)
{
    TRANSFER_SCOPED struct transfer transfer = {.call = call, .answer = answer};
    if (!has_host(cli->url))
        return cli_complain(CLI_EXIT_USAGE, "--url %s: it names no host", cli_shown(cli));
    transfer.curl = curl_easy_init();
    buffer_append_text(&transfer.url, cli->socket != NULL ? "http://localhost" : cli->url);
    while (transfer.url.len > 0 && transfer.url.data[transfer.url.len - 1] == '/')
        transfer.url.len--;
    buffer_append_span(&transfer.url, buffer_span(&call->target));
    bool failed = call->target.failed || call->key.failed || call->preference.failed;
    if (transfer.curl == NULL || failed || buffer_text(&transfer.url) == NULL ||
        !add_headers(&transfer, cli, call))
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    CURLcode code = set_options(&transfer, cli, call);
    if (code == CURLE_OK)
        code = curl_easy_perform(transfer.curl);
    if (transfer.enough)
        code = CURLE_OK;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &answer->status);
    return code == CURLE_OK ? CLI_EXIT_OK : transfer_failed(&transfer, code, cli, call);
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

int call_make(const struct cli *cli, struct call *call, struct answer *ret_answer)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    int error = make_transfer(cli, call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    error = read_body(&answer);
    if (error != CLI_EXIT_OK)
        return error;
    bool good = (answer.status >= 200 && answer.status <= 299) ||
                (answer.status == 503 && call->accepts_503 && answer.json.data != NULL);
    if (!good) {
        bool changes = strcmp(call->method, "GET") != 0;
        error = exit_of_status(answer.status, problem_slug(answer.tree), changes);
        if (error == CLI_EXIT_UNAVAILABLE && call->trouble != NULL)
            problem_append(call->trouble, answer.status, answer.tree);
        else
            problem_complain(error, answer.status, answer.tree, call->file);
        if (error == CLI_EXIT_UNKNOWN && call->hint != NULL)
            cli_complain(error, "%s", call->hint);
        return error;
    }
    if (answer.json.data == NULL && answer.body.len > 0 && !call->plain)
        return cli_complain(CLI_EXIT_PROTOCOL, "%s: HTTP %ld, but its body is not JSON",
                            cli_shown(cli), answer.status);
    *ret_answer = answer; /* the caller's now */
    answer = (struct answer){.status = 0};
    return CLI_EXIT_OK;
}
