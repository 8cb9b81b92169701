/* The one place where a text from outside is proven to be JSON. Recursive descent; JSON_DEPTH_MAX
 * bounds the stack. */
#include <base/json.h>

#include <assert.h>

#include <base/hash.h>

#include "json_scan.h"
#include "utf8.h"

struct checker {
    const char *start, *at, *end;
    unsigned depth, depth_max;
    bool unique, any_string;
    struct buffer keys; /* struct troth_span of the objects that are open, when `unique` */
    struct buffer scratch;
    struct hash_table table;
    json_member_fn member; /* NULL, or told of the outermost object's members */
    void *member_arg;
    int error;
    struct json_fault fault;
};

static bool wrong_at(struct checker *checker, const char *at, const char *text)
{
    checker->error = TROTH_ERROR_SYNTAX;
    checker->fault = (struct json_fault){(size_t)(at - checker->start), text};
    return false;
}

static bool wrong(struct checker *checker, const char *text)
{
    return wrong_at(checker, checker->at, text);
}

static inline bool digit_here(const struct checker *checker)
{
    return checker->at < checker->end && *checker->at >= '0' && *checker->at <= '9';
}

static inline bool char_here(const struct checker *checker, char c)
{
    return checker->at < checker->end && *checker->at == c;
}

static inline void skip_space(struct checker *checker)
{
    checker->at = scan_space(checker->at, checker->end);
}

static bool check_digits(struct checker *checker)
{
    if (!digit_here(checker))
        return wrong(checker, "a digit is missing in a number");
    while (digit_here(checker))
        checker->at++;
    return true;
}

static bool check_number(struct checker *checker)
{
    if (char_here(checker, '-'))
        checker->at++;
    if (char_here(checker, '0')) {
        checker->at++;
        if (digit_here(checker))
            return wrong(checker, "a number has a leading zero");
    } else if (!check_digits(checker)) {
        return false;
    }
    if (char_here(checker, '.')) {
        checker->at++;
        if (!check_digits(checker))
            return false;
    }
    if (char_here(checker, 'e') || char_here(checker, 'E')) {
        checker->at++;
        if (char_here(checker, '+') || char_here(checker, '-'))
            checker->at++;
        if (!check_digits(checker))
            return false;
    }
    return true;
}

static bool check_word(struct checker *checker, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(checker->end - checker->at) < len || memcmp(checker->at, word, len) != 0)
        return wrong(checker, "no value begins like this (true, false and null are lower case)");
    checker->at += len;
    return true;
}

/* Behind "\u": U+0000 and halves of surrogate pairs are grammar, but no text. */
static bool check_unicode_escape(struct checker *checker, const char *backslash)
{
    int32_t code = json_hex4(checker->at, checker->end);
    if (code < 0)
        return wrong_at(checker, backslash, "\\u needs four hexadecimal digits");
    checker->at += 4;
    if (checker->any_string)
        return true;
    if (code == 0)
        return wrong_at(checker, backslash, "\\u0000 is not accepted");
    if (code < 0xd800 || code > 0xdfff)
        return true;
    if (code > 0xdbff || !char_here(checker, '\\') || checker->end - checker->at < 2 ||
        checker->at[1] != 'u')
        return wrong_at(checker, backslash, "half of a surrogate pair");
    code = json_hex4(checker->at + 2, checker->end);
    if (code < 0xdc00 || code > 0xdfff)
        return wrong_at(checker, backslash, "half of a surrogate pair");
    checker->at += 6;
    return true;
}

static bool check_escape(struct checker *checker)
{
    const char *backslash = checker->at++;
    if (checker->at == checker->end)
        return wrong(checker, "the text ends inside a string");
    char c = *checker->at++;
    if (c == 'u')
        return check_unicode_escape(checker, backslash);
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
        return wrong_at(checker, backslash, "an unknown escape in a string");
    return true;
}

