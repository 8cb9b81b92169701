/* name.c: see name.h. */
#include "name.h"

#include <string.h>

#include "conn.h"

#include <base/now.h>

void name_init(struct name *name, struct http_loop *loop, const char *host, uint16_t port,
               name_changed changed, void *arg)
{
    *name = (struct name){.loop = loop,
                          .host = host,
                          .port = port,
                          .changed = changed,
                          .arg = arg,
                          .pause_us = NAME_AGAIN_MIN_US,
                          .why = ""};
    if (resolver_numeric(host, port, &name->addresses[0].to)) {
        name->count = 1;
        name->expires_us = UINT64_MAX;
    }
}

void name_finish(struct name *name)
{
    resolver_cancel(name->question);
    name->question = NULL;
}

static struct name_address *find(struct name *name, const struct resolver_address *address)
{
    for (uint32_t i = 0; i < name->count; i++)
        if (resolver_address_same(&name->addresses[i].to, address))
            return &name->addresses[i];
    return NULL;
}

/* What is known of an address that stays is kept. */
static void take(struct name *name, const struct resolver_answer *answer)
{
    struct name_address fresh[RESOLVER_ADDRESSES_MAX];
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct name_address *old = find(name, &answer->addresses[i]);
        fresh[i].to = answer->addresses[i];
        fresh[i].avoid_until_us = old != NULL ? old->avoid_until_us : 0;
    }
    memcpy(name->addresses, fresh, answer->count * sizeof(fresh[0]));
    name->count = answer->count;
    name->expires_us = mono_now().us + answer->ttl_us;
    name->again_us = 0;
    name->pause_us = NAME_AGAIN_MIN_US;
    name->why = "";
    name->round++;
}

static void fail(struct name *name, int error, const char *why)
{
    if (error == TROTH_ERROR_NOT_FOUND) {
        name->count = 0; /* an answer, not a failure to get one */
        name->round++;
    }
    name->why = why;
    name->again_us = mono_now().us + name->pause_us;
    name->pause_us =
        name->pause_us < NAME_AGAIN_MAX_US / 2 ? name->pause_us * 2 : NAME_AGAIN_MAX_US;
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
    struct name *name = arg;
    name->question = NULL;
    if (answer->error == 0)
        take(name, answer);
    else
        fail(name, answer->error, answer->text);
    name->changed(name->arg);
}

static void ask(struct name *name, uint64_t now_us)
{
    struct resolver *resolver = NULL;
    int error = http_loop_resolver(name->loop, &resolver);
    if (error == 0)
        error = resolver_ask(resolver, name->host, name->port, on_answer, name, &name->question);
    if (error == 0)
        name->asked_us = now_us;
    else
        fail(name, error, troth_error_text(error));
}

enum name_state name_look(struct name *name, uint64_t now_us)
{
    if (now_us < name->expires_us && name->count > 0)
        return NAME_KNOWN;
    if (name->question == NULL && now_us >= name->again_us)
        ask(name, now_us);
    if (name->count > 0) {
        bool is_late = name->question == NULL || now_us - name->asked_us >= NAME_STALE_WAIT_US;
        return is_late || name->again_us != 0 ? NAME_KNOWN : NAME_ASKED;
    }
    return name->question != NULL ? NAME_ASKED : NAME_NONE;
}

uint32_t name_choose(const struct name *name, uint32_t tried, uint64_t now_us)
{
    uint32_t avoided = UINT32_MAX;
    for (uint32_t i = 0; i < name->count; i++) {
        if ((tried & (1u << i)) != 0)
            continue;
        if (name->addresses[i].avoid_until_us <= now_us)
            return i;
        avoided = avoided == UINT32_MAX ? i : avoided;
    }
    return avoided;
}

void name_failed(struct name *name, const struct resolver_address *address, uint64_t now_us)
{
    struct name_address *found = find(name, address);
    if (found != NULL)
        found->avoid_until_us = now_us + NAME_AVOID_US;
}

void name_worked(struct name *name, const struct resolver_address *address)
{
    struct name_address *found = find(name, address);
    if (found != NULL)
        found->avoid_until_us = 0;
}

bool name_has(const struct name *name, const struct resolver_address *address)
{
    for (uint32_t i = 0; i < name->count; i++)
        if (resolver_address_same(&name->addresses[i].to, address))
            return true;
    return false;
}
