/* serve.h: the participant that a file of operations makes. */
#ifndef POSTGRES_SERVE_H
#define POSTGRES_SERVE_H

#include "file.h"
#include "options.h"

/* Until a signal ends it. Takes the file. */
enum exit_status serve(const struct options *options, struct file *file);
/* What serve() would find in the database before it begins, and not in the file: the guard, the
 * server's settings, a pooler. Says what is wrong on standard error. */
enum exit_status serve_check(const struct options *options);

#endif
