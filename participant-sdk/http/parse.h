/* parse.h: one HTTP/1.1 message, by llhttp and by what llhttp is too lenient about.
 *
 * llhttp finds the parts; the head that it has accepted is then walked once more, byte for byte,
 * and must be exactly the grammar of RFC 9112: every line ends with CR LF, names are tokens, no
 * folding, one space where one belongs. llhttp 8 takes a bare LF after the start line, and in its
 * loose build (which is the default of its C sources) a space in a name, a bare CR before the next
 * line and any two bytes after a chunk: each a way to smuggle a request past a proxy. */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llhttp.h>

#include <base/buffer.h>
#include <http/loop.h>
#include <troth/span.h>

/* Offsets into the head. */
struct http_field {
    uint32_t name;
    uint32_t name_len;
    uint32_t value;
    uint32_t value_len;
};

enum http_parse_result {
    HTTP_PARSE_MORE, /* all was taken, the message goes on */
    HTTP_PARSE_DONE, /* the message is complete; what follows was not taken */
    HTTP_PARSE_BAD   /* `status` and `what` say why */
};

/* Of a chunked body's framing. */
enum http_framing { HTTP_FRAMING_ANY, HTTP_FRAMING_LF, HTTP_FRAMING_CRLF };

struct http_parse {
    llhttp_t llhttp;
    const struct http_limits *limits;
    struct http_field *fields; /* limits->headers_max */
    uint32_t field_count;
    bool value_seen;     /* of the last field */
    struct buffer head;  /* start line and headers, as they came */
    struct buffer body;  /* decoded; whoever streams takes from it */
    uint32_t target;     /* in head; requests */
    uint32_t target_len; /* 0: not seen */
    bool head_done;
    bool done;
    bool skip_body;     /* the answer to HEAD */
    bool streaming;     /* body_bytes_max is the host's business */
    bool keep_alive;    /* what the head says of the connection */
    bool chunked;       /* the body is */
    bool has_body;      /* the head announces one */
    uint64_t body_left; /* of the present chunk */
    uint64_t framing_bytes;
    enum http_framing framing;
    const char *framing_from; /* in the bytes being fed */
    const char *origin;       /* of the bytes being fed: offset 0 of the head would be there */
    int status;               /* why it is bad, as a status; 0: not bad */
    const char *what;         /* static */
};

TROTH_MUST_CHECK int http_parse_init(struct http_parse *parse, llhttp_type_t type,
                                     const struct http_limits *limits);
void http_parse_finish(struct http_parse *parse);
/* For the next message; keeps memory within HTTP_KEEP_BYTES. */
void http_parse_reset(struct http_parse *parse);

/* Takes bytes of one message. *ret_used: how many, when DONE. */
enum http_parse_result http_parse_feed(struct http_parse *parse, const char *data, size_t len,
                                       size_t *ret_used);
/* End of file. DONE when the message was one that ends so. */
enum http_parse_result http_parse_eof(struct http_parse *parse);

bool http_parse_began(const struct http_parse *parse);
struct troth_span http_parse_target(const struct http_parse *parse);
/* How many headers have this name; *ret_first the first's value, without white space around it. */
uint32_t http_parse_header(const struct http_parse *parse, const char *name,
                           struct troth_span *ret_first);
struct troth_span http_parse_value(const struct http_parse *parse, uint32_t i);
bool http_parse_is_named(const struct http_parse *parse, uint32_t i, const char *name);
/* Keep-Alive: timeout=5 (RFC 2068, section 19.7.1; servers still say it): how long the other side
 * keeps an idle connection. False: it does not say. */
bool http_parse_keep_alive(const struct http_parse *parse, uint32_t *ret_seconds);
bool http_span_is(struct troth_span span, const char *text); /* case-insensitive */

/* head.c: the second look. 0, or the status that refuses it with *ret_what set. */
TROTH_MUST_CHECK int http_head_check(const struct http_parse *parse, const char **ret_what);
bool http_is_token(const char *text, size_t len);
/* Where the authority of an absolute target begins; 0: it is not one. */
size_t http_authority_at(struct troth_span target);

#endif