/* From its first byte that is neither plain nor its end. */
static bool check_odd_string(struct checker *checker)
{
    for (;;) {
        checker->at = scan_plain(checker->at, checker->end, true);
        if (checker->at == checker->end)
            return wrong(checker, "the text ends inside a string");
        unsigned char c = (unsigned char)*checker->at;
        if (c == '"') {
            checker->at++;
            return true;
        }
        if (c == '\\') {
            if (!check_escape(checker))
                return false;
        } else if (c < 0x20) {
            return wrong(checker, "a control character in a string: write it as an escape");
        } else {
            size_t len = utf8_sequence(checker->at, checker->end);
            if (len == 0)
                return wrong(checker, "not valid UTF-8");
            checker->at += len;
        }
    }
}

static inline bool check_string(struct checker *checker)
{
    checker->at = scan_plain(checker->at + 1, checker->end, true);
    if (!char_here(checker, '"'))
        return check_odd_string(checker);
    checker->at++;
    return true;
}

/* --- duplicate keys ----------------------------------------------------------------------------
 */

static bool key_remember(struct checker *checker, struct troth_span key)
{
    buffer_append(&checker->keys, &key, sizeof(key));
    if (checker->keys.failed)
        checker->error = TROTH_ERROR_NO_MEMORY;
    return !checker->keys.failed;
}

struct wanted_key {
    const struct troth_span *keys;
    struct troth_span name; /* unescaped */
};

static bool is_key(const void *arg, uint32_t i)
{
    const struct wanted_key *wanted = arg;
    return json_string_equals(wanted->keys[i], wanted->name);
}

#define FEW_KEYS 8u

/* As nearly all objects: then comparing bytes is less work than a table. */
static bool are_few_and_plain(const struct troth_span *keys, size_t count)
{
    for (size_t i = 0; i < count && count <= FEW_KEYS; i++)
        if (memchr(keys[i].data, '\\', keys[i].len) != NULL)
            return false;
    return count <= FEW_KEYS;
}

/* The first one that was there before; NULL: all are different. */
static const struct troth_span *key_again(const struct troth_span *keys, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (keys[i].len == keys[j].len && memcmp(keys[i].data, keys[j].data, keys[i].len) == 0)
                return &keys[i];
    return NULL;
}

static bool wrong_key(struct checker *checker, struct troth_span key)
{
    return wrong_at(checker, key.data, "this name is already in the same object");
}

/* The keys from `first` on are those of the object that ends here. The second of two is to blame.
 */
static bool keys_unique(struct checker *checker, size_t first)
{
    size_t count = (checker->keys.len - first) / sizeof(struct troth_span);
    checker->keys.len = first;
    if (count < 2)
        return true;
    /* the buffer holds nothing but spans: every offset is aligned */
    const struct troth_span *keys = (const void *)(checker->keys.data + first);
    struct wanted_key wanted = {.keys = keys};
    if (are_few_and_plain(keys, count)) {
        const struct troth_span *again = key_again(keys, count);
        return again == NULL || wrong_key(checker, *again);
    }
    if (hash_table_reset(&checker->table, (uint32_t)count) != 0) {
        checker->error = TROTH_ERROR_NO_MEMORY;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!json_string_view(keys[i], &checker->scratch, &wanted.name)) {
            checker->error = TROTH_ERROR_NO_MEMORY;
            return false;
        }
        uint32_t *place = hash_place(checker->table.places, checker->table.count,
                                     hash_span(wanted.name), is_key, &wanted);
        if (*place != 0)
            return wrong_key(checker, keys[i]);
        *place = i + 1;
    }
    return true;
}

/* --- containers --------------------------------------------------------------------------------
 */

static bool check_value(struct checker *checker);

static bool check_member(struct checker *checker)
{
    if (!char_here(checker, '"'))
        return wrong(checker, "a name in quotes is missing");
    const char *key = checker->at;
    if (!check_string(checker))
        return false;
    struct troth_span span = {key, (size_t)(checker->at - key)};
    if (checker->unique && !key_remember(checker, span))
        return false;
    skip_space(checker);
    if (!char_here(checker, ':'))
        return wrong(checker, "a colon is missing behind a name");
    checker->at++;
    skip_space(checker);
    const char *value = checker->at;
    if (!check_value(checker))
        return false;
    if (checker->member != NULL && checker->depth == 1)
        checker->member(checker->member_arg, span,
                        (struct troth_span){value, (size_t)(checker->at - value)});
    return true;
}

