/* hosts/hosts.h: the hosts that a conninfo names, to be tried one by one.
 *
 * libpq goes through a list of hosts by itself, but an asynchronous connect knows no limit of time
 * for each of them (connect_timeout is the blocking one's), and an answer such as "the database
 * does not exist", from a standby that has not replayed its creation, ends its tour. So each host
 * is given to libpq alone. A list that comes from a service file stays libpq's own. */
#ifndef HOSTS_HOSTS_H
#define HOSTS_HOSTS_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTS_MAX 16u /* more are left to libpq, as one */

struct host {
    char *host, *hostaddr, *port; /* NULL: as the conninfo says, or libpq's default */
};

struct hosts {
    PQconninfoOption *options; /* NULL: the conninfo is none, and libpq says so when it connects */
    const char *conninfo;
    struct host list[HOSTS_MAX];
    size_t count;                /* 1 … */
    uint64_t connect_timeout_us; /* of one host, as the conninfo says; 0: it says nothing */
};

/* Borrows `conninfo`. TROTH_ERROR_NO_MEMORY. */
int hosts_init(struct hosts *hosts, const char *conninfo);
void hosts_finish(struct hosts *hosts);

/* The name that has to be looked up before one of them can be connected to; NULL: a socket's path,
 * an address (hostaddr), or libpq alone knows (a service). May be a numeric address. */
const char *hosts_name(const struct hosts *hosts, size_t which);

/* Begins to connect with one of them; NULL: no memory. `address`, numeric, is where its name is;
 * NULL: libpq looks the name up, which blocks. A server that takes no writes is refused by libpq,
 * unless the conninfo says otherwise (target_session_attrs). */
PGconn *hosts_start(const struct hosts *hosts, size_t which, const char *address,
                    const char *application_name);
/* Blocks, for timeout_s at most. */
PGconn *hosts_connect(const struct hosts *hosts, size_t which, const char *application_name,
                      unsigned timeout_s);

#endif
