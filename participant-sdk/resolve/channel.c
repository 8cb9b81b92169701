/* channel.c: c-ares on libevent: its sockets, its times, and the configuration it was opened with.
 */
#include "resolver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <event2/event.h>

#include <base/now.h>

#define RESOLV_CONF "/etc/resolv.conf"

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = ((struct watch *)arg)->resolver; /* `arg` may go meanwhile */
    ares_process_fd(resolver->channel, (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    resolver_tick_set(resolver);
}

static struct watch *find_watch(struct resolver *resolver, int fd)
{
    struct watch *watch;
    TAILQ_FOREACH(watch, &resolver->watches, link)
    {
        if (watch->fd == fd)
            return watch;
    }
    return NULL;
}

static void unwatch(struct resolver *resolver, struct watch *watch)
{
    TAILQ_REMOVE(&resolver->watches, watch, link);
    if (watch->event != NULL)
        event_free(watch->event);
    free(watch);
}

/* Without memory for an event the question runs into its time. */
static void on_state(void *arg, ares_socket_t fd, int is_readable, int is_writable)
{
    struct resolver *resolver = arg;
    struct watch *watch = find_watch(resolver, fd);
    short what = (short)((is_readable ? EV_READ : 0) | (is_writable ? EV_WRITE : 0));
    if (watch != NULL && watch->what == what)
        return;
    if (watch != NULL)
        unwatch(resolver, watch);
    if (what == 0 || (watch = calloc(1, sizeof(*watch))) == NULL)
        return;
    *watch = (struct watch){.resolver = resolver, .fd = fd, .what = what};
    TAILQ_INSERT_TAIL(&resolver->watches, watch, link);
    watch->event = event_new(resolver->base, fd, (short)(what | EV_PERSIST), on_socket, watch);
    if (watch->event != NULL)
        (void)event_add(watch->event, NULL);
}

static void note_configuration(struct resolver *resolver)
{
    struct stat found = {.st_size = 0};
    (void)stat(RESOLV_CONF, &found);
    resolver->conf_mtime = found.st_mtim;
    resolver->conf_size = found.st_size;
    resolver->conf_inode = found.st_ino;
}

bool resolver_channel_stale(const struct resolver *resolver)
{
    struct stat found = {.st_size = 0};
    (void)stat(RESOLV_CONF, &found);
    return found.st_mtim.tv_sec != resolver->conf_mtime.tv_sec ||
           found.st_mtim.tv_nsec != resolver->conf_mtime.tv_nsec ||
           found.st_size != resolver->conf_size || found.st_ino != resolver->conf_inode;
}

/* ares_library_init() does something on Windows and Android only, and is not for several threads.
 */
int resolver_channel_open(struct resolver *resolver)
{
    struct ares_options options = {.sock_state_cb = on_state, .sock_state_cb_data = resolver};
    note_configuration(resolver); /* before it is read: a change meanwhile is seen later */
    int status = ares_init_options(&resolver->channel, &options, ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        resolver->channel = NULL;
        return status == ARES_ENOMEM ? TROTH_ERROR_NO_MEMORY : TROTH_ERROR_SYSTEM;
    }
    if (resolver->servers == NULL)
        return 0;
    status = ares_set_servers_ports_csv(resolver->channel, resolver->servers);
    if (status == ARES_SUCCESS)
        return 0;
    resolver_channel_close(resolver);
    return status == ARES_ENOMEM ? TROTH_ERROR_NO_MEMORY : TROTH_ERROR_CONFIG;
}

void resolver_channel_close(struct resolver *resolver)
{
    struct watch *watch;
    if (resolver->channel != NULL) {
        resolver->closing = true;
        ares_destroy(resolver->channel);
        resolver->closing = false;
        resolver->channel = NULL;
    }
    while ((watch = TAILQ_FIRST(&resolver->watches)) != NULL)
        unwatch(resolver, watch);
}

static uint64_t question_next_us(const struct resolver_question *question, uint64_t now_us)
{
    if (question->done)
        return now_us;
    return !question->v4_asked && question->v4_at_us < question->deadline_us
               ? question->v4_at_us
               : question->deadline_us;
}

void resolver_tick_set(struct resolver *resolver)
{
    const struct resolver_question *question;
    uint64_t now_us = mono_now().us;
    uint64_t next_us = UINT64_MAX;
    struct timeval wait;
    TAILQ_FOREACH(question, &resolver->questions, link)
    {
        uint64_t at_us = question_next_us(question, now_us);
        next_us = at_us < next_us ? at_us : next_us;
    }
    if (resolver->channel != NULL && ares_timeout(resolver->channel, NULL, &wait) != NULL) {
        uint64_t at_us = now_us + (uint64_t)wait.tv_sec * 1000000u + (uint64_t)wait.tv_usec;
        next_us = at_us < next_us ? at_us : next_us;
    }
    if (next_us == UINT64_MAX) {
        (void)event_del(resolver->tick);
        return;
    }
    uint64_t wait_us = next_us > now_us ? next_us - now_us : 0;
    wait = timeval_of(wait_us);
    (void)event_add(resolver->tick, &wait);
}
