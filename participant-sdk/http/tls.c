/* tls.c: the files of certificates, and when they are read again. See http/tls.h. */
#include "tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <event2/event.h>

#include "tls_context.h"

#define LOOK_S     1
#define FILE_COUNT 3u

/* As it was seen; all zero: it was not there. */
struct seen {
    dev_t device;
    ino_t file;
    off_t bytes;
    struct timespec changed, written;
};

struct http_tls {
    struct http_tls_config config; /* its strings are owned here, as `files` */
    char *files[FILE_COUNT];       /* NULL: none */
    struct seen read[FILE_COUNT];  /* when they were read last, whatever came of it */
    struct seen last[FILE_COUNT];  /* when they were looked at last */
    SSL_CTX *context;
    int64_t ends_s;
    struct event *look;
    char *scratch;
};

static void see(const struct http_tls *tls, struct seen ret_seen[FILE_COUNT])
{
    memset(ret_seen, 0, FILE_COUNT * sizeof ret_seen[0]);
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        struct stat found;
        if (tls->files[i] == NULL || stat(tls->files[i], &found) != 0)
            continue;
        ret_seen[i].device = found.st_dev;
        ret_seen[i].file = found.st_ino;
        ret_seen[i].bytes = found.st_size;
        ret_seen[i].changed = found.st_ctim;
        ret_seen[i].written = found.st_mtim;
    }
}

static bool is_same(const struct seen a[FILE_COUNT], const struct seen b[FILE_COUNT])
{
    return memcmp(a, b, FILE_COUNT * sizeof a[0]) == 0;
}

static void say(struct http_tls *tls, bool is_trouble, const char *text)
{
    if (tls->config.said != NULL)
        tls->config.said(tls->config.arg, is_trouble, text);
}

/* Whoever has begun keeps the context that it began with. */
static int read_files(struct http_tls *tls, struct buffer *why)
{
    SSL_CTX *context = NULL;
    int64_t ends_s = 0;
    see(tls, tls->read);
    memcpy(tls->last, tls->read, sizeof tls->last);
    int error = tls_context_create(&tls->config, why, &context, &ends_s);
    if (error != 0)
        return error;
    SSL_CTX_free(tls->context);
    tls->context = context;
    tls->ends_s = ends_s;
    return 0;
}

void http_tls_reload(struct http_tls *tls)
{
    BUFFER_SCOPED struct buffer text = {.data = NULL};
    BUFFER_SCOPED struct buffer why = {.data = NULL};
    int error = read_files(tls, &why);
    if (error == 0) {
        say(tls, false, "certificates were read again");
        return;
    }
    buffer_append_format(&text, "certificates were not read again, the old ones stay: %s",
                         why.len > 0 ? buffer_text(&why) : troth_error_text(error));
    say(tls, true, text.failed ? "certificates were not read again" : buffer_text(&text));
}

/* Files that change are looked at once more before they are read: who writes a certificate and its
 * key has time for both. */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct http_tls *tls = arg;
    struct seen now[FILE_COUNT];
    (void)fd;
    (void)what;
    see(tls, now);
    bool rests = is_same(now, tls->last);
    memcpy(tls->last, now, sizeof now);
    if (rests && !is_same(now, tls->read))
        http_tls_reload(tls);
}

static bool copy_files(struct http_tls *tls)
{
    const char **from[FILE_COUNT] = {&tls->config.certificate, &tls->config.key, &tls->config.ca};
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        if (*from[i] == NULL)
            continue;
        tls->files[i] = strdup(*from[i]);
        if (tls->files[i] == NULL)
            return false;
        *from[i] = tls->files[i];
    }
    return true;
}

static int begin(struct http_tls *tls, struct event_base *base, struct buffer *why)
{
    static const struct timeval often = {.tv_sec = LOOK_S};
    int error = copy_files(tls) ? read_files(tls, why) : TROTH_ERROR_NO_MEMORY;
    if (error != 0)
        return error;
    tls->scratch = malloc(TLS_SCRATCH_BYTES);
    tls->look = event_new(base, -1, EV_PERSIST, on_look, tls);
    bool is_made = tls->scratch != NULL && tls->look != NULL && event_add(tls->look, &often) == 0;
    return is_made ? 0 : TROTH_ERROR_NO_MEMORY;
}

int http_tls_create(struct event_base *base, const struct http_tls_config *config,
                    struct buffer *why, struct http_tls **ret_tls)
{
    struct http_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return TROTH_ERROR_NO_MEMORY;
    tls->config = *config;
    int error = begin(tls, base, why);
    if (error != 0) {
        http_tls_destroy(tls);
        return error;
    }
    *ret_tls = tls;
    return 0;
}

void http_tls_destroy(struct http_tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->look != NULL)
        event_free(tls->look);
    SSL_CTX_free(tls->context);
    for (uint32_t i = 0; i < FILE_COUNT; i++)
        free(tls->files[i]);
    free(tls->scratch);
    free(tls);
}

int64_t http_tls_ends_s(const struct http_tls *tls)
{
    return tls->ends_s;
}

SSL_CTX *http_tls_context(struct http_tls *tls)
{
    return tls->context;
}

bool http_tls_is_server(const struct http_tls *tls)
{
    return tls->config.is_server;
}

char *http_tls_scratch(struct http_tls *tls)
{
    return tls->scratch;
}
