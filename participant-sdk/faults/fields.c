/* fields.c: known and unknown fields, and the kinds of value that they hold. */
#include <faults/fields.h>

#include <assert.h>
#include <string.h>

#include <base/decimal.h>
#include <base/duration.h>

static uint32_t field_find(const struct field *fields, struct troth_span key)
{
    uint32_t i = 0;
    while (fields[i].name != NULL &&
           !json_string_equals(key, (struct troth_span){fields[i].name, strlen(fields[i].name)}))
        i++;
    return i;
}

/* "name, participant, operation" */
static void names_append(struct buffer *text, const struct field *fields)
{
    for (uint32_t i = 0; fields[i].name != NULL; i++) {
        buffer_append_text(text, i == 0 ? "" : ", ");
        buffer_append_text(text, fields[i].name);
    }
}

static void field_unknown(struct check *check, const struct place *member, const char *what,
                          const struct field *fields, struct place *ret_fields)
{
    const char *names[FIELDS_MAX + 1];
    uint32_t count = 0;
    if (check_only_counts(check, 1))
        return;
    for (; fields[count].name != NULL; count++)
        names[count] = fields[count].name;
    names[count] = NULL;
    const char *nearest = nearest_of(check, member->key, names);
    if (nearest == NULL) {
        BUFFER_SCOPED struct buffer known = {0};
        names_append(&known, fields);
        const char *text = buffer_text(&known);
        check_error_at_key(check, member, "unknown field %s; %s has %s", shown(member->key).text,
                           what, text == NULL ? "" : text);
        return;
    }
    check_error_at_key(check, member, "unknown field %s%s", shown(member->key).text,
                       hint(nearest).text);
    for (uint32_t i = 0; i < count; i++)
        if (names[i] == nearest && absent(ret_fields[i].value))
            ret_fields[i] = *member;
}

void fields_read(struct check *check, const struct place *object, const char *what,
                 const struct field *fields, struct place *ret_fields)
{
    struct place member;
    struct children children = place_children(check, object);
    for (uint32_t i = 0; fields[i].name != NULL; i++) {
        assert(i < FIELDS_MAX);
        ret_fields[i] = (struct place){.up = object};
    }
    while (children_next(check, &children, &member)) {
        uint32_t i = field_find(fields, member.key);
        if (fields[i].name != NULL && absent(ret_fields[i].value))
            ret_fields[i] = member;
    }
    children = place_children(check, object);
    while (children_next(check, &children, &member))
        if (fields[field_find(fields, member.key)].name == NULL)
            field_unknown(check, &member, what, fields, ret_fields);
    for (uint32_t i = 0; fields[i].name != NULL; i++)
        if (fields[i].required && absent(ret_fields[i].value))
            check_error(check, object, "\"%s\" is missing: %s must have it", fields[i].name, what);
}

bool field_is(struct check *check, const struct place *place, enum json_type type)
{
    if (absent(place->value))
        return false;
    if (json_type(place->value) == type)
        return true;
    check_error(check, place, "must be %s, and is %s", type_text(type),
                type_text(json_type(place->value)));
    return false;
}

/* What the person may have meant: "Order-Checkout 2" is "order_checkout_2". "" when hopeless. */
static struct hint name_hint(struct troth_span string)
{
    struct troth_span body = {string.data + 1, string.len - 2}; /* without its quotes */
    char right[TROTH_NAME_LEN_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < body.len && len < TROTH_NAME_LEN_MAX; i++) {
        char c = body.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        else if (c == '-' || c == '.' || c == ' ' || c == '/')
            c = '_';
        right[len++] = c;
    }
    right[len] = '\0';
    return hint(body.len <= TROTH_NAME_LEN_MAX && troth_name_valid(right, len) ? right : NULL);
}

void field_name(struct check *check, const struct place *place,
                char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    if (!field_is(check, place, JSON_STRING))
        return;
    char plain[TROTH_NAME_LEN_MAX + 1] = "";
    (void)!json_string_copy(place->value, plain, sizeof plain); /* too long: "", as wrong */
    if (!troth_name_valid(plain, strlen(plain))) {
        check_error(check, place,
                    "%s is not a name: a small letter, then small letters, digits and _, at most "
                    "%u%s",
                    shown(place->value).text, TROTH_NAME_LEN_MAX, name_hint(place->value).text);
        return;
    }
    strcpy(ret_name, plain);
}

