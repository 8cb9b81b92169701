/* conninfo.c: what a conninfo says, before anybody connects with it. */
#include <journal/journal.h>

#include <libpq-fe.h>
#include <string.h>

#include <base/buffer.h>
#include <base/nearest.h>

#define OPTIONS_MAX 64u /* of libpq */

/* The name of the option that libpq would not take, nearly: what it shows may be a piece of a
 * password (one with a space and no quotes), so that only a name of libpq's own is repeated. */
static const char *nearest_option(const char *text, size_t len)
{
    const char *names[OPTIONS_MAX + 1];
    PQconninfoOption *options = PQconndefaults();
    char wrong[64];
    size_t count = 0;
    if (options == NULL || len >= sizeof wrong) {
        PQconninfoFree(options);
        return NULL;
    }
    for (; options[count].keyword != NULL && count < OPTIONS_MAX; count++)
        names[count] = options[count].keyword;
    names[count] = NULL;
    memcpy(wrong, text, len);
    wrong[len] = '\0';
    const char *near = name_nearest(wrong, names); /* static in libpq */
    PQconninfoFree(options);
    return near;
}

/* libpq's words, up to their line feed, without what it quotes: that may be the whole URI with its
 * password. */
static void say_why(struct buffer *why, const char *text)
{
    const char *near = NULL;
    if (why == NULL)
        return;
    for (bool quoted = false; *text != '\0' && *text != '\n'; text++) {
        if (*text != '"') {
            if (!quoted)
                buffer_append_char(why, *text);
            continue;
        }
        quoted = !quoted;
        if (!quoted)
            continue;
        size_t len = strcspn(text + 1, "\"\n");
        near = nearest_option(text + 1, len);
        buffer_append_text(why, len == 1 ? "\"" : "\"***\"");
        if (len == 1) { /* a sign, such as "=" */
            buffer_append_char(why, text[1]);
            buffer_append_char(why, '"');
        }
    }
    if (near != NULL)
        buffer_append_format(why, "; did you mean \"%s\"?", near);
}

/* A value as conninfo wants it: in quotes where it has to be. */
static void append_value(struct buffer *text, const char *value)
{
    bool plain = value[0] != '\0' && strpbrk(value, " \t'\\") == NULL;
    if (plain) {
        buffer_append_text(text, value);
        return;
    }
    buffer_append_char(text, '\'');
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            buffer_append_char(text, '\\');
        buffer_append_char(text, *value);
    }
    buffer_append_char(text, '\'');
}

int journal_conninfo_show(const char *conninfo, struct buffer *why, struct buffer *ret_text)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &error);
    if (options == NULL) {
        say_why(why, error != NULL ? error : "out of memory");
        PQfreemem(error);
        return error != NULL ? TROTH_ERROR_CONFIG : TROTH_ERROR_NO_MEMORY;
    }
    for (const PQconninfoOption *at = options; at->keyword != NULL; at++) {
        if (at->val == NULL)
            continue;
        if (ret_text->len > 0)
            buffer_append_char(ret_text, ' ');
        buffer_append_format(ret_text, "%s=", at->keyword);
        /* libpq marks secrets so. */
        append_value(ret_text, strchr(at->dispchar, '*') != NULL ? "***" : at->val);
    }
    PQconninfoFree(options);
    return TROTH_OK;
}
