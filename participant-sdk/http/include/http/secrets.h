/* http/secrets.h: secrets that two sides of a connection share, a line of a file each.
 *
 *     # a comment
 *     TOKEN
 *     TOKEN WORDS
 *
 * A token is 16 to 256 visible characters; what stands behind it says what it counts for, which is
 * its reader's matter. Who shows one shows the first. The file is read when it is needed, and again
 * when it has changed, looked at once a second at most; where it cannot be read, or holds no token,
 * what was read before counts on. So a secret is exchanged without a moment in which none fits: the
 * new one is added where tokens are checked, then takes the place of the old one where it is shown,
 * then the old one is removed. What a secret is stands in no message. */
#ifndef HTTP_SECRETS_H
#define HTTP_SECRETS_H

#include <stdbool.h>

#include <troth/error.h>
#include <troth/span.h>

#define HTTP_SECRETS_MAX    16u /* lines that count */
#define HTTP_SECRET_LEN_MIN 16u
#define HTTP_SECRET_LEN_MAX 256u

struct http_secrets;

/* The path is copied; nothing is read yet. TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int http_secrets_create(const char *file, struct http_secrets **ret_secrets);
/* Takes NULL. */
void http_secrets_destroy(struct http_secrets *secrets);

/* "Bearer TOKEN", with the first; valid until the next call. NULL: there is none: *ret_why says in
 * a sentence what is wrong with the file. */
const char *http_secrets_show(struct http_secrets *secrets, const char **ret_why);
/* Whether `shown` ("Bearer TOKEN") has one of them. The time that it takes does not tell how much
 * of it fits. *ret_words: what stands behind it in its line, valid until the next call. */
bool http_secrets_know(struct http_secrets *secrets, struct troth_span shown,
                       struct troth_span *ret_words);
/* NULL: they are there. Else what is wrong with the file, now or still. */
const char *http_secrets_trouble(struct http_secrets *secrets);

#endif
