/* authorize.c: see authorize.h. */
#include "authorize.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include <base/span.h>

#define BEARER "Bearer "

static const char *const words[API_SCOPE_COUNT] = {
#define SCOPE_WORD(scope, word) [API_SCOPE_##scope] = word,
    API_SCOPES(SCOPE_WORD)
#undef SCOPE_WORD
};

const char *api_scope_word(enum api_scope scope)
{
    return words[scope];
}

static bool is_pattern(const char *text, size_t len)
{
    return len > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_*") >= len;
}

static int read_word(const char *text, size_t len, uint32_t *bits, struct buffer *starts)
{
    static const char prefix[] = "start:";
    size_t skip = sizeof prefix - 1;
    bool has_all = (*bits & API_SCOPE_BIT(API_SCOPE_START)) != 0 && starts->len == 0;
    if (len > skip && strncmp(text, prefix, skip) == 0 && is_pattern(text + skip, len - skip)) {
        *bits |= API_SCOPE_BIT(API_SCOPE_START);
        if (has_all)
            return 0;
        buffer_append_text(starts, starts->len > 0 ? " " : "");
        buffer_append(starts, text + skip, len - skip);
        return starts->failed ? TROTH_ERROR_NO_MEMORY : 0;
    }
    for (int i = API_SCOPE_START; i < API_SCOPE_COUNT; i++) {
        if (strlen(words[i]) != len || memcmp(words[i], text, len) != 0)
            continue;
        *bits |= API_SCOPE_BIT(i);
        if (i == API_SCOPE_START)
            buffer_clear(starts);
        return 0;
    }
    return TROTH_ERROR_INVALID;
}

int api_scopes_read(const char *text, uint32_t *bits, struct buffer *starts)
{
    int error = 0;
    while (error == 0 && *text != '\0') {
        size_t len = strcspn(text, " ");
        error = read_word(text, len, bits, starts);
        text += len + (text[len] == ' ');
    }
    return error;
}

/* Whom a unix-domain socket knows by its peer: this process's user, and root. */
static bool is_operator(const struct request *request)
{
    const struct api_host *host = &request->api->host;
    uint32_t uid;
    return http_exchange_uid(request->exchange, &uid) && (uid == 0 || uid == host->own_uid);
}

static bool bearer(const struct request *request, struct troth_span *ret_key)
{
    struct troth_span value;
    size_t len = sizeof BEARER - 1;
    if (!http_exchange_header(request->exchange, "Authorization", &value) || value.len < len ||
        strncasecmp(value.data, BEARER, len) != 0)
        return false;
    *ret_key = (struct troth_span){value.data + len, value.len - len};
    return true;
}

bool authorize_hash(struct troth_span text, uint8_t ret_hash[API_KEY_HASH_BYTES])
{
    unsigned len = 0;
    return EVP_Digest(text.data, text.len, ret_hash, &len, EVP_sha256(), NULL) == 1 &&
           len == API_KEY_HASH_BYTES;
}

/* 0, also when nobody is known: then `who` is empty. */
static int identify(struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct api_identity *identity = &request->identity;
    uint8_t digest[API_KEY_HASH_BYTES];
    struct troth_span key;
    uint32_t uid;
    if (is_operator(request)) {
        (void)http_exchange_uid(request->exchange, &uid);
        (void)snprintf(identity->who, sizeof identity->who, API_WHO_UID "%u", uid);
        identity->scopes = API_SCOPES_ALL;
        return 0;
    }
    if (!bearer(request, &key))
        return 0;
    if (!authorize_hash(key, digest))
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "out of memory");
    if (host->identify(host->ctx, digest, identity) == TROTH_ERROR_UNAVAILABLE)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                               "this node does not know the keys yet; nothing was done, try again");
    return 0;
}

int authorize(struct request *request, enum api_scope scope, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    if (scope == API_SCOPE_NONE)
        return 0;
    int error = request->is_passed ? 0 : identify(request, ret_problem);
    if (!host->authenticates) {
        request->identity.scopes = API_SCOPES_ALL;
        request->identity.starts = NULL;
        return 0;
    }
    if (error != 0)
        return error;
    if (request->identity.who[0] == '\0')
        return api_problem_set(ret_problem, API_PROBLEM_UNAUTHENTICATED,
                               "an API key that is valid here is needed: Authorization: Bearer …");
    if (scope != API_SCOPE_ANY && (request->identity.scopes & API_SCOPE_BIT(scope)) == 0)
        return api_problem_set(ret_problem, API_PROBLEM_FORBIDDEN,
                               "this needs the scope \"%s\", which %s does not have",
                               api_scope_word(scope), request->identity.who);
    return 0;
}

/* --- start:PATTERN ---------------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL, *from = NULL;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            from = name;
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) { /* it takes one character more */
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

int authorize_start(const struct request *request, const char *definition,
                    struct api_problem *ret_problem)
{
    const struct api_identity *identity = &request->identity;
    const char *at = identity->starts;
    if (at == NULL)
        return 0;
    while (*at != '\0' && definition[0] != '\0') {
        size_t len = strcspn(at, " ");
        if (matches(at, at + len, definition))
            return 0;
        at += len + (at[len] == ' ');
    }
    return api_problem_set(ret_problem, API_PROBLEM_FORBIDDEN,
                           "this needs the scope \"start%s%s\", which %s does not have",
                           definition[0] != '\0' ? ":" : "", definition, identity->who);
}
