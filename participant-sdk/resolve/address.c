/* address.c: socket addresses as texts, and back. */
#include <resolve/resolve.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool resolver_numeric(const char *host, uint16_t port, struct resolver_address *ret_address)
{
    struct resolver_address v4 = {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)},
                                  .size = sizeof(v4.v4)};
    struct resolver_address v6 = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)},
                                  .size = sizeof(v6.v6)};
    if (inet_pton(AF_INET, host, &v4.v4.sin_addr) == 1) {
        *ret_address = v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.v6.sin6_addr) == 1) {
        *ret_address = v6;
        return true;
    }
    return false;
}

bool resolver_address_same(const struct resolver_address *a, const struct resolver_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

void resolver_address_format(const struct resolver_address *address,
                             char ret_text[RESOLVER_ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        (void)snprintf(ret_text, RESOLVER_ADDRESS_TEXT_MAX, "[%s]:%u", host,
                       ntohs(address->v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        (void)snprintf(ret_text, RESOLVER_ADDRESS_TEXT_MAX, "%s:%u", host,
                       ntohs(address->v4.sin_port));
    }
}
