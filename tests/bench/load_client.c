/* load_client.c: makes a client's requests and reads its answers. */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "latency.h"
#include "load_answer.h"
#include "load_tls.h"

#define REQUEST_BYTES_MAX 4096u

static uint64_t requests; /* made so far */

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

void client_connect(struct client *client, uint32_t number, const struct load_options *options)
{
    uint16_t port = options->ports[number % options->port_count];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    client->number = number;
    client->random = now_us() * 7919u + number + 1u;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    if (setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        die("setsockopt");
    if (options->tls_certificate != NULL)
        client->tls = load_tls_connect(client->fd, options);
}

uint64_t client_random(struct client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return client->random;
}

static uint64_t account(struct client *client, const struct load_options *options, int bank)
{
    if (options->hot[bank] != 0)
        return client_random(client) % options->hot[bank] + 1;
    return (uint64_t)client->number * options->accounts +
           client_random(client) % options->accounts + 1;
}

/* The input, with what its placeholders stand for. */
static size_t input_make(struct client *client, const struct load_options *options, char *ret_text,
                         size_t cap)
{
    size_t len = 0;
    for (const char *at = options->input; *at != '\0' && len < cap; at++) {
        uint64_t value;
        if (at[0] == '@' && at[1] == 'n')
            value = requests;
        else if (at[0] == '@' && (at[1] == 'a' || at[1] == 'b'))
            value = account(client, options, at[1] - 'a');
        else {
            ret_text[len++] = *at;
            continue;
        }
        int more = snprintf(ret_text + len, cap - len, "%llu", (unsigned long long)value);
        len += more > 0 ? (size_t)more : 0;
        at++;
    }
    return len;
}

static size_t request_make(struct client *client, const struct load_options *options,
                           char request[REQUEST_BYTES_MAX])
{
    char input[1024], body[2048];
    int length;
    if (options->get != NULL) {
        length = snprintf(request, REQUEST_BYTES_MAX, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                          options->get);
    } else {
        size_t len = input_make(client, options, input, sizeof input);
        bool is_async = strcmp(options->reply, "accepted") == 0;
        int of_body = len >= sizeof input
                          ? -1
                          : snprintf(body, sizeof body,
                                     "{\"definition\":\"%s\",\"input\":%.*s,\"reply\":\"%s\"}",
                                     options->definition, (int)len, input,
                                     is_async ? "decided" : options->reply);
        if (of_body < 0 || (size_t)of_body >= sizeof body)
            die("the input is too long");
        length = snprintf(request, REQUEST_BYTES_MAX,
                          "POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                          "application/json\r\n%sContent-Length: %d\r\n\r\n%s",
                          is_async ? "Prefer: respond-async\r\n" : "", of_body, body);
    }
    if (length < 0 || (size_t)length >= REQUEST_BYTES_MAX)
        die("the request is too long");
    return (size_t)length;
}

void client_send(struct client *client, const struct load_options *options, uint64_t due_us)
{
    char request[REQUEST_BYTES_MAX];
    requests++;
    size_t whole = request_make(client, options, request);
    client->began_us = due_us;
    client->len = 0;
    if (client->tls != NULL)
        load_tls_send(client->tls, request, whole);
    else if (send(client->fd, request, whole, MSG_NOSIGNAL) != (ssize_t)whole)
        die("send");
}

size_t client_receive(struct client *client)
{
    char *behind = client->answer + client->len;
    size_t room = sizeof client->answer - client->len;
    ssize_t more = client->tls != NULL ? load_tls_receive(client->tls, behind, room)
                                       : recv(client->fd, behind, room, MSG_DONTWAIT);
    if (more < 0 && errno == EAGAIN)
        return 0;
    if (more <= 0)
        die("trothd closed a connection");
    client->len += (size_t)more;
    long length = answer_length(client->answer, client->len);
    if (length == 0 && client->len < sizeof client->answer)
        return 0;
    /* One answer at a time: nothing is pipelined. */
    if (length <= 0 || (size_t)length != client->len || client->began_us == 0) {
        (void)fprintf(stderr, "bench_load: no answer that can be read: %.*s\n", (int)client->len,
                      client->answer);
        exit(1);
    }
    return (size_t)length;
}
