/* operations.h: commands of the operations that are registered, to their pools. Loop thread. */
#ifndef SDK_OPERATIONS_H
#define SDK_OPERATIONS_H

struct pg_operation;
struct troth_postgres;

/* What became of a branch stands in the database, whichever replica worked on it: commands of
 * operations that are not here are answered, too, or they would be told for ever where the
 * operation is nowhere (a misspelt one). */
void operations_for_others(struct troth_postgres *postgres);
/* All of its operations answer `retry`. */
void operations_detach(struct troth_postgres *postgres);
void operation_free(struct pg_operation *operation);

#endif
