/* callers.c: see callers.h. */
#include "callers.h"

#include <stdlib.h>
#include <string.h>

#include <http/secrets.h>
#include <http/server.h>
#include <troth/id.h>

/* --- taking the configuration ----------------------------------------------------------------- */

/* "DNS:a.b", "URI:…", "email:…", "CN:…", and behind a space ids of journals. */
static bool name_valid(const char *name)
{
    static const char *const kinds[] = {"DNS:", "URI:", "email:", "CN:"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t len = strlen(kinds[i]);

        if (strncmp(name, kinds[i], len) == 0)
            return name[len] != '\0' && name[len] != ' ' && strchr(name, '\n') == NULL;
    }
    return false;
}

static int take_names(struct callers *callers, const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL)
        if (!name_valid(names[count++]))
            return TROTH_ERROR_INVALID;
    callers->names = calloc(count + 1, sizeof *callers->names);
    if (callers->names == NULL)
        return TROTH_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        callers->names[i] = strdup(names[i]);
        if (callers->names[i] == NULL)
            return TROTH_ERROR_NO_MEMORY;
    }
    return 0;
}

int callers_take(struct callers *callers, const struct troth_participant_config *config)
{
    const struct troth_tls *tls = config->tls;
    const bool asks = tls != NULL && tls->clients != TROTH_TLS_CLIENTS_ANY;
    callers->certified = asks && tls->clients == TROTH_TLS_CLIENTS_REQUIRED;
    if (config->token_file != NULL) {
        int error = http_secrets_create(config->token_file, &callers->secrets);
        if (error != 0)
            return error;
    }
    if (config->coordinators == NULL)
        return 0;
    return asks ? take_names(callers, config->coordinators) : TROTH_ERROR_INVALID;
}

void callers_finish(struct callers *callers)
{
    http_secrets_destroy(callers->secrets);
    for (char **name = callers->names; name != NULL && *name != NULL; name++)
        free(*name);
    free(callers->names);
}

const char *callers_trouble(const struct callers *callers)
{
    return callers->secrets == NULL ? NULL : http_secrets_trouble(callers->secrets);
}

bool callers_are_known(const struct callers *callers)
{
    return callers->secrets != NULL || callers->names != NULL || callers->certified;
}

/* --- a request -------------------------------------------------------------------------------- */

/* `words`: ids of journals between spaces; none: any. */
static bool allows(struct troth_span words, struct troth_span journal)
{
    const char *at = words.data, *const end = words.data + words.len;
    bool any = true;
    while (at < end) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        const size_t len = (size_t)((stop == NULL ? end : stop) - at);

        if (len > 0 && len == journal.len && memcmp(at, journal.data, len) == 0)
            return true;
        any = any && len == 0;
        at += len + 1;
    }
    return any;
}

static int check_token(const struct callers *callers, const struct http_exchange *exchange,
                       struct troth_span journal, const char **ret_why)
{
    struct troth_span shown, words;
    *ret_why = "this participant takes commands only from who shows a token that it knows "
               "(Authorization: Bearer)";
    if (!http_exchange_header(exchange, "Authorization", &shown) ||
        !http_secrets_know(callers->secrets, shown, &words))
        return 401;
    *ret_why = "the token that was shown counts for another journal";
    return allows(words, journal) ? 0 : 403;
}

/* Whether a line of `names` is the first word of `mine`; its further words are for journals. */
static bool names_have(const char *names, const char *mine, size_t len)
{
    while (*names != '\0') {
        const size_t line = strcspn(names, "\n");

        if (line == len && memcmp(names, mine, len) == 0)
            return true;
        names += line + 1;
    }
    return false;
}

static int check_certificate(const struct callers *callers, const struct http_exchange *exchange,
                             struct troth_span journal, const char **ret_why)
{
    const char *names = http_exchange_names(exchange);
    *ret_why = "this participant takes commands only from who shows a certificate";
    if (names[0] == '\0')
        return 401;
    *ret_why = "the certificate that was shown has none of the names of this participant's "
               "coordinators";
    for (char **name = callers->names; *name != NULL; name++) {
        const size_t len = strcspn(*name, " ");

        if (!names_have(names, *name, len))
            continue;
        if (allows((struct troth_span){*name + len, strlen(*name) - len}, journal))
            return 0;
        *ret_why = "the certificate that was shown counts for another journal";
    }
    return 403;
}

int callers_check(const struct callers *callers, const struct http_exchange *exchange,
                  struct troth_span journal, const char **ret_why)
{
    int status = 0;
    if (callers->names != NULL)
        status = check_certificate(callers, exchange, journal, ret_why);
    if (status == 0 && callers->secrets != NULL)
        status = check_token(callers, exchange, journal, ret_why);
    return status;
}
