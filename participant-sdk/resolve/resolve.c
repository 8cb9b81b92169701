/* resolve.c: questions and their answers. */
#include "resolver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <base/now.h>

static void set_failure(struct resolver_question *question, int error, const char *text)
{
    question->error = error;
    question->text = text;
    question->done = true;
}

/* The words are ours where c-ares's would leave one guessing. */
static void set_status(struct resolver_question *question, int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        set_failure(question, TROTH_ERROR_NOT_FOUND, "there is no host of that name");
        break;
    case ARES_ENODATA:
        set_failure(question, TROTH_ERROR_NOT_FOUND, "the name has no address");
        break;
    case ARES_EBADNAME:
        set_failure(question, TROTH_ERROR_NOT_FOUND, "not a name that a host can have");
        break;
    case ARES_ETIMEOUT:
        set_failure(question, TROTH_ERROR_TIMEOUT, "no name server answered");
        break;
    case ARES_ECONNREFUSED:
        set_failure(question, TROTH_ERROR_UNAVAILABLE, "no name server can be reached");
        break;
    case ARES_ENOMEM:
        set_failure(question, TROTH_ERROR_NO_MEMORY, "out of memory");
        break;
    default:
        set_failure(question, TROTH_ERROR_UNAVAILABLE, ares_strerror(status));
        break;
    }
}

/* A name is good for as long as the first of its records to run out. */
static uint64_t ttl_of(const struct ares_addrinfo *found)
{
    int ttl_s = -1;
    for (const struct ares_addrinfo_node *node = found->nodes; node != NULL; node = node->ai_next)
        ttl_s = ttl_s < 0 || node->ai_ttl < ttl_s ? node->ai_ttl : ttl_s;
    for (const struct ares_addrinfo_cname *name = found->cnames; name != NULL; name = name->next)
        ttl_s = ttl_s < 0 || name->ttl < ttl_s ? name->ttl : ttl_s;
    uint64_t ttl_us = ttl_s > 0 ? (uint64_t)ttl_s * 1000000u : 0;
    if (ttl_us > RESOLVER_TTL_MAX_US)
        return RESOLVER_TTL_MAX_US;
    return ttl_us > RESOLVER_TTL_MIN_US ? ttl_us : RESOLVER_TTL_MIN_US;
}

static bool take_address(const struct ares_addrinfo_node *node, uint16_t port,
                         struct resolver_address *ret_address)
{
    *ret_address = (struct resolver_address){.size = (socklen_t)node->ai_addrlen};
    if (node->ai_family == AF_INET && (size_t)node->ai_addrlen == sizeof(ret_address->v4)) {
        memcpy(&ret_address->v4, node->ai_addr, sizeof(ret_address->v4));
        ret_address->v4.sin_port = htons(port);
        return true;
    }
    if (node->ai_family == AF_INET6 && (size_t)node->ai_addrlen == sizeof(ret_address->v6)) {
        memcpy(&ret_address->v6, node->ai_addr, sizeof(ret_address->v6));
        ret_address->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

static void set_found(struct resolver_question *question, const struct ares_addrinfo *found)
{
    uint32_t count = 0;
    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && count < RESOLVER_ADDRESSES_MAX; node = node->ai_next)
        if (take_address(node, question->port, &question->addresses[count]))
            count++;
    if (count == 0) {
        set_status(question, ARES_ENODATA);
        return;
    }
    question->count = count;
    question->ttl_us = ttl_of(found);
    question->error = 0;
    question->text = "";
    question->done = true;
}

static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *lookup = arg;
    struct resolver *resolver = lookup->resolver;
    struct resolver_question *question = lookup->question;
    (void)timeouts;
    TAILQ_REMOVE(&resolver->lookups, lookup, link);
    free(lookup);
    if (question != NULL) {
        question->lookups--;
        if (status == ARES_SUCCESS && !question->done)
            set_found(question, found);
        else if (question->lookups == 0 && !question->done && !resolver->closing)
            set_status(question, status);
    }
    if (found != NULL)
        ares_freeaddrinfo(found);
}

static void look_up(struct resolver_question *question, int family)
{
    struct resolver *resolver = question->resolver;
    const struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = malloc(sizeof(*lookup));
    if (lookup == NULL) {
        if (question->lookups == 0)
            set_status(question, ARES_ENOMEM);
        return;
    }
    *lookup = (struct lookup){.resolver = resolver, .question = question};
    TAILQ_INSERT_TAIL(&resolver->lookups, lookup, link);
    question->lookups++;
    ares_getaddrinfo(resolver->channel, question->host, NULL, &hints, on_found, lookup);
}

static void start(struct resolver_question *question)
{
    question->v4_asked = false;
    question->v4_at_us = mono_now().us + RESOLVER_V4_AFTER_US;
    look_up(question, AF_UNSPEC);
}