/* The unit that a word like "sec" means; NULL when it is none. */
static const char *unit_meant(struct troth_span word)
{
    static const char *const words[][2] = {
        {"s", "sec"},       {"s", "secs"},   {"s", "second"},  {"s", "seconds"},  {"m", "min"},
        {"m", "mins"},      {"m", "minute"}, {"m", "minutes"}, {"h", "hr"},       {"h", "hrs"},
        {"h", "hour"},      {"h", "hours"},  {"d", "day"},     {"d", "days"},     {"ms", "msec"},
        {"ms", "millis"},   {"us", "usec"},  {"us", "micros"}, {"s", "S"},        {"m", "M"},
        {"ms", "MS"},       {"h", "H"},      {"d", "D"},       {"s", " s"},       {"m", " m"},
        {"ms", " ms"},      {"h", " h"},     {"d", " d"},      {"s", " seconds"}, {"m", " minutes"},
        {"us", "\xc2\xb5s"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word.len == strlen(words[i][1]) && memcmp(word.data, words[i][1], word.len) == 0)
            return words[i][0];
    return NULL;
}

/* Is the number a duration with that unit? */
static bool duration_with(struct troth_span number, struct troth_span unit)
{
    char text[32];
    uint64_t us;
    if (number.len + unit.len > sizeof text)
        return false;
    memcpy(text, number.data, number.len);
    memcpy(text + number.len, unit.data, unit.len);
    return duration_parse(text, number.len + unit.len, &us) == 0;
}

/* "0.5us": without its fraction it would be one. */
static bool is_too_fine(struct troth_span number, struct troth_span unit)
{
    const char *point = memchr(number.data, '.', number.len);
    if (point == NULL || point + 1 == number.data + number.len ||
        memchr(point + 1, '.', (size_t)(number.data + number.len - point - 1)) != NULL)
        return false;
    number.len = (size_t)(point - number.data);
    return duration_with(number, unit);
}

static void duration_wrong(struct check *check, const struct place *place, struct troth_span body)
{
    static const struct troth_span seconds = {"s", 1};
    struct shown raw = shown(place->value);
    struct troth_span number = {body.data, 0};
    while (number.len < body.len &&
           ((body.data[number.len] >= '0' && body.data[number.len] <= '9') ||
            body.data[number.len] == '.'))
        number.len++;
    struct troth_span unit = {body.data + number.len, body.len - number.len};
    const char *meant = duration_with(number, seconds) ? unit_meant(unit) : NULL;
    if (is_too_fine(number, unit))
        check_error(check, place, "%s is finer than a microsecond", raw.text);
    else if (unit.len == 0 && duration_with(number, seconds))
        check_error(check, place, "%s has no unit: write \"%.*ss\" or \"%.*sms\"", raw.text,
                    (int)number.len, number.data, (int)number.len, number.data);
    else if (meant != NULL)
        check_error(check, place, "%s is not a duration; did you mean \"%.*s%s\"?", raw.text,
                    (int)number.len, number.data, meant);
    else
        check_error(check, place,
                    "%s is not a duration: a number with one unit of us, ms, s, m, h, d, as in "
                    "\"200ms\" or \"1.5s\"",
                    raw.text);
}

static bool duration_read(struct check *check, const struct place *place, uint64_t least_us,
                          uint64_t *ret_us)
{
    BUFFER_SCOPED struct buffer plain = {0};
    uint64_t us = 0;
    if (json_string(place->value, &plain) < 0 || plain.failed) {
        check->no_memory = true;
        return false;
    }
    int r = plain.len == 0 ? TROTH_ERROR_SYNTAX : duration_parse(plain.data, plain.len, &us);
    if (r == 0 && us >= least_us) {
        *ret_us = us;
        return true;
    }
    if (r == TROTH_ERROR_TOO_LARGE) {
        check_error(check, place, "%s is too long: at most 100 years", shown(place->value).text);
    } else if (r < 0) {
        duration_wrong(check, place,
                       plain.len == 0 ? (struct troth_span){"", 0} : buffer_span(&plain));
    } else {
        char least[DURATION_TEXT_MAX];
        (void)duration_format(least_us, least);
        check_error(check, place, "%s is too short: at least %s", shown(place->value).text, least);
    }
    return false;
}

bool field_duration(struct check *check, const struct place *place, uint64_t least_us,
                    uint64_t *ret_us)
{
    if (absent(place->value))
        return true;
    if (json_type(place->value) == JSON_NUMBER) {
        check_error(check, place, "a duration is a string with a unit: write \"%ss\" or \"%sms\"",
                    shown(place->value).text, shown(place->value).text);
        return false;
    }
    return field_is(check, place, JSON_STRING) && duration_read(check, place, least_us, ret_us);
}

bool field_choice(struct check *check, const struct place *place, const char *const *names,
                  uint32_t *ret_index)
{
    if (!field_is(check, place, JSON_STRING))
        return false;
    for (uint32_t i = 0; names[i] != NULL; i++) {
        if (json_string_equals(place->value, (struct troth_span){names[i], strlen(names[i])})) {
            *ret_index = i;
            return true;
        }
    }
    BUFFER_SCOPED struct buffer list = {0};
    for (uint32_t i = 0; names[i] != NULL; i++)
        buffer_append_format(&list, "%s\"%s\"", i == 0 ? "" : ", ", names[i]);
    const char *text = buffer_text(&list);
    const char *nearest = nearest_of(check, place->value, names);
    check_error(check, place, "%s is none of %s%s", shown(place->value).text,
                text == NULL ? "" : text, hint(nearest).text);
    for (uint32_t i = 0; nearest != NULL && names[i] != NULL; i++)
        if (names[i] == nearest)
            *ret_index = i;
    return nearest != NULL;
}

void field_integer(struct check *check, const struct place *place, int64_t least, int64_t most,
                   int64_t *ret_value)
{
    int64_t value;
    if (!field_is(check, place, JSON_NUMBER))
        return;
    if (decimal_int64(place->value, &value) < 0 || value < least || value > most) {
        check_error(check, place, "must be a whole number from %lld to %lld, and is %s",
                    (long long)least, (long long)most, shown(place->value).text);
        return;
    }
    *ret_value = value;
}
