/* pair.h: the real HTTP server and client without a network: each connection is a socket pair of
 * this process, and the loop turns until everything has been said. For tests that feed them bytes.
 */
#ifndef PAIR_PAIR_H
#define PAIR_PAIR_H

#include <stdbool.h>

#include <base/buffer.h>
#include <http/client.h>
#include <http/server.h>
#include <troth/span.h>

/* More without an end is a fault: something waits for what never comes. */
#define PAIR_TURNS_MAX 1000000u

/* Once a process; NULL without memory. */
struct http_loop *pair_loop(void);
/* One turn of the loop, as a host makes it. */
void pair_turn(void);
/* Until it holds; ends the process when it never does. */
void pair_until(bool (*condition)(void *arg), void *arg);

/* A client of `server` sends `text` in pieces of so many bytes, each in turns of its own, and reads
 * to the end. Appends what it was answered, without the Date header. The server has no connection
 * afterwards. */
void pair_ask(struct http_server *server, struct troth_span text, size_t piece,
              struct buffer *ret_answer);

/* The other end of the connections that a client (http_peer) opens, in a program linked with
 * pair_client: answers each with `text`, in pieces, and closes it, until `done`
 * holds. */
void pair_answer(struct troth_span text, size_t piece, bool (*done)(void *arg), void *arg);

#endif
