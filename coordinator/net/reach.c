/* reach.c: see net/reach.h. */
#include <net/reach.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/number.h>

#define ADDRESS_BYTES 16u
#define V4_BITS       96u /* an IPv4 address is ::ffff:0:0/96 and its own 32 */
#define ENTRY_MAX     256u

enum kind { KIND_LOOPBACK, KIND_PRIVATE, KIND_PUBLIC, KIND_SPECIAL };

/* IPv4 ones mapped. */
struct network {
    uint8_t address[ADDRESS_BYTES];
    uint32_t bits;
};

struct reach {
    char *hosts; /* a copy, cut at its commas */
    const char *patterns[REACH_ENTRIES_MAX];
    uint32_t patterns_count;
    struct network networks[REACH_ENTRIES_MAX];
    uint32_t networks_count;
    bool kinds[KIND_SPECIAL]; /* by their words */
};

static const struct {
    const char *network;
    enum kind kind;
} known[] = {
    /* The first that fits: what is within another one stands before it. */
    {"169.254.169.254/32", KIND_SPECIAL}, /* where clouds tell machines who they are */
    {"169.254.170.2/32", KIND_SPECIAL},   {"100.100.100.200/32", KIND_SPECIAL},
    {"168.63.129.16/32", KIND_SPECIAL},   {"192.0.0.192/32", KIND_SPECIAL},
    {"fd00:ec2::254/128", KIND_SPECIAL},  {"0.0.0.0/8", KIND_SPECIAL},
    {"169.254.0.0/16", KIND_SPECIAL},     {"224.0.0.0/4", KIND_SPECIAL},
    {"240.0.0.0/4", KIND_SPECIAL},        {"::/128", KIND_SPECIAL},
    {"fe80::/10", KIND_SPECIAL},          {"fec0::/10", KIND_SPECIAL},
    {"ff00::/8", KIND_SPECIAL},           {"127.0.0.0/8", KIND_LOOPBACK},
    {"::1/128", KIND_LOOPBACK},           {"10.0.0.0/8", KIND_PRIVATE},
    {"172.16.0.0/12", KIND_PRIVATE},      {"192.168.0.0/16", KIND_PRIVATE},
    {"100.64.0.0/10", KIND_PRIVATE},      {"fc00::/7", KIND_PRIVATE},
};

/* --- networks --------------------------------------------------------------------------------- */

static bool is_within(const uint8_t address[ADDRESS_BYTES], const struct network *network)
{
    uint32_t whole = network->bits / 8, rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(address, network->address, whole) == 0 &&
           (rest == 0 || ((address[whole] ^ network->address[whole]) & mask) == 0);
}

static void map_v4(const void *v4, uint8_t ret_address[ADDRESS_BYTES])
{
    memset(ret_address, 0, 10);
    ret_address[10] = ret_address[11] = 0xff;
    memcpy(ret_address + 12, v4, 4);
}

/* "10.0.0.0/8", "::1", "10.0.0.7". false: it is none, or has bits behind its prefix. */
static bool read_network(const char *text, size_t len, struct network *ret_network)
{
    char address[INET6_ADDRSTRLEN + 1];
    const char *slash = memchr(text, '/', len);
    size_t address_len = slash == NULL ? len : (size_t)(slash - text);
    uint8_t v4[4];
    uint64_t bits;
    if (address_len == 0 || address_len >= sizeof address)
        return false;
    memcpy(address, text, address_len);
    address[address_len] = '\0';
    uint32_t before = V4_BITS;
    if (inet_pton(AF_INET, address, v4) == 1)
        map_v4(v4, ret_network->address);
    else if (inet_pton(AF_INET6, address, ret_network->address) == 1)
        before = 0;
    else
        return false;
    bits = 8 * ADDRESS_BYTES - before;
    if (slash != NULL &&
        number_parse((struct troth_span){slash + 1, len - address_len - 1}, bits, &bits) != 0)
        return false;
    ret_network->bits = before + (uint32_t)bits;
    for (uint32_t i = ret_network->bits; i < 8 * ADDRESS_BYTES; i++)
        if ((ret_network->address[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

/* The IPv4 address that is meant by an IPv6 one, mapped; others stay. */
static void unwrap(uint8_t address[ADDRESS_BYTES])
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}, compatible[12] = {0};
    static const uint8_t six_to_four[2] = {0x20, 0x02};
    uint8_t v4[4];
    if (memcmp(address, nat64, sizeof nat64) == 0)
        memcpy(v4, address + 12, sizeof v4);
    else if (memcmp(address, compatible, sizeof compatible) == 0 && address[12] != 0)
        memcpy(v4, address + 12, sizeof v4);
    else if (memcmp(address, six_to_four, sizeof six_to_four) == 0)
        memcpy(v4, address + 2, sizeof v4);
    else
        return;
    map_v4(v4, address);
}

/* What is known of it, and how small it must be listed where no word opens it. */
static enum kind kind_of(const uint8_t address[ADDRESS_BYTES], uint32_t *ret_bits)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct network network;
        if (!read_network(known[i].network, strlen(known[i].network), &network) ||
            !is_within(address, &network))
            continue;
        *ret_bits = known[i].kind == KIND_SPECIAL ? network.bits : 0;
        return known[i].kind;
    }
    *ret_bits = 0;
    return KIND_PUBLIC;
}

