/* /v1/keys: who may ask for what. A key is told once, when it is made; only its hash is kept. */
#include <stdio.h>
#include <string.h>

#include <base/span.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "authorize.h"
#include "body.h"
#include "call.h"
#include "request.h"
#include "router.h"
#include <base/now.h>

#define SECRET_BYTES     32u                           /* of randomness */
#define SECRET_TEXT_MAX  (4u + 2u * SECRET_BYTES + 1u) /* "trk_" and hexadecimal */
#define SCOPES_MAX       32u
#define SCOPES_BYTES_MAX 2048u

static const struct http_header no_store[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
static const struct http_header no_headers[] = {{NULL, NULL}};

static void append_time(struct buffer *object, const char *name, struct wall at)
{
    char text[WALL_TEXT_LEN + 1];
    buffer_append_format(object, ",\"%s\":", name);
    if (at.us == 0) {
        buffer_append_text(object, "null");
        return;
    }
    wall_format(at, text);
    buffer_append_format(object, "\"%s\"", text);
}

static void append_scopes(struct buffer *object, const char *scopes)
{
    buffer_append_text(object, ",\"scopes\":[");
    for (const char *at = scopes; *at != '\0';) {
        size_t len = strcspn(at, " ");
        buffer_append_format(object, "%s\"%.*s\"", at == scopes ? "" : ",", (int)len, at);
        at += len + (at[len] == ' ');
    }
    buffer_append_char(object, ']');
}

/* `secret` NULL: of one that was made before. */
static void append_key(struct buffer *object, const struct api_key *key, const char *secret)
{
    buffer_append_format(object, "{\"name\":\"%s\"", key->name);
    append_scopes(object, key->scopes);
    append_time(object, "created_at", key->created_at);
    buffer_append_text(object, ",\"created_by\":");
    json_append_text(object, key->created_by);
    append_time(object, "expires_at", key->expires_at);
    append_time(object, "last_used_at", key->used_at);
    if (secret != NULL)
        buffer_append_format(object, ",\"key\":\"%s\"", secret);
    buffer_append_char(object, '}');
}

/* --- making ----------------------------------------------------------------------------------- */

static int make_secret(char ret_secret[SECRET_TEXT_MAX], uint8_t ret_hash[API_KEY_HASH_BYTES],
                       struct api_problem *ret_problem)
{
    unsigned char bytes[SECRET_BYTES];
    int at = snprintf(ret_secret, SECRET_TEXT_MAX, "trk_");
    if (RAND_bytes(bytes, (int)sizeof bytes) != 1)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "there is no randomness");
    for (uint32_t i = 0; i < SECRET_BYTES; i++)
        at += snprintf(ret_secret + at, SECRET_TEXT_MAX - (size_t)at, "%02x", bytes[i]);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (!authorize_hash(span_of(ret_secret), ret_hash))
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "out of memory");
    return 0;
}

/* The words of the array, separated by spaces. */
static int read_scopes(const struct body *body, struct buffer *ret_text,
                       struct api_problem *ret_problem)
{
    struct troth_span list, key, value;
    uint32_t bits = 0, count = 0;
    BUFFER_SCOPED struct buffer starts = {0};
    if (!body_member(body, "scopes", &list) || json_type(list) != JSON_ARRAY)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/scopes: an array of scopes is needed");
    struct json_cursor cursor = json_cursor(list);
    for (; json_next(&cursor, &key, &value); count++) {
        BUFFER_SCOPED struct buffer word = {0};
        if (json_string(value, &word) != 0 || buffer_text(&word) == NULL || word.len == 0 ||
            strcspn(word.data, " ") != word.len || count == SCOPES_MAX ||
            api_scopes_read(word.data, &bits, &starts) != 0)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                                   "/scopes/%u: %.*s is no scope: start, start:PATTERN, read, "
                                   "operate, definitions, participants, inquire, metrics or admin",
                                   count, SHOWN(value));
        buffer_append_text(ret_text, count > 0 ? " " : "");
        buffer_append_span(ret_text, buffer_span(&word));
    }
    if (count == 0 || ret_text->len > SCOPES_BYTES_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY, "/scopes: %s",
                               count == 0 ? "it is empty" : "they are too long");
    return buffer_text(ret_text) != NULL
               ? 0
               : api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
}

/* What the old key had opened. */
static void end_streams(const struct call *call)
{
    char who[API_WHO_MAX];
    (void)snprintf(who, sizeof who, API_WHO_KEY "%.48s", call->name);
    events_end_of(call->api, who);
}

static void made(void *arg, const struct api_problem *problem)
{
    struct call *call = arg;
    BUFFER_SCOPED struct buffer body = call->text;
    call->text = (struct buffer){0};
    if (problem == NULL)
        end_streams(call);
    if (problem != NULL)
        call_refuse(call, problem);
    else
        call_reply(call, call->existed ? 200 : 201, no_store, &body);
    if (body.data != NULL)
        OPENSSL_cleanse(body.data, body.len);
}