/* resolv.conf has changed: what is under way is asked again by the new one. */
static int renew(struct resolver *resolver)
{
    struct resolver_question *question;
    resolver_channel_close(resolver);
    int error = resolver_channel_open(resolver);
    if (error != 0)
        return error;
    TAILQ_FOREACH(question, &resolver->questions, link)
    {
        if (!question->done)
            start(question);
    }
    return 0;
}

static void forget(struct resolver_question *question)
{
    struct resolver *resolver = question->resolver;
    struct lookup *lookup;
    TAILQ_FOREACH(lookup, &resolver->lookups, link)
    {
        if (lookup->question == question)
            lookup->question = NULL;
    }
    TAILQ_REMOVE(&resolver->questions, question, link);
    free(question);
}

static void tell(struct resolver_question *question)
{
    struct resolver_question told = *question;
    struct resolver_answer answer = {.error = told.error,
                                     .text = told.text,
                                     .addresses = told.addresses,
                                     .count = told.count,
                                     .ttl_us = told.ttl_us};
    forget(question);
    told.answered(told.arg, &answer);
}

static void look_at_times(struct resolver *resolver, uint64_t now_us)
{
    struct resolver_question *question;
    TAILQ_FOREACH(question, &resolver->questions, link)
    {
        if (question->done)
            continue;
        if (now_us >= question->deadline_us) {
            set_status(question, ARES_ETIMEOUT);
        } else if (!question->v4_asked && now_us >= question->v4_at_us) {
            question->v4_asked = true;
            look_up(question, AF_INET);
        }
    }
}

static struct resolver_question *first_done(struct resolver *resolver)
{
    struct resolver_question *question;
    TAILQ_FOREACH(question, &resolver->questions, link)
    {
        if (question->done)
            break;
    }
    return question;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;
    struct resolver_question *question;
    (void)fd;
    (void)what;
    if (resolver->channel != NULL) {
        ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        look_at_times(resolver, mono_now().us);
    }
    /* What an answer's taker asks in its turn may be done at once (a name of /etc/hosts): that is
     * told with the next tick, so that this one ends. */
    uint32_t count = 0;
    TAILQ_FOREACH(question, &resolver->questions, link)
    {
        count += question->done ? 1 : 0;
    }
    resolver->telling = true;
    while (count-- > 0 && !resolver->destroyed && (question = first_done(resolver)) != NULL)
        tell(question);
    resolver->telling = false;
    if (resolver->destroyed) {
        free(resolver);
        return;
    }
    resolver_tick_set(resolver);
}

int resolver_create(struct event_base *base, const char *servers, struct resolver **ret_resolver)
{
    assert(base != NULL && ret_resolver != NULL);
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return TROTH_ERROR_NO_MEMORY;
    resolver->base = base;
    TAILQ_INIT(&resolver->questions);
    TAILQ_INIT(&resolver->lookups);
    TAILQ_INIT(&resolver->watches);
    resolver->tick = event_new(base, -1, EV_TIMEOUT, on_tick, resolver);
    bool has_servers = servers != NULL && servers[0] != 0;
    resolver->servers = has_servers ? strdup(servers) : NULL;
    int error = resolver->tick == NULL || (has_servers && resolver->servers == NULL)
                    ? TROTH_ERROR_NO_MEMORY
                    : resolver_channel_open(resolver);
    if (error != 0) {
        resolver_destroy(resolver);
        return error;
    }
    *ret_resolver = resolver;
    return 0;
}

void resolver_destroy(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    while (!TAILQ_EMPTY(&resolver->questions))
        forget(TAILQ_FIRST(&resolver->questions));
    resolver_channel_close(resolver);
    if (resolver->tick != NULL)
        event_free(resolver->tick);
    free(resolver->servers);
    if (resolver->telling)
        resolver->destroyed = true; /* from inside an answer: on_tick() frees it */
    else
        free(resolver);
}

int resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                 resolver_answered answered, void *arg, struct resolver_question **ret_question)
{
    assert(resolver != NULL && host != NULL && answered != NULL && ret_question != NULL);
    size_t len = strlen(host);
    if (len == 0 || len > RESOLVER_HOST_MAX)
        return TROTH_ERROR_CONFIG;
    if (resolver->channel == NULL || resolver_channel_stale(resolver)) {
        int error = renew(resolver);
        if (error != 0)
            return error;
    }
    struct resolver_question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return TROTH_ERROR_NO_MEMORY;
    question->resolver = resolver;
    question->answered = answered;
    question->arg = arg;
    memcpy(question->host, host, len);
    question->port = port;
    question->deadline_us = mono_now().us + RESOLVER_TIMEOUT_US;
    TAILQ_INSERT_TAIL(&resolver->questions, question, link);
    start(question);
    resolver_tick_set(resolver);
    *ret_question = question;
    return 0;
}

void resolver_cancel(struct resolver_question *question)
{
    if (question != NULL)
        forget(question);
}