/* --- making ----------------------------------------------------------------------------------- */

static bool take_word(struct reach *reach, const char *text, size_t len)
{
    static const char *const words[KIND_SPECIAL] = {"loopback", "private", "public"};
    for (uint32_t i = 0; i < KIND_SPECIAL; i++) {
        if (strlen(words[i]) != len || memcmp(words[i], text, len) != 0)
            continue;
        reach->kinds[i] = true;
        return true;
    }
    return false;
}

static const char *take_network(struct reach *reach, char *entry)
{
    size_t len = strlen(entry);
    if (take_word(reach, entry, len))
        return NULL;
    if (reach->networks_count == REACH_ENTRIES_MAX)
        return "more than 64 networks";
    if (!read_network(entry, len, &reach->networks[reach->networks_count]))
        return "it is neither an address, nor a network like 10.0.0.0/8 without bits behind its "
               "prefix, nor loopback, private or public";
    reach->networks_count++;
    return NULL;
}

static const char *take_pattern(struct reach *reach, char *entry)
{
    if (reach->patterns_count == REACH_ENTRIES_MAX)
        return "more than 64 hosts";
    for (const char *c = entry; *c != '\0'; c++)
        if (strchr(" /@?#", *c) != NULL)
            return "it is no host's name, nor a pattern of it with \"*\"";
    reach->patterns[reach->patterns_count++] = entry;
    return NULL;
}

/* Each entry between commas, without the spaces about it; `list` is cut. */
static int take_all(struct reach *reach, const char *key, char *list,
                    const char *(*take)(struct reach *reach, char *entry), struct buffer *why)
{
    char *rest = list, *entry;
    while ((entry = strsep(&rest, ",")) != NULL) {
        entry += strspn(entry, " \t");
        size_t len = strlen(entry);
        while (len > 0 && (entry[len - 1] == ' ' || entry[len - 1] == '\t'))
            entry[--len] = '\0';
        const char *wrong = len > ENTRY_MAX ? "it is too long" : NULL;
        if (wrong == NULL && len > 0)
            wrong = take(reach, entry);
        if (wrong == NULL)
            continue;
        buffer_append_format(why, "%s: \"%.64s\": %s", key, entry, wrong);
        return TROTH_ERROR_CONFIG;
    }
    return 0;
}

int reach_create(const char *hosts, const char *networks, struct buffer *why,
                 struct reach **ret_reach)
{
    struct reach *made = calloc(1, sizeof *made);
    char *copy = strdup(networks);
    if (made != NULL)
        made->hosts = strdup(hosts);
    int error = made == NULL || made->hosts == NULL || copy == NULL ? TROTH_ERROR_NO_MEMORY : 0;
    if (error == 0)
        error = take_all(made, "participant_hosts", made->hosts, take_pattern, why);
    if (error == 0)
        error = take_all(made, "participant_networks", copy, take_network, why);
    free(copy);
    if (error != 0) {
        reach_destroy(made);
        return error;
    }
    *ret_reach = made;
    return 0;
}

void reach_destroy(struct reach *reach)
{
    if (reach != NULL)
        free(reach->hosts);
    free(reach);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* "*" is any run of characters; without regard to case, as names of hosts are. */
static bool fits(const char *pattern, const char *host)
{
    const char *star = NULL, *behind = NULL;
    while (*host != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            behind = host;
        } else if (*pattern != '\0' && strncasecmp(pattern, host, 1) == 0) {
            pattern++;
            host++;
        } else if (star != NULL) {
            pattern = star + 1;
            host = ++behind;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

const char *reach_refuses_host(const struct reach *reach, const char *host)
{
    for (uint32_t i = 0; i < reach->patterns_count; i++)
        if (fits(reach->patterns[i], host))
            return NULL;
    return "this host is none of participant_hosts";
}

const char *reach_refuses(const struct reach *reach, const char *host,
                          const struct sockaddr *address)
{
    uint8_t bytes[ADDRESS_BYTES];
    uint32_t least;
    const char *why = reach_refuses_host(reach, host);
    if (why != NULL)
        return why;
    if (address->sa_family == AF_INET)
        map_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr, bytes);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
               sizeof bytes);
    else
        return "an address of no kind that is known";
    unwrap(bytes);
    enum kind kind = kind_of(bytes, &least);
    if (kind != KIND_SPECIAL && reach->kinds[kind])
        return NULL;
    for (uint32_t i = 0; i < reach->networks_count; i++)
        if (reach->networks[i].bits >= least && is_within(bytes, &reach->networks[i]))
            return NULL;
    return kind == KIND_SPECIAL
               ? "a link-local, metadata, multicast or reserved address that is not listed itself "
                 "in participant_networks"
               : "this address is in none of participant_networks";
}
