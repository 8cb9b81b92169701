#include "nameserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define TYPE_A      1
#define TYPE_AAAA   28
#define RCODE_FAIL  2
#define RCODE_NAME  3

struct message {
    unsigned char data[MESSAGE_MAX];
    size_t len;
};

static void put(struct message *message, const void *data, size_t len)
{
    if (message->len + len > sizeof(message->data))
        abort();
    memcpy(message->data + message->len, data, len);
    message->len += len;
}

static void put16(struct message *message, unsigned number)
{
    const unsigned char bytes[2] = {(unsigned char)(number >> 8), (unsigned char)number};
    put(message, bytes, 2);
}

/* The name of the question as text; how many bytes it and what follows it take. */
static size_t read_question(const unsigned char *data, size_t len, char name[256],
                            unsigned *ret_type)
{
    size_t at = 12;
    size_t out = 0;
    while (at < len && data[at] != 0) {
        size_t label = data[at];
        if (at + 1 + label >= len || out + label + 2 > 256)
            return 0;
        if (out > 0)
            name[out++] = '.';
        memcpy(name + out, data + at + 1, label);
        out += label;
        at += 1 + label;
    }
    name[out] = 0;
    if (at + 5 > len)
        return 0;
    *ret_type = (unsigned)(data[at + 1] << 8 | data[at + 2]);
    return at + 5 - 12;
}

static unsigned put_answers(const struct nameserver *server, unsigned type, struct message *reply)
{
    unsigned count = 0;
    for (int i = 0; server->addresses[i] != NULL; i++) {
        unsigned char address[16];
        int family = type == TYPE_A ? AF_INET : AF_INET6;
        if (inet_pton(family, server->addresses[i], address) != 1)
            continue;
        put16(reply, 0xc00c); /* the name stands in the question */
        put16(reply, type);
        put16(reply, 1);
        put16(reply, server->ttl_s >> 16);
        put16(reply, server->ttl_s & 0xffff);
        put16(reply, type == TYPE_A ? 4 : 16);
        put(reply, address, type == TYPE_A ? 4 : 16);
        count++;
    }
    return count;
}

static void answer(const struct nameserver *server, const unsigned char *data, size_t len,
                   const struct sockaddr_in *to)
{
    char name[256];
    unsigned type = 0;
    size_t question = read_question(data, len, name, &type);
    bool is_known = server->name != NULL && strcasecmp(name, server->name) == 0;
    if (question == 0 || server->way == NAMESERVER_SILENT ||
        (server->way == NAMESERVER_SILENT_V6 && type == TYPE_AAAA))
        return;
    struct message reply = {.len = 0};
    struct message answers = {.len = 0};
    unsigned rcode = server->way == NAMESERVER_FAILS ? RCODE_FAIL : is_known ? 0 : RCODE_NAME;
    unsigned count = rcode == 0 && (type == TYPE_A || type == TYPE_AAAA)
                         ? put_answers(server, type, &answers)
                         : 0;
    put(&reply, data, 2);
    put16(&reply, 0x8180 | rcode);
    put16(&reply, 1);
    put16(&reply, count);
    put16(&reply, 0);
    put16(&reply, 0);
    put(&reply, data + 12, question);
    put(&reply, answers.data, answers.len);
    if (sendto(server->fd, reply.data, reply.len, 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
        abort();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct nameserver *server = arg;
    unsigned char data[MESSAGE_MAX];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    (void)what;
    ssize_t n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (n > 12) {
        server->asked++;
        answer(server, data, (size_t)n, &from);
    }
}

void nameserver_start(struct nameserver *server, struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    *server = (struct nameserver){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->event = event_new(base, server->fd, EV_READ | EV_PERSIST, on_readable, server);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &size) != 0 || server->event == NULL ||
        event_add(server->event, NULL) != 0)
        abort();
    (void)snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
                   ntohs(address.sin_port));
}

void nameserver_finish(struct nameserver *server)
{
    event_free(server->event);
    (void)close(server->fd);
}

void nameserver_set(struct nameserver *server, const char *name, uint32_t ttl_s, ...)
{
    va_list list;
    int count = 0;
    va_start(list, ttl_s);
    server->name = name;
    server->ttl_s = ttl_s;
    while (count < NAMESERVER_ADDRESSES_MAX) {
        server->addresses[count] = va_arg(list, const char *);
        if (server->addresses[count] == NULL)
            break;
        count++;
    }
    server->addresses[count] = NULL;
    va_end(list);
}
