/* definition/definition.h: definition files: parse, validate, check an input, fill the templates.
 *
 * Works on the file's own text (base/json.h), so every fault has its line and column and
 * payloads pass through byte for byte. Pure: no I/O. A definition never changes after parsing and
 * may be shared. */
#ifndef DEFINITION_DEFINITION_H
#define DEFINITION_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/json.h>
#include <faults/faults.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>

#define DEFINITION_BYTES_MAX                  (256u << 10)
#define DEFINITION_STEPS_MAX                  TROTH_BRANCHES_MAX
#define DEFINITION_RETRIES_MAX                32u
#define DEFINITION_REFERENCES_MAX             4096u /* expressions in all of a file */
#define DEFINITION_PREPARE_TIMEOUT_DEFAULT_US 10000000u
#define DEFINITION_TIMEOUT_DEFAULT_US         UINT64_C(300000000)
#define DEFINITION_STEP_TIMEOUT_DEFAULT_US    10000000u
#define DEFINITION_TIMEOUT_MIN_US             1000u /* of any timeout; shorter is refused */
#define DEFINITION_VERSION_MAX                INT32_MAX
/* Of brackets in what a template renders; a message is one more around it. A template of up to 14
 * levels has room for any value that was taken in. */
#define DEFINITION_RENDERED_DEPTH_MAX (JSON_DEPTH_MAX + JSON_WRAP_MAX - 1)
#define DEFINITION_TOPIC_LEN_MAX      249u /* Kafka's own limit */
/* What a template becomes: what a message takes as an input; and all steps of a transaction
 * together (compensations do not count: undoing is not given up for the room that doing took). */
#define DEFINITION_RENDERED_BYTES_MAX     (512u << 10)
#define DEFINITION_RENDERED_ALL_BYTES_MAX (4u << 20)
#define DEFINITION_RENDERED_ALL_WORDS                                                              \
    "the inputs of this transaction's steps have more than 4 MiB together"
#define DEFINITION_KEY_BYTES_MAX 4096u /* a longer event key: it is the gtid */
/* What one step of a transaction may look through: values in the input and in the outputs that are
 * named, together. Values that one condition compares with each other (64 bytes of a text are one),
 * and bytes of what it compares with, where that is no whole expression. */
#define DEFINITION_SOURCES_VALUES_MAX  1000000u
#define DEFINITION_COMPARED_VALUES_MAX 20000u
#define DEFINITION_OPERAND_BYTES_MAX   (32u << 10)

/* A retry policy must say its interval; what else it leaves out. */
#define DEFINITION_RETRY_INTERVAL_MIN_US         1000u /* shorter is refused: it would spin */
#define DEFINITION_RETRY_BACKOFF_DEFAULT         2.0
#define DEFINITION_RETRY_MAX_INTERVAL_DEFAULT_US 30000000u /* or the interval, when longer */
#define DEFINITION_RETRY_ATTEMPTS_DEFAULT        5
#define DEFINITION_RETRY_ATTEMPTS_MAX            1000000

struct schema;
struct template;

enum definition_mode { DEFINITION_2PC, DEFINITION_SAGA, DEFINITION_2PC_THEN_SAGA };
/* Whether the first attempt of a two-phase commit sends its prepares side by side, or one after the
 * other; those behind a conflict are always in order. LEARNT: the host's choice. */
enum definition_prepare {
    DEFINITION_PREPARE_LEARNT,
    DEFINITION_PREPARE_PARALLEL,
    DEFINITION_PREPARE_ORDERED
};
enum definition_kind { DEFINITION_COMPENSATABLE, DEFINITION_PIVOT, DEFINITION_RETRIABLE };

struct definition_retry {
    char name[TROTH_NAME_LEN_MAX + 1];
    uint64_t interval_us;
    double backoff; /* 1.0 … 10.0 */
    uint64_t max_interval_us;
    uint32_t max_attempts; /* counts the first try; 0: without end */
    bool attempts_given;   /* else a compensation that uses it is tried without end */
    bool full_jitter;
};

