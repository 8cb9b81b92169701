/* secrets.c: see http/secrets.h. */
#include <http/secrets.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include <base/now.h>

#define BEARER     "Bearer "
#define BEARER_LEN (sizeof BEARER - 1)
#define LOOK_US    UINT64_C(1000000)
#define LINE_MAX_  512u
#define WORDS_MAX  (LINE_MAX_ - HTTP_SECRET_LEN_MIN)
#define WHY_MAX    512u

struct secret {
    char shown[BEARER_LEN + HTTP_SECRET_LEN_MAX + 1];
    size_t len; /* of `shown` */
    char words[WORDS_MAX];
};

struct http_secrets {
    char *file;
    struct secret list[HTTP_SECRETS_MAX];
    uint32_t count;
    bool has_looked;
    uint64_t look_us;       /* not before */
    struct stat seen, last; /* when it was read last, and looked at last */
    char why[WHY_MAX];
};

int http_secrets_create(const char *file, struct http_secrets **ret_secrets)
{
    struct http_secrets *made = calloc(1, sizeof *made);
    if (made != NULL)
        made->file = strdup(file);
    if (made == NULL || made->file == NULL) {
        free(made);
        return TROTH_ERROR_NO_MEMORY;
    }
    *ret_secrets = made;
    return 0;
}

void http_secrets_destroy(struct http_secrets *secrets)
{
    if (secrets == NULL)
        return;
    OPENSSL_cleanse(secrets->list, sizeof secrets->list);
    free(secrets->file);
    free(secrets);
}

/* "": nothing that counts. `line` is cut in pieces. NULL: well; else what is wrong with it. */
static const char *read_line(char *line, struct secret *ret_secret)
{
    char *token = line + strspn(line, " \t");
    size_t len = strcspn(token, " \t\r\n");
    char *words = token + len;
    ret_secret->len = 0;
    if (len == 0 || token[0] == '#')
        return NULL;
    if (len < HTTP_SECRET_LEN_MIN || len > HTTP_SECRET_LEN_MAX)
        return "a token has 16 to 256 characters";
    for (size_t i = 0; i < len; i++)
        if (token[i] < '!' || token[i] > '~')
            return "a token is made of visible ASCII characters";
    words += strspn(words, " \t");
    words[strcspn(words, "\r\n")] = '\0';
    memcpy(ret_secret->shown, BEARER, BEARER_LEN);
    memcpy(ret_secret->shown + BEARER_LEN, token, len);
    ret_secret->len = BEARER_LEN + len;
    ret_secret->shown[ret_secret->len] = '\0';
    (void)snprintf(ret_secret->words, sizeof ret_secret->words, "%s", words);
    return NULL;
}

/* NULL: all of it was read. */
static const char *read_lines(FILE *from, struct secret *list, uint32_t *ret_count)
{
    char line[LINE_MAX_];
    const char *why = NULL;
    struct secret one;
    while (why == NULL && fgets(line, sizeof line, from) != NULL) {
        if (strchr(line, '\n') == NULL && !feof(from))
            why = "a line is longer than 510 characters";
        else
            why = read_line(line, &one);
        if (why == NULL && one.len > 0 && *ret_count == HTTP_SECRETS_MAX)
            why = "it has more than 16 tokens";
        if (why == NULL && one.len > 0)
            list[(*ret_count)++] = one;
    }
    if (why == NULL && ferror(from))
        why = "it cannot be read";
    OPENSSL_cleanse(line, sizeof line);
    OPENSSL_cleanse(&one, sizeof one);
    return why == NULL && *ret_count == 0 ? "it has no token" : why;
}

static void say(struct http_secrets *secrets, const char *why)
{
    (void)snprintf(secrets->why, sizeof secrets->why, "the file of tokens \"%.300s\": %s",
                   secrets->file, why);
}

static void read_file(struct http_secrets *secrets)
{
    struct secret list[HTTP_SECRETS_MAX];
    uint32_t count = 0;
    FILE *from = fopen(secrets->file, "re");
    if (from == NULL) {
        say(secrets, strerror(errno));
        return;
    }
    const char *why = fstat(fileno(from), &secrets->seen) == 0 ? NULL : strerror(errno);
    if (why == NULL)
        why = read_lines(from, list, &count);
    (void)fclose(from);
    if (why == NULL) {
        memcpy(secrets->list, list, count * sizeof list[0]);
        secrets->count = count;
        secrets->why[0] = '\0';
    } else {
        say(secrets, why);
    }
    OPENSSL_cleanse(list, sizeof list);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A file that changes is looked at once more before it is read: who writes it has time to end. */
static void look(struct http_secrets *secrets)
{
    struct stat now;
    uint64_t now_us = mono_now().us;
    bool is_first = !secrets->has_looked;
    if (!is_first && now_us < secrets->look_us)
        return;
    secrets->has_looked = true;
    secrets->look_us = now_us + LOOK_US;
    if (stat(secrets->file, &now) != 0) {
        say(secrets, strerror(errno));
        return;
    }
    bool rests = is_first || is_same(&now, &secrets->last);
    secrets->last = now;
    if (!S_ISREG(now.st_mode)) /* and not opened: a pipe would wait for its writer */
        say(secrets, "it is no regular file");
    else if (rests && (!is_same(&now, &secrets->seen) || secrets->why[0] != '\0'))
        read_file(secrets);
}

const char *http_secrets_show(struct http_secrets *secrets, const char **ret_why)
{
    look(secrets);
    *ret_why = secrets->count == 0 ? secrets->why : "";
    return secrets->count == 0 ? NULL : secrets->list[0].shown;
}

const char *http_secrets_trouble(struct http_secrets *secrets)
{
    look(secrets);
    return secrets->why[0] == '\0' ? NULL : secrets->why;
}

/* The scheme's name is written as one likes (RFC 9110, section 11.1). All of them are compared,
 * whichever fits. */
bool http_secrets_know(struct http_secrets *secrets, struct troth_span shown,
                       struct troth_span *ret_words)
{
    bool knows = false;
    look(secrets);
    if (shown.len <= BEARER_LEN || strncasecmp(shown.data, BEARER, BEARER_LEN) != 0)
        return false;
    for (uint32_t i = 0; i < secrets->count; i++) {
        const struct secret *secret = &secrets->list[i];
        bool fits = secret->len == shown.len &&
                    CRYPTO_memcmp(secret->shown + BEARER_LEN, shown.data + BEARER_LEN,
                                  shown.len - BEARER_LEN) == 0;
        if (fits)
            *ret_words = (struct troth_span){secret->words, strlen(secret->words)};
        knows = knows || fits;
    }
    return knows;
}
