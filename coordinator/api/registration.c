/* The body of a PUT of a participant, read and checked. */
#include "registration.h"

#include <string.h>

#include "body.h"
#include "request.h"

#include <base/number.h>

/* RFC 3986's characters, without those that begin a query or a fragment. */
static bool is_path_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("-._~!$&'()*+,;=:@%/", c) != NULL;
}

static bool is_host_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c == '-' || c == '.' || c == '_';
}

static bool port_valid(const char *text, size_t len)
{
    uint64_t port = 0;
    return len <= 5 && number_parse((struct troth_span){text, len}, UINT16_MAX, &port) == 0 &&
           port >= 1;
}

/* NULL when it is host[:port] or [v6][:port]; else what is wrong. */
static const char *check_authority(const char *text, size_t len)
{
    size_t at = 0;
    if (memchr(text, '@', len) != NULL)
        return "it has a user or a password; there is no place for them";
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL || close == text + 1)
            return "the address in brackets is not closed, or empty";
        at = (size_t)(close - text) + 1;
    } else {
        while (at < len && is_host_char(text[at]))
            at++;
        if (at == 0)
            return "it has no host";
    }
    if (at == len)
        return NULL;
    if (text[at] != ':')
        return "a character that may not be in a host";
    return port_valid(text + at + 1, len - at - 1) ? NULL : "the port is not a number, 1 to 65535";
}

static const char *check_url(const char *url)
{
    bool is_tls = strncmp(url, "https://", 8) == 0;
    if (!is_tls && strncmp(url, "http://", 7) != 0)
        return "it must begin with http:// or https://";
    const char *authority = url + (is_tls ? 8 : 7);
    size_t len = strcspn(authority, "/?#");
    const char *why = check_authority(authority, len);
    if (why != NULL)
        return why;
    for (const char *c = authority + len; *c != '\0'; c++)
        if (!is_path_char(*c))
            return "a query, a fragment or a character that may not be in a path";
    return NULL;
}

static int wrong_url(uint32_t i, struct troth_span value, const char *why,
                     struct api_problem *ret_problem)
{
    return api_problem_set(ret_problem, API_PROBLEM_WRONG_URL, "/urls/%u: %.*s: %s", i,
                           SHOWN(value), why);
}

static int read_url(struct registration *registration, struct troth_span value,
                    struct api_problem *ret_problem)
{
    uint32_t i = registration->urls_count;
    struct buffer *text = &registration->texts[i];
    if (json_string(value, text) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/urls/%u: %.*s is not a string", i, SHOWN(value));
    registration->urls_count++;
    const char *url = buffer_text(text);
    if (url == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    if (text->len > REGISTRATION_URL_BYTES_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/urls/%u: it has %zu bytes, at most %u are taken", i, text->len,
                               REGISTRATION_URL_BYTES_MAX);
    const char *why = strlen(url) != text->len ? "a NUL character" : check_url(url);
    for (uint32_t k = 0; why == NULL && k < i; k++)
        if (strcmp(url, registration->participant.urls[k]) == 0)
            why = "it is there twice";
    if (why != NULL)
        return wrong_url(i, value, why, ret_problem);
    registration->participant.urls[i] = url;
    return 0;
}

static int read_urls(const struct body *body, struct registration *registration,
                     struct api_problem *ret_problem)
{
    struct troth_span list, key, value;
    if (!body_member(body, "urls", &list))
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY, "/urls: it is missing");
    if (json_type(list) != JSON_ARRAY)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/urls: it must be an array of URLs");
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &value)) {
        if (registration->urls_count == REGISTRATION_URLS_MAX)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY, "/urls: more than %u",
                                   REGISTRATION_URLS_MAX);
        int error = read_url(registration, value, ret_problem);
        if (error != 0)
            return error;
    }
    if (registration->urls_count == 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/urls: it is empty, at least one is needed");
    return 0;
}

/* The name of a file in a folder that the daemon's configuration names: never a way out of it. */
static bool is_file_name(const char *text, size_t len)
{
    if (len == 0 || len > REGISTRATION_TOKEN_LEN_MAX || text[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_host_char(text[i]))
            return false;
    return true;
}

static int read_token_file(const struct body *body, struct registration *registration,
                           struct api_problem *ret_problem)
{
    struct buffer *text = &registration->token_file;
    struct troth_span value;
    if (!body_member(body, "token_file", &value))
        return 0;
    const char *name = json_string(value, text) == 0 ? buffer_text(text) : NULL;
    if (name == NULL || !is_file_name(name, text->len))
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/token_file: the name of a file in participant_tokens, of letters, "
                               "digits, \"-\", \"_\" and \".\" (not first), at most %u",
                               REGISTRATION_TOKEN_LEN_MAX);
    registration->participant.token_file = name;
    return 0;
}

static int check_name(const struct body *body, const char *name, struct api_problem *ret_problem)
{
    char said[TROTH_NAME_LEN_MAX + 1] = "";
    int error = body_name(body, "name", OPTIONAL, said, ret_problem);
    if (error == 0 && said[0] != '\0' && strcmp(said, name) != 0)
        error = api_problem_set(ret_problem, API_PROBLEM_NAME_MISMATCH,
                                "/name: the body says \"%s\", the path \"%s\"", said, name);
    return error;
}

int registration_read(const struct request *request, const char *name,
                      struct registration *registration, struct api_problem *ret_problem)
{
    static const char *const known[] = {"name", "binding", "urls", "slots", "token_file", NULL};
    static const char *const bindings[] = {"http", "batch", NULL};
    struct api_participant *participant = &registration->participant;
    struct body body;
    uint32_t binding = 0;
    int error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = check_name(&body, name, ret_problem);
    if (error == 0)
        error = body_choice(&body, "binding", REQUIRED, bindings, &binding, ret_problem);
    if (error == 0)
        error = body_uint(&body, "slots", OPTIONAL, 1, REGISTRATION_SLOTS_MAX, &participant->slots,
                          ret_problem);
    if (error == 0)
        error = read_urls(&body, registration, ret_problem);
    if (error == 0)
        error = read_token_file(&body, registration, ret_problem);
    participant->name = name;
    participant->binding = bindings[binding];
    return error;
}

void registration_finish(struct registration *registration)
{
    for (uint32_t i = 0; i < REGISTRATION_URLS_MAX; i++)
        buffer_finish(&registration->texts[i]);
    buffer_finish(&registration->token_file);
}
