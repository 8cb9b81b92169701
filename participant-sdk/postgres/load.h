/* load.h: a file of operations, read and looked at with its database. */
#ifndef POSTGRES_LOAD_H
#define POSTGRES_LOAD_H

#include "file.h"
#include "options.h"

/* EXIT_DONE with *ret_file; otherwise EXIT_WRONG or EXIT_UNREACHABLE. `ret_text` gets the lines
 * that say why, each with its line feed. Blocks. Any thread. */
enum exit_status load(const struct options *options, struct file **ret_file,
                      struct buffer *ret_text);

#endif
