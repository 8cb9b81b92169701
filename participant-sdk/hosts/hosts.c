/* hosts.c: libpq reads the conninfo; its lists of hosts, addresses and ports are taken apart
 * here. */
#include <hosts/hosts.h>

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/error.h>

#define US_PER_S UINT64_C(1000000)

static const char *option(const struct hosts *hosts, const char *keyword, const char *environment)
{
    for (const PQconninfoOption *at = hosts->options; at->keyword != NULL; at++)
        if (strcmp(at->keyword, keyword) == 0 && at->val != NULL)
            return at->val;
    return getenv(environment);
}

static size_t parts_of(const char *list)
{
    size_t count = 1;
    if (list == NULL || list[0] == '\0')
        return 0;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* The n-th part of a list; false: no memory. An empty one is NULL: libpq's default. */
static bool part_copy(const char *list, size_t n, char **ret_part)
{
    size_t len;
    if (list == NULL)
        return true;
    for (; n > 0; n--)
        list += strcspn(list, ",") + 1;
    len = strcspn(list, ",");
    if (len == 0)
        return true;
    *ret_part = strndup(list, len);
    return *ret_part != NULL;
}

/* Lists that do not fit together are for libpq to complain of: one host then. */
static bool hosts_split(struct hosts *hosts)
{
    const char *host = option(hosts, "host", "PGHOST");
    const char *hostaddr = option(hosts, "hostaddr", "PGHOSTADDR");
    const char *port = option(hosts, "port", "PGPORT");
    size_t names = parts_of(host), addresses = parts_of(hostaddr), ports = parts_of(port);
    size_t count = addresses > 0 ? addresses : names;
    bool fit = (names == 0 || names == count) && (ports <= 1 || ports == count);
    if (count < 2 || count > HOSTS_MAX || !fit)
        return true;
    hosts->count = count;
    for (size_t i = 0; i < count; i++)
        if (!part_copy(host, i, &hosts->list[i].host) ||
            !part_copy(hostaddr, i, &hosts->list[i].hostaddr) ||
            !part_copy(port, ports > 1 ? i : 0, &hosts->list[i].port))
            return false;
    return true;
}

int hosts_init(struct hosts *hosts, const char *conninfo)
{
    assert(hosts != NULL && conninfo != NULL);
    const char *timeout;
    long seconds;

    *hosts = (struct hosts){.conninfo = conninfo, .count = 1};
    hosts->options = PQconninfoParse(conninfo, NULL);
    if (hosts->options == NULL)
        return TROTH_OK;
    if (!hosts_split(hosts)) {
        hosts_finish(hosts);
        return TROTH_ERROR_NO_MEMORY;
    }
    timeout = option(hosts, "connect_timeout", "PGCONNECT_TIMEOUT");
    seconds = timeout == NULL ? 0 : strtol(timeout, NULL, 10);
    if (seconds > 0 && seconds < 3600)
        hosts->connect_timeout_us = (uint64_t)seconds * US_PER_S;
    return TROTH_OK;
}

void hosts_finish(struct hosts *hosts)
{
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        free(hosts->list[i].host);
        free(hosts->list[i].hostaddr);
        free(hosts->list[i].port);
    }
    PQconninfoFree(hosts->options);
    *hosts = (struct hosts){0};
}

/* What stands later wins: ours where the conninfo says nothing, then the conninfo, then what must
 * be. A peer that is gone without a word must not hold a commit for the system's 15 minutes. */
#define PAIRS_MAX 96u

struct pairs {
    const char *keywords[PAIRS_MAX], *values[PAIRS_MAX];
    size_t count;
};

static void pair_add(struct pairs *pairs, const char *keyword, const char *value)
{
    if (value == NULL || pairs->count + 1 >= PAIRS_MAX)
        return;
    pairs->keywords[pairs->count] = keyword;
    pairs->values[pairs->count++] = value;
}

static bool names_a_host(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
           strcmp(keyword, "port") == 0;
}

static void pairs_make(const struct hosts *hosts, size_t which, const char *application_name,
                       struct pairs *ret_pairs)
{
    const struct host *host = &hosts->list[which];
    *ret_pairs = (struct pairs){0};
    pair_add(ret_pairs, "keepalives_idle", "10");
    pair_add(ret_pairs, "keepalives_interval", "5");
    pair_add(ret_pairs, "keepalives_count", "3");
    pair_add(ret_pairs, "tcp_user_timeout", "20000");
    if (getenv("PGTARGETSESSIONATTRS") == NULL)
        pair_add(ret_pairs, "target_session_attrs", "read-write");
    if (hosts->options == NULL)
        pair_add(ret_pairs, "dbname", hosts->conninfo);
    for (const PQconninfoOption *at = hosts->options; at != NULL && at->keyword != NULL; at++)
        if (hosts->count == 1 || !names_a_host(at->keyword))
            pair_add(ret_pairs, at->keyword, at->val);
    pair_add(ret_pairs, "host", host->host);
    pair_add(ret_pairs, "hostaddr", host->hostaddr);
    pair_add(ret_pairs, "port", host->port);
    pair_add(ret_pairs, "client_encoding", "UTF8");
    pair_add(ret_pairs, "fallback_application_name", application_name);
}

const char *hosts_name(const struct hosts *hosts, size_t which)
{
    assert(which < hosts->count);
    const char *host = hosts->list[which].host, *address = hosts->list[which].hostaddr;

    if (hosts->options == NULL || option(hosts, "service", "PGSERVICE") != NULL)
        return NULL;
    if (hosts->count == 1) {
        host = option(hosts, "host", "PGHOST");
        address = option(hosts, "hostaddr", "PGHOSTADDR");
    }
    if (host == NULL || strchr("/@", host[0]) != NULL || strchr(host, ',') != NULL)
        return NULL; /* strchr() finds the end of an empty one, too */
    return address != NULL && address[0] != '\0' ? NULL : host;
}

PGconn *hosts_start(const struct hosts *hosts, size_t which, const char *address,
                    const char *application_name)
{
    struct pairs pairs;
    pairs_make(hosts, which, application_name, &pairs);
    pair_add(&pairs, "hostaddr", address);
    return PQconnectStartParams(pairs.keywords, pairs.values, hosts->options == NULL);
}

PGconn *hosts_connect(const struct hosts *hosts, size_t which, const char *application_name,
                      unsigned timeout_s)
{
    struct pairs pairs;
    char timeout[16];
    pairs_make(hosts, which, application_name, &pairs);
    snprintf(timeout, sizeof timeout, "%u", timeout_s);
    if (hosts->connect_timeout_us == 0)
        pair_add(&pairs, "connect_timeout", timeout);
    return PQconnectdbParams(pairs.keywords, pairs.values, hosts->options == NULL);
}
