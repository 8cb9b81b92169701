/* file.c: the members of a file of operations. See file.h. */
#include "file.h"

#include <stdlib.h>
#include <string.h>

#include <base/span.h>
#include <faults/fields.h>

#define SCHEMA_URL "https://troth.dev/schemas/operations-1.json"

enum top_field { TOP_SCHEMA, TOP_DESCRIPTION, TOP_OPERATIONS, TOP_FIELDS };
static const struct field top_fields[] = {
    {"$schema", false}, {"description", false}, {"operations", true}, {NULL, false}};

enum operation_field {
    OPERATION_DESCRIPTION,
    OPERATION_READ_ONLY,
    OPERATION_SQL,
    OPERATION_REFUSE,
    OPERATION_COMPENSATE,
    OPERATION_FIELDS
};
static const struct field operation_fields[] = {{"description", false}, {"read_only", false},
                                                {"sql", false},         {"refuse", false},
                                                {"compensate", false},  {NULL, false}};

enum undo_field { UNDO_SQL, UNDO_REFUSE, UNDO_FIELDS };
static const struct field undo_fields[] = {{"sql", true}, {"refuse", false}, {NULL, false}};

enum refuse_field { REFUSE_REASON, REFUSE_SQL, REFUSE_COLUMN, REFUSE_CONSTRAINTS, REFUSE_FIELDS };
static const struct field refuse_fields[] = {
    {"reason", false}, {"sql", false}, {"column", false}, {"constraints", false}, {NULL, false}};

/* --- making ----------------------------------------------------------------------------------- */

struct file *file_create(struct troth_span text)
{
    struct file *file = calloc(1, sizeof *file);
    char *copy = malloc(text.len + 1);
    if (file == NULL || copy == NULL) {
        free(file);
        free(copy);
        return NULL;
    }
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    file->text = copy;
    file->check = (struct check){.text = {copy, text.len}, .faults = &file->faults};
    return file;
}

static void statement_finish(struct statement *statement)
{
    uint32_t i;
    sqltext_finish(&statement->sql);
    sqltext_finish(&statement->reason);
    for (i = 0; i < 2 * statement->constraints; i++)
        free(statement->names[i]);
}

void file_destroy(struct file *file)
{
    uint32_t i;
    if (file == NULL)
        return;
    for (i = 0; i < file->count; i++) {
        statement_finish(&file->operations[i].work);
        statement_finish(&file->operations[i].undo);
    }
    check_finish(&file->check);
    faults_finish(&file->faults);
    free(file->text);
    free(file);
}

/* --- what is refused -------------------------------------------------------------------------- */

/* Plain text of a JSON string. NULL: no memory, which is noted. */
static char *text_copy(struct check *check, struct troth_span string)
{
    BUFFER_SCOPED struct buffer text = {0};
    char *copy =
        json_string(string, &text) == 0 && buffer_text(&text) != NULL ? strdup(text.data) : NULL;
    check->no_memory = check->no_memory || copy == NULL;
    return copy;
}

static void constraints_parse(struct check *check, struct statement *statement)
{
    const struct place *place = &statement->constraints_place;
    struct children children;
    struct place member;
    if (!field_is(check, place, JSON_OBJECT))
        return;
    children = place_children(check, place);
    while (children_next(check, &children, &member)) {
        if (!field_is(check, &member, JSON_STRING))
            continue;
        if (statement->constraints == FILE_CONSTRAINTS_MAX) {
            check_error(check, place, "more than %u constraints", FILE_CONSTRAINTS_MAX);
            return;
        }
        statement->constraint_places[statement->constraints] = member;
        statement->names[2 * statement->constraints] = text_copy(check, member.key);
        statement->names[2 * statement->constraints + 1] = text_copy(check, member.value);
        statement->constraints++;
    }
}

