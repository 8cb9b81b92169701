/* exchange.c: the request as its handler sees it. */
#include "exchange.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "budget.h"

/* http://host/path -> /path (RFC 9112, section 3.2.2: a server must take this form too). */
static size_t skip_authority(struct troth_span target)
{
    size_t at = http_authority_at(target);
    if (at == 0)
        return 0;
    while (at < target.len && target.data[at] != '/' && target.data[at] != '?')
        at++;
    return at;
}

void http_serve_exchange_init(struct serve_conn *serve)
{
    struct http_exchange *exchange = &serve->exchange;
    struct troth_span target = http_parse_target(&serve->parse);
    size_t start = skip_authority(target);
    const char *query = memchr(target.data + start, '?', target.len - start);
    size_t path_len = query != NULL ? (size_t)(query - target.data) - start : target.len - start;
    *exchange = (struct http_exchange){
        .conn = serve,
        .path = serve->parse.target + (uint32_t)start,
        .path_len = (uint32_t)path_len,
        .is_head = serve->parse.llhttp.method == HTTP_HEAD,
    };
    if (query != NULL) {
        exchange->query = exchange->path + exchange->path_len + 1;
        exchange->query_len = (uint32_t)(target.len - start - path_len - 1);
    }
}

void http_serve_exchange_finish(struct http_exchange *exchange)
{
    while (exchange->joined != NULL) {
        struct serve_joined *joined = exchange->joined;
        exchange->joined = joined->next;
        free(joined);
    }
    exchange->sign_name = NULL;
}

void http_exchange_sign(struct http_exchange *exchange, const char *name, const char *value)
{
    assert(strlen(value) <= HTTP_SIGN_MAX);
    exchange->sign_name = name;
    memcpy(exchange->sign, value, strlen(value) + 1);
}

struct troth_span http_exchange_method(const struct http_exchange *exchange)
{
    const struct http_parse *parse = &exchange->conn->parse;
    const char *name = llhttp_method_name((llhttp_method_t)parse->llhttp.method);
    return (struct troth_span){name, strlen(name)};
}

struct troth_span http_exchange_path(const struct http_exchange *exchange)
{
    if (exchange->path_len == 0) /* http://host without a path */
        return (struct troth_span){"/", 1};
    return (struct troth_span){exchange->conn->parse.head.data + exchange->path,
                               exchange->path_len};
}

struct troth_span http_exchange_query(const struct http_exchange *exchange)
{
    if (exchange->query == 0)
        return (struct troth_span){"", 0};
    return (struct troth_span){exchange->conn->parse.head.data + exchange->query,
                               exchange->query_len};
}

/* The values of all headers of that name, joined by ", ". NULL: out of memory. */
static const struct serve_joined *join(struct http_exchange *exchange, const char *name)
{
    const struct http_parse *parse = &exchange->conn->parse;
    struct serve_joined *joined = malloc(sizeof(*joined) + parse->head.len);
    if (joined == NULL)
        return NULL;
    joined->len = 0;
    for (uint32_t i = 0; i < parse->field_count; i++) {
        if (!http_parse_is_named(parse, i, name))
            continue;
        if (joined->len > 0) {
            joined->text[joined->len++] = ',';
            joined->text[joined->len++] = ' ';
        }
        struct troth_span value = http_parse_value(parse, i);
        memcpy(joined->text + joined->len, value.data, value.len);
        joined->len += value.len;
    }
    joined->next = exchange->joined;
    exchange->joined = joined;
    return joined;
}

bool http_exchange_header(const struct http_exchange *exchange, const char *name,
                          struct troth_span *ret_value)
{
    struct serve_conn *serve = exchange->conn;
    struct troth_span first;
    uint32_t count = http_parse_header(&serve->parse, name, &first);
    if (count == 0)
        return false;
    if (count > 1) {
        const struct serve_joined *joined = join(&serve->exchange, name);
        if (joined == NULL)
            return false;
        first = (struct troth_span){joined->text, joined->len};
    }
    *ret_value = first;
    return true;
}

