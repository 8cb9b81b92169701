/* addresses.c: see addresses.h. */
#include "addresses.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SEPARATORS ", "

bool addresses_need_tls(const char *urls)
{
    const char *at;
    for (at = urls + strspn(urls, SEPARATORS); *at != '\0'; at += strspn(at, SEPARATORS)) {
        if (strncasecmp(at, "https:", 6) == 0)
            return true;
        at += strcspn(at, SEPARATORS);
    }
    return false;
}

int addresses_open(struct http_loop *loop, const char *urls, const struct http_peer_config *config,
                   struct addresses *ret_addresses)
{
    struct http_peer_config each = *config;
    char *words = strdup(urls), *rest = NULL, *url;
    int error = words == NULL ? TROTH_ERROR_NO_MEMORY : 0;
    if (error != 0)
        return error;
    for (url = strtok_r(words, SEPARATORS, &rest); error == 0 && url != NULL;
         url = strtok_r(NULL, SEPARATORS, &rest)) {
        each.url = url;
        error = ret_addresses->count == ADDRESSES_MAX
                    ? TROTH_ERROR_CONFIG
                    : http_peer_create(loop, &each, &ret_addresses->peers[ret_addresses->count]);
        ret_addresses->count += error == 0 ? 1 : 0;
    }
    free(words);
    if (error == 0 && ret_addresses->count == 0)
        error = TROTH_ERROR_CONFIG;
    if (error != 0)
        addresses_close(ret_addresses);
    return error;
}

void addresses_close(struct addresses *addresses)
{
    while (addresses->count > 0)
        http_peer_destroy(addresses->peers[--addresses->count]);
}

void addresses_failed(struct addresses *addresses, uint32_t which)
{
    if (addresses->first == which)
        addresses->first = (which + 1) % addresses->count;
}