struct definition_step {
    char name[TROTH_NAME_LEN_MAX + 1];
    char participant[TROTH_NAME_LEN_MAX + 1];
    char operation[TROTH_NAME_LEN_MAX + 1];
    enum definition_kind kind;
    uint64_t timeout_us;
    struct troth_span input; /* template, in the definition's text; absent: {} */
    /* bit i: runs behind steps[i]: `after`, or by default the step before. In mode 2pc the default
     * is no order; what needs another step's output runs behind it. */
    uint64_t after;
    uint64_t
        after_named; /* bit i: `after` names steps[i]: also prepares of two-phase commit go so */
    uint64_t needs;  /* bit i: input, when or compensation names the output of steps[i] */
    uint64_t input_needs;      /* bit i: the input alone does */
    uint64_t when_needs;       /* bit i: the condition alone does */
    uint64_t compensate_needs; /* bit i: the compensation's input alone does */
    uint32_t input_references, compensate_references; /* expressions in these two */
    struct troth_span when;                           /* condition object, or absent */
    int32_t retry;                                    /* index into retries; -1: default policy */
    bool has_compensation;
    char compensate_operation[TROTH_NAME_LEN_MAX + 1];
    struct troth_span compensate_input; /* absent: {} */
    int32_t compensate_retry;
    struct template *made, *compensate_made; /* the two inputs as they are filled */
};

struct definition {
    struct troth_span text; /* the file, owned by the definition */
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version;
    enum definition_mode mode;
    struct troth_span description; /* JSON string or absent */
    uint64_t timeout_us;
    uint64_t prepare_timeout_us;
    enum definition_prepare prepare;
    struct troth_span input_schema; /* JSON Schema subset (see schema.h) or absent */
    struct schema *schema;          /* its rules, or NULL; private to the module */
    uint32_t retries_count;
    struct definition_retry retries[DEFINITION_RETRIES_MAX];
    uint32_t steps_count;
    struct definition_step steps[DEFINITION_STEPS_MAX];
    struct troth_span topic; /* plain text, zero-terminated; absent: host's default */
    char topic_text[DEFINITION_TOPIC_LEN_MAX + 1];
    struct troth_span key_template; /* JSON string with its quotes, or absent: the gtid */
};

/* A warning for each step whose participant nobody knows; `names` (NULL-terminated, not necessarily
 * all) are looked at for the one that is meant. */
typedef bool (*definition_knows)(void *arg, const char *participant);
void definition_warn_participants(const struct definition *definition, definition_knows knows,
                                  void *arg, const char *const *names, struct faults *faults);

/* A fault for each timeout that is longer than the coordinator takes (0: any). 0, or
 * TROTH_ERROR_INVALID, or TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int definition_check_timeouts(const struct definition *definition,
                                               uint64_t timeout_max_us,
                                               uint64_t prepare_timeout_max_us,
                                               struct faults *faults);

/* Copies the text. 0, or TROTH_ERROR_SYNTAX with faults->errors > 0 (warnings may come with 0), or
 * TROTH_ERROR_NO_MEMORY. `faults` must be zero-initialised and finished by the caller. */
TROTH_MUST_CHECK int definition_parse(struct troth_span text, struct faults *faults,
                                      struct definition **ret_definition);
void definition_destroy(struct definition *definition); /* takes NULL */

/* Two definitions of one name and version: do they mean the same? White space, the order of members
 * and how a string is escaped make no difference; what a number looks like does, for templates pass
 * it on as it stands. `trothctl def diff` says "the same" of the same files. */
bool definition_same(const struct definition *a, const struct definition *b);