struct troth_span http_exchange_body(const struct http_exchange *exchange)
{
    const struct buffer *body = &exchange->conn->parse.body;
    return (struct troth_span){body->len > 0 ? body->data : "", body->len};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded character; how many bytes it took, 0 when badly encoded. */
static size_t decode_one(const char *at, const char *end, char *ret_char)
{
    if (*at != '%') {
        *ret_char = *at == '+' ? ' ' : *at;
        return 1;
    }
    int high = end - at >= 3 ? hex_digit(at[1]) : -1;
    int low = high >= 0 ? hex_digit(at[2]) : -1;
    if (low < 0 || (high == 0 && low == 0))
        return 0;
    *ret_char = (char)(high * 16 + low);
    return 3;
}

static bool decode(const char *at, const char *end, struct buffer *ret_value)
{
    size_t len = ret_value->len;
    while (at < end) {
        char c;
        size_t used = decode_one(at, end, &c);
        if (used == 0) {
            ret_value->len = len;
            return false;
        }
        buffer_append_char(ret_value, c);
        at += used;
    }
    return true;
}

static bool is_name(const char *at, const char *end, const char *name)
{
    for (; at < end && *name != 0; name++) {
        char c;
        size_t used = decode_one(at, end, &c);
        if (used == 0 || c != *name)
            return false;
        at += used;
    }
    return at == end && *name == 0;
}

bool http_exchange_parameter(const struct http_exchange *exchange, const char *name,
                             struct buffer *ret_value)
{
    assert(name != NULL && ret_value != NULL);
    struct troth_span query = http_exchange_query(exchange);
    const char *end = query.data + query.len;
    for (const char *at = query.data; at < end;) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *stop = amp != NULL ? amp : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = equals != NULL ? equals : stop;
        if (is_name(at, name_end, name))
            return decode(equals != NULL ? equals + 1 : stop, stop, ret_value);
        at = stop + (stop < end ? 1 : 0);
    }
    return false;
}

static void network_text(struct in6_addr address, char ret_text[HTTP_CLIENT_TEXT_MAX])
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        (void)inet_ntop(AF_INET, &address.s6_addr[12], ret_text, HTTP_CLIENT_TEXT_MAX);
        return;
    }
    memset(&address.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &address, text, sizeof text);
    (void)snprintf(ret_text, HTTP_CLIENT_TEXT_MAX, "%s/64", text);
}

static void look_up_client(int fd, char ret_text[HTTP_CLIENT_TEXT_MAX])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.any = {0}};
    socklen_t size = sizeof peer;
    (void)strcpy(ret_text, "?");
    if (getpeername(fd, &peer.any, &size) != 0)
        return;
    if (peer.any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &peer.v4.sin_addr, ret_text, HTTP_CLIENT_TEXT_MAX);
    else if (peer.any.sa_family == AF_INET6)
        network_text(peer.v6.sin6_addr, ret_text);
    else if (peer.any.sa_family == AF_UNIX)
        (void)strcpy(ret_text, "unix");
}

bool http_exchange_uid(const struct http_exchange *exchange, uint32_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (!exchange->conn->server->is_unix ||
        getsockopt(exchange->conn->conn.transport.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *ret_uid = peer.uid;
    return true;
}

const char *http_exchange_names(const struct http_exchange *exchange)
{
    struct tls_session *tls = exchange->conn->conn.transport.tls;
    return tls != NULL ? tls_session_names(tls) : "";
}

/* A connection's client stays who it is, so only the first request asks the kernel. */
void http_exchange_client(const struct http_exchange *exchange, char ret_text[HTTP_CLIENT_TEXT_MAX])
{
    struct serve_conn *serve = exchange->conn;
    if (serve->client[0] == '\0')
        look_up_client(serve->conn.transport.fd, serve->client);
    memcpy(ret_text, serve->client, sizeof serve->client);
}

void http_exchange_set(struct http_exchange *exchange, http_gone gone, void *gone_arg)
{
    assert(exchange != NULL && gone != NULL);
    exchange->gone = gone;
    exchange->gone_arg = gone_arg;
}

void http_exchange_slow(struct http_exchange *exchange, http_gone slow)
{
    exchange->slow = slow;
}

bool http_exchange_has_room(const struct http_exchange *exchange, uint32_t percent)
{
    const struct http_server *server = exchange->conn->server;
    uint64_t most = server->config.budget.replies_max;
    return most == 0 || server->replies_bytes < most / 100 * percent;
}

void http_exchange_promise(struct http_exchange *exchange, size_t bytes)
{
    exchange->conn->promised = bytes;
    http_budget_count(exchange->conn);
}
