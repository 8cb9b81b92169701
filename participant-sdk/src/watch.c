/* watch.c: a connection can be cut from another thread, by shutting down a copy of its socket. */
#include "watch.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

void watch_init(struct watch *watch)
{
    (void)pthread_mutex_init(&watch->lock, NULL); /* never fails with default attributes */
    watch->fd = -1;
}

void watch_finish(struct watch *watch)
{
    watch_close(watch);
    pthread_mutex_destroy(&watch->lock);
}

bool watch_open(struct watch *watch, int socket)
{
    bool open;
    assert(socket >= 0);
    pthread_mutex_lock(&watch->lock);
    assert(watch->fd < 0); /* the one before was closed */
    watch->cut = false;
    watch->deadline_us = 0;
    watch->fd = watch->ended ? -1 : fcntl(socket, F_DUPFD_CLOEXEC, 0);
    open = watch->fd >= 0;
    pthread_mutex_unlock(&watch->lock);
    return open;
}

void watch_close(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    if (watch->fd >= 0) {
        close(watch->fd);
        watch->fd = -1;
    }
    watch->deadline_us = 0;
    pthread_mutex_unlock(&watch->lock);
}

int watch_socket(struct watch *watch)
{
    int fd;
    pthread_mutex_lock(&watch->lock);
    fd = watch->fd;
    pthread_mutex_unlock(&watch->lock);
    return fd;
}

void watch_set(struct watch *watch, uint64_t deadline_us)
{
    pthread_mutex_lock(&watch->lock);
    watch->deadline_us = deadline_us;
    pthread_mutex_unlock(&watch->lock);
}

static bool look_at(struct watch *watch, const bool *what)
{
    bool is;
    pthread_mutex_lock(&watch->lock);
    is = *what;
    pthread_mutex_unlock(&watch->lock);
    return is;
}

bool watch_is_cut(struct watch *watch)
{
    return look_at(watch, &watch->cut);
}

bool watch_is_ended(struct watch *watch)
{
    return look_at(watch, &watch->ended);
}

static void cut(struct watch *watch)
{
    if (watch->fd >= 0) {
        (void)shutdown(watch->fd, SHUT_RDWR); /* fails where the other side was faster */
        watch->cut = true;
    }
}

void watch_look(struct watch *watch, uint64_t now_us)
{
    pthread_mutex_lock(&watch->lock);
    if (watch->deadline_us != 0 && now_us >= watch->deadline_us) {
        watch->deadline_us = 0;
        cut(watch);
    }
    pthread_mutex_unlock(&watch->lock);
}

void watch_end(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->ended = true;
    cut(watch);
    pthread_mutex_unlock(&watch->lock);
}