/* An input against input_schema (coordinator/definition/schema.h says which keywords there are);
 * `input` is a checked JSON text. Faults carry pointers, lines and columns of the input. 0, or
 * TROTH_ERROR_INVALID with faults->errors > 0, or TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int definition_check_input(const struct definition *definition,
                                            struct troth_span input, struct faults *faults);

/* What a template can name. What was looked into is kept, so that the next template finds it: begin
 * with {.input = …}, change nothing between two calls, and finish it. */
struct definition_trees;
struct definition_values {
    struct troth_span input;
    struct troth_span outputs[DEFINITION_STEPS_MAX]; /* absent: not known */
    struct definition_trees *trees;                  /* private */
};
void definition_values_finish(struct definition_values *values);

/* A template read once, to be filled often: what it copies and what it looks up. `text`: checked
 * JSON, or absent: {}; definition and text are borrowed as long as it lives. What is wrong in it is
 * told when it is filled. TROTH_ERROR_NO_MEMORY. Destroy takes NULL. */
TROTH_MUST_CHECK int template_create(const struct definition *definition, struct troth_span text,
                                     struct template **ret_template);
void template_destroy(struct template *template);

/* Fills a template: "${input.a.b}", "${steps.name.output.id}" by path, "${input.list.0}" for an
 * element; a string that is one whole expression becomes that value with its JSON type, byte for
 * byte; inside a longer string, strings are inserted as text and other scalars as their own text.
 * "$${" is the text "${". Appends to ret_text, nothing on failure; then
 * *ret_why (may be NULL) says with the expression what is wrong (static, or memory of the thread
 * until the next call).
 * TROTH_ERROR_NOT_FOUND: a path is not there. TROTH_ERROR_TYPE: an object or array is to be put
 * inside a longer string. TROTH_ERROR_TOO_LARGE: it would be longer than
 * DEFINITION_RENDERED_BYTES_MAX, or nested deeper than DEFINITION_RENDERED_DEPTH_MAX, which no
 * participant could read, or more than DEFINITION_SOURCES_VALUES_MAX would be looked through.
 * TROTH_ERROR_NO_MEMORY. A step that `when` skipped has no output: what names it is not there. */
TROTH_MUST_CHECK int definition_render(const struct definition *definition,
                                       const struct template *template,
                                       struct definition_values *values, struct buffer *ret_text,
                                       const char **ret_why);
/* Whether the inputs that the transaction's input alone makes keep their limits:
 * DEFINITION_RENDERED_BYTES_MAX each, compensations too, and DEFINITION_RENDERED_ALL_BYTES_MAX
 * together, of the steps that surely run. 0; TROTH_ERROR_TOO_LARGE with *ret_step and *ret_why;
 * TROTH_ERROR_NO_MEMORY. What is wrong otherwise is found when it is sent. */
TROTH_MUST_CHECK int definition_check_sizes(const struct definition *definition,
                                            struct troth_span input, uint32_t *ret_step,
                                            const char **ret_why);
/* Does a step's `when` let it run? Without one: yes. What the condition names and is not there
 * counts as null for equals and not_equals; `exists` tells the two apart. *ret_why as above.
 * TROTH_ERROR_TOO_LARGE: beyond one of the limits; TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int definition_when(const struct definition *definition, uint32_t step,
                                     struct definition_values *values, bool *ret_runs,
                                     const char **ret_why);
/* The event key as plain text; the caller falls back to the gtid when there is none:
 * TROTH_ERROR_NOT_FOUND (no template, a path is not there, or the key is empty or null),
 * TROTH_ERROR_TYPE (it is an object or array) or TROTH_ERROR_TOO_LARGE (DEFINITION_KEY_BYTES_MAX).
 */
TROTH_MUST_CHECK int definition_render_key(const struct definition *definition,
                                           struct definition_values *values,
                                           struct buffer *ret_text);

/* What is wrong with a topic's name, as the rest of a sentence that begins with it; static; NULL:
 * nothing. */
const char *definition_topic_wrong(struct troth_span topic);

#endif
