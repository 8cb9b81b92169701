/* descriptors.h: how many files this process may have open, and for whom. */
#ifndef DAEMON_DESCRIPTORS_H
#define DAEMON_DESCRIPTORS_H

#include <stdint.h>

/* The soft limit becomes the hard one. The journal, participants, Kafka and names have descriptors
 * that clients cannot take: at least DESCRIPTORS_RESERVED_MIN, or half of all where there are few.
 * Returns how many connections of clients may be open: what was asked for, or fewer; then a line of
 * the log says so. */
#define DESCRIPTORS_RESERVED_MIN 1024u
uint32_t descriptors_for_clients(uint64_t connections_max);

#endif
