/* head.c: the second look at a head that llhttp has accepted (RFC 9112, sections 2 to 6). */
#include "parse.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2. */
static const bool token_chars[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0'] = true, ['1'] = true, ['2'] = true,
    ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
    ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
    ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,
    ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
    ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

bool http_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!token_chars[(unsigned char)text[i]])
            return false;
    return len > 0;
}

static bool has_crlf(const struct http_parse *parse, size_t at)
{
    return at + 2 <= parse->head.len && memcmp(parse->head.data + at, "\r\n", 2) == 0;
}

/* Empty lines before a request are allowed; each ends with CR LF. */
static size_t skip_empty_lines(const struct http_parse *parse)
{
    size_t at = 0;
    while (has_crlf(parse, at))
        at += 2;
    return at;
}

size_t http_authority_at(struct troth_span target)
{
    if (target.len > 7 && strncasecmp(target.data, "http://", 7) == 0)
        return 7;
    return target.len > 8 && strncasecmp(target.data, "https://", 8) == 0 ? 8 : 0;
}

static int check_target(struct troth_span target, const char **ret_what)
{
    *ret_what = "the request target is not well formed";
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#')
            return 400;
    }
    bool is_absolute = http_authority_at(target) > 0;
    return target.data[0] == '/' || http_span_is(target, "*") || is_absolute ? 0 : 400;
}

/* method SP target SP HTTP/1.x CRLF; *ret_end behind it. */
static int check_request_line(const struct http_parse *parse, size_t *ret_end,
                              const char **ret_what)
{
    const char *data = parse->head.data;
    size_t start = skip_empty_lines(parse);
    size_t behind = (size_t)parse->target + parse->target_len;
    const char *method = llhttp_method_name((llhttp_method_t)parse->llhttp.method);
    size_t method_len = strlen(method);
    if (parse->llhttp.http_major != 1) {
        *ret_what = "the HTTP version is not supported";
        return 505;
    }
    *ret_what = "the request line is not well formed";
    if (parse->target_len == 0 || start + method_len + 1 != parse->target ||
        memcmp(data + start, method, method_len) != 0 || data[start + method_len] != ' ')
        return 400;
    if (behind + 11 > parse->head.len || memcmp(data + behind, " HTTP/1.", 8) != 0 ||
        !has_crlf(parse, behind + 9))
        return 400;
    if (parse->llhttp.method == HTTP_CONNECT) {
        *ret_what = "CONNECT is not supported";
        return 501;
    }
    *ret_end = behind + 11;
    return check_target(http_parse_target(parse), ret_what);
}

/* HTTP/1.x SP 3 digits, a reason that we do not read, CRLF. */
static int check_status_line(const struct http_parse *parse, size_t *ret_end, const char **ret_what)
{
    const char *data = parse->head.data;
    const char *lf = memchr(data, '\n', parse->head.len);
    *ret_what = "the status line is not well formed";
    if (lf == NULL || parse->head.len < 14 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ' ||
        memchr(data, '\r', (size_t)(lf - data)) != lf - 1)
        return 400;
    *ret_end = (size_t)(lf + 1 - data);
    return 0;
}

/* name ":" OWS value OWS CRLF, one after the other without a gap, then an empty line. */
static int check_headers(const struct http_parse *parse, size_t at, const char **ret_what)
{
    const char *data = parse->head.data;
    *ret_what = "a header is not well formed";
    for (uint32_t i = 0; i < parse->field_count; i++) {
        const struct http_field *field = &parse->fields[i];
        size_t colon = (size_t)field->name + field->name_len;
        if (field->name != at || !http_is_token(data + at, field->name_len) ||
            colon >= parse->head.len || data[colon] != ':')
            return 400;
        size_t value = colon + 1;
        while (value < parse->head.len && (data[value] == ' ' || data[value] == '\t'))
            value++;
        if (field->value_len > 0 && field->value != value)
            return 400;
        at = value + field->value_len;
        if (!has_crlf(parse, at))
            return 400;
        at += 2;
    }
    return has_crlf(parse, at) && at + 2 == parse->head.len ? 0 : 400;
}

/* What decides where the message ends, and for whom it is. */
static int check_meaning(const struct http_parse *parse, const char **ret_what)
{
    struct troth_span value = {NULL, 0};
    uint32_t codings = http_parse_header(parse, "transfer-encoding", &value);
    bool is_request = parse->llhttp.type == HTTP_REQUEST;
    if (parse->chunked && !http_span_is(value, "chunked")) {
        *ret_what = "no transfer coding but chunked is supported";
        return 501;
    }
    if (codings > 0 && (codings > 1 || !parse->chunked || parse->llhttp.http_minor == 0 ||
                        (parse->llhttp.flags & F_CONTENT_LENGTH) != 0)) {
        *ret_what = "the length of the body is not clear";
        return 400;
    }
    uint32_t hosts = http_parse_header(parse, "host", &value);
    if (is_request && (hosts > 1 || (hosts == 0 && parse->llhttp.http_minor > 0))) {
        *ret_what = "exactly one Host header is needed";
        return 400;
    }
    if (!parse->streaming && !parse->skip_body && !parse->chunked &&
        parse->llhttp.content_length > parse->limits->body_bytes_max &&
        (parse->llhttp.flags & F_CONTENT_LENGTH) != 0) {
        *ret_what = "the body is too large";
        return 413;
    }
    return 0;
}

int http_head_check(const struct http_parse *parse, const char **ret_what)
{
    size_t at = 0;
    int status = parse->llhttp.type == HTTP_REQUEST ? check_request_line(parse, &at, ret_what)
                                                    : check_status_line(parse, &at, ret_what);
    if (status == 0)
        status = check_headers(parse, at, ret_what);
    return status != 0 ? status : check_meaning(parse, ret_what);
}
