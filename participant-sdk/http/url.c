/* url.c: see url.h. */
#include "url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_plain(const char *at, size_t len, const char *more)
{
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == 0 || strchr(more, c) == NULL))
            return false;
    }
    return true;
}

static int parse_port(const char *at, size_t len, struct http_url *url)
{
    if (len == 0 || len > 5 || strspn(at, "0123456789") < len)
        return TROTH_ERROR_CONFIG;
    memcpy(url->port, at, len);
    url->port[len] = 0;
    long port = strtol(url->port, NULL, 10);
    return port >= 1 && port <= 65535 ? 0 : TROTH_ERROR_CONFIG;
}

/* A host that can have an address: a numeric one, or a name of labels that are not empty, the last
 * of which is no number ("300.1.1.1" and "127.1" are mistakes, not names). */
static bool is_host(const char *host, bool is_v6)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (is_v6)
        return inet_pton(AF_INET6, host, address) == 1;
    if (inet_pton(AF_INET, host, address) == 1)
        return true;
    for (const char *label = host;;) {
        size_t len = strcspn(label, ".");
        if (len == 0 || len > HTTP_LABEL_MAX)
            return false;
        if (label[len] == 0 || label[len + 1] == 0) /* a dot at the end: not to be searched for */
            return strspn(label, "0123456789") < len;
        label += len + 1;
    }
}

/* host, host:port, [v6] or [v6]:port */
static int parse_authority(const char *at, size_t len, struct http_url *url)
{
    bool is_v6 = len > 0 && at[0] == '[';
    const char *end = is_v6 ? memchr(at, ']', len) : memchr(at, ':', len);
    const char *host = is_v6 ? at + 1 : at;
    if (end == NULL)
        end = at + len;
    if (is_v6 && end == at + len)
        return TROTH_ERROR_CONFIG;
    size_t host_len = (size_t)(end - host);
    if (host_len == 0 || host_len > HTTP_HOST_MAX ||
        !is_plain(host, host_len, is_v6 ? ":." : "-._"))
        return TROTH_ERROR_CONFIG;
    memcpy(url->host, host, host_len);
    url->host[host_len] = 0;
    if (!is_host(url->host, is_v6))
        return TROTH_ERROR_CONFIG;
    const char *rest = is_v6 ? end + 1 : end;
    size_t rest_len = len - (size_t)(rest - at);
    (void)strcpy(url->port, url->is_tls ? "443" : "80");
    if (rest_len > 0 && (rest[0] != ':' || parse_port(rest + 1, rest_len - 1, url) != 0))
        return TROTH_ERROR_CONFIG;
    memcpy(url->authority, at, len);
    url->authority[len] = 0;
    return 0;
}

int http_url_parse(const char *text, struct http_url *ret_url)
{
    struct http_url url = {.is_tls = strncasecmp(text, "https://", 8) == 0};
    if (!url.is_tls && strncasecmp(text, "http://", 7) != 0)
        return TROTH_ERROR_CONFIG;
    const char *authority = text + (url.is_tls ? 8 : 7);
    size_t len = strcspn(authority, "/");
    const char *base = authority + len;
    size_t base_len = strlen(base);
    while (base_len > 0 && base[base_len - 1] == '/')
        base_len--;
    if (base_len > HTTP_BASE_MAX || !is_plain(base, base_len, "/-._~!$&'()*+,;=:@%"))
        return TROTH_ERROR_CONFIG;
    memcpy(url.base, base, base_len);
    if (len >= sizeof(url.authority) || parse_authority(authority, len, &url) != 0)
        return TROTH_ERROR_CONFIG;
    *ret_url = url;
    return 0;
}
