/* tls_files.c: see tls_files.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <http/tls.h>

#include "sized.h"
#include "tls_files.h"

#define OLDEST_1_2 12u
#define OLDEST_1_3 13u

static bool copy(const char *from, char **ret_copy)
{
    *ret_copy = from == NULL ? NULL : strdup(from);
    return from == NULL || *ret_copy != NULL;
}

static bool is_valid(const struct troth_tls *tls)
{
    bool is_known = tls->oldest == 0 || tls->oldest == OLDEST_1_2 || tls->oldest == OLDEST_1_3;
    bool has_ca = tls->clients == TROTH_TLS_CLIENTS_ANY || tls->ca != NULL;
    return is_known && has_ca && tls->clients <= TROTH_TLS_CLIENTS_REQUIRED &&
           (tls->key == NULL || tls->certificate != NULL);
}

int tls_files_take(const struct troth_tls *from, troth_diagnostic diagnostic, void *diagnostic_arg,
                   struct tls_files **ret_files)
{
    struct troth_tls taken;
    struct tls_files *made;
    if (from == NULL) {
        *ret_files = NULL;
        return 0;
    }
    if (SIZED_TAKE(&taken, from, struct troth_tls, size) != 0 || !is_valid(&taken))
        return TROTH_ERROR_INVALID;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->tls = taken;
    made->diagnostic = diagnostic;
    made->diagnostic_arg = diagnostic_arg;
    if (!copy(taken.certificate, &made->certificate) || !copy(taken.key, &made->key) ||
        !copy(taken.ca, &made->ca)) {
        tls_files_destroy(made);
        return TROTH_ERROR_NO_MEMORY;
    }
    made->tls.certificate = made->certificate;
    made->tls.key = made->key;
    made->tls.ca = made->ca;
    *ret_files = made;
    return 0;
}

void tls_files_destroy(struct tls_files *files)
{
    if (files == NULL)
        return;
    free(files->certificate);
    free(files->key);
    free(files->ca);
    free(files);
}

static void say(const struct tls_files *files, enum troth_severity severity, const char *text)
{
    BUFFER_SCOPED struct buffer line = {0};
    const char *said;
    if (files == NULL || files->diagnostic == NULL)
        return;
    buffer_append_format(&line, "event=tls said=\"%s\"", text);
    said = buffer_text(&line);
    files->diagnostic(files->diagnostic_arg, severity, said != NULL ? said : "event=tls");
}

static void on_said(void *arg, bool is_trouble, const char *text)
{
    say(arg, is_trouble ? TROTH_SEVERITY_WARNING : TROTH_SEVERITY_INFO, text);
}

int tls_files_open(struct tls_files *files, struct event_base *base, bool is_server,
                   struct http_tls **ret_tls)
{
    BUFFER_SCOPED struct buffer why = {0};
    struct http_tls_config config = {.is_server = is_server};
    int error;
    if (files != NULL) {
        config.certificate = files->certificate;
        config.key = files->key;
        config.ca = files->ca;
        config.clients = (enum http_tls_clients)files->tls.clients;
        config.allows_1_2 = files->tls.oldest == OLDEST_1_2;
        config.said = on_said;
        config.arg = files;
    }
    if (is_server && config.certificate == NULL) {
        say(files, TROTH_SEVERITY_ERROR, "a participant needs a certificate");
        return TROTH_ERROR_CONFIG;
    }
    error = http_tls_create(base, &config, &why, ret_tls);
    if (error != 0)
        say(files, TROTH_SEVERITY_ERROR, why.len > 0 ? buffer_text(&why) : troth_error_text(error));
    return error;
}
