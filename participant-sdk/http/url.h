/* url.h: the URLs that we call: http[s]://host[:port][/base], nothing else. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>

#define HTTP_HOST_MAX  255u
#define HTTP_LABEL_MAX 63u /* of a name */
#define HTTP_BASE_MAX  1024u

struct http_url {
    bool is_tls;                  /* https */
    char host[HTTP_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
    char port[6];
    char authority[HTTP_HOST_MAX + 9]; /* as the Host header says it */
    char base[HTTP_BASE_MAX + 1];      /* "" or "/…" without a slash at the end */
};

/* TROTH_ERROR_CONFIG: another scheme, user info, a query, no host or one that can have no address,
 * a character that does not belong, or too long. Nothing is looked up. */
TROTH_MUST_CHECK int http_url_parse(const char *text, struct http_url *ret_url);

#endif