static void column_parse(struct check *check, struct statement *statement)
{
    const struct place *place = &statement->column_place;
    if (!field_is(check, place, JSON_STRING))
        return;
    if (json_string_copy(place->value, statement->column, sizeof statement->column) != 0 ||
        statement->column[0] == '\0')
        check_error(check, place, "%s is no name of a column: 1 to 63 bytes",
                    shown(place->value).text);
}

/* "words", or {"reason": "words"}, {"sql": "select …"}, and "column", "constraints" beside them. */
static void refuse_parse(struct check *check, const struct place *field, unsigned kind,
                         struct statement *statement)
{
    const struct place *place = &statement->refuse_place;
    struct place fields[REFUSE_FIELDS];
    statement->refuse_place = *field;
    if (absent(place->value))
        return;
    if (json_type(place->value) == JSON_STRING) {
        sqltext_read_reason(check, place, kind, &statement->reason);
        return;
    }
    if (json_type(place->value) != JSON_OBJECT) {
        check_error(check, place, "must be the reason, a string, or an object, and is %s",
                    type_text(json_type(place->value)));
        return;
    }
    fields_read(check, place, "\"refuse\"", refuse_fields, fields);
    if (!absent(fields[REFUSE_REASON].value) && !absent(fields[REFUSE_SQL].value))
        check_error(check, &fields[REFUSE_SQL], "beside \"reason\": one of the two says why");
    else if (!absent(fields[REFUSE_SQL].value))
        sqltext_read(check, &fields[REFUSE_SQL], kind | SQLTEXT_REASON, &statement->reason);
    else if (field_is(check, &fields[REFUSE_REASON], JSON_STRING))
        sqltext_read_reason(check, &fields[REFUSE_REASON], kind, &statement->reason);
    statement->column_place = fields[REFUSE_COLUMN];
    statement->constraints_place = fields[REFUSE_CONSTRAINTS];
    column_parse(check, statement);
    constraints_parse(check, statement);
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool text_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool sql_same(const struct sqltext *a, const struct sqltext *b)
{
    uint32_t i;
    if (!text_same(a->text, b->text) || a->count != b->count)
        return false;
    for (i = 0; i < a->count; i++)
        if (strcmp(a->paths[i], b->paths[i]) != 0 || a->how[i] != b->how[i])
            return false;
    return true;
}

static bool statement_same(const struct statement *a, const struct statement *b)
{
    uint32_t i;
    if (!sql_same(&a->sql, &b->sql) || !sql_same(&a->reason, &b->reason) ||
        strcmp(a->column, b->column) != 0 || a->constraints != b->constraints)
        return false;
    for (i = 0; i < 2 * a->constraints; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    return true;
}

bool operation_same(const struct operation *a, const struct operation *b)
{
    return strcmp(a->name, b->name) == 0 && a->read_only == b->read_only &&
           statement_same(&a->work, &b->work) && statement_same(&a->undo, &b->undo);
}

/* --- operations ------------------------------------------------------------------------------- */

static void undo_parse(struct check *check, struct operation *operation)
{
    const struct place *place = &operation->undo_place;
    struct place fields[UNDO_FIELDS];
    if (!field_is(check, place, JSON_OBJECT))
        return;
    fields_read(check, place, "\"compensate\"", undo_fields, fields);
    if (!absent(fields[UNDO_SQL].value))
        sqltext_read(check, &fields[UNDO_SQL], SQLTEXT_UNDO, &operation->undo.sql);
    refuse_parse(check, &fields[UNDO_REFUSE], SQLTEXT_UNDO, &operation->undo);
}

static void read_only_parse(struct check *check, const struct place *fields,
                            struct operation *operation)
{
    const struct place *place = &fields[OPERATION_READ_ONLY];
    if (absent(place->value))
        return;
    if (json_bool(place->value, &operation->read_only) != 0) {
        check_error(check, place, "must be true or false, and is %s",
                    type_text(json_type(place->value)));
        return;
    }
    if (!operation->read_only)
        return;
    if (operation->work.sql.text != NULL && operation->work.sql.verb == SQLTEXT_CHANGES)
        check_error(check, &fields[OPERATION_SQL],
                    "changes data, and the operation is \"read_only\"");
    if (!absent(fields[OPERATION_COMPENSATE].value))
        check_error(check, &fields[OPERATION_COMPENSATE],
                    "nothing is to be undone: the operation is \"read_only\"");
}

static void operation_parse(struct file *file, const struct place *member)
{
    struct check *check = &file->check;
    struct operation *operation = &file->operations[file->count++];
    struct place fields[OPERATION_FIELDS], name = *member;
    operation->place = *member;
    name.value = member->key;
    field_name(check, &name, operation->name);
    if (!field_is(check, &operation->place, JSON_OBJECT))
        return;
    fields_read(check, &operation->place, "an operation", operation_fields, fields);
    (void)field_is(check, &fields[OPERATION_DESCRIPTION], JSON_STRING);
    if (absent(fields[OPERATION_SQL].value) && absent(fields[OPERATION_COMPENSATE].value))
        check_error(check, &operation->place,
                    "does nothing: \"sql\" says what it does, \"compensate\" what undoes it");
    if (!absent(fields[OPERATION_SQL].value))
        sqltext_read(check, &fields[OPERATION_SQL], SQLTEXT_STATEMENT, &operation->work.sql);
    else if (!absent(fields[OPERATION_REFUSE].value))
        check_error_at_key(check, &fields[OPERATION_REFUSE], "without \"sql\" nothing refuses");
    refuse_parse(check, &fields[OPERATION_REFUSE], SQLTEXT_STATEMENT, &operation->work);
    operation->undo_place = fields[OPERATION_COMPENSATE];
    undo_parse(check, operation);
    read_only_parse(check, fields, operation);
}

static void document_parse(struct file *file)
{
    struct check *check = &file->check;
    struct place top[TOP_FIELDS], member;
    struct children children;
    check_duplicate_keys(check, &file->root);
    fields_read(check, &file->root, "a file of operations", top_fields, top);
    if (field_is(check, &top[TOP_SCHEMA], JSON_STRING) &&
        !json_string_equals(top[TOP_SCHEMA].value, span_of(SCHEMA_URL)))
        check_error(check, &top[TOP_SCHEMA], "%s is another format; this is \"" SCHEMA_URL "\"",
                    shown(top[TOP_SCHEMA].value).text);
    (void)field_is(check, &top[TOP_DESCRIPTION], JSON_STRING);
    file->list = top[TOP_OPERATIONS];
    if (!field_is(check, &file->list, JSON_OBJECT))
        return;
    children = place_children(check, &file->list);
    while (children_next(check, &children, &member)) {
        if (file->count == TROTH_OPERATIONS_MAX) {
            check_error(check, &file->list, "more than %u operations", TROTH_OPERATIONS_MAX);
            return;
        }
        operation_parse(file, &member);
    }
    if (file->count == 0)
        check_error(check, &file->list, "no operation is in it");
}

int file_parse(struct file *file)
{
    struct json_fault fault = {0};
    struct check *check = &file->check;
    if (check->text.len > FILE_BYTES_MAX)
        check_error_at_offset(check, 0, "is larger than 1 MiB");
    else if (json_check(check->text, JSON_CHECK_DEFAULT, &file->root.value, &fault) != 0)
        check_error_at_offset(check, fault.offset, fault.text);
    else if (json_type(file->root.value) != JSON_OBJECT)
        check_error(check, &file->root, "a file of operations is an object, and this is %s",
                    type_text(json_type(file->root.value)));
    else if (check_root(check, file->root.value, &file->root))
        document_parse(file);
    return check->no_memory ? TROTH_ERROR_NO_MEMORY : 0;
}

void file_say(struct file *file, const char *path, struct buffer *ret_text)
{
    check_sort(&file->check);
    faults_format(&file->faults, path, ret_text);
}
