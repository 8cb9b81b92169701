/* faults/check.h: a checked JSON text, the places in it, and writing down what is wrong there. */
#ifndef FAULTS_CHECK_H
#define FAULTS_CHECK_H

#include <base/json.h>
#include <base/tree.h>
#include <faults/faults.h>
#include <troth/id.h>

/* Marks of lines and columns in a text, so that a place is found without reading all before it. */
#define MARKS 128u
struct mark {
    uint32_t line, column; /* from 1 */
};
struct marks {
    bool made;
    struct mark list[MARKS];
};

/* Of one check: each comparison of names costs a microsecond, and a text of 256 KiB has room for
 * thousands of mistakes. What is wrong behind it is told without a suggestion. */
#define HINT_NAMES_MAX 4096u

/* One text that is being checked, and what was found wrong with it. Ends with check_finish(). */
struct check {
    struct troth_span text;
    struct faults *faults;
    bool no_memory; /* some fault could not be written down */
    struct json_tree tree;
    struct marks marks;
    uint32_t hint_names; /* compared for suggestions */
};

/* Where a value stands: a chain from the value up to the document, as long as the JSON pointer.
 * A place whose value is absent (data NULL) is a field that the file does not have. */
struct place {
    const struct place *up; /* NULL: the document itself */
    struct troth_span key;  /* with its quotes; absent: an element of an array */
    uint32_t index;         /* of that element */
    struct troth_span value;
    uint32_t node; /* of the value in the check's tree */
};

/* The tree of a checked value in the text, and its place. false: no memory, which is noted. */
bool check_root(struct check *check, struct troth_span value, struct place *ret_root);
void check_finish(struct check *check);
/* Of a byte of the text, or of its end. */
struct mark check_position(struct check *check, const char *at);

/* Walks what an object or array holds; anything else holds nothing. */
struct children {
    const struct place *up;
    uint32_t next, end, index;
};
struct children place_children(const struct check *check, const struct place *place);
bool children_next(const struct check *check, struct children *children, struct place *ret_place);
/* The member of that name. false: it has none, or is no object. */
bool place_member(struct check *check, const struct place *object, const char *name,
                  struct place *ret_member);

/* Fault at the value, with its place as pointer. */
void check_error(struct check *check, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void check_warning(struct check *check, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same pointer, but the key's line and column: the field itself is the mistake. */
void check_error_at_key(struct check *check, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A fault of the text itself, before it is JSON. */
void check_error_at_offset(struct check *check, size_t offset, const char *text);
/* Into the order of the file; stable. */
void check_sort(struct check *check);

/* Adds an error for each key that an object has twice, in the whole tree under `place`. */
void check_duplicate_keys(struct check *check, const struct place *place);

/* A raw JSON text made short enough for a message. */
#define SHOWN_BYTES_MAX 72
struct shown {
    char text[SHOWN_BYTES_MAX + 4];
};
struct shown shown(struct troth_span raw);

/* "; did you mean "x"?" or "". */
struct hint {
    char text[TROTH_NAME_LEN_MAX + 24];
};
struct hint hint(const char *nearest);
/* The list is full: what is still found is counted and not shown, so that it needs no words. */
bool check_is_full(const struct check *check);
/* Full: then the error is counted here, and nothing more is to be done for it. */
bool check_only_counts(struct check *check, uint32_t errors);
/* name_nearest() within HINT_NAMES_MAX. NULL also when the list is full. */
const char *check_nearest(struct check *check, const char *wrong, const char *const *names);
/* For a JSON string: its plain text against `names`. */
const char *nearest_of(struct check *check, struct troth_span string, const char *const *names);

/* "a string", "an object", … as messages say it. */
const char *type_text(enum json_type type);

#define absent(span) ((span).data == NULL)

#endif