/* With a fresh secret; the old one, if there was one, opens nothing any more. */
static int put(const struct request *request, struct api_key *key, bool existed,
               struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    char secret[SECRET_TEXT_MAX];
    struct call *call = NULL;
    int error = make_secret(secret, key->hash, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error == 0) {
        call->existed = existed;
        strcpy(call->name, key->name);
        append_key(&call->text, key, secret);
        buffer_append_char(&call->text, '\n');
        host->key_put(host->ctx, key, made, call);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    return error;
}

static uint32_t count_keys(const struct api_host *host)
{
    struct api_key key = {.name = ""};
    uint32_t count = 0;
    while (host->key_behind(host->ctx, key.name, &key))
        count++;
    return count;
}

static int check_new(const struct api_host *host, const char *name, struct api_problem *ret_problem)
{
    struct api_key old;
    if (strlen(name) > API_KEY_NAME_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/name: more than %u characters", API_KEY_NAME_MAX);
    if (host->key(host->ctx, name, &old))
        return api_problem_set(ret_problem, API_PROBLEM_KEY_EXISTS,
                               "there is a key \"%s\": rotate it, or revoke it first", name);
    if (count_keys(host) >= API_KEYS_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "there are %u keys: revoke some",
                               API_KEYS_MAX);
    return 0;
}

int keys_create(const struct request *request, struct api_problem *ret_problem)
{
    static const char *const known[] = {"name", "scopes", "expires_in", NULL};
    BUFFER_SCOPED struct buffer scopes = {0};
    char name[TROTH_NAME_LEN_MAX + 1];
    struct body body;
    uint64_t expires_us = 0;
    int error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = body_name(&body, "name", REQUIRED, name, ret_problem);
    if (error == 0)
        error = body_duration(&body, "expires_in", &expires_us, ret_problem);
    if (error == 0)
        error = read_scopes(&body, &scopes, ret_problem);
    if (error == 0)
        error = check_new(&request->api->host, name, ret_problem);
    if (error != 0)
        return error;
    struct wall now = wall_now();
    struct api_key key = {.name = name,
                          .scopes = buffer_text(&scopes),
                          .created_by = request->identity.who,
                          .created_at = now,
                          .expires_at = {expires_us != 0 ? now.us + expires_us : 0}};
    return put(request, &key, false, ret_problem);
}

static int find(const struct request *request, char ret_name[TROTH_NAME_LEN_MAX + 1],
                struct api_key *ret_key, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    int error = request_name(request, ret_name, ret_problem);
    if (error == 0 && !host->key(host->ctx, ret_name, ret_key))
        error = api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_KEY, "there is no key \"%s\"",
                                ret_name);
    return error;
}

int keys_rotate(const struct request *request, struct api_problem *ret_problem)
{
    static const char *const known[] = {NULL};
    char name[TROTH_NAME_LEN_MAX + 1];
    struct api_key key;
    struct body body;
    int error = body_read(request, true, known, &body, ret_problem);
    if (error == 0)
        error = find(request, name, &key, ret_problem);
    return error != 0 ? error : put(request, &key, true, ret_problem);
}

/* --- what there is ---------------------------------------------------------------------------- */

int keys_list(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer body = {0};
    char cursor[TROTH_NAME_LEN_MAX + 1] = "";
    uint32_t limit = LIST_LIMIT_DEFAULT, count = 0;
    struct api_key key = {.name = cursor};
    int error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &limit, ret_problem);
    if (error == 0)
        error = query_name(request, "cursor", cursor, ret_problem);
    if (error != 0)
        return error;
    buffer_append_text(&body, "{\"keys\":[");
    bool more = host->key_behind(host->ctx, cursor, &key);
    const char *last = cursor;
    for (; more && count < limit; count++) {
        buffer_append_text(&body, count > 0 ? "," : "");
        append_key(&body, &key, NULL);
        last = key.name;
        more = host->key_behind(host->ctx, last, &key);
    }
    if (more)
        buffer_append_format(&body, "],\"cursor\":\"%s\"}\n", last);
    else
        buffer_append_text(&body, "],\"cursor\":null}\n");
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}

static void revoked(void *arg, const struct api_problem *problem)
{
    struct call *call = arg;
    if (problem == NULL)
        end_streams(call);
    if (problem != NULL)
        call_refuse(call, problem);
    else
        call_reply(call, 204, no_headers, NULL);
}

int keys_revoke(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    char name[TROTH_NAME_LEN_MAX + 1];
    struct api_key key;
    struct call *call;
    int error = find(request, name, &key, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    strcpy(call->name, name);
    host->key_delete(host->ctx, name, revoked, call);
    return 0;
}