/* The inside of an array or object, from behind its opening bracket to behind `close`. */
static bool check_container(struct checker *checker, char close)
{
    skip_space(checker);
    if (char_here(checker, close)) {
        checker->at++;
        return true;
    }
    for (;;) {
        if (!(close == '}' ? check_member(checker) : check_value(checker)))
            return false;
        skip_space(checker);
        if (char_here(checker, close)) {
            checker->at++;
            return true;
        }
        if (!char_here(checker, ','))
            return wrong(checker,
                         close == '}' ? "a comma or } is missing" : "a comma or ] is missing");
        checker->at++;
        skip_space(checker);
    }
}

static bool check_nested(struct checker *checker, char close)
{
    if (checker->depth == checker->depth_max)
        return wrong(checker, "nested too deep (at most 64)");
    checker->depth++;
    checker->at++;
    size_t first_key = checker->keys.len;
    if (!check_container(checker, close))
        return false;
    checker->depth--;
    return close != '}' || keys_unique(checker, first_key);
}

static bool check_value(struct checker *checker)
{
    if (checker->at == checker->end)
        return wrong(checker, "a value is missing: the text ends here");
    switch (*checker->at) {
    case '{':
        return check_nested(checker, '}');
    case '[':
        return check_nested(checker, ']');
    case '"':
        return check_string(checker);
    case 't':
        return check_word(checker, "true");
    case 'f':
        return check_word(checker, "false");
    case 'n':
        return check_word(checker, "null");
    default:
        if (*checker->at != '-' && !digit_here(checker))
            return wrong(checker, "a value is missing");
        return check_number(checker);
    }
}

static unsigned depth_max(int flags)
{
    if ((flags & JSON_CHECK_WRAPPED) != 0)
        return JSON_DEPTH_MAX + JSON_WRAP_MAX;
    return JSON_DEPTH_MAX + ((flags & JSON_CHECK_ENVELOPE) != 0 ? 1 : 0);
}

static int check_text(struct checker *checker, struct troth_span text, int flags,
                      struct troth_span *ret_value, struct json_fault *ret_fault)
{
    checker->start = checker->at = text.data == NULL ? "" : text.data;
    checker->end = checker->start + text.len;
    checker->depth_max = depth_max(flags);
    checker->unique = (flags & JSON_CHECK_UNIQUE_KEYS) != 0;
    checker->any_string = (flags & JSON_CHECK_ANY_STRING) != 0;
    skip_space(checker);
    const char *value = checker->at;
    bool good = check_value(checker);
    struct troth_span span = {value, (size_t)(checker->at - value)};
    skip_space(checker);
    if (good && checker->at != checker->end)
        good = wrong(checker, "something follows the value");
    buffer_finish(&checker->keys);
    buffer_finish(&checker->scratch);
    hash_table_finish(&checker->table);
    if (good) {
        *ret_value = span;
        return 0;
    }
    if (checker->error == TROTH_ERROR_SYNTAX && ret_fault != NULL)
        *ret_fault = checker->fault;
    return checker->error;
}

int json_check(struct troth_span text, int flags, struct troth_span *ret_value,
               struct json_fault *ret_fault)
{
    assert((text.data != NULL || text.len == 0) && ret_value != NULL);
    struct checker checker = {.member = NULL};
    return check_text(&checker, text, flags, ret_value, ret_fault);
}

int json_check_object(struct troth_span text, int flags, json_member_fn member, void *arg,
                      struct troth_span *ret_object, struct json_fault *ret_fault)
{
    assert((text.data != NULL || text.len == 0) && member != NULL && ret_object != NULL);
    struct troth_span value;
    const char *end = text.data == NULL ? NULL : text.data + text.len;
    const char *first = text.data == NULL ? NULL : scan_space(text.data, end);
    bool is_object = first != end && *first == '{';
    struct checker checker = {.member = is_object ? member : NULL, .member_arg = arg};
    int error = check_text(&checker, text, flags, &value, ret_fault);
    if (error == 0 && !is_object)
        return TROTH_ERROR_TYPE;
    if (error == 0)
        *ret_object = value;
    return error;
}

void json_position(struct troth_span text, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
    assert(ret_line != NULL && ret_column != NULL);
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else if (c < 0x80 || c > 0xbf) { /* bytes that continue a code point do not count */
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}
