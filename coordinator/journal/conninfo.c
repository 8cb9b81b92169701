/* conninfo.c: what a conninfo says, before anybody connects with it. */
#include <journal/journal.h>

#include <libpq-fe.h>
#include <string.h>

#include <protocol/buffer.h>

/* "%.*s" up to the line feed that libpq ends its messages with. */
static void say_why(struct buffer *why, const char *text)
{
    if (why == NULL)
        return;
    buffer_append_format(why, "%.*s", (int)strcspn(text, "\n"), text);
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
