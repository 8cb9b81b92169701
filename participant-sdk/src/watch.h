/* watch.h: a connection that another thread can cut, because its database has not answered in time
 * or because the participant stops. Whoever waits for it inside of libpq, be it the service's own
 * code, then sees a broken connection.
 *
 * The socket is known by a descriptor of its own, so that nobody else's is shut down when the
 * connection's number has been given away. Any thread.
 *
 * An event loop listens to that copy and never to libpq's: libpq closes its own when it finds the
 * connection lost, and while the copy keeps the socket alive, epoll goes on telling of a descriptor
 * that nobody can take out of it any more. */
#ifndef SDK_WATCH_H
#define SDK_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct watch {
    pthread_mutex_t lock;
    int fd;               /* -1: nothing is open */
    uint64_t deadline_us; /* CLOCK_MONOTONIC; 0: none */
    bool cut;             /* the connection that is open, or was last */
    bool ended;           /* for good */
};

void watch_init(struct watch *watch);
void watch_finish(struct watch *watch);
/* false: no descriptor is to be had, or it was ended. */
bool watch_open(struct watch *watch, int socket);
/* Events on it are taken away first. */
void watch_close(struct watch *watch);
/* The copy, until watch_close(); -1: none is open. */
int watch_socket(struct watch *watch);
/* An answer has to be there by then; 0: no hurry. */
void watch_set(struct watch *watch, uint64_t deadline_us);
bool watch_is_cut(struct watch *watch);
bool watch_is_ended(struct watch *watch);
/* Cuts what is late. */
void watch_look(struct watch *watch, uint64_t now_us);
/* Cuts, now and whatever is opened later. */
void watch_end(struct watch *watch);

#endif
